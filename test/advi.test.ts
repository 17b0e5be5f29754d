// One step of ADVI in the core against its definition, in all builds: both families, the three entropies, the coordinate maps, odd and
// even dimensions, one draw and many. Then what the loop promises: bits that depend on the seed alone.

import { describe, expect, test } from "vitest";
import { core } from "../src/core/load.js";
import { f64, Scope } from "../src/core/memory.js";
import type { Target } from "../src/target.js";
import { AdviState } from "../src/vi/advi-state.js";
import { strictSize } from "../src/vi/families.js";
import { type Answers, coreStep, plainStep, type StepSetup } from "./advi-support.js";
import { type BuildName, openCore } from "./random-support.js";
import { randomSource } from "./support/random.js";
import { normalNormal, randomGaussian } from "./support/targets.js";

const builds: readonly BuildName[] = ["debug", "release", "relaxed"];

/** Any smooth function of a point will do: values and gradients need not belong together. */
function arbitrary(n: number, draws: number): Answers {
  return (theta) => ({
    values: Float64Array.from({ length: draws }, (_, d) => {
      let s = 0;
      for (let i = 0; i < n; i++) s -= Math.cos(theta[i * draws + d]! + i) + theta[i * draws + d]! ** 2;
      return s;
    }),
    gradients: theta.map((t, k) => Math.sin(3 * t + k / draws) - 2 * t),
  });
}

function setup(
  n: number,
  draws: number,
  fullRank: boolean,
  entropy: number,
  map: number,
  seed: number,
  standardPrior = false,
): StepSetup {
  const random = randomSource(seed);
  const normals = (length: number): Float64Array => Float64Array.from({ length }, () => random.normal());
  return {
    dimension: n,
    draws,
    fullRank,
    entropy,
    map,
    standardPrior,
    location: normals(n),
    logScale: normals(n).map((x) => 0.3 * x),
    lower: normals(strictSize(n)).map((x) => 0.3 * x),
    centre: normals(n),
    mapDiagonal: normals(n).map((x) => Math.exp(0.2 * x)),
    mapLower: normals(strictSize(n)).map((x) => 0.3 * x),
    normals: normals(n * draws),
  };
}

/** Sums of up to n products of numbers of size 1 to 100, and a triangular solve. */
const tolerance = (n: number): number => 2e-13 * n * n;

function close(ours: Float64Array, plain: Float64Array, n: number, what: string): void {
  expect(ours.length, what).toBe(plain.length);
  let scale = 1;
  let worst = 0;
  plain.forEach((v, i) => {
    scale = Math.max(scale, Math.abs(v));
    worst = Math.max(worst, Math.abs(ours[i]! - v));
  });
  expect(worst, what).toBeLessThan(tolerance(n) * scale);
}

for (const build of builds)
  describe(`a step of the ${build} build equals its definition`, () => {
    const core = openCore(build);
    for (const fullRank of [false, true])
      for (const [entropy, name] of ["closed form", "Monte Carlo", "sticking the landing"].entries())
        for (const [map, mapName] of ["none", "diagonal", "triangular"].entries())
          test(`${fullRank ? "full-rank" : "mean-field"}, ${name}, map: ${mapName}`, () => {
            for (const n of [1, 2, 3, 4, 5, 6, 7, 8, 11])
              for (const draws of [1, 2, 4, 6, 8, 10, 16]) {
                const s = setup(n, draws, fullRank, entropy, map, 7 * n + draws);
                const ours = coreStep(core, s, arbitrary(n, draws));
                // The plain step's own draws first; then its gradients at the core's draws, so that sin does not amplify rounding.
                const plain = plainStep(s, () => arbitrary(n, draws)(ours.theta));
                close(ours.theta, plain.theta, n, `theta, n ${n}, S ${draws}`);
                close(ours.gradLocation, plain.gradLocation, n, `location, n ${n}, S ${draws}`);
                close(ours.gradLogScale, plain.gradLogScale, n, `log scale, n ${n}, S ${draws}`);
                close(ours.gradLower, plain.gradLower, n, `lower, n ${n}, S ${draws}`);
                close(Float64Array.of(ours.elbo), Float64Array.of(plain.elbo), n, `ELBO, n ${n}, S ${draws}`);
              }
          });

    test("with the divergence from a standard normal prior in closed form", () => {
      for (const fullRank of [false, true])
        for (const n of [1, 2, 3, 6, 7])
          for (const draws of [1, 4]) {
            const s = setup(n, draws, fullRank, 0, 0, 90 + n, true);
            const ours = coreStep(core, s, arbitrary(n, draws));
            const plain = plainStep(s, () => arbitrary(n, draws)(ours.theta));
            close(ours.gradLocation, plain.gradLocation, n, "location");
            close(ours.gradLogScale, plain.gradLogScale, n, "log scale");
            close(ours.gradLower, plain.gradLower, n, "lower");
            close(Float64Array.of(ours.elbo), Float64Array.of(plain.elbo), n, "ELBO");
          }
    });

    test("draw s of S has the bits of a single draw with its normals, and gradients are means of single ones", () => {
      for (const fullRank of [false, true])
        for (const map of [0, 1, 2])
          for (const n of [1, 2, 3, 5, 8, 9, 50]) {
            const S = 10;
            const s = setup(n, S, fullRank, 2, map, 1000 + n);
            const together = coreStep(core, s, arbitrary(n, S));
            const mean = new Float64Array(2 * n + strictSize(n));
            for (let d = 0; d < S; d++) {
              const normals = Float64Array.from({ length: n }, (_, i) => s.normals[i * S + d]!);
              const single = coreStep(core, { ...s, draws: 1, normals }, (theta) => {
                const whole = arbitrary(n, S)(together.theta);
                const expected = Float64Array.from({ length: n }, (_, i) => together.theta[i * S + d]!);
                expect(theta, `draw ${d}, n ${n}`).toEqual(expected);
                return {
                  values: whole.values.slice(d, d + 1),
                  gradients: Float64Array.from({ length: n }, (_, i) => whole.gradients[i * S + d]!),
                };
              });
              [single.gradLocation, single.gradLogScale, single.gradLower].forEach((g, k) => {
                g.forEach((v, i) => {
                  mean[k * n + i] = mean[k * n + i]! + v / S;
                });
              });
            }
            close(together.gradLocation, mean.slice(0, n), n, "location");
            close(together.gradLogScale, mean.slice(n, 2 * n), n, "log scale");
            close(together.gradLower, mean.slice(2 * n, 2 * n + together.gradLower.length), n, "lower");
          }
    });
  });

const start = (n: number, full: boolean) => ({
  location: new Float64Array(n),
  logScale: new Float64Array(n),
  lower: new Float64Array(full ? strictSize(n) : 0),
});

test("the same seed gives the same bits however the steps are divided into runs, another seed others", () => {
  const { target } = randomGaussian(5, 3);
  for (const family of ["meanField", "fullRank"] as const)
    for (const draws of [1, 4]) {
      const run = (seed: number, parts: readonly number[]) => {
        const state = new AdviState(target, { family, entropy: "closedForm", draws, seed, stream: 3 });
        state.parameters = start(5, family === "fullRank");
        state.resetAverage();
        const trace = parts.flatMap((k) => [...state.run(k)]);
        const answer = { trace, parameters: state.parameters, average: state.average };
        state.dispose();
        return answer;
      };
      const whole = run(11, [100]);
      expect(run(11, [1, 2, 30, 67])).toEqual(whole);
      expect(run(12, [100]).trace).not.toEqual(whole.trace);
      expect(run(2 ** 40 + 11, [100]).trace).not.toEqual(whole.trace);
    }
});

test("the running mean is the mean of the iterates", () => {
  const state = new AdviState(normalNormal, { family: "meanField", entropy: "stl", draws: 2, seed: 5, stream: 0 });
  state.parameters = start(3, false);
  state.run(7);
  state.resetAverage();
  const sum = new Float64Array(3);
  for (let t = 0; t < 20; t++) {
    state.run(1);
    state.parameters.location.forEach((v, i) => {
      sum[i] = sum[i]! + v / 20;
    });
  }
  state.average.location.forEach((v, i) => {
    expect(Math.abs(v - sum[i]!)).toBeLessThan(1e-14);
  });
  state.dispose();
});

test("a run ends before the first step whose density or gradient is not finite, and says at which draw", () => {
  let calls = 0;
  let poisoned: Float64Array | undefined;
  for (const poison of ["value", "gradient"] as const) {
    calls = 0;
    const target: Target = {
      dimension: 2,
      logDensityGradient(theta, gradient) {
        calls++;
        if (calls === 5 * 4 + 3) poisoned = theta.slice();
        gradient[0] = -theta[0]!;
        gradient[1] = -theta[1]!;
        const value = -0.5 * (theta[0]! ** 2 + theta[1]! ** 2);
        // The third draw of the sixth step.
        if (calls !== 5 * 4 + 3) return value;
        if (poison === "value") return Number.NEGATIVE_INFINITY;
        gradient[1] = Number.NaN;
        return value;
      },
    };
    const state = new AdviState(target, { family: "meanField", entropy: "closedForm", draws: 4, seed: 1, stream: 0 });
    state.parameters = start(2, false);
    expect(state.run(5).length).toBe(5);
    const before = state.parameters;
    expect(state.run(20).length).toBe(0);
    expect(state.parameters).toEqual(before);
    expect(state.step).toBe(5);
    const failed = state.failedPoint();
    state.skip();
    expect(state.run(20).length).toBe(20);
    expect(failed).toEqual(poisoned);
    state.dispose();
  }
});

test("normals made for several steps ahead are those of one step at a time", () => {
  for (const n of [1, 3, 4, 5, 8, 13]) {
    const points: number[][] = [];
    const target: Target = {
      dimension: n,
      logDensityGradient(theta, gradient) {
        points.push([...theta]);
        gradient.fill(0);
        return 0;
      },
    };
    const state = new AdviState(target, { family: "meanField", entropy: "closedForm", draws: 1, seed: 77, stream: 9 });
    state.resetOptimizer(1e-300);
    state.parameters = start(n, false);
    state.run(150);
    const scope = new Scope();
    const out = scope.doubles(n);
    for (let t = 0; t < 150; t++) {
      core().fillNormals(77, 0, 9, t, 1, n, out, 0, 0);
      expect(points[t], `step ${t}`).toEqual([...f64(out, n)]);
    }
    scope.dispose();
    state.dispose();
  }
});
