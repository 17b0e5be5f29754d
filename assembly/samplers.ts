// The samplers of assembly/sampler.ts by number, read by both sides: `sample(family, n, a, seedLow, seedHigh, stream)`, where `a`
// points at 32-bit words: the addresses of the parameters (doubles, one per element, in the order given here), the address
// of the output, then `first`, the number of the first element. An element's value depends on (seed, stream, its number, its
// parameters) alone, so that a call may be cut anywhere. Where the comment ends in K or D, that size is one more word before the
// output, and the parameters and outputs with that axis hold it innermost. Arrays of odd length have one spare double behind them.

export const enum Sampler {
  /** low, high */
  Uniform = 0,
  /** loc, scale */
  Normal = 1,
  /** loc, scale of the logarithm */
  LogNormal = 2,
  /** scale */
  HalfNormal = 3,
  /** loc, scale, low, high */
  TruncatedNormal = 4,
  /** loc, scale, shape */
  SkewNormal = 5,
  /** degrees of freedom, loc, scale */
  StudentT = 6,
  /** degrees of freedom, scale */
  HalfStudentT = 7,
  /** loc, scale */
  Cauchy = 8,
  /** scale */
  HalfCauchy = 9,
  /** loc, scale */
  Laplace = 10,
  /** loc, scale */
  Logistic = 11,
  /** loc, scale */
  Gumbel = 12,
  /** rate */
  Exponential = 13,
  /** shape, rate */
  Gamma = 14,
  /** shape, scale */
  InverseGamma = 15,
  /** degrees of freedom */
  ChiSquare = 16,
  /** shape, scale */
  Weibull = 17,
  /** minimum, shape */
  Pareto = 18,
  /** mean, shape */
  InverseGaussian = 19,
  /** a, b */
  Beta = 20,
  /** a, b */
  Kumaraswamy = 21,
  /** loc, concentration: angles in [-pi, pi] */
  VonMises = 22,
  /** probability */
  Bernoulli = 23,
  /** probability: failures before the first success */
  Geometric = 24,
  /** rate */
  Poisson = 25,
  /** mean, dispersion */
  NegativeBinomial = 26,
  /** trials, probability */
  Binomial = 27,
  /** trials, a, b */
  BetaBinomial = 28,
  /** weights [n][K] of any positive sum; K */
  Categorical = 29,
  /** trials, weights [n][K]; K: counts [n][K] */
  Multinomial = 30,
  /** concentration [n][K]; K: [n][K] */
  Dirichlet = 31,
  /** degrees of freedom, Cholesky factor of the scale matrix [n][D][D]; D: [n][D][D] */
  Wishart = 32,
  /** eta; D: the Cholesky factor of a correlation matrix [n][D][D] */
  LkjCholesky = 33,
}
