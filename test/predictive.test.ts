// What a fitted model says about data: log-likelihoods against eager log densities, predictive draws of every family against its eager
// samples, closed forms of posterior and prior predictive, and what must not change a number: the count of draws, other sites.

import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import type { FittedDraws } from "../src/posterior/log-likelihood.js";

const range = (n: number, f: (i: number) => number = (i) => i): number[] => Array.from({ length: n }, (_, i) => f(i));

/** A model with draws of our choosing in place of a fit's. */
function withDraws<Data>(
  model: v.Model<Data>,
  data: Data,
  thetas: (d: number, i: number) => number,
  size: number,
): FittedDraws {
  const target = model.compile(data);
  const n = target.dimension;
  const values = Float64Array.from({ length: size * n }, (_, k) => thetas(Math.floor(k / n), k % n));
  return { target, size, sites: target.sites, unconstrainedDraws: () => values.slice() };
}

const moments = (x: ArrayLike<number>): { mean: number; sd: number } => {
  const mean = Array.from(x).reduce((a, b) => a + b, 0) / x.length;
  return { mean, sd: Math.sqrt(Array.from(x).reduce((a, b) => a + (b - mean) ** 2, 0) / (x.length - 1)) };
};

describe("the log-likelihood matrix", () => {
  const x = range(37, (i) => i / 10 - 1.5);
  const y = x.map((t, i) => 1 + 0.5 * t + Math.sin(i));
  const line = (subsample?: number) =>
    v.model<void>(({ sample, observe, plate }) => {
      const rows = plate("row", y, subsample ? { subsample } : {});
      const a = sample("a", v.normal(0, 1));
      const b = sample("b", v.normal(0, 1));
      const sigma = sample("sigma", v.halfNormal(1));
      observe("y", v.normal(a.add(b.mul(rows.data(x))), sigma), rows.data(y));
    });
  const theta = (d: number, i: number): number => Math.sin(3 * d + i);

  test("has the log density of each row under each draw", () => {
    const fit = withDraws(line(), undefined, theta, 21);
    const result = v.logLikelihood(fit);
    expect([result.site, result.draws, result.shape, result.values.length]).toEqual(["y", 21, [37], 777]);
    for (let d = 0; d < 21; d++) {
      const [a, b, u] = [0, 1, 2].map((i) => theta(d, i)) as [number, number, number];
      x.forEach((t, i) => {
        const exact = v.normal(a + b * t, Math.exp(u)).logProb(y[i]!);
        expect(Math.abs(result.values[d * 37 + i]! - exact)).toBeLessThan(1e-13 * (1 + Math.abs(exact)));
      });
    }
  });

  test("does not depend on how many draws are asked for, nor on subsampling", () => {
    const fit = withDraws(line(), undefined, theta, 21);
    const all = v.logLikelihood(fit).values;
    for (const draws of [1, 2, 3, 16, 17])
      expect(v.logLikelihood(fit, { draws }).values).toEqual(all.slice(0, draws * 37));
    expect(v.logLikelihood(withDraws(line(10), undefined, theta, 21)).values).toEqual(all);
  });

  test("and the prior make up the joint density", () => {
    const fit = withDraws(line(), undefined, theta, 5);
    const { values } = v.logLikelihood(fit);
    for (let d = 0; d < 5; d++) {
      const t = Float64Array.of(theta(d, 0), theta(d, 1), theta(d, 2));
      const prior =
        v.normal(0, 1).logProb(t[0]!) +
        v.normal(0, 1).logProb(t[1]!) +
        v.halfNormal(1).logProb(Math.exp(t[2]!)) +
        t[2]!;
      const joint = fit.target!.logDensityGradient(t, new Float64Array(3));
      expect(Math.abs(prior + values.slice(d * 37, d * 37 + 37).reduce((s, l) => s + l, 0) - joint)).toBeLessThan(
        1e-11,
      );
    }
  });

  test("counts numbers of univariate likelihoods, and whole rows of multivariate and independent ones", () => {
    const table = [
      [1, 2],
      [3, 5],
      [-1, 0],
    ];
    const several = v.model<void>(({ sample, observe, plate }) => {
      const rows = plate("row", 3);
      const m = sample("m", v.normal(0, 1));
      observe("numbers", v.normal(v.concat(m, m), 1), rows.data(table));
      observe("rows", v.independent(v.normal(v.concat(m, m), 1)), rows.data(table));
      observe(
        "vectors",
        v.multivariateNormal(v.concat(m, m), [
          [1, 0],
          [0.5, 2],
        ]),
        rows.data(table),
      );
      observe("mixed", v.mixture([0.3, 0.7], [v.normal(m, 1), v.normal(m.add(1), 2)]), rows.data([1, 2, 3]));
      observe("outside", v.normal(m, 1), 0.7);
      observe("vector", v.normal(v.concat(m, 0, 0), 1), [0.7, 1, 2]);
    });
    const fit = withDraws(several, undefined, (d) => d / 4, 3);
    const of = (site: string): v.LogLikelihood => v.logLikelihood(fit, { site });
    expect(["numbers", "rows", "vectors", "mixed", "outside", "vector"].map((s) => of(s).shape)).toEqual([
      [3, 2],
      [3],
      [3],
      [3],
      [],
      [3],
    ]);
    for (let d = 0; d < 3; d++) {
      const m = d / 4;
      table.forEach((row, r) => {
        const parts = row.map((value) => v.normal(m, 1).logProb(value));
        parts.forEach((p, k) => {
          expect(of("numbers").values[d * 6 + r * 2 + k]).toBeCloseTo(p, 13);
        });
        expect(of("rows").values[d * 3 + r]).toBeCloseTo(parts[0]! + parts[1]!, 13);
        const joint = v
          .multivariateNormal(
            [m, m],
            [
              [1, 0],
              [0.5, 2],
            ],
          )
          .logProb(row) as number;
        expect(of("vectors").values[d * 3 + r]).toBeCloseTo(joint, 13);
      });
      const mixed = v.mixture([0.3, 0.7], [v.normal(m, 1), v.normal(m + 1, 2)]);
      expect(of("mixed").values[d * 3 + 2]).toBeCloseTo(mixed.logProb(3), 13);
      expect(of("outside").values[d]).toBeCloseTo(v.normal(m, 1).logProb(0.7), 13);
      expect(of("vector").values[d * 3 + 2]).toBeCloseTo(v.normal(0, 1).logProb(2), 13);
    }
  });

  test("can be had for held-out data, and from a posterior that is apart from its model", () => {
    const held = v.model<{ x: number[]; y: number[] }>(({ sample, observe, plate }, d) => {
      const rows = plate("row", d.y);
      observe("y", v.normal(sample("slope", v.normal(0, 1)).mul(rows.data(d.x)), 1), rows.data(d.y));
    });
    const fit = withDraws(held, { x: [1, 2], y: [1, 2] }, (d) => d / 10, 5);
    const data = { x: [3, 4, 5], y: [2, 7, 1] };
    const { values, shape } = v.logLikelihood(fit, { data });
    expect(shape).toEqual([3]);
    for (let d = 0; d < 5; d++)
      data.x.forEach((x, r) => {
        expect(values[d * 3 + r]).toBeCloseTo(v.normal((d / 10) * x, 1).logProb(data.y[r]!), 13);
      });
    const { target: _, ...loaded } = fit;
    expect(v.logLikelihood(loaded, { model: held, data }).values).toEqual(values);
    const here = v.posteriorPredictive(fit, { data, seed: 2 });
    expect(v.posteriorPredictive(loaded, { model: held, data, seed: 2 }).draws("y")).toEqual(here.draws("y"));
    expect(() => v.logLikelihood(loaded)).toThrow("got a posterior without; give { model, data }");
    expect(() => v.logLikelihood(loaded, { model: {} as v.Model<never> })).toThrow("options).model: expected a model");
    const other = v.model<void>(({ sample }) => void sample("level", v.normal(0, 1)));
    expect(() => v.posteriorPredictive(loaded, { model: other })).toThrow(
      'options).model: expected the latents of the fit, got "level" in place of "slope"',
    );
    expect(() => v.logLikelihood(fit, { data: { x: [3], y: [Number.NaN] } })).toThrow("expected a number, got NaN");
  });

  test("that would not fit in memory is refused with what would", () => {
    const wide = v.model<void>(({ sample, observe, plate }) => {
      const rows = plate("row", 200_000);
      observe("y", v.normal(sample("m", v.normal(0, 1)), 1), rows.data(new Float64Array(200_000)));
    });
    const fit = withDraws(wide, undefined, () => 0, 4000);
    const message = "draws: expected at most 1342 draws of 200000";
    expect(() => v.logLikelihood(fit)).toThrow(`${message} observations, got 4000`);
    expect(() => v.posteriorPredictive(fit)).toThrow(`${message} values of "y", got 4000`);
    expect(v.logLikelihood(fit, { draws: 2 }).values.length).toBe(400_000);
    expect(v.posteriorPredictive(fit, { draws: 3 }).draws("y").length).toBe(600_000);
  });

  test("needs a model that observes, and the name of a site where there are several", async () => {
    const two = v.model<void>(({ sample, observe }) => {
      const m = sample("m", v.normal(0, 1));
      observe("a", v.normal(m, 1), 0.7);
      observe("b", v.normal(m, 1), 0.7);
    });
    const fit = withDraws(two, undefined, () => 0, 2);
    expect(() => v.logLikelihood(fit)).toThrow('site: expected one of "a", "b", as the model observes several');
    expect(() => v.logLikelihood(fit, { site: "c" })).toThrow('site: expected one of "a", "b", got "c"');
    expect(() => v.logLikelihood(fit, { site: "a", draws: 3 })).toThrow("draws: expected an integer in 1..2, got 3");
    const none = v.model<void>(({ sample }) => void sample("m", v.normal(0, 1)));
    expect(() => v.logLikelihood(withDraws(none, undefined, () => 0, 2))).toThrow("at least one observe(...)");
    const plain = await v.fit({
      dimension: 1,
      logDensityGradient(t, g) {
        g[0] = -t[0]!;
        return -0.5 * t[0]! * t[0]!;
      },
    });
    expect(() => v.logLikelihood(plain)).toThrow("expected a fit of a model, got one of a log density");
    expect(() => v.logLikelihood({} as FittedDraws)).toThrow("expected a fit of a model, got an object");
  });
});

/** Every family with a parameter that depends on a row and on a draw. */
const chance = (p: v.Value): v.Expression => v.sigmoid(v.log(p));
const families: Record<string, (p: v.Value) => v.Distribution> = {
  normal: (p) => v.normal(p, v.add(p, 0.5)),
  halfNormal: (p) => v.halfNormal(p),
  studentT: (p) => v.studentT(4, p, p),
  halfStudentT: (p) => v.halfStudentT(3, p),
  cauchy: (p) => v.cauchy(p, 1),
  halfCauchy: (p) => v.halfCauchy(p),
  laplace: (p) => v.laplace(0.5, p),
  logistic: (p) => v.logistic(p, 0.5),
  gumbel: (p) => v.gumbel(p, p),
  uniform: () => v.uniform(-1, 3),
  beta: (p) => v.beta(p, 2),
  kumaraswamy: (p) => v.kumaraswamy(2, p),
  skewNormal: (p) => v.skewNormal(0, p, p),
  truncatedNormal: (p) => v.truncatedNormal(p, 1, 0.25, 2),
  vonMises: (p) => v.vonMises(0.5, p),
  bernoulli: (p) => v.bernoulli(chance(p)),
  bernoulliLogit: (p) => v.bernoulliLogit(v.log(p)),
  binomial: (p) => v.binomial(7, chance(p)),
  binomialLogit: (p) => v.binomialLogit(7, v.log(p)),
  betaBinomial: (p) => v.betaBinomial(7, p, 2),
  geometric: (p) => v.geometric(v.add(0.1, v.mul(0.8, chance(p)))),
  poisson: (p) => v.poisson(p),
  poissonLog: (p) => v.poissonLog(v.log(p)),
  negativeBinomial: (p) => v.negativeBinomial(p, 2),
  negativeBinomialLog: (p) => v.negativeBinomialLog(v.log(p), 2),
  logNormal: (p) => v.logNormal(0, p),
  exponential: (p) => v.exponential(p),
  gamma: (p) => v.gamma(p, 2),
  inverseGamma: (p) => v.inverseGamma(3, p),
  chiSquare: (p) => v.chiSquare(p),
  weibull: (p) => v.weibull(1.5, p),
  pareto: (p) => v.pareto(1, p),
  inverseGaussian: (p) => v.inverseGaussian(p, 2),
  dirichlet: (p) => v.dirichlet(v.concat(p, 1, 2)),
  categorical: (p) => v.categorical(v.softmax(v.concat(p, 0, 1))),
  categoricalLogit: (p) => v.categoricalLogit(v.concat(p, 0, 1)),
  orderedLogistic: (p) => v.orderedLogistic(p, [-1, 0, 2]),
  "orderedLogistic with its own cutpoints": (p) => v.orderedLogistic(0, v.concat(v.neg(p), 0, p)),
  multinomial: (p) => v.multinomial(5, v.softmax(v.concat(p, 0, 1))),
  multivariateNormal: (p) =>
    v.multivariateNormal(v.concat(p, 0), [
      [1, 0],
      [0.5, 2],
    ]),
  multivariateNormalPrecision: (p) =>
    v.multivariateNormalPrecision(v.concat(0, p), [
      [1, 0],
      [0.5, 2],
    ]),
  multivariateNormalLowRank: (p) => v.multivariateNormalLowRank(v.concat(p, 0), [[1], [2]], v.concat(p, 1)),
  multivariateStudentT: (p) =>
    v.multivariateStudentT(5, v.concat(p, 0), [
      [1, 0],
      [0.5, 2],
    ]),
  lkjCholesky: (p) => v.lkjCholesky(3, p),
  wishartCholesky: (p) =>
    v.wishartCholesky(v.add(p, 4), [
      [1, 0],
      [0.5, 2],
    ]),
  truncated: (p) => v.truncated(v.gamma(p, 1), 0.5, 3),
  "truncated counts": (p) => v.truncated(v.poisson(p), 1, 4),
  censored: (p) => v.censored(v.normal(p, 1), 0, 2),
  zeroInflated: (p) => v.zeroInflated(v.poisson(p), 0.3),
  mixture: (p) => v.mixture(v.softmax(v.concat(p, 0)), [v.normal(p, 1), v.studentT(3, -2, p)]),
  "mixture of counts": (p) =>
    v.mixture([chance(p), v.sub(1, chance(p))], [v.poissonLog(v.log(p)), v.negativeBinomial(p, 1)]),
  "mixture of vectors": (p) =>
    v.mixture(
      [0.4, 0.6],
      [
        v.multivariateNormal(v.concat(p, 0), [
          [1, 0],
          [0.5, 2],
        ]),
        v.multivariateNormal(v.concat(3, p), [
          [1, 0],
          [0, 1],
        ]),
      ],
    ),
  "mixture of classes": (p) =>
    v.mixture([0.4, 0.6], [v.categoricalLogit(v.concat(p, 0, 1)), v.categorical([0.2, 0.2, 0.6])]),
  independent: (p) => v.independent(v.gamma(v.concat(p, 2), 1)),
  "several numbers in a row": (p) => v.gamma(v.concat(p, 2), 1),
};

const factors = [0.6, 1, 1.8];
const levels = [0, 0.7];

describe("predictions", () => {
  test.each(Object.keys(families))("follow the likelihood of their own row and draw: %s", (name) => {
    const make = families[name]!;
    const size = 3000;
    const shape = make(1).eventShape.length ? make(1).eventShape : make(1).batchShape;
    const data = Float64Array.from(factors.flatMap((f) => [...make(f).sample(1, { seed: 1 })]));
    const m = v.model<void>(({ sample, observe, plate }) => {
      const rows = plate("row", 3);
      const u = sample("u", v.normal(0, 1));
      observe("y", make(rows.data(factors).mul(v.exp(u))), rows.data(data, shape));
    });
    const fit = withDraws(m, undefined, (d) => levels[d % 2]!, size);
    const values = v.posteriorPredictive(fit, { seed: 5 }).draws("y");
    const width = values.length / size / 3;
    for (const [k, level] of levels.entries())
      factors.forEach((f, r) => {
        const exact = make(Math.exp(level) * f).sample(size, { seed: 99, stream: r });
        // Bounded functions, so that heavy tails do no harm.
        for (const t of [Math.atan, (x: number) => Math.atan(x) ** 2])
          for (let i = 0; i < width; i++) {
            const ours = moments(range(size / 2, (d) => t(values[((2 * d + k) * 3 + r) * width + i]!)));
            const theirs = moments(range(size, (d) => t(exact[d * width + i]!)));
            const error = theirs.sd * Math.sqrt(3 / size);
            expect(Math.abs(ours.mean - theirs.mean)).toBeLessThanOrEqual(4.5 * error + 1e-12);
          }
      });
  });

  const line = v.model<{
    x: readonly number[];
    y: readonly number[];
    group?: readonly string[];
    names?: readonly string[];
  }>(({ sample, observe, plate, deterministic }, d) => {
    const rows = plate("row", d.x.length);
    const groups = plate("group", d.names ?? ["all"]);
    const slope = sample("slope", v.normal(0, 1));
    const level = sample("level", v.normal(0, 1), groups);
    const at = rows.index(d.group ?? d.x.map(() => "all"), groups);
    const center = deterministic("center", level.at(at).add(slope.mul(rows.data(d.x))));
    observe("y", v.normal(center, 0.5), rows.data(d.y));
    observe("count", v.poisson(v.exp(slope)), 3);
  });
  const data = { x: [1, 2, 3], y: [1, 2, 3] };
  const fitted = withDraws(line, data, (d, i) => Math.sin(d + i), 3001);

  test("have the same bits for a seed, however many are asked for and of whichever sites", () => {
    const all = v.posteriorPredictive(fitted, { seed: 3 });
    expect(all.sites.map((s) => [s.name, s.kind, s.shape])).toEqual([
      ["y", "observed", [3]],
      ["count", "observed", []],
    ]);
    for (const draws of [1, 15, 16, 17, 1000, 3000]) {
      const some = v.posteriorPredictive(fitted, { seed: 3, draws });
      expect(some.draws("y")).toEqual(all.draws("y").slice(0, 3 * draws));
      expect(some.draws("count")).toEqual(all.draws("count").slice(0, draws));
    }
    const one = v.posteriorPredictive(fitted, { seed: 3, sites: ["count", "center"] });
    expect(one.sites.map((s) => s.name)).toEqual(["center", "count"]);
    expect(one.draws("count")).toEqual(all.draws("count"));
    expect(v.posteriorPredictive(fitted, { seed: 4 }).draws("y")).not.toEqual(all.draws("y"));
  });

  test("of families with vectors, many rows and mixtures also keep their bits", () => {
    for (const name of ["multivariateNormal", "categoricalLogit", "mixture", "truncated", "mixture of vectors"]) {
      const make = families[name]!;
      const shape = make(1).eventShape;
      const n = 9;
      const values = Float64Array.from(range(n).flatMap(() => [...make(1).sample(1, { seed: 1 })]));
      const m = v.model<void>(({ sample, observe, plate }) => {
        const rows = plate("row", n);
        const u = sample("u", v.normal(0, 1));
        observe("y", make(rows.data(range(n, (i) => 1 + i / n)).mul(v.exp(u))), rows.data(values, shape));
      });
      const fit = withDraws(m, undefined, (d) => Math.sin(d), 600);
      const all = v.posteriorPredictive(fit).draws("y");
      for (const draws of [1, 33, 512]) {
        const some = v.posteriorPredictive(fit, { draws }).draws("y");
        expect(some).toEqual(all.slice(0, some.length));
      }
    }
  });

  test("report values that the model computes, and can be made for new rows", () => {
    const data2 = { x: [-1, 0, 1, 2, 10], y: [0, 0, 0, 0, 0] };
    const next = v.posteriorPredictive(fitted, { data: data2, sites: ["center", "y"] });
    const center = next.draws("center");
    for (const d of [0, 1, 3000])
      data2.x.forEach((x, r) => {
        expect(center[d * 5 + r]).toBeCloseTo(Math.sin(d + 1) + Math.sin(d) * x, 12);
      });
    const y = next.draws("y");
    const rest = moments(y.map((value, i) => (value - center[i]!) / 0.5));
    expect(Math.abs(rest.mean)).toBeLessThan(5 / Math.sqrt(15_005));
    expect(Math.abs(rest.sd - 1)).toBeLessThan(5 / Math.sqrt(30_010));
    expect([next.mean("center").length, next.sd("y").length, next.quantiles("y", [0.1, 0.9]).length]).toEqual([
      5, 5, 10,
    ]);
    const column = Float64Array.from({ length: 3001 }, (_, d) => y[d * 5 + 4]!);
    expect(next.mean("y")[4]).toBeCloseTo(moments(column).mean, 10);
    expect(next.sd("y")[4]).toBeCloseTo(moments(column).sd, 10);
    expect(next.quantiles("y", [0.5])[4]).toBe(column.sort()[1500]);
  });

  test("for new rows do not look at observed values, but their latents must be those of the fit", () => {
    const counts = v.model<{ y: number[] }>(({ sample, observe, plate }, d) => {
      const rows = plate("row", d.y);
      observe("y", v.gamma(sample("shape", v.halfNormal(1)), 1), rows.data(d.y));
    });
    const fit = withDraws(counts, { y: [1, 2] }, () => 0, 50);
    const next = v.posteriorPredictive(fit, { data: { y: [0, 0, -1] } });
    expect(next.mean("y").every((m) => m > 0)).toBe(true);
    const grouped = { ...data, names: ["a", "b"], group: ["a", "b", "a"] };
    const fit2 = withDraws(line, grouped, () => 0, 10);
    const predict = (d: unknown) => (): unknown => v.posteriorPredictive(fit2, { data: d });
    expect(predict({ ...data, x: [1], y: [1], names: ["a", "b"], group: ["b"] })).not.toThrow();
    expect(predict({ ...data, names: ["a", "b", "c"], group: ["a", "b", "c"] })).toThrow(
      'posteriorPredictive(fit, options).data: expected latent "level" to have the fit\'s shape [2], got [3]',
    );
    expect(predict({ ...data, names: ["b", "a"], group: ["a", "b", "a"] })).toThrow(
      'expected the rows of latent "level" to be those of the fit, got "b" in place of "a"',
    );
    expect(() => v.posteriorPredictive(fitted, { sites: ["z"] })).toThrow(
      'sites[0]: expected one of "y", "count", "center"',
    );
    expect(() => v.posteriorPredictive(fitted, { seed: -1 })).toThrow(
      "seed: expected an integer of at least 0, got -1",
    );
    expect(() => v.posteriorPredictive(fitted, { sede: 1 } as object)).toThrow("sede: unknown option");
    expect(() => v.posteriorPredictive(fitted).draws("z")).toThrow('expected one of "y", "count", got "z"');
  });

  test("by the posterior of the Normal-Normal model are N(x / 2, 3/2)", async () => {
    const m = v.model<number[]>(({ sample, observe, plate }, x) => {
      const rows = plate("i", x);
      observe("x", v.normal(sample("z", v.normal(0, 1), rows), 1), rows.data(x));
    });
    const fit = await v.fit(m, [1, 2, 3], { seed: 2, posteriorDraws: 40_000 });
    const replicated = v.posteriorPredictive(fit, { seed: 1 });
    const se = Math.sqrt(1.5 / 40_000);
    replicated.mean("x").forEach((mean, i) => {
      expect(Math.abs(mean - (i + 1) / 2)).toBeLessThan(4 * se);
    });
    replicated.sd("x").forEach((sd) => {
      expect(Math.abs(sd - Math.sqrt(1.5))).toBeLessThan((4 * se) / Math.SQRT2);
    });
    const median = replicated.quantiles("x", [0.5, 0.975]);
    expect(Math.abs(median[5]! - (1.5 + 1.959963984540054 * Math.sqrt(1.5)))).toBeLessThan(0.06);
  });
});

describe("the prior predictive", () => {
  const n = 50_000;

  test("has the moments of the hierarchy, and latents on their supports", () => {
    const schools = v.model<number[]>(({ sample, observe, plate, deterministic }, y) => {
      const rows = plate("school", y);
      const mu = sample("mu", v.normal(1, 2));
      const tau = sample("tau", v.normal(0, 3), { support: v.positive });
      const theta = sample("theta", v.normal(mu, tau), rows);
      deterministic("twice", mu.mul(2));
      observe("y", v.normal(theta, 4), rows.data(y));
    });
    const prior = v.priorPredictive(schools, [0, 0], { draws: n, seed: 3 });
    expect(prior.sites.map((s) => [s.name, s.kind, s.shape])).toEqual([
      ["mu", "latent", []],
      ["tau", "latent", []],
      ["theta", "latent", [2]],
      ["twice", "deterministic", []],
      ["y", "observed", [2]],
    ]);
    const tau = prior.draws("tau");
    expect(Math.min(...tau.subarray(0, 1000))).toBeGreaterThan(0);
    // tau is half normal: E tau = 3 √(2/π), E tau² = 9; so Var y = 4 + 9 + 16.
    expect(Math.abs(prior.mean("tau")[0]! - 3 * Math.sqrt(2 / Math.PI))).toBeLessThan((4 * 1.81) / Math.sqrt(n));
    expect(Math.abs(prior.mean("y")[1]! - 1)).toBeLessThan((4 * Math.sqrt(29)) / Math.sqrt(n));
    expect(Math.abs(prior.sd("y")[0]! / Math.sqrt(29) - 1)).toBeLessThan(0.02);
    expect(Math.abs(prior.sd("twice")[0]! - 4)).toBeLessThan(0.06);
    const theta = prior.draws("theta");
    const mu = prior.draws("mu");
    const z = theta.map((t, k) => (t - mu[k >> 1]!) / tau[k >> 1]!);
    expect(Math.abs(moments(z).sd - 1)).toBeLessThan(0.02);
    const some = v.priorPredictive(schools, [0, 0], { draws: 77, seed: 3, sites: ["y", "tau"] });
    expect(some.sites.map((s) => s.name)).toEqual(["tau", "y"]);
    expect(some.draws("y")).toEqual(prior.draws("y").slice(0, 154));
    expect(some.draws("tau")).toEqual(tau.slice(0, 77));
  });

  test("draws vectors, matrices and narrowed supports", () => {
    const m = v.model<void>(({ sample, observe }) => {
      const shares = sample("shares", v.dirichlet([1, 2, 3]));
      const cuts = sample("cuts", v.normal(0, 2), { shape: [3], support: v.ordered });
      const inner = sample("inner", v.normal(0, 1), { shape: [2], support: v.interval(1, 2) });
      const factor = sample("factor", v.lkjCholesky(2, 2));
      sample("softly", v.normal(2, 1), { support: v.affine(2, 1) });
      observe("class", v.categorical(shares), 0);
      observe("level", v.orderedLogistic(inner.at(0), cuts), 0);
      observe("pair", v.multivariateNormal([0, 0], factor), [0, 0]);
    });
    const prior = v.priorPredictive(m, undefined, { draws: 20_000, seed: 1 });
    prior.mean("shares").forEach((s, k) => {
      expect(Math.abs(s - (k + 1) / 6)).toBeLessThan(0.007);
    });
    const cuts = prior.draws("cuts");
    for (let d = 0; d < 20_000; d++)
      if (!(cuts[3 * d]! < cuts[3 * d + 1]! && cuts[3 * d + 1]! < cuts[3 * d + 2]!)) expect.fail();
    // The expected largest of three standard normals is 3 / (2 √π).
    expect(Math.abs(prior.mean("cuts")[2]! - 3 / Math.sqrt(Math.PI))).toBeLessThan(0.05);
    expect(Math.abs(prior.mean("inner")[1]! - (v.truncatedNormal(0, 1, 1, 2).mean() as number))).toBeLessThan(0.01);
    expect(Math.abs(prior.mean("softly")[0]! - 2)).toBeLessThan(0.03);
    const classes = prior.draws("class");
    const shares = prior.draws("shares");
    let agreement = 0;
    for (let d = 0; d < 20_000; d++) agreement += shares[3 * d + classes[d]!]!;
    // E Σ s² for the Dirichlet.
    expect(Math.abs(agreement / 20_000 - (2 + 6 + 12) / 42)).toBeLessThan(0.006);
    expect(Math.abs(prior.sd("pair")[1]! - 1)).toBeLessThan(0.03);
    expect(prior.mean("level")[0]).toBeGreaterThan(0);
  });

  test("is refused where nothing can be drawn, and misuse is named", () => {
    const improper = v.model<void>(({ sample }) => void sample("x", v.flat(v.real)));
    expect(() => v.priorPredictive(improper, undefined)).toThrow('nothing can be drawn from flat, the prior of "x"');
    const tilted = v.model<void>(({ sample, factor }) => factor("tilt", sample("x", v.normal(0, 1)).square()));
    expect(() => v.priorPredictive(tilted, undefined)).toThrow('got factor("tilt"), from which nothing can be drawn');
    const empty = v.model<void>(({ observe }) => observe("y", v.normal(0, 1), 0));
    expect(() => v.priorPredictive(empty, undefined)).toThrow("at least one sample(...)");
    const hopeless = v.model<void>(({ sample }) => void sample("x", v.normal(0, 1), { support: v.interval(30, 31) }));
    expect(() => v.priorPredictive(hopeless, undefined)).toThrow("too little probability");
    const fine = v.model<void>(({ sample }) => void sample("x", v.normal(0, 1)));
    expect(() => v.priorPredictive(fine, undefined, { draws: 0 })).toThrow(
      "draws: expected an integer in 1..10000000, got 0",
    );
    expect(() => v.priorPredictive({} as v.Model<void>, undefined)).toThrow("priorPredictive(model): expected a model");
  });
});
