// The normal family: normal, half-normal, log-normal, truncated normal. z = (x − loc)/scale; the normaliser is an addend that
// the kernels never see, its derivative is in the partials. `normal` is the hottest density there is, hence its own stores.

import { add, div, ld, mul, neg, st, sub } from "../lanes";
import { Op } from "../opcodes";
import { bytes, get, give, HALF, le, lt, ONE, or, outside, put, write3, write4, ZERO } from "./common";

/** x, loc, 1/scale ; lp, ∂x, ∂loc, ∂scale */
export function normal(n: i32, a: usize): void {
  const end = bytes(n);
  const x = <usize>load<u32>(a);
  const loc = <usize>load<u32>(a, 4);
  const inverse = <usize>load<u32>(a, 8);
  const lp = <usize>load<u32>(a, 12);
  const dx = <usize>load<u32>(a, 16);
  const dloc = <usize>load<u32>(a, 20);
  const dscale = <usize>load<u32>(a, 24);
  for (let i: usize = 0; i < end; i += 16) {
    const r = ld(inverse + i);
    const z = mul(sub(ld(x + i), ld(loc + i)), r);
    const d = mul(z, r);
    st(lp + i, mul(mul(HALF(), z), neg(z)));
    if (dx) st(dx + i, neg(d));
    if (dloc) st(dloc + i, d);
    if (dscale) st(dscale + i, mul(r, sub(mul(z, z), ONE())));
  }
}

/** x, 1/scale ; lp, ∂x, ∂scale */
function halfNormal(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const r = get(a, 1, i);
    const z = mul(x, r);
    const square = mul(z, z);
    const lp = outside(lt(x, ZERO()), neg(mul(HALF(), square)));
    write3(a + 8, i, lp, neg(mul(z, r)), mul(r, sub(square, ONE())));
  }
}

/** x, log x, loc, 1/scale ; lp, ∂x, ∂loc, ∂scale */
function logNormal(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const logx = get(a, 1, i);
    const r = get(a, 3, i);
    const z = mul(sub(logx, get(a, 2, i)), r);
    const d = mul(z, r);
    const square = mul(z, z);
    const one = ONE();
    const lp = outside(le(x, ZERO()), neg(add(mul(HALF(), square), logx)));
    put(a, 4, i, lp);
    give(a, 5, i, neg(div(add(d, one), x)));
    give(a, 6, i, d);
    give(a, 7, i, mul(r, sub(square, one)));
  }
}

/** x, loc, 1/scale, low, high, ∂loc, ∂scale, ∂low, ∂high of −log(Φ(β) − Φ(α)) ; lp, ∂x, ∂loc, ∂scale, ∂low, ∂high */
function truncatedNormal(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const r = get(a, 2, i);
    const z = mul(sub(x, get(a, 1, i)), r);
    const d = mul(z, r);
    const square = mul(z, z);
    const lp = outside(or(lt(x, get(a, 3, i)), lt(get(a, 4, i), x)), neg(mul(HALF(), square)));
    write4(a + 36, i, lp, neg(d), add(d, get(a, 5, i)), add(mul(r, sub(square, ONE())), get(a, 6, i)));
    give(a, 13, i, get(a, 7, i));
    give(a, 14, i, get(a, 8, i));
  }
}

export function runNormal(op: i32, n: i32, a: usize): void {
  if (!a) return runNormal(op, n, a); // see dispatch.ts
  switch (op) {
    case Op.Normal: return normal(n, a);
    case Op.HalfNormal: return halfNormal(n, a);
    case Op.LogNormal: return logNormal(n, a);
    default: truncatedNormal(n, a);
  }
}
