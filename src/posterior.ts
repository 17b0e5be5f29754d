// What a fit answers with: draws on the scale people read, their summary, and the verdict on the fit. Draws of the approximation are made
// once, when first asked for, from the seed of the fit; where the importance ratios of the posterior to it can be trusted (k-hat below its
// threshold), means, quantiles and draws are corrected by them. Everything handed out is a copy.

import { type Psis, psis, resampleWithReplacement, type WeightedEstimate, weightedMean } from "./diagnostics/psis.js";
import { integer, knownOptions, rangeError, typeError } from "./errors.js";
import type { Status } from "./optim/run.js";
import { type Row, table } from "./posterior/table.js";
import { constrained, elementNames, type Site, type Target } from "./target.js";

/** What a posterior is made of. */
export interface PosteriorParts {
  readonly status: Status;
  readonly message: string;
  readonly elbo: number;
  readonly elboStandardError: number;
  /** Shape of the tail of the importance ratios; NaN when it was not computed. */
  readonly khat: number;
  /** ELBO of each step of the fit. */
  readonly trace: Float64Array;
  readonly gradients: number;
  /**
   * Draws on the unconstrained scale, [draw][dimension]: the same for the same arguments; without a seed by that of the fit. Absent:
   * there is no approximation.
   */
  readonly sample?: ((draws: number, seed?: number) => Float64Array) | undefined;
  /** How many draws are kept; default 4,000. */
  readonly draws?: number | undefined;
  /** Log density of the posterior minus that of the approximation at such draws. Absent or undefined: nothing is corrected. */
  readonly logRatios?: ((points: Float64Array) => Float64Array | undefined) | undefined;
}

/** A draw, as a function of it sees it: the values of a site, row-major; a number for a scalar site. */
export type DrawAccess = (name: string) => number | Float64Array;

/** Everything a posterior is, as plain data: what is saved. */
export interface Snapshot {
  readonly status: Status;
  readonly message: string;
  readonly elbo: number;
  readonly elboStandardError: number;
  readonly khat: number;
  readonly gradients: number;
  readonly dimension: number;
  /** 0 when there is no approximation. */
  readonly draws: number;
  readonly sites: readonly Site[];
  readonly names: readonly string[] | undefined;
  readonly unconstrainedNames: readonly string[] | undefined;
  readonly trace: Float64Array;
  /** [draw × dimension], [draw × value], [draw]. */
  readonly unconstrained: Float64Array;
  readonly values: Float64Array;
  readonly logRatios: Float64Array | undefined;
}

/** What a summary shows. */
export interface SummaryOptions {
  /** Only these sites. */
  readonly sites?: readonly string[];
}

/** A table: mean, standard deviation, quantiles and Monte Carlo standard error of every value. Prints well. */
export class Summary {
  constructor(
    readonly rows: readonly Row[],
    /** The sentence about the fit. */
    readonly message: string,
    private readonly note: string,
  ) {}

  /** The row of a value, by its full name ("alpha[3]"). */
  row(name: string): Row {
    const row = this.rows.find((r) => r.name === name);
    if (!row) throw rangeError("summary.row(name)", "the name of a row", name);
    return row;
  }

  /** The table as text, at most 80 columns wide and 60 rows long (the rest is counted), with the verdict below it. */
  toString(limit = 60): string {
    const shown = this.rows.slice(0, limit);
    const more = this.rows.length - shown.length;
    return [
      table(shown),
      ...(more > 0 ? [`… ${more} more row${more === 1 ? "" : "s"}`] : []),
      "",
      this.note,
      ...wrap(this.message, 80),
    ].join("\n");
  }
}

/** Lines of at most `width` characters, broken at spaces. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return line ? [...lines, line] : lines;
}

const sizeOf = (site: Site): number => site.shape.reduce((a, b) => a * b, 1);

/** Value at probability p of sorted values, between order statistics (Hyndman & Fan 1996, type 7). */
export function quantileOf(ascending: Float64Array, p: number): number {
  const at = p * (ascending.length - 1);
  const low = Math.floor(at);
  const a = ascending[low]!;
  const b = ascending[Math.min(low + 1, ascending.length - 1)]!;
  return a === b ? a : a + (at - low) * (b - a);
}

/** Fewest effective draws with which weights correct anything. */
const fewest = 100;

/** The quantile function of a column: of its values as they are, or weighted, which for equal weights is the same. */
function quantiles(column: Float64Array, weights: Float64Array | undefined): (p: number) => number {
  if (!weights) {
    const ascending = column.slice().sort();
    return (p) => quantileOf(ascending, p);
  }
  const order = Uint32Array.from(column, (_, i) => i).sort((a, b) => column[a]! - column[b]! || a - b);
  // Midpoints of the weights, stretched so that the least value is at 0 and the greatest at 1.
  const places = new Float64Array(column.length);
  let sum = 0;
  order.forEach((i, k) => {
    places[k] = sum + 0.5 * weights[i]!;
    sum += weights[i]!;
  });
  const first = places[0]!;
  const span = places[places.length - 1]! - first;
  return (p) => {
    const target = first + p * span;
    let low = 0;
    let high = places.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (places[middle]! <= target) low = middle;
      else high = middle;
    }
    const a = column[order[low]!]!;
    const b = column[order[high]!]!;
    const width = places[high]! - places[low]!;
    const share = width > 0 ? Math.min(Math.max((target - places[low]!) / width, 0), 1) : 0;
    return a === b ? a : a + share * (b - a);
  };
}

/** What a fit, here or in a worker, a loaded file or a calibration answers with: a verdict, draws on the scale of the model, their summary. */
export class Posterior {
  /** How the fit ended. Only "converged" is to be believed. */
  readonly status: Status;
  /** What happened, in a sentence or two. */
  readonly message: string;
  /** Estimated from fresh draws after the fit. */
  readonly elbo: number;
  /** Monte Carlo standard error of the ELBO. */
  readonly elboStandardError: number;
  /** Shape of the tail of the importance ratios; above its threshold the approximation is not to be trusted. NaN when not computed. */
  readonly khat: number;
  readonly #parts: PosteriorParts;
  readonly #target: Target;
  /** [draw][value], filled when first asked for. */
  #values: Float64Array | undefined;
  #unconstrained: Float64Array | undefined;
  #psis: Psis | undefined;
  #logRatios: Float64Array | undefined;
  /** Draws by which `draws` answers, after resampling; absent: as they are. */
  #order: Int32Array | undefined;
  #width = 0;
  #sites: readonly Site[] | undefined;

  constructor(target: Target, parts: PosteriorParts) {
    this.#target = target;
    this.#parts = parts;
    this.status = parts.status;
    this.message = parts.message;
    this.elbo = parts.elbo;
    this.elboStandardError = parts.elboStandardError;
    this.khat = parts.khat;
  }

  /** Status and sentence in one record. */
  get outcome(): { readonly status: Status; readonly message: string } {
    return { status: this.status, message: this.message };
  }

  /** ELBO of every step of the fit, in order. */
  get trace(): Float64Array {
    return this.#parts.trace.slice();
  }

  /** Gradients of the log density that the fit used. */
  get gradients(): number {
    return this.#parts.gradients;
  }

  /** Number of draws kept. */
  get size(): number {
    return this.#parts.draws ?? 4000;
  }

  /** The draws on the unconstrained scale, made when first asked for: not a copy, not to be written to. */
  protected kept(): Float64Array {
    const { sample } = this.#parts;
    if (!sample) throw new Error(`the fit has no draws: ${this.message}`);
    this.#unconstrained ??= sample(this.size);
    return this.#unconstrained;
  }

  #make(): Float64Array {
    if (this.#values) return this.#values;
    const draws = this.size;
    const unconstrained = this.kept();
    const values = constrained(this.#target, unconstrained, draws);
    this.#width = values.length / draws;
    this.#logRatios = this.#parts.logRatios?.(unconstrained);
    if (this.#logRatios) {
      const smoothed = psis(this.#logRatios);
      this.#psis = smoothed;
      const { khat, threshold, effectiveDraws } = smoothed;
      // A k-hat of 0 means equal ratios in the tail, but not everywhere where the draws come from several components.
      const alike = khat === 0 && effectiveDraws > 0.999999 * draws;
      if (khat <= threshold && effectiveDraws >= fewest && !alike)
        this.#order = resampleWithReplacement(smoothed.weights, draws, new Float64Array(draws).fill(0.5));
    }
    this.#values = values;
    return values;
  }

  /** Weights that correct the draws, if they do. */
  get #weights(): Float64Array | undefined {
    this.#make();
    return this.#order && this.#psis?.weights;
  }

  /**
   * Smoothed importance weights of the draws of `unconstrainedDraws`, summing to one, by which means, quantiles and `draws` are corrected;
   * undefined where nothing is corrected: k-hat is above its threshold, or it was not asked for, or there is nothing to correct.
   */
  get weights(): Float64Array | undefined {
    return this.#weights?.slice();
  }

  /** Everything this posterior is, as plain data. */
  snapshot(): Snapshot {
    const { status, message, elbo, elboStandardError, khat, gradients } = this;
    const draws = this.#parts.sample ? this.size : 0;
    const values = draws ? this.#make().slice() : new Float64Array(0);
    return {
      status,
      message,
      elbo,
      elboStandardError,
      khat,
      gradients,
      dimension: this.#target.dimension,
      draws,
      sites: draws || this.#target.sites ? this.sites : [],
      names: this.#names(),
      unconstrainedNames: this.#target.unconstrainedNames,
      trace: this.trace,
      unconstrained: draws ? this.#unconstrained!.slice() : new Float64Array(0),
      values,
      logRatios: this.#logRatios?.slice(),
    };
  }

  #names(): readonly string[] | undefined {
    return this.#target.names ?? (this.#target.constrain ? undefined : this.#target.unconstrainedNames);
  }

  /** The named parts of the posterior: latents and deterministic values. */
  get sites(): readonly Site[] {
    if (!this.#sites) {
      const names = this.#names();
      let count = this.#target.dimension;
      if (!this.#target.sites && names) count = names.length;
      else if (!this.#target.sites && this.#target.constrain) {
        this.#make();
        count = this.#width;
      }
      this.#sites =
        this.#target.sites ??
        Array.from({ length: count }, (_, offset) => ({
          name: names?.[offset] ?? `theta[${offset}]`,
          kind: "latent" as const,
          offset,
          shape: [],
        }));
    }
    return this.#sites;
  }

  #site(label: string, name: string): Site {
    if (typeof name !== "string") throw typeError(label, "the name of a site", name);
    const site = this.sites.find((s) => s.name === name);
    if (!site) {
      const known = this.sites.map((s) => JSON.stringify(s.name));
      const list = known.length > 12 ? `${known.slice(0, 12).join(", ")}, …` : known.join(", ");
      throw rangeError(label, `one of ${list}`, name);
    }
    return site;
  }

  /**
   * Draws of a site on the scale people read: [draw × size], row-major in the site's shape. All count the same: where importance weights
   * correct the approximation, its draws are resampled by them.
   */
  draws(name: string): Float64Array {
    const site = this.#site("posterior.draws(name)", name);
    const values = this.#make();
    const size = sizeOf(site);
    const out = new Float64Array(this.size * size);
    for (let d = 0; d < this.size; d++) {
      const from = (this.#order?.[d] ?? d) * this.#width + site.offset;
      out.set(values.subarray(from, from + size), d * size);
    }
    return out;
  }

  /** Draws of the approximation on the unconstrained scale, [draw × dimension], as they are: never corrected. */
  unconstrainedDraws(): Float64Array {
    return this.kept().slice();
  }

  /**
   * A posterior of other draws of the same approximation: as many as are asked for, from `seed`; without one they begin with those
   * kept here. They are corrected where these are and the model is at hand; after `loadPosterior` they need neither model nor data, and
   * are not corrected.
   */
  sample(draws: number, options: { readonly seed?: number | undefined } = {}): Posterior {
    const label = "posterior.sample(draws, options)";
    posteriorDraws(label, draws);
    knownOptions(label, options, ["seed"]);
    const { seed } = options;
    if (seed !== undefined) integer(`${label}.seed`, seed, 0);
    const { sample } = this.#parts;
    return new Posterior(this.#target, {
      ...this.#parts,
      draws,
      sample: sample && ((count) => sample(count, seed)),
    });
  }

  /** The same, resampled by the weights where these correct the approximation: the rows of `draws`. */
  correctedDraws(): Float64Array {
    this.#make();
    const all = this.#unconstrained!;
    if (!this.#order) return all.slice();
    const n = this.#target.dimension;
    const out = new Float64Array(all.length);
    this.#order.forEach((from, d) => {
      out.set(all.subarray(from * n, (from + 1) * n), d * n);
    });
    return out;
  }

  /**
   * The posterior mean of a function of a draw, with its Monte Carlo standard error and a k-hat of its own (of the weights, and of both
   * tails of weight times value): `mean((at) => Number(at("mu") > 0))`. For the name of a site, the means of its values, row-major.
   */
  mean(name: string): Float64Array;
  mean(f: (at: DrawAccess) => number): WeightedEstimate;
  mean(what: string | ((at: DrawAccess) => number)): Float64Array | WeightedEstimate {
    return typeof what === "function" ? this.#expectation(what) : this.#means(what);
  }

  #expectation(f: (at: DrawAccess) => number): WeightedEstimate {
    const values = this.#make();
    const draws = this.size;
    const of = Float64Array.from({ length: draws }, (_, d) => {
      const value: unknown = f((name) => {
        const site = this.#site("posterior.mean(f): the name", name);
        const from = d * this.#width + site.offset;
        return site.shape.length ? values.slice(from, from + sizeOf(site)) : values[from]!;
      });
      if (typeof value !== "number") throw typeError("posterior.mean(f)", "a function that returns a number", value);
      return value;
    });
    const equal = { weights: new Float64Array(draws).fill(1 / draws), khat: this.#psis?.khat ?? Number.NaN };
    return weightedMean(this.#order && this.#psis ? this.#psis : equal, of);
  }

  #means(name: string): Float64Array {
    return this.#perValue(this.#site("posterior.mean(name)", name), ({ mean }) => mean);
  }

  /** Standard deviations of a site's values. */
  sd(name: string): Float64Array {
    return this.#perValue(this.#site("posterior.sd(name)", name), ({ sd }) => sd);
  }

  /** Quantiles of a site's values: [value × probability]. */
  quantiles(name: string, probabilities: readonly number[] = [0.05, 0.5, 0.95]): Float64Array {
    const site = this.#site("posterior.quantiles(name)", name);
    probabilities.forEach((p, k) => {
      if (typeof p !== "number") throw typeError(`posterior.quantiles(probabilities)[${k}]`, "a number", p);
      if (!(p >= 0 && p <= 1)) throw rangeError(`posterior.quantiles(probabilities)[${k}]`, "a number in 0..1", p);
    });
    const size = sizeOf(site);
    const out = new Float64Array(size * probabilities.length);
    for (let i = 0; i < size; i++) {
      const quantile = quantiles(this.#column(site.offset + i), this.#weights);
      probabilities.forEach((p, k) => {
        out[i * probabilities.length + k] = quantile(p);
      });
    }
    return out;
  }

  #column(at: number): Float64Array {
    const values = this.#make();
    return Float64Array.from({ length: this.size }, (_, d) => values[d * this.#width + at]!);
  }

  #perValue(site: Site, of: (moments: Pick<Row, "mean" | "sd">) => number): Float64Array {
    return Float64Array.from({ length: sizeOf(site) }, (_, i) => of(this.#moments(this.#column(site.offset + i))));
  }

  /** Mean, standard deviation and Monte Carlo standard error of the mean; no sorting, which is what takes time. */
  #moments(column: Float64Array): Pick<Row, "mean" | "sd" | "error"> {
    const weights = this.#weights;
    const share = 1 / column.length;
    // Running mean and sum of squares (West 1979), and the sum that the standard error of a weighted mean needs.
    let total = 0;
    let mean = 0;
    let square = 0;
    column.forEach((v, d) => {
      const w = weights ? weights[d]! : share;
      if (w <= 0) return;
      total += w;
      const a = v - mean;
      mean += (w / total) * a;
      square += w * a * (v - mean);
    });
    const effective = weights ? this.#psis!.effectiveDraws : column.length;
    const sd = Math.sqrt((square / total) * (effective / Math.max(1, effective - 1)));
    let error = 0;
    weights?.forEach((w, d) => {
      const e = w * (column[d]! - mean);
      error += e * e;
    });
    return { mean, sd, error: weights ? Math.sqrt(error) : sd / Math.sqrt(column.length) };
  }

  #row(site: Site, i: number): Row {
    const at = site.offset + i;
    const column = this.#column(at);
    const { mean, sd, error } = this.#moments(column);
    const quantile = quantiles(column, this.#weights);
    const name = this.#target.sites && this.#names()?.[at];
    return {
      name: name || elementNames(site)[i]!,
      mean,
      sd,
      q5: quantile(0.05),
      median: quantile(0.5),
      q95: quantile(0.95),
      error,
    };
  }

  /** Mean, standard deviation, quantiles and Monte Carlo standard error of every value; prints as a table. */
  summary(options: SummaryOptions = {}): Summary {
    knownOptions("posterior.summary(options)", options, ["sites"]);
    const sites = options.sites
      ? options.sites.map((name, k) => this.#site(`posterior.summary(options).sites[${k}]`, name))
      : this.sites;
    const rows = this.#parts.sample
      ? sites.flatMap((site) => Array.from({ length: sizeOf(site) }, (_, i) => this.#row(site, i)))
      : [];
    const elbo = Number.isFinite(this.elbo) ? `${this.elbo.toFixed(2)} ± ${this.elboStandardError.toFixed(2)}` : "none";
    const corrected = this.#parts.sample && this.#weights ? ", corrected by importance" : "";
    const khat = Number.isNaN(this.khat) ? "" : `, k-hat ${Number.isFinite(this.khat) ? this.khat.toFixed(2) : "Inf"}`;
    return new Summary(rows, this.message, `${this.status}: ELBO ${elbo}${khat}, ${this.size} draws${corrected}`);
  }
}

/** Checks the number of draws a posterior keeps. */
export function posteriorDraws(label: string, value: unknown): number {
  return integer(label, value, 1, 10_000_000);
}
