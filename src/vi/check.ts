// The final check of a fit: fresh independent draws from the answer, what the target says about them, and what follows: the ELBO with its
// error, k-hat, and the change that importance weighting would make.

import { estimateElbo } from "../diagnostics/evidence.js";
import { psis } from "../diagnostics/psis.js";
import { allFinite } from "../linalg/vector.js";
import type { Run } from "../optim/run.js";
import { drawsFromNormals, type Gaussian, logDensityOfNormals } from "./gaussian.js";
import { lanes } from "./moments.js";
import type { Check } from "./outcome.js";
import { adviStreams, type Session } from "./session.js";
import { type Shift, shiftByWeights } from "./witness.js";

export interface FinalCheck {
  readonly check: Check;
  /** Undefined when a draw was not finite. */
  readonly shift: Shift | undefined;
  /** Draws whose log density or gradient is not finite. */
  readonly bad: number;
}

/** Undefined when cancelled; `rough`: it cannot be, and gives up no turns. Its gradients are not counted as the fit's. */
export function* checkFit(session: Session, q: Gaussian, draws: number, rough: boolean): Run<FinalCheck | undefined> {
  const { evaluator, target } = session;
  const n = session.dimension;
  const before = evaluator.gradients;
  const normals = new Float64Array(draws * n);
  session.normals.fill(normals, adviStreams.check, 0);
  const points = new Float64Array(draws * n);
  const gradients = new Float64Array(draws * n);
  const logDensities = new Float64Array(draws);
  drawsFromNormals(q, draws, normals, points);
  let bad = 0;
  for (let from = 0; from < draws; from += lanes) {
    const to = Math.min(from + lanes, draws);
    const part = (a: Float64Array, width: number): Float64Array => a.subarray(from * width, to * width);
    evaluator.batch(to - from, part(points, n), part(gradients, n), part(logDensities, 1));
    for (let d = from; d < to; d++) {
      if (Number.isFinite(logDensities[d]!) && allFinite(gradients, d * n, n)) continue;
      bad++;
      session.refuse(points.slice(d * n, (d + 1) * n));
    }
    if (rough) continue;
    yield* session.turn("check");
    if (session.cancelled) return undefined;
  }
  evaluator.gradients = before;
  const logRatios = new Float64Array(draws);
  logDensityOfNormals(q, draws, normals, logRatios);
  for (let d = 0; d < draws; d++) logRatios[d] = logDensities[d]! - logRatios[d]!;
  const elbo = estimateElbo(logRatios);
  const check: Check = { draws, points, logDensities, logRatios, elbo, psis: psis(logRatios) };
  return { check, shift: bad === 0 ? shiftByWeights(target, check) : undefined, bad };
}
