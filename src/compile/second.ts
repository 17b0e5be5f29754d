// Hessian-vector products, forward over reverse: the nodes of a gradient are differentiated once more, in a direction that is an input
// of the tape like the point itself (Griewank & Walther 2008, ch. 5). Maps use their adjoint rules, which are elementwise; a kernel's
// partials are differentiated through the family's formula (densities/curvature.ts), whose values never enter a result.

import { Op } from "../../assembly/opcodes.js";
import * as g from "./arithmetic.js";
import { conditions, curvatures, largest, tailScores } from "./densities/curvature.js";
import { mapRules, partialsOf } from "./gradient.js";
import { ancestors } from "./lower.js";
import {
  broadcast,
  concat,
  constant,
  cumulativeSum,
  cumulativeSumReversed,
  gather,
  map,
  matVec,
  matVecTransposed,
  type Node,
  output,
  scatterAdd,
  slice,
  softmax,
  stop,
  sumEvent,
  sumRows,
} from "./node.js";

/** Tangents of nodes; null: the node does not change in the direction. */
type Tangents = Map<Node, Node | null>;

/** What a node's tangent is made from: for the results of a density its arguments, otherwise its inputs. */
const sources = (n: Node): readonly Node[] => (n.kind === "output" ? n.inputs[0]!.density!.args : n.inputs);

/** Nodes of a gradient beyond which differences are cheaper than the compilation of another tape, three to four times as long. */
const most = 2000;

/** Why the gradient's nodes are not differentiated again: families and operations without a rule, or their number. Empty: they are. */
export function obstacles(gradient: readonly Node[]): string[] {
  const found = new Set<string>();
  const nodes = ancestors(gradient);
  if (nodes.length > most) found.add(`${nodes.length} operations`);
  for (const n of nodes) {
    if (!n.latent) continue;
    if (n.kind === "density") {
      const { family, eventSize, args } = n.density!;
      const known = tailScores[family]
        ? !args.slice(1).some((a) => a.latent)
        : curvatures[family] && (conditions[family]?.(args) ?? true);
      if (!known || eventSize > (largest[family] ?? Number.POSITIVE_INFINITY)) found.add(family);
    }
    if (n.kind === "map" && !mapRules[n.opcode]) found.add(n.opcode === Op.Trigamma ? "digamma" : `opcode ${n.opcode}`);
    if ((n.kind === "logSumExp" || n.kind === "softmax") && n.inputs[0]!.shape.length > 1) found.add(n.kind);
  }
  return [...found];
}

/** The tangent of a result of a density: the log density by its partials, a partial by the formula. */
function densityTangent(n: Node, tangents: Tangents): Node | null {
  const call = n.inputs[0]!;
  const { args, differentiable, outputShapes, family } = call.density!;
  // Each argument at the level of the kernel; a box keeps it apart from others that it is made of.
  const whole = args.map((a, i) => {
    const k = differentiable.indexOf(i);
    return k < 0 ? a : broadcast(a, call.plate, outputShapes[k + 1]!);
  });
  const moving = differentiable
    .map((arg, k) => {
      const tangent = tangents.get(args[arg]!);
      const { plate, shape } = whole[arg]!;
      return { arg, k, box: stop(whole[arg]!), tangent: tangent && broadcast(tangent, plate, shape) };
    })
    .filter((m) => args[m.arg]!.latent);
  if (n.position === 0) {
    const shares = moving
      .filter((m) => m.tangent)
      .map((m) => {
        const product = g.mul(output(call, m.k + 1), m.tangent!);
        return outputShapes[0]!.length ? product : sumEvent(product);
      });
    return shares.length ? g.sum(...shares) : null;
  }
  const score = tailScores[family];
  if (score) {
    // p = ±density / distribution function: its derivative is p (score − p).
    const tangent = tangents.get(args[0]!);
    return tangent ? g.mul(g.mul(n, g.sub(score(...args), n)), tangent) : null;
  }
  const formula = curvatures[family]!(...whole.map((a, i) => moving.find((m) => m.arg === i)?.box ?? a));
  const value = broadcast(formula, call.plate, outputShapes[0]!);
  const wanted = moving.find((m) => m.k + 1 === n.position);
  if (!wanted) return null;
  const [partial] = partialsOf(value, [wanted.box]);
  if (!partial) return null;
  const inner: Tangents = new Map(moving.map((m) => [m.box, m.tangent ?? null]));
  const tangent = tangentOf(partial, inner);
  return tangent && broadcast(tangent, n.plate, n.shape);
}

function tangentRule(n: Node, tangents: Tangents): Node | null {
  if (n.kind === "output") return densityTangent(n, tangents);
  const of = n.inputs.map((x) => tangents.get(x) ?? null);
  if (of.every((t) => t === null)) return null;
  const [t] = of;
  const x = n.inputs[0]!;
  switch (n.kind) {
    case "map": {
      let total: Node | null = null;
      of.forEach((tangent, i) => {
        if (!tangent) return;
        const share = mapRules[n.opcode]!(n, tangent, i);
        if (share) total = total ? g.add(total, share) : share;
      });
      return total && broadcast(total, n.plate, n.shape);
    }
    case "broadcast":
      return broadcast(t!, n.plate, n.shape);
    case "sumRows":
      return sumRows(t!);
    case "sumEvent":
      return sumEvent(t!);
    case "gather":
      return gather(t!, n.index!, n.plate!);
    case "scatterAdd":
      return scatterAdd(t!, n.index!, n);
    case "matVec":
      return matVec(x, of[1]!);
    case "matVecTransposed":
      return matVecTransposed(x, of[1]!, n.shape);
    case "cumulativeSum":
      return cumulativeSum(t!);
    case "cumulativeSumReversed":
      return cumulativeSumReversed(t!);
    case "logSumExp":
      return sumEvent(g.mul(softmax(x), t!));
    case "softmax":
      return g.mul(n, g.sub(t!, sumEvent(g.mul(t!, n))));
    case "concat":
      return concat(
        n.inputs.map((part, i) => of[i] ?? broadcast(constant(0), part.plate, part.shape)),
        n.shape,
      );
    case "slice":
      return slice(t!, n.position, n.shape);
    default:
      throw new Error(`no tangent rule for ${n.kind}`);
  }
}

/** The tangent of `root`, from those already known. */
function tangentOf(root: Node, tangents: Tangents): Node | null {
  const stack = [root];
  while (stack.length) {
    const n = stack.at(-1)!;
    const todo = tangents.has(n) || !n.latent || n.kind === "stop" ? [] : sources(n).filter((x) => !tangents.has(x));
    if (todo.length) {
      stack.push(...todo);
      continue;
    }
    stack.pop();
    if (tangents.has(n)) continue;
    // Zeros may have lost their rows and shape; who reads a tangent counts on them.
    const tangent = n.latent && n.kind !== "stop" ? tangentRule(n, tangents) : null;
    tangents.set(n, tangent && broadcast(tangent, n.plate, n.shape));
  }
  return tangents.get(root)!;
}

/** Maps of what is the same for all rows are computed once and repeated, not the other way round. */
function hoist(roots: readonly Node[]): Node[] {
  const done = new Map<Node, Node>();
  const level = (n: Node): Node | undefined =>
    n.kind === "broadcast" && !n.inputs[0]!.plate && !n.inputs[0]!.shape.length ? n.inputs[0] : undefined;
  for (const n of ancestors(roots)) {
    const inputs = n.inputs.map((x) => done.get(x)!);
    if (n.kind === "stop") {
      done.set(n, inputs[0]!);
      continue;
    }
    let next = inputs.some((x, i) => x !== n.inputs[i]) ? { ...n, inputs } : n;
    if (next.kind === "map" && (next.plate || next.shape.length)) {
      const below = inputs.map(level);
      if (below.every((x) => x)) next = broadcast(map(next.opcode, below as Node[]), next.plate, next.shape);
    }
    done.set(n, next);
  }
  return roots.map((r) => done.get(r)!);
}

/** Products of the Hessian with `directions`, one for each of `latents`, from the gradient's nodes (null: zero). */
export function hessianVector(
  gradient: readonly (Node | null)[],
  latents: readonly Node[],
  directions: readonly Node[],
): (Node | null)[] {
  const tangents: Tangents = new Map(latents.map((n, i) => [n, directions[i]!]));
  const products = gradient.map((n) => n && tangentOf(n, tangents));
  const hoisted = hoist(products.filter((n) => n !== null));
  let at = 0;
  return products.map((n) => n && hoisted[at++]!);
}
