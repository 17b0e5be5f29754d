// Transforms on numbers and their inverses: round trips, the same numbers as in models, integrals over coordinates, and messages.

import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import type { Support } from "../src/model/support.js";

interface Case {
  readonly name: string;
  readonly support: Support;
  /** Shape of the coordinates. */
  readonly free: readonly number[];
  /** Shape of the value. */
  readonly shape: readonly number[];
}

const list: readonly Case[] = [
  { name: "real", support: v.real, free: [3], shape: [3] },
  { name: "positive", support: v.positive, free: [3], shape: [3] },
  { name: "positiveBySoftplus", support: v.positiveBySoftplus, free: [3], shape: [3] },
  { name: "lower", support: v.lower(-2), free: [3], shape: [3] },
  { name: "upper", support: v.upper(2), free: [3], shape: [3] },
  { name: "interval", support: v.interval(-1, 3), free: [3], shape: [3] },
  { name: "affine", support: v.affine(2, 3), free: [3], shape: [3] },
  { name: "ordered", support: v.ordered, free: [4], shape: [4] },
  { name: "ordered of 1", support: v.ordered, free: [1], shape: [1] },
  { name: "positiveOrdered", support: v.positiveOrdered, free: [4], shape: [4] },
  { name: "simplex", support: v.simplex, free: [4], shape: [5] },
  { name: "simplex of 2", support: v.simplex, free: [1], shape: [2] },
  { name: "simplexByLogRatio", support: v.simplexByLogRatio, free: [4], shape: [5] },
  { name: "simplexBySoftmax", support: v.simplexBySoftmax, free: [4], shape: [5] },
  { name: "l1Ball", support: v.l1Ball, free: [4], shape: [4] },
  { name: "zeroSum", support: v.zeroSum, free: [4], shape: [5] },
  { name: "choleskyCorrelation", support: v.choleskyCorrelation, free: [6], shape: [4, 4] },
  { name: "choleskyCorrelation of 2", support: v.choleskyCorrelation, free: [1], shape: [2, 2] },
  { name: "correlation", support: v.correlation, free: [3], shape: [3, 3] },
  { name: "choleskyCovariance", support: v.choleskyCovariance, free: [6], shape: [3, 3] },
  { name: "covariance", support: v.covariance, free: [6], shape: [3, 3] },
];
const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const coordinates = (n: number, scale: number): Float64Array =>
  Float64Array.from({ length: n }, (_, k) => scale * Math.sin(1 + 2.3 * k));
/** Nested arrays of a shape. */
const nested = (x: ArrayLike<number>, shape: readonly number[]): never =>
  (shape.length < 2
    ? Array.from(x)
    : Array.from({ length: shape[0]! }, (_, i) => Array.from(x).slice(i * shape[1]!, (i + 1) * shape[1]!))) as never;
const closeTo = (a: ArrayLike<number>, b: ArrayLike<number>, bound: number): void => {
  expect(a.length).toBe(b.length);
  for (let i = 0; i < b.length; i++) expect(Math.abs(a[i]! - b[i]!)).toBeLessThan(bound * Math.max(1, Math.abs(b[i]!)));
};

describe.each(list.map((c) => [c.name, c] as const))("%s", (_name, { support, free, shape }) => {
  test.each([0.1, 1, 2.5])("goes to the support and back, at size %f", (scale) => {
    const u = coordinates(size(free), scale);
    const x = v.constrain(support, u) as Float64Array;
    expect(x.length).toBe(size(shape));
    const back = v.unconstrain(support, nested(x, shape)) as Float64Array;
    // A value is held to doubles: coordinates of products of matrices lose what they round.
    closeTo(back, u, support.kind === "correlation" || support.kind === "covariance" ? 1e-11 : 1e-12);
    closeTo(v.constrain(support, back) as Float64Array, x, 1e-13);
  });

  test("is what models do, in value and Jacobian", () => {
    const u = coordinates(size(free), 0.8);
    const compiled = v
      .model(({ sample }) => {
        sample("x", v.flat(support), { shape });
      })
      .compile();
    const logJacobian = compiled.logDensityGradient(u, new Float64Array(u.length));
    const value = compiled.constrain(u);
    closeTo(v.constrain(support, u) as Float64Array, value, 1e-15);
    expect(Math.abs(v.logJacobian(support, u) - logJacobian)).toBeLessThan(1e-14 * (1 + Math.abs(logJacobian)));
    closeTo(compiled.unconstrain({ x: nested(value, shape) }), u, 1e-12);
    compiled.dispose();
  });
});

test("numbers far out keep what can be kept", () => {
  for (const u of [-600, -30, -1e-9, 0, 1e-9, 30, 600]) {
    expect(v.unconstrain(v.positive, v.constrain(v.positive, u))).toBeCloseTo(u, 11);
    if (u > -30) expect(v.unconstrain(v.positiveBySoftplus, v.constrain(v.positiveBySoftplus, u))).toBeCloseTo(u, 7);
  }
  expect(v.unconstrain(v.unitInterval, 1e-300)).toBeCloseTo(Math.log(1e-300), 10);
  expect(v.logJacobian(v.positive, 3)).toBe(3);
  expect(v.logJacobian(v.real, [1, 2])).toBe(0);
  expect(v.logJacobian(v.ordered, [1])).toBe(0);
  expect(v.logJacobian(v.ordered, [2])).toBe(0);
});

test("an angle is a direction of the plane, wherever its coordinates are", () => {
  for (const angle of [-3.125, -2, -Math.PI / 2, -1e-9, 0, 0.7, Math.PI / 2, 2.5, 3.125]) {
    const u = v.unconstrain(v.circular, angle) as Float64Array;
    expect(Math.hypot(u[0]!, u[1]!)).toBeCloseTo(1, 15);
    expect(Math.abs(v.constrain(v.circular, u) as number) - Math.abs(angle)).toBeCloseTo(0, 14);
    expect(v.constrain(v.circular, [2.5 * u[0]!, 2.5 * u[1]!])).toBeCloseTo(angle, 14);
    expect(v.constrain(v.circular, u)).toBeCloseTo(Math.atan2(u[1]!, u[0]!), 14);
  }
  const several = v.constrain(v.circular, [
    [1, -1, 0],
    [0, 1, -2],
  ]) as Float64Array;
  closeTo(several, [0, (3 * Math.PI) / 4, -Math.PI / 2], 1e-15);
  closeTo(v.unconstrain(v.circular, [0, Math.PI / 2]) as Float64Array, [1, 0, 0, 1], 1e-15);
});

test("a density of an angle integrates to 1 over its two coordinates", () => {
  const compiled = v
    .model(({ sample }) => {
      sample("angle", v.vonMises(2.5, 1.75), { support: v.circular });
    })
    .compile();
  expect(compiled.dimension).toBe(2);
  const h = 0.05;
  let sum = 0;
  for (let x = -7; x <= 7; x += h)
    for (let y = -7; y <= 7; y += h)
      // Off the origin by half a step.
      sum += Math.exp(compiled.logDensityGradient(Float64Array.of(x + h / 2, y + h / 2), new Float64Array(2))) * h * h;
  expect(sum).toBeCloseTo(1, 3);
  // The gradient against differences, on both sides of the plane.
  for (const [x, y] of [
    [0.5, 1.25],
    [-0.75, 0.5],
    [-1, -0.25],
  ] as const) {
    const gradient = new Float64Array(2);
    const at = (a: number, b: number): number => compiled.logDensityGradient(Float64Array.of(a, b), gradient);
    const e = 1e-6;
    const expected = [(at(x + e, y) - at(x - e, y)) / (2 * e), (at(x, y + e) - at(x, y - e)) / (2 * e)];
    at(x, y);
    closeTo(gradient, expected, 1e-8);
  }
  compiled.dispose();
});

describe("a model's latents", () => {
  const make = () =>
    v
      .model(({ sample, plate }) => {
        const mu = sample("mu", v.normal(0, 5));
        const tau = sample("tau", v.halfNormal(5));
        const group = plate("group", 3);
        sample("theta", v.normal(mu, tau), { plate: group, support: v.affine(mu, tau) });
        sample("share", v.dirichlet([1, 2, 3]), { plate: group });
        sample("L", v.lkjCholesky(3, 2));
      })
      .compile();
  const values = {
    mu: 1.5,
    tau: 2,
    theta: [0, 1, 4],
    share: [
      [0.2, 0.3, 0.5],
      [0.1, 0.1, 0.8],
      [0.9, 0.05, 0.05],
    ],
    L: [
      [1, 0, 0],
      [0.6, 0.8, 0],
      [0, 0.28, 0.96],
    ],
  };

  test("have coordinates from which the model makes their values, plates and supports that move with latents included", () => {
    const compiled = make();
    const theta = compiled.unconstrain(values);
    expect(theta.length).toBe(compiled.dimension);
    const flat = Object.values(values).flat(3);
    closeTo(compiled.constrain(theta), flat, 1e-13);
    // theta's coordinates are (theta − mu)/tau.
    closeTo(theta.subarray(2, 5), [-0.75, -0.25, 1.25], 1e-15);
    expect(compiled.unconstrain({ ...values, share: Float64Array.from(values.share.flat()) })).toEqual(theta);
    compiled.dispose();
  });

  test.each([
    ["a value off its support", { tau: -1 }, RangeError, "tau: expected a number of at least 0, got -1"],
    ["one on its border", { tau: 0 }, RangeError, "tau: expected a number of at least 0, not on its border, got 0"],
    ["a missing one", { tau: undefined }, TypeError, "tau: expected a number"],
    ["a wrong shape", { theta: [1, 2] }, RangeError, "theta: expected shape [3], got shape [2]"],
    [
      "a vector off the simplex",
      {
        share: [
          [0.2, 0.3, 0.6],
          [0.1, 0.1, 0.8],
          [0.9, 0.05, 0.05],
        ],
      },
      RangeError,
      "share[0]",
    ],
    ["an unknown name", { sigma: 1 }, TypeError, "unconstrain(values).sigma: unknown"],
  ] as [string, object, ErrorConstructor, string][])("with %s are refused, by name", (_what, change, kind, message) => {
    const compiled = make();
    const call = (): unknown => compiled.unconstrain({ ...values, ...change } as never);
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
    compiled.dispose();
  });

  test("may have bounds of their own for each element", () => {
    for (const [low, high] of [
      [
        [0.5, 1],
        [2, 3],
      ],
      [[0.5, 1], undefined],
      [undefined, [2, 3]],
    ] as [number[] | undefined, number[] | undefined][]) {
      const compiled = v
        .model(({ sample }) => {
          sample("x", v.truncated(v.logistic([1, 2], 1), low, high));
        })
        .compile();
      const u = Float64Array.of(0.3, -1.2);
      closeTo(compiled.unconstrain({ x: compiled.constrain(u) }), u, 1e-13);
      if (low) expect(() => compiled.unconstrain({ x: [1.5, 0.75] })).toThrow("x[1]: expected");
      compiled.dispose();
    }
  });

  test("that are left out are named", () => {
    const compiled = make();
    expect(() => compiled.unconstrain({ mu: 0 })).toThrow(
      new TypeError("unconstrain(values): expected a value for tau, got none"),
    );
    compiled.dispose();
  });
});

test.each([
  ["no support", () => v.constrain({} as never, 1), TypeError, "constrain(support, u): support: expected a support"],
  [
    "a discrete one",
    () => v.unconstrain({ ...v.real, kind: "integers" }, 1),
    TypeError,
    "expected a continuous support",
  ],
  [
    "a value outside",
    () => v.unconstrain(v.positive, [1, -1]),
    RangeError,
    "unconstrain(support, x): x[1]: expected a positive number, got -1",
  ],
  ["the border", () => v.unconstrain(v.simplex, [0, 1]), RangeError, "not on the border"],
  ["a vector for a matrix", () => v.unconstrain(v.covariance, [1, 2]), RangeError, "expected a square matrix"],
  [
    "a matrix that is not positive definite",
    () =>
      v.unconstrain(v.covariance, [
        [1, 2],
        [2, 1],
      ]),
    RangeError,
    "expected a covariance matrix",
  ],
  [
    "coordinates of no matrix",
    () => v.constrain(v.correlation, [1, 2]),
    RangeError,
    "as many coordinates as a matrix has, got 2",
  ],
  [
    "an infinite coordinate",
    () => v.constrain(v.positive, Number.POSITIVE_INFINITY),
    RangeError,
    "expected a finite number",
  ],
  ["one number for an angle", () => v.constrain(v.circular, 1), RangeError, "two numbers per angle"],
] as [string, () => unknown, ErrorConstructor, string][])("%s is refused", (_what, call, kind, message) => {
  expect(call).toThrow(kind);
  expect(call).toThrow(message);
});
