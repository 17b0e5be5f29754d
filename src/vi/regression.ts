// What a batch of draws says about a Gaussian q = N(m, A A^T) and a log density: gradients there, brought to the coordinates in which
// q is standard normal (h = A^T g), regressed on the normals, h = b - C eps + residual. By Stein's identity b and C estimate
// E h and -E[A^T H A], H the Hessian of the log density; for a Gaussian target they are exact, whatever the batch. q maximises the
// ELBO among all Gaussians where b = 0 and C = I, among the mean-field ones where b = 0 and C has a unit diagonal (Opper & Archambeau 2009).

import { cholesky, multiplyLowerTransposed, solveLower, solveLowerTransposed } from "../linalg/cholesky.js";
import { addScaledAt, allFinite } from "../linalg/vector.js";
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
  let sum = 0;
  for (let from = 0; from < draws && (whole || failed < 0); from += slice) {
    const to = Math.min(from + slice, draws);
    const part = (a: Float64Array, width: number): Float64Array => a.subarray(from * width, to * width);
    evaluator.batch(to - from, part(points, n), part(gradients, n), part(values, 1));
    for (let d = from; d < to && (whole || failed < 0); d++) {
      sum += values[d]!;
      if (Number.isFinite(values[d]!) && allFinite(gradients, d * n, n)) continue;
      if (failed < 0) failed = d;
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
  };
}

export interface Regression {
  /** E h: the gradient with respect to the location, in q's own standard deviations. */
  readonly b: Float64Array;
  /** Its standard error, from the residuals. */
  readonly bError: Float64Array;
  /** Symmetrised C, row-major. */
  readonly c: Float64Array;
  /** Standard error of each diagonal element of C. */
  readonly diagonalError: Float64Array;
  /** Residual variance as a share of the variance of h, averaged over coordinates: 0 for a Gaussian target. */
  readonly roughness: number;
}

/** Needs at least 2 n + 2 antithetic (n + 2 independent) draws; undefined when the normals do not span the space. */
export function regress(q: Gaussian, batch: Batch): Regression | undefined {
  const n = q.mean.length;
  const { draws, normals, gradients } = batch;
  const h = new Float64Array(gradients.length);
  toStandard(q, draws, gradients, h);
  const b = new Float64Array(n);
  const mean = new Float64Array(n);
  for (let d = 0; d < draws; d++) {
    addScaledAt(n, 1 / draws, h, d * n, b, 0);
    addScaledAt(n, 1 / draws, normals, d * n, mean, 0);
  }
  const gram = new Float64Array(n * n);
  const cross = new Float64Array(n * n); // row i: the coefficients of h_i
  for (let d = 0; d < draws; d++) {
    const at = d * n;
    for (let i = 0; i < n; i++) {
      addScaledAt(i + 1, normals[at + i]!, normals, at, gram, i * n);
      addScaledAt(n, -h[at + i]!, normals, at, cross, i * n);
    }
  }
  for (let i = 0; i < n; i++) {
    addScaledAt(i + 1, -draws * mean[i]!, mean, 0, gram, i * n);
    addScaledAt(n, draws * b[i]!, mean, 0, cross, i * n);
  }
  if (!cholesky(gram, n)) return undefined;
  for (let i = 0; i < n; i++) {
    solveLower(gram, n, cross, i * n);
    solveLowerTransposed(gram, n, cross, i * n);
  }
  // Independent normals have a mean of their own, which the intercept does not see.
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) b[i] = b[i]! + cross[i * n + j]! * mean[j]!;
  // Residuals, before C is made symmetric.
  const freedom = Math.max(1, draws - n - 1);
  const residual = new Float64Array(n);
  const spread = new Float64Array(n);
  const r = new Float64Array(n);
  for (let d = 0; d < draws; d++) {
    const at = d * n;
    for (let i = 0; i < n; i++) {
      let s = h[at + i]! - b[i]!;
      for (let j = 0; j < n; j++) s += cross[i * n + j]! * normals[at + j]!;
      r[i] = s;
      residual[i] = residual[i]! + s * s;
      spread[i] = spread[i]! + h[at + i]! * h[at + i]!;
    }
  }
  const bError = new Float64Array(n);
  const diagonalError = new Float64Array(n);
  let roughness = 0;
  for (let i = 0; i < n; i++) {
    const variance = residual[i]! / freedom;
    bError[i] = Math.sqrt(variance / draws);
    // Var of a slope: residual variance over the sum of squares of its normal, about `draws`.
    diagonalError[i] = Math.sqrt(variance / draws);
    roughness += spread[i]! > 0 ? (variance * draws) / spread[i]! / n : 0;
  }
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) c[i * n + j] = c[j * n + i] = 0.5 * (cross[i * n + j]! + cross[j * n + i]!);
  return { b, bError, c, diagonalError, roughness };
}

/** How far q is from the best of its family, in q's own standard deviations, with the noise of saying so. */
export interface Assessment {
  /** Largest expected move of the location to the optimum. */
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
    location = Math.max(location, Math.abs(move));
    locationError = Math.max(locationError, Math.sqrt(variance));
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
        const noise = 0.25 * (r.diagonalError[i]! ** 2 + r.diagonalError[j]! ** 2);
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
    for (let k = i; k < h.length; k += n) residual += (h[k]! - b + c * normals[k]!) ** 2;
    const error = Math.sqrt(residual / Math.max(1, draws - 2) / draws);
    const inverse = 1 / Math.max(c, 1 / 16);
    location = Math.max(location, Math.abs(b) * inverse);
    locationError = Math.max(locationError, error * inverse);
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
