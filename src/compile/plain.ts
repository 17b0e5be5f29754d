// A graph of values as plain data, and back: with it a file holds how a posterior's values follow from unconstrained coordinates. Nodes
// are listed with inputs before what uses them; plates are whole. What is read back is built by the constructors of node.ts and checked, so
// that no file makes the core read what is not there. The numbers of maps' opcodes are thereby part of the file format.

import type { Op } from "../../assembly/opcodes.js";
import { integer, oneOf, rangeError, typeError } from "../errors.js";
import { ancestors } from "./lower.js";
import * as g from "./node.js";
import { eventSize, type Node, type NodeKind, Plate } from "./node.js";

const kinds = [
  "constant",
  "data",
  "latent",
  "map",
  "broadcast",
  "sumRows",
  "sumEvent",
  "gather",
  "matVec",
  "cumulativeSum",
  "cumulativeSumReversed",
  "logSumExp",
  "softmax",
  "concat",
  "slice",
] as const satisfies readonly NodeKind[];
type Kind = (typeof kinds)[number];

interface PlainNode {
  readonly kind: Kind;
  /** Numbers of earlier nodes. */
  readonly inputs: readonly number[];
  /** Number of its plate; −1 outside plates. */
  readonly plate: number;
  readonly shape: readonly number[];
  readonly opcode: number;
  readonly position: number;
  /** Number of its array of values (constant, data) or of indices (gather); −1: none. */
  readonly array: number;
}

export interface PlainGraph {
  readonly dimension: number;
  /** Sizes of the plates. */
  readonly plates: readonly number[];
  readonly nodes: readonly PlainNode[];
  readonly roots: readonly number[];
  readonly arrays: readonly Float64Array[];
}

/** The graph of some values, with copies of its numbers; undefined where it holds more than values are made of (a density). */
export function toPlain(dimension: number, roots: readonly Node[]): PlainGraph | undefined {
  const nodes = ancestors(roots);
  const numbers = new Map(nodes.map((n, i) => [n, i]));
  const plates = [...new Set(nodes.map((n) => n.plate))].filter((p) => p !== null);
  const arrays: Float64Array[] = [];
  if (!nodes.every((n) => (kinds as readonly NodeKind[]).includes(n.kind))) return undefined;
  return {
    dimension,
    plates: plates.map((p) => p.size),
    nodes: nodes.map((n) => {
      const array = n.values ?? n.index;
      if (array) arrays.push(Float64Array.from(array));
      return {
        kind: n.kind as Kind,
        inputs: n.inputs.map((i) => numbers.get(i)!),
        plate: n.plate ? plates.indexOf(n.plate) : -1,
        shape: [...n.shape],
        opcode: n.opcode,
        position: n.position,
        array: array ? arrays.length - 1 : -1,
      };
    }),
    roots: roots.map((r) => numbers.get(r)!),
    arrays,
  };
}

/** Operands of the map with this opcode; 0 where there is no such map (assembly/opcodes.ts). */
function operandsOf(opcode: number): number {
  if (opcode >= 64 && opcode <= 88) return 1;
  if (opcode >= 96 && opcode <= 105) return 2;
  if (opcode < 112 || opcode > 127) return 0;
  return opcode >= 125 ? 1 : opcode === 112 || opcode >= 120 ? 3 : 2;
}

const list = (label: string, value: unknown): readonly unknown[] => {
  if (!Array.isArray(value)) throw typeError(label, "an array", value);
  return value;
};
const integers = (label: string, value: unknown, low: number, high?: number): number[] =>
  list(label, value).map((v, k) => integer(`${label}[${k}]`, v, low, high));

/** The values that a plain graph describes. Throws, naming the entry, where it describes none. */
export function fromPlain(label: string, plain: PlainGraph): { readonly dimension: number; readonly roots: Node[] } {
  const dimension = integer(`${label}.dimension`, plain.dimension, 1);
  const plates = integers(`${label}.plates`, plain.plates, 1, 2 ** 31).map((size, k) => new Plate(`${k}`, size));
  const made: Node[] = [];
  list(`${label}.nodes`, plain.nodes).forEach((entry, k) => {
    const at = `${label}.nodes[${k}]`;
    if (typeof entry !== "object" || entry === null) throw typeError(at, "an object", entry);
    const given = entry as PlainNode;
    const kind = oneOf(`${at}.kind`, given.kind, kinds);
    const inputs = integers(`${at}.inputs`, given.inputs, 0, k - 1).map((i) => made[i]!);
    const number = integer(`${at}.plate`, given.plate, -1, plates.length - 1);
    const plate = number < 0 ? null : plates[number]!;
    const shape = integers(`${at}.shape`, given.shape, 1, 2 ** 31);
    const position = integer(`${at}.position`, given.position, 0);
    const size = (plate?.size ?? 1) * eventSize(shape);
    const wanted = kind === "concat" ? inputs.length : kind === "map" ? operandsOf(given.opcode) : needs[kind];
    if (kind === "map" && !wanted) throw rangeError(`${at}.opcode`, "the opcode of a map", given.opcode);
    if (inputs.length !== wanted || (kind === "concat" && !wanted))
      throw rangeError(`${at}.inputs`, `${wanted || "some"} inputs`, inputs.length);
    const array = plain.arrays[integer(`${at}.array`, given.array, -1, plain.arrays.length - 1)];
    if ((array !== undefined) !== (kind === "constant" || kind === "data" || kind === "gather"))
      throw rangeError(`${at}.array`, array ? "-1" : "the number of an array", given.array);
    const [x, y] = inputs as [Node, Node];
    const fit = (fits: boolean, what: string): void => {
      if (!fits) throw rangeError(at, what, kind);
    };
    const make: Record<Kind, () => Node> = {
      constant: () => g.constant(array![0]!),
      data: () => g.data(array!, plate, shape),
      latent: () => g.latent(position, plate, shape),
      map: () => g.map(given.opcode as Op, inputs),
      broadcast: () => g.broadcast(x, plate, shape),
      sumRows: () => g.sumRows(x),
      sumEvent: () => g.sumEvent(x),
      gather: () => g.gather(x, Int32Array.from(array!), plate!),
      matVec: () => g.matVec(x, y),
      cumulativeSum: () => g.cumulativeSum(x),
      cumulativeSumReversed: () => g.cumulativeSumReversed(x),
      logSumExp: () => g.logSumExp(x),
      softmax: () => g.softmax(x),
      concat: () => g.concat(inputs, shape),
      slice: () => g.slice(x, position, shape),
    };
    if (kind === "constant" || kind === "data") fit(array!.length === size, `an array of ${size} numbers`);
    if (kind === "latent") fit(position + size <= dimension, `coordinates within ${dimension}`);
    if (kind === "concat")
      fit(inputs.reduce((n, i) => n + eventSize(i.shape), 0) === eventSize(shape), "parts as long as the whole");
    if (kind === "slice") fit(position + eventSize(shape) <= eventSize(x.shape), "a part of its input");
    if (kind === "logSumExp") fit(x.shape.length === 1, "a vector");
    if (kind === "gather") {
      fit(plate !== null && array!.length === plate.size, "an index for each row of a plate");
      const rows = x.plate ? x.plate.size : (x.shape[0] ?? 0);
      fit(
        array!.every((i) => Number.isInteger(i) && i >= 0 && i < rows),
        `indices within ${rows}`,
      );
    }
    if (kind === "matVec")
      fit(
        x.kind === "data" && x.plate !== null && x.shape.length === 1 && !y.plate && y.shape[0] === x.shape[0],
        "data of a plate, and coefficients",
      );
    let result: Node;
    try {
      result = make[kind]();
    } catch (error) {
      throw rangeError(at, `operands that fit together (${(error as Error).message})`, kind);
    }
    const same = result.plate === plate && result.shape.join() === shape.join() && result.kind === kind;
    fit(same, `the plate and shape of its inputs (${result.shape.join("×") || "a scalar"})`);
    made.push(result);
  });
  return {
    dimension,
    roots: integers(`${label}.roots`, plain.roots, 0, made.length - 1).map((i) => made[i]!),
  };
}

const needs: Record<Exclude<Kind, "map" | "concat">, number> = {
  constant: 0,
  data: 0,
  latent: 0,
  broadcast: 1,
  sumRows: 1,
  sumEvent: 1,
  gather: 1,
  matVec: 2,
  cumulativeSum: 1,
  cumulativeSumReversed: 1,
  logSumExp: 1,
  softmax: 1,
  slice: 1,
};
