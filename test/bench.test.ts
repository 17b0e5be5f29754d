// The benchmark compares equal work: on the engine's own normals the hand-written steps of bench/baseline.ts give the engine's ELBOs and
// parameters, and the W5 kernels agree with the plain loops.

import { describe, expect, it } from "vitest";
import { baseline } from "../bench/baseline.js";
import { tableOf, workloads } from "../bench/data.js";
import { EngineFit, normalsOf } from "../bench/engine.js";
import { kernels } from "../bench/kernels.js";

describe("the hand-written step", () => {
  for (const workload of workloads.filter((w) => w.rows <= 1_000))
    it(`of ${workload.name} agrees with the engine's for 50 steps on equal normals`, () => {
      const fit = new EngineFit(workload);
      const plain = baseline(workload, normalsOf(workload, 50));
      const elbo = fit.run(50);
      const expected = plain.run(50);
      const parameters = fit.parameters();
      fit.dispose();
      expect(expected[49]).not.toBe(expected[0]);
      for (let k = 0; k < 50; k++)
        expect(Math.abs(elbo[k]! - expected[k]!)).toBeLessThan(1e-9 * Math.abs(expected[k]!));
      expect(parameters.length).toBe(plain.parameters.length);
      for (let k = 0; k < parameters.length; k++)
        expect(Math.abs(parameters[k]! - plain.parameters[k]!), `parameter ${k}`).toBeLessThan(1e-9);
    });

  it("moves towards a higher ELBO on its own normals", () => {
    const workload = workloads.find((w) => w.name === "W3a")!;
    const trace = baseline(workload).run(600);
    const mean = (from: number, to: number): number => trace.slice(from, to).reduce((s, v) => s + v, 0) / (to - from);
    expect(mean(500, 600)).toBeGreaterThan(mean(0, 100) + 10);
  });
});

it("the data of W3a are those of the other engines' benchmarks: float32 values, answers 0 or 1", () => {
  const { x, y } = tableOf(workloads.find((w) => w.name === "W3a")!);
  expect(x.every((v) => v === Math.fround(v))).toBe(true);
  expect([x[0], x[9_999], y.reduce((s, v) => s + v, 0)]).toEqual([0.2715478837490082, -0.5683947205543518, 496]);
});

describe("W5", () => {
  for (const kernel of kernels)
    it(`${kernel.name} agrees with the plain loop`, () => {
      const pair = kernel.make(1_000);
      pair.check();
      pair.dispose();
    });
});
