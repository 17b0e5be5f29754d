// Sobol points (Sobol 1967; direction numbers of Joe & Kuo 2008, brought by src/core/sobol.ts) in Gray-code order, with nested
// uniform scrambling (Owen 1995) by a hash (Laine & Karras 2011; Burley, JCGT 9, 2020), as uniforms or as normals. Digits are
// kept from the least significant bit up, so that products and sums, whose carries go up, change a digit by the digits before it
// only: that is what makes the hash a nested scrambling. A number depends on (seed, stream, step, dimension, point) alone.

import { add, mul, splat } from "./lanes";
import { philox, SCRAMBLES, STREAM, WORDS } from "./random";
import { ndtri } from "./special";

const REVERSED_NIBBLES: usize = memory.data<u8>([0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15]);
const POINTS: usize = memory.data(32, 16);

/** Bits of each 32-bit lane in the opposite order. */
// @ts-ignore: decorator
@inline function reverseBits(x: v128): v128 {
  const table = v128.load(REVERSED_NIBBLES);
  const nibble = i8x16.splat(15);
  const low = i8x16.swizzle(table, v128.and(x, nibble));
  const high = i8x16.swizzle(table, i8x16.shr_u(x, 4));
  return v128.shuffle<u8>(
    v128.or(i8x16.shl(low, 4), high), x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}

/** x ^ x·even, x + seed, x·odd: every step takes a bit to itself plus a function of the lower bits (constants: Vegdahl 2021). */
// @ts-ignore: decorator
@inline function scramble(x: v128, seed: u32): v128 {
  x = v128.xor(x, i32x4.mul(x, i32x4.splat(0x3d20adea)));
  x = i32x4.add(x, i32x4.splat(seed));
  x = i32x4.mul(x, i32x4.splat((seed >> 16) | 1));
  x = v128.xor(x, i32x4.mul(x, i32x4.splat(0x05526c56)));
  return v128.xor(x, i32x4.mul(x, i32x4.splat(0x53a22864)));
}

/** Two reversed fractions as uniforms (k + 1/2) / 2^32, or as the normals with these ranks. */
// @ts-ignore: decorator
@inline function value(x: v128, normal: bool): v128 {
  const u = mul(add(f64x2.convert_low_i32x4_u(x), splat(0.5)), splat(2.3283064365386963e-10));
  return normal ? ndtri(u) : u;
}

/**
 * out[dimension][point] for dimensions firstDimension + 0, 1, … (`directions`: their 32 direction numbers each, reversed) and
 * points first + 0, 1, …, first + points <= 2^32. `flags`: 1 scrambled, 2 normals. Each (stream, step) is a scrambling of its own.
 */
export function sobol(
  directions: usize, dimensions: u32, firstDimension: u32, points: u32, first: u32, seedLow: u32, seedHigh: u32,
  stream: u32, step: u32, flags: u32, out: usize,
): void {
  const normal = (flags & 2) != 0;
  const skip = first & 3;
  for (let d: u32 = 0; d < dimensions; d++, directions += 128, out += <usize>points << 3) {
    // Two seeds per dimension: 2^64 scramblings. One call makes those of four.
    const lane = <usize>(d & 3) << 2;
    if (!lane) {
      philox(
        i32x4.add(i32x4.splat(firstDimension + d), i32x4(0, 1, 2, 3)), i32x4.splat(0), i32x4.splat(step),
        i32x4.splat(SCRAMBLES | (stream & STREAM)), seedLow, seedHigh, WORDS);
    }
    const seed0 = load<u32>(WORDS + lane);
    const seed1 = load<u32>(WORDS + lane, 16);
    const v0 = load<u32>(directions);
    const v1 = load<u32>(directions, 4);
    const steps = i32x4.replace_lane(
      i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(0), 1, v0), 2, v0 ^ v1), 3, v1);
    let index = first - skip;
    let x: u32 = 0;
    for (let gray = index ^ (index >> 1); gray; gray &= gray - 1) x ^= load<u32>(directions + (<usize>ctz(gray) << 2));
    for (let at: u32 = 0; at < points + skip; at += 4) {
      let four = v128.xor(i32x4.splat(x), steps);
      if (flags & 1) four = scramble(scramble(four, seed0), seed1);
      four = reverseBits(four);
      const a = value(four, normal);
      const b = value(v128.shuffle<u32>(four, four, 2, 3, 2, 3), normal);
      if (at >= skip && at + 4 <= points + skip) {
        const to = out + (<usize>(at - skip) << 3);
        v128.store(to, a);
        v128.store(to, b, 16);
      } else {
        v128.store(POINTS, a);
        v128.store(POINTS, b, 16);
        for (let i = max(at, skip); i < min(at + 4, points + skip); i++)
          f64.store(out + (<usize>(i - skip) << 3), f64.load(POINTS + (<usize>(i - at) << 3)));
      }
      index += 4;
      x ^= v1 ^ load<u32>(directions + (<usize>(ctz(index) & 31) << 2));
    }
  }
}
