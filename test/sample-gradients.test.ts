// Derivatives of draws of composite distributions and of vectors: against closed forms, differences of quantiles and of draws with the same
// random numbers, and the expectations that they must have.

import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import { gradientsAt } from "../src/model/sample-gradient.js";
import { relativeError } from "./distributions-support.js";

const N = 50_000;

/** Whether the mean of `values` is `expected`, within 5 standard errors. */
function hasMean(values: Float64Array, expected: number): void {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const error = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0)) / values.length;
  expect(Math.abs(mean - expected)).toBeLessThan(5 * error + 1e-12);
}

/** f′(x) by the four-point rule. */
function slope(f: (x: number) => number, x: number): number {
  const h = 1e-3 * Math.max(1, Math.abs(x));
  return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
}

describe("truncated", () => {
  test("an exponential above a bound is the bound and an exponential", () => {
    const x = Float64Array.of(1.0001, 1.5, 3, 20);
    const { rate, low, high } = gradientsAt(v.truncated(v.exponential(1.5), 1), x);
    x.forEach((t, i) => {
      expect(relativeError(rate![i]!, -(t - 1) / 1.5)).toBeLessThan(1e-10);
      expect(low![i]).toBeCloseTo(1, 13);
    });
    expect(high).toEqual(new Float64Array(4));
  });

  test("a Pareto variate above a bound is one from that bound", () => {
    const x = Float64Array.of(2.0625, 3, 40);
    const { minimum, shape, low } = gradientsAt(v.truncated(v.pareto(1.5, 3.5), 2), x);
    const own = gradientsAt(v.pareto(2, 3.5), x);
    x.forEach((_, i) => {
      expect(Math.abs(minimum![i]!)).toBeLessThan(1e-13 * x[i]!);
      expect(relativeError(shape![i]!, own.shape![i]!)).toBeLessThan(1e-12);
      expect(relativeError(low![i]!, own.minimum![i]!)).toBeLessThan(1e-13);
    });
  });

  test.each([
    ["gamma between bounds", (p: number[]) => v.truncated(v.gamma(p[0]!, p[1]!), p[2], p[3]), [2.5, 1.5, 1, 3]],
    ["gamma below a bound", (p: number[]) => v.truncated(v.gamma(p[0]!, p[1]!), undefined, p[2]), [0.75, 1.5, 3]],
    ["beta between bounds", (p: number[]) => v.truncated(v.beta(p[0]!, p[1]!), p[2], p[3]), [2.5, 1.75, 0.25, 0.5]],
    ["logistic above a bound", (p: number[]) => v.truncated(v.logistic(p[0]!, p[1]!), p[2]), [0.5, 1.5, 2]],
  ] as [string, (p: number[]) => v.Distribution, number[]][])("%s moves as its quantile does", (_name, make, p) => {
    const d = make(p);
    const levels = [0.01, 0.3, 0.5, 0.9];
    const x = d.quantile(levels) as Float64Array;
    const found = Object.values(gradientsAt(d, x)).filter((g) => g.some((s) => s !== 0));
    expect(found.length).toBe(p.length);
    levels.forEach((level, i) => {
      p.forEach((value, k) => {
        const expected = slope((t) => make(p.map((q, j) => (j === k ? t : q))).quantile(level), value);
        expect(Math.abs(found[k]![i]! - expected)).toBeLessThan(1e-9 * Math.max(1, Math.abs(expected)));
      });
    });
  });

  test("arrays of bounds, some of them infinite, are one distribution each", () => {
    const bounds = [1, Number.NEGATIVE_INFINITY];
    const { gradients, draws } = v.sampleWithGradient(v.truncated(v.gamma(2.5, 1.5), bounds, 3), 2, { seed: 1 });
    for (let i = 0; i < 4; i++) {
      const one = gradientsAt(v.truncated(v.gamma(2.5, 1.5), bounds[i % 2], 3), draws.subarray(i, i + 1));
      for (const [name, g] of Object.entries(one)) expect(gradients[name]![i]).toBe(g[0]);
    }
  });
});

test("a censored normal moves with the normal between its limits, and with a limit at it", () => {
  const mean = (m: number, s: number, a: number, b: number): number =>
    v.censored(v.normal(m, s), a, b).mean() as number;
  const p = [0.5, 1.5, -1, 2] as const;
  const { gradients } = v.sampleWithGradient(v.censored(v.normal(0.5, 1.5), -1, 2), N, { seed: 2 });
  ["loc", "scale", "low", "high"].forEach((name, k) => {
    hasMean(
      gradients[name]!,
      slope((t) => mean(...(p.map((q, j) => (j === k ? t : q)) as [number, number, number, number])), p[k]!),
    );
  });
});

test("independent variates move as each of them", () => {
  const base = v.gamma([2, 3], [1, 0.5]);
  const all = v.sampleWithGradient(v.independent(base), 50, { seed: 4 });
  const each = v.sampleWithGradient(base, 50, { seed: 4 });
  expect(all).toEqual(each);
  expect(all.gradients.shape!.length).toBe(100);
});

describe("vectors", () => {
  const loc = [1, -2, 0.5];
  const tril = [
    [1.5, 0, 0],
    [0.5, 2, 0],
    [-0.25, 0.75, 1],
  ];
  const moved = (matrix: readonly (readonly number[])[], i: number, j: number, h: number): number[][] =>
    matrix.map((row, r) => row.map((x, c) => (r === i && c === j ? x + h : x)));

  test.each([
    ["multivariateNormal", "scaleTril", v.multivariateNormal],
    ["multivariateNormalPrecision", "precisionTril", v.multivariateNormalPrecision],
    ["multivariateStudentT", "scaleTril", (m: number[], l: number[][]) => v.multivariateStudentT(4.5, m, l)],
  ] as [string, string, (m: number[], l: number[][]) => v.Distribution][])(
    "%s draws move as draws from the same normals do",
    (_name, matrix, make) => {
      const n = 20;
      const { draws, gradients } = v.sampleWithGradient(make(loc, tril), n, { seed: 5 });
      expect(draws).toEqual(make(loc, tril).sample(n, { seed: 5 }));
      const h = 1e-4;
      for (let j = 0; j < 3; j++)
        for (let c = 0; c < 3; c++) {
          const up = make(loc, moved(tril, j, c, h)).sample(n, { seed: 5 });
          const down = make(loc, moved(tril, j, c, -h)).sample(n, { seed: 5 });
          for (let i = 0; i < n * 3; i++) {
            const found = gradients[matrix]![(i * 3 + j) * 3 + c]!;
            expect(Math.abs(found - (c > j ? 0 : (up[i]! - down[i]!) / (2 * h)))).toBeLessThan(1e-6);
          }
        }
      expect(gradients.loc!.subarray(9, 18)).toEqual(Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1));
    },
  );

  test("one-dimensional Student t vectors move as Student's t", () => {
    const { draws, gradients } = v.sampleWithGradient(v.multivariateStudentT(4.5, [0.25], [[1.5]]), 200, { seed: 6 });
    const one = gradientsAt(v.studentT(4.5, 0.25, 1.5), draws);
    draws.forEach((_, i) => {
      expect(Math.abs(gradients.df![i]! - one.df![i]!)).toBeLessThan(1e-12);
      expect(relativeError(gradients.scaleTril![i]!, one.scale![i]!)).toBeLessThan(1e-12);
    });
  });

  test("the degrees of freedom move the covariance of Student t vectors as they must", () => {
    const df = 12;
    const { draws, gradients } = v.sampleWithGradient(v.multivariateStudentT(df, loc, tril), N, { seed: 7 });
    for (let i = 0; i < 3; i++) {
      const sigma = tril[i]!.reduce((a, x) => a + x * x, 0);
      // d/dν of ν/(ν − 2)
      hasMean(
        Float64Array.from({ length: N }, (_, r) => 2 * (draws[r * 3 + i]! - loc[i]!) * gradients.df![r * 3 + i]!),
        (-2 / (df - 2) ** 2) * sigma,
      );
    }
  });

  test("a normal of low rank: the covariance moves with its factor and diagonal", () => {
    const w = [
      [0.5, -1],
      [1.5, 0.25],
      [0, 2],
    ];
    const d = v.multivariateNormalLowRank(loc, w, [0.25, 1, 2]);
    const { draws, gradients } = v.sampleWithGradient(d, N, { seed: 8 });
    const y = (r: number, i: number): number => draws[r * 3 + i]! - loc[i]!;
    for (const [i, j] of [
      [0, 0],
      [0, 1],
      [2, 1],
    ] as const)
      for (let a = 0; a < 3; a++) {
        for (let c = 0; c < 2; c++) {
          const g = (r: number, k: number): number => gradients.factor![((r * 3 + k) * 3 + a) * 2 + c]!;
          hasMean(
            Float64Array.from({ length: N }, (_, r) => g(r, i) * y(r, j) + y(r, i) * g(r, j)),
            (a === i ? w[j]![c]! : 0) + (a === j ? w[i]![c]! : 0),
          );
        }
        const g = (r: number, k: number): number => gradients.diagonal![(r * 3 + k) * 3 + a]!;
        hasMean(
          Float64Array.from({ length: N }, (_, r) => g(r, i) * y(r, j) + y(r, i) * g(r, j)),
          i === j && a === i ? 1 : 0,
        );
      }
  });
});
