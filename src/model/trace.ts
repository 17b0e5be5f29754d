// Tracing: a definition is run once with its data, and leaves latents, observed sites and the terms of the log joint. Mistakes that can be
// seen in the graph (names, shapes, supports, plates) are errors here.

import * as g from "../compile/arithmetic.js";
import type { LatentSite } from "../compile/compiled.js";
import { evaluate } from "../compile/evaluate.js";
import type { Term } from "../compile/gradient.js";
import { commonPlate, data as dataNode, eventSize, latent, type Node, Plate, sameShape } from "../compile/node.js";
import { integer, knownOptions, rangeError, typeError } from "../errors.js";
import { type DataLike, lengthOf, PartialData, type PartialDataLike, toTable, unwrap } from "./data.js";
import { Distribution } from "./distribution.js";
import { Expression, expressionOf, nodeOf, type Value } from "./expression.js";
import { filledIn, gapsOf, plateOfGaps, supportOfGaps } from "./imputed.js";
import { maskOf, presentIn, refuseHalves, withStandIns } from "./missing.js";
import type { Definition, DrawnSite, MaskOptions, ModelContext, SampleOptions, Traced, TraceOptions } from "./model.js";
import { entriesPerRow, partsOf, rowsKept, termOfPart } from "./observation.js";
import { PlateHandle, type PlateOptions } from "./plate.js";
import { Selections } from "./rows.js";
import { constrainTo, type Support, totalJacobian, unconstrainedShape } from "./support.js";

/** Supports of one vector. */
const ofVectors: readonly Support["kind"][] = ["simplex", "ordered", "positiveOrdered", "l1Ball"];

/** The plates of a model, by name. */
type Plates = ReadonlyMap<string, Plate>;

class Trace implements ModelContext, Traced {
  readonly latents: LatentSite[] = [];
  readonly priors: DrawnSite[] = [];
  readonly observed: DrawnSite[] = [];
  readonly factors: string[] = [];
  readonly imputed: { name: string; gaps: Int32Array; labels: readonly string[] | null }[] = [];
  readonly terms: Term[] = [];
  readonly deterministics: { name: string; value: Node }[] = [];
  readonly #names = new Set<string>();
  readonly #plates = new Map<string, Plate>();
  /** Numbers of nodes that are known to be made of this model's latents and plates. */
  readonly #known = new Set<number>();
  readonly #selections = new Selections();
  #dimension = 0;

  constructor(private readonly options: TraceOptions = {}) {}

  // Bound, so that models can take them apart: ({ sample, observe }) => …
  readonly sample = (name: string, prior: Distribution, where: PlateHandle | SampleOptions = {}): Expression => {
    const label = newName(this.#names, "sample", name);
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
    own(label, prior.parameters, this.#known, this.#plates);
    const plate = plateOf(this.#plates, label, options.plate, prior.plate, "the prior's parameters are");
    const support = supportOf(label, options.support, prior);
    const shape = shapeOf(label, options.shape, prior, support);
    const value = this.#latent({ name, distribution: prior, plate, support }, shape);
    this.terms.push({ site: name, ...prior.termOf(value) });
    return new Expression(value);
  };

  /** Takes in a latent, with the Jacobian of its support's transform, and returns its value. */
  #latent(site: Omit<DrawnSite, "value">, shape: readonly number[]): Node {
    const { name, plate, support } = site;
    const free = this.options.constrained ? shape : unconstrainedShape(support, shape);
    const raw = latent(this.#dimension, plate, free);
    this.#dimension += (plate?.size ?? 1) * eventSize(free);
    this.#known.add(raw.id);
    // Held to the support's bounds, which changes nothing, the value still shows what its elements can be.
    const constrained = this.options.constrained
      ? { value: within(raw, support), logJacobian: [] }
      : constrainTo(support, raw);
    const { value } = constrained;
    this.priors.push({ ...site, value });
    const jacobian = totalJacobian(constrained);
    this.latents.push({ name, raw, value });
    if (jacobian) this.terms.push({ site: name, value: jacobian });
    return value;
  }

  readonly observe = (
    name: string,
    likelihood: Distribution,
    values: Value | DataLike | PartialData,
    options: MaskOptions = {},
  ): void => {
    const label = newName(this.#names, "observe", name);
    if (!(likelihood instanceof Distribution)) throw typeError(`${label}: likelihood`, "a distribution", likelihood);
    knownOptions(label, options, ["mask"]);
    const { node, plate } = this.#dataOf(label, likelihood, values);
    const width = entriesPerRow(likelihood, node.shape);
    let kept: Uint8Array | null = null;
    if (values instanceof PartialData && values.missing) {
      if (width < eventSize(node.shape)) refuseHalves(label, values, eventSize(node.shape), likelihood.name);
      kept = presentIn(values, width);
    }
    if (options.mask !== undefined) {
      const mask = maskOf(`${label}: mask`, options.mask, plate, width);
      kept = kept ? mask.map((m, i) => m * kept![i]!) : mask;
    }
    const some = kept?.includes(0);
    let value = this.#given(name, node);
    if (some) value = dataNode(withStandIns(numbersOf(value), kept!, plate!.size), plate, value.shape);
    if (!some || kept!.includes(1)) this.#check(label, likelihood, value);
    const site = { name, distribution: likelihood, value, plate, support: likelihood.support };
    if (!some) {
      this.observed.push(site);
      this.terms.push({ site: name, ...likelihood.termOf(value) });
      return;
    }
    const parts = partsOf(likelihood, value, plate!, kept!, this.#selections);
    this.observed.push({ ...site, parts });
    for (const part of parts) this.terms.push({ site: name, ...termOfPart(part) });
  };

  /** The numbers that are to stand in place of an observed site's own, if any. */
  #given(name: string, node: Node): Node {
    const given = this.options.observed?.get(name);
    return given ? dataNode(given, node.plate, node.shape) : node;
  }

  #check(label: string, likelihood: Distribution, value: Node): void {
    if (!this.options.predict) likelihood.check(`${label}: data`, numbersOf(value));
  }

  /** The node of observed values, and their plate; throws where they do not fit the distribution. */
  #dataOf(
    label: string,
    likelihood: Distribution,
    values: Value | DataLike | PartialData,
  ): { node: Node; plate: Plate | null } {
    let node: Node;
    if (values instanceof PartialData) node = dataNode(values.values, values.plate, values.shape);
    else if (values instanceof Expression) {
      node = values.node;
      if (node.latent)
        throw new TypeError(
          `${label}: expected data, got a value that depends on a latent; use factor() for such terms`,
        );
    } else {
      const table = toTable(label, values);
      node = dataNode(table.values, null, table.shape);
    }
    own(label, [node, ...likelihood.parameters], this.#known, this.#plates);
    const plate = plateOf(this.#plates, label, undefined, commonPlate([node, ...likelihood.parameters], label), "");
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
    return { node, plate };
  }

  readonly impute = (name: string, distribution: Distribution, values: PartialData): Expression => {
    const label = newName(this.#names, "impute", name);
    if (!(distribution instanceof Distribution))
      throw typeError(`${label}: distribution`, "a distribution", distribution);
    if (!(values instanceof PartialData))
      throw typeError(label, "data as rows.data(values, { missing: true }) makes them", values);
    if (distribution.discrete)
      throw new TypeError(
        `${label}: ${distribution.name} is discrete and has no gradient; observe(...) leaves missing values out`,
      );
    if (distribution.hasAtoms)
      throw new TypeError(`${label}: ${distribution.name} gives single numbers probability and has no density there`);
    const { node, plate } = this.#dataOf(label, distribution, values);
    const gaps = gapsOf(values);
    const own = plateOfGaps(name, values, gaps);
    const support = supportOfGaps(distribution, own, gaps, eventSize(values.shape));
    if (!support)
      throw new TypeError(
        `${label}: expected a distribution of numbers that can be missing one by one, got ${distribution.name}, of ${distribution.support.expected}`,
      );
    let filled: Node;
    if (this.options.constrained && this.options.predict) {
      // Nothing has been seen yet: all values are drawn.
      filled = this.#latent({ name, distribution, plate, support: distribution.support }, node.shape);
      this.imputed.push({ name, gaps, labels: own.labels });
    } else {
      const numbers = numbersOf(this.#given(name, node));
      const present = presentIn(values, eventSize(node.shape));
      filled = dataNode(withStandIns(numbers, present, plate!.size), plate, node.shape);
      if (present.includes(1)) this.#check(label, distribution, filled);
      this.observed.push(
        this.#whole({ name, distribution, value: filled, plate, support: distribution.support }, values),
      );
      if (gaps.length) {
        const latents = this.#latent({ name, distribution, plate: own, support, missing: true }, []);
        filled = filledIn(filled, latents, gaps);
        this.#known.add(filled.id);
      }
    }
    this.terms.push({ site: name, ...distribution.termOf(filled) });
    return new Expression(filled);
  };

  /** The site with the observations that are there whole as its parts. */
  #whole(site: DrawnSite, data: PartialData): DrawnSite {
    const kept = presentIn(data, entriesPerRow(site.distribution, data.shape));
    return kept.includes(0)
      ? { ...site, parts: partsOf(site.distribution, site.value, data.plate, kept, this.#selections) }
      : site;
  }

  readonly plate = (
    name: string,
    size: number | PartialDataLike | readonly string[],
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
    const label = newName(this.#names, "deterministic", name);
    const expression = expressionOf(value, label);
    own(label, [expression.node], this.#known, this.#plates);
    this.deterministics.push({ name, value: expression.node });
    return expression;
  };

  readonly factor = (name: string, value: Value, options: MaskOptions = {}): void => {
    const label = newName(this.#names, "factor", name);
    const node = nodeOf(value, label);
    knownOptions(label, options, ["mask"]);
    own(label, [node], this.#known, this.#plates);
    this.factors.push(name);
    const kept = options.mask === undefined ? null : maskOf(`${label}: mask`, options.mask, node.plate, 1);
    if (!kept?.includes(0)) this.terms.push({ site: name, value: node });
    else if (kept.includes(1)) {
      const rows = this.#selections.of(node.plate!, rowsKept(kept));
      this.terms.push({ site: name, value: rows.weights ? g.mul(rows.weights, rows.of(node)) : rows.of(node) });
    }
  };
}

function newName(names: Set<string>, word: string, name: string): string {
  if (typeof name !== "string" || name === "") throw typeError(`${word}(name)`, "a name", name);
  const label = `${word}("${name}")`;
  if (names.has(name)) throw new RangeError(`${label}: the name is used twice`);
  names.add(name);
  return label;
}

/** Throws when a value was made from the latents or plates of another tracing of a model. */
function own(label: string, nodes: readonly Node[], known: Set<number>, plates: Plates): void {
  const stack = [...nodes];
  for (let n = stack.pop(); n; n = stack.pop()) {
    if (known.has(n.id)) continue;
    if (n.kind === "latent")
      throw new RangeError(`${label}: expected values of this model, got one that depends on a latent of another`);
    if (n.plate) plateOf(plates, label, undefined, n.plate, "");
    known.add(n.id);
    stack.push(...n.inputs);
  }
}

function plateOf(
  plates: Plates,
  label: string,
  asked: PlateHandle | undefined,
  implied: Plate | null,
  what: string,
): Plate | null {
  const plate = asked?.plate ?? implied;
  if (plate && plates.get(plate.name) !== plate)
    throw new RangeError(
      `${label}: plate "${plate.name}" does not belong to this model; make it with plate() inside the definition`,
    );
  if (asked && implied && asked.plate !== implied)
    throw new TypeError(`${label}: expected plate "${asked.name}", but ${what} in plate "${implied.name}"`);
  return plate;
}

function shapeOf(
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

function supportOf(label: string, asked: Support | undefined, prior: Distribution): Support {
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

/** The numbers of data, or of what a model makes of them. */
const numbersOf = (x: Node): Float64Array => x.values ?? evaluate([x])[0]!;

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
