// Transforms onto supports: values lie where they must, and log Jacobians are the log determinants of Jacobians found by reverse-mode
// differentiation of the values, element by element, at points near and far.

import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import { checkValues, type Support } from "../src/model/support.js";

/** Value, log Jacobian and Jacobian [element][coordinate] of a transform at u. */
function transform(support: Support, shape: readonly number[], u: readonly number[]) {
  const elements = shape.reduce((a, b) => a * b, 1);
  const position = (e: number): number[] => {
    const at: number[] = [];
    let rest = e;
    for (let k = shape.length - 1; k >= 0; k--) {
      at.unshift(rest % shape[k]!);
      rest = Math.floor(rest / shape[k]!);
    }
    return at;
  };
  const theta = Float64Array.from(u);
  const plain = v
    .model(({ sample }) => {
      sample("x", v.flat(support), { shape });
    })
    .compile();
  expect(plain.dimension).toBe(u.length);
  const base = new Float64Array(u.length);
  const logJacobian = plain.logDensityGradient(theta, base);
  const value = plain.constrain(theta).slice(0, elements);
  plain.dispose();
  const jacobian: number[][] = [];
  for (let e = 0; e < elements; e++) {
    const withElement = v
      .model(({ sample, factor }) => {
        const x = sample("x", v.flat(support), { shape });
        factor("element", shape.length ? x.at(...position(e)) : x);
      })
      .compile();
    const gradient = new Float64Array(u.length);
    withElement.logDensityGradient(theta, gradient);
    jacobian.push(Array.from(gradient, (g, i) => g - base[i]!));
    withElement.dispose();
  }
  return { value, logJacobian, jacobian };
}

/** log |det| by elimination with pivots. */
function logDeterminant(matrix: readonly (readonly number[])[]): number {
  const a = matrix.map((row) => [...row]);
  let sum = 0;
  for (let k = 0; k < a.length; k++) {
    let best = k;
    for (let i = k; i < a.length; i++) if (Math.abs(a[i]![k]!) > Math.abs(a[best]![k]!)) best = i;
    [a[k], a[best]] = [a[best]!, a[k]!];
    sum += Math.log(Math.abs(a[k]![k]!));
    for (let i = k + 1; i < a.length; i++) {
      const f = a[i]![k]! / a[k]![k]!;
      for (let j = k; j < a.length; j++) a[i]![j]! -= f * a[k]![j]!;
    }
  }
  return sum;
}

const all = (elements: number): number[] => Array.from({ length: elements }, (_, e) => e);
const below = (k: number, diagonal: boolean): number[] =>
  all(k * k).filter((e) => (diagonal ? e % k <= Math.floor(e / k) : e % k < Math.floor(e / k)));

interface Case {
  readonly name: string;
  readonly support: Support;
  readonly shape: readonly number[];
  readonly dimension: number;
  /** Elements that are free: the Jacobian is of these. */
  readonly free: readonly number[];
}

const list: readonly Case[] = [
  { name: "real", support: v.real, shape: [3], dimension: 3, free: all(3) },
  { name: "positive", support: v.positive, shape: [3], dimension: 3, free: all(3) },
  { name: "positive by softplus", support: v.positiveBySoftplus, shape: [3], dimension: 3, free: all(3) },
  { name: "upper", support: v.upper(2), shape: [3], dimension: 3, free: all(3) },
  { name: "interval", support: v.interval(-1, 3), shape: [3], dimension: 3, free: all(3) },
  { name: "affine", support: v.affine(2, 3), shape: [3], dimension: 3, free: all(3) },
  { name: "ordered", support: v.ordered, shape: [4], dimension: 4, free: all(4) },
  { name: "positiveOrdered", support: v.positiveOrdered, shape: [4], dimension: 4, free: all(4) },
  { name: "simplex", support: v.simplex, shape: [4], dimension: 3, free: all(3) },
  { name: "simplex of 2", support: v.simplex, shape: [2], dimension: 1, free: all(1) },
  { name: "simplex by log ratios", support: v.simplexByLogRatio, shape: [4], dimension: 3, free: all(3) },
  { name: "simplex by softmax", support: v.simplexBySoftmax, shape: [4], dimension: 3, free: all(3) },
  { name: "simplex of 2 by softmax", support: v.simplexBySoftmax, shape: [2], dimension: 1, free: all(1) },
  { name: "l1Ball", support: v.l1Ball, shape: [4], dimension: 4, free: all(4) },
  { name: "l1Ball of 1", support: v.l1Ball, shape: [1], dimension: 1, free: all(1) },
  { name: "choleskyCorrelation", support: v.choleskyCorrelation, shape: [4, 4], dimension: 6, free: below(4, false) },
  { name: "choleskyCorrelation of 2", support: v.choleskyCorrelation, shape: [2, 2], dimension: 1, free: [2] },
  { name: "correlation", support: v.correlation, shape: [4, 4], dimension: 6, free: below(4, false) },
  { name: "choleskyCovariance", support: v.choleskyCovariance, shape: [3, 3], dimension: 6, free: below(3, true) },
  { name: "covariance", support: v.covariance, shape: [3, 3], dimension: 6, free: below(3, true) },
];
const coordinates = (n: number, size: number): number[] => all(n).map((k) => size * Math.sin(1 + 2.3 * k));

describe.each(list.map((c) => [c.name, c] as const))("%s", (_name, c) => {
  test.each([0.1, 0.8, 2.5])(
    "has its values on the support and the log determinant of its Jacobian at size %f",
    (size) => {
      const { value, logJacobian, jacobian } = transform(c.support, c.shape, coordinates(c.dimension, size));
      checkValues("value", value, c.support, value.length);
      const expected = logDeterminant(c.free.map((e) => jacobian[e]!));
      expect(Math.abs(logJacobian - expected)).toBeLessThan(1e-11 * (1 + Math.abs(expected)));
    },
  );
});

test("zero-sum vectors add up to 0 and keep lengths", () => {
  const { value, logJacobian, jacobian } = transform(v.zeroSum, [5], coordinates(4, 1.5));
  expect(Math.abs(value.reduce((a, b) => a + b, 0))).toBeLessThan(1e-14);
  expect(logJacobian).toBe(0);
  for (let i = 0; i < 4; i++)
    for (let j = 0; j < 4; j++)
      expect(jacobian.reduce((s, row) => s + row[i]! * row[j]!, 0)).toBeCloseTo(i === j ? 1 : 0, 14);
});

test("unit vectors are directions of normal vectors", () => {
  const u = coordinates(3, 1.5);
  const { value, logJacobian } = transform(v.unitVector, [3], u);
  const length = Math.hypot(...u);
  value.forEach((x, i) => {
    expect(x).toBeCloseTo(u[i]! / length, 14);
  });
  expect(logJacobian).toBeCloseTo(-0.5 * length * length, 13);
});

test("an affine support is the same posterior in other coordinates", () => {
  const log = (support: Support | undefined, theta: readonly number[]): number => {
    const compiled = v
      .model(({ sample }) => {
        const m = sample("m", v.normal(0, 1));
        const s = sample("s", v.exponential(1));
        sample("x", v.normal(m, s), support ? { support: v.affine(m, s) } : {});
      })
      .compile();
    const value = compiled.logDensityGradient(Float64Array.from(theta), new Float64Array(3));
    compiled.dispose();
    return value;
  };
  // x = m + s z: the densities differ by the Jacobian, log s.
  const [m, u, z] = [0.3, -0.5, 1.2];
  const s = Math.exp(u);
  expect(log(v.real, [m, u, z])).toBeCloseTo(log(undefined, [m, u, m + s * z]) + u, 13);
  expect(() => v.affine(0, -1)).toThrow(RangeError);
});

test("LKJ factors are samples of correlation matrices with the density that they claim", () => {
  // Integrals over the one or three free partial correlations; K = 2 by Simpson's rule.
  for (const eta of [0.75, 1, 2.5]) {
    const d = v.lkjCholesky(2, eta);
    let sum = 0;
    const n = 4000;
    for (let i = 0; i <= n; i++) {
      const t = -18 + (36 * i) / n;
      const r = Math.tanh(t);
      const rest = 1 / Math.cosh(t);
      const p = Math.exp(
        d.logProb([
          [1, 0],
          [r, rest],
        ]) as number,
      );
      sum += p * rest * rest * (i % 2 ? 4 : 2);
    }
    expect(Math.abs((sum * 36) / (3 * n) - 1)).toBeLessThan(1e-10);
  }
  // K = 3, η = 1 is uniform over the elliptope, whose volume is π²/2.
  const three = [
    [1, 0, 0],
    [0.3, Math.sqrt(1 - 0.09), 0],
    [-0.2, 0.5, Math.sqrt(1 - 0.29)],
  ];
  const toMatrix = Math.log(three[1]![1]!); // Π L_ii^(K − i)
  expect((v.lkjCholesky(3, 1).logProb(three) as number) - toMatrix).toBeCloseTo(-Math.log(Math.PI ** 2 / 2), 12);
  const x = v.lkjCholesky(3, 2).sample(20_000, { seed: 4 });
  let square = 0;
  for (let i = 0; i < x.length; i += 9) square += x[i + 3]! ** 2 / 20_000;
  // r₂₁ = 2b − 1 for b ~ beta(η + 1/2, η + 1/2): variance 1/(2η + 2).
  expect(Math.abs(square - 1 / 6)).toBeLessThan(5 * Math.sqrt(2 / 36 / 20_000));
  expect(v.klDivergence(v.lkjCholesky(2, 2), v.lkjCholesky(2, 3))).toBeCloseTo(
    v.klDivergence(v.beta(2, 2), v.beta(3, 3)) as number,
    12,
  );
});

test("Wishart factors multiply out to the mean of the Wishart, and their KL is that of gamma variates in one dimension", () => {
  const tril = [
    [1.5, 0],
    [0.4, 0.8],
  ];
  const n = 20_000;
  const x = v.wishartCholesky(5, tril).sample(n, { seed: 1 });
  const mean = [0, 0, 0];
  for (let i = 0; i < x.length; i += 4) {
    mean[0]! += x[i]! ** 2 / n;
    mean[1]! += (x[i]! * x[i + 2]!) / n;
    mean[2]! += (x[i + 2]! ** 2 + x[i + 3]! ** 2) / n;
  }
  const v00 = 2.25;
  const v01 = 0.6;
  const v11 = 0.8;
  const variances = [2 * v00 * v00, v01 * v01 + v00 * v11, 2 * v11 * v11];
  [v00, v01, v11].forEach((m, i) => {
    expect(Math.abs(mean[i]! - 5 * m)).toBeLessThan(5 * Math.sqrt((5 * variances[i]!) / n));
  });
  expect(v.klDivergence(v.wishartCholesky(5, [[1.5]]), v.wishartCholesky(3, [[0.5]]))).toBeCloseTo(
    v.klDivergence(v.gamma(2.5, 1 / 4.5), v.gamma(1.5, 2)) as number,
    12,
  );
});

test("a normal of low rank has the KL of its covariance, on either side", () => {
  const low = v.multivariateNormalLowRank([0.5, -1], [[1], [0.5]], [1, 2]);
  // [[2, 0.5], [0.5, 2.25]]
  const full = v.multivariateNormal(
    [0.5, -1],
    [
      [Math.SQRT2, 0],
      [0.5 / Math.SQRT2, Math.sqrt(2.125)],
    ],
  );
  const other = v.multivariateNormal(
    [0, 0],
    [
      [1.5, 0],
      [0.4, 0.8],
    ],
  );
  expect(v.klEstimate(low, other).exact).toBe(true);
  expect(v.klDivergence(low, other)).toBeCloseTo(v.klDivergence(full, other) as number, 13);
  expect(v.klDivergence(other, low)).toBeCloseTo(v.klDivergence(other, full) as number, 13);
});

test("a low-rank normal has the density and the samples of its covariance", () => {
  const w = [
    [1, 0.5],
    [-0.5, 0.25],
    [0, 2],
  ];
  const d = v.multivariateNormalLowRank([1, 2, 3], w, [1, 0.5, 2]);
  const c = w.map((a, i) => w.map((b, j) => a[0]! * b[0]! + a[1]! * b[1]! + (i === j ? [1, 0.5, 2][i]! : 0)));
  // Cholesky by hand.
  const l = [
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 0],
  ];
  for (let i = 0; i < 3; i++)
    for (let j = 0; j <= i; j++) {
      let s = c[i]![j]!;
      for (let k = 0; k < j; k++) s -= l[i]![k]! * l[j]![k]!;
      l[i]![j] = i === j ? Math.sqrt(s) : s / l[j]![j]!;
    }
  expect(d.logProb([0.5, 2.5, 1])).toBeCloseTo(v.multivariateNormal([1, 2, 3], l).logProb([0.5, 2.5, 1]) as number, 12);
  const n = 20_000;
  const x = d.sample(n, { seed: 2 });
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++) {
      let s = 0;
      for (let r = 0; r < x.length; r += 3) s += ((x[r + i]! - i - 1) * (x[r + j]! - j - 1)) / n;
      expect(Math.abs(s - c[i]![j]!)).toBeLessThan(5 * Math.sqrt((c[i]![j]! ** 2 + c[i]![i]! * c[j]![j]!) / n));
    }
});
