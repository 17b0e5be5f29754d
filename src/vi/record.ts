// What a fit leaves beside its draws, as plain data: who made it and how, the approximation itself, how values follow from coordinates, and
// where it had got to when it was ended. From it a posterior draws anew without model or data, is saved, and is resumed.

import type { PlainGraph } from "../compile/plain.js";
import type { Target } from "../target.js";
import type { AdamCheckpoint } from "./adam-checkpoint.js";
import type { Algorithm, FitResult } from "./algorithms.js";
import { coreNormals } from "./core-normals.js";
import type { FitFamily } from "./families.js";
import { drawsFromNormals, type Gaussian } from "./gaussian.js";
import type { NestedMap } from "./nested-map.js";
import { throughMaps } from "./nested-program.js";
import { adviStreams } from "./session.js";

/** Of this package; package.json says the same. */
export const version = "0.1.0";

/** An option that decides numbers, as it was given. */
export type PlainOption = number | string | boolean | Float64Array;

/** Where a fit was ended. */
export interface Ended {
  /** Turns until then, but for those whose number hangs on the clock, and a checksum of what they reported. */
  readonly turns: number;
  readonly digest: number;
  /** A checksum of the log density and its gradient at three points: of the model with its data. */
  readonly probe: number;
  /** Where its climb by Adam was, if there was one: what came before is done again, the climb is not. */
  readonly adam?: AdamCheckpoint | undefined;
}

/** A fit as plain data: what `Fit.record` and a saved posterior hold. */
export interface FitRecord {
  readonly version: string;
  readonly algorithm: Algorithm;
  readonly family: FitFamily;
  readonly seed: number;
  readonly steps: number;
  readonly options: Readonly<Record<string, PlainOption>>;
  /** Gaussians in equal parts that draws come from: one, several, or none where there is no approximation. */
  readonly components: readonly Gaussian[];
  /** Maps that they are seen through, the last to be applied first. */
  readonly maps: readonly NestedMap[];
  /** "identity": values are coordinates; undefined: known to the model alone. */
  readonly values: PlainGraph | "identity" | undefined;
  /** Only where there is something to resume. */
  readonly ended: Ended | undefined;
}

/** Draws of the approximation, [draw × dimension]. A longer row of draws from a seed begins with a shorter one. */
export function drawsOf(
  { components, maps }: Pick<FitRecord, "components" | "maps">,
  count: number,
  seed: number,
): Float64Array {
  const n = components[0]!.mean.length;
  const points = new Float64Array(count * n);
  coreNormals(seed).fill(points, adviStreams.posterior, 0);
  if (components.length === 1) drawsFromNormals(components[0]!, count, points, points);
  // Draw by draw from one component after another.
  else
    for (let d = 0; d < count; d++) {
      const row = points.subarray(d * n, (d + 1) * n);
      drawsFromNormals(components[d % components.length]!, 1, row, row);
    }
  return throughMaps(maps, count, points);
}

/** The Gaussians of a result that draws come from: none where they were annealed, which takes the model. */
export const componentsOf = ({ components, approximation, annealing }: FitResult): readonly Gaussian[] =>
  annealing || !approximation ? [] : (components ?? [approximation]);

/** How a target's values follow from coordinates, where that is plain data. */
export function valuesOf(target: Target): PlainGraph | "identity" | undefined {
  if (!target.constrain && !target.constrainDraws) return "identity";
  return "valuesGraph" in target && typeof target.valuesGraph === "function"
    ? (target.valuesGraph() as PlainGraph | undefined)
    : undefined;
}
