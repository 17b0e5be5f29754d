// What the user calculates with: expressions over latents and data, one value per row of a plate. They build graph nodes and
// check shapes; nothing is computed here.

import * as g from "../compile/arithmetic.js";
import type { Node, Plate } from "../compile/node.js";
import * as n from "../compile/node.js";
import { integer, typeError } from "../errors.js";
import { PartialData, toTable } from "./data.js";

/** Anything that can stand where a value is wanted. */
export type Value = Expression | number | ArrayLike<number> | readonly ArrayLike<number>[];

/** For each row of a plate, a row of another plate (or an element of a vector outside plates). */
export class PlateIndex {
  constructor(
    readonly plate: Plate,
    readonly values: Int32Array,
    /** The plate that is pointed into; null for a vector outside plates. */
    readonly into: Plate | null,
    /** Number of rows (or elements) that are pointed into. */
    readonly limit: number,
  ) {}
}

/** A value of the model: a scalar, vector or matrix, one per row when it lives in a plate. Immutable. */
export class Expression {
  constructor(
    /** For the compiler. */
    readonly node: Node,
  ) {}

  /** The shape of one value: [] for a scalar. Rows of a plate do not count. */
  get shape(): readonly number[] {
    return this.node.shape;
  }

  /** This plus x. */
  add(x: Value): Expression {
    return new Expression(g.add(this.node, nodeOf(x, "add")));
  }
  /** This minus x. */
  sub(x: Value): Expression {
    return new Expression(g.sub(this.node, nodeOf(x, "sub")));
  }
  /** This times x, element by element. */
  mul(x: Value): Expression {
    return new Expression(g.mul(this.node, nodeOf(x, "mul")));
  }
  /** This divided by x. */
  div(x: Value): Expression {
    return new Expression(g.div(this.node, nodeOf(x, "div")));
  }
  /** This to the power x; this ≥ 0. */
  pow(x: Value): Expression {
    return pow(this, x);
  }
  /** Minus this. */
  neg(): Expression {
    return new Expression(g.neg(this.node));
  }
  /** e to the power of this. */
  exp(): Expression {
    return exp(this);
  }
  /** Natural logarithm. */
  log(): Expression {
    return log(this);
  }
  /** Square root. */
  sqrt(): Expression {
    return sqrt(this);
  }
  /** This times itself. */
  square(): Expression {
    return square(this);
  }
  /** Sum over the elements of a vector or matrix; a scalar stays as it is. */
  sum(): Expression {
    return sum(this);
  }
  /** Inner product with a vector of the same length; with data rows on either side, X·β. */
  dot(x: Value): Expression {
    return dot(this, x);
  }

  /** Sum over the rows of the plate this value lives in. */
  sumRows(): Expression {
    const { plate } = this.node;
    if (!plate) throw new TypeError("sumRows: expected a value in a plate, got one outside plates");
    if (plate.subsampled)
      throw new TypeError(
        `sumRows: plate "${plate.name}" is subsampled, so a batch does not have the sum; factor() adds up a value over all rows`,
      );
    return new Expression(n.sumRows(this.node));
  }

  /**
   * An element: `at(3)` of a vector, `at(1, 2)` of a matrix, `at(index)` the row of another plate (or the element of a vector
   * outside plates) that a plate's index names, one for each of its rows.
   */
  at(index: PlateIndex): Expression;
  at(...position: number[]): Expression;
  at(first: PlateIndex | number, ...rest: number[]): Expression {
    const { node } = this;
    if (first instanceof PlateIndex) {
      const rows = node.plate ? node.plate.size : node.shape[0];
      if (node.plate !== first.into)
        throw new TypeError(
          `at(index): the index points into ${first.into ? `plate "${first.into.name}"` : "a vector"}, the value is ${node.plate ? `in plate "${node.plate.name}"` : "outside plates"}`,
        );
      if (rows !== first.limit)
        throw new RangeError(`at(index): expected a vector of ${first.limit} elements, got ${rows ?? "a scalar"}`);
      if (node.plate?.subsampled)
        throw new TypeError(
          `at(index): plate "${node.plate.name}" is subsampled; only whole plates can be indexed into`,
        );
      return new Expression(n.gather(node, first.values, first.plate));
    }
    const position = [first, ...rest];
    if (position.length > node.shape.length || position.length === 0)
      throw new RangeError(`at(...): expected at most ${node.shape.length} positions, got ${position.length}`);
    let from = 0;
    position.forEach((p, k) => {
      integer(`at(...)[${k}]`, p, 0, node.shape[k]! - 1);
      from = from * node.shape[k]! + p;
    });
    const shape = node.shape.slice(position.length);
    return new Expression(n.slice(node, from * n.eventSize(shape), shape));
  }
}

/** A graph node for a value; `label` opens the message when it is none. */
export function nodeOf(value: unknown, label: string): Node {
  if (value instanceof Expression) return value.node;
  if (typeof value === "number") {
    if (Number.isNaN(value)) throw new RangeError(`${label}: expected a number, got NaN`);
    return n.constant(value);
  }
  if (value instanceof PartialData)
    throw new TypeError(
      `${label}: expected values, got data of which some may be missing; impute(name, distribution, data) returns them filled in`,
    );
  if (typeof value === "object" && value !== null) {
    const { values, shape } = toTable(label, value);
    return shape.length ? n.data(values, null, shape) : n.constant(values[0]!);
  }
  throw typeError(label, "a number, an array or a value of the model", value);
}

export const expressionOf = (value: Value, label: string): Expression => new Expression(nodeOf(value, label));

const unary =
  (name: string, f: (x: Node) => Node) =>
  (x: Value): Expression =>
    new Expression(f(nodeOf(x, name)));
const binary =
  (name: string, f: (x: Node, y: Node) => Node) =>
  (x: Value, y: Value): Expression =>
    new Expression(f(nodeOf(x, name), nodeOf(y, name)));

/** x + y, element by element; a scalar stands for all elements. */
export const add = binary("add", g.add);
/** x − y. */
export const sub = binary("sub", g.sub);
/** x · y, element by element. */
export const mul = binary("mul", g.mul);
/** x / y. */
export const div = binary("div", g.div);
/** x to the power y, x ≥ 0. */
export const pow = binary("pow", g.pow);
/** −x. */
export const neg = unary("neg", g.neg);
/** |x|. */
export const abs = unary("abs", g.abs);
/** x². */
export const square = unary("square", g.square);
/** √x, x ≥ 0. */
export const sqrt = unary("sqrt", g.sqrt);
/** eˣ. */
export const exp = unary("exp", g.exp);
/** Natural logarithm, x > 0. */
export const log = unary("log", g.log);
/** log(1 + x), exact for small x too. */
export const log1p = unary("log1p", g.log1p);
/** eˣ − 1, exact for small x too. */
export const expm1 = unary("expm1", g.expm1);
/** Sine, of radians. */
export const sin = unary("sin", g.sin);
/** Cosine, of radians. */
export const cos = unary("cos", g.cos);
/** Hyperbolic tangent. */
export const tanh = unary("tanh", g.tanh);
/** The error function. */
export const erf = unary("erf", g.erf);
/** 1 / (1 + exp(−x)). */
export const sigmoid = unary("sigmoid", g.sigmoid);
/** log(1 + exp(x)). */
export const softplus = unary("softplus", g.softplus);
/** log(sigmoid(x)). */
export const logSigmoid = unary("logSigmoid", g.logSigmoid);
/** Standard normal cumulative distribution function. */
export const ndtr = unary("ndtr", g.ndtr);
/** log |Γ(x)|. */
export const lgamma = unary("lgamma", g.lgamma);
/** The smaller of x and y, element by element. */
export const min = binary("min", g.min);
/** The larger of x and y, element by element. */
export const max = binary("max", g.max);
/** log(eˣ + eʸ) without overflow. */
export const logAddExp = binary("logAddExp", g.logAddExp);

/** Sum over the elements of a vector or matrix. */
export const sum = unary("sum", n.sumEvent);

function vectorOf(x: Value, label: string): Node {
  const node = nodeOf(x, label);
  if (node.shape.length !== 1) throw new TypeError(`${label}: expected a vector, got shape [${node.shape.join(", ")}]`);
  return node;
}

/** Running sums of a vector: element k is x₀ + … + x_k. */
export const cumulativeSum = (x: Value): Expression => new Expression(n.cumulativeSum(vectorOf(x, "cumulativeSum")));
/** log Σ exp over the elements of a vector. */
export const logSumExp = (x: Value): Expression => new Expression(n.logSumExp(vectorOf(x, "logSumExp")));
/** exp(x) divided by its sum over the elements of a vector. */
export const softmax = (x: Value): Expression => new Expression(n.softmax(vectorOf(x, "softmax")));
/** Scalars and vectors joined into one vector. */
export const concat = (...parts: readonly Value[]): Expression =>
  new Expression(n.concat(parts.map((p) => nodeOf(p, "concat"))));

/** Σ xᵢ·yᵢ. With a plate's data rows [D] and a vector [D] (or matrix [D × C]) outside plates: X·β, in one pass over X. */
export function dot(x: Value, y: Value): Expression {
  const a = nodeOf(x, "dot");
  const b = nodeOf(y, "dot");
  for (const [rows, beta] of [
    [a, b],
    [b, a],
  ] as const) {
    if (rows.kind !== "data" || !rows.plate || beta.plate || rows.shape.length !== 1) continue;
    if (beta.shape.length < 1 || beta.shape.length > 2 || beta.shape[0] !== rows.shape[0])
      throw new TypeError(
        `dot: expected ${rows.shape[0]} coefficients for rows of ${rows.shape[0]} columns, got shape [${beta.shape.join(", ")}]`,
      );
    return new Expression(n.matVec(rows, beta));
  }
  if (!a.shape.length || !b.shape.length)
    throw new TypeError(`dot: expected two vectors, got shapes [${a.shape.join(", ")}] and [${b.shape.join(", ")}]`);
  n.commonPlate([a, b], "dot");
  n.commonShape([a, b], "dot");
  return new Expression(n.sumEvent(g.mul(a, b)));
}
