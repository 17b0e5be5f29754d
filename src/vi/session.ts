// What the stages of one fit share: the target with its count of gradients, the random numbers, the trace, the notes about what was
// not finite, and the point between steps where a fit can be cancelled and the event loop gets its turn.

import type { Program } from "../core/program.js";
import type { Progress, Run } from "../optim/run.js";
import type { Target } from "../target.js";
import type { AdamCheckpoint } from "./adam-checkpoint.js";
import { wholeProgram } from "./advi-state.js";
import { coreNormals } from "./core-normals.js";
import type { NormalSource, Sampling } from "./draws.js";
import { Evaluator } from "./evaluate.js";
import { type Batch, type BatchName, type Full, lanes, MomentsCore } from "./moments.js";

/** Streams of random numbers of a fit by ADVI; `streams` of outcome.ts holds those of the other algorithms. */
export const adviStreams = {
  initial: 16,
  climb: 17,
  assess: 18,
  rate: 19,
  step: 20,
  check: 21,
  posterior: 22,
  paths: 23,
  axis: 24,
  profile: 25,
  start: 26,
  nest: 27,
  pilot: 28,
  anneal: 29,
} as const;

/** Up to this dimension gradients are regressed on draws. */
export const regressionLimit = 160;

/** What a session shares with those of the same fit that look at its target through maps. */
class Record {
  cancelled = false;
  /** Gradients evaluated so far. */
  gradients = 0;
  /** Batches and steps that were left out or shortened because something was not finite. */
  refused = 0;
  /** The last ELBO known. */
  elbo = -Infinity;
  /** Steps that are part of the trace. */
  steps = 0;
  /** Steps of every kind, those of searches too, and how many there may be. */
  spent = 0;
  limit = Infinity;
  /** Whether a step was wanted that there was no room for. */
  cut = false;
  /** Sites whose terms were not finite, with how often. */
  readonly blamed = new Map<string, number>();
  readonly trace: number[] = [];
  /** Climbs by Adam so far; the last checkpoint, and where one goes on. */
  readonly adam: {
    climbs: number;
    ended?: AdamCheckpoint | undefined;
    resume?: { readonly at: AdamCheckpoint; readonly trace: Float64Array } | undefined;
  } = { climbs: 0 };
}

export class Session {
  readonly evaluator: Evaluator;
  readonly normals: NormalSource;
  readonly #record: Record;
  readonly #moments = new Map<Full["kind"], MomentsCore>();
  #view: { dispose(): void } | undefined;
  #program: Program | undefined;

  constructor(
    readonly target: Target,
    readonly seed: number,
    /** Of the draws behind gradients; the draws that answers are judged by are independent. */
    readonly sampling: Sampling = "random",
    parent?: Session,
  ) {
    this.#record = parent ? parent.#record : new Record();
    this.evaluator = new Evaluator(target, this.#record, () => this.program);
    this.normals = coreNormals(seed);
  }

  /** A session of the same fit for another view of its target, which it disposes of with itself. */
  view(target: Target & { dispose(): void }): Session {
    const session = new Session(target, this.seed, this.sampling, this);
    session.#view = target;
    return session;
  }

  get dimension(): number {
    return this.target.dimension;
  }

  get cancelled(): boolean {
    return this.#record.cancelled;
  }

  set cancelled(value: boolean) {
    this.#record.cancelled = value;
  }

  get refused(): number {
    return this.#record.refused;
  }

  set refused(value: number) {
    this.#record.refused = value;
  }

  get steps(): number {
    return this.#record.steps;
  }

  set steps(value: number) {
    this.#record.steps = value;
  }

  /** Steps of every kind so far: of L-BFGS, natural gradients and Adam, and knots of nested Gaussians. */
  get spent(): number {
    return this.#record.spent;
  }

  set spent(value: number) {
    this.#record.spent = value;
  }

  /** Steps that may yet be taken. */
  get left(): number {
    return this.#record.limit - this.#record.spent;
  }

  /** Sets how many steps of every kind there may be. */
  set limit(steps: number) {
    this.#record.limit = steps;
  }

  /** Whether the fit wanted a step that it was not allowed: it is then not converged, whatever its answer looks like. */
  get cut(): boolean {
    return this.#record.cut;
  }

  /** Whether `steps` more may be taken; notes it where they may not. */
  allows(steps: number): boolean {
    if (this.left >= steps) return true;
    this.#record.cut = true;
    return false;
  }

  get adam(): Record["adam"] {
    return this.#record.adam;
  }

  /** Puts back what had been counted at a checkpoint, and the trace until there. */
  putBack({
    blamed,
    ...counts
  }: Pick<Record, "gradients" | "refused" | "steps" | "spent" | "elbo"> & Pick<AdamCheckpoint, "blamed">): void {
    const record = this.#record;
    Object.assign(record, counts);
    record.blamed.clear();
    for (const [site, times] of blamed) record.blamed.set(site, times);
    record.trace.length = 0;
    for (const elbo of record.adam.resume?.trace.subarray(0, record.steps) ?? []) record.trace.push(elbo);
  }

  get elbo(): number {
    return this.#record.elbo;
  }

  get blamed(): Map<string, number> {
    return this.#record.blamed;
  }

  /** ELBO of each step so far. */
  get trace(): Float64Array {
    return Float64Array.from(this.#record.trace);
  }

  /** Notes a step and its ELBO. */
  record(elbo: number): void {
    this.#record.steps++;
    this.#record.spent++;
    this.#record.elbo = elbo;
    this.#record.trace.push(elbo);
  }

  /** Notes a point at which something was not finite. */
  refuse(theta: Float64Array): void {
    this.refused++;
    if (this.blamed.size < 100)
      for (const site of this.target.blame?.(theta) ?? []) this.blamed.set(site, (this.blamed.get(site) ?? 0) + 1);
  }

  /** Evaluates a named batch of draws from q. Beyond the regression limit, or if so asked, without whole matrices. */
  batch(q: Full, name: BatchName, stage: string, whole = true): Run<Batch> {
    const possible = this.dimension <= regressionLimit;
    let moments = this.#moments.get(q.kind);
    if (!moments) {
      moments = new MomentsCore(this.target, this.program, q.kind, this.seed, this.sampling, possible);
      this.#moments.set(q.kind, moments);
    }
    return moments.collect(this, q, name, stage, whole && possible);
  }

  /** The target's program over all data for `lanes` draws; the session's own. */
  get program(): Program {
    this.#program ??= wholeProgram(this.target, lanes);
    return this.#program;
  }

  /** Frees what the session holds in core memory. */
  dispose(): void {
    for (const moments of this.#moments.values()) moments.dispose();
    this.#moments.clear();
    this.#program?.dispose();
    this.#program = undefined;
    this.#view?.dispose();
  }

  /** The news of now. */
  progress(stage: string): Progress {
    return { stage, step: this.steps, value: this.elbo, gradients: this.evaluator.gradients };
  }

  /** A chance to stop and to let others run. */
  *turn(stage: string): Run<void> {
    if ((yield this.progress(stage)) === true) this.cancelled = true;
  }
}
