// What a saved posterior's header says, field by field, and back. Every field is checked when it is read, with the sizes of the arrays that belong
// to it, so that a file that is whole and yet not right is one error that names the field, and nothing of it is used.

import type { Node } from "../compile/node.js";
import { fromPlain, type PlainGraph } from "../compile/plain.js";
import { sizeOfNode } from "../compile/values.js";
import { integer, knownOptions, oneOf, rangeError, typeError } from "../errors.js";
import { type Status, statuses } from "../optim/run.js";
import type { Snapshot } from "../posterior.js";
import type { Site } from "../target.js";
import { type AdamCheckpoint, lengths } from "../vi/adam-checkpoint.js";
import { algorithms } from "../vi/algorithms.js";
import { fitFamilies } from "../vi/families.js";
import type { Gaussian } from "../vi/gaussian.js";
import type { NestedMap } from "../vi/nested-map.js";
import { type Ended, type FitRecord, type PlainOption, version } from "../vi/record.js";

/** The arrays of a file, by name and in order. */
export class Shelf {
  readonly entries = new Map<string, Float64Array>();

  get size(): number {
    return [...this.entries.values()].reduce((n, a) => n + a.length, 0);
  }

  put(name: string, array: Float64Array): void {
    this.entries.set(name, array);
  }

  /** Takes an array off the shelf. */
  take(label: string, name: string, length?: number): Float64Array {
    const array = this.entries.get(name);
    if (!array) throw rangeError(`${label}.arrays`, `an array "${name}"`, undefined);
    if (length !== undefined && array.length !== length)
      throw rangeError(`${label}.arrays: the length of "${name}"`, `${length}`, array.length);
    this.entries.delete(name);
    return array;
  }
}

export interface Contents {
  readonly snapshot: Snapshot;
  readonly record: FitRecord | undefined;
  /** The values as a graph, where the file has it. */
  readonly values: { readonly dimension: number; readonly roots: readonly Node[] } | undefined;
}

/** The header as an object for JSON; what is long or must keep its bits goes on the shelf. */
export function writeHeader(snapshot: Snapshot, record: FitRecord | undefined, shelf: Shelf): object {
  const { trace, unconstrained, values, logRatios, elbo, elboStandardError, khat, ...rest } = snapshot;
  shelf.put("numbers", Float64Array.of(elbo, elboStandardError, khat));
  shelf.put("trace", trace);
  shelf.put("unconstrained", unconstrained);
  shelf.put("values", values);
  if (logRatios) shelf.put("logRatios", logRatios);
  const fit = record && writeRecord(record, shelf);
  const arrays = [...shelf.entries].map(([name, a]) => ({ name, length: a.length }));
  return { version: record?.version ?? version, ...rest, fit, arrays };
}

function writeRecord(record: FitRecord, shelf: Shelf): object {
  const { algorithm, family, seed, steps, options, components, maps, values, ended } = record;
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options))
    if (value instanceof Float64Array) shelf.put(key, value);
    else plain[key] = value;
  const put = (prefix: string, arrays: object): void => {
    for (const [name, a] of Object.entries(arrays)) if (a instanceof Float64Array) shelf.put(`${prefix}.${name}`, a);
  };
  components.forEach((g, k) => {
    put(`gaussian${k}`, g);
  });
  maps.forEach((map, k) => {
    put(`map${k}`, { ...map, ...map.quantile, grid: Float64Array.of(map.logDeterminant, map.first, map.step) });
  });
  if (ended?.adam) put("adam", { numbers: ended.adam.numbers, ...ended.adam.arrays });
  const graph = typeof values === "object" ? values : undefined;
  graph?.arrays.forEach((a, k) => {
    shelf.put(`graph${k}`, a);
  });
  return {
    algorithm,
    family,
    seed,
    steps,
    options: plain,
    ended: ended && { ...ended, adam: ended.adam && { blamed: ended.adam.blamed } },
    components: components.map((g) => ({ kind: g.kind, ...(g.kind === "lowRank" && { rank: g.rank }) })),
    maps: maps.map((m) => ({ knots: m.knots, scores: m.quantile.scores.length })),
    values: graph ? { ...graph, arrays: graph.arrays.length } : values,
  };
}

type Fields = Readonly<Record<string, unknown>>;

function fields(label: string, value: unknown, names: readonly string[]): Fields {
  knownOptions(label, value, names);
  return value as Fields;
}

function list(label: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw typeError(label, "an array", value);
  return value;
}

function text(label: string, value: unknown): string {
  if (typeof value !== "string") throw typeError(label, "a text", value);
  return value;
}

function names(label: string, value: unknown, count: number | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const all = list(label, value).map((v, k) => text(`${label}[${k}]`, v));
  if (count !== undefined && all.length !== count) throw rangeError(label, `${count} names`, value);
  return all;
}

function site(label: string, value: unknown, width: number | undefined): Site {
  const f = fields(label, value, ["name", "kind", "offset", "shape", "labels"]);
  const shape = list(`${label}.shape`, f["shape"]).map((v, k) => integer(`${label}.shape[${k}]`, v, 1));
  const offset = integer(`${label}.offset`, f["offset"], 0);
  const size = shape.reduce((a, b) => a * b, 1);
  if (width !== undefined && offset + size > width)
    throw rangeError(label, `values within the ${width} of a draw`, offset + size);
  const labels = f["labels"] === null ? null : names(`${label}.labels`, f["labels"], shape[0] ?? 0);
  return {
    name: text(`${label}.name`, f["name"]),
    kind: oneOf(`${label}.kind`, f["kind"], ["latent", "deterministic"]),
    offset,
    shape,
    ...(labels !== undefined && { labels }),
  };
}

/** What a header and its arrays say. Throws, naming the field, where they say nothing that holds together. */
export function readHeader(label: string, value: unknown, shelf: Shelf): Contents {
  const f = fields(label, value, [
    "version",
    "status",
    "message",
    "gradients",
    "dimension",
    "draws",
    "sites",
    "names",
    "unconstrainedNames",
    "fit",
    "arrays",
  ]);
  const of = (name: string): string => `${label}.${name}`;
  const dimension = integer(of("dimension"), f["dimension"], 1);
  const draws = integer(of("draws"), f["draws"], 0);
  const numbers = shelf.take(label, "numbers", 3);
  const unconstrained = shelf.take(label, "unconstrained", draws * dimension);
  const values = shelf.take(label, "values");
  const width = draws ? values.length / draws : undefined;
  if (width === undefined ? values.length > 0 : !Number.isInteger(width))
    throw rangeError(`${label}.arrays: the length of "values"`, `a multiple of ${draws} draws`, values.length);
  const snapshot: Snapshot = {
    status: oneOf(of("status"), f["status"], statuses) as Status,
    message: text(of("message"), f["message"]),
    elbo: numbers[0]!,
    elboStandardError: numbers[1]!,
    khat: numbers[2]!,
    gradients: integer(of("gradients"), f["gradients"], 0),
    dimension,
    draws,
    sites: list(of("sites"), f["sites"]).map((s, k) => site(`${of("sites")}[${k}]`, s, width)),
    names: names(of("names"), f["names"], width),
    unconstrainedNames: names(of("unconstrainedNames"), f["unconstrainedNames"], dimension),
    trace: shelf.take(label, "trace"),
    unconstrained,
    values,
    logRatios: shelf.entries.has("logRatios") ? shelf.take(label, "logRatios", draws) : undefined,
  };
  const by = text(of("version"), f["version"]);
  const record = f["fit"] === undefined ? undefined : readRecord(of("fit"), f["fit"], by, dimension, shelf);
  const graph = record && typeof record.values === "object" ? fromPlain(of("fit.values"), record.values) : undefined;
  if (graph) {
    const size = graph.roots.reduce((n, r) => n + sizeOfNode(r), 0);
    if (graph.dimension !== dimension) throw rangeError(of("fit.values.dimension"), `${dimension}`, graph.dimension);
    if (width !== undefined && size !== width) throw rangeError(of("fit.values.roots"), `${width} values`, size);
  }
  for (const name of shelf.entries.keys()) throw rangeError(of("arrays"), "no other array", name);
  return { snapshot, record, values: graph };
}

function readRecord(label: string, value: unknown, by: string, n: number, shelf: Shelf): FitRecord {
  const f = fields(label, value, [
    "algorithm",
    "family",
    "seed",
    "steps",
    "options",
    "components",
    "maps",
    "values",
    "ended",
  ]);
  const of = (name: string): string => `${label}.${name}`;
  const family = oneOf(of("family"), f["family"], fitFamilies);
  const options: Record<string, PlainOption> = {};
  if (typeof f["options"] !== "object" || f["options"] === null)
    throw typeError(of("options"), "an object", f["options"]);
  for (const [key, v] of Object.entries(f["options"])) {
    if (typeof v !== "number" && typeof v !== "string" && typeof v !== "boolean")
      throw typeError(`${of("options")}.${key}`, "a number, a text, true or false", v);
    options[key] = v;
  }
  if (shelf.entries.has("init")) options["init"] = shelf.take(label, "init", n);
  const components = list(of("components"), f["components"]).map((c, k) =>
    gaussian(`${of("components")}[${k}]`, c, `gaussian${k}`, n, shelf),
  );
  const maps = list(of("maps"), f["maps"]).map((m, k) => nested(`${of("maps")}[${k}]`, m, `map${k}`, n, shelf));
  return {
    version: by,
    algorithm: oneOf(of("algorithm"), f["algorithm"], algorithms),
    family,
    seed: integer(of("seed"), f["seed"], 0),
    steps: integer(of("steps"), f["steps"], 0),
    ended: f["ended"] === undefined ? undefined : readEnded(of("ended"), f["ended"], n, family, shelf),
    options,
    components,
    maps,
    values: valuesFrom(of("values"), f["values"], shelf),
  };
}

const word = 2 ** 32 - 1;

function readEnded(label: string, value: unknown, n: number, family: string, shelf: Shelf): Ended {
  const f = fields(label, value, ["turns", "digest", "probe", "adam"]);
  return {
    turns: integer(`${label}.turns`, f["turns"], 0),
    digest: integer(`${label}.digest`, f["digest"], 0, word),
    probe: integer(`${label}.probe`, f["probe"], 0, word),
    adam: f["adam"] === undefined ? undefined : readCheckpoint(`${label}.adam`, f["adam"], n, family, shelf),
  };
}

function readCheckpoint(label: string, value: unknown, n: number, family: string, shelf: Shelf): AdamCheckpoint {
  const f = fields(label, value, ["blamed"]);
  const taken: Record<string, Float64Array> = {};
  for (const [name, { length, most, optional }] of Object.entries(lengths(n, family))) {
    if (optional && !shelf.entries.has(`adam.${name}`)) continue;
    taken[name] = shelf.take(label, `adam.${name}`, most ? undefined : length);
    if (taken[name].length > length)
      throw rangeError(`${label}.arrays: the length of "adam.${name}"`, `at most ${length}`, taken[name].length);
  }
  const { numbers, ...arrays } = taken;
  return {
    numbers: numbers!,
    arrays,
    blamed: list(`${label}.blamed`, f["blamed"]).map((entry, k) => {
      const [site, times] = list(`${label}.blamed[${k}]`, entry);
      return [text(`${label}.blamed[${k}][0]`, site), integer(`${label}.blamed[${k}][1]`, times, 0)] as const;
    }),
  };
}

function gaussian(label: string, value: unknown, name: string, n: number, shelf: Shelf): Gaussian {
  const f = fields(label, value, ["kind", "rank"]);
  const kind = oneOf(`${label}.kind`, f["kind"], ["diagonal", "dense", "lowRank"]);
  const take = (part: string, length: number): Float64Array => shelf.take(label, `${name}.${part}`, length);
  const mean = take("mean", n);
  if (kind === "diagonal") return { kind, mean, scale: take("scale", n) };
  if (kind === "dense") return { kind, mean, cholesky: take("cholesky", n * n) };
  const rank = integer(`${label}.rank`, f["rank"], 0, n);
  return {
    kind,
    mean,
    scale: take("scale", n),
    rank,
    basis: take("basis", rank * n),
    factor: take("factor", rank * rank),
  };
}

function nested(label: string, value: unknown, name: string, n: number, shelf: Shelf): NestedMap {
  const f = fields(label, value, ["knots", "scores"]);
  const knots = integer(`${label}.knots`, f["knots"], 2);
  const scores = integer(`${label}.scores`, f["scores"], 2);
  const take = (part: string, length: number): Float64Array => shelf.take(label, `${name}.${part}`, length);
  const [logDeterminant, first, step] = take("grid", 3) as unknown as [number, number, number];
  return {
    dimension: n,
    mean: take("mean", n),
    root: take("root", n * n),
    logDeterminant,
    first,
    step,
    knots,
    shift: take("shift", knots * n),
    logScale: take("logScale", knots * n),
    quantile: { scores: take("scores", scores), values: take("values", scores), slopes: take("slopes", scores) },
  };
}

function valuesFrom(label: string, value: unknown, shelf: Shelf): FitRecord["values"] {
  if (value === undefined || value === "identity") return value;
  const f = fields(label, value, ["dimension", "plates", "nodes", "roots", "arrays"]);
  const count = integer(`${label}.arrays`, f["arrays"], 0, shelf.entries.size);
  const arrays = Array.from({ length: count }, (_, k) => shelf.take(label, `graph${k}`));
  return { ...(f as unknown as PlainGraph), arrays };
}
