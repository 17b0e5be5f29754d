// Leave-one-out cross-validation of a fitted model, corrected for what its approximation gets wrong.

import { type Loo, looOfMatrix } from "../diagnostics/loo.js";
import { knownOptions } from "../errors.js";
import { type FittedDraws, type LogLikelihoodOptions, logLikelihood } from "./log-likelihood.js";

/**
 * How well a fitted model predicts observations it has not seen, from the fit alone: `elpd` with its standard error, and a k-hat per
 * observation that says whether reweighting the draws can stand in for fitting again without it (PSIS-LOO, Vehtari, Gelman
 * & Gabry 2017, with the correction of Magnusson et al. 2019). Observations are those of `logLikelihood`. Takes 8 × draws ×
 * observations bytes. TypeError for a fit of a plain log density.
 */
export function loo(fit: FittedDraws, options: LogLikelihoodOptions = {}): Loo {
  knownOptions("loo(fit, options)", options, ["site", "draws"]);
  const matrix = logLikelihood(fit, options);
  return looOfMatrix(matrix, fit.logRatios?.().subarray(0, matrix.draws));
}
