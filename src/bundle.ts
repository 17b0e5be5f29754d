// Everything in one file, for pages that use no bundler: scripts/build.mjs makes dist/variational.min.js of it.

export * from "./index.js";
export * from "./worker/index.js";
