// Memory belongs to a scope that is freed as a whole. Views over WebAssembly memory die when it grows, so they are made here,
// at the moment of use, and never kept; results leave the core as copies.

import { core } from "./load.js";

/** A view of `length` doubles at `pointer`: valid until the next allocation. */
export function f64(pointer: number, length: number): Float64Array {
  return new Float64Array(core().memory.buffer, pointer, length);
}

/** A view of `length` 32-bit integers at `pointer`: valid until the next allocation. */
export function i32(pointer: number, length: number): Int32Array {
  return new Int32Array(core().memory.buffer, pointer, length);
}

const lost = new FinalizationRegistry((blocks: number[]) => release(blocks));

function release(blocks: number[]): void {
  for (const pointer of blocks) core().free(pointer);
  blocks.length = 0;
}

/** Owns blocks of core memory; `dispose` frees them all. A scope that is lost to the garbage collector frees itself. */
export class Scope {
  readonly #blocks: number[] = [];

  constructor() {
    lost.register(this, this.#blocks, this);
  }

  /** Reserves `bytes`, zeroed, 16-byte aligned. */
  bytes(bytes: number): number {
    // The core's addresses are unsigned: beyond 2 GiB they come as negative numbers.
    const pointer = bytes < 0xfff0_0000 ? core().allocate(bytes) >>> 0 : 0;
    if (pointer === 0) throw new RangeError(`the core is out of memory: ${bytes} more bytes were asked for`);
    this.#blocks.push(pointer);
    new Uint8Array(core().memory.buffer, pointer, bytes).fill(0);
    return pointer;
  }

  /** Reserves room for `length` doubles (and one more, which kernels may touch when the length is odd), zeroed. */
  doubles(length: number): number {
    return this.bytes((length + (length & 1)) * 8);
  }

  /** Copies doubles in. */
  copy(values: ArrayLike<number>): number {
    const pointer = this.doubles(values.length);
    f64(pointer, values.length).set(values);
    return pointer;
  }

  /** Frees everything this scope reserved; it can be used again afterwards. */
  dispose(): void {
    release(this.#blocks);
  }
}
