// Loads the WebAssembly core, once. The bytes are inlined (base64) so that importing the package needs no bundler set-up;
// `load` also takes bytes, a compiled module, a Response or a URL for those who host the file themselves. The only file that
// imports the AssemblyScript loader.

import { instantiateSync } from "@assemblyscript/loader";
import { rangeError, typeError } from "../errors.js";
import { coreBase64 } from "./generated/core.js";

/** The exports of assembly/index.ts as TypeScript sees them; pointers are byte offsets into the memory. */
export interface CoreExports {
  memory: WebAssembly.Memory;
  allocate(bytes: number): number;
  free(pointer: number): void;
  used(): number;
  run(op: number, rows: number, n: number, a: number): void;
  evaluate(program: number): void;
  selectBatch(program: number, k: number, batch: number): void;
  drawBatches(program: number, seedLow: number, seedHigh: number, step: number): void;
  fillNormals: RandomFill;
  fillUniforms: RandomFill;
  fillBits: RandomFill;
  sample(family: number, n: number, a: number, seedLow: number, seedHigh: number, stream: number): void;
  sobol(
    directions: number,
    dimensions: number,
    firstDimension: number,
    points: number,
    first: number,
    seedLow: number,
    seedHigh: number,
    stream: number,
    flags: number,
    out: number,
  ): void;
  philoxBlock(c0: number, c1: number, c2: number, c3: number, k0: number, k1: number, out: number): void;
  adam(n: number, parameters: number, gradient: number, first: number, second: number, settings: number): void;
  klStandardNormal(
    dimension: number,
    location: number,
    logScale: number,
    scale: number,
    strict: number,
    lower: number,
    gradLocation: number,
    gradLogScale: number,
    gradLower: number,
  ): number;
  klDiagonal(dimension: number, m: number, s: number, logS: number, n: number, t: number, logT: number): number;
  adviDraw(state: number): number;
  adviGradient(state: number): number;
  adviUpdate(state: number): number;
  adviRun(state: number, steps: number): number;
}

/** out[coordinate][draw], draws innermost: each number a function of (seed, stream, step, draw, coordinate) and of nothing else. */
export type RandomFill = (
  seedLow: number,
  seedHigh: number,
  stream: number,
  step: number,
  draws: number,
  coordinates: number,
  out: number,
  firstDraw: number,
  firstCoordinate: number,
) => void;

/** What `load` accepts beside nothing: bytes, a module, or where to fetch them. */
export type CoreSource = BufferSource | WebAssembly.Module | Response | URL | string;

let loaded: CoreExports | undefined;

function instantiate(source: BufferSource | WebAssembly.Module): CoreExports {
  const module = source instanceof WebAssembly.Module ? source : new WebAssembly.Module(source);
  return instantiateSync<CoreExports & Record<string, unknown>>(module, {}).exports as unknown as CoreExports;
}

function inlined(): Uint8Array<ArrayBuffer> {
  const text = atob(coreBase64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The core, loaded with the inlined bytes when nothing has loaded it before. */
export function core(): CoreExports {
  loaded ??= instantiate(inlined());
  return loaded;
}

/** Loads the core at once from bytes or a module (the inlined bytes when absent). A second call changes nothing. */
export function loadSync(source?: BufferSource | WebAssembly.Module): void {
  if (loaded) return;
  if (
    source !== undefined &&
    !(source instanceof WebAssembly.Module || source instanceof ArrayBuffer || ArrayBuffer.isView(source))
  )
    throw typeError("loadSync(source)", "bytes or a WebAssembly.Module", source);
  loaded = instantiate(source ?? inlined());
}

/** Loads the core without blocking. A second call changes nothing. */
export async function load(source?: CoreSource): Promise<void> {
  if (loaded) return;
  if (source === undefined) return loadSync();
  if (source instanceof WebAssembly.Module || source instanceof ArrayBuffer || ArrayBuffer.isView(source)) {
    const module = source instanceof WebAssembly.Module ? source : await WebAssembly.compile(source as BufferSource);
    loaded ??= instantiate(module);
    return;
  }
  const isResponse = typeof Response !== "undefined" && source instanceof Response;
  if (!isResponse && typeof source !== "string" && !(source instanceof URL))
    throw typeError("load(source)", "bytes, a WebAssembly.Module, a Response or a URL", source);
  const response = isResponse ? (source as Response) : await fetch(source as string | URL);
  if (!response.ok) throw rangeError("load(source)", "a response with status 200", response.status);
  const module = await WebAssembly.compile(await response.arrayBuffer());
  loaded ??= instantiate(module);
}
