// TensorFlow.js on its cpu or wasm backend, float32: tf.train.adam minimising minus the ELBO, the value read back every step.

import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import type * as Tf from "@tensorflow/tfjs";
import type { Scalar, Tensor, Variable } from "@tensorflow/tfjs";
import type * as Wasm from "@tensorflow/tfjs-backend-wasm";
import { adamSettings, schools, tableOf, toy } from "../../data.js";
import type { Contest } from "../protocol.js";
import { constantOf } from "./constant.js";
import { belowDiagonal, taking, triangleOf } from "./step.js";

// The ES modules of TensorFlow.js do not load in Node.
const require = createRequire(import.meta.url);

export async function contest(backend: string): Promise<Contest> {
  const tf = require("@tensorflow/tfjs") as typeof Tf;
  if (backend === "wasm") {
    const wasm = require("@tensorflow/tfjs-backend-wasm") as typeof Wasm;
    wasm.setWasmPaths(dirname(require.resolve("@tensorflow/tfjs-backend-wasm")) + sep);
    wasm.setThreadsCount(1);
  }
  tf.env().set("DEBUG", false);
  await tf.setBackend(backend);
  await tf.ready();
  return {
    version: tf.version.tfjs,
    open(workload, fed) {
      const { dimension: D, draws: S, family, logScale, model } = workload;
      const location = tf.variable(tf.zeros([D]));
      const omega = tf.variable(tf.fill([D], logScale));
      const variables: Variable[] = [location, omega];
      let lower: Variable | undefined;
      let strict: Tensor | undefined;
      if (family === "fullRank") {
        lower = tf.variable(tf.zeros([D, D]));
        variables.push(lower);
        const ones = Float32Array.from(belowDiagonal(D));
        strict = tf.tensor2d(ones, [D, D]);
      }
      const { rate, beta1, beta2, epsilon } = adamSettings;
      const optimizer = tf.train.adam(rate, beta1, beta2, epsilon);

      /** Minus the log joint without its constants, summed over the draws. */
      let energy: (z: Tensor) => Tensor;
      if (model === "toy") {
        const x = tf.tensor1d([...toy]);
        energy = (z) => x.sub(z).square().add(z.square()).sum().mul(0.5);
      } else if (model === "schools") {
        const y = tf.tensor2d([...schools.effect], [1, 8]);
        const inverse = tf.tensor2d(
          schools.error.map((s) => 1 / s),
          [1, 8],
        );
        energy = (z) => {
          const mu = z.slice([0, 0], [S, 1]);
          const logTau = z.slice([0, 1], [S, 1]);
          const effect = z.slice([0, 2], [S, 8]);
          const tau = logTau.exp();
          const residual = y.sub(mu.add(tau.mul(effect))).mul(inverse);
          const squares = residual.square().sum().add(effect.square().sum()).mul(0.5);
          return squares.add(mu.square().mul(0.02).add(tau.square().mul(0.04).log1p()).sub(logTau).sum());
        };
      } else {
        const table = tableOf(workload);
        const x = tf.tensor2d(Float32Array.from(table.x), [table.rows, D]);
        const y = tf.tensor2d(Float32Array.from(table.y), [table.rows, 1]);
        energy = (z) => {
          const logits = x.matMul(z.reshape([D, 1]));
          return logits.softplus().sub(y.mul(logits)).sum().add(z.square().sum().mul(0.5));
        };
      }
      const shape = S > 1 ? [S, D] : [D];
      const constant = constantOf(workload);
      let taken = 0;

      function step(): number {
        const from = taken++ * S * D;
        const eps = fed
          ? tf.tensor(Float32Array.from(fed.subarray(from, from + S * D)), shape)
          : tf.randomNormal(shape);
        const loss = optimizer.minimize(
          () => {
            let z: Tensor = location.add(omega.exp().mul(eps));
            if (lower && strict)
              z = z.add(
                lower
                  .mul(strict)
                  .matMul(eps.reshape([D, 1]))
                  .reshape([D]),
              );
            return energy(z).div(S).sub(omega.sum()) as Scalar;
          },
          true,
          variables,
        )!;
        const elbo = constant - loss.dataSync()[0]!;
        loss.dispose();
        eps.dispose();
        return elbo;
      }

      return {
        run: taking(step),
        parameters() {
          const rows = lower ? [...lower.dataSync()] : [];
          return [...location.dataSync(), ...omega.dataSync(), ...triangleOf(rows, D)];
        },
      };
    },
  };
}
