// Truncated and censored distributions in models: log densities and derivatives in every parameter against tables computed from the
// definitions (scripts/distributions/wrapped.py), with bounds in the middle and in tails whose probability no double holds; and
// fits whose answers are known.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Distribution, Expression } from "../src/index.js";
import * as v from "../src/index.js";

/** Each family of the table from its parameters. */
const families: Record<string, (...p: Expression[]) => Distribution> = {
  normal: (m, s) => v.normal(m!, s!),
  halfNormal: (s) => v.halfNormal(s!),
  studentT: (df, m, s) => v.studentT(df!, m!, s!),
  halfStudentT: (df, s) => v.halfStudentT(df!, s!),
  cauchy: (m, s) => v.cauchy(m!, s!),
  halfCauchy: (s) => v.halfCauchy(s!),
  laplace: (m, s) => v.laplace(m!, s!),
  logistic: (m, s) => v.logistic(m!, s!),
  gumbel: (m, s) => v.gumbel(m!, s!),
  beta: (a, b) => v.beta(a!, b!),
  kumaraswamy: (a, b) => v.kumaraswamy(a!, b!),
  logNormal: (m, s) => v.logNormal(m!, s!),
  exponential: (r) => v.exponential(r!),
  gamma: (a, b) => v.gamma(a!, b!),
  inverseGamma: (a, s) => v.inverseGamma(a!, s!),
  chiSquare: (df) => v.chiSquare(df!),
  weibull: (k, s) => v.weibull(k!, s!),
  pareto: (m, a) => v.pareto(m!, a!),
  inverseGaussian: (m, k) => v.inverseGaussian(m!, k!),
  skewNormal: (m, s, a) => v.skewNormal(m!, s!, a!),
  poisson: (r) => v.poisson(r!),
  negativeBinomial: (m, f) => v.negativeBinomial(m!, f!),
  binomial: (p) => v.binomial(40, v.sigmoid(v.log(p!).sub(v.log1p(p!.neg())))),
  betaBinomial: (a, b) => v.betaBinomial(40, a!, b!),
  zeroInflated: (r) => v.zeroInflated(v.poisson(r!), 0.25),
  mixture: (a, b, c, d) => v.mixture([0.25, 0.75], [v.gamma(a!, b!), v.gamma(c!, d!)]),
};
/** Families whose first parameter may be any number. */
const located = ["normal", "cauchy", "laplace", "logistic", "gumbel", "logNormal", "skewNormal"];
const isReal = (family: string, i: number): boolean =>
  family === "studentT" ? i === 1 : (located.includes(family) && i === 0) || (family === "skewNormal" && i === 2);

interface Case {
  readonly family: string;
  readonly parameters: readonly number[];
  readonly kind: "truncated" | "censored";
  readonly low: number;
  readonly high: number;
  readonly x: number;
  /** The log density, and its derivatives; with the size of the terms they are the sums of. */
  readonly results: readonly { readonly value: number; readonly size: number }[];
}

const cases: Case[] = readFileSync(new URL("./wrapped.txt", import.meta.url), "utf8")
  .replaceAll("inf", "Infinity")
  .trimEnd()
  .split("\n")
  .map((line) => {
    const [family, parameters, kind, ...numbers] = line.split(" ");
    const [low, high, x] = numbers.map(Number);
    const results = numbers.slice(3).map((text) => {
      const [value, size] = text.split(":").map(Number);
      return { value: value!, size: size ?? Math.abs(value!) };
    });
    return {
      family: family!,
      parameters: parameters!.split(",").map(Number),
      kind: kind as Case["kind"],
      low: low!,
      high: high!,
      x: x!,
      results,
    };
  });

/** The log density of some observations and its derivatives in each parameter, the same parameters for all. */
function evaluate(
  { family, parameters }: Pick<Case, "family" | "parameters">,
  observed: (d: Distribution, context: v.ModelContext) => void,
): { logDensity: number; slopes: number[] } {
  const target = v
    .model<null>((context) => {
      // At 0 a coordinate makes the parameter what it is to be; a positive one is multiplied, and its derivative divided.
      const p = parameters.map((value, i) => {
        const z = context.sample(`z${i}`, v.flat(v.real));
        if (isReal(family, i)) return z.add(value);
        return family === "binomial" ? v.sigmoid(z.add(Math.log(value) - Math.log1p(-value))) : z.exp().mul(value);
      });
      observed(families[family]!(...p), context);
    })
    .compile(null);
  const gradient = new Float64Array(parameters.length);
  const logDensity = target.logDensityGradient(new Float64Array(parameters.length), gradient);
  target.dispose();
  const unit = (value: number, i: number): number =>
    isReal(family, i) ? 1 : family === "binomial" ? value * (1 - value) : value;
  return { logDensity, slopes: parameters.map((value, i) => gradient[i]! / unit(value, i)) };
}

const wrap = (d: Distribution, { kind, low, high }: Case): Distribution =>
  kind === "truncated" ? v.truncated(d, low, high) : v.censored(d, low, high);

/** Relative to the size of the terms. */
const TOLERANCE = 1e-10;

describe.each(Object.keys(families))("truncated and censored %s", (family) => {
  const own = cases.filter((c) => c.family === family);

  test("has the log density and the derivatives of its definition, in any tail", () => {
    expect(own.length).toBeGreaterThanOrEqual(6);
    for (const c of own) {
      const where = `${c.kind} [${c.low}, ${c.high}] ${family}(${c.parameters}) at ${c.x}`;
      const { logDensity, slopes } = evaluate(c, (d, { observe }) => observe("x", wrap(d, c), c.x));
      [logDensity, ...slopes].forEach((got, k) => {
        const { value, size } = c.results[k]!;
        const what = k ? `∂${k - 1}` : "log density";
        expect(Math.abs(got - value), `${where}, ${what}: ${got}, not ${value}`).toBeLessThanOrEqual(
          TOLERANCE * size + 1e-140,
        );
      });
    }
  });
});

describe("bounds by row", () => {
  const INF = Number.POSITIVE_INFINITY;
  const lows = [-INF, 0, 0.5, -INF, 0.25, 1];
  const highs = [2, INF, 3, INF, 1.5, INF];
  const values = [2, 1, 0.5, 4, 0.75, 1];

  test.each([
    ["gamma", [2.25, 1.5]],
    ["studentT", [4.5, 0.5, 1.5]],
    ["weibull", [1.5, 2]],
    ["logNormal", [0.5, 1.5]],
    ["gumbel", [0.5, 1.5]],
    ["laplace", [0.5, 1.5]],
    ["poisson", [2.5]],
  ] as const)("infinite in some rows: %s of many rows is the sum of each alone", (family, parameters) => {
    const counts = family === "poisson";
    for (const kind of ["truncated", "censored"] as const) {
      const x = values.map((y) => (counts ? Math.floor(y) : y));
      const low = lows.map((y) => (counts ? Math.min(y, 0) : y));
      const wrapped = { truncated: v.truncated, censored: v.censored }[kind];
      const together = evaluate({ family, parameters }, (d, { plate, observe }) => {
        const rows = plate("row", x.length);
        observe("x", wrapped(d, rows.data(low), rows.data(highs)), rows.data(x));
      });
      const alone = x.map((y, i) =>
        evaluate({ family, parameters }, (d, { observe }) => observe("x", wrapped(d, low[i], highs[i]), y)),
      );
      const sum = (f: (e: (typeof alone)[number]) => number): number => alone.reduce((a, e) => a + f(e), 0);
      expect(Math.abs(together.logDensity - sum((e) => e.logDensity)), kind).toBeLessThan(1e-12);
      together.slopes.forEach((s, i) => {
        expect(Math.abs(s - sum((e) => e.slopes[i]!)), `${kind}, ∂${i}`).toBeLessThan(1e-11);
      });
    }
  });

  test("bounds of counts that are no integers are those of the counts between them", () => {
    const at = (d: Distribution): number => d.logProb(2);
    expect(at(v.truncated(v.poisson(2), 0.5, 3.5))).toBe(at(v.truncated(v.poisson(2), 1, 3)));
    expect(at(v.censored(v.poisson(2), 2.5, 7))).toBe(at(v.censored(v.poisson(2), 2, 7)));
    expect(() => v.truncated(v.poisson(2), 1.2, 1.8)).toThrow("expected low < high, got 2 and 1");
  });
});

test("a gamma beyond 900, which no double can tell from nothing, has its distribution function, quantiles and samples", () => {
  // P(X > x) of a gamma(2, 1) is e^-x (1 + x).
  const far = v.truncated(v.gamma(2, 1), 900);
  const exact = (x: number): number => -Math.expm1(900 - x + Math.log1p(x) - Math.log1p(900));
  for (const t of [0, 1e-6, 0.1, 1, 5, 30]) {
    const error = Math.abs(far.cdf(900 + t) - exact(900 + t));
    expect(error, `cdf ${t} beyond`).toBeLessThan(1e-12);
  }
  for (const p of [0.01, 0.5, 0.999]) expect(Math.abs(exact(far.quantile(p)) - p)).toBeLessThan(1e-12);
  const sample = far.sample(2000, { seed: 1 });
  const mean = sample.reduce((a, x) => a + x) / sample.length - 900;
  expect(sample.every((x) => x >= 900)).toBe(true);
  expect(Math.abs(mean - 1 - 1 / 901)).toBeLessThan(4.5 / Math.sqrt(sample.length));
  expect(v.truncated(v.gamma(2, 1), 900, 901).cdf(Float64Array.of(-1, 900, 901, 950))).toEqual(
    Float64Array.of(0, 0, 1, 1),
  );
  expect(far.cdf(Number.NaN)).toBe(Number.NaN);
});

describe("truncated latents", () => {
  test("lie between the bounds of their own element or row, and have their prior's moments there", async () => {
    const lows = [0.5, 1, 3];
    const highs = [1, 4, 8];
    const elements = v.model<null>(({ sample, plate }) => {
      sample("x", v.truncated(v.gamma(2, 1), lows, highs));
      sample("z", v.truncatedNormal(0, 1, lows, highs));
      const rows = plate("row", 3);
      sample("y", v.truncated(v.gamma(2, 1), rows.data(lows), rows.data(highs)), rows);
      sample("tail", v.truncated(v.gamma(2, 1), rows.data([30, 900, 5000])), rows);
    });
    const target = elements.compile(null);
    const u = Float64Array.from({ length: target.dimension }, (_, i) => Math.sin(5 * i));
    const values = [...target.constrain(u)];
    const back = target.unconstrain({
      x: values.slice(0, 3),
      z: values.slice(3, 6),
      y: values.slice(6, 9),
      tail: values.slice(9),
    });
    back.forEach((b, i) => {
      // Beyond 5,000 a distance of 1 has four digits less.
      expect(Math.abs(b - u[i]!)).toBeLessThan(1e-11);
    });
    target.dispose();
    const posterior = await v.fit(elements, null, { seed: 1 });
    for (const name of ["x", "y", "z"]) {
      const draws = posterior.draws(name);
      draws.forEach((x, i) => {
        expect(x >= lows[i % 3]! && x <= highs[i % 3]!, `${name}[${i % 3}] = ${x}`).toBe(true);
      });
    }
    lows.forEach((low, k) => {
      // Quantiles of the truncated gamma, which its distribution function knows.
      const own = v.truncated(v.gamma(2, 1), low, highs[k]);
      for (const name of ["x", "y"]) {
        const mine = [...posterior.draws(name)].filter((_, i) => i % 3 === k).sort((a, b) => a - b);
        const middle = own.cdf(mine[mine.length >> 1]!);
        expect(Math.abs(middle - 0.5), `${name}[${k}]`).toBeLessThan(0.06);
      }
    });
    // Beyond a far bound a gamma is almost exponential: mean 1 + 1/bound above it.
    [30, 900, 5000].forEach((bound, k) => {
      const mean = posterior.mean("tail")[k]! - bound;
      expect(Math.abs(mean - 1 - 1 / bound), `beyond ${bound}`).toBeLessThan(0.15);
    });
  });

  test("gradients of a hierarchy of truncated latents agree with differences", () => {
    const target = v
      .model<null>(({ sample, plate }) => {
        const shape = sample("shape", v.gamma(2, 1));
        const rows = plate("row", 3);
        const x = sample("x", v.truncated(v.gamma(shape, 2), rows.data([0.5, 1, 40]), rows.data([1, 4, 50])), rows);
        sample("y", v.truncated(v.studentT(shape, x, 1), rows.data([-1, 3, 100])), rows);
      })
      .compile(null);
    const at = Float64Array.from({ length: target.dimension }, (_, i) => Math.sin(3 * i));
    const gradient = new Float64Array(target.dimension);
    const none = new Float64Array(target.dimension);
    target.logDensityGradient(at, gradient);
    gradient.forEach((slope, i) => {
      const moved = (h: number): number =>
        target.logDensityGradient(
          at.map((u, j) => (i === j ? u + h : u)),
          none,
        );
      const h = 1e-3;
      const expected = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h);
      expect(Math.abs(slope - expected), `coordinate ${i}`).toBeLessThan(1e-8 * (1 + Math.abs(slope)));
    });
    target.dispose();
  });

  test("need bounds that are finite everywhere or nowhere, and no censoring", () => {
    const compile = (prior: () => Distribution) => () =>
      v.model<null>(({ sample }) => void sample("x", prior())).compile(null);
    expect(compile(() => v.truncated(v.normal([0, 0], 1), [0, -1], [1, Number.POSITIVE_INFINITY]))).toThrow(
      "bounds of a latent: expected finite ones for all elements or for none, got 1 of 2",
    );
    expect(compile(() => v.censored(v.normal(0, 1), 0))).toThrow(
      'sample("x"): censored gives single numbers probability and has no density there; censor what is observed',
    );
    expect(compile(() => v.mixture([0.5, 0.5], [v.censored(v.normal(0, 1), 0), v.normal(0, 1)]))).toThrow("mixture");
  });
});

describe("fits", () => {
  test("exponential survival times that end at a limit have the gamma posterior of their deaths and total time", async () => {
    const limit = 1.5;
    const times = [...v.exponential(0.8).sample(60, { seed: 1 })].map((t) => Math.min(t, limit));
    const survival = v.model<null>(({ sample, observe, plate }) => {
      const rate = sample("rate", v.gamma(2, 2));
      const patients = plate("patient", times.length);
      observe("time", v.censored(v.exponential(rate), undefined, limit), patients.data(times));
    });
    const posterior = await v.fit(survival, null, { seed: 1 });
    const deaths = times.filter((t) => t < limit).length;
    const exact = v.gamma(2 + deaths, 2 + times.reduce((a, b) => a + b));
    const sd = Math.sqrt(exact.variance() as number);
    expect(Math.abs(posterior.mean("rate")[0]! - (exact.mean() as number))).toBeLessThan(0.1 * sd);
    expect(Math.abs(posterior.sd("rate")[0]! / sd - 1)).toBeLessThan(0.1);
  });

  /** Each latent of a fit to `rows` simulated values lies within four standard deviations of what it was simulated with. */
  async function recovers(
    truth: Readonly<Record<string, number>>,
    likelihood: (p: Record<string, Expression>) => Distribution,
    prior: Readonly<Record<string, Distribution>>,
    values: ArrayLike<number>,
  ): Promise<void> {
    const simulated = v.model<null>(({ sample, observe, plate }) => {
      const p = Object.fromEntries(Object.entries(prior).map(([name, d]) => [name, sample(name, d)]));
      const rows = plate("row", values.length);
      observe("x", likelihood(p), rows.data(Float64Array.from(values)));
    });
    const posterior = await v.fit(simulated, null, { seed: 1 });
    for (const [name, value] of Object.entries(truth)) {
      const [mean, sd] = [posterior.mean(name)[0]!, posterior.sd(name)[0]!];
      expect(Math.abs(mean - value) / sd, `${name}: ${mean} ± ${sd}, not ${value}`).toBeLessThan(4);
      expect(sd / Math.abs(value), name).toBeLessThan(0.35);
    }
  }

  test("gamma and Weibull survival times, a third of them cut off, give back their parameters", async () => {
    const times = v
      .gamma(2.5, 1)
      .sample(800, { seed: 2 })
      .map((t) => Math.min(t, 3));
    const wide = { shape: v.halfNormal(10), rate: v.halfNormal(10) };
    await recovers({ shape: 2.5, rate: 1 }, (p) => v.censored(v.gamma(p.shape!, p.rate!), undefined, 3), wide, times);
    const worn = v
      .weibull(1.5, 2)
      .sample(800, { seed: 3 })
      .map((t) => Math.min(t, 2));
    await recovers(
      { shape: 1.5, scale: 2 },
      (p) => v.censored(v.weibull(p.shape!, p.scale!), undefined, 2),
      { shape: v.halfNormal(10), scale: v.halfNormal(10) },
      worn,
    );
  });

  test("a Student's t of which only one side was recorded gives back its location, scale and tail", async () => {
    const seen = v
      .studentT(4, 1, 2)
      .sample(3000, { seed: 4 })
      .filter((x) => x > 0);
    await recovers(
      { df: 4, loc: 1, scale: 2 },
      (p) => v.truncated(v.studentT(p.df!, p.loc!, p.scale!), 0),
      { df: v.gamma(2, 0.2), loc: v.normal(0, 5), scale: v.halfNormal(10) },
      seen,
    );
  });
});

describe("beta-binomials, whose distribution function is a sum", () => {
  const mass = (n: number, a: number, b: number, low: number, high: number): number => {
    let sum = 0;
    for (let k = low; k <= Math.min(n, high); k++) sum += Math.exp(v.betaBinomial(n, a, b).logProb(k));
    return sum;
  };
  const inside = (n: number, a: number, b: number, low: number, high: number, k: number): number =>
    v.betaBinomial(n, a, b).logProb(k) - Math.log(mass(n, a, b, low, high));

  test("between bounds, on numbers, have densities, cdf, moments and samples", () => {
    const d = v.truncated(v.betaBinomial(10, 2, 3), 2, 5);
    const p = [2, 3, 4, 5].map((k) => Math.exp(inside(10, 2, 3, 2, 5, k)));
    [2, 3, 4, 5].forEach((k, i) => {
      expect(Math.abs(d.logProb(k) - Math.log(p[i]!))).toBeLessThan(1e-14);
    });
    expect([...(d.logProb([1, 6, Number.NaN]) as Float64Array)]).toEqual([-Infinity, -Infinity, Number.NaN]);
    expect(Math.abs(d.cdf(3) - p[0]! - p[1]!)).toBeLessThan(1e-14);
    expect([...(d.cdf([1, 5, Infinity, Number.NaN]) as Float64Array)]).toEqual([0, 1, 1, Number.NaN]);
    const mean = p.reduce((a, q, i) => a + q * (i + 2), 0);
    expect(Math.abs((d.mean() as number) - mean)).toBeLessThan(1e-14);
    expect([...d.sample(200, { seed: 1 })].every((k) => k >= 2 && k <= 5)).toBe(true);
  });

  test("programs of other numbers of trials are other programs", () => {
    for (const n of [3, 5, 20, 40])
      expect(Math.abs(v.truncated(v.betaBinomial(n, 2, 3), 1, 2).logProb(2) - inside(n, 2, 3, 1, 2, 2))).toBeLessThan(
        1e-14,
      );
    const half = v.mixture([0.5, 0.5], [v.betaBinomial(10, 2, 3), v.betaBinomial(30, 2, 3)]);
    expect(Math.abs(half.cdf(7) - mass(10, 2, 3, 0, 7) / 2 - mass(30, 2, 3, 0, 7) / 2)).toBeLessThan(1e-14);
  });

  test("in models have their trials and bounds by row and by element", () => {
    const target = v
      .model<void>(({ sample, observe, plate }) => {
        const rows = plate("row", 3);
        const [a, b] = [sample("a", v.gamma(2, 1)), sample("b", v.gamma(2, 1))];
        const d = v.betaBinomial(rows.data([10, 5, 30]), a, b);
        observe("k", v.truncated(d, rows.data([1, 0, 2]), rows.data([10, 5, 20])), rows.data([3, 2, 7]));
        const own = sample("own", v.gamma(2, 1), { shape: [2] });
        observe("j", v.truncated(v.betaBinomial([10, 4], own, b), 1), [3, 2]);
      })
      .compile();
    const at = (theta: ArrayLike<number>): number => {
      const [a, b, c, e] = Array.from(theta, Math.exp) as [number, number, number, number];
      const priors = [a, b, c, e].reduce((s, x) => s + v.gamma(2, 1).logProb(x) + Math.log(x), 0);
      const rows = inside(10, a, b, 1, 10, 3) + inside(5, a, b, 0, 5, 2) + inside(30, a, b, 2, 20, 7);
      return priors + rows + inside(10, c, b, 1, 10, 3) + inside(4, e, b, 1, 4, 2);
    };
    const theta = Float64Array.of(0.3, -0.2, 0.4, 0.1);
    const gradient = new Float64Array(4);
    expect(Math.abs(target.logDensityGradient(theta, gradient) - at(theta))).toBeLessThan(1e-12);
    gradient.forEach((d, i) => {
      const h = 1e-5;
      const ahead = theta.map((t, k) => (k === i ? t + h : t));
      const behind = theta.map((t, k) => (k === i ? t - h : t));
      expect(Math.abs(d - (at(ahead) - at(behind)) / (2 * h))).toBeLessThan(1e-8); // differences are no better
    });
    expect(target.hessianVector).toBeDefined();
  });

  test("of more than 1,023 trials are refused", () => {
    expect(() => v.truncated(v.betaBinomial(1024, 2, 3), 2, 5)).toThrow(
      "truncated(distribution, low, high): expected a distribution whose cdf is a formula, got betaBinomial",
    );
    expect(v.truncated(v.betaBinomial(1023, 2, 3), 2).logProb(700)).toBeLessThan(0);
  });
});
