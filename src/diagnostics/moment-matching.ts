// Importance sampling that adapts its proposal (Paananen, Piironen, Bürkner & Vehtari 2021, Stat. Comput. 31): draws are moved affinely
// so that their mean, then their variances, then their covariance become those that the weights ask for, as long as k-hat falls. In the
// end half of the draws stay where they were and half are moved, weighted by the mixture of both densities.

import { cholesky, logDiagonal, multiplyLower, solveLower } from "../linalg/cholesky.js";
import { log, logSumExp } from "../linalg/elementary.js";
import { type Psis, psis } from "./psis.js";

/** Draws [draw × dimension] from a proposal whose density can be evaluated anywhere, and a target. */
export interface AdaptiveProblem {
  readonly dimension: number;
  readonly points: Float64Array;
  /** Log densities of the proposal at `points`. */
  readonly logProposals: Float64Array;
  /** Log densities of the target at `points`; neither needs be normalised. */
  readonly logTargets: Float64Array;
  /** The same at any points. */
  logProposal(points: Float64Array): Float64Array;
  logTarget(points: Float64Array): Float64Array;
}

export interface Adapted {
  /** The mixture's draws. */
  readonly points: Float64Array;
  readonly weights: Psis;
  /** Moves that were made; 0: none lowered k-hat, and the draws are those given. */
  readonly moves: number;
}

/** x → to + R (x − from): R is the identity, a diagonal, or wanted · present⁻¹ with lower triangular factors. */
interface Move {
  readonly from: Float64Array;
  readonly to: Float64Array;
  readonly scale?: Float64Array;
  readonly wanted?: Float64Array;
  readonly present?: Float64Array;
  /** log |det R| */
  readonly logDeterminant: number;
}

const mostMoves = 30;
/** Moves go on until k-hat is below 1/2, where ratios have a variance, so that the mixture's, which may be larger, is below its threshold. */
const goal = 0.5;
/** Draws per coordinate that a covariance is estimated from at least, and the largest dimension it is worth its cost in. */
const drawsPerCoordinate = 10;
const largestDimension = 500;

function moved(points: Float64Array, n: number, move: Move, back = false): Float64Array {
  const out = points.slice();
  const [from, to] = back ? [move.to, move.from] : [move.from, move.to];
  const [first, second] = back ? [move.wanted, move.present] : [move.present, move.wanted];
  for (let at = 0; at < out.length; at += n) {
    for (let i = 0; i < n; i++) {
      const x = out[at + i]! - from[i]!;
      out[at + i] = move.scale ? (back ? x / move.scale[i]! : x * move.scale[i]!) : x;
    }
    if (first && second) {
      solveLower(first, n, out, at);
      multiplyLower(second, n, out, at, out, at);
    }
    for (let i = 0; i < n; i++) out[at + i] = out[at + i]! + to[i]!;
  }
  return out;
}

/** Mean and covariance factor (or variances) of points under weights; equal ones when absent. */
function momentsOf(points: Float64Array, n: number, weights: Float64Array | undefined, full: boolean) {
  const draws = points.length / n;
  const mean = new Float64Array(n);
  const weight = (d: number): number => (weights ? weights[d]! : 1 / draws);
  for (let d = 0; d < draws; d++) for (let i = 0; i < n; i++) mean[i]! += weight(d) * points[d * n + i]!;
  const variance = new Float64Array(n);
  const covariance = new Float64Array(full ? n * n : 0);
  const x = new Float64Array(n);
  for (let d = 0; d < draws; d++) {
    const w = weight(d);
    if (w === 0) continue;
    for (let i = 0; i < n; i++) {
      x[i] = points[d * n + i]! - mean[i]!;
      variance[i]! += w * x[i]! * x[i]!;
    }
    if (full) for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) covariance[i * n + j]! += w * x[i]! * x[j]!;
  }
  const factor = full && cholesky(covariance, n) ? covariance : undefined;
  return { mean, variance, factor };
}

/** The moves to try for these weights, the gentlest first. */
function* movesFor(points: Float64Array, n: number, weights: Float64Array): Generator<Move> {
  const draws = points.length / n;
  const now = momentsOf(points, n, undefined, false);
  const wanted = momentsOf(points, n, weights, false);
  yield { from: now.mean, to: wanted.mean, logDeterminant: 0 };
  const scale = wanted.variance.map((v, i) => Math.sqrt(v / now.variance[i]!));
  if (scale.every((s) => s > 0 && s < Infinity))
    yield { from: now.mean, to: wanted.mean, scale, logDeterminant: scale.reduce((a, s) => a + log(s), 0) };
  if (n < 2 || n > largestDimension || draws < drawsPerCoordinate * n) return;
  const present = momentsOf(points, n, undefined, true).factor;
  const asked = momentsOf(points, n, weights, true).factor;
  if (present && asked)
    yield {
      from: now.mean,
      to: wanted.mean,
      present,
      wanted: asked,
      logDeterminant: logDiagonal(asked, n) - logDiagonal(present, n),
    };
}

/** Adapts the draws until k-hat is small or no move lowers it. */
export function adaptiveImportance(problem: AdaptiveProblem): Adapted {
  const { dimension: n, logProposals } = problem;
  const draws = logProposals.length;
  const ratio = (targets: Float64Array): Psis => psis(targets.map((t, d) => t - logProposals[d]!));
  const moves: Move[] = [];
  let points = problem.points;
  let smoothed = ratio(problem.logTargets);
  const unmoved = smoothed;
  search: while (smoothed.khat > goal && moves.length < mostMoves) {
    for (const move of movesFor(points, n, smoothed.weights)) {
      const next = moved(points, n, move);
      // The move's determinant is the same for all draws: it does not count before the mixture.
      const there = ratio(problem.logTarget(next));
      if (!(there.khat < smoothed.khat)) continue;
      moves.push(move);
      points = next;
      smoothed = there;
      continue search;
    }
    break;
  }
  if (!moves.length) return { points, weights: unmoved, moves: 0 };

  // Half moved, half not; each weighted by the density of the mixture of both at its place.
  const half = draws >> 1;
  const mixed = problem.points.slice();
  mixed.set(points.subarray(0, half * n));
  let origins: Float64Array = mixed;
  for (const move of [...moves].reverse()) origins = moved(origins, n, move, true);
  const stretched = moves.reduce((a, m) => a + m.logDeterminant, 0);
  const stayed = problem.logProposal(mixed);
  const came = problem.logProposal(origins);
  const targets = problem.logTarget(mixed);
  const pair = new Float64Array(2);
  const shares = [log((draws - half) / draws), log(half / draws)] as const;
  const logRatios = targets.map((t, d) => {
    pair[0] = stayed[d]! + shares[0];
    pair[1] = came[d]! - stretched + shares[1];
    return t - logSumExp(pair);
  });
  const weights = psis(logRatios);
  return weights.khat < unmoved.khat
    ? { points: mixed, weights, moves: moves.length }
    : { points: problem.points, weights: unmoved, moves: 0 };
}
