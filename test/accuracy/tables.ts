// Promises of accuracy and how they are measured. promises.json says, function by function and region by region, how many ULP
// an answer may be off; tables/ holds the true values (written by scripts/accuracy/generate.py). An ULP is the spacing of
// doubles at the double nearest to the true value, and the error counts from the true value, not from that double: a
// correctly rounded answer is at most half an ULP off.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BuildName } from "./builds.js";

/** A stretch of the first argument, ends included, with the promise made for it. */
export interface Region {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Largest error in ULP. */
  readonly ulp: number;
  /** An answer this near the true value keeps the promise too (near a root, where an ULP means little). */
  readonly absolute: number;
  /** The promise of the relaxed build. */
  readonly relaxedUlp: number;
}

export interface Promised {
  readonly name: string;
  readonly op: number;
  readonly arity: number;
  /** A point counts for the first region that holds it. */
  readonly regions: readonly Region[];
}

/** Reference values: point i is inputs[0][i], inputs[1][i], ..; its true value is expected[i] + residue[i] ULP. */
export interface Table {
  readonly inputs: readonly Float64Array[];
  readonly expected: Float64Array;
  readonly residue: Float64Array;
}

/** What was observed in one region. */
export interface Observed {
  readonly region: Region;
  readonly promised: number;
  readonly points: number;
  /** Largest error in ULP among the points that the absolute bound does not excuse, and where. */
  readonly worst: number;
  readonly at: readonly number[];
  /** Largest absolute error. */
  readonly worstAbsolute: number;
  readonly kept: boolean;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

function edge(value: unknown, label: string): number {
  if (value === "inf") return Number.POSITIVE_INFINITY;
  if (value === "-inf") return Number.NEGATIVE_INFINITY;
  if (typeof value === "number") return value;
  throw new TypeError(`${label}: expected a number, "inf" or "-inf", got ${JSON.stringify(value)}`);
}

/** The promises of promises.json, in its order. */
export function promises(): Promised[] {
  const entries = JSON.parse(readFileSync(here("./promises.json"), "utf8")) as Array<{
    name: string;
    op: number;
    arity: number;
    regions: Array<Record<string, unknown>>;
  }>;
  return entries.map(({ name, op, arity, regions }) => ({
    name,
    op,
    arity,
    regions: regions.map((r) => {
      const label = `promises.json: ${name}: ${r["name"]}`;
      const ulp = edge(r["ulp"] ?? 0, label);
      return {
        name: String(r["name"]),
        from: edge(r["from"], label),
        to: edge(r["to"], label),
        ulp,
        absolute: edge(r["absolute"] ?? 0, label),
        relaxedUlp: edge(r["relaxedUlp"] ?? ulp, label),
      };
    }),
  }));
}

const buffer = new DataView(new ArrayBuffer(8));

function fromHex(text: string): number {
  const digits = (text === "." ? "" : text).padEnd(16, "0");
  buffer.setUint32(0, Number.parseInt(digits.slice(0, 8), 16));
  buffer.setUint32(4, Number.parseInt(digits.slice(8), 16));
  return buffer.getFloat64(0);
}

export function readTable(name: string, arity: number): Table {
  const lines = readFileSync(here(`./tables/${name}.txt`), "utf8")
    .trimEnd()
    .split("\n");
  const inputs = Array.from({ length: arity }, () => new Float64Array(lines.length));
  const expected = new Float64Array(lines.length);
  const residue = new Float64Array(lines.length);
  lines.forEach((line, i) => {
    const words = line.split(" ");
    if (words.length !== arity + 2) throw new Error(`${name}.txt:${i + 1}: expected ${arity + 2} words, got "${line}"`);
    inputs.forEach((column, k) => {
      column[i] = fromHex(words[k]!);
    });
    expected[i] = fromHex(words[arity]!);
    residue[i] = Number(words[arity + 1]) / 100;
  });
  return { inputs, expected, residue };
}

/** The spacing of doubles at a finite x. */
export function ulp(x: number): number {
  buffer.setFloat64(0, Math.abs(x));
  const exponent = (buffer.getUint32(0) >>> 20) - 1023;
  return exponent < -1021 ? 2 ** -1074 : 2 ** (exponent - 52);
}

/** How many ULP `got` is away from the true value `expected + residue`; infinite when NaN, an infinity or a zero's sign is missed. */
export function ulpError(got: number, expected: number, residue: number): number {
  if (Number.isNaN(expected)) return Number.isNaN(got) ? 0 : Number.POSITIVE_INFINITY;
  if (expected === 0 && residue === 0) return Object.is(got, expected) ? 0 : Number.POSITIVE_INFINITY;
  if (!Number.isFinite(expected)) {
    if (got === expected) return 0;
    return got === Math.sign(expected) * Number.MAX_VALUE ? 1 : Number.POSITIVE_INFINITY;
  }
  if (!Number.isFinite(got)) {
    return Math.abs(expected) === Number.MAX_VALUE && got === expected * 2 ? 1 : Number.POSITIVE_INFINITY;
  }
  const unit = ulp(expected);
  return Math.abs((got - expected) / unit - residue);
}

/** Holds the answers of a build against a table, region by region. Regions without points are left out. */
export function measure(promised: Promised, table: Table, got: Float64Array, build: BuildName): Observed[] {
  const first = table.inputs[0]!;
  const found = promised.regions.map((region) => ({
    region,
    promised: build === "relaxed" ? region.relaxedUlp : region.ulp,
    points: 0,
    worst: 0,
    at: [] as number[],
    worstAbsolute: 0,
    kept: true,
  }));
  for (let i = 0; i < first.length; i++) {
    const x = Number.isNaN(first[i]!) ? Number.POSITIVE_INFINITY : first[i]!;
    const seen = found.find(({ region }) => region.from <= x && x <= region.to);
    if (!seen) throw new Error(`promises.json: ${promised.name}: no region holds ${x}`);
    seen.points++;
    const expected = table.expected[i]!;
    const error = ulpError(got[i]!, expected, table.residue[i]!);
    const absolute = Number.isFinite(expected) ? error * ulp(expected) : error;
    if (absolute > seen.worstAbsolute) seen.worstAbsolute = absolute;
    const excused = absolute <= seen.region.absolute;
    if (error > seen.worst && !excused) {
      seen.worst = error;
      seen.at = table.inputs.map((column) => column[i]!);
    }
    if (error > seen.promised && !excused) seen.kept = false;
  }
  return found.filter(({ points }) => points > 0);
}
