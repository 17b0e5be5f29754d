// Nested Gaussians: the map against finite differences and a numerical determinant, what it is exact for, and what a default fit makes of
// posteriors that no Gaussian is right for.

import { expect, test } from "vitest";
import { symmetricEigen } from "../src/linalg/eigen.js";
import { finish } from "../src/optim/run.js";
import type { Target } from "../src/target.js";
import { fitTargetSync } from "../src/vi/fit.js";
import type { DenseGaussian } from "../src/vi/gaussian.js";
import { axisOf, mirrored } from "../src/vi/nested-axis.js";
import { knotWeights, type NestedMap, quantileAt } from "../src/vi/nested-map.js";
import { nestedProfile } from "../src/vi/nested-profile.js";
import { applyNested } from "../src/vi/nested-program.js";
import { NestedTarget } from "../src/vi/nested-target.js";
import { Session } from "../src/vi/session.js";
import { gaussianTarget } from "./support/targets.js";

/** Neal's funnel: v ~ N(0, 3^2), x_i ~ N(0, e^v), in any order of the coordinates. */
const funnel = (n: number, at = 0): Target => ({
  dimension: n,
  logDensityGradient(theta, gradient) {
    const v = theta[at]!;
    const precision = Math.exp(-v);
    let value = -0.5 * (v / 3) ** 2 - Math.log(3) - 0.5 * n * Math.log(2 * Math.PI);
    let slope = -v / 9;
    for (let i = 0; i < n; i++) {
      if (i === at) continue;
      const x = theta[i]!;
      value -= 0.5 * x * x * precision + 0.5 * v;
      slope += 0.5 * x * x * precision - 0.5;
      gradient[i] = -x * precision;
    }
    gradient[at] = slope;
    return value;
  },
});

const standard = (n: number): DenseGaussian => {
  const cholesky = new Float64Array(n * n);
  for (let i = 0; i < n; i++) cholesky[i * n + i] = 1;
  return { kind: "dense", mean: new Float64Array(n), cholesky };
};

/** The map that is learned for a target from N(0, I). */
function learned(target: Target): { session: Session; map: NestedMap } {
  const session = new Session(target, 3);
  const q = standard(target.dimension);
  const axis = finish(axisOf(session, q, 0))!;
  const map = finish(nestedProfile(session, q.mean, axis, 0, mirrored(session, 25, 0, 64)))!;
  return { session, map };
}

test("gradients through a map are those of differences, near the centre and beyond the last knot", () => {
  const target = funnel(4, 2);
  const { session, map } = learned(target);
  const nested = new NestedTarget(target, map);
  const gradient = new Float64Array(4);
  const scratch = new Float64Array(4);
  for (const y of [
    Float64Array.of(0.3, -0.7, 1.1, 0.2),
    Float64Array.of(-2.4, 0.1, -0.3, 0.9),
    Float64Array.of(7.5, -0.2, 0.4, 0.5),
    Float64Array.of(-9, 0.6, 0.1, -0.4),
  ]) {
    const value = nested.logDensityGradient(y, gradient);
    expect(Number.isFinite(value)).toBe(true);
    for (let i = 0; i < 4; i++) {
      const h = 1e-5;
      const side = (sign: number): number => {
        const moved = y.slice();
        moved[i] = moved[i]! + sign * h;
        return nested.logDensityGradient(moved, scratch);
      };
      const numeric = (side(1) - side(-1)) / (2 * h);
      expect(Math.abs(gradient[i]! - numeric)).toBeLessThan(2e-7 * (1 + Math.abs(numeric)));
    }
  }
  session.dispose();
});

test("the log Jacobian is the log determinant of the derivatives", () => {
  const { session, map } = learned(funnel(3));
  for (const y of [Float64Array.of(0.4, 1, -0.5), Float64Array.of(-1.7, 0.2, 0.3)]) {
    const theta = new Float64Array(3);
    const logJacobian = new Float64Array(1);
    applyNested(map, 1, y, theta, logJacobian);
    const h = 1e-5;
    const J = [0, 1, 2].map((j) => {
      const column = [1, -1].map((sign) => {
        const moved = y.slice();
        moved[j] = moved[j]! + sign * h;
        const out = new Float64Array(3);
        applyNested(map, 1, moved, out, new Float64Array(1));
        return out;
      });
      return [0, 1, 2].map((i) => (column[0]![i]! - column[1]![i]!) / (2 * h));
    });
    const [a, b, c] = J as [number[], number[], number[]];
    const determinant =
      a[0]! * (b[1]! * c[2]! - b[2]! * c[1]!) -
      b[0]! * (a[1]! * c[2]! - a[2]! * c[1]!) +
      c[0]! * (a[1]! * b[2]! - a[2]! * b[1]!);
    expect(logJacobian[0]).toBeCloseTo(Math.log(Math.abs(determinant)), 6);
  }
  session.dispose();
});

test("a quantile function increases everywhere and joins its pieces without a jump", () => {
  const { session, map } = learned(funnel(5));
  const out = new Float64Array(3);
  const before = new Float64Array(3);
  for (let y = -12; y <= 12; y += 0.01) {
    quantileAt(map.quantile, y, out);
    quantileAt(map.quantile, y - 1e-9, before);
    expect(out[1]).toBeGreaterThan(0);
    expect(Math.abs(out[0]! - before[0]!)).toBeLessThan(1e-6 * Math.max(1, out[1]!));
  }
  session.dispose();
});

test("between knots interpolation reproduces straight lines and their slopes, and goes straight on beyond", () => {
  const grid = { first: -1, step: 0.5, knots: 6 };
  const w = new Float64Array(4);
  const slope = new Float64Array(4);
  for (let t = -4; t <= 5; t += 0.037) {
    const row = knotWeights(grid, t, w, slope);
    let value = 0;
    let derivative = 0;
    for (let k = 0; k < 4; k++) {
      const at = grid.first + (row + k) * grid.step;
      value += w[k]! * (2 * at + 1);
      derivative += slope[k]! * (2 * at + 1);
      if (row + k < 0 || row + k >= grid.knots) expect(w[k]).toBe(0);
    }
    expect(value).toBeCloseTo(2 * t + 1, 12);
    expect(derivative).toBeCloseTo(2, 12);
  }
});

test("of a Gaussian there is no axis to nest along", () => {
  const session = new Session(gaussianTarget(Float64Array.of(1, 2, 3), Float64Array.of(2, 1, 0, 1, 2, 0, 0, 0, 5)), 1);
  const cholesky = Float64Array.of(0.8, 0, 0, -0.4, 0.7, 0, 0, 0, 0.4);
  expect(finish(axisOf(session, { kind: "dense", mean: Float64Array.of(1, 2, 3), cholesky }, 0))).toBeUndefined();
  session.dispose();
});

test("Neal's funnel, where its scale comes first, last or between, is fitted with its evidence of 1 and its moments", () => {
  for (const at of [0, 4, 9]) {
    const fit = fitTargetSync(funnel(10, at), { seed: at });
    expect(fit.status, fit.message).toBe("converged");
    expect(fit.result.maps.length).toBeGreaterThan(0);
    expect(Math.abs(fit.elbo)).toBeLessThan(0.05);
    const v = fit.summary().row(`theta[${at}]`);
    expect(Math.abs(v.mean)).toBeLessThan(0.15 * 3);
    expect(Math.abs(v.sd / 3 - 1)).toBeLessThan(0.07);
    // The marginal of x: quantiles, since its moments are all in the tail. P(|x| < 1) = E Phi(e^{-v/2}) ..., by quadrature.
    const x = fit.draws(`theta[${at === 0 ? 1 : 0}]`);
    const inside = x.reduce((s, u) => s + (Math.abs(u) < 1 ? 1 : 0), 0) / x.length;
    expect(Math.abs(inside - 0.6223)).toBeLessThan(0.03);
  }
});

test("the frame holds the directions in which the scale changes: a rotated funnel is a funnel", () => {
  // A random rotation, from the eigenvectors of a random symmetric matrix.
  const n = 6;
  const random = Float64Array.from({ length: n * n }, (_, k) => Math.sin(12.9898 * (k + 1)) * 2);
  const { vectors } = symmetricEigen(random, n)!;
  const plain = funnel(n);
  const inner = new Float64Array(n);
  const slope = new Float64Array(n);
  const rotated: Target = {
    dimension: n,
    logDensityGradient(theta, gradient) {
      for (let i = 0; i < n; i++) {
        inner[i] = 0;
        for (let j = 0; j < n; j++) inner[i] = inner[i]! + vectors[i * n + j]! * theta[j]!;
      }
      const value = plain.logDensityGradient(inner, slope);
      for (let j = 0; j < n; j++) {
        gradient[j] = 0;
        for (let i = 0; i < n; i++) gradient[j] = gradient[j]! + vectors[i * n + j]! * slope[i]!;
      }
      return value;
    },
  };
  const fit = fitTargetSync(rotated, { seed: 2 });
  expect(fit.result.maps.length).toBeGreaterThan(0);
  // What a Gaussian reaches on the funnel is below -1.
  expect(fit.elbo).toBeGreaterThan(-0.4);
});

test("points through one map or two, sixteen draws at once, have the bits of each alone", () => {
  const precision = Array.from({ length: 25 }, (_, k) => (k % 6 === 0 ? 1 + k / 10 : 0.1));
  const inner = gaussianTarget([0.2, -0.4, 1, 0, 0.7], precision);
  const first = learned(funnel(5)).map;
  const once = new NestedTarget(inner, first);
  const second = learned(funnel(5, 3)).map;
  for (const target of [once, new NestedTarget(once, second)]) {
    const draws = 21;
    const y = Float64Array.from({ length: 5 * draws }, (_, k) => 3 * Math.sin(7.3 * k));
    const gradients = new Float64Array(5 * draws);
    const values = new Float64Array(draws);
    target.logDensityGradientBatch(draws, y, gradients, values);
    expect(values.every(Number.isFinite)).toBe(true);
    const gradient = new Float64Array(5);
    for (let d = 0; d < draws; d++) {
      expect(target.logDensityGradient(y.slice(5 * d, 5 * d + 5), gradient)).toBe(values[d]);
      expect(gradient).toEqual(gradients.slice(5 * d, 5 * d + 5));
      expect(target.constrain(y.slice(5 * d, 5 * d + 5))).toEqual(
        target.constrainDraws(y, draws).slice(5 * d, 5 * d + 5),
      );
    }
    target.dispose();
  }
});
