// Leave-one-out: against arviz-stats on stored vectors (test/loo-reference.py), against the exact predictive densities of a conjugate linear
// regression, and what corrects an approximation that is wrong; what is said about results that must not be believed.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fitPareto } from "../src/diagnostics/pareto.js";
import { psis } from "../src/diagnostics/psis.js";
import * as v from "../src/index.js";
import type { FittedDraws } from "../src/posterior/log-likelihood.js";
import { randomSource } from "./support/random.js";

interface Line {
  kind: "pareto" | "psis" | "loo";
  name: string;
  x: number[];
  k: number | number[];
  sigma: number;
  logRatios: number[];
  logWeights: number[];
  draws: number;
  values: number[];
  elpd: number[];
  pLoo: number;
  total: number;
  se: number;
}
const lines = readFileSync(new URL("loo-reference.txt", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Line);
const of = (kind: Line["kind"]): Line[] => lines.filter((line) => line.kind === kind);

describe("arviz-stats agrees", () => {
  test("on the fit of the Pareto distribution", () => {
    expect(of("pareto").length).toBe(21);
    for (const { x, k, sigma } of of("pareto")) {
      const fit = fitPareto(Float64Array.from(x))!;
      expect(Math.abs(fit.k - (k as number))).toBeLessThan(1e-12);
      expect(Math.abs(fit.sigma / sigma - 1)).toBeLessThan(1e-12);
    }
  });

  test.each(of("psis").map((line) => [line.name, line] as const))("on smoothed weights: %s", (_, line) => {
    const result = psis(Float64Array.from(line.logRatios));
    expect(Math.abs(result.khat - (line.k as number))).toBeLessThan(1e-12);
    result.weights.forEach((w, i) => {
      expect(Math.abs(w / Math.exp(line.logWeights[i]!) - 1)).toBeLessThan(1e-11);
    });
  });

  test.each(of("loo").map((line) => [line.name, line] as const))("on leave-one-out from %s draws", (name, line) => {
    const matrix = { site: "y", draws: line.draws, values: Float64Array.from(line.values) };
    const result = v.looOfMatrix(matrix, name === "exact" ? undefined : Float64Array.from(line.logRatios));
    const n = line.elpd.length;
    result.pointwise.forEach((e, i) => {
      expect(Math.abs(e - line.elpd[i]!)).toBeLessThan(1e-11);
    });
    result.khats.forEach((k, i) => {
      expect(Math.abs(k - (line.k as number[])[i]!)).toBeLessThan(1e-11);
    });
    expect(Math.abs(result.elpd - line.total)).toBeLessThan(1e-10);
    // It divides by n where we divide by n − 1.
    expect(Math.abs(result.se - line.se * Math.sqrt(n / (n - 1)))).toBeLessThan(1e-10);
    // Of an approximation, it does not correct the density of the fitted data.
    if (name === "exact") expect(Math.abs(result.pLoo - line.pLoo)).toBeLessThan(1e-10);
  });
});

interface Table {
  X: number[][];
  y: number[];
}

/** y = Xβ + noise of standard deviation 1, β ~ N(0, I): regressors with correlation rho. */
function table(n: number, columns: number, rho: number, seed: number): Table {
  const random = randomSource(seed);
  const X = Array.from({ length: n }, () => {
    const common = random.normal();
    return Array.from({ length: columns }, () => Math.sqrt(rho) * common + Math.sqrt(1 - rho) * random.normal());
  });
  return { X, y: X.map((row) => row.reduce((s, x, k) => s + x * (k % 2 ? -1 : 1), 0) + random.normal()) };
}

const regression = v.model<Table>(({ sample, observe, plate }, d) => {
  const rows = plate("row", d.y);
  const beta = sample("beta", v.normal(0, 1), { shape: [d.X[0]!.length] });
  observe("y", v.normal(v.dot(rows.data(d.X), beta), 1), rows.data(d.y));
});

/** Mean and covariance of β given rows, by Gauss-Jordan on I + XᵀX. */
function exactPosterior({ X, y }: Table): { mean: number[]; covariance: number[][] } {
  const k = X[0]!.length;
  const a = Array.from({ length: k }, (_, i) =>
    Array.from({ length: 2 * k }, (_, j) =>
      j < k ? X.reduce((s, row) => s + row[i]! * row[j]!, i === j ? 1 : 0) : i === j - k ? 1 : 0,
    ),
  );
  for (let p = 0; p < k; p++) {
    const d = a[p]![p]!;
    a[p] = a[p]!.map((x) => x / d);
    for (let r = 0; r < k; r++) {
      const f = a[r]![p]!;
      if (r !== p) a[r] = a[r]!.map((x, j) => x - f * a[p]![j]!);
    }
  }
  const covariance = a.map((row) => row.slice(k));
  const xy = Array.from({ length: k }, (_, i) => X.reduce((s, row, r) => s + row[i]! * y[r]!, 0));
  return { mean: covariance.map((row) => row.reduce((s, c, j) => s + c * xy[j]!, 0)), covariance };
}

/** log p(y_i | y without i) of each observation. */
function exactLoo({ X, y }: Table): number[] {
  return y.map((value, i) => {
    const keep = (_: unknown, j: number): boolean => j !== i;
    const { mean, covariance } = exactPosterior({ X: X.filter(keep), y: y.filter(keep) });
    const row = X[i]!;
    const center = row.reduce((s, x, k) => s + x * mean[k]!, 0);
    const variance = 1 + row.reduce((s, x, k) => s + x * row.reduce((t, z, j) => t + z * covariance[k]![j]!, 0), 0);
    return v.normal(center, Math.sqrt(variance)).logProb(value);
  });
}

describe("leave-one-out of a conjugate regression", () => {
  const data = table(40, 3, 0.3, 5);
  const exact = exactLoo(data);
  const total = exact.reduce((a, b) => a + b, 0);

  test("is the closed form of its predictive densities", async () => {
    const fit = await v.fit(regression, data, { seed: 1, posteriorDraws: 10_000 });
    const result = v.loo(fit);
    // Five Monte Carlo errors over all, and for each observation of 10,000 draws a generous share.
    expect(Math.abs(result.elpd - total)).toBeLessThan(5 * result.mcse);
    expect(result.mcse).toBeLessThan(0.03);
    result.pointwise.forEach((e, i) => {
      expect(Math.abs(e - exact[i]!)).toBeLessThan(0.03);
    });
    expect(result.unreliable).toEqual([]);
    expect(result.message).toMatch(/^All 40 k-hats are at most 0\.70/);
    expect(String(result)).toContain("40 observations, 10000 draws");
    // Effective parameters: the trace of the hat matrix bounds them, and the prior hardly counts.
    expect(Math.abs(result.pLoo - 3)).toBeLessThan(1.2);
    const mean = exact.reduce((a, b) => a + b, 0) / 40;
    const se = Math.sqrt((40 * exact.reduce((a, b) => a + (b - mean) ** 2, 0)) / 39);
    expect(Math.abs(result.se - se)).toBeLessThan(0.1);
  });

  test("is right for a mean-field approximation of correlated coefficients, and wrong without the correction", async () => {
    const correlated = table(40, 3, 0.7, 6);
    const truth = exactLoo(correlated).reduce((a, b) => a + b, 0);
    const fit = await v.fit(regression, correlated, { family: "meanField", seed: 1, posteriorDraws: 10_000 });
    const corrected = v.loo(fit, { momentMatching: true });
    expect(Math.abs(corrected.elpd - truth)).toBeLessThan(5 * corrected.mcse);
    const plain = v.looOfMatrix(v.logLikelihood(fit));
    expect(Math.abs(plain.elpd - truth)).toBeGreaterThan(4 * Math.abs(corrected.elpd - truth));
    expect(plain.fitKhat).toBeNaN();
  });

  /** Draws of a Gaussian that is displaced by `shift` and stretched by `scale` standard deviations, with their ratios. */
  const wrong = (shift: number, scale: number, draws = 8000): FittedDraws => {
    const target = regression.compile(data);
    const { mean, covariance } = exactPosterior(data);
    const random = randomSource(3);
    const sd = covariance.map((row, i) => scale * Math.sqrt(row[i]!));
    const center = mean.map((m, i) => m + shift * sd[i]!);
    const points = new Float64Array(3 * draws);
    const ratios = new Float64Array(draws);
    const gradient = new Float64Array(3);
    for (let d = 0; d < draws; d++) {
      let logq = 0;
      for (let i = 0; i < 3; i++) {
        const z = random.normal();
        points[3 * d + i] = center[i]! + sd[i]! * z;
        logq -= 0.5 * z * z + Math.log(sd[i]!) + 0.5 * Math.log(2 * Math.PI);
      }
      ratios[d] = target.logDensityGradient(points.slice(3 * d, 3 * d + 3), gradient) - logq;
    }
    return {
      target,
      size: draws,
      sites: target.sites,
      unconstrainedDraws: () => points.slice(),
      logRatios: () => ratios.slice(),
      logApproximation: (x) =>
        Float64Array.from({ length: x.length / 3 }, (_, d) =>
          [0, 1, 2].reduce((s, i) => s + v.normal(center[i]!, sd[i]!).logProb(x[3 * d + i]!), 0),
        ),
    };
  };

  test("corrects draws that are displaced and too wide on purpose", () => {
    const fit = wrong(0.4, 1.3);
    const corrected = v.loo(fit);
    expect(Math.abs(corrected.elpd - total)).toBeLessThan(5 * corrected.mcse);
    corrected.pointwise.forEach((e, i) => {
      expect(Math.abs(e - exact[i]!)).toBeLessThan(0.1);
    });
    expect(Math.abs(v.looOfMatrix(v.logLikelihood(fit)).elpd - total)).toBeGreaterThan(1);
    const some = v.loo(fit, { draws: 2000 });
    expect(some.draws).toBe(2000);
    expect(Math.abs(some.elpd - total)).toBeLessThan(5 * some.mcse);
  });

  test("moves draws of a hopeless approximation to the posterior without each observation", () => {
    const fit = wrong(3, 0.5, 2000);
    expect(v.loo(fit).unreliable.length).toBeGreaterThan(30);
    const moved = v.loo(fit, { momentMatching: true });
    expect(moved.unreliable).toEqual([]);
    expect(Math.abs(moved.elpd - total)).toBeLessThan(5 * moved.mcse);
    moved.pointwise.forEach((e, i) => {
      // Where k-hat was just below the threshold, nothing was moved.
      expect(Math.abs(e - exact[i]!)).toBeLessThan(moved.matched.includes(i) ? 0.1 : 0.2);
    });
  }, 30_000);

  test("reaches into tails that are longer than the approximation's", async () => {
    const y = [0.3, -1.2, 0.8, 2.1, -0.4, -0.9, 1.4, 0.2];
    const spread = v.model<number[]>(({ sample, observe, plate }, d) => {
      const rows = plate("row", d);
      observe("y", v.normal(0, sample("sigma", v.halfNormal(2))), rows.data(d));
    });
    // By quadrature over log sigma: p(y_i | rest) is a ratio of two evidences.
    const evidence = (d: readonly number[]): number => {
      let s = 0;
      for (let u = -8; u <= 6; u += 0.05) {
        const sigma = Math.exp(u);
        s += Math.exp(d.reduce((l, x) => l + v.normal(0, sigma).logProb(x), v.halfNormal(2).logProb(sigma) + u));
      }
      return s;
    };
    const whole = evidence(y);
    const truth = y.map((_, i) => Math.log(whole / evidence(y.filter((__, j) => j !== i))));
    const fit = await v.fit(spread, y, { seed: 1, posteriorDraws: 10_000 });
    const result = v.loo(fit);
    expect(result.unreliable).toEqual([]);
    expect(Math.abs(result.elpd - truth.reduce((a, b) => a + b, 0))).toBeLessThan(5 * result.mcse);
    const worst = (r: v.Loo): number => Math.max(...r.khats);
    expect(worst(result)).toBeLessThan(worst(v.looOfMatrix(v.logLikelihood(fit), fit.logRatios())) - 0.2);
  }, 30_000);

  test("says that draws too far from the posterior cannot be corrected", () => {
    const result = v.loo(wrong(4, 0.4));
    expect(result.fitKhat).toBeGreaterThan(result.threshold);
    expect(result.unreliable.length).toBeGreaterThan(0);
    expect(result.message).toContain(
      "the draws are too far from the posterior to be corrected. Improve the fit first.",
    );
    expect(result.mcse).toBeNaN();
  });

  test("says which observation the posterior hangs on", async () => {
    const outlier = { X: [...data.X, [12, -9, 8]], y: [...data.y, -10] };
    const result = v.loo(await v.fit(regression, outlier, { seed: 1 }));
    expect(result.unreliable).toEqual([40]);
    expect(result.message).toMatch(
      /^1 of 41 k-hats is above 0\.70 \(the largest, \d\.\d\d, at y\[40\]\): leaving this observation out/,
    );
    expect(result.message).toContain("loo(fit, { momentMatching: true }) moves the draws");
  });

  test("follows such an observation by moving the draws", async () => {
    const outliers = { X: [...data.X, [12, -9, 8], [-6, 14, 3]], y: [...data.y, -10, 7] };
    const truth = exactLoo(outliers);
    const fit = await v.fit(regression, outliers, { seed: 1 });
    const plain = v.loo(fit);
    const moved = v.loo(fit, { momentMatching: true });
    expect(plain.unreliable.length).toBeGreaterThan(0);
    expect(moved.matched).toEqual(plain.unreliable);
    expect(moved.unreliable).toEqual([]);
    expect(moved.message).toMatch(/^All 42 k-hats/);
    for (const i of moved.matched) {
      expect(Math.abs(plain.pointwise[i]! - truth[i]!)).toBeGreaterThan(0.1);
      expect(Math.abs(moved.pointwise[i]! - truth[i]!)).toBeLessThan(0.05);
    }
    expect(Math.abs(moved.elpd - truth.reduce((a, b) => a + b, 0))).toBeLessThan(5 * moved.mcse);
    plain.pointwise.forEach((e, i) => {
      if (!moved.matched.includes(i)) expect(moved.pointwise[i]).toBe(e);
    });
  });
});

describe("where observations lie in what the others predict", () => {
  test("is the closed form for a conjugate regression", async () => {
    const data = table(60, 2, 0.2, 8);
    const fit = await v.fit(regression, data, { seed: 1, posteriorDraws: 8000 });
    const pit = v.looPit(fit);
    data.y.forEach((value, i) => {
      const keep = (_: unknown, j: number): boolean => j !== i;
      const { mean, covariance } = exactPosterior({ X: data.X.filter(keep), y: data.y.filter(keep) });
      const row = data.X[i]!;
      const center = row.reduce((s, x, k) => s + x * mean[k]!, 0);
      const variance = 1 + row.reduce((s, x, k) => s + x * row.reduce((t, z, j) => t + z * covariance[k]![j]!, 0), 0);
      expect(Math.abs(pit.values[i]! - v.normal(center, Math.sqrt(variance)).cdf(value))).toBeLessThan(0.02);
    });
    expect(pit.message).toBe("The 60 observations lie where the model expects them.");
  });

  test("shows noise that is larger or smaller than the model says, and observations off to one side", async () => {
    const data = table(80, 2, 0.2, 8);
    const times = async (f: (y: number, i: number) => number): Promise<string> => {
      const fit = await v.fit(regression, { X: data.X, y: data.y.map(f) }, { seed: 1 });
      return v.looPit(fit).message;
    };
    const random = randomSource(12);
    expect(await times(() => 2 * random.normal())).toMatch(
      /^Predictions are too narrow: observations spread about [12]\.\d\d times/,
    );
    expect(await times(() => 0.3 * random.normal())).toMatch(
      /^Predictions are too wide: observations spread about 0\.\d\d times/,
    );
    expect(await times((y) => y + 0.8)).toMatch(
      /^Observations lie above their predictions, by about 0\.\d\d standard deviations/,
    );
  });

  test("is uniform for counts of the right model, the same for a seed, and refused for vectors", async () => {
    const rate = v.model<number[]>(({ sample, observe, plate }, y) => {
      const rows = plate("row", y);
      observe("y", v.poisson(sample("rate", v.gamma(2, 1))), rows.data(y));
    });
    const y = Array.from(v.poisson(1.4).sample(100, { seed: 5 }));
    const fit = await v.fit(rate, y, { seed: 1 });
    const pit = v.looPit(fit, { seed: 3 });
    expect(pit.message).toBe("The 100 observations lie where the model expects them.");
    expect(new Set(pit.values).size).toBe(100);
    for (const u of pit.values) expect(u > 0 && u < 1).toBe(true);
    expect(v.looPit(fit, { seed: 3 }).values).toEqual(pit.values);
    const bound = v.poisson(1.4);
    pit.values.forEach((u, i) => {
      // Within the step of the observed count, up to what is not known of the rate.
      expect(u).toBeLessThan(bound.cdf(y[i]!) + 0.1);
      expect(u).toBeGreaterThan(bound.cdf(y[i]! - 1) - 0.1);
    });
    const pair = v.model<void>(({ sample, observe }) => {
      const m = sample("m", v.normal(0, 1));
      observe(
        "y",
        v.multivariateNormal(v.concat(m, m), [
          [1, 0],
          [0, 1],
        ]),
        [1, 2],
      );
    });
    const vectors = await v.fit(pair, undefined, { seed: 1 });
    expect(() => v.looPit(vectors)).toThrow("y: multivariateNormal has no distribution function");
  });
});

describe("comparing models", () => {
  const data = table(120, 2, 0, 9);
  const without = (k: number): Table => ({ ...data, X: data.X.map((row) => row.filter((_, j) => j !== k)) });

  test("prefers the one that has what the data depend on, with the standard error of paired differences", async () => {
    const both = v.loo(await v.fit(regression, data, { seed: 1 }));
    const one = v.loo(await v.fit(regression, without(1), { seed: 1 }));
    const { difference, se, message } = v.looCompare(both, one);
    const d = exactLoo(data).map((e, i) => e - exactLoo(without(1))[i]!);
    const mean = d.reduce((a, b) => a + b, 0) / 120;
    expect(Math.abs(difference - 120 * mean)).toBeLessThan(0.2);
    expect(Math.abs(se / Math.sqrt((120 * d.reduce((a, b) => a + (b - mean) ** 2, 0)) / 119) - 1)).toBeLessThan(0.01);
    expect(message).toMatch(/^The first model is ahead by [\d.]+ ± [\d.]+: it predicts better\.$/);
    expect(v.looCompare(one, both).difference).toBe(-difference);
    expect(v.looCompare(one, both).message).toMatch(/^The second model is ahead/);
  });

  test("calls small differences small, and refuses other data", async () => {
    const fit = await v.fit(regression, data, { seed: 1 });
    const noise = v.loo(
      await v.fit(regression, { ...data, X: data.X.map((r, i) => [...r, Math.sin(i)]) }, { seed: 1 }),
    );
    expect(v.looCompare(v.loo(fit), noise).message).toContain("which is a small difference");
    const fewer = v.loo(await v.fit(regression, table(50, 2, 0, 9), { seed: 1 }));
    expect(() => v.looCompare(noise, fewer)).toThrow("expected the 120 observations of the first, got 50");
    expect(() => v.looCompare(noise, {} as v.Loo)).toThrow(
      "looCompare(second): expected a result of loo(fit), got an object",
    );
  });
});

describe("leave-one-out of a matrix", () => {
  test("has infinite k-hats, never NaN, where a draw gives an observation no density", () => {
    const values = Float64Array.from({ length: 400 }, (_, i) => (i === 7 ? -Infinity : -1 - (i % 5) / 10));
    const result = v.looOfMatrix({ site: "y", draws: 100, values });
    expect(result.khats[3]).toBe(Infinity);
    expect(result.unreliable).toContain(3);
    for (const e of result.pointwise) expect(Number.isFinite(e)).toBe(true);
    const none = v.looOfMatrix({ site: "y", draws: 100, values: new Float64Array(100).fill(-Infinity) });
    expect(none.elpd).toBe(-Infinity);
    expect(none.khats[0]).toBe(Infinity);
  });

  test("refuses what is none", () => {
    const matrix = { site: "y", draws: 3, values: new Float64Array(7) };
    expect(() => v.looOfMatrix(matrix)).toThrow("expected a multiple of 3 numbers, got a Float64Array of 7");
    expect(() => v.looOfMatrix({ ...matrix, values: [1] } as unknown as v.LogLikelihoodMatrix)).toThrow(
      "expected a record",
    );
    expect(() => v.looOfMatrix({ ...matrix, values: new Float64Array(6) }, new Float64Array(2))).toThrow(
      "looOfMatrix(logRatios): expected one number per draw (3), got a Float64Array of 2",
    );
  });
});
