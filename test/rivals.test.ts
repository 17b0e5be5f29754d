// Other modes: what an algorithm by name makes of a posterior of which it has found a part.

import { describe, expect, test } from "vitest";
import type { Target } from "../src/target.js";
import { algorithms } from "../src/vi/algorithms.js";
import { type FitOptions, fitTargetSync } from "../src/vi/fit.js";
import { randomGaussian } from "./support/targets.js";

/** A share of N((3, 1), sd^2 I), and the rest N((-9, -3), I), normalised: a start at the origin leads to the former. */
function twoModes(share: number, sd = 1): Target {
  const parts = [
    { weight: Math.log(share), mean: [3, 1] as const, sd },
    { weight: Math.log1p(-share), mean: [-9, -3] as const, sd: 1 },
  ];
  return {
    dimension: 2,
    logDensityGradient([x, y]: Float64Array, gradient) {
      const logs = parts.map(
        ({ weight, mean, sd }) =>
          weight -
          0.5 * (((x! - mean[0]) / sd) ** 2 + ((y! - mean[1]) / sd) ** 2) -
          2 * Math.log(sd) -
          Math.log(2 * Math.PI),
      );
      const m = Math.max(...logs);
      const value = m + Math.log(logs.reduce((s, l) => s + Math.exp(l - m), 0));
      gradient.fill(0);
      parts.forEach(({ mean, sd }, k) => {
        const w = Math.exp(logs[k]! - value) / (sd * sd);
        gradient[0] = gradient[0]! + w * (mean[0] - x!);
        gradient[1] = gradient[1]! + w * (mean[1] - y!);
      });
      return value;
    },
  };
}

const named: readonly FitOptions[] = [
  { algorithm: "laplace" },
  { algorithm: "pathfinder" },
  { algorithm: "dadvi" },
  { algorithm: "dadvi", family: "fullRank" },
  { algorithm: "bam" },
  { algorithm: "bam", family: "lowRank" },
  { algorithm: "advi", family: "fullRank" },
  { algorithm: "advi", family: "meanField" },
  { algorithm: "advi", family: "lowRank", maxSteps: 40_000 },
];
const nameOf = ({ algorithm, family }: FitOptions): string => (family ? `${algorithm} (${family})` : algorithm!);
const seeds = [1, 2, 3, 4, 5];

describe("a mode with less of the mass is not the answer", () => {
  for (const chosen of named) {
    test(`${nameOf(chosen)} goes to the mode that has 99.9 % of it`, () => {
      const target = twoModes(0.001);
      let found = 0;
      for (const seed of seeds) {
        const fit = fitTargetSync(target, { ...chosen, seed });
        if (fit.mean("theta[0]")[0]! > 0) continue;
        found++;
        expect(Math.abs(fit.mean("theta[0]")[0]! + 9)).toBeLessThan(0.15);
        expect(Math.abs(fit.elbo - Math.log(0.999))).toBeLessThan(0.2);
      }
      // Six random directions in two dimensions: no certainty, but seldom missed.
      expect(found).toBeGreaterThanOrEqual(4);
    });

    test(`${nameOf(chosen)} is refused in one of two modes that share the mass`, () => {
      let refused = 0;
      for (const seed of seeds) {
        const fit = fitTargetSync(twoModes(0.4), { ...chosen, seed });
        if (fit.status === "rejected" && /another mode|Another mode/.test(fit.message)) refused++;
      }
      expect(refused).toBeGreaterThanOrEqual(4);
    });
  }

  test("a mode of one percent is not held against an answer", () => {
    for (const seed of seeds) {
      const fit = fitTargetSync(twoModes(0.99), { algorithm: "laplace", seed });
      expect(fit.status, fit.message).toBe("converged");
      expect(Math.abs(fit.mean("theta[0]")[0]! - 3)).toBeLessThan(0.1);
    }
  });

  test("map goes by height, not by mass: to a narrow mode of less mass", () => {
    // Density at the modes, over 2 pi: 0.4 / 0.5^2 = 1.6 against 0.6.
    const target = twoModes(0.4, 0.5);
    let high = 0;
    for (const seed of seeds) {
      const fit = fitTargetSync(target, { algorithm: "map", seed, init: [-8, -2] });
      expect(fit.status).toBe("converged");
      if (Math.abs(fit.mean("theta[0]")[0]! - 3) < 1e-3) {
        expect(fit.message).toMatch(/log density of -2\.3/);
        high++;
      }
    }
    expect(high).toBeGreaterThanOrEqual(3);
  });

  test("several paths are given one more, and share the mass as the modes do", () => {
    let both = 0;
    for (const seed of seeds) {
      const fit = fitTargetSync(twoModes(0.4), { algorithm: "multipathPathfinder", seed });
      const right = fit.mean((at) => Number((at("theta[0]") as number) > 0));
      const missed = new Set(fit.result.components!.map((g) => Math.sign(g.mean[0]!))).size < 2;
      if (missed) continue;
      both++;
      expect(Math.abs(right.value - 0.4)).toBeLessThan(Math.max(0.03, 4 * right.error));
    }
    expect(both).toBeGreaterThanOrEqual(4);
  });
});

test("where there is one mode, a search costs a bounded number of gradients and changes no answer", () => {
  const { target } = randomGaussian(5, 3, 0);
  let calls = 0;
  const counted: Target = {
    dimension: 5,
    logDensityGradient(theta, gradient) {
      calls++;
      return target.logDensityGradient(theta, gradient);
    },
  };
  const fit = fitTargetSync(counted, {
    algorithm: "laplace",
    seed: 1,
    checkDraws: 2048,
    posteriorDraws: 100,
    correct: false,
  });
  expect(fit.status).toBe("converged");
  // Six paths of a few steps in coordinates in which the target is standard normal.
  expect(fit.gradients).toBeLessThan(150);
  expect(calls - 2048).toBeLessThan(150);
});

test("steps that do not suffice for a search leave a fit unconverged", () => {
  const fit = fitTargetSync(twoModes(0.001), { algorithm: "laplace", seed: 1, maxSteps: 5 });
  expect(fit.status).toBe("maxSteps");
});

test("every algorithm by name answers for itself", () => {
  expect(new Set([...named.map((o) => o.algorithm), "map", "multipathPathfinder", "auto"])).toEqual(
    new Set(algorithms),
  );
});
