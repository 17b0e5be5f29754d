// Targets with known answers, as plain objects: what the algorithms are tested on without a compiled model.

import type { Target } from "../../src/target.js";
import { randomSource } from "./random.js";

const logTwoPi = Math.log(2 * Math.PI);

/** N(mean, precision^-1), normalised, times exp(logEvidence). */
export function gaussianTarget(mean: ArrayLike<number>, precision: ArrayLike<number>, logEvidence = 0): Target {
  const n = mean.length;
  const a = Float64Array.from(precision);
  const determinant = (() => {
    // Gaussian elimination; the matrices are small and well conditioned.
    const m = a.slice();
    let log = 0;
    for (let k = 0; k < n; k++) {
      log += Math.log(m[k * n + k]!);
      for (let i = k + 1; i < n; i++) {
        const f = m[i * n + k]! / m[k * n + k]!;
        for (let j = k; j < n; j++) m[i * n + j]! -= f * m[k * n + j]!;
      }
    }
    return log;
  })();
  return {
    dimension: n,
    logDensityGradient(theta, gradient) {
      let value = logEvidence + 0.5 * determinant - 0.5 * n * logTwoPi;
      for (let i = 0; i < n; i++) {
        let g = 0;
        for (let j = 0; j < n; j++) g += a[i * n + j]! * (theta[j]! - mean[j]!);
        gradient[i] = -g;
        value -= 0.5 * g * (theta[i]! - mean[i]!);
      }
      return value;
    },
  };
}

/** A random correlated Gaussian: precision B B' + diag(ridge), scales spread over two orders of magnitude. */
export function randomGaussian(
  n: number,
  seed: number,
  logEvidence = 0,
): { target: Target; mean: Float64Array; precision: Float64Array } {
  const random = randomSource(seed);
  const b = Float64Array.from({ length: n * n }, () => random.normal() / Math.sqrt(n));
  const scale = Float64Array.from({ length: n }, () => 10 ** (2 * random.uniform() - 1));
  const mean = Float64Array.from({ length: n }, (_, i) => scale[i]! * random.normal());
  const precision = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let s = i === j ? 0.5 : 0;
      for (let k = 0; k < n; k++) s += b[i * n + k]! * b[j * n + k]!;
      precision[i * n + j] = s / (scale[i]! * scale[j]!);
    }
  return { target: gaussianTarget(mean, precision, logEvidence), mean, precision };
}

/** A1 of the oracles: z_i ~ N(0, 1), x_i ~ N(z_i, 1), x = (1, 2, 3). Posterior N(x / 2, 1 / 2), log evidence below. */
export const normalNormal: Target = {
  dimension: 3,
  logDensityGradient(z, gradient) {
    let value = -3 * logTwoPi;
    for (let i = 0; i < 3; i++) {
      const x = i + 1;
      value -= 0.5 * z[i]! ** 2 + 0.5 * (x - z[i]!) ** 2;
      gradient[i] = x - 2 * z[i]!;
    }
    return value;
  },
};
export const normalNormalEvidence = -7.296536370453936;

/** Beta(a, b) prior with heads and tails observed in order, on the logit scale. */
export function betaBernoulli(a: number, b: number, heads: number, tails: number): Target {
  const constant = logGamma(a + b) - logGamma(a) - logGamma(b);
  return {
    dimension: 1,
    logDensityGradient(theta, gradient) {
      const t = theta[0]!;
      const p = 1 / (1 + Math.exp(-t));
      const logP = t < 0 ? t - Math.log1p(Math.exp(t)) : -Math.log1p(Math.exp(-t));
      gradient[0] = a + heads - (a + heads + b + tails) * p;
      return constant + (a + heads) * logP + (b + tails) * (logP - t);
    },
  };
}
export function betaBernoulliEvidence(a: number, b: number, heads: number, tails: number): number {
  return (
    logGamma(a + heads) +
    logGamma(b + tails) -
    logGamma(a + b + heads + tails) -
    (logGamma(a) + logGamma(b) - logGamma(a + b))
  );
}
/** log (k - 1)! for a positive integer, by the sum of logs. */
export function logGamma(k: number): number {
  let s = 0;
  for (let i = 2; i < k; i++) s += Math.log(i);
  return s;
}

/** Logistic regression on synthetic data with an N(0, 2.5^2) prior on each coefficient. */
export function logisticRegression(rows: number, columns: number, seed: number): Target {
  const random = randomSource(seed);
  const x = Float64Array.from({ length: rows * columns }, (_, i) => (i % columns === 0 ? 1 : random.normal()));
  const truth = Float64Array.from({ length: columns }, () => random.normal());
  const y = Float64Array.from({ length: rows }, (_, r) => {
    let eta = 0;
    for (let j = 0; j < columns; j++) eta += x[r * columns + j]! * truth[j]!;
    return random.uniform() < 1 / (1 + Math.exp(-eta)) ? 1 : 0;
  });
  return {
    dimension: columns,
    logDensityGradient(theta, gradient) {
      let value = 0;
      for (let j = 0; j < columns; j++) {
        value -= 0.5 * (theta[j]! / 2.5) ** 2 + Math.log(2.5) + 0.5 * logTwoPi;
        gradient[j] = -theta[j]! / 6.25;
      }
      for (let r = 0; r < rows; r++) {
        let eta = 0;
        for (let j = 0; j < columns; j++) eta += x[r * columns + j]! * theta[j]!;
        value += y[r]! * eta - (eta > 0 ? eta + Math.log1p(Math.exp(-eta)) : Math.log1p(Math.exp(eta)));
        const residual = y[r]! - 1 / (1 + Math.exp(-eta));
        for (let j = 0; j < columns; j++) gradient[j]! += residual * x[r * columns + j]!;
      }
      return value;
    },
  };
}

/** A banana: x0 ~ N(0, 1), x1 | x0 ~ N(b (x0^2 - 1), 1), normalised. */
export function banana(b = 1): Target {
  return {
    dimension: 2,
    logDensityGradient(theta, gradient) {
      const x = theta[0]!;
      const r = theta[1]! - b * (x * x - 1);
      gradient[0] = -x + 2 * b * x * r;
      gradient[1] = -r;
      return -logTwoPi - 0.5 * x * x - 0.5 * r * r;
    },
  };
}

/** Eight schools, non-centred: unconstrained (theta_tilde_1..8, mu, log tau), priors N(0,1), N(0,5), half-Cauchy(0,5). */
export const eightSchools: Target = (() => {
  const y = [28, 8, -3, 7, -1, 1, 18, 12];
  const sigma = [15, 10, 16, 11, 9, 11, 10, 18];
  return {
    dimension: 10,
    logDensityGradient(theta, gradient) {
      const mu = theta[8]!;
      const tau = Math.exp(theta[9]!);
      let value = -0.5 * logTwoPi - Math.log(5) - 0.5 * (mu / 5) ** 2;
      value += Math.log(2 / (Math.PI * 5)) - Math.log1p((tau / 5) ** 2) + theta[9]!;
      let dMu = -mu / 25;
      let dTau = (-2 * tau) / (25 + tau * tau);
      for (let j = 0; j < 8; j++) {
        const t = theta[j]!;
        const z = (y[j]! - mu - tau * t) / sigma[j]!;
        value -= logTwoPi + 0.5 * t * t + 0.5 * z * z + Math.log(sigma[j]!);
        const d = z / sigma[j]!;
        gradient[j] = -t + d * tau;
        dMu += d;
        dTau += d * t;
      }
      gradient[8] = dMu;
      gradient[9] = dTau * tau + 1;
      return value;
    },
  };
})();

/** N(mean, F'F + diag): a factor model with `k` factors, normalised, evaluated without any D x D matrix. */
export function factorTarget(n: number, k: number, seed: number) {
  const random = randomSource(seed);
  const mean = Float64Array.from({ length: n }, random.normal);
  const f = Float64Array.from({ length: k * n }, () => 0.7 * random.normal());
  const d = Float64Array.from({ length: n }, () => 0.3 + random.uniform());
  // I + F D^-1 F', inverted by elimination on k columns.
  const inner = Array.from({ length: k }, (_, a) =>
    Array.from({ length: 2 * k }, (_, b) => {
      if (b >= k) return a === b - k ? 1 : 0;
      let s = a === b ? 1 : 0;
      for (let i = 0; i < n; i++) s += (f[a * n + i]! * f[b * n + i]!) / d[i]!;
      return s;
    }),
  );
  let logDet = 0;
  for (let i = 0; i < n; i++) logDet += Math.log(d[i]!);
  for (let p = 0; p < k; p++) {
    const pivot = inner[p]![p]!;
    logDet += Math.log(pivot);
    for (let b = 0; b < 2 * k; b++) inner[p]![b]! /= pivot;
    for (let a = 0; a < k; a++) {
      if (a === p) continue;
      const factor = inner[a]![p]!;
      for (let b = 0; b < 2 * k; b++) inner[a]![b]! -= factor * inner[p]![b]!;
    }
  }
  const target: Target = {
    dimension: n,
    logDensityGradient(x, g) {
      const c = new Float64Array(k);
      for (let i = 0; i < n; i++) g[i] = (x[i]! - mean[i]!) / d[i]!;
      for (let a = 0; a < k; a++) for (let i = 0; i < n; i++) c[a]! += f[a * n + i]! * g[i]!;
      for (let a = 0; a < k; a++) {
        let s = 0;
        for (let b = 0; b < k; b++) s += inner[a]![k + b]! * c[b]!;
        for (let i = 0; i < n; i++) g[i]! -= (s * f[a * n + i]!) / d[i]!;
      }
      let quadratic = 0;
      for (let i = 0; i < n; i++) {
        quadratic += g[i]! * (x[i]! - mean[i]!);
        g[i] = -g[i]!;
      }
      return -0.5 * (n * Math.log(2 * Math.PI) + logDet + quadratic);
    },
  };
  const variance = (i: number): number => {
    let s = d[i]!;
    for (let a = 0; a < k; a++) s += f[a * n + i]! ** 2;
    return s;
  };
  return { target, mean, variance };
}

/** Neal's funnel of four coordinates: v ~ N(0, 3²), x_i ~ N(0, exp(v)). */
export const funnel: Target = {
  dimension: 4,
  logDensityGradient(theta, gradient) {
    const v = theta[0]!;
    let value = -2 * logTwoPi - Math.log(3) - v ** 2 / 18 - 1.5 * v;
    gradient[0] = -v / 9 - 1.5;
    for (let i = 1; i < 4; i++) {
      const scaled = theta[i]! * Math.exp(-v);
      value -= 0.5 * theta[i]! * scaled;
      gradient[0] += 0.5 * theta[i]! * scaled;
      gradient[i] = -scaled;
    }
    return value;
  },
};

/** A normal of width 1 by 0.3 for (y, z), turned by an angle x that is another normal: no scale or shift makes a Gaussian of it. */
export const turning: Target = {
  dimension: 3,
  logDensityGradient(theta, gradient) {
    const [x, y, z] = theta as unknown as [number, number, number];
    const [c, s] = [Math.cos(x), Math.sin(x)];
    const along = y * c + z * s;
    const across = z * c - y * s;
    const force = across / 0.09;
    gradient[0] = -x - along * across + force * along;
    gradient[1] = -along * c + force * s;
    gradient[2] = -along * s - force * c;
    return -1.5 * logTwoPi - Math.log(0.3) - 0.5 * (x * x + along * along + force * across);
  },
};
