// Multivariate normal and Student t with a Cholesky factor. Multivariate kernels (see pairs.ts): after the inputs come the event size
// K and the number of draws, then the outputs. Only the lower triangle of the factor is read; its partials above the diagonal are 0.

import { add, div, madd, mul, neg, nmadd, sub } from "../lanes";
import { log1p } from "../math";
import { Op } from "../opcodes";
import { HALF, ONE, ZERO } from "./common";
import { apart, keep, kept, next, offset, pick, set, start, stride, take } from "./pairs";

// @ts-ignore: decorator
@inline function arg(a: usize, k: i32): usize { return load<u32>(a + (k << 2)); }

/**
 * x[K], loc[K], L[K][K]; K, draws ; lp, ∂x[K], ∂loc[K], ∂L[K][K]; for Student's t ν and (ψ((ν+K)/2) − ψ(ν/2) − K/ν)/2 follow the
 * inputs and ∂ν the outputs. z = L⁻¹(x − loc), w = s·L⁻ᵀz with s = 1, or (ν + K)/(ν + |z|²) for Student's t; ∂L = w zᵀ − diag(1/L).
 */
function cholesky(rows: i32, a: usize, student: bool): void {
  const inputs = student ? a + 8 : a;
  const size = arg(inputs, 3);
  const b = inputs + 20;
  const dL = arg(b, 3);
  const square = size * size;
  start(rows, arg(inputs, 4));
  while (next()) {
    const at = offset(size);
    const gap = apart(size);
    const one = offset(1);
    const lone = apart(1);
    const toPartial = dL - arg(a, 2);
    const factor = arg(a, 2) + offset(square);
    const gapL = apart(square);
    const rowBytes = size * stride;
    let p = factor;
    let q = ZERO();
    for (let i: usize = 0; i < size; i++) {
      const o = at + i * stride;
      let t = sub(pick(arg(a, 0) + o, gap), pick(arg(a, 1) + o, gap));
      let pj = p;
      for (let j: usize = 0; j < i; j++, pj += stride) t = nmadd(take(pj, gapL), kept(j), t);
      const z = div(t, pick(pj, gapL));
      keep(i, z);
      q = madd(z, z, q);
      p += rowBytes;
    }
    const half = HALF();
    let lp = neg(mul(half, q));
    let s = ONE();
    if (student) {
      const nu = pick(arg(a, 3) + one, lone);
      const top = add(nu, f64x2.splat(<f64>size));
      const l = log1p(div(q, nu));
      lp = neg(mul(mul(half, top), l));
      s = div(top, add(nu, q));
      const dnu = arg(b, 4);
      if (dnu) set(dnu + one, lone, madd(half, sub(div(mul(s, q), nu), l), pick(arg(a, 4) + one, lone)));
    }
    set(arg(b, 0) + one, lone, lp);
    if (!(arg(b, 1) | arg(b, 2) | dL)) continue;
    for (let i = size; i-- > 0; ) {
      const z = kept(i);
      let pj = factor + i * (rowBytes + stride);
      const pivot = div(ONE(), pick(pj, gapL));
      let t = mul(s, z);
      for (let j = i + 1; j < size; j++) {
        pj += rowBytes;
        t = nmadd(take(pj, gapL), kept(j), t);
      }
      const w = mul(t, pivot);
      if (dL) {
        let to = factor + i * rowBytes + toPartial;
        for (let j: usize = 0; j < size; j++, to += stride) {
          let v = ZERO();
          if (j <= i) v = mul(w, kept(j));
          if (j == i) v = sub(v, pivot);
          set(to, gapL, v);
        }
      }
      keep(i, w);
      const o = at + i * stride;
      if (arg(b, 1)) set(arg(b, 1) + o, gap, neg(w));
      if (arg(b, 2)) set(arg(b, 2) + o, gap, w);
    }
  }
}

export function runGaussian(op: i32, rows: i32, a: usize): void {
  cholesky(rows, a, op == Op.MultivariateStudentT);
}
