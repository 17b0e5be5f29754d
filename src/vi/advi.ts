// Automatic differentiation variational inference for a Target, from nothing to a checked answer: a start on L-BFGS's path, natural
// gradients where the dimension allows them, Adam where they do not suffice or are not wanted, and a judgement of the result on
// fresh draws by two witnesses that the ELBO itself is not: how far the location and scales still want to move (regression.ts),
// and whether importance weighting agrees with the answer (k-hat, and the shift of means and standard deviations it asks for).

import type { Run } from "../optim/run.js";
import type { Target } from "../target.js";
import type { AdamCheckpoint } from "./adam-checkpoint.js";
import { adamStages, type StageEnd } from "./adam-stages.js";
import type { Entropy } from "./advi-state.js";
import { type Annealed, type Annealing, anneal } from "./annealing.js";
import { checkFit, type FinalCheck } from "./check.js";
import type { Sampling } from "./draws.js";
import type { FamilyName, FitFamily } from "./families.js";
import { denseGaussian, type Gaussian, gaussianOf } from "./gaussian.js";
import { fromPath, fromPoint, type Initial, pathOf, startingPoint } from "./initial.js";
import { Judge } from "./judge.js";
import type { Full } from "./moments.js";
import { naturalClimb, targetRoot } from "./natural.js";
import { betterBasin, gapOf, type Nested, nest } from "./nested.js";
import type { NestedMap } from "./nested-map.js";
import { throughMaps } from "./nested-program.js";
import type { Outcome } from "./outcome.js";
import type { Assessment } from "./regression.js";
import { sentence } from "./report.js";
import { attempts, dominant, negligible, type Rival, rivalOf } from "./rivals.js";
import { adviStreams, regressionLimit, Session } from "./session.js";
import { objection, type Shift, settled } from "./witness.js";

export interface AdviOptions {
  readonly family: FamilyName;
  readonly entropy: Entropy | "auto";
  /** Draws per Adam step, 1 or even. */
  readonly draws: number;
  /** What they are; default "random". */
  readonly sampling?: Sampling | undefined;
  readonly maxSteps: number;
  readonly seed: number;
  /** A fixed rate for Adam; absent: chosen and lowered. */
  readonly stepSize?: number | undefined;
  /** Start of the location, on the unconstrained scale. */
  readonly init?: Float64Array | undefined;
  /** Whether to search for a start and climb by natural gradients before Adam. */
  readonly warmUp: boolean;
  /** Whether to turn to nested Gaussians, in place of Adam, when a Gaussian is not right. */
  readonly nest: boolean;
  /** Draws of the final check. */
  readonly checkDraws: number;
  /** Where a climb by Adam goes on, with the trace until then; what came before it is done again. */
  readonly resume?: { readonly at: AdamCheckpoint; readonly trace: Float64Array } | undefined;
}

export interface AdviResult extends Outcome<Gaussian> {
  readonly family: FitFamily;
  /** Maps that `approximation` is seen through, the last to be applied first; mostly none. */
  readonly maps: readonly NestedMap[];
  /** How draws of `approximation` were annealed to the posterior, where it was not right itself. */
  readonly annealing?: Annealing | undefined;
  /** ELBO of every step. */
  readonly trace: Float64Array;
  readonly steps: number;
  /** Adam's last rate; undefined when the natural gradients sufficed. */
  readonly stepSize: number | undefined;
  /** How far from the optimum of the family, as far as it could be judged. */
  readonly assessment: Assessment | undefined;
  /** What importance weighting would change. */
  readonly shift: Shift | undefined;
  /** Steps and batches left out or shortened because a value was not finite, and the sites that were blamed. */
  readonly refused: number;
  readonly blamed: ReadonlyMap<string, number>;
  /** Of a fit that was cancelled: where its last climb by Adam was then. */
  readonly checkpoint?: AdamCheckpoint | undefined;
}

/** The search along the path of L-BFGS. */
const search = { stream: adviStreams.initial, draws: 16, candidates: 12 };
const longestPath = 200;

const rates = { cold: [1, 0.3, 0.1, 0.03, 0.01, 0.003], warm: [0.1, 0.03, 0.01] } as const;

export type End = StageEnd | "noStart";

/** What a climb ended with. */
interface Answer {
  readonly judge: Judge;
  readonly end: End;
  readonly rate?: number | undefined;
}

/** Runs ADVI. */
export function* adviFit(target: Target, options: AdviOptions): Run<AdviResult> {
  const session = new Session(target, options.seed, options.sampling);
  session.limit = options.maxSteps;
  session.adam.resume = options.resume;
  try {
    let start = startingPoint(session, options.init);
    if (!start) {
      session.refuse(options.init ?? new Float64Array(target.dimension));
      return finished(session, options, undefined, "noStart");
    }
    for (let attempt = 1; ; attempt++) {
      const { judge, end, rate } = yield* climb(session, options, start);
      let answer: Nested = yield* richer(session, options, judge.q, end, start);
      if (options.nest) answer = yield* resort(target, answer);
      const { maps, axes, annealed } = answer;
      // A plain answer stays as it was found, mean-field or not.
      const approximation: Full = maps.length > 0 ? answer.q : judge.q;
      let { final } = answer;
      try {
        // Look for other modes where nothing else speaks against the answer, or nothing else is going to be done about it.
        let rival: Rival | undefined;
        const convincing = annealed
          ? !annealed.verdict.against && annealed.final.bad === 0
          : (options.nest ? doubtless(final) : final?.bad === 0 && settled(final.check)) &&
            (end === "judged" || maps.length > 0);
        if (final && convincing && options.warmUp && target.dimension <= regressionLimit) {
          const q = denseGaussian(annealed ? gaussianOf(annealed.final.check.points, target.dimension) : approximation);
          const found = yield* rivalOf(answer.session, q, final.check.elbo.value);
          if (found && found.elbo > final.check.elbo.value + negligible) rival = found;
          if (rival && rival.elbo > final.check.elbo.value + dominant && attempt < attempts && !session.cancelled) {
            start = throughMaps(maps, 1, rival.q.mean);
            continue;
          }
        }
        const { cancelled } = session;
        final ??= yield* checkFit(answer.session, approximation, roughDraws, true);
        const how: End = cancelled
          ? "cancelled"
          : session.cut
            ? "maxSteps"
            : maps.length > 0 || annealed
              ? "judged"
              : end;
        const facts = { assessment: judge.last, final, stepSize: rate, rival: rival?.elbo, maps, axes, annealed };
        return finished(answer.session, options, approximation, how, facts);
      } finally {
        if (answer.session !== session) answer.session.dispose();
      }
    }
  } finally {
    session.dispose();
  }
}

/** Divergence of a believable answer, in nats, above which a richer family is tried all the same. */
const improvable = 0.1;

/** Whether a check has nothing to say against an answer. */
function doubtless(f: FinalCheck | undefined): boolean {
  return f !== undefined && f.bad === 0 && !objection(f.check, f.shift);
}

/** An answer that is objected to, with its draws annealed where that is possible. */
function* resort(target: Target, answer: Nested): Run<Nested> {
  const { session, q, maps, final } = answer;
  if (session.dimension > regressionLimit || session.cancelled || session.cut) return answer;
  if (!final || final.bad > 0 || doubtless(final)) return answer;
  const annealed = yield* anneal(session, denseGaussian(q), target, maps);
  return annealed ? { ...answer, final: annealed.final, annealed } : answer;
}

/** The checked answer q, or, where it is not right and a richer family is allowed, what that makes of it. */
function* richer(session: Session, options: AdviOptions, q: Full, end: End, start: Float64Array): Run<Nested> {
  const final = session.cancelled ? undefined : yield* checkFit(session, q, options.checkDraws, false);
  let answer: Nested = { session, q, maps: [], axes: [], final };
  if (!options.nest || session.dimension > regressionLimit || session.cancelled || session.cut) return answer;
  if (end === "judged" && doubtless(final)) {
    // Believable, and yet there is something to gain.
    if (gapOf(final) <= improvable) return answer;
    const nested = yield* nest(session, denseGaussian(q), options.checkDraws);
    if (nested.maps.length > 0 && doubtless(nested.final) && gapOf(nested.final) < gapOf(final)) return nested;
    if (nested.session !== session) nested.session.dispose();
    return answer;
  }
  // Ratios without a mean say that q may be in a wrong place altogether; otherwise that is looked into only if nesting fails.
  const lost = !final || !(final.check.psis.khat < 1);
  const basin = lost ? yield* betterBasin(session, denseGaussian(q), start) : denseGaussian(q);
  answer = orElse(answer, yield* nest(session, basin, options.checkDraws), session);
  if (!lost && !session.cancelled && !doubtless(answer.final)) {
    const other = yield* betterBasin(session, denseGaussian(q), start);
    if (other !== basin) answer = orElse(answer, yield* nest(session, other, options.checkDraws), session);
  }
  return answer;
}

/** The later answer where it has maps, the earlier one otherwise; what is not kept is disposed of. */
function orElse(earlier: Nested, later: Nested, session: Session): Nested {
  const [kept, other] = later.maps.length > 0 ? [later, earlier] : [earlier, later];
  if (other.session !== session && other.session !== kept.session) other.session.dispose();
  return kept;
}

/** Draws of the check after a cancellation: somebody is waiting. */
const roughDraws = 256;

/** From a start to the best Gaussian of the family, or as far as it goes. */
function* climb(session: Session, options: AdviOptions, start: Float64Array): Run<Answer> {
  const { family } = options;
  const n = session.dimension;
  const asFamily = (q: Full): Full => (family === "fullRank" ? denseGaussian(q) : q);
  let warm = false;
  let root: Float64Array | undefined;
  let units: Float64Array | undefined;
  const judge = new Judge(session, asFamily({ kind: "diagonal", mean: start, scale: new Float64Array(n).fill(1) }));
  if (options.warmUp) {
    const { path } = yield* pathOf(session, start, longestPath);
    const initial = yield* fromPath(session, path, search);
    judge.q = asFamily(initial.q);
    units = initial.q.scale;
    if (session.cancelled) return { judge, end: "cancelled" };
    if (session.cut) return { judge, end: "maxSteps" };
    if (n <= regressionLimit) {
      const batch = { stream: adviStreams.climb, round: 0, draws: Math.max(64, 4 * n) };
      const from = (i: Initial) => naturalClimb(session, asFamily(i.q), { maxSteps: 40, batch, tolerance: 0.05 });
      let best = yield* from(initial);
      judge.q = best.q;
      if (!session.cancelled && !(best.settled && best.regression && best.regression.roughness < 0.1)) {
        // A hard density, or a path that led astray (into the neck of a funnel): try from the start itself.
        const other = yield* from(yield* fromPoint(session, start, search));
        if (other.batch.elbo > best.batch.elbo) best = other;
        judge.q = best.q;
      }
      if (session.cancelled) return { judge, end: "cancelled" };
      if (session.cut) return { judge, end: "maxSteps" };
      if (yield* judge.refine(best.q, 4)) return { judge, end: "judged" };
      if (session.cancelled) return { judge, end: "cancelled" };
      if (session.cut) return { judge, end: "maxSteps" };
      if (options.nest) return { judge, end: "stages" };
      root = best.regression && targetRoot(best.q, best.regression);
      warm = true;
    }
  }
  const fixed = options.stepSize;
  const climbed = yield* adamStages(session, judge.q, {
    family,
    entropy: options.entropy,
    near: warm,
    draws: options.draws,
    maxSteps: options.maxSteps,
    rates: fixed !== undefined ? [fixed] : warm ? rates.warm : rates.cold,
    stages: fixed !== undefined ? 1 : 10,
    root,
    units: root ? undefined : units,
    renew: fixed === undefined,
    judge,
  });
  judge.q = climbed.q;
  return { judge, end: climbed.end, rate: climbed.rate };
}

interface Findings {
  readonly assessment?: Assessment | undefined;
  readonly final?: FinalCheck | undefined;
  readonly stepSize?: number | undefined;
  readonly rival?: number | undefined;
  readonly maps?: readonly NestedMap[];
  readonly axes?: readonly string[];
  readonly annealed?: Annealed | undefined;
}

function finished(
  session: Session,
  options: AdviOptions,
  approximation: Gaussian | undefined,
  end: End,
  { assessment, final, stepSize, rival, maps = [], axes = [], annealed }: Findings = {},
): AdviResult {
  const { check, shift, bad = 0 } = final ?? {};
  const { verdict } = annealed ?? {};
  const { status, message } = sentence({ end, check, shift, assessment, bad, rival, axes, verdict, session, options });
  return {
    status,
    message,
    approximation,
    elbo: check?.elbo.value ?? -Infinity,
    elboStandardError: check?.elbo.error ?? Infinity,
    gradients: session.evaluator.gradients,
    check,
    family: options.family,
    maps,
    annealing: annealed?.annealing,
    trace: session.trace,
    steps: session.steps,
    stepSize,
    assessment,
    shift,
    refused: session.refused,
    blamed: session.blamed,
    checkpoint: session.cancelled ? session.adam.ended : undefined,
  };
}
