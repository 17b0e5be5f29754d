// Draws of what a model says about data: of replicated or new observations given the posterior's draws, and of latents and data from
// the prior. Exact samplers throughout; a number depends on the seed, its site and its place (draw, row, element) alone, so that
// more draws, or other sites, change none that were there.

import { broadcast, eventSize, type Node } from "../compile/node.js";
import { sizeOfNode, Values } from "../compile/values.js";
import { integer, knownOptions, rangeError, typeError } from "../errors.js";
import { RowSampler, siteGenerator } from "../model/draw-rows.js";
import type { DrawnSite, Model, Traced } from "../model/model.js";
import { checkValues, type Support } from "../model/support.js";
import { quantileOf } from "../posterior.js";
import { checkSize, type FittedDraws, type OtherData, shapeOf, tracedFor } from "./log-likelihood.js";

/** A site of a prediction. */
export interface PredictedSite {
  readonly name: string;
  readonly kind: "observed" | "latent" | "deterministic";
  /** Empty for a scalar; a plate's size comes first. */
  readonly shape: readonly number[];
  /** Names of the positions of the first axis, when they have names. */
  readonly labels: readonly string[] | null;
}

/** Draws of sites, with their moments and quantiles. */
export class Predictive {
  constructor(
    /** Number of draws. */
    readonly size: number,
    readonly sites: readonly PredictedSite[],
    private readonly values: ReadonlyMap<string, Float64Array>,
  ) {}

  #of(label: string, name: string): { values: Float64Array; width: number } {
    if (typeof name !== "string") throw typeError(label, "the name of a site", name);
    const values = this.values.get(name);
    if (!values) throw rangeError(label, `one of ${this.sites.map((s) => JSON.stringify(s.name)).join(", ")}`, name);
    return { values, width: values.length / this.size };
  }

  /** Draws of a site: [draw × size], row-major in the site's shape. A copy. */
  draws(name: string): Float64Array {
    return this.#of("predictive.draws(name)", name).values.slice();
  }

  /** Means of a site's values, row-major in its shape. */
  mean(name: string): Float64Array {
    return this.#moments("predictive.mean(name)", name).mean;
  }

  /** Standard deviations of a site's values. */
  sd(name: string): Float64Array {
    return this.#moments("predictive.sd(name)", name).square.map((s) => Math.sqrt(s / Math.max(1, this.size - 1)));
  }

  /** Quantiles of a site's values: [value × probability]. */
  quantiles(name: string, probabilities: readonly number[] = [0.05, 0.5, 0.95]): Float64Array {
    const { values, width } = this.#of("predictive.quantiles(name)", name);
    probabilities.forEach((p, k) => {
      const label = `predictive.quantiles(probabilities)[${k}]`;
      if (typeof p !== "number") throw typeError(label, "a number", p);
      if (!(p >= 0 && p <= 1)) throw rangeError(label, "a number in 0..1", p);
    });
    const out = new Float64Array(width * probabilities.length);
    const column = new Float64Array(this.size);
    for (let i = 0; i < width; i++) {
      for (let d = 0; d < this.size; d++) column[d] = values[d * width + i]!;
      column.sort();
      probabilities.forEach((p, k) => {
        out[i * probabilities.length + k] = quantileOf(column, p);
      });
    }
    return out;
  }

  #moments(label: string, name: string): { mean: Float64Array; square: Float64Array } {
    const { values, width } = this.#of(label, name);
    const mean = new Float64Array(width);
    const square = new Float64Array(width);
    for (let d = 0; d < this.size; d++)
      for (let i = 0; i < width; i++) {
        const a = values[d * width + i]! - mean[i]!;
        mean[i]! += a / (d + 1);
        square[i]! += a * (values[d * width + i]! - mean[i]!);
      }
    return { mean, square };
  }
}

/** Calls `use` with the values of nodes for a block of draws at a time, and the number of the block's first draw. */
function inBlocks(
  dimension: number,
  nodes: readonly Node[],
  thetas: Float64Array,
  block: number,
  use: (values: Float64Array[], first: number, count: number) => void,
): void {
  const draws = thetas.length / dimension;
  const program = new Values(dimension, nodes, draws);
  try {
    for (let first = 0; first < draws; first += block) {
      const count = Math.min(block, draws - first);
      use(program.evaluate(thetas.subarray(first * dimension, (first + count) * dimension)), first, count);
    }
  } finally {
    program.dispose();
  }
}

/** Draws a site for each row of `thetas`: [draw][row][element]. */
function drawSite(label: string, site: DrawnSite, thetas: Float64Array, dimension: number, seed: number): Float64Array {
  const { distribution, value, plate, support, name } = site;
  const sampler = new RowSampler(distribution, plate?.size ?? 1, value.shape);
  const nodes = sampler.parameters.map((p) => (sampler.perElement ? broadcast(p, plate, value.shape) : p));
  checkSize(label, thetas.length / dimension, sampler.size, `values of "${name}"`);
  const out = new Float64Array((thetas.length / dimension) * sampler.size);
  const generator = siteGenerator(seed, name);
  const narrower = support !== distribution.support && support.kind !== "affine";
  // Blocks of the sampler, as many as make the machine's lanes worth while.
  const block = Math.max(sampler.block, sampler.size < 1 << 17 ? 16 : 1);
  inBlocks(dimension, nodes, thetas, block, (parameters, first, count) => {
    const part = out.subarray(first * sampler.size, (first + count) * sampler.size);
    const draw = (to: Float64Array, low: number): void => {
      if (!sampler.draw(parameters, first, to, { ...generator, low }))
        throw new TypeError(
          `${label}: nothing can be drawn from ${distribution.name}, the ${"latent" === kindOf(site) ? "prior" : "likelihood"} of "${name}"`,
        );
    };
    draw(part, generator.low);
    if (narrower)
      drawAgain(label, site, part, (to, attempt) => draw(to, (generator.low + Math.imul(attempt, 0x85ebca6b)) >>> 0));
  });
  return out;
}

const kindOf = (site: DrawnSite): "latent" | "observed" => (site.value.latent ? "latent" : "observed");

const attempts = 1000;

/** Draws anew what lies outside a support that is narrower than the distribution's, until nothing does. */
function drawAgain(
  label: string,
  { name, support, distribution, value }: DrawnSite,
  values: Float64Array,
  draw: (to: Float64Array, attempt: number) => void,
): void {
  const vector = support.kind !== "interval" && support.kind !== "real";
  const unit = vector || distribution.eventShape.length ? eventSize(value.shape) : 1;
  let outside: number[] = [];
  for (let at = 0; at < values.length; at += unit)
    if (!inside(support, values.subarray(at, at + unit))) outside.push(at);
  const again = new Float64Array(values.length);
  for (let k = 1; outside.length; k++) {
    if (k > attempts)
      throw new RangeError(
        `${label}: the prior of "${name}", ${distribution.name}, has too little probability where its support says (${support.expected})`,
      );
    draw(again, k);
    outside = outside.filter((at) => {
      values.set(again.subarray(at, at + unit), at);
      return !inside(support, values.subarray(at, at + unit));
    });
  }
}

function inside(support: Support, values: Float64Array): boolean {
  const { kind, low, high } = support;
  if (!values.every((v) => v >= low && v <= high && Number.isFinite(v))) return false;
  if (kind === "interval" || kind === "real") return true;
  if (kind === "ordered" || kind === "positiveOrdered") return values.every((v, i) => !i || v > values[i - 1]!);
  try {
    checkValues("value", values, support, values.length);
    return true;
  } catch {
    return false;
  }
}

/** The names asked for, or all of `byDefault`; each must be known. */
function chosen(label: string, asked: unknown, known: readonly string[], byDefault: readonly string[]): Set<string> {
  if (asked === undefined) return new Set(byDefault);
  if (!Array.isArray(asked)) throw typeError(label, "an array of names", asked);
  asked.forEach((name, k) => {
    if (typeof name !== "string") throw typeError(`${label}[${k}]`, "the name of a site", name);
    if (!known.includes(name))
      throw rangeError(`${label}[${k}]`, `one of ${known.map((n) => JSON.stringify(n)).join(", ")}`, name);
  });
  return new Set(asked as string[]);
}

/** Draws of the chosen observed and deterministic sites for each row of `thetas`. */
function predictFrom(
  label: string,
  traced: Traced,
  thetas: Float64Array,
  dimension: number,
  seed: number,
  names: ReadonlySet<string>,
): { sites: PredictedSite[]; values: Map<string, Float64Array> } {
  const sites: PredictedSite[] = [];
  const values = new Map<string, Float64Array>();
  for (const { name, value } of traced.deterministics) {
    if (!names.has(name)) continue;
    sites.push({ name, kind: "deterministic", shape: shapeOf(value), labels: value.plate?.labels ?? null });
    const out = new Float64Array((thetas.length / dimension) * sizeOfNode(value));
    inBlocks(dimension, [value], thetas, 4096, ([part], first) => out.set(part!, first * sizeOfNode(value)));
    values.set(name, out);
  }
  for (const site of traced.observed) {
    if (!names.has(site.name)) continue;
    const { name, plate, value } = site;
    const shape = [...(plate ? [plate.size] : []), ...value.shape];
    sites.push({ name, kind: "observed", shape, labels: plate?.labels ?? null });
    values.set(name, drawSite(label, site, thetas, dimension, seed));
  }
  return { sites, values };
}

export interface PosteriorPredictiveOptions extends OtherData {
  /** The first so many draws of the fit; all by default. */
  readonly draws?: number | undefined;
  /** An integer from 0 on; default 0. The same seed gives the same bits, whatever the number of draws. */
  readonly seed?: number | undefined;
  /** Observed and deterministic sites; all observed ones by default. */
  readonly sites?: readonly string[] | undefined;
}

/**
 * For each draw of a fit, one draw of every observed site from its likelihood: replicated data, to be held against the data
 * themselves, or with `data` predictions at new rows. Of observed values in the data the numbers do not count (zeros will do), their
 * number does. TypeError for a fit of a plain log density; RangeError when the latents of the new data are not those of the fit.
 */
export function posteriorPredictive(fit: FittedDraws, options: PosteriorPredictiveOptions = {}): Predictive {
  const label = "posteriorPredictive(fit, options)";
  knownOptions(label, options, ["draws", "seed", "sites", "data", "model"]);
  const { traced, dimension } = tracedFor("posteriorPredictive(fit)", label, fit, options, {
    whole: true,
    predict: true,
  });
  const draws = integer(`${label}.draws`, options.draws ?? fit.size, 1, fit.size);
  const seed = integer(`${label}.seed`, options.seed ?? 0, 0);
  const observed = traced.observed.map((s) => s.name);
  const known = [...observed, ...traced.deterministics.map((d) => d.name)];
  const names = chosen(`${label}.sites`, options.sites, known, observed);
  const thetas = (fit.correctedDraws?.() ?? fit.unconstrainedDraws()).subarray(0, draws * dimension);
  const { sites, values } = predictFrom(label, traced, thetas, dimension, seed, names);
  return new Predictive(draws, sites, values);
}

/** How many draws, of which sites. */
export interface PriorPredictiveOptions {
  /** Default 1,000. */
  readonly draws?: number | undefined;
  /** An integer from 0 on; default 0. The same seed gives the same bits, whatever the number of draws. */
  readonly seed?: number | undefined;
  /** Latent, deterministic and observed sites; all by default. */
  readonly sites?: readonly string[] | undefined;
}

/** A draw from the prior of each latent in turn: [draw × latents' values], with `traced` traced as constrained. */
function drawPrior(
  label: string,
  traced: Traced,
  draws: number,
  seed: number,
): { thetas: Float64Array; dimension: number } {
  const factor = traced.terms.find((t) => traced.factors.includes(t.site) && t.value?.latent);
  if (factor)
    throw new TypeError(
      `${label}: expected a model of sample and observe alone, got factor("${factor.site}"), from which nothing can be drawn`,
    );
  const dimension = traced.latents.reduce((n, l) => n + sizeOfNode(l.raw), 0);
  if (!dimension) throw new TypeError(`${label}: expected a model with at least one sample(...), got one with none`);
  const thetas = new Float64Array(draws * dimension);
  traced.priors.forEach((site, k) => {
    const { raw } = traced.latents[k]!;
    const size = sizeOfNode(raw);
    const values = drawSite(label, site, thetas, dimension, seed);
    for (let d = 0; d < draws; d++) thetas.set(values.subarray(d * size, (d + 1) * size), d * dimension + raw.position);
  });
  return { thetas, dimension };
}

/**
 * Draws of all latents from their priors and of all observed sites given them: what the model expects before it has seen data. Of the
 * data's observed values only the number counts. TypeError for improper priors and models with factors.
 */
export function priorPredictive<Data>(
  model: Model<Data>,
  data: Data,
  options: PriorPredictiveOptions = {},
): Predictive {
  const label = "priorPredictive(model, data, options)";
  if (typeof model !== "object" || model === null || typeof model.trace !== "function")
    throw typeError("priorPredictive(model)", "a model", model);
  knownOptions(label, options, ["draws", "seed", "sites"]);
  const draws = integer(`${label}.draws`, options.draws ?? 1000, 1, 10_000_000);
  const seed = integer(`${label}.seed`, options.seed ?? 0, 0);
  return drawJoint(label, model.trace(data, { constrained: true, predict: true }), draws, seed, options.sites);
}

/** Draws from the joint distribution of a model, `traced` as constrained. */
export function drawJoint(
  label: string,
  traced: Traced,
  draws: number,
  seed: number,
  asked?: readonly string[],
): Predictive {
  const known = [...traced.latents, ...traced.deterministics, ...traced.observed].map((s) => s.name);
  const names = chosen(`${label}.sites`, asked, known, known);
  const { thetas, dimension } = drawPrior(label, traced, draws, seed);
  const rest = predictFrom(label, traced, thetas, dimension, seed, names);
  const sites: PredictedSite[] = [];
  const values = new Map(rest.values);
  for (const { name, raw } of traced.latents) {
    if (!names.has(name)) continue;
    const size = sizeOfNode(raw);
    const own = new Float64Array(draws * size);
    for (let d = 0; d < draws; d++) {
      const from = d * dimension + raw.position;
      own.set(thetas.subarray(from, from + size), d * size);
    }
    sites.push({ name, kind: "latent", shape: shapeOf(raw), labels: raw.plate?.labels ?? null });
    values.set(name, own);
  }
  return new Predictive(draws, [...sites, ...rest.sites], values);
}
