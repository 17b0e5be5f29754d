// A learned mix of two estimators of one gradient, whose difference has expectation zero: a control variate (Roeder et al. 2017; Geffner &
// Domke 2018), with a weight per element, minus the covariance of gradient and difference over the variance of the difference. Both are
// running means over the steps before, so that the weight does not depend on the step's own draws and the mix is without bias.

import { div, ld, madd, mul, neg, nmadd, select, splat, st, sub } from "./lanes";

/** Steps before a weight is believed, until then 0. */
export const LEARNING: i32 = 8;
/** Share of the last step in the running means: about 65 steps count, which costs 1.5 % of variance. */
const NEWEST: f64 = 0.03;

/** Minus covariance over variance, 0 where the difference does not vary. */
// @ts-ignore: decorator
@inline function weight(covariance: v128, variance: v128): v128 {
  const zero = i64x2(0, 0);
  return select(f64x2.gt(variance, zero), neg(div(covariance, variance)), zero);
}

/** gradient += weight · difference. Arrays have an even number of doubles. */
export function mix(n: i32, gradient: usize, difference: usize, covariance: usize, variance: usize): void {
  const end = <usize>n << 3;
  for (let i: usize = 0; i < end; i += 16) {
    const w = weight(ld(covariance + i), ld(variance + i));
    st(gradient + i, madd(w, ld(difference + i), ld(gradient + i)));
  }
}

/** Takes a step, mixed if `steps` (so far) were enough, into the running means. */
export function learn(
  n: i32, gradient: usize, difference: usize, covariance: usize, variance: usize, centre: usize, steps: i32,
): void {
  const end = <usize>n << 3;
  // A plain mean at first.
  const share = splat(max(NEWEST, 1 / <f64>(steps + 1)));
  const known = splat(steps > 0 ? 1.0 : 0.0);
  const mixed = splat(steps >= LEARNING ? 1.0 : 0.0);
  for (let i: usize = 0; i < end; i += 16) {
    const d = ld(difference + i);
    const s = ld(covariance + i);
    const v = ld(variance + i);
    const c = ld(centre + i);
    const g = ld(gradient + i);
    // The gradient before it was mixed; its deviation is from a mean of the steps before, of which there are none at first.
    const away = mul(known, sub(nmadd(mul(mixed, weight(s, v)), d, g), c));
    st(covariance + i, madd(share, sub(mul(away, d), s), s));
    st(variance + i, madd(share, sub(mul(mul(known, d), d), v), v));
    st(centre + i, madd(share, sub(g, c), c));
  }
}
