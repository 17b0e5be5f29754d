// Along which direction does the rest of a posterior change its shape? In coordinates in which q is standard normal, gradients at the same
// normals are compared a step up and a step down each coordinate's direction: what their difference has that depends on the normals is the
// change of the curvature. The direction with the largest change is that of a coordinate, or a mixture of them where that is clearly
// better; the eigenvectors of its change are a frame in which the curvatures on both sides are as good as diagonal.

import { cholesky, choleskySolve, multiplyLower, multiplyLowerTransposed, solveLower } from "../linalg/cholesky.js";
import { symmetricEigen } from "../linalg/eigen.js";
import { addScaledAt, allFinite, dotAt } from "../linalg/vector.js";
import type { Run } from "../optim/run.js";
import { type DenseGaussian, drawsFromNormals } from "./gaussian.js";
import { adviStreams, type Session } from "./session.js";

/** Draws (mirrored pairs count as two) that a direction is tried on. */
const trial = 16;
/** A change of curvature below this, as a squared Frobenius norm, is not worth a map. */
const negligible = 0.02;

export interface Axis {
  /** The coordinate whose direction it is, or that has the largest part in it. */
  readonly coordinate: number;
  /** Squared Frobenius norm of the change of curvature per standard deviation. */
  readonly strength: number;
  /** [D][D]: q's square root, rotated so that column 0 is the axis and the others are the frame. */
  readonly root: Float64Array;
}

/** The direction in normal coordinates in which coordinate j grows: row j of the Cholesky factor, normalised. */
function direction(q: DenseGaussian, j: number): Float64Array {
  const n = q.mean.length;
  const e = new Float64Array(n);
  const length = Math.sqrt(dotAt(j + 1, q.cholesky, j * n, q.cholesky, j * n));
  for (let k = 0; k <= j; k++) e[k] = q.cholesky[j * n + k]! / length;
  return e;
}

/** Normals in mirrored pairs. */
export function mirrored(session: Session, stream: number, step: number, draws: number): Float64Array {
  const n = session.dimension;
  const half = new Float64Array((draws / 2) * n);
  session.normals.fill(half, stream, step);
  const all = new Float64Array(draws * n);
  for (let d = 0; d < draws / 2; d++)
    for (let i = 0; i < n; i++) {
      const z = half[d * n + i]!;
      all[2 * d * n + i] = z;
      all[(2 * d + 1) * n + i] = -z;
    }
  return all;
}

/**
 * Half the difference of the gradients (in normal coordinates) one standard deviation up and down the direction e, at the normals `z`
 * without their part along e: [draw][D]. Undefined where something is not finite.
 */
function difference(session: Session, q: DenseGaussian, e: Float64Array, z: Float64Array): Float64Array | undefined {
  const n = q.mean.length;
  const draws = z.length / n;
  const side = (sign: number): Float64Array | undefined => {
    const points = z.slice();
    for (let d = 0; d < draws; d++) addScaledAt(n, sign - dotAt(n, e, 0, points, d * n), e, 0, points, d * n);
    drawsFromNormals(q, draws, points, points);
    const gradients = new Float64Array(draws * n);
    const values = new Float64Array(draws);
    session.evaluator.batch(draws, points, gradients, values);
    if (!allFinite(values) || !allFinite(gradients)) return undefined;
    for (let d = 0; d < draws; d++) multiplyLowerTransposed(q.cholesky, n, gradients, d * n, gradients, d * n);
    return gradients;
  };
  const up = side(1);
  const down = up && side(-1);
  return up && down && up.map((g, k) => 0.5 * (g - down[k]!));
}

/** What of the differences depends on the normals: takes the means over draws off, in place, and gives the mean square about them. */
function strengthOf(differences: Float64Array, n: number): number {
  const draws = differences.length / n;
  for (let i = 0; i < n; i++) {
    let mean = 0;
    for (let d = 0; d < draws; d++) mean += differences[d * n + i]! / draws;
    for (let d = 0; d < draws; d++) differences[d * n + i] = differences[d * n + i]! - mean;
  }
  return dotAt(draws * n, differences, 0, differences, 0) / (draws - 1);
}

/**
 * The direction in which the change of curvature is largest, if changes along sums of directions are sums of changes: the first
 * eigenvector of their inner products, once the directions (rows of `directions`, lower triangular) are made orthonormal.
 */
function mixture(directions: Float64Array, changes: readonly Float64Array[], n: number): Float64Array | undefined {
  const inner = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      const a = changes[i]!;
      inner[i * n + j] = inner[j * n + i] = dotAt(a.length, a, 0, changes[j]!, 0);
    }
  // Rows, then columns: L^-1 S L^-T.
  const transpose = (): void => {
    for (let i = 0; i < n; i++)
      for (let j = 0; j < i; j++) {
        const t = inner[i * n + j]!;
        inner[i * n + j] = inner[j * n + i]!;
        inner[j * n + i] = t;
      }
  };
  for (const _ of [0, 1]) {
    for (let i = 0; i < n; i++) solveLower(directions, n, inner, i * n);
    transpose();
  }
  return symmetricEigen(inner, n)?.vectors.slice((n - 1) * n);
}

/** How much better a mixture of coordinates has to be than the best coordinate. */
const clearly = 1.3;

/** The symmetric part of the regression of `y` on `x`, both [draw][m]; undefined when x does not span the space. */
function slopes(x: Float64Array, y: Float64Array, m: number): Float64Array | undefined {
  const draws = x.length / m;
  const gram = new Float64Array(m * m);
  const cross = new Float64Array(m * m);
  for (let d = 0; d < draws; d++)
    for (let a = 0; a < m; a++) {
      addScaledAt(a + 1, x[d * m + a]!, x, d * m, gram, a * m);
      addScaledAt(m, y[d * m + a]!, x, d * m, cross, a * m);
    }
  if (!cholesky(gram, m)) return undefined;
  for (let a = 0; a < m; a++) choleskySolve(gram, m, cross, a * m);
  for (let a = 0; a < m; a++)
    for (let b = 0; b < a; b++) cross[a * m + b] = cross[b * m + a] = 0.5 * (cross[a * m + b]! + cross[b * m + a]!);
  return cross;
}

/** The best axis of q with its frame, or undefined when the curvature changes along none. `round` numbers the draws. */
export function* axisOf(session: Session, q: DenseGaussian, round: number): Run<Axis | undefined> {
  const n = q.mean.length;
  const few = mirrored(session, adviStreams.axis, 2 * round, trial);
  let best: { strength: number; coordinate: number; e: Float64Array } | undefined;
  const changes: Float64Array[] = [];
  const directions = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    const e = direction(q, j);
    directions.set(e, j * n);
    const change = difference(session, q, e, few);
    const strength = change ? strengthOf(change, n) : 0;
    if (change) changes.push(change);
    if (strength > (best?.strength ?? negligible)) best = { strength, coordinate: j, e };
    yield* session.turn("nest");
    if (session.cancelled) return undefined;
  }
  // In one dimension there is no rest: the map is the quantile function, exact for any posterior.
  if (!best && n === 1) best = { strength: 0, coordinate: 0, e: Float64Array.of(1) };
  if (!best) return undefined;
  const mixed = changes.length === n && n > 1 ? mixture(directions, changes, n) : undefined;
  if (mixed) {
    const change = difference(session, q, mixed, few);
    const strength = change ? strengthOf(change, n) : 0;
    if (strength > clearly * best.strength) {
      let coordinate = 0;
      for (let j = 1; j < n; j++)
        if (Math.abs(dotAt(n, directions, j * n, mixed, 0)) > Math.abs(dotAt(n, directions, coordinate * n, mixed, 0)))
          coordinate = j;
      best = { strength, coordinate, e: mixed };
    }
  }
  const { e, coordinate, strength } = best;
  // A Householder reflection takes the first axis to e; its other columns span the rest.
  const h = e.slice();
  h[0] = h[0]! - 1;
  const square = dotAt(n, h, 0, h, 0);
  const reflection = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    reflection[i * n + i] = 1;
    if (square > 1e-20) addScaledAt(n, (-2 * h[i]!) / square, h, 0, reflection, i * n);
  }
  const m = n - 1;
  const draws = 2 * Math.max(32, 2 * n);
  const normals = mirrored(session, adviStreams.axis, 2 * round + 1, draws);
  const differences = difference(session, q, e, normals);
  if (!differences) return undefined;
  const rest = (a: Float64Array): Float64Array => {
    const out = new Float64Array(draws * m);
    for (let d = 0; d < draws; d++)
      for (let k = 0; k < m; k++) out[d * m + k] = dotAt(n, reflection, (k + 1) * n, a, d * n);
    return out;
  };
  const change = m > 0 ? slopes(rest(normals), rest(differences), m) : undefined;
  const eigen = change && symmetricEigen(change, m);
  // Columns of the rotation, one after another: e, then the frame.
  const rotation = new Float64Array(n * n);
  rotation.set(e);
  for (let k = 0; k < m; k++)
    for (let a = 0; a < m; a++) {
      const w = eigen ? eigen.vectors[k * m + a]! : k === a ? 1 : 0;
      if (w !== 0) addScaledAt(n, w, reflection, (a + 1) * n, rotation, (k + 1) * n);
    }
  const root = new Float64Array(n * n);
  const column = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    multiplyLower(q.cholesky, n, rotation, k * n, column, 0);
    for (let i = 0; i < n; i++) root[i * n + k] = column[i]!;
  }
  return { coordinate, strength, root };
}
