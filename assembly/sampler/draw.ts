// Standard variates for arrays of parameters, by rejection. Element e owns the Philox counters (e, 4096·stage + attempt): its value
// is its first accepted attempt, whatever its neighbours do. First attempts go four elements at a time, repetitions four
// attempts at a time. `stage` tells apart the variates that one element of a composite distribution needs.

import { ld, lds, st } from "../lanes";
import { joinHigh, joinLow, normalPairs, philox, SAMPLES, STREAM, unit, WORDS } from "../random";
import { attempt, Draw, VARIATES } from "./attempt";

const ATTEMPTS: u32 = 4095;
let seedLow: u32 = 0;
let seedHigh: u32 = 0;
let last: u32 = 0;

/** The generator that `draw` uses from here on. */
export function seed(low: u32, high: u32, stream: u32): void {
  seedLow = low;
  seedHigh = high;
  last = SAMPLES | (stream & STREAM);
}

/** VARIATES for four counters. */
function variates(kind: i32, element: v128, block: v128): void {
  philox(element, block, i32x4.splat(0), i32x4.splat(last), seedLow, seedHigh, WORDS);
  const a = ld(WORDS);
  const b = v128.load(WORDS, 16);
  const c = v128.load(WORDS, 32);
  const d = v128.load(WORDS, 48);
  if (kind <= Draw.InverseGaussian) normalPairs(a, b, VARIATES, 16, 32);
  v128.store(VARIATES, unit(joinLow(a, b)), 64);
  v128.store(VARIATES, unit(joinHigh(a, b)), 80);
  v128.store(VARIATES, unit(joinLow(c, d)), 96);
  v128.store(VARIATES, unit(joinHigh(c, d)), 112);
}

/** The first accepted of the later attempts for one element; NaN only for parameters that nothing satisfies. */
function repeat(kind: i32, p: v128, q: v128, element: u32, block: u32): f64 {
  let counter = i32x4.add(i32x4.splat(block), i32x4(1, 2, 3, 4));
  for (let i: u32 = 0; i < ATTEMPTS - 4; i += 4, counter = i32x4.add(counter, i32x4.splat(4))) {
    variates(kind, i32x4.splat(element), counter);
    for (let at: usize = 0; at < 32; at += 16) {
      const value = attempt(kind, p, q, at);
      const first = f64x2.extract_lane(value, 0);
      if (first == first) return first;
      const second = f64x2.extract_lane(value, 1);
      if (second == second) return second;
    }
  }
  return NaN;
}

/** out[i] for elements element + i, parameters p[i] and q[i] (any array where the kind has fewer). */
export function draw(kind: i32, n: u32, p: usize, q: usize, out: usize, element: u32, stage: u32): void {
  const block = i32x4.splat(stage << 12);
  for (let i: u32 = 0; i < n; i += 4) {
    variates(kind, i32x4.add(i32x4.splat(element + i), i32x4(0, 1, 2, 3)), block);
    const size = <usize>min(n - i, 4) << 3;
    const at = <usize>i << 3;
    for (let h: usize = 0; h < size; h += 16) st(out + at + h, attempt(kind, ld(p + at + h), ld(q + at + h), h));
    for (let h: usize = 0; h < size; h += 8) {
      const value = f64.load(out + at + h);
      if (value != value) {
        const k = at + h;
        f64.store(out + k, repeat(kind, lds(p + k), lds(q + k), element + <u32>(k >> 3), stage << 12));
      }
    }
  }
}
