// pow over two f64 lanes, at most 2 ULP off, with the special cases of ECMAScript's Math.pow: log x to about 2^-64 as two words
// (the atanh series of math.ts with its first terms in double-double arithmetic, products split in halves after Dekker, Numer.
// Math. 18, 1971), times y, through the exponential with a tail. No fused operation here: exact products need exact halves.

import { abs, add, div, ld, lds, madd, mul, splat, st, sub } from "./lanes";
import { expSlow, expWithTail, logSpecial } from "./math";

const P = memory.data<f64>([
  1.0, // 0
  0.693147180559663, 2.8235290563031577e-13, // 8, 16: ln 2
  4503599627371519.0, // 24: 2^52 + 1023
  0.6666666567325592, 9.934107462565104e-09, 0.6666666666666666, // 32..48: 2/3 in 26 bits, and the rest; 2/3
  0.3999999999999998, 0.2857142857144522, 0.22222222217510734, 0.18181818873481065, 0.15384556654467477, 0.133363257663977,
  0.11674648751089015, 0.11990429360680549, // 56..112: (log((1+s)/(1-s)) - 2s - 2s³/3)/s⁵ in z = s²
]);
const PB = memory.data<u64>([
  0x3ff0000000000000 - 0x3fe6a09e00000000, // 0
  0x4330000000000000, // 8
  0x000fffffffffffff, // 16
  0x3fe6a09e00000000, // 24
  0xfffffffff8000000, // 32: the upper 26 bits of a mantissa
]);

/** The second word of `logTimes`. */
const second = memory.data(16);

/** The upper half of a double: products of two such are exact. */
// @ts-ignore: decorator
@inline function half(x: v128): v128 {
  return v128.and(x, lds(PB + 32));
}

/** y·log(2^shift·x) for a normal x > 0; what the result lacks is stored in `second`. */
function logTimes(x: v128, y: v128, shift: v128): v128 {
  const one = lds(P);
  const bits = i64x2.add(x, lds(PB));
  const k = add(sub(v128.or(i64x2.shr_u(bits, 52), lds(PB + 8)), lds(P + 24)), shift);
  const m = i64x2.add(v128.and(bits, lds(PB + 16)), lds(PB + 24));
  const f = sub(m, one);
  const d = add(m, one), dl = sub(m, sub(d, one));
  // s = f/d as sh + sl, z = s² as zh + zl
  const s = div(f, d), sh = half(s), dh = half(d);
  const sl = div(sub(sub(f, mul(sh, dh)), mul(sh, add(sub(d, dh), dl))), d);
  const zh = mul(sh, sh), zl = mul(sl, add(sh, s)), z = add(zh, zl);
  const w = mul(z, z);
  const q = madd(
    mul(w, w),
    madd(w, madd(z, lds(P + 112), lds(P + 104)), madd(z, lds(P + 96), lds(P + 88))),
    madd(w, madd(z, lds(P + 80), lds(P + 72)), madd(z, lds(P + 64), lds(P + 56))),
  );
  // u = z·(2/3 + z·q) as uh + ul
  const zt = half(zh), zr = add(sub(zh, zt), zl);
  const u = mul(zt, lds(P + 32)), v = add(mul(zt, lds(P + 40)), add(mul(zr, lds(P + 48)), mul(w, q)));
  const uh = add(u, v), ul = sub(v, sub(uh, u)), ut = half(uh), ur = add(sub(uh, ut), ul);
  // log m = 2s + s·u as h + l; then with k·log 2 as g + low
  const a = add(sh, sh), b = mul(sh, ut), h = add(a, b);
  const l = add(sub(b, sub(h, a)), add(add(sl, sl), add(mul(sh, ur), mul(sl, uh))));
  const c = mul(k, lds(P + 8)), g = add(c, h);
  const low = add(sub(h, sub(g, c)), add(l, mul(k, lds(P + 16))));
  const lh = add(g, low), ll = sub(low, sub(lh, g));
  const yt = half(y), lt = half(lh);
  const p = mul(yt, lt), r = add(mul(yt, add(sub(lh, lt), ll)), mul(sub(y, yt), lh));
  const t = add(p, r);
  st(second, sub(r, sub(t, p)));
  return t;
}

/** Math.pow of one lane, special cases first; the general case has the bits of the fast path. */
function powLane(x: f64, y: f64): f64 {
  if (y == 0) return 1;
  if (x != x || y != y) return NaN;
  let a = f64.abs(x);
  if (f64.abs(y) == Infinity) return a == 1 ? NaN : a > 1 == y > 0 ? Infinity : 0;
  const whole = f64.floor(y) == y;
  const odd = whole && f64.abs(y) < 9007199254740992 && (<i64>y & 1) != 0;
  let r: f64;
  if (a == 0 || a == Infinity) r = (a == 0) == y > 0 ? 0 : Infinity;
  else {
    if (x < 0 && !whole) return NaN;
    let shift = 0.0;
    if (a < 2.2250738585072014e-308) {
      a *= 18014398509481984;
      shift = -54;
    }
    // a larger exponent overflows or underflows as this one does
    const t = logTimes(splat(a), splat(min(max(y, -18446744073709551616.0), 18446744073709551616.0)), splat(shift));
    const wild = f64.abs(f64x2.extract_lane(t, 0)) > 1000;
    r = f64x2.extract_lane(expSlow(t, wild ? splat(0) : ld(second)), 0);
  }
  return odd && reinterpret<i64>(x) < 0 ? -r : r;
}

export function pow(x: v128, y: v128): v128 {
  const t = logTimes(x, y, splat(0));
  if (v128.any_true(v128.or(logSpecial(x), v128.not(f64x2.le(abs(t), splat(664)))))) {
    const first = powLane(f64x2.extract_lane(x, 0), f64x2.extract_lane(y, 0));
    return f64x2.replace_lane(splat(first), 1, powLane(f64x2.extract_lane(x, 1), f64x2.extract_lane(y, 1)));
  }
  return expWithTail(t, ld(second));
}
