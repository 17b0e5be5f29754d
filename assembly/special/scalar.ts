// What the scalar special functions (incomplete gamma and beta) are made of: scalar twins of the vector functions, which give lane
// 0 of them and so the same bits; sums in two parts; and powers whose exponent is such a sum, so that x^a e^-x loses nothing to
// the size of its exponent.

import { splat } from "../lanes";
import { expSlow, exp as exp2, expm1 as expm12, log as log2, log1p as log1p2 } from "../math";
import { sin as sin2 } from "../trigonometry";
import { erfcx as erfcx2, ndtr as ndtr2, ndtri as ndtri2 } from "./erf";
import { digamma as digamma2, digammaRest as digammaRest2, lbeta as lbeta2, lgamma1p as lgamma1p2, stirling as stirling2, trigamma } from "./gamma";
import { atanhRest } from "./parts";

// @ts-ignore: decorator
@inline function lane0(x: v128): f64 { return f64x2.extract_lane(x, 0); }
export function exp(x: f64): f64 { return lane0(exp2(splat(x))); }
export function expm1(x: f64): f64 { return lane0(expm12(splat(x))); }
export function sin(x: f64): f64 { return lane0(sin2(splat(x))); }
export function log(x: f64): f64 { return lane0(log2(splat(x))); }
export function log1p(x: f64): f64 { return lane0(log1p2(splat(x))); }
export function digamma(x: f64): f64 { return lane0(digamma2(splat(x))); }
export function lgamma1p(x: f64): f64 { return lane0(lgamma1p2(splat(x))); }
export function erfcx(x: f64): f64 { return lane0(erfcx2(splat(x))); }
export function ndtr(x: f64): f64 { return lane0(ndtr2(splat(x))); }
export function ndtri(p: f64): f64 { return lane0(ndtri2(splat(p))); }
export function lbeta(a: f64, b: f64): f64 { return lane0(lbeta2(splat(a), splat(b))); }
/** lgamma(x) - ((x - 1/2) log x - x + log(2π)/2), x >= 3. */
export function stirling(x: f64): f64 { return lane0(stirling2(splat(1.0 / x))); }

/** log(x) - digamma(x), x >= 3. */
export function digammaRest(x: f64): f64 { return lane0(digammaRest2(splat(1.0 / x))); }

/** digamma(x + d) - digamma(x), which does not cancel for small d; x, x + d > 0. */
export function digammaStep(x: f64, d: f64): f64 {
  if (Math.abs(d) < 4e-6 * Math.min(x, 1.0)) return d * lane0(trigamma(splat(x + 0.5 * d))); // the next term is d² smaller
  let s = 0.0;
  for (; x < 3.0 || x + d < 3.0; x += 1.0) s += d / x / (x + d);
  return s + (log1p(d / x) + (digammaRest(x) - digammaRest(x + d)));
}

/** The larger and the smaller part of the running sum. */
export let high: f64 = 0;
export let low: f64 = 0;

/** Starts the sum. */
// @ts-ignore: decorator
@inline export function start(h: f64, l: f64): void {
  high = h;
  low = l;
}

/** Adds x; what the larger part loses goes to the smaller one. */
export function plus(x: f64): void {
  const s = high + x;
  const v = s - high;
  low += (high - (s - v)) + (x - v);
  high = s;
}

/** What p = a·b lost to rounding. */
export function productRest(a: f64, b: f64, p: f64): f64 {
  const a1 = reinterpret<f64>(reinterpret<u64>(a) & 0xffff_ffff_f800_0000);
  const b1 = reinterpret<f64>(reinterpret<u64>(b) & 0xffff_ffff_f800_0000);
  const a2 = a - a1, b2 = b - b1;
  return ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2;
}

/** What n/a lost to rounding. */
export function quotientRest(n: f64, a: f64, d: f64): f64 {
  const p = d * a;
  return ((n - p) - productRest(d, a, p)) / a;
}

/** Adds a·b. */
export function plusProduct(a: f64, b: f64): void {
  const p = a * b;
  plus(p);
  low += productRest(a, b, p);
}

/** Adds a·2 atanh(s), s = d/(2 + d), less a·d where `less` is set: s in two parts, and only the terms from s³ on in one. */
function plusAtanh(a: f64, d: f64, less: bool): void {
  const t = 2.0 + d, s = d / t, z = s * s;
  const rest = quotientRest(d, t, s) - s * (d - (t - 2.0)) / t;
  if (less) {
    const q = s * d; // 2s - d = -s d
    plusProduct(-a, q);
    low -= a * (productRest(s, d, q) + rest * d);
  } else {
    plusProduct(a, 2.0 * s);
    low += a * 2.0 * rest;
  }
  plus(a * (s * z * lane0(atanhRest(splat(z), splat(z * z)))));
}

/** Adds a·log(x + rest), x > 0 and rest far smaller. */
export function plusLog(a: f64, x: f64, rest: f64): void {
  const l = rest / x;
  let k = 0.0;
  if (x < 2.2250738585072014e-308) {
    x *= 18014398509481984.0;
    k = -54.0;
  }
  const u = reinterpret<u64>(x) + 0x0009_5f61_9980_c433; // the exponent goes up at sqrt 2
  k += <f64>(<i32>(u >> 52) - 1023);
  plusProduct(a, k * 0.6931471804855391); // ln 2 in 33 bits, and the rest
  low += a * (k * 7.440617110012397e-11 + l);
  plusAtanh(a, reinterpret<f64>((u & 0x000f_ffff_ffff_ffff) + 0x3fe6_a09e_667f_3bcd) - 1.0, false);
}

/** Adds a·(log(1 + d) - d) at d + rest, without cancellation. */
export function plusLog1pMinus(a: f64, d: f64, rest: f64): void {
  if (d > -0.29 && d < 0.41) {
    plusAtanh(a, d, true);
    low -= a * (rest * d / (1.0 + d));
    return;
  }
  const u = 1.0 + d, v = u - 1.0;
  plusLog(a, u, (1.0 - (u - v)) + (d - v) + rest);
  plusProduct(-a, d);
  low -= a * rest;
}

/** exp of the sum. */
export function expSum(): f64 {
  if (high < -800.0) return 0.0;
  if (high > 800.0) return Infinity;
  const h = high + low;
  return lane0(expSlow(splat(h), splat((high - h) + low)));
}

/** log(1 + d) - d without cancellation. */
export function log1pMinus(d: f64): f64 {
  start(0.0, 0.0);
  plusLog1pMinus(1.0, d, 0.0);
  return high + low;
}
