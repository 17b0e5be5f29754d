// What bench:peers prints and writes: a table per workload, the same as text and as Markdown, and the bars that the engine has to
// clear: so many times as fast as the fastest JavaScript library, no slower than the C loop in the same engine.

import { type Workload, workloads } from "../data.js";
import type { Outcome, Ratio } from "./duel.js";

/** What one run found. */
export interface Result {
  readonly machine: Readonly<Record<string, string>>;
  readonly ours: readonly OurTimes[];
  readonly outcomes: readonly Outcome[];
  /** Who could not take part, and why. */
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

/** Ours on a workload: seconds a step by build, the ELBO of its scored fit. */
export interface OurTimes {
  readonly workload: string;
  readonly release: number;
  readonly relaxed?: number;
  readonly score: number;
}

/** Times as fast as the fastest library of npm that computes the right thing. */
const librariesBar: Readonly<Record<string, number>> = { W1: 50, W2: 50, W3a: 10, W3b: 4, W3c: 3, W4: 10 };
/** Our time over that of C: in WebAssembly, baseline build; native with 128-bit vectors, relaxed build. */
const wasmBar = 1.0;
const nativeBar = 1.3;

const micros = (seconds: number | undefined): string => {
  if (seconds === undefined || Number.isNaN(seconds)) return "–";
  const value = seconds * 1e6;
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
};

const times = (x: number): string => (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2));

const ratio = (r: Ratio | undefined): string => (r ? `${times(r.median)} (${times(r.low)}–${times(r.high)})` : "–");

const headings = ["contestant", "type", "µs a step", "least", "over ours (quartiles)", "over relaxed", "apart", "ELBO"];
const numeric = new Set([2, 3, 4, 5, 6, 7]);

function rowsOf(result: Result, workload: string): string[][] {
  const ours = result.ours.filter((o) => o.workload === workload);
  const score = (value: number | undefined): string => (value === undefined ? "–" : value.toFixed(2));
  return [
    ...ours.map((o) => ["ours, baseline", "f64", micros(o.release), "", "", "", "", score(o.score)]),
    ...ours.filter((o) => o.relaxed).map((o) => ["ours, relaxed", "f64", micros(o.relaxed), "", "", "", "", ""]),
    ...result.outcomes
      .filter((o) => o.workload === workload)
      .map((o) => [
        o.name,
        o.precision,
        micros(o.median),
        micros(o.least),
        ratio(o.release),
        ratio(o.relaxed),
        o.apart === undefined ? "–" : o.apart.toExponential(0),
        score(o.score),
      ]),
  ];
}

function aligned(rows: readonly (readonly string[])[], markdown: boolean): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, k) => Math.max(...lines.map((line) => line[k]!.length)));
  const text = lines.map((line) => {
    const cells = line.map((cell, k) => (numeric.has(k) ? cell.padStart(widths[k]!) : cell.padEnd(widths[k]!)));
    return markdown ? `| ${cells.join(" | ")} |` : cells.join("  ").trimEnd();
  });
  if (markdown) text.splice(1, 0, `|${widths.map((_, k) => (numeric.has(k) ? "---:" : "---")).join("|")}|`);
  return text.join("\n");
}

/** Sentences on the bars of a workload. */
export function bars(result: Result, workload: string): string[] {
  const outcomes = result.outcomes.filter((o) => o.workload === workload && o.release);
  const out: string[] = [];
  const [library] = outcomes.filter((o) => o.kind === "JavaScript").sort((a, b) => a.median! - b.median!);
  if (library) {
    const bar = librariesBar[workload]!;
    const reached = library.release!.median;
    out.push(
      `fastest library: ${library.name} (${library.precision}), ${times(reached)} times our time; wanted ${bar}: ${reached >= bar ? "met" : "MISSED"}`,
    );
  }
  for (const [key, of, bar] of [
    ["c-wasm", "release", wasmBar],
    ["c", "relaxed", nativeBar],
  ] as const) {
    const c = outcomes.find((o) => o.key === key);
    const found = c?.[of];
    if (!c || !found) continue;
    const reached = 1 / found.median;
    out.push(
      `our ${of === "release" ? "baseline" : "relaxed"} build takes ${reached.toFixed(2)} times (${(1 / found.high).toFixed(2)}–${(1 / found.low).toFixed(2)}) as long as ${c.name}; wanted ≤ ${bar.toFixed(1)}: ${reached <= bar ? "met" : "MISSED"}`,
    );
  }
  return out;
}

function remarks(result: Result, workload: string): string[] {
  const outcomes = result.outcomes.filter((o) => o.workload === workload);
  const share = Math.min(1, ...outcomes.map((o) => o.share ?? 1));
  return [
    ...outcomes.flatMap((o) => [
      ...(o.note ? [`${o.name}: ${o.note}`] : []),
      ...((o.threads ?? 0) > 1.3 ? [`${o.name} kept ${o.threads!.toFixed(1)} processors busy`] : []),
    ]),
    ...(share < 0.9
      ? [`other programs kept the machine busy: ours got ${(100 * share).toFixed(0)} % of a processor at worst`]
      : []),
  ];
}

/** The table of one workload with its bars and remarks. */
export function section(result: Result, { name, title }: Workload, markdown = false): string {
  const lines = [...bars(result, name), ...remarks(result, name)];
  return [
    markdown ? `### ${name}: ${title}\n` : `${name}: ${title}`,
    aligned(rowsOf(result, name), markdown),
    ...(lines.length ? ["", ...lines.map((line) => (markdown ? `- ${line}` : line))] : []),
    "",
  ].join("\n");
}

export const legend = `µs a step: median and least of the blocks. Over ours: its time over that of the baseline build (over relaxed: of
the relaxed build) in neighbouring blocks, median and quartiles. Apart: largest difference of a variational parameter from ours after
50 steps on the same normals (–: it cannot be fed normals). ELBO: of its q after a fit of its own, all scored by one float64 evaluator.
One thread each. A step: draw, log joint and gradient, ELBO read back, Adam.`;

export function heading({ machine, skipped }: Result): string {
  const { variational, node, v8, processor, ...versions } = machine;
  const others = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `variational ${variational}, Node ${node} (V8 ${v8}), ${processor}`,
    ...(others.length ? [others.join(", ")] : []),
    ...skipped.map(({ name, why }) => `${name} skipped: ${why}`),
  ].join("\n");
}

/** The part of docs/benchmarks.md between the two marks. */
export const marks = ["<!-- bench:peers -->", "<!-- /bench:peers -->"] as const;

export function documentPart(result: Result): string {
  const measured = workloads.filter((w) => result.ours.some((o) => o.workload === w.name));
  return [
    marks[0],
    heading(result).replaceAll("\n", "  \n"),
    "",
    legend,
    "",
    ...measured.map((w) => section(result, w, true)),
    marks[1],
  ].join("\n");
}
