// Loading the core: every kind of source, once, lazily, with clear errors for what cannot be a core and for engines that cannot
// run it. Each test loads into a fresh copy of the module.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, expect, test, vi } from "vitest";

type Loader = typeof import("../src/core/load.js");

const file = (build: string): string => fileURLToPath(new URL(`../build/${build}.wasm`, import.meta.url));
const bytes = new Uint8Array(readFileSync(file("core")));
const relaxed = new Uint8Array(readFileSync(file("core.relaxed")));
const other = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);

const fresh = async (): Promise<Loader> => {
  vi.resetModules();
  return import("../src/core/load.js");
};
/** Whether the core computes: 2^2 through its own memory. */
const works = ({ core }: Loader): boolean => {
  const { allocate, free, memory } = core();
  const pointer = allocate(64);
  const zeroed = new Float64Array(memory.buffer, pointer, 8);
  zeroed.fill(2);
  free(pointer);
  return pointer % 16 === 0 && pointer > 0;
};
/** The global with some of its members replaced. */
function stubWebAssembly(members: object): void {
  const own = Object.getOwnPropertyNames(WebAssembly).map((k) => [k, Reflect.get(WebAssembly, k)]);
  vi.stubGlobal("WebAssembly", { ...Object.fromEntries(own), ...members });
}
/** Modules compiled while `action` runs, without the few bytes that read the core's text. */
async function compilations(action: () => Promise<void>): Promise<number> {
  const { Module, compile } = WebAssembly;
  let count = 0;
  const note = (source: BufferSource): void => {
    if (source.byteLength > 1000) count++;
  };
  class Counting extends Module {
    constructor(source: BufferSource) {
      note(source);
      super(source);
    }
    static override [Symbol.hasInstance](value: unknown): boolean {
      return Object.prototype.toString.call(value) === "[object WebAssembly.Module]";
    }
  }
  stubWebAssembly({
    Module: Counting,
    compile: (source: BufferSource) => {
      note(source);
      return compile(source);
    },
  });
  await action();
  return count;
}

new Response(); // Node compiles a WebAssembly module of its own when Response is first used.

afterEach(() => vi.unstubAllGlobals());

test("importing the package compiles nothing, the first use compiles once, and later loads nothing", async () => {
  const count = await compilations(async () => {
    const before = await compilations(async () => {
      vi.resetModules();
      await import("../src/index.js");
    });
    expect(before).toBe(0);
    const loader = await fresh();
    expect(works(loader)).toBe(true);
    await loader.load();
    loader.loadSync();
    loader.loadSync(bytes);
    expect(loader.core()).toBe(loader.core());
  });
  expect(count).toBe(1);
});

test("calls that overlap share one core", async () => {
  const loader = await fresh();
  const count = await compilations(async () => {
    await Promise.all([loader.load(), loader.load(bytes), loader.load(bytes.buffer)]);
  });
  expect(count).toBe(1);
  expect(works(loader)).toBe(true);
});

test("a core that was loaded synchronously while another load was under way stays", async () => {
  const loader = await fresh();
  const pending = loader.load(bytes);
  loader.loadSync();
  const first = loader.core();
  await pending;
  expect(loader.core()).toBe(first);
});

test.each([
  ["bytes", () => bytes],
  ["an ArrayBuffer", () => bytes.slice().buffer],
  ["a view into a larger buffer", () => new Uint8Array(Uint8Array.of(9, ...bytes).buffer, 1)],
  ["a module", () => new WebAssembly.Module(bytes)],
  ["a Response without a media type", () => new Response(bytes)],
  ["a URL of a file", () => pathToFileURL(file("core"))],
  ["a file URL as text", () => pathToFileURL(file("core")).href],
])("load takes %s", async (_, source) => {
  const loader = await fresh();
  await loader.load(source());
  expect(works(loader)).toBe(true);
});

test("load takes an http URL, and says which status came when that was not 200", async () => {
  const server = createServer((request, response) => {
    if (request.url === "/core.wasm") response.end(bytes);
    else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const loader = await fresh();
    await expect(loader.load(`${at}/missing.wasm`)).rejects.toThrow(
      `load(source): expected a response with status 200 from ${at}/missing.wasm, got 404`,
    );
    await loader.load(new URL(`${at}/core.wasm`));
    expect(works(loader)).toBe(true);
  } finally {
    server.close();
  }
});

test("loadSync takes bytes and a module", async () => {
  for (const source of [bytes, new WebAssembly.Module(bytes)]) {
    const loader = await fresh();
    loader.loadSync(source);
    expect(works(loader)).toBe(true);
  }
});

test("a load that failed can be repeated, alone or by a call that was waiting", async () => {
  const loader = await fresh();
  const failing = loader.load(Uint8Array.of(1, 2, 3));
  const waiting = loader.load();
  await expect(failing).rejects.toThrow(WebAssembly.CompileError);
  await waiting;
  expect(works(loader)).toBe(true);
});

test("what cannot be a core is refused by name, also after a core has been loaded", async () => {
  const loader = await fresh();
  const load = loader.load as (source: unknown) => Promise<void>;
  const loadSync = loader.loadSync as (source: unknown) => void;
  for (const round of [1, 2]) {
    const kinds = "bytes, a WebAssembly.Module, a Response, a URL or { relaxed: one of these }";
    await expect(load(5)).rejects.toThrow(new TypeError(`load(source): expected ${kinds}, got 5`));
    await expect(load(null)).rejects.toThrow(TypeError);
    await expect(load({})).rejects.toThrow(TypeError);
    await expect(load({ relaxed: 5 })).rejects.toThrow(
      new TypeError("load(options).relaxed: expected bytes, a WebAssembly.Module, a Response or a URL, got 5"),
    );
    await expect(load({ relaxed: bytes, fast: true })).rejects.toThrow(
      "load(options).fast: unknown option; expected one of relaxed",
    );
    expect(() => loadSync("core.wasm")).toThrow(
      new TypeError('loadSync(source): expected bytes or a WebAssembly.Module, got "core.wasm"'),
    );
    if (round === 1) await loader.load();
  }
});

test("another WebAssembly module is refused, and the core can be loaded after it", async () => {
  const loader = await fresh();
  const message = "load(source): expected the core of this version of variational, got";
  await expect(loader.load(other)).rejects.toThrow(message);
  expect(() => loader.loadSync(other)).toThrow("loadSync(source): expected the core of this version");
  expect(works(loader)).toBe(true);
});

test("the relaxed build is loaded where the engine has relaxed SIMD", async () => {
  // vitest.config.ts switches it on for Node 20.
  expect(WebAssembly.validate(relaxed)).toBe(true);
  const loader = await fresh();
  const compile = vi.spyOn(WebAssembly, "compile");
  await loader.load({ relaxed });
  expect(compile.mock.calls).toEqual([[relaxed]]);
  compile.mockRestore();
  const { allocate, memory, run } = loader.core();
  const { Op } = await import("../assembly/opcodes.js");
  // a·b + c of 1 + 2^-52 squared less 1 + 2^-51: exactly 2^-104 when fused, 0 when rounded twice.
  const pointer = allocate(64);
  const words = allocate(16);
  const x = 1 + 2 ** -52;
  new Float64Array(memory.buffer, pointer, 8).set([x, x, x, x, -1 - 2 ** -51, -1 - 2 ** -51, 0, 0]);
  new Uint32Array(memory.buffer, words, 4).set([pointer, pointer + 16, pointer + 32, pointer + 48]);
  run(Op.MulAdd, 1, 2, words);
  expect([0, 2 ** -104]).toContain(new Float64Array(memory.buffer, pointer + 48, 1)[0]);
});

test("without relaxed SIMD the baseline is loaded in place of the relaxed build", async () => {
  const { validate } = WebAssembly;
  const spy = vi.spyOn(WebAssembly, "validate").mockImplementation((code) => {
    const size = ArrayBuffer.isView(code) ? code.byteLength : (code as ArrayBuffer).byteLength;
    return size <= 32 && validate(code);
  });
  try {
    const loader = await fresh();
    await loader.load({ relaxed: Uint8Array.of(1, 2, 3) });
    expect(works(loader)).toBe(true);
  } finally {
    spy.mockRestore();
  }
});

test("where the main thread may not compile the core at once, it is compiled asynchronously", async () => {
  const loader = await fresh();
  const { Module } = WebAssembly;
  // Chrome before version 115.
  stubWebAssembly({
    Module: class extends Module {
      constructor(source: BufferSource) {
        if (source.byteLength > 4096) throw new RangeError("WebAssembly.Compile is disallowed on the main thread");
        super(source);
      }
      static override [Symbol.hasInstance](value: unknown): boolean {
        return Object.prototype.toString.call(value) === "[object WebAssembly.Module]";
      }
    },
  });
  expect(() => loader.core()).toThrow("on the page's own thread: await load() before the first use");
  await loader.load();
  vi.unstubAllGlobals();
  expect(works(loader)).toBe(true);
});

test("an engine without SIMD, or without WebAssembly, is told what it lacks", async () => {
  const loader = await fresh();
  const { Module, compile } = WebAssembly;
  // What an engine without SIMD does: refuses modules that have it, the core and the probe.
  const refuse = (source: BufferSource): void => {
    if (source.byteLength > 1000) throw new WebAssembly.CompileError("invalid opcode 0xfd");
  };
  stubWebAssembly({
    Module: class extends Module {
      constructor(source: BufferSource) {
        refuse(source);
        super(source);
      }
    },
    compile: async (source: BufferSource) => {
      refuse(source);
      return compile(source);
    },
    validate: () => false,
  });
  await expect(loader.load()).rejects.toThrow("variational needs WebAssembly SIMD (128 bits), which this JavaScript");
  expect(() => loader.core()).toThrow("variational needs WebAssembly SIMD");
  await expect(loader.load(bytes)).rejects.toThrow("variational needs WebAssembly SIMD");
  vi.stubGlobal("WebAssembly", undefined);
  expect(() => loader.loadSync()).toThrow("variational needs WebAssembly, which this JavaScript engine lacks");
  vi.unstubAllGlobals();
  expect(works(loader)).toBe(true);
});
