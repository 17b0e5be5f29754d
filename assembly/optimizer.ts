// First-order optimisers over a flat vector of parameters. Adam (Kingma & Ba 2015, algorithm 1, bias-corrected) in one pass:
// the two bias corrections fold into the step and the epsilon, so that an element costs one square root and one division.
// The invariant: elements do not see each other, hence any split of the vector gives the same bits.

import { add, div, ld, madd, mul, splat, sqrt, st } from "./lanes";

/** Places in the array of settings an optimiser keeps (doubles). The powers start at 1 and are advanced by every step. */
const RATE: usize = 0;
const BETA1: usize = 8;
const BETA2: usize = 16;
const EPSILON: usize = 24;
const POWER1: usize = 32;
const POWER2: usize = 40;

/** The decays b1 and b2, what they leave to a gradient, the rate and epsilon are locals of `adam`: its loop keeps all six in registers. */
// @ts-ignore: decorator
@inline function element(
  at: usize, parameters: usize, gradient: usize, first: usize, second: usize, b1: v128, c1: v128, b2: v128, c2: v128, rate: v128,
  epsilon: v128,
): void {
  const g = ld(gradient + at);
  const m = madd(c1, g, mul(b1, ld(first + at)));
  const v = madd(mul(c2, g), g, mul(b2, ld(second + at)));
  st(first + at, m);
  st(second + at, v);
  st(parameters + at, add(ld(parameters + at), div(mul(rate, m), add(sqrt(v), epsilon))));
}

/** beta^(t + 1) from beta^t, and 0 once 1 - beta^t has long been 1: a subnormal power costs 60 ns at every step from t = 6,700 on. */
// @ts-ignore: decorator
@inline function advanced(power: f64, beta: f64): f64 {
  return power > 1e-100 ? power * beta : 0;
}

/**
 * One step of Adam on n parameters, uphill (downhill with a negative rate). `settings` holds
 * [rate, beta1, beta2, epsilon, beta1^t, beta2^t], the powers 1 before the first step. Arrays of odd length have a spare double.
 */
export function adam(n: i32, parameters: usize, gradient: usize, first: usize, second: usize, settings: usize): void {
  const beta1 = load<f64>(settings, BETA1);
  const beta2 = load<f64>(settings, BETA2);
  const power1 = advanced(load<f64>(settings, POWER1), beta1);
  const power2 = advanced(load<f64>(settings, POWER2), beta2);
  store<f64>(settings, power1, POWER1);
  store<f64>(settings, power2, POWER2);
  // rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon), numerator and denominator multiplied by sqrt(1 - b2^t)
  const root = Math.sqrt(1 - power2);
  const b1 = splat(beta1), c1 = splat(1 - beta1), b2 = splat(beta2), c2 = splat(1 - beta2);
  const rate = splat(load<f64>(settings, RATE) * root / (1 - power1)), epsilon = splat(load<f64>(settings, EPSILON) * root);
  const end = (<usize>(n + 1) >> 1) << 4;
  let at: usize = 0;
  for (; at + 32 <= end; at += 32) {
    element(at, parameters, gradient, first, second, b1, c1, b2, c2, rate, epsilon);
    element(at + 16, parameters, gradient, first, second, b1, c1, b2, c2, rate, epsilon);
  }
  if (at < end) element(at, parameters, gradient, first, second, b1, c1, b2, c2, rate, epsilon);
}

/** average += weight (values - average), over n doubles: the running mean of iterates, weighted by the caller. */
export function average(n: i32, values: usize, mean: usize, weight: f64): void {
  const w = splat(weight);
  const end = (<usize>(n + 1) >> 1) << 4;
  for (let at: usize = 0; at < end; at += 16) {
    const old = ld(mean + at);
    st(mean + at, madd(w, f64x2.sub(ld(values + at), old), old));
  }
}
