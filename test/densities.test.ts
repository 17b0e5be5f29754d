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

const byName = (name: string): DensityRule => univariate.find((r) => r.family === name)!;
const INF = Number.POSITIVE_INFINITY;
const NOT_COUNTS = [-1, -0.5, 0.5, 2.5, -1e300, INF, -INF];

/** Family, values outside the support, parameters. */
const OUTSIDE: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ["halfNormal", [-1e-300, -1, -INF], [2]],
  ["halfCauchy", [-1e-300, -1, -INF], [2]],
  ["halfStudentT", [-1e-300, -1, -INF], [3, 2]],
  ["logNormal", [0, -1, -INF, INF], [0.5, 2]],
  ["truncatedNormal", [-1.1, 3.1, INF, -INF], [0.5, 2, -1, 3]],
  ["uniform", [-1.1, 3.1, INF, -INF], [-1, 3]],
  ["beta", [-1e-300, 1.5, INF, -INF], [2, 3]],
  ["kumaraswamy", [-1e-300, 1.5, INF, -INF], [2, 3]],
  ["exponential", [-1e-300, -1, INF, -INF], [2]],
  ["gamma", [-1e-300, -1, INF, -INF], [2, 3]],
  ["inverseGamma", [0, -1e-300, -1, INF, -INF], [2, 3]],
  ["chiSquare", [-1e-300, -1, INF, -INF], [3]],
  ["weibull", [-1e-300, -1, INF, -INF], [2, 3]],
  ["pareto", [0, -1, 1.5, INF, -INF], [2, 3]],
  ["inverseGaussian", [0, -1e-300, -1, INF, -INF], [2, 3]],
  ["bernoulli", NOT_COUNTS, [0.3]],
  ["bernoulli", [2], [0.3]],
  ["bernoulliLogit", NOT_COUNTS, [0.3]],
  ["bernoulliLogit", [2], [0.3]],
  ["binomial", NOT_COUNTS, [5, 0.3]],
  ["binomial", [6, 100], [5, 0.3]],
  ["binomialLogit", NOT_COUNTS, [5, 0.3]],
  ["binomialLogit", [6, 100], [5, 0.3]],
  ["geometric", NOT_COUNTS, [0.3]],
  ["poisson", NOT_COUNTS, [2]],
  ["poissonLog", NOT_COUNTS, [-0.5]],
  ["negativeBinomial", NOT_COUNTS, [2, 3]],
  ["negativeBinomialLog", NOT_COUNTS, [2, 3]],
  ["betaBinomial", NOT_COUNTS, [5, 2, 3]],
  ["betaBinomial", [6, 100], [5, 2, 3]],
];

/** Family, value and parameters, the log density at an edge of the support or of the parameters' range. */
const EDGES: readonly (readonly [string, readonly number[], number])[] = [
  ["exponential", [0, 2], Math.LN2],
  ["gamma", [0, 1, 2], Math.LN2],
  ["gamma", [0, 2, 2], -INF],
  ["gamma", [0, 0.5, 2], INF],
  ["chiSquare", [0, 2], -Math.LN2],
  ["chiSquare", [0, 3], -INF],
  ["weibull", [0, 1, 0.5], Math.LN2],
  ["weibull", [0, 2, 0.5], -INF],
  ["weibull", [0, 0.5, 0.5], INF],
  ["beta", [0, 1, 2], Math.LN2],
  ["beta", [1, 2, 1], Math.LN2],
  ["beta", [0, 2, 2], -INF],
  ["beta", [1, 0.5, 0.5], INF],
  ["kumaraswamy", [0, 1, 2], Math.LN2],
  ["kumaraswamy", [1, 2, 1], Math.LN2],
  ["kumaraswamy", [0, 2, 2], -INF],
  ["uniform", [-1, -1, 1], -Math.LN2],
  ["uniform", [1, -1, 1], -Math.LN2],
  ["pareto", [1, 1, 2], Math.LN2],
  ["halfNormal", [0, Math.sqrt(2 / Math.PI)], 0],
  ["normal", [INF, 0, 1], -INF],
  ["cauchy", [-INF, 0, 1], -INF],
  ["bernoulli", [0, 0], 0],
  ["bernoulli", [1, 0], -INF],
  ["bernoulli", [1, 1], 0],
  ["bernoulliLogit", [1, INF], 0],
  ["bernoulliLogit", [0, INF], -INF],
  ["bernoulliLogit", [0, 1000], -1000],
  ["bernoulliLogit", [1, -1e300], -1e300],
  ["binomial", [0, 5, 0], 0],
  ["binomial", [5, 5, 1], 0],
  ["binomial", [1, 5, 0], -INF],
  ["binomialLogit", [5, 5, INF], 0],
  ["binomialLogit", [0, 5, -INF], 0],
  ["binomialLogit", [1, 5, -INF], -INF],
  ["geometric", [0, 1], 0],
  ["geometric", [1, 1], -INF],
  ["poisson", [0, 0], 0],
  ["poisson", [1, 0], -INF],
  ["poissonLog", [0, -INF], 0],
  ["poissonLog", [1, -INF], -INF],
  ["negativeBinomial", [0, 0, 2], 0],
  ["betaBinomial", [0, 0, 2, 3], 0],
  ["truncatedNormal", [0, 0, 1, -INF, INF], -0.5 * Math.log(2 * Math.PI)],
];

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

  test.each(univariate.map((r) => [r.family, r] as const))(
    "%s of a NaN is NaN, whatever its neighbours",
    (_f, rule) => {
      const numbers = readPoints(rule)
        .slice(0, 4)
        .map((p) => p.numbers);
      const plain = evaluateRule(cores[build], rule, columns(numbers)).logDensity;
      for (let arg = 0; arg < rule.argNames.length; arg++)
        for (let row = 0; row < 4; row++) {
          const rows = numbers.map((point, i) => point.map((x, a) => (i === row && a === arg ? Number.NaN : x)));
          const { logDensity } = evaluateRule(cores[build], rule, columns(rows));
          logDensity.forEach((x, i) => {
            expect(x, `row ${i}, NaN as ${rule.argNames[arg]} of row ${row}`).toBe(i === row ? Number.NaN : plain[i]);
          });
        }
    },
  );

  test.each(univariate.map((r) => [r.family, r] as const))(
    "%s gives each row the same bits in either lane, at any length, whichever partials are wanted",
    (_family, rule) => {
      const numbers = readPoints(rule)
        .slice(0, 23)
        .map((p) => p.numbers);
      const whole = evaluateRule(cores[build], rule, columns(numbers));
      for (const [from, to] of [
        [0, 1],
        [1, 4],
        [3, 10],
        [1, 23],
      ] as const)
        for (let mask = 0; mask < 1 << rule.differentiable.length; mask++) {
          const some = evaluateRule(
            cores[build],
            rule,
            columns(numbers.slice(from, to)),
            (i) => ((mask >> i) & 1) === 1,
          );
          expect(some.logDensity).toEqual(whole.logDensity.subarray(from, to));
          some.partials.forEach((p, i) => {
            expect(p).toEqual(((mask >> i) & 1) === 1 ? whole.partials[i]!.subarray(from, to) : new Float64Array(0));
          });
        }
    },
  );

  const logDensityOf = (rule: DensityRule, ...numbers: number[]): number =>
    evaluateRule(cores[build], rule, columns([numbers])).logDensity[0]!;

  test.each(OUTSIDE)("%s has density 0 outside its support", (family, values, parameters) => {
    const rule = byName(family);
    for (const x of values) expect(logDensityOf(rule, x, ...parameters), `at ${x}`).toBe(Number.NEGATIVE_INFINITY);
  });

  test("every family has a line about what lies outside its support, or none because there is no outside", () => {
    const everywhere = ["normal", "cauchy", "studentT", "laplace", "logistic", "gumbel", "skewNormal", "vonMises"];
    expect([...new Set([...OUTSIDE.map(([family]) => family), ...everywhere])].sort()).toEqual(
      univariate.map((r) => r.family).sort(),
    );
  });

  test.each(EDGES)("%s of (%s) is the limit there: %d", (family, numbers, expected) => {
    const got = logDensityOf(byName(family), ...numbers);
    if (Number.isFinite(expected))
      expect(Math.abs(got - expected)).toBeLessThanOrEqual(4e-16 * Math.max(1, Math.abs(expected)));
    else expect(got).toBe(expected);
  });

  test("tails beyond the square root of the largest double keep their log density", () => {
    const l = Math.log;
    for (const x of [1e160, 1e250, 1e300]) {
      const cauchy = -2 * l(x) - l(Math.PI);
      expect(logDensityOf(rules.cauchy, x, 0, 1) / cauchy).toBeCloseTo(1, 14);
      expect(logDensityOf(rules.halfCauchy, x, 1) / (cauchy + Math.LN2)).toBeCloseTo(1, 14);
      expect(logDensityOf(rules.studentT, -x, 1, 0, 1) / cauchy).toBeCloseTo(1, 14);
      expect(logDensityOf(rules.halfStudentT, x, 1, 1) / (cauchy + Math.LN2)).toBeCloseTo(1, 14);
    }
  });
});

test("the debug and the release build give the same bits", () => {
  for (const rule of univariate) {
    const args = columns(readPoints(rule).map((p) => p.numbers));
    expect(evaluateRule(cores.debug, rule, args), rule.family).toEqual(evaluateRule(cores.release, rule, args));
  }
});
