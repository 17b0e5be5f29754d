// Log densities as plain graph arithmetic, for second derivatives: a kernel's partials are opaque, these formulas can be differentiated
// as often as is wanted. Only what is not linear in the arguments matters here, and constants are left out: none of these is ever a
// value. A family without a formula has no exact Hessian-vector products (compile/second.ts).

import { Op } from "../../../assembly/opcodes.js";
import * as g from "../arithmetic.js";
import { constant, data, eventSize, logSumExp, map, type Node, slice, sumEvent } from "../node.js";

type Formula = (...args: Node[]) => Node;

const standard = (x: Node, loc: Node, scale: Node): Node => g.mul(g.sub(x, loc), g.reciprocal(scale));
const negHalfSquare = (z: Node): Node => g.mul(-0.5, g.square(z));
/** A density of z = (x − loc)/scale. */
const locationScale =
  (f: (z: Node) => Node): Formula =>
  (x, loc, scale) =>
    g.sub(f(standard(x!, loc!, scale!)), g.log(scale!));
/** A density of z = x/scale. */
const scaled =
  (f: (z: Node) => Node): Formula =>
  (x, scale) =>
    g.sub(f(g.mul(x!, g.reciprocal(scale!))), g.log(scale!));
const cauchy = (z: Node): Node => g.neg(g.log1p(g.square(z)));

const studentT = (z: Node, df: Node, scale: Node): Node =>
  g.sub(
    g.mul(g.mul(-0.5, g.add(df, 1)), g.log1p(g.div(g.square(z), df))),
    g.sum(g.lbeta(g.mul(0.5, df), 0.5), g.mul(0.5, g.log(df)), g.log(scale)),
  );

const bernoulli: Formula = (y, p) => g.add(g.mul(y!, g.log(p!)), g.mul(g.sub(1, y!), g.log1p(g.neg(p!))));
const gammaNormalizer = (shape: Node, rate: Node): Node => g.sub(g.mul(shape, g.log(rate)), g.lgamma(shape));
/** log Γ(k + φ) − log Γ(φ) + φ log φ */
const rising = (k: Node, phi: Node): Node =>
  g.add(g.sub(g.lgamma(g.add(k, phi)), g.lgamma(phi)), g.mul(phi, g.log(phi)));

const at = (x: Node, i: number): Node => slice(x, i, []);
const logDiagonal = (matrix: Node, k: number, weight: (i: number) => g.Operand = () => 1): Node =>
  g.sum(...Array.from({ length: k }, (_, i) => g.mul(weight(i), g.log(at(matrix, i * (k + 1))))));

/** |L⁻¹ (x − loc)|², element by element: for small matrices. */
function squaredDistance(x: Node, loc: Node, cholesky: Node): Node {
  const z: Node[] = [];
  for (let i = 0, k = eventSize(x.shape); i < k; i++) {
    let rest = g.sub(at(x, i), at(loc, i));
    z.forEach((known, j) => {
      rest = g.sub(rest, g.mul(at(cholesky, i * k + j), known));
    });
    z.push(g.div(rest, at(cholesky, i * (k + 1))));
  }
  return g.sum(...z.map(g.square));
}

/** |Cᵀ (x − loc)|² */
function squaredByPrecision(x: Node, loc: Node, cholesky: Node): Node {
  const k = eventSize(x.shape);
  const columns = Array.from({ length: k }, (_, j) =>
    g.sum(
      ...Array.from({ length: k - j }, (_, m) =>
        g.mul(at(cholesky, (j + m) * k + j), g.sub(at(x, j + m), at(loc, j + m))),
      ),
    ),
  );
  return g.sum(...columns.map(g.square));
}

/** A number per row that the data in `y` choose: `of` is asked with each value of y. */
const fromData = (y: Node, of: (y: number) => number): Node => data(y.values!.map(of), y.plate, y.shape);
/** 1 in the place that y names, of `size`. */
function oneHot(y: Node, size: number): Node {
  const hot = new Float64Array(y.values!.length * size);
  y.values!.forEach((v, row) => {
    if (v >= 0 && v < size) hot[row * size + v] = 1;
  });
  return data(hot, y.plate, [size]);
}

/**
 * log(sigmoid(a) − sigmoid(b)) for the cutpoints less location on both sides of y, as log sigmoid(a) + log sigmoid(−b) +
 * log(1 − e^(b − a)), of which the lowest y has the first and the highest the second.
 */
function orderedLogistic(y: Node, location: Node, cutpoints: Node): Node {
  const k = eventSize(cutpoints.shape);
  const side = (at: Node): Node => g.sub(sumEvent(g.mul(oneHot(at, k), cutpoints)), location);
  const above = side(y);
  const below = side(fromData(y, (v) => v - 1));
  const hasAbove = fromData(y, (v) => (v < k ? 1 : 0));
  const hasBelow = fromData(y, (v) => (v > 0 ? 1 : 0));
  const both = g.mul(hasAbove, hasBelow);
  // Where one side is missing the difference is held at −1, and not counted.
  const gap = g.sub(g.mul(both, g.sub(below, above)), g.sub(1, both));
  return g.sub(
    g.mul(both, g.log(g.neg(g.expm1(gap)))),
    g.add(g.mul(hasAbove, g.softplus(g.neg(above))), g.mul(hasBelow, g.softplus(below))),
  );
}

const betaScore = (x: Node, a: Node, b: Node): Node => g.sub(g.div(g.sub(a, 1), x), g.div(g.sub(b, 1), g.sub(1, x)));

/** Which side of a bound is open: every value of it infinite; undefined: some are. */
function isOpen(bound: Node): boolean | undefined {
  const { values } = bound.kind === "broadcast" ? bound.inputs[0]! : bound;
  if (!values || values.every(Number.isFinite)) return false;
  return values.every((v) => !Number.isFinite(v)) ? true : undefined;
}

/** log(Φ(b) − Φ(a)) of the standardised bounds, from the side on which log Φ is exact; of one bound where the other is open. */
function truncatedNormal(x: Node, loc: Node, scale: Node, low: Node, high: Node): Node {
  const a = standard(low, loc, scale);
  const b = standard(high, loc, scale);
  let logMass: Node = constant(0);
  if (isOpen(low)) logMass = isOpen(high) ? logMass : g.logNdtr(b);
  else if (isOpen(high)) logMass = g.logNdtr(g.neg(a));
  else {
    // Mirrored where the interval lies to the right; the sign is a step, without a derivative.
    const side = g.sub(1, g.mul(2, g.less(0, g.add(a, b))));
    const upper = g.logNdtr(g.max(g.mul(side, a), g.mul(side, b)));
    const lower = g.logNdtr(g.min(g.mul(side, a), g.mul(side, b)));
    logMass = g.add(upper, g.log(g.neg(g.expm1(g.sub(lower, upper)))));
  }
  return g.sub(g.sub(negHalfSquare(standard(x, loc, scale)), g.log(scale)), logMass);
}

/** What families ask of their arguments: values that are data, bounds that are open for all rows or for none. */
export const conditions: Readonly<Record<string, (args: readonly Node[]) => boolean>> = {
  categorical: ([y]) => y!.kind === "data",
  orderedLogistic: ([y]) => y!.kind === "data",
  truncatedNormal: ([, , , low, high]) => isOpen(low!) !== undefined && isOpen(high!) !== undefined,
};

/** Sizes up to which the families that are written out element by element have formulas. */
export const largest: Readonly<Record<string, number>> = {
  multivariateNormal: 10,
  multivariateNormalPrecision: 10,
  multivariateStudentT: 10,
  lkjCholesky: 32,
};

/** By the family's name; arguments as in its rule. */
export const curvatures: Readonly<Record<string, Formula>> = {
  normal: locationScale(negHalfSquare),
  halfNormal: scaled(negHalfSquare),
  cauchy: locationScale(cauchy),
  halfCauchy: scaled(cauchy),
  studentT: (x, df, loc, scale) => studentT(standard(x!, loc!, scale!), df!, scale!),
  halfStudentT: (x, df, scale) => studentT(g.mul(x!, g.reciprocal(scale!)), df!, scale!),
  laplace: locationScale((z) => g.neg(g.abs(z))),
  logistic: locationScale((z) => g.sub(g.neg(z), g.mul(2, g.softplus(g.neg(z))))),
  gumbel: locationScale((z) => g.sub(g.neg(z), g.exp(g.neg(z)))),
  uniform: () => constant(0),
  beta: (x, a, b) =>
    g.sub(g.add(g.mul(g.sub(a!, 1), g.log(x!)), g.mul(g.sub(b!, 1), g.log1p(g.neg(x!)))), g.lbeta(a!, b!)),
  kumaraswamy: (x, a, b) =>
    g.sum(
      g.log(a!),
      g.log(b!),
      g.mul(g.sub(a!, 1), g.log(x!)),
      g.mul(g.sub(b!, 1), g.log1p(g.neg(g.exp(g.mul(a!, g.log(x!)))))),
    ),
  skewNormal: (x, loc, scale, shape) => {
    const z = standard(x!, loc!, scale!);
    return g.sub(g.add(negHalfSquare(z), g.logNdtr(g.mul(shape!, z))), g.log(scale!));
  },
  truncatedNormal: (x, loc, scale, low, high) => truncatedNormal(x!, loc!, scale!, low!, high!),
  vonMises: (x, loc, kappa) => g.sub(g.mul(kappa!, g.cos(g.sub(x!, loc!))), map(Op.LogBesselI0, [kappa!])),
  bernoulli,
  bernoulliLogit: (_y, logit) => g.neg(g.softplus(logit!)),
  binomial: (k, n, p) => g.add(g.mul(k!, g.log(p!)), g.mul(g.sub(n!, k!), g.log1p(g.neg(p!)))),
  binomialLogit: (_k, n, logit) => g.neg(g.mul(n!, g.softplus(logit!))),
  geometric: (k, p) => g.add(g.mul(k!, g.log1p(g.neg(p!))), g.log(p!)),
  poisson: (k, rate) => g.sub(g.mul(k!, g.log(rate!)), rate!),
  poissonLog: (_k, logRate) => g.neg(g.exp(logRate!)),
  negativeBinomial: (k, mean, phi) =>
    g.sub(g.add(rising(k!, phi!), g.mul(k!, g.log(mean!))), g.mul(g.add(k!, phi!), g.log(g.add(mean!, phi!)))),
  negativeBinomialLog: (k, logMean, phi) =>
    g.sub(rising(k!, phi!), g.mul(g.add(k!, phi!), g.logAddExp(logMean!, g.log(phi!)))),
  betaBinomial: (k, n, a, b) => g.sub(g.lbeta(g.add(k!, a!), g.add(g.sub(n!, k!), b!)), g.lbeta(a!, b!)),
  logNormal: (x, loc, scale) =>
    g.sub(negHalfSquare(standard(g.log(x!), loc!, scale!)), g.add(g.log(x!), g.log(scale!))),
  exponential: (x, rate) => g.sub(g.log(rate!), g.mul(rate!, x!)),
  gamma: (x, shape, rate) =>
    g.add(gammaNormalizer(shape!, rate!), g.sub(g.mul(g.sub(shape!, 1), g.log(x!)), g.mul(rate!, x!))),
  inverseGamma: (x, shape, scale) =>
    g.sub(gammaNormalizer(shape!, scale!), g.add(g.mul(g.add(shape!, 1), g.log(x!)), g.div(scale!, x!))),
  chiSquare: (x, df) => g.sub(g.mul(g.sub(g.mul(0.5, df!), 1), g.log(x!)), g.lgamma(g.mul(0.5, df!))),
  weibull: (x, shape, scale) => {
    const ratio = g.sub(g.log(x!), g.log(scale!));
    return g.sub(g.sub(g.add(g.log(shape!), g.mul(shape!, ratio)), g.log(x!)), g.exp(g.mul(shape!, ratio)));
  },
  pareto: (x, minimum, shape) =>
    g.sub(g.add(g.log(shape!), g.mul(shape!, g.log(minimum!))), g.mul(g.add(shape!, 1), g.log(x!))),
  inverseGaussian: (x, mean, shape) =>
    g.sub(
      g.sub(g.mul(0.5, g.log(shape!)), g.mul(1.5, g.log(x!))),
      g.div(g.mul(g.mul(0.5, shape!), g.square(g.sub(g.div(x!, mean!), 1))), x!),
    ),
  dirichlet: (x, alpha) =>
    g.add(sumEvent(g.sub(g.mul(g.sub(alpha!, 1), g.log(x!)), g.lgamma(alpha!))), g.lgamma(sumEvent(alpha!))),
  multinomial: (x, p) => sumEvent(g.mul(x!, g.log(p!))),
  multivariateNormal: (x, loc, cholesky) =>
    g.sub(g.mul(-0.5, squaredDistance(x!, loc!, cholesky!)), logDiagonal(cholesky!, eventSize(x!.shape))),
  multivariateNormalPrecision: (x, loc, cholesky) =>
    g.add(g.mul(-0.5, squaredByPrecision(x!, loc!, cholesky!)), logDiagonal(cholesky!, eventSize(x!.shape))),
  multivariateStudentT: (x, df, loc, cholesky) => {
    const k = eventSize(x!.shape);
    const kernel = g.mul(g.mul(-0.5, g.add(df!, k)), g.log1p(g.div(squaredDistance(x!, loc!, cholesky!), df!)));
    const normalizer = g.add(g.lbeta(g.mul(0.5, df!), 0.5 * k), g.mul(0.5 * k, g.log(df!)));
    return g.sub(g.sub(kernel, normalizer), logDiagonal(cholesky!, k));
  },
  lkjCholesky: (x, eta) => {
    const k = Math.round(Math.sqrt(eventSize(x!.shape)));
    const gammas = Array.from({ length: k - 1 }, (_, i) => g.lgamma(g.add(eta!, 0.5 * (k - 2 - i))));
    const normalizer = g.sub(g.mul(k - 1, g.lgamma(g.add(eta!, 0.5 * (k - 1)))), g.sum(...gammas));
    return g.add(
      normalizer,
      logDiagonal(x!, k, (i) => g.add(k - i - 3, g.mul(2, eta!))),
    );
  },
  categorical: (y, p) => sumEvent(g.mul(oneHot(y!, eventSize(p!.shape)), g.log(p!))),
  orderedLogistic: (y, location, cutpoints) => orderedLogistic(y!, location!, cutpoints!),
  categoricalLogit: (_y, logits) => g.neg(logSumExp(logits!)),
};

/**
 * Logarithms of distribution functions: the derivative in x of the log of the density that they integrate, by which their own partial
 * in x changes. Their shapes have no second derivatives.
 */
export const tailScores: Readonly<Record<string, Formula>> = {
  gammaLogCdf: (x, shape) => g.sub(g.div(g.sub(shape!, 1), x!), 1),
  gammaLogSurvival: (x, shape) => g.sub(g.div(g.sub(shape!, 1), x!), 1),
  betaLogCdf: (x, a, b) => betaScore(x!, a!, b!),
  betaLogSurvival: (x, a, b) => betaScore(x!, a!, b!),
  studentTLogCdf: (t, df) => g.neg(g.div(g.mul(g.add(df!, 1), t!), g.add(df!, g.square(t!)))),
};
