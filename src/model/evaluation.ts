// Distributions on numbers: log densities, distribution functions and quantiles of arrays, through the compiled functions of eager.ts.
// Where a family has a distribution function but no formula for its inverse, the inverse is found by bisection, all elements at
// once; the inverse of a discrete one is exact in the sense that quantile(cdf(k)) = k wherever k has probability.

import { eventSize, type Node } from "../compile/node.js";
import type { Table } from "./data.js";
import type { Distribution } from "./distribution.js";
import { apply, type Input, rowInput, valuesOf } from "./eager.js";

export type Moment = "mean" | "variance" | "entropy";
/** A number for scalar parameters, else an array. */
export type Numbers = number | Float64Array;

/** Throws that a distribution has no such thing. */
export function unavailable(d: Distribution, what: string): never {
  throw new TypeError(`${d.name}.${what}: not available`);
}

/** The parameters' numbers. Throws in a model, where they have none. */
export function numbersOf(d: Distribution, what: string): Float64Array[] {
  for (const p of d.parameters)
    if (p.latent || p.plate)
      throw new TypeError(
        `${d.name}.${what}: expected a distribution with numbers for parameters, got one that depends on a value of a model`,
      );
  return d.parameters.map(valuesOf);
}

/** Checks that values fit the distribution; how many rows there are, and whether one value stands for all. */
function rowsOf(d: Distribution, label: string, { values, shape }: Table): { rows: number; single: boolean } {
  const event = d.eventShape.length;
  if (event > shape.length || d.eventShape.some((n, i) => n !== shape[shape.length - event + i]))
    throw new RangeError(`${label}: expected values of shape [${d.eventShape.join(", ")}], got [${shape.join(", ")}]`);
  const single = shape.length === event;
  const width = eventSize(d.eventShape);
  const batch = eventSize(d.batchShape);
  const rows = width ? values.length / width : 0;
  if (!d.batchShape.length) return { rows, single };
  if (!single && rows !== batch)
    throw new RangeError(`${label}: expected ${batch} values, as many as the parameters, got ${rows}`);
  return { rows: batch, single };
}

/** `f` of a distribution and a column of values, one row per event. */
export function elementwise(
  d: Distribution,
  method: string,
  table: Table,
  f: (d: Distribution, x: Node) => Node,
  /** Which function this is, where that is not the method. */
  key = method,
): Numbers {
  const numbers = numbersOf(d, method);
  const { rows, single } = rowsOf(d, `${d.name}.${method}(${method === "quantile" ? "p" : "x"})`, table);
  const { values } = table;
  const batched = d.batchShape.length > 0;
  const inputs: Input[] = [
    single && batched ? { values, shape: [], perRow: false } : { values, shape: d.eventShape, perRow: true },
    ...d.parameters.map((p, i) =>
      d.perElement[i] && p.shape.length
        ? rowInput(numbers[i]!)
        : { values: numbers[i]!, shape: p.shape, perRow: false },
    ),
  ];
  const result = apply(
    `${key} ${d.structure}`,
    ([x, ...parameters]) => f(d.withParameters(parameters), x!),
    inputs,
    rows,
  );
  return single && !batched ? result[0]! : result;
}

/** Log densities of a table of values. */
export const logProbs = (d: Distribution, table: Table): Numbers =>
  elementwise(d, "logProb", table, (e, x) => e.valueOf(x));

/** Distribution functions of numbers; those of discrete families are steps. */
export function cdf(d: Distribution, method: string, values: Float64Array, shape: readonly number[]): Numbers {
  const x = d.discrete ? values.map(Math.floor) : values;
  const numbers = numbersOf(d, method);
  if (!d.eventShape.length && d.cdfOfNumber(0, numbers, 0) !== null) {
    const { rows, single } = rowsOf(d, `${d.name}.${method}(${method === "quantile" ? "p" : "x"})`, { values, shape });
    const result = Float64Array.from(
      { length: rows },
      (_, i) => d.cdfOfNumber(x[x.length > 1 ? i : 0]!, numbers, i) as number,
    );
    return single && !d.batchShape.length ? result[0]! : result;
  }
  return elementwise(d, method, { values: x, shape }, (e, node) => e.cdfOf(node) ?? unavailable(d, method), "cdf");
}

/** The values of d.quantile at p in [0, 1]. */
export function quantile(d: Distribution, p: Float64Array, shape: readonly number[]): Numbers {
  const table = { values: p, shape };
  try {
    return elementwise(d, "quantile", table, (e, node) => e.quantileOf(node) ?? unavailable(d, "quantile"));
  } catch (error) {
    if (!(error instanceof TypeError) || d.eventShape.length) throw error;
  }
  const n = d.batchShape.length ? eventSize(d.batchShape) : p.length;
  const goal = p.length === n ? p : new Float64Array(n).fill(p[0]!);
  const at = (x: Float64Array): Float64Array => cdf(d, "quantile", x, [n]) as Float64Array;
  const result = d.discrete ? searchIntegers(d, goal, at) : searchReals(d, goal, at);
  return shape.length || d.batchShape.length ? result : result[0]!;
}

/** The smallest integer with cdf ≥ p: doubling, then bisection. */
function searchIntegers(d: Distribution, p: Float64Array, at: (x: Float64Array) => Float64Array): Float64Array {
  const { low: least, high: most } = d.support;
  const low = new Float64Array(p.length).fill(least - 1);
  const high = new Float64Array(p.length).fill(least);
  for (let step = 1, open = true; open && step < 2 ** 53; step *= 2) {
    open = false;
    const f = at(high);
    for (let i = 0; i < p.length; i++)
      if (f[i]! < p[i]! && high[i]! < most) {
        low[i] = high[i]!;
        high[i] = Math.min(most, least + step);
        open = true;
      }
  }
  for (let open = true; open; ) {
    open = false;
    const middle = low.map((x, i) => Math.floor(x + (high[i]! - x) / 2));
    const f = at(middle.map((x, i) => (x > low[i]! ? x : high[i]!)));
    for (let i = 0; i < p.length; i++) {
      if (high[i]! - low[i]! <= 1) continue;
      open = true;
      if (f[i]! < p[i]!) low[i] = middle[i]!;
      else high[i] = middle[i]!;
    }
  }
  // Where no count reaches p (p = 1 on an unbounded support) there is no end.
  const reached = at(high);
  return high.map((x, i) =>
    Number.isNaN(p[i])
      ? Number.NaN
      : p[i] === 1 && most === Number.POSITIVE_INFINITY
        ? most
        : reached[i]! >= p[i]!
          ? x
          : most,
  );
}

const words = new DataView(new ArrayBuffer(8));
/** Doubles as integers in their own order, and back: bisection over them takes 64 steps whatever the scale. */
const rank = (x: number): bigint => {
  words.setFloat64(0, x);
  const bits = words.getBigInt64(0);
  return bits < 0n ? -(bits & 0x7fff_ffff_ffff_ffffn) : bits;
};
const unrank = (k: bigint): number => {
  words.setBigInt64(0, k < 0n ? -k | -0x8000_0000_0000_0000n : k);
  return words.getFloat64(0);
};

function searchReals(d: Distribution, p: Float64Array, at: (x: Float64Array) => Float64Array): Float64Array {
  const { low: least, high: most } = d.support;
  const low = Array.from(p, () => rank(least));
  const high = Array.from(p, () => rank(most));
  for (let step = 0; step < 64; step++) {
    const middle = low.map((x, i) => (x + high[i]!) >> 1n);
    const f = at(Float64Array.from(middle, unrank));
    for (let i = 0; i < p.length; i++) {
      if (f[i]! < p[i]!) low[i] = middle[i]!;
      else high[i] = middle[i]!;
    }
  }
  return p.map((v, i) => (Number.isNaN(v) ? v : v === 0 ? least : v === 1 ? most : unrank(high[i]!)));
}
