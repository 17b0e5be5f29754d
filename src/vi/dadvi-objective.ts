// The fixed-draw objective of DADVI (Giordano, Ingram & Broderick 2024, JMLR 25): minus the ELBO with the expectation replaced by
// the mean over fixed draws, a deterministic function that any optimiser can take to its minimum. It is written around a base
// Gaussian, mean0 + L0 (m + ...), so that near the optimum its Hessian is close to the identity:
//   mean field   theta = mean0 + L0 m + scale0 exp(w / sqrt 2) z        parameters m, w
//   full rank    theta = mean0 + L0 (m + C z), C_ii = exp(w_i / sqrt 2)  parameters m, w, C below the diagonal row by row

import { cholesky, multiplyLower, multiplyLowerTransposed, solveLowerTransposed } from "../linalg/cholesky.js";
import { symmetricEigen } from "../linalg/eigen.js";
import { exp, log, logTwoPi } from "../linalg/elementary.js";
import { addScaledAt, allFinite, dotAt, norm } from "../linalg/vector.js";
import type { SecondOrderObjective } from "../optim/newton-cg.js";
import type { Evaluator } from "./evaluate.js";
import type { FixedDraws } from "./fixed-draws.js";
import type { DenseGaussian, DiagonalGaussian } from "./gaussian.js";

export type DadviFamily = "meanField" | "fullRank";

const rootHalf = Math.sqrt(0.5);

/** Where the parameters are zero. */
export interface Base {
  readonly mean: Float64Array;
  /** Lower triangular: coordinates of the mean (both families), and of the covariance (full rank). */
  readonly root: Float64Array;
  /** Standard deviations (mean field). */
  readonly scale: Float64Array;
}

export class FixedDrawObjective implements SecondOrderObjective {
  readonly dimension: number;
  /** Gradients of the last evaluated parameters, brought to the base's coordinates (L0^T g), [draw][n]. */
  readonly pulled: Float64Array;
  /** Gradients of the log density at the last evaluated parameters. */
  readonly gradients: Float64Array;
  private readonly n: number;
  private readonly points: Float64Array;
  private readonly values: Float64Array;
  private readonly moved: Float64Array;
  private readonly factor: Float64Array;
  private readonly mean: Float64Array;
  private readonly scale: Float64Array;
  private readonly last: Float64Array;
  private lastValue = Number.NaN;
  private readonly lastGradient: Float64Array;
  private readonly plus: Float64Array;
  private readonly minus: Float64Array;
  private readonly shifted: Float64Array;

  constructor(
    readonly evaluator: Evaluator,
    readonly family: DadviFamily,
    readonly fixed: FixedDraws,
    readonly base: Base,
  ) {
    const n = evaluator.dimension;
    this.n = n;
    this.dimension = family === "meanField" ? 2 * n : 2 * n + (n * (n - 1)) / 2;
    this.points = new Float64Array(fixed.draws * n);
    this.gradients = new Float64Array(fixed.draws * n);
    this.pulled = family === "fullRank" ? new Float64Array(fixed.draws * n) : this.gradients;
    this.values = new Float64Array(fixed.draws);
    this.moved = new Float64Array(n);
    this.factor = new Float64Array(family === "fullRank" ? n * n : 0);
    this.mean = new Float64Array(n);
    this.scale = new Float64Array(n);
    this.last = new Float64Array(this.dimension).fill(Number.NaN);
    this.lastGradient = new Float64Array(this.dimension);
    this.plus = new Float64Array(this.dimension);
    this.minus = new Float64Array(this.dimension);
    this.shifted = new Float64Array(this.dimension);
  }

  /** Minus the fixed-draw ELBO, constants included. +Infinity if any draw leaves the support. */
  evaluate(parameters: Float64Array, gradient: Float64Array): number {
    if (this.isLast(parameters)) {
      gradient.set(this.lastGradient);
      return this.lastValue;
    }
    const { draws, normals } = this.fixed;
    this.place(parameters, draws, normals, this.points);
    this.evaluator.batch(draws, this.points, this.gradients, this.values);
    return this.reduce(parameters, gradient);
  }

  /** The same objective around another base, that of the Gaussian at `parameters`: what was evaluated there is carried over. */
  around(parameters: Float64Array, base: Base): FixedDrawObjective {
    const next = new FixedDrawObjective(this.evaluator, this.family, this.fixed, base);
    this.evaluate(parameters, this.plus);
    next.gradients.set(this.gradients);
    next.values.set(this.values);
    const zero = new Float64Array(this.dimension);
    next.place(zero, 0, this.fixed.normals, next.points);
    next.reduce(zero, next.plus);
    return next;
  }

  /** Value and gradient from the log densities and gradients at the draws. */
  private reduce(parameters: Float64Array, gradient: Float64Array): number {
    const { n, fixed, base, values, gradients, scale } = this;
    const { draws, normals } = fixed;
    let sum = 0;
    for (let d = 0; d < draws; d++) sum += values[d]!;
    let entropy = 0.5 * n * (1 + logTwoPi);
    for (let i = 0; i < n; i++)
      entropy +=
        rootHalf * parameters[n + i]! + log(this.family === "meanField" ? base.scale[i]! : base.root[i * n + i]!);
    gradient.fill(0);
    if (this.family === "meanField") {
      for (let d = 0; d < draws; d++) {
        const at = d * n;
        addScaledAt(n, -1 / draws, gradients, at, gradient, 0);
        for (let i = 0; i < n; i++)
          gradient[n + i] = gradient[n + i]! - (gradients[at + i]! * scale[i]! * normals[at + i]!) / draws;
      }
      multiplyLowerTransposed(base.root, n, gradient, 0, gradient, 0);
    } else {
      const { pulled, factor } = this;
      for (let d = 0; d < draws; d++) {
        const at = d * n;
        multiplyLowerTransposed(base.root, n, gradients, at, pulled, at);
        addScaledAt(n, -1 / draws, pulled, at, gradient, 0);
        let row = 2 * n;
        for (let i = 0; i < n; i++) {
          const h = -pulled[at + i]! / draws;
          addScaledAt(i, h, normals, at, gradient, row);
          row += i;
          gradient[n + i] = gradient[n + i]! + h * normals[at + i]! * factor[i * n + i]!;
        }
      }
    }
    for (let i = 0; i < n; i++) gradient[n + i] = rootHalf * (gradient[n + i]! - 1);
    const value = -(sum / draws) - entropy;
    this.last.set(parameters);
    this.lastGradient.set(gradient);
    this.lastValue = Number.isNaN(value) ? Infinity : value;
    return this.lastValue;
  }

  private isLast(parameters: Float64Array): boolean {
    for (let i = 0; i < parameters.length; i++) if (parameters[i]! !== this.last[i]!) return false;
    return true;
  }

  /** Points theta for the given normals; also leaves mean, scale and factor of these parameters behind. */
  private place(parameters: Float64Array, draws: number, normals: Float64Array, points: Float64Array): void {
    const { n, base, moved, mean, scale, factor } = this;
    multiplyLower(base.root, n, parameters, 0, mean, 0);
    for (let i = 0; i < n; i++) mean[i] = mean[i]! + base.mean[i]!;
    if (this.family === "meanField") {
      for (let i = 0; i < n; i++) scale[i] = base.scale[i]! * exp(rootHalf * parameters[n + i]!);
      for (let d = 0; d < draws; d++)
        for (let i = 0; i < n; i++) points[d * n + i] = mean[i]! + scale[i]! * normals[d * n + i]!;
      return;
    }
    let at = 2 * n;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) factor[i * n + j] = parameters[at++]!;
      factor[i * n + i] = exp(rootHalf * parameters[n + i]!);
    }
    for (let d = 0; d < draws; d++) {
      multiplyLower(factor, n, normals, d * n, moved, 0);
      multiplyLower(base.root, n, moved, 0, points, d * n);
      for (let i = 0; i < n; i++) points[d * n + i] = points[d * n + i]! + mean[i]!;
    }
  }

  /** Exact when the target has Hessian-vector products, else a central difference of the gradient. */
  hessianVector(parameters: Float64Array, v: Float64Array, out: Float64Array): void {
    if (this.evaluator.target.hessianVector !== undefined) this.exactProduct(parameters, v, out);
    else this.differenceProduct(parameters, v, out);
  }

  private differenceProduct(parameters: Float64Array, v: Float64Array, out: Float64Array): void {
    const { plus, minus, shifted } = this;
    let h = 1e-3 / norm(v);
    for (let attempt = 0; attempt < 4; attempt++, h *= 0.1) {
      for (let i = 0; i < v.length; i++) shifted[i] = parameters[i]! + h * v[i]!;
      const up = this.evaluate(shifted, plus);
      for (let i = 0; i < v.length; i++) shifted[i] = parameters[i]! - h * v[i]!;
      const down = this.evaluate(shifted, minus);
      if (Number.isFinite(up) && Number.isFinite(down) && allFinite(plus) && allFinite(minus)) break;
    }
    for (let i = 0; i < v.length; i++) out[i] = (plus[i]! - minus[i]!) / (2 * h);
  }

  private exactProduct(parameters: Float64Array, v: Float64Array, out: Float64Array): void {
    const { n, fixed, base, moved, factor, scale } = this;
    const { draws, normals } = fixed;
    this.evaluate(parameters, this.plus);
    this.place(parameters, draws, normals, this.points);
    const theta = new Float64Array(n);
    const direction = new Float64Array(n);
    const product = new Float64Array(n);
    const shift = new Float64Array(n);
    const product2 = new Float64Array(n);
    multiplyLower(base.root, n, v, 0, shift, 0);
    out.fill(0);
    for (let d = 0; d < draws; d++) {
      const at = d * n;
      for (let i = 0; i < n; i++) theta[i] = this.points[at + i]!;
      if (this.family === "meanField")
        for (let i = 0; i < n; i++) direction[i] = shift[i]! + scale[i]! * normals[at + i]! * rootHalf * v[n + i]!;
      else {
        let row = 2 * n;
        for (let i = 0; i < n; i++) {
          moved[i] =
            v[i]! + factor[i * n + i]! * rootHalf * v[n + i]! * normals[at + i]! + dotAt(i, v, row, normals, at);
          row += i;
        }
        multiplyLower(base.root, n, moved, 0, direction, 0);
      }
      this.evaluator.target.hessianVector!(theta, direction, product);
      if (this.family === "meanField") {
        addScaledAt(n, -1 / draws, product, 0, out, 0);
        for (let i = 0; i < n; i++) {
          const lever = scale[i]! * normals[at + i]! * rootHalf;
          out[n + i] = out[n + i]! - (lever * (product[i]! + this.gradients[at + i]! * rootHalf * v[n + i]!)) / draws;
        }
        continue;
      }
      multiplyLowerTransposed(base.root, n, product, 0, product2, 0);
      addScaledAt(n, -1 / draws, product2, 0, out, 0);
      let row = 2 * n;
      for (let i = 0; i < n; i++) {
        const h = -product2[i]! / draws;
        addScaledAt(i, h, normals, at, out, row);
        row += i;
        const lever = factor[i * n + i]! * rootHalf * normals[at + i]!;
        out[n + i] = out[n + i]! + lever * (h - (this.pulled[at + i]! / draws) * rootHalf * v[n + i]!);
      }
    }
    if (this.family === "meanField") multiplyLowerTransposed(base.root, n, out, 0, out, 0);
  }

  /** The Gaussian of these parameters. */
  gaussian(parameters: Float64Array): DiagonalGaussian | DenseGaussian {
    const { n, base } = this;
    this.place(parameters, 0, this.fixed.normals, this.points);
    const mean = this.mean.slice();
    if (this.family === "meanField") return { kind: "diagonal", mean, scale: this.scale.slice() };
    return { kind: "dense", mean, cholesky: lowerProduct(base.root, this.factor, n) };
  }

  /**
   * The negative expected Hessian of the log density in theta, from the gradients of the last evaluation by Stein's identity, without
   * a further evaluation; undefined if the draws are too few to say. A preconditioner, and exact for a Gaussian target on
   * draws of matched covariance.
   */
  expectedCurvature(parameters: Float64Array): Float64Array | undefined {
    const { n, fixed, gradients, factor, base } = this;
    const { draws, normals } = fixed;
    if (draws < n + 2) return undefined;
    this.evaluate(parameters, this.plus);
    if (!Number.isFinite(this.lastValue)) return undefined;
    // cross_ij = -mean of g_i z_j, then z -> theta by the square root of the covariance.
    const cross = new Float64Array(n * n);
    for (let d = 0; d < draws; d++)
      for (let i = 0; i < n; i++) addScaledAt(n, -gradients[d * n + i]! / draws, normals, d * n, cross, i * n);
    this.place(parameters, 0, normals, this.points);
    const root = this.family === "meanField" ? undefined : lowerProduct(base.root, factor, n);
    for (let i = 0; i < n; i++) {
      if (root) solveLowerTransposed(root, n, cross, i * n);
      else for (let j = 0; j < n; j++) cross[i * n + j] = cross[i * n + j]! / this.scale[j]!;
    }
    for (let i = 0; i < n; i++)
      for (let j = 0; j < i; j++) cross[i * n + j] = cross[j * n + i] = 0.5 * (cross[i * n + j]! + cross[j * n + i]!);
    return allFinite(cross) ? cross : undefined;
  }

  /**
   * A base at these parameters. The root becomes the factor of the inverse expected curvature where that is known, with its
   * eigenvalues kept within a factor of `range` of the present base's.
   */
  rebased(parameters: Float64Array, range = 100): Base {
    const { n } = this;
    const q = this.gaussian(parameters);
    const present = q.kind === "dense" ? q.cholesky : this.base.root;
    const curvature = this.expectedCurvature(parameters);
    const scale = q.kind === "diagonal" ? q.scale : this.base.scale;
    const root = (curvature && boundedRoot(curvature, present, n, range)) ?? present;
    return { mean: q.mean, root, scale };
  }

  /** Each draw's share of the objective's gradient, [draw][dimension]: its mean is the gradient. */
  perDraw(parameters: Float64Array): Float64Array {
    const { n, fixed, gradients, scale, factor, base, dimension } = this;
    this.evaluate(parameters, this.plus);
    this.place(parameters, 0, fixed.normals, this.points);
    const out = new Float64Array(fixed.draws * dimension);
    for (let d = 0; d < fixed.draws; d++) {
      const at = d * n;
      const to = d * dimension;
      if (this.family === "meanField") {
        for (let i = 0; i < n; i++) {
          out[to + i] = -gradients[at + i]!;
          out[to + n + i] = -rootHalf * (gradients[at + i]! * scale[i]! * fixed.normals[at + i]! + 1);
        }
        multiplyLowerTransposed(base.root, n, out, to, out, to);
        continue;
      }
      let row = to + 2 * n;
      for (let i = 0; i < n; i++) {
        const h = -this.pulled[at + i]!;
        out[to + i] = h;
        out[to + n + i] = rootHalf * (h * factor[i * n + i]! * fixed.normals[at + i]! - 1);
        for (let j = 0; j < i; j++) out[row++] = h * fixed.normals[at + j]!;
      }
    }
    return out;
  }
}

function lowerProduct(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let k = 0; k <= i; k++) addScaledAt(k + 1, a[i * n + k]!, b, k * n, out, i * n);
  return out;
}

/** Lower factor of the inverse of `curvature`, whose eigenvalues relative to (present present^T)^-1 are kept in [1/range, range]. */
function boundedRoot(
  curvature: Float64Array,
  present: Float64Array,
  n: number,
  range: number,
): Float64Array | undefined {
  // relative = present^T curvature present
  const half = new Float64Array(n * n); // row i: present^T (row i of curvature)
  for (let i = 0; i < n; i++) multiplyLowerTransposed(present, n, curvature, i * n, half, i * n);
  const relative = new Float64Array(n * n);
  const column = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) column[i] = half[i * n + j]!;
    multiplyLowerTransposed(present, n, column, 0, column, 0);
    for (let i = 0; i < n; i++) relative[i * n + j] = column[i]!;
  }
  const eigen = symmetricEigen(relative, n);
  if (eigen === undefined) return undefined;
  // covariance = present V diag(1 / bounded) V^T present^T
  const covariance = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const bounded = Math.min(Math.max(eigen.values[k]!, 1 / range), range);
    multiplyLower(present, n, eigen.vectors, k * n, column, 0);
    for (let i = 0; i < n; i++) addScaledAt(i + 1, column[i]! / bounded, column, 0, covariance, i * n);
  }
  return cholesky(covariance, n) ? covariance : undefined;
}
