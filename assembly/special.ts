// The special functions of the core, one file for each family under special/. All take and give two f64 lanes.

export { digamma, digammaBeside, lbeta, lgamma, lgamma1p, lgammaDigamma, trigamma } from "./special/gamma";
