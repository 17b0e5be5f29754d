// What of a fit is drawn over two coordinates: the Gaussian's ellipse, draws where it is none, and the posterior itself.

import type { CompiledModel, DenseGaussian, Fit } from "../../src/index.js";
import { cholesky, solveLower } from "../../src/linalg/cholesky.js";
import type { DemoModel } from "./models.js";
import type { Ellipse, Surface } from "./plots.js";

/** The pair of coordinates that is drawn: their positions among the unconstrained ones. */
export function pairOf(f: Fit, { pair }: DemoModel): [number, number] {
  const names = f.target.unconstrainedNames ?? [];
  return pair.map(([name]) => names.indexOf(name)) as [number, number];
}

/** Mean and Cholesky factor of what was fitted: the Gaussian itself, or, where it is not one, the moments of its draws. */
function gaussianOf(f: Fit): DenseGaussian | undefined {
  const { approximation: q, maps } = f.result;
  if (!q) return undefined;
  const n = f.target.dimension;
  if (maps.length === 0 && q.kind === "dense") return q;
  const factor = new Float64Array(n * n);
  if (maps.length === 0 && q.kind === "diagonal") {
    for (let i = 0; i < n; i++) factor[i * n + i] = q.scale[i]!;
    return { kind: "dense", mean: q.mean, cholesky: factor };
  }
  const draws = f.unconstrainedDraws();
  const size = draws.length / n;
  const mean = new Float64Array(n);
  for (let k = 0; k < draws.length; k++) mean[k % n] = mean[k % n]! + draws[k]! / size;
  for (let d = 0; d < size; d++)
    for (let i = 0; i < n; i++)
      for (let j = 0; j <= i; j++)
        factor[i * n + j]! += ((draws[d * n + i]! - mean[i]!) * (draws[d * n + j]! - mean[j]!)) / size;
  return cholesky(factor, n) ? { kind: "dense", mean, cholesky: factor } : undefined;
}

/** Mean and covariance root of two coordinates. */
export function ellipse(f: Fit, [a, b]: [number, number]): Ellipse | undefined {
  const q = gaussianOf(f);
  if (!q) return undefined;
  const n = f.target.dimension;
  const covariance = (i: number, j: number): number => {
    let sum = 0;
    for (let k = 0; k <= Math.min(i, j); k++) sum += q.cholesky[i * n + k]! * q.cholesky[j * n + k]!;
    return sum;
  };
  const l00 = Math.sqrt(covariance(a, a));
  const l10 = covariance(a, b) / l00;
  return { mean: [q.mean[a]!, q.mean[b]!], root: [l00, l10, Math.sqrt(Math.max(0, covariance(b, b) - l10 * l10))] };
}

/** A few hundred draws of the pair, where an ellipse would not do them justice. */
export function cloud(f: Fit, [a, b]: [number, number]): readonly { x: number; y: number }[] {
  if (f.result.maps.length === 0 && !f.annealed) return [];
  const n = f.target.dimension;
  const draws = f.unconstrainedDraws();
  return Array.from({ length: 400 }, (_, d) => ({ x: draws[d * n + a]!, y: draws[d * n + b]! }));
}

/**
 * Log densities of two coordinates at points [point × dimension], the others integrated out by Laplace's method around one Newton step:
 * exact where these are Gaussian given the two, as in every normal hierarchy.
 */
function integrated(
  target: CompiledModel,
  thetas: Float64Array,
  pair: readonly number[],
  q: DenseGaussian,
): Float64Array {
  const n = target.dimension;
  const count = thetas.length / n;
  const others = Array.from({ length: n }, (_, i) => i).filter((i) => !pair.includes(i));
  const m = others.length;
  const steps = others.map((i) => 1e-3 * Math.hypot(...q.cholesky.subarray(i * n, i * n + i + 1)));
  // Each point, and two neighbours of it along each other coordinate, for second derivatives.
  const block = 2 * m + 1;
  const at = 48;
  const points = new Float64Array(at * block * n);
  const gradients = new Float64Array(points.length);
  const logs = new Float64Array(at * block);
  const values = new Float64Array(count);
  const precision = new Float64Array(m * m);
  const slope = new Float64Array(m);
  for (let first = 0; first < count; first += at) {
    for (let p = 0; p < at; p++)
      for (let k = 0; k < block; k++) {
        const row = (p * block + k) * n;
        points.set(thetas.subarray((first + p) * n, (first + p + 1) * n), row);
        if (k > 0) points[row + others[(k - 1) >> 1]!]! += (k % 2 ? 1 : -1) * steps[(k - 1) >> 1]!;
      }
    target.logDensityGradientBatch(at * block, points, gradients, logs);
    for (let p = 0; p < at; p++) {
      const gradient = (k: number, j: number): number => gradients[(p * block + k) * n + others[j]!]!;
      for (let i = 0; i < m; i++) {
        slope[i] = gradient(0, i);
        for (let j = 0; j <= i; j++)
          precision[i * m + j] = (gradient(2 * i + 2, j) - gradient(2 * i + 1, j)) / (2 * steps[i]!);
      }
      let value = logs[p * block]!;
      if (cholesky(precision, m)) {
        solveLower(precision, m, slope);
        for (let i = 0; i < m; i++) value += slope[i]! ** 2 / 2 - Math.log(precision[i * m + i]!);
      } else value = Number.NEGATIVE_INFINITY;
      values[first + p] = value;
    }
  }
  return values;
}

/** The posterior over two coordinates, around the approximation. */
export function surface(f: Fit, [a, b]: [number, number], around: Ellipse): Surface {
  const size = 48;
  const n = f.target.dimension;
  const q = gaussianOf(f)!;
  const spread = Math.hypot(around.root[1], around.root[2]);
  const x: [number, number] = [around.mean[0] - 3.5 * around.root[0], around.mean[0] + 3.5 * around.root[0]];
  const y: [number, number] = [around.mean[1] - 3.5 * spread, around.mean[1] + 3.5 * spread];
  // Conditional means: cov(i, pair) · cov(pair)⁻¹ · offset, through the root of the pair.
  const column = (i: number): [number, number] => {
    let ca = 0;
    let cb = 0;
    for (let k = 0; k < n; k++) {
      ca += q.cholesky[i * n + k]! * q.cholesky[a * n + k]!;
      cb += q.cholesky[i * n + k]! * q.cholesky[b * n + k]!;
    }
    const u = ca / around.root[0];
    return [u, (cb - around.root[1] * u) / around.root[2]];
  };
  const columns = Array.from({ length: n }, (_, i) => column(i));
  const thetas = new Float64Array(size * size * n);
  for (let r = 0; r < size; r++)
    for (let c = 0; c < size; c++) {
      const dx = x[0] + ((c + 0.5) / size) * (x[1] - x[0]) - around.mean[0];
      const dy = y[0] + ((r + 0.5) / size) * (y[1] - y[0]) - around.mean[1];
      const u = dx / around.root[0];
      const w = (dy - around.root[1] * u) / around.root[2];
      const at = (r * size + c) * n;
      for (let i = 0; i < n; i++) thetas[at + i] = q.mean[i]! + columns[i]![0] * u + columns[i]![1] * w;
      thetas[at + a] = around.mean[0] + dx;
      thetas[at + b] = around.mean[1] + dy;
    }
  const values = integrated(f.target as CompiledModel, thetas, [a, b], q);
  const top = values.reduce((m, v) => Math.max(m, v), Number.NEGATIVE_INFINITY);
  return { x, y, size, values: values.map((v) => Math.max(v - top, -1e3)) };
}
