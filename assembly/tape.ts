// The virtual machine. A program is segments; a segment is straight-line code over the rows of one plate (or over one row,
// outside plates), run in blocks: prologue once, body once per block, epilogue once. An instruction is words
// [opcode, doubles per row, operands, address × operands, bytes per row × operands]; the address of an operand in a block is
// its address plus the block's first row times its bytes per row. There are no branches, and nothing here knows a shape.

import { normal } from "./density/normal";
import { dispatch } from "./dispatch";
import { add3, addMap, mulAdd, mulMap, subMap } from "./maps";
import { NestedState } from "./nested-state";
import { nestedBackward, nestedForward } from "./nested-map";
import { Op } from "./opcodes";
import { fillBits } from "./random";
import { broadcast, mulAddRows, sumEvent, sumEventOnto, sumEventProducts, sumRows, total, totalProducts } from "./structure";

/** Runs the instructions from `ip` to `end` on `rows` rows, the first of them number `row` of the plate. */
function runCode(ip: usize, end: usize, rows: i32, row: i32, scratch: usize): void {
  while (ip < end) {
    const operands = <usize>load<u32>(ip, 8);
    let a = ip + 12;
    const strides = a + (operands << 2);
    const next = strides + (operands << 2);
    if (row) {
      let to = scratch;
      for (let p = a; p < strides; p += 4) {
        store<u32>(to, load<u32>(p) + <u32>row * load<u32>(p + (operands << 2)));
        to += 4;
      }
      a = scratch;
    }
    const op = load<i32>(ip);
    const n = rows * load<i32>(ip, 4);
    ip = next;
    // The most frequent instructions of small models stand here: a call less for each, and a jump less.
    switch (op) {
      case Op.Broadcast: broadcast(rows, a); break;
      case Op.SumRows: sumRows(rows, a); break;
      case Op.Total: total(rows, a); break;
      case Op.TotalProducts: totalProducts(rows, a); break;
      case Op.MulAddRows: mulAddRows(rows, a); break;
      case Op.SumEvent: sumEvent(rows, a); break;
      case Op.SumEventProducts: sumEventProducts(rows, a); break;
      case Op.SumEventOnto: sumEventOnto(rows, a); break;
      case Op.Add: addMap(n, a); break;
      case Op.Sub: subMap(n, a); break;
      case Op.Mul: mulMap(n, a); break;
      case Op.Add3: add3(n, a); break;
      case Op.MulAdd: mulAdd(n, a); break;
      case Op.Normal: normal(n, a); break;
      default: dispatch(op, rows, n, a);
    }
  }
}

/** Log density and gradient of every draw of a program (header: src/core/program.ts). */
export function evaluate(program: usize): void {
  const map = <usize>load<u32>(program, 40);
  if (map) {
    nestedForward(map, program);
    evaluate(<usize>load<u32>(map, NestedState.inner));
    nestedBackward(map, program);
    return;
  }
  let segment = <usize>load<u32>(program, 20);
  const end = segment + <usize>load<u32>(program, 24) * 32;
  const scratch = <usize>load<u32>(program, 28);
  for (; segment < end; segment += 32) {
    // [plate: 0 or the address of (first row, rows)] [rows in a block] then (start, end) of prologue, body, epilogue
    const plate = <usize>load<u32>(segment);
    const block = load<i32>(segment, 4);
    const first = plate ? load<i32>(plate) : 0;
    const last = plate ? first + load<i32>(plate, 4) : 1;
    if (load<u32>(segment, 8) != load<u32>(segment, 12))
      runCode(load<u32>(segment, 8), load<u32>(segment, 12), block, 0, scratch);
    const body = <usize>load<u32>(segment, 16);
    const bodyEnd = <usize>load<u32>(segment, 20);
    for (let row = first; row < last; row += block) runCode(body, bodyEnd, min(block, last - row), row, scratch);
    if (load<u32>(segment, 24) != load<u32>(segment, 28))
      runCode(load<u32>(segment, 24), load<u32>(segment, 28), 1, 0, scratch);
  }
}

/** Chooses the batch that the `k`-th subsampled plate of a program evaluates. */
export function selectBatch(program: usize, k: i32, batch: i32): void {
  // [address of (first row, rows)] [batches] [rows in a batch] [rows in memory per batch] [rows in all]
  const entry = <usize>load<u32>(program, 32) + <usize>k * 20;
  const rows = <usize>load<u32>(entry);
  store<i32>(rows, batch * load<i32>(entry, 12));
  store<i32>(rows, min(load<i32>(entry, 8), load<i32>(entry, 16) - batch * load<i32>(entry, 8)), 4);
}

/** The random stream of batch numbers; the draws of a fit use others. */
const BATCHES: u32 = 0x0ba7c4;
const word = memory.data(16, 16);

/** Chooses a random batch for every subsampled plate: a pure function of seed and step, the same on every engine. */
export function drawBatches(program: usize, seedLow: u32, seedHigh: u32, step: u32): void {
  const plates = load<u32>(program, 36);
  for (let k: u32 = 0; k < plates; k++) {
    fillBits(seedLow, seedHigh, BATCHES, step, 1, 1, word, 0, k);
    const batches = <u64>load<u32>(<usize>load<u32>(program, 32) + <usize>k * 20, 4);
    selectBatch(program, k, <i32>((<u64>load<u32>(word) * batches) >> 32));
  }
}
