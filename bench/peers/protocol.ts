// How bench:peers speaks with the process of a contestant: one line in, one line of JSON out, marked by "@" because libraries print
// what they like. `check`: 50 steps on the fed normals; `fit N`: a new fit of N steps; `block N`: N further steps of one fit,
// timed. The invariant: nothing is printed between the two clock readings of a block.

import type { Workload } from "../data.js";

/** Steps on fed normals before anything is timed. */
export const CHECKED_STEPS = 50;

export const MARK = "@";

/** The first line: the contestant is there. */
export interface Ready {
  readonly version: string;
}

/** The answer to check and fit. */
export interface Fitted {
  /** The ELBO's estimate at the last step; absent where the contestant estimates the entropy by its draws. */
  readonly elbo?: number;
  /** [location][log scale][strict rows of the triangle], as in baseline.ts. */
  readonly parameters: readonly number[];
  readonly seconds: number;
}

/** The answer to block. */
export interface Timed {
  readonly seconds: number;
  /** Seconds of processor time, of all threads. */
  readonly cpu: number;
}

/** What a contestant written for Node is: opens fits from the workload's start. */
export interface Contest {
  readonly version: string;
  /** `fed`: normals [step][draw][coordinate] to be used instead of its own. */
  open(workload: Workload, fed?: Float64Array): PeerFit | Promise<PeerFit>;
}

export interface PeerFit {
  /** Takes steps, reading the ELBO of each; `seconds` where the call does more than take steps. */
  run(steps: number): Ran | Promise<Ran>;
  parameters(): ArrayLike<number> | Promise<ArrayLike<number>>;
}

export interface Ran {
  readonly elbo?: number;
  readonly seconds?: number;
}
