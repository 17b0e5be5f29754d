// A posterior as a file: read back, it answers as it did, bit for bit, without the model, the data or the core, in Node or a browser.
// Layout, little-endian: "VARI", format version, length of the header, CRC-32 of all other bytes (32-bit words each); a JSON header;
// zeros up to a multiple of 8; the float64 arrays that the header lists, one after another.

import { rangeError, typeError } from "../errors.js";
import type { Status } from "../optim/run.js";
import { Posterior, type Snapshot } from "../posterior.js";
import type { Site, Target } from "../target.js";

const magic = "VARI";
const format = 1;
const preamble = 16;

interface Header extends Omit<Snapshot, "trace" | "unconstrained" | "values" | "logRatios" | ScalarName> {
  /** Numbers that JSON cannot hold are strings. */
  readonly scalars: Readonly<Record<ScalarName, number | string>>;
  readonly arrays: readonly { readonly name: ArrayName; readonly length: number }[];
}
type ScalarName = "elbo" | "elboStandardError" | "khat";
type ArrayName = "trace" | "unconstrained" | "values" | "logRatios";

const table = Uint32Array.from({ length: 256 }, (_, i) => {
  let c = i;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

/** CRC-32 (ISO 3309) of a file but for the word that holds it. */
function checksum(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) if (i < 12 || i >= preamble) c = table[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8);
  return ~c >>> 0;
}

const aligned = (n: number): number => (n + 7) & ~7;

/** The bytes of a posterior: its draws on both scales, their weights, its sites, its trace and its verdict. */
export function savePosterior(posterior: Posterior): Uint8Array<ArrayBuffer> {
  if (!(posterior instanceof Posterior)) throw typeError("savePosterior(posterior)", "a posterior", posterior);
  const { trace, unconstrained, values, logRatios, elbo, elboStandardError, khat, ...rest } = posterior.snapshot();
  const arrays = Object.entries({ trace, unconstrained, values, ...(logRatios && { logRatios }) });
  const header: Header = {
    ...rest,
    scalars: {
      elbo: Number.isFinite(elbo) ? elbo : String(elbo),
      elboStandardError: Number.isFinite(elboStandardError) ? elboStandardError : String(elboStandardError),
      khat: Number.isFinite(khat) ? khat : String(khat),
    },
    arrays: arrays.map(([name, a]) => ({ name: name as ArrayName, length: a.length })),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = aligned(preamble + text.length);
  const bytes = new Uint8Array(start + 8 * arrays.reduce((n, [, a]) => n + a.length, 0));
  bytes.set(new TextEncoder().encode(magic));
  bytes.set(text, preamble);
  let at = start;
  for (const [, a] of arrays) {
    bytes.set(new Uint8Array(a.buffer, a.byteOffset, a.byteLength), at);
    at += a.byteLength;
  }
  const words = new DataView(bytes.buffer);
  words.setUint32(4, format, true);
  words.setUint32(8, text.length, true);
  words.setUint32(12, checksum(bytes), true);
  return bytes;
}

/**
 * The posterior that `savePosterior` made the bytes of. Throws, and makes nothing, when they are not such bytes, are damaged, or are of a
 * newer format.
 */
export function loadPosterior(bytes: Uint8Array): Posterior {
  const label = "loadPosterior(bytes)";
  if (!(bytes instanceof Uint8Array)) throw typeError(label, "a Uint8Array", bytes);
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < preamble || new TextDecoder("latin1").decode(bytes.subarray(0, 4)) !== magic)
    throw rangeError(label, "a posterior saved by savePosterior", bytes);
  const version = words.getUint32(4, true);
  if (version > format)
    throw new RangeError(
      `${label}: expected format ${format} or older, got ${version}: the file was saved by a newer version of variational`,
    );
  const length = words.getUint32(8, true);
  if (words.getUint32(12, true) !== checksum(bytes))
    throw new RangeError(
      `${label}: the bytes are damaged or incomplete: their checksum is not the one they were saved with`,
    );
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(preamble, preamble + length))) as Header;
  let at = aligned(preamble + length);
  const arrays = new Map<ArrayName, Float64Array>();
  for (const { name, length: size } of header.arrays) {
    const copy = bytes.slice(at, at + 8 * size);
    arrays.set(name, new Float64Array(copy.buffer, 0, size));
    at += 8 * size;
  }
  const values = arrays.get("values")!;
  const unconstrained = arrays.get("unconstrained")!;
  const logRatios = arrays.get("logRatios");
  const { dimension, draws, status, message, gradients, sites, names, unconstrainedNames, scalars } = header;
  const target: Target = {
    dimension,
    logDensityGradient() {
      throw new Error("a loaded posterior has no model");
    },
    constrain: () => values.slice(),
    constrainDraws: () => values.slice(),
    sites: sites as readonly Site[],
    ...(names && { names }),
    ...(unconstrainedNames && { unconstrainedNames }),
  };
  return new Posterior(target, {
    status: status as Status,
    message,
    elbo: Number(scalars.elbo),
    elboStandardError: Number(scalars.elboStandardError),
    khat: Number(scalars.khat),
    trace: arrays.get("trace")!,
    gradients,
    draws: draws || undefined,
    sample: draws ? () => unconstrained : undefined,
    logRatios: logRatios && (() => logRatios),
  });
}
