// The stopping rule's promises, on synthetic traces at fixed seeds: false stops below 1 % for four families of noise, whatever the shape of
// the rise; a stall is found within 150 steps at the median.

import { describe, expect, test } from "vitest";
import { stallInit, stallStep } from "../src/vi/stopping.js";
import { type RandomSource, randomSource } from "./support/random.js";

type Noise = (random: RandomSource) => () => number;
/** Four families, each with long-run standard deviation 1. */
const families: Readonly<Record<string, Noise>> = {
  normal: (r) => () => r.normal(),
  "Student t with 3 degrees of freedom": (r) => () => {
    const chi = r.normal() ** 2 + r.normal() ** 2 + r.normal() ** 2;
    return r.normal() / Math.sqrt(chi / 3) / Math.sqrt(3);
  },
  "autoregressive (0.6)": (r) => {
    let x = 0;
    return () => {
      x = 0.6 * x + 0.4 * r.normal();
      return x;
    };
  },
  "skewed (minus exponential)": (r) => () => 1 + Math.log(1 - r.uniform()),
};

/**
 * Rises that never fall below 1.5 standard deviations per 100 steps while they are watched, and for how many steps they are: the slowest
 * for as many as a stage of a fit has at most.
 */
const rises: Readonly<Record<string, readonly [rise: (t: number) => number, steps: number]>> = {
  "slow and straight": [(t) => 0.015 * t, 3000],
  straight: [(t) => 0.1 * t, 800],
  "steep, then slow": [(t) => 200 * (1 - Math.exp(-t / 50)) + 0.015 * t, 800],
  "slowing down": [(t) => 40 * Math.log1p(t / 10), 800],
};
/** As in the fit (adam-stages.ts), where the trace is an ELBO in nats. */
const options = { tolerance: 0.01 };

describe.each(Object.keys(families))("with %s noise", (family) => {
  const noise = families[family]!;
  test.each(Object.keys(rises))("fewer than 10 of 1,000 traces that rise are stopped: %s", (rise) => {
    const [shape, steps] = rises[rise]!;
    let stopped = 0;
    for (let k = 0; k < 1000; k++) {
      const next = noise(randomSource(k));
      const state = stallInit(options);
      for (let t = 0; t < steps; t++)
        if (stallStep(state, shape(t) + next())) {
          stopped++;
          break;
        }
    }
    expect(stopped).toBeLessThan(10);
  });

  test.each([0.015, 0.1, 1])("the median delay after a rise of %d per step ends is below 150 steps", (slope) => {
    const delays: number[] = [];
    for (let k = 0; k < 1000; k++) {
      const next = noise(randomSource(5000 + k));
      const state = stallInit(options);
      let delay = Number.POSITIVE_INFINITY;
      for (let t = 0; t < 1500; t++)
        if (stallStep(state, slope * Math.min(t, 300) + next()) && t >= 300) {
          delay = t - 300;
          break;
        }
      delays.push(delay);
    }
    delays.sort((a, b) => a - b);
    expect(delays[500]).toBeLessThan(150);
    expect(delays[990]).toBeLessThan(400);
  });
});

test("a trace without noise stops only when it rises by less than the tolerance", () => {
  const stops = (slope: number, tolerance: number): boolean => {
    const state = stallInit({ tolerance });
    for (let t = 0; t < 500; t++) if (stallStep(state, slope * t)) return true;
    return false;
  };
  expect(stops(1e-3, 0.01)).toBe(false);
  expect(stops(1e-5, 0.01)).toBe(true);
  expect(stops(0, 0)).toBe(true);
  expect(stops(-1, 0)).toBe(true);
});

test("one wild value in a rising trace does not stop it", () => {
  const random = randomSource(3);
  const state = stallInit();
  for (let t = 0; t < 600; t++)
    expect(stallStep(state, 0.05 * t + 0.5 * random.normal() - (t === 300 ? 1e6 : 0)), `step ${t}`).toBe(false);
});
