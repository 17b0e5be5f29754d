// A distribution as a value: its parameters, its support and its log density. The same object is used in models (as a prior, a
// likelihood, a component of a mixture) and eagerly on numbers and arrays. A family is declared by `family(...)` in
// src/model/distributions/, always in the same order: rule, parameters, support.

import type { Sampler } from "../../assembly/samplers.js";
import * as g from "../compile/arithmetic.js";
import { bounds } from "../compile/bounds.js";
import { type DensityRule, logProb, logProbValue } from "../compile/density.js";
import type { Term } from "../compile/gradient.js";
import { commonPlate, commonShape, constant, eventSize, type Node, type Plate } from "../compile/node.js";
import { integer, rangeError, show } from "../errors.js";
import { type DataLike, toTable } from "./data.js";
import { logSum, termsTo } from "./distributions/count-sums.js";
import { cdf, logProbs, type Moment, type Numbers, numbersOf, quantile, unavailable } from "./evaluation.js";
import { Expression, nodeOf, type Value } from "./expression.js";
import { fillSamples, type Generator, generatorOf, type SampleOptions } from "./sampler.js";
import { checkValues, type Support } from "./support.js";

/** The log density of a value as a term of the log joint. */
export type TermOf = Pick<Term, "density" | "value">;

export type { SampleOptions } from "./sampler.js";

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
  /** For each parameter, whether an array of them means one distribution per element. */
  abstract readonly perElement: readonly boolean[];
  /** Says how it is made but for its parameters: distributions of one structure share their compiled functions. */
  abstract readonly structure: string;

  /** Whether values are integers. */
  get discrete(): boolean {
    return this.support.kind === "integers";
  }

  /** Whether single numbers have probability beside a density, so that no latent can have it. */
  get hasAtoms(): boolean {
    return false;
  }

  /** The plate that the parameters live in. */
  get plate(): Plate | null {
    return commonPlate(this.parameters, this.name);
  }

  /** The shape of independent values that the parameters' shapes ask for, for univariate families. */
  get batchShape(): readonly number[] {
    const elements: Node[] = [];
    for (let i = 0; i < this.parameters.length; i++) if (this.perElement[i]) elements.push(this.parameters[i]!);
    return commonShape(elements, this.name);
  }

  /** Where the density of one distribution with numbers for parameters can be above 0: the support, closer where parameters bound it. */
  get ends(): readonly [low: number, high: number] {
    return [this.support.low, this.support.high];
  }

  /** The log density at `x`, as a term. */
  abstract termOf(x: Node): TermOf;

  /** The same distribution with other parameters. */
  abstract withParameters(parameters: readonly Node[]): Distribution;

  /** The log density per value, as a value of the graph. */
  valueOf(x: Node): Node {
    const { density, value } = this.termOf(x);
    if (!density) return value!;
    return value ? g.add(logProbValue(density), value) : logProbValue(density);
  }

  /** P(X ≤ x) as a value of the graph; null when there is no formula. */
  cdfOf(_x: Node): Node | null {
    return null;
  }
  /** P(X ≤ x) of numbers, element `i` of the parameters, where it is a sum. */
  cdfOfNumber(_x: number, _parameters: readonly Float64Array[], _i: number): number | null {
    return null;
  }
  /** P(X > x) as a value of the graph; null when there is no formula of its own. */
  survivalOf(_x: Node): Node | null {
    return null;
  }
  /** log P(X ≤ x), where it has a formula that does not underflow. */
  logCdfOf(_x: Node): Node | null {
    return null;
  }
  /** log P(X > x), where it has a formula that does not underflow. */
  logSurvivalOf(_x: Node): Node | null {
    return null;
  }
  /** The inverse of the cdf as a value of the graph; null when there is no formula. */
  quantileOf(_p: Node): Node | null {
    return null;
  }
  /** Mean, variance (per element of an event) or entropy; null when there is no formula. */
  momentOf(_which: Moment): Numbers | null {
    return null;
  }
  /** Fills `out` with n samples; false when there is no sampler. */
  draw(_n: number, _out: Float64Array, _generator: Generator): boolean {
    return false;
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
    return logProbs(this, toTable(`${this.name}.logProb(x)`, x, "NaN"));
  }

  /** P(X ≤ x), of a number or an array. NaN gives NaN. */
  cdf(x: number): number;
  cdf(x: DataLike): number | Float64Array;
  cdf(x: DataLike): number | Float64Array {
    const { values, shape } = toTable(`${this.name}.cdf(x)`, x, "NaN");
    return cdf(this, "cdf", values, shape);
  }

  /** The smallest x with P(X ≤ x) ≥ p, for p in [0, 1]. NaN gives NaN. */
  quantile(p: number): number;
  quantile(p: DataLike): number | Float64Array;
  quantile(p: DataLike): number | Float64Array {
    const label = `${this.name}.quantile(p)`;
    const { values, shape } = toTable(label, p, "NaN");
    values.forEach((v, i) => {
      if (v < 0 || v > 1) throw rangeError(values.length > 1 ? `${label}[${i}]` : label, "a number in [0, 1]", v);
    });
    return quantile(this, values, shape);
  }

  /** The mean: a number, an array for arrays of parameters, the elements of an event for multivariate families. */
  mean(): Numbers {
    return this.#moment("mean");
  }
  /** The variance, in the shape of the mean. */
  variance(): Numbers {
    return this.#moment("variance");
  }
  /** −E log p in nats: differential for continuous families. */
  entropy(): Numbers {
    return this.#moment("entropy");
  }

  #moment(which: Moment): Numbers {
    numbersOf(this, which);
    return this.momentOf(which) ?? unavailable(this, which);
  }

  /**
   * Samples: without arguments one value, with `n` a Float64Array [n × value] (or [n × parameters] for arrays of parameters). A seed
   * gives the same numbers on every engine; without one, each call gives the next numbers of a sequence that starts with the program.
   */
  sample(): Numbers;
  sample(n: number, options?: SampleOptions): Float64Array;
  sample(n?: number, options: SampleOptions = {}): Numbers {
    numbersOf(this, "sample");
    const label = `${this.name}.sample(n)`;
    const count = n === undefined ? 1 : integer(label, n, 0, 2 ** 31);
    const width = eventSize(this.eventShape) * eventSize(this.batchShape);
    if (count * width > 2 ** 31) throw rangeError(label, `at most ${Math.floor(2 ** 31 / width)} values`, count);
    const out = new Float64Array(count * width);
    if (!this.draw(count, out, generatorOf(`${this.name}.sample(n, options)`, options))) unavailable(this, "sample");
    return n === undefined && !this.eventShape.length && !this.batchShape.length ? out[0]! : out;
  }

  /** Throws when observed values lie outside the support, naming the first. */
  check(label: string, values: Float64Array): void {
    try {
      checkValues(label, values, this.support, eventSize(this.eventShape));
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
  /** Whether infinities are values. */
  readonly infinite?: boolean;
}

const INF = Number.POSITIVE_INFINITY;
export const kinds = {
  real: { expected: "a finite number", low: -INF, high: INF, open: true },
  bound: { expected: "a number", low: -INF, high: INF, infinite: true },
  positive: { expected: "a positive number", low: 0, high: INF, open: true },
  nonNegative: { expected: "a number of at least 0", low: 0, high: INF },
  positiveProbability: { expected: "a number in (0, 1]", low: Number.MIN_VALUE, high: 1 },
  probability: { expected: "a number in [0, 1]", low: 0, high: 1 },
  count: { expected: "an integer of at least 0", low: 0, high: INF, integer: true },
} as const satisfies Record<string, ParameterKind>;

/** Checks a parameter's node; constants and data exactly, the rest by the bounds of its expression. */
export function checkParameter(label: string, node: Node, kind: ParameterKind): Node {
  const { values } = node;
  if (values) {
    const { low, high, open, infinite, integer: whole } = kind;
    for (let i = 0; i < values.length; i++) {
      const v = values[i]!;
      const inside = open ? v > low && v < high : v >= low && v <= high;
      if (!inside || !(infinite || Number.isFinite(v)) || (whole && !Number.isInteger(v)))
        throw rangeError(values.length > 1 ? `${label}[${i}]` : label, kind.expected, v);
    }
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

type Formula = (x: Node, ...parameters: Node[]) => Node;

/** What a family can do besides its density. Univariate families have means by number, multivariate ones by array. */
export interface Abilities {
  /** The core's sampler; its parameters are the family's. */
  readonly sampler?: Sampler;
  /** Fills `out` with samples, for families that have no sampler of their own. `p` are the parameters. */
  readonly draw?: (n: number, out: Float64Array, generator: Generator, p: readonly Float64Array[]) => void;
  readonly cdf?: Formula;
  /** Whether values are the counts up to the first parameter, and distribution functions in models are sums over them. */
  readonly counted?: boolean;
  /** P(X ≤ x) of numbers, where it is such a sum. */
  readonly cdfNumber?: (x: number, ...parameters: number[]) => number;
  readonly survival?: Formula;
  readonly logCdf?: Formula;
  readonly logSurvival?: Formula;
  readonly quantile?: Formula;
  /** Where values lie, where parameters bound them. */
  readonly ends?: (...parameters: number[]) => readonly [low: number, high: number];
  readonly mean?: (...parameters: number[]) => number;
  readonly variance?: (...parameters: number[]) => number;
  readonly entropy?: (...parameters: number[]) => number;
  /** For multivariate families. */
  readonly moments?: Partial<Record<Moment, (...parameters: Float64Array[]) => Numbers>>;
  /** The log density, where it is not the rule applied to the parameters. */
  readonly term?: (x: Node, ...parameters: Node[]) => TermOf;
  /** The same distribution by another parametrisation, which has the abilities. */
  readonly as?: (...parameters: Node[]) => Distribution;
}

/** A distribution of a family declared by `family`. */
export class FamilyDistribution extends Distribution {
  readonly perElement: readonly boolean[];

  constructor(
    readonly options: FamilyOptions,
    readonly parameters: readonly Node[],
    readonly support: Support,
    readonly eventShape: readonly number[],
  ) {
    super();
    this.perElement = new Array<boolean>(parameters.length).fill(!options.rule.multivariate);
  }

  get name(): string {
    return this.options.name;
  }
  get structure(): string {
    return this.options.counted ? `${this.options.name}:${this.#terms}` : this.options.name;
  }

  /** Elements of the sums that stand in for distribution functions; 0: there are none. */
  get #terms(): number {
    return this.options.counted ? termsTo(this.support.high) : 0;
  }
  #summed(x: Node, side: "below" | "above"): Node | null {
    return this.#terms ? logSum(this, x, side, this.#terms) : null;
  }

  override get ends(): readonly [low: number, high: number] {
    return this.options.ends?.(...this.parameters.map((p) => p.values![0]!)) ?? super.ends;
  }

  override termOf(x: Node): TermOf {
    const { rule, term } = this.options;
    return term?.(x, ...this.parameters) ?? { density: logProb(rule, [x, ...this.parameters]) };
  }

  override withParameters(parameters: readonly Node[]): Distribution {
    return new FamilyDistribution(this.options, parameters, this.support, this.eventShape);
  }

  /** The parametrisation that has the abilities: itself, for most. */
  get base(): Distribution {
    return this.options.as?.(...this.parameters) ?? this;
  }

  override cdfOf(x: Node): Node | null {
    if (this.options.as) return this.base.cdfOf(x);
    const sum = this.#summed(x, "below");
    return sum ? g.exp(g.min(sum, 0)) : (this.options.cdf?.(x, ...this.parameters) ?? null);
  }
  override cdfOfNumber(x: number, parameters: readonly Float64Array[], i: number): number | null {
    return this.options.cdfNumber?.(x, ...parameters.map((v) => v[v.length > 1 ? i : 0]!)) ?? null;
  }
  override survivalOf(x: Node): Node | null {
    return this.options.as ? this.base.survivalOf(x) : (this.options.survival?.(x, ...this.parameters) ?? null);
  }
  override logCdfOf(x: Node): Node | null {
    if (this.options.as) return this.base.logCdfOf(x);
    return this.#summed(x, "below") ?? this.options.logCdf?.(x, ...this.parameters) ?? null;
  }
  override logSurvivalOf(x: Node): Node | null {
    if (this.options.as) return this.base.logSurvivalOf(x);
    return this.#summed(x, "above") ?? this.options.logSurvival?.(x, ...this.parameters) ?? null;
  }
  override quantileOf(p: Node): Node | null {
    return this.options.as ? this.base.quantileOf(p) : (this.options.quantile?.(p, ...this.parameters) ?? null);
  }

  override momentOf(which: Moment): Numbers | null {
    if (this.options.as) return this.base.momentOf(which);
    const values = numbersOf(this, which);
    const vector = this.options.moments?.[which];
    if (vector) return vector(...values);
    const f = this.options[which];
    if (!f) return null;
    const size = eventSize(this.batchShape);
    const result = Float64Array.from({ length: size }, (_, i) => f(...values.map((v) => v[v.length > 1 ? i : 0]!)));
    return this.batchShape.length ? result : result[0]!;
  }

  override draw(n: number, out: Float64Array, generator: Generator): boolean {
    if (this.options.as) return this.base.draw(n, out, generator);
    const values = numbersOf(this, "sample");
    if (this.options.draw) this.options.draw(n, out, generator, values);
    else if (this.options.sampler !== undefined) fillSamples(this.options.sampler, values, out, generator);
    else return false;
    return true;
  }
}

/** A family's declaration: each argument with its kind, and where values lie. */
export interface FamilyOptions extends Abilities {
  readonly name: string;
  readonly rule: DensityRule;
  readonly parameters: Readonly<Record<string, ParameterKind>>;
  readonly support: Support | ((parameters: readonly Node[]) => Support);
  readonly eventShape?: (parameters: readonly Node[]) => readonly number[];
  /** Further checks of the parameters together; `label` opens the messages. */
  readonly validate?: (label: string, parameters: readonly Node[]) => void;
}

/** A constructor of distributions from parameters in declared order. */
export interface Family {
  (...parameters: Value[]): Distribution;
  /** From nodes whose values are known to fit: other parametrisations of what has been checked. */
  of(...parameters: Node[]): Distribution;
}

/** A declared family when it has been used: its options, and the names of its parameters. */
interface Declared {
  readonly options: FamilyOptions;
  readonly names: readonly string[];
  readonly label: string;
}

/** The constructor of a family, declared when it is first used: a program that imports all uses few. */
export function family(declare: () => FamilyOptions): Family {
  let declared: Declared | undefined;
  const known = (): Declared => {
    declared ??= declaredAs(declare());
    return declared;
  };
  const of = (...nodes: Node[]): Distribution => distributionOf(known().options, nodes);
  const checked = (...values: Value[]): Distribution => checkedDistribution(known(), values);
  return Object.assign(checked, { of });
}

function declaredAs(options: FamilyOptions): Declared {
  const names = Object.keys(options.parameters);
  return { options, names, label: `${options.name}(${names.join(", ")})` };
}

function distributionOf(options: FamilyOptions, nodes: readonly Node[]): Distribution {
  const support = typeof options.support === "function" ? options.support(nodes) : options.support;
  return new FamilyDistribution(options, nodes, support, options.eventShape?.(nodes) ?? []);
}

function checkedDistribution({ options, names, label }: Declared, values: readonly Value[]): Distribution {
  const nodes: Node[] = [];
  for (let i = 0; i < names.length; i++) {
    const place = `${label}: ${names[i]}`;
    nodes.push(checkParameter(place, nodeOf(values[i], place), options.parameters[names[i]!]!));
  }
  options.validate?.(label, nodes);
  if (!options.rule.multivariate) {
    commonPlate(nodes, label);
    commonShape(nodes, label);
  }
  return distributionOf(options, nodes);
}

class Flat extends Distribution {
  readonly name = "flat";
  readonly structure = "flat";
  readonly parameters: readonly Node[] = [];
  readonly perElement: readonly boolean[] = [];
  readonly eventShape: readonly number[] = [];
  constructor(readonly support: Support) {
    super();
  }
  override termOf(): TermOf {
    return { value: constant(0) };
  }
  override withParameters(): Distribution {
    return this;
  }
}

/** An improper prior: density 1 all over a support. The posterior must be proper by the data. */
export const flat = (support: Support): Distribution => new Flat(support);
