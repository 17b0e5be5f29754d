// First-order optimisers, for functions to be minimised from noisy gradients: each is `init` (a state with everything in it) and
// `step` (state, gradient). A gradient that is not finite is never used: the step is skipped and counted in the state.
// The invariant: after any sequence of gradients the position is finite, and equal states step to equal states.
// The Adam family with its kernels is elsewhere; AdamW is here as plain arithmetic.

import { finiteNumber, positiveNumber } from "../errors.js";
import { allFinite, dot } from "../linalg/vector.js";
import { clipGlobalNorm, constantSchedule, type Schedule } from "./schedules.js";

/** Everything a first-order optimiser remembers; arrays have the length of the position. */
export interface FirstOrderState {
  readonly position: Float64Array;
  /** Steps taken. */
  steps: number;
  /** Gradients refused because they were not finite, or would have made the position so. */
  skipped: number;
  /** Moment arrays, as many as the method needs. */
  readonly first: Float64Array;
  readonly second: Float64Array;
  /** Distance-over-gradients methods: the start, the greatest distance from it, the sum of squared gradients. */
  readonly origin: Float64Array;
  distance: number;
  sum: number;
}

/** A first-order optimiser: minimises from gradients alone, noisy ones too. */
export interface FirstOrder {
  readonly name: string;
  /** A state before the first step, at a copy of `start`. */
  init(start: Float64Array): FirstOrderState;
  /** Moves `state.position`; false if the gradient was skipped. `gradient` may be overwritten. */
  step(state: FirstOrderState, gradient: Float64Array): boolean;
  /** The rate of the last step, for methods whose coordinates share one: what a proximal step needs. */
  rate?(state: FirstOrderState): number;
}

/** Options that all first-order optimisers have. */
export interface CommonOptions {
  /** Multiplies the rate; default constant. */
  readonly schedule?: Schedule | undefined;
  /** Gradients longer than this are scaled down to it. */
  readonly clip?: number | undefined;
}

const none = new Float64Array(0);

/** The frame all methods share: skip, clip, update, and undo an update that overflows. */
function method(
  name: string,
  options: CommonOptions,
  moments: 0 | 1 | 2,
  start: (state: FirstOrderState) => void,
  update: (state: FirstOrderState, gradient: Float64Array, factor: number) => void,
  rate?: (state: FirstOrderState, factor: number) => number,
): FirstOrder {
  const { schedule = constantSchedule, clip } = options;
  if (clip !== undefined) positiveNumber(`${name}.clip`, clip);
  return {
    name,
    ...(rate && { rate: (state) => rate(state, schedule(Math.max(0, state.steps - 1))) }),
    init(position) {
      const n = position.length;
      const state: FirstOrderState = {
        position: position.slice(),
        steps: 0,
        skipped: 0,
        first: moments > 0 ? new Float64Array(n) : none,
        second: moments > 1 ? new Float64Array(n) : none,
        origin: none,
        distance: 0,
        sum: 0,
      };
      start(state);
      return name === "dog" || name === "dowg" ? { ...state, origin: position.slice() } : state;
    },
    step(state, gradient) {
      // The square of a huge finite gradient overflows too, and would poison the moments for good.
      if (!allFinite(gradient) || !(dot(gradient, gradient) < Infinity)) {
        state.skipped++;
        return false;
      }
      if (clip !== undefined) clipGlobalNorm(gradient, clip);
      state.steps++;
      update(state, gradient, schedule(state.steps - 1));
      return true;
    },
  };
}

const rateOf = (name: string, rate: number): number => positiveNumber(`${name}.rate`, rate);

/** A weight in [0, 1). */
function weight(label: string, value: number): number {
  if (finiteNumber(label, value) < 0 || value >= 1)
    throw new RangeError(`${label}: expected a number in [0, 1), got ${value}`);
  return value;
}

/** Options of `sgd`. */
export interface SgdOptions extends CommonOptions {
  readonly rate: number;
  /** Default 0.9. */
  readonly momentum?: number | undefined;
  /** Nesterov's look-ahead; default true. */
  readonly nesterov?: boolean | undefined;
}

/** Gradient descent with (Nesterov) momentum in the form of Sutskever et al. 2013: v <- mu v - rate g. */
export function sgd(options: SgdOptions): FirstOrder {
  const rate = rateOf("sgd", options.rate);
  const mu = weight("sgd.momentum", options.momentum ?? 0.9);
  const nesterov = options.nesterov ?? true;
  return method(
    "sgd",
    options,
    1,
    () => {},
    ({ position, first: v }, g, factor) => {
      for (let i = 0; i < g.length; i++) {
        const move = rate * factor * g[i]!;
        v[i] = mu * v[i]! - move;
        position[i] = position[i]! + (nesterov ? mu * v[i]! - move : v[i]!);
      }
    },
    // With momentum a gradient moves the position by this much in the end.
    (_, factor) => (rate * factor) / (1 - mu),
  );
}

/** Options of `rmsProp`. */
export interface RmsPropOptions extends CommonOptions {
  readonly rate: number;
  /** Weight of the past in the mean square; default 0.9. */
  readonly decay?: number | undefined;
  readonly epsilon?: number | undefined;
}

/** RMSProp (Tieleman & Hinton 2012). */
export function rmsProp(options: RmsPropOptions): FirstOrder {
  const rate = rateOf("rmsProp", options.rate);
  const decay = weight("rmsProp.decay", options.decay ?? 0.9);
  const epsilon = options.epsilon ?? 1e-8;
  return method(
    "rmsProp",
    options,
    1,
    () => {},
    ({ position, first: s }, g, factor) => {
      for (let i = 0; i < g.length; i++) {
        s[i] = decay * s[i]! + (1 - decay) * g[i]! * g[i]!;
        position[i] = position[i]! - (rate * factor * g[i]!) / (Math.sqrt(s[i]!) + epsilon);
      }
    },
  );
}

/** Options of `adamW`. */
export interface AdamWOptions extends CommonOptions {
  readonly rate: number;
  /** Default 0.9. */
  readonly beta1?: number | undefined;
  /** Default 0.999. */
  readonly beta2?: number | undefined;
  readonly epsilon?: number | undefined;
  /** Decoupled decay of the position (Loshchilov & Hutter 2019); default 0, which is Adam (Kingma & Ba 2015). */
  readonly weightDecay?: number | undefined;
}

/** Adam with decoupled decay (Kingma & Ba 2015; Loshchilov & Hutter 2019). */
export function adamW(options: AdamWOptions): FirstOrder {
  const rate = rateOf("adamW", options.rate);
  const beta1 = weight("adamW.beta1", options.beta1 ?? 0.9);
  const beta2 = weight("adamW.beta2", options.beta2 ?? 0.999);
  const epsilon = options.epsilon ?? 1e-8;
  const decay = options.weightDecay ?? 0;
  return method(
    "adamW",
    options,
    2,
    (state) => {
      // `distance` and `sum` hold the powers of the betas, so that no power function is needed.
      state.distance = 1;
      state.sum = 1;
    },
    (state, g, factor) => {
      const { position, first: m, second: v } = state;
      state.distance *= beta1;
      state.sum *= beta2;
      const correct1 = 1 - state.distance;
      const correct2 = 1 - state.sum;
      for (let i = 0; i < g.length; i++) {
        m[i] = beta1 * m[i]! + (1 - beta1) * g[i]!;
        v[i] = beta2 * v[i]! + (1 - beta2) * g[i]! * g[i]!;
        const move = m[i]! / correct1 / (Math.sqrt(v[i]! / correct2) + epsilon);
        position[i] = position[i]! - rate * factor * (move + decay * position[i]!);
      }
    },
  );
}

/** Options of `decayedAdagrad`. */
export interface DecayedAdagradOptions extends CommonOptions {
  /** Default 0.1. */
  readonly rate?: number | undefined;
  /** Weight of the new squared gradient; default 1. */
  readonly fresh?: number | undefined;
  /** Weight of the accumulated ones; default 0.9. */
  readonly decay?: number | undefined;
  readonly epsilon?: number | undefined;
}

/** Adagrad (Duchi, Hazan & Singer 2011) that forgets: s <- decay s + fresh g^2, so that steps do not die out. */
export function decayedAdagrad(options: DecayedAdagradOptions = {}): FirstOrder {
  const rate = rateOf("decayedAdagrad", options.rate ?? 0.1);
  const fresh = positiveNumber("decayedAdagrad.fresh", options.fresh ?? 1);
  const decay = weight("decayedAdagrad.decay", options.decay ?? 0.9);
  const epsilon = options.epsilon ?? 1e-8;
  return method(
    "decayedAdagrad",
    options,
    1,
    () => {},
    ({ position, first: s }, g, factor) => {
      for (let i = 0; i < g.length; i++) {
        s[i] = decay * s[i]! + fresh * g[i]! * g[i]!;
        position[i] = position[i]! - (rate * factor * g[i]!) / (Math.sqrt(s[i]!) + epsilon);
      }
    },
  );
}

/** Options of `dog` and `dowg`. */
export interface DistanceOptions extends CommonOptions {
  /** The first step's length relative to 1 + |start|; default 1e-6 for DoG and 1e-4 for DoWG. */
  readonly first?: number | undefined;
}

function distanceFromOrigin(state: FirstOrderState): number {
  const { position, origin } = state;
  let square = 0;
  for (let i = 0; i < position.length; i++) {
    const d = position[i]! - origin[i]!;
    square += d * d;
  }
  return Math.sqrt(square);
}

/** DoG (Ivgi, Hinder & Carmon 2023): rate = greatest distance from the start / root of the sum of squared gradients. No rate to choose. */
export function dog(options: DistanceOptions = {}): FirstOrder {
  const first = positiveNumber("dog.first", options.first ?? 1e-6);
  return method(
    "dog",
    options,
    0,
    (state) => {
      state.distance = first * (1 + Math.sqrt(dot(state.position, state.position)));
    },
    (state, g, factor) => {
      state.distance = Math.max(state.distance, distanceFromOrigin(state));
      state.sum += dot(g, g);
      if (!(state.sum > 0)) return;
      const rate = (factor * state.distance) / Math.sqrt(state.sum);
      for (let i = 0; i < g.length; i++) state.position[i] = state.position[i]! - rate * g[i]!;
    },
    (state, factor) => (state.sum > 0 ? (factor * state.distance) / Math.sqrt(state.sum) : 0),
  );
}

/** DoWG (Khaled, Mishchenko & Jin 2023): squared distance over the root of the distance-weighted sum of squared gradients. */
export function dowg(options: DistanceOptions = {}): FirstOrder {
  const first = positiveNumber("dowg.first", options.first ?? 1e-4);
  return method(
    "dowg",
    options,
    0,
    (state) => {
      state.distance = first * (1 + Math.sqrt(dot(state.position, state.position)));
    },
    (state, g, factor) => {
      state.distance = Math.max(state.distance, distanceFromOrigin(state));
      const square = state.distance * state.distance;
      state.sum += square * dot(g, g);
      if (!(state.sum > 0)) return;
      const rate = (factor * square) / Math.sqrt(state.sum);
      for (let i = 0; i < g.length; i++) state.position[i] = state.position[i]! - rate * g[i]!;
    },
    (state, factor) => (state.sum > 0 ? (factor * state.distance * state.distance) / Math.sqrt(state.sum) : 0),
  );
}
