// Means, variances and entropies without a closed form: sums and quadrature of the library against those of mpmath
// (scripts/distributions/expectations.py), and factors of random matrices against what they must add up to.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import { makers, relativeError } from "./distributions-support.js";

/** [constructor, arguments…] with null for an absent bound, "" for a list. */
type Spec = readonly [string, ...(number | null | Spec | readonly Spec[] | readonly number[])[]];

function build(spec: Spec): v.Distribution {
  const [name, ...args] = spec;
  const value = (a: (typeof args)[number]): unknown => {
    if (a === null) return undefined;
    if (!Array.isArray(a)) return a;
    if (a[0] === "") return a.slice(1);
    return typeof a[0] === "string" ? build(a as unknown as Spec) : Array.isArray(a[0]) ? (a as Spec[]).map(build) : a;
  };
  return (makers[name] as (...a: unknown[]) => v.Distribution)(...args.map(value));
}

type Row = [Spec, mean: number | null, variance: number | null, entropy: number, ...cdf: [number, number][]];
const rows = readFileSync(new URL("./expectations.txt", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Row);

test.each(rows.map((row) => [JSON.stringify(row[0]), row] as const))(
  "%s",
  (_name, [spec, mean, variance, entropy, ...cdf]) => {
    const d = build(spec);
    const close = (a: unknown, b: number): void =>
      expect(Math.abs((a as number) - b) / Math.max(1, Math.abs(b))).toBeLessThan(1e-12);
    close(d.entropy(), entropy);
    if (mean !== null) {
      close(d.mean(), mean);
      if (variance !== null) close(d.variance(), variance);
    }
    for (const [x, p] of cdf) expect(relativeError(d.cdf(x), p)).toBeLessThan(1e-12);
  },
);

test("a distribution for each element of an array has the entropy of each", () => {
  expect(v.poisson([2, 900]).entropy()).toEqual(Float64Array.from([2, 900], (r) => v.poisson(r).entropy() as number));
  expect(v.betaBinomial([5, 12], 1.5, 2.5).entropy()).toEqual(
    Float64Array.from([5, 12], (n) => v.betaBinomial(n, 1.5, 2.5).entropy() as number),
  );
  expect(v.betaBinomial([5, 12], 1.5, 2.5).cdf(4)).toEqual(
    Float64Array.from([5, 12], (n) => v.betaBinomial(n, 1.5, 2.5).cdf(4)),
  );
  expect(v.betaBinomial(5, 1.5, 2.5).cdf([-1, 5, 1e9, Number.NaN])).toEqual(Float64Array.of(0, 1, 1, Number.NaN));
});

test("a sum that would take too long is refused, and says whose it is", () => {
  expect(() => v.poisson(1e18).entropy()).toThrow(/^poisson.entropy: expected a sum of at most 2\^22 terms/);
});

describe("factors of random matrices", () => {
  const tril = [
    [1.5, 0, 0],
    [0.5, 2, 0],
    [-0.25, 0.75, 1],
  ];
  const rowSquares = (d: v.Distribution, k: number): number[] => {
    const [m, s] = [d.mean() as Float64Array, d.variance() as Float64Array];
    return Array.from({ length: k }, (_, i) =>
      m.subarray(i * k, (i + 1) * k).reduce((a, x, j) => a + x * x + s[i * k + j]!, 0),
    );
  };

  test("an LKJ factor has rows of length 1 in the mean, and the beta law of a correlation for two", () => {
    for (const [k, eta] of [
      [2, 0.5],
      [3, 1],
      [5, 4.5],
    ] as const)
      for (const x of rowSquares(v.lkjCholesky(k, eta), k)) expect(x).toBeCloseTo(1, 14);
    const two = v.lkjCholesky(2, 1.75);
    expect(two.entropy()).toBeCloseTo((v.beta(1.75, 1.75).entropy() as number) + Math.log(2), 13);
    expect((two.variance() as Float64Array)[2]).toBeCloseTo(4 * (v.beta(1.75, 1.75).variance() as number), 14);
  });

  test("a Wishart factor has the squares of the Wishart matrix in the mean", () => {
    rowSquares(v.wishartCholesky(5.5, tril), 3).forEach((x, i) => {
      expect(relativeError(x, 5.5 * tril[i]!.reduce((a, l) => a + l * l, 0))).toBeLessThan(1e-14);
    });
  });

  test("a Wishart factor of size 1 is a chi variate", () => {
    // Mean and variance of mpmath, on both sides of where the variance changes to its series.
    for (const [df, mean, variance] of [
      [7.5, 2.649086700134478, 0.4823396551706212],
      [49.5, 7.000182170721685, 0.4974495767102412],
      [50, 7.035803058166773, 0.4974753266910879],
      [60, 7.713760464698126, 0.4978994932601502],
      [1e6, 999.9997500000312, 0.4999998749999375],
    ] as const) {
      const d = v.wishartCholesky(df, [[2]]);
      expect(relativeError((d.mean() as Float64Array)[0]!, 2 * mean)).toBeLessThan(1e-14);
      expect(relativeError((d.variance() as Float64Array)[0]!, 4 * variance)).toBeLessThan(2e-13);
    }
  });

  test("a Wishart matrix of size 1 is gamma, one of size 2 has its textbook density", () => {
    const one = v.wishart(5, [[1.5]]);
    const gamma = v.gamma(2.5, 1 / 4.5);
    expect(one.logProb([[2]])).toBeCloseTo(gamma.logProb(2), 13);
    expect(one.entropy()).toBeCloseTo(gamma.entropy() as number, 13);
    expect((one.mean() as Float64Array)[0]).toBeCloseTo(gamma.mean() as number, 13);
    expect((one.variance() as Float64Array)[0]).toBeCloseTo(gamma.variance() as number, 12);
    // Scale matrix 1: log p = (ν − 3)/2 log|X| − tr(X)/2 − ν log 2 − log Γ₂(ν/2), Γ₂(a) = √π Γ(a) Γ(a − ½); ν = 5.
    const logGamma2 = 0.5 * Math.log(Math.PI) + Math.log(0.75 * Math.sqrt(Math.PI));
    const two = v.wishart(5, [
      [1, 0],
      [0, 1],
    ]);
    const x = [
      [2, 0.5],
      [0.5, 1],
    ];
    expect(two.logProb(x)).toBeCloseTo(Math.log(1.75) - 1.5 - 5 * Math.log(2) - logGamma2, 13);
    expect(
      two.logProb([
        [1, 2],
        [2, 1],
      ]),
    ).toBe(Number.NEGATIVE_INFINITY);
    expect(
      two.logProb([
        [-1, 0],
        [0, -1],
      ]),
    ).toBe(Number.NEGATIVE_INFINITY);
    expect(
      two.logProb([
        [1, Number.NaN],
        [Number.NaN, 1],
      ]),
    ).toBeNaN();
    expect(() =>
      v.wishart(1, [
        [1, 0],
        [0, 1],
      ]),
    ).toThrow("wishart(df, scaleTril): df: expected a number above 1, got 1");
  });

  test("a Wishart latent is its Cholesky factor as a latent, coordinate by coordinate", () => {
    const compiled = [v.wishart(5.5, tril), v.wishartCholesky(5.5, tril)].map((prior) =>
      v
        .model(({ sample }) => {
          sample("x", prior);
        })
        .compile(),
    );
    const u = Float64Array.of(0.3, -1, 0.2, 0.7, -0.4, -0.5);
    const [a, b] = compiled.map((m) => {
      const gradient = new Float64Array(6);
      return [m.logDensityGradient(u, gradient), ...gradient];
    });
    a!.forEach((x, i) => {
      expect(Math.abs(x - b![i]!)).toBeLessThan(1e-12 * (1 + Math.abs(x)));
    });
    for (const m of compiled) m.dispose();
    expect(v.klDivergence(v.wishart(5.5, tril), v.wishart(4, tril))).toBe(
      v.klDivergence(v.wishartCholesky(5.5, tril), v.wishartCholesky(4, tril)),
    );
  });

  test.each([
    ["LKJ", v.lkjCholesky(4, 1.5), 16],
    ["Wishart", v.wishartCholesky(5.5, tril), 9],
    ["Wishart itself", v.wishart(5.5, tril), 9],
  ] as const)("samples of a factor (%s) have its mean, variance and entropy", (_name, d, width) => {
    const n = 40_000;
    const x = d.sample(n, { seed: 3 });
    const [mean, variance] = [d.mean() as Float64Array, d.variance() as Float64Array];
    for (let i = 0; i < width; i++) {
      const own = Float64Array.from({ length: n }, (_, r) => x[r * width + i]!);
      if (variance[i] === 0) expect(own.every((s) => s === mean[i])).toBe(true);
      else {
        expect(Math.abs(own.reduce((a, s) => a + s, 0) / n - mean[i]!)).toBeLessThan(5 * Math.sqrt(variance[i]! / n));
        const squares = own.map((s) => (s - mean[i]!) ** 2);
        const spread = Math.sqrt(squares.reduce((a, s) => a + (s - variance[i]!) ** 2, 0)) / n;
        expect(Math.abs(squares.reduce((a, s) => a + s, 0) / n - variance[i]!)).toBeLessThan(5 * spread);
      }
    }
    const k = Math.sqrt(width);
    const events = Array.from({ length: n }, (_, r) =>
      Array.from({ length: k }, (_, i) => x.subarray(r * width + i * k, r * width + (i + 1) * k)),
    );
    const logp = d.logProb(events as never) as unknown as Float64Array;
    const average = logp.reduce((a, s) => a + s, 0) / n;
    const error = Math.sqrt(logp.reduce((a, s) => a + (s - average) ** 2, 0)) / n;
    expect(Math.abs(average + (d.entropy() as number)) / error).toBeLessThan(5);
  });
});

test("a normal of low rank has the entropy of its covariance", () => {
  const [w, d] = [
    [
      [0.5, -1],
      [1.5, 0.25],
      [0, 2],
    ],
    [0.25, 1, 2],
  ] as const;
  const at = (i: number, j: number): number => (i === j ? d[i]! : 0) + w[i]![0]! * w[j]![0]! + w[i]![1]! * w[j]![1]!;
  const det =
    at(0, 0) * (at(1, 1) * at(2, 2) - at(1, 2) ** 2) -
    at(0, 1) * (at(1, 0) * at(2, 2) - at(1, 2) * at(2, 0)) +
    at(0, 2) * (at(1, 0) * at(2, 1) - at(1, 1) * at(2, 0));
  expect(v.multivariateNormalLowRank([1, 2, 3], w as never, d as never).entropy()).toBeCloseTo(
    1.5 * (1 + Math.log(2 * Math.PI)) + 0.5 * Math.log(det),
    13,
  );
});

describe("what has no number", () => {
  test("a tail that truncation leaves makes a mean infinite or void, as it does without", () => {
    expect(v.truncated(v.cauchy(0, 1), 1).mean()).toBe(Number.POSITIVE_INFINITY);
    expect(v.truncated(v.cauchy(0, 1), undefined, 1).mean()).toBe(Number.NEGATIVE_INFINITY);
    expect(v.truncated(v.cauchy(0, 1), 1).variance()).toBeNaN();
    expect(v.truncated(v.pareto(1, 1.5), 2).variance()).toBe(Number.POSITIVE_INFINITY);
    expect(Number.isFinite(v.truncated(v.cauchy(0, 1), 1).entropy())).toBe(true);
  });
  test("the entropy of a mixture of values that are censored alike is that of the censored mixture", () => {
    const limits = (d: v.Distribution): v.Distribution => v.censored(d, -1, 2.5);
    const d = v.mixture([0.3, 0.7], [limits(v.normal(0, 1)), limits(v.normal(1, 2))]);
    // −p log p of both limits and −∫ f log f between them, by mpmath.
    expect(Math.abs((d.entropy() as number) - 1.684220151289639)).toBeLessThan(1e-12);
    const arrays = v.mixture([0.3, 0.7], [v.censored(v.gamma([1, 2], 1), 0.5), v.censored(v.exponential(1), 0.5)]);
    const alone = [1, 2].map((a) =>
      v.mixture([0.3, 0.7], [v.censored(v.gamma(a, 1), 0.5), v.censored(v.exponential(1), 0.5)]).entropy(),
    );
    expect([...(arrays.entropy() as Float64Array)]).toEqual(alone);
  });

  test("a mixture of vectors or of values censored differently says that its entropy is not available", () => {
    const vectors = v.mixture([0.5, 0.5], [v.dirichlet([1, 2]), v.dirichlet([3, 1])]);
    expect(() => vectors.entropy()).toThrow(new TypeError("mixture.entropy: not available"));
    const limits = v.mixture([0.5, 0.5], [v.censored(v.normal(0, 1), 0), v.normal(0, 1)]);
    expect(() => limits.entropy()).toThrow(new TypeError("mixture.entropy: not available"));
    expect(limits.mean()).toBeCloseTo(0.5 / Math.sqrt(2 * Math.PI), 14);
  });
});

test("arrays of parameters and bounds have moments one by one", () => {
  const all = v.truncated(v.gamma([2.5, 0.75], 1.5), [1, 0.5], 3);
  const each = [v.truncated(v.gamma(2.5, 1.5), 1, 3), v.truncated(v.gamma(0.75, 1.5), 0.5, 3)];
  expect(all.mean()).toEqual(Float64Array.from(each, (d) => d.mean() as number));
  expect(all.entropy()).toEqual(Float64Array.from(each, (d) => d.entropy() as number));
  const sum = v.independent(all).entropy() as number;
  expect(sum).toBeCloseTo(
    each.reduce((a, d) => a + (d.entropy() as number), 0),
    13,
  );
  const mixed = v.mixture([0.25, 0.75], [v.normal([0, 1], 1), v.laplace(2, 0.5)]);
  expect((mixed.entropy() as Float64Array)[1]).toBe(
    v.mixture([0.25, 0.75], [v.normal(1, 1), v.laplace(2, 0.5)]).entropy(),
  );
});
