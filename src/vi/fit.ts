// `fitTarget`: a log density in, a posterior out. Options are checked here, once; the algorithm runs in slices, so that a page stays
// responsive and an AbortSignal is heard; what comes back is always a Posterior with a verdict, never an exception for a numerical
// reason.

import { integer, knownOptions, oneOf, positiveNumber, rangeError, typeError } from "../errors.js";
import type { Model } from "../model/model.js";
import type { FirstOrder } from "../optim/first-order.js";
import { checkOptimizer } from "../optim/minimize.js";
import { finish, finishInSlices, type Progress } from "../optim/run.js";
import { Posterior, posteriorDraws } from "../posterior.js";
import { checkTarget, type Target } from "../target.js";
import type { AdviOptions } from "./advi.js";
import { type Entropy, entropies } from "./advi-state.js";
import {
  type Algorithm,
  algorithmRun,
  algorithms,
  type FitResult,
  familiesOf,
  type Given,
  understood,
} from "./algorithms.js";
import { coreNormals } from "./core-normals.js";
import { type FitFamily, fitFamilies } from "./families.js";
import { drawsFromNormals } from "./gaussian.js";
import { logApproximation, logRatios } from "./log-ratios.js";
import { throughMaps } from "./nested-map.js";
import { adviStreams } from "./session.js";

export interface FitOptions {
  /**
   * What fits: "auto" (default) chooses and refuses; the others do what they are called: "advi", "map" (the mode: all draws are it),
   * "laplace", "pathfinder", "multipathPathfinder" (several paths, weighted together), "dadvi" (fixed draws), "bam" (batch and match).
   */
  readonly algorithm?: Algorithm | undefined;
  /**
   * The approximating family; by default full-rank up to 128 dimensions, mean-field beyond. "lowRank" is a diagonal covariance plus
   * one of rank `rank`, for many coordinates.
   */
  readonly family?: FitFamily | undefined;
  /** Columns of the low-rank family; default 8, never more than the dimension. */
  readonly rank?: number | undefined;
  /**
   * Estimator of the entropy's gradient; by default closed form far from the optimum, sticking the landing near it. "proximal", for
   * optimisers with one rate for all (`sgd`, `dog`, `dowg`): a proximal step on the scales, which keeps them positive.
   */
  readonly entropy?: Entropy | "proximal" | undefined;
  /** A first-order optimiser in place of natural gradients and Adam, such as `dowg()`; for "advi", in any family. */
  readonly optimizer?: FirstOrder | undefined;
  /** Monte Carlo draws per gradient step: 1 or an even number; default 16. */
  readonly draws?: number | undefined;
  /** Steps after which the fit ends unconverged; default 10,000. */
  readonly maxSteps?: number | undefined;
  /** An integer; the same seed gives the same bits. Default 0. */
  readonly seed?: number | undefined;
  /** A fixed step size for Adam; by default it is chosen and lowered. */
  readonly stepSize?: number | undefined;
  /** Where to start, on the unconstrained scale. */
  readonly init?: ArrayLike<number> | undefined;
  /** Search for a start and climb by natural gradients before Adam; default true. Without, q starts as N(init, I). */
  readonly warmUp?: boolean | undefined;
  /** Draws that the final ELBO and k-hat are estimated from; default 2,048. */
  readonly checkDraws?: number | undefined;
  /**
   * Whether means, quantiles and draws are corrected by importance weights where these can be trusted; default true. Without, they are
   * those of the approximation itself.
   */
  readonly correct?: boolean | undefined;
  /** Draws that the posterior keeps; default 4,000. */
  readonly posteriorDraws?: number | undefined;
  /** Aborting it ends the fit with the best state so far and status "cancelled". */
  readonly signal?: AbortSignal | undefined;
  /** Called at most every 50 ms. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export const fitOptionNames = [
  "algorithm",
  "family",
  "rank",
  "entropy",
  "optimizer",
  "draws",
  "maxSteps",
  "seed",
  "stepSize",
  "init",
  "warmUp",
  "checkDraws",
  "correct",
  "posteriorDraws",
  "signal",
  "onProgress",
] as const;

/** Options that not every algorithm understands. */
const adviOnly = ["family", "rank", "entropy", "optimizer", "draws", "maxSteps", "stepSize", "init", "warmUp"] as const;

/** Milliseconds of work between two reports of `fitSteps`. */
const between = 8;

/** Largest dimension for which the full covariance is the default. */
const fullRankLimit = 128;

interface Checked {
  readonly algorithm: Algorithm;
  readonly advi: AdviOptions;
  /** As given, without defaults. */
  readonly given: Given;
  readonly posterior: Kept;
}

/** What a posterior keeps, and whether it is corrected. */
interface Kept {
  readonly draws: number | undefined;
  readonly correct: boolean;
}

/** All options with their defaults, or the error that says what is wrong with them. */
export function checkFitOptions(label: string, target: Target, options: FitOptions): Checked {
  knownOptions(label, options, fitOptionNames);
  const name = (key: keyof FitOptions): string => `${label}.${key}`;
  const { dimension } = target;
  const algorithm = options.algorithm === undefined ? "auto" : oneOf(name("algorithm"), options.algorithm, algorithms);
  if (algorithm !== "auto" && algorithm !== "advi")
    for (const key of adviOnly)
      if (options[key] !== undefined && !understood[algorithm].includes(key))
        throw rangeError(name(key), `nothing with algorithm "${algorithm}"`, options[key]);
  const family = options.family === undefined ? undefined : oneOf(name("family"), options.family, fitFamilies);
  const families = familiesOf[algorithm];
  if (family !== undefined && families && !families.includes(family)) {
    const possible = families.map((f) => `"${f}"`).join(" or ");
    throw rangeError(name("family"), `${possible} with algorithm "${algorithm}"`, family);
  }
  if (options.rank !== undefined) {
    integer(name("rank"), options.rank, 1);
    if (family !== "lowRank") throw rangeError(name("rank"), 'nothing unless family is "lowRank"', options.rank);
  }
  const optimizer = options.optimizer === undefined ? undefined : checkOptimizer(name("optimizer"), options.optimizer);
  const entropy =
    options.entropy === undefined ? "auto" : oneOf(name("entropy"), options.entropy, [...entropies, "proximal"]);
  if (entropy === "proximal" && (!optimizer?.rate || family === "lowRank"))
    throw rangeError(
      name("entropy"),
      `${entropies.map((e) => `"${e}"`).join(" or ")} without an optimizer that has one rate (sgd, dog, dowg), and for low rank`,
      entropy,
    );
  if (options.stepSize !== undefined && (optimizer || family === "lowRank"))
    throw rangeError(
      name("stepSize"),
      "nothing with an optimizer, whose rate is its own, and for low rank",
      options.stepSize,
    );
  const draws = integer(name("draws"), options.draws ?? 16, 1, 1024);
  if (draws > 1 && draws % 2 === 1) throw rangeError(name("draws"), "1 or an even number", draws);
  const warmUp: unknown = options.warmUp ?? true;
  if (typeof warmUp !== "boolean") throw typeError(name("warmUp"), "true or false", warmUp);
  const correct: unknown = options.correct ?? true;
  if (typeof correct !== "boolean") throw typeError(name("correct"), "true or false", correct);
  let init: Float64Array | undefined;
  if (options.init !== undefined) {
    const given: unknown = options.init;
    if (!Array.isArray(given) && !ArrayBuffer.isView(given))
      throw typeError(name("init"), `${dimension} numbers`, given);
    init = Float64Array.from(given as ArrayLike<number>);
    if (init.length !== dimension) throw rangeError(name("init"), `${dimension} numbers`, given);
    init.forEach((v, i) => {
      if (!Number.isFinite(v)) throw rangeError(`${name("init")}[${i}]`, "a finite number", v);
    });
  }
  const signal: unknown = options.signal;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw typeError(name("signal"), "an AbortSignal", signal);
  const onProgress: unknown = options.onProgress;
  if (onProgress !== undefined && typeof onProgress !== "function")
    throw typeError(name("onProgress"), "a function", onProgress);
  return {
    algorithm,
    given: options,
    advi: {
      family: family && family !== "lowRank" ? family : dimension <= fullRankLimit ? "fullRank" : "meanField",
      entropy: entropy === "proximal" ? "auto" : entropy,
      draws,
      maxSteps: integer(name("maxSteps"), options.maxSteps ?? 10_000, 1),
      seed: integer(name("seed"), options.seed ?? 0, 0),
      stepSize: options.stepSize === undefined ? undefined : positiveNumber(name("stepSize"), options.stepSize),
      init,
      warmUp,
      nest: options.family === undefined && options.stepSize === undefined && warmUp,
      checkDraws: integer(name("checkDraws"), options.checkDraws ?? 2048, 64, 1_000_000),
    },
    posterior: {
      correct,
      draws:
        options.posteriorDraws === undefined
          ? undefined
          : posteriorDraws(name("posteriorDraws"), options.posteriorDraws),
    },
  };
}

/** A fitted approximation: a posterior with what the fit has to say about itself. */
export class Fit extends Posterior {
  constructor(
    /** What was fitted: for a model, its compiled form. */
    readonly target: Target,
    /** The approximation on the unconstrained scale, and the record of the fit. */
    readonly result: FitResult,
    seed: number,
    { draws, correct }: Kept,
  ) {
    const q = result.approximation;
    const point = result.algorithm === "map";
    super(target, {
      status: result.status,
      message: result.message,
      elbo: result.elbo,
      elboStandardError: result.elboStandardError,
      khat: result.check?.psis.khat ?? Number.NaN,
      trace: result.trace,
      gradients: result.gradients,
      draws: point ? 1 : draws,
      logRatios: q && correct && !point ? (points) => logRatios(target, result, points) : undefined,
      sample:
        q &&
        ((count) => {
          const points = new Float64Array(count * target.dimension);
          coreNormals(seed).fill(points, adviStreams.posterior, 0);
          if (result.components) {
            // Draw by draw from one component after another.
            const { components } = result;
            const n = target.dimension;
            for (let d = 0; d < count; d++) {
              const row = points.subarray(d * n, (d + 1) * n);
              drawsFromNormals(components[d % components.length]!, 1, row, row);
            }
            return points;
          }
          drawsFromNormals(q, count, points, points);
          return throughMaps(result.maps, count, points);
        }),
    });
  }

  /** For each of the kept draws the log density of the target minus that of the approximation: what importance weighting corrects by. */
  logRatios(): Float64Array {
    return logRatios(this.target, this.result, this.unconstrainedDraws());
  }

  /** Log density of the approximation at points of the unconstrained scale, [draw × dimension]. */
  logApproximation(points: Float64Array): Float64Array {
    return logApproximation(this.result, points);
  }

  /** Frees the compiled model at once instead of when this object is garbage. Draws that were read before stay readable. */
  dispose(): void {
    if ("dispose" in this.target && typeof this.target.dispose === "function") this.target.dispose();
  }
}

/**
 * Fits a model to data, or any target. Never throws for a numerical reason: the result says how it ended (`status`, `message`).
 * Options: FitOptions. A fit of a model keeps the compiled model until `dispose()`, or until it is garbage.
 */
export async function fit<Data>(model: Model<Data>, data: Data, options?: FitOptions): Promise<Fit>;
export async function fit(target: Target, options?: FitOptions): Promise<Fit>;
export async function fit<Data>(
  what: Model<Data> | Target,
  dataOrOptions?: Data | FitOptions,
  options: FitOptions = {},
): Promise<Fit> {
  if (typeof what === "object" && what !== null && "compile" in what && !("logDensityGradient" in what)) {
    const compiled = what.compile(dataOrOptions as Data);
    try {
      return await fitTarget(compiled, options);
    } catch (error) {
      compiled.dispose();
      throw error;
    }
  }
  return fitTarget(checkTarget("fit(model, data, options): model", what), dataOrOptions as FitOptions | undefined);
}

/** Fits a log density. */
export async function fitTarget(target: Target, options: FitOptions = {}): Promise<Fit> {
  checkTarget("target", target);
  const { algorithm, advi, given, posterior } = checkFitOptions("options", target, options);
  const result = await finishInSlices(algorithmRun(target, algorithm, advi, given), options);
  return new Fit(target, result, advi.seed, posterior);
}

/** The same without giving up the thread: for scripts, workers and tests. */
export function fitTargetSync(target: Target, options: FitOptions = {}): Fit {
  checkTarget("target", target);
  const { algorithm, advi, given, posterior } = checkFitOptions("options", target, options);
  return new Fit(target, finish(algorithmRun(target, algorithm, advi, given), options), advi.seed, posterior);
}

/**
 * The same as an async iterator of progress: `for await (const p of steps)`, or `next()` until it is done, with the fit as its value.
 * Leaving the loop early ends the fit and frees its memory; to keep the best state so far, abort the signal and go on to the end.
 */
export async function* fitSteps(target: Target, options: FitOptions = {}): AsyncGenerator<Progress, Fit, void> {
  checkTarget("target", target);
  const { algorithm, advi, given, posterior } = checkFitOptions("options", target, options);
  const run = algorithmRun(target, algorithm, advi, given);
  try {
    let began = performance.now();
    let step = run.next();
    for (;;) {
      if (step.done) return new Fit(target, step.value, advi.seed, posterior);
      if (performance.now() - began >= between) {
        yield step.value;
        await new Promise((resolve) => setTimeout(resolve, 0));
        began = performance.now();
      }
      step = run.next(options.signal?.aborted ?? false);
    }
  } finally {
    // Without a result: an error, or nobody is listening any more.
    run.return(undefined as unknown as FitResult);
  }
}
