// Several workers as one: the paths of a fit run beside each other, and so do fits with other seeds; every number is that of one thread.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { fit, type Posterior, type Progress } from "../src/index.js";
import { connectPool, type FitWorker, type WorkerLike } from "../src/worker/index.js";
import { logistic, schools } from "./worker/models.js";

const data = { effect: [28, 8, -3, 7, -1, 1, 18, 12], error: [15, 10, 16, 11, 9, 11, 10, 18] };
const folder = mkdtempSync(join(tmpdir(), "variational-pool-"));
const file = join(folder, "thread.mjs");

/** Requests that each worker of the pool was sent, in the order they were started. */
let asked: unknown[][] = [];
let pool: FitWorker | undefined;
function open(size: number, start: () => WorkerLike = () => new Worker(file)): FitWorker {
  asked = [];
  pool = connectPool(
    () => {
      const worker = start();
      const requests: unknown[] = [];
      asked.push(requests);
      const post = worker.postMessage.bind(worker);
      worker.postMessage = (message, transfer) => {
        requests.push((message as { part?: unknown }).part);
        post(message, transfer);
      };
      return worker;
    },
    { size },
  );
  return pool;
}

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("worker/thread.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  writeFileSync(file, outputFiles[0]!.text);
});
afterEach(() => {
  pool?.close();
  pool = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

const numbers = (p: Posterior): unknown => ({
  outcome: p.outcome,
  elbo: [p.elbo, p.elboStandardError, p.khat, p.gradients],
  draws: p.unconstrainedDraws(),
  trace: p.trace,
  values: p.sites.map((site) => [site, p.draws(site.name)]),
});

test.each([
  [1, 1],
  [2, 2],
  [3, 3],
  [7, 4],
])("with up to %i workers the paths of a fit run in %i, and give the bits of one thread", async (size, used) => {
  const options = { algorithm: "multipathPathfinder", seed: 5, posteriorDraws: 300 } as const;
  const here = await fit(schools, data, options);
  const there = await open(size).fit("schools", data, options);
  expect(numbers(there)).toEqual(numbers(here));
  expect(there.result.components).toEqual(here.result.components);
  expect(there.result.components!.length).toBeGreaterThan(1);
  expect(asked).toHaveLength(used);
  const dealt = asked.flat().flatMap((part) => (part as { only?: number[] } | undefined)?.only ?? []);
  expect(dealt.sort()).toEqual(used === 1 ? [] : [0, 1, 2, 3]);
  here.dispose();
});

test("fits with other seeds and starts run in different workers, each with the bits of one thread", async () => {
  const each = [
    { seed: 1, posteriorDraws: 200 },
    { seed: 2, posteriorDraws: 200 },
    { seed: 1, posteriorDraws: 200, algorithm: "pathfinder", init: new Array(10).fill(0.5) },
    { seed: 3, posteriorDraws: 200, algorithm: "multipathPathfinder" },
  ] as const;
  const remote = open(2);
  const there = await Promise.all(each.map((options) => remote.fit("schools", data, options)));
  expect(asked).toHaveLength(2);
  for (const [i, options] of each.entries()) {
    const here = await fit(schools, data, options);
    expect(numbers(there[i]!), `fit ${i}`).toEqual(numbers(here));
    here.dispose();
  }
  // One after another, one worker is enough.
  const idle = open(2);
  for (const seed of [1, 2]) await idle.fit("standard", undefined, { seed });
  expect(asked).toHaveLength(1);
});

test("data can be handed over; progress comes from every path, at a bounded rate", async () => {
  const columns = 8;
  const rows = 20_000;
  const table = {
    x: Float64Array.from({ length: rows * columns }, (_, i) => ((i * 7919) % 1000) / 500 - 1),
    y: Float64Array.from({ length: rows }, (_, i) => ((i * 31) % 7) % 2),
  };
  const options = { algorithm: "multipathPathfinder", seed: 1, posteriorDraws: 200 } as const;
  const here = await fit(logistic, table, options);
  const news: Progress[] = [];
  const began = performance.now();
  const there = await open(4).fit("logistic", table, {
    ...options,
    transferData: true,
    onProgress: (p) => news.push(p),
  });
  expect(table.x).toHaveLength(0);
  expect(there.draws("beta")).toEqual(here.draws("beta"));
  expect(news.length).toBeLessThanOrEqual((performance.now() - began) / 50 + 1);
  for (const { stage } of news) expect(stage).toMatch(/^(path [1-4]|search|warm-up|weights)$/);
  here.dispose();
});

test("an abort reaches every path, and what was aborted is resumed, here or there, as if it had not been", async () => {
  const remote = open(4);
  const options = { algorithm: "multipathPathfinder", seed: 4, posteriorDraws: 200 } as const;
  const ended = await remote.fit("schools", data, { ...options, signal: AbortSignal.abort() });
  expect(ended.status).toBe("cancelled");
  const whole = await fit(schools, data, options);
  const here = await fit(schools, data, { resume: ended });
  expect(numbers(here)).toEqual(numbers(whole));
  expect(numbers(await remote.fit("schools", data, { resume: ended }))).toEqual(numbers(whole));
  const other = { ...data, effect: data.effect.map((y) => y + 1) };
  await expect(remote.fit("schools", other, { resume: ended })).rejects.toThrow("expected the model and data");
  whole.dispose();
  here.dispose();
});

test("misuse is rejected, and a worker that fails is replaced", async () => {
  const loose = connectPool as (...args: unknown[]) => FitWorker;
  expect(() => loose(5)).toThrow(new TypeError("connectPool(start): expected a function that starts a worker, got 5"));
  expect(() => loose(() => 5, { size: 0 })).toThrow("connectPool(start, options).size: expected an integer");
  expect(() => loose(() => 5, { workers: 2 })).toThrow("connectPool(start, options).workers: unknown option");
  await expect(loose(() => 5).fit("schools", data)).rejects.toThrow(
    new TypeError("connectPool(start)(): expected a Worker or a MessagePort, got 5"),
  );
  let broken = true;
  const remote = open(2, () =>
    broken ? new Worker("throw new Error('no such thing')", { eval: true }) : new Worker(file),
  );
  const options = { algorithm: "multipathPathfinder" } as const;
  await expect(remote.fit("schools", data, options)).rejects.toThrow("the worker failed: no such thing");
  broken = false;
  await new Promise((done) => setTimeout(done, 200));
  await expect(remote.fit("schools", data, { ...options, entropy: "closedForm" })).rejects.toThrow("options.entropy");
  await expect(remote.fit("radon", data, options)).rejects.toThrow("fit(name): expected one of the worker's models");
  expect((await remote.fit("schools", data, options)).result.algorithm).toBe("multipathPathfinder");
  remote.close();
  await expect(remote.fit("schools", data)).rejects.toThrow("the worker was closed");
});
