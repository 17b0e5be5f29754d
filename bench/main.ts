// `npm run bench`: the engine beside a hand-written TypeScript version of the same work, for the workloads W1–W4 (steps of a fit) and W5
// (single kernels), on the baseline and the relaxed build of the core, and the time that a user waits (cold.ts). Each workload runs in a
// process of its own (child.ts); here options are read and the tables are printed.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Benchmark from "benchmark";
import { measureWaits, waitTable } from "./cold.js";
import { workloads } from "./data.js";
import type { Report, Row } from "./measure.js";
import { chosen, optionsOf } from "./options.js";
import { table } from "./table.js";

const usage = `npm run bench -- [options]
  --only W1,W2    workloads: ${workloads.map((w) => w.name).join(", ")}, W5 or one kernel of it, as W5:exp; cold
  --build NAME    release, relaxed or both (default)
  --quick         a third of the cycles
  --json          one JSON document instead of the table
`;

const builds = ["release", "relaxed"] as const;

const opt = optionsOf(usage, () => {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      build: { type: "string", default: "both" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const names = chosen("only", values.only, [...workloads.map((w) => w.name), "W5", "cold"], true);
  const some = builds.filter((b) => values.build === "both" || values.build === b);
  if (!some.length) throw new RangeError(`--build: expected release, relaxed or both, got "${values.build}"`);
  return { ...values, names, builds: some };
});

function measure(name: string, build: string, quick: boolean): Report {
  const child = fileURLToPath(new URL("child.ts", import.meta.url));
  const args = [...process.execArgv, child, name, build, quick ? "quick" : "full"];
  const { status, stdout, signal } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`${name} on the ${build} build ended with ${signal ?? `exit code ${status}`}`);
  return JSON.parse(stdout) as Report;
}

const { quick, json } = opt;
const rows: Row[] = [];
const notes: string[] = [];
for (const name of opt.names.filter((n) => n !== "cold"))
  for (const build of opt.builds) {
    const report = measure(name, build, quick);
    rows.push(...report.rows);
    if (report.skipped !== undefined) notes.push(`${name}, ${build}: skipped: ${report.skipped}`);
  }

const waits = opt.names.includes("cold") ? measureWaits(quick) : [];

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};
const machine = {
  variational: version,
  node: process.version,
  v8: process.versions.v8,
  benchmark: Benchmark.version,
  processor: cpus()[0]?.model.trim() ?? "unknown",
};
if (json) process.stdout.write(`${JSON.stringify({ machine, rows, notes, waits }, null, 2)}\n`);
else {
  process.stdout.write(
    `variational ${machine.variational}, Node ${machine.node} (V8 ${machine.v8}), benchmark.js ${machine.benchmark}, ${machine.processor}\n`,
  );
  if (rows.length) process.stdout.write(`\n${table(rows)}\n`);
  if (waits.length) process.stdout.write(`\n${waitTable(waits)}\n`);
  for (const note of notes) process.stdout.write(`${note}\n`);
}
