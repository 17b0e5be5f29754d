// Data in every form that is accepted: the same numbers give the same model.

import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import { compile, errorOf, logDensityGradient } from "./support/models.js";

describe("data come in any form that means the same numbers", () => {
  const gradients = (make: (rows: v.PlateHandle) => v.Expression, n = 3): number[] => {
    const model = compile(({ sample, factor, plate }) => {
      const rows = plate("row", n);
      const values = make(rows);
      const z = sample("z", v.flat(v.real), { plate: rows, shape: values.shape });
      factor("f", z.mul(values));
    });
    const { gradient } = logDensityGradient(model, new Float64Array(model.dimension));
    model.dispose();
    return gradient;
  };

  test("arrays, typed arrays of every kind, booleans, bigints and anything with toArray()", () => {
    const forms: [string, unknown][] = [
      ["array", [1, 0, 1]],
      ["booleans", [true, false, true]],
      ["bigints", [1n, 0n, 1n]],
      ["Float64Array", Float64Array.of(1, 0, 1)],
      ["Float32Array", Float32Array.of(1, 0, 1)],
      ["Int8Array", Int8Array.of(1, 0, 1)],
      ["Int32Array", Int32Array.of(1, 0, 1)],
      ["Uint32Array", Uint32Array.of(1, 0, 1)],
      ["BigInt64Array", BigInt64Array.of(1n, 0n, 1n)],
      ["an Arrow-like vector", { toArray: () => Int32Array.of(1, 0, 1) }],
      ["a vector of an array", { toArray: () => [true, 0, 1n] }],
    ];
    for (const [name, form] of forms)
      expect(
        gradients((rows) => rows.data(form as number[])),
        name,
      ).toEqual([1, 0, 1]);
  });

  test("nested arrays, arrays of typed arrays, and flat arrays with the shape of a row", () => {
    const nested = [
      [1, 2],
      [3, 4],
      [5, 6],
    ];
    const flat = [1, 2, 3, 4, 5, 6];
    const forms: ((rows: v.PlateHandle) => v.Expression)[] = [
      (rows) => rows.data(nested),
      (rows) => rows.data(nested.map((r) => Float32Array.from(r))),
      (rows) => rows.data({ toArray: () => nested }),
      (rows) => rows.data(nested.map((r) => ({ toArray: () => r })) as unknown as number[][]),
      (rows) => rows.data(flat, [2]),
      (rows) => rows.data(Int32Array.from(flat), [2]),
      (rows) => rows.data(Float64Array.from(flat), [2]),
    ];
    for (const form of forms) expect(gradients(form)).toEqual(flat);
    const matrices = [
      [[1], [2]],
      [[3], [4]],
      [[5], [6]],
    ];
    expect(gradients((rows) => rows.data(matrices as unknown as number[][]))).toEqual(flat);
    expect(gradients((rows) => rows.data(flat, [2, 1]))).toEqual(flat);
  });

  test("sizes of plates and indices by arrays, typed arrays, bigints and labels", () => {
    const groups = ["north", "south", "west"];
    const pick = (index: unknown, into: number | string[]): number[] => {
      const model = compile(({ sample, factor, plate }) => {
        const [rows, all] = [plate("row", [0, 0, 0, 0]), plate("group", into)];
        const z = sample("z", v.flat(v.real), all);
        factor("f", z.at(rows.index(index as number[], all)).mul(rows.data([1, 10, 100, 1000])));
      });
      expect(model.names).toHaveLength(3);
      const { gradient } = logDensityGradient(model, new Float64Array(3));
      model.dispose();
      return gradient;
    };
    for (const index of [
      [2, 0, 2, 1],
      Int32Array.of(2, 0, 2, 1),
      [2n, 0n, 2n, 1n],
      BigInt64Array.of(2n, 0n, 2n, 1n),
      { toArray: () => [2, 0, 2, 1] },
    ])
      expect(pick(index, 3)).toEqual([10, 1000, 101]);
    expect(pick(["west", "north", "west", "south"], groups)).toEqual([10, 1000, 101]);
    expect(pick([2, 0, 2, 1], groups)).toEqual([10, 1000, 101]);
  });

  test("a distribution on numbers: a number gives a number, an array an array, NaN stays NaN", () => {
    const constant = -0.5 * Math.log(2 * Math.PI);
    expect(v.normal(0, 1).logProb(1)).toBeCloseTo(constant - 0.5, 14);
    expect(v.normal(0, 1).logProb(Number.NaN)).toBeNaN();
    const several = v.normal(0, 1).logProb(Int32Array.of(0, 1, 2)) as Float64Array;
    expect(several).toBeInstanceOf(Float64Array);
    [0, 1, 2].forEach((x, i) => {
      expect(several[i]).toBeCloseTo(constant - 0.5 * x * x, 14);
    });
    expect(v.gamma(2, 1).logProb([-1, Number.NaN])).toEqual(Float64Array.of(Number.NEGATIVE_INFINITY, Number.NaN));
    const mixed = v.normal([0, 1], [1, 2]).logProb([0, 1]) as Float64Array;
    expect(mixed[1]).toBeCloseTo(constant - Math.log(2), 14);
    expect(errorOf(() => v.normal([0, 1], 1).logProb([1, 2, 3]))).toBe(
      "RangeError: normal.logProb(x): expected 2 values, as many as the parameters, got 3",
    );
    expect(errorOf(() => v.dirichlet([1, 1]).logProb([0.2, 0.3, 0.5]))).toBe(
      "RangeError: dirichlet.logProb(x): expected values of shape [2], got [3]",
    );
  });
});
