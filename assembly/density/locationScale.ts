// Families of location and scale: log density f(z), z = (x − loc)/scale. With g = f′(z) the partials are g/scale, −g/scale and
// −(1 + g·z)/scale, the last including the derivative of the addend −log(scale). Half families have loc = 0 and support x ≥ 0.

import { abs, add, div, lds, madd, mul, neg, select, sub } from "../lanes";
import { expm1, log, log1pGiven } from "../math";
import { Op } from "../opcodes";
import { bytes, get, give, HALF, le, lt, MINUS_ZERO, ne, ONE, outside, TWO, write3, write4, ZERO } from "./common";

// @ts-ignore: decorator
@inline function standardized(a: usize, i: usize, r: v128): v128 { return mul(sub(get(a, 0, i), get(a, 2, i)), r); }

/** lp, ∂x, ∂loc, ∂scale behind the three inputs, given f, g and 1 + g·z. */
// @ts-ignore: decorator
@inline function emit(a: usize, i: usize, f: v128, g: v128, r: v128, onePlus: v128): void {
  const d = mul(g, r);
  write4(a + 12, i, f, d, neg(d), neg(mul(r, onePlus)));
}

const FAR: usize = memory.data<f64>([1e18]);

/** log(1 + q), q = z², given w = 1/(1 + q); also where z² overflows. */
function log1pSquare(z: v128, q: v128, w: v128): v128 {
  const l = log1pGiven(q, w);
  const near = le(q, lds(FAR));
  return i64x2.all_true(near) ? l : select(near, l, mul(TWO(), log(abs(z))));
}

/** q/(1 + q) for q in [0, ∞], given w = 1/(1 + q). */
// @ts-ignore: decorator
@inline function odds(q: v128, w: v128, one: v128): v128 { return select(lt(q, one), mul(q, w), sub(one, w)); }

/** x, 1/scale, loc ; lp, ∂x, ∂loc, ∂scale; half: x, 1/scale ; lp, ∂x, ∂scale, on x ≥ 0 */
function cauchy(n: i32, a: usize, half: bool): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const r = get(a, 1, i);
    const z = mul(half ? x : sub(x, get(a, 2, i)), r);
    const q = mul(z, z);
    const one = ONE();
    const two = TWO();
    const w = div(one, add(one, q));
    const lp = neg(log1pSquare(z, q, w));
    const g = neg(mul(two, mul(z, w)));
    const onePlus = sub(one, mul(two, odds(q, w, one)));
    if (half) write3(a + 8, i, outside(lt(x, ZERO()), lp), mul(g, r), neg(mul(r, onePlus)));
    else emit(a, i, lp, g, r, onePlus);
  }
}

/**
 * x, 1/scale, ν, 1/√ν, ψ((ν+1)/2) − ψ(ν/2) − 1/ν, loc ; lp, ∂x, ∂ν, ∂scale, ∂loc; half: without loc and its partial, on x ≥ 0.
 * With q = z²/ν: lp = −(ν + 1)/2 log(1 + q)
 */
function student(n: i32, a: usize, half: bool): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const r = get(a, 1, i);
    const root = get(a, 3, i);
    const z = mul(half ? x : sub(x, get(a, 5, i)), r);
    const one = ONE();
    const top = add(get(a, 2, i), one);
    const t = mul(z, root);
    const q = mul(t, t);
    const w = div(one, add(one, q));
    const l = log1pSquare(t, q, w);
    const h = odds(q, w, one);
    const slope = madd(root, root, one);
    const d = mul(r, mul(mul(slope, z), w));
    let lp = neg(mul(mul(HALF(), top), l));
    if (half) lp = outside(lt(x, ZERO()), lp);
    else give(a, 10, i, d);
    const dnu = mul(HALF(), madd(slope, h, sub(get(a, 4, i), l)));
    write4(a + (half ? 20 : 24), i, lp, neg(d), dnu, mul(r, sub(mul(top, h), one)));
  }
}

/** x, 1/scale, loc ; lp, ∂x, ∂loc, ∂scale */
function laplace(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const r = get(a, 1, i);
    const z = standardized(a, i, r);
    const size = abs(z);
    const one = ONE();
    const g = v128.and(v128.bitselect(neg(z), one, MINUS_ZERO()), ne(z, ZERO()));
    emit(a, i, neg(size), g, r, sub(one, size));
  }
}

/** x, 1/scale, loc ; lp, ∂x, ∂loc, ∂scale. With t = e^−|z| − 1: f = −|z| − 2 log(2 + t), |g| = −t/(2 + t) */
function logistic(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const r = get(a, 1, i);
    const z = standardized(a, i, r);
    const down = neg(abs(z));
    const t = expm1(down);
    const two = TWO();
    const u = add(two, t);
    const g = v128.bitselect(neg(z), div(t, u), MINUS_ZERO());
    emit(a, i, sub(down, mul(two, log(u))), g, r, madd(g, z, ONE()));
  }
}

/** x, 1/scale, loc ; lp, ∂x, ∂loc, ∂scale (of maxima) */
function gumbel(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const r = get(a, 1, i);
    const z = standardized(a, i, r);
    const t = expm1(neg(z));
    const one = ONE();
    emit(a, i, neg(add(z, add(one, t))), t, r, madd(t, z, one));
  }
}

export function runLocationScale(op: i32, n: i32, a: usize): void {
  if (!a) return runLocationScale(op, n, a); // see dispatch.ts
  switch (op) {
    case Op.Cauchy: return cauchy(n, a, false);
    case Op.HalfCauchy: return cauchy(n, a, true);
    case Op.StudentT: return student(n, a, false);
    case Op.HalfStudentT: return student(n, a, true);
    case Op.Laplace: return laplace(n, a);
    case Op.Logistic: return logistic(n, a);
    default: gumbel(n, a);
  }
}
