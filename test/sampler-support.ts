// Calls `sample` of one build on plain arrays.

import { Sampler } from "../assembly/samplers.js";
import type { CoreExports } from "../src/core/load.js";

export interface SampleOptions {
  core: CoreExports;
  /** One array per parameter; how many elements is told by `n`. */
  parameters: readonly ArrayLike<number>[];
  n: number;
  /** Size of the inner axis, for the families that have one. */
  inner?: number;
  /** Doubles of the output per element. */
  width?: number;
  seed?: readonly [number, number];
  stream?: number;
  first?: number;
}

/** The samples, [n][width], a copy. Checks that nothing is written behind the one spare double. */
export function sample(family: Sampler, options: SampleOptions): Float64Array {
  const { core, parameters, n, inner, width = 1, seed = [1, 2], stream = 0, first = 0 } = options;
  const blocks: number[] = [];
  const reserve = (doubles: number): number => {
    const pointer = core.allocate((doubles + 4) * 8);
    blocks.push(pointer);
    return pointer;
  };
  const addresses = parameters.map((values) => reserve(values.length));
  const size = n * width;
  const out = reserve(size);
  parameters.forEach((values, i) => {
    new Float64Array(core.memory.buffer, addresses[i]!, values.length).set(values);
  });
  const end = size + (size & 1);
  new Float64Array(core.memory.buffer, out + end * 8, 2).fill(-77);
  const words = reserve(8);
  const list = inner === undefined ? [...addresses, out, first] : [...addresses, inner, out, first];
  new Uint32Array(core.memory.buffer, words, list.length).set(list);
  core.sample(family, n, words, seed[0], seed[1], stream);
  if (new Float64Array(core.memory.buffer, out + end * 8, 2).some((x) => x !== -77))
    throw new Error(`family ${family} wrote behind its output`);
  const values = new Float64Array(core.memory.buffer, out, size).slice();
  for (const block of blocks.reverse()) core.free(block);
  return values;
}

/** n copies of the same parameters. */
export const repeated = (parameters: readonly number[], n: number): Float64Array[] =>
  parameters.map((value) => new Float64Array(n).fill(value));

/** The families by name, for tables that come as JSON. */
export const samplers: Record<string, Sampler> = {
  Uniform: Sampler.Uniform,
  Normal: Sampler.Normal,
  LogNormal: Sampler.LogNormal,
  HalfNormal: Sampler.HalfNormal,
  TruncatedNormal: Sampler.TruncatedNormal,
  SkewNormal: Sampler.SkewNormal,
  StudentT: Sampler.StudentT,
  HalfStudentT: Sampler.HalfStudentT,
  Cauchy: Sampler.Cauchy,
  HalfCauchy: Sampler.HalfCauchy,
  Laplace: Sampler.Laplace,
  Logistic: Sampler.Logistic,
  Gumbel: Sampler.Gumbel,
  Exponential: Sampler.Exponential,
  Gamma: Sampler.Gamma,
  InverseGamma: Sampler.InverseGamma,
  ChiSquare: Sampler.ChiSquare,
  Weibull: Sampler.Weibull,
  Pareto: Sampler.Pareto,
  InverseGaussian: Sampler.InverseGaussian,
  Beta: Sampler.Beta,
  Kumaraswamy: Sampler.Kumaraswamy,
  VonMises: Sampler.VonMises,
  Bernoulli: Sampler.Bernoulli,
  Geometric: Sampler.Geometric,
  Poisson: Sampler.Poisson,
  NegativeBinomial: Sampler.NegativeBinomial,
  Binomial: Sampler.Binomial,
  BetaBinomial: Sampler.BetaBinomial,
};
