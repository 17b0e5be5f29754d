// One judge for all contestants: the ELBO of a finished q in float64, from the definitions of the log joints, on fixed antithetic
// normals and with the entropy in closed form. It shares no code with any side that is timed.

import { mulberry32, schools, tableOf, toy, type Workload } from "../data.js";

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

const logNormal = (x: number, mean: number, scale: number): number =>
  -HALF_LOG_2PI - Math.log(scale) - 0.5 * ((x - mean) / scale) ** 2;

function logJoint(workload: Workload, z: Float64Array): number {
  let sum = 0;
  switch (workload.model) {
    case "toy":
      toy.forEach((x, i) => {
        sum += logNormal(z[i]!, 0, 1) + logNormal(x, z[i]!, 1);
      });
      return sum;
    case "schools": {
      const [mu, logTau] = z as unknown as [number, number];
      const tau = Math.exp(logTau);
      sum = logNormal(mu, 0, 5) + Math.log(2 / (5 * Math.PI)) - Math.log1p((tau / 5) ** 2) + logTau;
      schools.effect.forEach((y, j) => {
        sum += logNormal(z[2 + j]!, 0, 1) + logNormal(y, mu + tau * z[2 + j]!, schools.error[j]!);
      });
      return sum;
    }
    case "logistic": {
      const { rows, columns, x, y } = tableOf(workload);
      for (const beta of z) sum += logNormal(beta, 0, 1);
      for (let i = 0; i < rows; i++) {
        let logit = 0;
        for (let j = 0; j < columns; j++) logit += x[i * columns + j]! * z[j]!;
        sum += y[i]! * logit - Math.max(logit, 0) - Math.log1p(Math.exp(-Math.abs(logit)));
      }
      return sum;
    }
  }
}

/** Pairs of draws: what takes a few tenths of a second. */
const pairsOf = (workload: Workload): number =>
  workload.model === "logistic" ? Math.max(4, Math.round(1e7 / (workload.rows * workload.dimension))) : 10_000;

/** The ELBO of a Gaussian with the parameters [location][log scale][strict rows of the lower triangle], in nats. */
export function scoreOf(workload: Workload, parameters: ArrayLike<number>): number {
  const { dimension: D, family } = workload;
  const uniform = mulberry32(99);
  const eps = new Float64Array(D);
  const z = new Float64Array(D);
  const pairs = pairsOf(workload);
  let sum = 0;
  for (let m = 0; m < pairs; m++) {
    for (let i = 0; i < D; i++) eps[i] = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    for (const sign of [1, -1]) {
      for (let i = 0, k = 2 * D; i < D; i++) {
        z[i] = parameters[i]! + sign * Math.exp(parameters[D + i]!) * eps[i]!;
        if (family === "fullRank") for (let j = 0; j < i; j++) z[i]! += sign * parameters[k++]! * eps[j]!;
      }
      sum += logJoint(workload, z);
    }
  }
  let entropy = D * (0.5 + HALF_LOG_2PI);
  for (let i = 0; i < D; i++) entropy += parameters[D + i]!;
  return sum / (2 * pairs) + entropy;
}

/**
 * How long a scored fit is, and how far two of them may end apart: the step size is constant, so that q keeps moving. Where it ends is noise of one
 * seed, for W3c with a standard deviation of 60 over eleven contestants; a difference of 300 is three and a half of those of two.
 */
export const scoring: Readonly<Record<string, { readonly steps: number; readonly apart: number }>> = {
  W1: { steps: 1_000, apart: 0.2 },
  W2: { steps: 1_000, apart: 0.3 },
  W3a: { steps: 500, apart: 5 },
  W3b: { steps: 200, apart: 25 },
  W3c: { steps: 100, apart: 300 },
  W4: { steps: 500, apart: 40 },
};

/** Largest difference relative to max(1, |expected|); NaN and unequal lengths count as infinite. */
export function largestDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    const d = Math.abs(got[i]! - want[i]!) / Math.max(1, Math.abs(want[i]!));
    if (!(d <= largest)) largest = Number.isNaN(d) ? Infinity : d;
  }
  return largest;
}
