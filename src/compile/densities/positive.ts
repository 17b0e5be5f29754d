// Rules of the families on the positive half line, parametrised as in Stan.

import { Op } from "../../../assembly/opcodes.js";
import { digamma, div, lgamma, log, mul, reciprocal, sub } from "../arithmetic.js";
import { constant, type Node } from "../node.js";
import { HALF_LOG_2PI, univariate } from "./rule.js";

/** x > 0: exp of a normal. */
export const logNormal = univariate(
  "logNormal",
  Op.LogNormal,
  ["value", "loc", "scale"],
  [0, 1, 2],
  (x, loc, scale) => [x, log(x), loc, reciprocal(scale)],
  (_x, _loc, scale) => sub(-HALF_LOG_2PI, log(scale)),
);

/** x ≥ 0, mean 1/rate. */
export const exponential = univariate(
  "exponential",
  Op.Exponential,
  ["value", "rate"],
  [0, 1],
  (x, rate) => [x, rate, reciprocal(rate)],
  (_x, rate) => log(rate),
);

const gammaInputs = (x: Node, shape: Node, rate: Node): readonly Node[] => [
  x,
  log(x),
  shape,
  rate,
  sub(log(rate), digamma(shape)),
  div(shape, rate),
];
const gammaNormalizer = (_x: Node, shape: Node, rate: Node): Node => sub(mul(shape, log(rate)), lgamma(shape));

/** x ≥ 0, mean shape/rate. */
export const gamma = univariate("gamma", Op.Gamma, ["value", "shape", "rate"], [0, 1, 2], gammaInputs, gammaNormalizer);

/** x > 0: 1/x is gamma with `scale` as its rate. */
export const inverseGamma = univariate(
  "inverseGamma",
  Op.InverseGamma,
  ["value", "shape", "scale"],
  [0, 1, 2],
  gammaInputs,
  gammaNormalizer,
);

/** x ≥ 0: gamma(df/2, 1/2), whose kernel it shares but for the partial in df. */
export const chiSquare = univariate(
  "chiSquare",
  Op.ChiSquare,
  ["value", "df"],
  [0, 1],
  (x, df) => gammaInputs(x, mul(0.5, df), constant(0.5)),
  (x, df) => gammaNormalizer(x, mul(0.5, df), constant(0.5)),
);

/** x ≥ 0. */
export const weibull = univariate(
  "weibull",
  Op.Weibull,
  ["value", "shape", "scale"],
  [0, 1, 2],
  (x, shape, scale) => [x, log(x), shape, log(scale), reciprocal(shape), div(shape, scale)],
  (_x, shape, scale) => sub(log(shape), log(scale)),
);

/** x ≥ minimum > 0. */
export const pareto = univariate(
  "pareto",
  Op.Pareto,
  ["value", "minimum", "shape"],
  [0, 1, 2],
  (x, minimum, shape) => [x, minimum, log(x), log(minimum), shape, reciprocal(shape), div(shape, minimum)],
  (_x, _minimum, shape) => log(shape),
);

/** x > 0, variance mean³/shape. */
export const inverseGaussian = univariate(
  "inverseGaussian",
  Op.InverseGaussian,
  ["value", "mean", "shape"],
  [0, 1, 2],
  (x, mean, shape) => [x, log(x), mean, shape, reciprocal(mean), reciprocal(shape)],
  (_x, _mean, shape) => sub(mul(0.5, log(shape)), HALF_LOG_2PI),
);
