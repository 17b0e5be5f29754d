// What distributions made of another one have in common: parameters of both, taken apart again when they are replaced.

import * as g from "../compile/arithmetic.js";
import type { Node } from "../compile/node.js";
import { Distribution } from "./distribution.js";
import type { Support } from "./support.js";

/** A distribution made of one other and of numbers of its own. */
export abstract class Wrapper extends Distribution {
  readonly parameters: readonly Node[];
  readonly perElement: readonly boolean[];
  readonly structure: string;
  readonly eventShape: readonly number[] = [];

  constructor(
    readonly name: string,
    readonly base: Distribution,
    readonly own: readonly Node[],
    readonly support: Support,
    kind = name,
  ) {
    super();
    this.parameters = [...base.parameters, ...own];
    this.perElement = [...base.perElement, ...own.map(() => true)];
    this.structure = `${kind}(${base.structure})`;
  }

  override get hasAtoms(): boolean {
    return this.base.hasAtoms;
  }

  protected abstract make(base: Distribution, own: readonly Node[]): Distribution;

  override withParameters(parameters: readonly Node[]): Distribution {
    const n = this.base.parameters.length;
    return this.make(this.base.withParameters(parameters.slice(0, n)), parameters.slice(n));
  }
}

/** log P(X ≤ x). */
export const logCdf = (d: Distribution, x: Node): Node => d.logCdfOf(x) ?? g.log(d.cdfOf(x)!);
/** log P(X > x). */
export function logSurvival(d: Distribution, x: Node): Node {
  const logarithm = d.logSurvivalOf(x);
  if (logarithm) return logarithm;
  const survival = d.survivalOf(x);
  return survival ? g.log(survival) : g.log1p(g.neg(d.cdfOf(x)!));
}
