// Resuming: a fit that was ended at any turn and goes on is, bit for bit, the fit that was not ended.

import { describe, expect, test } from "vitest";
import { fit, halfCauchy, loadPosterior, model, normal, savePosterior } from "../src/index.js";
import { dog, dowg } from "../src/optim/first-order.js";
import type { Target } from "../src/target.js";
import { algorithms } from "../src/vi/algorithms.js";
import { type Fit, type FitOptions, fitTarget, fitTargetSync } from "../src/vi/fit.js";
import { abortedAt, abortedWhen, counting } from "./support/signals.js";
import { eightSchools, funnel, randomGaussian, turning } from "./support/targets.js";

/** Everything a fit says but for its progress. */
function words(fit: Fit) {
  const { result } = fit;
  return {
    outcome: fit.outcome,
    numbers: [fit.elbo, fit.elboStandardError, fit.khat, fit.gradients, result.steps, result.logEvidence],
    trace: fit.trace,
    draws: fit.unconstrainedDraws(),
    weights: fit.weights,
    summary: `${fit.summary()}`,
  };
}

/** Independent normals with scales from 0.1 to 10, more than natural gradients take. */
const many: Target = {
  dimension: 161,
  logDensityGradient(theta, gradient) {
    let value = 0;
    theta.forEach((x, i) => {
      const precision = 10 ** (i / 40 - 2);
      gradient[i] = -precision * (x - i);
      value += 0.5 * gradient[i]! * (x - i);
    });
    return value;
  },
};

/** A regression on batches of 8 of 40 rows. */
const batched = model(({ sample, observe, plate }) => {
  const rows = plate("row", 40, { subsample: 8 });
  const x = Array.from({ length: 40 }, (_, i) => i / 20 - 1);
  const slope = sample("slope", normal(0, 2));
  const scale = sample("scale", halfCauchy(1));
  observe("y", normal(slope.mul(rows.data(x)), scale), rows.data(x.map((v, i) => 2 * v + ((i * 7) % 5) / 5)));
});

const cases: readonly (readonly [string, Target, FitOptions])[] = [
  ...algorithms.map((algorithm) => [algorithm, eightSchools, { algorithm, seed: 5 }] as const),
  ["a funnel", funnel, { seed: 1 }],
  ["annealing", turning, { seed: 5 }],
  ["Adam", eightSchools, { warmUp: false, family: "fullRank", draws: 4, seed: 3 }],
  ["Adam from a start", eightSchools, { algorithm: "advi", family: "meanField", init: new Float64Array(10).fill(-0) }],
  ["low rank", eightSchools, { algorithm: "advi", family: "lowRank", rank: 3, seed: 2, maxSteps: 700 }],
  ["another optimiser", eightSchools, { algorithm: "advi", family: "meanField", optimizer: dowg(), maxSteps: 700 }],
  ["many dimensions", many, { seed: 2, checkDraws: 64, maxSteps: 600 }],
  ["minibatches", batched.compile(), { warmUp: false, family: "meanField", draws: 2, seed: 3, maxSteps: 900 }],
];

test("with an optimiser, which has to be given again", () => {
  const options = { algorithm: "advi", family: "meanField", seed: 2, posteriorDraws: 50 } as const;
  const wanted = words(fitTargetSync(eightSchools, { ...options, optimizer: dowg() }));
  const ended = fitTargetSync(eightSchools, { ...options, optimizer: dowg(), signal: abortedAt(5) });
  expect(words(fitTargetSync(eightSchools, { resume: ended, optimizer: dowg() }))).toEqual(wanted);
  expect(() => fitTargetSync(eightSchools, { resume: ended })).toThrow(
    "options.optimizer: expected the optimiser of the fit to resume, dowg, got undefined",
  );
  expect(() => fitTargetSync(eightSchools, { resume: ended, optimizer: dog() })).toThrow('got "dog"');
});

describe("a fit that was ended goes on as if it had not been", () => {
  for (const [name, target, given] of cases)
    test(name, { timeout: 60_000 }, () => {
      const options = { posteriorDraws: 100, ...given };
      const { signal, asked } = counting();
      const whole = fitTargetSync(target, { ...options, signal });
      const turns = asked();
      const wanted = words(whole);
      for (const k of [0, 1, 5, 50, turns >> 1, turns - 3]) {
        if (k >= turns - 1) continue;
        const ended = fitTargetSync(target, { ...options, signal: abortedAt(k) });
        // How many turns Adam takes hangs on the clock: another run can end before its turn comes.
        if (k >= turns >> 1 && ended.status !== "cancelled") {
          expect(words(ended)).toEqual(wanted);
          continue;
        }
        // How many turns Adam takes hangs on the clock: near the end it may have been done.
        if (k > 50 && ended.status !== "cancelled") continue;
        expect(ended.status).toBe("cancelled");
        const { optimizer } = options;
        expect(words(fitTargetSync(target, { resume: ended, optimizer }))).toEqual(wanted);
      }
    });

  test("and a climb by Adam is not made again: it goes on at the step where it was, in every phase", () => {
    let calls = 0;
    const seen = new Set<number>();
    const target: Target = {
      dimension: 10,
      logDensityGradient(theta, gradient) {
        calls++;
        return eightSchools.logDensityGradient(theta, gradient);
      },
    };
    for (const given of [
      { warmUp: false, family: "meanField", draws: 2, seed: 1, checkDraws: 64, posteriorDraws: 20 },
      { algorithm: "advi", family: "fullRank", draws: 2, seed: 4, checkDraws: 64, posteriorDraws: 20 },
      { warmUp: false, stepSize: 0.02, draws: 2, maxSteps: 900, checkDraws: 64, posteriorDraws: 20 },
    ] as const) {
      calls = 0;
      const wanted = words(fitTargetSync(target, { ...given, correct: false }));
      const whole = calls;
      let most = 0;
      let fit: Fit | undefined;
      for (let part = 1; part < 24; part++) {
        // Ended after a part of the evaluations; every other time it is a fit that goes on already.
        calls = 0;
        const signal = abortedWhen(() => calls >= (part % 2 ? (whole * part) / 24 : whole / 12));
        const resume: Fit | undefined = part % 2 ? undefined : fit;
        fit = fitTargetSync(target, resume ? { resume, signal } : { ...given, correct: false, signal });
        if (fit.status !== "cancelled") continue;
        const { adam } = fit.record.ended!;
        if (adam) seen.add(adam.numbers[1]!);
        calls = 0;
        expect(words(fitTargetSync(target, { resume: loadPosterior(savePosterior(fit)) }))).toEqual(wanted);
        // Spared are all steps of the climb until then, less the three points by which the target is known again.
        const steps = adam?.numbers[8] ?? 0;
        expect(whole - calls).toBeGreaterThanOrEqual(steps * given.draws - 3);
        most = Math.max(most, steps);
      }
      expect(most).toBeGreaterThan(200);
    }
    expect([...seen].sort()).toEqual([0, 1, 2]);
  });

  test("again and again, asynchronously, after reports to nobody", async () => {
    const wanted = words(fitTargetSync(eightSchools, { seed: 5 }));
    let fit = await fitTarget(eightSchools, { seed: 5, signal: abortedAt(3) });
    for (const k of [10, 4, 60, 200]) {
      fit = await fitTarget(eightSchools, { resume: fit, signal: abortedAt(k), onProgress: () => {} });
      expect(fit.status).toBe("cancelled");
    }
    expect(words(await fitTarget(eightSchools, { resume: fit }))).toEqual(wanted);
  });

  test("a fit that ran out of steps, with more of them", () => {
    const wanted = words(fitTargetSync(eightSchools, { seed: 4, maxSteps: 5000 }));
    const short = fitTargetSync(eightSchools, { seed: 4, maxSteps: 10 });
    expect(short.status).toBe("maxSteps");
    expect(words(fitTargetSync(eightSchools, { resume: short, maxSteps: 5000 }))).toEqual(wanted);
    expect(words(fitTargetSync(eightSchools, { resume: short }))).toEqual(words(short));
  });

  test("with other draws of the same approximation", () => {
    const ended = fitTargetSync(eightSchools, { seed: 4, signal: abortedAt(20), posteriorDraws: 50 });
    const fit = fitTargetSync(eightSchools, { resume: ended, posteriorDraws: 70, correct: false });
    expect(words(fit)).toEqual(words(fitTargetSync(eightSchools, { seed: 4, posteriorDraws: 70, correct: false })));
  });
});

const line = model(({ sample, observe, plate }, y: number[]) => {
  const rows = plate("row", y);
  const scale = sample("scale", halfCauchy(1));
  observe("y", normal(sample("mean", normal(0, 10)), scale), rows.data(y));
});

describe("what is refused", () => {
  test("other data, another model, another target", async () => {
    const ended = await fit(line, [1, 2, 4], { seed: 1, signal: abortedAt(4) });
    expect((await fit(line, [1, 2, 4], { resume: ended })).status).toBe("converged");
    await expect(fit(line, [1, 2, 4.000001], { resume: ended })).rejects.toThrow(
      /options\.resume: expected the model and data of the fit to resume, got others/,
    );
    const target = fitTargetSync(randomGaussian(2, 1).target, { signal: abortedAt(2) });
    expect(() => fitTargetSync(randomGaussian(2, 2).target, { resume: target })).toThrow(/the model and data/);
    expect(() => fitTargetSync(randomGaussian(3, 1).target, { resume: target })).toThrow(/the model and data/);
    ended.dispose();
  });

  test("a density that is the same at the points looked at and another where the fit goes", () => {
    let edge = Number.POSITIVE_INFINITY;
    const target: Target = {
      dimension: 1,
      logDensityGradient(theta, gradient) {
        const x = theta[0]! - 40;
        gradient[0] = -x;
        return -0.5 * x * x - (theta[0]! > edge ? 1 : 0);
      },
    };
    const ended = fitTargetSync(target, { signal: abortedAt(8) });
    edge = 20;
    expect(() => fitTargetSync(target, { resume: ended })).toThrow(/a run that departs from it/);
  });

  test("a fit that had come to its end, options that it has already, what is no fit", () => {
    const done = fitTargetSync(eightSchools, { seed: 1 });
    expect(() => fitTargetSync(eightSchools, { resume: done })).toThrow(
      /options\.resume: expected a fit that was cancelled or ran out of steps, got "converged"/,
    );
    const ended = fitTargetSync(eightSchools, { seed: 1, signal: abortedAt(1) });
    expect(() => fitTargetSync(eightSchools, { resume: ended, seed: 2 })).toThrow(
      /options\.seed: expected nothing beside resume, which has its own, got 2/,
    );
    expect(() => fitTargetSync(eightSchools, { resume: 3 as never })).toThrow(/options\.resume: expected a fit/);
    expect(() => fitTargetSync(eightSchools, null as never)).toThrow(/options: expected an object, got null/);
  });
});
