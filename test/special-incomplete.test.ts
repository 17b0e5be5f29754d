// The incomplete gamma and beta functions, their derivatives in the shapes and their inverses, by what must hold between them, on every
// build. Their values against arbitrary-precision tables are in math.test.ts.

import { describe, expect, test } from "vitest";
import { Op } from "../assembly/opcodes.js";
import { eps, grid, inf, logSpaced, nan, near, onEveryBuild } from "./special-support.js";

onEveryBuild(({ at, map }) => {
  describe("the incomplete gamma functions", () => {
    const shapes = [0.01, 0.3, 0.999, 1, 2.5, 3, 17, 200, 255.9, 256, 400, 1e4, 1e6];
    const where = [-5, -3, -1, -0.3, 0, 0.3, 1, 3, 5, 8];
    /** Shapes, and points so many standard deviations from the mean. */
    const points = ((): [number[], number[]] => {
      const [a, z] = grid(shapes, where) as [number[], number[]];
      const x = a.map((v, i) => v + z[i]! * Math.sqrt(v));
      const keep = a.map((_, i) => i).filter((i) => x[i]! > 0);
      return [keep.map((i) => a[i]!), keep.map((i) => x[i]!)];
    })();
    const [a, x] = points;

    test("P + Q = 1, and both lie within [0, 1]", () => {
      const p = map(Op.GammaP, a, x);
      const q = map(Op.GammaQ, a, x);
      near(
        p.map((v, i) => v + q[i]!),
        () => 1,
        () => eps,
        1,
        [a, x],
      );
      for (const v of [...p, ...q]) expect(v).toSatisfy((w: number) => w >= 0 && w <= 1);
    });

    test("the recurrence in the shape holds: P(a, x) - P(a + 1, x) = x^a e^-x/gamma(a + 1)", () => {
      const p = map(Op.GammaP, a, x);
      const p1 = map(
        Op.GammaP,
        a.map((v) => v + 1),
        x,
      );
      const g = map(Op.Lgamma1p, a);
      near(
        p.map((v, i) => v - p1[i]!),
        (i) => Math.exp(a[i]! * Math.log(x[i]!) - x[i]! - g[i]!),
        (i) => eps * (1 + Math.abs(g[i]!) + x[i]!),
        3,
        [a, x],
      );
    });

    test("closed forms: a = 1/2 is erf, a = 1 the exponential, integers sums of the Poisson distribution", () => {
      const y = logSpaced(1e-6, 600, 300);
      const root = y.map(Math.sqrt);
      const square = root.map((v) => v * v);
      const halves = y.map(() => 0.5);
      const ones = y.map(() => 1);
      const erf = map(Op.Erf, root);
      const erfc = map(Op.Erfc, root);
      const relative = (v: ArrayLike<number>) => (i: number) => eps * Math.abs(v[i]!);
      near(map(Op.GammaP, halves, square), (i) => erf[i]!, relative(erf), 20, [y]);
      const condition = (i: number): number => eps * erfc[i]! * (10 + y[i]!);
      near(map(Op.GammaQ, halves, square), (i) => erfc[i]!, condition, 2, [y]);
      const exp = map(
        Op.Exp,
        y.map((v) => -v),
      );
      near(map(Op.GammaQ, ones, y), (i) => exp[i]!, relative(exp), 20, [y]);
      for (const n of [2, 5, 20]) {
        const sums = y.map((v, i) => {
          let term = 1;
          let sum = 1;
          for (let k = 1; k < n; k++) sum += term *= v / k;
          return sum * exp[i]!;
        });
        near(
          map(
            Op.GammaQ,
            y.map(() => n),
            y,
          ),
          (i) => sums[i]!,
          relative(sums),
          60,
          [y],
        );
      }
    });

    test("the inverses undo P and Q, tails included", () => {
      const [b, p] = grid(
        [0.05, 0.4, 1, 3, 30, 300, 1e5],
        [1e-300, 1e-100, 1e-12, 0.001, 0.2, 0.5, 0.7, 0.99, 1 - 2 ** -40],
      ) as [number[], number[]];
      const small = map(Op.GammaPInverse, b, p);
      near(
        map(Op.GammaP, b, small),
        (i) => (small[i] === 0 ? 0 : p[i]!),
        (i) => eps * p[i]! * (50 + b[i]!),
        10,
        [b, p],
      );
      // A quantile that underflows to 0 is that small: x <= (p gamma(b + 1))^(1/b).
      small.forEach((v, i) => {
        if (v === 0) expect((Math.log(p[i]!) + at(Op.Lgamma1p, b[i]!)) / b[i]!).toBeLessThan(-744);
      });
      const large = map(Op.GammaQInverse, b, p);
      const condition = (i: number): number => eps * p[i]! * (50 + large[i]!);
      near(map(Op.GammaQ, b, large), (i) => (large[i]! > 0 ? p[i]! : 1), condition, 10, [b, p]);
    });

    test("the implicit gradient of a draw is the shape derivative over the density, also where both underflow", () => {
      const slope = map(Op.GammaPShapeDerivative, a, x);
      const sample = map(Op.GammaSampleDerivative, a, x);
      const g = map(Op.Lgamma, a);
      const density = a.map((v, i) => Math.exp((v - 1) * Math.log(x[i]!) - x[i]! - g[i]!));
      near(
        sample.map((v, i) => -v * density[i]!),
        (i) => slope[i]!,
        (i) => eps * Math.abs(slope[i]!) * (20 + x[i]! * 10),
        1,
        [a, x],
      );
      // Far out in the lower tail P = c x^a, so that dx/da = -(x/a)(log x - digamma(a + 1)).
      for (const [b, y] of [
        [10, 1e-40],
        [0.001, 1e-300],
      ] as const)
        expect(at(Op.GammaSampleDerivative, b, y)).toBeCloseTo((-y / b) * (Math.log(y) - at(Op.Digamma, b + 1)), 300);
    });

    test("the shape derivative is the slope of P", () => {
      const h = 2 ** -10;
      const step = a.map((v) => h * Math.min(v, Math.sqrt(v)));
      const difference = (k: number): number[] => {
        const up = map(
          Op.GammaP,
          a.map((v, i) => v + k * step[i]!),
          x,
        );
        const down = map(
          Op.GammaP,
          a.map((v, i) => v - k * step[i]!),
          x,
        );
        return up.map((v, i) => (v - down[i]!) / (2 * k * step[i]!));
      };
      const one = difference(1);
      const two = difference(2);
      near(
        map(Op.GammaPShapeDerivative, a, x),
        (i) => (4 * one[i]! - two[i]!) / 3,
        (i) => (eps * 40) / step[i]! + 2e-9 * Math.abs(one[i]!) + 1e-10 / Math.max(1, Math.sqrt(a[i]!)),
        1,
        [a, x],
      );
    });

    test("no jump where one method takes over from the next", () => {
      const borders: [number, number][] = [
        [2.999999999999, 2],
        [255.99999999999, 250],
        [255.99999999999, 262],
        [300, 262.5],
        [300, 337.5],
        [5e4, 43750],
        [5e4, 56250],
        [10, 10],
        [0.5, 1],
        [20, 15],
        [20, 25],
      ];
      for (const [b, y] of borders)
        for (const op of [Op.GammaP, Op.GammaQ, Op.GammaPShapeDerivative]) {
          const t = 1e-11;
          const middle = at(op, b, y);
          const second = (u: number, v: number): number =>
            Math.abs(at(op, b + u, y + v) + at(op, b - u, y - v) - 2 * middle);
          const scale = Math.abs(middle) * (200 + (2 * (y - b) ** 2) / b) * eps;
          expect(second(b * t, 0), `op ${op}, a across ${b}, x = ${y}`).toBeLessThan(scale);
          expect(second(0, y * t), `op ${op}, x across ${y}, a = ${b}`).toBeLessThan(scale);
        }
    });

    test("edges", () => {
      expect(map(Op.GammaP, [1, 1, 0, inf, 0, inf, -1, 1, nan], [0, inf, 1, 1, 0, inf, 1, -1, 1])).toEqual([
        0,
        1,
        1,
        0,
        nan,
        nan,
        nan,
        nan,
        nan,
      ]);
      expect(map(Op.GammaQ, [1, 1, 0, inf], [0, inf, 1, 1])).toEqual([1, 0, 0, 1]);
      expect(map(Op.GammaPInverse, [2, 2, 2, 2, -1, nan], [0, 1, -0.1, 1.1, 0.5, 0.5])).toEqual([
        0,
        inf,
        nan,
        nan,
        nan,
        nan,
      ]);
      expect(map(Op.GammaQInverse, [2, 2], [0, 1])).toEqual([inf, 0]);
      expect(at(Op.GammaP, 1e300, 1e300)).toBeCloseTo(0.5, 12);
      expect(map(Op.GammaPShapeDerivative, [1, 1, inf, 0, -1], [0, inf, 2, 0, 1])).toEqual([0, 0, 0, nan, nan]);
      // The slope of P at a = 0 is -E1(x).
      expect(at(Op.GammaPShapeDerivative, 0, 1)).toBeCloseTo(-0.21938393439552029, 15);
      expect(map(Op.GammaSampleDerivative, [1, 0, inf, 1, -1], [0, 1, 1, inf, 1])).toEqual([0, nan, nan, nan, nan]);
    });
  });

  describe("the incomplete beta function", () => {
    const shapes = [0.02, 0.5, 1, 2, 3.5, 40, 1000, 3e4];
    const [a, b, u] = grid(shapes, shapes, [-4, -1, -0.2, 0, 0.5, 2, 5]) as [number[], number[], number[]];
    const x = a.map((v, i) => {
      const mean = v / (v + b[i]!);
      const sd = Math.sqrt((mean * (1 - mean)) / (v + b[i]! + 1));
      // 20 bits, so that 1 - x is exact
      return Math.round(Math.min(Math.max(mean + u[i]! * sd, 2 ** -18), 1 - 2 ** -18) * 2 ** 20) / 2 ** 20;
    });
    const y = x.map((v) => 1 - v);
    const large = (i: number): number => 20 + 0.02 * (a[i]! + b[i]!);

    test("I_x(a, b) + I_{1-x}(b, a) = 1", () => {
      const other = map(Op.BetaInc, b, a, y);
      near(
        map(Op.BetaInc, a, b, x).map((v, i) => v + other[i]!),
        () => 1,
        (i) => eps * large(i),
        1,
        [a, b, x],
      );
    });

    test("the derivatives are each other's mirror images", () => {
      const da = map(Op.BetaIncDerivativeA, a, b, x);
      near(
        map(Op.BetaIncDerivativeB, b, a, y),
        (i) => -da[i]!,
        (i) => eps * Math.abs(da[i]!) * 10,
        large(1e9) || 1e4,
        [a, b, x],
      );
    });

    test("closed forms: x^a for b = 1, 1 - (1 - x)^b for a = 1, and sums of the binomial distribution", () => {
      const ones = a.map(() => 1);
      const power = map(Op.Pow, x, a);
      near(
        map(Op.BetaInc, a, ones, x),
        (i) => power[i]!,
        (i) => Math.max(eps * power[i]! * large(i), 2 ** -1074),
        4,
        [a, x],
      );
      const log = map(
        Op.Log1p,
        x.map((v) => -v),
      );
      const rest = map(
        Op.Expm1,
        log.map((v, i) => v * b[i]!),
      );
      near(
        map(Op.BetaInc, ones, b, x),
        (i) => -rest[i]!,
        (i) => eps * large(i),
        4,
        [b, x],
      );
      for (const [n, p] of [
        [7, 0.3],
        [25, 0.625],
      ] as const) {
        let upper = 0;
        let term = (1 - p) ** n;
        const terms = [term];
        for (let k = 1; k <= n; k++) terms.push((term *= (((n - k + 1) / k) * p) / (1 - p)));
        for (let k = n; k >= 1; k--) {
          upper += terms[k]!;
          expect(Math.abs(at(Op.BetaInc, k, n - k + 1, p) / upper - 1)).toBeLessThan(100 * eps);
        }
      }
    });

    test("the inverse undoes it", () => {
      const [c, d, p] = grid(
        [0.1, 0.5, 1, 4, 90, 5000],
        [0.1, 0.5, 1, 4, 90, 5000],
        [1e-200, 1e-20, 0.01, 0.3, 0.5],
      ) as [number[], number[], number[]];
      const quantile = map(Op.BetaIncInverse, c, d, p);
      const got = map(Op.BetaInc, c, d, quantile);
      const g = map(Op.Lbeta, c, d);
      near(
        got,
        (i) => (quantile[i] === 0 ? 0 : p[i]!),
        (i) => {
          // An error of x by an ULP moves I by the density times it.
          const v = quantile[i]!;
          const density = Math.exp((c[i]! - 1) * Math.log(v) + (d[i]! - 1) * Math.log1p(-v) - g[i]!);
          return eps * (p[i]! * (200 + c[i]! + d[i]!) + (v > 0 && v < 1 ? density * v : 0));
        },
        4,
        [c, d, p],
      );
      expect(map(Op.BetaIncInverse, [2, 2, 2, 2, -1, inf], [3, 3, 3, 3, 1, 1], [0, 1, -0.1, 1.1, 0.5, 0.5])).toEqual([
        0,
        1,
        nan,
        nan,
        nan,
        nan,
      ]);
    });

    test("the implicit gradient of a draw is minus the derivative over the density", () => {
      const slope = map(Op.BetaIncDerivativeA, a, b, x);
      const g = map(Op.Lbeta, a, b);
      const density = a.map((v, i) => Math.exp((v - 1) * Math.log(x[i]!) + (b[i]! - 1) * Math.log1p(-x[i]!) - g[i]!));
      near(
        map(Op.BetaSampleDerivative, a, b, x).map((v, i) => -v * density[i]!),
        (i) => slope[i]!,
        (i) => eps * Math.abs(slope[i]!) * (50 + 20 * (a[i]! + b[i]!)),
        1,
        [a, b, x],
      );
    });

    test("the derivatives are the slopes of I", () => {
      const check = (op: number, va: number, vb: number): void => {
        const step = a.map((v, i) => 2 ** -10 * (va ? Math.min(v, Math.sqrt(v)) : Math.min(b[i]!, Math.sqrt(b[i]!))));
        const difference = (k: number): number[] => {
          const shifted = (sign: number): number[] =>
            map(
              Op.BetaInc,
              a.map((v, i) => v + sign * k * va * step[i]!),
              b.map((v, i) => v + sign * k * vb * step[i]!),
              x,
            );
          const down = shifted(-1);
          return shifted(1).map((v, i) => (v - down[i]!) / (2 * k * step[i]!));
        };
        const one = difference(1);
        const two = difference(2);
        near(
          map(op, a, b, x),
          (i) => (4 * one[i]! - two[i]!) / 3,
          (i) => (eps * 4 * large(i)) / step[i]! + 1e-8 * Math.abs(one[i]!) + (1e-10 * 2 ** -10) / step[i]!,
          1,
          [a, b, x],
        );
      };
      check(Op.BetaIncDerivativeA, 1, 0);
      check(Op.BetaIncDerivativeB, 0, 1);
    });

    test("edges", () => {
      expect(
        map(
          Op.BetaInc,
          [2, 2, 0, 2, 0, inf, 2, inf, -1, 2, 2, nan],
          [3, 3, 3, 0, 0, 3, inf, inf, 1, 3, 3, 1],
          [0, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, -0.1, 1.1, 0.5],
        ),
      ).toEqual([0, 1, 1, 0, nan, 0, 1, nan, nan, nan, nan, nan]);
      expect(map(Op.BetaIncDerivativeA, [2, 2], [3, 3], [0, 1])).toEqual([0, 0]);
    });
  });
});
