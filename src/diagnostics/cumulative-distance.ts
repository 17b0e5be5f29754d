// The cumulative Jensen-Shannon distance of two distributions on the same draws (Nguyen & Vreeken 2015; as normalised by Kallioinen,
// Paananen, Bürkner & Vehtari 2024, Stat. Comput. 34): between their distribution functions, so that neither densities nor bins are needed.

import { log } from "../linalg/elementary.js";

/** In [0, 1], for draws with weights that sum to 1, and others; the larger of the distances of x and of −x, which differ. */
export function cumulativeDistance(x: Float64Array, p: Float64Array, q: Float64Array): number {
  const order = Array.from(x.keys()).sort((a, b) => x[a]! - x[b]! || a - b);
  return Math.max(oneSided(x, p, q, order, 1), oneSided(x, p, q, order.reverse(), -1));
}

function oneSided(x: Float64Array, p: Float64Array, q: Float64Array, order: readonly number[], sign: number): number {
  let P = 0;
  let Q = 0;
  let divergence = 0;
  let size = 0;
  for (let k = 0; k + 1 < order.length; k++) {
    const i = order[k]!;
    P += p[i]!;
    Q += q[i]!;
    const width = sign * (x[order[k + 1]!]! - x[i]!);
    // P log P/M + Q log Q/M, with M their mean: the linear terms of the two directions cancel.
    const middle = 0.5 * (P + Q);
    if (P > 0) divergence += width * P * log(P / middle);
    if (Q > 0) divergence += width * Q * log(Q / middle);
    size += width * (P + Q);
  }
  return size > 0 ? Math.sqrt(Math.max(0, divergence) / (Math.LN2 * size)) : 0;
}
