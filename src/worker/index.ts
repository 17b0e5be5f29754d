// Fitting off the main thread: `serve` in the worker's file, `connect` where the posterior is wanted, `connectPool` for several workers.

export { connect, type FitWorker, RemoteFit } from "./connect.js";
export type { RemoteFitOptions, WorkerLike } from "./connection.js";
export { connectPool, type PoolOptions } from "./pool.js";
export { type Served, type ServerPort, serve } from "./serve.js";
