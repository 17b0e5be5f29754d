// `npm run bench:browser`: what `npm run bench` measures, in headless Chromium and Firefox: the engine beside hand-written TypeScript on
// the workloads W1–W4 and the kernels W5, on the baseline and the relaxed build. Each workload has a browser of its own. A
// browser that is not there is named.

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { type BrowserName, findBrowser, inBrowser, pageOf } from "../../test/support/engines.js";
import { workloads } from "../data.js";
import type { Row } from "../measure.js";
import { chosen, optionsOf } from "../options.js";
import { table } from "../table.js";
import type { PageReport } from "./page.js";

const browsers: readonly BrowserName[] = ["chromium", "firefox"];
const builds = ["release", "relaxed"] as const;
const names = [...workloads.map((w) => w.name), "W5"];
/** Seconds that one workload may take. */
const PATIENCE = 600;

const usage = `npm run bench:browser -- [options]
  --only W1,W2     workloads: ${names.join(", ")}, or one kernel, as W5:exp
  --browser NAME   ${browsers.join(" or ")}; default: both
  --build NAME     ${builds.join(" or ")}; default: both
  --quick          a third of the cycles
  --json           one JSON document instead of tables
`;

const opt = optionsOf(usage, () => {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      browser: { type: "string" },
      build: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  return {
    ...values,
    names: chosen("only", values.only, names, true),
    browsers: chosen("browser", values.browser, browsers),
    builds: chosen("build", values.build, builds),
  };
});

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
  bundle: true,
  format: "esm",
  target: "es2022",
  write: false,
});
const program = outputFiles[0]!.text;
const core = (file: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../build/${file}`, import.meta.url)));

async function measure(browser: BrowserName, path: string, name: string, build: string): Promise<PageReport> {
  const call = `measure(${JSON.stringify(name)}, ${JSON.stringify(build)}, ${opt.quick})`;
  const files: Record<string, () => string | Uint8Array> = {
    "/index.html": () => pageOf(`const { measure } = await import("/page.js"); await post(await ${call});`),
    "/page.js": () => program,
    "/release.wasm": () => core("core.wasm"),
    "/relaxed.wasm": () => core("core.relaxed.wasm"),
  };
  const answer = JSON.parse(await inBrowser(browser, path, (p) => files[p]?.(), PATIENCE)) as PageReport & {
    readonly error?: string;
  };
  if (answer.error !== undefined) throw new Error(`${name} on the ${build} build in ${browser}: ${answer.error}`);
  return answer;
}

const print = (text: string): void => {
  if (!opt.json) process.stdout.write(`${text}\n`);
};
const results: { browser: BrowserName; engine: string; rows: Row[]; notes: string[] }[] = [];
for (const browser of opt.browsers) {
  const { path, missing } = findBrowser(browser);
  const result = { browser, engine: "", rows: [] as Row[], notes: [] as string[] };
  results.push(result);
  if (path === undefined) {
    result.notes.push(`skipped: ${missing}`);
    print(`${browser} skipped: ${missing}\n`);
    continue;
  }
  for (const name of opt.names)
    for (const build of opt.builds) {
      const { userAgent, resolution, rows, skipped } = await measure(browser, path, name, build);
      const product = /(Chrome|Firefox)\/[\d.]+/.exec(userAgent)?.[0] ?? userAgent;
      result.engine = `${product}, clock in steps of ${(resolution * 1e6).toFixed(0)} µs`;
      result.rows.push(...rows);
      if (skipped !== undefined) result.notes.push(`${name}, ${build}: skipped: ${skipped}`);
    }
  print([`${result.engine}, ${cpus()[0]?.model.trim()}\n`, table(result.rows), ...result.notes, ""].join("\n"));
}
if (opt.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
