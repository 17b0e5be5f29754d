// The program whose numbers must be the same bits in every engine: hashes of function values, generator streams, samplers, log
// densities with gradients, and whole fits, on the baseline build. It uses no host mathematics itself: its inputs are made of
// bit patterns. NaN counts as one value, because WebAssembly leaves a NaN's payload open.

import { Op } from "../../assembly/opcodes.js";
import { Sampler } from "../../assembly/samplers.js";
import { core } from "../../src/core/load.js";
import { f64, i32, Scope } from "../../src/core/memory.js";
import { Sobol } from "../../src/core/sobol.js";
import {
  bernoulliLogit,
  dot,
  fit,
  gamma,
  halfCauchy,
  type Model,
  model,
  negativeBinomialLog,
  normal,
  studentT,
} from "../../src/index.js";
import { fillSamples } from "../../src/model/sampler.js";

/** Names of results and the first 128 bits of the SHA-256 of their bytes. */
export type Hashes = Record<string, string>;

const canonicalNaN = 0x7ff8000000000000n;

async function hash(values: ArrayLike<number>): Promise<string> {
  const doubles = Float64Array.from(values);
  const words = new BigUint64Array(doubles.buffer);
  doubles.forEach((v, i) => {
    if (Number.isNaN(v)) words[i] = canonicalNaN;
  });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", doubles));
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** 32-bit words of a counter (the finaliser of MurmurHash3 over a Weyl sequence). */
function words(seed: number): () => number {
  let counter = seed >>> 0;
  return () => {
    counter = (counter + 0x9e3779b9) >>> 0;
    let z = counter;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
}

/** Doubles of random sign, exponent (of 2, from low to high) and mantissa. */
function spread(count: number, seed: number, low: number, high: number, signed: boolean): Float64Array {
  const next = words(seed);
  const bits = new BigUint64Array(count);
  for (let i = 0; i < count; i++) {
    const exponent = BigInt(1023 + low + (next() % (high - low + 1)));
    const sign = signed ? BigInt(next() & 1) : 0n;
    bits[i] = (sign << 63n) | (exponent << 52n) | (BigInt(next() & 0xfffff) << 32n) | BigInt(next());
  }
  return new Float64Array(bits.buffer);
}

/** Uniforms of the open interval (0, 1). */
function uniforms(count: number, seed: number): Float64Array {
  const next = words(seed);
  return Float64Array.from({ length: count }, () => (next() + 0.5) / 4294967296);
}

const { MAX_VALUE: max, NaN: nan, POSITIVE_INFINITY: inf } = Number;
const specials = [0, -0, inf, -inf, nan, 5e-324, -5e-324, 2.2250738585072014e-308, max, -max, 1, -1, 2, 0.5];

/** A kernel over whole arrays. */
function map(op: Op, ...inputs: readonly Float64Array[]): Float64Array {
  const scope = new Scope();
  try {
    const n = inputs[0]!.length;
    const addresses = [...inputs.map((x) => scope.copy(x)), scope.doubles(n)];
    const at = scope.bytes(4 * addresses.length);
    i32(at, addresses.length).set(addresses);
    core().run(op, 1, n, at);
    return f64(addresses.at(-1)!, n).slice();
  } finally {
    scope.dispose();
  }
}

const real: readonly (readonly [string, Op])[] = [
  ["reciprocal", Op.Reciprocal],
  ["sqrt", Op.Sqrt],
  ["exp", Op.Exp],
  ["log", Op.Log],
  ["log1p", Op.Log1p],
  ["expm1", Op.Expm1],
  ["sigmoid", Op.Sigmoid],
  ["softplus", Op.Softplus],
  ["logSigmoid", Op.LogSigmoid],
  ["tanh", Op.Tanh],
  ["sin", Op.Sin],
  ["cos", Op.Cos],
  ["erf", Op.Erf],
  ["erfc", Op.Erfc],
  ["erfcx", Op.Erfcx],
  ["ndtr", Op.Ndtr],
  ["logNdtr", Op.LogNdtr],
  ["lgamma", Op.Lgamma],
  ["digamma", Op.Digamma],
  ["trigamma", Op.Trigamma],
  ["lgamma1p", Op.Lgamma1p],
  ["logBesselI0", Op.LogBesselI0],
  ["besselRatio", Op.BesselRatio],
];
// Arguments: s a shape, p a probability, x a real number.
const more: readonly (readonly [string, Op, string])[] = [
  ["ndtri", Op.Ndtri, "p"],
  ["pow", Op.Pow, "sx"],
  ["logAddExp", Op.LogAddExp, "xx"],
  ["lbeta", Op.Lbeta, "ss"],
  ["mulAdd", Op.MulAdd, "xxx"],
  ["gammaP", Op.GammaP, "ss"],
  ["gammaQ", Op.GammaQ, "ss"],
  ["gammaPInverse", Op.GammaPInverse, "sp"],
  ["gammaQInverse", Op.GammaQInverse, "sp"],
  ["gammaPShapeDerivative", Op.GammaPShapeDerivative, "ss"],
  ["gammaSampleDerivative", Op.GammaSampleDerivative, "ss"],
  ["owensT", Op.OwensT, "xx"],
  ["betaInc", Op.BetaInc, "ssp"],
  ["betaIncInverse", Op.BetaIncInverse, "ssp"],
  ["betaIncDerivativeA", Op.BetaIncDerivativeA, "ssp"],
  ["betaIncDerivativeB", Op.BetaIncDerivativeB, "ssp"],
  ["betaSampleDerivative", Op.BetaSampleDerivative, "ssp"],
];

function* functions(): Generator<[string, Float64Array]> {
  const x = Float64Array.from([...specials, ...spread(4096, 1, -60, 10, true)]);
  for (const [name, op] of real) yield [`function ${name}`, map(op, x)];
  const inputs: Record<string, (k: number) => Float64Array> = {
    s: (k) => spread(512, 10 + k, -6, 6, false),
    p: (k) => uniforms(512, 20 + k),
    x: (k) => spread(512, 30 + k, -8, 5, true),
  };
  for (const [name, op, kinds] of more)
    yield [`function ${name}`, map(op, ...Array.from(kinds, (kind, k) => inputs[kind]!(k)))];
}

function* streams(): Generator<[string, Float64Array]> {
  const kinds = ["fillNormals", "fillUniforms", "fillBits"] as const;
  for (const name of kinds) {
    const out: number[] = [];
    for (const [low, high, stream, step] of [
      [1, 0, 0, 0],
      [0xffffffff, 0x1fffff, 7, 1000],
    ] as const) {
      const scope = new Scope();
      const at = scope.doubles(8 * 129);
      core()[name](low, high, stream, step, 8, 129, at, 3, 5);
      out.push(...(name === "fillBits" ? i32(at, 8 * 129) : f64(at, 8 * 129)));
      scope.dispose();
    }
    yield [`stream ${name}`, Float64Array.from(out)];
  }
  const sobol = new Sobol(40);
  yield ["stream sobol", sobol.points(64, { seed: [1, 2], normal: true })];
  sobol.dispose();
}

// Parameters, one number each; k is the size of the inner axis where there is one.
const samplers: readonly (readonly [string, Sampler, readonly (number | readonly number[])[], number?])[] = [
  ["uniform", Sampler.Uniform, [-1, 2]],
  ["normal", Sampler.Normal, [0.5, 2]],
  ["logNormal", Sampler.LogNormal, [0.1, 0.7]],
  ["halfNormal", Sampler.HalfNormal, [1.5]],
  ["truncatedNormal", Sampler.TruncatedNormal, [0, 1, 0.5, 3]],
  ["skewNormal", Sampler.SkewNormal, [0, 1, 3]],
  ["studentT", Sampler.StudentT, [4, 0, 1]],
  ["halfStudentT", Sampler.HalfStudentT, [4, 2]],
  ["cauchy", Sampler.Cauchy, [0, 1]],
  ["halfCauchy", Sampler.HalfCauchy, [1]],
  ["laplace", Sampler.Laplace, [0, 1]],
  ["logistic", Sampler.Logistic, [0, 1]],
  ["gumbel", Sampler.Gumbel, [0, 1]],
  ["exponential", Sampler.Exponential, [2]],
  ["gamma", Sampler.Gamma, [2.5, 1.5]],
  ["gamma below 1", Sampler.Gamma, [0.3, 1]],
  ["inverseGamma", Sampler.InverseGamma, [3, 2]],
  ["chiSquare", Sampler.ChiSquare, [5]],
  ["weibull", Sampler.Weibull, [1.5, 2]],
  ["pareto", Sampler.Pareto, [1, 3]],
  ["inverseGaussian", Sampler.InverseGaussian, [1, 2]],
  ["beta", Sampler.Beta, [2, 0.5]],
  ["kumaraswamy", Sampler.Kumaraswamy, [2, 3]],
  ["vonMises", Sampler.VonMises, [0.5, 4]],
  ["bernoulli", Sampler.Bernoulli, [0.3]],
  ["geometric", Sampler.Geometric, [0.2]],
  ["poisson", Sampler.Poisson, [3.5]],
  ["poisson of a large rate", Sampler.Poisson, [400]],
  ["negativeBinomial", Sampler.NegativeBinomial, [5, 2]],
  ["binomial", Sampler.Binomial, [100, 0.3]],
  ["betaBinomial", Sampler.BetaBinomial, [20, 2, 3]],
  ["categorical", Sampler.Categorical, [[0.1, 0.2, 0.7]], 3],
  ["multinomial", Sampler.Multinomial, [20, [0.1, 0.2, 0.7]], 3],
  ["dirichlet", Sampler.Dirichlet, [[0.5, 1, 2]], 3],
  ["wishart", Sampler.Wishart, [5, [1, 0, 0.5, 1]], 2],
  ["lkjCholesky", Sampler.LkjCholesky, [1.5], 3],
];

function* samples(): Generator<[string, Float64Array]> {
  for (const [name, family, parameters, k] of samplers) {
    const out = new Float64Array(1800);
    const arrays = parameters.map((p) => Float64Array.from(typeof p === "number" ? [p] : p));
    fillSamples(family, arrays, out, { low: 7, high: 1, stream: 2 }, k);
    yield [`sampler ${name}`, out];
  }
}

const schools = model(({ sample, observe, plate, deterministic }) => {
  const school = plate("school", 8);
  const mu = sample("mu", normal(0, 5));
  const tau = sample("tau", halfCauchy(5));
  const raw = sample("raw", normal(0, 1), school);
  const theta = deterministic("theta", mu.add(tau.mul(raw)));
  const error = school.data([15, 10, 16, 11, 9, 11, 10, 18]);
  observe("effect", normal(theta, error), school.data([28, 8, -3, 7, -1, 1, 18, 12]));
});

interface Rows {
  readonly x: Float64Array;
  readonly group: Int32Array;
  readonly binary: Float64Array;
  readonly counts: Float64Array;
  readonly values: Float64Array;
}
const columns = 5;
const groups = 7;

/** Three likelihoods over one design matrix and a grouping: most of what the compiler does. */
const regression = model(({ sample, observe, plate }, data: Rows) => {
  const group = plate("group", groups);
  const rows = plate("row", data.binary.length);
  const scale = sample("scale", gamma(2, 1));
  const noise = sample("noise", halfCauchy(1));
  const dispersion = sample("dispersion", gamma(2, 0.5));
  const alpha = sample("alpha", normal(0, scale), group);
  const beta = sample("beta", normal(0, 1), { shape: [columns] });
  const predicted = dot(rows.data(data.x, [columns]), beta).add(alpha.at(rows.index(data.group, group)));
  observe("binary", bernoulliLogit(predicted), rows.data(data.binary));
  observe("counts", negativeBinomialLog(predicted, dispersion), rows.data(data.counts));
  observe("values", studentT(4, predicted, noise), rows.data(data.values));
});

function rowsOf(count: number): Rows {
  const next = words(99);
  const uniform = uniforms(count * (columns + 4), 100);
  let at = 0;
  const take = (): number => uniform[at++]!;
  return {
    x: Float64Array.from({ length: count * columns }, () => 2 * take() - 1),
    group: Int32Array.from({ length: count }, () => next() % groups),
    binary: Float64Array.from({ length: count }, () => (take() < 0.4 ? 1 : 0)),
    counts: Float64Array.from({ length: count }, () => Math.floor(5 * take() * take() * 2)),
    values: Float64Array.from({ length: count }, () => 4 * (take() - 0.5)),
  };
}

function* densities(): Generator<[string, Float64Array]> {
  for (const [name, compiled] of [
    ["eight schools", schools.compile(undefined)],
    ["regression", regression.compile(rowsOf(533))],
  ] as const) {
    const { dimension } = compiled;
    const draws = 6;
    const thetas = spread(draws * dimension, 200, -6, 0, true);
    const gradients = new Float64Array(draws * dimension);
    const values = new Float64Array(draws);
    compiled.logDensityGradientBatch(draws, thetas, gradients, values);
    yield [`density of ${name}`, Float64Array.from([...values, ...gradients])];
    compiled.dispose();
  }
}

async function fitted<Data>(
  what: Model<Data>,
  data: Data,
  options: Parameters<typeof fit<Data>>[2],
): Promise<readonly number[]> {
  const posterior = await fit(what, data, { seed: 1, ...options });
  const { approximation: q } = posterior.result;
  const parts: ArrayLike<number>[] = [
    posterior.trace,
    [posterior.elbo, posterior.elboStandardError, posterior.khat, posterior.gradients],
  ];
  if (q) parts.push(q.mean);
  for (const site of posterior.sites) parts.push(posterior.draws(site.name), posterior.quantiles(site.name));
  posterior.dispose();
  return parts.flatMap((part) => Array.from(part));
}

/** All hashes, in a fixed order. */
export async function bits(): Promise<Hashes> {
  const hashes: Hashes = {};
  for (const part of [functions, streams, samples, densities])
    for (const [name, values] of part()) hashes[name] = await hash(values);
  const adam = { warmUp: false, stepSize: 0.02, maxSteps: 500 } as const;
  for (const family of ["meanField", "fullRank"] as const) {
    const name = `fit of eight schools, 500 steps of Adam, ${family}`;
    hashes[name] = await hash(await fitted(schools, undefined, { ...adam, family }));
  }
  const mixed = { algorithm: "advi", family: "meanField", sampling: "sobol", entropy: "mixed" } as const;
  hashes["fit of eight schools by Sobol draws and the learned mix"] = await hash(
    await fitted(schools, undefined, mixed),
  );
  hashes["fit of eight schools by default"] = await hash(await fitted(schools, undefined, {}));
  hashes["fit of the regression by default"] = await hash(await fitted(regression, rowsOf(533), {}));
  return hashes;
}
