// `node --import tsx bench/functions.ts [name ...]`: ns per element of every elementary function, in a cache's worth of data and in
// a million elements, on the baseline and the relaxed build, beside the obvious loop over the host's Math in the same process
// (functions that Math does not have stand alone). The results are held together first, to the error stated with each function.

import { Op } from "../assembly/opcodes.js";
import { type BuildName, openBuild } from "../test/accuracy/builds.js";
import { mulberry32 } from "./data.js";
import { compare, type Side, warmUp } from "./interleave.js";

type Loop = (x: Float64Array, y: Float64Array, z: Float64Array) => void;

interface Timed {
  readonly name: string;
  readonly op: Op;
  /** Arguments are uniform within the range; a second argument within the second range. */
  readonly range: readonly [number, number];
  readonly second?: readonly [number, number];
  /** The loop of plain JavaScript, y[i] = f(x[i], z[i]). */
  readonly plain?: Loop;
  /** How far apart the two may be, relative to the larger of 1e-300 and the value. */
  readonly agreement?: number;
}

/** A few ULP: V8's Math is within one, and the formulas below add roundings of their own. */
const close = 1e-15;

const functions: readonly Timed[] = [
  {
    name: "exp",
    op: Op.Exp,
    range: [-20, 20],
    agreement: close,
    plain: (x, y) => {
      for (let i = 0; i < x.length; i++) y[i] = Math.exp(x[i]!);
    },
  },
  {
    name: "log",
    op: Op.Log,
    range: [0.001, 100],
    agreement: close,
    plain: (x, y) => {
      for (let i = 0; i < x.length; i++) y[i] = Math.log(x[i]!);
    },
  },
  {
    name: "log1p",
    op: Op.Log1p,
    range: [-0.9, 10],
    agreement: close,
    plain: (x, y) => {
      for (let i = 0; i < x.length; i++) y[i] = Math.log1p(x[i]!);
    },
  },
  {
    name: "expm1",
    op: Op.Expm1,
    range: [-5, 5],
    agreement: close,
    plain: (x, y) => {
      for (let i = 0; i < x.length; i++) y[i] = Math.expm1(x[i]!);
    },
  },
  {
    name: "sigmoid",
    op: Op.Sigmoid,
    range: [-10, 10],
    agreement: close,
    plain: (x, y) => {
      for (let i = 0; i < x.length; i++) y[i] = 1 / (1 + Math.exp(-x[i]!));
    },
  },
  {
    name: "softplus",
    op: Op.Softplus,
    range: [-10, 10],
    agreement: close,
    plain: (x, y) => {
      for (let i = 0; i < x.length; i++) y[i] = Math.max(x[i]!, 0) + Math.log1p(Math.exp(-Math.abs(x[i]!)));
    },
  },
  {
    name: "logSigmoid",
    op: Op.LogSigmoid,
    range: [-10, 10],
    agreement: close,
    plain: (x, y) => {
      for (let i = 0; i < x.length; i++) y[i] = Math.min(x[i]!, 0) - Math.log1p(Math.exp(-Math.abs(x[i]!)));
    },
  },
  {
    name: "tanh",
    op: Op.Tanh,
    range: [-5, 5],
    agreement: close,
    plain: (x, y) => {
      for (let i = 0; i < x.length; i++) y[i] = Math.tanh(x[i]!);
    },
  },
  {
    name: "sin",
    op: Op.Sin,
    range: [-30, 30],
    agreement: close,
    plain: (x, y) => {
      for (let i = 0; i < x.length; i++) y[i] = Math.sin(x[i]!);
    },
  },
  {
    name: "cos",
    op: Op.Cos,
    range: [-30, 30],
    agreement: close,
    plain: (x, y) => {
      for (let i = 0; i < x.length; i++) y[i] = Math.cos(x[i]!);
    },
  },
  {
    name: "sqrt",
    op: Op.Sqrt,
    range: [0, 10],
    agreement: 0,
    plain: (x, y) => {
      for (let i = 0; i < x.length; i++) y[i] = Math.sqrt(x[i]!);
    },
  },
  {
    name: "pow",
    op: Op.Pow,
    range: [0.1, 10],
    second: [-5, 5],
    agreement: close,
    plain: (x, y, z) => {
      for (let i = 0; i < x.length; i++) y[i] = x[i]! ** z[i]!;
    },
  },
  {
    name: "logAddExp",
    op: Op.LogAddExp,
    range: [0, 10],
    second: [0, 10],
    agreement: close,
    plain: (x, y, z) => {
      for (let i = 0; i < x.length; i++) y[i] = Math.max(x[i]!, z[i]!) + Math.log1p(Math.exp(-Math.abs(x[i]! - z[i]!)));
    },
  },
  { name: "erf", op: Op.Erf, range: [-3, 3] },
  { name: "erfc", op: Op.Erfc, range: [-3, 10] },
  { name: "erfcx", op: Op.Erfcx, range: [-1, 20] },
  { name: "ndtr", op: Op.Ndtr, range: [-5, 5] },
  { name: "logNdtr", op: Op.LogNdtr, range: [-10, 5] },
  { name: "ndtri", op: Op.Ndtri, range: [0.001, 0.999] },
  { name: "lgamma", op: Op.Lgamma, range: [0.1, 30] },
  { name: "digamma", op: Op.Digamma, range: [0.1, 30] },
  { name: "trigamma", op: Op.Trigamma, range: [0.1, 30] },
  { name: "lbeta", op: Op.Lbeta, range: [0.1, 30], second: [0.1, 30] },
];

/** A call of the kernel on its own copy of the arguments, and its output. */
function kernel(build: BuildName, f: Timed, inputs: readonly Float64Array[]): { side: Side; out: Float64Array } {
  const { core } = openBuild(build);
  const n = inputs[0]!.length;
  const operands = f.second ? inputs : inputs.slice(0, 1);
  const pointers = Array.from({ length: operands.length + 1 }, () => core.allocate((n + (n & 1)) * 8));
  const words = core.allocate(16);
  new Uint32Array(core.memory.buffer, words, pointers.length).set(pointers);
  operands.forEach((values, i) => {
    new Float64Array(core.memory.buffer, pointers[i]!, n).set(values);
  });
  const run = (): void => core.run(f.op, 1, n, words);
  run();
  return { side: { run, count: n }, out: new Float64Array(core.memory.buffer, pointers.at(-1)!, n).slice() };
}

function agree(f: Timed, build: BuildName, got: Float64Array, want: Float64Array): void {
  for (let i = 0; i < want.length; i++)
    if (!(Math.abs(got[i]! - want[i]!) <= f.agreement! * Math.max(1e-300, Math.abs(want[i]!))))
      throw new Error(`${f.name}, ${build}: element ${i}: expected ${want[i]} within ${f.agreement}, got ${got[i]}`);
}

function uniform(n: number, [low, high]: readonly [number, number], seed: number): Float64Array {
  const next = mulberry32(seed);
  return Float64Array.from({ length: n }, () => low + (high - low) * next());
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !functions.some((f) => f.name === name));
if (unknown.length > 0)
  throw new RangeError(`names: expected ${functions.map((f) => f.name).join(", ")}, got ${unknown}`);
const ns = (seconds: number): string => (seconds * 1e9).toFixed(2).padStart(7);
console.log("function    elements     Math  release  ratio  relaxed  ratio   (ns per element)");
for (const f of functions) {
  if (wanted.length > 0 && !wanted.includes(f.name)) continue;
  for (const n of [1_000, 1_000_000]) {
    const x = uniform(n, f.range, 1);
    const z = uniform(n, f.second ?? [0, 1], 2);
    const y = new Float64Array(n);
    const cells: string[] = [];
    for (const build of ["release", "relaxed"] as const) {
      const { side, out } = kernel(build, f, [x, z]);
      if (f.plain) {
        const plain = f.plain;
        const run = (): void => plain(x, y, z);
        run();
        agree(f, build, out, y);
        const c = compare({ run, count: n }, side, true);
        if (build === "release") cells.push(ns(c.plain));
        cells.push(ns(c.engine), c.ratio.toFixed(2).padStart(6));
      } else {
        if (build === "release") cells.push("      –");
        cells.push(ns(warmUp(side.run, 0.5) / n), "     –");
      }
    }
    console.log(f.name.padEnd(11), String(n).padStart(8), ...cells.map((c) => ` ${c}`));
  }
}
