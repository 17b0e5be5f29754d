// Closed forms of KL divergences between distributions of one family (and Gaussians of any parametrisation), where a formula of its own
// is better conditioned than the difference of entropies, or where the family is no univariate continuous one.

import { lkjNormaliser } from "./distributions/factors.js";
import {
  besselRatio,
  digamma,
  EULER,
  exp,
  lgamma,
  log,
  log1p,
  logBesselI0,
  sin as sineOf,
} from "./distributions/scalar.js";

const INF = Number.POSITIVE_INFINITY;

type Scalar = (q: readonly number[], p: readonly number[]) => number | null;

/** u − log(1 + u): 0 at u = 0, without cancellation in the linear terms. */
const excess = (u: number): number => u - log1p(u);
/** x·log(x/y), 0 at x = 0. */
const relative = (x: number, y: number): number => (x === 0 ? 0 : y === 0 ? INF : x * log(x / y));

const normal: Scalar = ([m, s], [n, t]) => {
  const d = (m! - n!) / t!;
  const u = ((s! - t!) / t!) * ((s! + t!) / t!); // s²/t² − 1
  return 0.5 * (excess(u) + d * d);
};
const gamma: Scalar = ([a, b], [c, d]) =>
  (a! - c!) * digamma(a!) - (lgamma(a!) - lgamma(c!)) + c! * log(b! / d!) + a! * ((d! - b!) / b!);
const bernoulli: Scalar = ([a], [b]) =>
  relative(a!, b!) + (a! === 1 ? 0 : b! === 1 ? INF : (1 - a!) * (log1p(-a!) - log1p(-b!)));
const choose = (q: readonly Float64Array[], p: readonly Float64Array[]): number =>
  q[0]!.reduce((sum, x, k) => sum + relative(x, p[0]![k]!), 0);

/** By name of a family, both sides the same: numbers for parameters. */
export const samePairs: Record<string, Scalar> = {
  normal,
  logNormal: normal,
  halfNormal: ([s], [t]) => normal([0, s!], [0, t!]),
  laplace: ([m, s], [n, t]) => {
    const d = Math.abs(m! - n!);
    return d / t! + (s! / t!) * exp(-d / s!) - 1 - log(s! / t!);
  },
  cauchy: ([m, s], [n, t]) => log1p(((s! - t!) ** 2 + (m! - n!) ** 2) / (4 * s! * t!)),
  exponential: ([a], [b]) => excess((b! - a!) / a!),
  gamma,
  inverseGamma: gamma,
  gumbel: ([m, s], [n, t]) =>
    log(t! / s!) + EULER * (s! / t! - 1) + (m! - n!) / t! + exp((n! - m!) / t! + lgamma(1 + s! / t!)) - 1,
  pareto: ([x, a], [y, b]) => (x! < y! ? INF : excess((b! - a!) / a!) + b! * log(x! / y!)),
  vonMises: ([m, k], [n, l]) => {
    const ratio = besselRatio(k!);
    const half = 0.5 * (m! - n!);
    // κ − λ cos d = (κ − λ) + 2λ sin²(d/2)
    const sine = Math.abs(half) === 0 ? 0 : sineOf(half);
    return logBesselI0(l!) - logBesselI0(k!) + ratio * (k! - l! + 2 * l! * sine * sine);
  },
  bernoulli,
  binomial: ([n, a], [m, b]) => (n! === m! ? (n! === 0 ? 0 : n! * bernoulli([a!], [b!])!) : null),
  poisson: ([a], [b]) => (a! === 0 ? b! : b! === 0 ? INF : a! * excess((b! - a!) / a!)),
  geometric: ([a], [b]) => bernoulli([a!], [b!])! / a!,
  negativeBinomial: ([m, f], [n, h]) =>
    f! === h! ? m! * log(m! / n!) + (m! + f!) * log1p((n! - m!) / (m! + f!)) : null,
};

const sum = (x: Float64Array): number => x.reduce((a, b) => a + b, 0);

type VectorPair = (q: readonly Float64Array[], p: readonly Float64Array[], shape: readonly number[]) => number | null;

/** Of Wishart matrices, and of their factors. */
const wishartPair: VectorPair = ([df, l], [dg, m], [k]) => {
  const whitened = solveLower(m!, l!, k!, k!);
  let trace = 0;
  for (const x of whitened) trace += x * x;
  let logRatio = 0;
  for (let i = 0; i < k!; i++) logRatio += 2 * log(l![i * k! + i]! / m![i * k! + i]!);
  let kl = 0.5 * df![0]! * (trace - k!) - 0.5 * dg![0]! * logRatio;
  for (let i = 0; i < k!; i++) {
    const half = 0.5 * (df![0]! - i);
    kl += lgamma(0.5 * (dg![0]! - i)) - lgamma(half) + 0.5 * (df![0]! - dg![0]!) * digamma(half);
  }
  return kl;
};

/** By name of a family, both sides the same: arrays for parameters; `shape` is the event's. */
export const vectorPairs: Record<string, VectorPair> = {
  categorical: (q, p) =>
    q[0]!.length > p[0]!.length && q[0]!.subarray(p[0]!.length).some((x) => x > 0) ? INF : choose(q, p),
  multinomial: ([n, a], [m, b]) => (n![0] === m![0] ? n![0]! * choose([a!], [b!]) : INF),
  dirichlet: ([a], [b]) => {
    const total = sum(a!);
    let kl = lgamma(total) - lgamma(sum(b!));
    const base = digamma(total);
    a!.forEach((x, k) => {
      kl += lgamma(b![k]!) - lgamma(x) + (x - b![k]!) * (digamma(x) - base);
    });
    return kl;
  },
  lkjCholesky: ([a], [b], [k]) => {
    const q = lkjNormaliser(a![0]!, k!);
    const p = lkjNormaliser(b![0]!, k!);
    return p.log - q.log - (b![0]! - a![0]!) * q.slope;
  },
  wishartCholesky: wishartPair,
  wishart: wishartPair,
};

/** L⁻¹B for lower triangular L [n × n] and B [n × columns]. */
function solveLower(l: Float64Array, b: Float64Array, n: number, columns: number): Float64Array {
  const x = b.slice();
  for (let c = 0; c < columns; c++)
    for (let i = 0; i < n; i++) {
      let s = x[i * columns + c]!;
      for (let j = 0; j < i; j++) s -= l[i * n + j]! * x[j * columns + c]!;
      x[i * columns + c] = s / l[i * n + i]!;
    }
  return x;
}

/** A Gaussian vector: covariance `factor`·`factor`ᵀ, or precision C·Cᵀ with `precision` = C. */
export interface Gaussian {
  readonly loc: Float64Array;
  readonly factor?: Float64Array;
  readonly precision?: Float64Array;
}

/** Zeros above the diagonal of a triangular factor, which are not read. */
const lower = (l: Float64Array, n: number): Float64Array => l.map((x, i) => (i % n > Math.floor(i / n) ? 0 : x));

export function gaussianPair(q: Gaussian, p: Gaussian): number {
  const n = q.loc.length;
  const identity = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
  // Columns of a square root of q's covariance: L, or C⁻ᵀ.
  let root: Float64Array;
  if (q.factor) root = lower(q.factor, n);
  else {
    const inverse = solveLower(q.precision!, identity, n, n);
    root = Float64Array.from({ length: n * n }, (_, i) => inverse[(i % n) * n + Math.floor(i / n)]!);
  }
  const whiten = (b: Float64Array, columns: number): Float64Array => {
    if (p.factor) return solveLower(p.factor, b, n, columns);
    const out = new Float64Array(n * columns);
    for (let i = 0; i < n; i++)
      for (let c = 0; c < columns; c++)
        for (let j = i; j < n; j++) out[i * columns + c]! += p.precision![j * n + i]! * b[j * columns + c]!;
    return out;
  };
  const logDiagonal = (g: Gaussian): number => {
    let s = 0;
    const m = (g.factor ?? g.precision)!;
    for (let i = 0; i < n; i++) s += log(m[i * n + i]!);
    return g.factor ? s : -s;
  };
  let total = -n;
  for (const x of whiten(root, n)) total += x * x;
  for (const x of whiten(
    q.loc.map((x, i) => x - p.loc[i]!),
    1,
  ))
    total += x * x;
  return 0.5 * total + logDiagonal(p) - logDiagonal(q);
}
