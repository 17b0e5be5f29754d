// Densities by opcode. Each group is a function of its own, so that an engine compiles (and optimizes) only what a model uses; a
// call of itself that never happens keeps the optimizer from inlining a group here.

import { Op } from "../opcodes";
import { runTails } from "../special/tails";
import { runBounded } from "./bounded";
import { runCounts } from "./counts";
import { runCurved } from "./curved";
import { runGaussian } from "./gaussian";
import { runLocationScale } from "./locationScale";
import { bernoulliLogit, poissonLog } from "./logit";
import { runMatrices } from "./matrices";
import { runNormal } from "./normal";
import { runPositive } from "./positive";
import { runSimplex } from "./simplex";

/** Runs the density kernel `op` under the ABI of opcodes.ts. Univariate kernels see n doubles, multivariate ones rows. */
export function runDensity(op: i32, rows: i32, n: i32, a: usize): void {
  switch (op) {
    case Op.Normal:
    case Op.HalfNormal:
    case Op.LogNormal:
    case Op.TruncatedNormal:
      return runNormal(op, n, a);
    case Op.BernoulliLogit:
      return bernoulliLogit(n, a);
    case Op.PoissonLog:
      return poissonLog(n, a);
    case Op.Cauchy:
    case Op.HalfCauchy:
    case Op.StudentT:
    case Op.HalfStudentT:
    case Op.Laplace:
    case Op.Logistic:
    case Op.Gumbel:
      return runLocationScale(op, n, a);
    case Op.Exponential:
    case Op.Gamma:
    case Op.ChiSquare:
    case Op.InverseGamma:
    case Op.Weibull:
    case Op.Pareto:
    case Op.InverseGaussian:
      return runPositive(op, n, a);
    case Op.Uniform:
    case Op.Beta:
    case Op.Kumaraswamy:
      return runBounded(op, n, a);
    case Op.Bernoulli:
    case Op.Geometric:
    case Op.Binomial:
    case Op.BinomialLogit:
    case Op.Poisson:
    case Op.NegativeBinomial:
    case Op.NegativeBinomialLog:
    case Op.BetaBinomial:
      return runCounts(op, n, a);
    case Op.Dirichlet:
    case Op.Multinomial:
    case Op.Categorical:
    case Op.CategoricalLogit:
    case Op.OrderedLogistic:
      return runSimplex(op, rows, a);
    case Op.MultivariateNormal:
    case Op.MultivariateStudentT:
      return runGaussian(op, rows, a);
    case Op.MultivariateNormalPrecision:
    case Op.MultivariateNormalLowRank:
    case Op.LkjCholesky:
    case Op.WishartCholesky:
      return runMatrices(op, rows, a);
    case Op.SkewNormal:
    case Op.VonMises:
      return runCurved(op, n, a);
    case Op.GammaLogCdf:
    case Op.GammaLogSurvival:
    case Op.BetaLogCdf:
    case Op.BetaLogSurvival:
    case Op.StudentTLogCdf:
      return runTails(op, n, a);
    default:
      unreachable();
  }
}
