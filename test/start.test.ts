// What `npm start` prints: plain lines of 80 columns into a pipe; on a terminal colours and a line of progress that leaves nothing
// behind; no colours with NO_COLOR. The terminal is that of util-linux' `script`.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { skipped } from "./support/engines.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);
const environment = { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, CI: undefined };
const main = ["--import", "tsx", "examples/main.ts"];
const esc = String.fromCharCode(27);
const width = (text: string): number => [...text].length;

test("npm start prints plain lines of at most 80 columns into a pipe", { timeout: 120_000 }, async () => {
  const { stdout } = await run(process.execPath, main, { cwd: root, env: environment });
  const lines = stdout.split("\n");
  expect(lines.filter((text) => width(text) > 80)).toEqual([]);
  expect(stdout).not.toContain(esc);
  expect(stdout).not.toContain("\r");
  expect(lines.filter((text) => /^converged: ELBO/.test(text))).toHaveLength(3);
});

test("on a terminal a long fit shows progress, and npm start colours, unless NO_COLOR is set", {
  timeout: 120_000,
}, async (context) => {
  const script = "/usr/bin/script";
  if (process.platform !== "linux" || !existsSync(script)) return context.skip(skipped("a terminal", `no ${script}`));
  const print = async (env: NodeJS.ProcessEnv, what = main): Promise<string> => {
    const command = `stty cols 100; "${process.execPath}" ${what.join(" ")}`;
    const { stdout } = await run(script, ["-qec", command, "/dev/null"], { cwd: root, env, timeout: 100_000 });
    return stdout;
  };
  const terminal = { ...environment, TERM: "xterm-256color" };
  const long = ["--import", "tsx", "test/support/slow-fit.ts"];
  expect(await print(terminal)).toContain(`${esc}[32mconverged:`);
  const coloured = await print(terminal, long);
  expect(coloured).toMatch(/step \d+: -?[\d.]+ \([\d,]+ gradients/);
  // Nothing of the progress stays: what follows the last jump to a line's beginning is what one reads.
  const read = coloured.split(/\r?\n/).map((text) => text.split(`${esc}[1G`).at(-1)!);
  expect(read.filter((text) => text.includes(" gradients, ") && !/ gradients, \d+ ms$/.test(text))).toEqual([]);
  expect(await print({ ...terminal, NO_COLOR: "1" })).not.toMatch(new RegExp(`${esc}\\[[0-9;]*m`));
  const plain = await print({ ...terminal, NO_COLOR: "1" }, long);
  expect(plain).toMatch(/step \d+: -?[\d.]+ \([\d,]+ gradients/);
  expect(plain).not.toMatch(new RegExp(`${esc}\\[[0-9;]*m`));
});
