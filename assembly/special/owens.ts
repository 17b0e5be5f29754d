// Owen's T function (Ann. Math. Statist. 27, 1956), what the skew normal distribution function needs: T(h, a) is the integral of
// exp(-h² (1 + t²)/2)/(1 + t²) over t from 0 to a, divided by 2π. Gauss-Legendre in panels narrow enough for exp(-h² t²/2), for
// a <= 1; Owen's identity turns a larger a into 1/a. The integrand is positive and exp(-h²/2) is factored out, so that tails keep
// their relative accuracy.

import { add, div, lds, mul, splat } from "../lanes";
import { exp } from "../math";
import { expSum, ndtr, plusProduct, start } from "./scalar";

/** Positive nodes of the twelve-point rule on [-1, 1], and their weights. */
export const NODES = memory.data<f64>([
  0.1252334085114689, 0.24914704581340277, 0.3678314989981802, 0.2334925365383548, 0.5873179542866175, 0.20316742672306592,
  0.7699026741943047, 0.16007832854334622, 0.9041172563704749, 0.10693932599531843, 0.9815606342467192, 0.04717533638651183,
], 16);

/** T(h, a) for h >= 0 and 0 <= a <= 1; both nodes of a pair at once. */
function panels(h: f64, a: f64): f64 {
  const end = Math.min(a, 8.7 / h); // what lies beyond is below 2^-54 of the whole
  const count = Math.ceil(Math.max(end * h * 0.5, end * 2.0));
  const half = 0.5 * end / count;
  let sum = splat(0);
  const scale = splat(-0.5 * h * h);
  for (let k = 0.0; k < count; k += 1.0) {
    const middle = splat((2.0 * k + 1.0) * half);
    for (let p = NODES; p < NODES + 96; p += 16) {
      const t = add(middle, mul(lds(p), f64x2.replace_lane(splat(half), 1, -half)));
      const t2 = mul(t, t);
      sum = add(sum, mul(lds(p + 8), div(exp(mul(scale, t2)), add(splat(1), t2))));
    }
  }
  start(0.0, 0.0);
  plusProduct(-0.5 * h, h);
  return expSum() * half * (f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)) * 0.15915494309189535;
}

/** T(h, a): even in h, odd in a. */
export function owensT(h: f64, a: f64): f64 {
  if (h != h || a != a) return NaN;
  h = Math.abs(h);
  const b = Math.abs(a);
  let t = 0.0;
  if (h < 40.0 && b > 0.0) {
    if (b <= 1.0) t = panels(h, b);
    else {
      const k = h == 0.0 ? 0.0 : h * b, p = ndtr(-h), q = ndtr(-k);
      t = 0.5 * (p * (1.0 - q) + q * (1.0 - p));
      if (k < 40.0 && b < Infinity) t -= panels(k, 1.0 / b);
    }
  }
  return copysign(t, a);
}
