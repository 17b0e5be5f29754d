// Families on the positive half line. log x and what depends on the parameters alone come in as inputs, computed once for data and
// once per parameter. Where x = 0 belongs to the support the density there is its limit; elsewhere off the support −Infinity.

import { add, div, madd, mul, neg, nmadd, sub } from "../lanes";
import { exp } from "../math";
import { Op } from "../opcodes";
import {
  bytes, eq, get, give, HALF, INFINITY, le, lt, offHalfLine, ONE, ONE_AND_HALF, or, outside, put, times, write3, write4, ZERO,
} from "./common";

/** x, rate, 1/rate ; lp, ∂x, ∂rate */
function exponential(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const down = neg(get(a, 1, i));
    put(a, 3, i, outside(lt(x, ZERO()), mul(down, x)));
    give(a, 4, i, down);
    give(a, 5, i, sub(get(a, 2, i), x));
  }
}

/** x, log x, shape α, rate β, log β − ψ(α), α/β ; lp, ∂x, ∂α, ∂β. Chi-square: the same at α = ν/2, β = 1/2 ; lp, ∂x, ∂ν */
function gamma(n: i32, a: usize, chi: bool): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const logx = get(a, 1, i);
    const power = sub(get(a, 2, i), ONE());
    const rate = get(a, 3, i);
    put(a, 6, i, outside(offHalfLine(x), nmadd(rate, x, times(power, logx))));
    give(a, 7, i, sub(div(power, x), rate));
    const dshape = add(logx, get(a, 4, i));
    if (chi) give(a, 8, i, mul(HALF(), dshape));
    else {
      give(a, 8, i, dshape);
      give(a, 9, i, sub(get(a, 5, i), x));
    }
  }
}

/** x, log x, shape α, scale β, log β − ψ(α), α/β ; lp, ∂x, ∂α, ∂β */
function inverseGamma(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const logx = get(a, 1, i);
    const one = ONE();
    const power = add(get(a, 2, i), one);
    const inverse = div(one, x);
    const scaled = mul(get(a, 3, i), inverse);
    const lp = outside(le(x, ZERO()), neg(madd(power, logx, scaled)));
    write4(a + 24, i, lp, mul(inverse, sub(scaled, power)), sub(get(a, 4, i), logx), sub(get(a, 5, i), inverse));
  }
}

/** x, log x, shape k, log(scale), 1/k, k/scale ; lp, ∂x, ∂k, ∂scale */
function weibull(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const shape = get(a, 2, i);
    const u = sub(get(a, 1, i), get(a, 3, i));
    const p = exp(mul(shape, u));
    const one = ONE();
    const power = sub(shape, one);
    const more = sub(p, one);
    const lp = outside(offHalfLine(x), sub(times(power, u), p));
    write4(a + 24, i, lp, div(nmadd(shape, p, power), x), nmadd(u, more, get(a, 4, i)), mul(get(a, 5, i), more));
  }
}

/** x, minimum, log x, log(minimum), shape α, 1/α, α/minimum ; lp, ∂x, ∂minimum, ∂α */
function pareto(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const logx = get(a, 2, i);
    const shape = get(a, 4, i);
    const u = sub(get(a, 3, i), logx);
    const lp = outside(lt(x, get(a, 1, i)), sub(mul(shape, u), logx));
    write4(a + 28, i, lp, neg(div(add(shape, ONE()), x)), get(a, 6, i), add(get(a, 5, i), u));
  }
}

/** x, log x, mean μ, shape λ, 1/μ, 1/λ ; lp, ∂x, ∂μ, ∂λ */
function inverseGaussian(n: i32, a: usize): void {
  const end = bytes(n);
  for (let i: usize = 0; i < end; i += 16) {
    const x = get(a, 0, i);
    const m = get(a, 4, i);
    const half = HALF();
    const weight = mul(half, get(a, 3, i));
    const d = mul(sub(x, get(a, 2, i)), m);
    const inverse = div(ONE(), x);
    const h = mul(mul(d, d), inverse);
    const power = ONE_AND_HALF();
    const lp = outside(or(le(x, ZERO()), eq(x, INFINITY())), neg(madd(power, get(a, 1, i), mul(weight, h))));
    const t = mul(weight, d);
    const dx = neg(mul(inverse, madd(t, add(m, inverse), power)));
    write4(a + 24, i, lp, dx, mul(mul(add(t, t), m), m), mul(half, sub(get(a, 5, i), h)));
  }
}

export function runPositive(op: i32, n: i32, a: usize): void {
  if (!a) return runPositive(op, n, a); // see dispatch.ts
  switch (op) {
    case Op.Exponential: return exponential(n, a);
    case Op.Gamma: return gamma(n, a, false);
    case Op.ChiSquare: return gamma(n, a, true);
    case Op.InverseGamma: return inverseGamma(n, a);
    case Op.Weibull: return weibull(n, a);
    case Op.Pareto: return pareto(n, a);
    default: inverseGaussian(n, a);
  }
}
