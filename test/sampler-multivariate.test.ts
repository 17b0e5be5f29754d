// The samplers with an inner axis: marginals against distribution functions computed here, means and covariances, exact
// identities.

import { expect, test } from "vitest";
import { Sampler } from "../assembly/samplers.js";
import { chiSquareScore, kolmogorov, kolmogorovTail, openCore } from "./random-support.js";
import { repeated, sample } from "./sampler-support.js";

const core = openCore("release");
const N = 100_000;

/** n copies of a row. */
const rows = (row: readonly number[], n: number): Float64Array => {
  const out = new Float64Array(n * row.length);
  for (let i = 0; i < out.length; i++) out[i] = row[i % row.length]!;
  return out;
};

/** The regularised incomplete beta function for integers or halves, by the continued fraction (Lentz). */
function betaCdf(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaCdf(1 - x, b, a);
  const lgamma = (z: number): number => {
    let shift = 0;
    let y = z;
    while (y < 12) shift += Math.log(y++);
    return (
      (y - 0.5) * Math.log(y) -
      y +
      0.5 * Math.log(2 * Math.PI) +
      1 / (12 * y) -
      1 / (360 * y ** 3) +
      1 / (1260 * y ** 5) -
      shift
    );
  };
  let c = 1;
  let d = 1 - ((a + b) * x) / (a + 1);
  d = 1 / d;
  let f = d;
  for (let m = 1; m < 300; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    f *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    f *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return (f / a) * Math.exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * Math.log(x) + b * Math.log1p(-x));
}

const column = (values: Float64Array, width: number, j: number): Float64Array =>
  Float64Array.from({ length: values.length / width }, (_, i) => values[i * width + j]!);

function moments(x: Float64Array, y = x): { mean: number; covariance: number } {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const other = y.reduce((a, b) => a + b, 0) / y.length;
  let covariance = 0;
  for (let i = 0; i < x.length; i++) covariance += (x[i]! - mean) * (y[i]! - other);
  return { mean, covariance: covariance / x.length };
}

test("betaCdf of this file agrees with closed forms", () => {
  expect(betaCdf(0.3, 1, 1)).toBeCloseTo(0.3, 10);
  expect(betaCdf(0.3, 2, 3)).toBeCloseTo(0.3483, 10);
  expect(betaCdf(0.3, 0.5, 0.5)).toBeCloseTo((2 / Math.PI) * Math.asin(Math.sqrt(0.3)), 10);
});

test("categorical: the shares of the weights, never a category of weight 0", () => {
  const weights = [0, 1, 2.5, 0, 3, 0.001, 4, 0];
  const values = sample(Sampler.Categorical, { core, parameters: [rows(weights, N)], n: N, inner: 8 });
  const counts = new Float64Array(8);
  for (const v of values) counts[v]! += 1;
  const total = weights.reduce((a, b) => a + b, 0);
  const score = chiSquareScore(
    counts,
    weights.map((w) => w / total),
    N,
  );
  expect(Math.abs(score)).toBeLessThan(4.5);
  const one = sample(Sampler.Categorical, { core, parameters: [rows([0, 0, 1e-300, 0], 500)], n: 500, inner: 4 });
  expect(one.every((v) => v === 2)).toBe(true);
});

test("multinomial: counts add up to the trials, with the right means, variances and covariances", () => {
  const weights = [1, 0, 2, 3, 4];
  const trials = 50;
  const values = sample(Sampler.Multinomial, {
    core,
    parameters: [new Float64Array(N).fill(trials), rows(weights, N)],
    n: N,
    inner: 5,
    width: 5,
  });
  for (let i = 0; i < N; i++) {
    let sum = 0;
    for (let j = 0; j < 5; j++) sum += values[i * 5 + j]!;
    if (sum !== trials) throw new Error(`row ${i} adds up to ${sum}`);
  }
  const p = weights.map((w) => w / 10);
  for (let j = 0; j < 5; j++)
    for (let k = 0; k <= j; k++) {
      const { mean, covariance } = moments(column(values, 5, j), column(values, 5, k));
      expect(Math.abs(mean - trials * p[j]!)).toBeLessThanOrEqual(4.5 * Math.sqrt((trials * p[j]! * (1 - p[j]!)) / N));
      const wanted = trials * (j === k ? p[j]! * (1 - p[j]!) : -p[j]! * p[k]!);
      const scale = trials * Math.sqrt(p[j]! * p[k]!);
      expect(Math.abs(covariance - wanted)).toBeLessThanOrEqual((6 * scale) / Math.sqrt(N));
    }
});

test.each([[[1, 2, 3, 4]], [[0.5, 0.5, 0.5]], [[10, 0.1, 1, 1, 1, 1, 1]], [[1e-3, 1e-3]]])(
  "dirichlet(%j): rows add up to 1, each coordinate is beta",
  (concentration) => {
    const k = concentration.length;
    const values = sample(Sampler.Dirichlet, { core, parameters: [rows(concentration, N)], n: N, inner: k, width: k });
    for (let i = 0; i < N; i++) {
      let sum = 0;
      for (let j = 0; j < k; j++) {
        const v = values[i * k + j]!;
        if (!(v > 0 && v <= 1)) throw new Error(`a coordinate is ${v}`);
        sum += v;
      }
      if (Math.abs(sum - 1) > 1e-14) throw new Error(`row ${i} adds up to ${sum}`);
    }
    const total = concentration.reduce((a, b) => a + b, 0);
    for (let j = 0; j < k; j++) {
      const a = concentration[j]!;
      const x = column(values, k, j);
      if (a >= 0.1) expect(kolmogorovTail(kolmogorov(x, (v) => betaCdf(v, a, total - a)))).toBeGreaterThan(1e-5);
      else expect(Math.abs(moments(x).mean - a / total) * Math.sqrt(N) * 2).toBeLessThan(4.5);
    }
  },
);

test("wishart: symmetric, E W = nu V, Var W_ij = nu (V_ij^2 + V_ii V_jj), W_ii / V_ii chi-square", () => {
  const d = 3;
  const factor = [1, 0, 0, 0.5, 2, 0, -1, 0.3, 0.7];
  const scale = Array.from({ length: 9 }, (_, at) => {
    const [i, j] = [Math.floor(at / 3), at % 3];
    let sum = 0;
    for (let k = 0; k < 3; k++) sum += factor[i * 3 + k]! * factor[j * 3 + k]!;
    return sum;
  });
  for (const nu of [2.5, 7]) {
    const n = 50_000;
    const values = sample(Sampler.Wishart, {
      core,
      parameters: [new Float64Array(n).fill(nu), rows(factor, n)],
      n,
      inner: d,
      width: 9,
      seed: [9, 9],
    });
    for (let i = 0; i < d; i++)
      for (let j = 0; j <= i; j++) {
        const x = column(values, 9, i * d + j);
        expect(column(values, 9, j * d + i)).toEqual(x);
        const v = scale[i * d + j]!;
        const variance = nu * (v * v + scale[i * d + i]! * scale[j * d + j]!);
        const { mean, covariance } = moments(x);
        expect(Math.abs(mean - nu * v) / Math.sqrt(variance / n)).toBeLessThan(4.5);
        expect(Math.abs(covariance / variance - 1)).toBeLessThan(5 * Math.sqrt(20 / n));
      }
    // W_ii / V_ii is chi-square; for seven degrees its distribution function is elementary
    if (nu !== 7) continue;
    const x = column(values, 9, 4).map((w) => w / scale[4]!);
    const cdf = (t: number): number => {
      const s = Math.sqrt(t);
      // odd degrees: erf and a finite sum
      let term = s * Math.sqrt(2 / Math.PI) * Math.exp(-t / 2);
      let sum = 0;
      for (let k = 1; k <= 3; k++) {
        sum += term;
        term *= t / (2 * k + 1);
      }
      return chiOne(t) - sum;
    };
    expect(kolmogorovTail(kolmogorov(x, cdf))).toBeGreaterThan(1e-4);
  }
});

/** P(chi-square with one degree < t). */
function chiOne(t: number): number {
  const x = Math.sqrt(t / 2);
  let term = x;
  let sum = x;
  if (x > 5) return 1;
  for (let n = 1; n < 300; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

test("LKJ: unit rows, positive diagonal, every correlation is 2 Beta(eta - 1 + d/2, same) - 1", () => {
  const n = 40_000;
  for (const [d, eta] of [
    [2, 1],
    [4, 1],
    [5, 2.5],
    [3, 0.5],
  ] as const) {
    const values = sample(Sampler.LkjCholesky, {
      core,
      parameters: repeated([eta], n),
      n,
      inner: d,
      width: d * d,
      seed: [3, 4],
    });
    for (let i = 0; i < n; i++)
      for (let r = 0; r < d; r++) {
        let square = 0;
        for (let k = 0; k < d; k++) {
          const v = values[(i * d + r) * d + k]!;
          if (k > r && v !== 0) throw new Error("not lower triangular");
          if (k === r && !(v > 0)) throw new Error("the diagonal is not positive");
          square += v * v;
        }
        if (Math.abs(square - 1) > 1e-14) throw new Error(`row ${r} has squared length ${square}`);
      }
    const shape = eta - 1 + d / 2;
    for (let r = 1; r < d; r++)
      for (let k = 0; k < r; k++) {
        const correlation = Float64Array.from({ length: n }, (_, i) => {
          let sum = 0;
          for (let j = 0; j < d; j++) sum += values[(i * d + r) * d + j]! * values[(i * d + k) * d + j]!;
          return sum;
        });
        const p = kolmogorovTail(kolmogorov(correlation, (v) => betaCdf((1 + v) / 2, shape, shape)));
        expect(p, `d = ${d}, eta = ${eta}, (${r}, ${k})`).toBeGreaterThan(1e-4);
      }
  }
});

test("dirichlet and multinomial of one category, wishart and LKJ of one dimension are what they must be", () => {
  const n = 100;
  const ones = new Float64Array(n).fill(1);
  expect(sample(Sampler.Dirichlet, { core, parameters: repeated([0.3], n), n, inner: 1 })).toEqual(ones);
  expect(sample(Sampler.Multinomial, { core, parameters: repeated([9, 2], n), n, inner: 1 })).toEqual(
    ones.map(() => 9),
  );
  expect(sample(Sampler.LkjCholesky, { core, parameters: repeated([2], n), n, inner: 1 })).toEqual(ones);
  const chi = sample(Sampler.Wishart, { core, parameters: repeated([5, 3], N), n: N, inner: 1 });
  const { mean, covariance } = moments(chi);
  expect(Math.abs(mean - 45) / Math.sqrt((10 * 81) / N)).toBeLessThan(4.5);
  expect(Math.abs(covariance / 810 - 1)).toBeLessThan(5 * Math.sqrt((2 + 12 / 5) / N));
});
