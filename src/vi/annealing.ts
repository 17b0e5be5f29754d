// The last resort of a default fit, where no family of q is right: annealed importance sampling (Neal 2001) from the best q there is. Draws
// of q are moved by Hamiltonian Monte Carlo along q^(1 - beta) p^beta, beta from 0 to 1, and weighted for the speed of the journey; the
// mean log weight is an ELBO, that of a q for the whole journey (Salimans, Kingma & Welling 2015). They are then resampled by
// their weights and moved on with p invariant, as in a sequential Monte Carlo sampler (Del Moral, Doucet & Jasra 2006), for ever longer
// until they have forgotten where they were. Lengths of steps and temperatures are chosen by a pilot with random numbers of its own.

import { estimateElbo } from "../diagnostics/evidence.js";
import { type Psis, psis, resampleWithReplacement } from "../diagnostics/psis.js";
import { exp } from "../linalg/elementary.js";
import { finish, type Run } from "../optim/run.js";
import type { Target } from "../target.js";
import { Chains, type Moved, type Transition } from "./chains.js";
import type { FinalCheck } from "./check.js";
import type { DenseGaussian } from "./gaussian.js";
import { lanes } from "./moments.js";
import type { NestedMap } from "./nested-map.js";
import { throughMaps } from "./nested-program.js";
import { NestedTarget } from "./nested-target.js";
import { adviStreams, Session } from "./session.js";
import {
  annealedObjection,
  forgotten,
  largestCorrelation,
  type Objection,
  type Shift,
  shiftBetween,
} from "./witness.js";

const pilotBatches = 8;
/** Chains that are resampled together, and how often each is looked at. */
const batches = 63;
export const chains = batches * lanes;
const looks = 4;
/** Draws that one group of chains gives. */
const perGroup = chains * looks;
/** Share of effective draws that one change of temperature leaves. */
const share = 0.99;
/** Length of a trajectory on the way; leaps at most, and acceptance wanted. */
const trajectory = 1.5;
const mostLeaps = 64;
const acceptance = 0.8;
/** Share of trajectories that diverge which steps are adapted to, and the share in the last phase above which draws are not believed. */
const divergence = 0.004;
const divergent = 0.01;
/** Changes of temperature at most, and standard deviation of the pilot's log weights, in nats: q is too far away beyond. */
const mostTemperatures = 64;
const mostSpread = 2;
/**
 * Moves at the end, phase by phase, and the lengths of their trajectories in standard deviations. All are made but the last, which is for
 * heavy-tailed weights and slow chains.
 */
const phases = [
  { moves: 8, length: 1.5 },
  { moves: 16, length: 1.5 },
  { moves: 32, length: 1.5 },
  { moves: 32, length: 3 },
] as const;
/** k-hat of weights whose tail calls for the last phase: too heavy for any number of draws (Vehtari et al. 2024). */
const heavyTail = 0.7;
/** Correlation over a phase (not the first) above which no other is tried. */
const hopeless = 0.5;

/** How draws were annealed: with the target all that it takes to make more of them. */
export interface Annealing {
  /** Where chains start, seen through maps, the last to be applied first. */
  readonly q: DenseGaussian;
  readonly maps: readonly NestedMap[];
  /** All moves; from `arrival` on beta is 1 and there are no weights, and in the last `phase` chains are looked at. */
  readonly moves: readonly Transition[];
  readonly arrival: number;
  readonly phase: number;
  /** On the target's own unconstrained scale, [draw × D]: the draws of the fit's seed. */
  readonly points: Float64Array;
}

/** What is held against annealed draws, and what it is judged by. */
export interface AnnealedVerdict {
  readonly against: Objection | "memory" | "curvature" | undefined;
  readonly shift: Shift;
  /** The largest correlation over the last phase, and whose it is. */
  readonly correlation: number;
  readonly slowest: string;
  readonly temperatures: number;
  readonly moves: number;
}

/** What annealing comes to. */
export interface Annealed {
  readonly annealing: Annealing;
  /** Of the weights on arrival, and where chains are in the end; `shift` is that of the last phase. */
  readonly final: FinalCheck;
  readonly verdict: AnnealedVerdict;
}

const leapsOf = (step: number, length = trajectory): number =>
  Math.min(mostLeaps, Math.max(1, Math.round(length / step)));
/** Lengths vary, so that no period of a trajectory is met again and again. */
const varied = (step: number, k: number): number => step * (0.8 + 0.4 * ((k * 0.6180339887498949) % 1));
/** A step for the next move: shorter when too few trajectories are accepted, or too many diverge. */
const adapted = (step: number, { accepted, diverged }: Moved): number =>
  step * exp(Math.min(Math.max(Math.min(accepted - acceptance, 10 * (divergence - diverged)), -0.5), 0.2));

/** The largest next beta that leaves the wanted share of effective draws. */
function nextBeta(beta: number, ratios: Float64Array): number {
  const max = ratios.reduce((a, b) => Math.max(a, b), -Infinity);
  const leaves = (change: number): boolean => {
    let sum = 0;
    let square = 0;
    for (const r of ratios) {
      const w = exp(change * (r - max));
      sum += w;
      square += w * w;
    }
    return sum * sum >= share * ratios.length * square;
  };
  if (!(max > -Infinity) || leaves(1 - beta)) return 1;
  let low = 0;
  let high = 1 - beta;
  for (let k = 0; k < 30; k++) {
    const middle = 0.5 * (low + high);
    if (leaves(middle)) low = middle;
    else high = middle;
  }
  return beta + low;
}

/** The moves from q to the posterior, with temperatures and steps as some chains need them; undefined when there is no getting there. */
function* pilot(session: Session, q: DenseGaussian): Run<Transition[] | undefined> {
  const some = new Chains(session, q, adviStreams.pilot, pilotBatches, 0);
  const moves: Transition[] = [];
  try {
    yield* some.start();
    let beta = 0;
    let step = Math.min(0.5, 1 / Math.sqrt(Math.sqrt(session.dimension)));
    while (beta < 1) {
      if (moves.length === mostTemperatures || session.cancelled || !session.allows(1)) return undefined;
      beta = nextBeta(beta, some.ratios);
      some.reweigh(beta);
      const move = { beta, step: varied(step, moves.length), leaps: leapsOf(step) };
      moves.push(move);
      step = adapted(step, yield* some.move(move));
      session.spent++;
    }
    const spread = estimateElbo(some.logWeights).error * Math.sqrt(some.size);
    return session.cancelled || !(spread <= mostSpread) ? undefined : moves;
  } finally {
    some.dispose();
  }
}

/** Brings chains to the posterior, and resamples them by their weights, which it returns. Undefined when cancelled. */
function* arrive(group: Chains, moves: readonly Transition[], arrival: number): Run<Psis | undefined> {
  yield* group.start();
  for (let k = 0; k < arrival; k++) {
    group.reweigh(moves[k]!.beta);
    yield* group.move(moves[k]!);
    if (group.session.cancelled) return undefined;
  }
  const weighing = psis(group.logWeights);
  group.resample(resampleWithReplacement(weighing.weights, group.size, new Float64Array(group.size).fill(0.5)));
  return weighing;
}

/** Whether chains are looked at after move k of a phase of so many. */
const looked = (k: number, phase: number): boolean => ((k + 1) * looks) % phase === 0;

/** Anneals from q, in the coordinates of `session`, which sees `target` through `maps`. Undefined when it cannot be done, or was cancelled. */
export function* anneal(
  session: Session,
  q: DenseGaussian,
  target: Target,
  maps: readonly NestedMap[],
): Run<Annealed | undefined> {
  const moves = yield* pilot(session, q);
  if (!moves) return undefined;
  const arrival = moves.length;
  const group = new Chains(session, q, adviStreams.anneal, batches, 0);
  try {
    const weighing = yield* arrive(group, moves, arrival);
    if (!weighing) return undefined;
    session.spent += arrival;
    const { logWeights } = group;
    const heavy = !(weighing.khat <= heavyTail);
    let { step } = moves[arrival - 1]!;
    let before = throughMaps(maps, chains, group.points());
    for (let k = 0; ; k++) {
      const { moves: phase, length } = phases[k]!;
      const seen: Float64Array[] = [];
      let diverged = 0;
      for (let m = 0; m < phase; m++) {
        if (!session.allows(1)) return undefined;
        const move = { beta: 1, step: varied(step, moves.length), leaps: leapsOf(step, length) };
        moves.push(move);
        const moved = yield* group.move(move);
        step = adapted(step, moved);
        diverged += moved.diverged;
        session.spent++;
        if (session.cancelled) return undefined;
        if (looked(m, phase)) seen.push(throughMaps(maps, chains, group.points()));
      }
      const after = seen[looks - 1]!;
      const { correlation, name: slowest } = largestCorrelation(target, before, after);
      const goesOn = k < phases.length - 2 || (k === phases.length - 2 && (heavy || correlation > forgotten));
      if (goesOn && (k === 0 || correlation <= hopeless)) {
        before = after;
        continue;
      }
      const shift = shiftBetween(target, before, after);
      const points = new Float64Array(perGroup * session.dimension);
      seen.forEach((a, j) => {
        points.set(a, j * a.length);
      });
      const check = {
        draws: chains,
        points: group.points(),
        logDensities: logWeights,
        logRatios: logWeights,
        elbo: estimateElbo(logWeights),
        psis: weighing,
      };
      const bad = logWeights.reduce((n, w) => n + (Number.isFinite(w) ? 0 : 1), 0);
      // Steps so small that trajectories are cut short are a sign of the same.
      const last = moves.at(-1)!;
      const sharp = diverged > divergent * phase || mostLeaps * last.step < 0.75 * length;
      const verdict: AnnealedVerdict = {
        against: annealedObjection(check, shift, correlation) ?? (sharp ? "curvature" : undefined),
        shift,
        correlation,
        slowest,
        temperatures: arrival,
        moves: moves.length - arrival,
      };
      return { annealing: { q, maps, moves, arrival, phase, points }, final: { check, shift, bad }, verdict };
    }
  } finally {
    group.dispose();
  }
}

/**
 * Draws [draw × D] annealed anew, by the moves of a fit: group after group, so that a longer row begins with a shorter one. With the seed of
 * the fit it begins with the fit's own.
 */
export function annealedDraws(target: Target, annealing: Annealing, count: number, seed: number): Float64Array {
  const { q, maps, moves, arrival, phase } = annealing;
  const n = target.dimension;
  const out = new Float64Array(count * n);
  // The innermost last: each session owns the view it is of, and the programs of that.
  const sessions = [new Session(target, seed)];
  for (const map of maps) {
    const outer = sessions.at(-1)!;
    sessions.push(outer.view(new NestedTarget(outer.target, map)));
  }
  try {
    for (let from = 0, g = 0; from < count; from += perGroup, g++) {
      const group = new Chains(sessions.at(-1)!, q, adviStreams.anneal, batches, g * batches);
      try {
        finish(arrive(group, moves, arrival));
        for (let k = arrival, at = from * n; k < moves.length; k++) {
          finish(group.move(moves[k]!));
          const m = k - (moves.length - phase);
          if (m < 0 || !looked(m, phase)) continue;
          const seen = throughMaps(maps, chains, group.points());
          out.set(seen.subarray(0, Math.max(0, Math.min(seen.length, out.length - at))), Math.min(at, out.length));
          at += seen.length;
        }
      } finally {
        group.dispose();
      }
    }
  } finally {
    for (const session of sessions.reverse()) session.dispose();
  }
  return out;
}
