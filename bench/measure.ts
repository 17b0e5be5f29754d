// What is measured on one build of the core: a workload's steps or the single kernels, ours beside the hand-written TypeScript.
// The same in Node and in browsers. The invariant: nothing is timed before both sides have been seen to compute the same.

import { baseline } from "./baseline.js";
import { type Comparison, type Side, warmUp } from "./comparison.js";
import type { Workload } from "./data.js";
import { EngineFit, normalsOf } from "./engine.js";
import { kernelSizes, kernels } from "./kernels.js";
import { largestDifference } from "./peers/score.js";

/** What a process or page reports: the comparisons, or why there are none. */
export interface Report {
  readonly skipped?: string;
  readonly rows: readonly Row[];
}

export interface Row extends Comparison {
  readonly name: string;
  readonly title: string;
  readonly unit: "step" | "element";
  readonly build: string;
  readonly required?: number;
  /** Largest difference found before timing, relative to max(1, |value|); kernels state theirs in words. */
  readonly agreement: number | string;
}

/** How two sides are compared: interleave.ts, or browser/page.ts. */
export type Compare = (plain: Side, engine: Side, quick: boolean) => Comparison;

const CHECKED_STEPS = 50;
const TOLERANCE = 1e-9;

export function measureWorkload(workload: Workload, build: string, quick: boolean, compare: Compare): Row {
  const checked = new EngineFit(workload);
  const fed = baseline(workload, normalsOf(workload, CHECKED_STEPS));
  const elbo = largestDifference(checked.run(CHECKED_STEPS), fed.run(CHECKED_STEPS));
  const agreement = Math.max(elbo, largestDifference(checked.parameters(), fed.parameters));
  checked.dispose();
  if (!(agreement <= TOLERANCE))
    throw new Error(`${workload.name}: after ${CHECKED_STEPS} steps on equal normals the sides differ by ${agreement}`);

  const plain = baseline(workload);
  const engine = new EngineFit(workload);
  // Many steps a crossing, as in a fit, yet samples short enough to slip between other processes.
  const steps = Math.max(1, Math.min(2_000, Math.round(4e-4 / (warmUp(() => plain.run(10), 0.3) / 10))));
  const comparison = compare(
    { count: steps, run: () => plain.run(steps) },
    { count: steps, run: () => engine.run(steps) },
    quick,
  );
  engine.dispose();
  const { name, title, required } = workload;
  return { name, title, unit: "step", build, required, agreement, ...comparison };
}

export function measureKernels(build: string, quick: boolean, only: string | undefined, compare: Compare): Row[] {
  const rows: Row[] = [];
  for (const { name, agreement, required, make } of kernels) {
    if (only !== undefined && only !== name) continue;
    for (const n of kernelSizes) {
      const pair = make(n);
      pair.check();
      const comparison = compare(pair.plain, pair.engine, quick);
      pair.dispose();
      const title = `${name}, n = ${n.toLocaleString("en")}`;
      rows.push({ name: "W5", title, unit: "element", build, ...(required && { required }), agreement, ...comparison });
    }
  }
  return rows;
}
