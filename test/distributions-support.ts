// The distributions that test/distributions.test.ts goes through, and how errors are measured.

import * as v from "../src/index.js";

/** Constructors by name, of numbers. */
export const makers: Record<string, (...p: number[]) => v.Distribution> = Object.fromEntries(
  Object.entries(v).filter(([, f]) => typeof f === "function"),
) as never;

/** |a − b| over |b|, and over 1 for small b. */
export const relativeError = (a: number, b: number): number =>
  Object.is(a, b) ? 0 : Math.abs(a - b) / Math.max(Math.abs(b), 1e-300 + (Math.abs(b) < 1e-12 ? 1 : 0));

export const readRows = (text: string): string[][] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ").filter((w) => w !== ""));

export interface Case {
  readonly name: string;
  readonly make: () => v.Distribution;
  /** A value with positive density. */
  readonly inside: number;
  /** Where the density has its mass, for quadrature. */
  readonly center?: number;
  readonly scale?: number;
  /** Whether mean and variance exist and have formulas. */
  readonly moments?: false;
}

const at = (make: () => v.Distribution, inside: number, more: Partial<Case> = {}): Case => ({
  name: make
    .toString()
    .replace("() => ", "")
    .replaceAll(/\b\w+\.(?=[a-z])/gi, ""),
  make,
  inside,
  ...more,
});

export const cases: readonly Case[] = [
  at(() => v.normal(0.5, 1.75), 1, { center: 0.5, scale: 1.75 }),
  at(() => v.halfNormal(1.5), 1),
  at(() => v.studentT(4.5, 0.25, 1.5), 1),
  at(() => v.studentT(1.25, 0, 1), 1, { moments: false }),
  at(() => v.halfStudentT(4.5, 2), 1),
  at(() => v.cauchy(0.5, 2), 1, { moments: false }),
  at(() => v.halfCauchy(1.5), 1, { moments: false }),
  at(() => v.laplace(0, 1.25), 1),
  at(() => v.logistic(-1, 0.75), 1),
  at(() => v.gumbel(0.5, 1.5), 1),
  at(() => v.uniform(-1, 2.5), 1),
  at(() => v.beta(2.5, 0.75), 0.5),
  at(() => v.kumaraswamy(2.5, 0.75), 0.5),
  at(() => v.vonMises(0.5, 2), 1, { moments: false }),
  at(() => v.skewNormal(0.5, 1.5, 3), 1),
  at(() => v.truncatedNormal(0.5, 1.5, -1, 2), 1),
  at(() => v.truncatedNormal(0, 1, 3, 6), 4),
  at(() => v.logNormal(0.25, 0.75), 1),
  at(() => v.exponential(1.5), 1),
  at(() => v.gamma(2.5, 1.5), 1),
  at(() => v.gamma(0.375, 2), 1),
  at(() => v.inverseGamma(6.5, 2), 1),
  at(() => v.chiSquare(3), 1),
  at(() => v.weibull(1.5, 2), 1),
  at(() => v.pareto(1.5, 6.5), 2),
  at(() => v.inverseGaussian(1.5, 2), 1),
  at(() => v.bernoulli(0.3125), 1),
  at(() => v.bernoulliLogit(0.3125), 1),
  at(() => v.binomial(12, 0.3125), 1),
  at(() => v.binomialLogit(12, 0.3125), 1),
  at(() => v.betaBinomial(12, 1.5, 2.5), 1),
  at(() => v.geometric(0.3125), 1),
  at(() => v.poisson(3.5), 1),
  at(() => v.poissonLog(3.5), 1),
  at(() => v.negativeBinomial(3.5, 1.25), 1),
  at(() => v.negativeBinomialLog(1.5, 1.25), 1),
  at(() => v.categorical([0.2, 0.5, 0.3]), 1),
  at(() => v.categoricalLogit([0.2, 0.5, -0.3]), 1),
  at(() => v.orderedLogistic(0.3, [-1, 0, 2]), 1),
  at(() => v.mixture([0.3, 0.7], [v.normal(-1, 1), v.normal(2, 0.5)]), 1),
  at(() => v.mixture([0.3, 0.7], [v.gamma(2, 1), v.gamma(5, 1)]), 1),
  at(() => v.mixture([0.3, 0.7], [v.poisson(2), v.poisson(6)]), 1),
  at(() => v.truncated(v.gamma(2, 1.5), 1, 3), 2),
  at(() => v.truncated(v.poisson(3), 1, 6), 2),
  at(() => v.zeroInflated(v.poisson(3), 0.25), 2),
];
