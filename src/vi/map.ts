// The mode of the log density on the unconstrained scale (Jacobian included), by L-BFGS. It is where Laplace begins; as an answer
// of its own it is a point without uncertainty, and depends on the parametrisation.

import { knownOptions } from "../errors.js";
import { type LbfgsResult, lbfgs, Trajectory } from "../optim/lbfgs.js";
import { type Control, finish, type Run, type Status } from "../optim/run.js";
import { checkTarget, type Target } from "../target.js";
import type { NormalSource } from "./draws.js";
import { Evaluator } from "./evaluate.js";
import { findStart } from "./start.js";

export interface MapOptions extends Control {
  /** Start; by default the origin, or if the density is not finite there, random points. */
  readonly start?: Float64Array | undefined;
  readonly normals?: NormalSource | undefined;
  readonly maxSteps?: number | undefined;
  /** L-BFGS pairs; default 10. */
  readonly memory?: number | undefined;
  /** Largest gradient entry at which to stop; default 1e-8. */
  readonly gradientTolerance?: number | undefined;
  /** Expected remaining gain in log density at which to stop; default 1e-10. */
  readonly decrementTolerance?: number | undefined;
}

export interface MapResult {
  readonly status: Status;
  readonly message: string;
  readonly mode: Float64Array | undefined;
  /** Log density at the mode; -Infinity if there is none. */
  readonly logDensity: number;
  readonly gradients: number;
  readonly refused: number;
  readonly optimiser: LbfgsResult | undefined;
  readonly trajectory: Trajectory | undefined;
}

export function* mapRun(evaluator: Evaluator, options: MapOptions): Run<MapResult> {
  const before = evaluator.gradients;
  const start = findStart(evaluator, options.start, options.normals);
  if (start === undefined)
    return {
      status: "diverged",
      message:
        options.start === undefined
          ? "No point with a finite log density and gradient was found to start from."
          : "The log density or its gradient is not finite at the start.",
      mode: undefined,
      logDensity: -Infinity,
      gradients: evaluator.gradients - before,
      refused: 0,
      optimiser: undefined,
      trajectory: undefined,
    };
  const trajectory = new Trajectory(evaluator.dimension);
  const result = yield* lbfgs(evaluator, start, {
    memory: options.memory ?? 10,
    maxSteps: options.maxSteps,
    gradientTolerance: options.gradientTolerance,
    decrementTolerance: options.decrementTolerance ?? 1e-10,
    trajectory,
    stage: "mode",
  });
  return {
    status: result.status,
    message: modeSentence(result),
    mode: result.position,
    logDensity: -result.value,
    gradients: evaluator.gradients - before,
    refused: result.refused,
    optimiser: result,
    trajectory,
  };
}

function modeSentence(result: LbfgsResult): string {
  switch (result.status) {
    case "converged":
      return `The mode was found in ${result.steps} steps.`;
    case "maxSteps":
      return `The search for the mode ended after ${result.steps} steps while the log density was still rising; it may have no maximum.`;
    case "cancelled":
      return `The search for the mode was cancelled after ${result.steps} steps.`;
    case "diverged":
      return `The search for the mode got stuck after ${result.steps} steps: no step along the gradient raises the log density, so the gradient may be wrong.`;
  }
}

/** Maximises the log density of `target`. */
export function map(target: Target, options: MapOptions = {}): MapResult {
  checkTarget("target", target);
  knownOptions("map", options, [
    "start",
    "normals",
    "maxSteps",
    "memory",
    "gradientTolerance",
    "decrementTolerance",
    "signal",
    "onProgress",
  ]);
  return finish(mapRun(new Evaluator(target), options), options);
}
