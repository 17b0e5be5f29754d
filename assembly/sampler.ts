// Exact samplers: each distribution from the standard variates of assembly/sampler/draw.ts, in chunks that stay in L1. Values lie
// inside the open support: positive ones are held to [2^-1022, largest double], those of (0, 1) to at most 1 - 2^-53, so that no
// logarithm of a sample is infinite. Parameters outside their domain give NaN; the callers in src/ refuse them before.

import { abs, add, div, ld, mul, nmadd, pmax, pmin, select, splat, sqrt, st, sub } from "./lanes";
import { exp, sigmoid } from "./math";
import { Draw } from "./sampler/attempt";
import { draw, seed } from "./sampler/draw";
import { Sampler } from "./samplers";

const CHUNK: u32 = 64;
// Three chunks of intermediate values.
const T: usize = memory.data(1536, 16);
const T2: usize = T + 512;
const T3: usize = T + 1024;

// @ts-ignore: decorator
@inline function positive(x: v128): v128 { return pmax(pmin(x, splat(f64.MAX_VALUE)), splat(2.2250738585072014e-308)); }

// Parameters of each family of assembly/samplers.ts.
const COUNTS: usize = memory.data<u8>([
  2, 2, 2, 1, 4, 3, 3, 2, 2, 1, 2, 2, 2, 1, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 3, 1, 2, 1, 2, 1,
]);

const enum Map {
  None,
  /** out = p + q out */
  LocScale,
  /** out = p |out|, held positive */
  HalfScale,
  /** out = p out, held positive */
  Scale,
  /** out = out / p, held positive */
  Rate,
  /** out = p / out, held positive */
  Reciprocal,
  /** out = exp(p + q out), held positive */
  Exp,
  /** out = p + (q - p) out */
  Between,
  /** out held positive */
  Positive,
  /** out held inside (0, 1) */
  Unit,
  /** out = p + out, turned into [-pi, pi] */
  Angle,
  /** out = 2 out, held positive */
  Twice,
  /** out = out sqrt(p / q) */
  Student,
  /** out = (p - q) / r */
  Standardise,
  /** out = p / 2 */
  Half,
  /** out = sigmoid(p - out), inside (0, 1) */
  Sigmoid,
  /** out held between p and q */
  Clamp,
  /** out = p out / q */
  Ratio,
}

/** One elementwise pass over a chunk. */
function map(kind: Map, n: u32, out: usize, p: usize, q: usize, r: usize): void {
  if (kind == Map.None) return;
  for (let at: usize = 0; at < <usize>n << 3; at += 16) {
    let x = ld(out + at);
    const a = ld(p + at);
    const b = ld(q + at);
    switch (kind) {
      case Map.LocScale: x = add(a, mul(b, x)); break;
      case Map.HalfScale: x = positive(mul(a, abs(x))); break;
      case Map.Scale: x = positive(mul(a, x)); break;
      case Map.Rate: x = positive(div(x, a)); break;
      case Map.Reciprocal: x = positive(div(a, x)); break;
      case Map.Exp: x = positive(exp(add(a, mul(b, x)))); break;
      case Map.Positive: x = positive(x); break;
      case Map.Twice: x = positive(add(x, x)); break;
      case Map.Between: x = add(a, mul(sub(b, a), x)); break;
      case Map.Student: x = mul(x, sqrt(div(a, b))); break;
      case Map.Standardise: x = div(sub(a, b), ld(r + at)); break;
      case Map.Half: x = mul(a, splat(0.5)); break;
      case Map.Sigmoid: x = inside(sigmoid(sub(a, x))); break;
      case Map.Clamp: x = pmin(pmax(x, a), b); break;
      case Map.Unit: x = inside(x); break;
      case Map.Ratio: x = div(mul(a, x), b); break;
      case Map.Angle: {
        const y = add(a, x);
        const turns = f64x2.nearest(mul(y, splat(0.15915494309189533577)));
        x = nmadd(turns, splat(6.28318530717958647693), y);
        break;
      }
    }
    st(out + at, x);
  }
}

// @ts-ignore: decorator
@inline function inside(x: v128): v128 { return pmin(positive(x), splat(0.99999999999999988898)); }

/** Rows of log weights to weights that add up to 1. */
function normalise(rows: u32, k: u32, out: usize): void {
  const end = <usize>k << 3;
  for (; rows > 0; rows--, out += end) {
    let most = f64.load(out);
    for (let j: usize = 8; j < end; j += 8) most = max(most, f64.load(out + j));
    let sum: f64 = 0;
    for (let j: usize = 0; j < end; j += 8) {
      const w = f64x2.extract_lane(exp(splat(f64.load(out + j) - most)), 0);
      f64.store(out + j, w);
      sum += w;
    }
    for (let j: usize = 0; j < end; j += 8) f64.store(out + j, max(f64.load(out + j) / sum, 2.2250738585072014e-308));
  }
}

/** The number of the category where the running sum of the weights passes u times their sum. */
function categorical(n: u32, k: u32, weights: usize, out: usize): void {
  for (let i: u32 = 0; i < n; i++, weights += <usize>k << 3) {
    let sum: f64 = 0;
    for (let j: u32 = 0; j < k; j++) sum += f64.load(weights + (<usize>j << 3));
    let rest = f64.load(out + (<usize>i << 3)) * sum;
    let chosen: u32 = 0;
    for (let j: u32 = 0; j < k && rest > 0; j++) {
      const w = f64.load(weights + (<usize>j << 3));
      if (w > 0) chosen = j;
      rest -= w;
    }
    f64.store(out + (<usize>i << 3), sum >= 0 ? <f64>chosen : NaN);
  }
}

/** Counts by conditional binomials; trials are used up in T. */
function multinomial(n: u32, k: u32, trials: usize, weights: usize, out: usize, element: u32): void {
  // The sums of the weights from each category on, kept where the counts will be.
  for (let i: u32 = 0; i < n; i++) {
    let sum: f64 = 0;
    for (let j = k; j-- > 0;) {
      const at = <usize>(i * k + j) << 3;
      sum += f64.load(weights + at);
      f64.store(out + at, sum);
    }
    f64.store(T + (<usize>i << 3), f64.load(trials + (<usize>i << 3)));
  }
  for (let j: u32 = 0; j < k; j++) {
    for (let i: u32 = 0; i < n; i++) {
      const at = <usize>(i * k + j) << 3;
      const rest = f64.load(out + at);
      f64.store(T2 + (<usize>i << 3), rest == 0 ? 0 : f64.load(weights + at) / rest);
    }
    draw(Draw.Binomial, n, T, T2, T3, element, j);
    for (let i: u32 = 0; i < n; i++) {
      const count = f64.load(T3 + (<usize>i << 3));
      const left = T + (<usize>i << 3);
      f64.store(left, f64.load(left) - count);
      f64.store(out + (<usize>(i * k + j) << 3), count);
    }
  }
}

/**
 * A lower triangle [d][d] of normals below a diagonal sqrt(2 G): Bartlett's, and with its rows brought to length 1 the onion method
 * for LKJ (Lewandowski, Kurowicka & Joe 2009), as the squared length of a row's normals is that of 2 Gamma(row / 2).
 */
function triangle(correlation: bool, d: u32, parameter: f64, out: usize, element: u32): void {
  const row = <usize>d << 3;
  for (let start: u32 = 0; start < d; start += CHUNK) {
    const m = min(CHUNK, d - start);
    for (let i: u32 = 0; i < m; i++) {
      const down = <f64>(start + i);
      f64.store(T + (<usize>i << 3), correlation ? parameter + 0.5 * (<f64>d - 1 - down) : 0.5 * (parameter - down));
    }
    draw(Draw.Gamma, m, T, T, T2, element * d + start, 0);
    for (let i: u32 = 0; i < m; i++)
      f64.store(out + <usize>(start + i) * (row + 8), f64.sqrt(2 * max(f64.load(T2 + (<usize>i << 3)), 1e-300)));
  }
  for (let i: u32 = 0; i < d; i++, out += row) {
    const end = <usize>i << 3;
    const diagonal = f64.load(out + end);
    if (i) draw(Draw.Normal, i, out, out, out, (element * d + i) * d, 1);
    f64.store(out + end, diagonal);
    let sum: f64 = 0;
    for (let j: usize = 0; j <= end; j += 8) sum += f64.load(out + j) * f64.load(out + j);
    const length = correlation ? f64.sqrt(sum) : 1;
    for (let j: usize = 0; j < row; j += 8) f64.store(out + j, j <= end ? f64.load(out + j) / length : 0);
  }
}

/** out, a lower triangle A, to (L A)(L A)^T, in place. */
function wishart(d: u32, factor: usize, out: usize): void {
  const row = <usize>d << 3;
  const size = d * row;
  for (let i = size; i > 0;) {
    i -= row;
    for (let j: usize = 0; j < row; j += 8) {
      let sum: f64 = 0;
      for (let k = j; k <= i / d; k += 8) sum += f64.load(factor + i + k) * f64.load(out + k * d + j);
      f64.store(out + i + j, sum);
    }
  }
  for (let i = size; i > 0;) {
    i -= row;
    for (let j = i / d + 8; j > 0;) {
      j -= 8;
      let sum: f64 = 0;
      for (let k: usize = 0; k <= j; k += 8) sum += f64.load(out + i + k) * f64.load(out + j * d + k);
      f64.store(out + i + j, sum);
    }
  }
  for (let i: usize = 0; i < row; i += 8) for (let j: usize = 0; j < i; j += 8) f64.store(out + j * d + i, f64.load(out + i * d + j));
}

/** The families that are one variate and one pass: Draw | its p << 8 | its q << 10 | Map << 12 | its p << 16 | its q << 18. */
const SPECIAL: u32 = 0xff;
const PLAN: usize = memory.data<u32>([
  Draw.Uniform | (Map.Between << 12) | (1 << 18), // Uniform
  Draw.Normal | (Map.LocScale << 12) | (1 << 18), // Normal
  Draw.Normal | (Map.Exp << 12) | (1 << 18), // LogNormal
  Draw.Normal | (Map.HalfScale << 12), // HalfNormal
  SPECIAL, // TruncatedNormal
  Draw.Skew | (2 << 8) | (Map.LocScale << 12) | (1 << 18), // SkewNormal
  SPECIAL, // StudentT
  SPECIAL, // HalfStudentT
  Draw.Cauchy | (Map.LocScale << 12) | (1 << 18), // Cauchy
  Draw.Cauchy | (Map.HalfScale << 12), // HalfCauchy
  Draw.Laplace | (Map.LocScale << 12) | (1 << 18), // Laplace
  Draw.Logistic | (Map.LocScale << 12) | (1 << 18), // Logistic
  Draw.Gumbel | (Map.LocScale << 12) | (1 << 18), // Gumbel
  Draw.Exponential | (Map.Rate << 12), // Exponential
  Draw.Gamma | (Map.Rate << 12) | (1 << 16), // Gamma
  Draw.Gamma | (Map.Reciprocal << 12) | (1 << 16), // InverseGamma
  SPECIAL, // ChiSquare
  Draw.Weibull | (Map.Scale << 12) | (1 << 16), // Weibull
  Draw.Pareto | (1 << 8) | (Map.Scale << 12), // Pareto
  Draw.InverseGaussian | (1 << 10) | (Map.Positive << 12), // InverseGaussian
  SPECIAL, // Beta
  Draw.Kumaraswamy | (1 << 10) | (Map.Unit << 12), // Kumaraswamy
  Draw.VonMises | (1 << 8) | (Map.Angle << 12), // VonMises
  Draw.Bernoulli, // Bernoulli
  Draw.Geometric, // Geometric
  Draw.Poisson, // Poisson
  SPECIAL, // NegativeBinomial
  Draw.Binomial | (1 << 10), // Binomial
  SPECIAL, SPECIAL, SPECIAL, SPECIAL, // BetaBinomial, Categorical, Multinomial, Dirichlet
]);

/** n elements from number `first` on, at most CHUNK; p, q, r, s are the parameters, k the size of the inner axis. */
function chunk(family: i32, n: u32, k: u32, p: usize, q: usize, r: usize, s: usize, out: usize, first: u32): void {
  const plan = load<u32>(PLAN + (<usize>family << 2));
  const kind = plan & 0xff;
  if (kind != SPECIAL) {
    const a = choose(plan >> 8, p, q, r);
    const b = choose(plan >> 10, p, q, r);
    draw(kind, n, a, b, out, first, 0);
    return map((plan >> 12) & 15, n, out, choose(plan >> 16, p, q, r), choose(plan >> 18, p, q, r), p);
  }
  switch (family) {
    case Sampler.TruncatedNormal:
      map(Map.Standardise, n, T, r, p, q);
      map(Map.Standardise, n, T2, s, p, q);
      draw(Draw.Truncated, n, T, T2, out, first, 0);
      map(Map.LocScale, n, out, p, q, p);
      return map(Map.Clamp, n, out, r, s, p);
    case Sampler.StudentT:
    case Sampler.HalfStudentT:
      map(Map.Half, n, T, p, p, p);
      draw(Draw.Gamma, n, T, T, T2, first, 0);
      map(Map.Positive, n, T2, p, p, p);
      draw(Draw.Normal, n, p, p, out, first, 1);
      map(Map.Student, n, out, T, T2, p);
      return map(family == Sampler.StudentT ? Map.LocScale : Map.HalfScale, n, out, q, r, p);
    case Sampler.ChiSquare:
      map(Map.Half, n, T, p, p, p);
      draw(Draw.Gamma, n, T, T, out, first, 0);
      return map(Map.Twice, n, out, p, p, p);
    case Sampler.Beta:
      return betas(n, p, q, out, first);
    case Sampler.NegativeBinomial:
      draw(Draw.Gamma, n, q, q, T, first, 0);
      map(Map.Ratio, n, T, p, q, p);
      return draw(Draw.Poisson, n, T, T, out, first, 1);
    case Sampler.BetaBinomial:
      betas(n, q, r, T3, first);
      return draw(Draw.Binomial, n, p, T3, out, first, 2);
    case Sampler.Categorical:
      draw(Draw.Uniform, n, p, p, out, first, 0);
      return categorical(n, k, p, out);
    case Sampler.Multinomial:
      return multinomial(n, k, p, q, out, first);
    case Sampler.Dirichlet:
      draw(Draw.LogGamma, n * k, p, p, out, first * k, 0);
      return normalise(n, k, out);
  }
}

// @ts-ignore: decorator
@inline function choose(which: u32, p: usize, q: usize, r: usize): usize {
  which &= 3;
  return which == 0 ? p : which == 1 ? q : r;
}

/** Beta from the logarithms of two gammas: nothing underflows however small a and b. */
function betas(n: u32, a: usize, b: usize, out: usize, first: u32): void {
  draw(Draw.LogGamma, n, a, a, T, first, 0);
  draw(Draw.LogGamma, n, b, b, out, first, 1);
  map(Map.Sigmoid, n, out, T, T, T);
}

/** Samples of a family (assembly/samplers.ts gives its parameters): `a` points at their addresses, [K,] out, first. */
export function sample(family: i32, n: u32, a: usize, seedLow: u32, seedHigh: u32, stream: u32): void {
  seed(seedLow, seedHigh, stream);
  // How many parameters there are, and whether a size follows.
  const parameters = <usize>load<u8>(COUNTS + <usize>family);
  const inner = family >= Sampler.Categorical;
  const p = <usize>load<u32>(a);
  const q = parameters > 1 ? <usize>load<u32>(a, 4) : p;
  const r = parameters > 2 ? <usize>load<u32>(a, 8) : p;
  const s = parameters > 3 ? <usize>load<u32>(a, 12) : p;
  a += parameters << 2;
  let k: u32 = 1;
  if (inner) {
    k = load<u32>(a);
    a += 4;
  }
  const out = <usize>load<u32>(a);
  const first = load<u32>(a, 4);
  if (family >= Sampler.Wishart) {
    const size = <usize>(k * k) << 3;
    for (let i: u32 = 0; i < n; i++) {
      const to = out + i * size;
      triangle(family == Sampler.LkjCholesky, k, f64.load(p + (<usize>i << 3)), to, first + i);
      if (family == Sampler.Wishart) wishart(k, q + i * size, to);
    }
    return;
  }
  const width = <usize>k << 3;
  const pWidth = family == Sampler.Multinomial || !inner ? 8 : width;
  const qWidth = inner ? width : 8;
  const outWidth = family == Sampler.Categorical || !inner ? 8 : width;
  for (let at: u32 = 0; at < n; at += CHUNK) {
    const i = <usize>at;
    const step = i << 3;
    chunk(
      family, min(n - at, CHUNK), k, p + i * pWidth, q + i * qWidth, r + step, s + step, out + i * outWidth, first + at);
  }
}
