// How much a posterior owes to its priors and how much to the data, by power-scaling (Kallioinen, Paananen, Bürkner & Vehtari 2024, Stat.
// Comput. 34): the priors, or the likelihood, are raised to a power near 1 by reweighting the draws, and the change is measured.

import * as g from "../compile/arithmetic.js";
import { type Node, sumEvent, sumRows } from "../compile/node.js";
import { Values } from "../compile/values.js";
import { cumulativeDistance } from "../diagnostics/cumulative-distance.js";
import { psis } from "../diagnostics/psis.js";
import { integer, knownOptions, rangeError, typeError } from "../errors.js";
import { exp, log } from "../linalg/elementary.js";
import type { DrawnSite } from "../model/model.js";
import { constrained, elementNames } from "../target.js";
import { type FittedDraws, tracedFor } from "./log-likelihood.js";
import { shorten } from "./table.js";

/** Of which quantities to which priors. */
export interface SensitivityOptions {
  /** Latent and deterministic sites to report; all by default. */
  readonly sites?: readonly string[] | undefined;
  /** Latents whose priors are scaled; by default those whose priors depend on no other latent. */
  readonly priors?: readonly string[] | undefined;
  /** The first so many draws of the fit; all by default. */
  readonly draws?: number | undefined;
}

/** The sensitivities of one quantity: the cumulative Jensen–Shannon distance per doubling of the power. */
export interface SensitivityRow {
  readonly name: string;
  /** To the power of the priors. */
  readonly prior: number;
  /** To the power of the likelihood. */
  readonly likelihood: number;
  /** "none": the prior hardly matters. "prior": it does, and the data hardly do. "conflict": both do; they may disagree. */
  readonly verdict: "none" | "prior" | "conflict";
}

/** Above it a sensitivity counts: a change as of a normal distribution's mean by some 0.3 standard deviations per doubling. */
const threshold = 0.05;
const powers = [0.99, 1.01] as const;

/** Sensitivities; prints as a table with a sentence. */
export class Sensitivity {
  /** What follows, in a sentence or two. */
  readonly message: string;

  constructor(
    readonly rows: readonly SensitivityRow[],
    /** k-hat of the fit's draws; NaN for draws that are exact. */
    readonly khat: number,
  ) {
    const names = (verdict: SensitivityRow["verdict"]): string => {
      const all = rows.filter((r) => r.verdict === verdict).map((r) => r.name);
      return all.length > 5 ? `${all.slice(0, 5).join(", ")} and ${all.length - 5} more` : all.join(", ");
    };
    const [conflict, prior] = [names("conflict"), names("prior")];
    this.message = [
      ...(conflict
        ? [`Both prior and data shape ${conflict}: an informative prior, or one that the data contradict.`]
        : []),
      ...(prior ? [`The prior matters and the data say little for ${prior}.`] : []),
      ...(conflict || prior ? [] : ["No quantity is sensitive to its prior."]),
      ...(khat > 0.7 ? ["The fit's own k-hat is above 0.70, so that this is only roughly right."] : []),
    ].join(" ");
  }

  /** One quantity a line, and the sentence. */
  toString(limit = 60): string {
    const shown = this.rows.slice(0, limit);
    const width = Math.max(4, Math.min(40, Math.max(0, ...shown.map((r) => r.name.length))));
    const line = (name: string, a: string, b: string, c: string): string =>
      `${shorten(name, width).padEnd(width)} ${a.padStart(10)} ${b.padStart(10)}  ${c}`.trimEnd();
    const more = this.rows.length - shown.length;
    return [
      line("", "prior", "likelihood", ""),
      ...shown.map((r) =>
        line(r.name, r.prior.toFixed(3), r.likelihood.toFixed(3), r.verdict === "none" ? "" : r.verdict),
      ),
      ...(more > 0 ? [`… ${more} more`] : []),
      "",
      this.message,
    ].join("\n");
  }
}

/** Sum over rows and elements of the log density of a site, as far as it was observed. */
const total = (site: DrawnSite): Node =>
  (site.parts ?? [site])
    .map(({ distribution, value }) => sumEvent(sumRows(distribution.valueOf(value))))
    .reduce<Node>((a, b) => g.add(a, b), g.toNode(0));

/** For each draw the sum of the sites' log densities. */
function logDensityOf(sites: readonly DrawnSite[], dimension: number, thetas: Float64Array): Float64Array {
  const node = sites.map(total).reduce<Node>((a, b) => g.add(a, b), g.toNode(0));
  const values = new Values(dimension, [node], thetas.length / dimension);
  try {
    return values.evaluate(thetas)[0]!;
  } finally {
    values.dispose();
  }
}

/**
 * What each quantity of a fitted model owes to its priors and to the data, without fitting again. The default scales priors of the top
 * level alone, as those below belong to the model as much as the likelihood does; factors and Jacobians are left alone. TypeError
 * for a fit of a plain log density.
 */
export function priorSensitivity(fit: FittedDraws, options: SensitivityOptions = {}): Sensitivity {
  const label = "priorSensitivity(fit, options)";
  knownOptions(label, options, ["sites", "priors", "draws"]);
  const { traced, dimension } = tracedFor("priorSensitivity(fit)", label, fit, {}, { whole: true });
  // Missing values have the likelihood of those that are there, which is no prior of theirs.
  const priors = traced.priors.filter((p) => !p.missing);
  const draws = integer(`${label}.draws`, options.draws ?? fit.size, 1, fit.size);
  const names = (key: "sites" | "priors", known: readonly string[]): readonly string[] | undefined => {
    const asked: unknown = options[key];
    if (asked === undefined) return undefined;
    if (!Array.isArray(asked)) throw typeError(`${label}.${key}`, "an array of names", asked);
    asked.forEach((name, k) => {
      if (!known.includes(name as string))
        throw rangeError(`${label}.${key}[${k}]`, `one of ${known.map((n) => JSON.stringify(n)).join(", ")}`, name);
    });
    return asked as string[];
  };
  const priorNames = names(
    "priors",
    priors.map((p) => p.name),
  );
  const scaled = priors.filter((p) =>
    priorNames ? priorNames.includes(p.name) : p.distribution.parameters.every((x) => !x.latent),
  );
  const siteNames = names(
    "sites",
    fit.sites.map((s) => s.name),
  );
  const thetas = fit.unconstrainedDraws().subarray(0, draws * dimension);
  const smoothed = fit.logRatios && psis(fit.logRatios().subarray(0, draws));
  const base = smoothed?.weights ?? new Float64Array(draws).fill(1 / draws);
  const values = constrained(fit.target!, thetas, draws);
  const width = values.length / draws;
  const parts = [
    weightsOf(base, logDensityOf(scaled, dimension, thetas)),
    weightsOf(base, logDensityOf(traced.observed, dimension, thetas)),
  ] as const;
  const rows = fit.sites
    .filter((s) => !siteNames || siteNames.includes(s.name))
    .flatMap((site) =>
      elementNames(site).map((name, i): SensitivityRow => {
        const column = Float64Array.from({ length: draws }, (_, d) => values[d * width + site.offset + i]!);
        const [prior, likelihood] = parts.map((w) => sensitivity(column, base, w)) as [number, number];
        const verdict = prior < threshold ? "none" : likelihood < threshold ? "prior" : "conflict";
        return { name, prior, likelihood, verdict };
      }),
    );
  return new Sensitivity(rows, smoothed?.khat ?? Number.NaN);
}

/** The weights when the part of the density is raised to each of the powers. */
function weightsOf(base: Float64Array, logPart: Float64Array): readonly Float64Array[] {
  const center = logPart.reduce((a, l, d) => (base[d]! > 0 ? a + base[d]! * l : a), 0);
  return powers.map((power) => {
    const w = base.map((b, d) => (b > 0 ? b * exp((power - 1) * (logPart[d]! - center)) : 0));
    const sum = w.reduce((a, x) => a + x, 0);
    return w.map((x) => x / sum);
  });
}

/** Mean distance per unit of log₂ of the power, below and above 1. */
function sensitivity(x: Float64Array, base: Float64Array, weights: readonly Float64Array[]): number {
  const rates = powers.map((power, k) => (cumulativeDistance(x, base, weights[k]!) * Math.LN2) / Math.abs(log(power)));
  return (rates[0]! + rates[1]!) / 2;
}
