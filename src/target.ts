// The one seam of the library. A Target is all that inference knows about a model: how many unconstrained coordinates, the log
// density and its gradient there, and what the coordinates mean. Semantics are BridgeStan's: the log Jacobian of the
// constraining transform is included, normalising constants are kept. A compiled model is a Target; anybody's object can be
// one; and ours can be handed to anybody's sampler.

import type { Program } from "./core/program.js";
import { integer, typeError } from "./errors.js";

/** A named part of what `constrain` returns: a latent, or a deterministic value. */
export interface Site {
  readonly name: string;
  readonly kind: "latent" | "deterministic";
  /** First position in the constrained vector; the values follow row-major. */
  readonly offset: number;
  /** Empty for a scalar; a plate's size comes first. */
  readonly shape: readonly number[];
  /** Names of the positions of the first axis, when they have names. */
  readonly labels?: readonly string[] | null | undefined;
}

/** Names of the elements of a site, row-major: "tau", "alpha[3]", "year[Morris]", "L[2,0]". */
export function elementNames(site: Pick<Site, "name" | "shape" | "labels">): string[] {
  const { name, shape, labels } = site;
  if (!shape.length) return [name];
  const size = shape.reduce((a, b) => a * b, 1);
  return Array.from({ length: size }, (_, i) => {
    const index: (number | string)[] = [];
    for (let k = shape.length - 1, rest = i; k >= 0; k--) {
      index.unshift(rest % shape[k]!);
      rest = Math.floor(rest / shape[k]!);
    }
    if (labels) index[0] = labels[index[0] as number]!;
    return `${name}[${index.join(",")}]`;
  });
}

/** A log density on R^dimension with its gradient. Only the first two members are needed. */
export interface Target {
  /** Number of unconstrained coordinates. */
  readonly dimension: number;
  /**
   * Log density at `theta` (length `dimension`); writes its gradient into `gradient` (length `dimension`, overwritten).
   * Outside the support it returns -Infinity; the gradient is then unspecified.
   */
  logDensityGradient(theta: Float64Array, gradient: Float64Array): number;
  /**
   * The same for many points at once: `thetas` and `gradients` are [draw][dimension], `values` [draw]. Algorithms that have several
   * points to evaluate call it when it is there; the numbers must be those of one call per draw.
   */
  logDensityGradientBatch?(draws: number, thetas: Float64Array, gradients: Float64Array, values: Float64Array): void;
  /**
   * Writes the Hessian of the log density at `theta` times `vector` into `out` (length `dimension`). When absent, algorithms that
   * need second derivatives take central differences of gradients.
   */
  readonly hessianVector?: ((theta: Float64Array, vector: Float64Array, out: Float64Array) => void) | undefined;
  /** Why there is no `hessianVector`, for messages: what has no second derivatives. */
  readonly withoutSecondDerivatives?: readonly string[];
  /** Names of the unconstrained coordinates; "theta[0]", … when absent. */
  readonly unconstrainedNames?: readonly string[];
  /** Names of the values `constrain` returns; the unconstrained names when absent. */
  readonly names?: readonly string[];
  /** From the unconstrained scale to the parameters people read (and the deterministic values); identity when absent. */
  constrain?(theta: Float64Array): Float64Array;
  /** `constrain` of many points at once: [draw × dimension] to [draw × values]. */
  constrainDraws?(thetas: Float64Array, draws: number): Float64Array;
  /** The named parts of the constrained vector; one scalar site per name when absent. */
  readonly sites?: readonly Site[];
  /** S draws at once inside the core: what a compiled model has and a JavaScript object has not. The caller disposes of it. */
  program?(draws: number): Program;
  /** After a log density that was not finite at `theta`: the sites whose terms were not, for the outcome's sentence. */
  blame?(theta: Float64Array): readonly string[];
}

/** Checks the shape of an object given as a target; `label` opens the message. */
export function checkTarget(label: string, value: unknown): Target {
  if (typeof value !== "object" || value === null)
    throw typeError(label, "a model or an object { dimension, logDensityGradient(theta, gradient) }", value);
  const target = value as Partial<Target>;
  integer(`${label}.dimension`, target.dimension, 1);
  if (typeof target.logDensityGradient !== "function")
    throw typeError(`${label}.logDensityGradient`, "a function (theta, gradient) => number", target.logDensityGradient);
  if (target.logDensityGradientBatch !== undefined && typeof target.logDensityGradientBatch !== "function")
    throw typeError(
      `${label}.logDensityGradientBatch`,
      "a function (draws, thetas, gradients, values) => void",
      target.logDensityGradientBatch,
    );
  if (target.hessianVector !== undefined && typeof target.hessianVector !== "function")
    throw typeError(`${label}.hessianVector`, "a function (theta, vector, out) => void", target.hessianVector);
  if (target.constrain !== undefined && typeof target.constrain !== "function")
    throw typeError(`${label}.constrain`, "a function (theta) => Float64Array", target.constrain);
  return value as Target;
}

/** Draws [draw][dimension] on the scale people read: [draw][value]. A copy, also where that scale is the unconstrained one. */
export function constrained(target: Target, thetas: Float64Array, draws: number): Float64Array {
  if (target.constrainDraws) return target.constrainDraws(thetas, draws);
  if (!target.constrain) return thetas.slice();
  const n = target.dimension;
  let values = new Float64Array(0);
  for (let d = 0; d < draws; d++) {
    const x = target.constrain(thetas.slice(d * n, (d + 1) * n));
    if (d === 0) values = new Float64Array(draws * x.length);
    values.set(x, d * x.length);
  }
  return values;
}
