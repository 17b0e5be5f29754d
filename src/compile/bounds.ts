// What values a node can take, by interval arithmetic over the graph. It is how a scale without a constraint, a probability
// that can leave [0, 1] or a prior whose support does not fit is caught when the model is traced, before any fit.

import { Op } from "../../assembly/opcodes.js";
import type { Node } from "./node.js";

export type Bounds = readonly [low: number, high: number];

const ANY: Bounds = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
const known = new WeakMap<Node, Bounds>();

const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);

function product(a: Bounds, b: Bounds): Bounds {
  const corners = [times(a[0], b[0]), times(a[0], b[1]), times(a[1], b[0]), times(a[1], b[1])];
  return [Math.min(...corners), Math.max(...corners)];
}

function inverse(a: Bounds): Bounds {
  if (a[0] >= 0) return [1 / a[1], 1 / a[0]];
  if (a[1] <= 0) return [a[1] === 0 ? Number.NEGATIVE_INFINITY : 1 / a[1], 1 / a[0]];
  return ANY;
}

const monotone =
  (f: (x: number) => number) =>
  ([a]: readonly Bounds[]): Bounds => [f(a![0]), f(a![1])];
const within = (low: number, high: number) => (): Bounds => [low, high];
const logOf = (x: number): number => (x <= 0 ? Number.NEGATIVE_INFINITY : Math.log(x));

/** Bounds of maps. Host functions are good enough here: nothing computed from these enters a fit. */
const rules: Partial<Record<Op, (inputs: readonly Bounds[]) => Bounds>> = {
  [Op.Neg]: ([a]) => [-a![1], -a![0]],
  [Op.Reciprocal]: ([a]) => inverse(a!),
  [Op.Abs]: ([a]) => (a![0] >= 0 ? a! : a![1] <= 0 ? [-a![1], -a![0]] : [0, Math.max(-a![0], a![1])]),
  [Op.Square]: ([a]) => {
    const high = Math.max(a![0] ** 2, a![1] ** 2);
    return [a![0] <= 0 && a![1] >= 0 ? 0 : Math.min(a![0] ** 2, a![1] ** 2), high];
  },
  [Op.Sqrt]: monotone((x) => Math.sqrt(Math.max(0, x))),
  [Op.Exp]: monotone(Math.exp),
  [Op.Log]: monotone(logOf),
  [Op.Log1p]: monotone((x) => logOf(1 + x)),
  [Op.Expm1]: monotone(Math.expm1),
  [Op.Sigmoid]: monotone((x) => 1 / (1 + Math.exp(-x))),
  [Op.Softplus]: monotone((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  [Op.LogSigmoid]: within(Number.NEGATIVE_INFINITY, 0),
  [Op.Tanh]: monotone(Math.tanh),
  [Op.Sin]: within(-1, 1),
  [Op.Cos]: within(-1, 1),
  [Op.Erf]: within(-1, 1),
  [Op.Erfc]: within(0, 2),
  [Op.Erfcx]: within(0, Number.POSITIVE_INFINITY),
  [Op.Ndtr]: within(0, 1),
  [Op.LogNdtr]: within(Number.NEGATIVE_INFINITY, 0),
  [Op.Add]: ([a, b]) => [a![0] + b![0], a![1] + b![1]],
  [Op.Sub]: ([a, b]) => [a![0] - b![1], a![1] - b![0]],
  [Op.Mul]: ([a, b]) => product(a!, b!),
  [Op.Div]: ([a, b]) => product(a!, inverse(b!)),
  [Op.Pow]: ([a]) => (a![0] >= 0 ? [0, Number.POSITIVE_INFINITY] : ANY),
  [Op.Min]: ([a, b]) => [Math.min(a![0], b![0]), Math.min(a![1], b![1])],
  [Op.Max]: ([a, b]) => [Math.max(a![0], b![0]), Math.max(a![1], b![1])],
  [Op.LogAddExp]: ([a, b]) => [Math.max(a![0], b![0]), Number.POSITIVE_INFINITY],
  [Op.MulAdd]: ([a, b, c]) => {
    const p = product(a!, b!);
    return [p[0] + c![0], p[1] + c![1]];
  },
};

function compute(n: Node): Bounds {
  if (n.values) {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < n.values.length; i++) {
      const v = n.values[i]!;
      if (v < low) low = v;
      if (v > high) high = v;
    }
    return [low, high];
  }
  const inputs = n.inputs.map(bounds);
  switch (n.kind) {
    case "map": {
      const b = rules[n.opcode]?.(inputs);
      return b && !b.some(Number.isNaN) ? b : ANY;
    }
    case "broadcast":
    case "gather":
    case "slice":
    case "stop":
      return inputs[0]!;
    case "concat":
      return [Math.min(...inputs.map((b) => b[0])), Math.max(...inputs.map((b) => b[1]))];
    case "softmax":
      return [0, 1];
    case "sumRows":
    case "sumEvent":
    case "cumulativeSum":
    case "cumulativeSumReversed": {
      const [low, high] = inputs[0]!;
      return [low >= 0 ? low : Number.NEGATIVE_INFINITY, high <= 0 ? high : Number.POSITIVE_INFINITY];
    }
    default:
      return ANY;
  }
}

/** The least and greatest value the node can take, as far as can be told. Open ends count as closed. */
export function bounds(n: Node): Bounds {
  let b = known.get(n);
  if (!b) known.set(n, (b = compute(n)));
  return b;
}
