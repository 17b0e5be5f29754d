// Instructions while they are gathered: what a segment does before, for and after the blocks of its plate's rows, and which of its values
// share a block buffer. Buffers have no address before the whole segment is known, since their number decides how many rows a block has.

import { Op } from "../../assembly/opcodes.js";
import type { Program } from "../core/program.js";
import type { Node, Plate } from "./node.js";

/** Bytes that a block's buffers and the data it streams may take: half of a 64 kB first-level cache, all of a 32 kB one. */
const BLOCK_BYTES = 32 * 1024;
const MAX_BLOCK_ROWS = 2048;

/** An address and its bytes per row; or a small integer. */
export interface Operand {
  readonly at: number;
  readonly stride: number;
}

export interface Instruction {
  readonly op: Op;
  readonly perRow: number;
  readonly operands: readonly Operand[];
}

export interface Code {
  readonly plate: Plate | null;
  /** Rows in a block. */
  readonly block: number;
  readonly prologue: readonly Instruction[];
  readonly body: readonly Instruction[];
  readonly epilogue: readonly Instruction[];
}

export const immediate = (n: number): Operand => ({ at: n, stride: 0 });

/** A block-sized array; `last` is the last instruction that touches it, Infinity when it must outlive the block. */
export interface BlockBuffer extends Operand {
  at: number;
  readonly doublesPerRow: number;
  readonly first: number;
  last: number;
}

export const isBuffer = (o: Operand): o is BlockBuffer => "last" in o;

/** What accumulates while a segment is encoded. */
export interface SegmentBuilder {
  readonly plate: Plate | null;
  readonly prologue: Instruction[];
  readonly body: Instruction[];
  readonly epilogue: Instruction[];
  readonly locals: Map<Node, BlockBuffer>;
  readonly adapted: Map<Node, Operand>;
  /** Buffers that hold the same for every block. */
  readonly fills: { node: Node; buffer: BlockBuffer; constant: boolean }[];
  readonly buffers: BlockBuffer[];
  /** Data that a block reads straight from memory, in doubles per row. */
  streamed: number;
}

export function segmentBuilder(plate: Plate | null): SegmentBuilder {
  return {
    plate,
    prologue: [],
    body: [],
    epilogue: [],
    locals: new Map(),
    adapted: new Map(),
    fills: [],
    buffers: [],
    streamed: 0,
  };
}

export function newBuffer(segment: SegmentBuilder, doublesPerRow: number, lasting: boolean): BlockBuffer {
  const now = segment.body.length;
  const first = lasting ? -1 : now;
  const buffer = { at: 0, stride: 0, doublesPerRow, first, last: lasting ? Number.POSITIVE_INFINITY : now };
  segment.buffers.push(buffer);
  return buffer;
}

export function touch(segment: SegmentBuilder, o: Operand): Operand {
  if (isBuffer(o) && o.last < segment.body.length) o.last = segment.body.length;
  return o;
}

export function emit(segment: SegmentBuilder, op: Op, perRow: number, operands: readonly Operand[]): void {
  for (let i = 0; i < operands.length; i++) touch(segment, operands[i]!);
  segment.body.push({ op, perRow, operands });
}

/** An array that rows are added to: zeroed before the first block. */
export function addAccumulator(segment: SegmentBuilder, program: Program, doubles: number): Operand {
  const at = program.scope.doubles(doubles);
  zero(segment, at, doubles);
  return { at, stride: 0 };
}

export function zero(segment: SegmentBuilder, at: number, count: number): void {
  segment.prologue.push({ op: Op.Zero, perRow: 1, operands: [{ at, stride: 0 }, immediate(count)] });
}

/**
 * Chooses how many of `most` rows a block has (`blockRows`, if given), and places its buffers: the room of one is free again after the
 * last instruction that touches it.
 */
export function placeBlock(segment: SegmentBuilder, program: Program, most: number, blockRows?: number): number {
  // Doubles per row of each slot, the buffer that has it, and the slot of each buffer.
  const slots: number[] = [];
  const owners: BlockBuffer[] = [];
  const slotOf: number[] = [];
  // Buffers that outlive the block come first, so that none of them takes a slot that earlier blocks' values lie in.
  const buffers = segment.buffers.sort((a, b) => a.first - b.first);
  for (let i = 0; i < buffers.length; i++) {
    const b = buffers[i]!;
    let slot = slots.length;
    for (let s = 0; s < slots.length && slot === slots.length; s++)
      if (slots[s] === b.doublesPerRow && owners[s]!.last < b.first) slot = s;
    slots[slot] = b.doublesPerRow;
    owners[slot] = b;
    slotOf.push(slot);
  }
  let perRow = segment.streamed;
  for (let s = 0; s < slots.length; s++) perRow += slots[s]!;
  const fit = blockRows ?? Math.min(MAX_BLOCK_ROWS, Math.floor(BLOCK_BYTES / Math.max(8, perRow * 8)));
  const block = segment.plate ? Math.min((most + 7) & ~7, Math.max(8, fit & ~7)) : 1;
  const addresses: number[] = [];
  for (let s = 0; s < slots.length; s++) addresses.push(program.scope.doubles(slots[s]! * block));
  for (let i = 0; i < buffers.length; i++) buffers[i]!.at = addresses[slotOf[i]!]!;
  return block;
}

/** Where one block has all rows, zeroing an accumulator, adding the block and folding are one instruction. */
export function sumAtOnce(segment: SegmentBuilder): void {
  const results = new Map<number, Operand>();
  for (let i = 0; i < segment.epilogue.length; i++) {
    const { op, operands } = segment.epilogue[i]!;
    if (op === Op.Fold) results.set(operands[0]!.at, operands[2]!);
  }
  if (!results.size) return;
  for (let i = 0; i < segment.body.length; i++) {
    const { op, perRow, operands } = segment.body[i]!;
    if (op !== Op.SumRows && op !== Op.SumProducts) continue;
    const last = operands.length - 1;
    const total = operands.slice(0, last);
    total.push(results.get(operands[last]!.at)!);
    segment.body[i] = { op: op === Op.SumRows ? Op.Total : Op.TotalProducts, perRow, operands: total };
  }
  drop(segment.prologue, Op.Zero, results);
  drop(segment.epilogue, Op.Fold, results);
}

/** Takes out the instructions of an opcode whose first operand is one of `accumulators`. */
function drop(list: Instruction[], op: Op, accumulators: ReadonlyMap<number, Operand>): void {
  let kept = 0;
  for (let i = 0; i < list.length; i++) {
    const instruction = list[i]!;
    if (instruction.op !== op || !accumulators.has(instruction.operands[0]!.at)) list[kept++] = instruction;
  }
  list.length = kept;
}

/** Readable lines, for tests and `disassemble`. */
export function listingOf(code: readonly Code[]): string[] {
  return code.flatMap((c) => {
    const title = c.plate ? `plate ${c.plate.name} (${c.block} rows)` : "outside plates";
    const lines = (list: readonly Instruction[], when: string): string[] =>
      list.map(({ op, perRow, operands }) => {
        const words = operands.map(({ at, stride }) => (stride ? `${at}+${stride}r` : at));
        return `${title}${when}: ${op} n=${perRow}r ${words.join(" ")}`;
      });
    return [...lines(c.prologue, ", first"), ...lines(c.body, ""), ...lines(c.epilogue, ", last")];
  });
}
