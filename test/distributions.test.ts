// Every distribution on numbers: its density integrates to 1, moments, entropies and distribution functions against tables of mpmath
// (scripts/distributions/reference.py), quantiles against distribution functions, samples against moments, and misuse.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import { cases, makers, readRows, relativeError } from "./distributions-support.js";

const rows = readRows(readFileSync(new URL("./distributions-table.txt", import.meta.url), "utf8")).map((words) => ({
  name: words[0]!,
  parameters: words[1]!.split(",").map(Number),
  mean: words[2] === "-" ? null : Number(words[2]),
  variance: words[3] === "-" ? null : Number(words[3]),
  entropy: Number(words[4]),
  cdf: words.slice(5).map((w) => w.split(":").map(Number) as [number, number]),
}));

describe.each(rows.map((r) => [`${r.name}(${r.parameters.join(", ")})`, r] as const))("%s", (_name, row) => {
  const d = makers[row.name]!(...row.parameters);

  test("has the mean, variance and entropy of the table", () => {
    if (row.mean !== null && row.name !== "vonMises")
      expect(relativeError(d.mean() as number, row.mean)).toBeLessThan(1e-12);
    if (row.variance !== null) expect(relativeError(d.variance() as number, row.variance)).toBeLessThan(1e-12);
    expect(relativeError(d.entropy() as number, row.entropy)).toBeLessThan(1e-12);
  });

  test("has the distribution function of the table", () => {
    const values = d.cdf(row.cdf.map(([x]) => x)) as Float64Array;
    row.cdf.forEach(([x, value], i) => {
      expect(relativeError(values[i]!, value), `cdf(${x})`).toBeLessThan(1e-12);
    });
  });
});

/** ∫ exp(log p) over the support by Simpson's rule on a scale where every density is smooth and its ends decay. */
function integral(d: v.Distribution, center: number, scale: number): number {
  const { low, high } = d.support;
  const n = 40_000;
  const end = Number.isFinite(low) && Number.isFinite(high) ? 40 : 45;
  const x = new Float64Array(n + 1);
  const weight = new Float64Array(n + 1);
  for (let i = 0; i <= n; i++) {
    const t = -end + (2 * end * i) / n;
    if (low === Number.NEGATIVE_INFINITY) {
      x[i] = center + scale * Math.sinh(t);
      weight[i] = scale * Math.cosh(t);
    } else if (high === Number.POSITIVE_INFINITY) {
      x[i] = low + scale * Math.exp(2 * t);
      weight[i] = 2 * scale * Math.exp(2 * t);
    } else {
      const e = Math.exp(-Math.abs(t));
      x[i] = t < 0 ? low + ((high - low) * e) / (1 + e) : high - ((high - low) * e) / (1 + e);
      weight[i] = ((high - low) * e) / (1 + e) ** 2;
    }
  }
  const p = d.logProb(x) as Float64Array;
  let sum = 0;
  // A density may be infinite at an end itself; what lies within a rounding of it is far below the bound.
  for (let i = 0; i <= n; i++) if (p[i]! > -700 && p[i]! < 700) sum += Math.exp(p[i]!) * weight[i]! * (i % 2 ? 4 : 2);
  return (sum * 2 * end) / (3 * n);
}

describe.each(cases.filter((c) => !c.make().eventShape.length).map((c) => [c.name, c] as const))("%s", (_name, c) => {
  const d = c.make();

  test("adds up to 1", () => {
    if (!d.discrete) {
      expect(Math.abs(integral(d, c.center ?? 0, c.scale ?? 1) - 1)).toBeLessThan(1e-10);
      return;
    }
    const last = Math.min(d.support.high, 5000);
    const p = d.logProb(
      Float64Array.from({ length: last - d.support.low + 1 }, (_, k) => d.support.low + k),
    ) as Float64Array;
    expect(Math.abs(p.reduce((a, x) => a + Math.exp(x), 0) - 1)).toBeLessThan(1e-10);
  });

  test("is −Infinity outside its support and NaN at NaN", () => {
    const { low, high } = d.support;
    const outside = [low - 1, high + 1, ...(d.discrete ? [low + 0.5] : [])].filter(Number.isFinite);
    if (d.name !== "vonMises") for (const x of outside) expect(d.logProb(x), `at ${x}`).toBe(Number.NEGATIVE_INFINITY);
    expect(d.logProb(Number.NaN)).toBeNaN();
    expect(d.logProb([Number.NaN, c.inside])).toEqual(Float64Array.of(Number.NaN, d.logProb(c.inside)));
  });

  test("gives samples within its support whose moments are its own", () => {
    const n = 40_000;
    const x = d.sample(n, { seed: 11 });
    expect(d.sample(n, { seed: 11 })).toEqual(x);
    expect(d.sample(100, { seed: 12 })).not.toEqual(x.subarray(0, 100));
    expect(x.every((s) => s >= d.support.low && s <= d.support.high)).toBe(true);
    if (c.moments === false) return;
    const mean = d.mean() as number;
    const variance = d.variance() as number;
    const average = x.reduce((a, s) => a + s, 0) / n;
    expect(Math.abs(average - mean) / Math.sqrt(variance / n)).toBeLessThan(5);
    const squares = x.map((s) => (s - mean) ** 2);
    const spread = squares.reduce((a, s) => a + s, 0) / n;
    const error = Math.sqrt(squares.reduce((a, s) => a + (s - spread) ** 2, 0) / n / n);
    expect(Math.abs(spread - variance) / error).toBeLessThan(5);
  });

  test("has quantiles that its distribution function undoes, and samples that follow it", () => {
    const p = [1e-6, 0.01, 0.2, 0.5, 0.8, 0.99, 1 - 1e-6];
    const x = d.quantile(p) as Float64Array;
    const back = d.cdf(x) as Float64Array;
    if (d.discrete) {
      const before = d.cdf(x.map((k) => k - 1)) as Float64Array;
      p.forEach((level, i) => {
        expect(back[i]!).toBeGreaterThanOrEqual(level);
        expect(before[i]!).toBeLessThan(level);
      });
    } else {
      p.forEach((level, i) => {
        expect(Math.abs(back[i]! - level), `at ${level}`).toBeLessThan(1e-12);
      });
    }
    expect(d.cdf([Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])).toEqual(
      Float64Array.of(Number.NaN, 0, 1),
    );
    expect(d.quantile(Number.NaN)).toBeNaN();
    expect(d.quantile(0)).toBe(d.support.low);
    // Kolmogorov–Smirnov at 20,000 draws; 1.95/√n is passed by all but one in a thousand.
    const n = 20_000;
    const drawn = d.sample(n, { seed: 7 }).sort();
    const f = d.cdf(drawn) as Float64Array;
    const f0 = d.discrete ? (d.cdf(drawn.map((k) => k - 1)) as Float64Array) : f;
    let distance = 0;
    for (let i = 0; i < n; i++) {
      if (i + 1 === n || drawn[i + 1] !== drawn[i]) distance = Math.max(distance, (i + 1) / n - f[i]!);
      if (i === 0 || drawn[i - 1] !== drawn[i]) distance = Math.max(distance, f0[i]! - i / n);
    }
    expect(distance).toBeLessThan(1.95 / Math.sqrt(n));
  });
});

test("the scale of an array of parameters is one distribution per element", () => {
  const d = v.normal([0, 10, 20], 2);
  expect(d.mean()).toEqual(Float64Array.of(0, 10, 20));
  expect(d.variance()).toEqual(Float64Array.of(4, 4, 4));
  expect(d.logProb([1, 11, 21])).toEqual(new Float64Array(3).fill(v.normal(0, 2).logProb(1)));
  expect(d.logProb(10)).toEqual(Float64Array.from([0, 10, 20], (m) => v.normal(m, 2).logProb(10)));
  expect(d.cdf([0, 10, 20])).toEqual(Float64Array.of(0.5, 0.5, 0.5));
  const x = d.sample(1000, { seed: 1 });
  expect(x.length).toBe(3000);
  expect(x.every((s, i) => Math.abs(s - (i % 3) * 10) < 10)).toBe(true);
});

test("arrays of any length give the numbers that single values give", () => {
  const d = v.gamma(2.5, 1.5);
  const x = d.sample(20_001, { seed: 3 });
  const all = d.logProb(x) as Float64Array;
  for (const i of [0, 1, 8191, 8192, 16_384, 20_000]) expect(all[i]).toBe(d.logProb(x[i]!));
  expect(d.logProb([])).toEqual(new Float64Array(0));
});

test("logit and log parametrisations are those of the probability and the mean", () => {
  const close = (a: number, b: number): void => expect(Math.abs(a - b)).toBeLessThan(1e-13 * (1 + Math.abs(b)));
  close(v.bernoulliLogit(0.5).mean() as number, 1 / (1 + Math.exp(-0.5)));
  close(v.binomialLogit(7, 0.5).cdf(3), v.binomial(7, 1 / (1 + Math.exp(-0.5))).cdf(3));
  close(v.poissonLog(1).variance() as number, Math.E);
  close(v.negativeBinomialLog(1, 2).variance() as number, Math.E + Math.E ** 2 / 2);
  expect(v.poissonLog(1).sample(50, { seed: 1 })).toEqual(v.poisson(Math.E).sample(50, { seed: 1 }));
  close(v.chiSquare(3).cdf(2), v.gamma(1.5, 0.5).cdf(2));
});

test("ordered logistic gives the probabilities that its samples and distribution function have", () => {
  const d = v.orderedLogistic(0.3, [-1, 0, 2]);
  const p = (d.logProb([0, 1, 2, 3]) as Float64Array).map(Math.exp);
  let sum = 0;
  p.forEach((x, k) => {
    sum += x;
    expect(Math.abs(d.cdf(k) - sum)).toBeLessThan(1e-15);
  });
  expect(Math.abs(sum - 1)).toBeLessThan(1e-15);
});

describe("multivariate families", () => {
  const tril = [
    [1.5, 0, 0],
    [0.5, 2, 0],
    [-0.25, 0.75, 1],
  ];
  const loc = [1, -2, 0.5];
  const covariance = tril.map((a) => tril.map((b) => a.reduce((s, x, k) => s + x * b[k]!, 0)));
  const list: [string, v.Distribution, (i: number, j: number) => number][] = [
    ["multivariateNormal", v.multivariateNormal(loc, tril), (i, j) => covariance[i]![j]!],
    ["multivariateStudentT", v.multivariateStudentT(9, loc, tril), (i, j) => (covariance[i]![j]! * 9) / 7],
    [
      "dirichlet",
      v.dirichlet([1.5, 3, 0.75]),
      (i, j) => {
        const a = [1.5, 3, 0.75];
        return ((i === j ? a[i]! * 5.25 : 0) - a[i]! * a[j]!) / (5.25 ** 2 * 6.25);
      },
    ],
    [
      "multinomial",
      v.multinomial(9, [0.2, 0.3, 0.5]),
      (i, j) => 9 * ((i === j ? [0.2, 0.3, 0.5][i]! : 0) - [0.2, 0.3, 0.5][i]! * [0.2, 0.3, 0.5][j]!),
    ],
  ];
  test.each(list)("%s has samples of its mean and covariance", (_name, d, expected) => {
    const n = 40_000;
    const x = d.sample(n, { seed: 5 });
    const mean = d.mean() as Float64Array;
    const variance = d.variance() as Float64Array;
    for (let i = 0; i < 3; i++) {
      expect(Math.abs(variance[i]! - expected(i, i))).toBeLessThan(1e-13 * (1 + variance[i]!));
      for (let j = 0; j < 3; j++) {
        const products = Float64Array.from(
          { length: n },
          (_, r) => (x[r * 3 + i]! - mean[i]!) * (x[r * 3 + j]! - mean[j]!),
        );
        const average = products.reduce((a, b) => a + b, 0) / n;
        const error = Math.sqrt(products.reduce((a, b) => a + (b - average) ** 2, 0)) / n;
        expect(Math.abs(average - expected(i, j)) / error).toBeLessThan(5);
      }
    }
    // −mean log p of the samples is the entropy, where there is a formula.
    const rows = Array.from({ length: n }, (_, r) => x.subarray(r * 3, r * 3 + 3));
    const logp = d.logProb(rows) as Float64Array;
    const average = logp.reduce((a, b) => a + b, 0) / n;
    const error = Math.sqrt(logp.reduce((a, b) => a + (b - average) ** 2, 0)) / n;
    expect(Math.abs(average + (d.entropy() as number)) / error).toBeLessThan(5);
  });

  test("a normal by its precision is that of the inverse covariance", () => {
    // C = L⁻ᵀ has precision C Cᵀ = (L Lᵀ)⁻¹ only when it is lower triangular: here L is diagonal.
    const a = v.multivariateNormal(
      [1, 2],
      [
        [2, 0],
        [0, 0.5],
      ],
    );
    const b = v.multivariateNormalPrecision(
      [1, 2],
      [
        [0.5, 0],
        [0, 2],
      ],
    );
    expect(b.logProb([0.3, 2.2])).toBeCloseTo(a.logProb([0.3, 2.2]) as number, 14);
    expect(b.variance()).toEqual(a.variance());
    const x = v
      .multivariateNormalPrecision(
        [0, 0],
        [
          [1, 0],
          [0.5, 2],
        ],
      )
      .sample(40_000, { seed: 2 });
    // The inverse of [[1, .5], [.5, 4.25]] is [[4.25, −.5], [−.5, 1]]/4.
    let product = 0;
    for (let i = 0; i < x.length; i += 2) product += (x[i]! * x[i + 1]!) / 40_000;
    expect(Math.abs(product + 0.125)).toBeLessThan(5 * Math.sqrt((1.0625 * 0.25 + 0.125 ** 2) / 40_000));
  });

  test("counts that do not add up to the trials have density 0", () => {
    expect(
      v.multinomial(3, [0.2, 0.8]).logProb([
        [1, 2],
        [1, 1],
        [4, -1],
      ]),
    ).toEqual(
      Float64Array.of(Math.log(3 * 0.2 * 0.64), -Infinity, -Infinity).map((x, i) =>
        i ? x : (v.multinomial(3, [0.2, 0.8]).logProb([1, 2]) as number),
      ),
    );
    expect(v.multinomial(3, [0.2, 0.8]).logProb([1, 2])).toBeCloseTo(Math.log(3 * 0.2 * 0.64), 14);
  });
});

describe("wrappers", () => {
  test("bounds that some elements of an array lack are those of each, also in a compiled function that is shared", () => {
    const one = (wrap: typeof v.truncated, low: number, high: number, x: number): number =>
      wrap(v.gamma(2.5, 1.5), low, high).logProb(x);
    const INF = Number.POSITIVE_INFINITY;
    for (const wrap of [v.truncated, v.censored])
      for (const [low, high] of [
        [
          [1, -INF],
          [3, 3],
        ],
        [
          [-INF, 1],
          [3, INF],
        ],
        [
          [0.5, 0],
          [INF, 2],
        ],
      ] as const) {
        const d = wrap(v.gamma([2.5, 2.5], 1.5), low, high);
        const x = [1.25, 1.75] as const;
        const found = d.logProb([...x]) as Float64Array;
        for (const i of [0, 1] as const) expect(found[i]).toBeCloseTo(one(wrap, low[i], high[i], x[i]), 13);
        const f = d.cdf([...x]) as Float64Array;
        for (const i of [0, 1] as const)
          expect(f[i]).toBeCloseTo(wrap(v.gamma(2.5, 1.5), low[i], high[i]).cdf(x[i]), 13);
      }
  });

  test("a truncated distribution is the conditional one", () => {
    const d = v.gamma(2, 1.5);
    const t = v.truncated(d, 1, 3);
    const mass = d.cdf(3) - d.cdf(1);
    expect(t.logProb(2)).toBeCloseTo(d.logProb(2) - Math.log(mass), 13);
    expect(t.cdf(2)).toBeCloseTo((d.cdf(2) - d.cdf(1)) / mass, 13);
    // Far in the upper tail, where 1 − cdf is below what a difference of cdfs can tell.
    const far = v.truncated(v.exponential(1), 60);
    expect(far.logProb(61)).toBeCloseTo(-1, 12);
    expect(v.truncated(v.normal(0, 1), 2, 3).name).toBe("truncatedNormal");
    expect(v.truncated(v.poisson(2), 1, 3).logProb(2)).toBeCloseTo(Math.log(2 / (2 + 2 + 8 / 6)), 13);
  });
  test("a censored value has the probability of all that it stands for", () => {
    const d = v.normal(0.5, 2);
    const c = v.censored(d, -1, 3);
    expect(c.logProb(-1)).toBeCloseTo(Math.log(d.cdf(-1)), 13);
    expect(c.logProb(3)).toBeCloseTo(Math.log(1 - d.cdf(3)), 13);
    expect(c.logProb(1)).toBe(d.logProb(1));
    expect(v.censored(v.normal(0, 1), undefined, 50).logProb(50)).toBeCloseTo(-1254.8313611394194, 9);
    expect(v.censored(v.poisson(2), undefined, 3).logProb(4)).toBeCloseTo(Math.log(1 - v.poisson(2).cdf(2)), 13);
    expect(v.censored(v.gamma(2, 1), undefined, 2).logProb(-1)).toBe(Number.NEGATIVE_INFINITY);
  });
  test("zero inflation adds to the probability of 0", () => {
    const d = v.zeroInflated(v.poisson(2), 0.3);
    expect(d.logProb(0)).toBeCloseTo(Math.log(0.3 + 0.7 * Math.exp(-2)), 14);
    expect(d.logProb(3)).toBeCloseTo(Math.log(0.7) + v.poisson(2).logProb(3), 14);
    expect(v.zeroInflated(v.poisson(2), 0).logProb(0)).toBe(-2);
  });
  test("independent distributions are one of an array", () => {
    const d = v.independent(v.normal([0, 1], [1, 2]));
    expect(d.logProb([0.5, 0.5])).toBeCloseTo(v.normal(0, 1).logProb(0.5) + v.normal(1, 2).logProb(0.5), 14);
    expect(
      d.logProb([
        [0.5, 0.5],
        [0, 0],
      ]),
    ).toHaveLength(2);
    expect(d.entropy()).toBeCloseTo((v.normal(0, 1).entropy() as number) + (v.normal(0, 2).entropy() as number), 14);
  });
});

describe("misuse names the argument", () => {
  const wrong: [string, () => unknown, ErrorConstructor, string][] = [
    [
      "a negative scale",
      () => v.normal(0, -1),
      RangeError,
      "normal(loc, scale): scale: expected a positive number, got -1",
    ],
    [
      "an infinite location",
      () => v.normal(Infinity, 1),
      RangeError,
      "normal(loc, scale): loc: expected a finite number, got Infinity",
    ],
    [
      "a probability above 1",
      () => v.bernoulli(1.5),
      RangeError,
      "bernoulli(probability): probability: expected a number in [0, 1], got 1.5",
    ],
    [
      "a probability of 0",
      () => v.geometric(0),
      RangeError,
      "geometric(probability): probability: expected a number in (0, 1], got 0",
    ],
    [
      "trials that are no integer",
      () => v.binomial(2.5, 0.5),
      RangeError,
      "binomial(trials, probability): trials: expected an integer of at least 0, got 2.5",
    ],
    [
      "a string",
      () => v.normal("a" as never, 1),
      TypeError,
      'normal(loc, scale): loc: expected a number, an array or a value of the model, got "a"',
    ],
    [
      "a missing parameter",
      () => (v.normal as (x: number) => unknown)(0),
      TypeError,
      "normal(loc, scale): scale: expected a number, an array or a value of the model, got undefined",
    ],
    ["NaN", () => v.gamma(Number.NaN, 1), RangeError, "gamma(shape, rate): shape: expected a number, got NaN"],
    [
      "arrays of unequal lengths",
      () => v.normal([1, 2, 3], [1, 2]),
      TypeError,
      "normal(loc, scale): expected equal shapes, got [3] and [2]",
    ],
    [
      "an element of an array",
      () => v.normal(0, [1, -2]),
      RangeError,
      "normal(loc, scale): scale[1]: expected a positive number, got -2",
    ],
    [
      "bounds in the wrong order",
      () => v.truncatedNormal(0, 1, 2, 1),
      RangeError,
      "truncatedNormal(loc, scale, low, high): expected low < high, got 2 and 1",
    ],
    [
      "probabilities that do not add up",
      () => v.categorical([0.5, 0.4]),
      RangeError,
      "categorical(probabilities): probabilities: expected numbers that add up to 1, got 0.9",
    ],
    [
      "a factor that is none",
      () =>
        v.multivariateNormal(
          [0, 0],
          [
            [1, 0],
            [0, 0],
          ],
        ),
      RangeError,
      "multivariateNormal(loc, scaleTril): scaleTril[1][1]: expected a positive number (a Cholesky factor), got 0",
    ],
    [
      "cutpoints out of order",
      () => v.orderedLogistic(0, [1, 0]),
      RangeError,
      "orderedLogistic(location, cutpoints): cutpoints[1]: expected a number above 1, got 0",
    ],
    [
      "values of another shape",
      () => v.dirichlet([1, 1]).logProb([0.2, 0.3, 0.5]),
      RangeError,
      "dirichlet.logProb(x): expected values of shape [2], got [3]",
    ],
    [
      "another number of values",
      () => v.normal([1, 2, 3], 1).logProb([1, 2]),
      RangeError,
      "normal.logProb(x): expected 3 values, as many as the parameters, got 2",
    ],
    [
      "a value of another type",
      () => v.normal(0, 1).logProb("1" as never),
      TypeError,
      'normal.logProb(x): expected a number, got "1"',
    ],
    [
      "a level above 1",
      () => v.normal(0, 1).quantile([0.5, 1.5]),
      RangeError,
      "normal.quantile(p)[1]: expected a number in [0, 1], got 1.5",
    ],
    [
      "a negative number of samples",
      () => v.normal(0, 1).sample(-1),
      RangeError,
      "normal.sample(n): expected an integer in 0..2147483648, got -1",
    ],
    [
      "an unknown option",
      () => v.normal(0, 1).sample(1, { sed: 1 } as never),
      TypeError,
      "normal.sample(n, options).sed: unknown option; expected one of seed, stream",
    ],
    ["what does not exist", () => v.dirichlet([1, 1]).cdf([0.5, 0.5]), TypeError, "dirichlet.cdf: not available"],
  ];
  test.each(wrong)("%s", (_what, call, kind, message) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });
});
