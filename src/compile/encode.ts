// From segments to a program in core memory: where every value stands, how many rows a block has, and the instruction words that
// assembly/tape.ts runs. Values used within one segment live in buffers of one block, reused as soon as they are dead, so that a
// block's working set stays in the first-level cache; values that cross segments get a full array.

import { Op } from "../../assembly/opcodes.js";
import { i32 } from "../core/memory.js";
import { Program } from "../core/program.js";
import {
  addAccumulator,
  type Code,
  emit,
  type Instruction,
  immediate,
  isBuffer,
  newBuffer,
  type Operand,
  placeBlock,
  type SegmentBuilder,
  segmentBuilder,
  sumAtOnce,
  touch,
  zero,
} from "./instructions.js";
import { type Lowered, type Segment, width } from "./lower.js";
import { eventSize, type Node, type Plate } from "./node.js";
import { batchRows, paddedRows, type Store } from "./store.js";

/** Data of up to so many doubles, draws included, are spread over the draws once; larger ones block by block. */
const SPREAD_DOUBLES = 2048;

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

/** A program while it is made. Functions of this record, not methods: what every model runs shall be compiled with the script (scripts/eager.mjs). */
interface Encoding {
  readonly lowered: Lowered;
  readonly options: EncodeOptions;
  readonly draws: number;
  readonly store: Store;
  readonly program: Program;
  readonly full: Map<Node, Operand>;
  readonly plates: Map<Plate, number>;
  /** Dynamic nodes that are read outside the segment that computes them, or as a whole. */
  readonly crossing: Set<Node>;
  /** Instructions that run once, now. */
  readonly setup: Instruction[];
  readonly spread: Map<Node, Operand>;
}

/** Makes a program of lowered segments for a number of draws. Constants and data must be in the store (statics placed). */
export function encode(lowered: Lowered, options: EncodeOptions): Encoded {
  const { draws, store } = options;
  const program = new Program(options.dimension, draws);
  const e: Encoding = {
    lowered,
    options,
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
    return encodeAll(e);
  } catch (error) {
    program.dispose();
    throw error;
  }
}

function encodeAll(e: Encoding): Encoded {
  const { lowered, options, program } = e;
  const { roots, segments } = lowered;
  findCrossing(e);
  const outputs: number[] = [];
  const late: Late[] = [];
  for (let i = 0; i < roots.length; i++)
    outputs.push(placeRoot(e, roots[i]!, options.destinations?.[i] ?? output, late));
  const code: Code[] = [];
  for (let i = 0; i < segments.length; i++) code.push(encodeSegment(e, segments[i]!));
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

/** Full storage of a dynamic node: its rows in memory, one after another. */
function fullOf(e: Encoding, n: Node): Operand {
  let full = e.full.get(n);
  if (full) return full;
  const w = width(n, e.draws);
  const at =
    n.kind === "latent" && !n.plate?.subsampled
      ? e.program.thetaPointer + n.position * e.draws * 8
      : e.program.scope.doubles(paddedRows(n.plate) * w);
  full = { at, stride: n.plate ? w * 8 : 0 };
  e.full.set(n, full);
  return full;
}

/** Lets a root's node write straight to where its values are wanted, when that cannot touch a neighbour's. */
function placeRoot(e: Encoding, root: Node, destination: Destination, late: Late[]): number {
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
    const { dimension } = e.options;
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

/** Address of a node that is computed once (or is data or a constant), [row][event], no draws. */
function staticAt(e: Encoding, n: Node): Operand {
  const at = e.store.placed(n) ?? (n.values ? e.store.rows(n) : undefined);
  if (at === undefined) throw new Error(`${n.kind} was not computed beforehand`);
  return { at, stride: n.plate ? eventSize(n.shape) * 8 : 0 };
}

/** What a broadcast repeats; the node itself when it was computed once, or is no broadcast. */
function sourceOf(e: Encoding, n: Node): Node {
  return n.kind === "broadcast" && e.store.placed(n) === undefined ? n.inputs[0]! : n;
}

/** Writes `n` (a broadcast, or a static value over draws) to `out`, for `rows` rows (0: as many as the block has). */
function emitBroadcast(
  e: Encoding,
  builder: SegmentBuilder,
  n: Node,
  out: Operand,
  rows: number,
  into: Instruction[],
): void {
  const source = sourceOf(e, n);
  const dynamic = e.lowered.dynamic.has(source);
  const from = dynamic ? operandOf(e, builder, source) : staticAt(e, source);
  const lanes = dynamic ? e.draws : 1;
  const events = eventSize(n.shape);
  const sourceEvents = eventSize(source.shape);
  const rowStep = source.plate ? sourceEvents * lanes : 0;
  const eventStep = sourceEvents === events && events > 1 ? lanes : 0;
  // [event][draw] with draws that vary (1) or repeat (0); merged into one run of lanes where it is contiguous or constant.
  const single = e.draws === 1;
  const varies = single ? eventStep > 0 : dynamic;
  const merged = single || varies === eventStep > 0;
  const perRow = events * e.draws;
  into.push({
    op: Op.Broadcast,
    perRow,
    operands: [
      from,
      immediate(rows),
      immediate(rowStep),
      immediate(merged ? 1 : events),
      immediate(merged ? 0 : eventStep),
      immediate(merged ? perRow : e.draws),
      immediate(varies ? 1 : 0),
      out,
    ],
  });
}

/** Where a segment finds the value of `n` as [row][event][draw]. */
function operandOf(e: Encoding, builder: SegmentBuilder, n: Node): Operand {
  if (e.lowered.dynamic.has(n) && n.kind !== "broadcast") {
    const local = builder.locals.get(n);
    if (local) return touch(builder, local);
    if (n.kind === "latent" && n.plate?.subsampled) return batchLatent(e, builder, n);
    return fullOf(e, n);
  }
  const known = builder.adapted.get(n);
  if (known) return touch(builder, known);
  const w = width(n, e.draws);
  const source = sourceOf(e, n);
  const dynamic = e.lowered.dynamic.has(source);
  let adapted: Operand;
  if (source === n && e.draws === 1) {
    adapted = staticAt(e, n);
    if (n.plate) builder.streamed += w;
  } else if (!dynamic && !n.plate) adapted = spreadOnce(e, n, 1);
  else if (!source.plate && n.plate) {
    // The same for every row: one block's worth, filled before the rows are visited (a constant: once and for all).
    const buffer = newBuffer(builder, w, true);
    adapted = buffer;
    builder.fills.push({ node: n, buffer, constant: !dynamic });
  } else if (!dynamic && !n.plate?.subsampled && paddedRows(n.plate) * w <= SPREAD_DOUBLES) {
    adapted = spreadOnce(e, n, paddedRows(n.plate));
    builder.streamed += w;
  } else {
    adapted = newBuffer(builder, w, false);
    emitBroadcast(e, builder, n, adapted, 0, builder.body);
  }
  builder.adapted.set(n, adapted);
  return adapted;
}

/** A value that no latent reaches, over draws: computed when the program is made. */
function spreadOnce(e: Encoding, n: Node, rows: number): Operand {
  let spread = e.spread.get(n);
  if (!spread) {
    const w = width(n, e.draws);
    spread = { at: e.program.scope.doubles(rows * w), stride: n.plate ? w * 8 : 0 };
    emitBroadcast(e, segmentBuilder(null), n, spread, rows, e.setup);
    e.spread.set(n, spread);
  }
  return spread;
}

/** Latents of a subsampled plate, in the order of its rows in memory. */
function batchLatent(e: Encoding, builder: SegmentBuilder, n: Node): Operand {
  const w = width(n, e.draws);
  const buffer = newBuffer(builder, w, false);
  builder.locals.set(n, buffer);
  emit(builder, Op.Gather, w, [
    { at: e.program.thetaPointer + n.position * e.draws * 8, stride: 0 },
    { at: e.store.orderIndex(n.plate!), stride: 4 },
    immediate(w),
    buffer,
  ]);
  return buffer;
}

function encodeSegment(e: Encoding, { plate, nodes }: Segment): Code {
  const builder = segmentBuilder(plate);
  // The results of a density that are wanted: it writes them.
  const wanted = new Map<Node, Node[]>();
  for (let i = 0; i < nodes.length; i++) {
    const n = nodes[i]!;
    if (n.kind !== "output") continue;
    const call = n.inputs[0]!;
    const others = wanted.get(call);
    if (others) others.push(n);
    else wanted.set(call, [n]);
  }
  for (let i = 0; i < nodes.length; i++) {
    const n = nodes[i]!;
    if (n.kind === "map") emit(builder, n.opcode, width(n, e.draws), operandsOf(e, builder, n, n));
    else if (n.kind === "density") emitDensity(e, builder, n, wanted.get(n) ?? []);
    else if (n.kind === "sumRows") emitSumRows(e, builder, n);
    else if (n.kind !== "output") emitStructure(e, builder, n);
  }
  return placeBuffers(e, builder);
}

/** Where a segment finds the inputs of `n`; then where `result` goes, if any. */
function operandsOf(e: Encoding, builder: SegmentBuilder, n: Node, result?: Node): Operand[] {
  const count = n.inputs.length;
  const operands = new Array<Operand>(result ? count + 1 : count);
  for (let i = 0; i < count; i++) operands[i] = operandOf(e, builder, n.inputs[i]!);
  if (result) operands[count] = resultOf(e, builder, result);
  return operands;
}

/** Where `n` writes: a full array when it is read elsewhere, else a buffer. */
function resultOf(e: Encoding, builder: SegmentBuilder, n: Node): Operand {
  if (e.crossing.has(n) || !n.plate) return fullOf(e, n);
  const buffer = newBuffer(builder, width(n, e.draws), false);
  builder.locals.set(n, buffer);
  return buffer;
}

function emitDensity(e: Encoding, builder: SegmentBuilder, n: Node, wanted: readonly Node[]): void {
  const { eventSize: size, outputShapes } = n.density!;
  const operands = operandsOf(e, builder, n);
  if (size) operands.push(immediate(size), immediate(e.draws));
  for (let i = 0; i < outputShapes.length; i++) {
    let out: Node | undefined;
    for (let k = 0; k < wanted.length; k++) if (wanted[k]!.position === i) out = wanted[k];
    if (out) operands.push(resultOf(e, builder, out));
    else if (i > 0) operands.push(immediate(0));
    else operands.push(newBuffer(builder, eventSize(outputShapes[i]!) * e.draws, false));
  }
  emit(builder, n.opcode, width(n, e.draws), operands);
}

function emitSumRows(e: Encoding, builder: SegmentBuilder, n: Node): void {
  const w = width(n, e.draws);
  const accumulator = addAccumulator(builder, e.program, 4 * w);
  emit(builder, Op.SumRows, w, [operandOf(e, builder, n.inputs[0]!), immediate(w), accumulator]);
  builder.epilogue.push({ op: Op.Fold, perRow: w, operands: [accumulator, immediate(w), fullOf(e, n)] });
}

function emitStructure(e: Encoding, builder: SegmentBuilder, n: Node): void {
  const S = e.draws;
  const w = width(n, S);
  const x = n.inputs[0]!;
  switch (n.kind) {
    case "scatterAdd": {
      const full = fullOf(e, n);
      const m = width(x, S);
      // Not the padding: the array may be a part of the gradient.
      zero(builder, full.at, (n.plate?.size ?? 1) * w);
      emit(builder, Op.ScatterAdd, m, [
        operandOf(e, builder, x),
        { at: e.store.index(n.index!, x.plate!), stride: 4 },
        immediate(m),
        { at: full.at, stride: 0 },
      ]);
      return;
    }
    case "gather": {
      const source = e.lowered.dynamic.has(x) && x.kind !== "broadcast" ? fullOf(e, x) : wholeStatic(e, builder, x);
      emit(builder, Op.Gather, w, [
        { at: source.at, stride: 0 },
        { at: e.store.index(n.index!, n.plate!), stride: 4 },
        immediate(w),
        resultOf(e, builder, n),
      ]);
      return;
    }
    case "matVec": {
      const lanes = w;
      const columns = eventSize(x.shape);
      const beta = operandOf(e, builder, n.inputs[1]!);
      builder.streamed += columns;
      emit(builder, Op.MatVec, w, [
        { at: e.store.tiles(x), stride: columns * 8 },
        beta,
        immediate(columns),
        immediate(lanes),
        resultOf(e, builder, n),
      ]);
      return;
    }
    case "matVecTransposed": {
      const columns = eventSize(x.shape);
      const lanes = w / columns;
      const accumulator = addAccumulator(builder, e.program, 2 * w);
      emit(builder, Op.MatVecTransposed, lanes, [
        { at: e.store.tiles(x), stride: columns * 8 },
        operandOf(e, builder, n.inputs[1]!),
        immediate(columns),
        immediate(lanes),
        accumulator,
      ]);
      builder.epilogue.push({
        op: Op.FoldPairs,
        perRow: w,
        operands: [accumulator, immediate(columns), immediate(lanes), fullOf(e, n)],
      });
      return;
    }
    case "sumEvent":
    case "logSumExp":
    case "softmax":
    case "cumulativeSum":
    case "cumulativeSumReversed": {
      const op = {
        sumEvent: Op.SumEvent,
        logSumExp: Op.LogSumExp,
        softmax: Op.Softmax,
        cumulativeSum: Op.CumulativeSum,
        cumulativeSumReversed: Op.CumulativeSumReversed,
      }[n.kind];
      emit(builder, op, w, [
        operandOf(e, builder, x),
        immediate(eventSize(x.shape)),
        immediate(S),
        resultOf(e, builder, n),
      ]);
      return;
    }
    case "concat": {
      const parts = n.inputs.map((i) => operandOf(e, builder, i));
      const out = resultOf(e, builder, n);
      let offset = 0;
      n.inputs.forEach((part, i) => {
        const size = width(part, S);
        emit(builder, Op.SetSlice, w, [parts[i]!, immediate(size), immediate(w), immediate(offset), out]);
        offset += size;
      });
      return;
    }
    case "slice":
      emit(builder, Op.GetSlice, w, [
        operandOf(e, builder, x),
        immediate(w),
        immediate(width(x, S)),
        immediate(n.position * S),
        resultOf(e, builder, n),
      ]);
      return;
    default:
      throw new Error(`${n.kind} cannot be encoded`);
  }
}

/** The whole of a static value, over draws. */
function wholeStatic(e: Encoding, builder: SegmentBuilder, n: Node): Operand {
  if (e.draws === 1 && n.kind !== "broadcast") return staticAt(e, n);
  if (!n.plate) {
    const operand = operandOf(e, builder, n);
    if (!isBuffer(operand)) return operand;
  }
  const at = e.program.scope.doubles(paddedRows(n.plate) * width(n, e.draws));
  emitBroadcast(e, builder, n, { at, stride: 0 }, paddedRows(n.plate), e.setup);
  return { at, stride: 0 };
}

/** Chooses the block, places its buffers, and fills those that hold the same for every block. */
function placeBuffers(e: Encoding, builder: SegmentBuilder): Code {
  const { plate, prologue, body, epilogue, fills } = builder;
  const most = plate ? (plate.subsampled ? plate.batchSize : plate.size) : 1;
  const block = placeBlock(builder, e.program, most, e.options.blockRows);
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
