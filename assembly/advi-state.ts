// The state of one ADVI run in core memory, read by both sides: assembly/advi.ts runs on it, src/vi/state.ts makes it. Offsets in
// bytes; the first part 32-bit words, then doubles. Parameters are [location][log scale][strict rows], location and log
// scale each padded to an even number of doubles.

export const enum Advi {
  /** The program whose log density is fitted (header: src/core/program.ts). */
  program = 0,
  dimension = 4,
  /** Draws per step: 1 or even. */
  draws = 8,
  /** 0 mean-field, 1 full-rank. */
  family = 12,
  /** 0 closed form, 1 Monte Carlo, 2 sticking the landing, 3 a learned mix of the first and the last. */
  entropy = 16,
  /** Number of doubles in the parameters, padding included. */
  size = 20,
  parameters = 24,
  gradient = 28,
  /** Adam's first and second moments. */
  first = 32,
  second = 36,
  /** exp(log scale) [D]. */
  scale = 40,
  /** [steps][D][S] standard normals of `noiseSteps` steps from `noiseFirst` on. */
  noise = 44,
  noiseFirst = 48,
  noiseSteps = 52,
  /** 0: the core draws the normals; 1: the host has filled them. */
  noiseHost = 56,
  seedLow = 60,
  seedHigh = 64,
  stream = 68,
  /** Number of the step to come: the key of its random numbers. */
  step = 72,
  /** Coordinates of the optimiser: 0 the model's own, 1 diagonal, 2 triangular: model = centre + P (coordinates). */
  map = 76,
  centre = 80,
  mapDiagonal = 84,
  mapLower = 88,
  /** [D]: the location in the model's coordinates (mean-field with a map). */
  location = 92,
  /** [D][S], two of them. */
  work = 96,
  work2 = 100,
  /** ELBO of each step, from step `traceFirst` on; 0: none. */
  trace = 104,
  traceFirst = 108,
  /** Running mean of the parameters over `averageCount` steps; a count of -1: none is kept. */
  average = 112,
  averageCount = 116,
  /** 1: the target is a likelihood and the prior of every coordinate N(0, 1), whose KL divergence is taken in closed form. */
  standardPrior = 120,
  /** The first draw of the last step that was not finite, or -1. */
  failed = 124,
  /** Settings of the optimiser, six doubles: see assembly/optimizer.ts. */
  optimizer = 128,
  elbo = 176,
  /** Log determinant of the map (full-rank only: what the entropy lacks). */
  logMap = 184,
  /** Eta of polynomial-decay averaging (Shamir & Zhang 2013); 0 is the plain mean. */
  averagePower = 192,
  /** [D][32] direction numbers: normals are scrambled Sobol points, a new scrambling each step; 0: they are independent. */
  directions = 200,
  /** Moments only: the step whose scrambling the next ones share, and go on in. */
  scrambling = 204,
  /**
   * Of the learned mix (assembly/mix.ts), per parameter, with the ELBO after them (`gradient` too then has it there): difference of the
   * estimators, its running covariance with the gradient and variance, and the gradient's running mean.
   */
  difference = 208,
  covariance = 212,
  variance = 216,
  usualGradient = 220,
  /** Steps that these have seen. */
  learnt = 224,
  bytes = 240,
}

/** Moments of gradients (assembly/moments.ts); `state` is an ADVI state that holds q. */
export const enum Moments {
  state = 0,
  /** 1: all products; 0: the diagonals only. */
  full = 4,
  /** Normals of the first half of the draws, [D][S / 2]. */
  half = 8,
  /** Gradients in q's coordinates, [D][S]. */
  gradient = 12,
  /** Their odd parts, [D][S / 2]. */
  odd = 16,
  /** [D]: sums of the even parts over pairs; then sums of squares of the even and of the odd parts. */
  sums = 20,
  evenSquares = 24,
  oddSquares = 28,
  /** Sums of (odd part) e^T: [D][D], or [D] when not full. */
  cross = 32,
  /** Sums of e e^T: [D][D], lower triangle, or [D]. */
  gram = 36,
  /** Sum of the log densities of all draws. */
  value = 40,
  bytes = 48,
}
