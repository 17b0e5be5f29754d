// The distribution function of von Mises around 0, by Gauss-Legendre panels along the tail: F(-s) is the integral of
// e^{-κ(1 - cos t)} over t from s to π, over twice that from 0. The integrand is positive and counted from its value at s, so that
// tails keep their relative accuracy for every κ, and no Bessel function is needed. The derivative in κ weighs it with
// (1 - cos t) - m, m the mean of 1 - cos t, on the side of s where that has one sign.

import { add, div, hsum, lds, mul, splat } from "../lanes";
import { exp as exp2 } from "../math";
import { sin as sin2 } from "../trigonometry";
import { Op } from "../opcodes";
import { NODES } from "./owens";
import { exp, sin } from "./scalar";

const PI_REST: f64 = 1.2246467991473532e-16;

/** The integral of e^{κ(cos t - cos s)}, and of that times 1 - cos t - m, both in units of `scale`, as they may underflow. */
let area: f64 = 0;
let moment: f64 = 0;
let scale: f64 = 0;

/** Sets them for t from s to π, or from s to 0 where `inward` is set. */
function integrate(kappa: f64, s: f64, m: f64, inward: bool): void {
  const length = inward ? s : (Math.PI - s) + PI_REST;
  const width = Math.min(2.0 / Math.sqrt(kappa + 1.0), 7.0 / (kappa * sin(s)));
  const count = Math.max(1.0, Math.ceil(length / width));
  const half = 0.25 * length / count; // of a panel, in u = (t - s)/2
  const step = splat(half), from = splat(s), far = sin(0.5 * s), base = splat(2.0 * far * far - m);
  const towards = splat(inward ? -1.0 : 1.0);
  area = moment = 0.0;
  for (let k = 0.0; k < count; k += 1.0) {
    const middle = splat((2.0 * k + 1.0) * half);
    let sum = splat(0), weighted = splat(0);
    for (let p = NODES; p < NODES + 96; p += 16) {
      const u = mul(towards, add(middle, mul(lds(p), f64x2.replace_lane(step, 1, -half))));
      const a = sin2(u), a2 = add(a, a), b = sin2(add(from, u));
      const e = mul(lds(p + 8), exp2(mul(mul(splat(-kappa), a2), b)));
      sum = add(sum, e);
      weighted = add(weighted, mul(e, add(base, mul(a2, b)))); // 1 - cos t = 1 - cos s + 2 sin u sin(s + u)
    }
    const part = hsum(sum);
    area += part;
    moment += hsum(weighted);
    if (part <= 1e-17 * area) break; // the rest is less still
  }
  scale = 2.0 * half;
}

// What the whole circle gives, for the κ asked for last.
let known: f64 = -1, whole: f64 = 0, mean: f64 = 0;

/**
 * By opcode: F(x), ∂F/∂κ or ∂x/∂κ at fixed F, for κ >= 0 (NaN otherwise). x beyond ±π counts as ±π.
 */
export function vonMises(op: i32, x: f64, kappa: f64): f64 {
  if (!(kappa >= 0.0) || x != x) return NaN;
  const s = Math.abs(x);
  if (s >= Math.PI || (kappa == Infinity && s > 0.0)) return op == Op.VonMisesCdf && x > 0.0 ? 1.0 : 0.0;
  kappa = Math.min(kappa, f64.MAX_VALUE);
  if (kappa != known) {
    integrate(kappa, 0.0, 0.0, false);
    known = kappa;
    whole = 2.0 * area * scale;
    mean = moment / area;
  }
  const h = sin(0.5 * s), v = 2.0 * h * h, e = exp(-kappa * h * (2.0 * h));
  if (op == Op.VonMisesCdf) {
    integrate(kappa, s, 0.0, false);
    const tail = Math.min(0.5, e * area * scale / whole);
    return x > 0.0 ? 1.0 - tail : tail;
  }
  const inward = v < mean;
  integrate(kappa, s, mean, inward);
  const d = inward ? moment : -moment; // of the tail, over the density
  return copysign(op == Op.VonMisesSampleDerivative ? d * scale : d * e * (scale / whole), op == Op.VonMisesSampleDerivative ? -x : x);
}
