// Univariate discrete families: likelihoods, never latents (they have no gradient). Parametrisations are Stan's.

import * as rules from "../../compile/densities.js";
import type { Node } from "../../compile/node.js";
import { type Distribution, family, kinds } from "../distribution.js";
import type { Value } from "../expression.js";
import { bit, count, integersTo, type Support } from "../support.js";

const { real: number, positive: above0, probability, count: whole } = kinds;

/** Counts up to the largest number of trials; each is held to its own by the density. */
function upToTrials([trials]: readonly Node[]): Support {
  return trials?.values ? integersTo(Math.max(...trials.values)) : count;
}

const make = {
  bernoulli: family({ name: "bernoulli", rule: rules.bernoulli, parameters: { probability }, support: bit }),
  bernoulliLogit: family({
    name: "bernoulliLogit",
    rule: rules.bernoulliLogit,
    parameters: { logit: number },
    support: bit,
  }),
  binomial: family({
    name: "binomial",
    rule: rules.binomial,
    parameters: { trials: whole, probability },
    support: upToTrials,
  }),
  binomialLogit: family({
    name: "binomialLogit",
    rule: rules.binomialLogit,
    parameters: { trials: whole, logit: number },
    support: upToTrials,
  }),
  poisson: family({ name: "poisson", rule: rules.poisson, parameters: { rate: kinds.nonNegative }, support: count }),
  poissonLog: family({ name: "poissonLog", rule: rules.poissonLog, parameters: { logRate: number }, support: count }),
  negativeBinomial: family({
    name: "negativeBinomial",
    rule: rules.negativeBinomial,
    parameters: { mean: above0, dispersion: above0 },
    support: count,
  }),
  negativeBinomialLog: family({
    name: "negativeBinomialLog",
    rule: rules.negativeBinomialLog,
    parameters: { logMean: number, dispersion: above0 },
    support: count,
  }),
};

/** 1 with the given probability, else 0. */
export const bernoulli = (probability: Value): Distribution => make.bernoulli(probability);
/** 1 with probability sigmoid(logit), else 0. */
export const bernoulliLogit = (logit: Value): Distribution => make.bernoulliLogit(logit);
/** Successes in `trials` with the given probability of each. */
export const binomial = (trials: Value, probability: Value): Distribution => make.binomial(trials, probability);
/** Successes in `trials` with probability sigmoid(logit) of each. */
export const binomialLogit = (trials: Value, logit: Value): Distribution => make.binomialLogit(trials, logit);
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
