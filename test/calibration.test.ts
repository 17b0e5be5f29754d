// Calibration by simulation: p-values of the rank tests under the null and against enumeration, exact posteriors pass, answers that are too
// narrow, too wide or displaced are found and named.

import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import { rankTests } from "../src/posterior/rank-tests.js";
import type { CalibratedDraws } from "../src/vi/calibration.js";
import { randomSource } from "./support/random.js";

describe("rank tests", () => {
  test("give p-values that are as small as they should be when ranks are uniform", () => {
    const random = randomSource(11);
    const small = { uniformity: 0, symmetry: 0, spread: 0 };
    const repeats = 3000;
    for (let k = 0; k < repeats; k++) {
      const result = rankTests(
        Float64Array.from({ length: 100 }, () => Math.floor(100 * random.uniform())),
        99,
      );
      for (const name of ["uniformity", "symmetry", "spread"] as const) if (result[name] < 0.05) small[name]++;
    }
    // Four standard errors of a share of 5 % are 1.6 %. The symmetry test is exact for a statistic of few values: it may be smaller.
    expect(Math.abs(small.uniformity / repeats - 0.05)).toBeLessThan(0.016);
    expect(Math.abs(small.spread / repeats - 0.05)).toBeLessThan(0.016);
    expect(small.symmetry / repeats).toBeLessThan(0.066);
    expect(small.symmetry / repeats).toBeGreaterThan(0.025);
  });

  test("have the symmetry test that counting all orders of sides gives", () => {
    const sizes = [40, 30, 20, 10, 5];
    const center = 49.5;
    const leads = (signs: number): number => {
      let lead = 0;
      return Math.max(...sizes.map((_, i) => Math.abs((lead += (signs >> i) & 1 ? 1 : -1))));
    };
    for (const signs of [0, 1, 2, 5, 10, 21, 30, 31]) {
      const ranks = Float64Array.from(sizes, (s, i) => center + ((signs >> i) & 1 ? s : -s));
      let asFar = 0;
      for (let other = 0; other < 32; other++) if (leads(other) >= leads(signs)) asFar++;
      expect(rankTests(ranks, 99).symmetry).toBeCloseTo(asFar / 32, 14);
    }
  });

  test("estimate how far and how wide Gaussian answers are off", () => {
    const random = randomSource(2);
    for (const [shift, scale] of [
      [0, 0.8],
      [0, 1.3],
      [0.5, 1],
      [-0.3, 1],
    ] as const) {
      // The truth, in the answer's standard deviations, is N(shift, 1 / scale²).
      const z = Float64Array.from({ length: 20_000 }, () => shift + random.normal() / scale);
      const ranks = (v.normal(0, 1).cdf(z) as Float64Array).map((u) => Math.min(9999, Math.floor(10_000 * u)));
      const result = rankTests(ranks, 9999);
      expect(Math.abs(result.shift - shift)).toBeLessThan(0.04);
      if (shift === 0) expect(Math.abs(result.scale - scale)).toBeLessThan(0.03);
      expect(shift ? result.symmetry : result.spread).toBeLessThan(1e-6);
      expect(result.uniformity).toBeLessThan(1e-6);
    }
  });

  test("are defined for one rank and for ranks that are all the same", () => {
    for (const ranks of [
      Float64Array.of(3),
      new Float64Array(50),
      new Float64Array(50).fill(99),
      new Float64Array(50).fill(49.5),
    ])
      for (const value of Object.values(rankTests(ranks, 99))) expect(Number.isFinite(value)).toBe(true);
  });
});

const normals = v.model<number[]>(({ sample, observe, plate }, y) => {
  const rows = plate("row", y);
  const mu = sample("mu", v.normal(1, 2));
  observe("y", v.normal(mu, 1.5), rows.data(y));
});

/** The exact posterior of a model with one Gaussian coordinate, displaced and stretched. */
const answer =
  (shift: number, scale: number, size = 99) =>
  (target: v.TracedModel, seed: number): CalibratedDraws => {
    const at = (x: number): number => {
      const gradient = new Float64Array(1);
      target.logDensityGradient(Float64Array.of(x), gradient);
      return gradient[0]!;
    };
    const precision = at(0) - at(1);
    const mean = at(0) / precision;
    const sd = 1 / Math.sqrt(precision);
    return { size, draws: () => v.normal(mean + shift * sd, scale * sd).sample(size, { seed: 1000 + seed }) };
  };

describe("simulation-based calibration", () => {
  const data = [0, 0, 0, 0];
  const run = (fit: v.CalibrationOptions["fit"], more: v.CalibrationOptions = {}): Promise<v.Calibration> =>
    v.simulationBasedCalibration(normals, data, { simulations: 400, seed: 3, fit, ...more });

  test("passes an exact posterior", async () => {
    const result = await run(answer(0, 1));
    expect(result.simulations).toBe(400);
    expect(result.names).toEqual(["mu"]);
    expect(result.draws).toBe(99);
    expect(result.adjusted).toBeGreaterThan(0.05);
    expect(result.message).toMatch(/^The ranks are uniform as far as 400 simulations tell/);
    expect(Math.abs(result.rows[0]!.scale - 1)).toBeLessThan(0.1);
    expect(Math.abs(result.rows[0]!.shift)).toBeLessThan(0.15);
    expect(String(result)).toContain("p symmetric");
  });

  test("finds standard deviations that are 0.8 of what they should be", async () => {
    const result = await run(answer(0, 0.8));
    expect(result.adjusted).toBeLessThan(0.01);
    expect(result.message).toMatch(
      /^The posterior of mu is too narrow: standard deviations are about 0\.[78]\d of what/,
    );
    expect(result.rows[0]!.symmetry).toBeGreaterThan(0.01);
  });

  test("finds what is too wide, and what is off to one side", async () => {
    expect((await run(answer(0, 1.4))).message).toMatch(/^The posterior of mu is too wide: .* 1\.[34]\d of what/);
    expect((await run(answer(0.4, 1))).message).toMatch(/off to one side: too high by about 0\.[345]\d standard/);
    expect((await run(answer(-0.4, 1))).message).toMatch(/off to one side: too low by about 0\.[345]\d standard/);
  });

  test("passes the default fit, and finds the narrowness of mean-field on correlated coefficients", async () => {
    const random = randomSource(4);
    const X = Array.from({ length: 25 }, () => {
      const common = random.normal();
      return [common + 0.4 * random.normal(), common + 0.4 * random.normal()];
    });
    const line = v.model<{ X: number[][]; y: number[] }>(({ sample, observe, plate, deterministic }, d) => {
      const rows = plate("row", d.y);
      const beta = sample("beta", v.normal(0, 1), { shape: [2] });
      deterministic("difference", beta.at(0).sub(beta.at(1)));
      observe("y", v.normal(v.dot(rows.data(d.X), beta), 1), rows.data(d.y));
    });
    const d = { X, y: X.map(() => 0) };
    const full = await v.simulationBasedCalibration(line, d, { simulations: 150, sites: ["beta", "difference"] });
    expect(full.names).toEqual(["beta[0]", "beta[1]", "difference"]);
    expect(full.adjusted).toBeGreaterThan(0.05);
    expect(full.statuses).toEqual({ converged: 150 });
    const meanField = await v.simulationBasedCalibration(line, d, {
      simulations: 150,
      fit: { family: "meanField", posteriorDraws: 199 },
    });
    expect(meanField.message).toMatch(/^The posterior of beta\[\d\] \(and of 1 more\) is too narrow/);
    expect(meanField.draws).toBe(199);
  }, 60_000);

  test("counts only converged fits when asked, and leaves out what has no answer", async () => {
    const some = (target: v.TracedModel, seed: number): CalibratedDraws => ({
      ...answer(0, 1)(target, seed),
      status: seed % 4 === 0 ? "diverged" : seed % 4 === 1 ? "rejected" : "converged",
    });
    const all = await run(some);
    expect([all.simulations, all.statuses]).toEqual([300, { rejected: 100, converged: 200 }]);
    expect(all.message).toContain("100 simulations are left out.");
    const converged = await run(some, { count: "converged" });
    expect([converged.simulations, converged.statuses]).toEqual([200, { converged: 200 }]);
    const few = await run(answer(0, 1), { simulations: 10 });
    expect(few.message).toBe("10 simulations are too few to say anything.");
  });

  test("is the same for a seed, reports, and stops when aborted", async () => {
    const stop = new AbortController();
    const heard: number[] = [];
    const onProgress = (done: number, of: number): void => {
      heard.push(done);
      expect(of).toBe(400);
      if (done === 30) stop.abort();
    };
    const part = await run(answer(0, 1), { signal: stop.signal, onProgress });
    expect(part.simulations).toBe(30);
    expect(heard).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    const again = await run(answer(0, 1), { simulations: 30 });
    expect(part.ranks).toEqual(again.ranks);
  });

  test("simulates every observed site, with vectors and counts", async () => {
    const m = v.model<number[]>(({ sample, observe, plate }, y) => {
      const rows = plate("row", y, { subsample: 3 });
      const rate = sample("rate", v.gamma(3, 1));
      observe("counts", v.poisson(rate), rows.data(y));
      observe("pair", v.independent(v.exponential(v.concat(rate, rate))), [1, 1]);
    });
    // The posterior is gamma(3 + Σ y + 2, 1 + n + Σ x): its draws need the simulated data, read back from the log likelihood's gradient.
    const exact = (target: v.TracedModel, seed: number): CalibratedDraws => {
      // In u = log rate the gradient is shape − e^u × inverse scale: 3 + Σ y + 2 and 1 + n + Σ x.
      const at = (u: number): number => {
        const gradient = new Float64Array(1);
        target.logDensityGradient(Float64Array.of(u), gradient);
        return gradient[0]!;
      };
      const inverse = (at(0) - at(1)) / (Math.E - 1);
      return { size: 99, draws: () => v.gamma(at(0) + inverse, inverse).sample(99, { seed: 5000 + seed }) };
    };
    const result = await v.simulationBasedCalibration(m, [0, 0, 0, 0, 0], { simulations: 300, fit: exact });
    expect(result.simulations).toBe(300);
    expect(result.adjusted).toBeGreaterThan(0.05);
  });

  test("names misuse, and leaves out data that cannot be fitted", async () => {
    const none = v.model<void>(({ sample }) => void sample("x", v.normal(0, 1)));
    await expect(v.simulationBasedCalibration(none, undefined)).rejects.toThrow("at least one observe(...)");
    await expect(run(undefined, { sites: ["y"] })).rejects.toThrow(
      "sites[0]: expected the name of a latent or deterministic site",
    );
    await expect(run(undefined, { simulations: 0 })).rejects.toThrow(
      "simulations: expected an integer in 1..1000000, got 0",
    );
    await expect(run(undefined, { count: "some" as "all" })).rejects.toThrow('count: expected "all" | "converged"');
    await expect(run({ familly: "x" } as object)).rejects.toThrow("unknown option");
    const wild = v.model<void>(({ sample, observe }) => observe("y", v.poissonLog(sample("u", v.normal(0, 800))), 0));
    const fixed = (): CalibratedDraws => ({ size: 9, draws: () => new Float64Array(9) });
    const result = await v.simulationBasedCalibration(wild, undefined, { simulations: 40, fit: fixed });
    // A rate beyond e^709.8 is infinite.
    const u = v.priorPredictive(wild, undefined, { draws: 40 }).draws("u");
    expect(result.left).toBe(u.filter((x) => x > 709.78).length);
    expect(result.left).toBeGreaterThan(0);
    expect(result.simulations).toBe(40 - result.left);
  });
});
