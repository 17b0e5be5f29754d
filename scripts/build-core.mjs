// Compiles assembly/ with asc into build/*.wasm (debug, release, relaxed) and writes the release build, as text, into
// src/core/generated/core.ts, so that the package imports anywhere without a bundler's help. Does nothing when up to date.
import { mkdirSync, readdirSync, statSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "assemblyscript/asc";
import { inlineCore } from "./inline-core.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
process.chdir(root); // asc reads asconfig.json from the current folder

const newest = (path) => {
  const s = statSync(path);
  return s.isDirectory() ? Math.max(...readdirSync(path).map((f) => newest(join(path, f)))) : s.mtimeMs;
};
const mtime = (path) => {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
};

const only = process.argv.slice(2);
const targets = { debug: "build/core.debug.wasm", release: "build/core.wasm", relaxed: "build/core.relaxed.wasm" };
const generated = "src/core/generated/core.ts";
const source = Math.max(newest("assembly"), mtime("asconfig.json"), mtime("scripts/build-core.mjs"));
mkdirSync("build", { recursive: true });
for (const [target, file] of Object.entries(targets)) {
  if ((only.length && !only.includes(target)) || mtime(file) > source) continue;
  const started = new Date();
  const { error, stderr } = await main(["--target", target]);
  if (error) {
    process.stderr.write(stderr.toString());
    process.exit(1);
  }
  utimesSync(file, started, started); // an edit made during the build is newer than the build
}
// What decodes the inlined core is a module of its own: no memory of ours, no SIMD, as small as can be.
const decoder = "build/text.wasm";
if (mtime(decoder) <= mtime("assembly/text/decode.ts")) {
  const flags = ["--config", "none", "--runtime", "stub", "--noAssert", "--optimizeLevel", "3", "--shrinkLevel", "2"];
  const { error, stderr } = await main(["assembly/text/decode.ts", "--outFile", decoder, ...flags]);
  if (error) {
    process.stderr.write(stderr.toString());
    process.exit(1);
  }
}
if (mtime(generated) <= Math.max(mtime(targets.release), mtime(decoder), mtime("scripts/inline-core.mjs")))
  inlineCore(targets.release, decoder, generated);
