// Scrambled Sobol draws behind gradient estimates (oracle A14): less noise than independent ones, no bias, the same bits however steps are
// divided, and every algorithm that understands them.

import { describe, expect, test } from "vitest";
import { finish } from "../src/optim/run.js";
import type { Target } from "../src/target.js";
import { AdviState } from "../src/vi/advi-state.js";
import { type FitOptions, fitTarget, fitTargetSync } from "../src/vi/fit.js";
import type { DenseGaussian } from "../src/vi/gaussian.js";
import { Session } from "../src/vi/session.js";
import { randomSource } from "./support/random.js";
import { eightSchools, randomGaussian } from "./support/targets.js";

/** Logistic regression on 30 rows with three coefficients, each N(0, 1) a priori. */
const logistic = ((): Target => {
  const random = randomSource(5);
  const rows = Array.from({ length: 30 }, () => ({
    x: [1, random.normal(), random.normal()],
    y: random.uniform() < 0.5 ? 0 : 1,
  }));
  return {
    dimension: 3,
    logDensityGradient(theta, gradient) {
      let value = 0;
      for (let i = 0; i < 3; i++) {
        value -= 0.5 * theta[i]! ** 2;
        gradient[i] = -theta[i]!;
      }
      for (const { x, y } of rows) {
        const eta = x.reduce((s, v, i) => s + v * theta[i]!, 0);
        value += y * eta - Math.log1p(Math.exp(eta));
        for (let i = 0; i < 3; i++) gradient[i] = gradient[i]! + x[i]! * (y - 1 / (1 + Math.exp(-eta)));
      }
      return value;
    },
  };
})();

type Sampling = "random" | "sobol";

/** Gradients of 200 steps at location 0 and scale 1: with the closed-form entropy, for location and log scale together. */
function gradients(sampling: Sampling, draws: number, steps = 200): { mean: number[]; variance: number[] } {
  const state = new AdviState(logistic, {
    family: "meanField",
    entropy: "closedForm",
    draws,
    seed: 11,
    stream: 1,
    sampling,
  });
  const rows: number[][] = [];
  for (let k = 0; k < steps; k++) {
    const { location, logScale } = state.gradient()!.gradient;
    rows.push([...location, ...logScale]);
    state.skip();
  }
  state.dispose();
  const mean = rows[0]!.map((_, i) => rows.reduce((s, r) => s + r[i]!, 0) / steps);
  const variance = mean.map((m, i) => rows.reduce((s, r) => s + (r[i]! - m) ** 2, 0) / (steps - 1));
  return { mean, variance };
}
const total = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);

describe("the noise of a gradient of mean-field ADVI", () => {
  // The oracle's ratios for its own model of three dimensions; ours has 14, 60, 286 and 1653. A variance over 200 scramblings is known to 10 %.
  for (const [draws, ratio] of [
    [16, 10],
    [64, 36],
    [256, 198],
    [1024, 784],
  ] as const)
    test(`${draws} Sobol draws have at most 1/${ratio} of the variance of independent ones`, () => {
      const iid = gradients("random", draws);
      const sobol = gradients("sobol", draws);
      expect(total(iid.variance) / total(sobol.variance)).toBeGreaterThan(ratio);
    });

  test("is without bias over scramblings", () => {
    const truth = gradients("sobol", 1024, 400);
    for (const draws of [1, 2, 6, 16]) {
      const few = gradients("sobol", draws, 2000);
      few.mean.forEach((m, i) => {
        expect(Math.abs(m - truth.mean[i]!)).toBeLessThan(4.5 * Math.sqrt(few.variance[i]! / 2000) + 1e-4);
      });
    }
  });
});

test("the batches of natural gradients go on in one scrambling: less noise in their means, none of it bias", () => {
  const q: DenseGaussian = {
    kind: "dense",
    mean: Float64Array.of(0.3, -0.2, 0.1),
    cholesky: Float64Array.of(0.6, 0, 0, 0.1, 0.5, 0, -0.1, 0.2, 0.7),
  };
  const spread = (sampling: Sampling, independent: boolean): { elbo: number; noise: number } => {
    const session = new Session(logistic, 3, sampling);
    const elbos = Array.from({ length: 100 }, (_, round) => {
      const name = { stream: 40, round, draws: 128, independent };
      return finish(session.batch(q, name, "test")).elbo;
    });
    session.dispose();
    const elbo = total(elbos) / 100;
    return { elbo, noise: total(elbos.map((e) => (e - elbo) ** 2)) / 99 };
  };
  const iid = spread("random", false);
  const sobol = spread("sobol", false);
  expect(Math.abs(sobol.elbo - iid.elbo)).toBeLessThan(4.5 * Math.sqrt((iid.noise + sobol.noise) / 100));
  // Pairs e, -e leave the even part alone, in 64 points.
  expect(iid.noise / sobol.noise).toBeGreaterThan(20);
  // What is judged by the spread of its draws stays independent.
  expect(spread("sobol", true)).toEqual(iid);
});

test("steps give the same bits however they are divided into runs", () => {
  const run = (parts: readonly number[]): Float64Array => {
    const settings = { family: "fullRank", entropy: "closedForm", draws: 4, seed: 2, stream: 7 } as const;
    const state = new AdviState(logistic, { ...settings, sampling: "sobol" });
    for (const steps of parts) state.run(steps);
    const { location } = state.parameters;
    state.dispose();
    return location;
  };
  expect(run([1, 2, 60, 37])).toEqual(run([100]));
});

const understood: readonly FitOptions[] = [
  {},
  { algorithm: "advi", family: "meanField" },
  { algorithm: "advi", family: "fullRank", warmUp: false },
  { algorithm: "advi", family: "lowRank", rank: 2, maxSteps: 30_000 },
  { algorithm: "dadvi" },
  { algorithm: "bam" },
  { algorithm: "bam", family: "lowRank", rank: 2 },
];

describe("fits by Sobol draws", () => {
  for (const options of understood)
    test(`${JSON.stringify(options)}: right about a Gaussian, and other numbers than by independent draws`, async () => {
      const { target, mean } = randomGaussian(5, 3, -2.5);
      const free = options.algorithm !== "dadvi" && options.family !== "meanField";
      const by = await fitTarget(target, { ...options, seed: 4, sampling: "sobol" });
      if (free) {
        expect(by.status, by.message).toBe("converged");
        // Two columns do not hold a covariance of five coordinates.
        expect(Math.abs(by.elbo + 2.5)).toBeLessThan(options.family === "lowRank" ? 0.05 : 2e-3);
      }
      mean.forEach((m, i) => {
        expect(Math.abs(by.mean(`theta[${i}]`)[0]! - m) / by.sd(`theta[${i}]`)[0]!).toBeLessThan(0.2);
      });
      const schools = { ...options, seed: 4, maxSteps: 2000 };
      const a = fitTargetSync(eightSchools, { ...schools, sampling: "sobol" });
      const b = fitTargetSync(eightSchools, { ...schools, sampling: "sobol" });
      expect(a.unconstrainedDraws()).toEqual(b.unconstrainedDraws());
      const random = fitTargetSync(eightSchools, schools);
      expect(a.unconstrainedDraws()).not.toEqual(random.unconstrainedDraws());
    });

  test("an interrupted one is resumed bit for bit, its sampling remembered", async () => {
    const options: FitOptions = { algorithm: "advi", family: "meanField", seed: 2, warmUp: false, sampling: "sobol" };
    const whole = await fitTarget(eightSchools, options);
    const abort = new AbortController();
    let calls = 0;
    const ending: Target = {
      ...eightSchools,
      logDensityGradient(theta, gradient) {
        if (++calls === 3000) abort.abort();
        return eightSchools.logDensityGradient(theta, gradient);
      },
    };
    const first = fitTargetSync(ending, { ...options, signal: abort.signal });
    expect(first.status).toBe("cancelled");
    const resumed = await fitTarget(eightSchools, { resume: first });
    expect(resumed.unconstrainedDraws()).toEqual(whole.unconstrainedDraws());
    expect(resumed.record.options["sampling"]).toBe("sobol");
  });

  test("misuse is named", async () => {
    const wide: Target = { dimension: 1020, logDensityGradient: () => 0 };
    await expect(fitTarget(wide, { sampling: "sobol", family: "lowRank" })).rejects.toThrow(
      'options.sampling: expected "random" where a draw has more than 1024 coordinates, here 1028, got "sobol"',
    );
    await expect(fitTarget(eightSchools, { algorithm: "laplace", sampling: "sobol" })).rejects.toThrow(
      'options.sampling: expected nothing with algorithm "laplace"',
    );
    await expect(fitTarget(eightSchools, { sampling: "halton" as "sobol" })).rejects.toThrow(
      "options.sampling: expected",
    );
  });
});
