// Learns a nested map: at each knot along the axis a mean-field Gaussian for everything else, by natural gradients on common draws, from
// the centre outwards, each knot from where its neighbours lead. What comes out beside shifts and scales is, at each knot, a bound
// on the log marginal density of the axis, made nearly tight by its second cumulant (the variance of the log ratios); its normal scores
// are the map along the axis. A knot's step is taken only if it raises the bound on its own draws.

import { exp, log, logTwoPi, normalQuantile } from "../linalg/elementary.js";
import { dotAt } from "../linalg/vector.js";
import type { Run } from "../optim/run.js";
import { Framed } from "./framed.js";
import { lanes } from "./moments.js";
import type { Axis } from "./nested-axis.js";
import { knotWeights, type NestedMap, type Quantile } from "./nested-map.js";
import type { Session } from "./session.js";

const step = 0.5;
/** Nats below the largest marginal density at which the profile ends, and knots at most on either side. */
const depth = 14;
const most = 72;
/** Nats below the largest at which a profile has to be when its knots are used up. */
const improper = 4;
export const mostKnots = 2 * most + 1;
const iterations = 6;
/** Nats that a further iteration must be expected to bring. */
const worthwhile = 0.01;
/** What the second cumulant may add at most, in nats. */
const largestCorrection = 3;

interface Knot {
  readonly shift: Float64Array;
  readonly logScale: Float64Array;
  /** The bound on the log marginal density, up to a constant. */
  readonly bound: number;
  /** Half the variance of the log ratios. */
  readonly correction: number;
}

interface Evaluated {
  readonly bound: number;
  readonly correction: number;
  /** Gradient with respect to the shift, and curvature, in units of the scales. */
  readonly slope: Float64Array;
  readonly curvature: Float64Array;
}

/** Nats that the next step is expected to bring, to second order. */
function expectedGain({ slope, curvature }: Evaluated): number {
  let gain = 0;
  for (let i = 1; i < slope.length; i++) {
    const c = Math.max(curvature[i]!, 1 / 8);
    gain += (0.5 * slope[i]! * slope[i]!) / c + 0.25 * (c - 1) * (c - 1);
  }
  return gain;
}

/** Evaluates mean-field Gaussians for everything beside the axis at one place on it: all on the same normals. */
class Slice {
  readonly #framed: Framed;
  /** [batch][D][lanes] */
  readonly #normals: Float64Array;
  readonly #squares: Float64Array;
  /** Per draw, half the squared norm of its normals beside the axis. */
  readonly #halfNorms: Float64Array;
  readonly #draws: number;

  constructor(
    readonly session: Session,
    mean: Float64Array,
    root: Float64Array,
    /** [draw][D], a multiple of `lanes` draws. */
    normals: Float64Array,
  ) {
    const n = session.dimension;
    const draws = normals.length / n;
    this.#framed = new Framed(session, mean, root);
    this.#draws = draws;
    this.#normals = new Float64Array(draws * n);
    this.#squares = new Float64Array(n);
    this.#halfNorms = new Float64Array(draws);
    for (let d = 0; d < draws; d++)
      for (let i = 1; i < n; i++) {
        const z = normals[d * n + i]!;
        this.#normals[((d - (d % lanes)) / lanes) * n * lanes + i * lanes + (d % lanes)] = z;
        this.#squares[i] = this.#squares[i]! + z * z;
        this.#halfNorms[d] = this.#halfNorms[d]! + 0.5 * z * z;
      }
  }

  /** At `t` on the axis, shifts and log scales [D] of the others (element 0 is not used). */
  *evaluate(t: number, shift: Float64Array, logScale: Float64Array): Run<Evaluated> {
    const { session } = this;
    const n = session.dimension;
    const draws = this.#draws;
    const { program } = session;
    const scale = logScale.map(exp);
    const slope = new Float64Array(n);
    const curvature = new Float64Array(n);
    let bound = 0;
    let mean = 0;
    let square = 0;
    for (let from = 0; from < draws; from += lanes) {
      const z = this.#normals.subarray(from * n, (from + lanes) * n);
      const points = this.#framed.points();
      points.fill(t, 0, lanes);
      for (let i = 1; i < n; i++) {
        const a = shift[i]!;
        const b = scale[i]!;
        for (let k = i * lanes; k < (i + 1) * lanes; k++) points[k] = a + b * z[k]!;
      }
      const g = this.#framed.evaluate();
      const values = program.logDensity();
      for (let s = 0; s < lanes; s++) {
        const value = values[s]!;
        bound += value / draws;
        const ratio = value + this.#halfNorms[from + s]!;
        const a = ratio - mean;
        mean += a / (from + s + 1);
        square += a * (ratio - mean);
      }
      for (let i = 1; i < n; i++) {
        let first = 0;
        let second = 0;
        for (let k = i * lanes; k < (i + 1) * lanes; k++) {
          first += g[k]!;
          second += g[k]! * z[k]!;
        }
        slope[i] = slope[i]! + (first * scale[i]!) / draws;
        curvature[i] = curvature[i]! - (second * scale[i]!) / this.#squares[i]!;
      }
    }
    yield* session.turn("nest");
    let entropy = 0;
    for (let i = 1; i < n; i++) entropy += logScale[i]!;
    // An undefined gradient makes the knot's next step undefined; its bound is refused with it.
    const probe = bound + dotAt(n, slope, 0, slope, 0) + dotAt(n, curvature, 0, curvature, 0);
    return {
      bound: Number.isFinite(probe) ? bound + entropy : Number.NEGATIVE_INFINITY,
      correction: (0.5 * square) / Math.max(1, draws - 1),
      slope,
      curvature,
    };
  }

  dispose(): void {
    this.#framed.dispose();
  }
}

/**
 * Learns the map for an axis through `mean`; `normals` are [draw][D] in mirrored pairs, a multiple of `lanes` of them. Undefined when
 * cancelled or not finite at the centre.
 */
export function* nestedProfile(
  session: Session,
  mean: Float64Array,
  axis: Axis,
  logDeterminant: number,
  normals: Float64Array,
): Run<NestedMap | undefined> {
  const slice = new Slice(session, mean, axis.root, normals);
  try {
    return yield* profile(slice, mean, axis, logDeterminant);
  } finally {
    slice.dispose();
  }
}

function* profile(
  slice: Slice,
  mean: Float64Array,
  { root }: Axis,
  logDeterminant: number,
): Run<NestedMap | undefined> {
  const { session } = slice;
  const n = session.dimension;

  function* climb(t: number, from: Pick<Knot, "shift" | "logScale">): Run<Knot> {
    let { shift, logScale } = from;
    let now = yield* slice.evaluate(t, shift, logScale);
    for (let k = 0; k < 20 && !(now.bound > Number.NEGATIVE_INFINITY) && !session.cancelled; k++) {
      logScale = logScale.map((s) => s - 1);
      now = yield* slice.evaluate(t, shift, logScale);
    }
    for (let k = 0; k < iterations && now.bound > Number.NEGATIVE_INFINITY && !session.cancelled; k++) {
      if (expectedGain(now) < worthwhile) break;
      let gain = 0;
      for (const rho of [1, 0.4, 0.15]) {
        const nextShift = shift.slice();
        const nextScale = logScale.slice();
        for (let i = 1; i < n; i++) {
          // By these bounds a scale grows by at most a factor 3 a step, and a location moves by at most two standard deviations.
          const c = Math.min(Math.max(now.curvature[i]!, 1 / 8), 1e6);
          nextScale[i] = nextScale[i]! - 0.5 * rho * log(c);
          const move = Math.min(Math.max(now.slope[i]! / c, -2), 2);
          nextShift[i] = nextShift[i]! + rho * move * exp(logScale[i]!);
        }
        const next = yield* slice.evaluate(t, nextShift, nextScale);
        if (session.cancelled || next.bound <= now.bound) continue;
        gain = next.bound - now.bound;
        shift = nextShift;
        logScale = nextScale;
        now = next;
        break;
      }
      if (gain < worthwhile) break;
    }
    return { shift, logScale, bound: now.bound, correction: now.correction };
  }

  const zero = new Float64Array(n);
  const centre = yield* climb(0, { shift: zero, logScale: zero });
  if (session.cancelled || !(centre.bound > Number.NEGATIVE_INFINITY)) return undefined;
  let max = centre.bound;
  const sides: Knot[][] = [];
  for (const sign of [-1, 1]) {
    const side = [centre];
    for (let k = 1; k <= most; k++) {
      const a = side[k - 1]!;
      const b = side[k - 2];
      const onward = (key: "shift" | "logScale"): Float64Array =>
        a[key].map((x, i) => (b ? x + Math.min(Math.max(x - b[key][i]!, -step), step) : x));
      const knot = yield* climb(sign * k * step, { shift: onward("shift"), logScale: onward("logScale") });
      if (session.cancelled) return undefined;
      if (!(knot.bound > Number.NEGATIVE_INFINITY)) break;
      side.push(knot);
      max = Math.max(max, knot.bound);
      if (knot.bound < max - depth) break;
    }
    // So far out and hardly lower: the marginal density does not seem to be one.
    if (side.length > most && side[most]!.bound > max - improper) return undefined;
    sides.push(side);
  }
  const all = [...sides[0]!.slice(1).reverse(), ...sides[1]!];
  if (all.length < 3) return undefined;
  const grid = { first: -step * (sides[0]!.length - 1), step, knots: all.length };
  const shift = new Float64Array(all.length * n);
  const logScale = new Float64Array(all.length * n);
  all.forEach((knot, k) => {
    shift.set(knot.shift, k * n);
    logScale.set(knot.logScale, k * n);
  });
  const density = Float64Array.from(all, (knot) => knot.bound - max + Math.min(knot.correction, largestCorrection));
  return { dimension: n, mean, root, logDeterminant, ...grid, shift, logScale, quantile: normalScores(grid, density) };
}

/** Pieces between two knots in the table of normal scores. */
const pieces = 8;
/** The slowest decay of a tail beyond the last knot, per unit of the axis. */
const slowest = 0.3;

/** The quantile function of the density exp(f), f being known at the knots, smooth between them and linear beyond. */
function normalScores(grid: Pick<NestedMap, "first" | "step" | "knots">, f: Float64Array): Quantile {
  const size = (grid.knots - 1) * pieces + 1;
  const h = grid.step / pieces;
  const w = new Float64Array(4);
  const values = Float64Array.from({ length: size }, (_, k) => grid.first + k * h);
  const logDensity = values.map((t) => {
    const row = knotWeights(grid, t, w, new Float64Array(4));
    let s = 0;
    for (let k = 0; k < 4; k++) if (w[k] !== 0) s += w[k]! * f[row + k]!;
    return s;
  });
  // Exact integrals of the exponential of a straight line, piece by piece, from both ends.
  const mass = (a: number, b: number): number =>
    h * (Math.abs(b - a) < 1e-6 ? exp(0.5 * (a + b)) : (exp(b) - exp(a)) / (b - a));
  const last = size - 1;
  const below = new Float64Array(size);
  const above = new Float64Array(size);
  below[0] = exp(logDensity[0]!) / Math.max((logDensity[1]! - logDensity[0]!) / h, slowest);
  above[last] = exp(logDensity[last]!) / Math.max((logDensity[last - 1]! - logDensity[last]!) / h, slowest);
  for (let k = 1; k < size; k++) below[k] = below[k - 1]! + mass(logDensity[k - 1]!, logDensity[k]!);
  for (let k = last; k-- > 0; ) above[k] = above[k + 1]! + mass(logDensity[k]!, logDensity[k + 1]!);
  const total = below[0]! + above[0]!;
  const scores = new Float64Array(size);
  const slopes = new Float64Array(size);
  for (let k = 0; k < size; k++) {
    // Each tail from its own side, so that neither is a difference of nearly equal numbers.
    const y = below[k]! < above[k]! ? normalQuantile(below[k]! / total) : -normalQuantile(above[k]! / total);
    scores[k] = y;
    slopes[k] = total * exp(-0.5 * y * y - 0.5 * logTwoPi - logDensity[k]!);
  }
  return { scores, values, slopes };
}
