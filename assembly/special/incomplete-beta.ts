// The regularised incomplete beta function with its derivatives in the shapes a and b, and its inverse, in scalar f64: a continued
// fraction (modified Lentz) on the side of the mean where it converges fast, or panels of the density for large shapes, times
// D = x^a (1 - x)^b/B(a, b), whose exponent is summed in two parts (for large a and b by the distance from the mean, as in DiDonato
// and Morris, ACM TOMS 18, 1992). 1 - x is kept in two parts too. Derivatives are carried along term by term.

import { NODES } from "./owens";
import {
  digamma, digammaRest, digammaStep, exp, expm1, expSum, high, lbeta, lgamma1p, log, log1p, log1pMinus, low, ndtri, plus, plusLog,
  plusLog1pMinus, plusProduct, productRest, quotientRest, start, stirling,
} from "./scalar";

/** I_x(a, b). */
export let value: f64 = 0;
/** D; the density of the beta distribution is D/(x (1 - x)). */
export let prefix: f64 = 0;
/** The derivative of I, in a or in b as asked for, is D·slope, */
export let slope: f64 = 0;
/** or, where this is not 0, this. */
export let tiny: f64 = 0;
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
    if (Math.max(a, b) >= 3.0) {
      plus(-lbeta(a, b));
      logPrefix = high + low;
      return expSum();
    }
    plus(lgamma1p(a + b) - lgamma1p(a) - lgamma1p(b));
    const both = a * (b / (a + b));
    logPrefix = high + low + log(both);
    return expSum() * both;
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

/** log(x + xRest) + digamma(s) - digamma(a + 1) for s = a + b and x s = a - lambda, which tells how far x is from the mean. */
function logRatio(a: f64, b: f64, s: f64, x: f64, xRest: f64, lambda: f64): f64 {
  if (a >= 3.0 && Math.abs(lambda) < 0.5 * a) return log1p(-lambda / a) + (digammaRest(a) - digammaRest(s) - 1.0 / a);
  return log(x) + xRest / x + digammaStep(a + 1.0, b) - 1.0 / s;
}

/**
 * Sets value and slope from x + xRest = 1 - (y + yRest), the prefix and lambda = a y - b x > -1: the even part of the fraction of
 * DLMF 8.17.22, whose terms do not cancel near the mean, by Lentz's algorithm with the derivatives of its terms.
 */
function fraction(a: f64, b: f64, x: f64, xRest: f64, y: f64, yRest: f64, lambda: f64, ofA: f64, ofB: f64): void {
  const s = a + b, g = 1.0 / (a + 1.0), dLambda = ofA * y - ofB * x;
  let h = (1.0 + lambda) * g, c = h, d = 0.0, dd = 0.0, dc = (dLambda - ofA * h) * g, dh = dc / h; // dh: of log h
  for (let n = 1.0; n < 1e4; n += 1.0) {
    const m = a + 2.0 * n - 1.0, k = a + (n - 1.0), e = s + (n - 1.0), first = n == 1.0;
    // The first term is divided by a, as all is.
    const w = (first ? 1.0 : k) / m * (e / m) * n * x * x;
    const alpha = w * (b - n), q = n / m * x, r = 1.0 / (m + 2.0), t = 1.0 + lambda + n * (1.0 + y), p = (a + n) * r;
    const beta = n + q * (b - n) + p * t;
    let dAlpha = alpha * ((ofA + ofB) / e - 2.0 * ofA / m) + ofB * w;
    if (!first) dAlpha += alpha * ofA / k;
    const dBeta = ofB * q - ofA * (q * (b - n) / m) + ofA * ((n + 1.0) * r * r * t) + p * dLambda;
    dd = -(dBeta + dAlpha * d + alpha * dd);
    d = 1.0 / (beta + alpha * d);
    dd *= d * d;
    dc = dBeta + (dAlpha - alpha * dc / c) / c;
    c = beta + alpha / c;
    const step = c * d, part = dd / d, change = dc / c + part;
    h *= step;
    dh += change;
    // What is below 2e-16 of its parts is their noise.
    if (!(Math.abs(step - 1.0) > 2.3e-16 || Math.abs(change) > 2e-16 * Math.abs(part))) break;
  }
  value = prefix / (a * h);
  ratio = 1.0 / (a * h);
  slope = 0.0;
  if (ofA != 0.0) slope = ofA * logRatio(a, b, s, x, xRest, lambda);
  if (ofB != 0.0) slope += ofB * (logRatio(b, a, s, y, yRest, -lambda) + 1.0 / b);
  slope = (slope - dh) / (a * h);
}

/**
 * The same for large a and b: the integral from 0 to x by Gauss-Legendre panels of the density, counted from its value at x, with
 * the exponent split into the slope there, free of cancellation through lambda, and log(1 + d) - d of both factors.
 */
function panels(a: f64, b: f64, x: f64, y: f64, lambda: f64, ofA: f64, ofB: f64): void {
  const s = a + b, steep = ((lambda - y) + x) / x / y;
  let width = 2.0 * Math.sqrt(a * (b / s)) / s;
  if (steep > 0.0) width = Math.min(width, 7.0 / steep);
  const count = Math.ceil(x / width), half = 0.5 * x / count;
  const base = ofA * (logRatio(a, b, s, x, 0.0, lambda) + 1.0 / a) + ofB * (logRatio(b, a, s, y, 0.0, -lambda) + 1.0 / b);
  let sum = 0.0, weighted = 0.0;
  for (let i = 0.0; i < count; i += 1.0) {
    let part = 0.0;
    for (let p = NODES; p < NODES + 96; p += 16) {
      for (let sign = -1.0; sign < 2.0; sign += 2.0) {
        const u = half * (2.0 * i + 1.0 + sign * load<f64>(p)), v = -u / x, w = u / y;
        const l = log1pMinus(v), m = log1pMinus(w);
        const e = load<f64>(p + 8) * exp((a - 1.0) * l + (b - 1.0) * m - steep * u);
        part += e;
        weighted += e * (base + ofA * (l + v) + ofB * (m + w));
      }
    }
    sum += part;
    if (part <= 1e-17 * sum) break;
  }
  ratio = half / x / y * sum;
  value = prefix * ratio;
  slope = half / x / y * weighted;
}

let smallSlope: f64 = 0;

/**
 * I, and ∂I/∂a in smallSlope, for small b and y (a + b), where I is near 0: 1 - I = e^u (1 + b Σ (1 - a)..(n - a) y^n/(n! (b + n))),
 * with u = b log y - log(b B(a, b)) as b times means of digamma.
 */
function small(a: f64, b: f64, y: f64, yRest: f64): f64 {
  let mean = 0.0, term = 1.0, sum = 0.0, dTerm = 0.0, dSum = 0.0;
  for (let p = NODES; p < NODES + 96; p += 16) {
    const t = 0.5 * b * load<f64>(p), w = load<f64>(p + 8), c = a + 1.0 + 0.5 * b;
    mean += 0.5 * w * (digamma(c + t) + digamma(c - t));
  }
  const u = b * (log(y) + yRest / y + mean) - lgamma1p(b) - log1p(b / a);
  for (let n = 1.0; Math.abs(term) > 1e-18; n += 1.0) {
    dTerm = (dTerm * (n - a) - term) * y / n;
    term *= (n - a) * y / n;
    sum += term / (b + n);
    dSum += dTerm / (b + n);
  }
  const e = exp(u);
  smallSlope = -e * ((digammaStep(a + 1.0, b) + b / a / (a + b)) * (1.0 + b * sum) + b * dSum);
  return -expm1(u) - e * b * sum;
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
  tiny = 0.0;
  if (!(a >= 0.0 && b >= 0.0 && x >= 0.0 && x <= 1.0) || (a == b && (a == 0.0 || a == Infinity))) {
    value = slope = ratio = NaN;
  } else if (x == 0.0 || x == 1.0) {
    value = ratio = Math.abs(x);
  } else if (a == 0.0 || b == Infinity) {
    value = ratio = 1.0;
    if (a == 0.0 && b < Infinity) slope = NaN;
  } else if (b == 0.0 || a == Infinity) {
    value = ratio = 0.0;
    if (b == 0.0 && a < Infinity) slope = NaN;
  } else if (Math.max(a, b) < 1e-100) {
    // All is at 0 or at 1.
    const s = a + b;
    value = 1.0 / (1.0 + a / b);
    logPrefix = log(a) + log(value);
    ratio = 1.0 / a;
    slope = ofB / b / s - ofA / a / s;
    tiny = (ofB * (a / s) - ofA * (b / s)) / s;
  } else {
    const y = 1.0 - x, rest = (1.0 - y) - x;
    a = Math.max(a, 1e-300); // so that 1/a and 1/b are finite
    b = Math.max(b, 1e-300);
    prefix = prefixOf(a, b, x, 0.0, y, rest);
    start(0.0, 0.0);
    plusProduct(a, y);
    plusProduct(-b, x);
    const lambda = high + (low + a * rest);
    if (Math.min(a, b) > 1000.0) {
      if (lambda < 0.0) {
        panels(b, a, y, x, -lambda, ofB, ofA);
        value = 1.0 - value;
        slope = -slope;
        fromAbove = true;
      } else panels(a, b, x, y, lambda, ofA, ofB);
      return;
    }
    // The smaller side of the mean converges faster; for a small a it is where the slope in b has its digits.
    const s = a + b, lowEnd = a < 0.01 && x * s < 0.1;
    if (x > (a + 1.0) / (s + 2.0) || (a < 0.01 && lambda < 0.0 && !lowEnd)) {
      fraction(b, a, y, rest, x, 0.0, -lambda, ofB, ofA);
      // For small b the complement may be next to 1; the fraction on this side converges too, only slower.
      if (b < 1.0 && y * s < 0.1) {
        value = small(a, b, y, rest);
        slope = ofA != 0.0 && b < 0.01 ? smallSlope / prefix : -slope;
        fromAbove = true;
        return;
      }
      if (value < 0.9 || b >= 1.0) {
        value = 1.0 - value;
        slope = -slope;
        fromAbove = true;
        return;
      }
    }
    fraction(a, b, x, 0.0, y, rest, lambda, ofA, ofB);
    if (lowEnd && ofB != 0.0) {
      small(b, a, x, 0.0);
      slope = -smallSlope / prefix;
    }
  }
}

/** x with I_x(a, b) = t: Newton's iteration on log I over log x, with bisection. */
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
      if (Math.abs(step) < 1e-9 * (1.0 - x)) break; // the noise of I, not a way out of the bracket
      next = lo == 0.0 ? hi * 1e-3 : hi > 4.0 * lo ? Math.sqrt(lo) * Math.sqrt(hi) : 0.5 * (lo + hi);
      if (next == lo || next == hi) break;
      step = 1.0;
    }
    x = next;
    step = Math.abs(step);
    if (step <= 2e-16 || (step < 1e-7 * (1.0 - x) && step >= last)) break;
    last = step;
  }
  return x;
}

/** x with I_x(a, b) = t. */
export function inverseBeta(a: f64, b: f64, t: f64): f64 {
  if (!(a > 0.0 && a < Infinity && b > 0.0 && b < Infinity && t >= 0.0 && t <= 1.0)) return NaN;
  if (t == 0.0 || t == 1.0) return t;
  const y = t <= 0.5 ? 1.0 : quantile(b, a, 1.0 - t);
  return y < 0.5 ? 1.0 - y : quantile(a, b, t);
}
