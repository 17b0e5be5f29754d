// An element's sample is a function of (seed, stream, its number, its parameters): calls may be cut anywhere, neighbours may
// change, and the debug and release builds give the same bits.

import { expect, test } from "vitest";
import { Sampler } from "../assembly/samplers.js";
import { correlationScore, openCore } from "./random-support.js";
import { repeated, type SampleOptions, sample, samplers } from "./sampler-support.js";

const core = openCore("release");
const N = 203;

/** Parameters that differ from element to element and meet every branch. */
const spread = (low: number, high: number, phase: number): Float64Array =>
  Float64Array.from({ length: N }, (_, i) => low * (high / low) ** ((((i + 1) * 0.6180339887 + phase) * 7) % 1));
const shift = (x: Float64Array, by: number): Float64Array => x.map((v) => v + by);

const univariate: Record<string, Float64Array[]> = {
  Uniform: [spread(1, 2, 0), spread(3, 4, 0.5)],
  Normal: [spread(1, 2, 0), spread(0.1, 10, 0.5)],
  LogNormal: [spread(1, 2, 0), spread(0.1, 10, 0.5)],
  HalfNormal: [spread(0.1, 10, 0)],
  TruncatedNormal: [spread(1, 2, 0), spread(0.5, 5, 0.2), spread(0.1, 40, 0.7), shift(spread(0.1, 40, 0.7), 3)],
  SkewNormal: [spread(1, 2, 0), spread(0.1, 10, 0.5), spread(0.1, 10, 0.1)],
  StudentT: [spread(0.3, 100, 0.4), spread(1, 2, 0), spread(0.1, 10, 0.5)],
  HalfStudentT: [spread(0.3, 100, 0.4), spread(0.1, 10, 0.5)],
  Cauchy: [spread(1, 2, 0), spread(0.1, 10, 0.5)],
  HalfCauchy: [spread(0.1, 10, 0.5)],
  Laplace: [spread(1, 2, 0), spread(0.1, 10, 0.5)],
  Logistic: [spread(1, 2, 0), spread(0.1, 10, 0.5)],
  Gumbel: [spread(1, 2, 0), spread(0.1, 10, 0.5)],
  Exponential: [spread(0.1, 10, 0.5)],
  Gamma: [spread(0.01, 1e3, 0), spread(0.1, 10, 0.5)],
  InverseGamma: [spread(0.01, 1e3, 0), spread(0.1, 10, 0.5)],
  ChiSquare: [spread(0.01, 1e3, 0)],
  Weibull: [spread(0.2, 10, 0), spread(0.1, 10, 0.5)],
  Pareto: [spread(0.1, 10, 0), spread(0.5, 10, 0.5)],
  InverseGaussian: [spread(0.1, 10, 0), spread(0.1, 10, 0.5)],
  Beta: [spread(0.01, 100, 0), spread(0.01, 100, 0.5)],
  Kumaraswamy: [spread(0.1, 10, 0), spread(0.1, 10, 0.5)],
  VonMises: [spread(0.1, 3, 0), spread(0.01, 1e4, 0.5)],
  Bernoulli: [spread(0.01, 1, 0)],
  Geometric: [spread(0.01, 1, 0)],
  Poisson: [spread(0.1, 1e5, 0)],
  NegativeBinomial: [spread(0.1, 1e4, 0), spread(0.1, 100, 0.5)],
  Binomial: [spread(1, 1e6, 0).map(Math.round), spread(0.01, 1, 0.5)],
  BetaBinomial: [spread(1, 1e6, 0).map(Math.round), spread(0.1, 10, 0.2), spread(0.1, 10, 0.5)],
};

interface Shape {
  name: string;
  family: Sampler;
  parameters: Float64Array[];
  widths: number[];
  inner?: number;
  width: number;
}

const wide = (k: number): Float64Array =>
  Float64Array.from({ length: N * k }, (_, i) => 0.05 + ((i * 0.7548776662) % 1) * 3);
const triangles = (d: number): Float64Array =>
  Float64Array.from({ length: N * d * d }, (_, i) => {
    const [r, c] = [Math.floor((i % (d * d)) / d), i % d];
    return c > r ? 0 : c === r ? 1 + ((i * 0.31) % 1) : ((i * 0.17) % 1) - 0.5;
  });

const shapes: Shape[] = [
  ...Object.entries(univariate).map(([name, parameters]) => ({
    name,
    family: samplers[name]!,
    parameters,
    widths: parameters.map(() => 1),
    width: 1,
  })),
  { name: "Categorical", family: Sampler.Categorical, parameters: [wide(5)], widths: [5], inner: 5, width: 1 },
  {
    name: "Multinomial",
    family: Sampler.Multinomial,
    parameters: [spread(1, 1000, 0).map(Math.round), wide(5)],
    widths: [1, 5],
    inner: 5,
    width: 5,
  },
  { name: "Dirichlet", family: Sampler.Dirichlet, parameters: [wide(5)], widths: [5], inner: 5, width: 5 },
  {
    name: "Wishart",
    family: Sampler.Wishart,
    parameters: [spread(4, 20, 0), triangles(3)],
    widths: [1, 9],
    inner: 3,
    width: 9,
  },
  {
    name: "LkjCholesky",
    family: Sampler.LkjCholesky,
    parameters: [spread(0.5, 5, 0)],
    widths: [1],
    inner: 5,
    width: 25,
  },
];

const options = (shape: Shape, from: number, to: number, extra: Partial<SampleOptions> = {}): SampleOptions => ({
  core,
  parameters: shape.parameters.map((p, i) => p.slice(from * shape.widths[i]!, to * shape.widths[i]!)),
  n: to - from,
  ...(shape.inner === undefined ? {} : { inner: shape.inner }),
  width: shape.width,
  seed: [77, 88],
  stream: 5,
  first: from,
  ...extra,
});

test("every family is covered", () => {
  expect(new Set(shapes.map((s) => s.family)).size).toBe(Sampler.LkjCholesky + 1);
});

test.each(shapes.map((s) => [s.name, s] as const))("%s: any split gives the same numbers", (_, shape) => {
  const whole = sample(shape.family, options(shape, 0, N));
  expect(whole.some(Number.isNaN)).toBe(false);
  for (const cuts of [
    [0, 1, 2, 4, 7, 64, 65, 130, N],
    [0, 3, 66, 67, 131, 200, N],
  ])
    for (let i = 0; i + 1 < cuts.length; i++) {
      const part = sample(shape.family, options(shape, cuts[i]!, cuts[i + 1]!));
      expect(part).toEqual(whole.slice(cuts[i]! * shape.width, cuts[i + 1]! * shape.width));
    }
});

test.each(shapes.map((s) => [s.name, s] as const))("%s: the debug build gives the same bits", (_, shape) => {
  const debug = openCore("debug");
  const wanted = sample(shape.family, options(shape, 0, N));
  expect(sample(shape.family, options(shape, 0, N, { core: debug }))).toEqual(wanted);
});

test("an element does not see the parameters of its neighbours", () => {
  const shapesOfMany = spread(0.01, 1e3, 0);
  const alone = sample(Sampler.Gamma, { core, parameters: repeated([0.7, 2], 8), n: 8 });
  for (let i = 0; i < 8; i++) {
    const mixed = [shapesOfMany.slice(0, 8), new Float64Array(8).fill(2)];
    mixed[0]![i] = 0.7;
    expect(sample(Sampler.Gamma, { core, parameters: mixed, n: 8 })[i]).toBe(alone[i]);
  }
});

test("neighbouring elements, streams and seeds are uncorrelated", () => {
  const n = 100_000;
  const draw = (seed: [number, number], stream: number) =>
    sample(Sampler.Gamma, { core, parameters: repeated([2, 1], n), n, seed, stream });
  const x = draw([1, 1], 1);
  for (const [name, y] of [
    ["element + 1", Float64Array.of(...x.slice(1), x[0]!)],
    ["stream + 1", draw([1, 1], 2)],
    ["seedLow + 1", draw([2, 1], 1)],
    ["seedHigh + 1", draw([1, 2], 1)],
  ] as const)
    expect(Math.abs(correlationScore(x, y)), name).toBeLessThan(4.5);
});
