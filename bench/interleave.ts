// Two ways to the same result, timed by benchmark.js in alternation: a cycle of one, a cycle of the other, the order turned round each
// time, so that whatever else the machine does hits both. Samples are shorter than a time slice of the system and a cycle's figure
// is its fastest one, since what disturbs only ever adds time. The answer: the median of the ratios of neighbouring cycles.

import Benchmark from "benchmark";

/** One side: a function, and what its work is divided by (steps or elements). */
export interface Side {
  readonly run: () => void;
  readonly count: number;
}

export interface Comparison {
  /** Seconds per unit of work, median over the cycles. */
  readonly plain: number;
  readonly engine: number;
  /** plain / engine: median, quartiles, and the number of cycles. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
}

export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = p * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
}

/** One cycle: seconds per unit of the fastest sample. */
function cycle(benchmark: Benchmark, side: Side): number {
  benchmark.run();
  if (benchmark.error) throw benchmark.error;
  return Math.min(...benchmark.stats.sample) / side.count;
}

/** Runs a function for a while, so that V8 compiles it as well as it will; returns the seconds of its fastest call. */
export function warmUp(run: () => void, seconds: number): number {
  let best = Infinity;
  for (let left = seconds * 1e3; left > 0; ) {
    const start = performance.now();
    run();
    const taken = performance.now() - start;
    best = Math.min(best, taken);
    left -= taken;
  }
  return best * 1e-3;
}

/** Alternating cycles, and the seconds that each side runs before them. */
export interface Effort {
  readonly rounds: number;
  readonly warm: number;
}

export function compare(plain: Side, engine: Side, effort: boolean | Effort): Comparison {
  const { rounds, warm } =
    typeof effort === "object" ? effort : effort ? { rounds: 5, warm: 0.3 } : { rounds: 15, warm: 0.6 };
  for (const side of [plain, engine]) warmUp(side.run, warm);
  const options = { minTime: 0.0004, maxTime: 0.05, minSamples: 5 };
  const sides = [plain, engine].map((side) => ({ side, benchmark: new Benchmark(side.run, options), times: [0] }));
  for (const s of sides) s.times.length = 0;
  for (let k = 0; k < rounds; k++)
    for (const s of k & 1 ? [...sides].reverse() : sides) s.times.push(cycle(s.benchmark, s.side));
  const [a, b] = sides.map((s) => s.times) as [number[], number[]];
  const ratios = a.map((t, k) => t / b[k]!);
  return {
    plain: quantile(a, 0.5),
    engine: quantile(b, 0.5),
    ratio: quantile(ratios, 0.5),
    low: quantile(ratios, 0.25),
    high: quantile(ratios, 0.75),
    rounds,
  };
}
