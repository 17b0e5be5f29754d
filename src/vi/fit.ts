// `fitTarget`: a log density in, a posterior out. Options are checked here, once; the algorithm runs in slices, so that a page stays
// responsive and an AbortSignal is heard; what comes back is always a Posterior with a verdict, never an exception for a numerical
// reason.

import { load } from "../core/load.js";
import { MAX_SOBOL_DIMENSIONS } from "../core/sobol.js";
import { integer, knownOptions, oneOf, positiveNumber, rangeError, typeError } from "../errors.js";
import type { Model } from "../model/model.js";
import type { FirstOrder } from "../optim/first-order.js";
import { checkOptimizer } from "../optim/minimize.js";
import { finish, finishInSlices, type Progress, type Run, type Status } from "../optim/run.js";
import { turn } from "../optim/turn.js";
import { Posterior, posteriorDraws } from "../posterior.js";
import { checkTarget, type Target } from "../target.js";
import type { AdviOptions } from "./advi.js";
import { type Entropy, entropies } from "./advi-state.js";
import {
  type Algorithm,
  algorithms,
  defaultRank,
  type FitResult,
  type FixedDrawOptimizer,
  familiesOf,
  fixedDrawOptimizers,
  type Given,
  pathsRun,
  understood,
} from "./algorithms.js";
import { type Annealing, annealedDraws } from "./annealing.js";
import { type Sampling, samplings } from "./draws.js";
import { type FitFamily, fitFamilies } from "./families.js";
import { logApproximation, logRatios, logRatiosRun } from "./log-ratios.js";
import { algorithmRun } from "./named.js";
import type { Path } from "./pathfinder.js";
import { componentsOf, drawsOf, type Ended, type FitRecord, type PlainOption, valuesOf, version } from "./record.js";
import { differs, probeOf, Watch } from "./replay.js";

/** Options of a fit; all have defaults. One that is unknown, or that the algorithm does not know, is an error that names it. */
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
   * Estimator of the entropy's gradient; by default closed form far from the optimum, sticking the landing near it. "mixed": both, with a
   * weight for each parameter that is learnt from the steps before to have the least noise, for ADVI's own steps. "proximal", for
   * optimisers with one rate for all (`sgd`, `dog`, `dowg`): a proximal step on the scales, which keeps them positive.
   */
  readonly entropy?: Entropy | "proximal" | undefined;
  /**
   * A first-order optimiser in place of natural gradients and Adam, such as `dowg()`; for "advi", in any family. With "dadvi" the name of
   * what maximises the ELBO of its draws: "lbfgs" (default) or "newtonCg", which takes fewer gradients and Hessian-vector products on top.
   */
  readonly optimizer?: FirstOrder | FixedDrawOptimizer | undefined;
  /** Monte Carlo draws per gradient step: 1 or an even number; default 16. */
  readonly draws?: number | undefined;
  /**
   * What the draws behind gradients are: "random" (independent, the default), or "sobol", scrambled Sobol points, a new scrambling for each
   * step, whose estimates are unbiased and have less noise where the log density is smooth, best with a power of two as `draws`. Up to
   * 1,024 dimensions. Draws that an answer is judged by are always independent. For "auto", "advi", "dadvi" and "bam".
   */
  readonly sampling?: Sampling | undefined;
  /**
   * Steps after which the fit ends unconverged: those of L-BFGS, natural gradients and Adam together, searches included, and knots of
   * nested Gaussians; with "multipathPathfinder" for each path. Default 10,000; algorithms other than "auto" and "advi" have their own.
   */
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
  /**
   * A fit of the same model and data that was cancelled or ran out of steps, or one that was loaded: goes on bit for bit as if it had not
   * been ended, with its options. Beside it only maxSteps, posteriorDraws, correct, signal and onProgress are understood. What was
   * done is done again, but for a climb by Adam, which goes on where it was.
   */
  readonly resume?: Resumable | undefined;
  /** Aborting it ends the fit with the best state so far and status "cancelled". */
  readonly signal?: AbortSignal | undefined;
  /** Called at most every 50 ms. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** A posterior that remembers how it was fitted. */
export interface Resumable {
  readonly record: FitRecord | undefined;
  readonly status: Status;
  readonly trace: Float64Array;
}

export const fitOptionNames = [
  "algorithm",
  "family",
  "rank",
  "entropy",
  "optimizer",
  "draws",
  "sampling",
  "maxSteps",
  "seed",
  "stepSize",
  "init",
  "warmUp",
  "checkDraws",
  "correct",
  "posteriorDraws",
  "resume",
  "signal",
  "onProgress",
] as const;

/** Options that decide no numbers, and those that may be given anew when a fit is resumed. */
const passing = ["resume", "signal", "onProgress"] as const;
const renewable: readonly string[] = ["maxSteps", "posteriorDraws", "correct", ...passing];

/** Options that every algorithm understands, and those that only some do. */
const common: readonly string[] = ["algorithm", "seed", "checkDraws", "correct", "posteriorDraws", ...passing];
const adviOnly = fitOptionNames.filter((name) => !common.includes(name));

/** Milliseconds of work after which the event loop has its turn. */
const between = 8;

/** Milliseconds that weighing draws may take when a mean is asked for. */
const atOnce = 30;

/** Largest dimension for which the full covariance is the default. */
const fullRankLimit = 128;

interface Checked {
  readonly algorithm: Algorithm;
  readonly advi: AdviOptions;
  /** As given, without defaults. */
  readonly given: Given;
  readonly posterior: Kept;
  /** What decides the numbers, as given. */
  readonly plain: FitRecord["options"];
  readonly resume: Resumable | undefined;
}

/** What a posterior keeps, and whether it is corrected. */
interface Kept {
  readonly draws: number | undefined;
  readonly correct: boolean;
}

/** The options of the fit to resume, with those that are given anew. */
function resumed(label: string, target: Target, options: FitOptions): FitOptions {
  const { resume } = options;
  if (resume === undefined) return options;
  const record = typeof resume === "object" && resume !== null ? resume.record : undefined;
  if (typeof record !== "object" || record === null)
    throw typeError(`${label}.resume`, "a fit, or a posterior that was loaded", resume);
  // An optimiser is functions, of which a record holds the name: it has to be given again.
  const own = record.options["optimizer"];
  const functions = own !== undefined && !(fixedDrawOptimizers as readonly PlainOption[]).includes(own);
  const { optimizer } = options;
  const again = functions ? [...renewable, "optimizer"] : renewable;
  if (functions && !(typeof optimizer === "object" && optimizer.name === own))
    throw rangeError(
      `${label}.optimizer`,
      `the optimiser of the fit to resume, ${own}`,
      typeof optimizer === "object" ? optimizer.name : optimizer,
    );
  for (const key of fitOptionNames)
    if (options[key] !== undefined && !again.includes(key))
      throw rangeError(`${label}.${key}`, "nothing beside resume, which has its own", options[key]);
  const { ended } = record;
  if (!ended) throw rangeError(`${label}.resume`, "a fit that was cancelled or ran out of steps", resume.status);
  if (probeOf(target) !== ended.probe)
    throw new RangeError(`${label}.resume: expected the model and data of the fit to resume, got others`);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...record.options, ...given };
}

/** All options with their defaults, or the error that says what is wrong with them. */
export function checkFitOptions(label: string, target: Target, given: FitOptions): Checked {
  knownOptions(label, given, fitOptionNames);
  const options = resumed(label, target, given);
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
  if (algorithm === "dadvi" && options.optimizer !== undefined)
    oneOf(name("optimizer"), options.optimizer as string, fixedDrawOptimizers);
  const optimizer =
    options.optimizer === undefined || algorithm === "dadvi"
      ? undefined
      : checkOptimizer(name("optimizer"), options.optimizer);
  const entropy =
    options.entropy === undefined ? "auto" : oneOf(name("entropy"), options.entropy, [...entropies, "proximal"]);
  if (entropy === "mixed" && (optimizer || family === "lowRank"))
    throw rangeError(
      name("entropy"),
      '"closedForm", "monteCarlo" or "stl" with an optimizer, and for low rank',
      entropy,
    );
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
  const sampling = oneOf(name("sampling"), options.sampling ?? "random", samplings);
  // A low-rank draw takes a coordinate for each column, too.
  const width =
    dimension + (family === "lowRank" && algorithm !== "bam" ? Math.min(dimension, options.rank ?? defaultRank) : 0);
  if (sampling === "sobol" && width > MAX_SOBOL_DIMENSIONS)
    throw rangeError(
      name("sampling"),
      `"random" where a draw has more than ${MAX_SOBOL_DIMENSIONS} coordinates, here ${width}`,
      sampling,
    );
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
  const plain: Record<string, PlainOption> = {};
  for (const key of fitOptionNames)
    if (options[key] !== undefined && !(passing as readonly string[]).includes(key))
      plain[key] =
        key === "init" ? init! : key === "optimizer" && optimizer ? optimizer.name : (options[key] as PlainOption);
  return {
    algorithm,
    given: options,
    plain,
    resume: options.resume,
    advi: {
      family: family && family !== "lowRank" ? family : dimension <= fullRankLimit ? "fullRank" : "meanField",
      entropy: entropy === "proximal" ? "auto" : entropy,
      draws,
      sampling,
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

/** Annealed draws; those of the fit's own seed are at hand. */
function annealedBy(target: Target, annealing: Annealing, count: number, seed: number, own: number): Float64Array {
  const size = count * target.dimension;
  return seed === own && size <= annealing.points.length
    ? annealing.points.slice(0, size)
    : annealedDraws(target, annealing, count, seed);
}

/** A fitted approximation: a posterior with what the fit has to say about itself. */
export class Fit extends Posterior implements Resumable {
  readonly #made: Pick<FitRecord, "seed" | "options" | "ended">;
  #record: FitRecord | undefined;
  /** Log ratios of draws that have been weighed; undefined where nothing is. */
  readonly #ready: WeakMap<Float64Array, Float64Array> | undefined;

  constructor(
    /** What was fitted: for a model, its compiled form. */
    readonly target: Target,
    /** The approximation on the unconstrained scale, and the record of the fit. */
    readonly result: FitResult,
    made: Pick<FitRecord, "seed" | "options" | "ended">,
    { draws, correct }: Kept,
  ) {
    const components = componentsOf(result);
    const { maps, annealing } = result;
    const point = result.algorithm === "map";
    const has = components.length > 0;
    const corrects = has && correct && !point && !annealing;
    const ready = new WeakMap<Float64Array, Float64Array>();
    super(target, {
      status: result.status,
      message: result.message,
      elbo: result.elbo,
      elboStandardError: result.elboStandardError,
      khat: result.check?.psis.khat ?? Number.NaN,
      trace: result.trace,
      gradients: result.gradients,
      draws: draws ?? (point ? 1 : undefined),
      logRatios: corrects ? (points) => ready.get(points) ?? logRatios(target, result, points) : undefined,
      sample: annealing
        ? (count, seed = made.seed) => annealedBy(target, annealing, count, seed, made.seed)
        : has
          ? (count, seed = made.seed) => drawsOf({ components, maps }, count, seed)
          : undefined,
    });
    this.#made = made;
    this.#ready = corrects ? ready : undefined;
  }

  /**
   * Weighs the kept draws where that takes long, giving up turns: else means, asked for later, would hold the thread. What is quick waits
   * until it is asked for. The clock decides only this.
   */
  *weigh(): Run<void> {
    const { check } = this.result;
    if (!this.#ready || !check) return;
    const n = this.target.dimension;
    const some = Math.min(check.draws, 32);
    /** Milliseconds that `count` draws take. */
    const timed = (count: number): number => {
      const began = performance.now();
      logRatios(this.target, this.result, check.points.subarray(0, count * n));
      return performance.now() - began;
    };
    // A pass over much data is a turn of its own. The first pass over less may have encoded the model for many draws.
    if (timed(Math.min(some, 16)) < between) {
      if ((timed(some) * this.size) / some < atOnce) return;
    } else if ((yield { stage: "weights", step: 0, value: Number.NaN, gradients: 0 }) === true) return;
    const points = this.kept();
    const ratios = yield* logRatiosRun(this.target, this.result, points);
    if (ratios) this.#ready.set(points, ratios);
  }

  /** What the fit leaves beside its draws, as plain data: with it the posterior is saved, drawn from anew, and resumed. */
  get record(): FitRecord {
    const { algorithm, family, steps, maps } = this.result;
    this.#record ??= {
      version,
      algorithm,
      family,
      steps,
      ...this.#made,
      components: componentsOf(this.result),
      maps,
      values: valuesOf(this.target),
    };
    return this.#record;
  }

  /** Whether the draws were annealed to the posterior: they then have no density, and there is nothing to correct them by. */
  get annealed(): boolean {
    return this.result.annealing !== undefined;
  }

  /**
   * For each of the kept draws the log density of the target minus that of the approximation: what importance weighting corrects by; zeros
   * where draws were annealed.
   */
  logRatios(): Float64Array {
    if (this.annealed) return new Float64Array(this.size);
    const points = this.kept();
    return this.#ready?.get(points)?.slice() ?? logRatios(this.target, this.result, points);
  }

  /** Log density of the approximation at points of the unconstrained scale, [draw × dimension]. An error where draws were annealed. */
  logApproximation(points: Float64Array): Float64Array {
    if (this.annealed) throw new Error("fit.logApproximation(points): annealed draws have no density that is known");
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
    // The core first: some browsers do not compile it at once.
    await load();
    const began = performance.now();
    const compiled = what.compile(dataOrOptions as Data);
    try {
      // Large data take a while to be checked and copied: a turn before the first steps.
      if (performance.now() - began > between) await turn();
      return await fitTarget(compiled, options);
    } catch (error) {
      compiled.dispose();
      throw error;
    }
  }
  return fitTarget(checkTarget("fit(model, data, options): model", what), dataOrOptions as FitOptions | undefined);
}

/** A fit as a run, its options checked at once. */
function fitRun(target: Target, options: FitOptions, paths?: readonly Path[]): Run<Fit> {
  checkTarget("target", target);
  return watchedRun(target, checkFitOptions("options", target, options), paths);
}

/** A run that ends with a posterior, and with what it takes to resume it. */
function* watchedRun(target: Target, checked: Checked, paths?: readonly Path[]): Run<Fit> {
  const { algorithm, advi, given, plain, posterior, resume } = checked;
  const before = resume?.record?.ended;
  // With another number of steps a fit may take other steps.
  const same = resume && plain["maxSteps"] === resume.record?.options["maxSteps"];
  const watch = new Watch(same ? before : undefined);
  const goesOn = same && before?.adam ? { at: before.adam, trace: resume.trace } : undefined;
  const result = yield* watch.over(algorithmRun(target, algorithm, { ...advi, resume: goesOn }, given, paths));
  if (same && (algorithm === "auto" || algorithm === "advi")) {
    const { trace } = result;
    if (resume.trace.some((elbo, i) => i < trace.length && !Object.is(elbo, trace[i]))) throw differs();
  }
  const { status } = result;
  const { turns, digest } = watch;
  const ended: Ended | undefined =
    status === "cancelled" || status === "maxSteps"
      ? { turns, digest, probe: before?.probe ?? probeOf(target), adam: result.checkpoint }
      : undefined;
  const fit = new Fit(target, result, { seed: advi.seed, options: plain, ended }, posterior);
  if (status !== "cancelled") yield* fit.weigh();
  return fit;
}

/** Fits a log density; `paths` are those of "multipathPathfinder" where workers have run them: nobody has seen their turns in order. */
export async function fitTarget(target: Target, options: FitOptions = {}, paths?: readonly Path[]): Promise<Fit> {
  return await finishInSlices(fitRun(target, options, paths), options);
}

/** Some paths of a fit by "multipathPathfinder", by their numbers. */
export async function fitPaths(target: Target, options: FitOptions, indices: readonly number[]): Promise<Path[]> {
  checkTarget("target", target);
  const { advi, given } = checkFitOptions("options", target, options);
  return finishInSlices(pathsRun(target, advi, given, indices), options);
}

/** The same without giving up the thread: for scripts, workers and tests. */
export function fitTargetSync(target: Target, options: FitOptions = {}): Fit {
  return finish(fitRun(target, options), options);
}

/**
 * The same as an async iterator of progress: `for await (const p of steps)`, or `next()` until it is done, with the fit as its value.
 * Leaving the loop early ends the fit and frees its memory; to keep the best state so far, abort the signal and go on to the end.
 */
export async function* fitSteps(target: Target, options: FitOptions = {}): AsyncGenerator<Progress, Fit, void> {
  const run = fitRun(target, options);
  try {
    let began = performance.now();
    let step = run.next();
    for (;;) {
      if (step.done) return step.value;
      if (performance.now() - began >= between) {
        yield step.value;
        await turn();
        began = performance.now();
      }
      step = run.next(options.signal?.aborted ?? false);
    }
  } finally {
    // Without a result: an error, or nobody is listening any more.
    run.return(undefined as unknown as Fit);
  }
}
