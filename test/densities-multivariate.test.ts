// Every multivariate density, kernel and rule together, against arbitrary-precision tables, off its support and with NaN; several
// draws at once against one at a time, bit for bit; on the debug, release and relaxed builds.

import { describe, expect, test } from "vitest";
import * as rules from "../src/compile/densities.js";
import type { DensityRule } from "../src/compile/density.js";
import { data, eventSize, type Node, Plate } from "../src/compile/node.js";
import { type BuildName, buildNames } from "./accuracy/builds.js";
import { evaluate, evaluateRule, type Kernels, openKernels, type Point, readPoints } from "./densities/kernel.js";

const families = Object.values(rules).filter((r): r is DensityRule => "family" in r && r.multivariate !== undefined);
const cores: Record<BuildName, Kernels> = {
  debug: openKernels("debug"),
  release: openKernels("release"),
  relaxed: openKernels("relaxed"),
};

/** The event shape of each argument for events of size K (and a low-rank factor of some columns). */
const SHAPES: Record<string, (k: number, columns: number) => readonly (readonly number[])[]> = {
  dirichlet: (k) => [[k], [k]],
  multinomial: (k) => [[k], [k]],
  categorical: (k) => [[], [k]],
  categoricalLogit: (k) => [[], [k]],
  orderedLogistic: (k) => [[], [], [k]],
  multivariateNormal: (k) => [[k], [k], [k, k]],
  multivariateNormalPrecision: (k) => [[k], [k], [k, k]],
  multivariateStudentT: (k) => [[k], [], [k], [k, k]],
  multivariateNormalLowRank: (k, r) => [[k], [k], [k, r], [k]],
  lkjCholesky: (k) => [[k, k], []],
  wishartCholesky: (k) => [[k, k], [], [k, k]],
};
const TRIANGULAR = /cholesky$|^value$/i;

type Shape = readonly number[];

/** Whether an argument is a triangular matrix: tables hold its lower triangle by rows. */
const triangular = (rule: DensityRule, arg: number, shape: Shape): boolean =>
  shape.length === 2 && TRIANGULAR.test(rule.argNames[arg]!);

/** Where in an argument's array its numbers in the table go. */
function positions(rule: DensityRule, arg: number, shape: Shape): number[] {
  const all = Array.from({ length: eventSize(shape) }, (_, i) => i);
  return triangular(rule, arg, shape) ? all.filter((i) => i % shape[1]! <= Math.floor(i / shape[1]!)) : all;
}

/** Rows of argument arrays as data in a plate. */
function columns(shapes: readonly Shape[], rows: readonly (readonly Float64Array[])[]): Node[] {
  const plate = new Plate("points", rows.length);
  return shapes.map((shape, k) => data(Float64Array.from(rows.flatMap((row) => [...row[k]!])), plate, shape));
}

/** Columns of the low-rank factor in a point of its table. */
const columnsOf = (point: Point): number => (point.numbers.length - 3 * point.size) / point.size;

/** The arguments of a table's point; above the diagonal stands what no kernel may read. */
function argumentsOf(rule: DensityRule, point: Point): Float64Array[] {
  let from = 0;
  return SHAPES[rule.family]!(point.size, columnsOf(point)).map((shape, arg) => {
    const out = new Float64Array(eventSize(shape)).fill(Number.NaN);
    for (const i of positions(rule, arg, shape)) out[i] = point.numbers[from++]!;
    return out;
  });
}

/** Largest error in units of 2^-53 times what the table says a careful evaluation may lose. */
const PROMISED = 1.5;

function worstError(rule: DensityRule, kernels: Kernels, points: readonly Point[]): { error: number; where: string } {
  let worst = { error: 0, where: "" };
  const kindOf = (p: Point): string => `${p.size} ${rule.family.endsWith("LowRank") ? columnsOf(p) : ""}`;
  for (const kind of new Set(points.map(kindOf))) {
    const some = points.filter((p) => kindOf(p) === kind);
    const shapes = SHAPES[rule.family]!(some[0]!.size, columnsOf(some[0]!));
    const { logDensity, partials } = evaluateRule(
      kernels,
      rule,
      columns(
        shapes,
        some.map((p) => argumentsOf(rule, p)),
      ),
    );
    some.forEach((point, row) => {
      const see = (got: number, which: number, name: string): void => {
        const { value, unit } = point.results[which]!;
        const error = got === value ? 0 : Math.abs(got - value) / (unit * 2 ** -53);
        if (!(error <= worst.error))
          worst = {
            error: Number.isNaN(error) ? Number.POSITIVE_INFINITY : error,
            where: `${name} at K = ${kind} (${point.numbers.join(", ")}): ${got}, not ${value}`,
          };
      };
      see(logDensity[row]!, 0, "log density");
      let which = 1;
      [...rule.differentiable]
        .sort((a, b) => a - b)
        .forEach((arg) => {
          if (rule.family.startsWith("multivariate") && arg === 0) return; // −∂loc, tested below
          const shape = shapes[arg]!;
          const partial = partials[rule.differentiable.indexOf(arg)]!;
          for (const i of positions(rule, arg, shape))
            see(partial[row * eventSize(shape) + i]!, which++, `∂${rule.argNames[arg]}[${i}]`);
        });
      expect(which).toBe(point.results.length);
    });
  }
  return worst;
}

/** Arguments of `count` rows or draws for events of size K, from the tables' points of smaller events put together. */
function examples(rule: DensityRule, k: number, count: number): Float64Array[][] {
  const points = readPoints(rule);
  const shapes = SHAPES[rule.family]!(k, 2);
  return Array.from({ length: count }, (_, r) =>
    shapes.map((shape, a) => {
      const pool = points
        .slice(r * 7, r * 7 + 60)
        .flatMap((p) => [...argumentsOf(rule, p)[a]!])
        .filter((x) => !Number.isNaN(x));
      const out = Float64Array.from({ length: eventSize(shape) }, (_, i) => pool[(i * 5 + r) % pool.length]!);
      if (triangular(rule, a, shape)) for (let i = 0; i < k; i++) out[i * (k + 1)] = 0.5 + i + r;
      if (rule.family === "wishartCholesky" && a === 1) out[0]! += k;
      if (rule.family === "orderedLogistic" && a === 2) out.sort();
      return out;
    }),
  );
}

describe.each(buildNames)("on the %s build", (build) => {
  const kernels = cores[build];

  test.each(families.map((r) => [r.family, r] as const))(
    "%s and its partials are as exact as their conditioning allows",
    (_family, rule) => {
      const points = readPoints(rule);
      expect(points.length).toBeGreaterThanOrEqual(200);
      const { error, where } = worstError(rule, kernels, points);
      expect(error, where).toBeLessThanOrEqual(PROMISED);
    },
  );

  test.each(families.map((r) => [r.family, r] as const))(
    "%s gives S draws at once the bits of S runs of one, and rows the bits of single rows",
    (_family, rule) => {
      for (const [k, draws, rows] of [
        [1, 2, 1],
        [3, 3, 2],
        [5, 4, 3],
        [4, 1, 5],
      ] as const) {
        const shapes = SHAPES[rule.family]!(k, 2);
        const inputShapes = rule.multivariate!.inputShapes(columns(shapes, examples(rule, k, 1)));
        const argShapes = rule.multivariate!.argShapes(columns(shapes, examples(rule, k, 1)));
        const outputs = [[], ...rule.differentiable.map((i) => argShapes[i]!)];
        const all = examples(rule, k, rows * draws);
        const inputs = all.map((args) => rule.inputs(columns(shapes, [args])).map((n) => evaluate(kernels, n)));
        const run = (r: number, s: number, operands: Float64Array[]): Float64Array[] =>
          kernels.run(rule.opcode, r, r * s, [
            ...operands,
            { integer: k },
            { integer: s },
            ...outputs.map((shape) => ({ write: r * s * eventSize(shape) })),
          ]);
        // [row][event][draw]
        const together = run(
          rows,
          draws,
          inputShapes.map((shape, i) => {
            const size = eventSize(shape);
            const whole = new Float64Array(rows * size * draws);
            for (let r = 0; r < rows; r++)
              for (let e = 0; e < size; e++)
                for (let s = 0; s < draws; s++) whole[(r * size + e) * draws + s] = inputs[r * draws + s]![i]![e]!;
            return whole;
          }),
        );
        for (let r = 0; r < rows; r++)
          for (let s = 0; s < draws; s++) {
            const alone = run(1, 1, inputs[r * draws + s]!);
            outputs.forEach((shape, o) => {
              const size = eventSize(shape);
              const part = Float64Array.from({ length: size }, (_, e) => together[o]![(r * size + e) * draws + s]!);
              expect(part, `output ${o}, K = ${k}, row ${r}, draw ${s}`).toEqual(alone[o]!);
            });
          }
      }
    },
  );

  test.each(families.map((r) => [r.family, r] as const))(
    "%s computes the same whichever partials are wanted, and none that is not",
    (_family, rule) => {
      const args = columns(SHAPES[rule.family]!(3, 2), examples(rule, 3, 4));
      const whole = evaluateRule(kernels, rule, args);
      for (let mask = 0; mask < 1 << rule.differentiable.length; mask++) {
        const some = evaluateRule(kernels, rule, args, (i) => ((mask >> i) & 1) === 1);
        expect(some.logDensity).toEqual(whole.logDensity);
        some.partials.forEach((p, i) => {
          expect(p).toEqual(((mask >> i) & 1) === 1 ? whole.partials[i] : new Float64Array(0));
        });
      }
    },
  );

  test.each(families.map((r) => [r.family, r] as const))("%s of a NaN is NaN", (_family, rule) => {
    const shapes = SHAPES[rule.family]!(3, 2);
    const ofClasses = rule.family.startsWith("categorical") || rule.family === "orderedLogistic";
    shapes.forEach((shape, a) => {
      const rows = examples(rule, 3, 2);
      if (ofClasses) rows[0]![0]![0] = 2; // the class that the last element below is for
      rows[0]![a]![eventSize(shape) - 1] = Number.NaN;
      const { logDensity } = evaluateRule(kernels, rule, columns(shapes, rows));
      expect(logDensity[0], `${rule.argNames[a]}`).toBeNaN();
      expect(logDensity[1], `the neighbour of a NaN in ${rule.argNames[a]}`).not.toBeNaN();
    });
  });

  test("partials of Gaussians in the value are those in the location, negated; above a diagonal partials are 0", () => {
    for (const rule of families) {
      const k = 4;
      const shapes = SHAPES[rule.family]!(k, 2);
      const { partials } = evaluateRule(kernels, rule, columns(shapes, examples(rule, k, 3)));
      const of = (arg: number): Float64Array => partials[rule.differentiable.indexOf(arg)]!;
      const loc = rule.argNames.indexOf("loc");
      if (loc > 0) expect(of(0)).toEqual(of(loc).map((x) => -x));
      shapes.forEach((shape, arg) => {
        if (!triangular(rule, arg, shape)) return;
        of(arg).forEach((x, i) => {
          if (i % k > Math.floor(i / k) % k) expect(Math.abs(x)).toBe(0);
        });
      });
    }
  });

  const logDensityOf = (rule: DensityRule, k: number, ...args: number[][]): number =>
    evaluateRule(kernels, rule, columns(SHAPES[rule.family]!(k, 2), [args.map((a) => Float64Array.from(a))]))
      .logDensity[0]!;

  test("classes that do not exist and events off the simplex have the density 0", () => {
    for (const y of [-1, 0.5, 3, Number.POSITIVE_INFINITY]) {
      expect(logDensityOf(rules.categorical, 3, [y], [0.2, 0.3, 0.5])).toBe(Number.NEGATIVE_INFINITY);
      expect(logDensityOf(rules.categoricalLogit, 3, [y], [0.2, 0.3, 0.5])).toBe(Number.NEGATIVE_INFINITY);
      expect(logDensityOf(rules.orderedLogistic, 2, [y], [0.1], [0.3, 0.5])).toBe(Number.NEGATIVE_INFINITY);
    }
    expect(logDensityOf(rules.dirichlet, 2, [-0.5, 1.5], [2, 2])).toBe(Number.NEGATIVE_INFINITY);
    expect(logDensityOf(rules.multinomial, 2, [-1, 3], [0.4, 0.6])).toBe(Number.NEGATIVE_INFINITY);
    expect(logDensityOf(rules.multinomial, 2, [0.5, 3], [0.4, 0.6])).toBe(Number.NEGATIVE_INFINITY);
  });

  test("on the edge of the support the limit counts: 0·log 0 is 0", () => {
    expect(logDensityOf(rules.dirichlet, 2, [0, 1], [1, 1])).toBe(0);
    expect(logDensityOf(rules.dirichlet, 2, [0, 1], [2, 1])).toBe(Number.NEGATIVE_INFINITY);
    expect(logDensityOf(rules.dirichlet, 2, [0, 1], [0.5, 1])).toBe(Number.POSITIVE_INFINITY);
    expect(logDensityOf(rules.multinomial, 2, [0, 3], [0, 1])).toBe(0);
    expect(logDensityOf(rules.multinomial, 2, [1, 3], [0, 1])).toBe(Number.NEGATIVE_INFINITY);
    expect(logDensityOf(rules.categorical, 2, [1], [0, 1])).toBe(0);
    expect(logDensityOf(rules.categorical, 2, [0], [0, 1])).toBe(Number.NEGATIVE_INFINITY);
  });
});

test("events larger than the kernels' scratch memory are refused", () => {
  const sizes: [DensityRule, number][] = [
    [rules.multivariateNormal, 4096],
    [rules.wishartCholesky, 64],
  ];
  for (const [rule, most] of sizes) {
    const args = SHAPES[rule.family]!(most + 1, 2).map((shape) => data(new Float64Array(1), null, shape));
    expect(() => rule.multivariate!.eventSize(args)).toThrow(
      new RangeError(`value: expected a size of at most ${most}, got ${most + 1}`),
    );
  }
});
