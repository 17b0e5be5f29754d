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
export { loadPosterior, SavedPosterior, savePosterior } from "./io/save.js";
export { censored, truncated } from "./model/bounded.js";
export { constrain, type LatentValues, logJacobian, unconstrain } from "./model/constrain.js";
export type { DataLike, PartialData, PartialDataLike } from "./model/data.js";
// Distributions
export { Distribution, flat } from "./model/distribution.js";
export * from "./model/distributions/continuous.js";
export * from "./model/distributions/discrete.js";
export * from "./model/distributions/matrices.js";
export * from "./model/distributions/multivariate.js";
export * from "./model/distributions/positive.js";
export type { Numbers } from "./model/evaluation.js";
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
export { independent } from "./model/independent.js";
export { type KLEstimate, type KLOptions, klDivergence, klEstimate } from "./model/kl.js";
export { klExpression } from "./model/kl-expression.js";
export type { Mask } from "./model/missing.js";
export { mixture } from "./model/mixture.js";
export type {
  Definition,
  DrawnSite,
  MaskOptions,
  Model,
  ModelContext,
  SampleOptions,
  Traced,
  TracedModel,
  TraceOptions,
} from "./model/model.js";
// Writing a model
export { model } from "./model/model.js";
export type { ObservedPart } from "./model/observation.js";
export type { DataOptions, PartialDataOptions, PlateHandle, PlateOptions } from "./model/plate.js";
export { type SampleGradient, sampleWithGradient } from "./model/sample-gradient.js";
export type { SampleOptions as SamplerOptions } from "./model/sampler.js";
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
export { zeroInflated } from "./model/zero-inflated.js";
// Optimisers
export { type Average, polynomialAverage, proximalScale, tailAverage } from "./optim/averaging.js";
export {
  type AdamWOptions,
  adamW,
  type CommonOptions as OptimizerOptions,
  type DecayedAdagradOptions,
  type DistanceOptions,
  decayedAdagrad,
  dog,
  dowg,
  type FirstOrder,
  type FirstOrderState,
  type RmsPropOptions,
  rmsProp,
  type SgdOptions,
  sgd,
} from "./optim/first-order.js";
export {
  type MinimizeOptions,
  type Minimum,
  minimize,
  type ObjectiveFunction,
  type SmoothObjective,
} from "./optim/minimize.js";
export type { Progress, Status } from "./optim/run.js";
export {
  clipGlobalNorm,
  constantSchedule,
  cosineSchedule,
  exponentialSchedule,
  linearSchedule,
  powerSchedule,
  type Schedule,
  warmup,
} from "./optim/schedules.js";
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
export type { RankTests } from "./posterior/rank-tests.js";
export { importanceResample, type ResampleOptions } from "./posterior/resample.js";
export {
  priorSensitivity,
  Sensitivity,
  type SensitivityOptions,
  type SensitivityRow,
} from "./posterior/sensitivity.js";
export type { Row as SummaryRow } from "./posterior/table.js";
export { type DrawAccess, Posterior, Summary, type SummaryOptions } from "./posterior.js";
// Targets
export type { Site, Target } from "./target.js";
// Fitting
export type { Algorithm, FitResult } from "./vi/algorithms.js";
export {
  type CalibratedDraws,
  Calibration,
  type CalibrationOptions,
  type CalibrationRow,
  simulationBasedCalibration,
} from "./vi/calibration.js";
export {
  type CheckEstimatorOptions,
  type CheckGradientOptions,
  checkEstimator,
  checkGradient,
  type GradientCheck,
  type GradientProblem,
  type MeanField,
} from "./vi/check-gradient.js";
export type { FamilyName } from "./vi/families.js";
export type { FitOptions, Resumable } from "./vi/fit.js";
export { Fit, fit } from "./vi/fit.js";
export type { DenseGaussian, DiagonalGaussian, Gaussian, LowRankGaussian } from "./vi/gaussian.js";
export type { Ended, FitRecord, PlainOption } from "./vi/record.js";
