// The turn that a computation in slices gives to the event loop: timers and painting go on, browsers add no delay of their own, and Node
// neither ends during it nor is kept alive after it.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { turn } from "../src/optim/turn.js";
import { findBrowser, inBrowser, pageOf, skipped } from "./support/engines.js";

async function bundled(contents: string): Promise<string> {
  const stdin = { contents, resolveDir: fileURLToPath(new URL("..", import.meta.url)) };
  const { outputFiles } = await build({ stdin, bundle: true, format: "esm", target: "es2022", write: false });
  return outputFiles[0]!.text;
}

test("timers run between slices that follow one another at once", async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  for (let i = 0; i < 60; i++) {
    for (const until = performance.now() + 2; performance.now() < until; );
    await turn();
  }
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(20);
});

test("Node waits for a turn, and ends after it", { timeout: 60_000 }, async () => {
  const code = await bundled('import { turn } from "./src/optim/turn.js"; await turn(); console.log("went on");');
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code], {
    timeout: 30_000,
  });
  expect(stdout.trim()).toBe("went on");
});

interface Report {
  readonly perTurn: number;
  readonly ticks: number;
  readonly frames: number;
  readonly error?: string;
}

test.for(["chromium", "firefox"] as const)(
  "in %s a turn costs less than a nested timer's 4 ms, while timers and frames go on",
  { timeout: 300_000 },
  async (name, context) => {
    const browser = findBrowser(name);
    if (browser.missing !== undefined) return context.skip(skipped(`turns in ${name}`, browser.missing));
    const page = await bundled(`import { turn } from "./src/optim/turn.js";
export async function report() {
  const once = async (count, slice) => {
    const began = performance.now();
    for (let i = 0; i < count; i++) {
      for (const until = performance.now() + slice; performance.now() < until; );
      await turn();
    }
    return (performance.now() - began) / count;
  };
  let perTurn = Infinity;
  for (let attempt = 0; attempt < 5; attempt++) perTurn = Math.min(perTurn, await once(50, 0));
  let ticks = 0, frames = 0;
  const timer = setInterval(() => ticks++, 5);
  const frame = () => { frames++; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  await once(120, 8);
  clearInterval(timer);
  return { perTurn, ticks, frames };
}`);
    const files: Record<string, string> = {
      "/index.html": pageOf('const { report } = await import("/page.js"); await post(await report());'),
      "/page.js": page,
    };
    const answer = JSON.parse(await inBrowser(name, browser.path, (p) => files[p])) as Report;
    expect(answer.error).toBeUndefined();
    expect(answer.perTurn).toBeLessThan(2);
    expect(answer.ticks).toBeGreaterThan(20);
    expect(answer.frames).toBeGreaterThan(5);
  },
);
