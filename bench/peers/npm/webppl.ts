// WebPPL, float64: Optimize with its ELBO estimator and Adam, the guide written out as its users do. Its entropy is by Monte Carlo, at a
// reparameterised draw, which gives the gradient of the closed form and another estimate of the ELBO. Its normals come from
// three functions that are replaced while a fit is fed. A later Optimize goes on from the parameters, with new moments for Adam.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { adamSettings, schools, tableOf, toy, type Workload } from "../../data.js";
import type { Contest, Ran } from "../protocol.js";
import { belowDiagonal, triangleOf } from "./step.js";

const require = createRequire(import.meta.url);
// The package has no types: what is used of it.
const webppl = require("webppl") as {
  compile(code: string): unknown;
  prepare(code: unknown, done: () => void, options: object): { run(): void };
};
interface Tensor {
  readonly data: Float64Array;
}
const Tensor = require("adnn/tensor") as new (dims: readonly number[]) => Tensor;
/** Parameters by name: tensors, or numbers lifted to tensors of one. */
const store = require("webppl/src/params/params") as { get(): Record<string, Tensor | number> };
const config = require("webppl/src/params/config") as { setId(id: string): void };
interface NormalSource {
  sample(mean: number, scale: number): number;
}
const normals = require("webppl/src/dists/gaussian") as NormalSource & {
  Gaussian: { prototype: { sample(): number } };
};
const { version } = JSON.parse(
  readFileSync(new URL("../node_modules/webppl/package.json", import.meta.url), "utf8"),
) as { version: string };

const tensor = (dims: readonly number[], values: ArrayLike<number>): Tensor => {
  const t = new Tensor(dims);
  t.data.set(values);
  return t;
};

const standard = (d: number): string => `DiagCovGaussian({mu: zeros([${d}, 1]), sigma: ones([${d}, 1])})`;
const guide = (d: number, logScale: number): string => `{guide: function() { return DiagCovGaussian({
  mu: param({dims: [${d}, 1], mu: 0, sigma: 0, name: 'location'}),
  sigma: T.exp(param({dims: [${d}, 1], mu: ${logScale}, sigma: 0, name: 'omega'}))}); }}`;
const scalarGuide = (name: string, logScale: number): string => `{guide: function() { return Gaussian({
  mu: param({mu: 0, sigma: 0, name: '${name}'}),
  sigma: Math.exp(param({mu: ${logScale}, sigma: 0, name: '${name}Omega'}))}); }}`;

function program({ model, dimension: D, family, logScale }: Workload): string {
  switch (model) {
    case "toy":
      return `var z = sample(${standard(3)}, ${guide(3, logScale)});
        observe(DiagCovGaussian({mu: z, sigma: ones([3, 1])}), peer.x);`;
    case "schools":
      return `var mu = sample(Gaussian({mu: 0, sigma: 5}), ${scalarGuide("mu", logScale)});
        var logTau = sample(ImproperUniform(), ${scalarGuide("tau", logScale)});
        var tau = Math.exp(logTau);
        factor(Math.log(2 / (Math.PI * 5)) - Math.log(1 + tau * tau / 25) + logTau);
        var effect = sample(${standard(8)}, ${guide(8, logScale)});
        observe(DiagCovGaussian({mu: T.add(T.mul(effect, tau), mu), sigma: peer.sigma}), peer.y);`;
    case "logistic": {
      // There is no Gaussian guide with a learnt triangle: standard normals, transformed, with the entropy as a factor.
      const z =
        family === "fullRank"
          ? `var eps = sample(${standard(D)}, {guide: function() { return ${standard(D)}; }});
        var location = modelParam({dims: [${D}, 1], mu: 0, sigma: 0, name: 'location'});
        var omega = modelParam({dims: [${D}, 1], mu: ${logScale}, sigma: 0, name: 'omega'});
        var lower = T.mul(modelParam({dims: [${D}, ${D}], mu: 0, sigma: 0, name: 'lower'}), peer.strict);
        var z = T.add(T.add(location, T.mul(T.exp(omega), eps)), T.dot(lower, eps));
        factor(T.sumreduce(omega) - 0.5 * T.sumreduce(T.mul(z, z)));`
          : `var z = sample(${standard(D)}, ${guide(D, logScale)});`;
      return `${z}
        var logits = T.dot(peer.X, z);
        factor(T.sumreduce(T.sub(T.mul(peer.y, logits), T.log(T.add(T.exp(logits), 1)))));`;
    }
  }
}

/** What programs see as `peer`. */
type Shared = Record<string, Tensor | number | (() => void)>;

function sharedOf(workload: Workload): Shared {
  const { model, dimension: D, family } = workload;
  if (model === "toy") return { x: tensor([3, 1], toy) };
  if (model === "schools") return { y: tensor([8, 1], schools.effect), sigma: tensor([8, 1], schools.error) };
  const { rows, x, y } = tableOf(workload);
  const strict = Float64Array.from(belowDiagonal(D));
  return {
    X: tensor([rows, D], x),
    y: tensor([rows, 1], y),
    ...(family === "fullRank" && { strict: tensor([D, D], strict) }),
  };
}

/** Replaces the normals while `run` runs. A tensor of n is filled from its last element on; single normals come in order. */
async function onFed<T>(workload: Workload, fed: Float64Array, run: () => Promise<T>): Promise<T> {
  const { dimension: D, model } = workload;
  const order = Array.from({ length: D }, (_, i) => i);
  // Eight schools: mu and log tau by themselves, then the tensor of the effects.
  const sequence = model === "schools" ? [0, 1, ...order.slice(2).reverse()] : order.reverse();
  let taken = 0;
  const next = (): number => {
    const draw = Math.floor(taken / D);
    return fed[draw * D + sequence[taken++ % D]!]!;
  };
  const { sample } = normals;
  const scalar = normals.Gaussian.prototype.sample;
  // Parameters start as draws with a scale of zero.
  normals.sample = (mean, scale) => (scale === 0 ? mean : mean + scale * next());
  normals.Gaussian.prototype.sample = next;
  try {
    return await run();
  } finally {
    normals.sample = sample;
    normals.Gaussian.prototype.sample = scalar;
  }
}

let fits = 0;

export const contest = (): Contest => ({
  version,
  open(workload, fed) {
    const { draws, dimension: D, model, family } = workload;
    const shared = sharedOf(workload);
    const id = `fit${++fits}`;
    let compiled: unknown;
    let saved: Record<string, Tensor | number> = {};

    const run = (steps: number): Promise<Ran> =>
      new Promise((resolve) => {
        let start = 0;
        let seconds = 0;
        shared["steps"] = steps;
        shared["start"] = () => {
          start = performance.now();
        };
        shared["stop"] = () => {
          seconds = (performance.now() - start) / 1e3;
        };
        (globalThis as { peer?: Shared }).peer = shared;
        config.setId(id);
        compiled ??= webppl.compile(`var model = function() { ${program(workload)} return 0; };
          peer.start();
          Optimize({model: model, steps: peer.steps, optMethod: {adam: {stepSize: ${adamSettings.rate}}},
            estimator: {ELBO: {samples: ${draws}}}});
          peer.stop();`);
        const done = (): void => {
          saved = store.get();
          resolve({ seconds });
        };
        webppl.prepare(compiled, done, {}).run();
      });

    return {
      run: (steps) => (fed ? onFed(workload, fed, () => run(steps)) : run(steps)),
      parameters() {
        const values = (name: string): number[] => {
          const value = saved[name]!;
          return typeof value === "number" ? [value] : Array.from(value.data);
        };
        const [location, omega] = [values("location"), values("omega")];
        if (model === "schools")
          return [
            ...values("mu"),
            ...values("tau"),
            ...location,
            ...values("muOmega"),
            ...values("tauOmega"),
            ...omega,
          ];
        const rows = family === "fullRank" ? values("lower") : [];
        return [...location, ...omega, ...triangleOf(rows, D)];
      },
    };
  },
});
