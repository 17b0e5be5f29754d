// Hessian-vector products of compiled models: closed forms, mpmath, and for every family and for random models central differences of
// sixth order of the gradient, which is known to 1e-12 (test/language.test.ts). Where they are not exact, the model says so.

import { describe, expect, test } from "vitest";
import { curvatures } from "../src/compile/densities/curvature.js";
import * as v from "../src/index.js";
import { type CompiledModel, type ModelContext, model } from "../src/index.js";
import { fitTargetSync } from "../src/vi/fit.js";
import { randomModel } from "./random-models.js";
import { compile } from "./support/models.js";
import { randomSource } from "./support/random.js";

const product = (m: CompiledModel, theta: Float64Array, vector: Float64Array): Float64Array => {
  const out = new Float64Array(m.dimension).fill(Number.NaN);
  m.hessianVector!(theta, vector, out);
  return out;
};

/** Central differences of the gradient along a vector, with an error of order h^6. */
function differences(m: CompiledModel, theta: Float64Array, vector: Float64Array, h: number): Float64Array {
  const out = new Float64Array(theta.length);
  const gradient = new Float64Array(theta.length);
  for (const [k, weight] of [
    [1, 3 / 4],
    [2, -3 / 20],
    [3, 1 / 60],
  ] as const)
    for (const sign of [1, -1]) {
      m.logDensityGradient(
        theta.map((x, i) => x + sign * k * h * vector[i]!),
        gradient,
      );
      gradient.forEach((g, i) => {
        out[i]! += (sign * weight * g) / h;
      });
    }
  return out;
}

const largest = (x: Float64Array): number => Math.max(...x.map(Math.abs));
/** Largest difference, relative to the largest element of the product or the gradient. */
function errorAt(m: CompiledModel, theta: Float64Array, vector: Float64Array, h: number): number {
  const expected = differences(m, theta, vector, h);
  const gradient = new Float64Array(theta.length);
  m.logDensityGradient(theta, gradient);
  const scale = Math.max(1, largest(expected), largest(gradient));
  return largest(product(m, theta, vector).map((x, i) => x - expected[i]!)) / scale;
}
const point = (m: CompiledModel, seed: number, size = 0.5): [theta: Float64Array, vector: Float64Array] => {
  const random = randomSource(seed);
  const theta = Float64Array.from({ length: m.dimension }, () => size * random.normal());
  const vector = Float64Array.from({ length: m.dimension }, random.normal);
  const length = Math.hypot(...vector);
  return [theta, vector.map((x) => x / length)];
};

describe("closed forms", () => {
  const random = randomSource(5);
  const X = Array.from({ length: 40 }, () => [1, random.normal(), random.normal()]);
  const beta = Float64Array.of(0.3, -0.7, 1.1);
  const u = Float64Array.of(0.5, 1, -0.25);
  /** −Xᵀ diag(weight) X u − u/4 */
  const expected = (weight: (eta: number) => number): number[] =>
    [0, 1, 2].map((j) => {
      let s = -u[j]! / 4;
      for (const row of X) {
        const eta = row.reduce((a, x, k) => a + x * beta[k]!, 0);
        s -= row[j]! * weight(eta) * row.reduce((a, x, k) => a + x * u[k]!, 0);
      }
      return s;
    });
  const regression = (likelihood: (eta: v.Expression) => v.Distribution, y: number[]) =>
    compile(({ sample, observe, plate }: ModelContext) => {
      const rows = plate("row", X.length);
      const b = sample("b", v.normal(0, 2), { shape: [3] });
      observe("y", likelihood(rows.data(X).dot(b)), rows.data(y));
    });

  test("logistic regression", () => {
    const m = regression(
      v.bernoulliLogit,
      X.map((_, i) => i % 2),
    );
    const weight = (eta: number): number => 1 / ((1 + Math.exp(-eta)) * (1 + Math.exp(eta)));
    expected(weight).forEach((e, j) => {
      expect(Math.abs(product(m, beta, u)[j]! / e - 1)).toBeLessThan(1e-13);
    });
  });

  test("Poisson regression", () => {
    const m = regression(
      v.poissonLog,
      X.map((_, i) => i % 4),
    );
    expected(Math.exp).forEach((e, j) => {
      expect(Math.abs(product(m, beta, u)[j]! / e - 1)).toBeLessThan(1e-13);
    });
  });

  test("eight schools, centred, against mpmath", () => {
    const y = [28, 8, -3, 7, -1, 1, 18, 12];
    const s = [15, 10, 16, 11, 9, 11, 10, 18];
    const m = compile(({ sample, observe, plate }) => {
      const school = plate("school", 8);
      const mu = sample("mu", v.normal(0, 5));
      const tau = sample("tau", v.halfCauchy(5));
      const theta = sample("theta", v.normal(mu, tau), school);
      observe("y", v.normal(theta, school.data(s)), school.data(y));
    });
    const at = Float64Array.from([1.5, 0.8, ...Array.from({ length: 8 }, (_, i) => i / 2 - 1)]);
    const vector = Float64Array.from({ length: 10 }, (_, i) => ((-1) ** i * (i + 1)) / 10);
    // mpmath, 40 digits.
    const exact = [
      -0.7308274647807594, 1.1602747317074584, 0.16018388106239098, 0.26646547339305204, 0.038426178598931084,
      0.22704484748007137, -0.08940058250650414, 0.18831843644312374, -0.21089651799465542, 0.14441398234934522,
    ];
    product(m, at, vector).forEach((h, i) => {
      expect(Math.abs(h - exact[i]!)).toBeLessThan(1e-14);
    });
  });
});

describe("every family that has a formula", () => {
  type Make = (
    p: (i: number) => v.Expression,
    r: (i: number) => v.Expression,
    q: (i: number) => v.Expression,
  ) => v.Distribution;
  const latent: Record<string, Make> = {
    normal: (p, r) => v.normal(r(0), p(1)),
    halfNormal: (p) => v.halfNormal(p(0)),
    cauchy: (p, r) => v.cauchy(r(0), p(1)),
    halfCauchy: (p) => v.halfCauchy(p(0)),
    studentT: (p, r) => v.studentT(p(2), r(0), p(1)),
    halfStudentT: (p) => v.halfStudentT(p(0), p(1)),
    laplace: (p, r) => v.laplace(r(0), p(1)),
    logistic: (p, r) => v.logistic(r(0), p(1)),
    gumbel: (p, r) => v.gumbel(r(0), p(1)),
    uniform: () => v.uniform(-1, 2),
    beta: (p) => v.beta(p(0), p(1)),
    kumaraswamy: (p) => v.kumaraswamy(p(0), p(1)),
    skewNormal: (p, r) => v.skewNormal(r(0), p(1), r(2)),
    vonMises: (p, r) => v.vonMises(r(0), p(1)),
    logNormal: (p, r) => v.logNormal(r(0), p(1)),
    exponential: (p) => v.exponential(p(0)),
    gamma: (p) => v.gamma(p(0), p(1)),
    inverseGamma: (p) => v.inverseGamma(p(0), p(1)),
    chiSquare: (p) => v.chiSquare(p(0)),
    weibull: (p) => v.weibull(p(0), p(1)),
    pareto: (p) => v.pareto(p(0), p(1)),
    inverseGaussian: (p) => v.inverseGaussian(p(0), p(1)),
    dirichlet: (p, r) => v.dirichlet(v.concat(p(0), p(1), v.exp(r(2)))),
    lkjCholesky: (p) => v.lkjCholesky(4, p(0)),
  };
  const discrete: Record<string, [Make, number | number[]]> = {
    bernoulli: [(_p, _r, q) => v.bernoulli(q(0)), 1],
    bernoulliLogit: [(_p, r) => v.bernoulliLogit(r(0)), 0],
    binomial: [(_p, _r, q) => v.binomial(7, q(0)), 3],
    binomialLogit: [(_p, r) => v.binomialLogit(7, r(0)), 2],
    geometric: [(_p, _r, q) => v.geometric(v.add(0.1, v.mul(0.8, q(0)))), 4],
    poisson: [(p) => v.poisson(p(0)), 3],
    poissonLog: [(_p, r) => v.poissonLog(r(0)), 2],
    negativeBinomial: [(p) => v.negativeBinomial(p(0), p(1)), 5],
    negativeBinomialLog: [(p, r) => v.negativeBinomialLog(r(0), p(1)), 5],
    betaBinomial: [(p) => v.betaBinomial(9, p(0), p(1)), 4],
    multinomial: [(_p, r) => v.multinomial(6, v.softmax(v.concat(r(0), r(1), r(2)))), [1, 2, 3]],
    categorical: [(_p, r) => v.categorical(v.softmax(v.concat(r(0), r(1), r(2)))), 2],
    categoricalLogit: [(_p, r) => v.categoricalLogit(v.concat(r(0), r(1), r(2))), 1],
  };
  const matrix: Record<string, (loc: v.Expression, factor: v.Expression, p: v.Expression) => v.Distribution> = {
    multivariateNormal: (loc, factor) => v.multivariateNormal(loc, factor),
    multivariateNormalPrecision: (loc, factor) => v.multivariateNormalPrecision(loc, factor),
    multivariateStudentT: (loc, factor, p) => v.multivariateStudentT(p, loc, factor),
  };
  const ordinal = "orderedLogistic";
  const bounded = "truncatedNormal";

  const agree = (m: CompiledModel): void => {
    expect(m.withoutSecondDerivatives).toEqual([]);
    for (let seed = 0; seed < 4; seed++) {
      const [theta, vector] = point(m, seed + 10);
      // At the better of two steps: rounding limits one, truncation the other.
      const error = Math.min(...[1e-2, 3e-3, 1e-3].map((h) => errorAt(m, theta, vector, h)));
      expect(error).toBeLessThan(2e-11);
    }
    m.dispose();
  };
  const parts = ({ sample }: ModelContext): Parameters<Make> => {
    const made = new Map<number, v.Expression>();
    const r = (i: number): v.Expression => {
      const known = made.get(i) ?? sample(`a${i}`, v.normal(0, 1));
      made.set(i, known);
      return known;
    };
    return [(i) => v.exp(r(i)), r, (i) => v.sigmoid(r(i))];
  };

  test("is among these", () => {
    const tested = [...Object.keys(latent), ...Object.keys(discrete), ...Object.keys(matrix), ordinal, bounded];
    expect(Object.keys(curvatures).filter((name) => !tested.includes(name))).toEqual([]);
  });

  for (const [name, make] of Object.entries(latent))
    test(`${name}, value and parameters unknown`, () => {
      agree(compile((context) => void context.sample("x", make(...parts(context)))));
    });
  for (const [name, [make, y]] of Object.entries(discrete))
    test(name, () => {
      agree(compile((context) => void context.observe("y", make(...parts(context)), y)));
    });
  for (const [name, make] of Object.entries(matrix))
    test(`${name}, value and parameters unknown`, () => {
      agree(
        compile(({ sample }) => {
          const loc = sample("loc", v.normal(0, 1), { shape: [3] });
          sample("x", make(loc, sample("factor", v.lkjCholesky(3, 2)), sample("p", v.gamma(3, 1))));
        }),
      );
    });
  for (const [low, high] of [
    [-1, 2],
    [0.5, Infinity],
    [-Infinity, 1],
    [-Infinity, Infinity],
    [3, 4],
  ] as const)
    test(`${bounded} on ${low}…${high}, value and parameters unknown`, () => {
      agree(
        compile((context) => {
          const [p, r] = parts(context);
          context.sample("x", v.truncatedNormal(r(0), p(1), low, high));
        }),
      );
    });
  test(`${ordinal}, every category`, () => {
    agree(
      compile(({ sample, observe, plate }) => {
        const rows = plate("row", 6);
        const cutpoints = sample("cutpoints", v.normal(0, 2), { shape: [3], support: v.ordered });
        const slope = sample("slope", v.normal(0, 1));
        observe(
          "y",
          v.orderedLogistic(slope.mul(rows.data([-1, 0, 1, 2, 0.5, -0.3])), cutpoints),
          rows.data([0, 1, 2, 3, 3, 0]),
        );
      }),
    );
  });
});

describe("truncated and censored likelihoods with known shapes", () => {
  const cases: Record<string, (z: v.Expression, p: v.Expression) => v.Distribution> = {
    "Student's t": (z, p) => v.truncated(v.studentT(4, z, p), 0.1),
    gamma: (_z, p) => v.truncated(v.gamma(2.5, p), undefined, 4),
    binomial: (z) => v.truncated(v.binomial(7, v.sigmoid(z)), 1, 5),
    poisson: (_z, p) => v.truncated(v.poisson(p), 1),
  };
  for (const [name, make] of Object.entries(cases))
    test(name, () => {
      const m = compile(({ sample, observe }) => {
        const z = sample("z", v.normal(0, 1));
        observe("y", make(z, v.exp(sample("p", v.normal(0, 1)))), 2);
      });
      expect(m.withoutSecondDerivatives).toEqual([]);
      for (let seed = 0; seed < 4; seed++) {
        const [theta, vector] = point(m, seed);
        expect(Math.min(...[1e-2, 3e-3, 1e-3].map((h) => errorAt(m, theta, vector, h)))).toBeLessThan(1e-10);
      }
    });

  test("an unknown shape has none", () => {
    const m = compile(({ sample, observe }) => {
      observe("y", v.truncated(v.studentT(sample("df", v.gamma(2, 1)), 0, 1), 0.1), 2);
    });
    expect(m.withoutSecondDerivatives).toEqual(["studentTLogCdf"]);
  });
});

describe("any model", () => {
  for (const subsample of [false, true])
    test(`random models${subsample ? ", subsampled," : ""} agree with differences of their gradients`, () => {
      let kinks = 0;
      let exact = 0;
      for (let seed = 0; seed < 120; seed++) {
        const m = model<void>(randomModel(seed, { subsample })).compile();
        if (m.hessianVector) {
          exact++;
          const [theta, vector] = point(m, seed);
          const error = Math.min(...[3e-3, 1e-3, 1e-4].map((h) => errorAt(m, theta, vector, h)));
          // abs, min and max have kinks, which differences may straddle.
          if (!(error < 1e-9)) kinks++;
        }
        m.dispose();
      }
      expect(kinks).toBeLessThanOrEqual(2);
      expect(exact).toBeGreaterThan(55);
    });

  test("the product is linear and symmetric, and a mixture has it too", () => {
    const m = compile(({ sample, observe, plate }) => {
      const rows = plate("row", 5);
      const loc = sample("loc", v.normal(0, 3));
      const scale = sample("scale", v.halfNormal(2));
      observe("y", v.mixture([0.3, 0.7], [v.normal(loc, 1), v.studentT(4, 0, scale)]), rows.data([-1, 0, 0.5, 3, 4]));
    });
    const [theta, a] = point(m, 3);
    const b = Float64Array.of(0.2, -0.4);
    const dot = (x: Float64Array, y: Float64Array): number => x.reduce((s, e, i) => s + e * y[i]!, 0);
    expect(dot(product(m, theta, a), b)).toBeCloseTo(dot(product(m, theta, b), a), 13);
    product(
      m,
      theta,
      a.map((x) => 3 * x),
    ).forEach((x, i) => {
      expect(x).toBeCloseTo(3 * product(m, theta, a)[i]!, 12);
    });
    expect(errorAt(m, theta, a, 1e-3)).toBeLessThan(1e-11);
  });

  test("without a formula there is no product, the model says whose fault it is, and Laplace says what it did instead", () => {
    const m = compile(({ sample }) => {
      sample(
        "x",
        v.wishartCholesky(sample("df", v.uniform(3, 9)), [
          [1, 0],
          [0, 1],
        ]),
      );
    });
    expect(m.hessianVector).toBeUndefined();
    expect(m.withoutSecondDerivatives).toEqual(["wishartCholesky"]);
    expect(fitTargetSync(m, { algorithm: "laplace" }).message).toContain(
      "finite-difference curvature there (no second derivatives: wishartCholesky)",
    );
    const exact = compile(({ sample }) => void sample("a", v.normal(1, 2)));
    const fit = fitTargetSync(exact, { algorithm: "laplace" });
    expect(fit.message).toContain("exact curvature");
    expect(fit.result.logEvidence).toBeCloseTo(0, 13);
  });

  test("a model of thousands of operations keeps to differences, whose compilation costs nothing", () => {
    const m = compile(({ sample, factor }) => {
      let x = sample("a", v.normal(0, 1));
      for (let i = 0; i < 800; i++) x = v.tanh(v.add(x, 0.1));
      factor("end", x);
    });
    expect(m.hessianVector).toBeUndefined();
    expect(m.withoutSecondDerivatives[0]).toMatch(/^\d{4} operations$/);
  });

  test("minimize takes the products of a compiled model: Newton-CG at the mode of a logistic regression", () => {
    const random = randomSource(2);
    const X = Array.from({ length: 60 }, () => [1, random.normal(), 3 * random.normal()]);
    const m = compile(({ sample, observe, plate }) => {
      const rows = plate("row", 60);
      const b = sample("b", v.normal(0, 2), { shape: [3] });
      observe("y", v.bernoulliLogit(rows.data(X).dot(b)), rows.data(X.map((_, i) => i % 2)));
    });
    const objective = {
      evaluate(x: Float64Array, gradient: Float64Array): number {
        const value = m.logDensityGradient(x, gradient);
        gradient.forEach((g, i) => {
          gradient[i] = -g;
        });
        return -value;
      },
      hessianVector(x: Float64Array, u: Float64Array, out: Float64Array): void {
        m.hessianVector!(x, u, out);
        out.forEach((h, i) => {
          out[i] = -h;
        });
      },
    };
    const newton = v.minimize(objective, [1, 1, 1], { method: "newtonCg", gradientTolerance: 1e-10 });
    const lbfgs = v.minimize(objective.evaluate, [1, 1, 1], { gradientTolerance: 1e-10 });
    expect(newton.status, newton.message).toBe("converged");
    newton.position.forEach((x, i) => {
      expect(x).toBeCloseTo(lbfgs.position[i]!, 7);
    });
    expect(newton.steps).toBeLessThan(12);
    expect(newton.evaluations).toBeLessThan(lbfgs.evaluations);
  });

  test("misuse throws, naming the argument, and a disposed model says so", () => {
    const m = compile(({ sample }) => void sample("a", v.normal(1, 2), { shape: [2] }));
    const two = new Float64Array(2);
    expect(() => m.hessianVector!(two, new Float64Array(3), two)).toThrow("vector: expected 2 coordinates");
    expect(() => m.hessianVector!(two, two, [0, 0] as never)).toThrow("out: expected a Float64Array");
    m.dispose();
    expect(() => m.hessianVector!(two, two, two)).toThrow("disposed");
  });
});
