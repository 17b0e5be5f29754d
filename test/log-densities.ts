// Log densities of all families as textbooks have them, in complex arithmetic: what the compiled densities and their partials are
// held against. Parametrisations are Stan's. Arguments are events (the value, then the parameters), scalars events of one.

import * as z from "./complex.js";
import { type C, c } from "./complex.js";

type LogDensity = (...events: (readonly C[])[]) => C;

const logTwoPi = Math.log(2 * Math.PI);
const logPi = Math.log(Math.PI);
const { add, div, exp, lbeta, lgamma, log, log1p, mul, neg, scale, sub, sum } = z;

/** A univariate family: one number per argument. */
const scalar =
  (f: (...x: C[]) => C): LogDensity =>
  (...events) =>
    f(...events.map((e) => e[0]!));

const standard = (x: C, loc: C, s: C): C => div(sub(x, loc), s);
const plus = (x: C, k: number): C => add(x, c(k));
const logOneMinus = (p: C): C => log1p(neg(p));
const factorial = (k: C): C => lgamma(plus(k, 1));
const choose = (n: C, k: C): C => sub(factorial(n), add(factorial(k), factorial(sub(n, k))));
/** k·log p with 0·log 0 = 0. */
const times = (k: C, logP: C): C => (k.re === 0 ? z.zero : mul(k, logP));

const normal = (x: C, loc: C, s: C): C => sub(scale(-0.5, z.square(standard(x, loc, s))), plus(log(s), 0.5 * logTwoPi));
const cauchy = (x: C, loc: C, s: C): C => neg(add(log1p(z.square(standard(x, loc, s))), plus(log(s), logPi)));
const studentT = (x: C, df: C, loc: C, s: C): C => {
  const half = scale(0.5, plus(df, 1));
  const constants = sum([lgamma(half), neg(lgamma(scale(0.5, df))), scale(-0.5, plus(log(df), logPi)), neg(log(s))]);
  return sub(constants, mul(half, log1p(div(z.square(standard(x, loc, s)), df))));
};
const gamma = (x: C, shape: C, rate: C): C =>
  sum([mul(shape, log(rate)), neg(lgamma(shape)), mul(plus(shape, -1), log(x)), neg(mul(rate, x))]);
const logit = (x: C, loc: C, s: C): C => {
  const t = standard(x, loc, s);
  return sub(neg(t), add(log(s), scale(2, z.softplus(neg(t)))));
};
const bernoulliLogit = (y: C, eta: C): C => (y.re === 1 ? z.logSigmoid(eta) : z.logSigmoid(neg(eta)));
const binomial = (k: C, n: C, logP: C, logQ: C): C => sum([choose(n, k), times(k, logP), times(sub(n, k), logQ)]);
const poisson = (k: C, rate: C, logRate: C): C => sub(sub(times(k, logRate), rate), factorial(k));
const negativeBinomial = (k: C, mean: C, phi: C): C =>
  sum([
    sub(lgamma(add(k, phi)), add(factorial(k), lgamma(phi))),
    mul(phi, sub(log(phi), log(add(mean, phi)))),
    times(k, sub(log(mean), log(add(mean, phi)))),
  ]);

/** log P(a, x) by its series, all of whose terms are positive. */
function gammaLogCdf(x: C, a: C): C {
  let term = z.one;
  let total = z.one;
  for (let n = 1; term.re > 1e-18 * total.re; n++) {
    term = mul(term, div(x, plus(a, n)));
    total = add(total, term);
  }
  return sum([mul(a, log(x)), neg(x), neg(lgamma(plus(a, 1))), log(total)]);
}
/** log Q(a, x) beyond the mean by its continued fraction from the far end (DLMF 8.9.2), below it from P. */
function gammaLogSurvival(x: C, a: C): C {
  if (x.re < a.re + 1) return logOneMinus(exp(gammaLogCdf(x, a)));
  let tail = z.zero;
  for (let n = 2000; n > 0; n--) tail = div(mul(c(n), plus(neg(a), n)), sub(plus(sub(x, a), 2 * n + 1), tail));
  return sum([mul(a, log(x)), neg(x), neg(lgamma(a)), neg(log(sub(plus(sub(x, a), 1), tail)))]);
}
/** log I_x(a, b) by x^a (1 − x)^b/(a B) times a series of positive terms (DLMF 8.17.8), for x below the mean; above it from the rest. */
function betaLogCdf(x: C, a: C, b: C): C {
  const rest = sub(z.one, x);
  if (x.re > (a.re + 1) / (a.re + b.re + 2)) return logOneMinus(exp(betaLogCdf(rest, b, a)));
  let term = z.one;
  let total = z.one;
  for (let n = 1; term.re > 1e-18 * total.re; n++) {
    term = mul(term, div(mul(x, plus(add(a, b), n - 1)), plus(a, n)));
    total = add(total, term);
  }
  return sum([mul(a, log(x)), mul(b, log(rest)), neg(log(a)), neg(lbeta(a, b)), log(total)]);
}
function studentTLogCdf(t: C, df: C): C {
  const square = z.square(t);
  const near = div(square, add(df, square));
  const tail =
    near.re < 0.5
      ? logOneMinus(exp(betaLogCdf(near, c(0.5), scale(0.5, df))))
      : betaLogCdf(div(df, add(df, square)), scale(0.5, df), c(0.5));
  const logTail = plus(tail, -Math.LN2);
  return t.re < 0 ? logTail : logOneMinus(exp(logTail));
}

/** Solves L z = x − loc and gives |z|² and Σ log of the diagonal. */
function whiten(x: readonly C[], loc: readonly C[], lower: readonly C[]): { squares: C; logDiagonal: C } {
  const k = x.length;
  const solved: C[] = [];
  for (let i = 0; i < k; i++) {
    const known = sum(solved.map((v, j) => mul(lower[i * k + j]!, v)));
    solved.push(div(sub(sub(x[i]!, loc[i]!), known), lower[i * k + i]!));
  }
  return {
    squares: sum(solved.map(z.square)),
    logDiagonal: sum(solved.map((_, i) => log(lower[i * k + i]!))),
  };
}

/** By the family's name in its rule. */
export const logDensities: Record<string, LogDensity> = {
  normal: scalar(normal),
  halfNormal: scalar((x, s) => plus(normal(x, z.zero, s), Math.LN2)),
  logNormal: scalar((x, loc, s) => sub(normal(log(x), loc, s), log(x))),
  cauchy: scalar(cauchy),
  halfCauchy: scalar((x, s) => plus(cauchy(x, z.zero, s), Math.LN2)),
  studentT: scalar(studentT),
  halfStudentT: scalar((x, df, s) => plus(studentT(x, df, z.zero, s), Math.LN2)),
  laplace: scalar((x, loc, s) => neg(add(z.abs(standard(x, loc, s)), plus(log(s), Math.LN2)))),
  logistic: scalar(logit),
  gumbel: scalar((x, loc, s) => {
    const t = standard(x, loc, s);
    return neg(add(add(t, exp(neg(t))), log(s)));
  }),
  uniform: scalar((_x, low, high) => neg(log(sub(high, low)))),
  exponential: scalar((x, rate) => sub(log(rate), mul(rate, x))),
  gamma: scalar(gamma),
  chiSquare: scalar((x, df) => gamma(x, scale(0.5, df), c(0.5))),
  inverseGamma: scalar((x, shape, s) =>
    sum([mul(shape, log(s)), neg(lgamma(shape)), neg(mul(plus(shape, 1), log(x))), neg(div(s, x))]),
  ),
  beta: scalar((x, a, b) => sub(add(mul(plus(a, -1), log(x)), mul(plus(b, -1), logOneMinus(x))), lbeta(a, b))),
  kumaraswamy: scalar((x, a, b) =>
    sum([log(a), log(b), mul(plus(a, -1), log(x)), mul(plus(b, -1), logOneMinus(z.pow(x, a)))]),
  ),
  weibull: scalar((x, k, s) =>
    sum([log(k), neg(log(s)), mul(plus(k, -1), sub(log(x), log(s))), neg(z.pow(div(x, s), k))]),
  ),
  pareto: scalar((x, minimum, a) => sum([log(a), mul(a, log(minimum)), neg(mul(plus(a, 1), log(x)))])),
  inverseGaussian: scalar((x, mean, shape) => {
    const gap = sub(x, mean);
    const tail = div(mul(shape, z.square(gap)), mul(scale(2, z.square(mean)), x));
    return sub(scale(0.5, sub(log(shape), plus(scale(3, log(x)), logTwoPi))), tail);
  }),
  bernoulli: scalar((y, p) => (y.re === 1 ? log(p) : logOneMinus(p))),
  bernoulliLogit: scalar(bernoulliLogit),
  binomial: scalar((k, n, p) => binomial(k, n, log(p), logOneMinus(p))),
  binomialLogit: scalar((k, n, eta) => binomial(k, n, z.logSigmoid(eta), z.logSigmoid(neg(eta)))),
  geometric: scalar((k, p) => add(log(p), times(k, logOneMinus(p)))),
  poisson: scalar((k, rate) => poisson(k, rate, log(rate))),
  poissonLog: scalar((k, logRate) => poisson(k, exp(logRate), logRate)),
  negativeBinomial: scalar(negativeBinomial),
  negativeBinomialLog: scalar((k, logMean, phi) => negativeBinomial(k, exp(logMean), phi)),
  betaBinomial: scalar((k, n, a, b) => add(choose(n, k), sub(lbeta(add(k, a), add(sub(n, k), b)), lbeta(a, b)))),
  dirichlet: (x, alpha) => {
    const a = x.map((_, i) => alpha[alpha.length === 1 ? 0 : i]!);
    return sum([lgamma(sum(a)), ...a.map((v, i) => sub(mul(plus(v, -1), log(x[i]!)), lgamma(v)))]);
  },
  multinomial: (x, p) => sum([factorial(sum(x)), ...x.map((k, i) => sub(times(k, log(p[i]!)), factorial(k)))]),
  categorical: (y, p) => log(p[y[0]!.re]!),
  categoricalLogit: (y, logits) => sub(logits[y[0]!.re]!, z.logSumExp(logits)),
  orderedLogistic: (y, location, cutpoints) => {
    const below = (j: number): C =>
      j < 0 ? z.zero : j < cutpoints.length ? z.sigmoid(sub(cutpoints[j]!, location[0]!)) : z.one;
    return log(sub(below(y[0]!.re), below(y[0]!.re - 1)));
  },
  multivariateNormal: (x, loc, lower) => {
    const { squares, logDiagonal } = whiten(x, loc, lower);
    return neg(sum([scale(0.5, squares), logDiagonal, c(0.5 * x.length * logTwoPi)]));
  },
  multivariateNormalPrecision: (x, loc, lower) => {
    const k = x.length;
    const gap = x.map((v, i) => sub(v, loc[i]!));
    const projected = gap.map((_, j) => sum(gap.map((g, i) => (i >= j ? mul(lower[i * k + j]!, g) : z.zero))));
    const logDiagonal = sum(gap.map((_, i) => log(lower[i * k + i]!)));
    return sub(logDiagonal, plus(scale(0.5, sum(projected.map(z.square))), 0.5 * k * logTwoPi));
  },
  gammaLogCdf: scalar(gammaLogCdf),
  gammaLogSurvival: scalar(gammaLogSurvival),
  betaLogCdf: scalar(betaLogCdf),
  betaLogSurvival: scalar((x, a, b) => betaLogCdf(sub(z.one, x), b, a)),
  studentTLogCdf: scalar(studentTLogCdf),
  multivariateStudentT: (x, df, loc, lower) => {
    const k = x.length;
    const nu = df[0]!;
    const half = scale(0.5, plus(nu, k));
    const { squares, logDiagonal } = whiten(x, loc, lower);
    const constants = sub(lgamma(half), add(lgamma(scale(0.5, nu)), scale(0.5 * k, plus(log(nu), logPi))));
    return sub(sub(constants, logDiagonal), mul(half, log1p(div(squares, nu))));
  },
};
