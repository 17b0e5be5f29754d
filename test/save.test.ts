// Posteriors as files: bit for bit what they were, without model or data, drawn from anew, and resumed; and what is refused.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checksum } from "../src/checksum.js";
import {
  affine,
  covariance,
  dirichlet,
  fit,
  gamma,
  halfCauchy,
  loadPosterior,
  type Model,
  model,
  multivariateNormal,
  normal,
  ordered,
  savePosterior,
  simplexByLogRatio,
  uniform,
} from "../src/index.js";
import type { Posterior } from "../src/posterior.js";
import type { Target } from "../src/target.js";
import { type Algorithm, algorithms } from "../src/vi/algorithms.js";
import { fitTargetSync } from "../src/vi/fit.js";
import { version } from "../src/vi/record.js";
import { abortedAt } from "./support/signals.js";
import { eightSchools, funnel } from "./support/targets.js";

const schools = model(({ sample, observe, plate, deterministic }) => {
  const school = plate("school", ["A", "B", "C", "D", "E", "F", "G", "H"]);
  const mu = sample("mu", normal(0, 5));
  const tau = sample("tau", halfCauchy(5));
  const raw = sample("raw", normal(0, 1), school);
  const theta = deterministic("theta", mu.add(tau.mul(raw)));
  const error = school.data([15, 10, 16, 11, 9, 11, 10, 18]);
  observe("effect", normal(theta, error), school.data([28, 8, -3, 7, -1, 1, 18, 12]));
});

/** Every kind of support and of operation that values are made of. */
const everything = model(
  ({ sample, observe, plate, deterministic }, d: { y: number[]; x: number[][]; g: number[] }) => {
    const rows = plate("row", d.y, { subsample: 4 });
    const groups = plate("group", 3);
    const x = rows.data(d.x);
    const beta = sample("beta", normal(0, 1), { shape: [2] });
    const scale = sample("scale", gamma(2, 2));
    const level = sample("level", normal(0, scale), { plate: groups, support: affine(0, scale) });
    sample("share", dirichlet([1, 2, 3]));
    sample("other", dirichlet([1, 2, 3]), { support: simplexByLogRatio });
    sample("cut", normal(0, 1), { shape: [3], support: ordered });
    sample("bounded", uniform(-2, 5));
    sample(
      "joint",
      multivariateNormal(
        [0, 0],
        [
          [2, 0.5],
          [0.5, 1],
        ],
      ),
    );
    const mean = deterministic("mean", x.dot(beta).add(level.at(rows.index(d.g, groups))));
    deterministic("total", level.exp().sum());
    observe("y", normal(mean, 0.5), rows.data(d.y));
  },
);
const data = {
  y: [0.1, 0.4, -0.3, 0.9, 1.2, -0.5, 0.2, 0.3, 0, -1],
  x: Array.from({ length: 10 }, (_, i) => [i / 10, (i % 3) - 1]),
  g: [0, 1, 2, 0, 1, 2, 0, 1, 2, 0],
};

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
    expect(() => loaded.sample(10).unconstrainedDraws()).toThrow(/no draws/);
  });

  test("says how it was fitted", async () => {
    const init = Float64Array.from({ length: 10 }, (_, i) => (i ? 0.1 * i : -0));
    const options = { seed: 2 ** 40, algorithm: "advi", family: "meanField", init, entropy: "stl", draws: 8 } as const;
    const posterior = await fit(schools, undefined, { ...options, posteriorDraws: 30 });
    const { record } = loadPosterior(savePosterior(posterior));
    expect(record?.options).toEqual({ ...options, posteriorDraws: 30 });
    expect(record).toEqual(posterior.record);
    expect(record?.version).toBe(version);
    const own = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
    expect(version).toBe(own.version);
    expect(record?.components[0]?.mean).toEqual(posterior.result.approximation?.mean);
    posterior.dispose();
  });
});

describe("new draws", () => {
  /** Draws of a fit that its file has not: more of the same, and those of other seeds, on both scales. */
  function sameSamples(posterior: Posterior, loaded: Posterior): void {
    for (const [count, options] of [
      [150, {}],
      [40, { seed: 9 }],
      [1, { seed: 3 }],
    ] as const) {
      const a = posterior.sample(count, options);
      const b = loaded.sample(count, options);
      expect(b.size).toBe(count);
      expect(b.unconstrainedDraws()).toEqual(a.unconstrainedDraws());
      for (const site of a.sites) expect(b.draws(site.name), site.name).toEqual(a.draws(site.name));
    }
    const kept = posterior.unconstrainedDraws();
    expect(loaded.sample(150).unconstrainedDraws().slice(0, kept.length)).toEqual(kept);
  }

  for (const algorithm of algorithms)
    test(`of a file by ${algorithm} are those of the fit`, async () => {
      const posterior = await fit(schools, undefined, { algorithm, seed: 1, posteriorDraws: 100, correct: false });
      const loaded = loadPosterior(savePosterior(posterior));
      sameSamples(posterior, loaded);
      posterior.dispose();
    });

  test("on the scale people read, whatever supports, plates, indices and data the values come from", async () => {
    const posterior = await fit(everything, data, { seed: 1, posteriorDraws: 60, correct: false, maxSteps: 30 });
    const bytes = savePosterior(posterior);
    const loaded = loadPosterior(bytes);
    expect(loaded.sites.map((s) => s.name)).toContain("total");
    sameSamples(posterior, loaded);
    expect(savePosterior(loaded)).toEqual(bytes);
    posterior.dispose();
  });

  test("of covariance matrices", async () => {
    const matrices = model(({ sample, factor }) => {
      const s = sample("s", normal(0, 1), { shape: [2, 2], support: covariance });
      factor("size", s.square().sum().mul(-1));
    });
    const posterior = await fit(matrices, undefined, { posteriorDraws: 60, correct: false, maxSteps: 50 });
    sameSamples(posterior, loadPosterior(savePosterior(posterior)));
    posterior.dispose();
  });

  test("through nested maps, and of a target without a scale of its own", () => {
    const posterior = fitTargetSync(funnel, { seed: 1, posteriorDraws: 60, correct: false });
    expect(posterior.record.maps.length).toBeGreaterThan(0);
    sameSamples(posterior, loadPosterior(savePosterior(posterior)));
  });

  test("follow the approximation: their mean is its own", () => {
    const posterior = fitTargetSync(eightSchools, { algorithm: "laplace", posteriorDraws: 10 });
    const { components } = posterior.record;
    const many = loadPosterior(savePosterior(posterior)).sample(40_000, { seed: 5 });
    components[0]!.mean.forEach((m, i) => {
      const site = many.sites[i]!.name;
      expect(Math.abs(many.mean(site)[0]! - m) / many.sd(site)[0]!).toBeLessThan(4.5 / 200);
    });
  });

  test("of a fit at hand are corrected as it is; those of a file are not", () => {
    const posterior = fitTargetSync(eightSchools, { seed: 3, posteriorDraws: 1000 });
    expect(posterior.weights).toBeDefined();
    expect(posterior.sample(1000).weights).toEqual(posterior.weights);
    const loaded = loadPosterior(savePosterior(posterior));
    expect(loaded.weights).toEqual(posterior.weights);
    expect(loaded.sample(1000, { seed: 1 }).weights).toBeUndefined();
  });

  test("of a target with a function of its own exist on the unconstrained scale alone, and the file says why", () => {
    const target: Target = { ...eightSchools, constrain: (theta) => theta.map((x) => 2 * x) };
    const posterior = fitTargetSync(target, { algorithm: "laplace", posteriorDraws: 20 });
    const loaded = loadPosterior(savePosterior(posterior));
    same(posterior, loaded);
    const more = loaded.sample(50);
    expect(more.unconstrainedDraws()).toEqual(posterior.sample(50).unconstrainedDraws());
    expect(() => more.draws("theta[0]")).toThrow(/the file does not say how values follow from unconstrained draws/);
  });

  test("need a number of draws and known options", () => {
    const posterior = fitTargetSync(eightSchools, { algorithm: "laplace", posteriorDraws: 20 });
    expect(() => posterior.sample(0)).toThrow(/posterior\.sample\(draws, options\): expected an integer in/);
    expect(() => posterior.sample(5, { seed: -1 })).toThrow(/\.seed: expected an integer of at least 0, got -1/);
    expect(() => posterior.sample(5, { sead: 1 } as object)).toThrow(/\.sead: unknown option/);
    // Draws that are of no fit can be saved, and have no approximation.
    const loaded = loadPosterior(savePosterior(posterior.sample(5)));
    expect(loaded.record).toBeUndefined();
    expect(() => loaded.sample(6).unconstrainedDraws()).toThrow(/not the approximation/);
  });
});

describe("a file of a fit that was ended", () => {
  test.for(algorithms)("by %s is resumed as if neither had happened", async (algorithm: Algorithm) => {
    const whole = await fit(schools, undefined, { algorithm, seed: 6, posteriorDraws: 80 });
    for (const k of [0, 2, 9]) {
      const ended = await fit(schools, undefined, { algorithm, seed: 6, posteriorDraws: 80, signal: abortedAt(k) });
      expect(ended.status).toBe("cancelled");
      const bytes = savePosterior(ended);
      ended.dispose();
      const resumed = await fit(schools, undefined, { resume: loadPosterior(bytes) });
      same(whole, resumed);
      expect(savePosterior(resumed)).toEqual(savePosterior(whole));
      resumed.dispose();
    }
    whole.dispose();
  });

  test("is not resumed with other data, and what is resumed again has the file of the first", async () => {
    const line: Model<number[]> = model(({ sample, observe, plate }, y: number[]) => {
      const rows = plate("row", y);
      observe("y", normal(sample("mean", normal(0, 10)), 1), rows.data(y));
    });
    const ended = await fit(line, [1, 2], { signal: abortedAt(5), posteriorDraws: 20 });
    const loaded = loadPosterior(savePosterior(ended));
    await expect(fit(line, [1, 3], { resume: loaded })).rejects.toThrow(/options\.resume: expected the model and data/);
    const again = await fit(line, [1, 2], { resume: loaded, signal: abortedAt(5) });
    expect(savePosterior(again)).toEqual(savePosterior(ended));
  });
});

const small = (): Uint8Array<ArrayBuffer> =>
  savePosterior(
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

/** The bytes with their checksum made right again. */
function sealed(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const sum = checksum(bytes.subarray(16), checksum(bytes.subarray(0, 12)));
  new DataView(bytes.buffer).setUint32(12, sum, true);
  return bytes;
}

/** The bytes with another header, and arrays as they are; the checksum is right. */
function withHeader(bytes: Uint8Array, change: (header: unknown) => unknown): Uint8Array<ArrayBuffer> {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(16, 16 + length))) as unknown;
  const text = new TextEncoder().encode(JSON.stringify(change(header)));
  const arrays = bytes.subarray((16 + length + 7) & ~7);
  const start = (16 + text.length + 7) & ~7;
  const out = new Uint8Array(start + arrays.length);
  out.set(bytes.subarray(0, 16));
  out.set(text, 16);
  out.set(arrays, start);
  new DataView(out.buffer).setUint32(8, text.length, true);
  return sealed(out);
}

describe("what is refused", () => {
  const bytes = small();

  test("every flipped bit of a small file", () => {
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] = damaged[at]! ^ (1 << (at % 8));
      expect(() => loadPosterior(damaged), `byte ${at}`).toThrow(/damaged|saved by savePosterior|newer version/);
    }
  });

  test("a file cut short anywhere, an empty one, one with more at its end, something else", () => {
    for (let length = 0; length < bytes.length; length += 7)
      expect(() => loadPosterior(bytes.subarray(0, length))).toThrow(/damaged|saved by savePosterior/);
    const longer = new Uint8Array(bytes.length + 8);
    longer.set(bytes);
    expect(() => loadPosterior(longer)).toThrow(/damaged/);
    expect(() => loadPosterior(sealed(longer))).toThrow(/header\.arrays: expected arrays up to byte/);
    expect(() => loadPosterior(sealed(bytes.slice(0, -8)))).toThrow(/header\.arrays\[\d+\]\.length: expected/);
    expect(() => loadPosterior(new TextEncoder().encode("a text of more than sixteen bytes"))).toThrow(
      /expected a posterior saved by savePosterior/,
    );
    expect(() => loadPosterior("bytes" as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => savePosterior({} as Posterior)).toThrow(TypeError);
  });

  test("another format, by name", () => {
    const other = bytes.slice();
    other[4] = 2;
    expect(() => loadPosterior(other)).toThrow(/expected format 1, got 2: the file was saved by a newer version/);
    other[4] = 0;
    expect(() => loadPosterior(other)).toThrow(/expected format 1, got 0: no version of variational has saved/);
  });

  test("a header that is no header, though its checksum is right", () => {
    for (const value of [null, 3, "text", [], {}, true])
      expect(() => loadPosterior(withHeader(bytes, () => value)), `${JSON.stringify(value)}`).toThrow(
        /^loadPosterior\(bytes\): header\.arrays: expected an array/,
      );
    const broken = bytes.slice();
    broken[17] = 0x7b;
    expect(() => loadPosterior(sealed(broken))).toThrow(/^loadPosterior\(bytes\): header: expected JSON$/);
    const long = bytes.slice();
    new DataView(long.buffer).setUint32(8, 1e9, true);
    expect(() => loadPosterior(sealed(long))).toThrow(/header: its length: expected at most/);
  });

  /** Each way to spoil one entry of a value, however deep, with its path. */
  function* spoilt(value: unknown, path = ""): Generator<readonly [string, (wrong: unknown) => unknown]> {
    if (typeof value !== "object" || value === null) return;
    // Of a long list one entry of each kind.
    const seen = new Set<unknown>();
    for (const [key, part] of Object.entries(value)) {
      const kind: unknown = typeof part === "object" && part !== null && "kind" in part ? part.kind : typeof part;
      if (Array.isArray(value) && seen.size > 0 && seen.has(kind)) continue;
      seen.add(kind);
      const put = (x: unknown): unknown =>
        Array.isArray(value) ? value.map((old: unknown, i) => (i === Number(key) ? x : old)) : { ...value, [key]: x };
      const at = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
      yield [at, put];
      for (const [deeper, change] of spoilt(part, at)) yield [deeper, (x) => put(change(x))];
    }
  }

  test("every field of a header in turn, of a wrong kind or size: one error that names it, never one of the engine", () => {
    const files = [
      small(),
      savePosterior(fitTargetSync(funnel, { seed: 1, posteriorDraws: 20, signal: abortedAt(900) })),
      savePosterior(fitTargetSync(eightSchools, { algorithm: "multipathPathfinder", posteriorDraws: 20 })),
    ];
    const adam = { warmUp: false, family: "fullRank", signal: abortedAt(60), posteriorDraws: 20 } as const;
    const climbing = fitTargetSync(eightSchools, adam);
    expect(climbing.record.ended?.adam).toBeDefined();
    files.push(savePosterior(climbing));
    const compiled = everything.compile(data);
    files.push(savePosterior(fitTargetSync(compiled, { maxSteps: 3, posteriorDraws: 20 })));
    // Texts that nothing follows from, and options, which are checked when a fit is resumed.
    const free =
      /^\.(message|version)$|^\.(sites\[\d+\]\.name|names|unconstrainedNames|fit\.options|fit\.values\.plates)/;
    let tried = 0;
    for (const file of files) {
      let header: unknown;
      withHeader(file, (h) => (header = h));
      for (const [path, change] of spoilt(header))
        for (const wrong of [{ a: 1 }, null, -7, 1e300, "x", [[]]]) {
          tried++;
          let error: unknown;
          try {
            loadPosterior(withHeader(file, () => change(wrong)));
          } catch (caught) {
            error = caught;
          }
          if (error === undefined) {
            // An entry that another value does not change anything of.
            if (free.test(path) || /\.(opcode|position)$/.test(path) || (wrong === null && /labels$/.test(path)))
              continue;
            throw new Error(`${path} = ${JSON.stringify(wrong)} was accepted`);
          }
          expect(error, path).toBeInstanceOf(Error);
          expect((error as Error).message, `${path} = ${JSON.stringify(wrong)}`).toMatch(
            /^loadPosterior\(bytes\): header.*: (expected|unknown option)/,
          );
        }
    }
    expect(tried).toBeGreaterThan(1500);
    compiled.dispose();
  });
});
