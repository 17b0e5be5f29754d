// Supports: where a value may lie, as plain data, and the check of observed values. The transforms onto them are in transforms.ts.

import { bounds } from "../compile/bounds.js";
import { data, type Node } from "../compile/node.js";
import { finiteNumber, rangeError, show } from "../errors.js";
import { nodeOf, type Value } from "./expression.js";

export { constrainTo, totalJacobian, unconstrainedShape } from "./transforms.js";

/** Where a value may lie. `low` and `high` bound each element; vectors have further structure, named by `kind`. */
export interface Support {
  readonly kind:
    | "real"
    | "interval"
    | "simplex"
    | "ordered"
    | "positiveOrdered"
    | "integers"
    | "vector"
    | "affine"
    | "unitVector"
    | "zeroSum"
    | "l1Ball"
    | "circular"
    | "choleskyCorrelation"
    | "choleskyCovariance"
    | "correlation"
    | "covariance";
  readonly low: number;
  readonly high: number;
  /** What a value is called in messages: "a positive number". */
  readonly expected: string;
  /** Which of several transforms onto the support is meant; the first in transforms.ts when absent. */
  readonly by?: "softplus" | "logRatio" | "softmax";
  /** affine: what an unconstrained value is multiplied by and added to. */
  readonly multiplier?: Node;
  readonly offset?: Node;
  /** interval: bounds of each element or row, where they differ; `low` and `high` are then the widest. */
  readonly elements?: { readonly low: Node; readonly high: Node };
}

const INF = Number.POSITIVE_INFINITY;

/** Any number. */
export const real: Support = { kind: "real", low: -INF, high: INF, expected: "a finite number" };
/** Positive numbers, as the exponential of the real line. */
export const positive: Support = { kind: "interval", low: 0, high: INF, expected: "a positive number" };
/** Numbers from 0 on. */
export const nonNegative: Support = { kind: "interval", low: 0, high: INF, expected: "a number of at least 0" };
/** Numbers between 0 and 1. */
export const unitInterval: Support = { kind: "interval", low: 0, high: 1, expected: "a number in [0, 1]" };
/** Vectors of non-negative numbers that add up to 1, by stick-breaking. */
export const simplex: Support = { kind: "simplex", low: 0, high: 1, expected: "non-negative numbers that add up to 1" };
/** Vectors of increasing numbers. */
export const ordered: Support = { kind: "ordered", low: -INF, high: INF, expected: "numbers in increasing order" };
/** Vectors of increasing positive numbers. */
export const positiveOrdered: Support = {
  kind: "positiveOrdered",
  low: 0,
  high: INF,
  expected: "positive numbers in increasing order",
};
export const count: Support = { kind: "integers", low: 0, high: INF, expected: "an integer of at least 0" };
export const countVector: Support = { ...count, expected: "integers of at least 0" };
/** Angles in [−π, π]. */
export const angle: Support = { kind: "interval", low: -Math.PI, high: Math.PI, expected: "an angle in [−π, π]" };
export const bit: Support = { kind: "integers", low: 0, high: 1, expected: "0 or 1" };
export const realVector: Support = { kind: "vector", low: -INF, high: INF, expected: "finite numbers" };

/** Vectors of length 1. */
export const unitVector: Support = {
  kind: "unitVector",
  low: -1,
  high: 1,
  expected: "numbers whose squares add up to 1",
};
/** Vectors that add up to 0. */
export const zeroSum: Support = { kind: "zeroSum", low: -INF, high: INF, expected: "numbers that add up to 0" };
/** Positive numbers as softplus of the real line: softplus(u) grows like u, where exp(u) explodes. */
export const positiveBySoftplus: Support = { ...positive, by: "softplus" };
/** The simplex by isometric log ratios (Egozcue et al. 2003): symmetric in its elements, where stick-breaking is not. */
export const simplexByLogRatio: Support = { ...simplex, by: "logRatio" };
/** The simplex by a softmax whose last argument is 0: coordinates are log ratios to the last element. */
export const simplexBySoftmax: Support = { ...simplex, by: "softmax" };
/** Vectors whose absolute values add up to less than 1. */
export const l1Ball: Support = {
  kind: "l1Ball",
  low: -1,
  high: 1,
  expected: "numbers whose absolute values add up to at most 1",
};
/**
 * Angles in [−π, π] without an end: coordinates are two per angle, a point of the plane in its direction. For a posterior near ±π, where
 * `angle`, an interval, has its ends far apart.
 */
export const circular: Support = { ...angle, kind: "circular" };

const matrix = (kind: Support["kind"], expected: string, low = -INF, high = INF): Support => ({
  kind,
  low,
  high,
  expected,
});
/** Cholesky factors [K, K] of correlation matrices. */
export const choleskyCorrelation = matrix("choleskyCorrelation", "a Cholesky factor of a correlation matrix", -1, 1);
/** Cholesky factors [K, K] of covariance matrices: lower triangular with a positive diagonal. */
export const choleskyCovariance = matrix("choleskyCovariance", "a Cholesky factor of a covariance matrix");
/** Correlation matrices [K, K]. */
export const correlation = matrix("correlation", "a correlation matrix", -1, 1);
/** Covariance matrices [K, K]. */
export const covariance = matrix("covariance", "a covariance matrix");

/**
 * Any number, as offset + multiplier × an unconstrained one (Stan's offset and multiplier): a prior normal(m, s) with
 * `support: affine(m, s)` is the same prior in its non-centred form. The multiplier must be positive.
 */
export function affine(offset: Value, multiplier: Value): Support {
  return {
    ...real,
    kind: "affine",
    offset: nodeOf(offset, "affine(offset, multiplier): offset"),
    multiplier: checkPositive(
      "affine(offset, multiplier): multiplier",
      nodeOf(multiplier, "affine(offset, multiplier): multiplier"),
    ),
  };
}

function checkPositive(label: string, node: Node): Node {
  const low = node.values ? node.values.reduce((a, b) => Math.min(a, b)) : bounds(node)[0];
  if (!(node.values ? low > 0 : low >= 0))
    throw rangeError(label, "a positive number", node.values ? low : `a value that can be as low as ${show(low)}`);
  return node;
}

/** Integers from 0 up to `high`. */
export const integersTo = (high: number): Support => ({
  kind: "integers",
  low: 0,
  high,
  expected: `an integer in 0..${high}`,
});

/** Numbers above `bound`. */
export const lower = (bound: number): Support =>
  finiteNumber("lower(bound)", bound) === 0
    ? positive
    : { kind: "interval", low: bound, high: INF, expected: `a number above ${bound}` };

/** Numbers below `bound`. */
export const upper = (bound: number): Support => ({
  kind: "interval",
  low: -INF,
  high: finiteNumber("upper(bound)", bound),
  expected: `a number below ${bound}`,
});

/** Numbers between two bounds. */
export function interval(low: number, high: number): Support {
  finiteNumber("interval(low, high): low", low);
  finiteNumber("interval(low, high): high", high);
  if (!(low < high))
    throw new RangeError(`interval(low, high): expected low < high, got ${show(low)} and ${show(high)}`);
  return low === 0 && high === 1
    ? unitInterval
    : { kind: "interval", low, high, expected: `a number in [${low}, ${high}]` };
}

/** The part of an interval or the line between bounds that may differ by element or row; the same object where nothing is cut off. */
export function between(own: Support, low: Node, high: Node): Support {
  const bound = (x: Node, limit: number, inner: (a: number, b: number) => number): Node =>
    data(
      x.values!.map((v) => inner(v, limit)),
      x.plate,
      x.shape,
    );
  const elements = { low: bound(low, own.low, Math.max), high: bound(high, own.high, Math.min) };
  const [lows, highs] = [elements.low.values!, elements.high.values!];
  const least = lows.reduce((x, y) => Math.min(x, y));
  const most = highs.reduce((x, y) => Math.max(x, y));
  const same = lows.every((x) => x === least) && highs.every((x) => x === most);
  if (same && least === own.low && most === own.high) return own;
  const expected = `a number in [${least}, ${most}]`;
  return { kind: "interval", low: least, high: most, expected, ...(!same && { elements }) };
}

/** The support of a mixture: wherever one of its components has its values. */
export function union(a: Support, b: Support): Support {
  const low = Math.min(a.low, b.low);
  const high = Math.max(a.high, b.high);
  for (const s of [a, b]) if (s.low === low && s.high === high && s !== positive) return s;
  if (low === -INF && high === INF) return real;
  if (high === INF) return lower(low);
  return low === -INF ? upper(high) : interval(low, high);
}

/** Throws when an element of `values` lies outside; `width` is the event size for vectors. */
export function checkValues(label: string, values: Float64Array, support: Support, width: number): void {
  const { kind, low, high } = support;
  const open = support === positive;
  const whole = kind === "integers";
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    const fits = v >= low && v <= high && Number.isFinite(v) && !(open && v === 0) && (!whole || Number.isInteger(v));
    if (!fits) throw rangeError(placeOf(label, values, width, i), support.expected, v);
  }
  if (kind !== "real" && kind !== "interval" && !whole) checkStructure(label, values, support, width);
}

/** Names element `i` of values. */
const placeOf = (label: string, values: Float64Array, width: number, i: number): string =>
  values.length === 1 ? label : width > 1 ? `${label}[${Math.floor(i / width)}, ${i % width}]` : `${label}[${i}]`;

/** What the elements of a vector or matrix have to be together. */
function checkStructure(label: string, values: Float64Array, support: Support, width: number): void {
  const { kind } = support;
  if (kind === "simplex")
    for (let r = 0; r < values.length; r += width) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += values[r + k]!;
      if (!(Math.abs(sum - 1) < 1e-8)) throw rangeError(`${label}[${r / width}]`, support.expected, sum);
    }
  for (let r = 0; kind === "l1Ball" && r < values.length; r += width) {
    const sum = values.subarray(r, r + width).reduce((a, v) => a + Math.abs(v), 0);
    if (!(sum < 1 + 1e-8)) throw rangeError(`${label}[${r / width}]`, support.expected, sum);
  }
  const sums: Partial<Record<Support["kind"], (v: number) => number>> = { zeroSum: (v) => v, unitVector: (v) => v * v };
  const part = sums[kind];
  for (let r = 0; part && r < values.length; r += width) {
    let sum = kind === "unitVector" ? -1 : 0;
    for (let k = 0; k < width; k++) sum += part(values[r + k]!);
    if (!(Math.abs(sum) < 1e-8)) throw new RangeError(`${label}[${r / width}]: expected ${support.expected}`);
  }
  if (kind === "choleskyCorrelation" || kind === "choleskyCovariance") {
    const n = Math.sqrt(width);
    for (let i = 0; i < values.length; i++) {
      const [row, column] = [Math.floor((i % width) / n), i % n];
      if (row === column ? !(values[i]! > 0) : row < column && values[i] !== 0)
        throw rangeError(
          `${label}[${row}, ${column}]`,
          `${row === column ? "a positive number" : "0"}, as in ${support.expected}`,
          values[i],
        );
    }
    for (let r = 0; kind === "choleskyCorrelation" && r < values.length; r += n)
      if (!(Math.abs(values.subarray(r, r + n).reduce((a, v) => a + v * v, -1)) < 1e-8))
        throw new RangeError(`${label}: expected ${support.expected}, whose rows have length 1`);
  }
  if (kind === "correlation" || kind === "covariance") {
    const n = Math.sqrt(width);
    for (let i = 0; i < values.length; i++) {
      const [row, column] = [Math.floor((i % width) / n), i % n];
      const across = values[i - (i % width) + column * n + row]!;
      if (!(Math.abs(values[i]! - across) <= 1e-8 * (1 + Math.abs(across))) || (row === column && !(values[i]! > 0)))
        throw rangeError(`${label}[${row}, ${column}]`, `an element of ${support.expected}`, values[i]);
    }
  }
  if (kind === "ordered" || kind === "positiveOrdered")
    for (let i = 1; i < values.length; i++)
      if (i % width && !(values[i]! > values[i - 1]!))
        throw rangeError(placeOf(label, values, width, i), support.expected, values[i]);
}
