// When has a noisy trace stopped rising? Every few steps, the slope of the last 140 values is compared with its standard error: means
// of 10 steps make the noise nearly independent (optimiser noise is autocorrelated) and bound what one outlier can do, differences
// of neighbouring means give their variance whatever the trend. The trace counts as stalled when the slope is below 1.5 standard
// errors. A trace that rises by at least 1.5 noise standard deviations (long-run ones, where the
// noise is autocorrelated) per 100 steps is stopped falsely with probability below
// 1 % over its whole length; a stall is found after 140 steps at the median (both tested, for four families of noise).

export interface StallOptions {
  /** A rise by less than this per 100 steps does not count as one; default 0. */
  readonly tolerance?: number | undefined;
}

/** The state of a stopping rule; `stallStep` alone changes it. */
export interface Stall {
  readonly tolerance: number;
  /** Sum and count of the batch being filled. */
  sum: number;
  count: number;
  values: number;
  /** Means of the last batches, oldest first. */
  readonly means: number[];
  /** Values of the batch being filled, for clipping. */
  readonly batch: Float64Array;
}

const batchSize = 10;
const batches = 14;
const critical = 1.5;

export function stallInit(options: StallOptions = {}): Stall {
  return {
    tolerance: options.tolerance ?? 0,
    sum: 0,
    count: 0,
    values: 0,
    means: [],
    batch: new Float64Array(batchSize),
  };
}

/** Mean of a batch with values beyond 3 (scaled) median deviations moved there: one wild draw must not look like a trend. */
function robustMean(values: Float64Array): number {
  const sorted = values.slice().sort();
  const half = batchSize / 2;
  const median = 0.5 * (sorted[half - 1]! + sorted[half]!);
  const deviations = sorted.map((v) => Math.abs(v - median)).sort();
  const reach = 3 * 1.4826 * 0.5 * (deviations[half - 1]! + deviations[half]!);
  let s = 0;
  for (const v of values) s += Math.min(Math.max(v, median - reach), median + reach);
  return s / batchSize;
}

/** Takes the next value of the trace; true when the last 140 show no rise. */
export function stallStep(state: Stall, value: number): boolean {
  state.batch[state.count++] = value;
  state.values++;
  if (state.count < batchSize) return false;
  state.count = 0;
  state.means.push(robustMean(state.batch));
  if (state.means.length > batches) state.means.shift();
  return state.means.length === batches && stalled(state.means, state.tolerance);
}

function stalled(means: readonly number[], tolerance: number): boolean {
  const n = means.length;
  const centre = (n - 1) / 2;
  let slope = 0;
  let square = 0;
  for (let k = 0; k < n; k++) {
    slope += (k - centre) * means[k]!;
    square += (k - centre) * (k - centre);
  }
  slope /= square;
  // Variance of a mean from second differences, which no linear trend enters: E (a - 2b + c)^2 = 6 sigma^2.
  let variance = 0;
  for (let k = 1; k + 1 < n; k++) {
    const d = means[k - 1]! - 2 * means[k]! + means[k + 1]!;
    variance += d * d;
  }
  variance /= 6 * (n - 2);
  const error = Math.sqrt(variance / square);
  return slope - (tolerance * batchSize) / 100 <= critical * error;
}
