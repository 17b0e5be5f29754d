// Polynomials for the special functions, coefficients from a table in memory, lowest first (scripts/accuracy/fits.py makes the
// tables). Estrin's scheme: the terms pair up, so that the chain of dependent operations stays short.

import { add, lds, madd, mul } from "../lanes";

/** Four terms: c0 + c1 x + x2 (c2 + c3 x). */
// @ts-ignore: decorator
@inline export function cubic(c: usize, x: v128, x2: v128): v128 {
  return madd(madd(lds(c + 24), x, lds(c + 16)), x2, madd(lds(c + 8), x, lds(c)));
}
/** Eight terms. */
// @ts-ignore: decorator
@inline export function polynomial8(c: usize, x: v128, x2: v128, x4: v128): v128 {
  return madd(cubic(c + 32, x, x2), x4, cubic(c, x, x2));
}
/** Ten terms. */
// @ts-ignore: decorator
@inline export function polynomial10(c: usize, x: v128, x2: v128, x4: v128): v128 {
  return madd(madd(madd(lds(c + 72), x, lds(c + 64)), x4, cubic(c + 32, x, x2)), x4, cubic(c, x, x2));
}
/** Twelve terms. */
// @ts-ignore: decorator
@inline export function polynomial12(c: usize, x: v128, x2: v128, x4: v128): v128 {
  return madd(madd(cubic(c + 64, x, x2), x4, cubic(c + 32, x, x2)), x4, cubic(c, x, x2));
}
