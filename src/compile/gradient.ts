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

/** Adjoint rules of the maps: for each input, its share of the adjoint. */
export const mapRules: Partial<Record<Op, (n: Node, adj: Node) => readonly (() => Node)[]>> = {
  [Op.Neg]: (_, a) => [() => g.neg(a)],
  [Op.Reciprocal]: (n, a) => [() => g.neg(g.mul(a, g.square(n)))],
  [Op.Abs]: (n, a) => [() => g.mul(a, map(Op.Sign, [n.inputs[0]!]))],
  [Op.Sqrt]: (n, a) => [() => g.div(g.mul(0.5, a), n)],
  [Op.Square]: (n, a) => [() => g.mul(g.mul(2, a), n.inputs[0]!)],
  [Op.Exp]: (n, a) => [() => g.mul(a, n)],
  [Op.Log]: (n, a) => [() => g.div(a, n.inputs[0]!)],
  [Op.Log1p]: (n, a) => [() => g.div(a, g.add(1, n.inputs[0]!))],
  [Op.Expm1]: (n, a) => [() => g.mul(a, g.add(n, 1))],
  [Op.Sigmoid]: (n, a) => [() => g.mul(a, g.mul(n, g.sub(1, n)))],
  [Op.Softplus]: (n, a) => [() => g.mul(a, map(Op.Sigmoid, n.inputs))],
  [Op.LogSigmoid]: (n, a) => [() => g.mul(a, map(Op.Sigmoid, [g.neg(n.inputs[0]!)]))],
  [Op.Tanh]: (n, a) => [() => g.mul(a, g.sub(1, g.square(n)))],
  [Op.Sin]: (n, a) => [() => g.mul(a, map(Op.Cos, n.inputs))],
  [Op.Cos]: (n, a) => [() => g.neg(g.mul(a, map(Op.Sin, n.inputs)))],
  [Op.Erf]: (n, a) => [() => g.mul(a, g.mul(2 / Math.sqrt(Math.PI), g.exp(g.neg(g.square(n.inputs[0]!)))))],
  [Op.Erfc]: (n, a) => [() => g.mul(a, g.mul(-2 / Math.sqrt(Math.PI), g.exp(g.neg(g.square(n.inputs[0]!)))))],
  [Op.Erfcx]: (n, a) => [() => g.mul(a, g.sub(g.mul(2, g.mul(n.inputs[0]!, n)), 2 / Math.sqrt(Math.PI)))],
  [Op.Ndtr]: (n, a) => [() => g.mul(a, normalDensity(n.inputs[0]!))],
  [Op.LogNdtr]: (n, a) => [() => g.mul(a, g.exp(g.sub(g.sub(g.mul(-0.5, g.square(n.inputs[0]!)), HALF_LOG_2PI), n)))],
  [Op.Ndtri]: (n, a) => [() => g.div(a, normalDensity(n))],
  [Op.Lgamma]: (n, a) => [() => g.mul(a, map(Op.Digamma, n.inputs))],
  [Op.Digamma]: (n, a) => [() => g.mul(a, map(Op.Trigamma, n.inputs))],
  [Op.LogBesselI0]: (n, a) => [() => g.mul(a, map(Op.BesselRatio, n.inputs))],
  // I1/I0 has the derivative 1 − r/x − r².
  [Op.BesselRatio]: (n, a) => [() => g.mul(a, g.sub(g.sub(1, g.div(n, n.inputs[0]!)), g.square(n)))],
  [Op.Sign]: (n) => [() => constant(0), () => constant(0)].slice(0, n.inputs.length),
  [Op.Add]: (_, a) => [() => a, () => a],
  [Op.Sub]: (_, a) => [() => a, () => g.neg(a)],
  [Op.Mul]: (n, a) => [() => g.mul(a, n.inputs[1]!), () => g.mul(a, n.inputs[0]!)],
  [Op.Div]: (n, a) => [() => g.div(a, n.inputs[1]!), () => g.neg(g.div(g.mul(a, n), n.inputs[1]!))],
  [Op.Pow]: (n, a) => [
    () => g.mul(a, g.mul(n.inputs[1]!, map(Op.Pow, [n.inputs[0]!, g.sub(n.inputs[1]!, 1)]))),
    () => g.mul(a, g.mul(n, g.log(n.inputs[0]!))),
  ],
  [Op.Min]: (n, a) => {
    const left = map(Op.Less, [n.inputs[0]!, n.inputs[1]!]);
    return [() => g.mul(a, left), () => g.mul(a, g.sub(1, left))];
  },
  [Op.Max]: (n, a) => {
    const right = map(Op.Less, [n.inputs[0]!, n.inputs[1]!]);
    return [() => g.mul(a, g.sub(1, right)), () => g.mul(a, right)];
  },
  [Op.LogAddExp]: (n, a) => {
    const difference = g.sub(n.inputs[0]!, n.inputs[1]!);
    return [() => g.mul(a, map(Op.Sigmoid, [difference])), () => g.mul(a, map(Op.Sigmoid, [g.neg(difference)]))];
  },
  [Op.Lbeta]: (n, a) => {
    const both = () => map(Op.Digamma, [g.add(n.inputs[0]!, n.inputs[1]!)]);
    return n.inputs.map((x) => () => g.mul(a, g.sub(map(Op.Digamma, [x]), both())));
  },
  [Op.MulAdd]: (n, a) => [() => g.mul(a, n.inputs[1]!), () => g.mul(a, n.inputs[0]!), () => a],
  // A step: no derivative where it has one.
  [Op.Less]: () => [],
  [Op.GammaP]: (n, a) => gammaShares(n, a),
  [Op.GammaQ]: (n, a) => gammaShares(n, g.neg(a)),
  [Op.BetaInc]: ({ inputs }, a) => {
    const [p, q, x] = inputs as [Node, Node, Node];
    const kernel = g.add(g.mul(g.sub(p, 1), g.log(x)), g.mul(g.sub(q, 1), g.log1p(g.neg(x))));
    return [
      () => g.mul(a, map(Op.BetaIncDerivativeA, inputs)),
      () => g.mul(a, map(Op.BetaIncDerivativeB, inputs)),
      () => g.mul(a, g.exp(g.sub(kernel, g.lbeta(p, q)))),
    ];
  },
  [Op.VonMisesCdf]: ({ inputs }, a) => {
    const [x, kappa] = inputs as [Node, Node];
    const logNormalizer = g.add(map(Op.LogBesselI0, [kappa]), 2 * HALF_LOG_2PI);
    return [
      () => g.mul(a, g.exp(g.sub(g.mul(kappa, g.cos(x)), logNormalizer))),
      () => g.mul(a, map(Op.VonMisesCdfDerivative, inputs)),
    ];
  },
  [Op.OwensT]: ({ inputs }, a) => {
    const [h, t] = inputs as [Node, Node];
    const whole = g.add(1, g.square(t));
    const gaussian = (x: Node): Node => g.exp(g.mul(-0.5, g.square(x)));
    return [
      () => g.mul(a, g.mul(g.mul(-0.5, normalDensity(h)), g.erf(g.mul(Math.SQRT1_2, g.mul(h, t))))),
      () => g.mul(a, g.div(g.mul(1 / (2 * Math.PI), gaussian(g.mul(h, g.sqrt(whole)))), whole)),
    ];
  },
};

/** Of P(a, x): the derivative in a has a kernel of its own, that in x is the gamma density. */
function gammaShares({ inputs }: Node, adj: Node): readonly (() => Node)[] {
  const [shape, x] = inputs as [Node, Node];
  const logDensity = g.sub(g.sub(g.mul(g.sub(shape, 1), g.log(x)), x), g.lgamma(shape));
  return [() => g.mul(adj, map(Op.GammaPShapeDerivative, inputs)), () => g.mul(adj, g.exp(logDensity))];
}

function normalDensity(x: Node): Node {
  return g.mul(1 / Math.sqrt(2 * Math.PI), g.exp(g.mul(-0.5, g.square(x))));
}

/** Adjoint rules of everything that is not a map: shares of the adjoint for each input. */
function structureRule(n: Node, adj: Node): readonly (() => Node)[] {
  const x = n.inputs[0]!;
  switch (n.kind) {
    case "broadcast":
      return [() => unbroadcast(adj, x)];
    case "sumRows":
    case "sumEvent":
      return [() => broadcast(adj, x.plate, x.shape)];
    case "gather":
      return [() => scatterAdd(adj, n.index!, x)];
    case "matVec":
      return [() => constant(0), () => matVecTransposed(x, adj, n.inputs[1]!.shape)];
    case "cumulativeSum":
      return [() => cumulativeSumReversed(adj)];
    case "cumulativeSumReversed":
      return [() => cumulativeSum(adj)];
    case "logSumExp":
      return [() => g.mul(softmax(x), adj)];
    case "softmax":
      return [() => g.mul(n, g.sub(adj, sumEvent(g.mul(adj, n))))];
    case "concat": {
      let from = 0;
      return n.inputs.map((part) => {
        const start = from;
        from += eventSize(part.shape);
        return () => slice(adj, start, part.shape);
      });
    }
    case "slice": {
      const zeros = (length: number): Node[] => (length > 0 ? [broadcast(constant(0), null, [length])] : []);
      const size = eventSize(x.shape);
      const width = eventSize(n.shape);
      return [() => concat([...zeros(n.position), adj, ...zeros(size - n.position - width)], x.shape)];
    }
    case "stop":
      return [];
    default:
      throw new Error(`no adjoint rule for ${n.kind}`);
  }
}

/** The partials of a density, each times `adj`, in the plate and shape of its argument. */
function densityShares(call: Node, adj: Node | null): [Node, Node][] {
  const { args, differentiable } = call.density!;
  const shares: [Node, Node][] = [];
  differentiable.forEach((arg, k) => {
    const x = args[arg]!;
    if (!x.latent) return;
    const partial = output(call, k + 1);
    shares.push([x, unbroadcast(adj ? g.mul(adj, partial) : partial, x)]);
  });
  return shares;
}

/** Adds up the shares of adjoints from `seeds` (a node and its adjoint) backwards; the adjoint of each of `sources` (null: none). */
function pullBack(seeds: readonly (readonly [Node, Node])[], sources: readonly Node[]): (Node | null)[] {
  const adjoints = new Map<Node, Node>();
  const give = (to: Node, share: Node): void => {
    const before = adjoints.get(to);
    adjoints.set(to, before ? g.add(before, share) : share);
  };
  const reached = new Set<Node>();
  const visit = (n: Node): void => {
    const stack = [n];
    while (stack.length) {
      const top = stack.pop()!;
      if (!top.latent || reached.has(top)) continue;
      reached.add(top);
      stack.push(...(top.kind === "output" ? top.inputs[0]!.density!.args : top.inputs));
    }
  };
  for (const [n, share] of seeds) {
    visit(n);
    give(n, share);
  }

  // Inputs are made before what uses them, so descending numbers visit every node after all of its uses.
  for (const n of [...reached].sort((a, b) => b.id - a.id)) {
    const total = adjoints.get(n);
    if (!total || n.kind === "latent") continue;
    // Simplified shares may have lost their rows or shape (a constant); rules count on them.
    const adj = broadcast(total, n.plate, n.shape);
    if (n.kind === "output") {
      for (const [arg, share] of densityShares(n.inputs[0]!, adj)) give(arg, share);
      continue;
    }
    const rule = n.kind === "map" ? mapRules[n.opcode] : structureRule;
    if (!rule) throw new Error(`no adjoint rule for opcode ${n.opcode}`);
    rule(n, adj).forEach((share, i) => {
      const x = n.inputs[i]!;
      if (x.latent) give(x, share());
    });
  }
  return sources.map((n) => {
    const adj = adjoints.get(n);
    return adj ? broadcast(adj, n.plate, n.shape) : null;
  });
}

/** The gradient of the sum of `terms` with respect to each of `latents` (null: no term depends on it). */
export function gradient(terms: readonly Term[], latents: readonly Node[]): (Node | null)[] {
  const seeds: [Node, Node][] = [];
  for (const { density, value } of terms) {
    if (density) {
      const scale = scaleOf(density.call.plate);
      const centred = aroundZero(density.call);
      if (centred) seeds.push([centred.x, g.mul(-scale * centred.precision, centred.x)]);
      else seeds.push(...densityShares(density.call, scale === 1 ? null : constant(scale)));
    }
    if (value?.latent) seeds.push([value, broadcast(constant(scaleOf(value.plate)), value.plate, value.shape)]);
  }
  return pullBack(seeds, latents);
}

/** The partials of a value per row with respect to `sources` that each row has its own of (null: it does not depend on it). */
export const partialsOf = (value: Node, sources: readonly Node[]): (Node | null)[] =>
  pullBack([[value, broadcast(constant(1), value.plate, value.shape)]], sources);
