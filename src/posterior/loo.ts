// Leave-one-out cross-validation of a fitted model, corrected for what its approximation gets wrong, and with draws moved to where an
// observation's absence asks for them.

import { columnOf, Loo, logMean, looParts } from "../diagnostics/loo.js";
import { adaptiveImportance } from "../diagnostics/moment-matching.js";
import { khatThreshold } from "../diagnostics/psis.js";
import { knownOptions, typeError } from "../errors.js";
import { type FittedDraws, type LogLikelihoodOptions, LogLikelihoodProgram } from "./log-likelihood.js";

export interface LooOptions extends LogLikelihoodOptions {
  /**
   * Whether, where a k-hat is above the threshold, the draws are moved towards the posterior without that observation (Paananen et al.
   * 2021): some ten evaluations of all draws for each such observation. Default false.
   */
  readonly momentMatching?: boolean | undefined;
}

/**
 * How well a fitted model predicts observations it has not seen, from the fit alone: `elpd` with its standard error, and a k-hat per
 * observation that says whether reweighting the draws can stand in for fitting again without it (PSIS-LOO, Vehtari, Gelman
 * & Gabry 2017, with the correction of Magnusson et al. 2019). Observations are those of `logLikelihood`. Takes 8 × draws ×
 * observations bytes. TypeError for a fit of a plain log density.
 */
export function loo(fit: FittedDraws, options: LooOptions = {}): Loo {
  const label = "loo(fit, options)";
  knownOptions(label, options, ["site", "draws", "momentMatching"]);
  const { momentMatching = false, site, draws } = options;
  if (typeof momentMatching !== "boolean") throw typeError(`${label}.momentMatching`, "true or false", momentMatching);
  const program = new LogLikelihoodProgram("loo(fit)", label, fit, { site, draws });
  try {
    const thetas = fit.unconstrainedDraws().subarray(0, program.draws * program.dimension);
    const matrix = program.matrix(thetas);
    const logRatios = fit.logRatios?.().subarray(0, matrix.draws);
    const parts = looParts(matrix, logRatios);
    const canMatch = logRatios !== undefined && fit.logApproximation !== undefined;
    if (!canMatch || !momentMatching) return new Loo({ ...parts, canMatch });

    const { target } = fit;
    const logApproximation = (points: Float64Array): Float64Array => fit.logApproximation!(points);
    const logProposals = logApproximation(thetas);
    const joint = logRatios.map((r, d) => r + logProposals[d]!);
    const threshold = khatThreshold(parts.draws);
    const matched: number[] = [];
    for (let i = 0; i < parts.khats.length; i++) {
      if (parts.khats[i]! <= threshold) continue;
      // −∞ − (−∞) stays undefined: what the rest of the data say there is not known.
      const without = (joint: Float64Array, likelihoods: Float64Array): Float64Array =>
        joint.map((j, d) => j - likelihoods[d]!);
      const adapted = adaptiveImportance({
        dimension: target.dimension,
        points: thetas,
        logProposals,
        logTargets: without(joint, columnOf(matrix, i)),
        logProposal: logApproximation,
        logTarget: (points) => without(logDensities(fit, points), columnOf(program.matrix(points), i)),
      });
      if (!adapted.moves) continue;
      const { value, variance } = logMean(columnOf(program.matrix(adapted.points), i), adapted.weights.weights);
      parts.pointwise[i] = value;
      parts.variances[i] = variance;
      parts.khats[i] = adapted.weights.khat;
      matched.push(i);
    }
    return new Loo({ ...parts, matched });
  } finally {
    program.dispose();
  }
}

/** Log joint densities at points [draw × dimension]. */
function logDensities({ target }: FittedDraws, points: Float64Array): Float64Array {
  const n = target.dimension;
  const draws = points.length / n;
  const values = new Float64Array(draws);
  const gradients = new Float64Array(points.length);
  if (target.logDensityGradientBatch) target.logDensityGradientBatch(draws, points, gradients, values);
  else
    for (let d = 0; d < draws; d++)
      values[d] = target.logDensityGradient(points.slice(d * n, (d + 1) * n), gradients.subarray(0, n));
  return values.map((v) => (v < Infinity ? v : -Infinity));
}
