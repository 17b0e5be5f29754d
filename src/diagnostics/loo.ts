// Leave-one-out cross-validation by Pareto-smoothed importance sampling (Vehtari, Gelman & Gabry 2017, Stat. Comput. 27) for draws of an
// approximate posterior (Magnusson, Andersen, Jonasson & Vehtari 2019, ICML): the ratio of the posterior without observation i to the
// approximation q is p(θ, y) / (q(θ) p(y_i | θ)), so that errors of q are corrected in the same step that leaves y_i out.

import { rangeError, typeError } from "../errors.js";
import { exp, log } from "../linalg/elementary.js";
import { khatThreshold, psis } from "./psis.js";

/** Log densities of observations under draws. */
export interface LogLikelihoodMatrix {
  /** What was observed, for messages. */
  readonly site: string;
  /** Number of draws. */
  readonly draws: number;
  /** [draw × observation] */
  readonly values: Float64Array;
  /** Position of each observation among all of the site's, where some are missing or masked. */
  readonly positions?: Int32Array;
}

/** What an estimate is made of, observation by observation. */
export interface LooParts {
  readonly site: string;
  readonly draws: number;
  readonly pointwise: Float64Array;
  readonly khats: Float64Array;
  /** Log density of each observation given all. */
  readonly fitted: Float64Array;
  /** Monte Carlo variance of each pointwise value. */
  readonly variances: Float64Array;
  readonly fitKhat: number;
  readonly positions?: Int32Array | undefined;
  readonly matched?: readonly number[];
  /** Whether moving the draws has not been tried and could be. */
  readonly canMatch?: boolean;
}

/** An estimate of how well a model predicts observations it has not seen. */
export class Loo {
  /** Sum over observations of the log density that the rest of the data predict for them. */
  readonly elpd: number;
  /** Its standard error: what other data of the same kind would change. */
  readonly se: number;
  /** Monte Carlo standard error of `elpd`: what other draws would change. NaN when a k-hat is above the threshold. */
  readonly mcse: number;
  /** Effective number of parameters: by how much `elpd` is below the log density of the same data when they are fitted. */
  readonly pLoo: number;
  /** The k-hat up to which so many draws are enough. */
  readonly threshold: number;
  /** Observations whose k-hat is above the threshold. */
  readonly unreliable: readonly number[];
  /** What can be believed, in a sentence or two. */
  readonly message: string;

  /** Name of the observed site. */
  readonly site: string;
  /** Draws that it is estimated from. */
  readonly draws: number;
  /** Log predictive density of each observation given the others. */
  readonly pointwise: Float64Array;
  /** k-hat of each observation. */
  readonly khats: Float64Array;
  /** k-hat of the fit itself; NaN for draws that are exact. */
  readonly fitKhat: number;
  /** Position of each observation among all of the site's, row-major; absent where none is missing or masked. */
  readonly positions: Int32Array | undefined;
  /** Observations for which the draws were moved (moment matching). */
  readonly matched: readonly number[];
  readonly #canMatch: boolean;

  constructor(parts: LooParts) {
    const { pointwise, khats } = parts;
    this.site = parts.site;
    this.draws = parts.draws;
    this.pointwise = pointwise;
    this.khats = khats;
    this.positions = parts.positions;
    this.fitKhat = parts.fitKhat;
    this.matched = parts.matched ?? [];
    this.#canMatch = parts.canMatch ?? false;
    this.elpd = sum(pointwise);
    this.se = standardErrorOfSum(pointwise);
    this.pLoo = sum(parts.fitted) - this.elpd;
    this.threshold = khatThreshold(parts.draws);
    this.unreliable = Array.from(khats.keys()).filter((i) => !(khats[i]! <= this.threshold));
    this.mcse = this.unreliable.length ? Number.NaN : Math.sqrt(sum(parts.variances));
    this.message = this.#sentence();
  }

  #sentence(): string {
    const { khats, unreliable, site } = this;
    const n = khats.length;
    const threshold = this.threshold.toFixed(2);
    if (!unreliable.length)
      return `All ${n} k-hats are at most ${threshold}: the estimate can be relied on, up to a Monte Carlo error of ${this.mcse.toFixed(2)}.`;
    const worst = unreliable.reduce((a, b) => (khats[b]! > khats[a]! ? b : a));
    const size = khats[worst] === Infinity ? "infinite" : khats[worst]!.toFixed(2);
    const where = n > 1 ? `${site}[${this.positions?.[worst] ?? worst}]` : site;
    const count = `${unreliable.length} of ${n} k-hats ${unreliable.length === 1 ? "is" : "are"} above ${threshold} (the largest, ${size}, at ${where})`;
    const match = this.#canMatch ? " loo(fit, { momentMatching: true }) moves the draws to where they are wanted." : "";
    const own = this.fitKhat === Infinity ? "infinite" : this.fitKhat.toFixed(2);
    if (this.fitKhat > 1)
      return `${count}, and so is the fit's own (${own}): the draws are too far from the posterior to be corrected. Improve the fit first.`;
    if (this.fitKhat > this.threshold)
      return `${count}, and so is the fit's own (${own}): the posterior has longer tails than the approximation, and elpd is only roughly right.${match || " More draws or another family may help."}`;
    const [these, them] = unreliable.length === 1 ? ["this observation", "it"] : ["these observations", "them"];
    return `${count}: leaving ${these} out changes the posterior by more than reweighting can follow, and elpd is likely too high.${match || ` Fit without ${them}, or see whether the model allows for such outliers.`}`;
  }

  /** The estimates with their standard errors, and the sentence. */
  toString(): string {
    return [
      `elpd_loo ${this.elpd.toFixed(1)} ± ${this.se.toFixed(1)}, p_loo ${this.pLoo.toFixed(1)}, ${this.pointwise.length} observations, ${this.draws} draws`,
      this.message,
    ].join("\n");
  }
}

const sum = (x: Float64Array): number => x.reduce((a, b) => a + b, 0);

/** √n times the standard deviation: the standard error of a sum over observations drawn at random. */
function standardErrorOfSum(x: Float64Array): number {
  const n = x.length;
  if (n < 2) return Number.NaN;
  const mean = sum(x) / n;
  return Math.sqrt((x.reduce((a, v) => a + (v - mean) * (v - mean), 0) * n) / (n - 1));
}

/**
 * Leave-one-out from a matrix of log densities of observations. `logRatios`, one per draw, are log p(θ, y) − log q(θ) where the
 * draws come from an approximation q; without them the draws count as exact.
 */
export function looOfMatrix(matrix: LogLikelihoodMatrix, logRatios?: Float64Array): Loo {
  return new Loo(looParts(matrix, logRatios));
}

/** What `looOfMatrix` makes its result of. */
export function looParts(matrix: LogLikelihoodMatrix, logRatios?: Float64Array): LooParts {
  const label = "looOfMatrix(matrix)";
  if (typeof matrix !== "object" || matrix === null || !(matrix.values instanceof Float64Array))
    throw typeError(label, "a record { site, draws, values } as logLikelihood(fit) gives", matrix);
  const { site, draws, values, positions } = matrix;
  const n = values.length / draws;
  if (!(n >= 1) || !Number.isInteger(n)) throw rangeError(`${label}.values`, `a multiple of ${draws} numbers`, values);
  if (logRatios !== undefined) {
    if (!(logRatios instanceof Float64Array)) throw typeError("looOfMatrix(logRatios)", "a Float64Array", logRatios);
    if (logRatios.length !== draws)
      throw rangeError("looOfMatrix(logRatios)", `one number per draw (${draws})`, logRatios);
  }
  const whole = logRatios && psis(logRatios);
  const [pointwise, khats, fitted, variances] = Array.from({ length: 4 }, () => new Float64Array(n)) as Four;
  for (let i = 0; i < n; i++) {
    const column = columnOf(matrix, i);
    const smoothed = psis(column.map((v, d) => (logRatios ? logRatios[d]! : 0) - v));
    const out = logMean(column, smoothed.weights);
    pointwise[i] = out.value;
    variances[i] = out.variance;
    khats[i] = smoothed.khat;
    fitted[i] = logMean(column, whole?.weights).value;
  }
  return { site, draws, pointwise, khats, fitted, variances, fitKhat: whole ? whole.khat : Number.NaN, positions };
}

type Four = [Float64Array, Float64Array, Float64Array, Float64Array];

/** Log densities of one observation. */
export function columnOf({ values, draws }: LogLikelihoodMatrix, i: number): Float64Array {
  const n = values.length / draws;
  const column = new Float64Array(draws);
  for (let d = 0; d < draws; d++) column[d] = values[d * n + i]!;
  return column;
}

/** log Σ w e^v and its Monte Carlo variance (delta method); equal weights when none are given. */
export function logMean(v: Float64Array, weights?: Float64Array): { value: number; variance: number } {
  const n = v.length;
  let max = -Infinity;
  for (let d = 0; d < n; d++) if (v[d]! > max && !(weights && weights[d]! === 0)) max = v[d]!;
  if (!Number.isFinite(max)) return { value: max, variance: Infinity };
  const scaled = v.map((x) => exp(x - max));
  const w = (d: number): number => (weights ? weights[d]! : 1 / n);
  let mean = 0;
  for (let d = 0; d < n; d++) if (w(d) > 0) mean += w(d) * scaled[d]!;
  let variance = 0;
  for (let d = 0; d < n; d++) {
    const part = w(d) * (scaled[d]! - mean);
    variance += part * part;
  }
  return { value: max + log(mean), variance: variance / (mean * mean) };
}

/** By how much one model predicts better than another. */
export interface LooComparison {
  /** elpd of the first minus elpd of the second, for the same observations. */
  readonly difference: number;
  /** Its standard error, from the differences observation by observation. */
  readonly se: number;
  /** What follows from it, in a sentence or two. */
  readonly message: string;
}

/**
 * The difference of two models' predictions of the same observations, with the standard error of the paired differences
 * (Vehtari, Gelman & Gabry 2017, eq. 24). RangeError unless both have the same observations, as far as their number and what is missing tell.
 */
export function looCompare(first: Loo, second: Loo): LooComparison {
  for (const [i, loo] of [first, second].entries())
    if (!(loo instanceof Loo)) throw typeError(`looCompare(${i ? "second" : "first"})`, "a result of loo(fit)", loo);
  const n = first.pointwise.length;
  if (second.pointwise.length !== n)
    throw new RangeError(
      `looCompare(second): expected the ${n} observations of the first, got ${second.pointwise.length}; only models of the same data can be compared`,
    );
  if (String(first.positions) !== String(second.positions))
    throw new RangeError(
      "looCompare(second): expected the observations of the first, got others: other values are missing or masked",
    );
  const differences = first.pointwise.map((v, i) => v - second.pointwise[i]!);
  const difference = sum(differences);
  const se = standardErrorOfSum(differences);
  const size = `The ${difference >= 0 ? "first" : "second"} model is ahead by ${Math.abs(difference).toFixed(1)} ± ${se.toFixed(1)}`;
  const unreliable = first.unreliable.length + second.unreliable.length;
  const caution = unreliable
    ? ` ${unreliable} k-hat${unreliable === 1 ? " is" : "s are"} too large to rely on: see the messages of both.`
    : "";
  // Differences below 4 are small whatever their standard error, which is itself badly known for few observations
  // (Sivula, Magnusson, Matamoros & Vehtari 2020).
  const verdict =
    Math.abs(difference) < 4
      ? ", which is a small difference: both predict about equally well."
      : Math.abs(difference) < 2 * se
        ? ", which is within two standard errors: they cannot be told apart for sure."
        : `: it predicts better.${n < 100 ? ` With ${n} observations the standard error is itself uncertain.` : ""}`;
  return { difference, se, message: size + verdict + caution };
}
