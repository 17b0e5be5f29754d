// Density kernels and rules run by hand, without the compiler: a build of the core as `run` over copies, the values of a graph of
// constants, data and maps, and the tables of reference values that scripts/densities/generate.py writes.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { type DensityRule, logProb } from "../../src/compile/density.js";
import { eventSize, type Node, type Plate } from "../../src/compile/node.js";
import type { BuildName } from "../accuracy/builds.js";

const files: Record<BuildName, string> = {
  debug: "core.debug.wasm",
  release: "core.wasm",
  relaxed: "core.relaxed.wasm",
};

interface Exports {
  memory: WebAssembly.Memory;
  allocate(bytes: number): number;
  free(pointer: number): void;
  used(): number;
  run(op: number, rows: number, n: number, a: number): void;
}

/** An operand: doubles to read, an integer, or how many doubles to write (null: not wanted). */
export type Operand = Float64Array | { readonly integer: number } | { readonly write: number | null };

export interface Kernels {
  /** Runs a kernel; gives the arrays written, in order (an empty one for what was not wanted). */
  run(op: number, rows: number, n: number, operands: readonly Operand[]): Float64Array[];
}

export function openKernels(name: BuildName): Kernels {
  if (name === "relaxed") setFlagsFromString("--experimental-wasm-relaxed-simd");
  const bytes = readFileSync(fileURLToPath(new URL(`../../build/${files[name]}`, import.meta.url)));
  const abort = (): never => {
    throw new Error(`the ${name} build failed an assertion`);
  };
  const core = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { abort } })
    .exports as unknown as Exports;
  return {
    run(op, rows, n, operands) {
      const blocks: number[] = [];
      const allocate = (doubles: number): number => {
        const pointer = core.allocate((doubles + (doubles & 1)) * 8);
        blocks.push(pointer);
        return pointer;
      };
      const words = operands.map((o) => {
        if (o instanceof Float64Array) {
          const pointer = allocate(o.length);
          new Float64Array(core.memory.buffer, pointer, o.length).set(o);
          return pointer;
        }
        if ("integer" in o) return o.integer;
        return o.write === null ? 0 : allocate(o.write);
      });
      const a = allocate(words.length);
      new Uint32Array(core.memory.buffer, a, words.length).set(words);
      core.run(op, rows, n, a);
      const written = operands.flatMap((o, i) =>
        "write" in o ? [new Float64Array(core.memory.buffer, words[i]!, o.write ?? 0).slice()] : [],
      );
      for (const pointer of blocks.reverse()) core.free(pointer);
      return written;
    },
  };
}

const rowsOf = (plate: Plate | null): number => plate?.size ?? 1;

/** The value of a graph without latents: [row][event]. */
export function evaluate(kernels: Kernels, root: Node): Float64Array {
  const known = new Map<number, Float64Array>();
  const value = (n: Node): Float64Array => {
    const found = known.get(n.id);
    if (found) return found;
    const inputs = n.inputs.map(value);
    const rows = rowsOf(n.plate);
    const size = eventSize(n.shape);
    const from = inputs[0]!;
    let result: Float64Array;
    switch (n.kind) {
      case "constant":
      case "data":
        result = n.values!;
        break;
      case "map":
        result = kernels.run(n.opcode, 1, rows * size, [...inputs, { write: rows * size }])[0]!;
        break;
      case "broadcast": {
        const source = n.inputs[0]!;
        const each = eventSize(source.shape);
        result = Float64Array.from({ length: rows * size }, (_, i) => {
          const row = source.plate ? Math.floor(i / size) : 0;
          return from[row * each + (each === size ? i % size : 0)]!;
        });
        break;
      }
      case "sumEvent": {
        const each = eventSize(n.inputs[0]!.shape);
        result = Float64Array.from({ length: rows }, (_, r) =>
          from.subarray(r * each, (r + 1) * each).reduce((a, b) => a + b, 0),
        );
        break;
      }
      case "slice": {
        const each = eventSize(n.inputs[0]!.shape);
        result = Float64Array.from(
          { length: rows * size },
          (_, i) => from[Math.floor(i / size) * each + n.position + (i % size)]!,
        );
        break;
      }
      case "concat":
        result = Float64Array.from(
          Array.from({ length: rows }, (_, r) =>
            inputs.flatMap((x, k) => {
              const each = eventSize(n.inputs[k]!.shape);
              return [...x.subarray(r * each, (r + 1) * each)];
            }),
          ).flat(),
        );
        break;
      default:
        throw new Error(`a density rule uses a node of kind ${n.kind}`);
    }
    known.set(n.id, result);
    return result;
  };
  return value(root);
}

export interface Evaluated {
  /** Log density per row (and element): kernel and addend. */
  readonly logDensity: Float64Array;
  /** One array for each position of `rule.differentiable`, empty where not wanted. */
  readonly partials: readonly Float64Array[];
}

/** A rule on nodes without latents, one draw; `wanted` says which partials to ask for. */
export function evaluateRule(
  kernels: Kernels,
  rule: DensityRule,
  args: readonly Node[],
  wanted: (partial: number) => boolean = () => true,
): Evaluated {
  const { call, addend } = logProb(rule, args);
  const rows = rowsOf(call.plate);
  const { outputShapes } = call.density!;
  const size = (i: number): number => rows * eventSize(outputShapes[i]!);
  const [logDensity, ...partials] = kernels.run(call.opcode, rows, size(0), [
    ...call.inputs.map((n) => evaluate(kernels, n)),
    ...(rule.multivariate ? [{ integer: call.density!.eventSize }, { integer: 1 }] : []),
    { write: size(0) },
    ...rule.differentiable.map((_, i) => ({ write: wanted(i) ? size(i + 1) : null })),
  ]) as [Float64Array, ...Float64Array[]];
  const extra = addend ? evaluate(kernels, addend) : Float64Array.of(0);
  const step = addend?.plate || addend?.shape.length ? 1 : 0;
  return { logDensity: logDensity.map((v, i) => v + extra[i * step]!), partials };
}

/** The true value of a result, and 2^53 times the error that a careful evaluation in doubles may make. */
export interface Expected {
  readonly value: number;
  readonly unit: number;
}

export interface Point {
  /** Event size; 0 for univariate families. */
  readonly size: number;
  readonly numbers: readonly number[];
  readonly results: readonly Expected[];
}

const buffer = new DataView(new ArrayBuffer(8));
const fromHex = (text: string): number => {
  buffer.setBigUint64(0, BigInt(`0x${(text === "." ? "" : text).padEnd(16, "0")}`));
  return buffer.getFloat64(0);
};

export function readPoints(rule: DensityRule): Point[] {
  const path = fileURLToPath(new URL(`./${rule.family}.txt`, import.meta.url));
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => {
      const words = line.split(" ");
      const size = rule.multivariate ? Number(words.shift()) : 0;
      return {
        size,
        numbers: words.filter((w) => !w.includes(":")).map(fromHex),
        results: words
          .filter((w) => w.includes(":"))
          .map((w) => {
            const [value, e] = w.split(":");
            return { value: fromHex(value!), unit: 2 ** Number(e) };
          }),
      };
    });
}
