// First-order optimisers, schedules, clipping and averages.

import { expect, test } from "vitest";
import { maxAbs, norm } from "../src/linalg/vector.js";
import { polynomialAverage, proximalScale, tailAverage } from "../src/optim/averaging.js";
import { adamW, decayedAdagrad, dog, dowg, type FirstOrder, rmsProp, sgd } from "../src/optim/first-order.js";
import {
  clipGlobalNorm,
  constantSchedule,
  cosineSchedule,
  exponentialSchedule,
  linearSchedule,
  powerSchedule,
  warmup,
} from "../src/optim/schedules.js";
import { randomSource } from "./support/random.js";

type Problem = { start: Float64Array; gradient(x: Float64Array, g: Float64Array): number };

/** Value of the best iterate after `steps`. */
const run = (optimiser: FirstOrder, problem: Problem, steps: number): number => {
  const state = optimiser.init(problem.start);
  const g = new Float64Array(problem.start.length);
  let best = Infinity;
  for (let t = 0; t < steps; t++) {
    best = Math.min(best, problem.gradient(state.position, g));
    optimiser.step(state, g);
  }
  return best;
};

const absolute: Problem = {
  start: Float64Array.of(0),
  gradient(x, g) {
    g[0] = Math.sign(x[0]! - 5);
    return Math.abs(x[0]! - 5);
  },
};
const quadratic: Problem = {
  start: new Float64Array(100),
  gradient(x, g) {
    let f = 0;
    for (let i = 0; i < 100; i++) {
      const a = 0.1 + (0.9 * i) / 99;
      g[i] = a * (x[i]! - 1);
      f += 0.5 * a * (x[i]! - 1) ** 2;
    }
    return f;
  },
};

const everyMethod = (): FirstOrder[] => [
  sgd({ rate: 0.05 }),
  sgd({ rate: 0.05, nesterov: false }),
  sgd({ rate: 0.2, momentum: 0 }),
  rmsProp({ rate: 0.01 }),
  adamW({ rate: 0.02 }),
  decayedAdagrad({ rate: 0.03 }),
  dog(),
  dowg(),
];

test("each optimiser finds the minimum of a quadratic", () => {
  for (const optimiser of everyMethod()) expect(run(optimiser, quadratic, 2000), optimiser.name).toBeLessThan(0.05);
});

test("parameter-free DoWG ends within a factor two of gradient descent at its best rate, on |x - 5| and a noisy 100-d quadratic", () => {
  // Excess value of the averaged iterate after 1,000 steps, the best of twelve rates for gradient descent.
  const excess = (make: () => FirstOrder, problem: Problem, noise: number): number => {
    let total = 0;
    for (let seed = 0; seed < 4; seed++) {
      const random = randomSource(seed);
      const optimiser = make();
      const state = optimiser.init(problem.start);
      const average = polynomialAverage(problem.start.length, 8);
      const g = new Float64Array(problem.start.length);
      for (let t = 0; t < 1000; t++) {
        problem.gradient(state.position, g);
        if (noise > 0) for (let i = 0; i < g.length; i++) g[i]! += noise * random.normal();
        optimiser.step(state, g);
        average.push(state.position);
      }
      total += problem.gradient(average.value, g) / 4;
    }
    return total;
  };
  for (const [problem, noise] of [
    [absolute, 0],
    [quadratic, 1],
  ] as const) {
    let tuned = Infinity;
    for (let k = 0; k < 12; k++)
      tuned = Math.min(
        tuned,
        excess(() => sgd({ rate: 1.9 * 2 ** -k, momentum: 0 }), problem, noise),
      );
    expect(excess(() => dowg(), problem, noise)).toBeLessThan(2 * tuned);
  }
  expect(excess(() => dog(), quadratic, 1)).toBeLessThan(0.5);
});

test("Adam's first steps are those of the published update", () => {
  // Kingma & Ba, algorithm 1, by hand: with one gradient the step is rate * g / (|g| + epsilon).
  const optimiser = adamW({ rate: 0.1 });
  const state = optimiser.init(Float64Array.of(1, 1));
  optimiser.step(state, Float64Array.of(4, -0.25));
  expect(state.position[0]).toBeCloseTo(1 - 0.1, 8);
  expect(state.position[1]).toBeCloseTo(1 + 0.1, 7);
  optimiser.step(state, Float64Array.of(2, -0.25));
  const m = (0.9 * 0.1 * 4 + 0.1 * 2) / (1 - 0.81);
  const v = (0.999 * 0.001 * 16 + 0.001 * 4) / (1 - 0.999 ** 2);
  expect(state.position[0]).toBeCloseTo(0.9 - (0.1 * m) / Math.sqrt(v), 8);
  const decayed = adamW({ rate: 0.1, weightDecay: 0.5 });
  const other = decayed.init(Float64Array.of(2));
  decayed.step(other, Float64Array.of(1));
  expect(other.position[0]).toBeCloseTo(2 - 0.1 * (1 + 0.5 * 2), 8);
});

test("a gradient that is not finite moves nothing and is counted", () => {
  for (const optimiser of everyMethod()) {
    const state = optimiser.init(Float64Array.of(1, 2));
    optimiser.step(state, Float64Array.of(0.5, -0.5));
    const before = structuredClone(state);
    for (const bad of [Number.NaN, Infinity, -Infinity, 1e200])
      expect(optimiser.step(state, Float64Array.of(bad, 1)), optimiser.name).toBe(false);
    expect(state).toEqual({ ...before, skipped: 4 });
    optimiser.step(state, Float64Array.of(0, 0));
    for (const v of state.position) expect(v).not.toBeNaN();
  }
});

test("a copied state steps to the same bits", () => {
  const random = randomSource(2);
  for (const optimiser of everyMethod()) {
    const state = optimiser.init(Float64Array.of(1, 2, 3));
    for (let t = 0; t < 5; t++) optimiser.step(state, Float64Array.from({ length: 3 }, random.normal));
    const copy = structuredClone(state);
    const g = Float64Array.from({ length: 3 }, random.normal);
    optimiser.step(state, g.slice());
    optimiser.step(copy, g.slice());
    expect(copy).toEqual(state);
  }
});

test("clipping keeps the direction and bounds the length", () => {
  const g = Float64Array.of(3, 4);
  expect(clipGlobalNorm(g, 10)).toBe(5);
  expect([...g]).toEqual([3, 4]);
  expect(clipGlobalNorm(g, 1)).toBe(5);
  expect(norm(g)).toBeCloseTo(1, 15);
  expect(g[0]! / g[1]!).toBeCloseTo(0.75, 15);
  const optimiser = sgd({ rate: 1, momentum: 0, clip: 0.5 });
  const state = optimiser.init(Float64Array.of(0));
  optimiser.step(state, Float64Array.of(100));
  expect(state.position[0]).toBe(-0.5);
});

test("schedules begin and end where they say", () => {
  expect(constantSchedule(9)).toBe(1);
  expect([0, 5, 10, 20].map(linearSchedule(10, 0.2))).toEqual([1, 0.6, 0.2, 0.2]);
  const cosine = cosineSchedule(8, 0.1);
  for (let t = 0; t <= 8; t++) expect(cosine(t)).toBeCloseTo(0.1 + 0.45 * (1 + Math.cos((Math.PI * t) / 8)), 14);
  expect(powerSchedule(0.5, 3)(9)).toBeCloseTo(0.5, 14);
  expect(exponentialSchedule(10)(20)).toBeCloseTo(0.25, 14);
  expect([0, 3, 4, 5].map(warmup(4, linearSchedule(2)))).toEqual([0.25, 1, 1, 0.5]);
});

test("averaged iterates have a smaller error than the last one", () => {
  // Gradient descent with a fixed rate on (x - 1)^2 / 2 with unit noise.
  const errors = [0, 0, 0];
  for (let seed = 0; seed < 200; seed++) {
    const random = randomSource(seed);
    const optimiser = sgd({ rate: 0.1, momentum: 0 });
    const state = optimiser.init(Float64Array.of(30));
    const averages = [polynomialAverage(1), tailAverage(1)];
    for (let t = 0; t < 1000; t++) {
      optimiser.step(state, Float64Array.of(state.position[0]! - 1 + random.normal()));
      for (const a of averages) a.push(state.position);
    }
    [state.position, averages[0]!.value, averages[1]!.value].forEach((x, i) => {
      errors[i]! += (x[0]! - 1) ** 2 / 200;
    });
  }
  expect(errors[1]! * 20).toBeLessThan(errors[0]!);
  expect(errors[2]! * 20).toBeLessThan(errors[0]!);
});

test("the tail average is the mean of the last half to three quarters, and averages of a constant are that constant", () => {
  const average = tailAverage(1);
  for (let t = 1; t <= 100; t++) {
    average.push(Float64Array.of(t));
    // The mean of first..t is (first + t) / 2.
    const first = 2 * average.value[0]! - t;
    expect((t - first + 1) / t).toBeGreaterThanOrEqual(0.5);
    expect(first).toBeCloseTo(Math.round(first), 9);
    if (t > 4) expect((t - first + 1) / t).toBeLessThanOrEqual(0.77);
  }
  const polynomial = polynomialAverage(2, 8);
  for (let t = 0; t < 50; t++) polynomial.push(Float64Array.of(3, -1));
  expect(maxAbs(Float64Array.of(polynomial.value[0]! - 3, polynomial.value[1]! + 1))).toBeLessThan(1e-13);
});

test("the proximal step keeps a scale positive from 1e-8, and from below zero, and solves its equation", () => {
  for (const [scale, rate] of [
    [1e-8, 0.1],
    [-3, 0.1],
    [-1e10, 1e-3],
    [2, 0.5],
  ] as const) {
    const l = proximalScale(scale, rate);
    expect(l).toBeGreaterThan(0);
    expect(Math.abs(-rate / l + (l - scale)) / (Math.abs(scale) + l)).toBeLessThan(1e-12);
  }
  // The scale of A1's optimum, 1 / sqrt 2, reached from 1e-8 with the exact gradient 2 l of the rest.
  let l = 1e-8;
  for (let t = 0; t < 200; t++) l = proximalScale(l - 0.1 * 2 * l, 0.1);
  expect(l).toBeCloseTo(Math.SQRT1_2, 10);
});

test("misuse throws, naming the argument", () => {
  expect(() => sgd({ rate: -1 })).toThrow("sgd.rate: expected a positive number, got -1");
  expect(() => sgd({ rate: 1, momentum: 1 })).toThrow("sgd.momentum: expected a number in [0, 1), got 1");
  expect(() => adamW({ rate: Number.NaN })).toThrow("adamW.rate: expected a finite number");
  expect(() => dog({ first: 0 })).toThrow("dog.first");
});
