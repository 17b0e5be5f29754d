// KL divergences as values of a model, with gradients in the parameters of both distributions: closed forms only. Those of Gaussian
// vectors need no algebra of matrices: log p at the mean of q and at the columns of a square root of q's covariance is all that
// E_q log p consists of.

import * as g from "../compile/arithmetic.js";
import { concat, constant, eventSize, type Node, slice, sumEvent } from "../compile/node.js";
import { besselRatio, logBesselI0 } from "../compile/special.js";
import { typeError } from "../errors.js";
import { Distribution, FamilyDistribution } from "./distribution.js";
import { EULER, LOG_2PI } from "./distributions/scalar.js";
import { Expression } from "./expression.js";
import { IndependentDistribution } from "./independent.js";

type Parameters = readonly Node[];
type Pair = (q: Parameters, p: Parameters) => Node | null;

const ratioLog = (x: Node, y: Node): Node => g.sub(g.log(x), g.log(y));
/** u − log(1 + u), of x/y = 1 + u. */
const excess = (x: Node, y: Node): Node => {
  const u = g.div(g.sub(x, y), y);
  return g.sub(u, g.log1p(u));
};
/** x·log(x/y), 0 for an x that is the number 0. */
const relative = (x: Node, y: Node): Node =>
  g.mul(x, g.sub(g.log(x.values?.includes(0) ? g.max(x, 1e-300) : x), g.log(y)));
const isSame = (x: Node, y: Node): boolean =>
  x === y || (!!x.values && !!y.values && x.values.join() === y.values.join());

const normal: Pair = ([m, s], [n, t]) => {
  const variances = excess(g.square(s!), g.square(t!));
  return g.mul(0.5, g.add(variances, g.square(g.div(g.sub(m!, n!), t!))));
};
const gamma: Pair = ([a, b], [c, d]) =>
  g.sum(
    g.mul(g.sub(a!, c!), g.digamma(a!)),
    g.sub(g.lgamma(c!), g.lgamma(a!)),
    g.mul(c!, ratioLog(b!, d!)),
    g.mul(a!, g.div(g.sub(d!, b!), b!)),
  );
const bernoulli: Pair = ([a], [b]) => g.add(relative(a!, b!), relative(g.sub(1, a!), g.sub(1, b!)));

/** Both sides of one family; elements of arrays one by one. */
const samePairs: Readonly<Record<string, Pair>> = {
  normal,
  logNormal: normal,
  halfNormal: ([s], [t]) => g.mul(0.5, excess(g.square(s!), g.square(t!))),
  laplace: ([m, s], [n, t]) => {
    const d = g.abs(g.sub(m!, n!));
    const tail = g.mul(g.div(s!, t!), g.exp(g.neg(g.div(d, s!))));
    return g.sub(g.sub(g.add(g.div(d, t!), tail), 1), ratioLog(s!, t!));
  },
  cauchy: ([m, s], [n, t]) => {
    const squares = g.add(g.square(g.sub(s!, t!)), g.square(g.sub(m!, n!)));
    return g.log1p(g.div(squares, g.mul(4, g.mul(s!, t!))));
  },
  exponential: ([a], [b]) => excess(b!, a!),
  gamma,
  inverseGamma: gamma,
  beta: ([a, b], [c, d]) => {
    const whole = g.digamma(g.add(a!, b!));
    const part = (x: Node, y: Node): Node => g.mul(g.sub(x, y), g.sub(g.digamma(x), whole));
    return g.sum(g.sub(g.lbeta(c!, d!), g.lbeta(a!, b!)), part(a!, c!), part(b!, d!));
  },
  gumbel: ([m, s], [n, t]) => {
    const ratio = g.div(s!, t!);
    const tail = g.exp(g.add(g.div(g.sub(n!, m!), t!), g.lgamma(g.add(1, ratio))));
    return g.sum(ratioLog(t!, s!), g.mul(EULER, g.sub(ratio, 1)), g.div(g.sub(m!, n!), t!), tail, constant(-1));
  },
  weibull: ([k, s], [l, t]) => {
    const ratio = g.div(l!, k!);
    const tail = g.exp(g.add(g.mul(l!, ratioLog(s!, t!)), g.lgamma(g.add(1, ratio))));
    return g.sum(g.neg(g.log(ratio)), g.mul(l!, ratioLog(t!, s!)), g.mul(EULER, g.sub(ratio, 1)), tail, constant(-1));
  },
  // Infinite where q has values below all of p's.
  pareto: ([x, a], [y, b]) =>
    g.sum(excess(b!, a!), g.mul(b!, ratioLog(x!, y!)), g.neg(g.log(g.sub(1, g.less(x!, y!))))),
  vonMises: ([m, k], [n, l]) => {
    // κ − λ cos d = (κ − λ) + 2λ sin²(d/2)
    const turn = g.mul(g.mul(2, l!), g.square(g.sin(g.mul(0.5, g.sub(m!, n!)))));
    const logs = g.sub(logBesselI0(l!), logBesselI0(k!));
    return g.add(logs, g.mul(besselRatio(k!), g.add(g.sub(k!, l!), turn)));
  },
  bernoulli,
  binomial: ([n, a], [m, b]) => (isSame(n!, m!) ? g.mul(n!, bernoulli([a!], [b!])!) : null),
  poisson: ([a], [b]) => g.mul(a!, excess(b!, a!)),
  geometric: ([a], [b]) => g.div(bernoulli([a!], [b!])!, a!),
  negativeBinomial: ([m, f], [n, h]) =>
    isSame(f!, h!) ? g.add(relative(m!, n!), g.mul(g.add(m!, f!), g.log1p(g.div(g.sub(n!, m!), g.add(m!, f!))))) : null,
};

/** What cross entropies of others need of q. */
interface Statistics {
  readonly mean: Node;
  readonly variance: Node;
  readonly entropy: Node;
  /** E log x, of positive numbers. */
  readonly log?: Node;
  /** E 1/x */
  readonly inverse?: Node;
}
const scaleEntropy = (s: Node, c: number): Node => g.add(g.log(s), c);

const statistics: Readonly<Record<string, (...p: Node[]) => Statistics>> = {
  normal: (m, s) => ({ mean: m, variance: g.square(s), entropy: scaleEntropy(s, 0.5 * (1 + LOG_2PI)) }),
  laplace: (m, s) => ({ mean: m, variance: g.mul(2, g.square(s)), entropy: scaleEntropy(s, 1 + Math.LN2) }),
  logistic: (m, s) => ({ mean: m, variance: g.mul(Math.PI ** 2 / 3, g.square(s)), entropy: scaleEntropy(s, 2) }),
  gumbel: (m, s) => ({
    mean: g.add(m, g.mul(EULER, s)),
    variance: g.mul(Math.PI ** 2 / 6, g.square(s)),
    entropy: scaleEntropy(s, 1 + EULER),
  }),
  exponential: (rate) => ({
    mean: g.reciprocal(rate),
    variance: g.reciprocal(g.square(rate)),
    entropy: g.sub(1, g.log(rate)),
    log: g.sub(-EULER, g.log(rate)),
  }),
  gamma: (a, b) => ({
    mean: g.div(a, b),
    variance: g.div(a, g.square(b)),
    entropy: g.sum(a, g.neg(g.log(b)), g.lgamma(a), g.mul(g.sub(1, a), g.digamma(a))),
    log: g.sub(g.digamma(a), g.log(b)),
  }),
  weibull: (k, s) => {
    const inverse = g.reciprocal(k);
    const moment = (n: number): Node => g.lgamma(g.add(1, g.mul(n, inverse)));
    const mean = g.mul(s, g.exp(moment(1)));
    return {
      mean,
      variance: g.mul(g.square(mean), g.expm1(g.sub(moment(2), g.mul(2, moment(1))))),
      entropy: g.sum(g.log(s), g.log(inverse), g.mul(EULER, g.sub(1, inverse)), constant(1)),
      log: g.sub(g.log(s), g.mul(EULER, inverse)),
    };
  },
  logNormal: (m, s) => {
    const square = g.square(s);
    const power = (k: number): Node => g.exp(g.add(g.mul(k, m), g.mul(0.5 * k * k, square)));
    return {
      mean: power(1),
      variance: g.mul(g.expm1(square), g.exp(g.add(g.mul(2, m), square))),
      entropy: g.add(m, scaleEntropy(s, 0.5 * (1 + LOG_2PI))),
      log: m,
      inverse: power(-1),
    };
  },
};

/** −E_q log p by the family of p. */
const crossEntropies: Readonly<Record<string, (p: Parameters, q: Statistics) => Node | null>> = {
  normal: ([n, t], q) => {
    const spread = g.div(g.add(q.variance, g.square(g.sub(q.mean, n!))), g.square(t!));
    return g.add(g.log(t!), g.mul(0.5, g.add(LOG_2PI, spread)));
  },
  exponential: ([rate], q) => q.log && g.sub(g.mul(rate!, q.mean), g.log(rate!)),
  gamma: ([a, b], q) =>
    q.log && g.sum(g.lgamma(a!), g.neg(g.mul(a!, g.log(b!))), g.mul(g.sub(1, a!), q.log), g.mul(b!, q.mean)),
  inverseGamma: ([a, b], q) =>
    q.log && q.inverse
      ? g.sum(g.lgamma(a!), g.neg(g.mul(a!, g.log(b!))), g.mul(g.add(a!, 1), q.log), g.mul(b!, q.inverse))
      : null,
} as Record<string, (p: Parameters, q: Statistics) => Node | null>;

/** Families of vectors, both sides the same. */
const vectorPairs: Readonly<Record<string, Pair>> = {
  categorical: ([a], [b]) => (eventSize(a!.shape) === eventSize(b!.shape) ? sumEvent(relative(a!, b!)) : null),
  multinomial: ([n, a], [m, b]) => (isSame(n!, m!) ? g.mul(n!, sumEvent(relative(a!, b!))) : null),
  dirichlet: ([a], [b]) => {
    const total = sumEvent(a!);
    const parts = g.sub(g.lgamma(b!), g.lgamma(a!));
    const slopes = g.mul(g.sub(a!, b!), g.sub(g.digamma(a!), g.digamma(total)));
    return g.add(g.sub(g.lgamma(total), g.lgamma(sumEvent(b!))), sumEvent(g.add(parts, slopes)));
  },
};

const baseOf = (d: Distribution): Distribution => (d instanceof FamilyDistribution ? d.base : d);
const isNormals = (d: Distribution): boolean =>
  d instanceof IndependentDistribution && baseOf(d.base).name === "normal" && d.eventShape.length === 1;
const isGaussian = (d: Distribution): boolean => d.name.startsWith("multivariateNormal") || isNormals(d);

/** Columns of a square root of the covariance; null for one that would have to be solved for. */
function rootOf(d: Distribution): Node[] | null {
  const k = d.eventShape[0]!;
  const unit = (i: number, x: Node): Node => concat(Array.from({ length: k }, (_, j) => (i === j ? x : constant(0))));
  const each = (x: Node, i: number): Node => (x.shape.length ? slice(x, i, []) : x);
  if (isNormals(d)) return Array.from({ length: k }, (_, i) => unit(i, each(d.parameters[1]!, i)));
  const matrix = d.parameters[1]!;
  const columns = matrix.shape[1]!;
  const column = (c: number, from: number): Node =>
    concat(Array.from({ length: k }, (_, i) => (i < from ? constant(0) : slice(matrix, i * columns + c, []))));
  if (d.name === "multivariateNormal") return Array.from({ length: k }, (_, c) => column(c, c));
  if (d.name !== "multivariateNormalLowRank") return null;
  return [
    ...Array.from({ length: columns }, (_, c) => column(c, 0)),
    ...Array.from({ length: k }, (_, i) => unit(i, g.sqrt(slice(d.parameters[2]!, i, [])))),
  ];
}

/** E_q log q = log q(m) − K/2, and E_q log p = log p(m) + Σ (log p(n + l) − log p(n)) over the columns l of q's root, n p's mean. */
function gaussians(q: Distribution, p: Distribution): Node | null {
  const root = rootOf(q);
  if (!root) return null;
  const k = q.eventShape[0]!;
  const locOf = (d: Distribution): Node =>
    g.add(d.parameters[0]!, concat(Array.from({ length: k }, () => constant(0))));
  const [m, n] = [locOf(q), locOf(p)];
  const atMean = p.valueOf(n);
  let expected = p.valueOf(m);
  for (const l of root) expected = g.add(expected, g.sub(p.valueOf(g.add(n, l)), atMean));
  return g.sub(g.sub(q.valueOf(m), 0.5 * k), expected);
}

function divergence(first: Distribution, second: Distribution): Node | null {
  const [q, p] = [baseOf(first), baseOf(second)];
  if (q instanceof IndependentDistribution && p instanceof IndependentDistribution) {
    const parts = divergence(q.base, p.base);
    const elements = concat(
      Array.from({ length: eventSize(q.eventShape) }, () => constant(0)),
      q.eventShape,
    );
    return parts && sumEvent(g.add(parts, elements));
  }
  if (isGaussian(q) && isGaussian(p)) return gaussians(q, p);
  if (q.name === p.name) {
    const pair = samePairs[q.name] ?? vectorPairs[q.name];
    if (pair) return pair(q.parameters, p.parameters);
  }
  const own = statistics[q.name]?.(...q.parameters);
  const cross = own && crossEntropies[p.name]?.(p.parameters, own);
  return cross ? g.sub(cross, own.entropy) : null;
}

/**
 * KL(q‖p) in nats as a value of a model, with gradients in the parameters of both, for each element where parameters are arrays: to be
 * added to the log joint by `factor("regulariser", klExpression(q, p).neg())`. Closed forms only; another pair is a TypeError.
 */
export function klExpression(q: Distribution, p: Distribution): Expression {
  const label = "klExpression(q, p)";
  if (!(q instanceof Distribution)) throw typeError(`${label}: q`, "a distribution", q);
  if (!(p instanceof Distribution)) throw typeError(`${label}: p`, "a distribution", p);
  const sameShape = q.eventShape.join() === p.eventShape.join();
  const node = sameShape ? divergence(q, p) : null;
  if (!node)
    throw new TypeError(
      `${label}: expected a pair whose divergence has a formula, got ${q.name} from ${p.name}; see docs/distributions.md`,
    );
  return new Expression(node);
}
