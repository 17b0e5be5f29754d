// Where a step of the engine spends its time: normals, draws, tape, pull-back, Adam; then the tape instruction by instruction, each
// called by itself on the first block of its plate. `node --import tsx bench/profile.ts W1 [release|relaxed]`. The figures are of
// single calls from JavaScript less the cost of an empty call: they show what dominates, not the exact sum.

import { readFileSync } from "node:fs";
import { Op } from "../assembly/opcodes.js";
import { core } from "../src/core/load.js";
import { i32, Scope } from "../src/core/memory.js";
import { loadBuild } from "./build.js";
import { adamSettings, workloads } from "./data.js";
import { compileWorkload, EngineFit } from "./engine.js";

const [name = "W1", build = "release"] = process.argv.slice(2);
const found = workloads.find((w) => w.name === name);
if (!found) throw new RangeError(`expected one of ${workloads.map((w) => w.name).join(", ")}, got "${name}"`);
const workload = found;
if (!loadBuild(build)) throw new Error(`this JavaScript engine cannot run the ${build} build`);

/** Microseconds of one call: the fastest of many blocks, each shorter than a time slice of the system. */
function time(run: () => void): number {
  let calls = 1;
  let best = Infinity;
  for (let block = 0; block < 300; block++) {
    const start = performance.now();
    for (let k = 0; k < calls; k++) run();
    const taken = performance.now() - start;
    if (taken < 0.3) {
      calls *= 2;
      block = -1;
    } else best = Math.min(best, taken / calls);
  }
  return best * 1e3;
}

const scope = new Scope();
const { dimension: D, draws: S, family } = workload;
const core0 = core();
const nothing = scope.bytes(16);
const empty = time(() => core0.run(Op.Copy, 0, 0, nothing));
const line = (label: string, micros: number, note = ""): void =>
  console.log(`${label.padEnd(34)}${micros.toFixed(3).padStart(12)}  ${note}`.trimEnd());

const fit = new EngineFit(workload);
const { state } = fit;
const steps = Math.max(1, Math.min(2000, Math.round(300 / (time(() => fit.run(1)) + 1))));
const whole = time(() => fit.run(steps)) / steps;
console.log(`${name}, ${build} build: µs; empty call ${(empty * 1e3).toFixed(1)} ns, subtracted`);
line("step", whole, `${steps} steps a crossing`);
// The normals of the step to come are there after the first of these calls, and no call takes the step.
const draw = time(() => core0.adviDraw(state)) - empty;
const pull = time(() => core0.adviGradient(state)) - empty;
const out = scope.doubles(D * S);
let fill = 0;
const normals = time(() => core0.fillNormals(1, 2, 0, fill++, S, D, out, 0, 0)) - empty;

const model = compileWorkload(workload);
const program = model.program(S);
program.theta().fill(0.1);
const tape = time(() => core0.evaluate(program.pointer)) - empty;
const size = 2 * (D + (D & 1)) + (family === "fullRank" ? (D * (D - 1)) / 2 : 0);

const [p, g, first, second] = [0, 1, 2, 3].map(() => scope.doubles(size)) as [number, number, number, number];
const { rate, beta1, beta2, epsilon } = adamSettings;
const settings = scope.copy([rate, beta1, beta2, epsilon, 1, 1]);
const adam = time(() => core0.adam(size, p, g, first, second, settings)) - empty;
line(
  "  normals, and what is left over",
  whole - draw - tape - pull - adam,
  `${D} × ${S}; one fill by itself ${normals.toFixed(3)}`,
);
line("  draws", draw, "exp of the log scales, reparameterise");
line("  tape", tape);
line("  pull back", pull, "gradient of the parameters, entropy, finiteness");
line("  Adam", adam, `${size} parameters`);

const names = new Map<number, string>();
for (const [, op, code] of readFileSync(new URL("../assembly/opcodes.ts", import.meta.url), "utf8").matchAll(
  /^ {2}(\w+) = (\d+),/gm,
))
  names.set(Number(code), op!);

interface Timed {
  label: string;
  micros: number;
  times: number;
}
const timed: Timed[] = [];

/** Every instruction between two addresses, on `rows` rows, as often as there are blocks. */
function instructions(start: number, end: number, rows: number, times: number): void {
  for (let ip = start; ip < end; ) {
    const [op, perRow, operands] = i32(ip, 3) as unknown as [number, number, number];
    const n = rows * perRow;
    const label = `${names.get(op) ?? op} ${rows > 1 ? `${rows} × ${perRow}` : perRow}`;
    timed.push({ label, micros: time(() => core0.run(op, rows, n, ip + 12)) - empty, times });
    ip += 12 + 8 * operands;
  }
}

const header = i32(program.pointer, 8).slice();
for (let k = 0; k < header[6]!; k++) {
  const [plate, block, p0, p1, b0, b1, e0, e1] = [...i32(header[5]! + 32 * k, 8)] as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const rows = plate ? i32(plate, 2)[1]! : 1;
  instructions(p0, p1, block, 1);
  instructions(b0, b1, Math.min(block, rows), rows / Math.min(block, rows));
  instructions(e0, e1, 1, 1);
}
const total = timed.reduce((s, t) => s + t.micros * t.times, 0);
console.log(
  `\ntape: ${timed.length} instructions, ${header[6]} segments; instructions alone ${total.toFixed(3)} µs, visiting them ${(tape - total).toFixed(3)} µs`,
);
for (const t of timed)
  line(`  ${t.label}`, t.micros * t.times, t.times > 1 ? `${t.micros.toFixed(3)} × ${t.times.toFixed(1)} blocks` : "");
program.dispose();
fit.dispose();
model.dispose();
scope.dispose();
