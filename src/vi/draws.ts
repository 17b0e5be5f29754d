// Where algorithms get their randomness. Nothing in here generates a random number: the core's counter-based generator (or, in a
// test, anything) is handed in, keyed so that the same (seed, stream, step) gives the same draws on every engine.

/** Standard normal numbers. The same (stream, step) always fills the same numbers, whatever was asked before. */
export interface NormalSource {
  fill(out: Float64Array, stream: number, step: number): void;
}

/** Low-discrepancy points in the open unit cube, [point][coordinate], randomised by `stream`. */
export interface PointSource {
  fill(out: Float64Array, points: number, dimension: number, stream: number): void;
}
