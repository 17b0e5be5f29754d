// The second witness: what importance weighting would change. Means and standard deviations of the draws as they are, and weighted by
// the smoothed ratios of target to approximation, on the scale people read. k-hat says whether the weights can be trusted; the
// shift says whether they would change the answer (a small k-hat alone lets narrow and displaced answers through).

import { constrained, type Site, type Target } from "../target.js";
import type { Check } from "./outcome.js";

/** Correlation between where chains are and where they were a phase ago, below which that is forgotten. */
export const forgotten = 0.25;

export interface Shift {
  /** Largest change of a mean, in weighted standard deviations, and whose it is. */
  readonly location: number;
  readonly locationName: string;
  /** Standard deviation over weighted standard deviation, the one farthest from 1, and whose it is. */
  readonly scaleRatio: number;
  readonly scaleName: string;
  /** Monte Carlo standard error of a weighted mean in standard deviations: 1 / sqrt(effective draws). */
  readonly error: number;
}

const isLatent = (sites: readonly Site[], at: number): boolean => {
  for (const site of sites)
    if (at >= site.offset && at < site.offset + site.shape.reduce((a, b) => a * b, 1)) return site.kind === "latent";
  return true;
};

/** A ratio or its inverse, whichever is above 1. */
export const factorOf = (ratio: number): number => Math.max(ratio, 1 / ratio);

interface Moments {
  readonly mean: Float64Array;
  readonly sd: Float64Array;
}

/** Means and standard deviations of values [draw × width], all draws counting the same or by weights of so many effective draws. */
function momentsOf(values: Float64Array, draws: number, weights?: Float64Array, effective = draws): Moments {
  const width = values.length / draws;
  const mean = new Float64Array(width);
  const square = new Float64Array(width);
  let total = 0;
  // Running means and sums of squares (West 1979).
  for (let d = 0; d < draws; d++) {
    const w = weights ? weights[d]! : 1;
    total += w;
    const share = w > 0 ? w / total : 0;
    for (let i = 0; i < width; i++) {
      const v = values[d * width + i]!;
      const a = v - mean[i]!;
      mean[i] = mean[i]! + a * share;
      square[i] = square[i]! + w * a * (v - mean[i]!);
    }
  }
  // Weights of few effective draws show too small a spread; the usual correction.
  const correction = effective / (effective - 1);
  return { mean, sd: square.map((s) => Math.sqrt((s / total) * correction)) };
}

/** What goes from one set of moments to another, in units of the latter, over latents. */
function shiftOf(
  names: readonly string[] | undefined,
  sites: readonly Site[],
  from: Moments,
  to: Moments,
  error: number,
): Shift {
  const name = (i: number): string => names?.[i] ?? `theta[${i}]`;
  let location = 0;
  let locationName = "";
  let scaleRatio = 1;
  let scaleName = "";
  for (let i = 0; i < from.mean.length; i++) {
    if (!isLatent(sites, i)) continue;
    const sd = from.sd[i]!;
    const other = to.sd[i]!;
    if (!(sd > 0 && other > 0)) continue;
    const shift = Math.abs(from.mean[i]! - to.mean[i]!) / other;
    if (shift > location) {
      location = shift;
      locationName = name(i);
    }
    const ratio = sd / other;
    if (factorOf(ratio) > factorOf(scaleRatio)) {
      scaleRatio = ratio;
      scaleName = name(i);
    }
  }
  return { location, locationName, scaleRatio, scaleName, error };
}

/** What weighting does to the draws of a check. Undefined when the weights say nothing (no effective draws). */
export function shiftByWeights(target: Target, check: Check): Shift | undefined {
  const { draws, points } = check;
  const { weights, effectiveDraws } = check.psis;
  if (!(effectiveDraws > 1)) return undefined;
  const values = constrained(target, points, draws);
  const weighted = momentsOf(values, draws, weights, effectiveDraws);
  const names = target.names ?? target.unconstrainedNames;
  return shiftOf(names, target.sites ?? [], momentsOf(values, draws), weighted, 1 / Math.sqrt(effectiveDraws));
}

/** What happens between two sets of as many independent draws [draw × dimension], on the unconstrained scale: its tails are light. */
export function shiftBetween(target: Target, before: Float64Array, after: Float64Array): Shift {
  const draws = before.length / target.dimension;
  const names = target.unconstrainedNames;
  return shiftOf(names, [], momentsOf(before, draws), momentsOf(after, draws), Math.sqrt(2 / draws));
}

/** The coordinate whose values now have the largest correlation with those before, over chains: points [chain × dimension]. */
export function largestCorrelation(
  target: Target,
  before: Float64Array,
  now: Float64Array,
): { readonly correlation: number; readonly name: string } {
  const n = target.dimension;
  const chains = before.length / n;
  const a = momentsOf(before, chains);
  const b = momentsOf(now, chains);
  let correlation = 0;
  let at = 0;
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let c = i; c < before.length; c += n) sum += (before[c]! - a.mean[i]!) * (now[c]! - b.mean[i]!);
    const r = sum / ((chains - 1) * a.sd[i]! * b.sd[i]!);
    // Chains that have not moved at all are as good as their own memory.
    const size = Number.isNaN(r) ? 1 : Math.abs(r);
    if (size > correlation) {
      correlation = size;
      at = i;
    }
  }
  return { correlation, name: target.unconstrainedNames?.[at] ?? `theta[${at}]` };
}

/** What the draws of the final check say against calling an answer right. */
export type Objection = "tail" | "location" | "scale";

/** Estimated divergence KL(q || posterior): log evidence by importance weighting minus ELBO. */
export function divergenceOf(check: Check): number {
  return Math.max(0, check.psis.logEvidence - check.elbo.value);
}

/** Whether draws say that an answer is at some mode, right or not: their ratios have a mean, or are as good as equal. */
export function settled(check: Check): boolean {
  return check.psis.khat < 1 || asGoodAsEqual(check);
}

function asGoodAsEqual(check: Check): boolean {
  return check.psis.effectiveDraws >= equal.share * check.draws && divergenceOf(check) <= equal.divergence;
}

/** Whether log densities are so large that a hundredth of a nat cannot be told any more: their ratios are but rounding. */
export const isBlind = (check: Check): boolean => !(Math.abs(check.elbo.value) < 0.01 / Number.EPSILON);

/** A share of effective draws from which on weights are as good as equal, and the divergence that goes with it. */
const equal = { share: 0.95, divergence: 0.02 };

/**
 * Three witnesses together. A divergence of less than 0.05 nats leaves no room for a wrong mean or standard deviation within the reach
 * of the draws, whatever a noisy k-hat below 1 says; and where weights are as good as equal, a k-hat of their tail above 1 is about
 * nothing. Above it, k-hat must be below its threshold, and weighting must leave the answer as it is: less is asked than promised, and
 * still less where the divergence or k-hat is large, since smoothed weights understate a change.
 */
export function objection(check: Check, shift: Shift | undefined): Objection | undefined {
  const { khat, threshold } = check.psis;
  const divergence = divergenceOf(check);
  if (isBlind(check)) return "tail";
  if (asGoodAsEqual(check)) return undefined;
  if (!(khat <= 1)) return "tail";
  if (divergence <= 0.05) return undefined;
  if (khat > threshold || !shift) return "tail";
  if (shift.location > 0.15 + shift.error) return "location";
  const ratio = factorOf(shift.scaleRatio);
  // Above a k-hat of one half weights have no variance, and what they say of a spread is more and more too little.
  const doubtful = Math.min(1, Math.max(0, 10 * (khat - 0.5)));
  if (ratio > (divergence > 0.3 ? 1.1 : 1.2 - 0.05 * doubtful) + shift.error) return "scale";
  return undefined;
}

/**
 * What annealed draws say against themselves. The weights on arrival need a mean, unless few draws differ at all; what is left of the errors
 * that weights of few effective draws bring is forgotten by the moves that follow, if chains forget where they were, and nothing goes on drifting.
 */
export function annealedObjection(check: Check, shift: Shift, correlation: number): Objection | "memory" | undefined {
  if (isBlind(check)) return "tail";
  if (!(check.psis.khat < 1 || check.psis.effectiveDraws >= 0.5 * check.draws)) return "tail";
  if (!(correlation <= forgotten)) return "memory";
  if (shift.location > 0.1 + 2 * shift.error) return "location";
  return factorOf(shift.scaleRatio) > 1.1 + 3 * shift.error ? "scale" : undefined;
}

/** What importance weighting does to an answer that is objected to: the rest of a sentence that begins with it. */
export function objectionWords(against: "location" | "scale", shift: Shift): string {
  const ratio = shift.scaleRatio;
  return against === "location"
    ? `would move the mean of ${shift.locationName} by ${shift.location.toFixed(2)} standard deviations`
    : `finds the standard deviation of ${shift.scaleName} ${ratio < 1 ? "too small" : "too large"} by a factor ${factorOf(ratio).toFixed(2)} or more`;
}
