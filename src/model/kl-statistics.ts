// Closed forms of KL divergences between univariate families. A divergence is the cross entropy −E_q log p minus the entropy of q, and
// log p of most families is a sum of a few statistics (x, x², log x, xᵏ, |x − n|, e^{−x/t}) whose expectations under q are known: hence a
// table of expectations for q and a table of cross entropies for p give the pairs of both.

import {
  digamma,
  EULER,
  exp,
  expm1,
  LOG_2,
  LOG_2PI,
  LOG_PI,
  lbeta,
  lgamma,
  log,
  log1p,
  logNdtr,
  ndtr,
  scaledE1,
  trigamma,
} from "./distributions/scalar.js";

const INF = Number.POSITIVE_INFINITY;
type Parameters = readonly number[];

/** A univariate distribution with numbers for parameters. */
export interface Univariate {
  readonly name: string;
  readonly parameters: Parameters;
  readonly low: number;
  readonly high: number;
  readonly mean: number | null;
  readonly variance: number | null;
  readonly entropy: number | null;
}

/** Expectations under a distribution of positive numbers. */
interface Positive {
  /** E log x */
  readonly log: number;
  /** The variance of log x. */
  readonly logVariance: number | null;
  /** E xᵏ; null when it has no formula. */
  power(k: number): number | null;
}

const gammaPower = (shape: number, rate: number, k: number): number =>
  shape + k > 0 ? exp(lgamma(shape + k) - lgamma(shape) - k * log(rate)) : INF;

const positiveStatistics: Record<string, (p: Parameters, q: Univariate) => Positive> = {
  gamma: ([a, b]) => ({
    log: digamma(a!) - log(b!),
    logVariance: trigamma(a!),
    power: (k) => gammaPower(a!, b!, k),
  }),
  exponential: ([b]) => positiveStatistics.gamma!([1, b!], null as never),
  inverseGamma: ([a, b]) => ({
    log: log(b!) - digamma(a!),
    logVariance: trigamma(a!),
    power: (k) => gammaPower(a!, b!, -k),
  }),
  weibull: ([shape, scale]) => ({
    log: log(scale!) - EULER / shape!,
    logVariance: (Math.PI / shape!) ** 2 / 6,
    power: (k) => (k > -shape! ? exp(k * log(scale!) + lgamma(1 + k / shape!)) : INF),
  }),
  logNormal: ([m, s]) => ({ log: m!, logVariance: s! * s!, power: (k) => exp(k * (m! + 0.5 * k * s! * s!)) }),
  halfNormal: ([s]) => ({
    log: 0.5 * (digamma(0.5) + LOG_2) + log(s!),
    logVariance: 0.25 * trigamma(0.5),
    power: (k) => (k > -1 ? exp(0.5 * k * LOG_2 + k * log(s!) + lgamma(0.5 * (1 + k)) - 0.5 * LOG_PI) : INF),
  }),
  pareto: ([least, a]) => ({
    log: log(least!) + 1 / a!,
    logVariance: 1 / (a! * a!),
    power: (k) => (k < a! ? (a! / (a! - k)) * exp(k * log(least!)) : INF),
  }),
  inverseGaussian: ([mean, shape]) => ({
    log: log(mean!) - scaledE1((2 * shape!) / mean!),
    logVariance: null,
    power: (k) =>
      k === 1 ? mean! : k === -1 ? 1 / mean! + 1 / shape! : k === 2 ? mean! * mean! * (1 + mean! / shape!) : null,
  }),
  uniform: ([a, b]) => ({
    log: (b! * log(b!) - (a! === 0 ? 0 : a! * log(a!))) / (b! - a!) - 1,
    logVariance: null,
    power: (k) => (k === 1 ? (a! + b!) / 2 : k === 2 ? (a! * a! + a! * b! + b! * b!) / 3 : null),
  }),
  beta: ([a, b]) => ({
    log: digamma(a!) - digamma(a! + b!),
    logVariance: trigamma(a!) - trigamma(a! + b!),
    power: (k) => (a! + k > 0 ? exp(lbeta(a! + k, b!) - lbeta(a!, b!)) : INF),
  }),
  kumaraswamy: ([a, b]) => ({
    log: -(digamma(b! + 1) + EULER) / a!,
    logVariance: null,
    power: (k) => (a! + k > 0 ? b! * exp(lbeta(1 + k / a!, b!)) : INF),
  }),
};

/** E log(1 − x) for families on [0, 1]. */
const logComplement: Record<string, (p: Parameters) => number> = {
  beta: ([a, b]) => digamma(b!) - digamma(a! + b!),
  kumaraswamy: ([a, b]) => kumaraswamyLogComplement(a!, b!),
};

/** E log(1 − x), x = (1 − v^{1/b})^{1/a} for uniform v, by the double exponential rule (Takahasi & Mori 1974). */
function kumaraswamyLogComplement(a: number, b: number): number {
  let sum = 0;
  const h = 1 / 32;
  for (let i = -150; i <= 150; i++) {
    // v = 1/(1 + e^{−2s}), s = (π/2) sinh(t): both log v and log(1 − v) are exact.
    const t = i * h;
    const e = exp(Math.abs(t));
    const s = (Math.sign(t) * Math.PI * (e - 1 / e)) / 4;
    const tail = exp(-2 * Math.abs(s));
    const weight = ((Math.PI / 2) * (e + 1 / e) * tail) / (1 + tail) ** 2;
    if (weight === 0) continue;
    const logV = s < 0 ? 2 * s - log1p(tail) : -log1p(tail);
    // log(1 − v^{1/b}) and log(1 − (…)^{1/a}); where v^{1/b} is tiny, log(1 − w) is −w.
    const w = exp(logV / b);
    const logRest = w < 0.5 ? log1p(-w) : log(-expm1(logV / b));
    const inner = w < 1e-290 ? logV / b - log(a) : log(-expm1(logRest / a));
    sum += weight * inner;
  }
  return h * sum;
}

/** E|x − n| */
const absolute: Record<string, (p: Parameters, n: number) => number> = {
  normal: ([m, s], n) => {
    const d = Math.abs(m! - n) / s!;
    return s! * (2 * exp(-0.5 * (d * d + LOG_2PI)) + d * (1 - 2 * ndtr(-d)));
  },
  laplace: ([m, s], n) => Math.abs(m! - n) + s! * exp(-Math.abs(m! - n) / s!),
  uniform: ([a, b], n) =>
    n <= a! ? (a! + b!) / 2 - n : n >= b! ? n - (a! + b!) / 2 : ((n - a!) ** 2 + (b! - n) ** 2) / (2 * (b! - a!)),
};

/** log E e^{−c x}, c > 0. */
const logLaplaceTransform: Record<string, (p: Parameters, c: number) => number> = {
  normal: ([m, s], c) => -c * m! + 0.5 * (c * s!) ** 2,
  gumbel: ([m, s], c) => -c * m! + lgamma(1 + c * s!),
  laplace: ([m, s], c) => (c * s! < 1 ? -c * m! - log1p(-((c * s!) ** 2)) : INF),
  uniform: ([a, b], c) => -c * a! + log(-expm1(-c * (b! - a!)) / (c * (b! - a!))),
  exponential: ([rate], c) => -log1p(c / rate!),
  gamma: ([shape, rate], c) => -shape! * log1p(c / rate!),
};

const positive = (q: Univariate): Positive | null =>
  q.low >= 0 ? (positiveStatistics[q.name]?.(q.parameters, q) ?? null) : null;

/** Cross entropies −E_q log p by the family of p; null where q's expectations have no formula. */
const crossEntropies: Record<string, (p: Parameters, q: Univariate) => number | null> = {
  normal: ([n, t], q) =>
    q.mean === null || q.variance === null
      ? null
      : Number.isFinite(q.variance)
        ? log(t!) + 0.5 * (LOG_2PI + q.variance / t! / t! + ((q.mean - n!) / t!) ** 2)
        : INF,
  truncatedNormal: ([n, t, low, high], q) => {
    if (q.mean === null || q.variance === null || !Number.isFinite(q.variance)) return null;
    let a = (low! - n!) / t!;
    let b = (high! - n!) / t!;
    if (a + b > 0) [a, b] = [-b, -a];
    const mass = logNdtr(b) + log(-expm1(a === -INF ? -INF : logNdtr(a) - logNdtr(b)));
    return mass + log(t!) + 0.5 * (LOG_2PI + q.variance / t! / t! + ((q.mean - n!) / t!) ** 2);
  },
  uniform: ([a, b]) => log(b! - a!),
  laplace: ([n, t], q) => {
    const e = absolute[q.name]?.(q.parameters, n!);
    return e === undefined ? null : LOG_2 + log(t!) + e / t!;
  },
  gumbel: ([n, t], q) => {
    const transform = logLaplaceTransform[q.name]?.(q.parameters, 1 / t!);
    if (transform === undefined || q.mean === null) return null;
    return log(t!) + (q.mean - n!) / t! + exp(n! / t! + transform);
  },
  exponential: ([rate], q) => (q.mean === null || Number.isNaN(q.mean) ? null : rate! * q.mean - log(rate!)),
  gamma: ([a, b], q) => {
    const s = positive(q);
    const mean = s?.power(1) ?? null;
    return !s || mean === null ? null : lgamma(a!) - a! * log(b!) - (a! - 1) * s.log + b! * mean;
  },
  inverseGamma: ([a, b], q) => {
    const s = positive(q);
    const inverse = s?.power(-1) ?? null;
    return !s || inverse === null ? null : lgamma(a!) - a! * log(b!) + (a! + 1) * s.log + b! * inverse;
  },
  weibull: ([shape, scale], q) => {
    const s = positive(q);
    const power = s?.power(shape!) ?? null;
    if (!s || power === null) return null;
    return shape! * log(scale!) - log(shape!) - (shape! - 1) * s.log + power * exp(-shape! * log(scale!));
  },
  logNormal: ([m, t], q) => {
    const s = positive(q);
    if (!s || s.logVariance === null) return null;
    return s.log + log(t!) + 0.5 * (LOG_2PI + (s.logVariance + (s.log - m!) ** 2) / t! / t!);
  },
  halfNormal: ([t], q) => {
    const square = positive(q)?.power(2) ?? null;
    return square === null ? null : log(t!) + 0.5 * (LOG_PI - LOG_2) + square / (2 * t! * t!);
  },
  pareto: ([least, a], q) => {
    const s = positive(q);
    return s && -log(a!) - a! * log(least!) + (a! + 1) * s.log;
  },
  inverseGaussian: ([mean, shape], q) => {
    const s = positive(q);
    const first = s?.power(1) ?? null;
    const inverse = s?.power(-1) ?? null;
    if (!s || first === null || inverse === null) return null;
    return 0.5 * (LOG_2PI - log(shape!)) + 1.5 * s.log + 0.5 * shape! * (first / mean! / mean! - 2 / mean! + inverse);
  },
  beta: ([a, b], q) => {
    const s = positive(q);
    const rest = logComplement[q.name]?.(q.parameters);
    return s && rest !== undefined ? lbeta(a!, b!) - (a! - 1) * s.log - (b! - 1) * rest : null;
  },
};

/** KL(q‖p) by the tables; null when they do not have it. The support of q must lie in that of p. */
export function byStatistics(q: Univariate, p: Univariate): number | null {
  if (q.entropy === null) return null;
  const cross = crossEntropies[p.name]?.(p.parameters, q) ?? null;
  return cross === null ? null : cross - q.entropy;
}
