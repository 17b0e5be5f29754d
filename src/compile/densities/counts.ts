// Rules of the univariate discrete families, parametrised as in Stan. The value has no partial; off its support (not an integer,
// negative, above the number of trials) the log density is −Infinity.

import { Op } from "../../../assembly/opcodes.js";
import { add, digamma, lbeta, log, log1p, mul, neg, sub } from "../arithmetic.js";
import type { Node } from "../node.js";
import { logChoose, logMultisets, minusLogFactorial, univariate } from "./rule.js";

/** y in {0, 1}. */
export const bernoulli = univariate("bernoulli", Op.Bernoulli, ["value", "probability"], [1], (y, p) => [
  y,
  p,
  log(p),
  log1p(neg(p)),
]);

/** y in {0, 1}, probability sigmoid(logit). */
export const bernoulliLogit = univariate("bernoulliLogit", Op.BernoulliLogit, ["value", "logit"], [1], (y, logit) => [
  sub(mul(2, y), 1),
  logit,
]);

/** k in 0…total. */
export const binomial = univariate(
  "binomial",
  Op.Binomial,
  ["value", "total", "probability"],
  [2],
  (k, n, p) => [k, n, p, log(p), log1p(neg(p))],
  (k, n) => logChoose(n, k),
);

/** k in 0…total, probability sigmoid(logit). */
export const binomialLogit = univariate(
  "binomialLogit",
  Op.BinomialLogit,
  ["value", "total", "logit"],
  [2],
  (k, n, logit) => [k, n, logit],
  (k, n) => logChoose(n, k),
);

/** k in 0, 1, …: failures before the first success. */
export const geometric = univariate(
  "geometric",
  Op.Geometric,
  ["value", "probability"],
  [1],
  (k, p) => [k, p, log1p(neg(p))],
  (_k, p) => log(p),
);

export const poisson = univariate(
  "poisson",
  Op.Poisson,
  ["value", "rate"],
  [1],
  (k, rate) => [k, rate, log(rate)],
  (k) => minusLogFactorial(k),
);

export const poissonLog = univariate(
  "poissonLog",
  Op.PoissonLog,
  ["value", "logRate"],
  [1],
  (k, logRate) => [k, logRate],
  (k) => minusLogFactorial(k),
);

/** ψ(k + φ) − ψ(φ) */
const rising = (k: Node, phi: Node): Node => sub(digamma(add(k, phi)), digamma(phi));

/** Variance mean + mean²/dispersion (Stan's neg_binomial_2). */
export const negativeBinomial = univariate(
  "negativeBinomial",
  Op.NegativeBinomial,
  ["value", "mean", "dispersion"],
  [1, 2],
  (k, mean, phi) => [k, mean, phi, logMultisets(k, phi), rising(k, phi)],
);

/** The same with the logarithm of the mean. */
export const negativeBinomialLog = univariate(
  "negativeBinomialLog",
  Op.NegativeBinomialLog,
  ["value", "logMean", "dispersion"],
  [1, 2],
  (k, logMean, phi) => [k, logMean, phi, log(phi), logMultisets(k, phi), rising(k, phi)],
);

/** k in 0…total: binomial with a beta(alpha, beta) probability. */
export const betaBinomial = univariate(
  "betaBinomial",
  Op.BetaBinomial,
  ["value", "total", "alpha", "beta"],
  [2, 3],
  (k, n, a, b) => {
    const rest = sub(n, k);
    const both = sub(digamma(add(a, b)), digamma(add(n, add(a, b))));
    return [
      k,
      n,
      sub(lbeta(add(k, a), add(rest, b)), lbeta(a, b)),
      add(both, sub(digamma(add(k, a)), digamma(a))),
      add(both, sub(digamma(add(rest, b)), digamma(b))),
    ];
  },
  (k, n) => logChoose(n, k),
);
