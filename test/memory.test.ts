// Memory over the life of models: a thousand of them leave no trace in the core or on the heap, what is not disposed of is freed when
// it is garbage, and a program keeps the data it reads.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { core } from "../src/core/load.js";
import type { Program } from "../src/core/program.js";
import type { CompiledModel } from "../src/index.js";
import * as v from "../src/index.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("globalThis.gc") as (() => void) | undefined;
if (!collect) console.warn("memory.test.ts: this engine does not let tests collect garbage; three tests are skipped");
const withCollector = test.skipIf(!collect);

const rows = Array.from({ length: 40 }, (_, i) => Math.sin(i));
const groups = rows.map((_, i) => i % 4);

const regression = v.model<number>(({ sample, observe, plate, deterministic }, subsample) => {
  const all = plate("row", rows, { subsample });
  const group = plate("group", 4);
  const mu = sample("mu", v.normal(0, 1));
  const alpha = sample("alpha", v.normal(mu, 1), group);
  const beta = sample("beta", v.normal(0, 1), { shape: [2] });
  const weights = sample("weights", v.dirichlet([1, 2, 3]));
  const sigma = sample("sigma", v.halfNormal(1));
  const x = all.data(rows.map((r) => [1, r]));
  const mean = x.dot(beta).add(alpha.at(all.index(groups, group)));
  deterministic("first", weights.at(0).mul(mu));
  observe("y", v.normal(mean, sigma), all.data(rows));
});

/** A life of a model; `all`: with everything that can be asked of it. */
function live(subsample: number, all = true): void {
  const model = regression.compile(subsample);
  const theta = new Float64Array(model.dimension).fill(0.1);
  const gradient = new Float64Array(model.dimension);
  if (!Number.isFinite(model.logDensityGradient(theta, gradient))) throw new Error("not finite");
  if (all) {
    model.constrain(theta);
    model.constrainDraws(new Float64Array(5 * model.dimension), 5);
    model.blame(theta);
    model.disassemble();
    const program = model.program(4);
    program.evaluate();
    program.dispose();
  }
  model.dispose();
}

/** Collects until `done`, as finalisers run when the engine finds time: for at most four seconds. */
async function collectUntil(done: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 80 && !done(); attempt++) {
    collect!();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return done();
}

describe("memory", () => {
  test("a thousand models compiled, evaluated and disposed of leave the core as it was", () => {
    live(40);
    live(7);
    const [used, size] = [core().used(), core().memory.buffer.byteLength];
    for (let i = 0; i < 1000; i++) live(i % 2 ? 40 : 7, i % 8 === 0);
    expect(core().used()).toBe(used);
    expect(core().memory.buffer.byteLength).toBe(size);
  });

  test("models that live side by side and die in any order leave the core as it was", () => {
    const used = core().used();
    const models: CompiledModel[] = [];
    const programs: Program[] = [];
    for (let i = 0; i < 60; i++) {
      models.push(regression.compile(i % 3 ? 40 : 9));
      programs.push(models.at(-1)!.program(1 + (i % 5)));
      if (i % 4 === 3) {
        programs.splice((i * 7) % programs.length, 1)[0]!.dispose();
        models.splice((i * 5) % models.length, 1)[0]!.dispose();
      }
    }
    const theta = new Float64Array(models[0]!.dimension).fill(0.2);
    const gradient = new Float64Array(theta.length);
    const values = new Set(models.map((m) => m.logDensityGradient(theta, gradient).toFixed(9)));
    expect(values.size).toBe(1);
    for (const x of [...programs, ...models]) x.dispose();
    expect(core().used()).toBe(used);
  });

  test("a model that is refused, and a density evaluated on numbers, leave nothing behind", () => {
    const bad = v.model<void>(({ sample, observe, plate }) => {
      const p = plate("p", 3);
      sample("z", v.normal(0, 1), p);
      observe("y", v.gamma(1, 1), p.data([1, 2, 3]).sub(2));
    });
    const use = (): void => {
      expect(() => bad.compile()).toThrow(RangeError);
      v.normal(0, 1).logProb(rows);
      v.gamma(2, 3).logProb(1);
      v.mixture([0.5, 0.5], [v.normal(0, 1), v.normal(1, 2)]).logProb(rows);
    };
    use();
    const [used, size] = [core().used(), core().memory.buffer.byteLength];
    for (let i = 0; i < 300; i++) use();
    expect(core().used()).toBe(used);
    expect(core().memory.buffer.byteLength).toBe(size);
  });

  test("a program whose model was disposed of says so instead of reading what lies there now", () => {
    const model = regression.compile(40);
    const program = model.program(1);
    model.dispose();
    expect(() => program.evaluate()).toThrow(
      new Error("the model of this program was disposed of: its data are no longer in memory"),
    );
    program.dispose();
  });

  withCollector("models that are lost without dispose() are freed when they are collected", async () => {
    collect!();
    const before = core().used();
    const lose = (): number => {
      for (let i = 0; i < 50; i++) {
        const model = regression.compile(i % 2 ? 40 : 7);
        model.logDensityGradient(new Float64Array(model.dimension), new Float64Array(model.dimension));
        model.program(2).evaluate();
      }
      return core().used();
    };
    expect(lose()).toBeGreaterThan(before);
    expect(await collectUntil(() => core().used() <= before)).toBe(true);
  });

  withCollector("a program keeps the data it reads, when the model it came from is garbage", async () => {
    const make = (): Program => regression.compile(40).program(1);
    const kept = make();
    kept.theta().fill(0.1);
    kept.evaluate();
    const expected = [...kept.logDensity(), ...kept.gradient()];
    for (let i = 0; i < 5; i++) {
      collect!();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // Whatever was freed would be written over by these.
    const others = Array.from({ length: 20 }, () => regression.compile(40));
    for (const m of others) m.logDensityGradient(new Float64Array(m.dimension), new Float64Array(m.dimension));
    kept.evaluate();
    expect([...kept.logDensity(), ...kept.gradient()]).toEqual(expected);
    kept.dispose();
    for (const m of others) m.dispose();
  });

  withCollector("the heap does not grow with the number of models", async () => {
    for (let i = 0; i < 50; i++) live(40);
    const settle = async (): Promise<number> => {
      for (let i = 0; i < 4; i++) {
        collect!();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return process.memoryUsage().heapUsed;
    };
    const before = await settle();
    for (let i = 0; i < 300; i++) live(40, i % 4 === 0);
    // 300 models of a few hundred nodes each would be tens of megabytes.
    expect((await settle()) - before).toBeLessThan(2_000_000);
  });
});
