// Random models in the modelling language, from a seed: plates of odd sizes, latents of all supports and shapes in and outside
// them, chains of operations over what there is, and terms of every kind. Values are kept tame (everything passes through bounded
// functions now and then), so that an error of the engine is not hidden behind an ill-conditioned model.

import type { ModelContext, PlateHandle } from "../src/index.js";
import * as v from "../src/index.js";
import { Random } from "./random-values.js";

type Expression = v.Expression;
type Distribution = v.Distribution;

export interface RandomModelOptions {
  /** Whether plates may be subsampled: "no", in batches of any size, or "whole" (declared subsampled, of one batch). */
  readonly subsample: boolean;
}

const tame = (x: Expression): Expression => v.tanh(x);
const positive = (x: Expression): Expression => tame(x).exp();
const probability = (x: Expression): Expression => v.sigmoid(tame(x).mul(2));

class Builder {
  readonly #random: Random;
  readonly #plates: PlateHandle[] = [];
  /** Plates of which only a batch is there at a time: nothing may point into them or add up their rows. */
  readonly #subsampled = new Set<PlateHandle>();
  readonly #pool: Expression[] = [];
  #sites = 0;

  constructor(
    readonly context: ModelContext,
    seed: number,
    readonly options: RandomModelOptions,
  ) {
    this.#random = new Random(seed);
  }

  build(): void {
    const { chance, integer } = this.words;
    for (let k = integer(1, 3); k > 0; k--) this.#plate();
    for (let k = integer(2, 5); k > 0; k--) {
      this.#latent();
      for (let j = integer(0, 3); j > 0; j--) this.#operation();
    }
    for (let k = integer(2, 6); k > 0; k--) this.#operation();
    for (let k = integer(1, 4); k > 0; k--) this.#observe();
    for (let k = integer(0, 3); k > 0; k--) this.#factor();
    if (chance(0.7)) this.context.deterministic(this.#name(), this.#any());
    if (chance(0.3)) this.context.deterministic(this.#name(), this.#shaped(this.#anyPlate(), []));
  }

  get words(): { chance: (p: number) => boolean; integer: (low: number, high: number) => number } {
    const random = this.#random;
    return { chance: (p) => random.chance(p), integer: (low, high) => random.integer(low, high) };
  }

  #name(): string {
    return `s${this.#sites++}`;
  }

  #plate(): void {
    const r = this.#random;
    const size = r.pick([1, 2, 3, 5, 6, 7, 8, 9, 12, 13, 16, 17, 25, 33]);
    const batch = r.pick([1, 2, 3, 4, 7, 8, 9, size]);
    const subsample = this.options.subsample && r.chance(0.6) && batch <= size;
    const plate = this.context.plate(`p${this.#plates.length}`, size, subsample ? { subsample: batch } : {});
    this.#plates.push(plate);
    if (plate.plate.subsampled) this.#subsampled.add(plate);
  }

  #anyPlate(): PlateHandle | null {
    return this.#random.chance(0.6) ? this.#random.pick(this.#plates) : null;
  }

  #of(x: Expression): PlateHandle | null {
    return this.#plates.find((p) => p.plate === x.node.plate) ?? null;
  }

  #numbers(n: number, low = -1.5, high = 1.5): number[] {
    return Array.from({ length: n }, () => this.#random.uniform(low, high));
  }

  #shape(): number[] {
    const r = this.#random;
    const kind = r.integer(0, 5);
    if (kind < 3) return [];
    return kind < 5 ? [r.integer(1, 4)] : [r.integer(1, 3), r.integer(1, 3)];
  }

  /** Data of a plate, or an array outside plates. */
  #data(plate: PlateHandle | null, shape: readonly number[], low = -1.5, high = 1.5): Expression {
    const m = shape.reduce((a, b) => a * b, 1);
    if (plate) return plate.data(Float64Array.from(this.#numbers(plate.size * m, low, high)), shape);
    const values = this.#numbers(m, low, high);
    if (!shape.length) return v.add(values[0]!, 0);
    if (shape.length === 1) return v.add(values, 0);
    return v.add(
      Array.from({ length: shape[0]! }, (_, i) => values.slice(i * shape[1]!, (i + 1) * shape[1]!)),
      0,
    );
  }

  #any(): Expression {
    return this.#random.pick(this.#pool);
  }

  /** A value of the pool that fits into `plate` and `shape`, brought there from elsewhere if need be. */
  #shaped(plate: PlateHandle | null, shape: readonly number[]): Expression {
    const r = this.#random;
    const same = (x: Expression): boolean => x.shape.length === shape.length && x.shape.every((d, i) => d === shape[i]);
    for (let attempt = 0; attempt < 6; attempt++) {
      const x = r.pick([...this.#pool.slice(-4), ...this.#pool]);
      const from = this.#of(x);
      if (from && from !== plate) {
        // The rows of another plate, by an index, or their sum.
        if (this.#subsampled.has(from) || !(same(x) || !x.shape.length)) continue;
        if (plate && r.chance(0.8)) return x.at(plate.index(this.#indices(plate.size, from.size), from));
        if (!x.shape.length || same(x)) return tame(x.sumRows().mul(0.2));
        continue;
      }
      if (!x.shape.length || same(x)) return x;
      if (!shape.length) {
        if (x.shape.length === 1 && r.chance(0.4)) return v.logSumExp(x);
        if (x.shape.length === 1 && plate && !from && r.chance(0.5))
          return x.at(plate.index(this.#indices(plate.size, x.shape[0]!), x.shape[0]!));
        if (r.chance(0.5)) return x.sum().mul(0.3);
        return x.at(...x.shape.map((d) => r.integer(0, d - 1)));
      }
      if (x.shape.length === 2 && shape.length === 1 && x.shape[1] === shape[0])
        return x.at(r.integer(0, x.shape[0]! - 1));
    }
    return this.#data(plate, r.chance(0.5) ? shape : []);
  }

  #indices(n: number, limit: number): Int32Array {
    return Int32Array.from({ length: n }, () => this.#random.integer(0, limit - 1));
  }

  #latent(): void {
    const r = this.#random;
    const plate = this.#anyPlate();
    const name = this.#name();
    const where = plate ? { plate } : {};
    const sample = (prior: Distribution, options: v.SampleOptions = {}): Expression =>
      this.context.sample(name, prior, { ...where, ...options });
    const inside = (shape: readonly number[] = []): Expression => this.#shaped(r.chance(0.5) ? plate : null, shape);
    const mayDepend = this.#pool.length > 0;
    const loc = mayDepend && r.chance(0.6) ? inside() : r.uniform(-1, 1);
    const scale = mayDepend && r.chance(0.4) ? positive(inside()) : r.uniform(0.5, 2);
    const shape = this.#shape();
    const length = r.integer(2, 4);
    const makers: (() => Expression)[] = [
      () => sample(v.normal(loc, scale), { shape }),
      () => sample(v.normal(loc, scale), { shape }),
      () => sample(v.studentT(r.uniform(2, 9), loc, scale), { shape }),
      () =>
        sample(v.cauchy(loc, scale), {
          shape,
          support: r.pick([v.positive, v.lower(-1), v.upper(2), v.interval(-2, 3)]),
        }),
      () => sample(v.halfNormal(scale), { shape }),
      () => sample(v.gamma(scale, r.uniform(0.5, 2)), { shape }),
      () => sample(v.beta(r.uniform(0.7, 3), scale), { shape }),
      () => sample(v.uniform(-1, 2), { shape }),
      () => sample(v.truncated(v.gamma(scale, r.uniform(0.5, 2)), 0.5, r.pick([3, undefined])), { shape }),
      () => sample(v.truncated(v.studentT(scale, loc, 1.5), r.pick([-1, undefined]), 2), { shape }),
      () => sample(v.normal(loc, scale), { shape: [length], support: r.pick([v.ordered, v.positiveOrdered]) }),
      () => sample(v.dirichlet(this.#numbers(length, 0.6, 3))),
      () => sample(v.normal(v.add(this.#numbers(length), loc), scale)),
      () => sample(v.multivariateNormal(this.#numbers(length), this.#cholesky(length))),
      () => sample(v.flat(v.real), { shape }),
      () => sample(v.mixture([0.3, 0.7], [v.normal(loc, scale), v.logistic(1, 2)]), { shape }),
    ];
    this.#pool.push(r.pick(makers)());
  }

  #cholesky(k: number): number[][] {
    return Array.from({ length: k }, (_, i) =>
      Array.from({ length: k }, (_, j) =>
        j > i ? 0 : i === j ? this.#random.uniform(0.5, 2) : this.#random.uniform(-1, 1),
      ),
    );
  }

  #operation(): void {
    const r = this.#random;
    const x = r.pick([this.#any(), this.#any(), this.#shaped(this.#anyPlate(), this.#shape())]);
    const plate = this.#of(x);
    const vector = x.shape.length === 1;
    const other = (): Expression => this.#shaped(r.chance(0.5) ? plate : null, x.shape);
    const makers: (() => Expression)[] = [
      () => r.pick([v.sin, v.cos, v.tanh, v.sigmoid, v.softplus, v.logSigmoid, v.erf, v.ndtr])(x),
      () => r.pick([v.exp, v.expm1, v.square, v.neg])(tame(x)),
      () => r.pick([v.log, v.sqrt, v.lgamma, v.log1p])(positive(x)),
      () => v.abs(x.add(0.1)),
      () => x.add(other()),
      () => x.sub(other()),
      () => tame(x).mul(other()),
      () => tame(x.mul(r.uniform(-1, 1)).add(r.uniform(-1, 1))),
      () => x.div(positive(other())),
      () => v.div(r.pick([1, 2, 3]), positive(x)),
      () => v.pow(positive(x), tame(other())),
      () => r.pick([v.min, v.max, v.logAddExp])(x, other()),
      () => v.exp(v.log(positive(x)).mul(0.5)),
    ];
    if (vector)
      makers.push(
        () => v.cumulativeSum(x).mul(0.5),
        () => v.softmax(x),
        () => v.logSumExp(x),
        () => v.concat(x, other(), r.uniform(-1, 1)),
        () => v.dot(x, this.#sameShape(plate, x.shape)),
      );
    if (x.shape.length)
      makers.push(
        () => x.sum().mul(0.4),
        () => x.at(...x.shape.map((d) => r.integer(0, d - 1))),
      );
    else makers.push(() => v.concat(x, other(), x));
    if (x.shape.length === 2) makers.push(() => x.at(r.integer(0, x.shape[0]! - 1)));
    if (plate && !this.#subsampled.has(plate)) makers.push(() => tame(x.sumRows().mul(0.1)));
    if (!plate && x.shape.length) {
      // A data matrix times a vector or matrix of coefficients.
      const rows = r.pick(this.#plates);
      const product = (): Expression => tame(v.dot(this.#data(rows, [x.shape[0]!]), x).mul(0.5));
      makers.push(product, product, product);
    }
    this.#pool.push(r.pick(makers)());
  }

  /** A value of exactly this plate (or none) and shape. */
  #sameShape(plate: PlateHandle | null, shape: readonly number[]): Expression {
    const x = this.#shaped(plate, shape);
    return x.shape.length === shape.length ? x : x.add(this.#data(plate, shape));
  }

  #observe(): void {
    const r = this.#random;
    const plate = this.#anyPlate();
    const shape = r.chance(0.8) ? [] : [r.integer(1, 3)];
    const m = shape.reduce((a, b) => a * b, 1);
    // Parameters from outside the plate as often as from inside.
    const p = (): Expression => this.#shaped(r.chance(0.6) ? plate : null, r.chance(0.5) ? shape : []);
    const atLeast = (d: Distribution): readonly number[] => (d.eventShape.length ? d.eventShape : d.batchShape);
    const counts = (high: number): number[] => Array.from({ length: (plate?.size ?? 1) * m }, () => r.integer(0, high));
    const numbers = (low: number, high: number) => (): number[] => this.#numbers((plate?.size ?? 1) * m, low, high);
    /** Both bounds, or one of them; of values to be censored, a third on either side. */
    const bounds = (
      wrapper: typeof v.truncated,
      low: number,
      high: number,
    ): [number | undefined, number | undefined] => {
      const margin = wrapper === v.censored ? (high - low) / 3 : 0;
      const [a, b] = [low + margin, high - margin];
      return r.pick<[number | undefined, number | undefined]>([
        [a, b],
        [a, undefined],
        [undefined, b],
      ]);
    };
    const trials = r.integer(3, 9);
    const length = r.integer(2, 4);
    const whole = (): Expression => this.#sameShape(r.chance(0.5) ? plate : null, [length]);
    const families: (() => [Distribution, () => number[]])[] = [
      () => [v.normal(p(), positive(p())), numbers(-2, 2)],
      () => [v.normal(p(), r.uniform(0.5, 2)), numbers(-2, 2)],
      () => [v.studentT(positive(p()).add(1), p(), positive(p())), numbers(-2, 2)],
      () => [v.cauchy(p(), positive(p())), numbers(-2, 2)],
      () => [v.laplace(p(), positive(p())), numbers(-2, 2)],
      () => [v.logistic(p(), positive(p())), numbers(-2, 2)],
      () => [v.logNormal(p(), positive(p())), numbers(0.1, 3)],
      () => [v.halfNormal(positive(p())), numbers(0.1, 3)],
      () => [v.halfCauchy(positive(p())), numbers(0.1, 3)],
      () => [v.halfStudentT(r.uniform(1, 5), positive(p())), numbers(0.1, 3)],
      () => [v.exponential(positive(p())), numbers(0.1, 3)],
      () => [v.gamma(positive(p()), positive(p())), numbers(0.1, 3)],
      () => [v.inverseGamma(positive(p()), positive(p())), numbers(0.1, 3)],
      () => [v.weibull(positive(p()), positive(p())), numbers(0.1, 3)],
      () => [v.beta(positive(p()), positive(p())), numbers(0.05, 0.95)],
      () => [v.bernoulli(probability(p())), () => counts(1)],
      () => [v.bernoulliLogit(p()), () => counts(1)],
      () => [v.binomial(trials, probability(p())), () => counts(trials)],
      () => [v.binomialLogit(trials, p()), () => counts(trials)],
      () => [v.poisson(positive(p())), () => counts(6)],
      () => [v.poissonLog(tame(p())), () => counts(6)],
      () => [v.negativeBinomial(positive(p()), positive(p())), () => counts(6)],
      () => [v.negativeBinomialLog(tame(p()), positive(p())), () => counts(6)],
      ...[v.truncated, v.censored].flatMap((within): (() => [Distribution, () => number[]])[] => [
        () => [
          within(v.studentT(positive(p()).add(1), p(), positive(p())), -2, r.pick([2, undefined])),
          numbers(-2, 2),
        ],
        () => [within(v.gamma(positive(p()), positive(p())), ...bounds(within, 0.1, 3)), numbers(0.1, 3)],
        () => [within(v.inverseGamma(positive(p()), positive(p())), ...bounds(within, 0.1, 3)), numbers(0.1, 3)],
        () => [within(v.beta(positive(p()), positive(p())), ...bounds(within, 0.05, 0.95)), numbers(0.05, 0.95)],
        () => [within(v.weibull(positive(p()), positive(p())), ...bounds(within, 0.1, 3)), numbers(0.1, 3)],
        () => [within(v.laplace(p(), positive(p())), ...bounds(within, -2, 2)), numbers(-2, 2)],
        () => [within(v.binomialLogit(9, p()), ...bounds(within, 1, 5)), () => counts(4).map((k) => k + 1)],
        () => [
          within(v.negativeBinomialLog(tame(p()), positive(p())), ...bounds(within, 1, 5)),
          () => counts(4).map((k) => k + 1),
        ],
      ]),
      () => [v.mixture([0.25, 0.75], [v.normal(p(), 1), v.normal(p(), positive(p()))]), numbers(-2, 2)],
      () => [
        v.mixture(v.softmax(this.#sameShape(null, [3])), [v.normal(p(), 1), v.cauchy(p(), 1), v.logistic(p(), 2)]),
        numbers(-2, 2),
      ],
    ];
    const events: (() => [Distribution, () => number[]])[] = [
      () => [
        v.categoricalLogit(whole()),
        () => Array.from({ length: plate?.size ?? 1 }, () => r.integer(0, length - 1)),
      ],
      () => [v.dirichlet(positive(whole())), () => this.#simplexes(plate?.size ?? 1, length)],
      () => [
        v.multivariateNormal(whole(), positive(this.#shaped(null, [])).mul(this.#cholesky(length))),
        () => this.#numbers((plate?.size ?? 1) * length, -2, 2),
      ],
    ];
    const [likelihood, values] = r.pick(r.chance(0.2) ? events : families)();
    const event = atLeast(likelihood);
    const home = plate ?? this.#plates.find((x) => x.plate === likelihood.plate) ?? null;
    const row = values();
    // Without a plate of its own, a likelihood takes values of its shape only.
    if (home) {
      const width = event.reduce((a, b) => a * b, 1);
      const all = Float64Array.from({ length: home.size * width }, (_, i) => row[i % row.length]!);
      if (likelihood.eventShape.length === 0 || row.length % width === 0)
        this.context.observe(this.#name(), likelihood, home.data(all, event));
    } else if (!event.length) this.context.observe(this.#name(), likelihood, row[0]!);
    else {
      const width = event.reduce((a, b) => a * b, 1);
      const all = Array.from({ length: width }, (_, i) => row[i % row.length]!);
      if (event.length === 1) this.context.observe(this.#name(), likelihood, all);
    }
  }

  #simplexes(rows: number, k: number): number[] {
    return Array.from({ length: rows }, () => {
      const x = this.#numbers(k, 0.1, 1);
      const sum = x.reduce((a, b) => a + b);
      return x.map((y) => y / sum);
    }).flat();
  }

  #factor(): void {
    const r = this.#random;
    const x = this.#any();
    const makers: (() => Expression)[] = [
      () => tame(x).mul(r.uniform(-2, 2)),
      () => x.square().mul(-0.2),
      () => v.normal(0, 2).logProb(x),
      () => v.mixture([0.5, 0.5], [v.normal(-1, 1), v.laplace(1, 1)]).logProb(x),
      () => x.mul(this.#data(this.#of(x), x.shape)),
    ];
    // What a flat latent is only looked at through.
    const from = this.#of(x);
    const into = this.#random.pick(this.#plates);
    if (from && !this.#subsampled.has(from))
      makers.push(() => tame(x.at(into.index(this.#indices(into.size, from.size), from))));
    this.context.factor(this.#name(), r.pick(makers)());
  }
}

/** The definition of a random model; the same seed gives the same model. */
export const randomModel =
  (seed: number, options: RandomModelOptions = { subsample: false }) =>
  (context: ModelContext): void =>
    new Builder(context, seed, options).build();
