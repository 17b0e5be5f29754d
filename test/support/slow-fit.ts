// A fit that takes long on any machine, with the main job's progress: what test/start.test.ts looks at on a terminal.

import { line, paint, withProgress } from "../../examples/terminal.js";
import { fit } from "../../src/index.js";

const slow = {
  dimension: 3,
  logDensityGradient(theta: Float64Array, gradient: Float64Array): number {
    const until = performance.now() + 0.3;
    while (performance.now() < until);
    theta.forEach((x, i) => {
      gradient[i] = -x;
    });
    return -0.5 * theta.reduce((s, x) => s + x * x, 0);
  },
};
const posterior = await withProgress((listener) => fit(slow, { seed: 1, ...listener }));
line(paint("green", `${posterior.status}:`));
