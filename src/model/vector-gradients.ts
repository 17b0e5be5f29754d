// How draws of normal and Student t vectors move with their parameters. x = loc + L·z gives ∂xᵢ/∂Lᵢⱼ = zⱼ with z = L⁻¹(x − loc), a
// function of the draw alone; so do the other parametrisations, where of two variates that made a draw (a normal of low rank) each
// is replaced by its mean given the draw, which leaves every expectation as it is (Rao & Blackwell) and lowers the variance.

import type { Node } from "../compile/node.js";
import { capacitance } from "./distributions/factors.js";
import { radialSlope } from "./distributions/implicit.js";
import { apply, rowInput, scalarInput } from "./eager.js";

type Gradients = Record<string, Float64Array>;

/** From draws [n × K] to ∂draw/∂parameter [n × K × shape of the parameter]. */
type Family = (draws: Float64Array, parameters: readonly Float64Array[]) => Gradients;

/** ∂xᵢ/∂locⱼ: 1 where i = j. */
function identity(n: number, k: number): Float64Array {
  const out = new Float64Array(n * k * k);
  for (let r = 0; r < n; r++) for (let i = 0; i < k; i++) out[(r * k + i) * k + i] = 1;
  return out;
}

/** L⁻¹y in place, for lower triangular L [k × k]. */
function solve(l: Float64Array, y: Float64Array): Float64Array {
  const k = y.length;
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < i; j++) y[i]! -= l[i * k + j]! * y[j]!;
    y[i]! /= l[i * k + i]!;
  }
  return y;
}
/** L⁻ᵀy in place. */
function solveTransposed(l: Float64Array, y: Float64Array): Float64Array {
  const k = y.length;
  for (let i = k - 1; i >= 0; i--) {
    for (let j = i + 1; j < k; j++) y[i]! -= l[j * k + i]! * y[j]!;
    y[i]! /= l[i * k + i]!;
  }
  return y;
}

const centred = (draws: Float64Array, loc: Float64Array, r: number): Float64Array =>
  loc.map((m, i) => draws[r * loc.length + i]! - m);

/** ∂xᵢ/∂Lᵢⱼ = zⱼ for j ≤ i. */
function factorGradient(draws: Float64Array, loc: Float64Array, tril: Float64Array): Float64Array {
  const k = loc.length;
  const n = draws.length / k;
  const out = new Float64Array(n * k ** 3);
  for (let r = 0; r < n; r++) {
    const z = solve(tril, centred(draws, loc, r));
    for (let i = 0; i < k; i++) out.set(z.subarray(0, i + 1), ((r * k + i) * k + i) * k);
  }
  return out;
}

const normal: Family = (draws, [loc, tril]) => ({
  loc: identity(draws.length / loc!.length, loc!.length),
  scaleTril: factorGradient(draws, loc!, tril!),
});

/** x = loc + C⁻ᵀz moves by −C⁻ᵀ·dCᵀ·(x − loc). */
const normalByPrecision: Family = (draws, [loc, tril]) => {
  const k = loc!.length;
  const n = draws.length / k;
  const out = new Float64Array(n * k ** 3);
  const columns = Array.from({ length: k }, (_, c) =>
    solveTransposed(
      tril!,
      Float64Array.from({ length: k }, (_, i) => (i === c ? 1 : 0)),
    ),
  );
  for (let r = 0; r < n; r++) {
    const y = centred(draws, loc!, r);
    for (let i = 0; i < k; i++)
      for (let j = 0; j < k; j++)
        for (let c = 0; c <= j; c++) out[((r * k + i) * k + j) * k + c] = -columns[c]![i]! * y[j]!;
  }
  return { loc: identity(n, k), precisionTril: out };
};

/** x = loc + W·u + √d·e: E(u | x) = (1 + Wᵀd⁻¹W)⁻¹Wᵀd⁻¹(x − loc), and E(√d·e | x) is the rest. */
const normalOfLowRank: Family = (draws, [loc, w, d]) => {
  const k = loc!.length;
  const n = draws.length / k;
  const rank = w!.length / k;
  const inner = capacitance(w!, d!);
  const factor = new Float64Array(n * k * k * rank);
  const diagonal = new Float64Array(n * k * k);
  for (let r = 0; r < n; r++) {
    const y = centred(draws, loc!, r);
    const u = Float64Array.from({ length: rank }, (_, c) =>
      y.reduce((sum, v, i) => sum + (w![i * rank + c]! * v) / d![i]!, 0),
    );
    solveTransposed(inner, solve(inner, u));
    for (let i = 0; i < k; i++) {
      let rest = y[i]!;
      for (let c = 0; c < rank; c++) rest -= w![i * rank + c]! * u[c]!;
      factor.set(u, ((r * k + i) * k + i) * rank);
      diagonal[(r * k + i) * k + i] = (0.5 * rest) / d![i]!;
    }
  }
  return { loc: identity(n, k), factor, diagonal };
};

/** Radius and direction of L⁻¹(x − loc) are independent; the degrees of freedom move the radius, (df, K) F variate under a root. */
const studentT: Family = (draws, [df, loc, tril]) => {
  const k = loc!.length;
  const n = draws.length / k;
  const offsets = Array.from({ length: n }, (_, r) => centred(draws, loc!, r));
  const radii = Float64Array.from(offsets, (y) => {
    const z = solve(tril!, y.slice());
    return Math.sqrt(z.reduce((a, v) => a + v * v, 0));
  });
  const slopes = apply(
    "radial slope",
    ([r, nu, size]: readonly Node[]) => radialSlope(r!, nu!, size!),
    [rowInput(radii), scalarInput(df![0]!), scalarInput(k)],
    n,
  );
  const own = new Float64Array(n * k);
  offsets.forEach((y, r) => {
    for (let i = 0; i < k; i++) own[r * k + i] = radii[r] ? (y[i]! / radii[r]!) * slopes[r]! : 0;
  });
  return { df: own, loc: identity(n, k), scaleTril: factorGradient(draws, loc!, tril!) };
};

/** By name of a family. */
export const vectorGradients: Readonly<Record<string, Family>> = {
  multivariateNormal: normal,
  multivariateNormalPrecision: normalByPrecision,
  multivariateNormalLowRank: normalOfLowRank,
  multivariateStudentT: studentT,
};
