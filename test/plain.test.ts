// Graphs as plain data: the opcodes of maps by their numbers, which are part of the format of files, and what a graph may not be.

import { describe, expect, test } from "vitest";
import { fromPlain, type PlainGraph, toPlain } from "../src/compile/plain.js";
import { Values } from "../src/compile/values.js";
import { halfNormal, model, normal } from "../src/index.js";

type PlainNode = PlainGraph["nodes"][number];

const entry = (given: Partial<PlainNode> & Pick<PlainNode, "kind">): PlainNode => ({
  inputs: [],
  plate: -1,
  shape: [],
  opcode: 0,
  position: 0,
  array: -1,
  ...given,
});

const latents = (count: number): PlainNode[] =>
  Array.from({ length: count }, (_, position) => entry({ kind: "latent", position }));

/** The value of a map of scalars. */
function mapped(opcode: number, operands: readonly number[]): number {
  const count = operands.length;
  const { roots } = fromPlain("graph", {
    dimension: count,
    plates: [],
    nodes: [...latents(count), entry({ kind: "map", opcode, inputs: operands.map((_, i) => i) })],
    roots: [count],
    arrays: [],
  });
  const machine = new Values(count, roots, 1);
  try {
    return machine.evaluate(Float64Array.from(operands))[0]![0]!;
  } finally {
    machine.dispose();
  }
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
// Special values: Abramowitz & Stegun's tables and closed forms at integers and halves.
const euler = 0.5772156649015329;
const maps: readonly (readonly [number, readonly number[], number])[] = [
  [64, [0.3], -0.3],
  [65, [0.4], 2.5],
  [66, [-0.3], 0.3],
  [67, [2], Math.SQRT2],
  [68, [0.3], 0.09],
  [69, [0.3], Math.exp(0.3)],
  [70, [0.3], Math.log(0.3)],
  [71, [0.3], Math.log1p(0.3)],
  [72, [0.3], Math.expm1(0.3)],
  [73, [0.3], sigmoid(0.3)],
  [74, [0.3], Math.log1p(Math.exp(0.3))],
  [75, [0.3], Math.log(sigmoid(0.3))],
  [76, [0.3], Math.tanh(0.3)],
  [77, [0.3], Math.sin(0.3)],
  [78, [0.3], Math.cos(0.3)],
  [79, [0.5], 0.5204998778130465],
  [80, [0.5], 1 - 0.5204998778130465],
  [81, [0.5], (1 - 0.5204998778130465) * Math.exp(0.25)],
  [82, [1], 0.8413447460685429],
  [83, [1], Math.log(0.8413447460685429)],
  [84, [0.8413447460685429], 1],
  [85, [4.5], Math.log(11.631728396567448)],
  [86, [1], -euler],
  [87, [1], Math.PI ** 2 / 6],
  [88, [-3], -1],
  [96, [2, 3], 5],
  [97, [2, 3], -1],
  [98, [2, 3], 6],
  [99, [2, 3], 2 / 3],
  [100, [2, 3], 8],
  [101, [2, 3], 2],
  [102, [2, 3], 3],
  [103, [2, 3], Math.log(Math.exp(2) + Math.exp(3))],
  [104, [2, 3], Math.log(1 / 12)],
  [105, [2, 3], 1],
  [112, [2, 3, 5], 11],
  [113, [1, 0.3], -Math.expm1(-0.3)],
  [114, [1, 0.3], Math.exp(-0.3)],
  [115, [1, 0.25], -Math.log(0.75)],
  [116, [1, 0.25], -Math.log(0.25)],
  [119, [0, 1], 1 / 8],
  [120, [2, 1, 0.3], 0.09],
  [121, [2, 1, 0.09], 0.3],
  [122, [2, 1, 0.3], 0.09 * Math.log(0.3)],
  [125, [3.5], Math.log(11.631728396567448)],
  [126, [1], Math.log(1.2660658777520084)],
  [127, [1], 0.5651591039924851 / 1.2660658777520084],
];

test("maps keep the opcodes that files know them by", () => {
  for (const [opcode, operands, expected] of maps)
    expect(Math.abs(mapped(opcode, operands) - expected), `opcode ${opcode}`).toBeLessThan(
      1e-13 * Math.max(1, Math.abs(expected)),
    );
});

test("structure keeps its meaning: a gathered, accumulated and joined value by hand", () => {
  // v = (t0, t1, t2); rows (v2, v0) of a plate of two; total of their exponentials; [cumulative sums of v, total].
  const graph: PlainGraph = {
    dimension: 3,
    plates: [2],
    nodes: [
      entry({ kind: "latent", shape: [3] }),
      entry({ kind: "gather", inputs: [0], plate: 0, array: 0 }),
      entry({ kind: "map", opcode: 69, inputs: [1], plate: 0 }),
      entry({ kind: "sumRows", inputs: [2] }),
      entry({ kind: "cumulativeSum", inputs: [0], shape: [3] }),
      entry({ kind: "concat", inputs: [4, 3], shape: [4] }),
      entry({ kind: "slice", inputs: [5], position: 2, shape: [2] }),
      entry({ kind: "logSumExp", inputs: [0] }),
      entry({ kind: "constant", array: 1 }),
      entry({ kind: "broadcast", inputs: [8], shape: [3] }),
      entry({ kind: "map", opcode: 98, inputs: [0, 9], shape: [3] }),
      entry({ kind: "softmax", inputs: [10], shape: [3] }),
    ],
    roots: [6, 7, 11],
    arrays: [Float64Array.of(2, 0), Float64Array.of(2)],
  };
  const { roots } = fromPlain("graph", graph);
  const machine = new Values(3, roots, 2);
  const t = [0.1, 0.2, 0.4];
  const [joined, log, soft] = machine.evaluate(Float64Array.of(...t, 0, 0, 0));
  machine.dispose();
  const near = (got: ArrayLike<number>, expected: readonly number[]): void => {
    expect(got.length).toBe(expected.length);
    expected.forEach((x, i) => {
      expect(Math.abs(got[i]! - x)).toBeLessThan(1e-14);
    });
  };
  near(joined!, [0.7, Math.exp(0.1) + Math.exp(0.4), 0, 2]);
  near(log!, [Math.log(t.reduce((a, x) => a + Math.exp(x), 0)), Math.log(3)]);
  const powers = t.map((x) => Math.exp(2 * x));
  const sum = powers.reduce((a, b) => a + b, 0);
  near(soft!, [...powers.map((p) => p / sum), 1 / 3, 1 / 3, 1 / 3]);
  // There and back.
  expect(toPlain(3, roots)).toEqual(graph);
});

test("a value that is a density has no plain form, and says so by being absent", () => {
  const compiled = model(({ sample, deterministic }) => {
    const x = sample("x", halfNormal(1));
    deterministic("density", normal(0, 1).logProb(x));
  });
  expect(compiled.compile().valuesGraph()).toBeUndefined();
});

describe("what no graph may be", () => {
  const scalar = latents(1);
  const plain = (nodes: readonly PlainNode[], more: Partial<PlainGraph> = {}): PlainGraph => ({
    dimension: 1,
    plates: [2],
    nodes,
    roots: [],
    arrays: [],
    ...more,
  });
  const wrong: readonly (readonly [string, PlainGraph, RegExp])[] = [
    ["a latent beyond the coordinates", plain(latents(2)), /nodes\[1\]: expected coordinates within 1/],
    ["a map without an opcode", plain([...scalar, entry({ kind: "map", inputs: [0] })]), /nodes\[1\]\.opcode/],
    [
      "the opcode of something else",
      plain([...scalar, entry({ kind: "map", inputs: [0], opcode: 128 })]),
      /nodes\[1\]\.opcode: expected the opcode of a map, got 128/,
    ],
    [
      "too few operands",
      plain([...scalar, entry({ kind: "map", inputs: [0], opcode: 96 })]),
      /nodes\[1\]\.inputs: expected 2 inputs, got 1/,
    ],
    ["an input yet to come", plain([entry({ kind: "sumEvent", inputs: [0] })]), /nodes\[0\]\.inputs\[0\]/],
    [
      "an index outside",
      plain([entry({ kind: "latent", shape: [1] }), entry({ kind: "gather", inputs: [0], plate: 0, array: 0 })], {
        arrays: [Float64Array.of(0, 1)],
      }),
      /nodes\[1\]: expected indices within 1/,
    ],
    [
      "a part of more than there is",
      plain([...scalar, entry({ kind: "slice", inputs: [0], position: 1, shape: [1] })]),
      /nodes\[1\]: expected a part of its input/,
    ],
    [
      "data of another length",
      plain([entry({ kind: "data", plate: 0, array: 0 })], { arrays: [Float64Array.of(1)] }),
      /2 numbers/,
    ],
    [
      "another shape than that of its inputs",
      plain([...scalar, entry({ kind: "map", inputs: [0], opcode: 69, shape: [3] })]),
      /nodes\[1\]: expected the plate and shape of its inputs/,
    ],
    [
      "operands of two plates",
      plain(
        [
          entry({ kind: "data", plate: 0, array: 0 }),
          entry({ kind: "data", plate: 1, array: 0 }),
          entry({ kind: "map", inputs: [0, 1], opcode: 96, plate: 0 }),
        ],
        { plates: [2, 2], arrays: [Float64Array.of(1, 2)] },
      ),
      /nodes\[2\]: expected operands that fit together/,
    ],
    ["a root that is not there", plain(scalar, { roots: [1] }), /roots\[0\]: expected an integer in 0\.\.0, got 1/],
  ];
  test.each(wrong)("%s", (_, graph, message) => {
    expect(() => fromPlain("graph", graph)).toThrow(message);
  });
});
