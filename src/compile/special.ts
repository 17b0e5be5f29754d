// Special functions of two and three arguments as graph arithmetic: the incomplete gamma and beta functions, their inverses and
// shape derivatives, Owen's T, von Mises; and the logarithms of distribution functions, which bring their partials along, as
// densities do. The inverses and derivatives are for numbers: they have no adjoint.

import { Op } from "../../assembly/opcodes.js";
import { type Operand, toNode } from "./arithmetic.js";
import { univariate } from "./densities/rule.js";
import { logProb, logProbValue } from "./density.js";
import { map, type Node } from "./node.js";

const of =
  (opcode: Op) =>
  (...operands: readonly Operand[]): Node =>
    map(opcode, operands.map(toNode));

/** P(a, x), regularised. */
export const gammaP = of(Op.GammaP);
/** Q(a, x) = 1 − P(a, x). */
export const gammaQ = of(Op.GammaQ);
/** x with P(a, x) = p. */
export const gammaPInverse = of(Op.GammaPInverse);
/** x with Q(a, x) = q. */
export const gammaQInverse = of(Op.GammaQInverse);
/** ∂x/∂a at fixed P(a, x). */
export const gammaSampleDerivative = of(Op.GammaSampleDerivative);
/** I_x(a, b) from (a, b, x), regularised. */
export const betaInc = of(Op.BetaInc);
/** x with I_x(a, b) = p, from (a, b, p). */
export const betaIncInverse = of(Op.BetaIncInverse);
/** ∂x/∂a at fixed I_x(a, b), from (a, b, x). */
export const betaSampleDerivative = of(Op.BetaSampleDerivative);
/** Owen's T(h, a). */
export const owensT = of(Op.OwensT);
/** The distribution function of von Mises around 0 from (x, κ), for x within ±π. */
export const vonMisesCdf = of(Op.VonMisesCdf);
/** ∂x/∂κ at fixed vonMisesCdf(x, κ), from (x, κ). */
export const vonMisesSampleDerivative = of(Op.VonMisesSampleDerivative);
/** log I₀(x). */
export const logBesselI0 = of(Op.LogBesselI0);
/** I₁(x)/I₀(x). */
export const besselRatio = of(Op.BesselRatio);

const tail = (family: string, opcode: Op, argNames: readonly string[]) => {
  const rule = univariate(
    family,
    opcode,
    argNames,
    argNames.map((_, i) => i),
    (...args) => args,
  );
  return (...args: readonly Operand[]): Node => logProbValue(logProb(rule, args.map(toNode)));
};

/** log P(a, x), from (x, a); exact where P underflows. */
export const gammaLogCdf = tail("gammaLogCdf", Op.GammaLogCdf, ["value", "shape"]);
/** log Q(a, x), from (x, a); exact where Q underflows. */
export const gammaLogSurvival = tail("gammaLogSurvival", Op.GammaLogSurvival, ["value", "shape"]);
/** log I_x(a, b), from (x, a, b); exact where I underflows. */
export const betaLogCdf = tail("betaLogCdf", Op.BetaLogCdf, ["value", "alpha", "beta"]);
/** log(1 − I_x(a, b)), from (x, a, b); exact where that underflows. */
export const betaLogSurvival = tail("betaLogSurvival", Op.BetaLogSurvival, ["value", "alpha", "beta"]);
/** log P(T ≤ t) of Student's t, from (t, ν). */
export const studentLogCdf = tail("studentTLogCdf", Op.StudentTLogCdf, ["value", "df"]);
