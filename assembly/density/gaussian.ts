// Multivariate normal and Student t with a Cholesky factor, the normal with the Cholesky factor of its precision, and the normal
// with low-rank plus diagonal covariance (Woodbury). Multivariate kernels (see pairs.ts): after the inputs come the event size K
// and the number of draws, then the outputs. Only lower triangles are read; partials above the diagonal are 0.

import { add, div, madd, mul, neg, nmadd, sub } from "../lanes";
import { log1p } from "../math";
import { Op } from "../opcodes";
import { HALF, ONE, ZERO } from "./common";
import { apart, next, offset, set, start, stride, take } from "./pairs";

// @ts-ignore: decorator
@inline function arg(a: usize, k: i32): usize { return load<u32>(a + (k << 2)); }

/** Vectors that a kernel keeps while it works on one pair. src/compile/densities bounds the event sizes by it. */
const SCRATCH_VECTORS: i32 = 4096;
const scratch: usize = memory.data(SCRATCH_VECTORS << 4, 16);

// @ts-ignore: decorator
@inline function keep(i: usize, v: v128): void { v128.store(scratch + (i << 4), v); }
// @ts-ignore: decorator
@inline function kept(i: usize): v128 { return v128.load(scratch + (i << 4)); }

/**
 * x[K], loc[K], L[K][K]; K, draws ; lp, ∂x[K], ∂loc[K], ∂L[K][K]; for Student's t ν and (ψ((ν+K)/2) − ψ(ν/2) − K/ν)/2 follow the
 * inputs and ∂ν the outputs. z = L⁻¹(x − loc), w = s·L⁻ᵀz with s = 1, or (ν + K)/(ν + |z|²) for Student's t; ∂L = w zᵀ − diag(1/L).
 */
function cholesky(rows: i32, a: usize, student: bool): void {
  const extra = student ? 2 : 0;
  const size = arg(a, 3 + extra);
  const b = a + ((5 + extra) << 2);
  const dx = arg(b, 1);
  const dloc = arg(b, 2);
  const dL = arg(b, 3);
  const square = size * size;
  start(rows, arg(a, 4 + extra));
  while (next()) {
    const at = offset(size);
    const gap = apart(size);
    const atL = offset(square);
    const gapL = apart(square);
    const factor = arg(a, 2) + atL;
    const rowBytes = size * stride;
    let p = factor;
    let q = ZERO();
    for (let i: usize = 0; i < size; i++) {
      const o = at + i * stride;
      let t = sub(take(arg(a, 0) + o, gap), take(arg(a, 1) + o, gap));
      let pj = p;
      for (let j: usize = 0; j < i; j++, pj += stride) t = nmadd(take(pj, gapL), kept(j), t);
      const z = div(t, take(pj, gapL));
      keep(i, z);
      q = madd(z, z, q);
      p += rowBytes;
    }
    let lp = neg(mul(HALF(), q));
    let s = ONE();
    if (student) {
      const one = offset(1);
      const nu = take(arg(a, 3) + one, apart(1));
      const top = add(nu, f64x2.splat(<f64>size));
      const l = log1p(div(q, nu));
      lp = neg(mul(mul(HALF(), top), l));
      s = div(top, add(nu, q));
      const dnu = arg(b, 4);
      if (dnu) set(dnu + one, apart(1), madd(HALF(), sub(div(mul(s, q), nu), l), take(arg(a, 4) + one, apart(1))));
    }
    set(arg(b, 0) + offset(1), apart(1), lp);
    if (!(dx | dloc | dL)) continue;
    for (let i = size; i-- > 0; ) {
      const z = kept(i);
      let t = mul(s, z);
      let pj = factor + i * stride + (i + 1) * rowBytes;
      for (let j = i + 1; j < size; j++, pj += rowBytes) t = nmadd(take(pj, gapL), kept(j), t);
      const pivot = div(ONE(), take(factor + i * (rowBytes + stride), gapL));
      const w = mul(t, pivot);
      if (dL) {
        let to = dL + atL + i * rowBytes;
        for (let j: usize = 0; j < i; j++, to += stride) set(to, gapL, mul(w, kept(j)));
        set(to, gapL, sub(mul(w, z), pivot));
        for (let j = i + 1; j < size; j++) {
          to += stride;
          set(to, gapL, ZERO());
        }
      }
      keep(i, w);
      const o = at + i * stride;
      if (dx) set(dx + o, gap, neg(w));
      if (dloc) set(dloc + o, gap, w);
    }
  }
}

/**
 * x[K], loc[K], C[K][K] (precision = C Cᵀ); K, draws ; lp, ∂x[K], ∂loc[K], ∂C[K][K].
 * d = x − loc, z = Cᵀd, lp = −|z|²/2; ∂loc = C z, ∂C = diag(1/C) − d zᵀ.
 */
function precision(rows: i32, a: usize): void {
  const size = arg(a, 3);
  const dx = arg(a, 6);
  const dloc = arg(a, 7);
  const dC = arg(a, 8);
  const square = size * size;
  start(rows, arg(a, 4));
  while (next()) {
    const at = offset(size);
    const gap = apart(size);
    const atC = offset(square);
    const gapC = apart(square);
    const factor = arg(a, 2) + atC;
    for (let j: usize = 0; j < size; j++) keep(j, ZERO());
    let p = factor;
    for (let i: usize = 0; i < size; i++) {
      const o = at + i * stride;
      const d = sub(take(arg(a, 0) + o, gap), take(arg(a, 1) + o, gap));
      for (let j: usize = 0; j <= i; j++) keep(j, madd(take(p + j * stride, gapC), d, kept(j)));
      p += size * stride;
    }
    let q = ZERO();
    for (let j: usize = 0; j < size; j++) q = madd(kept(j), kept(j), q);
    set(arg(a, 5) + offset(1), apart(1), neg(mul(HALF(), q)));
    if (!(dx | dloc | dC)) continue;
    p = factor;
    for (let i: usize = 0; i < size; i++) {
      const o = at + i * stride;
      const d = sub(take(arg(a, 0) + o, gap), take(arg(a, 1) + o, gap));
      let w = ZERO();
      for (let j: usize = 0; j < size; j++, p += stride) {
        if (j <= i) w = madd(take(p, gapC), kept(j), w);
        if (!dC) continue;
        let v = ZERO();
        if (j <= i) v = neg(mul(d, kept(j)));
        if (j == i) v = add(v, div(ONE(), take(p, gapC)));
        set(dC + atC + (p - factor), gapC, v);
      }
      if (dx) set(dx + o, gap, neg(w));
      if (dloc) set(dloc + o, gap, w);
    }
  }
}

export function runGaussian(op: i32, rows: i32, a: usize): void {
  switch (op) {
    case Op.MultivariateNormal: return cholesky(rows, a, false);
    case Op.MultivariateStudentT: return cholesky(rows, a, true);
    default: precision(rows, a);
  }
}
