// Counts with more zeros than their distribution gives: the probability of a zero that is none of its own is summed out.

import { Sampler } from "../../assembly/samplers.js";
import * as g from "../compile/arithmetic.js";
import { eventSize, type Node } from "../compile/node.js";
import { typeError } from "../errors.js";
import { checkParameter, Distribution, kinds, type TermOf } from "./distribution.js";
import { exp, log } from "./distributions/scalar.js";
import { type Moment, type Numbers, numbersOf } from "./evaluation.js";
import { forElements } from "./expectation.js";
import { nodeOf, type Value } from "./expression.js";
import { fillSamples, type Generator, part } from "./sampler.js";
import { logSurvival, Wrapper } from "./wrapper.js";

class ZeroInflated extends Wrapper {
  protected override make(base: Distribution, own: readonly Node[]): Distribution {
    return new ZeroInflated(this.name, base, own, this.support);
  }

  override termOf(k: Node): TermOf {
    const [p] = this.own;
    const zero = g.log(g.less(g.abs(k), 0.5));
    return {
      value: g.logAddExp(g.add(g.log(p!), zero), g.add(g.log1p(g.neg(p!)), this.base.valueOf(k))),
    };
  }

  override cdfOf(k: Node): Node | null {
    const cdf = this.base.cdfOf(k);
    const [p] = this.own;
    return cdf && g.add(g.mul(p!, g.sub(1, g.less(k, 0))), g.mul(g.sub(1, p!), cdf));
  }

  override logSurvivalOf(k: Node): Node | null {
    const [p] = this.own;
    // Zeros are all below a count of at least 0.
    return g.mul(g.sub(1, g.less(k, 0)), g.add(g.log1p(g.neg(p!)), logSurvival(this.base, g.max(k, 0))));
  }

  override momentOf(which: Moment): Numbers | null {
    if (which === "entropy") return this.#entropy();
    const p = numbersOf(this, which).at(-1)!;
    const mean = this.base.momentOf("mean");
    const variance = this.base.momentOf("variance");
    if (mean === null || variance === null) return null;
    const at = (x: Numbers, i: number): number => (typeof x === "number" ? x : x[x.length > 1 ? i : 0]!);
    const result = Float64Array.from({ length: eventSize(this.batchShape) }, (_, i) => {
      const rest = 1 - at(p, i);
      return which === "mean" ? rest * at(mean, i) : rest * (at(variance, i) + at(p, i) * at(mean, i) ** 2);
    });
    return this.batchShape.length ? result : result[0]!;
  }

  /** That of the counts, without what 0 has there and with what it has here. */
  #entropy(): Numbers {
    const xlogx = (x: number): number => (x === 0 ? 0 : x * log(x));
    return forElements(this, "entropy", (d) => {
      const { base, own } = d as ZeroInflated;
      const p = own[0]!.values![0]!;
      const zero = exp(base.logProb(0));
      const others = p === 1 ? 0 : (1 - p) * ((base.entropy() as number) + xlogx(zero)) - xlogx(1 - p) * (1 - zero);
      return others - xlogx(p + (1 - p) * zero);
    });
  }

  override draw(n: number, out: Float64Array, generator: Generator): boolean {
    const batch = eventSize(this.batchShape);
    const whole = this.base.batchShape.length || batch === 1 ? n : n * batch;
    if (!this.base.draw(whole, out, part(generator, 1))) return false;
    const zero = new Float64Array(out.length);
    fillSamples(Sampler.Bernoulli, [numbersOf(this, "sample").at(-1)!], zero, generator);
    for (let i = 0; i < out.length; i++) if (zero[i]) out[i] = 0;
    return true;
  }
}

/** Counts that are 0 with the given probability, else from `distribution` (which may give 0 as well). */
export function zeroInflated(distribution: Distribution, probability: Value): Distribution {
  const label = "zeroInflated(distribution, probability)";
  if (!(distribution instanceof Distribution))
    throw typeError(`${label}: distribution`, "a distribution", distribution);
  if (!distribution.discrete || distribution.eventShape.length || distribution.perElement.includes(false))
    throw new TypeError(`${label}: expected a distribution of counts, got ${distribution.name}`);
  const name = `${label}: probability`;
  const p = checkParameter(name, nodeOf(probability, name), kinds.probability);
  const { support } = distribution;
  const counts = support.low === 0 ? support : { ...support, low: 0, expected: "an integer of at least 0" };
  return new ZeroInflated("zeroInflated", distribution, [p], counts);
}
