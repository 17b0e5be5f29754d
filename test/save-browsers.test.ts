// Files travel: what Node writes a browser loads, saves again to the same bytes, draws from and resumes to the same bits, and the other way
// round.

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import { fromText, type Reading, read, toText, written } from "./save/program.js";
import { findBrowser, inBrowser, pageOf, skipped } from "./support/engines.js";

interface Report {
  readonly error?: string;
  /** Files written there, and what is made there of those written here. */
  readonly files: readonly Uint8Array[];
  readonly readings: readonly Reading[];
}

describe("files between Node and browsers", () => {
  let program = "";
  let files: readonly Uint8Array[] = [];
  beforeAll(async () => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL("save/program.ts", import.meta.url))],
      bundle: true,
      format: "esm",
      target: "es2022",
      write: false,
    });
    program = outputFiles[0]!.text;
    files = await written();
  });

  test("here a file is the same after loading, and a resumed fit has the file of one that was not ended", async () => {
    for (let k = 0; k < files.length; k += 2) {
      const [whole, ended] = [await read(files[k]!), await read(files[k + 1]!)];
      expect(whole.again).toEqual(files[k]);
      expect(ended.again).toEqual(files[k + 1]);
      expect(whole.resumed).toBeUndefined();
      expect(ended.resumed).toEqual(files[k]);
      expect(ended.draws).not.toEqual(whole.draws);
    }
  });

  test.for(["chromium", "firefox"] as const)("in %s", { timeout: 180_000 }, async (name, context) => {
    const browser = findBrowser(name);
    if (browser.missing !== undefined) return context.skip(skipped(`files in ${name}`, browser.missing));
    const page: Record<string, string> = {
      "/index.html": pageOf(`
        const { read, written, toText, fromText } = await import("/program.js");
        const files = fromText(await (await fetch("/files.json")).text());
        const readings = [];
        for (const file of files) readings.push(await read(file));
        await fetch("/result", { method: "POST", body: toText({ files: await written(), readings }) });`),
      "/program.js": program,
      "/files.json": toText(files),
    };
    const report = fromText(await inBrowser(name, browser.path, (path) => page[path])) as Report;
    if (report.error !== undefined) throw new Error(`${name}: ${report.error}`);
    // Written here, read there.
    expect(report.readings.length).toBe(files.length);
    for (const [k, reading] of report.readings.entries()) {
      expect(reading.again).toEqual(files[k]);
      expect(reading).toEqual(await read(files[k]!));
    }
    // Written there, read here: the same fits have the same files.
    expect(report.files).toEqual(files);
    for (const file of report.files) expect((await read(file)).again).toEqual(file);
  });
});
