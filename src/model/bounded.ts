// Distributions between bounds: truncated (given that the value lies between them) and censored (values beyond a bound are only known to
// be beyond it). Log densities of both can stand in models, as far as the distribution function of what they are made of has a
// gradient.

import { Sampler } from "../../assembly/samplers.js";
import * as g from "../compile/arithmetic.js";
import { commonPlate, commonShape, eventSize, type Node } from "../compile/node.js";
import { rangeError, typeError } from "../errors.js";
import { censoredMoment, tailMoment } from "./bounded-moments.js";
import { checkParameter, Distribution, kinds, type TermOf } from "./distribution.js";
import { truncatedNormal } from "./distributions/continuous.js";
import { choose, clamp, log1mExp } from "./distributions/formulas.js";
import { type Moment, type Numbers, quantile } from "./evaluation.js";
import { byDensity, forElements } from "./expectation.js";
import { Expression, nodeOf, type Value } from "./expression.js";
import { fillSamples, type Generator } from "./sampler.js";
import { between, type Support } from "./support.js";
import { logCdf, logSurvival, Wrapper } from "./wrapper.js";

const INF = Number.POSITIVE_INFINITY;
const UNIT = [Float64Array.of(0), Float64Array.of(1)] as const;

/** What stands for log 0, of which 0 has a multiple. */
const LOG_0 = -1e300;
const held = (logarithm: Node): Node => g.max(logarithm, LOG_0);
/** What of a bound's distribution function counts: everything, nothing (the bound is absent), or by row. */
type Side = "all" | "none" | "some";

/** Where to take a distribution function, and by row whether it counts (always, when absent). */
interface Bound {
  readonly at: Node;
  readonly counts: Node | null;
}

/** A wrapper with a lower and an upper bound. */
abstract class Bounded extends Wrapper {
  constructor(
    name: string,
    base: Distribution,
    own: readonly Node[],
    support: Support,
    /** For either bound, whether it excludes anything of the base's support. */
    readonly sides: readonly [low: Side, high: Side],
    /** For either bound, one that counts. */
    readonly stands: readonly [low: number, high: number],
  ) {
    const { low, high } = base.support;
    super(name, base, own, support, `${name}:${sides}${sides.includes("some") ? `:${low},${high}` : ""}`);
  }

  /**
   * A bound to take distribution functions at, one step lower where the values are counts and the bound is included from below, and
   * where it counts. Rows without a bound get another row's, so that what is computed for them, and left out, is finite.
   */
  protected bound(which: 0 | 1, include = 0): Bound {
    const node = this.own[which]!;
    const step = this.base.discrete ? include : 0;
    if (this.sides[which] !== "some") return { at: g.sub(node, step), counts: null };
    // By arithmetic, not by the numbers: those of a compiled function change from call to call.
    const { low, high } = this.base.support;
    const counts = which ? g.less(node, high) : g.less(low, node);
    return { at: g.sub(choose(counts, clamp(node, LOG_0, -LOG_0), this.stands[which]), step), counts };
  }
}

export class Truncated extends Bounded {
  protected override make(base: Distribution, own: readonly Node[]): Distribution {
    return new Truncated(this.name, base, own, this.support, this.sides, this.stands);
  }

  /** log P(low < X ≤ high) of the base, as a difference in the tail that is smaller; null for all of it. */
  #logBetween(low: Bound | null, high: Bound | null): Node | null {
    const { base } = this;
    const inRows = (value: Node, counts: Node | null, otherwise: number): Node =>
      counts ? choose(counts, value, otherwise) : value;
    const above = ({ at, counts }: Bound, otherwise: number): Node =>
      inRows(held(logSurvival(base, at)), counts, otherwise);
    const below = ({ at, counts }: Bound, otherwise: number): Node => inRows(held(logCdf(base, at)), counts, otherwise);
    if (!low || !high) return low ? above(low, 0) : high && below(high, 0);
    const lower = below(low, LOG_0);
    const right = g.less(-Math.LN2, lower);
    const top = choose(right, above(low, 0), below(high, 0));
    const bottom = choose(right, above(high, LOG_0), lower);
    return g.add(top, log1mExp(g.sub(bottom, top)));
  }

  get #low(): Bound | null {
    return this.sides[0] === "none" ? null : this.bound(0, 1);
  }
  get #high(): Bound | null {
    return this.sides[1] === "none" ? null : this.bound(1);
  }
  /** x between the bounds. */
  #inside(x: Node): Bound {
    const [low, high] = this.own;
    const start = this.base.discrete ? g.sub(low!, 1) : low!;
    return { at: g.min(g.max(x, start), high!), counts: null };
  }
  /** What share of the mass a part of it is. */
  #share(part: Node | null): Node {
    const whole = this.#logBetween(this.#low, this.#high);
    return g.exp(whole ? g.sub(part!, whole) : part!);
  }

  override termOf(x: Node): TermOf {
    const [low, high] = this.own;
    const mass = this.#logBetween(this.#low, this.#high);
    if (!mass) return this.base.termOf(x);
    const value = g.sub(this.base.valueOf(x), mass);
    if (x.latent) return { value };
    const outside = g.add(g.less(x, low!), g.less(high!, x));
    return { value: g.add(value, g.log(g.sub(1, outside))) };
  }

  override cdfOf(x: Node): Node {
    return this.#share(this.#logBetween(this.#low, this.#inside(x)));
  }
  override survivalOf(x: Node): Node {
    return this.#share(this.#logBetween(this.#inside(x), this.#high));
  }

  override get ends(): readonly [low: number, high: number] {
    const [low, high] = this.base.ends;
    const [a, b] = this.own.map((n) => n.values![0]!);
    return [Math.max(low, a!), Math.min(high, b!)];
  }

  override momentOf(which: Moment): Numbers | null {
    return forElements(
      this,
      which,
      (d) => (which === "entropy" ? null : tailMoment(d as Truncated, which)) ?? byDensity(d, which),
    );
  }

  override draw(_n: number, out: Float64Array, generator: Generator): boolean {
    fillSamples(Sampler.Uniform, UNIT, out, generator);
    const size = eventSize(this.batchShape);
    if (!this.batchShape.length) out.set(quantile(this, out, [out.length]) as Float64Array);
    else
      for (let at = 0; at < out.length; at += size)
        out.set(quantile(this, out.slice(at, at + size), [size]) as Float64Array, at);
    return true;
  }
}

/** Numbers of the bounds; infinite where absent. Those of counts are made whole by `whole`. */
function boundsOf(
  label: string,
  d: Distribution,
  low: Value | undefined,
  high: Value | undefined,
  whole: readonly [(x: number) => number, (x: number) => number],
): [Node, Node] {
  if (!(d instanceof Distribution)) throw typeError(`${label}: distribution`, "a distribution", d);
  const own = [low ?? -INF, high ?? INF].map((b, i) => {
    const name = `${label}: ${i ? "high" : "low"}`;
    const node = checkParameter(name, nodeOf(b, name), kinds.bound);
    if (!node.values) throw new TypeError(`${name}: expected a number, got a value of the model`);
    if (!d.discrete || node.values.every(Number.isInteger)) return node;
    return { ...node, values: node.values.map(whole[i]!) };
  });
  const [a, b] = own as [Node, Node];
  commonPlate([a, b], label);
  commonShape([a, b], label);
  for (let i = 0; i < Math.max(a.values!.length, b.values!.length); i++) {
    const x = a.values![a.values!.length > 1 ? i : 0]!;
    const y = b.values![b.values!.length > 1 ? i : 0]!;
    if (!(d.discrete ? x <= y : x < y)) throw new RangeError(`${label}: expected low < high, got ${x} and ${y}`);
    if (x > d.support.high || y < d.support.low)
      throw rangeError(
        `${label}: ${x > d.support.high ? "low" : "high"}`,
        `${d.support.expected}, as ${d.name} has`,
        x > d.support.high ? x : y,
      );
  }
  if (d.eventShape.length || d.perElement.includes(false))
    throw new TypeError(`${label}: expected a univariate distribution, got ${d.name}`);
  if (!d.cdfOf(nodeOf(0, label)))
    throw new TypeError(`${label}: expected a distribution whose cdf is a formula, got ${d.name}`);
  return [a, b];
}

/** For either bound one that excludes something, where there is one. */
function standsOf(d: Distribution, low: Node, high: Node): [number, number] {
  return [low.values!.find((v) => v > d.support.low) ?? 0, high.values!.find((v) => v < d.support.high) ?? 0];
}

/** For either bound, whether it excludes anything. */
function sidesOf(d: Distribution, low: Node, high: Node): [Side, Side] {
  const side = (excludes: Float64Array | undefined): Side =>
    excludes?.every((x) => x) ? "all" : excludes?.some((x) => x) ? "some" : "none";
  return [
    side(low.values!.map((v) => Number(v > d.support.low))),
    side(high.values!.map((v) => Number(v < d.support.high))),
  ];
}

function within(d: Distribution, low: Node, high: Node): Support {
  const cut = between(d.support, low, high);
  if (!d.discrete || cut === d.support) return cut;
  return { kind: "integers", low: cut.low, high: cut.high, expected: `an integer in ${cut.low}..${cut.high}` };
}

/**
 * `distribution` given that its value lies in [low, high], bounds included; a bound that is absent or infinite does not count. The
 * density is normalised. Bounds are numbers, the distribution's parameters may be values of a model.
 */
export function truncated(distribution: Distribution, low?: Value, high?: Value): Distribution {
  const label = "truncated(distribution, low, high)";
  const [a, b] = boundsOf(label, distribution, low, high, [Math.ceil, Math.floor]);
  if (distribution.name === "normal") {
    const [loc, scale] = distribution.parameters.map((p) => new Expression(p));
    return truncatedNormal(loc!, scale!, new Expression(a), new Expression(b));
  }
  const [sides, stands] = [sidesOf(distribution, a, b), standsOf(distribution, a, b)];
  return new Truncated("truncated", distribution, [a, b], within(distribution, a, b), sides, stands);
}

export class Censored extends Bounded {
  override get hasAtoms(): boolean {
    return true;
  }

  protected override make(base: Distribution, own: readonly Node[]): Distribution {
    return new Censored(this.name, base, own, this.support, this.sides, this.stands);
  }

  override termOf(x: Node): TermOf {
    const [low, high] = this.own;
    const { base, sides } = this;
    // At a bound or beyond it the density is taken at the bound, where it is finite, and left out.
    const density = base.valueOf(g.min(g.max(x, low!), high!));
    let value: Node | null = null;
    let inside: Node = g.toNode(1);
    const beyond = (reached: Node, which: 0 | 1, logProbability: (at: Node) => Node): void => {
      if (sides[which] === "none") return;
      const { at, counts } = this.bound(which, which);
      const here = counts ? g.mul(reached, counts) : reached;
      const part = g.mul(here, held(logProbability(at)));
      value = value ? g.add(value, part) : part;
      inside = g.sub(inside, here);
    };
    beyond(g.sub(1, g.less(low!, x)), 0, (at) => logCdf(base, at));
    beyond(g.sub(1, g.less(x, high!)), 1, (at) => logSurvival(base, at));
    if (!value) return base.termOf(x);
    value = g.add(value, g.mul(inside, held(density)));
    // What was held to a finite number is −∞ where it counts.
    return { value: x.latent ? value : g.add(value, g.log(g.sub(1, g.mul(inside, g.less(density, LOG_0))))) };
  }

  override cdfOf(x: Node): Node {
    const [low, high] = this.own;
    const cdf = this.base.cdfOf(x)!;
    const reached = g.sub(1, g.less(x, high!));
    return g.add(
      g.mul(g.sub(1, g.less(x, low!)), g.mul(g.sub(1, reached), cdf)),
      g.mul(reached, g.add(1, g.mul(0, cdf))),
    );
  }

  override momentOf(which: Moment): Numbers | null {
    return forElements(this, which, (d) => censoredMoment(d as Censored, which));
  }

  override draw(n: number, out: Float64Array, generator: Generator): boolean {
    if (!this.base.draw(n, out, generator)) return false;
    const [low, high] = this.own.map((b) => b.values!);
    for (let i = 0; i < out.length; i++)
      out[i] = Math.min(Math.max(out[i]!, low![i % low!.length]!), high![i % high!.length]!);
    return true;
  }
}

/**
 * `distribution` seen through an instrument with limits: a value at `low` (or below it) means "at most low", one at `high` "at least
 * high", with the probability of that; between them values are exact. An absent or infinite bound censors nothing.
 */
export function censored(distribution: Distribution, low?: Value, high?: Value): Distribution {
  const label = "censored(distribution, low, high)";
  const [a, b] = boundsOf(label, distribution, low, high, [Math.floor, Math.ceil]);
  if (distribution.batchShape.length === 0 && a.shape.length + b.shape.length > 0)
    throw new TypeError(`${label}: expected numbers for the bounds of one distribution, got arrays`);
  const [sides, stands] = [sidesOf(distribution, a, b), standsOf(distribution, a, b)];
  return new Censored("censored", distribution, [a, b], distribution.support, sides, stands);
}
