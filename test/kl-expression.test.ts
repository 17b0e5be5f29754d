// KL divergences in models: the numbers of klDivergence, and gradients against its differences in every parameter of both sides.

import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";

type Maker = (...p: v.Value[]) => v.Distribution;
/** Scalars and vectors that stand for the parameters, one model value each. */
type Parameter = number | readonly number[];

/** log joint = KL of distributions made from the latents, which are parameters themselves; with the gradient. */
function inModel(q: (p: v.Value[]) => v.Distribution, p: (p: v.Value[]) => v.Distribution, values: Parameter[]) {
  const compiled = v
    .model(({ sample, factor }) => {
      // Positive by exp, so that scales are seen to be positive; their coordinates are logarithms.
      const latents = values.map((x, i) =>
        typeof x === "number"
          ? sample(`p${i}`, v.flat(v.positive))
          : sample(`p${i}`, v.flat(v.positive), { shape: [x.length] }),
      );
      factor("kl", v.klExpression(q(latents), p(latents)));
    })
    .compile();
  const theta = compiled.unconstrain(Object.fromEntries(values.map((x, i) => [`p${i}`, x])) as never);
  const gradient = new Float64Array(theta.length);
  const value = compiled.logDensityGradient(theta, gradient);
  compiled.dispose();
  // Without the log Jacobian of exp, which is the sum of the coordinates.
  const flat = values.flat() as number[];
  return {
    value: value - theta.reduce((a, b) => a + b, 0),
    gradient: gradient.map((x, i) => (x - 1) / flat[i]!),
  };
}

/** Four-point differences of klDivergence. */
function differences(f: (values: Parameter[]) => number, values: Parameter[]): number[] {
  const sizes = values.map((x) => (typeof x === "number" ? 1 : x.length));
  return sizes.flatMap((size, i) =>
    Array.from({ length: size }, (_, j) => {
      const at = (d: number): number =>
        f(values.map((x, k) => (k !== i ? x : typeof x === "number" ? x + d : x.map((y, m) => (m === j ? y + d : y)))));
      const h = 1e-3;
      return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
    }),
  );
}

function agree(q: (p: v.Value[]) => v.Distribution, p: (p: v.Value[]) => v.Distribution, values: Parameter[]): void {
  const found = inModel(q, p, values);
  const kl = (x: Parameter[]): number => {
    const all = v.klDivergence(q(x as v.Value[]), p(x as v.Value[]));
    return typeof all === "number" ? all : all.reduce((a, b) => a + b, 0);
  };
  const expected = kl(values);
  expect(Math.abs(found.value - expected)).toBeLessThan(1e-12 * (1 + Math.abs(expected)));
  differences(kl, values).forEach((slope, i) => {
    expect(Math.abs(found.gradient[i]! - slope), `parameter ${i}`).toBeLessThan(1e-8 * (1 + Math.abs(slope)));
  });
}

const pairs: [Maker, number[], Maker, number[]][] = [
  [v.normal, [0.5, 1.75], v.normal, [0.25, 1.25]],
  [v.logNormal, [0.25, 0.75], v.logNormal, [0.5, 1.25]],
  [v.halfNormal, [1.5], v.halfNormal, [2.25]],
  [v.laplace, [0.5, 1.25], v.laplace, [0.25, 2]],
  [v.cauchy, [0.5, 2], v.cauchy, [0.25, 1.25]],
  [v.exponential, [1.5], v.exponential, [0.5]],
  [v.gamma, [2.5, 1.5], v.gamma, [1.25, 0.5]],
  [v.inverseGamma, [3.5, 2], v.inverseGamma, [2.25, 1.5]],
  [v.chiSquare, [3], v.chiSquare, [5.5]],
  [v.beta, [2.5, 0.75], v.beta, [1.25, 3]],
  [v.gumbel, [0.5, 1.5], v.gumbel, [0.25, 2]],
  [v.weibull, [1.5, 2], v.weibull, [2.25, 1.25]],
  [v.weibull, [0.75, 1], v.weibull, [0.5, 3]],
  [v.pareto, [1.5, 3.5], v.pareto, [1.25, 2.5]],
  [v.vonMises, [0.25, 2], v.vonMises, [1, 3.5]],
  [v.vonMises, [3, 30], v.vonMises, [0.5, 0.25]],
  [v.weibull, [1.5, 2], v.gamma, [2.5, 1.5]],
  [v.weibull, [1.5, 2], v.exponential, [0.75]],
  [v.weibull, [1.5, 2], v.normal, [0.25, 1.75]],
  [v.poisson, [3.5], v.poisson, [5.25]],
  [v.poissonLog, [1.25], v.poisson, [3]],
  [v.bernoulliLogit, [0.25], v.bernoulliLogit, [1.5]],
  [(a) => v.binomialLogit(12, a!), [0.25], (a) => v.binomialLogit(12, a!), [1.5]],
  [(a) => v.geometric(v.sigmoid(a!)), [0.25], (a) => v.geometric(v.sigmoid(a!)), [1.5]],
  [(a) => v.negativeBinomial(a!, 1.25), [3.5], (a) => v.negativeBinomial(a!, 1.25), [2.5]],
  [v.laplace, [0.5, 1.25], v.normal, [0.25, 1.75]],
  [v.logistic, [1, 0.75], v.normal, [0.5, 1.75]],
  [v.gumbel, [0.5, 1.5], v.normal, [0.25, 1.75]],
  [v.gamma, [2.5, 1.5], v.normal, [0.25, 1.75]],
  [v.exponential, [1.5], v.gamma, [2.5, 1.5]],
  [v.gamma, [2.5, 1.5], v.exponential, [0.75]],
  [v.logNormal, [0.25, 0.75], v.gamma, [2.5, 1.5]],
  [v.logNormal, [0.25, 0.75], v.inverseGamma, [3.5, 2]],
  [v.logNormal, [0.25, 0.75], v.normal, [0.5, 1.75]],
];
test.each(pairs.map(([q, a, p, b]) => [`${q(...a).name} from ${p(...b).name}`, q, a, p, b] as const))(
  "%s",
  (_name, q, a, p, b) => {
    agree(
      (x) => q(...x.slice(0, a.length)),
      (x) => p(...x.slice(a.length)),
      [...a, ...b],
    );
  },
);

describe("vectors", () => {
  const matrix = (x: v.Value): v.Value => {
    // [l00, l10, l11] as a lower triangular matrix, from numbers or from a value of a model.
    if (Array.isArray(x))
      return [
        [x[0], 0],
        [x[1], x[2]],
      ] as never;
    const e = x as v.Expression;
    const flat = v.concat(e.at(0), 0, e.at(1), e.at(2));
    return new v.Expression({ ...flat.node, shape: [2, 2] });
  };

  /** The first two elements as a factor of rank 1. */
  const column = (x: v.Value): v.Value => {
    if (Array.isArray(x)) return [[x[0]], [x[1]]] as never;
    const e = x as v.Expression;
    return new v.Expression({ ...v.concat(e.at(0), e.at(1)).node, shape: [2, 1] });
  };

  test("Dirichlet, categorical and arrays of normals", () => {
    agree(
      (x) => v.dirichlet(x[0]!),
      (x) => v.dirichlet(x[1]!),
      [
        [1.5, 3, 0.75],
        [2, 0.5, 1],
      ],
    );
    agree(
      (x) => v.categoricalLogit(x[0]!),
      (x) => v.categoricalLogit(x[1]!),
      [
        [0.25, 1, 0.5],
        [1, 0.75, 2],
      ],
    );
    agree(
      (x) => v.independent(v.normal(x[0]!, x[1]!)),
      (x) => v.independent(v.normal(x[2]!, [1, 2])),
      [[0.5, 1], 1.5, [0.25, 0.75]],
    );
  });

  test.each([
    ["from another by its factor", (x: v.Value[]) => v.multivariateNormal(x[2]!, matrix(x[3]!))],
    ["from one by its precision", (x: v.Value[]) => v.multivariateNormalPrecision(x[2]!, matrix(x[3]!))],
    ["from one of low rank", (x: v.Value[]) => v.multivariateNormalLowRank(x[2]!, column(x[3]!), [0.5, 1.25])],
    ["from independent normals", (x: v.Value[]) => v.independent(v.normal(x[2]!, [1.25, 0.5]))],
  ])("a normal vector %s", (name, p) => {
    const values: Parameter[] = [
      [0.5, 1],
      [1.5, 0.5, 0.75],
      [0.25, 2],
    ];
    if (!name.includes("independent")) values.push([1, 0.25, 2]);
    agree((x) => v.multivariateNormal(x[0]!, matrix(x[1]!)), p, values);
    if (name.includes("low rank"))
      agree((x) => v.multivariateNormalLowRank(x[0]!, column(x[1]!), [0.75, 1.5]), p, values);
    if (!name.includes("precision"))
      agree((x) => v.independent(v.normal(x[0]!, x[1]!)), p, [[0.5, 1], [1.5, 0.5], ...values.slice(2)]);
  });
});

test("is infinite where a Pareto distribution begins below the other", () => {
  const pareto = (x: v.Value[], i: number): v.Distribution => v.pareto(x[i]!, x[i + 1]!);
  const found = inModel(
    (x) => pareto(x, 0),
    (x) => pareto(x, 2),
    [1.25, 2.5, 1.5, 3.5],
  );
  expect(found.value).toBe(Number.POSITIVE_INFINITY);
});

test("a class without probability adds nothing", () => {
  agree(
    () => v.categorical([0.25, 0.75, 0]),
    (x) => v.categoricalLogit(x[0]!),
    [[0.5, 1, 2]],
  );
});

test("is 0 from itself, and a pair without a formula is refused by name", () => {
  const same = inModel(
    (x) => v.gamma(x[0]!, x[1]!),
    (x) => v.gamma(x[0]!, x[1]!),
    [2.5, 1.5],
  );
  expect(Math.abs(same.value)).toBeLessThan(1e-15);
  for (const slope of same.gradient) expect(Math.abs(slope)).toBeLessThan(1e-14);
  expect(() => v.klExpression(v.studentT(4, 0, 1), v.cauchy(0, 1))).toThrow(
    new TypeError(
      "klExpression(q, p): expected a pair whose divergence has a formula, got studentT from cauchy; see docs/distributions.md",
    ),
  );
  expect(() => v.klExpression(v.binomial(3, 0.5), v.binomial(4, 0.5))).toThrow(TypeError);
  expect(() => v.klExpression(1 as never, v.normal(0, 1))).toThrow(
    "klExpression(q, p): q: expected a distribution, got 1",
  );
});

test("a variational objective written as a model: the KL term pulls an unseen effect to its prior", () => {
  const compiled = v
    .model(({ sample, factor }) => {
      const m = sample("m", v.flat(v.real));
      const s = sample("s", v.flat(v.positive));
      factor("elbo", v.klExpression(v.normal(m, s), v.normal(1, 2)).neg());
    })
    .compile();
  const theta = compiled.unconstrain({ m: 1, s: 2 });
  const gradient = new Float64Array(2);
  compiled.logDensityGradient(theta, gradient);
  // Zero at the prior, but for the log Jacobian of s.
  expect(gradient[0]).toBeCloseTo(0, 15);
  expect(gradient[1]).toBeCloseTo(1, 14);
  compiled.dispose();
});
