// Plates, as the user sees them: rows that are independent, and the data and indices that belong to them.

import { data as dataNode, type Plate } from "../compile/node.js";
import { integer, knownOptions, rangeError, typeError } from "../errors.js";
import { type DataLike, PartialData, type PartialDataLike, type Table, toIndex, toTable, unwrap } from "./data.js";
import { Expression, PlateIndex } from "./expression.js";

/** Options of a plate. */
export interface PlateOptions {
  /** Rows in a batch: each gradient is made from one random batch, scaled up to all rows. */
  readonly subsample?: number;
}

/** Options of a plate's data. */
export interface DataOptions {
  /** The shape of a row, for flat arrays. */
  readonly shape?: readonly number[];
}

/** Options of a plate's data some of which are missing. */
export interface PartialDataOptions extends DataOptions {
  /** Entries that are null, undefined or NaN are missing. */
  readonly missing: true;
}

/** Rows that are independent given everything outside the plate; the model is written for one of them. */
export class PlateHandle {
  constructor(
    /** For the compiler. */
    readonly plate: Plate,
  ) {}

  /** The name that `plate` was given. */
  get name(): string {
    return this.plate.name;
  }
  /** Number of rows. */
  get size(): number {
    return this.plate.size;
  }

  /**
   * Data with one row per row of the plate: an array of `size` numbers, nested arrays [size][…], or a flat typed array of size ×
   * `shape` numbers, row-major, with the shape of a row given. With `missing: true`, entries may be null, undefined or NaN: what comes out
   * is for `observe`, which leaves them out, or `impute`, which makes latents of them.
   */
  data(values: DataLike, shape?: readonly number[] | DataOptions): Expression;
  data(values: PartialDataLike, options: PartialDataOptions): PartialData;
  data(
    values: PartialDataLike,
    how: readonly number[] | DataOptions | PartialDataOptions = {},
  ): Expression | PartialData {
    const label = `data of plate "${this.name}"`;
    if (typeof how !== "object") throw typeError(`${label}: shape`, "an array of lengths", how);
    const options = Array.isArray(how)
      ? { shape: how as readonly number[] }
      : (how as DataOptions & { missing?: unknown });
    knownOptions(label, options, ["shape", "missing"]);
    const { missing = false, shape } = options;
    if (typeof missing !== "boolean") throw typeError(`${label}: missing`, "true or false", missing);
    const table = toTable(label, values, missing ? "missing" : "none");
    const own = this.#shapeOf(label, values, table, shape);
    return missing
      ? new PartialData(this.plate, table.values, own)
      : new Expression(dataNode(table.values, this.plate, own));
  }

  /** The shape of a row. */
  #shapeOf(label: string, values: unknown, table: Table, shape: readonly number[] | undefined): readonly number[] {
    if (shape !== undefined) {
      if (!Array.isArray(shape)) throw typeError(`${label}: shape`, "an array of lengths", shape);
      const width = shape.reduce((a, b) => a * integer(`${label}: shape`, b, 1), 1);
      if (table.values.length !== this.size * width)
        throw rangeError(label, `${this.size} × ${width} numbers`, unwrap(values));
      return shape;
    }
    const rows = table.shape[0];
    if (rows === undefined) throw typeError(label, `${this.size} rows`, values);
    if (rows !== this.size) throw rangeError(label, `${this.size} rows`, unwrap(values));
    return table.shape.slice(1);
  }

  /**
   * For each row of this plate a row of `into`: integers counted from 0, or the labels that `into` was made with. `into` is a
   * plate, or the length of a vector outside plates.
   */
  index(values: ArrayLike<number | bigint | string> | { toArray(): unknown }, into: PlateHandle | number): PlateIndex {
    const target = into instanceof PlateHandle ? `plate "${into.name}"` : "a vector";
    const label = `index of plate "${this.name}" into ${target}`;
    const limit = into instanceof PlateHandle ? into.size : integer(`${label}: length`, into, 1);
    const index = toIndex(label, values, limit, into instanceof PlateHandle ? into.plate.labels : null);
    if (index.length !== this.size) throw rangeError(label, `${this.size} entries`, unwrap(values));
    return new PlateIndex(this.plate, index, into instanceof PlateHandle ? into.plate : null, limit);
  }
}
