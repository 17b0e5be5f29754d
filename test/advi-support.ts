// One ADVI step of the core beside a plain one: a raw state in any build, with the target's answers written in by the test.

import { Advi } from "../assembly/advi-state.js";
import type { CoreExports } from "../src/core/load.js";

export interface StepSetup {
  readonly dimension: number;
  readonly draws: number;
  readonly fullRank: boolean;
  /** 0 closed form, 1 Monte Carlo, 2 sticking the landing. */
  readonly entropy: number;
  /** 0 none, 1 diagonal, 2 triangular. */
  readonly map: number;
  readonly standardPrior?: boolean;
  readonly location: Float64Array;
  readonly logScale: Float64Array;
  readonly lower: Float64Array;
  readonly centre: Float64Array;
  readonly mapDiagonal: Float64Array;
  readonly mapLower: Float64Array;
  /** [coordinate][draw] */
  readonly normals: Float64Array;
}

export interface StepAnswer {
  readonly theta: Float64Array;
  readonly elbo: number;
  readonly gradLocation: Float64Array;
  readonly gradLogScale: Float64Array;
  readonly gradLower: Float64Array;
}

/** Log densities [draw] and gradients [coordinate][draw] at theta [coordinate][draw]. */
export type Answers = (theta: Float64Array) => { values: Float64Array; gradients: Float64Array };

/** The step in the core. */
export function coreStep(core: CoreExports, s: StepSetup, answers: Answers): StepAnswer {
  const { dimension: n, draws } = s;
  const blocks: number[] = [];
  const room = (count: number): number => {
    const pointer = core.allocate((count + (count & 1)) * 8);
    // Whatever was there before must not matter: NaN in every spare.
    new Float64Array(core.memory.buffer, pointer, count + (count & 1)).fill(Number.NaN);
    blocks.push(pointer);
    return pointer;
  };
  const put = (values: Float64Array): number => {
    const pointer = room(values.length);
    new Float64Array(core.memory.buffer, pointer, values.length).set(values);
    return pointer;
  };
  const pad = n + (n & 1);
  const strict = s.fullRank ? (n * (n - 1)) / 2 : 0;
  const size = 2 * pad + strict;
  const parameters = new Float64Array(size);
  parameters.set(s.location);
  parameters.set(s.logScale, pad);
  parameters.set(s.lower.subarray(0, strict), 2 * pad);
  const theta = room(n * draws);
  const gradient = room(n * draws);
  const density = room(draws);
  const program = room(8);
  new Int32Array(core.memory.buffer, program, 16).fill(0).set([draws, n, theta, gradient, density]);
  const state = room(Advi.bytes / 8);
  new Int32Array(core.memory.buffer, state, Advi.bytes / 4).fill(0);
  const words: [number, number][] = [
    [Advi.program, program],
    [Advi.dimension, n],
    [Advi.draws, draws],
    [Advi.family, s.fullRank ? 1 : 0],
    [Advi.entropy, s.entropy],
    [Advi.size, size],
    [Advi.parameters, put(parameters)],
    [Advi.gradient, room(size)],
    [Advi.scale, room(n)],
    [Advi.noise, put(s.normals)],
    [Advi.noiseSteps, 1],
    [Advi.noiseHost, 1],
    [Advi.map, s.map],
    [Advi.centre, put(s.centre)],
    [Advi.mapDiagonal, put(s.mapDiagonal)],
    [Advi.mapLower, put(s.mapLower)],
    [Advi.location, room(n)],
    [Advi.work, room(n * draws)],
    [Advi.work2, room(n * draws)],
    [Advi.standardPrior, s.standardPrior ? 1 : 0],
  ];
  for (const [at, value] of words) new Int32Array(core.memory.buffer, state + at, 1)[0] = value;
  if (s.fullRank && s.map)
    new Float64Array(core.memory.buffer, state + Advi.logMap, 1)[0] = s.mapDiagonal.reduce(
      (a, d) => a + Math.log(d),
      0,
    );
  if (!core.adviDraw(state)) throw new Error("adviDraw asked for normals");
  const points = new Float64Array(core.memory.buffer, theta, n * draws).slice();
  const { values, gradients } = answers(points);
  new Float64Array(core.memory.buffer, density, draws).set(values);
  new Float64Array(core.memory.buffer, gradient, n * draws).set(gradients);
  if (!core.adviGradient(state)) throw new Error("adviGradient found something that is not finite");
  const at = new Int32Array(core.memory.buffer, state + Advi.gradient, 1)[0]!;
  const all = new Float64Array(core.memory.buffer, at, size).slice();
  const elbo = new Float64Array(core.memory.buffer, state + Advi.elbo, 1)[0]!;
  for (const block of blocks.reverse()) core.free(block);
  return {
    theta: points,
    elbo,
    gradLocation: all.slice(0, n),
    gradLogScale: all.slice(pad, pad + n),
    gradLower: all.slice(2 * pad),
  };
}

/** Dense lower triangle from a diagonal and packed strict rows (none: diagonal). */
export function triangle(diagonal: Float64Array, lower?: Float64Array): number[][] {
  let k = 0;
  return Array.from(diagonal, (d, i) =>
    Array.from(diagonal, (_, j) => (j < i ? (lower ? lower[k++]! : 0) : j === i ? d : 0)),
  );
}

/** The step from the definitions: nothing but loops. */
export function plainStep(s: StepSetup, answers: Answers): StepAnswer {
  const { dimension: n, draws: S } = s;
  const scale = s.logScale.map(Math.exp);
  const L = triangle(scale, s.fullRank ? s.lower : undefined);
  const P =
    s.map === 0 ? triangle(new Float64Array(n).fill(1)) : triangle(s.mapDiagonal, s.map === 2 ? s.mapLower : undefined);
  const c = s.map === 0 ? new Float64Array(n) : s.centre;
  const eps = (i: number, d: number): number => s.normals[i * S + d]!;
  const theta = new Float64Array(n * S);
  for (let d = 0; d < S; d++)
    for (let i = 0; i < n; i++) {
      let v = c[i]!;
      for (let k = 0; k < n; k++) {
        let y = s.location[k]!;
        if (s.fullRank) for (let j = 0; j <= k; j++) y += L[k]![j]! * eps(j, d);
        v += P[i]![k]! * y;
      }
      if (!s.fullRank) v += scale[i]! * eps(i, d);
      theta[i * S + d] = v;
    }
  const { values, gradients } = answers(theta);
  const gradLocation = new Float64Array(n);
  const gradLogScale = new Float64Array(n);
  const gradLower = new Float64Array(s.fullRank ? (n * (n - 1)) / 2 : 0);
  let elbo = 0;
  for (let d = 0; d < S; d++) {
    elbo += values[d]! / S;
    // L^-T eps
    const u = Array.from({ length: n }, (_, i) => eps(i, d));
    for (let i = n - 1; i >= 0; i--) {
      for (let j = i + 1; j < n; j++) u[i] = u[i]! - L[j]![i]! * u[j]!;
      u[i] = u[i]! / L[i]![i]!;
    }
    const path = s.entropy === 2;
    const h = Array.from({ length: n }, (_, i) => {
      let g = 0;
      for (let k = 0; k < n; k++) g += (s.fullRank ? P[k]![i]! : k === i ? 1 : 0) * gradients[k * S + d]!;
      return g + (path ? u[i]! : 0);
    });
    for (let i = 0; i < n; i++) {
      let g = h[i]!;
      if (!s.fullRank) {
        g = 0;
        for (let k = 0; k < n; k++) g += P[k]![i]! * h[k]!;
      }
      gradLocation[i] = gradLocation[i]! + g / S;
      gradLogScale[i] = gradLogScale[i]! + (h[i]! * eps(i, d) * scale[i]!) / S;
      if (s.fullRank)
        for (let j = 0; j < i; j++) {
          const k = (i * (i - 1)) / 2 + j;
          gradLower[k] = gradLower[k]! + (h[i]! * eps(j, d)) / S;
        }
    }
  }
  if (s.standardPrior) {
    for (let i = 0; i < n; i++) {
      elbo -= 0.5 * (scale[i]! ** 2 + s.location[i]! ** 2 - 1) - s.logScale[i]!;
      gradLocation[i] = gradLocation[i]! - s.location[i]!;
      gradLogScale[i] = gradLogScale[i]! + 1 - scale[i]! ** 2;
    }
    gradLower.forEach((_, k) => {
      elbo -= 0.5 * s.lower[k]! ** 2;
      gradLower[k] = gradLower[k]! - s.lower[k]!;
    });
  } else {
    if (s.entropy !== 2) for (let i = 0; i < n; i++) gradLogScale[i] = gradLogScale[i]! + 1;
    elbo += s.logScale.reduce((a, w) => a + w, 0) + 0.5 * n * Math.log(2 * Math.PI);
    if (s.fullRank && s.map) elbo += s.mapDiagonal.reduce((a, x) => a + Math.log(x), 0);
    elbo += s.entropy === 0 ? 0.5 * n : s.normals.reduce((a, e) => a + e * e, 0) / (2 * S);
  }
  return { theta, elbo, gradLocation, gradLogScale, gradLower };
}
