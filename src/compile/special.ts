// Special functions of two and three arguments as graph arithmetic: the incomplete gamma and beta functions, their inverses and
// shape derivatives, Owen's T, von Mises. They are for numbers: none has an adjoint.

import { Op } from "../../assembly/opcodes.js";
import { type Operand, toNode } from "./arithmetic.js";
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
