// Batch-and-match variational inference (Cai et al. 2024, ICML): draw a batch from q, evaluate scores there, and move to the Gaussian
// that matches them best while staying close (bam-update.ts). There is no learning rate; the regularisation relaxes as
// B D / (t + 1). On a Gaussian target it converges to it exactly. Full covariance at O(D^3) per step.

import { integer, knownOptions, positiveNumber, typeError } from "../errors.js";
import { multiplyLowerTransposed } from "../linalg/cholesky.js";
import { allFinite } from "../linalg/vector.js";
import { type Control, finish, type Run } from "../optim/run.js";
import { type StoppingReport, StoppingRule } from "../optim/stopping.js";
import { checkTarget, type Target } from "../target.js";
import { bamUpdate } from "./bam-update.js";
import { batchNormals, type NormalSource, type PointSource } from "./draws.js";
import { Evaluator } from "./evaluate.js";
import { type DenseGaussian, denseGaussian, drawsFromNormals, type Gaussian, logDensityOfNormals } from "./gaussian.js";
import { checkGaussian, khatSentence, type Outcome, streams } from "./outcome.js";
import { wayIn } from "./pathfinder.js";

export interface BamOptions extends Control {
  readonly normals: NormalSource;
  /** For low-discrepancy draws in place of independent ones. */
  readonly points?: PointSource | undefined;
  /** Draws per step; default D + 2, at least 8 and at most 32. */
  readonly batch?: number | undefined;
  /** Steps, those of the path that it begins on included; default 500 and up to 60 of the path. */
  readonly maxSteps?: number | undefined;
  /** lambda at step t = 0, 1, ...; default batch D / (t + 1). */
  readonly lambda?: ((step: number) => number) | undefined;
  /** Stop when the scores are matched to this mean squared error, in standardised coordinates; default 1e-12. */
  readonly scoreTolerance?: number | undefined;
  /** A Gaussian to begin with; by default single-path Pathfinder's. */
  readonly start?: Gaussian | undefined;
  /** Draws for the final ELBO and k-hat; default 1,000. */
  readonly draws?: number | undefined;
}

export interface BamResult extends Outcome<DenseGaussian> {
  readonly steps: number;
  readonly batch: number;
  /** Mean over the last batch of |score of p - score of q|^2 / D in q's standardised coordinates: 0 when q is p. */
  readonly scoreError: number;
  /** Draws left out because value or gradient was not finite. */
  readonly refused: number;
  /** Updates not made because rounding had spoilt them. */
  readonly skipped: number;
  readonly stopping: StoppingReport;
}

export function* bamRun(evaluator: Evaluator, options: BamOptions): Run<BamResult> {
  const n = evaluator.dimension;
  const batch = options.batch ?? Math.min(32, Math.max(8, n + 2));
  let maxSteps = options.maxSteps ?? 500;
  const lambda = options.lambda ?? ((t: number): number => (batch * n) / (t + 1));
  const scoreTolerance = options.scoreTolerance ?? 1e-12;
  let start = options.start;
  if (start === undefined) {
    const path = yield* wayIn(evaluator, options.normals, options.maxSteps);
    start = path.approximation;
    if (options.maxSteps !== undefined) maxSteps -= path.optimiser?.steps ?? 0;
  }
  let q = denseGaussian(start ?? { kind: "diagonal", mean: new Float64Array(n), scale: new Float64Array(n).fill(1) });

  const z = new Float64Array(batch * n);
  const points = new Float64Array(batch * n);
  const gradients = new Float64Array(batch * n);
  const values = new Float64Array(batch);
  const logq = new Float64Array(batch);
  const pulled = new Float64Array(n);
  const rule = new StoppingRule();
  let refused = 0;
  let skipped = 0;
  let failures = 0;
  let matched = 0;
  let scoreError = Infinity;
  let status: BamResult["status"] = "maxSteps";
  let step = 0;
  while (step < maxSteps) {
    batchNormals(options, z, n, streams.batch, step);
    drawsFromNormals(q, batch, z, points);
    logDensityOfNormals(q, batch, z, logq);
    evaluator.batch(batch, points, gradients, values);
    // Keep the draws that are finite, in order.
    let kept = 0;
    let elbo = 0;
    let error = 0;
    for (let d = 0; d < batch; d++) {
      const at = d * n;
      if (!Number.isFinite(values[d]!) || !allFinite(gradients, at, n)) {
        refused++;
        continue;
      }
      multiplyLowerTransposed(q.cholesky, n, gradients, at, pulled, 0);
      for (let i = 0; i < n; i++) error += (pulled[i]! + z[at + i]!) * (pulled[i]! + z[at + i]!);
      elbo += values[d]! - logq[d]!;
      if (kept !== d) {
        points.copyWithin(kept * n, at, at + n);
        gradients.copyWithin(kept * n, at, at + n);
      }
      kept++;
    }
    step++;
    if (kept < Math.min(2, batch)) {
      // Nothing to match: pull the draws in.
      if (++failures > 40) {
        status = "diverged";
        break;
      }
      q = { kind: "dense", mean: q.mean, cholesky: q.cholesky.map((v) => 0.5 * v) };
      continue;
    }
    scoreError = error / (kept * n);
    matched = kept === batch && scoreError <= scoreTolerance ? matched + 1 : 0;
    if (matched >= 2) {
      status = "converged";
      break;
    }
    const stop = rule.push(kept === batch ? elbo / kept : Number.NaN);
    let strength = lambda(step - 1);
    let update = bamUpdate(q, points, gradients, kept, strength);
    for (let i = 0; i < 8 && update === undefined; i++) {
      strength *= 0.1;
      update = bamUpdate(q, points, gradients, kept, strength);
    }
    if (update === undefined) skipped++;
    else q = update.gaussian;
    const cancelled = yield { stage: "bam", step, value: elbo / kept, gradients: evaluator.gradients };
    if (cancelled) {
      status = "cancelled";
      break;
    }
    if (stop) {
      status = "converged";
      break;
    }
  }

  const { gradients: used } = evaluator;
  const usable = scoreError < Infinity;
  const check = usable ? checkGaussian(evaluator, q, options.draws ?? 1000, options.normals) : undefined;
  return {
    status,
    message: sentence(status, step, scoreError, matched >= 2, check),
    approximation: usable ? q : undefined,
    elbo: check?.elbo.value ?? -Infinity,
    elboStandardError: check?.elbo.error ?? Infinity,
    gradients: used,
    check,
    steps: step,
    batch,
    scoreError,
    refused,
    skipped,
    stopping: rule.report(),
  };
}

function sentence(
  status: BamResult["status"],
  steps: number,
  scoreError: number,
  matched: boolean,
  check: BamResult["check"],
): string {
  if (check === undefined) return "The log density or its gradient is not finite at the draws of any Gaussian tried.";
  const end = {
    converged: matched
      ? `After ${steps} batches the approximation has the gradients of the log density itself`
      : `After ${steps} batches the ELBO has stopped rising`,
    maxSteps: `The ELBO was still rising after ${steps} batches`,
    cancelled: `Cancelled after ${steps} batches`,
    diverged: `After ${steps} batches no draw had a finite log density`,
    rejected: "",
  }[status];
  return `${end}; the gradients of the log density are matched with a relative squared error of ${scoreError.toPrecision(2)}. ${khatSentence(check.psis)}`;
}

/** Batch-and-match on `target`. */
export function bam(target: Target, options: BamOptions): BamResult {
  checkTarget("target", target);
  knownOptions("bam", options, [
    "normals",
    "points",
    "batch",
    "maxSteps",
    "lambda",
    "scoreTolerance",
    "start",
    "draws",
    "signal",
    "onProgress",
  ]);
  if (typeof options.normals?.fill !== "function") throw typeError("bam.normals", "a NormalSource", options.normals);
  if (options.points !== undefined && typeof options.points.fill !== "function")
    throw typeError("bam.points", "a PointSource", options.points);
  if (options.batch !== undefined) integer("bam.batch", options.batch, 1);
  if (options.maxSteps !== undefined) integer("bam.maxSteps", options.maxSteps, 1);
  if (options.draws !== undefined) integer("bam.draws", options.draws, 2);
  if (options.scoreTolerance !== undefined) positiveNumber("bam.scoreTolerance", options.scoreTolerance);
  if (options.lambda !== undefined && typeof options.lambda !== "function")
    throw typeError("bam.lambda", "a function of the step number", options.lambda);
  return finish(bamRun(new Evaluator(target), options), options);
}
