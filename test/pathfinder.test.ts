// Single- and multi-path Pathfinder on targets with known answers.

import { expect, test } from "vitest";
import { cholesky, choleskyInverse } from "../src/linalg/cholesky.js";
import { maxAbs } from "../src/linalg/vector.js";
import { Trajectory } from "../src/optim/lbfgs.js";
import type { Target } from "../src/target.js";
import { Evaluator } from "../src/vi/evaluate.js";
import { type Gaussian, gaussianCovariance } from "../src/vi/gaussian.js";
import { multipath, resample, weighComponents } from "../src/vi/multipath.js";
import { pathfinder } from "../src/vi/pathfinder.js";
import { PathFactors } from "../src/vi/pathfinder-factor.js";
import { normalSource, randomSource } from "./support/random.js";
import {
  eightSchools,
  gaussianTarget,
  logisticRegression,
  normalNormal,
  normalNormalEvidence,
  randomGaussian,
} from "./support/targets.js";

const normals = normalSource(1);

test("a start that is the mode already is no path: it begins elsewhere and comes back", () => {
  for (const n of [1, 2, 7]) {
    const identity = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) ? 0 : 1));
    const target = gaussianTarget(new Float64Array(n), identity, 0.5);
    for (const start of [undefined, new Float64Array(n)]) {
      const result = pathfinder(target, { normals, start });
      expect(result.status, result.message).toBe("converged");
      expect(Math.abs(result.elbo - 0.5)).toBeLessThan(0.05);
      expect(maxAbs(result.approximation!.mean)).toBeLessThan(0.05);
    }
    const result = multipath(target, { normals });
    expect(result.paths.every((path) => path.approximation)).toBe(true);
  }
});

test("the compact form is the BFGS matrix: the same covariance as applying the dense update pair by pair", () => {
  const n = 9;
  const random = randomSource(12);
  const { target } = randomGaussian(n, 3);
  for (const pairs of [1, 3, 4, 5, 7]) {
    // Any points with the gradients of a concave function will do: every pair then has positive curvature.
    const trajectory = new Trajectory(n);
    for (let l = 0; l <= pairs; l++) {
      const x = Float64Array.from({ length: n }, () => random.normal());
      const g = new Float64Array(n);
      target.logDensityGradient(x, g);
      trajectory.push(
        x,
        g.map((v) => -v),
        0,
      );
    }
    const factors = new PathFactors(trajectory, 8);
    for (let l = 1; l <= pairs; l++) factors.advance(l);
    expect(factors.pairs).toBe(pairs);
    const g = factors.gaussian(pairs)!;
    expect(g.kind).toBe(2 * pairs < n ? "lowRank" : "dense");
    // H <- (I - s y'/sy) H (I - y s'/sy) + s s'/sy from diag(alpha) of the last update.
    const alpha = (factors as unknown as { alpha: Float64Array }).alpha;
    let h = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? alpha[i / (n + 1)]! : 0));
    const step: number[] = [];
    for (let l = 1; l <= pairs; l++) {
      const s = Array.from(
        { length: n },
        (_, i) => trajectory.positions[l * n + i]! - trajectory.positions[(l - 1) * n + i]!,
      );
      const y = Array.from(
        { length: n },
        (_, i) => trajectory.gradients[l * n + i]! - trajectory.gradients[(l - 1) * n + i]!,
      );
      const sy = s.reduce((t, v, i) => t + v * y[i]!, 0);
      const hy = Array.from({ length: n }, (_, i) => y.reduce((t, v, j) => t + h[i * n + j]! * v, 0));
      const yhy = y.reduce((t, v, i) => t + v * hy[i]!, 0);
      h = h.map((v, at) => {
        const i = Math.floor(at / n);
        const j = at % n;
        return v - (s[i]! * hy[j]! + hy[i]! * s[j]!) / sy + (s[i]! * s[j]! * (1 + yhy / sy)) / sy;
      });
    }
    for (let i = 0; i < n; i++) {
      let v = trajectory.positions[pairs * n + i]!;
      for (let j = 0; j < n; j++) v -= h[i * n + j]! * trajectory.gradients[pairs * n + j]!;
      step.push(v);
    }
    const scale = Math.max(...h.map(Math.abs));
    gaussianCovariance(g).forEach((v, i) => {
      expect(Math.abs(v - h[i]!)).toBeLessThan(1e-9 * scale);
    });
    for (let i = 0; i < n; i++) expect(Math.abs(g.mean[i]! - step[i]!)).toBeLessThan(1e-8 * (1 + Math.abs(step[i]!)));
  }
});

test("pairs without positive curvature never enter the history", () => {
  const trajectory = new Trajectory(1);
  // A double well's hump: the slope falls along the second and third steps.
  for (const [x, g] of [
    [0, 1],
    [1, 2],
    [2, 1],
    [3, 1],
    [4, 3],
  ])
    trajectory.push(Float64Array.of(x!), Float64Array.of(g!), 0);
  const factors = new PathFactors(trajectory, 5);
  for (let l = 1; l < 5; l++) {
    factors.advance(l);
    const covariance = gaussianCovariance(factors.gaussian(l)!)[0]!;
    expect(covariance).toBeGreaterThan(0);
    expect(factors.pairs).toBe(l < 4 ? 1 : 2);
  }
  expect(factors.skippedPairs).toBe(2);
});

test("on a Gaussian, with a full history and an exact line search, mean and covariance are those of the target", () => {
  for (const n of [1, 2, 5, 10]) {
    const { target, mean, precision } = randomGaussian(n, 20 + n, -7.5);
    const result = pathfinder(target, { normals, memory: 3 * n, curvature: 1e-8, decrementTolerance: 1e-18 });
    expect(result.status).toBe("converged");
    const covariance = precision.slice();
    cholesky(covariance, n);
    const exact = choleskyInverse(covariance, n);
    const got = gaussianCovariance(result.approximation!);
    for (let i = 0; i < n; i++) {
      const sd = Math.sqrt(exact[i * n + i]!);
      expect(Math.abs(result.approximation!.mean[i]! - mean[i]!) / sd).toBeLessThan(1e-6);
      for (let j = 0; j < n; j++)
        expect(Math.abs(got[i * n + j]! - exact[i * n + j]!) / sd / Math.sqrt(exact[j * n + j]!)).toBeLessThan(1e-6);
    }
    expect(result.elbo).toBeCloseTo(-7.5, 6);
    expect(result.check!.psis.khat).toBeLessThan(0.5);
  }
});

test("the Normal-Normal model's evidence is the ELBO", () => {
  const result = pathfinder(normalNormal, { normals });
  expect(result.elbo).toBeCloseTo(normalNormalEvidence, 8);
  expect(result.gradients).toBeLessThan(60);
});

test("logistic regression gets a k-hat that allows correction, and the corrected means are Laplace's to Monte Carlo error", () => {
  const target = logisticRegression(200, 5, 4);
  const result = pathfinder(target, { normals });
  expect(result.check!.psis.khat).toBeLessThan(0.7);
  expect(result.path.points).toEqual(Array.from({ length: result.path.optimiser!.steps }, (_, i) => i + 1));
  expect(result.path.elbos.length).toBe(result.path.points.length);
  expect(result.path.best).toBeGreaterThan(0);
  expect(result.message).toMatch(/^Point \d+ of \d+ on the path has the best ELBO, -\d/);
});

test("of a long path only some points are judged, evenly spaced and with the last", () => {
  const result = pathfinder(eightSchools, { normals, judged: 5 });
  const { points, elbos, best, optimiser } = result.path;
  expect(points.length).toBeLessThanOrEqual(6);
  expect(points.at(-1)).toBe(optimiser!.steps);
  expect(new Set(points.slice(1).map((p, i) => p - points[i]!)).size).toBe(1);
  expect(Math.max(...elbos.map((e) => e.value))).toBe(elbos[points.indexOf(best)]!.value);
});

test("a density without a mode is still approximated, away from where it is unbounded", () => {
  // Two schools, centred, flat prior on log tau: the density grows without bound as tau -> 0.
  const target: Target = {
    dimension: 3,
    logDensityGradient(x, g) {
      const tau = Math.exp(x[2]!);
      let value = -tau / 5;
      g[2] = -tau / 5 + 0.02;
      value += 0.02 * x[2]!;
      for (let j = 0; j < 2; j++) {
        const z = x[j]! / tau;
        const e = x[j]! - (j === 0 ? 3 : -3);
        value -= 0.5 * z * z + x[2]! + 0.5 * e * e;
        g[j] = -z / tau - e;
        g[2]! += z * z - 1;
      }
      return value;
    },
  };
  const result = pathfinder(target, { normals, maxSteps: 100 });
  expect(result.approximation).toBeDefined();
  expect(Number.isFinite(result.elbo)).toBe(true);
});

/** 0.7 N(-s/2, 1) + 0.3 N(s/2, 1). */
const bimodal = (s: number): Target => ({
  dimension: 1,
  logDensityGradient(x, g) {
    const a = Math.log(0.7) - 0.5 * (x[0]! + s / 2) ** 2;
    const b = Math.log(0.3) - 0.5 * (x[0]! - s / 2) ** 2;
    const m = Math.max(a, b);
    const sum = Math.exp(a - m) + Math.exp(b - m);
    const p = Math.exp(a - m) / sum;
    g[0] = -p * (x[0]! + s / 2) - (1 - p) * (x[0]! - s / 2);
    return m + Math.log(sum) - 0.5 * Math.log(2 * Math.PI);
  },
});

test("mixture weights recover both masses of two modes where own-path weights fail", () => {
  // A13: 2 x 2,000 draws from N(-s/2, 0.95^2) and N(s/2, 0.95^2).
  const repeats = 60;
  const summary = (s: number, weights: "mixture" | "ownPath") => {
    let khat = 0;
    let ess = 0;
    const means: number[] = [];
    for (let r = 0; r < repeats; r++) {
      const components: Gaussian[] = [-s / 2, s / 2].map((m) => ({
        kind: "diagonal",
        mean: Float64Array.of(m),
        scale: Float64Array.of(0.95),
      }));
      const { approximation, check } = weighComponents(
        new Evaluator(bimodal(s)),
        components,
        2000,
        normals,
        weights,
        r,
      );
      khat += check.psis.khat / repeats;
      ess += check.psis.effectiveDraws / 4000 / repeats;
      means.push(approximation.points.reduce((t, x, i) => t + x * approximation.weights[i]!, 0));
    }
    const mean = means.reduce((t, v) => t + v, 0) / repeats;
    const sd = Math.sqrt(means.reduce((t, v) => t + (v - mean) ** 2, 0) / (repeats - 1));
    return { khat, ess, mean, sd };
  };
  // Recorded: k-hat 0.17 and 0.04, ESS 86.7 % and 85.8 %, E[x] -0.801 +- 0.018 and -1.200 +- 0.018.
  for (const [s, khat, ess] of [
    [4, 0.17, 0.867],
    [6, 0.04, 0.858],
  ] as const) {
    const mixture = summary(s, "mixture");
    expect(Math.abs(mixture.khat - khat)).toBeLessThan(0.05);
    expect(Math.abs(mixture.ess - ess)).toBeLessThan(0.01);
    expect(Math.abs(mixture.mean + 0.2 * s)).toBeLessThan((4 * mixture.sd) / Math.sqrt(repeats));
    expect(mixture.sd).toBeLessThan(0.025);
  }
  const own = summary(4, "ownPath");
  expect(own.khat).toBeGreaterThan(1.2);
  expect(own.ess).toBeLessThan(0.1);
});

test("several paths into one mode are weighted as one approximation, and report each path", () => {
  const { target, mean } = randomGaussian(4, 9, 2);
  const result = multipath(target, { normals, paths: 3, drawsPerPath: 400, memory: 8 });
  expect(result.status).toBe("converged");
  expect(result.paths.length).toBe(3);
  expect(result.pathWeights.reduce((t, v) => t + v, 0)).toBeCloseTo(1, 12);
  expect(Math.abs(result.check!.psis.logEvidence - 2)).toBeLessThan(4 * result.check!.psis.logEvidenceError + 1e-9);
  expect(result.elbo).toBeLessThanOrEqual(result.check!.psis.logEvidence + 1e-9);
  expect(result.approximation!.draws).toBe(1200);
  expect(mean.length).toBe(4);
});

test("paths that fail are reported and do not spoil the others", () => {
  const target: Target = {
    dimension: 1,
    logDensityGradient(x, g) {
      if (x[0]! <= 0) return Number.NaN;
      g[0] = 3 / x[0]! - 2;
      return 3 * Math.log(x[0]!) - 2 * x[0]!;
    },
  };
  const result = multipath(target, { normals, starts: [Float64Array.of(-1), Float64Array.of(0.4)], elboDraws: 2 });
  expect(result.paths.map((p) => p.approximation !== undefined)).toEqual([false, true]);
  expect(result.pathWeights[0]).toBe(0);
  expect(result.message).toMatch(/^1 of 2 paths gave a Gaussian, 1 failed/);
  const none = multipath(target, { normals, starts: [Float64Array.of(-1)] });
  expect(none).toMatchObject({ status: "diverged", approximation: undefined, elbo: -Infinity });
});

test("resampled draws have the weighted mean, with or without replacement", () => {
  const { approximation } = weighComponents(
    new Evaluator(gaussianTarget([0.5], [1])),
    [{ kind: "diagonal", mean: Float64Array.of(0), scale: Float64Array.of(1.2) }],
    4000,
    normals,
  );
  const mean = (x: Float64Array) => x.reduce((t, v) => t + v, 0) / x.length;
  expect(Math.abs(mean(resample(approximation, 4000, normals)) - 0.5)).toBeLessThan(0.08);
  const few = resample(approximation, 400, normals, { replacement: false });
  expect(new Set(few).size).toBe(400);
  expect(Math.abs(mean(few) - 0.5)).toBeLessThan(0.2);
});

test("eight schools, non-centred: a Gaussian cannot follow the tail of log tau, and k-hat says so", () => {
  // Posterior mean of mu by 10,000 reference draws: 4.41, standard deviation 3.31.
  for (let seed = 1; seed <= 5; seed++) {
    const result = multipath(eightSchools, { normals: normalSource(seed), paths: 4, drawsPerPath: 1000 });
    const { points, weights } = result.approximation!;
    let mu = 0;
    weights.forEach((w, i) => {
      mu += w * points[i * 10 + 8]!;
    });
    const trusted = result.check!.psis.khat <= 0.6;
    expect(Math.abs(mu - 4.41)).toBeLessThan(trusted ? 0.5 : 3.31);
    expect(result.message).toMatch(/k-hat/);
    for (const path of result.paths) expect(path.gradients).toBeLessThan(300);
  }
});

test("a cancelled path returns the best point judged so far, or none", () => {
  const result = pathfinder(eightSchools, { normals, signal: AbortSignal.abort() });
  expect(result.status).toBe("cancelled");
  const controller = new AbortController();
  let calls = 0;
  const target: Target = {
    dimension: 10,
    logDensityGradient(x, g) {
      if (++calls === 60) controller.abort();
      return eightSchools.logDensityGradient(x, g);
    },
  };
  const later = pathfinder(target, { normals, signal: controller.signal });
  expect(later.status).toBe("cancelled");
  expect(later.approximation).toBeDefined();
  expect(later.message).toMatch(/^Cancelled/);
});

test("misuse throws, naming the argument", () => {
  expect(() => pathfinder(normalNormal, {} as never)).toThrow("pathfinder.normals: expected a NormalSource");
  expect(() => multipath(normalNormal, { normals, weights: "own" as never })).toThrow(
    'multipath.weights: expected "mixture" | "ownPath"',
  );
  expect(() => multipath(normalNormal, { normals, paths: 0 })).toThrow("multipath.paths: expected");
});
