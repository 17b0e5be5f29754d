// How a draw moves with its distribution's parameters when its quantile stays: dx/dα = −(∂F/∂α)/p, the implicit reparameterisation
// gradient (Figurnov, Mohamed & Mnih 2018), one formula per parameter, as values of the graph at the draw x. For Dirichlet the marginal
// form of Jankowiak & Obermeyer (2018).

import * as g from "../../compile/arithmetic.js";
import type { Node } from "../../compile/node.js";
import { betaSampleDerivative, gammaSampleDerivative, vonMisesSampleDerivative } from "../../compile/special.js";
import { clamp, oneMinus, SQRT_HALF, standard, truncatedNormalCdf } from "./formulas.js";

type Implicit = (x: Node, ...parameters: Node[]) => readonly Node[];

const one = (x: Node): Node => g.add(1, g.mul(0, x));
const locScale: Implicit = (x, m, s) => [one(x), standard(x, m, s)];
const scaled: Implicit = (x, s) => [g.div(x, s)];

/** ∂r/∂ν of the length r of Student's t of scale 1 in k dimensions: r = √(ν(1 − w)/w) for w = ν/(ν + r²), a beta(ν/2, k/2) variate. */
export function radialSlope(r: Node, df: Node, k: Node | number): Node {
  const square = g.square(r);
  const w = g.div(df, g.add(df, square));
  const dw = g.mul(0.5, betaSampleDerivative(g.mul(0.5, df), g.mul(0.5, k), w));
  const size = g.max(g.abs(r), 1e-150);
  return g.sub(g.div(size, g.mul(2, df)), g.div(g.mul(df, dw), g.mul(g.mul(2, size), g.square(w))));
}
const studentSlope = (t: Node, df: Node): Node => g.mul(g.sign(t), radialSlope(t, df, 1));

/** dθ/dκ of von Mises, θ = x − loc brought into [−π, π] from within 2π. */
function vonMisesSlope(x: Node, loc: Node, kappa: Node): Node {
  const offset = g.sub(x, loc);
  const turns = g.sub(g.less(Math.PI, offset), g.less(offset, -Math.PI));
  return vonMisesSampleDerivative(g.sub(offset, g.mul(2 * Math.PI, turns)), kappa);
}

/** By name of a family: the gradients in its parameters, in their order. */
export const implicit: Readonly<Record<string, Implicit>> = {
  normal: locScale,
  cauchy: locScale,
  laplace: locScale,
  logistic: locScale,
  gumbel: locScale,
  halfNormal: scaled,
  halfCauchy: scaled,
  studentT: (x, df, m, s) => {
    const t = standard(x, m, s);
    return [g.mul(s, studentSlope(t, df)), one(x), t];
  },
  halfStudentT: (x, df, s) => {
    const t = g.div(x, s);
    return [g.mul(s, studentSlope(t, df)), t];
  },
  uniform: (x, a, b) => {
    const u = g.div(g.sub(x, a), g.sub(b, a));
    return [oneMinus(u), u];
  },
  logNormal: (x, m, s) => [x, g.mul(x, standard(g.log(x), m, s))],
  exponential: (x, rate) => [g.neg(g.div(x, rate))],
  gamma: (x, shape, rate) => [g.div(gammaSampleDerivative(shape, g.mul(rate, x)), rate), g.neg(g.div(x, rate))],
  inverseGamma: (x, shape, scale) => [
    g.neg(g.mul(g.div(g.square(x), scale), gammaSampleDerivative(shape, g.div(scale, x)))),
    g.div(x, scale),
  ],
  chiSquare: (x, df) => [gammaSampleDerivative(g.mul(0.5, df), g.mul(0.5, x))],
  beta: (x, a, b) => [betaSampleDerivative(a, b, x), g.neg(betaSampleDerivative(b, a, oneMinus(x)))],
  kumaraswamy: (x, a, b) => {
    const logX = g.log(x);
    const y = g.exp(g.mul(a, logX));
    const rest = oneMinus(y);
    return [g.neg(g.div(g.mul(x, logX), a)), g.div(g.mul(x, g.mul(rest, g.log1p(g.neg(y)))), g.mul(a, g.mul(b, y)))];
  },
  weibull: (x, k, s) => [g.neg(g.div(g.mul(x, g.sub(g.log(x), g.log(s))), k)), g.div(x, s)],
  pareto: (x, least, shape) => [g.div(x, least), g.neg(g.div(g.mul(x, g.sub(g.log(x), g.log(least))), shape))],
  inverseGaussian: (x, mean, shape) => {
    // Φ(−u)/φ(u) at u = √(shape/x)(x/mean + 1), and the density over φ.
    const u = g.mul(g.sqrt(g.div(shape, x)), g.add(g.div(x, mean), 1));
    const mills = g.mul(Math.sqrt(Math.PI / 2), g.erfcx(g.mul(SQRT_HALF, u)));
    const density = g.div(g.sqrt(g.div(shape, x)), x);
    return [
      g.div(g.mul(g.div(g.mul(2, shape), g.square(mean)), mills), density),
      g.div(g.sub(g.reciprocal(g.sqrt(g.mul(shape, x))), g.mul(g.div(2, mean), mills)), density),
    ];
  },
  skewNormal: (x, m, s, shape) => {
    const z = standard(x, m, s);
    const lean = g.mul(shape, z);
    const log = g.sub(g.mul(-0.5, g.square(lean)), g.logNdtr(lean));
    return [one(x), z, g.div(g.mul(s, g.exp(log)), g.mul(Math.sqrt(2 * Math.PI), g.add(1, g.square(shape))))];
  },
  truncatedNormal: (x, m, s, low, high) => {
    const z = standard(x, m, s);
    const a = clamp(standard(low, m, s), -1e10, 1e10);
    const b = clamp(standard(high, m, s), -1e10, 1e10);
    const atLow = g.mul(truncatedNormalCdf(z, a, b, true), g.exp(g.mul(0.5, g.mul(g.sub(z, a), g.add(z, a)))));
    const atHigh = g.mul(truncatedNormalCdf(z, a, b), g.exp(g.mul(0.5, g.mul(g.sub(z, b), g.add(z, b)))));
    return [g.sub(1, g.add(atLow, atHigh)), g.sub(z, g.add(g.mul(a, atLow), g.mul(b, atHigh))), atLow, atHigh];
  },
  vonMises: (x, loc, kappa) => [one(x), vonMisesSlope(x, loc, kappa)],
};

/** ∂xⱼ/∂αⱼ of a Dirichlet vector, for each j: that of the marginal beta(αⱼ, Σα − αⱼ). */
export const dirichletSlopes = (x: Node, alpha: Node, rest: Node): Node => betaSampleDerivative(alpha, rest, x);
