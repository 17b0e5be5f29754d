// The modelling language: `model(definition)` is a function of the data that says, with sample, observe, plate, deterministic and
// factor, how latents and data come about. Tracing it once with the data gives the graph that the compiler takes; mistakes that
// can be seen in the graph (names, shapes, supports, plates) are errors here.

import * as g from "../compile/arithmetic.js";
import { CompiledModel, type LatentSite, type ModelGraph } from "../compile/compiled.js";
import { evaluate } from "../compile/evaluate.js";
import type { Term } from "../compile/gradient.js";
import { commonPlate, data as dataNode, eventSize, latent, type Node, Plate, sameShape } from "../compile/node.js";
import { integer, knownOptions, rangeError, typeError } from "../errors.js";
import { type LatentValues, unconstrainSites } from "./constrain.js";
import { type DataLike, lengthOf, toIndex, toTable, unwrap } from "./data.js";
import { Distribution } from "./distribution.js";
import { Expression, expressionOf, nodeOf, PlateIndex, type Value } from "./expression.js";
import { constrainTo, type Support, totalJacobian, unconstrainedShape } from "./support.js";

/** Options of a plate. */
export interface PlateOptions {
  /** Rows in a batch: each gradient is made from one random batch, scaled up to all rows. */
  readonly subsample?: number;
}

/** Options of a latent. */
export interface SampleOptions {
  /** The plate it lives in: one independent value per row. */
  readonly plate?: PlateHandle;
  /** Shape of the value in a row; the distribution's own by default. */
  readonly shape?: readonly number[];
  /** A narrower support than the distribution's; the density is not renormalised (as in Stan). */
  readonly support?: Support;
}

/** Rows that are independent given everything outside the plate; the model is written for one of them. */
export class PlateHandle {
  constructor(
    /** For the compiler. */
    readonly plate: Plate,
  ) {}

  /** The name that `plate` was given. */
  get name(): string {
    return this.plate.name;
  }
  /** Number of rows. */
  get size(): number {
    return this.plate.size;
  }

  /**
   * Data with one row per row of the plate: an array of `size` numbers, nested arrays [size][…], or a flat typed array of size ×
   * `shape` numbers, row-major, with the shape of a row given.
   */
  data(values: DataLike, shape?: readonly number[]): Expression {
    const label = `data of plate "${this.name}"`;
    const table = toTable(label, values);
    const rows = table.shape[0];
    if (shape !== undefined) {
      if (!Array.isArray(shape)) throw typeError(`${label}: shape`, "an array of lengths", shape);
      const width = shape.reduce((a, b) => a * integer(`${label}: shape`, b, 1), 1);
      if (table.values.length !== this.size * width)
        throw rangeError(label, `${this.size} × ${width} numbers`, unwrap(values));
      return new Expression(dataNode(table.values, this.plate, shape));
    }
    if (rows === undefined) throw typeError(label, `${this.size} rows`, values);
    if (rows !== this.size) throw rangeError(label, `${this.size} rows`, unwrap(values));
    return new Expression(dataNode(table.values, this.plate, table.shape.slice(1)));
  }

  /**
   * For each row of this plate a row of `into`: integers counted from 0, or the labels that `into` was made with. `into` is a
   * plate, or the length of a vector outside plates.
   */
  index(values: ArrayLike<number | bigint | string> | { toArray(): unknown }, into: PlateHandle | number): PlateIndex {
    const target = into instanceof PlateHandle ? `plate "${into.name}"` : "a vector";
    const label = `index of plate "${this.name}" into ${target}`;
    const limit = into instanceof PlateHandle ? into.size : integer(`${label}: length`, into, 1);
    const index = toIndex(label, values, limit, into instanceof PlateHandle ? into.plate.labels : null);
    if (index.length !== this.size) throw rangeError(label, `${this.size} entries`, unwrap(values));
    return new PlateIndex(this.plate, index, into instanceof PlateHandle ? into.plate : null, limit);
  }
}

/** The words a model is written in. */
export interface ModelContext {
  /** A latent with a prior. Returns its value, on the support of the prior. */
  sample(name: string, prior: Distribution, where?: PlateHandle | SampleOptions): Expression;
  /** Data with a likelihood. Values: a plate's data, or numbers of the distribution's shape. */
  observe(name: string, likelihood: Distribution, values: Value | DataLike): void;
  /** A plate of `size` rows, or of as many rows as an array has; an array of strings also gives the rows' labels. */
  plate(name: string, size: number | DataLike | readonly string[], options?: PlateOptions): PlateHandle;
  /** A value to be reported with the posterior. Returns it. */
  deterministic(name: string, value: Value): Expression;
  /** Adds a value (summed over rows and elements) to the log joint. */
  factor(name: string, value: Value): void;
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
}

/** A traced definition: what the compiler takes, and how latents and data come about. */
export interface Traced extends ModelGraph {
  readonly priors: readonly DrawnSite[];
  readonly observed: readonly DrawnSite[];
  /** Names of the factors. */
  readonly factors: readonly string[];
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

/** Supports of one vector. */
const ofVectors: readonly Support["kind"][] = ["simplex", "ordered", "positiveOrdered", "l1Ball"];

class Trace implements ModelContext, Traced {
  readonly latents: LatentSite[] = [];
  readonly priors: DrawnSite[] = [];
  readonly observed: DrawnSite[] = [];
  readonly factors: string[] = [];
  readonly terms: Term[] = [];
  readonly deterministics: { name: string; value: Node }[] = [];
  readonly #names = new Set<string>();
  readonly #plates = new Map<string, Plate>();
  /** Numbers of nodes that are known to be made of this model's latents and plates. */
  readonly #known = new Set<number>();
  #dimension = 0;

  constructor(private readonly options: TraceOptions = {}) {}

  // Bound, so that models can take them apart: ({ sample, observe }) => …
  readonly sample = (name: string, prior: Distribution, where: PlateHandle | SampleOptions = {}): Expression => {
    const label = this.#name("sample", name);
    if (!(prior instanceof Distribution)) throw typeError(`${label}: prior`, "a distribution", prior);
    if (typeof where !== "object" || where === null)
      throw typeError(label, "a plate or options { plate, shape, support }", where);
    if (!(where instanceof PlateHandle)) knownOptions(label, where, ["plate", "shape", "support"]);
    const options: SampleOptions = where instanceof PlateHandle ? { plate: where } : where;
    if (options.plate !== undefined && !(options.plate instanceof PlateHandle))
      throw typeError(`${label}: plate`, "a plate made with plate(name, size)", options.plate);
    if (prior.discrete)
      throw new TypeError(
        `${label}: ${prior.name} is discrete and has no gradient; sum the latent out, with mixture(weights, components)`,
      );
    if (prior.hasAtoms)
      throw new TypeError(
        `${label}: ${prior.name} gives single numbers probability and has no density there; censor what is observed`,
      );
    this.#own(label, prior.parameters);
    const plate = this.#plateOf(label, options.plate, prior.plate, "the prior's parameters are");
    const support = this.#supportOf(label, options.support, prior);
    const shape = this.#shapeOf(label, options.shape, prior, support);
    const position = this.#dimension;
    const free = this.options.constrained ? shape : unconstrainedShape(support, shape);
    const raw = latent(position, plate, free);
    this.#dimension += (plate?.size ?? 1) * eventSize(free);
    this.#known.add(raw.id);
    // Held to the support's bounds, which changes nothing, the value still shows what its elements can be.
    const constrained = this.options.constrained
      ? { value: within(raw, support), logJacobian: [] }
      : constrainTo(support, raw);
    this.priors.push({ name, distribution: prior, value: constrained.value, plate, support });
    const jacobian = totalJacobian(constrained);
    this.latents.push({ name, raw, value: constrained.value });
    if (jacobian) this.terms.push({ site: name, value: jacobian });
    this.terms.push({ site: name, ...prior.termOf(constrained.value) });
    return new Expression(constrained.value);
  };

  readonly observe = (name: string, likelihood: Distribution, values: Value | DataLike): void => {
    const label = this.#name("observe", name);
    if (!(likelihood instanceof Distribution)) throw typeError(`${label}: likelihood`, "a distribution", likelihood);
    let node: Node;
    if (values instanceof Expression) {
      node = values.node;
      if (node.latent)
        throw new TypeError(
          `${label}: expected data, got a value that depends on a latent; use factor() for such terms`,
        );
    } else {
      const table = toTable(label, values);
      node = dataNode(table.values, null, table.shape);
    }
    this.#own(label, [node, ...likelihood.parameters]);
    const plate = this.#plateOf(label, undefined, commonPlate([node, ...likelihood.parameters], label), "");
    const shape = likelihood.eventShape.length ? likelihood.eventShape : likelihood.batchShape;
    const event = node.shape;
    if (!sameShape(event, shape)) {
      const rows = !node.plate && !shape.length && event.length === 1;
      throw new RangeError(
        `${label}: expected ${shape.length ? `values of shape [${shape.join(", ")}]` : "one value"}${plate ? " per row" : ""}, got shape [${event.join(", ")}]${rows ? `; repeated observations belong in a plate: plate("rows", ${event[0]}).data(values)` : ""}`,
      );
    }
    if (plate && !node.plate)
      throw new TypeError(`${label}: expected data of plate "${plate.name}", got values outside plates`);
    const given = this.options.observed?.get(name);
    if (given) node = dataNode(given, plate, event);
    if (!this.options.predict) likelihood.check(`${label}: data`, node.values ?? evaluate([node])[0]!);
    this.observed.push({ name, distribution: likelihood, value: node, plate, support: likelihood.support });
    this.terms.push({ site: name, ...likelihood.termOf(node) });
  };

  readonly plate = (
    name: string,
    size: number | DataLike | readonly string[],
    options: PlateOptions = {},
  ): PlateHandle => {
    if (typeof name !== "string" || name === "") throw typeError("plate(name)", "a name", name);
    const label = `plate("${name}")`;
    if (this.#plates.has(name)) throw new RangeError(`${label}: the name is used twice`);
    knownOptions(label, options, ["subsample"]);
    const rows = typeof size === "number" ? size : lengthOf(size);
    if (rows === undefined) throw typeError(`${label}: size`, "a number of rows or an array of them", size);
    integer(`${label}: size`, rows, 1);
    if (options.subsample !== undefined) integer(`${label}: subsample`, options.subsample, 1, rows);
    const plain = unwrap(size);
    const labels = Array.isArray(plain) && plain.every((x) => typeof x === "string") ? plain : null;
    if (labels && new Set(labels).size < labels.length) {
      const twice = labels.findIndex((x, i) => labels.indexOf(x) < i);
      throw new RangeError(`${label}: the label ${JSON.stringify(labels[twice])} is used twice`);
    }
    const batch = this.options.whole || this.options.constrained ? undefined : options.subsample;
    const plate = new Plate(name, rows, batch, labels as readonly string[] | null);
    this.#plates.set(name, plate);
    return new PlateHandle(plate);
  };

  readonly deterministic = (name: string, value: Value): Expression => {
    const label = this.#name("deterministic", name);
    const expression = expressionOf(value, label);
    this.#own(label, [expression.node]);
    this.deterministics.push({ name, value: expression.node });
    return expression;
  };

  readonly factor = (name: string, value: Value): void => {
    const label = this.#name("factor", name);
    const node = nodeOf(value, label);
    this.#own(label, [node]);
    this.factors.push(name);
    this.terms.push({ site: name, value: node });
  };

  #name(word: string, name: string): string {
    if (typeof name !== "string" || name === "") throw typeError(`${word}(name)`, "a name", name);
    const label = `${word}("${name}")`;
    if (this.#names.has(name)) throw new RangeError(`${label}: the name is used twice`);
    this.#names.add(name);
    return label;
  }

  /** Throws when a value was made from the latents or plates of another tracing of a model. */
  #own(label: string, nodes: readonly Node[]): void {
    const stack = [...nodes];
    for (let n = stack.pop(); n; n = stack.pop()) {
      if (this.#known.has(n.id)) continue;
      if (n.kind === "latent")
        throw new RangeError(`${label}: expected values of this model, got one that depends on a latent of another`);
      if (n.plate) this.#plateOf(label, undefined, n.plate, "");
      this.#known.add(n.id);
      stack.push(...n.inputs);
    }
  }

  #plateOf(label: string, asked: PlateHandle | undefined, implied: Plate | null, what: string): Plate | null {
    const plate = asked?.plate ?? implied;
    if (plate && this.#plates.get(plate.name) !== plate)
      throw new RangeError(
        `${label}: plate "${plate.name}" does not belong to this model; make it with plate() inside the definition`,
      );
    if (asked && implied && asked.plate !== implied)
      throw new TypeError(`${label}: expected plate "${asked.name}", but ${what} in plate "${implied.name}"`);
    return plate;
  }

  #shapeOf(
    label: string,
    asked: readonly number[] | undefined,
    prior: Distribution,
    support: Support,
  ): readonly number[] {
    if (asked !== undefined) {
      if (!Array.isArray(asked)) throw typeError(`${label}: shape`, "an array of lengths", asked);
      for (const d of asked) integer(`${label}: shape`, d, 1);
    }
    const own = prior.eventShape.length ? prior.eventShape : prior.batchShape;
    const shape = asked ?? own;
    if (own.length && !sameShape(shape, own))
      throw new RangeError(
        `${label}: shape: expected [${own.join(", ")}] as ${prior.name} has, got [${shape.join(", ")}]`,
      );
    if (shape.length !== 1 && ofVectors.includes(support.kind))
      throw new RangeError(
        `${label}: shape: expected a vector's, for ${support.expected}, got [${shape.join(", ")}]; give one length, such as { shape: [3] }`,
      );
    if (shape.length > 2) throw rangeError(`${label}: shape`, "at most two dimensions", shape);
    return shape;
  }

  #supportOf(label: string, asked: Support | undefined, prior: Distribution): Support {
    if (asked === undefined) return prior.support;
    if (typeof asked !== "object" || asked === null || typeof asked.kind !== "string")
      throw typeError(`${label}: support`, "a support such as positive or interval(0, 1)", asked);
    const own = prior.support;
    const structured = own.kind === "simplex" || own.kind === "ordered" || own.kind === "positiveOrdered";
    if (
      asked.low < own.low ||
      asked.high > own.high ||
      asked.kind === "integers" ||
      (structured && asked.kind !== own.kind)
    )
      throw new RangeError(
        `${label}: support: expected a part of the support of ${prior.name} (${own.expected}), got ${asked.expected}`,
      );
    return asked;
  }
}

/** The node, whose values lie between the support's bounds, as one that is seen to. */
function within(x: Node, { low, high }: Support): Node {
  const above = low === Number.NEGATIVE_INFINITY ? x : g.max(x, low);
  return high === Number.POSITIVE_INFINITY ? above : g.min(above, high);
}

/** Runs a definition once, with data: what it says as graphs, before anything is compiled. */
export function trace<Data>(definition: Definition<Data>, data: Data, options?: TraceOptions): Traced {
  const context = new Trace(options);
  const result: unknown = definition(context, data);
  if (result instanceof Promise) {
    result.catch(() => {}); // what went wrong after the first await is not what to report
    throw new TypeError("model(definition): expected a synchronous function, got a promise");
  }
  return context;
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
