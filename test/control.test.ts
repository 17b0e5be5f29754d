// How a fit ends before it is done: maxSteps bounds every kind of step, and an abort at any moment leaves the best state so far.

import { describe, expect, test } from "vitest";
import { adamW } from "../src/index.js";
import { algorithms } from "../src/vi/algorithms.js";
import { type Fit, type FitOptions, fitTarget, fitTargetSync } from "../src/vi/fit.js";
import { abortedAt, counting } from "./support/signals.js";
import { eightSchools, funnel, gaussianTarget, randomGaussian } from "./support/targets.js";

const finite = (values: Float64Array): boolean => values.every(Number.isFinite);

/** Everything that a fit says, by which two fits are told apart. */
const words = (fit: Fit) => [fit.status, fit.elbo, fit.khat, fit.gradients, ...fit.trace, ...fit.unconstrainedDraws()];

describe("maxSteps", () => {
  const limited: readonly FitOptions[] = [
    {},
    { algorithm: "advi" },
    { algorithm: "advi", family: "meanField" },
    { warmUp: false },
    { algorithm: "map" },
    { algorithm: "laplace" },
    { algorithm: "dadvi" },
    { algorithm: "bam" },
    { algorithm: "bam", family: "lowRank", rank: 4 },
  ];
  for (const options of limited)
    test(`is either enough, and then changes nothing, or the outcome: ${JSON.stringify(options)}`, () => {
      const given: FitOptions = { seed: 3, posteriorDraws: 20, ...options };
      // One that the families of all of them hold.
      const target = gaussianTarget([1, -2, 30, 0.4], [4, 0, 0, 0, 0, 0.3, 0, 0, 0, 0, 1e-2, 0, 0, 0, 0, 90]);
      const free = fitTargetSync(target, given);
      expect(free.status, free.message).toBe("converged");
      expect(fitTargetSync(target, { ...given, maxSteps: 1 }).status).toBe("maxSteps");
      let enough = 10_000;
      for (let low = 1; enough - low > 1; ) {
        const maxSteps = Math.floor((low + enough) / 2);
        const fit = fitTargetSync(target, { ...given, maxSteps });
        expect(fit.result.steps).toBeLessThanOrEqual(maxSteps);
        if (fit.status === "converged") enough = maxSteps;
        else {
          expect(fit.status, fit.message).toBe("maxSteps");
          expect(fit.message.length).toBeGreaterThan(20);
          expect(finite(fit.unconstrainedDraws())).toBe(true);
          low = maxSteps;
        }
      }
      // Natural gradients and L-BFGS need tens of steps for a Gaussian of four dimensions, Adam hundreds.
      expect(enough).toBeLessThan(options.warmUp === false ? 9_000 : 400);
    });

  test("bounds searches, nested Gaussians and their knots too", () => {
    const free = fitTargetSync(funnel, { seed: 1, posteriorDraws: 20 });
    expect(free.result.maps.length).toBeGreaterThan(0);
    for (const maxSteps of [1, 10, 100]) {
      const fit = fitTargetSync(funnel, { seed: 1, posteriorDraws: 20, maxSteps });
      expect(fit.status, `${maxSteps}`).toBe("maxSteps");
      expect(fit.message).toMatch(new RegExp(`maxSteps: ${maxSteps}`));
    }
    const enough = fitTargetSync(funnel, { seed: 1, posteriorDraws: 20, maxSteps: 9_999 });
    expect(words(enough)).toEqual(words(free));
  });

  test("bounds first-order methods and the search that they begin with", () => {
    for (const options of [{ family: "lowRank", rank: 3 }, { optimizer: adamW({ rate: 0.05 }) }] as const)
      for (const maxSteps of [1, 20, 100]) {
        const fit = fitTargetSync(eightSchools, { algorithm: "advi", ...options, maxSteps, posteriorDraws: 20 });
        expect(fit.status).toBe("maxSteps");
        expect(fit.result.steps).toBeLessThanOrEqual(maxSteps);
        expect(finite(fit.unconstrainedDraws())).toBe(true);
      }
  });

  test("a fit of many dimensions ends within it, choice of the rate included", () => {
    const { target } = randomGaussian(170, 2);
    for (const maxSteps of [1, 5, 50]) {
      const fit = fitTargetSync(target, { maxSteps, posteriorDraws: 10, checkDraws: 64 });
      expect(fit.status).toBe("maxSteps");
      expect(fit.result.steps).toBeLessThanOrEqual(maxSteps);
      expect(finite(fit.unconstrainedDraws())).toBe(true);
    }
  });
});

describe("an abort", () => {
  for (const algorithm of algorithms) {
    for (const [name, target] of [
      ["eight schools", eightSchools],
      ["a funnel", funnel],
    ] as const)
      test(`of ${algorithm} on ${name}, at any step, leaves a posterior that can be used`, () => {
        const { signal, asked } = counting();
        fitTargetSync(target, { algorithm, seed: 2, signal });
        const turns = asked();
        for (const k of [0, 1, 5, 50, turns >> 1, turns - 2]) {
          if (k >= turns - 1) continue;
          const fit = fitTargetSync(target, { algorithm, seed: 2, signal: abortedAt(k) });
          // How many turns Adam takes hangs on the clock: near the end it may have been done.
          if (k > 50 && fit.status !== "cancelled") continue;
          expect(fit.status, `${k}: ${fit.message}`).toBe("cancelled");
          expect(fit.message).toMatch(/[Cc]ancelled/);
          expect(fit.gradients).toBeGreaterThan(0);
          const draws = fit.unconstrainedDraws();
          expect(finite(draws), `${k}: ${fit.message}`).toBe(true);
          for (const row of fit.summary().rows) {
            expect(Number.isFinite(row.mean) && Number.isFinite(row.sd) && Number.isFinite(row.error)).toBe(true);
            expect(row.sd).toBeGreaterThanOrEqual(0);
          }
          expect(Number.isNaN(fit.elbo)).toBe(false);
          expect(finite(fit.trace.filter((e) => e !== Number.NEGATIVE_INFINITY))).toBe(true);
        }
      });
  }

  test("from the progress callback is heard at the next turn", async () => {
    for (const algorithm of ["auto", "advi", "dadvi"] as const) {
      const stop = new AbortController();
      // Slow enough for reports, which come every 50 ms.
      const slow = {
        dimension: eightSchools.dimension,
        logDensityGradient(theta: Float64Array, gradient: Float64Array): number {
          const until = performance.now() + 1;
          while (performance.now() < until);
          return eightSchools.logDensityGradient(theta, gradient);
        },
      };
      let reports = 0;
      const fit = await fitTarget(slow, {
        algorithm,
        checkDraws: 64,
        posteriorDraws: 20,
        correct: false,
        signal: stop.signal,
        onProgress: () => {
          reports++;
          stop.abort();
        },
      });
      // What is needed for an answer may take the time of another report.
      expect(reports).toBeLessThanOrEqual(3);
      expect(fit.status).toBe("cancelled");
      expect(finite(fit.unconstrainedDraws())).toBe(true);
    }
  });

  test("of a search for the mode gives Laplace's algorithm a Gaussian at the best point so far", () => {
    const { target, mean } = randomGaussian(3, 5);
    const value = (theta: Float64Array): number => target.logDensityGradient(theta, new Float64Array(3));
    let before = value(new Float64Array(3));
    for (const k of [0, 1, 2, 3]) {
      const fit = fitTargetSync(target, { algorithm: "laplace", signal: abortedAt(k) });
      expect(fit.status).toBe("cancelled");
      expect(fit.result.logEvidence).toBe(Number.NEGATIVE_INFINITY);
      const now = value(fit.result.approximation!.mean);
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
    expect(before).toBeLessThanOrEqual(value(mean));
  });
});

test("map keeps as many copies of the mode as it is asked for, one by default", () => {
  expect(fitTargetSync(eightSchools, { algorithm: "map" }).size).toBe(1);
  const fit = fitTargetSync(eightSchools, { algorithm: "map", posteriorDraws: 7 });
  expect(fit.size).toBe(7);
  const draws = fit.unconstrainedDraws();
  expect(draws.length).toBe(70);
  for (let d = 1; d < 7; d++) expect(draws.slice(10 * d, 10 * d + 10)).toEqual(draws.slice(0, 10));
});
