// An array of independent distributions as one distribution of an array: what is one observation, and left out as a whole.

import { type Node, sumEvent } from "../compile/node.js";
import { typeError } from "../errors.js";
import { Distribution, type TermOf } from "./distribution.js";
import type { Moment, Numbers } from "./evaluation.js";
import type { Generator } from "./sampler.js";
import type { Support } from "./support.js";

/** An array of independent distributions as one of an array: its log density is their sum. */
export class IndependentDistribution extends Distribution {
  readonly name = "independent";
  readonly support: Support;
  readonly parameters: readonly Node[];
  readonly perElement: readonly boolean[];
  readonly structure: string;

  constructor(
    readonly base: Distribution,
    readonly eventShape: readonly number[],
  ) {
    super();
    this.support = base.support;
    this.parameters = base.parameters;
    this.perElement = base.parameters.map(() => false);
    this.structure = `independent(${base.structure};${eventShape.join("x")})`;
  }

  override get batchShape(): readonly number[] {
    return [];
  }
  override get hasAtoms(): boolean {
    return this.base.hasAtoms;
  }
  override termOf(x: Node): TermOf {
    return this.base.termOf(x);
  }
  override valueOf(x: Node): Node {
    return sumEvent(this.base.valueOf(x));
  }
  override withParameters(parameters: readonly Node[]): Distribution {
    return new IndependentDistribution(this.base.withParameters(parameters), this.eventShape);
  }
  override momentOf(which: Moment): Numbers | null {
    const moment = this.base.momentOf(which);
    return which !== "entropy" || moment === null || typeof moment === "number"
      ? moment
      : moment.reduce((a, b) => a + b, 0);
  }
  override draw(n: number, out: Float64Array, generator: Generator): boolean {
    return this.base.draw(n, out, generator);
  }
}

/** One distribution of an array from the array of independent ones that `distribution`'s parameters make. */
export function independent(distribution: Distribution): Distribution {
  const label = "independent(distribution)";
  if (!(distribution instanceof Distribution))
    throw typeError(`${label}: distribution`, "a distribution", distribution);
  if (distribution.eventShape.length || !distribution.batchShape.length)
    throw new TypeError(
      `${label}: expected a univariate distribution with arrays for parameters, got ${distribution.name}`,
    );
  return new IndependentDistribution(distribution, distribution.batchShape);
}
