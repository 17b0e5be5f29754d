// The three builds of the core, side by side in one process (the package itself loads one). A build here is the function
// `run(op, inputs)` over copies: what the tests of kernels need and nothing more.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";

export type BuildName = "debug" | "release" | "relaxed";
export const buildNames: readonly BuildName[] = ["debug", "release", "relaxed"];

const files: Record<BuildName, string> = {
  debug: "core.debug.wasm",
  release: "core.wasm",
  relaxed: "core.relaxed.wasm",
};

/** The exports that tests of kernels use, with the meaning they have in assembly/index.ts. */
export interface CoreUnderTest {
  readonly memory: WebAssembly.Memory;
  allocate(bytes: number): number;
  free(pointer: number): void;
  run(op: number, rows: number, n: number, a: number): void;
}

export interface Build {
  readonly name: BuildName;
  readonly core: CoreUnderTest;
  /** Runs a map over arrays of one length and returns its output, a copy. */
  map(op: number, ...inputs: ArrayLike<number>[]): Float64Array<ArrayBuffer>;
}

export function openBuild(name: BuildName): Build {
  if (name === "relaxed") setFlagsFromString("--experimental-wasm-relaxed-simd");
  const bytes = readFileSync(fileURLToPath(new URL(`../../build/${files[name]}`, import.meta.url)));
  const abort = (_message: number, _file: number, line: number, column: number): never => {
    throw new Error(`the ${name} build failed an assertion at ${line}:${column}`);
  };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { abort } });
  const core = instance.exports as unknown as CoreUnderTest;
  return {
    name,
    core,
    map(op, ...inputs) {
      const n = inputs[0]!.length;
      const pointers = [...inputs, undefined].map(() => core.allocate((n + (n & 1)) * 8));
      const words = core.allocate(pointers.length * 4);
      new Uint32Array(core.memory.buffer, words, pointers.length).set(pointers);
      inputs.forEach((values, i) => {
        new Float64Array(core.memory.buffer, pointers[i]!, n).set(values);
      });
      core.run(op, 1, n, words);
      const result = new Float64Array(core.memory.buffer, pointers.at(-1)!, n).slice();
      for (const pointer of [words, ...pointers.reverse()]) core.free(pointer);
      return result;
    },
  };
}
