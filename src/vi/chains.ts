// Many chains of Hamiltonian Monte Carlo (Duane et al. 1987), sixteen at a time, in coordinates in which a Gaussian q is standard normal.
// They leave q^(1 - beta) p^beta invariant, p being the posterior; one gradient of p serves every beta.

import { logDiagonal } from "../linalg/cholesky.js";
import { exp, logTwoPi } from "../linalg/elementary.js";
import type { Run } from "../optim/run.js";
import { Framed } from "./framed.js";
import type { DenseGaussian } from "./gaussian.js";
import { lanes } from "./moments.js";
import type { Session } from "./session.js";

/** One move of all chains. */
export interface Transition {
  readonly beta: number;
  /** Length of a leap, in standard deviations of q, and how many make a trajectory. */
  readonly step: number;
  readonly leaps: number;
}

/** What became of a move of all chains. */
export interface Moved {
  /** Mean probability of acceptance. */
  readonly accepted: number;
  /** Share of trajectories whose energy went astray: their steps are too long for how sharply the density is curved there. */
  readonly diverged: number;
}

/** Nats of energy by which a stable trajectory is never off. */
const unstable = 10;

/** Most transitions of a run: each has random numbers of its own. */
const numbered = 4096;

export class Chains {
  readonly #framed: Framed;
  /** log p - log q is the log density plus this plus half the squared norm. */
  readonly #constant: number;
  readonly size: number;
  /** [batch][D][lanes]: where the chains are, and there the gradient of log p. */
  readonly #x: Float64Array;
  readonly #slope: Float64Array;
  /** Per chain, log p - log q; -Infinity where something is not finite. */
  readonly ratios: Float64Array;
  /** Per chain, what `reweigh` has added up. */
  readonly logWeights: Float64Array;
  #beta = 0;
  /** Normals of a move: [D][lanes] for momenta, and two more rows. */
  readonly #normals: Float64Array;
  #moves = 0;

  constructor(
    readonly session: Session,
    q: DenseGaussian,
    readonly stream: number,
    readonly batches: number,
    /** Where the numbers of its batches begin. */
    readonly firstBatch: number,
  ) {
    const n = session.dimension;
    this.#framed = new Framed(session, q.mean, q.cholesky);
    this.#constant = logDiagonal(q.cholesky, n) + 0.5 * n * logTwoPi;
    this.size = batches * lanes;
    this.#x = new Float64Array(this.size * n);
    this.#slope = new Float64Array(this.size * n);
    this.ratios = new Float64Array(this.size);
    this.logWeights = new Float64Array(this.size);
    this.#normals = new Float64Array((n + 2) * lanes);
  }

  dispose(): void {
    this.#framed.dispose();
  }

  #fill(batch: number): Float64Array {
    this.session.normals.fill(this.#normals, this.stream, (this.firstBatch + batch) * numbered + this.#moves);
    return this.#normals;
  }

  /** At x [D][lanes] the gradient and the ratios. */
  *#evaluate(x: Float64Array, slope: Float64Array, ratios: Float64Array): Run<void> {
    const { session } = this;
    const { program, dimension: n } = session;
    this.#framed.points().set(x);
    slope.set(this.#framed.evaluate());
    const values = program.logDensity();
    for (let s = 0; s < lanes; s++) {
      let square = 0;
      let probe = 0;
      for (let i = s; i < n * lanes; i += lanes) {
        square += x[i]! * x[i]!;
        probe += slope[i]!;
      }
      const r = values[s]! + this.#constant + 0.5 * square;
      ratios[s] = Number.isFinite(r + probe) ? r : Number.NEGATIVE_INFINITY;
    }
    yield* session.turn("anneal");
  }

  /** Draws of q. */
  *start(): Run<void> {
    const width = this.session.dimension * lanes;
    for (let b = 0; b < this.batches && !this.session.cancelled; b++) {
      const x = this.#x.subarray(b * width, (b + 1) * width);
      x.set(this.#fill(b).subarray(0, width));
      const slope = this.#slope.subarray(b * width, (b + 1) * width);
      yield* this.#evaluate(x, slope, this.ratios.subarray(b * lanes, (b + 1) * lanes));
    }
  }

  /** Goes on from the last power of p to `beta`, where the chains stand. */
  reweigh(beta: number): void {
    for (let c = 0; c < this.size; c++)
      this.logWeights[c] = this.logWeights[c]! + (beta - this.#beta) * this.ratios[c]!;
    this.#beta = beta;
  }

  /** Moves every chain. */
  *move({ beta, step, leaps }: Transition): Run<Moved> {
    this.#moves++;
    const width = this.session.dimension * lanes;
    const x = new Float64Array(width);
    const p = new Float64Array(width);
    const slope = new Float64Array(width);
    const ratios = new Float64Array(lanes);
    const before = new Float64Array(lanes);
    const after = new Float64Array(lanes);
    const energy = (out: Float64Array, ratio: Float64Array): void => {
      for (let s = 0; s < lanes; s++) {
        let h = -beta * ratio[s]!;
        for (let i = s; i < width; i += lanes) h += 0.5 * (p[i]! * p[i]! + x[i]! * x[i]!);
        out[s] = h;
      }
    };
    const kick = (h: number): void => {
      for (let i = 0; i < width; i++) p[i] = p[i]! + h * (beta * (slope[i]! + x[i]!) - x[i]!);
    };
    let probability = 0;
    let diverged = 0;
    for (let b = 0; b < this.batches; b++) {
      const placeX = this.#x.subarray(b * width, (b + 1) * width);
      const placeSlope = this.#slope.subarray(b * width, (b + 1) * width);
      const placeRatio = this.ratios.subarray(b * lanes, (b + 1) * lanes);
      const normals = this.#fill(b);
      x.set(placeX);
      slope.set(placeSlope);
      p.set(normals.subarray(0, width));
      energy(before, placeRatio);
      kick(0.5 * step);
      for (let l = 1; l <= leaps; l++) {
        for (let i = 0; i < width; i++) x[i] = x[i]! + step * p[i]!;
        yield* this.#evaluate(x, slope, ratios);
        if (this.session.cancelled) return { accepted: 0, diverged: 0 };
        kick(l < leaps ? step : 0.5 * step);
      }
      energy(after, ratios);
      for (let s = 0; s < lanes; s++) {
        const change = after[s]! - before[s]!;
        // Where the log density is not defined any more nothing is accepted; a chain that begins there stays.
        if (!(change < unstable)) diverged++;
        if (!(change < Infinity)) continue;
        probability += change <= 0 ? 1 : exp(-change);
        // Half the squares of two normals are an exponential, minus the logarithm of a uniform.
        const a = normals[width + s]!;
        const c = normals[width + lanes + s]!;
        if (change >= 0.5 * (a * a + c * c)) continue;
        placeRatio[s] = ratios[s]!;
        for (let i = s; i < width; i += lanes) {
          placeX[i] = x[i]!;
          placeSlope[i] = slope[i]!;
        }
      }
    }
    return { accepted: probability / this.size, diverged: diverged / this.size };
  }

  /** Chain k goes on where chain order[k] is. */
  resample(order: Int32Array): void {
    const n = this.session.dimension;
    const place = (c: number): number => (c - (c % lanes)) * n + (c % lanes);
    for (const a of [this.#x, this.#slope]) {
      const old = a.slice();
      order.forEach((from, to) => {
        for (let i = 0; i < n; i++) a[place(to) + i * lanes] = old[place(from) + i * lanes]!;
      });
    }
    const old = this.ratios.slice();
    order.forEach((from, to) => {
      this.ratios[to] = old[from]!;
    });
  }

  /** Where the chains are in the session's coordinates, [chain][D]. */
  points(): Float64Array {
    const n = this.session.dimension;
    const out = new Float64Array(this.size * n);
    for (let b = 0; b < this.batches; b++) {
      this.#framed.points().set(this.#x.subarray(b * n * lanes, (b + 1) * n * lanes));
      const y = this.#framed.mapped();
      for (let s = 0; s < lanes; s++) for (let i = 0; i < n; i++) out[(b * lanes + s) * n + i] = y[i * lanes + s]!;
    }
    return out;
  }
}
