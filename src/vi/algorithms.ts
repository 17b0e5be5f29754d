// The algorithms by their names, each brought to one kind of result: what `fit` answers with does not depend on which one ran. Their
// verdicts are their own until the final check's witnesses (witness.ts), those of the default fit, speak against them; named.ts looks
// for what no draw of an answer can see.

import type { FirstOrder } from "../optim/first-order.js";
import { inverseDiagonal } from "../optim/inverse-diagonal.js";
import type { Run } from "../optim/run.js";
import type { Target } from "../target.js";
import type { AdviOptions, AdviResult } from "./advi.js";
import { type AscentOptions, ascentRun } from "./ascent.js";
import { bamRun } from "./bam.js";
import { bamLowRankRun } from "./bam-low-rank.js";
import { coreNormals } from "./core-normals.js";
import { dadviRun } from "./dadvi.js";
import { Evaluator } from "./evaluate.js";
import { type FitFamily, fitFamilies } from "./families.js";
import {
  type DenseGaussian,
  type DiagonalGaussian,
  type Gaussian,
  gaussianOf,
  standardDeviations,
} from "./gaussian.js";
import { laplaceRun } from "./laplace.js";
import { mapRun } from "./map.js";
import { multipathRun } from "./multipath.js";
import type { Outcome } from "./outcome.js";
import { type Path, pathfinderRun, pathRun } from "./pathfinder.js";
import { pathCount } from "./paths.js";
import { corePoints } from "./sobol-points.js";
import { objection, objectionWords, type Shift, settled, shiftByWeights } from "./witness.js";

export const algorithms = [
  "auto",
  "advi",
  "map",
  "laplace",
  "pathfinder",
  "multipathPathfinder",
  "dadvi",
  "bam",
] as const;
/** What can fit; `FitOptions.algorithm` says what each does. */
export type Algorithm = (typeof algorithms)[number];

/** What a fit by any algorithm leaves. */
export interface FitResult extends AdviResult {
  readonly algorithm: Algorithm;
  /** Gaussians in equal parts that the draws come from, where they are several; `approximation` is the first of them. */
  readonly components?: readonly Gaussian[] | undefined;
  /** Laplace's approximation of the log evidence. */
  readonly logEvidence?: number | undefined;
}

/** Options of ADVI that mean something to each of the others. */
export const understood: Readonly<Record<Exclude<Algorithm, "auto" | "advi">, readonly string[]>> = {
  map: ["init", "maxSteps"],
  laplace: ["init", "maxSteps"],
  pathfinder: ["init", "maxSteps"],
  multipathPathfinder: ["maxSteps"],
  dadvi: ["family", "optimizer", "sampling", "maxSteps"],
  bam: ["family", "rank", "sampling", "maxSteps"],
};

/** The families that an algorithm can fit, where it lets the user choose. */
export const familiesOf: Readonly<Partial<Record<Algorithm, readonly FitFamily[]>>> = {
  auto: fitFamilies,
  advi: fitFamilies,
  dadvi: ["meanField", "fullRank"],
  bam: ["fullRank", "lowRank"],
};

const familyOfKind = { diagonal: "meanField", dense: "fullRank", lowRank: "lowRank" } as const;

/** Options as the user gave them: where an algorithm has defaults of its own, those hold otherwise. */
export interface Given {
  readonly maxSteps?: number | undefined;
  readonly family?: FitFamily | undefined;
  readonly rank?: number | undefined;
  readonly entropy?: AdviOptions["entropy"] | "proximal" | undefined;
  readonly optimizer?: FirstOrder | FixedDrawOptimizer | undefined;
}

/** What maximises the ELBO of fixed draws, by the names that `minimize` has for them. */
export const fixedDrawOptimizers = ["lbfgs", "newtonCg"] as const;
export type FixedDrawOptimizer = (typeof fixedDrawOptimizers)[number];

/** Columns of the low-rank family. */
export const defaultRank = 8;

/** What the ascent by a first-order method is asked for, or undefined when ADVI is done by its own means. */
export function ascentOptions(options: AdviOptions, given: Given): AscentOptions | undefined {
  const { entropy, family = options.family, rank = defaultRank } = given;
  const optimizer = typeof given.optimizer === "object" ? given.optimizer : undefined;
  if (family !== "lowRank" && !optimizer) return undefined;
  const { draws, sampling, maxSteps, seed, init, warmUp, checkDraws } = options;
  // The closed form and its estimate from draws have the same gradients.
  const term = entropy === "proximal" ? entropy : entropy === undefined || entropy === "stl" ? "stl" : "closedForm";
  return { family, rank, entropy: term, optimizer, draws, sampling, maxSteps, seed, init, warmUp, checkDraws };
}

/**
 * Status and message, once the draws of the final check have been heard as they are for a default fit: an algorithm that has ended where
 * it wanted to is still not to be believed with a k-hat above its threshold, or when weighting would change its answer.
 */
function verdict(
  { status, message, check }: Outcome<Gaussian>,
  shift: Shift | undefined,
): Pick<FitResult, "status" | "message"> {
  if (status !== "converged" || !check) return { status, message };
  if (!(check.psis.khat <= check.psis.threshold)) return { status: "rejected", message };
  const against = objection(check, shift);
  if (!against) return { status, message };
  const why =
    against !== "tail" && shift
      ? `importance weighting ${objectionWords(against, shift)}`
      : "its importance ratios have too heavy a tail";
  return { status: "rejected", message: `${message} As it is the answer must not be believed: ${why}.` };
}

/** Some of the paths of "multipathPathfinder", in the order of `indices`: what another worker then passes as `paths`. */
export function* pathsRun(target: Target, options: AdviOptions, given: Given, indices: readonly number[]): Run<Path[]> {
  const paths: Path[] = [];
  const common = { normals: coreNormals(options.seed), maxSteps: given.maxSteps };
  for (const index of indices) paths.push(yield* pathRun(new Evaluator(target), common, index));
  return paths;
}

/** What one run of an algorithm leaves for a search of other modes. */
export interface Tried {
  readonly result: FitResult;
  /** What the answer covers, where it is worth asking what it leaves out. */
  readonly around?: Gaussian | undefined;
  /** Of "map": the log density of the mode. */
  readonly height?: number | undefined;
  readonly paths?: readonly Path[] | undefined;
}

/**
 * Where an algorithm begins: as the user says, or anew from a mode that has most of the mass. "multipathPathfinder" adds a path from
 * there to those `done`.
 */
export interface Start {
  readonly point: Float64Array | undefined;
  readonly gaussian?: DenseGaussian | undefined;
  readonly done?: readonly Path[] | undefined;
}

/** Runs an algorithm by name once. */
export function* tried(
  target: Target,
  algorithm: Algorithm,
  options: AdviOptions,
  given: Given,
  start: Start,
): Run<Tried> {
  const evaluator = new Evaluator(target);
  const normals = coreNormals(options.seed);
  const common = { normals, maxSteps: given.maxSteps, draws: options.checkDraws };
  const from = { ...common, start: start.point };
  const points = options.sampling === "sobol" ? corePoints(options.seed) : undefined;
  const result = (outcome: Outcome<Gaussian>, more: Partial<FitResult> = {}): FitResult => {
    const shift = outcome.check && shiftByWeights(target, outcome.check);
    return {
      ...verdict(outcome, shift),
      approximation: outcome.approximation,
      elbo: outcome.elbo,
      elboStandardError: outcome.elboStandardError,
      gradients: outcome.gradients,
      check: outcome.check,
      algorithm,
      family: familyOfKind[outcome.approximation?.kind ?? "dense"],
      maps: [],
      trace: new Float64Array(0),
      steps: 0,
      stepSize: undefined,
      assessment: undefined,
      shift,
      refused: 0,
      blamed: new Map(),
      ...more,
    };
  };
  /** An answer that has arrived somewhere is worth asking about, whatever else is to be said against it. */
  const and = (outcome: Outcome<Gaussian>, more?: Partial<FitResult>): Tried => ({
    result: result(outcome, more),
    around:
      outcome.status === "converged" && outcome.check && settled(outcome.check) ? outcome.approximation : undefined,
  });
  switch (algorithm) {
    case "auto":
    case "advi": {
      const ascent = ascentOptions({ ...options, init: start.point }, given)!;
      const outcome = yield* ascentRun(target, ascent);
      const { trace, steps, refused, blamed } = outcome;
      const answer = and(outcome, { trace, steps, refused, blamed, family: ascent.family });
      return options.warmUp ? answer : { result: answer.result };
    }
    case "map": {
      const mode = yield* mapRun(evaluator, from);
      // A point: a Gaussian without width, which has no entropy, and whose draws are all the mode.
      const approximation: DiagonalGaussian | undefined = mode.mode && {
        kind: "diagonal",
        mean: mode.mode,
        scale: new Float64Array(target.dimension),
      };
      const { status, message, gradients, refused, trajectory } = mode;
      const none = { elbo: Number.NEGATIVE_INFINITY, elboStandardError: Number.POSITIVE_INFINITY, check: undefined };
      const answer = result({ status, message, approximation, gradients, ...none }, { refused });
      if (status !== "converged" || !approximation || !trajectory) return { result: answer };
      const around = { ...approximation, scale: inverseDiagonal(trajectory).map(Math.sqrt) };
      return { result: answer, around, height: mode.logDensity };
    }
    case "laplace": {
      const outcome = yield* laplaceRun(evaluator, from);
      return and(outcome, { logEvidence: outcome.logEvidence, refused: outcome.mode.refused });
    }
    case "pathfinder": {
      const outcome = yield* pathfinderRun(evaluator, from);
      // The ELBO of each point of the path that was judged.
      return and(outcome, { trace: Float64Array.from(outcome.path.elbos, (e) => e.value) });
    }
    case "multipathPathfinder": {
      const { done = [], point } = start;
      const outcome = yield* multipathRun(evaluator, {
        normals,
        maxSteps: given.maxSteps,
        starts: Array.from({ length: Math.max(pathCount, done.length + (point ? 1 : 0)) }, (_, i) =>
          i === done.length ? point : undefined,
        ),
        drawsPerPath: Math.ceil(options.checkDraws / pathCount),
        done,
      });
      const components = outcome.approximation?.components;
      const answer = and({ ...outcome, approximation: components?.[0] }, { components });
      const drawn = answer.around && outcome.approximation;
      const around = drawn && gaussianOf(drawn.points, drawn.dimension, drawn.weights);
      return { ...answer, around, paths: outcome.paths };
    }
    case "dadvi": {
      const family = given.family === "lowRank" ? undefined : given.family;
      const outcome = yield* dadviRun(evaluator, {
        ...common,
        start: start.gaussian,
        family,
        drawKind: points && "matchedSobol",
        points,
        // In the coordinates of its last fit L-BFGS needs hardly more steps than Newton's method, and no products (docs/architecture.md).
        optimiser: given.optimizer === "newtonCg" ? "newton" : "lbfgs",
        // An optimum to 0.024 standard deviations, half of the error that the draws may leave: exactness beyond has its price in gradients.
        decrementTolerance: 3e-4,
      });
      return and(outcome, { refused: outcome.refused, trace: Float64Array.from(outcome.rounds, (r) => r.elbo) });
    }
    case "bam": {
      const { gaussian } = start;
      const outcome =
        given.family === "lowRank"
          ? yield* bamLowRankRun(evaluator, {
              ...common,
              points,
              rank: given.rank,
              start: gaussian && { mean: gaussian.mean, scale: standardDeviations(gaussian) },
            })
          : yield* bamRun(evaluator, { ...common, points, start: gaussian });
      return and(outcome, { refused: outcome.refused, steps: outcome.steps });
    }
  }
}
