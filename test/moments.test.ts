// Moments of gradients in the core against the same sums written out, and the regressions built on them against what they promise:
// exact for a Gaussian target whatever the draws, honest about their errors for others.

import { expect, test } from "vitest";
import { core } from "../src/core/load.js";
import { finish } from "../src/optim/run.js";
import type { Target } from "../src/target.js";
import type { DenseGaussian, DiagonalGaussian } from "../src/vi/gaussian.js";
import { type Batch, type Full, lanes } from "../src/vi/moments.js";
import { assessment, naturalStep } from "../src/vi/natural.js";
import { assessDiagonal, regress } from "../src/vi/regression.js";
import { Session } from "../src/vi/session.js";
import { randomSource } from "./support/random.js";
import { gaussianTarget, logisticRegression, randomGaussian } from "./support/targets.js";

function gaussians(n: number, seed: number): readonly Full[] {
  const random = randomSource(seed);
  const mean = Float64Array.from({ length: n }, () => random.normal());
  const scale = Float64Array.from({ length: n }, () => Math.exp(0.3 * random.normal()));
  const cholesky = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) cholesky[i * n + j] = i === j ? scale[i]! : 0.3 * random.normal();
  return [
    { kind: "diagonal", mean, scale } satisfies DiagonalGaussian,
    { kind: "dense", mean, cholesky } satisfies DenseGaussian,
  ];
}

/** A smooth log density far from Gaussian, whose evaluations are written down. */
function recorded(n: number) {
  const points: Float64Array[] = [];
  const target: Target = {
    dimension: n,
    logDensityGradient(theta, gradient) {
      points.push(theta.slice());
      let value = 0;
      for (let i = 0; i < n; i++) {
        const t = theta[i]! + 0.3 * theta[(i + 1) % n]!;
        value -= 0.25 * t * t * t * t;
        gradient[i] = 0;
      }
      for (let i = 0; i < n; i++) {
        const t = theta[i]! + 0.3 * theta[(i + 1) % n]!;
        gradient[i] = gradient[i]! - t * t * t;
        gradient[(i + 1) % n] = gradient[(i + 1) % n]! - 0.3 * t * t * t;
      }
      return value;
    },
  };
  return { target, points };
}

const root = (q: Full): ((i: number, j: number) => number) => {
  const n = q.mean.length;
  return q.kind === "dense" ? (i, j) => q.cholesky[i * n + j]! : (i, j) => (i === j ? q.scale[i]! : 0);
};

test("sums over pairs equal their definition, for both kinds of Gaussian, whole and diagonal", () => {
  for (const n of [1, 2, 3, 4, 5, 8, 9])
    for (const q of gaussians(n, n)) {
      const { target, points } = recorded(n);
      const session = new Session(target, 7);
      const draws = 5 * lanes;
      const batch = finish(session.batch(q, { stream: 3, round: 2, draws }, "test"));
      expect(batch.draws).toBe(draws);
      expect(points.length).toBe(draws);
      expect(session.evaluator.gradients).toBe(draws);
      const a = root(q);
      const gradient = new Float64Array(n);
      // From each point its normals (by substitution), from each pair its parts.
      const normals: number[][] = [];
      const h: number[][] = [];
      let value = 0;
      for (const point of points.slice(0, draws)) {
        const e: number[] = [];
        for (let i = 0; i < n; i++) {
          let v = point[i]! - q.mean[i]!;
          for (let j = 0; j < i; j++) v -= a(i, j) * e[j]!;
          e.push(v / a(i, i));
        }
        normals.push(e);
        value += target.logDensityGradient(point, gradient);
        h.push(e.map((_, j) => e.reduce((s, __, i) => s + (i >= j ? a(i, j) * gradient[i]! : 0), 0)));
      }
      const mean = new Float64Array(n);
      const odd = new Float64Array(n);
      const even = new Float64Array(n);
      const cross = new Float64Array(n * n);
      const gram = new Float64Array(n * n);
      const half = lanes / 2;
      const pairs: [number, number][] = [];
      for (let b = 0; b < 5; b++) for (let s = 0; s < half; s++) pairs.push([b * lanes + s, b * lanes + half + s]);
      for (const [p, m] of pairs)
        for (let i = 0; i < n; i++) {
          expect(Math.abs(normals[p]![i]! + normals[m]![i]!)).toBeLessThan(1e-13);
          mean[i]! += (h[p]![i]! + h[m]![i]!) / draws;
          const o = (h[p]![i]! - h[m]![i]!) / 2;
          odd[i]! += o * o;
          for (let j = 0; j < n; j++) {
            cross[i * n + j]! += o * normals[p]![j]!;
            if (j <= i) gram[i * n + j]! += normals[p]![i]! * normals[p]![j]!;
          }
        }
      for (const [p, m] of pairs) for (let i = 0; i < n; i++) even[i]! += ((h[p]![i]! + h[m]![i]!) / 2 - mean[i]!) ** 2;
      const entropy = 0.5 * n * (1 + Math.log(2 * Math.PI));
      const logDet = Array.from({ length: n }, (_, i) => Math.log(a(i, i))).reduce((x, y) => x + y, 0);
      const close = (ours: ArrayLike<number>, plain: ArrayLike<number>, what: string): void => {
        let size = 1;
        let off = 0;
        for (let k = 0; k < plain.length; k++) {
          size = Math.max(size, Math.abs(plain[k]!));
          off = Math.max(off, Math.abs(ours[k]! - plain[k]!));
        }
        expect(off / size, `${what}, n ${n}, ${q.kind}`).toBeLessThan(1e-11);
      };
      close([batch.elbo], [value / draws + entropy + logDet], "ELBO");
      close(batch.mean, mean, "mean");
      close(batch.odd, odd, "odd");
      close(batch.even, even, "even");
      close(batch.cross, cross, "cross");
      close(batch.gram, gram, "gram");
      // The same draws again, the diagonals only.
      const diagonal = finish(session.batch(q, { stream: 3, round: 2, draws }, "test", false));
      expect(diagonal.elbo).toBe(batch.elbo);
      for (let i = 0; i < n; i++) {
        close([diagonal.cross[i]!], [batch.cross[i * n + i]!], "cross, diagonal");
        close([diagonal.gram[i]!], [batch.gram[i * n + i]!], "gram, diagonal");
      }
      // Other rounds, other draws.
      expect(finish(session.batch(q, { stream: 3, round: 3, draws }, "test")).elbo).not.toBe(batch.elbo);
      session.dispose();
    }
});

/** -A^T H A and A^T H (m - mean) of a Gaussian target, which the regression must find. */
test("for a Gaussian target the regression is exact, and one natural-gradient step arrives", () => {
  for (const n of [1, 3, 10])
    for (const q of gaussians(n, 20 + n)) {
      const { target, mean, precision } = randomGaussian(n, n);
      const session = new Session(target, 1);
      const batch = finish(session.batch(q, { stream: 1, round: 0, draws: 4 * n + 32 }, "test"));
      const r = regress(batch)!;
      const a = root(q);
      let size = 1;
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++) {
          let c = 0;
          for (let k = i; k < n; k++) for (let l = j; l < n; l++) c += a(k, i) * precision[k * n + l]! * a(l, j);
          size = Math.max(size, Math.abs(c));
          expect(Math.abs(r.c[i * n + j]! - c) / size).toBeLessThan(1e-10);
        }
      expect(r.roughness).toBeLessThan(1e-12);
      const next = naturalStep(q, r, 1, 1e-10)!.q;
      next.mean.forEach((m, i) => {
        expect(Math.abs(m - mean[i]!)).toBeLessThan(1e-8);
      });
      const judged = finish(session.batch(next, { stream: 1, round: 1, draws: 4 * n + 32 }, "test"));
      const found = assessment(next, regress(judged)!)!;
      expect(found.location).toBeLessThan(1e-7);
      expect(found.scale).toBeLessThan(1e-7);
      expect(found.gain).toBeLessThan(1e-12);
      session.dispose();
    }
});

test("standard errors of location and scales are those of repeated batches", () => {
  const target = logisticRegression(30, 3, 4);
  const q: Full = { kind: "diagonal", mean: Float64Array.of(0.2, -0.3, 0.5), scale: Float64Array.of(0.6, 0.5, 0.7) };
  const session = new Session(target, 2);
  const rounds = 300;
  const b = Array.from({ length: rounds }, (_, round) => {
    const batch: Batch = finish(session.batch(q, { stream: 1, round, draws: 64 }, "test"));
    return { r: regress(batch)!, d: assessDiagonal(batch) };
  });
  const spread = (of: (k: (typeof b)[number]) => number): { mean: number; sd: number } => {
    const mean = b.reduce((s, k) => s + of(k), 0) / rounds;
    return { mean, sd: Math.sqrt(b.reduce((s, k) => s + (of(k) - mean) ** 2, 0) / (rounds - 1)) };
  };
  for (let i = 0; i < 3; i++) {
    // The spread of 300 has a relative standard error of 4 %, and the errors themselves vary.
    expect(spread((k) => k.r.bError[i]!).mean / spread((k) => k.r.b[i]!).sd).toBeGreaterThan(0.8);
    expect(spread((k) => k.r.bError[i]!).mean / spread((k) => k.r.b[i]!).sd).toBeLessThan(1.2);
    const ratio = spread((k) => k.r.diagonalError[i]!).mean / spread((k) => k.r.c[i * 3 + i]!).sd;
    // Not too small, and not needlessly large: see `heavy`.
    expect(ratio).toBeGreaterThan(0.8);
    expect(ratio).toBeLessThan(2.2);
  }
  session.dispose();
});

test("a batch with a point that is not finite has no ELBO and names the point", () => {
  const target: Target = {
    dimension: 2,
    logDensityGradient(theta, gradient) {
      gradient.fill(0);
      return theta[0]! > 1.5 ? Number.NEGATIVE_INFINITY : 0;
    },
    blame: (theta) => [theta[0]! > 1.5 ? "right" : "wrong"],
  };
  const session = new Session(target, 1);
  const q: Full = { kind: "diagonal", mean: new Float64Array(2), scale: new Float64Array(2).fill(1) };
  const batch = finish(session.batch(q, { stream: 0, round: 0, draws: 512 }, "test"));
  expect(batch.elbo).toBe(Number.NEGATIVE_INFINITY);
  expect([...session.blamed.keys()]).toEqual(["right"]);
  session.dispose();
});

test("a disposed session leaves no core memory behind", () => {
  const before = core().used();
  const session = new Session(gaussianTarget([0, 0], [1, 0, 0, 1]), 1);
  for (const q of gaussians(2, 1)) finish(session.batch(q, { stream: 0, round: 0, draws: 16 }, "test"));
  expect(core().used()).toBeGreaterThan(before);
  session.dispose();
  expect(core().used()).toBe(before);
});
