// The diagonal inverse Hessian that an optimisation trajectory implies: Gilbert & Lemaréchal (1989, Math. Program. 45:407-435)
// eq. 4.9, the form used by Pathfinder (Zhang et al. 2022, Algorithm 3). Entries stay positive as long as every pair passed the
// curvature condition.

import { curvatureHolds, type Trajectory } from "./lbfgs.js";

/** alpha <- the update of alpha by the pair (s, y) read at `at`; true if the pair was used. All entries stay positive and finite. */
export function updateInverseDiagonal(
  alpha: Float64Array,
  s: Float64Array,
  y: Float64Array,
  at: number,
  scratch: Float64Array,
): boolean {
  const n = alpha.length;
  let a = 0;
  let b = 0;
  let c = 0;
  for (let i = 0; i < n; i++) {
    const si = s[at + i]!;
    const yi = y[at + i]!;
    a += yi * alpha[i]! * yi;
    b += yi * si;
    c += (si / alpha[i]!) * si;
  }
  if (!(a > 0 && b > 0 && c > 0)) return false;
  for (let i = 0; i < n; i++) {
    const si = s[at + i]! / alpha[i]!;
    const yi = y[at + i]!;
    const next = 1 / (a / (b * alpha[i]!) + (yi * yi) / b - ((a / b) * (si * si)) / c);
    if (!(next > 0 && next < Infinity)) return false;
    scratch[i] = next;
  }
  alpha.set(scratch);
  return true;
}

/** The diagonal after the whole trajectory, starting from ones. */
export function inverseDiagonal(trajectory: Trajectory): Float64Array {
  const n = trajectory.dimension;
  const { positions, gradients } = trajectory;
  const alpha = new Float64Array(n).fill(1);
  const s = new Float64Array(n);
  const y = new Float64Array(n);
  const scratch = new Float64Array(n);
  for (let l = 1; l < trajectory.count; l++) {
    let sy = 0;
    let yy = 0;
    for (let i = 0; i < n; i++) {
      s[i] = positions[l * n + i]! - positions[(l - 1) * n + i]!;
      y[i] = gradients[l * n + i]! - gradients[(l - 1) * n + i]!;
      sy += s[i]! * y[i]!;
      yy += y[i]! * y[i]!;
    }
    if (curvatureHolds(sy, yy)) updateInverseDiagonal(alpha, s, y, 0, scratch);
  }
  return alpha;
}
