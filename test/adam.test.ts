// Adam in the core against the published update written out plainly, in all builds.

import { expect, test } from "vitest";
import type { CoreExports } from "../src/core/load.js";
import { type BuildName, openCore } from "./random-support.js";

const builds: readonly BuildName[] = ["debug", "release", "relaxed"];

/** Kingma & Ba 2015, algorithm 1, uphill. */
class PlainAdam {
  #m: Float64Array;
  #v: Float64Array;
  #t = 0;
  constructor(
    readonly n: number,
    readonly rate: number,
    readonly beta1: number,
    readonly beta2: number,
    readonly epsilon: number,
  ) {
    this.#m = new Float64Array(n);
    this.#v = new Float64Array(n);
  }
  step(p: Float64Array, g: Float64Array): void {
    this.#t++;
    for (let i = 0; i < this.n; i++) {
      this.#m[i] = this.beta1 * this.#m[i]! + (1 - this.beta1) * g[i]!;
      this.#v[i] = this.beta2 * this.#v[i]! + (1 - this.beta2) * g[i]! * g[i]!;
      const m = this.#m[i]! / (1 - this.beta1 ** this.#t);
      const v = this.#v[i]! / (1 - this.beta2 ** this.#t);
      p[i] = p[i]! + (this.rate * m) / (Math.sqrt(v) + this.epsilon);
    }
  }
}

/** Adam of the core over arrays of its own memory. */
function coreAdam(core: CoreExports, n: number, settings: readonly number[]) {
  const room = (k: number): number => {
    const pointer = core.allocate((k + (k & 1)) * 8);
    new Float64Array(core.memory.buffer, pointer, k + (k & 1)).fill(0);
    return pointer;
  };
  const [p, g, m, v, s] = [room(n), room(n), room(n), room(n), room(6)] as const;
  const view = (pointer: number, k: number): Float64Array => new Float64Array(core.memory.buffer, pointer, k);
  view(s, 6).set([...settings, 1, 1]);
  return {
    parameters: () => view(p, n),
    /** beta1^t and beta2^t. */
    powers: () => [...view(s, 6).subarray(4)],
    step(gradient: Float64Array) {
      view(g, n).set(gradient);
      core.adam(n, p, g, m, v, s);
    },
    dispose: () => [s, v, m, g, p].forEach((x) => void core.free(x)),
  };
}

for (const build of builds)
  test(`Adam follows the published update for 500 steps on gradients of all sizes (${build})`, () => {
    const core = openCore(build);
    for (const n of [1, 2, 3, 7, 8, 9, 31]) {
      const plain = new PlainAdam(n, 0.03, 0.9, 0.999, 1e-8);
      const p = new Float64Array(n);
      const ours = coreAdam(core, n, [0.03, 0.9, 0.999, 1e-8]);
      for (let t = 0; t < 500; t++) {
        const g = Float64Array.from({ length: n }, (_, i) => 10 ** (3 * Math.sin(i)) * Math.sin(t * 0.7 + i) + 0.1 * i);
        plain.step(p, g);
        ours.step(g);
      }
      ours.parameters().forEach((x, i) => {
        // 500 steps of at most 0.03 each, rounded to 2^-53 relative in a dozen operations.
        expect(Math.abs(x - p[i]!)).toBeLessThan(500 * 0.03 * 16 * 2 ** -53);
      });
      ours.dispose();
    }
  });

test("A negative rate goes downhill, exactly mirrored", () => {
  const core = openCore("release");
  const up = coreAdam(core, 3, [0.01, 0.9, 0.999, 1e-8]);
  const down = coreAdam(core, 3, [-0.01, 0.9, 0.999, 1e-8]);
  for (let t = 0; t < 20; t++) {
    const g = Float64Array.of(1, -2, Math.cos(t));
    up.step(g);
    down.step(g);
  }
  expect([...down.parameters()]).toEqual([...up.parameters()].map((x) => -x));
});

test("1,000 steps at 0.01 with exact gradients reach the optimum of the reference problem (A5)", () => {
  // ELBO of q = N(mu, sigma^2) per coordinate for z ~ N(0, 1), x ~ N(z, 1); sigma = softplus(rho), start (0, 1).
  const x = [1, 2, 3];
  const core = openCore("release");
  const adam = coreAdam(core, 6, [0.01, 0.9, 0.999, 1e-7]);
  const softplus = (r: number): number => Math.log1p(Math.exp(r));
  const start = Math.log(Math.expm1(1));
  adam.parameters().set([0, 0, 0, start, start, start]);
  for (let t = 0; t < 1000; t++) {
    const p = adam.parameters();
    const g = new Float64Array(6);
    for (let i = 0; i < 3; i++) {
      const rho = p[3 + i]!;
      const sigma = softplus(rho);
      g[i] = x[i]! - 2 * p[i]!;
      g[3 + i] = (1 / sigma - 2 * sigma) / (1 + Math.exp(-rho));
    }
    adam.step(g);
  }
  const p = adam.parameters();
  let gap = 0;
  for (let i = 0; i < 3; i++) {
    const sigma = softplus(p[3 + i]!);
    gap += (p[i]! - x[i]! / 2) ** 2 + (sigma * sigma - 0.5 - 0.5 * Math.log(2 * sigma * sigma));
  }
  expect(gap).toBeGreaterThanOrEqual(0);
  expect(gap).toBeLessThan(1e-12);
});

test.each(builds)(
  "Adam's powers reach zero before they are subnormal, and long fits follow the published update (%s)",
  (build) => {
    const core = openCore(build);
    const adam = coreAdam(core, 2, [0.001, 0.9, 0.99, 1e-8]);
    const plain = new PlainAdam(2, 0.001, 0.9, 0.99, 1e-8);
    const expected = new Float64Array(2);
    let subnormal = false;
    for (let t = 1; t <= 30_000; t++) {
      const g = Float64Array.of(Math.sin(t), Math.cos(t / 7));
      adam.step(g);
      plain.step(expected, g);
      for (const power of adam.powers()) subnormal ||= power !== 0 && power < 1e-102;
    }
    expect(subnormal).toBe(false);
    expect(adam.powers()).toEqual([0, 0]);
    const found = adam.parameters();
    for (let i = 0; i < 2; i++) expect(Math.abs(found[i]! - expected[i]!)).toBeLessThan(1e-11);
    adam.dispose();
  },
);
