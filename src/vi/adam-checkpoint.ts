// Where a climb by Adam was when it was cancelled, as plain numbers: put back, it goes on from there, and only what came before the climb is
// done again. Everything that its later steps depend on is in it: the state in core memory, where the stage began, how its ELBO has run, and
// what the session has counted.

import type { Coordinates } from "./adam-stages.js";
import { mixedLength } from "./advi-state.js";
import type { Full } from "./moments.js";
import type { Session } from "./session.js";
import type { Stall } from "./stopping.js";

export interface AdamCheckpoint {
  /** Of what the numbers are is said by `place`, `pack` and `unpack`. */
  readonly numbers: Float64Array;
  readonly arrays: Readonly<Record<string, Float64Array>>;
  /** Sites whose terms were not finite, with how often. */
  readonly blamed: readonly (readonly [string, number])[];
}

/** What a climb does: it climbs, it averages, and the average is judged. */
export const phases = { climb: 0, average: 1, judge: 2 } as const;

/** The variables of a climb between two steps. */
export interface Place {
  phase: number;
  stage: number;
  restarts: number;
  rate: number;
  window: number;
  /** Steps of the present phase before the present stretch, the ELBOs of the stretch so far, and the steps of it that were not finite. */
  k: number;
  partial: Float64Array;
  failed: number;
  steps: number;
  failures: number;
  stall: Stall;
  /** Where the stage began, or what is judged; and what the coordinates are around. */
  q: Full;
  base: Full;
  system: Coordinates;
}

const scalars = ["phase", "stage", "restarts", "rate", "window", "k", "failed", "steps", "failures"] as const;
const counted = ["gradients", "refused", "steps", "spent", "elbo"] as const;
/** How many numbers there are: the call, those above, three of the stall, the round of the judge, and five of its last assessment. */
const count = 1 + scalars.length + counted.length + 3 + 6;

/** What the judge of a climb remembers. */
export interface Memory {
  round: number;
  last:
    | {
        readonly location: number;
        readonly locationError: number;
        readonly scale: number;
        readonly scaleError: number;
        readonly gain: number;
      }
    | undefined;
}

const rootOf = (q: Full): Float64Array => (q.kind === "dense" ? q.cholesky : q.scale);

/** A copy of everything. `call`: which climb of the fit it is. */
export function pack(
  call: number,
  place: Place,
  advi: Float64Array,
  { round, last }: Memory,
  session: Session,
): AdamCheckpoint {
  const { stall, q, base, system } = place;
  const { evaluator, refused, steps, spent, elbo } = session;
  const of = [evaluator.gradients, refused, steps, spent, elbo];
  const assessed = last ? [last.location, last.locationError, last.scale, last.scaleError, last.gain] : [];
  const numbers = new Float64Array(count).fill(Number.NaN);
  const at = scalars.map((name) => place[name]);
  numbers.set([call, ...at, ...of, stall.sum, stall.count, stall.values, round, ...assessed]);
  return {
    numbers,
    arrays: {
      advi,
      partial: place.partial.slice(),
      means: Float64Array.from(stall.means),
      batch: stall.batch.slice(),
      mean: q.mean.slice(),
      scale: rootOf(q).slice(),
      baseMean: base.mean.slice(),
      baseScale: rootOf(base).slice(),
      ...(system.root && { root: system.root.slice() }),
      ...(system.units && { units: system.units.slice() }),
    },
    blamed: [...session.blamed],
  };
}

/** Puts counts and the judge's memory back, and returns the place. */
export function unpack(
  { numbers, arrays, blamed }: AdamCheckpoint,
  family: Coordinates["family"],
  memory: Memory,
  session: Session,
): Place {
  const values = [...numbers.subarray(1)];
  const at = Object.fromEntries(scalars.map((name) => [name, values.shift()!])) as Pick<
    Place,
    (typeof scalars)[number]
  >;
  const [gradients, refused, steps, spent, elbo] = values.splice(0, counted.length) as [
    number,
    number,
    number,
    number,
    number,
  ];
  session.putBack({ gradients, refused, steps, spent, elbo, blamed });
  const [sum, filled, seen, round, location, ...rest] = values as [number, number, number, number, number];
  memory.round = round;
  const [locationError, scale, scaleError, gain] = rest as unknown as [number, number, number, number];
  memory.last = Number.isNaN(location) ? undefined : { location, locationError, scale, scaleError, gain };
  const gaussian = (mean: Float64Array, root: Float64Array): Full =>
    root.length === mean.length && family === "meanField"
      ? { kind: "diagonal", mean, scale: root }
      : { kind: "dense", mean, cholesky: root };
  return {
    ...at,
    partial: arrays["partial"]!,
    stall: {
      tolerance: 0.01,
      sum,
      count: filled,
      values: seen,
      means: [...arrays["means"]!],
      batch: arrays["batch"]!.slice(),
    },
    q: gaussian(arrays["mean"]!, arrays["scale"]!),
    base: gaussian(arrays["baseMean"]!, arrays["baseScale"]!),
    system: { family, root: arrays["root"], units: arrays["units"] },
  };
}

interface Length {
  readonly length: number;
  /** It may be shorter. */
  readonly most?: true;
  /** It need not be there. */
  readonly optional?: true;
}

/** The lengths that the numbers and arrays of a checkpoint have. */
export function lengths(n: number, family: string): Record<string, Length> {
  const full = family === "fullRank";
  const scale = { length: full ? n * n : n };
  const size = 2 * (n + (n & 1)) + (full ? (n * (n - 1)) / 2 : 0);
  return {
    numbers: { length: count },
    advi: { length: mixedLength(size), most: true },
    partial: { length: 1e6, most: true },
    means: { length: 100, most: true },
    batch: { length: 10 },
    mean: { length: n },
    scale,
    baseMean: { length: n },
    baseScale: scale,
    root: { length: n * n, optional: true },
    units: { length: n, optional: true },
  };
}
