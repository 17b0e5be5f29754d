// Trust-region Newton with conjugate gradients (Steihaug 1983; Nocedal & Wright 2006, Algorithms 4.1 and 7.2), for functions with
// Hessian-vector products. When the inner solve ends inside the region, the predicted decrease is the Newton decrement,
// half of g.H^-1 g, and the run stops when that is small: a statement of how far the value is from its minimum.

import { addScaledAt, allFinite, dot, maxAbs, norm } from "../linalg/vector.js";
import type { Objective } from "./lbfgs.js";
import type { Run } from "./run.js";

export interface SecondOrderObjective extends Objective {
  /** Writes the Hessian at x times v. */
  hessianVector(x: Float64Array, v: Float64Array, out: Float64Array): void;
}

export interface NewtonOptions {
  /** Default 100. */
  readonly maxSteps?: number | undefined;
  /** Stop when the Newton decrement, half of g.H^-1 g, is at most this; default 1e-10. */
  readonly decrementTolerance?: number | undefined;
  /** Stop when the largest absolute entry of the gradient is at most this; default 0. */
  readonly gradientTolerance?: number | undefined;
  /** First radius; default 1. */
  readonly radius?: number | undefined;
  /** Name in progress reports; default "newton". */
  readonly stage?: string | undefined;
}

export interface NewtonResult {
  readonly status: "converged" | "maxSteps" | "diverged" | "cancelled";
  readonly stop: "decrement" | "gradient" | "precision" | "radius" | "start" | "maxSteps" | "cancelled";
  readonly position: Float64Array;
  readonly value: number;
  readonly gradient: Float64Array;
  /** The Newton decrement at the end; Infinity if the last inner solve met negative curvature or the edge of the region. */
  readonly decrement: number;
  readonly steps: number;
  readonly evaluations: number;
  readonly products: number;
  readonly refused: number;
}

export interface CgResult {
  /** True if the system was solved to the tolerance without negative curvature and inside the radius. */
  readonly interior: boolean;
  /** -(g.p + p.H p / 2): what the quadratic model gains. */
  readonly predicted: number;
  readonly products: number;
}

/** Working arrays of the inner solver. */
export interface CgScratch {
  readonly residual: Float64Array;
  readonly direction: Float64Array;
  readonly product: Float64Array;
}

export function cgScratch(n: number): CgScratch {
  return { residual: new Float64Array(n), direction: new Float64Array(n), product: new Float64Array(n) };
}

/** Steihaug's conjugate gradients: p approximately minimises g.p + p.H p / 2 within the radius, to |residual| <= tolerance |g|. */
export function steihaug(
  hessianVector: (v: Float64Array, out: Float64Array) => void,
  g: Float64Array,
  radius: number,
  tolerance: number,
  maxProducts: number,
  p: Float64Array,
  scratch: CgScratch,
): CgResult {
  const n = g.length;
  const { residual: r, direction: d, product: hd } = scratch;
  p.fill(0);
  r.set(g);
  for (let i = 0; i < n; i++) d[i] = -g[i]!;
  let rr = dot(r, r);
  const target = tolerance * tolerance * rr;
  let predicted = 0;
  let products = 0;
  let pp = 0;
  while (rr > target && rr > 0 && products < maxProducts) {
    hessianVector(d, hd);
    products++;
    const curvature = dot(d, hd);
    const dd = dot(d, d);
    if (!Number.isFinite(curvature)) break;
    const alpha = rr / curvature;
    const pd = dot(p, d);
    const next = pp + 2 * alpha * pd + alpha * alpha * dd;
    if (!(curvature > 0) || next >= radius * radius) {
      // To the edge along d.
      const tau = (-pd + Math.sqrt(Math.max(0, pd * pd + dd * (radius * radius - pp)))) / dd;
      if (!Number.isFinite(tau)) break;
      predicted += tau * rr - 0.5 * tau * tau * curvature;
      addScaledAt(n, tau, d, 0, p, 0);
      return { interior: false, predicted, products };
    }
    predicted += 0.5 * alpha * rr;
    addScaledAt(n, alpha, d, 0, p, 0);
    addScaledAt(n, alpha, hd, 0, r, 0);
    pp = next;
    const before = rr;
    rr = dot(r, r);
    const beta = rr / before;
    for (let i = 0; i < n; i++) d[i] = beta * d[i]! - r[i]!;
  }
  return { interior: rr <= target, predicted, products };
}

/** Minimises `objective` from `start`. */
export function* newtonCg(
  objective: SecondOrderObjective,
  start: Float64Array,
  options: NewtonOptions = {},
): Run<NewtonResult> {
  const n = objective.dimension;
  const maxSteps = options.maxSteps ?? 100;
  const decrementTolerance = options.decrementTolerance ?? 1e-10;
  const gradientTolerance = options.gradientTolerance ?? 0;
  let radius = options.radius ?? 1;
  let x = start.slice();
  let g = new Float64Array(n);
  let xNext = new Float64Array(n);
  let gNext = new Float64Array(n);
  const p = new Float64Array(n);
  const scratch = cgScratch(n);
  let evaluations = 1;
  let products = 0;
  let refused = 0;
  let steps = 0;
  let decrement = Infinity;
  let value = objective.evaluate(x, g);
  const result = (status: NewtonResult["status"], stop: NewtonResult["stop"]): NewtonResult => ({
    status,
    stop,
    position: x,
    value,
    gradient: g,
    decrement,
    steps,
    evaluations,
    products,
    refused,
  });
  if (!Number.isFinite(value) || !allFinite(g)) {
    refused++;
    return result("diverged", "start");
  }
  for (;;) {
    if (maxAbs(g) <= gradientTolerance) return result("converged", "gradient");
    const tolerance = Math.min(0.25, Math.max(1e-3, Math.sqrt(norm(g))));
    const solved = steihaug(
      (v, out) => objective.hessianVector(x, v, out),
      g,
      radius,
      tolerance,
      2 * n + 10,
      p,
      scratch,
    );
    products += solved.products;
    decrement = solved.interior ? solved.predicted : Infinity;
    // A loose solve sees at least 1 - tolerance^2 of the decrement of a well-conditioned problem.
    if (decrement <= decrementTolerance * (1 - tolerance * tolerance)) return result("converged", "decrement");
    if (steps >= maxSteps) return result("maxSteps", "maxSteps");
    if (!(solved.predicted > 0)) return result("diverged", "radius");
    if (solved.predicted <= 1e-15 * Math.abs(value)) return result("converged", "precision");
    for (let i = 0; i < n; i++) xNext[i] = x[i]! + p[i]!;
    const next = objective.evaluate(xNext, gNext);
    evaluations++;
    const usable = Number.isFinite(next) && allFinite(gNext);
    if (!usable) refused++;
    const noise = 1e-14 * Math.max(1, Math.abs(value));
    const length = norm(p);
    const ratio = usable ? (value - next + noise) / (solved.predicted + noise) : -1;
    if (ratio < 0.25) radius = 0.25 * Math.min(radius, length);
    else if (ratio > 0.75 && length > 0.9 * radius) radius *= 2;
    if (ratio > 1e-4) {
      [x, xNext] = [xNext, x];
      [g, gNext] = [gNext, g];
      value = next;
    } else if (usable && solved.predicted <= 1e-13 * Math.max(1, Math.abs(value)))
      return result("converged", "precision");
    steps++;
    if (radius < 1e-14) return result("diverged", "radius");
    const cancelled = yield { stage: options.stage ?? "newton", step: steps, value: -value, gradients: evaluations };
    if (cancelled) return result("cancelled", "cancelled");
  }
}
