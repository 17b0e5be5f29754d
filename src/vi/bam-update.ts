// One step of batch-and-match (Cai, Modi, Pillaud-Vivien, Margossian, Gower, Blei & Saul 2024, ICML) and of Gaussian score matching
// (Modi, Margossian, Yao, Gower, Blei & Saul 2023, NeurIPS): the Gaussian that best matches the scores of a batch of draws
// while staying close to the present one. The covariance solves S U S + S = V; it is found in coordinates where V is the
// identity, by eigenvalues, so that it is positive definite by construction.

import { cholesky, multiplyLower, multiplyLowerTransposed } from "../linalg/cholesky.js";
import { symmetricEigen } from "../linalg/eigen.js";
import { addScaledAt, allFinite, dot, dotAt } from "../linalg/vector.js";
import type { DenseGaussian } from "./gaussian.js";

export interface BamUpdate {
  readonly gaussian: DenseGaussian;
  /** The matrices of S U S + S = V and its solution, row-major. */
  readonly u: Float64Array;
  readonly v: Float64Array;
  readonly covariance: Float64Array;
}

/**
 * The BaM update of `q` from `draws` points and their gradients, [draw][dimension], with inverse regularisation `lambda` (infinity
 * would match the scores regardless of `q`). Undefined if rounding has spoilt it.
 */
export function bamUpdate(
  q: DenseGaussian,
  points: Float64Array,
  gradients: Float64Array,
  draws: number,
  lambda: number,
): BamUpdate | undefined {
  const n = q.mean.length;
  const meanPoint = new Float64Array(n);
  const meanGradient = new Float64Array(n);
  for (let d = 0; d < draws; d++) {
    addScaledAt(n, 1 / draws, points, d * n, meanPoint, 0);
    addScaledAt(n, 1 / draws, gradients, d * n, meanGradient, 0);
  }
  const share = lambda / (1 + lambda);
  // V = Sigma + lambda C + share (mu - mean)(mu - mean)^T
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) v[i * n + j] = dotAt(j + 1, q.cholesky, i * n, q.cholesky, j * n);
  const row = new Float64Array(n);
  const addOuter = (weight: number): void => {
    for (let i = 0; i < n; i++) addScaledAt(i + 1, weight * row[i]!, row, 0, v, i * n);
  };
  for (let d = 0; d < draws; d++) {
    for (let i = 0; i < n; i++) row[i] = points[d * n + i]! - meanPoint[i]!;
    addOuter(lambda / draws);
  }
  for (let i = 0; i < n; i++) row[i] = q.mean[i]! - meanPoint[i]!;
  addOuter(share);
  mirror(v, n);
  // U = rows^T rows
  const k = draws + 1;
  const rows = new Float64Array(k * n);
  for (let d = 0; d < draws; d++)
    for (let i = 0; i < n; i++)
      rows[d * n + i] = Math.sqrt(lambda / draws) * (gradients[d * n + i]! - meanGradient[i]!);
  for (let i = 0; i < n; i++) rows[draws * n + i] = Math.sqrt(share) * meanGradient[i]!;
  const root = v.slice();
  if (!allFinite(rows) || !cholesky(root, n)) return undefined;
  const covariance = solveQuadratic(rows, k, root, n);
  if (covariance === undefined) return undefined;
  const mean = new Float64Array(n);
  for (let i = 0; i < n; i++)
    mean[i] = (q.mean[i]! + lambda * (dotAt(n, covariance, i * n, meanGradient, 0) + meanPoint[i]!)) / (1 + lambda);
  const factor = covariance.slice();
  if (!allFinite(mean) || !cholesky(factor, n)) return undefined;
  const u = new Float64Array(n * n);
  for (let d = 0; d < k; d++) for (let i = 0; i < n; i++) addScaledAt(n, rows[d * n + i]!, rows, d * n, u, i * n);
  return { gaussian: { kind: "dense", mean, cholesky: factor }, u, v, covariance };
}

/** S with S U S + S = root root^T and U = rows^T rows (k rows). */
function solveQuadratic(rows: Float64Array, k: number, root: Float64Array, n: number): Float64Array | undefined {
  // With S = root X root^T: X A X + X = I, A = root^T U root; X has the eigenvectors of A and eigenvalues 2 / (1 + sqrt(1 + 4 a)).
  const moved = new Float64Array(k * n);
  for (let d = 0; d < k; d++) multiplyLowerTransposed(root, n, rows, d * n, moved, d * n);
  // `half`: rows whose outer products add up to X.
  let half: Float64Array;
  if (k >= n) {
    const a = new Float64Array(n * n);
    for (let d = 0; d < k; d++)
      for (let i = 0; i < n; i++) addScaledAt(i + 1, moved[d * n + i]!, moved, d * n, a, i * n);
    const eigen = symmetricEigen(a, n);
    if (eigen === undefined) return undefined;
    half = eigen.vectors;
    for (let i = 0; i < n; i++) {
      const scale = Math.sqrt(solution(eigen.values[i]!));
      for (let j = 0; j < n; j++) half[i * n + j] = half[i * n + j]! * scale;
    }
  } else {
    // A has rank k: its eigenvectors are combinations of the rows. The symmetric root of X is I - sum (1 - sqrt x) e e^T.
    const gram = new Float64Array(k * k);
    for (let d = 0; d < k; d++) for (let c = 0; c <= d; c++) gram[d * k + c] = dotAt(n, moved, d * n, moved, c * n);
    const eigen = symmetricEigen(gram, k);
    if (eigen === undefined) return undefined;
    half = new Float64Array(n * n);
    for (let i = 0; i < n; i++) half[i * n + i] = 1;
    const e = new Float64Array(n);
    const largest = eigen.values[k - 1]!;
    for (let m = 0; m < k; m++) {
      const a = eigen.values[m]!;
      if (!(a > 1e-15 * largest)) continue;
      e.fill(0);
      for (let d = 0; d < k; d++) addScaledAt(n, eigen.vectors[m * k + d]!, moved, d * n, e, 0);
      const length = Math.sqrt(dot(e, e));
      if (!(length > 0)) continue;
      const weight = (1 - Math.sqrt(solution(a))) / (length * length);
      for (let i = 0; i < n; i++) addScaledAt(n, -weight * e[i]!, e, 0, half, i * n);
    }
  }
  // S = sum over rows h of (root h)(root h)^T
  const out = new Float64Array(n * n);
  const y = new Float64Array(n);
  for (let r = 0; r < n; r++) {
    multiplyLower(root, n, half, r * n, y, 0);
    for (let i = 0; i < n; i++) addScaledAt(i + 1, y[i]!, y, 0, out, i * n);
  }
  mirror(out, n);
  return allFinite(out) ? out : undefined;
}

/** The positive x with a x^2 + x = 1. */
function solution(a: number): number {
  return 2 / (1 + Math.sqrt(1 + 4 * Math.max(0, a)));
}

function mirror(a: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) a[j * n + i] = a[i * n + j]!;
}

/**
 * Gaussian score matching: the Gaussian closest to `q` (in KL from it) whose score at `point` is `gradient`. The limit of BaM with one
 * draw and infinite lambda. Undefined if rounding has spoilt it.
 */
export function gsmUpdate(q: DenseGaussian, point: Float64Array, gradient: Float64Array): DenseGaussian | undefined {
  const n = q.mean.length;
  const away = new Float64Array(n); // mu0 - point
  for (let i = 0; i < n; i++) away[i] = q.mean[i]! - point[i]!;
  const pulled = new Float64Array(n);
  multiplyLowerTransposed(q.cholesky, n, gradient, 0, pulled, 0);
  const moved = new Float64Array(n); // Sigma0 gradient
  multiplyLower(q.cholesky, n, pulled, 0, moved, 0);
  const slope = dot(away, gradient);
  const rho = 0.5 * Math.sqrt(1 + 4 * (dot(pulled, pulled) + slope * slope)) - 0.5;
  const shift = new Float64Array(n);
  for (let i = 0; i < n; i++) shift[i] = moved[i]! - away[i]!;
  const correction = dot(gradient, shift) / (1 + rho + slope);
  const mean = new Float64Array(n);
  for (let i = 0; i < n; i++) mean[i] = q.mean[i]! + (shift[i]! - away[i]! * correction) / (1 + rho);
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++)
      factor[i * n + j] =
        dotAt(j + 1, q.cholesky, i * n, q.cholesky, j * n) +
        away[i]! * away[j]! -
        (mean[i]! - point[i]!) * (mean[j]! - point[j]!);
  return allFinite(mean) && cholesky(factor, n) ? { kind: "dense", mean, cholesky: factor } : undefined;
}
