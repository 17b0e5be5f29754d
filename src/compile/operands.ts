// Where the values of a program stand: arrays of the program, arrays of the store that all programs of a model share, and block buffers; and
// how a value is repeated over rows, events and draws where an instruction wants it so.

import { Op } from "../../assembly/opcodes.js";
import type { Program } from "../core/program.js";
import {
  emit,
  type Instruction,
  immediate,
  isBuffer,
  newBuffer,
  type Operand,
  type SegmentBuilder,
  segmentBuilder,
  touch,
} from "./instructions.js";
import { type Lowered, width } from "./lower.js";
import { eventSize, type Node, type Plate } from "./node.js";
import { paddedRows, type Store } from "./store.js";

/** Data of up to so many doubles, draws included, are spread over the draws once; larger ones block by block. */
const SPREAD_DOUBLES = 2048;

/** A program while it is made. Functions of this record, not methods: what every model runs shall be compiled with the script (scripts/eager.mjs). */
export interface Encoding {
  readonly lowered: Lowered;
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

/** Full storage of a dynamic node: its rows in memory, one after another. */
export function fullOf(e: Encoding, n: Node): Operand {
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

/** Address of a node that is computed once (or is data or a constant), [row][event], no draws. */
export function staticAt(e: Encoding, n: Node): Operand {
  const at = e.store.placed(n) ?? (n.values ? e.store.rows(n) : undefined);
  if (at === undefined) throw new Error(`${n.kind} was not computed beforehand`);
  return { at, stride: n.plate ? eventSize(n.shape) * 8 : 0 };
}

/** What a broadcast repeats; the node itself when it was computed once, or is no broadcast. */
export function sourceOf(e: Encoding, n: Node): Node {
  return n.kind === "broadcast" && e.store.placed(n) === undefined ? n.inputs[0]! : n;
}

/** Writes `n` (a broadcast, or a static value over draws) to `out`, for `rows` rows (0: as many as the block has). */
export function emitBroadcast(
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
export function operandOf(e: Encoding, builder: SegmentBuilder, n: Node): Operand {
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

/** Where a segment finds the inputs of `n`; then where `result` goes, if any. */
export function operandsOf(e: Encoding, builder: SegmentBuilder, n: Node, result?: Node): Operand[] {
  const count = n.inputs.length;
  const operands = new Array<Operand>(result ? count + 1 : count);
  for (let i = 0; i < count; i++) operands[i] = operandOf(e, builder, n.inputs[i]!);
  if (result) operands[count] = resultOf(e, builder, result);
  return operands;
}

/** Where `n` writes: a full array when it is read elsewhere, else a buffer. */
export function resultOf(e: Encoding, builder: SegmentBuilder, n: Node): Operand {
  if (e.crossing.has(n) || !n.plate) return fullOf(e, n);
  const buffer = newBuffer(builder, width(n, e.draws), false);
  builder.locals.set(n, buffer);
  return buffer;
}

/** The whole of a static value, over draws. */
export function wholeStatic(e: Encoding, builder: SegmentBuilder, n: Node): Operand {
  if (e.draws === 1 && n.kind !== "broadcast") return staticAt(e, n);
  if (!n.plate) {
    const operand = operandOf(e, builder, n);
    if (!isBuffer(operand)) return operand;
  }
  const at = e.program.scope.doubles(paddedRows(n.plate) * width(n, e.draws));
  emitBroadcast(e, builder, n, { at, stride: 0 }, paddedRows(n.plate), e.setup);
  return { at, stride: 0 };
}
