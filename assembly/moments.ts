// Moments of gradients at draws from a Gaussian q, for the regressions of src/vi/regression.ts: with e the normals of a draw and
// h = A^T g the gradient in q's coordinates, sums of h, of the squares of its even and odd parts, of (odd part) e^T and of e e^T. Draws
// come in mirrored pairs, e and -e: lane s and lane s + S / 2. The state is that of advi.ts with q as its parameters and no map.

import { adviDraw } from "./advi";
import { Advi, Moments } from "./advi-state";
import { sum, transposeDiagonal, transposeTriangular } from "./family";
import { add, hsum, ld, madd, mul, st, sub } from "./lanes";
import { fillNormals } from "./random";
import { sobol } from "./sobol";
import { evaluate } from "./tape";

// @ts-ignore: decorator
@inline function word(m: usize, at: usize): usize { return <usize>load<u32>(m + at); }

/** Mirrored normals and the program's theta for the state's step to come. */
export function momentsDraw(m: usize): void {
  const state = word(m, Moments.state);
  const dimension = load<i32>(state, Advi.dimension);
  const bytes = <usize>load<i32>(state, Advi.draws) << 3;
  let from = word(m, Moments.half);
  let to = <usize>load<u32>(state, Advi.noise);
  const step = load<u32>(state, Advi.step);
  const pairs = load<i32>(state, Advi.draws) >> 1;
  const directions = word(state, Advi.directions);
  if (directions) {
    const scrambling = load<u32>(state, Advi.scrambling);
    sobol(
      directions, dimension, 0, pairs, (step - scrambling) * pairs, load<u32>(state, Advi.seedLow),
      load<u32>(state, Advi.seedHigh), load<u32>(state, Advi.stream), scrambling, 3, from,
    );
  } else {
    fillNormals(
      load<u32>(state, Advi.seedLow), load<u32>(state, Advi.seedHigh), load<u32>(state, Advi.stream), step, pairs, dimension,
      from, 0, 0,
    );
  }
  const half = bytes >> 1;
  for (let i = 0; i < dimension; i++) {
    for (let s: usize = 0; s < half; s += 16) {
      const e = ld(from + s);
      st(to + s, e);
      st(to + half + s, f64x2.neg(e));
    }
    from += half;
    to += bytes;
  }
  store<u32>(state, load<u32>(state, Advi.step), Advi.noiseFirst);
  adviDraw(state);
}

/** out[i][j] += sum over s of a[i][s] b[j][s], j < (triangle ? i + 1 : n), rows of `out` n long. */
function products(n: i32, bytes: usize, a: usize, b: usize, out: usize, triangle: bool): void {
  for (let i = 0; i < n; i++) {
    const end = triangle ? i + 1 : n;
    let q = b;
    let to = out;
    let j = 0;
    for (; j + 4 <= end; j += 4, q += 4 * bytes, to += 32) {
      let w = mul(ld(a), ld(q));
      let x = mul(ld(a), ld(q + bytes));
      let y = mul(ld(a), ld(q + 2 * bytes));
      let z = mul(ld(a), ld(q + 3 * bytes));
      for (let s: usize = 16; s < bytes; s += 16) {
        const v = ld(a + s);
        w = madd(v, ld(q + s), w);
        x = madd(v, ld(q + bytes + s), x);
        y = madd(v, ld(q + 2 * bytes + s), y);
        z = madd(v, ld(q + 3 * bytes + s), z);
      }
      st(to, add(ld(to), add(v128.shuffle<u64>(w, x, 0, 2), v128.shuffle<u64>(w, x, 1, 3))));
      v128.store(to, add(v128.load(to, 16), add(v128.shuffle<u64>(y, z, 0, 2), v128.shuffle<u64>(y, z, 1, 3))), 16);
    }
    for (; j < end; j++, q += bytes, to += 8) store<f64>(to, load<f64>(to) + product(bytes, a, q));
    a += bytes;
    out += <usize>n << 3;
  }
}

/** Sum over s of a[s] b[s]; `bytes` a multiple of 16. */
function product(bytes: usize, a: usize, b: usize): f64 {
  let w = mul(ld(a), ld(b));
  for (let s: usize = 16; s < bytes; s += 16) w = madd(ld(a + s), ld(b + s), w);
  return hsum(w);
}

/** After `momentsDraw` and an evaluation: adds the draws. False, and nothing added, when something was not finite. */
export function momentsAdd(m: usize): bool {
  const state = word(m, Moments.state);
  const program = <usize>load<u32>(state, Advi.program);
  const n = load<i32>(state, Advi.dimension);
  const draws = load<i32>(state, Advi.draws);
  const bytes = <usize>draws << 3;
  const half = bytes >> 1;
  const scale = <usize>load<u32>(state, Advi.scale);
  const g = <usize>load<u32>(program, 12);
  let h = word(m, Moments.gradient);
  const value = sum(draws, <usize>load<u32>(program, 16));
  if (!(value * 0 + sum(n * draws, g) * 0 == 0)) return false;
  if (load<i32>(state, Advi.family)) {
    const lower = <usize>load<u32>(state, Advi.parameters) + ((<usize>(n + 1) & ~1) << 4);
    transposeTriangular(n, draws, scale, lower, g, h);
  } else transposeDiagonal(n, draws, scale, g, h);
  store<f64>(m, load<f64>(m, Moments.value) + value, Moments.value);
  const sums = word(m, Moments.sums);
  const even = word(m, Moments.evenSquares);
  const odds = word(m, Moments.oddSquares);
  let o = word(m, Moments.odd);
  const p = f64x2.splat(0.5);
  for (let i: usize = 0; i < <usize>n << 3; i += 8) {
    let a = f64x2.splat(0);
    let b = f64x2.splat(0);
    let c = f64x2.splat(0);
    for (let s: usize = 0; s < half; s += 16) {
      const x = ld(h + s);
      const y = ld(h + half + s);
      const v = mul(p, add(x, y));
      const w = mul(p, sub(x, y));
      st(o + s, w);
      a = add(a, v);
      b = madd(v, v, b);
      c = madd(w, w, c);
    }
    store<f64>(sums + i, load<f64>(sums + i) + hsum(a));
    store<f64>(even + i, load<f64>(even + i) + hsum(b));
    store<f64>(odds + i, load<f64>(odds + i) + hsum(c));
    h += bytes;
    o += half;
  }
  o = word(m, Moments.odd);
  let e = word(m, Moments.half);
  const cross = word(m, Moments.cross);
  const gram = word(m, Moments.gram);
  if (load<i32>(m, Moments.full)) {
    products(n, half, o, e, cross, false);
    products(n, half, e, e, gram, true);
  } else {
    for (let i: usize = 0; i < <usize>n << 3; i += 8) {
      store<f64>(cross + i, load<f64>(cross + i) + product(half, o, e));
      store<f64>(gram + i, load<f64>(gram + i) + product(half, e, e));
      o += half;
      e += half;
    }
  }
  store<u32>(state, load<u32>(state, Advi.step) + 1, Advi.step);
  return true;
}

/** Up to `steps` batches of draws; how many were added (fewer when something was not finite). */
export function momentsRun(m: usize, steps: i32): i32 {
  const program = <usize>load<u32>(word(m, Moments.state), Advi.program);
  for (let k = 0; k < steps; k++) {
    momentsDraw(m);
    evaluate(program);
    if (!momentsAdd(m)) return k;
  }
  return steps;
}
