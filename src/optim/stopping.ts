// When to stop a stochastic ascent: a CUSUM test (Page 1954) of the noisy objective. The statistic is the largest shortfall, over the
// recent past, of the rise of a moving mean below half the least rise worth waiting for, in units of the noise; large values mean
// that the trace has stalled. Noise is the long-run standard deviation, from block means with the trend differenced out, so
// that autocorrelated, heavy-tailed and shrinking noise are met on their own scale; outliers are clipped before averaging.

export interface StoppingOptions {
  /** The least rise per step worth waiting for, in standard deviations of the noise; default 0.015. */
  readonly rise?: number | undefined;
  /** The least rise per step worth waiting for, in units of the objective, whatever the noise; default 0. */
  readonly tolerance?: number | undefined;
  /** No stop before this many values; default 200. */
  readonly minSteps?: number | undefined;
}

export interface StoppingReport {
  readonly stop: boolean;
  readonly steps: number;
  /** The CUSUM statistic and the bound it is held against. */
  readonly statistic: number;
  readonly bound: number;
  /** Long-run standard deviation of one value. */
  readonly noise: number;
  /** Rise per step over the last moving means. */
  readonly rise: number;
  /** Values that were not finite, and were left out. */
  readonly refused: number;
}

/**
 * What the default rule was measured to do: on traces that rise by at least `rise` noise standard deviations per step for 2,000
 * steps, the share stopped; on stalled ones, the median number of steps until the stop (test/cusum.test.ts).
 */
export const stoppingPromise = { falseStops: 0.01, medianDelay: 150 } as const;

const window = 32; // values in the moving mean
const memory = 512; // moving means kept
const block = 16; // values per block of the noise estimate
const blocks = 40; // blocks kept
const clipping = 3.5; // robust standard deviations
const bound = 0.9; // of the statistic, in noise standard deviations

export class StoppingRule {
  private readonly slack: number;
  private readonly tolerance: number;
  private readonly minSteps: number;
  private steps = 0;
  private refused = 0;
  private readonly recent = new Float64Array(window); // clipped values
  private readonly raw = new Float64Array(2 * window);
  private readonly sorted = new Float64Array(2 * window);
  private readonly means = new Float64Array(memory);
  private readonly blockMeans = new Float64Array(blocks);
  private readonly second = new Float64Array(blocks);
  private blockSum = 0;
  private blockCount = 0;
  private low = -Infinity;
  private high = Infinity;
  private noise = 0;
  private statistic = 0;
  private stopped = false;

  constructor(options: StoppingOptions = {}) {
    this.slack = (options.rise ?? 0.015) / 2;
    this.tolerance = options.tolerance ?? 0;
    this.minSteps = Math.max(options.minSteps ?? 200, 3 * block + window);
  }

  /** Takes the next value of the objective (which is to rise); true once the trace is judged to have stalled. */
  push(value: number): boolean {
    if (!Number.isFinite(value)) {
      this.refused++;
      return this.stopped;
    }
    const t = this.steps++;
    this.raw[t % (2 * window)] = value;
    if (t >= 2 * window - 1 && t % window === window - 1) this.updateClipping();
    const clipped = Math.min(Math.max(value, this.low), this.high);
    this.recent[t % window] = clipped;
    this.blockSum += clipped;
    if ((t + 1) % block === 0) this.endBlock();
    if (t + 1 < window) return false;
    let sum = 0;
    for (let i = 0; i < window; i++) sum += this.recent[i]!;
    this.means[t % memory] = sum / window;
    if (t + 1 >= this.minSteps && t % 8 === 0) this.test(t);
    return this.stopped;
  }

  report(): StoppingReport {
    const t = this.steps - 1;
    const lag = Math.min(window, t + 1 - window);
    return {
      stop: this.stopped,
      steps: this.steps,
      statistic: this.statistic,
      bound,
      noise: this.noise,
      rise: lag > 0 ? (this.means[t % memory]! - this.means[(t - lag) % memory]!) / lag : 0,
      refused: this.refused,
    };
  }

  private test(t: number): void {
    const scale = Math.max(this.noise, 1e-13 * Math.abs(this.means[t % memory]!), Number.MIN_VALUE);
    const slack = Math.max(this.slack, this.tolerance / (2 * scale));
    const now = this.means[t % memory]!;
    let largest = 0;
    const furthest = Math.min(t - window + 1, memory - 1);
    for (let lag = window; lag <= furthest; lag++) {
      const shortfall = slack * lag - (now - this.means[(t - lag) % memory]!) / scale;
      if (shortfall > largest) largest = shortfall;
    }
    this.statistic = largest;
    if (largest > bound) this.stopped = true;
  }

  private updateClipping(): void {
    const { sorted, raw } = this;
    sorted.set(raw);
    sorted.sort();
    const median = 0.5 * (sorted[window - 1]! + sorted[window]!);
    for (let i = 0; i < 2 * window; i++) sorted[i] = Math.abs(raw[i]! - median);
    sorted.sort();
    const reach = clipping * 1.4826 * sorted[window]!;
    this.low = median - reach;
    this.high = median + reach;
  }

  private endBlock(): void {
    const { blockMeans, second, sorted } = this;
    const k = this.blockCount++;
    blockMeans[k % blocks] = this.blockSum / block;
    this.blockSum = 0;
    if (k < 2) return;
    second[k % blocks] = Math.abs(
      blockMeans[k % blocks]! - 2 * blockMeans[(k - 1) % blocks]! + blockMeans[(k - 2) % blocks]!,
    );
    // The median of |second difference|, over sqrt(6) for independent blocks, is 0.6745 standard deviations of a block mean.
    const n = Math.min(k - 1, blocks);
    for (let i = 0; i < n; i++) sorted[i] = second[(k - i) % blocks]!;
    const part = sorted.subarray(0, n).sort();
    const median = n % 2 === 1 ? part[(n - 1) / 2]! : 0.5 * (part[n / 2 - 1]! + part[n / 2]!);
    this.noise = ((1.4826 * median) / Math.sqrt(6)) * Math.sqrt(block);
  }
}
