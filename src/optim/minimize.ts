// `minimize`: one way to run every optimiser of this folder on a function, for those who have an objective of their own: L-BFGS,
// trust-region Newton-CG, and the first-order methods for noisy gradients with averages of their iterates. Never throws for a
// numerical reason: what was not finite is skipped, counted and told.

import { integer, knownOptions, oneOf, positiveNumber, rangeError, typeError } from "../errors.js";
import { allFinite, maxAbs, norm } from "../linalg/vector.js";
import { type Average, polynomialAverage, tailAverage } from "./averaging.js";
import type { FirstOrder } from "./first-order.js";
import { lbfgs } from "./lbfgs.js";
import { newtonCg } from "./newton-cg.js";
import { type Control, finish, type Run } from "./run.js";

/** Value at x, and its gradient (overwritten), which may be noisy: `step` counts the evaluations of first-order methods. */
export type ObjectiveFunction = (x: Float64Array, gradient: Float64Array, step: number) => number;

/** A function to be minimised, with products of its Hessian where it has them. */
export interface SmoothObjective {
  evaluate: ObjectiveFunction;
  /** Writes the Hessian at x times `vector` into `out`; without it, Newton-CG takes central differences of gradients. */
  hessianVector?(x: Float64Array, vector: Float64Array, out: Float64Array): void;
}

export const averages = ["none", "polynomial", "tail"] as const;
export type AverageName = (typeof averages)[number];

/** Options of `minimize`. */
export interface MinimizeOptions extends Control {
  /** "lbfgs" (default), "newtonCg", or a first-order optimiser such as `dowg()` or `adamW({ rate: 0.01 })`. */
  readonly method?: "lbfgs" | "newtonCg" | FirstOrder | undefined;
  /** Default 1,000. */
  readonly maxSteps?: number | undefined;
  /** Stop when the largest absolute entry of the gradient is at most this; default 1e-8. */
  readonly gradientTolerance?: number | undefined;
  /** First-order methods: what is returned, the last iterate ("none", default) or an average of them. */
  readonly average?: AverageName | undefined;
}

/** Where `minimize` ended. */
export interface Minimum {
  readonly status: "converged" | "maxSteps" | "diverged" | "cancelled";
  /** How it ended, and what was skipped, in a sentence or two. */
  readonly message: string;
  readonly position: Float64Array;
  /** Value and gradient at `position`. */
  readonly value: number;
  readonly gradient: Float64Array;
  readonly steps: number;
  /** Evaluations of value and gradient. */
  readonly evaluations: number;
  /** Products with the Hessian. */
  readonly products: number;
  /** Evaluations that were not finite: their steps were shortened or left out. */
  readonly skipped: number;
}

/** The average of iterates that has this name. */
export function averageOf(name: AverageName, dimension: number): Average | undefined {
  if (name === "none") return undefined;
  return name === "tail" ? tailAverage(dimension) : polynomialAverage(dimension, 8);
}

/** Checks an optimiser given by a user. */
export function checkOptimizer(label: string, value: unknown): FirstOrder {
  const given = value as Partial<FirstOrder> | null;
  if (typeof given !== "object" || typeof given?.init !== "function" || typeof given.step !== "function")
    throw typeError(label, "an optimiser such as dowg() or adamW({ rate })", value);
  return given as FirstOrder;
}

/** Steps in a row without a finite gradient after which there is no going on. */
const hopeless = 50;

function* firstOrder(
  evaluate: ObjectiveFunction,
  start: Float64Array,
  method: FirstOrder,
  options: { maxSteps: number; gradientTolerance: number; average: AverageName },
): Run<Omit<Minimum, "message">> {
  const n = start.length;
  const state = method.init(start);
  const average = averageOf(options.average, n);
  const gradient = new Float64Array(n);
  let status: Minimum["status"] = "maxSteps";
  let evaluations = 0;
  let skipped = 0;
  let inARow = 0;
  for (let step = 0; step < options.maxSteps; step++) {
    const value = evaluate(state.position, gradient, evaluations++);
    const finite = Number.isFinite(value) && allFinite(gradient);
    if (finite && maxAbs(gradient) <= options.gradientTolerance) {
      status = "converged";
      break;
    }
    if (finite && method.step(state, gradient)) {
      inARow = 0;
      average?.push(state.position);
    } else {
      skipped++;
      if (++inARow >= hopeless) {
        status = "diverged";
        break;
      }
    }
    if (yield { stage: method.name, step, value: -value, gradients: evaluations }) {
      status = "cancelled";
      break;
    }
  }
  // At the optimum itself there is no noise to average out.
  const position = average && status !== "converged" && state.steps > 0 ? average.value : state.position;
  const value = evaluate(position, gradient, evaluations++);
  return { status, position, value, gradient, steps: state.steps, evaluations, products: 0, skipped };
}

/** Central differences of the gradient along a vector, at a step that balances truncation against rounding. */
function differences(evaluate: ObjectiveFunction): SmoothObjective["hessianVector"] & {} {
  return (x, v, out) => {
    const length = norm(v);
    if (!(length > 0)) return void out.fill(0);
    const h = (1e-5 * Math.max(1, norm(x))) / length;
    const moved = x.slice();
    const below = new Float64Array(x.length);
    for (let i = 0; i < x.length; i++) moved[i] = x[i]! + h * v[i]!;
    evaluate(moved, out, 0);
    for (let i = 0; i < x.length; i++) moved[i] = x[i]! - h * v[i]!;
    evaluate(moved, below, 0);
    for (let i = 0; i < x.length; i++) out[i] = (out[i]! - below[i]!) / (2 * h);
  };
}

const endings = {
  converged: (m: Omit<Minimum, "message">) =>
    `Converged after ${m.steps} steps: the largest entry of the gradient is ${maxAbs(m.gradient).toPrecision(2)}.`,
  maxSteps: (m: Omit<Minimum, "message">) =>
    `Not converged within ${m.steps} steps: the largest entry of the gradient is ${maxAbs(m.gradient).toPrecision(2)}.`,
  diverged: (m: Omit<Minimum, "message">) =>
    Number.isFinite(m.value)
      ? `Stuck after ${m.steps} steps: no step lowers the value, so the gradient may be wrong or the function not smooth.`
      : `The value or its gradient is not finite where the search stands (${m.steps} steps).`,
  cancelled: (m: Omit<Minimum, "message">) => `Cancelled after ${m.steps} steps.`,
};

/**
 * Minimises a function from `start`. Throws a TypeError or RangeError for misuse only; the result says how it ended. First-order
 * methods end when the gradient is small, which noisy ones never are, or at `maxSteps`.
 */
export function minimize(
  objective: ObjectiveFunction | SmoothObjective,
  start: ArrayLike<number>,
  options: MinimizeOptions = {},
): Minimum {
  const names = ["method", "maxSteps", "gradientTolerance", "average", "signal", "onProgress"];
  knownOptions("minimize", options, names);
  const smooth: SmoothObjective = typeof objective === "function" ? { evaluate: objective } : objective;
  if (typeof smooth?.evaluate !== "function")
    throw typeError("minimize(objective, start)", "a function (x, gradient) => value", objective);
  const from: unknown = start;
  if (!Array.isArray(from) && !ArrayBuffer.isView(from)) throw typeError("minimize.start", "an array of numbers", from);
  const x = Float64Array.from(start);
  if (x.length === 0 || !allFinite(x)) throw rangeError("minimize.start", "finite numbers, at least one", start);
  const maxSteps = integer("minimize.maxSteps", options.maxSteps ?? 1000, 1);
  const gradientTolerance = positiveNumber("minimize.gradientTolerance", options.gradientTolerance ?? 1e-8);
  const average = oneOf("minimize.average", options.average ?? "none", averages);
  const method =
    typeof options.method === "object"
      ? checkOptimizer("minimize.method", options.method)
      : oneOf("minimize.method", options.method ?? "lbfgs", ["lbfgs", "newtonCg"]);
  if (typeof method === "string" && options.average !== undefined)
    throw rangeError("minimize.average", `nothing with method "${method}"`, options.average);
  const evaluate = (at: Float64Array, gradient: Float64Array): number => smooth.evaluate(at, gradient, 0);
  const problem = { dimension: x.length, evaluate };
  const common = { maxSteps, gradientTolerance };
  let end: Omit<Minimum, "message">;
  if (method === "lbfgs") {
    const { refused, ...rest } = finish(lbfgs(problem, x, { ...common, decrementTolerance: 1e-20 }), options);
    end = { ...rest, products: 0, skipped: refused };
  } else if (method === "newtonCg") {
    const hessianVector = smooth.hessianVector?.bind(smooth) ?? differences(evaluate);
    // The gradient decides; a decrement of rounding size would end it first.
    const newton = newtonCg({ ...problem, hessianVector }, x, { ...common, decrementTolerance: 1e-26 });
    const { refused, ...rest } = finish(newton, options);
    end = { ...rest, skipped: refused };
  } else {
    const run = firstOrder(smooth.evaluate.bind(smooth), x, method, { ...common, average });
    end = finish(run, options);
  }
  const { status, position, value, gradient, steps, evaluations, products, skipped } = end;
  const left = skipped > 0 ? ` ${skipped} evaluation${skipped === 1 ? " was" : "s were"} not finite and left out.` : "";
  const message = endings[status](end) + left;
  return { status, message, position, value, gradient, steps, evaluations, products, skipped };
}
