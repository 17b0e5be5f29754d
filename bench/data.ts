// The workloads W1–W4: what is fitted, with which data. Data come from mulberry32 with fixed seeds and Box–Muller normals rounded to
// float32, so that every engine, whatever its precision and language, reads the same numbers. The invariant: nothing
// here depends on the engine under test.

/** A generator of uniforms of [0, 1) with 32 bits: Tommy Ettinger's mulberry32. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Standard normals (Box & Muller 1958, the cosine alone), rounded to float32. */
function roundedNormals(uniform: () => number, n: number): Float64Array {
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    out[i] = Math.fround(radius * Math.cos(2 * Math.PI * uniform()));
  }
  return out;
}

/** A table of standard normal predictors, row-major, and answers 0 or 1. */
export interface LogisticData {
  readonly rows: number;
  readonly columns: number;
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/** X ~ N(0, 1), weights ~ N(0, 1/columns), y ~ Bernoulli(sigmoid(X weights)). */
export function logisticData(rows: number, columns: number, seed = 12345): LogisticData {
  const uniform = mulberry32(seed);
  const weights = roundedNormals(uniform, columns);
  for (let j = 0; j < columns; j++) weights[j]! /= Math.sqrt(columns);
  const x = roundedNormals(uniform, rows * columns);
  const y = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let logit = 0;
    for (let j = 0; j < columns; j++) logit += x[i * columns + j]! * weights[j]!;
    y[i] = uniform() < 1 / (1 + Math.exp(-logit)) ? 1 : 0;
  }
  return { rows, columns, x, y };
}

/** Rubin's eight schools: estimated effects of coaching and their standard errors. */
export const schools = {
  effect: [28, 8, -3, 7, -1, 1, 18, 12],
  error: [15, 10, 16, 11, 9, 11, 10, 18],
} as const;

/** The observations of W1. */
export const toy = [1, 2, 3] as const;

/** Adam's settings in every workload. */
export const adamSettings = { rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly model: "toy" | "schools" | "logistic";
  readonly rows: number;
  readonly dimension: number;
  /** Monte Carlo draws in a step. */
  readonly draws: number;
  readonly family: "meanField" | "fullRank";
  /** Where every log scale starts. */
  readonly logScale: number;
  /** How much faster than the TypeScript version the engine has to be. */
  readonly required: number;
}

const logistic = (name: string, rows: number, dimension: number, required: number): Workload => ({
  name,
  title: `logistic regression ${rows.toLocaleString("en")} × ${dimension}, mean-field`,
  model: "logistic",
  rows,
  dimension,
  draws: 1,
  family: "meanField",
  logScale: -2,
  required,
});

export const workloads: readonly Workload[] = [
  {
    name: "W1",
    title: "three normal means, D = 3, S = 1, mean-field",
    model: "toy",
    rows: 3,
    dimension: 3,
    draws: 1,
    family: "meanField",
    logScale: 0,
    required: 2,
  },
  {
    name: "W2",
    title: "eight schools, non-centred, S = 10, mean-field",
    model: "schools",
    rows: 8,
    dimension: 10,
    draws: 10,
    family: "meanField",
    logScale: 0,
    required: 3,
  },
  logistic("W3a", 1_000, 10, 2.5),
  logistic("W3b", 10_000, 50, 3),
  logistic("W3c", 100_000, 50, 2.3),
  { ...logistic("W4", 1_000, 50, 4.5), title: "logistic regression 1,000 × 50, full-rank", family: "fullRank" },
];

const tables = new Map<string, LogisticData>();

/** The table of a logistic workload, made once. */
export function tableOf({ rows, dimension }: Workload): LogisticData {
  const key = `${rows}x${dimension}`;
  let table = tables.get(key);
  if (!table) tables.set(key, (table = logisticData(rows, dimension)));
  return table;
}
