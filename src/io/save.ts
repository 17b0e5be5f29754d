// A posterior as a file: read back, it answers as it did, bit for bit, and makes new draws of its approximation, without the model or the
// data, in Node or a browser; and what was ended can be resumed. Layout, little-endian: "VARI", format version, length of the header, CRC-32 of
// all other bytes (32-bit words each); a JSON header (header.ts); zeros up to a multiple of 8; the float64 arrays that the header lists.

import { checksum } from "../checksum.js";
import { Values } from "../compile/values.js";
import { integer, knownOptions, rangeError, typeError } from "../errors.js";
import { Posterior } from "../posterior.js";
import type { Target } from "../target.js";
import type { Resumable } from "../vi/fit.js";
import { drawsOf, type FitRecord } from "../vi/record.js";
import { type Contents, readHeader, Shelf, writeHeader } from "./header.js";

const magic = "VARI";
const format = 1;
const preamble = 16;

/** The checksum of a file but for the word that holds it. */
const checksumOfFile = (bytes: Uint8Array): number =>
  checksum(bytes.subarray(preamble), checksum(bytes.subarray(0, 12)));

const aligned = (n: number): number => (n + 7) & ~7;

/**
 * The bytes of a posterior: its draws on both scales, their weights, its sites, its trace and its verdict; and of a fit also version, seed,
 * options, the approximation, and what it takes to go on where it was ended.
 */
export function savePosterior(posterior: Posterior): Uint8Array<ArrayBuffer> {
  if (!(posterior instanceof Posterior)) throw typeError("savePosterior(posterior)", "a posterior", posterior);
  const shelf = new Shelf();
  const record = "record" in posterior ? (posterior.record as FitRecord) : undefined;
  const text = new TextEncoder().encode(JSON.stringify(writeHeader(posterior.snapshot(), record, shelf)));
  const start = aligned(preamble + text.length);
  const bytes = new Uint8Array(start + 8 * shelf.size);
  bytes.set(new TextEncoder().encode(magic));
  bytes.set(text, preamble);
  let at = start;
  for (const [, a] of shelf.entries) {
    bytes.set(new Uint8Array(a.buffer, a.byteOffset, a.byteLength), at);
    at += a.byteLength;
  }
  const words = new DataView(bytes.buffer);
  words.setUint32(4, format, true);
  words.setUint32(8, text.length, true);
  words.setUint32(12, checksumOfFile(bytes), true);
  return bytes;
}

/** A posterior that was loaded. */
export class SavedPosterior extends Posterior implements Resumable {
  /** How it was fitted: version, algorithm, seed, options, and the approximation itself; undefined for draws that are not of a fit. */
  readonly record: FitRecord | undefined;

  constructor({ snapshot, record }: Contents, target: Target) {
    const { draws, unconstrained, logRatios } = snapshot;
    super(target, {
      ...snapshot,
      draws: draws || undefined,
      sample: draws
        ? (count, seed) => {
            if (count === draws && seed === undefined) return unconstrained;
            if (!record?.components.length)
              throw new Error(
                "the file holds draws, but not the approximation that they are draws of (new draws of an annealed fit take its model)",
              );
            return drawsOf(record, count, seed ?? record.seed);
          }
        : undefined,
      logRatios: logRatios && ((points) => (points === unconstrained ? logRatios : undefined)),
    });
    this.record = record;
  }
}

/**
 * The posterior that `savePosterior` made the bytes of. Throws, and makes nothing, when they are not such bytes, are damaged, or are of a
 * newer format.
 */
export function loadPosterior(bytes: Uint8Array): SavedPosterior {
  const label = "loadPosterior(bytes)";
  if (!(bytes instanceof Uint8Array)) throw typeError(label, "a Uint8Array", bytes);
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < preamble || new TextDecoder("latin1").decode(bytes.subarray(0, 4)) !== magic)
    throw rangeError(label, "a posterior saved by savePosterior", bytes);
  const version = words.getUint32(4, true);
  if (version !== format)
    throw new RangeError(
      `${label}: expected format ${format}, got ${version}: ${version > format ? "the file was saved by a newer version of variational" : "no version of variational has saved such a file"}`,
    );
  if (words.getUint32(12, true) !== checksumOfFile(bytes))
    throw new RangeError(
      `${label}: the bytes are damaged or incomplete: their checksum is not the one they were saved with`,
    );
  const contents = read(`${label}: header`, bytes, words.getUint32(8, true));
  return new SavedPosterior(contents, targetOf(contents));
}

/** Header and arrays of bytes that are as they were saved. */
function read(label: string, bytes: Uint8Array, length: number): Contents {
  if (preamble + length > bytes.length)
    throw rangeError(`${label}: its length`, `at most ${bytes.length - preamble}`, length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(preamble, preamble + length)));
  } catch {
    throw new RangeError(`${label}: expected JSON`);
  }
  const listed: unknown = typeof header === "object" && header !== null && "arrays" in header && header.arrays;
  if (!Array.isArray(listed)) throw typeError(`${label}.arrays`, "an array", listed || undefined);
  const shelf = new Shelf();
  let at = aligned(preamble + length);
  listed.forEach((entry: unknown, k) => {
    const place = `${label}.arrays[${k}]`;
    knownOptions(place, entry, ["name", "length"]);
    const { name, length: size } = entry as { readonly name: unknown; readonly length: unknown };
    if (typeof name !== "string" || shelf.entries.has(name))
      throw rangeError(`${place}.name`, "a name of its own", name);
    const end = at + 8 * integer(`${place}.length`, size, 0, Math.max(0, bytes.length - at) >> 3);
    shelf.put(name, new Float64Array(bytes.slice(at, end).buffer));
    at = end;
  });
  if (at !== bytes.length) throw rangeError(`${label}.arrays`, `arrays up to byte ${bytes.length}, the last`, at);
  return readHeader(label, header, shelf);
}

/** What stands for the model: the stored values for the stored draws, and for others what the file knows of how values come about. */
function targetOf({ snapshot, record, values: graph }: Contents): Target {
  const { dimension, unconstrained, values, sites, names, unconstrainedNames } = snapshot;
  return {
    dimension,
    logDensityGradient() {
      throw new Error("a loaded posterior has no model");
    },
    constrainDraws(thetas, draws) {
      if (thetas === unconstrained) return values.slice();
      if (record?.values === "identity") return thetas.slice();
      if (!graph)
        throw new Error(
          "the file does not say how values follow from unconstrained draws (the target's constrain is a function, or a value is a density): of new draws there is only unconstrainedDraws()",
        );
      return constrainBy(graph, thetas, draws);
    },
    sites,
    ...(names && { names }),
    ...(unconstrainedNames && { unconstrainedNames }),
  };
}

/** Values [draw × value] of coordinates [draw × dimension]. */
function constrainBy({ dimension, roots }: NonNullable<Contents["values"]>, thetas: Float64Array, draws: number) {
  const machine = new Values(dimension, roots, draws);
  try {
    const parts = machine.evaluate(thetas);
    const width = parts.reduce((n, p) => n + p.length, 0) / draws;
    const out = new Float64Array(draws * width);
    let offset = 0;
    for (const part of parts) {
      const size = part.length / draws;
      for (let d = 0; d < draws; d++) out.set(part.subarray(d * size, (d + 1) * size), d * width + offset);
      offset += size;
    }
    return out;
  } finally {
    machine.dispose();
  }
}
