// What a posterior owes to prior and data: distances against arviz-stats, sensitivities of a conjugate model against its closed form, and the
// verdicts on priors that are weak, strong, or contradicted.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { cumulativeDistance } from "../src/diagnostics/cumulative-distance.js";
import * as v from "../src/index.js";

test("distances are those of arviz-stats", () => {
  const cases = readFileSync(new URL("loo-reference.txt", import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { kind: string; x: number[]; weights: number[]; distance: number })
    .filter((line) => line.kind === "distance");
  expect(cases.length).toBe(2);
  for (const { x, weights, distance } of cases) {
    const equal = new Float64Array(x.length).fill(1 / x.length);
    const ours = cumulativeDistance(Float64Array.from(x), equal, Float64Array.from(weights));
    expect(Math.abs(ours - distance)).toBeLessThan(1e-9);
  }
});

const shift = v.model<{ y: number[]; spread: number }>(({ sample, observe, plate, deterministic }, d) => {
  const rows = plate("row", d.y);
  const mean = sample("mean", v.normal(0, d.spread));
  deterministic("twice", mean.mul(2));
  observe("y", v.normal(mean, 1), rows.data(d.y));
});

/** Distance per doubling between two powers' posteriors N(m, s²), by the distribution functions on a grid. */
function exact(y: readonly number[], spread: number, which: "prior" | "likelihood"): number {
  const posterior = (power: number): v.Distribution => {
    const prior = (which === "prior" ? power : 1) / spread ** 2;
    const data = which === "likelihood" ? power : 1;
    const precision = prior + data * y.length;
    return v.normal((data * y.reduce((a, b) => a + b, 0)) / precision, 1 / Math.sqrt(precision));
  };
  const center = posterior(1);
  const grid = Float64Array.from({ length: 4001 }, (_, i) => i / 500 - 4).map(
    (z) => (center.mean() as number) + z * Math.sqrt(center.variance() as number),
  );
  const rate = (power: number): number => {
    let most = 0;
    for (const sign of [1, -1]) {
      const [P, Q] = [center, posterior(power)].map((d) =>
        (d.cdf(grid) as Float64Array).map((p) => (sign > 0 ? p : 1 - p)),
      ) as [Float64Array, Float64Array];
      let divergence = 0;
      let size = 0;
      P.forEach((p, i) => {
        const q = Q[i]!;
        if (p > 0 && q > 0) divergence += p * Math.log2((2 * p) / (p + q)) + q * Math.log2((2 * q) / (p + q));
        size += p + q;
      });
      most = Math.max(most, Math.sqrt(divergence / size));
    }
    return most / Math.abs(Math.log2(power));
  };
  return (rate(0.99) + rate(1.01)) / 2;
}

test("sensitivities of a conjugate model are those of its closed form", async () => {
  for (const [y, spread] of [
    [[1.2, 0.8, 2.1, 1.5], 0.7],
    [[4, 5, 6], 1],
  ] as const) {
    const fit = await v.fit(shift, { y: [...y], spread }, { seed: 1, posteriorDraws: 20_000 });
    const { rows } = v.priorSensitivity(fit);
    expect(rows.map((r) => r.name)).toEqual(["mean", "twice"]);
    for (const which of ["prior", "likelihood"] as const) {
      const truth = exact(y, spread, which);
      expect(Math.abs(rows[0]![which] / truth - 1)).toBeLessThan(0.06);
      expect(rows[1]![which]).toBeCloseTo(rows[0]![which], 10);
    }
  }
});

test("weak, strong and contradicted priors are told apart", async () => {
  const verdict = async (y: number[], spread: number): Promise<[string, string]> => {
    const result = v.priorSensitivity(await v.fit(shift, { y, spread }, { seed: 1 }));
    return [result.rows[0]!.verdict, result.message];
  };
  const many = Array.from({ length: 50 }, (_, i) => Math.sin(i));
  expect(await verdict(many, 10)).toEqual(["none", "No quantity is sensitive to its prior."]);
  expect(await verdict([9, 9.5, 8.5], 1)).toEqual([
    "conflict",
    "Both prior and data shape mean, twice: an informative prior, or one that the data contradict.",
  ]);
  expect(await verdict([0.01], 0.05)).toEqual(["prior", "The prior matters and the data say little for mean, twice."]);
});

test("priors that depend on other latents are not scaled unless they are named", async () => {
  const m = v.model<void>(({ sample, observe, plate }) => {
    const groups = plate("group", 3);
    const rows = plate("row", 9);
    const mu = sample("mu", v.normal(0, 20));
    const level = sample("level", v.normal(mu, 0.3), groups);
    observe(
      "y",
      v.normal(level.at(rows.index([0, 0, 0, 1, 1, 1, 2, 2, 2], groups)), 1),
      rows.data([3, 2, 4, 9, 8, 7, 5, 5, 5]),
    );
  });
  const fit = await v.fit(m, undefined, { seed: 1 });
  const top = v.priorSensitivity(fit, { sites: ["level"] });
  expect(top.rows.map((r) => r.name)).toEqual(["level[0]", "level[1]", "level[2]"]);
  for (const r of top.rows) expect(r.prior).toBeLessThan(0.05);
  const below = v.priorSensitivity(fit, { sites: ["level"], priors: ["level"] });
  expect(below.rows[1]!.prior).toBeGreaterThan(0.1);
  expect(String(below)).toContain("level[1]");
  expect(v.priorSensitivity(fit, { draws: 500 }).rows.length).toBe(4);
  expect(() => v.priorSensitivity(fit, { priors: ["y"] })).toThrow('priors[0]: expected one of "mu", "level", got "y"');
  expect(() => v.priorSensitivity(fit, { sites: ["y"] })).toThrow("sites[0]: expected one of");
});

test("of a fit that misses part of the posterior are said to be rough", async () => {
  const funnel = v.model<void>(({ sample, observe }) => {
    const u = sample("u", v.normal(0, 3));
    const x = sample("x", v.normal(0, v.exp(u.mul(0.5))), { shape: [4] });
    observe("y", v.normal(x.sum(), 1), 0.3);
  });
  const fit = await v.fit(funnel, undefined, { seed: 1, family: "meanField" });
  const result = v.priorSensitivity(fit);
  expect(result.khat).toBeGreaterThan(0.7);
  expect(result.message).toMatch(/The fit's own k-hat is above 0\.70, so that this is only roughly right\.$/);
});
