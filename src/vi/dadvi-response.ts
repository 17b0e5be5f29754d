// Linear response (Giordano, Broderick & Jordan 2018, JMLR 19(51)): how the fixed-draw optimum moves when the log density is changed a
// little. Tilting the density by t.theta gives covariances, d E_q[theta] / dt, which a mean-field fit otherwise lacks (exact on
// Gaussians); changing a prior constant gives the sensitivity of every mean and scale to it. Both are one linear system with
// the Hessian of the objective at its optimum.

import { typeError } from "../errors.js";
import { cholesky, choleskySolve, multiplyLower } from "../linalg/cholesky.js";
import { dot, dotAt } from "../linalg/vector.js";
import { cgScratch, steihaug } from "../optim/newton-cg.js";
import { checkTarget, type Target } from "../target.js";
import { type DadviFit, type DadviResult, selfConcordantGap } from "./dadvi.js";
import { type SamplingError, samplingError } from "./dadvi-error.js";
import { FixedDrawObjective } from "./dadvi-objective.js";
import { Evaluator } from "./evaluate.js";

export interface LinearResponse {
  /** d E_q[theta_i] / d tilt_j, row-major: the linear-response covariance. */
  readonly covariance: Float64Array;
  /** Sampling error with the Hessian itself rather than its approximation. */
  readonly samplingError: SamplingError;
  /** Newton decrement at the optimum, half of g.H^-1 g. */
  readonly decrement: number;
  readonly gapBound: number;
  readonly gradients: number;
}

export interface Sensitivity {
  /** Derivative of each mean with respect to the constant. */
  readonly mean: Float64Array;
  /** Derivative of the log of each standard deviation. */
  readonly logScale: Float64Array;
  readonly gradients: number;
}

const rootHalf = Math.sqrt(0.5);
// Parameters up to which the Hessian is formed; above, systems are solved by conjugate gradients.
const denseLimit = 400;

class Response {
  readonly evaluator: Evaluator;
  readonly objective: FixedDrawObjective;
  private readonly zero: Float64Array;
  private readonly factor: Float64Array | undefined;

  constructor(
    target: Target,
    readonly fit: DadviFit,
  ) {
    this.evaluator = new Evaluator(target);
    this.objective = new FixedDrawObjective(this.evaluator, fit.family, fit.fixed, fit.base);
    const size = this.objective.dimension;
    this.zero = new Float64Array(size);
    if (size > denseLimit) return;
    const hessian = new Float64Array(size * size);
    const unit = new Float64Array(size);
    const column = new Float64Array(size);
    for (let j = 0; j < size; j++) {
      unit[j] = 1;
      this.objective.hessianVector(this.zero, unit, column);
      unit[j] = 0;
      hessian.set(column, j * size);
    }
    for (let i = 0; i < size; i++)
      for (let j = 0; j < i; j++)
        hessian[i * size + j] = hessian[j * size + i] = 0.5 * (hessian[i * size + j]! + hessian[j * size + i]!);
    if (cholesky(hessian, size)) this.factor = hessian;
  }

  /** x <- H^-1 x; false if the Hessian is not positive definite. */
  solve(x: Float64Array): boolean {
    const size = this.objective.dimension;
    if (this.factor) {
      choleskySolve(this.factor, size, x);
      return true;
    }
    if (size <= denseLimit) return false;
    const right = x.map((v) => -v);
    const product = (v: Float64Array, out: Float64Array): void => this.objective.hessianVector(this.zero, v, out);
    return steihaug(product, right, Infinity, 1e-6, 2 * size, x, cgScratch(size)).interior;
  }

  gradient(): Float64Array {
    const g = new Float64Array(this.objective.dimension);
    this.objective.evaluate(this.zero, g);
    return g;
  }
}

function fitOf(result: DadviResult): DadviFit {
  if (result?.fit === undefined) throw typeError("result", "a DADVI result with an approximation", result?.fit);
  return result.fit;
}

/** The linear-response covariance and the exact sampling error of a fit; undefined if the fit is not at a minimum. */
export function linearResponse(target: Target, result: DadviResult): LinearResponse | undefined {
  checkTarget("target", target);
  const response = new Response(target, fitOf(result));
  const { objective, fit } = response;
  const n = fit.base.mean.length;
  const size = objective.dimension;
  // Rows of `half`: the answer to tilting coordinate j of the base, in the base's coordinates; both sides are then mapped by the root.
  const half = new Float64Array(n * n);
  const x = new Float64Array(size);
  for (let j = 0; j < n; j++) {
    x.fill(0);
    x[j] = 1;
    if (!response.solve(x)) return undefined;
    multiplyLower(fit.base.root, n, x, 0, half, j * n);
  }
  const covariance = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      for (let k = 0; k <= j; k++)
        covariance[i * n + j] = covariance[i * n + j]! + half[k * n + i]! * fit.base.root[j * n + k]!;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++)
      covariance[i * n + j] = covariance[j * n + i] = 0.5 * (covariance[i * n + j]! + covariance[j * n + i]!);
  const g = response.gradient();
  const newton = g.slice();
  response.solve(newton);
  const decrement = 0.5 * dot(g, newton);
  const error = samplingError(objective, (term) => response.solve(term));
  return {
    covariance,
    samplingError: error,
    decrement,
    gapBound: selfConcordantGap(decrement),
    gradients: response.evaluator.gradients,
  };
}

/**
 * Derivatives of the fit with respect to a constant c of the model: `plus` and `minus` are the model with c + h and c - h, and
 * `difference` is 2 h. Undefined if the fit is not at a minimum.
 */
export function priorSensitivity(
  target: Target,
  result: DadviResult,
  plus: Target,
  minus: Target,
  difference: number,
): Sensitivity | undefined {
  checkTarget("target", target);
  const fit = fitOf(result);
  const response = new Response(target, fit);
  const up = new Evaluator(checkTarget("plus", plus));
  const down = new Evaluator(checkTarget("minus", minus));
  const size = response.objective.dimension;
  const zero = new Float64Array(size);
  const x = new Float64Array(size);
  const other = new Float64Array(size);
  new FixedDrawObjective(up, fit.family, fit.fixed, fit.base).evaluate(zero, x);
  new FixedDrawObjective(down, fit.family, fit.fixed, fit.base).evaluate(zero, other);
  for (let i = 0; i < size; i++) x[i] = -(x[i]! - other[i]!) / difference;
  if (!response.solve(x)) return undefined;
  const n = fit.base.mean.length;
  const { root } = fit.base;
  const mean = new Float64Array(n);
  multiplyLower(root, n, x, 0, mean, 0);
  const logScale = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    if (fit.family === "meanField") {
      logScale[i] = rootHalf * x[n + i]!;
      continue;
    }
    let s = 0;
    let row = 2 * n;
    for (let j = 0; j <= i; j++) {
      const l = root[i * n + j]!;
      s += l * (dotAt(j, x, row, root, i * n) + l * rootHalf * x[n + j]!);
      row += j;
    }
    logScale[i] = s / dotAt(i + 1, root, i * n, root, i * n);
  }
  return { mean, logScale, gradients: response.evaluator.gradients + up.gradients + down.gradients };
}
