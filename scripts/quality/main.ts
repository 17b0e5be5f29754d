// `npm run quality`: real posteriors with known answers, each algorithm, several seeds; prints and writes docs/quality.md. For every
// fit the largest and median error of the posterior means in reference standard deviations, the range of the ratios of
// standard deviations, k-hat, gradients, time and verdict; then, per algorithm, how verdicts and truth agree.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type PosteriorData, posteriors } from "../../examples/posteriors.js";
import { type Fit, type FitOptions, fit } from "../../src/index.js";

interface Moments {
  readonly mean: number;
  readonly sd: number;
}
interface Reference {
  readonly params: Readonly<Record<string, Moments>>;
}

const folder = fileURLToPath(new URL("../../../shared/posteriordb/", import.meta.url));
if (!existsSync(folder)) {
  console.error(`No reference answers: expected posteriordb's at ${folder}`);
  process.exit(1);
}
const read = <T>(file: string): T => JSON.parse(readFileSync(`${folder}${file}`, "utf8")) as T;
const moments = read<Record<string, Reference>>("reference_moments.json");

const { values: flags } = parseArgs({
  options: {
    seeds: { type: "string", default: "5" },
    only: { type: "string" },
    algorithms: { type: "string" },
    skip: { type: "string" },
    write: { type: "boolean", default: false },
  },
});
const seeds = Array.from({ length: Number(flags.seeds) }, (_, i) => i + 1);

/** What is compared, all as users see them: corrected by importance weights where k-hat allows. */
const algorithms: Readonly<Record<string, FitOptions>> = {
  default: {},
  "advi, mean-field": { algorithm: "advi", family: "meanField" },
  "advi, full-rank": { algorithm: "advi", family: "fullRank" },
  "dadvi, mean-field": { algorithm: "dadvi", family: "meanField" },
  "dadvi, full-rank": { algorithm: "dadvi", family: "fullRank" },
  bam: { algorithm: "bam" },
  "bam, low-rank": { algorithm: "bam", family: "lowRank" },
  laplace: { algorithm: "laplace" },
  pathfinder: { algorithm: "pathfinder" },
  "pathfinder, several paths": { algorithm: "multipathPathfinder" },
};

/** Our counterpart of each method of attainable.json. */
const counterparts = { laplace: "laplace", mf_saa: "dadvi, mean-field", fr_saa: "default" } as const;
interface Attained {
  readonly err_max?: number;
  readonly sd_min?: number;
  readonly sd_max?: number;
  readonly gradients?: number;
}

interface Row {
  readonly posterior: string;
  readonly algorithm: string;
  readonly status: string;
  readonly worst: number;
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
  readonly khat: number;
  readonly gradients: number;
  readonly ms: number;
  readonly where: string;
}

/** posteriordb counts from 1. */
const ourName = (name: string): string =>
  name.replace(
    /\[([\d,]+)\]$/,
    (_, index: string) =>
      `[${index
        .split(",")
        .map((i) => Number(i) - 1)
        .join(",")}]`,
  );

function measure(posterior: string, algorithm: string, f: Fit, ms: number): Row {
  const rows = new Map(f.summary().rows.map((r) => [r.name, r]));
  const errors: { name: string; error: number; ratio: number }[] = [];
  for (const [name, reference] of Object.entries(moments[posterior]!.params)) {
    const ours = rows.get(ourName(name));
    if (!ours) continue;
    errors.push({ name, error: Math.abs(ours.mean - reference.mean) / reference.sd, ratio: ours.sd / reference.sd });
  }
  errors.sort((a, b) => b.error - a.error);
  const ratios = errors.map((e) => e.ratio).sort((a, b) => a - b);
  return {
    posterior,
    algorithm,
    status: f.status,
    worst: errors[0]?.error ?? Number.NaN,
    where: errors[0]?.name ?? "",
    median: errors[errors.length >> 1]?.error ?? Number.NaN,
    least: ratios[0] ?? Number.NaN,
    greatest: ratios.at(-1) ?? Number.NaN,
    khat: f.khat,
    gradients: f.gradients,
    ms,
  };
}

/** Wrong as the project defines it: a mean off by more than 0.3 reference sd, or an sd by more than 30 %. */
const wrong = (r: Row): boolean => !(r.worst <= 0.3 && r.least >= 0.7 && r.greatest <= 1.3);

const rows: Row[] = [];
// Names contain commas: a list is separated by semicolons.
const chosen = flags.algorithms ? flags.algorithms.split(";").map((s) => s.trim()) : Object.keys(algorithms);
for (const name of chosen)
  if (!algorithms[name])
    throw new RangeError(`--algorithms: expected some of ${Object.keys(algorithms).join("; ")}, got "${name}"`);
for (const [name, model] of Object.entries(posteriors)) {
  if (flags.only && !flags.only.split(",").some((part) => name.includes(part))) continue;
  if (flags.skip?.split(",").some((part) => name.includes(part))) continue;
  const data = read<PosteriorData>(`${name}/data.json`);
  for (const algorithm of chosen)
    for (const seed of seeds) {
      const t = performance.now();
      const f = await fit(model, data, { ...algorithms[algorithm], seed });
      const row = measure(name, algorithm, f, performance.now() - t);
      f.dispose();
      rows.push(row);
      console.log(
        `${name.slice(0, 30).padEnd(30)} ${algorithm.padEnd(25)} ${String(seed).padStart(2)} ${row.status.padEnd(9)} ` +
          `mean ${row.worst.toFixed(3)} (median ${row.median.toFixed(3)}) sd ×${row.least.toFixed(2)}–${row.greatest.toFixed(2)} ` +
          `k ${row.khat.toFixed(2)} ${row.gradients} gradients ${row.ms.toFixed(0)} ms ${row.where}${wrong(row) ? " WRONG" : ""}`,
      );
    }
}

const percent = (a: number, b: number): string => (b ? `${((100 * a) / b).toFixed(0)} %` : "–");
const lines = [
  "# Quality on real posteriors",
  "",
  "Generated by `npm run quality -- --write`. Errors of means in reference standard deviations, ratios of standard deviations; a fit is",
  "*wrong* when a mean is off by more than 0.3 or a standard deviation by more than 30 %. Median over seeds, worst over parameters.",
  "Everything as `fit` answers: corrected by importance weights where k-hat allows that. Gradients without those of the final check.",
  "",
  "| posterior | algorithm | converged | worst mean | median mean | sd ratio | k-hat | gradients | ms |",
  "|---|---|---:|---:|---:|---:|---:|---:|---:|",
];
const mid = (xs: number[]): number => [...xs].sort((a, b) => a - b)[xs.length >> 1] ?? Number.NaN;
/** A number, or nothing where there is no answer to measure. */
const shown = (x: number, digits: number): string => (Number.isNaN(x) ? "" : x.toFixed(digits));
for (const name of new Set(rows.map((r) => r.posterior)))
  for (const algorithm of chosen) {
    const of = rows.filter((r) => r.posterior === name && r.algorithm === algorithm);
    const m = (f: (r: Row) => number): number => mid(of.map(f));
    lines.push(
      `| ${name} | ${algorithm} | ${of.filter((r) => r.status === "converged").length}/${of.length} | ${shown(
        m((r) => r.worst),
        3,
      )} | ${shown(
        m((r) => r.median),
        3,
      )} | ${shown(
        m((r) => r.least),
        2,
      )}–${shown(
        m((r) => r.greatest),
        2,
      )} | ${shown(
        m((r) => r.khat),
        2,
      )} | ${m((r) => r.gradients)} | ${m((r) => r.ms).toFixed(0)} |`,
    );
  }
lines.push(
  "",
  "## Verdicts against the truth",
  "",
  "| algorithm | converged, right | converged, wrong | refused, right | refused, wrong | converged |",
  "|---|---:|---:|---:|---:|---:|",
);
for (const algorithm of chosen) {
  const of = rows.filter((r) => r.algorithm === algorithm);
  const count = (converged: boolean, isWrong: boolean): number =>
    of.filter((r) => (r.status === "converged") === converged && wrong(r) === isWrong).length;
  lines.push(
    `| ${algorithm} | ${count(true, false)} | ${count(true, true)} | ${count(false, false)} | ${count(false, true)} | ${percent(of.filter((r) => r.status === "converged").length, of.length)} |`,
  );
}
console.log(lines.slice(-chosen.length - 3).join("\n"));

const attainable = read<Record<string, Partial<Record<keyof typeof counterparts, Attained>>>>("attainable.json");
const figures = (worst?: number, least?: number, greatest?: number, gradients?: number): string =>
  worst === undefined ? "fails" : `${worst.toFixed(3)}, ${least!.toFixed(2)}–${greatest!.toFixed(2)}, ${gradients}`;
lines.push(
  "",
  "## Beside simple methods with exact gradients",
  "",
  "Worst mean, range of sd ratios, gradients; ours as above (median over seeds), then what the method itself reaches (L-BFGS on 64 fixed",
  "draws for mean-field and full covariance, a dense Hessian for Laplace; `attainable.json` of our reference data).",
  "",
  "| posterior | ours: laplace | Laplace | ours: dadvi, mean-field | 64 draws, mean-field | ours: default | 64 draws, full covariance |",
  "|---|---:|---:|---:|---:|---:|---:|",
);
for (const name of new Set(rows.map((r) => r.posterior))) {
  const cells = Object.entries(counterparts).flatMap(([method, algorithm]) => {
    const of = rows.filter((r) => r.posterior === name && r.algorithm === algorithm);
    const m = (f: (r: Row) => number): number => mid(of.map(f));
    const theirs = attainable[name]?.[method as keyof typeof counterparts];
    const ours = m((r) => r.worst);
    return [
      Number.isNaN(ours)
        ? "no answer"
        : figures(
            ours,
            m((r) => r.least),
            m((r) => r.greatest),
            m((r) => r.gradients),
          ),
      theirs ? figures(theirs.err_max, theirs.sd_min, theirs.sd_max, theirs.gradients) : "–",
    ];
  });
  lines.push(`| ${name} | ${cells.join(" | ")} |`);
}
if (flags.write)
  writeFileSync(fileURLToPath(new URL("../../docs/quality.md", import.meta.url)), `${lines.join("\n")}\n`);
