// What the engine has to beat: the same step of variational inference written by hand in TypeScript, for the four workloads, as fast
// as we know to make it. Typed arrays, gradients derived by hand, four rows of a regression at a time with one logarithm for
// the four. The estimator is the engine's (Kucukelbir et al. 2017): Monte Carlo log joint, entropy in closed form, so that on
// equal normals the ELBO and every parameter have to agree.

import { adamSettings, type LogisticData, schools, tableOf, toy, type Workload } from "./data.js";
import { fillNormals } from "./random.js";

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

/** Writes the gradient at theta and returns the log joint. */
type LogJoint = (theta: Float64Array, gradient: Float64Array) => number;

function toyJoint(): LogJoint {
  const x = Float64Array.from(toy);
  return (theta, gradient) => {
    let squares = 0;
    for (let i = 0; i < 3; i++) {
      const z = theta[i]!;
      const residual = x[i]! - z;
      squares += z * z + residual * residual;
      gradient[i] = residual - z;
    }
    return -6 * HALF_LOG_2PI - 0.5 * squares;
  };
}

/** theta: mu, log tau, eight standardised effects. */
function schoolsJoint(): LogJoint {
  const y = Float64Array.from(schools.effect);
  const precision = Float64Array.from(schools.error, (s) => 1 / (s * s));
  let constant = -17 * HALF_LOG_2PI - Math.log(5) + Math.log(2 / (5 * Math.PI));
  for (const s of schools.error) constant -= Math.log(s);
  return (theta, gradient) => {
    const mu = theta[0]!;
    const tau = Math.exp(theta[1]!);
    const square = tau * tau;
    let value = constant - 0.02 * mu * mu - Math.log1p(square / 25) + theta[1]!;
    let dMu = -mu / 25;
    let dTau = 0;
    for (let j = 0; j < 8; j++) {
      const effect = theta[2 + j]!;
      const residual = y[j]! - mu - tau * effect;
      const r = residual * precision[j]!;
      value -= 0.5 * (effect * effect + residual * r);
      dMu += r;
      dTau += r * effect;
      gradient[2 + j] = r * tau - effect;
    }
    gradient[0] = dMu;
    gradient[1] = dTau * tau + 1 - (2 * square) / (25 + square);
    return value;
  };
}

/** Standard normal prior and Bernoulli likelihood: one pass over the table. */
function logisticJoint({ rows, columns, x, y }: LogisticData): LogJoint {
  return (theta, gradient) => {
    let value = 0;
    for (let j = 0; j < columns; j++) {
      const z = theta[j]!;
      value -= 0.5 * z * z;
      gradient[j] = -z;
    }
    value -= columns * HALF_LOG_2PI;
    let row = 0;
    let o = 0;
    for (; row + 3 < rows; row += 4, o += 4 * columns) {
      const o1 = o + columns;
      const o2 = o1 + columns;
      const o3 = o2 + columns;
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      for (let j = 0; j < columns; j++) {
        const z = theta[j]!;
        a += x[o + j]! * z;
        b += x[o1 + j]! * z;
        c += x[o2 + j]! * z;
        d += x[o3 + j]! * z;
      }
      const ea = Math.exp(-Math.abs(a));
      const eb = Math.exp(-Math.abs(b));
      const ec = Math.exp(-Math.abs(c));
      const ed = Math.exp(-Math.abs(d));
      const ya = y[row]!;
      const yb = y[row + 1]!;
      const yc = y[row + 2]!;
      const yd = y[row + 3]!;
      value += ya * a - Math.max(a, 0) + yb * b - Math.max(b, 0) + yc * c - Math.max(c, 0) + yd * d - Math.max(d, 0);
      value -= Math.log((1 + ea) * (1 + eb) * (1 + ec) * (1 + ed));
      const ra = ya - (a > 0 ? 1 : ea) / (1 + ea);
      const rb = yb - (b > 0 ? 1 : eb) / (1 + eb);
      const rc = yc - (c > 0 ? 1 : ec) / (1 + ec);
      const rd = yd - (d > 0 ? 1 : ed) / (1 + ed);
      for (let j = 0; j < columns; j++)
        gradient[j]! += ra * x[o + j]! + rb * x[o1 + j]! + rc * x[o2 + j]! + rd * x[o3 + j]!;
    }
    for (; row < rows; row++, o += columns) {
      let a = 0;
      for (let j = 0; j < columns; j++) a += x[o + j]! * theta[j]!;
      const e = Math.exp(-Math.abs(a));
      const r = y[row]! - (a > 0 ? 1 : e) / (1 + e);
      value += y[row]! * a - Math.max(a, 0) - Math.log(1 + e);
      for (let j = 0; j < columns; j++) gradient[j]! += r * x[o + j]!;
    }
    return value;
  };
}

function logJointOf(workload: Workload): LogJoint {
  switch (workload.model) {
    case "toy":
      return toyJoint();
    case "schools":
      return schoolsJoint();
    case "logistic":
      return logisticJoint(tableOf(workload));
  }
}

/** Adam's moments and the powers of its decay rates. */
export interface AdamState {
  readonly first: Float64Array;
  readonly second: Float64Array;
  power1: number;
  power2: number;
}

export function adamState(n: number): AdamState {
  return { first: new Float64Array(n), second: new Float64Array(n), power1: 1, power2: 1 };
}

/** One step of Adam (Kingma & Ba 2015, algorithm 1), uphill. */
export function adam(parameters: Float64Array, gradient: Float64Array, state: AdamState): void {
  const { rate, beta1, beta2, epsilon } = adamSettings;
  const { first, second } = state;
  // A subnormal power would cost more than the rest of a short step; 1 - power is 1 long before.
  state.power1 = state.power1 > 1e-100 ? state.power1 * beta1 : 0;
  state.power2 = state.power2 > 1e-100 ? state.power2 * beta2 : 0;
  const scaled = rate / (1 - state.power1);
  const correction = 1 / (1 - state.power2);
  for (let i = 0; i < parameters.length; i++) {
    const g = gradient[i]!;
    const m = beta1 * first[i]! + (1 - beta1) * g;
    const v = beta2 * second[i]! + (1 - beta2) * g * g;
    first[i] = m;
    second[i] = v;
    parameters[i]! += (scaled * m) / (Math.sqrt(v * correction) + epsilon);
  }
}

/** A hand-written fit. Parameters are [location][log scale][strict rows of the lower triangle]. */
export interface Baseline {
  readonly parameters: Float64Array;
  /** Takes steps; returns the ELBO of each. */
  run(steps: number): Float64Array;
}

/** `feed`: normals [step][draw][coordinate] to be used instead of its own. */
export function baseline(workload: Workload, feed?: Float64Array): Baseline {
  const { dimension: D, draws: S, family } = workload;
  const full = family === "fullRank";
  const logJoint = logJointOf(workload);
  const n = 2 * D + (full ? (D * (D - 1)) / 2 : 0);
  const parameters = new Float64Array(n).fill(workload.logScale, D, 2 * D);
  const gradient = new Float64Array(n);
  const optimizer = adamState(n);
  const location = parameters.subarray(0, D);
  const logScale = parameters.subarray(D, 2 * D);
  const lower = parameters.subarray(2 * D);
  const eps = new Float64Array(S * D);
  const theta = new Float64Array(D);
  const pathwise = new Float64Array(D);
  const scale = new Float64Array(D);
  let taken = 0;

  function step(): number {
    if (feed) eps.set(feed.subarray(taken * S * D, (taken + 1) * S * D));
    else fillNormals(eps);
    taken++;
    gradient.fill(0);
    let elbo = 0;
    for (let i = 0; i < D; i++) scale[i] = Math.exp(logScale[i]!);
    for (let s = 0, o = 0; s < S; s++, o += D) {
      if (full) {
        for (let i = 0, k = 0; i < D; i++) {
          let z = location[i]! + scale[i]! * eps[o + i]!;
          for (let j = 0; j < i; j++) z += lower[k++]! * eps[o + j]!;
          theta[i] = z;
        }
      } else for (let i = 0; i < D; i++) theta[i] = location[i]! + scale[i]! * eps[o + i]!;
      elbo += logJoint(theta, pathwise);
      for (let i = 0; i < D; i++) {
        gradient[i]! += pathwise[i]!;
        gradient[D + i]! += pathwise[i]! * eps[o + i]! * scale[i]!;
      }
      if (full)
        for (let i = 0, k = 2 * D; i < D; i++) for (let j = 0; j < i; j++) gradient[k++]! += pathwise[i]! * eps[o + j]!;
    }
    if (S > 1) {
      elbo /= S;
      for (let i = 0; i < n; i++) gradient[i]! /= S;
    }
    elbo += D * (0.5 + HALF_LOG_2PI);
    for (let i = 0; i < D; i++) {
      elbo += logScale[i]!;
      gradient[D + i]! += 1;
    }
    adam(parameters, gradient, optimizer);
    return elbo;
  }

  return {
    parameters,
    run(steps) {
      const trace = new Float64Array(steps);
      for (let k = 0; k < steps; k++) trace[k] = step();
      return trace;
    },
  };
}
