// The rules of all families of distributions, one exported constant each: how a density's kernel is fed from its arguments and what
// is added to its result. Formulas: Stan Functions Reference and Johnson, Kotz & Balakrishnan; each rule names its arguments.

export * from "./densities/continuous.js";
export * from "./densities/counts.js";
export * from "./densities/multivariate.js";
export * from "./densities/positive.js";
