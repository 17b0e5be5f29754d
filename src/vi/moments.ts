// Batches of draws from a Gaussian, evaluated and summed up in the core (assembly/moments.ts): what regressions need, and the ELBO. A
// batch is named by (stream, round): the same name gives the same normals, so that Gaussians can be compared on common draws.
// Draws come in mirrored pairs. The log density is that of all data, also where a model is fitted on minibatches.

import { Moments } from "../../assembly/advi-state.js";
import { core } from "../core/load.js";
import { f64, i32, Scope } from "../core/memory.js";
import type { Program } from "../core/program.js";
import { log } from "../linalg/elementary.js";
import type { Run } from "../optim/run.js";
import type { Target } from "../target.js";
import { AdviState } from "./advi-state.js";
import type { Sampling } from "./draws.js";
import { packStrict } from "./families.js";
import { type DenseGaussian, type DiagonalGaussian, gaussianEntropy } from "./gaussian.js";
import type { Session } from "./session.js";

export type Full = DiagonalGaussian | DenseGaussian;

/** Names a batch. `draws` is rounded up to a multiple of 16. */
export interface BatchName {
  readonly stream: number;
  readonly round: number;
  readonly draws: number;
  /** Whether its error is told from the spread of its draws, which then have to be independent. */
  readonly independent?: boolean;
}

/** Sums over the pairs (e, -e) of a batch; h = A^T gradient, its even and odd parts those of h(e). */
export interface Batch {
  readonly name: BatchName;
  readonly draws: number;
  readonly pairs: number;
  /** Mean log density plus entropy; -Infinity when something was not finite, or it was cancelled (the rest is then undefined). */
  readonly elbo: number;
  /** Mean of h. */
  readonly mean: Float64Array;
  /** Sums of squares of the even part about its mean, and of the odd part. */
  readonly even: Float64Array;
  readonly odd: Float64Array;
  /** Sum of (odd part) e^T [D][D], or its diagonal [D]. */
  readonly cross: Float64Array;
  /** Sum of e e^T, lower triangle [D][D], or its diagonal [D]. */
  readonly gram: Float64Array;
}

/** Draws evaluated at once, and between two chances to stop. */
export const lanes = 16;

/** Collects batches for Gaussians of one kind. */
export class MomentsCore {
  readonly #scope = new Scope();
  readonly #state: AdviState;
  readonly #pointer: number;
  readonly #n: number;
  readonly #sums: readonly number[];
  readonly #cross: number;
  readonly #gram: number;

  constructor(
    target: Target,
    /** Of the target, for `lanes` draws; the caller disposes of it. */
    program: Program,
    readonly kind: Full["kind"],
    seed: number,
    sampling: Sampling,
    /** Whether whole matrices can be asked for. */
    readonly whole: boolean,
  ) {
    const n = target.dimension;
    this.#n = n;
    const family = kind === "dense" ? "fullRank" : "meanField";
    this.#state = new AdviState(
      target,
      { family, entropy: "closedForm", draws: lanes, seed, stream: 0, sampling },
      program,
    );
    this.#state.expectNormals();
    const scope = this.#scope;
    const size = whole ? n * n : n;
    this.#pointer = scope.bytes(Moments.bytes);
    this.#sums = [scope.doubles(n), scope.doubles(n), scope.doubles(n)];
    this.#cross = scope.doubles(size);
    this.#gram = scope.doubles(size);
    const words: [number, number][] = [
      [Moments.state, this.#state.pointer],
      [Moments.half, scope.doubles((n * lanes) / 2)],
      [Moments.gradient, scope.doubles(n * lanes)],
      [Moments.odd, scope.doubles((n * lanes) / 2)],
      [Moments.sums, this.#sums[0]!],
      [Moments.evenSquares, this.#sums[1]!],
      [Moments.oddSquares, this.#sums[2]!],
      [Moments.cross, this.#cross],
      [Moments.gram, this.#gram],
    ];
    for (const [at, value] of words) i32(this.#pointer + at, 1)[0] = value;
  }

  /** Evaluates a batch of draws from q; `full`: with whole matrices. */
  *collect(session: Session, q: Full, name: BatchName, stage: string, full: boolean): Run<Batch> {
    const n = this.#n;
    const state = this.#state;
    const size = full ? n * n : n;
    if (q.kind === "dense") {
      const diagonal = Float64Array.from({ length: n }, (_, i) => log(q.cholesky[i * n + i]!));
      state.parameters = { location: q.mean, logScale: diagonal, lower: packStrict(q.cholesky, n) };
    } else state.parameters = { location: q.mean, logScale: q.scale.map(log), lower: new Float64Array(0) };
    i32(this.#pointer + Moments.full, 1)[0] = full ? 1 : 0;
    f64(this.#pointer + Moments.value, 1)[0] = 0;
    for (const sums of this.#sums) f64(sums, n).fill(0);
    f64(this.#cross, size).fill(0);
    f64(this.#gram, size).fill(0);
    const steps = Math.ceil(name.draws / lanes);
    // Rounds of one stream do not overlap: a round has at most 2^16 draws.
    state.seek(name.stream, name.round * 4096);
    state.independent = name.independent === true;
    let failed = false;
    for (let k = 0; k < steps && !failed; k++) {
      failed = !this.#step();
      session.evaluator.gradients += lanes;
      if (failed) session.refuse(this.#culprit());
      else if (k + 1 < steps) {
        yield* session.turn(stage);
        failed = session.cancelled;
      }
    }
    const draws = steps * lanes;
    const pairs = draws / 2;
    const mean = f64(this.#sums[0]!, n).map((s) => s / pairs);
    return {
      name,
      draws,
      pairs,
      elbo: failed ? Number.NEGATIVE_INFINITY : f64(this.#pointer + Moments.value, 1)[0]! / draws + gaussianEntropy(q),
      mean,
      even: f64(this.#sums[1]!, n).map((s, i) => Math.max(0, s - pairs * mean[i]! * mean[i]!)),
      odd: f64(this.#sums[2]!, n).slice(),
      cross: f64(this.#cross, size).slice(),
      gram: f64(this.#gram, size).slice(),
    };
  }

  #step(): boolean {
    const { program } = this.#state;
    if (!program.host) return core().momentsRun(this.#pointer, 1) === 1;
    core().momentsDraw(this.#pointer);
    program.evaluate();
    return core().momentsAdd(this.#pointer) !== 0;
  }

  /** The first draw of the last step that was not finite. */
  #culprit(): Float64Array {
    const { program } = this.#state;
    const values = program.logDensity();
    const gradient = program.gradient();
    for (let s = 0; s < lanes; s++) {
      let probe = values[s]! * 0;
      for (let i = 0; i < this.#n; i++) probe += gradient[i * lanes + s]! * 0;
      if (probe !== 0) return this.#state.point(s);
    }
    return this.#state.point(0);
  }

  dispose(): void {
    this.#state.dispose();
    this.#scope.dispose();
  }
}
