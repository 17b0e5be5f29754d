// Gaussian families: reparameterised draws and the pull-back of gradients (Kucukelbir et al. 2017), mean-field and full-rank, and
// the affine maps between an optimiser's coordinates and a model's. Arrays of draws are [coordinate][draw]; the number of draws
// is 1 or even. A lower triangle is its diagonal [D] apart from its strict rows, packed: row i starts at i (i - 1) / 2.
// The invariant: draw s has the same bits whatever the number of draws (sums over coordinates have one order).

import { add, div, hsum, ld, lds, madd, mul, nmadd, splat, st } from "./lanes";

/** Address of strict row i. */
// @ts-ignore: decorator
@inline function rowAt(lower: usize, i: i32): usize { return lower + <usize>((i * (i - 1)) << 2); }
// @ts-ignore: decorator
@inline function last(p: usize): v128 { return v128.load64_zero(p); }
// @ts-ignore: decorator
@inline function zero(): v128 { return i64x2(0, 0); }

/** out = centre + scale * in, coordinate by coordinate. */
export function mapDiagonal(dimension: i32, draws: i32, centre: usize, scale: usize, input: usize, out: usize): void {
  if (draws == 1) {
    const end = (<usize>(dimension + 1) >> 1) << 4;
    for (let i: usize = 0; i < end; i += 16) st(out + i, madd(ld(scale + i), ld(input + i), ld(centre + i)));
    return;
  }
  const bytes = <usize>draws << 3;
  const end = input + <usize>dimension * bytes;
  while (input < end) {
    const m = lds(centre);
    const d = lds(scale);
    for (let s: usize = 0; s < bytes; s += 16) st(out + s, madd(d, ld(input + s), m));
    centre += 8;
    scale += 8;
    input += bytes;
    out += bytes;
  }
}

/** Sum of row[j] in[j] over j < n, in four partial sums by j modulo 4, for one draw. */
// @ts-ignore: decorator
@inline export function dot(n: i32, row: usize, input: usize): f64 {
  let a = zero();
  let b = zero();
  const whole = (<usize>n >> 2) << 5;
  let j: usize = 0;
  for (; j < whole; j += 32) {
    a = madd(ld(row + j), ld(input + j), a);
    b = madd(v128.load(row + j, 16), v128.load(input + j, 16), b);
  }
  if (n & 2) {
    a = madd(ld(row + j), ld(input + j), a);
    if (n & 1) b = madd(v128.load64_zero(row + j, 16), v128.load64_zero(input + j, 16), b);
  } else if (n & 1) a = madd(last(row + j), last(input + j), a);
  return hsum(add(a, b));
}

/** out = centre + (diagonal + strict lower triangle) in. */
export function mapTriangular(
  dimension: i32, draws: i32, centre: usize, diagonal: usize, lower: usize, input: usize, out: usize,
): void {
  const bytes = <usize>draws << 3;
  let row = lower;
  for (let i = 0; i < dimension; i++) {
    const at = <usize>i << 3;
    const own = input + <usize>i * bytes;
    const to = out + <usize>i * bytes;
    if (draws == 1) {
      const s = dot(i, row, input);
      // The same operations as in the lanes below, fused or not.
      const sum = add(splat(s), madd(lds(diagonal + at), lds(own), lds(centre + at)));
      v128.store64_lane(to, sum, 0);
    } else {
      const d = lds(diagonal + at);
      const m = lds(centre + at);
      let s: usize = 0;
      for (; s + 32 <= bytes; s += 32) {
        let a0 = zero();
        let a1 = zero();
        let a2 = zero();
        let a3 = zero();
        let b0 = zero();
        let b1 = zero();
        let b2 = zero();
        let b3 = zero();
        let e = input + s;
        let p = row;
        let j = 0;
        for (; j + 4 <= i; j += 4, p += 32) {
          let l = lds(p);
          a0 = madd(l, ld(e), a0);
          b0 = madd(l, v128.load(e, 16), b0);
          e += bytes;
          l = v128.load64_splat(p, 8);
          a1 = madd(l, ld(e), a1);
          b1 = madd(l, v128.load(e, 16), b1);
          e += bytes;
          l = v128.load64_splat(p, 16);
          a2 = madd(l, ld(e), a2);
          b2 = madd(l, v128.load(e, 16), b2);
          e += bytes;
          l = v128.load64_splat(p, 24);
          a3 = madd(l, ld(e), a3);
          b3 = madd(l, v128.load(e, 16), b3);
          e += bytes;
        }
        if (j < i) {
          const l = lds(p);
          a0 = madd(l, ld(e), a0);
          b0 = madd(l, v128.load(e, 16), b0);
        }
        if (j + 1 < i) {
          const l = v128.load64_splat(p, 8);
          a1 = madd(l, ld(e + bytes), a1);
          b1 = madd(l, v128.load(e + bytes, 16), b1);
        }
        if (j + 2 < i) {
          const l = v128.load64_splat(p, 16);
          a2 = madd(l, ld(e + 2 * bytes), a2);
          b2 = madd(l, v128.load(e + 2 * bytes, 16), b2);
        }
        st(to + s, add(add(add(a0, a2), add(a1, a3)), madd(d, ld(own + s), m)));
        v128.store(to + s, add(add(add(b0, b2), add(b1, b3)), madd(d, v128.load(own + s, 16), m)), 16);
      }
      if (s < bytes) {
        let a0 = zero();
        let a1 = zero();
        let a2 = zero();
        let a3 = zero();
        let e = input + s;
        let p = row;
        let j = 0;
        for (; j + 4 <= i; j += 4, p += 32, e += 4 * bytes) {
          a0 = madd(lds(p), ld(e), a0);
          a1 = madd(v128.load64_splat(p, 8), ld(e + bytes), a1);
          a2 = madd(v128.load64_splat(p, 16), ld(e + 2 * bytes), a2);
          a3 = madd(v128.load64_splat(p, 24), ld(e + 3 * bytes), a3);
        }
        if (j < i) a0 = madd(lds(p), ld(e), a0);
        if (j + 1 < i) a1 = madd(v128.load64_splat(p, 8), ld(e + bytes), a1);
        if (j + 2 < i) a2 = madd(v128.load64_splat(p, 16), ld(e + 2 * bytes), a2);
        st(to + s, add(add(add(a0, a2), add(a1, a3)), madd(d, ld(own + s), m)));
      }
    }
    row += at;
  }
}

/** out = diagonal * in: the transpose of the linear part of `mapDiagonal`. */
export function transposeDiagonal(dimension: i32, draws: i32, scale: usize, input: usize, out: usize): void {
  if (draws == 1) {
    const end = (<usize>(dimension + 1) >> 1) << 4;
    for (let i: usize = 0; i < end; i += 16) st(out + i, mul(ld(scale + i), ld(input + i)));
    return;
  }
  const bytes = <usize>draws << 3;
  const end = input + <usize>dimension * bytes;
  while (input < end) {
    const d = lds(scale);
    for (let s: usize = 0; s < bytes; s += 16) st(out + s, mul(d, ld(input + s)));
    scale += 8;
    input += bytes;
    out += bytes;
  }
}

/** to[0…n) += factor * row[0…n): nothing beyond n is written. */
// @ts-ignore: decorator
@inline function axpy(n: i32, factor: v128, row: usize, to: usize): void {
  const whole = (<usize>n >> 1) << 4;
  let j: usize = 0;
  for (; j < whole; j += 16) st(to + j, madd(ld(row + j), factor, ld(to + j)));
  if (n & 1) v128.store64_lane(to + j, madd(last(row + j), factor, last(to + j)), 0);
}

/** out = (diagonal + strict lower triangle)^T in; `out` is not `in`. Sums run from the diagonal down. */
export function transposeTriangular(
  dimension: i32, draws: i32, diagonal: usize, lower: usize, input: usize, out: usize,
): void {
  if (draws == 1) {
    transposeDiagonal(dimension, 1, diagonal, input, out);
    for (let i = 1; i < dimension; i++) axpy(i, lds(input + (<usize>i << 3)), rowAt(lower, i), out);
    return;
  }
  const bytes = <usize>draws << 3;
  for (let j = 0; j < dimension; j++) {
    const d = lds(diagonal + (<usize>j << 3));
    const own = input + <usize>j * bytes;
    const to = out + <usize>j * bytes;
    const column = rowAt(lower, j + 1) + (<usize>j << 3);
    let s: usize = 0;
    for (; s + 64 <= bytes; s += 64) {
      let a = mul(d, ld(own + s));
      let b = mul(d, v128.load(own + s, 16));
      let c = mul(d, v128.load(own + s, 32));
      let e = mul(d, v128.load(own + s, 48));
      let p = column;
      let g = own + s;
      for (let i = j + 1; i < dimension; i++) {
        const l = lds(p);
        g += bytes;
        a = madd(l, ld(g), a);
        b = madd(l, v128.load(g, 16), b);
        c = madd(l, v128.load(g, 32), c);
        e = madd(l, v128.load(g, 48), e);
        p += <usize>i << 3;
      }
      st(to + s, a);
      v128.store(to + s, b, 16);
      v128.store(to + s, c, 32);
      v128.store(to + s, e, 48);
    }
    for (; s < bytes; s += 16) {
      let a = mul(d, ld(own + s));
      let p = column;
      let g = own + s;
      for (let i = j + 1; i < dimension; i++) {
        g += bytes;
        a = madd(lds(p), ld(g), a);
        p += <usize>i << 3;
      }
      st(to + s, a);
    }
  }
}

/** out = (diagonal + strict lower triangle)^-T in; `out` is not `in`. Back substitution from the last coordinate up. */
export function solveTransposed(
  dimension: i32, draws: i32, diagonal: usize, lower: usize, input: usize, out: usize,
): void {
  if (draws == 1) {
    const end = <usize>dimension << 3;
    for (let i: usize = 0; i < end; i += 8) store<f64>(out + i, load<f64>(input + i));
    for (let i = dimension - 1; i >= 0; i--) {
      const at = <usize>i << 3;
      const u = load<f64>(out + at) / load<f64>(diagonal + at);
      store<f64>(out + at, u);
      // out[j] -= row[j] u, as nmadd of the lanes below
      const row = rowAt(lower, i);
      const factor = splat(u);
      const whole = (<usize>i >> 1) << 4;
      let j: usize = 0;
      for (; j < whole; j += 16) st(out + j, nmadd(ld(row + j), factor, ld(out + j)));
      if (i & 1) v128.store64_lane(out + j, nmadd(last(row + j), factor, last(out + j)), 0);
    }
    return;
  }
  const bytes = <usize>draws << 3;
  const bottom = rowAt(lower, dimension - 1);
  for (let j = dimension - 1; j >= 0; j--) {
    const at = <usize>j << 3;
    const d = lds(diagonal + at);
    const own = <usize>j * bytes;
    let s: usize = 0;
    for (; s + 64 <= bytes; s += 64) {
      let a = ld(input + own + s);
      let b = v128.load(input + own + s, 16);
      let c = v128.load(input + own + s, 32);
      let e = v128.load(input + own + s, 48);
      let p = bottom + at;
      let u = out + <usize>(dimension - 1) * bytes + s;
      for (let i = dimension - 1; i > j; i--) {
        const l = lds(p);
        a = nmadd(l, ld(u), a);
        b = nmadd(l, v128.load(u, 16), b);
        c = nmadd(l, v128.load(u, 32), c);
        e = nmadd(l, v128.load(u, 48), e);
        p -= <usize>(i - 1) << 3;
        u -= bytes;
      }
      st(out + own + s, div(a, d));
      v128.store(out + own + s, div(b, d), 16);
      v128.store(out + own + s, div(c, d), 32);
      v128.store(out + own + s, div(e, d), 48);
    }
    for (; s < bytes; s += 16) {
      let a = ld(input + own + s);
      let p = bottom + at;
      let u = out + <usize>(dimension - 1) * bytes + s;
      for (let i = dimension - 1; i > j; i--) {
        a = nmadd(lds(p), ld(u), a);
        p -= <usize>(i - 1) << 3;
        u -= bytes;
      }
      st(out + own + s, div(a, d));
    }
  }
}

/** to[0…n) += from[0…n), over n doubles (and the spare). */
export function addInto(n: i32, from: usize, to: usize): void {
  const end = (<usize>(n + 1) >> 1) << 4;
  for (let i: usize = 0; i < end; i += 16) st(to + i, add(ld(to + i), ld(from + i)));
}

/**
 * Gradients of the location and of the log scales from the gradients h at the draws, means over draws:
 * location_i = mean(h_i), logScale_i = scale_i mean(h_i eps_i) + entropy, where h = gradient + path * eps / scale: `path` 1 is sticking
 * the landing for a diagonal family (then entropy 0), `path` 0 leaves the gradient as it is.
 */
export function pullDiagonal(
  dimension: i32, draws: i32, gradient: usize, eps: usize, scale: usize, path: bool, entropy: f64, location: usize,
  logScale: usize,
): void {
  if (draws == 1) return pullSingle(dimension, gradient, eps, scale, path, entropy, location, logScale);
  const bytes = <usize>draws << 3;
  const share = splat(1 / <f64>draws);
  const more = splat(entropy);
  // Two coordinates at a time, their sums side by side at the end; a single last one is paired with itself.
  for (let i = 0; i < dimension; i += 2) {
    const next = i + 1 < dimension ? bytes : 0;
    const inverse = splat(path ? 1 / load<f64>(scale) : 0);
    const inverse1 = splat(path && next ? 1 / load<f64>(scale, 8) : 0);
    let a = zero(), a1 = a, b = a, b1 = a;
    for (const end = eps + bytes; eps < end; eps += 16, gradient += 16) {
      const e = ld(eps), e1 = ld(eps + next);
      let h = ld(gradient), h1 = ld(gradient + next);
      if (path) {
        h = madd(e, inverse, h);
        h1 = madd(e1, inverse1, h1);
      }
      a = add(a, h);
      a1 = add(a1, h1);
      b = madd(h, e, b);
      b1 = madd(h1, e1, b1);
    }
    const means = mul(add(v128.shuffle<u64>(a, a1, 0, 2), v128.shuffle<u64>(a, a1, 1, 3)), share);
    const slopes = mul(add(v128.shuffle<u64>(b, b1, 0, 2), v128.shuffle<u64>(b, b1, 1, 3)), share);
    if (next) {
      st(location, means);
      st(logScale, add(mul(slopes, ld(scale)), more));
    } else {
      v128.store64_lane(location, means, 0);
      v128.store64_lane(logScale, add(mul(slopes, lds(scale)), more), 0);
    }
    gradient += next;
    eps += next;
    scale += 16;
    location += 16;
    logScale += 16;
  }
}

/** `pullDiagonal` of one draw. */
// @ts-ignore: decorator
@inline export function pullSingle(
  dimension: i32, gradient: usize, eps: usize, scale: usize, path: bool, entropy: f64, location: usize, logScale: usize,
): void {
  const one = splat(entropy);
  const end = (<usize>(dimension + 1) >> 1) << 4;
  for (let i: usize = 0; i < end; i += 16) {
    const e = ld(eps + i);
    const d = ld(scale + i);
    let h = ld(gradient + i);
    if (path) h = add(h, div(e, d));
    st(location + i, h);
    st(logScale + i, madd(mul(h, e), d, one));
  }
}

/** Gradient of the strict rows: lower_ij = mean(h_i eps_j), j < i. */
export function pullTriangular(dimension: i32, draws: i32, gradient: usize, eps: usize, lower: usize): void {
  if (draws == 1) {
    for (let i = 1; i < dimension; i++) {
      const h = lds(gradient + (<usize>i << 3));
      const whole = (<usize>i >> 1) << 4;
      let j: usize = 0;
      for (; j < whole; j += 16) st(lower + j, mul(h, ld(eps + j)));
      if (i & 1) v128.store64_lane(lower + j, mul(h, last(eps + j)), 0);
      lower += <usize>i << 3;
    }
    return;
  }
  const bytes = <usize>draws << 3;
  const share = splat(1 / <f64>draws);
  for (let i = 1; i < dimension; i++) {
    gradient += bytes;
    let e = eps;
    let j = 0;
    for (; j + 4 <= i; j += 4, e += 4 * bytes, lower += 32) {
      let a = zero();
      let b = zero();
      let c = zero();
      let d = zero();
      for (let s: usize = 0; s < bytes; s += 16) {
        const h = ld(gradient + s);
        a = madd(h, ld(e + s), a);
        b = madd(h, ld(e + bytes + s), b);
        c = madd(h, ld(e + 2 * bytes + s), c);
        d = madd(h, ld(e + 3 * bytes + s), d);
      }
      // Lane 0 plus lane 1 of two sums at once.
      st(lower, mul(add(v128.shuffle<u64>(a, b, 0, 2), v128.shuffle<u64>(a, b, 1, 3)), share));
      v128.store(lower, mul(add(v128.shuffle<u64>(c, d, 0, 2), v128.shuffle<u64>(c, d, 1, 3)), share), 16);
    }
    for (; j < i; j++, e += bytes, lower += 8) {
      let a = zero();
      for (let s: usize = 0; s < bytes; s += 16) a = madd(ld(gradient + s), ld(e + s), a);
      store<f64>(lower, hsum(a) * f64x2.extract_lane(share, 0));
    }
  }
}

/** Sum of n doubles, in two partial sums by parity. */
export function sum(n: i32, values: usize): f64 {
  let a = zero();
  const whole = (<usize>n >> 1) << 4;
  let i: usize = 0;
  for (; i < whole; i += 16) a = add(a, ld(values + i));
  if (n & 1) a = add(a, last(values + i));
  return hsum(a);
}

/** Sum of the squares of n doubles, in four partial sums. */
export function sumOfSquares(n: i32, values: usize): f64 {
  return dot(n, values, values);
}
