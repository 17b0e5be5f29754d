// deepbox: reverse-mode differentiation on a tape and Adam, float64, in plain JavaScript. The step as its user would write it.

import { readFileSync } from "node:fs";
import { GradTensor, parameter, randn, tensor } from "deepbox/ndarray";
import { Adam } from "deepbox/optim";
import { adamSettings, schools, tableOf, toy } from "../../data.js";
import type { Contest } from "../protocol.js";
import { constantOf } from "./constant.js";
import { taking, triangleOf } from "./step.js";

const f64 = { dtype: "float64" } as const;
const { version } = JSON.parse(
  readFileSync(new URL("../node_modules/deepbox/package.json", import.meta.url), "utf8"),
) as { version: string };

/** Rows of a table as nested arrays, which is what deepbox takes. */
const nested = (values: Float64Array, columns: number): number[][] =>
  Array.from({ length: values.length / columns }, (_, i) =>
    Array.from(values.subarray(i * columns, (i + 1) * columns)),
  );
const constant = (values: number[] | number[][]): GradTensor => GradTensor.fromTensor(tensor(values, f64));
const scalar = (value: number): GradTensor => GradTensor.scalar(value, f64);

export const contest = (): Contest => ({
  version,
  open(workload, fed) {
    const { dimension: D, draws: S, family, logScale, model } = workload;
    const location = parameter(new Array<number>(D).fill(0), f64);
    const omega = parameter(new Array<number>(D).fill(logScale), f64);
    const square = (fill: (i: number, j: number) => number): number[][] =>
      Array.from({ length: D }, (_, i) => Array.from({ length: D }, (_, j) => fill(i, j)));
    const full = family === "fullRank";
    const lower = full
      ? parameter(
          square(() => 0),
          f64,
        )
      : undefined;
    const strict = constant(square((i, j) => Number(j < i)));
    const { rate, beta1, beta2, epsilon } = adamSettings;
    const settings = { lr: rate, beta1, beta2, eps: epsilon };
    const optimizer = new Adam(lower ? [location, omega, lower] : [location, omega], settings);
    const half = scalar(0.5);
    const one = scalar(1);

    /** Minus the log joint without its constants, summed over the draws. */
    let energy: (z: GradTensor) => GradTensor;
    if (model === "toy") {
      const x = constant([...toy]);
      energy = (z) => x.sub(z).square().add(z.square()).sum().mul(half);
    } else if (model === "schools") {
      const y = constant([[...schools.effect]]);
      const inverse = constant([schools.error.map((s) => 1 / s)]);
      const [a, b] = [scalar(0.02), scalar(0.04)];
      energy = (z) => {
        const [mu, logTau, effect] = [[0, 1] as const, [1, 2] as const, [2, 10] as const].map(([start, end]) =>
          z.slice({ start: 0 }, { start, end }),
        ) as [GradTensor, GradTensor, GradTensor];
        const tau = logTau.exp();
        const residual = y.sub(mu.add(tau.mul(effect))).mul(inverse);
        const squares = residual.square().sum().add(effect.square().sum()).mul(half);
        return squares.add(mu.square().mul(a).add(tau.square().mul(b).add(one).log()).sub(logTau).sum());
      };
    } else {
      const table = tableOf(workload);
      const x = constant(nested(table.x, D));
      const y = constant(nested(table.y, 1));
      energy = (z) => {
        const logits = x.matmul(z.reshape([D, 1]));
        const softplus = logits.relu().add(logits.abs().neg().exp().add(one).log());
        return softplus.sub(y.mul(logits)).sum().add(z.square().sum().mul(half));
      };
    }
    const perDraw = scalar(1 / S);
    const shape = S > 1 ? [S, D] : [D];
    let taken = 0;

    function step(): number {
      const from = taken++ * S * D;
      const given = fed?.subarray(from, from + S * D);
      const eps = given
        ? constant(S > 1 ? nested(given, D) : Array.from(given))
        : GradTensor.fromTensor(randn(shape, f64));
      optimizer.zeroGrad();
      let z = location.add(omega.exp().mul(eps));
      if (lower)
        z = z.add(
          lower
            .mul(strict)
            .matmul(eps.reshape([D, 1]))
            .reshape([D]),
        );
      const loss = energy(z).mul(perDraw).sub(omega.sum());
      loss.backward();
      optimizer.step();
      return constantOf(workload) - Number(loss.tensor.data[0]);
    }

    return {
      run: taking(step),
      parameters() {
        const values = (t: GradTensor): number[] => Array.from(t.tensor.data as Float64Array);
        const rows = lower ? values(lower) : [];
        return [...values(location), ...values(omega), ...triangleOf(rows, D)];
      },
    };
  },
});
