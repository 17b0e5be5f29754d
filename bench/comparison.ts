// Two ways to the same result, held against each other: cycles of one and of the other in alternation, the order turned round each time,
// so that whatever else the machine does hits both. The answer: the median of the ratios of neighbouring cycles. How a cycle is
// timed is the caller's: interleave.ts in Node, browser/page.ts in browsers.

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

/** How one side is timed: gives a function that runs a cycle and returns its seconds per unit of work. */
export type Timer = (side: Side) => () => number;

export function alternate(plain: Side, engine: Side, effort: boolean | Effort, timer: Timer): Comparison {
  const { rounds, warm } =
    typeof effort === "object" ? effort : effort ? { rounds: 5, warm: 0.3 } : { rounds: 15, warm: 0.6 };
  for (const side of [plain, engine]) warmUp(side.run, warm);
  const sides = [plain, engine].map((side) => ({ cycle: timer(side), times: [0] }));
  for (const s of sides) s.times.length = 0;
  for (let k = 0; k < rounds; k++) for (const s of k & 1 ? [...sides].reverse() : sides) s.times.push(s.cycle());
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
