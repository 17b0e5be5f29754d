// What of an observed site enters the log joint, when not all of it was observed. A plate's row that does not count is left out whole;
// where elements of rows are missing, each element is a site of its own, whose rows are left out.

import * as g from "../compile/arithmetic.js";
import { eventSize, type Node, type Plate, slice } from "../compile/node.js";
import type { Distribution, TermOf } from "./distribution.js";
import type { Selections } from "./rows.js";

/** Observations of a site that are computed together: some of its rows, and of these all elements or one. */
export interface ObservedPart {
  readonly distribution: Distribution;
  readonly value: Node;
  readonly plate: Plate;
  /** For each observation, [row][element], its position among all of the site's, row-major. */
  readonly positions: Int32Array;
  /** 1 or 0 per row, where rows that do not count are computed as well. */
  readonly weights: Node | null;
}

/** One element of a univariate distribution's array, flattened. */
const elementOf = (d: Distribution, e: number): Distribution =>
  d.withParameters(d.parameters.map((p) => (p.shape.length ? slice(p, e, []) : p)));

/** Rows in which entry `e` of `width` counts. */
export function rowsKept(kept: Uint8Array, width = 1, e = 0): Int32Array {
  const rows = new Int32Array(kept.length / width);
  let count = 0;
  for (let row = 0; row < rows.length; row++) if (kept[row * width + e]) rows[count++] = row;
  return rows.slice(0, count);
}

/** The observations that count: `kept` has 1 for those that do, [row][element], one element per row for multivariate distributions. */
export function partsOf(
  distribution: Distribution,
  value: Node,
  plate: Plate,
  kept: Uint8Array,
  selections: Selections,
): ObservedPart[] {
  const width = kept.length / plate.size;
  const columns = Array.from({ length: width }, (_, e) => rowsKept(kept, width, e));
  const part = (d: Distribution, x: Node, index: Int32Array, elements: readonly number[]): ObservedPart[] => {
    if (!index.length) return [];
    const positions = new Int32Array(index.length * elements.length);
    let at = 0;
    for (const row of index) for (const e of elements) positions[at++] = row * width + e;
    const whole = { plate, positions, weights: null };
    if (index.length === plate.size) return [{ distribution: d, value: x, ...whole }];
    const rows = selections.of(plate, index);
    const { to, weights } = rows;
    return [{ ...whole, distribution: rows.distribution(d), value: rows.of(x), plate: to, weights }];
  };
  const [first] = columns;
  if (columns.every((c) => c.length === first!.length && c.every((row, i) => row === first![i])))
    return part(distribution, value, first!, [...columns.keys()]);
  return columns.flatMap((index, e) => part(elementOf(distribution, e), slice(value, e, []), index, [e]));
}

/** The term of a part in the log joint. */
export const termOfPart = ({ distribution, value, weights }: ObservedPart): TermOf =>
  weights ? { value: g.mul(weights, distribution.valueOf(value)) } : distribution.termOf(value);

/** Entries of a site's row that are observations of their own: elements of univariate distributions, a whole event else. */
export const entriesPerRow = (d: Distribution, shape: readonly number[]): number =>
  d.eventShape.length ? 1 : eventSize(shape);
