// Makes dist/: the core, the compiled TypeScript with its declarations, the raw .wasm files, one bundled file for pages that use no
// bundler, and for Node, which resolves and reads each module by itself, the same modules in a few files.
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { compileAtOnce } from "./eager.mjs";

process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));
const node = (...args) => {
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};
node("scripts/build-core.mjs", "release", "relaxed");
rmSync("dist", { recursive: true, force: true });
node("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json");
copyFileSync("build/core.wasm", "dist/core.wasm");
copyFileSync("build/core.relaxed.wasm", "dist/core.relaxed.wasm");
/** Node decodes base64 natively, a sixth of the time that the module that reads our text takes to compile and run when cold. */
const base64Core = {
  name: "base64-core",
  setup({ onLoad }) {
    onLoad({ filter: /core[\\/]inlined\.js$/ }, () => {
      const base64 = readFileSync("build/core.wasm").toString("base64");
      const contents = `import { Buffer } from "node:buffer";
export const coreBytes = () => Buffer.from("${base64}", "base64");`;
      return { contents };
    });
  },
};
await build({
  entryPoints: { index: "dist/src/index.js", worker: "dist/src/worker/index.js" },
  outdir: "dist/node",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "node20",
  platform: "node", // with the loader: one more package to find and to read costs a millisecond
  plugins: [base64Core],
  minifyWhitespace: true, // names stay, for stack traces
  minifySyntax: true,
  legalComments: "none",
});
await compileAtOnce("dist/node/index.js");
await build({
  entryPoints: ["dist/src/bundle.js"],
  outfile: "dist/variational.min.js",
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  legalComments: "none",
});
