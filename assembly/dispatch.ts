// One entry for every opcode: what the tape interpreter and the tests call.

import { runDensity } from "./density/dispatch";
import { normal } from "./density/normal";
import { add3, addMap, mulAdd, mulMap, runMap } from "./maps";
import { Op } from "./opcodes";
import { broadcast, fold, mulAddRows, runStructure, sumEvent, sumRows, total, totalProducts } from "./structure";

export function dispatch(op: i32, rows: i32, n: i32, a: usize): void {
  // The most frequent instructions of small models, by one jump instead of two.
  switch (op) {
    case Op.Broadcast: return broadcast(rows, a);
    case Op.SumRows: return sumRows(rows, a);
    case Op.Total: return total(rows, a);
    case Op.Fold: return fold(a);
    case Op.TotalProducts: return totalProducts(rows, a);
    case Op.MulAddRows: return mulAddRows(rows, a);
    case Op.SumEvent: return sumEvent(rows, a);
    case Op.Add: return addMap(n, a);
    case Op.Mul: return mulMap(n, a);
    case Op.Add3: return add3(n, a);
    case Op.MulAdd: return mulAdd(n, a);
    case Op.Normal: return normal(n, a);
  }
  if (op < 64) runStructure(op, rows, n, a);
  else if (op < 128) runMap(op, rows, n, a);
  else runDensity(op, rows, n, a);
}
