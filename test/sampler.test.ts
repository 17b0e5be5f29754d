// The univariate samplers against scipy's distribution functions (test/sampler-tables.txt, made by test/sampler-tables.py):
// chi-square over cells of equal probability, mean and variance, support, at fixed seeds and at extreme parameters.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Sampler } from "../assembly/samplers.js";
import { chiSquareScore, openCore } from "./random-support.js";
import { repeated, sample, samplers } from "./sampler-support.js";

interface Case {
  family: string;
  parameters: (number | string)[];
  edges: number[];
  probabilities: number[];
  mean: number | null;
  sd: number | null;
  kurtosis: number | null;
}

const cases: Case[] = readFileSync(new URL("./sampler-tables.txt", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));
const core = openCore("release");
const N = 200_000;

/** The number of edges below x: cell i holds edges[i - 1] < x <= edges[i]. */
function cellOf(x: number, edges: readonly number[]): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[middle]! < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

describe("every univariate sampler fills cells of known probability as it should", () => {
  test("the tables cover every univariate family", () => {
    expect([...new Set(cases.map((c) => c.family))].sort()).toEqual(Object.keys(samplers).sort());
  });

  test.each(cases.map((c) => [`${c.family}(${c.parameters.join(", ")})`, c] as const))("%s", (_, c) => {
    const parameters = c.parameters.map(Number);
    const values = sample(samplers[c.family]!, { core, parameters: repeated(parameters, N), n: N, seed: [2024, 7] });
    const counts = new Float64Array(c.probabilities.length);
    let [sum, square] = [0, 0];
    for (const x of values) {
      if (Number.isNaN(x)) throw new Error("a sample is NaN");
      counts[cellOf(x, c.edges)]! += 1;
      if (c.mean !== null) {
        sum += x - c.mean;
        square += (x - c.mean) ** 2;
      }
    }
    if (counts.length > 1) expect(Math.abs(chiSquareScore(counts, c.probabilities, N))).toBeLessThan(4.5);
    const skewed = c.kurtosis === null || c.kurtosis > 100;
    if (c.mean !== null && c.sd !== null && !skewed)
      expect(Math.abs(sum / Math.sqrt(N) / c.sd), "mean").toBeLessThan(4.8);
    if (c.sd !== null && c.kurtosis !== null && !skewed && c.kurtosis > -1.99)
      expect(Math.abs(square / N / c.sd ** 2 - 1) / Math.sqrt((c.kurtosis + 2) / N), "variance").toBeLessThan(4.8);
  });
});

test("samples stay inside the open support at extreme parameters, and none is NaN", () => {
  const n = 20_000;
  const draws = (family: Sampler, ...parameters: number[]) =>
    sample(family, { core, parameters: repeated(parameters, n), n, seed: [5, 5] });
  for (const [name, values] of [
    ["gamma 1e-3", draws(Sampler.Gamma, 1e-3, 1)],
    ["gamma 1e-300", draws(Sampler.Gamma, 1e-300, 1)],
    ["gamma 1e300", draws(Sampler.Gamma, 1e300, 1)],
    ["inverse gamma 1e-3", draws(Sampler.InverseGamma, 1e-3, 1)],
    ["chi-square 1e-4", draws(Sampler.ChiSquare, 1e-4)],
    ["pareto 1e-3", draws(Sampler.Pareto, 1, 1e-3)],
    ["weibull 1e-3", draws(Sampler.Weibull, 1e-3, 1)],
    ["log-normal 1e3", draws(Sampler.LogNormal, 0, 1e3)],
    ["half-Cauchy", draws(Sampler.HalfCauchy, 1e-300)],
    ["inverse Gaussian", draws(Sampler.InverseGaussian, 1e10, 1e-10)],
    ["half student", draws(Sampler.HalfStudentT, 1e-3, 1)],
  ] as const)
    for (const x of values) if (!(x > 0 && x < Number.POSITIVE_INFINITY)) throw new Error(`${name}: ${x}`);
  for (const [a, b] of [
    [1e-3, 1e-3],
    [1e-300, 1],
    [1, 1e-300],
    [1e-5, 1e5],
    [1e10, 1e-10],
  ] as const)
    for (const family of [Sampler.Beta, Sampler.Kumaraswamy])
      for (const x of draws(family, a, b)) if (!(x > 0 && x < 1)) throw new Error(`family ${family}(${a}, ${b}): ${x}`);
  for (const x of draws(Sampler.TruncatedNormal, 0, 1, 1e8, 1.1e8))
    if (!(x >= 1e8 && x <= 1.0000001e8)) throw new Error(`truncated: ${x}`);
  for (const x of draws(Sampler.TruncatedNormal, 0, 1, 0.5, 0.5)) if (x !== 0.5) throw new Error(`truncated: ${x}`);
  for (const x of draws(Sampler.VonMises, 3, 1e300)) if (Math.abs(x - 3) > 1e-10) throw new Error(`von Mises: ${x}`);
  for (const x of draws(Sampler.SkewNormal, 0, 1, 1e200)) if (!(x >= 0 && x < 10)) throw new Error(`skew: ${x}`);
  for (const x of draws(Sampler.StudentT, 1e300, 0, 1)) if (!(Math.abs(x) < 10)) throw new Error(`student: ${x}`);
});

test("certain outcomes are certain", () => {
  const n = 1000;
  const all = (family: Sampler, wanted: number, ...parameters: number[]) =>
    expect(sample(family, { core, parameters: repeated(parameters, n), n })).toEqual(new Float64Array(n).fill(wanted));
  all(Sampler.Bernoulli, 0, 0);
  all(Sampler.Bernoulli, 1, 1);
  all(Sampler.Geometric, 0, 1);
  all(Sampler.Poisson, 0, 0);
  all(Sampler.Binomial, 0, 50, 0);
  all(Sampler.Binomial, 50, 50, 1);
  all(Sampler.Binomial, 0, 0, 0.5);
  all(Sampler.Binomial, 1e9, 1e9, 1);
});

test("parameters outside the domain give NaN and an end, not a loop", () => {
  for (const [family, ...parameters] of [
    [Sampler.Gamma, Number.NaN, 1],
    [Sampler.Poisson, Number.NaN],
    [Sampler.Binomial, 100, Number.NaN],
    [Sampler.VonMises, 0, Number.NaN],
    [Sampler.TruncatedNormal, 0, 1, 2, 1],
  ] as [Sampler, ...number[]][])
    expect([...sample(family, { core, parameters: repeated(parameters, 2), n: 2 })]).toEqual([Number.NaN, Number.NaN]);
});
