// The only vocabulary for v128 in the core. Two f64 lanes per vector; every kernel is written in these words, so that the
// baseline and the relaxed build come from one source: `madd` is a rounded multiply and add in the baseline build (the same
// bits on every engine) and one fused instruction in the relaxed build.

/** Bytes in a v128, the step of every kernel loop. */
export const VECTOR: usize = 16;

// @ts-ignore: decorator
@inline export function ld(p: usize): v128 { return v128.load(p); }
// @ts-ignore: decorator
@inline export function st(p: usize, v: v128): void { v128.store(p, v); }
/** Both lanes from one f64 in memory: cheaper than a literal splat inside loops on V8, which rematerialises constants. */
// @ts-ignore: decorator
@inline export function lds(p: usize): v128 { return v128.load64_splat(p); }
// @ts-ignore: decorator
@inline export function splat(x: f64): v128 { return f64x2.splat(x); }
// @ts-ignore: decorator
@inline export function add(a: v128, b: v128): v128 { return f64x2.add(a, b); }
// @ts-ignore: decorator
@inline export function sub(a: v128, b: v128): v128 { return f64x2.sub(a, b); }
// @ts-ignore: decorator
@inline export function mul(a: v128, b: v128): v128 { return f64x2.mul(a, b); }
// @ts-ignore: decorator
@inline export function div(a: v128, b: v128): v128 { return f64x2.div(a, b); }
// @ts-ignore: decorator
@inline export function neg(a: v128): v128 { return f64x2.neg(a); }
// @ts-ignore: decorator
@inline export function abs(a: v128): v128 { return f64x2.abs(a); }
// @ts-ignore: decorator
@inline export function sqrt(a: v128): v128 { return f64x2.sqrt(a); }
/** a·b + c, fused in the relaxed build only. */
// @ts-ignore: decorator
@inline export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_madd(a, b, c);
  return f64x2.add(f64x2.mul(a, b), c);
}
/** c − a·b, fused in the relaxed build only. */
// @ts-ignore: decorator
@inline export function nmadd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_nmadd(a, b, c);
  return f64x2.sub(c, f64x2.mul(a, b));
}
/** Lane by lane: where the mask is set a, elsewhere b. */
// @ts-ignore: decorator
@inline export function select(mask: v128, a: v128, b: v128): v128 { return v128.bitselect(a, b, mask); }
/** The smaller lane by one instruction: `b < a ? b : a`, so a NaN in b is dropped and a NaN in a is kept. */
// @ts-ignore: decorator
@inline export function pmin(a: v128, b: v128): v128 { return f64x2.pmin(a, b); }
/** The larger lane by one instruction: `a < b ? b : a`. */
// @ts-ignore: decorator
@inline export function pmax(a: v128, b: v128): v128 { return f64x2.pmax(a, b); }
/** Lane 0 plus lane 1, in that order. */
// @ts-ignore: decorator
@inline export function hsum(a: v128): f64 { return f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1); }
