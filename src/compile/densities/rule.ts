// How the density rules are written down: a family's kernel inputs and addend as functions of its named arguments, and the pieces of
// graph arithmetic that several families share. The kernels (assembly/density) hold the other half of each formula.

import type { Op } from "../../../assembly/opcodes.js";
import { add, lbeta, lgamma, log, max, min, neg, sub } from "../arithmetic.js";
import type { DensityRule } from "../density.js";
import type { Node } from "../node.js";

export const HALF_LOG_2PI = 0.9189385332046727;
export const LOG_2 = Math.LN2;
export const LOG_PI = 1.1447298858494002;

/** A univariate family. `differentiable` lists argument positions in the order of the kernel's partials. */
export function univariate(
  family: string,
  opcode: Op,
  argNames: readonly string[],
  differentiable: readonly number[],
  inputs: (...args: Node[]) => readonly Node[],
  addend?: (...args: Node[]) => Node,
): DensityRule {
  return {
    family,
    opcode,
    argNames,
    differentiable,
    inputs: (args) => inputs(...args),
    ...(addend && { addend: (args) => addend(...args) }),
  };
}

/** k, and 0 for a negative one, where the kernel answers −Infinity: keeps lgamma within its domain. */
const count = (k: Node): Node => max(k, 0);

/** −log k! */
export const minusLogFactorial = (k: Node): Node => neg(lgamma(add(count(k), 1)));

/** log of (n choose k), without the cancellation of three lgamma; some finite number where k is off 0…n. */
export function logChoose(n: Node, k: Node): Node {
  const inside = min(count(k), n);
  return neg(add(log(add(n, 1)), lbeta(add(sub(n, inside), 1), add(inside, 1))));
}

/** log of (k + φ − 1 choose k) for real φ. */
export const logMultisets = (k: Node, phi: Node): Node =>
  neg(add(lbeta(phi, add(count(k), 1)), log(add(count(k), phi))));
