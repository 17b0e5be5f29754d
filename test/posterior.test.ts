// What a fit answers with: draws, moments and quantiles on the scale people read, and a table that prints well.

import { describe, expect, test } from "vitest";
import { shorten, table } from "../src/posterior/table.js";
import { Posterior } from "../src/posterior.js";
import type { Target } from "../src/target.js";
import { coreNormals } from "../src/vi/core-normals.js";
import { fitTarget, fitTargetSync } from "../src/vi/fit.js";
import { gaussianTarget, normalNormal } from "./support/targets.js";

/** theta ~ N((0, 1, 2), diag(1, 2, 3)^2), read as a positive scalar, a vector of two, and their sum. */
const target: Target = {
  dimension: 3,
  logDensityGradient(theta, gradient) {
    let value = 0;
    for (let i = 0; i < 3; i++) {
      const sd = i + 1;
      const z = (theta[i]! - i) / sd;
      value -= 0.5 * z * z + Math.log(sd) + 0.5 * Math.log(2 * Math.PI);
      gradient[i] = -z / sd;
    }
    return value;
  },
  constrain: (theta) => Float64Array.of(Math.exp(theta[0]!), theta[1]!, theta[2]!, theta[1]! + theta[2]!),
  names: ["scale", "effect[0]", "effect[1]", "total"],
  sites: [
    { name: "scale", kind: "latent", offset: 0, shape: [] },
    { name: "effect", kind: "latent", offset: 1, shape: [2] },
    { name: "total", kind: "deterministic", offset: 3, shape: [] },
  ],
};

describe("a posterior", () => {
  const fit = fitTargetSync(target, { seed: 3, posteriorDraws: 20_000 });

  test("has draws of each site, row-major, on the constrained scale", () => {
    const scale = fit.draws("scale");
    const effect = fit.draws("effect");
    const total = fit.draws("total");
    const theta = fit.unconstrainedDraws();
    expect([scale.length, effect.length, total.length, theta.length]).toEqual([20_000, 40_000, 20_000, 60_000]);
    for (const d of [0, 1, 777, 19_999]) {
      expect(scale[d]).toBe(Math.exp(theta[3 * d]!));
      expect(effect[2 * d]).toBe(theta[3 * d + 1]);
      expect(effect[2 * d + 1]).toBe(theta[3 * d + 2]);
      expect(total[d]).toBe(theta[3 * d + 1]! + theta[3 * d + 2]!);
    }
  });

  test("has the right moments and quantiles", () => {
    // Four standard errors of 20,000 draws.
    const se = 4 / Math.sqrt(20_000);
    const mean = fit.mean("effect");
    const sd = fit.sd("effect");
    expect(Math.abs(mean[0]! - 1)).toBeLessThan(2 * se);
    expect(Math.abs(mean[1]! - 2)).toBeLessThan(3 * se);
    expect(Math.abs(sd[0]! / 2 - 1)).toBeLessThan(se);
    expect(Math.abs(sd[1]! / 3 - 1)).toBeLessThan(se);
    expect(Math.abs(fit.sd("total")[0]! / Math.sqrt(13) - 1)).toBeLessThan(se);
    const q = fit.quantiles("effect", [0.05, 0.5, 0.95]);
    expect(q.length).toBe(6);
    for (const [k, z] of [-1.6448536269514722, 0, 1.6448536269514722].entries()) {
      // The standard error of a quantile is sqrt(p (1 - p)) / density: 2.1 times that of the mean at 5 %.
      expect(Math.abs(q[k]! - (1 + 2 * z))).toBeLessThan(2 * 2.2 * se);
      expect(Math.abs(q[3 + k]! - (2 + 3 * z))).toBeLessThan(3 * 2.2 * se);
    }
    expect(Math.abs(Math.log(fit.quantiles("scale", [0.5])[0]!))).toBeLessThan(1.3 * se);
  });

  test("interpolates quantiles between order statistics, ends included", () => {
    const values = Float64Array.of(4, 1, 3, 2);
    const plain: Target = { dimension: 1, logDensityGradient: () => 0 };
    const posterior = new Posterior(plain, {
      status: "converged",
      message: "",
      elbo: 0,
      elboStandardError: 0,
      khat: 0,
      trace: new Float64Array(0),
      gradients: 0,
      draws: 4,
      sample: () => values.slice(),
    });
    expect([...posterior.quantiles("theta[0]", [0, 0.25, 0.5, 1])]).toEqual([1, 1.75, 2.5, 4]);
    expect([...posterior.mean("theta[0]")]).toEqual([2.5]);
    expect(posterior.sd("theta[0]")[0]).toBeCloseTo(Math.sqrt(5 / 3), 15);
  });

  test("hands out copies", () => {
    fit.draws("scale").fill(0);
    fit.unconstrainedDraws().fill(0);
    fit.trace.fill(0);
    expect(fit.draws("scale")[0]).toBeGreaterThan(0);
    expect(fit.unconstrainedDraws().some((v) => v !== 0)).toBe(true);
  });

  test("summarises every value, deterministic ones too", () => {
    const summary = fit.summary();
    expect(summary.rows.map((r) => r.name)).toEqual(["scale", "effect[0]", "effect[1]", "total"]);
    const row = summary.row("effect[1]");
    expect(row.mean).toBe(fit.mean("effect")[1]);
    expect(row.sd).toBe(fit.sd("effect")[1]);
    expect([row.q5, row.median, row.q95]).toEqual([...fit.quantiles("effect")].slice(3));
    expect(row.error).toBe(row.sd / Math.sqrt(20_000));
    expect(fit.summary({ sites: ["total"] }).rows.length).toBe(1);
    const text = String(summary);
    expect(text).toContain("converged: ELBO");
    expect(text).toMatch(/k-hat 0\.\d\d/);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("knows its sites when the target names none", () => {
    const bare = fitTargetSync(normalNormal);
    expect(bare.sites.map((s) => s.name)).toEqual(["theta[0]", "theta[1]", "theta[2]"]);
    const named = fitTargetSync({ ...normalNormal, unconstrainedNames: ["a", "b", "c"] });
    expect(Math.abs(named.mean("b")[0]! - 1)).toBeLessThan(0.05);
  });

  test("tells misuse in one voice", () => {
    expect(() => fit.draws("efect")).toThrow(
      /posterior\.draws\(name\): expected one of "scale", "effect", "total", got "efect"/,
    );
    expect(() => fit.mean(3 as unknown as string)).toThrow(TypeError);
    expect(() => fit.quantiles("scale", [0.5, 1.5])).toThrow(
      /probabilities\)\[1\]: expected a number in 0\.\.1, got 1\.5/,
    );
    expect(() => fit.summary({ site: [] } as object)).toThrow(/unknown option/);
    expect(() => fit.summary().row("nothing")).toThrow(RangeError);
  });
});

describe("the table", () => {
  const row = (name: string, mean: number, sd: number) => ({
    name,
    mean,
    sd,
    q5: mean - 1.64 * sd,
    median: mean,
    q95: mean + 1.64 * sd,
    error: sd / 64,
  });

  test("keeps within 80 columns whatever the names and sizes, and aligns its columns", () => {
    const rows = [
      row("x", 0, 1),
      row("a very long name of a coefficient, of the kind that formulas give[12,345]", -1.5, 0.1),
      row("tiny", 1.23e-9, 4.5e-10),
      row("huge", -9.87e15, 1e12),
      row("wide", 123456.789, 0.00012),
      row("constant", 42, 0),
      row("broken", Number.NaN, Number.NaN),
      row("infinite", Number.POSITIVE_INFINITY, Number.NaN),
    ];
    const lines = table(rows).split("\n");
    expect(lines.length).toBe(rows.length + 1);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(new Set(lines.map((l) => l.length)).size).toBe(1);
    expect(lines[2]).toMatch(/^a very long name.*…\[12,345\]/);
    expect(lines[6]).toMatch(/constant +42\.0/);
  });

  test("shows three digits of a standard deviation and no more of the mean", () => {
    const line = table([row("mu", 4.38123, 3.3145)]).split("\n")[1]!;
    expect(line.split(/\s+/)).toEqual(["mu", "4.38", "3.31", "-1.05", "4.38", "9.82", "0.052"]);
    const small = table([row("s", 0.012345, 0.000321)]).split("\n")[1]!;
    expect(small.split(/\s+/).slice(0, 3)).toEqual(["s", "0.012345", "0.000321"]);
    expect(table([row("z", -0.0001, 1)]).split("\n")[1]).not.toContain("-0.00 ");
  });

  test("shortens names in the middle and keeps the index", () => {
    expect(shorten("alpha[3]", 20)).toBe("alpha[3]");
    expect(shorten("coefficients[12]", 12)).toBe("coeffic…[12]");
    expect(shorten("abcdefghij", 5)).toBe("abcd…");
  });
});

describe("correction by importance weights", () => {
  /** A narrow Gaussian for a wider normal, as a posterior of its draws: weights correct mean, spread and quantiles. */
  const target = gaussianTarget(Float64Array.of(2, -1), Float64Array.of(1, 0, 0, 0.25));
  const q = { mean: [1.7, -0.6], sd: [0.9, 1.8] } as const;
  const posterior = (correct: boolean, draws = 20_000): Posterior =>
    new Posterior(target, {
      status: "converged",
      message: "",
      elbo: 0,
      elboStandardError: 0,
      khat: Number.NaN,
      trace: new Float64Array(0),
      gradients: 0,
      draws,
      sample: (count) => {
        const z = new Float64Array(2 * count);
        coreNormals(5).fill(z, 3, 0);
        return z.map((v, k) => q.mean[k % 2]! + q.sd[k % 2]! * v);
      },
      logRatios: correct
        ? (points) =>
            Float64Array.from({ length: points.length / 2 }, (_, d) => {
              let log = 0;
              for (let i = 0; i < 2; i++) {
                const x = points[2 * d + i]!;
                const m = [2, -1][i]!;
                const s = [1, 2][i]!;
                log += -0.5 * ((x - m) / s) ** 2 - Math.log(s);
                log -= -0.5 * ((x - q.mean[i]!) / q.sd[i]!) ** 2 - Math.log(q.sd[i]!);
              }
              return log;
            })
        : undefined,
    });

  test("means, standard deviations and quantiles are those of the posterior, within the errors given", () => {
    const corrected = posterior(true).summary();
    const truth = [
      { mean: 2, sd: 1 },
      { mean: -1, sd: 2 },
    ];
    truth.forEach(({ mean, sd }, i) => {
      const row = corrected.rows[i]!;
      expect(Math.abs(row.mean - mean)).toBeLessThan(4 * row.error);
      expect(row.error).toBeLessThan(0.02 * sd);
      expect(Math.abs(row.sd / sd - 1)).toBeLessThan(0.04);
      expect(Math.abs(row.q95 - (mean + 1.6449 * sd)) / sd).toBeLessThan(0.08);
      expect(Math.abs(row.q5 - (mean - 1.6449 * sd)) / sd).toBeLessThan(0.08);
    });
    expect(corrected.toString()).toContain("corrected by importance");
    // The approximation itself is 0.3 and 0.2 standard deviations off.
    const plain = posterior(false).summary();
    expect(Math.abs(plain.rows[0]!.mean - 1.7)).toBeLessThan(0.03);
    expect(posterior(false).weights).toBeUndefined();
  });

  test("draws are resampled together, so that all counts are the posterior's, rows stay rows, and the raw draws stay as they are", () => {
    const p = posterior(true);
    const x = p.draws("theta[0]");
    const y = p.draws("theta[1]");
    const rows = p.correctedDraws();
    let sum = 0;
    x.forEach((v, d) => {
      sum += v;
      expect(rows[2 * d]).toBe(v);
      expect(rows[2 * d + 1]).toBe(y[d]);
    });
    expect(Math.abs(sum / x.length - 2)).toBeLessThan(0.04);
    expect(p.unconstrainedDraws()).toEqual(posterior(false).unconstrainedDraws());
    const total = p.weights!.reduce((a, w) => a + w, 0);
    expect(total).toBeCloseTo(1, 12);
  });

  test("the mean of a function of a draw comes with its error and its own k-hat", () => {
    const p = posterior(true);
    const product = p.mean((at) => (at("theta[0]") as number) * (at("theta[1]") as number));
    expect(Math.abs(product.value + 2)).toBeLessThan(4 * product.error);
    expect(product.khat).toBeLessThan(0.7);
    const positive = p.mean((at) => Number((at("theta[1]") as number) > -1));
    expect(Math.abs(positive.value - 0.5)).toBeLessThan(4 * positive.error);
    expect(() => p.mean((at) => at("tau") as number)).toThrow(/one of "theta\[0\]", "theta\[1\]", got "tau"/);
    expect(() => p.mean((() => "x") as unknown as () => number)).toThrow(TypeError);
  });

  test("within two errors of the truth 95 times in a hundred", () => {
    let inside = 0;
    const runs = 200;
    for (let run = 0; run < runs; run++) {
      const log = new Float64Array(1000);
      const z = new Float64Array(1000);
      coreNormals(run).fill(z, 8, 0);
      const p = new Posterior(gaussianTarget(Float64Array.of(0), Float64Array.of(1)), {
        status: "converged",
        message: "",
        elbo: 0,
        elboStandardError: 0,
        khat: Number.NaN,
        trace: new Float64Array(0),
        gradients: 0,
        draws: 1000,
        sample: () => z.map((v) => 0.3 + 1.2 * v),
        logRatios: (points) => log.map((_, d) => -0.5 * points[d]! ** 2 + 0.5 * z[d]! ** 2),
      });
      const { value, error } = p.mean((at) => at("theta[0]") as number);
      if (Math.abs(value) < 2 * error) inside++;
    }
    // 95.4 %, give or take three binomial standard errors.
    expect(inside / runs).toBeGreaterThan(0.954 - 0.045);
  });
});

test("draws of a slow target are weighed before the fit is over, in turns, and to the same numbers", async () => {
  let calls = 0;
  let slow = 0;
  const inner = normalNormal;
  const counted: Target = {
    dimension: inner.dimension,
    logDensityGradient(theta, gradient) {
      calls++;
      for (const until = performance.now() + slow; performance.now() < until; );
      return inner.logDensityGradient(theta, gradient);
    },
  };
  const options = { seed: 1, posteriorDraws: 1000, checkDraws: 200 };
  const quick = fitTargetSync(counted, options);
  const before = calls;
  const wanted = quick.weights;
  expect(calls).toBe(before + 1000); // quick: not before they are asked for
  slow = 0.05;
  const stages = new Set<string>();
  const fit = await fitTarget(counted, { ...options, onProgress: ({ stage }) => void stages.add(stage) });
  const after = calls;
  expect(fit.weights).toEqual(wanted);
  expect(fit.mean("theta[0]")).toEqual(quick.mean("theta[0]"));
  expect(calls).toBe(after);
  expect(stages).toContain("weights");
});
