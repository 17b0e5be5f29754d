// What the tests of generators and samplers share: the builds of the core side by side, and goodness-of-fit statistics.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import type { CoreExports } from "../src/core/load.js";

export type BuildName = "debug" | "release" | "relaxed";

/** One build of the core, its own instance. */
export function openCore(name: BuildName): CoreExports {
  if (name === "relaxed") setFlagsFromString("--experimental-wasm-relaxed-simd");
  const file = `../build/core${name === "release" ? "" : `.${name}`}.wasm`;
  const bytes = readFileSync(fileURLToPath(new URL(file, import.meta.url)));
  const abort = (_message: number, _file: number, line: number, column: number): never => {
    throw new Error(`the ${name} build failed an assertion at ${line}:${column}`);
  };
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { abort } }).exports as unknown as CoreExports;
}

/** erfc to about 1e-15 absolute: the series below 2.5, the continued fraction (Lentz) above. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
      if (n > 200) break;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  if (x > 27.3) return 0;
  let f = 0;
  for (let n = 120; n > 0; n--) f = n / 2 / (x + f);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + f);
}

/** The standard normal distribution function. */
export const normalCdf = (x: number): number => 0.5 * erfc(-x / Math.SQRT2);

/** The Kolmogorov-Smirnov statistic sqrt(n) D against a continuous distribution function; sorts its argument. */
export function kolmogorov(values: Float64Array, cdf: (x: number) => number): number {
  values.sort();
  const n = values.length;
  let d = 0;
  for (let i = 0; i < n; i++) {
    const p = cdf(values[i]!);
    d = Math.max(d, p - i / n, (i + 1) / n - p);
  }
  return Math.sqrt(n) * d;
}

/** The probability that Kolmogorov's statistic exceeds x. */
export function kolmogorovTail(x: number): number {
  if (x < 0.3) return 1;
  let sum = 0;
  for (let k = 1; k < 100; k++) sum += (k % 2 ? 2 : -2) * Math.exp(-2 * k * k * x * x);
  return sum;
}

/** The chi-square statistic of counts against probabilities as a z-score (Wilson-Hilferty). */
export function chiSquareScore(counts: ArrayLike<number>, probabilities: ArrayLike<number>, total: number): number {
  let statistic = 0;
  let cells = 0;
  for (let i = 0; i < counts.length; i++) {
    const expected = probabilities[i]! * total;
    if (expected === 0 && counts[i] !== 0) return Number.POSITIVE_INFINITY;
    if (expected === 0) continue;
    statistic += (counts[i]! - expected) ** 2 / expected;
    cells++;
  }
  const degrees = cells - 1;
  const spread = 2 / (9 * degrees);
  return ((statistic / degrees) ** (1 / 3) - (1 - spread)) / Math.sqrt(spread);
}

/** The correlation of two series as a z-score. */
export function correlationScore(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const n = x.length;
  let [sx, sy, sxx, syy, sxy] = [0, 0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    sx += x[i]!;
    sy += y[i]!;
    sxx += x[i]! * x[i]!;
    syy += y[i]! * y[i]!;
    sxy += x[i]! * y[i]!;
  }
  const covariance = sxy - (sx * sy) / n;
  return (Math.sqrt(n) * covariance) / Math.sqrt((sxx - (sx * sx) / n) * (syy - (sy * sy) / n));
}
