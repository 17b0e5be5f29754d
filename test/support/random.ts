// Seeded randomness for tests that do not need the core: xoshiro128** for the bits, Box-Muller for the normals.

import type { NormalSource, PointSource } from "../../src/vi/draws.js";

export interface RandomSource {
  uniform(): number;
  normal(): number;
}

export function randomSource(seed: number): RandomSource {
  let z = seed >>> 0;
  const next = (): number => {
    z = (z + 0x9e3779b9) >>> 0;
    let v = z;
    v = Math.imul(v ^ (v >>> 16), 0x21f0aaad);
    v = Math.imul(v ^ (v >>> 15), 0x735a2d97);
    return (v ^ (v >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [next(), next(), next(), next()];
  const bits = (): number => {
    const r = Math.imul(b!, 5);
    const result = Math.imul((r << 7) | (r >>> 25), 9) >>> 0;
    const t = b! << 9;
    c = c! ^ a!;
    d = d! ^ b!;
    b = b! ^ c;
    a = a! ^ d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  const uniform = (): number => ((bits() >>> 5) * 67108864 + (bits() >>> 6) + 0.5) / 9007199254740992;
  let spare: number | undefined;
  return {
    uniform,
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const r = Math.sqrt(-2 * Math.log(uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = r * Math.sin(angle);
      return r * Math.cos(angle);
    },
  };
}

/** Standard normals keyed by (seed, stream, step), as the core's generator gives them. */
export function normalSource(seed: number): NormalSource {
  return {
    fill(out, stream, step) {
      const source = randomSource(
        Math.imul(seed, 0x85ebca6b) ^ Math.imul(stream + 1, 0xc2b2ae35) ^ Math.imul(step + 1, 0x27d4eb2f),
      );
      for (let i = 0; i < out.length; i++) out[i] = source.normal();
    },
  };
}

/** Points of a randomly shifted additive recurrence (Kronecker) in (0,1)^dimension: a simple low-discrepancy stand-in. */
export function pointSource(seed: number): PointSource {
  return {
    fill(out, points, dimension, stream) {
      const shift = randomSource(Math.imul(seed, 0x85ebca6b) ^ Math.imul(stream + 1, 0xc2b2ae35));
      // Powers of the positive root of x^(dimension + 1) = x + 1.
      let root = 1.5;
      for (let i = 0; i < 60; i++) root = (1 + root) ** (1 / (dimension + 1));
      for (let j = 0; j < dimension; j++) {
        const step = root ** -(j + 1);
        const start = shift.uniform();
        for (let i = 0; i < points; i++) {
          const v = start + (i + 1) * step;
          out[i * dimension + j] = Math.min(Math.max(v - Math.floor(v), 1e-12), 1 - 1e-12);
        }
      }
    },
  };
}
