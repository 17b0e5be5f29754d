// Moments of truncated and censored distributions that follow from others: what a heavy tail makes of them, and those of censored values
// from the probabilities of the limits and the moments of what lies between.

import { type Censored, type Truncated, truncated } from "./bounded.js";
import { exp, log } from "./distributions/scalar.js";
import type { Moment } from "./evaluation.js";

const INF = Number.POSITIVE_INFINITY;

/** A mean or variance that a tail which truncation left makes infinite or void; null where it is a number. */
export function tailMoment(d: Truncated, which: "mean" | "variance"): number | null {
  const [low, high] = d.ends;
  const exists = (m: "mean" | "variance"): boolean => Number.isFinite(d.base[m]() as number);
  const open = [low === -INF, high === INF];
  if (!open.includes(true) || exists(which)) return null;
  if (exists("mean")) return INF;
  return which === "variance" || (open[0] && open[1]) ? Number.NaN : open[1] ? INF : -INF;
}

/** A moment of censored values. The entropy is −E of the log density as it is. */
export function censoredMoment(d: Censored, which: Moment): number {
  const [low, high] = d.own.map((b) => b.values![0]!) as [number, number];
  const between = d.base.discrete ? ([Math.floor(low) + 1, Math.ceil(high) - 1] as const) : ([low, high] as const);
  const ends = [low, high].filter(Number.isFinite).map((x) => ({ x, log: d.logProb(x) }));
  const points = ends.map(({ x, log: l }) => ({ x, p: exp(l), log: l })).filter(({ p }) => p > 0);
  const mass = points.reduce((a, { p }) => a - p, 1);
  // Less than what 1 − Σp rounds away is nothing, and there the truncated distribution may not exist.
  const inside = mass > 1e-15 && between[0] <= between[1] ? truncated(d.base, ...between) : null;
  const of = (m: Moment): number => (inside ? (inside[m]() as number) : 0);
  const rest = inside ? mass : 0;
  if (which === "entropy")
    return points.reduce((a, { p, log: l }) => a - p * l, rest && rest * (of("entropy") - log(rest)));
  const mean = points.reduce((a, { p, x }) => a + p * x, rest && rest * of("mean"));
  if (which === "mean") return mean;
  return points.reduce(
    (a, { p, x }) => a + p * (x - mean) ** 2,
    rest && rest * (of("variance") + (of("mean") - mean) ** 2),
  );
}
