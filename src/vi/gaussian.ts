// Gaussian approximations in the three forms the algorithms produce, as plain records, and what is done with them. In each the
// covariance is A A^T with a square root A that is cheap to apply and to invert: draws are mean + A z, and every density,
// however the point was drawn, goes through z = A^-1 (x - mean). Batches are [draw][dimension]; nothing here allocates per draw.

import {
  cholesky as factorise,
  invertLower,
  logDiagonal,
  lowerTimesTransposed,
  multiplyLower,
  solveLower,
} from "../linalg/cholesky.js";
import { log, logTwoPi } from "../linalg/elementary.js";
import { addScaledAt, dotAt } from "../linalg/vector.js";

/** A = diag(scale). */
export interface DiagonalGaussian {
  readonly kind: "diagonal";
  readonly mean: Float64Array;
  /** Standard deviations. */
  readonly scale: Float64Array;
}

/** A = the lower triangular Cholesky factor of the covariance, row-major. */
export interface DenseGaussian {
  readonly kind: "dense";
  readonly mean: Float64Array;
  readonly cholesky: Float64Array;
}

/**
 * A = diag(scale) (I + Q (C - I) Q^T): a diagonal, corrected in `rank` directions. The rows of `basis` are the columns of Q,
 * orthonormal or zero; `factor` is C, rank x rank, lower triangular with a positive diagonal (1 where the row of `basis` is zero).
 */
export interface LowRankGaussian {
  readonly kind: "lowRank";
  readonly mean: Float64Array;
  readonly scale: Float64Array;
  readonly rank: number;
  readonly basis: Float64Array;
  readonly factor: Float64Array;
}

/** A Gaussian on the unconstrained scale, as its family keeps it. */
export type Gaussian = DiagonalGaussian | DenseGaussian | LowRankGaussian;

/** log det A: half the log determinant of the covariance. */
export function logDeterminantOfRoot(g: Gaussian): number {
  const n = g.mean.length;
  if (g.kind === "dense") return logDiagonal(g.cholesky, n);
  let s = 0;
  for (let i = 0; i < n; i++) s += log(g.scale[i]!);
  return g.kind === "diagonal" ? s : s + logDiagonal(g.factor, g.rank);
}

/** Entropy in nats. */
export function gaussianEntropy(g: Gaussian): number {
  return 0.5 * g.mean.length * (1 + logTwoPi) + logDeterminantOfRoot(g);
}

/** Turns standard normals into draws; `points` may be `normals`. */
export function drawsFromNormals(g: Gaussian, draws: number, normals: Float64Array, points: Float64Array): void {
  const n = g.mean.length;
  const { mean } = g;
  if (g.kind === "dense") {
    for (let d = 0; d < draws; d++) {
      const at = d * n;
      multiplyLower(g.cholesky, n, normals, at, points, at);
      for (let i = 0; i < n; i++) points[at + i] = points[at + i]! + mean[i]!;
    }
    return;
  }
  const { scale } = g;
  if (points !== normals) points.set(normals.subarray(0, draws * n));
  if (g.kind === "lowRank") {
    const { rank, basis, factor } = g;
    const c = new Float64Array(2 * rank);
    for (let d = 0; d < draws; d++) {
      const at = d * n;
      for (let k = 0; k < rank; k++) c[k] = dotAt(n, basis, k * n, points, at);
      multiplyLower(factor, rank, c, 0, c, rank);
      for (let k = 0; k < rank; k++) addScaledAt(n, c[rank + k]! - c[k]!, basis, k * n, points, at);
    }
  }
  for (let d = 0; d < draws; d++) {
    const at = d * n;
    for (let i = 0; i < n; i++) points[at + i] = mean[i]! + scale[i]! * points[at + i]!;
  }
}

/** z = A^-1 (x - mean) for each point; `normals` may be `points`. */
export function normalsFromPoints(g: Gaussian, draws: number, points: Float64Array, normals: Float64Array): void {
  const n = g.mean.length;
  const { mean } = g;
  for (let d = 0; d < draws; d++) {
    const at = d * n;
    for (let i = 0; i < n; i++) normals[at + i] = points[at + i]! - mean[i]!;
    if (g.kind === "dense") {
      solveLower(g.cholesky, n, normals, at);
      continue;
    }
    for (let i = 0; i < n; i++) normals[at + i] = normals[at + i]! / g.scale[i]!;
  }
  if (g.kind !== "lowRank") return;
  const { rank, basis, factor } = g;
  const c = new Float64Array(2 * rank);
  for (let d = 0; d < draws; d++) {
    const at = d * n;
    for (let k = 0; k < rank; k++) c[k] = c[rank + k] = dotAt(n, basis, k * n, normals, at);
    solveLower(factor, rank, c, rank);
    for (let k = 0; k < rank; k++) addScaledAt(n, c[rank + k]! - c[k]!, basis, k * n, normals, at);
  }
}

/** Log densities of draws made from these standard normals. */
export function logDensityOfNormals(g: Gaussian, draws: number, normals: Float64Array, out: Float64Array): void {
  const n = g.mean.length;
  const constant = -0.5 * n * logTwoPi - logDeterminantOfRoot(g);
  for (let d = 0; d < draws; d++) out[d] = constant - 0.5 * dotAt(n, normals, d * n, normals, d * n);
}

/** Log densities at `points`; `scratch`, of the same size, is overwritten (it may be `points`). */
export function gaussianLogDensity(
  g: Gaussian,
  draws: number,
  points: Float64Array,
  out: Float64Array,
  scratch: Float64Array = new Float64Array(points.length),
): void {
  normalsFromPoints(g, draws, points, scratch);
  logDensityOfNormals(g, draws, scratch, out);
}

/** The dense square root A, row-major; lower triangular except for the low-rank form. */
export function squareRoot(g: Gaussian): Float64Array {
  const n = g.mean.length;
  if (g.kind === "dense") return g.cholesky.slice();
  const root = new Float64Array(n * n);
  for (let i = 0; i < n; i++) root[i * n + i] = 1;
  if (g.kind === "lowRank") {
    // Row i of I + Q (C - I) Q^T.
    const { rank, basis, factor } = g;
    for (let k = 0; k < rank; k++)
      for (let l = 0; l <= k; l++) {
        const c = factor[k * rank + l]! - (k === l ? 1 : 0);
        if (c !== 0) for (let i = 0; i < n; i++) addScaledAt(n, c * basis[k * n + i]!, basis, l * n, root, i * n);
      }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) root[i * n + j] = root[i * n + j]! * g.scale[i]!;
  return root;
}

/** The covariance matrix, row-major. */
export function gaussianCovariance(g: Gaussian): Float64Array {
  const n = g.mean.length;
  if (g.kind === "dense") return lowerTimesTransposed(g.cholesky, n);
  const out = new Float64Array(n * n);
  if (g.kind === "diagonal") {
    for (let i = 0; i < n; i++) out[i * n + i] = g.scale[i]! * g.scale[i]!;
    return out;
  }
  const root = squareRoot(g);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) out[i * n + j] = out[j * n + i] = dotAt(n, root, i * n, root, j * n);
  return out;
}

/** The same Gaussian with a full Cholesky factor; where rounding has spoilt that of a low-rank one, its diagonal alone. */
export function denseGaussian(g: Gaussian): DenseGaussian {
  if (g.kind === "dense") return g;
  const n = g.mean.length;
  if (g.kind === "lowRank") {
    const covariance = gaussianCovariance(g);
    if (factorise(covariance, n)) return { kind: "dense", mean: g.mean, cholesky: covariance };
  }
  const cholesky = new Float64Array(n * n);
  for (let i = 0; i < n; i++) cholesky[i * n + i] = g.scale[i]!;
  return { kind: "dense", mean: g.mean, cholesky };
}

/** Marginal standard deviations. */
export function standardDeviations(g: Gaussian): Float64Array {
  const n = g.mean.length;
  if (g.kind === "diagonal") return g.scale.slice();
  const out = new Float64Array(n);
  if (g.kind === "dense") {
    for (let i = 0; i < n; i++) out[i] = Math.sqrt(dotAt(i + 1, g.cholesky, i * n, g.cholesky, i * n));
    return out;
  }
  // Var_i = scale_i^2 (1 + |C^T q_i|^2 - |q_i|^2), q_i being row i of Q.
  const { rank, basis, factor } = g;
  const c = new Float64Array(rank);
  for (let i = 0; i < n; i++) {
    let square = 1;
    c.fill(0);
    for (let k = 0; k < rank; k++) {
      const q = basis[k * n + i]!;
      square -= q * q;
      for (let l = 0; l <= k; l++) c[l] = c[l]! + factor[k * rank + l]! * q;
    }
    out[i] = g.scale[i]! * Math.sqrt(Math.max(0, square + dotAt(rank, c, 0, c, 0)));
  }
  return out;
}

/** The precision matrix (inverse covariance) of a dense Gaussian. */
export function densePrecision(g: DenseGaussian): Float64Array {
  const n = g.mean.length;
  const inverse = invertLower(g.cholesky, n);
  const out = new Float64Array(n * n);
  for (let k = 0; k < n; k++)
    for (let i = 0; i <= k; i++) addScaledAt(n, inverse[k * n + i]!, inverse, k * n, out, i * n);
  return out;
}

/**
 * The Gaussian with the mean and covariance of points [point × n], under weights that sum to one (or their sample covariance, when absent); with
 * the variances alone where the covariance is not positive definite.
 */
export function gaussianOf(points: Float64Array, n: number, weights?: Float64Array): DenseGaussian | DiagonalGaussian {
  const count = points.length / n;
  const mean = new Float64Array(n);
  for (let d = 0; d < count; d++) addScaledAt(n, weights ? weights[d]! : 1 / count, points, d * n, mean, 0);
  const covariance = new Float64Array(n * n);
  const x = new Float64Array(n);
  for (let d = 0; d < count; d++) {
    for (let i = 0; i < n; i++) x[i] = points[d * n + i]! - mean[i]!;
    for (let i = 0; i < n; i++)
      addScaledAt(i + 1, weights ? weights[d]! * x[i]! : x[i]! / (count - 1), x, 0, covariance, i * n);
  }
  const scale = Float64Array.from({ length: n }, (_, i) => Math.sqrt(covariance[i * n + i]!));
  return factorise(covariance, n) ? { kind: "dense", mean, cholesky: covariance } : { kind: "diagonal", mean, scale };
}
