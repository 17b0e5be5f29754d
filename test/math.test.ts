// The elementary and special functions and the maps around them, on every build: the promises of test/accuracy/promises.json
// against arbitrary-precision tables, the special cases, and that an element's result depends on that element alone.

import { describe, expect, test } from "vitest";
import { Op } from "../assembly/opcodes.js";
import { type Build, buildNames, openBuild } from "./accuracy/builds.js";
import { measure, promises, readTable, ulpError } from "./accuracy/tables.js";

const builds = buildNames.map((name) => [name, openBuild(name)] as const);
const release = builds.find(([name]) => name === "release")![1];
const promised = promises();
const unary = promised.filter(({ arity }) => arity === 1);
const binary = promised.filter(({ arity }) => arity === 2);
const tables = new Map(promised.map((p) => [p.name, readTable(p)]));

const { MAX_VALUE: max } = Number;
const inf = Number.POSITIVE_INFINITY;
const specials = [0, -0, inf, -inf, Number.NaN, 5e-324, -5e-324, 2 ** -1022, -(2 ** -1022), max, -max, 1, -1];

/** Indices where two arrays differ in value or in a zero's sign; NaN equals NaN. */
function differences(a: ArrayLike<number>, b: ArrayLike<number>): number[] {
  return Array.from(a, (v, i) => (Object.is(v, b[i]) ? -1 : i)).filter((i) => i >= 0);
}

/** Inputs spread over a table: every k-th point, so that all its kinds are there. */
function sampled(name: string, count: number): number[][] {
  const { inputs } = tables.get(name)!;
  const step = Math.max(1, Math.floor(inputs[0]!.length / count));
  return inputs.map((column) => Array.from(column).filter((_, i) => i % step === 0));
}

describe("the ruler", () => {
  test("an error counts from the true value, in units of the nearest double", () => {
    expect(ulpError(1, 1, 0)).toBe(0);
    expect(ulpError(1, 1, 0.25)).toBe(0.25);
    expect(ulpError(1 + 2 ** -52, 1, -0.25)).toBe(1.25);
    expect(ulpError(1 - 2 ** -53, 1, 0)).toBe(0.5);
    expect(ulpError(5e-324, 1e-323, 0)).toBe(1);
    expect(ulpError(0, 0, 0.5)).toBe(0.5);
  });

  test("a missed NaN, infinity or sign of zero is an infinite error", () => {
    expect(ulpError(0, Number.NaN, 0)).toBe(inf);
    expect(ulpError(Number.NaN, 1, 0)).toBe(inf);
    expect(ulpError(1, inf, 0)).toBe(inf);
    expect(ulpError(-inf, inf, 0)).toBe(inf);
    expect(ulpError(inf, 1, 0)).toBe(inf);
    expect(ulpError(0, -0, 0)).toBe(inf);
    expect(ulpError(max, inf, 0)).toBe(1);
  });

  test("a function that is wrong at one point breaks its promise there", () => {
    const exp = promised.find(({ name }) => name === "exp")!;
    const table = tables.get("exp")!;
    const got = release.map(Op.Exp, ...table.inputs);
    expect(measure(exp, table, got, "release").every(({ kept }) => kept)).toBe(true);
    const at = table.inputs[0]!.indexOf(1);
    got[at]! += 4 * 2 ** -52;
    const broken = measure(exp, table, got, "release").find(({ kept }) => !kept)!;
    expect(broken.at).toEqual([1]);
    expect(broken.worst).toBeGreaterThan(1);
  });

  test("every table has at least 2000 points, and they hold zeros, infinities, NaN and subnormals", () => {
    for (const { name } of promised.filter(({ inverse }) => !inverse)) {
      const { inputs } = tables.get(name)!;
      const x = Array.from(inputs[0]!);
      expect(x.length, name).toBeGreaterThanOrEqual(2000);
      for (const special of specials)
        expect(
          x.some((v) => Object.is(v, special)),
          `${name} at ${special}`,
        ).toBe(true);
    }
  });
});

describe.each(builds)("on the %s build", (buildName, build) => {
  test.each(promised)("$name keeps its promise", (function_) => {
    const table = tables.get(function_.name)!;
    const broken = measure(function_, table, build.map(function_.op, ...table.inputs), buildName)
      .filter(({ kept }) => !kept)
      .map((o) => `${o.region.name}: promised ${o.promised} ULP, observed ${o.worst} at ${o.at.join(", ")}`);
    expect(broken).toEqual([]);
  });

  test.each(unary)("$name of an element does not depend on its lane or its neighbour", ({ name, op }) => {
    const [x] = sampled(name, 150) as [number[]];
    const alone = x.map((v) => build.map(op, [v])[0]!);
    for (const neighbour of [0.25, 1e300, -1e300, 5e-324, 0, inf, Number.NaN]) {
      const first = build.map(
        op,
        x.flatMap((v) => [v, neighbour]),
      );
      const second = build.map(
        op,
        x.flatMap((v) => [neighbour, v]),
      );
      const wrong = x.filter((_, i) => !Object.is(first[2 * i], alone[i]) || !Object.is(second[2 * i + 1], alone[i]));
      expect(wrong, `beside ${neighbour}`).toEqual([]);
    }
  });

  test.each(binary)("$name of a pair does not depend on its lane or its neighbour", ({ name, op }) => {
    const [x, y] = sampled(name, 150) as [number[], number[]];
    const alone = x.map((v, i) => build.map(op, [v], [y[i]!])[0]!);
    for (const neighbour of [0.25, 1e300, -2, 5e-324, 0, inf, Number.NaN])
      for (const order of [0, 1]) {
        const pair = (v: number): number[] => (order ? [neighbour, v] : [v, neighbour]);
        const got = build.map(op, x.flatMap(pair), y.flatMap(pair));
        const wrong = x.map((v, i) => [v, y[i]]).filter((_, i) => !Object.is(got[2 * i + order], alone[i]));
        expect(wrong, `beside ${neighbour}`).toEqual([]);
      }
  });

  test.each(promised)(
    "$name over any length, in place or not, writes n values and at most one spare",
    ({ name, op, arity }) => {
      const columns = sampled(name, 700);
      const whole = build.map(op, ...columns);
      for (const n of [1, 2, 3, 5, 8, 127, 128, 129, 255, 256, 257, 399, 513])
        for (const inPlace of [false, true]) {
          const slots = arity + (inPlace ? 0 : 1);
          const stride = n + 6;
          const base = build.core.allocate(slots * stride * 8);
          const words = build.core.allocate(64);
          const memory = new Float64Array(build.core.memory.buffer, base, slots * stride).fill(123);
          columns.forEach((column, i) => {
            memory.set(column.slice(0, n), i * stride + 2);
          });
          const pointers = Array.from({ length: arity + 1 }, (_, i) => base + ((i % slots) * stride + 2) * 8);
          new Uint32Array(build.core.memory.buffer, words, pointers.length).set(pointers);
          build.core.run(op, 1, n, words);
          const after = new Float64Array(build.core.memory.buffer, base, slots * stride);
          const out = (arity % slots) * stride + 2;
          expect(differences(after.slice(out, out + n), whole.slice(0, n)), `${n}, in place: ${inPlace}`).toEqual([]);
          const spare = n % 2;
          const outside = [...after.slice(out - 2, out), ...after.slice(out + n + spare, out + n + 4)];
          expect(outside.filter((v) => v !== 123)).toEqual([]);
          build.core.free(words);
          build.core.free(base);
        }
    },
  );

  test("NaN comes out of every function that NaN goes into", () => {
    for (const { name, op } of unary) expect(build.map(op, [Number.NaN, 1])[0], name).toBeNaN();
    for (const { name, op } of binary.filter(({ name }) => name !== "pow")) {
      expect(build.map(op, [Number.NaN, 1], [2, 2])[0], name).toBeNaN();
      expect(build.map(op, [2, 1], [Number.NaN, 2])[0], name).toBeNaN();
    }
  });

  test("pow has the special cases of Math.pow", () => {
    const values = [...specials, 2, -2, 3, -3, 0.5, -0.5, 2 ** 53 - 1, 1 - 2 ** 53, 2 ** 53 + 2, -1.5, 1e300];
    const x = values.flatMap((v) => values.map(() => v));
    const y = values.flatMap(() => values);
    const got = build.map(Op.Pow, x, y);
    const wrong: number[][] = [];
    x.forEach((v, i) => {
      const expected = v ** y[i]!;
      const same =
        expected === 0 || !Number.isFinite(expected)
          ? Object.is(got[i], expected)
          : Math.abs(got[i]! - expected) <= 4e-16 * Math.abs(expected);
      if (!same) wrong.push([v, y[i]!, got[i]!, expected]);
    });
    expect(wrong).toEqual([]);
  });

  test("tiny arguments of odd functions come back unchanged, whatever the sign", () => {
    for (const x of [0, -0, 5e-324, -5e-324, 2 ** -1022, -(2 ** -1060), 1e-300])
      for (const op of [Op.Log1p, Op.Expm1, Op.Tanh, Op.Sin]) expect(build.map(op, [x])[0]).toBe(x);
  });

  test("exact values are exact", () => {
    expect([...build.map(Op.Exp, [0, -0])]).toEqual([1, 1]);
    expect([...build.map(Op.Log, [1, 0])]).toEqual([0, -inf]);
    expect([...build.map(Op.Sigmoid, [0, -inf, inf])]).toEqual([0.5, 0, 1]);
    expect([...build.map(Op.Softplus, [inf, -inf, 800])]).toEqual([inf, 0, 800]);
    expect([...build.map(Op.LogAddExp, [-inf, inf, -inf, 3], [-inf, inf, 3, -inf])]).toEqual([-inf, inf, 3, 3]);
    expect([...build.map(Op.Cos, [0, -0])]).toEqual([1, 1]);
    const k = Array.from({ length: 2098 }, (_, i) => i - 1074);
    const powers = build.map(
      Op.Pow,
      k.map(() => 2),
      k,
    );
    expect(k.filter((e, i) => powers[i] !== 2 ** e)).toEqual([]);
  });

  test("simple maps are those of JavaScript to the bit", () => {
    const values = [...specials, 0.1, -0.1, 3.7, -1e17, 1e-200, 7, -123.456, 2, 4, 9.5];
    const maps: ReadonlyArray<readonly [Op, (x: number) => number]> = [
      [Op.Neg, (x) => -x],
      [Op.Reciprocal, (x) => 1 / x],
      [Op.Abs, Math.abs],
      [Op.Sqrt, Math.sqrt],
      [Op.Square, (x) => x * x],
      [Op.Sign, Math.sign],
    ];
    for (const [op, f] of maps) expect(differences(build.map(op, values), values.map(f)), `op ${op}`).toEqual([]);
    const pairs: ReadonlyArray<readonly [Op, (a: number, b: number) => number]> = [
      [Op.Add, (a, b) => a + b],
      [Op.Sub, (a, b) => a - b],
      [Op.Mul, (a, b) => a * b],
      [Op.Div, (a, b) => a / b],
      [Op.Min, Math.min],
      [Op.Max, Math.max],
      [Op.Less, (a, b) => (a < b ? 1 : 0)],
    ];
    const left = values.flatMap((v) => values.map(() => v));
    const right = values.flatMap(() => values);
    for (const [op, f] of pairs)
      expect(
        differences(
          build.map(op, left, right),
          left.map((a, i) => f(a, right[i]!)),
        ),
        `op ${op}`,
      ).toEqual([]);
  });

  test("multiply-add rounds the product only in the builds without fused instructions", () => {
    const a = [3, 0.1, 1 + 2 ** -30, -7.25, inf];
    const b = [5, 0.3, 1 - 2 ** -30, 1e10, 0];
    const c = [1, -0.03, -1, 0.5, 1];
    const rounded = a.map((v, i) => v * b[i]! + c[i]!);
    const got = build.map(Op.MulAdd, a, b, c);
    if (buildName !== "relaxed") expect(differences(got, rounded)).toEqual([]);
    else {
      // (1 + t)(1 - t) - 1 is -t² when fused and 0 when not: the two that the specification allows
      expect([0, -(2 ** -60)]).toContain(got[2]);
      expect(differences([got[0]!, got[3]!, got[4]!], [rounded[0]!, rounded[3]!, rounded[4]!])).toEqual([]);
      expect(Math.abs(got[1]! - rounded[1]!)).toBeLessThan(1e-17);
    }
  });
});

test("the debug build gives the bits of the release build", () => {
  const debug: Build = builds.find(([name]) => name === "debug")![1];
  for (const { name, op } of promised) {
    const { inputs } = tables.get(name)!;
    expect(differences(debug.map(op, ...inputs), release.map(op, ...inputs)), name).toEqual([]);
  }
});

test("an opcode that no kernel has traps instead of answering", () => {
  const own = openBuild("release");
  expect(() => own.map(95, [1])).toThrow(WebAssembly.RuntimeError);
});
