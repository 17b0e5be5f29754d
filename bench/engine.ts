// The workloads W1–W4 in the modelling language, fitted by the engine's own ADVI loop with a constant step size: what `fit` runs, many
// steps per crossing. The invariant: a step is the one of baseline.ts (same estimator, same optimiser), only the source of
// the normals differs, and these can be read back to be fed to the other side.

import type { CompiledModel } from "../src/compile/compiled.js";
import { core } from "../src/core/load.js";
import { f64, Scope } from "../src/core/memory.js";
import { bernoulliLogit, halfCauchy, model, normal } from "../src/index.js";
import { AdviState } from "../src/vi/advi-state.js";
import { seedWords } from "../src/vi/core-normals.js";
import { adamSettings, type LogisticData, schools, tableOf, toy, type Workload } from "./data.js";

const toyModel = model(({ sample, observe }) => {
  const z = sample("z", normal(0, 1), { shape: [3] });
  observe("x", normal(z, 1), toy);
});

const schoolsModel = model(({ sample, observe, plate }) => {
  const school = plate("school", schools.effect);
  const mu = sample("mu", normal(0, 5));
  const tau = sample("tau", halfCauchy(5));
  const effect = sample("effect", normal(0, 1), school);
  observe("y", normal(effect.mul(tau).add(mu), school.data(schools.error)), school.data(schools.effect));
});

const logisticModel = model(({ sample, observe, plate }, { rows, columns, x, y }: LogisticData) => {
  const row = plate("row", rows);
  const beta = sample("beta", normal(0, 1), { shape: [columns] });
  observe("y", bernoulliLogit(row.data(x, [columns]).dot(beta)), row.data(y));
});

/** The model of a workload with its data. The caller disposes of it. */
export function compileWorkload(workload: Workload): CompiledModel {
  switch (workload.model) {
    case "toy":
      return toyModel.compile();
    case "schools":
      return schoolsModel.compile();
    case "logistic":
      return logisticModel.compile(tableOf(workload));
  }
}

const SEED = 20260;

/** A fit of a workload by the engine, from the start that baseline.ts takes. */
export class EngineFit {
  readonly #model: CompiledModel;
  readonly #state: AdviState;

  /** Address of the state of the fit in core memory. */
  get state(): number {
    return this.#state.pointer;
  }

  constructor(readonly workload: Workload) {
    const { dimension, family, draws, logScale } = workload;
    this.#model = compileWorkload(workload);
    this.#state = new AdviState(this.#model, { family, entropy: "closedForm", draws, seed: SEED, stream: 0 });
    this.#state.parameters = {
      location: new Float64Array(dimension),
      logScale: new Float64Array(dimension).fill(logScale),
      lower: new Float64Array(family === "fullRank" ? (dimension * (dimension - 1)) / 2 : 0),
    };
    const { rate, beta1, beta2, epsilon } = adamSettings;
    this.#state.resetOptimizer(rate, beta1, beta2, epsilon);
  }

  /** Takes steps; returns the ELBO of each. */
  run(steps: number): Float64Array {
    const trace = this.#state.run(steps);
    if (trace.length !== steps) throw new Error(`${this.workload.name}: ended after ${trace.length} of ${steps} steps`);
    return trace;
  }

  /** [location][log scale][strict rows], as in baseline.ts. */
  parameters(): Float64Array {
    const { location, logScale, lower } = this.#state.parameters;
    return Float64Array.from([...location, ...logScale, ...lower]);
  }

  dispose(): void {
    this.#state.dispose();
    this.#model.dispose();
  }
}

/** The normals that the engine takes in its first steps, [step][draw][coordinate]. */
export function normalsOf({ dimension, draws }: Workload, steps: number): Float64Array {
  const out = new Float64Array(steps * draws * dimension);
  const [low, high] = seedWords(SEED);
  const scope = new Scope();
  const pointer = scope.doubles(draws * dimension);
  for (let step = 0; step < steps; step++) {
    core().fillNormals(low, high, 0, step, draws, dimension, pointer, 0, 0);
    const values = f64(pointer, draws * dimension);
    for (let s = 0; s < draws; s++)
      for (let i = 0; i < dimension; i++) out[(step * draws + s) * dimension + i] = values[i * draws + s]!;
  }
  scope.dispose();
  return out;
}
