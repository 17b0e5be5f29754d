// Step-size schedules: functions of the step number (0, 1, 2, ...) that multiply an optimiser's rate, and clipping of gradients by
// their global norm. All are built from exactly specified arithmetic, so that a schedule is the same number on every engine.

import { integer, positiveNumber } from "../errors.js";
import { exp, log } from "../linalg/elementary.js";
import { norm } from "../linalg/vector.js";

/** What multiplies an optimiser's rate at step 0, 1, 2, … */
export type Schedule = (step: number) => number;

/** 1 at every step. */
export const constantSchedule: Schedule = () => 1;

/** From 1 to `end` in a straight line over `steps`, then `end`. */
export function linearSchedule(steps: number, end = 0): Schedule {
  integer("linearSchedule.steps", steps, 1);
  return (t) => (t >= steps ? end : 1 + ((end - 1) * t) / steps);
}

/** (1 + t / delay)^-power; power in (1/2, 1] meets the conditions of Robbins & Monro (1951). */
export function powerSchedule(power: number, delay = 1): Schedule {
  positiveNumber("powerSchedule.power", power);
  positiveNumber("powerSchedule.delay", delay);
  return (t) => exp(-power * log(1 + t / delay));
}

/** Halves every `halfLife` steps. */
export function exponentialSchedule(halfLife: number): Schedule {
  positiveNumber("exponentialSchedule.halfLife", halfLife);
  return (t) => exp((-Math.LN2 * t) / halfLife);
}

/** From 1 to `end` along half a cosine over `steps` (Loshchilov & Hutter 2017), then `end`. */
export function cosineSchedule(steps: number, end = 0): Schedule {
  integer("cosineSchedule.steps", steps, 1);
  return (t) => (t >= steps ? end : end + 0.5 * (1 - end) * (1 + cosine(Math.PI * (t / steps))));
}

/** Rises from 1 / steps to 1 over `steps`, then follows `after` from its beginning. */
export function warmup(steps: number, after: Schedule = constantSchedule): Schedule {
  integer("warmup.steps", steps, 1);
  return (t) => (t < steps ? (t + 1) / steps : after(t - steps));
}

/** cos x for x in [0, pi], by the Taylor series about the nearer of 0, pi / 2 and pi. */
function cosine(x: number): number {
  if (x > 0.75 * Math.PI) return -series(Math.PI - x, 1);
  if (x > 0.25 * Math.PI) return -series(x - 0.5 * Math.PI, 0);
  return series(x, 1);
}

/** cos (even = 1) or sin (even = 0) of |x| <= pi / 4. */
function series(x: number, even: 0 | 1): number {
  let term = even === 1 ? 1 : x;
  let sum = term;
  for (let k = even === 1 ? 1 : 2; k < 20; k += 2) {
    term *= (-x * x) / (k * (k + 1));
    sum += term;
  }
  return sum;
}

/** Scales `gradient` in place to norm `most` if it is longer. Returns the norm it had. */
export function clipGlobalNorm(gradient: Float64Array, most: number): number {
  const length = norm(gradient);
  if (length > most && length < Infinity) {
    const factor = most / length;
    for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! * factor;
  }
  return length;
}
