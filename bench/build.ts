// Loads one build of the core for a benchmark process. The relaxed build needs relaxed SIMD, which Node 20 has behind a flag.

import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { loadSync } from "../src/core/load.js";

/** Whether this JavaScript engine could load the build: release or relaxed. */
export function loadBuild(build: string): boolean {
  const folder = process.env["VARIATIONAL_BUILD"] ?? new URL("../build", import.meta.url).pathname;
  const bytes = new Uint8Array(readFileSync(`${folder}/${build === "release" ? "core" : `core.${build}`}.wasm`));
  if (!WebAssembly.validate(bytes)) setFlagsFromString("--experimental-wasm-relaxed-simd");
  if (!WebAssembly.validate(bytes)) return false;
  loadSync(bytes);
  return true;
}
