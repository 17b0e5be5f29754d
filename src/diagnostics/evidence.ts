// The ELBO with its error, and what else importance ratios w = p(x, z) / q(z) say about the log evidence: lower bounds (Rényi's
// of order 1/2, Li & Turner 2016; the importance-weighted bound, Burda et al. 2016), the PSIS estimate, and the upper bound CUBO
// of order 2 (Dieng et al. 2017). All are power means of the same w, so on any one sample
// ELBO <= Rényi <= log mean w <= CUBO holds exactly; as bounds on the evidence they hold up to the errors given.

import { exp, log, logMeanExp } from "../linalg/elementary.js";
import { type Psis, psis } from "./psis.js";

/** An estimate by Monte Carlo, in nats for a log evidence. */
export interface Estimate {
  /** Infinite where it cannot be estimated. */
  readonly value: number;
  /** Monte Carlo standard error. */
  readonly error: number;
}

/** Mean of the log ratios with its standard error; -Infinity with infinite error if any ratio is zero or undefined. */
export function estimateElbo(logRatios: Float64Array): Estimate {
  const n = logRatios.length;
  let mean = 0;
  let square = 0;
  for (let i = 0; i < n; i++) {
    const v = logRatios[i]!;
    if (!Number.isFinite(v)) return { value: -Infinity, error: Infinity };
    const d = v - mean;
    mean += d / (i + 1);
    square += d * (v - mean);
  }
  if (n === 0) return { value: -Infinity, error: Infinity };
  return { value: mean, error: n < 2 ? Infinity : Math.sqrt(square / (n - 1) / n) };
}

/** (1/power) log mean w^power, error by the delta method. Power 1 is the plain estimate of the log evidence. */
export function powerBound(logRatios: Float64Array, power: number): Estimate {
  if (power === 0) return estimateElbo(logRatios);
  const n = logRatios.length;
  let max = -Infinity;
  for (let i = 0; i < n; i++) {
    const v = power * logRatios[i]!;
    if (!(v < Infinity)) return { value: power > 0 ? Infinity : -Infinity, error: Infinity };
    if (v > max) max = v;
  }
  if (max === -Infinity) return { value: -Infinity, error: Infinity };
  let sum = 0;
  let square = 0;
  for (let i = 0; i < n; i++) {
    const w = exp(power * logRatios[i]! - max);
    sum += w;
    square += w * w;
  }
  const relative = n < 2 ? Infinity : Math.max(0, ((n * square) / (sum * sum) - 1) / (n - 1));
  return { value: (max + log(sum / n)) / power, error: Math.sqrt(relative) / Math.abs(power) };
}

/** The importance-weighted bound of `size` draws, averaged over consecutive groups. */
export function importanceWeightedBound(logRatios: Float64Array, size: number): Estimate {
  const groups = Math.floor(logRatios.length / size);
  const bounds = new Float64Array(groups);
  for (let i = 0; i < groups; i++) bounds[i] = logMeanExp(logRatios, i * size, (i + 1) * size);
  return estimateElbo(bounds);
}

/** What importance ratios say about the log evidence log p(x), in nats: bounds from below and above, and an estimate. */
export interface EvidenceBounds {
  /** The mean of the log ratios. */
  readonly elbo: Estimate;
  /** Rényi's bound of order 1/2: tighter than the ELBO. */
  readonly renyi: Estimate;
  /** Importance-weighted bound of ten draws. */
  readonly importanceWeighted: Estimate;
  /** The Pareto-smoothed estimate of the log evidence. */
  readonly evidence: Estimate;
  /** CUBO of order 2, above the log evidence in expectation of its argument. */
  readonly cubo: Estimate;
  /** Shape of the ratios' tail, as in `psis`. */
  readonly khat: number;
  /** Whether the tail allows the square of the ratios, hence CUBO and its error, to be estimated: 2 k-hat within the threshold. */
  readonly cuboReliable: boolean;
}

/**
 * Bounds on the log evidence from both sides and the estimate between, from the log ratios of joint density to approximation at
 * independent draws of the approximation: `evidenceBounds(fit.logRatios())`. In nats, each with its Monte Carlo standard error.
 */
export function evidenceBounds(logRatios: Float64Array, smoothed: Psis = psis(logRatios)): EvidenceBounds {
  return {
    elbo: estimateElbo(logRatios),
    renyi: powerBound(logRatios, 0.5),
    importanceWeighted: importanceWeightedBound(logRatios, Math.min(10, logRatios.length)),
    evidence: { value: smoothed.logEvidence, error: smoothed.logEvidenceError },
    cubo: powerBound(logRatios, 2),
    khat: smoothed.khat,
    cuboReliable: 2 * smoothed.khat <= smoothed.threshold,
  };
}
