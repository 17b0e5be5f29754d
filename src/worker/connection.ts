// One worker, heard and spoken to: requests go out with a number, and the answer with that number settles them. What is wrong with a
// request is said here where it can be, in the words of `fit`.

import { typeError } from "../errors.js";
import type { FitOptions } from "../vi/fit.js";
import type { Path } from "../vi/pathfinder.js";
import {
  buffersOf,
  type Fitted,
  isReply,
  type Part,
  protocol,
  type RemoteOptions,
  type Reply,
  type Request,
} from "./messages.js";

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

type Answer = Exclude<Reply, { readonly kind: "progress" | "failed" }>;

/** A worker and what it has been asked. */
export interface Connection {
  /** Requests that are not answered yet. */
  readonly waiting: number;
  /** Whether the worker is no more. */
  readonly ended: boolean;
  /** A whole fit, or the end of one whose paths are done. */
  fitted(name: string, data: unknown, options: RemoteFitOptions, paths?: readonly Path[]): Promise<Fitted>;
  /** Some paths of a fit, by their numbers. */
  paths(name: string, data: unknown, options: RemoteFitOptions, only: readonly number[]): Promise<readonly Path[]>;
  close(): void;
}

interface Waiting {
  resolve(answer: Answer): void;
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

/** Refuses what cannot be asked of any worker. */
export function checkRequest(name: unknown, options: unknown): void {
  if (typeof name !== "string") throw typeError("fit(name)", "the name of a model", name);
  if (typeof options !== "object" || options === null)
    throw typeError("fit(name, data, options)", "an object", options);
  const { signal, onProgress } = options as RemoteFitOptions;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw typeError("options.signal", "an AbortSignal", signal);
  if (onProgress !== undefined && typeof onProgress !== "function")
    throw typeError("options.onProgress", "a function", onProgress);
}

/** Listens to a worker; `label` opens the message when it is none. */
export function open(label: string, worker: WorkerLike): Connection {
  if (typeof worker !== "object" || worker === null || typeof worker.postMessage !== "function")
    throw typeError(label, "a Worker or a MessagePort", worker);
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
    else if (reply.kind === "failed") take(reply.id)?.reject(reply.error);
    else take(reply.id)?.resolve(reply);
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

  const ask = (name: string, data: unknown, options: RemoteFitOptions, part?: Part): Promise<Answer> => {
    checkRequest(name, options);
    const { signal, onProgress, transferData = false, ...rest } = options;
    if (ended) throw ended;
    const id = count++;
    const send = (request: Request, transfer: ArrayBuffer[] = []): void => worker.postMessage(request, transfer);
    return new Promise<Answer>((resolve, reject) => {
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
        part,
      };
      // Throws what cannot be cloned.
      send(request, [...buffersOf(transferData ? plain : undefined), ...buffersOf(part)]);
      const abort = (): void => send({ protocol, kind: "abort", id });
      worker.ref?.();
      waiting.set(id, { resolve, reject, onProgress, done: () => signal?.removeEventListener("abort", abort) });
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    });
  };
  return {
    get waiting() {
      return waiting.size;
    },
    get ended() {
      return ended !== undefined;
    },
    async fitted(name, data, options, paths) {
      const answer = await ask(name, data, options, paths && { paths });
      if (answer.kind !== "fitted") throw new Error("the worker answered another question");
      return answer.fitted;
    },
    async paths(name, data, options, only) {
      const answer = await ask(name, data, options, { only });
      if (answer.kind !== "paths") throw new Error("the worker answered another question");
      return answer.paths;
    },
    close() {
      end(new Error("the worker was closed"));
      if (worker.terminate) worker.terminate();
      else worker.close?.();
    },
  };
}
