// Eigenvalues and eigenvectors of a symmetric matrix: Householder tridiagonalisation, then QL with implicit shifts
// (Golub & Van Loan 2013, 8.3; Wilkinson & Reinsch 1971, II/2-3). Eigenvectors come as rows, so that every rotation and
// every use of them walks contiguous memory.

import { addScaledAt, dotAt } from "./vector.js";

export interface Eigen {
  /** Eigenvalues, ascending. */
  readonly values: Float64Array;
  /** Row i is the unit eigenvector of values[i]. */
  readonly vectors: Float64Array;
}

/** sqrt(a^2 + b^2) without overflow, from exactly specified operations only. */
function hypotenuse(a: number, b: number): number {
  const p = Math.abs(a);
  const q = Math.abs(b);
  const big = Math.max(p, q);
  if (big === 0 || big === Infinity) return big;
  const small = Math.min(p, q) / big;
  return big * Math.sqrt(1 + small * small);
}

/** The eigen-decomposition of symmetric `matrix` (n x n, only the lower triangle is read), or undefined if it holds a non-finite number. */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen | undefined {
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      const v = matrix[i * n + j]!;
      if (!Number.isFinite(v)) return undefined;
      a[i * n + j] = v;
      a[j * n + i] = v;
    }
  const d = new Float64Array(n);
  const e = new Float64Array(n);
  const betas = new Float64Array(n);
  const p = new Float64Array(n);
  // Reduce to tridiagonal form; the Householder vector of step k stays in row k, columns k+1...
  for (let k = 0; k < n - 1; k++) {
    const row = k * n;
    d[k] = a[row + k]!;
    let scale = 0;
    for (let j = k + 2; j < n; j++) scale += Math.abs(a[row + j]!);
    const first = a[row + k + 1]!;
    if (scale === 0) {
      e[k] = first;
      continue;
    }
    scale += Math.abs(first);
    let square = 0;
    for (let j = k + 1; j < n; j++) {
      const v = a[row + j]! / scale;
      a[row + j] = v;
      square += v * v;
    }
    const length = Math.sqrt(square);
    const head = a[row + k + 1]!;
    const alpha = head > 0 ? -length : length;
    e[k] = alpha * scale;
    a[row + k + 1] = head - alpha;
    const beta = 1 / (square - head * alpha); // 2 / v^T v
    betas[k] = beta;
    const m = n - k - 1;
    for (let i = k + 1; i < n; i++) p[i] = beta * dotAt(m, a, i * n + k + 1, a, row + k + 1);
    const half = 0.5 * beta * dotAt(m, p, k + 1, a, row + k + 1);
    addScaledAt(m, -half, a, row + k + 1, p, k + 1);
    for (let i = k + 1; i < n; i++) {
      const vi = a[row + i]!;
      const pi = p[i]!;
      for (let j = k + 1; j < n; j++) a[i * n + j] = a[i * n + j]! - vi * p[j]! - pi * a[row + j]!;
    }
  }
  d[n - 1] = a[n * n - 1]!;
  // Rows of z: the transposed product of the reflections, accumulated from the last.
  const z = new Float64Array(n * n);
  for (let i = 0; i < n; i++) z[i * n + i] = 1;
  for (let k = n - 2; k >= 0; k--) {
    if (betas[k] === 0) continue;
    const m = n - k - 1;
    for (let i = k + 1; i < n; i++) {
      const s = betas[k]! * dotAt(m, z, i * n + k + 1, a, k * n + k + 1);
      addScaledAt(m, -s, a, k * n + k + 1, z, i * n + k + 1);
    }
  }
  implicitQL(d, e, z, n);
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => d[i]! - d[j]! || i - j);
  const values = new Float64Array(n);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    values[to] = d[from]!;
    for (let j = 0; j < n; j++) vectors[to * n + j] = z[from * n + j]!;
  });
  return { values, vectors };
}

/** QL on the tridiagonal (d, e), e[k] coupling k and k+1; rotations are applied to the rows of z. */
function implicitQL(d: Float64Array, e: Float64Array, z: Float64Array, n: number): void {
  e[n - 1] = 0;
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; sweep < 60; sweep++) {
      let m = l;
      for (; m < n - 1; m++) {
        const size = Math.abs(d[m]!) + Math.abs(d[m + 1]!);
        if (Math.abs(e[m]!) <= 2.220446049250313e-16 * size || Math.abs(e[m]!) < 1e-300) break;
      }
      if (m === l) break;
      let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
      let r = hypotenuse(g, 1);
      g = d[m]! - d[l]! + e[l]! / (g + (g < 0 ? -r : r));
      let s = 1;
      let c = 1;
      let shift = 0;
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * e[i]!;
        const b = c * e[i]!;
        r = hypotenuse(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1] = d[i + 1]! - shift;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1]! - shift;
        r = (d[i]! - g) * s + 2 * c * b;
        shift = s * r;
        d[i + 1] = g + shift;
        g = c * r - b;
        const lower = i * n;
        const upper = lower + n;
        for (let k = 0; k < n; k++) {
          const u = z[upper + k]!;
          const v = z[lower + k]!;
          z[upper + k] = s * v + c * u;
          z[lower + k] = c * v - s * u;
        }
      }
      if (r === 0 && i >= l) continue;
      d[l] = d[l]! - shift;
      e[l] = g;
      e[m] = 0;
    }
  }
}
