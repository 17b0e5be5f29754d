// `npm run bench:functions`: ns per element of every function and sampler of the core, in a cache's worth of data and in a million
// elements, beside Math or the fastest implementation that npm has. Results are held together first: functions to an error
// that is stated with each, samples by their mean and variance. Both sides are timed in alternation (interleave.ts).

import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { CoreExports } from "../../src/core/load.js";
import { openCore } from "../../test/random-support.js";
import { type Comparison, warmUp } from "../comparison.js";
import { compare } from "../interleave.js";
import { functions } from "./function-list.js";
import type { Case, Entry, Piece, Rival } from "./rival.js";
import { samplers } from "./samplers.js";

const usage = `npm run bench:functions -- [options] [name ...]
  --build NAME    release (default) or relaxed
  --quick         fewer cycles
  --write         write docs/function-benchmarks.md, for a whole run of the release build
`;

const { values: options, positionals: wanted } = parseArgs({
  options: {
    build: { type: "string", default: "release" },
    quick: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
  allowPositionals: true,
});

const sizes = [1_000, 1_000_000] as const;
/** Seconds that a timed call lasts: what takes longer walks through its arrays in pieces, of a thousand elements at least. */
const LONGEST = 0.003;

/** What was measured of an entry at one size. */
type Measured = Pick<Comparison, "engine"> & Partial<Comparison>;

/** The seconds that a call of `piece` on `count` elements takes, roughly. */
const cost = (piece: Piece, count: number): number => warmUp(() => piece(0, count), 0.02) / count;

/** Repeated calls that walk through n elements, `count` at a time. */
function walk(piece: Piece, n: number, count: number): () => void {
  let from = 0;
  return () => {
    piece(from, from + count);
    from += count;
    if (from + count > n) from = 0;
  };
}

function measure(one: Case, n: number, rival: Rival | undefined): Measured {
  const plain = rival && one.plain(rival);
  const slowest = Math.max(cost(one.engine, 1_000), plain ? cost(plain, 1_000) : 0);
  // Thousands divide a million, and keep pieces aligned.
  const count = Math.min(n, 1_000 * Math.max(1, Math.floor(LONGEST / slowest / 1_000)));
  const engine = { run: walk(one.engine, n, count), count };
  if (!plain) {
    const times = Array.from({ length: 5 }, () => warmUp(engine.run, 0.05) / count).sort((a, b) => a - b);
    return { engine: times[2]! };
  }
  return compare({ run: walk(plain, n, count), count }, engine, { rounds: options.quick ? 3 : 7, warm: 0.1 });
}

/** The fastest of the rivals. */
function fastest(one: Case, rivals: readonly Rival[]): Rival | undefined {
  const timed = rivals.map((rival) => ({ rival, seconds: cost(one.plain(rival), 1_000) }));
  return timed.sort((a, b) => a.seconds - b.seconds)[0]?.rival;
}

const ns = (seconds: number | undefined): string => {
  if (seconds === undefined) return "–";
  const value = seconds * 1e9;
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
};

const ratio = ({ ratio, low, high }: Measured): string =>
  ratio === undefined ? "–" : `${ratio.toFixed(2)} (${low!.toFixed(2)}–${high!.toFixed(2)})`;

function row(core: CoreExports, entry: Entry): string[] {
  let rival: Rival | undefined;
  let checked = "–";
  const [small, large] = sizes.map((n) => {
    const one = entry.open(core, n);
    try {
      if (n === sizes[0]) rival = fastest(one, entry.rivals);
      else checked = one.check(rival);
      return measure(one, n, rival);
    } finally {
      one.close();
    }
  }) as [Measured, Measured];
  return [
    entry.name,
    entry.setting,
    ns(small.engine),
    ns(large.engine),
    rival?.name ?? "none",
    ns(small.plain),
    ns(large.plain),
    ratio(small),
    ratio(large),
    checked,
  ];
}

const headings = [
  "arguments",
  "ours, 1e3",
  "ours, 1e6",
  "rival",
  "its, 1e3",
  "its, 1e6",
  "ratio, 1e3",
  "ratio, 1e6",
  "apart",
];
const numeric = new Set([2, 3, 5, 6, 7, 8]);

/** A table that reads as text and as Markdown. */
function table(first: string, rows: readonly string[][]): string {
  const lines = [[first, ...headings], ...rows];
  const widths = lines[0]!.map((_, k) => Math.max(...lines.map((line) => line[k]!.length)));
  const text = lines.map(
    (line) =>
      `| ${line.map((cell, k) => (numeric.has(k) ? cell.padStart(widths[k]!) : cell.padEnd(widths[k]!))).join(" | ")} |`,
  );
  const rule = `| ${widths.map((w, k) => (numeric.has(k) ? `${"-".repeat(w - 1)}:` : "-".repeat(w))).join(" | ")} |`;
  return [text[0]!, rule, ...text.slice(1)].join("\n");
}

const legend = `Times in ns per element. ours: one thread, the ${options.build} build, whole arrays in the core's memory; rival: the fastest
of Math, @stdlib, d3-random and bessel (where they have it; none: nothing on npm does), in a loop over a Float64Array that V8 specialises for it;
ratio: its time over ours, median (quartiles) over alternating cycles. apart, for functions: the largest difference
found among 10,000 elements, relative to the value (near a root: absolute), and the bound it was held to. For samplers: how many
standard errors the means and variances of 100,000 samples of either side were at most from those of the distribution; the
rival is bound to constant parameters, ours reads parameters of each element. The arrays of a million elements are walked through
in calls of about ${LONGEST * 1e3} ms.`;

function main(): void {
  if (options.help) {
    console.log(usage);
    return;
  }
  const { build } = options;
  if (build !== "release" && build !== "relaxed")
    throw new RangeError(`--build: expected release or relaxed, got "${build}"`);
  if (options.write && (build !== "release" || options.quick || wanted.length > 0))
    throw new RangeError("--write: expected a whole run of the release build, got a part of it");
  const all = [...functions, ...samplers];
  const unknown = wanted.find((name) => !all.some((entry) => entry.name === name));
  if (unknown !== undefined)
    throw new RangeError(`names: expected some of ${all.map((entry) => entry.name).join(", ")}, got "${unknown}"`);
  const core = openCore(build);
  const tables: string[] = [];
  for (const [first, entries] of [
    ["function", functions],
    ["sampler", samplers],
  ] as const) {
    const chosen = entries.filter((entry) => wanted.length === 0 || wanted.includes(entry.name));
    if (chosen.length > 0)
      tables.push(
        table(
          first,
          chosen.map((entry) => row(core, entry)),
        ),
      );
  }
  const text = `${tables.join("\n\n")}\n\n${legend}\n`;
  console.log(text);
  if (!options.write) return;
  const heading = `# Speed of functions and samplers\n\nWritten by \`npm run bench:functions -- --write\` on ${cpus()[0]?.model.trim() ?? "an unknown processor"}, Node ${process.version}.\n`;
  writeFileSync(fileURLToPath(new URL("../../docs/function-benchmarks.md", import.meta.url)), `${heading}\n${text}`);
}

main();
