// Runs the program of program.ts, bundled into one file, in another engine.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type BrowserName, inBrowser, pageOf } from "../support/engines.js";
import type { Hashes } from "./program.js";

/** The program as one ES module that exports `bits`. */
export async function bundled(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("program.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  return outputFiles[0]!.text;
}

export function bitsInNode(path: string, program: string): Hashes {
  const folder = mkdtempSync(join(tmpdir(), "variational-bits-"));
  try {
    writeFileSync(join(folder, "program.mjs"), program);
    const main = 'import { bits } from "./program.mjs"; console.log(JSON.stringify(await bits()));';
    writeFileSync(join(folder, "main.mjs"), main);
    return JSON.parse(execFileSync(path, [join(folder, "main.mjs")], { encoding: "utf8" })) as Hashes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function bitsInBrowser(name: BrowserName, path: string, program: string): Promise<Hashes> {
  const files: Record<string, string> = {
    "/index.html": pageOf('const { bits } = await import("/program.js"); await post(await bits());'),
    "/program.js": program,
  };
  const answer = JSON.parse(await inBrowser(name, path, (p) => files[p])) as Hashes & { readonly error?: string };
  if (answer.error !== undefined) throw new Error(`${name}: ${answer.error}`);
  return answer;
}
