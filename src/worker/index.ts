// Fitting off the main thread: `serve` in the worker's file, `connect` where the posterior is wanted.

export { connect, type FitWorker, RemoteFit, type RemoteFitOptions, type WorkerLike } from "./connect.js";
export { type Served, type ServerPort, serve } from "./serve.js";
