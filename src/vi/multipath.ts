// Multi-path Pathfinder (Zhang et al. 2022, Algorithm 2) with deterministic-mixture weights (Elvira, Martino, Luengo & Bugallo
// 2019): a draw is weighted by p over the mean of all paths' densities, not over its own path's. Several paths may then cover one
// mode, or each its own, without draws from one counting what another has already covered; own-path weights are there for
// comparison. The answer is a set of weighted draws.

import { estimateElbo } from "../diagnostics/evidence.js";
import { psis, resampleWithoutReplacement, resampleWithReplacement } from "../diagnostics/psis.js";
import { integer, oneOf } from "../errors.js";
import { exp, log } from "../linalg/elementary.js";
import { finish, type Run } from "../optim/run.js";
import { checkTarget, type Target } from "../target.js";
import type { NormalSource } from "./draws.js";
import { Evaluator } from "./evaluate.js";
import { drawsFromNormals, type Gaussian, gaussianLogDensity, logDensityOfNormals } from "./gaussian.js";
import { type Check, khatSentence, type Outcome, streams } from "./outcome.js";
import { checkPathOptions, type Path, type PathOptions, pathRun } from "./pathfinder.js";

export interface MultipathOptions extends PathOptions {
  /** Number of paths; default 4. The first starts at the origin, the others at random points. */
  readonly paths?: number | undefined;
  /** Starts, one per path (undefined: as if none were given); replaces `paths`. */
  readonly starts?: readonly (Float64Array | undefined)[] | undefined;
  /** Draws from each path; default 1,000 divided by the number of paths. */
  readonly drawsPerPath?: number | undefined;
  readonly weights?: "mixture" | "ownPath" | undefined;
  /** The first paths, where they have been run elsewhere, with the same target, options and normals. */
  readonly done?: readonly Path[] | undefined;
}

/** Draws with weights that sum to one; their source is the equal mixture of `components`. */
export interface WeightedDraws {
  readonly kind: "draws";
  readonly draws: number;
  readonly dimension: number;
  /** [draw][dimension], component after component. */
  readonly points: Float64Array;
  /** Pareto-smoothed. */
  readonly weights: Float64Array;
  readonly components: readonly Gaussian[];
}

export interface MultipathResult extends Outcome<WeightedDraws> {
  readonly paths: readonly Path[];
  /** Share of the total weight carried by the draws of each path; 0 for a path without approximation. */
  readonly pathWeights: Float64Array;
}

/** Draws equally from each component and weights the draws against `target`. */
export function weighComponents(
  evaluator: Evaluator,
  components: readonly Gaussian[],
  drawsPerComponent: number,
  normals: NormalSource,
  weights: "mixture" | "ownPath" = "mixture",
  step = 0,
): { readonly approximation: WeightedDraws; readonly check: Check } {
  const n = evaluator.dimension;
  const m = drawsPerComponent;
  const total = components.length * m;
  const points = new Float64Array(total * n);
  const own = new Float64Array(total);
  const logDensities = new Float64Array(total);
  const gradients = new Float64Array(m * n);
  const mine = new Float64Array(m * n);
  const values = new Float64Array(m);
  components.forEach((g, c) => {
    normals.fill(mine, streams.check, step * components.length + c);
    logDensityOfNormals(g, m, mine, values);
    own.set(values, c * m);
    drawsFromNormals(g, m, mine, mine);
    points.set(mine, c * m * n);
    evaluator.batch(m, mine, gradients, values);
    logDensities.set(values, c * m);
  });
  const logRatios = logDensities.slice();
  if (weights === "ownPath") for (let i = 0; i < total; i++) logRatios[i] = logRatios[i]! - own[i]!;
  else {
    // log of the mean density, accumulated component by component as a running log-sum-exp.
    const largest = new Float64Array(total).fill(-Infinity);
    const sum = new Float64Array(total);
    const scratch = new Float64Array(total * n);
    const density = new Float64Array(total);
    components.forEach((g, c) => {
      gaussianLogDensity(g, total, points, density, scratch);
      // The density of a component's own draws is known without inverting anything.
      density.set(own.subarray(c * m, (c + 1) * m), c * m);
      for (let i = 0; i < total; i++) {
        const v = density[i]!;
        if (v > largest[i]!) {
          sum[i] = sum[i]! * exp(largest[i]! - v) + 1;
          largest[i] = v;
        } else sum[i] = sum[i]! + exp(v - largest[i]!);
      }
    });
    for (let i = 0; i < total; i++) logRatios[i] = logRatios[i]! - largest[i]! - log(sum[i]! / components.length);
  }
  const smoothed = psis(logRatios);
  return {
    approximation: { kind: "draws", draws: total, dimension: n, points, weights: smoothed.weights, components },
    check: { draws: total, points, logDensities, logRatios, elbo: estimateElbo(logRatios), psis: smoothed },
  };
}

/** `count` equally weighted draws, [draw][dimension], from weighted ones. */
export function resample(
  from: WeightedDraws,
  count: number,
  normals: NormalSource,
  options: { readonly replacement?: boolean | undefined; readonly step?: number | undefined } = {},
): Float64Array {
  const { dimension: n, points, weights } = from;
  const replacement = options.replacement ?? true;
  // exp(-(z1^2 + z2^2) / 2) of two normals is uniform.
  const needed = replacement ? count : weights.length;
  const pairs = new Float64Array(2 * needed);
  normals.fill(pairs, streams.resample, options.step ?? 0);
  const uniforms = new Float64Array(needed);
  for (let i = 0; i < needed; i++)
    uniforms[i] = exp(-0.5 * (pairs[2 * i]! * pairs[2 * i]! + pairs[2 * i + 1]! * pairs[2 * i + 1]!));
  const chosen = replacement
    ? resampleWithReplacement(weights, count, uniforms)
    : resampleWithoutReplacement(weights, count, uniforms);
  const out = new Float64Array(chosen.length * n);
  chosen.forEach((index, i) => {
    out.set(points.subarray(index * n, (index + 1) * n), i * n);
  });
  return out;
}

export function* multipathRun(evaluator: Evaluator, options: MultipathOptions): Run<MultipathResult> {
  const count = options.starts?.length ?? options.paths ?? 4;
  const paths: Path[] = [...(options.done ?? [])];
  for (let i = paths.length; i < count; i++) {
    const path = yield* pathRun(evaluator, { ...options, start: options.starts?.[i] }, i);
    paths.push(path);
    if (path.status === "cancelled") break;
  }
  const gradients = paths.reduce((sum, path) => sum + path.gradients, 0);
  const usable = paths.flatMap((p) => (p.approximation ? [p.approximation] : []));
  const pathWeights = new Float64Array(count);
  const cancelled = paths.some((p) => p.status === "cancelled");
  if (usable.length === 0)
    return {
      status: cancelled ? "cancelled" : "diverged",
      message: cancelled
        ? "Cancelled before any path gave an approximation."
        : `None of the ${count} paths gave an approximation. ${paths[0]?.message ?? ""}`,
      approximation: undefined,
      elbo: -Infinity,
      elboStandardError: Infinity,
      gradients,
      check: undefined,
      paths,
      pathWeights,
    };
  const perPath = options.drawsPerPath ?? Math.ceil(1000 / count);
  const { approximation, check } = weighComponents(evaluator, usable, perPath, options.normals, options.weights);
  let at = 0;
  paths.forEach((p, i) => {
    if (!p.approximation) return;
    for (let d = 0; d < perPath; d++) pathWeights[i] = pathWeights[i]! + approximation.weights[at++]!;
  });
  const failed = paths.filter((p) => !p.approximation).length;
  return {
    status: cancelled ? "cancelled" : paths.some((p) => p.status === "converged") ? "converged" : "maxSteps",
    message: `${cancelled ? "Cancelled. " : ""}${usable.length} of ${count} paths gave a Gaussian${failed > 0 && !cancelled ? `, ${failed} failed` : ""}; their draws are weighted together. ${khatSentence(check.psis)}`,
    approximation,
    elbo: check.elbo.value,
    elboStandardError: check.elbo.error,
    gradients,
    check,
    paths,
    pathWeights,
  };
}

/** Multi-path Pathfinder. */
export function multipath(target: Target, options: MultipathOptions): MultipathResult {
  checkTarget("target", target);
  checkPathOptions("multipath", options, ["paths", "starts", "drawsPerPath", "weights"]);
  if (options.paths !== undefined) integer("multipath.paths", options.paths, 1);
  if (options.drawsPerPath !== undefined) integer("multipath.drawsPerPath", options.drawsPerPath, 2);
  if (options.weights !== undefined) oneOf("multipath.weights", options.weights, ["mixture", "ownPath"]);
  return finish(multipathRun(new Evaluator(target), options), options);
}
