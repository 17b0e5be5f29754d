// Checks of parameters' shapes that vector and matrix families share: messages open with the label of the constructor.

import type { Node } from "../../compile/node.js";

export function vector(label: string, node: Node, least = 1): void {
  if (node.shape.length !== 1 || node.shape[0]! < least)
    throw new TypeError(
      `${label}: expected a vector${least > 1 ? ` of at least ${least} elements` : ""}, got shape [${node.shape.join(", ")}]`,
    );
}

export function scalar(label: string, node: Node): void {
  if (node.shape.length) throw new TypeError(`${label}: expected a number, got shape [${node.shape.join(", ")}]`);
}

/** Probabilities that are numbers must add up to 1. */
export function probabilities(label: string, node: Node, least: number): void {
  vector(label, node, least);
  const total = node.values?.reduce((a, b) => a + b, 0) ?? 1;
  if (!(Math.abs(total - 1) < 1e-9)) throw new RangeError(`${label}: expected numbers that add up to 1, got ${total}`);
}

/** A matrix that fits the vector, a Cholesky factor where `what` says so. */
export function factor(label: string, name: string, loc: Node, matrix: Node): void {
  vector(`${label}: loc`, loc);
  square(label, name, matrix, loc.shape[0]!);
}

export function square(label: string, name: string, matrix: Node, k: number): void {
  if (matrix.shape.length !== 2 || matrix.shape.some((d) => d !== k))
    throw new RangeError(`${label}: ${name}: expected shape [${k}, ${k}], got [${matrix.shape.join(", ")}]`);
  const { values } = matrix;
  for (let i = 0; values && i < k; i++)
    if (!(values[i * k + i]! > 0))
      throw new RangeError(
        `${label}: ${name}[${i}][${i}]: expected a positive number (a Cholesky factor), got ${values[i * k + i]}`,
      );
}
