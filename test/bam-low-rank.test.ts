// Low-rank batch-and-match: against the dense update, and on factor-model targets.

import { expect, test } from "vitest";
import { loadPosterior, savePosterior } from "../src/io/save.js";
import { maxAbs } from "../src/linalg/vector.js";
import { bamLowRank, bamLowRankUpdate, type FactorGaussian, lowRankGaussian } from "../src/vi/bam-low-rank.js";
import { bamUpdate } from "../src/vi/bam-update.js";
import { fitTargetSync } from "../src/vi/fit.js";
import { type DenseGaussian, gaussianCovariance, standardDeviations } from "../src/vi/gaussian.js";
import { normalSource, randomSource } from "./support/random.js";
import { factorTarget, randomGaussian } from "./support/targets.js";

const normals = normalSource(1);

test("at full rank, patched until EM has settled, a low-rank step is the dense step", () => {
  const n = 4;
  const { target } = randomGaussian(n, 3);
  const random = randomSource(2);
  const factors = Float64Array.from({ length: n * n }, () => 0.5 * random.normal());
  const q: FactorGaussian = { mean: new Float64Array(n), rank: n, factors, diagonal: new Float64Array(n).fill(1) };
  const form = lowRankGaussian(q)!;
  const covariance = gaussianCovariance(form);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let s = i === j ? 1 : 0;
      for (let r = 0; r < n; r++) s += factors[r * n + i]! * factors[r * n + j]!;
      expect(covariance[i * n + j]).toBeCloseTo(s, 12);
    }
  const points = Float64Array.from({ length: 3 * n }, random.normal);
  const gradients = new Float64Array(3 * n);
  for (let d = 0; d < 3; d++)
    target.logDensityGradient(points.subarray(d * n, d * n + n), gradients.subarray(d * n, d * n + n));
  const root = covariance.slice();
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      if (j > i) root[i * n + j] = 0;
      else {
        let s = root[i * n + j]!;
        for (let k = 0; k < j; k++) s -= root[i * n + k]! * root[j * n + k]!;
        root[i * n + j] = i === j ? Math.sqrt(s) : s / root[j * n + j]!;
      }
    }
  const start: DenseGaussian = { kind: "dense", mean: q.mean, cholesky: root };
  const dense = bamUpdate(start, points, gradients, 3, 2)!;
  const low = bamLowRankUpdate(q, points, gradients, 3, 2, 2000)!;
  expect(maxAbs(low.mean.map((v, i) => v - dense.gaussian.mean[i]!))).toBeLessThan(1e-10 * (1 + maxAbs(low.mean)));
  const got = gaussianCovariance(lowRankGaussian(low)!);
  expect(maxAbs(got.map((v, i) => v - dense.covariance[i]!))).toBeLessThan(1e-3 * maxAbs(dense.covariance));
});

test("a factor model of the same rank is fitted: mean, variances and evidence", () => {
  const { target, mean, variance } = factorTarget(60, 3, 5);
  const result = bamLowRank(target, { normals, rank: 4, batch: 32, maxSteps: 600 });
  const sd = standardDeviations(result.approximation!);
  for (let i = 0; i < 60; i++) {
    expect(Math.abs(result.approximation!.mean[i]! - mean[i]!) / Math.sqrt(variance(i))).toBeLessThan(0.1);
    expect(Math.abs(sd[i]! / Math.sqrt(variance(i)) - 1)).toBeLessThan(0.1);
  }
  expect(result.elbo).toBeGreaterThan(-0.3);
  expect(result.elbo).toBeLessThan(0.01);
  expect(result.check!.psis.khat).toBeLessThan(0.7);
});

test("in 2,000 dimensions a step takes well under a second, and the ELBO rises", () => {
  const { target } = factorTarget(2000, 5, 1);
  const began = performance.now();
  const result = bamLowRank(target, { normals, rank: 8, maxSteps: 5, draws: 100 });
  // Five steps and the final check together; the bound is a hundred times what they take on an idle machine.
  expect(performance.now() - began).toBeLessThan(20_000);
  expect(result.skipped).toBe(0);
  const longer = bamLowRank(target, { normals, rank: 8, maxSteps: 40, draws: 100 });
  expect(longer.elbo).toBeGreaterThan(result.elbo);
});

test("by name a factor model is fitted exactly: the divergence goes to zero, and draws, density and file agree", () => {
  const { target, mean, variance } = factorTarget(40, 3, 5);
  const fit = fitTargetSync(target, { algorithm: "bam", family: "lowRank", rank: 3, seed: 2 });
  expect(fit.status, fit.message).toBe("converged");
  expect(fit.result.family).toBe("lowRank");
  expect(fit.result.approximation!.kind).toBe("lowRank");
  // The target is normalised: the ELBO is minus the divergence.
  expect(Math.abs(fit.elbo)).toBeLessThan(1e-6);
  expect(fit.result.elboStandardError).toBeLessThan(1e-6);
  expect(fit.khat).toBeLessThan(0.7);
  const sd = standardDeviations(fit.result.approximation!);
  for (let i = 0; i < 40; i++) {
    expect(Math.abs(fit.result.approximation!.mean[i]! - mean[i]!) / sd[i]!).toBeLessThan(1e-6);
    expect(sd[i]! ** 2 / variance(i)).toBeCloseTo(1, 5);
  }
  expect(maxAbs(fit.logRatios())).toBeLessThan(1e-5);
  const summary = fit.summary().rows;
  for (let i = 0; i < 40; i++) expect(Math.abs(summary[i]!.mean - mean[i]!) / sd[i]!).toBeLessThan(0.08);
  const loaded = loadPosterior(savePosterior(fit));
  expect(loaded.draws("theta[7]")).toEqual(fit.draws("theta[7]"));
});

test("a rank that is too small for the posterior is never called right", () => {
  const { target } = factorTarget(30, 6, 4);
  const fit = fitTargetSync(target, { algorithm: "bam", family: "lowRank", rank: 1, seed: 1 });
  expect(fit.elbo).toBeLessThan(-1);
  expect(fit.status).not.toBe("converged");
});

test("2,000 coordinates are fitted by name", () => {
  const { target } = factorTarget(2000, 5, 1);
  const fit = (maxSteps: number) =>
    fitTargetSync(target, { algorithm: "bam", family: "lowRank", maxSteps, checkDraws: 200, posteriorDraws: 10 });
  const short = fit(2);
  const longer = fit(15);
  expect(longer.elbo).toBeGreaterThan(short.elbo);
  expect(longer.unconstrainedDraws().length).toBe(20_000);
});

test("a density defined nowhere is an outcome, and misuse throws", () => {
  const nowhere = bamLowRank({ dimension: 3, logDensityGradient: () => Number.NaN }, { normals });
  expect(nowhere).toMatchObject({ status: "diverged", approximation: undefined, elbo: -Infinity });
  const { target } = factorTarget(3, 1, 1);
  expect(bamLowRank(target, { normals, signal: AbortSignal.abort() }).status).toBe("cancelled");
  expect(() => bamLowRank(target, {} as never)).toThrow("bamLowRank.normals: expected a NormalSource");
  expect(() => bamLowRank(target, { normals, rank: 0 })).toThrow("bamLowRank.rank: expected");
});
