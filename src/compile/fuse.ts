// Fewer instructions for the same values: two or three operations become one where nothing else needs what lies between them. Small
// models gain most, whose instructions take longer to be visited than to work; every array less is also less to move through the cache.

import { Op } from "../../assembly/opcodes.js";
import { ancestors } from "./lower.js";
import type { Node } from "./node.js";

/**
 * Makes a·b + c one instruction. In a gradient's tape (`all`) also a·b − c, a + b + c, sums over an event of products or onto something, and
 * sums of products over rows; graphs that may be written to a file (compile/plain.ts) keep to the first.
 */
export function fuse(roots: readonly Node[], all = false): Node[] {
  const nodes = ancestors(roots);
  const uses = new Map<Node, number>();
  countUses(roots, uses);
  for (let k = 0; k < nodes.length; k++) countUses(nodes[k]!.inputs, uses);
  const done: Done = new Map();
  for (let k = 0; k < nodes.length; k++) {
    const n = nodes[k]!;
    const now =
      n.kind === "map" || n.kind === "sumRows" || n.kind === "sumEvent" ? fused(n, all, done, uses) : undefined;
    if (now) {
      done.set(n, { ...n, ...now });
      continue;
    }
    let changed = false;
    for (let i = 0; i < n.inputs.length && !changed; i++) changed = done.get(n.inputs[i]!) !== n.inputs[i];
    done.set(n, changed ? { ...n, inputs: n.inputs.map((i) => done.get(i)!) } : n);
  }
  return roots.map((r) => done.get(r)!);
}

type Done = Map<Node, Node>;
type Uses = ReadonlyMap<Node, number>;
type Fused = Pick<Node, "kind" | "opcode" | "inputs"> | undefined;

/** What replaces an input, if that is a map of this kind still and nothing else uses it. */
function only(n: Node, opcode: Op, done: Done, uses: Uses): Node | undefined {
  const now = done.get(n)!;
  return now.kind === "map" && now.opcode === opcode && uses.get(n) === 1 && n.latent ? now : undefined;
}

/** What is summed over its event by a node that nothing else uses. */
function events(n: Node, done: Done, uses: Uses): Node | undefined {
  const now = done.get(n)!;
  return now.kind === "sumEvent" && !now.opcode && uses.get(n) === 1 && n.latent ? now.inputs[0] : undefined;
}

/** The inputs of `inner` and one more, for another instruction. */
function join(kind: Node["kind"], opcode: Op, inner: Node | undefined, rest: Node, done: Done): Fused {
  return inner && { kind, opcode, inputs: inner.inputs.concat(done.get(rest)!) };
}

function fused({ kind, opcode, inputs }: Node, all: boolean, done: Done, uses: Uses): Fused {
  const x = inputs[0]!;
  const y = inputs[1]!;
  if (kind === "map" && opcode === Op.Add) {
    const product =
      join(kind, Op.MulAdd, only(x, Op.Mul, done, uses), y, done) ??
      join(kind, Op.MulAdd, only(y, Op.Mul, done, uses), x, done);
    if (product || !all) return product;
    const left = events(x, done, uses);
    const sum = left ?? events(y, done, uses);
    if (sum) return { kind: "sumEvent", opcode: Op.SumEventOnto, inputs: [sum, done.get(left ? y : x)!] };
    return (
      join(kind, Op.Add3, only(x, Op.Add, done, uses), y, done) ??
      join(kind, Op.Add3, only(y, Op.Add, done, uses), x, done)
    );
  }
  if (!all) return undefined;
  if (kind === "map")
    return opcode === Op.Sub ? join(kind, Op.MulSub, only(x, Op.Mul, done, uses), y, done) : undefined;
  const products = kind === "sumRows" ? Op.SumProducts : Op.SumEventProducts;
  const square = only(x, Op.Square, done, uses)?.inputs[0];
  if (square) return { kind, opcode: products, inputs: [square, square] };
  const product = only(x, Op.Mul, done, uses);
  return product && { kind, opcode: products, inputs: product.inputs };
}

function countUses(nodes: readonly Node[], uses: Map<Node, number>): void {
  for (let i = 0; i < nodes.length; i++) uses.set(nodes[i]!, (uses.get(nodes[i]!) ?? 0) + 1);
}
