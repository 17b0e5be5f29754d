// What a batch of draws says about a Gaussian q = N(m, A A^T) and a log density: gradients there, brought to the coordinates in which
// q is standard normal (h = A^T g), regressed on the normals, h = b - C eps + residual. By Stein's identity b and C estimate
// E h and -E[A^T H A], H the Hessian of the log density; for a Gaussian target they are exact, whatever the batch. q maximises the
// ELBO among all Gaussians where b = 0 and C = I, among the mean-field ones where b = 0 and C has a unit diagonal (Opper & Archambeau 2009).

import { cholesky, multiplyLowerTransposed, solveLower, solveLowerTransposed } from "../linalg/cholesky.js";
import { addScaledAt, allFinite, dotAt } from "../linalg/vector.js";
import type { Run } from "../optim/run.js";
import type { NormalSource } from "./draws.js";
import { drawsFromNormals, type Gaussian, gaussianEntropy } from "./gaussian.js";
import { type Session, slice } from "./session.js";

/** A batch of draws from q with what the target says about them; all arrays [draw][dimension] or [draw]. */
export interface Batch {
  readonly draws: number;
  readonly normals: Float64Array;
  readonly points: Float64Array;
  readonly gradients: Float64Array;
  readonly values: Float64Array;
  /** Mean log density plus entropy: -Infinity when a value or gradient is not finite. */
  readonly elbo: number;
  /** Index of the first draw that is not finite, or -1. */
  readonly failed: number;
  /** Draws that are not finite, of those that were evaluated. */
  readonly bad: number;
}

/** Antithetic standard normals: the second half of the draws mirrors the first. */
export function antitheticNormals(
  source: NormalSource,
  draws: number,
  dimension: number,
  stream: number,
  step: number,
): Float64Array {
  const out = new Float64Array(draws * dimension);
  const half = out.length / 2;
  source.fill(out.subarray(0, half), stream, step);
  for (let i = 0; i < half; i++) out[half + i] = -out[i]!;
  return out;
}

/**
 * Evaluates the target at the draws that `normals` make of `q`; unless `whole`, only up to the first that is not finite. Cancelled
 * half-way, it answers as if a draw had failed.
 */
export function* evaluateBatch(
  session: Session,
  q: Gaussian,
  normals: Float64Array,
  stage: string,
  whole = false,
): Run<Batch> {
  const { evaluator } = session;
  const n = evaluator.dimension;
  const draws = normals.length / n;
  const points = new Float64Array(normals.length);
  const gradients = new Float64Array(normals.length);
  const values = new Float64Array(draws);
  drawsFromNormals(q, draws, normals, points);
  let failed = -1;
  let bad = 0;
  let sum = 0;
  for (let from = 0; from < draws && (whole || failed < 0); from += slice) {
    const to = Math.min(from + slice, draws);
    const part = (a: Float64Array, width: number): Float64Array => a.subarray(from * width, to * width);
    evaluator.batch(to - from, part(points, n), part(gradients, n), part(values, 1));
    for (let d = from; d < to && (whole || failed < 0); d++) {
      sum += values[d]!;
      if (Number.isFinite(values[d]!) && allFinite(gradients, d * n, n)) continue;
      if (failed < 0) failed = d;
      bad++;
      session.refuse(points.slice(d * n, (d + 1) * n));
    }
    if (to < draws && (whole || failed < 0)) {
      yield* session.turn(stage);
      if (session.cancelled) {
        failed = to;
        break;
      }
    }
  }
  return {
    draws,
    normals,
    points,
    gradients,
    values,
    elbo: failed < 0 ? sum / draws + gaussianEntropy(q) : -Infinity,
    failed,
    bad,
  };
}

/** Standard normals for a regression: antithetic, with the factor of their Gram matrix, which any number of regressions share. */
export interface Design {
  readonly normals: Float64Array;
  readonly draws: number;
  /** Cholesky factor of the sum of e e^T over the first half of the draws. */
  readonly factor: Float64Array;
}

/** Undefined when the normals do not span the space: at least 2 n draws are needed. */
export function designOf(normals: Float64Array, dimension: number): Design | undefined {
  const n = dimension;
  const draws = normals.length / n;
  const factor = new Float64Array(n * n);
  for (let d = 0; d < draws / 2; d++) {
    const at = d * n;
    for (let i = 0; i < n; i++) addScaledAt(i + 1, normals[at + i]!, normals, at, factor, i * n);
  }
  return cholesky(factor, n) ? { normals, draws, factor } : undefined;
}

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

/** Regresses the gradients of a batch (evaluated at the design's normals) on the normals. */
export function regress(q: Gaussian, batch: Batch, design: Design): Regression {
  const n = q.mean.length;
  const { draws, normals, gradients } = batch;
  const half = draws / 2;
  const h = new Float64Array(gradients.length);
  toStandard(q, draws, gradients, h);
  const b = new Float64Array(n);
  for (let d = 0; d < draws; d++) addScaledAt(n, 1 / draws, h, d * n, b, 0);
  const cross = new Float64Array(n * n); // row i: minus the sum of the odd part of h_i times the normals
  const even = new Float64Array(n);
  const odd = new Float64Array(n);
  for (let d = 0; d < half; d++) {
    const at = d * n;
    const mirrored = at + half * n;
    for (let i = 0; i < n; i++) {
      const v = 0.5 * (h[at + i]! + h[mirrored + i]!) - b[i]!;
      const o = 0.5 * (h[at + i]! - h[mirrored + i]!);
      even[i] = even[i]! + v * v;
      odd[i] = odd[i]! + o * o;
      addScaledAt(n, -o, normals, at, cross, i * n);
    }
  }
  const bError = new Float64Array(n);
  const diagonalError = new Float64Array(n);
  const c = new Float64Array(n * n);
  const row = new Float64Array(n);
  let roughness = 0;
  const free = Math.max(1, half - n);
  for (let i = 0; i < n; i++) {
    row.set(cross.subarray(i * n, (i + 1) * n));
    solveLower(design.factor, n, row);
    // What the regression explains, as a sum of squares, lies in the coordinates of the factor.
    const residual = Math.max(0, odd[i]! - dotAt(n, row, 0, row, 0));
    solveLowerTransposed(design.factor, n, row);
    c.set(row, i * n);
    const variance = even[i]! / Math.max(1, half - 1);
    bError[i] = Math.sqrt(variance / half);
    // Variance of a slope: that of the residuals over the sum of squares of its normal, about half the draws.
    diagonalError[i] = Math.sqrt(residual / free / half);
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
export function assess(q: Gaussian, r: Regression, inverse: Float64Array): Assessment {
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
    if (q.kind === "dense")
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
export function assessDiagonal(q: Gaussian, batch: Batch): Assessment {
  const n = q.mean.length;
  const { draws, normals, gradients } = batch;
  const h = new Float64Array(gradients.length);
  toStandard(q, draws, gradients, h);
  let location = 0;
  let locationError = 0;
  let scale = 0;
  let scaleError = 0;
  let gain = 0;
  for (let i = 0; i < n; i++) {
    let b = 0;
    let cross = 0;
    let square = 0;
    for (let k = i; k < h.length; k += n) {
      b += h[k]!;
      cross -= h[k]! * normals[k]!;
      square += normals[k]! * normals[k]!;
    }
    b /= draws;
    const c = cross / square;
    let residual = 0;
    for (let k = i; k < h.length; k += n) {
      const rest = h[k]! - b + c * normals[k]!;
      residual += rest * rest;
    }
    const error = Math.sqrt(residual / Math.max(1, draws - 2) / draws);
    const inverse = 1 / Math.max(c, 1 / 16);
    const root = Math.sqrt(inverse);
    location = Math.max(location, Math.abs(b) * root);
    locationError = Math.max(locationError, error * root);
    scale = Math.max(scale, 0.5 * Math.abs(c - 1));
    scaleError = Math.max(scaleError, 0.5 * error);
    gain += 0.5 * inverse * (b * b - error * error) + 0.25 * ((c - 1) * (c - 1) - error * error);
  }
  return { location, locationError, scale, scaleError, gain: Math.max(0, gain) };
}

/** h = A^T g for each draw. */
function toStandard(q: Gaussian, draws: number, gradients: Float64Array, h: Float64Array): void {
  if (q.kind === "lowRank") throw new TypeError("regression: expected a diagonal or dense Gaussian");
  const n = q.mean.length;
  for (let d = 0; d < draws; d++) {
    const at = d * n;
    if (q.kind === "dense") multiplyLowerTransposed(q.cholesky, n, gradients, at, h, at);
    else for (let i = 0; i < n; i++) h[at + i] = gradients[at + i]! * q.scale[i]!;
  }
}
