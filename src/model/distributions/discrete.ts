// Univariate discrete families: likelihoods, never latents (they have no gradient). Parametrisations are Stan's.

import { Sampler } from "../../../assembly/samplers.js";
import * as g from "../../compile/arithmetic.js";
import * as rules from "../../compile/densities.js";
import { constant, type Node } from "../../compile/node.js";
import { betaInc, betaLogCdf, betaLogSurvival, gammaLogCdf, gammaLogSurvival, gammaQ } from "../../compile/special.js";
import { type Distribution, family, kinds } from "../distribution.js";
import type { Value } from "../expression.js";
import { bit, count, integersTo, type Support } from "../support.js";
import * as f from "./formulas.js";
import { log, log1p } from "./scalar.js";
import { betaBinomialCdf, binomialEntropy, densityEntropy, negativeBinomialEntropy, poissonEntropy } from "./sums.js";

const { real: number, positive: above0, probability, positiveProbability, count: whole } = kinds;

/** Counts up to the largest number of trials; each is held to its own by the density. */
function upToTrials([trials]: readonly Node[]): Support {
  return trials?.values ? integersTo(Math.max(...trials.values)) : count;
}

const xlogx = (x: number): number => (x === 0 ? 0 : x * log(x));

const make = {
  bernoulli: family(() => ({
    name: "bernoulli",
    rule: rules.bernoulli,
    parameters: { probability },
    support: bit,
    sampler: Sampler.Bernoulli,
    cdf: (k, p) =>
      g.add(g.mul(f.oneMinus(p), g.min(g.add(f.heldCount(k, 1), 1), 1)), g.mul(p, g.max(f.heldCount(k, 1), 0))),
    mean: (p) => p,
    variance: (p) => p * (1 - p),
    entropy: (p) => (p === 0 || p === 1 ? 0 : -xlogx(p) - (1 - p) * log1p(-p)),
  })),
  bernoulliLogit: family(() => ({
    name: "bernoulliLogit",
    rule: rules.bernoulliLogit,
    parameters: { logit: number },
    support: bit,
    as: (logit): Distribution => make.bernoulli.of(g.sigmoid(logit)),
  })),
  binomial: family(() => ({
    name: "binomial",
    rule: rules.binomial,
    parameters: { trials: whole, probability },
    support: upToTrials,
    sampler: Sampler.Binomial,
    cdf: binomialCdf,
    logCdf: (k, n, p) => g.mul(g.less(k, n), betaLogSurvival(p, ...binomialShapes(k, n))),
    logSurvival: (k, n, p) => f.choose(g.less(k, n), betaLogCdf(p, ...binomialShapes(k, n)), -1e300),
    mean: (n, p) => n * p,
    variance: (n, p) => n * p * (1 - p),
    entropy: binomialEntropy,
  })),
  binomialLogit: family(() => ({
    name: "binomialLogit",
    rule: rules.binomialLogit,
    parameters: { trials: whole, logit: number },
    support: upToTrials,
    as: (n, logit): Distribution => make.binomial.of(n, g.sigmoid(logit)),
  })),
  betaBinomial: family(() => ({
    name: "betaBinomial",
    rule: rules.betaBinomial,
    parameters: { trials: whole, a: above0, b: above0 },
    support: upToTrials,
    sampler: Sampler.BetaBinomial,
    mean: (n, a, b) => (n * a) / (a + b),
    variance: (n, a, b) => n * (a / (a + b)) * (b / (a + b)) * ((a + b + n) / (a + b + 1)),
    entropy: (n, a, b): number =>
      densityEntropy(make.betaBinomial.of(constant(n), constant(a), constant(b)), (n * a) / (a + b)),
    counted: true,
    cdfNumber: betaBinomialCdf,
  })),
  geometric: family(() => ({
    name: "geometric",
    rule: rules.geometric,
    parameters: { probability: positiveProbability },
    support: count,
    sampler: Sampler.Geometric,
    // p = 1 has log(1 − p) = −∞, of which 0 would have no multiple.
    cdf: (k, p) => g.neg(g.expm1(g.mul(g.add(f.heldCount(k), 1), g.max(g.log1p(g.neg(p)), -1e4)))),
    survival: (k, p) => g.exp(g.mul(g.add(f.heldCount(k), 1), g.max(g.log1p(g.neg(p)), -1e4))),
    mean: (p) => (1 - p) / p,
    variance: (p) => (1 - p) / p / p,
    entropy: (p) => (p === 1 ? 0 : -((1 - p) * log1p(-p) + xlogx(p)) / p),
  })),
  poisson: family(() => ({
    name: "poisson",
    rule: rules.poisson,
    parameters: { rate: kinds.nonNegative },
    support: count,
    sampler: Sampler.Poisson,
    cdf: (k, rate) => unlessNegative(k, (held) => gammaQ(g.add(held, 1), rate)),
    logCdf: (k, rate) => gammaLogSurvival(rate, g.add(g.max(k, 0), 1)),
    logSurvival: (k, rate) => gammaLogCdf(rate, g.add(g.max(k, 0), 1)),
    mean: (rate) => rate,
    variance: (rate) => rate,
    entropy: poissonEntropy,
  })),
  poissonLog: family(() => ({
    name: "poissonLog",
    rule: rules.poissonLog,
    parameters: { logRate: number },
    support: count,
    as: (logRate): Distribution => make.poisson.of(g.exp(logRate)),
  })),
  negativeBinomial: family(() => ({
    name: "negativeBinomial",
    rule: rules.negativeBinomial,
    parameters: { mean: above0, dispersion: above0 },
    support: count,
    sampler: Sampler.NegativeBinomial,
    cdf: (k, mean, phi) => unlessNegative(k, (held) => betaInc(phi, g.add(held, 1), g.div(phi, g.add(mean, phi)))),
    logCdf: (k, mean, phi) => betaLogSurvival(g.div(mean, g.add(mean, phi)), g.add(g.max(k, 0), 1), phi),
    logSurvival: (k, mean, phi) => betaLogCdf(g.div(mean, g.add(mean, phi)), g.add(g.max(k, 0), 1), phi),
    mean: (mean) => mean,
    variance: (mean, phi) => mean + (mean / phi) * mean,
    entropy: negativeBinomialEntropy,
  })),
  negativeBinomialLog: family(() => ({
    name: "negativeBinomialLog",
    rule: rules.negativeBinomialLog,
    parameters: { logMean: number, dispersion: above0 },
    support: count,
    as: (logMean, phi): Distribution => make.negativeBinomial.of(g.exp(logMean), phi),
  })),
};

/** A cdf for k ≥ 0, and 0 below. */
function unlessNegative(k: Node, cdf: (held: Node) => Node): Node {
  const held = f.heldCount(k, 1e300);
  return g.mul(f.oneMinus(g.less(held, 0)), cdf(g.max(held, 0)));
}

/** I_{1−p}(n − k, k + 1) below n, 1 from n on. */
function binomialCdf(k: Node, n: Node, p: Node): Node {
  const held = g.min(f.heldCount(k), n);
  const below = g.less(held, n);
  const inside = betaInc(g.max(g.sub(n, held), 1), g.add(g.max(held, 0), 1), f.oneMinus(p));
  return f.choose(below, g.mul(f.oneMinus(g.less(held, 0)), inside), g.add(1, g.mul(0, held)));
}

/** More than k of n have probability I_p(k + 1, n − k), for k of 0…n − 1. */
const binomialShapes = (k: Node, n: Node): [Node, Node] => [g.add(g.max(k, 0), 1), g.max(g.sub(n, k), 1)];

/** 1 with the given probability, else 0. */
export const bernoulli = (probability: Value): Distribution => make.bernoulli(probability);
/** 1 with probability sigmoid(logit), else 0. */
export const bernoulliLogit = (logit: Value): Distribution => make.bernoulliLogit(logit);
/** Successes in `trials` with the given probability of each. */
export const binomial = (trials: Value, probability: Value): Distribution => make.binomial(trials, probability);
/** Successes in `trials` with probability sigmoid(logit) of each. */
export const binomialLogit = (trials: Value, logit: Value): Distribution => make.binomialLogit(trials, logit);
/** Successes in `trials` whose probability is a beta(a, b) variate. */
export const betaBinomial = (trials: Value, a: Value, b: Value): Distribution => make.betaBinomial(trials, a, b);
/** Failures before the first success, each trial with the given probability of success, in (0, 1]. */
export const geometric = (probability: Value): Distribution => make.geometric(probability);
/** Counts with the given mean. */
export const poisson = (rate: Value): Distribution => make.poisson(rate);
/** Counts with mean exp(logRate). */
export const poissonLog = (logRate: Value): Distribution => make.poissonLog(logRate);
/** Counts with the given mean and variance mean + mean²/dispersion. */
export const negativeBinomial = (mean: Value, dispersion: Value): Distribution =>
  make.negativeBinomial(mean, dispersion);
/** Counts with mean exp(logMean) and variance mean + mean²/dispersion. */
export const negativeBinomialLog = (logMean: Value, dispersion: Value): Distribution =>
  make.negativeBinomialLog(logMean, dispersion);
