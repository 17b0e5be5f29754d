// Gaussian records, the mode and Laplace's approximation, on targets with known answers.

import { expect, test } from "vitest";
import { cholesky, choleskyInverse } from "../src/linalg/cholesky.js";
import { maxAbs } from "../src/linalg/vector.js";
import type { Target } from "../src/target.js";
import {
  densePrecision,
  drawsFromNormals,
  type Gaussian,
  gaussianCovariance,
  gaussianEntropy,
  gaussianLogDensity,
  logDensityOfNormals,
  normalsFromPoints,
  squareRoot,
  standardDeviations,
} from "../src/vi/gaussian.js";
import { laplace } from "../src/vi/laplace.js";
import { map } from "../src/vi/map.js";
import { normalSource, randomSource } from "./support/random.js";
import {
  banana,
  betaBernoulli,
  betaBernoulliEvidence,
  gaussianTarget,
  logisticRegression,
  normalNormal,
  normalNormalEvidence,
  randomGaussian,
} from "./support/targets.js";

const normals = normalSource(1);
const difference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  maxAbs(Float64Array.from({ length: a.length }, (_, i) => a[i]! - b[i]!));

const forms: Gaussian[] = (() => {
  const random = randomSource(3);
  const numbers = (k: number) => Float64Array.from({ length: k }, () => random.normal());
  const mean = numbers(4);
  const scale = numbers(4).map((v) => 0.2 + v * v);
  const basis = Float64Array.of(0.6, 0.8, 0, 0, 0, 0, 0, 0, 0.8, -0.6, 0, 0);
  const factor = Float64Array.of(2, 0, 0, 0, 1, 0, 0.7, 0, 0.3);
  const dense = numbers(16).map((v, i) => (i % 5 === 0 ? 0.3 + v * v : i % 4 > Math.floor(i / 4) ? 0 : v));
  return [
    { kind: "diagonal", mean, scale },
    { kind: "dense", mean, cholesky: dense },
    { kind: "lowRank", mean, scale, rank: 3, basis, factor },
  ];
})();

test("draws and densities of each form of Gaussian agree with its covariance", () => {
  const n = 4;
  const draws = 5;
  for (const g of forms) {
    const covariance = gaussianCovariance(g);
    const sd = standardDeviations(g);
    for (let i = 0; i < n; i++) expect(sd[i]! ** 2).toBeCloseTo(covariance[i * n + i]!, 12);
    const root = squareRoot(g);
    const z = new Float64Array(draws * n);
    normals.fill(z, 0, 0);
    const points = new Float64Array(draws * n);
    drawsFromNormals(g, draws, z, points);
    const precision = covariance.slice();
    expect(cholesky(precision, n)).toBe(true);
    let logDet = 0;
    for (let i = 0; i < n; i++) logDet += 2 * Math.log(precision[i * n + i]!);
    const inverse = choleskyInverse(precision, n);
    const logq = new Float64Array(draws);
    const logqz = new Float64Array(draws);
    gaussianLogDensity(g, draws, points, logq);
    logDensityOfNormals(g, draws, z, logqz);
    for (let d = 0; d < draws; d++) {
      let quadratic = 0;
      for (let i = 0; i < n; i++) {
        let expected = g.mean[i]!;
        for (let j = 0; j < n; j++) {
          expected += root[i * n + j]! * z[d * n + j]!;
          quadratic += (points[d * n + i]! - g.mean[i]!) * inverse[i * n + j]! * (points[d * n + j]! - g.mean[j]!);
        }
        expect(points[d * n + i]).toBeCloseTo(expected, 13);
      }
      const exact = -0.5 * (n * Math.log(2 * Math.PI) + logDet + quadratic);
      expect(logq[d]).toBeCloseTo(exact, 9);
      expect(logqz[d]).toBeCloseTo(exact, 9);
    }
    const back = new Float64Array(draws * n);
    normalsFromPoints(g, draws, points, back);
    expect(difference(back, z)).toBeLessThan(1e-12);
    const inPlace = z.slice();
    drawsFromNormals(g, draws, inPlace, inPlace);
    expect([...inPlace]).toEqual([...points]);
    expect(gaussianEntropy(g)).toBeCloseTo(0.5 * (n * (1 + Math.log(2 * Math.PI)) + logDet), 11);
    if (g.kind === "dense") expect(difference(densePrecision(g), inverse)).toBeLessThan(1e-9 * maxAbs(inverse));
  }
});

test("Laplace is exact on the Normal-Normal model: posterior, evidence, ELBO, and k-hat 0", () => {
  const result = laplace(normalNormal, { normals });
  expect(result.status).toBe("converged");
  const g = result.approximation!;
  for (let i = 0; i < 3; i++) expect(g.mean[i]).toBeCloseTo((i + 1) / 2, 12);
  expect(difference(gaussianCovariance(g), [0.5, 0, 0, 0, 0.5, 0, 0, 0, 0.5])).toBeLessThan(1e-12);
  expect(result.logEvidence).toBeCloseTo(normalNormalEvidence, 12);
  expect(result.elbo).toBeCloseTo(normalNormalEvidence, 11);
  expect(result.elboStandardError).toBeLessThan(1e-12);
  expect(result.check!.psis.khat).toBe(0);
  expect(result.decrement).toBeLessThan(1e-24);
});

test("Laplace is exact on correlated, badly scaled Gaussians in 1 to 30 dimensions", () => {
  for (const n of [1, 2, 7, 30]) {
    const { target, mean, precision } = randomGaussian(n, 40 + n, -12.5);
    const result = laplace(target, { normals });
    expect(result.status).toBe("converged");
    const sd = standardDeviations(result.approximation!);
    for (let i = 0; i < n; i++) expect(Math.abs(result.approximation!.mean[i]! - mean[i]!) / sd[i]!).toBeLessThan(1e-9);
    const got = densePrecision(result.approximation!);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        expect(Math.abs(got[i * n + j]! - precision[i * n + j]!) * sd[i]! * sd[j]!).toBeLessThan(1e-8);
    expect(Math.abs(result.logEvidence + 12.5)).toBeLessThan(1e-8);
    expect(Math.abs(result.elbo + 12.5)).toBeLessThan(1e-7);
  }
});

test("Hessian-vector products of the target are used when there are any", () => {
  const { target, precision } = randomGaussian(5, 8);
  let products = 0;
  const withProducts: Target = {
    ...target,
    hessianVector(_theta, v, out) {
      products++;
      for (let i = 0; i < 5; i++) {
        out[i] = 0;
        for (let j = 0; j < 5; j++) out[i]! -= precision[i * 5 + j]! * v[j]!;
      }
    },
  };
  const result = laplace(withProducts, { normals });
  expect(result.hessian).toBe("exact");
  expect(products).toBeGreaterThanOrEqual(5);
  expect(laplace(target, { normals }).hessian).toBe("differences");
  expect(Math.abs(result.logEvidence)).toBeLessThan(1e-10);
});

test("the log evidence of Beta-Bernoulli is approached with an error of order 1/n", () => {
  expect(betaBernoulliEvidence(10, 10, 6, 4)).toBeCloseTo(-7.069374503167138, 12);
  const errors = [1, 4, 16, 64].map((m) => {
    const exact = betaBernoulliEvidence(10, 10, 6 * m, 4 * m);
    const result = laplace(betaBernoulli(10, 10, 6 * m, 4 * m), { normals });
    expect(result.approximation!.mean[0]).toBeCloseTo(Math.log((10 + 6 * m) / (10 + 4 * m)), 9);
    return result.logEvidence - exact;
  });
  // Stirling's series for B(16, 14): the error on the logit scale is -(1/12)(1/a + 1/b - 1/(a + b)) to leading order.
  [1, 4, 16, 64].forEach((m, i) => {
    const a = 10 + 6 * m;
    const b = 10 + 4 * m;
    const leading = -(1 / a + 1 / b - 1 / (a + b)) / 12;
    expect(Math.abs(errors[i]! / leading - 1)).toBeLessThan(0.01 + 0.01 / m);
  });
});

test("plain central differences are enough for logistic regression, and cost half", () => {
  const target = logisticRegression(200, 4, 2);
  const accurate = laplace(target, { normals });
  const cheap = laplace(target, { normals, richardson: false });
  expect(Math.abs(cheap.logEvidence - accurate.logEvidence)).toBeLessThan(1e-4);
  expect(cheap.gradients).toBeLessThan(accurate.gradients);
  expect(accurate.check!.psis.khat).toBeLessThan(0.6);
  expect(accurate.elbo).toBeLessThan(accurate.check!.psis.logEvidence);
});

test("a saddle is rejected with a sentence, not fitted", () => {
  const saddle: Target = {
    dimension: 2,
    logDensityGradient(x, g) {
      g[0] = -x[0]!;
      g[1] = x[1]! - x[1]! ** 3;
      return -0.5 * x[0]! ** 2 + 0.5 * x[1]! ** 2 - 0.25 * x[1]! ** 4;
    },
  };
  const result = laplace(saddle, { normals, start: new Float64Array(2) });
  expect(result.status).toBe("rejected");
  expect(result.approximation).toBeUndefined();
  expect(result.smallestCurvature).toBeCloseTo(-1, 6);
  expect(result.message).toMatch(/not concave/);
  const fine = laplace(saddle, { normals, start: Float64Array.of(1, 0.3) });
  expect(fine.status).toBe("converged");
  expect(fine.approximation!.mean[1]).toBeCloseTo(1, 8);
});

test("a density that is nowhere defined, or has no maximum, gives an outcome and no NaN", () => {
  const nowhere: Target = { dimension: 1, logDensityGradient: () => Number.NaN };
  expect(map(nowhere, { normals })).toMatchObject({ status: "diverged", mode: undefined, logDensity: -Infinity });
  expect(laplace(nowhere, { normals })).toMatchObject({ status: "diverged", elbo: -Infinity, logEvidence: -Infinity });
  const rising: Target = {
    dimension: 1,
    logDensityGradient(x, g) {
      g[0] = 1;
      return x[0]!;
    },
  };
  const result = laplace(rising, { normals, maxSteps: 30 });
  expect(["rejected", "maxSteps", "diverged"]).toContain(result.status);
  expect(result.approximation).toBeUndefined();
});

test("where the origin has no density the start is drawn, and where a start was given it is not replaced", () => {
  const positive: Target = {
    dimension: 1,
    logDensityGradient(x, g) {
      if (x[0]! <= 0) return -Infinity;
      g[0] = 3 / x[0]! - 2;
      return 3 * Math.log(x[0]!) - 2 * x[0]!;
    },
  };
  expect(map(positive, { normals }).mode![0]).toBeCloseTo(1.5, 5);
  expect(map(positive, {}).status).toBe("diverged");
  expect(map(positive, { start: Float64Array.of(-1), normals })).toMatchObject({
    status: "diverged",
    message: "The log density or its gradient is not finite at the start.",
  });
});

test("misuse throws, naming the argument", () => {
  const target = gaussianTarget([0], [1]);
  expect(() => laplace(target, {} as never)).toThrow("laplace.normals: expected a NormalSource, got undefined");
  expect(() => laplace(target, { normals, drawz: 3 } as never)).toThrow("laplace.drawz: unknown option");
  expect(() => laplace(target, { normals, draws: 1.5 })).toThrow("laplace.draws: expected");
  expect(() => map(target, { start: new Float64Array(2) })).toThrow("start: expected 1 numbers");
  expect(() => map({} as never)).toThrow("target.dimension");
});

test("an aborted Laplace says so", () => {
  const result = laplace(banana(), { normals, start: Float64Array.of(2, -2), signal: AbortSignal.abort() });
  expect(result.status).toBe("cancelled");
});
