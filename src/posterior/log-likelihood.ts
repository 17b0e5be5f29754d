// The log-likelihood matrix of a fitted model: for each draw of the posterior the log density of each observation, computed in the core
// for many draws at once. What is one observation is what the likelihood is a density of: a number of a univariate one, also
// where a row holds an array of them; a row's whole value of a multivariate one or of `independent(…)`.

import { broadcast, type Node } from "../compile/node.js";
import { Values } from "../compile/values.js";
import { integer, knownOptions, rangeError, typeError } from "../errors.js";
import { type DrawnSite, TracedModel } from "../model/model.js";
import type { Site, Target } from "../target.js";

/** What predictions and checks need of a fit: its draws, and the model that it fits. */
export interface FittedDraws {
  readonly target: Target;
  /** Number of draws. */
  readonly size: number;
  readonly sites: readonly Site[];
  /** [draw × dimension] */
  unconstrainedDraws(): Float64Array;
  /** For each draw the log joint density minus the log density it was drawn from. Absent where the draws are the posterior's own. */
  logRatios?(): Float64Array;
  /** Log density of the approximation at any points [draw × dimension]. */
  logApproximation?(points: Float64Array): Float64Array;
}

export interface LogLikelihoodOptions {
  /** The observed site; not needed where the model has only one. */
  readonly site?: string | undefined;
  /** The first so many draws of the fit; all by default. */
  readonly draws?: number | undefined;
}

/** Log densities of the observations of a site. */
export interface LogLikelihood {
  readonly site: string;
  readonly draws: number;
  /** Shape of the observations: a plate's size comes first; empty for a single one. */
  readonly shape: readonly number[];
  /** [draw × observation], row-major in the shape. */
  readonly values: Float64Array;
}

/** The model behind a fit, or the error that there is none. */
export function modelOf(label: string, fit: FittedDraws): TracedModel {
  if (typeof fit !== "object" || fit === null || typeof fit.unconstrainedDraws !== "function")
    throw typeError(label, "a fit of a model", fit);
  if (!(fit.target instanceof TracedModel))
    throw new TypeError(`${label}: expected a fit of a model, got one of a log density, which has no observed sites`);
  return fit.target;
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

/** The log density of each observation as a node, [row][element]. */
function pointwise({ distribution, value, plate }: DrawnSite): Node {
  const whole = distribution.eventShape.length > 0;
  return broadcast(distribution.valueOf(value), plate, whole ? [] : value.shape);
}

/** The log density of each observation of a site, ready to be computed at any points. */
export class LogLikelihoodProgram {
  readonly site: string;
  readonly draws: number;
  readonly shape: readonly number[];
  readonly dimension: number;
  readonly #values: Values;

  constructor(what: string, label: string, fit: FittedDraws, options: LogLikelihoodOptions) {
    const model = modelOf(what, fit);
    this.draws = integer(`${label}.draws`, options.draws ?? fit.size, 1, fit.size);
    const site = observedSite(label, model.trace({ whole: true }).observed, options.site);
    const node = pointwise(site);
    this.site = site.name;
    this.shape = [...(node.plate ? [node.plate.size] : []), ...node.shape];
    this.dimension = model.dimension;
    this.#values = new Values(model.dimension, [node], this.draws);
  }

  /** At points [draw × dimension]. */
  matrix(points: Float64Array): LogLikelihood {
    const draws = points.length / this.dimension;
    return { site: this.site, draws, shape: this.shape, values: this.#values.evaluate(points)[0]! };
  }

  dispose(): void {
    this.#values.dispose();
  }
}

/**
 * The log density of every observation of a site under every draw of a fit: what leave-one-out and other comparisons are made
 * from. Takes 8 × draws × observations bytes. TypeError for a fit of a plain log density, which has no observations.
 */
export function logLikelihood(fit: FittedDraws, options: LogLikelihoodOptions = {}): LogLikelihood {
  const label = "logLikelihood(fit, options)";
  knownOptions(label, options, ["site", "draws"]);
  const program = new LogLikelihoodProgram("logLikelihood(fit)", label, fit, options);
  try {
    return program.matrix(fit.unconstrainedDraws().subarray(0, program.draws * program.dimension));
  } finally {
    program.dispose();
  }
}
