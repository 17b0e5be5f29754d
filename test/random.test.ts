// The counter-based generator: Random123's known-answer vectors, the mapping that assembly/random.ts documents against a
// plain reading of it, independence of every split, and the distribution of normals and uniforms at fixed seeds.

import { expect, test } from "vitest";
import type { CoreExports, RandomFill } from "../src/core/load.js";
import { type BuildName, correlationScore, kolmogorov, kolmogorovTail, normalCdf, openCore } from "./random-support.js";

const core = openCore("release");
type Key = readonly [seedLow: number, seedHigh: number, stream: number, step: number];
type Kind = "fillNormals" | "fillUniforms" | "fillBits";

function fill(
  kind: Kind,
  key: Key,
  draws: number,
  coordinates: number,
  firstDraw = 0,
  firstCoordinate = 0,
  from = core,
) {
  const count = draws * coordinates;
  const out = from.allocate((count + 2) * 8);
  const guard = new Float64Array(from.memory.buffer, out, count + 2).fill(-77);
  (from[kind] as RandomFill)(...key, draws, coordinates, out, firstDraw, firstCoordinate);
  const bits = kind === "fillBits";
  const spare = bits ? guard.slice(Math.ceil(count / 2)) : guard.slice(count);
  expect([...spare.slice(0, 1)], "nothing is written behind the end").toEqual([-77]);
  const values = bits
    ? Float64Array.from(new Uint32Array(from.memory.buffer, out, count))
    : new Float64Array(from.memory.buffer, out, count).slice();
  from.free(out);
  return values;
}

/** Philox4x32-10 as the paper writes it. */
function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [a, b, c, d] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  const mask = 0xffffffffn;
  for (let round = 0; round < 10; round++) {
    const p = 0xd2511f53n * a;
    const q = 0xcd9e8d57n * c;
    [a, b, c, d] = [(q >> 32n) ^ b ^ k0, q & mask, (p >> 32n) ^ d ^ k1, p & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [a, b, c, d].map(Number);
}

const blockOf = (kind: number, [low, high, stream, step]: Key, draw: number, block: number): number[] =>
  philox([block, draw, step, kind * 2 ** 28 + stream], [low, high]);

const unit = (high: number, low: number): number =>
  Number(((BigInt(high) << 32n) | BigInt(low)) >> 12n) / 2 ** 52 + 2 ** -53;

/** Four normals of a block by Math functions. */
function normalsOf(words: readonly number[]): number[] {
  const pair = (a: number, b: number): [number, number] => {
    const r = Math.sqrt(-2 * Math.log(unit(a, b)));
    const exchanged = (b << 16) | (b >>> 16) | 0;
    const angle = (Math.PI / 2) * (Math.abs(exchanged + 0.5) / 2 ** 30 - 1);
    return [r * Math.cos(angle) * Math.sign(exchanged + 0.5), r * Math.sin(angle)];
  };
  const [a, c] = pair(words[0]!, words[1]!);
  const [b, d] = pair(words[2]!, words[3]!);
  return [a, b, c, d];
}

test.each([
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
] as [number[], number[], number[]][])(
  "Philox4x32-10 gives the known answer for counter %j, key %j",
  (counter, key, answer) => {
    expect(philox(counter, key)).toEqual(answer);
    const out = core.allocate(16);
    const [c0, c1, c2, c3] = counter as [number, number, number, number];
    core.philoxBlock(c0, c1, c2, c3, key[0]!, key[1]!, out);
    expect([...new Uint32Array(core.memory.buffer, out, 4)]).toEqual(answer);
    core.free(out);
  },
);

const keys: Key[] = [
  [1, 0, 0, 0],
  [0xdeadbeef, 0x12345678, 0xfffffff, 0xffffffff],
  [0, 0xffffffff, 77, 1_000_000],
];

test("bits, uniforms and normals follow the documented mapping from the five keys to the counter", () => {
  for (const key of keys) {
    const [draws, coordinates, firstDraw, firstCoordinate] = [5, 11, 2 ** 31 - 2, 123_456_789];
    const bits = fill("fillBits", key, draws, coordinates, firstDraw, firstCoordinate);
    const uniforms = fill("fillUniforms", key, draws, coordinates, firstDraw, firstCoordinate);
    const normals = fill("fillNormals", key, draws, coordinates, firstDraw, firstCoordinate);
    for (let c = 0; c < coordinates; c++)
      for (let d = 0; d < draws; d++) {
        const coordinate = firstCoordinate + c;
        const [four, two] = [Math.floor(coordinate / 4), Math.floor(coordinate / 2)];
        const at = c * draws + d;
        expect(bits[at]).toBe(blockOf(2, key, firstDraw + d, four)[coordinate % 4]);
        const words = blockOf(1, key, firstDraw + d, two);
        const half = (coordinate % 2) * 2;
        expect(uniforms[at]).toBe(unit(words[half]!, words[half + 1]!));
        const wanted = normalsOf(blockOf(0, key, firstDraw + d, four))[coordinate % 4]!;
        expect(Math.abs(normals[at]! - wanted)).toBeLessThan(4e-10);
      }
  }
});

test("the map from bits to normals is accurate to 8e-11 of the radius", () => {
  const key: Key = [5, 6, 7, 8];
  const normals = fill("fillNormals", key, 1, 40_000);
  let worst = 0;
  for (let block = 0; block < 10_000; block++) {
    const wanted = normalsOf(blockOf(0, key, 0, block));
    for (let j = 0; j < 4; j++) {
      const radius = Math.hypot(wanted[j & 1]!, wanted[(j & 1) + 2]!);
      worst = Math.max(worst, Math.abs(normals[4 * block + j]! - wanted[j]!) / radius);
    }
  }
  expect(worst).toBeLessThan(8e-11);
});

test.each(["fillNormals", "fillUniforms", "fillBits"] as Kind[])(
  "%s: every sub-rectangle is a part of the same numbers",
  (kind) => {
    const key: Key = [42, 7, 3, 9];
    const [D, S] = [41, 19];
    const whole = fill(kind, key, S, D);
    for (const draws of [1, 2, 3, 4, 5, 8, 16, 19])
      for (const coordinates of [1, 2, 3, 4, 5, 7, 8, 16, 17, 33, 41])
        for (const firstDraw of [0, 1, 3])
          for (const firstCoordinate of [0, 1, 2, 3, 6, 8]) {
            if (firstDraw + draws > S || firstCoordinate + coordinates > D) continue;
            const part = fill(kind, key, draws, coordinates, firstDraw, firstCoordinate);
            const wanted = part.map(
              (_, i) => whole[(firstCoordinate + Math.floor(i / draws)) * S + firstDraw + (i % draws)]!,
            );
            expect(part, `${coordinates} x ${draws} from (${firstCoordinate}, ${firstDraw})`).toEqual(wanted);
          }
    expect(fill(kind, key, 0, 5).length + fill(kind, key, 5, 0).length).toBe(0);
  },
);

test("normals, uniforms and bits with the same key come from different counters", () => {
  const key: Key = [1, 2, 3, 4];
  const uniforms = fill("fillUniforms", key, 1, 20_000);
  const bits = fill("fillBits", key, 1, 20_000);
  const normals = fill("fillNormals", key, 1, 20_000);
  expect(Math.abs(correlationScore(uniforms, bits))).toBeLessThan(4);
  expect(Math.abs(correlationScore(normals, bits))).toBeLessThan(4);
  expect(Math.abs(correlationScore(normals, uniforms))).toBeLessThan(4);
});

test("normals at fixed seeds have the moments, the distribution function and the tails of a normal", () => {
  const n = 1_000_000;
  for (const [key, draws] of [
    [[1, 0, 0, 0], 1],
    [[123456789, 987654321, 5, 17], 8],
    [[2 ** 32 - 1, 3, 1, 2 ** 32 - 1], 1000],
  ] as [Key, number][]) {
    const x = fill("fillNormals", key, draws, n / draws);
    const sums = [0, 0, 0, 0, 0, 0];
    let [beyond3, beyond4] = [0, 0];
    for (const v of x) {
      let power = 1;
      for (let k = 0; k < 6; k++) sums[k]! += power *= v;
      if (Math.abs(v) > 3) beyond3++;
      if (Math.abs(v) > 4) beyond4++;
    }
    const means = [0, 1, 0, 3, 0, 15];
    const seconds = [1, 3, 15, 105, 945, 10395];
    for (let k = 0; k < 6; k++) {
      const z = (sums[k]! / n - means[k]!) / Math.sqrt((seconds[k]! - means[k]! ** 2) / n);
      expect(Math.abs(z), `moment ${k + 1}`).toBeLessThan(4.5);
    }
    for (const [count, bound] of [
      [beyond3, 3],
      [beyond4, 4],
    ] as const) {
      const p = 2 * normalCdf(-bound);
      expect(Math.abs(count - n * p) / Math.sqrt(n * p), `tail beyond ${bound}`).toBeLessThan(4.5);
    }
    expect(kolmogorovTail(kolmogorov(x, normalCdf))).toBeGreaterThan(1e-4);
  }
});

test("uniforms stay inside (0, 1), are odd multiples of 2^-53, and are uniform", () => {
  const x = fill("fillUniforms", [9, 9, 9, 9], 4, 250_000);
  for (const u of x) {
    if (!(u > 0 && u < 1)) throw new Error(`a uniform is ${u}`);
    if ((u * 2 ** 53 - 1) % 2 !== 0) throw new Error(`${u} is not an odd multiple of 2^-53`);
  }
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  expect(Math.abs(mean - 0.5) * Math.sqrt(12 * x.length)).toBeLessThan(4.5);
  expect(kolmogorovTail(kolmogorov(x, (u) => u))).toBeGreaterThan(1e-4);
});

test("every one of the 32 bits is fair and independent of its neighbours", () => {
  const x = fill("fillBits", [3, 1, 4, 1], 4, 50_000);
  const ones = new Float64Array(32);
  const equal = new Float64Array(32);
  for (const v of x)
    for (let b = 0; b < 32; b++) {
      ones[b]! += (v >>> b) & 1;
      equal[b]! += ((v >>> b) ^ (v >>> ((b + 1) % 32))) & 1;
    }
  for (const counts of [ones, equal])
    for (const count of counts) expect(Math.abs(count - x.length / 2) / Math.sqrt(x.length / 4)).toBeLessThan(4.8);
});

test("neighbouring draws, coordinates, steps, streams and seeds are uncorrelated, in value and in square", () => {
  const [D, S] = [512, 256];
  const x = fill("fillNormals", [10, 20, 30, 40], S, D);
  const shifted = (draw: number, coordinate: number): [Float64Array, Float64Array] => {
    const left: number[] = [];
    const right: number[] = [];
    for (let c = 0; c + coordinate < D; c++)
      for (let d = 0; d + draw < S; d++) {
        left.push(x[c * S + d]!);
        right.push(x[(c + coordinate) * S + d + draw]!);
      }
    return [Float64Array.from(left), Float64Array.from(right)];
  };
  const pairs: [string, Float64Array, Float64Array][] = [
    ["draw + 1", ...shifted(1, 0)],
    ["draw + 2", ...shifted(2, 0)],
    ["draw + 4", ...shifted(4, 0)],
    ["coordinate + 1", ...shifted(0, 1)],
    ["coordinate + 2", ...shifted(0, 2)],
    ["coordinate + 3", ...shifted(0, 3)],
    ["coordinate + 4", ...shifted(0, 4)],
    ["draw + 1, coordinate + 1", ...shifted(1, 1)],
    ["step + 1", x, fill("fillNormals", [10, 20, 30, 41], S, D)],
    ["stream + 1", x, fill("fillNormals", [10, 20, 31, 40], S, D)],
    ["seedLow + 1", x, fill("fillNormals", [11, 20, 30, 40], S, D)],
    ["seedHigh + 1", x, fill("fillNormals", [10, 21, 30, 40], S, D)],
  ];
  for (const [name, a, b] of pairs) {
    expect(Math.abs(correlationScore(a, b)), name).toBeLessThan(4.5);
    const [aa, bb] = [a.map((v) => v * v), b.map((v) => v * v)];
    expect(Math.abs(correlationScore(aa, bb)), `${name}, squares`).toBeLessThan(4.5);
    expect(Math.abs(correlationScore(aa, b)), `${name}, square and value`).toBeLessThan(4.5);
  }
});

test("the two normals of one pair fill the plane: 32 directions by 32 radii are equally likely", () => {
  const S = 200_000;
  const x = fill("fillNormals", [77, 0, 0, 0], S, 4);
  for (const [first, second] of [
    [0, 2],
    [1, 3],
    [0, 1],
  ] as const) {
    const cells = new Float64Array(32 * 32);
    for (let d = 0; d < S; d++) {
      const [u, v] = [x[first * S + d]!, x[second * S + d]!];
      const angle = Math.atan2(v, u) / (2 * Math.PI) + 0.5;
      const level = Math.exp(-0.5 * (u * u + v * v));
      cells[Math.min(31, Math.floor(angle * 32)) * 32 + Math.min(31, Math.floor(level * 32))]! += 1;
    }
    const expected = S / 1024;
    const statistic = cells.reduce((sum, k) => sum + (k - expected) ** 2 / expected, 0);
    expect(Math.abs(statistic - 1023) / Math.sqrt(2 * 1023)).toBeLessThan(4.5);
  }
});

test("the debug and release builds agree bit for bit, the relaxed build to 1e-14 of the radius", () => {
  const all = (from: CoreExports, kind: Kind) => fill(kind, [1, 2, 3, 4], 7, 501, 5, 3, from);
  const debug = openCore("debug");
  const relaxed = openCore("relaxed" satisfies BuildName);
  for (const kind of ["fillNormals", "fillUniforms", "fillBits"] as Kind[]) {
    const wanted = all(core, kind);
    expect(all(debug, kind)).toEqual(wanted);
    const loose = all(relaxed, kind);
    for (let i = 0; i < wanted.length; i++)
      expect(Math.abs(loose[i]! - wanted[i]!)).toBeLessThanOrEqual(kind === "fillNormals" ? 1e-14 * 9 : 0);
  }
});
