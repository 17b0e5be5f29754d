// The public names, by what they are for.

export { CompiledModel } from "./compile/compiled.js";
export type { CoreSource, LoadOptions } from "./core/load.js";
// The core
export { load, loadSync } from "./core/load.js";
// Checking
export { type Estimate, type EvidenceBounds, evidenceBounds } from "./diagnostics/evidence.js";
export { type LogLikelihoodMatrix, Loo, type LooComparison, looCompare, looOfMatrix } from "./diagnostics/loo.js";
export { khatThreshold, type Psis, psis, type WeightedEstimate, weightedMean } from "./diagnostics/psis.js";
// Saving
export { loadPosterior, savePosterior } from "./io/save.js";
export { constrain, logJacobian, unconstrain } from "./model/constrain.js";
// Distributions
export { Distribution, flat } from "./model/distribution.js";
export * from "./model/distributions/continuous.js";
export * from "./model/distributions/discrete.js";
export * from "./model/distributions/multivariate.js";
export * from "./model/distributions/positive.js";
export type { PlateIndex, Value } from "./model/expression.js";
export {
  abs,
  add,
  concat,
  cos,
  cumulativeSum,
  div,
  dot,
  Expression,
  erf,
  exp,
  expm1,
  lgamma,
  log,
  log1p,
  logAddExp,
  logSigmoid,
  logSumExp,
  max,
  min,
  mul,
  ndtr,
  neg,
  pow,
  sigmoid,
  sin,
  softmax,
  softplus,
  sqrt,
  square,
  sub,
  sum,
  tanh,
} from "./model/expression.js";
export { type KLEstimate, type KLOptions, klDivergence, klEstimate } from "./model/kl.js";
export { mixture } from "./model/mixture.js";
export type {
  DrawnSite,
  Model,
  ModelContext,
  PlateHandle,
  PlateOptions,
  SampleOptions,
  Traced,
  TracedModel,
  TraceOptions,
} from "./model/model.js";
// Writing a model
export { model } from "./model/model.js";
export { type SampleGradient, sampleWithGradient } from "./model/sample-gradient.js";
export type { Support } from "./model/support.js";
export {
  affine,
  angle,
  choleskyCorrelation,
  choleskyCovariance,
  circular,
  correlation,
  covariance,
  interval,
  l1Ball,
  lower,
  nonNegative,
  ordered,
  positive,
  positiveBySoftplus,
  positiveOrdered,
  real,
  simplex,
  simplexByLogRatio,
  simplexBySoftmax,
  unitInterval,
  unitVector,
  upper,
  zeroSum,
} from "./model/support.js";
export { censored, independent, truncated, zeroInflated } from "./model/wrappers.js";
export {
  type FittedDraws,
  type LogLikelihood,
  type LogLikelihoodOptions,
  logLikelihood,
  type OtherData,
} from "./posterior/log-likelihood.js";
export { type LooOptions, type LooPit, type LooPitOptions, loo, looPit } from "./posterior/loo.js";
export {
  type PosteriorPredictiveOptions,
  type PredictedSite,
  Predictive,
  type PriorPredictiveOptions,
  posteriorPredictive,
  priorPredictive,
} from "./posterior/predictive.js";
export { importanceResample, type ResampleOptions } from "./posterior/resample.js";
export {
  priorSensitivity,
  Sensitivity,
  type SensitivityOptions,
  type SensitivityRow,
} from "./posterior/sensitivity.js";
export { Posterior, Summary } from "./posterior.js";
// Targets
export type { Site, Target } from "./target.js";
// Fitting
export type { Algorithm } from "./vi/algorithms.js";
export {
  type CalibratedDraws,
  Calibration,
  type CalibrationOptions,
  type CalibrationRow,
  simulationBasedCalibration,
} from "./vi/calibration.js";
export type { FitOptions } from "./vi/fit.js";
export { Fit, fit } from "./vi/fit.js";
