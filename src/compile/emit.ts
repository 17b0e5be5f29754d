// Which instructions compute a node: one for most, with its operands in the order of assembly/opcodes.ts.

import { Op } from "../../assembly/opcodes.js";
import { addAccumulator, emit, immediate, newBuffer, type SegmentBuilder, zero } from "./instructions.js";
import { width } from "./lower.js";
import { eventSize, type Node } from "./node.js";
import { type Encoding, fullOf, operandOf, operandsOf, resultOf, sourceOf, wholeStatic } from "./operands.js";

/** Adds the instructions of nodes, inputs before what uses them. */
export function emitNodes(e: Encoding, builder: SegmentBuilder, nodes: readonly Node[]): void {
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
    if (n.kind === "map") emitMap(e, builder, n);
    else if (n.kind === "density") emitDensity(e, builder, n, wanted.get(n) ?? []);
    else if (n.kind === "sumRows") emitSumRows(e, builder, n);
    else if (n.kind !== "output") emitStructure(e, builder, n);
  }
}

function emitMap(e: Encoding, builder: SegmentBuilder, n: Node): void {
  if ((n.opcode === Op.MulAdd || n.opcode === Op.MulSub) && emitByRows(e, builder, n)) return;
  emit(builder, n.opcode, width(n, e.draws), operandsOf(e, builder, n, n));
}

/** a·b ± c in a plate, where something is the same for all rows and need not be repeated for it: false where nothing is. */
function emitByRows(e: Encoding, builder: SegmentBuilder, n: Node): boolean {
  const w = width(n, e.draws);
  if (!n.plate || w & 1 || e.draws === 1) return false;
  const [p, q, c] = n.inputs as [Node, Node, Node];
  const swapped = rowOf(e, p) !== undefined;
  const a = swapped ? q : p;
  const b = rowOf(e, swapped ? p : q);
  const onto = rowOf(e, c);
  if (rowOf(e, a) || !(b || onto)) return false;
  const flags = (b ? 1 : 0) | (onto ? 2 : 0) | (n.opcode === Op.MulSub ? 4 : 0);
  emit(builder, Op.MulAddRows, w, [
    operandOf(e, builder, a),
    operandOf(e, builder, b ?? (swapped ? p : q)),
    operandOf(e, builder, onto ?? c),
    immediate(flags),
    immediate(w),
    resultOf(e, builder, n),
  ]);
  return true;
}

/** What is repeated over the rows of a plate, if it is a computed value that is the same for all of them. */
function rowOf(e: Encoding, x: Node): Node | undefined {
  const source = sourceOf(e, x);
  const same = !source.plate && e.lowered.dynamic.has(source) && eventSize(source.shape) === eventSize(x.shape);
  return same ? source : undefined;
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
  const operands = operandsOf(e, builder, n);
  operands.push(immediate(w), accumulator);
  emit(builder, n.opcode || Op.SumRows, w, operands);
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
        sumEvent: n.opcode || Op.SumEvent,
        logSumExp: Op.LogSumExp,
        softmax: Op.Softmax,
        cumulativeSum: Op.CumulativeSum,
        cumulativeSumReversed: Op.CumulativeSumReversed,
      }[n.kind];
      const operands = operandsOf(e, builder, n);
      operands.push(immediate(eventSize(x.shape)), immediate(S), resultOf(e, builder, n));
      emit(builder, op, w, operands);
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
