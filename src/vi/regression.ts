// What a batch of draws says about a Gaussian q = N(m, A A^T) and a log density: gradients there, brought to the coordinates in which
// q is standard normal (h = A^T g), regressed on the normals, h = b - C eps + residual. By Stein's identity b and C estimate
// E h and -E[A^T H A], H the Hessian of the log density; for a Gaussian target they are exact, whatever the batch. q maximises the
// ELBO among all Gaussians where b = 0 and C = I, among the mean-field ones where b = 0 and C has a unit diagonal (Opper & Archambeau 2009).

import { cholesky, solveLower, solveLowerTransposed } from "../linalg/cholesky.js";
import { dotAt } from "../linalg/vector.js";
import type { Batch } from "./moments.js";

export interface Regression {
  /** E h: the gradient with respect to the location, in q's own standard deviations. */
  readonly b: Float64Array;
  /** Its standard error: only what is even in the normals makes one. */
  readonly bError: Float64Array;
  /** Symmetrised C, row-major. */
  readonly c: Float64Array;
  /** Standard error of each diagonal element of C: from what is odd in the normals, and not linear. */
  readonly diagonalError: Float64Array;
  /** Share of the variance of h that is not linear in the normals, averaged over coordinates: 0 for a Gaussian target. */
  readonly roughness: number;
}

/**
 * The standard error of a slope is that of the residuals over the root of the number of pairs only where their size does not depend on the
 * normal. It does: what a line leaves of a smooth function is largest far out. For a cubic the factor is 2.6, for less it is less.
 */
const heavy = 2;

/** Regresses the gradients of a batch, which must have whole matrices, on its normals; undefined when these do not span the space. */
export function regress(batch: Batch): Regression | undefined {
  const { mean: b, even, odd, cross, pairs } = batch;
  const n = b.length;
  const factor = batch.gram.slice();
  if (!cholesky(factor, n)) return undefined;
  const bError = new Float64Array(n);
  const diagonalError = new Float64Array(n);
  const c = new Float64Array(n * n);
  const row = new Float64Array(n);
  let roughness = 0;
  const free = Math.max(1, pairs - n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) row[j] = -cross[i * n + j]!;
    solveLower(factor, n, row);
    // What the regression explains, as a sum of squares, lies in the coordinates of the factor.
    const residual = Math.max(0, odd[i]! - dotAt(n, row, 0, row, 0));
    solveLowerTransposed(factor, n, row);
    c.set(row, i * n);
    bError[i] = Math.sqrt(even[i]! / Math.max(1, pairs - 1) / pairs);
    diagonalError[i] = heavy * Math.sqrt(residual / free / pairs);
    const total = even[i]! + odd[i]!;
    roughness += total > 0 ? (even[i]! + residual) / total / n : 0;
  }
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) c[i * n + j] = c[j * n + i] = 0.5 * (c[i * n + j]! + c[j * n + i]!);
  return { b, bError, c, diagonalError, roughness };
}

/** How far q is from the best of its family, with the noise of saying so. */
export interface Assessment {
  /**
   * Largest expected move of the location to the optimum, in standard deviations of the target (of which C^-1 is the covariance
   * in q's coordinates): a mean-field q may be much narrower than the target along an axis.
   */
  readonly location: number;
  readonly locationError: number;
  /** Largest expected relative change of a scale. */
  readonly scale: number;
  readonly scaleError: number;
  /** About how many nats the ELBO can still rise: the Newton decrement, with the part that noise explains taken off. */
  readonly gain: number;
}

/** `inverse` is the inverse of (the positive part of) C, row-major. */
export function assess(r: Regression, inverse: Float64Array, fullRank: boolean): Assessment {
  const n = r.b.length;
  let location = 0;
  let locationError = 0;
  let scale = 0;
  let scaleError = 0;
  let gain = 0;
  for (let i = 0; i < n; i++) {
    let move = 0;
    let variance = 0;
    for (let j = 0; j < n; j++) {
      const w = inverse[i * n + j]!;
      move += w * r.b[j]!;
      variance += w * r.bError[j]! * (w * r.bError[j]!);
    }
    const sd = Math.sqrt(inverse[i * n + i]!);
    location = Math.max(location, Math.abs(move) / sd);
    locationError = Math.max(locationError, Math.sqrt(variance) / sd);
    gain += 0.5 * (r.b[i]! * move - r.bError[i]! * r.bError[i]! * inverse[i * n + i]!);
    // A precision off by a factor c is a standard deviation off by about (c - 1) / 2.
    const error = r.diagonalError[i]!;
    const off = r.c[i * n + i]! - 1;
    scale = Math.max(scale, 0.5 * Math.abs(off));
    scaleError = Math.max(scaleError, 0.5 * error);
    gain += 0.25 * (off * off - error * error);
    if (fullRank)
      for (let j = 0; j < i; j++) {
        const c = r.c[i * n + j]!;
        // Off the diagonal C is the mean of two estimates.
        const noise = 0.25 * (r.diagonalError[i]! * r.diagonalError[i]! + r.diagonalError[j]! * r.diagonalError[j]!);
        gain += 0.5 * (c * c - noise);
      }
  }
  return { location, locationError, scale, scaleError, gain: Math.max(0, gain) };
}

/**
 * The assessment without a regression on all coordinates, for dimensions where that is too much: each h_i on its own normal. It takes
 * the coordinates of q for the principal axes of the target, and so overlooks slow directions that cross them.
 */
export function assessDiagonal(batch: Batch): Assessment {
  const { mean, even, odd, cross, gram, pairs } = batch;
  const n = mean.length;
  const step = cross.length === n ? 1 : n + 1;
  let location = 0;
  let locationError = 0;
  let scale = 0;
  let scaleError = 0;
  let gain = 0;
  for (let i = 0; i < n; i++) {
    const b = mean[i]!;
    const c = -cross[i * step]! / gram[i * step]!;
    const residual = Math.max(0, odd[i]! - c * c * gram[i * step]!);
    const bError = Math.sqrt(even[i]! / Math.max(1, pairs - 1) / pairs);
    const cError = heavy * Math.sqrt(residual / Math.max(1, pairs - 1) / pairs);
    const inverse = 1 / Math.max(c, 1 / 16);
    const root = Math.sqrt(inverse);
    location = Math.max(location, Math.abs(b) * root);
    locationError = Math.max(locationError, bError * root);
    scale = Math.max(scale, 0.5 * Math.abs(c - 1));
    scaleError = Math.max(scaleError, 0.5 * cError);
    gain += 0.5 * inverse * (b * b - bError * bError) + 0.25 * ((c - 1) * (c - 1) - cError * cError);
  }
  return { location, locationError, scale, scaleError, gain: Math.max(0, gain) };
}
