// The special functions of the core, one file for each family under special/. All take and give two f64 lanes.

export { erf, erfc, erfcx, logNdtr, ndtr, ndtri } from "./special/erf";
export { digamma, digammaBeside, lbeta, lgamma, lgamma1p, lgammaDigamma, trigamma } from "./special/gamma";
