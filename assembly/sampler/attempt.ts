// One attempt at a standard variate from one Philox block, for two elements at once; a lane that is rejected comes out as NaN.
// Gamma: Marsaglia & Tsang (ACM TOMS 26, 2000). Poisson, binomial: PTRS and BTRS of Hoermann (Insurance: Math. & Econ. 12, 1993; J.
// Stat. Comput. Simul. 46, 1993), inversion below a mean of 30. Von Mises: Best & Fisher (1979) by a wrapped Cauchy. Truncated
// normal: Robert (1995). Inverse Gaussian: Michael, Schucany & Haas (1976). The squeezes change nothing: every acceptance is exact up
// to rounding and the 2e-9 of `stirling`.

import { abs, add, div, lds, madd, mul, neg, nmadd, pmax, pmin, select, splat, sqrt, sub } from "../lanes";
import { exp, expm1, log, log1p } from "../math";
import { quarterCosine, quarterSine } from "../random";

export const enum Draw {
  // from normals
  Normal = 0,
  Gamma = 1,
  LogGamma = 2,
  Truncated = 3,
  Skew = 4,
  InverseGaussian = 5,
  // from uniforms
  Uniform = 6,
  Exponential = 7,
  Laplace = 8,
  Logistic = 9,
  Gumbel = 10,
  Cauchy = 11,
  Weibull = 12,
  Pareto = 13,
  Kumaraswamy = 14,
  VonMises = 15,
  Bernoulli = 16,
  Geometric = 17,
  Poisson = 18,
  Binomial = 19,
}

/** What one block gives each of four elements: two normals x and y, or the uniform u from the same bits, and a uniform v. */
export const VARIATES: usize = memory.data(128, 16);

const C: usize = memory.data<f64>([
  1.0, 0.5, 2.0, 30.0, 0.25, 4.0, // 0 8 16 24 32 40
  0.33333333333333333, 9.0, 0.0331, // 48 56 64: gamma
  2.50662827463100050242, // 72: sqrt(2 pi)
  // 80: (log Gamma(y) - (y - 1/2) log y + y - log(2 pi) / 2) y = P(1 / y^2), y >= 1: minimax, 2e-9
  3.465904804906291e-05, -0.00015430925904000718, 0.00031942485724160865, -0.00047000243047499996,
  0.0007748007831128164, -0.002776408090443261, 0.08333330382600578,
  0.07, // 136
  2.53, 0.931, 0.02483, -0.059, 0.43, -3.6224, 0.9277, 3.4, 1.1328, 1.1239, // 144: PTRS
  1.15, 0.0248, -0.0873, 0.01, -4.2, 0.92, 5.1, 2.83, // 224: BTRS
  // 288: atan t = t P(t^2), |t| <= tan(pi/8): minimax, 2e-11 relative
  0.04714335864460373, -0.08459799120382064, 0.11041187561008456, -0.14281651152467345, 0.1999988637824451,
  -0.33333332134958027, 0.9999999999792978,
  1e100, // 344
  0.625, 0.16666666666666667, // 352 360: BTPE
]);

// @ts-ignore: decorator
@inline function c(offset: usize): v128 { return lds(C + offset); }

/** P(x) of seven coefficients, the highest first. */
function horner(at: usize, x: v128): v128 {
  let p = lds(at);
  for (let i: usize = 8; i < 56; i += 8) p = madd(p, x, lds(at + i));
  return p;
}

/** tan(pi (u - 1/2)). */
function cauchy(u: v128): v128 {
  const v = sub(u, c(8));
  const a = abs(v);
  const inner = f64x2.le(a, c(32));
  const t = mul(select(inner, a, sub(c(8), a)), c(40));
  const s = quarterSine(t);
  const k = quarterCosine(t);
  const sign = v128.and(v, splat(-0.0));
  return v128.or(div(select(inner, s, k), select(inner, k, s)), sign);
}

/** atan t: the angle halved twice by t -> t / (1 + sqrt(1 + t^2)). */
// @ts-ignore: decorator
@inline function atan(t: v128): v128 {
  for (let i = 0; i < 2; i++) t = div(t, add(c(0), sqrt(madd(t, t, c(0)))));
  return mul(mul(t, c(40)), horner(C + 288, mul(t, t)));
}

/**
 * For a shape below 1 the variate of shape + 1 times w^(1/shape), w uniform. As v is accepted below exp(bound), v / exp(bound) is such a
 * w, independent of x: nothing more needs to be drawn. The logarithm does not underflow however small the shape.
 */
function gamma(logarithm: bool, shape: v128, x: v128, v: v128): v128 {
  const below = f64x2.lt(shape, c(0));
  const d = sub(add(shape, v128.and(below, c(0))), c(48));
  const t = madd(div(c(0), sqrt(mul(d, c(56)))), x, c(0));
  const t3 = mul(mul(t, t), t);
  const xx = mul(x, x);
  let value = mul(d, t3);
  const good = v128.and(f64x2.gt(t, splat(0)), f64x2.lt(v, nmadd(c(64), mul(xx, xx), c(0))));
  if (i64x2.all_true(v128.andnot(good, below))) return logarithm ? log(value) : value;
  const bound = madd(d, add(sub(c(0), t3), log(t3)), mul(c(8), xx));
  const rest = sub(log(v), bound);
  const boost = v128.and(below, div(rest, shape));
  value = logarithm ? add(log(value), boost) : mul(value, exp(boost));
  return select(f64x2.lt(rest, splat(0)), value, splat(NaN));
}

function truncated(low: v128, high: v128, x: v128, u: v128, v: v128): v128 {
  // Turned so that the end nearer to 0 (or beyond it) is the lower one.
  const turned = f64x2.lt(add(low, high), splat(0));
  const a = select(turned, neg(high), low);
  const b = select(turned, neg(low), high);
  const width = sub(b, a);
  const tail = f64x2.ge(a, splat(0));
  const narrow = f64x2.lt(width, c(72));
  // In the tail an exponential of Robert's rate, cut at the upper end; both exponents are kept relative to a.
  const rate = mul(add(a, sqrt(madd(a, a, c(40)))), c(8));
  const mode = div(c(0), rate);
  const step = neg(div(log1p(mul(u, expm1(neg(mul(rate, width))))), rate));
  const best = pmin(splat(0), sub(width, mode));
  const from = sub(step, mode);
  const inner = madd(u, width, a);
  const value = select(tail, add(a, step), select(narrow, inner, x));
  const exponent = select(
    tail, mul(c(8), sub(mul(best, best), mul(from, from))), v128.and(narrow, mul(mul(inner, inner), splat(-0.5))));
  const good = v128.and(
    f64x2.le(log(v), exponent), v128.and(f64x2.ge(value, a), v128.or(tail, f64x2.le(value, b))));
  return select(good, select(turned, neg(value), value), splat(NaN));
}

function inverseGaussian(mean: v128, shape: v128, x: v128, v: v128): v128 {
  const w = div(mul(mean, mul(x, x)), add(shape, shape));
  const s = add(add(c(0), w), sqrt(mul(w, add(w, c(16)))));
  return select(f64x2.le(mul(v, add(s, c(0))), s), div(mean, s), mul(mean, s));
}

function vonMises(kappa: v128, u: v128, v: v128): v128 {
  kappa = pmin(kappa, c(344));
  const root = sqrt(madd(mul(kappa, kappa), c(40), c(0)));
  const h = mul(add(root, c(0)), c(8));
  const below = mul(add(c(0), div(c(0), madd(kappa, c(16), root))), c(8)); // h - kappa
  const t = cauchy(u);
  const r = div(h, add(below, div(add(kappa, kappa), madd(t, t, c(0)))));
  const good = v128.or(
    f64x2.gt(mul(r, sub(c(16), r)), v), f64x2.ge(add(log(div(r, v)), sub(c(0), r)), splat(0)));
  const angle = mul(c(16), atan(mul(t, sqrt(div(below, add(h, kappa))))));
  return select(good, angle, splat(NaN));
}

/** Inversion from 0 upwards: probabilities f_0 = f, f_j = f_{j-1} (a - b j) / j, added up until they pass u. For small means. */
function invert(f: v128, a: v128, b: v128, u: v128): v128 {
  let k = splat(0);
  let j = splat(0);
  let sum = f;
  for (let i = 0; i < 256; i++) {
    const go = f64x2.gt(u, sum);
    if (!v128.any_true(go)) break;
    k = add(k, v128.and(go, c(0)));
    j = add(j, c(0));
    f = mul(f, div(nmadd(b, j, a), j));
    sum = add(sum, f);
  }
  return k;
}

/** log of the Poisson probability of y - 1 at mean m, plus log(2 pi m) / 2; no cancellation however large the mean. */
function poissonTerm(y: v128, m: v128): v128 {
  const x = div(sub(y, m), m);
  const l = log1p(x);
  const r = div(c(0), y);
  return sub(nmadd(m, sub(madd(x, l, l), x), mul(c(8), l)), mul(r, horner(C + 80, mul(r, r))));
}

/** log of the binomial probability of k up to what does not depend on k: two Poisson terms. */
function binomialTerm(k: v128, trials: v128, mean: v128): v128 {
  return add(
    poissonTerm(add(k, c(0)), mean), poissonTerm(add(sub(trials, k), c(0)), sub(trials, mean)));
}

/** Poisson with mean p, or binomial with p trials of probability q. */
function counts(binomial: bool, p: v128, q: v128, u: v128, v: v128): v128 {
  const turned = f64x2.gt(q, c(8));
  const small = select(turned, sub(c(0), q), q);
  const mean = binomial ? mul(p, small) : p;
  const few = f64x2.lt(mean, c(24));
  let k = splat(0);
  if (v128.any_true(few)) {
    if (binomial) {
      const odds = div(small, sub(c(0), small));
      k = pmin(p, invert(exp(mul(p, log1p(neg(small)))), mul(odds, add(p, c(0))), odds, u));
    } else k = invert(exp(neg(p)), p, splat(0), u);
  }
  if (!i64x2.all_true(few)) {
    let a: v128, b: v128, centre: v128, quick: v128, scale: v128;
    if (binomial) {
      const spread = sqrt(mul(mean, sub(c(0), small)));
      b = madd(c(144), spread, c(224));
      a = madd(c(232), b, madd(c(248), small, c(240)));
      centre = add(mean, c(8));
      quick = add(c(264), div(c(256), b));
      scale = mul(add(c(280), div(c(272), b)), spread);
    } else {
      const spread = sqrt(mean);
      b = madd(c(144), spread, c(152));
      a = madd(c(160), b, c(168));
      centre = add(mean, c(176));
      quick = add(c(192), div(c(184), sub(b, c(16))));
      scale = mul(add(c(216), div(c(208), sub(b, c(200)))), mul(spread, c(72)));
    }
    const at = sub(u, c(8));
    const edge = sub(c(8), abs(at));
    const candidate = f64x2.floor(madd(add(div(add(a, a), edge), b), at, centre));
    let good = v128.or(few, v128.and(f64x2.ge(edge, c(136)), f64x2.le(v, quick)));
    if (!i64x2.all_true(good)) {
      const level = log(div(mul(v, scale), add(div(a, mul(edge, edge)), b)));
      if (binomial) {
        // The bounds of BTPE (Kachitvichyanukul & Schmeiser 1988) around a parabola decide most of what is left.
        const mode = f64x2.floor(mul(add(p, c(0)), small));
        const variance = mul(mean, sub(c(0), small));
        const far = abs(sub(candidate, mode));
        const ratio = div(far, variance);
        const margin = mul(ratio, add(div(madd(far, madd(far, c(48), c(352)), c(360)), variance), c(8)));
        const over = madd(mul(far, ratio), c(8), level);
        const near = f64x2.lt(far, sub(mul(variance, c(8)), c(0)));
        const decided = v128.or(good, v128.and(near, f64x2.gt(abs(over), margin)));
        good = v128.or(good, v128.and(decided, f64x2.lt(over, splat(0))));
        if (!i64x2.all_true(decided)) {
          const bound = sub(binomialTerm(candidate, p, mean), binomialTerm(mode, p, mean));
          good = v128.or(good, v128.andnot(f64x2.le(level, bound), decided));
        }
      } else good = v128.or(good, f64x2.le(level, poissonTerm(add(candidate, c(0)), mean)));
    }
    k = select(few, k, select(good, candidate, splat(NaN)));
  }
  return binomial ? select(turned, sub(p, k), k) : k;
}

/** One attempt for elements `at` / 8 and the next of VARIATES, parameters p and q. */
export function attempt(kind: i32, p: v128, q: v128, at: usize): v128 {
  const x = v128.load(VARIATES + at);
  const y = v128.load(VARIATES + at, 32);
  const u = v128.load(VARIATES + at, 64);
  const v = v128.load(VARIATES + at, 96);
  switch (kind) {
    case Draw.Normal: return x;
    case Draw.Gamma: return gamma(false, p, x, v);
    case Draw.LogGamma: return gamma(true, p, x, v);
    case Draw.Truncated: return truncated(p, q, x, u, v);
    case Draw.Skew: {
      const shape = pmax(neg(c(344)), pmin(c(344), p));
      return div(madd(shape, abs(x), y), sqrt(madd(shape, shape, c(0))));
    }
    case Draw.InverseGaussian: return inverseGaussian(p, q, x, v);
    case Draw.Uniform: return u;
    case Draw.Laplace: {
      // log of twice the distance from the nearer end, with the sign of the side
      const side = sub(u, c(8));
      return v128.xor(log(mul(c(16), sub(c(8), abs(side)))), v128.andnot(splat(-0.0), side));
    }
    case Draw.Logistic: return log(div(u, sub(c(0), u)));
    case Draw.Cauchy: return cauchy(u);
    case Draw.VonMises: return vonMises(p, u, v);
    case Draw.Bernoulli: return v128.and(f64x2.lt(u, p), c(0));
    case Draw.Poisson: return counts(false, p, splat(0), u, v);
    case Draw.Binomial: return counts(true, p, q, u, v);
  }
  const e = neg(log(u));
  switch (kind) {
    case Draw.Exponential: return e;
    case Draw.Gumbel: return neg(log(e));
    case Draw.Weibull: return exp(div(log(e), p));
    case Draw.Pareto: return exp(div(e, p));
    case Draw.Kumaraswamy: return exp(div(log(neg(expm1(neg(div(e, q))))), p));
    default: return f64x2.floor(neg(div(e, log1p(neg(p))))); // Geometric
  }
}
