// jax-js on its wasm backend, float32 or float64: the whole step, value, gradient and Adam, is one jitted function. Adam is written out, as
// the package has no optimisers. Its arrays are used up by the operations that take them; `.ref` keeps one alive for another use.

import { readFileSync } from "node:fs";
import { adamSettings, schools, tableOf, toy } from "../../data.js";
import type { Contest } from "../protocol.js";
import { constantOf } from "./constant.js";
import { belowDiagonal, triangleOf } from "./step.js";

// jax-js reads the global Float16Array when it is given a Float64Array, and Node 20 has none.
(globalThis as { Float16Array?: unknown }).Float16Array ??= class {};
const { defaultDevice, init, jit, nn, numpy: np, random, tree, valueAndGrad } = await import("@jax-js/jax");
type NdArray = InstanceType<typeof np.Array>;

const { version } = JSON.parse(
  readFileSync(new URL("../node_modules/@jax-js/jax/package.json", import.meta.url), "utf8"),
) as { version: string };

type Parameters = { location: NdArray; omega: NdArray; lower?: NdArray };
type State = { p: Parameters; m: Parameters; v: Parameters; power1: NdArray; power2: NdArray };

export async function contest(precision: string): Promise<Contest> {
  await init("wasm");
  defaultDevice("wasm");
  const dtype = precision === "f64" ? np.float64 : np.float32;
  const array = (values: ArrayLike<number>, shape: number[]): NdArray =>
    np.array(precision === "f64" ? Float64Array.from(values) : Float32Array.from(values)).reshape(shape);
  const scalar = (value: number): NdArray => np.array(value, { dtype });
  const square = (x: NdArray): NdArray => x.ref.mul(x);

  return {
    version,
    open(workload, fed) {
      const { dimension: D, draws: S, family, logScale, model } = workload;
      const full = family === "fullRank";
      const start: Parameters = { location: np.zeros([D], { dtype }), omega: np.full([D], logScale, { dtype }) };
      const constants: NdArray[] = [];
      if (full) {
        start.lower = np.zeros([D, D], { dtype });
        constants.push(array(Float64Array.from(belowDiagonal(D)), [D, D]));
      }

      /** The log joint without its constants, summed over the draws. */
      let logJoint: (z: NdArray, ...data: NdArray[]) => NdArray;
      if (model === "toy") {
        constants.push(array(toy, [3]));
        logJoint = (z, x) => square(x!.sub(z.ref)).add(square(z)).sum().mul(-0.5);
      } else if (model === "schools") {
        constants.push(
          array(schools.effect, [8]),
          array(
            schools.error.map((s) => 1 / s),
            [8],
          ),
        );
        logJoint = (z, y, inverse) => {
          const mu = z.ref.slice([], [0, 1]);
          const logTau = z.ref.slice([], [1, 2]);
          const effect = z.slice([], [2, 10]);
          const tau = np.exp(logTau.ref);
          const residual = y!.sub(mu.ref.add(tau.ref.mul(effect.ref))).mul(inverse!);
          const squares = square(residual).sum().add(square(effect).sum()).mul(-0.5);
          return squares.add(
            logTau
              .sub(square(mu).mul(0.02))
              .sub(np.log1p(square(tau).mul(0.04)))
              .sum(),
          );
        };
      } else {
        const table = tableOf(workload);
        constants.push(array(table.x, [table.rows, D]), array(table.y, [table.rows]));
        logJoint = (z, x, y) => {
          const prior = square(z.ref).sum().mul(-0.5);
          const logits = np.matmul(x!, z);
          return y!.mul(logits.ref).sub(nn.softplus(logits)).sum().add(prior);
        };
      }

      const elbo = ({ location, omega, lower }: Parameters, eps: NdArray, ...data: NdArray[]): NdArray => {
        let z = location.add(np.exp(omega.ref).mul(eps.ref));
        if (lower) z = z.add(np.matmul(lower.mul(data.shift()!), eps));
        else eps.dispose();
        return logJoint(z, ...data)
          .mul(1 / S)
          .add(omega.sum());
      };
      const gradient = valueAndGrad(elbo);
      const { rate, beta1, beta2, epsilon } = adamSettings;
      const update = (state: State, eps: NdArray, ...data: NdArray[]): [NdArray, State] => {
        const { p, m, v } = state;
        const [value, g] = gradient(tree.ref(p), eps, ...data) as unknown as [NdArray, Parameters];
        const power1 = state.power1.mul(beta1);
        const power2 = state.power2.mul(beta2);
        const next = { p: {}, m: {}, v: {} } as { p: Parameters; m: Parameters; v: Parameters };
        for (const k of Object.keys(p) as (keyof Parameters)[]) {
          const first = m[k]!.mul(beta1).add(g[k]!.ref.mul(1 - beta1));
          const second = v[k]!.mul(beta2).add(square(g[k]!).mul(1 - beta2));
          const step = first.ref.div(np.subtract(1, power1.ref)).mul(rate);
          const scale = np.sqrt(second.ref.div(np.subtract(1, power2.ref))).add(epsilon);
          next.p[k] = p[k]!.add(step.div(scale));
          next.m[k] = first;
          next.v[k] = second;
        }
        return [value, { ...next, power1, power2 }];
      };
      const shape = S > 1 ? [S, D] : [D];
      const drawn = (key: NdArray, state: State, ...data: NdArray[]): [NdArray, NdArray, State] => {
        const [k1, k2] = random.split(key, 2) as unknown as [NdArray, NdArray];
        const [value, next] = update(state, random.normal(k1, shape).astype(dtype), ...data);
        return [value, k2, next];
      };
      const onFed = jit(update as never) as unknown as typeof update;
      const onDrawn = jit(drawn as never) as unknown as typeof drawn;
      const zeros = (): Parameters => tree.map((x: NdArray) => np.zerosLike(x), tree.ref(start)) as Parameters;
      let state: State = { p: tree.ref(start), m: zeros(), v: zeros(), power1: scalar(1), power2: scalar(1) };
      let key = random.key(1) as NdArray;
      let taken = 0;
      const constant = constantOf(workload);

      function step(): number {
        const data = constants.map((c) => c.ref);
        let value: NdArray;
        if (fed) {
          const from = taken++ * S * D;
          [value, state] = onFed(state, array(fed.subarray(from, from + S * D), shape), ...data);
        } else [value, key, state] = onDrawn(key, state, ...data);
        return constant + Number(value.item());
      }

      return {
        run(steps) {
          let last = Number.NaN;
          for (let k = 0; k < steps; k++) last = step();
          return { elbo: last };
        },
        parameters() {
          const values = (x: NdArray): number[] => Array.from(x.ref.dataSync() as ArrayLike<number>);
          const rows = state.p.lower ? values(state.p.lower) : [];
          return [...values(state.p.location), ...values(state.p.omega), ...triangleOf(rows, D)];
        },
      };
    },
  };
}
