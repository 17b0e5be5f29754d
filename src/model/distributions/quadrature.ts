// Integrals over panels by Gauss and Legendre's rule, halved until both halves agree with the whole: deterministic, the same bits
// everywhere, for integrands that are smooth but for a few kinks.

import { cos } from "./scalar.js";
import { Sum } from "./sums.js";

/** Nodes and weights of Gauss and Legendre's rule on [0, 1], by Newton's iteration. */
export function gauss(n: number): readonly (readonly [node: number, weight: number])[] {
  return Array.from({ length: n }, (_, i) => {
    let x = cos((Math.PI * (i + 0.75)) / (n + 0.5));
    let slope = 1;
    for (let step = 0; step < 6; step++) {
      let [before, value] = [1, x];
      for (let k = 2; k <= n; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
      slope = (n * (x * value - before)) / (x * x - 1);
      x -= value / slope;
    }
    return [(1 + x) / 2, 1 / ((1 - x * x) * slope * slope)] as const;
  });
}

/** Values of several functions at the points t, one array each. */
export type Integrands = (t: Float64Array) => readonly Float64Array[];

interface Panel {
  readonly from: number;
  readonly to: number;
  /** Of each function the integral, and that of its size. */
  readonly value: Float64Array;
  readonly size: Float64Array;
}

const ORDER = 16;
/** Panels at most; what is not settled then is taken as it is. */
const MOST = 20_000;
let rule: ReturnType<typeof gauss> | undefined;

function panels(f: Integrands, edges: readonly (readonly [number, number])[]): Panel[] {
  rule ??= gauss(ORDER);
  const t = new Float64Array(edges.length * ORDER);
  edges.forEach(([a, b], i) => {
    rule!.forEach(([node], k) => {
      t[i * ORDER + k] = a + node * (b - a);
    });
  });
  const values = f(t);
  return edges.map(([from, to], i) => {
    const value = new Float64Array(values.length);
    const size = new Float64Array(values.length);
    for (let k = 0; k < ORDER; k++) {
      const weight = rule![k]![1] * (to - from);
      values.forEach((v, j) => {
        const x = weight * v[i * ORDER + k]!;
        value[j]! += x;
        size[j]! += Math.abs(x);
      });
    }
    return { from, to, value, size };
  });
}

/** ∫ f over the line: `cuts`, in increasing order, are where the integrands have their bulk; ever wider panels follow on both sides. */
export function integrateLine(f: Integrands, cuts: readonly number[]): number[] {
  let active = panels(
    f,
    cuts.slice(1).map((to, i) => [cuts[i]!, to] as const),
  );
  const sizes = (list: readonly Panel[]): number[] =>
    Array.from(list[0]!.size, (_, j) => list.reduce((a, p) => a + p.size[j]!, 0));
  for (const side of [1, -1]) {
    let edge = side > 0 ? cuts.at(-1)! : cuts[0]!;
    let width = Math.max(side > 0 ? edge - cuts.at(-2)! : cuts[1]! - edge, 1 / 64);
    for (let open = true; open; ) {
      const edges: [number, number][] = [];
      for (let i = 0; i < ORDER; i++) {
        const next = edge + side * width;
        edges.push(side > 0 ? [edge, next] : [next, edge]);
        edge = next;
        width = Math.min(2, 2 * width);
      }
      const more = panels(f, edges);
      active.push(...more);
      const total = sizes(active);
      open = Math.abs(edge) < 700 && more.slice(-2).some((p) => p.size.some((s, j) => s > 1e-18 * total[j]!));
    }
  }

  const scale = sizes(active);
  const sums = scale.map(() => new Sum());
  for (let count = active.length; active.length; ) {
    const halves = panels(
      f,
      active.flatMap(({ from, to }) => {
        const middle = from + (to - from) / 2;
        return [[from, middle] as const, [middle, to] as const];
      }),
    );
    count += halves.length;
    const open: Panel[] = [];
    active.forEach(({ value }, i) => {
      const [a, b] = [halves[2 * i]!, halves[2 * i + 1]!];
      const differs = (x: number, j: number): boolean =>
        Math.abs(x - a.value[j]! - b.value[j]!) > 1e-14 * scale[j]! + 1e-13 * (a.size[j]! + b.size[j]!);
      if (count < MOST && value.some(differs)) open.push(a, b);
      else
        sums.forEach((s, j) => {
          s.add(a.value[j]!);
          s.add(b.value[j]!);
        });
    });
    active = open;
  }
  return sums.map((s) => s.value);
}
