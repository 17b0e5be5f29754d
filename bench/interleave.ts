// Cycles timed by benchmark.js (comparison.ts alternates them). Samples are shorter than a time slice of the system and a cycle's figure
// is its fastest one, since what disturbs only ever adds time.

import Benchmark from "benchmark";
import { alternate, type Comparison, type Effort, type Side } from "./comparison.js";

function timer(side: Side): () => number {
  const benchmark = new Benchmark(side.run, { minTime: 0.0004, maxTime: 0.05, minSamples: 5 });
  return () => {
    benchmark.run();
    if (benchmark.error) throw benchmark.error;
    return Math.min(...benchmark.stats.sample) / side.count;
  };
}

export const compare = (plain: Side, engine: Side, effort: boolean | Effort): Comparison =>
  alternate(plain, engine, effort, timer);
