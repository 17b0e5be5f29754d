// Owen's T, the Bessel functions of von Mises' distribution and its distribution function, by what must hold between them, on every
// build. Their values against arbitrary-precision tables are in math.test.ts.

import { describe, expect, test } from "vitest";
import { Op } from "../assembly/opcodes.js";
import { vonMisesCdf } from "../src/compile/special.js";
import { apply, scalarInput } from "../src/model/eager.js";
import { openBuild } from "./accuracy/builds.js";
import { eps, grid, inf, max, nan, near, onEveryBuild, spaced } from "./special-support.js";

onEveryBuild(({ at, map }) => {
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
