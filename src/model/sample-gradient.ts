// Draws with their derivatives in the parameters of the distribution: what turns ∇E f(x) into E f′(x)·dx/dα where x = g(ε, α) has no
// formula. The derivatives are those of distributions/implicit.ts at the draws; a mixture's come from those of its components.

import * as g from "../compile/arithmetic.js";
import { eventSize, type Node } from "../compile/node.js";
import { integer, typeError } from "../errors.js";
import { Censored, Truncated } from "./bounded.js";
import { Distribution, FamilyDistribution } from "./distribution.js";
import { choose, clamp } from "./distributions/formulas.js";
import { dirichletSlopes, implicit } from "./distributions/implicit.js";
import { apply, rowInput, scalarInput } from "./eager.js";
import { elementwise, numbersOf } from "./evaluation.js";
import { IndependentDistribution } from "./independent.js";
import { Mixture } from "./mixture.js";
import type { SampleOptions } from "./sampler.js";
import { vectorGradients } from "./vector-gradients.js";

/** Draws, and how they move with each parameter. */
export interface SampleGradient {
  /** [n × value], as `sample` gives them. */
  readonly draws: Float64Array;
  /**
   * By name of a parameter, [n × value]: ∂draw/∂parameter at a fixed quantile. A mixture's are called "weights[k]" and
   * "components[k].name"; truncated and censored distributions have "low" and "high" besides what they are made of. Of vectors
   * `[n × K × shape of the parameter]`: for dirichlet ∂xᵢ/∂αⱼ at i·K + j, for a matrix ∂xᵢ/∂Lⱼₖ at (i·K + j)·K + k.
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
  if (d instanceof Truncated) return truncatedSlopes(d);
  if (d instanceof Censored) return censoredSlopes(d);
  const f = d instanceof FamilyDistribution ? implicit[d.name] : undefined;
  if (!f || !(d instanceof FamilyDistribution))
    throw new TypeError(`${d.name}: no gradient of its samples is available`);
  return Object.keys(d.options.parameters).map((name, i) => ({
    name,
    of: (e: Distribution, x: Node) => f(x, ...e.parameters)[i]!,
  }));
}

/** 1 where `y` is a bound at which the base has a density that matters beside that at x, and the ratio of the two; y is x elsewhere. */
function edge(base: Distribution, y: Node, x: Node): { ratio: Node; at: Node } {
  const held = clamp(y, -1e300, 1e300);
  const log = g.sub(base.valueOf(held), base.valueOf(x));
  const counts = g.mul(g.less(-1e4, log), g.less(log, 1e4));
  return { ratio: g.mul(counts, g.exp(clamp(log, -1e4, 700))), at: choose(counts, held, x) };
}

/**
 * With G and g of the base, F = (G(x) − G(low))/P and s = −(∂G/∂θ)/g: dx/dθ = s(x) − (1 − F) s(low) g(low)/g(x) − F s(high) g(high)/g(x).
 */
function truncatedSlopes(d: Truncated): readonly Slope[] {
  const both = (e: Distribution, x: Node) => {
    const t = e as Truncated;
    const { base, own } = t;
    const [a, b] = own.map((y) => edge(base, y, x));
    return { base, a: a!, b: b!, low: g.mul(t.survivalOf(x), a!.ratio), high: g.mul(t.cdfOf(x), b!.ratio) };
  };
  return [
    ...slopesOf(d.base).map(({ name, of }) => ({
      name,
      of: (e: Distribution, x: Node) => {
        const { base, a, b, low, high } = both(e, x);
        return g.sub(of(base, x), g.add(g.mul(low, of(base, a.at)), g.mul(high, of(base, b.at))));
      },
    })),
    { name: "low", of: (e: Distribution, x: Node) => both(e, x).low },
    { name: "high", of: (e: Distribution, x: Node) => both(e, x).high },
  ];
}

/** A censored draw is a draw of the base held to the bounds. */
function censoredSlopes(d: Censored): readonly Slope[] {
  const atLow = (e: Distribution, x: Node): Node => g.sub(1, g.less((e as Censored).own[0]!, x));
  const atHigh = (e: Distribution, x: Node): Node => g.sub(1, g.less(x, (e as Censored).own[1]!));
  return [
    ...slopesOf(d.base).map(({ name, of }) => ({
      name,
      of: (e: Distribution, x: Node) => g.mul(g.sub(1, g.add(atLow(e, x), atHigh(e, x))), of((e as Censored).base, x)),
    })),
    { name: "low", of: atLow },
    { name: "high", of: atHigh },
  ];
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
 * Mises in its concentration, normal and Student t vectors, truncated and censored distributions and mixtures of these, and all
 * families that are transforms of a fixed variate.
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
  const vectors = d instanceof FamilyDistribution ? vectorGradients[d.name] : undefined;
  if (vectors) {
    const draws = d.sample(n, options);
    return { draws, gradients: vectors(draws, numbers) };
  }
  if (d instanceof IndependentDistribution) return sampleWithGradient(d.base, n, options);
  if (d.discrete || d.eventShape.length) throw new TypeError(`${d.name}: no gradient of its samples is available`);
  const slopes = slopesOf(d);
  const draws = d.sample(n, options);
  return { draws, gradients: gradientsAt(d, draws, slopes) };
}
