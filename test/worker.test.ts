// Fitting off the main thread: the same numbers as on it, progress, abort, errors, transfer; in a thread of Node and in a browser's
// worker, where the page must stay free of tasks above 50 ms during a fit of 100,000 × 20 numbers.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { MessageChannel, Worker } from "node:worker_threads";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { fit, loadPosterior, type Summary, savePosterior } from "../src/index.js";
import { connect, type FitWorker, RemoteFit, serve } from "../src/worker/index.js";
import { findBrowser, inBrowser, pageOf, skipped } from "./support/engines.js";
import { schools, start } from "./worker/models.js";
import type { PageReport } from "./worker/page.js";

const data = { effect: [28, 8, -3, 7, -1, 1, 18, 12], error: [15, 10, 16, 11, 9, 11, 10, 18] };
const columns = 5;
const table = (rows: number): { x: Float64Array; y: Float64Array } => ({
  x: Float64Array.from({ length: rows * columns }, (_, i) => ((i * 7919) % 1000) / 500 - 1),
  y: Float64Array.from({ length: rows }, (_, i) => ((i * 31) % 7) % 2),
});

async function bundled(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`worker/${name}.ts`, import.meta.url))],
    bundle: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  return outputFiles[0]!.text;
}

describe("in a thread of Node", () => {
  const folder = mkdtempSync(join(tmpdir(), "variational-worker-"));
  const file = join(folder, "thread.mjs");
  let open: FitWorker[] = [];
  const thread = (): FitWorker => {
    const remote = connect(new Worker(file));
    open.push(remote);
    return remote;
  };
  beforeAll(async () => writeFileSync(file, await bundled("thread")));
  afterEach(() => {
    for (const remote of open) remote.close();
    open = [];
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("a fit gives the numbers that it gives on this thread, with names, shapes and the summary", async () => {
    const here = await fit(schools, data, { seed: 3, posteriorDraws: 500 });
    const there = await thread().fit("schools", data, { seed: 3, posteriorDraws: 500 });
    expect(there).toBeInstanceOf(RemoteFit);
    expect([there.status, there.message, there.elbo, there.khat, there.gradients]).toEqual([
      here.status,
      here.message,
      here.elbo,
      here.khat,
      here.gradients,
    ]);
    expect(there.sites).toEqual(here.sites);
    for (const { name } of here.sites) expect(there.draws(name)).toEqual(here.draws(name));
    expect(there.unconstrainedDraws()).toEqual(here.unconstrainedDraws());
    expect(there.trace).toEqual(here.trace);
    const lines = (s: Summary): string => `${s}`;
    expect(lines(there.summary())).toBe(lines(here.summary()));
    expect(there.result.approximation).toEqual(here.result.approximation);
    here.dispose();
  });

  test("a fit is saved, drawn from and resumed as one that is made here", async () => {
    const options = { seed: 3, posteriorDraws: 100 };
    const here = await fit(schools, data, options);
    const stop = new AbortController();
    stop.abort();
    const remote = thread();
    const ended = await remote.fit("schools", data, { ...options, signal: stop.signal });
    expect(ended.status).toBe("cancelled");
    const whole = await remote.fit("schools", data, { resume: ended });
    expect(savePosterior(whole)).toEqual(savePosterior(here));
    const again = await remote.fit("schools", data, { resume: loadPosterior(savePosterior(ended)) });
    expect(again.unconstrainedDraws()).toEqual(here.unconstrainedDraws());
    expect(() => whole.sample(10).draws("mu")).toThrow(/loadPosterior\(savePosterior\(fit\)\)/);
    const other = { effect: data.effect.map((y) => y + 1), error: data.error };
    await expect(remote.fit("schools", other, { resume: ended })).rejects.toThrow(
      /options\.resume: expected the model/,
    );
    here.dispose();
  });

  test("several fits are answered in order, each with its own progress", async () => {
    const remote = thread();
    const ended: string[] = [];
    const stages = new Set<string>();
    const rows = table(20_000);
    const [a, b] = await Promise.all([
      remote
        .fit("logistic", rows, {
          family: "meanField",
          warmUp: false,
          maxSteps: 300,
          onProgress: (p) => stages.add(p.stage),
        })
        .finally(() => ended.push("a")),
      remote.fit("standard", undefined, { seed: 2 }).finally(() => ended.push("b")),
    ]);
    expect(ended).toEqual(["a", "b"]);
    expect(stages.size).toBeGreaterThan(0);
    expect(a.draws("beta")).toHaveLength(4000 * columns);
    expect(b.sites.map((s) => s.name)).toEqual(["theta[0]", "theta[1]"]);
    expect(Math.abs(b.mean("theta[0]")[0]!)).toBeLessThan(0.1);
  });

  test("an abort ends a fit with its best state, before it starts as well", async () => {
    const remote = thread();
    const rows = table(50_000);
    const controller = new AbortController();
    const options = { warmUp: false, maxSteps: 1_000_000, family: "meanField", stepSize: 1e-6 } as const;
    const first = remote.fit("logistic", rows, {
      ...options,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    const waiting = remote.fit("logistic", rows, { ...options, signal: AbortSignal.abort() });
    const posterior = await first;
    expect(posterior.status).toBe("cancelled");
    expect(posterior.mean("beta")).toHaveLength(columns);
    expect((await waiting).status).toBe("cancelled");
  });

  test("misuse is rejected with the error of fit, here or from the worker", async () => {
    const remote = thread();
    const loose = remote.fit as (...args: unknown[]) => Promise<unknown>;
    await expect(remote.fit("schools", data, { draws: 3 })).rejects.toThrow(
      new RangeError("options.draws: expected 1 or an even number, got 3"),
    );
    await expect(remote.fit("radon", data)).rejects.toThrow(
      new RangeError('fit(name): expected one of the worker\'s models: "schools", "logistic", "standard", got "radon"'),
    );
    await expect(loose(5)).rejects.toThrow(new TypeError("fit(name): expected the name of a model, got 5"));
    await expect(loose("schools", data, 5)).rejects.toThrow(TypeError);
    await expect(loose("schools", data, { signal: 5 })).rejects.toThrow(
      "options.signal: expected an AbortSignal, got 5",
    );
    await expect(loose("schools", data, { onProgress: 5 })).rejects.toThrow("options.onProgress: expected a function");
    await expect(loose("schools", { effect: () => 1 })).rejects.toThrow("could not be cloned");
    await expect(loose("schools", data, { steps: 5 })).rejects.toThrow("options.steps: unknown option");
    expect((await remote.fit("standard")).status).toBe("converged");
  });

  test("data are copied unless they are handed over; what has toArray becomes an array", async () => {
    const remote = thread();
    const rows = table(2000);
    const options = { warmUp: false, maxSteps: 50 };
    const copied = await remote.fit("logistic", rows, options);
    expect(rows.x).toHaveLength(2000 * columns);
    const vector = { toArray: () => rows.y.slice() };
    const wrapped = await remote.fit("logistic", { x: rows.x, y: vector }, options);
    const handed = await remote.fit("logistic", rows, { ...options, transferData: true });
    expect(rows.x).toHaveLength(0);
    expect(handed.draws("beta")).toEqual(copied.draws("beta"));
    expect(wrapped.draws("beta")).toEqual(copied.draws("beta"));
  });

  test("a fit without an approximation comes back as one, too", async () => {
    const channel = new MessageChannel();
    serve({ hopeless: { dimension: 1, logDensityGradient: () => Number.NaN } }, channel.port1);
    const remote = connect(channel.port2);
    const posterior = await remote.fit("hopeless");
    expect(posterior.status).not.toBe("converged");
    expect(posterior.result.approximation).toBeUndefined();
    expect(() => posterior.draws("theta[0]")).toThrow(/no draws|expected one of/);
    remote.close();
  });

  test("a worker that ends or is closed rejects what it has not answered", async () => {
    const closed = connect(new Worker(file));
    const pending = closed.fit("schools", data);
    closed.close();
    await expect(pending).rejects.toThrow("the worker was closed");
    await expect(closed.fit("schools", data)).rejects.toThrow("the worker was closed");
    const broken = connect(new Worker("throw new Error('no such thing')", { eval: true }));
    await expect(broken.fit("schools", data)).rejects.toThrow("the worker failed: no such thing");
    const short = connect(new Worker("", { eval: true }));
    await expect(short.fit("schools", data)).rejects.toThrow("the worker has ended");
  });

  test("serve refuses what is no model, and to be called outside a worker", () => {
    const loose = serve as (...args: unknown[]) => void;
    const port = { postMessage() {}, on() {} };
    expect(() => loose(5, port)).toThrow(new TypeError("serve(models): expected an object of models, got 5"));
    expect(() => loose({ a: 5 }, port)).toThrow(new TypeError("serve(models).a: expected a model or a target, got 5"));
    expect(() => start()).toThrow("serve(models): this is not a worker; call it in the worker's own file");
    expect(() => (connect as (w: unknown) => void)(5)).toThrow(
      new TypeError("connect(worker): expected a Worker or a MessagePort, got 5"),
    );
  });

  test("an idle worker does not keep Node alive", async () => {
    const main = join(folder, "main.mjs");
    await build({
      stdin: {
        contents: `import { Worker } from "node:worker_threads"; import { connect } from "./src/worker/connect.js";
const remote = connect(new Worker(${JSON.stringify(file)}));
const posterior = await remote.fit("schools", ${JSON.stringify(data)});
console.log(posterior.draws("tau").length);`,
        resolveDir: fileURLToPath(new URL("..", import.meta.url)),
      },
      bundle: true,
      format: "esm",
      platform: "node",
      target: "es2022",
      outfile: main,
    });
    const { stdout } = await promisify(execFile)(process.execPath, [main], { timeout: 50_000 });
    expect(stdout.trim()).toBe("4000");
  });
});

/** Runs `report` of the page in a browser. Other programs may take the processor, and a task of the page be long without being to blame. */
async function leastDisturbed<R extends { readonly long: readonly number[] }>(
  name: "chromium",
  path: string,
  call: string,
): Promise<R> {
  const files: Record<string, string> = {
    "/index.html": pageOf(`const page = await import("/page.js"); await post(await page.${call});`),
    "/page.js": await bundled("page"),
    "/thread.js": await bundled("thread"),
  };
  let best: R | undefined;
  for (let attempt = 0; attempt < 3 && (!best || best.long.length > 0); attempt++) {
    const answer = JSON.parse(await inBrowser(name, path, (p) => files[p])) as R & { error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    if (!best || answer.long.length < best.long.length) best = answer;
  }
  return best!;
}

test.for(["chromium"] as const)(
  "in %s the page has no task above 50 ms during a fit in a worker",
  { timeout: 300_000 },
  async (name, context) => {
    const browser = findBrowser(name);
    if (browser.missing !== undefined) return context.skip(skipped(`the worker in ${name}`, browser.missing));
    const answer = await leastDisturbed<PageReport>(name, browser.path, "report(100000)");
    const { status, means, events, long, calibrated, cancelled } = answer;
    expect(status).toBe("converged");
    expect(means).toHaveLength(20);
    expect(means[0]).toBeGreaterThan(1);
    expect(events).toBeGreaterThan(0);
    expect(calibrated.length, "the observer sees a long task").toBeGreaterThan(0);
    expect(long).toEqual([]);
    expect(cancelled.status).toBe("cancelled");
  },
);

test.for(["chromium"] as const)(
  "in %s the page has no task above 50 ms during a fit of its own, compilation included",
  { timeout: 300_000 },
  async (name, context) => {
    const browser = findBrowser(name);
    if (browser.missing !== undefined) return context.skip(skipped(`a fit on the page in ${name}`, browser.missing));
    const { status, long, calibrated } = await leastDisturbed<PageReport>(name, browser.path, "alone(100000)");
    expect(status).toBe("converged");
    expect(calibrated.length, "the observer sees a long task").toBeGreaterThan(0);
    expect(long).toEqual([]);
  },
);
