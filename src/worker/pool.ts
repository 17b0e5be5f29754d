// Several workers as one: `connectPool(start)` gives every fit to the worker with the least to do, and deals the paths of one fit by
// "multipathPathfinder" out to all. Paths are keyed by the seed and their numbers, so that the answer has the bits of one worker.

import { integer, knownOptions, typeError } from "../errors.js";
import { pathCount } from "../vi/paths.js";
import { type FitWorker, RemoteFit } from "./connect.js";
import { type Connection, checkRequest, open, type WorkerLike } from "./connection.js";

/** How many workers. */
export interface PoolOptions {
  /** Workers at most; each is started when the others are busy. By default as many as the machine has processors. */
  readonly size?: number | undefined;
}

const processors = (): number =>
  (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 2;

/** The listener, called at most every 50 ms whatever the number of workers. */
function seldom<T>(listener: ((news: T) => void) | undefined): ((news: T) => void) | undefined {
  let last = Number.NEGATIVE_INFINITY;
  return (
    listener &&
    ((news) => {
      if (performance.now() - last < 50) return;
      last = performance.now();
      listener(news);
    })
  );
}

/**
 * Connects to several workers whose file calls `serve(models)`; `start` starts one:
 * `connectPool(() => new Worker(new URL("./models.worker.js", import.meta.url), { type: "module" }))`. Fits that are asked for at once, with
 * other seeds or starts, run beside each other, and so do the paths of algorithm "multipathPathfinder"; data are copied to each worker.
 * A worker that fails rejects what it was asked, and is replaced.
 */
export function connectPool(start: () => WorkerLike, options: PoolOptions = {}): FitWorker {
  if (typeof start !== "function") throw typeError("connectPool(start)", "a function that starts a worker", start);
  knownOptions("connectPool(start, options)", options, ["size"]);
  const size = integer("connectPool(start, options).size", options.size ?? processors(), 1);
  let workers: Connection[] = [];
  let closed = false;
  const next = (): Connection => {
    if (closed) throw new Error("the worker was closed");
    workers = workers.filter((worker) => !worker.ended);
    const idlest = [...workers].sort((a, b) => a.waiting - b.waiting)[0];
    if (idlest && (idlest.waiting === 0 || workers.length >= size)) return idlest;
    const worker = open("connectPool(start)()", start());
    workers.push(worker);
    return worker;
  };
  return {
    async fit(name, data, options = {}) {
      checkRequest(name, options);
      const shares = Math.min(size, pathCount);
      if (options.algorithm !== "multipathPathfinder" || shares === 1)
        return new RemoteFit(await next().fitted(name, data, options));
      const each = { ...options, transferData: false, onProgress: seldom(options.onProgress) };
      const paths = Array.from({ length: pathCount }, (_, i) => i);
      const parts = await Promise.all(
        Array.from({ length: shares }, async (_, share) => {
          const only = paths.filter((i) => i % shares === share);
          return next().paths(name, data, each, only);
        }),
      );
      const inOrder = paths.map((i) => parts[i % shares]![Math.floor(i / shares)]!);
      return new RemoteFit(await next().fitted(name, data, options, inOrder));
    },
    close() {
      closed = true;
      for (const worker of workers) worker.close();
    },
  };
}
