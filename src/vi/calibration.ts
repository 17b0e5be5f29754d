// Simulation-based calibration (Talts, Betancourt, Simpson, Vehtari & Gelman 2018; for variational inference Yao, Vehtari, Simpson & Gelman
// 2018, algorithm 2): parameters from the prior, data given them, a fit of the data, and the ranks of the parameters among the fit's
// draws. Where the fit is right, ranks are uniform, whatever the model; how they are not tells what is wrong.

import { integer, knownOptions, rangeError, typeError } from "../errors.js";
import type { Model, TracedModel } from "../model/model.js";
import type { Status } from "../optim/run.js";
import { drawJoint } from "../posterior/predictive.js";
import { type RankTests, rankTests } from "../posterior/rank-tests.js";
import { shorten } from "../posterior/table.js";
import { elementNames, type Site } from "../target.js";
import { type FitOptions, fitTarget } from "./fit.js";

/** What calibration needs of an answer. */
export interface CalibratedDraws {
  readonly status?: Status;
  /** Number of draws. */
  readonly size: number;
  /** Draws of a site: [draw × size]. */
  draws(name: string): Float64Array;
}

/** How many simulations, of which quantities, and how they are fitted. */
export interface CalibrationOptions {
  /** Default 200. */
  readonly simulations?: number | undefined;
  /** An integer from 0 on; default 0. */
  readonly seed?: number | undefined;
  /** Latent and deterministic sites; all latents by default. */
  readonly sites?: readonly string[] | undefined;
  /** Options of each fit, or another way of fitting: any answer with draws. By default `fit` with 999 draws. */
  readonly fit?:
    | FitOptions
    | ((target: TracedModel, seed: number) => CalibratedDraws | Promise<CalibratedDraws>)
    | undefined;
  /** Which fits count: all that have draws, or only those that call themselves converged. Default "all". */
  readonly count?: "all" | "converged" | undefined;
  /** Aborting it ends the calibration with the simulations done so far. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each simulation. */
  readonly onProgress?: ((done: number, of: number) => void) | undefined;
}

/** The tests of one quantity. */
export interface CalibrationRow extends RankTests {
  readonly name: string;
}

/** Ranks with their tests; prints as a table with a sentence. */
export class Calibration {
  readonly rows: readonly CalibrationRow[];
  /** What follows, in a sentence or two. */
  readonly message: string;
  /** The smallest of all p-values times their number (Bonferroni), at most 1. */
  readonly adjusted: number;

  constructor(
    /** Names of the quantities. */
    readonly names: readonly string[],
    /** By [simulation × quantity], how many draws of the fit are below the value that the data were simulated with. */
    readonly ranks: Float64Array,
    /** Draws of each fit: ranks lie in 0…draws. */
    readonly draws: number,
    /** How many fits ended how, of those that count. */
    readonly statuses: Readonly<Partial<Record<Status | "unknown", number>>>,
    /** Simulations left out: the fit had no draws, or did not count, or the data could not be fitted. */
    readonly left: number,
  ) {
    const width = names.length;
    this.rows = names.map((name, k) => ({
      name,
      ...rankTests(
        Float64Array.from({ length: ranks.length / width }, (_, i) => ranks[i * width + k]!),
        draws,
      ),
    }));
    const all = this.rows.flatMap((row) => [row.uniformity, row.symmetry, row.spread]);
    this.adjusted = Math.min(1, all.length * Math.min(1, ...all));
    this.message = this.#sentence();
  }

  /** Simulations that count. */
  get simulations(): number {
    return this.ranks.length / this.names.length;
  }

  #sentence(): string {
    const { simulations, rows, left } = this;
    const out = left ? ` ${left} simulation${left === 1 ? " is" : "s are"} left out.` : "";
    if (simulations < 20) return `${simulations} simulations are too few to say anything.${out}`;
    if (!(this.adjusted < 0.01))
      return `The ranks are uniform as far as ${simulations} simulations tell (smallest p, adjusted for ${3 * rows.length} tests: ${pValue(this.adjusted)}).${out}`;
    const limit = 0.01 / (3 * rows.length);
    const wrong = rows.filter((r) => Math.min(r.uniformity, r.symmetry, r.spread) < limit);
    const worst = wrong.reduce((a, b) => (strength(b) < strength(a) ? b : a));
    const more = wrong.length > 1 ? ` (and of ${wrong.length - 1} more)` : "";
    const what =
      worst.spread < limit
        ? `too ${worst.scale < 1 ? "narrow" : "wide"}: standard deviations are about ${worst.scale.toFixed(2)} of what they should be`
        : worst.symmetry < limit
          ? `off to one side: too ${worst.shift > 0 ? "low" : "high"} by about ${Math.abs(worst.shift).toFixed(2)} standard deviations`
          : "not of the right shape";
    return `The posterior of ${worst.name}${more} is ${what} (p ${pValue(strength(worst))}, ${simulations} simulations).${out}`;
  }

  /** The tests, one quantity a line, and the sentence. */
  toString(limit = 60): string {
    const cells = this.rows
      .slice(0, limit)
      .map((r) => [r.shift.toFixed(2), r.scale.toFixed(2), pValue(r.uniformity), pValue(r.symmetry), pValue(r.spread)]);
    const headings = ["shift", "scale", "p uniform", "p symmetric", "p spread"];
    const names = Math.max(4, Math.min(24, ...[Math.max(0, ...this.names.map((n) => n.length))]));
    const line = (name: string, values: readonly string[]): string =>
      `${shorten(name, names).padEnd(names)}${values.map((v, k) => ` ${v.padStart(headings[k]!.length)}`).join("")}`;
    const more = this.rows.length - cells.length;
    return [
      line("", headings),
      ...cells.map((c, k) => line(this.rows[k]!.name, c)),
      ...(more > 0 ? [`… ${more} more`] : []),
      "",
      this.message,
    ].join("\n");
  }
}

const strength = (r: RankTests): number => Math.min(r.uniformity, r.symmetry, r.spread);
const pValue = (p: number): string => (p < 0.001 ? "< 0.001" : p.toFixed(3));

/**
 * Checks an algorithm on a model by data that are simulated from it: `simulations` times, parameters are drawn from the prior, the
 * observed sites from their likelihoods given them, and the model is fitted with these in place of its observed data. Everything else
 * in `data` (regressors, indices, sizes) stays. A model that uses its observations elsewhere too, as regressors say, is not simulated
 * rightly. TypeError for improper priors and models with factors.
 */
export async function simulationBasedCalibration<Data>(
  model: Model<Data>,
  data: Data,
  options: CalibrationOptions = {},
): Promise<Calibration> {
  const label = "simulationBasedCalibration(model, data, options)";
  if (typeof model !== "object" || model === null || typeof model.trace !== "function")
    throw typeError("simulationBasedCalibration(model)", "a model", model);
  knownOptions(label, options, ["simulations", "seed", "sites", "fit", "count", "signal", "onProgress"]);
  const simulations = integer(`${label}.simulations`, options.simulations ?? 200, 1, 1_000_000);
  const seed = integer(`${label}.seed`, options.seed ?? 0, 0);
  const { count = "all", signal, onProgress } = options;
  if (count !== "all" && count !== "converged") throw rangeError(`${label}.count`, '"all" | "converged"', count);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw typeError(`${label}.signal`, "an AbortSignal", signal);
  const own = options.fit;
  const fitting =
    typeof own === "function"
      ? own
      : (target: TracedModel, s: number) => fitTarget(target, { posteriorDraws: 999, seed: s, ...own });

  const traced = model.trace(data, { constrained: true, predict: true });
  if (!traced.observed.length && !traced.imputed.length)
    throw new TypeError(
      "simulationBasedCalibration(model): expected a model with at least one observe(...), got one with none",
    );
  const joint = drawJoint(label, traced, simulations, seed);
  // Of sites with missing values, the joint draws hold all values, the fit those that are missing.
  const gaps = new Map(traced.imputed.map((s) => [s.name, s.gaps]));
  const known = joint.sites.filter((s) => s.kind !== "observed" && gaps.get(s.name)?.length !== 0);
  const wanted = options.sites ?? known.filter((s) => s.kind === "latent").map((s) => s.name);
  if (!Array.isArray(wanted)) throw typeError(`${label}.sites`, "an array of names", wanted);
  const sites = wanted.map((name: string, k): Site => {
    const site = known.find((s) => s.name === name);
    if (!site) throw rangeError(`${label}.sites[${k}]`, "the name of a latent or deterministic site", name);
    const missing = traced.imputed.find((s) => s.name === name);
    const shown = missing ? { name, shape: [missing.gaps.length], labels: missing.labels } : site;
    return { ...shown, kind: "latent", offset: 0 };
  });
  const truths = sites.map(({ name }) => {
    const own = gaps.get(name);
    const all = joint.draws(name);
    const width = all.length / simulations;
    return own
      ? Float64Array.from({ length: simulations * own.length }, (_, i) => {
          const draw = Math.floor(i / own.length);
          return all[draw * width + own[i % own.length]!]!;
        })
      : all;
  });
  const names = sites.flatMap(elementNames);
  const observed = [...traced.observed, ...traced.imputed].map((s) => ({ name: s.name, values: joint.draws(s.name) }));

  const ranks: number[] = [];
  const statuses: Partial<Record<Status | "unknown", number>> = {};
  let left = 0;
  let size = 0;
  for (let j = 0; j < simulations && !signal?.aborted; j++) {
    const row = (x: Float64Array): Float64Array =>
      x.slice((j * x.length) / simulations, ((j + 1) * x.length) / simulations);
    let target: TracedModel | undefined;
    try {
      target = model.compile(data, { observed: new Map(observed.map((o) => [o.name, row(o.values)])) });
    } catch (error) {
      // Wide priors give data that no computer holds: a rate of e^1000, say.
      if (!(error instanceof RangeError)) throw error;
      left++;
      continue;
    }
    try {
      const answer = await fitting(target, seed + j);
      const status = answer.status ?? "unknown";
      const found = status === "diverged" || (count === "converged" && status !== "converged") ? null : answer;
      if (!found) {
        left++;
        continue;
      }
      size ||= found.size;
      if (found.size !== size) throw rangeError(`${label}.fit`, `answers of equally many draws (${size})`, found.size);
      ranks.push(...sites.flatMap((s, k) => rankOf(row(truths[k]!), found.draws(s.name), size)));
      statuses[status] = (statuses[status] ?? 0) + 1;
    } finally {
      target.dispose();
      onProgress?.(j + 1, simulations);
    }
  }
  return new Calibration(names, Float64Array.from(ranks), size, statuses, left);
}

/** For each value the number of draws below it; equal ones count half. */
function rankOf(truth: Float64Array, draws: Float64Array, size: number): number[] {
  const width = truth.length;
  return Array.from(truth, (value, i) => {
    let rank = 0;
    for (let d = 0; d < size; d++) {
      const x = draws[d * width + i]!;
      rank += x < value ? 1 : x === value ? 0.5 : 0;
    }
    return rank;
  });
}
