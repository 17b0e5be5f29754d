// Thin QR of a tall matrix given by its columns, each column a contiguous row of memory: modified Gram-Schmidt, every vector
// orthogonalised twice, which keeps Q orthonormal to rounding (Giraud, Langou & Rozloznik 2005).
// A column that depends on the earlier ones gets a zero vector and a zero row of R, and A = Q R still holds.

import { addScaledAt, dotAt } from "./vector.js";

/**
 * `a` holds k vectors of length n, one after another; they are replaced by orthonormal (or zero) vectors q_i, and `r`
 * (k x k, row-major, upper triangular) is filled so that a_j = sum_i r[i][j] q_i. Returns the numerical rank.
 */
export function orthonormalise(a: Float64Array, k: number, n: number, r: Float64Array): number {
  let rank = 0;
  r.fill(0, 0, k * k);
  for (let j = 0; j < k; j++) {
    const at = j * n;
    const before = Math.sqrt(dotAt(n, a, at, a, at));
    for (let pass = 0; pass < 2; pass++)
      for (let i = 0; i < j; i++) {
        const c = dotAt(n, a, i * n, a, at);
        r[i * k + j] = r[i * k + j]! + c;
        addScaledAt(n, -c, a, i * n, a, at);
      }
    const length = Math.sqrt(dotAt(n, a, at, a, at));
    if (length > 1e-13 * before && length < Infinity) {
      r[j * k + j] = length;
      for (let i = 0; i < n; i++) a[at + i] = a[at + i]! / length;
      rank++;
    } else a.fill(0, at, at + n);
  }
  return rank;
}
