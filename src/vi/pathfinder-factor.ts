// The Gaussian that the last points of an optimisation imply: Algorithms 3 and 4 of Zhang, Carpenter, Gelman & Vehtari (2022, JMLR
// 23(306)). Covariance = diag(alpha) + beta gamma beta^T (the compact form of the inverse BFGS matrix, Byrd, Nocedal & Schnabel
// 1994), mean = one quasi-Newton step from the point. The only pairs that enter are those with positive curvature, so the matrix
// is positive definite up to rounding; where rounding wins, the point is given up.

import { cholesky } from "../linalg/cholesky.js";
import { orthonormalise } from "../linalg/qr.js";
import { addScaledAt, dotAt } from "../linalg/vector.js";
import { updateInverseDiagonal } from "../optim/inverse-diagonal.js";
import { curvatureHolds, type Trajectory } from "../optim/lbfgs.js";
import type { DenseGaussian, LowRankGaussian } from "./gaussian.js";

/** Walks along a trajectory and gives the Gaussian at each point. */
export class PathFactors {
  /** Pairs left out for want of curvature. */
  skippedPairs = 0;
  private readonly alpha: Float64Array;
  // The pairs in use, oldest first, [pair][dimension].
  private readonly s: Float64Array;
  private readonly y: Float64Array;
  private count = 0;
  private readonly scratch: Float64Array;

  constructor(
    readonly trajectory: Trajectory,
    readonly memory: number,
  ) {
    const n = trajectory.dimension;
    this.alpha = new Float64Array(n).fill(1);
    this.s = new Float64Array(memory * n);
    this.y = new Float64Array(memory * n);
    this.scratch = new Float64Array(n);
  }

  /** Pairs in use now. */
  get pairs(): number {
    return this.count;
  }

  /** Takes in the step from point l - 1 to point l, l >= 1. */
  advance(l: number): void {
    const { s, y, memory, trajectory } = this;
    const { dimension: n, positions, gradients } = trajectory;
    if (this.count === memory) {
      s.copyWithin(0, n);
      y.copyWithin(0, n);
      this.count--;
    }
    const at = this.count * n;
    let sy = 0;
    let yy = 0;
    for (let i = 0; i < n; i++) {
      const ds = positions[l * n + i]! - positions[(l - 1) * n + i]!;
      const dy = gradients[l * n + i]! - gradients[(l - 1) * n + i]!;
      s[at + i] = ds;
      y[at + i] = dy;
      sy += ds * dy;
      yy += dy * dy;
    }
    if (!curvatureHolds(sy, yy)) {
      this.skippedPairs++;
      return;
    }
    this.count++;
    updateInverseDiagonal(this.alpha, s, y, at, this.scratch);
  }

  /** The Gaussian at point l, or undefined if rounding has spoilt it. */
  gaussian(l: number): LowRankGaussian | DenseGaussian | undefined {
    const { trajectory, alpha, s, y, count: j } = this;
    const { dimension: n, positions, gradients } = trajectory;
    const k = 2 * j;
    const scale = alpha.map(Math.sqrt);
    // Rows of b: the columns of diag(alpha)^(-1/2) beta = [sqrt(alpha) y, s / sqrt(alpha)].
    const b = new Float64Array(k * n);
    for (let p = 0; p < j; p++)
      for (let i = 0; i < n; i++) {
        b[p * n + i] = scale[i]! * y[p * n + i]!;
        b[(j + p) * n + i] = s[p * n + i]! / scale[i]!;
      }
    const gamma = middle(s, y, b, j, n);
    const mean = positions.slice(l * n, (l + 1) * n);
    // Covariance times minus the gradient of the objective, added to the point: in the scaled space (I + b^T gamma b) (scale g).
    const g = new Float64Array(n);
    for (let i = 0; i < n; i++) g[i] = -scale[i]! * gradients[l * n + i]!;
    const c = new Float64Array(k);
    for (let p = 0; p < k; p++) c[p] = dotAt(n, b, p * n, g, 0);
    for (let p = 0; p < k; p++) addScaledAt(n, dotAt(k, gamma, p * k, c, 0), b, p * n, g, 0);
    for (let i = 0; i < n; i++) {
      mean[i] = mean[i]! + scale[i]! * g[i]!;
      if (!Number.isFinite(mean[i]!)) return undefined;
    }
    if (k < n) {
      const r = new Float64Array(k * k);
      orthonormalise(b, k, n, r);
      const factor = identityPlus(r, gamma, k, k);
      return cholesky(factor, k) ? { kind: "lowRank", mean, scale, rank: k, basis: b, factor } : undefined;
    }
    // b^T has n rows: the same with the dense matrix.
    const columns = new Float64Array(n * k);
    for (let p = 0; p < k; p++) for (let i = 0; i < n; i++) columns[i * k + p] = b[p * n + i]!;
    const root = identityPlus(columns, gamma, n, k);
    if (!cholesky(root, n)) return undefined;
    for (let i = 0; i < n; i++) for (let q = 0; q <= i; q++) root[i * n + q] = root[i * n + q]! * scale[i]!;
    return { kind: "dense", mean, cholesky: root };
  }
}

/** gamma = [[0, -R^-1], [-R^-T, R^-T (E + Y^T diag(alpha) Y) R^-1]], with R the upper triangle of S^T Y and E its diagonal. */
function middle(s: Float64Array, y: Float64Array, b: Float64Array, j: number, n: number): Float64Array {
  const k = 2 * j;
  const gamma = new Float64Array(k * k);
  // inverse = R^-1, upper triangular, by columns of back substitution.
  const r = new Float64Array(j * j);
  for (let p = 0; p < j; p++) for (let q = p; q < j; q++) r[p * j + q] = dotAt(n, s, p * n, y, q * n);
  const inverse = new Float64Array(j * j);
  for (let q = 0; q < j; q++)
    for (let p = q; p >= 0; p--) {
      let v = p === q ? 1 : 0;
      for (let m = p + 1; m <= q; m++) v -= r[p * j + m]! * inverse[m * j + q]!;
      inverse[p * j + q] = v / r[p * j + p]!;
    }
  const inner = new Float64Array(j * j);
  for (let p = 0; p < j; p++)
    for (let q = 0; q < j; q++) inner[p * j + q] = dotAt(n, b, p * n, b, q * n) + (p === q ? r[p * j + p]! : 0);
  // half = inner R^-1
  const half = new Float64Array(j * j);
  for (let p = 0; p < j; p++)
    for (let m = 0; m < j; m++) {
      const v = inner[p * j + m]!;
      for (let q = m; q < j; q++) half[p * j + q] = half[p * j + q]! + v * inverse[m * j + q]!;
    }
  for (let p = 0; p < j; p++)
    for (let q = 0; q < j; q++) {
      gamma[p * k + j + q] = -inverse[p * j + q]!;
      gamma[(j + q) * k + p] = -inverse[p * j + q]!;
      let v = 0;
      for (let m = 0; m <= p; m++) v += inverse[m * j + p]! * half[m * j + q]!;
      gamma[(j + p) * k + j + q] = v;
    }
  return gamma;
}

/** I + M gamma M^T for M of `rows` x k. */
function identityPlus(m: Float64Array, gamma: Float64Array, rows: number, k: number): Float64Array {
  const half = new Float64Array(rows * k);
  for (let i = 0; i < rows; i++)
    for (let p = 0; p < k; p++) {
      const v = m[i * k + p]!;
      if (v !== 0) addScaledAt(k, v, gamma, p * k, half, i * k);
    }
  const out = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++)
    for (let q = 0; q <= i; q++) {
      const v = dotAt(k, half, i * k, m, q * k) + (i === q ? 1 : 0);
      out[i * rows + q] = v;
      out[q * rows + i] = v;
    }
  return out;
}
