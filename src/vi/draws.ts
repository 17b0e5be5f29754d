// Where algorithms get their randomness. Nothing in here generates a random number: the core's counter-based generator (or, in a
// test, anything) is handed in, keyed so that the same (seed, stream, step) gives the same draws on every engine.

import { normalQuantile } from "../linalg/elementary.js";

/** Standard normal numbers. The same (stream, step) always fills the same numbers, whatever was asked before. */
export interface NormalSource {
  fill(out: Float64Array, stream: number, step: number): void;
}

/** Low-discrepancy points in the open unit cube, [point][coordinate], randomised anew for each (stream, step). */
export interface PointSource {
  fill(out: Float64Array, points: number, dimension: number, stream: number, step: number): void;
}

/** What the draws behind a gradient are: independent, or scrambled Sobol points. */
export const samplings = ["random", "sobol"] as const;
export type Sampling = (typeof samplings)[number];

/** Standard normals [draw][dimension] of one step of an algorithm: from points where there are any. */
export function batchNormals(
  { normals, points }: { readonly normals: NormalSource; readonly points?: PointSource | undefined },
  out: Float64Array,
  dimension: number,
  stream: number,
  step: number,
): void {
  if (!points) {
    normals.fill(out, stream, step);
    return;
  }
  points.fill(out, out.length / dimension, dimension, stream, step);
  for (let i = 0; i < out.length; i++) out[i] = normalQuantile(out[i]!);
}
