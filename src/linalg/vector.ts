// The few vector operations that inner loops need, on plain Float64Arrays. Sums run left to right in four partial sums
// folded as (0 + 2) + (1 + 3), the order of the core's reductions, so that results do not depend on the engine.

/** The transpose of a matrix [n][n]. */
export function transposed(matrix: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[j * n + i] = matrix[i * n + j]!;
  return out;
}

/** Dot product of a[ao..ao+n) and b[bo..bo+n). */
export function dotAt(n: number, a: Float64Array, ao: number, b: Float64Array, bo: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < n; i += 4) {
    s0 += a[ao + i]! * b[bo + i]!;
    s1 += a[ao + i + 1]! * b[bo + i + 1]!;
    s2 += a[ao + i + 2]! * b[bo + i + 2]!;
    s3 += a[ao + i + 3]! * b[bo + i + 3]!;
  }
  if (i < n) s0 += a[ao + i]! * b[bo + i]!;
  if (i + 1 < n) s1 += a[ao + i + 1]! * b[bo + i + 1]!;
  if (i + 2 < n) s2 += a[ao + i + 2]! * b[bo + i + 2]!;
  return s0 + s2 + (s1 + s3);
}

export function dot(a: Float64Array, b: Float64Array): number {
  return dotAt(a.length, a, 0, b, 0);
}

/** Euclidean norm; entries beyond 1e150 in size overflow to Infinity. */
export function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}

/** Largest absolute entry; NaN if any entry is. */
export function maxAbs(a: Float64Array): number {
  let max = 0;
  for (let i = 0; i < a.length; i++) {
    const v = Math.abs(a[i]!);
    if (!(v <= max)) max = v;
    if (Number.isNaN(v)) return v;
  }
  return max;
}

/** y[yo..] += scale * x[xo..]. */
export function addScaledAt(n: number, scale: number, x: Float64Array, xo: number, y: Float64Array, yo: number): void {
  for (let i = 0; i < n; i++) y[yo + i] = y[yo + i]! + scale * x[xo + i]!;
}

/** Whether all of a[from..from+n) are finite. */
export function allFinite(a: Float64Array, from = 0, n = a.length): boolean {
  // The difference of a finite number with itself is 0, of anything else NaN.
  let s = 0;
  for (let i = from; i < from + n; i++) s += a[i]! - a[i]!;
  return s === 0;
}
