// The matrix of second derivatives of the negative log density at a point: exact when the target offers Hessian-vector products,
// otherwise central differences of the gradient in each coordinate, by default with one Richardson extrapolation
// (error of order h^4). Steps are a fraction of the local standard deviation, found from the curvature itself.

import { allFinite } from "../linalg/vector.js";
import type { Evaluator } from "./evaluate.js";

export interface HessianResult {
  /** -d2 log p / dx dx^T, symmetric, row-major. */
  readonly matrix: Float64Array;
  readonly method: "exact" | "differences";
  /** Coordinates whose differences were not finite at any step length; their rows are zero. */
  readonly undefinedCoordinates: number;
}

// The step in standard deviations: truncation about step^4 / 30, rounding about 1e-16 / step relative to the terms of the gradient.
const fraction = 0.01;

/** `scale`: a guess of each coordinate's standard deviation; corrected where the curvature found says otherwise. */
export function negativeHessian(
  evaluator: Evaluator,
  at: Float64Array,
  scale: Float64Array,
  richardson = true,
): HessianResult {
  const n = evaluator.dimension;
  const matrix = new Float64Array(n * n);
  const { target } = evaluator;
  if (target.hessianVector !== undefined) {
    const unit = new Float64Array(n);
    const column = new Float64Array(n);
    let undefinedCoordinates = 0;
    for (let j = 0; j < n; j++) {
      unit[j] = 1;
      target.hessianVector(at, unit, column);
      // A product takes as long as two gradients or more.
      evaluator.gradients += 2;
      unit[j] = 0;
      if (allFinite(column)) for (let i = 0; i < n; i++) matrix[j * n + i] = -column[i]!;
      else undefinedCoordinates++;
    }
    symmetrise(matrix, n);
    return { matrix, method: "exact", undefinedCoordinates };
  }
  const stencil = richardson ? [1, -1, 2, -2] : [1, -1];
  const points = new Float64Array(stencil.length * n);
  const gradients = new Float64Array(stencil.length * n);
  const values = new Float64Array(stencil.length);
  let undefinedCoordinates = 0;
  for (let j = 0; j < n; j++) {
    let h = fraction * Math.min(Math.max(scale[j]!, 1e-8), 1e8);
    let done = false;
    for (let attempt = 0; attempt < 8; attempt++) {
      stencil.forEach((k, row) => {
        points.set(at, row * n);
        points[row * n + j] = at[j]! + k * h;
      });
      evaluator.batch(stencil.length, points, gradients, values);
      if (!allFinite(values) || !allFinite(gradients)) {
        h *= 0.1;
        continue;
      }
      for (let i = 0; i < n; i++) {
        const near = (gradients[n + i]! - gradients[i]!) / (2 * h);
        const far = richardson ? (gradients[3 * n + i]! - gradients[2 * n + i]!) / (4 * h) : near;
        matrix[j * n + i] = near + (near - far) / 3;
      }
      done = true;
      // The step should be about a hundredth of a conditional standard deviation; a guess within a factor of ten will do.
      const curvature = matrix[j * n + j]!;
      const wanted = curvature > 0 ? fraction / Math.sqrt(curvature) : h;
      if (attempt >= 3 || (wanted > h / 10 && wanted < h * 10)) break;
      h = Math.min(Math.max(wanted, h / 1000), h * 1000);
    }
    if (!done) {
      undefinedCoordinates++;
      for (let i = 0; i < n; i++) matrix[j * n + i] = 0;
    }
  }
  symmetrise(matrix, n);
  return { matrix, method: "differences", undefinedCoordinates };
}

function symmetrise(a: Float64Array, n: number): void {
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) a[i * n + j] = a[j * n + i] = 0.5 * (a[i * n + j]! + a[j * n + i]!);
}
