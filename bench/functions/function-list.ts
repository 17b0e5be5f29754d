// The functions that are timed, with their arguments, and what each is timed beside: Math where it has the function or a formula
// of one line, else npm packages. `within` is how far apart the two may be; where it is more than a few ULP the package is the less
// exact one (docs/accuracy.md has our errors against arbitrary precision).

import betainc from "@stdlib/math-base-special-betainc";
import betaincinv from "@stdlib/math-base-special-betaincinv";
import betaln from "@stdlib/math-base-special-betaln";
import digamma from "@stdlib/math-base-special-digamma";
import erf from "@stdlib/math-base-special-erf";
import erfc from "@stdlib/math-base-special-erfc";
import erfcx from "@stdlib/math-base-special-erfcx";
import gammainc from "@stdlib/math-base-special-gammainc";
import gammaincinv from "@stdlib/math-base-special-gammaincinv";
import gammaln from "@stdlib/math-base-special-gammaln";
import trigamma from "@stdlib/math-base-special-trigamma";
import cdf from "@stdlib/stats-base-dists-normal-cdf";
import logcdf from "@stdlib/stats-base-dists-normal-logcdf";
import quantile from "@stdlib/stats-base-dists-normal-quantile";
import besselFunctions from "bessel";
import { Op } from "../../assembly/opcodes.js";
import type { CoreExports } from "../../src/core/load.js";
import { mulberry32 } from "../data.js";
import { type Case, type Entry, loop, memoryOf, type Rival } from "./rival.js";

type Range = readonly [number, number];

interface Options {
  /** Errors are relative to the value or to this, whichever is larger: for functions with a root among the arguments. */
  readonly floor?: number;
}

function uniform(n: number, [low, high]: Range, seed: number): Float64Array {
  const next = mulberry32(seed);
  return Float64Array.from({ length: n }, () => low + (high - low) * next());
}

const brief = (error: number): string => (error === 0 ? "0" : error.toExponential(0));

/** How many elements are compared: some packages take 40 µs for one. */
const CHECKED = 10_000;

/** Largest difference relative to max(floor, |want|); NaN counts as infinite. */
function largestDifference(got: Float64Array, want: Float64Array, floor: number): number {
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    const d = Math.abs(got[i]! - want[i]!) / Math.max(floor, Math.abs(want[i]!));
    if (!(d <= largest)) {
      if (Number.isNaN(d)) return Infinity;
      largest = d;
    }
  }
  return largest;
}

function entry(name: string, op: Op, ranges: readonly Range[], rivals: readonly Rival[], options: Options = {}): Entry {
  const { floor = 1e-300 } = options;
  const open = (core: CoreExports, n: number): Case => {
    const memory = memoryOf(core);
    const inputs = ranges.map((range, k) => uniform(n, range, k + 1));
    const addresses = [...inputs, undefined].map(() => memory.doubles(n));
    const words = memory.reserve(32);
    inputs.forEach((values, k) => {
      memory.f64(addresses[k]!, n).set(values);
    });
    const y = new Float64Array(n);
    const operands = new Uint32Array(core.memory.buffer, words, addresses.length);
    const engine = (from: number, to: number): void => {
      for (let k = 0; k < operands.length; k++) operands[k] = addresses[k]! + from * 8;
      core.run(op, 1, to - from, words);
    };
    return {
      engine,
      plain: (rival) => loop(rival, y, inputs),
      check(rival) {
        const count = Math.min(n, CHECKED);
        engine(0, count);
        const got = memory.f64(addresses.at(-1)!, count);
        const bad = got.findIndex((v) => !Number.isFinite(v));
        if (bad >= 0) throw new Error(`${name}: element ${bad}: expected a finite number, got ${got[bad]}`);
        if (!rival) return "–";
        loop(rival, y, inputs)(0, count);
        const apart = largestDifference(got, y.subarray(0, count), floor);
        if (!(apart <= rival.within!))
          throw new Error(`${name} beside ${rival.name}: expected differences within ${rival.within}, got ${apart}`);
        return `${brief(apart)} ≤ ${brief(rival.within!)}`;
      },
      close: () => memory.free(),
    };
  };
  return { name, setting: ranges.map(([low, high]) => `[${low}, ${high}]`).join(" × "), rivals, open };
}

/** A few ULP: V8's Math is within one, and formulas add roundings of their own. */
const close = 1e-15;
const math = (expression: string, name = expression.split("(")[0]!): Rival => ({ name, expression, within: close });
const formula = (expression: string): Rival => math(expression, "formula of Math");
const stdlib = (f: unknown, within: number, expression = "f(x)"): Rival => ({ name: "@stdlib", expression, f, within });
/** Polynomials of Abramowitz and Stegun, seven digits. */
const bessel = (expression: string): Rival => ({
  name: "bessel",
  expression,
  f: besselFunctions.besseli,
  within: 1e-6,
});

const gammaRanges = [
  [0.5, 30],
  [0.5, 30],
] as const;
const quantileRanges = [
  [0.5, 30],
  [0.01, 0.99],
] as const;
const vonMisesRanges: readonly Range[] = [
  [-3.1, 3.1],
  [0.1, 100],
];
const betaRanges = [
  [0.5, 10],
  [0.5, 10],
  [0.01, 0.99],
] as const;

export const functions: readonly Entry[] = [
  entry("exp", Op.Exp, [[-20, 20]], [math("Math.exp(x)")]),
  entry("log", Op.Log, [[0.001, 100]], [math("Math.log(x)")]),
  entry("log1p", Op.Log1p, [[-0.9, 10]], [math("Math.log1p(x)")]),
  entry("expm1", Op.Expm1, [[-5, 5]], [math("Math.expm1(x)")]),
  entry("tanh", Op.Tanh, [[-5, 5]], [math("Math.tanh(x)")]),
  entry("sigmoid", Op.Sigmoid, [[-10, 10]], [formula("1 / (1 + Math.exp(-x))")]),
  entry("softplus", Op.Softplus, [[-10, 10]], [formula("Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))")]),
  entry("logSigmoid", Op.LogSigmoid, [[-10, 10]], [formula("Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)))")]),
  entry("sin", Op.Sin, [[-30, 30]], [math("Math.sin(x)")]),
  entry("cos", Op.Cos, [[-30, 30]], [math("Math.cos(x)")]),
  entry("sqrt", Op.Sqrt, [[0, 10]], [{ ...math("Math.sqrt(x)"), within: 0 }]),
  entry(
    "pow",
    Op.Pow,
    [
      [0.1, 10],
      [-5, 5],
    ],
    [math("Math.pow(x, y)")],
  ),
  entry(
    "logAddExp",
    Op.LogAddExp,
    [
      [0, 10],
      [0, 10],
    ],
    [formula("Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)))")],
  ),
  entry("erf", Op.Erf, [[-3, 3]], [stdlib(erf, close)]),
  entry("erfc", Op.Erfc, [[-3, 10]], [stdlib(erfc, close)]),
  entry("erfcx", Op.Erfcx, [[-1, 20]], [stdlib(erfcx, close)]),
  entry("ndtr", Op.Ndtr, [[-5, 5]], [stdlib(cdf, 1e-14, "f(x, 0, 1)")]),
  entry("logNdtr", Op.LogNdtr, [[-10, 5]], [stdlib(logcdf, 1e-14, "f(x, 0, 1)")]),
  entry("ndtri", Op.Ndtri, [[0.001, 0.999]], [stdlib(quantile, 1e-14, "f(x, 0, 1)")], { floor: 0.01 }),
  entry("lgamma", Op.Lgamma, [[0.1, 30]], [stdlib(gammaln, 1e-14)], { floor: 1 }),
  entry("lgamma1p", Op.Lgamma1p, [[-0.5, 10]], [stdlib(gammaln, 1e-14, "f(1 + x)")], { floor: 1 }),
  entry("digamma", Op.Digamma, [[0.1, 30]], [stdlib(digamma, close)], { floor: 1 }),
  entry("trigamma", Op.Trigamma, [[0.1, 30]], [stdlib(trigamma, close)]),
  entry(
    "lbeta",
    Op.Lbeta,
    [
      [0.1, 30],
      [0.1, 30],
    ],
    [stdlib(betaln, 1e-14, "f(x, y)")],
    { floor: 1 },
  ),
  entry("gamma P(a, x)", Op.GammaP, gammaRanges, [stdlib(gammainc, 1e-13, "f(y, x)")]),
  entry("gamma Q(a, x)", Op.GammaQ, gammaRanges, [stdlib(gammainc, 1e-13, "f(y, x, true, true)")]),
  entry("inverse gamma P", Op.GammaPInverse, quantileRanges, [stdlib(gammaincinv, 1e-13, "f(y, x)")]),
  entry("inverse gamma Q", Op.GammaQInverse, quantileRanges, [stdlib(gammaincinv, 1e-13, "f(y, x, true)")]),
  entry("gamma ∂P/∂a", Op.GammaPShapeDerivative, gammaRanges, []),
  entry("gamma ∂x/∂a", Op.GammaSampleDerivative, gammaRanges, []),
  entry("beta I(a, b, x)", Op.BetaInc, betaRanges, [stdlib(betainc, 1e-13, "f(z, x, y)")]),
  entry("inverse beta I", Op.BetaIncInverse, betaRanges, [stdlib(betaincinv, 1e-13, "f(z, x, y)")]),
  entry("beta ∂I/∂a", Op.BetaIncDerivativeA, betaRanges, []),
  entry("beta ∂I/∂b", Op.BetaIncDerivativeB, betaRanges, []),
  entry("beta ∂x/∂a", Op.BetaSampleDerivative, betaRanges, []),
  entry("log I0", Op.LogBesselI0, [[0, 30]], [bessel("Math.log(f(x, 0))")], { floor: 1 }),
  entry("von Mises F(x, κ)", Op.VonMisesCdf, vonMisesRanges, []),
  entry("von Mises ∂F/∂κ", Op.VonMisesCdfDerivative, vonMisesRanges, []),
  entry("I1/I0", Op.BesselRatio, [[0.1, 30]], [bessel("f(x, 1) / f(x, 0)")]),
  entry(
    "Owen's T(h, a)",
    Op.OwensT,
    [
      [-3, 3],
      [-3, 3],
    ],
    [],
  ),
];
