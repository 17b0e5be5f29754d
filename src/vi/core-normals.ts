// The core's counter-based generator as the normal source of the algorithms: the numbers depend on (seed, stream, step) and the
// place, and on nothing else.

import { core } from "../core/load.js";
import { f64, Scope } from "../core/memory.js";
import type { NormalSource } from "./draws.js";

/** The two 32-bit words of a seed (an integer of 0 … 2^53 - 1). */
export function seedWords(seed: number): readonly [low: number, high: number] {
  return [seed >>> 0, Math.floor(seed / 4294967296) >>> 0];
}

/** Standard normals for a seed. */
export function coreNormals(seed: number): NormalSource {
  const [low, high] = seedWords(seed);
  return {
    fill(out, stream, step) {
      const scope = new Scope();
      try {
        const pointer = scope.doubles(out.length);
        core().fillNormals(low, high, stream, step, 1, out.length, pointer, 0, 0);
        out.set(f64(pointer, out.length));
      } finally {
        scope.dispose();
      }
    },
  };
}
