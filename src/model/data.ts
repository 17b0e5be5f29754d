// Data at the boundary: numbers, arrays, nested arrays, typed arrays or anything with toArray() become one Float64Array and a
// shape, checked once. A Float64Array is used as it is; its only copy is the one into core memory.

import type { Plate } from "../compile/node.js";
import { rangeError, show, typeError } from "../errors.js";

/** What data may come as. */
export type DataLike =
  | number
  | boolean
  | ArrayLike<number>
  | ArrayLike<bigint>
  | ArrayLike<boolean>
  | readonly (ArrayLike<number> | readonly ArrayLike<number>[])[]
  | {
      /** All values, as an Arrow vector gives them. */
      toArray(): unknown;
    };

/** Data some entries, or rows, of which may be null or undefined. */
export type PartialDataLike =
  | DataLike
  | ArrayLike<number | boolean | null | undefined>
  | readonly (
      | ArrayLike<number | boolean | null | undefined>
      | readonly ArrayLike<number | boolean | null | undefined>[]
      | null
      | undefined
    )[];

/** What may stand in place of a number: nothing, NaN, or (becoming NaN) null and undefined as well. */
type Gaps = "none" | "NaN" | "missing";

export interface Table {
  readonly values: Float64Array;
  readonly shape: readonly number[];
}

/**
 * Data of a plate of which entries may be missing, made by `rows.data(values, { missing: true })`. Nothing can be calculated with
 * it: `observe` leaves what is missing out, `impute` returns values in which latents stand for it.
 */
export class PartialData {
  /** How many entries are missing. */
  readonly missing: number;

  constructor(
    /** For the compiler. */
    readonly plate: Plate,
    /** [row][element], NaN where missing. */
    readonly values: Float64Array,
    /** The shape of one row: [] for a number. */
    readonly shape: readonly number[],
  ) {
    let missing = 0;
    for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) missing++;
    this.missing = missing;
  }
}

const isArrayLike = (x: unknown): x is ArrayLike<unknown> =>
  Array.isArray(x) || (ArrayBuffer.isView(x) && !(x instanceof DataView));

/** Anything with toArray() (an Arrow vector, say) as an array. */
export function unwrap(value: unknown): unknown {
  const hasToArray = typeof value === "object" && value !== null && !isArrayLike(value) && "toArray" in value;
  return hasToArray && typeof value.toArray === "function" ? (value.toArray as () => unknown)() : value;
}

/** Number of rows of something array-like; undefined when it is not. */
export function lengthOf(value: unknown): number | undefined {
  const plain = unwrap(value);
  return isArrayLike(plain) ? plain.length : undefined;
}

function toNumber(label: string, value: unknown, gaps: Gaps): number {
  if (typeof value === "number") {
    if (Number.isNaN(value) && gaps === "none") throw rangeError(label, "a number", value);
    return value;
  }
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "bigint") return Number(value);
  if (gaps === "missing" && (value === null || value === undefined)) return Number.NaN;
  throw typeError(label, "a number", value);
}

/** Numbers of any nesting, with the shape of the nesting; NaN, holes and ragged rows are refused with their place unless `gaps` may be there. */
export function toTable(label: string, value: unknown, gaps: Gaps = "none"): Table {
  const plain = unwrap(value);
  if (plain instanceof Float64Array) {
    for (let i = 0; i < plain.length && gaps === "none"; i++)
      if (Number.isNaN(plain[i])) throw rangeError(`${label}[${i}]`, "a number", Number.NaN);
    return { values: plain, shape: [plain.length] };
  }
  if (!isArrayLike(plain)) return { values: Float64Array.of(toNumber(label, plain, gaps)), shape: [] };
  const first = firstOf(plain, gaps);
  if (isArrayLike(first)) return nestedTable(label, plain, gaps);
  const values = new Float64Array(plain.length);
  for (let i = copyNumbers(plain, values, 0); i < values.length; i++)
    values[i] = toNumber(`${label}[${i}]`, unwrap(plain[i]), gaps);
  return { values, shape: [values.length] };
}

/** Copies elements until one is no number, or NaN; returns its position. A place, which is a string, need not be made for them. */
function copyNumbers(from: ArrayLike<unknown>, to: Float64Array, at: number): number {
  for (let i = 0; i < from.length; i++) {
    const x = from[i];
    if (typeof x !== "number" || Number.isNaN(x)) return i;
    to[at + i] = x;
  }
  return from.length;
}

/** What shows the shape of the rows: the first, or where that may be missing as a whole, the first that is there. */
function firstOf(rows: ArrayLike<unknown>, gaps: Gaps): unknown {
  let k = 0;
  while (gaps === "missing" && k < rows.length - 1 && (rows[k] ?? null) === null) k++;
  return rows.length ? unwrap(rows[k]) : undefined;
}

function nestedTable(label: string, table: ArrayLike<unknown>, gaps: Gaps): Table {
  const shape: number[] = [];
  let level: unknown = table;
  while (isArrayLike(level)) {
    shape.push(level.length);
    level = firstOf(level, gaps);
  }
  const values = new Float64Array(shape.reduce((a, b) => a * b, 1));
  const last = shape.length - 1;
  const path: number[] = [];
  const place = (depth: number): string => `${label}${path.map((i, k) => (k < depth ? `[${i}]` : "")).join("")}`;
  let at = 0;
  const walk = (x: unknown, depth: number): void => {
    const row = unwrap(x);
    if (gaps === "missing" && (row ?? null) === null) {
      const size = shape.slice(depth).reduce((a, b) => a * b, 1);
      values.fill(Number.NaN, at, (at += size));
      return;
    }
    if (!isArrayLike(row)) throw typeError(place(depth), `an array of ${shape[depth]}`, row);
    if (row.length !== shape[depth]) throw rangeError(place(depth), `${shape[depth]} values like the first row`, row);
    // Numbers are copied as far as they are numbers, and the rest looked at one by one.
    for (let i = depth < last ? 0 : copyNumbers(row, values, at); i < row.length; i++) {
      path[depth] = i;
      if (depth < last) walk(row[i], depth + 1);
      else values[at + i] = toNumber(place(depth + 1), unwrap(row[i]), gaps);
    }
    if (depth === last) at += row.length;
  };
  walk(table, 0);
  return { values, shape };
}

/** Whole numbers in 0…limit−1, or labels looked up among `labels`. */
export function toIndex(label: string, value: unknown, limit: number, labels: readonly unknown[] | null): Int32Array {
  const plain = unwrap(value);
  if (!isArrayLike(plain)) throw typeError(label, `an array of integers in 0..${limit - 1}`, plain);
  const position = labels && new Map(labels.map((name, i) => [name, i] as const));
  const index = new Int32Array(plain.length);
  for (let i = 0; i < plain.length; i++) {
    const raw = plain[i];
    if (typeof raw === "string" && position) {
      const at = position.get(raw);
      if (at === undefined) throw new RangeError(`${label}[${i}]: ${show(raw)} is not among the plate's labels`);
      index[i] = at;
      continue;
    }
    const n = typeof raw === "bigint" ? Number(raw) : raw;
    if (typeof n !== "number") throw typeError(`${label}[${i}]`, `an integer in 0..${limit - 1}`, n);
    if (!Number.isInteger(n) || n < 0 || n >= limit)
      throw rangeError(`${label}[${i}]`, `an integer in 0..${limit - 1}`, n);
    index[i] = n;
  }
  return index;
}
