// A bijection that makes one direction of the space special: along it anything may vary, and given it everything else is shifted and
// scaled. In coordinates y: t = quantile(y_0), v_i = shift_i(t) + exp(logScale_i(t)) y_i, theta = mean + root (t, v_1, …). Of a standard
// normal it makes q(t) Π q(v_i | t): the shape of posteriors with a scale of their own among the unknowns, funnels included. The family
// of integrated nested Laplace approximations (Rue, Martino & Chopin 2009), fitted as a variational one.

import { exp, log } from "../linalg/elementary.js";
import { dotAt } from "../linalg/vector.js";

/** An increasing function by cubic Hermite pieces, straight beyond its ends. */
export interface Quantile {
  /** Standard normal scores, increasing; where they lead to; the slopes there. */
  readonly scores: Float64Array;
  readonly values: Float64Array;
  readonly slopes: Float64Array;
}

export interface NestedMap {
  readonly dimension: number;
  readonly mean: Float64Array;
  /** [D][D]; column 0 is the axis. */
  readonly root: Float64Array;
  /** log |det root|. */
  readonly logDeterminant: number;
  /** Equidistant knots on the axis. */
  readonly first: number;
  readonly step: number;
  readonly knots: number;
  /** [knot][D]; column 0 is not used. */
  readonly shift: Float64Array;
  readonly logScale: Float64Array;
  readonly quantile: Quantile;
}

/** Writes the value and the first two derivatives of a quantile function at `y`. */
export function quantileAt(q: Quantile, y: number, out: Float64Array): void {
  const { scores, values, slopes } = q;
  const last = scores.length - 1;
  const end = y <= scores[0]! ? 0 : y >= scores[last]! ? last : -1;
  if (end >= 0) {
    out[0] = values[end]! + slopes[end]! * (y - scores[end]!);
    out[1] = slopes[end]!;
    out[2] = 0;
    return;
  }
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (scores[middle]! <= y) low = middle;
    else high = middle;
  }
  const h = scores[high]! - scores[low]!;
  const u = (y - scores[low]!) / h;
  const rise = values[high]! - values[low]!;
  const a = slopes[low]! * h;
  const b = slopes[high]! * h;
  const c2 = 3 * rise - 2 * a - b;
  const c3 = a + b - 2 * rise;
  out[0] = values[low]! + u * (a + u * (c2 + u * c3));
  out[1] = (a + u * (2 * c2 + 3 * u * c3)) / h;
  out[2] = (2 * c2 + 6 * u * c3) / (h * h);
}

/**
 * Weights of the four knots around `t`, and their derivatives, for cubic Hermite interpolation with central differences as slopes;
 * beyond the ends it goes straight on. Returns the number of the first of the four, which may be -1 (its weight is then 0).
 */
export function knotWeights(
  grid: Pick<NestedMap, "first" | "step" | "knots">,
  t: number,
  w: Float64Array,
  slope: Float64Array,
): number {
  const last = grid.knots - 1;
  const place = (t - grid.first) / grid.step;
  const left = Math.min(Math.max(Math.floor(place), 0), last - 1);
  const u = place - left;
  w.fill(0);
  slope.fill(0);
  if (place <= 0 || place >= last) {
    w[1] = 1 - u;
    w[2] = u;
    slope[1] = -1 / grid.step;
    slope[2] = 1 / grid.step;
    return left - 1;
  }
  const u2 = u * u;
  const u3 = u2 * u;
  const value = 3 * u2 - 2 * u3;
  const dValue = (6 * u - 6 * u2) / grid.step;
  w[1] = 1 - value;
  w[2] = value;
  slope[1] = -dValue;
  slope[2] = dValue;
  // The slope at the left knot, then that at the right one: half the difference of the neighbours, or the whole of a step at an end.
  const tangent = (f: number, df: number, from: number, to: number, share: number): void => {
    w[from] = w[from]! - share * f;
    w[to] = w[to]! + share * f;
    slope[from] = slope[from]! - share * df;
    slope[to] = slope[to]! + share * df;
  };
  const atLeft = left > 0;
  tangent(u - 2 * u2 + u3, (1 - 4 * u + 3 * u2) / grid.step, atLeft ? 0 : 1, 2, atLeft ? 0.5 : 1);
  const atRight = left < last - 1;
  tangent(u3 - u2, (3 * u2 - 2 * u) / grid.step, 1, atRight ? 3 : 2, atRight ? 0.5 : 1);
  return left - 1;
}

/** What the pull-back of gradients needs of the way forward, per draw. */
export interface Tape {
  /** exp(logScale), and the derivatives of shift and logScale along the axis: [draw][D]. */
  readonly scale: Float64Array;
  readonly shiftSlope: Float64Array;
  readonly scaleSlope: Float64Array;
  /** First and second derivative of the quantile function: [draw][2]. */
  readonly axis: Float64Array;
}

/** theta of `draws` points y [draw][D], and the log Jacobian determinants; `tape`, when given, is filled. */
export function applyNested(
  map: NestedMap,
  draws: number,
  y: Float64Array,
  theta: Float64Array,
  logJacobian: Float64Array,
  tape?: Tape,
): void {
  const { dimension: n, mean, root, shift, logScale, knots } = map;
  const v = new Float64Array(n);
  const axis = new Float64Array(3);
  const w = new Float64Array(4);
  const slope = new Float64Array(4);
  for (let d = 0; d < draws; d++) {
    const at = d * n;
    quantileAt(map.quantile, y[at]!, axis);
    v[0] = axis[0]!;
    let jacobian = map.logDeterminant + log(axis[1]!);
    const row = knotWeights(map, axis[0]!, w, slope);
    // Rows beyond the ends have weight 0; any row serves for them.
    const r0 = Math.max(row, 0) * n;
    const r1 = (row + 1) * n;
    const r2 = (row + 2) * n;
    const r3 = Math.min(row + 3, knots - 1) * n;
    const [w0, w1, w2, w3] = [w[0]!, w[1]!, w[2]!, w[3]!];
    for (let i = 1; i < n; i++) {
      const s = w0 * logScale[r0 + i]! + w1 * logScale[r1 + i]! + (w2 * logScale[r2 + i]! + w3 * logScale[r3 + i]!);
      const a = w0 * shift[r0 + i]! + w1 * shift[r1 + i]! + (w2 * shift[r2 + i]! + w3 * shift[r3 + i]!);
      const e = exp(s);
      jacobian += s;
      v[i] = a + e * y[at + i]!;
      if (tape) tape.scale[at + i] = e;
    }
    if (tape) {
      const [d0, d1, d2, d3] = [slope[0]!, slope[1]!, slope[2]!, slope[3]!];
      for (let i = 1; i < n; i++) {
        tape.shiftSlope[at + i] =
          d0 * shift[r0 + i]! + d1 * shift[r1 + i]! + (d2 * shift[r2 + i]! + d3 * shift[r3 + i]!);
        tape.scaleSlope[at + i] =
          d0 * logScale[r0 + i]! + d1 * logScale[r1 + i]! + (d2 * logScale[r2 + i]! + d3 * logScale[r3 + i]!);
      }
      tape.axis[2 * d] = axis[1]!;
      tape.axis[2 * d + 1] = axis[2]!;
    }
    logJacobian[d] = jacobian;
    for (let i = 0; i < n; i++) theta[at + i] = mean[i]! + dotAt(n, root, i * n, v, 0);
  }
}

/** Points [draw][D] of the innermost coordinates seen through maps, the last first. */
export function throughMaps(maps: readonly NestedMap[], draws: number, points: Float64Array): Float64Array {
  let theta = points;
  for (let k = maps.length - 1; k >= 0; k--) {
    const next = new Float64Array(theta.length);
    applyNested(maps[k]!, draws, theta, next, new Float64Array(draws));
    theta = next;
  }
  return theta;
}

/** Gradients of log density + log Jacobian in y from those of the log density in theta [draw][D]; `out` may be `gradients`. */
export function pullBackNested(
  map: NestedMap,
  draws: number,
  y: Float64Array,
  gradients: Float64Array,
  tape: Tape,
  out: Float64Array,
  transposed: Float64Array,
): void {
  const n = map.dimension;
  const g = new Float64Array(n);
  for (let d = 0; d < draws; d++) {
    const at = d * n;
    for (let i = 0; i < n; i++) g[i] = dotAt(n, transposed, i * n, gradients, at);
    let along = g[0]!;
    for (let i = 1; i < n; i++) {
      const k = at + i;
      const h = g[i]! * tape.scale[k]!;
      out[k] = h;
      along += g[i]! * tape.shiftSlope[k]! + (h * y[k]! + 1) * tape.scaleSlope[k]!;
    }
    out[at] = along * tape.axis[2 * d]! + tape.axis[2 * d + 1]! / tape.axis[2 * d]!;
  }
}
