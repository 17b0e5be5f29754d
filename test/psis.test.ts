// Pareto-smoothed importance sampling, evidence bounds and resampling, against closed forms and a 40-digit fit.

import { expect, test } from "vitest";
import { estimateElbo, evidenceBounds, importanceWeightedBound, powerBound } from "../src/diagnostics/evidence.js";
import { fitPareto, paretoQuantile } from "../src/diagnostics/pareto.js";
import {
  khatThreshold,
  psis,
  resampleWithoutReplacement,
  resampleWithReplacement,
  tailLength,
  tailShape,
  weightedMean,
} from "../src/diagnostics/psis.js";
import { fit, model, normal } from "../src/index.js";
import { importanceResample } from "../src/posterior/resample.js";
import { randomSource } from "./support/random.js";

const draws = (n: number, f: () => number): Float64Array => Float64Array.from({ length: n }, f);
const mean = (x: ArrayLike<number>): number => Array.from(x).reduce((s, v) => s + v, 0) / x.length;

test("the Pareto fit agrees with a 40-digit evaluation of the estimator", () => {
  const shapes: ((u: number) => number)[] = [
    (u) => u,
    (u) => u / (1 - u),
    (u) => (u / (1 - u)) ** 2,
    (u) => (u / (1 - u)) ** 3,
  ];
  // n, transformation of a permuted grid, then k and sigma from mpmath (Zhang & Stephens' estimator, prior of weight 10 at 1/2).
  for (const [n, shape, k, sigma] of [
    [5, 1, 2.1917631255799135, 0.009950183642180692],
    [20, 1, 0.7123859895800403, 0.8429585656524935],
    [60, 2, 2.9195688851991077, 0.20729981774557873],
    [200, 3, 4.859613526756616, 0.06867207062509008],
    [200, 0, -0.9140819366248137, 0.9900559557688056],
  ] as const) {
    const x = Float64Array.from({ length: n }, (_, i) => shapes[shape]!((((i * 7919) % 1009) + 0.5) / 1009)).sort();
    const fit = fitPareto(x)!;
    expect(Math.abs(fit.k - k)).toBeLessThan(1e-12);
    expect(Math.abs(fit.sigma / sigma - 1)).toBeLessThan(1e-11);
  }
});

test("the Pareto quantile inverts the distribution function and passes smoothly through k = 0", () => {
  for (const k of [-0.5, -1e-13, 0, 1e-13, 1e-9, 0.7, 2])
    for (const p of [1e-9, 0.1, 0.5, 0.999]) {
      const x = paretoQuantile(p, { k, sigma: 2 });
      const survival = Math.abs(k) < 1e-10 ? Math.exp(-x / 2) : (1 + (k * x) / 2) ** (-1 / k);
      expect(survival).toBeCloseTo(1 - p, 6);
    }
});

test("k-hat recovers the exponent of exactly Pareto ratios", () => {
  // The spread over repetitions at S = 1e5 is 0.04 to 0.07, so the mean of 20 has an error of at most 0.016: three of those.
  for (const k of [0.3, 0.7, 1]) {
    const random = randomSource(100 * k);
    const estimates = Array.from(
      { length: 20 },
      () => psis(draws(100_000, () => -k * Math.log(random.uniform()))).khat,
    );
    expect(Math.abs(mean(estimates) - k)).toBeLessThan(0.05);
  }
});

test("for Gaussians with variance ratio r < 1 k-hat is near 1 - r", () => {
  const random = randomSource(5);
  for (const r of [0.9, 0.7, 0.5, 0.3, 0.15]) {
    const estimates = Array.from(
      { length: 8 },
      () =>
        psis(
          draws(100_000, () => {
            const z = Math.sqrt(r) * random.normal();
            return -0.5 * z * z + (0.5 * z * z) / r + 0.5 * Math.log(r);
          }),
        ).khat,
    );
    expect(Math.abs(mean(estimates) - (1 - r))).toBeLessThan(0.12);
  }
});

test("the threshold of k-hat is min(1 - 1/log10 S, 0.7)", () => {
  expect(khatThreshold(100)).toBeCloseTo(0.5, 14);
  expect(khatThreshold(1000)).toBeCloseTo(2 / 3, 14);
  expect(khatThreshold(4000)).toBe(0.7);
  expect(tailLength(4000)).toBe(190);
  expect(tailLength(100)).toBe(20);
});

test("constant ratios have k-hat 0, all draws effective, and the evidence without error", () => {
  const result = psis(new Float64Array(1000).fill(-3.5));
  expect(result.khat).toBe(0);
  expect(result.effectiveDraws).toBeCloseTo(1000, 9);
  expect(result.logEvidence).toBeCloseTo(-3.5, 13);
  expect(result.logEvidenceError).toBeLessThan(1e-8);
});

test("ratios of zero, undefined ratios, too few draws and hopeless cases give numbers that say so, never NaN", () => {
  const random = randomSource(2);
  const ratios = draws(1000, () => random.normal());
  ratios[3] = -Infinity;
  const some = psis(ratios);
  expect(some.weights[3]).toBe(0);
  expect(some.khat).toBeLessThan(0.7);
  ratios[4] = Number.NaN;
  expect(psis(ratios)).toMatchObject({ khat: Infinity, undefinedRatios: 1 });
  ratios[4] = Infinity;
  expect(psis(ratios)).toMatchObject({ khat: Infinity, undefinedRatios: 1 });
  const none = psis(new Float64Array(50).fill(-Infinity));
  expect(none).toMatchObject({ khat: Infinity, logEvidence: -Infinity, effectiveDraws: 0 });
  expect(mean(none.weights)).toBeCloseTo(0.02, 15);
  expect(psis(Float64Array.of(1, 2, 3)).khat).toBe(Infinity);
  const one = draws(1000, () => -Infinity);
  one[7] = 3;
  expect(psis(one)).toMatchObject({ khat: Infinity, effectiveDraws: 1 });
  for (const r of [some, none, psis(one), psis(Float64Array.of(-1e308, 1e308)), psis(Float64Array.of(0))])
    for (const v of [...r.weights, r.khat, r.effectiveDraws, r.logEvidence, r.logEvidenceError])
      expect(v).not.toBeNaN();
  expect(() => psis(new Float64Array(0))).toThrow("logRatios: expected at least one draw");
});

test("smoothing keeps the order of the ratios and never exceeds the largest", () => {
  const random = randomSource(8);
  const ratios = draws(2000, () => -0.9 * Math.log(random.uniform()));
  const { weights } = psis(ratios);
  const order = [...ratios.keys()].sort((a, b) => ratios[a]! - ratios[b]!);
  for (let i = 1; i < order.length; i++) expect(weights[order[i]!]!).toBeGreaterThanOrEqual(weights[order[i - 1]!]!);
  expect(mean(weights) * 2000).toBeCloseTo(1, 12);
});

test("weighted means of Gaussian and Student targets lie within two of their errors as often as they should", () => {
  // Proposal: Student t with 8 degrees; targets: N(0.3, 0.9^2) and a Student t with 6 degrees. f = x and x^2.
  const random = randomSource(77);
  const t = (nu: number): number => {
    let chi = 0;
    for (let i = 0; i < nu; i++) chi += random.normal() ** 2;
    return random.normal() / Math.sqrt(chi / nu);
  };
  const logT = (x: number, nu: number): number => (-(nu + 1) / 2) * Math.log1p((x * x) / nu);
  const targets: [(x: number) => number, number, number][] = [
    [(x) => -0.5 * ((x - 0.3) / 0.9) ** 2, 0.3, 0.09 + 0.81],
    [(x) => logT(x, 6), 0, 1.5],
  ];
  for (const [logTarget, first, second] of targets) {
    let inside = 0;
    const repeats = 300;
    for (let r = 0; r < repeats; r++) {
      const x = draws(1000, () => t(8));
      const smoothed = psis(x.map((v) => logTarget(v) - logT(v, 8)));
      const a = weightedMean(smoothed, x);
      const b = weightedMean(
        smoothed,
        x.map((v) => v * v),
      );
      if (Math.abs(a.value - first) <= 2 * a.error) inside++;
      if (Math.abs(b.value - second) <= 2 * b.error) inside++;
    }
    // 95.4 % of 600 expected; four binomial standard errors (and the correlation of the two) give 91 %.
    expect(inside / (2 * repeats)).toBeGreaterThan(0.91);
    expect(inside / (2 * repeats)).toBeLessThan(0.99);
  }
});

test("a function with heavy tails has a larger k-hat than the weights", () => {
  const random = randomSource(6);
  const x = draws(4000, () => random.normal());
  const smoothed = psis(x.map((v) => 0.1 * v));
  const tame = weightedMean(smoothed, x);
  const wild = weightedMean(
    smoothed,
    x.map((v) => Math.exp(0.5 * v * v)),
  );
  const left = weightedMean(
    smoothed,
    x.map((v) => -Math.exp(0.5 * v * v)),
  );
  expect(tame.khat).toBeLessThan(0.5);
  expect(wild.khat).toBeGreaterThan(0.7);
  expect(left.khat).toBeCloseTo(wild.khat, 10);
  expect(tailShape(new Float64Array(100).fill(2))).toBe(0);
  expect(weightedMean(smoothed, new Float64Array(4000).fill(7))).toMatchObject({
    value: expect.closeTo(7, 12),
    khat: smoothed.khat,
  });
});

test("with the prior as proposal the bounds of the Normal-Normal model are those of the closed form", () => {
  const random = randomSource(31);
  const data = [1, 2, 3];
  const logRatios = draws(200_000, () =>
    data.reduce((s, x) => s - 0.5 * Math.log(2 * Math.PI) - 0.5 * (x - random.normal()) ** 2, 0),
  );
  const exact: [ReturnType<typeof estimateElbo>, number][] = [
    [estimateElbo(logRatios), -11.256815599614018],
    [powerBound(logRatios, 0), -11.256815599614018],
    [powerBound(logRatios, 0.5), -8.639877590605177],
    [powerBound(logRatios, 1), -7.2965363704539365],
    [powerBound(logRatios, 2), -5.914108149448434],
  ];
  for (const [estimate, value] of exact) {
    expect(Math.abs(estimate.value - value)).toBeLessThan(4 * estimate.error);
    expect(estimate.error).toBeLessThan(0.05);
  }
  for (const [size, value, error] of [
    [1, -11.259, 0.006],
    [2, -9.65, 0.004],
    [5, -8.435, 0.003],
    [10, -7.935, 0.002],
    [50, -7.443, 0.002],
  ] as const) {
    const bound = importanceWeightedBound(logRatios, size);
    expect(Math.abs(bound.value - value)).toBeLessThan(4 * Math.hypot(bound.error, error));
  }
  const bounds = evidenceBounds(logRatios);
  expect(bounds.elbo.value).toBeLessThan(bounds.renyi.value);
  expect(bounds.renyi.value).toBeLessThan(bounds.evidence.value);
  expect(bounds.evidence.value).toBeLessThan(bounds.cubo.value);
  expect(bounds.importanceWeighted.value).toBeLessThan(bounds.evidence.value);
  expect(Math.abs(bounds.evidence.value + 7.2965363704539365)).toBeLessThan(4 * bounds.evidence.error);
});

test("bounds from ratios that are zero or undefined are infinite, not NaN", () => {
  expect(estimateElbo(Float64Array.of(0, -Infinity))).toEqual({ value: -Infinity, error: Infinity });
  expect(estimateElbo(Float64Array.of(0, Number.NaN))).toEqual({ value: -Infinity, error: Infinity });
  expect(estimateElbo(Float64Array.of(1))).toEqual({ value: 1, error: Infinity });
  expect(powerBound(Float64Array.of(0, Number.NaN), 2).value).toBe(Infinity);
  expect(powerBound(Float64Array.of(-Infinity, -Infinity), 2).value).toBe(-Infinity);
});

test("resampling with replacement copies each draw its expected number of times up to rounding", () => {
  const random = randomSource(4);
  const weights = Float64Array.of(0.5, 0, 0.25, 0.125, 0.125, 0);
  const total = new Float64Array(6);
  for (let r = 0; r < 2000; r++) {
    const counts = new Float64Array(6);
    for (const i of resampleWithReplacement(weights, 10, draws(10, random.uniform))) counts[i]!++;
    counts.forEach((c, i) => {
      expect(Math.abs(c - 10 * weights[i]!)).toBeLessThan(2);
      total[i]! += c;
    });
  }
  for (let i = 0; i < 6; i++) expect(Math.abs(total[i]! / 2000 - 10 * weights[i]!)).toBeLessThan(0.07);
});

test("resampling without replacement never repeats, and its first choice follows the weights", () => {
  const random = randomSource(14);
  const weights = Float64Array.of(0.5, 0, 0.3, 0.2);
  const first = new Float64Array(4);
  for (let r = 0; r < 4000; r++) {
    const chosen = resampleWithoutReplacement(weights, 4, draws(4, random.uniform));
    expect([...chosen].sort()).toEqual([0, 2, 3]);
    first[chosen[0]!]!++;
  }
  // Four binomial standard errors.
  for (let i = 0; i < 4; i++) expect(Math.abs(first[i]! / 4000 - weights[i]!)).toBeLessThan(0.032);
});

test("places of weighted draws follow the weights, the same for a seed", () => {
  const weights = Float64Array.of(1, 0, 3, 4, 0, 2);
  const places = importanceResample(weights, 1000, { seed: 3 });
  const counts = [0, 0, 0, 0, 0, 0];
  for (const p of places) counts[p]!++;
  counts.forEach((c, i) => {
    expect(Math.abs(c - 100 * weights[i]!)).toBeLessThanOrEqual(2);
  });
  expect(importanceResample(weights, 1000, { seed: 3 })).toEqual(places);
  expect(importanceResample(weights, 37, { seed: 4 })).not.toEqual(importanceResample(weights, 37, { seed: 3 }));
  // Without replacement the first place is drawn by weight.
  const first = [0, 0, 0, 0, 0, 0];
  for (let seed = 0; seed < 2000; seed++) {
    const few = importanceResample(weights, 4, { seed, replacement: false });
    expect(new Set(few).size).toBe(4);
    first[few[0]!]!++;
  }
  first.forEach((c, i) => {
    expect(Math.abs(c / 2000 - weights[i]! / 10)).toBeLessThan(4 * Math.sqrt(0.25 / 2000));
  });
  expect(importanceResample(weights, 6, { replacement: false }).length).toBe(4);
  expect(() => importanceResample(Float64Array.of(1, -1), 1)).toThrow(
    "importanceResample(weights)[1]: expected a number of at least 0, got -1",
  );
  expect(() => importanceResample(new Float64Array(3), 1)).toThrow("at least one positive weight");
  expect(() => importanceResample(weights, 7, { replacement: false })).toThrow("expected an integer in 0..6, got 7");
});

test("a fit's ratios give the evidence of a conjugate model between its bounds", async () => {
  const m = model<number[]>(({ sample, observe, plate }, x) => {
    const rows = plate("i", x);
    observe("x", normal(sample("z", normal(0, 1), rows), 1), rows.data(x));
  });
  const fitted = await fit(m, [1, 2, 3], { seed: 1 });
  const exact = evidenceBounds(fitted.logRatios());
  expect(Math.abs(exact.evidence.value + 7.29653637045394)).toBeLessThan(1e-6);
  expect(exact.cubo.value - exact.elbo.value).toBeLessThan(1e-6);
  expect(fitted.logRatios().length).toBe(fitted.size);
});
