// Leave-one-out cross-validation of a fitted model, corrected for what its approximation gets wrong, with draws that reach into the tails,
// and moved to where an observation's absence asks for them.

import { Sampler } from "../../assembly/samplers.js";
import { columnOf, Loo, logMean, looParts } from "../diagnostics/loo.js";
import { adaptiveImportance } from "../diagnostics/moment-matching.js";
import { khatThreshold, psis } from "../diagnostics/psis.js";
import { widen } from "../diagnostics/widen.js";
import { integer, knownOptions, typeError } from "../errors.js";
import { siteGenerator } from "../model/draw-rows.js";
import { fillSamples } from "../model/sampler.js";
import type { Target } from "../target.js";
import {
  type FittedDraws,
  type LogLikelihood,
  type LogLikelihoodOptions,
  LogLikelihoodProgram,
} from "./log-likelihood.js";
import { type RankTests, rankTests } from "./rank-tests.js";

/** Which observations and draws, and what to do where weights fail. */
export interface LooOptions {
  /** The observed site; not needed where the model has only one. */
  readonly site?: string | undefined;
  /** The first so many draws of the fit; all by default. */
  readonly draws?: number | undefined;
  /**
   * Whether, where a k-hat is above the threshold, the draws are moved towards the posterior without that observation (Paananen et al.
   * 2021): some ten evaluations of all draws for each such observation. Default false.
   */
  readonly momentMatching?: boolean | undefined;
}

/**
 * How well a fitted model predicts observations it has not seen, from the fit alone: `elpd` with its standard error, and a k-hat per
 * observation that says whether reweighting the draws can stand in for fitting again without it (PSIS-LOO, Vehtari, Gelman
 * & Gabry 2017, with the correction of Magnusson et al. 2019). One draw in four is moved outwards, since posteriors mostly have longer
 * tails than approximations (`widen`). Observations are those of `logLikelihood`. Takes 8 × draws × observations bytes and one
 * evaluation of the density per draw. TypeError for a fit of a plain log density.
 */
export function loo(fit: FittedDraws, options: LooOptions = {}): Loo {
  const label = "loo(fit, options)";
  knownOptions(label, options, ["site", "draws", "momentMatching"]);
  const { momentMatching = false, site, draws } = options;
  if (typeof momentMatching !== "boolean") throw typeError(`${label}.momentMatching`, "true or false", momentMatching);
  const ready = prepare("loo(fit)", label, fit, { site, draws });
  const { program, points, matrix, logRatios, logProposal, logProposals, joint } = ready;
  try {
    const parts = looParts(matrix, logRatios);
    if (!logProposal || !logProposals || !joint) return new Loo(parts);
    if (!momentMatching) return new Loo({ ...parts, canMatch: true });

    const target = fit.target!;
    const threshold = khatThreshold(parts.draws);
    const matched: number[] = [];
    for (let i = 0; i < parts.khats.length; i++) {
      if (parts.khats[i]! <= threshold) continue;
      // −∞ − (−∞) stays undefined: what the rest of the data say there is not known.
      const without = (joint: Float64Array, likelihoods: Float64Array): Float64Array =>
        joint.map((j, d) => j - likelihoods[d]!);
      const adapted = adaptiveImportance({
        dimension: program.dimension,
        points,
        logProposals,
        logTargets: without(joint, columnOf(matrix, i)),
        logProposal,
        logTarget: (x) => without(logDensities(target, x), columnOf(program.matrix(x), i)),
      });
      if (!adapted.moves) continue;
      const { value, variance } = logMean(columnOf(program.matrix(adapted.points), i), adapted.weights.weights);
      parts.pointwise[i] = value;
      parts.variances[i] = variance;
      parts.khats[i] = adapted.weights.khat;
      matched.push(i);
    }
    return new Loo({ ...parts, matched });
  } finally {
    program.dispose();
  }
}

/** Draws, log densities of the observations under them, and what the draws are to be corrected by. */
interface Prepared {
  readonly program: LogLikelihoodProgram;
  readonly points: Float64Array;
  readonly matrix: LogLikelihood;
  /** Absent: the draws are exact. */
  readonly logRatios: Float64Array | undefined;
  /** Log density of what the points are drawn from, anywhere and at the points, and the joint density there, where they are known. */
  readonly logProposal?: (points: Float64Array) => Float64Array;
  readonly logProposals?: Float64Array;
  readonly joint?: Float64Array;
}

/** The caller disposes of the program. */
function prepare(what: string, label: string, fit: FittedDraws, options: LogLikelihoodOptions): Prepared {
  const program = new LogLikelihoodProgram(what, label, fit, options);
  try {
    const drawn = fit.unconstrainedDraws().subarray(0, program.draws * program.dimension);
    if (!fit.logApproximation || fit.annealed)
      return {
        program,
        points: drawn,
        matrix: program.matrix(drawn),
        logRatios: fit.logRatios?.().subarray(0, program.draws),
      };
    const { points, logProposal } = widen(drawn, program.dimension, (x) => fit.logApproximation!(x));
    const logProposals = logProposal(points);
    const joint = logDensities(fit.target!, points);
    const logRatios = joint.map((j, d) => j - logProposals[d]!);
    return { program, points, matrix: program.matrix(points), logRatios, logProposal, logProposals, joint };
  } catch (error) {
    program.dispose();
    throw error;
  }
}

/** Which observations and draws. */
export interface LooPitOptions {
  /** The observed site; not needed where the model has only one. */
  readonly site?: string | undefined;
  /** The first so many draws of the fit; all by default. */
  readonly draws?: number | undefined;
  /** For counts, whose place within a step is drawn at random: an integer from 0 on; default 0. */
  readonly seed?: number | undefined;
}

/** Where each observation lies in what the others predict for it. */
export interface LooPit {
  /** Name of the observed site. */
  readonly site: string;
  /** P(replicated ≤ observed | the other observations), one per observation: uniform when predictions are calibrated. */
  readonly values: Float64Array;
  /** Position of each observation among all of the site's, row-major, where some are missing or masked. */
  readonly positions?: Int32Array;
  readonly tests: RankTests;
  /** What follows, in a sentence. */
  readonly message: string;
}

/**
 * Probability integral transforms of leave-one-out predictions (Gelfand, Dey & Chang 1992): whether observations lie where the model,
 * fitted to the others, expects them. Uniform values say that predictions are neither too narrow nor too wide, nor off to one
 * side. For counts the place within a step is random (Czado, Gneiting & Held 2009). TypeError where the likelihood has no
 * distribution function, as multivariate ones have none.
 */
export function looPit(fit: FittedDraws, options: LooPitOptions = {}): LooPit {
  const label = "looPit(fit, options)";
  knownOptions(label, options, ["site", "draws", "seed"]);
  const seed = integer(`${label}.seed`, options.seed ?? 0, 0);
  const ready = prepare("looPit(fit)", label, fit, { site: options.site, draws: options.draws });
  const { program, points, matrix, logRatios } = ready;
  try {
    const [upper, lower] = program.distributionFunctions(points);
    const n = matrix.values.length / matrix.draws;
    const within = new Float64Array(n);
    fillSamples(Sampler.Uniform, [Float64Array.of(0), Float64Array.of(1)], within, siteGenerator(seed, "looPit"));
    const values = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const { weights } = psis(columnOf(matrix, i).map((v, d) => (logRatios ? logRatios[d]! : 0) - v));
      let high = 0;
      let low = 0;
      weights.forEach((w, d) => {
        if (!(w > 0)) return;
        high += w * upper[d * n + i]!;
        if (lower) low += w * lower[d * n + i]!;
      });
      values[i] = Math.min(1, lower ? low + within[i]! * (high - low) : high);
    }
    const levels = 10_000;
    const tests = rankTests(
      values.map((u) => Math.min(levels - 1, Math.floor(levels * u))),
      levels - 1,
    );
    const { site, positions } = matrix;
    return { site, values, tests, message: pitSentence(n, tests), ...(positions && { positions }) };
  } finally {
    program.dispose();
  }
}

function pitSentence(n: number, { uniformity, symmetry, spread, shift, scale }: RankTests): string {
  const smallest = Math.min(uniformity, symmetry, spread);
  if (n < 20) return `${n} observations are too few to tell whether predictions are calibrated.`;
  if (3 * smallest >= 0.01) return `The ${n} observations lie where the model expects them.`;
  if (spread === smallest || 3 * spread < 0.01)
    return `Predictions are too ${scale < 1 ? "narrow" : "wide"}: observations spread about ${(1 / scale).toFixed(2)} times as far as expected.`;
  if (3 * symmetry < 0.01)
    return `Observations lie ${shift > 0 ? "above" : "below"} their predictions, by about ${Math.abs(shift).toFixed(2)} standard deviations.`;
  return "Observations are not distributed as the model expects them.";
}

/** Log joint densities at points [draw × dimension]. */
function logDensities(target: Target, points: Float64Array): Float64Array {
  const n = target.dimension;
  const draws = points.length / n;
  const values = new Float64Array(draws);
  const gradients = new Float64Array(points.length);
  if (target.logDensityGradientBatch) target.logDensityGradientBatch(draws, points, gradients, values);
  else
    for (let d = 0; d < draws; d++)
      values[d] = target.logDensityGradient(points.slice(d * n, (d + 1) * n), gradients.subarray(0, n));
  return values.map((v) => (v < Infinity ? v : -Infinity));
}
