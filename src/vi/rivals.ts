// Other modes. Draws from an approximation never see what it leaves out, and so neither does k-hat: someone has to look elsewhere. Paths
// of L-BFGS from overdispersed starts do, in coordinates in which the approximation is standard normal (a few steps, then, if it is right).

import { multiplyLowerTransposed } from "../linalg/cholesky.js";
import { allFinite, dot, dotAt } from "../linalg/vector.js";
import type { Trajectory } from "../optim/lbfgs.js";
import type { Run } from "../optim/run.js";
import { type DenseGaussian, denseGaussian, drawsFromNormals, normalsFromPoints } from "./gaussian.js";
import { fromPoint, pathOf } from "./initial.js";
import { naturalClimb } from "./natural.js";
import { adviStreams, type Session } from "./session.js";

/**
 * Starts come in opposite pairs, so that two modes are rarely on the same side of all of them; each pair's spread, of the first two in units
 * of q, of the others in the model's own.
 */
const spreads = [5, 12, 2, 6, 1, 3, 0.5] as const;
const wide = 2;
/** Pairs of a search that never leaves q's mass. Where a path has ended elsewhere there is more to find: up to all of them. */
const few = 4;
const longest = 60;
/** Distances tried for a start, each half of the last. */
const trials = 5;
/** A mode of less than about 2 % of the mass is not held against an answer. */
export const negligible = -4;
/** And one that is ahead by so much is where the mass is: the fit starts again from there. */
export const dominant = 4;
/** Starts of a fit at most: one, and again from a mode that has most of the mass. */
export const attempts = 3;

/** What helps against another mode. */
export const severalModes = "Mixtures of several fits, or an ordering that tells the modes apart, may help.";

/** Another mode: a Gaussian there, in the session's coordinates, and its ELBO. */
export interface Rival {
  readonly elbo: number;
  readonly q: DenseGaussian;
}

/** Where a path ended outside q's mass, and the log density there. */
interface End {
  readonly point: Float64Array;
  readonly logDensity: number;
}

/** Squared distance, in standard deviations, within which a normal of n dimensions has its mass, generously. */
const bound = (n: number): number => n + 4 * Math.sqrt(2 * n) + 16;

/**
 * How much lower than at q's mean the log density may be where a path ends: with less, a mode there would have a share of the mass only if
 * it were 20 times as wide as q along every coordinate, and the path has but come to a stop.
 */
const unlikely = (n: number): number => 3 * n - negligible;

/** The paths of one search, and where they have ended. */
class Search {
  /** In q's coordinates. */
  readonly #ends: Float64Array[] = [];
  readonly #z: Float64Array;
  /** The log density at q's mean. */
  readonly #height: number;
  #paths = 0;

  constructor(
    readonly session: Session,
    readonly q: DenseGaussian,
  ) {
    const n = q.mean.length;
    this.#z = new Float64Array(n);
    this.#height = -session.evaluator.evaluate(q.mean, new Float64Array(n));
  }

  /** Whether a point lies where q has its mass, generously. */
  covers(point: Float64Array): boolean {
    const z = new Float64Array(point.length);
    normalsFromPoints(this.q, 1, point, z);
    return dot(z, z) < bound(z.length);
  }

  /** The end of the next path that ends outside q's mass and not where an earlier one has; undefined after the last, or when cancelled. */
  *next(): Run<End | undefined> {
    const { session, q } = this;
    const n = q.mean.length;
    const theta = new Float64Array(n);
    const gradient = new Float64Array(n);
    const objective = {
      dimension: n,
      evaluate(x: Float64Array, gradient: Float64Array): number {
        drawsFromNormals(q, 1, x, theta);
        const value = session.evaluator.evaluate(theta, gradient);
        multiplyLowerTransposed(q.cholesky, n, gradient, 0, gradient, 0);
        return value;
      },
    };
    while (this.#paths < 2 * (this.#ends.length > 0 ? spreads.length : few)) {
      const start = this.#start(this.#paths++);
      // Outside the support, or where numbers overflow: nearer to q, where the density is known.
      let defined = false;
      for (let trial = 0; trial < trials && !defined; trial++) {
        if (trial > 0) for (let i = 0; i < n; i++) start[i] = 0.5 * start[i]!;
        defined = Number.isFinite(objective.evaluate(start, gradient)) && allFinite(gradient);
      }
      if (!defined) continue;
      const home = ({ positions, count }: Trajectory): boolean =>
        dotAt(n, positions, (count - 1) * n, positions, (count - 1) * n) < bound(n);
      const { path, arrived } = yield* pathOf(session, start, longest, { objective, enough: home });
      if (session.cancelled) return undefined;
      const logDensity = -path.values[path.count - 1]!;
      if (!arrived || home(path) || logDensity < this.#height - unlikely(n)) continue;
      const end = path.positions.slice((path.count - 1) * n, path.count * n);
      // Each end is looked into once.
      const near = this.#ends.some((e) => {
        let square = 0;
        for (let i = 0; i < n; i++) square += (e[i]! - end[i]!) * (e[i]! - end[i]!);
        return square < bound(n);
      });
      this.#ends.push(end);
      if (near) continue;
      drawsFromNormals(q, 1, end, theta);
      return { point: theta, logDensity };
    }
    return undefined;
  }

  /** Start k in q's coordinates: the opposite of the one before, or a new one. */
  #start(k: number): Float64Array {
    const z = this.#z;
    if (k % 2 === 1) for (let i = 0; i < z.length; i++) z[i] = -z[i]!;
    else {
      this.session.normals.fill(z, adviStreams.paths, k);
      for (let i = 0; i < z.length; i++) z[i] = z[i]! * spreads[k / 2]!;
      if (k >= 2 * wide) normalsFromPoints(this.q, 1, z, z);
    }
    return z.slice();
  }
}

/**
 * Looks for another mode than q's, whose ELBO is given, and climbs there: the best of what it finds, or the first that has most of the
 * mass. At most 14 paths of 60 steps, and for each mode found a climb of 8 steps.
 */
export function* rivalOf(session: Session, q: DenseGaussian, elbo: number): Run<Rival | undefined> {
  const n = session.dimension;
  const search = new Search(session, q);
  let best: Rival | undefined;
  while (!(best && best.elbo > elbo + dominant)) {
    const end = yield* search.next();
    if (session.cancelled) return undefined;
    if (!end) break;
    const found = yield* fromPoint(session, end.point, { stream: adviStreams.initial, draws: 16, candidates: 6 });
    const batch = { stream: adviStreams.paths, round: 1, draws: 2 * Math.max(16, n + 8) };
    const climb = { maxSteps: 8, batch, tolerance: 0.3 };
    const other = yield* naturalClimb(session, denseGaussian(found.q), climb, false);
    if (session.cancelled) return undefined;
    if (search.covers(other.q.mean)) continue;
    if (best === undefined || other.batch.elbo > best.elbo)
      best = { elbo: other.batch.elbo, q: denseGaussian(other.q) };
  }
  return best;
}

/** Looks for a mode that is higher by more than a tenth than the one q is around, whose log density is given; its own is then the `elbo`. */
export function* higherMode(session: Session, q: DenseGaussian, logDensity: number): Run<Rival | undefined> {
  const search = new Search(session, q);
  for (;;) {
    const end = yield* search.next();
    if (!end) return undefined;
    if (end.logDensity > logDensity + 0.1)
      return { elbo: end.logDensity, q: { kind: "dense", mean: end.point, cholesky: q.cholesky } };
  }
}
