// A target seen through a nested map: the log density of y when theta = map(y) has that of the inner target. Everything inference does
// with a target it can do with this one; several maps are targets within targets.

import { constrained, type Site, type Target } from "../target.js";
import { applyNested, type NestedMap, pullBackNested, type Tape } from "./nested-map.js";

export class NestedTarget implements Target {
  readonly dimension: number;
  readonly names?: readonly string[];
  readonly sites?: readonly Site[];
  readonly #transposed: Float64Array;

  constructor(
    readonly inner: Target,
    readonly map: NestedMap,
  ) {
    const n = inner.dimension;
    this.dimension = n;
    const names = inner.names ?? (inner.constrain ? undefined : inner.unconstrainedNames);
    if (names) this.names = names;
    if (inner.sites) this.sites = inner.sites;
    this.#transposed = new Float64Array(n * n);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) this.#transposed[j * n + i] = map.root[i * n + j]!;
  }

  logDensityGradient(theta: Float64Array, gradient: Float64Array): number {
    const value = new Float64Array(1);
    this.logDensityGradientBatch(1, theta, gradient, value);
    return value[0]!;
  }

  logDensityGradientBatch(draws: number, y: Float64Array, gradients: Float64Array, values: Float64Array): void {
    const { inner, map, dimension: n } = this;
    const size = draws * n;
    const theta = new Float64Array(size);
    const jacobian = new Float64Array(draws);
    const tape: Tape = {
      scale: new Float64Array(size),
      shiftSlope: new Float64Array(size),
      scaleSlope: new Float64Array(size),
      axis: new Float64Array(2 * draws),
    };
    applyNested(map, draws, y, theta, jacobian, tape);
    if (inner.logDensityGradientBatch) inner.logDensityGradientBatch(draws, theta, gradients, values);
    else
      for (let d = 0; d < draws; d++)
        values[d] = inner.logDensityGradient(theta.subarray(d * n, d * n + n), gradients.subarray(d * n, d * n + n));
    for (let d = 0; d < draws; d++) values[d] = values[d]! + jacobian[d]!;
    pullBackNested(map, draws, y, gradients, tape, gradients, this.#transposed);
  }

  /** Points of the inner target [draw][D]. */
  toInner(y: Float64Array, draws: number): Float64Array {
    const theta = new Float64Array(draws * this.dimension);
    applyNested(this.map, draws, y, theta, new Float64Array(draws));
    return theta;
  }

  constrain(y: Float64Array): Float64Array {
    return this.constrainDraws(y, 1);
  }

  constrainDraws(y: Float64Array, draws: number): Float64Array {
    return constrained(this.inner, this.toInner(y, draws), draws);
  }

  blame(y: Float64Array): readonly string[] {
    return this.inner.blame?.(this.toInner(y, 1)) ?? [];
  }
}
