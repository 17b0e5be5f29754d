// Sobol points from the core: direction numbers unpacked from sobol-data.ts and extended by the recurrence of Bratley & Fox (ACM
// TOMS 14, 1988). A point depends on (seed, stream, step, dimension, index) alone.

import { integer, rangeError } from "../errors.js";
import { core } from "./load.js";
import { f64, i32, Scope } from "./memory.js";
import { degreeCounts, packed } from "./sobol-data.js";

/** How many dimensions there are direction numbers for. */
export const MAX_SOBOL_DIMENSIONS = 1024;

const WORDS = 32;

/** Direction numbers [dimension][32] with their bits in the opposite order: bit i of number k is digit i of v_k. */
export function directionNumbers(dimensions: number): Uint32Array<ArrayBuffer> {
  integer("dimensions", dimensions, 1, MAX_SOBOL_DIMENSIONS);
  const text = atob(packed.join(""));
  let position = 0;
  const read = (bits: number): number => {
    let value = 0;
    for (let i = 0; i < bits; i++, position++)
      value = value * 2 + ((text.charCodeAt(position >> 3) >> (7 - (position & 7))) & 1);
    return value;
  };
  const directions = new Uint32Array(dimensions * WORDS);
  const m = new Uint32Array(WORDS + 1);
  const store = (dimension: number): void => {
    for (let k = 1; k <= WORDS; k++) {
      let reversed = 0;
      for (let bit = 0; bit < k; bit++) reversed = (reversed << 1) | ((m[k]! >>> bit) & 1);
      directions[dimension * WORDS + k - 1] = reversed;
    }
  };
  m.fill(1, 1);
  store(0);
  let dimension = 1;
  degreeCounts.forEach((count, index) => {
    const s = index + 1;
    for (let i = 0; i < count && dimension < dimensions; i++, dimension++) {
      const a = read(s - 1);
      m[1] = 1;
      for (let k = 2; k <= s; k++) m[k] = 2 * read(k - 1) + 1;
      for (let k = s + 1; k <= WORDS; k++) {
        let value = m[k - s]! ^ (m[k - s]! << s);
        for (let j = 1; j < s; j++) if ((a >>> (s - 1 - j)) & 1) value ^= m[k - j]! << j;
        m[k] = value;
      }
      store(dimension);
    }
  });
  return directions;
}

export interface SobolOptions {
  /** Two 32-bit words. */
  seed?: readonly [low: number, high: number];
  /** Another scrambling of the same seed, below 2^28. */
  stream?: number;
  /** And another of the same stream, below 2^32. */
  step?: number;
  /** Index of the first point. */
  first?: number;
  /** Owen scrambling; without it the points are those of Joe and Kuo's own generator, moved by 2^-33. */
  scramble?: boolean;
  /** Standard normals instead of uniforms. */
  normal?: boolean;
}

/** A generator of points of up to 1,024 dimensions. Holds 128 bytes of core memory per dimension until disposed. */
export class Sobol {
  readonly #scope = new Scope();
  readonly #directions: number;

  constructor(readonly dimensions: number) {
    const directions = directionNumbers(dimensions);
    this.#directions = this.#scope.bytes(directions.byteLength);
    i32(this.#directions, directions.length).set(directions);
  }

  /** Writes [dimension][point] to core memory at `out`. */
  fillAt(out: number, points: number, options: SobolOptions = {}): void {
    const { seed = [0, 0], stream = 0, step = 0, first = 0, scramble = true, normal = false } = options;
    integer("points", points, 0, 2 ** 20);
    integer("stream", stream, 0, 2 ** 28 - 1);
    integer("step", step, 0, 2 ** 32 - 1);
    integer("first", first, 0, 2 ** 32 - 1);
    if (first + points > 2 ** 32) throw rangeError("first", `at most ${2 ** 32 - points}`, first);
    const flags = (scramble ? 1 : 0) | (normal ? 2 : 0);
    core().sobol(this.#directions, this.dimensions, 0, points, first, seed[0], seed[1], stream, step, flags, out);
  }

  /** [dimension][point], a copy. */
  points(points: number, options: SobolOptions = {}): Float64Array<ArrayBuffer> {
    const scope = new Scope();
    try {
      const out = scope.doubles(this.dimensions * integer("points", points, 0, 2 ** 20));
      this.fillAt(out, points, options);
      return f64(out, this.dimensions * points).slice();
    } finally {
      scope.dispose();
    }
  }

  dispose(): void {
    this.#scope.dispose();
  }
}
