// What the special functions share: polynomials with coefficients from a table in memory, lowest first (Estrin's scheme, so that
// the chain of dependent operations stays short), and a logarithm with a rest of its own. Tables: scripts/accuracy/fits.py.

import { add, div, lds, madd, mul, sub } from "../lanes";

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

// log((1 + s)/(1 - s)) = 2s + s z P(z), z = s².
const LOG = memory.data<f64>([
  0.6666666666666666, 0.4000000000001274, 0.28571428564271756, 0.22222223736263255, 0.18181664101548065,
  0.1539283626615405, 0.1310490759733502, 0.14684474488742896,
], 16);
const CONSTANTS = memory.data<f64>([
  1.0, 0.5, 2.0, // 0, 8, 16
  0.6931471804855391, 7.440617110012397e-11, // 24, 32: ln 2 in 33 bits, and the rest
  4503599627371519.0, // 40: 2^52 + 1023
], 16);

/** (log((1 + s)/(1 - s)) - 2s)/s³ for z = s² up to 0.03; z2 = z². */
// @ts-ignore: decorator
@inline export function atanhRest(z: v128, z2: v128): v128 { return polynomial8(LOG, z, z2, mul(z2, z2)); }

/** What logParts leaves beside its answer. */
export let logLow: v128 = i64x2.splat(0);

/**
 * log x as a double and a rest (in logLow), together good to about 2^-56, for positive normal x. With f = x/2^k - 1 and
 * s = f/(2 + f): log(1 + f) = f - (f²/2 - s (f²/2 + z P(z))), the first f of which is exact.
 */
// @ts-ignore: decorator
@inline export function logPartsOf(x: v128): v128 {
  const biased = i64x2.add(x, i64x2.splat(0x0009_5f61_9980_c433)); // the exponent goes up at sqrt 2
  const k = sub(v128.or(i64x2.shr_u(biased, 52), i64x2.splat(0x4330_0000_0000_0000)), lds(CONSTANTS + 40));
  const m = i64x2.add(v128.and(biased, i64x2.splat(0x000f_ffff_ffff_ffff)), i64x2.splat(0x3fe6_a09e_667f_3bcd));
  const f = sub(m, lds(CONSTANTS));
  const s = div(f, add(lds(CONSTANTS + 16), f));
  const z = mul(s, s);
  const z2 = mul(z, z);
  const h = mul(lds(CONSTANTS + 8), mul(f, f));
  const r = mul(s, madd(z, atanhRest(z, z2), h));
  const k1 = mul(k, lds(CONSTANTS + 24));
  const high = add(k1, f);
  logLow = add(sub(f, sub(high, k1)), sub(mul(k, lds(CONSTANTS + 32)), sub(h, r)));
  return high;
}

/** logPartsOf where speed does not matter. */
export function logParts(x: v128): v128 { return logPartsOf(x); }

/** log(1 + h) as logParts gives a logarithm, h >= 0 and finite. */
export function log1pParts(h: v128): v128 {
  const u = add(lds(CONSTANTS), h);
  const v = sub(u, lds(CONSTANTS));
  const e = add(sub(lds(CONSTANTS), sub(u, v)), sub(h, v));
  const high = logParts(u);
  logLow = add(logLow, div(e, u));
  return high;
}

