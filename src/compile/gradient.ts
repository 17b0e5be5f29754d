// Reverse-mode differentiation as a source transformation: from the terms of a log joint to nodes for its gradient, which are
// scheduled and encoded like any others (Griewank & Walther 2008, ch. 6). Each operation's adjoint rule stands here; the adjoint of
// a density is its kernel's partials, computed in the same pass as its value.

import { Op } from "../../assembly/opcodes.js";
import * as g from "./arithmetic.js";
import { aroundZero, type LogProb, unbroadcast } from "./density.js";
import {
  broadcast,
  concat,
  constant,
  cumulativeSum,
  cumulativeSumReversed,
  eventSize,
  map,
  matVecTransposed,
  type Node,
  output,
  type Plate,
  scatterAdd,
  slice,
  softmax,
  sumEvent,
} from "./node.js";

/** A term of the log joint: a density, or any value (summed over its rows and event). */
export interface Term {
  /** The site it belongs to, for messages. */
  readonly site: string;
  readonly density?: LogProb;
  readonly value?: Node;
}

/** What multiplies a term: the number of batches of the plate it lives in, so that a batch stands for all rows. */
export const scaleOf = (plate: Plate | null): number => plate?.batches ?? 1;

const HALF_LOG_2PI = 0.9189385332046727;

/** Adjoint rules of the maps: the share of input `i` of the adjoint; null: none. */
export const mapRules: Partial<Record<Op, (n: Node, adj: Node, i: number) => Node | null>> = {
  [Op.Neg]: (_, a) => g.neg(a),
  [Op.Reciprocal]: (n, a) => g.neg(g.mul(a, g.square(n))),
  [Op.Abs]: (n, a) => g.mul(a, map(Op.Sign, n.inputs)),
  [Op.Sqrt]: (n, a) => g.div(g.mul(0.5, a), n),
  [Op.Square]: (n, a) => g.mul(g.mul(2, a), n.inputs[0]!),
  [Op.Exp]: (n, a) => g.mul(a, n),
  [Op.Log]: (n, a) => g.div(a, n.inputs[0]!),
  [Op.Log1p]: (n, a) => g.div(a, g.add(1, n.inputs[0]!)),
  [Op.Expm1]: (n, a) => g.mul(a, g.add(n, 1)),
  [Op.Sigmoid]: (n, a) => g.mul(a, g.mul(n, g.sub(1, n))),
  [Op.Softplus]: (n, a) => g.mul(a, map(Op.Sigmoid, n.inputs)),
  [Op.LogSigmoid]: (n, a) => g.mul(a, map(Op.Sigmoid, [g.neg(n.inputs[0]!)])),
  [Op.Tanh]: (n, a) => g.mul(a, g.sub(1, g.square(n))),
  [Op.Sin]: (n, a) => g.mul(a, map(Op.Cos, n.inputs)),
  [Op.Cos]: (n, a) => g.neg(g.mul(a, map(Op.Sin, n.inputs))),
  [Op.Erf]: (n, a) => g.mul(a, g.mul(2 / Math.sqrt(Math.PI), g.exp(g.neg(g.square(n.inputs[0]!))))),
  [Op.Erfc]: (n, a) => g.mul(a, g.mul(-2 / Math.sqrt(Math.PI), g.exp(g.neg(g.square(n.inputs[0]!))))),
  [Op.Erfcx]: (n, a) => g.mul(a, g.sub(g.mul(2, g.mul(n.inputs[0]!, n)), 2 / Math.sqrt(Math.PI))),
  [Op.Ndtr]: (n, a) => g.mul(a, normalDensity(n.inputs[0]!)),
  [Op.LogNdtr]: (n, a) => g.mul(a, g.exp(g.sub(g.sub(g.mul(-0.5, g.square(n.inputs[0]!)), HALF_LOG_2PI), n))),
  [Op.Ndtri]: (n, a) => g.div(a, normalDensity(n)),
  [Op.Lgamma]: (n, a) => g.mul(a, map(Op.Digamma, n.inputs)),
  [Op.Digamma]: (n, a) => g.mul(a, map(Op.Trigamma, n.inputs)),
  [Op.LogBesselI0]: (n, a) => g.mul(a, map(Op.BesselRatio, n.inputs)),
  // I1/I0 has the derivative 1 − r/x − r².
  [Op.BesselRatio]: (n, a) => g.mul(a, g.sub(g.sub(1, g.div(n, n.inputs[0]!)), g.square(n))),
  [Op.Sign]: () => constant(0),
  [Op.Add]: (_, a) => a,
  [Op.Sub]: (_, a, i) => (i ? g.neg(a) : a),
  [Op.Mul]: (n, a, i) => g.mul(a, n.inputs[1 - i]!),
  [Op.Div]: (n, a, i) => (i ? g.neg(g.div(g.mul(a, n), n.inputs[1]!)) : g.div(a, n.inputs[1]!)),
  [Op.Pow]: (n, a, i) => {
    const [x, y] = n.inputs as [Node, Node];
    return g.mul(a, i ? g.mul(n, g.log(x)) : g.mul(y, map(Op.Pow, [x, g.sub(y, 1)])));
  },
  [Op.Min]: ({ inputs: [x, y] }, a, i) => {
    const left = map(Op.Less, [x!, y!]);
    return g.mul(a, i ? g.sub(1, left) : left);
  },
  [Op.Max]: ({ inputs: [x, y] }, a, i) => {
    const right = map(Op.Less, [x!, y!]);
    return g.mul(a, i ? right : g.sub(1, right));
  },
  [Op.LogAddExp]: ({ inputs: [x, y] }, a, i) => {
    const difference = g.sub(x!, y!);
    return g.mul(a, map(Op.Sigmoid, [i ? g.neg(difference) : difference]));
  },
  [Op.Lbeta]: ({ inputs: [x, y] }, a, i) =>
    g.mul(a, g.sub(map(Op.Digamma, [i ? y! : x!]), map(Op.Digamma, [g.add(x!, y!)]))),
  [Op.MulAdd]: (n, a, i) => (i === 2 ? a : g.mul(a, n.inputs[1 - i]!)),
  // A step: no derivative where it has one.
  [Op.Less]: () => null,
  [Op.GammaP]: gammaShare,
  [Op.GammaQ]: (n, a, i) => gammaShare(n, g.neg(a), i),
  [Op.BetaInc]: ({ inputs }, a, i) => {
    const [p, q, x] = inputs as [Node, Node, Node];
    if (i === 0) return g.mul(a, map(Op.BetaIncDerivativeA, inputs));
    if (i === 1) return g.mul(a, map(Op.BetaIncDerivativeB, inputs));
    const kernel = g.add(g.mul(g.sub(p, 1), g.log(x)), g.mul(g.sub(q, 1), g.log1p(g.neg(x))));
    return g.mul(a, g.exp(g.sub(kernel, g.lbeta(p, q))));
  },
  [Op.VonMisesCdf]: ({ inputs }, a, i) => {
    if (i) return g.mul(a, map(Op.VonMisesCdfDerivative, inputs));
    const [x, kappa] = inputs as [Node, Node];
    const logNormalizer = g.add(map(Op.LogBesselI0, [kappa]), 2 * HALF_LOG_2PI);
    return g.mul(a, g.exp(g.sub(g.mul(kappa, g.cos(x)), logNormalizer)));
  },
  [Op.OwensT]: ({ inputs }, a, i) => {
    const [h, t] = inputs as [Node, Node];
    if (!i) return g.mul(a, g.mul(g.mul(-0.5, normalDensity(h)), g.erf(g.mul(Math.SQRT1_2, g.mul(h, t)))));
    const whole = g.add(1, g.square(t));
    const gaussian = g.exp(g.mul(-0.5, g.square(g.mul(h, g.sqrt(whole)))));
    return g.mul(a, g.div(g.mul(1 / (2 * Math.PI), gaussian), whole));
  },
};

/** Of P(a, x): the derivative in a has a kernel of its own, that in x is the gamma density. */
function gammaShare({ inputs }: Node, adj: Node, i: number): Node {
  if (i === 0) return g.mul(adj, map(Op.GammaPShapeDerivative, inputs));
  const [shape, x] = inputs as [Node, Node];
  return g.mul(adj, g.exp(g.sub(g.sub(g.mul(g.sub(shape, 1), g.log(x)), x), g.lgamma(shape))));
}

function normalDensity(x: Node): Node {
  return g.mul(1 / Math.sqrt(2 * Math.PI), g.exp(g.mul(-0.5, g.square(x))));
}

/** Adjoint rules of everything that is not a map: the share of input `i`. */
function structureRule(n: Node, adj: Node, i: number): Node | null {
  const x = n.inputs[0]!;
  switch (n.kind) {
    case "broadcast":
      return unbroadcast(adj, x);
    case "sumRows":
    case "sumEvent":
      return broadcast(adj, x.plate, x.shape);
    case "gather":
      return scatterAdd(adj, n.index!, x);
    case "matVec":
      return i ? matVecTransposed(x, adj, n.inputs[1]!.shape) : null;
    case "cumulativeSum":
      return cumulativeSumReversed(adj);
    case "cumulativeSumReversed":
      return cumulativeSum(adj);
    case "logSumExp":
      return g.mul(softmax(x), adj);
    case "softmax":
      return g.mul(n, g.sub(adj, sumEvent(g.mul(adj, n))));
    case "concat": {
      let from = 0;
      for (let k = 0; k < i; k++) from += eventSize(n.inputs[k]!.shape);
      return slice(adj, from, n.inputs[i]!.shape);
    }
    case "slice": {
      const zeros = (length: number): Node[] => (length > 0 ? [broadcast(constant(0), null, [length])] : []);
      const after = eventSize(x.shape) - n.position - eventSize(n.shape);
      return concat([...zeros(n.position), adj, ...zeros(after)], x.shape);
    }
    case "stop":
      return null;
    default:
      throw new Error(`no adjoint rule for ${n.kind}`);
  }
}

/** The adjoints of nodes while their shares are added up. */
type Adjoints = Map<Node, Node>;

function give(adjoints: Adjoints, to: Node, share: Node): void {
  const before = adjoints.get(to);
  adjoints.set(to, before ? g.add(before, share) : share);
}

/** Gives the partials of a density, each times `adj`, in the plate and shape of its argument. */
function giveDensity(adjoints: Adjoints, call: Node, adj: Node | null): void {
  const { args, differentiable } = call.density!;
  for (let k = 0; k < differentiable.length; k++) {
    const x = args[differentiable[k]!]!;
    if (!x.latent) continue;
    const partial = output(call, k + 1);
    give(adjoints, x, unbroadcast(adj ? g.mul(adj, partial) : partial, x));
  }
}

/** From the adjoints that were given back to those of `sources` (null: none). */
function pullBack(adjoints: Adjoints, sources: readonly Node[]): (Node | null)[] {
  const nodes = reachedFrom([...adjoints.keys()]);
  for (let k = 0; k < nodes.length; k++) {
    const n = nodes[k]!;
    const total = adjoints.get(n);
    if (!total || n.kind === "latent") continue;
    // Simplified shares may have lost their rows or shape (a constant); rules count on them.
    const adj = broadcast(total, n.plate, n.shape);
    if (n.kind === "output") {
      giveDensity(adjoints, n.inputs[0]!, adj);
      continue;
    }
    const rule = n.kind === "map" ? mapRules[n.opcode] : structureRule;
    if (!rule) throw new Error(`no adjoint rule for opcode ${n.opcode}`);
    for (let i = 0; i < n.inputs.length; i++) {
      const x = n.inputs[i]!;
      const share = x.latent ? rule(n, adj, i) : null;
      if (share) give(adjoints, x, share);
    }
  }
  const found: (Node | null)[] = [];
  for (let i = 0; i < sources.length; i++) {
    const n = sources[i]!;
    const adj = adjoints.get(n);
    found.push(adj ? broadcast(adj, n.plate, n.shape) : null);
  }
  return found;
}

/** Nodes that latents feed, from `stack` back to them: each after all of its uses, since inputs are made before what uses them. */
function reachedFrom(stack: Node[]): Node[] {
  const reached = new Set<Node>();
  for (let n = stack.pop(); n; n = stack.pop()) {
    if (!n.latent || reached.has(n)) continue;
    reached.add(n);
    stack.push(...(n.kind === "output" ? n.inputs[0]!.density!.args : n.inputs));
  }
  return [...reached].sort((a, b) => b.id - a.id);
}

/** The gradient of the sum of `terms` with respect to each of `latents` (null: no term depends on it). */
export function gradient(terms: readonly Term[], latents: readonly Node[]): (Node | null)[] {
  const adjoints: Adjoints = new Map();
  for (let i = 0; i < terms.length; i++) {
    const { density, value } = terms[i]!;
    if (density) {
      const scale = scaleOf(density.call.plate);
      const centred = aroundZero(density.call);
      if (centred) give(adjoints, centred.x, g.mul(-scale * centred.precision, centred.x));
      else giveDensity(adjoints, density.call, scale === 1 ? null : constant(scale));
    }
    if (value?.latent) give(adjoints, value, broadcast(constant(scaleOf(value.plate)), value.plate, value.shape));
  }
  return pullBack(adjoints, latents);
}

/** The partials of a value per row with respect to `sources` that each row has its own of (null: it does not depend on it). */
export const partialsOf = (value: Node, sources: readonly Node[]): (Node | null)[] =>
  pullBack(new Map([[value, broadcast(constant(1), value.plate, value.shape)]]), sources);
