// L-BFGS and its line search on functions whose minimum is known.

import { expect, test } from "vitest";
import {
  curvatureHolds,
  type LbfgsOptions,
  type LbfgsResult,
  lbfgs,
  type Objective,
  PairMemory,
  Trajectory,
} from "../src/optim/lbfgs.js";
import { LineSearch } from "../src/optim/line-search.js";
import { finish, finishInSlices } from "../src/optim/run.js";
import { randomSource } from "./support/random.js";

const minimise = (objective: Objective, start: ArrayLike<number>, options: LbfgsOptions = {}): LbfgsResult =>
  finish(lbfgs(objective, Float64Array.from(start), options));

/** 0.5 (x - m)' A (x - m) with A = B B' + I. */
function quadratic(n: number, seed: number): Objective & { minimum: Float64Array } {
  const random = randomSource(seed);
  const b = Float64Array.from({ length: n * n }, () => random.normal());
  const minimum = Float64Array.from({ length: n }, () => 3 * random.normal());
  return {
    dimension: n,
    minimum,
    evaluate(x, gradient) {
      let value = 0;
      const bt = new Float64Array(n);
      for (let j = 0; j < n; j++) for (let i = 0; i < n; i++) bt[j]! += b[i * n + j]! * (x[i]! - minimum[i]!);
      for (let i = 0; i < n; i++) {
        let g = x[i]! - minimum[i]!;
        for (let j = 0; j < n; j++) g += b[i * n + j]! * bt[j]!;
        gradient[i] = g;
        value += 0.5 * g * (x[i]! - minimum[i]!);
      }
      return value;
    },
  };
}

const rosenbrock = (n: number): Objective => ({
  dimension: n,
  evaluate(x, g) {
    let f = 0;
    g.fill(0);
    for (let i = 0; i + 1 < n; i++) {
      const a = x[i + 1]! - x[i]! * x[i]!;
      const b = 1 - x[i]!;
      f += 100 * a * a + b * b;
      g[i]! += -400 * a * x[i]! - 2 * b;
      g[i + 1]! += 200 * a;
    }
    return f;
  },
});

test("with an exact line search, L-BFGS ends on a D-dimensional quadratic within D + 1 steps", () => {
  for (const n of [1, 2, 5, 10, 20]) {
    const f = quadratic(n, n);
    const result = minimise(f, new Float64Array(n), {
      memory: n,
      curvature: 1e-9,
      gradientTolerance: 1e-6,
      decrementTolerance: 0,
      relativeTolerance: 0,
    });
    expect(result.status).toBe("converged");
    expect(result.steps).toBeLessThanOrEqual(n + 1);
    for (let i = 0; i < n; i++) expect(result.position[i]).toBeCloseTo(f.minimum[i]!, 6);
  }
});

test("Rosenbrock's valley is followed to its end in 2 and in 20 dimensions", () => {
  for (const n of [2, 20]) {
    const result = minimise(rosenbrock(n), new Float64Array(n).fill(-1.2));
    expect(result.status).toBe("converged");
    for (const v of result.position) expect(v).toBeCloseTo(1, 5);
    expect(result.evaluations).toBeLessThan(n === 2 ? 80 : 200);
  }
});

test("a barrier where the function is not defined shortens steps and is counted, and no NaN comes out", () => {
  // x - log x per coordinate, NaN left of zero: minimum at 1, next to the barrier when starting far away.
  const bad = [Number.NaN, Infinity, -Infinity];
  for (const outside of bad) {
    const barrier: Objective = {
      dimension: 3,
      evaluate(x, g) {
        let f = 0;
        for (let i = 0; i < 3; i++) {
          if (x[i]! <= 0) return outside;
          f += (i + 1) * (x[i]! - Math.log(x[i]!));
          g[i] = (i + 1) * (1 - 1 / x[i]!);
        }
        return f;
      },
    };
    const result = minimise(barrier, [1e-3, 40, 3], { firstLength: 1e6 });
    expect(result.status).toBe("converged");
    expect(result.refused).toBeGreaterThan(0);
    for (const v of result.position) expect(v).toBeCloseTo(1, 6);
    expect(minimise(barrier, [-1, 1, 1]).stop).toBe("start");
  }
});

test("an objective whose gradient is NaN in one coordinate is refused like a NaN value", () => {
  const f: Objective = {
    dimension: 2,
    evaluate(x, g) {
      g[0] = 2 * x[0]!;
      g[1] = Math.abs(x[1]!) > 1 ? Number.NaN : 2 * (x[1]! - 0.5);
      return x[0]! ** 2 + (x[1]! - 0.5) ** 2;
    },
  };
  const result = minimise(f, [5, -0.9], { firstLength: 1e6 });
  expect(result.refused).toBeGreaterThan(0);
  expect(result.position[0]).toBeCloseTo(0, 7);
  expect(result.position[1]).toBeCloseTo(0.5, 7);
});

test("pairs without positive curvature never enter the memory", () => {
  expect(curvatureHolds(1, 1)).toBe(true);
  for (const [sy, yy] of [
    [0, 1],
    [-1, 1],
    [1e-13, 1],
    [Number.NaN, 1],
    [Infinity, 1],
    [0, 0],
  ])
    expect(curvatureHolds(sy!, yy!)).toBe(false);
  const memory = new PairMemory(3, 2);
  const zero = new Float64Array(2);
  expect(memory.add(zero, zero, Float64Array.of(1, 0), Float64Array.of(-1, 0))).toBe(false);
  expect(memory.add(zero, zero, Float64Array.of(1, 0), Float64Array.of(Number.NaN, 0))).toBe(false);
  expect([memory.count, memory.skipped]).toEqual([0, 2]);
  expect(memory.add(zero, zero, Float64Array.of(1, 2), Float64Array.of(4, 1))).toBe(true);
  // The secant equation: H y = s.
  const y = Float64Array.of(4, 1);
  memory.apply(y);
  expect(y[0]).toBeCloseTo(1, 14);
  expect(y[1]).toBeCloseTo(2, 14);
});

test("the rules for stopping are told apart", () => {
  const f = quadratic(6, 9);
  const start = new Float64Array(6);
  expect(minimise(f, start, { gradientTolerance: 1e-3, decrementTolerance: 0 }).stop).toBe("gradient");
  expect(minimise(f, start, { gradientTolerance: 0, decrementTolerance: 1e-8 }).stop).toBe("decrement");
  expect(minimise(f, start, { gradientTolerance: 0, decrementTolerance: 0, absoluteTolerance: 1e-3 }).stop).toBe(
    "absolute",
  );
  expect(minimise(f, start, { gradientTolerance: 0, decrementTolerance: 0, relativeTolerance: 1e-6 }).stop).toBe(
    "relative",
  );
  expect(minimise(f, start, { maxSteps: 2 })).toMatchObject({ status: "maxSteps", steps: 2 });
  expect(minimise(f, start, { maxEvaluations: 3 }).stop).toBe("maxEvaluations");
  expect(minimise(f, f.minimum)).toMatchObject({ status: "converged", evaluations: 1, steps: 0 });
});

test("with every tolerance at zero the search ends where rounding hides further decrease", () => {
  const f = quadratic(4, 3);
  const offset: Objective = { dimension: 4, evaluate: (x, g) => f.evaluate(x, g) - 1234.5678 };
  const result = minimise(offset, new Float64Array(4), {
    gradientTolerance: 0,
    decrementTolerance: 0,
    relativeTolerance: 0,
  });
  expect(result.status).toBe("converged");
  for (let i = 0; i < 4; i++) expect(result.position[i]).toBeCloseTo(f.minimum[i]!, 6);
});

test("a function without a minimum does not converge", () => {
  const linear: Objective = {
    dimension: 1,
    evaluate(x, g) {
      g[0] = -1;
      return -x[0]!;
    },
  };
  expect(minimise(linear, [0], { maxSteps: 50 }).status).not.toBe("converged");
});

test("the trajectory holds every accepted point with its gradient, and values go down", () => {
  const f = rosenbrock(2);
  const trajectory = new Trajectory(2, 2);
  const result = minimise(f, [-1.2, 1], { trajectory });
  expect(trajectory.count).toBe(result.steps + 1);
  const g = new Float64Array(2);
  for (let i = 0; i < trajectory.count; i++) {
    const x = trajectory.positions.slice(2 * i, 2 * i + 2);
    expect(trajectory.values[i]).toBe(f.evaluate(x, g));
    expect([...trajectory.gradients.subarray(2 * i, 2 * i + 2)]).toEqual([...g]);
    if (i > 0) expect(trajectory.values[i]!).toBeLessThanOrEqual(trajectory.values[i - 1]!);
  }
  expect([...trajectory.positions.slice(2 * result.steps, 2 * result.steps + 2)]).toEqual([...result.position]);
});

test("the line search meets the strong Wolfe conditions on five of the functions of Moré and Thuente", () => {
  // Section 5 of the 1994 paper, without the third; starting steps 1e-3, 1e-1, 10, 1e3, as in its tables.
  const yanai = (b1: number, b2: number) => {
    const g = (b: number) => Math.sqrt(1 + b * b) - b;
    return (a: number): [number, number] => [
      g(b1) * Math.sqrt((1 - a) ** 2 + b2 ** 2) + g(b2) * Math.sqrt(a * a + b1 ** 2),
      (g(b1) * (a - 1)) / Math.sqrt((1 - a) ** 2 + b2 ** 2) + (g(b2) * a) / Math.sqrt(a * a + b1 ** 2),
    ];
  };
  const functions: [(a: number) => [number, number], number, number][] = [
    [(a) => [-a / (a * a + 2), (a * a - 2) / (a * a + 2) ** 2], 1e-3, 1e-1],
    [(a) => [(a + 0.004) ** 5 - 2 * (a + 0.004) ** 4, 5 * (a + 0.004) ** 4 - 8 * (a + 0.004) ** 3], 1e-1, 1e-1],
    [yanai(1e-3, 1e-3), 1e-3, 1e-3],
    [yanai(1e-2, 1e-3), 1e-3, 1e-3],
    [yanai(1e-3, 1e-2), 1e-3, 1e-3],
  ];
  for (const [f, c1, c2] of functions)
    for (const first of [1e-3, 1e-1, 10, 1e3]) {
      const search = new LineSearch(c1, c2);
      const [f0, d0] = f(0);
      let state = search.start(f0, d0, first);
      let evaluations = 0;
      while (state === "evaluate" && evaluations++ < 100) state = search.advance(...f(search.step));
      expect(state).toBe("found");
      const [value, slope] = f(search.step);
      expect(value).toBeLessThanOrEqual(f0 + c1 * search.step * d0);
      expect(Math.abs(slope)).toBeLessThanOrEqual(c2 * Math.abs(d0));
      expect(evaluations).toBeLessThanOrEqual(20);
    }
});

test("an abort ends the run at the next step with the best state, and slices do not change the result", async () => {
  const f = rosenbrock(20);
  const start = new Float64Array(20).fill(-1.2);
  const controller = new AbortController();
  let calls = 0;
  const counting: Objective = {
    dimension: 20,
    evaluate(x, g) {
      if (++calls === 30) controller.abort();
      return f.evaluate(x, g);
    },
  };
  const stopped = finish(lbfgs(counting, start), { signal: controller.signal });
  expect(stopped.status).toBe("cancelled");
  expect(stopped.evaluations).toBeLessThan(36);
  expect(stopped.value).toBe(f.evaluate(stopped.position, new Float64Array(20)));
  const whole = minimise(f, start);
  const sliced = await finishInSlices(lbfgs(f, start), {}, 0);
  expect(sliced).toEqual(whole);
  const already = finish(lbfgs(f, start), { signal: AbortSignal.abort() });
  expect(already).toMatchObject({ status: "cancelled", steps: 1 });
});
