// Derivatives of draws in the parameters: per draw against numerical differentiation in 50 digits (scripts/distributions/implicit.py), and
// the expectations that they must have (the identities of Figurnov et al. 2018).

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import { gradientsAt } from "../src/model/sample-gradient.js";
import { makers, readRows } from "./distributions-support.js";

const rows = readRows(readFileSync(new URL("./distributions-implicit.txt", import.meta.url), "utf8")).map((w) => ({
  name: w[0]!,
  parameters: w[1]!.split(",").map(Number),
  position: Number(w[2]),
  x: Number(w[3]),
  gradient: Number(w[4]),
}));

test.each([...new Set(rows.map((r) => r.name))])("the gradient of a %s draw is −(∂F/∂α)/p to 1e-10", (name) => {
  for (const row of rows.filter((r) => r.name === name)) {
    const all = Object.values(gradientsAt(makers[name]!(...row.parameters), Float64Array.of(row.x)));
    // Where the gradient vanishes by symmetry the table holds 1e-30.
    const error = Math.abs(all[row.position]![0]! - row.gradient) / Math.max(Math.abs(row.gradient), 1e-5);
    expect(error, `${name}(${row.parameters.join(", ")}) in parameter ${row.position} at ${row.x}`).toBeLessThan(1e-10);
  }
});

const N = 100_000;

/** Whether the mean of `values` is `expected`, within 5 standard errors. */
function hasMean(values: Float64Array, expected: number): void {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const error = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0)) / values.length;
  expect(Math.abs(mean - expected) / error).toBeLessThan(5);
}

describe("expectations of gradients are gradients of expectations", () => {
  test("gamma", () => {
    const { draws, gradients } = v.sampleWithGradient(v.gamma(2.3, 1), N, { seed: 1 });
    const slope = gradients.shape!;
    hasMean(slope, 1);
    hasMean(
      slope.map((s, i) => 2 * draws[i]! * s),
      5.6,
    );
    hasMean(
      slope.map((s, i) => s / draws[i]!),
      0.5425374586652585,
    );
    hasMean(gradients.rate!, -2.3);
  });
  test("inverse gamma", () => {
    const { gradients } = v.sampleWithGradient(v.inverseGamma(6.5, 2), N, { seed: 2 });
    hasMean(gradients.shape!, -2 / 5.5 ** 2);
    hasMean(gradients.scale!, 1 / 5.5);
  });
  test("beta", () => {
    const { gradients } = v.sampleWithGradient(v.beta(2, 3), N, { seed: 3 });
    hasMean(gradients.a!, 3 / 25);
    hasMean(gradients.b!, -2 / 25);
  });
  test("Student's t in its degrees of freedom", () => {
    const { draws, gradients } = v.sampleWithGradient(v.studentT(9, 0, 1), N, { seed: 4 });
    hasMean(
      gradients.df!.map((s, i) => 2 * draws[i]! * s),
      -2 / 49,
    );
  });
  test("chi-square", () => hasMean(v.sampleWithGradient(v.chiSquare(3), N, { seed: 5 }).gradients.df!, 1));
  test("von Mises in its concentration", () => {
    const { draws, gradients } = v.sampleWithGradient(v.vonMises(0, 2), N, { seed: 6 });
    hasMean(
      gradients.concentration!.map((s, i) => -Math.sin(draws[i]!) * s),
      0.16422319772120714,
    );
  });
  test("Dirichlet", () => {
    const alpha = [1.5, 2, 3];
    const { gradients } = v.sampleWithGradient(v.dirichlet(alpha), N, { seed: 7 });
    const all = gradients.concentration!;
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 3; j++)
        hasMean(
          Float64Array.from({ length: N }, (_, r) => all[r * 9 + i * 3 + j]!),
          ((i === j ? 6.5 : 0) - alpha[i]!) / 6.5 ** 2,
        );
  });
  test("truncated normal", () => {
    const { gradients } = v.sampleWithGradient(v.truncatedNormal(0.5, 1.5, -1, 2), N, { seed: 8 });
    const mean = (m: number, s: number, a: number, b: number): number => v.truncatedNormal(m, s, a, b).mean() as number;
    const h = 1e-4;
    hasMean(gradients.loc!, (mean(0.5 + h, 1.5, -1, 2) - mean(0.5 - h, 1.5, -1, 2)) / (2 * h));
    hasMean(gradients.scale!, (mean(0.5, 1.5 + h, -1, 2) - mean(0.5, 1.5 - h, -1, 2)) / (2 * h));
    hasMean(gradients.low!, (mean(0.5, 1.5, -1 + h, 2) - mean(0.5, 1.5, -1 - h, 2)) / (2 * h));
    hasMean(gradients.high!, (mean(0.5, 1.5, -1, 2 + h) - mean(0.5, 1.5, -1, 2 - h)) / (2 * h));
  });
  test("a mixture in its weights and its components", () => {
    const d = v.mixture([0.3, 0.7], [v.gamma(2, 1), v.normal(5, 1)]);
    const { gradients } = v.sampleWithGradient(d, N, { seed: 9 });
    hasMean(gradients["components[0].shape"]!, 0.3);
    hasMean(gradients["components[1].loc"]!, 0.7);
    hasMean(
      gradients["weights[1]"]!.map((s, i) => s - gradients["weights[0]"]![i]!),
      3,
    );
  });
  test("inverse Gaussian, Kumaraswamy, skew normal, Weibull and Pareto against differences of their means", () => {
    const h = 1e-4;
    const list: [(...p: number[]) => v.Distribution, number[]][] = [
      [v.inverseGaussian, [1.5, 4]],
      [v.kumaraswamy, [2.5, 1.75]],
      [v.skewNormal, [0.5, 1.5, 2]],
      [v.weibull, [1.5, 2]],
      [v.pareto, [1.5, 6.5]],
      [v.logNormal, [0.25, 0.5]],
      [v.gumbel, [0.5, 1.5]],
      [v.uniform, [-1, 2]],
      [v.exponential, [1.5]],
      [v.halfNormal, [1.5]],
      [v.halfStudentT, [9.5, 2]],
    ];
    for (const [make, p] of list) {
      const all = Object.values(v.sampleWithGradient(make(...p), N, { seed: 10 }).gradients);
      expect(all.length).toBe(p.length);
      p.forEach((_, i) => {
        const mean = (d: number): number => make(...p.map((x, k) => (k === i ? x + d : x))).mean() as number;
        const expected = (mean(h) - mean(-h)) / (2 * h);
        const values = all[i]!;
        const average = values.reduce((a, b) => a + b, 0) / N;
        const error = Math.sqrt(values.reduce((a, b) => a + (b - average) ** 2, 0)) / N;
        expect(Math.abs(average - expected), `${make(...p).name} in parameter ${i}`).toBeLessThan(5 * error + 1e-6);
      });
    }
  });
});

test("families without a pathwise gradient say so", () => {
  expect(() => v.sampleWithGradient(v.poisson(2), 3)).toThrow(
    new TypeError("poisson: no gradient of its samples is available"),
  );
});
