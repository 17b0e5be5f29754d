// What every algorithm answers, and the common check of a Gaussian answer: fresh draws from it, their importance ratios, hence the
// ELBO with its error and k-hat. Results are plain records; numerical trouble is a status and a sentence, never an exception.

import { type Estimate, estimateElbo } from "../diagnostics/evidence.js";
import { type Psis, psis } from "../diagnostics/psis.js";
import type { Status } from "../optim/run.js";
import type { NormalSource } from "./draws.js";
import type { Evaluator } from "./evaluate.js";
import { drawsFromNormals, type Gaussian, logDensityOfNormals } from "./gaussian.js";

/** What all results have in common. */
export interface Outcome<Approximation = Gaussian> {
  readonly status: Status;
  /** What happened, in a sentence or two. */
  readonly message: string;
  /** The best approximation found; undefined if there is none. */
  readonly approximation: Approximation | undefined;
  /** -Infinity when it could not be estimated. */
  readonly elbo: number;
  readonly elboStandardError: number;
  /** Gradients of the log density used by the fit; the draws of the final check come on top (`check.draws`). */
  readonly gradients: number;
  /** The draws behind `elbo` and k-hat; undefined if there is no approximation to check. */
  readonly check: Check | undefined;
}

/** Draws from an approximation, [draw][dimension], with what the target says about them. */
export interface Check {
  readonly draws: number;
  readonly points: Float64Array;
  readonly logDensities: Float64Array;
  /** Log density of the target minus that of the approximation. */
  readonly logRatios: Float64Array;
  readonly elbo: Estimate;
  readonly psis: Psis;
}

/** Streams of the normal source, so that no two purposes share draws. */
export const streams = { start: 0, check: 1, path: 2, fixed: 3, batch: 4, resample: 5 } as const;

/** Draws from `g` and compares it with the target. */
export function checkGaussian(
  evaluator: Evaluator,
  g: Gaussian,
  draws: number,
  normals: NormalSource,
  step = 0,
): Check {
  const n = evaluator.dimension;
  const points = new Float64Array(draws * n);
  const logDensities = new Float64Array(draws);
  const logRatios = new Float64Array(draws);
  normals.fill(points, streams.check, step);
  logDensityOfNormals(g, draws, points, logRatios);
  drawsFromNormals(g, draws, points, points);
  evaluator.batch(draws, points, new Float64Array(draws * n), logDensities);
  for (let i = 0; i < draws; i++) logRatios[i] = logDensities[i]! - logRatios[i]!;
  return { draws, points, logDensities, logRatios, elbo: estimateElbo(logRatios), psis: psis(logRatios) };
}

/** The part of a message that speaks of k-hat. */
export function khatSentence(check: Psis): string {
  const k = check.khat === Infinity ? "cannot be estimated" : `is ${check.khat.toFixed(2)}`;
  return check.khat <= check.threshold
    ? `k-hat ${k}, below ${check.threshold.toFixed(2)}: importance weighting can correct the remaining error.`
    : `k-hat ${k}, above ${check.threshold.toFixed(2)}: the approximation misses part of the posterior.`;
}
