// Sobol points: the unscrambled ones against known values, the net property and its survival under scrambling, uniformity and
// independence of the scramblings, and what it is for: integration errors far below independent sampling.

import { expect, test } from "vitest";
import { directionNumbers, MAX_SOBOL_DIMENSIONS, Sobol } from "../src/core/sobol.js";
import { correlationScore, kolmogorov, kolmogorovTail, normalCdf, openCore } from "./random-support.js";

const plain = { scramble: false } as const;
const row = (values: Float64Array, dimension: number, points: number): Float64Array =>
  values.subarray(dimension * points, (dimension + 1) * points);

test("the first unscrambled points are those of Joe and Kuo's generator", () => {
  const sobol = new Sobol(6);
  const points = sobol.points(8, plain);
  const eighths = [
    [0, 0, 0, 0, 0, 0],
    [4, 4, 4, 4, 4, 4],
    [6, 2, 2, 2, 6, 6],
    [2, 6, 6, 6, 2, 2],
    [3, 3, 5, 7, 3, 1],
    [7, 7, 1, 3, 7, 5],
    [5, 1, 7, 5, 5, 7],
    [1, 5, 3, 1, 1, 3],
  ];
  for (let d = 0; d < 6; d++)
    expect([...row(points, d, 8)].map((u) => (u - 2 ** -33) * 8)).toEqual(eighths.map((point) => point[d]));
  sobol.dispose();
});

test("2,048 points in 1,024 dimensions hash to scipy's, and single coordinates agree", () => {
  const sobol = new Sobol(1024);
  const n = 2048;
  const points = sobol.points(n, plain);
  let hash = 0;
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let d = 0; d < 1024; d++) sum += (d + 1) * Math.floor(points[d * n + i]! * 2 ** 11);
    hash = (hash * 31 + sum) % 2 ** 32;
  }
  expect(hash).toBe(2006974464);
  for (const [index, dimensions] of [
    [
      1000,
      { 0: 943718400, 1: 415236096, 2: 2227175424, 9: 297795584, 99: 801112064, 499: 1094713344, 1023: 3066036224 },
    ],
    [
      2047,
      { 0: 2097152, 1: 2694840320, 2: 3999268864, 9: 1914699776, 99: 3697278976, 499: 3646947328, 1023: 1377828864 },
    ],
  ] as const)
    for (const [d, value] of Object.entries(dimensions))
      expect(Math.floor(points[Number(d) * n + index]! * 2 ** 32)).toBe(value);
  sobol.dispose();
});

test("a point depends on its index and dimension alone: any range of points, any number of dimensions", () => {
  const big = new Sobol(9);
  const small = new Sobol(4);
  for (const options of [{}, plain, { normal: true }] as const) {
    const whole = big.points(100, { ...options, seed: [3, 4], stream: 5 });
    for (const [first, points] of [
      [0, 1],
      [1, 2],
      [2, 7],
      [3, 64],
      [37, 63],
      [99, 1],
      [50, 0],
    ] as const) {
      const part = small.points(points, { ...options, seed: [3, 4], stream: 5, first });
      for (let d = 0; d < 4; d++) expect(row(part, d, points)).toEqual(row(whole, d, 100).slice(first, first + points));
    }
  }
  expect(small.points(8, { first: 2 ** 32 - 8 }).every((u) => u > 0 && u < 1)).toBe(true);
  big.dispose();
  small.dispose();
});

test("every dimension, scrambled: 2^m points lie one in each interval of 2^-m, in every aligned block", () => {
  const sobol = new Sobol(MAX_SOBOL_DIMENSIONS);
  for (const [n, first] of [
    [256, 0],
    [64, 192],
    [16, 2 ** 20 - 16],
  ] as const) {
    const points = sobol.points(n, { seed: [1, 2], first });
    for (let d = 0; d < MAX_SOBOL_DIMENSIONS; d++) {
      const seen = new Set(Array.from(row(points, d, n), (u) => Math.floor(u * n)));
      if (seen.size !== n) throw new Error(`dimension ${d}: ${seen.size} of ${n} intervals`);
    }
  }
  sobol.dispose();
});

/** Points per elementary box of 2^-a by 2^-b. */
function boxes(x: Float64Array, y: Float64Array, a: number, b: number): number[] {
  const counts = new Array<number>(2 ** (a + b)).fill(0);
  for (let i = 0; i < x.length; i++) counts[Math.floor(x[i]! * 2 ** a) * 2 ** b + Math.floor(y[i]! * 2 ** b)]! += 1;
  return counts;
}

test("the first two dimensions, scrambled, are a (0, m, 2)-net in base 2", () => {
  const sobol = new Sobol(2);
  for (const seed of [1, 2, 3, 4, 5])
    for (const m of [4, 7, 10]) {
      const n = 2 ** m;
      const points = sobol.points(n, { seed: [seed, 0] });
      for (let a = 0; a <= m; a++)
        expect(boxes(row(points, 0, n), row(points, 1, n), a, m - a).every((c) => c === 1)).toBe(true);
    }
  sobol.dispose();
});

test("scrambling only permutes boxes: their occupation numbers are those of the unscrambled net, for any pair", () => {
  const sobol = new Sobol(60);
  const n = 512;
  const before = sobol.points(n, plain);
  const after = sobol.points(n, { seed: [11, 12] });
  const order = (x: number, y: number): number => x - y;
  for (const [i, j] of [
    [2, 3],
    [4, 9],
    [17, 23],
    [40, 59],
  ] as const)
    for (let a = 0; a <= 9; a++) {
      const was = boxes(row(before, i, n), row(before, j, n), a, 9 - a);
      const is = boxes(row(after, i, n), row(after, j, n), a, 9 - a);
      expect(is.sort(order)).toEqual(was.sort(order));
    }
  sobol.dispose();
});

test("a scrambling is uniform: over seeds every point is uniform, and every node of the digit tree flips by itself", () => {
  const sobol = new Sobol(3);
  const seeds = 4096;
  const depth = 5;
  const nodes = 2 ** depth - 1;
  // Node (level, prefix) of dimension 0: does the scrambling flip the next digit?
  const flips = Array.from({ length: 3 * nodes }, () => new Float64Array(seeds));
  const point = new Float64Array(seeds);
  const n = 2 ** depth;
  const before = sobol.points(n, plain);
  for (let s = 0; s < seeds; s++) {
    const after = sobol.points(n, { seed: [s, 0], stream: 1 });
    point[s] = after[7]!;
    for (let d = 0; d < 3; d++)
      for (let i = 0; i < n; i++) {
        const [u, v] = [before[d * n + i]!, after[d * n + i]!];
        for (let level = 0; level < depth; level++) {
          const node = 2 ** level - 1 + Math.floor(u * 2 ** level);
          flips[d * nodes + node]![s] = (Math.floor(u * 2 ** (level + 1)) ^ Math.floor(v * 2 ** (level + 1))) & 1;
        }
      }
  }
  expect(kolmogorovTail(kolmogorov(point, (u) => u))).toBeGreaterThan(1e-4);
  for (const flip of flips) {
    const mean = flip.reduce((a, b) => a + b, 0) / seeds;
    expect(Math.abs(mean - 0.5) * 2 * Math.sqrt(seeds)).toBeLessThan(4.5);
  }
  // 93 nodes: 4,278 pairs.
  for (let i = 0; i < flips.length; i++)
    for (let j = 0; j < i; j++) expect(Math.abs(correlationScore(flips[i]!, flips[j]!)), `${i}, ${j}`).toBeLessThan(5);
  sobol.dispose();
});

test("normals are the uniforms through the normal quantile function", () => {
  const sobol = new Sobol(5);
  const options = { seed: [8, 9] } as const;
  const u = sobol.points(1000, options);
  const z = sobol.points(1000, { ...options, normal: true });
  for (let i = 0; i < u.length; i++) expect(Math.abs(normalCdf(z[i]!) - u[i]!)).toBeLessThan(1e-14);
  sobol.dispose();
});

test("integration: variance over scramblings far below independent points, mean right", () => {
  const dimension = 5;
  const sobol = new Sobol(dimension);
  // E prod(1 + (x_j^2 - 1) / (2 j)) = 1 for standard normals; the variance of one point is prod(1 + 1 / (2 j^2)) - 1.
  const integrand = (z: Float64Array, n: number, i: number): number => {
    let product = 1;
    for (let j = 0; j < dimension; j++) product *= 1 + (z[j * n + i]! ** 2 - 1) / (2 * (j + 1));
    return product;
  };
  let single = 1;
  for (let j = 1; j <= dimension; j++) single *= 1 + 1 / (2 * j * j);
  single -= 1;
  const scramblings = 200;
  for (const [n, gain] of [
    [64, 4],
    [1024, 20],
  ] as const) {
    let [sum, square] = [0, 0];
    for (let s = 0; s < scramblings; s++) {
      const z = sobol.points(n, { seed: [s, 77], normal: true });
      let mean = 0;
      for (let i = 0; i < n; i++) mean += integrand(z, n, i) / n;
      sum += mean - 1;
      square += (mean - 1) ** 2;
    }
    const variance = square / scramblings;
    expect(Math.abs(sum / scramblings) / Math.sqrt(variance / scramblings)).toBeLessThan(4.5);
    expect(single / n / variance).toBeGreaterThan(gain);
  }
  // A smooth function of uniforms: sum of exp(x_j), three dimensions.
  const uniform = new Sobol(3);
  const exact = 3 * (Math.E - 1);
  const iid = (3 * ((Math.E ** 2 - 1) / 2 - (Math.E - 1) ** 2)) / 1024;
  let square = 0;
  for (let s = 0; s < scramblings; s++) {
    const u = uniform.points(1024, { seed: [5, s] });
    square += (u.reduce((a, x) => a + Math.exp(x), 0) / 1024 - exact) ** 2;
  }
  expect(iid / (square / scramblings)).toBeGreaterThan(1e5);
  sobol.dispose();
  uniform.dispose();
});

test("the debug and release builds give the same bits, and the relaxed build the same uniforms", () => {
  const directions = directionNumbers(7);
  const run = (name: "debug" | "release" | "relaxed", flags: number): Float64Array => {
    const core = openCore(name);
    const at = core.allocate(directions.byteLength);
    new Uint32Array(core.memory.buffer, at, directions.length).set(directions);
    const out = core.allocate(7 * 101 * 8);
    core.sobol(at, 7, 0, 101, 3, 1, 2, 3, 0, flags, out);
    return new Float64Array(core.memory.buffer, out, 7 * 101).slice();
  };
  for (const flags of [0, 1, 2, 3]) expect(run("debug", flags)).toEqual(run("release", flags));
  for (const flags of [0, 1]) expect(run("relaxed", flags)).toEqual(run("release", flags));
});

test("wrong arguments are refused by name", () => {
  expect(() => new Sobol(0)).toThrow(new RangeError("dimensions: expected an integer in 1..1024, got 0"));
  expect(() => new Sobol(1025)).toThrow(RangeError);
  expect(() => directionNumbers(1.5)).toThrow(RangeError);
  const sobol = new Sobol(1);
  expect(() => sobol.points(-1)).toThrow(new RangeError("points: expected an integer in 0..1048576, got -1"));
  expect(() => sobol.points(10, { first: 2 ** 32 - 9 })).toThrow("first: expected at most 4294967286, got 4294967287");
  expect(() => sobol.points(10, { stream: 2 ** 28 })).toThrow(RangeError);
  sobol.dispose();
});
