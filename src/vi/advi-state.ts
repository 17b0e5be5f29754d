// One ADVI run in core memory (layout: assembly/advi-state.ts) with the few operations that control needs. For a compiled model a
// run of steps is one crossing; for a target that is a JavaScript object each step crosses three times, with the same arithmetic.
// Whatever is read here is a copy.

import { Advi } from "../../assembly/advi-state.js";
import { core } from "../core/load.js";
import { f64, i32, Scope } from "../core/memory.js";
import { Program } from "../core/program.js";
import { rangeError } from "../errors.js";
import type { Target } from "../target.js";
import { seedWords } from "./core-normals.js";
import type { Sampling } from "./draws.js";
import { type AffineMap, type FamilyName, logDeterminantOfMap, type Parameters, strictSize } from "./families.js";
import { sobolDirections } from "./sobol-points.js";

export const entropies = ["closedForm", "monteCarlo", "stl", "mixed"] as const;
export type Entropy = (typeof entropies)[number];

export interface AdviSettings {
  readonly family: FamilyName;
  readonly entropy: Entropy;
  /** 1 or even. */
  readonly draws: number;
  readonly seed: number;
  readonly stream: number;
  /** The target is a likelihood, and every coordinate has the prior N(0, 1), whose divergence is taken in closed form. */
  readonly standardPrior?: boolean;
  /** Default "random". */
  readonly sampling?: Sampling;
}

/** The program of a target for some draws at once: the model's own, or one that calls the JavaScript object draw by draw. */
export function programOf(target: Target, draws: number): Program {
  if (target.program) return target.program(draws);
  const n = target.dimension;
  const point = new Float64Array(n);
  const gradient = new Float64Array(n);
  return evaluatedOutside(n, draws, (points, gradients, values) => {
    for (let s = 0; s < draws; s++) {
      point.set(points.subarray(s * n, (s + 1) * n));
      values[s] = target.logDensityGradient(point, gradient);
      gradients.set(gradient, s * n);
    }
  });
}

/** A program over all data, also where a model is fitted on minibatches: then by the target's batch member. */
export function wholeProgram(target: Target, draws: number): Program {
  const batches = (target as { readonly batches?: number }).batches;
  if (!target.logDensityGradientBatch || (target.program && (batches ?? 1) === 1)) return programOf(target, draws);
  return evaluatedOutside(target.dimension, draws, (points, gradients, values) => {
    target.logDensityGradientBatch!(draws, points, gradients, values);
  });
}

/** A program whose results `evaluate` computes outside the core, from points [draw][dimension]. */
function evaluatedOutside(
  dimension: number,
  draws: number,
  evaluate: (points: Float64Array, gradients: Float64Array, values: Float64Array) => void,
): Program {
  const points = new Float64Array(draws * dimension);
  const gradients = new Float64Array(draws * dimension);
  const values = new Float64Array(draws);
  return new Program(dimension, draws, (program) => {
    program.points(points);
    evaluate(points, gradients, values);
    program.setResults(values, gradients);
  });
}

const even = (n: number): number => n + (n & 1);

/** Doubles of a saved state of so many parameters by the learned mix. */
export const mixedLength = (size: number): number => 10 + 4 * size + 1 + 3 * (even(size) + 2);
const changing = [Advi.parameters, Advi.first, Advi.second, Advi.average];
/** Of the learned mix, with two more doubles each for the ELBO. */
const learning = [Advi.covariance, Advi.variance, Advi.usualGradient];
/** Steps whose normals are made at once when a step needs few: no counter of the generator is wasted then. */
const stepsAhead = 64;

export class AdviState {
  readonly dimension: number;
  readonly #scope = new Scope();
  readonly program: Program;
  /** Address of the state in core memory. */
  readonly pointer: number;
  readonly #size: number;
  readonly #strict: number;
  readonly #owns: boolean;
  readonly #directions: number;

  constructor(
    target: Target,
    readonly settings: AdviSettings,
    /** Absent: one of its own. */
    program?: Program,
  ) {
    const { family, draws } = settings;
    const dimension = target.dimension;
    this.dimension = dimension;
    this.#owns = program === undefined;
    this.program = program ?? programOf(target, settings.draws);
    this.#strict = family === "fullRank" ? strictSize(dimension) : 0;
    this.#size = 2 * even(dimension) + this.#strict;
    const mixSize = this.#mixSize;
    const scope = this.#scope;
    const state = scope.bytes(Advi.bytes);
    this.pointer = state;
    const [low, high] = seedWords(settings.seed);
    const ahead = dimension * draws <= 512 ? stepsAhead : 1;
    const words: [number, number][] = [
      [Advi.program, this.program.pointer],
      [Advi.dimension, dimension],
      [Advi.draws, draws],
      [Advi.family, family === "fullRank" ? 1 : 0],
      [Advi.size, this.#size],
      [Advi.parameters, scope.doubles(this.#size)],
      [Advi.gradient, scope.doubles(mixSize)],
      [Advi.first, scope.doubles(this.#size)],
      [Advi.second, scope.doubles(this.#size)],
      [Advi.average, scope.doubles(this.#size)],
      [Advi.averageCount, -1],
      [Advi.scale, scope.doubles(dimension)],
      [Advi.noise, scope.doubles(dimension * draws * ahead)],
      [Advi.noiseSteps, ahead],
      [Advi.seedLow, low],
      [Advi.seedHigh, high],
      [Advi.centre, scope.doubles(dimension)],
      [Advi.mapDiagonal, scope.doubles(dimension)],
      [Advi.mapLower, scope.doubles(strictSize(dimension))],
      [Advi.location, scope.doubles(dimension)],
      [Advi.work, scope.doubles(dimension * draws)],
      [Advi.work2, scope.doubles(dimension * draws)],
      [Advi.standardPrior, settings.standardPrior ? 1 : 0],
    ];
    if (settings.entropy === "mixed")
      for (const at of [Advi.difference, ...learning]) words.push([at, scope.doubles(mixSize)]);
    for (const [at, value] of words) this.#put(at, value);
    this.#directions = settings.sampling === "sobol" ? sobolDirections(dimension, scope) : 0;
    this.independent = false;
    this.entropy = settings.entropy;
    this.seek(settings.stream, 0);
    this.resetOptimizer(0.01);
  }

  /** Doubles of what the learned mix knows: the parameters and the ELBO, each rounded up to an even number. */
  get #mixSize(): number {
    return even(this.#size) + 2;
  }

  #put(at: number, value: number): void {
    i32(this.pointer + at, 1)[0] = value;
  }

  #word(at: number): number {
    return i32(this.pointer + at, 1)[0]!;
  }

  #doubles(at: number, length: number, from = 0): Float64Array {
    return f64(this.#word(at) + 8 * from, length);
  }

  set entropy(entropy: Entropy) {
    this.#put(Advi.entropy, entropies.indexOf(entropy));
  }

  /** The random numbers of the next step: (stream, step). */
  seek(stream: number, step: number): void {
    this.#put(Advi.stream, stream);
    this.#put(Advi.step, step);
    this.#put(Advi.scrambling, step);
    this.#put(Advi.noiseFirst, 0x8000_0000 | 0);
  }

  /** Whether the normals are independent where Sobol points were asked for: what is judged by the spread of draws needs that. */
  set independent(independent: boolean) {
    this.#put(Advi.directions, independent ? 0 : this.#directions);
  }

  /** Number of the step to come. */
  get step(): number {
    return this.#word(Advi.step) >>> 0;
  }

  /** Leaves out a step: its random numbers are not used. */
  skip(): void {
    this.#put(Advi.step, this.step + 1);
  }

  /** The coordinates of the optimiser; absent: the model's own. */
  set map(map: AffineMap | undefined) {
    this.#put(Advi.map, map ? (map.lower ? 2 : 1) : 0);
    f64(this.pointer + Advi.logMap, 1)[0] = this.settings.family === "fullRank" ? logDeterminantOfMap(map) : 0;
    if (!map) return;
    this.#doubles(Advi.centre, this.dimension).set(map.centre);
    this.#doubles(Advi.mapDiagonal, this.dimension).set(map.diagonal);
    if (map.lower) this.#doubles(Advi.mapLower, map.lower.length).set(map.lower);
  }

  #read(at: number): Parameters {
    const pad = even(this.dimension);
    return {
      location: this.#doubles(at, this.dimension).slice(),
      logScale: this.#doubles(at, this.dimension, pad).slice(),
      lower: this.#doubles(at, this.#strict, 2 * pad).slice(),
    };
  }

  get parameters(): Parameters {
    return this.#read(Advi.parameters);
  }

  set parameters(p: Parameters) {
    const pad = even(this.dimension);
    this.#doubles(Advi.parameters, this.dimension).set(p.location);
    this.#doubles(Advi.parameters, this.dimension, pad).set(p.logScale);
    this.#doubles(Advi.parameters, this.#strict, 2 * pad).set(p.lower);
  }

  /** Running mean of the parameters since `resetAverage`. */
  get average(): Parameters {
    return this.#read(Advi.average);
  }

  /** Starts a new mean; `power` is eta of polynomial-decay averaging (Shamir & Zhang 2013), 0 the plain mean. */
  resetAverage(power = 0): void {
    this.#put(Advi.averageCount, 0);
    f64(this.pointer + Advi.averagePower, 1)[0] = power;
  }

  /** Adam from the beginning, with this rate; and the weights of the learned mix. */
  resetOptimizer(rate: number, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8): void {
    f64(this.pointer + Advi.optimizer, 6).set([rate, beta1, beta2, epsilon, 1, 1]);
    this.#doubles(Advi.first, this.#size).fill(0);
    this.#doubles(Advi.second, this.#size).fill(0);
    if (this.settings.entropy !== "mixed") return;
    this.#put(Advi.learnt, 0);
    for (const at of learning) this.#doubles(at, this.#mixSize).fill(0);
  }

  set rate(rate: number) {
    f64(this.pointer + Advi.optimizer, 1)[0] = rate;
  }

  /** The normals of each step are written by somebody else, in core memory. */
  expectNormals(): void {
    this.#put(Advi.noiseSteps, 1);
    this.#put(Advi.noiseHost, 1);
  }

  /** Takes the normals [step][coordinate][draw] of the steps from the coming one on from the caller instead of the core. */
  provideNormals(normals: Float64Array): void {
    const steps = normals.length / (this.dimension * this.settings.draws);
    this.#put(Advi.noise, this.#scope.copy(normals));
    this.#put(Advi.noiseFirst, this.step);
    this.#put(Advi.noiseSteps, steps);
    this.#put(Advi.noiseHost, 1);
  }

  get #savedLength(): number {
    return this.settings.entropy === "mixed" ? mixedLength(this.#size) : 10 + 4 * this.#size;
  }

  /** Everything that steps change, copied; `restore` puts it back. */
  save(): Float64Array {
    const settings = [this.#word(Advi.averageCount), this.step, this.#word(Advi.entropy)];
    const doubles = [f64(this.pointer + Advi.averagePower, 1)[0]!, ...f64(this.pointer + Advi.optimizer, 6)];
    const mixed = this.settings.entropy === "mixed";
    const out = new Float64Array(this.#savedLength);
    out.set([...settings, ...doubles]);
    changing.forEach((at, k) => {
      out.set(this.#doubles(at, this.#size), 10 + k * this.#size);
    });
    if (mixed) {
      const from = 10 + 4 * this.#size;
      out[from] = this.#word(Advi.learnt);
      learning.forEach((at, k) => {
        out.set(this.#doubles(at, this.#mixSize), from + 1 + k * this.#mixSize);
      });
    }
    return out;
  }

  restore(saved: Float64Array, stream: number): void {
    if (saved.length !== this.#savedLength)
      throw rangeError("options.resume: the state of its climb", `${this.#savedLength} numbers`, saved.length);
    const [averageCount, step, entropy, averagePower] = saved as unknown as [number, number, number, number];
    this.#put(Advi.averageCount, averageCount);
    this.#put(Advi.entropy, entropy);
    this.seek(stream, step);
    f64(this.pointer + Advi.averagePower, 1)[0] = averagePower;
    f64(this.pointer + Advi.optimizer, 6).set(saved.subarray(4, 10));
    changing.forEach((at, k) => {
      this.#doubles(at, this.#size).set(saved.subarray(10 + k * this.#size, 10 + (k + 1) * this.#size));
    });
    if (this.settings.entropy !== "mixed") return;
    const from = 10 + 4 * this.#size;
    this.#put(Advi.learnt, saved[from]!);
    learning.forEach((at, k) => {
      const start = from + 1 + k * this.#mixSize;
      this.#doubles(at, this.#mixSize).set(saved.subarray(start, start + this.#mixSize));
    });
  }

  /** Gradient and ELBO of the coming step, without taking it; undefined when something was not finite. */
  gradient(): { elbo: number; gradient: Parameters } | undefined {
    core().adviDraw(this.pointer);
    this.#evaluate();
    if (!core().adviGradient(this.pointer)) return undefined;
    return { elbo: f64(this.pointer + Advi.elbo, 1)[0]!, gradient: this.#read(Advi.gradient) };
  }

  #evaluate(): void {
    const [low, high] = seedWords(this.settings.seed);
    if (!this.program.host) core().drawBatches(this.program.pointer, low, high, this.step);
    this.program.evaluate();
  }

  /** Steps, with the ELBO of each; fewer than asked for when something was not finite at the step after the last. */
  run(steps: number): Float64Array {
    const scope = new Scope();
    try {
      const trace = scope.doubles(steps);
      this.#put(Advi.trace, trace);
      this.#put(Advi.traceFirst, this.step);
      let done = 0;
      if (!this.program.host) done = core().adviRun(this.pointer, steps);
      else
        for (; done < steps; done++) {
          core().adviDraw(this.pointer);
          this.#evaluate();
          if (!core().adviUpdate(this.pointer)) break;
        }
      return f64(trace, done).slice();
    } finally {
      this.#put(Advi.trace, 0);
      scope.dispose();
    }
  }

  /** After a run that ended early: the first draw whose log density or gradient was not finite. */
  failedPoint(): Float64Array {
    return this.point(Math.max(0, this.#word(Advi.failed)));
  }

  /** The s-th draw of the last step. */
  point(s: number): Float64Array {
    const draws = this.settings.draws;
    const theta = this.program.theta();
    return Float64Array.from({ length: this.dimension }, (_, i) => theta[i * draws + s]!);
  }

  /** Frees the state, and the program unless that is somebody else's. */
  dispose(): void {
    if (this.#owns) this.program.dispose();
    this.#scope.dispose();
  }
}
