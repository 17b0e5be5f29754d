// Importance ratios of a target to a Gaussian approximation at given points: what corrects draws of the approximation.

import type { Target } from "../target.js";
import { Evaluator } from "./evaluate.js";
import { type Gaussian, gaussianLogDensity } from "./gaussian.js";

/** Log density of the target minus that of `q` at each of the points [draw × dimension]. */
export function logRatiosOf(target: Target, q: Gaussian, points: Float64Array): Float64Array {
  const draws = points.length / target.dimension;
  const ratios = new Float64Array(draws);
  gaussianLogDensity(q, draws, points, ratios);
  const values = new Float64Array(draws);
  new Evaluator(target).batch(draws, points, new Float64Array(points.length), values);
  for (let d = 0; d < draws; d++) ratios[d] = values[d]! - ratios[d]!;
  return ratios;
}
