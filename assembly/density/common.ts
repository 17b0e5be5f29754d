// What the density kernels share: operand access, constants, support masks. A univariate kernel is `kernel(n, a)`; it loops over n
// doubles, n rounded up to even. `a` is read again at each step: an L1 load is cheaper, in bytes and in registers, than a local per
// operand. Invariant: outside the support the log density is -Infinity, and a NaN among the inputs is never masked away.

import { abs, ld, lds, select, st, sub } from "../lanes";

/** Constants for `lds`: smaller and, on V8, cheaper than literals in a loop. */
const C: usize = memory.data<f64>([
  -Infinity, 0, 0.5, 1, 2, 1.5, Infinity, 0.7978845608028653559, -0.7071067811865475244, -0.0,
], 16);

// @ts-ignore: decorator
@inline export function MINUS_INFINITY(): v128 { return lds(C); }
// @ts-ignore: decorator
@inline export function ZERO(): v128 { return lds(C + 8); }
// @ts-ignore: decorator
@inline export function HALF(): v128 { return lds(C + 16); }
// @ts-ignore: decorator
@inline export function ONE(): v128 { return lds(C + 24); }
// @ts-ignore: decorator
@inline export function TWO(): v128 { return lds(C + 32); }
// @ts-ignore: decorator
@inline export function ONE_AND_HALF(): v128 { return lds(C + 40); }
// @ts-ignore: decorator
@inline export function INFINITY(): v128 { return lds(C + 48); }
// @ts-ignore: decorator
@inline export function SQRT_2_OVER_PI(): v128 { return lds(C + 56); }
// @ts-ignore: decorator
@inline export function MINUS_SQRT_HALF(): v128 { return lds(C + 64); }
// @ts-ignore: decorator
@inline export function MINUS_ZERO(): v128 { return lds(C + 72); }

/** Bytes that a loop over n doubles covers. */
// @ts-ignore: decorator
@inline export function bytes(n: i32): usize { return <usize>((n + 1) & -2) << 3; }

/** The vector at byte `i` of operand `k`. */
// @ts-ignore: decorator
@inline export function get(a: usize, k: i32, i: usize): v128 { return ld(<usize>load<u32>(a + (k << 2)) + i); }

/** Writes the log density to the first of the operands at `o`, and the partials that are wanted to the following ones. */
export function write2(o: usize, i: usize, lp: v128, d1: v128): void {
  if (!o) return write2(o, i, lp, d1); // never so: keeps the optimizer from inlining what 40 kernels call
  st(<usize>load<u32>(o) + i, lp);
  give(o, 1, i, d1);
}
export function write3(o: usize, i: usize, lp: v128, d1: v128, d2: v128): void {
  if (!o) return write3(o, i, lp, d1, d2);
  st(<usize>load<u32>(o) + i, lp);
  give(o, 1, i, d1);
  give(o, 2, i, d2);
}
export function write4(o: usize, i: usize, lp: v128, d1: v128, d2: v128, d3: v128): void {
  if (!o) return write4(o, i, lp, d1, d2, d3);
  st(<usize>load<u32>(o) + i, lp);
  give(o, 1, i, d1);
  give(o, 2, i, d2);
  give(o, 3, i, d3);
}

/** Writes the log density, where a call would cost too much; the same goes for `give`. */
// @ts-ignore: decorator
@inline export function put(a: usize, k: i32, i: usize, v: v128): void { st(<usize>load<u32>(a + (k << 2)) + i, v); }
/** Writes a partial that may not be wanted. */
// @ts-ignore: decorator
@inline export function give(a: usize, k: i32, i: usize, v: v128): void {
  const p = <usize>load<u32>(a + (k << 2));
  if (p) st(p + i, v);
}

// @ts-ignore: decorator
@inline export function lt(a: v128, b: v128): v128 { return f64x2.lt(a, b); }
// @ts-ignore: decorator
@inline export function le(a: v128, b: v128): v128 { return f64x2.le(a, b); }
// @ts-ignore: decorator
@inline export function eq(a: v128, b: v128): v128 { return f64x2.eq(a, b); }
// @ts-ignore: decorator
@inline export function ne(a: v128, b: v128): v128 { return f64x2.ne(a, b); }
// @ts-ignore: decorator
@inline export function or(a: v128, b: v128): v128 { return v128.or(a, b); }
// @ts-ignore: decorator
@inline export function and(a: v128, b: v128): v128 { return v128.and(a, b); }

/** -Infinity where `bad`, else the log density. */
// @ts-ignore: decorator
@inline export function outside(bad: v128, lp: v128): v128 { return select(bad, MINUS_INFINITY(), lp); }

/** 0, or the NaN that x is. */
// @ts-ignore: decorator
@inline export function nanOf(x: v128): v128 { return and(x, ne(x, x)); }

/** Where x is negative or +Infinity: outside the half line, or at its far end, where the formulas have no limit. */
// @ts-ignore: decorator
@inline export function offHalfLine(x: v128): v128 { return or(lt(x, ZERO()), eq(x, INFINITY())); }

/** Where k is no count 0, 1, 2, …; a NaN passes for one, so that it reaches the log density. */
// @ts-ignore: decorator
@inline export function notCount(k: v128): v128 {
  return and(ne(sub(k, abs(f64x2.trunc(k))), ZERO()), eq(k, k));
}

/** `outside(notCount(k), lp)` as a call, where that is soon enough; `a` is the kernel's. */
export function onCounts(a: usize, k: v128, lp: v128): v128 {
  if (!a) return onCounts(a, k, lp); // never so, as in write2
  return outside(notCount(k), lp);
}

/** c·l, and 0 where the factor c is 0 whatever l (a logarithm of 0): the limit that densities at the edge of their support need. */
// @ts-ignore: decorator
@inline export function times(c: v128, l: v128): v128 {
  return and(f64x2.mul(c, l), ne(c, ZERO()));
}
