// KL divergences: closed forms and sums against quadrature in 30 digits (scripts/distributions/reference.py), exact zeros, infinities,
// vectors against what they reduce to, and the Monte Carlo estimate with its error.

import { readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import * as v from "../src/index.js";
import { cases, makers, readRows } from "./distributions-support.js";

const rows = readRows(readFileSync(new URL("./kl-table.txt", import.meta.url), "utf8")).map((w) => ({
  q: makers[w[0]!]!(...w[1]!.split(",").map(Number)),
  p: makers[w[2]!]!(...w[3]!.split(",").map(Number)),
  label: `${w[0]}(${w[1]}) from ${w[2]}(${w[3]})`,
  value: Number(w[4]),
}));

test.each(rows.map((r) => [r.label, r] as const))("%s", (_label, { q, p, value }) => {
  const found = v.klEstimate(q, p);
  expect(found.exact).toBe(true);
  expect(found.standardError).toBe(0);
  expect(Math.abs(found.value - value)).toBeLessThan(1e-12 * Math.max(1, Math.abs(value)));
  expect(v.klDivergence(q, p)).toBe(found.value);
});

test("a divergence from itself is 0 exactly, for every family and wrapper", () => {
  for (const c of cases) expect(v.klDivergence(c.make(), c.make()), c.name).toBe(0);
  const tril = [
    [1.5, 0],
    [0.3, 2],
  ];
  expect(v.klDivergence(v.multivariateNormal([1, 2], tril), v.multivariateNormal([1, 2], tril))).toBe(0);
  expect(v.klDivergence(v.dirichlet([1, 2, 3]), v.dirichlet([1, 2, 3]))).toBe(0);
});

test("is infinite where the support of q is not covered", () => {
  const list: [v.Distribution, v.Distribution][] = [
    [v.normal(0, 1), v.uniform(-9, 9)],
    [v.normal(0, 1), v.gamma(1, 1)],
    [v.uniform(0, 2), v.beta(1, 1)],
    [v.uniform(0, 2), v.uniform(0, 1)],
    [v.pareto(1, 2), v.pareto(1.5, 2)],
    [v.poisson(2), v.binomial(10, 0.5)],
    [v.bernoulli(0.5), v.bernoulli(0)],
    [v.categorical([0.5, 0.5]), v.categorical([1, 0])],
    [v.cauchy(0, 1), v.normal(0, 1)],
    [v.studentT(2, 0, 1), v.normal(0, 1)],
    [v.gamma(0.5, 1), v.inverseGamma(1, 1)],
    [v.truncated(v.gamma(2, 1), 0.5, 3), v.uniform(1, 3)],
  ];
  for (const [q, p] of list.filter(([q]) => q.name !== "cauchy"))
    expect(v.klDivergence(q, p), `${q.name} from ${p.name}`).toBe(Number.POSITIVE_INFINITY);
});

describe("vectors", () => {
  const normal = v.multivariateNormal(
    [0.5, -1],
    [
      [1.5, 0],
      [0.5, 0.75],
    ],
  );
  test("a diagonal Gaussian is a sum of univariate ones", () => {
    const q = v.multivariateNormal(
      [0.5, -1],
      [
        [1.5, 0],
        [0, 0.75],
      ],
    );
    const p = v.multivariateNormal(
      [0, 1],
      [
        [1, 0],
        [0, 2],
      ],
    );
    const sum =
      (v.klDivergence(v.normal(0.5, 1.5), v.normal(0, 1)) as number) +
      (v.klDivergence(v.normal(-1, 0.75), v.normal(1, 2)) as number);
    expect(v.klDivergence(q, p)).toBeCloseTo(sum, 13);
    const rows = v.independent(v.normal([0.5, -1], [1.5, 0.75]));
    expect(v.klDivergence(rows, p)).toBeCloseTo(sum, 13);
    expect(v.klDivergence(rows, v.independent(v.normal([0, 1], [1, 2])))).toBeCloseTo(sum, 13);
    const precision = v.multivariateNormalPrecision(
      [0, 1],
      [
        [1, 0],
        [0, 0.5],
      ],
    );
    expect(v.klDivergence(q, precision)).toBeCloseTo(sum, 13);
  });
  test("a full Gaussian from another, by hand", () => {
    // q: covariance [[2.25, .75], [.75, .8125]], p: identity around 0.
    const p = v.multivariateNormal(
      [0, 0],
      [
        [1, 0],
        [0, 1],
      ],
    );
    const byHand = 0.5 * (2.25 + 0.8125 + 0.25 + 1 - 2) - Math.log(1.5 * 0.75);
    expect(v.klDivergence(normal, p)).toBeCloseTo(byHand, 13);
  });
  test("an inverse factor is the same Gaussian", () => {
    const p = v.multivariateNormal(
      [0, 1],
      [
        [1, 0],
        [0.25, 2],
      ],
    );
    // L Lᵀ = [[1, .25], [.25, 4.0625]] has the inverse [[4.0625, −.25], [−.25, 1]]/4 = C Cᵀ.
    const c = Math.sqrt(4.0625 / 4);
    const same = v.multivariateNormalPrecision(
      [0, 1],
      [
        [c, 0],
        [-0.0625 / c, Math.sqrt(0.25 - (0.0625 / c) ** 2)],
      ],
    );
    expect(Math.abs(v.klDivergence(same, p) as number)).toBeLessThan(1e-14);
    expect(v.klDivergence(normal, same)).toBeCloseTo(v.klDivergence(normal, p) as number, 13);
    expect(v.klDivergence(same, normal)).toBeCloseTo(v.klDivergence(p, normal) as number, 13);
  });
  test("Dirichlet over two classes is beta; categorical over two is Bernoulli; one trial of a multinomial is categorical", () => {
    expect(v.klDivergence(v.dirichlet([2.5, 0.75]), v.dirichlet([1.25, 3]))).toBeCloseTo(
      v.klDivergence(v.beta(2.5, 0.75), v.beta(1.25, 3)) as number,
      13,
    );
    const bernoulli = v.klDivergence(v.bernoulli(0.3), v.bernoulli(0.6)) as number;
    expect(v.klDivergence(v.categorical([0.7, 0.3]), v.categorical([0.4, 0.6]))).toBeCloseTo(bernoulli, 15);
    expect(v.klDivergence(v.categoricalLogit([0, Math.log(3 / 7)]), v.categorical([0.4, 0.6]))).toBeCloseTo(
      bernoulli,
      14,
    );
    expect(v.klDivergence(v.multinomial(5, [0.7, 0.3]), v.multinomial(5, [0.4, 0.6]))).toBeCloseTo(5 * bernoulli, 14);
  });
  test("arrays of parameters give arrays", () => {
    const all = v.klDivergence(v.normal([0, 1, 2], 1), v.normal(1, [1, 2, 3])) as Float64Array;
    [0, 1, 2].forEach((m, i) => {
      expect(all[i]).toBe(v.klDivergence(v.normal(m, 1), v.normal(1, i + 1)));
    });
    expect(v.klDivergence(v.gamma([1, 2], 1), v.gamma([1, 2], 1))).toEqual(Float64Array.of(0, 0));
  });
});

describe("pairs without a formula", () => {
  const q = v.mixture([0.5, 0.5], [v.normal(-1, 1), v.normal(1, 1)]);
  /** KL(q‖p) by quadrature on a fine grid. */
  const onGrid = (p: v.Distribution): number => {
    const x = Float64Array.from({ length: 200_001 }, (_, i) => -20 + i * 2e-4);
    const a = q.logProb(x) as Float64Array;
    const b = p.logProb(x) as Float64Array;
    return a.reduce((s, l, i) => s + Math.exp(l) * (l - b[i]!), 0) * 2e-4;
  };
  test("are exact where moments and the entropy of q are all that the other needs", () => {
    const found = v.klEstimate(q, v.normal(0, 2));
    expect(found.exact).toBe(true);
    expect(found.value).toBeCloseTo(onGrid(v.normal(0, 2)), 12);
  });
  test("of an angle from a number of the line are not taken from the moments of the circle", () => {
    expect(v.klEstimate(v.vonMises(0.5, 2), v.normal(0, 1)).exact).toBe(false);
  });
  test("are estimated, with an error that tells how well", () => {
    const p = v.cauchy(0, 2);
    const exact = onGrid(p);
    const found = v.klEstimate(q, p, { draws: 50_000, seed: 3 });
    expect(found.exact).toBe(false);
    expect(found.standardError).toBeGreaterThan(0);
    expect(Math.abs(found.value - exact) / found.standardError).toBeLessThan(4);
    expect(v.klEstimate(q, p, { draws: 200_000, seed: 3 }).standardError).toBeLessThan(0.6 * found.standardError);
    expect(v.klEstimate(q, p, { draws: 50_000, seed: 3 })).toEqual(found);
  });
  test("are told once on the console where only a number is asked for", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const first = v.klDivergence(q, v.cauchy(0, 1));
    expect(v.klDivergence(q, v.cauchy(0, 1))).toBe(first);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]![0]).toContain("Monte Carlo mean (standard error");
    warn.mockRestore();
  });
  test("of vectors are estimated as well", () => {
    const tril = [
      [1, 0],
      [0.5, 2],
    ];
    const found = v.klEstimate(v.multivariateStudentT(1e6, [0, 1], tril), v.multivariateNormal([0, 1], tril));
    expect(found.exact).toBe(false);
    expect(Math.abs(found.value)).toBeLessThan(5 * found.standardError + 1e-5);
  });
});

test("distributions that have no common values are refused, by name", () => {
  expect(() => v.klDivergence(v.normal(0, 1), v.poisson(1))).toThrow(TypeError);
  expect(() => v.klDivergence(v.normal(0, 1), v.multivariateNormal([0], [[1]]))).toThrow(TypeError);
  expect(() => v.klDivergence(1 as never, v.normal(0, 1))).toThrow(
    "klDivergence(q, p): q: expected a distribution, got 1",
  );
  expect(() => v.klDivergence(v.normal([1, 2], 1), v.normal([1, 2, 3], 1))).toThrow(RangeError);
  expect(() => v.klEstimate(v.normal(0, 1), v.normal(0, 1), { draw: 3 } as never)).toThrow("unknown option");
});
