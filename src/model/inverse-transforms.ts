// The inverses of transforms.ts: unconstrained coordinates of a value on its support, as nodes. What a transform takes from the rest of
// a vector (what stick-breaking leaves, a row's remaining length) is added up from the other end, not subtracted from 1, so that a
// round trip keeps 1e-13. A direction has no one inverse: it is given a vector of length 1.

import * as g from "../compile/arithmetic.js";
import {
  concat,
  cumulativeSum,
  cumulativeSumReversed,
  eventSize,
  type Node,
  slice,
  sumEvent,
} from "../compile/node.js";
import type { Support } from "./support.js";
import { vectorOf } from "./transforms.js";

const INF = Number.POSITIVE_INFINITY;

const head = (x: Node, n: number): Node => slice(x, 0, [n]);
const tail = (x: Node, n: number): Node => slice(x, eventSize(x.shape) - n, [n]);
/** log of the steps from each element to the next. */
const logSteps = (x: Node): Node => {
  const n = eventSize(x.shape) - 1;
  return g.log(g.sub(tail(x, n), head(x, n)));
};

/** sinh⁻¹, exact near 0. */
function asinh(x: Node): Node {
  const a = g.abs(x);
  const square = g.square(a);
  return g.mul(g.sign(x), g.log1p(g.add(a, g.div(square, g.add(1, g.sqrt(g.add(1, square)))))));
}

/** The transpose of the isometry onto zero-sum vectors; constants added to x do not count. */
function zeroSumCoordinates(x: Node): Node {
  const n = eventSize(x.shape) - 1;
  const before = head(cumulativeSum(x), n);
  const own = g.mul(
    tail(x, n),
    vectorOf(n, (k) => k + 1),
  );
  return g.mul(
    g.sub(before, own),
    vectorOf(n, (k) => 1 / Math.sqrt((k + 1) * (k + 2))),
  );
}

/** Rows of a lower triangular matrix, up to the diagonal. */
function rowsOf(x: Node): Node[] {
  const k = x.shape[0]!;
  return Array.from({ length: k }, (_, i) => slice(x, i * k, [i + 1]));
}

/**
 * Rows of the Cholesky factor of a symmetric matrix, whose lower triangle is read, and the pivots, which are positive where the matrix is
 * positive definite. A pivot is held to `least` from below.
 */
export function choleskyRows(x: Node, least?: number): { rows: Node[]; pivots: Node[] } {
  const k = x.shape[0]!;
  const rows: Node[] = [];
  const pivots: Node[] = [];
  for (let i = 0; i < k; i++) {
    const row: Node[] = [];
    for (let j = 0; j <= i; j++) {
      const element = slice(x, i * k + j, []);
      const other = i === j ? null : rows[j]!;
      const own = j ? concat(row) : null;
      const dot = own && sumEvent(g.mul(own, other ? head(other, j) : own));
      const rest = dot ? g.sub(element, dot) : element;
      if (i === j) {
        pivots.push(rest);
        row.push(g.sqrt(least === undefined ? rest : g.max(rest, least)));
      } else row.push(g.div(rest, slice(other!, j, [])));
    }
    rows.push(concat(row));
  }
  return { rows, pivots };
}

/** tanh⁻¹ of each partial correlation: that of z is sinh⁻¹ of z over what it leaves. */
function correlationCoordinates(rows: readonly Node[]): Node {
  return concat(
    rows.slice(1).map((row, i) => {
      const n = i + 1;
      const left = g.sqrt(tail(cumulativeSumReversed(g.square(row)), n));
      return asinh(g.div(head(row, n), left));
    }),
  );
}

function covarianceCoordinates(rows: readonly Node[]): Node {
  return concat(
    rows.flatMap((row, i) => {
      const last = g.log(slice(row, i, []));
      return i ? [head(row, i), last] : [last];
    }),
  );
}

/** Unconstrained coordinates of a value on the support. Not finite where it is on the border of an open one. */
export function coordinatesOf(support: Support, x: Node): Node {
  const { low, high } = support;
  switch (support.kind) {
    case "real":
    case "vector":
    case "unitVector":
      return x;
    case "affine":
      return g.div(g.sub(x, support.offset!), support.multiplier!);
    case "interval": {
      const { elements } = support;
      if (high === INF) {
        const y = g.sub(x, elements?.low ?? low);
        return support.by === "softplus" ? g.add(y, g.log(g.neg(g.expm1(g.neg(y))))) : g.log(y);
      }
      const above = g.log(g.sub(elements?.high ?? high, x));
      return low === -INF ? above : g.sub(g.log(g.sub(x, elements?.low ?? low)), above);
    }
    case "ordered":
      return eventSize(x.shape) === 1 ? x : concat([head(x, 1), logSteps(x)]);
    case "positiveOrdered":
      return eventSize(x.shape) === 1 ? g.log(x) : concat([g.log(head(x, 1)), logSteps(x)]);
    case "simplex": {
      const n = eventSize(x.shape) - 1;
      const logs = g.log(x);
      if (support.by === "logRatio") return zeroSumCoordinates(logs);
      if (support.by === "softmax") return g.sub(head(logs, n), slice(logs, n, []));
      const left = g.log(tail(cumulativeSumReversed(x), n));
      return g.add(g.sub(head(logs, n), left), g.log(vectorOf(n, (k) => n - k)));
    }
    case "l1Ball": {
      const size = g.abs(x);
      const n = eventSize(x.shape);
      const after = g.sub(1, cumulativeSum(size));
      const before = n === 1 ? vectorOf(1, () => 1) : concat([vectorOf(1, () => 1), head(after, n - 1)]);
      return asinh(g.div(x, g.sqrt(g.mul(after, g.add(before, size)))));
    }
    case "circular":
      return concat([g.cos(x), g.sin(x)], [2, ...x.shape]);
    case "zeroSum":
      return zeroSumCoordinates(x);
    case "choleskyCorrelation":
      return correlationCoordinates(rowsOf(x));
    case "correlation":
      return correlationCoordinates(choleskyRows(x).rows);
    case "choleskyCovariance":
      return covarianceCoordinates(rowsOf(x));
    case "covariance":
      return covarianceCoordinates(choleskyRows(x).rows);
    case "integers":
      throw new TypeError("a discrete value has no unconstrained coordinates");
  }
}
