// Gaussian families as a first-order optimiser sees them: one flat array of parameters, draws made from standard normals, and the
// gradient of the negative ELBO with respect to the parameters from gradients of the log density at the draws. Coordinates are
// those of a start: theta = centre + units x. The low-rank family is that of Ong, Nott & Smith (2018): x = m + D e + F^T w.

import { cholesky, choleskyInverse, logDiagonal, solveLowerTransposed } from "../linalg/cholesky.js";
import { exp, log, logTwoPi } from "../linalg/elementary.js";
import { addScaledAt, allFinite, dotAt } from "../linalg/vector.js";
import { lowRankGaussian } from "./bam-low-rank.js";
import { type FitFamily, strictSize, unpackLower } from "./families.js";
import type { DiagonalGaussian, Gaussian } from "./gaussian.js";

/** How the entropy enters the gradient; "proximal": not at all, a proximal step on the scales follows (Domke 2020). */
export type AscentEntropy = "closedForm" | "stl" | "proximal";

export class AscentFamily {
  readonly dimension: number;
  /** Parameters: location, scales (their logs, unless a proximal step keeps them positive), strict rows or factors. */
  readonly size: number;
  /** Normals of one draw. */
  readonly normals: number;
  readonly #rank: number;
  readonly #scale: Float64Array;
  readonly #score: Float64Array;
  /** Low rank: F D^-2, and the inverse of I + F D^-2 F^T. */
  #scaled = new Float64Array(0);
  #inverse: Float64Array = new Float64Array(0);
  #logDeterminant = 0;
  /** Full rank: L, row-major. */
  #root: Float64Array = new Float64Array(0);

  constructor(
    readonly family: FitFamily,
    readonly base: DiagonalGaussian,
    readonly entropy: AscentEntropy,
    rank: number,
  ) {
    const n = base.mean.length;
    this.dimension = n;
    this.#rank = family === "lowRank" ? Math.min(n, rank) : 0;
    this.normals = n + this.#rank;
    this.size = 2 * n + (family === "fullRank" ? strictSize(n) : this.#rank * n);
    this.#scale = new Float64Array(n);
    this.#score = new Float64Array(n);
  }

  /** The parameters of the start, with small factors that differ (from normals) in the low-rank family. */
  start(normals: Float64Array): Float64Array {
    const n = this.dimension;
    const p = new Float64Array(this.size);
    if (this.entropy === "proximal") p.fill(1, n, 2 * n);
    for (let i = 0; i < this.#rank * n; i++) p[2 * n + i] = (0.3 * normals[i]!) / Math.sqrt(this.#rank);
    return p;
  }

  /** Prepares for these parameters; false when they do not make a Gaussian. */
  at(p: Float64Array): boolean {
    const n = this.dimension;
    let logDeterminant = 0;
    for (let i = 0; i < n; i++) {
      const s = this.entropy === "proximal" ? p[n + i]! : exp(p[n + i]!);
      this.#scale[i] = s;
      logDeterminant += log(s * this.base.scale[i]!);
    }
    if (this.family === "fullRank") this.#root = unpackLower(this.#scale, p.subarray(2 * n));
    const k = this.#rank;
    if (k > 0) {
      this.#scaled = new Float64Array(k * n);
      for (let r = 0; r < k; r++)
        for (let i = 0; i < n; i++)
          this.#scaled[r * n + i] = p[2 * n + r * n + i]! / (this.#scale[i]! * this.#scale[i]!);
      const inner = new Float64Array(k * k);
      for (let r = 0; r < k; r++)
        for (let c = 0; c <= r; c++)
          inner[r * k + c] = inner[c * k + r] = (r === c ? 1 : 0) + dotAt(n, this.#scaled, r * n, p, 2 * n + c * n);
      if (!cholesky(inner, k)) return false;
      logDeterminant += logDiagonal(inner, k);
      this.#inverse = choleskyInverse(inner, k);
    }
    this.#logDeterminant = logDeterminant;
    return Number.isFinite(logDeterminant);
  }

  /** x - m for the normals of one draw, into `x`. */
  #move(p: Float64Array, z: Float64Array, zo: number, x: Float64Array): void {
    const n = this.dimension;
    for (let i = 0; i < n; i++) x[i] = this.#scale[i]! * z[zo + i]!;
    if (this.family === "fullRank") for (let i = 1, k = 2 * n; i < n; k += i++) x[i] = x[i]! + dotAt(i, p, k, z, zo);
    for (let r = 0; r < this.#rank; r++) addScaledAt(n, z[zo + n + r]!, p, 2 * n + r * n, x, 0);
  }

  /** The draw of the model's coordinates for normals z[zo..]. */
  point(p: Float64Array, z: Float64Array, zo: number, theta: Float64Array): void {
    this.#move(p, z, zo, theta);
    const { mean, scale } = this.base;
    for (let i = 0; i < this.dimension; i++) theta[i] = mean[i]! + scale[i]! * (p[i]! + theta[i]!);
  }

  /** Inverse covariance times x, in place. */
  #precision(z: Float64Array, zo: number, x: Float64Array): void {
    const n = this.dimension;
    const k = this.#rank;
    if (this.family === "fullRank") {
      // L^-T z.
      for (let i = 0; i < n; i++) x[i] = z[zo + i]!;
      solveLowerTransposed(this.#root, n, x);
      return;
    }
    const c = new Float64Array(k);
    for (let r = 0; r < k; r++) c[r] = dotAt(n, this.#scaled, r * n, x, 0);
    for (let i = 0; i < n; i++) x[i] = x[i]! / (this.#scale[i]! * this.#scale[i]!);
    for (let r = 0; r < k; r++) addScaledAt(n, -dotAt(k, this.#inverse, r * k, c, 0), this.#scaled, r * n, x, 0);
  }

  /** Log density of the draw. */
  logDensity(p: Float64Array, z: Float64Array, zo: number): number {
    const n = this.dimension;
    let square = 0;
    if (this.#rank === 0) square = dotAt(n, z, zo, z, zo);
    else {
      const x = new Float64Array(n);
      this.#move(p, z, zo, x);
      const y = x.slice();
      this.#precision(z, zo, y);
      square = dotAt(n, x, 0, y, 0);
    }
    return -0.5 * n * logTwoPi - this.#logDeterminant - 0.5 * square;
  }

  /** Adds the gradient of -ELBO from one draw, whose gradient of the log density is `slope`, times `weight`. */
  add(p: Float64Array, z: Float64Array, zo: number, slope: Float64Array, weight: number, out: Float64Array): void {
    const n = this.dimension;
    const g = this.#score;
    if (this.entropy === "stl") {
      this.#move(p, z, zo, g);
      this.#precision(z, zo, g);
    } else g.fill(0);
    for (let i = 0; i < n; i++) {
      g[i] = -weight * (this.base.scale[i]! * slope[i]! + g[i]!);
      out[i] = out[i]! + g[i]!;
      out[n + i] = out[n + i]! + g[i]! * z[zo + i]! * (this.entropy === "proximal" ? 1 : this.#scale[i]!);
    }
    if (this.family === "fullRank") for (let i = 1, k = 2 * n; i < n; k += i++) addScaledAt(i, g[i]!, z, zo, out, k);
    for (let r = 0; r < this.#rank; r++) addScaledAt(n, z[zo + n + r]!, g, 0, out, 2 * n + r * n);
  }

  /** Adds the gradient of minus the entropy, where it is taken in closed form. */
  addEntropy(out: Float64Array): void {
    if (this.entropy !== "closedForm") return;
    const n = this.dimension;
    const k = this.#rank;
    if (k === 0) {
      for (let i = 0; i < n; i++) out[n + i] = out[n + i]! - 1;
      return;
    }
    // d log det / dF = F S^-1 = (I + F D^-2 F^T)^-1 F D^-2, and d / d log scale = scale^2 (S^-1)_ii.
    for (let r = 0; r < k; r++)
      for (let c = 0; c < k; c++) addScaledAt(n, -this.#inverse[r * k + c]!, this.#scaled, c * n, out, 2 * n + r * n);
    for (let i = 0; i < n; i++) {
      let explained = 0;
      for (let r = 0; r < k; r++)
        for (let c = 0; c < k; c++)
          explained += this.#scaled[r * n + i]! * this.#inverse[r * k + c]! * this.#scaled[c * n + i]!;
      out[n + i] = out[n + i]! - (1 - this.#scale[i]! * this.#scale[i]! * explained);
    }
  }

  /** The Gaussian of the model's coordinates; undefined when rounding has spoilt it. */
  gaussian(p: Float64Array): Gaussian | undefined {
    if (!allFinite(p) || !this.at(p)) return undefined;
    const n = this.dimension;
    const { mean: centre, scale: units } = this.base;
    const mean = Float64Array.from({ length: n }, (_, i) => centre[i]! + units[i]! * p[i]!);
    if (this.family === "meanField")
      return { kind: "diagonal", mean, scale: this.#scale.map((s, i) => Math.abs(s) * units[i]!) };
    if (this.family === "fullRank") {
      const root = this.#root.slice();
      for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) root[i * n + j] = root[i * n + j]! * units[i]!;
      return { kind: "dense", mean, cholesky: root };
    }
    const factors = p.slice(2 * n);
    for (let r = 0; r < this.#rank; r++)
      for (let i = 0; i < n; i++) factors[r * n + i] = factors[r * n + i]! * units[i]!;
    const diagonal = this.#scale.map((s, i) => s * units[i]! * (s * units[i]!));
    return lowRankGaussian({ mean, rank: this.#rank, factors, diagonal });
  }
}
