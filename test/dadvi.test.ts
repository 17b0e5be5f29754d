// Fixed-draw ADVI against the closed forms that Gaussian targets allow, and its error statements against repetition.

import { expect, test } from "vitest";
import { cholesky, choleskyInverse } from "../src/linalg/cholesky.js";
import { maxAbs } from "../src/linalg/vector.js";
import { newtonCg } from "../src/optim/newton-cg.js";
import { finish } from "../src/optim/run.js";
import type { Target } from "../src/target.js";
import { type DadviOptions, dadvi, selfConcordantGap } from "../src/vi/dadvi.js";
import { FixedDrawObjective } from "../src/vi/dadvi-objective.js";
import { linearResponse, priorSensitivity } from "../src/vi/dadvi-response.js";
import { Evaluator } from "../src/vi/evaluate.js";
import { fixedDraws } from "../src/vi/fixed-draws.js";
import {
  type DenseGaussian,
  type DiagonalGaussian,
  gaussianCovariance,
  standardDeviations,
} from "../src/vi/gaussian.js";
import { normalSource, pointSource, randomSource } from "./support/random.js";
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
const points = pointSource(1);
const tight = { normals, targetError: Infinity, decrementTolerance: 1e-20, draws: 100 } as const;
const scales = (g: DiagonalGaussian | DenseGaussian | undefined): Float64Array => (g as DiagonalGaussian).scale;
const inverse = (a: Float64Array, n: number): Float64Array => {
  const l = a.slice();
  cholesky(l, n);
  return choleskyInverse(l, n);
};

test("on independent draws the optimum for a diagonal Gaussian is the closed form of the draws' moments", () => {
  const n = 4;
  const draws = 30;
  const mean = [1, -2, 0.5, 30];
  const precision = [1, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0.01, 0, 0, 0, 0, 100];
  const { normals: z } = fixedDraws("iid", draws, n, normals, undefined, 0);
  for (const optimiser of ["lbfgs", "newton"] as const) {
    const result = dadvi(gaussianTarget(mean, precision), { ...tight, drawKind: "iid", fixedDraws: draws, optimiser });
    expect(result.status).toBe("converged");
    for (let i = 0; i < n; i++) {
      let bar = 0;
      let square = 0;
      for (let d = 0; d < draws; d++) bar += z[d * n + i]! / draws;
      for (let d = 0; d < draws; d++) square += (z[d * n + i]! - bar) ** 2 / draws;
      const sigma = 1 / Math.sqrt(precision[i * 5]! * square);
      // A search that compares values stops at the root of their rounding; Newton's decrement does not.
      const tolerance = optimiser === "newton" ? 1e-8 : 1e-7;
      expect(Math.abs(scales(result.approximation)[i]! / sigma - 1)).toBeLessThan(tolerance);
      expect(Math.abs(result.approximation!.mean[i]! - (mean[i]! - sigma * bar)) / sigma).toBeLessThan(tolerance);
    }
  }
});

test("moment-matched draws make the Gaussian optimum exact, from two draws on for a diagonal one", () => {
  for (const count of [2, 3, 8, 32]) {
    const result = dadvi(gaussianTarget([3, -1], [4, 0, 0, 0.25]), { ...tight, fixedDraws: count });
    expect(maxAbs(result.approximation!.mean.map((v, i) => v - [3, -1][i]!))).toBeLessThan(1e-8);
    expect(maxAbs(scales(result.approximation).map((v, i) => v - [0.5, 2][i]!))).toBeLessThan(1e-8);
    expect(result.fixedElbo).toBeCloseTo(0, 10);
  }
});

test("the mean-field optimum of a correlated Gaussian has the conditional variances, and linear response the exact covariance", () => {
  // A3: rho = 0.9.
  const covariance = [1, 0.9, 0.9, 1];
  const target = gaussianTarget([1, 2], inverse(Float64Array.from(covariance), 2));
  const result = dadvi(target, tight);
  for (const s of scales(result.approximation)) expect(s).toBeCloseTo(0.4358898943540674, 9);
  expect(result.fixedElbo).toBeCloseTo(-0.8303656034108255, 9);
  const response = linearResponse(target, result)!;
  response.covariance.forEach((v, i) => {
    expect(v).toBeCloseTo(covariance[i]!, 6);
  });
  expect(response.decrement).toBeLessThan(1e-15);
  const { target: wide, precision, mean } = randomGaussian(8, 5, -3);
  const fit = dadvi(wide, tight);
  const exact = inverse(precision, 8);
  const lr = linearResponse(wide, fit)!;
  for (let i = 0; i < 8; i++) {
    expect(scales(fit.approximation)[i]! * Math.sqrt(precision[i * 9]!)).toBeCloseTo(1, 8);
    expect(Math.abs(fit.approximation!.mean[i]! - mean[i]!) / Math.sqrt(exact[i * 9]!)).toBeLessThan(1e-8);
    for (let j = 0; j < 8; j++)
      expect(
        Math.abs(lr.covariance[i * 8 + j]! - exact[i * 8 + j]!) / Math.sqrt(exact[i * 9]! * exact[j * 9]!),
      ).toBeLessThan(1e-6);
  }
});

test("full rank on matched draws is exact for every Gaussian, ELBO and evidence included", () => {
  for (const n of [1, 3, 10]) {
    const { target, mean, precision } = randomGaussian(n, 60 + n, 4.5);
    const result = dadvi(target, { normals, family: "fullRank", decrementTolerance: 1e-16 });
    expect(result.status).toBe("converged");
    const exact = inverse(precision, n);
    const got = gaussianCovariance(result.approximation!);
    for (let i = 0; i < n; i++) {
      const sd = Math.sqrt(exact[i * n + i]!);
      expect(Math.abs(result.approximation!.mean[i]! - mean[i]!) / sd).toBeLessThan(1e-7);
      for (let j = 0; j < n; j++)
        expect(Math.abs(got[i * n + j]! - exact[i * n + j]!) / sd / Math.sqrt(exact[j * n + j]!)).toBeLessThan(1e-7);
    }
    expect(result.elbo).toBeCloseTo(4.5, 9);
    expect(result.samplingError!.largest).toBeLessThan(1e-6);
  }
  const a1 = dadvi(normalNormal, { normals });
  expect(a1.elbo).toBeCloseTo(normalNormalEvidence, 10);
  expect(a1.gradients).toBeLessThan(150);
});

test("a full-rank fit on fewer than 2 (D + 1) draws is refused", () => {
  expect(() => dadvi(normalNormal, { normals, family: "fullRank", fixedDraws: 7 })).toThrow(
    "dadvi.fixedDraws: expected at least 2 (D + 1) = 8, as a full-rank fit can follow fewer draws anywhere, got 7",
  );
  expect(dadvi(normalNormal, { normals, family: "fullRank", fixedDraws: 8 }).status).toBe("converged");
});

test("the gradient and the Hessian products of the objective are derivatives, exact or by differences", () => {
  const { target, precision } = randomGaussian(3, 2);
  // A non-quadratic density with a known Hessian: the Gaussian minus a quartic in each coordinate.
  const quartic: Target = {
    dimension: 3,
    logDensityGradient(x, g) {
      let v = target.logDensityGradient(x, g);
      for (let i = 0; i < 3; i++) {
        v -= 0.02 * x[i]! ** 4;
        g[i]! -= 0.08 * x[i]! ** 3;
      }
      return v;
    },
  };
  const withProducts: Target = {
    ...quartic,
    hessianVector(x, v, out) {
      for (let i = 0; i < 3; i++) {
        out[i] = -0.24 * x[i]! ** 2 * v[i]!;
        for (let j = 0; j < 3; j++) out[i]! -= precision[i * 3 + j]! * v[j]!;
      }
    },
  };
  const base = {
    mean: Float64Array.of(0.3, -0.2, 0.1),
    root: Float64Array.of(0.5, 0, 0, 0.2, 0.7, 0, -0.1, 0.3, 0.4),
    scale: Float64Array.of(0.6, 0.8, 0.5),
  };
  const random = randomSource(9);
  for (const family of ["meanField", "fullRank"] as const) {
    const fixed = fixedDraws("iid", 12, 3, normals, undefined, 0);
    const exact = new FixedDrawObjective(new Evaluator(withProducts), family, fixed, base);
    const differences = new FixedDrawObjective(new Evaluator(quartic), family, fixed, base);
    const size = exact.dimension;
    const at = Float64Array.from({ length: size }, () => 0.3 * random.normal());
    const v = Float64Array.from({ length: size }, () => random.normal());
    const gradient = new Float64Array(size);
    const scratch = new Float64Array(size);
    exact.evaluate(at, gradient);
    for (let i = 0; i < size; i++) {
      const up = at.slice();
      const down = at.slice();
      up[i]! += 1e-5;
      down[i]! -= 1e-5;
      const slope = (exact.evaluate(up, scratch) - exact.evaluate(down, scratch)) / 2e-5;
      expect(Math.abs(slope - gradient[i]!)).toBeLessThan(1e-6 * (1 + Math.abs(slope)));
    }
    const a = new Float64Array(size);
    const b = new Float64Array(size);
    exact.hessianVector(at, v, a);
    differences.hessianVector(at, v, b);
    for (let i = 0; i < size; i++) expect(Math.abs(a[i]! - b[i]!)).toBeLessThan(1e-5 * (1 + Math.abs(a[i]!)));
    // The per-draw shares add up to the gradient.
    const shares = exact.perDraw(at);
    for (let i = 0; i < size; i++) {
      let s = 0;
      for (let d = 0; d < 12; d++) s += shares[d * size + i]! / 12;
      expect(s).toBeCloseTo(gradient[i]!, 10);
    }
    // Around another base nothing changes but the coordinates.
    const moved = exact.around(at, exact.rebased(at));
    const zero = new Float64Array(size);
    if (family === "meanField") expect(moved.evaluate(zero, scratch)).toBeCloseTo(exact.evaluate(at, gradient), 10);
  }
});

test("Newton-CG with the target's own products finds the optimum L-BFGS finds", () => {
  const target = logisticRegression(60, 3, 6);
  const products: Target = {
    ...target,
    hessianVector(theta, v, out) {
      // A step scaled to the direction, so that the product is linear in it to rounding.
      const h = 1e-4 / Math.hypot(...v);
      const plus = new Float64Array(3);
      const minus = new Float64Array(3);
      target.logDensityGradient(
        theta.map((t, i) => t + h * v[i]!),
        plus,
      );
      target.logDensityGradient(
        theta.map((t, i) => t - h * v[i]!),
        minus,
      );
      for (let i = 0; i < 3; i++) out[i] = (plus[i]! - minus[i]!) / (2 * h);
    },
  };
  for (const family of ["meanField", "fullRank"] as const) {
    const options: DadviOptions = { ...tight, family, decrementTolerance: 1e-14 };
    const newton = dadvi(products, options);
    const quasi = dadvi(target, options);
    expect(newton.status).toBe("converged");
    expect(newton.fixedElbo).toBeCloseTo(quasi.fixedElbo, 10);
    expect(maxAbs(newton.approximation!.mean.map((v, i) => v - quasi.approximation!.mean[i]!))).toBeLessThan(1e-6);
  }
});

test("trust-region Newton-CG minimises Rosenbrock's function, through negative curvature, and states its decrement", () => {
  const objective = {
    dimension: 2,
    evaluate(x: Float64Array, g: Float64Array) {
      const a = x[1]! - x[0]! ** 2;
      g[0] = -400 * a * x[0]! - 2 * (1 - x[0]!);
      g[1] = 200 * a;
      return 100 * a * a + (1 - x[0]!) ** 2;
    },
    hessianVector(x: Float64Array, v: Float64Array, out: Float64Array) {
      out[0] = (1200 * x[0]! ** 2 - 400 * x[1]! + 2) * v[0]! - 400 * x[0]! * v[1]!;
      out[1] = -400 * x[0]! * v[0]! + 200 * v[1]!;
    },
  };
  for (const start of [
    [-1.2, 1],
    [0, 2],
    [3, -3],
  ]) {
    const result = finish(newtonCg(objective, Float64Array.from(start)));
    expect(result.status).toBe("converged");
    expect(result.position[0]).toBeCloseTo(1, 4);
    expect(result.value).toBeLessThan(1e-9);
    expect(result.decrement).toBeLessThan(1e-10);
  }
});

test("the Newton decrement bounds the distance to the optimum that early stopping leaves", () => {
  const target = logisticRegression(40, 4, 8);
  for (const tolerance of [0.3, 0.03, 1e-3]) {
    for (let seed = 1; seed <= 5; seed++) {
      const options = {
        ...tight,
        normals: normalSource(seed),
        start: { kind: "diagonal", mean: new Float64Array(4), scale: new Float64Array(4).fill(0.3) },
      } as const;
      const early = dadvi(target, { ...options, decrementTolerance: tolerance, maxSteps: 1 });
      const late = dadvi(target, options);
      const gap = late.fixedElbo - early.fixedElbo;
      const response = linearResponse(target, early)!;
      expect(gap).toBeGreaterThanOrEqual(-1e-9);
      expect(gap).toBeLessThanOrEqual(response.gapBound + 1e-9);
    }
  }
  expect(selfConcordantGap(0)).toBeCloseTo(0, 15);
  expect(selfConcordantGap(0.005)).toBeGreaterThan(0.005);
  expect(selfConcordantGap(0.6)).toBe(Infinity);
});

test("over 500 sets of independent draws the stated error covers the error at its nominal rate", () => {
  const target = logisticRegression(20, 2, 3);
  const truth = dadvi(target, { ...tight, fixedDraws: 8192, decrementTolerance: 1e-12 }).approximation!;
  let inside = 0;
  let approximate = 0;
  const seeds = 500;
  for (let seed = 0; seed < seeds; seed++) {
    const result = dadvi(target, {
      ...tight,
      normals: normalSource(1000 + seed),
      drawKind: "iid",
      fixedDraws: 30,
      decrementTolerance: 1e-10,
      draws: 2,
      start: truth,
    });
    const exact = linearResponse(target, result)!.samplingError;
    for (let i = 0; i < 2; i++) {
      const errors = [
        (result.approximation!.mean[i]! - truth.mean[i]!) / exact.mean[i]!,
        Math.log(scales(result.approximation)[i]! / scales(truth)[i]!) / exact.logScale[i]!,
      ];
      for (const e of errors) if (Math.abs(e) < 1.96) inside++;
      if (Math.abs(result.approximation!.mean[i]! - truth.mean[i]!) < 1.96 * result.samplingError!.mean[i]!)
        approximate++;
    }
  }
  // 95 % nominal; 30 draws make the sandwich a little narrow. Four binomial standard errors of 2,000 are 2 %.
  expect(inside / (4 * seeds)).toBeGreaterThan(0.9);
  expect(inside / (4 * seeds)).toBeLessThan(0.97);
  expect(approximate / (2 * seeds)).toBeGreaterThan(0.9);
});

test("matched draws, and low-discrepancy ones more so, have errors that shrink faster than the root of their number", () => {
  const target = logisticRegression(20, 2, 3);
  const truth = dadvi(target, { ...tight, fixedDraws: 8192, decrementTolerance: 1e-12 }).approximation!;
  const rms = (drawKind: DadviOptions["drawKind"], count: number): number => {
    let total = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const result = dadvi(target, {
        ...tight,
        normals: normalSource(seed),
        points: pointSource(seed),
        drawKind,
        fixedDraws: count,
        decrementTolerance: 1e-10,
        draws: 2,
        start: truth,
      });
      for (let i = 0; i < 2; i++)
        total += ((result.approximation!.mean[i]! - truth.mean[i]!) / scales(truth)[i]!) ** 2 / 40;
    }
    return Math.sqrt(total);
  };
  const iid = rms("iid", 16);
  const matched = rms("matched", 16);
  const sobol = [16, 256].map((m) => rms("sobol", m));
  expect(matched).toBeLessThan(iid / 5);
  expect(sobol[0]! / sobol[1]!).toBeGreaterThan(6);
});

test("draws are doubled until the sampling error is small enough, and the stated error is of the right size", () => {
  const result = dadvi(eightSchools, { normals, targetError: 0.1, draws: 2000 });
  expect(result.status).toBe("converged");
  expect(result.samplingError!.largest).toBeLessThan(0.1);
  expect(result.rounds.length).toBeGreaterThan(1);
  expect(result.rounds.at(-1)!.fixedDraws).toBe(result.fixedDraws);
  // Reference draws: mu 4.41 (sd 3.31), theta_trans[1] 0.315 (sd 0.985).
  expect(Math.abs(result.approximation!.mean[8]! - 4.41)).toBeLessThan(0.3);
  expect(Math.abs(result.approximation!.mean[0]! - 0.315)).toBeLessThan(0.1);
  expect(Math.abs(standardDeviations(result.approximation!)[8]! / 3.31 - 1)).toBeLessThan(0.1);
  expect(result.check!.psis.khat).toBeLessThan(0.7);
  const capped = dadvi(banana(2), { normals, targetError: 1e-3, maxFixedDraws: 64 });
  expect(capped.fixedDraws).toBe(64);
  expect(capped.message).toMatch(/with more draws some mean or scale may still move/);
});

test("full rank beats mean field where there is correlation, at a few thousand gradients", () => {
  const target = logisticRegression(100, 5, 21);
  const mean = dadvi(target, { normals });
  const full = dadvi(target, { normals, family: "fullRank" });
  expect(full.elbo).toBeGreaterThan(mean.elbo);
  expect(full.check!.psis.khat).toBeLessThan(0.6);
  expect(full.gradients).toBeLessThan(1500);
});

test("sensitivity to a prior constant agrees with fitting again to 1e-4", () => {
  const withPrior = (sd: number): Target => {
    const likelihood = logisticRegression(40, 3, 10);
    return {
      dimension: 3,
      logDensityGradient(x, g) {
        let v = likelihood.logDensityGradient(x, g);
        for (let i = 0; i < 3; i++) {
          v += 0.5 * x[i]! ** 2 * (1 / 6.25 - 1 / sd ** 2);
          g[i]! += x[i]! * (1 / 6.25 - 1 / sd ** 2);
        }
        return v;
      },
    };
  };
  const h = 1e-3;
  for (const family of ["meanField", "fullRank"] as const) {
    const options: DadviOptions = { ...tight, family, fixedDraws: 32, decrementTolerance: 1e-22 };
    const fit = dadvi(withPrior(1), options);
    const sensitivity = priorSensitivity(withPrior(1), fit, withPrior(1 + h), withPrior(1 - h), 2 * h)!;
    const up = dadvi(withPrior(1 + h), options).approximation!;
    const down = dadvi(withPrior(1 - h), options).approximation!;
    for (let i = 0; i < 3; i++) {
      const refit = (up.mean[i]! - down.mean[i]!) / (2 * h);
      const logScale = Math.log(standardDeviations(up)[i]! / standardDeviations(down)[i]!) / (2 * h);
      expect(Math.abs(sensitivity.mean[i]! - refit)).toBeLessThan(1e-4);
      expect(Math.abs(sensitivity.logScale[i]! - logScale)).toBeLessThan(1e-4);
    }
  }
});

test("the target's batch member is used, and gives the same bits as single calls", () => {
  let batches = 0;
  const batched: Target = {
    ...eightSchools,
    logDensityGradientBatch(draws, thetas, gradients, values) {
      batches++;
      for (let d = 0; d < draws; d++)
        values[d] = eightSchools.logDensityGradient(
          thetas.subarray(10 * d, 10 * d + 10),
          gradients.subarray(10 * d, 10 * d + 10),
        );
    },
  };
  const a = dadvi(eightSchools, { normals, targetError: 1 });
  const b = dadvi(batched, { normals, targetError: 1 });
  expect(batches).toBeGreaterThan(0);
  expect(b.approximation).toEqual(a.approximation);
  expect(b.elbo).toBe(a.elbo);
});

test("a support that some draws leave narrows the start, and a density defined nowhere is an outcome", () => {
  const half: Target = {
    dimension: 1,
    logDensityGradient(x, g) {
      if (x[0]! <= -2) return Number.NaN;
      g[0] = -x[0]! + 0.5 / (x[0]! + 2);
      return -0.5 * x[0]! ** 2 + 0.5 * Math.log(x[0]! + 2);
    },
  };
  const start = { kind: "diagonal", mean: Float64Array.of(0), scale: Float64Array.of(50) } as const;
  const result = dadvi(half, { normals, start });
  expect(result.refused).toBeGreaterThan(0);
  expect(Number.isFinite(result.fixedElbo)).toBe(true);
  for (const v of [...result.approximation!.mean, ...scales(result.approximation), result.decrement])
    expect(v).not.toBeNaN();
  const nowhere = dadvi({ dimension: 2, logDensityGradient: () => Number.NaN }, { normals });
  expect(nowhere).toMatchObject({ status: "diverged", approximation: undefined, elbo: -Infinity });
  expect(nowhere.message).toMatch(/not finite/);
});

test("an aborted fit returns what it has", () => {
  const controller = new AbortController();
  let calls = 0;
  const target: Target = {
    dimension: 10,
    logDensityGradient(x, g) {
      if (++calls === 900) controller.abort();
      return eightSchools.logDensityGradient(x, g);
    },
  };
  const result = dadvi(target, { normals, signal: controller.signal });
  expect(result.status).toBe("cancelled");
  expect(result.approximation).toBeDefined();
  expect(result.message).toMatch(/^Cancelled/);
});

test("misuse throws, naming the argument", () => {
  expect(() => dadvi(normalNormal, {} as never)).toThrow("dadvi.normals: expected a NormalSource");
  expect(() => dadvi(normalNormal, { normals, drawKind: "sobol" })).toThrow("dadvi.points: expected a PointSource");
  expect(() => dadvi(normalNormal, { normals, family: "full" as never })).toThrow(
    'dadvi.family: expected "meanField" | "fullRank"',
  );
  expect(() => dadvi(normalNormal, { normals, targetError: 0 })).toThrow(
    "dadvi.targetError: expected a positive number",
  );
  expect(dadvi(normalNormal, { normals, points, drawKind: "matchedSobol" }).elbo).toBeCloseTo(normalNormalEvidence, 9);
});
