// The special functions by what must hold between them, on every build: recurrences, reflections, symmetries, closed forms, inverses
// and limits; here the gamma and the error function families. Their values against arbitrary-precision tables are in math.test.ts.

import { describe, expect, test } from "vitest";
import { Op } from "../assembly/opcodes.js";
import { eps, grid, inf, logSpaced, nan, near, onEveryBuild, spaced } from "./special-support.js";

onEveryBuild(({ at, map }) => {
  describe("the gamma family", () => {
    const x = [...logSpaced(1e-8, 1e6, 500), ...spaced(0.01, 6, 600)];
    const next = x.map((v) => v + 1);
    // What the rounding of x + 1 does to a function with derivative d there.
    const moved = (d: number[]) => (i: number) => eps * next[i]! * Math.abs(d[i]!);

    test("the recurrences hold", () => {
      const l = map(Op.Lgamma, x);
      const d = map(Op.Digamma, x);
      const t = map(Op.Trigamma, x);
      const l1 = map(Op.Lgamma, next);
      const d1 = map(Op.Digamma, next);
      const t1 = map(Op.Trigamma, next);
      near(
        l1,
        (i) => l[i]! + Math.log(x[i]!),
        (i) => eps * Math.max(1, Math.abs(l[i]!)) + moved(d1)(i),
        3,
        [x],
      );
      near(
        d1,
        (i) => d[i]! + 1 / x[i]!,
        (i) => eps * (1 + Math.abs(d[i]!)) + moved(t1)(i),
        3,
        [x],
      );
      near(
        t1,
        (i) => t[i]! - x[i]! ** -2,
        (i) => eps * (t[i]! + 1 / next[i]!),
        4,
        [x],
      );
    });

    test("the reflections hold", () => {
      const u = spaced(0.02, 0.98, 481);
      const v = u.map((w) => 1 - w);
      const sum = (op: number): number[] => {
        const a = map(op, u);
        return map(op, v).map((b, i) => b + a[i]!);
      };
      // 1 - u is rounded, which the poles at 0 and 1 magnify.
      const pole = (i: number): number => 1 / Math.min(u[i]!, v[i]!);
      near(
        sum(Op.Lgamma),
        (i) => Math.log(Math.PI / Math.sin(Math.PI * u[i]!)),
        (i) => eps * pole(i),
        3,
        [u],
      );
      near(
        sum(Op.Trigamma),
        (i) => (Math.PI / Math.sin(Math.PI * u[i]!)) ** 2,
        (i) => eps * pole(i) ** 3,
        3,
        [u],
      );
      const digamma = map(Op.Digamma, u);
      near(
        map(Op.Digamma, v).map((w, i) => w - digamma[i]!),
        (i) => Math.PI / Math.tan(Math.PI * u[i]!),
        (i) => eps * pole(i) ** 2,
        3,
        [u],
      );
    });

    test("lgamma is exactly 0 at 1 and 2, and the logarithm of a factorial at the integers", () => {
      expect(map(Op.Lgamma, [1, 2])).toEqual([0, 0]);
      const n = Array.from({ length: 20 }, (_, i) => i + 1);
      let factorial = 1;
      const expected = n.map((k) => Math.log((factorial *= Math.max(1, k - 1))));
      near(
        map(Op.Lgamma, n),
        (i) => expected[i]!,
        (i) => eps * Math.max(1, expected[i]!),
        2,
        [n],
      );
    });

    test("digamma and trigamma have their closed forms at 1 and 1/2", () => {
      const euler = 0.5772156649015329;
      expect(at(Op.Digamma, 1)).toBeCloseTo(-euler, 15);
      expect(at(Op.Digamma, 0.5)).toBeCloseTo(-euler - 2 * Math.LN2, 14);
      expect(at(Op.Trigamma, 1)).toBeCloseTo(Math.PI ** 2 / 6, 14);
      expect(at(Op.Trigamma, 0.5)).toBeCloseTo(Math.PI ** 2 / 2, 13);
    });

    test("poles, infinities and what lies outside", () => {
      const edge = [0, inf, -1, -0.5, nan];
      expect(map(Op.Lgamma, edge)).toEqual([inf, inf, nan, nan, nan]);
      expect(map(Op.Digamma, edge)).toEqual([-inf, inf, nan, nan, nan]);
      expect(map(Op.Trigamma, edge)).toEqual([inf, 0, nan, nan, nan]);
      expect(map(Op.Lgamma1p, [-1, inf, -2, 0])).toEqual([inf, inf, nan, 0]);
    });

    test("lgamma1p is lgamma(1 + x), and to first order -gamma x", () => {
      const u = spaced(-0.96875, 8, 288); // 1 + u is exact
      near(
        map(Op.Lgamma1p, u),
        (i) => map(Op.Lgamma, [1 + u[i]!])[0]!,
        (i) => eps * Math.max(0.25, Math.abs(map(Op.Lgamma, [1 + u[i]!])[0]!)),
        4,
        [u],
      );
      for (const v of [1e-10, -1e-10, 1e-200, -1e-300])
        expect(at(Op.Lgamma1p, v) / v).toBeCloseTo(-0.5772156649015329, 9);
    });

    test("lbeta is symmetric to the bit and has its closed forms where one argument is 1 or 2, small or huge", () => {
      const [a, b] = grid(logSpaced(1e-5, 1e15, 41), logSpaced(1e-3, 1e9, 37)) as [number[], number[]];
      expect(map(Op.Lbeta, a, b)).toEqual(map(Op.Lbeta, b, a));
      const c = logSpaced(1e-200, 1e200, 801);
      const ones = c.map(() => 1);
      near(
        map(Op.Lbeta, c, ones),
        (i) => -Math.log(c[i]!),
        (i) => eps * Math.max(1, Math.abs(Math.log(c[i]!))),
        4,
        [c],
      );
      near(
        map(
          Op.Lbeta,
          c,
          c.map(() => 2),
        ),
        (i) => -Math.log(c[i]!) - Math.log1p(c[i]!),
        (i) => eps * Math.max(1, Math.abs(Math.log(c[i]!))),
        6,
        [c],
      );
    });
  });

  describe("the error function family", () => {
    const x = spaced(-9, 9, 1441);
    const minus = x.map((v) => -v);

    test("erf is odd to the bit and erf + erfc = 1", () => {
      const erf = map(Op.Erf, x);
      expect(map(Op.Erf, minus)).toEqual(erf.map((v) => -v));
      const erfc = map(Op.Erfc, x);
      near(
        erf.map((v, i) => v + erfc[i]!),
        () => 1,
        () => eps,
        2,
        [x],
      );
    });

    test("erfcx(x) = exp(x²) erfc(x), ndtr(x) = erfc(-x/sqrt 2)/2 and logNdtr = log ndtr", () => {
      const square = x.map((v) => v * v);
      const exp = map(Op.Exp, square);
      const erfc = map(Op.Erfc, x);
      near(
        map(Op.Erfcx, x),
        (i) => exp[i]! * erfc[i]!,
        (i) => eps * exp[i]! * erfc[i]! * (4 + square[i]!),
        1,
        [x],
      );
      const ndtr = map(Op.Ndtr, x);
      const half = map(
        Op.Erfc,
        x.map((v) => -v / Math.SQRT2),
      );
      near(
        ndtr,
        (i) => half[i]! / 2,
        (i) => eps * ndtr[i]! * (4 + square[i]!),
        1,
        [x],
      );
      const log = map(Op.Log, ndtr);
      near(
        map(Op.LogNdtr, x),
        (i) => log[i]!,
        () => eps,
        50,
        [x],
      );
    });

    test("ndtri undoes ndtr, in the tail down to where doubles end", () => {
      const y = spaced(-38, 5, 1721);
      const p = map(Op.Ndtr, y);
      // An error of p by an ULP moves the quantile by ulp(p)/density(y).
      const unit = (i: number): number => {
        const density = Math.exp((-y[i]! * y[i]!) / 2) / Math.sqrt(2 * Math.PI);
        return Math.max(eps * Math.abs(y[i]!), Math.max(eps * p[i]!, 2 ** -1074) / density, 1e-300);
      };
      near(map(Op.Ndtri, p), (i) => y[i]!, unit, 6, [y]);
      expect(map(Op.Ndtri, [0, 1, 0.5, -0.1, 1.1, nan])).toEqual([-inf, inf, 0, nan, nan, nan]);
    });

    test("limits", () => {
      const edge = [inf, -inf, 0, nan];
      expect(map(Op.Erf, edge)).toEqual([1, -1, 0, nan]);
      expect(map(Op.Erfc, edge)).toEqual([0, 2, 1, nan]);
      expect(map(Op.Erfcx, edge)).toEqual([0, inf, 1, nan]);
      expect(map(Op.Ndtr, edge)).toEqual([1, 0, 0.5, nan]);
      expect(map(Op.LogNdtr, [inf, -inf, nan])).toEqual([0, -inf, nan]);
    });
  });
});
