// The entry for Cloudflare's workerd, where WebAssembly cannot be compiled from bytes: the core comes as a module that the
// platform has compiled. Everything else is the ordinary entry.

// @ts-expect-error: resolved by the platform or its bundler
import module from "../core.wasm";
import { loadSync } from "./core/load.js";

loadSync(module as WebAssembly.Module);

export * from "./index.js";
