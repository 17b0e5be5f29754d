// Kernels of the scalar special functions, under the ABI `(rows, n, a)` of opcodes.ts: one element after the other, operands first
// and the output last.

import { Op } from "../opcodes";
import { incompleteBeta, inverseBeta, prefix as betaPrefix, slope as betaSlope, tiny, value } from "./incomplete-beta";
import { incompleteGamma, inverseGamma, lower, prefix, slope, upper } from "./incomplete-gamma";
import { owensT } from "./owens";
import { vonMises } from "./von-mises";

// @ts-ignore: decorator
@inline function at(p: usize, i: usize): f64 { return load<f64>(<usize>load<u32>(p) + (i << 3)); }

function element(op: i32, x: f64, y: f64, z: f64): f64 {
  switch (op) {
    case Op.GammaPInverse: return inverseGamma(x, y, false);
    case Op.GammaQInverse: return inverseGamma(x, y, true);
    case Op.OwensT: return owensT(x, y);
    case Op.VonMisesCdf:
    case Op.VonMisesCdfDerivative:
    case Op.VonMisesSampleDerivative: return vonMises(op, x, y);
    case Op.BetaIncInverse: return inverseBeta(x, y, z);
    case Op.BetaInc:
    case Op.BetaIncDerivativeA:
    case Op.BetaIncDerivativeB:
    case Op.BetaSampleDerivative: {
      incompleteBeta(x, y, z, op == Op.BetaInc || op == Op.BetaIncDerivativeB ? 0.0 : 1.0, op == Op.BetaIncDerivativeB ? 1.0 : 0.0);
      if (op == Op.BetaInc) return value;
      if (op == Op.BetaSampleDerivative) return Math.max(x, y) < Infinity ? 0.0 - betaSlope * z * (1.0 - z) : NaN;
      return tiny != 0.0 ? tiny : betaPrefix * betaSlope;
    }
    default: {
      incompleteGamma(x, y);
      if (op == Op.GammaP) return lower;
      if (op == Op.GammaQ) return upper;
      if (op == Op.GammaPShapeDerivative) return prefix * slope;
      return x > 0.0 && x < Infinity ? 0.0 - slope * y / x : NaN; // 0/0 for other shapes
    }
  }
}

export function runScalar(op: i32, n: i32, a: usize): void {
  const three = op >= Op.BetaInc && op <= Op.BetaSampleDerivative;
  const out = <usize>load<u32>(a + (three ? 12 : 8));
  for (let i: usize = 0; i < <usize>n; i++) {
    store<f64>(out + (i << 3), element(op, at(a, i), at(a + 4, i), three ? at(a + 8, i) : 0.0));
  }
}
