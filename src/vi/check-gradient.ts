// A self-test for gradient estimators. Whatever computes gradients of the ELBO, their mean must be the derivative of the ELBO: both are
// estimated from the same draws, the derivative by central differences of the log density's values with common random numbers, and
// a z-score per parameter says whether the difference is more than noise. A dropped Jacobian, an unscaled minibatch, a KL
// with the wrong sign, a wrong adjoint: each biases the estimator, and no training curve would show it.

import { integer, knownOptions, oneOf, positiveNumber, rangeError, typeError } from "../errors.js";
import { exp, log, logTwoPi, normalQuantile } from "../linalg/elementary.js";
import { checkTarget, type Target } from "../target.js";
import { type Entropy, entropies } from "./advi-state.js";
import { coreNormals } from "./core-normals.js";
import { Evaluator } from "./evaluate.js";

/** An estimator of the gradient of an objective with respect to parameters, and the objective it claims to differentiate. */
export interface GradientProblem {
  /** Where to check. */
  readonly parameters: Float64Array;
  /** Normals each repetition needs. */
  readonly normals: number;
  /** The objective (one Monte Carlo estimate, unbiased) at `parameters` with these normals; must not use the estimator's gradients. */
  objective(parameters: Float64Array, normals: Float64Array): number;
  /** The estimator under test: writes its gradient of the objective with the same normals. */
  estimate(parameters: Float64Array, normals: Float64Array, gradient: Float64Array): void;
  readonly names?: readonly string[] | undefined;
}

/** Options of `checkEstimator`. */
export interface CheckEstimatorOptions {
  /** An integer; the same seed gives the same bits. Default 0. */
  readonly seed?: number | undefined;
  /** Repetitions, each with fresh normals; default 200. */
  readonly repeats?: number | undefined;
  /** Step of the central differences relative to max(1, |parameter|); default 1e-4. */
  readonly step?: number | undefined;
  /** Probability that a correct gradient is flagged; default 0.001. */
  readonly falseAlarm?: number | undefined;
}

/** Options of `checkGradient`. */
export interface CheckGradientOptions extends CheckEstimatorOptions {
  /** How the gradient of the entropy is estimated; default "closedForm". */
  readonly entropy?: Entropy | undefined;
}

/** A mean-field Gaussian on the unconstrained scale. */
export interface MeanField {
  readonly mean: ArrayLike<number>;
  /** Standard deviations. */
  readonly scale: ArrayLike<number>;
}

/** What a check of a gradient found. */
export interface GradientCheck {
  readonly ok: boolean;
  readonly message: string;
  /** Names (or "parameter[i]") of what was flagged. */
  readonly flagged: readonly string[];
  /** (mean estimate - derivative) / standard error, per parameter. Infinite where a difference is certain. */
  readonly z: Float64Array;
  /** |z| above this is flagged. */
  readonly threshold: number;
  /** Mean of the estimator. */
  readonly estimate: Float64Array;
  /** Mean of the central differences. */
  readonly derivative: Float64Array;
  /** Repetitions in which something was not finite; they are left out. */
  readonly undefinedRepeats: number;
}

const optionNames = ["seed", "repeats", "step", "falseAlarm"] as const;

/**
 * Tests any estimator of a gradient against its objective: a z-score per parameter, and a sentence. Throws a TypeError or RangeError for
 * misuse; numerical trouble is part of the result.
 */
export function checkEstimator(problem: GradientProblem, options: CheckEstimatorOptions = {}): GradientCheck {
  knownOptions("checkEstimator", options, optionNames);
  return check("checkEstimator", problem, options);
}

function check(label: string, problem: GradientProblem, options: CheckEstimatorOptions): GradientCheck {
  const source = coreNormals(integer(`${label}.seed`, options.seed ?? 0, 0));
  const repeats = integer(`${label}.repeats`, options.repeats ?? 200, 10);
  const step = positiveNumber(`${label}.step`, options.step ?? 1e-4);
  const falseAlarm = positiveNumber(`${label}.falseAlarm`, options.falseAlarm ?? 0.001);
  const { parameters } = problem;
  const p = parameters.length;
  const shifted = parameters.slice();
  const normals = new Float64Array(problem.normals);
  const gradient = new Float64Array(p);
  const estimate = new Float64Array(p);
  const derivative = new Float64Array(p);
  const slopes = new Float64Array(p);
  const mean = new Float64Array(p);
  const differences = new Float64Array(p * repeats);
  const noise = new Float64Array(p);
  let used = 0;
  for (let r = 0; r < repeats; r++) {
    source.fill(normals, 0, r);
    problem.estimate(parameters, normals, gradient);
    let finite = true;
    let size = 0;
    for (let i = 0; i < p; i++) {
      const h = step * Math.max(1, Math.abs(parameters[i]!));
      shifted[i] = parameters[i]! + h;
      const up = problem.objective(shifted, normals);
      const above = shifted[i]!;
      shifted[i] = parameters[i]! - h;
      const down = problem.objective(shifted, normals);
      slopes[i] = (up - down) / (above - shifted[i]!);
      shifted[i] = parameters[i]!;
      size = Math.max(size, Math.abs(up), Math.abs(down));
      if (!Number.isFinite(slopes[i]!) || !Number.isFinite(gradient[i]!)) finite = false;
    }
    if (!finite) continue;
    used++;
    for (let i = 0; i < p; i++) {
      const h = step * Math.max(1, Math.abs(parameters[i]!));
      const d = gradient[i]! - slopes[i]!;
      differences[i * repeats + used - 1] = d;
      mean[i] = mean[i]! + (d - mean[i]!) / used;
      estimate[i] = estimate[i]! + (gradient[i]! - estimate[i]!) / used;
      derivative[i] = derivative[i]! + (slopes[i]! - derivative[i]!) / used;
      // Rounding of the values over 2 h, and truncation of relative size h^2.
      const error = (4e-16 * size) / h + 10 * h * h * (Math.abs(slopes[i]!) + Math.abs(gradient[i]!)) + 1e-12;
      noise[i] = Math.max(noise[i]!, error);
    }
  }
  // Student's quantile for used - 1 degrees, by the first term of its expansion.
  const normal = -normalQuantile(Math.max(1e-300, falseAlarm / (2 * p)));
  const threshold = normal + (normal * normal * normal + normal) / (4 * Math.max(1, used - 1));
  const z = new Float64Array(p);
  const flagged: string[] = [];
  for (let i = 0; i < p; i++) {
    if (used < 2) continue;
    // Differences have errors of their own: a gap within them is no evidence.
    const gap = Math.max(0, Math.abs(mean[i]!) - noise[i]!);
    z[i] =
      gap === 0 ? 0 : skewAdjusted(Math.sign(mean[i]!) * gap, differences.subarray(i * repeats, i * repeats + used));
    if (Math.abs(z[i]!) > threshold) flagged.push(problem.names?.[i] ?? `parameter[${i}]`);
  }
  const ok = used >= 2 && flagged.length === 0;
  return {
    ok,
    message: sentence(flagged, used, repeats, p, z),
    flagged,
    z,
    threshold,
    estimate,
    derivative,
    undefinedRepeats: repeats - used,
  };
}

/**
 * The t statistic of a mean `gap` with the spread of `values`, corrected for their skewness (Hall 1992, J. R. Statist. Soc. B 54:221-228):
 * products of normals are skewed enough to raise the plain statistic's false alarms several times.
 */
function skewAdjusted(gap: number, values: Float64Array): number {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i]! / n;
  let second = 0;
  let third = 0;
  for (let i = 0; i < n; i++) {
    const d = values[i]! - mean;
    second += (d * d) / n;
    third += (d * d * d) / n;
  }
  const sd = Math.sqrt((second * n) / (n - 1));
  if (!(sd > 1e-12 * Math.abs(gap))) return gap > 0 ? Infinity : -Infinity;
  const skew = third / (second * Math.sqrt(second));
  const w = gap / sd;
  const root = Math.sqrt(n);
  return root * (w + (skew * w * w) / 3 + (skew * skew * w * w * w) / 27) + skew / (6 * root);
}

function sentence(flagged: readonly string[], used: number, repeats: number, p: number, z: Float64Array): string {
  if (used < 2)
    return `The objective or its gradient was not finite in ${repeats - used} of ${repeats} repetitions: nothing could be checked.`;
  const left = used < repeats ? ` ${repeats - used} of ${repeats} repetitions were not finite and were left out.` : "";
  if (flagged.length === 0)
    return `The mean of the gradient estimator agrees with the derivative of the objective in all ${p} parameters.${left}`;
  let worst = 0;
  for (const v of z) worst = Math.max(worst, Math.abs(v));
  const some = flagged.slice(0, 5).join(", ");
  return `The gradient estimator is biased: its mean differs from the derivative of the objective in ${flagged.length} of ${p} parameters (${some}${flagged.length > 5 ? ", ..." : ""}), by up to ${worst.toPrecision(2)} standard errors.${left}`;
}

/** Finite numbers, as many as coordinates. */
function numbers(label: string, given: unknown, n: number): Float64Array {
  if (!Array.isArray(given) && !ArrayBuffer.isView(given)) throw typeError(label, `${n} numbers`, given);
  const x = Float64Array.from(given as ArrayLike<number>);
  if (x.length !== n || !x.every(Number.isFinite)) throw rangeError(label, `${n} finite numbers`, given);
  return x;
}

/**
 * Tests the gradient of a log density where a fit would use it: the reparameterised estimator of the gradient of the ELBO of a mean-field
 * Gaussian, built on the target's gradients, against differences of the ELBO built on its values. By default q = N(0, I). Parameters
 * of the result are the means, then the logs of the standard deviations.
 */
export function checkGradient(
  target: Target,
  q?: MeanField | undefined,
  options: CheckGradientOptions = {},
): GradientCheck {
  checkTarget("target", target);
  knownOptions("checkGradient", options, [...optionNames, "entropy"]);
  const entropy = oneOf("checkGradient.entropy", options.entropy ?? "closedForm", entropies);
  const n = target.dimension;
  const mean = q ? numbers("q.mean", q.mean, n) : new Float64Array(n);
  const scales = q ? numbers("q.scale", q.scale, n) : new Float64Array(n).fill(1);
  scales.forEach((s, i) => {
    positiveNumber(`q.scale[${i}]`, s);
  });
  const evaluator = new Evaluator(target);
  const point = new Float64Array(n);
  const slope = new Float64Array(n);
  const parameters = new Float64Array(2 * n);
  parameters.set(mean);
  for (let i = 0; i < n; i++) parameters[n + i] = log(scales[i]!);
  const place = (at: Float64Array, z: Float64Array): void => {
    for (let i = 0; i < n; i++) point[i] = at[i]! + exp(at[n + i]!) * z[i]!;
  };
  const label = (i: number): string => target.unconstrainedNames?.[i] ?? `theta[${i}]`;
  return check(
    "checkGradient",
    {
      parameters,
      normals: n,
      names: Array.from({ length: 2 * n }, (_, i) => (i < n ? `mean of ${label(i)}` : `log scale of ${label(i - n)}`)),
      objective(at, z) {
        place(at, z);
        let value = -evaluator.evaluate(point, slope) + 0.5 * n * (1 + logTwoPi);
        for (let i = 0; i < n; i++) value += at[n + i]!;
        return value;
      },
      estimate(at, z, gradient) {
        place(at, z);
        evaluator.evaluate(point, slope);
        for (let i = 0; i < n; i++) {
          const scale = exp(at[n + i]!);
          // Of the drawn entropy -log q at fixed noise only the normaliser depends on the parameters: the closed form again.
          if (entropy !== "stl") {
            gradient[i] = -slope[i]!;
            gradient[n + i] = -slope[i]! * scale * z[i]! + 1;
          } else {
            // The path derivative of log q at fixed parameters is -z / scale.
            const g = -slope[i]! + z[i]! / scale;
            gradient[i] = g;
            gradient[n + i] = g * scale * z[i]!;
          }
        }
      },
    },
    options,
  );
}
