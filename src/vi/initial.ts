// Where ADVI begins when nobody says: L-BFGS climbs the log density, and of the points on its path, each with the diagonal inverse
// Hessian that the path implies there (Gilbert & Lemaréchal 1989, eq. 4.9; the idea is Pathfinder's, Zhang et al. 2022), the one with the
// best ELBO is taken. The mode itself may be a bad place (it can be a spike of no mass); a point of the path is not.

import { lbfgs, type Objective, Trajectory as Path, type Trajectory } from "../optim/lbfgs.js";
import type { Run } from "../optim/run.js";
import type { DiagonalGaussian } from "./gaussian.js";
import type { Session } from "./session.js";
import { findStart } from "./start.js";

export interface Initial {
  readonly q: DiagonalGaussian;
  readonly elbo: number;
}

export interface InitialOptions {
  readonly stream: number;
  readonly draws: number;
  /** Points of the path that are compared. */
  readonly candidates: number;
}

/** Diagonals of the inverse Hessian along a path, one per point: [point][dimension]. */
export function pathVariances(path: Trajectory): Float64Array {
  const n = path.dimension;
  const out = new Float64Array(path.count * n);
  const alpha = new Float64Array(n).fill(1);
  // Before there is a pair: the length of the first step.
  let first = true;
  for (let k = 0; k < path.count; k++) {
    if (k > 0) {
      const at = k * n;
      let sy = 0;
      let yy = 0;
      let a = 0;
      let c = 0;
      for (let i = 0; i < n; i++) {
        const s = path.positions[at + i]! - path.positions[at - n + i]!;
        const y = path.gradients[at + i]! - path.gradients[at - n + i]!;
        sy += s * y;
        yy += y * y;
        a += y * y * alpha[i]!;
        c += (s * s) / alpha[i]!;
      }
      if (sy > 1e-12 * yy && yy > 0 && sy < Infinity) {
        if (first) {
          // The scale of the first pair for all coordinates.
          alpha.fill(sy / yy);
          a = (yy * sy) / yy;
          c = 0;
          for (let i = 0; i < n; i++) {
            const move = path.positions[at + i]! - path.positions[at - n + i]!;
            c += (move * move * yy) / sy;
          }
          first = false;
        }
        for (let i = 0; i < n; i++) {
          const s = path.positions[at + i]! - path.positions[at - n + i]!;
          const y = path.gradients[at + i]! - path.gradients[at - n + i]!;
          const old = alpha[i]!;
          const precision = a / (sy * old) + (y * y) / sy - (a * s * s) / (sy * c * old * old);
          if (precision > 0 && precision < Infinity) alpha[i] = 1 / precision;
        }
      }
    }
    out.set(alpha, k * n);
  }
  return out;
}

interface PathOptions {
  /** Default: the session's log density. */
  readonly objective?: Objective;
  /** Whether the path has led far enough to be left. */
  readonly enough?: (path: Trajectory) => boolean;
}

/** L-BFGS's path from `start`, which must have a finite log density, and whether it ended at a mode. */
export function* pathOf(
  session: Session,
  start: Float64Array,
  maxSteps: number,
  { objective = session.evaluator, enough }: PathOptions = {},
): Run<{ readonly path: Trajectory; readonly arrived: boolean }> {
  const path = new Path(session.dimension);
  // A gain of a hundredth of a nat is not worth a step here.
  const run = lbfgs(objective, start, {
    memory: 8,
    maxSteps: Math.min(maxSteps, session.left),
    decrementTolerance: 0.01,
    absoluteTolerance: 1e-3,
    relativeTolerance: 1e-12,
    trajectory: path,
    stage: "search",
  });
  let left = false;
  let next = run.next();
  while (!next.done) {
    const cancelled = yield next.value;
    left = cancelled !== true && enough?.(path) === true;
    next = run.next(left || cancelled);
  }
  const mode = next.value;
  session.spent += mode.steps;
  if (mode.status === "maxSteps" && mode.steps < maxSteps) session.allows(1);
  if (mode.status === "cancelled" && !left) session.cancelled = true;
  return { path, arrived: mode.status === "converged" };
}

/** The best Gaussian of a path. */
export function* fromPath(session: Session, path: Trajectory, options: InitialOptions): Run<Initial> {
  const n = session.dimension;
  const variances = pathVariances(path);
  const count = Math.min(path.count, options.candidates);
  const candidates: DiagonalGaussian[] = [];
  for (let j = 0; j < count; j++) {
    const k = path.count - 1 - Math.floor((j * (path.count - 1)) / Math.max(1, count - 1));
    const mean = path.positions.slice(k * n, (k + 1) * n);
    candidates.push({ kind: "diagonal", mean, scale: variances.subarray(k * n, (k + 1) * n).map(Math.sqrt) });
  }
  return yield* bestOf(session, candidates, options);
}

/** The best common scale around a point: what is left when the path leads nowhere. */
export function* fromPoint(session: Session, point: Float64Array, options: InitialOptions): Run<Initial> {
  const candidates = [1, 0.1, 0.01, 1e-3, 1e-4, 1e-5].map(
    (s): DiagonalGaussian => ({ kind: "diagonal", mean: point, scale: new Float64Array(point.length).fill(s) }),
  );
  return yield* bestOf(session, candidates, options);
}

/** The candidate with the highest ELBO on common draws; the first when none has one. */
function* bestOf(session: Session, candidates: readonly DiagonalGaussian[], options: InitialOptions): Run<Initial> {
  const name = { stream: options.stream, round: 0, draws: options.draws };
  let best: Initial = { q: candidates[0]!, elbo: -Infinity };
  for (const [k, q] of candidates.entries()) {
    if (k > 0) yield* session.turn("search");
    if (session.cancelled) break;
    const batch = yield* session.batch(q, name, "search", false);
    if (batch.elbo > best.elbo) best = { q, elbo: batch.elbo };
  }
  return best;
}

/** Where to begin: the given point, the origin, or a random one; undefined when none of them has a finite log density. */
export function startingPoint(session: Session, given: Float64Array | undefined): Float64Array | undefined {
  return findStart(session.evaluator, given, session.normals);
}
