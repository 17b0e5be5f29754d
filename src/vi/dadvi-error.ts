// How far a fixed-draw optimum is from the optimum over infinitely many draws (Giordano, Ingram & Broderick 2024, section 4.3): the
// sandwich covariance H^-1 V H^-1 / M, V the covariance of the per-draw gradients. For matched draws the part of each gradient
// that a Gaussian target would give averages to zero by construction, and only the rest counts; for low-discrepancy draws the
// formula for independent draws is an upper bound.

import { multiplyLower, multiplyLowerTransposed } from "../linalg/cholesky.js";
import { addScaledAt, dotAt } from "../linalg/vector.js";
import type { FixedDrawObjective } from "./dadvi-objective.js";

export interface SamplingError {
  /** Standard error of each mean, in the units of the coordinate. */
  readonly mean: Float64Array;
  /** Standard error of the log of each standard deviation. */
  readonly logScale: Float64Array;
  /** The largest of mean / standard deviation and logScale. */
  readonly largest: number;
}

const rootHalf = Math.sqrt(0.5);

/**
 * Independent terms whose mean is the sampling error of the objective's gradient at its optimum, where the parameters are zero:
 * [term][parameter]. Mirrored draws are averaged in pairs; matched moments are taken out.
 */
export function gradientTerms(objective: FixedDrawObjective): { readonly terms: Float64Array; readonly count: number } {
  const { fixed, family, dimension: size, base } = objective;
  const n = base.mean.length;
  const { draws, normals, matched, mirrored } = fixed;
  const zero = new Float64Array(size);
  const u = objective.perDraw(zero);
  if (matched !== "none") {
    // What the fitted Gaussian predicts for each draw, averaging to zero over the draws.
    const curvature = matched === "covariance" ? objective.expectedCurvature(zero) : undefined;
    const spread = new Float64Array(n);
    const slope = new Float64Array(n);
    for (let d = 0; d < draws; d++) {
      const at = d * n;
      const to = d * size;
      if (family === "fullRank") {
        let row = to + 2 * n;
        for (let i = 0; i < n; i++) {
          const z = normals[at + i]!;
          u[to + i] = u[to + i]! - z;
          u[to + n + i] = u[to + n + i]! - rootHalf * (z * z - 1);
          addScaledAt(i, -z, normals, at, u, row);
          row += i;
        }
        continue;
      }
      for (let i = 0; i < n; i++) spread[i] = base.scale[i]! * normals[at + i]!;
      for (let i = 0; i < n; i++) {
        slope[i] = curvature ? dotAt(n, curvature, i * n, spread, 0) : spread[i]! / (base.scale[i]! * base.scale[i]!);
        const own = curvature ? curvature[i * n + i]! * base.scale[i]! * base.scale[i]! : 1;
        u[to + n + i] = u[to + n + i]! - rootHalf * (slope[i]! * spread[i]! - own);
      }
      multiplyLowerTransposed(base.root, n, slope, 0, slope, 0);
      for (let i = 0; i < n; i++) u[to + i] = u[to + i]! - slope[i]!;
    }
  }
  if (!mirrored) return { terms: u, count: draws };
  const half = draws / 2;
  for (let d = 0; d < half; d++)
    for (let i = 0; i < size; i++) u[d * size + i] = 0.5 * (u[d * size + i]! + u[(half + d) * size + i]!);
  return { terms: u.subarray(0, half * size), count: half };
}

/**
 * The sampling error at the optimum. `solve` applies the inverse Hessian to one term in place; without it the Hessian is taken to
 * be the identity, which the objective's base makes nearly true.
 */
export function samplingError(objective: FixedDrawObjective, solve?: (term: Float64Array) => void): SamplingError {
  const { base, family, dimension: size } = objective;
  const n = base.mean.length;
  const { terms, count } = gradientTerms(objective);
  const sums = new Float64Array(2 * n);
  const squares = new Float64Array(2 * n);
  const term = new Float64Array(size);
  const effect = new Float64Array(2 * n);
  const variance = new Float64Array(n);
  for (let i = 0; i < n; i++) variance[i] = dotAt(i + 1, base.root, i * n, base.root, i * n);
  for (let d = 0; d < count; d++) {
    term.set(terms.subarray(d * size, (d + 1) * size));
    solve?.(term);
    multiplyLower(base.root, n, term, 0, effect, 0);
    for (let i = 0; i < n; i++) effect[n + i] = rootHalf * term[n + i]!;
    if (family === "fullRank") {
      // d log sd_i = l_i^T dC l_i / |l_i|^2, l_i being row i of the root.
      for (let i = n - 1; i >= 0; i--) {
        let s = 0;
        let row = 2 * n;
        for (let j = 0; j <= i; j++) {
          const l = base.root[i * n + j]!;
          s += l * (dotAt(j, term, row, base.root, i * n) + l * rootHalf * term[n + j]!);
          row += j;
        }
        effect[n + i] = s / variance[i]!;
      }
    }
    for (let i = 0; i < 2 * n; i++) {
      sums[i] = sums[i]! + effect[i]!;
      squares[i] = squares[i]! + effect[i]! * effect[i]!;
    }
  }
  const mean = new Float64Array(n);
  const logScale = new Float64Array(n);
  let largest = 0;
  for (let i = 0; i < 2 * n; i++) {
    const centred = Math.max(0, squares[i]! - (sums[i]! * sums[i]!) / count);
    const error = count > 1 ? Math.sqrt(centred / (count - 1) / count) : Infinity;
    if (i < n) mean[i] = error;
    else logScale[i - n] = error;
    const relative = i < n ? error / (family === "meanField" ? base.scale[i]! : Math.sqrt(variance[i]!)) : error;
    if (relative > largest || Number.isNaN(relative)) largest = Number.isNaN(relative) ? Infinity : relative;
  }
  return { mean, logScale, largest };
}
