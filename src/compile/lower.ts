// From a graph to segments: equal nodes become one, what no latent reaches is set apart (it is computed once), and the rest is cut
// into segments, each a straight line over the rows of one plate. A plate's segment takes in everything that can run in one
// pass over its rows, forward and adjoint, so that data are read once per gradient.

import { eventSize, type Node, type Plate, sameShape } from "./node.js";

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
  const known: Known = { done: new Map(), buckets: new Map(), count: 0 };
  const { done } = known;
  const found: Node[] = [];
  for (let r = 0; r < roots.length; r++) {
    const stack = [roots[r]!];
    while (stack.length) {
      const n = stack[stack.length - 1]!;
      if (!done.has(n)) {
        const { inputs } = n;
        const before = stack.length;
        for (let i = 0; i < inputs.length; i++) if (!done.has(inputs[i]!)) stack.push(inputs[i]!);
        if (stack.length > before) continue;
        done.set(n, unique(n, known));
      }
      stack.pop();
    }
    found.push(done.get(roots[r]!)!);
  }
  return found;
}

/** What has become of nodes, and those that stand for all equal ones, in buckets. */
interface Known {
  readonly done: Map<Node, Node>;
  readonly buckets: Map<unknown, Node[]>;
  count: number;
}

/** The node that stands for all that are equal to `n`, whose inputs are done. */
function unique(n: Node, known: Known): Node {
  if (n.kind === "stop") return known.done.get(n.inputs[0]!)!;
  let inputs = replaced(n.inputs, known.done);
  if (n.kind === "broadcast" && inputs[0]!.kind === "broadcast") inputs = [inputs[0]!.inputs[0]!];
  const key = n.kind === "constant" ? n.values![0] : (n.values ?? n.index ?? hash(n, inputs));
  const bucket = known.buckets.get(key);
  for (let i = 0; bucket && i < bucket.length; i++) if (isEqual(bucket[i]!, n, inputs)) return bucket[i]!;
  const made = { ...n, id: known.count++, inputs };
  if (bucket) bucket.push(made);
  else known.buckets.set(key, [made]);
  return made;
}

function hash({ opcode, position }: Node, inputs: readonly Node[]): number {
  let h: number = Math.imul(position, 131) + opcode;
  for (let i = 0; i < inputs.length; i++) h = (Math.imul(h, 31) + inputs[i]!.id) | 0;
  return h;
}

/** Whether `a` is what `b` with these inputs is. Arrays are the same where they are the same object, but for constants. */
function isEqual(a: Node, b: Node, inputs: readonly Node[]): boolean {
  if (a.kind !== b.kind || a.opcode !== b.opcode || a.position !== b.position || a.plate !== b.plate) return false;
  if (a.kind === "constant" ? !Object.is(a.values![0], b.values![0]) : a.values !== b.values) return false;
  if (a.index !== b.index || !sameShape(a.shape, b.shape) || a.inputs.length !== inputs.length) return false;
  for (let i = 0; i < inputs.length; i++) if (a.inputs[i] !== inputs[i]) return false;
  return a.density?.family === b.density?.family && a.density?.eventSize === b.density?.eventSize;
}

function replaced(nodes: readonly Node[], by: ReadonlyMap<Node, Node>): Node[] {
  const found = new Array<Node>(nodes.length);
  for (let i = 0; i < nodes.length; i++) found[i] = by.get(nodes[i]!)!;
  return found;
}

/** All ancestors of the roots, inputs before what uses them. */
export function ancestors(roots: readonly Node[]): Node[] {
  const seen = new Set<Node>();
  const stack = [...roots];
  for (let n = stack.pop(); n; n = stack.pop()) {
    if (seen.has(n)) continue;
    seen.add(n);
    for (let i = 0; i < n.inputs.length; i++) stack.push(n.inputs[i]!);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/** Cuts the ancestors of `roots` (canonical nodes) into segments. `everything`: nothing is computed beforehand. */
export function lower(roots: readonly Node[], everything = false): Lowered {
  const nodes = ancestors(roots);
  const dynamic = new Set<Node>();
  const statics = new Set<Node>();
  // Broadcasts are made where they are used, and latents are memory: neither is scheduled.
  const scheduled: Node[] = [];
  for (let k = 0; k < nodes.length; k++) {
    const n = nodes[k]!;
    if (!isDynamic(n, dynamic, everything)) continue;
    dynamic.add(n);
    if (n.kind !== "broadcast" && n.kind !== "latent") scheduled.push(n);
    addStatics(n.inputs, dynamic, statics);
  }
  addStatics(roots, dynamic, statics);
  const pending = new Set(scheduled);
  const segments: Segment[] = [];
  while (pending.size) {
    const segment = nextSegment(scheduled, pending);
    for (let k = 0; k < segment.nodes.length; k++) pending.delete(segment.nodes[k]!);
    segments.push(segment);
  }
  return { roots, segments, dynamic, statics: [...statics] };
}

/** Whether a node is computed anew with every gradient; `dynamic` has those of its inputs that are. */
function isDynamic(n: Node, dynamic: ReadonlySet<Node>, everything: boolean): boolean {
  if (n.kind === "latent") return true;
  if (n.kind === "constant" || n.kind === "data") return false;
  if (everything) return true;
  for (let i = 0; i < n.inputs.length; i++) if (dynamic.has(n.inputs[i]!)) return true;
  // A sum over the rows of a subsampled plate changes with the batch, even when no latent is in it.
  return reduces(n) && (home(n)?.subsampled ?? false);
}

/** Adds those of `nodes` that are computed once. */
function addStatics(nodes: readonly Node[], dynamic: ReadonlySet<Node>, statics: Set<Node>): void {
  for (let i = 0; i < nodes.length; i++) {
    const n = nodes[i]!;
    if (dynamic.has(n) || n.kind === "constant" || n.kind === "data") continue;
    // A broadcast from outside plates is a fill, made where it is used; what it repeats is computed.
    if (n.kind === "broadcast" && !n.inputs[0]!.plate) addStatics(n.inputs, dynamic, statics);
    else statics.add(n);
  }
}

/** What can run next: everything of one plate whose needs are met, in one pass over its rows. */
function nextSegment(scheduled: readonly Node[], pending: ReadonlySet<Node>): Segment {
  const plates: (Plate | null)[] = [];
  for (let k = 0; k < scheduled.length; k++) {
    const plate = pending.has(scheduled[k]!) ? home(scheduled[k]!) : undefined;
    if (plate !== undefined && !plates.includes(plate)) plates.push(plate);
  }
  let best: Segment | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  for (let p = 0; p < plates.length; p++) {
    const plate = plates[p] ?? null;
    const nodes: Node[] = [];
    const run = new Set<Node>();
    let left = 0;
    for (let k = 0; k < scheduled.length; k++) {
      const n = scheduled[k]!;
      if (!pending.has(n) || home(n) !== plate) continue;
      if (isReady(n, pending, run)) {
        run.add(n);
        nodes.push(n);
      } else left++;
    }
    // A plate that can be finished goes first, then work outside plates, then the smallest plate: large ones wait until
    // they can be done in one pass.
    const rank = plate === null ? (left ? 1 : 0) : left ? 2 + plate.size : 0.5;
    if (nodes.length && rank < bestRank) {
      bestRank = rank;
      best = { plate, nodes };
    }
  }
  if (!best) throw new Error("the graph has a cycle");
  return best;
}

/** Whether what a node needs is finished, or runs earlier in the same pass. */
function isReady(n: Node, pending: ReadonlySet<Node>, run: ReadonlySet<Node>): boolean {
  for (let i = 0; i < n.inputs.length; i++) {
    let need = n.inputs[i]!;
    while (need.kind === "broadcast") need = need.inputs[0]!;
    // A gather reads any row of its source, and a sum is complete after the last.
    const complete = (n.kind === "gather" && i === 0) || reduces(need);
    if (pending.has(need) && (complete || !run.has(need))) return false;
  }
  return true;
}

/** Doubles per row of a node's value, for S draws. */
export const width = (n: Node, draws: number): number => eventSize(n.shape) * draws;
