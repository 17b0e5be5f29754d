// The dense linear algebra and the elementary functions that run outside the core.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import {
  cholesky,
  choleskyInverse,
  choleskySolve,
  invertLower,
  logDiagonal,
  lowerTimesTransposed,
  multiplyLower,
  multiplyLowerTransposed,
} from "../src/linalg/cholesky.js";
import { symmetricEigen } from "../src/linalg/eigen.js";
import { exp, expm1, log, log1p, logMeanExp, normalQuantile } from "../src/linalg/elementary.js";
import { orthonormalise } from "../src/linalg/qr.js";
import { allFinite, dot, maxAbs } from "../src/linalg/vector.js";
import { randomSource } from "./support/random.js";

const random = randomSource(1);
const matrix = (rows: number, columns: number): Float64Array =>
  Float64Array.from({ length: rows * columns }, () => random.normal());
const multiply = (a: Float64Array, b: Float64Array, n: number, k: number, m: number): Float64Array => {
  const out = new Float64Array(n * m);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++) for (let l = 0; l < k; l++) out[i * m + j]! += a[i * k + l]! * b[l * m + j]!;
  return out;
};
const transpose = (a: Float64Array, rows: number, columns: number): Float64Array =>
  Float64Array.from({ length: rows * columns }, (_, i) => a[(i % rows) * columns + Math.floor(i / rows)]!);
const distance = (a: Float64Array, b: Float64Array): number => maxAbs(a.map((v, i) => v - b[i]!));
const identity = (n: number): Float64Array =>
  Float64Array.from({ length: n * n }, (_, i) => (i % n === Math.floor(i / n) ? 1 : 0));

test("a Cholesky factor multiplies back, solves, inverts, and gives the log determinant", () => {
  for (const n of [1, 2, 3, 7, 20]) {
    const x = matrix(n, n + 2);
    const a = multiply(x, transpose(x, n, n + 2), n, n + 2, n);
    const l = a.slice();
    expect(cholesky(l, n)).toBe(true);
    const scale = maxAbs(a);
    expect(distance(lowerTimesTransposed(l, n), a)).toBeLessThan(1e-14 * n * scale);
    const inverse = choleskyInverse(l, n);
    const conditioning = scale * maxAbs(inverse);
    expect(distance(multiply(a, inverse, n, n, n), identity(n))).toBeLessThan(1e-15 * n * n * conditioning);
    const b = matrix(n, 1);
    const solved = b.slice();
    choleskySolve(l, n, solved);
    expect(distance(multiply(a, solved, n, n, 1), b)).toBeLessThan(1e-15 * n * n * conditioning);
    const eigenvalues = symmetricEigen(a, n)!.values;
    expect(2 * logDiagonal(l, n)).toBeCloseTo(
      eigenvalues.reduce((s, v) => s + Math.log(v), 0),
      9,
    );
    const v = matrix(n, 1);
    const lv = new Float64Array(n);
    multiplyLower(l, n, v, 0, lv, 0);
    expect(distance(lv, multiply(l, v, n, n, 1))).toBeLessThan(1e-14 * n * scale);
    multiplyLowerTransposed(l, n, v, 0, lv, 0);
    expect(distance(lv, multiply(transpose(l, n, n), v, n, n, 1))).toBeLessThan(1e-14 * n * scale);
    expect(distance(multiply(invertLower(l, n), l, n, n, n), identity(n))).toBeLessThan(1e-14 * n * conditioning);
  }
});

test("a matrix that is not positive definite, or holds a NaN, has no Cholesky factor", () => {
  expect(cholesky(Float64Array.of(1, 2, 2, 1), 2)).toBe(false);
  expect(cholesky(Float64Array.of(0), 1)).toBe(false);
  expect(cholesky(Float64Array.of(Number.NaN), 1)).toBe(false);
  expect(cholesky(Float64Array.of(1, 0, Number.NaN, 1), 2)).toBe(false);
});

test("eigenvectors are orthonormal and rebuild the matrix, with repeated, zero and negative eigenvalues too", () => {
  for (const n of [1, 2, 3, 5, 12, 40]) {
    const x = matrix(n, n);
    const cases = [
      x.map((v, i) => v + x[(i % n) * n + Math.floor(i / n)]!),
      identity(n),
      new Float64Array(n * n),
      multiply(x, transpose(x, n, n), n, n, n).map((v) => 1e-200 * v),
      multiply(x.slice(0, n), x.slice(0, n), n, 1, n),
    ];
    for (const a of cases) {
      const { values, vectors } = symmetricEigen(a, n)!;
      const scaled = vectors.map((v, i) => v * values[Math.floor(i / n)]!);
      const rebuilt = multiply(transpose(vectors, n, n), scaled, n, n, n);
      expect(distance(rebuilt, a)).toBeLessThanOrEqual(1e-14 * n * maxAbs(a));
      expect(distance(multiply(vectors, transpose(vectors, n, n), n, n, n), identity(n))).toBeLessThan(1e-14 * n);
      for (let i = 1; i < n; i++) expect(values[i]!).toBeGreaterThanOrEqual(values[i - 1]!);
    }
  }
  expect(symmetricEigen(Float64Array.of(1, 0, Number.NaN, 1), 2)).toBeUndefined();
});

test("eigenvalues of the second-difference matrix are 2 - 2 cos(pi k / (n + 1))", () => {
  const n = 30;
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    a[i * n + i] = 2;
    if (i > 0) a[i * n + i - 1] = a[(i - 1) * n + i] = -1;
  }
  const { values } = symmetricEigen(a, n)!;
  for (let i = 0; i < n; i++) expect(values[i]).toBeCloseTo(2 - 2 * Math.cos((Math.PI * (i + 1)) / (n + 1)), 13);
});

test("Gram-Schmidt gives orthonormal vectors, also for nearly dependent ones, and a zero vector for a dependent one", () => {
  const n = 9;
  const k = 4;
  const a = matrix(k, n);
  for (let i = 0; i < n; i++) {
    a[n + i] = a[i]! + 1e-9 * a[n + i]!;
    a[3 * n + i] = a[i]! - 2 * a[2 * n + i]!;
  }
  const q = a.slice();
  const r = new Float64Array(k * k);
  expect(orthonormalise(q, k, n, r)).toBe(3);
  const gram = multiply(q, transpose(q, k, n), k, n, k);
  const expected = identity(k);
  expected[15] = 0;
  expect(distance(gram, expected)).toBeLessThan(1e-14);
  expect(distance(multiply(transpose(r, k, k), q, k, k, n), a)).toBeLessThan(1e-13);
});

const ulps = (got: number, expected: number): number => {
  if (Object.is(got, expected) || got === expected) return 0;
  const ulp = 2 ** Math.max(-1074, Math.floor(Math.log2(Math.abs(expected))) - 52);
  return Math.abs(got - expected) / ulp;
};

test("exp, log, log1p and expm1 agree with the host's to a few units in the last place, and at the ends of their ranges", () => {
  let worst = [0, 0, 0, 0];
  for (let i = 0; i < 40_000; i++) {
    const x = random.normal() * 10 ** (6 * random.uniform() - 4);
    const positive = 2 ** (2040 * random.uniform() - 1020);
    worst = [
      Math.max(worst[0]!, ulps(exp(x), Math.exp(x))),
      Math.max(worst[1]!, ulps(log(positive), Math.log(positive))),
      x > -1 ? Math.max(worst[2]!, ulps(log1p(x), Math.log1p(x))) : worst[2]!,
      Math.max(worst[3]!, ulps(expm1(x), Math.expm1(x))),
    ];
  }
  expect(worst[0]).toBeLessThanOrEqual(1);
  expect(worst[1]).toBeLessThanOrEqual(1);
  expect(worst[2]).toBeLessThanOrEqual(3);
  expect(worst[3]).toBeLessThanOrEqual(3);
  // 30-digit values from mpmath.
  expect(exp(-745)).toBe(5e-324);
  expect(exp(709.78)).toBe(1.7928227943945155e308);
  expect([exp(0), exp(710), exp(-746), exp(-Infinity), exp(Infinity)]).toEqual([1, Infinity, 0, 0, Infinity]);
  expect(log(5e-324)).toBe(-744.4400719213812);
  expect([log(1), log(0), log(Infinity)]).toEqual([0, -Infinity, Infinity]);
  expect([log(-1), exp(Number.NaN), log(Number.NaN), log1p(-2)]).toEqual([
    Number.NaN,
    Number.NaN,
    Number.NaN,
    Number.NaN,
  ]);
  expect([log1p(-1), log1p(1e-300), expm1(1e-300), expm1(-1000)]).toEqual([-Infinity, 1e-300, 1e-300, -1]);
});

test("the log of a mean of exponentials neither overflows nor hides an infinity", () => {
  expect(logMeanExp(Float64Array.of(1000, 1000))).toBe(1000);
  expect(logMeanExp(Float64Array.of(-Infinity, -Infinity))).toBe(-Infinity);
  expect(logMeanExp(Float64Array.of(0, -Infinity))).toBeCloseTo(-Math.LN2, 15);
  expect(dot(Float64Array.of(1, 2, 3, 4, 5), Float64Array.of(1, 1, 1, 1, 1))).toBe(15);
  expect(allFinite(Float64Array.of(1, Infinity))).toBe(false);
  expect(allFinite(Float64Array.of(1, 2))).toBe(true);
});

test("the normal quantile agrees with 17-digit values from the centre to the far tail", () => {
  // scipy.special.ndtri, checked with mpmath.
  for (const [p, z] of [
    [1e-300, -37.0470962993612],
    [1e-20, -9.262340089798407],
    [1e-5, -4.264890793922825],
    [0.02, -2.053748910631823],
    [0.0749, -1.4402382675279637],
    [0.3, -0.5244005127080408],
    [0.5, 0],
    [0.975, 1.9599639845400538],
  ] as const)
    expect(Math.abs(normalQuantile(p) - z)).toBeLessThan(2e-15 * Math.max(1, Math.abs(z)));
  expect([normalQuantile(0), normalQuantile(1), normalQuantile(-1)]).toEqual([-Infinity, Infinity, Number.NaN]);
});

test("the deterministic layers use only those Math functions that ECMAScript specifies exactly", () => {
  const root = fileURLToPath(new URL("../src", import.meta.url));
  const exact = new Set([
    "PI",
    "LN2",
    "LN10",
    "LOG2E",
    "sqrt",
    "abs",
    "floor",
    "ceil",
    "max",
    "min",
    "round",
    "sign",
    "trunc",
    "imul",
    "clz32",
    "fround",
  ]);
  const wrong: string[] = [];
  for (const folder of ["linalg", "diagnostics", "optim", "vi"])
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".ts")) continue;
      const code = readFileSync(join(root, folder, file), "utf8").replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, "");
      for (const [, name] of code.matchAll(/\bMath\.(\w+)/g))
        if (!exact.has(name!)) wrong.push(`${folder}/${file} ${name}`);
      if (/\*\*/.test(code)) wrong.push(`${folder}/${file} **`);
    }
  expect(wrong).toEqual([]);
});
