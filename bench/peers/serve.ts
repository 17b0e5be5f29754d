// The process of a contestant that runs in Node: `serve.ts MODULE VARIANT WORKLOAD FOLDER`. The module exports `contest(variant)`; the
// folder holds the normals that all contestants are fed. Lines in, lines out: protocol.ts.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { workloads } from "../data.js";
import { type Contest, type Fitted, MARK, type PeerFit, type Ready, type Timed } from "./protocol.js";

const [module = "", variant = "", name = "", folder = ""] = process.argv.slice(2);
const workload = workloads.find((w) => w.name === name);
if (!workload)
  throw new RangeError(`workload: expected one of ${workloads.map((w) => w.name).join(", ")}, got "${name}"`);

const say = (answer: Ready | Fitted | Timed): void => {
  process.stdout.write(`${MARK}${JSON.stringify(answer)}\n`);
};

const { contest } = (await import(module)) as { contest: (variant: string) => Contest | Promise<Contest> };
const { version, open } = await contest(variant);
const bytes = readFileSync(join(folder, "normals.f64"));
const fed = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
const checked = fed.length / (workload.draws * workload.dimension);

async function fit(steps: number, normals?: Float64Array): Promise<Fitted> {
  const one = await open(workload!, normals);
  const start = performance.now();
  const { elbo, seconds = (performance.now() - start) / 1e3 } = await one.run(steps);
  return { ...(elbo !== undefined && { elbo }), seconds, parameters: Array.from(await one.parameters()) };
}

let timed: PeerFit | undefined;

async function block(steps: number): Promise<Timed> {
  timed ??= await open(workload!);
  const cpu = process.cpuUsage();
  const start = performance.now();
  const ran = await timed.run(steps);
  const seconds = ran.seconds ?? (performance.now() - start) / 1e3;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, cpu: (user + system) / 1e6 };
}

say({ version });
for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(" ");
  if (command === "check") say(await fit(checked, fed));
  else if (command === "fit") say(await fit(Number(count)));
  else say(await block(Number(count)));
}
process.exit(0); // some libraries leave workers behind
