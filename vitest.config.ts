import { defineConfig } from "vitest/config";

// The same test bodies run on three builds of the core; `npm test` runs the release build and test/builds.test.ts re-runs the
// kernel and VM bodies on the others.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    pool: "forks",
    execArgv: ["--experimental-wasm-relaxed-simd"],
  },
});
