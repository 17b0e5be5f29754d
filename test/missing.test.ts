// Masks and missing values. A masked model is the model without those rows, in value and gradient, bit for bit where plates are visited
// whole; posteriors with missing values are held against closed forms; and what is left out cannot be heard, not even as NaN.

import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import { compile, type Definition, errorOf, logDensityGradient } from "./support/models.js";
import { randomSource } from "./support/random.js";

const nan = Number.NaN;
const rest = <T>(values: readonly T[], kept: readonly (0 | 1)[]): T[] => values.filter((_, i) => kept[i]);
const point = (n: number, seed = 1): number[] => {
  const random = randomSource(seed);
  return Array.from({ length: n }, () => 0.5 * random.normal());
};

/** The same log density and gradient, bit for bit. */
function same(a: Definition, b: Definition, seed = 1): void {
  const [x, y] = [compile(a), compile(b)];
  expect(x.names).toEqual(y.names);
  const theta = point(x.dimension, seed);
  const [p, q] = [logDensityGradient(x, theta), logDensityGradient(y, theta)];
  expect(Number.isFinite(p.value)).toBe(true);
  expect(p).toEqual(q);
}

/** The same to 1e-12 of the largest number. */
function close(a: Definition, b: Definition, seed = 1): void {
  const [x, y] = [compile(a), compile(b)];
  const theta = point(x.dimension, seed);
  const [p, q] = [logDensityGradient(x, theta), logDensityGradient(y, theta)];
  expect(Math.abs(p.value / q.value - 1)).toBeLessThan(1e-12);
  const scale = Math.max(...q.gradient.map(Math.abs));
  p.gradient.forEach((d, i) => {
    expect(Math.abs(d - q.gradient[i]!) / scale).toBeLessThan(1e-12);
  });
}

const kept = [1, 0, 1, 1, 0, 1, 0] as const;
const x = [0.3, 1.1, -0.7, 0.2, 2.5, -1.4, 0.9];
const y = [1.2, 0.4, -0.3, 0.8, 3.1, -0.9, 0.1];
const table = x.map((a, i) => [a, y[i]! * a, 1]);
const group = [0, 1, 1, 2, 0, 2, 1];

/** A hierarchical regression of rows; of those that are kept alone, or of all with a mask or with missing outcomes. */
const regression =
  (how: "removed" | "masked" | "missing", outcome: (i: number) => number | null = (i) => y[i]!): Definition =>
  ({ sample, observe, plate }) => {
    const of = <T>(values: readonly T[]): T[] => (how === "removed" ? rest(values, kept) : [...values]);
    const rows = plate("row", of(x).length);
    const groups = plate("group", 3);
    const level = sample("level", v.normal(0, 1), groups);
    const slope = sample("slope", v.normal(0, 1), { shape: [3] });
    const sigma = sample("sigma", v.halfNormal(1));
    const mean = v.dot(rows.data(of(table)), slope).add(level.at(rows.index(of(group), groups)));
    const likelihood = v.normal(mean, sigma.mul(rows.data(of(x.map((a) => 1 + a * a)))));
    const values = of(y.map((_, i) => outcome(i)));
    if (how === "missing") observe("y", likelihood, rows.data(values, { missing: true }));
    else observe("y", likelihood, rows.data(values as number[]), how === "masked" ? { mask: kept } : {});
  };

describe("a mask leaves rows out", () => {
  test("to the bit: values, indices, design matrices and scales of other rows are not there", () => {
    same(regression("masked"), regression("removed"));
  });

  test("whatever outcome they have, infinite ones too", () => {
    same(
      regression("masked", (i) => (kept[i] ? y[i]! : Number.POSITIVE_INFINITY)),
      regression("removed"),
    );
  });

  test("also values outside the support, and masks of truth values and of data", () => {
    const counts =
      (masked: boolean, mask: (rows: v.PlateHandle) => v.Mask = () => [true, false, true, false]): Definition =>
      ({ sample, observe, plate }) => {
        const rows = plate("row", masked ? 4 : 2);
        const rate = sample("rate", v.gamma(2, 1));
        observe("k", v.poisson(rate), rows.data(masked ? [3, -1, 0, 0.5] : [3, 0]), masked ? { mask: mask(rows) } : {});
      };
    same(counts(true), counts(false));
    same(
      counts(true, (rows) => rows.data([1, 0, 1, 0])),
      counts(false),
    );
  });

  test("what a transformation makes of them, NaN, is not heard", () => {
    const logs =
      (masked: boolean): Definition =>
      ({ sample, observe, plate }) => {
        const rows = plate("row", masked ? 3 : 2);
        const mean = sample("mean", v.normal(0, 1));
        observe(
          "y",
          v.normal(mean, 1),
          rows.data(masked ? [1, -1, 3] : [1, 3]).log(),
          masked ? { mask: [1, 0, 1] } : {},
        );
      };
    same(logs(true), logs(false));
  });

  test("parameters that overflow there are not heard", () => {
    const exponents =
      (masked: boolean): Definition =>
      ({ sample, observe, plate }) => {
        const rows = plate("row", masked ? 3 : 2);
        const slope = sample("slope", v.normal(3, 1), { support: v.lower(2) });
        const rate = slope.mul(rows.data(masked ? [1, 1000, 0.5] : [1, 0.5])).exp();
        observe("k", v.poisson(rate), rows.data(masked ? [3, 7, 0] : [3, 0]), masked ? { mask: [1, 0, 1] } : {});
      };
    same(exponents(true), exponents(false));
  });

  test("and leaves latents of these rows their prior", () => {
    const model = compile(({ sample, observe, plate }) => {
      const rows = plate("row", 3);
      const own = sample("own", v.gamma(2, 1), rows);
      observe("y", v.normal(own.log(), 1), rows.data([0.1, 5, 0.3]), { mask: [1, 0, 1] });
    });
    const prior = compile(({ sample }) => {
      sample("own", v.gamma(2, 1), { shape: [3] });
    });
    const theta = [0.3, -0.2, 0.7];
    const [a, b] = [logDensityGradient(model, theta), logDensityGradient(prior, theta)];
    expect(a.gradient[1]).toBe(b.gradient[1]);
    const likelihood = v.normal([0.3, 0.7], 1).logProb([0.1, 0.3]) as Float64Array;
    expect(Math.abs(a.value - b.value - likelihood[0]! - likelihood[1]!)).toBeLessThan(1e-14);
  });

  test("of a multivariate distribution, of bounds by row and of mixtures, too", () => {
    const all =
      (masked: boolean): Definition =>
      ({ sample, observe, plate }) => {
        const of = <T>(values: readonly T[]): T[] => (masked ? [...values] : rest(values, [1, 0, 1, 1]));
        const rows = plate("row", of([1, 2, 3, 4]).length);
        const mean = sample("mean", v.normal(0, 1), { shape: [2] });
        const scale = sample("scale", v.halfNormal(1));
        const mask = masked ? { mask: [1, 0, 1, 1] } : {};
        const pairs = rows.data(
          of([
            [1, 2],
            [7, 9],
            [0.3, 0.1],
            [-1, 0],
          ]),
        );
        observe(
          "pair",
          v.multivariateNormal(mean, [
            [1, 0],
            [0.3, 2],
          ]),
          pairs,
          mask,
        );
        const limits = rows.data(of([2, 1, 1.5, 4]));
        observe("short", v.truncated(v.gamma(2, scale), undefined, limits), rows.data(of([1, 3, 0.7, 2])), mask);
        observe("held", v.censored(v.weibull(2, scale), undefined, limits), rows.data(of([2, 1, 0.7, 2])), mask);
        const parts = [v.normal(mean.at(0).mul(limits), scale), v.studentT(3, mean.at(1), 1)];
        observe("either", v.mixture([0.3, 0.7], parts), rows.data(of([1, -8, 0.7, 2])), mask);
      };
    close(all(true), all(false));
  });

  test("a factor has rows, too", () => {
    const factors =
      (masked: boolean): Definition =>
      ({ sample, factor, plate }) => {
        const rows = plate("row", masked ? 3 : 2);
        const z = sample("z", v.normal(0, 1));
        factor(
          "f",
          z.mul(rows.data(masked ? [1, Number.POSITIVE_INFINITY, 3] : [1, 3])),
          masked ? { mask: [1, 0, 1] } : {},
        );
      };
    same(factors(true), factors(false));
  });

  test("different masks of as many rows are kept apart", () => {
    const two =
      (masked: boolean): Definition =>
      ({ sample, observe, plate }) => {
        const mean = sample("mean", v.normal(0, 1));
        const rows = plate("row", 3);
        for (const [k, mask] of [
          [1, 1, 0],
          [0, 1, 1],
        ].entries()) {
          const values = [1, 2, 4].map((a) => a * (k + 1));
          if (masked) observe(`y${k}`, v.normal(mean, 1), rows.data(values), { mask });
          else {
            const own = plate(`row ${k}`, 2);
            observe(`y${k}`, v.normal(mean, 1), own.data(values.filter((_, i) => mask[i])));
          }
        }
      };
    same(two(true), two(false));
  });

  test("all rows or none of them are allowed", () => {
    const masks =
      (mask: v.Mask | undefined, values = y): Definition =>
      ({ sample, observe, plate }) => {
        const rows = plate("row", 7);
        observe("y", v.normal(sample("mean", v.normal(0, 1)), 1), rows.data(values), { mask });
      };
    same(masks(Array(7).fill(true)), masks(undefined));
    same(masks(Array(7).fill(false), Array(7).fill(Number.POSITIVE_INFINITY)), ({ sample }) => {
      sample("mean", v.normal(0, 1));
    });
  });

  test("single elements of rows, each observed where it is", () => {
    const mask = [
      [1, 1],
      [0, 1],
      [1, 0],
      [0, 0],
      [1, 1],
    ];
    const values = mask.map((row, i) => row.map((m, e) => (m ? x[i + e]! : Number.NEGATIVE_INFINITY)));
    const elements =
      (masked: boolean): Definition =>
      ({ sample, observe, plate }) => {
        const means = sample("mean", v.normal(0, 1), { shape: [2] });
        const slope = sample("slope", v.normal(0, 1));
        const likelihood = (e: number, trend: v.Expression): v.Distribution =>
          v.normal(slope.mul(trend).add(means.at(e)), e + 1);
        if (masked) {
          const rows = plate("row", 5);
          const mean = slope.mul(rows.data([0, 1, 2, 3, 4])).add(means);
          observe("y", v.normal(mean, [1, 2]), rows.data(values), { mask });
        } else
          for (const e of [0, 1]) {
            const own = [0, 1, 2, 3, 4].filter((i) => mask[i]![e]);
            const rows = plate(`row ${e}`, own.length);
            observe(`y${e}`, likelihood(e, rows.data(own)), rows.data(own.map((i) => values[i]![e]!)));
          }
      };
    close(elements(true), elements(false));
  });

  test("second derivatives are those of the other rows", () => {
    const [a, b] = [compile(regression("masked")), compile(regression("removed"))];
    const theta = Float64Array.from(point(a.dimension));
    const direction = Float64Array.from(point(a.dimension, 2));
    const [p, q] = [new Float64Array(a.dimension), new Float64Array(a.dimension)];
    a.hessianVector!(theta, direction, p);
    b.hessianVector!(theta, direction, q);
    expect([...p]).toEqual([...q]);
  });
});

describe("in a subsampled plate", () => {
  const many = Array.from({ length: 23 }, (_, i) => Math.sin(7 * i));
  const mask = many.map((_, i) => (i % 5 === 0 || i === 7 ? 0 : 1) as 0 | 1);
  const batches =
    (how: "removed" | "masked" | "missing", subsample?: number): Definition =>
    ({ sample, observe, plate, factor }) => {
      const of = <T>(values: readonly T[]): T[] => (how === "removed" ? rest(values, mask) : [...values]);
      const rows = plate("row", of(many).length, subsample ? { subsample } : {});
      const slope = sample("slope", v.normal(0, 1));
      const sigma = sample("sigma", v.halfNormal(1));
      const mean = slope.mul(rows.data(of(many.map((a) => (how === "masked" ? a : a)))));
      const values = of(many.map((a, i) => (mask[i] ? a * a : how === "masked" ? -1e300 : nan)));
      if (how === "missing") observe("y", v.normal(mean, sigma), rows.data(values, { missing: true }));
      else observe("y", v.normal(mean, sigma), rows.data(values), how === "masked" ? { mask } : {});
      factor("f", mean.mul(rows.data(of(many))), how === "removed" ? {} : { mask });
    };

  test.each(["masked", "missing"] as const)("the mean over all batches is the gradient of the kept rows: %s", (how) => {
    for (const size of [1, 4, 8, 10]) close(batches(how, size), batches("removed"));
    same(batches(how), batches("removed"));
  });

  test("latents of the plate, indices into others and elements of rows go on as they are", () => {
    const model =
      (subsample?: number): Definition =>
      ({ sample, observe, plate }) => {
        const rows = plate("row", 23, subsample ? { subsample } : {});
        const groups = plate("group", 3);
        const own = sample("own", v.normal(0, 1), rows);
        const level = sample("level", v.gamma(2, 1), groups).at(
          rows.index(
            many.map((_, i) => i % 3),
            groups,
          ),
        );
        observe("y", v.normal(own.exp().mul(level), 1), rows.data(many), { mask });
        const pair = v.concat(own, level);
        const gaps = many.map((a, i) => [i % 4 ? a : null, i % 3 ? a : null]);
        observe("pair", v.normal(pair, [1, 2]), rows.data(gaps, { missing: true }));
      };
    for (const size of [1, 5, 8]) close(model(size), model());
    const target = compile(model());
    const { gradient } = logDensityGradient(target, point(26));
    const prior = -point(26)[0]!; // row 0 is masked, and both of its elements are missing
    expect(Math.abs(gradient[0]! - prior)).toBeLessThan(1e-15);
  });

  test("each batch has the rows that it has without a mask, scaled alike", () => {
    const model = v.model(batches("masked", 4)).compile();
    const program = model.program(1);
    program.theta().set([0.3, -0.2]);
    let sum = 0;
    for (let b = 0; b < model.batches; b++) {
      program.selectBatch(0, b);
      program.evaluate();
      sum += program.logDensity()[0]!;
    }
    program.dispose();
    expect(model.batches).toBe(6);
    const whole = logDensityGradient(compile(batches("removed")), [0.3, -0.2]).value;
    expect(Math.abs(sum / 6 / whole - 1)).toBeLessThan(1e-12);
  });
});

describe("missing values", () => {
  test("are left out like masked rows, to the bit: null, undefined and NaN", () => {
    for (const gap of [null, undefined, nan])
      same(
        regression("missing", (i) => (kept[i] ? y[i]! : (gap as null))),
        regression("removed"),
      );
  });

  test("leave the closed form of a normal model", async () => {
    const values = [1, null, 2.5, nan, 0.5, undefined];
    const model = v.model(({ sample, observe, plate }) => {
      const rows = plate("row", values);
      observe("y", v.normal(sample("mean", v.normal(0, 2)), 1), rows.data(values, { missing: true }));
    });
    const fit = await v.fit(model, undefined, { seed: 1 });
    const precision = 1 / 4 + 3;
    expect(fit.status).toBe("converged");
    expect(Math.abs(fit.mean("mean")[0]! - 4 / precision)).toBeLessThan(1e-2);
    expect(Math.abs(fit.sd("mean")[0]! * Math.sqrt(precision) - 1)).toBeLessThan(2e-2);
  });

  test("and a mask go together", () => {
    const both =
      (removed: boolean): Definition =>
      ({ sample, observe, plate }) => {
        const rows = plate("row", removed ? 2 : 4);
        const likelihood = v.normal(sample("mean", v.normal(0, 1)), 1);
        if (removed) observe("y", likelihood, rows.data([1, 4]));
        else observe("y", likelihood, rows.data([1, null, 3, 4], { missing: true }), { mask: [1, 1, 0, 1] });
      };
    same(both(false), both(true));
  });

  test("data without any are data", () => {
    const whole =
      (missing: boolean): Definition =>
      ({ sample, observe, plate }) => {
        const rows = plate("row", 3);
        const mean = sample("mean", v.normal(0, 1));
        observe("y", v.normal(mean, 1), missing ? rows.data([1, 2, 3], { missing: true }) : rows.data([1, 2, 3]));
      };
    same(whole(true), whole(false));
    same(({ sample, impute, plate }) => {
      impute("y", v.normal(sample("mean", v.normal(0, 1)), 1), plate("row", 3).data([1, 2, 3], { missing: true }));
    }, whole(false));
  });

  test("a row of several numbers is missing whole, or written as such", () => {
    const pairs =
      (removed: boolean): Definition =>
      ({ sample, observe, plate }) => {
        const rows = plate("row", removed ? 2 : 4);
        const mean = sample("mean", v.normal(0, 1), { shape: [2] });
        const likelihood = v.multivariateNormal(mean, [
          [1, 0],
          [0.5, 1],
        ]);
        if (removed)
          observe(
            "y",
            likelihood,
            rows.data([
              [1, 2],
              [0, 1],
            ]),
          );
        else observe("y", likelihood, rows.data([null, [1, 2], [null, nan], [0, 1]], { missing: true }));
      };
    same(pairs(false), pairs(true));
  });
});

describe("imputed values", () => {
  // x ~ N(mu, 1), y ~ N(2 x, 1), mu ~ N(0, 3): all normal, so that what is missing has a closed form.
  const xs = [0.5, null, -1.2, null, 2];
  const ys = [1.3, 2.6, -2, -0.4, 3.9];
  const covariate: Definition = ({ sample, observe, impute, plate }) => {
    const rows = plate("row", 5);
    const mu = sample("mu", v.normal(0, 3));
    const filled = impute("x", v.normal(mu, 1), rows.data(xs, { missing: true }));
    observe("y", v.normal(filled.mul(2), 1), rows.data(ys));
  };

  test("are latents with the likelihood of the others, named by their row", () => {
    const model = compile(covariate);
    expect(model.names).toEqual(["mu", "x[1]", "x[3]"]);
    const theta = [0.4, 0.9, -0.6];
    const { value, gradient } = logDensityGradient(model, theta);
    const all = [0.5, 0.9, -1.2, -0.6, 2];
    let exact = v.normal(0, 3).logProb(0.4);
    all.forEach((a, i) => {
      exact += v.normal(0.4, 1).logProb(a) + v.normal(2 * a, 1).logProb(ys[i]!);
    });
    expect(Math.abs(value - exact)).toBeLessThan(1e-13);
    const slopes = [1, 3].map((i) => 0.4 - all[i]! + 2 * (ys[i]! - 2 * all[i]!));
    const mu = -0.4 / 9 + all.reduce((s, a) => s + a - 0.4, 0);
    [mu, ...slopes].forEach((d, k) => {
      expect(Math.abs(gradient[k]! - d)).toBeLessThan(1e-13);
    });
  });

  test("have the closed form of a joint normal", async () => {
    const fit = await v.fit(v.model(covariate), undefined, { seed: 1 });
    expect(fit.status).toBe("converged");
    const error = 5 / Math.sqrt(fit.size);
    // Given mu, a missing x has precision 1 + 4 and mean (mu + 2 y) / 5; y alone says N(2 mu, 5) of mu.
    const precision = 1 / 9 + 3 + 2 * (4 / 5);
    const mean = (0.5 - 1.2 + 2 + (2 * (2.6 - 0.4)) / 5) / precision;
    const means = [mean, ...[2.6, -0.4].map((a) => (mean + 2 * a) / 5)];
    const own = Math.sqrt(1 / 5 + 1 / 25 / precision);
    const sds = [1 / Math.sqrt(precision), own, own];
    const found = [fit.mean("mu")[0]!, ...fit.mean("x")];
    const spread = [fit.sd("mu")[0]!, ...fit.sd("x")];
    means.forEach((m, k) => {
      expect(Math.abs(found[k]! - m) / sds[k]!).toBeLessThan(error);
      expect(Math.abs(spread[k]! / sds[k]! - 1)).toBeLessThan(error);
    });
    // The same without draws: the log density is a parabola with its top there.
    const { gradient } = logDensityGradient(compile(covariate), means);
    for (const d of gradient) expect(Math.abs(d)).toBeLessThan(1e-13);
    const column = Float64Array.of(1, 1 / 5, 1 / 5).map((c) => c / precision); // of the covariance: that of mu
    const product = new Float64Array(3);
    compile(covariate).hessianVector!(Float64Array.from(means), column, product);
    [-1, 0, 0].forEach((h, k) => {
      expect(Math.abs(product[k]! - h)).toBeLessThan(1e-13);
    });
    expect(String(fit.summary())).toContain("x[1]");
    const file = v.loadPosterior(v.savePosterior(fit));
    expect([...file.draws("x")]).toEqual([...fit.draws("x")]);
    expect([...file.sample(5, { seed: 3 }).draws("x")].length).toBe(10);
  });

  test("where nothing else uses them, leave all else what it is without them", async () => {
    const outcomes = (word: "observe" | "impute") =>
      v.model((context) => {
        const rows = context.plate("row", 5);
        const likelihood = v.normal(context.sample("mu", v.normal(0, 3)), 1);
        context[word]("x", likelihood, rows.data(xs, { missing: true }));
      });
    const [a, b] = await Promise.all([
      v.fit(outcomes("observe"), undefined, { seed: 1 }),
      v.fit(outcomes("impute"), undefined, { seed: 1 }),
    ]);
    expect(b.sites.map((s) => s.name)).toEqual(["mu", "x"]);
    expect(Math.abs(a.mean("mu")[0]! - b.mean("mu")[0]!)).toBeLessThan(2e-2);
    expect(Math.abs(a.sd("mu")[0]! - b.sd("mu")[0]!)).toBeLessThan(2e-2);
    expect(Math.abs(a.elbo - b.elbo)).toBeLessThan(1e-6);
  });

  test("single elements and those of multivariate rows are filled in, in subsampled plates too", () => {
    const factor = [
      [1, 0],
      [0.5, 2],
    ];
    const rowsOf = [
      [1, 2],
      [null, 0.5],
      [0.3, null],
      [null, null],
    ];
    const model =
      (subsample?: number): Definition =>
      ({ sample, impute, observe, plate }) => {
        const rows = plate("row", ["a", "b", "c", "d"], subsample ? { subsample } : {});
        const mean = sample("mean", v.normal(0, 1), { shape: [2] });
        const value = impute("x", v.multivariateNormal(mean, factor), rows.data(rowsOf, { missing: true }));
        observe("y", v.normal(value.at(0).mul(value.at(1)), 1), rows.data([1, 2, 3, 4]));
      };
    const whole = compile(model());
    expect(whole.names).toEqual(["mean[0]", "mean[1]", "x[b,0]", "x[c,1]", "x[d,0]", "x[d,1]"]);
    close(model(3), model());
    const theta = [0.3, -0.4, 0.7, 1.1, -0.2, 0.9];
    const full = [
      [1, 2],
      [0.7, 0.5],
      [0.3, 1.1],
      [-0.2, 0.9],
    ];
    let exact = v.normal(0, 1).logProb(0.3) + v.normal(0, 1).logProb(-0.4);
    full.forEach((row, i) => {
      exact += v.multivariateNormal([0.3, -0.4], factor).logProb(row) as number;
      exact += v.normal(row[0]! * row[1]!, 1).logProb(i + 1);
    });
    expect(Math.abs(logDensityGradient(whole, theta).value - exact)).toBeLessThan(1e-12);
  });

  test("in a table of covariates are looked up column by column, for X·β too", () => {
    const table = [
      [1, null, 0.5],
      [null, -1, 2],
      [0.3, 0.2, 0.1],
    ];
    const model = compile(({ sample, impute, observe, plate }) => {
      const rows = plate("row", 3);
      const beta = sample("beta", v.normal(0, 1), { shape: [3] });
      const filled = impute("x", v.normal([0, 1, 2], [1, 2, 3]), rows.data(table, { missing: true }));
      observe("y", v.normal(v.dot(filled, beta), 1), rows.data([1, 2, 3]));
    });
    expect(model.names.slice(3)).toEqual(["x[0,1]", "x[1,0]"]);
    const [b, x] = [
      [0.5, -0.2, 0.8],
      [0.7, -0.4],
    ];
    const whole = table.map((row, i) => row.map((a, k) => a ?? x![i === 0 && k === 1 ? 0 : 1]!));
    let exact = 0;
    for (const a of b!) exact += v.normal(0, 1).logProb(a);
    whole.forEach((row, i) => {
      row.forEach((a, k) => {
        exact += v.normal(k, k + 1).logProb(a);
      });
      exact += v
        .normal(
          row.reduce((sum, a, k) => sum + a * b![k]!, 0),
          1,
        )
        .logProb(i + 1);
    });
    expect(Math.abs(logDensityGradient(model, [...b!, ...x!]).value - exact)).toBeLessThan(1e-13);
  });

  test("lie where their distribution does, with bounds of their own row", () => {
    const model = v
      .model<void>(({ sample, impute, plate }) => {
        const rows = plate("row", 3);
        const d = v.truncated(v.logistic(5, 9), rows.data([0, 10, 20]), rows.data([1, 11, 21]));
        sample("z", v.normal(impute("x", d, rows.data([0.5, null, null], { missing: true })), 1), rows);
      })
      .compile();
    const values = model.constrain(Float64Array.of(0.3, -0.4, 0, 0, 0));
    expect(model.names.slice(0, 2)).toEqual(["x[1]", "x[2]"]);
    expect(values[0]! > 10 && values[0]! < 11 && values[1]! > 20 && values[1]! < 21).toBe(true);
    const back = model.unconstrain({ x: [values[0]!, values[1]!], z: [0, 0, 0] });
    expect(Math.abs(back[0]! - 0.3)).toBeLessThan(1e-13);
    expect(Math.abs(back[1]! + 0.4)).toBeLessThan(1e-13);
  });
});

describe("what is made of a fit", () => {
  const values = [1.4, null, 0.2, 0.9, null, -0.3];
  const mask = [1, 1, 0, 1, 1, 1] as const;
  const whole = [1.4, 0.9, -0.3];
  const means = v.model<boolean>(({ sample, observe, plate }, all) => {
    const rows = plate("row", all ? 6 : 3);
    const likelihood = v.normal(sample("mu", v.normal(0, 2)), 1);
    if (all) observe("y", likelihood, rows.data(values, { missing: true }), { mask });
    else observe("y", likelihood, rows.data(whole));
  });
  const fits = Promise.all([v.fit(means, true, { seed: 1 }), v.fit(means, false, { seed: 1 })]);

  test("log likelihoods are those of the observations that count, with their places", async () => {
    const [fit, other] = await fits;
    const [a, b] = [v.logLikelihood(fit), v.logLikelihood(other)];
    expect(a.shape).toEqual([3]);
    expect([...a.positions!]).toEqual([0, 3, 5]);
    expect(b.positions).toBeUndefined();
    expect([...a.values]).toEqual([...b.values]);
  });

  test("so are leave-one-out and its transforms, and only like is compared with like", async () => {
    const [fit, other] = await fits;
    const [a, b] = [v.loo(fit), v.loo(other)];
    expect([...a.pointwise]).toEqual([...b.pointwise]);
    expect([...a.positions!]).toEqual([0, 3, 5]);
    expect([...v.looPit(fit).values]).toEqual([...v.looPit(other).values]);
    expect([...v.looPit(fit).positions!]).toEqual([0, 3, 5]);
    expect(() => v.looCompare(a, b)).toThrow(
      "looCompare(second): expected the observations of the first, got others: other values are missing or masked",
    );
    expect(v.looCompare(a, v.loo(fit)).difference).toBe(0);
  });

  test("single elements have their places, row by row", async () => {
    const panel = v.model(({ sample, observe, plate }) => {
      const rows = plate("row", 3);
      const mean = sample("mean", v.normal(0, 1), { shape: [2] });
      observe("y", v.poisson(mean.exp()), rows.data([[1, null], [null, 2], [0, 4]], { missing: true })); // biome-ignore format: a table
    });
    const fit = await v.fit(panel, undefined, { seed: 1, posteriorDraws: 50 });
    const { positions, values, draws } = v.logLikelihood(fit);
    expect([...positions!]).toEqual([0, 3, 4, 5]);
    const mean = fit.draws("mean");
    const log = (k: number, d: number, e: number): number => v.poissonLog(mean[2 * d + e]!).logProb(k);
    for (let d = 0; d < draws; d++)
      [log(1, d, 0), log(2, d, 1), log(0, d, 0), log(4, d, 1)].forEach((l, i) => {
        expect(Math.abs(values[4 * d + i]! - l)).toBeLessThan(1e-13 * (1 + Math.abs(l)));
      });
  });

  test("sensitivities are those of the model without the rows", async () => {
    const [fit, other] = await fits;
    expect(v.priorSensitivity(fit).rows).toEqual(v.priorSensitivity(other).rows);
  });

  test("predictions are of all rows, those that are missing too", async () => {
    const [fit] = await fits;
    const predicted = v.posteriorPredictive(fit, { seed: 4 });
    const exact = 2 / (3 + 1 / 4);
    const sd = Math.sqrt(1 + 1 / (3 + 1 / 4));
    expect(predicted.sites).toEqual([{ name: "y", kind: "observed", shape: [6], labels: null }]);
    for (const m of predicted.mean("y")) expect(Math.abs(m - exact) / sd).toBeLessThan(5 / Math.sqrt(fit.size));
    expect([...v.priorPredictive(means, true, { draws: 10 }).draws("y")].every(Number.isFinite)).toBe(true);
  });

  const covariate = v.model(({ sample, impute, observe, plate }) => {
    const rows = plate("row", 6);
    const filled = impute("x", v.normal(sample("mu", v.normal(0, 1)), 1), rows.data(values, { missing: true }));
    observe("y", v.normal(filled.mul(2), 0.5), rows.data([3, 1, 0, 2, -2, 0]));
  });

  test("before anything is seen, values to be imputed are drawn in all rows, and what uses them with them", () => {
    const draws = 4000;
    const prior = v.priorPredictive(covariate, undefined, { draws, seed: 2 });
    const [x, y] = [prior.draws("x"), prior.draws("y")];
    expect(x.length).toBe(6 * draws);
    const rest = y.map((b, i) => (b - 2 * x[i]!) / 0.5);
    const mean = rest.reduce((s, r) => s + r, 0) / rest.length;
    const square = rest.reduce((s, r) => s + r * r, 0) / rest.length;
    expect(Math.abs(mean) * Math.sqrt(rest.length)).toBeLessThan(4);
    expect(Math.abs(square - 1) * Math.sqrt(rest.length / 2)).toBeLessThan(4);
  });

  test("posterior predictions are of all rows too, and imputed values have no prior to be sensitive to", async () => {
    const fit = await v.fit(covariate, undefined, { seed: 1 });
    const predicted = v.posteriorPredictive(fit);
    expect(predicted.sites.map((s) => s.shape)).toEqual([[6], [6]]);
    expect(v.logLikelihood(fit, { site: "x" }).shape).toEqual([4]);
    expect(v.logLikelihood(fit, { site: "y" }).shape).toEqual([6]);
    expect(() => v.priorSensitivity(fit, { priors: ["x"] })).toThrow('expected one of "mu", got "x"');
    expect(v.priorSensitivity(fit).rows.map((r) => r.name)).toEqual(["mu", "x[1]", "x[4]"]);
  });

  test("simulations are fitted with the same values missing, and their ranks are uniform", async () => {
    const calibration = await v.simulationBasedCalibration(covariate, undefined, {
      simulations: 60,
      fit: { algorithm: "laplace", posteriorDraws: 99 },
    });
    expect(calibration.names).toEqual(["mu", "x[1]", "x[4]"]);
    expect(calibration.adjusted).toBeGreaterThan(0.01);
  });
});

describe("misuse is told", () => {
  const rowsOf =
    (f: (rows: v.PlateHandle, context: v.ModelContext) => unknown): Definition =>
    (context) => {
      context.sample("z", v.normal(0, 1));
      f(context.plate("row", 3), context);
    };
  const partial = [1, null, 2];
  test.each<readonly [string, Definition, string]>([
    [
      "a missing value that is not declared",
      rowsOf((rows) => rows.data(partial as number[])),
      'TypeError: data of plate "row"[1]: expected a number, got null',
    ],
    [
      "NaN that is not declared",
      rowsOf((rows) => rows.data([1, 2, nan])),
      'RangeError: data of plate "row"[2]: expected a number, got NaN',
    ],
    [
      "text among missing values",
      rowsOf((rows) => rows.data([1, null, "2"] as unknown as number[], { missing: true })),
      'TypeError: data of plate "row"[2]: expected a number, got "2"',
    ],
    [
      "a misspelt option",
      rowsOf((rows) => rows.data(partial, { mising: true } as unknown as v.PartialDataOptions)),
      'TypeError: data of plate "row".mising: unknown option; expected one of shape, missing',
    ],
    [
      "calculating with what is missing",
      rowsOf((rows) => v.mul(2, rows.data(partial, { missing: true }) as unknown as v.Expression)),
      "TypeError: mul: expected values, got data of which some may be missing; impute(name, distribution, data) returns them filled in",
    ],
    [
      "a value outside the support beside missing ones, by its own row",
      rowsOf((rows, { observe }) => observe("y", v.poisson(1), rows.data([1, null, -2], { missing: true }))),
      'RangeError: observe("y"): data[2]: expected an integer of at least 0, got -2, outside the support of poisson',
    ],
    [
      "half a row of a multivariate distribution",
      rowsOf((rows, { observe }) =>
        observe("y", v.dirichlet([1, 1]), rows.data([[0.5, 0.5], null, [0.1, null]], { missing: true })),
      ),
      'RangeError: observe("y"): data[2]: expected 2 numbers or none, as a value of dirichlet is left out whole, got 1; impute(...) fills in the others',
    ],
    [
      "a mask of another length",
      rowsOf((rows, { observe }) => observe("y", v.normal(0, 1), rows.data([1, 2, 3]), { mask: [1, 0] })),
      'RangeError: observe("y"): mask: expected 3 rows, got an array of 2',
    ],
    [
      "a mask that is no mask",
      rowsOf((rows, { observe }) => observe("y", v.normal(0, 1), rows.data([1, 2, 3]), { mask: [1, 0.5, 0] })),
      'RangeError: observe("y"): mask[1]: expected 0 or 1, false or true, got 0.5',
    ],
    [
      "a mask by element of single numbers",
      rowsOf((rows, { observe }) =>
        observe("y", v.normal(0, 1), rows.data([1, 2, 3]), {
          mask: [
            [1, 0],
            [1, 1],
            [0, 1],
          ],
        }),
      ),
      'RangeError: observe("y"): mask: expected one entry per row, got 2 in each row',
    ],
    [
      "a mask that depends on a latent",
      (context) => {
        const z = context.sample("z", v.normal(0, 1));
        context.observe("y", v.normal(z, 1), context.plate("row", 3).data([1, 2, 3]), { mask: z });
      },
      'TypeError: observe("y"): mask: expected data, got a value that depends on a latent',
    ],
    [
      "a mask of another plate",
      rowsOf((rows, { observe, plate }) =>
        observe("y", v.normal(0, 1), rows.data([1, 2, 3]), { mask: plate("other", 3).data([1, 1, 0]) }),
      ),
      'TypeError: observe("y"): mask: expected data of plate "row", got data of plate "other"',
    ],
    [
      "a mask outside plates",
      rowsOf((_, { observe }) => observe("y", v.normal([0, 1], 1), [1, 2], { mask: [1, 0] })),
      'TypeError: observe("y"): mask: expected values in a plate, whose rows a mask can leave out',
    ],
    [
      "imputing counts",
      rowsOf((rows, { impute }) => impute("y", v.poisson(1), rows.data(partial, { missing: true }))),
      'TypeError: impute("y"): poisson is discrete and has no gradient; observe(...) leaves missing values out',
    ],
    [
      "imputing what hangs together",
      rowsOf((rows, { impute }) =>
        impute("y", v.dirichlet([1, 1]), rows.data([null, [0.5, 0.5], null], { missing: true })),
      ),
      'TypeError: impute("y"): expected a distribution of numbers that can be missing one by one, got dirichlet, of non-negative numbers that add up to 1',
    ],
    [
      "imputing what is censored",
      rowsOf((rows, { impute }) => impute("y", v.censored(v.gamma(1, 1), 1), rows.data(partial, { missing: true }))),
      'TypeError: impute("y"): censored gives single numbers probability and has no density there',
    ],
    [
      "imputing data that are whole by declaration",
      rowsOf((rows, { impute }) => impute("y", v.normal(0, 1), rows.data([1, 2, 3]) as unknown as v.PartialData)),
      'TypeError: impute("y"): expected data as rows.data(values, { missing: true }) makes them, got an object (Expression)',
    ],
    [
      "imputing under a name that is used",
      rowsOf((rows, { impute }) => impute("z", v.normal(0, 1), rows.data(partial, { missing: true }))),
      'RangeError: impute("z"): the name is used twice',
    ],
    [
      "bounds by row of a uniform distribution",
      rowsOf((rows) => v.uniform(rows.data([0, 1, 2]), 3)),
      "TypeError: uniform(low, high): expected numbers for low and high, got a value of the model or an array",
    ],
  ])("%s", (_what, definition, error) => {
    expect(errorOf(() => compile(definition))).toBe(error);
  });

  test("a likelihood matrix of nothing", async () => {
    const nothing = v.model(({ sample, observe, plate }) => {
      const rows = plate("row", 2);
      observe("y", v.normal(sample("z", v.normal(0, 1)), 1), rows.data([null, null], { missing: true }));
    });
    const fit = await v.fit(nothing, undefined, { seed: 1, posteriorDraws: 10 });
    expect(() => v.logLikelihood(fit)).toThrow('expected observations of "y", all of which are missing or masked');
  });
});
