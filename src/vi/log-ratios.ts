// The density of what a fit answers with, at any points, and importance ratios of the target to it: what corrects its draws.

import { logMeanExp } from "../linalg/elementary.js";
import { finish, type Run } from "../optim/run.js";
import type { Target } from "../target.js";
import { Evaluator } from "./evaluate.js";
import { type Gaussian, gaussianLogDensity } from "./gaussian.js";
import { invertNested } from "./nested-inverse.js";
import type { NestedMap } from "./nested-map.js";

/** A Gaussian seen through maps, or several in equal parts. */
interface Approximation {
  readonly approximation: Gaussian | undefined;
  readonly maps: readonly NestedMap[];
  readonly components?: readonly Gaussian[] | undefined;
}

/** Log density at points [draw × dimension]. */
export function logApproximation(
  { approximation: q, maps, components }: Approximation,
  points: Float64Array,
): Float64Array {
  if (!q) throw new Error("the fit has no approximation");
  const draws = points.length / q.mean.length;
  if (components) {
    const each = components.map((g) => {
      const out = new Float64Array(draws);
      gaussianLogDensity(g, draws, points, out);
      return out;
    });
    return each[0]!.map((_, d) => logMeanExp(Float64Array.from(each, (values) => values[d]!)));
  }
  const jacobian = new Float64Array(draws);
  let y = points;
  for (const map of maps) y = invertNested(map, draws, y, jacobian);
  const out = new Float64Array(draws);
  gaussianLogDensity(q, draws, y, out);
  return maps.length ? out.map((v, d) => v - jacobian[d]!) : out;
}

/** Log density of the target minus that of the approximation at points [draw × dimension]. */
export function logRatios(target: Target, answer: Approximation, points: Float64Array): Float64Array {
  return finish(logRatiosRun(target, answer, points))!;
}

/** Draws between two turns: one pass over the data. */
const some = 16;

/** The same in slices; undefined when it was told to stop. */
export function* logRatiosRun(
  target: Target,
  answer: Approximation,
  points: Float64Array,
): Run<Float64Array | undefined> {
  const ratios = logApproximation(answer, points);
  const n = points.length / ratios.length;
  const evaluator = new Evaluator(target);
  const gradients = new Float64Array(some * n);
  for (let from = 0; from < ratios.length; from += some) {
    const to = Math.min(from + some, ratios.length);
    const values = new Float64Array(to - from);
    evaluator.batch(to - from, points.subarray(from * n, to * n), gradients.subarray(0, (to - from) * n), values);
    for (let d = from; d < to; d++) ratios[d] = values[d - from]! - ratios[d]!;
    const news = { stage: "weights", step: to, value: Number.NaN, gradients: evaluator.gradients };
    if (to < ratios.length && (yield news) === true) return undefined;
  }
  return ratios;
}
