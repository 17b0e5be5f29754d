// Loads the WebAssembly core, once. The bytes are inlined (as text) so that importing the package needs no bundler set-up;
// `load` also takes bytes, a compiled module, a Response or a URL for those who host the file themselves. Nothing happens at
// import: the first use loads. The only file that imports the AssemblyScript loader.

import { instantiate, instantiateSync } from "@assemblyscript/loader";
import { knownOptions, rangeError, typeError } from "../errors.js";
import { coreBytes } from "./inlined.js";

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
    step: number,
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
  momentsDraw(moments: number): void;
  momentsAdd(moments: number): number;
  momentsRun(moments: number, steps: number): number;
  affine(n: number, draws: number, centre: number, matrix: number, input: number, out: number): void;
  nestedForward(map: number, program: number): void;
  nestedBackward(map: number, program: number): void;
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

/** Where the core can come from: bytes, a compiled module, a Response, or where to fetch it. */
export type CoreSource = BufferSource | WebAssembly.Module | Response | URL | string;

/** Options of `load`. */
export interface LoadOptions {
  /**
   * The relaxed build (`variational/core.relaxed.wasm`): faster by fused multiply-add, no longer the same bits everywhere. It is
   * loaded where the engine has relaxed SIMD; elsewhere the inlined baseline build is.
   */
  readonly relaxed: CoreSource;
}

/** The part of Node's globals that is used where it exists (from Node 20.16 and 22.3 on). */
interface NodeLike {
  readonly process?: { getBuiltinModule?(name: "node:fs"): { readFileSync(path: URL): Uint8Array } | undefined };
}

type Compilable = BufferSource | WebAssembly.Module;

let loaded: CoreExports | undefined;
let loading: Promise<void> | undefined;

// (module (func (result v128) i32.const 0 i8x16.splat)), and the same with two more operands and f64x2.relaxed_madd.
const header = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10];
const splat = [65, 0, 253, 15];
const simdProbe = [...header, 8, 1, 6, 0, ...splat, 11];
const relaxedProbe = [...header, 19, 1, 17, 0, ...splat, ...splat, ...splat, 253, 135, 2, 11];

const supports = (probe: readonly number[]): boolean => WebAssembly.validate(Uint8Array.from(probe));

/** Says what the engine lacks that the core needs. */
const lacking = (what: string): Error =>
  new Error(
    `variational needs ${what}, which this JavaScript engine lacks or has switched off; Chrome and Edge have it from version 91, Firefox 89, Safari 16.4, Node 16.4 on`,
  );

function checkEngine(): void {
  if (typeof WebAssembly !== "object") throw lacking("WebAssembly");
}

/** Why the core could not be compiled, where the engine is to blame: asked only then, since even the probe takes a tenth of a millisecond. */
const explained = (error: unknown): unknown => (supports(simdProbe) ? error : lacking("WebAssembly SIMD (128 bits)"));

const isBytes = (source: unknown): source is BufferSource =>
  source instanceof ArrayBuffer || ArrayBuffer.isView(source);
const isModule = (source: unknown): source is WebAssembly.Module => source instanceof WebAssembly.Module;
const isCompilable = (source: unknown): source is Compilable => isModule(source) || isBytes(source);
const isResponse = (source: unknown): source is Response =>
  typeof Response !== "undefined" && source instanceof Response;
const isSource = (source: unknown): source is CoreSource =>
  typeof source === "string" || source instanceof URL || isResponse(source) || isCompilable(source);

/** Takes what was instantiated for the core, unless another call was first. The exports as they are: the loader's own wrap each call. */
function adopt({ instance }: { readonly instance: WebAssembly.Instance }, label: string): void {
  if (loaded) return;
  const found = instance.exports as Partial<CoreExports>;
  if (!(found.memory instanceof WebAssembly.Memory && typeof found.evaluate === "function"))
    throw rangeError(label, "the core of this version of variational", "another WebAssembly module");
  loaded = found as CoreExports;
}

/** The core, loaded with the inlined bytes when nothing has loaded it before. */
export function core(): CoreExports {
  if (!loaded) loadSync();
  return loaded!;
}

/** Loads the core at once from bytes or a module (the inlined bytes when absent). A second call changes nothing. */
export function loadSync(source?: BufferSource | WebAssembly.Module): void {
  checkEngine();
  if (source !== undefined && !isCompilable(source))
    throw typeError("loadSync(source)", "bytes or a WebAssembly.Module", source);
  if (loaded) return;
  try {
    adopt(instantiateSync(source ?? coreBytes(), {}), "loadSync(source)");
  } catch (error) {
    if (source === undefined && error instanceof RangeError)
      throw new Error(
        "this browser does not compile the core at once on the page's own thread: await load() before the first use",
        {
          cause: error,
        },
      );
    throw explained(error);
  }
}

/**
 * Loads the core: from the inlined bytes, or from bytes, a module, a Response or a URL, without blocking the thread; or the relaxed
 * build, where the engine can run it. Only the first call that succeeds has an effect; what uses the core loads it by itself.
 */
export async function load(source?: CoreSource | LoadOptions): Promise<void> {
  checkEngine();
  let wanted: CoreSource | undefined;
  let label = "load(source)";
  if (source === undefined || isSource(source)) wanted = source;
  else {
    const options: Partial<LoadOptions> | null = source;
    if (typeof options !== "object" || options === null || !("relaxed" in options))
      throw typeError(label, "bytes, a WebAssembly.Module, a Response, a URL or { relaxed: one of these }", source);
    knownOptions("load(options)", options, ["relaxed"]);
    label = "load(options).relaxed";
    const { relaxed } = options;
    if (!isSource(relaxed)) throw typeError(label, "bytes, a WebAssembly.Module, a Response or a URL", relaxed);
    wanted = supports(relaxedProbe) ? relaxed : undefined;
  }
  // One at a time: a call that finds another under way waits for it, and goes on itself only where that failed.
  while (loading && !loaded) await loading.catch(() => undefined);
  if (loaded) return;
  loading = compile(wanted, label);
  try {
    await loading;
  } finally {
    loading = undefined;
  }
}

async function compile(source: CoreSource | undefined, label: string): Promise<void> {
  const code = source === undefined ? coreBytes() : isCompilable(source) ? source : await fetched(source, label);
  try {
    adopt(source === undefined ? await inlined(code) : await instantiate(code, {}), label);
  } catch (error) {
    throw explained(error);
  }
}

/**
 * The inlined core at once: half a millisecond in V8, which compiles functions when they are first called, and three in Firefox, where
 * the asynchronous way takes 14 (Node 20), 3 (Chromium 156) and 4 and holds the thread for most of them. Chrome before version 115 compiles
 * no more than 4 kB at once on the main thread.
 */
function inlined(code: Compilable): Promise<{ readonly instance: WebAssembly.Instance }> {
  try {
    return Promise.resolve(instantiateSync(code, {}));
  } catch (error) {
    if (error instanceof RangeError) return instantiate(code, {});
    throw error;
  }
}

async function fetched(source: Response | URL | string, label: string): Promise<BufferSource> {
  if (!isResponse(source) && String(source).startsWith("file:")) {
    // Node's fetch does not read files.
    const files = (globalThis as NodeLike).process?.getBuiltinModule?.("node:fs");
    if (!files) throw rangeError(label, "bytes, where the engine cannot read a file", String(source));
    return new Uint8Array(files.readFileSync(new URL(source)));
  }
  const response = isResponse(source) ? source : await fetch(source);
  if (!response.ok)
    throw rangeError(label, `a response with status 200${response.url && ` from ${response.url}`}`, response.status);
  return response.arrayBuffer();
}
