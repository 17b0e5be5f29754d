// `minimize` over every method: closed-form minima, published step counts, and what it says when things go wrong.

import { describe, expect, test } from "vitest";
import {
  adamW,
  cosineSchedule,
  dog,
  dowg,
  type MinimizeOptions,
  minimize,
  type ObjectiveFunction,
  proximalScale,
  sgd,
} from "../src/index.js";
import { maxAbs } from "../src/linalg/vector.js";
import { randomSource } from "./support/random.js";

/** sum of c_i (x_i - i)^2 / 2. */
const bowl =
  (n: number, condition: number): ObjectiveFunction =>
  (x, g) => {
    let f = 0;
    for (let i = 0; i < n; i++) {
      const c = condition ** (i / Math.max(1, n - 1));
      g[i] = c * (x[i]! - i);
      f += 0.5 * c * (x[i]! - i) ** 2;
    }
    return f;
  };

/** Rosenbrock's valley; its minimum is 0 at (1, 1). */
const rosenbrock = {
  evaluate(x: Float64Array, g: Float64Array): number {
    const a = x[1]! - x[0]! ** 2;
    g[0] = -400 * x[0]! * a - 2 * (1 - x[0]!);
    g[1] = 200 * a;
    return 100 * a * a + (1 - x[0]!) ** 2;
  },
  hessianVector(x: Float64Array, v: Float64Array, out: Float64Array): void {
    out[0] = (1200 * x[0]! ** 2 - 400 * x[1]! + 2) * v[0]! - 400 * x[0]! * v[1]!;
    out[1] = -400 * x[0]! * v[0]! + 200 * v[1]!;
  },
};

describe("minimize", () => {
  test("L-BFGS and Newton-CG find the ends of Rosenbrock's valley, with or without second derivatives", () => {
    const objectives = [rosenbrock, { evaluate: rosenbrock.evaluate }];
    for (const method of ["lbfgs", "newtonCg"] as const)
      for (const objective of objectives) {
        const m = minimize(objective, [-1.2, 1], { method });
        expect(m.status, m.message).toBe("converged");
        expect(maxAbs(m.position.map((v) => v - 1))).toBeLessThan(1e-7);
        expect(m.value).toBeLessThan(1e-14);
        expect(maxAbs(m.gradient)).toBeLessThanOrEqual(1e-8);
      }
    expect(minimize(rosenbrock, [-1.2, 1], { method: "newtonCg" }).products).toBeGreaterThan(5);
  });

  test("a plain function is enough, and Newton-CG takes few steps on a badly scaled quadratic", () => {
    const m = minimize(bowl(20, 1e4), new Array(20).fill(0), { method: "newtonCg" });
    expect(m.status, m.message).toBe("converged");
    m.position.forEach((v, i) => {
      expect(v).toBeCloseTo(i, 6);
    });
    expect(m.steps).toBeLessThan(30);
  });

  test("each first-order method reaches the minimum of a quadratic, also from the default parameters of those without a rate", () => {
    const methods = [sgd({ rate: 0.05 }), adamW({ rate: 0.3, schedule: cosineSchedule(3000) }), dog(), dowg()];
    for (const method of methods) {
      const m = minimize(bowl(4, 3), [0, 0, 0, 0], { method, maxSteps: 3000 });
      m.position.forEach((v, i) => {
        expect(Math.abs(v - i), method.name).toBeLessThan(1e-3);
      });
    }
  });

  test("an average of noisy iterates has a smaller error than the last", () => {
    const error = (average: MinimizeOptions["average"]): number => {
      let total = 0;
      for (let seed = 0; seed < 40; seed++) {
        const random = randomSource(seed);
        const noisy: ObjectiveFunction = (x, g) => {
          g[0] = x[0]! - 3 + random.normal();
          return 0.5 * (x[0]! - 3) ** 2;
        };
        const m = minimize(noisy, [0], { method: sgd({ rate: 0.1, momentum: 0 }), maxSteps: 1000, average });
        expect(m.status).toBe("maxSteps");
        total += (m.position[0]! - 3) ** 2 / 40;
      }
      return total;
    };
    const last = error("none");
    expect(error("polynomial")).toBeLessThan(last / 5);
    expect(error("tail")).toBeLessThan(last / 5);
  });

  test("evaluations that are not finite are left out, counted and told", () => {
    const holes: ObjectiveFunction = (x, g, step) => {
      g[0] = step % 4 === 1 ? Number.NaN : x[0]! - 1;
      return 0.5 * (x[0]! - 1) ** 2;
    };
    const m = minimize(holes, [0], { method: sgd({ rate: 0.5, momentum: 0 }), maxSteps: 100 });
    expect(m.status).toBe("converged");
    expect(m.position[0]).toBeCloseTo(1, 7);
    expect(m.skipped).toBeGreaterThan(3);
    expect(m.message).toContain(`${m.skipped} evaluations were not finite and left out`);
    // log x has no value left of 0: the line search comes back from there.
    const edge = minimize(
      (x, g) => {
        g[0] = 1 - 1 / x[0]!;
        return x[0]! - Math.log(x[0]!);
      },
      [1e-3],
      { method: "lbfgs" },
    );
    expect(edge.position[0]).toBeCloseTo(1, 7);
    const nowhere = minimize(() => Number.NaN, [0], { method: dowg() });
    expect(nowhere.status).toBe("diverged");
    expect(nowhere.position[0]).toBe(0);
  });

  test("with the proximal step of the entropy a scale climbs from 1e-8 to its optimum and is never negative", () => {
    // ELBO of N(0, l^2) for the target N(0, 1 / 2): -l^2 + log l, best at 1 / sqrt 2; the gradient of -l^2 is noisy.
    const random = randomSource(3);
    let l = 1e-8;
    let mean = 0;
    for (let t = 0; t < 4000; t++) {
      l = proximalScale(l - 0.02 * 2 * l * random.normal() ** 2, 0.02);
      expect(l).toBeGreaterThan(0);
      if (t >= 2000) mean += l / 2000;
    }
    expect(mean).toBeCloseTo(Math.SQRT1_2, 1);
  });

  test("an abort returns the best so far", () => {
    for (const method of ["lbfgs", "newtonCg", dowg()] as const) {
      const m = minimize(rosenbrock, [-1.2, 1], { method, signal: AbortSignal.abort() });
      expect(m.status).toBe("cancelled");
      expect(m.value).toBeLessThan(24.3);
    }
  });

  test("misuse throws, naming the argument", () => {
    expect(() => minimize(1 as never, [0])).toThrow("minimize(objective, start): expected a function");
    expect(() => minimize(bowl(1, 1), [])).toThrow("minimize.start");
    expect(() => minimize(bowl(1, 1), [Number.NaN])).toThrow("minimize.start: expected finite numbers");
    expect(() => minimize(bowl(1, 1), [0], { method: "adam" as never })).toThrow('"lbfgs" | "newtonCg"');
    expect(() => minimize(bowl(1, 1), [0], { method: {} as never })).toThrow("minimize.method: expected an optimiser");
    expect(() => minimize(bowl(1, 1), [0], { average: "tail" })).toThrow('nothing with method "lbfgs"');
    expect(() => minimize(bowl(1, 1), [0], { steps: 3 } as never)).toThrow("minimize.steps: unknown option");
  });
});
