// Resuming. All numbers of a fit follow from its options and the target, random ones too; so a fit that was ended goes on, bit for bit, when
// it is run again with the same options and is not ended. That costs what was done before once more (but for climbs by Adam, see
// adam-checkpoint.ts); what is kept for it is a few numbers, by which it is seen that target and run are the same: checksums of the density at three points, and of what each turn reported.

import { checksumOf } from "../checksum.js";
import type { Progress, Run } from "../optim/run.js";
import type { Target } from "../target.js";
import { coreNormals } from "./core-normals.js";
import type { Ended } from "./record.js";

const stream = 28;

/** A checksum of the log density and its gradient at the origin and two other points. */
export function probeOf(target: Target): number {
  const n = target.dimension;
  const gradient = new Float64Array(n);
  let sum = 0;
  for (let k = 0; k < 3; k++) {
    const theta = new Float64Array(n);
    if (k > 0) coreNormals(0).fill(theta, stream, k);
    gradient.fill(0);
    const value = target.logDensityGradient(theta, gradient);
    // Where there is no density the gradient is nobody's.
    sum = checksumOf(Number.isFinite(value) ? [value, ...gradient] : [value], sum);
  }
  return sum;
}

/** The stages of a climb by Adam: turns come by the clock there, or not at all where it goes on. Its steps are in the trace. */
const byTheClock = ["step size", "climb", "average", "judge"];

const numbers = new Float64Array(3);
const words = new Uint32Array(numbers.buffer);

/** Counts the turns of a run until it is told to stop. */
export class Watch {
  turns = 0;
  digest = 0;
  #stopped = false;

  constructor(
    /** The turn at which an earlier run was ended: if this one is another by then, it throws. */
    readonly expected?: Pick<Ended, "turns" | "digest">,
  ) {}

  *over<R>(run: Run<R>): Run<R> {
    let done = false;
    try {
      let next = run.next();
      while (!next.done) {
        this.#note(next.value);
        const stop = yield next.value;
        this.#stopped ||= stop === true;
        next = run.next(stop);
      }
      done = true;
      return next.value;
    } finally {
      if (!done) run.return(undefined as R);
    }
  }

  #note({ stage, step, value, gradients }: Progress): void {
    if (this.#stopped || byTheClock.includes(stage)) return;
    numbers[0] = step;
    numbers[1] = Number.isNaN(value) ? 0 : value;
    numbers[2] = gradients;
    // FNV-1a over words: a turn has no time for more.
    for (let i = 0; i < words.length; i++) this.digest = Math.imul(this.digest ^ words[i]!, 0x01000193) >>> 0;
    if (++this.turns === this.expected?.turns && this.digest !== this.expected.digest) throw differs();
  }
}

export const differs = (): RangeError =>
  new RangeError(
    "options.resume: expected the model and data of the fit to resume, got a run that departs from it before the point where it was ended",
  );
