// Draws that reach farther than the approximation they come from: defensive importance sampling (Hesterberg 1995, Technometrics 37; Owen &
// Zhou 2000). Posteriors mostly have longer tails than Gaussians, and ratios to a proposal with short tails have none that can be
// estimated; one draw in four, moved outwards, bounds them. All draws are weighted by the density of the mixture, so nothing is biased.

import { log, logSumExp } from "../linalg/elementary.js";

/** Every so many draws one is moved. */
const every = 4;

export interface Widened {
  /** [draw × dimension] */
  readonly points: Float64Array;
  /** Log density of what the points are drawn from, at any points. */
  logProposal(points: Float64Array): Float64Array;
}

/**
 * Moves one draw in four away from the mean by the factor 1 + 1/√dimension: by about one standard deviation in the length of the draw,
 * whatever the dimension. `logApproximation` is the log density of the draws at any points.
 */
export function widen(
  draws: Float64Array,
  dimension: number,
  logApproximation: (points: Float64Array) => Float64Array,
): Widened {
  const n = dimension;
  const count = draws.length / n;
  const factor = 1 + 1 / Math.sqrt(n);
  const mean = new Float64Array(n);
  for (let d = 0; d < count; d++) for (let i = 0; i < n; i++) mean[i]! += draws[d * n + i]! / count;
  const scaled = (points: Float64Array, by: number, stride: number): Float64Array => {
    const out = points.slice();
    for (let d = stride - 1; d < points.length / n; d += stride)
      for (let i = 0; i < n; i++) out[d * n + i] = mean[i]! + by * (points[d * n + i]! - mean[i]!);
    return out;
  };
  const share = Math.floor(count / every) / count;
  const stretched = log(share) - n * log(factor);
  const stayed = log(1 - share);
  const pair = new Float64Array(2);
  return {
    points: scaled(draws, factor, every),
    logProposal(points) {
      const at = logApproximation(points);
      if (share === 0) return at;
      const origin = logApproximation(scaled(points, 1 / factor, 1));
      return at.map((a, d) => {
        pair[0] = a + stayed;
        pair[1] = origin[d]! + stretched;
        return logSumExp(pair);
      });
    },
  };
}
