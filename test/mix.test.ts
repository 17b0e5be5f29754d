// The learned mix of closed-form entropy and sticking the landing: its weights, its variance beside those of the two, and that it is
// without bias. Learning is by steps of length zero, so that the parameters stay where they are.

import { describe, expect, test } from "vitest";
import type { Target } from "../src/target.js";
import { AdviState, type Entropy } from "../src/vi/advi-state.js";
import { type FamilyName, type Parameters, packStrict } from "../src/vi/families.js";
import { type FitOptions, fitTargetSync } from "../src/vi/fit.js";
import { eightSchools, normalNormal, randomGaussian } from "./support/targets.js";

const sd = Math.SQRT1_2;

interface Point {
  readonly target: Target;
  readonly family: FamilyName;
  readonly parameters: Parameters;
  readonly draws: number;
}

/** A1 at a location and a scale for all coordinates. */
function a1(location: readonly number[], scale: number, draws: number): Point {
  return {
    target: normalNormal,
    family: "meanField",
    draws,
    parameters: {
      location: Float64Array.from(location),
      logScale: new Float64Array(3).fill(Math.log(scale)),
      lower: new Float64Array(0),
    },
  };
}

const flat = (p: Parameters): number[] => [...p.location, ...p.logScale, ...p.lower];

/** Gradients and ELBOs of `steps` steps at one point, after `before` steps to learn from. */
function gradients({ target, family, parameters, draws }: Point, entropy: Entropy, steps = 4000, before = 500) {
  const state = new AdviState(target, { family, entropy, draws, seed: 8, stream: 2 });
  state.resetOptimizer(0);
  state.parameters = parameters;
  if (before > 0) state.run(before);
  const rows: number[][] = [];
  for (let k = 0; k < steps; k++) {
    const { gradient, elbo } = state.gradient()!;
    rows.push([...flat(gradient), elbo]);
    state.run(1);
  }
  state.dispose();
  const mean = rows[0]!.map((_, i) => rows.reduce((s, r) => s + r[i]!, 0) / steps);
  const variance = mean.map((m, i) => rows.reduce((s, r) => s + (r[i]! - m) ** 2, 0) / (steps - 1));
  return { mean, variance, rows };
}

describe("the learned mix", () => {
  test("at the optimum of A1 becomes sticking the landing, and its variance goes to zero, with one draw and with many", () => {
    for (const draws of [1, 2, 16]) {
      // What the weights owe to the first steps is forgotten by 3 % a step: 2e-7 after 500 of them.
      for (const [before, limit] of [
        [500, 1e-6],
        [2000, 1e-13],
      ] as const) {
        const { rows } = gradients(a1([0.5, 1, 1.5], sd, draws), "mixed", 200, before);
        for (const row of rows) for (const g of row.slice(0, 6)) expect(Math.abs(g)).toBeLessThan(limit);
      }
    }
  });

  test("at location 0 and scale 10 has no more variance than the better of the two and 5 %, in every parameter and the ELBO", () => {
    for (const draws of [1, 16]) {
      const point = a1([0, 0, 0], 10, draws);
      const closed = gradients(point, "closedForm");
      const stl = gradients(point, "stl");
      const mixed = gradients(point, "mixed");
      mixed.variance.forEach((v, i) => {
        expect(v, `parameter ${i}`).toBeLessThan(1.05 * Math.min(closed.variance[i]!, stl.variance[i]!));
      });
    }
  });

  test("of a posterior that is not Gaussian, too, in both families, and without bias", () => {
    const n = eightSchools.dimension;
    const factor = Float64Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? 0.8 : 0.05 * Math.sin(k)));
    for (const family of ["meanField", "fullRank"] as const) {
      const parameters: Parameters = {
        location: Float64Array.from({ length: n }, (_, i) => 0.3 * Math.cos(i)),
        logScale: new Float64Array(n).fill(Math.log(0.8)),
        lower: family === "fullRank" ? packStrict(factor, n) : new Float64Array(0),
      };
      const point: Point = { target: eightSchools, family, parameters, draws: 16 };
      const closed = gradients(point, "closedForm", 6000);
      const stl = gradients(point, "stl", 6000);
      const mixed = gradients(point, "mixed", 6000);
      mixed.mean.forEach((m, i) => {
        // The three see the same draws.
        const error = Math.sqrt((closed.variance[i]! + mixed.variance[i]!) / 6000);
        expect(Math.abs(m - closed.mean[i]!), `mean of parameter ${i}`).toBeLessThan(4.5 * error + 1e-12);
        const least = Math.min(closed.variance[i]!, stl.variance[i]!);
        // Two variances over 6,000 steps of correlated numbers are told apart to about 2 %.
        expect(mixed.variance[i]!, `variance of parameter ${i}`).toBeLessThan(1.07 * least + 1e-20);
      });
    }
  });

  test("is the closed form until it has learnt, and again after a new beginning", () => {
    const point = a1([0, 1, 2], 2, 4);
    const closed = gradients(point, "closedForm", 8, 0);
    const mixed = gradients(point, "mixed", 12, 0);
    expect(mixed.rows.slice(0, 8)).toEqual(closed.rows);
    expect(mixed.rows[10]).not.toEqual(gradients(point, "closedForm", 12, 0).rows[10]);
  });
});

describe("fits by the learned mix", () => {
  const options: readonly FitOptions[] = [
    { family: "meanField" },
    { family: "fullRank" },
    { family: "meanField", draws: 1 },
    { family: "fullRank", draws: 1, warmUp: false },
  ];
  for (const given of options)
    test(`${JSON.stringify(given)}: right about a Gaussian`, () => {
      const { target, mean } = randomGaussian(4, 3, -1.5);
      const fit = fitTargetSync(target, { algorithm: "advi", ...given, entropy: "mixed", seed: 3 });
      if (given.family === "fullRank") {
        expect(fit.status, fit.message).toBe("converged");
        expect(Math.abs(fit.elbo + 1.5)).toBeLessThan(2e-3);
      }
      mean.forEach((m, i) => {
        expect(Math.abs(fit.mean(`theta[${i}]`)[0]! - m) / fit.sd(`theta[${i}]`)[0]!).toBeLessThan(0.25);
      });
    });

  test("an interrupted one goes on bit for bit, its weights with it", () => {
    const given: FitOptions = { algorithm: "advi", family: "meanField", warmUp: false, entropy: "mixed", seed: 2 };
    const whole = fitTargetSync(eightSchools, given);
    const abort = new AbortController();
    let calls = 0;
    const ending: Target = {
      ...eightSchools,
      logDensityGradient(theta, gradient) {
        if (++calls === 6000) abort.abort();
        return eightSchools.logDensityGradient(theta, gradient);
      },
    };
    const first = fitTargetSync(ending, { ...given, signal: abort.signal });
    expect(first.status).toBe("cancelled");
    expect(fitTargetSync(eightSchools, { resume: first }).unconstrainedDraws()).toEqual(whole.unconstrainedDraws());
  });

  test("is not for optimisers of choice and low rank, which have no such state", () => {
    expect(() => fitTargetSync(eightSchools, { algorithm: "advi", family: "lowRank", entropy: "mixed" })).toThrow(
      "options.entropy: expected",
    );
  });
});
