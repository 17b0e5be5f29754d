// The rarer densities with matrix arguments, one value at a time in plain f64, for the sake of size: the normals of a given
// precision's Cholesky factor and of a diagonal plus low-rank covariance (Woodbury), and densities of Cholesky factors: LKJ
// (Lewandowski, Kurowicka & Joe 2009) of a correlation matrix's, Wishart of a covariance matrix's, each with respect to the free
// elements of the factor. Of triangular arguments only the lower triangle is read; partials above the diagonal are 0.

import { splat } from "../lanes";
import { log } from "../math";
import { Op } from "../opcodes";
import { scratch } from "./pairs";

// @ts-ignore: decorator
@inline function arg(a: usize, k: i32): usize { return load<u32>(a + (k << 2)); }
// @ts-ignore: decorator
@inline function keep(i: usize, v: f64): void { store<f64>(scratch + (i << 3), v); }
// @ts-ignore: decorator
@inline function kept(i: usize): f64 { return load<f64>(scratch + (i << 3)); }
// @ts-ignore: decorator
@inline function give(p: usize, o: usize, v: f64): void { if (p) store<f64>(p + o, v); }

function log1(x: f64): f64 { return f64x2.extract_lane(log(splat(x)), 0); }

/**
 * x[K], loc[K], C[K][K] (precision = C Cᵀ); lp, ∂x[K], ∂loc[K], ∂C[K][K].
 * d = x − loc, z = Cᵀd, lp = −|z|²/2; ∂loc = C z, ∂C = diag(1/C) − d zᵀ. x, C and the rest as addresses of this row and draw.
 */
function precision(a: usize, b: usize, size: usize, step: usize, at: usize, corner: usize, one: usize): void {
  const x = arg(a, 0) + at;
  const loc = arg(a, 1) + at;
  const c = arg(a, 2) + corner;
  let q = 0.0;
  for (let j: usize = 0; j < size; j++) {
    let z = 0.0;
    for (let i = j; i < size; i++) z += load<f64>(c + (i * size + j) * step) * (load<f64>(x + i * step) - load<f64>(loc + i * step));
    keep(j, z);
    q += z * z;
  }
  store<f64>(arg(b, 0) + one, -0.5 * q);
  let o = corner;
  for (let i: usize = 0; i < size; i++) {
    const d = load<f64>(x + i * step) - load<f64>(loc + i * step);
    let w = 0.0;
    for (let j: usize = 0; j < size; j++, o += step) {
      let v = 0.0;
      if (j <= i) {
        const e = load<f64>(arg(a, 2) + o);
        w += e * kept(j);
        if (j == i) v = 1.0 / e;
        v -= d * kept(j);
      }
      give(arg(b, 3), o, v);
    }
    give(arg(b, 1), at + i * step, -w);
    give(arg(b, 2), at + i * step, w);
  }
}

/** t of C t = t in place, of order r, both in scratch; with Cᵀ when `transposed`. */
function solve(r: usize, t: usize, transposed: bool): void {
  for (let n: usize = 0; n < r; n++) {
    const i = transposed ? r - 1 - n : n;
    let v = kept(t + i);
    for (let m: usize = 0; m < n; m++) {
      const j = transposed ? r - 1 - m : m;
      v -= kept(transposed ? j * r + i : i * r + j) * kept(t + j);
    }
    keep(t + i, v / kept(i * r + i));
  }
}
/** |t|² */
function squares(r: usize, t: usize): f64 {
  let q = 0.0;
  for (let i: usize = 0; i < r; i++) q += kept(t + i) * kept(t + i);
  return q;
}

/**
 * x[K], loc[K], W[K][R], D[K], R ; lp, ∂x[K], ∂loc[K], ∂W[K][R], ∂D[K]: covariance D + W Wᵀ. With M = I + WᵀD⁻¹W = C Cᵀ,
 * d = x − loc, y = M⁻¹WᵀD⁻¹d and g = D⁻¹(d − W y): lp = −gᵀd/2 − Σ log C_ii, ∂W = g yᵀ − D⁻¹W M⁻¹, ∂D = (g² − diag(Σ⁻¹))/2.
 */
function lowRank(a: usize, b: usize, size: usize, step: usize, at: usize, corner: usize, one: usize): void {
  const r = <usize>load<f64>(arg(a, 4));
  const y = r * r;
  const t = y + r;
  for (let i: usize = 0; i < t; i++) keep(i, i < y && i % (r + 1) == 0 ? 1.0 : 0.0);
  let q = 0.0;
  const w = arg(a, 2) + corner;
  for (let k: usize = 0; k < size; k++) {
    const o = at + k * step;
    const d = load<f64>(arg(a, 0) + o) - load<f64>(arg(a, 1) + o);
    const diagonal = load<f64>(arg(a, 3) + o);
    q += (d * d) / diagonal;
    for (let i: usize = 0; i < r; i++) {
      const scaled = load<f64>(w + (k * r + i) * step) / diagonal;
      keep(y + i, kept(y + i) + scaled * d);
      for (let j: usize = 0; j <= i; j++) keep(i * r + j, kept(i * r + j) + scaled * load<f64>(w + (k * r + j) * step));
    }
  }
  let lp = 0.0;
  for (let i: usize = 0; i < r; i++) {
    for (let j: usize = 0; j <= i; j++) {
      let v = kept(i * r + j);
      for (let k: usize = 0; k < j; k++) v -= kept(i * r + k) * kept(j * r + k);
      keep(i * r + j, i == j ? sqrt(v) : v / kept(j * r + j));
    }
    lp -= log1(kept(i * r + i));
  }
  solve(r, y, false);
  store<f64>(arg(b, 0) + one, lp - 0.5 * (q - squares(r, y)));
  solve(r, y, true);
  for (let k: usize = 0; k < size; k++) {
    const o = at + k * step;
    const diagonal = load<f64>(arg(a, 3) + o);
    let g = load<f64>(arg(a, 0) + o) - load<f64>(arg(a, 1) + o);
    for (let i: usize = 0; i < r; i++) {
      const v = load<f64>(w + (k * r + i) * step);
      g -= v * kept(y + i);
      keep(t + i, v / diagonal);
    }
    g /= diagonal;
    give(arg(b, 1), o, -g);
    give(arg(b, 2), o, g);
    solve(r, t, false);
    give(arg(b, 4), o, 0.5 * (g * g - (1.0 / diagonal - squares(r, t))));
    solve(r, t, true);
    for (let i: usize = 0; i < r; i++) give(arg(b, 3), corner + (k * r + i) * step, g * kept(y + i) - kept(t + i));
  }
}

/** L[K][K], η, derivative of the normaliser in η ; lp, ∂L[K][K], ∂η. lp = Σ (K − i − 3 + 2η) log L_ii, i = 1…K−1 */
function lkj(a: usize, b: usize, size: usize, step: usize, corner: usize, one: usize): void {
  const eta = load<f64>(arg(a, 1) + one);
  let lp = 0.0;
  let logs = 0.0;
  let o = corner;
  for (let i: usize = 0; i < size; i++) {
    for (let j: usize = 0; j < size; j++, o += step) {
      let v = 0.0;
      if (i && i == j) {
        const d = load<f64>(arg(a, 0) + o);
        const l = log1(d);
        v = <f64>(<i32>(size - i) - 3) + 2.0 * eta;
        if (v != 0.0) lp += d < 0.0 ? -Infinity : v * l;
        logs += l;
        v /= d;
      }
      give(arg(b, 1), o, v);
    }
  }
  store<f64>(arg(b, 0) + one, lp);
  give(arg(b, 2), one, 2.0 * logs + load<f64>(arg(a, 2) + one));
}

/**
 * C[K][K], ν, L[K][K], derivative of the normaliser in ν ; lp, ∂C[K][K], ∂ν, ∂L[K][K]. B = L⁻¹C, G = L⁻ᵀB:
 * lp = Σ (ν − i − 1) log C_ii − |B|²/2, ∂C = diag((ν − i − 1)/C_ii) − G, ∂L = G Bᵀ − diag(ν/L_ii), their lower triangles.
 */
function wishart(a: usize, b: usize, size: usize, step: usize, corner: usize, one: usize): void {
  const square = size * size;
  const c = arg(a, 0) + corner;
  const factor = arg(a, 2) + corner;
  const nu = load<f64>(arg(a, 1) + one);
  let lp = 0.0;
  let logs = 0.0;
  for (let i: usize = 0; i < size; i++) {
    const l = log1(load<f64>(c + i * (size + 1) * step));
    lp += (nu - <f64>(i + 1)) * l;
    logs += l;
    for (let k: usize = 0; k <= i; k++) {
      let t = load<f64>(c + (i * size + k) * step);
      for (let j = k; j < i; j++) t -= load<f64>(factor + (i * size + j) * step) * kept(j * size + k);
      t /= load<f64>(factor + i * (size + 1) * step);
      keep(i * size + k, t);
      lp -= 0.5 * t * t;
    }
  }
  store<f64>(arg(b, 0) + one, lp);
  give(arg(b, 2), one, logs + load<f64>(arg(a, 3) + one));
  for (let i = size; i-- > 0; ) {
    const pivot = load<f64>(factor + i * (size + 1) * step);
    for (let k: usize = 0; k < size; k++) {
      let g = 0.0;
      let dL = 0.0;
      if (k <= i) {
        g = kept(i * size + k);
        for (let j = i + 1; j < size; j++) g -= load<f64>(factor + (j * size + i) * step) * kept(square + j * size + k);
        g /= pivot;
        keep(square + i * size + k, g);
        for (let j: usize = 0; j <= k; j++) dL += kept(square + i * size + j) * kept(k * size + j);
      }
      if (k == i) {
        g -= (nu - <f64>(i + 1)) / load<f64>(c + i * (size + 1) * step);
        dL -= nu / pivot;
      }
      give(arg(b, 1), corner + (i * size + k) * step, -g);
      give(arg(b, 3), corner + (i * size + k) * step, dL);
    }
  }
}

/** Each row and draw in turn. After the inputs come the event size K and the number of draws, then the outputs. */
export function runMatrices(op: i32, rows: i32, a: usize): void {
  const low = op == Op.MultivariateNormalLowRank;
  const b = a + (low ? 28 : op == Op.WishartCholesky ? 24 : 20);
  const size = arg(b, -2);
  const draws = arg(b, -1);
  const step = draws << 3;
  const columns = low ? <usize>load<f64>(arg(a, 4)) : size;
  for (let row: usize = 0; row < <usize>rows; row++) {
    for (let o: usize = 0; o < step; o += 8) {
      const at = row * size * step + o;
      const corner = row * size * columns * step + o;
      const one = row * step + o;
      if (low) lowRank(a, b, size, step, at, corner, one);
      else if (op == Op.LkjCholesky) lkj(a, b, size, step, corner, one);
      else if (op == Op.WishartCholesky) wishart(a, b, size, step, corner, one);
      else precision(a, b, size, step, at, corner, one);
    }
  }
}
