// The page's side: `connect(worker)` fits models that the worker serves, with the options, progress and abort of `fit`, and gives
// back a posterior whose draws have been transferred. Imports nothing that needs the core, so that a page loads little.

import { typeError } from "../errors.js";
import { Posterior } from "../posterior.js";
import type { Target } from "../target.js";
import type { Fit, FitOptions, Resumable } from "../vi/fit.js";
import type { FitRecord } from "../vi/record.js";
import { buffersOf, type Fitted, isReply, protocol, type RemoteOptions, type Request } from "./messages.js";

/** What `connect` needs of a worker; a Web Worker, a thread of Node and a MessagePort have it. */
export interface WorkerLike {
  /** Sends a message; `transfer` is handed over. */
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  /** Hears messages, as in a browser. */
  addEventListener?(type: string, listener: (event: object) => void): void;
  /** Hears messages, as in Node. */
  on?(type: string, listener: (data: unknown) => void): unknown;
  /** Ends a worker. */
  terminate?(): unknown;
  /** Closes a port. */
  close?(): void;
  /** Lets messages of a port come. */
  start?(): void;
  /** Keeps Node alive. */
  ref?(): void;
  /** Lets Node end. */
  unref?(): void;
}

/** Options of `fit` but for the optimiser, which has functions and cannot travel; and one more. */
export interface RemoteFitOptions extends Omit<FitOptions, "optimizer"> {
  /** Hands the data's typed arrays over instead of copying them: faster for large data, and they are empty afterwards. */
  readonly transferData?: boolean | undefined;
}

/** A posterior that was fitted in a worker. */
export class RemoteFit extends Posterior implements Resumable {
  /** The approximation on the unconstrained scale, and the record of the fit. */
  readonly result: Fit["result"];
  /** With it the posterior is saved and resumed. */
  readonly record: FitRecord;

  constructor(fitted: Fitted) {
    const { result, dimension, draws, unconstrained, logRatios, values, sites, names, unconstrainedNames } = fitted;
    const target: Target = {
      dimension,
      logDensityGradient() {
        throw new Error("the model of a remote fit is in the worker");
      },
      constrainDraws: () => values,
      constrain: () => values,
      sites,
      ...(names && { names }),
      ...(unconstrainedNames && { unconstrainedNames }),
    };
    super(target, {
      status: result.status,
      message: result.message,
      elbo: result.elbo,
      elboStandardError: result.elboStandardError,
      khat: fitted.khat,
      trace: result.trace,
      gradients: result.gradients,
      draws: draws || undefined,
      sample: draws
        ? (count, seed) => {
            if (count === draws && seed === undefined) return unconstrained;
            throw new Error("new draws are made where the core is: loadPosterior(savePosterior(fit)).sample(draws)");
          }
        : undefined,
      logRatios: logRatios && (() => logRatios),
    });
    this.result = result;
    this.record = fitted.record;
  }
}

/** A worker that fits. */
export interface FitWorker {
  /** Fits the model that the worker serves under `name`. Rejects for misuse, never for a numerical reason; see `fit`. */
  fit(name: string, data?: unknown, options?: RemoteFitOptions): Promise<RemoteFit>;
  /** Ends the worker; fits under way are rejected. */
  close(): void;
}

interface Waiting {
  resolve(posterior: RemoteFit): void;
  reject(reason: unknown): void;
  readonly onProgress: FitOptions["onProgress"];
  done(): void;
}

/** Data as it can be cloned: whatever has `toArray` (an Arrow vector) becomes an array. */
function clonable(data: unknown): unknown {
  if (typeof data !== "object" || data === null || ArrayBuffer.isView(data)) return data;
  if ("toArray" in data && typeof data.toArray === "function") return data.toArray();
  if (Array.isArray(data)) return data.some((v) => typeof v === "object") ? data.map(clonable) : data;
  const prototype: unknown = Object.getPrototypeOf(data);
  if (prototype !== Object.prototype && prototype !== null) return data;
  return Object.fromEntries(Object.entries(data).map(([k, v]) => [k, clonable(v)]));
}

/**
 * Connects to a worker whose file calls `serve(models)`:
 * `connect(new Worker(new URL("./models.worker.js", import.meta.url), { type: "module" }))`.
 */
export function connect(worker: WorkerLike): FitWorker {
  if (typeof worker !== "object" || worker === null || typeof worker.postMessage !== "function")
    throw typeError("connect(worker)", "a Worker or a MessagePort", worker);
  const waiting = new Map<number, Waiting>();
  let count = 0;
  let ended: Error | undefined;
  const take = (id: number): Waiting | undefined => {
    const entry = waiting.get(id);
    waiting.delete(id);
    entry?.done();
    if (!waiting.size) worker.unref?.();
    return entry;
  };
  const listen = (reply: unknown): void => {
    if (!isReply(reply)) return;
    if (reply.kind === "progress") waiting.get(reply.id)?.onProgress?.(reply.progress);
    else if (reply.kind === "fitted") take(reply.id)?.resolve(new RemoteFit(reply.fitted));
    else take(reply.id)?.reject(reply.error);
  };
  const end = (error: Error): void => {
    ended ??= error;
    for (const id of [...waiting.keys()]) take(id)?.reject(error);
  };
  const failed = (cause: unknown): void =>
    end(new Error(`the worker failed: ${(cause as { message?: string } | null)?.message ?? "no message"}`, { cause }));
  if (worker.on) {
    worker.on("message", listen);
    worker.on("messageerror", failed);
    worker.on("error", failed);
    worker.on("exit", () => end(new Error("the worker has ended")));
  } else {
    worker.addEventListener?.("message", (event) => listen("data" in event && event.data));
    worker.addEventListener?.("messageerror", failed);
    worker.addEventListener?.("error", failed);
  }
  worker.start?.();
  // An idle worker does not keep Node alive.
  worker.unref?.();

  return {
    fit(name, data, options = {}) {
      if (typeof name !== "string") return Promise.reject(typeError("fit(name)", "the name of a model", name));
      if (typeof options !== "object" || options === null)
        return Promise.reject(typeError("fit(name, data, options)", "an object", options));
      const { signal, onProgress, transferData = false, ...rest } = options;
      if (signal !== undefined && !(signal instanceof AbortSignal))
        return Promise.reject(typeError("options.signal", "an AbortSignal", signal));
      if (onProgress !== undefined && typeof onProgress !== "function")
        return Promise.reject(typeError("options.onProgress", "a function", onProgress));
      if (ended) return Promise.reject(ended);
      const id = count++;
      const send = (request: Request, transfer: ArrayBuffer[] = []): void => worker.postMessage(request, transfer);
      return new Promise<RemoteFit>((resolve, reject) => {
        const { resume } = rest;
        const remote: RemoteOptions = resume
          ? { ...rest, resume: { record: resume.record, status: resume.status, trace: resume.trace } }
          : rest;
        const plain = clonable(data);
        const request: Request = {
          protocol,
          kind: "fit",
          id,
          model: name,
          data: plain,
          options: remote,
          progress: onProgress !== undefined,
        };
        send(request, transferData ? [...buffersOf(plain)] : []); // throws what cannot be cloned
        const abort = (): void => send({ protocol, kind: "abort", id });
        worker.ref?.();
        waiting.set(id, { resolve, reject, onProgress, done: () => signal?.removeEventListener("abort", abort) });
        if (signal?.aborted) abort();
        else signal?.addEventListener("abort", abort, { once: true });
      });
    },
    close() {
      end(new Error("the worker was closed"));
      if (worker.terminate) worker.terminate();
      else worker.close?.();
    },
  };
}
