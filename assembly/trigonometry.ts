// sin and cos over two f64 lanes for every double, at most 1.5 ULP off. |x| <= 2^20 is reduced by pi/2 in four parts (Cody and
// Waite); beyond, lane by lane with as many bits of 2/pi as matter (Payne and Hanek, SIGNUM Newsletter 18, 1983). The remainder
// keeps a second word, because it may be as small as 2^-60 where x is near a multiple of pi/2.

import { abs, add, ld, lds, madd, mul, nmadd, select, splat, st, sub } from "./lanes";

const T = memory.data<f64>([
  0.6366197723675814, // 0: 2/pi
  6755399441055744.0, // 8: 1.5·2^52
  1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32, // 16..40: pi/2 in 33 + 33 + 33 + 53 bits
  -0.16666666666666632, 0.00833333333332237, -0.0001984126982977115, 2.755731367863523e-06, // 48..72: (sin r - r)/r³ in r²
  -2.5050755954354737e-08, 1.5896666010089621e-10, // 80, 88
  0.0416666666666666, -0.0013888888888874064, 2.4801587289443566e-05, -2.7557314340677544e-07, // 96..120: (cos r - 1 + r²/2)/r⁴
  2.087572162524025e-09, -1.1359559363107612e-11, // 128, 136
  1048576.0, // 144
]);

/** 64 zero bits, then the bits of 2/pi behind the point. */
const TWO_OVER_PI = memory.data<u64>([
  0, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0, 0x06492eea09d1921c,
  0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
  0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08,
  0x56033046fc7b6bab,
]);

/** Where `reduceLarge` leaves a lane's quadrant, remainder and second word, as pairs of lanes. */
const reduced = memory.data(48);

/** The upper 64 bits of a·b for a < 2^53. */
// @ts-ignore: decorator
@inline function upper(a: u64, b: u64): u64 {
  const al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32;
  const middle = ah * bl + ((al * bl) >> 32);
  const cross = al * bh + (middle & 0xffffffff);
  return ah * bh + (middle >> 32) + (cross >> 32);
}

/** x - n·pi/2 for |x| > 2^20, into lane `lane` of `reduced`: the 192 bits of 2/pi that decide n mod 4 and the fraction. */
function reduceLarge(x: f64, lane: usize): void {
  const bits = reinterpret<u64>(x);
  const exponent = <i32>((bits >> 52) & 0x7ff) - 1075;
  const m = (bits & 0x000fffffffffffff) | 0x0010000000000000;
  let high: u64 = 0, low: u64 = 0, n: u64 = 0, negative = bits >> 63 != 0;
  let fraction = x - x; // NaN for infinities and NaN
  let rest = fraction;
  if (exponent < 0x7ff - 1075) {
    const start = exponent + 62; // the bit of weight 2 after scaling by 2^exponent
    const word = TWO_OVER_PI + ((<usize>start >> 6) << 3);
    const left = <u64>(start & 63);
    let a0 = load<u64>(word), a1 = load<u64>(word, 8), a2 = load<u64>(word, 16);
    if (left) {
      a0 = (a0 << left) | (a1 >> (64 - left));
      a1 = (a1 << left) | (a2 >> (64 - left));
      a2 = (a2 << left) | (load<u64>(word, 24) >> (64 - left));
    }
    // (m · a) mod 2^192 with two bits before the point
    const c2 = upper(m, a2);
    const b1 = m * a1;
    low = b1 + c2;
    high = m * a0 + upper(m, a1) + (low < c2 ? 1 : 0);
    n = high >> 62;
    high = (high << 2) | (low >> 62);
    low = (low << 2) | ((m * a2) >> 62);
    if (<i64>high < 0) { // a fraction above 1/2 belongs to the next quadrant
      n++;
      high = ~high;
      low = ~low;
      negative = !negative;
    }
    const shift = clz(high);
    high = (high << shift) | (low >> (64 - shift)); // 1 <= shift <= 62
    low <<= shift;
    // 0.high low · 2^-shift, times pi/2 in two words: the upper 53 bits, and the 64 after them
    const scale = reinterpret<f64>((<u64>(1023 - 53) - shift) << 52);
    const f = <f64>(high >> 11) * scale;
    const g = <f64>((high << 53) | (low >> 11)) * scale * 5.421010862427522e-20;
    const fh = reinterpret<f64>(reinterpret<u64>(f) & 0xfffffffff8000000), fl = f - fh;
    fraction = f * 1.5707963267948966;
    rest = fh * 1.5707963109016418 - fraction + fl * 1.5707963109016418 + fh * 1.589325471229585e-8 + fl * 1.589325471229585e-8
      + (f * 6.123233995736766e-17 + g * 1.5707963267948966);
    if (negative) {
      fraction = -fraction;
      rest = -rest;
    }
    if (bits >> 63) n = 0 - n;
  }
  store<u64>(reduced + (lane << 3), n);
  store<f64>(reduced + (lane << 3), fraction, 16);
  store<f64>(reduced + (lane << 3), rest, 32);
}

/** sin(x + quarter·pi/2). */
function sine(x: v128, quarter: i64): v128 {
  let n = add(mul(x, lds(T)), lds(T + 8));
  const k = sub(n, lds(T + 8));
  const t0 = sub(x, mul(k, lds(T + 16))); // exact, as are the products below
  const p1 = mul(k, lds(T + 24));
  const t1 = sub(t0, p1);
  const b1 = sub(t1, t0);
  const e1 = sub(sub(t0, sub(t1, b1)), add(p1, b1));
  const p2 = mul(k, lds(T + 32));
  const t2 = sub(t1, p2);
  const b2 = sub(t2, t1);
  const e2 = sub(sub(t1, sub(t2, b2)), add(p2, b2));
  const tail = sub(add(e1, e2), mul(k, lds(T + 40)));
  let r = add(t2, tail);
  let rl = add(sub(t2, r), tail);
  const large = v128.not(f64x2.le(abs(x), lds(T + 144)));
  if (v128.any_true(large)) {
    st(reduced, n);
    st(reduced + 16, r);
    st(reduced + 32, rl);
    if (i64x2.extract_lane(large, 0)) reduceLarge(f64x2.extract_lane(x, 0), 0);
    if (i64x2.extract_lane(large, 1)) reduceLarge(f64x2.extract_lane(x, 1), 1);
    n = ld(reduced);
    r = ld(reduced + 16);
    rl = ld(reduced + 32);
  }
  n = i64x2.add(n, i64x2.splat(quarter));
  const z = mul(r, r);
  const w = mul(z, z);
  const ps = madd(w, madd(w, lds(T + 88), madd(z, lds(T + 80), lds(T + 72))), madd(z, lds(T + 64), lds(T + 56)));
  const pc = madd(w, madd(z, lds(T + 136), lds(T + 128)), madd(z, lds(T + 120), lds(T + 112)));
  const half = mul(z, splat(0.5));
  // sin: r + (r³·S1 + (rl - z·(rl/2 - z·r·ps)))
  const zr = mul(z, r);
  const s = add(r, madd(zr, lds(T + 48), nmadd(z, nmadd(zr, ps, mul(splat(0.5), rl)), rl)));
  // cos: 1 - z/2 with its rounding, + (z²·(C1 + ..) - r·rl)
  const u = sub(splat(1), half);
  const c = add(u, add(sub(sub(splat(1), u), half), nmadd(r, rl, mul(w, madd(w, pc, madd(z, lds(T + 104), lds(T + 96)))))));
  const odd = i64x2.ne(v128.and(n, i64x2.splat(1)), i64x2.splat(0));
  return v128.xor(select(odd, c, s), i64x2.shl(v128.and(n, i64x2.splat(2)), 62));
}

export function sin(x: v128): v128 {
  const tiny = f64x2.lt(abs(x), splat(7.450580596923828e-09));
  return select(tiny, x, sine(x, 0)); // also keeps the sign of a zero
}

export function cos(x: v128): v128 {
  return sine(x, 1);
}
