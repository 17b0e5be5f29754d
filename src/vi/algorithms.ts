// The algorithms by their names, each brought to one kind of result: what `fit` answers with does not depend on which one ran. "auto" is
// the fit that chooses; the others do what they are called, no more, and their verdicts are their own until the final check's witnesses (witness.ts), those of the default fit, speak against them.

import type { FirstOrder } from "../optim/first-order.js";
import type { Run } from "../optim/run.js";
import type { Target } from "../target.js";
import { type AdviOptions, type AdviResult, adviFit } from "./advi.js";
import { type AscentOptions, ascentRun } from "./ascent.js";
import { bamRun } from "./bam.js";
import { bamLowRankRun } from "./bam-low-rank.js";
import { coreNormals } from "./core-normals.js";
import { dadviRun } from "./dadvi.js";
import { Evaluator } from "./evaluate.js";
import { type FitFamily, fitFamilies } from "./families.js";
import type { DiagonalGaussian, Gaussian } from "./gaussian.js";
import { laplaceRun } from "./laplace.js";
import { mapRun } from "./map.js";
import { multipathRun } from "./multipath.js";
import type { Outcome } from "./outcome.js";
import { type Path, pathfinderRun, pathRun } from "./pathfinder.js";
import { pathCount } from "./paths.js";
import { objection, objectionWords, type Shift, shiftByWeights } from "./witness.js";

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
  dadvi: ["family", "maxSteps"],
  bam: ["family", "rank", "maxSteps"],
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
  readonly optimizer?: FirstOrder | undefined;
}

/** Columns of the low-rank family. */
const defaultRank = 8;

/** What the ascent by a first-order method is asked for, or undefined when ADVI is done by its own means. */
function ascentOptions(options: AdviOptions, given: Given): AscentOptions | undefined {
  const { optimizer, entropy, family = options.family, rank = defaultRank } = given;
  if (family !== "lowRank" && !optimizer) return undefined;
  const { draws, maxSteps, seed, init, warmUp, checkDraws } = options;
  // The closed form and its estimate from draws have the same gradients.
  const term = entropy === "proximal" ? entropy : entropy === undefined || entropy === "stl" ? "stl" : "closedForm";
  return { family, rank, entropy: term, optimizer, draws, maxSteps, seed, init, warmUp, checkDraws };
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

/** Runs an algorithm on a target; `done` are paths of "multipathPathfinder" that were run elsewhere. */
export function* algorithmRun(
  target: Target,
  algorithm: Algorithm,
  options: AdviOptions,
  given: Given,
  done?: readonly Path[],
): Run<FitResult> {
  const ascent = algorithm === "auto" || algorithm === "advi" ? ascentOptions(options, given) : undefined;
  if (!ascent && (algorithm === "auto" || algorithm === "advi"))
    return { ...(yield* adviFit(target, { ...options, nest: algorithm === "auto" && options.nest })), algorithm };
  const evaluator = new Evaluator(target);
  const normals = coreNormals(options.seed);
  const common = { normals, start: options.init, maxSteps: given.maxSteps, draws: options.checkDraws };
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
  switch (algorithm) {
    case "auto":
    case "advi": {
      const outcome = yield* ascentRun(target, ascent!);
      const { trace, steps, refused, blamed } = outcome;
      return result(outcome, { trace, steps, refused, blamed, family: ascent!.family });
    }
    case "map": {
      const mode = yield* mapRun(evaluator, common);
      // A point: a Gaussian without width, which has no entropy, and whose draws are all the mode.
      const approximation: DiagonalGaussian | undefined = mode.mode && {
        kind: "diagonal",
        mean: mode.mode,
        scale: new Float64Array(target.dimension),
      };
      const { status, message, gradients } = mode;
      const none = { elbo: Number.NEGATIVE_INFINITY, elboStandardError: Number.POSITIVE_INFINITY, check: undefined };
      return result({ status, message, approximation, gradients, ...none }, { refused: mode.refused });
    }
    case "laplace": {
      const outcome = yield* laplaceRun(evaluator, common);
      return result(outcome, { logEvidence: outcome.logEvidence, refused: outcome.mode.refused });
    }
    case "pathfinder": {
      const outcome = yield* pathfinderRun(evaluator, common);
      // The ELBO of each point of the path that was judged.
      return result(outcome, { trace: Float64Array.from(outcome.path.elbos, (e) => e.value) });
    }
    case "multipathPathfinder": {
      const outcome = yield* multipathRun(evaluator, {
        normals,
        maxSteps: given.maxSteps,
        paths: pathCount,
        drawsPerPath: Math.ceil(options.checkDraws / pathCount),
        done,
      });
      const components = outcome.approximation?.components;
      return result({ ...outcome, approximation: components?.[0] }, { components });
    }
    case "dadvi": {
      const family = given.family === "lowRank" ? undefined : given.family;
      const outcome = yield* dadviRun(evaluator, {
        normals,
        maxSteps: given.maxSteps,
        draws: options.checkDraws,
        family,
        // In the coordinates of its last fit it needs no more steps than Newton's method, and no products (docs/architecture.md).
        optimiser: "lbfgs",
      });
      return result(outcome, { refused: outcome.refused, trace: Float64Array.from(outcome.rounds, (r) => r.elbo) });
    }
    case "bam": {
      const common = { normals, maxSteps: given.maxSteps, draws: options.checkDraws };
      const outcome =
        given.family === "lowRank"
          ? yield* bamLowRankRun(evaluator, { ...common, rank: given.rank })
          : yield* bamRun(evaluator, common);
      return result(outcome, { refused: outcome.refused, steps: outcome.steps });
    }
  }
}
