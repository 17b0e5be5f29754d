// Checks what `npm publish` would send: builds, packs, and has the tarball read by publint (fields and files), by "are the types
// wrong?" (every entry, as TypeScript resolves it), the build by size-limit (budgets) and knip (nothing dead), and the public names by
// typedoc (documented, and made of public types; links that lead somewhere). `npm run docs` writes its pages to docs/api.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));
const folder = mkdtempSync(join(tmpdir(), "variational-package-"));
let failed = false;
const run = (title, command, args, options = {}) => {
  console.log(`\n${title}`);
  const { status, stdout } = spawnSync(command, args, { stdio: "inherit", ...options });
  failed ||= status !== 0;
  return stdout?.toString() ?? "";
};
const tool = (name) => join("node_modules", ".bin", name);
try {
  if (!process.argv.includes("--no-build")) run("build", process.execPath, ["scripts/build.mjs"]);
  if (failed) process.exit(1);
  const packing = { stdio: ["ignore", "pipe", "inherit"] };
  const packed = run("npm pack", "npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], packing);
  const [{ filename, size, unpackedSize, files }] = JSON.parse(packed);
  console.log(`${filename}: ${files.length} files, ${size} bytes, ${unpackedSize} unpacked`);
  const tarball = join(folder, filename);
  run("publint", tool("publint"), ["--strict", tarball]);
  run("attw", tool("attw"), [tarball, "--no-emoji", "--format", "ascii"]);
  run("size-limit", tool("size-limit"), []);
  run("knip", tool("knip"), []);
  run("typedoc", tool("typedoc"), ["--emit", "none"]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (failed) process.exit(1);
