// The virtual machine in plain TypeScript, at two levels. `instructions` says what every structural instruction and map does to
// arrays, in the order in which the core adds numbers up: it is the readable specification of assembly/structure.ts and maps.ts.
// `interpret` evaluates a traced model from its graph alone, in complex arithmetic, so that derivatives come from complex steps
// and owe nothing to the adjoint rules, the compiler, the kernels or the parametrisation of the density kernels.

import { Op } from "../assembly/opcodes.js";
import type { ModelGraph } from "../src/compile/compiled.js";
import { eventSize, type Node } from "../src/compile/node.js";
import * as z from "./complex.js";
import { type C, c } from "./complex.js";
import { logDensities } from "./log-densities.js";

// ---- instructions

/** An operand: an array (read or written), an index, or an integer. */
export type Operand = Float64Array | Int32Array | number;

/** What an instruction does with its operands, in the order of opcodes.ts. */
export type Instruction = (rows: number, n: number, ...operands: Operand[]) => void;

const array = (x: Operand): Float64Array => x as Float64Array;
const index = (x: Operand): Int32Array => x as Int32Array;
const int = (x: Operand): number => x as number;

/** Calls `visit` for each row and each of `m` elements, with the position of the element. */
function each(rows: number, m: number, visit: (at: number, row: number, j: number) => void): void {
  for (let r = 0; r < rows; r++) for (let j = 0; j < m; j++) visit(r * m + j, r, j);
}

/** Element [row][column] of a matrix in tiles of eight rows, [tile][column][8]. */
const tiled = (x: Float64Array, columns: number, r: number, j: number): number =>
  x[((r >> 3) * columns + j) * 8 + (r & 7)]!;

const slices =
  (into: boolean): Instruction =>
  (rows, _n, input, width, total, offset, out) =>
    each(rows, int(width), (at, r, j) => {
      const inside = r * int(total) + int(offset) + j;
      if (into) array(out)[inside] = array(input)[at]!;
      else array(out)[at] = array(input)[inside]!;
    });

const runningSum =
  (reversed: boolean): Instruction =>
  (rows, _n, input, events, lanes, out) => {
    const [k, s] = [int(events), int(lanes)];
    each(rows, s, (_at, r, lane) => {
      for (let step = 0; step < k; step++) {
        const at = (r * k + (reversed ? k - 1 - step : step)) * s + lane;
        const before = reversed ? at + s : at - s;
        // input + sum, in this order: of two NaN the first comes out, and IEEE addition is commutative otherwise.
        array(out)[at] = step ? array(out)[before]! + array(input)[at]! : array(input)[at]!;
      }
    });
  };

const overEvent =
  (f: (values: number[]) => number | number[]): Instruction =>
  (rows, _n, input, events, lanes, out) => {
    const [k, s] = [int(events), int(lanes)];
    each(rows, s, (at, r, lane) => {
      const result = f(Array.from({ length: k }, (_, e) => array(input)[(r * k + e) * s + lane]!));
      if (typeof result === "number") array(out)[at] = result;
      else
        result.forEach((v, e) => {
          array(out)[(r * k + e) * s + lane] = v;
        });
    });
  };

const unary =
  (f: (x: number) => number): Instruction =>
  (_rows, n, x, out) => {
    for (let i = 0; i < n; i++) array(out)[i] = f(array(x)[i]!);
  };
const binary =
  (f: (x: number, y: number) => number): Instruction =>
  (_rows, n, x, y, out) => {
    for (let i = 0; i < n; i++) array(out)[i] = f(array(x)[i]!, array(y)[i]!);
  };
const ternary =
  (f: (x: number, y: number, w: number) => number): Instruction =>
  (_rows, n, x, y, w, out) => {
    for (let i = 0; i < n; i++) array(out)[i] = f(array(x)[i]!, array(y)[i]!, array(w)[i]!);
  };
const real =
  (f: (...x: C[]) => C) =>
  (...x: number[]): number =>
    f(...x.map((v) => c(v))).re;

/** Every structural instruction and map of the core. */
export const instructions: Partial<Record<Op, Instruction>> = {
  [Op.Broadcast]: (blockRows, _n, input, rows, rowStep, events, eventStep, lanes, varies, out) =>
    each((int(rows) || blockRows) * int(events), int(lanes), (at, i, lane) => {
      const [row, event] = [Math.floor(i / int(events)), i % int(events)];
      array(out)[at] = array(input)[row * int(rowStep) + event * int(eventStep) + (int(varies) ? lane : 0)]!;
    }),
  [Op.Copy]: (_rows, n, input, out) => array(out).set(array(input).subarray(0, n)),
  [Op.Zero]: (_rows, _n, out, count) => array(out).fill(0, 0, int(count)),
  [Op.SumRows]: (rows, _n, input, m, accumulator) =>
    each(rows, int(m), (at, r, j) => {
      array(accumulator)[(r % 4) * int(m) + j]! += array(input)[at]!;
    }),
  [Op.Fold]: (_rows, _n, accumulator, m, out) =>
    each(1, int(m), (j) => {
      const part = (k: number): number => array(accumulator)[k * int(m) + j]!;
      array(out)[j] = part(0) + part(2) + (part(1) + part(3));
    }),
  [Op.Total]: (rows, _n, input, m, out) =>
    each(1, int(m), (j) => {
      const part = (k: number): number => {
        let sum = 0;
        for (let r = k; r < rows; r += 4) sum += array(input)[r * int(m) + j]!;
        return sum;
      };
      array(out)[j] = part(0) + part(2) + (part(1) + part(3));
    }),
  [Op.SumProducts]: (rows, _n, left, right, m, accumulator) =>
    each(rows, int(m), (at, r, j) => {
      array(accumulator)[(r % 4) * int(m) + j]! += array(left)[at]! * array(right)[at]!;
    }),
  [Op.TotalProducts]: (rows, _n, left, right, m, out) => {
    const sums = new Float64Array(4 * int(m));
    instructions[Op.SumProducts]!(rows, 0, left, right, m, sums);
    instructions[Op.Fold]!(1, 0, sums, m, out);
  },
  [Op.MulAddRows]: (rows, _n, a, b, c, flags, m, out) =>
    each(rows, int(m), (at, _r, j) => {
      const product = array(a)[at]! * array(b)[int(flags) & 1 ? j : at]!;
      const last = array(c)[int(flags) & 2 ? j : at]!;
      array(out)[at] = int(flags) & 4 ? product - last : product + last;
    }),
  [Op.SumEventProducts]: (rows, _n, left, right, events, lanes, out) =>
    each(rows, int(lanes), (at, r, lane) => {
      let sum = 0;
      for (let k = 0; k < int(events); k++) {
        const i = (r * int(events) + k) * int(lanes) + lane;
        const product = array(left)[i]! * array(right)[i]!;
        sum = k ? sum + product : product;
      }
      array(out)[at] = sum;
    }),
  [Op.SumEventOnto]: (rows, _n, input, first, events, lanes, out) =>
    each(rows, int(lanes), (at, r, lane) => {
      let sum = array(first)[at]!;
      for (let k = 0; k < int(events); k++) sum += array(input)[(r * int(events) + k) * int(lanes) + lane]!;
      array(out)[at] = sum;
    }),
  [Op.SumEvent]: overEvent((x) => x.reduce((a, b) => a + b)),
  [Op.Gather]: (rows, _n, source, which, m, out) =>
    each(rows, int(m), (at, r, j) => {
      array(out)[at] = array(source)[index(which)[r]! * int(m) + j]!;
    }),
  [Op.ScatterAdd]: (rows, _n, input, which, m, out) =>
    each(rows, int(m), (at, r, j) => {
      array(out)[index(which)[r]! * int(m) + j]! += array(input)[at]!;
    }),
  [Op.MatVec]: (rows, _n, x, beta, columns, lanes, out) =>
    each(rows, int(lanes), (at, r, lane) => {
      let sum = 0;
      for (let j = 0; j < int(columns); j++)
        sum = tiled(array(x), int(columns), r, j) * array(beta)[j * int(lanes) + lane]! + sum;
      array(out)[at] = sum;
    }),
  /** With one lane the two partial sums of a column stand side by side: [column][parity] instead of [parity][column][lane]. */
  [Op.MatVecTransposed]: (rows, _n, x, input, columns, lanes, accumulator) => {
    const [k, s] = [int(columns), int(lanes)];
    for (let first = 0; first < rows; first += 8)
      each(k, s, (_at, j, lane) => {
        for (const parity of [0, 1]) {
          const term = (i: number): number => {
            const r = first + 2 * i + parity;
            return r < rows ? tiled(array(x), k, r, j) * array(input)[r * s + lane]! : 0;
          };
          array(accumulator)[s === 1 ? 2 * j + parity : (parity * k + j) * s + lane]! +=
            term(0) + term(1) + (term(2) + term(3));
        }
      });
  },
  [Op.FoldPairs]: (_rows, _n, accumulator, columns, lanes, out) =>
    each(int(columns), int(lanes), (at) => {
      const [even, odd] = int(lanes) === 1 ? [2 * at, 2 * at + 1] : [at, int(columns) * int(lanes) + at];
      array(out)[at] = array(accumulator)[even]! + array(accumulator)[odd]!;
    }),
  [Op.CumulativeSum]: runningSum(false),
  [Op.CumulativeSumReversed]: runningSum(true),
  [Op.LogSumExp]: overEvent((x) => {
    const top = Math.max(...x);
    return Number.isFinite(top) ? top + Math.log(x.reduce((s, v) => s + Math.exp(v - top), 0)) : top;
  }),
  [Op.Softmax]: overEvent((x) => {
    const top = Math.max(...x);
    const total = x.reduce((s, v) => s + Math.exp(v - top), 0);
    return x.map((v) => Math.exp(v - top) / total);
  }),
  [Op.SetSlice]: slices(true),
  [Op.GetSlice]: slices(false),

  [Op.Neg]: unary((x) => -x),
  [Op.Reciprocal]: unary((x) => 1 / x),
  [Op.Abs]: unary(Math.abs),
  [Op.Sqrt]: unary(Math.sqrt),
  [Op.Square]: unary((x) => x * x),
  [Op.Sign]: unary(Math.sign),
  [Op.Exp]: unary(Math.exp),
  [Op.Log]: unary(Math.log),
  [Op.Log1p]: unary(Math.log1p),
  [Op.Expm1]: unary(Math.expm1),
  [Op.Sigmoid]: unary(real(z.sigmoid)),
  [Op.Softplus]: unary((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  [Op.LogSigmoid]: unary((x) => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)))),
  [Op.Tanh]: unary(Math.tanh),
  [Op.Sin]: unary(Math.sin),
  [Op.Cos]: unary(Math.cos),
  [Op.Erf]: unary(real(z.erf)),
  [Op.Erfc]: unary(real(z.erfc)),
  [Op.Erfcx]: unary(real(z.erfcx)),
  [Op.Ndtr]: unary(real(z.ndtr)),
  [Op.LogNdtr]: unary(real(z.logNdtr)),
  /** By Newton's method on ndtr. */
  [Op.Ndtri]: unary((p) => {
    let x = 0;
    for (let k = 0; k < 60; k++)
      x -= ((real(z.ndtr)(x) - p) * Math.sqrt(2 * Math.PI) * Math.exp(0.5 * x * x)) / (1 + Math.abs(k < 8 ? x : 0));
    return x;
  }),
  [Op.Lgamma]: unary(real(z.lgamma)),
  [Op.Digamma]: unary(real(z.digamma)),
  [Op.Trigamma]: unary(real(z.trigamma)),
  [Op.Add]: binary((x, y) => x + y),
  [Op.Sub]: binary((x, y) => x - y),
  [Op.Mul]: binary((x, y) => x * y),
  [Op.Div]: binary((x, y) => x / y),
  [Op.Pow]: binary((x, y) => x ** y),
  [Op.Min]: binary(Math.min),
  [Op.Max]: binary(Math.max),
  [Op.LogAddExp]: binary((x, y) => Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)))),
  [Op.Lbeta]: binary(real(z.lbeta)),
  [Op.Less]: binary((x, y) => (x < y ? 1 : 0)),
  [Op.Add3]: ternary((x, y, w) => x + y + w),
  [Op.MulAdd]: ternary((x, y, w) => x * y + w),
  [Op.MulSub]: ternary((x, y, w) => x * y - w),
};

// ---- graphs

const maps: Partial<Record<Op, (...x: C[]) => C>> = {
  [Op.Neg]: z.neg,
  [Op.Reciprocal]: z.reciprocal,
  [Op.Abs]: z.abs,
  [Op.Sqrt]: z.sqrt,
  [Op.Square]: z.square,
  [Op.Sign]: z.sign,
  [Op.Exp]: z.exp,
  [Op.Log]: z.log,
  [Op.Log1p]: z.log1p,
  [Op.Expm1]: z.expm1,
  [Op.Sigmoid]: z.sigmoid,
  [Op.Softplus]: z.softplus,
  [Op.LogSigmoid]: z.logSigmoid,
  [Op.Tanh]: z.tanh,
  [Op.Sin]: z.sin,
  [Op.Cos]: z.cos,
  [Op.Erf]: z.erf,
  [Op.Erfc]: z.erfc,
  [Op.Erfcx]: z.erfcx,
  [Op.Ndtr]: z.ndtr,
  [Op.LogNdtr]: z.logNdtr,
  [Op.Lgamma]: z.lgamma,
  [Op.Digamma]: z.digamma,
  [Op.Trigamma]: z.trigamma,
  [Op.Add]: z.add,
  [Op.Sub]: z.sub,
  [Op.Mul]: z.mul,
  [Op.Div]: z.div,
  [Op.Pow]: z.pow,
  [Op.Min]: z.min,
  [Op.Max]: z.max,
  [Op.LogAddExp]: z.logAddExp,
  [Op.Lbeta]: z.lbeta,
  [Op.Less]: z.less,
  [Op.MulAdd]: (x, y, w) => z.add(z.mul(x, y), w),
};

const latentsOf = new WeakMap<Node, ReadonlySet<Node>>();

/** Whether a latent is among the ancestors of a node. */
function dependsOn(n: Node, latent: Node): boolean {
  const collect = (x: Node): ReadonlySet<Node> => {
    let set = latentsOf.get(x);
    if (!set) {
      const inputs = [...x.inputs, ...(x.density?.args ?? [])];
      latentsOf.set(x, (set = new Set(x.kind === "latent" ? [x] : inputs.flatMap((i) => [...collect(i)]))));
    }
    return set;
  };
  return collect(n).has(latent);
}

const rowsOf = (n: Node): number => n.plate?.size ?? 1;

/** Values of graph nodes at a point, [row][event], over all rows of every plate. */
export class GraphValues {
  readonly #known = new Map<Node, readonly C[]>();
  readonly #densities = new Map<Node, readonly C[]>();

  constructor(
    readonly theta: readonly C[],
    /** Values at a point that differs in one latent only: taken over for nodes that do not depend on it. */
    readonly like?: { readonly values: GraphValues; readonly latent: Node },
  ) {}

  of(n: Node): readonly C[] {
    let values = this.#known.get(n);
    if (values) return values;
    const { like } = this;
    values = like && !dependsOn(n, like.latent) ? like.values.of(n) : this.#compute(n);
    this.#known.set(n, values);
    return values;
  }

  /** The event of one row, a value outside plates standing for every row. */
  event(n: Node, row: number): readonly C[] {
    const m = eventSize(n.shape);
    const from = n.plate ? row * m : 0;
    return this.of(n).slice(from, from + m);
  }

  #compute(n: Node): readonly C[] {
    const m = eventSize(n.shape);
    const rows = rowsOf(n);
    const x = n.inputs[0]!;
    /** One result event from each row's input event. */
    const byRow = (f: (event: readonly C[], row: number) => readonly C[]): readonly C[] =>
      Array.from({ length: rows }, (_, r) => f(n.inputs.length ? this.event(x, r) : [], r)).flat();
    switch (n.kind) {
      case "constant":
      case "data":
        return Array.from(n.values!, (v) => c(v));
      case "latent":
        return this.theta.slice(n.position, n.position + rows * m);
      case "map": {
        const f = maps[n.opcode];
        if (!f) throw new Error(`the interpreter has no map ${n.opcode}`);
        const inputs = n.inputs.map((i) => this.of(i));
        return Array.from({ length: rows * m }, (_, i) => f(...inputs.map((v) => v[i]!)));
      }
      case "broadcast":
        return byRow((event) => Array.from({ length: m }, (_, j) => event[x.shape.length ? j : 0]!));
      case "sumRows": {
        const all = this.of(x);
        return Array.from({ length: m }, (_, j) => z.sum(all.filter((_v, i) => i % m === j)));
      }
      case "sumEvent":
        return byRow((event) => [z.sum(event)]);
      case "gather": {
        const source = this.of(x);
        return byRow((_, r) => source.slice(n.index![r]! * m, (n.index![r]! + 1) * m));
      }
      case "matVec": {
        const beta = this.of(n.inputs[1]!);
        return byRow((event) =>
          Array.from({ length: m }, (_, j) => z.sum(event.map((v, k) => z.mul(v, beta[k * m + j]!)))),
        );
      }
      case "cumulativeSum":
        return byRow((event) => {
          let sum = z.zero;
          return event.map((v) => (sum = z.add(sum, v)));
        });
      case "logSumExp":
        return byRow((event) => [z.logSumExp(event)]);
      case "softmax":
        return byRow((event) => {
          const whole = z.logSumExp(event);
          return event.map((v) => z.exp(z.sub(v, whole)));
        });
      case "concat":
        return byRow((_, r) => n.inputs.flatMap((i) => this.event(i, r)));
      case "slice":
        return byRow((event) => event.slice(n.position, n.position + m));
      case "output":
        if (n.position === 0) return this.density(x);
        break;
      case "stop":
        // Stands only for the part of a log density that its kernel leaves out, and `density` is the whole.
        return Array.from({ length: rows * m }, () => z.zero);
    }
    throw new Error(`the interpreter has no ${n.kind}`);
  }

  /** The whole log density of a call, from its arguments: [row][event]. */
  density(call: Node): readonly C[] {
    let values = this.#densities.get(call);
    if (values) return values;
    const { like } = this;
    values = like && !dependsOn(call, like.latent) ? like.values.density(call) : this.#logDensity(call);
    this.#densities.set(call, values);
    return values;
  }

  #logDensity(call: Node): readonly C[] {
    const { family, args, eventSize: vectors } = call.density!;
    const f = logDensities[family];
    if (!f) throw new Error(`the interpreter has no density ${family}`);
    const m = eventSize(call.shape);
    const result: C[] = [];
    for (let r = 0; r < rowsOf(call); r++) {
      const events = args.map((a) => this.event(a, r));
      if (vectors) result.push(f(...events));
      else for (let j = 0; j < m; j++) result.push(f(...events.map((e) => [e[e.length === 1 ? 0 : j]!])));
    }
    return result;
  }
}

/** The log joint over all rows in its parts: one number per row and element of each term. */
export const logJointParts = (graph: ModelGraph, values: GraphValues): readonly C[] =>
  graph.terms.flatMap(({ density, value }) => [
    ...(value ? values.of(value) : []),
    ...(density ? values.density(density.call) : []),
  ]);

/** A log density and gradient, with the sizes of the sums they are: what an error is measured against. */
export interface Interpreted {
  readonly logDensity: number;
  readonly size: number;
  /** By coordinate: the derivative, and the sum of the absolute derivatives of the parts. */
  readonly gradient: ReadonlyMap<number, { readonly value: number; readonly size: number }>;
}

/** The log joint of a traced model at `theta`, and its derivatives by one complex step for each of `coordinates` (all of them). */
export function interpret(
  graph: ModelGraph,
  theta: ArrayLike<number>,
  coordinates: readonly number[] = Array.from({ length: theta.length }, (_, i) => i),
): Interpreted {
  const at = Array.from({ length: theta.length }, (_, i) => c(theta[i]!));
  const total = (parts: readonly C[], f: (x: C) => number): number => parts.reduce((s, x) => s + f(x), 0);
  const values = new GraphValues(at);
  const parts = logJointParts(graph, values);
  const gradient = new Map(
    coordinates.map((k) => {
      const latent = graph.latents.filter(({ raw }) => raw.position <= k).at(-1)!.raw;
      const stepped = at.map((x, i) => (i === k ? c(x.re, z.STEP) : x));
      const moved = logJointParts(graph, new GraphValues(stepped, { values, latent }));
      const size = total(moved, (x) => Math.abs(z.derivative(x)));
      return [k, { value: total(moved, z.derivative), size }] as const;
    }),
  );
  return { logDensity: total(parts, (x) => x.re), size: total(parts, (x) => Math.abs(x.re)), gradient };
}
