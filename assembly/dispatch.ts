// One entry for every opcode: what the tape interpreter and the tests call.

import { runMap } from "./maps";
import { runStructure } from "./structure";

export function dispatch(op: i32, rows: i32, n: i32, a: usize): void {
  if (op < 64) runStructure(op, rows, n, a);
  else runMap(op, rows, n, a);
}
