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
  const done = new Map<Node, Node>();
  /** What replaces an input, if that is a map of this kind still and nothing else uses it. */
  const only = (n: Node, opcode: Op): Node | undefined => {
    const now = done.get(n)!;
    return now.kind === "map" && now.opcode === opcode && uses.get(n) === 1 && n.latent ? now : undefined;
  };
  /** What is summed over its event by a node that nothing else uses. */
  const events = (n: Node): Node | undefined => {
    const now = done.get(n)!;
    return now.kind === "sumEvent" && !now.opcode && uses.get(n) === 1 && n.latent ? now.inputs[0] : undefined;
  };
  const fused = (n: Node): Pick<Node, "kind" | "opcode" | "inputs"> | undefined => {
    const { kind } = n;
    const [x, y] = n.inputs as [Node, Node];
    const join = (inner: Node | undefined, opcode: Op, rest: readonly Node[] = []) =>
      inner && { kind, opcode, inputs: [...inner.inputs, ...rest.map((r) => done.get(r)!)] };
    if (n.kind === "map" && n.opcode === Op.Add) {
      const product = join(only(x, Op.Mul), Op.MulAdd, [y]) ?? join(only(y, Op.Mul), Op.MulAdd, [x]);
      if (product || !all) return product;
      const [sum, onto] = events(x) ? [events(x), y] : [events(y), x];
      if (sum) return { kind: "sumEvent", opcode: Op.SumEventOnto, inputs: [sum, done.get(onto)!] };
      return join(only(x, Op.Add), Op.Add3, [y]) ?? join(only(y, Op.Add), Op.Add3, [x]);
    }
    if (!all) return undefined;
    if (n.kind === "map" && n.opcode === Op.Sub) return join(only(x, Op.Mul), Op.MulSub, [y]);
    if (kind !== "sumRows" && kind !== "sumEvent") return undefined;
    const opcode = kind === "sumRows" ? Op.SumProducts : Op.SumEventProducts;
    const square = only(x, Op.Square)?.inputs[0];
    return square ? { kind, opcode, inputs: [square, square] } : join(only(x, Op.Mul), opcode);
  };
  for (const n of nodes) {
    const now = fused(n);
    const inputs = now?.inputs ?? n.inputs.map((i) => done.get(i)!);
    done.set(n, now || inputs.some((i, k) => n.inputs[k] !== i) ? { ...n, ...now, inputs } : n);
  }
  return roots.map((r) => done.get(r)!);
}

function countUses(nodes: readonly Node[], uses: Map<Node, number>): void {
  for (let i = 0; i < nodes.length; i++) uses.set(nodes[i]!, (uses.get(nodes[i]!) ?? 0) + 1);
}
