// Bodies of the virtual machine's tests, run on each build of the core by test/vm*.test.ts: every structural instruction and map
// against test/interpreter.ts, on random operands of all shapes between guards that must not be touched.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { Op } from "../assembly/opcodes.js";
import { core, loadSync } from "../src/core/load.js";
import { type Instruction, instructions } from "./interpreter.js";
import { Random } from "./random-values.js";

export type BuildName = "debug" | "release" | "relaxed";

const files: Record<BuildName, string> = {
  debug: "core.debug.wasm",
  release: "core.wasm",
  relaxed: "core.relaxed.wasm",
};

/** Loads a build of the core for this test file; before anything else uses the core. */
export function useBuild(build: BuildName): void {
  loadSync(readFileSync(fileURLToPath(new URL(`../build/${files[build]}`, import.meta.url))));
}

// ---- instructions

/** An array that an instruction writes: what it holds before, and how many doubles behind it may be written too. */
interface Output {
  readonly before: Float64Array;
  readonly room: number;
}
type Argument = Float64Array | Int32Array | number | Output | { readonly same: number };

const GUARD = 4;
const guard = 1.2345e-89;

const isOutput = (x: Argument): x is Output => typeof x === "object" && "before" in x;

let workspace = 0;

/** Runs an instruction in the core, checks that nothing but its outputs has changed, and returns them. */
function runKernel(op: Op, rows: number, n: number, args: readonly Argument[], shift = 0): Float64Array[] {
  workspace ||= core().allocate(1 << 20);
  const { buffer } = core().memory;
  const lengthOf = (x: Float64Array | Int32Array | Output): number =>
    x instanceof Int32Array ? (x.length + 1) >> 1 : isOutput(x) ? x.before.length + x.room : x.length;
  let free = workspace + args.length * 4 + 16;
  const operands = args.map((x) => {
    if (typeof x === "number") return x;
    if ("same" in x) return 0;
    // At an even or an odd multiple of 8 bytes, with guards on both sides.
    const at = ((free + 15) & ~15) + shift + GUARD * 8;
    const length = lengthOf(x);
    new Float64Array(buffer, at - GUARD * 8, length + 2 * GUARD).fill(guard);
    const values = isOutput(x) ? x.before : x;
    if (values instanceof Int32Array) new Int32Array(buffer, at, values.length).set(values);
    else new Float64Array(buffer, at, values.length).set(values);
    free = at + (length + GUARD) * 8;
    return at;
  });
  if (free > workspace + (1 << 20)) throw new Error("the workspace is too small");
  args.forEach((x, i) => {
    if (typeof x === "object" && "same" in x) operands[i] = operands[x.same]!;
  });
  new Int32Array(buffer, workspace, operands.length).set(operands);
  core().run(op, rows, n, workspace);
  const results: Float64Array[] = [];
  args.forEach((x, i) => {
    if (typeof x === "number" || "same" in x || x instanceof Int32Array) return;
    const at = operands[i]!;
    const length = lengthOf(x);
    const around = new Float64Array(buffer, at - GUARD * 8, length + 2 * GUARD);
    for (let k = 0; k < GUARD; k++)
      if (around[k] !== guard || around[GUARD + length + k] !== guard)
        throw new Error(`op ${op}, ${rows} rows, ${n} doubles: operand ${i} is written outside its bounds`);
    const now = around.slice(GUARD, GUARD + (isOutput(x) ? x.before.length : length));
    if (isOutput(x)) results.push(now);
    else if (now.some((v, k) => !Object.is(v, x[k]))) throw new Error(`op ${op}: input ${i} changed`);
  });
  return results;
}

/** What the interpreter makes of the same arguments. */
function runSpecification(op: Op, rows: number, n: number, args: readonly Argument[]): Float64Array[] {
  const instruction = instructions[op] as Instruction;
  const operands = args.map((x) => (isOutput(x) ? x.before.slice() : x)) as (Float64Array | Int32Array | number)[];
  args.forEach((x, i) => {
    if (typeof x === "object" && "same" in x) operands[i] = operands[x.same]!;
  });
  instruction(rows, n, ...operands);
  return operands.filter((_, i) => isOutput(args[i]!)) as Float64Array[];
}

type Tolerance = (expected: number, i: number) => number;
const exact: Tolerance = () => 0;

function close(
  label: string,
  got: readonly Float64Array[],
  expected: readonly Float64Array[],
  tolerance: Tolerance,
): void {
  expected.forEach((whole, k) => {
    whole.forEach((e, i) => {
      const g = got[k]![i]!;
      if (Object.is(g, e) || Math.abs(g - e) <= tolerance(e, i)) return;
      throw new Error(`${label}: output ${k}[${i}] is ${g}, expected ${e}`);
    });
  });
}

/** Shapes of [row][event][draw] that every instruction is run on: all of them on the release build, a third on the others. */
function* shapes(build: BuildName): Generator<[rows: number, event: number, draws: number]> {
  let count = 0;
  for (let rows = 1; rows <= 20; rows++)
    for (let event = 1; event <= 5; event++)
      for (const draws of [1, 2, 3, 4, 7, 8, 16])
        if (build === "release" || count++ % 3 === 0) yield [rows, event, draws];
}

export function instructionTests(build: BuildName): void {
  const fused = build === "relaxed";
  const random = new Random(20240601);
  const moved = (n: number): Float64Array => Float64Array.from({ length: n }, () => random.anyDouble());
  const summed = (n: number): Float64Array => Float64Array.from({ length: n }, () => random.spread());
  const indexInto = (rows: number, n: number): Int32Array =>
    Int32Array.from({ length: rows }, () => random.integer(0, n - 1));
  const out = (length: number, room = 0): Output => ({ before: moved(length), room });
  const sums = (length: number): Output => ({ before: summed(length), room: 0 });

  /** A data matrix in tiles, rows beyond the end zero. */
  const tiles = (rows: number, columns: number): Float64Array => {
    const x = new Float64Array(((rows + 7) & ~7) * columns);
    for (let r = 0; r < rows; r++)
      for (let j = 0; j < columns; j++) x[((r >> 3) * columns + j) * 8 + (r & 7)] = random.spread();
    return x;
  };
  const largest = (x: Float64Array): number => x.reduce((a, v) => Math.max(a, Math.abs(v)), 0);

  const check = (op: Op, rows: number, n: number, args: readonly Argument[], tolerance: Tolerance = exact): void => {
    const label = `op ${op}, ${rows} rows, ${n} doubles, operands ${args.map((x) => (typeof x === "number" ? x : "·")).join(" ")}`;
    close(
      label,
      runKernel(op, rows, n, args, random.integer(0, 1) * 8),
      runSpecification(op, rows, n, args),
      tolerance,
    );
  };

  describe(`structural instructions of the ${build} build do what the interpreter says`, () => {
    test("Broadcast repeats over rows, events and draws, or moves what varies", () => {
      for (const [rows, events, draws] of shapes(build))
        for (const [k, [rowStep, eventStep, varies]] of (
          [
            [0, 0, 0],
            [0, 0, 1],
            [0, 1, 0],
            [events, 1, 0],
            [1, 0, 0],
            [0, draws, 1],
            [draws, 0, 1],
            [draws * events, draws, 1],
          ] as const
        ).entries()) {
          if ((k + rows + events + draws) % 3 && rows > 4) continue;
          const input = moved(rows * rowStep + events * eventStep + draws + 1);
          const given = random.integer(0, 1) * rows;
          const blockRows = given ? random.integer(1, 99) : rows;
          const args = [input, given, rowStep, events, eventStep, draws, varies, out(rows * events * draws)];
          check(Op.Broadcast, blockRows, blockRows * events * draws, args);
        }
    });

    test("Copy, Zero, GetSlice and SetSlice move exactly what they say", () => {
      for (const [rows, event, draws] of shapes(build)) {
        const n = rows * event * draws;
        check(Op.Copy, rows, n, [moved(n), out(n)]);
        check(Op.Zero, rows, n, [out(n + 3), n]);
        const total = event * draws + random.integer(0, 5);
        const offset = random.integer(0, total - event * draws);
        check(Op.GetSlice, rows, n, [moved(rows * total), event * draws, total, offset, out(n)]);
        check(Op.SetSlice, rows, rows * total, [moved(n), event * draws, total, offset, out(rows * total)]);
      }
    });

    test("SumRows and Fold add rows to four partial sums by their number, then the sums in one order", () => {
      for (const [rows, event, draws] of shapes(build)) {
        const m = event * draws;
        check(Op.SumRows, rows, rows * m, [summed(rows * m), m, sums(4 * m)]);
        check(Op.Fold, 1, m, [summed(4 * m), m, out(m)]);
        check(Op.Total, rows, rows * m, [summed(rows * m), m, out(m)]);
      }
    });

    test("sums of products go the way of sums", () => {
      for (const [rows, event, draws] of shapes(build)) {
        const m = event * draws;
        const [left, right] = [summed(rows * m), summed(rows * m)];
        const size = fused ? () => 1e-15 * rows * event * largest(left) * largest(right) : exact;
        check(Op.SumProducts, rows, rows * m, [left, right, m, sums(4 * m)], size);
        check(Op.TotalProducts, rows, rows * m, [left, right, m, out(m)], size);
        check(Op.SumEventProducts, rows, rows * m, [left, right, event, draws, out(rows * draws)], size);
        // Squares: one array twice.
        const zeros = { before: new Float64Array(4 * m), room: 0 };
        const [squares] = runKernel(Op.SumProducts, rows, rows * m, [left, left, m, zeros]);
        const [total] = runKernel(Op.TotalProducts, rows, rows * m, [left, left, m, out(m)]);
        expect(total).toEqual(runKernel(Op.Fold, 1, m, [squares!, m, out(m)])[0]);
      }
    });

    test("MulAddRows repeats one row of a factor, of the addend, or of both", () => {
      for (const [rows, event, draws] of shapes(build)) {
        const m = event * draws;
        if (m % 2) continue;
        for (const flags of [1, 2, 3, 5, 6, 7]) {
          const [a, b, c] = [summed(rows * m), summed(flags & 1 ? m : rows * m), summed(flags & 2 ? m : rows * m)];
          const size = fused ? () => 3e-16 * (largest(a) * largest(b) + largest(c)) : exact;
          check(Op.MulAddRows, rows, rows * m, [a, b, c, flags, m, out(rows * m)], size);
        }
      }
    });

    test("SumEvent and the running sums add events in their order, also in place", () => {
      for (const [rows, event, draws] of shapes(build)) {
        const n = rows * event * draws;
        check(Op.SumEvent, rows, n, [summed(n), event, draws, out(rows * draws)]);
        check(Op.SumEventOnto, rows, n, [summed(n), summed(rows * draws), event, draws, out(rows * draws)]);
        for (const op of [Op.CumulativeSum, Op.CumulativeSumReversed]) {
          check(op, rows, n, [summed(n), event, draws, out(n)]);
          check(op, rows, n, [sums(n), event, draws, { same: 0 }]);
        }
      }
    });

    test("Gather copies the rows that the index names and ScatterAdd adds rows to them one after another", () => {
      for (const [rows, event, draws] of shapes(build)) {
        const m = event * draws;
        const size = random.integer(1, 9);
        check(Op.Gather, rows, rows * m, [moved(size * m), indexInto(rows, size), m, out(rows * m)]);
        check(Op.ScatterAdd, rows, rows * m, [summed(rows * m), indexInto(rows, size), m, sums(size * m)]);
      }
    });

    test("MatVec and its transpose read tiles of eight rows, whatever the columns, classes and draws", () => {
      for (const [rows, classes, draws] of shapes(build)) {
        const columns = random.integer(1, 6);
        const lanes = classes * draws;
        const x = tiles(rows, columns);
        const beta = summed(columns * lanes);
        const residuals = summed(rows * lanes);
        // A relaxed build rounds a product and a sum once: an error of half a unit of every product.
        const size = (y: Float64Array): Tolerance =>
          fused ? () => 1e-15 * 8 * rows * columns * largest(x) * largest(y) : exact;
        const room = (((rows + 7) & ~7) - rows) * lanes;
        check(
          Op.MatVec,
          rows,
          rows * lanes,
          [x, beta, columns, lanes, { before: moved(rows * lanes), room }],
          size(beta),
        );
        check(
          Op.MatVecTransposed,
          rows,
          rows * lanes,
          [x, residuals, columns, lanes, sums(2 * columns * lanes)],
          size(residuals),
        );
        check(Op.FoldPairs, 1, columns * lanes, [summed(2 * columns * lanes), columns, lanes, out(columns * lanes)]);
      }
    });

    test("what lies behind the last row, be it NaN, stays out of a transposed product", () => {
      for (const lanes of [1, 2, 3, 8]) {
        const residuals = new Float64Array(8 * lanes).fill(Number.NaN);
        residuals.set(summed(3 * lanes));
        check(
          Op.MatVecTransposed,
          3,
          3 * lanes,
          [tiles(3, 2), residuals, 2, lanes, sums(4 * lanes)],
          fused ? () => 1e-3 : exact,
        );
      }
    });

    test("LogSumExp and Softmax agree with their definitions to a few ULP, huge values and infinities included", () => {
      for (const [rows, event, draws] of shapes(build)) {
        const n = rows * event * draws;
        const x = Float64Array.from({ length: n }, () => random.uniform(-30, 30) * 10 ** random.integer(0, 3));
        if (random.integer(0, 3) === 0) x[random.integer(0, n - 1)] = Number.NEGATIVE_INFINITY;
        const size = Number.isFinite(largest(x)) ? largest(x) : 30_000;
        check(Op.LogSumExp, rows, n, [x, event, draws, out(rows * draws)], (e) => 4e-16 * (Math.abs(e) + 8));
        if (x.every(Number.isFinite))
          check(Op.Softmax, rows, n, [x, event, draws, out(n)], (e) => 1e-15 * e * (8 + size / 1000));
      }
      const edges = Float64Array.of(
        Number.NEGATIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        1,
        Number.POSITIVE_INFINITY,
        2,
        Number.NaN,
      );
      check(Op.LogSumExp, 3, 6, [edges, 2, 1, out(3)]);
    });
  });

  describe(`maps of the ${build} build do what the interpreter says`, () => {
    const line = (): number => random.uniform(-5, 5) * 10 ** random.integer(-3, 1);
    const positive = (): number => Math.exp(random.uniform(-8, 8));
    const unit = (): number => random.uniform(0.001, 0.999);
    const relative =
      (r: number): Tolerance =>
      (e) =>
        r * Math.abs(e);
    /** Functions of the special library, which this file's interpreter knows to about 1e-14. */
    const special: Tolerance = (e) => 4e-14 * (1 + Math.abs(e));
    const unary: readonly (readonly [op: Op, domain: () => number, tolerance: Tolerance])[] = [
      [Op.Neg, () => random.anyDouble(), exact],
      [Op.Reciprocal, () => random.anyDouble(), exact],
      [Op.Abs, () => random.anyDouble(), exact],
      [Op.Sqrt, () => random.anyDouble(), exact],
      [Op.Square, () => random.anyDouble(), exact],
      [Op.Sign, () => random.anyDouble(), exact],
      [Op.Exp, line, relative(6e-16)],
      [Op.Log, positive, relative(6e-16)],
      [Op.Log1p, positive, relative(6e-16)],
      [Op.Expm1, line, relative(6e-16)],
      [Op.Sigmoid, line, relative(1e-15)],
      [Op.Softplus, line, relative(1e-15)],
      [Op.LogSigmoid, line, relative(1e-15)],
      [Op.Tanh, line, relative(1e-15)],
      [Op.Sin, line, (e) => 4e-16 * (Math.abs(e) + 1e-2)],
      [Op.Cos, line, (e) => 4e-16 * (Math.abs(e) + 1e-2)],
      [Op.Erf, line, relative(4e-15)],
      [Op.Erfc, () => random.uniform(-5, 5), relative(4e-13)],
      [Op.Erfcx, () => random.uniform(-3, 20), relative(4e-13)],
      [Op.Ndtr, () => random.uniform(-6, 6), relative(4e-13)],
      [Op.LogNdtr, () => random.uniform(-20, 6), (e) => 4e-13 * (Math.abs(e) + 1e-9)],
      [Op.Ndtri, unit, special],
      [Op.Lgamma, positive, special],
      [Op.Digamma, positive, special],
      [Op.Trigamma, positive, special],
    ];
    const binary: readonly (readonly [op: Op, left: () => number, right: () => number, tolerance: Tolerance])[] = [
      ...([Op.Add, Op.Sub, Op.Mul, Op.Div, Op.Min, Op.Max, Op.Less] as const).map(
        (op) => [op, () => random.anyDouble(), () => random.anyDouble(), exact] as const,
      ),
      [Op.Pow, positive, () => random.uniform(-6, 6), relative(4e-14)],
      [Op.LogAddExp, line, line, (e) => 1e-15 * (Math.abs(e) + 1)],
      [Op.Lbeta, () => random.uniform(0.01, 20), () => random.uniform(0.01, 20), (e) => 4e-13 * (1 + Math.abs(e))],
    ];
    const values = (n: number, domain: () => number): Float64Array => Float64Array.from({ length: n }, domain);

    test("over any number of elements, also in place", () => {
      for (let n = 1; n <= 70; n++) {
        for (const [op, domain, tolerance] of unary) {
          const x = values(n, domain);
          check(op, 1, n, [x, out(n, n & 1)], tolerance);
          if (n <= 9) check(op, 1, n, [{ before: x, room: n & 1 }, { same: 0 }], tolerance);
        }
        for (const [op, left, right, tolerance] of binary) {
          const [x, y] = [values(n, left), values(n, right)];
          check(op, 1, n, [x, y, out(n, n & 1)], tolerance);
          if (n <= 9) check(op, 1, n, [x, { before: y, room: n & 1 }, { same: 1 }], tolerance);
        }
        const [x, y, w] = [values(n, line), values(n, line), values(n, line)];
        const once: Tolerance = fused ? (_e, i) => 3e-16 * (Math.abs(x[i]! * y[i]!) + Math.abs(w[i]!)) : exact;
        check(Op.MulAdd, 1, n, [x, y, w, out(n, n & 1)], once);
        check(Op.MulSub, 1, n, [x, y, w, out(n, n & 1)], once);
        check(Op.Add3, 1, n, [x, y, w, out(n, n & 1)]);
      }
    });

    test("every opcode of a map is among those tested", () => {
      const tested = [...[...unary, ...binary].map(([op]) => op), Op.Add3, Op.MulAdd, Op.MulSub];
      const specified = Object.keys(instructions)
        .map(Number)
        .filter((op) => op >= 64);
      expect(new Set(tested)).toEqual(new Set(specified));
    });

    test("an element's result depends on that element alone, beside infinities, subnormals and NaN as alone", () => {
      const alone = (op: Op, ...x: number[]): number =>
        runKernel(op, 1, 1, [...x.map((v) => Float64Array.of(v)), out(1, 1)])[0]![0]!;
      const mixed = (domain: () => number) => (): number => (random.integer(0, 2) ? domain() : random.anyDouble());
      for (let repeat = 0; repeat < 12; repeat++) {
        for (const [op, domain] of unary) {
          const x = values(19, mixed(domain));
          const [y] = runKernel(op, 1, 19, [x, out(19, 1)], 8 * (repeat & 1));
          expect([...y!], `op ${op} of ${x.join(" ")}`).toEqual([...x].map((v) => alone(op, v)));
        }
        for (const [op, left, right] of binary) {
          const [x, y] = [values(19, mixed(left)), values(19, mixed(right))];
          const [r] = runKernel(op, 1, 19, [x, y, out(19, 1)], 8 * (repeat & 1));
          expect([...r!], `op ${op}`).toEqual([...x].map((v, i) => alone(op, v, y[i]!)));
        }
      }
    });
  });
}
