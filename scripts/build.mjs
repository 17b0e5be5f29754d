// Makes dist/: the core, the compiled TypeScript with its declarations, the raw .wasm files, and one bundled file for pages
// that use no bundler.
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));
rmSync("dist", { recursive: true, force: true });
const node = (...args) => execFileSync(process.execPath, args, { stdio: "inherit" });
node("scripts/build-core.mjs", "release", "relaxed");
node("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json");
copyFileSync("build/core.wasm", "dist/core.wasm");
copyFileSync("build/core.relaxed.wasm", "dist/core.relaxed.wasm");
await build({
  entryPoints: ["dist/src/index.js"],
  outfile: "dist/variational.min.js",
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  legalComments: "none",
});
