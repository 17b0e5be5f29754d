// Logarithms of distribution functions and of what they leave to 1, with partials, as density kernels: log P and log Q of the gamma,
// log I and log(1 - I) of the beta, and log F of Student's t. Each is D times a ratio on the side where it is small, so that neither
// it nor a partial underflows in a far tail. Invariant: where the logarithm is -∞, the partials are 0, not NaN.

import { Op } from "../opcodes";
import {
  fromAbove as betaFromAbove, incompleteBeta, logPrefix as betaLogPrefix, prefix as betaPrefix, ratio as betaRatio, slope as betaSlope, value,
} from "./incomplete-beta";
import { fromAbove, incompleteGamma, logPrefix, lower, prefix, ratio, slope, upper } from "./incomplete-gamma";
import { exp, log, log1p } from "./scalar";

const LN2: f64 = 0.6931471805599453;

/** The logarithm of a probability p, and its partials in the value and the shape. */
let result: f64 = 0, dValue: f64 = 0, dShape: f64 = 0;
/** D/p, which makes a partial of a slope. */
let factor: f64 = 0;

/** Sets result and factor for p, where 1 - p is q: from the ratio p/D where that is known and p is small. */
function logarithm(p: f64, q: f64, d: f64, logD: f64, known: bool, r: f64): void {
  if (known && !(p > 0.5)) {
    result = logD + log(r);
    factor = r == 0.0 ? 0.0 : 1.0 / r;
  } else {
    result = p > 0.5 ? log1p(-q) : log(p);
    factor = p == 0.0 ? 0.0 : d / p;
  }
}

function gammaTail(above: bool, x: f64, a: f64): void {
  incompleteGamma(a, x);
  if (above) logarithm(upper, lower, prefix, logPrefix, fromAbove, ratio);
  else logarithm(lower, upper, prefix, logPrefix, !fromAbove, ratio);
  if (above) factor = -factor;
  dValue = factor == 0.0 ? 0.0 : factor * (a / x);
  dShape = factor * slope;
}

/** dShape is the derivative ofA ∂/∂a + ofB ∂/∂b. */
function betaTail(above: bool, x: f64, a: f64, b: f64, ofA: f64, ofB: f64): void {
  incompleteBeta(a, b, x, ofA, ofB);
  const complement = betaFromAbove ? betaPrefix * betaRatio : 1.0 - value;
  if (above) logarithm(complement, value, betaPrefix, betaLogPrefix, betaFromAbove, betaRatio);
  else logarithm(value, complement, betaPrefix, betaLogPrefix, !betaFromAbove, betaRatio);
  if (above) factor = -factor;
  dValue = factor == 0.0 ? 0.0 : factor / x / (1.0 - x);
  dShape = factor == 0.0 ? 0.0 : factor * betaSlope; // shapes of 0 have no slope
}

/** log P(T <= t): beyond |t|, half of I at ν/(ν + t²) of (ν/2, 1/2), or of 1 - I at t²/(ν + t²) of (1/2, ν/2), whichever is below 1/2. */
function studentTail(t: f64, nu: f64): void {
  const z = Math.min(Math.max(Math.abs(t), 1e-150), 1e150), square = z * z, whole = nu + square;
  const near = square < nu;
  if (near) betaTail(true, square / whole, 0.5, 0.5 * nu, 0.0, 1.0);
  else betaTail(false, nu / whole, 0.5 * nu, 0.5, 1.0, 0.0);
  result -= LN2;
  dShape = 0.5 * dShape + (near ? -factor : factor) / nu;
  dValue = near ? -2.0 * factor / z : 2.0 * factor / z;
  if (t > 0.0) {
    const tail = exp(result), odds = -tail / (1.0 - tail);
    result = log1p(-tail);
    dShape *= odds;
    dValue *= -odds;
  }
  if (Math.abs(t) == Infinity) {
    result = t > 0.0 ? 0.0 : t;
    dShape = dValue = 0.0;
  }
}

// @ts-ignore: decorator
@inline function at(a: usize, k: i32, i: usize): f64 { return load<f64>(<usize>load<u32>(a + (k << 2)) + i); }
function give(a: usize, k: i32, i: usize, v: f64): void {
  const p = <usize>load<u32>(a + (k << 2));
  if (p) store<f64>(p + i, v);
}

export function runTails(op: i32, n: i32, a: usize): void {
  const beta = op == Op.BetaLogCdf || op == Op.BetaLogSurvival;
  const o = a + (beta ? 12 : 8), end = <usize>n << 3;
  for (let i: usize = 0; i < end; i += 8) {
    const x = at(a, 0, i), y = at(a, 1, i);
    if (beta) betaTail(op == Op.BetaLogSurvival, x, y, at(a, 2, i), 1.0, 0.0);
    else if (op == Op.StudentTLogCdf) studentTail(x, y);
    else gammaTail(op == Op.GammaLogSurvival, x, y);
    give(o, 0, i, result);
    give(o, 1, i, dValue);
    give(o, 2, i, dShape);
    if (beta && load<u32>(o + 12)) {
      incompleteBeta(y, at(a, 2, i), x, 0.0, 1.0);
      give(o, 3, i, factor == 0.0 ? 0.0 : factor * betaSlope);
    }
  }
}
