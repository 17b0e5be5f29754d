// Batch-and-match with a covariance of low rank plus diagonal (Modi, Cai & Saul 2025, "Batch, match, and patch"): the full update is
// kept as a diagonal plus a few columns, never formed, and then patched to rank K by expectation maximisation for factor
// analysis, which minimises KL(update || low rank) over that family. Every array is D x (K + batch); nothing is D x D.

import { integer, knownOptions, typeError } from "../errors.js";
import { cholesky, choleskyInverse, choleskySolve } from "../linalg/cholesky.js";
import { symmetricEigen } from "../linalg/eigen.js";
import { orthonormalise } from "../linalg/qr.js";
import { addScaledAt, allFinite, dotAt } from "../linalg/vector.js";
import { type Control, finish, type Run } from "../optim/run.js";
import { StoppingRule } from "../optim/stopping.js";
import { checkTarget, type Target } from "../target.js";
import { batchNormals, type NormalSource, type PointSource } from "./draws.js";
import { Evaluator } from "./evaluate.js";
import { drawsFromNormals, type LowRankGaussian, logDensityOfNormals, standardDeviations } from "./gaussian.js";
import { checkGaussian, khatSentence, type Outcome, streams } from "./outcome.js";
import { pathRun } from "./pathfinder.js";

/** mean, and covariance = sum over the rank rows f of f f^T, plus diag(diagonal). */
export interface FactorGaussian {
  readonly mean: Float64Array;
  readonly rank: number;
  /** [rank][dimension]. */
  readonly factors: Float64Array;
  readonly diagonal: Float64Array;
}

/** The same Gaussian in the form whose root is cheap to apply. */
export function lowRankGaussian(q: FactorGaussian): LowRankGaussian | undefined {
  const n = q.mean.length;
  const k = q.rank;
  const scale = q.diagonal.map(Math.sqrt);
  const basis = q.factors.slice();
  for (let r = 0; r < k; r++) for (let i = 0; i < n; i++) basis[r * n + i] = basis[r * n + i]! / scale[i]!;
  const r = new Float64Array(k * k);
  orthonormalise(basis, k, n, r);
  const factor = new Float64Array(k * k);
  for (let i = 0; i < k; i++)
    for (let j = 0; j <= i; j++) factor[i * k + j] = (i === j ? 1 : 0) + dotAt(k, r, i * k, r, j * k);
  if (!allFinite(scale) || !cholesky(factor, k)) return undefined;
  return { kind: "lowRank", mean: q.mean, scale, rank: k, basis, factor };
}

/** An update before patching: diag(diagonal) + sum r r^T - sum t t^T, over rows r and t. */
interface Implicit {
  readonly mean: Float64Array;
  readonly diagonal: Float64Array;
  readonly plus: Float64Array;
  readonly plusCount: number;
  readonly minus: Float64Array;
  readonly minusCount: number;
}

/** out[oo..] = S x[xo..] for the implicit covariance S. */
function applyImplicit(s: Implicit, x: Float64Array, xo: number, out: Float64Array, oo: number): void {
  const n = s.mean.length;
  for (let i = 0; i < n; i++) out[oo + i] = s.diagonal[i]! * x[xo + i]!;
  for (let r = 0; r < s.plusCount; r++) addScaledAt(n, dotAt(n, s.plus, r * n, x, xo), s.plus, r * n, out, oo);
  for (let r = 0; r < s.minusCount; r++) addScaledAt(n, -dotAt(n, s.minus, r * n, x, xo), s.minus, r * n, out, oo);
}

/** The full BaM update of q from a batch, kept implicit. */
function implicitUpdate(
  q: FactorGaussian,
  points: Float64Array,
  gradients: Float64Array,
  draws: number,
  lambda: number,
): Implicit | undefined {
  const n = q.mean.length;
  const meanPoint = new Float64Array(n);
  const meanGradient = new Float64Array(n);
  for (let d = 0; d < draws; d++) {
    addScaledAt(n, 1 / draws, points, d * n, meanPoint, 0);
    addScaledAt(n, 1 / draws, gradients, d * n, meanGradient, 0);
  }
  const share = lambda / (1 + lambda);
  const plusCount = q.rank + draws + 1;
  const plus = new Float64Array(plusCount * n);
  plus.set(q.factors);
  for (let d = 0; d < draws; d++)
    for (let i = 0; i < n; i++)
      plus[(q.rank + d) * n + i] = Math.sqrt(lambda / draws) * (points[d * n + i]! - meanPoint[i]!);
  for (let i = 0; i < n; i++) plus[(plusCount - 1) * n + i] = Math.sqrt(share) * (q.mean[i]! - meanPoint[i]!);
  const v: Implicit = { mean: meanPoint, diagonal: q.diagonal, plus, plusCount, minus: plus, minusCount: 0 };
  // U = rows^T rows; moved = V rows; gram = rows V rows^T.
  const k = draws + 1;
  const rows = new Float64Array(k * n);
  for (let d = 0; d < draws; d++)
    for (let i = 0; i < n; i++)
      rows[d * n + i] = Math.sqrt(lambda / draws) * (gradients[d * n + i]! - meanGradient[i]!);
  for (let i = 0; i < n; i++) rows[draws * n + i] = Math.sqrt(share) * meanGradient[i]!;
  const moved = new Float64Array(k * n);
  for (let d = 0; d < k; d++) applyImplicit(v, rows, d * n, moved, d * n);
  const gram = new Float64Array(k * k);
  for (let d = 0; d < k; d++) for (let c = 0; c <= d; c++) gram[d * k + c] = dotAt(n, rows, d * n, moved, c * n);
  const eigen = symmetricEigen(gram, k);
  if (eigen === undefined) return undefined;
  // S = V - sum over eigenvectors p of w w^T / (1/2 + sqrt(g + 1/4))^2, w = sum_d p_d moved_d.
  const minus = new Float64Array(k * n);
  for (let m = 0; m < k; m++) {
    const weight = 1 / (0.5 + Math.sqrt(Math.max(0, eigen.values[m]!) + 0.25));
    for (let d = 0; d < k; d++) addScaledAt(n, weight * eigen.vectors[m * k + d]!, moved, d * n, minus, m * n);
  }
  const s: Implicit = { mean: new Float64Array(n), diagonal: q.diagonal, plus, plusCount, minus, minusCount: k };
  applyImplicit(s, meanGradient, 0, s.mean, 0);
  for (let i = 0; i < n; i++) s.mean[i] = (q.mean[i]! + lambda * (s.mean[i]! + meanPoint[i]!)) / (1 + lambda);
  return allFinite(s.mean) && allFinite(minus) ? s : undefined;
}

/** Patch: factors and diagonal minimising KL(N(m, S) || N(m, F^T F + diag)), by `rounds` steps of EM from those of q. */
function patch(s: Implicit, q: FactorGaussian, rounds: number): FactorGaussian | undefined {
  const n = q.mean.length;
  const k = q.rank;
  let factors = q.factors.slice();
  const diagonal = q.diagonal.slice();
  const own = new Float64Array(n); // diagonal of S
  for (let i = 0; i < n; i++) own[i] = s.diagonal[i]!;
  for (let r = 0; r < s.plusCount; r++)
    for (let i = 0; i < n; i++) own[i] = own[i]! + s.plus[r * n + i]! * s.plus[r * n + i]!;
  for (let r = 0; r < s.minusCount; r++)
    for (let i = 0; i < n; i++) own[i] = own[i]! - s.minus[r * n + i]! * s.minus[r * n + i]!;
  const scaled = new Float64Array(k * n);
  const beta = new Float64Array(k * n);
  const moved = new Float64Array(k * n);
  const column = new Float64Array(k);
  for (let round = 0; round < rounds; round++) {
    // beta = (I + F D^-1 F^T)^-1 F D^-1, rows [k][n]; then moved = beta S.
    for (let r = 0; r < k; r++) for (let i = 0; i < n; i++) scaled[r * n + i] = factors[r * n + i]! / diagonal[i]!;
    const inner = new Float64Array(k * k);
    for (let r = 0; r < k; r++)
      for (let c = 0; c <= r; c++)
        inner[r * k + c] = inner[c * k + r] = (r === c ? 1 : 0) + dotAt(n, scaled, r * n, factors, c * n);
    if (!cholesky(inner, k)) return undefined;
    const posterior = choleskyInverse(inner, k); // covariance of the factors given the data
    beta.fill(0);
    for (let r = 0; r < k; r++)
      for (let c = 0; c < k; c++) addScaledAt(n, posterior[r * k + c]!, scaled, c * n, beta, r * n);
    for (let r = 0; r < k; r++) applyImplicit(s, beta, r * n, moved, r * n);
    // Second moment of the factors: posterior + beta S beta^T.
    const moment = posterior;
    for (let r = 0; r < k; r++)
      for (let c = 0; c < k; c++) moment[r * k + c] = moment[r * k + c]! + dotAt(n, beta, r * n, moved, c * n);
    if (!cholesky(moment, k)) return undefined;
    const next = new Float64Array(k * n);
    for (let i = 0; i < n; i++) {
      for (let r = 0; r < k; r++) column[r] = moved[r * n + i]!;
      choleskySolve(moment, k, column);
      let explained = 0;
      for (let r = 0; r < k; r++) {
        next[r * n + i] = column[r]!;
        explained += column[r]! * moved[r * n + i]!;
      }
      // Rounding, or a rank high enough to explain everything, must not take the diagonal to zero.
      diagonal[i] = Math.max(own[i]! - explained, 1e-10 * own[i]!);
    }
    factors = next;
  }
  return allFinite(factors) && allFinite(diagonal) && diagonal.every((v) => v > 0)
    ? { mean: s.mean, rank: k, factors, diagonal }
    : undefined;
}

/** One patched BaM step; undefined if rounding has spoilt it. */
export function bamLowRankUpdate(
  q: FactorGaussian,
  points: Float64Array,
  gradients: Float64Array,
  draws: number,
  lambda: number,
  patches = 10,
): FactorGaussian | undefined {
  const s = implicitUpdate(q, points, gradients, draws, lambda);
  return s && patch(s, q, patches);
}

export interface BamLowRankOptions extends Control {
  readonly normals: NormalSource;
  /** For low-discrepancy draws in place of independent ones. */
  readonly points?: PointSource | undefined;
  /** Columns of the low-rank part; default 8, at most the dimension. */
  readonly rank?: number | undefined;
  /** Draws per step; default 16. */
  readonly batch?: number | undefined;
  /** Default 1,000. */
  readonly maxSteps?: number | undefined;
  /** lambda at step t; default batch D / (t + 1), and 30 batch / D (falling after 100 steps) where D exceeds 20 batches. */
  readonly lambda?: ((step: number) => number) | undefined;
  /** EM rounds per patch; default 10. */
  readonly patches?: number | undefined;
  /** Means and standard deviations to begin with; by default those of single-path Pathfinder. */
  readonly start?: { readonly mean: Float64Array; readonly scale: Float64Array } | undefined;
  /** Draws for the final ELBO and k-hat; default 1,000. */
  readonly draws?: number | undefined;
}

export interface BamLowRankResult extends Outcome<LowRankGaussian> {
  readonly steps: number;
  readonly refused: number;
  readonly skipped: number;
}

/** Variance of the log ratios of a batch below which q is taken for the target itself. */
const matchedSpread = 1e-12;

export function* bamLowRankRun(evaluator: Evaluator, options: BamLowRankOptions): Run<BamLowRankResult> {
  const n = evaluator.dimension;
  const rank = Math.min(n, options.rank ?? 8);
  const batch = options.batch ?? 16;
  const maxSteps = options.maxSteps ?? 1000;
  // With far fewer draws than coordinates, a bold step follows the draws where neither scores nor factors hold it.
  const lambda =
    options.lambda ??
    (n <= 20 * batch
      ? (t: number): number => (batch * n) / (t + 1)
      : (t: number): number => ((30 * batch) / n) * Math.min(1, 100 / (t + 1)));
  let { start } = options;
  if (start === undefined) {
    const path = yield* pathRun(evaluator, { normals: options.normals, elboDraws: 4, judged: 12, maxSteps: 60 });
    const found = path.approximation;
    if (found) start = { mean: found.mean, scale: standardDeviations(found) };
  }
  // Small factors that differ, or EM could not tell them apart.
  const scale = start?.scale ?? new Float64Array(n).fill(1);
  const factors = new Float64Array(rank * n);
  options.normals.fill(factors, streams.start, 0);
  for (let r = 0; r < rank; r++)
    for (let i = 0; i < n; i++) factors[r * n + i] = factors[r * n + i]! * 0.3 * (scale[i]! / Math.sqrt(rank));
  let q: FactorGaussian = {
    mean: start?.mean.slice() ?? new Float64Array(n),
    rank,
    factors,
    diagonal: scale.map((v) => v * v),
  };
  let form = lowRankGaussian(q)!;
  const points = new Float64Array(batch * n);
  const gradients = new Float64Array(batch * n);
  const values = new Float64Array(batch);
  const logq = new Float64Array(batch);
  const rule = new StoppingRule();
  let refused = 0;
  let skipped = 0;
  let failures = 0;
  let worked = false;
  let matched = 0;
  let base = 0;
  let status: BamLowRankResult["status"] = "maxSteps";
  let step = 0;
  while (step < maxSteps) {
    batchNormals(options, points, n, streams.batch, step);
    logDensityOfNormals(form, batch, points, logq);
    drawsFromNormals(form, batch, points, points);
    evaluator.batch(batch, points, gradients, values);
    step++;
    let kept = 0;
    let elbo = 0;
    let square = 0;
    for (let d = 0; d < batch; d++) {
      const at = d * n;
      if (!Number.isFinite(values[d]!) || !allFinite(gradients, at, n)) {
        refused++;
        continue;
      }
      const ratio = values[d]! - logq[d]!;
      elbo += ratio;
      square += (ratio - base) * (ratio - base);
      points.copyWithin(kept * n, at, at + n);
      gradients.copyWithin(kept * n, at, at + n);
      kept++;
    }
    if (kept < Math.min(2, batch)) {
      if (++failures > 40) {
        status = "diverged";
        break;
      }
      q = { ...q, factors: q.factors.map((v) => 0.5 * v), diagonal: q.diagonal.map((v) => 0.25 * v) };
      form = lowRankGaussian(q) ?? form;
      continue;
    }
    worked = true;
    // Ratios that are all equal mean that q is the target: nothing is left to match.
    const centre = elbo / kept;
    const spread = square / kept - (centre - base) * (centre - base);
    base = centre;
    matched = kept === batch && spread < matchedSpread ? matched + 1 : 0;
    if (matched >= 2) {
      status = "converged";
      break;
    }
    const stop = rule.push(kept === batch ? elbo / kept : Number.NaN);
    const next = bamLowRankUpdate(q, points, gradients, kept, lambda(step - 1), options.patches ?? 10);
    const nextForm = next && lowRankGaussian(next);
    if (next === undefined || nextForm === undefined) skipped++;
    else {
      q = next;
      form = nextForm;
    }
    const cancelled = yield { stage: "bam low rank", step, value: elbo / kept, gradients: evaluator.gradients };
    if (cancelled || stop) {
      status = cancelled ? "cancelled" : "converged";
      break;
    }
  }
  const used = evaluator.gradients;
  const check = worked ? checkGaussian(evaluator, form, options.draws ?? 1000, options.normals) : undefined;
  const end = {
    converged:
      matched >= 2
        ? `After ${step} batches the approximation agrees with the log density at every draw.`
        : `After ${step} batches the ELBO has stopped rising.`,
    maxSteps: `The ELBO was still rising after ${step} batches.`,
    cancelled: `Cancelled after ${step} batches.`,
    diverged: `After ${step} batches no draw had a finite log density.`,
    rejected: "",
  }[status];
  return {
    status,
    message: check ? `${end} ${khatSentence(check.psis)}` : end,
    approximation: worked ? form : undefined,
    elbo: check?.elbo.value ?? -Infinity,
    elboStandardError: check?.elbo.error ?? Infinity,
    gradients: used,
    check,
    steps: step,
    refused,
    skipped,
  };
}

/** Batch-and-match with a low-rank plus diagonal covariance, for many coordinates. */
export function bamLowRank(target: Target, options: BamLowRankOptions): BamLowRankResult {
  checkTarget("target", target);
  knownOptions("bamLowRank", options, [
    "normals",
    "points",
    "rank",
    "batch",
    "maxSteps",
    "lambda",
    "patches",
    "start",
    "draws",
    "signal",
    "onProgress",
  ]);
  if (typeof options.normals?.fill !== "function")
    throw typeError("bamLowRank.normals", "a NormalSource", options.normals);
  if (options.points !== undefined && typeof options.points.fill !== "function")
    throw typeError("bamLowRank.points", "a PointSource", options.points);
  for (const name of ["rank", "batch", "maxSteps", "patches", "draws"] as const)
    if (options[name] !== undefined) integer(`bamLowRank.${name}`, options[name], name === "draws" ? 2 : 1);
  return finish(bamLowRankRun(new Evaluator(target), options), options);
}
