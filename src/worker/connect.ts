// The page's side: `connect(worker)` fits models that the worker serves, with the options, progress and abort of `fit`, and gives
// back a posterior whose draws have been transferred. Imports nothing that needs the core, so that a page loads little.

import { Posterior } from "../posterior.js";
import type { Target } from "../target.js";
import type { Fit, Resumable } from "../vi/fit.js";
import type { FitRecord } from "../vi/record.js";
import { open, type RemoteFitOptions, type WorkerLike } from "./connection.js";
import type { Fitted } from "./messages.js";

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

/**
 * Connects to a worker whose file calls `serve(models)`:
 * `connect(new Worker(new URL("./models.worker.js", import.meta.url), { type: "module" }))`.
 */
export function connect(worker: WorkerLike): FitWorker {
  const connection = open("connect(worker)", worker);
  return {
    fit: async (name, data, options = {}) => new RemoteFit(await connection.fitted(name, data, options)),
    close: () => connection.close(),
  };
}
