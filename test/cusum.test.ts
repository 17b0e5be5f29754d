// The CUSUM rule's two promises, on synthetic traces.

import { expect, test } from "vitest";
import { StoppingRule, stoppingPromise } from "../src/optim/stopping.js";
import { type RandomSource, randomSource } from "./support/random.js";

/** Noise of long-run standard deviation `sd`. */
const families: Record<string, { sd: number; make: (r: RandomSource) => () => number }> = {
  Gaussian: { sd: 1, make: (r) => r.normal },
  "Student t with 3 degrees": {
    sd: 1,
    make: (r) => () => {
      const chi = r.normal() ** 2 + r.normal() ** 2 + r.normal() ** 2;
      return r.normal() / Math.sqrt(chi);
    },
  },
  "skewed to the left": {
    sd: 1,
    make: (r) => () =>
      -(Math.exp(0.8 * r.normal()) - Math.exp(0.32)) / Math.sqrt((Math.exp(0.64) - 1) * Math.exp(0.64)),
  },
  "autocorrelated, 0.6": {
    sd: 2,
    make: (r) => {
      let x = r.normal();
      return () => {
        x = 0.6 * x + 0.8 * r.normal();
        return x;
      };
    },
  },
};

const names = Object.keys(families);

test.each(names)(
  "traces that still rise by 0.015 noise standard deviations per step are stopped within 2,000 steps in fewer than 1 of 100 cases: %s",
  (name) => {
    const { sd, make } = families[name]!;
    let stopped = 0;
    for (let i = 0; i < 1000; i++) {
      const random = randomSource(7 * i + 1);
      const noise = make(random);
      const rule = new StoppingRule();
      const slope = 0.015 * sd;
      const tau = 30 + 300 * random.uniform();
      const height = 10 ** (3 * random.uniform());
      // A straight line; an exponential approach to a line; a hyperbola whose slope at the end is the least allowed.
      const curve =
        i % 3 === 0
          ? (t: number) => slope * t
          : i % 3 === 1
            ? (t: number) => slope * t - height * Math.exp(-t / tau)
            : (t: number) => (-slope * 4 * 2000 ** 2) / (t + 2000);
      for (let t = 0; t < 2000; t++)
        if (rule.push(curve(t) + noise())) {
          stopped++;
          break;
        }
    }
    expect(stopped / 1000).toBeLessThan(stoppingPromise.falseStops);
  },
);

test.each(names)("stalled traces are stopped after a median of fewer than 150 steps: %s", (name) => {
  const { sd, make } = families[name]!;
  const delays: number[] = [];
  for (let i = 0; i < 1000; i++) {
    const random = randomSource(7 * i + 5);
    const noise = make(random);
    const rule = new StoppingRule();
    const stall = 300 + Math.floor(500 * random.uniform());
    let t = 0;
    while (t < 5000 && !rule.push((t < stall ? 0.2 * sd * (t - stall) : 0) + noise())) t++;
    delays.push(t - stall);
  }
  delays.sort((a, b) => a - b);
  expect(delays[500]!).toBeLessThan(stoppingPromise.medianDelay);
  expect(delays[0]!).toBeGreaterThan(-100);
  expect(delays.at(-1)!).toBeLessThan(2000);
});

test("the rule does not depend on the units of the objective", () => {
  const stop = (scale: number, offset: number): number => {
    const random = randomSource(3);
    const rule = new StoppingRule();
    for (let t = 0; ; t++) if (rule.push(offset + scale * (-100 * Math.exp(-t / 60) + random.normal()))) return t;
  };
  const plain = stop(1, 0);
  expect(stop(2 ** 20, 0)).toBe(plain);
  expect(stop(2 ** -20, 0)).toBe(plain);
  expect(Math.abs(stop(1, -5000) - plain)).toBeLessThan(8);
});

test("a noiseless trace stops when it no longer rises, or rises less than the tolerance", () => {
  const steps = (f: (t: number) => number, tolerance = 0): number => {
    const rule = new StoppingRule({ tolerance });
    for (let t = 0; t < 20_000; t++) if (rule.push(f(t))) return t;
    return Infinity;
  };
  expect(steps((t) => Math.min(t, 400) - 400)).toBeLessThan(700);
  expect(steps((t) => 1e-3 * t)).toBe(Infinity);
  expect(steps((t) => 1e-6 * t, 1e-3)).toBeLessThan(500);
  expect(steps(() => -7)).toBeLessThan(500);
});

test("values that are not finite are counted and left out", () => {
  const random = randomSource(1);
  const rule = new StoppingRule();
  for (let t = 0; t < 400; t++) rule.push(t % 10 === 0 ? Number.NaN : t % 25 === 0 ? -Infinity : random.normal());
  const report = rule.report();
  expect(report.refused).toBe(48);
  expect(report.steps).toBe(352);
  for (const v of [report.noise, report.rise, report.statistic]) expect(v).not.toBeNaN();
  expect(Math.abs(report.noise - 1)).toBeLessThan(0.6);
});
