// Families on an interval: uniform, beta, Kumaraswamy (1980). Both ends belong to the support.

import { add, div, mul, neg, nmadd, select, sub } from "../lanes";
import { exp, expm1, log, log1p } from "../math";
import { Op } from "../opcodes";
import { bytes, get, HALF, lt, nanOf, ONE, or, outside, times, write4, ZERO } from "./common";

/** x, low, high, 1/(high − low) ; lp, ∂x, ∂low, ∂high */
function uniform(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const r = get(a, 3, i);
    write4(a + 16, i, outside(or(lt(x, get(a, 1, i)), lt(get(a, 2, i), x)), nanOf(x)), ZERO(), r, neg(r));
  }
}

// @ts-ignore: decorator
@inline function offUnit(x: v128, one: v128): v128 { return or(lt(x, ZERO()), lt(one, x)); }

/** x, log x, log(1 − x), α, β, ψ(α+β) − ψ(α), ψ(α+β) − ψ(β) ; lp, ∂x, ∂α, ∂β */
function beta(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const logx = get(a, 1, i);
    const log1mx = get(a, 2, i);
    const one = ONE();
    const p = sub(get(a, 3, i), one);
    const q = sub(get(a, 4, i), one);
    const lp = outside(offUnit(x, one), add(times(p, logx), times(q, log1mx)));
    write4(a + 28, i, lp, sub(div(p, x), div(q, sub(one, x))), add(logx, get(a, 5, i)), add(log1mx, get(a, 6, i)));
  }
}

/** x, log x, α, β, 1/α, 1/β ; lp, ∂x, ∂α, ∂β. With e = x^α: lp = (α − 1) log x + (β − 1) log(1 − e) */
function kumaraswamy(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const logx = get(a, 1, i);
    const alpha = get(a, 2, i);
    const one = ONE();
    const p = sub(alpha, one);
    const q = sub(get(a, 3, i), one);
    const u = mul(alpha, logx);
    const e = exp(u);
    const t = neg(expm1(u));
    const l = select(lt(e, HALF()), log1p(neg(e)), log(t));
    const lp = outside(offUnit(x, one), add(times(p, logx), times(q, l)));
    const r = mul(q, div(e, t));
    write4(a + 24, i, lp, div(nmadd(alpha, r, p), x), nmadd(logx, sub(r, one), get(a, 4, i)), add(l, get(a, 5, i)));
  }
}

export function runBounded(op: i32, n: i32, a: usize): void {
  if (!a) return runBounded(op, n, a); // see dispatch.ts
  switch (op) {
    case Op.Uniform: return uniform(n, a);
    case Op.Beta: return beta(n, a);
    default: kumaraswamy(n, a);
  }
}
