// Means, variances and entropies of univariate distributions that have no formula for them: sums over counts, and quadrature of densities
// in a variable in which they decay fast on both sides (the logarithm of the distance from an end, the inverse hyperbolic sine on the
// line). Both start from quantiles, so that no narrow peak is missed, and the density is normalised on the way.

import * as g from "../compile/arithmetic.js";
import { constant, data, eventSize } from "../compile/node.js";
import type { Distribution } from "./distribution.js";
import { integrateLine } from "./distributions/quadrature.js";
import { log } from "./distributions/scalar.js";
import { sumOutwards } from "./distributions/sums.js";
import { apply, rowInput } from "./eager.js";
import { logProbs, type Moment, type Numbers, numbersOf, quantile } from "./evaluation.js";

const INF = Number.POSITIVE_INFINITY;
const LEVELS = Float64Array.of(0.001, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 0.999);
/** Values per call of a compiled function: one program serves all. */
const BLOCK = 256;

/** f of each of the distributions that arrays of parameters make. */
export function forElements(d: Distribution, what: string, f: (element: Distribution, i: number) => number): Numbers {
  const numbers = numbersOf(d, what);
  const result = Float64Array.from({ length: eventSize(d.batchShape) }, (_, i) => {
    const nodes = d.parameters.map(({ shape }, j) =>
      !shape.length
        ? constant(numbers[j]![0]!)
        : d.perElement[j]
          ? constant(numbers[j]![i]!)
          : data(numbers[j]!, null, shape),
    );
    return f(d.withParameters(nodes), i);
  });
  return d.batchShape.length ? result : result[0]!;
}

/** `f` in calls of BLOCK values; the last one repeats its last value. */
function inBlocks(x: Float64Array, f: (block: Float64Array) => Float64Array): Float64Array {
  const out = new Float64Array(x.length);
  for (let from = 0; from < x.length; from += BLOCK) {
    const part = x.subarray(from, from + BLOCK);
    const block = new Float64Array(BLOCK).fill(part.at(-1)!);
    block.set(part);
    out.set(f(block).subarray(0, part.length), from);
  }
  return out;
}
const exps = (x: Float64Array): Float64Array =>
  inBlocks(x, (block) => apply("exp", ([node]) => g.exp(node!), [rowInput(block)], BLOCK));
/** Log densities of one distribution at many values. */
export const logDensities = (d: Distribution, x: Float64Array): Float64Array =>
  inBlocks(x, (block) => logProbs(d, { values: block, shape: [BLOCK] }) as Float64Array);

/** Values around which the bulk lies, in increasing order. */
function landmarks(d: Distribution): number[] {
  const [low, high] = d.ends;
  let marks: number[];
  if (d.cdfOf(constant(0))) marks = Array.from(quantile(d, LEVELS, [LEVELS.length]) as Float64Array);
  else {
    const mean = d.mean() as number;
    const spread = Math.sqrt(2 * (d.variance() as number));
    marks = [-3, -2, -1, -0.5, 0, 0.5, 1, 2, 3].map((z) => mean + z * spread);
  }
  const inside = marks.filter((x, i) => x > low && x < high && x !== marks[i - 1]);
  if (inside.length > 2) return inside;
  throw new RangeError(`${d.name}: expected a density whose quantiles are distinct numbers`);
}

/** An increasing map of the line onto the support, so that what is integrated decays at least like e^−|t|. */
interface Change {
  readonly from: (x: number) => number;
  /** x and dx/dt, given e^t. */
  readonly at: (e: number) => readonly [x: number, slope: number];
}

function changeOf([low, high]: readonly [number, number], marks: readonly number[]): Change {
  const middle = marks[Math.floor(marks.length / 2)]!;
  if (low > -INF && high < INF) {
    const width = high - low;
    return {
      from: (x) => log((x - low) / (high - x)),
      at: (e) => {
        const small = e < 1 ? e / (1 + e) : 1 / (1 + e);
        return [e < 1 ? low + width * small : high - width * small, (width * small) / (e < 1 ? 1 + e : 1 + 1 / e)];
      },
    };
  }
  if (low > -INF) {
    const s = middle - low;
    return { from: (x) => log((x - low) / s), at: (e) => [low + s * e, s * e] };
  }
  if (high < INF) {
    const s = high - middle;
    return { from: (x) => -log((high - x) / s), at: (e) => [high - s / e, s / e] };
  }
  const s = (marks.at(-1)! - marks[0]!) / 8;
  return {
    from: (x) => {
      const z = Math.abs(x - middle) / s;
      return Math.sign(x - middle) * log(z + Math.sqrt(1 + z * z));
    },
    at: (e) => [middle + 0.5 * s * (e - 1 / e), 0.5 * s * (e + 1 / e)],
  };
}

type Functions = (x: Float64Array, logP: Float64Array) => readonly Float64Array[];

/** E f(X) for each f of a continuous distribution; `kinks` are values where f may be no smooth function. */
function integrals(d: Distribution, f: Functions, kinks: readonly number[]): { logMass: number; values: number[] } {
  const marks = landmarks(d);
  const [low, high] = d.ends;
  const change = changeOf(d.ends, marks);
  const all = [...marks, ...kinks.filter((x) => x > low && x < high)].sort((a, b) => a - b);
  const cuts = all.map(change.from).filter((t, i, ts) => i === 0 || t > ts[i - 1]!);
  const [mass, ...values] = integrateLine((t) => {
    const x = new Float64Array(t.length);
    const slope = new Float64Array(t.length);
    exps(t).forEach((e, i) => {
      [x[i], slope[i]] = change.at(e) as [number, number];
    });
    const logP = logDensities(d, x);
    const p = exps(logP).map((y, i) => (Number.isFinite(y) && Number.isFinite(slope[i]!) ? y * slope[i]! : 0));
    return [p, ...f(x, logP).map((values) => values.map((y, i) => (p[i] ? p[i]! * y : 0)))];
  }, cuts);
  // A mass that is far from 1 would mean that the density was not seen as it is.
  if (!(Math.abs(mass! - 1) < 1e-6))
    throw new RangeError(`${d.name}: expected a density that integrates to 1, got ${mass} by quadrature`);
  return { logMass: log(mass!), values: values.map((v) => v / mass!) };
}

function summed(d: Distribution, start: number, f: (x: Float64Array, logP: Float64Array) => Float64Array): number {
  const [low, high] = d.ends;
  const total = sumOutwards(
    (k) => {
      const logP = logProbs(d, { values: k, shape: [k.length] }) as Float64Array;
      const p = apply("exp", ([node]) => g.exp(node!), [rowInput(logP)], k.length);
      const values = f(k, logP);
      return Float64Array.from({ length: 2 * k.length }, (_, i) =>
        i % 2 ? (p[i >> 1] ? values[i >> 1]! : 0) : p[i >> 1]!,
      );
    },
    start,
    low,
    high,
  );
  if (total === null) throw new RangeError(`${d.name}: expected a sum of at most 2^22 terms; this spread needs more`);
  return total;
}

const negative = (x: Float64Array): Float64Array => x.map((v) => -v);

/** A moment of one univariate distribution with numbers for parameters, by its density alone. */
export function byDensity(d: Distribution, which: Moment): number {
  const middle = quantile(d, Float64Array.of(0.5), []) as number;
  const squares = (center: number) => (x: Float64Array) => x.map((v) => (v - center) ** 2);
  if (d.discrete) {
    if (which === "entropy") return summed(d, middle, (_x, logP) => negative(logP));
    const mean = middle + summed(d, middle, (x) => x.map((v) => v - middle));
    return which === "mean" ? mean : summed(d, middle, squares(mean));
  }
  if (which === "entropy") {
    const { logMass, values } = integrals(d, (_x, logP) => [negative(logP)], []);
    return values[0]! + logMass;
  }
  const { values } = integrals(d, (x) => [x.map((v) => v - middle), squares(middle)(x)], []);
  return which === "mean" ? middle + values[0]! : values[1]! - values[0]! ** 2;
}

/** −E log p(X) for X of the distribution q; `kinks` as above. */
export function crossEntropy(q: Distribution, p: Distribution, kinks: readonly number[]): number {
  if (q.discrete)
    return summed(
      q,
      q.cdfOf(constant(0)) ? (quantile(q, Float64Array.of(0.5), []) as number) : (q.mean() as number),
      (x) => negative(logProbs(p, { values: x, shape: [x.length] }) as Float64Array),
    );
  return integrals(q, (x) => [negative(logDensities(p, x))], kinks).values[0]!;
}
