// `npm run bench:peers`: a step of variational inference on the workloads W1–W4, ours beside the same step in C (native and compiled to
// WebAssembly) and beside other libraries. Nobody is timed before it has been seen to compute the same; whoever
// cannot take part is named with the reason. Here options are read, contestants prepared, duels played (duel.ts) and reported.

import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { loadBuild } from "../build.js";
import { quantile } from "../comparison.js";
import { workloads } from "../data.js";
import { chosen, optionsOf } from "../options.js";
import { type Contestant, contestants, ours as oursCommand, writeData } from "./contestants.js";
import { duel, type Effort, type Outcome, openOurs } from "./duel.js";
import { documentPart, heading, legend, marks, type OurTimes, type Result, section } from "./report.js";

const usage = `npm run bench:peers -- [options]
  --only W1,W2     workloads: ${workloads.map((w) => w.name).join(", ")}
  --peers c,tfjs   contestants: ${contestants.map((c) => c.key).join(", ")}
  --quick          three short blocks, no scored fits, W3c only where it is named
  --processor      processor seconds in place of the clock's, for a machine that is not idle
  --json           one JSON document instead of tables
  --write          write the tables into docs/benchmarks.md
`;

const opt = optionsOf(usage, () => {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      peers: { type: "string" },
      quick: { type: "boolean", default: false },
      processor: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const usual = values.quick && values.only === undefined ? workloads.filter((w) => w.name !== "W3c") : workloads;
  const names = chosen(
    "only",
    values.only,
    usual.map((w) => w.name),
  );
  const peers = chosen(
    "peers",
    values.peers,
    contestants.map((c) => c.key),
  );
  return {
    ...values,
    workloads: usual.filter((w) => names.includes(w.name)),
    contestants: contestants.filter((c) => peers.includes(c.key)),
  };
});
const effort: Effort = {
  ...(opt.quick ? { blocks: 3, seconds: 0.1, score: false } : { blocks: 7, seconds: 0.2, score: true }),
  processor: opt.processor,
};
const print = (text: string): void => {
  if (!opt.json) process.stdout.write(`${text}\n`);
};

const skipped: { name: string; why: string }[] = [];
const relaxed = loadBuild("relaxed");
if (!relaxed) skipped.push({ name: "ours, relaxed", why: "this JavaScript engine has no relaxed SIMD" });
if (!loadBuild("release")) throw new Error("this JavaScript engine cannot run the release build");
const present: Contestant[] = [];
for (const contestant of opt.contestants) {
  const why = contestant.prepare();
  if (why === undefined) present.push(contestant);
  else skipped.push({ name: contestant.name, why });
}
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};
const machine: Record<string, string> = {
  variational: version,
  node: process.version,
  v8: process.versions.v8,
  processor: cpus()[0]?.model.trim() ?? "unknown",
};
print(`${heading({ machine, ours: [], outcomes: [], skipped })}\n`);

const ours: OurTimes[] = [];
const outcomes: Outcome[] = [];
for (const workload of opt.workloads) {
  const folder = writeData(workload);
  const command = (name: "release" | "relaxed") => oursCommand(name, workload, folder);
  const own = await openOurs(workload, command("release"), relaxed ? command("relaxed") : undefined, effort);
  for (const contestant of present) {
    const outcome = await duel(workload, contestant, folder, own, effort);
    outcomes.push(outcome);
    if (outcome.version && contestant.kind !== "here") machine[contestant.name] = outcome.version;
  }
  const median = (lane: typeof own.relaxed): number => quantile(lane!.times, 0.5);
  ours.push({
    workload: workload.name,
    score: own.score,
    release: median(own.release),
    ...(own.relaxed && { relaxed: median(own.relaxed) }),
  });
  own.release.peer.close();
  own.relaxed?.peer.close();
  print(section({ machine, ours, outcomes, skipped }, workload));
}

const result: Result = { machine, ours, outcomes, skipped };
if (opt.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
else print(`${heading(result)}\n\n${legend}`);
if (opt.write) {
  const path = new URL("../../docs/benchmarks.md", import.meta.url);
  const text = readFileSync(path, "utf8");
  const [from, to] = [text.indexOf(marks[0]), text.indexOf(marks[1])];
  if (from < 0 || to < from) throw new Error(`docs/benchmarks.md: expected the marks ${marks.join(" and ")}`);
  writeFileSync(path, text.slice(0, from) + documentPart(result) + text.slice(to + marks[1].length));
}
