// Densities over classes: Dirichlet, multinomial, categorical (probabilities and logits), ordered logistic. Multivariate kernels
// (see pairs.ts): after the inputs come the event size K and the number of draws, then the outputs.

import { add, div, neg, nmadd, pmax, pmin, select, splat, sub } from "../lanes";
import { exp, expm1, expNegAbs, log, log1p } from "../math";
import { Op } from "../opcodes";
import { and, eq, INFINITY, lt, MINUS_INFINITY, notCount, ONE, or, outside, times, ZERO } from "./common";
import { apart, next, offset, set, start, stride, take } from "./pairs";

// @ts-ignore: decorator
@inline function arg(a: usize, k: i32): usize { return load<u32>(a + (k << 2)); }

/** x[K], log x[K], α[K], ψ(Σα) − ψ(α)[K]; K, draws ; lp, ∂x[K], ∂α[K] */
function dirichlet(rows: i32, a: usize): void {
  const size = arg(a, 4);
  const dx = arg(a, 7);
  const dalpha = arg(a, 8);
  start(rows, arg(a, 5));
  while (next()) {
    const gap = apart(size);
    let lp = ZERO();
    let bad = ZERO();
    let o = offset(size);
    for (let k: usize = 0; k < size; k++, o += stride) {
      const x = take(arg(a, 0) + o, gap);
      const logx = take(arg(a, 1) + o, gap);
      const power = sub(take(arg(a, 2) + o, gap), ONE());
      lp = add(lp, times(power, logx));
      bad = or(bad, or(lt(x, ZERO()), lt(ONE(), x)));
      if (dx) set(dx + o, gap, div(power, x));
      if (dalpha) set(dalpha + o, gap, add(logx, take(arg(a, 3) + o, gap)));
    }
    set(arg(a, 6) + offset(1), apart(1), outside(bad, lp));
  }
}

/** counts[K], p[K], log p[K]; K, draws ; lp, ∂p[K] */
function multinomial(rows: i32, a: usize): void {
  const size = arg(a, 3);
  const dp = arg(a, 6);
  start(rows, arg(a, 4));
  while (next()) {
    const gap = apart(size);
    let lp = ZERO();
    let bad = ZERO();
    let o = offset(size);
    for (let k: usize = 0; k < size; k++, o += stride) {
      const x = take(arg(a, 0) + o, gap);
      lp = add(lp, times(x, take(arg(a, 2) + o, gap)));
      bad = or(bad, notCount(x));
      if (dp) set(dp + o, gap, div(x, take(arg(a, 1) + o, gap)));
    }
    set(arg(a, 5) + offset(1), apart(1), outside(bad, lp));
  }
}

/** y in 0…K−1, p[K]; K, draws ; lp, ∂p[K] */
function categorical(rows: i32, a: usize): void {
  const size = arg(a, 2);
  const dp = arg(a, 5);
  start(rows, arg(a, 3));
  while (next()) {
    const gap = apart(size);
    const y = take(arg(a, 0) + offset(1), apart(1));
    let p = sub(y, y); // 0, or the NaN of y
    let o = offset(size);
    for (let k: usize = 0; k < size; k++, o += stride) {
      const pk = take(arg(a, 1) + o, gap);
      const hit = eq(y, splat(<f64>k));
      p = add(p, and(hit, pk));
      if (dp) set(dp + o, gap, and(hit, div(ONE(), pk)));
    }
    set(arg(a, 4) + offset(1), apart(1), log(p));
  }
}

/** y in 0…K−1, logits[K]; K, draws ; lp, ∂logits[K] */
function categoricalLogit(rows: i32, a: usize): void {
  const size = arg(a, 2);
  const partial = arg(a, 5);
  start(rows, arg(a, 3));
  while (next()) {
    const gap = apart(size);
    const y = take(arg(a, 0) + offset(1), apart(1));
    const from = arg(a, 1) + offset(size);
    let top = MINUS_INFINITY();
    let picked = add(MINUS_INFINITY(), sub(y, y));
    let p = from;
    for (let k: usize = 0; k < size; k++, p += stride) {
      const l = take(p, gap);
      top = pmax(top, l);
      picked = select(eq(y, splat(<f64>k)), l, picked);
    }
    let total = ZERO();
    p = from;
    for (let k: usize = 0; k < size; k++, p += stride) total = add(total, exp(sub(take(p, gap), top)));
    set(arg(a, 4) + offset(1), apart(1), sub(sub(picked, top), log(total)));
    if (!partial) continue;
    const inverse = div(ONE(), total);
    let o = offset(size);
    p = from;
    for (let k: usize = 0; k < size; k++, p += stride, o += stride) {
      const hit = and(eq(y, splat(<f64>k)), ONE());
      set(partial + o, gap, nmadd(exp(sub(take(p, gap), top)), inverse, hit));
    }
  }
}

/** σ(d) */
// @ts-ignore: decorator
@inline function sigmoidFrom(d: v128, e: v128): v128 { return div(select(lt(d, ZERO()), e, ONE()), add(ONE(), e)); }

/**
 * y in 0…K, location η, cutpoints c[K] increasing; K, draws ; lp, ∂η, ∂c[K]. With u = c_y − η and l = c_{y−1} − η (±∞ at the ends)
 * the probability σ(u) − σ(l) is σ(u) σ(−l) (1 − e^(l − u)), which does not cancel.
 */
function orderedLogistic(rows: i32, a: usize): void {
  const size = arg(a, 3);
  const deta = arg(a, 6);
  const dc = arg(a, 7);
  start(rows, arg(a, 4));
  while (next()) {
    const gap = apart(size);
    const at = offset(1);
    const y = take(arg(a, 0) + at, apart(1));
    const eta = take(arg(a, 1) + at, apart(1));
    const last = splat(<f64>size);
    let upper = INFINITY();
    let lower = MINUS_INFINITY();
    let o = offset(size);
    for (let k: usize = 0; k < size; k++, o += stride) {
      const c = take(arg(a, 2) + o, gap);
      const index = splat(<f64>k);
      upper = select(eq(y, index), c, upper);
      lower = select(eq(y, add(index, ONE())), c, lower);
    }
    const u = sub(upper, eta);
    const l = sub(lower, eta);
    const eu = expNegAbs(u);
    const el = expNegAbs(l);
    const between = sub(l, u);
    const t = neg(expm1(between)); // 1 − e^(l − u)
    const logs = sub(sub(pmin(u, ZERO()), log1p(eu)), add(pmax(l, ZERO()), log1p(el)));
    const bad = or(notCount(y), lt(last, y));
    // y − y and η − η: 0, or a NaN that a missing cutpoint would have hidden
    set(arg(a, 5) + at, apart(1), outside(bad, add(add(logs, log(t)), sub(y, y))));
    const high = sigmoidFrom(neg(u), eu);
    const low = sigmoidFrom(l, el);
    if (deta) set(deta + at, apart(1), sub(low, high));
    if (!dc) continue;
    const shared = div(exp(between), t);
    o = offset(size);
    for (let k: usize = 0; k < size; k++, o += stride) {
      const index = splat(<f64>k);
      const isUpper = and(eq(y, index), add(high, shared));
      set(dc + o, gap, sub(isUpper, and(eq(y, add(index, ONE())), add(low, shared))));
    }
  }
}

export function runSimplex(op: i32, rows: i32, a: usize): void {
  switch (op) {
    case Op.Dirichlet: return dirichlet(rows, a);
    case Op.Multinomial: return multinomial(rows, a);
    case Op.Categorical: return categorical(rows, a);
    case Op.CategoricalLogit: return categoricalLogit(rows, a);
    default: orderedLogistic(rows, a);
  }
}
