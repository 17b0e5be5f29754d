// Leave-one-out cross-validation of a fitted model, corrected for what its approximation gets wrong, with draws that reach into the tails,
// and moved to where an observation's absence asks for them.

import { columnOf, Loo, logMean, looOfMatrix, looParts } from "../diagnostics/loo.js";
import { adaptiveImportance } from "../diagnostics/moment-matching.js";
import { khatThreshold } from "../diagnostics/psis.js";
import { widen } from "../diagnostics/widen.js";
import { knownOptions, typeError } from "../errors.js";
import type { Target } from "../target.js";
import { type FittedDraws, LogLikelihoodProgram } from "./log-likelihood.js";

export interface LooOptions {
  /** The observed site; not needed where the model has only one. */
  readonly site?: string | undefined;
  /** The first so many draws of the fit; all by default. */
  readonly draws?: number | undefined;
  /**
   * Whether, where a k-hat is above the threshold, the draws are moved towards the posterior without that observation (Paananen et al.
   * 2021): some ten evaluations of all draws for each such observation. Default false.
   */
  readonly momentMatching?: boolean | undefined;
}

/**
 * How well a fitted model predicts observations it has not seen, from the fit alone: `elpd` with its standard error, and a k-hat per
 * observation that says whether reweighting the draws can stand in for fitting again without it (PSIS-LOO, Vehtari, Gelman
 * & Gabry 2017, with the correction of Magnusson et al. 2019). One draw in four is moved outwards, since posteriors mostly have longer
 * tails than approximations (`widen`). Observations are those of `logLikelihood`. Takes 8 × draws × observations bytes and one
 * evaluation of the density per draw. TypeError for a fit of a plain log density.
 */
export function loo(fit: FittedDraws, options: LooOptions = {}): Loo {
  const label = "loo(fit, options)";
  knownOptions(label, options, ["site", "draws", "momentMatching"]);
  const { momentMatching = false, site, draws } = options;
  if (typeof momentMatching !== "boolean") throw typeError(`${label}.momentMatching`, "true or false", momentMatching);
  const program = new LogLikelihoodProgram("loo(fit)", label, fit, { site, draws });
  try {
    const drawn = fit.unconstrainedDraws().subarray(0, program.draws * program.dimension);
    if (!fit.logApproximation) return looOfMatrix(program.matrix(drawn), fit.logRatios?.().subarray(0, program.draws));
    const target = fit.target!;
    const { points, logProposal } = widen(drawn, program.dimension, (x) => fit.logApproximation!(x));
    const matrix = program.matrix(points);
    const logProposals = logProposal(points);
    const joint = logDensities(target, points);
    const parts = looParts(
      matrix,
      joint.map((j, d) => j - logProposals[d]!),
    );
    if (!momentMatching) return new Loo({ ...parts, canMatch: true });

    const threshold = khatThreshold(parts.draws);
    const matched: number[] = [];
    for (let i = 0; i < parts.khats.length; i++) {
      if (parts.khats[i]! <= threshold) continue;
      // −∞ − (−∞) stays undefined: what the rest of the data say there is not known.
      const without = (joint: Float64Array, likelihoods: Float64Array): Float64Array =>
        joint.map((j, d) => j - likelihoods[d]!);
      const adapted = adaptiveImportance({
        dimension: program.dimension,
        points,
        logProposals,
        logTargets: without(joint, columnOf(matrix, i)),
        logProposal,
        logTarget: (x) => without(logDensities(target, x), columnOf(program.matrix(x), i)),
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
function logDensities(target: Target, points: Float64Array): Float64Array {
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
