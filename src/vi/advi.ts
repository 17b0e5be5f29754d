// Automatic differentiation variational inference for a Target, from nothing to a checked answer: a start on L-BFGS's path, natural
// gradients where the dimension allows them, Adam where they do not suffice or are not wanted, and a judgement of the result on
// fresh draws by two witnesses that the ELBO itself is not: how far the location and scales still want to move (regression.ts),
// and whether importance weighting agrees with the answer (k-hat, and the shift of means and standard deviations it asks for).

import { estimateElbo } from "../diagnostics/evidence.js";
import { type Psis, psis } from "../diagnostics/psis.js";
import { multiplyLowerTransposed } from "../linalg/cholesky.js";
import { allFinite, dot } from "../linalg/vector.js";
import type { Run, Status } from "../optim/run.js";
import type { Target } from "../target.js";
import { adamStages, type StageEnd, type Verdict } from "./adam-stages.js";
import type { Entropy } from "./advi-state.js";
import type { FamilyName } from "./families.js";
import {
  type DenseGaussian,
  drawsFromNormals,
  type Gaussian,
  logDensityOfNormals,
  normalsFromPoints,
} from "./gaussian.js";
import { fromPath, fromPoint, type Initial, pathOf, startingPoint } from "./initial.js";
import { assessment, type Full, naturalClimb, naturalCorrection, targetRoot } from "./natural.js";
import type { Check, Outcome } from "./outcome.js";
import {
  type Assessment,
  antitheticNormals,
  assessDiagonal,
  type Batch,
  designOf,
  evaluateBatch,
  type Regression,
  regress,
} from "./regression.js";
import { sentence } from "./report.js";
import { adviStreams, Session } from "./session.js";
import { objection, type Shift, shiftByWeights } from "./witness.js";

export interface AdviOptions {
  readonly family: FamilyName;
  readonly entropy: Entropy | "auto";
  /** Draws per Adam step, 1 or even. */
  readonly draws: number;
  readonly maxSteps: number;
  readonly seed: number;
  /** A fixed rate for Adam; absent: chosen and lowered. */
  readonly stepSize?: number | undefined;
  /** Start of the location, on the unconstrained scale. */
  readonly init?: Float64Array | undefined;
  /** Whether to search for a start and climb by natural gradients before Adam. */
  readonly warmUp: boolean;
  /** Draws of the final check. */
  readonly checkDraws: number;
}

export interface AdviResult extends Outcome<Gaussian> {
  readonly family: FamilyName;
  /** ELBO of every step. */
  readonly trace: Float64Array;
  readonly steps: number;
  /** Adam's last rate; undefined when the natural gradients sufficed. */
  readonly stepSize: number | undefined;
  /** How far from the optimum of the family, as far as it could be judged. */
  readonly assessment: Assessment | undefined;
  /** What importance weighting would change. */
  readonly shift: Shift | undefined;
  /** Steps and batches left out or shortened because a value was not finite, and the sites that were blamed. */
  readonly refused: number;
  readonly blamed: ReadonlyMap<string, number>;
}

/** Up to this dimension gradients are regressed on draws. */
export const regressionLimit = 160;

/** An answer is at the optimum of its family when no location wants to move by more, no scale to change by more. */
export const tolerance = 0.05;
/** The standard errors within which that must be known. */
const certainty = 0.015;

/** The search along L-BFGS paths, and how many more of them look for other modes. */
const search = { stream: adviStreams.initial, draws: 16, candidates: 12 };
const longestPath = 200;
const paths = 6;
const spreads = [5, 2, 6] as const;
/** A mode of less than about 2 % of the mass is not held against an answer. */
const unlikely = -4;

const rates = { cold: [1, 0.3, 0.1, 0.03, 0.01, 0.003], warm: [0.1, 0.03, 0.01] } as const;

const dense = (q: Full): DenseGaussian => {
  if (q.kind === "dense") return q;
  const n = q.mean.length;
  const cholesky = new Float64Array(n * n);
  for (let i = 0; i < n; i++) cholesky[i * n + i] = q.scale[i]!;
  return { kind: "dense", mean: q.mean, cholesky };
};

/** Whether the assessment says "at the optimum". */
export function atOptimum(a: Assessment): boolean {
  return (
    a.location <= tolerance + 2 * Math.min(a.locationError, 0.5 * tolerance) &&
    a.scale <= tolerance + 2 * Math.min(a.scaleError, 0.5 * tolerance) &&
    a.locationError <= tolerance &&
    a.scaleError <= tolerance
  );
}

/** Whether a correction would be lost in its own noise. */
function near(a: Assessment): boolean {
  return a.location <= 0.4 * tolerance + 0.5 * a.locationError && a.scale <= 0.4 * tolerance + 0.5 * a.scaleError;
}

/** Judges answers on fresh draws, and corrects them by the same draws. */
class Judge {
  last: Assessment | undefined;
  q: Full;
  #round = 0;
  #batch: Batch | undefined;
  #regression: Regression | undefined;

  constructor(
    readonly session: Session,
    q: Full,
  ) {
    this.q = q;
  }

  /** Whether q is at the optimum of its family. More draws are taken while the answer hangs on them. */
  *judge(q: Full): Run<boolean> {
    const { session } = this;
    const n = session.dimension;
    this.q = q;
    this.last = undefined;
    this.#regression = undefined;
    const most = Math.max(2048, 4 * n);
    let draws = Math.max(256, 4 * n);
    for (;;) {
      const normals = antitheticNormals(session.normals, draws, n, adviStreams.assess, this.#round++);
      const batch = yield* evaluateBatch(session, q, normals, "assess");
      if (batch.failed >= 0) return false;
      this.#batch = batch;
      if (n <= regressionLimit) {
        const design = designOf(normals, n);
        this.#regression = design && regress(q, batch, design);
        this.last = this.#regression && assessment(q, this.#regression);
      } else this.last = assessDiagonal(q, batch);
      const a = this.last;
      if (!a) return false;
      const sure = a.locationError <= certainty && a.scaleError <= certainty;
      const off = a.location > tolerance + 3 * a.locationError || a.scale > tolerance + 3 * a.scaleError;
      if (sure || off || draws >= most) return atOptimum(a);
      const excess = Math.max(a.locationError, a.scaleError) / certainty;
      const wanted = draws * excess * excess;
      draws = Math.min(most, 64 * Math.ceil(Math.max(2 * draws, wanted) / 64));
    }
  }

  /** The judgement of a stage of Adam, with the coordinates it suggests. */
  *verdict(q: Full): Run<Verdict> {
    const good = yield* this.judge(q);
    const r = this.#regression;
    return { good, root: r && targetRoot(q, r), gain: this.last?.gain ?? Number.POSITIVE_INFINITY };
  }

  /** Rounds of judgement, each followed by a natural-gradient step on its own draws while one helps. */
  *refine(start: Full, rounds: number): Run<boolean> {
    const { session } = this;
    this.q = start;
    for (let k = 0; k < rounds && !session.cancelled; k++) {
      const good = yield* this.judge(this.q);
      if (good && this.last && (near(this.last) || k === rounds - 1)) return true;
      if (!this.last || !this.#batch || !this.#regression || session.cancelled) return false;
      const better = yield* naturalCorrection(session, this.q, this.#batch, this.#regression);
      if (!better) return good;
      this.q = better;
    }
    return false;
  }
}

/** Runs ADVI. */
export function* adviFit(target: Target, options: AdviOptions): Run<AdviResult> {
  const session = new Session(target, options.seed);
  const { family } = options;
  const n = target.dimension;
  const start = startingPoint(session, options.init);
  if (!start) {
    session.refuse(options.init ?? new Float64Array(n));
    return finished(session, options, undefined, "noStart");
  }
  const regressable = n <= regressionLimit;
  const asFamily = (q: Full): Full => (family === "fullRank" ? dense(q) : q);
  let end: End = "stages";
  let warm = false;
  let rate: number | undefined;
  let judge: Judge;
  let root: Float64Array | undefined;
  let units: Float64Array | undefined;

  if (options.warmUp) {
    const { path } = yield* pathOf(session, start, longestPath);
    const initial = yield* fromPath(session, path, search);
    judge = new Judge(session, asFamily(initial.q));
    units = initial.q.scale;
    if (session.cancelled) return yield* checked(session, options, judge, "cancelled", rate);
    if (regressable) {
      const climb = { maxSteps: 40, draws: Math.max(64, 4 * n), stream: adviStreams.climb, tolerance: 0.05 };
      const from = function* (i: Initial) {
        return yield* naturalClimb(session, asFamily(i.q), climb);
      };
      let best = yield* from(initial);
      judge.q = best.q;
      if (!session.cancelled && !(best.settled && best.regression && best.regression.roughness < 0.1)) {
        // A hard density, or a path that led astray (into the neck of a funnel): try from the start itself.
        const other = yield* from(yield* fromPoint(session, start, search));
        if (other.batch.elbo > best.batch.elbo) best = other;
        judge.q = best.q;
      }
      if (session.cancelled) return yield* checked(session, options, judge, "cancelled", rate);
      if (yield* judge.refine(best.q, 4)) end = "judged";
      root = best.regression && targetRoot(best.q, best.regression);
      warm = true;
    }
  } else {
    judge = new Judge(session, asFamily({ kind: "diagonal", mean: start, scale: new Float64Array(n).fill(1) }));
  }
  if (end !== "judged" && !session.cancelled) {
    const fixed = options.stepSize;
    const climbed = yield* adamStages(session, judge.q, {
      family,
      entropy: options.entropy,
      near: warm,
      draws: options.draws,
      maxSteps: options.maxSteps,
      rates: fixed !== undefined ? [fixed] : warm ? rates.warm : rates.cold,
      stages: fixed !== undefined ? 1 : 10,
      root,
      units: root ? undefined : units,
      renew: fixed === undefined,
      judge: (q) => judge.verdict(q),
    });
    judge.q = climbed.q;
    rate = climbed.rate;
    end = climbed.end;
  }
  if (session.cancelled) end = "cancelled";
  return yield* checked(session, options, judge, end, rate);
}

/**
 * Looks for another mode: L-BFGS, in coordinates in which q is standard normal (a few steps, then, if q is right), from overdispersed
 * starts, in opposite pairs so that two modes are rarely on the same side of all of them; and from where it ends outside q's mass, if
 * it does, a climb. The ELBO of what it finds.
 */
function* rivalOf(session: Session, q: Full): Run<number | undefined> {
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
  let best: number | undefined;
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
    const { path, arrived } = yield* pathOf(session, start, 60, objective);
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
    const found = yield* fromPoint(session, theta.slice(), search);
    const climb = { maxSteps: 8, draws: 2 * Math.max(16, n + 8), stream: adviStreams.paths, tolerance: 0.3 };
    const other = yield* naturalClimb(session, dense(found.q), climb, false);
    if (session.cancelled) return undefined;
    if (covers(q, other.q.mean)) continue;
    if (best === undefined || other.batch.elbo > best) best = other.batch.elbo;
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

export type End = StageEnd | "noStart";

/** The final check on fresh independent draws, and the verdict. */
function* checked(
  session: Session,
  options: AdviOptions,
  judge: Judge,
  end: End,
  rate: number | undefined,
): Run<AdviResult> {
  const q: Gaussian = judge.q;
  const n = session.dimension;
  // Cancelled: a rough check only, and no further turns, or it would be cancelled as well.
  const draws = end === "cancelled" ? 256 : options.checkDraws;
  session.cancelled = false;
  const normals = new Float64Array(draws * n);
  session.normals.fill(normals, adviStreams.check, 0);
  const gradients = session.evaluator.gradients;
  const run = evaluateBatch(session, q, normals, "check", true);
  let step = run.next();
  while (!step.done) {
    const stop = end === "cancelled" ? false : yield step.value;
    if (stop === true) return yield* checked(session, options, judge, "cancelled", rate);
    step = run.next(false);
  }
  const batch = step.value;
  session.evaluator.gradients = gradients;
  const logRatios = new Float64Array(draws);
  logDensityOfNormals(q, draws, normals, logRatios);
  for (let d = 0; d < draws; d++) logRatios[d] = batch.values[d]! - logRatios[d]!;
  const weights: Psis = psis(logRatios);
  const check: Check = {
    draws,
    points: batch.points,
    logDensities: batch.values,
    logRatios,
    elbo: estimateElbo(logRatios),
    psis: weights,
  };
  const shift = batch.failed < 0 ? shiftByWeights(session.target, check) : undefined;
  let rival: number | undefined;
  if (end === "judged" && options.warmUp && n <= regressionLimit && batch.failed < 0 && !objection(check, shift)) {
    const elbo = yield* rivalOf(session, judge.q);
    if (session.cancelled) return yield* checked(session, options, judge, "cancelled", rate);
    if (elbo !== undefined && elbo > check.elbo.value + unlikely) rival = elbo;
  }
  return finished(session, options, q, end, judge.last, check, shift, rate, batch.bad, rival);
}

function finished(
  session: Session,
  options: AdviOptions,
  approximation: Gaussian | undefined,
  end: End,
  assessment?: Assessment,
  check?: Check,
  shift?: Shift,
  stepSize?: number,
  bad = 0,
  rival?: number,
): AdviResult {
  const facts = { end, check, shift, assessment, bad, rival, session, options };
  const { status, message }: { status: Status; message: string } = sentence(facts);
  return {
    status,
    message,
    approximation,
    elbo: check?.elbo.value ?? -Infinity,
    elboStandardError: check?.elbo.error ?? Infinity,
    gradients: session.evaluator.gradients,
    check,
    family: options.family,
    trace: session.trace,
    steps: session.steps,
    stepSize,
    assessment,
    shift,
    refused: session.refused,
    blamed: session.blamed,
  };
}
