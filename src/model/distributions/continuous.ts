// Univariate continuous families on the real line and on intervals. Parametrisations are Stan's.

import { Sampler } from "../../../assembly/samplers.js";
import * as g from "../../compile/arithmetic.js";
import * as rules from "../../compile/densities.js";
import { constant, type Node } from "../../compile/node.js";
import { betaInc, betaIncInverse, betaLogCdf, betaLogSurvival, owensT, studentLogCdf } from "../../compile/special.js";
import { type Distribution, family, kinds } from "../distribution.js";
import { byDensity } from "../expectation.js";
import type { Value } from "../expression.js";
import { angle, between, nonNegative, real, type Support, unitInterval } from "../support.js";
import * as f from "./formulas.js";
import {
  besselRatio,
  digamma,
  EULER,
  exp,
  expm1,
  LOG_2,
  LOG_2PI,
  LOG_PI,
  lbeta,
  log,
  logBesselI0,
  logNdtr,
  sqrt,
} from "./scalar.js";

const { real: number, positive: above0 } = kinds;
const locScale = { loc: number, scale: above0 };
const { POSITIVE_INFINITY: INF, NaN: NONE } = Number;

/** Entropy of Student's t of scale 1. */
const studentEntropy = (df: number): number =>
  0.5 * (df + 1) * (digamma(0.5 * (df + 1)) - digamma(0.5 * df)) + 0.5 * log(df) + lbeta(0.5 * df, 0.5);
/** E|t| for Student's t of scale 1. */
const studentAbsolute = (df: number): number => (2 * sqrt(df)) / ((df - 1) * exp(lbeta(0.5 * df, 0.5)));
const studentVariance = (df: number): number => (df > 2 ? df / (df - 2) : df > 1 ? INF : NONE);
/** E x^k of a Kumaraswamy. */
const kumaraswamyMoment = (k: number, a: number, b: number): number => b * exp(lbeta(1 + k / a, b));

const make = {
  normal: family(() => ({
    name: "normal",
    rule: rules.normal,
    parameters: locScale,
    support: real,
    sampler: Sampler.Normal,
    cdf: (x, m, s) => g.ndtr(f.standard(x, m, s)),
    survival: (x, m, s) => g.ndtr(g.neg(f.standard(x, m, s))),
    logCdf: (x, m, s) => g.logNdtr(f.standard(x, m, s)),
    logSurvival: (x, m, s) => g.logNdtr(g.neg(f.standard(x, m, s))),
    quantile: (p, m, s) => f.place(g.ndtri(p), m, s),
    mean: (m) => m,
    variance: (_m, s) => s * s,
    entropy: (_m, s) => 0.5 * (1 + LOG_2PI) + log(s),
  })),
  halfNormal: family(() => ({
    name: "halfNormal",
    rule: rules.halfNormal,
    parameters: { scale: above0 },
    support: nonNegative,
    sampler: Sampler.HalfNormal,
    cdf: (x, s) => g.erf(g.div(g.mul(f.SQRT_HALF, f.atLeast0(x)), s)),
    survival: (x, s) => g.erfc(g.div(g.mul(f.SQRT_HALF, f.atLeast0(x)), s)),
    logSurvival: (x, s) => g.add(LOG_2, g.logNdtr(g.neg(g.div(f.atLeast0(x), s)))),
    quantile: (p, s) => g.mul(s, f.halfNormalQuantile(p)),
    mean: (s) => s * sqrt(2 / Math.PI),
    variance: (s) => s * s * (1 - 2 / Math.PI),
    entropy: (s) => 0.5 * (1 + LOG_PI - LOG_2) + log(s),
  })),
  studentT: family(() => ({
    name: "studentT",
    rule: rules.studentT,
    parameters: { df: above0, ...locScale },
    support: real,
    sampler: Sampler.StudentT,
    cdf: (x, df, m, s) => f.studentCdf(f.standard(x, m, s), df),
    survival: (x, df, m, s) => f.studentCdf(g.neg(f.standard(x, m, s)), df),
    logCdf: (x, df, m, s) => studentLogCdf(f.standard(x, m, s), df),
    logSurvival: (x, df, m, s) => studentLogCdf(g.neg(f.standard(x, m, s)), df),
    mean: (df, m) => (df > 1 ? m : NONE),
    variance: (df, _m, s) => s * s * studentVariance(df),
    entropy: (df, _m, s) => studentEntropy(df) + log(s),
  })),
  halfStudentT: family(() => ({
    name: "halfStudentT",
    rule: rules.halfStudentT,
    parameters: { df: above0, scale: above0 },
    support: nonNegative,
    sampler: Sampler.HalfStudentT,
    cdf: (x, df, s) => f.oneMinus(g.mul(2, f.studentTail(g.div(f.atLeast0(x), s), df))),
    survival: (x, df, s) => g.mul(2, f.studentTail(g.div(f.atLeast0(x), s), df)),
    logCdf: (x, df, s) => f.halfStudentLogCdf(g.div(f.atLeast0(x), s), df),
    logSurvival: (x, df, s) => f.halfStudentLogSurvival(g.div(f.atLeast0(x), s), df),
    mean: (df, s) => (df > 1 ? s * studentAbsolute(df) : INF),
    variance: (df, s) => (df > 2 ? s * s * (studentVariance(df) - studentAbsolute(df) ** 2) : df > 1 ? INF : NONE),
    entropy: (df, s) => studentEntropy(df) - LOG_2 + log(s),
  })),
  cauchy: family(() => ({
    name: "cauchy",
    rule: rules.cauchy,
    parameters: locScale,
    support: real,
    sampler: Sampler.Cauchy,
    cdf: (x, m, s) => f.cauchyCdf(f.standard(x, m, s)),
    survival: (x, m, s) => f.cauchySurvival(f.standard(x, m, s)),
    quantile: (p, m, s) => f.place(f.cauchyQuantile(p), m, s),
    mean: () => NONE,
    variance: () => NONE,
    entropy: (_m, s) => LOG_PI + 2 * LOG_2 + log(s),
  })),
  halfCauchy: family(() => ({
    name: "halfCauchy",
    rule: rules.halfCauchy,
    parameters: { scale: above0 },
    support: nonNegative,
    sampler: Sampler.HalfCauchy,
    cdf: (x, s) => f.halfCauchyCdf(g.div(f.atLeast0(x), s)),
    survival: (x, s) => g.mul(2, f.cauchySurvival(g.div(f.atLeast0(x), s))),
    quantile: (p, s) => g.mul(s, halfCauchyQuantile(p)),
    mean: () => INF,
    variance: () => NONE,
    entropy: (s) => LOG_PI + LOG_2 + log(s),
  })),
  laplace: family(() => ({
    name: "laplace",
    rule: rules.laplace,
    parameters: locScale,
    support: real,
    sampler: Sampler.Laplace,
    cdf: (x, m, s) => f.laplaceCdf(f.standard(x, m, s)),
    survival: (x, m, s) => f.laplaceCdf(g.neg(f.standard(x, m, s))),
    logCdf: (x, m, s) => f.laplaceLogCdf(f.standard(x, m, s)),
    logSurvival: (x, m, s) => f.laplaceLogCdf(g.neg(f.standard(x, m, s))),
    quantile: (p, m, s) => f.place(f.laplaceQuantile(p), m, s),
    mean: (m) => m,
    variance: (_m, s) => 2 * s * s,
    entropy: (_m, s) => 1 + LOG_2 + log(s),
  })),
  logistic: family(() => ({
    name: "logistic",
    rule: rules.logistic,
    parameters: locScale,
    support: real,
    sampler: Sampler.Logistic,
    cdf: (x, m, s) => g.sigmoid(f.standard(x, m, s)),
    survival: (x, m, s) => g.sigmoid(g.neg(f.standard(x, m, s))),
    logCdf: (x, m, s) => g.logSigmoid(f.standard(x, m, s)),
    logSurvival: (x, m, s) => g.logSigmoid(g.neg(f.standard(x, m, s))),
    quantile: (p, m, s) => f.place(g.sub(g.log(p), g.log1p(g.neg(p))), m, s),
    mean: (m) => m,
    variance: (_m, s) => (s * s * Math.PI * Math.PI) / 3,
    entropy: (_m, s) => 2 + log(s),
  })),
  gumbel: family(() => ({
    name: "gumbel",
    rule: rules.gumbel,
    parameters: locScale,
    support: real,
    sampler: Sampler.Gumbel,
    cdf: (x, m, s) => g.exp(g.neg(g.exp(g.neg(f.standard(x, m, s))))),
    survival: (x, m, s) => g.neg(g.expm1(g.neg(g.exp(g.neg(f.standard(x, m, s)))))),
    logSurvival: (x, m, s) => f.gumbelLogSurvival(f.standard(x, m, s)),
    quantile: (p, m, s) => f.place(g.neg(g.log(g.neg(g.log(p)))), m, s),
    mean: (m, s) => m + EULER * s,
    variance: (_m, s) => (s * s * Math.PI * Math.PI) / 6,
    entropy: (_m, s) => 1 + EULER + log(s),
  })),
  uniform: family(() => ({
    name: "uniform",
    rule: rules.uniform,
    parameters: { low: number, high: number },
    support: uniformSupport,
    validate: uniformOrder,
    ends: (a, b) => [a, b],
    sampler: Sampler.Uniform,
    cdf: (x, a, b) => g.div(g.sub(f.clamp(x, a, b), a), g.sub(b, a)),
    survival: (x, a, b) => g.div(g.sub(b, f.clamp(x, a, b)), g.sub(b, a)),
    quantile: (p, a, b) => f.clamp(g.add(a, g.mul(p, g.sub(b, a))), a, b),
    mean: (a, b) => a + (b - a) / 2,
    variance: (a, b) => (b - a) ** 2 / 12,
    entropy: (a, b) => log(b - a),
  })),
  beta: family(() => ({
    name: "beta",
    rule: rules.beta,
    parameters: { a: above0, b: above0 },
    support: unitInterval,
    sampler: Sampler.Beta,
    cdf: (x, a, b) => betaInc(a, b, f.clamp(x, 0, 1)),
    survival: (x, a, b) => betaInc(b, a, f.oneMinus(f.clamp(x, 0, 1))),
    logCdf: (x, a, b) => betaLogCdf(f.clamp(x, 0, 1), a, b),
    logSurvival: (x, a, b) => betaLogSurvival(f.clamp(x, 0, 1), a, b),
    quantile: (p, a, b) => betaIncInverse(a, b, p),
    mean: (a, b) => a / (a + b),
    variance: (a, b) => ((a / (a + b)) * (b / (a + b))) / (a + b + 1),
    entropy: (a, b) => lbeta(a, b) - (a - 1) * digamma(a) - (b - 1) * digamma(b) + (a + b - 2) * digamma(a + b),
  })),
  kumaraswamy: family(() => ({
    name: "kumaraswamy",
    rule: rules.kumaraswamy,
    parameters: { a: above0, b: above0 },
    support: unitInterval,
    sampler: Sampler.Kumaraswamy,
    cdf: (x, a, b) => g.neg(g.expm1(g.mul(b, g.log1p(g.neg(g.exp(g.mul(a, g.log(f.clamp(x, 0, 1))))))))),
    survival: (x, a, b) => g.exp(g.mul(b, g.log(g.neg(g.expm1(g.mul(a, g.log(f.clamp(x, 0, 1)))))))),
    logCdf: (x, a, b) => f.log1mExp(g.mul(b, f.log1mExp(g.mul(a, g.log(f.clamp(x, 0, 1)))))),
    logSurvival: (x, a, b) => g.mul(b, f.log1mExp(g.mul(a, g.log(f.clamp(x, 0, 1))))),
    quantile: (p, a, b) => g.exp(g.div(g.log(g.neg(g.expm1(g.div(g.log1p(g.neg(p)), b)))), a)),
    mean: (a, b) => kumaraswamyMoment(1, a, b),
    variance: (a, b) => kumaraswamyMoment(2, a, b) - kumaraswamyMoment(1, a, b) ** 2,
    entropy: (a, b) => 1 - 1 / b + (1 - 1 / a) * (digamma(b + 1) + EULER) - log(a) - log(b),
  })),
  skewNormal: family(() => ({
    name: "skewNormal",
    rule: rules.skewNormal,
    parameters: { ...locScale, shape: number },
    support: real,
    sampler: Sampler.SkewNormal,
    cdf: (x, m, s, shape) => skewCdf(f.standard(x, m, s), shape),
    survival: (x, m, s, shape) => skewCdf(g.neg(f.standard(x, m, s)), g.neg(shape)),
    mean: (m, s, shape) => m + s * skewMean(shape),
    variance: (_m, s, shape) => s * s * (1 - skewMean(shape) ** 2),
    // By quadrature of the standard one, which is the same for either sign of the shape.
    entropy: (_m, s, shape): number =>
      log(s) + byDensity(make.skewNormal.of(constant(0), constant(1), constant(Math.abs(shape))), "entropy"),
  })),
  truncatedNormal: family(() => ({
    name: "truncatedNormal",
    rule: rules.truncatedNormal,
    parameters: { ...locScale, low: kinds.bound, high: kinds.bound },
    support: boundedSupport,
    validate: boundOrder,
    ends: (_m, _s, a, b) => [a, b],
    sampler: Sampler.TruncatedNormal,
    cdf: (x, m, s, a, b) => f.truncatedNormalCdf(f.standard(x, m, s), f.standard(a, m, s), f.standard(b, m, s)),
    survival: (x, m, s, a, b) =>
      f.truncatedNormalCdf(f.standard(x, m, s), f.standard(a, m, s), f.standard(b, m, s), true),
    mean: (m, s, a, b) => m + s * truncated(m, s, a, b).mean,
    variance: (m, s, a, b) => s * s * truncated(m, s, a, b).variance,
    entropy: (m, s, a, b) => log(s) + truncated(m, s, a, b).entropy,
  })),
  vonMises: family(() => ({
    name: "vonMises",
    rule: rules.vonMises,
    parameters: { loc: number, concentration: above0 },
    support: angle,
    sampler: Sampler.VonMises,
    cdf: f.vonMisesCdfAround,
    survival: (x, m, k) => f.vonMisesCdfAround(g.neg(x), g.neg(m), k),
    mean: (m) => m,
    variance: (_m, k) => 1 - besselRatio(k),
    entropy: (_m, k) => LOG_2PI + logBesselI0(k) - k * besselRatio(k),
  })),
};

/** Φ(z) − 2T(z, shape), held to [0, 1] where the difference rounds. */
const skewCdf = (z: Node, shape: Node): Node => f.clamp(g.sub(g.ndtr(z), g.mul(2, owensT(z, shape))), 0, 1);
const skewMean = (shape: number): number => (shape / sqrt(1 + shape * shape)) * sqrt(2 / Math.PI);

/** Moments of a standard normal between (low − loc)/scale and (high − loc)/scale. */
function truncated(
  loc: number,
  scale: number,
  low: number,
  high: number,
): { mean: number; variance: number; entropy: number } {
  let a = (low - loc) / scale;
  let b = (high - loc) / scale;
  const mirror = a + b > 0;
  if (mirror) [a, b] = [-b, -a];
  // Densities at the ends over the probability between them, which is Φ(b)(1 − e^(log Φ(a) − log Φ(b))).
  const logMass = logNdtr(b) + log(-expm1(a === -INF ? -INF : logNdtr(a) - logNdtr(b)));
  const edge = (t: number): number => (Math.abs(t) === INF ? 0 : exp(-0.5 * (t * t + LOG_2PI) - logMass));
  const atA = edge(a);
  const atB = edge(b);
  const slope = (atA && a * atA) - (atB && b * atB);
  const mean = atA - atB;
  return {
    mean: mirror ? -mean : mean,
    variance: 1 + slope - mean * mean,
    entropy: 0.5 * (1 + LOG_2PI) + logMass + 0.5 * slope,
  };
}

/** tan(πp/2), from the other end where p is near 1. */
function halfCauchyQuantile(p: Node): Node {
  const upper = g.less(0.5, p);
  const angle = g.mul(Math.PI / 2, f.choose(upper, f.oneMinus(p), p));
  const tan = g.div(g.sin(angle), g.cos(angle));
  return g.div(f.choose(upper, 1, tan), f.choose(upper, tan, 1));
}

/** Numbers, or arrays of which every low is below its high. */
function boundOrder(label: string, [, , low, high]: readonly Node[]): void {
  if (!low?.values || !high?.values)
    throw new TypeError(`${label}: expected numbers for low and high, got a value of the model`);
  for (let i = 0; i < Math.max(low.values.length, high.values.length); i++) {
    const a = low.values[low.values.length > 1 ? i : 0]!;
    const b = high.values[high.values.length > 1 ? i : 0]!;
    if (!(a < b)) throw new RangeError(`${label}: expected low < high, got ${a} and ${b}`);
  }
}

function boundedSupport([, , low, high]: readonly Node[]): Support {
  return between(real, low!, high!);
}

/** The bounds must be numbers: a support that moves with a latent has no fixed transform. */
function uniformOrder(label: string, [low, high]: readonly Node[]): void {
  if (!low?.values || !high?.values || low.shape.length || high.shape.length || low.plate || high.plate)
    throw new TypeError(`${label}: expected numbers for low and high, got a value of the model or an array`);
  if (!(low.values[0]! < high.values[0]!))
    throw new RangeError(`${label}: expected low < high, got ${low.values[0]} and ${high.values[0]}`);
}

function uniformSupport([low, high]: readonly Node[]): Support {
  const a = low!.values![0]!;
  const b = high!.values![0]!;
  return { kind: "interval", low: a, high: b, expected: `a number in [${a}, ${b}]` };
}

/** Normal with mean `loc` and standard deviation `scale`. Support: real. */
export const normal = (loc: Value, scale: Value): Distribution => make.normal(loc, scale);
/** Normal(0, scale) folded at 0. Support: x ≥ 0. */
export const halfNormal = (scale: Value): Distribution => make.halfNormal(scale);
/** Student's t with `df` degrees of freedom, location and scale. Support: real. */
export const studentT = (df: Value, loc: Value, scale: Value): Distribution => make.studentT(df, loc, scale);
/** Student's t around 0, folded at 0. Support: x ≥ 0. */
export const halfStudentT = (df: Value, scale: Value): Distribution => make.halfStudentT(df, scale);
/** Cauchy with location (median) and scale (half the interquartile range). Support: real. It has no mean. */
export const cauchy = (loc: Value, scale: Value): Distribution => make.cauchy(loc, scale);
/** Cauchy(0, scale) folded at 0. Support: x ≥ 0. */
export const halfCauchy = (scale: Value): Distribution => make.halfCauchy(scale);
/** Laplace (double exponential) with location and scale: variance 2·scale². Support: real. */
export const laplace = (loc: Value, scale: Value): Distribution => make.laplace(loc, scale);
/** Logistic with location and scale. Support: real. */
export const logistic = (loc: Value, scale: Value): Distribution => make.logistic(loc, scale);
/** Gumbel, the limit law of maxima, with location (mode) and scale. Support: real. */
export const gumbel = (loc: Value, scale: Value): Distribution => make.gumbel(loc, scale);
/** Uniform on [low, high], two numbers. */
export const uniform = (low: Value, high: Value): Distribution => make.uniform(low, high);
/** Beta with shapes a and b: mean a/(a + b). Support: [0, 1]. */
export const beta = (a: Value, b: Value): Distribution => make.beta(a, b);
/** Kumaraswamy with shapes a and b: cdf 1 − (1 − xᵃ)ᵇ. Support: [0, 1]. */
export const kumaraswamy = (a: Value, b: Value): Distribution => make.kumaraswamy(a, b);
/** Skew normal: density 2φ(z)Φ(shape·z)/scale, z = (x − loc)/scale. Support: real. */
export const skewNormal = (loc: Value, scale: Value, shape: Value): Distribution => make.skewNormal(loc, scale, shape);
/** Normal(loc, scale) given that it lies in [low, high], numbers of which one or both may be infinite. */
export const truncatedNormal = (loc: Value, scale: Value, low: Value, high: Value): Distribution =>
  make.truncatedNormal(loc, scale, low, high);
/**
 * Von Mises on the circle, around the angle `loc`. Samples and latents lie in [−π, π]; the density is that of the angle, so that
 * x and x + 2π are the same. mean() is the mean direction, variance() the circular variance 1 − E cos(x − loc).
 */
export const vonMises = (loc: Value, concentration: Value): Distribution => make.vonMises(loc, concentration);
