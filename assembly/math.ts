// Elementary functions over two f64 lanes: exp, log, log1p, expm1 (at most 1 ULP off) and sigmoid, softplus, logSigmoid, tanh (at
// most 2). exp after P. T. P. Tang (ACM TOMS 15, 1989): a table of 2^(j/16) and a polynomial; log and log1p after FreeBSD's msun
// (s = f / (2 + f)); coefficients are minimax fits of our own. What is promised and observed stands in docs/accuracy.md.
// A lane never sees its neighbour: "any lane special" only chooses the code that computes the same bits with care.
//
// Loops that want speed test for special lanes (`expSpecial`, `logSpecial`) and call the inline pieces (`expOf`, `logOf`) where there
// are none; other callers use the plain names.

import { abs, add, div, lds, madd, mul, neg, nmadd, pmax, pmin, select, splat, sub } from "./lanes";

// ---- exp

/** 2^(j/16): the bits of the double minus j·2^48 (so that adding (16·k + j)·2^48 gives 2^(k + j/16)), and the relative rest. */
const POWERS = memory.data<u64>([
  0x3ff0000000000000, 0x0000000000000000, 0x3fefb5586cf9890f, 0x3c979aa65d837b6d,
  0x3fef72b83c7d517b, 0xbc801b15eaa59348, 0x3fef387a6e756238, 0x3c968efde3a8a894,
  0x3fef06fe0a31b715, 0x3c834d754db0abb6, 0x3feedea64c123422, 0x3c859f48a72a4c6d,
  0x3feebfdad5362a27, 0x3c7690cebb7aafb0, 0x3feeab07dd485429, 0x3c9063e1e21c5409,
  0x3feea09e667f3bcd, 0xbc93b3efbf5e2228, 0x3feea11473eb0187, 0xbc7b32dcb94da51d,
  0x3feeace5422aa0db, 0x3c8db72fc1f0eab4, 0x3feec49182a3f090, 0x3c71affc2b91ce27,
  0x3feee89f995ad3ad, 0x3c8c1a7792cb3387, 0x3fef199bdd85529c, 0x3c736eae30af0cb3,
  0x3fef5818dcfba487, 0x3c74a385a63d07a7, 0x3fefa4afa2a490da, 0xbc8ff7128fd391f0,
]);
const E = memory.data<f64>([
  23.083120654223414, // 0: 16/ln 2
  6755399441055744.0, // 8: 1.5·2^52: adding it rounds to an integer that stands in the low bits
  0.04332169878489367, 1.0291218489310676e-13, // 16, 24: ln 2/16 in 38 bits, and the rest
  0.5, 0.1666666666441485, 0.041666666662393714, 0.00833347202721689, 0.0013889096352415321, // 32..64: (e^r - 1 - r)/r²
  664.0, 1000.0, // 72, 80: up to the first every product in `expParts` is a normal number; beyond the second e^x is 0 or infinite
  0.0625, // 88
]);

/** Entry j of the table in both lanes' order: the low half of (2^(j/16), rest) pairs or the high half. */
// @ts-ignore: decorator
@inline function entry(z: v128, lane: u8): v128 {
  const j = lane ? i32x4.extract_lane(z, 2) : i32x4.extract_lane(z, 0);
  return v128.load(POWERS + ((<usize>j & 15) << 4));
}

/** e^r - 1 - tail of the table, where r = (x - n·hi) - lo; kept as hi + (r²·q(r) - lo) so that r's rounding does not count. */
// @ts-ignore: decorator
@inline function expPolynomial(hi: v128, lo: v128): v128 {
  const r = sub(hi, lo);
  const r2 = mul(r, r);
  const q = madd(
    r2,
    madd(r2, lds(E + 64), madd(r, lds(E + 56), lds(E + 48))),
    madd(r, lds(E + 40), lds(E + 32)),
  );
  return add(hi, sub(mul(r2, q), lo));
}

/** e^(x + low) for |x| <= 664 and NaN, low far smaller; any other lane is meaningless. */
// @ts-ignore: decorator
@inline function expParts(x: v128, low: v128, tail: bool): v128 {
  const z = madd(x, lds(E), lds(E + 8));
  const n = sub(z, lds(E + 8));
  const a = entry(z, 0), b = entry(z, 1);
  let lo = mul(n, lds(E + 24));
  if (tail) lo = sub(lo, low);
  const p = add(expPolynomial(nmadd(n, lds(E + 16), x), lo), i64x2.shuffle(a, b, 1, 3));
  const t = i64x2.add(i64x2.shuffle(a, b, 0, 2), i64x2.shl(z, 48));
  return madd(t, p, t);
}

/** e^x for |x| <= 664 and NaN. */
// @ts-ignore: decorator
@inline export function expOf(x: v128): v128 {
  return expParts(x, x, false);
}

/** e^(x + low) for |x| <= 664, low far smaller. */
// @ts-ignore: decorator
@inline export function expWithTail(x: v128, low: v128): v128 {
  return expParts(x, low, true);
}

/** Lanes that `expOf` cannot do. */
// @ts-ignore: decorator
@inline export function expSpecial(x: v128): v128 {
  return f64x2.gt(abs(x), lds(E + 72));
}

/** e^(x + low) for every x: scaled by 2^k in two steps, so that a subnormal result is rounded once. */
export function expSlow(x: v128, low: v128): v128 {
  x = pmax(pmin(x, lds(E + 80)), splat(-1000));
  const z = madd(x, lds(E), lds(E + 8));
  const n = sub(z, lds(E + 8));
  const a = entry(z, 0), b = entry(z, 1);
  const p = add(expPolynomial(nmadd(n, lds(E + 16), x), sub(mul(n, lds(E + 24)), low)), i64x2.shuffle(a, b, 1, 3));
  const t = i64x2.add(i64x2.shuffle(a, b, 0, 2), i64x2.shl(v128.and(z, i64x2.splat(15)), 48));
  const k = f64x2.floor(mul(n, lds(E + 88)));
  const k1 = f64x2.floor(mul(k, splat(0.5)));
  return mul(mul(madd(t, p, t), power2(k1)), power2(sub(k, k1)));
}

/** 2^k for an integer k within -1022..1023. */
// @ts-ignore: decorator
@inline function power2(k: v128): v128 {
  return i64x2.shl(add(k, splat(6755399441055744.0 + 1023.0)), 52);
}

// @ts-ignore: decorator
@inline function any(mask: v128): bool {
  return v128.any_true(mask);
}

export function exp(x: v128): v128 {
  if (any(expSpecial(x))) return expSlow(x, splat(0));
  return expOf(x);
}

// ---- expm1

const M = memory.data<f64>([
  1.4426950408889634, // 0: 1/ln 2
  6755399441055744.0, // 8
  0.693147180559663, 2.8235290563031577e-13, // 16, 24: ln 2 in 41 bits, and the rest
  0.16666666666666677, 0.041666666666666574, 0.008333333333322123, 0.0013888888888942824, // 32..56: (e^r - 1 - r - r²/2)/r³
  0.00019841269885048822, 2.480158719800844e-05, 2.755724517422433e-06, 2.75573871205342e-07, // 64..88
  2.510873237187666e-08, 2.0878923758014775e-09, // 96, 104
  0.5, 1.0, // 112, 120
]);

/** 2^k of the k in the low bits of z. */
// @ts-ignore: decorator
@inline function scaleOf(z: v128): v128 {
  return i64x2.shl(i64x2.add(z, i64x2.splat(1023)), 52);
}

/** e^(r + c) - 1 - r for |r| <= ln(2)/2 and c = (hi - r) - lo, what r = hi - lo lost to rounding. */
// @ts-ignore: decorator
@inline function expm1Rest(r: v128, hi: v128, lo: v128): v128 {
  const c = sub(sub(hi, r), lo);
  const r2 = mul(r, r);
  const r4 = mul(r2, r2);
  const c01 = madd(r, lds(M + 40), lds(M + 32)), c23 = madd(r, lds(M + 56), lds(M + 48));
  const c45 = madd(r, lds(M + 72), lds(M + 64)), c67 = madd(r, lds(M + 88), lds(M + 80));
  const c89 = madd(r, lds(M + 104), lds(M + 96));
  const g = madd(r4, madd(r4, c89, madd(r2, c67, c45)), madd(r2, c23, c01));
  return madd(mul(r, lds(M + 112)), r, madd(mul(r2, r), g, madd(r, c, c)));
}

/** e^x - 1 for |x| <= 664 and NaN: (2^k - 1 + 2^k·r) without rounding, plus 2^k·rest. */
// @ts-ignore: decorator
@inline export function expm1Of(x: v128): v128 {
  const z = madd(x, lds(M), lds(M + 8));
  const k = sub(z, lds(M + 8));
  const hi = nmadd(k, lds(M + 16), x), lo = mul(k, lds(M + 24));
  const r = sub(hi, lo);
  const scale = scaleOf(z), one = lds(M + 120);
  const a = sub(scale, one), b = mul(scale, r);
  const s = add(a, b);
  const e = add(sub(b, sub(s, a)), sub(sub(scale, a), one));
  return v128.bitselect(x, add(s, madd(scale, expm1Rest(r, hi, lo), e)), splat(-0.0));
}

export function expm1(x: v128): v128 {
  const y = expm1Of(x), special = expSpecial(x);
  if (any(special)) return select(special, sub(expSlow(x, splat(0)), splat(1)), y);
  return y;
}

// ---- log

const L = memory.data<f64>([
  0.6666666666666844, 0.39999999998665187, 0.28571428911984564, 0.2222218107747053, // 0..24: (log((1+s)/(1-s)) - 2s)/s³ in z = s²
  0.1818447072393231, 0.15291075451965447, 0.15022665498759605, // 32..48
  0.693147180559663, 2.8235290563031577e-13, // 56, 64: ln 2
  2.2250738585072014e-308, 1.7976931348623157e308, // 72, 80: the normal numbers
  4503599627371519.0, // 88: 2^52 + 1023
  1.0, // 96
]);
const LB = memory.data<u64>([
  0x3ff0000000000000 - 0x3fe6147a00000000, // 0: moves the change of binade from 1 to 0.69
  0x4330000000000000, // 8: 2^52
  0x000fffffffffffff, // 16
  0x3fe6147a00000000, // 24
  0x7ff0000000000000, 0xffdfffffffffffff, // 32, 40: adding the first sends the normal positive numbers to those up to the second
]);

/** log(u) + c for a normal u > 0 and a c far smaller: u = 2^k·(1 + f), 1 + f within 0.69..1.38 (so that
 * f·s < 1/16 at both ends, which halves its rounding). `shift` is added to k.
 * log(1 + f) = f - f·s + s·z·p(z); the sum of f and k·log 2 is kept without rounding. */
// @ts-ignore: decorator
@inline function logParts(u: v128, c: v128, shift: v128, corrected: bool, shifted: bool): v128 {
  const bits = i64x2.add(u, lds(LB));
  let k = sub(v128.or(i64x2.shr_u(bits, 52), lds(LB + 8)), lds(L + 88));
  if (shifted) k = add(k, shift);
  const m = i64x2.add(v128.and(bits, lds(LB + 16)), lds(LB + 24));
  const f = sub(m, lds(L + 96));
  const s = div(f, add(m, lds(L + 96)));
  const z = mul(s, s);
  const w = mul(z, z);
  const p = madd(
    mul(w, w),
    madd(w, lds(L + 48), madd(z, lds(L + 40), lds(L + 32))),
    madd(w, madd(z, lds(L + 24), lds(L + 16)), madd(z, lds(L + 8), lds(L))),
  );
  let low = mul(k, lds(L + 64));
  if (corrected) low = add(low, c);
  const tail = madd(mul(s, z), p, nmadd(f, s, low));
  const high = mul(k, lds(L + 56));
  const sum = add(high, f);
  return add(sum, add(sub(f, sub(sum, high)), tail));
}

/** log x for normal x > 0. */
// @ts-ignore: decorator
@inline export function logOf(x: v128): v128 {
  return logParts(x, x, x, false, false);
}

/** Lanes that `logOf` cannot do: not a normal positive number. */
// @ts-ignore: decorator
@inline export function logSpecial(x: v128): v128 {
  return i64x2.gt_s(i64x2.add(x, lds(LB + 32)), lds(LB + 40));
}

/** `y`, but -∞ where zero, NaN below it, and +∞ and NaN as they are. */
// @ts-ignore: decorator
@inline function logEdges(x: v128, y: v128, zero: v128): v128 {
  y = select(f64x2.le(x, lds(L + 80)), y, x); // +∞, NaN
  y = select(f64x2.lt(x, splat(0)), splat(NaN), y);
  return select(zero, splat(-Infinity), y);
}

export function log(x: v128): v128 {
  let u = x, shift = splat(0);
  const special = any(logSpecial(x));
  if (special) {
    const small = f64x2.lt(x, lds(L + 72));
    u = select(small, mul(x, splat(18014398509481984.0)), x);
    shift = v128.and(small, splat(-54));
  }
  const y = logParts(u, x, shift, false, true);
  return special ? logEdges(x, y, f64x2.eq(x, splat(0))) : y;
}

// ---- log1p

/** log(1 + x) for -1 < x < ∞: what 1 + x loses to rounding comes back as a first-order term. */
// @ts-ignore: decorator
@inline export function log1pOf(x: v128): v128 {
  const one = lds(L + 96);
  const u = add(one, x);
  const b = sub(u, one);
  const c = add(sub(one, sub(u, b)), sub(x, b));
  return v128.bitselect(x, logParts(u, div(c, u), u, true, false), splat(-0.0));
}

/** The same for 0 <= x < ∞ given w = 1/(1 + x), by one division less. */
// @ts-ignore: decorator
@inline export function log1pGiven(x: v128, w: v128): v128 {
  const one = lds(L + 96);
  const u = add(one, x);
  const b = sub(u, one);
  const c = add(sub(one, sub(u, b)), sub(x, b));
  return logParts(u, mul(c, w), u, true, false);
}

/** Lanes that `log1pOf` cannot do. */
// @ts-ignore: decorator
@inline export function log1pSpecial(x: v128): v128 {
  return f64x2.ne(pmax(splat(-0.9999999999999999), pmin(lds(L + 80), x)), x);
}

export function log1p(x: v128): v128 {
  const y = log1pOf(x), special = log1pSpecial(x);
  if (!any(special)) return y;
  const u = add(x, splat(1));
  return select(special, logEdges(u, u, f64x2.eq(u, splat(0))), y);
}

// ---- the logistic family: all three from e = exp(-|x|)

const S = memory.data<f64>([
  0.666666666666663, 0.40000000000158, 0.2857142854775221, 0.2222222397640013, // 0..24: as L, for 0 <= s <= 1/3
  0.18181743678834628, 0.15386565380998704, 0.13300899329626878, 0.12106692741202504, // 32..56
  0.08337373300631748, 0.17023769106571165, // 64, 72
  2.0, 1.0, // 80, 88
]);

/** exp(-|x|): what `softplusFrom` and `sigmoidFrom` share. */
export function expNegAbs(x: v128): v128 {
  return exp(v128.or(x, splat(-0.0)));
}

/** log(1 + e) - e for e within 0..1. */
// @ts-ignore: decorator
@inline function log1pRest(e: v128): v128 {
  const s = div(e, add(e, lds(S + 80)));
  const z = mul(s, s);
  const w = mul(z, z);
  const w2 = mul(w, w);
  const p = madd(
    w2,
    madd(
      w2,
      madd(z, lds(S + 72), lds(S + 64)),
      madd(w, madd(z, lds(S + 56), lds(S + 48)), madd(z, lds(S + 40), lds(S + 32))),
    ),
    madd(w, madd(z, lds(S + 24), lds(S + 16)), madd(z, lds(S + 8), lds(S))),
  );
  return sub(mul(mul(s, z), p), mul(e, s));
}

/** log(1 + e) for e within 0..1. */
// @ts-ignore: decorator
@inline export function log1pUnit(e: v128): v128 {
  return add(e, log1pRest(e));
}

/** log(1 + e^x) from x and e = exp(-|x|). */
// @ts-ignore: decorator
@inline export function softplusFrom(x: v128, e: v128): v128 {
  return add(e, add(pmax(x, splat(0)), log1pRest(e)));
}

/** 1 / (1 + e^-x) from x and e = exp(-|x|), as 1 - q or e - e·q with q = e/(1 + e): more exact than the quotient itself, because
 * the rounding of 1 + e counts less where e is small. */
// @ts-ignore: decorator
@inline export function sigmoidFrom(x: v128, e: v128): v128 {
  const one = lds(S + 88);
  const q = div(e, add(one, e));
  const top = select(f64x2.lt(x, splat(0)), e, one);
  return nmadd(top, q, top);
}

export function softplus(x: v128): v128 {
  return softplusFrom(x, expNegAbs(x));
}

export function sigmoid(x: v128): v128 {
  return sigmoidFrom(x, expNegAbs(x));
}

export function logSigmoid(x: v128): v128 {
  return neg(softplusFrom(neg(x), expNegAbs(x)));
}

// ---- tanh

/** tanh x = -m/(2 + m) with m = expm1(-2|x|) as an unrounded sum, and the division's rests added back. */
export function tanh(x: v128): v128 {
  const a = pmax(mul(abs(x), splat(-2)), splat(-64));
  const z = madd(a, lds(M), lds(M + 8));
  const k = sub(z, lds(M + 8));
  const hi = nmadd(k, lds(M + 16), a), lo = mul(k, lds(M + 24));
  const r = sub(hi, lo);
  const scale = scaleOf(z);
  const c = sub(scale, splat(1)), b = mul(scale, r);
  const s = add(c, b);
  const t = madd(scale, expm1Rest(r, hi, lo), sub(b, sub(s, c)));
  const m = add(s, t), ml = sub(t, sub(m, s));
  const d = add(splat(2), m), dl = add(sub(m, sub(d, splat(2))), ml);
  const q = div(m, d);
  const y = add(q, div(sub(ml, mul(q, dl)), d));
  return v128.bitselect(x, y, splat(-0.0));
}

// ---- logAddExp

/** log(e^a + e^b) = max + log(1 + e^(min - max)); what min - max loses to rounding corrects the exponential. */
export function logAddExp(a: v128, b: v128): v128 {
  const swap = f64x2.lt(a, b);
  const high = select(swap, b, a), low = select(swap, a, b);
  const d = sub(low, high);
  const t = sub(d, low);
  const rest = sub(sub(low, sub(d, t)), add(high, t));
  const same = f64x2.eq(a, b); // also two equal infinities, whose difference is NaN
  const e = exp(select(same, splat(0), d));
  const finite = f64x2.eq(sub(rest, rest), splat(0));
  return add(high, log1pUnit(select(finite, madd(e, rest, e), e)));
}
