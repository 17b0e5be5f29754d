// The algorithms by name: what they are exact for, what they say of themselves, and how they are misused.

import { describe, expect, test } from "vitest";
import type { Target } from "../src/target.js";
import { type Algorithm, algorithms } from "../src/vi/algorithms.js";
import { type FitOptions, fitTarget, fitTargetSync } from "../src/vi/fit.js";
import { eightSchools, randomGaussian } from "./support/targets.js";

const others: readonly FitOptions[] = [
  ...algorithms.filter((a) => a !== "map").map((algorithm) => ({ algorithm })),
  { algorithm: "bam", family: "lowRank" },
  { algorithm: "advi", family: "lowRank" },
];
const nameOf = ({ algorithm, family }: FitOptions): string => (family ? `${algorithm} (${family})` : algorithm!);

describe("each algorithm by its name", () => {
  for (const chosen of others) {
    const { algorithm } = chosen;
    test(`${nameOf(chosen)} finds a correlated Gaussian, its evidence included`, () => {
      const { target, mean } = randomGaussian(5, 3, -2.5);
      const options: FitOptions = { ...chosen, seed: 4, ...(algorithm === "dadvi" && { family: "fullRank" }) };
      const fit = fitTargetSync(target, options);
      expect(fit.status, fit.message).toBe("converged");
      expect(fit.result.algorithm).toBe(algorithm);
      // The history of a path is no exact inverse Hessian.
      const inexact = algorithm === "pathfinder" || algorithm === "multipathPathfinder";
      expect(Math.abs(fit.elbo + 2.5)).toBeLessThan(inexact ? 0.2 : 1e-3);
      const summary = fit.summary();
      mean.forEach((m, i) => {
        const row = summary.rows[i]!;
        expect(Math.abs(row.mean - m) / row.sd).toBeLessThan(0.08);
      });
      // The density it reports is that of its draws.
      const ratios = fit.logRatios();
      expect(Math.abs(ratios.reduce((a, b) => a + b, 0) / ratios.length + 2.5)).toBeLessThan(inexact ? 0.2 : 0.02);
      expect(fit.gradients).toBeGreaterThan(0);
    });
  }

  // Means and standard deviations from the default fit with many draws, for which ELBO and log evidence agree to 0.02.
  const truth = fitTargetSync(eightSchools, { seed: 77, posteriorDraws: 100_000 });

  test("the default is right about eight schools: its ELBO is the log evidence", () => {
    expect(truth.status).toBe("converged");
    expect(truth.result.check!.psis.logEvidence - truth.elbo).toBeLessThan(0.1);
  });

  for (const chosen of others)
    test(`${nameOf(chosen)} is right about eight schools whenever it says that it converged`, () => {
      const reference = truth.summary().rows;
      for (let seed = 0; seed < 20; seed++) {
        const fit = fitTargetSync(eightSchools, { ...chosen, seed });
        expect(fit.message.length).toBeGreaterThan(20);
        if (fit.status !== "converged") continue;
        fit.summary().rows.forEach((row, i) => {
          const { mean, sd, name } = reference[i]!;
          expect(Math.abs(row.mean - mean) / sd, `seed ${seed}, mean of ${name}`).toBeLessThan(0.3);
          expect(Math.abs(row.sd / sd - 1), `seed ${seed}, sd of ${name}`).toBeLessThan(0.3);
        });
      }
    });

  test("map is the mode: every draw is it, and it has no uncertainty", () => {
    const { target, mean } = randomGaussian(4, 8, 0);
    const fit = fitTargetSync(target, { algorithm: "map" });
    expect(fit.status).toBe("converged");
    expect(fit.size).toBe(1);
    mean.forEach((m, i) => {
      expect(Math.abs(fit.draws(`theta[${i}]`)[0]! - m)).toBeLessThan(1e-5);
      expect(fit.sd(`theta[${i}]`)[0]).toBe(0);
    });
    expect(Number.isNaN(fit.khat)).toBe(true);
  });

  test("none is converged with a k-hat above its threshold: paths that were cut short, and too many dimensions for a short history", () => {
    const large = randomGaussian(200, 3, 0.5).target;
    let refused = 0;
    for (const algorithm of ["pathfinder", "multipathPathfinder", "dadvi"] as const)
      for (const fit of [
        fitTargetSync(eightSchools, { algorithm, maxSteps: 20 }),
        fitTargetSync(large, { algorithm, checkDraws: 500 }),
      ]) {
        const { khat, threshold } = fit.result.check!.psis;
        if (khat > threshold) {
          expect(fit.status).not.toBe("converged");
          refused++;
        }
      }
    expect(refused).toBeGreaterThan(0);
  });

  test("laplace gives the log evidence, exactly for a Gaussian", () => {
    const fit = fitTargetSync(randomGaussian(6, 2, 1.25).target, { algorithm: "laplace" });
    expect(fit.result.logEvidence).toBeCloseTo(1.25, 6);
  });

  test("several paths find both of two modes, and weigh them together", () => {
    // 0.7 N(-4, 1) + 0.3 N(4, 1), in the second of two coordinates.
    const target: Target = {
      dimension: 2,
      logDensityGradient(theta, gradient) {
        const x = theta[1]!;
        const a = Math.log(0.7) - 0.5 * (x + 4) ** 2;
        const b = Math.log(0.3) - 0.5 * (x - 4) ** 2;
        const m = Math.max(a, b);
        const log = m + Math.log(Math.exp(a - m) + Math.exp(b - m));
        gradient[0] = -theta[0]!;
        gradient[1] = -(x + 4) * Math.exp(a - log) - (x - 4) * Math.exp(b - log);
        return log - 0.5 * theta[0]! ** 2 - Math.log(2 * Math.PI);
      },
    };
    const seeds = Array.from({ length: 8 }, (_, seed) =>
      fitTargetSync(target, { algorithm: "multipathPathfinder", seed }),
    );
    const both = seeds.filter((f) => new Set(f.result.components!.map((g) => Math.sign(g.mean[1]!))).size === 2);
    expect(both.length).toBeGreaterThan(0);
    for (const fit of both) {
      const left = fit.mean((at) => Number((at("theta[1]") as number) < 0));
      expect(Math.abs(left.value - 0.7)).toBeLessThan(Math.max(0.03, 4 * left.error));
    }
  });

  test("all give the same bits for the same seed, asynchronously too", async () => {
    for (const algorithm of algorithms) {
      const options: FitOptions = { algorithm, seed: 9 };
      const a = fitTargetSync(eightSchools, options);
      const b = await fitTarget(eightSchools, options);
      expect(b.unconstrainedDraws()).toEqual(a.unconstrainedDraws());
      expect(b.elbo).toBe(a.elbo);
    }
  });

  test("an abort ends each with what it has", () => {
    for (const algorithm of algorithms) {
      const fit = fitTargetSync(eightSchools, { algorithm, signal: AbortSignal.abort() });
      expect(fit.status, algorithm).toBe("cancelled");
    }
  });
});

describe("misuse", () => {
  const target = eightSchools;

  test("an unknown name lists the known ones", () => {
    expect(() => fitTargetSync(target, { algorithm: "nuts" as Algorithm })).toThrow(
      /options\.algorithm: expected .*"laplace".*got "nuts"/,
    );
  });

  test("an option that means nothing to an algorithm is refused by name", () => {
    expect(() => fitTargetSync(target, { algorithm: "laplace", stepSize: 0.1 })).toThrow(
      /options\.stepSize: expected nothing with algorithm "laplace", got 0\.1/,
    );
    expect(() => fitTargetSync(target, { algorithm: "bam", init: new Array(10).fill(0) })).toThrow(/options\.init/);
    expect(() => fitTargetSync(target, { algorithm: "map", family: "fullRank" })).toThrow(/options\.family/);
  });

  test("a family that an algorithm cannot fit is refused with those it can", () => {
    expect(() => fitTargetSync(target, { algorithm: "dadvi", family: "lowRank" })).toThrow(
      'options.family: expected "meanField" or "fullRank" with algorithm "dadvi", got "lowRank"',
    );
    expect(() => fitTargetSync(target, { algorithm: "bam", family: "meanField" })).toThrow(/"fullRank" or "lowRank"/);
    expect(() => fitTargetSync(target, { algorithm: "bam", rank: 3 })).toThrow(
      'options.rank: expected nothing unless family is "lowRank", got 3',
    );
    expect(() => fitTargetSync(target, { algorithm: "bam", family: "lowRank", rank: 0 })).toThrow(/options\.rank/);
  });

  test("dadvi finds the same optimum by Newton-CG, and is resumed by that name", () => {
    for (let seed = 0; seed < 5; seed++) {
      const options: FitOptions = { algorithm: "dadvi", seed };
      const plain = fitTargetSync(eightSchools, options);
      const newton = fitTargetSync(eightSchools, { ...options, optimizer: "newtonCg" });
      // Both within 3e-4 nats of the optimum on the same draws.
      expect(Math.abs(newton.elbo - plain.elbo)).toBeLessThan(0.02);
    }
    const cut = fitTargetSync(eightSchools, { algorithm: "dadvi", optimizer: "newtonCg", maxSteps: 3 });
    expect(cut.status).toBe("maxSteps");
    expect(cut.record.options["optimizer"]).toBe("newtonCg");
    const whole = fitTargetSync(eightSchools, { algorithm: "dadvi", optimizer: "newtonCg", maxSteps: 400 });
    const resumed = fitTargetSync(eightSchools, { resume: cut, maxSteps: 400 });
    expect(resumed.unconstrainedDraws()).toEqual(whole.unconstrainedDraws());
    expect(() => fitTargetSync(eightSchools, { algorithm: "dadvi", optimizer: "adam" as "lbfgs" })).toThrow(
      'options.optimizer: expected "lbfgs" | "newtonCg", got "adam"',
    );
    expect(() => fitTargetSync(eightSchools, { algorithm: "advi", optimizer: "newtonCg" })).toThrow(
      "options.optimizer: expected an optimiser such as dowg()",
    );
  });
});
