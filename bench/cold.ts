// What a user waits for: the way from nothing to a first gradient, each time in a fresh process, and whole default fits in a warm one; on
// the packaged build, beside the milliseconds that are wanted. Nothing is asserted: the table says what was met.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const kidscoreData = path("../../shared/posteriordb/kidiq-kidscore_interaction/data.json");

/** One line of the table, in milliseconds. */
export interface Wait {
  readonly title: string;
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly wanted?: number;
  readonly note?: string;
}

/** Newest change below a folder. */
const newest = (folder: string): number =>
  Math.max(
    ...readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(`${entry.parentPath}/${entry.name}`).mtimeMs),
  );

/** The packaged build, made anew when the sources have changed since. */
function packaged(): string {
  const entry = path("../dist/node/index.js");
  if (!existsSync(entry) || statSync(entry).mtimeMs < Math.max(newest(path("../src")), newest(path("../assembly"))))
    run([path("../scripts/build.mjs")]);
  return new URL("../dist/node/index.js", import.meta.url).href;
}

function run(args: readonly string[]): string {
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`node ${args.join(" ")} ended with exit code ${status}`);
  return stdout;
}

function quartiles(values: readonly number[]): Pick<Wait, "median" | "low" | "high"> {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (p: number): number => sorted[Math.round(p * (sorted.length - 1))]!;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

const parts = {
  import: "import (not counted)",
  load: "load",
  compile: "trace and compile",
  gradient: "first gradient",
  total: "load to first gradient",
} as const;

/** All lines: 20 fresh processes for each way to load (`quick`: 7), 100 fits (30) of each posterior. */
export function measureWaits(quick: boolean): Wait[] {
  const entry = packaged();
  const waits: Wait[] = [];
  for (const how of ["load", "loadSync"]) {
    const runs = Array.from(
      { length: quick ? 7 : 20 },
      () => JSON.parse(run([path("cold/first.mjs"), entry, how])) as Record<keyof typeof parts, number>,
    );
    for (const part of Object.keys(parts) as (keyof typeof parts)[])
      waits.push({
        title: `eight schools, fresh process, ${how}(): ${parts[part]}`,
        ...quartiles(runs.map((r) => r[part])),
        ...(part === "total" && { wanted: 5 }),
      });
  }
  const fits = [
    ["centred", "eight schools, centred", 20],
    ["nonCentred", "eight schools, non-centred", 20],
    ["kidscore", "kidscore, interaction", 50],
  ] as const;
  for (const [name, title, wanted] of fits) {
    if (name === "kidscore" && !existsSync(kidscoreData)) {
      const none = { median: Number.NaN, low: Number.NaN, high: Number.NaN };
      waits.push({ title: `default fit of ${title}`, ...none, wanted, note: `skipped: no data at ${kidscoreData}` });
      continue;
    }
    const args = [path("cold/fits.mjs"), entry, name, quick ? "30" : "100", kidscoreData];
    const { milliseconds, first, outcomes } = JSON.parse(run(args)) as {
      readonly milliseconds: readonly number[];
      readonly first: number;
      readonly outcomes: Readonly<Record<string, number>>;
    };
    const ended = Object.entries(outcomes).map(([status, n]) => `${n} ${status}`);
    const note = `${ended.join(", ")}; the first, with the import, took ${first.toFixed(0)} ms`;
    waits.push({ title: `default fit of ${title}, warm`, ...quartiles(milliseconds), wanted, note });
  }
  return waits;
}

/** Aligned text. */
export function waitTable(waits: readonly Wait[]): string {
  const width = Math.max(...waits.map((w) => w.title.length));
  const lines = waits.map(({ title, median, low, high, wanted, note }) => {
    const missing = Number.isNaN(median);
    const quartiles = missing ? "" : `${low.toFixed(2)}–${high.toFixed(2)}`;
    const verdict = wanted === undefined ? "" : `≤ ${wanted}${missing ? "" : median <= wanted ? ", met" : ", MISSED"}`;
    const cells = [title.padEnd(width), (missing ? "–" : median.toFixed(2)).padStart(7), quartiles.padStart(13)];
    return [...cells, verdict.padEnd(12), note ?? ""].join("  ").trimEnd();
  });
  return ["ms: median, quartiles, wanted", ...lines].join("\n");
}
