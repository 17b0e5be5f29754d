// Batch-and-match and Gaussian score matching against their defining equations.

import { expect, test } from "vitest";
import { cholesky, choleskyInverse } from "../src/linalg/cholesky.js";
import { maxAbs } from "../src/linalg/vector.js";
import type { Target } from "../src/target.js";
import { bam } from "../src/vi/bam.js";
import { bamUpdate, gsmUpdate } from "../src/vi/bam-update.js";
import { type DenseGaussian, gaussianCovariance } from "../src/vi/gaussian.js";
import { normalSource, randomSource } from "./support/random.js";
import {
  banana,
  eightSchools,
  gaussianTarget,
  logisticRegression,
  normalNormal,
  normalNormalEvidence,
  randomGaussian,
} from "./support/targets.js";

const normals = normalSource(1);
const standard = (n: number): DenseGaussian => ({
  kind: "dense",
  mean: new Float64Array(n),
  cholesky: Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
});
const product = (a: Float64Array, b: Float64Array, n: number): Float64Array => {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) for (let k = 0; k < n; k++) out[i * n + j]! += a[i * n + k]! * b[k * n + j]!;
  return out;
};
const relative = (a: Float64Array, b: Float64Array): number => maxAbs(a.map((v, i) => v - b[i]!)) / maxAbs(b);

/** A Gaussian with precision weight B B' + I. */
const wellConditioned = (n: number, seed: number, weight = 1) => {
  const random = randomSource(seed);
  const b = Float64Array.from({ length: n * n }, random.normal);
  const transposed = b.map((_, i) => b[(i % n) * n + Math.floor(i / n)]!);
  const precision = product(b, transposed, n);
  for (let i = 0; i < n * n; i++) precision[i] = weight * precision[i]! + (i % (n + 1) === 0 ? 1 : 0);
  return { target: gaussianTarget(new Float64Array(n).fill(0.3), precision), precision };
};

/** Draws from the standard normal with the scores of a target there. */
const batchOf = (target: Target, draws: number, seed: number) => {
  const n = target.dimension;
  const random = randomSource(seed);
  const points = Float64Array.from({ length: draws * n }, random.normal);
  const gradients = new Float64Array(draws * n);
  for (let d = 0; d < draws; d++)
    target.logDensityGradient(points.subarray(d * n, d * n + n), gradients.subarray(d * n, d * n + n));
  return { points, gradients };
};

test("after a Gaussian-score-matching update the score of q at the draw is the given one", () => {
  const random = randomSource(4);
  for (const n of [1, 3, 8]) {
    let q = standard(n);
    for (let step = 0; step < 5; step++) {
      const point = Float64Array.from({ length: n }, random.normal);
      const score = Float64Array.from({ length: n }, random.normal);
      const next = gsmUpdate(q, point, score)!;
      // score = -Sigma^-1 (point - mean), that is, Sigma score = mean - point.
      const covariance = gaussianCovariance(next);
      for (let i = 0; i < n; i++) {
        let s = 0;
        for (let j = 0; j < n; j++) s += covariance[i * n + j]! * score[j]!;
        expect(Math.abs(s - (next.mean[i]! - point[i]!))).toBeLessThan(2e-14 * (1 + maxAbs(covariance)));
      }
      q = next;
    }
  }
  // In one dimension from N(0, 1) the match is exact to the last bits.
  const one = gsmUpdate(standard(1), Float64Array.of(0.5), Float64Array.of(-2))!;
  expect(Math.abs(-(0.5 - one.mean[0]!) / one.cholesky[0]! ** 2 + 2)).toBeLessThan(1e-15);
});

test("the covariance solves S U S + S = V to rounding, for batches smaller and larger than the dimension", () => {
  for (const [n, draws] of [
    [5, 7],
    [5, 2],
    [1, 3],
    [20, 6],
    [12, 30],
  ] as const) {
    const { target } = wellConditioned(n, n);
    const { points, gradients } = batchOf(target, draws, 3);
    for (const lambda of [0.1, 10, 1e3]) {
      const { u, v, covariance } = bamUpdate(standard(n), points, gradients, draws, lambda)!;
      const left = product(product(covariance, u, n), covariance, n).map((x, i) => x + covariance[i]!);
      // The terms of S U S are larger than V and cancel; rounding is relative to them.
      const size = product(product(covariance.map(Math.abs), u.map(Math.abs), n), covariance.map(Math.abs), n);
      expect(maxAbs(left.map((x, i) => x - v[i]!)) / (maxAbs(size) + maxAbs(v))).toBeLessThan(2e-14);
    }
  }
});

test("in five mild dimensions with seven draws the residual is below 1e-13 of V, for every lambda", () => {
  const { target } = wellConditioned(5, 2, 0.05);
  const { points, gradients } = batchOf(target, 7, 3);
  for (const lambda of [0.1, 1, 10, 1e3]) {
    const { u, v, covariance } = bamUpdate(standard(5), points, gradients, 7, lambda)!;
    const left = product(product(covariance, u, 5), covariance, 5).map((x, i) => x + covariance[i]!);
    expect(relative(left, v)).toBeLessThan(1e-13);
  }
});

test("one step on a Gaussian target is exact as lambda grows: the error falls in proportion to 1 / lambda", () => {
  const n = 5;
  const { target, precision } = wellConditioned(n, 17);
  const root = precision.slice();
  cholesky(root, n);
  const exact = choleskyInverse(root, n);
  const { points, gradients } = batchOf(target, 7, 6);
  const errors = [1e2, 1e4, 1e6, 1e8].map((lambda) =>
    relative(bamUpdate(standard(n), points, gradients, 7, lambda)!.covariance, exact),
  );
  expect(errors[0]!).toBeLessThan(0.5);
  for (let i = 1; i < 4; i++) expect(errors[i]! / errors[i - 1]!).toBeLessThan(0.02);
  expect(errors[3]!).toBeLessThan(1e-6);
});

test("BaM reaches a Gaussian target exactly, from a poor start too", () => {
  for (const n of [1, 3, 10, 25]) {
    const { target, mean, precision } = randomGaussian(n, 30 + n, -2);
    const root = precision.slice();
    cholesky(root, n);
    const exact = choleskyInverse(root, n);
    const result = bam(target, { normals, start: standard(n), scoreTolerance: 1e-18, maxSteps: 1000 });
    expect(result.status).toBe("converged");
    const covariance = gaussianCovariance(result.approximation!);
    for (let i = 0; i < n; i++) {
      const sd = Math.sqrt(exact[i * n + i]!);
      expect(Math.abs(result.approximation!.mean[i]! - mean[i]!) / sd).toBeLessThan(1e-6);
      expect(Math.abs(covariance[i * n + i]! / exact[i * n + i]! - 1)).toBeLessThan(1e-6);
    }
    expect(result.elbo).toBeCloseTo(-2, 6);
  }
  expect(bam(normalNormal, { normals }).elbo).toBeCloseTo(normalNormalEvidence, 6);
});

test("on logistic regression BaM ends near the best Gaussian, with a k-hat that allows correction", () => {
  const result = bam(logisticRegression(200, 5, 4), { normals });
  expect(result.status).toBe("converged");
  expect(result.check!.psis.khat).toBeLessThan(0.6);
  expect(result.check!.psis.logEvidence - result.elbo).toBeLessThan(0.1);
  expect(result.message).toMatch(/^After \d+ batches the ELBO has stopped rising;/);
});

test("eight schools, non-centred: means within a fifth of a standard deviation of reference draws", () => {
  const result = bam(eightSchools, { normals });
  expect(Math.abs(result.approximation!.mean[8]! - 4.41) / 3.31).toBeLessThan(0.2);
  expect(Math.abs(result.approximation!.mean[0]! - 0.315) / 0.985).toBeLessThan(0.2);
});

test("draws outside the support are left out and counted; a density defined nowhere is an outcome", () => {
  const positive: Target = {
    dimension: 2,
    logDensityGradient(x, g) {
      if (x[0]! <= -1) return Number.NaN;
      g[0] = -x[0]! + 2 / (x[0]! + 1);
      g[1] = -x[1]!;
      return -0.5 * x[0]! ** 2 - 0.5 * x[1]! ** 2 + 2 * Math.log(x[0]! + 1);
    },
  };
  const result = bam(positive, { normals, start: standard(2), maxSteps: 100 });
  expect(result.refused).toBeGreaterThan(0);
  for (const v of [...result.approximation!.mean, ...result.approximation!.cholesky, result.scoreError])
    expect(v).not.toBeNaN();
  const nowhere = bam({ dimension: 2, logDensityGradient: () => Number.NaN }, { normals });
  expect(nowhere).toMatchObject({ status: "diverged", approximation: undefined, elbo: -Infinity });
});

test("an aborted run returns its present Gaussian, and too few steps are said to be too few", () => {
  const result = bam(banana(), { normals, signal: AbortSignal.abort(), start: standard(2) });
  expect(result.status).toBe("cancelled");
  expect(result.steps).toBe(1);
  expect(result.approximation).toBeDefined();
  const short = bam(banana(), { normals, maxSteps: 5 });
  expect(short.status).toBe("maxSteps");
  // The path it begins on takes a part of them.
  expect(short.message).toMatch(/still rising after [1-5] batches/);
});

test("misuse throws, naming the argument", () => {
  expect(() => bam(normalNormal, {} as never)).toThrow("bam.normals: expected a NormalSource");
  expect(() => bam(normalNormal, { normals, batch: 0 })).toThrow("bam.batch: expected");
  expect(() => bam(normalNormal, { normals, lambda: 3 as never })).toThrow("bam.lambda: expected a function");
});
