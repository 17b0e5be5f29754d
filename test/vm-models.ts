// Bodies of the tests of compiled models, run on each build of the core by test/vm*.test.ts: random models against the complex-step
// derivatives of their graphs, and what must not change a bit: draws at once, the size of blocks, the order of evaluations.

import { describe, expect, test } from "vitest";
import { CompiledModel, type ModelGraph } from "../src/compile/compiled.js";
import { core } from "../src/core/load.js";
import type { Program } from "../src/core/program.js";
import type { ModelContext } from "../src/index.js";
import * as v from "../src/index.js";
import { trace } from "../src/model/trace.js";
import { c } from "./complex.js";
import { GraphValues, type Interpreted, interpret } from "./interpreter.js";
import { randomModel } from "./random-models.js";
import { Random } from "./random-values.js";
import type { BuildName } from "./vm-instructions.js";

const graphOf = (seed: number, subsample = false): ModelGraph => trace(randomModel(seed, { subsample }), undefined);
const seeds = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

function point(dimension: number, seed: number): Float64Array {
  const random = new Random(seed);
  return Float64Array.from({ length: dimension }, () => 0.7 * random.normal());
}

/** The largest error, in units of the sizes of the numbers that were added up. */
function distance(value: number, gradient: Float64Array, expected: Interpreted): number {
  const errors = [Math.abs(value - expected.logDensity) / (1 + expected.size)];
  for (const [k, { value: derivative, size }] of expected.gradient)
    errors.push(Math.abs(gradient[k]! - derivative) / (1 + size));
  return Math.max(...errors.map((e) => (Number.isNaN(e) ? Number.POSITIVE_INFINITY : e)));
}

/** Some of the coordinates of a model that has many: one complex step costs as much as a log density. */
function coordinates(dimension: number, seed: number, most = 16): number[] {
  const random = new Random(seed);
  const all = seeds(0, dimension);
  for (let i = 0; i < dimension - 1; i++) {
    const j = random.integer(i, dimension - 1);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all.slice(0, most);
}

/** Log densities and gradients of draws at once, one array per draw: [log density, ...gradient]. */
function evaluateAtOnce(program: Program, thetas: readonly Float64Array[]): Float64Array[] {
  const S = program.draws;
  const theta = program.theta();
  for (let s = 0; s < S; s++) for (let i = 0; i < program.dimension; i++) theta[i * S + s] = thetas[s]![i]!;
  program.evaluate();
  const [values, gradient] = [program.logDensity(), program.gradient()];
  return Array.from({ length: S }, (_, s) =>
    Float64Array.from({ length: program.dimension + 1 }, (_v, i) => (i ? gradient[(i - 1) * S + s]! : values[s]!)),
  );
}

/** Bit by bit, NaN being equal to NaN. */
const sameBits = (a: Float64Array, b: Float64Array): boolean => a.every((x, i) => Object.is(x, b[i]));

function logDensityGradient(model: CompiledModel, theta: Float64Array): { value: number; gradient: Float64Array } {
  const gradient = new Float64Array(theta.length);
  return { value: model.logDensityGradient(theta, gradient), gradient };
}

export function modelTests(build: BuildName): void {
  const share = build === "release" ? 1 : 0.3;
  const some = (first: number, count: number): number[] => seeds(first, Math.ceil(count * share));

  describe(`random models on the ${build} build`, () => {
    test("log densities and gradients agree with complex steps through the graph to 1e-12", () => {
      for (const seed of some(1000, 80)) {
        const graph = graphOf(seed);
        const model = new CompiledModel(graph);
        const theta = point(model.dimension, seed);
        const { value, gradient } = logDensityGradient(model, theta);
        const expected = interpret(graph, theta, coordinates(theta.length, seed));
        expect(distance(value, gradient, expected), `seed ${seed}`).toBeLessThan(1e-12);
        model.dispose();
      }
    });

    test("several draws at once are the same bits as one after another, whatever the size of blocks", () => {
      for (const seed of some(2000, 40)) {
        const used = core().used();
        const model = new CompiledModel(graphOf(seed, seed % 2 === 0));
        const thetas = seeds(seed * 100, 16).map((k) => point(model.dimension, k));
        const one = model.program(1);
        const alone = thetas.map((theta) => evaluateAtOnce(one, [theta])[0]!);
        one.dispose();
        for (const [k, S] of [1, 2, 3, 4, 7, 8, 10, 16].entries()) {
          const program = model.program(S, [undefined, 8, 16, 24][(seed + k) % 4]);
          for (let repeat = 0; repeat < 2; repeat++)
            for (const [s, got] of evaluateAtOnce(program, thetas).entries())
              expect(sameBits(got, alone[s]!), `seed ${seed}, draw ${s} of ${S}`).toBe(true);
          program.dispose();
        }
        model.dispose();
        expect(core().used(), `seed ${seed}`).toBe(used);
      }
    });

    test("an evaluation leaves nothing behind for the next, not even after NaN and infinities", () => {
      for (const seed of some(3000, 20)) {
        const model = new CompiledModel(graphOf(seed));
        const theta = point(model.dimension, seed);
        const program = model.program(3);
        const [first] = evaluateAtOnce(program, [theta, theta, theta]);
        const wild = theta.map((_, i) => [Number.NaN, Number.POSITIVE_INFINITY, -1e300, 0][i % 4]!);
        const [beside] = evaluateAtOnce(program, [theta, wild, wild]);
        expect(sameBits(first!, beside!), `seed ${seed}: a neighbouring draw`).toBe(true);
        const [again] = evaluateAtOnce(program, [theta, theta, theta]);
        expect(sameBits(first!, again!), `seed ${seed}: an earlier evaluation`).toBe(true);
        program.dispose();
        model.dispose();
      }
    });

    test("constrained values agree with the graph, and any number of draws gives the bits of each alone", () => {
      for (const seed of some(4000, 40)) {
        const graph = graphOf(seed, seed % 2 === 0);
        const model = new CompiledModel(graph);
        const thetas = seeds(seed * 100, 19).map((k) => point(model.dimension, k));
        const values = new GraphValues(Array.from(thetas[0]!, (x) => c(x)));
        const expected = [...graph.latents, ...graph.deterministics].flatMap(({ value }) =>
          values.of(value).map((x) => x.re),
        );
        const got = model.constrain(thetas[0]!);
        expect(got.length).toBe(model.names.length);
        got.forEach((x, i) => {
          expect(Math.abs(x - expected[i]!), `seed ${seed}, ${model.names[i]}`).toBeLessThan(1e-12 * (1 + Math.abs(x)));
        });
        const together = Float64Array.from(thetas.flatMap((t) => [...t]));
        const all = model.constrainDraws(together, thetas.length);
        thetas.forEach((theta, s) => {
          const part = all.subarray(s * got.length, (s + 1) * got.length);
          expect(sameBits(part, model.constrain(theta)), `seed ${seed}, draw ${s}`).toBe(true);
        });
        model.dispose();
      }
    });
  });

  describe(`batches on the ${build} build`, () => {
    test("random models: the mean over all batches is the log density and gradient of all rows to 1e-12", () => {
      let batched = 0;
      for (const seed of some(5000, 60)) {
        const graph = graphOf(seed, true);
        const model = new CompiledModel(graph);
        if (model.batches > 1) batched++;
        const theta = point(model.dimension, seed);
        const { value, gradient } = logDensityGradient(model, theta);
        const expected = interpret(graph, theta, coordinates(theta.length, seed));
        expect(distance(value, gradient, expected), `seed ${seed}`).toBeLessThan(1e-12);
        model.dispose();
      }
      expect(batched).toBeGreaterThan(10 * share);
    });

    // N = 24 is divisible by 1, 3, 8, 12, not by 5, 7, 9, 16, 23.
    const N = 24;
    const rows = seeds(0, N).map((i) => Math.sin(3 * i) * 2);
    const regression = (subsample: number) =>
      new CompiledModel(
        trace(({ sample, observe, plate }) => {
          const groups = plate("group", 5);
          const all = plate("row", N, { subsample });
          const mu = sample("mu", v.normal(0, 3));
          const sigma = sample("sigma", v.halfNormal(2));
          const effect = sample("effect", v.normal(mu, 1), groups);
          const local = sample("local", v.normal(mu, sigma), all);
          const beta = sample("beta", v.normal(0, 1), { shape: [3] });
          const x = all.data(
            rows.map((r) => [1, r, r * r]),
            undefined,
          );
          const group = all.index(
            rows.map((_, i) => (i * 7) % 5),
            groups,
          );
          const mean = x.dot(beta).add(local).add(effect.at(group));
          observe("y", v.normal(mean, sigma), all.data(rows));
        }, undefined),
      );

    test("chosen by hand: every batch stands for all rows, and their mean is all rows", () => {
      const whole = regression(N);
      expect(whole.batches).toBe(1);
      const theta = point(whole.dimension, 7);
      const expected = logDensityGradient(whole, theta);
      for (const size of [1, 3, 5, 7, 8, 9, 12, 16, 23]) {
        const model = regression(size);
        const batches = Math.ceil(N / size);
        expect(model.batches).toBe(batches);
        const [program, four] = [model.program(1), model.program(4)];
        const mean = new Float64Array(model.dimension + 1);
        const seen = new Float64Array(N);
        for (let b = 0; b < batches; b++) {
          program.selectBatch(0, b);
          four.selectBatch(0, b);
          const [got] = evaluateAtOnce(program, [theta]);
          for (let i = 0; i < mean.length; i++) mean[i]! += got![i]! / batches;
          for (const other of evaluateAtOnce(four, [theta, theta, theta, theta]))
            expect(sameBits(other, got!)).toBe(true);
          // mu, sigma and five effects come before the latents of the subsampled plate.
          for (let i = 0; i < N; i++) if (got![1 + 7 + i] !== 0) seen[i]!++;
          expect(seen.reduce((a, x) => a + x)).toBe(Math.min(N, (b + 1) * size));
        }
        expect([...seen].every((x) => x === 1)).toBe(true);
        expect(Math.abs(mean[0]! - expected.value)).toBeLessThan(1e-12 * (1 + Math.abs(expected.value)));
        expected.gradient.forEach((x, i) => {
          expect(Math.abs(mean[i + 1]! - x), `batches of ${size}, coordinate ${i}`).toBeLessThan(
            1e-12 * (1 + Math.abs(x)),
          );
        });
        const average = logDensityGradient(model, theta);
        expect(Math.abs(average.value - expected.value)).toBeLessThan(1e-12 * (1 + Math.abs(expected.value)));
        program.dispose();
        four.dispose();
        model.dispose();
      }
      whole.dispose();
    });

    test("two subsampled plates: the mean over all pairs of batches is all rows", () => {
      const make = (a: number, b: number): CompiledModel =>
        new CompiledModel(
          trace(({ sample, observe, plate }) => {
            const left = plate("left", 10, { subsample: a });
            const right = plate("right", 7, { subsample: b });
            const mu = sample("mu", v.normal(0, 3));
            const z = sample("z", v.normal(mu, 1), left);
            observe("x", v.normal(z, 0.5), left.data(rows.slice(0, 10)));
            observe("y", v.studentT(4, mu, 2), right.data(rows.slice(10, 17)));
            // No latent here: a constant, but of all rows all the same.
            observe("c", v.normal(0, 1), right.data(rows.slice(3, 10)));
          }, undefined),
        );
      const whole = make(10, 7);
      const theta = point(whole.dimension, 8);
      const expected = logDensityGradient(whole, theta);
      for (const [a, b] of [
        [3, 2],
        [5, 7],
        [4, 3],
        [10, 1],
      ] as const) {
        const model = make(a, b);
        expect(model.batches).toBe(Math.ceil(10 / a) * Math.ceil(7 / b));
        const got = logDensityGradient(model, theta);
        expect(Math.abs(got.value - expected.value)).toBeLessThan(1e-12 * Math.abs(expected.value));
        got.gradient.forEach((x, i) => {
          expect(Math.abs(x - expected.gradient[i]!)).toBeLessThan(1e-12 * (1 + Math.abs(x)));
        });
        model.dispose();
      }
      whole.dispose();
    });

    test("batches drawn by seed and step are a function of both, and all about equally frequent", () => {
      const model = regression(5);
      const theta = point(model.dimension, 9);
      const program = model.program(1);
      const values = seeds(0, 5).map((b) => {
        program.selectBatch(0, b);
        return evaluateAtOnce(program, [theta])[0]![0]!;
      });
      const drawn = (seed: number, step: number): number => {
        core().drawBatches(program.pointer, seed, 0, step);
        return values.indexOf(evaluateAtOnce(program, [theta])[0]![0]!);
      };
      const sequence = (seed: number): number[] => seeds(0, 1000).map((step) => drawn(seed, step));
      const first = sequence(1);
      expect(sequence(1)).toEqual(first);
      expect(sequence(2)).not.toEqual(first);
      // 1,000 draws of five: 200 each, standard deviation 12.6; five of them are allowed.
      for (let b = 0; b < 5; b++) expect(Math.abs(first.filter((x) => x === b).length - 200)).toBeLessThan(63);
      program.dispose();
      model.dispose();
    });
  });

  describe(`corners of the encoder on the ${build} build`, () => {
    const agree = (definition: (context: ModelContext) => void, whole = true): void => {
      const graph = trace(definition, undefined);
      const used = core().used();
      const model = new CompiledModel(graph);
      const theta = point(model.dimension, 11);
      const { value, gradient } = logDensityGradient(model, theta);
      expect(distance(value, gradient, interpret(graph, theta))).toBeLessThan(1e-12);
      for (const S of whole ? [1, 2, 3, 5] : []) {
        const program = model.program(S);
        for (const got of evaluateAtOnce(
          program,
          seeds(0, S).map(() => theta),
        ))
          expect([...got]).toEqual([value, ...gradient]);
        program.dispose();
      }
      model.dispose();
      expect(core().used()).toBe(used);
    };

    test("gradients that are scatters, beside one another and at the end, keep to their own coordinates", () => {
      for (const [p, q] of [
        [3, 5],
        [1, 9],
        [8, 3],
      ] as const)
        agree(({ sample, observe, plate }) => {
          const [small, large] = [plate("p", p), plate("q", q)];
          const first = sample("first", v.normal(0, 1));
          const a = sample("a", v.flat(v.real), small);
          const b = sample("b", v.flat(v.real), { plate: small, shape: [2] });
          const at = large.index(
            seeds(0, q).map((i) => (i * 5) % p),
            small,
          );
          const last = sample("last", v.flat(v.real), small);
          const mean = a.at(at).add(b.at(at).sum()).add(last.at(at)).add(first);
          observe("y", v.normal(mean, 1), large.data(seeds(0, q)));
        });
    });

    test("gradients of odd length at odd places do not run into what follows", () => {
      for (let n = 1; n <= 5; n++)
        agree(({ sample, factor }) => {
          const x = seeds(0, n).map((i) => sample(`x${i}`, v.normal(0, 1), { shape: i % 2 ? [] : [3] }));
          const last = sample("last", v.normal(0, 1));
          factor("f", v.sin(last).mul(x[n - 1]!));
          factor("g", v.exp(last).mul(x[0]!));
        });
    });

    test("one array of data may be the matrix of several plates, in several shapes", () => {
      const x = Float64Array.from({ length: 24 }, (_, i) => Math.sin(i));
      agree(({ sample, observe, plate }) => {
        const [p, q, r] = [plate("p", 12), plate("q", 8), plate("r", 12, { subsample: 5 })];
        const a = sample("a", v.normal(0, 1), { shape: [2] });
        const b = sample("b", v.normal(0, 1), { shape: [3, 2] });
        observe("y", v.normal(p.data(x, [2]).dot(a), 1), p.data(x.subarray(0, 12)));
        observe("z", v.normal(q.data(x, [3]).dot(b).at(1), 1), q.data(x.subarray(0, 8)));
        observe("w", v.normal(r.data(x, [2]).dot(a), 1), r.data(x.subarray(12)));
      }, false);
    });

    test("a latent that is a gradient, a gradient that is a constant, and a latent nothing looks at", () => {
      agree(({ sample, factor, plate }) => {
        const p = plate("p", 3);
        const a = sample("a", v.flat(v.real));
        const b = sample("b", v.flat(v.real), p);
        const unseen = sample("unseen", v.flat(v.real), p);
        const c = sample("c", v.flat(v.real), { shape: [2] });
        expect(unseen.shape).toEqual([]);
        factor("half square", a.square().mul(0.5));
        factor("linear", b.mul(3));
        factor("data", b.mul(p.data([1, 2, 4])));
        factor("vector", c.mul([5, 6]));
      });
    });

    test("more classes than a tile has room for", () => {
      agree(({ sample, observe, plate }) => {
        const rows = plate("row", 11);
        const beta = sample("beta", v.normal(0, 1), { shape: [2, 90] });
        const x = rows.data(seeds(0, 11).map((i) => [1, Math.cos(i)]));
        observe("y", v.categoricalLogit(x.dot(beta)), rows.data(seeds(0, 11).map((i) => (i * 17) % 90)));
      });
    });
  });
}
