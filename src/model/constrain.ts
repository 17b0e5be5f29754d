// Transforms on numbers: `constrain` and `unconstrain` go between a support and unconstrained coordinates, outside models and for all
// latents of a compiled one. The same graphs as in models, hence the same bits.

import * as g from "../compile/arithmetic.js";
import { evaluate } from "../compile/evaluate.js";
import { broadcast, eventSize, type Node, sumEvent } from "../compile/node.js";
import { knownOptions, rangeError, typeError } from "../errors.js";
import { type DataLike, type Table, toTable } from "./data.js";
import { apply, valuesOf } from "./eager.js";
import type { Numbers } from "./evaluation.js";
import { coordinatesOf } from "./inverse-transforms.js";
import type { DrawnSite } from "./model.js";
import { checkValues, constrainTo, type Support, totalJacobian, unconstrainedShape } from "./support.js";

const matrices = ["choleskyCorrelation", "correlation", "choleskyCovariance", "covariance"];
const elementwise = ["real", "interval", "affine", "integers"];

function checked(label: string, support: Support): void {
  if (typeof support !== "object" || support === null || typeof support.kind !== "string")
    throw typeError(`${label}: support`, "a support such as positive or interval(0, 1)", support);
  if (support.kind === "integers")
    throw new TypeError(`${label}: expected a continuous support, got ${support.expected}`);
  for (const node of [support.offset, support.multiplier, support.elements?.low])
    if (node && (node.latent || node.plate))
      throw new TypeError(`${label}: expected numbers for offset and multiplier, got a value of a model`);
}

/** One event through a graph; programs are shared by supports that build the same. */
function through(what: string, support: Support, { values, shape }: Table, build: (x: Node) => Node): Float64Array {
  const { kind, by, low, high, offset, multiplier, elements } = support;
  const own = [offset, multiplier, elements?.low, elements?.high].map((n) => (n ? Array.from(valuesOf(n)).join() : ""));
  const name = `${what} ${kind} ${by ?? ""} ${low} ${high} ${own.join(" ")}`;
  return apply(name, ([x]) => build(x!), [{ values, shape, perRow: true }], 1);
}

/** Unconstrained coordinates as a table of the shape that transforms take. */
function coordinates(label: string, support: Support, u: DataLike): Table {
  checked(label, support);
  const table = toTable(`${label}: u`, u);
  const { shape, values } = table;
  const [first = 0] = shape;
  values.forEach((v, i) => {
    if (!Number.isFinite(v))
      throw rangeError(values.length > 1 ? `${label}: u[${i}]` : `${label}: u`, "a finite number", v);
  });
  if (support.kind === "circular") {
    if (first !== 2)
      throw new RangeError(`${label}: u: expected two numbers per angle [2, …], got shape [${shape.join(", ")}]`);
  } else if (!elementwise.includes(support.kind)) {
    if (shape.length !== 1 || first === 0)
      throw new RangeError(`${label}: u: expected a vector of coordinates, got shape [${shape.join(", ")}]`);
    if (matrices.includes(support.kind)) {
      const side = (Math.sqrt(1 + 8 * first) + (support.kind.endsWith("ovariance") ? -1 : 1)) / 2;
      if (!Number.isInteger(side))
        throw new RangeError(`${label}: u: expected as many coordinates as a matrix has, got ${first}`);
    }
  }
  return table;
}

/**
 * The value on a support that unconstrained coordinates stand for. Element by element for numbers, intervals and affine supports; a vector,
 * or a matrix row by row, from a vector of coordinates for the others; `circular` takes two numbers (or two rows) per angle.
 */
export function constrain(support: Support, u: number): number;
export function constrain(support: Support, u: DataLike): Numbers;
export function constrain(support: Support, u: DataLike): Numbers {
  const table = coordinates("constrain(support, u)", support, u);
  const values = through("constrain", support, table, (x) => constrainTo(support, x).value);
  const single = table.shape.length === (support.kind === "circular" ? 1 : 0);
  return single ? values[0]! : values;
}

/**
 * log |det| of the Jacobian of `constrain` at u, over all elements: what a log density on the support gains as one of coordinates. For
 * directions (unitVector, circular) the log density −|u|²/2 of a length that says nothing.
 */
export function logJacobian(support: Support, u: DataLike): number {
  const table = coordinates("logJacobian(support, u)", support, u);
  return through("logJacobian", support, table, (x) => {
    const total = totalJacobian(constrainTo(support, x)) ?? g.mul(0, sumEvent(x));
    return broadcast(total, x.plate, []);
  })[0]!;
}

/** Unconstrained coordinates of a value on a support, so that `constrain` gives it back to 1e-13. Values outside are refused. */
export function unconstrain(support: Support, x: number): Numbers;
export function unconstrain(support: Support, x: DataLike): Numbers;
export function unconstrain(support: Support, x: DataLike): Numbers {
  const label = "unconstrain(support, x)";
  checked(label, support);
  const table = toTable(`${label}: x`, x);
  const free = freeShape(`${label}: x`, support, table.shape);
  inside(`${label}: x`, support, table);
  const u = through("unconstrain", support, table, (node) => coordinatesOf(support, node));
  finite(`${label}: x`, support, table, u);
  return free.length ? u : u[0]!;
}

function freeShape(label: string, support: Support, shape: readonly number[]): readonly number[] {
  const matrix = matrices.includes(support.kind);
  const vector = !matrix && ![...elementwise, "circular"].includes(support.kind);
  if ((matrix && (shape.length !== 2 || shape[0] !== shape[1])) || (vector && shape.length !== 1))
    throw new RangeError(
      `${label}: expected a ${matrix ? "square matrix" : "vector"}, got shape [${shape.join(", ")}]`,
    );
  return unconstrainedShape(support, shape);
}

function inside(label: string, support: Support, { values, shape }: Table): void {
  const event = [...elementwise, "circular"].includes(support.kind) ? 1 : eventSize(shape);
  checkValues(label, values, support, event);
}

/** A value on the border of its support has no coordinates; a matrix that is not positive definite neither. */
function finite(label: string, support: Support, { values }: Table, u: Float64Array): void {
  if (u.every(Number.isFinite)) return;
  const at = u.findIndex((c) => !Number.isFinite(c));
  const same = u.length === values.length;
  throw same && elementwise.includes(support.kind)
    ? rangeError(values.length > 1 ? `${label}[${at}]` : label, `${support.expected}, not on its border`, values[at])
    : new RangeError(`${label}: expected ${support.expected}, not on the border of what is allowed`);
}

/** A value of each latent, by name: [row][event], or flat. */
export type LatentValues = Readonly<Record<string, DataLike>>;

/**
 * The unconstrained vector of a model whose latents have these values. `sites` are those of a trace whose latents' coordinates are their
 * values (TraceOptions.constrained).
 */
export function unconstrainSites(sites: readonly DrawnSite[], values: LatentValues): Float64Array {
  const label = "unconstrain(values)";
  if (typeof values !== "object" || values === null)
    throw typeError(label, "an object with a value for each latent", values);
  knownOptions(
    label,
    values,
    sites.map((s) => s.name),
  );
  const tables = sites.map(({ name, support, value, plate }) => {
    if (!(name in values)) throw new TypeError(`${label}: expected a value for ${name}, got none`);
    const shape = [...(plate ? [plate.size] : []), ...value.shape];
    const table = toTable(name, values[name]);
    const flat = table.shape.length === 1 && table.values.length === eventSize(shape) && shape.length > 0;
    if (!flat && (table.shape.length !== shape.length || table.shape.some((n, i) => n !== shape[i])))
      throw new RangeError(
        `${name}: expected ${shape.length ? `shape [${shape.join(", ")}]` : "a number"}, got shape [${table.shape.join(", ")}]`,
      );
    const vector = ![...elementwise, "circular"].includes(support.kind);
    checkValues(name, table.values, support, vector ? eventSize(value.shape) : 1);
    return table;
  });
  const theta = new Float64Array(tables.reduce((n, t) => n + t.values.length, 0));
  let at = 0;
  for (const { values: v } of tables) {
    theta.set(v, at);
    at += v.length;
  }
  const found = evaluate(
    sites.map((s) => coordinatesOf(s.support, s.value)),
    theta,
  );
  found.forEach((u, i) => {
    finite(sites[i]!.name, sites[i]!.support, tables[i]!, u);
  });
  const result = new Float64Array(found.reduce((n, u) => n + u.length, 0));
  at = 0;
  for (const u of found) {
    result.set(u, at);
    at += u.length;
  }
  return result;
}
