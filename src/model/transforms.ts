// The transforms that bring unconstrained coordinates onto a support, with their log Jacobians. They are Stan's (reference manual,
// "Transforms of constrained parameters"), so that a log density compares digit for digit: lower a + exp(u), upper b − exp(u), interval
// a + (b − a)·sigmoid(u), ordered by exponentiated steps, simplex by stick-breaking, correlations by canonical partial correlations
// (Lewandowski, Kurowicka & Joe 2009), zero-sum vectors by an isometry. inverse-transforms.ts has the inverses.

import * as g from "../compile/arithmetic.js";
import {
  broadcast,
  concat,
  constant,
  cumulativeSum,
  cumulativeSumReversed,
  data,
  eventSize,
  type Node,
  slice,
  softmax,
  sumEvent,
} from "../compile/node.js";
import { integer, rangeError } from "../errors.js";
import { atan2 } from "./distributions/formulas.js";
import type { Support } from "./support.js";

const INF = Number.POSITIVE_INFINITY;

/** A constrained value as a function of unconstrained coordinates, and the log Jacobian of that function. */
export interface Constrained {
  readonly value: Node;
  /** Terms whose sum over rows and events is log |det Jacobian|. */
  readonly logJacobian: readonly Node[];
}

/** Shape of the unconstrained coordinates for a value of `shape`. */
export function unconstrainedShape(support: Support, shape: readonly number[]): readonly number[] {
  const vector = shape.slice(0, -1);
  switch (support.kind) {
    case "circular":
      return [2, ...shape];
    case "simplex":
    case "zeroSum":
      return [...vector, integer(`${support.kind}: length`, shape[shape.length - 1], 2) - 1];
    case "unitVector":
      integer("unitVector: length", shape[shape.length - 1], 2);
      return shape;
    case "choleskyCorrelation":
    case "correlation":
    case "choleskyCovariance":
    case "covariance": {
      const [k, other] = shape;
      if (shape.length !== 2 || k !== other)
        throw new RangeError(`${support.kind}: expected the shape of a square matrix, got [${shape.join(", ")}]`);
      const free = support.kind.endsWith("ovariance") ? (k! * (k! + 1)) / 2 : (k! * (k! - 1)) / 2;
      if (!free) throw rangeError(`${support.kind}: size`, "at least 2", k);
      return [free];
    }
    default:
      return shape;
  }
}

export const vectorOf = (n: number, f: (k: number) => number): Node =>
  data(
    Float64Array.from({ length: n }, (_, k) => f(k)),
    null,
    [n],
  );

/** An isometry from n coordinates to the vectors of n + 1 elements that add up to 0. */
function zeroSum(u: Node): Node {
  const n = eventSize(u.shape);
  const w = g.mul(
    u,
    vectorOf(n, (k) => 1 / Math.sqrt((k + 1) * (k + 2))),
  );
  const ends = concat([cumulativeSumReversed(w), constant(0)]);
  const own = concat([
    constant(0),
    g.mul(
      w,
      vectorOf(n, (k) => k + 1),
    ),
  ]);
  return g.sub(ends, own);
}

/** Rows of a lower triangular factor (without the zeros), and log Jacobian terms. */
interface Triangle {
  readonly rows: readonly Node[];
  /** log of the diagonal. */
  readonly logDiagonal: readonly Node[];
  readonly logJacobian: readonly Node[];
}

/** Row by row: tanh of the coordinates are partial correlations, what is left of a row's length goes to the diagonal. */
function correlationFactor(u: Node): Triangle {
  const k = (1 + Math.round(Math.sqrt(1 + 8 * eventSize(u.shape)))) / 2;
  const rows: Node[] = [concat([constant(1)])];
  const logDiagonal: Node[] = [constant(0)];
  const logJacobian: Node[] = [];
  for (let i = 1; i < k; i++) {
    const v = slice(u, (i * (i - 1)) / 2, [i]);
    // log √(1 − tanh²) = log 2 − |v| − log(1 + e^{−2|v|}), without cancellation
    const size = g.abs(v);
    const keep = g.sub(g.sub(Math.LN2, size), g.softplus(g.mul(-2, size)));
    const after = cumulativeSum(keep);
    const before = i === 1 ? concat([constant(0)]) : concat([constant(0), slice(after, 0, [i - 1])]);
    const last = slice(after, i - 1, []);
    rows.push(concat([g.mul(g.tanh(v), g.exp(before)), g.exp(last)]));
    logDiagonal.push(last);
    logJacobian.push(g.add(g.mul(2, keep), before));
  }
  return { rows, logDiagonal, logJacobian };
}

/** Row by row, with the logarithm of the diagonal last. */
function covarianceFactor(u: Node): Triangle {
  const k = (Math.round(Math.sqrt(1 + 8 * eventSize(u.shape))) - 1) / 2;
  const rows: Node[] = [];
  const logDiagonal: Node[] = [];
  for (let i = 0; i < k; i++) {
    const from = (i * (i + 1)) / 2;
    const last = slice(u, from + i, []);
    rows.push(concat([...(i ? [slice(u, from, [i])] : []), g.exp(last)]));
    logDiagonal.push(last);
  }
  return { rows, logDiagonal, logJacobian: logDiagonal };
}

/** The factor as a matrix [K, K]. */
function triangular({ rows }: Triangle): Node {
  const k = rows.length;
  const parts = rows.flatMap((row, i) =>
    i + 1 === k ? [row] : [row, data(new Float64Array(k - i - 1), null, [k - i - 1])],
  );
  return concat(parts, [k, k]);
}

/** L Lᵀ, and the log Jacobian of the product: `power(i)` times log L_ii. */
function product(t: Triangle, power: (i: number) => number, unitDiagonal: boolean): Constrained {
  const k = t.rows.length;
  const dot = (i: number, j: number): Node =>
    sumEvent(g.mul(slice(t.rows[i]!, 0, [j + 1]), slice(t.rows[j]!, 0, [j + 1])));
  const lower = t.rows.map((_, i) =>
    Array.from({ length: i + 1 }, (_, j) => (i === j && unitDiagonal ? constant(1) : dot(i, j))),
  );
  const elements = Array.from({ length: k * k }, (_, at) => {
    const [i, j] = [Math.floor(at / k), at % k];
    return i >= j ? lower[i]![j]! : lower[j]![i]!;
  });
  const jacobian = t.logDiagonal.map((l, i) => g.mul(power(i), l)).filter((_, i) => power(i) !== 0);
  return { value: concat(elements, [k, k]), logJacobian: [...t.logJacobian, ...jacobian] };
}

/** Bounds of an interval: numbers, or those of each element or row, finite for all of them or for none. */
function boundsOf({ low, high, elements }: Support): [low: g.Operand, high: g.Operand] {
  for (const { values } of elements ? [elements.low, elements.high] : []) {
    const finite = values!.filter((x) => Number.isFinite(x)).length;
    if (finite && finite < values!.length)
      throw new RangeError(
        `bounds of a latent: expected finite ones for all elements or for none, got ${finite} of ${values!.length}`,
      );
  }
  return [elements?.low ?? low, elements?.high ?? high];
}

/** From unconstrained coordinates `u` to the support. */
export function constrainTo(support: Support, u: Node): Constrained {
  const { kind, low, high, elements } = support;
  if (kind === "real" || kind === "vector") return { value: u, logJacobian: [] };
  if (kind === "interval" && !elements && high === INF && support.by !== "softplus")
    return { value: g.add(g.exp(u), low), logJacobian: [u] };
  return kind === "interval" ? toInterval(support, u) : toStructure(support, u);
}

function toInterval(support: Support, u: Node): Constrained {
  const { low, high } = support;
  const [a, b] = boundsOf(support);
  if (support.by === "softplus" && high === INF)
    return { value: g.add(g.softplus(u), a), logJacobian: [g.logSigmoid(u)] };
  if (high === INF) return { value: g.add(g.exp(u), a), logJacobian: [u] };
  if (low === -INF) return { value: g.sub(b, g.exp(u)), logJacobian: [u] };
  const width = g.sub(b, a);
  return {
    value: g.add(a, g.mul(width, g.sigmoid(u))),
    logJacobian: [g.add(g.log(width), g.sub(u, g.mul(2, g.softplus(u))))],
  };
}

function toStructure(support: Support, u: Node): Constrained {
  switch (support.kind) {
    case "affine": {
      const value = g.add(support.offset!, g.mul(support.multiplier!, u));
      return { value, logJacobian: [broadcast(g.log(support.multiplier!), u.plate, u.shape)] };
    }
    case "ordered": {
      const n = eventSize(u.shape);
      if (n === 1) return { value: u, logJacobian: [] };
      const steps = slice(u, 1, [n - 1]);
      return { value: cumulativeSum(concat([slice(u, 0, [1]), g.exp(steps)])), logJacobian: [steps] };
    }
    case "positiveOrdered":
      return { value: cumulativeSum(g.exp(u)), logJacobian: [u] };
    case "simplex": {
      const n = eventSize(u.shape);
      if (support.by === "logRatio") {
        const value = softmax(zeroSum(u));
        return { value, logJacobian: [concat([sumEvent(g.log(value)), g.mul(0.5, g.log(constant(n + 1)))])] };
      }
      if (support.by === "softmax") {
        const value = softmax(concat([u, constant(0)]));
        return { value, logJacobian: [sumEvent(g.log(value))] };
      }
      // Stick-breaking in logs: x_k = sigmoid(v_k) × what is left, left_{k+1} = left_k × sigmoid(−v_k).
      const remaining = data(
        Float64Array.from({ length: n }, (_, k) => n - k),
        null,
        [n],
      );
      const v = g.sub(u, g.log(remaining));
      const keep = g.logSigmoid(g.neg(v));
      const after = cumulativeSum(keep);
      // None of the logs is above 0: bounds.ts sees that the elements are probabilities.
      const before = n === 1 ? constant(0) : concat([constant(0), slice(after, 0, [n - 1])]);
      const parts = g.add(g.logSigmoid(v), before);
      return {
        value: g.exp(concat([parts, slice(after, n - 1, [1])])),
        logJacobian: [g.add(parts, keep)],
      };
    }
    case "l1Ball": {
      // Stick-breaking with signs: x_k = tanh(u_k) × what is left, left_{k+1} = left_k × (1 − |tanh(u_k)|).
      const n = eventSize(u.shape);
      const size = g.abs(u);
      const keep = g.sub(Math.LN2, g.softplus(g.mul(2, size)));
      const left = n === 1 ? vectorOf(1, () => 0) : concat([constant(0), slice(cumulativeSum(keep), 0, [n - 1])]);
      // log(1 − tanh²) = 2(log 2 − |u| − log(1 + e^{−2|u|}))
      const slope = g.mul(2, g.sub(g.sub(Math.LN2, size), g.softplus(g.mul(-2, size))));
      return { value: g.mul(g.tanh(u), g.exp(left)), logJacobian: [g.add(slope, left)] };
    }
    case "circular": {
      // The angle of two normals: their length is summed out as that of a unit vector, here with integral 1.
      const shape = u.shape.slice(1);
      const [x, y] = [slice(u, 0, shape), slice(u, eventSize(shape), shape)];
      const square = g.add(g.square(x), g.square(y));
      const value = atan2(y, x);
      return { value, logJacobian: [g.mul(-0.5, square)] };
    }
    case "zeroSum":
      return { value: zeroSum(u), logJacobian: [] };
    case "unitVector": {
      // A direction of a normal vector: its length is summed out by a normal density, not a Jacobian (Stan does the same).
      const square = g.square(u);
      return { value: g.mul(u, g.reciprocal(g.sqrt(sumEvent(square)))), logJacobian: [g.mul(-0.5, square)] };
    }
    case "choleskyCorrelation": {
      const t = correlationFactor(u);
      return { value: triangular(t), logJacobian: t.logJacobian };
    }
    case "correlation": {
      const t = correlationFactor(u);
      const k = t.rows.length;
      return product(t, (i) => k - 1 - i, true);
    }
    case "choleskyCovariance": {
      const t = covarianceFactor(u);
      return { value: triangular(t), logJacobian: t.logJacobian };
    }
    case "covariance": {
      const t = covarianceFactor(u);
      const k = t.rows.length;
      const { value, logJacobian } = product(t, (i) => k - i, false);
      return { value, logJacobian: [...logJacobian, constant(k * Math.LN2)] };
    }
    default:
      throw new TypeError("a discrete latent has no gradient: sum it out, with mixture(...)");
  }
}

/** The total log Jacobian as one scalar per row. */
export function totalJacobian({ logJacobian }: Constrained): Node | null {
  let total: Node | null = null;
  for (let i = 0; i < logJacobian.length; i++) {
    const part = sumEvent(logJacobian[i]!);
    total = total ? g.add(total, part) : part;
  }
  return total;
}
