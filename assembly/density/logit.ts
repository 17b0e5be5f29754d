// Bernoulli and Poisson observations with linear predictors, the likelihoods of generalised linear models: written for speed, with
// the elementary functions inlined. Everything about a logit comes from e = exp(−|u|): log σ(u) = min(u, 0) − log(1 + e), and one
// division gives σ; no difference of nearly equal numbers is ever formed.

import { abs, add, div, ld, mul, pmin, select, st, sub } from "../lanes";
import { expNegAbsOf, expNegAbsSlow, expOf, expSlow, expSpecial, log1pUnit } from "../math";
import { bytes, eq, lt, MINUS_INFINITY, notCount, ONE, outside, times, ZERO } from "./common";

/** s = 2y − 1 (the sign of the outcome), logit ; lp, ∂logit */
export function bernoulliLogit(n: i32, a: usize): void {
  const end = bytes(n);
  const outcome = <usize>load<u32>(a);
  const logit = <usize>load<u32>(a, 4);
  const lp = <usize>load<u32>(a, 8);
  const partial = <usize>load<u32>(a, 12);
  for (let i: usize = 0; i < end; i += 16) {
    const s = ld(outcome + i);
    const u = mul(s, ld(logit + i));
    let e = expNegAbsOf(u);
    if (v128.any_true(expSpecial(u))) e = expNegAbsSlow(u);
    const size = abs(s);
    // −∞ − |s|: where s is no sign, −∞, unless it is NaN.
    st(lp + i, select(eq(size, ONE()), sub(pmin(u, ZERO()), log1pUnit(e)), sub(MINUS_INFINITY(), size)));
    if (partial) st(partial + i, mul(s, div(select(lt(ZERO(), u), e, ONE()), add(ONE(), e))));
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
