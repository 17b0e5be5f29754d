// A bijection that makes one direction of the space special: along it anything may vary, and given it everything else is shifted and
// scaled. In coordinates y: t = quantile(y_0), v_i = shift_i(t) + exp(logScale_i(t)) y_i, theta = mean + root (t, v_1, …). Of a standard
// normal it makes q(t) Π q(v_i | t): the shape of posteriors with a scale of their own among the unknowns, funnels included. The family
// of integrated nested Laplace approximations (Rue, Martino & Chopin 2009), fitted as a variational one. Points and gradients go through
// it in the core (nested-program.ts); what is here serves learning a map and going back through it.

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
  const atLeft = left > 0;
  const atRight = left < last - 1;
  tangent(w, slope, u - 2 * u2 + u3, (1 - 4 * u + 3 * u2) / grid.step, atLeft ? 0 : 1, 2, atLeft ? 0.5 : 1);
  tangent(w, slope, u3 - u2, (3 * u2 - 2 * u) / grid.step, 1, atRight ? 3 : 2, atRight ? 0.5 : 1);
  return left - 1;
}

/** Adds f times a share of (value at knot `to` - value at knot `from`), and the derivative of that. */
function tangent(
  w: Float64Array,
  slope: Float64Array,
  f: number,
  df: number,
  from: number,
  to: number,
  share: number,
): void {
  w[from] = w[from]! - share * f;
  w[to] = w[to]! + share * f;
  slope[from] = slope[from]! - share * df;
  slope[to] = slope[to]! + share * df;
}
