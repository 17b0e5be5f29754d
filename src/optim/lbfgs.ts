// L-BFGS (Liu & Nocedal 1989; Nocedal & Wright 2006, ch. 7) with the Moré-Thuente line search, for functions to be minimised.
// Pairs (s, y) that fail the curvature condition s.y > 1e-12 y.y never enter the memory, so the implied Hessian is always
// positive definite. Positions where value or gradient is not finite are refused by the line search, which shortens the step.

import { addScaledAt, allFinite, dot, dotAt, maxAbs, norm } from "../linalg/vector.js";
import { LineSearch } from "./line-search.js";
import type { Run } from "./run.js";

/** A function to be minimised, with its gradient. NaN and infinities mean: not defined here. */
export interface Objective {
  readonly dimension: number;
  /** Value at x; writes the gradient. */
  evaluate(x: Float64Array, gradient: Float64Array): number;
}

export interface LbfgsOptions {
  /** Pairs kept; default 6. */
  readonly memory?: number | undefined;
  /** Default 1,000. */
  readonly maxSteps?: number | undefined;
  /** Evaluations after which no new step begins; default unlimited. */
  readonly maxEvaluations?: number | undefined;
  /** Stop when the largest absolute entry of the gradient is at most this; default 1e-8. */
  readonly gradientTolerance?: number | undefined;
  /** Stop when the predicted remaining decrease, half of g.H g, is at most this; default 1e-13. */
  readonly decrementTolerance?: number | undefined;
  /** Stop when a step improves the value by at most this times max(1, |value|); default 1e-14. */
  readonly relativeTolerance?: number | undefined;
  /** Stop when a step improves the value by at most this; default 0. */
  readonly absoluteTolerance?: number | undefined;
  /** c2 of the strong Wolfe conditions; default 0.9. A tiny value makes the search exact. */
  readonly curvature?: number | undefined;
  /** Greatest length of the very first step along -gradient, before the search; default 1. */
  readonly firstLength?: number | undefined;
  /** The coordinates are already scaled so that the identity is a fair inverse Hessian: believe the decrement at the start too. */
  readonly scaled?: boolean | undefined;
  /** Receives every accepted point, the start included. */
  readonly trajectory?: Trajectory | undefined;
  /** Name in progress reports; default "lbfgs". */
  readonly stage?: string | undefined;
}

export type LbfgsStop =
  | "gradient"
  | "decrement"
  | "relative"
  | "absolute"
  | "precision"
  | "stuck"
  | "start"
  | "maxSteps"
  | "maxEvaluations"
  | "cancelled";

export interface LbfgsResult {
  readonly status: "converged" | "maxSteps" | "diverged" | "cancelled";
  /** Which rule ended it. "precision": no further decrease can be told from rounding; "stuck": none found although one is predicted. */
  readonly stop: LbfgsStop;
  readonly position: Float64Array;
  readonly value: number;
  readonly gradient: Float64Array;
  /** Half of g.H g at the end: what the quadratic model still expects to gain. */
  readonly decrement: number;
  readonly steps: number;
  readonly evaluations: number;
  /** Evaluations that were not finite. */
  readonly refused: number;
  /** Pairs that failed the curvature condition and were left out. */
  readonly skippedPairs: number;
}

/** The accepted points of an optimisation, in growing flat arrays: [point][dimension]. */
export class Trajectory {
  count = 0;
  positions: Float64Array;
  gradients: Float64Array;
  values: Float64Array;

  constructor(
    readonly dimension: number,
    capacity = 64,
  ) {
    this.positions = new Float64Array(capacity * dimension);
    this.gradients = new Float64Array(capacity * dimension);
    this.values = new Float64Array(capacity);
  }

  push(position: Float64Array, gradient: Float64Array, value: number): void {
    if (this.count === this.values.length) {
      this.positions = grown(this.positions);
      this.gradients = grown(this.gradients);
      this.values = grown(this.values);
    }
    this.positions.set(position, this.count * this.dimension);
    this.gradients.set(gradient, this.count * this.dimension);
    this.values[this.count++] = value;
  }
}

function grown(a: Float64Array): Float64Array {
  const out = new Float64Array(2 * a.length);
  out.set(a);
  return out;
}

/** Whether a pair may enter the memory. Also false when anything is not finite. */
export function curvatureHolds(sy: number, yy: number): boolean {
  return sy > 1e-12 * yy && yy > 0 && sy < Infinity && yy < Infinity;
}

/** The last pairs (s, y), and the product of the inverse Hessian they imply with a vector. */
export class PairMemory {
  count = 0;
  skipped = 0;
  private next = 0;
  private scale = 1;
  private readonly s: Float64Array;
  private readonly y: Float64Array;
  private readonly inverse: Float64Array;
  private readonly weights: Float64Array;

  constructor(
    readonly capacity: number,
    readonly dimension: number,
  ) {
    this.s = new Float64Array(capacity * dimension);
    this.y = new Float64Array(capacity * dimension);
    this.inverse = new Float64Array(capacity);
    this.weights = new Float64Array(capacity);
  }

  clear(): void {
    this.count = 0;
    this.next = 0;
    this.scale = 1;
  }

  /** Adds the pair from (x0, g0) to (x1, g1) unless its curvature fails. */
  add(x0: Float64Array, g0: Float64Array, x1: Float64Array, g1: Float64Array): boolean {
    const { dimension: n, s, y } = this;
    let sy = 0;
    let yy = 0;
    for (let i = 0; i < n; i++) {
      const ds = x1[i]! - x0[i]!;
      const dy = g1[i]! - g0[i]!;
      sy += ds * dy;
      yy += dy * dy;
    }
    if (!curvatureHolds(sy, yy)) {
      this.skipped++;
      return false;
    }
    const at = this.next * n;
    for (let i = 0; i < n; i++) {
      s[at + i] = x1[i]! - x0[i]!;
      y[at + i] = g1[i]! - g0[i]!;
    }
    this.inverse[this.next] = 1 / sy;
    this.scale = sy / yy;
    this.next = (this.next + 1) % this.capacity;
    this.count = Math.min(this.count + 1, this.capacity);
    return true;
  }

  /** v <- H v, by the two-loop recursion. */
  apply(v: Float64Array): void {
    const { dimension: n, capacity, s, y, inverse, weights } = this;
    for (let k = 1; k <= this.count; k++) {
      const j = (this.next - k + capacity) % capacity;
      const w = inverse[j]! * dotAt(n, s, j * n, v, 0);
      weights[j] = w;
      addScaledAt(n, -w, y, j * n, v, 0);
    }
    for (let i = 0; i < n; i++) v[i] = v[i]! * this.scale;
    for (let k = this.count; k >= 1; k--) {
      const j = (this.next - k + capacity) % capacity;
      addScaledAt(n, weights[j]! - inverse[j]! * dotAt(n, y, j * n, v, 0), s, j * n, v, 0);
    }
  }
}

/** Minimises `objective` from `start`. */
export function* lbfgs(objective: Objective, start: Float64Array, options: LbfgsOptions = {}): Run<LbfgsResult> {
  const n = objective.dimension;
  const maxSteps = options.maxSteps ?? 1000;
  const maxEvaluations = options.maxEvaluations ?? Infinity;
  const gradientTolerance = options.gradientTolerance ?? 1e-8;
  const decrementTolerance = options.decrementTolerance ?? 1e-13;
  const relativeTolerance = options.relativeTolerance ?? 1e-14;
  const absoluteTolerance = options.absoluteTolerance ?? 0;
  const stage = options.stage ?? "lbfgs";
  const { trajectory } = options;
  const memory = new PairMemory(options.memory ?? 6, n);
  const search = new LineSearch(1e-4, options.curvature ?? 0.9);

  let x = start.slice();
  let g = new Float64Array(n);
  let xNext = new Float64Array(n);
  let gNext = new Float64Array(n);
  const d = new Float64Array(n);
  let evaluations = 1;
  let refused = 0;
  let steps = 0;
  let decrement = Infinity;
  let value = objective.evaluate(x, g);

  const result = (status: LbfgsResult["status"], stop: LbfgsStop): LbfgsResult => ({
    status,
    stop,
    position: x,
    value,
    gradient: g,
    decrement,
    steps,
    evaluations,
    refused,
    skippedPairs: memory.skipped,
  });

  if (!Number.isFinite(value) || !allFinite(g)) {
    refused++;
    return result("diverged", "start");
  }
  trajectory?.push(x, g, value);
  if (maxAbs(g) <= gradientTolerance) {
    decrement = 0.5 * dot(g, g);
    return result("converged", "gradient");
  }

  for (;;) {
    d.set(g);
    memory.apply(d);
    for (let i = 0; i < n; i++) d[i] = -d[i]!;
    let slope = dot(d, g);
    if (!(slope < 0)) {
      // Rounding has spoilt the memory: start again from the gradient.
      memory.clear();
      for (let i = 0; i < n; i++) d[i] = -g[i]!;
      slope = -dot(g, g);
    }
    decrement = -0.5 * slope;
    if ((memory.count > 0 || options.scaled) && decrement <= decrementTolerance)
      return result("converged", "decrement");
    if (steps >= maxSteps) return result("maxSteps", "maxSteps");
    if (evaluations >= maxEvaluations) return result("maxSteps", "maxEvaluations");

    const first = memory.count > 0 ? 1 : Math.min(1, (options.firstLength ?? 1) / norm(g));
    let state = search.start(value, slope, first);
    let next = value;
    let triedStep = 0;
    while (state === "evaluate") {
      triedStep = search.step;
      for (let i = 0; i < n; i++) xNext[i] = x[i]! + triedStep * d[i]!;
      next = objective.evaluate(xNext, gNext);
      evaluations++;
      const usable = Number.isFinite(next) && allFinite(gNext);
      if (!usable) refused++;
      state = search.advance(usable ? next : Infinity, usable ? dot(d, gNext) : 0);
    }
    if (state === "failed" && search.step > 0) {
      // The best point seen still goes down: take it.
      if (search.step !== triedStep) {
        triedStep = search.step;
        for (let i = 0; i < n; i++) xNext[i] = x[i]! + triedStep * d[i]!;
        next = objective.evaluate(xNext, gNext);
        evaluations++;
      }
      if (next < value && allFinite(gNext)) state = "found";
    }
    if (state !== "found") {
      if (decrement <= 1e-10 * Math.max(1, Math.abs(value))) return result("converged", "precision");
      if (memory.count === 0) return result("diverged", "stuck");
      memory.clear();
      continue;
    }
    const gain = value - next;
    memory.add(x, g, xNext, gNext);
    [x, xNext] = [xNext, x];
    [g, gNext] = [gNext, g];
    value = next;
    steps++;
    trajectory?.push(x, g, value);
    const cancelled = yield { stage, step: steps, value: -value, gradients: evaluations };
    if (cancelled) return result("cancelled", "cancelled");
    if (maxAbs(g) <= gradientTolerance) {
      decrement = decrementOf(memory, g, d);
      return result("converged", "gradient");
    }
    if (gain <= absoluteTolerance || gain <= relativeTolerance * Math.max(1, Math.abs(value))) {
      decrement = decrementOf(memory, g, d);
      // A short step is not yet a small gradient: only believe it when the model agrees.
      if (decrement <= Math.max(absoluteTolerance, 1e3 * relativeTolerance * Math.max(1, Math.abs(value))))
        return result("converged", gain <= absoluteTolerance ? "absolute" : "relative");
    }
  }
}

function decrementOf(memory: PairMemory, g: Float64Array, scratch: Float64Array): number {
  scratch.set(g);
  memory.apply(scratch);
  return 0.5 * dot(scratch, g);
}
