// The regularised incomplete beta function with its derivatives in the shapes a and b, and its inverse, in scalar f64. Continued
// fraction (DLMF 8.17.22, modified Lentz) on the side of the mean where it converges fast, times D = x^a (1 - x)^b/B(a, b), whose
// exponent is summed in two parts (for large a and b by the distance from the mean, as in DiDonato and Morris, ACM TOMS 18, 1992).
// 1 - x is kept in two parts too. Derivatives are carried along term by term.

import {
  digammaStep, exp, expSum, high, lbeta, log, low, ndtri, plus, plusLog, plusLog1pMinus, plusProduct, productRest, quotientRest, start,
  stirling,
} from "./scalar";

/** I_x(a, b). */
export let value: f64 = 0;
/** D; the density of the beta distribution is D/(x (1 - x)). */
export let prefix: f64 = 0;
/** The derivative of I, in a or in b as asked for, is D·slope. */
export let slope: f64 = 0;
/** log D, also where D underflows. */
export let logPrefix: f64 = 0;
/** I/D or, where `fromAbove` is set, (1 - I)/D: what was computed first. */
export let ratio: f64 = 0;
export let fromAbove: bool = false;

/** Adds a (log(1 + d) - d), where 1 + d = (x + rest)(a + b)/a and a d = far + farRest. */
function plusDistance(a: f64, b: f64, x: f64, rest: f64, far: f64, farRest: f64): void {
  const d = far / a;
  if (Math.abs(d) < 0.25) {
    plusLog1pMinus(a, d, quotientRest(far, a, d) + farRest / a);
    return;
  }
  const s = a + b;
  const p = x * s, r = p / a, q = r * a;
  const lost = a > b ? b - (s - a) : a - (s - b);
  plusLog(a, r, ((p - q) - productRest(r, a, q) + productRest(x, s, p) + x * lost + rest * s) / a);
  plus(-far);
  plus(-farRest);
}

/** D for x + xRest = 1 - (y + yRest). */
function prefixOf(a: f64, b: f64, x: f64, xRest: f64, y: f64, yRest: f64): f64 {
  start(0.0, 0.0);
  if (Math.min(a, b) < 3.0) {
    plusLog(a, x, xRest);
    plusLog(b, y, yRest);
    plus(-lbeta(a, b));
    logPrefix = high + low;
    return expSum();
  }
  plusProduct(x, b);
  plusProduct(-y, a);
  const far = high, farRest = low + (xRest * b - yRest * a);
  start(0.0, 0.0);
  plusDistance(a, b, x, xRest, far, farRest);
  plusDistance(b, a, y, yRest, -far, -farRest);
  plus(stirling(a + b) - stirling(a) - stirling(b));
  const root = Math.sqrt(a * (b / (a + b)));
  logPrefix = high + low + log(root / 2.5066282746310002);
  return expSum() * root / 2.5066282746310002;
}

// The state of Lentz's algorithm: the convergent h, its ratios c and d, and derivatives (of h, that of its logarithm).
let h: f64 = 0, dh: f64 = 0, c: f64 = 0, dc: f64 = 0, d: f64 = 0, dd: f64 = 0, close: bool = false;

/** The next term of the fraction, e/(1 + ..), with its derivative. */
function term(e: f64, de: f64): void {
  dd = de * d + e * dd;
  d = 1.0 / (1.0 + e * d);
  dd *= -d * d;
  dc = (de - e * dc / c) / c;
  c = 1.0 + e / c;
  const step = c * d;
  const log = dc / c + dd / d;
  h *= step;
  dh += log;
  close = Math.abs(step - 1.0) <= 2.3e-16 && Math.abs(log) <= 1e-16 * Math.abs(dh);
}

/** Sets value and slope from x + xRest = 1 - (y + yRest) and the prefix. */
function fraction(a: f64, b: f64, x: f64, xRest: f64, y: f64, yRest: f64, ofA: f64, ofB: f64): void {
  h = 1.0;
  dh = 0.0;
  c = 1.0;
  dc = 0.0;
  d = 0.0;
  dd = 0.0;
  for (let m = 0.0; m < 1e7; ) {
    const am = a + m, a2 = am + m, abm = am + b;
    let e = -(am / a2) * (abm / (a2 + 1.0)) * x;
    term(e, e * ((ofA + ofB) / abm + ofA * (m / am / a2 - 1.0 / (a2 + 1.0))));
    m += 1.0;
    const k = (m / (a2 + 1.0)) / (a2 + 2.0) * x;
    e = k * (b - m);
    term(e, k * ofB - e * ofA * (1.0 / (a2 + 1.0) + 1.0 / (a2 + 2.0)));
    if (close) break;
  }
  value = prefix / (a * h);
  ratio = 1.0 / (a * h);
  slope = 0.0;
  if (ofA != 0.0) slope = ofA * (log(x) + xRest / x + digammaStep(a + 1.0, b - 1.0));
  if (ofB != 0.0) slope += ofB * (log(y) + yRest / y + digammaStep(b, a));
  slope = (slope - dh) / (a * h);
}

/**
 * Sets value, prefix and slope, the latter for the derivative ofA ∂/∂a + ofB ∂/∂b. NaN for negative shapes, for two zero or two
 * infinite ones, and for x outside [0, 1].
 */
export function incompleteBeta(a: f64, b: f64, x: f64, ofA: f64, ofB: f64): void {
  prefix = 0.0;
  slope = 0.0;
  logPrefix = 0.0;
  fromAbove = false;
  if (!(a >= 0.0 && b >= 0.0 && x >= 0.0 && x <= 1.0) || (a == b && (a == 0.0 || a == Infinity))) {
    value = slope = ratio = NaN;
  } else if (x == 0.0 || x == 1.0) {
    value = ratio = x;
  } else if (a == 0.0 || b == Infinity) {
    value = ratio = 1.0;
  } else if (b == 0.0 || a == Infinity) {
    value = ratio = 0.0;
  } else {
    const y = 1.0 - x, rest = (1.0 - y) - x;
    prefix = prefixOf(a, b, x, 0.0, y, rest);
    if (x > (a + 1.0) / (a + b + 2.0)) {
      fraction(b, a, y, rest, x, 0.0, ofB, ofA);
      // For small b the complement may be next to 1; the fraction on this side converges too, only slower.
      if (value < 0.999 || b >= 1.0 || y < 1e-6) {
        value = 1.0 - value;
        slope = -slope;
        fromAbove = true;
        return;
      }
    }
    fraction(a, b, x, 0.0, y, rest, ofA, ofB);
  }
}

/** x with I_x(a, b) = t <= 1/2: Newton's iteration on log I over log x, with bisection. */
function quantile(a: f64, b: f64, t: f64): f64 {
  const logT = log(t);
  const mean = a / (a + b);
  // I ~ x^a/(a B(a, b)) near 0, a bound for b >= 1; or the normal approximation.
  let x = exp((logT + log(a) + lbeta(a, b)) / a);
  if (x == 0.0) return 0.0;
  let lo = 0.0, hi = 1.0;
  if (b >= 1.0) {
    const normal = mean + ndtri(t) * Math.sqrt(mean * (1.0 - mean) / (a + b + 1.0));
    if (a >= 1.0 && normal > x) x = normal;
  }
  if (!(x < 1.0)) x = mean;
  let last = Infinity;
  for (let i = 0; i < 300; i++) {
    incompleteBeta(a, b, x, 0.0, 0.0);
    const f = value;
    const g = f > 0.5 * t && f < 2.0 * t ? log(f / t) : log(f) - logT;
    if (g == 0.0) break;
    if (g < 0.0) lo = x;
    else hi = x;
    let step = -g * (f / prefix) * (1.0 - x);
    let next = x * exp(step);
    if (!(next > lo && next < hi)) {
      if (Math.abs(step) < 1e-9) break; // the noise of I, not a way out of the bracket
      next = lo == 0.0 ? hi * 1e-3 : hi > 4.0 * lo ? Math.sqrt(lo) * Math.sqrt(hi) : 0.5 * (lo + hi);
      if (next == lo || next == hi) break;
      step = 1.0;
    }
    x = next;
    step = Math.abs(step);
    if (step <= 2e-16 || (step < 1e-7 && step >= last)) break;
    last = step;
  }
  return x;
}

/** x with I_x(a, b) = t. */
export function inverseBeta(a: f64, b: f64, t: f64): f64 {
  if (!(a > 0.0 && a < Infinity && b > 0.0 && b < Infinity && t >= 0.0 && t <= 1.0)) return NaN;
  if (t == 0.0 || t == 1.0) return t;
  return t <= 0.5 ? quantile(a, b, t) : 1.0 - quantile(b, a, 1.0 - t);
}
