// Logarithms of distribution functions as kernels, with their partials: against tables of many digits down to tails that no double
// holds, at the ends of their range, with NaN, and for any length and choice of partials; on the debug, release and relaxed builds.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Op } from "../assembly/opcodes.js";
import type { Node } from "../src/compile/node.js";
import * as special from "../src/compile/special.js";
import { flat, model, real } from "../src/index.js";
import { valuesOf } from "../src/model/eager.js";
import { Expression } from "../src/model/expression.js";
import { buildNames } from "./accuracy/builds.js";
import { openKernels } from "./densities/kernel.js";

const functions = {
  gammaLogCdf: Op.GammaLogCdf,
  gammaLogSurvival: Op.GammaLogSurvival,
  betaLogCdf: Op.BetaLogCdf,
  betaLogSurvival: Op.BetaLogSurvival,
  studentTLogCdf: Op.StudentTLogCdf,
};
type Name = keyof typeof functions;
const names = Object.keys(functions) as Name[];
const INF = Number.POSITIVE_INFINITY;

/** Relative errors that are promised, in units of 2^-53; of the t's derivative in ν more, being small for large ν. */
const PROMISED = 500;
const PROMISED_DF = 9000;

const table = readFileSync(new URL("./tails.txt", import.meta.url), "utf8")
  .trimEnd()
  .split("\n");
const rowsOf = (name: Name): number[][] =>
  table.filter((l) => l.startsWith(`${name} `)).map((l) => l.split(" ").slice(1).map(Number));
const argumentsOf = (name: Name): number => (name.startsWith("beta") ? 3 : 2);

describe.each(buildNames)("on the %s build", (build) => {
  const kernels = openKernels(build);
  /** The logarithm and the partials of rows of arguments. */
  const run = (name: Name, rows: readonly (readonly number[])[], wanted = (_partial: number) => true) =>
    kernels.run(functions[name], 1, rows.length, [
      ...Array.from({ length: argumentsOf(name) }, (_, j) => Float64Array.from(rows, (r) => r[j]!)),
      { write: rows.length },
      ...Array.from({ length: argumentsOf(name) }, (_, j) => ({ write: wanted(j) ? rows.length : null })),
    ]);

  test.each(names)("%s and its partials are exact to some hundred units in the last place, in any tail", (name) => {
    const rows = rowsOf(name);
    expect(rows.length).toBeGreaterThan(100);
    const n = argumentsOf(name);
    run(name, rows).forEach((values, k) => {
      rows.forEach((row, i) => {
        const error = Math.abs(values[i]! / row[n + k]! - 1) / 2 ** -53;
        const limit = name === "studentTLogCdf" && k === 2 ? PROMISED_DF : PROMISED;
        expect(error, `result ${k} of (${row.slice(0, n)}): ${values[i]}, not ${row[n + k]}`).toBeLessThan(limit);
      });
    });
  });

  test.each(names)("%s gives each row the same bits at any length, whichever partials are wanted", (name) => {
    const rows = rowsOf(name).slice(0, 9);
    const whole = run(name, rows);
    for (let mask = 0; mask < 1 << argumentsOf(name); mask++)
      for (const [from, to] of [
        [0, 1],
        [2, 9],
      ] as const)
        run(name, rows.slice(from, to), (j) => ((mask >> j) & 1) === 1).forEach((values, k) => {
          expect(values).toEqual(k === 0 || (mask >> (k - 1)) & 1 ? whole[k]!.subarray(from, to) : new Float64Array(0));
        });
  });

  test.each(names)("%s of a NaN is NaN, and leaves its neighbours alone", (name) => {
    const rows = rowsOf(name).slice(0, 3);
    const plain = run(name, rows);
    for (let j = 0; j < argumentsOf(name); j++) {
      const [, middle] = rows;
      const got = run(name, [rows[0]!, middle!.map((x, i) => (i === j ? Number.NaN : x)), rows[2]!]);
      got.forEach((values, k) => {
        expect([...values], `NaN as argument ${j}, result ${k}`).toEqual([plain[k]![0], Number.NaN, plain[k]![2]]);
      });
    }
  });

  test("at the ends of the range the logarithm is 0 or −∞, and no partial is NaN", () => {
    const ends: [Name, number[], number][] = [
      ["gammaLogCdf", [0, 2.5], -INF],
      ["gammaLogCdf", [0, 1], -INF],
      ["gammaLogCdf", [INF, 2.5], 0],
      ["gammaLogSurvival", [0, 2.5], 0],
      ["gammaLogSurvival", [INF, 2.5], -INF],
      ["betaLogCdf", [0, 2.5, 0.5], -INF],
      ["betaLogCdf", [1, 2.5, 0.5], 0],
      ["betaLogSurvival", [0, 2.5, 0.5], 0],
      ["betaLogSurvival", [1, 2.5, 0.5], -INF],
      ["studentTLogCdf", [-INF, 3], -INF],
      ["studentTLogCdf", [INF, 3], 0],
    ];
    for (const [name, at, expected] of ends) {
      const [value, ...partials] = run(name, [at]).map((x) => x[0]!);
      expect(value! + 0, `${name} of (${at})`).toBe(expected);
      for (const p of partials) expect(p + 0, `a partial of ${name} at (${at})`).toBe(0);
    }
  });

  test("the largest numbers take no longer than others, and their tails are what is left of the leading term", () => {
    const many = Array.from({ length: 1000 }, (_, i) => [10 ** (160 + i / 8), 2.5]);
    const [values, slopes] = run("gammaLogSurvival", many) as [Float64Array, Float64Array];
    many.forEach(([x], i) => {
      expect(Math.abs(values[i]! / -x! - 1)).toBeLessThan(1e-15);
      expect(Math.abs(slopes[i]! + 1)).toBeLessThan(1e-15);
    });
  }, 2000);

  test("Student's t at 0 has half its probability below, the density as slope and no slope in ν", () => {
    for (const df of [0.5, 1, 3, 1e4]) {
      const [value, slope, dfSlope] = run("studentTLogCdf", [[0, df]]).map((x) => x[0]!);
      expect(Math.abs(value! + Math.LN2)).toBeLessThan(1e-15);
      if (df === 1) expect(Math.abs(slope! * 0.5 * Math.PI - 1)).toBeLessThan(1e-13);
      expect(Math.abs(dfSlope!)).toBeLessThan(1e-140);
      expect(run("studentTLogCdf", [[-0, df]])).toEqual(run("studentTLogCdf", [[0, df]]));
    }
  });
});

describe("values of a model", () => {
  /** ∂ of a map's value in each of its arguments, as the compiler has them. */
  function slopes(f: (...x: Node[]) => Node, at: readonly number[]): number[] {
    const target = model<null>(({ sample, factor }) => {
      const x = at.map((value, i) => sample(`x${i}`, flat(real)).add(value));
      factor("f", new Expression(f(...x.map((e) => e.node))));
    }).compile(null);
    const gradient = new Float64Array(at.length);
    target.logDensityGradient(new Float64Array(at.length), gradient);
    target.dispose();
    return [...gradient];
  }

  test("probabilities have the derivatives that their logarithms have, times themselves", () => {
    const maps: Partial<Record<Name, (...x: Node[]) => Node>> = {
      gammaLogCdf: (x, a) => special.gammaP(a!, x!),
      gammaLogSurvival: (x, a) => special.gammaQ(a!, x!),
      betaLogCdf: (x, a, b) => special.betaInc(a!, b!, x!),
    };
    for (const [name, f] of Object.entries(maps) as [Name, (...x: Node[]) => Node][]) {
      const n = argumentsOf(name);
      for (const row of rowsOf(name).filter((r) => r[n]! > -20)) {
        slopes(f, row.slice(0, n)).forEach((got, k) => {
          const expected = Math.exp(row[n]!) * row[n + 1 + k]!;
          expect(Math.abs(got - expected), `${name} of (${row.slice(0, n)}), ∂${k}`).toBeLessThan(
            1e-11 * Math.abs(expected) + 1e-17,
          );
        });
      }
    }
  });

  test("Owen's T and von Mises have the slopes of their differences", () => {
    for (const [f, points] of [
      [
        special.owensT,
        [
          [0.5, 1.5],
          [-1.25, 0.25],
          [2, -3],
        ],
      ],
      [
        special.vonMisesCdf,
        [
          [0.5, 2],
          [-2, 0.5],
          [0.25, 40],
          [0.125, 400],
        ],
      ],
    ] as const)
      for (const at of points) {
        const value = (...x: number[]): number => valuesOf(f(...x))[0]!;
        slopes(f, at).forEach((got, k) => {
          const h = 1e-4 * at[k]!;
          const moved = (steps: number): number => value(...at.map((x, i) => (i === k ? x + steps * h : x)));
          const expected = (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * h);
          expect(Math.abs(got - expected), `(${at}), ∂${k}`).toBeLessThan(1e-9);
        });
      }
  });
});
