// The standard-normal draws on which a fixed-draw fit is made. "matched" draws come in mirrored pairs and are linearly transformed so
// that their mean is exactly 0 and their covariance exactly the identity, which makes the fixed-draw optimum exact for every
// Gaussian target; "sobol" draws are low-discrepancy points through the normal quantile function; "iid" are as they come.

import { cholesky, solveLower } from "../linalg/cholesky.js";
import { addScaledAt } from "../linalg/vector.js";
import { batchNormals, type NormalSource, type PointSource } from "./draws.js";
import { streams } from "./outcome.js";

export type DrawKind = "matched" | "sobol" | "matchedSobol" | "iid";

export interface FixedDraws {
  readonly kind: DrawKind;
  readonly draws: number;
  /** Standard normals, [draw][dimension]. */
  readonly normals: Float64Array;
  /** Whether the draws come in mirrored pairs, draw i and draw i + draws / 2. */
  readonly mirrored: boolean;
  /** Which moments are exact: none, mean and variance of each coordinate, or the whole covariance too. */
  readonly matched: "none" | "variances" | "covariance";
}

/** `step` tells one set of draws from the next. */
export function fixedDraws(
  kind: DrawKind,
  draws: number,
  dimension: number,
  normals: NormalSource,
  points: PointSource | undefined,
  step: number,
): FixedDraws {
  const n = dimension;
  const z = new Float64Array(draws * n);
  let mirrored = false;
  if (kind === "sobol" || kind === "matchedSobol") {
    if (points === undefined)
      throw new TypeError("points: expected a PointSource, as the draws are to be low-discrepancy");
    batchNormals({ normals, points }, z, n, streams.fixed, step);
  } else {
    // Pairs span half as many directions as there are draws: enough only if every moment can be matched in them.
    mirrored = kind === "matched" && draws % 2 === 0 && draws / 2 > n;
    const half = mirrored ? z.subarray(0, z.length / 2) : z;
    normals.fill(half, streams.fixed, step);
    if (mirrored) for (let i = 0; i < half.length; i++) z[half.length + i] = -half[i]!;
  }
  if (kind === "iid" || kind === "sobol") return { kind, draws, normals: z, mirrored, matched: "none" };
  const matched = draws > n + 1 && whiten(z, draws, n) ? "covariance" : "variances";
  if (matched === "variances") standardise(z, draws, n);
  return { kind, draws, normals: z, mirrored, matched };
}

/** Subtracts the mean, then z <- L^-1 z with L L^T the covariance (divisor `draws`). False, with z only centred, if singular. */
function whiten(z: Float64Array, draws: number, n: number): boolean {
  centre(z, draws, n);
  const covariance = new Float64Array(n * n);
  for (let d = 0; d < draws; d++)
    for (let i = 0; i < n; i++) addScaledAt(i + 1, z[d * n + i]! / draws, z, d * n, covariance, i * n);
  const smallest = 1e-6;
  if (!cholesky(covariance, n)) return false;
  for (let i = 0; i < n; i++) if (!(covariance[i * n + i]! > smallest)) return false;
  for (let d = 0; d < draws; d++) solveLower(covariance, n, z, d * n);
  return true;
}

function centre(z: Float64Array, draws: number, n: number): void {
  const mean = new Float64Array(n);
  for (let d = 0; d < draws; d++) addScaledAt(n, 1 / draws, z, d * n, mean, 0);
  for (let d = 0; d < draws; d++) addScaledAt(n, -1, mean, 0, z, d * n);
}

function standardise(z: Float64Array, draws: number, n: number): void {
  centre(z, draws, n);
  for (let i = 0; i < n; i++) {
    let square = 0;
    for (let d = 0; d < draws; d++) square += z[d * n + i]! * z[d * n + i]!;
    const scale = Math.sqrt(draws / square);
    if (Number.isFinite(scale)) for (let d = 0; d < draws; d++) z[d * n + i] = z[d * n + i]! * scale;
  }
}
