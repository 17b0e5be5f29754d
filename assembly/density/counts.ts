// Counts: Bernoulli, binomial, geometric, Poisson, negative binomial, beta-binomial. Every term is a product of non-negative counts
// with logarithms of one sign, so that nothing cancels; 0·log 0 is 0. Combinatorial factors come in as addends or, where they
// depend on a parameter in each row, as inputs.

import { add, div, mul, neg, nmadd, pmax, select, sub } from "../lanes";
import { expNegAbs, log1p } from "../math";
import { Op } from "../opcodes";
import { and, bytes, eq, get, give, lt, nanOf, ne, notCount, onCounts, ONE, outside, put, times, write2, write3, ZERO } from "./common";
import { log1pOfUnit } from "./logit";

/** y, p, log p, log(1 − p) ; lp, ∂p */
function bernoulli(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const y = get(a, 0, i);
    const one = ONE();
    const failure = ne(y, one);
    const bad = and(and(failure, ne(y, ZERO())), eq(y, y));
    const lp = outside(bad, add(nanOf(y), select(failure, get(a, 3, i), get(a, 2, i))));
    put(a, 4, i, lp);
    give(a, 5, i, div(one, sub(get(a, 1, i), and(one, failure))));
  }
}

/** k, p, log(1 − p) ; lp, ∂p: k failures before the first success */
function geometric(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const k = get(a, 0, i);
    const p = get(a, 1, i);
    const one = ONE();
    const lp = onCounts(a, k, times(k, get(a, 2, i)));
    write2(a + 12, i, lp, sub(div(one, p), times(k, div(one, sub(one, p)))));
  }
}

/** lp, and −Infinity where k successes and the rest of the trials are not both counts. */
// @ts-ignore: decorator
@inline function onTrials(a: usize, k: v128, rest: v128, lp: v128): v128 { return onCounts(a, k, onCounts(a, rest, lp)); }

/** k, trials N, p, log p, log(1 − p) ; lp, ∂p */
function binomial(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const k = get(a, 0, i);
    const rest = sub(get(a, 1, i), k);
    const p = get(a, 2, i);
    const one = ONE();
    const lp = onTrials(a, k, rest, add(times(k, get(a, 3, i)), times(rest, get(a, 4, i))));
    write2(a + 20, i, lp, sub(times(k, div(one, p)), times(rest, div(one, sub(one, p)))));
  }
}

/** max(d, 0) */
// @ts-ignore: decorator
@inline function positivePart(d: v128): v128 { return pmax(d, ZERO()); }

/** k, trials N, logit ; lp, ∂logit */
function binomialLogit(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const k = get(a, 0, i);
    const rest = sub(get(a, 1, i), k);
    const d = get(a, 2, i);
    const up = neg(d);
    const e = expNegAbs(d);
    const l = log1pOfUnit(e);
    const one = ONE();
    const negative = lt(d, ZERO());
    const lp = neg(add(times(k, add(positivePart(up), l)), times(rest, add(positivePart(d), l))));
    const dlogit = nmadd(rest, select(negative, e, one), mul(k, select(negative, one, e)));
    write2(a + 12, i, onTrials(a, k, rest, lp), div(dlogit, add(one, e)));
  }
}

/** k, rate, log rate ; lp, ∂rate */
function poisson(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const k = get(a, 0, i);
    const rate = get(a, 1, i);
    const lp = outside(notCount(k), sub(times(k, get(a, 2, i)), rate));
    put(a, 3, i, lp);
    give(a, 4, i, div(sub(k, rate), rate));
  }
}

/** k, mean μ, dispersion φ, log of (k + φ − 1 choose k), ψ(k + φ) − ψ(φ) ; lp, ∂μ, ∂φ */
function negativeBinomial(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const k = get(a, 0, i);
    const mean = get(a, 1, i);
    const phi = get(a, 2, i);
    const l = log1p(div(mean, phi));
    const ratio = div(phi, mean);
    const lp = sub(sub(get(a, 3, i), times(k, log1p(ratio))), mul(phi, l));
    const excess = div(sub(k, mean), add(mean, phi));
    write3(a + 20, i, onCounts(a, k, lp), mul(excess, ratio), sub(sub(get(a, 4, i), l), excess));
  }
}

/** k, log mean η, dispersion φ, log φ, log of (k + φ − 1 choose k), ψ(k + φ) − ψ(φ) ; lp, ∂η, ∂φ */
function negativeBinomialLog(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const k = get(a, 0, i);
    const phi = get(a, 2, i);
    const d = sub(get(a, 1, i), get(a, 3, i));
    const up = neg(d);
    const e = expNegAbs(d);
    const l = log1pOfUnit(e);
    const one = ONE();
    const plus = add(positivePart(d), l);
    const lp = sub(sub(get(a, 4, i), times(k, add(positivePart(up), l))), mul(phi, plus));
    const negative = lt(d, ZERO());
    const w = div(one, add(one, e));
    const high = mul(w, select(negative, e, one)); // σ(d)
    const low = mul(mul(k, w), select(negative, one, e)); // k σ(−d)
    const dphi = add(sub(get(a, 5, i), plus), sub(high, div(low, phi)));
    write3(a + 24, i, onCounts(a, k, lp), nmadd(phi, high, low), dphi);
  }
}

/** k, trials N, lp, ∂α, ∂β as the graph computes them ; the same on the support: lp, ∂α, ∂β */
function betaBinomial(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const k = get(a, 0, i);
    const lp = onTrials(a, k, sub(get(a, 1, i), k), get(a, 2, i));
    write3(a + 20, i, lp, get(a, 3, i), get(a, 4, i));
  }
}

export function runCounts(op: i32, n: i32, a: usize): void {
  if (!a) return runCounts(op, n, a); // see dispatch.ts
  switch (op) {
    case Op.Bernoulli: return bernoulli(n, a);
    case Op.Geometric: return geometric(n, a);
    case Op.Binomial: return binomial(n, a);
    case Op.BinomialLogit: return binomialLogit(n, a);
    case Op.Poisson: return poisson(n, a);
    case Op.NegativeBinomial: return negativeBinomial(n, a);
    case Op.NegativeBinomialLog: return negativeBinomialLog(n, a);
    default: betaBinomial(n, a);
  }
}
