// Dense Cholesky factors and triangular solves, row-major n x n in a Float64Array (Golub & Van Loan 2013, 4.2). The lower
// triangle holds the factor; nothing here reads above the diagonal, and `cholesky` clears it.

import { log } from "./elementary.js";
import { addScaledAt, dotAt } from "./vector.js";

/**
 * Replaces the lower triangle of `a` by L with L L^T = a, and clears the upper one. False, with `a` spoilt, if `a` is not
 * positive definite to working precision (or holds a NaN).
 */
export function cholesky(a: Float64Array, n: number): boolean {
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j < i; j++) a[row + j] = (a[row + j]! - dotAt(j, a, row, a, j * n)) / a[j * n + j]!;
    const pivot = a[row + i]! - dotAt(i, a, row, a, row);
    if (!(pivot > 0) || pivot === Infinity) return false;
    a[row + i] = Math.sqrt(pivot);
    for (let j = i + 1; j < n; j++) a[row + j] = 0;
  }
  return true;
}

/** x <- L^-1 x, on x[at..at+n). */
export function solveLower(l: Float64Array, n: number, x: Float64Array, at = 0): void {
  for (let i = 0; i < n; i++) x[at + i] = (x[at + i]! - dotAt(i, l, i * n, x, at)) / l[i * n + i]!;
}

/** x <- L^-T x, on x[at..at+n). */
export function solveLowerTransposed(l: Float64Array, n: number, x: Float64Array, at = 0): void {
  for (let i = n - 1; i >= 0; i--) {
    const v = x[at + i]! / l[i * n + i]!;
    x[at + i] = v;
    addScaledAt(i, -v, l, i * n, x, at);
  }
}

/** x <- (L L^T)^-1 x. */
export function choleskySolve(l: Float64Array, n: number, x: Float64Array, at = 0): void {
  solveLower(l, n, x, at);
  solveLowerTransposed(l, n, x, at);
}

/** out[oo..] = L x[xo..]; `out` may be `x` at the same place. */
export function multiplyLower(
  l: Float64Array,
  n: number,
  x: Float64Array,
  xo: number,
  out: Float64Array,
  oo: number,
): void {
  for (let i = n - 1; i >= 0; i--) out[oo + i] = dotAt(i + 1, l, i * n, x, xo);
}

/** out[oo..] = L^T x[xo..]; `out` may be `x` at the same place. */
export function multiplyLowerTransposed(
  l: Float64Array,
  n: number,
  x: Float64Array,
  xo: number,
  out: Float64Array,
  oo: number,
): void {
  // By rows of L: entry i of x is read before the entry is overwritten.
  for (let i = 0; i < n; i++) {
    const v = x[xo + i]!;
    addScaledAt(i, v, l, i * n, out, oo);
    out[oo + i] = v * l[i * n + i]!;
  }
}

/** Sum of the logs of the diagonal: half the log determinant of L L^T. */
export function logDiagonal(l: Float64Array, n: number): number {
  let s = 0;
  for (let i = 0; i < n; i++) s += log(l[i * n + i]!);
  return s;
}

/** L^-1, lower triangular, in a new array. */
export function invertLower(l: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    // Row i of the inverse: (e_i - sum_{k<i} l_ik row_k) / l_ii.
    for (let k = 0; k < i; k++) addScaledAt(k + 1, -l[i * n + k]!, out, k * n, out, i * n);
    out[i * n + i] = 1;
    for (let j = 0; j <= i; j++) out[i * n + j] = out[i * n + j]! / l[i * n + i]!;
  }
  return out;
}

/** L L^T, both triangles, in a new array. */
export function lowerTimesTransposed(l: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      const v = dotAt(j + 1, l, i * n, l, j * n);
      out[i * n + j] = v;
      out[j * n + i] = v;
    }
  return out;
}

/** (L L^T)^-1, both triangles, in a new array. */
export function choleskyInverse(l: Float64Array, n: number): Float64Array {
  const inverse = invertLower(l, n);
  const out = new Float64Array(n * n);
  // Row k of L^-1 adds its outer product.
  for (let k = 0; k < n; k++)
    for (let i = 0; i <= k; i++) addScaledAt(i + 1, inverse[k * n + i]!, inverse, k * n, out, i * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) out[j * n + i] = out[i * n + j]!;
  return out;
}
