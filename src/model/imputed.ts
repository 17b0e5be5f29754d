// Missing values as latents: one for each, in a plate of their own, which are looked up in the rows where they belong. The distribution of
// the observed values is the prior of the missing ones.

import * as g from "../compile/arithmetic.js";
import { concat, data, eventSize, gather, type Node, Plate } from "../compile/node.js";
import type { PartialData } from "./data.js";
import type { Distribution } from "./distribution.js";
import { real, type Support } from "./support.js";

/** Positions of the missing entries, row-major. */
export function gapsOf({ values, missing }: PartialData): Int32Array {
  const gaps = new Int32Array(missing);
  for (let i = 0, k = 0; k < missing; i++) if (Number.isNaN(values[i])) gaps[k++] = i;
  return gaps;
}

/** A plate with a row for each missing entry, labelled by where it is missing: row, or row and element. */
export function plateOfGaps(name: string, { plate, shape }: PartialData, gaps: Int32Array): Plate {
  const width = eventSize(shape);
  const labels = Array.from(gaps, (i) => {
    const row = Math.floor(i / width);
    const place: (string | number)[] = [];
    for (let k = shape.length - 1, rest = i % width; k >= 0; rest = Math.floor(rest / shape[k]!), k--)
      place.unshift(rest % shape[k]!);
    return [plate.labels?.[row] ?? row, ...place].join(",");
  });
  return new Plate(`${name} (missing)`, gaps.length, gaps.length, labels);
}

/** Where each missing entry lies, from where values of the distribution do; null where entries are not free of each other. */
export function supportOfGaps({ support }: Distribution, to: Plate, gaps: Int32Array, width: number): Support | null {
  if (support.kind === "vector") return real;
  if (support.kind !== "real" && support.kind !== "interval") return null;
  if (!support.elements) return support;
  const pick = ({ values, plate, shape }: Node): Node => {
    const size = eventSize(shape);
    const at = (i: number): number => (plate ? Math.floor(i / width) * size : 0) + (size > 1 ? i % width : 0);
    return data(
      Float64Array.from(gaps, (i) => values![at(i)]!),
      to,
      [],
    );
  };
  return { ...support, elements: { low: pick(support.elements.low), high: pick(support.elements.high) } };
}

/** Data, [row][element], with `values`, one for each missing entry, in the places of these. */
export function filledIn({ plate, shape, values: numbers }: Node, values: Node, gaps: Int32Array): Node {
  const width = eventSize(shape);
  const columns = Array.from({ length: width }, (_, e) => {
    const given = Float64Array.from({ length: plate!.size }, (_, row) => numbers![row * width + e]!);
    const missing = new Float64Array(plate!.size);
    const index = new Int32Array(plate!.size);
    gaps.forEach((i, k) => {
      if (i % width !== e) return;
      const row = Math.floor(i / width);
      given[row] = 0;
      missing[row] = 1;
      index[row] = k;
    });
    const column = data(given, plate, []);
    if (!missing.includes(1)) return column;
    return g.add(column, g.mul(data(missing, plate, []), gather(values, index, plate!)));
  });
  return shape.length ? concat(columns, shape) : columns[0]!;
}
