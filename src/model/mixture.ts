// Finite mixtures and zero inflation: the component of a value is summed out, so that nothing discrete is left to infer.

import { Sampler } from "../../assembly/samplers.js";
import * as g from "../compile/arithmetic.js";
import { commonShape, concat, constant, eventSize, logSumExp, type Node } from "../compile/node.js";
import { rangeError, typeError } from "../errors.js";
import { Censored, censored } from "./bounded.js";
import { checkParameter, Distribution, kinds, type TermOf } from "./distribution.js";
import { type Moment, type Numbers, numbersOf } from "./evaluation.js";
import { crossEntropy, forElements } from "./expectation.js";
import { Expression, nodeOf, type Value } from "./expression.js";
import { fillSamples, type Generator, part } from "./sampler.js";
import { type Support, union } from "./support.js";

/** Σ wₖ fₖ(x) of what every component has; null when one has it not. */
function weighted(m: Mixture, f: (c: Distribution) => Node | null): Node | null {
  let sum: Node | null = null;
  for (const [k, c] of m.components.entries()) {
    const value = f(c);
    if (!value) return null;
    const term = g.mul(m.weights[k]!, value);
    sum = sum ? g.add(sum, term) : term;
  }
  return sum;
}

export class Mixture extends Distribution {
  readonly eventShape: readonly number[];
  readonly support: Support;
  readonly parameters: readonly Node[];
  readonly perElement: readonly boolean[];
  readonly structure: string;

  constructor(
    readonly name: string,
    readonly weights: readonly Node[],
    readonly components: readonly Distribution[],
  ) {
    super();
    this.eventShape = components[0]!.eventShape;
    this.support = components.map((c) => c.support).reduce(union);
    this.parameters = [...weights, ...components.flatMap((c) => c.parameters)];
    const elements = this.eventShape.length === 0;
    this.perElement = [...weights.map(() => elements), ...components.flatMap((c) => c.perElement)];
    this.structure = `mixture(${components.map((c) => c.structure).join()})`;
  }

  override get hasAtoms(): boolean {
    return this.components.some((c) => c.hasAtoms);
  }

  override withParameters(parameters: readonly Node[]): Distribution {
    let at = this.weights.length;
    const components = this.components.map((c) => {
      const own = parameters.slice(at, at + c.parameters.length);
      at += c.parameters.length;
      return c.withParameters(own);
    });
    return new Mixture(this.name, parameters.slice(0, this.weights.length), components);
  }

  /** log Σ wₖ exp f of what every component has; null when one has it not. */
  #logWeighted(f: (c: Distribution) => Node | null): Node | null {
    const parts: Node[] = [];
    for (const [k, c] of this.components.entries()) {
      const value = f(c);
      if (!value) return null;
      parts.push(g.add(g.log(this.weights[k]!), value));
    }
    if (parts.length === 1) return parts[0]!;
    if (parts.length === 2) return g.logAddExp(parts[0]!, parts[1]!);
    if (commonShape(parts, this.name).length) return parts.reduce((a, b) => g.logAddExp(a, b));
    return logSumExp(concat(parts));
  }

  override termOf(x: Node): TermOf {
    return { value: this.#logWeighted((c) => c.valueOf(x))! };
  }
  override logCdfOf(x: Node): Node | null {
    return this.#logWeighted((c) => c.logCdfOf(x));
  }
  override logSurvivalOf(x: Node): Node | null {
    return this.#logWeighted((c) => c.logSurvivalOf(x));
  }

  override cdfOf(x: Node): Node | null {
    return weighted(this, (c) => c.cdfOf(x));
  }
  override survivalOf(x: Node): Node | null {
    return weighted(this, (c) => c.survivalOf(x));
  }

  override get ends(): readonly [low: number, high: number] {
    const all = this.components.map((c) => c.ends);
    return [Math.min(...all.map(([low]) => low)), Math.max(...all.map(([, high]) => high))];
  }

  /** A mixture of what is censored alike is a mixture that is censored so; null where it is not alike. */
  #censored(): Distribution | null {
    const [first] = this.components;
    const own = this.components.filter((c) => c instanceof Censored);
    const limits = (c: Censored): string => c.own.map((b) => `${b.shape}:${b.values}`).join();
    if (!(first instanceof Censored) || own.length < this.components.length) return null;
    if (own.some((c) => limits(c) !== limits(first))) return null;
    const whole = new Mixture(
      this.name,
      this.weights,
      own.map((c) => c.base),
    );
    const [low, high] = first.own.map((b) => new Expression(b));
    return censored(whole, low, high);
  }

  /** Σ wₖ Eₖ(−log p): each component where its own mass is, by sums or quadrature. */
  #entropy(): Numbers | null {
    // No density over a line is that of vectors, or of values with probabilities of their own.
    if (this.eventShape.length) return null;
    if (this.structure.includes("censored")) return this.#censored()?.momentOf("entropy") ?? null;
    return forElements(this, "entropy", (d) => {
      const { weights, components } = d as Mixture;
      const kinks = components.flatMap((c) => [...c.ends, ...(c.cdfOf(constant(0)) ? [c.quantile(0.5)] : [])]);
      let h = 0;
      components.forEach((c, k) => {
        const w = weights[k]!.values![0]!;
        if (w > 0) h += w * crossEntropy(c, d, kinks);
      });
      return h;
    });
  }

  override momentOf(which: Moment): Numbers | null {
    if (which === "entropy") return this.#entropy();
    const weights = numbersOf(this, which).slice(0, this.weights.length);
    const size = eventSize(this.eventShape) * eventSize(this.batchShape);
    const at = (x: Numbers, i: number): number => (typeof x === "number" ? x : x[x.length > 1 ? i : 0]!);
    const means = this.components.map((c) => c.momentOf("mean"));
    const variances = this.components.map((c) => (which === "variance" ? c.momentOf("variance") : 0));
    if (means.includes(null) || variances.includes(null)) return null;
    const result = Float64Array.from({ length: size }, (_, i) => {
      // A component without weight may have no mean.
      const sum = (f: (k: number) => number): number =>
        weights.reduce((a, w, k) => (at(w, i) === 0 ? a : a + at(w, i) * f(k)), 0);
      const mean = sum((k) => at(means[k]!, i));
      if (which === "mean") return mean;
      return sum((k) => at(variances[k]!, i) + (at(means[k]!, i) - mean) ** 2);
    });
    return this.eventShape.length || this.batchShape.length ? result : result[0]!;
  }

  override draw(n: number, out: Float64Array, generator: Generator): boolean {
    const weights = numbersOf(this, "sample").slice(0, this.weights.length);
    const width = eventSize(this.eventShape);
    const batch = eventSize(this.batchShape);
    const K = weights.length;
    const rows = Float64Array.from({ length: batch * K }, (_, j) => {
      const w = weights[j % K]!;
      return w[w.length > 1 ? Math.floor(j / K) : 0]!;
    });
    const chosen = new Float64Array(n * batch);
    fillSamples(Sampler.Categorical, [rows], chosen, generator, K);
    const drawn = new Float64Array(out.length);
    for (const [k, c] of this.components.entries()) {
      // A component whose parameters are numbers draws as many as an array of them would.
      const whole = c.batchShape.length || batch === 1 ? n : n * batch;
      if (!c.draw(whole, drawn, part(generator, k + 1))) return false;
      for (let i = 0; i < chosen.length; i++)
        if (chosen[i] === k) out.set(drawn.subarray(i * width, (i + 1) * width), i * width);
    }
    return true;
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
  const kind = components[0]!.discrete;
  if (components.some((c) => c.discrete !== kind || c.eventShape.length !== components[0]!.eventShape.length))
    throw new TypeError(`${label}: expected components of one kind, got ${components.map((c) => c.name).join(", ")}`);
  let parts: Node[];
  if (Array.isArray(weights)) parts = weights.map((w, k) => nodeOf(w, `${label}: weights[${k}]`));
  else {
    const whole = new Expression(nodeOf(weights, `${label}: weights`));
    const { values, plate } = whole.node;
    // Numbers stay numbers, so that their sum is checked below.
    parts = Array.from({ length: whole.shape[0] ?? 0 }, (_, k) =>
      values && !plate && whole.shape.length === 1 ? constant(values[k]!) : whole.at(k).node,
    );
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
  return new Mixture("mixture", parts, components);
}
