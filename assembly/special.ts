// The special functions of the core, one file for each family under special/. Those of v128 take and give two lanes; the
// incomplete gamma and beta functions and what belongs to them are scalar and reached through runScalar.

export { besselRatio, logBesselI0 } from "./special/bessel";
export { erf, erfc, erfcx, logNdtr, ndtr, ndtri } from "./special/erf";
export { digamma, digammaBeside, lbeta, lgamma, lgamma1p, lgammaDigamma, trigamma } from "./special/gamma";
export { runScalar } from "./special/kernels";
