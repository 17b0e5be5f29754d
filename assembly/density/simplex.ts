// Densities over classes: Dirichlet, multinomial, categorical (probabilities and logits), ordered logistic. Multivariate kernels
// (see pairs.ts): after the inputs come the event size K and the number of draws, then the outputs.

import { add, div, neg, nmadd, pmax, pmin, select, splat, sub } from "../lanes";
import { exp, expm1, expNegAbs, log } from "../math";
import { Op } from "../opcodes";
import { and, eq, INFINITY, lt, MINUS_INFINITY, nanOf, notCount, onCounts, ONE, or, outside, times, ZERO } from "./common";
import { log1pOfUnit } from "./logit";
import { apart, next, offset, pick, set, start, stride, take } from "./pairs";

// @ts-ignore: decorator
@inline function arg(a: usize, k: i32): usize { return load<u32>(a + (k << 2)); }

/**
 * Σ c log p over the classes. Dirichlet: p[K], log p[K], α[K], ψ(Σα) − ψ(α)[K]; K, draws ; lp, ∂p[K], ∂α[K], with c = α − 1.
 * Multinomial: p[K], log p[K], counts c[K]; K, draws ; lp, ∂p[K].
 */
function classes(rows: i32, a: usize, dirichlet: bool): void {
  const p = arg(a, 0);
  const logp = arg(a, 1);
  const weights = arg(a, 2);
  const b = dirichlet ? a + 16 : a + 12;
  const size = arg(b, 0);
  const dp = arg(b, 3);
  start(rows, arg(b, 1));
  while (next()) {
    const gap = apart(size);
    let lp = ZERO();
    let bad = ZERO();
    let o = offset(size);
    for (let k: usize = 0; k < size; k++, o += stride) {
      const one = ONE();
      const pk = take(p + o, gap);
      const l = take(logp + o, gap);
      let c = take(weights + o, gap);
      if (dirichlet) {
        c = sub(c, one);
        bad = or(bad, or(lt(pk, ZERO()), lt(one, pk)));
        if (arg(b, 4)) set(arg(b, 4) + o, gap, add(l, take(arg(a, 3) + o, gap)));
      } else bad = or(bad, notCount(c));
      lp = add(lp, times(c, l));
      if (dp) set(dp + o, gap, div(c, pk));
    }
    set(arg(b, 2) + offset(1), apart(1), outside(bad, lp));
  }
}

/** y in 0…K−1, p[K]; K, draws ; lp, ∂p[K] */
function categorical(rows: i32, a: usize): void {
  const size = arg(a, 2);
  const dp = arg(a, 5);
  start(rows, arg(a, 3));
  while (next()) {
    const gap = apart(size);
    const at = offset(1);
    const y = pick(arg(a, 0) + at, apart(1));
    let p = nanOf(y);
    let o = offset(size);
    for (let k: usize = 0; k < size; k++, o += stride) {
      const pk = pick(arg(a, 1) + o, gap);
      const hit = eq(y, splat(<f64>k));
      p = add(p, and(hit, pk));
      if (dp) set(dp + o, gap, and(hit, div(ONE(), pk)));
    }
    set(arg(a, 4) + at, apart(1), log(p));
  }
}

/** y in 0…K−1, logits[K]; K, draws ; lp, ∂logits[K] */
function categoricalLogit(rows: i32, a: usize): void {
  const size = arg(a, 2);
  const partial = arg(a, 5);
  start(rows, arg(a, 3));
  while (next()) {
    const gap = apart(size);
    const at = offset(1);
    const y = pick(arg(a, 0) + at, apart(1));
    let o = offset(size);
    const from = arg(a, 1) + o;
    let top = MINUS_INFINITY();
    let picked = add(top, nanOf(y));
    let p = from;
    for (let k: usize = 0; k < size; k++, p += stride) {
      const l = take(p, gap);
      top = pmax(top, l);
      picked = select(eq(y, splat(<f64>k)), l, picked);
    }
    let total = ZERO();
    p = from;
    for (let k: usize = 0; k < size; k++, p += stride) total = add(total, exp(sub(take(p, gap), top)));
    set(arg(a, 4) + at, apart(1), sub(sub(picked, top), log(total)));
    if (!partial) continue;
    p = from;
    for (let k: usize = 0; k < size; k++, p += stride, o += stride) {
      const share = div(exp(sub(take(p, gap), top)), total);
      set(partial + o, gap, sub(and(eq(y, splat(<f64>k)), ONE()), share));
    }
  }
}

/** log σ(u) from e = e^−|u|. */
// @ts-ignore: decorator
@inline function logSigmoidFrom(u: v128, e: v128): v128 { return sub(pmin(u, ZERO()), log1pOfUnit(e)); }
/** σ(u) from the same. */
// @ts-ignore: decorator
@inline function sigmoidFrom(u: v128, e: v128, one: v128): v128 { return div(select(lt(u, ZERO()), e, one), add(one, e)); }

/**
 * y in 0…K, location η, cutpoints c[K] increasing; K, draws ; lp, ∂η, ∂c[K]. With u = c_y − η and l = c_{y−1} − η (±∞ at the ends)
 * the probability σ(u) − σ(l) is σ(u) σ(−l) (1 − e^(l − u)), which does not cancel.
 */
function orderedLogistic(rows: i32, a: usize): void {
  const size = arg(a, 3);
  const dc = arg(a, 7);
  start(rows, arg(a, 4));
  while (next()) {
    const gap = apart(size);
    const at = offset(1);
    const lone = apart(1);
    const y = pick(arg(a, 0) + at, lone);
    const eta = pick(arg(a, 1) + at, lone);
    const before = sub(y, ONE());
    let upper = INFINITY();
    let lower = MINUS_INFINITY();
    let o = offset(size);
    for (let k: usize = 0; k < size; k++, o += stride) {
      const c = pick(arg(a, 2) + o, gap);
      const index = splat(<f64>k);
      upper = select(eq(y, index), c, upper);
      lower = select(eq(before, index), c, lower);
    }
    const u = sub(upper, eta);
    const l = sub(eta, lower); // −l of the formula
    const eu = expNegAbs(u);
    const el = expNegAbs(l);
    const between = neg(add(u, l));
    const t = neg(expm1(between)); // 1 − e^(l − u)
    const logs = add(logSigmoidFrom(u, eu), logSigmoidFrom(l, el));
    // infinite cutpoints may have hidden a NaN of y
    set(arg(a, 5) + at, lone, onCounts(a, y, outside(lt(splat(<f64>size), y), add(add(logs, log(t)), nanOf(y)))));
    const one = ONE();
    const high = sigmoidFrom(neg(u), eu, one);
    const low = sigmoidFrom(neg(l), el, one);
    if (arg(a, 6)) set(arg(a, 6) + at, lone, sub(low, high));
    if (!dc) continue;
    const shared = div(exp(between), t);
    o = offset(size);
    for (let k: usize = 0; k < size; k++, o += stride) {
      const index = splat(<f64>k);
      const isUpper = and(eq(y, index), add(high, shared));
      set(dc + o, gap, sub(isUpper, and(eq(before, index), add(low, shared))));
    }
  }
}

export function runSimplex(op: i32, rows: i32, a: usize): void {
  if (!a) return runSimplex(op, rows, a); // see dispatch.ts
  switch (op) {
    case Op.Dirichlet: return classes(rows, a, true);
    case Op.Multinomial: return classes(rows, a, false);
    case Op.Categorical: return categorical(rows, a);
    case Op.CategoricalLogit: return categoricalLogit(rows, a);
    default: orderedLogistic(rows, a);
  }
}
