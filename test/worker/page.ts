// The page of the test in browsers: a logistic regression of 100,000 rows fitted in a worker, or by the page itself, which notes how long
// its own tasks are. `calibrated` is a long task of its own, which the observer must see, or its silence would mean nothing.

import { fit } from "../../src/index.js";
import { connect } from "../../src/worker/index.js";
import { logistic } from "./models.js";

/** 100,000 × 20 columns and answers, by a counter's bits. */
function table(rows: number, columns: number): { x: Float64Array; y: Float64Array } {
  let state = 1;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 4294967296;
  };
  const x = Float64Array.from({ length: rows * columns }, () => 2 * uniform() - 1);
  const y = Float64Array.from({ length: rows }, (_, i) => (uniform() < 0.5 + 0.4 * x[i * columns]! ? 1 : 0));
  return { x, y };
}

const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds));

export interface PageReport {
  readonly status: string;
  readonly means: readonly number[];
  readonly milliseconds: number;
  /** Progress events that came. */
  readonly events: number;
  /** Durations of the page's tasks of 50 ms or more during the fit, and of the one made on purpose. */
  readonly long: readonly number[];
  readonly calibrated: readonly number[];
  /** The longest time between two ticks of a timer of the page. */
  readonly longestGap: number;
  readonly cancelled: { readonly status: string; readonly milliseconds: number };
}

/** A fit without a worker: how it ended, and the page's tasks of 50 ms or more, of the fit and of the one made on purpose. */
export async function alone(rows: number): Promise<Pick<PageReport, "status" | "long" | "calibrated">> {
  const durations: number[] = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) durations.push(entry.duration);
  }).observe({ type: "longtask" });
  const data = table(rows, 20);
  await pause(300);
  durations.length = 0;
  const { status } = await fit(logistic, data, { seed: 1 });
  await pause(200);
  const long = durations.splice(0);
  const until = performance.now() + 120;
  while (performance.now() < until);
  await pause(300);
  return { status, long, calibrated: durations };
}

export async function report(rows: number): Promise<PageReport> {
  let long: number[] = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) long.push(entry.duration);
  }).observe({ type: "longtask" });
  const data = table(rows, 20);
  const remote = connect(new Worker("/thread.js", { type: "module" }));
  await pause(300);
  long = [];
  let events = 0;
  let longestGap = 0;
  let last = performance.now();
  const ticks = setInterval(() => {
    const now = performance.now();
    longestGap = Math.max(longestGap, now - last);
    last = now;
  }, 5);
  const began = performance.now();
  const posterior = await remote.fit("logistic", data, {
    seed: 1,
    transferData: true,
    onProgress: () => {
      events++;
    },
  });
  const milliseconds = performance.now() - began;
  await pause(200);
  clearInterval(ticks);
  const seen = long;
  const means = Array.from(posterior.mean("beta"));
  await pause(200);
  long = [];
  const until = performance.now() + 120;
  while (performance.now() < until);
  await pause(300);
  const controller = new AbortController();
  const second = remote.fit("logistic", table(rows, 20), { seed: 2, signal: controller.signal });
  await pause(100);
  const aborted = performance.now();
  controller.abort();
  const { status } = await second;
  const cancelled = { status, milliseconds: performance.now() - aborted };
  remote.close();
  return {
    status: posterior.status,
    means,
    milliseconds,
    events,
    long: seen,
    calibrated: long,
    longestGap,
    cancelled,
  };
}
