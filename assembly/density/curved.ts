// Families whose kernels call special functions: skew normal (Azzalini 1985) and von Mises.

import { div, madd, mul, neg, nmadd, sub } from "../lanes";
import { erfcx, logNdtr } from "../special";
import { cos, sin } from "../trigonometry";
import { Op } from "../opcodes";
import { bytes, get, give, HALF, MINUS_SQRT_HALF, ONE, SQRT_2_OVER_PI, TWO, write4 } from "./common";

/** x, loc, 1/scale, shape ; lp, ∂x, ∂loc, ∂scale, ∂shape */
function skewNormal(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const r = get(a, 2, i);
    const shape = get(a, 3, i);
    const z = mul(sub(get(a, 0, i), get(a, 1, i)), r);
    const t = mul(shape, z);
    // φ(t)/Φ(t), the inverse Mills ratio
    const ratio = div(SQRT_2_OVER_PI(), erfcx(mul(t, MINUS_SQRT_HALF())));
    const g = sub(mul(shape, ratio), z);
    const d = mul(g, r);
    const lp = sub(logNdtr(t), mul(mul(HALF(), z), z));
    write4(a + 16, i, lp, d, neg(d), neg(mul(r, madd(g, z, ONE()))));
    give(a, 8, i, mul(ratio, z));
  }
}

/** x, loc, concentration κ, 1 − I₁(κ)/I₀(κ) ; lp = κ (cos(x − loc) − 1), ∂x, ∂loc, ∂κ */
function vonMises(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const two = TWO();
    const k2 = mul(two, get(a, 2, i));
    const h = mul(HALF(), sub(get(a, 0, i), get(a, 1, i)));
    const s = sin(h);
    const square = mul(s, s);
    const d = mul(k2, mul(s, cos(h)));
    write4(a + 16, i, neg(mul(k2, square)), neg(d), d, nmadd(two, square, get(a, 3, i)));
  }
}

export function runCurved(op: i32, n: i32, a: usize): void {
  if (!a) return runCurved(op, n, a); // see dispatch.ts
  if (op == Op.SkewNormal) skewNormal(n, a);
  else vonMises(n, a);
}
