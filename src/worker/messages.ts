// What travels between a page and its worker. Everything is structured-clonable; the numbers of a result are transferred, not copied.

import type { Progress } from "../optim/run.js";
import type { Site } from "../target.js";
import type { Fit, FitOptions } from "../vi/fit.js";
import type { Path } from "../vi/pathfinder.js";
import type { FitRecord } from "../vi/record.js";

/** Marks our messages among others of the same port. */
export const protocol = "variational 1";

/**
 * The options of `fit` that can travel: functions cannot, so the signal and the listener stay at home; of a fit to resume goes what it takes.
 */
export type RemoteOptions = Omit<FitOptions, "signal" | "onProgress" | "optimizer">;

/** A part of a fit by several paths: only some of them, or all the rest when they are done. */
export type Part = { readonly only: readonly number[] } | { readonly paths: readonly Path[] };

/** From the page. */
export type Request =
  | {
      readonly protocol: typeof protocol;
      readonly kind: "fit";
      readonly id: number;
      readonly model: string;
      readonly data: unknown;
      readonly options: RemoteOptions;
      readonly progress: boolean;
      readonly part?: Part | undefined;
    }
  | { readonly protocol: typeof protocol; readonly kind: "abort"; readonly id: number };

/** A fit without its model: what a posterior is made of, with the draws already drawn. */
export interface Fitted {
  readonly result: Fit["result"];
  readonly record: FitRecord;
  readonly khat: number;
  readonly dimension: number;
  /** Draws kept; 0 when there is no approximation. */
  readonly draws: number;
  /** [draw × dimension] */
  readonly unconstrained: Float64Array;
  /** Log importance ratios of the draws; absent: they are not to be corrected. */
  readonly logRatios: Float64Array | undefined;
  /** [draw × value] */
  readonly values: Float64Array;
  readonly sites: readonly Site[];
  readonly names: readonly string[] | undefined;
  readonly unconstrainedNames: readonly string[] | undefined;
}

/** From the worker. */
export type Reply =
  | { readonly protocol: typeof protocol; readonly kind: "progress"; readonly id: number; readonly progress: Progress }
  | { readonly protocol: typeof protocol; readonly kind: "fitted"; readonly id: number; readonly fitted: Fitted }
  | { readonly protocol: typeof protocol; readonly kind: "paths"; readonly id: number; readonly paths: readonly Path[] }
  | { readonly protocol: typeof protocol; readonly kind: "failed"; readonly id: number; readonly error: unknown };

const isOurs = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "protocol" in value && value.protocol === protocol;
export const isRequest = (value: unknown): value is Request => isOurs(value);
export const isReply = (value: unknown): value is Reply => isOurs(value);

/** The buffers of all typed arrays within a value, each once. */
export function buffersOf(value: unknown, found = new Set<ArrayBuffer>()): Set<ArrayBuffer> {
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else if (value instanceof Map) for (const part of value.values()) buffersOf(part, found);
  else if (typeof value === "object" && value !== null) for (const part of Object.values(value)) buffersOf(part, found);
  return found;
}
