// Every univariate density, kernel and rule together, against arbitrary-precision tables, at the edges of its support and beyond,
// with NaN, odd lengths and any choice of partials; on the debug, release and relaxed builds.

import { describe, expect, test } from "vitest";
import * as rules from "../src/compile/densities.js";
import type { DensityRule } from "../src/compile/density.js";
import { data, type Node, Plate } from "../src/compile/node.js";
import { type BuildName, buildNames } from "./accuracy/builds.js";
import { evaluateRule, type Kernels, openKernels, type Point, readPoints } from "./densities/kernel.js";

const univariate = Object.values(rules).filter((r): r is DensityRule => "family" in r && !r.multivariate);
const cores: Record<BuildName, Kernels> = {
  debug: openKernels("debug"),
  release: openKernels("release"),
  relaxed: openKernels("relaxed"),
};

/** Rows of arguments as data in a plate. */
function columns(rows: readonly (readonly number[])[]): Node[] {
  const plate = new Plate("points", rows.length);
  return rows[0]!.map((_, k) =>
    data(
      Float64Array.from(rows, (row) => row[k]!),
      plate,
      [],
    ),
  );
}

/** Largest errors in units of 2^-53 times what the table says a careful evaluation may lose. */

const PROMISED = 1.5;

/** Positions of the results in a table's line: the log density, then the partials in the order of the arguments. */
const tableOrder = (rule: DensityRule): number[] => [...rule.differentiable].sort((a, b) => a - b);

function worstError(rule: DensityRule, kernels: Kernels, points: readonly Point[]): { error: number; where: string } {
  const { logDensity, partials } = evaluateRule(kernels, rule, columns(points.map((p) => p.numbers)));
  let worst = { error: 0, where: "" };
  const see = (got: number, i: number, k: number, name: string): void => {
    const { value, unit } = points[i]!.results[k]!;
    const error = got === value ? 0 : Math.abs(got - value) / (unit * 2 ** -53);
    if (!(error <= worst.error)) {
      worst = { error, where: `${name} at (${points[i]!.numbers.join(", ")}): ${got}, not ${value}` };
      if (Number.isNaN(error)) worst.error = Number.POSITIVE_INFINITY;
    }
  };
  points.forEach((_, i) => {
    see(logDensity[i]!, i, 0, "log density");
    tableOrder(rule).forEach((arg, k) => {
      see(partials[rule.differentiable.indexOf(arg)]![i]!, i, k + 1, `∂${rule.argNames[arg]}`);
    });
  });
  return worst;
}

describe.each(buildNames)("on the %s build", (build) => {
  test.each(univariate.map((r) => [r.family, r] as const))(
    "%s and its partials are as exact as their conditioning allows",
    (_family, rule) => {
      const points = readPoints(rule);
      expect(points.length).toBeGreaterThanOrEqual(200);
      const { error, where } = worstError(rule, cores[build], points);
      expect(error, where).toBeLessThanOrEqual(PROMISED);
    },
  );
});
