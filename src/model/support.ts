// Supports, and the transforms that bring the whole real line onto them. The transforms are Stan's (reference manual, "Transforms of
// constrained parameters"), so that a log density compares digit for digit: lower a + exp(u), upper b − exp(u), interval
// a + (b − a)·sigmoid(u), ordered by exponentiated steps, simplex by stick-breaking.

import * as g from "../compile/arithmetic.js";
import { concat, constant, cumulativeSum, data, eventSize, type Node, slice, sumEvent } from "../compile/node.js";
import { finiteNumber, integer, rangeError, show } from "../errors.js";

/** Where a value may lie. `low` and `high` bound each element; vectors have further structure, named by `kind`. */
export interface Support {
  readonly kind: "real" | "interval" | "simplex" | "ordered" | "positiveOrdered" | "integers" | "vector";
  readonly low: number;
  readonly high: number;
  /** What a value is called in messages: "a positive number". */
  readonly expected: string;
}

const INF = Number.POSITIVE_INFINITY;

export const real: Support = { kind: "real", low: -INF, high: INF, expected: "a finite number" };
export const positive: Support = { kind: "interval", low: 0, high: INF, expected: "a positive number" };
export const nonNegative: Support = { kind: "interval", low: 0, high: INF, expected: "a number of at least 0" };
export const unitInterval: Support = { kind: "interval", low: 0, high: 1, expected: "a number in [0, 1]" };
export const simplex: Support = { kind: "simplex", low: 0, high: 1, expected: "non-negative numbers that add up to 1" };
export const ordered: Support = { kind: "ordered", low: -INF, high: INF, expected: "numbers in increasing order" };
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
  const place = (i: number): string =>
    values.length === 1 ? label : width > 1 ? `${label}[${Math.floor(i / width)}, ${i % width}]` : `${label}[${i}]`;
  const open = support === positive;
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    const fits =
      v >= low && v <= high && Number.isFinite(v) && !(open && v === 0) && (kind !== "integers" || Number.isInteger(v));
    if (!fits) throw rangeError(place(i), support.expected, v);
  }
  if (kind === "simplex")
    for (let r = 0; r < values.length; r += width) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += values[r + k]!;
      if (!(Math.abs(sum - 1) < 1e-8)) throw rangeError(`${label}[${r / width}]`, support.expected, sum);
    }
  if (kind === "ordered" || kind === "positiveOrdered")
    for (let i = 1; i < values.length; i++)
      if (i % width && !(values[i]! > values[i - 1]!)) throw rangeError(place(i), support.expected, values[i]);
}

/** A constrained value as a function of unconstrained coordinates, and the log Jacobian of that function. */
export interface Constrained {
  readonly value: Node;
  /** Terms whose sum over rows and events is log |det Jacobian|. */
  readonly logJacobian: readonly Node[];
}

/** Shape of the unconstrained coordinates for a value of `shape`. */
export function unconstrainedShape(support: Support, shape: readonly number[]): readonly number[] {
  if (support.kind !== "simplex") return shape;
  const k = integer("simplex: length", shape[shape.length - 1], 2);
  return [...shape.slice(0, -1), k - 1];
}

/** From unconstrained coordinates `u` to the support. */
export function constrainTo(support: Support, u: Node): Constrained {
  const { low, high } = support;
  switch (support.kind) {
    case "real":
    case "vector":
      return { value: u, logJacobian: [] };
    case "interval": {
      if (high === INF) return { value: g.add(g.exp(u), low), logJacobian: [u] };
      if (low === -INF) return { value: g.sub(high, g.exp(u)), logJacobian: [u] };
      const wide = g.log(constant(high - low));
      return {
        value: g.add(low, g.mul(high - low, g.sigmoid(u))),
        logJacobian: [g.add(wide, g.sub(u, g.mul(2, g.softplus(u))))],
      };
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
    case "integers":
      throw new TypeError("a discrete latent has no gradient: sum it out, with mixture(...)");
  }
}

/** The total log Jacobian as one scalar per row. */
export const totalJacobian = (c: Constrained): Node | null =>
  c.logJacobian.length ? c.logJacobian.map(sumEvent).reduce((a, b) => g.add(a, b)) : null;
