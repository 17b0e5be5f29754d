// A distribution as a value: its parameters, its support and its log density. The same object is used in models (as a prior, a
// likelihood, a component of a mixture) and eagerly on numbers and arrays. A family is declared by `family(...)` in
// src/model/distributions/, always in the same order: rule, parameters, support.

import * as g from "../compile/arithmetic.js";
import { bounds } from "../compile/bounds.js";
import { type DensityRule, logProb, logProbValue } from "../compile/density.js";
import { evaluate } from "../compile/evaluate.js";
import type { Term } from "../compile/gradient.js";
import { commonShape, concat, constant, data, logSumExp, type Node, type Plate } from "../compile/node.js";
import { rangeError, show, typeError } from "../errors.js";

import { type DataLike, toTable } from "./data.js";
import { Expression, nodeOf, type Value } from "./expression.js";
import { checkValues, type Support, union } from "./support.js";

/** The log density of a value as a term of the log joint. */
export type TermOf = Pick<Term, "density" | "value">;

/** A distribution with its parameters. */
export abstract class Distribution {
  /** The family, as its constructor is called. */
  abstract readonly name: string;
  /** Where values lie. */
  abstract readonly support: Support;
  /** Shape of one value: [] for univariate families. */
  abstract readonly eventShape: readonly number[];
  /** Nodes of the parameters, in the order of the constructor. */
  abstract readonly parameters: readonly Node[];

  /** Whether values are integers. */
  get discrete(): boolean {
    return this.support.kind === "integers";
  }

  /** The plate that the parameters live in. */
  get plate(): Plate | null {
    return commonShape(
      this.parameters.map((p) => ({ ...p, shape: [] })),
      this.name,
    ).plate;
  }

  /** The shape of independent values that the parameters' shapes ask for, for univariate families. */
  get batchShape(): readonly number[] {
    return this.eventShape.length ? [] : commonShape(this.parameters, this.name).shape;
  }

  /** The log density at `x`, as a term. */
  abstract termOf(x: Node): TermOf;

  /** The log density per value, as a value of the graph. */
  valueOf(x: Node): Node {
    const { density, value } = this.termOf(x);
    return density ? logProbValue(density) : value!;
  }

  /**
   * The log density. In a model, at a value of the model; eagerly, at numbers: a number gives a number, an array a Float64Array
   * of the same length (multivariate families: one number per row). Outside the support −Infinity, NaN gives NaN.
   */
  logProb(x: Expression): Expression;
  logProb(x: number): number;
  logProb(x: DataLike): number | Float64Array;
  logProb(x: Expression | DataLike): Expression | number | Float64Array {
    if (x instanceof Expression) return new Expression(this.valueOf(x.node));
    if (this.parameters.some((p) => p.latent))
      return new Expression(this.valueOf(nodeOf(x, `${this.name}.logProb(x)`)));
    return this.eager("logProb", x, (node) => this.valueOf(node));
  }

  /** Applies a function of the graph to numbers, elementwise (multivariate families: row by row). */
  protected eager(method: string, x: DataLike, f: (x: Node) => Node): number | Float64Array {
    const label = `${this.name}.${method}(x)`;
    const { values, shape } = toTable(label, x, true);
    const event = this.eventShape.length;
    if (event > shape.length || this.eventShape.some((d, i) => d !== shape[shape.length - event + i]))
      throw new RangeError(
        `${label}: expected values of shape [${this.eventShape.join(", ")}], got [${shape.join(", ")}]`,
      );
    const rows = shape.slice(0, shape.length - event).reduce((a, b) => a * b, 1);
    const scalar = shape.length === event;
    if (event === 0) {
      const batch = this.batchShape;
      const whole = scalar ? [] : [rows];
      if (batch.length && !scalar && batch[0] !== rows)
        throw new RangeError(`${label}: expected ${batch[0]} values, as many as the parameters, got ${rows}`);
      const result = evaluate([f(scalar ? constant(values[0]!) : data(values, null, whole))])[0]!;
      return scalar && !batch.length ? result[0]! : result;
    }
    const width = values.length / Math.max(1, rows);
    const result = new Float64Array(rows);
    for (let r = 0; r < rows; r++)
      result[r] = evaluate([f(data(values.subarray(r * width, (r + 1) * width), null, this.eventShape))])[0]![0]!;
    return scalar ? result[0]! : result;
  }

  /** Throws when observed values lie outside the support, naming the first. */
  check(label: string, values: Float64Array): void {
    const width = this.eventShape.reduce((a, b) => a * b, 1);
    try {
      checkValues(label, values, this.support, width);
    } catch (error) {
      if (error instanceof RangeError) error.message += `, outside the support of ${this.name}`;
      throw error;
    }
  }
}

/** What a parameter may be. Constants and data are checked exactly, values of the model by the bounds of their expression. */
export interface ParameterKind {
  readonly expected: string;
  readonly low: number;
  readonly high: number;
  /** Whether the bounds themselves are excluded. */
  readonly open?: boolean;
  readonly integer?: boolean;
}

const INF = Number.POSITIVE_INFINITY;
export const kinds = {
  real: { expected: "a finite number", low: -INF, high: INF, open: true },
  positive: { expected: "a positive number", low: 0, high: INF, open: true },
  nonNegative: { expected: "a number of at least 0", low: 0, high: INF },
  probability: { expected: "a number in [0, 1]", low: 0, high: 1 },
  count: { expected: "an integer of at least 0", low: 0, high: INF, integer: true },
} as const satisfies Record<string, ParameterKind>;

/** Checks a parameter's node; constants and data exactly, the rest by the bounds of its expression. */
export function checkParameter(label: string, node: Node, kind: ParameterKind): Node {
  if (node.values) {
    node.values.forEach((v, i) => {
      const place = node.values!.length > 1 ? `${label}[${i}]` : label;
      const inside = kind.open ? v > kind.low && v < kind.high : v >= kind.low && v <= kind.high;
      if (!inside || !Number.isFinite(v) || (kind.integer && !Number.isInteger(v)))
        throw rangeError(place, kind.expected, v);
    });
    return node;
  }
  const [low, high] = bounds(node);
  if (low < kind.low || high > kind.high) {
    const reach = low < kind.low ? `as low as ${show(low)}` : `as high as ${show(high)}`;
    throw new RangeError(
      `${label}: expected ${kind.expected}, got a value that can be ${reach}; constrain it, by its prior's support or by exp, softplus or sigmoid`,
    );
  }
  return node;
}

class FamilyDistribution extends Distribution {
  constructor(
    readonly name: string,
    readonly rule: DensityRule,
    readonly parameters: readonly Node[],
    readonly support: Support,
    readonly eventShape: readonly number[],
  ) {
    super();
  }

  override get batchShape(): readonly number[] {
    return this.rule.multivariate ? [] : super.batchShape;
  }

  override termOf(x: Node): TermOf {
    return { density: logProb(this.rule, [x, ...this.parameters]) };
  }
}

/** A family's declaration: each argument with its kind, and where values lie. */
export interface FamilyOptions {
  readonly name: string;
  readonly rule: DensityRule;
  readonly parameters: Readonly<Record<string, ParameterKind>>;
  readonly support: Support | ((parameters: readonly Node[]) => Support);
  readonly eventShape?: (parameters: readonly Node[]) => readonly number[];
  /** Further checks of the parameters together; `label` opens the messages. */
  readonly validate?: (label: string, parameters: readonly Node[]) => void;
}

/** A constructor of distributions from parameters in declared order. */
export function family(options: FamilyOptions): (...parameters: Value[]) => Distribution {
  const names = Object.keys(options.parameters);
  const label = `${options.name}(${names.join(", ")})`;
  return (...values) => {
    const nodes = names.map((name, i) =>
      checkParameter(`${label}: ${name}`, nodeOf(values[i], `${label}: ${name}`), options.parameters[name]!),
    );
    options.validate?.(label, nodes);
    const support = typeof options.support === "function" ? options.support(nodes) : options.support;
    return new FamilyDistribution(options.name, options.rule, nodes, support, options.eventShape?.(nodes) ?? []);
  };
}

class Mixture extends Distribution {
  readonly name = "mixture";
  readonly eventShape: readonly number[];
  readonly support: Support;
  readonly parameters: readonly Node[];

  constructor(
    readonly weights: readonly Node[],
    readonly components: readonly Distribution[],
  ) {
    super();
    const first = components[0]!;
    this.eventShape = first.eventShape;
    this.support = components.map((c) => c.support).reduce(union);
    this.parameters = [...weights, ...components.flatMap((c) => c.parameters)].map((p) =>
      first.eventShape.length ? { ...p, shape: [] } : p,
    );
  }

  override termOf(x: Node): TermOf {
    const parts = this.components.map((c, k) => g.add(g.log(this.weights[k]!), c.valueOf(x)));
    if (parts.length === 1) return { value: parts[0]! };
    if (parts.length === 2) return { value: g.logAddExp(parts[0]!, parts[1]!) };
    const { shape } = commonShape(parts, "mixture");
    if (shape.length) return { value: parts.reduce((a, b) => g.logAddExp(a, b)) };
    return { value: logSumExp(concat(parts)) };
  }
}

/**
 * A finite mixture: log density log Σ wₖ pₖ(x). `weights` is a vector that adds up to 1 (a simplex) or one value per component.
 * The component of an observation is summed out, so nothing discrete is left to infer.
 */
export function mixture(weights: Value | readonly Value[], components: readonly Distribution[]): Distribution {
  const label = "mixture(weights, components)";
  if (!Array.isArray(components) || components.length === 0 || components.some((c) => !(c instanceof Distribution)))
    throw typeError(`${label}: components`, "an array of distributions", components);
  const kind = components[0]!.support.kind === "integers";
  if (components.some((c) => c.discrete !== kind || c.eventShape.length !== components[0]!.eventShape.length))
    throw new TypeError(`${label}: expected components of one kind, got ${components.map((c) => c.name).join(", ")}`);
  let parts: Node[];
  if (Array.isArray(weights)) parts = weights.map((w, k) => nodeOf(w, `${label}: weights[${k}]`));
  else {
    const whole = new Expression(nodeOf(weights, `${label}: weights`));
    parts = Array.from({ length: whole.shape[0] ?? 0 }, (_, k) => whole.at(k).node);
  }
  if (parts.length !== components.length)
    throw new RangeError(
      `${label}: expected as many weights as components (${components.length}), got ${parts.length}`,
    );
  for (const [k, w] of parts.entries()) checkParameter(`${label}: weights[${k}]`, w, kinds.probability);
  if (parts.every((p) => p.kind === "constant")) {
    const total = parts.reduce((a, p) => a + p.values![0]!, 0);
    if (!(Math.abs(total - 1) < 1e-9)) throw rangeError(`${label}: weights`, "numbers that add up to 1", total);
  }
  return new Mixture(parts, components);
}

class Flat extends Distribution {
  readonly name = "flat";
  readonly parameters: readonly Node[] = [];
  readonly eventShape: readonly number[] = [];
  constructor(readonly support: Support) {
    super();
  }
  override termOf(): TermOf {
    return { value: constant(0) };
  }
}

/** An improper prior: density 1 all over a support. The posterior must be proper by the data. */
export const flat = (support: Support): Distribution => new Flat(support);
