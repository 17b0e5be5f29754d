// Draws of the target from weighted draws of the proposal, by their places.

import { Sampler } from "../../assembly/samplers.js";
import { resampleWithoutReplacement, resampleWithReplacement } from "../diagnostics/psis.js";
import { integer, knownOptions, rangeError, typeError } from "../errors.js";
import { fillSamples } from "../model/sampler.js";

/** How draws are chosen by their weights. */
export interface ResampleOptions {
  /** An integer from 0 on; default 0. */
  readonly seed?: number | undefined;
  /** Whether a draw may be chosen more than once; default true. */
  readonly replacement?: boolean | undefined;
}

/**
 * Which `count` draws to take so that they follow the target: places of `weights` (not negative, as `psis(logRatios).weights`). With
 * replacement a draw is taken its expected number of times, rounded down or up (stratified); without, none twice, which keeps the
 * sample diverse where weights are uneven but leans to the proposal, and gives fewer where fewer have a positive weight
 * (Efraimidis & Spirakis 2006).
 */
export function importanceResample(weights: Float64Array, count: number, options: ResampleOptions = {}): Int32Array {
  const label = "importanceResample(weights, count, options)";
  if (!(weights instanceof Float64Array)) throw typeError("importanceResample(weights)", "a Float64Array", weights);
  let total = 0;
  for (let i = 0; i < weights.length; i++) {
    if (!(weights[i]! >= 0 && weights[i]! < Infinity))
      throw rangeError(`importanceResample(weights)[${i}]`, "a number of at least 0", weights[i]);
    total += weights[i]!;
  }
  if (!(total > 0))
    throw new RangeError("importanceResample(weights): expected at least one positive weight, got none");
  knownOptions(label, options, ["seed", "replacement"]);
  const { replacement = true } = options;
  if (typeof replacement !== "boolean") throw typeError(`${label}.replacement`, "true or false", replacement);
  const seed = integer(`${label}.seed`, options.seed ?? 0, 0);
  integer("importanceResample(count)", count, 0, replacement ? 2 ** 31 - 1 : weights.length);
  const uniforms = new Float64Array(replacement ? count : weights.length);
  const generator = { low: seed >>> 0, high: (Math.floor(seed / 2 ** 32) ^ 0x7e5a) >>> 0, stream: 0 };
  fillSamples(Sampler.Uniform, [Float64Array.of(0), Float64Array.of(1)], uniforms, generator);
  const normalised = weights.map((w) => w / total);
  return replacement
    ? resampleWithReplacement(normalised, count, uniforms)
    : resampleWithoutReplacement(normalised, count, uniforms);
}
