// Functions of the graph applied to arrays at once: how distributions work outside models. A function is compiled the first time it
// is used with inputs of given kinds, kept, and run over blocks of rows that stay in the cache; parameters are inputs like any
// other, so that all distributions of a family share one program. Results are the bits that a model would compute.

import { encode } from "../compile/encode.js";
import { canonicalise, lower } from "../compile/lower.js";
import { broadcast, eventSize, latent, type Node, Plate } from "../compile/node.js";
import { Store } from "../compile/store.js";
import { f64 } from "../core/memory.js";

/** Numbers for a function: one event, or one event per row. */
export interface Input {
  readonly values: Float64Array;
  /** Shape of an event. */
  readonly shape: readonly number[];
  readonly perRow: boolean;
}

type Build = (inputs: readonly Node[]) => Node;
type Kind = Pick<Input, "shape" | "perRow">;

/** Doubles that a block of rows may take per input: together they fit a second-level cache. */
const BLOCK = 8192;
/** Programs that are kept; the one unused for longest goes first. */
const KEPT = 128;

/** A function compiled for a number of rows. */
class Block {
  readonly #store = new Store();
  readonly #program;
  readonly #positions: readonly number[];
  readonly #output: number;
  readonly width: number;

  constructor(
    build: Build,
    readonly kinds: readonly Kind[],
    readonly rows: number,
  ) {
    const plate = new Plate("values", rows);
    let dimension = 0;
    this.#positions = kinds.map(({ shape, perRow }) => {
      const at = dimension;
      dimension += eventSize(shape) * (perRow ? rows : 1);
      return at;
    });
    // To the compiler inputs are coordinates, which change between evaluations; those that differ by row count as data none the less, as
    // densities may check those.
    const nodes = kinds.map(({ shape, perRow }, i): Node => {
      const at = this.#positions[i]!;
      return perRow ? { ...latent(at, plate, shape), latent: false } : latent(at, null, shape);
    });
    const result = build(nodes);
    this.width = eventSize(result.shape);
    const encoded = encode(lower(canonicalise([broadcast(result, plate, result.shape)]), true), {
      dimension,
      draws: 1,
      store: this.#store,
    });
    this.#program = encoded.program;
    this.#output = encoded.outputs[0]!;
  }

  /** Rows from…from + count − 1 of the inputs to the same rows of `out`. */
  run(inputs: readonly Input[], from: number, count: number, out: Float64Array): void {
    const { rows } = this;
    const theta = this.#program.theta();
    inputs.forEach(({ values, shape, perRow }, i) => {
      const to = this.#positions[i]!;
      if (!perRow) {
        theta.set(values, to);
        return;
      }
      const size = eventSize(shape);
      theta.set(values.subarray(from * size, (from + count) * size), to);
      // Rows without a value repeat the first.
      for (let r = count; r < rows; r++) theta.copyWithin(to + r * size, to, to + size);
    });
    this.#program.evaluate();
    out.set(f64(this.#output, count * this.width), from * this.width);
  }

  dispose(): void {
    this.#program.dispose();
    this.#store.dispose();
  }
}

const kept = new Map<string, Block>();

function block(name: string, build: Build, inputs: readonly Input[], rows: number): Block {
  let key = `${name}|${rows}`;
  for (const { shape, perRow } of inputs) key += `|${perRow ? "r" : ""}${shape.join("x")}`;
  let found = kept.get(key);
  if (found) kept.delete(key);
  else
    found = new Block(
      build,
      inputs.map(({ shape, perRow }) => ({ shape, perRow })),
      rows,
    );
  kept.set(key, found);
  if (kept.size > KEPT) {
    const [oldest, stale] = kept.entries().next().value!;
    kept.delete(oldest);
    stale.dispose();
  }
  return found;
}

/**
 * `build` applied to `rows` rows: the results, row by row. `name` says which function it is: two functions of one name must
 * build the same graph from inputs of the same kinds.
 */
export function apply(name: string, build: Build, inputs: readonly Input[], rows: number): Float64Array {
  const widest = inputs.reduce((m, i) => Math.max(m, i.perRow ? eventSize(i.shape) : 1), 1);
  const most = Math.max(1, 2 ** Math.floor(Math.log2(BLOCK / widest)));
  let out: Float64Array | undefined;
  for (let from = 0; from < rows || !out; ) {
    const left = Math.max(1, Math.min(most, rows - from));
    const size = 2 ** Math.ceil(Math.log2(left));
    const part = block(name, build, inputs, size);
    out ??= new Float64Array(rows * part.width);
    if (rows === 0) break;
    part.run(inputs, from, left, out);
    from += left;
  }
  return out;
}

/** A number as an input. */
export const scalarInput = (value: number): Input => ({ values: Float64Array.of(value), shape: [], perRow: false });

/** Numbers, one per row, as an input. */
export const rowInput = (values: Float64Array): Input => ({ values, shape: [], perRow: true });

/** The values of a node that no latent reaches and that lives outside plates. */
export function valuesOf(node: Node): Float64Array {
  if (node.values) return node.values;
  const plate = new Plate("value", 1);
  const store = new Store();
  const [root] = canonicalise([broadcast(node, plate, node.shape)]);
  try {
    const { program, outputs } = encode(lower([root!], true), {
      dimension: 0,
      draws: 1,
      store,
    });
    try {
      program.evaluate();
      return f64(outputs[0]!, eventSize(node.shape)).slice();
    } finally {
      program.dispose();
    }
  } finally {
    store.dispose();
  }
}
