// A program is a log density in core memory for a fixed number of draws: a header that the core reads, arrays for the
// unconstrained points, gradients and log densities, and (for a compiled model) the tape. Layout of the header, in 32-bit words:
//   0 draws S   1 dimension D   2 theta [D][S]   3 gradient [D][S]   4 log density [S]
//   5 segments   6 their number   7 scratch   8 batch table   9 its length (assembly/tape.ts)
//   10 a nested map, whose inner program is evaluated in place of segments (assembly/nested-map.ts), or 0.

import { core } from "./load.js";
import { f64, i32, Scope } from "./memory.js";

/** Words of the header that every program has. */
export const HEADER_WORDS = 16;

/** A log density over S draws at once, in core memory. Draws are innermost in every array. */
export class Program {
  readonly scope = new Scope();
  readonly pointer: number;
  readonly #theta: number;
  readonly #gradient: number;
  readonly #logDensity: number;
  /** The model whose data it reads: kept from being collected, and not to be disposed of before. */
  owner: { readonly disposed: boolean } | null = null;
  /** Another program that this one evaluates, and disposes of with itself. */
  inner: Program | null = null;

  constructor(
    readonly dimension: number,
    readonly draws: number,
    /** Evaluates without the core's tape: a target that is a JavaScript object. Absent for compiled models. */
    readonly host?: (program: Program) => void,
  ) {
    this.pointer = this.scope.bytes(HEADER_WORDS * 4);
    this.#theta = this.scope.doubles(dimension * draws);
    this.#gradient = this.scope.doubles(dimension * draws);
    this.#logDensity = this.scope.doubles(draws);
    i32(this.pointer, 5).set([draws, dimension, this.#theta, this.#gradient, this.#logDensity]);
  }

  /** [dimension × draws], to be written before `evaluate`. Valid until the next allocation. */
  theta(): Float64Array {
    return f64(this.#theta, this.dimension * this.draws);
  }

  /** [dimension × draws], after `evaluate`. Valid until the next allocation. */
  gradient(): Float64Array {
    return f64(this.#gradient, this.dimension * this.draws);
  }

  /** [draws], after `evaluate`. Valid until the next allocation. */
  logDensity(): Float64Array {
    return f64(this.#logDensity, this.draws);
  }

  get thetaPointer(): number {
    return this.#theta;
  }

  get gradientPointer(): number {
    return this.#gradient;
  }

  get logDensityPointer(): number {
    return this.#logDensity;
  }

  /** Takes the points `from` … `from + count` of thetas [draw][dimension]; lanes without one repeat the last. */
  setPoints(thetas: Float64Array, from: number, count: number): void {
    const { dimension: n, draws } = this;
    const theta = this.theta();
    for (let s = 0; s < draws; s++) {
      const at = (from + Math.min(s, count - 1)) * n;
      for (let i = 0; i < n; i++) theta[i * draws + s] = thetas[at + i]!;
    }
  }

  /** The points of all draws into out [draw][dimension]. */
  points(out: Float64Array): void {
    const { dimension: n, draws } = this;
    const theta = this.theta();
    for (let s = 0; s < draws; s++) for (let i = 0; i < n; i++) out[s * n + i] = theta[i * draws + s]!;
  }

  /** What an evaluation elsewhere has found of all draws: log densities [draw] and gradients [draw][dimension]. */
  setResults(values: Float64Array, gradients: Float64Array): void {
    const { dimension: n, draws } = this;
    this.logDensity().set(values);
    const gradient = this.gradient();
    for (let s = 0; s < draws; s++) for (let i = 0; i < n; i++) gradient[i * draws + s] = gradients[s * n + i]!;
  }

  /** Adds the gradients of the first `count` draws to out [draw][dimension] from draw `to` on. */
  addGradients(out: Float64Array, to: number, count: number): void {
    const { dimension: n, draws } = this;
    const gradient = this.gradient();
    for (let s = 0; s < count; s++) {
      const at = (to + s) * n;
      for (let i = 0; i < n; i++) out[at + i]! += gradient[i * draws + s]!;
    }
  }

  /** Log densities [count] and gradients of `count` points, [point][dimension] both, as many at once as there are draws. */
  evaluateAll(count: number, thetas: Float64Array, gradients: Float64Array, values: Float64Array): void {
    gradients.fill(0);
    for (let from = 0; from < count; from += this.draws) {
      const some = Math.min(this.draws, count - from);
      this.setPoints(thetas, from, some);
      this.evaluate();
      this.addGradients(gradients, from, some);
      values.set(this.logDensity().subarray(0, some), from);
    }
  }

  /** Log densities and gradients of all draws. */
  evaluate(): void {
    if (this.owner?.disposed)
      throw new Error("the model of this program was disposed of: its data are no longer in memory");
    if (this.host) this.host(this);
    else core().evaluate(this.pointer);
  }

  /** Chooses the batch that the `k`-th subsampled plate evaluates. */
  selectBatch(k: number, batch: number): void {
    core().selectBatch(this.pointer, k, batch);
  }

  dispose(): void {
    this.inner?.dispose();
    this.scope.dispose();
  }
}
