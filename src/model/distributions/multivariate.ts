// Families whose value is a vector, or an integer that points into one.

import { Sampler } from "../../../assembly/samplers.js";
import * as g from "../../compile/arithmetic.js";
import * as rules from "../../compile/densities.js";
import { logProb } from "../../compile/density.js";
import { concat, type Node, slice, softmax, sumEvent } from "../../compile/node.js";
import { type Distribution, family, kinds } from "../distribution.js";
import type { Value } from "../expression.js";
import { fillSamples, type Generator, part } from "../sampler.js";
import { countVector, integersTo, realVector, simplex } from "../support.js";
import { lowRankLogDet } from "./factors.js";
import * as f from "./formulas.js";
import { digamma, LOG_2PI, lgamma, log } from "./scalar.js";
import { factor, probabilities, scalar, vector } from "./shapes.js";
import { multinomialEntropy } from "./sums.js";

const { real: number, positive: above0, probability, count: whole } = kinds;

const sumOf = (x: Float64Array): number => x.reduce((a, b) => a + b, 0);
const xlogx = (x: number): number => (x === 0 ? 0 : x * log(x));
const probabilityEntropy = (p: Float64Array): number => -p.reduce((a, x) => a + xlogx(x), 0);
/** Mean and variance of an integer with these probabilities. */
function integerMean(p: Float64Array): number {
  return p.reduce((a, x, k) => a + k * x, 0);
}
function integerVariance(p: Float64Array): number {
  const mean = integerMean(p);
  return p.reduce((a, x, k) => a + (k - mean) ** 2 * x, 0);
}

/** Diagonal of L Lᵀ, of the inverse of C Cᵀ where `inverse` is set. */
function diagonal(tril: Float64Array, inverse = false): Float64Array {
  const k = Math.sqrt(tril.length);
  const result = new Float64Array(k);
  for (let i = 0; i < k; i++) {
    if (!inverse) for (let j = 0; j <= i; j++) result[i]! += tril[i * k + j]! ** 2;
    else {
      // Column i of C⁻¹ by forward substitution.
      const column = new Float64Array(k);
      for (let r = i; r < k; r++) {
        let x = r === i ? 1 : 0;
        for (let j = i; j < r; j++) x -= tril[r * k + j]! * column[j]!;
        column[r] = x / tril[r * k + r]!;
        result[i]! += column[r]! ** 2;
      }
    }
  }
  return result;
}
const logDiagonal = (tril: Float64Array): number => {
  const k = Math.sqrt(tril.length);
  let sum = 0;
  for (let i = 0; i < k; i++) sum += log(tril[i * k + i]!);
  return sum;
};

/** out[row] = loc + L·out[row] for standard rows, or loc + C⁻ᵀ·out[row] where `precision` is set; times `scales[row]`. */
function spread(
  out: Float64Array,
  loc: Float64Array,
  tril: Float64Array,
  precision: boolean,
  scales?: Float64Array,
): void {
  const k = loc.length;
  for (let at = 0, row = 0; at < out.length; at += k, row++) {
    if (precision)
      for (let i = k - 1; i >= 0; i--) {
        let x = out[at + i]!;
        for (let j = i + 1; j < k; j++) x -= tril[j * k + i]! * out[at + j]!;
        out[at + i] = x / tril[i * k + i]!;
      }
    else
      for (let i = k - 1; i >= 0; i--) {
        let x = 0;
        for (let j = 0; j <= i; j++) x += tril[i * k + j]! * out[at + j]!;
        out[at + i] = x;
      }
    const scale = scales?.[row] ?? 1;
    for (let i = 0; i < k; i++) out[at + i] = loc[i]! + scale * out[at + i]!;
  }
}

const ZERO = Float64Array.of(0);
const ONE = Float64Array.of(1);
const normals = (out: Float64Array, generator: Generator): void =>
  fillSamples(Sampler.Normal, [ZERO, ONE], out, generator);

/** P(y = j) of ordered logistic: differences of sigmoids, each taken on the side where it is small. */
function orderedProbabilities(location: Node, cutpoints: Node): Node {
  const k = cutpoints.shape[0]!;
  const u = Array.from({ length: k }, (_, j) => g.sub(slice(cutpoints, j, []), location));
  return concat([
    g.sigmoid(u[0]!),
    ...u.slice(1).map((b, j) => {
      const a = u[j]!;
      // σ(b) − σ(a) = σ(b) σ(−a) (1 − e^{a − b})
      return f.clamp(g.neg(g.mul(g.mul(g.sigmoid(b), g.sigmoid(g.neg(a))), g.expm1(g.sub(a, b)))), 0, 1);
    }),
    g.sigmoid(g.neg(u[k - 1]!)),
  ]);
}

const make = {
  dirichlet: family(() => ({
    name: "dirichlet",
    rule: rules.dirichlet,
    parameters: { concentration: above0 },
    support: simplex,
    eventShape: ([a]) => a!.shape,
    validate: (label, [a]) => vector(`${label}: concentration`, a!, 2),
    draw: (_n, out, generator, [a]) => fillSamples(Sampler.Dirichlet, [a!], out, generator, a!.length),
    moments: {
      mean: (a) => a.map((x) => x / sumOf(a)),
      variance: (a) => a.map((x) => ((x / sumOf(a)) * (1 - x / sumOf(a))) / (sumOf(a) + 1)),
      entropy: (a) => {
        const total = sumOf(a);
        let h = (total - a.length) * digamma(total) - lgamma(total);
        for (const x of a) h += lgamma(x) - (x - 1) * digamma(x);
        return h;
      },
    },
  })),
  categorical: family(() => ({
    name: "categorical",
    rule: rules.categorical,
    parameters: { probabilities: probability },
    support: ([p]) => integersTo(p!.shape[0]! - 1),
    validate: (label, [p]) => probabilities(`${label}: probabilities`, p!, 2),
    draw: (_n, out, generator, [p]) => fillSamples(Sampler.Categorical, [p!], out, generator, p!.length),
    cdf: (k, p) => {
      // Each class that k has reached adds its probability; the last one makes it 1.
      const classes = p.shape[0]!;
      const held = f.heldCount(k, classes);
      let sum: Node = g.mul(0, held);
      for (let j = 0; j < classes - 1; j++) sum = g.add(sum, g.mul(f.oneMinus(g.less(held, j)), slice(p, j, [])));
      return f.choose(g.less(held, classes - 1), g.min(sum, 1), g.add(1, g.mul(0, held)));
    },
    moments: { mean: integerMean, variance: integerVariance, entropy: probabilityEntropy },
  })),
  categoricalLogit: family(() => ({
    name: "categoricalLogit",
    rule: rules.categoricalLogit,
    parameters: { logits: number },
    support: ([logits]) => integersTo(logits!.shape[0]! - 1),
    validate: (label, [logits]) => vector(`${label}: logits`, logits!, 2),
    as: (logits): Distribution => make.categorical.of(softmax(logits)),
  })),
  orderedLogistic: family(() => ({
    name: "orderedLogistic",
    rule: rules.orderedLogistic,
    parameters: { location: number, cutpoints: number },
    support: ([, cutpoints]) => integersTo(cutpoints!.shape[0]!),
    validate: (label, [location, cutpoints]) => {
      scalar(`${label}: location`, location!);
      vector(`${label}: cutpoints`, cutpoints!);
      cutpoints!.values?.forEach((c, i, all) => {
        if (i && !(c > all[i - 1]!))
          throw new RangeError(`${label}: cutpoints[${i}]: expected a number above ${all[i - 1]}, got ${c}`);
      });
    },
    as: (location, cutpoints): Distribution => make.categorical.of(orderedProbabilities(location, cutpoints)),
  })),
  multinomial: family(() => ({
    name: "multinomial",
    rule: rules.multinomial,
    // The rule takes the counts and the probabilities; counts that do not add up to the trials are off the support.
    term: (x, trials, p) => ({
      density: logProb(rules.multinomial, [x, p]),
      value: g.log(g.less(g.abs(g.sub(sumEvent(x), trials)), 0.5)),
    }),
    parameters: { trials: whole, probabilities: probability },
    support: countVector,
    eventShape: ([, p]) => p!.shape,
    validate: (label, [trials, p]) => {
      scalar(`${label}: trials`, trials!);
      probabilities(`${label}: probabilities`, p!, 2);
    },
    draw: (_n, out, generator, [trials, p]) =>
      fillSamples(Sampler.Multinomial, [trials!, p!], out, generator, p!.length),
    moments: {
      mean: (n, p) => p.map((x) => n[0]! * x),
      variance: (n, p) => p.map((x) => n[0]! * x * (1 - x)),
      entropy: (n, p) => multinomialEntropy(n[0]!, p),
    },
  })),
  multivariateNormal: family(() => ({
    name: "multivariateNormal",
    rule: rules.multivariateNormal,
    parameters: { loc: number, scaleTril: number },
    support: realVector,
    eventShape: ([loc]) => loc!.shape,
    validate: (label, [loc, tril]) => factor(label, "scaleTril", loc!, tril!),
    draw: (_n, out, generator, [loc, tril]) => {
      normals(out, generator);
      spread(out, loc!, tril!, false);
    },
    moments: {
      mean: (loc) => loc.slice(),
      variance: (_loc, tril) => diagonal(tril),
      entropy: (loc, tril) => 0.5 * loc.length * (1 + LOG_2PI) + logDiagonal(tril),
    },
  })),
  multivariateNormalPrecision: family(() => ({
    name: "multivariateNormalPrecision",
    rule: rules.multivariateNormalPrecision,
    parameters: { loc: number, precisionTril: number },
    support: realVector,
    eventShape: ([loc]) => loc!.shape,
    validate: (label, [loc, tril]) => factor(label, "precisionTril", loc!, tril!),
    draw: (_n, out, generator, [loc, tril]) => {
      normals(out, generator);
      spread(out, loc!, tril!, true);
    },
    moments: {
      mean: (loc) => loc.slice(),
      variance: (_loc, tril) => diagonal(tril, true),
      entropy: (loc, tril) => 0.5 * loc.length * (1 + LOG_2PI) - logDiagonal(tril),
    },
  })),
  multivariateNormalLowRank: family(() => ({
    name: "multivariateNormalLowRank",
    rule: rules.multivariateNormalLowRank,
    parameters: { loc: number, factor: number, diagonal: above0 },
    support: realVector,
    eventShape: ([loc]) => loc!.shape,
    validate: (label, [loc, w, diagonal]) => {
      vector(`${label}: loc`, loc!);
      const k = loc!.shape[0]!;
      if (w!.shape.length !== 2 || w!.shape[0] !== k)
        throw new RangeError(`${label}: factor: expected shape [${k}, rank], got [${w!.shape.join(", ")}]`);
      if (diagonal!.shape.length !== 1 || diagonal!.shape[0] !== k)
        throw new RangeError(`${label}: diagonal: expected shape [${k}], got [${diagonal!.shape.join(", ")}]`);
    },
    draw: (n, out, generator, [loc, w, diagonal]) => {
      const k = loc!.length;
      const rank = w!.length / k;
      normals(out, generator);
      const common = new Float64Array(n * rank);
      normals(common, part(generator, 1));
      for (let i = 0; i < out.length; i++) {
        const [row, at] = [Math.floor(i / k), i % k];
        let x = loc![at]! + Math.sqrt(diagonal![at]!) * out[i]!;
        for (let r = 0; r < rank; r++) x += w![at * rank + r]! * common[row * rank + r]!;
        out[i] = x;
      }
    },
    moments: {
      mean: (loc) => loc.slice(),
      variance: (loc, w, diagonal) => {
        const rank = w.length / loc.length;
        return diagonal.map((d, i) => {
          let x = d;
          for (let r = 0; r < rank; r++) x += w[i * rank + r]! ** 2;
          return x;
        });
      },
      entropy: (loc, w, diagonal) => 0.5 * (loc.length * (1 + LOG_2PI) + lowRankLogDet(w, diagonal)),
    },
  })),
  multivariateStudentT: family(() => ({
    name: "multivariateStudentT",
    rule: rules.multivariateStudentT,
    parameters: { df: above0, loc: number, scaleTril: number },
    support: realVector,
    eventShape: ([, loc]) => loc!.shape,
    validate: (label, [df, loc, tril]) => {
      scalar(`${label}: df`, df!);
      factor(label, "scaleTril", loc!, tril!);
    },
    draw: (n, out, generator, [df, loc, tril]) => {
      normals(out, generator);
      const scales = new Float64Array(n);
      fillSamples(Sampler.ChiSquare, [df!], scales, part(generator, 1));
      spread(
        out,
        loc!,
        tril!,
        false,
        scales.map((x) => Math.sqrt(df![0]! / x)),
      );
    },
    moments: {
      mean: (df, loc) => loc.map((x) => (df[0]! > 1 ? x : Number.NaN)),
      variance: (df, _loc, tril) => {
        const nu = df[0]!;
        const factor = nu > 2 ? nu / (nu - 2) : nu > 1 ? Number.POSITIVE_INFINITY : Number.NaN;
        return diagonal(tril).map((x) => factor * x);
      },
      entropy: (df, loc, tril) => {
        const nu = df[0]!;
        const k = loc.length;
        const half = 0.5 * (nu + k);
        return (
          half * (digamma(half) - digamma(0.5 * nu)) -
          (lgamma(half) - lgamma(0.5 * nu)) +
          0.5 * k * log(nu * Math.PI) +
          logDiagonal(tril)
        );
      },
    },
  })),
};

/** Dirichlet over simplexes, with a vector of concentrations. */
export const dirichlet = (concentration: Value): Distribution => make.dirichlet(concentration);
/** An integer in 0..K−1 with the given probabilities [K]. */
export const categorical = (probabilities: Value): Distribution => make.categorical(probabilities);
/** Counts [K] of `trials` draws with the given probabilities [K]. */
export const multinomial = (trials: Value, probabilities: Value): Distribution =>
  make.multinomial(trials, probabilities);
/** An integer in 0..K−1 with probabilities softmax(logits). */
export const categoricalLogit = (logits: Value): Distribution => make.categoricalLogit(logits);
/** An integer in 0..K for K increasing cutpoints: P(y ≤ j) = sigmoid(cutpoints[j] − location). */
export const orderedLogistic = (location: Value, cutpoints: Value): Distribution =>
  make.orderedLogistic(location, cutpoints);
/** Normal vector with mean `loc` [K] and covariance L·Lᵀ, L = `scaleTril` [K × K], lower triangular. */
export const multivariateNormal = (loc: Value, scaleTril: Value): Distribution =>
  make.multivariateNormal(loc, scaleTril);
/** Normal vector with mean `loc` [K] and precision C·Cᵀ, C = `precisionTril` [K × K], lower triangular. */
export const multivariateNormalPrecision = (loc: Value, precisionTril: Value): Distribution =>
  make.multivariateNormalPrecision(loc, precisionTril);
/**
 * Normal vector with mean `loc` [K] and covariance diag(diagonal) + factor·factorᵀ: `factor` [K × R], `diagonal` [K] variances.
 */
export const multivariateNormalLowRank = (loc: Value, factor: Value, diagonal: Value): Distribution =>
  make.multivariateNormalLowRank(loc, factor, diagonal);
/** Student's t vector with `df` degrees of freedom, location [K] and scale matrix L·Lᵀ, L = `scaleTril`. */
export const multivariateStudentT = (df: Value, loc: Value, scaleTril: Value): Distribution =>
  make.multivariateStudentT(df, loc, scaleTril);
