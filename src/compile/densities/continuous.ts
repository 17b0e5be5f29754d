// Rules of the continuous families on the line and on intervals. Parametrised as in Stan; support and parameters are said for each.

import { Op } from "../../../assembly/opcodes.js";
import {
  add,
  digamma,
  exp,
  expm1,
  lbeta,
  less,
  log,
  log1p,
  logNdtr,
  max,
  min,
  mul,
  neg,
  reciprocal,
  sqrt,
  square,
  sub,
  sum,
} from "../arithmetic.js";
import { map, type Node } from "../node.js";
import { HALF_LOG_2PI, LOG_2, LOG_PI, univariate } from "./rule.js";

const LOC_SCALE = ["value", "loc", "scale"];

/** The inputs of location-scale kernels. */
const standardizing = (x: Node, loc: Node, scale: Node): readonly Node[] => [x, reciprocal(scale), loc];

export const normal = univariate(
  "normal",
  Op.Normal,
  LOC_SCALE,
  [0, 1, 2],
  (x, loc, scale) => [x, loc, reciprocal(scale)],
  (_x, _loc, scale) => sub(-HALF_LOG_2PI, log(scale)),
);

/** x ≥ 0: the absolute value of a normal around 0. */
export const halfNormal = univariate(
  "halfNormal",
  Op.HalfNormal,
  ["value", "scale"],
  [0, 1],
  (x, scale) => [x, reciprocal(scale)],
  (_x, scale) => sub(LOG_2 - HALF_LOG_2PI, log(scale)),
);

export const cauchy = univariate("cauchy", Op.Cauchy, LOC_SCALE, [0, 1, 2], standardizing, (_x, _loc, scale) =>
  sub(-LOG_PI, log(scale)),
);

/** x ≥ 0. */
export const halfCauchy = univariate(
  "halfCauchy",
  Op.HalfCauchy,
  ["value", "scale"],
  [0, 1],
  (x, scale) => [x, reciprocal(scale)],
  (_x, scale) => sub(LOG_2 - LOG_PI, log(scale)),
);

/** ψ((ν + 1)/2) − ψ(ν/2) − 1/ν: twice the derivative of the normaliser in ν. */
const studentSlope = (df: Node): Node => sub(sub(digamma(mul(0.5, add(df, 1))), digamma(mul(0.5, df))), reciprocal(df));

/** Γ((ν + 1)/2) / (Γ(ν/2) √(νπ) scale), logged. */
const studentNormalizer = (df: Node, scale: Node): Node =>
  neg(sum(lbeta(mul(0.5, df), 0.5), mul(0.5, log(df)), log(scale)));

export const studentT = univariate(
  "studentT",
  Op.StudentT,
  ["value", "df", "loc", "scale"],
  [0, 1, 3, 2],
  (x, df, loc, scale) => [x, reciprocal(scale), df, reciprocal(sqrt(df)), studentSlope(df), loc],
  (_x, df, _loc, scale) => studentNormalizer(df, scale),
);

/** x ≥ 0. */
export const halfStudentT = univariate(
  "halfStudentT",
  Op.HalfStudentT,
  ["value", "df", "scale"],
  [0, 1, 2],
  (x, df, scale) => [x, reciprocal(scale), df, reciprocal(sqrt(df)), studentSlope(df)],
  (_x, df, scale) => add(studentNormalizer(df, scale), LOG_2),
);

export const laplace = univariate("laplace", Op.Laplace, LOC_SCALE, [0, 1, 2], standardizing, (_x, _loc, scale) =>
  sub(-LOG_2, log(scale)),
);

export const logistic = univariate("logistic", Op.Logistic, LOC_SCALE, [0, 1, 2], standardizing, (_x, _loc, scale) =>
  neg(log(scale)),
);

/** The limit law of maxima. */
export const gumbel = univariate("gumbel", Op.Gumbel, LOC_SCALE, [0, 1, 2], standardizing, (_x, _loc, scale) =>
  neg(log(scale)),
);

/** low ≤ x ≤ high. */
export const uniform = univariate(
  "uniform",
  Op.Uniform,
  ["value", "low", "high"],
  [0, 1, 2],
  (x, low, high) => [x, low, high, reciprocal(sub(high, low))],
  (_x, low, high) => neg(log(sub(high, low))),
);

/** 0 ≤ x ≤ 1. */
export const beta = univariate(
  "beta",
  Op.Beta,
  ["value", "alpha", "beta"],
  [0, 1, 2],
  (x, a, b) => {
    const both = digamma(add(a, b));
    return [x, log(x), log1p(neg(x)), a, b, sub(both, digamma(a)), sub(both, digamma(b))];
  },
  (_x, a, b) => neg(lbeta(a, b)),
);

/** 0 ≤ x ≤ 1. */
export const kumaraswamy = univariate(
  "kumaraswamy",
  Op.Kumaraswamy,
  ["value", "alpha", "beta"],
  [0, 1, 2],
  (x, a, b) => [x, log(x), a, b, reciprocal(a), reciprocal(b)],
  (_x, a, b) => add(log(a), log(b)),
);

/** `shape` > 0 leans to the right, 0 is normal. */
export const skewNormal = univariate(
  "skewNormal",
  Op.SkewNormal,
  ["value", "loc", "scale", "shape"],
  [0, 1, 2, 3],
  (x, loc, scale, shape) => [x, loc, reciprocal(scale), shape],
  (_x, _loc, scale) => sub(LOG_2 - HALF_LOG_2PI, log(scale)),
);

/** The standardised bounds α, β of a truncated normal and log(Φ(β) − Φ(α)). Far bounds are moved to ±1e10: no ∞·0 in a partial. */
function truncation(loc: Node, scale: Node, low: Node, high: Node): { a: Node; b: Node; logMass: Node } {
  const r = reciprocal(scale);
  const standard = (bound: Node): Node => max(min(mul(sub(bound, loc), r), 1e10), -1e10);
  const a = standard(low);
  const b = standard(high);
  // Mirrored, where the interval lies to the right, so that it reaches into the left tail, where log Φ is exact.
  const side = sub(1, mul(2, less(0, add(a, b))));
  const logUpper = logNdtr(max(mul(side, a), mul(side, b)));
  const logLower = logNdtr(min(mul(side, a), mul(side, b)));
  return { a, b, logMass: add(logUpper, log(neg(expm1(sub(logLower, logUpper))))) };
}

/** low ≤ x ≤ high, either of which may be infinite. */
export const truncatedNormal = univariate(
  "truncatedNormal",
  Op.TruncatedNormal,
  ["value", "loc", "scale", "low", "high"],
  [0, 1, 2, 3, 4],
  (x, loc, scale, low, high) => {
    const { a, b, logMass } = truncation(loc, scale, low, high);
    const r = reciprocal(scale);
    const edge = (t: Node): Node => mul(r, exp(sub(mul(-0.5, square(t)), add(logMass, HALF_LOG_2PI))));
    const atLow = edge(a);
    const atHigh = edge(b);
    return [x, loc, r, low, high, sub(atHigh, atLow), sub(mul(b, atHigh), mul(a, atLow)), atLow, neg(atHigh)];
  },
  (_x, loc, scale, low, high) => sub(sub(-HALF_LOG_2PI, log(scale)), truncation(loc, scale, low, high).logMass),
);

/** An angle x in radians; any interval of length 2π holds all of it. */
export const vonMises = univariate(
  "vonMises",
  Op.VonMises,
  ["value", "loc", "concentration"],
  [0, 1, 2],
  (x, loc, kappa) => [x, loc, kappa, sub(1, map(Op.BesselRatio, [kappa]))],
  (_x, _loc, kappa) => sub(sub(kappa, map(Op.LogBesselI0, [kappa])), LOG_2 + LOG_PI),
);
