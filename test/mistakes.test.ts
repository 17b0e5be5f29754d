// The fourteen mistakes of the well-known tutorial program for variational inference, as far as they concern the language: each is
// impossible by construction or gives the intended message. (5 and 13, no expectation and no end, concern the fit.)

import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import { compile, type Definition, errorOf, logDensityGradient, withReal, withVector } from "./support/models.js";

describe("the mistakes of the well-known tutorial program, as far as they concern the language", () => {
  const x = [1, 2, 3];
  const right: Definition = ({ sample, observe, plate }) => {
    const rows = plate("row", x);
    const z = sample("z", v.normal(0, 1), rows);
    observe("x", v.normal(z, 1), rows.data(x));
  };

  test("done right, the log joint and its gradient are those of the textbook", () => {
    const model = compile(right);
    const { value, gradient } = logDensityGradient(model, [0.5, 1, 1.5]);
    // E_q* of both terms without their variances: Σ −½ log 2π·2 − ½ z² − ½ (x − z)².
    expect(value).toBeCloseTo(-3 * Math.log(2 * Math.PI) - 3.5, 13);
    gradient.forEach((g) => {
      expect(Math.abs(g)).toBeLessThan(1e-15);
    });
    model.dispose();
  });

  test("1: no KL rule for a vector of normals against a normal: no pair of families is ever asked for, the joint is the model", () => {
    // The prior is a family of numbers, the latent a vector: nothing has to be registered for the pair.
    const model = compile(({ sample }) => {
      sample("z", v.normal(0, 1), { shape: [3] });
    });
    expect(logDensityGradient(model, [1, 2, 3]).value).toBeCloseTo(-1.5 * Math.log(2 * Math.PI) - 7, 13);
    model.dispose();
  });

  test("2: a scalar prior is repeated only in an explicit plate or shape, and one latent for three observations is another model", () => {
    const shared = compile(({ sample, observe, plate }) => {
      const rows = plate("row", x);
      observe("x", v.normal(sample("z", v.normal(0, 1)), 1), rows.data(x));
    });
    expect(shared.dimension).toBe(1);
    expect(compile(right).dimension).toBe(3);
    expect(errorOf(() => compile(withVector(2, (z, { observe }) => observe("x", v.normal(z, 1), x))))).toBe(
      'RangeError: observe("x"): expected values of shape [2], got shape [3]',
    );
    shared.dispose();
  });

  test("3 and 11: the sign of the KL: the log joint is put together by the library, prior and likelihood both added", () => {
    const model = compile(right);
    const at = (z: number): number => logDensityGradient(model, [z, 1, 1.5]).value;
    // Far from prior and data the log joint falls: nothing rewards distance.
    expect(at(40)).toBeLessThan(at(5));
    expect(at(-40)).toBeLessThan(at(-5));
    model.dispose();
  });

  test("4 and 12: data enter by observe alone, and move the answer: there is no density of q to evaluate them at", () => {
    const without = compile(({ sample, plate }) => {
      sample("z", v.normal(0, 1), plate("row", 3));
    });
    const model = compile(right);
    expect(logDensityGradient(without, [0, 0, 0]).gradient.map((g) => g + 0)).toEqual([0, 0, 0]);
    expect(logDensityGradient(model, [0, 0, 0]).gradient).toEqual([1, 2, 3]);
    expect(errorOf(() => compile(withReal((z, { observe }) => observe("x", v.normal(0, 1), z))))).toBe(
      'TypeError: observe("x"): expected data, got a value that depends on a latent; use factor() for such terms',
    );
    model.dispose();
    without.dispose();
  });

  test("6: a sum over a scalar: three data for a density of one number are an error that says what to do", () => {
    expect(errorOf(() => compile(withReal((z, { observe }) => observe("x", v.normal(z, 1), x))))).toBe(
      'RangeError: observe("x"): expected one value, got shape [3]; repeated observations belong in a plate: plate("rows", 3).data(values)',
    );
  });

  test("7 and 8: a loss outside the tape, or evaluated once: the definition is traced once, its value computed anew each time", () => {
    let traced = 0;
    const model = compile((context) => {
      traced++;
      right(context);
    });
    const values = [0, 1, 4].map((z) => logDensityGradient(model, [z, z, z]).value);
    expect(traced).toBe(1);
    expect(new Set(values).size).toBe(3);
    model.dispose();
  });

  test("9: a scale without a constraint cannot be written", () => {
    expect(errorOf(() => compile(withReal((z, { observe }) => observe("x", v.normal(0, z), 1))))).toMatch(
      /^RangeError: normal\(loc, scale\): scale: expected a positive number, got a value that can be as low as -Infinity/,
    );
  });

  test("10: parameters frozen at construction: an expression of latents is traced, and what follows it has their gradient", () => {
    const model = compile(({ sample, observe }) => {
      const rho = sample("rho", v.flat(v.real));
      const scale = v.softplus(rho);
      const likelihood = v.normal(0, scale);
      observe("x", likelihood, 2);
    });
    const sigma = Math.log1p(Math.exp(0.3));
    const { gradient } = logDensityGradient(model, [0.3]);
    expect(gradient[0]).toBeCloseTo((4 / sigma ** 3 - 1 / sigma) / (1 + Math.exp(-0.3)), 12);
    model.dispose();
  });

  test("14: integers are numbers like any others", () => {
    for (const values of [
      Int32Array.from(x),
      BigInt64Array.from(x, BigInt),
      Uint8Array.from(x),
      Float32Array.from(x),
    ]) {
      const model = compile(({ sample, observe, plate }) => {
        const rows = plate("row", values);
        observe("x", v.normal(sample("z", v.normal(0, 1), rows), 1), rows.data(values));
      });
      expect(logDensityGradient(model, [0, 0, 0]).gradient).toEqual([1, 2, 3]);
      model.dispose();
    }
  });
});
