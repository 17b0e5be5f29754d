// Fixed-draw ("deterministic") ADVI: DADVI of Giordano, Ingram & Broderick (2024, JMLR 25(18)). The ELBO over a fixed set of draws is
// an ordinary function, so it is maximised to its optimum, with no step size, and stops on a small decrement; what is left is
// the error due to the draws being finite in number, which is estimated, and the draws are doubled until it is small enough.

import { integer, knownOptions, oneOf, positiveNumber, rangeError, typeError } from "../errors.js";
import { cholesky, invertLower } from "../linalg/cholesky.js";
import { log1p } from "../linalg/elementary.js";
import { allFinite } from "../linalg/vector.js";
import { lbfgs } from "../optim/lbfgs.js";
import { newtonCg } from "../optim/newton-cg.js";
import { type Control, finish, type Run } from "../optim/run.js";
import { checkTarget, type Target } from "../target.js";
import { type SamplingError, samplingError } from "./dadvi-error.js";
import { type Base, type DadviFamily, FixedDrawObjective } from "./dadvi-objective.js";
import type { NormalSource, PointSource } from "./draws.js";
import { Evaluator } from "./evaluate.js";
import { type DrawKind, type FixedDraws, fixedDraws } from "./fixed-draws.js";
import { type DenseGaussian, type DiagonalGaussian, type Gaussian, gaussianCovariance } from "./gaussian.js";
import { checkGaussian, khatSentence, type Outcome } from "./outcome.js";
import { wayIn } from "./pathfinder.js";

export interface DadviOptions extends Control {
  readonly normals: NormalSource;
  /** Needed for low-discrepancy draws. */
  readonly points?: PointSource | undefined;
  /** Default "meanField". */
  readonly family?: DadviFamily | undefined;
  /** Default "matched". */
  readonly drawKind?: DrawKind | undefined;
  /** Fixed draws to begin with. Default 32 (64 above 14 dimensions); full rank: at least 4 (D + 1), and never below 2 (D + 1). */
  readonly fixedDraws?: number | undefined;
  /** Double the draws until the largest sampling error, in posterior standard deviations, is at most this; default 0.05. */
  readonly targetError?: number | undefined;
  /** ... or until this many draws; default 1,024, or the number to begin with if that is more. */
  readonly maxFixedDraws?: number | undefined;
  /** Default: "newton" if the target has Hessian-vector products, else "lbfgs". */
  readonly optimiser?: "lbfgs" | "newton" | undefined;
  /** Optimiser steps, those of the path that it begins on included; default 300 for each set of draws. */
  readonly maxSteps?: number | undefined;
  /** Stop when the ELBO on the fixed draws is within this of its optimum; default 1e-5. */
  readonly decrementTolerance?: number | undefined;
  /** A Gaussian to begin with; by default single-path Pathfinder's. */
  readonly start?: Gaussian | undefined;
  /** Draws for the final ELBO and k-hat; default 1,000. */
  readonly draws?: number | undefined;
}

/** One set of draws, fitted. */
export interface DadviRound {
  readonly fixedDraws: number;
  readonly steps: number;
  readonly gradients: number;
  /** The maximised ELBO on these draws. */
  readonly elbo: number;
  readonly samplingError: number;
}

/** Enough to make the objective again: its optimum is at parameters zero. */
export interface DadviFit {
  readonly family: DadviFamily;
  readonly fixed: FixedDraws;
  readonly base: Base;
}

export interface DadviResult extends Outcome<DiagonalGaussian | DenseGaussian> {
  /** ELBO on the fixed draws; above `elbo` by the optimism of having been maximised. */
  readonly fixedElbo: number;
  readonly fixedDraws: number;
  /** What the quadratic model still expects to gain on these draws. */
  readonly decrement: number;
  /** -lambda - log(1 - lambda), lambda^2 = 2 decrement: a bound on the gap for self-concordant problems. */
  readonly gapBound: number;
  readonly samplingError: SamplingError | undefined;
  readonly rounds: readonly DadviRound[];
  readonly fit: DadviFit | undefined;
  readonly refused: number;
}

/** The bound on the distance to the optimum that a Newton decrement gives when the function is self-concordant. */
export function selfConcordantGap(decrement: number): number {
  const lambda = Math.sqrt(2 * Math.max(0, decrement));
  return lambda < 1 ? -lambda - log1p(-lambda) : Infinity;
}

/** Coordinates from a Gaussian: its root, and the mean-field scales 1 / sqrt(precision_ii). */
function baseFrom(g: Gaussian | undefined, n: number, family: DadviFamily): Base {
  if (g === undefined)
    return {
      mean: new Float64Array(n),
      root: diagonalMatrix(new Float64Array(n).fill(1)),
      scale: new Float64Array(n).fill(1),
    };
  if (g.kind === "diagonal") return { mean: g.mean.slice(), root: diagonalMatrix(g.scale), scale: g.scale.slice() };
  const root = g.kind === "dense" ? g.cholesky.slice() : gaussianCovariance(g);
  if (g.kind === "lowRank" && !cholesky(root, n))
    return { mean: g.mean.slice(), root: diagonalMatrix(g.scale), scale: g.scale.slice() };
  const scale = new Float64Array(n);
  if (family === "meanField") {
    const inverse = invertLower(root, n);
    for (let k = 0; k < n; k++)
      for (let i = 0; i <= k; i++) scale[i] = scale[i]! + inverse[k * n + i]! * inverse[k * n + i]!;
    for (let i = 0; i < n; i++) scale[i] = 1 / Math.sqrt(scale[i]!);
  }
  return { mean: g.mean.slice(), root, scale };
}

function diagonalMatrix(d: Float64Array): Float64Array {
  const n = d.length;
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) out[i * n + i] = d[i]!;
  return out;
}

interface Fitted {
  readonly objective: FixedDrawObjective;
  readonly base: Base;
  readonly value: number;
  readonly decrement: number;
  readonly steps: number;
  readonly refused: number;
  readonly status: "converged" | "maxSteps" | "diverged" | "cancelled";
}

// Above this dimension the cost of an eigen-decomposition per rebase is no longer small beside the gradients.
const denseLimit = 200;

/** Maximises the ELBO on one set of draws, from `base`. */
function* fitDraws(
  evaluator: Evaluator,
  family: DadviFamily,
  fixed: FixedDraws,
  start: Base,
  options: DadviOptions,
  tolerance: number,
): Run<Fitted> {
  const n = evaluator.dimension;
  let base = start;
  let objective = new FixedDrawObjective(evaluator, family, fixed, base);
  const size = objective.dimension;
  const zero = new Float64Array(size);
  const gradient = new Float64Array(size);
  const newton = (options.optimiser ?? (evaluator.target.hessianVector ? "newton" : "lbfgs")) === "newton";
  const maxSteps = options.maxSteps ?? 300;
  let refused = 0;
  let value = objective.evaluate(zero, gradient);
  // Draws outside the support: begin narrower.
  for (let i = 0; i < 40 && !(Number.isFinite(value) && allFinite(gradient)); i++) {
    refused++;
    base = { mean: base.mean, root: base.root.map((v) => 0.5 * v), scale: base.scale.map((v) => 0.5 * v) };
    objective = new FixedDrawObjective(evaluator, family, fixed, base);
    value = objective.evaluate(zero, gradient);
  }
  const done = (status: Fitted["status"], decrement: number, steps: number): Fitted => ({
    objective,
    base,
    value,
    decrement,
    steps,
    refused,
    status,
  });
  if (!Number.isFinite(value) || !allFinite(gradient)) return done("diverged", Infinity, 0);

  // Newton-like jumps on the expected curvature, as long as they pay.
  const dense = n <= denseLimit;
  let steps = 0;
  for (; dense && steps < Math.min(6, maxSteps); ) {
    const next = jump(objective, n);
    if (next === undefined) break;
    const trial = new FixedDrawObjective(evaluator, family, fixed, next);
    const reached = trial.evaluate(zero, gradient);
    if (!(reached < value) || !allFinite(gradient)) break;
    steps++;
    const gain = value - reached;
    [base, objective, value] = [next, trial, reached];
    if (gain < Math.max(0.05, tolerance)) break;
  }

  let decrement = Infinity;
  for (let round = 0; ; round++) {
    // Short rounds first: a better base is worth more than a longer memory.
    const allowance = Math.min(maxSteps - steps, dense ? 10 * (round + 1) : maxSteps);
    const result = newton
      ? yield* newtonCg(objective, zero, {
          maxSteps: allowance,
          decrementTolerance: tolerance,
          radius: 2,
          stage: "dadvi",
        })
      : yield* lbfgs(objective, zero, {
          memory: 12,
          maxSteps: allowance,
          decrementTolerance: tolerance,
          relativeTolerance: 0,
          gradientTolerance: 0.01 * Math.sqrt(tolerance / size),
          firstLength: 2,
          scaled: dense,
          stage: "dadvi",
        });
    steps += result.steps;
    refused += result.refused;
    decrement = result.decrement;
    value = result.value;
    const position = result.position;
    const finished = result.status !== "maxSteps" || steps >= maxSteps;
    const moved = objective.gaussian(position);
    const wanted = dense
      ? objective.rebased(position)
      : {
          mean: moved.mean,
          root: moved.kind === "dense" ? moved.cholesky : diagonalMatrix(moved.scale),
          scale: moved.kind === "dense" ? base.scale : moved.scale,
        };
    // In full rank the root is the answer itself, and stays what the optimiser found.
    base = moved.kind === "dense" ? { mean: moved.mean, root: moved.cholesky, scale: wanted.scale } : wanted;
    objective = objective.around(position, base);
    if (finished) return done(result.status, decrement, steps);
  }
}

/** The base a Newton step with the expected curvature would lead to. */
function jump(objective: FixedDrawObjective, n: number): Base | undefined {
  const zero = new Float64Array(objective.dimension);
  const { base, family, fixed, gradients } = objective;
  const curvature = objective.expectedCurvature(zero);
  if (curvature === undefined) return undefined;
  const { root } = objective.rebased(zero);
  const mean = base.mean.slice();
  const slope = new Float64Array(n);
  for (let d = 0; d < fixed.draws; d++)
    for (let i = 0; i < n; i++) slope[i] = slope[i]! + gradients[d * n + i]! / fixed.draws;
  // mean + root root^T slope
  const pulled = new Float64Array(n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) pulled[j] = pulled[j]! + root[i * n + j]! * slope[i]!;
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) mean[i] = mean[i]! + root[i * n + j]! * pulled[j]!;
  const scale = base.scale.slice();
  if (family === "meanField")
    for (let i = 0; i < n; i++) {
      const wanted = 1 / Math.sqrt(Math.max(curvature[i * n + i]!, 0));
      scale[i] = Math.min(Math.max(wanted, 0.2 * scale[i]!), 5 * scale[i]!);
    }
  return allFinite(mean) ? { mean, root, scale } : undefined;
}

export function* dadviRun(evaluator: Evaluator, options: DadviOptions): Run<DadviResult> {
  const n = evaluator.dimension;
  const family = options.family ?? "meanField";
  const kind = options.drawKind ?? "matched";
  const least = family === "fullRank" ? 2 * (n + 1) : 2;
  let count = options.fixedDraws ?? (family === "fullRank" ? Math.max(32, 2 * least) : n <= 14 ? 32 : 64);
  if (count < least)
    throw rangeError(
      "dadvi.fixedDraws",
      `at least 2 (D + 1) = ${least}, as a full-rank fit can follow fewer draws anywhere`,
      count,
    );
  const most = Math.max(count, options.maxFixedDraws ?? 1024);
  const targetError = options.targetError ?? 0.05;
  const tolerance = options.decrementTolerance ?? 1e-5;

  // Of all sets of draws together; where nothing is given, each has its own.
  let left = options.maxSteps ?? Infinity;
  const limited = (): DadviOptions => (left < Infinity ? { ...options, maxSteps: left } : options);
  let start = options.start;
  if (start === undefined) {
    const path = yield* wayIn(evaluator, options.normals, options.maxSteps);
    start = path.approximation;
    left -= path.optimiser?.steps ?? 0;
  }
  let base = baseFrom(start, n, family);
  const rounds: DadviRound[] = [];
  let refused = 0;
  for (let step = 0; ; step++) {
    const before = evaluator.gradients;
    const fixed = fixedDraws(kind, count, n, options.normals, options.points, step);
    // Draws that turn out to be too few need no exact optimum.
    const more = count < most && targetError < Infinity;
    let fitted = yield* fitDraws(
      evaluator,
      family,
      fixed,
      base,
      limited(),
      more ? Math.max(tolerance, 1e-3) : tolerance,
    );
    left -= fitted.steps;
    let error = Number.isFinite(fitted.value) ? samplingError(fitted.objective) : undefined;
    if (more && tolerance < 1e-3 && fitted.status === "converged" && error && error.largest <= targetError) {
      const { steps, refused: earlier } = fitted;
      fitted = yield* fitDraws(evaluator, family, fixed, fitted.base, limited(), tolerance);
      left -= fitted.steps;
      fitted = { ...fitted, steps: fitted.steps + steps, refused: fitted.refused + earlier };
      error = samplingError(fitted.objective);
    }
    refused += fitted.refused;
    const usable = Number.isFinite(fitted.value);
    const zero = new Float64Array(fitted.objective.dimension);
    const approximation = fitted.objective.gaussian(zero);
    rounds.push({
      fixedDraws: count,
      steps: fitted.steps,
      gradients: evaluator.gradients - before,
      elbo: -fitted.value,
      samplingError: error?.largest ?? Infinity,
    });
    let status: DadviResult["status"] = fitted.status;
    if (status === "converged" && error && error.largest > targetError && count < most) {
      const cancelled = yield {
        stage: "dadvi",
        step: rounds.length,
        value: -fitted.value,
        gradients: evaluator.gradients,
      };
      if (!cancelled) {
        base = fitted.base;
        // As many doublings as the error asks for if it falls like the root of the number of draws, three at most.
        const missing = (error.largest / targetError) * (error.largest / targetError);
        count = Math.min(most, count * (missing > 4 ? 8 : missing > 2 ? 4 : 2));
        continue;
      }
      status = "cancelled";
    }
    const { gradients } = evaluator;
    const check = usable ? checkGaussian(evaluator, approximation, options.draws ?? 1000, options.normals) : undefined;
    return {
      status,
      message: sentence(status, fitted, count, error, targetError, check),
      approximation: usable ? approximation : undefined,
      elbo: check?.elbo.value ?? -Infinity,
      elboStandardError: check?.elbo.error ?? Infinity,
      gradients,
      check,
      fixedElbo: -fitted.value,
      fixedDraws: count,
      decrement: fitted.decrement,
      gapBound: selfConcordantGap(fitted.decrement),
      samplingError: error,
      rounds,
      fit: usable ? { family, fixed, base: fitted.base } : undefined,
      refused,
    };
  }
}

function sentence(
  status: DadviResult["status"],
  fitted: Fitted,
  count: number,
  error: SamplingError | undefined,
  targetError: number,
  check: DadviResult["check"],
): string {
  if (error === undefined || check === undefined)
    return `The log density or its gradient is not finite at the draws of any Gaussian tried, however narrow.`;
  const end = {
    converged: `The ELBO on ${count} fixed draws is within ${fitted.decrement.toExponential(0)} of its optimum`,
    maxSteps: `The ELBO on ${count} fixed draws was still rising after ${fitted.steps} steps`,
    diverged: `The optimiser could not raise the ELBO on ${count} fixed draws further although its gradient is not zero; the gradient of the log density may be wrong`,
    cancelled: `Cancelled after ${fitted.steps} steps on ${count} fixed draws`,
    rejected: "",
  }[status];
  const precise =
    error.largest <= targetError
      ? `; more draws would move no mean by more than about ${error.largest.toPrecision(1)} standard deviations.`
      : `; with more draws some mean or scale may still move by ${error.largest.toPrecision(1)} standard deviations.`;
  return `${end}${precise} ${khatSentence(check.psis)}`;
}

const optionNames = [
  "normals",
  "points",
  "family",
  "drawKind",
  "fixedDraws",
  "targetError",
  "maxFixedDraws",
  "optimiser",
  "maxSteps",
  "decrementTolerance",
  "start",
  "draws",
  "signal",
  "onProgress",
];

/** Fixed-draw ADVI of `target`. */
export function dadvi(target: Target, options: DadviOptions): DadviResult {
  checkTarget("target", target);
  knownOptions("dadvi", options, optionNames);
  if (typeof options.normals?.fill !== "function") throw typeError("dadvi.normals", "a NormalSource", options.normals);
  if (options.family !== undefined) oneOf("dadvi.family", options.family, ["meanField", "fullRank"]);
  if (options.optimiser !== undefined) oneOf("dadvi.optimiser", options.optimiser, ["lbfgs", "newton"]);
  const kind = oneOf("dadvi.drawKind", options.drawKind ?? "matched", ["matched", "sobol", "matchedSobol", "iid"]);
  if ((kind === "sobol" || kind === "matchedSobol") && typeof options.points?.fill !== "function")
    throw typeError("dadvi.points", "a PointSource", options.points);
  for (const name of ["fixedDraws", "maxFixedDraws", "maxSteps", "draws"] as const)
    if (options[name] !== undefined) integer(`dadvi.${name}`, options[name], name === "maxSteps" ? 1 : 2);
  for (const name of ["targetError", "decrementTolerance"] as const)
    if (options[name] !== undefined && options[name] !== Infinity) positiveNumber(`dadvi.${name}`, options[name]);
  return finish(dadviRun(new Evaluator(target), options), options);
}
