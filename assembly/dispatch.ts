// One entry for every opcode: what the tests call, and the tape interpreter for the instructions that it does not know itself.

import { runDensity } from "./density/dispatch";
import { runMap } from "./maps";
import { runStructure } from "./structure";

export function dispatch(op: i32, rows: i32, n: i32, a: usize): void {
  if (op < 64) runStructure(op, rows, n, a);
  else if (op < 128) runMap(op, rows, n, a);
  else runDensity(op, rows, n, a);
}
