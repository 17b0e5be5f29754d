// The worker's side: `serve({ radon })` answers the fits that `connect` asks for. It works in a Web Worker and in a thread of
// Node. A worker fits one model after another; between slices of a fit it hears an abort.

import { rangeError, typeError } from "../errors.js";
import type { Model, TracedModel } from "../model/model.js";
import { constrained, type Target } from "../target.js";
import { type Fit, fitPaths, fitTarget } from "../vi/fit.js";
import { buffersOf, type Fitted, isRequest, protocol, type Reply, type Request } from "./messages.js";

/** Models, or targets, by the names that `connect(worker).fit(name, …)` uses. */
export type Served = Readonly<Record<string, Model<never> | Target>>;

/** A place that messages come to: a Web Worker's global scope, `parentPort` of a thread, or a MessagePort. */
export interface ServerPort {
  /** Sends a message; `transfer` is handed over. */
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  /** Hears messages, as in a browser. */
  addEventListener?(type: "message", listener: (event: object) => void): void;
  /** Hears messages, as in Node. */
  on?(type: "message", listener: (data: unknown) => void): unknown;
  /** Lets messages of a port come. */
  start?(): void;
}

interface Host {
  readonly WorkerGlobalScope?: unknown;
  readonly process?: {
    getBuiltinModule?(name: "node:worker_threads"): { readonly parentPort: ServerPort | null } | undefined;
  };
}

/** The port to whoever started this worker. */
function ownPort(): ServerPort {
  const host = globalThis as unknown as Host & ServerPort;
  const port = host.process?.getBuiltinModule?.("node:worker_threads")?.parentPort;
  if (port) return port;
  if (host.WorkerGlobalScope !== undefined && typeof host.postMessage === "function") return host;
  throw new Error(
    "serve(models): this is not a worker; call it in the worker's own file, and pass parentPort of node:worker_threads as second argument on Node before 20.16",
  );
}

/** A posterior as plain arrays. */
function packed(posterior: Fit, correct: boolean): Fitted {
  const { result, record, target, khat, size } = posterior;
  const draws = result.approximation ? size : 0;
  const unconstrained = draws ? posterior.unconstrainedDraws() : new Float64Array(0);
  return {
    result,
    record,
    khat,
    dimension: target.dimension,
    draws,
    unconstrained,
    logRatios: draws && correct ? posterior.logRatios() : undefined,
    values: draws ? constrained(target, unconstrained, draws) : unconstrained.slice(),
    sites: draws || target.sites ? posterior.sites : [],
    names: target.names ?? (target.constrain ? undefined : target.unconstrainedNames),
    unconstrainedNames: target.unconstrainedNames,
  };
}

/**
 * Offers models for fitting to the page (or thread) that started this worker. Call it once, in the worker's file. The port is found
 * by itself; a second argument takes another one.
 */
export function serve(models: Served, port: ServerPort = ownPort()): void {
  if (typeof models !== "object" || models === null) throw typeError("serve(models)", "an object of models", models);
  for (const [name, value] of Object.entries(models))
    if (typeof value !== "object" || value === null || !("compile" in value || "logDensityGradient" in value))
      throw typeError(`serve(models).${name}`, "a model or a target", value);
  const running = new Map<number, AbortController>();
  const post = (reply: Reply): void => {
    const numbers = reply.kind === "fitted" ? reply.fitted : reply.kind === "paths" ? reply.paths : undefined;
    port.postMessage(reply, [...buffersOf(numbers)]);
  };

  const answer = async (request: Request & { readonly kind: "fit" }): Promise<void> => {
    const { id } = request;
    const controller = new AbortController();
    running.set(id, controller);
    let compiled: TracedModel | undefined;
    try {
      const what = Object.hasOwn(models, request.model) ? models[request.model] : undefined;
      if (!what)
        throw rangeError(
          "fit(name)",
          `one of the worker's models: ${Object.keys(models)
            .map((name) => JSON.stringify(name))
            .join(", ")}`,
          request.model,
        );
      const options = {
        ...request.options,
        signal: controller.signal,
        ...(request.progress && {
          onProgress: (progress: (Reply & { kind: "progress" })["progress"]) =>
            post({ protocol, kind: "progress", id, progress }),
        }),
      };
      const target = "logDensityGradient" in what ? what : (compiled = (what as Model<unknown>).compile(request.data));
      const { part } = request;
      if (part && "only" in part) {
        const paths = await fitPaths(target, options, part.only);
        // How each got there stays here; the Gaussians travel.
        post({ protocol, kind: "paths", id, paths: paths.map((path) => ({ ...path, optimiser: undefined })) });
      } else {
        const posterior = await fitTarget(target, options, part?.paths);
        post({ protocol, kind: "fitted", id, fitted: packed(posterior, request.options.correct ?? true) });
      }
    } catch (error) {
      post({ protocol, kind: "failed", id, error });
    } finally {
      running.delete(id);
      // A target that is served again must not be disposed of; what was compiled for this fit must.
      compiled?.dispose();
    }
  };
  // One fit at a time, in the order of the requests: they share the thread anyway.
  let queue = Promise.resolve();
  const aborted = new Set<number>();
  const listen = (message: unknown): void => {
    if (!isRequest(message)) return;
    if (message.kind === "abort") {
      const controller = running.get(message.id);
      if (controller) controller.abort();
      else aborted.add(message.id);
      return;
    }
    queue = queue.then(() => {
      const answered = answer(message);
      if (aborted.delete(message.id)) running.get(message.id)?.abort();
      return answered;
    });
  };
  if (port.on) port.on("message", listen);
  else port.addEventListener?.("message", (event) => listen("data" in event && event.data));
  port.start?.();
}
