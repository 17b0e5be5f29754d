// The variational families that ADVI climbs in, as the optimiser sees them: a location, log scales, and for the full-rank family
// the strict rows of a lower triangle, in the coordinates of an affine map (theta = centre + P x). The map changes how
// the optimiser moves, never which distributions can be reached. Results leave as plain Gaussians of the model's coordinates.

import { exp, log } from "../linalg/elementary.js";
import type { DenseGaussian, DiagonalGaussian, Gaussian } from "./gaussian.js";

/** Gaussians with independent coordinates, or with a full covariance. */
export type FamilyName = "meanField" | "fullRank";

/** Families by name, those that other algorithms fit included: a diagonal with a few columns added is the low-rank one. */
export const fitFamilies = ["meanField", "fullRank", "lowRank"] as const;
export type FitFamily = (typeof fitFamilies)[number];

/** Variational parameters in the coordinates of a map. */
export interface Parameters {
  readonly location: Float64Array;
  readonly logScale: Float64Array;
  /** Strict rows one after another, row i of length i; empty in the mean-field family. */
  readonly lower: Float64Array;
}

/** theta = centre + P x: P is diagonal or lower triangular (with its strict rows packed as above). */
export interface AffineMap {
  readonly centre: Float64Array;
  readonly diagonal: Float64Array;
  /** Absent: diagonal. */
  readonly lower?: Float64Array | undefined;
}

/** Number of strict elements of a lower triangle. */
export function strictSize(dimension: number): number {
  return (dimension * (dimension - 1)) / 2;
}

/** Strict rows of a row-major matrix, packed. */
export function packStrict(matrix: Float64Array, n: number): Float64Array {
  const out = new Float64Array(strictSize(n));
  for (let i = 1, k = 0; i < n; i++) for (let j = 0; j < i; j++) out[k++] = matrix[i * n + j]!;
  return out;
}

/** Row-major lower triangle from a diagonal and packed strict rows. */
export function unpackLower(diagonal: Float64Array, lower: Float64Array | undefined): Float64Array {
  const n = diagonal.length;
  const out = new Float64Array(n * n);
  for (let i = 0, k = 0; i < n; i++) {
    if (lower) for (let j = 0; j < i; j++) out[i * n + j] = lower[k++]!;
    out[i * n + i] = diagonal[i]!;
  }
  return out;
}

/** The identity of the full-rank family in the coordinates of a map: q = N(centre, P P^T). */
export function standardParameters(dimension: number, family: FamilyName): Parameters {
  return {
    location: new Float64Array(dimension),
    logScale: new Float64Array(dimension),
    lower: new Float64Array(family === "fullRank" ? strictSize(dimension) : 0),
  };
}

/** Log determinant of P. */
export function logDeterminantOfMap(map: AffineMap | undefined): number {
  let s = 0;
  if (map) for (const d of map.diagonal) s += log(d);
  return s;
}

/** P x + centre. */
function apply(map: AffineMap, x: Float64Array): Float64Array {
  const n = x.length;
  const out = new Float64Array(n);
  for (let i = 0, k = 0; i < n; i++) {
    let s = 0;
    if (map.lower) for (let j = 0; j < i; j++) s += map.lower[k++]! * x[j]!;
    out[i] = map.centre[i]! + (s + map.diagonal[i]! * x[i]!);
  }
  return out;
}

/**
 * The Gaussian of the model's coordinates. In the mean-field family the map moves the location only: scales are always the
 * model's own, or the family would not be mean-field there.
 */
export function toGaussian(family: FamilyName, parameters: Parameters, map: AffineMap | undefined): Gaussian {
  const { location, logScale, lower } = parameters;
  const n = location.length;
  const mean = map ? apply(map, location) : location.slice();
  const scale = logScale.map(exp);
  if (family === "meanField") return { kind: "diagonal", mean, scale } satisfies DiagonalGaussian;
  let cholesky = unpackLower(scale, lower);
  if (map) {
    const p = unpackLower(map.diagonal, map.lower);
    const product = new Float64Array(n * n);
    for (let i = 0; i < n; i++)
      for (let k = 0; k <= i; k++) {
        const f = p[i * n + k]!;
        if (f !== 0) for (let j = 0; j <= k; j++) product[i * n + j] = product[i * n + j]! + f * cholesky[k * n + j]!;
      }
    cholesky = product;
  }
  return { kind: "dense", mean, cholesky } satisfies DenseGaussian;
}
