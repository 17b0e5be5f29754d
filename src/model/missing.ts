// Data some of which are missing, and masks: which entries of an observed site count.

import { evaluate } from "../compile/evaluate.js";
import { eventSize, type Plate } from "../compile/node.js";
import { rangeError } from "../errors.js";
import { type DataLike, type PartialData, toTable } from "./data.js";
import { Expression } from "./expression.js";

/** Which rows count, or which elements of them: true and false, or 1 and 0, one for each row of a plate, or [row][element]. */
export type Mask = Expression | DataLike;

/** 1 for each entry of a site that counts, else 0, [row][element]: `width` elements per row. */
export function maskOf(label: string, mask: Mask, plate: Plate | null, width: number): Uint8Array {
  if (!plate) throw new TypeError(`${label}: expected values in a plate, whose rows a mask can leave out`);
  let values: Float64Array;
  let columns: number;
  if (mask instanceof Expression) {
    const { node } = mask;
    if (node.latent) throw new TypeError(`${label}: expected data, got a value that depends on a latent`);
    if (node.plate !== plate)
      throw new TypeError(
        `${label}: expected data of plate "${plate.name}", got ${node.plate ? `data of plate "${node.plate.name}"` : "values outside plates"}`,
      );
    values = node.values ?? evaluate([node])[0]!;
    columns = eventSize(node.shape);
  } else {
    const table = toTable(label, mask);
    if (table.shape[0] !== plate.size) throw rangeError(label, `${plate.size} rows`, mask);
    values = table.values;
    columns = values.length / plate.size;
  }
  if (columns !== 1 && columns !== width)
    throw new RangeError(
      `${label}: expected one entry per row${width > 1 ? ` or ${width}` : ""}, got ${columns} in each row`,
    );
  const i = values.findIndex((v) => v !== 0 && v !== 1);
  const place = columns > 1 ? `${label}[${Math.floor(i / columns)}, ${i % columns}]` : `${label}[${i}]`;
  if (i >= 0) throw rangeError(place, "0 or 1, false or true", values[i]);
  const kept = new Uint8Array(plate.size * width);
  for (let i = 0; i < kept.length; i++) kept[i] = values[columns > 1 ? i : Math.floor(i / width)]!;
  return kept;
}

/** 1 for each observation that is there, else 0, `width` of them per row; one of several numbers is there when all of these are. */
export function presentIn({ values, plate }: PartialData, width: number): Uint8Array {
  const size = values.length / plate.size / width;
  const present = new Uint8Array(plate.size * width).fill(1);
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) present[Math.floor(i / size)] = 0;
  return present;
}

/** Throws where only a part of an observation of several numbers is there: what the others say is no longer the distribution's density. */
export function refuseHalves(label: string, { values }: PartialData, size: number, distribution: string): void {
  for (let at = 0; at < values.length; at += size) {
    const gaps = values.subarray(at, at + size).filter(Number.isNaN).length;
    if (gaps && gaps < size)
      throw new RangeError(
        `${label}: data[${at / size}]: expected ${size} numbers or none, as a value of ${distribution} is left out whole, got ${size - gaps}; impute(...) fills in the others`,
      );
  }
}

/** The numbers with those that do not count replaced by ones that do, so that what is computed for them is finite. */
export function withStandIns(values: Float64Array, kept: Uint8Array, rows: number): Float64Array {
  const width = kept.length / rows;
  const size = values.length / kept.length;
  const any = kept.indexOf(1);
  const filled = Float64Array.from(values);
  for (let e = 0; e < width; e++) {
    let stand = any;
    for (let i = e; i < kept.length; i += width)
      if (kept[i]) {
        stand = i;
        break;
      }
    for (let i = e; i < kept.length; i += width) {
      if (kept[i]) continue;
      for (let k = 0; k < size; k++) filled[i * size + k] = stand < 0 ? 0 : filled[stand * size + k]!;
    }
  }
  return filled;
}
