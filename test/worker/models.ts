// What the worker of the tests serves: models, a target that is a plain object, and one that fails.

import { bernoulliLogit, dot, halfCauchy, model, normal, type Target } from "../../src/index.js";
import { serve } from "../../src/worker/index.js";

export interface Table {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

export const schools = model(
  ({ sample, observe, plate, deterministic }, data: { effect: number[]; error: number[] }) => {
    const school = plate("school", data.effect);
    const mu = sample("mu", normal(0, 5));
    const tau = sample("tau", halfCauchy(5));
    const raw = sample("raw", normal(0, 1), school);
    const theta = deterministic("theta", mu.add(tau.mul(raw)));
    observe("effect", normal(theta, school.data(data.error)), school.data(data.effect));
  },
);

export const logistic = model(({ sample, observe, plate }, data: Table) => {
  const rows = plate("row", data.y.length);
  const columns = data.x.length / data.y.length;
  const beta = sample("beta", normal(0, 2.5), { shape: [columns] });
  observe("y", bernoulliLogit(dot(rows.data(data.x, [columns]), beta)), rows.data(data.y));
});

export const standard: Target = {
  dimension: 2,
  logDensityGradient(theta, gradient) {
    gradient.set(theta.map((v) => -v));
    return -0.5 * (theta[0]! ** 2 + theta[1]! ** 2);
  },
};

/** Serves them; `port` where the worker cannot find its own. */
export function start(port?: Parameters<typeof serve>[1]): void {
  serve({ schools, logistic, standard }, port);
}
