// The density of a nested Gaussian at any point: the way back through its maps, and what ratios of a fit to it say.

import { expect, test } from "vitest";
import { psis } from "../src/diagnostics/psis.js";
import { fit, halfCauchy, loo, model, normal } from "../src/index.js";
import type { Target } from "../src/target.js";
import { fitTargetSync } from "../src/vi/fit.js";
import { gaussianLogDensity } from "../src/vi/gaussian.js";
import { invertNested } from "../src/vi/nested-inverse.js";
import { applyNested, throughMaps } from "../src/vi/nested-program.js";
import { randomSource } from "./support/random.js";

/** v ~ N(0, 3²), x_i ~ N(0, e^v): log evidence 0. */
const funnel: Target = {
  dimension: 4,
  logDensityGradient(theta, gradient) {
    const v = theta[0]!;
    const precision = Math.exp(-v);
    let value = -0.5 * (v / 3) ** 2 - Math.log(3) - 2 * Math.log(2 * Math.PI);
    gradient[0] = -v / 9;
    for (let i = 1; i < 4; i++) {
      const x = theta[i]!;
      value -= 0.5 * x * x * precision + 0.5 * v;
      gradient[0] += 0.5 * x * x * precision - 0.5;
      gradient[i] = -x * precision;
    }
    return value;
  },
};

const answer = fitTargetSync(funnel, { seed: 1 });
const { maps, approximation } = answer.result;

test("the way back is that of the way forward, in the middle and far out, with the same Jacobian", () => {
  expect(maps.length).toBeGreaterThan(0);
  const random = randomSource(2);
  for (const map of maps) {
    const y = Float64Array.from({ length: 4 * 200 }, (_, k) => (k < 400 ? 1 : 4) * random.normal());
    const theta = new Float64Array(y.length);
    const forward = new Float64Array(200);
    const back = new Float64Array(200);
    applyNested(map, 200, y, theta, forward);
    const again = invertNested(map, 200, theta, back);
    for (let k = 0; k < 400; k++) expect(Math.abs(again[k]! - y[k]!)).toBeLessThan(1e-9 * (1 + Math.abs(y[k]!)));
    // In the neck of the funnel rounding of theta is worth more in y: it is theta that comes back.
    const there = new Float64Array(y.length);
    applyNested(map, 200, again, there, new Float64Array(200));
    for (let k = 0; k < y.length; k++)
      expect(Math.abs(there[k]! - theta[k]!)).toBeLessThan(1e-11 * (10 + Math.abs(theta[k]!)));
    for (let d = 0; d < 200; d++) expect(Math.abs(back[d]! - forward[d]!)).toBeLessThan(1e-8);
  }
});

test("the density of a fit's draws is that of the Gaussian they were made from over the Jacobian", () => {
  const q = approximation!;
  const random = randomSource(3);
  const y = Float64Array.from({ length: 400 }, () => random.normal());
  const theta = throughMaps(maps, 100, y.slice());
  const inner = new Float64Array(100);
  gaussianLogDensity(q, 100, y, inner);
  const jacobian = new Float64Array(100);
  let points: Float64Array = y;
  for (const map of [...maps].reverse()) {
    const next = new Float64Array(400);
    const own = new Float64Array(100);
    applyNested(map, 100, points, next, own);
    own.forEach((j, d) => {
      jacobian[d]! += j;
    });
    points = next;
  }
  expect(theta).toEqual(points);
  answer.logApproximation(theta).forEach((l, d) => {
    expect(Math.abs(l - (inner[d]! - jacobian[d]!))).toBeLessThan(1e-8);
  });
});

test("ratios of a funnel to its nested approximation have mean 1", () => {
  const result = psis(answer.logRatios());
  expect(Math.abs(result.logEvidence)).toBeLessThan(4 * result.logEvidenceError + 0.01);
  expect(result.khat).toBeLessThan(0.7);
});

test("leave-one-out of a centred hierarchy can be relied on", async () => {
  const schools = model<void>(({ sample, observe, plate }) => {
    const all = plate("school", 8);
    const mu = sample("mu", normal(0, 5));
    const tau = sample("tau", halfCauchy(5));
    const theta = sample("theta", normal(mu, tau), all);
    observe("y", normal(theta, all.data([15, 10, 16, 11, 9, 11, 10, 18])), all.data([28, 8, -3, 7, -1, 1, 18, 12]));
  });
  const result = loo(await fit(schools, undefined, { seed: 1 }));
  // What arviz's documentation has for this model by long chains.
  expect(Math.abs(result.elpd + 30.8)).toBeLessThan(0.3);
  expect(result.fitKhat).toBeLessThan(0.7);
});
