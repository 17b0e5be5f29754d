// The transforms onto supports: their log Jacobians are the log determinants of their derivatives, by complex steps and elimination.

import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import { trace } from "../src/model/model.js";
import { c as complex, derivative, STEP } from "./complex.js";
import { GraphValues, interpret } from "./interpreter.js";
import { Random } from "./random-values.js";
import { compile, type Definition, logDensityGradient } from "./support/models.js";

describe("the log Jacobian of each support is the log determinant of its transform", () => {
  const supports: [name: string, support: v.Support, shape: number[], inside: (x: number[]) => boolean][] = [
    ["real", v.real, [], ([x]) => Number.isFinite(x)],
    ["positive", v.positive, [], ([x]) => x! > 0],
    ["lower", v.lower(-3), [], ([x]) => x! > -3],
    ["upper", v.upper(2), [], ([x]) => x! < 2],
    ["interval", v.interval(-1, 4), [], ([x]) => x! > -1 && x! < 4],
    ["unit interval", v.unitInterval, [2, 2], (x) => x.every((y) => y > 0 && y < 1)],
    ["positive vector", v.positive, [3], (x) => x.every((y) => y > 0)],
    ["ordered", v.ordered, [4], (x) => x.every((y, i) => !i || y > x[i - 1]!)],
    ["ordered of one", v.ordered, [1], ([x]) => Number.isFinite(x)],
    ["positive ordered", v.positiveOrdered, [3], (x) => x.every((y, i) => y > (i ? x[i - 1]! : 0))],
    ["simplex", v.simplex, [4], (x) => Math.abs(x.reduce((a, b) => a + b) - 1) < 1e-14 && x.every((y) => y > 0)],
    ["simplex of two", v.simplex, [2], (x) => Math.abs(x.reduce((a, b) => a + b) - 1) < 1e-14],
  ];

  /** log |det| by elimination with pivots. */
  function logDeterminant(rows: number[][]): number {
    let log = 0;
    for (let k = 0; k < rows.length; k++) {
      const pivot = rows
        .slice(k)
        .reduce((best, r, i) => (Math.abs(r[k]!) > Math.abs(rows[best]![k]!) ? k + i : best), k);
      [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
      log += Math.log(Math.abs(rows[k]![k]!));
      for (let i = k + 1; i < rows.length; i++) {
        const f = rows[i]![k]! / rows[k]![k]!;
        for (let j = k; j < rows.length; j++) rows[i]![j]! -= f * rows[k]![j]!;
      }
    }
    return log;
  }

  test.each(supports)("%s", (_name, support, shape, inside) => {
    const random = new Random(77);
    const definition: Definition = ({ sample, plate }) => {
      sample("x", v.flat(support), { shape });
      // The same in a plate: a term for each row.
      sample("rows", v.flat(support), { shape, plate: plate("p", 2) });
    };
    const graph = trace(definition, undefined);
    const model = compile(definition);
    const D = model.dimension / 3;
    for (let repeat = 0; repeat < 5; repeat++) {
      const theta = Float64Array.from({ length: model.dimension }, () => 1.5 * random.normal());
      let expected = 0;
      for (let part = 0; part < 3; part++) {
        const [site, from] = part ? [graph.latents[1]!, D * part] : [graph.latents[0]!, 0];
        const columns = Array.from({ length: D }, (_, k) => {
          const u = Array.from(theta, (x, i) => complex(x, i === from + k ? STEP : 0));
          const values = new GraphValues(u).of(site.value);
          const width = part ? values.length / 2 : values.length;
          return values.slice(width * Math.max(0, part - 1), width * Math.max(1, part));
        });
        expect(inside(columns[0]!.map((y) => y.re))).toBe(true);
        // A simplex has one coordinate fewer than elements: its volume is that of all elements but the last.
        expected += logDeterminant(columns.map((column) => column.slice(0, D).map(derivative)));
      }
      const { value, gradient } = logDensityGradient(model, theta);
      expect(Math.abs(value - expected)).toBeLessThan(1e-12 * (1 + Math.abs(expected)));
      const interpreted = interpret(graph, theta);
      gradient.forEach((g, k) => {
        expect(Math.abs(g - interpreted.gradient.get(k)!.value)).toBeLessThan(1e-12 * (1 + Math.abs(g)));
      });
      const constrained = model.constrain(theta);
      const elements = constrained.length / 3;
      for (let part = 0; part < 3; part++)
        expect(inside([...constrained.subarray(part * elements, (part + 1) * elements)])).toBe(true);
    }
    model.dispose();
  });

  test("transforms stay on their supports far out, where sigmoid and exp have run out of digits", () => {
    const model = compile(({ sample }) => {
      sample("a", v.flat(v.interval(-1, 4)));
      sample("b", v.flat(v.simplex), { shape: [3] });
      sample("c", v.flat(v.ordered), { shape: [2] });
    });
    for (const u of [-700, -40, 40, 700]) {
      const [a, ...rest] = model.constrain(new Float64Array(5).fill(u));
      expect(a).toBeGreaterThanOrEqual(-1);
      expect(a).toBeLessThanOrEqual(4);
      const simplex = rest.slice(0, 3);
      expect(simplex.every((x) => x >= 0 && x <= 1)).toBe(true);
      expect(simplex.reduce((s, x) => s + x)).toBeCloseTo(1, 14);
      expect(rest.every(Number.isFinite)).toBe(true);
      const { value, gradient } = logDensityGradient(model, new Float64Array(5).fill(u));
      expect(Number.isFinite(value)).toBe(true);
      expect(gradient.every(Number.isFinite)).toBe(true);
    }
    model.dispose();
  });
});
