// Random numbers as a pure function: Philox4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3",
// SC11), four counters at once. The value for (seed, stream, step, draw, coordinate) depends on these five and on nothing
// else: not on how many draws or coordinates one call fills, nor on lanes, threads or the order of calls.
//
//   key      [seedLow, seedHigh]
//   counter  [block, draw, step, kind << 28 | stream]      stream < 2^28; kind separates what is below
//
//   kind 0  normals   block = coordinate >> 2: words (0, 1) give coordinates 4·block + 0, 2 and words (2, 3) + 1, 3
//   kind 1  uniforms  block = coordinate >> 1: words (0, 1) give coordinate 2·block, words (2, 3) give 2·block + 1
//   kind 2  bits      block = coordinate >> 2: word j is coordinate 4·block + j
//   kind 3  samplers  block = element, draw = number of the block within the element (assembly/sampler/)
//   kind 4  scrambling of Sobol points  block = dimension (assembly/sobol.ts)
//
// A normal pair (Box & Muller 1958) takes 64 bits (a, b): the radius a uniform of 52 bits, a and the upper 20 bits of b; the
// angle the 32 bits of b, its halves exchanged. Sharing these 20 bits is invisible (they are worth 2^-32 in the radius and come
// last in the angle) and takes the tail to sqrt(-2 log 2^-53) = 8.57, where 32 bits end at 6.76, at no cost. The map
// from bits to normals is accurate to 8e-11 of the radius, twenty times finer than the angle's own steps: more terms buy nothing.

import { abs, add, div, ld, madd, mul, nmadd, sqrt, st, sub } from "./lanes";

/** What a counter is for: the top four bits of its last word. */
export const NORMALS: u32 = 0;
export const UNIFORMS: u32 = 1 << 28;
export const BITS: u32 = 2 << 28;
export const SAMPLES: u32 = 3 << 28;
export const SCRAMBLES: u32 = 4 << 28;
export const STREAM: u32 = (1 << 28) - 1;

/** Where `philox` leaves its words, [word 0..3][counter 0..3], as a rule; the next 64 bytes are the other place. */
export const WORDS: usize = memory.data(128, 128);
/** What `convert` makes of them: [coordinate within the block][counter 0..3]. */
export const VALUES: usize = memory.data(128, 16);
const LINE: usize = memory.data(64, 16);

const PHILOX: usize = memory.data<u32>([0xd2511f53, 0xcd9e8d57, 0x9e3779b9, 0xbb67ae85]);
const BITS64: usize = memory.data<u64>([
  0x3ff0000000000000, // 0: the exponent of [1, 2)
  0x00095f619980c433, // 8: 1 - sqrt(1/2), in bits
  0x000fffffffffffff, // 16: a mantissa
  0x3fe6a09e667f3bcd, // 24: sqrt(1/2)
  0x4330000000000000, // 32: 2^52
  0x8000000000000000, // 40: the sign
]);
// Minimax polynomials, made for the errors above (Remez, 40 digits).
const REALS: usize = memory.data<f64>([
  0.99999999999999988898, // 0: 1 - 2^-53
  1.0, // 8
  4503599627371519.0, // 16: 2^52 + 1023
  -1.3862943611198906188, // 24: -2 log 2
  // 32: -2 log m = s P(s^2), s = (m - 1) / (m + 1), m in [sqrt(1/2), sqrt(2)]: 4.2e-12 relative
  -4.000000000016848, -1.3333333048090468, -0.800007717382713, -0.570699718515039, -0.4723493166365979,
  // 72: sqrt(2) sin(pi/4 t) = t P(t^2), t in [-1, 1]: 2.4e-12
  1.1107207345133219, -0.11419139791071252, 0.0035219468221731796, -5.1719798437039734e-05, 4.363760540143175e-07,
  // 112: sqrt(2) cos(pi/4 t) = P(t^2): 6.7e-11
  1.414213562306062, -0.4361790091226347, 0.022421401785461044, -0.0004609468089266428, 4.99190707126155e-06,
  0.5, // 152
  9.31322574615478515625e-10, // 160: 2^-30
]);

// @ts-ignore: decorator
@inline function real(offset: usize): v128 { return v128.load64_splat(REALS + offset); }
// @ts-ignore: decorator
@inline function bits(offset: usize): v128 { return v128.load64_splat(BITS64 + offset); }
// @ts-ignore: decorator
@inline function even(low: v128, high: v128): v128 { return v128.shuffle<u32>(low, high, 0, 2, 4, 6); }
// @ts-ignore: decorator
@inline function odd(low: v128, high: v128): v128 { return v128.shuffle<u32>(low, high, 1, 3, 5, 7); }

/**
 * Ten rounds of Philox on four counters (lane i of c0..c3 is counter i), key (k0, k1), into `words`. 14 ns, all of it latency: whoever
 * needs many should have other work between two of them. Two rounds a turn save moves between registers.
 */
export function philox(c0: v128, c1: v128, c2: v128, c3: v128, k0: u32, k1: u32, words: usize): void {
  const m0 = v128.load32_splat(PHILOX);
  const m1 = v128.load32_splat(PHILOX, 4);
  const w0 = v128.load32_splat(PHILOX, 8);
  const w1 = v128.load32_splat(PHILOX, 12);
  let key0 = i32x4.splat(k0);
  let key1 = i32x4.splat(k1);
  for (let round = 0; round < 5; round++) {
    let low0 = i64x2.extmul_low_i32x4_u(c0, m0);
    let high0 = i64x2.extmul_high_i32x4_u(c0, m0);
    let low1 = i64x2.extmul_low_i32x4_u(c2, m1);
    let high1 = i64x2.extmul_high_i32x4_u(c2, m1);
    const d0 = v128.xor(odd(low1, high1), v128.xor(c1, key0));
    const d1 = even(low1, high1);
    const d2 = v128.xor(odd(low0, high0), v128.xor(c3, key1));
    const d3 = even(low0, high0);
    key0 = i32x4.add(key0, w0);
    key1 = i32x4.add(key1, w1);
    low0 = i64x2.extmul_low_i32x4_u(d0, m0);
    high0 = i64x2.extmul_high_i32x4_u(d0, m0);
    low1 = i64x2.extmul_low_i32x4_u(d2, m1);
    high1 = i64x2.extmul_high_i32x4_u(d2, m1);
    c0 = v128.xor(odd(low1, high1), v128.xor(d1, key0));
    c1 = even(low1, high1);
    c2 = v128.xor(odd(low0, high0), v128.xor(d3, key1));
    c3 = even(low0, high0);
    key0 = i32x4.add(key0, w0);
    key1 = i32x4.add(key1, w1);
  }
  v128.store(words, c0);
  v128.store(words, c1, 16);
  v128.store(words, c2, 32);
  v128.store(words, c3, 48);
}

/** Uniforms of (0, 1) from the upper 52 bits of each lane: odd multiples of 2^-53, so that u and 1 - u are equally exact. */
// @ts-ignore: decorator
@inline export function unit(word: v128): v128 { return sub(v128.or(i64x2.shr_u(word, 12), bits(0)), real(0)); }

/** Lanes 0 and 1 (or 2 and 3) of two words as 64-bit lanes, a in the upper halves. */
// @ts-ignore: decorator
@inline export function joinLow(a: v128, b: v128): v128 { return v128.shuffle<u32>(b, a, 0, 4, 1, 5); }
// @ts-ignore: decorator
@inline export function joinHigh(a: v128, b: v128): v128 { return v128.shuffle<u32>(b, a, 2, 6, 3, 7); }

/**
 * Normal pairs of four lanes of words a, b: the first ones of lanes 0, 1 to `to` and of lanes 2, 3 to `to` + `right`, the second
 * ones `down` behind them. Two vectors go side by side to keep the pipes full: 11.6 ns for eight normals.
 */
export function normalPairs(a: v128, b: v128, to: usize, right: usize, down: usize): void {
  // radius: u = 2^k m
  const t0 = i64x2.add(unit(joinLow(a, b)), bits(8));
  const t1 = i64x2.add(unit(joinHigh(a, b)), bits(8));
  const m0 = i64x2.add(v128.and(t0, bits(16)), bits(24));
  const m1 = i64x2.add(v128.and(t1, bits(16)), bits(24));
  const s0 = div(sub(m0, real(8)), add(m0, real(8)));
  const s1 = div(sub(m1, real(8)), add(m1, real(8)));
  // angle: half a turn in psi (-1..1, a quarter of it), the other half in the sign of the first normal
  const b1 = v128.shuffle<u16>(b, b, 1, 0, 3, 2, 5, 4, 7, 6);
  const angle0 = add(f64x2.convert_low_i32x4_s(b1), real(152));
  const angle1 = add(f64x2.convert_low_i32x4_s(v128.shuffle<u32>(b1, b1, 2, 3, 2, 3)), real(152));
  const psi0 = sub(mul(abs(angle0), real(160)), real(8));
  const psi1 = sub(mul(abs(angle1), real(160)), real(8));
  const z0 = mul(s0, s0);
  const z1 = mul(s1, s1);
  const zz0 = mul(z0, z0);
  const zz1 = mul(z1, z1);
  const k0 = sub(v128.or(i64x2.shr_u(t0, 52), bits(32)), real(16));
  const k1 = sub(v128.or(i64x2.shr_u(t1, 52), bits(32)), real(16));
  const log0 = madd(madd(real(64), zz0, madd(real(56), z0, real(48))), zz0, madd(real(40), z0, real(32)));
  const log1 = madd(madd(real(64), zz1, madd(real(56), z1, real(48))), zz1, madd(real(40), z1, real(32)));
  const r0 = sqrt(madd(k0, real(24), mul(s0, log0)));
  const r1 = sqrt(madd(k1, real(24), mul(s1, log1)));
  const x0 = mul(psi0, psi0);
  const x1 = mul(psi1, psi1);
  const xx0 = mul(x0, x0);
  const xx1 = mul(x1, x1);
  const sin0 = mul(psi0, madd(madd(real(104), xx0, madd(real(96), x0, real(88))), xx0, madd(real(80), x0, real(72))));
  const sin1 = mul(psi1, madd(madd(real(104), xx1, madd(real(96), x1, real(88))), xx1, madd(real(80), x1, real(72))));
  // the double angle: cos 2x = 1 - 2 sin^2 x, sin 2x = 2 sin x cos x
  const y0 = mul(sin0, r0);
  const y1 = mul(sin1, r1);
  st(to, v128.xor(nmadd(y0, sin0, r0), v128.and(angle0, bits(40))));
  st(to + right, v128.xor(nmadd(y1, sin1, r1), v128.and(angle1, bits(40))));
  if (!down) return;
  const cos0 = madd(madd(real(144), xx0, madd(real(136), x0, real(128))), xx0, madd(real(120), x0, real(112)));
  const cos1 = madd(madd(real(144), xx1, madd(real(136), x1, real(128))), xx1, madd(real(120), x1, real(112)));
  to += down;
  st(to, mul(y0, cos0));
  st(to + right, mul(y1, cos1));
}

/** sqrt(2) sin(pi/4 t) and sqrt(2) cos(pi/4 t) for t in [-1, 1], to 7e-11. */
export function quarterSine(t: v128): v128 {
  const x = mul(t, t);
  const xx = mul(x, x);
  return mul(t, madd(madd(real(104), xx, madd(real(96), x, real(88))), xx, madd(real(80), x, real(72))));
}
export function quarterCosine(t: v128): v128 {
  const x = mul(t, t);
  const xx = mul(x, x);
  return madd(madd(real(144), xx, madd(real(136), x, real(128))), xx, madd(real(120), x, real(112)));
}

/** The values of four counters, row by row: [coordinate of the block][counter]; only rows 0 and (normals) 2 unless `all`. */
// @ts-ignore: decorator
@inline function rows(kind: u32, all: bool, to: usize, row: usize, words: usize = WORDS): void {
  const a = ld(words);
  const b = v128.load(words, 16);
  const c = v128.load(words, 32);
  const d = v128.load(words, 48);
  if (kind == NORMALS) {
    normalPairs(a, b, to, 16, row << 1);
    if (all) normalPairs(c, d, to + row, 16, row << 1);
  } else {
    st(to, unit(joinLow(a, b)));
    v128.store(to, unit(joinHigh(a, b)), 16);
    if (all) {
      st(to + row, unit(joinLow(c, d)));
      v128.store(to + row, unit(joinHigh(c, d)), 16);
    }
  }
}

/** VALUES from words: four normals of each counter. */
export function convert(words: usize): void {
  rows(NORMALS, true, VALUES, 32, words);
}

/** Two counters (the upper two if `upper`) in a line: [counter][coordinate of the block]. */
// @ts-ignore: decorator
@inline function line(kind: u32, upper: bool, to: usize): void {
  const a = upper ? joinHigh(v128.load(WORDS, 32), ld(WORDS)) : joinLow(v128.load(WORDS, 32), ld(WORDS));
  const b = upper
    ? joinHigh(v128.load(WORDS, 48), v128.load(WORDS, 16))
    : joinLow(v128.load(WORDS, 48), v128.load(WORDS, 16));
  if (kind == NORMALS) {
    normalPairs(a, b, to, 32, 16);
  } else {
    st(to, unit(joinLow(a, b)));
    v128.store(to, unit(joinHigh(a, b)), 16);
  }
}

/** out[coordinate][draw] for a rectangle of draws and coordinates; 1 << shift coordinates share a block. */
function fill(
  kind: u32, shift: u32, seedLow: u32, seedHigh: u32, stream: u32, step: u32, draws: u32, coordinates: u32, out: usize,
  firstDraw: u32, firstCoordinate: u32,
): void {
  const c2 = i32x4.splat(step);
  const c3 = i32x4.splat(kind | (stream & STREAM));
  const per: u32 = 1 << shift;
  // Coordinates are counted from the first block's own first one: those before `skip` are not wanted.
  const skip = firstCoordinate & (per - 1);
  const stop = skip + coordinates;
  const block = i32x4.splat(firstCoordinate >> shift);
  if (draws == 1) {
    let c0 = i32x4.add(block, i32x4(0, 1, 2, 3));
    const c1 = i32x4.splat(firstDraw);
    for (let first: u32 = 0, end: u32 = 0; first < stop; first = end) {
      philox(c0, c1, c2, c3, seedLow, seedHigh, WORDS);
      c0 = i32x4.add(c0, i32x4.splat(4));
      for (let upper = 0; upper < 2 && first < stop; upper++, first = end) {
        end = first + (per << 1);
        if (first >= skip && end <= stop) line(kind, <bool>upper, out + (<usize>(first - skip) << 3));
        else {
          line(kind, <bool>upper, LINE);
          for (let c = max(first, skip); c < min(end, stop); c++)
            f64.store(out + (<usize>(c - skip) << 3), f64.load(LINE + (<usize>(c - first) << 3)));
        }
      }
    }
    return;
  }
  // The four counters are four draws of one block or, for two draws, two draws of two blocks.
  const spread: u32 = draws == 2 ? 1 : 0;
  const wide: u32 = 4 >> spread;
  const blockLane = spread ? i32x4.add(block, i32x4(0, 0, 1, 1)) : block;
  const drawLane = i32x4.add(i32x4.splat(firstDraw), spread ? i32x4(0, 1, 0, 1) : i32x4(0, 1, 2, 3));
  const row = <usize>draws << 3;
  for (let first: u32 = 0; first < stop; first += per << spread) {
    const c0 = i32x4.add(blockLane, i32x4.splat(first >> shift));
    const all = first + 1 < stop;
    for (let draw: u32 = 0; draw < draws; draw += wide) {
      philox(c0, i32x4.add(drawLane, i32x4.splat(draw)), c2, c3, seedLow, seedHigh, WORDS);
      if (!spread && first >= skip && first + per <= stop && draw + 4 <= draws) {
        rows(kind, all, out + (<usize>(first - skip) * row + (<usize>draw << 3)), row);
        continue;
      }
      rows(kind, all, VALUES, 32);
      const end = min(first + (per << spread), stop);
      for (let c = max(first, skip); c < end; c++) {
        let from = VALUES + (<usize>(c & (per - 1)) << 5) + (<usize>((c - first) >> shift) << 4);
        let to = out + (<usize>(c - skip) * row + (<usize>draw << 3));
        for (let d = draw; d < min(draw + wide, draws); d += 2, from += 16, to += 16) {
          if (d + 1 < draws) v128.store(to, v128.load(from));
          else f64.store(to, f64.load(from));
        }
      }
    }
  }
}

/**
 * Standard normals, out[coordinate][draw] (draws innermost), for draws firstDraw + 0, 1, … and coordinates
 * firstCoordinate + 0, 1, …
 */
export function fillNormals(
  seedLow: u32, seedHigh: u32, stream: u32, step: u32, draws: u32, coordinates: u32, out: usize, firstDraw: u32,
  firstCoordinate: u32,
): void {
  fill(NORMALS, 2, seedLow, seedHigh, stream, step, draws, coordinates, out, firstDraw, firstCoordinate);
}

/** Uniforms of the open interval (0, 1), odd multiples of 2^-53, laid out as in `fillNormals`. */
export function fillUniforms(
  seedLow: u32, seedHigh: u32, stream: u32, step: u32, draws: u32, coordinates: u32, out: usize, firstDraw: u32,
  firstCoordinate: u32,
): void {
  fill(UNIFORMS, 1, seedLow, seedHigh, stream, step, draws, coordinates, out, firstDraw, firstCoordinate);
}

/** 32 random bits each, as u32, laid out as in `fillNormals`. */
export function fillBits(
  seedLow: u32, seedHigh: u32, stream: u32, step: u32, draws: u32, coordinates: u32, out: usize, firstDraw: u32,
  firstCoordinate: u32,
): void {
  const c2 = i32x4.splat(step);
  const c3 = i32x4.splat(BITS | (stream & STREAM));
  const skip = firstCoordinate & 3;
  const stop = skip + coordinates;
  const lanes = i32x4(0, 1, 2, 3);
  // Four draws of one block, or (for one draw) four blocks.
  const wide: u32 = draws == 1 ? 1 : 4;
  for (let first: u32 = 0; first < stop; first += 16 / wide) {
    let c0 = i32x4.splat((firstCoordinate + first) >> 2);
    if (wide == 1) c0 = i32x4.add(c0, lanes);
    for (let draw: u32 = 0; draw < draws; draw += wide) {
      let c1 = i32x4.splat(firstDraw + draw);
      if (wide == 4) c1 = i32x4.add(c1, lanes);
      philox(c0, c1, c2, c3, seedLow, seedHigh, WORDS);
      for (let c = max(first, skip); c < min(first + 16 / wide, stop); c++)
        for (let d = draw; d < min(draw + wide, draws); d++)
          store<u32>(
            out + ((<usize>(c - skip) * draws + d) << 2),
            load<u32>(WORDS + (<usize>(c & 3) << 4) + (<usize>(((c - first) >> 2) + d - draw) << 2)),
          );
    }
  }
}

/** One Philox block, four words to `out`: the generator itself, for its known-answer test. */
export function philoxBlock(c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32, out: usize): void {
  philox(i32x4.splat(c0), i32x4.splat(c1), i32x4.splat(c2), i32x4.splat(c3), k0, k1, WORDS);
  for (let i: usize = 0; i < 4; i++) store<u32>(out + (i << 2), load<u32>(WORDS + (i << 4)));
}
