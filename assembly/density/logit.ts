// Bernoulli and Poisson observations with linear predictors, the likelihoods of generalised linear models: written for speed, with
// the elementary functions inlined. Everything about a logit comes from e = exp(−|u|): log σ(u) = min(u, 0) − log(1 + e), and one
// division gives σ; no difference of nearly equal numbers is ever formed. The work is done in short loops, one function each, over
// chunks that stay in L1: one long loop is bound by its latency (10.0 ns per element instead of 6.9, and 2.9 for exp alone).

import { add, div, ld, lds, madd, mul, pmin, select, st, sub } from "../lanes";
import { expOf, expSlow, expSpecial } from "../math";
import { bytes, eq, lt, MINUS_INFINITY, MINUS_ZERO, ne, notCount, ONE, or, outside, times, TWO, ZERO } from "./common";

/** 2^(j/16) as bits minus j·2^48, so that adding (16k + j)·2^48 gives 2^(k + j/16). */
const POWERS: usize = memory.data<u64>([
  0x3ff0000000000000, 0x3fefb5586cf9890f, 0x3fef72b83c7d517b, 0x3fef387a6e756238,
  0x3fef06fe0a31b715, 0x3feedea64c123422, 0x3feebfdad5362a27, 0x3feeab07dd485429,
  0x3feea09e667f3bcd, 0x3feea11473eb0187, 0x3feeace5422aa0db, 0x3feec49182a3f090,
  0x3feee89f995ad3ad, 0x3fef199bdd85529c, 0x3fef5818dcfba487, 0x3fefa4afa2a490da,
], 16);
const E: usize = memory.data<f64>([
  23.083120654223414, 6755399441055744.0, // 0, 8: 16/ln 2; 1.5·2^52, which rounds to an integer in the low bits
  0.04332169878489367, 1.0291218489310676e-13, // 16, 24: ln 2/16 in 38 bits, and the rest
  0.5, 0.1666666666441485, 0.041666666662393714, 0.00833347202721689, 0.0013889096352415321, // 32..64: (e^r − 1 − r)/r²
  -708.0, // 72
], 16);
/** (log((1 + s)/(1 − s)) − 2s)/s³ in s², s within 0..1/3: minimax, relative error 4e-18 of the logarithm. */
const L: usize = memory.data<f64>([
  0.6666666666666665, 0.40000000000020713, 0.2857142856570703, 0.22222222842129433, 0.18181783837631418,
  0.1538571201543368, 0.1331202143047824, 0.12019632034505191, 0.08713020867130823, 0.16337133593305703,
], 16);

/** e^x for −708 ≤ x ≤ 0, within 2 ULP: less exact than math.ts, and faster. */
// @ts-ignore: decorator
@inline function expDown(x: v128): v128 {
  const z = madd(x, lds(E), lds(E + 8));
  const n = sub(z, lds(E + 8));
  const t0 = v128.load64_zero(POWERS + ((<usize>i32x4.extract_lane(z, 0) & 15) << 3));
  const t = v128.load64_lane(POWERS + ((<usize>i32x4.extract_lane(z, 2) & 15) << 3), t0, 1);
  const r = sub(sub(x, mul(n, lds(E + 16))), mul(n, lds(E + 24)));
  const r2 = mul(r, r);
  const q = madd(r2, madd(r2, lds(E + 64), madd(r, lds(E + 56), lds(E + 48))), madd(r, lds(E + 40), lds(E + 32)));
  const power = i64x2.add(t, i64x2.shl(z, 48));
  return madd(power, madd(r2, q, r), power);
}

/** log(1 + e) for 0 ≤ e ≤ 1, within 2 ULP. */
// @ts-ignore: decorator
@inline function log1pUnit(e: v128): v128 {
  const two = TWO();
  const s = div(e, add(e, two));
  const z = mul(s, s);
  const w = mul(z, z);
  const w2 = mul(w, w);
  const p01 = madd(z, lds(L + 8), lds(L));
  const p23 = madd(z, lds(L + 24), lds(L + 16));
  const p45 = madd(z, lds(L + 40), lds(L + 32));
  const p67 = madd(z, lds(L + 56), lds(L + 48));
  const p89 = madd(z, lds(L + 72), lds(L + 64));
  const p = madd(w2, madd(w2, p89, madd(w, p67, p45)), madd(w, p23, p01));
  return mul(s, madd(z, p, two));
}

/** The same as a function, for kernels that are not in such a hurry. */
export function log1pOfUnit(e: v128): v128 {
  return log1pUnit(e);
}

const CHUNK: usize = 4096;

/** s = 2y − 1 (the sign of the outcome), logit ; lp, ∂logit */
export function bernoulliLogit(n: i32, a: usize): void {
  const end = bytes(n);
  const outcome = <usize>load<u32>(a);
  const logit = <usize>load<u32>(a, 4);
  const lp = <usize>load<u32>(a, 8);
  const partial = <usize>load<u32>(a, 12);
  for (let from: usize = 0; from < end; from += CHUNK) {
    const to = min(from + CHUNK, end);
    let bad = ZERO();
    for (let i = from; i < to; i += 16) {
      const s = ld(outcome + i);
      const down = or(mul(s, ld(logit + i)), MINUS_ZERO());
      bad = or(bad, ne(mul(s, s), ONE()));
      let e = expDown(down);
      if (v128.any_true(lt(down, lds(E + 72)))) e = expSlow(down, ZERO());
      st(lp + i, e);
    }
    if (partial) {
      for (let i = from; i < to; i += 16) {
        const s = ld(outcome + i);
        const e = ld(lp + i);
        const one = ONE();
        const up = lt(ZERO(), mul(s, ld(logit + i)));
        st(partial + i, mul(s, div(select(up, e, one), add(e, one))));
      }
    }
    for (let i = from; i < to; i += 16) {
      const u = mul(ld(outcome + i), ld(logit + i));
      st(lp + i, sub(pmin(u, ZERO()), log1pUnit(ld(lp + i))));
    }
    if (v128.any_true(bad)) {
      for (let i = from; i < to; i += 16) {
        const s = ld(outcome + i);
        const square = mul(s, s);
        // −∞ − s²: where s is no sign, −∞, unless it is NaN
        st(lp + i, select(eq(square, ONE()), ld(lp + i), sub(MINUS_INFINITY(), square)));
      }
    }
  }
}

/** k, log rate η ; lp = kη − e^η, ∂η */
export function poissonLog(n: i32, a: usize): void {
  const end = bytes(n);
  const count = <usize>load<u32>(a);
  const logRate = <usize>load<u32>(a, 4);
  const lp = <usize>load<u32>(a, 8);
  const partial = <usize>load<u32>(a, 12);
  for (let i: usize = 0; i < end; i += 16) {
    const k = ld(count + i);
    const eta = ld(logRate + i);
    let rate = expOf(eta);
    if (v128.any_true(expSpecial(eta))) rate = expSlow(eta, ZERO());
    st(lp + i, outside(notCount(k), sub(times(k, eta), rate)));
    if (partial) st(partial + i, sub(k, rate));
  }
}
