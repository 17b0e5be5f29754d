// Posteriors as files: bit for bit what they were, without model or data; and what is refused.

import { describe, expect, test } from "vitest";
import { fit, halfCauchy, loadPosterior, model, normal, savePosterior } from "../src/index.js";
import type { Posterior } from "../src/posterior.js";
import { fitTargetSync } from "../src/vi/fit.js";

const schools = model(({ sample, observe, plate, deterministic }) => {
  const school = plate("school", ["A", "B", "C", "D", "E", "F", "G", "H"]);
  const mu = sample("mu", normal(0, 5));
  const tau = sample("tau", halfCauchy(5));
  const raw = sample("raw", normal(0, 1), school);
  const theta = deterministic("theta", mu.add(tau.mul(raw)));
  const error = school.data([15, 10, 16, 11, 9, 11, 10, 18]);
  observe("effect", normal(theta, error), school.data([28, 8, -3, 7, -1, 1, 18, 12]));
});

function same(a: Posterior, b: Posterior): void {
  expect(`${b.summary()}`).toBe(`${a.summary()}`);
  for (const site of a.sites) {
    expect(b.draws(site.name)).toEqual(a.draws(site.name));
    expect(b.mean(site.name)).toEqual(a.mean(site.name));
    expect(b.quantiles(site.name)).toEqual(a.quantiles(site.name));
  }
  expect(b.sites).toEqual(a.sites);
  expect(b.unconstrainedDraws()).toEqual(a.unconstrainedDraws());
  expect(b.weights).toEqual(a.weights);
  expect(b.trace).toEqual(a.trace);
  expect(b.outcome).toEqual(a.outcome);
  expect([b.elbo, b.elboStandardError, b.khat, b.gradients, b.size]).toEqual([
    a.elbo,
    a.elboStandardError,
    a.khat,
    a.gradients,
    a.size,
  ]);
}

describe("a saved posterior", () => {
  test("answers as it did, without its model, and is the same file again", async () => {
    const posterior = await fit(schools, undefined, { seed: 1, posteriorDraws: 500 });
    const bytes = savePosterior(posterior);
    posterior.dispose();
    const loaded = loadPosterior(bytes);
    same(posterior, loaded);
    expect(savePosterior(loaded)).toEqual(bytes);
  });

  test("may lie anywhere in a buffer", async () => {
    const posterior = await fit(schools, undefined, { seed: 2, posteriorDraws: 50, correct: false });
    const bytes = savePosterior(posterior);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    same(posterior, loadPosterior(shifted.subarray(3)));
    posterior.dispose();
  });

  test("a fit without an approximation is saved with its verdict", () => {
    const fit = fitTargetSync({ dimension: 2, logDensityGradient: () => Number.NaN });
    const loaded = loadPosterior(savePosterior(fit));
    expect(loaded.status).toBe("diverged");
    expect(loaded.message).toBe(fit.message);
    expect(Number.isNaN(loaded.khat)).toBe(true);
    expect(loaded.elbo).toBe(Number.NEGATIVE_INFINITY);
    expect(() => loaded.draws("theta[0]")).toThrow(/no draws|one of/);
  });
});

describe("what is refused", () => {
  const bytes = savePosterior(
    fitTargetSync(
      {
        dimension: 1,
        logDensityGradient(theta, gradient) {
          gradient[0] = -theta[0]!;
          return -0.5 * theta[0]! * theta[0]!;
        },
      },
      { posteriorDraws: 20 },
    ),
  );

  test("every flipped bit of a small file", () => {
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] = damaged[at]! ^ (1 << (at % 8));
      expect(() => loadPosterior(damaged), `byte ${at}`).toThrow(/damaged|saved by savePosterior|newer version/);
    }
  });

  test("a file cut short anywhere, an empty one, something else", () => {
    for (let length = 0; length < bytes.length; length += 7)
      expect(() => loadPosterior(bytes.subarray(0, length))).toThrow(/damaged|saved by savePosterior/);
    expect(() => loadPosterior(new TextEncoder().encode("a text of more than sixteen bytes"))).toThrow(
      /expected a posterior saved by savePosterior/,
    );
    expect(() => loadPosterior("bytes" as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => savePosterior({} as Posterior)).toThrow(TypeError);
  });

  test("a newer format, by name", () => {
    const newer = bytes.slice();
    newer[4] = 2;
    expect(() => loadPosterior(newer)).toThrow(
      /expected format 1 or older, got 2: the file was saved by a newer version/,
    );
  });
});
