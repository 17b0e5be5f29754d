// Data in core memory, once per compiled model: rows in the order of the plate's batches, design matrices in the tiles that the
// matrix products read, indices as 32-bit integers. Shared by all programs of the model; freed with it.

import { f64, i32, Scope } from "../core/memory.js";
import { eventSize, type Node, type Plate } from "./node.js";

const roundUp = (n: number): number => (n + 7) & ~7;

/** Rows a plate takes in memory: batches start at a multiple of 8. */
export const paddedRows = (plate: Plate | null): number =>
  plate ? (plate.batches - 1) * roundUp(plate.batchSize) + roundUp(plate.batchSize) : 1;

/** First row in memory of a batch, and its rows. */
export function batchRows(plate: Plate, batch: number): { first: number; rows: number } {
  const start = batch * plate.batchSize;
  return { first: batch * roundUp(plate.batchSize), rows: Math.min(plate.batchSize, plate.size - start) };
}

/** 0, 1, … */
function counting(length: number): Int32Array {
  const numbers = new Int32Array(length);
  for (let i = 0; i < length; i++) numbers[i] = i;
  return numbers;
}

/** For each row in memory the row of the user's data (−1: padding). Subsampled plates are shuffled, always in the same way. */
export function rowOrder(plate: Plate): Int32Array {
  const order = counting(plate.size);
  if (!plate.subsampled) return order;
  let state = 0x9e3779b9;
  for (let i = plate.size - 1; i > 0; i--) {
    // xorshift32 and multiply-shift: integers only, so the order is the same on every engine.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const j = Number((BigInt(state >>> 0) * BigInt(i + 1)) >> 32n);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  const placed = new Int32Array(paddedRows(plate)).fill(-1);
  for (let b = 0; b < plate.batches; b++) {
    const { first, rows } = batchRows(plate, b);
    placed.set(order.subarray(b * plate.batchSize, b * plate.batchSize + rows), first);
  }
  return placed;
}

/** Addresses of data by their values and plate: copies of a node share them. */
type Placed = Map<ArrayLike<number>, Map<Plate | null, number>>;

const addressOf = (placed: Placed, values: ArrayLike<number>, plate: Plate | null): number | undefined =>
  placed.get(values)?.get(plate);

function note(placed: Placed, values: ArrayLike<number>, plate: Plate | null, pointer: number): number {
  const plates = placed.get(values);
  if (plates) plates.set(plate, pointer);
  else placed.set(values, new Map([[plate, pointer]]));
  return pointer;
}

export class Store {
  readonly #scope = new Scope();
  readonly #computed = new Map<Node, number>();
  readonly #rows: Placed = new Map();
  readonly #tiles: Placed = new Map();
  readonly #indices: Placed = new Map();
  readonly #orders = new Map<Plate, Int32Array>();

  order(plate: Plate): Int32Array {
    let order = this.#orders.get(plate);
    if (!order) this.#orders.set(plate, (order = rowOrder(plate)));
    return order;
  }

  /** Address of a data or constant node's values, [row][event]. */
  rows(n: Node): number {
    const values = n.values!;
    let pointer = addressOf(this.#rows, values, n.plate);
    if (pointer !== undefined) return pointer;
    const m = eventSize(n.shape);
    if (!n.plate) pointer = this.#scope.copy(values);
    else {
      pointer = this.#scope.doubles(paddedRows(n.plate) * m);
      const view = f64(pointer, paddedRows(n.plate) * m);
      if (!n.plate.subsampled) view.set(values);
      else
        this.order(n.plate).forEach((row, at) => {
          if (row >= 0) view.set(values.subarray(row * m, row * m + m), at * m);
        });
    }
    return note(this.#rows, values, n.plate, pointer);
  }

  /** Remembers where a node that was computed once stands. */
  place(n: Node, pointer: number): void {
    this.#computed.set(n, pointer);
  }

  /** Address of values that are not in memory yet or were placed; undefined when unknown. */
  placed(n: Node): number | undefined {
    return this.#computed.get(n);
  }

  /** Address of a design matrix in tiles of eight rows, [tile][column][8], rows beyond the end zero. */
  tiles(n: Node): number {
    const plate = n.plate!;
    const known = addressOf(this.#tiles, n.values!, plate);
    if (known !== undefined) return known;
    const columns = eventSize(n.shape);
    const rows = paddedRows(plate);
    const pointer = this.#scope.doubles(rows * columns);
    tile(n.values!, columns, this.order(plate), f64(pointer, rows * columns));
    return note(this.#tiles, n.values!, plate, pointer);
  }

  /** Address of an index, one integer for each row in memory of `plate`. */
  index(values: Int32Array, plate: Plate): number {
    return (
      addressOf(this.#indices, values, plate) ?? note(this.#indices, values, plate, this.#copyIndex(values, plate))
    );
  }

  /** Address of the user's row number of each row in memory. */
  orderIndex(plate: Plate): number {
    const order = this.order(plate);
    return (
      addressOf(this.#indices, order, plate) ??
      note(this.#indices, order, plate, this.#copyIndex(counting(plate.size), plate))
    );
  }

  #copyIndex(values: Int32Array, plate: Plate): number {
    const order = this.order(plate);
    const pointer = this.#scope.bytes(Math.max(paddedRows(plate), order.length) * 4);
    const view = i32(pointer, order.length);
    for (let at = 0; at < order.length; at++) view[at] = order[at]! < 0 ? 0 : values[order[at]!]!;
    return pointer;
  }

  dispose(): void {
    this.#scope.dispose();
    this.#rows.clear();
    this.#computed.clear();
    this.#tiles.clear();
    this.#indices.clear();
  }
}

/** Copies rows in an order into tiles. */
function tile(values: Float64Array, columns: number, order: Int32Array, tiles: Float64Array): void {
  for (let at = 0; at < order.length; at++) {
    const row = order[at]!;
    if (row < 0) continue;
    const base = (at >> 3) * 8 * columns + (at & 7);
    const from = row * columns;
    for (let j = 0; j < columns; j++) tiles[base + 8 * j] = values[from + j]!;
  }
}
