// The density of the approximation that a fit reports is that of the draws it gives, whatever family the fit chose.

import { expect, test } from "vitest";
import { evidenceBounds, type Fit, fit, halfCauchy, model, normal, type Target } from "../src/index.js";

const schools = model<void>(({ sample, observe, plate }) => {
  const all = plate("school", 8);
  const mu = sample("mu", normal(0, 5));
  const tau = sample("tau", halfCauchy(5));
  const theta = sample("theta", normal(mu, tau), all);
  observe("y", normal(theta, all.data([15, 10, 16, 11, 9, 11, 10, 18])), all.data([28, 8, -3, 7, -1, 1, 18, 12]));
});

/** v ~ N(0, 1), x_i ~ N(0, e^v): log evidence 0. */
const funnel: Target = {
  dimension: 4,
  logDensityGradient(theta, gradient) {
    const v = theta[0]!;
    const precision = Math.exp(-v);
    let value = -0.5 * v * v - 2 * Math.log(2 * Math.PI);
    gradient[0] = -v;
    for (let i = 1; i < 4; i++) {
      const x = theta[i]!;
      value -= 0.5 * x * x * precision + 0.5 * v;
      gradient[0] += 0.5 * x * x * precision - 0.5;
      gradient[i] = -x * precision;
    }
    return value;
  },
};

/** Kept draws and the draws of the check are independent: both estimate the same ELBO. */
function agrees(answer: Fit): void {
  const { elbo } = evidenceBounds(answer.logRatios());
  expect(Math.abs(elbo.value - answer.elbo)).toBeLessThan(5 * Math.hypot(elbo.error, answer.elboStandardError));
}

test.each([{}, { family: "meanField" as const }, { family: "fullRank" as const }])(
  "ratios at the kept draws give the fit's own ELBO: options %j",
  async (options) => {
    agrees(await fit(schools, undefined, { seed: 1, ...options }));
    agrees(await fit(funnel, { seed: 1, ...options }));
  },
);

test("the ratios are the target's log density minus that of the approximation", async () => {
  const answer = await fit(schools, undefined, { seed: 2, posteriorDraws: 50 });
  const points = answer.unconstrainedDraws();
  const q = answer.logApproximation(points);
  const gradient = new Float64Array(10);
  answer.logRatios().forEach((r, d) => {
    const joint = answer.target.logDensityGradient(points.slice(10 * d, 10 * d + 10), gradient);
    expect(Math.abs(r - (joint - q[d]!))).toBeLessThan(1e-10);
  });
});
