// KL divergences of Gaussians in closed form, with gradients. klDivergence(q, p) is KL(q || p) everywhere.

import { add, hsum, ld, madd, mul, sub, st } from "./lanes";
import { sumOfSquares, sum } from "./family";

/**
 * KL(q || N(0, I)) of a Gaussian with the given location, log scales, exp(log scales) and strict rows (`strict` of them; 0:
 * mean-field), and subtracts its gradient from that of the parameters, laid out likewise.
 */
export function klStandardNormal(
  dimension: i32, location: usize, logScale: usize, scale: usize, strict: i32, lower: usize, gradLocation: usize,
  gradLogScale: usize, gradLower: usize,
): f64 {
  const squares = sumOfSquares(dimension, location) + sumOfSquares(dimension, scale) + sumOfSquares(strict, lower);
  const end = (<usize>(dimension + 1) >> 1) << 4;
  const one = f64x2.splat(1);
  for (let i: usize = 0; i < end; i += 16) {
    const s = ld(scale + i);
    st(gradLocation + i, sub(ld(gradLocation + i), ld(location + i)));
    st(gradLogScale + i, add(ld(gradLogScale + i), sub(one, mul(s, s))));
  }
  const whole = (<usize>strict >> 1) << 4;
  let i: usize = 0;
  for (; i < whole; i += 16) st(gradLower + i, sub(ld(gradLower + i), ld(lower + i)));
  if (strict & 1) store<f64>(gradLower + i, load<f64>(gradLower + i) - load<f64>(lower + i));
  return 0.5 * (squares - <f64>dimension) - sum(dimension, logScale);
}

/** KL(N(m, diag(s^2)) || N(n, diag(t^2))): ((m - n)^2 + s^2) / (2 t^2) - 1/2 + log(t / s), logs given by the caller. */
export function klDiagonal(
  dimension: i32, m: usize, s: usize, logS: usize, n: usize, t: usize, logT: usize,
): f64 {
  let acc = f64x2.splat(0);
  const whole = (<usize>dimension >> 1) << 4;
  let i: usize = 0;
  for (; i < whole; i += 16) {
    const d = sub(ld(m + i), ld(n + i));
    const v = ld(s + i);
    const w = ld(t + i);
    acc = add(acc, f64x2.div(madd(d, d, mul(v, v)), mul(w, w)));
  }
  let squares = hsum(acc);
  if (dimension & 1) {
    const d = load<f64>(m + i) - load<f64>(n + i);
    const v = load<f64>(s + i);
    const w = load<f64>(t + i);
    squares += (d * d + v * v) / (w * w);
  }
  return 0.5 * (squares - <f64>dimension) + (sum(dimension, logT) - sum(dimension, logS));
}
