// Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25(72)). The largest importance ratios
// are replaced by expected order statistics of a generalised Pareto distribution fitted to them; its shape, k-hat, says how
// far the result can be believed. Ratios come in and go out on the log scale; smoothed weights sum to one.

import { rangeError, typeError } from "../errors.js";
import { exp, log } from "../linalg/elementary.js";
import { fitPareto, leastTail, paretoQuantile } from "./pareto.js";

/** Smoothed importance weights, and how far they can be believed. */
export interface Psis {
  /** Smoothed weights, summing to one. */
  readonly weights: Float64Array;
  /** Shape of the tail; Infinity when it cannot be estimated, 0 when the ratios are constant to rounding. */
  readonly khat: number;
  /** Above this k-hat the estimate must not be used: min(1 - 1/log10 S, 0.7). */
  readonly threshold: number;
  /** Draws in the fitted tail. */
  readonly tail: number;
  /** 1 / sum of squared weights. */
  readonly effectiveDraws: number;
  /** log of the mean smoothed ratio: the log evidence when the ratios are joint density over proposal. */
  readonly logEvidence: number;
  /** Its Monte Carlo standard error (delta method); means little when k-hat is above the threshold. */
  readonly logEvidenceError: number;
  /** Ratios that were NaN or +Infinity: given weight zero. */
  readonly undefinedRatios: number;
}

/** The k-hat up to which S draws are enough: min(1 - 1/log10 S, 0.7) (Vehtari et al. 2024, section 3.2.4). */
export function khatThreshold(draws: number): number {
  return draws < 2 ? -Infinity : Math.min(1 - Math.LN10 / log(draws), 0.7);
}

/** Number of draws in the tail: the largest 3 sqrt(S), but at most a fifth. */
export function tailLength(draws: number): number {
  return Math.ceil(Math.min(0.2 * draws, 3 * Math.sqrt(draws)));
}

/**
 * Smooths importance ratios: of `logRatios`, log target minus log proposal, one per independent draw from the proposal. Neither density
 * need be normalised, and -Infinity is a ratio of zero; NaN and +Infinity count as undefined and make k-hat infinite. Never throws for
 * what the numbers are. The estimate of a mean under the target is the sum of weights x f, to be believed when k-hat is at most
 * `threshold` (Vehtari et al. 2024, algorithm 1).
 */
export function psis(logRatios: Float64Array): Psis {
  if (!(logRatios instanceof Float64Array)) throw typeError("logRatios", "a Float64Array", logRatios);
  const draws = logRatios.length;
  if (draws === 0) throw rangeError("logRatios", "at least one draw", logRatios);
  const weights = new Float64Array(draws);
  let max = -Infinity;
  let undefinedRatios = 0;
  for (let i = 0; i < draws; i++) {
    const v = logRatios[i]!;
    if (v < Infinity) {
      if (v > max) max = v;
    } else undefinedRatios++;
  }
  const threshold = khatThreshold(draws);
  if (max === -Infinity)
    return {
      weights: weights.fill(1 / draws),
      khat: Infinity,
      threshold,
      tail: 0,
      effectiveDraws: 0,
      logEvidence: -Infinity,
      logEvidenceError: Infinity,
      undefinedRatios,
    };
  for (let i = 0; i < draws; i++) weights[i] = logRatios[i]! < Infinity ? exp(logRatios[i]! - max) : 0;
  const { khat, tail } = smoothTail(weights, tailLength(draws));
  let sum = 0;
  let square = 0;
  for (let i = 0; i < draws; i++) {
    sum += weights[i]!;
    square += weights[i]! * weights[i]!;
  }
  for (let i = 0; i < draws; i++) weights[i] = weights[i]! / sum;
  const effectiveDraws = (sum * sum) / square;
  return {
    weights,
    khat: undefinedRatios > 0 ? Infinity : khat,
    threshold,
    tail,
    effectiveDraws,
    logEvidence: max + log(sum / draws),
    logEvidenceError: draws < 2 ? Infinity : Math.sqrt(Math.max(0, (draws / effectiveDraws - 1) / (draws - 1))),
    undefinedRatios,
  };
}

/** Smooths the `length` largest of `ratios` (at most 1, in place); equal ratios at the cut stay outside the tail. */
function smoothTail(ratios: Float64Array, length: number): { khat: number; tail: number } {
  const draws = ratios.length;
  if (length < leastTail) return { khat: Infinity, tail: length };
  const sorted = ratios.slice().sort();
  const cut = sorted[draws - length - 1]!;
  if (sorted[draws - 1]! - cut <= 1e-10 * sorted[draws - 1]!) return { khat: 0, tail: length };
  let first = draws - length;
  while (first < draws && sorted[first]! <= cut) first++;
  const n = draws - first;
  const exceedances = new Float64Array(n);
  for (let i = 0; i < n; i++) exceedances[i] = sorted[first + i]! - cut;
  const fit = fitPareto(exceedances);
  if (fit === undefined) return { khat: Infinity, tail: n };
  const order: number[] = [];
  for (let i = 0; i < draws; i++) if (ratios[i]! > cut) order.push(i);
  order.sort((a, b) => ratios[a]! - ratios[b]! || a - b);
  const largest = sorted[draws - 1]!;
  for (let i = 0; i < n; i++) ratios[order[i]!] = Math.min(cut + paretoQuantile((i + 0.5) / n, fit), largest);
  return { khat: fit.k, tail: n };
}

/** k-hat of the right tail of any numbers (not logs): which moments of theirs can be estimated. */
export function tailShape(values: Float64Array): number {
  const length = tailLength(values.length);
  if (length < leastTail) return Infinity;
  const sorted = values.slice().sort();
  const largest = sorted[sorted.length - 1]!;
  const cut = sorted[sorted.length - length - 1]!;
  if (!Number.isFinite(largest) || !Number.isFinite(cut)) return Infinity;
  const spread = Math.max(Math.abs(largest), Math.abs(sorted[0]!));
  let first = sorted.length - length;
  while (first < sorted.length && sorted[first]! <= cut) first++;
  // A flat tail (a constant, an indicator) is bounded.
  if (largest - cut <= 1e-10 * spread || sorted.length - first < leastTail) return 0;
  const exceedances = new Float64Array(sorted.length - first);
  for (let i = 0; i < exceedances.length; i++) exceedances[i] = sorted[first + i]! - cut;
  return fitPareto(exceedances)?.k ?? Infinity;
}

/** A mean under the target, from weighted draws of the proposal. */
export interface WeightedEstimate {
  /** The sum of weights x f. */
  readonly value: number;
  /** Monte Carlo standard error. */
  readonly error: number;
  /** The largest of the k-hats of the weights and of both tails of weight x (f - mean). */
  readonly khat: number;
}

/**
 * Importance-weighted mean of f over the draws, `values[i]` being f at draw i, with its own Monte Carlo error (delta method) and k-hat: a
 * function with heavy tails may need more draws than the weights alone (Vehtari et al. 2024, section 3.2.5).
 */
export function weightedMean(smoothed: Pick<Psis, "weights" | "khat">, values: Float64Array): WeightedEstimate {
  const { weights } = smoothed;
  const draws = weights.length;
  if (values.length !== draws) throw rangeError("values", `one value per draw (${draws})`, values);
  let mean = 0;
  for (let i = 0; i < draws; i++) if (weights[i]! > 0) mean += weights[i]! * values[i]!;
  const influence = new Float64Array(draws);
  let square = 0;
  for (let i = 0; i < draws; i++) {
    const d = weights[i]! > 0 ? weights[i]! * (values[i]! - mean) : 0;
    influence[i] = d;
    square += d * d;
  }
  const error = draws < 2 ? Infinity : Math.sqrt((square * draws) / (draws - 1));
  // A constant f leaves only rounding in the products, whose tails mean nothing.
  if (error <= 1e-13 * Math.abs(mean)) return { value: mean, error, khat: smoothed.khat };
  const right = tailShape(influence);
  for (let i = 0; i < draws; i++) influence[i] = -influence[i]!;
  return { value: mean, error, khat: Math.max(smoothed.khat, right, tailShape(influence)) };
}

/**
 * Indices of `count` draws with replacement, one uniform number in (0, 1) each, stratified: the expected number of copies is
 * count x weight, and any draw has that number rounded down or up, give or take one.
 */
export function resampleWithReplacement(weights: Float64Array, count: number, uniforms: Float64Array): Int32Array {
  if (uniforms.length < count) throw rangeError("uniforms", `at least ${count} numbers`, uniforms);
  const chosen = new Int32Array(count);
  let index = 0;
  let below = weights[0]!;
  for (let i = 0; i < count; i++) {
    const target = (i + uniforms[i]!) / count;
    while (target > below && index < weights.length - 1) below += weights[++index]!;
    // Rounding of the running sum must not select a draw of weight zero at the end.
    let pick = index;
    while (weights[pick]! <= 0 && pick > 0) pick--;
    chosen[i] = pick;
  }
  return chosen;
}

/**
 * Indices of `count` different draws, each chosen next with probability proportional to its weight among those left
 * (Efraimidis & Spirakis 2006: the largest log(u) / w). Fewer if fewer have a positive weight. One uniform number per draw.
 */
export function resampleWithoutReplacement(weights: Float64Array, count: number, uniforms: Float64Array): Int32Array {
  if (uniforms.length < weights.length) throw rangeError("uniforms", `at least ${weights.length} numbers`, uniforms);
  const keys = new Float64Array(weights.length);
  const candidates: number[] = [];
  for (let i = 0; i < weights.length; i++)
    if (weights[i]! > 0) {
      keys[i] = log(uniforms[i]!) / weights[i]!;
      candidates.push(i);
    }
  candidates.sort((a, b) => keys[b]! - keys[a]! || a - b);
  return Int32Array.from(candidates.slice(0, count));
}
