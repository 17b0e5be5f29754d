// Families whose value is a matrix: Wishart covariances, their Cholesky factors, and factors of correlation matrices.

import { Sampler } from "../../../assembly/samplers.js";
import * as g from "../../compile/arithmetic.js";
import * as rules from "../../compile/densities.js";
import { logProb } from "../../compile/density.js";
import { concat, data, type Node } from "../../compile/node.js";
import { integer } from "../../errors.js";
import { type Distribution, type Family, family, kinds } from "../distribution.js";
import type { Value } from "../expression.js";
import { choleskyRows } from "../inverse-transforms.js";
import { fillSamples } from "../sampler.js";
import { choleskyCorrelation, choleskyCovariance, covariance } from "../support.js";
import {
  factorise,
  lkjFactorEntropy,
  lkjFactorMean,
  lkjFactorVariance,
  wishartEntropy,
  wishartFactorEntropy,
  wishartFactorMean,
  wishartFactorVariance,
  wishartMean,
  wishartVariance,
} from "./factors.js";
import { scalar, square } from "./shapes.js";

const { real: number, positive: above0 } = kinds;

/** Degrees of freedom and a Cholesky factor that fit. */
function wishartParameters(label: string, [df, tril]: readonly Node[]): void {
  scalar(`${label}: df`, df!);
  square(label, "scaleTril", tril!, tril!.shape[0] ?? 1);
  const k = tril!.shape[0]!;
  if (df!.values && !(df!.values[0]! > k - 1))
    throw new RangeError(`${label}: df: expected a number above ${k - 1}, got ${df!.values[0]}`);
}

const make = {
  wishartCholesky: family(() => ({
    name: "wishartCholesky",
    rule: rules.wishartCholesky,
    parameters: { df: above0, scaleTril: number },
    support: choleskyCovariance,
    eventShape: ([, tril]) => tril!.shape,
    validate: wishartParameters,
    draw: (_n, out, generator, [df, tril]) => {
      const k = Math.sqrt(tril!.length);
      fillSamples(Sampler.Wishart, [df!, tril!], out, generator, k);
      factorise(out, k);
    },
    moments: {
      mean: (df, tril) => wishartFactorMean(df[0]!, tril),
      variance: (df, tril) => wishartFactorVariance(df[0]!, tril),
      entropy: (df, tril) => wishartFactorEntropy(df[0]!, tril),
    },
  })),
  wishart: family(() => ({
    name: "wishart",
    rule: rules.wishartCholesky,
    // The density of the Cholesky factor C of x over the determinant of C ↦ C·Cᵀ. What is not positive definite has density 0.
    term: (x, df, tril) => {
      const k = x.shape[0]!;
      const { rows, pivots } = choleskyRows(x, 1e-300);
      const parts = rows.flatMap((row, i) =>
        i + 1 === k ? [row] : [row, data(new Float64Array(k - i - 1), null, [k - i - 1])],
      );
      let value: Node = g.toNode(-k * Math.LN2);
      pivots.forEach((pivot, i) => {
        const inside = x.latent ? 0 : g.log(g.less(0, pivot));
        value = g.add(g.sub(value, g.mul(0.5 * (k - i), g.log(g.max(pivot, 1e-300)))), inside);
      });
      return { density: logProb(rules.wishartCholesky, [concat(parts, [k, k]), df, tril]), value };
    },
    parameters: { df: above0, scaleTril: number },
    support: covariance,
    eventShape: ([, tril]) => tril!.shape,
    validate: wishartParameters,
    draw: (_n, out, generator, [df, tril]) =>
      fillSamples(Sampler.Wishart, [df!, tril!], out, generator, Math.sqrt(tril!.length)),
    moments: {
      mean: (df, tril) => wishartMean(df[0]!, tril),
      variance: (df, tril) => wishartVariance(df[0]!, tril),
      entropy: (df, tril) => wishartEntropy(df[0]!, tril),
    },
  })),
};

const lkjFamilies = new Map<number, Family>();

/** A Cholesky factor of correlations has its size from the constructor: nothing in its parameter tells it. */
const lkj = (size: number): Family =>
  family(() => ({
    name: "lkjCholesky",
    rule: rules.lkjCholesky,
    parameters: { concentration: above0 },
    support: choleskyCorrelation,
    eventShape: () => [size, size],
    validate: (label, [eta]) => scalar(`${label}: concentration`, eta!),
    draw: (_n, out, generator, [eta]) => fillSamples(Sampler.LkjCholesky, [eta!], out, generator, size),
    moments: {
      mean: (eta) => lkjFactorMean(eta[0]!, size),
      variance: (eta) => lkjFactorVariance(eta[0]!, size),
      entropy: (eta) => lkjFactorEntropy(eta[0]!, size),
    },
  }));

/**
 * The Cholesky factor [size × size] of a correlation matrix whose density is proportional to det^(concentration − 1): 1 is uniform, above 1
 * leans to independence.
 */
export const lkjCholesky = (size: number, concentration: Value): Distribution => {
  integer("lkjCholesky(size, concentration): size", size, 2, 256);
  const known = lkjFamilies.get(size) ?? lkj(size);
  lkjFamilies.set(size, known);
  return known(concentration);
};
/** The Cholesky factor of a Wishart matrix with `df` > K − 1 degrees of freedom and scale matrix L·Lᵀ, L = `scaleTril` [K × K]. */
export const wishartCholesky = (df: Value, scaleTril: Value): Distribution => make.wishartCholesky(df, scaleTril);
/**
 * A covariance matrix [K × K] that is Wishart with `df` > K − 1 degrees of freedom and scale matrix L·Lᵀ, L = `scaleTril`: mean df·L·Lᵀ. As a
 * latent or for many values of a large K, wishartCholesky is cheaper: here each value is factorised.
 */
export const wishart = (df: Value, scaleTril: Value): Distribution => make.wishart(df, scaleTril);
