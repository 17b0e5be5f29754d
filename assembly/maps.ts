// Maps: elementwise kernels over n doubles, one per opcode 64..127, under the ABI `(rows, n, a)` of opcodes.ts (a map does not
// use rows). An array of odd length has one spare double, so every loop runs over whole vectors. Invariant: the result of an
// element depends on that element alone, whatever its lane and its neighbours, and an output may be one of the inputs.

import { abs, add, div, ld, madd, mul, neg, select, splat, sqrt, st, sub } from "./lanes";
import {
  exp, expm1, expOf, expSlow, expSpecial, log1p, logAddExp, log as logOfAny, logOf, logSpecial, sigmoidFrom, softplusFrom, tanh,
} from "./math";
import { Op } from "./opcodes";
import { pow } from "./power";
import {
  besselRatio, digamma, erf, erfc, erfcx, lbeta, lgamma, lgamma1p, logBesselI0, logNdtr, ndtr, ndtri, runScalar, trigamma,
} from "./special";
import { cos, sin } from "./trigonometry";

/** Bytes of n doubles in whole vectors. */
// @ts-ignore: decorator
@inline function span(n: i32): usize {
  return ((<usize>n + 1) >> 1) << 4;
}

// In `simple1`, `simple2` and `logistic` `op` is a constant at every call, so that each call compiles to one tight loop.

// @ts-ignore: decorator
@inline function simple1(op: i32, n: i32, a: usize): void {
  const x = <usize>load<u32>(a), y = <usize>load<u32>(a, 4) - x, end = x + span(n);
  for (let p = x; p < end; p += 16) {
    const v = ld(p);
    let r: v128;
    if (op == Op.Neg) r = neg(v);
    else if (op == Op.Reciprocal) r = div(splat(1), v);
    else if (op == Op.Abs) r = abs(v);
    else if (op == Op.Sqrt) r = sqrt(v);
    else if (op == Op.Square) r = mul(v, v);
    else r = sign(v);
    st(p + y, r);
  }
}

/** ±1 with the sign of x; zeros and NaN stay. */
// @ts-ignore: decorator
@inline function sign(x: v128): v128 {
  return select(f64x2.gt(abs(x), splat(0)), v128.bitselect(x, splat(1), splat(-0.0)), x);
}

// @ts-ignore: decorator
@inline function simple2(op: i32, n: i32, a: usize): void {
  const x = <usize>load<u32>(a), y = <usize>load<u32>(a, 4) - x, z = <usize>load<u32>(a, 8) - x, end = x + span(n);
  for (let p = x; p < end; p += 16) {
    const u = ld(p), v = ld(p + y);
    let r: v128;
    if (op == Op.Add) r = add(u, v);
    else if (op == Op.Sub) r = sub(u, v);
    else if (op == Op.Mul) r = mul(u, v);
    else if (op == Op.Div) r = div(u, v);
    else if (op == Op.Min) r = f64x2.min(u, v);
    else if (op == Op.Max) r = f64x2.max(u, v);
    else r = v128.and(f64x2.lt(u, v), splat(1));
    st(p + z, r);
  }
}

// @ts-ignore: decorator
@inline function simple3(op: i32, n: i32, a: usize): void {
  const x = <usize>load<u32>(a), y = <usize>load<u32>(a, 4) - x, z = <usize>load<u32>(a, 8) - x;
  const out = <usize>load<u32>(a, 12) - x, end = x + span(n);
  for (let p = x; p < end; p += 16) {
    const u = ld(p), v = ld(p + y), w = ld(p + z);
    st(p + out, op == Op.MulAdd ? madd(u, v, w) : op == Op.MulSub ? madd(u, v, neg(w)) : add(add(u, v), w));
  }
}

/** Functions that cost far more than the choice between them. */
function call1(op: i32, n: i32, a: usize): void {
  const x = <usize>load<u32>(a), y = <usize>load<u32>(a, 4) - x, end = x + span(n);
  for (let p = x; p < end; p += 16) {
    let v = ld(p);
    switch (op) {
      case Op.Log1p: v = log1p(v); break;
      case Op.Expm1: v = expm1(v); break;
      case Op.Tanh: v = tanh(v); break;
      case Op.Sin: v = sin(v); break;
      case Op.Cos: v = cos(v); break;
      case Op.Erf: v = erf(v); break;
      case Op.Erfc: v = erfc(v); break;
      case Op.Erfcx: v = erfcx(v); break;
      case Op.Ndtr: v = ndtr(v); break;
      case Op.LogNdtr: v = logNdtr(v); break;
      case Op.Ndtri: v = ndtri(v); break;
      case Op.Lgamma: v = lgamma(v); break;
      case Op.Digamma: v = digamma(v); break;
      case Op.Trigamma: v = trigamma(v); break;
      case Op.Lgamma1p: v = lgamma1p(v); break;
      case Op.LogBesselI0: v = logBesselI0(v); break;
      case Op.BesselRatio: v = besselRatio(v); break;
      default: unreachable();
    }
    st(p + y, v);
  }
}

function call2(op: i32, n: i32, a: usize): void {
  const x = <usize>load<u32>(a), y = <usize>load<u32>(a, 4) - x, z = <usize>load<u32>(a, 8) - x, end = x + span(n);
  for (let p = x; p < end; p += 16) {
    let u = ld(p);
    const v = ld(p + y);
    switch (op) {
      case Op.Pow: u = pow(u, v); break;
      case Op.LogAddExp: u = logAddExp(u, v); break;
      case Op.Lbeta: u = lbeta(u, v); break;
      default: unreachable();
    }
    st(p + z, u);
  }
}

// exp and log take two vectors at a time; a single last one is done twice rather than by a second copy of the code.

/** exp, or with `signs` = -0 exp(-|x|), of the doubles in x..end to y onwards. */
export function expInto(x: usize, end: usize, y: usize, signs: f64): void {
  const shift = y - x, or = splat(signs);
  for (let p = x; p < end; p += 32) {
    const p1 = p + (end - p > 16 ? 16 : 0);
    const v0 = v128.or(ld(p), or), v1 = v128.or(ld(p1), or);
    let r0: v128, r1: v128;
    if (v128.any_true(v128.or(expSpecial(v0), expSpecial(v1)))) {
      r0 = expSlow(v0, splat(0));
      r1 = expSlow(v1, splat(0));
    } else {
      r0 = expOf(v0);
      r1 = expOf(v1);
    }
    st(p + shift, r0);
    st(p1 + shift, r1);
  }
}

function log(n: i32, a: usize): void {
  const x = <usize>load<u32>(a), y = <usize>load<u32>(a, 4) - x, end = x + span(n);
  for (let p = x; p < end; p += 32) {
    const p1 = p + (end - p > 16 ? 16 : 0);
    const v0 = ld(p), v1 = ld(p1);
    let r0: v128, r1: v128;
    if (v128.any_true(v128.or(logSpecial(v0), logSpecial(v1)))) {
      r0 = logOfAny(v0);
      r1 = logOfAny(v1);
    } else {
      r0 = logOf(v0);
      r1 = logOf(v1);
    }
    st(p + y, r0);
    st(p1 + y, r1);
  }
}

const BLOCK: usize = 1024;
const scratch = memory.data(1024);

/** sigmoid, softplus and logSigmoid block by block: two short loops overlap better than one with both latencies in a row (5.5 ns
 * per element of softplus against 7.3). logSigmoid(x) is -softplus(-x). */
function logistic(op: i32, n: i32, a: usize): void {
  let x = <usize>load<u32>(a);
  const y = <usize>load<u32>(a, 4) - x, end = x + span(n);
  const flip = splat(op == Op.LogSigmoid ? -0.0 : 0.0);
  while (x < end) {
    const stop = min(end, x + BLOCK), e = scratch - x;
    expInto(x, stop, scratch, -0.0);
    if (op == Op.Sigmoid) {
      for (; x < stop; x += 16) st(x + y, sigmoidFrom(ld(x), ld(x + e)));
    } else {
      for (; x < stop; x += 16) {
        st(x + y, v128.xor(softplusFrom(v128.xor(ld(x), flip), ld(x + e)), flip));
      }
    }
  }
}

export function addMap(n: i32, a: usize): void { simple2(Op.Add, n, a); }
export function subMap(n: i32, a: usize): void { simple2(Op.Sub, n, a); }
export function mulMap(n: i32, a: usize): void { simple2(Op.Mul, n, a); }
export function mulAdd(n: i32, a: usize): void { simple3(Op.MulAdd, n, a); }
export function add3(n: i32, a: usize): void { simple3(Op.Add3, n, a); }

export function runMap(op: i32, rows: i32, n: i32, a: usize): void {
  switch (op) {
    case Op.Neg: return simple1(Op.Neg, n, a);
    case Op.Reciprocal: return simple1(Op.Reciprocal, n, a);
    case Op.Abs: return simple1(Op.Abs, n, a);
    case Op.Sqrt: return simple1(Op.Sqrt, n, a);
    case Op.Square: return simple1(Op.Square, n, a);
    case Op.Sign: return simple1(Op.Sign, n, a);
    case Op.Exp: return expInto(load<u32>(a), load<u32>(a) + span(n), load<u32>(a, 4), 0);
    case Op.Log: return log(n, a);
    case Op.Sigmoid:
    case Op.Softplus:
    case Op.LogSigmoid: return logistic(op, n, a);
    case Op.Add: return addMap(n, a);
    case Op.Sub: return subMap(n, a);
    case Op.Mul: return mulMap(n, a);
    case Op.Div: return simple2(Op.Div, n, a);
    case Op.Min: return simple2(Op.Min, n, a);
    case Op.Max: return simple2(Op.Max, n, a);
    case Op.Less: return simple2(Op.Less, n, a);
    case Op.Pow:
    case Op.LogAddExp:
    case Op.Lbeta: return call2(op, n, a);
    case Op.MulAdd: return mulAdd(n, a);
    case Op.MulSub: return simple3(Op.MulSub, n, a);
    case Op.Add3: return add3(n, a);
    case Op.VonMisesCdf:
    case Op.VonMisesCdfDerivative:
    case Op.VonMisesSampleDerivative: return runScalar(op, n, a);
    default:
      if (op >= Op.GammaP && op <= Op.BetaSampleDerivative) return runScalar(op, n, a);
      return call1(op, n, a);
  }
}
