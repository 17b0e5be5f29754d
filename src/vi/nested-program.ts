// Nested maps in core memory: what evaluates a program through a map, or carries points through it, sixteen draws at a time
// (assembly/nested-map.ts, state in assembly/nested-state.ts).

import { NestedState } from "../../assembly/nested-state.js";
import { core } from "../core/load.js";
import { f64, i32 } from "../core/memory.js";
import { Program } from "../core/program.js";
import { transposed } from "../linalg/vector.js";
import { lanes } from "./moments.js";
import type { NestedMap } from "./nested-map.js";

/** The word of a program's header that names a map. */
const headerWord = 10;

/** Rows of `n` numbers with a zero behind each when n is odd. */
function padded(table: Float64Array, n: number): Float64Array {
  const width = n + (n & 1);
  if (width === n) return table;
  const rows = table.length / n;
  const out = new Float64Array(rows * width);
  for (let k = 0; k < rows; k++) out.set(table.subarray(k * n, k * n + n), k * width);
  return out;
}

/** A program seen through a map, for the same number of draws; it owns `inner`. */
export function nestedProgram(map: NestedMap, inner: Program): Program {
  const { dimension: n, root, quantile, knots } = map;
  const { draws } = inner;
  const evaluate = (outer: Program): void => {
    core().nestedForward(state, outer.pointer);
    inner.evaluate();
    core().nestedBackward(state, outer.pointer);
  };
  const program = new Program(n, draws, inner.host && evaluate);
  program.owner = inner.owner;
  program.inner = inner;
  const { scope } = program;
  const state = scope.bytes(NestedState.bytes);
  const work = (): number => scope.doubles(n * draws);
  const words: [number, number][] = [
    [NestedState.dimension, n],
    [NestedState.draws, draws],
    [NestedState.inner, inner.pointer],
    [NestedState.mean, scope.copy(map.mean)],
    [NestedState.root, scope.copy(root)],
    [NestedState.transposed, scope.copy(transposed(root, n))],
    [NestedState.shift, scope.copy(padded(map.shift, n))],
    [NestedState.logScale, scope.copy(padded(map.logScale, n))],
    [NestedState.knots, knots],
    [NestedState.scores, scope.copy(quantile.scores)],
    [NestedState.values, scope.copy(quantile.values)],
    [NestedState.slopes, scope.copy(quantile.slopes)],
    [NestedState.pieces, quantile.scores.length - 1],
    [NestedState.scale, work()],
    [NestedState.shiftSlope, work()],
    [NestedState.scaleSlope, work()],
    [NestedState.along, scope.doubles(3 * draws)],
    [NestedState.work, work()],
  ];
  for (const [at, value] of words) i32(state + at, 1)[0] = value;
  f64(state + NestedState.first, 3).set([map.first, map.step, map.logDeterminant]);
  i32(program.pointer, headerWord + 1)[headerWord] = state;
  return program;
}

/** theta of `draws` points y [draw][D] and, where there is room for them, the log Jacobian determinants. */
export function applyNested(
  map: NestedMap,
  draws: number,
  y: Float64Array,
  theta: Float64Array,
  logJacobian?: Float64Array,
): void {
  const n = map.dimension;
  // The inner program stands for the points alone.
  const inner = new Program(n, draws === 1 ? 1 : lanes);
  const program = nestedProgram(map, inner);
  const state = i32(program.pointer, headerWord + 1)[headerWord]!;
  const along = i32(state, NestedState.bytes / 4)[NestedState.along / 4]!;
  for (let from = 0; from < draws; from += program.draws) {
    const count = Math.min(program.draws, draws - from);
    program.setPoints(y, from, count);
    core().nestedForward(state, program.pointer);
    const points = inner.theta();
    for (let s = 0; s < count; s++)
      for (let i = 0; i < n; i++) theta[(from + s) * n + i] = points[i * program.draws + s]!;
    logJacobian?.set(f64(along + 16 * program.draws, count), from);
  }
  program.dispose();
}

/** Points [draw][D] of the innermost coordinates seen through maps, the last first. */
export function throughMaps(maps: readonly NestedMap[], draws: number, points: Float64Array): Float64Array {
  let theta = points;
  for (let k = maps.length - 1; k >= 0; k--) {
    const next = new Float64Array(theta.length);
    applyNested(maps[k]!, draws, theta, next);
    theta = next;
  }
  return theta;
}
