// Some rows of a plate as a plate of their own, at compile time: what a likelihood needs of each row is written again over the rows that
// are kept, so that the others are not computed at all, and nothing in them, not even NaN, can reach a result.

import { data, eventSize, gather, type Node, node, Plate } from "../compile/node.js";
import type { Distribution } from "./distribution.js";

/** The given rows of a plate, one for each row of another plate, or of the same one. */
export class Rows {
  readonly #made = new Map<Node, Node>();
  /** By the array they are picked from: data nodes of one array share one again. */
  readonly #picked = new Map<Float64Array | Int32Array, Float64Array | Int32Array>();

  constructor(
    readonly from: Plate,
    readonly to: Plate,
    /** For each row of `to` a row of `from`. */
    readonly index: Int32Array,
    /** What a term of the rows is multiplied by, where some of them do not count. */
    readonly weights: Node | null = null,
  ) {}

  /**
   * The value over the rows of `to`, as if data and indices had no other rows. Values outside the plate stay as they are; latents of the
   * plate are looked up by row, and stay as they are when the plate is the same.
   */
  of(value: Node): Node {
    if (value.plate !== this.from) return value;
    // Inputs are made before what uses them.
    for (const n of this.#ancestors(value).sort((a, b) => a.id - b.id)) this.#made.set(n, this.#make(n));
    return this.#made.get(value)!;
  }

  /** The distribution of those rows. */
  distribution(d: Distribution): Distribution {
    return d.withParameters(d.parameters.map((p) => this.of(p)));
  }

  /** What the value is made of in the plate, as far as it has not been made yet. */
  #ancestors(value: Node): Node[] {
    const seen = new Set<Node>();
    const stack = [value];
    for (let n = stack.pop(); n; n = stack.pop()) {
      if (n.plate !== this.from || seen.has(n) || this.#made.has(n)) continue;
      seen.add(n);
      stack.push(...n.inputs, ...(n.density?.args ?? []));
    }
    return [...seen];
  }

  #make(n: Node): Node {
    const { to, index } = this;
    const own = (x: Node): Node => this.#made.get(x) ?? x;
    const { opcode, position } = n;
    switch (n.kind) {
      case "data":
        return data(this.#pick(n.values!, eventSize(n.shape)), to, n.shape);
      case "latent":
        return to === this.from ? n : gather(n, index, to);
      case "gather":
        return gather(n.inputs[0]!, this.#pick(n.index!, 1), to);
      default: {
        const density = n.density && { ...n.density, args: n.density.args.map(own) };
        return node(n.kind, n.inputs.map(own), to, n.shape, { opcode, position, density });
      }
    }
  }

  #pick<T extends Float64Array | Int32Array>(values: T, width: number): T {
    const known = this.#picked.get(values) as T | undefined;
    if (known) return known;
    const picked = new (values.constructor as new (n: number) => T)(this.index.length * width);
    for (let i = 0, to = 0; i < this.index.length; i++)
      for (let k = 0, from = this.index[i]! * width; k < width; k++) picked[to++] = values[from++]!;
    this.#picked.set(values, picked);
    return picked;
  }
}

/** Selections of rows of the plates of one model: one for each set of rows, so that sites with the same mask share a pass over them. */
export class Selections {
  readonly #known: { readonly kept: Int32Array; readonly rows: Rows }[] = [];

  /**
   * The kept rows of a plate. A subsampled plate keeps all of its rows, so that its batches stay as they are: the others become copies of
   * the first that is kept, for terms that are multiplied by `weights` (1 or 0 per row).
   */
  of(plate: Plate, kept: Int32Array): Rows {
    const same = this.#known.find(
      ({ rows, kept: k }) => rows.from === plate && k.length === kept.length && k.every((row, i) => row === kept[i]),
    );
    if (same) return same.rows;
    const rows = plate.subsampled ? copies(plate, kept) : subset(plate, kept, this.#known.length);
    this.#known.push({ kept, rows });
    return rows;
  }
}

/** Plates of one model differ in their names. */
function subset(plate: Plate, kept: Int32Array, number: number): Rows {
  const labels = plate.labels && Array.from(kept, (row) => plate.labels![row]!);
  const name = `${plate.name} (mask ${number}, ${kept.length} of ${plate.size} rows)`;
  const part = new Plate(name, kept.length, kept.length, labels);
  return new Rows(plate, part, kept);
}

function copies(plate: Plate, kept: Int32Array): Rows {
  const weights = new Float64Array(plate.size);
  const index = new Int32Array(plate.size).fill(kept[0]!);
  for (const row of kept) {
    weights[row] = 1;
    index[row] = row;
  }
  return new Rows(plate, plate, index, data(weights, plate, []));
}
