// Distribution functions and their inverses that several families share, as values of the graph. They have no branches: where a
// formula has two sides, each is computed with its argument held to its own side, and a weight of 0 or 1 chooses.

import * as g from "../../compile/arithmetic.js";
import { type Node, stop } from "../../compile/node.js";
import { betaInc, betaLogCdf, studentLogCdf, vonMisesCdf } from "../../compile/special.js";

export const SQRT_HALF = Math.SQRT1_2;
const LARGEST = Number.MAX_VALUE;

export const standard = (x: Node, loc: Node, scale: Node): Node => g.div(g.sub(x, loc), scale);
export const place = (z: Node, loc: Node, scale: Node): Node => g.add(loc, g.mul(scale, z));
export const oneMinus = (x: Node): Node => g.sub(1, x);
/** x held to [low, high]; NaN stays. */
export const clamp = (x: Node, low: g.Operand, high: g.Operand): Node => g.min(g.max(x, low), high);
export const atLeast0 = (x: Node): Node => g.max(x, 0);
/** `then` where condition is 1, `otherwise` where it is 0; both finite. */
export const choose = (condition: Node, then: g.Operand, otherwise: g.Operand): Node =>
  g.add(g.mul(condition, then), g.mul(oneMinus(condition), otherwise));

/** log(1 − eᵘ) for u ≤ 0, exact on either side of u = −log 2, with its derivative. */
export const log1mExp = (u: Node): Node =>
  choose(g.less(u, -Math.LN2), g.log1p(g.neg(g.exp(g.min(u, -0.5)))), g.log(g.neg(g.expm1(g.max(u, -1)))));

/** atan for any x: three halvings of the angle and its series. */
export function atan(x: Node): Node {
  let t = clamp(x, -1e150, 1e150);
  for (let k = 0; k < 3; k++) t = g.div(t, g.add(1, g.sqrt(g.add(1, g.square(t)))));
  const u = g.square(t);
  let series: Node = g.toNode(1 / 19);
  for (let k = 17; k >= 3; k -= 2) series = g.sub(1 / k, g.mul(u, series));
  return g.mul(8, g.sub(t, g.mul(t, g.mul(u, series))));
}

/** The angle in [−π, π] of the point (x, y), which is not the origin. */
export function atan2(y: Node, x: Node): Node {
  const acute = g.mul(2, atan(g.div(y, g.add(g.sqrt(g.add(g.square(x), g.square(y))), g.abs(x)))));
  return choose(stop(g.less(x, 0)), g.sub(g.mul(Math.PI, stop(g.sign(y))), acute), acute);
}

/** The cdf of von Mises over [−π, π] around any angle: that around 0, with a turn for each end that is passed. */
export function vonMisesCdfAround(x: Node, loc: Node, kappa: Node): Node {
  const center = choose(g.less(g.abs(loc), Math.PI), loc, atan2(g.sin(loc), g.cos(loc)));
  const whole = (y: Node): Node => {
    const turns = g.sub(g.less(Math.PI, y), g.less(y, -Math.PI));
    return g.add(turns, vonMisesCdf(clamp(g.sub(y, g.mul(2 * Math.PI, turns)), -Math.PI, Math.PI), kappa));
  };
  const held = clamp(x, -Math.PI, Math.PI);
  return clamp(g.sub(whole(g.sub(held, center)), whole(g.sub(-Math.PI, center))), 0, 1);
}

/** P(Z > |z|) of a Cauchy for |z| ≥ 1: atan(1/|z|)/π. */
const cauchyTail = (z: Node): Node => g.mul(1 / Math.PI, atan(g.reciprocal(g.max(g.abs(z), 1))));
const isFar = (z: Node): Node => g.less(1, g.abs(z));
/** Cauchy: 1/2 + atan(z)/π, by the angle from the nearer end in the tails. */
export function cauchyCdf(z: Node): Node {
  const tail = cauchyTail(z);
  const far = choose(g.less(z, 0), tail, oneMinus(tail));
  return choose(isFar(z), far, g.add(0.5, g.mul(1 / Math.PI, atan(clamp(z, -1.5, 1.5)))));
}
/** The cdf of |Z|, z ≥ 0. */
export const halfCauchyCdf = (z: Node): Node =>
  choose(isFar(z), oneMinus(g.mul(2, cauchyTail(z))), g.mul(2 / Math.PI, atan(g.min(z, 1.5))));
export const cauchySurvival = (z: Node): Node => cauchyCdf(g.neg(z));
/** −cot πp. Near 1 the angle from the other end is used. */
export function cauchyQuantile(p: Node): Node {
  const upper = g.less(0.5, p);
  const angle = g.mul(Math.PI, choose(upper, oneMinus(p), p));
  return g.mul(choose(upper, 1, -1), g.div(g.cos(angle), g.sin(angle)));
}

/** e^{−|z|}/2 on its side. */
export function laplaceCdf(z: Node): Node {
  const tail = g.mul(0.5, g.exp(g.neg(g.abs(z))));
  return choose(g.less(z, 0), tail, oneMinus(tail));
}
export const laplaceLogCdf = (z: Node): Node =>
  choose(g.less(z, 0), g.sub(g.min(z, 0), Math.LN2), g.log1p(g.mul(-0.5, g.exp(g.neg(g.max(z, 0))))));
export function laplaceQuantile(p: Node): Node {
  const side = g.sign(g.sub(p, 0.5));
  return g.neg(g.mul(side, g.log(g.mul(2, g.min(p, oneMinus(p))))));
}

/** log(1 − exp(−e⁻ᶻ)), which is −z to double precision for z > 40. */
export const gumbelLogSurvival = (z: Node): Node =>
  g.sub(log1mExp(g.neg(g.exp(g.neg(clamp(z, -700, 40))))), g.max(g.sub(z, 40), 0));

/** −log(1 − p), the quantile of a standard exponential. */
export const exponentialQuantile = (p: Node): Node => g.neg(g.log1p(g.neg(p)));

/** erf(z/√2) = p: through ndtri, and a step of Newton that restores what (1 + p)/2 loses. */
export function halfNormalQuantile(p: Node): Node {
  const z = g.neg(g.ndtri(g.mul(0.5, oneMinus(p))));
  const near = g.min(z, 6);
  const step = g.mul(
    g.mul(g.sub(g.erf(g.mul(SQRT_HALF, near)), p), Math.sqrt(Math.PI / 2)),
    g.exp(g.mul(0.5, g.square(near))),
  );
  return g.sub(z, g.mul(g.less(z, 6), step));
}

/** Student's t beyond |z|, one side: I_{ν/(ν + z²)}(ν/2, 1/2)/2. For z² < ν the other end of the beta function is exact. */
export function studentTail(z: Node, df: Node): Node {
  const square = g.square(clamp(z, -1e150, 1e150));
  const near = g.less(square, df);
  const half = g.mul(0.5, df);
  const whole = g.add(df, square);
  const far = betaInc(half, 0.5, g.mul(g.less(g.abs(z), Number.POSITIVE_INFINITY), g.div(df, whole)));
  const close = oneMinus(betaInc(0.5, half, g.div(square, whole)));
  return g.mul(0.5, choose(near, close, far));
}
export function studentCdf(z: Node, df: Node): Node {
  const tail = studentTail(z, df);
  return choose(g.less(z, 0), tail, oneMinus(tail));
}

/** log P(|T| > z), z ≥ 0. */
export const halfStudentLogSurvival = (z: Node, df: Node): Node => g.add(Math.LN2, studentLogCdf(g.neg(z), df));
/** log P(|T| ≤ z), z ≥ 0: from the beta function for z² < ν, else from the other tail. */
export function halfStudentLogCdf(z: Node, df: Node): Node {
  const square = g.square(clamp(z, 1e-150, 1e150));
  const close = betaLogCdf(g.min(g.div(square, g.add(df, square)), 0.5), 0.5, g.mul(0.5, df));
  const far = g.log1p(g.neg(g.exp(g.min(halfStudentLogSurvival(z, df), -1e-9))));
  return choose(g.less(square, df), close, far);
}

/** Counts are whole where these are used; below the support they are held to −1, above to the largest double. */
export const heldCount = (k: Node, high: g.Operand = LARGEST): Node => clamp(k, -1, high);

/**
 * The cdf at z (or 1 − cdf, where `upper` is set) of a standard normal between a and b. Where the interval lies more to the right it
 * is mirrored into the left tail, where log Φ is exact.
 */
export function truncatedNormalCdf(z: Node, a: Node, b: Node, upper = false): Node {
  const held = (x: Node): Node => clamp(x, -1e10, 1e10);
  const mirrored = g.less(0, g.add(held(a), held(b)));
  const side = g.sub(1, g.mul(2, mirrored));
  const ends = [g.mul(side, held(a)), g.mul(side, held(b))] as const;
  const low = g.min(...ends);
  const high = g.max(...ends);
  const top = g.logNdtr(high);
  const bottom = g.sub(g.logNdtr(low), top);
  const at = g.sub(g.logNdtr(clamp(g.mul(side, z), low, high)), top);
  const mass = g.neg(g.expm1(bottom));
  const below = g.div(g.sub(g.exp(at), g.exp(bottom)), mass);
  const above = g.div(g.neg(g.expm1(at)), mass);
  return upper ? choose(mirrored, below, above) : choose(mirrored, above, below);
}
