// The samplers that are timed, with their parameters, and the generators of npm that each is timed beside, bound to the same parameters
// (ours reads them from arrays, element by element). Samples of both sides have the mean and the variance of the distribution
// within five standard errors before anything is timed; where these do not exist, those of a function of the sample.

import bernoulli from "@stdlib/random-base-bernoulli";
import beta from "@stdlib/random-base-beta";
import binomial from "@stdlib/random-base-binomial";
import cauchy from "@stdlib/random-base-cauchy";
import chisquare from "@stdlib/random-base-chisquare";
import exponential from "@stdlib/random-base-exponential";
import gamma from "@stdlib/random-base-gamma";
import geometric from "@stdlib/random-base-geometric";
import gumbel from "@stdlib/random-base-gumbel";
import invgamma from "@stdlib/random-base-invgamma";
import kumaraswamy from "@stdlib/random-base-kumaraswamy";
import laplace from "@stdlib/random-base-laplace";
import logistic from "@stdlib/random-base-logistic";
import lognormal from "@stdlib/random-base-lognormal";
import negativeBinomial from "@stdlib/random-base-negative-binomial";
import normal from "@stdlib/random-base-normal";
import pareto from "@stdlib/random-base-pareto-type1";
import poisson from "@stdlib/random-base-poisson";
import t from "@stdlib/random-base-t";
import uniform from "@stdlib/random-base-uniform";
import weibull from "@stdlib/random-base-weibull";
import * as d3 from "d3-random";
import { Sampler } from "../../assembly/samplers.js";
import type { CoreExports } from "../../src/core/load.js";
import { type Case, type Entry, loop, memoryOf, type Rival } from "./rival.js";

interface Options {
  /** What the moments are of: a function of the sample. */
  readonly view?: (x: number) => number;
  /** The size of the inner axis, the doubles of an element's output, and which of them is checked. */
  readonly inner?: number;
  readonly width?: number;
  readonly component?: number;
}

/** Standard errors between the samples' mean and variance and the true ones, the larger of the two. */
function score(samples: Float64Array, mean: number, variance: number): number {
  const n = samples.length;
  let square = 0;
  let fourth = 0;
  let sum = 0;
  for (const x of samples) {
    const d = x - mean;
    sum += d;
    square += d * d;
    fourth += d * d * d * d;
  }
  // Around the true mean, so that the squares are independent.
  const spread = Math.sqrt((fourth / n - variance * variance) / n);
  const ofMean = Math.abs(sum / n) / Math.sqrt(variance / n);
  const ofVariance = Math.abs(square / n - variance) / Math.max(spread, 1e-12 * variance);
  return Math.max(ofMean, ofVariance);
}

const LIMIT = 5;
/** How many samples are checked. */
const CHECKED = 100_000;

function entry(
  name: string,
  family: Sampler,
  parameters: readonly (number | readonly number[])[],
  [mean, variance]: readonly [number, number],
  rivals: readonly Rival[],
  options: Options = {},
): Entry {
  const { view = (x) => x, inner, width = 1, component = 0 } = options;
  const rows = parameters.map((p) => (typeof p === "number" ? [p] : p));
  const open = (core: CoreExports, n: number): Case => {
    const memory = memoryOf(core);
    const addresses = rows.map((row) => memory.doubles(n * row.length));
    rows.forEach((row, k) => {
      const values = memory.f64(addresses[k]!, n * row.length);
      for (let i = 0; i < values.length; i++) values[i] = row[i % row.length]!;
    });
    const out = memory.doubles(n * width);
    const words = memory.reserve(32);
    const y = new Float64Array(n);
    const list = new Int32Array(core.memory.buffer, words, rows.length + (inner === undefined ? 2 : 3));
    // Every call draws new elements: no branch predictor can learn them by heart.
    let first = 0;
    const engine = (from: number, to: number): void => {
      let k = 0;
      for (; k < rows.length; k++) list[k] = addresses[k]! + from * rows[k]!.length * 8;
      if (inner !== undefined) list[k++] = inner;
      list[k++] = out + from * width * 8;
      list[k] = first;
      first = (first + to - from) & 0x3fffffff;
      core.sample(family, to - from, words, 1, 2, 0);
    };
    const assertMoments = (side: string, samples: Float64Array): number => {
      const z = score(samples.map(view), mean, variance);
      if (!(z <= LIMIT))
        throw new Error(
          `${name}, ${side}: expected mean ${mean} and variance ${variance} within ${LIMIT} standard errors, got ${z}`,
        );
      return z;
    };
    return {
      engine,
      plain: (rival) => loop(rival, y),
      check(rival) {
        const count = Math.min(n, CHECKED);
        engine(0, count);
        const all = memory.f64(out, count * width);
        let z = assertMoments(
          "ours",
          Float64Array.from({ length: count }, (_, i) => all[i * width + component]!),
        );
        if (rival) {
          loop(rival, y)(0, count);
          z = Math.max(z, assertMoments(rival.name, y.subarray(0, count)));
        }
        return `${z.toFixed(1)} ≤ ${LIMIT} s.e.`;
      },
      close: () => memory.free(),
    };
  };
  const text = parameters.map((p) => (typeof p === "number" ? p : `[${p}]`)).join(", ");
  return {
    name,
    setting: inner !== undefined && !parameters.some(Array.isArray) ? `${text}; ${inner}` : text,
    rivals,
    open,
  };
}

const stdlib = (f: unknown, expression = "f()"): Rival => ({ name: "@stdlib", expression, f });
const d3Random = (f: unknown, expression = "f()"): Rival => ({ name: "d3-random", expression, f });
const math = (expression: string): Rival => ({ name: "Math", expression });

/** The mean and variance of a beta distribution. */
const betaMoments = (a: number, b: number): [number, number] => [a / (a + b), (a * b) / ((a + b) ** 2 * (a + b + 1))];
const lognormalMean = Math.exp(0.125);
/** The skew normal's delta at shape 3. */
const delta = 3 / Math.sqrt(10);
const atan = { view: Math.atan };

export const samplers: readonly Entry[] = [
  entry(
    "Uniform",
    Sampler.Uniform,
    [-1, 2],
    [0.5, 0.75],
    [math("-1 + 3 * Math.random()"), stdlib(uniform.factory(-1, 2)), d3Random(d3.randomUniform(-1, 2))],
  ),
  entry("Normal", Sampler.Normal, [1, 2], [1, 4], [stdlib(normal.factory(1, 2)), d3Random(d3.randomNormal(1, 2))]),
  entry(
    "LogNormal",
    Sampler.LogNormal,
    [0, 0.5],
    [lognormalMean, lognormalMean ** 2 * Math.expm1(0.25)],
    [stdlib(lognormal.factory(0, 0.5)), d3Random(d3.randomLogNormal(0, 0.5))],
  ),
  entry(
    "HalfNormal",
    Sampler.HalfNormal,
    [2],
    [2 * Math.sqrt(2 / Math.PI), 4 * (1 - 2 / Math.PI)],
    [stdlib(normal.factory(0, 2), "Math.abs(f())"), d3Random(d3.randomNormal(0, 2), "Math.abs(f())")],
  ),
  entry("TruncatedNormal", Sampler.TruncatedNormal, [0, 1, -1, 2], [0.229637179091329, 0.5197625392115339], []),
  entry(
    "SkewNormal",
    Sampler.SkewNormal,
    [0, 1, 3],
    [delta * Math.sqrt(2 / Math.PI), 1 - (2 / Math.PI) * delta ** 2],
    [],
  ),
  entry("StudentT", Sampler.StudentT, [10, 1, 2], [1, 5], [stdlib(t.factory(10), "1 + 2 * f()")]),
  entry(
    "HalfStudentT",
    Sampler.HalfStudentT,
    [10, 1],
    [0.8646852977022912, 0.5023193359375],
    [stdlib(t.factory(10), "Math.abs(f())")],
  ),
  entry(
    "Cauchy",
    Sampler.Cauchy,
    [0, 1],
    [0, Math.PI ** 2 / 12],
    [stdlib(cauchy.factory(0, 1)), d3Random(d3.randomCauchy(0, 1))],
    atan,
  ),
  entry(
    "HalfCauchy",
    Sampler.HalfCauchy,
    [1],
    [Math.PI / 4, Math.PI ** 2 / 48],
    [stdlib(cauchy.factory(0, 1), "Math.abs(f())"), d3Random(d3.randomCauchy(0, 1), "Math.abs(f())")],
    atan,
  ),
  entry("Laplace", Sampler.Laplace, [1, 2], [1, 8], [stdlib(laplace.factory(1, 2))]),
  entry(
    "Logistic",
    Sampler.Logistic,
    [1, 2],
    [1, (4 * Math.PI ** 2) / 3],
    [stdlib(logistic.factory(1, 2)), d3Random(d3.randomLogistic(1, 2))],
  ),
  entry("Gumbel", Sampler.Gumbel, [0, 1], [0.5772156649015329, Math.PI ** 2 / 6], [stdlib(gumbel.factory(0, 1))]),
  entry(
    "Exponential",
    Sampler.Exponential,
    [2],
    [0.5, 0.25],
    [stdlib(exponential.factory(2)), d3Random(d3.randomExponential(2))],
  ),
  entry(
    "Gamma",
    Sampler.Gamma,
    [2.5, 2],
    [1.25, 0.625],
    [stdlib(gamma.factory(2.5, 2)), d3Random(d3.randomGamma(2.5, 0.5))],
  ),
  entry(
    "Gamma",
    Sampler.Gamma,
    [0.5, 2],
    [0.25, 0.125],
    [stdlib(gamma.factory(0.5, 2)), d3Random(d3.randomGamma(0.5, 0.5))],
  ),
  entry(
    "InverseGamma",
    Sampler.InverseGamma,
    [10, 4],
    [4 / 9, 16 / 648],
    [stdlib(invgamma.factory(10, 4)), d3Random(d3.randomGamma(10, 0.25), "1 / f()")],
  ),
  entry("ChiSquare", Sampler.ChiSquare, [5], [5, 10], [stdlib(chisquare.factory(5)), d3Random(d3.randomGamma(2.5, 2))]),
  entry(
    "Weibull",
    Sampler.Weibull,
    [1.5, 2],
    [1.8054905859018673, 1.5027611392557281],
    [stdlib(weibull.factory(1.5, 2)), d3Random(d3.randomWeibull(1.5, 0, 2))],
  ),
  entry(
    "Pareto",
    Sampler.Pareto,
    [2, 10],
    [20 / 9, 40 / 648],
    [stdlib(pareto.factory(10, 2)), d3Random(d3.randomPareto(10), "2 * f()")],
  ),
  entry("InverseGaussian", Sampler.InverseGaussian, [1.5, 3], [1.5, 1.125], []),
  entry("Beta", Sampler.Beta, [2, 3], betaMoments(2, 3), [stdlib(beta.factory(2, 3)), d3Random(d3.randomBeta(2, 3))]),
  entry(
    "Kumaraswamy",
    Sampler.Kumaraswamy,
    [2, 3],
    [16 / 35, 1 / 4 - (16 / 35) ** 2],
    [stdlib(kumaraswamy.factory(2, 3))],
  ),
  // cos: I1(2)/I0(2), and (1 + I2/I0)/2 less its square.
  entry("VonMises", Sampler.VonMises, [0, 2], [0.697774657964008, 0.164223197711208], [], { view: Math.cos }),
  entry(
    "Bernoulli",
    Sampler.Bernoulli,
    [0.3],
    [0.3, 0.21],
    [math("Math.random() < 0.3 ? 1 : 0"), stdlib(bernoulli.factory(0.3)), d3Random(d3.randomBernoulli(0.3))],
  ),
  entry(
    "Geometric",
    Sampler.Geometric,
    [0.3],
    [7 / 3, 0.7 / 0.09],
    [stdlib(geometric.factory(0.3)), d3Random(d3.randomGeometric(0.3), "f() - 1")],
  ),
  ...[3, 50].map((rate) =>
    entry(
      "Poisson",
      Sampler.Poisson,
      [rate],
      [rate, rate],
      [stdlib(poisson.factory(rate)), d3Random(d3.randomPoisson(rate))],
    ),
  ),
  entry("NegativeBinomial", Sampler.NegativeBinomial, [4, 2], [4, 12], [stdlib(negativeBinomial.factory(2, 1 / 3))]),
  ...[10, 1000].map((trials) =>
    entry(
      "Binomial",
      Sampler.Binomial,
      [trials, 0.3],
      [trials * 0.3, trials * 0.21],
      [stdlib(binomial.factory(trials, 0.3)), d3Random(d3.randomBinomial(trials, 0.3))],
    ),
  ),
  entry(
    "BetaBinomial",
    Sampler.BetaBinomial,
    [10, 2, 3],
    [4, 6],
    [stdlib({ binomial, beta: beta.factory(2, 3) }, "f.binomial(10, f.beta())")],
  ),
  entry("Categorical", Sampler.Categorical, [[1, 2, 3, 4]], [2, 1], [], { inner: 4 }),
  entry("Multinomial", Sampler.Multinomial, [50, [1, 2, 3, 4]], [5, 4.5], [], { inner: 4, width: 4 }),
  entry("Dirichlet", Sampler.Dirichlet, [[1, 2, 3, 4]], betaMoments(1, 9), [], { inner: 4, width: 4 }),
  entry("Wishart", Sampler.Wishart, [7, [1, 0, 0, 0, 1, 0, 0, 0, 1]], [7, 14], [], { inner: 3, width: 9 }),
  // 2 Beta(eta + 1/2, eta + 1/2) - 1, the correlation of the first two of three.
  entry("LkjCholesky", Sampler.LkjCholesky, [2], [0, 1 / 6], [], { inner: 3, width: 9, component: 3 }),
];
