// The page of bench:browser: measures one workload on one build of the core, as child.ts does in Node. Samples are timed by
// performance.now(), whose steps browsers make coarse, and are long enough for these steps not to matter.

import { loadSync } from "../../src/core/load.js";
import { alternate, type Comparison, type Side } from "../comparison.js";
import { workloads } from "../data.js";
import { measureKernels, measureWorkload, type Report } from "../measure.js";

/** What the page posts. */
export interface PageReport extends Report {
  readonly userAgent: string;
  /** The clock's step, in seconds. */
  readonly resolution: number;
}

function clockStep(): number {
  let least = Infinity;
  for (let k = 0; k < 20; k++) {
    const start = performance.now();
    let now = start;
    while (now === start) now = performance.now();
    least = Math.min(least, now - start);
  }
  return least / 1e3;
}

const SAMPLES = 5;
// A browser compiles hot code beside its other work: the warm-up is longer than in Node.

/** A cycle: the fastest of a few samples, each as many calls as last `seconds`. */
function timer(side: Side, seconds: number): () => number {
  const sample = (calls: number): number => {
    const start = performance.now();
    for (let k = 0; k < calls; k++) side.run();
    return (performance.now() - start) / 1e3;
  };
  let calls = 1;
  for (let taken = sample(calls); taken < seconds; taken = sample(calls))
    calls = Math.ceil(calls * Math.min(10, (1.2 * seconds) / Math.max(taken, 1e-9)));
  return () => {
    let best = Infinity;
    for (let k = 0; k < SAMPLES; k++) best = Math.min(best, sample(calls));
    return best / calls / side.count;
  };
}

export async function measure(name: string, build: string, quick: boolean): Promise<PageReport> {
  const resolution = clockStep();
  const about = { userAgent: navigator.userAgent, resolution };
  const bytes = await (await fetch(`/${build}.wasm`)).arrayBuffer();
  if (!WebAssembly.validate(bytes))
    return { ...about, skipped: `this browser cannot run the ${build} build`, rows: [] };
  loadSync(bytes);
  const seconds = Math.max(0.002, 100 * resolution);
  const compare = (plain: Side, engine: Side, short: boolean): Comparison =>
    alternate(plain, engine, short ? { rounds: 5, warm: 1 } : { rounds: 15, warm: 2 }, (side) => timer(side, seconds));
  const workload = workloads.find((w) => w.name === name);
  const rows = workload
    ? [measureWorkload(workload, build, quick, compare)]
    : measureKernels(build, quick, name.split(":")[1], compare);
  return { ...about, rows };
}
