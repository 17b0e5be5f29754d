// Scrambled Sobol points for gradient estimates (randomised quasi-Monte Carlo: Owen 1997; Buchholz, Wenzel & Mandt 2018): each estimate is
// unbiased over scramblings, and its variance falls faster than 1 / draws for smooth integrands.

import { i32, type Scope } from "../core/memory.js";
import { directionNumbers, Sobol } from "../core/sobol.js";
import { seedWords } from "./core-normals.js";
import type { PointSource } from "./draws.js";

/** Direction numbers for so many dimensions, copied into core memory of the scope; their address. */
export function sobolDirections(dimensions: number, scope: Scope): number {
  const directions = directionNumbers(dimensions);
  const pointer = scope.bytes(directions.byteLength);
  i32(pointer, directions.length).set(directions);
  return pointer;
}

/** Scrambled Sobol points for a seed, [point][coordinate]. */
export function corePoints(seed: number): PointSource {
  return {
    fill(out, points, dimension, stream, step) {
      const sobol = new Sobol(dimension);
      try {
        const columns = sobol.points(points, { seed: seedWords(seed), stream, step });
        for (let d = 0; d < points; d++)
          for (let i = 0; i < dimension; i++) out[d * dimension + i] = columns[i * points + d]!;
      } finally {
        sobol.dispose();
      }
    },
  };
}
