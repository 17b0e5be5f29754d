// Rules of the multivariate families: Dirichlet and the densities over classes, multivariate normals and Student t. Their kernels
// take whole events, so every argument and input is brought to a stated shape. A normal with diagonal covariance needs no rule of
// its own: it is `normal` on vectors.

import { Op } from "../../../assembly/opcodes.js";
import { rangeError } from "../../errors.js";
import { add, digamma, lbeta, lgamma, log, max, mul, neg, reciprocal, sub, sum } from "../arithmetic.js";
import type { DensityRule } from "../density.js";
import { broadcast, concat, constant, data, eventSize, type Node, slice, sumEvent } from "../node.js";
import { HALF_LOG_2PI, LOG_PI } from "./rule.js";

type Shape = readonly number[];

/** A multivariate family; `size` finds K, `args` and `inputs` give shapes from it. */
function multivariate(
  family: string,
  opcode: Op,
  argNames: readonly string[],
  differentiable: readonly number[],
  size: (...args: Node[]) => number,
  args: (k: number, ...args: Node[]) => readonly Shape[],
  inputs: readonly [(...args: Node[]) => readonly Node[], (k: number, ...args: Node[]) => readonly Shape[]],
  addend?: (...args: Node[]) => Node,
): DensityRule {
  return {
    family,
    opcode,
    argNames,
    differentiable,
    inputs: (a) => inputs[0](...a),
    ...(addend && { addend: (a) => addend(...a) }),
    multivariate: {
      eventSize: (a) => size(...a),
      argShapes: (a) => args(size(...a), ...a),
      inputShapes: (a) => inputs[1](size(...a), ...a),
    },
  };
}

const sizeOf = (x: Node): number => eventSize(x.shape);
/** Brought to the shape [K]: a scalar argument stands for K equal ones. */
const vector = (x: Node, k: number): Node => broadcast(x, x.plate, [k]);

/** x on the simplex. */
export const dirichlet = multivariate(
  "dirichlet",
  Op.Dirichlet,
  ["value", "concentration"],
  [0, 1],
  (x) => sizeOf(x),
  (k) => [[k], [k]],
  [
    (x, concentration) => {
      const alpha = vector(concentration, sizeOf(x));
      return [x, log(x), alpha, sub(digamma(sumEvent(alpha)), digamma(alpha))];
    },
    (k) => [[k], [k], [k], [k]],
  ],
  (x, concentration) => {
    const alpha = vector(concentration, sizeOf(x));
    return sub(lgamma(sumEvent(alpha)), sumEvent(lgamma(alpha)));
  },
);

/** K counts; their sum is the number of trials. */
export const multinomial = multivariate(
  "multinomial",
  Op.Multinomial,
  ["value", "probabilities"],
  [1],
  (x) => sizeOf(x),
  (k) => [[k], [k]],
  [(x, p) => [p, log(p), x], (k) => [[k], [k], [k]]],
  (x) => {
    const counts = max(x, 0); // negative ones are off the support, not off the domain of lgamma
    return sub(lgamma(add(sumEvent(counts), 1)), sumEvent(lgamma(add(counts, 1))));
  },
);

/** y in 0…K − 1. */
export const categorical = multivariate(
  "categorical",
  Op.Categorical,
  ["value", "probabilities"],
  [1],
  (_y, p) => sizeOf(p),
  (k) => [[], [k]],
  [(y, p) => [y, p], (k) => [[], [k]]],
);

/** y in 0…K − 1, probabilities softmax(logits). */
export const categoricalLogit = multivariate(
  "categoricalLogit",
  Op.CategoricalLogit,
  ["value", "logits"],
  [1],
  (_y, logits) => sizeOf(logits),
  (k) => [[], [k]],
  [(y, logits) => [y, logits], (k) => [[], [k]]],
);

/** y in 0…K for K increasing cutpoints: P(y ≤ j) = sigmoid(cutpoints[j] − location). */
export const orderedLogistic = multivariate(
  "orderedLogistic",
  Op.OrderedLogistic,
  ["value", "location", "cutpoints"],
  [1, 2],
  (_y, _location, cutpoints) => sizeOf(cutpoints),
  (k) => [[], [], [k]],
  [(y, location, cutpoints) => [y, location, cutpoints], (k) => [[], [], [k]]],
);

/** Doubles in the kernels' scratch memory, half as many pairs (assembly/density/pairs.ts). */
const SCRATCH = 8192;

function atMost(most: number, label: string, size: number): number {
  if (size > most) throw rangeError(label, `a size of at most ${most}`, size);
  return size;
}
const gaussianSize = (x: Node): number => atMost(SCRATCH / 2, "value", sizeOf(x));

/** Σ log of the diagonal of a K×K matrix. */
const logDiagonal = (matrix: Node, k: number): Node =>
  sumEvent(log(concat(Array.from({ length: k }, (_, i) => slice(matrix, i * (k + 1), [])))));

/** Covariance L·Lᵀ, L lower triangular with a positive diagonal; what stands above the diagonal is not read. */
export const multivariateNormal = multivariate(
  "multivariateNormal",
  Op.MultivariateNormal,
  ["value", "loc", "cholesky"],
  [0, 1, 2],
  gaussianSize,
  (k) => [[k], [k], [k, k]],
  [(x, loc, cholesky) => [x, loc, cholesky], (k) => [[k], [k], [k, k]]],
  (x, _loc, cholesky) => sub(-HALF_LOG_2PI * sizeOf(x), logDiagonal(cholesky, sizeOf(x))),
);

/** Precision C·Cᵀ, C lower triangular with a positive diagonal. */
export const multivariateNormalPrecision = multivariate(
  "multivariateNormalPrecision",
  Op.MultivariateNormalPrecision,
  ["value", "loc", "precisionCholesky"],
  [0, 1, 2],
  gaussianSize,
  (k) => [[k], [k], [k, k]],
  [(x, loc, cholesky) => [x, loc, cholesky], (k) => [[k], [k], [k, k]]],
  (x, _loc, cholesky) => add(-HALF_LOG_2PI * sizeOf(x), logDiagonal(cholesky, sizeOf(x))),
);

/** Scale matrix L·Lᵀ. Γ((ν + K)/2)/Γ(ν/2) = Γ(K/2)/B(ν/2, K/2). */
export const multivariateStudentT = multivariate(
  "multivariateStudentT",
  Op.MultivariateStudentT,
  ["value", "df", "loc", "cholesky"],
  [0, 2, 3, 1],
  gaussianSize,
  (k) => [[k], [], [k], [k, k]],
  [
    (x, df, loc, cholesky) => {
      const k = sizeOf(x);
      const slope = sub(digamma(mul(0.5, add(df, k))), sum(digamma(mul(0.5, df)), mul(k, reciprocal(df))));
      return [x, loc, cholesky, df, mul(0.5, slope)];
    },
    (k) => [[k], [k], [k, k], [], []],
  ],
  (x, df, _loc, cholesky) => {
    const k = sizeOf(x);
    const gammas = sub(lgamma(0.5 * k), lbeta(mul(0.5, df), 0.5 * k));
    return sub(sub(gammas, mul(0.5 * k, add(log(df), LOG_PI))), logDiagonal(cholesky, k));
  },
);

/** Columns of a factor [K, R]. */
const rank = (factor: Node): number => atMost(89, "factor", factor.shape[1] ?? 1);

/** Covariance diag(diagonal) + factor·factorᵀ, factor [K, R], all of diagonal positive. */
export const multivariateNormalLowRank = multivariate(
  "multivariateNormalLowRank",
  Op.MultivariateNormalLowRank,
  ["value", "loc", "factor", "diagonal"],
  [0, 1, 2, 3],
  sizeOf,
  (k, _x, _loc, factor) => [[k], [k], [k, rank(factor!)], [k]],
  [
    (x, loc, factor, diagonal) => [x, loc, factor, diagonal, constant(rank(factor))],
    (k, _x, _loc, factor) => [[k], [k], [k, rank(factor!)], [k], []],
  ],
  (x, _loc, _factor, diagonal) => sub(-HALF_LOG_2PI * sizeOf(x), mul(0.5, sumEvent(log(vector(diagonal, sizeOf(x)))))),
);

/** Rows and columns of a square matrix. */
const order = (matrix: Node): number => matrix.shape[0] ?? 1;

/** Numbers f(1)…f(n) as a vector. */
const vectorOf = (n: number, f: (i: number) => number): Node =>
  data(
    Float64Array.from({ length: n }, (_, i) => f(i + 1)),
    null,
    [n],
  );

/**
 * The Cholesky factor of a correlation matrix, with respect to its elements below the diagonal: density ∏ L_ii^(K − i + 2η − 2) over
 * its integral ∏ π^(k/2) Γ(η + (K − 1 − k)/2)/Γ(η + (K − 1)/2), k = 1…K − 1 (row k + 1 lies in a ball of k dimensions).
 */
export const lkjCholesky = multivariate(
  "lkjCholesky",
  Op.LkjCholesky,
  ["value", "concentration"],
  [0, 1],
  order,
  (k) => [[k, k], []],
  [
    (x, eta) => {
      const k = order(x);
      if (k === 1) return [x, eta, constant(0)];
      const first = digamma(add(eta, 0.5 * (k - 1)));
      const others = sumEvent(
        digamma(
          add(
            eta,
            vectorOf(k - 1, (i) => 0.5 * (k - 1 - i)),
          ),
        ),
      );
      return [x, eta, sub(mul(k - 1, first), others)];
    },
    (k) => [[k, k], [], []],
  ],
  (x, eta) => {
    const k = order(x);
    if (k === 1) return constant(0);
    // Γ(η + (K − 1 − i)/2)/Γ(η + (K − 1)/2) = B(η + (K − 1 − i)/2, i/2)/Γ(i/2)
    const halves = vectorOf(k - 1, (i) => 0.5 * i);
    const ratios = lbeta(
      add(
        eta,
        vectorOf(k - 1, (i) => 0.5 * (k - 1 - i)),
      ),
      halves,
    );
    const volumes = sub(mul(LOG_PI, halves), lgamma(halves));
    return neg(add(sumEvent(volumes), sumEvent(ratios)));
  },
);

/** The Cholesky factor of a covariance matrix that is Wishart with df degrees of freedom and scale matrix L·Lᵀ (Stan's wishart_cholesky). */
export const wishartCholesky = multivariate(
  "wishartCholesky",
  Op.WishartCholesky,
  ["value", "df", "cholesky"],
  [0, 1, 2],
  (x) => atMost(64, "value", order(x)),
  (k) => [[k, k], [], [k, k]],
  [
    (x, df, cholesky) => {
      const k = order(x);
      const digammas = sumEvent(
        digamma(
          sub(
            mul(0.5, df),
            vectorOf(k, (i) => 0.5 * (i - 1)),
          ),
        ),
      );
      const slope = sum(0.5 * k * Math.LN2, logDiagonal(cholesky, k), mul(0.5, digammas));
      return [x, df, cholesky, neg(slope)];
    },
    (k) => [[k, k], [], [k, k], []],
  ],
  (x, df, cholesky) => {
    const k = order(x);
    const gammas = sumEvent(
      lgamma(
        sub(
          mul(0.5, df),
          vectorOf(k, (i) => 0.5 * (i - 1)),
        ),
      ),
    );
    const fixed = k * Math.LN2 - 0.25 * k * (k - 1) * LOG_PI; // the factor's Jacobian and the π of the multivariate gamma function
    return sub(fixed, sum(mul(0.5 * k * Math.LN2, df), mul(df, logDiagonal(cholesky, k)), gammas));
  },
);
