// The error function family on two lanes: erf, erfc, erfcx and their normal twins ndtr, logNdtr, ndtri. Near 0 a
// polynomial in x²; beyond, exp(-x²) times a polynomial in (x - k)/(x + k), where x² is kept in two parts and the exponential is
// multiplied in before it is rounded, so that tails stay exact down to underflow. Fits: scripts/accuracy/fits.py.
// Every lane's answer depends on that lane alone: a branch only skips work that no lane wants.

import { abs, add, div, lds, madd, mul, neg, nmadd, pmax, pmin, select, splat, sqrt, sub } from "../lanes";
import { log } from "../math";
import { cubic, logLow, logParts, polynomial10, polynomial12, polynomial8 } from "./parts";

// erf(x) = x + x P(x²), |x| <= 1.
const ERF = memory.data<f64>([
  0.12837916709551256, -0.3761263890318334, 0.1128379167093654, -0.026866170641870104, 0.005223977595851976,
  -0.0008548325436879986, 0.00012055278925440029, -1.4924433550683157e-05, 1.644373747122408e-06,
  -1.618073573293963e-07, 1.3602360788686695e-08, -7.58077903127345e-10,
], 16);
// k, c, P: erfc(x) = exp(-x²) (c + P(t))/x, t = (x - k)/(x + k), x >= 3/4.
const ERFC_TAIL = memory.data<f64>([
  2.0, 0.5,
  0.010791352621011493, 0.16721101041410613, -0.20384429592888104, 0.1215149305246014, -0.02897644669787383,
  -0.007515738411905503, 0.004784898551827419, 0.001126658036956757, -0.0007501845734806087, -0.00031435182869745233,
  8.941920174965114e-05, 8.931924669299145e-05, 6.232478917369282e-06, -1.897323112489886e-05,
  -8.594510254433452e-06, 1.4981001360425411e-06, 2.5028021087809153e-06, 6.626162041736788e-07,
  7.230412856272858e-07, -8.294034536570309e-07, -1.1079754704545822e-06, 1.2996683413438967e-06,
  -4.529388023597484e-07, 5.174376133227127e-08,
], 16);
// ndtr(x) = (1/2 + x/2) + x P(x²), |x| <= 1.
const NDTR = memory.data<f64>([
  -0.10105771959856732, -0.06649038006690437, 0.009973557009995386, -0.0011873282149237724, 0.00011543468380557283,
  -9.444641430875845e-06, 6.659343988312096e-07, -4.1175736019677203e-08, 2.2284751454226863e-09,
  -9.056963171533066e-11,
], 16);
// k, c, P: ndtr(-x) = exp(-x²/2) (c + P(t))/x, t = (x - k)/(x + k), x >= 7/8.
const NDTR_TAIL = memory.data<f64>([
  2.75, 0.375,
  -0.015506981222945432, 0.12231595548538993, -0.1460097952937864, 0.08288428713193612, -0.01650728995493138,
  -0.006619146133243164, 0.002867900601899255, 0.0011141228825732807, -0.0004038890016985257,
  -0.00028120530957800096, 2.0964589128030374e-05, 6.738606684783702e-05, 1.6782227135216478e-05,
  -1.0186852172781924e-05, -8.233259100222072e-06, -8.846483049460885e-07, 1.564486158887031e-06,
  1.0860093058138932e-06, 5.259416076965985e-07, -4.590615991655824e-07, -5.434022792610933e-07,
  3.1295584551864524e-07, 3.921640097466579e-08, -3.305315659576883e-08,
], 16);
// ndtri(1/2 + q) = q (5/2 + P(w)/Q(w)), w = 9/64 - q², |q| <= 3/8.
const NDTRI = memory.data<f64>([
  0.5675983476693551, 10.003456216376057, 30.68705644514024, -352.236614505409, -2732.929498051411,
  -6599.91488847757, -5653.91943458571, -1184.440326261466,
  1.0, 28.838525092112846, 323.91229870777875, 1791.5306879589705, 5082.87080746573, 6997.9605422127615,
  3939.160917399006, 575.6432835499635,
], 16);
// ndtri(p) = -r - r P(s)/Q(s), r = sqrt(-log p), s = r - 23/16, p <= 1/8.
const NDTRI_TAIL = memory.data<f64>([
  -0.2052741712010296, 0.03901694939418019, 0.6521873217919313, 0.7583157256892689, 0.4165849747907457,
  0.13121938095179253, 0.024872810543042554, 0.00280195771998218, 0.00017784586048186208, 5.789131171776115e-06,
  8.221850044296131e-08, 3.5779563699624385e-10,
  1.0, 3.056324483726655, 3.960701349125627, 2.8534057890534377, 1.259481114895647, 0.35331560688729324,
  0.06294596311853798, 0.006880314313112433, 0.00043136846291068126, 1.3987331412579939e-05, 1.9849652985579986e-07,
  8.637916640693301e-10,
], 16);
// exp(r) - 1 = r + r² P(r), |r| <= log(2)/2.
const EXPM1 = memory.data<f64>([
  0.5000000000000012, 0.16666666666666696, 0.04166666666652199, 0.008333333333308199, 0.001388888894553485,
  0.00019841269915516716, 2.480149130293545e-05, 2.755721777936511e-06, 2.763084047759005e-07, 2.511743989406571e-08,
], 16);
const CONSTANTS = memory.data<f64>([
  1.0, 0.5, // 0, 8
  1.4426950408889634, 6755399441055744.0, // 16, 24: 1/ln 2; 1.5·2^52, adding it rounds to an integer in the low bits
  0.693147180559663, 2.8235290563031577e-13, // 32, 40: ln 2 in 41 bits, and the rest
  1000.0, -1000.0, // 48, 56
  6755399441056767.0, // 64: 1.5·2^52 + 1023
  0.75, // 72: from here on the table of erfc's tail holds
], 16);
// @ts-ignore: decorator
@inline function one(): v128 { return lds(CONSTANTS); }
// @ts-ignore: decorator
@inline function half(): v128 { return lds(CONSTANTS + 8); }
// @ts-ignore: decorator
@inline function lowest(): v128 { return lds(CONSTANTS + 72); }

/** 2^k for an integer k within -1022..1023. */
// @ts-ignore: decorator
@inline function power2(k: v128): v128 { return i64x2.shl(add(k, lds(CONSTANTS + 64)), 52); }

/** (base + rest)·exp(high + low)/z with one rounding before the division; |high| <= 1000 keeps the scaling in range. */
function gaussian(base: v128, rest: v128, z: v128, high: v128, low: v128): v128 {
  const k = sub(madd(high, lds(CONSTANTS + 16), lds(CONSTANTS + 24)), lds(CONSTANTS + 24));
  const r = sub(nmadd(k, lds(CONSTANTS + 32), high), sub(mul(k, lds(CONSTANTS + 40)), low));
  const r2 = mul(r, r);
  const r4 = mul(r2, r2);
  const p = madd(r2, polynomial10(EXPM1, r, r2, r4), r);
  const y = div(add(base, madd(add(base, rest), p, rest)), z);
  const k1 = pmax(pmin(k, lds(CONSTANTS + 48)), lds(CONSTANTS + 56));
  return mul(mul(y, power2(k1)), power2(sub(k, k1)));
}

/** What a² loses to rounding. */
// @ts-ignore: decorator
@inline function squareRest(a: v128, square: v128): v128 {
  const h = v128.and(a, i64x2.splat(0xffff_ffff_f800_0000));
  const l = sub(a, h);
  return add(add(sub(mul(h, h), square), mul(add(h, h), l)), mul(l, l));
}

/** P(t) of a tail table. */
function shape(c: usize, a: v128): v128 {
  const k = lds(c);
  const t = div(sub(a, k), add(a, k));
  const t2 = mul(t, t);
  const t4 = mul(t2, t2);
  const t8 = mul(t4, t4);
  c += 16;
  return madd(madd(polynomial8(c + 128, t, t2, t4), t8, polynomial8(c + 64, t, t2, t4)), t8, polynomial8(c, t, t2, t4));
}

/** exp(-scale a²) (c + P)/a of a tail table; scale is 1 or 1/2 and `far` where nothing but 0 is left. */
function tail(c: usize, a: v128, scale: v128, far: v128): v128 {
  const z = pmin(pmax(a, lowest()), far);
  const square = mul(z, z);
  return gaussian(lds(c + 8), shape(c, z), z, neg(mul(scale, square)), neg(mul(scale, squareRest(z, square))));
}
// @ts-ignore: decorator
@inline function erfcTail(a: v128): v128 { return tail(ERFC_TAIL, a, one(), splat(27.5)); }
// @ts-ignore: decorator
@inline function ndtrTail(a: v128): v128 { return tail(NDTR_TAIL, a, half(), splat(38.9)); }

/** x P(x²), what erf(x) exceeds x by, |x| <= 1. */
function erfRest(x: v128): v128 {
  const y = mul(x, x);
  const y2 = mul(y, y);
  return mul(x, polynomial12(ERF, y, y2, mul(y2, y2)));
}

export function erf(x: v128): v128 {
  const a = abs(x);
  const small = f64x2.lt(a, one());
  let y = x;
  if (v128.any_true(small)) y = add(x, erfRest(x));
  if (!i64x2.all_true(small)) y = select(small, y, v128.bitselect(x, sub(one(), erfcTail(a)), splat(-0.0)));
  return y;
}

/** 1 - erf(x). */
export function erfc(x: v128): v128 {
  const a = abs(x);
  const small = f64x2.lt(a, lowest());
  let y = x;
  if (v128.any_true(small)) y = sub(sub(one(), x), erfRest(x));
  if (!i64x2.all_true(small)) {
    const q = erfcTail(a);
    y = select(small, y, select(f64x2.lt(x, splat(0)), sub(splat(2), q), q));
  }
  return y;
}

/** exp(x²) erfc(x). */
export function erfcx(x: v128): v128 {
  const large = f64x2.ge(x, lowest());
  let y = x;
  if (!i64x2.all_true(large)) {
    // Within [-3/4, 3/4] exp(x²) erfc(x), below 2 exp(x²) - erfcx(-x).
    const small = f64x2.gt(x, neg(lowest()));
    const z = pmin(abs(x), splat(27));
    const square = mul(z, z);
    const base = select(small, sub(one(), x), splat(2));
    y = gaussian(base, v128.and(neg(erfRest(x)), small), one(), square, squareRest(z, square));
    if (!i64x2.all_true(small)) {
      const a = neg(x);
      const b = pmin(pmax(a, lowest()), splat(30));
      y = select(small, y, sub(y, div(add(half(), shape(ERFC_TAIL, b)), b)));
    }
  }
  if (v128.any_true(large)) {
    const g = add(half(), shape(ERFC_TAIL, pmin(pmax(x, lowest()), splat(1e30))));
    y = select(large, div(g, x), y);
  }
  return y;
}

/** The distribution function of the standard normal. */
export function ndtr(x: v128): v128 {
  const a = abs(x);
  const small = f64x2.lt(a, splat(0.875));
  let y = x;
  if (v128.any_true(small)) {
    const x2 = mul(x, x);
    const x4 = mul(x2, x2);
    y = add(madd(half(), x, half()), mul(x, polynomial10(NDTR, x2, x4, mul(x4, x4))));
  }
  if (!i64x2.all_true(small)) {
    const q = ndtrTail(a);
    y = select(small, y, select(f64x2.gt(x, splat(0)), sub(one(), q), q));
  }
  return y;
}

/** log ndtr(x). */
export function logNdtr(x: v128): v128 {
  const far = f64x2.lt(x, splat(-1));
  let y = x;
  if (!i64x2.all_true(far)) {
    // log p below 0, log(1 - q) from 0 on; what 1 - q loses to rounding comes back as a first-order term.
    const negative = f64x2.lt(x, splat(0));
    const p = ndtr(v128.or(x, splat(-0.0)));
    const u = select(negative, p, sub(one(), p));
    const c = v128.andnot(sub(sub(one(), u), p), negative);
    const high = logParts(u);
    y = add(high, add(logLow, div(c, u)));
  }
  if (v128.any_true(far)) {
    const a = pmax(neg(x), one());
    const b = pmin(a, splat(1e30));
    const rest = add(log(div(add(splat(0.375), shape(NDTR_TAIL, b)), b)), neg(mul(half(), squareRest(b, mul(b, b)))));
    y = select(far, sub(rest, mul(mul(half(), a), a)), y);
  }
  return y;
}

/** The inverse of ndtr: the quantile of the standard normal; -∞ at 0, +∞ at 1, NaN outside. */
export function ndtri(p: v128): v128 {
  const q = sub(p, half());
  const central = f64x2.le(abs(q), splat(0.375));
  let y = q;
  if (v128.any_true(central)) {
    const w = nmadd(q, q, splat(0.140625));
    const w2 = mul(w, w);
    const w4 = mul(w2, w2);
    y = mul(q, add(splat(2.5), div(polynomial8(NDTRI, w, w2, w4), polynomial8(NDTRI + 64, w, w2, w4))));
  }
  if (!i64x2.all_true(central)) {
    const upper = f64x2.gt(q, splat(0));
    const r = sqrt(neg(log(select(upper, sub(one(), p), p))));
    const s = pmin(sub(r, splat(1.4375)), splat(30));
    const s2 = mul(s, s);
    const s4 = mul(s2, s2);
    const f = div(polynomial12(NDTRI_TAIL, s, s2, s4), polynomial12(NDTRI_TAIL + 96, s, s2, s4));
    const x = madd(r, f, r);
    y = select(central, y, select(upper, x, neg(x)));
  }
  return y;
}
