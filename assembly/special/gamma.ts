// The gamma family on two lanes: lgamma, digamma, trigamma, lgamma1p and lbeta. Below 3 a rational minimax fit on [1, 3] with
// the roots factored out (and one step of the recurrence below 1), from 3 on Stirling's series as a fit in 1/x²; log x enters
// with a rest of its own, so that x log x loses nothing. Fits: scripts/accuracy/fits.py; bounds: docs/accuracy.md.
// Every lane's answer depends on that lane alone: a branch only skips work that no lane wants.

import { add, div, lds, madd, mul, select, splat, sub } from "../lanes";
import { log1pParts, logLow, logParts, logPartsOf, polynomial10, polynomial12, polynomial8 } from "./parts";

// lgamma(1 + t) = t (t - 1) (11/32 + P(t)/Q(t)) on [0, 2]: P, then Q.
const LGAMMA = memory.data<f64>([
  0.23346566490153287, 0.498968685368296, 0.299821707570104, -0.022605379669284813, -0.07552382318934273,
  -0.022674750813864768, -0.00219718322656069, -5.305893118413712e-05,
  1.0, 3.1877066557292695, 3.967079535498374, 2.4414468158644063, 0.777153446198291, 0.1221655505090701,
  0.00817422624489251, 0.00015826366265484103,
], 16);
// lgamma(x) = (x - 1/2) log x - x + log(2π)/2 + S(1/x²)/x from 3 on.
const STIRLING = memory.data<f64>([
  0.0833333333333215, -0.0027777777733960663, 0.000793650193819977, -0.0005951954661383386, 0.0008399319533379532,
  -0.0018670162762952122, 0.005446403340779996, -0.016259406669015267, 0.03718031214463445, -0.04370808361385677,
], 16);
// digamma(1 + t) = (t - t0) (19/32 + P(t)/Q(t)) on [0, 2].
const DIGAMMA = memory.data<f64>([
  0.6566301375034054, 9.265273886361674, 7.3746333086654525, -0.49063695857846407, -1.628085558082573,
  -0.4204841785807413, -0.03468181080818929, -0.0007271595766741414,
  1.0, 15.411974974893663, 30.145856229565705, 21.918495539991156, 7.21232013461575, 1.095180134653767,
  0.06871539069639958, 0.0012414465542980974,
], 16);
// digamma(x) = log x - 1/(2x) - S(1/x²)/x² from 3 on.
const DIGAMMA_TAIL = memory.data<f64>([
  0.08333333333320521, -0.008333333281308785, 0.003968246316754028, -0.004166089519572774, 0.007549819045757942,
  -0.020337176336561475, 0.0682138958121884, -0.22361771581427622, 0.5441351436915457, -0.6683073121630202,
], 16);
// trigamma(x) = 1/x² + 1/4 + P(x)/Q(x) on [0, 3].
const TRIGAMMA = memory.data<f64>([
  1.3949340668482264, 3.4294208319811097, 3.344035377238771, 1.4955786797445256, 0.1824302322912662,
  -0.09571910892060936, -0.038589409238813856, -0.004254605883170414,
  1.0, 4.18194291539587, 7.276997972515797, 6.852925370178695, 3.7910223356749055, 1.238564837080853,
  0.22243133694091202, 0.017018423306980886,
], 16);
// trigamma(x) = 1/x + 1/(2x²) + S(1/x²)/x³ from 3 on.
const TRIGAMMA_TAIL = memory.data<f64>([
  0.16666666666662774, -0.03333333330746447, 0.02380951780148524, -0.0333326281147252, 0.07570835562970162,
  -0.25087243438892093, 1.095822063987615, -5.456571528818784, 25.845010018812395, -97.37254244918547,
  241.8158655323257, -286.2042797184495,
], 16);
const CONSTANTS = memory.data<f64>([
  1.0, 0.5, 2.0, 3.0, // 0, 8, 16, 24
  0.9189385332046728, // 32: log(2π)/2
  0.34375, 0.59375, // 40, 48: what the rational fits leave out
  0.46163214496836236, -1.5522348162858677e-17, // 56, 64: the root of digamma, less 1, in two parts
  2.2250738585072014e-308, 1.7976931348623157e308, // 72, 80
], 16);
// @ts-ignore: decorator
@inline function one(): v128 { return lds(CONSTANTS); }
// @ts-ignore: decorator
@inline function half(): v128 { return lds(CONSTANTS + 8); }
// @ts-ignore: decorator
@inline function two(): v128 { return lds(CONSTANTS + 16); }
// @ts-ignore: decorator
@inline function three(): v128 { return lds(CONSTANTS + 24); }

/** Positive, normal and finite in both lanes. */
// @ts-ignore: decorator
@inline function ordinary(x: v128): bool {
  return i64x2.all_true(v128.and(f64x2.ge(x, lds(CONSTANTS + 72)), f64x2.le(x, lds(CONSTANTS + 80))));
}

/** P/Q of a pair of eight-term tables. */
// @ts-ignore: decorator
@inline function ratio(c: usize, t: v128): v128 {
  const t2 = mul(t, t);
  const t4 = mul(t2, t2);
  return div(polynomial8(c, t, t2, t4), polynomial8(c + 64, t, t2, t4));
}

/** lgamma(1 + t), t in [0, 2], in full relative accuracy at both roots; t1 = t - 1. */
function lgammaFit(t: v128, t1: v128): v128 {
  return mul(mul(t, t1), add(lds(CONSTANTS + 40), ratio(LGAMMA, t)));
}

/** digamma(1 + t), t in [0, 2]. */
// @ts-ignore: decorator
@inline function digammaFit(t: v128): v128 {
  const fromRoot = sub(sub(t, lds(CONSTANTS + 56)), lds(CONSTANTS + 64));
  return mul(fromRoot, add(lds(CONSTANTS + 48), ratio(DIGAMMA, t)));
}

/** S(1/x²)/x of Stirling's series, x >= 3, from q = 1/x. */
export function stirling(q: v128): v128 {
  const z = mul(q, q);
  const z2 = mul(z, z);
  return mul(q, polynomial10(STIRLING, z, z2, mul(z2, z2)));
}

/** Stirling's series at x >= 3, log x = high + low: x (log x - 1) is multiplied out in two parts. */
function lgammaTail(x: v128, q: v128, high: v128, low: v128): v128 {
  const mask = i64x2.splat(0xffff_ffff_f800_0000);
  const less = sub(high, one());
  const xHigh = v128.and(x, mask);
  const lHigh = v128.and(less, mask);
  const lLow = add(sub(less, lHigh), low);
  const rest = add(mul(sub(x, xHigh), lHigh), mul(x, lLow));
  const small = add(sub(lds(CONSTANTS + 32), mul(half(), add(high, low))), stirling(q));
  return add(mul(xHigh, lHigh), add(rest, small));
}

/** log x - digamma(x) at x >= 3, from q = 1/x. */
export function digammaRest(q: v128): v128 {
  const z = mul(q, q);
  const z2 = mul(z, z);
  return madd(half(), q, mul(z, polynomial10(DIGAMMA_TAIL, z, z2, mul(z2, z2))));
}

/** digamma beside the lgamma that lgammaDigamma returns. */
export let digammaBeside: v128 = i64x2.splat(0);

/** lgamma and/or digamma of ordinary lanes. */
function both(x: v128, wantLgamma: bool, wantDigamma: bool): v128 {
  const below = f64x2.lt(x, three());
  const q = div(one(), x);
  const high = logPartsOf(x);
  const low = logLow;
  let l = high, d = high;
  if (v128.any_true(below)) {
    const small = f64x2.lt(x, one());
    const x1 = sub(x, one());
    const t = select(small, x, x1);
    if (wantLgamma) {
      const fit = lgammaFit(t, select(small, x1, sub(x1, one())));
      l = sub(sub(fit, v128.and(low, small)), v128.and(high, small));
      l = add(l, splat(0)); // no -0 at the roots
    }
    if (wantDigamma) d = sub(digammaFit(t), v128.and(q, small));
  }
  if (!i64x2.all_true(below)) {
    if (wantLgamma) l = select(below, l, lgammaTail(x, q, high, low));
    if (wantDigamma) d = select(below, d, add(high, sub(low, digammaRest(q))));
  }
  if (!wantLgamma) return d;
  if (wantDigamma) digammaBeside = d;
  return l;
}


function trigammaOrdinary(x: v128): v128 {
  const below = f64x2.lt(x, three());
  const q = div(one(), x);
  const q2 = mul(q, q);
  let y = q;
  if (v128.any_true(below)) {
    y = add(q2, add(splat(0.25), ratio(TRIGAMMA, x)));
  }
  if (!i64x2.all_true(below)) {
    const z2 = mul(q2, q2);
    const s = mul(q2, polynomial12(TRIGAMMA_TAIL, q2, z2, mul(z2, z2)));
    y = select(below, y, add(q, madd(half(), q2, mul(q, s))));
  }
  return y;
}

/** Two lanes from two scalars. */
// @ts-ignore: decorator
@inline function pair(a: f64, b: f64): v128 { return f64x2.replace_lane(splat(a), 1, b); }
// @ts-ignore: decorator
@inline function lane0(x: v128): f64 { return f64x2.extract_lane(x, 0); }
// @ts-ignore: decorator
@inline function lane1(x: v128): f64 { return f64x2.extract_lane(x, 1); }

/** log of a subnormal. */
function logSubnormal(x: f64): f64 {
  const high = lane0(logParts(splat(x * 18014398509481984.0)));
  return high + lane0(logLow) - 54.0 * 0.6931471805599453;
}

function lgammaAnywhere(x: f64): f64 {
  if (!(x > 0.0)) return x == 0.0 ? Infinity : NaN;
  if (x == Infinity) return x;
  if (x < 2.2250738585072014e-308) return -logSubnormal(x);
  return lane0(both(splat(x), true, false));
}

function digammaAnywhere(x: f64): f64 {
  if (!(x > 0.0)) return x == 0.0 ? -1.0 / x : NaN;
  if (x == Infinity) return x;
  if (x < 2.2250738585072014e-308) return -1.0 / x;
  return lane0(both(splat(x), false, true));
}

function trigammaAnywhere(x: f64): f64 {
  if (!(x > 0.0)) return x == 0.0 ? Infinity : NaN;
  if (x == Infinity) return 0.0;
  if (x < 2.2250738585072014e-308) return Infinity;
  return lane0(trigammaOrdinary(splat(x)));
}

/** log gamma(x); +∞ at 0 and ∞, NaN below 0. */
export function lgamma(x: v128): v128 {
  if (ordinary(x)) return both(x, true, false);
  return pair(lgammaAnywhere(lane0(x)), lgammaAnywhere(lane1(x)));
}

/** The derivative of lgamma; -∞ at 0, NaN below. */
export function digamma(x: v128): v128 {
  if (ordinary(x)) return both(x, false, true);
  return pair(digammaAnywhere(lane0(x)), digammaAnywhere(lane1(x)));
}

/** The derivative of digamma; +∞ at 0, NaN below. */
export function trigamma(x: v128): v128 {
  if (ordinary(x)) return trigammaOrdinary(x);
  return pair(trigammaAnywhere(lane0(x)), trigammaAnywhere(lane1(x)));
}

/** lgamma(x), and digamma(x) in digammaBeside until the next call; the bits are those of lgamma and digamma. */
export function lgammaDigamma(x: v128): v128 {
  if (ordinary(x)) return both(x, true, true);
  digammaBeside = digamma(x);
  return lgamma(x);
}

/** lgamma(1 + x), accurate in x near 0; +∞ at -1, NaN below. */
export function lgamma1p(x: v128): v128 {
  const u = add(one(), x);
  const fromTwo = f64x2.gt(x, two());
  let y = x;
  if (!i64x2.all_true(fromTwo)) {
    // lgamma(1 + x) from 0 on, lgamma(2 + x) - log(1 + x) below.
    const negative = f64x2.lt(x, splat(0));
    const fit = lgammaFit(select(negative, u, x), select(negative, x, sub(x, one())));
    const high = logParts(select(negative, u, one()));
    const low = add(logLow, div(sub(x, sub(u, one())), u));
    y = sub(sub(fit, v128.and(low, negative)), v128.and(high, negative));
    y = select(f64x2.gt(x, splat(-1)), add(y, splat(0)), select(f64x2.eq(x, splat(-1)), splat(Infinity), splat(NaN)));
  }
  if (v128.any_true(fromTwo)) {
    // What 1 + x lost to rounding comes back by the derivative, log(1 + x) in good enough approximation.
    const high = logParts(u);
    const low = logLow;
    const lost = mul(sub(x, sub(u, one())), high);
    const tail = lgammaTail(u, div(one(), u), high, add(low, div(lost, u)));
    y = select(fromTwo, select(f64x2.eq(x, splat(Infinity)), x, tail), y);
  }
  return y;
}

/**
 * log of the beta function. From Stirling's series with the large terms cancelled on paper when both or one of the arguments is
 * at least 3, so that nothing is lost for large ones. +∞ at 0, -∞ at ∞, NaN below 0.
 */
export function lbeta(first: v128, second: v128): v128 {
  const a = select(f64x2.lt(first, second), first, second);
  const b = select(f64x2.lt(first, second), second, first);
  const sum = add(a, b);
  const few = f64x2.lt(b, three());
  let y = a;
  if (v128.any_true(few)) y = sub(add(lgamma(a), lgamma(b)), lgamma(sum));
  if (!i64x2.all_true(few)) {
    const highB = logParts(b);
    const lowB = logLow;
    const high1 = log1pParts(div(a, b));
    const log1 = add(high1, logLow);
    const tail = sub(stirling(div(one(), b)), stirling(div(one(), sum)));
    const many = f64x2.ge(a, three());
    let far = a;
    if (!i64x2.all_true(many)) {
      // lgamma(a) - (a + b - 1/2) log(1 + a/b) - a (log b - 1) + ...
      const less = add(sub(highB, one()), lowB);
      far = sub(add(lgamma(a), tail), add(mul(a, less), mul(sub(sum, half()), log1)));
    }
    if (v128.any_true(many)) {
      // log(2π)/2 - (a - 1/2) log(1 + b/a) - b log(1 + a/b) - log(b)/2 + ...
      const high2 = log1pParts(div(b, a));
      const log2 = add(high2, logLow);
      const small = add(sub(lds(CONSTANTS + 32), mul(half(), add(highB, lowB))), add(stirling(div(one(), a)), tail));
      far = select(many, sub(small, add(mul(sub(a, half()), log2), mul(b, log1))), far);
    }
    y = select(few, y, far);
  }
  const infinite = f64x2.eq(b, splat(Infinity));
  const zero = f64x2.eq(a, splat(0));
  y = select(infinite, splat(-Infinity), y);
  y = select(zero, splat(Infinity), y);
  const valid = v128.andnot(f64x2.ge(a, splat(0)), v128.and(infinite, zero));
  return select(v128.and(valid, f64x2.eq(sum, sum)), y, splat(NaN));
}
