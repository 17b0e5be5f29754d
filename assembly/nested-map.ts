// Nested Gaussians (src/vi/nested-map.ts): draws of the innermost coordinates seen through one map, and gradients on their way back. A
// program whose header names a map evaluates another program between the two. Arrays of draws are [coordinate][draw]; the number of
// draws is 1 or even. The invariant: a draw has the same bits whatever their number. Layout of a map's state below.

import { dot } from "./family";
import { add, ld, lds, madd, mul, splat, st } from "./lanes";
import { exp, log } from "./math";
import { NestedState } from "./nested-state";

// @ts-ignore: decorator
@inline function word(m: usize, at: usize): usize { return <usize>load<u32>(m + at); }
// @ts-ignore: decorator
@inline function zero(): v128 { return i64x2(0, 0); }

/** out = centre + M in, M [n][n] row by row; a centre at address 0 is none. Sums run in four parts by column modulo 4. */
export function affine(n: i32, draws: i32, centre: usize, matrix: usize, input: usize, out: usize): void {
  const bytes = <usize>draws << 3;
  for (let i = 0; i < n; i++) {
    const m = centre ? lds(centre + (<usize>i << 3)) : zero();
    if (draws == 1) {
      v128.store64_lane(out, add(splat(dot(n, matrix, input)), m), 0);
    } else {
      for (let s: usize = 0; s < bytes; s += 16) {
        let a = zero();
        let b = zero();
        let c = zero();
        let d = zero();
        let e = input + s;
        let p = matrix;
        let j = 0;
        for (; j + 4 <= n; j += 4, p += 32) {
          a = madd(lds(p), ld(e), a);
          e += bytes;
          b = madd(v128.load64_splat(p, 8), ld(e), b);
          e += bytes;
          c = madd(v128.load64_splat(p, 16), ld(e), c);
          e += bytes;
          d = madd(v128.load64_splat(p, 24), ld(e), d);
          e += bytes;
        }
        if (j < n) a = madd(lds(p), ld(e), a);
        if (j + 1 < n) b = madd(v128.load64_splat(p, 8), ld(e + bytes), b);
        if (j + 2 < n) c = madd(v128.load64_splat(p, 16), ld(e + 2 * bytes), c);
        st(out + s, add(add(add(a, c), add(b, d)), m));
      }
    }
    matrix += <usize>n << 3;
    out += bytes;
  }
}

let value: f64 = 0;
let slope: f64 = 0;
let curvature: f64 = 0;

/** Sets value, slope and curvature of the quantile function at y: cubic Hermite pieces, straight beyond the ends. */
function quantile(m: usize, y: f64): void {
  const last = word(m, NestedState.pieces);
  const scores = word(m, NestedState.scores), values = word(m, NestedState.values), slopes = word(m, NestedState.slopes);
  let low: usize = 0;
  let high = last;
  if (!(y > load<f64>(scores)) || y >= load<f64>(scores + (last << 3))) {
    const end = y >= load<f64>(scores + (last << 3)) ? last << 3 : 0;
    slope = load<f64>(slopes + end);
    value = load<f64>(values + end) + slope * (y - load<f64>(scores + end));
    curvature = 0.0;
    return;
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (load<f64>(scores + (middle << 3)) <= y) low = middle;
    else high = middle;
  }
  const from = low << 3;
  const h = load<f64>(scores + from, 8) - load<f64>(scores + from);
  const u = (y - load<f64>(scores + from)) / h;
  const rise = load<f64>(values + from, 8) - load<f64>(values + from);
  const a = load<f64>(slopes + from) * h, b = load<f64>(slopes + from, 8) * h;
  const c2 = 3.0 * rise - 2.0 * a - b, c3 = a + b - 2.0 * rise;
  value = load<f64>(values + from) + u * (a + u * (c2 + u * c3));
  slope = (a + u * (2.0 * c2 + 3.0 * u * c3)) / h;
  curvature = (2.0 * c2 + 6.0 * u * c3) / (h * h);
}

/** Weights of four knots and their derivatives. */
const weights = memory.data(64, 16);

/** Sets the weights at t; the first of the four knots, which may be -1 (its weight is then 0), as may the last be beyond the end. */
function knotWeights(m: usize, t: f64): i32 {
  const last = load<i32>(m, NestedState.knots) - 1;
  const step = load<f64>(m, NestedState.step);
  const place = (t - load<f64>(m, NestedState.first)) / step;
  const w = weights;
  memory.fill(w, 0, 64);
  // NaN is at the left end as well as anywhere.
  const beyond = !(place > 0.0) ? -1 : place >= <f64>last ? last - 2 : last;
  if (beyond < last) {
    const u = beyond < 0 ? place : place - <f64>(last - 1);
    store<f64>(w, 1.0 - u, 8);
    store<f64>(w, u, 16);
    store<f64>(w, -1.0 / step, 40);
    store<f64>(w, 1.0 / step, 48);
    return beyond;
  }
  const left = <i32>place;
  const u = place - <f64>left, u2 = u * u, u3 = u2 * u;
  const rise = 3.0 * u2 - 2.0 * u3, dRise = (6.0 * u - 6.0 * u2) / step;
  // Tangents: half the difference of the neighbours, or the whole of a step at an end.
  const f = u - 2.0 * u2 + u3, df = (1.0 - 4.0 * u + 3.0 * u2) / step;
  const g = u3 - u2, dg = (3.0 * u2 - 2.0 * u) / step;
  const p = left > 0 ? 0.5 : 1.0, q = left < last - 1 ? 0.5 : 1.0;
  const before: usize = left > 0 ? 0 : 8, after: usize = left < last - 1 ? 24 : 16;
  store<f64>(w, 1.0 - rise, 8);
  store<f64>(w, rise, 16);
  store<f64>(w, -dRise, 40);
  store<f64>(w, dRise, 48);
  plus(w + before, -p * f, -p * df);
  plus(w + 16, p * f, p * df);
  plus(w + 8, -q * g, -q * dg);
  plus(w + after, q * g, q * dg);
  return left - 1;
}

// @ts-ignore: decorator
@inline function plus(w: usize, weight: f64, derivative: f64): void {
  store<f64>(w, load<f64>(w) + weight);
  store<f64>(w, load<f64>(w, 32) + derivative, 32);
}

/** Offsets of the rows of the four knots in a table [knot][D]. */
let r0: usize = 0, r1: usize = 0, r2: usize = 0, r3: usize = 0;

/** Weights of two columns at `table` go to two rows of draws, the second only if there is one. */
function blend(table: usize, w: usize, to: usize, bytes: usize, both: bool): void {
  const v = add(
    madd(lds(w), ld(table + r0), mul(v128.load64_splat(w, 8), ld(table + r1))),
    madd(v128.load64_splat(w, 16), ld(table + r2), mul(v128.load64_splat(w, 24), ld(table + r3))),
  );
  v128.store64_lane(to, v, 0);
  if (both) v128.store64_lane(to + bytes, v, 1);
}

/** Points of the inner program from those of the outer one; the state keeps what the way back needs. */
export function nestedForward(m: usize, outer: usize): void {
  const n = load<i32>(m, NestedState.dimension), draws = load<i32>(m, NestedState.draws);
  const bytes = <usize>draws << 3;
  const y = word(outer, 8), theta = word(word(m, NestedState.inner), 8);
  const shift = word(m, NestedState.shift), logScale = word(m, NestedState.logScale);
  const scale = word(m, NestedState.scale), v = word(m, NestedState.work), along = word(m, NestedState.along);
  const shiftSlope = word(m, NestedState.shiftSlope), scaleSlope = word(m, NestedState.scaleSlope);
  const last = load<i32>(m, NestedState.knots) - 1;
  // Rows of an even number of doubles.
  const row = <usize>(n + (n & 1)) << 3;
  for (let s: usize = 0; s < bytes; s += 8) {
    quantile(m, load<f64>(y + s));
    const first = knotWeights(m, value);
    store<f64>(along + s, slope);
    store<f64>(along + bytes + s, curvature);
    r0 = <usize>max(first, 0) * row;
    r1 = <usize>(first + 1) * row;
    r2 = <usize>(first + 2) * row;
    r3 = <usize>min(first + 3, last) * row;
    for (let i = 0; i < n; i += 2) {
      const at = <usize>i << 3, to = <usize>i * bytes + s;
      const both = i + 1 < n;
      blend(logScale + at, weights, scale + to, bytes, both);
      blend(logScale + at, weights + 32, scaleSlope + to, bytes, both);
      blend(shift + at, weights, v + to, bytes, both);
      blend(shift + at, weights + 32, shiftSlope + to, bytes, both);
    }
    store<f64>(v + s, value);
  }
  // Whole vectors from here on; with one draw the spare double behind an odd array comes to no harm.
  const jacobian = along + 2 * bytes;
  if (draws == 1) {
    let sum = 0.0;
    for (let i = 1; i < n; i++) sum += load<f64>(scale + (<usize>i << 3));
    store<f64>(jacobian, sum + (f64x2.extract_lane(log(lds(along)), 0) + load<f64>(m, NestedState.logDeterminant)));
    for (let at: usize = 8; at < <usize>n << 3; at += 8) {
      const e = exp(lds(scale + at));
      v128.store64_lane(scale + at, e, 0);
      v128.store64_lane(v + at, madd(e, lds(y + at), lds(v + at)), 0);
    }
  } else {
    for (let s: usize = 0; s < bytes; s += 16) {
      let sum = zero();
      for (let at = bytes + s; at < <usize>n * bytes; at += bytes) {
        const ls = ld(scale + at);
        sum = add(sum, ls);
        const e = exp(ls);
        st(scale + at, e);
        st(v + at, madd(e, ld(y + at), ld(v + at)));
      }
      st(jacobian + s, add(sum, add(log(ld(along + s)), lds(m + NestedState.logDeterminant))));
    }
  }
  affine(n, draws, word(m, NestedState.mean), word(m, NestedState.root), v, theta);
}

/** Log densities and gradients of the outer program from those of the inner one, after `nestedForward` and an evaluation. */
export function nestedBackward(m: usize, outer: usize): void {
  const n = load<i32>(m, NestedState.dimension), draws = load<i32>(m, NestedState.draws);
  const bytes = <usize>draws << 3;
  const inner = word(m, NestedState.inner);
  const y = word(outer, 8), out = word(outer, 12), density = word(outer, 16);
  const g = word(m, NestedState.work), scale = word(m, NestedState.scale), axis = word(m, NestedState.along);
  const shiftSlope = word(m, NestedState.shiftSlope), scaleSlope = word(m, NestedState.scaleSlope);
  affine(n, draws, 0, word(m, NestedState.transposed), word(inner, 12), g);
  const innerDensity = word(inner, 16), jacobian = axis + 2 * bytes;
  const one = splat(1);
  // A single draw is done in both lanes.
  for (let s: usize = 0; s < bytes; s += 16) {
    let along = draws == 1 ? lds(g) : ld(g + s);
    for (let at = bytes + s; at < <usize>n * bytes; at += bytes) {
      const single = draws == 1;
      const gi = single ? lds(g + at) : ld(g + at);
      const h = mul(gi, single ? lds(scale + at) : ld(scale + at));
      along = madd(gi, single ? lds(shiftSlope + at) : ld(shiftSlope + at), along);
      along = madd(
        madd(h, single ? lds(y + at) : ld(y + at), one),
        single ? lds(scaleSlope + at) : ld(scaleSlope + at),
        along,
      );
      if (single) v128.store64_lane(out + at, h, 0);
      else st(out + at, h);
    }
    const first = draws == 1 ? lds(axis) : ld(axis + s);
    const second = draws == 1 ? lds(axis + bytes) : ld(axis + bytes + s);
    const g0 = add(mul(along, first), f64x2.div(second, first));
    if (draws == 1) {
      v128.store64_lane(out, g0, 0);
      store<f64>(density, load<f64>(innerDensity) + load<f64>(jacobian));
    } else {
      st(out + s, g0);
      st(density + s, add(ld(innerDensity + s), ld(jacobian + s)));
    }
  }
}
