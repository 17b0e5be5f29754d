// The expression graph. A node is one value per row of its plate (or one value, outside plates), of some event shape, computed by
// one operation from other nodes; nodes are immutable and know neither draws nor addresses. The constructors here check shapes
// and bring operands to a common shape by explicit broadcasts, so that everything downstream sees equal shapes only.

import type { Op } from "../../assembly/opcodes.js";

/** Rows of a plate that are visited together: all of them, or one of several batches of a subsampled plate. */
export class Plate {
  /** Rows in a batch; `size` when the plate is not subsampled. */
  readonly batchSize: number;
  /** Number of batches that make up all rows. */
  readonly batches: number;

  constructor(
    readonly name: string,
    readonly size: number,
    subsample: number = size,
    /** Names of the rows, for reports. */
    readonly labels: readonly string[] | null = null,
  ) {
    this.batchSize = Math.min(subsample, size);
    this.batches = Math.ceil(size / this.batchSize);
  }

  get subsampled(): boolean {
    return this.batches > 1;
  }
}

/** The operations of the graph: maps by opcode name, the rest by what they do. */
export type NodeKind =
  | "constant"
  | "data"
  | "latent"
  | "map"
  | "broadcast"
  | "sumRows"
  | "sumEvent"
  | "gather"
  | "scatterAdd"
  | "matVec"
  | "matVecTransposed"
  | "cumulativeSum"
  | "cumulativeSumReversed"
  | "logSumExp"
  | "softmax"
  | "concat"
  | "slice"
  | "density"
  | "output"
  | "stop";

export interface Node {
  readonly id: number;
  readonly kind: NodeKind;
  readonly inputs: readonly Node[];
  readonly plate: Plate | null;
  readonly shape: readonly number[];
  /** Whether a latent is among the ancestors; other nodes are computed once, when the model is compiled. */
  readonly latent: boolean;
  /** The opcode of a map or a density, and of sums that are not the plain ones. */
  readonly opcode: Op;
  /** constant: its value. data: [row][event]. */
  readonly values: Float64Array | null;
  /** gather, scatterAdd: the row of the other side, for each row of the plate. */
  readonly index: Int32Array | null;
  /** latent: position among the unconstrained coordinates. slice: first element. output: which. scatterAdd: rows of the target. */
  readonly position: number;
  /** density: the rule that made it. */
  readonly density: DensityCall | null;
}

/** What a density node knows beyond its kernel's inputs. */
export interface DensityCall {
  /** Names the family in messages and listings. */
  readonly family: string;
  /** What it is a density of: value first, then parameters; the partials are with respect to `args[i]`, i in `differentiable`. */
  readonly args: readonly Node[];
  readonly differentiable: readonly number[];
  /** Event size that the kernel of a multivariate density is told (with the lanes, after the inputs); 0 for univariate ones. */
  readonly eventSize: number;
  /** Shapes of the outputs: the log density, then one partial for each differentiable argument. */
  readonly outputShapes: readonly (readonly number[])[];
}

let count = 0;

// What every model goes through, here and in the files that compile, is written in plain loops: code that runs once is interpreted, and a
// closure costs ten microseconds before its first call.

export function eventSize(shape: readonly number[]): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) size *= shape[i]!;
  return size;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const none: Partial<Pick<Node, "opcode" | "values" | "index" | "position" | "density">> = {};

export function node(
  kind: NodeKind,
  inputs: readonly Node[],
  plate: Plate | null,
  shape: readonly number[],
  { opcode = 0 as Op, values = null, index = null, position = 0, density = null } = none,
): Node {
  let latent = kind === "latent";
  for (let i = 0; i < inputs.length && !latent; i++) latent = inputs[i]!.latent;
  return { id: count++, kind, inputs, plate, shape, latent, opcode, values, index, position, density };
}

export const constant = (value: number): Node => node("constant", [], null, [], { values: Float64Array.of(value) });

/** Data, row-major: [rows][event] in a plate, [event] outside. */
export const data = (values: Float64Array, plate: Plate | null, shape: readonly number[]): Node =>
  node("data", [], plate, shape, { values });

/** Unconstrained coordinates `position`…, row-major. */
export const latent = (position: number, plate: Plate | null, shape: readonly number[]): Node =>
  node("latent", [], plate, shape, { position });

const describe = (n: Node): string =>
  `${n.plate ? `plate "${n.plate.name}"` : "no plate"}${n.shape.length ? `, shape [${n.shape.join(", ")}]` : ""}`;

/** The plate that operands share; values outside plates adapt. */
export function commonPlate(operands: readonly Node[], what: string): Plate | null {
  let plate: Plate | null = null;
  for (let i = 0; i < operands.length; i++) {
    const own = operands[i]!.plate;
    if (own && plate && own !== plate)
      throw new TypeError(
        `${what}: expected values of one plate, got plate "${plate.name}" and plate "${own.name}"; index one into the other with .at(index)`,
      );
    plate = own ?? plate;
  }
  return plate;
}

const scalar: readonly number[] = [];

/** The event shape that operands share; scalars adapt, nothing else does. */
export function commonShape(operands: readonly Node[], what: string): readonly number[] {
  let shape = scalar;
  for (let i = 0; i < operands.length; i++) {
    const own = operands[i]!.shape;
    if (!own.length) continue;
    if (shape.length && !sameShape(shape, own))
      throw new TypeError(`${what}: expected equal shapes, got [${shape.join(", ")}] and [${own.join(", ")}]`);
    shape = own;
  }
  return shape;
}

/** The value repeated over the rows of `plate` and over `shape`; itself when nothing changes. */
export function broadcast(x: Node, plate: Plate | null, shape: readonly number[]): Node {
  if (x.plate === plate && sameShape(x.shape, shape)) return x;
  if (x.plate && x.plate !== plate)
    throw new TypeError(`expected ${describe(x)}, got ${plate ? `plate "${plate.name}"` : "no plate"}`);
  if (x.shape.length && !sameShape(x.shape, shape))
    throw new TypeError(`expected shape [${shape.join(", ")}], got [${x.shape.join(", ")}]`);
  return node("broadcast", [x], plate, shape);
}

/** Each value repeated over the rows of `plate` and over `shape`. */
export function broadcastAll(operands: readonly Node[], plate: Plate | null, shape: readonly number[]): Node[] {
  const all = new Array<Node>(operands.length);
  for (let i = 0; i < operands.length; i++) all[i] = broadcast(operands[i]!, plate, shape);
  return all;
}

/** An elementwise operation; operands adapt to their common shape. */
export function map(opcode: Op, operands: readonly Node[], what = "arithmetic"): Node {
  const plate = commonPlate(operands, what);
  const shape = commonShape(operands, what);
  return node("map", broadcastAll(operands, plate, shape), plate, shape, { opcode });
}

/** Sum over the rows of the node's plate. (With an opcode and a second input, which only fuse.ts gives: of products.) */
export const sumRows = (x: Node): Node => (x.plate ? node("sumRows", [x], null, x.shape) : x);
/** Sum over the event, to a scalar per row. (With an opcode as in sumRows.) */
export const sumEvent = (x: Node): Node => (x.shape.length ? node("sumEvent", [x], x.plate, []) : x);

/** Rows of `source` (the rows of its plate, or the first axis outside plates) picked for each row of `plate`. */
export function gather(source: Node, index: Int32Array, plate: Plate): Node {
  const shape = source.plate ? source.shape : source.shape.slice(1);
  return node("gather", [source], plate, shape, { index });
}

/** The adjoint of `gather`: rows added up at their index, into the plate and shape of `like`. */
export const scatterAdd = (x: Node, index: Int32Array, like: Node): Node =>
  node("scatterAdd", [x], like.plate, like.shape, { index });

/** X·β for data X [row][columns] and β [columns] or [columns, classes] outside plates. */
export const matVec = (x: Node, beta: Node): Node => node("matVec", [x, beta], x.plate, beta.shape.slice(1));
/** Xᵀ·r, summed over rows, in the shape of β. */
export const matVecTransposed = (x: Node, r: Node, shape: readonly number[]): Node =>
  node("matVecTransposed", [x, r], null, shape);

const last = (x: Node): readonly number[] => x.shape.slice(0, -1);
export const cumulativeSum = (x: Node): Node => node("cumulativeSum", [x], x.plate, x.shape);
export const cumulativeSumReversed = (x: Node): Node => node("cumulativeSumReversed", [x], x.plate, x.shape);
export const logSumExp = (x: Node): Node => node("logSumExp", [x], x.plate, last(x));
export const softmax = (x: Node): Node => node("softmax", [x], x.plate, x.shape);

/** Vectors joined end to end into `shape` (a vector when absent); scalars count as vectors of one. */
export function concat(parts: readonly Node[], shape?: readonly number[]): Node {
  const plate = parts.reduce<Plate | null>((p, x) => {
    if (p && x.plate && x.plate !== p)
      throw new TypeError(`concat: expected values of one plate, got plate "${p.name}" and plate "${x.plate.name}"`);
    return p ?? x.plate;
  }, null);
  const whole = parts.map((p) => broadcast(p, plate, p.shape));
  return node("concat", whole, plate, shape ?? [whole.reduce((n, p) => n + eventSize(p.shape), 0)]);
}

/** Elements from…from + length − 1 of the flattened event; the shape [] gives a scalar. */
export const slice = (x: Node, from: number, shape: readonly number[]): Node =>
  node("slice", [x], x.plate, shape, { position: from });

/** The value, through which no gradient flows: what a density has computed for its kernel, whose partials are complete. */
export const stop = (x: Node): Node => node("stop", [x], x.plate, x.shape);

/** One of the results of a density: 0 the log density, 1… the partials in the order of its arguments. */
export const output = (call: Node, which: number): Node =>
  node("output", [call], call.plate, call.density!.outputShapes[which]!, { position: which });
