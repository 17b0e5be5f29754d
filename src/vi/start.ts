// Where optimisers begin: a given point, or the origin of the unconstrained space, or random points around it with the spread of
// Stan's uniform(-2, 2), until value and gradient are finite.

import { rangeError } from "../errors.js";
import { allFinite } from "../linalg/vector.js";
import type { NormalSource } from "./draws.js";
import type { Evaluator } from "./evaluate.js";
import { streams } from "./outcome.js";

const tries = 100;
const spread = 2 / Math.sqrt(3);

/** A start with finite log density and gradient, or undefined when 100 random points had none. Path 0 tries the origin first. */
export function findStart(
  evaluator: Evaluator,
  given: Float64Array | undefined,
  normals: NormalSource | undefined,
  path = 0,
  fromOrigin = true,
): Float64Array | undefined {
  const n = evaluator.dimension;
  if (given !== undefined && given.length !== n) throw rangeError("start", `${n} numbers`, given);
  const x = given?.slice() ?? new Float64Array(n);
  const gradient = new Float64Array(n);
  const usable = (): boolean => Number.isFinite(evaluator.evaluate(x, gradient)) && allFinite(gradient);
  if ((given !== undefined || fromOrigin) && usable()) return x;
  if (given !== undefined || normals === undefined) return undefined;
  for (let attempt = 0; attempt < tries; attempt++) {
    normals.fill(x, streams.start, path * tries + attempt);
    for (let i = 0; i < n; i++) x[i] = x[i]! * spread;
    if (usable()) return x;
  }
  return undefined;
}
