// A target as the algorithms see it: evaluations are counted, batches go through the batch member when there is one, and a value
// that is NaN or +Infinity counts as "not defined here" and becomes -Infinity. One Evaluator belongs to one run.

import type { Program } from "../core/program.js";
import type { Objective } from "../optim/lbfgs.js";
import type { Target } from "../target.js";

/** Fewer draws than this are evaluated one by one. */
const few = 8;

export class Evaluator implements Objective {
  readonly dimension: number;
  /** Values that were NaN or +Infinity. */
  undefinedValues = 0;
  private readonly point: Float64Array;
  private readonly slope: Float64Array;

  constructor(
    readonly target: Target,
    /** Shared by evaluators of one fit. */
    private readonly counter: { gradients: number } = { gradients: 0 },
    /** A program of the target for many draws at once, if somebody has one. */
    private readonly wide?: () => Program,
  ) {
    this.dimension = target.dimension;
    this.point = new Float64Array(target.dimension);
    this.slope = new Float64Array(target.dimension);
  }

  /** Gradients evaluated so far, batches counting one per draw. */
  get gradients(): number {
    return this.counter.gradients;
  }

  set gradients(count: number) {
    this.counter.gradients = count;
  }

  /** The negative log density and its gradient: what optimisers minimise. */
  evaluate(x: Float64Array, gradient: Float64Array): number {
    this.gradients++;
    const value = this.target.logDensityGradient(x, gradient);
    for (let i = 0; i < gradient.length; i++) gradient[i] = -gradient[i]!;
    if (Number.isNaN(value) || value === Infinity) {
      this.undefinedValues++;
      return Infinity;
    }
    return -value;
  }

  /** Log densities and gradients at `draws` points [draw][dimension]. */
  batch(draws: number, points: Float64Array, gradients: Float64Array, values: Float64Array): void {
    const { dimension: n, target, point, slope } = this;
    this.gradients += draws;
    const wide = draws >= few && target.program ? this.wide?.() : undefined;
    if (wide) wide.evaluateAll(draws, points, gradients, values);
    else if (target.logDensityGradientBatch) target.logDensityGradientBatch(draws, points, gradients, values);
    else
      for (let d = 0; d < draws; d++) {
        const at = d * n;
        for (let i = 0; i < n; i++) point[i] = points[at + i]!;
        values[d] = target.logDensityGradient(point, slope);
        for (let i = 0; i < n; i++) gradients[at + i] = slope[i]!;
      }
    for (let d = 0; d < draws; d++) {
      const v = values[d]!;
      if (Number.isNaN(v) || v === Infinity) {
        this.undefinedValues++;
        values[d] = -Infinity;
      }
    }
  }
}
