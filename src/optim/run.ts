// How every algorithm is run. An algorithm is a generator: it yields after each step, is told there whether to stop early, and
// returns its result. Hence one body serves the blocking call, the call that leaves the event loop its turns, and algorithms
// made of others (`yield*`). The clock decides only when a turn is given, never what is computed.

import { turn } from "./turn.js";

/** One step's news. */
export interface Progress {
  /** What is being done: "lbfgs", "path 3", "dadvi". */
  readonly stage: string;
  readonly step: number;
  /** The quantity being maximised (log density or ELBO) at this step. */
  readonly value: number;
  /** Gradients of the log density evaluated so far in this stage. */
  readonly gradients: number;
}

/** A running algorithm: yields progress, receives "stop now?", returns its result. */
export type Run<R> = Generator<Progress, R, boolean | undefined>;

/** How a run ended. "rejected": it ended, and its answer must not be believed. */
export type Status = "converged" | "maxSteps" | "diverged" | "cancelled" | "rejected";
export const statuses: readonly Status[] = ["converged", "maxSteps", "diverged", "cancelled", "rejected"];

export interface Control {
  /** When aborted, the algorithm stops after the current step and returns its best state with status "cancelled". */
  readonly signal?: AbortSignal | undefined;
  /** Called at most every 50 ms. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

const reportMilliseconds = 50;

/** Runs to the end without giving up the thread. */
export function finish<R>(run: Run<R>, control: Control = {}): R {
  const { signal, onProgress } = control;
  let reported = onProgress ? performance.now() : 0;
  let cancelled = signal?.aborted ?? false;
  for (let first = true; ; first = false) {
    const next = first ? run.next() : run.next(cancelled);
    if (next.done) return next.value;
    if (onProgress) {
      const now = performance.now();
      if (now - reported >= reportMilliseconds) {
        reported = now;
        onProgress(next.value);
      }
    }
    cancelled = signal?.aborted ?? false;
  }
}

/** Runs to the end, returning to the event loop every `slice` milliseconds; the result is that of `finish`. */
export async function finishInSlices<R>(run: Run<R>, control: Control = {}, slice = 8): Promise<R> {
  const { signal, onProgress } = control;
  let reported = performance.now();
  let began = reported;
  for (let next = run.next(); ; next = run.next(signal?.aborted ?? false)) {
    if (next.done) return next.value;
    const now = performance.now();
    if (onProgress && now - reported >= reportMilliseconds) {
      reported = now;
      onProgress(next.value);
    }
    if (now - began >= slice) {
      await turn();
      began = performance.now();
    }
  }
}
