// Climbing by Adam with the step size chosen and lowered for the user (in the spirit of RAABBVI, Welandawe et al. 2022): short runs
// on common random numbers pick the first rate; at each rate the ELBO climbs until it stalls (stopping.ts), then the iterates
// of a further stretch are averaged, which takes out most of the noise of the rate; the mean is judged, and unless it is good enough the
// next stage starts from it at a quarter of the rate. Steps with a value that is not finite are left out, counted and named.

import { log } from "../linalg/elementary.js";
import type { Run } from "../optim/run.js";
import type { Target } from "../target.js";
import { type Memory, type Place, pack, phases, unpack } from "./adam-checkpoint.js";
import { AdviState, type Entropy } from "./advi-state.js";
import {
  type AffineMap,
  type FamilyName,
  type Parameters,
  packStrict,
  standardParameters,
  toGaussian,
} from "./families.js";
import type { Gaussian } from "./gaussian.js";
import type { Full } from "./moments.js";
import { adviStreams, type Session } from "./session.js";
import { stallInit, stallStep } from "./stopping.js";

export interface StageOptions {
  readonly family: FamilyName;
  /** "auto": closed form in the first stage unless it begins near the optimum, sticking the landing after it. */
  readonly entropy: Entropy | "auto";
  /** Whether the start is believed to be near the optimum. */
  readonly near: boolean;
  readonly draws: number;
  /** Steps of the whole fit, all kinds together. */
  readonly maxSteps: number;
  /** Rates to choose from, largest first. */
  readonly rates: readonly number[];
  /** Stages at ever smaller rates; 1 keeps the first rate. */
  readonly stages: number;
  /** Square root of a covariance, row-major lower triangular, in whose coordinates the location moves; absent: the model's own. */
  readonly root?: Float64Array | undefined;
  /** Scales in whose units the location moves, where there is no root. */
  readonly units?: Float64Array | undefined;
  /** Whether the coordinates are renewed from what a stage has learnt; a fixed step size stays in the coordinates it was given for. */
  readonly renew: boolean;
  /** Judges the mean of a stage; its memory is put back where a climb goes on. */
  readonly judge: Memory & { verdict(q: Full): Run<Verdict> };
}

export interface Verdict {
  /** Ends the climb. */
  readonly good: boolean;
  /** Square root of what the target's covariance looks like from here. */
  readonly root?: Float64Array | undefined;
  /** Nats that the ELBO is expected to rise yet. */
  readonly gain: number;
}

export type StageEnd = "judged" | "stages" | "maxSteps" | "diverged" | "cancelled";

export interface Climbed {
  readonly q: Full;
  readonly end: StageEnd;
  readonly rate: number;
  /** Adam steps, those of the choice of the rate apart. */
  readonly steps: number;
}

const choosing = 30;
const stretch = 10;
const averaging = 150;
const longestStage = 3000;
const decay = 0.25;
const slowest = 3e-4;
/** The rate in renewed coordinates, and the gain in nats above which it is kept. */
const renewed = 0.1;
const far = 1;
/** Milliseconds after which the event loop may want its turn. */
const patience = 4;
const nothing = new Float64Array(0);
type Stretch = Pick<Place, "partial" | "failed">;

export type Coordinates = Pick<StageOptions, "root" | "units" | "family">;

/** The coordinates of the optimiser and q in them. */
function coordinates(q: Full, options: Coordinates): { map: AffineMap | undefined; parameters: Parameters } {
  const n = q.mean.length;
  const { root, units, family } = options;
  const centre = q.mean;
  const zero = new Float64Array(n);
  const diagonalOf = (a: Float64Array): Float64Array => Float64Array.from({ length: n }, (_, i) => a[i * n + i]!);
  if (family === "fullRank") {
    const cholesky = q.kind === "dense" ? q.cholesky : undefined;
    if (root && cholesky)
      // q itself is the map, whatever root was given: it is standard normal there.
      return {
        map: { centre, diagonal: diagonalOf(cholesky), lower: packStrict(cholesky, n) },
        parameters: standardParameters(n, family),
      };
    const scale = cholesky ? diagonalOf(cholesky) : (q as { scale: Float64Array }).scale;
    const lower = cholesky ? packStrict(cholesky, n) : standardParameters(n, family).lower;
    if (!units) return { map: undefined, parameters: { location: centre, logScale: scale.map(log), lower } };
    let k = 0;
    for (let i = 1; i < n; i++) for (let j = 0; j < i; j++, k++) lower[k] = lower[k]! / units[i]!;
    return {
      map: { centre, diagonal: units },
      parameters: { location: zero, logScale: scale.map((s, i) => log(s / units[i]!)), lower },
    };
  }
  const logScale = (q as { scale: Float64Array }).scale.map(log);
  const lower = new Float64Array(0);
  if (root)
    return {
      map: { centre, diagonal: diagonalOf(root), lower: packStrict(root, n) },
      parameters: { location: zero, logScale, lower },
    };
  if (units) return { map: { centre, diagonal: units }, parameters: { location: zero, logScale, lower } };
  return { map: undefined, parameters: { location: centre, logScale, lower } };
}

/** One ADVI state with its session: steps that report, are counted, and survive values that are not finite. */
class Climber {
  readonly state: AdviState;
  map: AffineMap | undefined;
  steps = 0;
  failures = 0;

  constructor(
    readonly session: Session,
    target: Target,
    readonly options: StageOptions,
  ) {
    const { family, draws } = options;
    const entropy = options.entropy !== "auto" ? options.entropy : options.near ? "stl" : "closedForm";
    const { seed, sampling } = session;
    this.state = new AdviState(target, { family, entropy, draws, seed, stream: adviStreams.step, sampling });
  }

  begin(q: Full, system: Coordinates): Parameters {
    const { map, parameters } = coordinates(q, system);
    this.map = map;
    this.state.map = map;
    this.state.parameters = parameters;
    return parameters;
  }

  /** q now, or the mean of the iterates since the mean was reset. */
  gaussian(parameters: Parameters): Full {
    return toGaussian(this.options.family, parameters, this.map) as Gaussian as Full;
  }

  /**
   * `count` steps; fewer when cancelled or when too many were not finite. The division into runs changes no number. Goes on from the
   * stretch that `place` holds, and leaves it there when cancelled.
   */
  *advance(count: number, stage: string, quiet: boolean, place?: Stretch): Run<Float64Array> {
    const { session, state } = this;
    const trace = new Float64Array(count);
    trace.set(place?.partial.subarray(0, count) ?? nothing);
    let done = Math.min(count, place?.partial.length ?? 0);
    let failed = place?.failed ?? 0;
    let run = 1;
    while (done < count && failed < count + 10) {
      const began = performance.now();
      const part = state.run(Math.min(run, count - done));
      trace.set(part, done);
      done += part.length;
      session.evaluator.gradients += part.length * this.options.draws;
      if (!quiet) {
        this.steps += part.length;
        for (const elbo of part) session.record(elbo);
      } else session.spent += part.length;
      if (part.length === 0) {
        failed++;
        this.failures++;
        session.refuse(state.failedPoint());
        state.skip();
      }
      const spent = performance.now() - began;
      run = spent < patience / 4 ? run * 4 : spent > patience ? Math.max(1, run >> 1) : run;
      yield* session.turn(stage);
      if (session.cancelled) break;
    }
    if (place) {
      place.partial = session.cancelled ? trace.slice(0, done) : nothing;
      place.failed = session.cancelled ? failed : 0;
    }
    return trace.subarray(0, done);
  }

  /** The rate whose short run ends highest, with the parameters it ends at; undefined when none can run. */
  *choose(start: Parameters): Run<{ rate: number; parameters: Parameters } | undefined> {
    const { session, state, options } = this;
    let best: { rate: number; parameters: Parameters; score: number } | undefined;
    for (const rate of options.rates) {
      state.parameters = start;
      state.resetOptimizer(rate);
      state.seek(adviStreams.rate, 0);
      const trace = yield* this.advance(choosing, "step size", true);
      if (session.cancelled) return undefined;
      if (trace.length < choosing) continue;
      const half = trace.subarray(choosing / 2);
      const score = half.reduce((a, b) => a + b, 0) / half.length;
      if (!best || score > best.score) best = { rate, parameters: state.parameters, score };
    }
    state.seek(adviStreams.step, 0);
    if (best) session.record(best.score);
    return best;
  }

  /** Climbs at the present rate until the ELBO stalls or step `last` of the fit is reached. False: too many steps were not finite, or it was cancelled. */
  *climb(place: Place, last: number): Run<boolean> {
    const { session } = this;
    for (; place.k < longestStage; place.k += stretch) {
      const before = session.spent - place.partial.length;
      if (before >= last) break;
      const count = Math.min(stretch, last - before);
      const trace = yield* this.advance(count, "climb", false, place);
      if (trace.length < count || session.cancelled) return false;
      for (const elbo of trace) if (stallStep(place.stall, elbo)) return true;
    }
    return true;
  }
}

/** Climbs from q, stage by stage; or goes on where this climb of the fit was cancelled. */
export function* adamStages(session: Session, start: Full, options: StageOptions): Run<Climbed> {
  const climber = new Climber(session, session.target, options);
  const { state } = climber;
  const { family, judge } = options;
  const longest = Math.ceil(options.maxSteps / 4);
  const { adam } = session;
  const call = adam.climbs++;
  const resume = adam.resume?.at.numbers[0] === call ? adam.resume.at : undefined;
  const place: Place = resume
    ? unpack(resume, family, judge, session)
    : {
        phase: phases.climb,
        stage: 0,
        restarts: 0,
        rate: options.rates[0]!,
        window: Math.min(averaging, longest),
        k: 0,
        partial: nothing,
        failed: 0,
        steps: 0,
        failures: 0,
        stall: stallInit({ tolerance: 0.01 }),
        q: start,
        base: start,
        system: options,
      };
  const ended = (end: StageEnd): Climbed => ({ q: place.q, end, rate: place.rate, steps: climber.steps });
  const checkpoint = () => {
    place.steps = climber.steps;
    place.failures = climber.failures;
    return pack(call, place, state.save(), judge, session);
  };
  const begin = (): Parameters => {
    place.base = place.q;
    return climber.begin(place.q, place.system);
  };
  try {
    if (resume) {
      climber.begin(place.base, place.system);
      state.restore(resume.arrays["advi"]!, adviStreams.step);
      climber.steps = place.steps;
      climber.failures = place.failures;
    } else {
      let parameters = begin();
      // Where the steps do not suffice for a choice, the smallest rate.
      const trials = choosing * options.rates.length + 1;
      if (session.left < trials) place.rate = options.rates.at(-1)!;
      else if (options.rates.length > 1) {
        let choice = yield* climber.choose(parameters);
        // Nowhere to go with this q: a narrower one may still lie within the support.
        for (let k = 0; k < 4 && !choice && !session.cancelled && session.left >= trials; k++) {
          parameters = { ...parameters, logScale: parameters.logScale.map((w) => w - 2) };
          choice = yield* climber.choose(parameters);
        }
        if (session.cancelled) return ended("cancelled");
        if (!choice) return ended("diverged");
        place.rate = choice.rate;
        parameters = choice.parameters;
        state.parameters = parameters;
        place.q = climber.gaussian(parameters);
      }
    }
    for (let goesOn = resume !== undefined; place.stage < options.stages; goesOn = false) {
      if (!goesOn) {
        if (!session.allows(1)) return ended("maxSteps");
        state.resetOptimizer(place.rate);
        place.phase = phases.climb;
        place.stall = stallInit({ tolerance: 0.01 });
        place.k = 0;
      }
      let whole = true;
      if (place.phase === phases.climb) {
        whole = yield* climber.climb(place, options.maxSteps - place.window);
        if (session.cancelled) {
          adam.ended = checkpoint();
          place.q = climber.gaussian(state.parameters);
          return ended("cancelled");
        }
        if (whole) {
          place.phase = phases.average;
          state.resetAverage();
        }
      }
      if (place.phase === phases.average) {
        const count = Math.max(1, Math.min(place.window, session.left + place.partial.length));
        whole = (yield* climber.advance(count, "average", false, place)).length === count;
        if (session.cancelled) {
          adam.ended = checkpoint();
          place.q = climber.gaussian(state.average);
          return ended("cancelled");
        }
      }
      if (!whole) {
        // Back to where the stage began, with smaller steps.
        if (++place.restarts > 4) return ended("diverged");
        place.rate *= 0.1;
        begin();
        continue;
      }
      if (place.phase !== phases.judge) {
        place.phase = phases.judge;
        place.q = climber.gaussian(state.average);
      }
      // Whatever comes after is done again.
      adam.ended = checkpoint();
      const verdict = yield* judge.verdict(place.q);
      if (verdict.good) return ended("judged");
      if (session.cancelled) return ended("cancelled");
      if (options.entropy === "auto") state.entropy = "stl";
      const { q, system } = place;
      const units = q.kind === "diagonal" ? q.scale : undefined;
      const first = options.renew && !system.root && !system.units && (verdict.root || units);
      if (options.renew)
        place.system = verdict.root ? { family, root: verdict.root } : { family, units: units ?? system.units };
      // In standard deviations the rate means something; before, it only happened to work.
      if (first) place.rate = renewed;
      // Smaller steps help against noise, not against distance.
      else if (verdict.gain < far || !options.renew) {
        place.rate *= decay;
        place.window = Math.min(2 * place.window, longestStage, longest);
      }
      if (place.rate < slowest) break;
      place.stage++;
      begin();
    }
    return ended("stages");
  } finally {
    climber.state.dispose();
  }
}
