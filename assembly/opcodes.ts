// The instruction set, read by both sides: assembly/ dispatches on it, src/compile/ emits it. A kernel is called as
// `kernel(rows, n, a)`: `a` points at 32-bit words, one per operand, each the address of an operand (or an integer where the
// comment says so). Operands listed before the semicolon are read, those after it are written. An array holds n doubles and
// room for one more when n is odd; maps may read and write that spare. An output address of 0 means "not wanted" for
// densities. Inputs and outputs never overlap unless they are the same array.

export const enum Op {
  // ---- structure: assembly/structure.ts
  /** in, rows (0: those of the block), row step, events, event step, lanes, whether lanes vary; out[rows][events][lanes] (steps in doubles) */
  Broadcast = 1,
  /** in[n]; out[n] */
  Copy = 2,
  /** ; out, count: sets `count` doubles to zero */
  Zero = 3,
  /** in[rows][m], m; accumulator[4][m]: adds each row to the accumulator of its number modulo 4 */
  SumRows = 4,
  /** accumulator[4][m], m; out[m] = (0 + 2) + (1 + 3) */
  Fold = 5,
  /** in[rows][k][lanes], k, lanes; out[rows][lanes] */
  SumEvent = 6,
  /** source[*][m], index (i32 per row), m; out[rows][m] */
  Gather = 7,
  /** in[rows][m], index (i32 per row), m; out[*][m], added to */
  ScatterAdd = 8,
  /** X (tiles of 8 rows: [tile][column][8]), beta[columns][lanes], columns, lanes; out[rows][lanes], rows up to a multiple of 8 */
  MatVec = 9,
  /** X as in MatVec, in[rows][lanes], columns, lanes; accumulator[2][columns][lanes] ([columns][2] for one lane), added to */
  MatVecTransposed = 10,
  /** accumulator of MatVecTransposed, columns, lanes; out[columns][lanes] */
  FoldPairs = 11,
  /** in[rows][k][lanes], k, lanes; out[rows][k][lanes], running sums over k */
  CumulativeSum = 12,
  /** in[rows][k][lanes], k, lanes; out[rows][k][lanes], running sums over k from the end */
  CumulativeSumReversed = 13,
  /** in[rows][k][lanes], k, lanes; out[rows][lanes] */
  LogSumExp = 14,
  /** in[rows][k][lanes], k, lanes; out[rows][k][lanes] */
  Softmax = 15,
  /** in[rows][width], width, total, offset; out[rows][total]: writes `width` doubles of each row, `offset` from its start */
  SetSlice = 16,
  /** in[rows][total], width, total, offset; out[rows][width] */
  GetSlice = 17,

  /** in[rows][m], m; out[m]: SumRows into zeros, and Fold, where one block has all rows */
  Total = 18,
  /** left[rows][m], right[rows][m], m; accumulator[4][m]: SumRows of the products */
  SumProducts = 19,
  /** left[rows][m], right[rows][m], m; out[m]: Total of the products */
  TotalProducts = 20,
  /** a[rows][m], b, c, flags, m; out[rows][m] = a·b + c; flags 1, 2 (one at least): b, c is one row for all, 4: a·b − c; m even */
  MulAddRows = 21,
  /** left[rows][k][lanes], right, k, lanes; out[rows][lanes]: SumEvent of the products */
  SumEventProducts = 22,
  /** in[rows][k][lanes], first[rows][lanes], k, lanes; out[rows][lanes] = first + in[0] + in[1] + … */
  SumEventOnto = 23,

  // ---- maps, all over n doubles: assembly/maps.ts
  /** in; out (for every unary map) */
  Neg = 64,
  Reciprocal = 65,
  Abs = 66,
  Sqrt = 67,
  Square = 68,
  Exp = 69,
  Log = 70,
  Log1p = 71,
  Expm1 = 72,
  Sigmoid = 73,
  Softplus = 74,
  LogSigmoid = 75,
  Tanh = 76,
  Sin = 77,
  Cos = 78,
  Erf = 79,
  Erfc = 80,
  Erfcx = 81,
  Ndtr = 82,
  LogNdtr = 83,
  Ndtri = 84,
  Lgamma = 85,
  Digamma = 86,
  Trigamma = 87,
  /** sign of x: -1, 0 or 1 */
  Sign = 88,
  /** left, right; out (for every binary map) */
  Add = 96,
  Sub = 97,
  Mul = 98,
  Div = 99,
  Pow = 100,
  Min = 101,
  Max = 102,
  LogAddExp = 103,
  /** lbeta(left, right) */
  Lbeta = 104,
  /** 1 where left < right, else 0 */
  Less = 105,
  // Scalar code, as that from GammaP on
  /** x, κ; the distribution function of von Mises around 0, for x within ±π */
  VonMisesCdf = 106,
  /** x, κ; its derivative in κ */
  VonMisesCdfDerivative = 107,
  /** x, κ; ∂x/∂κ where it stays: the implicit gradient of a draw */
  VonMisesSampleDerivative = 108,
  /** a, b, c; out = (a + b) + c */
  Add3 = 110,
  /** a, b, c; out = a·b − c */
  MulSub = 111,
  /** a, b, c; out = a·b + c */
  MulAdd = 112,
  // Scalar code, one element after the other: assembly/special/kernels.ts
  /** a, x; the regularised incomplete gamma function P(a, x) */
  GammaP = 113,
  /** a, x; Q(a, x) = 1 - P(a, x) */
  GammaQ = 114,
  /** a, p; x with P(a, x) = p */
  GammaPInverse = 115,
  /** a, q; x with Q(a, x) = q */
  GammaQInverse = 116,
  /** a, x; ∂P/∂a */
  GammaPShapeDerivative = 117,
  /** a, x; ∂x/∂a at fixed P(a, x): the implicit gradient of a gamma draw */
  GammaSampleDerivative = 118,
  /** h, a; Owen's T function */
  OwensT = 119,
  /** a, b, x; the regularised incomplete beta function I_x(a, b) */
  BetaInc = 120,
  /** a, b, p; x with I_x(a, b) = p */
  BetaIncInverse = 121,
  /** a, b, x; ∂I/∂a */
  BetaIncDerivativeA = 122,
  /** a, b, x; ∂I/∂b */
  BetaIncDerivativeB = 123,
  /** a, b, x; ∂x/∂a at fixed I_x(a, b): the implicit gradient of a beta draw (for b: minus that of b, a, 1 - x) */
  BetaSampleDerivative = 124,
  /** in; lgamma(1 + in) */
  Lgamma1p = 125,
  /** in; log I0(in) */
  LogBesselI0 = 126,
  /** in; I1(in)/I0(in) */
  BesselRatio = 127,

  // ---- densities: assembly/density/. Inputs ; the log density, then a partial for each argument that has one.
  // `src/compile/densities.ts` says what the inputs are functions of; what is missing here is an addend there.
  /** x, loc, 1/scale ; lp, ∂x, ∂loc, ∂scale */
  Normal = 128,
  /** x, 1/scale ; lp, ∂x, ∂scale */
  HalfNormal = 129,
  /** x, 1/scale, loc ; lp, ∂x, ∂loc, ∂scale */
  Cauchy = 130,
  /** x, 1/scale ; lp, ∂x, ∂scale */
  HalfCauchy = 131,
  /** 2y − 1, logit ; lp, ∂logit */
  BernoulliLogit = 132,
  /** k, log rate ; lp, ∂log rate */
  PoissonLog = 133,
  /** k, rate, log rate ; lp, ∂rate */
  Poisson = 134,
  /** x, rate, 1/rate ; lp, ∂x, ∂rate */
  Exponential = 135,
  /** x, log x, α, β, log β − ψ(α), α/β ; lp, ∂x, ∂α, ∂β */
  Gamma = 136,
  /** x, log x, α, β, log β − ψ(α), α/β ; lp, ∂x, ∂α, ∂β */
  InverseGamma = 137,
  /** x, log x, log(1 − x), α, β, ψ(α + β) − ψ(α), ψ(α + β) − ψ(β) ; lp, ∂x, ∂α, ∂β */
  Beta = 138,
  /** x, log x, loc, 1/scale ; lp, ∂x, ∂loc, ∂scale */
  LogNormal = 139,
  /** x, 1/scale, ν, 1/√ν, ψ((ν + 1)/2) − ψ(ν/2) − 1/ν, loc ; lp, ∂x, ∂ν, ∂scale, ∂loc */
  StudentT = 140,
  /** x, 1/scale, ν, 1/√ν, ψ((ν + 1)/2) − ψ(ν/2) − 1/ν ; lp, ∂x, ∂ν, ∂scale */
  HalfStudentT = 141,
  /** x, 1/scale, loc ; lp, ∂x, ∂loc, ∂scale */
  Laplace = 142,
  /** x, 1/scale, loc ; lp, ∂x, ∂loc, ∂scale */
  Logistic = 143,
  /** x, low, high, 1/(high − low) ; lp, ∂x, ∂low, ∂high */
  Uniform = 144,
  /** x, log x, k, log(scale), 1/k, k/scale ; lp, ∂x, ∂k, ∂scale */
  Weibull = 145,
  /** y, p, log p, log(1 − p) ; lp, ∂p */
  Bernoulli = 146,
  /** k, N, p, log p, log(1 − p) ; lp, ∂p */
  Binomial = 147,
  /** k, N, logit ; lp, ∂logit */
  BinomialLogit = 148,
  /** k, μ, φ, log (k + φ − 1 choose k), ψ(k + φ) − ψ(φ) ; lp, ∂μ, ∂φ */
  NegativeBinomial = 149,
  /** k, log μ, φ, log φ, log (k + φ − 1 choose k), ψ(k + φ) − ψ(φ) ; lp, ∂log μ, ∂φ */
  NegativeBinomialLog = 150,
  /** x[K], log x[K], α[K], ψ(Σα) − ψ(α)[K], K, draws ; lp, ∂x[K], ∂α[K] */
  Dirichlet = 151,
  /** y, logits[K], K, draws ; lp, ∂logits[K] */
  CategoricalLogit = 152,
  /** x[K], loc[K], L[K][K], K, draws ; lp, ∂x[K], ∂loc[K], ∂L[K][K] */
  MultivariateNormal = 153,
  /** x, 1/scale, loc ; lp, ∂x, ∂loc, ∂scale */
  Gumbel = 154,
  /** x, log x, α, β, 1/α, 1/β ; lp, ∂x, ∂α, ∂β */
  Kumaraswamy = 155,
  /** the inputs of Gamma at α = ν/2, β = 1/2 ; lp, ∂x, ∂ν */
  ChiSquare = 156,
  /** x, minimum, log x, log(minimum), α, 1/α, α/minimum ; lp, ∂x, ∂minimum, ∂α */
  Pareto = 157,
  /** x, loc, κ, 1 − I₁(κ)/I₀(κ) ; lp, ∂x, ∂loc, ∂κ */
  VonMises = 158,
  /** x, loc, 1/scale, shape ; lp, ∂x, ∂loc, ∂scale, ∂shape */
  SkewNormal = 159,
  /** x, log x, μ, λ, 1/μ, 1/λ ; lp, ∂x, ∂μ, ∂λ */
  InverseGaussian = 160,
  /** x, loc, 1/scale, low, high, ∂loc, ∂scale, ∂low, ∂high of the normaliser ; lp, ∂x, ∂loc, ∂scale, ∂low, ∂high */
  TruncatedNormal = 161,
  /** k, p, log(1 − p) ; lp, ∂p */
  Geometric = 162,
  /** k, N, lp, ∂α, ∂β ; lp, ∂α, ∂β on the support */
  BetaBinomial = 163,
  /** y, location, cutpoints[K], K, draws ; lp, ∂location, ∂cutpoints[K] */
  OrderedLogistic = 164,
  /** p[K], log p[K], counts[K], K, draws ; lp, ∂p[K] */
  Multinomial = 165,
  /** y, p[K], K, draws ; lp, ∂p[K] */
  Categorical = 166,
  /** x[K], loc[K], C[K][K], K, draws ; lp, ∂x[K], ∂loc[K], ∂C[K][K] (precision C Cᵀ) */
  MultivariateNormalPrecision = 167,
  /** x[K], loc[K], L[K][K], ν, (ψ((ν + K)/2) − ψ(ν/2) − K/ν)/2, K, draws ; lp, ∂x[K], ∂loc[K], ∂L[K][K], ∂ν */
  MultivariateStudentT = 168,
  /** x[K], loc[K], W[K][R], D[K], R, K, draws ; lp, ∂x[K], ∂loc[K], ∂W[K][R], ∂D[K] (covariance D + W Wᵀ) */
  MultivariateNormalLowRank = 169,
  /** L[K][K], η, its normaliser's derivative, K, draws ; lp, ∂L[K][K], ∂η */
  LkjCholesky = 170,
  /** C[K][K], ν, L[K][K], the normaliser's derivative in ν, K, draws ; lp, ∂C[K][K], ∂ν, ∂L[K][K] */
  WishartCholesky = 171,
  // Logarithms of distribution functions, which behave like densities: assembly/special/tails.ts
  /** x, a ; log P(a, x), ∂x, ∂a */
  GammaLogCdf = 172,
  /** x, a ; log Q(a, x), ∂x, ∂a */
  GammaLogSurvival = 173,
  /** x, a, b ; log I_x(a, b), ∂x, ∂a, ∂b */
  BetaLogCdf = 174,
  /** x, a, b ; log(1 − I_x(a, b)), ∂x, ∂a, ∂b */
  BetaLogSurvival = 175,
  /** t, ν ; log P(T ≤ t) of Student's t, ∂t, ∂ν */
  StudentTLogCdf = 176,
}
