// From segments to a program in core memory: where every value stands, how many rows a block has, and the instruction words that
// assembly/tape.ts runs. Values used within one segment live in buffers of one block, reused as soon as they are dead, so that a
// block's working set stays in the first-level cache; values that cross segments get a full array.

import { Op } from "../../assembly/opcodes.js";
import { i32 } from "../core/memory.js";
import { Program } from "../core/program.js";
import { type Lowered, type Segment, width } from "./lower.js";
import { eventSize, type Node, type Plate } from "./node.js";
import { batchRows, paddedRows, type Store } from "./store.js";

/** Bytes that a block's buffers and the data it streams may take: half of a 64 kB first-level cache, all of a 32 kB one. */
const BLOCK_BYTES = 32 * 1024;
const MAX_BLOCK_ROWS = 2048;
/** Data of up to so many doubles, draws included, are spread over the draws once; larger ones block by block. */
const SPREAD_DOUBLES = 2048;

/** Where a root's values go: part of the gradient, the log density, or an array to be read back. */
export type Destination =
  | { readonly kind: "logDensity" }
  | { readonly kind: "gradient"; readonly position: number }
  | { readonly kind: "output" };

export interface EncodeOptions {
  readonly dimension: number;
  readonly draws: number;
  readonly store: Store;
  readonly destinations: readonly Destination[];
  /** Rows in a block, for tests; chosen when absent. */
  readonly blockRows?: number;
}

/** A program, and what is needed to choose batches and to read its output arrays. */
export interface Encoded {
  readonly program: Program;
  /** Address of each root's array, [row in memory][event][draw]; 0 for the log density and gradients. */
  readonly outputs: readonly number[];
  /** The subsampled plates, in the order that `program.selectBatch` numbers them. */
  readonly batches: readonly Plate[];
  /** Readable listing of the instructions, for tests and `disassemble`. */
  readonly listing: readonly string[];
}

/** An operand: an address, or a block buffer to be placed when the block size is known; and its bytes per row. */
type Operand =
  | { readonly at: number; readonly stride: number }
  | { readonly buffer: Buffer }
  | { readonly immediate: number };

/** A block-sized array; `last` is the last instruction that touches it, Infinity when it must outlive the block. */
interface Buffer {
  readonly doublesPerRow: number;
  readonly first: number;
  last: number;
  at: number;
}

interface Instruction {
  readonly op: Op;
  readonly perRow: number;
  readonly operands: readonly Operand[];
}

const immediate = (n: number): Operand => ({ immediate: n });

class Encoder {
  readonly program: Program;
  readonly #draws: number;
  readonly #store: Store;
  readonly #full = new Map<Node, { at: number; stride: number }>();
  readonly #plates = new Map<Plate, number>();
  readonly #listing: string[] = [];
  readonly #crossing = new Set<Node>();
  readonly #setup: Instruction[] = [];
  readonly #spread = new Map<Node, { at: number; stride: number }>();

  constructor(
    readonly lowered: Lowered,
    readonly options: EncodeOptions,
  ) {
    this.program = new Program(options.dimension, options.draws);
    this.#draws = options.draws;
    this.#store = options.store;
  }

  encode(): Encoded {
    try {
      return this.#encode();
    } catch (error) {
      this.program.dispose();
      throw error;
    }
  }

  #encode(): Encoded {
    const { lowered, options, program } = this;
    this.#findCrossing();
    const outputs = lowered.roots.map((root, i) => this.#placeRoot(root, options.destinations[i]!));
    const code = lowered.segments.map((s) => this.#segment(s));
    const tail = this.#finish(outputs);
    if (tail.body.length || tail.epilogue.length) code.push(tail);
    if (this.#setup.length) {
      // Constants that are spread over rows or draws: run once, now.
      this.#write([{ plate: null, block: 1, prologue: this.#setup, body: [], epilogue: [] }]);
      program.evaluate();
    }
    this.#write(code);
    return {
      program,
      outputs: outputs.map((o) => (typeof o === "number" ? o : o.to)),
      batches: [...this.#plates.keys()].filter((p) => p.subsampled),
      listing: this.#listing,
    };
  }

  /** Dynamic nodes that are read outside the segment that computes them, or as a whole. */
  #findCrossing(): void {
    const { segments, dynamic, roots } = this.lowered;
    const where = new Map<Node, number>();
    segments.forEach((s, k) => {
      for (const n of s.nodes) where.set(n, k);
    });
    const read = (n: Node, segment: number, whole: boolean): void => {
      if (n.kind === "broadcast") read(n.inputs[0]!, segment, whole);
      else if (dynamic.has(n) && (whole || where.get(n) !== segment)) this.#crossing.add(n);
    };
    segments.forEach((s, k) => {
      for (const n of s.nodes) for (const [j, i] of n.inputs.entries()) read(i, k, n.kind === "gather" && j === 0);
    });
    for (const root of roots) read(root, -1, true);
  }

  /** Full storage of a dynamic node: its rows in memory, one after another. */
  #fullOf(n: Node): { at: number; stride: number } {
    let full = this.#full.get(n);
    if (full) return full;
    const w = width(n, this.#draws);
    if (n.kind === "latent" && !n.plate?.subsampled) {
      const theta = i32(this.program.pointer, 3)[2]!;
      full = { at: theta + n.position * this.#draws * 8, stride: n.plate ? w * 8 : 0 };
    } else full = { at: this.program.scope.doubles(paddedRows(n.plate) * w), stride: n.plate ? w * 8 : 0 };
    this.#full.set(n, full);
    return full;
  }

  /** Lets a root's node write straight to where its values are wanted, when that cannot touch a neighbour's. */
  #placeRoot(root: Node, destination: Destination): number | { to: number; root: Node } {
    const header = i32(this.program.pointer, 5);
    const w = width(root, this.#draws);
    const dynamic = this.lowered.dynamic.has(root);
    if (destination.kind === "output") {
      if (dynamic && root.kind !== "broadcast" && !(root.kind === "latent" && root.plate?.subsampled))
        return this.#fullOf(root).at;
      if (!dynamic && this.#draws === 1 && root.kind !== "broadcast") return this.#staticAt(root).at;
      return { to: this.program.scope.doubles(paddedRows(root.plate) * w), root };
    }
    const rows = root.plate?.size ?? 1;
    const to = destination.kind === "logDensity" ? header[4]! : header[3]! + destination.position * this.#draws * 8;
    // An array of odd length is written with its spare: only the last double of an odd gradient has one.
    const spare =
      destination.kind === "logDensity" ||
      (destination.position + rows * eventSize(root.shape) === this.options.dimension &&
        (this.options.dimension * this.#draws) % 2 === 1);
    const exact = ["sumRows", "matVecTransposed", "scatterAdd", "slice"].includes(root.kind);
    const scheduled = dynamic && !["broadcast", "latent", "matVec"].includes(root.kind) && !this.#full.has(root);
    if (scheduled && !root.plate?.subsampled && (exact || spare || (rows * w) % 2 === 0)) {
      this.#full.set(root, { at: to, stride: root.plate ? w * 8 : 0 });
      return 0;
    }
    return { to, root };
  }

  /** Copies of the roots that could not be written in place. */
  #finish(outputs: readonly (number | { to: number; root: Node })[]): Code {
    const code: Code = { plate: null, block: 1, prologue: [], body: [], epilogue: [] };
    const builder = new SegmentBuilder(null);
    outputs.forEach((o, i) => {
      if (typeof o === "number") return;
      const { root, to } = o;
      const w = width(root, this.#draws);
      const rows = this.options.destinations[i]!.kind === "output" ? paddedRows(root.plate) : (root.plate?.size ?? 1);
      const whole = root.kind === "broadcast" || !this.lowered.dynamic.has(root) ? null : this.#fullOf(root);
      if (whole) {
        builder.emit(Op.Copy, rows * w, [whole, { at: to, stride: 0 }]);
        return;
      }
      this.#emitBroadcast(builder, root, { at: to, stride: 0 }, rows, builder.body);
    });
    code.body.push(...builder.body);
    return code;
  }

  #plate(plate: Plate | null): number {
    if (!plate) return 0;
    let pointer = this.#plates.get(plate);
    if (pointer === undefined) {
      pointer = this.program.scope.bytes(8);
      const { first, rows } = batchRows(plate, 0);
      i32(pointer, 2).set([first, rows]);
      this.#plates.set(plate, pointer);
    }
    return pointer;
  }

  /** Address of a node that is computed once (or is data or a constant), [row][event], no draws. */
  #staticAt(n: Node): { at: number; stride: number } {
    const at = this.#store.placed(n) ?? (n.values ? this.#store.rows(n) : undefined);
    if (at === undefined) throw new Error(`${n.kind} was not computed beforehand`);
    return { at, stride: n.plate ? eventSize(n.shape) * 8 : 0 };
  }

  /** What a broadcast repeats; the node itself when it was computed once, or is no broadcast. */
  #sourceOf(n: Node): Node {
    return n.kind === "broadcast" && this.#store.placed(n) === undefined ? n.inputs[0]! : n;
  }

  /** Writes `n` (a broadcast, or a static value over draws) to `out`, for `rows` rows (0: as many as the block has). */
  #emitBroadcast(builder: SegmentBuilder, n: Node, out: Operand, rows: number, into: Instruction[]): void {
    const source = this.#sourceOf(n);
    const dynamic = this.lowered.dynamic.has(source);
    const from = dynamic ? builder.read(this, source) : this.#staticAt(source);
    const lanes = dynamic ? this.#draws : 1;
    const events = eventSize(n.shape);
    const sourceEvents = eventSize(source.shape);
    const rowStep = source.plate ? sourceEvents * lanes : 0;
    const eventStep = sourceEvents === events && events > 1 ? lanes : 0;
    // [event][draw] with draws that vary (1) or repeat (0); merged into one run of lanes where it is contiguous or constant.
    let shape = { events, eventStep, lanes: this.#draws, varies: dynamic && this.#draws > 1 ? 1 : 0 };
    if (this.#draws === 1) shape = { events: 1, eventStep: 0, lanes: events, varies: eventStep ? 1 : 0 };
    else if (shape.varies && eventStep) shape = { events: 1, eventStep: 0, lanes: events * this.#draws, varies: 1 };
    else if (!shape.varies && !eventStep) shape = { events: 1, eventStep: 0, lanes: events * this.#draws, varies: 0 };
    into.push({
      op: Op.Broadcast,
      perRow: events * this.#draws,
      operands: [
        from,
        immediate(rows),
        immediate(rowStep),
        immediate(shape.events),
        immediate(shape.eventStep),
        immediate(shape.lanes),
        immediate(shape.varies),
        out,
      ],
    });
  }

  /** Where a segment finds the value of `n` as [row][event][draw]. */
  operand(builder: SegmentBuilder, n: Node): Operand {
    if (this.lowered.dynamic.has(n) && n.kind !== "broadcast") {
      const local = builder.locals.get(n);
      if (local) return builder.touch(local);
      if (n.kind === "latent" && n.plate?.subsampled) return this.#batchLatent(builder, n);
      return this.#fullOf(n);
    }
    const known = builder.adapted.get(n);
    if (known) return "buffer" in known ? builder.touch(known.buffer) : known;
    const w = width(n, this.#draws);
    const source = this.#sourceOf(n);
    const dynamic = this.lowered.dynamic.has(source);
    let adapted: Operand;
    if (source === n && this.#draws === 1) {
      adapted = this.#staticAt(n);
      if (n.plate) builder.stream(w);
    } else if (!dynamic && !n.plate) adapted = this.#once(n, 1);
    else if (!source.plate && n.plate) {
      // The same for every row: one block's worth, filled before the rows are visited (a constant: once and for all).
      const buffer = builder.buffer(w, true);
      adapted = { buffer };
      builder.fills.push({ node: n, buffer, constant: !dynamic });
    } else if (!dynamic && !n.plate?.subsampled && paddedRows(n.plate) * w <= SPREAD_DOUBLES) {
      adapted = this.#once(n, paddedRows(n.plate));
      builder.stream(w);
    } else {
      const buffer = builder.buffer(w, false);
      adapted = { buffer };
      this.#emitBroadcast(builder, n, adapted, 0, builder.body);
    }
    builder.adapted.set(n, adapted);
    return adapted;
  }

  /** A value that no latent reaches, over draws: computed when the program is made. */
  #once(n: Node, rows: number): { at: number; stride: number } {
    let spread = this.#spread.get(n);
    if (!spread) {
      const w = width(n, this.#draws);
      spread = { at: this.program.scope.doubles(rows * w), stride: n.plate ? w * 8 : 0 };
      this.#emitBroadcast(new SegmentBuilder(null), n, spread, rows, this.#setup);
      this.#spread.set(n, spread);
    }
    return spread;
  }

  /** Latents of a subsampled plate, in the order of its rows in memory. */
  #batchLatent(builder: SegmentBuilder, n: Node): Operand {
    const w = width(n, this.#draws);
    const theta = i32(this.program.pointer, 3)[2]!;
    const buffer = builder.buffer(w, false);
    builder.locals.set(n, buffer);
    builder.emit(Op.Gather, w, [
      { at: theta + n.position * this.#draws * 8, stride: 0 },
      { at: this.#store.orderIndex(n.plate!), stride: 4 },
      immediate(w),
      { buffer },
    ]);
    return { buffer };
  }

  #segment(segment: Segment): Code {
    const builder = new SegmentBuilder(segment.plate);
    const inside = new Set(segment.nodes);
    const uses = new Map<Node, Node[]>();
    for (const n of segment.nodes)
      if (n.kind === "output") uses.set(n.inputs[0]!, [...(uses.get(n.inputs[0]!) ?? []), n]);
    for (const n of segment.nodes) this.#node(builder, n, uses.get(n) ?? [], inside);
    return this.#place(builder, segment);
  }

  /** Where `n` writes: a full array when it is read elsewhere, else a buffer. */
  #result(builder: SegmentBuilder, n: Node): Operand {
    if (this.#crossing.has(n) || !n.plate) return this.#fullOf(n);
    const w = width(n, this.#draws);
    const buffer = builder.buffer(w, false);
    builder.locals.set(n, buffer);
    return { buffer };
  }

  #node(builder: SegmentBuilder, n: Node, outputs: readonly Node[], inside: ReadonlySet<Node>): void {
    const S = this.#draws;
    const w = width(n, S);
    const x = n.inputs[0]!;
    switch (n.kind) {
      case "map": {
        if ((n.opcode === Op.MulAdd || n.opcode === Op.MulSub) && this.#byRows(builder, n)) return;
        const inputs = n.inputs.map((i) => this.operand(builder, i));
        builder.emit(n.opcode, w, [...inputs, this.#result(builder, n)]);
        return;
      }
      case "density": {
        const inputs = n.inputs.map((i) => this.operand(builder, i));
        const call = n.density!;
        const results: Operand[] = call.outputShapes.map((shape, i) => {
          const out = outputs.find((o) => o.position === i);
          if (out) {
            if (!inside.has(out)) throw new Error("a density and its results must share a segment");
            return this.#result(builder, out);
          }
          if (i > 0) return immediate(0);
          return { buffer: builder.buffer(eventSize(shape) * S, false) };
        });
        const sizes = call.eventSize ? [immediate(call.eventSize), immediate(S)] : [];
        builder.emit(n.opcode, w, [...inputs, ...sizes, ...results]);
        return;
      }
      case "output":
        return; // written by its density
      case "sumRows": {
        const accumulator = builder.accumulator(this.program, 4 * w);
        const inputs = n.inputs.map((i) => this.operand(builder, i));
        builder.emit(n.opcode || Op.SumRows, w, [...inputs, immediate(w), accumulator]);
        builder.epilogue.push({ op: Op.Fold, perRow: w, operands: [accumulator, immediate(w), this.#fullOf(n)] });
        return;
      }
      case "scatterAdd": {
        const full = this.#fullOf(n);
        const m = width(x, S);
        // Not the padding: the array may be a part of the gradient.
        builder.zero(full.at, (n.plate?.size ?? 1) * w);
        builder.emit(Op.ScatterAdd, m, [
          this.operand(builder, x),
          { at: this.#store.index(n.index!, x.plate!), stride: 4 },
          immediate(m),
          { at: full.at, stride: 0 },
        ]);
        return;
      }
      case "gather": {
        const source =
          this.lowered.dynamic.has(x) && x.kind !== "broadcast" ? this.#fullOf(x) : this.#wholeStatic(builder, x);
        builder.emit(Op.Gather, w, [
          { at: source.at, stride: 0 },
          { at: this.#store.index(n.index!, n.plate!), stride: 4 },
          immediate(w),
          this.#result(builder, n),
        ]);
        return;
      }
      case "matVec": {
        const lanes = w;
        const columns = eventSize(x.shape);
        const beta = this.operand(builder, n.inputs[1]!);
        builder.stream(columns);
        builder.emit(Op.MatVec, w, [
          { at: this.#store.tiles(x), stride: columns * 8 },
          beta,
          immediate(columns),
          immediate(lanes),
          this.#result(builder, n),
        ]);
        return;
      }
      case "matVecTransposed": {
        const columns = eventSize(x.shape);
        const lanes = w / columns;
        const accumulator = builder.accumulator(this.program, 2 * w);
        builder.emit(Op.MatVecTransposed, lanes, [
          { at: this.#store.tiles(x), stride: columns * 8 },
          this.operand(builder, n.inputs[1]!),
          immediate(columns),
          immediate(lanes),
          accumulator,
        ]);
        builder.epilogue.push({
          op: Op.FoldPairs,
          perRow: w,
          operands: [accumulator, immediate(columns), immediate(lanes), this.#fullOf(n)],
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
        builder.emit(op, w, [
          ...n.inputs.map((i) => this.operand(builder, i)),
          immediate(eventSize(x.shape)),
          immediate(S),
          this.#result(builder, n),
        ]);
        return;
      }
      case "concat": {
        const parts = n.inputs.map((i) => this.operand(builder, i));
        const out = this.#result(builder, n);
        let offset = 0;
        n.inputs.forEach((part, i) => {
          const size = width(part, S);
          builder.emit(Op.SetSlice, w, [parts[i]!, immediate(size), immediate(w), immediate(offset), out]);
          offset += size;
        });
        return;
      }
      case "slice":
        builder.emit(Op.GetSlice, w, [
          this.operand(builder, x),
          immediate(w),
          immediate(width(x, S)),
          immediate(n.position * S),
          this.#result(builder, n),
        ]);
        return;
      default:
        throw new Error(`${n.kind} cannot be encoded`);
    }
  }

  /** a·b ± c in a plate, where something is the same for all rows and need not be repeated for it: false where nothing is. */
  #byRows(builder: SegmentBuilder, n: Node): boolean {
    const w = width(n, this.#draws);
    if (!n.plate || w & 1 || this.#draws === 1) return false;
    const rowOf = (x: Node): Node | undefined => {
      const source = this.#sourceOf(x);
      const same = !source.plate && this.lowered.dynamic.has(source) && eventSize(source.shape) === eventSize(x.shape);
      return same ? source : undefined;
    };
    const [p, q, c] = n.inputs as [Node, Node, Node];
    const [a, b] = rowOf(p) ? [q, p] : [p, q];
    if (rowOf(a) || !(rowOf(b) || rowOf(c))) return false;
    const flags = (rowOf(b) ? 1 : 0) | (rowOf(c) ? 2 : 0) | (n.opcode === Op.MulSub ? 4 : 0);
    const inputs = [a, b, c].map((x) => this.operand(builder, rowOf(x) ?? x));
    builder.emit(Op.MulAddRows, w, [...inputs, immediate(flags), immediate(w), this.#result(builder, n)]);
    return true;
  }

  /** The whole of a static value, over draws. */
  #wholeStatic(builder: SegmentBuilder, n: Node): { at: number } {
    if (this.#draws === 1 && n.kind !== "broadcast") return this.#staticAt(n);
    if (!n.plate) {
      const operand = this.operand(builder, n);
      if ("at" in operand) return operand;
    }
    const at = this.program.scope.doubles(paddedRows(n.plate) * width(n, this.#draws));
    this.#emitBroadcast(builder, n, { at, stride: 0 }, paddedRows(n.plate), this.#setup);
    return { at };
  }

  /** Chooses the block and places its buffers: a buffer is free again after the last instruction that touches it. */
  #place(builder: SegmentBuilder, segment: Segment): Code {
    const pools = new Map<number, number[]>();
    const slots: number[] = [];
    const assignment = new Map<Buffer, number>();
    const ends = new Map<number, Buffer[]>();
    // Buffers that outlive the block come first, so that none of them takes a slot that earlier blocks' values lie in.
    for (const b of [...builder.buffers].sort((a, c) => a.first - c.first)) {
      const pool = pools.get(b.doublesPerRow) ?? [];
      pools.set(b.doublesPerRow, pool);
      for (const [end, dead] of ends)
        if (end < b.first) {
          for (const d of dead) pools.get(d.doublesPerRow)!.push(assignment.get(d)!);
          ends.delete(end);
        }
      let slot = pool.pop();
      if (slot === undefined) slot = slots.push(b.doublesPerRow) - 1;
      assignment.set(b, slot);
      ends.set(b.last, [...(ends.get(b.last) ?? []), b]);
    }
    const plate = segment.plate;
    const perRow = slots.reduce((a, b) => a + b, 0) + builder.streamed;
    const most = plate ? (plate.subsampled ? plate.batchSize : plate.size) : 1;
    const fit = this.options.blockRows ?? Math.min(MAX_BLOCK_ROWS, Math.floor(BLOCK_BYTES / Math.max(8, perRow * 8)));
    const block = plate ? Math.min((most + 7) & ~7, Math.max(8, fit & ~7)) : 1;
    const addresses = slots.map((doubles) => this.program.scope.doubles(doubles * block));
    for (const b of builder.buffers) b.at = addresses[assignment.get(b)!]!;
    if (plate && most <= block) sumAtOnce(builder);
    const code: Code = { plate, block, prologue: builder.prologue, body: builder.body, epilogue: builder.epilogue };
    for (const { node, buffer, constant } of builder.fills)
      this.#emitBroadcast(
        constant ? new SegmentBuilder(null) : builder,
        node,
        { at: buffer.at, stride: 0 },
        block,
        constant ? this.#setup : code.prologue,
      );
    return code;
  }

  #write(code: readonly Code[]): void {
    const { program } = this;
    const resolve = (o: Operand): [number, number] =>
      "immediate" in o ? [o.immediate, 0] : "buffer" in o ? [o.buffer.at, 0] : [o.at, o.stride];
    const words: number[] = [];
    let most = 1;
    const run = (list: readonly Instruction[], title: string): [number, number] => {
      const start = words.length;
      for (const { op, perRow, operands } of list) {
        const resolved = operands.map(resolve);
        most = Math.max(most, operands.length);
        words.push(op, perRow, operands.length, ...resolved.map((r) => r[0]), ...resolved.map((r) => r[1]));
        this.#listing.push(`${title} ${op} n=${perRow}r ${resolved.map(([a, s]) => (s ? `${a}+${s}r` : a)).join(" ")}`);
      }
      return [start, words.length];
    };
    const table = code.map((c) => {
      const title = c.plate ? `plate ${c.plate.name} (${c.block} rows)` : "outside plates";
      return {
        c,
        prologue: run(c.prologue, `${title}, first:`),
        body: run(c.body, `${title}:`),
        epilogue: run(c.epilogue, `${title}, last:`),
      };
    });
    const code0 = program.scope.bytes(Math.max(4, words.length * 4));
    const segments = program.scope.bytes(Math.max(32, table.length * 32));
    const scratch = program.scope.bytes(most * 4);
    const plates = table.map(({ c }) => this.#plate(c.plate));
    i32(code0, words.length).set(words);
    const view = i32(segments, table.length * 8);
    table.forEach(({ c, prologue, body, epilogue }, i) => {
      view.set([plates[i]!, c.block, ...[prologue, body, epilogue].flat().map((w) => code0 + w * 4)], i * 8);
    });
    const batched = [...this.#plates].filter(([p]) => p.subsampled);
    const batchTable = program.scope.bytes(Math.max(20, batched.length * 20));
    i32(batchTable, batched.length * 5).set(
      batched.flatMap(([p, pointer]) => [pointer, p.batches, p.batchSize, batchRows(p, 1).first, p.size]),
    );
    i32(program.pointer, 10).set([segments, table.length, scratch, batchTable, batched.length], 5);
  }
}

/** Where one block has all rows, zeroing an accumulator, adding the block and folding are one instruction. */
function sumAtOnce(builder: SegmentBuilder): void {
  const address = (i: Instruction, k: number): number => (i.operands[k] as { at: number }).at;
  const results = new Map<number, Operand>();
  for (const i of builder.epilogue) if (i.op === Op.Fold) results.set(address(i, 0), i.operands[2]!);
  builder.body.forEach((i, k) => {
    if (i.op !== Op.SumRows && i.op !== Op.SumProducts) return;
    const last = i.operands.length - 1;
    const operands = [...i.operands.slice(0, last), results.get(address(i, last))!];
    builder.body[k] = { ...i, op: i.op === Op.SumRows ? Op.Total : Op.TotalProducts, operands };
  });
  const drop = (list: Instruction[], op: Op): void => {
    const kept = list.filter((i) => !(i.op === op && results.has(address(i, 0))));
    list.splice(0, list.length, ...kept);
  };
  drop(builder.prologue, Op.Zero);
  drop(builder.epilogue, Op.Fold);
}

interface Code {
  readonly plate: Plate | null;
  readonly block: number;
  readonly prologue: Instruction[];
  readonly body: Instruction[];
  readonly epilogue: Instruction[];
}

/** What accumulates while a segment is encoded. */
class SegmentBuilder {
  readonly prologue: Instruction[] = [];
  readonly body: Instruction[] = [];
  readonly epilogue: Instruction[] = [];
  readonly buffers: Buffer[] = [];
  readonly locals = new Map<Node, Buffer>();
  readonly adapted = new Map<Node, Operand>();
  readonly fills: { node: Node; buffer: Buffer; constant: boolean }[] = [];
  streamed = 0;

  constructor(readonly plate: Plate | null) {}

  read(encoder: Encoder, n: Node): Operand {
    return encoder.operand(this, n);
  }

  buffer(doublesPerRow: number, lasting: boolean): Buffer {
    const b: Buffer = {
      doublesPerRow,
      first: lasting ? -1 : this.body.length,
      last: lasting ? Number.POSITIVE_INFINITY : this.body.length,
      at: 0,
    };
    this.buffers.push(b);
    return b;
  }

  touch(b: Buffer): Operand {
    b.last = Math.max(b.last, this.body.length);
    return { buffer: b };
  }

  emit(op: Op, perRow: number, operands: readonly Operand[]): void {
    for (const o of operands) if ("buffer" in o) this.touch(o.buffer);
    this.body.push({ op, perRow, operands });
  }

  /** Counts data that a block reads straight from memory, in doubles per row. */
  stream(doublesPerRow: number): void {
    this.streamed += doublesPerRow;
  }

  /** An array that rows are added to: zeroed before the first block. */
  accumulator(program: Program, doubles: number): Operand {
    const at = program.scope.doubles(doubles);
    this.zero(at, doubles);
    return { at, stride: 0 };
  }

  zero(at: number, count: number): void {
    this.prologue.push({ op: Op.Zero, perRow: 1, operands: [{ at, stride: 0 }, immediate(count)] });
  }
}

/** Makes a program of lowered segments for a number of draws. Constants and data must be in the store (statics placed). */
export function encode(lowered: Lowered, options: EncodeOptions): Encoded {
  return new Encoder(lowered, options).encode();
}
