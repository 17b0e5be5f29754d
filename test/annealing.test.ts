// Annealed importance sampling: exact where everything is known, right where no q is, and refused where its chains cannot get about.

import { describe, expect, test } from "vitest";
import { cos, fit, flat, loadPosterior, loo, model, normal, real, savePosterior, sin } from "../src/index.js";
import { finish } from "../src/optim/run.js";
import type { Target } from "../src/target.js";
import { anneal, annealedDraws, chains } from "../src/vi/annealing.js";
import { Chains } from "../src/vi/chains.js";
import { fitTargetSync } from "../src/vi/fit.js";
import type { DenseGaussian } from "../src/vi/gaussian.js";
import { Session } from "../src/vi/session.js";
import { largestCorrelation, shiftBetween } from "../src/vi/witness.js";
import { gaussianTarget } from "./support/targets.js";

const scaled = (...scales: number[]): DenseGaussian => {
  const n = scales.length;
  const cholesky = new Float64Array(n * n);
  scales.forEach((s, i) => {
    cholesky[i * n + i] = s;
  });
  return { kind: "dense", mean: new Float64Array(n), cholesky };
};

const moments = (points: Float64Array, n: number, i: number): { mean: number; sd: number } => {
  const count = points.length / n;
  let mean = 0;
  for (let d = 0; d < count; d++) mean += points[d * n + i]! / count;
  let square = 0;
  for (let d = 0; d < count; d++) square += (points[d * n + i]! - mean) ** 2;
  return { mean, sd: Math.sqrt(square / (count - 1)) };
};

/** A normal of width 1 by 0.3, turned by an angle that is another normal: no scale or shift makes a Gaussian of it. */
const turning = model(({ sample, factor, observe }) => {
  const x = sample("x", normal(0, 1));
  const y = sample("y", flat(real));
  const z = sample("z", flat(real));
  factor("along", normal(0, 1).logProb(y.mul(cos(x)).add(z.mul(sin(x)))));
  factor("across", normal(0, 0.3).logProb(z.mul(cos(x)).sub(y.mul(sin(x)))));
  // Says nothing, but is an observation: normal(0, 1e6) whatever the rest.
  observe("w", normal(x.mul(0), 1e6), 0);
});
const half = (1 - Math.exp(-2)) / 2;
/** E y^2 = E cos^2 x + 0.09 E sin^2 x, and the other way round. */
const truth = { x: 1, y: Math.sqrt(1 - half + 0.09 * half), z: Math.sqrt(half + 0.09 * (1 - half)) };
const evidence = -Math.log(1e6) - 0.5 * Math.log(2 * Math.PI);

describe("chains", () => {
  test("leave their density invariant at every temperature, for q half as wide as p", () => {
    const p = gaussianTarget(new Float64Array(3), Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1));
    const session = new Session(p, 4);
    for (const beta of [0, 0.3, 1]) {
      const group = new Chains(session, scaled(0.5, 0.5, 0.5), 29, 64, 0);
      finish(group.start());
      for (let k = 0; k < 30; k++) finish(group.move({ beta, step: 0.3 + 0.01 * k, leaps: 5 }));
      const points = group.points();
      // The precision of q^(1 - beta) p^beta.
      const sd = 1 / Math.sqrt(4 * (1 - beta) + beta);
      for (let i = 0; i < 3; i++) {
        const { mean, sd: s } = moments(points, 3, i);
        expect(Math.abs(mean) / sd).toBeLessThan(4 / Math.sqrt(1024));
        expect(Math.abs(s / sd - 1)).toBeLessThan(4 / Math.sqrt(2048));
      }
      group.dispose();
    }
    session.dispose();
  });

  test("stay where the log density is not defined any more", () => {
    const halfLine: Target = {
      dimension: 1,
      logDensityGradient(theta, gradient) {
        gradient[0] = -1;
        return theta[0]! >= 0 ? -theta[0]! : Number.NaN;
      },
    };
    const session = new Session(halfLine, 1);
    const group = new Chains(session, scaled(1), 29, 16, 0);
    finish(group.start());
    const dead = group.ratios.filter((r) => r === Number.NEGATIVE_INFINITY).length;
    expect(dead).toBeGreaterThan(80);
    finish(group.move({ beta: 1, step: 0.3, leaps: 5 }));
    for (let k = 0; k < 20; k++) finish(group.move({ beta: 1, step: 0.3, leaps: 5 }));
    expect(group.points().every(Number.isFinite)).toBe(true);
    expect(group.ratios.filter((r) => r === Number.NEGATIVE_INFINITY).length).toBeLessThanOrEqual(dead);
    group.dispose();
    session.dispose();
  });
});

test("from q half as wide and twice as wide: the evidence and the moments of a Gaussian", () => {
  const p = gaussianTarget(Float64Array.of(1, -2), Float64Array.of(1.25, 0.5, 0.5, 1));
  for (const width of [0.5, 2]) {
    const session = new Session(p, 7);
    const { annealing, final, verdict } = finish(anneal(session, scaled(width, width), p, []))!;
    session.dispose();
    expect(verdict.against).toBeUndefined();
    const { elbo, psis } = final.check;
    expect(elbo.value).toBeLessThan(4 * elbo.error);
    expect(elbo.value).toBeGreaterThan(-1.5);
    // Its own error is that of effective draws.
    expect(Math.abs(psis.logEvidence)).toBeLessThan(5 * psis.logEvidenceError);
    for (const [i, mean] of [1, -2].entries()) {
      const m = moments(annealing.points, 2, i);
      expect(Math.abs(m.mean - mean)).toBeLessThan(5 / Math.sqrt(chains));
      expect(Math.abs(m.sd / [1, Math.sqrt(1.25)][i]! - 1)).toBeLessThan(5 / Math.sqrt(2 * chains));
    }
  }
});

test("more draws begin with fewer; other seeds give others, the fit's seed its own", () => {
  const p = gaussianTarget(Float64Array.of(1, -2), Float64Array.of(1.25, 0.5, 0.5, 1));
  const session = new Session(p, 7);
  const { annealing } = finish(anneal(session, scaled(2, 2), p, []))!;
  session.dispose();
  const own = annealing.points.length / 2;
  const longer = annealedDraws(p, annealing, own + 100, 7);
  expect(longer.subarray(0, 2 * own)).toEqual(annealing.points);
  expect(new Set(longer).size).toBeGreaterThan(own);
  expect(annealedDraws(p, annealing, 50, 7)).toEqual(annealing.points.slice(0, 100));
  const other = annealedDraws(p, annealing, 4000, 8);
  expect(other.subarray(0, 100)).not.toEqual(annealing.points.subarray(0, 100));
  expect(Math.abs(moments(other, 2, 1).mean + 2)).toBeLessThan(0.15);
});

test("chains that cannot get from mode to mode remember where they were, and are refused", () => {
  /** Two normals of width 0.5 at -4 and 4. */
  const two: Target = {
    dimension: 1,
    logDensityGradient(theta, gradient) {
      const [a, b] = [-4, 4].map((m) => -2 * (theta[0]! - m) ** 2);
      const top = Math.max(a!, b!);
      const share = Math.exp(a! - top) / (Math.exp(a! - top) + Math.exp(b! - top));
      gradient[0] = -4 * (share * (theta[0]! + 4) + (1 - share) * (theta[0]! - 4));
      return top + Math.log(Math.exp(a! - top) + Math.exp(b! - top)) - Math.log(2 * 0.5 * Math.sqrt(2 * Math.PI));
    },
  };
  const session = new Session(two, 1);
  const { verdict } = finish(anneal(session, scaled(4), two, []))!;
  session.dispose();
  expect(verdict.correlation).toBeGreaterThan(0.9);
  expect(verdict.against).toBe("memory");
});

test("witnesses of chains: what moved, by how much, and what did not", () => {
  const target: Target = { dimension: 2, unconstrainedNames: ["a", "b"], logDensityGradient: () => 0 };
  const before = Float64Array.from({ length: 400 }, (_, i) => Math.sin(i * i));
  const now = before.map((v, i) => (i % 2 ? 2 * v + 1 : Math.sin(7 * i)));
  const memory = largestCorrelation(target, before, now);
  expect(memory.name).toBe("b");
  expect(memory.correlation).toBeCloseTo(1, 12);
  const shift = shiftBetween(target, before, now);
  expect(shift.scaleName).toBe("b");
  expect(shift.scaleRatio).toBeCloseTo(0.5, 12);
  expect(shift.error).toBeCloseTo(0.1, 12);
  expect(largestCorrelation(target, before, new Float64Array(400)).correlation).toBe(1);
});

describe("a default fit of what no family is right for", () => {
  test("anneals, says so, and is right", async () => {
    const posterior = await fit(turning, undefined, { seed: 2 });
    expect(posterior.status).toBe("converged");
    expect(posterior.annealed).toBe(true);
    expect(posterior.message).toMatch(
      /1008 draws of a Gaussian nested along .* annealed to the posterior over \d+ temp/,
    );
    expect(posterior.size).toBe(4000);
    for (const [name, sd] of Object.entries(truth)) {
      expect(Math.abs(posterior.mean(name)[0]!)).toBeLessThan(0.15);
      expect(Math.abs(posterior.sd(name)[0]! / sd - 1)).toBeLessThan(0.15);
    }
    expect(posterior.elbo).toBeLessThan(evidence + 4 * posterior.elboStandardError);
    expect(posterior.elbo).toBeGreaterThan(evidence - 0.5);
    // Draws are the posterior's own: there is nothing to correct them by.
    expect(posterior.weights).toBeUndefined();
    expect(posterior.logRatios()).toEqual(new Float64Array(4000));
    expect(() => posterior.logApproximation(new Float64Array(3))).toThrow(/annealed draws have no density/);
    expect(`${posterior.summary()}`).not.toContain("corrected by importance");
    const more = posterior.sample(500, { seed: 9 });
    expect(more.draws("y").length).toBe(500);
    expect(Math.abs(more.sd("z")[0]! / truth.z - 1)).toBeLessThan(0.25);
    expect(posterior.sample(5000).unconstrainedDraws().subarray(0, 12_000)).toEqual(posterior.unconstrainedDraws());
    expect(loo(posterior).elpd).toBeCloseTo(evidence, 6);
    const again = loadPosterior(savePosterior(posterior));
    expect(again.mean("y")).toEqual(posterior.mean("y"));
    expect(again.draws("z")).toEqual(posterior.draws("z"));
    expect(() => again.sample(10, { seed: 1 }).draws("x")).toThrow(/new draws of an annealed fit take its model/);
    posterior.dispose();
  });

  test("counts its moves among the steps", () => {
    const compiled = turning.compile();
    // Enough for nested Gaussians, not for what comes then.
    const short = fitTargetSync(compiled, { seed: 2, maxSteps: 300 });
    expect(short.status).toBe("maxSteps");
    compiled.dispose();
  });
});
