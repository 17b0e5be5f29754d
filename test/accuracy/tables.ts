// Promises of accuracy and how they are measured. promises.json says, function by function and region by region, how many ULP
// an answer may be off; tables/ holds the true values (written by scripts/accuracy/generate.py). An ULP is the spacing of
// doubles at the double nearest to the true value, and the error counts from the true value, not from that double: a
// correctly rounded answer is at most half an ULP off. Of an inverse the unit is an ULP of the answer and what an ULP of its last
// argument moves it.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BuildName } from "./builds.js";

/** A stretch of the first argument, or of what `by` says, ends included, with the promise made for it. */
export interface Region {
  readonly name: string;
  readonly by: By;
  readonly from: number;
  readonly to: number;
  /** Largest error in ULP. */
  readonly ulp: number;
  /** An answer this near the true value keeps the promise too (near a root, where an ULP means little). */
  readonly absolute: number;
  /** One this near relative to the true value too; where it is given, `ulp` is not. */
  readonly relative: number;
  /** The promise of the relaxed build. */
  readonly relaxedUlp: number;
}

const keys = {
  first: ([x]: readonly number[]) => x!,
  second: ([, y]: readonly number[]) => y!,
  /** Of the first two: of two shapes, or of a shape and the point. */
  largest: ([x, y]: readonly number[]) => Math.max(Math.abs(x!), Math.abs(y!)),
  smallest: ([x, y]: readonly number[]) => Math.min(Math.abs(x!), Math.abs(y!)),
} satisfies Record<string, (inputs: readonly number[]) => number>;
export type By = keyof typeof keys;

export interface Promised {
  readonly name: string;
  /** The file of its true values, which functions of the same arguments share, and its place among them. */
  readonly table: string;
  readonly column: number;
  /** Whether the function gives the last argument back for that value. */
  readonly inverse: boolean;
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
  /** How many ULP an ULP of the last argument moves the answer; 0 where that does not count. */
  readonly condition: Float64Array;
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
  /** Largest relative error among the points that the absolute bound does not excuse. */
  readonly worstRelative: number;
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
    table?: string;
    column?: number;
    inverse?: boolean;
    regions: Array<Record<string, unknown>>;
  }>;
  return entries.map(({ name, table = name, column = 0, inverse = false, op, arity, regions }) => ({
    name,
    table,
    column,
    inverse,
    op,
    arity,
    regions: regions.map((r) => {
      const label = `promises.json: ${name}: ${r["name"]}`;
      const ulp = edge(r["ulp"] ?? 0, label);
      return {
        name: String(r["name"]),
        by: (r["by"] ?? "first") as By,
        from: edge(r["from"], label),
        to: edge(r["to"], label),
        ulp,
        absolute: edge(r["absolute"] ?? 0, label),
        relative: edge(r["relative"] ?? 0, label),
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

/**
 * A line has the arguments and, for every column, the value and the residue; and "c" and a number where an ULP of the value is so
 * many ULP of the last argument, which makes a point of the inverse out of that of the function.
 */
export function readTable({ table, column, arity, inverse }: Omit<Promised, "name" | "op" | "regions">): Table {
  const rows = readFileSync(here(`./tables/${table}.txt`), "utf8")
    .trimEnd()
    .split("\n")
    .map((line, i) => {
      const words = line.split(" ");
      const at = arity + 2 * column;
      if (words.length < at + 2)
        throw new Error(`${table}.txt:${i + 1}: expected at least ${at + 2} words, got "${line}"`);
      const [hundredths, moved] = words[at + 1]!.split("c") as [string, string?];
      const inputs = words.slice(0, arity).map(fromHex);
      return { inputs, value: fromHex(words[at]!), residue: Number(hundredths) / 100, moved };
    });
  const array = (of: readonly number[]): Float64Array => Float64Array.from(of);
  if (!inverse)
    return {
      inputs: Array.from({ length: arity }, (_, k) => array(rows.map((r) => r.inputs[k]!))),
      expected: array(rows.map((r) => r.value)),
      residue: array(rows.map((r) => r.residue)),
      condition: new Float64Array(rows.length),
    };
  const points = rows.filter(({ moved }) => moved !== undefined);
  const last = arity - 1;
  return {
    inputs: Array.from({ length: arity }, (_, k) => array(points.map((r) => (k < last ? r.inputs[k]! : r.value)))),
    expected: array(points.map((r) => r.inputs[last]!)),
    // The value lies `residue` ULP beside what the argument gives.
    residue: array(points.map((r) => -r.residue * Number(r.moved))),
    condition: array(points.map((r) => Math.abs(Number(r.moved)))),
  };
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
  const found = promised.regions.map((region) => ({
    region,
    promised: build === "relaxed" ? region.relaxedUlp : region.ulp,
    points: 0,
    worst: 0,
    at: [] as number[],
    worstAbsolute: 0,
    worstRelative: 0,
    kept: true,
  }));
  got.forEach((answer, i) => {
    const inputs = table.inputs.map((column) => column[i]!);
    const seen = found.find(({ region }) => {
      const key = keys[region.by](inputs);
      const x = Number.isNaN(key) ? Number.POSITIVE_INFINITY : key;
      return region.from <= x && x <= region.to;
    });
    if (!seen) throw new Error(`promises.json: ${promised.name}: no region holds ${inputs.join(", ")}`);
    seen.points++;
    const expected = table.expected[i]!;
    const plain = ulpError(answer, expected, table.residue[i]!);
    const absolute = Number.isFinite(expected) ? plain * ulp(expected) : plain;
    const relative = absolute === 0 ? 0 : absolute / Math.max(Math.abs(expected), 2 ** -1022);
    const error = plain / (1 + table.condition[i]!);
    if (absolute > seen.worstAbsolute) seen.worstAbsolute = absolute;
    if (absolute <= seen.region.absolute) return;
    if (error > seen.worst) {
      seen.worst = error;
      seen.at = inputs;
    }
    if (relative > seen.worstRelative) seen.worstRelative = relative;
    if (error > seen.promised && !(relative <= seen.region.relative)) seen.kept = false;
  });
  return found.filter(({ points }) => points > 0);
}
