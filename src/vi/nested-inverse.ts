// The way back through a nested map (nested-map.ts): from theta to the coordinates y it came from, which the density of a nested
// Gaussian at any point needs.

import { exp, log } from "../linalg/elementary.js";
import { orthonormalise } from "../linalg/qr.js";
import { dotAt } from "../linalg/vector.js";
import { knotWeights, type NestedMap, type Quantile, quantileAt } from "./nested-map.js";

/** y with quantile(y) = t: its piece by bisection, there by Newton's method held to the piece. */
function scoreAt(q: Quantile, t: number, out: Float64Array): number {
  const { scores, values, slopes } = q;
  const last = scores.length - 1;
  for (const end of [0, last])
    if (end ? t >= values[last]! : t <= values[0]!) return scores[end]! + (t - values[end]!) / slopes[end]!;
  let from = 0;
  let to = last;
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    if (values[middle]! <= t) from = middle;
    else to = middle;
  }
  let low = scores[from]!;
  let high = scores[to]!;
  let y = low + ((high - low) * (t - values[from]!)) / (values[to]! - values[from]!);
  for (let k = 0; k < 60; k++) {
    quantileAt(q, y, out);
    const excess = out[0]! - t;
    if (excess > 0) high = y;
    else low = y;
    const newton = y - excess / out[1]!;
    const next = newton > low && newton < high ? newton : 0.5 * (low + high);
    if (Math.abs(next - y) <= 2e-16 * (1 + Math.abs(y))) return next;
    y = next;
  }
  return y;
}

/** y of `draws` points theta [draw][D]; the log Jacobian determinants of the way from y to theta are added to `logJacobian`. */
export function invertNested(
  map: NestedMap,
  draws: number,
  theta: Float64Array,
  logJacobian: Float64Array,
): Float64Array {
  const { dimension: n, mean, root, shift, logScale, knots } = map;
  // root = Q R, by columns.
  const columns = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) columns[j * n + i] = root[i * n + j]!;
  const r = new Float64Array(n * n);
  orthonormalise(columns, n, n, r);
  const v = new Float64Array(n);
  const x = new Float64Array(n);
  const axis = new Float64Array(3);
  const w = new Float64Array(4);
  const slope = new Float64Array(4);
  const y = new Float64Array(draws * n);
  for (let d = 0; d < draws; d++) {
    const at = d * n;
    for (let i = 0; i < n; i++) x[i] = theta[at + i]! - mean[i]!;
    for (let i = 0; i < n; i++) v[i] = dotAt(n, columns, i * n, x, 0);
    for (let i = n - 1; i >= 0; i--) {
      let s = v[i]!;
      for (let j = i + 1; j < n; j++) s -= r[i * n + j]! * v[j]!;
      v[i] = s / r[i * n + i]!;
    }
    const t = v[0]!;
    y[at] = scoreAt(map.quantile, t, axis);
    quantileAt(map.quantile, y[at]!, axis);
    let jacobian = map.logDeterminant + log(axis[1]!);
    const row = knotWeights(map, t, w, slope);
    for (let i = 1; i < n; i++) {
      let s = 0;
      let a = 0;
      for (let k = 0; k < 4; k++) {
        // Rows beyond the ends have weight 0.
        const from = Math.min(Math.max(row + k, 0), knots - 1) * n + i;
        s += w[k]! * logScale[from]!;
        a += w[k]! * shift[from]!;
      }
      jacobian += s;
      y[at + i] = (v[i]! - a) / exp(s);
    }
    logJacobian[d] = logJacobian[d]! + jacobian;
  }
  return y;
}
