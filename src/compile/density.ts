// Densities in the graph. A rule says how a family's kernel is fed: which functions of the parameters are computed beforehand, at
// the parameters' own level (1/scale, a normaliser), and which part of the log density does not go through the kernel at all (the
// addend). The kernel's partials are total derivatives, the addend's included, so no gradient flows through either.

import { Op } from "../../assembly/opcodes.js";
import { add, numberOf } from "./arithmetic.js";
import {
  broadcast,
  broadcastAll,
  commonPlate,
  commonShape,
  type Node,
  node,
  output,
  type Plate,
  stop,
  sumEvent,
  sumRows,
} from "./node.js";

/** How a family of distributions is computed; `args` are the value and the parameters, in the order of `argNames`. */
export interface DensityRule {
  readonly family: string;
  readonly opcode: Op;
  /** The value first, then the parameters: ["value", "loc", "scale"]. */
  readonly argNames: readonly string[];
  /** Positions in `argNames` that have partials, in the order of the kernel's outputs after the log density. */
  readonly differentiable: readonly number[];
  /**
   * The kernel's inputs, from the arguments: the arguments themselves or functions of them (value only).
   * Univariate families: they are broadcast to the common shape. Multivariate ones keep the shapes of `inputShapes`.
   */
  readonly inputs: (args: readonly Node[]) => readonly Node[];
  /** A part of the log density that depends on few arguments; added to the kernel's result, its derivative is in the partials. */
  readonly addend?: (args: readonly Node[]) => Node | null;
  /**
   * Multivariate families: event sizes. `value` is the value's event shape, `args` the shapes each argument is broadcast to, and
   * `inputs` the shapes the kernel's inputs are broadcast to.
   */
  readonly multivariate?: {
    readonly eventSize: (args: readonly Node[]) => number;
    readonly argShapes: (args: readonly Node[]) => readonly (readonly number[])[];
    readonly inputShapes: (args: readonly Node[]) => readonly (readonly number[])[];
  };
}

/** A density as a term of the log joint: a kernel call, and what is added to its first output (value only). */
export interface LogProb {
  readonly call: Node;
  readonly addend: Node | null;
}

/** The call of a family's kernel on graph values. Outputs of arguments that no latent feeds are never asked for. */
export function logProb(rule: DensityRule, args: readonly Node[]): LogProb {
  const { family, opcode, differentiable, multivariate } = rule;
  const inputs = rule.inputs(args);
  const addend = rule.addend?.(args) ?? null;
  const all = args.concat(inputs);
  const plate = commonPlate(all, family);
  if (multivariate) return { call: multivariateCall(rule, multivariate, args, inputs, plate), addend };
  const shape = commonShape(all, family);
  const outputShapes = [shape];
  for (let i = 0; i < differentiable.length; i++) outputShapes.push(shape);
  const call = node("density", broadcastAll(inputs, plate, shape), plate, shape, {
    opcode,
    density: { family, args, differentiable, eventSize: 0, outputShapes },
  });
  return { call, addend };
}

function multivariateCall(
  { family, opcode, differentiable }: DensityRule,
  { eventSize, argShapes, inputShapes }: NonNullable<DensityRule["multivariate"]>,
  args: readonly Node[],
  inputs: readonly Node[],
  plate: Plate | null,
): Node {
  const shapes = inputShapes(args);
  const partials = argShapes(args);
  return node(
    "density",
    inputs.map((n, i) => broadcast(n, plate, shapes[i]!)),
    plate,
    [],
    {
      opcode,
      density: {
        family,
        args,
        differentiable,
        eventSize: eventSize(args),
        outputShapes: [[], ...differentiable.map((i) => partials[i]!)],
      },
    },
  );
}

/** The log density per element as a value of the graph, for mixtures and marginalised discretes. */
export function logProbValue(term: LogProb): Node {
  const core = output(term.call, 0);
  return term.addend ? add(core, stop(term.addend)) : core;
}

/**
 * For a latent that is N(0, scale) with a number as its scale: itself and 1/scale². Its log density is −x²/(2 scale²) and an addend, which
 * costs less as arithmetic than as a kernel: the squares are summed as they are, and the derivative joins what else is added to it.
 */
export function aroundZero({ opcode, plate, shape, density }: Node): { x: Node; precision: number } | null {
  if (opcode !== Op.Normal) return null;
  const [x, loc, scale] = density!.args as readonly [Node, Node, Node];
  const size = numberOf(scale);
  const whole = x.latent && x.plate === plate && x.shape.length === shape.length;
  const precision = size === undefined ? 0 : 1 / (size * size);
  return whole && numberOf(loc) === 0 && Number.isFinite(precision) && precision > 0 ? { x, precision } : null;
}

/** x, of any plate and shape, reduced to the plate and shape of `like`: the adjoint of broadcasting. */
export function unbroadcast(x: Node, like: Node): Node {
  const rows = x.plate && !like.plate ? sumRows(x) : x;
  return rows.shape.length && !like.shape.length ? sumEvent(rows) : rows;
}
