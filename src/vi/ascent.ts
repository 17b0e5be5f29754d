// ADVI by any first-order optimiser, and in the low-rank family: stochastic gradients of the ELBO in the units of a start on
// L-BFGS's path, until its trace stalls; what is kept is an average of the iterates (Shamir & Zhang 2013). Without an optimiser
// Adam runs at ever smaller rates. Steps with a value that is not finite are left out, counted and named.

import { core } from "../core/load.js";
import { allFinite } from "../linalg/vector.js";
import { polynomialAverage, proximalScale } from "../optim/averaging.js";
import { adamW, type FirstOrder } from "../optim/first-order.js";
import type { Run } from "../optim/run.js";
import { StoppingRule } from "../optim/stopping.js";
import type { Target } from "../target.js";
import { programOf } from "./advi-state.js";
import { type AscentEntropy, AscentFamily } from "./ascent-families.js";
import { seedWords } from "./core-normals.js";
import { batchNormals, type Sampling } from "./draws.js";
import type { FitFamily } from "./families.js";
import type { DiagonalGaussian, Gaussian } from "./gaussian.js";
import { fromPath, pathOf, startingPoint } from "./initial.js";
import { checkGaussian, khatSentence, type Outcome } from "./outcome.js";
import { adviStreams, Session } from "./session.js";
import { corePoints } from "./sobol-points.js";

export interface AscentOptions {
  readonly family: FitFamily;
  readonly rank: number;
  readonly entropy: AscentEntropy;
  readonly optimizer: FirstOrder | undefined;
  readonly draws: number;
  readonly sampling?: Sampling | undefined;
  readonly maxSteps: number;
  readonly seed: number;
  readonly init: Float64Array | undefined;
  readonly warmUp: boolean;
  readonly checkDraws: number;
}

export interface AscentResult extends Outcome<Gaussian> {
  readonly trace: Float64Array;
  readonly steps: number;
  readonly refused: number;
  readonly blamed: ReadonlyMap<string, number>;
}

const search = { stream: adviStreams.initial, draws: 16, candidates: 12 };
const longestPath = 200;
const rates = [0.1, 0.03, 0.01, 0.003];
/** When an optimiser has stalled: those without a rate begin slowly, and so more patience is wanted than with Adam. */
const patience = { rise: 0.0005, minSteps: 1000 };
const stagePatience = { rise: 0.002, minSteps: 200 };
/** Steps in a row that were left out, after which there is no going on. */
const hopeless = 50;

const familyName = {
  meanField: "mean-field Gaussian",
  fullRank: "full-rank Gaussian",
  lowRank: "low-rank Gaussian",
} as const;

/** The Gaussian to begin with. */
function* beginning(session: Session, start: Float64Array, warmUp: boolean): Run<DiagonalGaussian> {
  if (!warmUp) return { kind: "diagonal", mean: start, scale: new Float64Array(start.length).fill(1) };
  const { path } = yield* pathOf(session, start, longestPath);
  return (yield* fromPath(session, path, search)).q;
}

/** Climbs until the stages are over. Returns the parameters to keep, and how it ended. */
function* climb(
  session: Session,
  family: AscentFamily,
  options: AscentOptions,
): Run<{ readonly parameters: Float64Array; readonly end: "stalled" | "maxSteps" | "diverged" | "cancelled" }> {
  const { draws: s, seed } = options;
  const n = family.dimension;
  const program = programOf(session.target, s);
  const [low, high] = seedWords(seed);
  const z = new Float64Array(s * family.normals);
  const source = { normals: session.normals, points: session.sampling === "sobol" ? corePoints(seed) : undefined };
  const points = new Float64Array(s * n);
  const gradient = new Float64Array(family.size);
  const slope = new Float64Array(n);
  /** The ELBO of the coming step and its negative gradient; NaN when something is not finite. */
  const evaluate = (p: Float64Array): number => {
    batchNormals(source, z, family.normals, adviStreams.step, session.steps);
    if (!family.at(p)) return Number.NaN;
    const theta = program.theta();
    for (let d = 0; d < s; d++) {
      const point = points.subarray(d * n, (d + 1) * n);
      family.point(p, z, d * family.normals, point);
      for (let i = 0; i < n; i++) theta[i * s + d] = point[i]!;
    }
    if (!program.host) core().drawBatches(program.pointer, low, high, session.steps);
    program.evaluate();
    session.evaluator.gradients += s;
    const values = program.logDensity();
    const slopes = program.gradient();
    gradient.fill(0);
    let elbo = 0;
    for (let d = 0; d < s; d++) {
      for (let i = 0; i < n; i++) slope[i] = slopes[i * s + d]!;
      const value = values[d]! - family.logDensity(p, z, d * family.normals);
      if (!Number.isFinite(value) || !allFinite(slope)) {
        session.refuse(points.slice(d * n, (d + 1) * n));
        return Number.NaN;
      }
      elbo += value / s;
      family.add(p, z, d * family.normals, slope, 1 / s, gradient);
    }
    family.addEntropy(gradient);
    return elbo;
  };
  const factors = new Float64Array(family.size);
  session.normals.fill(factors, adviStreams.start, 0);
  let parameters = family.start(factors);
  const optimizers = options.optimizer ? [options.optimizer] : rates.map((rate) => adamW({ rate }));
  try {
    for (const optimizer of optimizers) {
      const state = optimizer.init(parameters);
      const average = polynomialAverage(family.size, 8);
      const stall = new StoppingRule(options.optimizer ? patience : stagePatience);
      let inARow = 0;
      for (;;) {
        if (!session.allows(1)) return { parameters, end: "maxSteps" };
        const elbo = evaluate(state.position);
        session.record(elbo);
        if (Number.isFinite(elbo) && optimizer.step(state, gradient)) {
          inARow = 0;
          if (options.entropy === "proximal") {
            const rate = optimizer.rate!(state);
            for (let i = n; i < 2 * n; i++) state.position[i] = proximalScale(state.position[i]!, rate);
          }
          average.push(state.position);
          parameters = average.value;
        } else if (++inARow >= hopeless) return { parameters, end: "diverged" };
        if (stall.push(elbo)) break;
        yield* session.turn(options.optimizer ? optimizer.name : "advi");
        if (session.cancelled) return { parameters, end: "cancelled" };
      }
    }
    return { parameters, end: "stalled" };
  } finally {
    program.dispose();
  }
}

/** ADVI by a first-order optimiser. */
export function* ascentRun(target: Target, options: AscentOptions): Run<AscentResult> {
  const session = new Session(target, options.seed, options.sampling);
  session.limit = options.maxSteps;
  const found = (): Pick<AscentResult, "gradients" | "trace" | "steps" | "refused" | "blamed"> => ({
    gradients: session.evaluator.gradients,
    trace: session.trace,
    steps: session.steps,
    refused: session.refused,
    blamed: session.blamed,
  });
  const nothing = (status: AscentResult["status"], message: string): AscentResult => ({
    status,
    message,
    approximation: undefined,
    elbo: Number.NEGATIVE_INFINITY,
    elboStandardError: Number.POSITIVE_INFINITY,
    check: undefined,
    ...found(),
  });
  try {
    const start = startingPoint(session, options.init);
    if (!start) {
      const where = options.init ? "at the given start" : "at the origin and at 100 random points";
      return nothing("diverged", `The log density or its gradient is not finite ${where}.`);
    }
    const base = yield* beginning(session, start, options.warmUp);
    const family = new AscentFamily(options.family, base, options.entropy, options.rank);
    const { parameters, end } = session.cancelled
      ? { parameters: undefined, end: "cancelled" as const }
      : yield* climb(session, family, options);
    const approximation = parameters ? family.gaussian(parameters) : base;
    const numbers = found();
    const name = `${familyName[options.family]}${options.optimizer ? ` by ${options.optimizer.name}` : ""}`;
    const steps = `${numbers.steps} steps`;
    const sites = [...numbers.blamed].sort((a, b) => b[1] - a[1]).slice(0, 3);
    const where = sites.length > 0 ? ` at ${sites.map(([site]) => `"${site}"`).join(", ")}` : "";
    const count = numbers.refused;
    const left = count > 0 ? ` ${count} step${count === 1 ? " was" : "s were"} not finite${where} and left out.` : "";
    if (end === "diverged" || !approximation)
      return nothing(
        "diverged",
        `The fit of the ${name} broke off after ${steps}: the log density or its gradient kept being not finite${where}.`,
      );
    const check = checkGaussian(session.evaluator, approximation, options.checkDraws, session.normals);
    const sentence = {
      stalled: `The ELBO of the ${name} stopped rising after ${steps}.`,
      maxSteps: `The ELBO of the ${name} was still rising after ${steps}.`,
      cancelled: `Cancelled after ${steps}.`,
    }[end];
    return {
      ...numbers,
      status: end === "stalled" ? "converged" : end,
      message: `${sentence}${left} ${khatSentence(check.psis)}`,
      approximation,
      elbo: check.elbo.value,
      elboStandardError: check.elbo.error,
      check,
    };
  } finally {
    session.dispose();
  }
}
