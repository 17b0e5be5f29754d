// The log-likelihood matrix of a fitted model: for each draw of the posterior the log density of each observation, computed in the core
// for many draws at once. What is one observation is what the likelihood is a density of: a number of a univariate one, also
// where a row holds an array of them; a row's whole value of a multivariate one or of `independent(…)`. What is missing or masked is none.

import * as g from "../compile/arithmetic.js";
import { broadcast, type Node } from "../compile/node.js";
import { sizeOfNode, Values } from "../compile/values.js";
import { integer, knownOptions, rangeError, typeError } from "../errors.js";
import type { Distribution } from "../model/distribution.js";
import { type DrawnSite, type Model, type Traced, TracedModel, type TraceOptions } from "../model/model.js";
import type { ObservedPart } from "../model/observation.js";
import type { Site, Target } from "../target.js";

/** What predictions and checks need of a fit: its draws, and the model that it fits. */
export interface FittedDraws {
  /** What was fitted. Absent from a posterior that was loaded without its model. */
  readonly target?: Target;
  /** Number of draws. */
  readonly size: number;
  readonly sites: readonly Site[];
  /** [draw × dimension] */
  unconstrainedDraws(): Float64Array;
  /** The same, resampled so that they are the posterior's. Absent where they are its own. */
  correctedDraws?(): Float64Array;
  /** For each draw the log joint density minus the log density it was drawn from. Absent where the draws are the posterior's own. */
  logRatios?(): Float64Array;
  /** Whether `logApproximation` is not to be asked: the draws are the posterior's own, by annealing. */
  readonly annealed?: boolean;
  /** Log density of the approximation at any points [draw × dimension]. */
  logApproximation?(points: Float64Array): Float64Array;
}

/** Data, and the model, where they are not those of the fit. */
export interface OtherData {
  /** Other data of the model's type. Plates that latents live in must be those of the fit: what has no draws cannot be known. */
  readonly data?: unknown;
  /** The model, with `data`, for a posterior that was loaded without it. */
  readonly model?: Model<never> | undefined;
}

export interface LogLikelihoodOptions extends OtherData {
  /** The observed site; not needed where the model has only one. */
  readonly site?: string | undefined;
  /** The first so many draws of the fit; all by default. */
  readonly draws?: number | undefined;
}

/** Log densities of the observations of a site. */
export interface LogLikelihood {
  readonly site: string;
  readonly draws: number;
  /** Shape of the observations: a plate's size comes first; empty for a single one. Their number, where not all were observed. */
  readonly shape: readonly number[];
  /** [draw × observation], row-major in the shape. */
  readonly values: Float64Array;
  /** Where some are missing or masked: position of each observation among all of the site's, row-major. */
  readonly positions?: Int32Array;
}

export const shapeOf = (n: Node): number[] => [...(n.plate ? [n.plate.size] : []), ...n.shape];

/** The model behind a fit, or the error that there is none. */
function modelOf(label: string, fit: FittedDraws): TracedModel {
  if (typeof fit !== "object" || fit === null || typeof fit.unconstrainedDraws !== "function")
    throw typeError(label, "a fit of a model", fit);
  if (fit.target === undefined)
    throw new TypeError(`${label}: expected a fit with its model, got a posterior without; give { model, data }`);
  if (!(fit.target instanceof TracedModel))
    throw new TypeError(`${label}: expected a fit of a model, got one of a log density, which has no observed sites`);
  return fit.target;
}

/** The model of a fit with its data or with other ones, traced; and the coordinates of its latents. */
export function tracedFor(
  what: string,
  label: string,
  fit: FittedDraws,
  { model, data }: OtherData,
  options: TraceOptions,
): { traced: Traced; dimension: number } {
  let traced: Traced;
  if (model === undefined) traced = modelOf(what, fit).trace(options, ...(data === undefined ? [] : [data]));
  else {
    if (typeof model !== "object" || model === null || typeof model.trace !== "function")
      throw typeError(`${label}.model`, "a model", model);
    traced = model.trace(data as never, options);
  }
  sameLatents(data === undefined ? `${label}.model` : `${label}.data`, fit, traced);
  return { traced, dimension: traced.latents.reduce((n, l) => n + sizeOfNode(l.raw), 0) };
}

/** Throws unless the latents are those of the fit: name by name, shape by shape, label by label. */
function sameLatents(label: string, fit: FittedDraws, traced: Traced): void {
  const fitted = fit.sites.filter((s) => s.kind === "latent");
  const show = (shape: readonly number[]): string => `[${shape.join(", ")}]`;
  for (let i = 0; i < Math.max(fitted.length, traced.latents.length); i++) {
    const a = fitted[i];
    const b = traced.latents[i];
    if (!a || !b || a.name !== b.name)
      throw new RangeError(
        `${label}: expected the latents of the fit, got ${b ? `"${b.name}"` : "none"} in place of ${a ? `"${a.name}"` : "none"}`,
      );
    const shape = shapeOf(b.value);
    if (show(a.shape) !== show(shape))
      throw new RangeError(
        `${label}: expected latent "${a.name}" to have the fit's shape ${show(a.shape)}, got ${show(shape)}; what has no draws cannot be predicted`,
      );
    const labels = b.value.plate?.labels;
    const at = a.labels && labels ? a.labels.findIndex((l, k) => l !== labels[k]) : -1;
    if (at >= 0)
      throw new RangeError(
        `${label}: expected the rows of latent "${a.name}" to be those of the fit, got ${JSON.stringify(labels![at])} in place of ${JSON.stringify(a.labels![at])}`,
      );
  }
}

/** Throws when `draws` times `size` numbers are more than should be held at once: 2 GB. */
export function checkSize(label: string, draws: number, size: number, what: string): void {
  const most = Math.floor(2 ** 28 / size);
  if (draws > most) throw rangeError(`${label}.draws`, `at most ${most} draws of ${size} ${what}`, draws);
}

/** The site by its name, or the only one. */
function observedSite(label: string, sites: readonly DrawnSite[], name: string | undefined): DrawnSite {
  if (!sites.length)
    throw new TypeError(`${label}: expected a model with at least one observe(...), got one with none`);
  const names = sites.map((s) => JSON.stringify(s.name)).join(", ");
  if (name === undefined) {
    if (sites.length > 1) throw new TypeError(`${label}.site: expected one of ${names}, as the model observes several`);
    return sites[0]!;
  }
  if (typeof name !== "string") throw typeError(`${label}.site`, "the name of an observed site", name);
  const site = sites.find((s) => s.name === name);
  if (!site) throw rangeError(`${label}.site`, `one of ${names}`, name);
  return site;
}

/** Something of each observation as nodes, [row][element], and where these stand among all observations of the site. */
class Pointwise {
  readonly parts: readonly Pick<ObservedPart, "distribution" | "value" | "plate" | "positions">[] | null;
  /** Where each observation lies in the site, in order; null: all are there. */
  readonly positions: Int32Array | null;

  constructor(readonly site: DrawnSite) {
    this.parts = site.parts ?? null;
    this.positions = site.parts ? Int32Array.from(site.parts.flatMap((p) => [...p.positions])).sort() : null;
  }

  nodes(f: (d: Distribution, value: Node) => Node): Node[] {
    const { site, parts } = this;
    return (parts ?? [site]).map(({ distribution: d, value, plate }) =>
      broadcast(f(d, value), plate, d.eventShape.length ? [] : value.shape),
    );
  }

  /** Values of the nodes, [draw][row][element] each, as one array [draw × observation]. */
  join(values: readonly Float64Array[]): Float64Array {
    const { parts, positions } = this;
    // Rows of one part are in order.
    if (!parts || !positions || parts.length === 1) return values[0]!;
    const place = new Map(Array.from(positions, (p, i) => [p, i]));
    const draws = values[0]!.length / parts[0]!.positions.length;
    const joint = new Float64Array(draws * positions.length);
    parts.forEach((part, k) => {
      const width = part.positions.length;
      part.positions.forEach((p, i) => {
        const to = place.get(p)!;
        for (let d = 0; d < draws; d++) joint[d * positions.length + to] = values[k]![d * width + i]!;
      });
    });
    return joint;
  }
}

/** The log density of each observation of a site, ready to be computed at any points. */
export class LogLikelihoodProgram {
  readonly site: string;
  readonly draws: number;
  readonly shape: readonly number[];
  readonly dimension: number;
  readonly #values: Values;
  readonly #pointwise: Pointwise;

  constructor(what: string, label: string, fit: FittedDraws, options: LogLikelihoodOptions) {
    const { traced, dimension } = tracedFor(what, label, fit, options, { whole: true });
    this.draws = integer(`${label}.draws`, options.draws ?? fit.size, 1, fit.size);
    const site = observedSite(label, traced.observed, options.site);
    this.#pointwise = new Pointwise(site);
    const { positions } = this.#pointwise;
    if (positions?.length === 0)
      throw new TypeError(`${label}.site: expected observations of "${site.name}", all of which are missing or masked`);
    const nodes = this.#pointwise.nodes((d, value) => d.valueOf(value));
    this.site = site.name;
    this.shape = positions ? [positions.length] : shapeOf(nodes[0]!);
    this.dimension = dimension;
    checkSize(label, this.draws, positions?.length ?? sizeOfNode(nodes[0]!), "observations");
    this.#values = new Values(dimension, nodes, this.draws);
  }

  /** At points [draw × dimension]. */
  matrix(points: Float64Array): LogLikelihood {
    const draws = points.length / this.dimension;
    const { positions } = this.#pointwise;
    const values = this.#pointwise.join(this.#values.evaluate(points));
    return { site: this.site, draws, shape: this.shape, values, ...(positions && { positions }) };
  }

  /** P(Y ≤ y) of each observation at points, and for counts P(Y < y): [draw × observation]. */
  distributionFunctions(points: Float64Array): readonly [Float64Array, Float64Array?] {
    const { distribution: d, value } = this.#pointwise.site;
    if (d.eventShape.length || !d.cdfOf(value))
      throw new TypeError(`${this.site}: ${d.name} has no distribution function`);
    const steps = d.discrete ? [0, 1] : [0];
    const nodes = steps.map((step) => this.#pointwise.nodes((own, x) => own.cdfOf(g.sub(x, step))!));
    const program = new Values(this.dimension, nodes.flat(), points.length / this.dimension);
    try {
      const values = program.evaluate(points);
      const each = nodes[0]!.length;
      const joined = steps.map((_, k) => this.#pointwise.join(values.slice(k * each, (k + 1) * each)));
      return joined as [Float64Array, Float64Array?];
    } finally {
      program.dispose();
    }
  }

  dispose(): void {
    this.#values.dispose();
  }
}

/**
 * The log density of every observation of a site under every draw of a fit: what leave-one-out and other comparisons are made
 * from; with `data`, of held-out observations. Takes 8 × draws × observations bytes. TypeError for a fit of a plain log density, which has no observations.
 */
export function logLikelihood(fit: FittedDraws, options: LogLikelihoodOptions = {}): LogLikelihood {
  const label = "logLikelihood(fit, options)";
  knownOptions(label, options, ["site", "draws", "data", "model"]);
  const program = new LogLikelihoodProgram("logLikelihood(fit)", label, fit, options);
  try {
    return program.matrix(fit.unconstrainedDraws().subarray(0, program.draws * program.dimension));
  } finally {
    program.dispose();
  }
}
