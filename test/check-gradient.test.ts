// The self-test of gradient estimators: silent on right ones, loud on each of the planted errors.

import { expect, test } from "vitest";
import { halfNormal, model, normal } from "../src/index.js";
import type { Target } from "../src/target.js";
import { entropies } from "../src/vi/advi-state.js";
import { checkEstimator, checkGradient, type GradientProblem, type MeanField } from "../src/vi/check-gradient.js";
import { randomSource } from "./support/random.js";
import { banana, eightSchools, logisticRegression, normalNormal, randomGaussian } from "./support/targets.js";

const at = (n: number, scale = 0.5): MeanField => ({
  mean: Float64Array.from({ length: n }, (_, i) => 0.3 * Math.sin(i + 1)),
  scale: new Float64Array(n).fill(scale),
});

test("right gradients pass, with either entropy estimator", () => {
  for (const target of [
    normalNormal,
    banana(),
    eightSchools,
    logisticRegression(30, 4, 1),
    randomGaussian(6, 2).target,
  ])
    for (const entropy of entropies)
      for (const seed of [1, 2, 3]) {
        const result = checkGradient(target, at(target.dimension), { seed, entropy });
        expect(result.message).toMatch(/agrees with the derivative/);
        expect(result.ok).toBe(true);
      }
});

test("at a false-alarm rate of 5 % about 5 % of right estimators are flagged", () => {
  let flagged = 0;
  for (let seed = 0; seed < 400; seed++) {
    const result = checkGradient(normalNormal, at(3), { seed, repeats: 50, falseAlarm: 0.05, entropy: "stl" });
    if (!result.ok) flagged++;
  }
  // Four binomial standard errors are 4.4 %.
  expect(flagged / 400).toBeLessThan(0.095);
  expect(flagged).toBeGreaterThan(2);
});

/** log p of a scale s = exp(x) with s ~ Gamma(3, 2): with the Jacobian in the value, and as told in the gradient. */
const positiveScale = (jacobianInGradient: boolean): Target => ({
  dimension: 1,
  logDensityGradient(x, g) {
    const s = Math.exp(x[0]!);
    g[0] = 2 - 2 * s + (jacobianInGradient ? 1 : 0);
    return 2 * x[0]! - 2 * s + x[0]!;
  },
});

test("a Jacobian dropped from the gradient is flagged", () => {
  expect(checkGradient(positiveScale(true), at(1)).ok).toBe(true);
  const wrong = checkGradient(positiveScale(false), at(1));
  expect(wrong.ok).toBe(false);
  expect(wrong.flagged).toContain("mean of theta[0]");
  expect(wrong.estimate[0]! - wrong.derivative[0]!).toBeCloseTo(-1, 5);
  expect(wrong.message).toMatch(/^The gradient estimator is biased: .*\(mean of theta\[0\]\)/);
});

/** A regression through the origin on 40 rows; the gradient from a random batch of 10 rows, scaled or not. */
const minibatch = (scaled: boolean): GradientProblem => {
  const random = randomSource(5);
  const rows = Array.from({ length: 40 }, () => {
    const x = random.normal();
    return [x, 1.5 * x + random.normal()] as const;
  });
  return {
    parameters: Float64Array.of(0.2, Math.log(0.3)),
    normals: 11,
    objective(p, z) {
      const b = p[0]! + Math.exp(p[1]!) * z[0]!;
      return rows.reduce((s, [x, y]) => s - 0.5 * (y - b * x) ** 2, -0.5 * b * b) + p[1]!;
    },
    estimate(p, z, gradient) {
      const sd = Math.exp(p[1]!);
      const b = p[0]! + sd * z[0]!;
      let g = 0;
      for (let k = 0; k < 10; k++) {
        // Row numbers from the fractional part of the normals: uniform enough, and the same whatever the parameters.
        const u = Math.abs(z[1 + k]!) * 1000;
        const [x, y] = rows[Math.floor((u - Math.floor(u)) * 40)]!;
        g += (y - b * x) * x;
      }
      g = g * (scaled ? 4 : 1) - b;
      gradient[0] = g;
      gradient[1] = g * sd * z[0]! + 1;
    },
  };
};

test("an unscaled minibatch is flagged, and a scaled one passes", () => {
  expect(checkEstimator(minibatch(true), { repeats: 1000 }).ok).toBe(true);
  const wrong = checkEstimator(minibatch(false), { repeats: 1000 });
  expect(wrong.ok).toBe(false);
  expect(wrong.flagged).toContain("parameter[0]");
});

/** A1 with the KL in closed form, and its gradient with the sign asked for. */
const klSign = (sign: 1 | -1): GradientProblem => ({
  parameters: Float64Array.of(0.2, -0.1, 0.4, -0.3, 0.1, 0.2),
  normals: 3,
  objective(p, z) {
    let elbo = 0;
    for (let i = 0; i < 3; i++) {
      const sd = Math.exp(p[3 + i]!);
      elbo -= 0.5 * (i + 1 - p[i]! - sd * z[i]!) ** 2;
      elbo -= 0.5 * (sd * sd + p[i]! ** 2 - 1) - p[3 + i]!;
    }
    return elbo;
  },
  estimate(p, z, gradient) {
    for (let i = 0; i < 3; i++) {
      const sd = Math.exp(p[3 + i]!);
      const residual = i + 1 - p[i]! - sd * z[i]!;
      gradient[i] = residual - sign * p[i]!;
      gradient[3 + i] = residual * sd * z[i]! - sign * (sd * sd - 1);
    }
  },
});

test("a KL divergence with the wrong sign is flagged", () => {
  expect(checkEstimator(klSign(1)).ok).toBe(true);
  const wrong = checkEstimator(klSign(-1));
  expect(wrong.ok).toBe(false);
  expect(wrong.flagged.length).toBe(6);
});

test("a compiled model passes, and the same seed gives the same bits", () => {
  const compiled = model(({ sample, observe, plate }, y: number[]) => {
    const rows = plate("row", y);
    observe("y", normal(sample("level", normal(0, 5)), sample("noise", halfNormal(2))), rows.data(y));
  }).compile([1, 2, 4]);
  const result = checkGradient(compiled);
  expect(result.ok, result.message).toBe(true);
  expect(checkGradient(compiled).estimate).toEqual(result.estimate);
  expect(checkGradient(compiled, undefined, { seed: 1 }).estimate).not.toEqual(result.estimate);
  compiled.dispose();
});

test("one wrong adjoint among many parameters is found and named", () => {
  const right = logisticRegression(30, 8, 4);
  const wrong: Target = {
    dimension: 8,
    unconstrainedNames: Array.from({ length: 8 }, (_, i) => `beta[${i}]`),
    logDensityGradient(x, g) {
      const v = right.logDensityGradient(x, g);
      g[5]! *= 1.01;
      return v;
    },
  };
  const result = checkGradient(wrong, at(8));
  expect(result.ok).toBe(false);
  for (const name of result.flagged) expect(name).toMatch(/of beta\[5\]$/);
});

test("repetitions that are not finite are counted, and if all are, nothing is claimed", () => {
  const half: Target = {
    dimension: 1,
    logDensityGradient(x, g) {
      g[0] = -x[0]!;
      return x[0]! > -0.2 ? -0.5 * x[0]! ** 2 : Number.NaN;
    },
  };
  const some = checkGradient(half, at(1));
  expect(some.undefinedRepeats).toBeGreaterThan(0);
  expect(some.message).toMatch(/were left out/);
  const none = checkGradient({ dimension: 1, logDensityGradient: () => Number.NaN }, at(1));
  expect(none.ok).toBe(false);
  expect(none.message).toMatch(/nothing could be checked/);
  for (const v of [...some.z, ...none.z]) expect(v).not.toBeNaN();
});

test("misuse throws, naming the argument", () => {
  expect(() => checkGradient(normalNormal, at(2))).toThrow("q.mean: expected 3 finite numbers");
  expect(() => checkGradient(normalNormal, { mean: [0, 0, 0], scale: [1, -1, 1] })).toThrow("q.scale[1]: expected");
  expect(() => checkGradient(normalNormal, at(3), { repeats: 3 })).toThrow("checkGradient.repeats");
  expect(() => checkGradient(normalNormal, at(3), { seed: -1 })).toThrow("checkGradient.seed");
  expect(() => checkGradient(normalNormal, undefined, { entropy: "exact" as never })).toThrow("checkGradient.entropy");
  expect(() => checkEstimator(klSign(1), { entropy: "stl" } as never)).toThrow(
    "checkEstimator.entropy: unknown option",
  );
});
