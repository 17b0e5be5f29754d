// The simplifications of graph arithmetic: whatever form an expression is brought to, its value and derivative are those of the
// expression as it was written, here by complex arithmetic that simplifies nothing.

import { expect, test } from "vitest";
import * as g from "../src/compile/arithmetic.js";
import { constant, latent, type Node } from "../src/compile/node.js";
import * as z from "./complex.js";
import { type C, c } from "./complex.js";
import { GraphValues } from "./interpreter.js";

/** An expression of x and y, once as a graph and once in complex numbers. */
interface Twin {
  readonly name: string;
  readonly node: Node;
  readonly of: (x: C, y: C) => C;
}

const x: Twin = { name: "x", node: latent(0, null, []), of: (a) => a };
const y: Twin = { name: "y", node: latent(1, null, []), of: (_, b) => b };
const numbers: Twin[] = [0, -0, 1, -1, 2, 0.25, 3, -1.5].map((k) => ({
  name: Object.is(k, -0) ? "-0" : String(k),
  node: constant(k),
  of: () => c(k),
}));

type Unary = readonly [name: string, f: (x: Node) => Node, reference: (x: C) => C];
type Binary = readonly [name: string, f: (x: Node, y: Node) => Node, reference: (x: C, y: C) => C];

const unary: Unary[] = [
  ["neg", g.neg, z.neg],
  ["reciprocal", g.reciprocal, z.reciprocal],
  ["log", g.log, z.log],
  ["log1p", g.log1p, z.log1p],
  ["exp", g.exp, z.exp],
  ["expm1", g.expm1, z.expm1],
  ["sqrt", g.sqrt, z.sqrt],
  ["square", g.square, z.square],
  ["abs", g.abs, z.abs],
  ["sign", g.sign, z.sign],
  ["sigmoid", g.sigmoid, z.sigmoid],
  ["softplus", g.softplus, z.softplus],
  ["logSigmoid", g.logSigmoid, z.logSigmoid],
  ["tanh", g.tanh, z.tanh],
];
const binary: Binary[] = [
  ["add", g.add, z.add],
  ["sub", g.sub, z.sub],
  ["mul", g.mul, z.mul],
  ["div", g.div, z.div],
  ["pow", g.pow, z.pow],
  ["min", g.min, z.min],
  ["max", g.max, z.max],
  ["logAddExp", g.logAddExp, z.logAddExp],
];

/** Off the domain of a real function the complex one goes on; the engine's is NaN there. */
const onReals = (v: C): C => (Math.abs(v.im) > 1e-15 ? c(Number.NaN, Number.NaN) : v);

const apply1 = ([name, f, reference]: Unary, a: Twin): Twin => ({
  name: `${name}(${a.name})`,
  node: f(a.node),
  of: (p, q) => onReals(reference(a.of(p, q))),
});
const apply2 = ([name, f, reference]: Binary, a: Twin, b: Twin): Twin => ({
  name: `${name}(${a.name}, ${b.name})`,
  node: f(a.node, b.node),
  of: (p, q) => onReals(reference(a.of(p, q), b.of(p, q))),
});

/** How many points of the plane an expression was compared at: those where it is finite. */
function compare({ name, node, of }: Twin): number {
  let compared = 0;
  for (const [a, b] of [
    [0.7, 1.3],
    [2.2, -0.4],
    [-0.6, 0.9],
  ] as const)
    for (const [da, db] of [
      [z.STEP, 0],
      [0, z.STEP],
    ] as const) {
      const expected = of(c(a, da), c(b, db));
      const slope = z.derivative(expected);
      if (!Number.isFinite(expected.re) || !Number.isFinite(slope)) continue;
      const [got] = new GraphValues([c(a, da), c(b, db)]).of(node);
      if (Math.abs(got!.im) > 1e-15) continue;
      compared++;
      const size = 1 + Math.abs(expected.re) + Math.abs(slope);
      if (!(Math.abs(got!.re - expected.re) < 1e-13 * size && Math.abs(z.derivative(got!) - slope) < 1e-12 * size))
        throw new Error(
          `${name} at ${a}, ${b}: ${got!.re}, slope ${z.derivative(got!)}; expected ${expected.re}, ${slope}`,
        );
    }
  return compared;
}

test("every function of a number, a function or an operation is what it was before it was simplified", () => {
  let compared = 0;
  const leaves = [x, y, ...numbers];
  const ones = leaves.flatMap((a) => unary.map((f) => apply1(f, a)));
  const twos = [x, ...numbers].flatMap((a) => [y, ...numbers].flatMap((b) => binary.map((f) => apply2(f, a, b))));
  for (const a of [...ones, ...twos]) {
    compared += compare(a);
    for (const f of unary) compared += compare(apply1(f, a));
  }
  expect(compared).toBeGreaterThan(5_000);
});

test("every operation on functions and operations is what it was before it was simplified", () => {
  let compared = 0;
  const left = [x, numbers[2]!, numbers[4]!, ...unary.map((f) => apply1(f, x)), apply2(binary[1]!, x, y)];
  const right = [y, numbers[0]!, numbers[3]!, ...unary.map((f) => apply1(f, y)), apply2(binary[1]!, y, x)];
  for (const f of binary)
    for (const a of left)
      for (const b of right) {
        compared += compare(apply2(f, a, b));
        compared += compare(apply2(f, b, a));
      }
  expect(compared).toBeGreaterThan(5_000);
});

test("log(1 + e^x), log sigmoid and their like keep their digits where the written form has none left", () => {
  const at = (node: Node, value: number): number => new GraphValues([c(value), c(0)]).of(node)[0]!.re;
  expect(at(g.log(g.exp(x.node)), 800)).toBe(800);
  expect(at(g.log1p(g.exp(x.node)), 800)).toBe(800);
  expect(at(g.log(g.sigmoid(x.node)), -800)).toBe(-800);
  expect(at(g.log1p(g.neg(g.sigmoid(x.node))), 800)).toBe(-800);
  expect(at(g.log(g.reciprocal(g.exp(x.node))), 800)).toBe(-800);
  expect(at(g.log(g.sqrt(g.exp(x.node))), -800)).toBe(-400);
});

test("a constant is folded only where every engine rounds alike", () => {
  for (const f of [g.exp, g.log, g.log1p, g.expm1, g.tanh, g.sigmoid, g.softplus])
    expect(f(constant(0.3)).kind, f.name).toBe("map");
  for (const f of [g.neg, g.reciprocal, g.sqrt, g.square, g.abs])
    expect(f(constant(0.3)).kind, f.name).toBe("constant");
  for (const f of [g.add, g.sub, g.mul, g.div]) expect(f(constant(0.3), constant(0.7)).kind, f.name).toBe("constant");
});
