// The modelling language: `model(definition)` is a function of the data that says, with sample, observe, impute, plate, deterministic
// and factor, how latents and data come about. Tracing it once with the data (trace.ts) gives the graph that the compiler takes.

import { CompiledModel, type ModelGraph } from "../compile/compiled.js";
import type { Node, Plate } from "../compile/node.js";
import { typeError } from "../errors.js";
import { type LatentValues, unconstrainSites } from "./constrain.js";
import type { DataLike, PartialData, PartialDataLike } from "./data.js";
import type { Distribution } from "./distribution.js";
import type { Expression, Value } from "./expression.js";
import type { Mask } from "./missing.js";
import type { ObservedPart } from "./observation.js";
import type { PlateHandle, PlateOptions } from "./plate.js";
import type { Support } from "./support.js";
import { trace } from "./trace.js";

/** Options of a latent. */
export interface SampleOptions {
  /** The plate it lives in: one independent value per row. */
  readonly plate?: PlateHandle;
  /** Shape of the value in a row; the distribution's own by default. */
  readonly shape?: readonly number[];
  /** A narrower support than the distribution's; the density is not renormalised (as in Stan). */
  readonly support?: Support;
}

/** Options of an observation or a factor. */
export interface MaskOptions {
  /**
   * Which rows of the plate count, or (of an observation) which elements of them: true and false or 1 and 0, data of the plate or an
   * array of its size. The others are left out: they add nothing to the log joint or its gradient, whatever is in them.
   */
  readonly mask?: Mask | undefined;
}

/** The words a model is written in. */
export interface ModelContext {
  /** A latent with a prior. Returns its value, on the support of the prior. */
  sample(name: string, prior: Distribution, where?: PlateHandle | SampleOptions): Expression;
  /**
   * Data with a likelihood. Values: a plate's data, or numbers of the distribution's shape. Of data with missing values, and where a mask
   * says so, rows are left out, which is exact, as rows say nothing about each other.
   */
  observe(name: string, likelihood: Distribution, values: Value | DataLike | PartialData, options?: MaskOptions): void;
  /**
   * Data with a likelihood, like `observe`, of which some values are missing: each becomes a latent with that likelihood for a prior.
   * Returns the values, filled in, for use in the rest of the model. Latents are named by their row: "x[3]".
   */
  impute(name: string, distribution: Distribution, values: PartialData): Expression;
  /** A plate of `size` rows, or of as many rows as an array has; an array of strings also gives the rows' labels. */
  plate(name: string, size: number | PartialDataLike | readonly string[], options?: PlateOptions): PlateHandle;
  /** A value to be reported with the posterior. Returns it. */
  deterministic(name: string, value: Value): Expression;
  /** Adds a value (summed over rows and elements) to the log joint. A mask leaves rows out. */
  factor(name: string, value: Value, options?: MaskOptions): void;
}

/** What a user writes: declares latents and observations through the context. It runs once per compilation. */
export type Definition<Data> = (context: ModelContext, data: Data) => void;

/** A model definition with its data type. */
export interface Model<Data> {
  /** Traces the definition with data and compiles it into a Target. Call `dispose()` on the result to free its memory. */
  compile(data: Data, options?: TraceOptions): TracedModel;
  /** What the definition says with data, uncompiled. */
  trace(data: Data, options?: TraceOptions): Traced;
}

/** What a value of the model is drawn from: a latent from its prior, an observed value from its likelihood. */
export interface DrawnSite {
  readonly name: string;
  readonly distribution: Distribution;
  /** The latent's value, or the data. */
  readonly value: Node;
  readonly plate: Plate | null;
  /** Where a latent is held to; the distribution's support for an observed value. */
  readonly support: Support;
  /** What was observed of it, where that is not all of it. */
  readonly parts?: readonly ObservedPart[];
  /** Whether it stands for values that are missing from an observed site of that name. */
  readonly missing?: boolean;
}

/** A traced definition: what the compiler takes, and how latents and data come about. */
export interface Traced extends ModelGraph {
  readonly priors: readonly DrawnSite[];
  readonly observed: readonly DrawnSite[];
  /** Names of the factors. */
  readonly factors: readonly string[];
  /** When drawn from the joint distribution: latents that stand for sites with missing values, and where these are, row-major. */
  readonly imputed: readonly {
    readonly name: string;
    readonly gaps: Int32Array;
    readonly labels: readonly string[] | null;
  }[];
}

/** How a definition is traced when it is not to be fitted as it stands. */
export interface TraceOptions {
  /** Plates are visited whole, also those that ask for subsampling. */
  readonly whole?: boolean;
  /** A latent's coordinates are its value, [row][event], not what a transform makes it from: to draw from the prior. */
  readonly constrained?: boolean;
  /** Only the plates and shapes of the data of observed sites count, their numbers do not: to predict. */
  readonly predict?: boolean;
  /** Numbers in place of the data of observed sites, [row][event]. */
  readonly observed?: ReadonlyMap<string, Float64Array>;
}

/** A compiled model that can say again what it was compiled from: with other data, or to draw from it. */
export class TracedModel extends CompiledModel {
  readonly #definition: Definition<unknown>;
  readonly #data: unknown;

  constructor(definition: Definition<unknown>, data: unknown, options?: TraceOptions) {
    super(trace(definition, data, options));
    this.#definition = definition;
    this.#data = data;
  }

  /** Traces the definition again, with the data it was compiled with or with others of their type. */
  trace(options: TraceOptions, data: unknown = this.#data): Traced {
    return trace(this.#definition, data, options);
  }

  /**
   * Unconstrained coordinates at which the latents have the given values, by name, [row][event] or flat: the inverse of `constrain`, and a
   * start for `fit` (its `init`).
   */
  unconstrain(values: LatentValues): Float64Array {
    return unconstrainSites(this.trace({ constrained: true }).priors, values);
  }
}

/** A model: a function of the data. See ModelContext for the words it is written in. */
export function model<Data = void>(definition: Definition<Data>): Model<Data> {
  if (typeof definition !== "function")
    throw typeError("model(definition)", "a function (context, data) => void", definition);
  return {
    compile: (data, options) => new TracedModel(definition as Definition<unknown>, data, options),
    trace: (data, options) => trace(definition, data, options),
  };
}
