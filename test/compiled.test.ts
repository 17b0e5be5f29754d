// A compiled model as a target: names and sites in the order of the definition, and who is to blame when a log density is not finite.

import { describe, expect, test } from "vitest";
import * as v from "../src/index.js";
import { compile, logDensityGradient } from "./support/models.js";

describe("a compiled model", () => {
  test("names its coordinates and values by site, row and element, latents first, in the order of the definition", () => {
    const model = compile(({ sample, deterministic, plate }) => {
      const mu = sample("mu", v.normal(0, 1));
      deterministic("twice", mu.mul(2));
      const p = plate("p", 2);
      const z = sample("z", v.normal(mu, 1), { plate: p, shape: [2] });
      sample("w", v.dirichlet([1, 1, 1]));
      sample("L", v.normal(0, 1), { shape: [2, 2] });
      deterministic("sum", z.sum());
    });
    const z = ["z[0,0]", "z[0,1]", "z[1,0]", "z[1,1]"];
    const L = ["L[0,0]", "L[0,1]", "L[1,0]", "L[1,1]"];
    expect(model.unconstrainedNames).toEqual(["mu", ...z, "w[0]", "w[1]", ...L]);
    expect(model.names).toEqual(["mu", ...z, "w[0]", "w[1]", "w[2]", ...L, "twice", "sum[0]", "sum[1]"]);
    expect(model.sites.map(({ name, kind, offset, shape }) => [name, kind, offset, shape])).toEqual([
      ["mu", "latent", 0, []],
      ["z", "latent", 1, [2, 2]],
      ["w", "latent", 5, [3]],
      ["L", "latent", 8, [2, 2]],
      ["twice", "deterministic", 12, []],
      ["sum", "deterministic", 13, [2]],
    ]);
    const theta = Float64Array.from({ length: 11 }, (_, i) => i);
    const values = model.constrain(theta);
    expect([...values.subarray(0, 5)]).toEqual([0, 1, 2, 3, 4]);
    expect([...values.subarray(8)]).toEqual([7, 8, 9, 10, 0, 3, 7]);
    model.dispose();
  });

  test("blames the sites whose terms are not finite, and no others", () => {
    const model = compile(({ sample, observe, factor, plate }) => {
      const rows = plate("row", 5, { subsample: 2 });
      const a = sample("a", v.normal(0, 1));
      const b = sample("b", v.normal(0, 1));
      factor("log of a", a.log());
      factor("difference", a.sub(b).exp());
      observe("y", v.normal(b, a.exp()), rows.data([1, 2, 3, 4, 5]));
      // Only the row of the last datum, which is in one batch of three.
      factor("row", rows.data([1, 1, 1, 1, 0]).add(b.square()).log());
    });
    expect(model.blame(Float64Array.of(0.5, 1))).toEqual([]);
    expect(model.blame(Float64Array.of(-1, 1))).toEqual(["log of a"]);
    expect(model.blame(Float64Array.of(0.5, 0))).toEqual(["row"]);
    expect(model.blame(Float64Array.of(-800, 1))).toEqual(["log of a", "y"]);
    expect(model.blame(Float64Array.of(Number.NaN, 1))).toEqual(["a", "log of a", "difference", "y"]);
    expect(logDensityGradient(model, [-1, 1]).value).toBeNaN();
    expect(logDensityGradient(model, [0.5, 0]).value).toBe(Number.NEGATIVE_INFINITY);
    model.dispose();
  });

  test("is −Infinity, not NaN, at data that a latent makes impossible", () => {
    const model = compile(({ sample, observe }) => {
      const p = sample("p", v.flat(v.real));
      observe("y", v.bernoulli(v.max(v.min(p, 1), 0)), 1);
    });
    expect(logDensityGradient(model, [-1]).value).toBe(Number.NEGATIVE_INFINITY);
    expect(logDensityGradient(model, [2]).value).toBe(0);
    model.dispose();
  });

  test("lists its instructions, segment by segment", () => {
    const model = compile(({ sample, observe, plate }) => {
      const rows = plate("row", 3);
      const mu = sample("mu", v.normal(0, 1));
      observe("y", v.normal(mu, 1), rows.data([1, 2, 3]));
    });
    const lines = model.disassemble(2).split("\n");
    expect(lines.some((l) => l.startsWith("plate row"))).toBe(true);
    expect(lines.some((l) => l.startsWith("outside plates"))).toBe(true);
    model.dispose();
  });
});
