// Kullback–Leibler divergences between distributions with numbers for parameters: a closed form where there is one, an exact sum over
// the support where both are discrete, else Monte Carlo with its standard error. A divergence from itself is 0 exactly, and one
// from a distribution that does not cover the support is infinite; neither is estimated.

import * as g from "../compile/arithmetic.js";
import { eventSize } from "../compile/node.js";
import { integer, knownOptions, typeError } from "../errors.js";
import { Distribution, FamilyDistribution } from "./distribution.js";
import { factorise } from "./distributions/factors.js";
import { apply, rowInput } from "./eager.js";
import { logProbs, type Numbers, numbersOf } from "./evaluation.js";
import { IndependentDistribution } from "./independent.js";
import { type Gaussian, gaussianPair, samePairs, vectorPairs } from "./kl-pairs.js";
import { byStatistics, type Univariate } from "./kl-statistics.js";

const INF = Number.POSITIVE_INFINITY;

/** A divergence, and how it was found. */
export interface KLEstimate {
  /** In nats; Infinity where the second does not cover the support of the first. */
  readonly value: number;
  /** 0 where exact. */
  readonly standardError: number;
  /** Whether it is a closed form, a sum over the support or quadrature, not a Monte Carlo mean. */
  readonly exact: boolean;
}

/** How a divergence without a closed form is estimated. */
export interface KLOptions {
  /** Draws of the Monte Carlo mean, where one is needed; 10,000 by default. */
  readonly draws?: number;
  /** An integer from 0 on; default 0. */
  readonly seed?: number;
}

/** The parametrisation that the tables know. */
const baseOf = (d: Distribution): Distribution => (d instanceof FamilyDistribution ? d.base : d);

/** Element `i` of an array of distributions, as numbers. */
function elementOf(d: Distribution, values: readonly Float64Array[], i: number): Univariate {
  const parameters = values.map((v) => v[v.length > 1 ? i : 0]!);
  const at = (x: Numbers | null): number | null => (x === null || typeof x === "number" ? x : x[x.length > 1 ? i : 0]!);
  // The mean and variance of an angle are those of a circle, not of the line.
  const moment = (which: "mean" | "variance" | "entropy"): number | null =>
    which !== "entropy" && d.name === "vonMises" ? null : at(d.momentOf(which));
  // Supports of families whose bounds are parameters.
  const bounds: Record<string, readonly [number, number]> = {
    uniform: [parameters[0]!, parameters[1]!],
    truncatedNormal: [parameters[2]!, parameters[3]!],
    pareto: [parameters[0]!, INF],
  };
  const [low, high] = bounds[d.name] ?? [d.support.low, d.support.high];
  return {
    name: d.name,
    parameters,
    low,
    high,
    get mean() {
      return moment("mean");
    },
    get variance() {
      return moment("variance");
    },
    get entropy() {
      return moment("entropy");
    },
  };
}

const equal = (a: readonly Float64Array[], b: readonly Float64Array[]): boolean =>
  a.length === b.length && a.every((x, i) => x.length === b[i]!.length && x.every((v, k) => v === b[i]![k]));

function gaussianOf(d: Distribution, values: readonly Float64Array[]): Gaussian | null {
  if (d.name === "multivariateNormal") return { loc: values[0]!, factor: values[1]! };
  if (d.name === "multivariateNormalPrecision") return { loc: values[0]!, precision: values[1]! };
  if (d.name === "multivariateNormalLowRank") {
    const [loc, w, diagonal] = values as [Float64Array, Float64Array, Float64Array];
    const n = loc.length;
    const rank = w.length / n;
    const factor = Float64Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let x = i === j ? diagonal[i]! : 0;
      for (let r = 0; r < rank; r++) x += w[i * rank + r]! * w[j * rank + r]!;
      return x;
    });
    factorise(factor, n);
    return { loc, factor };
  }
  if (d instanceof IndependentDistribution && baseOf(d.base).name === "normal" && d.eventShape.length === 1) {
    const n = eventSize(d.eventShape);
    const [loc, scale] = values;
    const at = (v: Float64Array, i: number): number => v[v.length > 1 ? i : 0]!;
    return {
      loc: Float64Array.from({ length: n }, (_, i) => at(loc!, i)),
      factor: Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? at(scale!, i % n) : 0)),
    };
  }
  return null;
}

/** The divergence where it is known; null where only Monte Carlo remains. */
function closedForm(first: Distribution, second: Distribution): Numbers | null {
  const q = baseOf(first);
  const p = baseOf(second);
  const a = numbersOf(q, "klDivergence");
  const b = numbersOf(p, "klDivergence");
  const size = Math.max(eventSize(q.batchShape), eventSize(p.batchShape));
  const batched = q.batchShape.length > 0 || p.batchShape.length > 0;
  if (q.structure === p.structure && equal(a, b)) return batched ? new Float64Array(size) : 0;

  const gaussian = gaussianOf(q, a);
  const other = gaussian && gaussianOf(p, b);
  if (gaussian && other) return gaussianPair(gaussian, other);
  if (q instanceof IndependentDistribution && p instanceof IndependentDistribution) {
    const parts = closedForm(q.base, p.base);
    if (parts === null) return null;
    const n = eventSize(q.eventShape);
    return typeof parts === "number" ? n * parts : parts.reduce((s, x) => s + x, 0);
  }
  const vector = q.name === p.name ? vectorPairs[q.name] : undefined;
  if (vector) return vector(a, b, q.eventShape);
  if (q.eventShape.length || q.perElement.includes(false) || p.perElement.includes(false)) return null;

  const result = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const x = elementOf(q, a, i);
    const y = elementOf(p, b, i);
    const value = q.discrete ? null : x.low < y.low || x.high > y.high ? INF : byStatistics(x, y);
    const special = q.name === p.name ? (samePairs[q.name]?.(x.parameters, y.parameters) ?? null) : null;
    const known = x.name === y.name && x.parameters.every((v, k) => v === y.parameters[k]) ? 0 : (special ?? value);
    if (known === null) return null;
    result[i] = known;
  }
  return batched ? result : result[0]!;
}

/** Σ q(k) log(q(k)/p(k)) until what is left cannot matter. */
function summed(q: Distribution, p: Distribution): number {
  const BLOCK = 4096;
  let total = 0;
  let mass = 0;
  const { low, high } = q.support;
  for (let from = low; from <= high && from < 1e8; from += BLOCK) {
    const k = Float64Array.from({ length: Math.min(BLOCK, high - from + 1) }, (_, i) => from + i);
    const a = q.logProb(k) as Float64Array;
    const b = p.logProb(k) as Float64Array;
    const before = mass;
    const last = total;
    const weights = apply("exp", ([x]) => g.exp(x!), [rowInput(a)], k.length);
    for (let i = 0; i < k.length; i++) {
      if (weights[i] === 0) continue;
      mass += weights[i]!;
      total += weights[i]! * (a[i]! - b[i]!);
    }
    if (total === INF) return INF;
    // Past the bulk, a block that adds nothing ends the sum.
    if (mass > 0.5 && mass - before < 1e-19 && Math.abs(total - last) <= 1e-17 * Math.abs(total)) break;
  }
  return total;
}

function monteCarlo(q: Distribution, p: Distribution, draws: number, seed: number): KLEstimate {
  const table = { values: q.sample(draws, { seed }), shape: [draws, ...q.eventShape] };
  const a = logProbs(q, table) as Float64Array;
  const b = logProbs(p, table) as Float64Array;
  let mean = 0;
  let square = 0;
  for (let i = 0; i < draws; i++) {
    const d = a[i]! - b[i]!;
    if (d === INF) return { value: INF, standardError: 0, exact: true };
    const step = d - mean;
    mean += step / (i + 1);
    square += step * (d - mean);
  }
  return { value: mean, standardError: Math.sqrt(square / (draws - 1) / draws), exact: false };
}

/** KL(q‖p) with its standard error: 0 where the value is a closed form or a sum. Both must have numbers for parameters. */
export function klEstimate(q: Distribution, p: Distribution, options: KLOptions = {}): KLEstimate {
  const label = "klEstimate(q, p, options)";
  knownOptions(label, options, ["draws", "seed"]);
  const { draws = 10_000, seed = 0 } = options;
  integer(`${label}: draws`, draws, 2);
  check("klEstimate(q, p)", q, p);
  const known = closedForm(q, p);
  if (known !== null) {
    if (typeof known !== "number")
      throw new TypeError("klEstimate(q, p): expected numbers for parameters, got arrays; klDivergence takes them");
    return { value: known, standardError: 0, exact: true };
  }
  if (q.batchShape.length || p.batchShape.length)
    throw new TypeError("klEstimate(q, p): expected numbers for parameters, got arrays");
  if (q.discrete && !q.eventShape.length) return { value: summed(q, p), standardError: 0, exact: true };
  return monteCarlo(q, p, draws, seed);
}

const told = new Set<string>();

/**
 * KL(q‖p) = E_q log(q/p) in nats, for each element where parameters are arrays. Where no formula is known it is a Monte Carlo mean over
 * 10,000 draws, and says so once on the console; `klEstimate` gives the standard error.
 */
export function klDivergence(q: Distribution, p: Distribution): Numbers {
  check("klDivergence(q, p)", q, p);
  const known = closedForm(q, p);
  if (known !== null) return known;
  const { value, exact, standardError } = klEstimate(q, p);
  const pair = `${q.structure} and ${p.structure}`;
  if (!exact && !told.has(pair)) {
    told.add(pair);
    console.warn(
      `klDivergence(q, p): no formula for ${pair}; the value is a Monte Carlo mean (standard error ${standardError.toPrecision(2)} here), see klEstimate`,
    );
  }
  return value;
}

function check(label: string, q: Distribution, p: Distribution): void {
  if (!(q instanceof Distribution)) throw typeError(`${label}: q`, "a distribution", q);
  if (!(p instanceof Distribution)) throw typeError(`${label}: p`, "a distribution", p);
  const shape = (d: Distribution): string => `[${d.eventShape.join(", ")}]`;
  if (q.discrete !== p.discrete || shape(q) !== shape(p))
    throw new TypeError(
      `${label}: expected distributions of one kind, got ${q.name} over ${q.support.expected}, ${shape(q)}, and ${p.name} over ${p.support.expected}, ${shape(p)}`,
    );
  const [a, b] = [q.batchShape, p.batchShape];
  if (a.length && b.length && a.join() !== b.join())
    throw new RangeError(`${label}: expected equal shapes, got [${a.join(", ")}] and [${b.join(", ")}]`);
}
