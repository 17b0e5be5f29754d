// From segments to a program in core memory: where every value stands, how many rows a block has, and the instruction words that
// assembly/tape.ts runs. Values used within one segment live in buffers of one block, reused as soon as they are dead, so that a
// block's working set stays in the first-level cache; values that cross segments get a full array.

import { Op } from "../../assembly/opcodes.js";
import { i32 } from "../core/memory.js";
import { Program } from "../core/program.js";
import { emitNodes } from "./emit.js";
import {
  type Code,
  emit,
  type Instruction,
  placeBlock,
  type SegmentBuilder,
  segmentBuilder,
  sumAtOnce,
} from "./instructions.js";
import { type Lowered, type Segment, width } from "./lower.js";
import { eventSize, type Node, type Plate } from "./node.js";
import { type Encoding, emitBroadcast, fullOf, staticAt } from "./operands.js";
import { batchRows, paddedRows, type Store } from "./store.js";

/** Where a root's values go: part of the gradient, the log density, or an array to be read back. */
export type Destination =
  | { readonly kind: "logDensity" }
  | { readonly kind: "gradient"; readonly position: number }
  | { readonly kind: "output" };

const output: Destination = { kind: "output" };

export interface EncodeOptions {
  readonly dimension: number;
  readonly draws: number;
  readonly store: Store;
  /** Of each root; arrays to be read back when absent. */
  readonly destinations?: readonly Destination[];
  /** Rows in a block, for tests; chosen when absent. */
  readonly blockRows?: number | undefined;
}

/** A program, and what is needed to choose batches and to read its output arrays. */
export interface Encoded {
  readonly program: Program;
  /** Address of each root's array, [row in memory][event][draw]; 0 for the log density and gradients. */
  readonly outputs: readonly number[];
  /** The subsampled plates, in the order that `program.selectBatch` numbers them. */
  readonly batches: readonly Plate[];
  /** The instructions as they were gathered, for `disassemble`. */
  readonly code: readonly Code[];
}

/** A root whose values are written from where they stand, after all segments. */
interface Late {
  readonly root: Node;
  readonly to: number;
  readonly rows: number;
}

/** Makes a program of lowered segments for a number of draws. Constants and data must be in the store (statics placed). */
export function encode(lowered: Lowered, options: EncodeOptions): Encoded {
  const { draws, store } = options;
  const program = new Program(options.dimension, draws);
  const e: Encoding = {
    lowered,
    draws,
    store,
    program,
    full: new Map(),
    plates: new Map(),
    crossing: new Set(),
    setup: [],
    spread: new Map(),
  };
  try {
    return encodeAll(e, options);
  } catch (error) {
    program.dispose();
    throw error;
  }
}

function encodeAll(e: Encoding, { dimension, destinations, blockRows }: EncodeOptions): Encoded {
  const { lowered, program } = e;
  const { roots, segments } = lowered;
  findCrossing(e);
  const outputs: number[] = [];
  const late: Late[] = [];
  for (let i = 0; i < roots.length; i++)
    outputs.push(placeRoot(e, roots[i]!, destinations?.[i] ?? output, dimension, late));
  const code: Code[] = [];
  for (let i = 0; i < segments.length; i++) {
    const builder = segmentBuilder(segments[i]!.plate);
    emitNodes(e, builder, segments[i]!.nodes);
    code.push(placeBuffers(e, builder, blockRows));
  }
  if (late.length) code.push(writeLate(e, late));
  if (e.setup.length) {
    // Constants that are spread over rows or draws: run once, now.
    writeProgram(e, [{ plate: null, block: 1, prologue: e.setup, body: [], epilogue: [] }], []);
    program.evaluate();
  }
  const batches: Plate[] = [];
  writeProgram(e, code, batches);
  return { program, outputs, batches, code };
}

/** Dynamic nodes that are read outside the segment that computes them, or as a whole. */
function findCrossing(e: Encoding): void {
  const { segments, roots } = e.lowered;
  const where = new Map<Node, Segment>();
  for (let k = 0; k < segments.length; k++) {
    const segment = segments[k]!;
    for (let j = 0; j < segment.nodes.length; j++) where.set(segment.nodes[j]!, segment);
  }
  for (let k = 0; k < segments.length; k++) {
    const segment = segments[k]!;
    for (let j = 0; j < segment.nodes.length; j++) {
      const { kind, inputs } = segment.nodes[j]!;
      for (let i = 0; i < inputs.length; i++)
        noteRead(e, inputs[i]!, kind === "gather" && i === 0 ? undefined : segment, where);
    }
  }
  for (let i = 0; i < roots.length; i++) noteRead(e, roots[i]!, undefined, where);
}

/** Notes that `n` is read in `segment` (undefined: as a whole). */
function noteRead(e: Encoding, n: Node, segment: Segment | undefined, where: ReadonlyMap<Node, Segment>): void {
  let source = n;
  while (source.kind === "broadcast") source = source.inputs[0]!;
  if (e.lowered.dynamic.has(source) && (!segment || where.get(source) !== segment)) e.crossing.add(source);
}

/** Lets a root's node write straight to where its values are wanted, when that cannot touch a neighbour's. */
function placeRoot(e: Encoding, root: Node, destination: Destination, dimension: number, late: Late[]): number {
  const { program } = e;
  const { kind, plate } = root;
  const w = width(root, e.draws);
  const dynamic = e.lowered.dynamic.has(root);
  if (destination.kind === "output") {
    if (dynamic && kind !== "broadcast" && !(kind === "latent" && plate?.subsampled)) return fullOf(e, root).at;
    if (!dynamic && e.draws === 1 && kind !== "broadcast") return staticAt(e, root).at;
    const to = program.scope.doubles(paddedRows(plate) * w);
    late.push({ root, to, rows: paddedRows(plate) });
    return to;
  }
  const rows = plate?.size ?? 1;
  let to = program.logDensityPointer;
  // An array of odd length is written with its spare: only the last double of an odd gradient has one.
  let spare = true;
  if (destination.kind === "gradient") {
    to = program.gradientPointer + destination.position * e.draws * 8;
    spare = destination.position + rows * eventSize(root.shape) === dimension && (dimension * e.draws) % 2 === 1;
  }
  const exact = kind === "sumRows" || kind === "matVecTransposed" || kind === "scatterAdd" || kind === "slice";
  const scheduled = dynamic && kind !== "broadcast" && kind !== "latent" && kind !== "matVec" && !e.full.has(root);
  if (scheduled && !plate?.subsampled && (exact || spare || (rows * w) % 2 === 0))
    e.full.set(root, { at: to, stride: plate ? w * 8 : 0 });
  else late.push({ root, to, rows });
  return 0;
}

/** Copies of the roots that could not be written in place. */
function writeLate(e: Encoding, late: readonly Late[]): Code {
  const builder = segmentBuilder(null);
  for (let i = 0; i < late.length; i++) {
    const { root, to, rows } = late[i]!;
    const out = { at: to, stride: 0 };
    if (root.kind === "broadcast" || !e.lowered.dynamic.has(root))
      emitBroadcast(e, builder, root, out, rows, builder.body);
    else emit(builder, Op.Copy, rows * width(root, e.draws), [fullOf(e, root), out]);
  }
  return { plate: null, block: 1, prologue: [], body: builder.body, epilogue: [] };
}

function plateOf(e: Encoding, plate: Plate | null): number {
  if (!plate) return 0;
  let pointer = e.plates.get(plate);
  if (pointer === undefined) {
    pointer = e.program.scope.bytes(8);
    const { first, rows } = batchRows(plate, 0);
    i32(pointer, 2).set([first, rows]);
    e.plates.set(plate, pointer);
  }
  return pointer;
}

/** Chooses the block, places its buffers, and fills those that hold the same for every block. */
function placeBuffers(e: Encoding, builder: SegmentBuilder, blockRows: number | undefined): Code {
  const { plate, prologue, body, epilogue, fills } = builder;
  const most = plate ? (plate.subsampled ? plate.batchSize : plate.size) : 1;
  const block = placeBlock(builder, e.program, most, blockRows);
  if (plate && most <= block) sumAtOnce(builder);
  for (let i = 0; i < fills.length; i++) {
    const { node, buffer, constant } = fills[i]!;
    const out = { at: buffer.at, stride: 0 };
    if (constant) emitBroadcast(e, segmentBuilder(null), node, out, block, e.setup);
    else emitBroadcast(e, builder, node, out, block, prologue);
  }
  return { plate, block, prologue, body, epilogue };
}

/** Writes the program's segments; the subsampled plates among theirs are added to `batches`. */
function writeProgram(e: Encoding, code: readonly Code[], batches: Plate[]): void {
  const { program } = e;
  const { scope } = program;
  const words: number[] = [];
  // Of each segment where its prologue, body and epilogue start and end in `words`.
  const bounds: number[] = [];
  let most = 1;
  for (let i = 0; i < code.length; i++) {
    const { prologue, body, epilogue } = code[i]!;
    most = Math.max(most, addWords(words, bounds, prologue), addWords(words, bounds, body));
    most = Math.max(most, addWords(words, bounds, epilogue));
  }
  const start = scope.bytes(Math.max(4, words.length * 4));
  const segments = scope.bytes(Math.max(32, code.length * 32));
  const scratch = scope.bytes(most * 4);
  const plates: number[] = [];
  for (let i = 0; i < code.length; i++) plates.push(plateOf(e, code[i]!.plate));
  i32(start, words.length).set(words);
  const table = i32(segments, code.length * 8);
  for (let i = 0; i < code.length; i++) {
    table[8 * i] = plates[i]!;
    table[8 * i + 1] = code[i]!.block;
    for (let k = 0; k < 6; k++) table[8 * i + 2 + k] = start + 4 * bounds[6 * i + k]!;
  }
  const batchTable = writeBatchTable(e, batches);
  i32(program.pointer, 10).set([segments, code.length, scratch, batchTable, batches.length], 5);
}

/** Of each subsampled plate where its rows stand: [plate, batches, rows in a batch, in memory, in all]. */
function writeBatchTable(e: Encoding, batches: Plate[]): number {
  const words: number[] = [];
  for (const [plate, pointer] of e.plates) {
    if (!plate.subsampled) continue;
    batches.push(plate);
    words.push(pointer, plate.batches, plate.batchSize, batchRows(plate, 1).first, plate.size);
  }
  const table = e.program.scope.bytes(Math.max(20, words.length * 4));
  if (words.length) i32(table, words.length).set(words);
  return table;
}

/** Adds instructions as the core reads them, and where they start and end. Returns the most operands that one has. */
function addWords(words: number[], bounds: number[], list: readonly Instruction[]): number {
  let most = 0;
  bounds.push(words.length);
  for (let i = 0; i < list.length; i++) {
    const { op, perRow, operands } = list[i]!;
    const count = operands.length;
    words.push(op, perRow, count);
    for (let k = 0; k < count; k++) words.push(operands[k]!.at);
    for (let k = 0; k < count; k++) words.push(operands[k]!.stride);
    if (count > most) most = count;
  }
  bounds.push(words.length);
  return most;
}
