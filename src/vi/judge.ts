// Is this Gaussian the best of its family? Judged on fresh draws by how far its location and scales still want to move
// (regression.ts), never by the ELBO's trace; and corrected by a natural-gradient step on the very draws that found it wanting.

import type { Run } from "../optim/run.js";
import type { Verdict } from "./adam-stages.js";
import type { Batch, Full } from "./moments.js";
import { assessment, naturalCorrection, targetRoot } from "./natural.js";
import { type Assessment, assessDiagonal, type Regression, regress } from "./regression.js";
import { adviStreams, regressionLimit, type Session } from "./session.js";

/** An answer is at the optimum of its family when no location wants to move by more, no scale to change by more. */
export const tolerance = 0.05;
/** What is allowed where natural gradients do not get there, and every answer is an average over noise. */
const noisy = 0.08;
/** The standard errors within which that should be known. */
const certainty = 0.015;
const most = 2048;

/** Whether the assessment says "at the optimum". */
export function atOptimum(a: Assessment, allowed = tolerance): boolean {
  return (
    a.location <= allowed + 2 * Math.min(a.locationError, 0.5 * tolerance) &&
    a.scale <= allowed + 2 * Math.min(a.scaleError, 0.5 * tolerance) &&
    a.locationError <= tolerance &&
    a.scaleError <= tolerance
  );
}

/** Whether a correction would be lost in its own noise. */
function near(a: Assessment): boolean {
  return a.location <= 0.4 * tolerance + 0.5 * a.locationError && a.scale <= 0.4 * tolerance + 0.5 * a.scaleError;
}

/** Judges answers on fresh draws, and corrects them by the same draws. */
export class Judge {
  last: Assessment | undefined;
  q: Full;
  /** Batches judged so far: each has draws of its own. */
  round = 0;
  #batch: Batch | undefined;
  #regression: Regression | undefined;

  constructor(
    readonly session: Session,
    q: Full,
  ) {
    this.q = q;
  }

  /** Whether q is at the optimum of its family. More draws are taken while the answer hangs on them. */
  *judge(q: Full, stage = "assess"): Run<boolean> {
    const { session } = this;
    const n = session.dimension;
    this.q = q;
    this.last = undefined;
    this.#regression = undefined;
    const limit = Math.max(most, 4 * n);
    let draws = Math.max(256, 4 * n);
    for (;;) {
      const name = { stream: adviStreams.assess, round: this.round++, draws, independent: true };
      const batch = yield* session.batch(q, name, stage);
      if (batch.elbo === Number.NEGATIVE_INFINITY) return false;
      this.#batch = batch;
      if (n <= regressionLimit) {
        this.#regression = regress(batch);
        this.last = this.#regression && assessment(q, this.#regression);
      } else this.last = assessDiagonal(batch);
      const a = this.last;
      if (!a) return false;
      const sure = a.locationError <= certainty && a.scaleError <= certainty;
      const off = a.location > tolerance + 3 * a.locationError || a.scale > tolerance + 3 * a.scaleError;
      if (sure || off || draws >= limit) return atOptimum(a);
      const excess = Math.max(a.locationError, a.scaleError) / certainty;
      const wanted = draws * excess * excess;
      draws = Math.min(limit, 64 * Math.ceil(Math.max(2 * draws, wanted) / 64));
    }
  }

  /** The judgement of a stage of Adam, with the coordinates it suggests. */
  *verdict(q: Full): Run<Verdict> {
    const good = (yield* this.judge(q, "judge")) || (this.last !== undefined && atOptimum(this.last, noisy));
    const r = this.#regression;
    return { good, root: r && targetRoot(q, r), gain: this.last?.gain ?? Number.POSITIVE_INFINITY };
  }

  /** Rounds of judgement, each followed by a natural-gradient step on its own draws while one helps. */
  *refine(start: Full, rounds: number): Run<boolean> {
    const { session } = this;
    this.q = start;
    for (let k = 0; k < rounds && !session.cancelled; k++) {
      const good = yield* this.judge(this.q);
      if (good && this.last && (near(this.last) || k === rounds - 1)) return true;
      if (!this.last || !this.#batch || !this.#regression || session.cancelled) return false;
      const better = yield* naturalCorrection(session, this.q, this.#batch, this.#regression);
      if (!better) return good;
      this.q = better;
    }
    return false;
  }
}
