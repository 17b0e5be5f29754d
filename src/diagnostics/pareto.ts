// Fit of the generalised Pareto distribution to exceedances: the empirical-Bayes estimator of Zhang & Stephens (2009,
// Technometrics 51:316-325), with the shape pulled towards 1/2 by a prior worth ten observations (Vehtari et al. 2024, JMLR
// 25(72), appendix C). Shape k has the sign of the extreme-value literature: moments of order 1/k and above do not exist.

import { exp, expm1, log, log1p } from "../linalg/elementary.js";

export interface ParetoFit {
  /** Shape, after the prior. */
  readonly k: number;
  readonly sigma: number;
}

/** Least number of exceedances for which a fit is attempted. */
export const leastTail = 5;

/**
 * Fits the exceedances x[0..n), ascending and not negative. Undefined if they have no spread to fit (fewer than five, or the lower
 * quartile is zero).
 */
export function fitPareto(x: Float64Array, n = x.length): ParetoFit | undefined {
  const quartile = x[Math.floor(n / 4 + 0.5) - 1]!;
  const largest = x[n - 1]!;
  if (n < leastTail || !(quartile > 0) || !(largest < Infinity)) return undefined;
  const grid = 30 + Math.floor(Math.sqrt(n));
  const theta = new Float64Array(grid);
  const profile = new Float64Array(grid);
  for (let i = 0; i < grid; i++) {
    const b = 1 / largest + (1 - Math.sqrt(grid / (i + 0.5))) / (3 * quartile);
    theta[i] = b;
    profile[i] = profileLogLikelihood(b, x, n);
  }
  let total = 0;
  let mean = 0;
  let max = -Infinity;
  for (let i = 0; i < grid; i++) if (profile[i]! > max) max = profile[i]!;
  for (let i = 0; i < grid; i++) {
    const w = exp(profile[i]! - max);
    if (!(w > 0)) continue;
    total += w;
    mean += w * theta[i]!;
  }
  const b = mean / total;
  const k = meanLog(b, x, n);
  const sigma = -k / b;
  if (!Number.isFinite(k) || !(sigma > 0)) return undefined;
  return { k: (k * n + 5) / (n + 10), sigma };
}

function meanLog(b: number, x: Float64Array, n: number): number {
  let s = 0;
  for (let i = 0; i < n; i++) s += log1p(-b * x[i]!);
  return s / n;
}

function profileLogLikelihood(b: number, x: Float64Array, n: number): number {
  const k = meanLog(b, x, n);
  const ratio = -b / k;
  return ratio > 0 && ratio < Infinity ? n * (log(ratio) - k - 1) : -Infinity;
}

/** Quantile function of the fitted distribution. */
export function paretoQuantile(p: number, fit: ParetoFit): number {
  const exponential = -log1p(-p);
  return Math.abs(fit.k) < 1e-12 ? fit.sigma * exponential : (fit.sigma * expm1(fit.k * exponential)) / fit.k;
}
