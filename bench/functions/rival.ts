// What functions and samplers are timed beside: loops over typed arrays around Math or a package of npm. Each loop is compiled from
// text of its own, so that V8 specialises it (and inlines what it calls) as it does a loop written by hand: one loop that is
// handed twenty functions would be slower than any of them. Ours and theirs cover the same elements, `from` to `to`.

import type { CoreExports } from "../../src/core/load.js";

/** Computes the elements from `from` to `to`. */
export type Piece = (from: number, to: number) => void;

/** An implementation to compare with: `f` is what `expression` calls, which gives one element from its arguments x, y, z. */
export interface Rival {
  readonly name: string;
  readonly expression: string;
  readonly f?: unknown;
  /** How far a function may be from ours, relative to the value or the entry's floor. */
  readonly within?: number;
}

/** One line of the table. */
export interface Entry {
  readonly name: string;
  /** Which arguments or parameters, in words. */
  readonly setting: string;
  readonly rivals: readonly Rival[];
  open(core: CoreExports, n: number): Case;
}

/** An entry on arrays of one length. */
export interface Case {
  readonly engine: Piece;
  /** A loop over the rival. */
  plain(rival: Rival): Piece;
  /** Throws unless ours is right beside the rival (alone, without one); says how close they were. */
  check(rival?: Rival): string;
  close(): void;
}

let loops = 0;

/** A loop around a rival's expression; its text is unique, or V8 would share what it learns between equal ones. */
export function loop(rival: Rival, out: Float64Array, inputs: readonly Float64Array[] = []): Piece {
  const names = ["x", "y", "z"].slice(0, inputs.length);
  const reads = names.map((name) => `const ${name} = ${name}s[i];`).join(" ");
  const text = `return function loop${loops++}(from, to) {
    for (let i = from; i < to; i++) { ${reads} out[i] = ${rival.expression}; }
  }`;
  return new Function("f", "out", ...names.map((name) => `${name}s`), text)(rival.f, out, ...inputs) as Piece;
}

/** Blocks of core memory for one case; arrays get the spare double that kernels may touch. */
export function memoryOf(core: CoreExports) {
  const blocks: number[] = [];
  const reserve = (bytes: number): number => {
    const pointer = core.allocate(bytes) >>> 0;
    if (pointer === 0) throw new RangeError(`the core is out of memory: ${bytes} more bytes were asked for`);
    blocks.push(pointer);
    return pointer;
  };
  return {
    reserve,
    doubles: (length: number): number => reserve((length + (length & 1)) * 8),
    f64: (pointer: number, length: number): Float64Array => new Float64Array(core.memory.buffer, pointer, length),
    free(): void {
      for (const pointer of blocks.reverse()) core.free(pointer);
    },
  };
}
