// Univariate continuous families. Parametrisations are Stan's.

import * as rules from "../../compile/densities.js";
import type { Node } from "../../compile/node.js";
import { type Distribution, family, kinds } from "../distribution.js";
import type { Value } from "../expression.js";
import { nonNegative, positive, real, type Support, unitInterval } from "../support.js";

const { real: number, positive: above0 } = kinds;

const make = {
  normal: family({ name: "normal", rule: rules.normal, parameters: { loc: number, scale: above0 }, support: real }),
  halfNormal: family({
    name: "halfNormal",
    rule: rules.halfNormal,
    parameters: { scale: above0 },
    support: nonNegative,
  }),
  logNormal: family({
    name: "logNormal",
    rule: rules.logNormal,
    parameters: { loc: number, scale: above0 },
    support: positive,
  }),
  studentT: family({
    name: "studentT",
    rule: rules.studentT,
    parameters: { df: above0, loc: number, scale: above0 },
    support: real,
  }),
  halfStudentT: family({
    name: "halfStudentT",
    rule: rules.halfStudentT,
    parameters: { df: above0, scale: above0 },
    support: nonNegative,
  }),
  cauchy: family({ name: "cauchy", rule: rules.cauchy, parameters: { loc: number, scale: above0 }, support: real }),
  halfCauchy: family({
    name: "halfCauchy",
    rule: rules.halfCauchy,
    parameters: { scale: above0 },
    support: nonNegative,
  }),
  laplace: family({ name: "laplace", rule: rules.laplace, parameters: { loc: number, scale: above0 }, support: real }),
  logistic: family({
    name: "logistic",
    rule: rules.logistic,
    parameters: { loc: number, scale: above0 },
    support: real,
  }),
  uniform: family({
    name: "uniform",
    rule: rules.uniform,
    parameters: { low: number, high: number },
    support: uniformSupport,
    validate: uniformOrder,
  }),
  exponential: family({
    name: "exponential",
    rule: rules.exponential,
    parameters: { rate: above0 },
    support: nonNegative,
  }),
  gamma: family({ name: "gamma", rule: rules.gamma, parameters: { shape: above0, rate: above0 }, support: positive }),
  inverseGamma: family({
    name: "inverseGamma",
    rule: rules.inverseGamma,
    parameters: { shape: above0, scale: above0 },
    support: positive,
  }),
  beta: family({ name: "beta", rule: rules.beta, parameters: { a: above0, b: above0 }, support: unitInterval }),
  weibull: family({
    name: "weibull",
    rule: rules.weibull,
    parameters: { shape: above0, scale: above0 },
    support: nonNegative,
  }),
};

/** The bounds must be numbers: a support that moves with a latent has no fixed transform. */
function uniformOrder(label: string, [low, high]: readonly Node[]): void {
  if (!low?.values || !high?.values || low.shape.length || high.shape.length)
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
/** exp of a normal(loc, scale). Support: x > 0. */
export const logNormal = (loc: Value, scale: Value): Distribution => make.logNormal(loc, scale);
/** Student's t with `df` degrees of freedom, location and scale. Support: real. */
export const studentT = (df: Value, loc: Value, scale: Value): Distribution => make.studentT(df, loc, scale);
/** Student's t around 0, folded at 0. Support: x ≥ 0. */
export const halfStudentT = (df: Value, scale: Value): Distribution => make.halfStudentT(df, scale);
/** Cauchy with location (median) and scale (half the interquartile range). Support: real. */
export const cauchy = (loc: Value, scale: Value): Distribution => make.cauchy(loc, scale);
/** Cauchy(0, scale) folded at 0. Support: x ≥ 0. */
export const halfCauchy = (scale: Value): Distribution => make.halfCauchy(scale);
/** Laplace (double exponential) with location and scale. Support: real. */
export const laplace = (loc: Value, scale: Value): Distribution => make.laplace(loc, scale);
/** Logistic with location and scale. Support: real. */
export const logistic = (loc: Value, scale: Value): Distribution => make.logistic(loc, scale);
/** Uniform on [low, high], two numbers. */
export const uniform = (low: Value, high: Value): Distribution => make.uniform(low, high);
/** Exponential with rate (1/mean). Support: x ≥ 0. */
export const exponential = (rate: Value): Distribution => make.exponential(rate);
/** Gamma with shape and rate: mean shape/rate. Support: x > 0. */
export const gamma = (shape: Value, rate: Value): Distribution => make.gamma(shape, rate);
/** 1/x of a gamma(shape, rate = scale). Support: x > 0. */
export const inverseGamma = (shape: Value, scale: Value): Distribution => make.inverseGamma(shape, scale);
/** Beta with shapes a and b: mean a/(a + b). Support: [0, 1]. */
export const beta = (a: Value, b: Value): Distribution => make.beta(a, b);
/** Weibull with shape and scale. Support: x ≥ 0. */
export const weibull = (shape: Value, scale: Value): Distribution => make.weibull(shape, scale);
