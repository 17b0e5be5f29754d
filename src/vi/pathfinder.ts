// Pathfinder (Zhang, Carpenter, Gelman & Vehtari 2022, JMLR 23(306), Algorithm 1): follow L-BFGS towards the mode, form at each
// point the Gaussian its history implies, and keep the one with the highest ELBO. It needs no tuning and tens of gradients, and
// because it may stop before the mode it also serves densities without one. All points are judged with the same normals.

import { type Estimate, estimateElbo } from "../diagnostics/evidence.js";
import { integer, knownOptions, typeError } from "../errors.js";
import { type LbfgsResult, lbfgs, Trajectory } from "../optim/lbfgs.js";
import { type Control, finish, type Run } from "../optim/run.js";
import { checkTarget, type Target } from "../target.js";
import type { NormalSource } from "./draws.js";
import { Evaluator } from "./evaluate.js";
import { type DenseGaussian, drawsFromNormals, type LowRankGaussian, logDensityOfNormals } from "./gaussian.js";
import { checkGaussian, khatSentence, type Outcome, streams } from "./outcome.js";
import { PathFactors } from "./pathfinder-factor.js";
import { findStart } from "./start.js";

export interface PathOptions extends Control {
  readonly normals: NormalSource;
  /** Pairs of the L-BFGS history, J of the paper; default 6. */
  readonly memory?: number | undefined;
  /** L-BFGS steps; default 1,000. */
  readonly maxSteps?: number | undefined;
  /** Draws for the ELBO at each point, K of the paper; default 8. */
  readonly elboDraws?: number | undefined;
  /** About how many points of the path to judge, evenly spaced and with the last; default 100. */
  readonly judged?: number | undefined;
  /** c2 of the line search; default 0.9. */
  readonly curvature?: number | undefined;
  /** Expected remaining gain in log density at which L-BFGS stops; default 1e-8. */
  readonly decrementTolerance?: number | undefined;
}

export interface PathfinderOptions extends PathOptions {
  /** Start; by default the origin, or if the density is not finite there, random points. */
  readonly start?: Float64Array | undefined;
  /** Draws for the final ELBO and k-hat; default 1,000. */
  readonly draws?: number | undefined;
}

/** One path: its optimisation, the ELBO along it, and the Gaussian chosen. */
export interface Path {
  readonly status: Outcome["status"];
  readonly message: string;
  readonly approximation: LowRankGaussian | DenseGaussian | undefined;
  /** The points judged: all, or on a long path some. */
  readonly points: readonly number[];
  /** ELBO at each of them; -Infinity where the Gaussian could not be formed or missed the support. */
  readonly elbos: readonly Estimate[];
  /** The chosen point, 0 if none. */
  readonly best: number;
  readonly gradients: number;
  readonly optimiser: LbfgsResult | undefined;
  /** Pairs that failed the curvature condition and were left out of the history. */
  readonly skippedPairs: number;
  /** Points at which rounding spoilt the covariance. */
  readonly spoiltPoints: number;
}

export interface PathfinderResult extends Outcome<LowRankGaussian | DenseGaussian> {
  readonly path: Path;
}

/** Runs one path; `index` keys its random numbers. */
export function* pathRun(
  evaluator: Evaluator,
  options: PathOptions & { readonly start?: Float64Array | undefined },
  index = 0,
): Run<Path> {
  const n = evaluator.dimension;
  const before = evaluator.gradients;
  let start = findStart(evaluator, options.start, options.normals, index, index === 0);
  if (start === undefined)
    return {
      status: "diverged",
      message:
        options.start === undefined
          ? "No point with a finite log density and gradient was found to start from."
          : "The log density or its gradient is not finite at the start.",
      approximation: undefined,
      points: [],
      elbos: [],
      best: 0,
      gradients: evaluator.gradients - before,
      optimiser: undefined,
      skippedPairs: 0,
      spoiltPoints: 0,
    };
  const memory = options.memory ?? 6;
  let trajectory: Trajectory;
  let optimiser: LbfgsResult;
  for (let again = true; ; again = false) {
    trajectory = new Trajectory(n);
    optimiser = yield* lbfgs(evaluator, start, {
      memory,
      maxSteps: options.maxSteps,
      curvature: options.curvature,
      decrementTolerance: options.decrementTolerance ?? 1e-8,
      trajectory,
      stage: `path ${index + 1}`,
    });
    // A start that is the mode itself, or a saddle, leaves no path: another one leads to it from elsewhere.
    if (trajectory.count > 1 || optimiser.status !== "converged" || !again) break;
    const other = findStart(evaluator, undefined, options.normals, index, false);
    if (!other) break;
    start = other;
  }

  const k = options.elboDraws ?? 8;
  const normals = new Float64Array(k * n);
  options.normals.fill(normals, streams.path, index);
  const points = new Float64Array(k * n);
  const gradients = new Float64Array(k * n);
  const values = new Float64Array(k);
  const logRatios = new Float64Array(k);
  const factors = new PathFactors(trajectory, memory);
  const judged: number[] = [];
  const elbos: Estimate[] = [];
  let highest: Estimate | undefined;
  const last = trajectory.count - 1;
  const stride = Math.ceil(last / (options.judged ?? 100));
  const none: Estimate = { value: -Infinity, error: Infinity };
  let approximation: Path["approximation"];
  let best = 0;
  let spoiltPoints = 0;
  let cancelled: boolean | undefined = optimiser.status === "cancelled";
  for (let l = 1; l <= last && !(cancelled && approximation); l++) {
    factors.advance(l);
    if ((last - l) % stride !== 0) continue;
    judged.push(l);
    const g = factors.gaussian(l);
    if (g === undefined) {
      spoiltPoints++;
      elbos.push(none);
      continue;
    }
    logDensityOfNormals(g, k, normals, logRatios);
    drawsFromNormals(g, k, normals, points);
    evaluator.batch(k, points, gradients, values);
    for (let i = 0; i < k; i++) logRatios[i] = values[i]! - logRatios[i]!;
    const elbo = estimateElbo(logRatios);
    elbos.push(elbo);
    if (elbo.value > (highest?.value ?? -Infinity)) {
      highest = elbo;
      best = l;
      approximation = g;
    }
    if (!cancelled)
      cancelled = yield {
        stage: `path ${index + 1}`,
        step: last + l,
        value: elbo.value,
        gradients: evaluator.gradients - before,
      };
  }
  const status = cancelled
    ? "cancelled"
    : approximation === undefined
      ? "diverged"
      : best < last
        ? "converged"
        : optimiser.status;
  return {
    status,
    message:
      approximation === undefined || highest === undefined
        ? `No point of the path (${last} steps) gave a Gaussian whose draws all lie in the support.`
        : `${cancelled ? "Cancelled; of the points judged so far, point" : "Point"} ${best} of ${last} on the path has the best ELBO, ${highest.value.toFixed(2)}.`,
    approximation,
    points: judged,
    elbos,
    best,
    gradients: evaluator.gradients - before,
    optimiser,
    skippedPairs: factors.skippedPairs,
    spoiltPoints,
  };
}

/** A short path to begin on, which need not reach the mode; it takes at most half of the steps there are, if these are limited. */
export function wayIn(evaluator: Evaluator, normals: NormalSource, limit: number | undefined): Run<Path> {
  const maxSteps = Math.min(60, Math.floor((limit ?? Infinity) / 2));
  return pathRun(evaluator, { normals, elboDraws: 4, judged: 12, maxSteps });
}

export function* pathfinderRun(evaluator: Evaluator, options: PathfinderOptions): Run<PathfinderResult> {
  const path = yield* pathRun(evaluator, options);
  const { approximation } = path;
  const { gradients } = evaluator;
  if (approximation === undefined)
    return {
      status: path.status,
      message: path.message,
      approximation,
      elbo: -Infinity,
      elboStandardError: Infinity,
      gradients,
      check: undefined,
      path,
    };
  const check = checkGaussian(evaluator, approximation, options.draws ?? 1000, options.normals);
  return {
    status: path.status,
    message: `${path.message} ${khatSentence(check.psis)}`,
    approximation,
    elbo: check.elbo.value,
    elboStandardError: check.elbo.error,
    gradients,
    check,
    path,
  };
}

export const pathOptionNames = [
  "normals",
  "memory",
  "maxSteps",
  "elboDraws",
  "judged",
  "curvature",
  "decrementTolerance",
  "signal",
  "onProgress",
] as const;

/** Checks what single- and multi-path options have in common. */
export function checkPathOptions(label: string, options: PathOptions, more: readonly string[]): void {
  knownOptions(label, options, [...pathOptionNames, ...more]);
  if (typeof options.normals?.fill !== "function")
    throw typeError(`${label}.normals`, "a NormalSource", options.normals);
  if (options.memory !== undefined) integer(`${label}.memory`, options.memory, 1);
  if (options.maxSteps !== undefined) integer(`${label}.maxSteps`, options.maxSteps, 1);
  if (options.judged !== undefined) integer(`${label}.judged`, options.judged, 1);
  if (options.elboDraws !== undefined) integer(`${label}.elboDraws`, options.elboDraws, 2);
}

/** Single-path Pathfinder. */
export function pathfinder(target: Target, options: PathfinderOptions): PathfinderResult {
  checkTarget("target", target);
  checkPathOptions("pathfinder", options, ["start", "draws"]);
  if (options.draws !== undefined) integer("pathfinder.draws", options.draws, 2);
  return finish(pathfinderRun(new Evaluator(target), options), options);
}
