// Identities of the special functions are tested on every build; these are their points, and how near is near.

import { describe, expect } from "vitest";
import { type Build, buildNames, openBuild } from "./accuracy/builds.js";

export const inf = Number.POSITIVE_INFINITY;
export const nan = Number.NaN;
export const max = Number.MAX_VALUE;
export const eps = 2 ** -52;

/** Points of [low, high], evenly spaced in log x. */
export const logSpaced = (low: number, high: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => low * (high / low) ** (i / (count - 1)));
export const spaced = (low: number, high: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));

/** All combinations, one column for each factor. */
export function grid(...factors: number[][]): number[][] {
  let rows: number[][] = [[]];
  for (const values of factors) rows = rows.flatMap((row) => values.map((v) => [...row, v]));
  return factors.map((_, k) => rows.map((row) => row[k]!));
}

/** The largest |got - expected| in units of `unit(i)`, with the inputs where it occurs in the message of a failure. */
export function near(
  got: ArrayLike<number>,
  expected: (i: number) => number,
  unit: (i: number) => number,
  bound: number,
  inputs: number[][],
): void {
  let worst = 0;
  let at = 0;
  for (let i = 0; i < got.length; i++) {
    const error = got[i] === expected(i) ? 0 : Math.abs(got[i]! - expected(i)) / unit(i);
    if (!(error <= worst)) {
      worst = Number.isNaN(error) ? inf : error;
      at = i;
    }
  }
  expect(worst, `at ${inputs.map((c) => c[at]).join(", ")}: ${got[at]} for ${expected(at)}`).toBeLessThanOrEqual(bound);
}

/** One function of the core on numbers, and on arrays. */
export interface Functions {
  at(op: number, ...inputs: number[]): number;
  map(op: number, ...inputs: number[][]): number[];
}

/** Runs a suite with the functions of each build. */
export function onEveryBuild(suite: (functions: Functions) => void): void {
  describe.each(buildNames.map((name) => [name, openBuild(name)] as const))(
    "on the %s build",
    (_name, build: Build) => {
      suite({
        at: (op, ...inputs) => build.map(op, ...inputs.map((v) => [v]))[0]!,
        map: (op, ...inputs) => Array.from(build.map(op, ...inputs)),
      });
    },
  );
}
