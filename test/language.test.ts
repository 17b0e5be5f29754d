// The modelling language at its boundary: every kind of misuse is an error whose message says which argument, what was expected and
// what came. What models compute is tested in vm*.test.ts, forms of data and supports in data.test.ts and supports.test.ts.

import { describe, expect, test } from "vitest";
import type { CompiledModel } from "../src/index.js";
import * as v from "../src/index.js";
import { compile, type Definition, errorOf, withReal, withVector } from "./support/models.js";

type Context = v.ModelContext;

/** Checks a table of [what is wrong, definition, error]. */
function refuses(cases: readonly (readonly [what: string, definition: Definition, error: string])[]): void {
  test.each(cases)("%s", (_what, definition, error) => {
    expect(errorOf(() => compile(definition))).toBe(error);
  });
}

const three = ({ plate }: Context): v.PlateHandle => plate("row", 3);
/** Hands data of any kind to a plate of three rows. */
const data =
  (values: unknown): Definition =>
  (context) => {
    three(context).data(values as number[]);
  };
/** Points from three rows into a plate of two. */
const index =
  (values: unknown): Definition =>
  (context) => {
    three(context).index(values as number[], context.plate("group", 2));
  };
/** Observes three values. */
const observed =
  (likelihood: () => v.Distribution, values: readonly (number | number[])[]): Definition =>
  (context) => {
    context.observe("y", likelihood(), three(context).data(values as number[]));
  };

describe("data that do not fit are refused where they come in", () => {
  refuses([
    ["too few rows", data([1, 2]), 'RangeError: data of plate "row": expected 3 rows, got an array of 2'],
    [
      "too many rows",
      data(new Float64Array(4)),
      'RangeError: data of plate "row": expected 3 rows, got a Float64Array of 4',
    ],
    ["no rows", data([]), 'RangeError: data of plate "row": expected 3 rows, got an array of 0'],
    ["a number for rows", data(5), 'TypeError: data of plate "row": expected 3 rows, got 5'],
    ["a string", data("abc"), 'TypeError: data of plate "row": expected a number, got "abc"'],
    ["nothing", data(undefined), 'TypeError: data of plate "row": expected a number, got undefined'],
    ["an object", data({ a: 1 }), 'TypeError: data of plate "row": expected a number, got an object (Object)'],
    [
      "a ragged last row",
      data([[1, 2], [3, 4], [5]]),
      'RangeError: data of plate "row"[2]: expected 2 values like the first row, got an array of 1',
    ],
    [
      "a ragged row further in",
      data([[[1, 2]], [[1]], [[3, 4]]]),
      'RangeError: data of plate "row"[1][0]: expected 2 values like the first row, got an array of 1',
    ],
    [
      "a number among rows",
      data([[1, 2], 3, [4, 5]]),
      'TypeError: data of plate "row"[1]: expected an array of 2, got 3',
    ],
    ["NaN", data([1, Number.NaN, 3]), 'RangeError: data of plate "row"[1]: expected a number, got NaN'],
    [
      "NaN in a Float64Array",
      data(Float64Array.of(1, 2, Number.NaN)),
      'RangeError: data of plate "row"[2]: expected a number, got NaN',
    ],
    [
      "NaN in a Float32Array",
      data(Float32Array.of(1, Number.NaN, 2)),
      'RangeError: data of plate "row"[1]: expected a number, got NaN',
    ],
    [
      "NaN in a nested array",
      data([
        [1, 2],
        [Number.NaN, 1],
        [1, 1],
      ]),
      'RangeError: data of plate "row"[1][0]: expected a number, got NaN',
    ],
    ["a missing value", data([1, null, 3]), 'TypeError: data of plate "row"[1]: expected a number, got null'],
    [
      "an undefined value",
      data([1, undefined, 3]),
      'TypeError: data of plate "row"[1]: expected a number, got undefined',
    ],
    ["holes", data(new Array(3)), 'TypeError: data of plate "row"[0]: expected a number, got undefined'],
    ["a number as text", data([1, "2", 3]), 'TypeError: data of plate "row"[1]: expected a number, got "2"'],
    [
      "a flat array that is not rows × shape",
      (context) => three(context).data(new Float64Array(5), [2]),
      'RangeError: data of plate "row": expected 3 × 2 numbers, got a Float64Array of 5',
    ],
    [
      "a row shape of 0",
      (context) => three(context).data(new Float64Array(6), [0]),
      'RangeError: data of plate "row": shape: expected an integer of at least 1, got 0',
    ],
    [
      "a row shape that is a number",
      (context) => three(context).data(new Float64Array(6), 2 as unknown as number[]),
      'TypeError: data of plate "row": shape: expected an array of lengths, got 2',
    ],
  ]);
});

describe("indices and labels that point nowhere are refused with their place", () => {
  const label = 'index of plate "row" into plate "group"';
  refuses([
    ["too large", index([0, 2, 1]), `RangeError: ${label}[1]: expected an integer in 0..1, got 2`],
    ["negative", index([0, -1, 1]), `RangeError: ${label}[1]: expected an integer in 0..1, got -1`],
    ["fractional", index([0, 0.5, 1]), `RangeError: ${label}[1]: expected an integer in 0..1, got 0.5`],
    ["NaN", index([0, Number.NaN, 1]), `RangeError: ${label}[1]: expected an integer in 0..1, got NaN`],
    ["too large a bigint", index([0n, 5n, 1n]), `RangeError: ${label}[1]: expected an integer in 0..1, got 5`],
    ["missing", index([0, null, 1]), `TypeError: ${label}[1]: expected an integer in 0..1, got null`],
    ["too few", index([0, 1]), `RangeError: ${label}: expected 3 entries, got an array of 2`],
    ["a number", index(3), `TypeError: ${label}: expected an array of integers in 0..1, got 3`],
    [
      "labels for a plate without",
      index(["a", "b", "a"]),
      `TypeError: ${label}[0]: expected an integer in 0..1, got "a"`,
    ],
    [
      "a label that the plate does not have",
      (context) => three(context).index(["a", "d", "b"], context.plate("group", ["a", "b"])),
      `RangeError: ${label}[1]: "d" is not among the plate's labels`,
    ],
    [
      "a label that stands for two rows",
      ({ plate }) => plate("group", ["a", "b", "a"]),
      'RangeError: plate("group"): the label "a" is used twice',
    ],
    [
      "beyond the end of a vector",
      (context) => three(context).index([0, 3, 1], 3),
      'RangeError: index of plate "row" into a vector[1]: expected an integer in 0..2, got 3',
    ],
    [
      "into neither a plate nor a vector",
      (context) => three(context).index([0, 1, 1], "x" as unknown as number),
      'TypeError: index of plate "row" into a vector: length: expected an integer of at least 1, got "x"',
    ],
    [
      "an index of another plate",
      ({ plate, sample }) => {
        const [p, q] = [plate("p", 4), plate("q", 4)];
        sample("z", v.normal(0, 1), q).at(plate("row", 1).index([0], p));
      },
      'TypeError: at(index): the index points into plate "p", the value is in plate "q"',
    ],
    [
      "an index into a plate, of a vector outside",
      withVector(4, (z, { plate }) => z.at(plate("row", 1).index([0], plate("p", 4)))),
      'TypeError: at(index): the index points into plate "p", the value is outside plates',
    ],
    [
      "an index into a vector of another length",
      withVector(4, (z, { plate }) => z.at(plate("row", 1).index([0], 3))),
      "RangeError: at(index): expected a vector of 3 elements, got 4",
    ],
    [
      "an index into a subsampled plate",
      ({ plate, sample }) => {
        const p = plate("p", 4, { subsample: 2 });
        sample("z", v.normal(0, 1), p).at(plate("row", 1).index([0], p));
      },
      'TypeError: at(index): plate "p" is subsampled; only whole plates can be indexed into',
    ],
    [
      "a position beyond a vector",
      withVector(4, (z) => z.at(4)),
      "RangeError: at(...)[0]: expected an integer in 0..3, got 4",
    ],
    [
      "two positions in a vector",
      withVector(4, (z) => z.at(1, 1)),
      "RangeError: at(...): expected at most 1 positions, got 2",
    ],
    ["a position in a scalar", withReal((z) => z.at(0)), "RangeError: at(...): expected at most 0 positions, got 1"],
    ["no position", withVector(4, (z) => z.at()), "TypeError: at(...)[0]: expected an integer in 0..3, got undefined"],
  ]);
});

describe("observations outside a distribution's support are refused with the first of them", () => {
  const at = 'RangeError: observe("y"): data[1]: expected';
  refuses([
    [
      "gamma",
      observed(() => v.gamma(1, 1), [1, -1, 2]),
      `${at} a positive number, got -1, outside the support of gamma`,
    ],
    [
      "log-normal",
      observed(() => v.logNormal(0, 1), [1, 0, 2]),
      `${at} a positive number, got 0, outside the support of logNormal`,
    ],
    [
      "exponential",
      observed(() => v.exponential(1), [1, -1, 2]),
      `${at} a number of at least 0, got -1, outside the support of exponential`,
    ],
    ["bernoulli", observed(() => v.bernoulli(0.5), [0, 2, 1]), `${at} 0 or 1, got 2, outside the support of bernoulli`],
    [
      "bernoulli with a logit",
      observed(() => v.bernoulliLogit(0), [0, 0.5, 1]),
      `${at} 0 or 1, got 0.5, outside the support of bernoulliLogit`,
    ],
    [
      "poisson, a fraction",
      observed(() => v.poisson(2), [1, 1.5, 2]),
      `${at} an integer of at least 0, got 1.5, outside the support of poisson`,
    ],
    [
      "poisson, a negative count",
      observed(() => v.poissonLog(2), [1, -1, 2]),
      `${at} an integer of at least 0, got -1, outside the support of poissonLog`,
    ],
    [
      "binomial beyond its trials",
      observed(() => v.binomial(3, 0.5), [1, 4, 2]),
      `${at} an integer in 0..3, got 4, outside the support of binomial`,
    ],
    [
      "beta",
      observed(() => v.beta(2, 2), [0.5, 1.5, 0.2]),
      `${at} a number in [0, 1], got 1.5, outside the support of beta`,
    ],
    [
      "uniform",
      observed(() => v.uniform(0, 2), [0.5, 2.5, 0.2]),
      `${at} a number in [0, 2], got 2.5, outside the support of uniform`,
    ],
    [
      "an infinite number",
      observed(() => v.normal(0, 1), [0, Number.POSITIVE_INFINITY, 1]),
      `${at} a finite number, got Infinity, outside the support of normal`,
    ],
    [
      "a class that is not there",
      observed(() => v.categoricalLogit([1, 1]), [0, 2, 1]),
      `${at} an integer in 0..1, got 2, outside the support of categoricalLogit`,
    ],
    [
      "what no component of a mixture gives",
      observed(() => v.mixture([0.5, 0.5], [v.gamma(1, 1), v.exponential(1)]), [1, -3, 1]),
      `${at} a number of at least 0, got -3, outside the support of mixture`,
    ],
    [
      "what is off the simplex",
      observed(
        () => v.dirichlet([1, 1]),
        [
          [0.5, 0.5],
          [0.5, 0.6],
          [1, 0],
        ],
      ),
      `${at} non-negative numbers that add up to 1, got 1.1, outside the support of dirichlet`,
    ],
    [
      "a single number",
      ({ observe }) => observe("y", v.gamma(1, 1), -1),
      'RangeError: observe("y"): data: expected a positive number, got -1, outside the support of gamma',
    ],
    [
      "what a transformation makes of data",
      (context) => context.observe("y", v.gamma(1, 1), three(context).data([2, 0.5, 3]).log()),
      `${at} a positive number, got -0.6931471805599453, outside the support of gamma`,
    ],
    [
      "the NaN that a transformation makes of data, in a subsampled plate too",
      ({ plate, observe }) => observe("y", v.normal(0, 1), plate("row", 3, { subsample: 2 }).data([2, -0.5, 3]).log()),
      `${at} a finite number, got NaN, outside the support of normal`,
    ],
  ]);
});

describe("names, plates and values must be of this model, once", () => {
  let foreignPlate!: v.PlateHandle;
  let foreignValue!: v.Expression;
  compile(({ plate, sample }) => {
    foreignPlate = plate("row", 3);
    foreignValue = sample("z", v.normal(0, 1));
  });
  const stranger = 'plate "row" does not belong to this model; make it with plate() inside the definition';
  const leaked = "expected values of this model, got one that depends on a latent of another";
  const twice = (word: string): string => `RangeError: ${word}: the name is used twice`;
  refuses([
    [
      "a plate of another model",
      ({ sample }) => sample("x", v.normal(0, 1), foreignPlate),
      `RangeError: sample("x"): ${stranger}`,
    ],
    [
      "data of such a plate",
      withReal((z, { observe }) => observe("y", v.normal(z, 1), foreignPlate.data([1, 2, 3]))),
      `RangeError: observe("y"): ${stranger}`,
    ],
    [
      "such data in a factor",
      withReal((z, { factor }) => factor("f", z.mul(foreignPlate.data([1, 2, 3])))),
      `RangeError: factor("f"): ${stranger}`,
    ],
    [
      "a latent of another model in a prior",
      ({ sample }) => sample("x", v.normal(foreignValue, 1)),
      `RangeError: sample("x"): ${leaked}`,
    ],
    [
      "such a latent in a likelihood",
      withReal((z, { observe }) => observe("y", v.normal(z.add(foreignValue), 1), 0)),
      `RangeError: observe("y"): ${leaked}`,
    ],
    [
      "such a latent in a factor",
      withReal((z, { factor }) => factor("f", z.add(foreignValue))),
      `RangeError: factor("f"): ${leaked}`,
    ],
    [
      "such a latent in a report",
      withReal((z, { deterministic }) => deterministic("d", z.add(foreignValue))),
      `RangeError: deterministic("d"): ${leaked}`,
    ],
    [
      "a plate by its name",
      ({ sample }) => sample("x", v.normal(0, 1), "row" as unknown as v.PlateHandle),
      'TypeError: sample("x"): expected a plate or options { plate, shape, support }, got "row"',
    ],
    [
      "a plate by its name in the options",
      ({ sample }) => sample("x", v.normal(0, 1), { plate: "row" as unknown as v.PlateHandle }),
      'TypeError: sample("x"): plate: expected a plate made with plate(name, size), got "row"',
    ],
    ["two latents of one name", withReal((_z, { sample }) => sample("z", v.normal(0, 1))), twice('sample("z")')],
    [
      "data under a latent's name",
      withReal((_z, { observe }) => observe("z", v.normal(0, 1), 1)),
      twice('observe("z")'),
    ],
    [
      "a report under a latent's name",
      withReal((z, { deterministic }) => deterministic("z", z)),
      twice('deterministic("z")'),
    ],
    ["a factor under a latent's name", withReal((z, { factor }) => factor("z", z)), twice('factor("z")')],
    ["two plates of one name", (context) => [three(context), three(context)], twice('plate("row")')],
    ["an empty name", ({ sample }) => sample("", v.normal(0, 1)), 'TypeError: sample(name): expected a name, got ""'],
    [
      "a name that is a number",
      ({ plate }) => plate(3 as unknown as string, 2),
      "TypeError: plate(name): expected a name, got 3",
    ],
    [
      "a model without a latent",
      ({ observe }) => observe("y", v.normal(0, 1), 1),
      "TypeError: model: expected at least one sample(...) site, got a model with no latent",
    ],
    [
      "a misspelt option of a plate",
      ({ plate }) => plate("p", 3, { subsampel: 2 } as v.PlateOptions),
      'TypeError: plate("p").subsampel: unknown option; expected one of subsample',
    ],
    [
      "a misspelt option of a latent",
      ({ sample }) => sample("x", v.normal(0, 1), { size: 3 } as v.SampleOptions),
      'TypeError: sample("x").size: unknown option; expected one of plate, shape, support',
    ],
    [
      "a plate of no rows",
      ({ plate }) => plate("p", 0),
      'RangeError: plate("p"): size: expected an integer of at least 1, got 0',
    ],
    [
      "a plate of an empty array",
      ({ plate }) => plate("p", []),
      'RangeError: plate("p"): size: expected an integer of at least 1, got 0',
    ],
    [
      "a plate of an object",
      ({ plate }) => plate("p", {} as unknown as number),
      'TypeError: plate("p"): size: expected a number of rows or an array of them, got an object (Object)',
    ],
    [
      "batches larger than the plate",
      ({ plate }) => plate("p", 3, { subsample: 4 }),
      'RangeError: plate("p"): subsample: expected an integer in 1..3, got 4',
    ],
    [
      "batches of nothing",
      ({ plate }) => plate("p", 3, { subsample: 0 }),
      'RangeError: plate("p"): subsample: expected an integer in 1..3, got 0',
    ],
  ]);

  test("a definition that is no function, or an asynchronous one, is refused, and its late failure is not let loose", async () => {
    expect(errorOf(() => v.model("x" as unknown as Definition))).toBe(
      'TypeError: model(definition): expected a function (context, data) => void, got "x"',
    );
    const late = async ({ sample }: Context): Promise<void> => {
      sample("z", v.normal(0, 1));
      await null;
      throw new Error("too late");
    };
    expect(errorOf(() => compile(late as unknown as Definition))).toBe(
      "TypeError: model(definition): expected a synchronous function, got a promise",
    );
    await new Promise((resolve) => setTimeout(resolve, 5)); // an unhandled rejection would fail this file
  });
});

describe("shapes are never matched in silence", () => {
  refuses([
    [
      "a prior of two for a latent of three",
      ({ sample }) => sample("x", v.normal([0, 0], 1), { shape: [3] }),
      'RangeError: sample("x"): shape: expected [2] as normal has, got [3]',
    ],
    [
      "a simplex of two for three",
      ({ sample }) => sample("x", v.dirichlet([1, 1]), { shape: [3] }),
      'RangeError: sample("x"): shape: expected [2] as dirichlet has, got [3]',
    ],
    [
      "a shape that is a number",
      ({ sample }) => sample("x", v.normal(0, 1), { shape: 3 as unknown as number[] }),
      'TypeError: sample("x"): shape: expected an array of lengths, got 3',
    ],
    [
      "a shape of 0",
      ({ sample }) => sample("x", v.normal(0, 1), { shape: [0] }),
      'RangeError: sample("x"): shape: expected an integer of at least 1, got 0',
    ],
    [
      "three dimensions",
      ({ sample }) => sample("x", v.normal(0, 1), { shape: [2, 2, 2] }),
      'RangeError: sample("x"): shape: expected at most two dimensions, got an array of 3',
    ],
    [
      "an array for one observation",
      withReal((z, { observe }) => observe("x", v.normal(z, 1), [1, 2, 3])),
      'RangeError: observe("x"): expected one value, got shape [3]; repeated observations belong in a plate: plate("rows", 3).data(values)',
    ],
    [
      "two observations of a vector of three",
      withVector(3, (z, { observe }) => observe("x", v.normal(z, 1), [1, 2])),
      'RangeError: observe("x"): expected values of shape [3], got shape [2]',
    ],
    [
      "a number per row where a vector is wanted",
      withVector(3, (z, context) => context.observe("x", v.normal(z, 1), three(context).data([1, 2, 3]))),
      'RangeError: observe("x"): expected values of shape [3] per row, got shape []',
    ],
    [
      "one number for a plate of likelihoods",
      (context) => {
        const z = context.sample("z", v.normal(0, 1), three(context));
        context.observe("x", v.normal(z, 1), 1);
      },
      'TypeError: observe("x"): expected data of plate "row", got values outside plates',
    ],
    [
      "data of one plate, parameters of another",
      ({ plate, sample, observe }) => {
        const z = sample("z", v.normal(0, 1), plate("a", 3));
        observe("x", v.normal(z, 1), plate("b", 3).data([1, 2, 3]));
      },
      'TypeError: observe("x"): expected values of one plate, got plate "b" and plate "a"; index one into the other with .at(index)',
    ],
    [
      "a latent in one plate, its prior in another",
      ({ plate, sample }) => sample("y", v.normal(sample("z", v.normal(0, 1), plate("a", 3)), 1), plate("b", 3)),
      'TypeError: sample("y"): expected plate "b", but the prior\'s parameters are in plate "a"',
    ],
    [
      "values of two plates added",
      ({ plate, sample }) => sample("z", v.normal(0, 1), plate("a", 3)).add(plate("b", 3).data([1, 2, 3])),
      'TypeError: arithmetic: expected values of one plate, got plate "a" and plate "b"; index one into the other with .at(index)',
    ],
    [
      "vectors of two lengths added",
      withVector(2, (z) => z.add([1, 2, 3])),
      "TypeError: arithmetic: expected equal shapes, got [2] and [3]",
    ],
    [
      "coefficients that do not fit the columns",
      withVector(3, (z, context) =>
        context
          .plate("row", 1)
          .data([[1, 2]])
          .dot(z),
      ),
      "TypeError: dot: expected 2 coefficients for rows of 2 columns, got shape [3]",
    ],
    [
      "a scalar for coefficients",
      withReal((z, context) =>
        context
          .plate("row", 1)
          .data([[1, 2]])
          .dot(z),
      ),
      "TypeError: dot: expected 2 coefficients for rows of 2 columns, got shape []",
    ],
    [
      "an inner product of two lengths",
      withVector(3, (z) => z.dot([1, 2])),
      "TypeError: dot: expected equal shapes, got [3] and [2]",
    ],
    ["logSumExp of a scalar", withReal(v.logSumExp), "TypeError: logSumExp: expected a vector, got shape []"],
    [
      "running sums of a matrix",
      ({ sample }) => v.cumulativeSum(sample("z", v.normal(0, 1), { shape: [2, 2] })),
      "TypeError: cumulativeSum: expected a vector, got shape [2, 2]",
    ],
    [
      "a sum over rows outside plates",
      withReal((z) => z.sumRows()),
      "TypeError: sumRows: expected a value in a plate, got one outside plates",
    ],
    [
      "a sum over rows of which only a batch is there",
      ({ plate, sample }) => sample("z", v.normal(0, 1), plate("p", 4, { subsample: 2 })).sumRows(),
      'TypeError: sumRows: plate "p" is subsampled, so a batch does not have the sum; factor() adds up a value over all rows',
    ],
    [
      "a support of vectors for a scalar",
      ({ sample }) => sample("x", v.normal(0, 1), { support: v.ordered }),
      'RangeError: sample("x"): shape: expected a vector\'s, for numbers in increasing order, got []; give one length, such as { shape: [3] }',
    ],
    [
      "a support of vectors for a matrix",
      ({ sample }) => sample("x", v.normal(0, 1), { shape: [2, 3], support: v.simplex }),
      'RangeError: sample("x"): shape: expected a vector\'s, for non-negative numbers that add up to 1, got [2, 3]; give one length, such as { shape: [3] }',
    ],
    [
      "a covariance that is not square",
      ({ sample }) =>
        sample(
          "x",
          v.multivariateNormal(
            [0, 0],
            [
              [1, 0, 0],
              [0, 1, 0],
            ],
          ),
        ),
      "RangeError: multivariateNormal(loc, scaleTril): scaleTril: expected shape [2, 2], got [2, 3]",
    ],
    [
      "a simplex of one",
      ({ sample }) => sample("x", v.dirichlet([1])),
      "TypeError: dirichlet(concentration): concentration: expected a vector of at least 2 elements, got shape [1]",
    ],
  ]);
});

describe("parameters and supports are held to their domains when the model is traced", () => {
  const constrain = "; constrain it, by its prior's support or by exp, softplus or sigmoid";
  const probability = "RangeError: bernoulli(probability): probability: expected a number in [0, 1], got";
  const scale = "RangeError: normal(loc, scale): scale: expected a positive number, got";
  refuses([
    [
      "a scale without a constraint",
      withReal((z, { observe }) => observe("y", v.normal(0, z), 1)),
      `${scale} a value that can be as low as -Infinity${constrain}`,
    ],
    [
      "minus a scale",
      ({ sample, observe }) => observe("y", v.normal(0, sample("s", v.halfNormal(1)).neg()), 1),
      `${scale} a value that can be as low as -Infinity${constrain}`,
    ],
    ["a negative scale", ({ sample }) => sample("x", v.normal(0, -1)), `${scale} -1`],
    ["a scale of 0", ({ sample }) => sample("x", v.normal(0, 0)), `${scale} 0`],
    ["an infinite scale", ({ sample }) => sample("x", v.normal(0, Number.POSITIVE_INFINITY)), `${scale} Infinity`],
    [
      "a negative scale among several",
      ({ sample }) => sample("x", v.normal(0, [1, -2])),
      "RangeError: normal(loc, scale): scale[1]: expected a positive number, got -2",
    ],
    [
      "no scale",
      ({ sample }) => sample("x", v.normal(0, undefined as unknown as number)),
      "TypeError: normal(loc, scale): scale: expected a number, an array or a value of the model, got undefined",
    ],
    [
      "a location that is NaN",
      ({ sample }) => sample("x", v.normal(Number.NaN, 1)),
      "RangeError: normal(loc, scale): loc: expected a number, got NaN",
    ],
    [
      "a location that is text",
      ({ sample }) => sample("x", v.normal("a" as unknown as number, 1)),
      'TypeError: normal(loc, scale): loc: expected a number, an array or a value of the model, got "a"',
    ],
    ["a probability above 1", ({ observe }) => observe("y", v.bernoulli(1.2), 1), `${probability} 1.2`],
    [
      "a probability that can be above 1",
      ({ sample, observe }) => observe("y", v.bernoulli(sample("p", v.halfNormal(1))), 1),
      `${probability} a value that can be as high as Infinity${constrain}`,
    ],
    [
      "a probability that can be below 0",
      withReal((z, { observe }) => observe("y", v.bernoulli(z), 1)),
      `${probability} a value that can be as low as -Infinity${constrain}`,
    ],
    [
      "a rate that can be negative",
      withReal((z, { observe }) => observe("y", v.poisson(z), 1)),
      `RangeError: poisson(rate): rate: expected a number of at least 0, got a value that can be as low as -Infinity${constrain}`,
    ],
    [
      "a number of trials that is none",
      ({ observe }) => observe("y", v.binomial(2.5, 0.5), 1),
      "RangeError: binomial(trials, probability): trials: expected an integer of at least 0, got 2.5",
    ],
    [
      "bounds in the wrong order",
      ({ sample }) => sample("x", v.uniform(2, 1)),
      "RangeError: uniform(low, high): expected low < high, got 2 and 1",
    ],
    [
      "bounds that move",
      withReal((z, { sample }) => sample("x", v.uniform(0, z.exp()))),
      "TypeError: uniform(low, high): expected numbers for low and high, got a value of the model or an array",
    ],
    [
      "a Cholesky factor that is none",
      ({ sample }) =>
        sample(
          "x",
          v.multivariateNormal(
            [0, 0],
            [
              [1, 0],
              [0, -1],
            ],
          ),
        ),
      "RangeError: multivariateNormal(loc, scaleTril): scaleTril[1][1]: expected a positive number (a Cholesky factor), got -1",
    ],
    [
      "a discrete latent",
      ({ sample }) => sample("k", v.poisson(2)),
      'TypeError: sample("k"): poisson is discrete and has no gradient; sum the latent out, with mixture(weights, components)',
    ],
    [
      "a prior that is a number",
      ({ sample }) => sample("k", 3 as unknown as v.Distribution),
      'TypeError: sample("k"): prior: expected a distribution, got 3',
    ],
    [
      "a likelihood that is a function",
      ({ observe }) => observe("k", v.normal as unknown as v.Distribution, 1),
      'TypeError: observe("k"): likelihood: expected a distribution, got a function (normal)',
    ],
    [
      "a latent for data",
      withReal((z, { observe }) => observe("y", v.normal(0, 1), z)),
      'TypeError: observe("y"): expected data, got a value that depends on a latent; use factor() for such terms',
    ],
    [
      "a factor of NaN",
      withReal((_z, { factor }) => factor("f", Number.NaN)),
      'RangeError: factor("f"): expected a number, got NaN',
    ],
    [
      "a support wider than the prior's",
      ({ sample }) => sample("x", v.gamma(1, 1), { support: v.real }),
      'RangeError: sample("x"): support: expected a part of the support of gamma (a positive number), got a finite number',
    ],
    [
      "a support that loses the prior's structure",
      ({ sample }) => sample("x", v.dirichlet([1, 1]), { support: v.unitInterval }),
      'RangeError: sample("x"): support: expected a part of the support of dirichlet (non-negative numbers that add up to 1), got a number in [0, 1]',
    ],
    [
      "a support by its name",
      ({ sample }) => sample("x", v.gamma(1, 1), { support: "positive" as unknown as v.Support }),
      'TypeError: sample("x"): support: expected a support such as positive or interval(0, 1), got "positive"',
    ],
    ["an empty interval", () => v.interval(1, 0), "RangeError: interval(low, high): expected low < high, got 1 and 0"],
    [
      "a bound that is text",
      () => v.lower("a" as unknown as number),
      'TypeError: lower(bound): expected a number, got "a"',
    ],
    [
      "more weights than components",
      ({ sample }) => sample("x", v.mixture([0.5, 0.5], [v.normal(0, 1)])),
      "RangeError: mixture(weights, components): expected as many weights as components (1), got 2",
    ],
    [
      "weights that do not add up to 1",
      ({ sample }) => sample("x", v.mixture([0.5, 0.6], [v.normal(0, 1), v.normal(0, 2)])),
      "RangeError: mixture(weights, components): weights: expected numbers that add up to 1, got 1.1",
    ],
    [
      "weights of a typed array that do not",
      ({ sample }) => sample("x", v.mixture(Float64Array.of(0.5, 0.6), [v.normal(0, 1), v.normal(0, 2)])),
      "RangeError: mixture(weights, components): weights: expected numbers that add up to 1, got 1.1",
    ],
    [
      "a weight that can be above 1",
      ({ sample }) => sample("x", v.mixture([sample("w", v.halfNormal(1)), 0.5], [v.normal(0, 1), v.normal(0, 2)])),
      `RangeError: mixture(weights, components): weights[0]: expected a number in [0, 1], got a value that can be as high as Infinity${constrain}`,
    ],
    [
      "a component that is none",
      ({ sample }) => sample("x", v.mixture([0.5, 0.5], [v.normal(0, 1), 3 as unknown as v.Distribution])),
      "TypeError: mixture(weights, components): components: expected an array of distributions, got an array of 2",
    ],
    [
      "components of two kinds",
      ({ sample }) => sample("x", v.mixture([0.5, 0.5], [v.normal(0, 1), v.poisson(1)])),
      "TypeError: mixture(weights, components): expected components of one kind, got normal, poisson",
    ],
  ]);

  test("what cannot leave its domain is accepted: scales, probabilities and weights by their supports and functions", () => {
    const model = compile(({ sample, observe, plate }) => {
      const rows = plate("row", [1, 0, 1]);
      const weights = sample("weights", v.dirichlet([1, 2, 3]));
      const s = sample("s", v.halfCauchy(1));
      const p = sample("p", v.beta(1, 1));
      const z = sample("z", v.normal(0, 1));
      const y = rows.data([1, 0, 1]);
      observe("a", v.bernoulli(weights.at(2)), y);
      observe("b", v.bernoulli(v.sub(1, p.mul(0.5))), y);
      observe("c", v.bernoulli(v.softmax(v.concat(z, 1)).at(0)), y);
      observe("d", v.normal(0, s.sqrt().add(v.softplus(z))), y);
      observe("e", v.normal(0, v.exp(z).mul(s).add(0.1)), y);
      observe("f", v.normal(0, v.max(z, 0.5)), y);
      observe("g", v.mixture(weights, [v.normal(0, 1), v.normal(1, 1), v.normal(2, 1)]), y);
      observe("h", v.poisson(z.square()), y);
      observe("i", v.bernoulli(v.tanh(s)), y);
    });
    expect(model.dimension).toBe(5);
    model.dispose();
  });
});

describe("calls of a compiled model are held to its dimension and its life", () => {
  const make = (): CompiledModel => compile(withVector(3, () => {}));
  test("coordinates of the wrong number or kind", () => {
    const model = make();
    const three = (): Float64Array => new Float64Array(3);
    expect(errorOf(() => model.logDensityGradient(new Float64Array(2), three()))).toBe(
      "RangeError: theta: expected 3 coordinates, got a Float64Array of 2",
    );
    expect(errorOf(() => model.logDensityGradient([1, 2, 3] as unknown as Float64Array, three()))).toBe(
      "TypeError: theta: expected a Float64Array, got an array of 3",
    );
    expect(errorOf(() => model.logDensityGradient(three(), new Float64Array(4)))).toBe(
      "RangeError: gradient: expected 3 coordinates, got a Float64Array of 4",
    );
    expect(errorOf(() => model.constrain(new Float64Array(2)))).toBe(
      "RangeError: theta: expected 3 coordinates, got a Float64Array of 2",
    );
    expect(errorOf(() => model.constrainDraws(new Float64Array(4), 2))).toBe(
      "RangeError: thetas: expected 2 × 3 coordinates, got a Float64Array of 4",
    );
    model.dispose();
  });

  test("after dispose(), which may be called twice", () => {
    const model = make();
    model.dispose();
    model.dispose();
    const gone = "Error: this model was disposed of: its data are no longer in memory";
    expect(errorOf(() => model.logDensityGradient(new Float64Array(3), new Float64Array(3)))).toBe(gone);
    expect(errorOf(() => model.constrain(new Float64Array(3)))).toBe(gone);
    expect(errorOf(() => model.program(1))).toBe(gone);
  });
});
