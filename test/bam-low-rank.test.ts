// Low-rank batch-and-match: against the dense update, and on factor-model targets.

import { expect, test } from "vitest";
import { maxAbs } from "../src/linalg/vector.js";
import type { Target } from "../src/target.js";
import { bamLowRank, bamLowRankUpdate, type FactorGaussian, lowRankGaussian } from "../src/vi/bam-low-rank.js";
import { bamUpdate } from "../src/vi/bam-update.js";
import { type DenseGaussian, gaussianCovariance, standardDeviations } from "../src/vi/gaussian.js";
import { normalSource, randomSource } from "./support/random.js";
import { randomGaussian } from "./support/targets.js";

const normals = normalSource(1);

/** N(mean, F'F + diag): a factor model with `k` factors, normalised, evaluated without any D x D matrix. */
function factorTarget(n: number, k: number, seed: number) {
  const random = randomSource(seed);
  const mean = Float64Array.from({ length: n }, random.normal);
  const f = Float64Array.from({ length: k * n }, () => 0.7 * random.normal());
  const d = Float64Array.from({ length: n }, () => 0.3 + random.uniform());
  // I + F D^-1 F', inverted by elimination on k columns.
  const inner = Array.from({ length: k }, (_, a) =>
    Array.from({ length: 2 * k }, (_, b) => {
      if (b >= k) return a === b - k ? 1 : 0;
      let s = a === b ? 1 : 0;
      for (let i = 0; i < n; i++) s += (f[a * n + i]! * f[b * n + i]!) / d[i]!;
      return s;
    }),
  );
  let logDet = 0;
  for (let i = 0; i < n; i++) logDet += Math.log(d[i]!);
  for (let p = 0; p < k; p++) {
    const pivot = inner[p]![p]!;
    logDet += Math.log(pivot);
    for (let b = 0; b < 2 * k; b++) inner[p]![b]! /= pivot;
    for (let a = 0; a < k; a++) {
      if (a === p) continue;
      const factor = inner[a]![p]!;
      for (let b = 0; b < 2 * k; b++) inner[a]![b]! -= factor * inner[p]![b]!;
    }
  }
  const target: Target = {
    dimension: n,
    logDensityGradient(x, g) {
      const c = new Float64Array(k);
      for (let i = 0; i < n; i++) g[i] = (x[i]! - mean[i]!) / d[i]!;
      for (let a = 0; a < k; a++) for (let i = 0; i < n; i++) c[a]! += f[a * n + i]! * g[i]!;
      for (let a = 0; a < k; a++) {
        let s = 0;
        for (let b = 0; b < k; b++) s += inner[a]![k + b]! * c[b]!;
        for (let i = 0; i < n; i++) g[i]! -= (s * f[a * n + i]!) / d[i]!;
      }
      let quadratic = 0;
      for (let i = 0; i < n; i++) {
        quadratic += g[i]! * (x[i]! - mean[i]!);
        g[i] = -g[i]!;
      }
      return -0.5 * (n * Math.log(2 * Math.PI) + logDet + quadratic);
    },
  };
  const variance = (i: number): number => {
    let s = d[i]!;
    for (let a = 0; a < k; a++) s += f[a * n + i]! ** 2;
    return s;
  };
  return { target, mean, variance };
}

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

test("a density defined nowhere is an outcome, and misuse throws", () => {
  const nowhere = bamLowRank({ dimension: 3, logDensityGradient: () => Number.NaN }, { normals });
  expect(nowhere).toMatchObject({ status: "diverged", approximation: undefined, elbo: -Infinity });
  const { target } = factorTarget(3, 1, 1);
  expect(bamLowRank(target, { normals, signal: AbortSignal.abort() }).status).toBe("cancelled");
  expect(() => bamLowRank(target, {} as never)).toThrow("bamLowRank.normals: expected a NormalSource");
  expect(() => bamLowRank(target, { normals, rank: 0 })).toThrow("bamLowRank.rank: expected");
});
