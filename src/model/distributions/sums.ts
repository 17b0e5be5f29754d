// Expectations of counts as sums over the support, outwards from the bulk until what is left cannot matter: entropies without a closed
// form, and the distribution function of beta-binomials. Log probabilities that would be small differences of large logarithms are
// taken from Poisson ones in saddle-point form (Loader 2000), so that 1e-12 holds for any number of trials.

import * as g from "../../compile/arithmetic.js";
import { concat, type Node } from "../../compile/node.js";
import type { Distribution } from "../distribution.js";
import { apply, type Input, rowInput, scalarInput } from "../eager.js";
import { logProbs } from "../evaluation.js";
import { choose, clamp } from "./formulas.js";

const BLOCK = 4096;
/** Terms after which a sum is given up, within a second: standard deviations up to some 200,000. */
const MOST = 2 ** 22;

/** Terms added with what each addition rounds away (Neumaier 1974). */
export class Sum {
  #sum = 0;
  #rest = 0;
  add(x: number): void {
    const next = this.#sum + x;
    this.#rest += Math.abs(this.#sum) >= Math.abs(x) ? this.#sum - next + x : x - next + this.#sum;
    this.#sum = next;
  }
  get value(): number {
    return this.#sum + this.#rest;
  }
}

/** Probabilities and values of the counts `k`: [p₀, f₀, p₁, f₁, …]. */
type Terms = (k: Float64Array) => Float64Array;

/** Σ p(k)·f(k) over low…high, from `start`, near the mean of a single peak, up and then down; null after too many terms. */
export function sumOutwards(terms: Terms, start: number, low: number, high: number): number | null {
  const total = new Sum();
  let left = MOST;
  const from = Math.min(Math.max(Math.floor(start), low), high);
  for (const up of [true, false])
    for (let at = up ? from : from - 1; up ? at <= high : at >= low; ) {
      const n = Math.min(BLOCK, up ? high - at + 1 : at - low + 1);
      left -= n;
      if (left < 0) return null;
      const pairs = terms(Float64Array.from({ length: n }, (_, i) => (up ? at + i : at - i)));
      let added = 0;
      let size = 0;
      for (let i = 0; i < n; i++) {
        const p = pairs[2 * i]!;
        if (!p) continue;
        const x = p * pairs[2 * i + 1]!;
        added += p;
        size += Math.abs(x);
        total.add(x);
      }
      // Probabilities fall from the mean on, at the latest from where they rise no more: a block that adds nothing is the last.
      if (added < 1e-19 && size <= 1e-17 * Math.abs(total.value)) break;
      at += up ? n : -n;
    }
  return total.value;
}

/** δ(k) = log k! − (k log k − k), for k ≥ 0. */
function stirling(k: Node): Node {
  const large = g.max(k, 16);
  const u = g.reciprocal(large);
  const u2 = g.square(u);
  let series: Node = g.toNode(1 / 156);
  for (const c of [-691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12])
    series = g.add(c, g.mul(u2, series));
  const far = g.add(g.mul(0.5, g.log(g.mul(2 * Math.PI, large))), g.mul(u, series));
  const small = g.min(k, 16);
  const near = g.add(g.sub(g.lgamma(g.add(small, 1)), g.mul(small, g.log(g.max(small, 1e-300)))), small);
  return choose(g.less(16, k), far, near);
}

/** log(e^{−m} mᵏ / k!) for k ≥ 0, m > 0: −δ(k) − (k log(k/m) − k + m), without cancellation where k is near m. */
function logPoisson(k: Node, m: Node): Node {
  const d = g.sub(k, m);
  const v = g.div(d, g.add(k, m));
  const w = clamp(v, -0.1, 0.1);
  const w2 = g.square(w);
  let series: Node = g.toNode(1 / 19);
  for (let j = 17; j >= 3; j -= 2) series = g.add(1 / j, g.mul(w2, series));
  const near = g.add(g.mul(d, w), g.mul(g.mul(2, k), g.mul(g.mul(w, w2), series)));
  const far = g.sub(g.mul(k, g.log(g.div(g.max(k, 1e-300), m))), d);
  return g.neg(g.add(stirling(k), choose(g.less(g.abs(v), 0.1), near, far)));
}

/** log of (n choose x) pˣ qⁿ⁻ˣ, n and x not necessarily whole. */
const logBinomial = (x: Node, n: Node, p: Node, q: Node): Node =>
  g.sub(g.add(logPoisson(x, g.mul(n, p)), logPoisson(g.sub(n, x), g.mul(n, q))), logPoisson(n, n));

/** Terms of E f(k) for a log probability and an f that are graphs; `name` says which. */
function graphTerms(
  name: string,
  build: (k: Node, ...parameters: readonly Node[]) => readonly [logP: Node, f: Node],
  ...parameters: readonly number[]
): Terms {
  const inputs: Input[] = parameters.map(scalarInput);
  return (k) =>
    apply(
      `sum ${name}`,
      ([x, ...p]) => {
        const [logP, f] = build(x!, ...p);
        return concat([g.exp(logP), f]);
      },
      [rowInput(k), ...inputs],
      k.length,
    );
}

/** The sum, or an error that names the family. */
function whole(name: string, sum: number | null): number {
  if (sum === null)
    throw new RangeError(`${name}.entropy: expected a sum of at most 2^22 terms; this spread needs more`);
  return sum;
}

export function poissonEntropy(rate: number): number {
  if (rate === 0) return 0;
  const terms = graphTerms(
    "poisson entropy",
    (k, m) => {
      const l = logPoisson(k, m!);
      return [l, g.neg(l)];
    },
    rate,
  );
  return whole("poisson", sumOutwards(terms, rate, 0, Number.POSITIVE_INFINITY));
}

export function binomialEntropy(n: number, p: number): number {
  if (n === 0 || p === 0 || p === 1) return 0;
  const terms = graphTerms(
    "binomial entropy",
    (k, trials, a, b) => {
      const l = logBinomial(k, trials!, a!, b!);
      return [l, g.neg(l)];
    },
    n,
    p,
    1 - p,
  );
  return whole("binomial", sumOutwards(terms, n * p, 0, n));
}

/** P(k) is φ/(φ + k) times the binomial probability of φ in φ + k. */
export function negativeBinomialEntropy(mean: number, phi: number): number {
  const terms = graphTerms(
    "negativeBinomial entropy",
    (k, f, a, b) => {
      const n = g.add(f!, k);
      const l = g.sub(logBinomial(f!, n, a!, b!), g.log1p(g.div(k, f!)));
      return [l, g.neg(l)];
    },
    phi,
    phi / (mean + phi),
    mean / (mean + phi),
  );
  return whole("negativeBinomial", sumOutwards(terms, mean, 0, Number.POSITIVE_INFINITY));
}

/**
 * Counts x of a multinomial have log P(x) = Σ log Poisson(xᵢ; n pᵢ) − log Poisson(n; n), and each xᵢ is binomial: sums over one
 * count at a time give the entropy.
 */
export function multinomialEntropy(n: number, probabilities: Float64Array): number {
  if (n === 0) return 0;
  const total = new Sum();
  total.add(-apply("stirling", ([x]) => stirling(x!), [scalarInput(n)], 1)[0]!);
  for (const p of probabilities) {
    if (p === 0) continue;
    if (p === 1) return 0;
    const terms = graphTerms(
      "multinomial entropy",
      (k, trials, a, b) => [logBinomial(k, trials!, a!, b!), g.neg(logPoisson(k, g.mul(trials!, a!)))],
      n,
      p,
      1 - p,
    );
    total.add(whole("multinomial", sumOutwards(terms, n * p, 0, n)));
  }
  return total.value;
}

/** −Σ p log p of a univariate discrete distribution with numbers for parameters, by its own log density. */
export function densityEntropy(d: Distribution, mean: number): number {
  const { low, high } = d.support;
  return whole(d.name, sumOutwards(ownTerms(d), mean, low, high));
}

function ownTerms(d: Distribution): Terms {
  return (k) => {
    const l = logProbs(d, { values: k, shape: [k.length] }) as Float64Array;
    return apply("sum of a density", ([x]) => concat([g.exp(x!), g.neg(x!)]), [rowInput(l)], k.length);
  };
}

/**
 * P(X ≤ k): probabilities relative to that of k by their ratios alone, added up on either side. Only sums and products of positive
 * numbers, so that the relative error is that of n additions.
 */
export function betaBinomialCdf(k: number, n: number, a: number, b: number): number {
  if (!(k < n)) return Number.isNaN(k) ? k : 1;
  if (k < 0) return 0;
  let unit = 1;
  let below = 0;
  let above = 0;
  const within = (term: number, sum: number): boolean => term > 1e-20 * sum;
  for (let j = k, term = 1; ; j--) {
    below += term;
    if (j === 0 || !within(term, below)) break;
    term *= (j * (n - j + b)) / ((n - j + 1) * (j - 1 + a));
    if (term > 1e250) {
      term *= 1e-250;
      below *= 1e-250;
      unit *= 1e-250;
    }
  }
  for (let j = k, term = unit; j < n && within(term, below + above); j++) {
    term *= ((n - j) * (j + a)) / ((j + 1) * (n - j - 1 + b));
    above += term;
    if (term > 1e250) {
      term *= 1e-250;
      below *= 1e-250;
      above *= 1e-250;
    }
  }
  return below / (below + above);
}
