// Univariate continuous families on the positive half line. Parametrisations are Stan's.

import { Sampler } from "../../../assembly/samplers.js";
import * as g from "../../compile/arithmetic.js";
import * as rules from "../../compile/densities.js";
import { constant, type Node } from "../../compile/node.js";
import { gammaLogCdf, gammaLogSurvival, gammaP, gammaPInverse, gammaQ, gammaQInverse } from "../../compile/special.js";
import { type Distribution, family, kinds } from "../distribution.js";
import type { Value } from "../expression.js";
import { lower, nonNegative, positive } from "../support.js";
import * as f from "./formulas.js";
import { digamma, EULER, exp, expm1, LOG_2PI, lgamma, log, scaledE1 } from "./scalar.js";

const { real: number, positive: above0 } = kinds;
const { POSITIVE_INFINITY: INF, NaN: NONE } = Number;

/** Γ(1 + k/shape) */
const weibullMoment = (k: number, shape: number): number => exp(lgamma(1 + k / shape));

/** An argument of the incomplete gamma functions, which from 1e30 on are 0 and 1 for any shape in use, and slow. */
const held = (x: Node): Node => f.clamp(x, 0, 1e30);

const make = {
  logNormal: family(() => ({
    name: "logNormal",
    rule: rules.logNormal,
    parameters: { loc: number, scale: above0 },
    support: positive,
    sampler: Sampler.LogNormal,
    cdf: (x, m, s) => g.ndtr(f.standard(g.log(f.atLeast0(x)), m, s)),
    survival: (x, m, s) => g.ndtr(g.neg(f.standard(g.log(f.atLeast0(x)), m, s))),
    logCdf: (x, m, s) => g.logNdtr(f.standard(g.log(f.atLeast0(x)), m, s)),
    logSurvival: (x, m, s) => g.logNdtr(g.neg(f.standard(g.log(f.atLeast0(x)), m, s))),
    quantile: (p, m, s) => g.exp(f.place(g.ndtri(p), m, s)),
    mean: (m, s) => exp(m + 0.5 * s * s),
    variance: (m, s) => expm1(s * s) * exp(2 * m + s * s),
    entropy: (m, s) => m + 0.5 * (1 + LOG_2PI) + log(s),
  })),
  exponential: family(() => ({
    name: "exponential",
    rule: rules.exponential,
    parameters: { rate: above0 },
    support: nonNegative,
    sampler: Sampler.Exponential,
    cdf: (x, rate) => g.neg(g.expm1(g.neg(g.mul(rate, f.atLeast0(x))))),
    survival: (x, rate) => g.exp(g.neg(g.mul(rate, f.atLeast0(x)))),
    logCdf: (x, rate) => f.log1mExp(g.neg(g.mul(rate, f.atLeast0(x)))),
    logSurvival: (x, rate) => g.neg(g.mul(rate, f.atLeast0(x))),
    quantile: (p, rate) => g.div(f.exponentialQuantile(p), rate),
    mean: (rate) => 1 / rate,
    variance: (rate) => 1 / (rate * rate),
    entropy: (rate) => 1 - log(rate),
  })),
  gamma: family(() => ({
    name: "gamma",
    rule: rules.gamma,
    parameters: { shape: above0, rate: above0 },
    support: positive,
    sampler: Sampler.Gamma,
    cdf: (x, shape, rate) => gammaP(shape, held(g.mul(rate, x))),
    survival: (x, shape, rate) => gammaQ(shape, held(g.mul(rate, x))),
    logCdf: (x, shape, rate) => gammaLogCdf(g.mul(rate, f.atLeast0(x)), shape),
    logSurvival: (x, shape, rate) => gammaLogSurvival(g.mul(rate, f.atLeast0(x)), shape),
    quantile: (p, shape, rate) => g.div(gammaPInverse(shape, p), rate),
    mean: (shape, rate) => shape / rate,
    variance: (shape, rate) => shape / rate / rate,
    entropy: (shape, rate) => shape - log(rate) + lgamma(shape) + (1 - shape) * digamma(shape),
  })),
  inverseGamma: family(() => ({
    name: "inverseGamma",
    rule: rules.inverseGamma,
    parameters: { shape: above0, scale: above0 },
    support: positive,
    sampler: Sampler.InverseGamma,
    cdf: (x, shape, scale) => gammaQ(shape, held(g.div(scale, f.atLeast0(x)))),
    survival: (x, shape, scale) => gammaP(shape, held(g.div(scale, f.atLeast0(x)))),
    logCdf: (x, shape, scale) => gammaLogSurvival(g.div(scale, f.atLeast0(x)), shape),
    logSurvival: (x, shape, scale) => gammaLogCdf(g.div(scale, f.atLeast0(x)), shape),
    quantile: (p, shape, scale) => g.div(scale, gammaQInverse(shape, p)),
    mean: (shape, scale) => (shape > 1 ? scale / (shape - 1) : INF),
    variance: (shape, scale) => (shape > 2 ? (scale / (shape - 1)) ** 2 / (shape - 2) : shape > 1 ? INF : NONE),
    entropy: (shape, scale) => shape + log(scale) + lgamma(shape) - (1 + shape) * digamma(shape),
  })),
  chiSquare: family(() => ({
    name: "chiSquare",
    rule: rules.chiSquare,
    parameters: { df: above0 },
    support: positive,
    as: (df): Distribution => make.gamma.of(g.mul(0.5, df), constant(0.5)),
  })),
  weibull: family(() => ({
    name: "weibull",
    rule: rules.weibull,
    parameters: { shape: above0, scale: above0 },
    support: nonNegative,
    sampler: Sampler.Weibull,
    cdf: (x, k, s) => g.neg(g.expm1(g.neg(g.exp(g.mul(k, g.sub(g.log(f.atLeast0(x)), g.log(s))))))),
    survival: (x, k, s) => g.exp(g.neg(g.exp(g.mul(k, g.sub(g.log(f.atLeast0(x)), g.log(s)))))),
    logCdf: (x, k, s) => f.log1mExp(g.neg(g.exp(g.mul(k, g.sub(g.log(f.atLeast0(x)), g.log(s)))))),
    logSurvival: (x, k, s) => g.neg(g.exp(g.mul(k, g.sub(g.log(f.atLeast0(x)), g.log(s))))),
    quantile: (p, k, s) => g.mul(s, g.exp(g.div(g.log(f.exponentialQuantile(p)), k))),
    mean: (k, s) => s * weibullMoment(1, k),
    variance: (k, s) => s * s * (weibullMoment(2, k) - weibullMoment(1, k) ** 2),
    entropy: (k, s) => EULER * (1 - 1 / k) + log(s) - log(k) + 1,
  })),
  pareto: family(() => ({
    name: "pareto",
    rule: rules.pareto,
    parameters: { minimum: above0, shape: above0 },
    support: ([minimum]) => (minimum?.kind === "constant" ? lower(minimum.values![0]!) : positive),
    ends: (minimum) => [minimum, INF],
    sampler: Sampler.Pareto,
    cdf: (x, least, shape) => g.abs(g.expm1(g.mul(shape, g.sub(g.log(least), g.log(g.max(x, least)))))),
    survival: (x, least, shape) => g.exp(g.mul(shape, g.sub(g.log(least), g.log(g.max(x, least))))),
    // Below a minimum that a latent moves, log 0 is held to a number, so that nothing flows through it.
    logCdf: (x, least, shape) => f.log1mExp(g.min(g.mul(shape, g.sub(g.log(least), g.log(g.max(x, least)))), -1e-300)),
    quantile: (p, least, shape) => g.mul(least, g.exp(g.div(f.exponentialQuantile(p), shape))),
    mean: (least, shape) => (shape > 1 ? (shape * least) / (shape - 1) : INF),
    variance: (least, shape) =>
      shape > 2 ? (shape * (least / (shape - 1)) ** 2) / (shape - 2) : shape > 1 ? INF : NONE,
    entropy: (least, shape) => log(least) - log(shape) + 1 / shape + 1,
  })),
  inverseGaussian: family(() => ({
    name: "inverseGaussian",
    rule: rules.inverseGaussian,
    parameters: { mean: above0, shape: above0 },
    support: positive,
    sampler: Sampler.InverseGaussian,
    cdf: (x, mean, shape) => {
      const { near, far } = waldTails(x, mean, shape);
      return g.add(g.ndtr(near), g.exp(far));
    },
    logCdf: (x, mean, shape) => {
      const { near, far } = waldTails(x, mean, shape);
      return g.logAddExp(g.logNdtr(near), far);
    },
    logSurvival: (x, mean, shape) => {
      const { near, far } = waldTails(x, mean, shape);
      const above = g.logNdtr(g.neg(near));
      return g.add(above, f.log1mExp(g.sub(far, above)));
    },
    mean: (mean) => mean,
    variance: (mean, shape) => (mean / shape) * mean * mean,
    // E log x = log mean − e^r E₁(r), r = 2 shape/mean.
    entropy: (mean, shape) => 0.5 * (1 + LOG_2PI - log(shape)) + 1.5 * (log(mean) - scaledE1((2 * shape) / mean)),
  })),
};

/** The cdf of an inverse Gaussian is Φ(near) + e^far. */
function waldTails(x: Node, mean: Node, shape: Node): { near: Node; far: Node } {
  const held = f.clamp(x, 0, 1e300);
  const root = g.sqrt(g.div(shape, held));
  const ratio = g.div(held, mean);
  const far = g.add(g.div(g.mul(2, shape), mean), g.logNdtr(g.neg(g.mul(root, g.add(ratio, 1)))));
  return { near: g.mul(root, g.sub(ratio, 1)), far };
}

/** exp of a normal(loc, scale). Support: x > 0. */
export const logNormal = (loc: Value, scale: Value): Distribution => make.logNormal(loc, scale);
/** Exponential with rate (1/mean). Support: x ≥ 0. */
export const exponential = (rate: Value): Distribution => make.exponential(rate);
/** Gamma with shape and rate: mean shape/rate. Support: x > 0. */
export const gamma = (shape: Value, rate: Value): Distribution => make.gamma(shape, rate);
/** 1/x of a gamma(shape, rate = scale). Support: x > 0. */
export const inverseGamma = (shape: Value, scale: Value): Distribution => make.inverseGamma(shape, scale);
/** Chi-square with `df` degrees of freedom: gamma(df/2, 1/2). Support: x > 0. */
export const chiSquare = (df: Value): Distribution => make.chiSquare(df);
/** Weibull with shape and scale: cdf 1 − exp(−(x/scale)^shape). Support: x ≥ 0. */
export const weibull = (shape: Value, scale: Value): Distribution => make.weibull(shape, scale);
/** Pareto: P(X > x) = (minimum/x)^shape. Support: x ≥ minimum. */
export const pareto = (minimum: Value, shape: Value): Distribution => make.pareto(minimum, shape);
/** Inverse Gaussian (Wald) with its mean and shape: variance mean³/shape. Support: x > 0. */
export const inverseGaussian = (mean: Value, shape: Value): Distribution => make.inverseGaussian(mean, shape);
