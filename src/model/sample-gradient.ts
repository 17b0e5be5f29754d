// Draws with their derivatives in the parameters of the distribution: what turns ∇E f(x) into E f′(x)·dx/dα where x = g(ε, α) has no
// formula. The derivatives are those of distributions/implicit.ts at the draws; a mixture's come from those of its components.

import * as g from "../compile/arithmetic.js";
import { eventSize, type Node } from "../compile/node.js";
import { integer, typeError } from "../errors.js";
import { Distribution, FamilyDistribution } from "./distribution.js";
import { dirichletSlopes, implicit } from "./distributions/implicit.js";
import { apply, rowInput, scalarInput } from "./eager.js";
import { elementwise, numbersOf } from "./evaluation.js";
import { Mixture } from "./mixture.js";
import type { SampleOptions } from "./sampler.js";

/** Draws, and how they move with each parameter. */
export interface SampleGradient {
  /** [n × value], as `sample` gives them. */
  readonly draws: Float64Array;
  /**
   * By name of a parameter, [n × value]: ∂draw/∂parameter at a fixed quantile. A mixture's are called "weights[k]" and
   * "components[k].name". For dirichlet, "concentration" is [n × K × K]: ∂xᵢ/∂αⱼ at i·K + j.
   */
  readonly gradients: Readonly<Record<string, Float64Array>>;
}

interface Slope {
  readonly name: string;
  readonly of: (d: Distribution, x: Node) => Node;
}

/** The derivatives that a distribution has, by parameter. */
function slopesOf(d: Distribution): readonly Slope[] {
  if (d instanceof Mixture) {
    const share = (m: Mixture, k: number, x: Node): Node =>
      g.exp(g.sub(g.add(g.log(m.weights[k]!), m.components[k]!.valueOf(x)), m.valueOf(x)));
    return d.components.flatMap((c, k) => [
      {
        name: `weights[${k}]`,
        of: (m: Distribution, x: Node) => {
          const cdf = (m as Mixture).components[k]!.cdfOf(x);
          if (!cdf) throw new TypeError(`${c.name}.cdf: not available`);
          return g.neg(g.mul(cdf, g.exp(g.neg(m.valueOf(x)))));
        },
      },
      ...slopesOf(c).map(({ name, of }) => ({
        name: `components[${k}].${name}`,
        of: (m: Distribution, x: Node) => {
          const mixture = m as Mixture;
          return g.mul(share(mixture, k, x), of(mixture.components[k]!, x));
        },
      })),
    ]);
  }
  const f = d instanceof FamilyDistribution ? implicit[d.name] : undefined;
  if (!f || !(d instanceof FamilyDistribution))
    throw new TypeError(`${d.name}: no gradient of its samples is available`);
  return Object.keys(d.options.parameters).map((name, i) => ({
    name,
    of: (e: Distribution, x: Node) => f(x, ...e.parameters)[i]!,
  }));
}

function dirichletGradient(x: Float64Array, alpha: Float64Array): Float64Array {
  const k = alpha.length;
  const n = x.length / k;
  const total = alpha.reduce((a, b) => a + b, 0);
  const result = new Float64Array(n * k * k);
  for (let j = 0; j < k; j++) {
    const own = Float64Array.from({ length: n }, (_, r) => x[r * k + j]!);
    // What is left, added up rather than 1 − xⱼ: exact where xⱼ is near 1.
    const slopes = apply(
      "dirichlet slopes",
      ([v, a, b]) => dirichletSlopes(v!, a!, b!),
      [rowInput(own), scalarInput(alpha[j]!), scalarInput(total - alpha[j]!)],
      n,
    );
    for (let r = 0; r < n; r++) {
      let others = 0;
      for (let i = 0; i < k; i++) if (i !== j) others += x[r * k + i]!;
      for (let i = 0; i < k; i++)
        result[(r * k + i) * k + j] = i === j ? slopes[r]! : (-x[r * k + i]! / others) * slopes[r]!;
    }
  }
  return result;
}

/** The derivatives at given draws of a univariate distribution. */
export function gradientsAt(
  d: Distribution,
  draws: Float64Array,
  slopes: readonly Slope[] = slopesOf(d),
): Record<string, Float64Array> {
  const batch = eventSize(d.batchShape);
  const gradients: Record<string, Float64Array> = {};
  for (const { name, of } of slopes) {
    const at = (x: Float64Array): Float64Array =>
      elementwise(d, "sampleWithGradient", { values: x, shape: [x.length] }, of, `gradient ${name}`) as Float64Array;
    if (batch === 1) gradients[name] = at(draws);
    else {
      const result = new Float64Array(draws.length);
      for (let i = 0; i < draws.length; i += batch) result.set(at(draws.subarray(i, i + batch)), i);
      gradients[name] = result;
    }
  }
  return gradients;
}

/**
 * n draws with ∂draw/∂parameter, pathwise: gamma, inverse gamma, beta, Dirichlet, chi-square, Student's t in its degrees of freedom, von
 * Mises in its concentration, truncated normal, mixtures of these, and all families that are transforms of a fixed variate.
 */
export function sampleWithGradient(distribution: Distribution, n: number, options: SampleOptions = {}): SampleGradient {
  const label = "sampleWithGradient(distribution, n, options)";
  if (!(distribution instanceof Distribution))
    throw typeError(`${label}: distribution`, "a distribution", distribution);
  integer(`${label}: n`, n, 0, 2 ** 31);
  const d = distribution;
  const numbers = numbersOf(d, "sampleWithGradient");
  if (d.name === "dirichlet") {
    const draws = d.sample(n, options);
    return { draws, gradients: { concentration: dirichletGradient(draws, numbers[0]!) } };
  }
  if (d.discrete || d.eventShape.length) throw new TypeError(`${d.name}: no gradient of its samples is available`);
  const slopes = slopesOf(d);
  const draws = d.sample(n, options);
  return { draws, gradients: gradientsAt(d, draws, slopes) };
}
