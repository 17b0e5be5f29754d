// Byte offsets of the state of one nested map for one number of draws, read by the kernels (nested-map.ts) and written by the host
// (src/vi/nested-core.ts). Words of 32 bits up to `first`, doubles from there. Tables by knot have rows of an even number of doubles.

export const enum NestedState {
  dimension = 0,
  draws = 4,
  /** The program that the map leads to. */
  inner = 8,
  /** [D] */
  mean = 12,
  /** [D][D], and its transpose. */
  root = 16,
  transposed = 20,
  /** [knot][D, even] */
  shift = 24,
  logScale = 28,
  knots = 32,
  /** The quantile function: scores, values and slopes [pieces + 1]. */
  scores = 36,
  values = 40,
  slopes = 44,
  pieces = 48,
  /** Between forward and backward, [D][draw]: exp(logScale), and the derivatives of shift and logScale along the axis. */
  scale = 52,
  shiftSlope = 56,
  scaleSlope = 60,
  /** [3][draw]: first and second derivative of the quantile function, and the log Jacobian determinant. */
  along = 64,
  /** [D][draw] */
  work = 68,
  first = 72,
  step = 80,
  logDeterminant = 88,
  bytes = 96,
}
