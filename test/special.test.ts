// The special functions by what must hold between them, on every build: recurrences, reflections, symmetries, closed forms, inverses
// and limits. Their values against arbitrary-precision tables are in math.test.ts.

import { describe, expect, test } from "vitest";
import { Op } from "../assembly/opcodes.js";
import { vonMisesCdf } from "../src/compile/special.js";
import { apply, scalarInput } from "../src/model/eager.js";
import { buildNames, openBuild } from "./accuracy/builds.js";

const inf = Number.POSITIVE_INFINITY;
const nan = Number.NaN;
const max = Number.MAX_VALUE;
const eps = 2 ** -52;

/** Points of [low, high], evenly spaced in log x. */
const logSpaced = (low: number, high: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => low * (high / low) ** (i / (count - 1)));
const spaced = (low: number, high: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));

/** All combinations, one column for each factor. */
function grid(...factors: number[][]): number[][] {
  let rows: number[][] = [[]];
  for (const values of factors) rows = rows.flatMap((row) => values.map((v) => [...row, v]));
  return factors.map((_, k) => rows.map((row) => row[k]!));
}

/** The largest |got - expected| in units of `unit(i)`, with the inputs where it occurs in the message of a failure. */
function near(
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

describe.each(buildNames.map((name) => [name, openBuild(name)] as const))("on the %s build", (_name, build) => {
  const at = (op: number, ...inputs: number[]): number => build.map(op, ...inputs.map((v) => [v]))[0]!;
  const map = (op: number, ...inputs: number[][]): number[] => Array.from(build.map(op, ...inputs));

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

  describe("Owen's T", () => {
    test("T(h, 1) = ndtr(h) ndtr(-h)/2 and T(0, a) = atan(a)/2π", () => {
      const h = spaced(0, 12, 241);
      const p = map(Op.Ndtr, h);
      const q = map(
        Op.Ndtr,
        h.map((v) => -v),
      );
      const ones = h.map(() => 1);
      near(
        map(Op.OwensT, h, ones),
        (i) => (p[i]! * q[i]!) / 2,
        (i) => (eps * p[i]! * q[i]!) / 2,
        12,
        [h],
      );
      const a = spaced(-20, 20, 401);
      near(
        map(
          Op.OwensT,
          a.map(() => 0),
          a,
        ),
        (i) => Math.atan(a[i]!) / (2 * Math.PI),
        () => eps / 4,
        3,
        [a],
      );
    });

    test("it is even in h, odd in a, and ndtr(-|h|)/2 for a large a", () => {
      const [h, a] = grid(spaced(-6, 6, 49), spaced(-4, 4, 33)) as [number[], number[]];
      const t = map(Op.OwensT, h, a);
      expect(
        map(
          Op.OwensT,
          h.map((v) => -v),
          a,
        ),
      ).toEqual(t);
      expect(
        map(
          Op.OwensT,
          h,
          a.map((v) => -v),
        ),
      ).toEqual(t.map((v) => -v));
      for (const v of [0.5, 1, 4, 20]) expect(at(Op.OwensT, v, 1e6) / (at(Op.Ndtr, -v) / 2)).toBeCloseTo(1, 14);
      expect(map(Op.OwensT, [inf, 2, nan, 1, 0], [1, 0, 1, nan, inf])).toEqual([0, 0, nan, nan, 0.25]);
    });
  });

  describe("von Mises' Bessel functions", () => {
    test("log I0 has the ratio as its slope, and the ratio the slope of Riccati's equation", () => {
      const x = [...spaced(0.25, 40, 160), 9.999, 10.001, 17.999, 18.001, 100, 1e4];
      const h = 2 ** -9;
      const slope = (op: number): number[] => {
        const f = (k: number): number[] =>
          map(
            op,
            x.map((v) => v + k * h),
          );
        const [a, b, c, d] = [f(1), f(-1), f(2), f(-2)];
        return x.map((_, i) => (8 * (a![i]! - b![i]!) - (c![i]! - d![i]!)) / (12 * h));
      };
      const ratio = map(Op.BesselRatio, x);
      near(
        slope(Op.LogBesselI0),
        (i) => ratio[i]!,
        (i) => 1e-11 + (eps * x[i]!) / h,
        2,
        [x],
      );
      near(
        slope(Op.BesselRatio),
        (i) => 1 - ratio[i]! / x[i]! - ratio[i]! ** 2,
        () => 1e-11 + eps / h,
        2,
        [x],
      );
    });

    test("even and odd, and their limits", () => {
      const x = [0.3, 5, 10, 18, 50, 1e300];
      const minus = x.map((v) => -v);
      expect(map(Op.LogBesselI0, minus)).toEqual(map(Op.LogBesselI0, x));
      expect(map(Op.BesselRatio, minus)).toEqual(map(Op.BesselRatio, x).map((v) => -v));
      expect(map(Op.LogBesselI0, [0, inf, -inf, nan])).toEqual([0, inf, inf, nan]);
      expect(map(Op.BesselRatio, [0, inf, -inf, nan, max])).toEqual([0, 1, -1, nan, 1]);
    });
  });

  describe("von Mises' distribution function", () => {
    const kappas = [0, 1e-10, 0.3, 1, 2.5, 10, 60, 700, 1e5, 1e12];
    const [kappa, z] = grid(kappas, [-30, -8, -4, -2, -1, -0.3, -1e-6, 0.1, 1, 1.7, 3, 6]) as [number[], number[]];
    const x = kappa.map((k, i) => Math.max(-3.1, Math.min(3.1, z[i]! / Math.sqrt(k + 0.25))));
    const logI0 = map(Op.LogBesselI0, kappa);
    // 1/I0(κ) e^κ, by its asymptotic series where log I0 has not the digits.
    const scale = kappa.map((k, i) =>
      k < 1e4 ? Math.exp(k - logI0[i]!) : Math.sqrt(2 * Math.PI * k) / (1 + (1 + 9 / (16 * k)) / (8 * k)),
    );
    const density = (i: number): number =>
      (Math.exp(-2 * kappa[i]! * Math.sin(x[i]! / 2) ** 2) * scale[i]!) / (2 * Math.PI);

    test("it is symmetric around 1/2, ends at 0 and 1, and is uniform for a concentration of 0", () => {
      const f = map(Op.VonMisesCdf, x, kappa);
      const minus = x.map((v) => -v);
      expect(map(Op.VonMisesCdf, minus, kappa).map((v, i) => (x[i]! > 0 ? 1 - v : v))).toEqual(
        f.map((v, i) => (x[i]! > 0 ? v : 1 - v)),
      );
      for (const k of kappas)
        expect(map(Op.VonMisesCdf, [-Math.PI, -4, -0, 0, Math.PI, 4], Array(6).fill(k))).toEqual([
          0, 0, 0.5, 0.5, 1, 1,
        ]);
      const u = spaced(-3.1, 3.1, 63);
      const zeros = u.map(() => 0);
      near(
        map(Op.VonMisesCdf, u, zeros),
        (i) => 0.5 + u[i]! / (2 * Math.PI),
        () => eps,
        1,
        [u],
      );
      expect(map(Op.VonMisesCdf, [-1, 0, 1, 1, nan, 1], [inf, inf, inf, -1, 1, nan])).toEqual([
        0,
        0.5,
        1,
        nan,
        nan,
        nan,
      ]);
    });

    test("its slope is the density, its slope in the concentration the derivative, and their ratio the gradient of a draw", () => {
      const step = x.map((v, i) => 2 ** -9 * Math.min(0.05 + Math.abs(v), 1 / Math.sqrt(1 + kappa[i]!)));
      const f = (k: number): number[] =>
        map(
          Op.VonMisesCdf,
          x.map((v, i) => v + k * step[i]!),
          kappa,
        );
      const [a, b, c, d] = [f(1), f(-1), f(2), f(-2)];
      const slope = (i: number): number => (8 * (a![i]! - b![i]!) - (c![i]! - d![i]!)) / (12 * step[i]!);
      near(
        x.map((_, i) => slope(i)),
        density,
        (i) => (eps * 4) / step[i]! + 1e-9 * density(i),
        1,
        [x, kappa],
      );

      const jump = kappa.map((k) => 2 ** -9 * (k || 0.1));
      const g = (k: number): number[] =>
        map(
          Op.VonMisesCdf,
          x,
          kappa.map((v, i) => Math.abs(v + k * jump[i]!)),
        );
      const [p, q, r, s] = [g(1), g(-1), g(2), g(-2)];
      const derivative = map(Op.VonMisesCdfDerivative, x, kappa);
      near(
        derivative.map((v, i) => (kappa[i]! > 0 ? v : 0)),
        (i) => (kappa[i]! > 0 ? (8 * (p![i]! - q![i]!) - (r![i]! - s![i]!)) / (12 * jump[i]!) : 0),
        (i) => (eps * 4) / jump[i]! + 1e-6 * Math.abs(derivative[i]!),
        1,
        [x, kappa],
      );
      near(
        map(Op.VonMisesSampleDerivative, x, kappa).map((v, i) => -v * density(i)),
        (i) => derivative[i]!,
        (i) => eps * Math.abs(derivative[i]!) * (20 + 2 * kappa[i]!),
        1,
        [x, kappa],
      );
    });

    test("tails keep their relative accuracy: Mills' ratio of the von Mises tail far out", () => {
      // F(-s) = p(s)/(κ sin s)·(1 - cos s/(κ sin² s) + O(κ^-2)), by parts.
      for (const [k, s] of [
        [1e6, 0.03],
        [1e4, 0.3],
        [500, 1],
      ] as const) {
        const p = Math.exp(-2 * k * Math.sin(s / 2) ** 2 + (k - at(Op.LogBesselI0, k))) / (2 * Math.PI);
        const first = Math.cos(s) / (k * Math.sin(s) ** 2);
        expect(at(Op.VonMisesCdf, -s, k) / ((p / (k * Math.sin(s))) * (1 - first))).toBeCloseTo(1, 4);
        expect(at(Op.VonMisesCdf, -s, k)).toBeLessThan(1e-90);
      }
    });

    test("as graph arithmetic it is the same number", () => {
      expect(apply("cdf", ([u, k]) => vonMisesCdf(u!, k!), [scalarInput(-1), scalarInput(2.5)], 1)[0]).toBe(
        openBuild("release").map(Op.VonMisesCdf, [-1], [2.5])[0],
      );
    });
  });
});
