// Laplace's approximation (Tierney & Kadane 1986): a Gaussian at the mode with the curvature there, and the log evidence it gives,
// log p(mode) + (D/2) log 2 pi + half the log determinant of the covariance. Exact when the posterior is Gaussian, with an error
// of order 1/n in the log evidence for n observations of a regular model. The mode is polished by Newton steps.

import { integer, knownOptions, typeError } from "../errors.js";
import { cholesky, choleskyInverse, choleskySolve, logDiagonal } from "../linalg/cholesky.js";
import { symmetricEigen } from "../linalg/eigen.js";
import { logTwoPi } from "../linalg/elementary.js";
import { allFinite, dot } from "../linalg/vector.js";
import { inverseDiagonal } from "../optim/inverse-diagonal.js";
import type { Trajectory } from "../optim/lbfgs.js";
import { finish, type Run } from "../optim/run.js";
import { checkTarget, type Target } from "../target.js";
import type { NormalSource } from "./draws.js";
import { Evaluator } from "./evaluate.js";
import type { DenseGaussian } from "./gaussian.js";
import { negativeHessian } from "./hessian.js";
import { type MapOptions, type MapResult, mapRun } from "./map.js";
import { checkGaussian, khatSentence, type Outcome } from "./outcome.js";

export interface LaplaceOptions extends MapOptions {
  readonly normals: NormalSource;
  /** Draws for the ELBO and k-hat; default 1,000. */
  readonly draws?: number | undefined;
  /** Extrapolated (four gradients per coordinate, the default) or plain (two) central differences. */
  readonly richardson?: boolean | undefined;
}

export interface LaplaceResult extends Outcome<DenseGaussian> {
  /** -Infinity when there is no approximation. */
  readonly logEvidence: number;
  readonly hessian: "exact" | "differences";
  /** Smallest eigenvalue of the negative Hessian, when that is not positive definite. */
  readonly smallestCurvature: number | undefined;
  /** What a further Newton step would add to the log density. */
  readonly decrement: number;
  readonly mode: MapResult;
}

export function* laplaceRun(evaluator: Evaluator, options: LaplaceOptions): Run<LaplaceResult> {
  const n = evaluator.dimension;
  const mode = yield* mapRun(evaluator, options);
  let hessian: "exact" | "differences" = evaluator.target.hessianVector ? "exact" : "differences";
  const failure = (status: LaplaceResult["status"], message: string, smallestCurvature?: number): LaplaceResult => ({
    status,
    message,
    approximation: undefined,
    elbo: -Infinity,
    elboStandardError: Infinity,
    gradients: evaluator.gradients,
    check: undefined,
    logEvidence: -Infinity,
    hessian,
    smallestCurvature,
    decrement: Infinity,
    mode,
  });
  const { mode: found, trajectory } = mode;
  if (found === undefined || trajectory === undefined || mode.status === "diverged")
    return failure(mode.status, mode.message);
  if (mode.status === "cancelled") return unfinished(evaluator, options, mode, found, trajectory);

  const x = found.slice();
  let logDensity = mode.logDensity;
  const gradient = new Float64Array(n);
  const newton = new Float64Array(n);
  const tried = new Float64Array(n);
  gradient.set(mode.optimiser!.gradient);
  const guess = inverseDiagonal(trajectory);
  for (let i = 0; i < n; i++) guess[i] = Math.sqrt(guess[i]!);
  let root = new Float64Array(0);
  let decrement = Infinity;
  // Steps of the search and of the polish count together.
  const allowed = (options.maxSteps ?? Infinity) - mode.optimiser!.steps;
  let polished = 0;
  for (let round = 0; ; round++) {
    const result = negativeHessian(evaluator, x, guess, options.richardson ?? true);
    hessian = result.method;
    if (result.undefinedCoordinates > 0)
      return failure(
        "rejected",
        `${mode.message} The Hessian there is not finite in ${result.undefinedCoordinates} of ${n} coordinates, so there is no Gaussian to fit.`,
      );
    root = result.matrix.slice();
    if (!cholesky(root, n)) {
      const smallest = symmetricEigen(result.matrix, n)?.values[0];
      return failure(
        "rejected",
        `${mode.message} The log density is not concave there (smallest curvature ${smallest === undefined ? "undefined" : smallest.toPrecision(3)}): it is a saddle or a flat direction, and no Gaussian fits it.`,
        smallest,
      );
    }
    for (let i = 0; i < n; i++) guess[i] = 1 / Math.sqrt(result.matrix[i * n + i]!);
    // Newton steps with this Hessian until rounding stops them; a long step asks for a new Hessian.
    let moved = 0;
    for (let step = 0; step < 5 && polished < allowed; step++) {
      newton.set(gradient);
      choleskySolve(root, n, newton);
      decrement = 0.5 * dot(newton, gradient);
      if (!(decrement > 1e-26)) break;
      for (let i = 0; i < n; i++) tried[i] = x[i]! - newton[i]!;
      const next = new Float64Array(n);
      const value = -evaluator.evaluate(tried, next);
      if (!(value >= logDensity - 1e-12 * Math.max(1, Math.abs(logDensity))) || !allFinite(next)) break;
      const after = next.slice();
      choleskySolve(root, n, after);
      const remaining = 0.5 * dot(after, next);
      if (!(remaining < decrement)) break;
      moved += decrement;
      x.set(tried);
      gradient.set(next);
      logDensity = value;
      decrement = remaining;
      polished++;
    }
    const cancelled = yield { stage: "laplace", step: round, value: logDensity, gradients: evaluator.gradients };
    // The Hessian of a point less than a thousandth of a standard deviation away is good enough.
    if (cancelled || moved < 5e-7 || round >= 4) break;
  }

  const covariance = choleskyInverse(root, n);
  const logEvidence = logDensity + 0.5 * n * logTwoPi - logDiagonal(root, n);
  if (!cholesky(covariance, n))
    return failure("rejected", `${mode.message} The Hessian is too ill-conditioned to be inverted.`);
  const approximation: DenseGaussian = { kind: "dense", mean: x, cholesky: covariance };
  const gradients = evaluator.gradients;
  const missing = evaluator.target.withoutSecondDerivatives ?? [];
  const why = missing.length > 0 ? ` (no second derivatives: ${missing.join(", ")})` : "";
  const check = checkGaussian(evaluator, approximation, options.draws ?? 1000, options.normals);
  return {
    status: mode.status,
    message: `${mode.message} The Gaussian has the ${hessian === "exact" ? "exact" : "finite-difference"} curvature there${why}. ${khatSentence(check.psis)}`,
    approximation,
    elbo: check.elbo.value,
    elboStandardError: check.elbo.error,
    gradients,
    check,
    logEvidence,
    hessian,
    smallestCurvature: undefined,
    decrement,
    mode,
  };
}

/**
 * What there is of a search for the mode that was cancelled: a Gaussian at its best point, with the scales that its path implies. No
 * Hessian is computed, since somebody is waiting, and there is no log evidence.
 */
function unfinished(
  evaluator: Evaluator,
  options: LaplaceOptions,
  mode: MapResult,
  mean: Float64Array,
  trajectory: Trajectory,
): LaplaceResult {
  const n = mean.length;
  const root = new Float64Array(n * n);
  inverseDiagonal(trajectory).forEach((v, i) => {
    root[i * n + i] = Math.sqrt(v);
  });
  const approximation: DenseGaussian = { kind: "dense", mean: mean.slice(), cholesky: root };
  const { gradients } = evaluator;
  const check = checkGaussian(evaluator, approximation, Math.min(256, options.draws ?? 1000), options.normals);
  return {
    status: "cancelled",
    message: `${mode.message} The Gaussian has its centre there and the scales that the path implies. ${khatSentence(check.psis)}`,
    approximation,
    elbo: check.elbo.value,
    elboStandardError: check.elbo.error,
    gradients,
    check,
    logEvidence: -Infinity,
    hessian: evaluator.target.hessianVector ? "exact" : "differences",
    smallestCurvature: undefined,
    decrement: Infinity,
    mode,
  };
}

/** Laplace's approximation of `target`. */
export function laplace(target: Target, options: LaplaceOptions): LaplaceResult {
  checkTarget("target", target);
  knownOptions("laplace", options, [
    "start",
    "normals",
    "draws",
    "richardson",
    "maxSteps",
    "memory",
    "gradientTolerance",
    "decrementTolerance",
    "signal",
    "onProgress",
  ]);
  if (typeof options.normals?.fill !== "function")
    throw typeError("laplace.normals", "a NormalSource", options.normals);
  if (options.draws !== undefined) integer("laplace.draws", options.draws, 2);
  return finish(laplaceRun(new Evaluator(target), options), options);
}
