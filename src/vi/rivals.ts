// Other modes. Draws from an approximation never see what it leaves out, and so neither does k-hat: someone has to look elsewhere.

import { multiplyLowerTransposed } from "../linalg/cholesky.js";
import { allFinite, dot } from "../linalg/vector.js";
import type { Run } from "../optim/run.js";
import { type DenseGaussian, drawsFromNormals, normalsFromPoints } from "./gaussian.js";
import { fromPoint, pathOf } from "./initial.js";
import type { Full } from "./moments.js";
import { naturalClimb } from "./natural.js";
import { adviStreams, type Session } from "./session.js";

/** Starts, in pairs; each pair's spread, the first in units of q, the others in the model's own. */
const paths = 6;
const spreads = [5, 2, 6] as const;
const longest = 60;
/** A mode of less than about 2 % of the mass is not held against an answer. */
export const negligible = -4;
/** And one that is ahead by so much is where the mass is: the fit starts again from there. */
export const dominant = 4;

/** The same Gaussian with a full Cholesky factor. */
export function dense(q: Full): DenseGaussian {
  if (q.kind === "dense") return q;
  const n = q.mean.length;
  const cholesky = new Float64Array(n * n);
  for (let i = 0; i < n; i++) cholesky[i * n + i] = q.scale[i]!;
  return { kind: "dense", mean: q.mean, cholesky };
}

/** Another mode: where it is, in the session's coordinates, and the ELBO of a Gaussian there. */
export interface Rival {
  readonly elbo: number;
  readonly mean: Float64Array;
}

/**
 * Looks for another mode: L-BFGS, in coordinates in which q is standard normal (a few steps, then, if q is right), from overdispersed
 * starts, in opposite pairs so that two modes are rarely on the same side of all of them; and from where it ends outside q's mass, if
 * it does, a climb. The best of what it finds.
 */
export function* rivalOf(session: Session, q: Full): Run<Rival | undefined> {
  const n = session.dimension;
  const whole = dense(q);
  const theta = new Float64Array(n);
  const z = new Float64Array(n);
  const objective = {
    dimension: n,
    evaluate(x: Float64Array, gradient: Float64Array): number {
      drawsFromNormals(whole, 1, x, theta);
      const value = session.evaluator.evaluate(theta, gradient);
      multiplyLowerTransposed(whole.cholesky, n, gradient, 0, gradient, 0);
      return value;
    },
  };
  const gradient = new Float64Array(n);
  const ends: Float64Array[] = [];
  let best: Rival | undefined;
  for (let k = 0; k < paths; k++) {
    if (k % 2 === 1) for (let i = 0; i < n; i++) z[i] = -z[i]!;
    else {
      session.normals.fill(z, adviStreams.paths, k);
      // The first pair is spread in units of q, the others in the model's own.
      for (let i = 0; i < n; i++) z[i] = z[i]! * spreads[k / 2]!;
      if (k >= 2) normalsFromPoints(whole, 1, z, z);
    }
    const start = z.slice();
    if (!Number.isFinite(objective.evaluate(start, gradient)) || !allFinite(gradient)) continue;
    const { path, arrived } = yield* pathOf(session, start, longest, objective);
    const end = path.positions.slice((path.count - 1) * n, path.count * n);
    if (session.cancelled) return undefined;
    if (!arrived || dot(end, end) < bound(n)) continue;
    // Each end is looked into once.
    const near = ends.some((e) => {
      let square = 0;
      for (let i = 0; i < n; i++) square += (e[i]! - end[i]!) * (e[i]! - end[i]!);
      return square < bound(n);
    });
    ends.push(end);
    if (near) continue;
    drawsFromNormals(whole, 1, end, theta);
    const found = yield* fromPoint(session, theta.slice(), { stream: adviStreams.initial, draws: 16, candidates: 6 });
    const batch = { stream: adviStreams.paths, round: 1, draws: 2 * Math.max(16, n + 8) };
    const climb = { maxSteps: 8, batch, tolerance: 0.3 };
    const other = yield* naturalClimb(session, dense(found.q), climb, false);
    if (session.cancelled) return undefined;
    if (covers(q, other.q.mean)) continue;
    if (best === undefined || other.batch.elbo > best.elbo) best = { elbo: other.batch.elbo, mean: other.q.mean };
  }
  return best;
}

/** Squared distance, in standard deviations, within which a normal of n dimensions has its mass, generously. */
const bound = (n: number): number => n + 4 * Math.sqrt(2 * n) + 16;

/** Whether a point lies where q has its mass, generously. */
function covers(q: Full, point: Float64Array): boolean {
  const n = point.length;
  const z = new Float64Array(n);
  normalsFromPoints(q, 1, point, z);
  return dot(z, z) < bound(n);
}
