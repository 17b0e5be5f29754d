// Rules of the multivariate families: Dirichlet and the densities over classes, multivariate normals and Student t. Their kernels
// take whole events, so every argument and input is brought to a stated shape. A normal with diagonal covariance needs no rule of
// its own: it is `normal` on vectors.

import { Op } from "../../../assembly/opcodes.js";
import { rangeError } from "../../errors.js";
import { add, digamma, lbeta, lgamma, log, max, mul, reciprocal, sub, sum } from "../arithmetic.js";
import type { DensityRule } from "../density.js";
import { broadcast, concat, eventSize, type Node, slice, sumEvent } from "../node.js";
import { HALF_LOG_2PI, LOG_PI } from "./rule.js";

type Shape = readonly number[];

/** A multivariate family; `size` finds K, `args` and `inputs` give shapes from it. */
function multivariate(
  family: string,
  opcode: Op,
  argNames: readonly string[],
  differentiable: readonly number[],
  size: (...args: Node[]) => number,
  args: (k: number) => readonly Shape[],
  inputs: readonly [(...args: Node[]) => readonly Node[], (k: number) => readonly Shape[]],
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
      argShapes: (a) => args(size(...a)),
      inputShapes: (a) => inputs[1](size(...a)),
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
  [(x, p) => [x, p, log(p)], (k) => [[k], [k], [k]]],
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

/** What the kernels' scratch memory holds (assembly/density/gaussian.ts). */
const LARGEST = 4096;

function gaussianSize(x: Node): number {
  const k = sizeOf(x);
  if (k > LARGEST) throw rangeError("value", `a vector of at most ${LARGEST} elements`, k);
  return k;
}

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
