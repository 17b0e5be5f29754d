// Graph arithmetic on nodes and plain numbers: what adjoint rules, density rules and the modelling language build expressions
// with. Each constructor simplifies what is exact or better conditioned to leave out (x·1, x + 0, log(exp(u))); constants outside
// plates are folded only for + − × ÷ and sqrt, which are correctly rounded everywhere, so that no host function enters a fit.

import { Op } from "../../assembly/opcodes.js";
import { constant, map, type Node } from "./node.js";

export type Operand = Node | number;

export const toNode = (x: Operand): Node => (typeof x === "number" ? constant(x) : x);

/** The number a node stands for, when it is a constant scalar. */
export const numberOf = (x: Operand): number | undefined =>
  typeof x === "number" ? x : x.kind === "constant" && !x.plate && !x.shape.length ? x.values?.[0] : undefined;

/** Input `i` of a map with this opcode, else nothing: how the simplifications look through a node. */
const under = (x: Node, opcode: Op, i = 0): Node | undefined =>
  x.kind === "map" && x.opcode === opcode ? x.inputs[i] : undefined;

/** Whether multiplying by 1/c is exactly dividing by c: a power of two (no mantissa bits) whose inverse is finite. */
const isPowerOfTwo = (c: number): boolean =>
  Number.isFinite(1 / c) &&
  c !== 0 &&
  new Uint8Array(Float64Array.of(c).buffer).subarray(0, 6).every((b) => !b) &&
  (new Uint8Array(Float64Array.of(c).buffer)[6]! & 15) === 0;

const unary =
  (opcode: Op) =>
  (x: Operand): Node =>
    map(opcode, [toNode(x)]);
const binary =
  (opcode: Op) =>
  (x: Operand, y: Operand): Node =>
    map(opcode, [toNode(x), toNode(y)]);

export function neg(x: Operand): Node {
  const c = numberOf(x);
  if (c !== undefined) return constant(-c);
  const node = x as Node;
  const inner = under(node, Op.Neg);
  if (inner) return inner;
  const left = under(node, Op.Sub);
  return left ? map(Op.Sub, [under(node, Op.Sub, 1)!, left]) : map(Op.Neg, [node]);
}

export function add(x: Operand, y: Operand): Node {
  const a = numberOf(x);
  const b = numberOf(y);
  if (a !== undefined && b !== undefined) return constant(a + b);
  if (a === 0) return toNode(y);
  if (b === 0) return toNode(x);
  const left = toNode(x);
  const right = toNode(y);
  const minusRight = under(right, Op.Neg);
  if (minusRight) return map(Op.Sub, [left, minusRight]);
  const minusLeft = under(left, Op.Neg);
  return minusLeft ? map(Op.Sub, [right, minusLeft]) : map(Op.Add, [left, right]);
}

/** The sum of all terms, added from the left. */
export const sum = (...terms: readonly Operand[]): Node => terms.slice(1).reduce<Node>(add, toNode(terms[0] ?? 0));

export function sub(x: Operand, y: Operand): Node {
  const a = numberOf(x);
  const b = numberOf(y);
  if (a !== undefined && b !== undefined) return constant(a - b);
  if (b === 0) return toNode(x);
  if (a === 0) return neg(y);
  const minusRight = under(toNode(y), Op.Neg);
  return minusRight ? add(x, minusRight) : map(Op.Sub, [toNode(x), toNode(y)]);
}

export function mul(x: Operand, y: Operand): Node {
  const a = numberOf(x);
  const b = numberOf(y);
  if (a !== undefined && b !== undefined) return constant(a * b);
  if (a === 1) return toNode(y);
  if (b === 1) return toNode(x);
  if (a === -1) return neg(y);
  if (b === -1) return neg(x);
  return map(Op.Mul, [toNode(x), toNode(y)]);
}

export function div(x: Operand, y: Operand): Node {
  const a = numberOf(x);
  const b = numberOf(y);
  if (a !== undefined && b !== undefined) return constant(a / b);
  if (b !== undefined && isPowerOfTwo(b)) return mul(x, 1 / b);
  if (a === 1) return reciprocal(y);
  const inverse = under(toNode(y), Op.Reciprocal);
  return inverse ? mul(x, inverse) : map(Op.Div, [toNode(x), toNode(y)]);
}

export function reciprocal(x: Operand): Node {
  const c = numberOf(x);
  if (c !== undefined) return constant(1 / c);
  const node = x as Node;
  return under(node, Op.Reciprocal) ?? map(Op.Reciprocal, [node]);
}

/** log x, taken apart where x was built by exp, sigmoid, sqrt or a reciprocal: more exact and cheaper. */
export function log(x: Operand): Node {
  if (numberOf(x) === 1) return constant(0);
  const node = toNode(x);
  const exponent = under(node, Op.Exp);
  if (exponent) return exponent;
  const logit = under(node, Op.Sigmoid);
  if (logit) return logSigmoid(logit);
  const inverse = under(node, Op.Reciprocal);
  if (inverse) return neg(log(inverse));
  const square = under(node, Op.Sqrt);
  return square ? mul(0.5, log(square)) : map(Op.Log, [node]);
}

/** log(1 + x); log1p(−sigmoid(u)) is log sigmoid(−u), and log1p(exp(u)) is softplus(u). */
export function log1p(x: Operand): Node {
  if (numberOf(x) === 0) return constant(0);
  const node = toNode(x);
  const minus = under(node, Op.Neg);
  const logit = minus && under(minus, Op.Sigmoid);
  if (logit) return logSigmoid(neg(logit));
  const exponent = under(node, Op.Exp);
  return exponent ? softplus(exponent) : map(Op.Log1p, [node]);
}

export function exp(x: Operand): Node {
  return numberOf(x) === 0 ? constant(1) : map(Op.Exp, [toNode(x)]);
}

export function sqrt(x: Operand): Node {
  const c = numberOf(x);
  if (c !== undefined) return constant(Math.sqrt(c)); // exactly rounded by the standard, unlike every other Math function
  const node = x as Node;
  const root = under(node, Op.Square);
  return root ? abs(root) : map(Op.Sqrt, [node]);
}

export function square(x: Operand): Node {
  const c = numberOf(x);
  return c === undefined ? map(Op.Square, [x as Node]) : constant(c * c);
}

export function abs(x: Operand): Node {
  const c = numberOf(x);
  return c === undefined ? map(Op.Abs, [x as Node]) : constant(Math.abs(c));
}

export function sign(x: Operand): Node {
  const c = numberOf(x);
  return c === undefined ? map(Op.Sign, [x as Node]) : constant(Math.sign(c));
}

export const expm1 = unary(Op.Expm1);
export const sigmoid = unary(Op.Sigmoid);
export const softplus = unary(Op.Softplus);
export const logSigmoid = unary(Op.LogSigmoid);
export const tanh = unary(Op.Tanh);
export const sin = unary(Op.Sin);
export const cos = unary(Op.Cos);
export const erf = unary(Op.Erf);
export const erfc = unary(Op.Erfc);
export const erfcx = unary(Op.Erfcx);
export const ndtr = unary(Op.Ndtr);
export const logNdtr = unary(Op.LogNdtr);
export const ndtri = unary(Op.Ndtri);
export const lgamma = unary(Op.Lgamma);
export const digamma = unary(Op.Digamma);
export const trigamma = unary(Op.Trigamma);

export const pow = binary(Op.Pow);
export const min = binary(Op.Min);
export const max = binary(Op.Max);
export const logAddExp = binary(Op.LogAddExp);
export const lbeta = binary(Op.Lbeta);
/** 1 where x < y, else 0. */
export const less = binary(Op.Less);
