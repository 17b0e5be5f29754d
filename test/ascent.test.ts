// ADVI by a first-order optimiser and in the low-rank family: unbiased gradients, exact families, optimisers without a rate, and what is
// said of steps that are not finite.

import { describe, expect, test } from "vitest";
import { adamW, dog, dowg, fit, model, normal, powerSchedule, sgd } from "../src/index.js";
import type { Target } from "../src/target.js";
import { AscentFamily } from "../src/vi/ascent-families.js";
import { checkEstimator } from "../src/vi/check-gradient.js";
import { fitFamilies } from "../src/vi/families.js";
import { type FitOptions, fitTargetSync } from "../src/vi/fit.js";
import { gaussianCovariance, gaussianLogDensity, standardDeviations } from "../src/vi/gaussian.js";
import { randomSource } from "./support/random.js";
import { factorTarget, logisticRegression, normalNormal, randomGaussian } from "./support/targets.js";

const base = {
  kind: "diagonal",
  mean: Float64Array.of(0.3, -0.1, 0.2, 0.5),
  scale: Float64Array.of(0.5, 2, 1, 0.7),
} as const;
/** Parameters of a family that are nothing special. */
const somewhere = (family: AscentFamily): Float64Array => {
  const random = randomSource(4);
  return Float64Array.from({ length: family.size }, (_, i) => 0.4 * random.normal() + (i < 8 ? 0 : 0.1));
};

describe("the families", () => {
  const target = logisticRegression(30, 4, 1);

  for (const name of fitFamilies)
    test(`${name}: the gradient of the ELBO is unbiased, with the entropy in closed form and by sticking the landing`, () => {
      for (const entropy of ["closedForm", "stl"] as const) {
        const family = new AscentFamily(name, base, entropy, 2);
        const theta = new Float64Array(4);
        const slope = new Float64Array(4);
        const result = checkEstimator(
          {
            parameters: somewhere(family),
            normals: family.normals,
            objective(p, z) {
              family.at(p);
              family.point(p, z, 0, theta);
              return target.logDensityGradient(theta, slope) - family.logDensity(p, z, 0);
            },
            estimate(p, z, gradient) {
              family.at(p);
              family.point(p, z, 0, theta);
              target.logDensityGradient(theta, slope);
              gradient.fill(0);
              family.add(p, z, 0, slope, 1, gradient);
              family.addEntropy(gradient);
              for (let i = 0; i < gradient.length; i++) gradient[i] = -gradient[i]!;
            },
          },
          { repeats: 2000 },
        );
        expect(result.ok, `${entropy}: ${result.message}`).toBe(true);
      }
    });

  for (const name of fitFamilies)
    test(`${name}: draws have the density and the covariance of the Gaussian that is handed on`, () => {
      const family = new AscentFamily(name, base, "stl", 2);
      const p = somewhere(family);
      const g = family.gaussian(p)!;
      expect(g.kind).toBe({ meanField: "diagonal", fullRank: "dense", lowRank: "lowRank" }[name]);
      const random = randomSource(1);
      const draws = 20_000;
      const points = new Float64Array(draws * 4);
      const densities = new Float64Array(draws);
      const z = new Float64Array(family.normals);
      for (let d = 0; d < draws; d++) {
        for (let i = 0; i < z.length; i++) z[i] = random.normal();
        family.point(p, z, 0, points.subarray(4 * d, 4 * d + 4));
        densities[d] = family.logDensity(p, z, 0);
      }
      const expected = new Float64Array(draws);
      gaussianLogDensity(g, draws, points, expected);
      for (let d = 0; d < 100; d++) expect(densities[d]).toBeCloseTo(expected[d]!, 10);
      const covariance = gaussianCovariance(g);
      for (let i = 0; i < 4; i++)
        for (let j = 0; j < 4; j++) {
          let s = 0;
          for (let d = 0; d < draws; d++)
            s += ((points[4 * d + i]! - g.mean[i]!) * (points[4 * d + j]! - g.mean[j]!)) / draws;
          // Five standard errors of an empirical covariance.
          const error = 5 * Math.sqrt((2 * covariance[5 * i]! * covariance[5 * j]!) / draws);
          expect(Math.abs(s - covariance[4 * i + j]!)).toBeLessThan(error);
        }
    });
});

describe("the low-rank family by name", () => {
  test("a factor model is fitted: the divergence goes to zero", () => {
    const { target, mean, variance } = factorTarget(30, 2, 5);
    const result = fitTargetSync(target, { algorithm: "advi", family: "lowRank", rank: 2, seed: 1 });
    expect(result.status, result.message).toBe("converged");
    expect(result.result.family).toBe("lowRank");
    // The target is normalised: the ELBO is minus the divergence.
    expect(Math.abs(result.elbo)).toBeLessThan(1e-3);
    const q = result.result.approximation!;
    const sd = standardDeviations(q);
    for (let i = 0; i < 30; i++) {
      expect(Math.abs(q.mean[i]! - mean[i]!) / sd[i]!).toBeLessThan(0.02);
      expect(sd[i]! ** 2 / variance(i)).toBeCloseTo(1, 1);
    }
    expect(result.khat).toBeLessThan(0.7);
  });

  test("a rank that is too small is rejected by the final check, not called right", () => {
    const { target } = factorTarget(30, 6, 4);
    const result = fitTargetSync(target, { algorithm: "advi", family: "lowRank", rank: 1, seed: 1 });
    expect(result.status).toBe("rejected");
    expect(result.message).toMatch(/misses part of the posterior|must not be believed/);
  });

  test("2,000 coordinates are no obstacle", () => {
    const { target } = factorTarget(2000, 3, 1);
    const at = (maxSteps: number) =>
      fitTargetSync(target, { algorithm: "advi", family: "lowRank", maxSteps, checkDraws: 100, posteriorDraws: 10 });
    const short = at(3);
    expect(short.status).toBe("maxSteps");
    expect(at(60).elbo).toBeGreaterThan(short.elbo);
  });
});

describe("a fit by an optimiser of choice", () => {
  const { target, mean } = randomGaussian(5, 3, -2.5);

  for (const [name, optimizer, divergence] of [
    ["sgd", sgd({ rate: 0.02 }), 0.01],
    ["adamW", adamW({ rate: 0.02 }), 0.01],
    ["dog", dog(), 0.08],
    ["dowg", dowg(), 0.03],
  ] as const)
    test(`${name} finds a correlated Gaussian and its evidence, with the same bits for the same seed`, () => {
      const options: FitOptions = { algorithm: "advi", optimizer, seed: 3 };
      const result = fitTargetSync(target, options);
      expect(result.status, result.message).toBe("converged");
      expect(result.message).toContain(name);
      expect(result.elbo + 2.5).toBeGreaterThan(-divergence);
      expect(result.elbo + 2.5).toBeLessThan(1e-3);
      const rows = result.summary().rows;
      mean.forEach((m, i) => {
        expect(Math.abs(rows[i]!.mean - m) / rows[i]!.sd).toBeLessThan(0.06 + Math.sqrt(divergence));
      });
      expect(result.trace.length).toBe(result.result.steps);
      expect(fitTargetSync(target, options).elbo).toBe(result.elbo);
    });

  test("the proximal step finds the scales of the closed form, from far below", () => {
    const start = { init: [1, 1, 1], warmUp: false, family: "meanField", algorithm: "advi", seed: 2 } as const;
    const result = fitTargetSync(normalNormal, {
      ...start,
      entropy: "proximal",
      optimizer: sgd({ rate: 0.05, momentum: 0 }),
    });
    expect(result.status, result.message).toBe("converged");
    const q = result.result.approximation!;
    standardDeviations(q).forEach((s, i) => {
      expect(Math.abs(s / Math.SQRT1_2 - 1)).toBeLessThan(0.05);
      expect(Math.abs(q.mean[i]! - (i + 1) / 2)).toBeLessThan(0.05);
    });
  });

  test("a subsampled model is climbed by its batches", async () => {
    const means = model(({ sample, observe, plate }, y: number[]) => {
      const rows = plate("row", y, { subsample: 10 });
      observe("y", normal(sample("mean", normal(0, 10)), 1), rows.data(y));
    });
    const y = Array.from({ length: 100 }, (_, i) => 2 + Math.sin(i));
    const precision = 100 + 0.01;
    const truth = y.reduce((a, b) => a + b) / precision;
    const posterior = await fit(means, y, {
      algorithm: "advi",
      optimizer: sgd({ rate: 0.05, momentum: 0, schedule: powerSchedule(0.75, 50) }),
      seed: 1,
    });
    expect(Math.abs(posterior.result.approximation!.mean[0]! - truth) * Math.sqrt(precision)).toBeLessThan(0.2);
  });

  test("steps that are not finite are left out, counted and named", () => {
    let calls = 0;
    const holes: Target = {
      dimension: 2,
      logDensityGradient(x, g) {
        g[0] = -x[0]!;
        g[1] = -x[1]!;
        return ++calls > 200 && calls % 97 === 0 ? Number.NaN : -0.5 * (x[0]! ** 2 + x[1]! ** 2);
      },
      blame: () => ["hole"],
    };
    const result = fitTargetSync(holes, { algorithm: "advi", optimizer: dowg(), seed: 1, checkDraws: 64 });
    expect(result.result.refused).toBeGreaterThan(5);
    expect(result.message).toContain(`${result.result.refused} steps were not finite at "hole" and left out`);
    expect(result.result.blamed.get("hole")).toBe(result.result.refused);
    const nowhere = fitTargetSync(
      { dimension: 1, logDensityGradient: () => Number.NaN },
      { algorithm: "advi", optimizer: dog() },
    );
    expect(nowhere.status).toBe("diverged");
  });

  test("an abort ends it with what it has", () => {
    const result = fitTargetSync(target, { algorithm: "advi", optimizer: dowg(), signal: AbortSignal.abort() });
    expect(result.status).toBe("cancelled");
  });

  test("misuse throws, naming the option", () => {
    const optimizer = dowg();
    expect(() => fitTargetSync(target, { algorithm: "bam", optimizer })).toThrow("options.optimizer: expected nothing");
    expect(() => fitTargetSync(target, { optimizer: "adam" as never })).toThrow(
      "options.optimizer: expected an optimiser",
    );
    expect(() => fitTargetSync(target, { optimizer, stepSize: 0.1 })).toThrow("options.stepSize: expected nothing");
    expect(() => fitTargetSync(target, { entropy: "proximal" })).toThrow("options.entropy");
    expect(() => fitTargetSync(target, { entropy: "proximal", optimizer: adamW({ rate: 0.1 }) })).toThrow("one rate");
    expect(() => fitTargetSync(target, { entropy: "proximal", optimizer, family: "lowRank" })).toThrow("low rank");
  });
});
