// From a graph to segments: equal nodes become one, what no latent reaches is set apart (it is computed once), and the rest is cut
// into segments, each a straight line over the rows of one plate. A plate's segment takes in everything that can run in one
// pass over its rows, forward and adjoint, so that data are read once per gradient.

import { eventSize, type Node, type Plate } from "./node.js";

/** Reductions over the rows of a plate: they run in that plate's segment and are complete when it ends. */
const reduces = (n: Node): boolean => n.kind === "sumRows" || n.kind === "scatterAdd" || n.kind === "matVecTransposed";

/** The plate whose rows a node is computed over. */
export const home = (n: Node): Plate | null =>
  n.kind === "sumRows" || n.kind === "scatterAdd"
    ? n.inputs[0]!.plate
    : n.kind === "matVecTransposed"
      ? n.inputs[1]!.plate
      : n.plate;

/** A straight line of nodes over the rows of one plate (null: outside plates). */
export interface Segment {
  readonly plate: Plate | null;
  readonly nodes: readonly Node[];
}

/** A graph ready to be encoded for any number of draws. */
export interface Lowered {
  readonly roots: readonly Node[];
  readonly segments: readonly Segment[];
  /** Nodes that are computed by the segments; all others are data, constants or computed once. */
  readonly dynamic: ReadonlySet<Node>;
  /** Nodes computed once that dynamic nodes (or roots) read. */
  readonly statics: readonly Node[];
}

/** Replaces equal nodes by one, drops stops, and joins broadcasts of broadcasts. Returns the roots' replacements. */
export function canonicalise(roots: readonly Node[]): Node[] {
  const numbers = new Map<unknown, number>();
  const number = (x: unknown): number => {
    if (x === null) return -1;
    let n = numbers.get(x);
    if (n === undefined) numbers.set(x, (n = numbers.size));
    return n;
  };
  const table = new Map<string, Node>();
  const done = new Map<Node, Node>();
  let id = 0;
  const finish = (n: Node): Node => {
    if (n.kind === "stop") return done.get(n.inputs[0]!)!;
    let inputs = n.inputs.map((i) => done.get(i)!);
    if (n.kind === "broadcast" && inputs[0]!.kind === "broadcast") inputs = [inputs[0]!.inputs[0]!];
    const key = [
      n.kind,
      n.opcode,
      n.position,
      number(n.plate),
      n.shape.join("x"),
      n.kind === "constant" ? (Object.is(n.values![0], -0) ? "-0" : String(n.values![0])) : number(n.values),
      number(n.index),
      n.density ? `${n.density.family}:${n.density.eventSize}` : "",
      ...inputs.map((i) => i.id),
    ].join("|");
    let same = table.get(key);
    if (!same) table.set(key, (same = { ...n, id: id++, inputs }));
    return same;
  };
  for (const root of roots) {
    const stack: Node[] = [root];
    while (stack.length) {
      const n = stack[stack.length - 1]!;
      const todo = done.has(n) ? [] : n.inputs.filter((i) => !done.has(i));
      if (todo.length) stack.push(...todo);
      else {
        stack.pop();
        if (!done.has(n)) done.set(n, finish(n));
      }
    }
  }
  return roots.map((r) => done.get(r)!);
}

/** All ancestors of the roots, inputs before what uses them. */
export function ancestors(roots: readonly Node[]): Node[] {
  const seen = new Set<Node>();
  const stack = [...roots];
  while (stack.length) {
    const n = stack.pop()!;
    if (seen.has(n)) continue;
    seen.add(n);
    stack.push(...n.inputs);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

const isLeaf = (n: Node): boolean => n.kind === "constant" || n.kind === "data" || n.kind === "latent";

/** Cuts the ancestors of `roots` (canonical nodes) into segments. `everything`: nothing is computed beforehand. */
export function lower(roots: readonly Node[], everything = false): Lowered {
  const nodes = ancestors(roots);
  // A sum over the rows of a subsampled plate changes with the batch, even when no latent is in it.
  const dynamic = new Set<Node>();
  for (const n of nodes)
    if (
      (everything && !isLeaf(n)) ||
      n.kind === "latent" ||
      n.inputs.some((i) => dynamic.has(i)) ||
      (reduces(n) && home(n)?.subsampled)
    )
      dynamic.add(n);

  const statics = new Set<Node>();
  const computed = (n: Node): void => {
    if (dynamic.has(n) || n.kind === "constant" || n.kind === "data") return;
    // A broadcast from outside plates is a fill, made where it is used; what it repeats is computed.
    if (n.kind === "broadcast" && !n.inputs[0]!.plate) computed(n.inputs[0]!);
    else statics.add(n);
  };
  for (const n of nodes) if (dynamic.has(n)) n.inputs.forEach(computed);
  roots.forEach(computed);

  // Broadcasts are made where they are used, and latents are memory: neither is scheduled.
  const scheduled = nodes.filter((n) => dynamic.has(n) && n.kind !== "broadcast" && n.kind !== "latent");
  const needs = new Map<Node, readonly { node: Node; complete: boolean }[]>();
  const through = (n: Node): Node => (n.kind === "broadcast" ? through(n.inputs[0]!) : n);
  const pending = new Set(scheduled);
  for (const n of scheduled)
    needs.set(
      n,
      n.inputs
        .map((i, k) => ({ node: through(i), complete: n.kind === "gather" && k === 0 }))
        .filter((d) => pending.has(d.node)),
    );
  const segments: Segment[] = [];
  while (pending.size) {
    const plates = new Set([...pending].map(home));
    let best: Segment | undefined;
    let bestRank = Number.POSITIVE_INFINITY;
    for (const plate of plates) {
      // Everything of this plate that can run now, in one pass: what it needs is finished, or runs earlier in the same pass.
      const run = new Set<Node>();
      let left = 0;
      for (const n of scheduled) {
        if (!pending.has(n) || home(n) !== plate) continue;
        const ready = needs
          .get(n)!
          .every((d) => !pending.has(d.node) || (run.has(d.node) && !d.complete && !reduces(d.node)));
        if (ready) run.add(n);
        else left++;
      }
      if (!run.size) continue;
      // A plate that can be finished goes first, then work outside plates, then the smallest plate: large ones wait until
      // they can be done in one pass.
      const rank = plate === null ? (left ? 1 : 0) : left ? 2 + plate.size : 0.5;
      if (rank < bestRank) {
        bestRank = rank;
        best = { plate, nodes: [...run] };
      }
    }
    if (!best) throw new Error("the graph has a cycle");
    for (const n of best.nodes) pending.delete(n);
    segments.push(best);
  }
  return { roots, segments, dynamic, statics: [...statics] };
}

/** Doubles per row of a node's value, for S draws. */
export const width = (n: Node, draws: number): number => eventSize(n.shape) * draws;
