// W5, the single kernels: elementary functions, Adam, the fill with normals and a sum of normal log densities, per element, in a cache's
// worth of data and in a million elements. The plain side is the obvious loop over typed arrays with the host's Math. Before
// anything is timed the results are compared, to the error stated with each kernel.

import { Op } from "../assembly/opcodes.js";
import { core } from "../src/core/load.js";
import { f64, i32, Scope } from "../src/core/memory.js";
import { halfNormal, model, normal } from "../src/index.js";
import { adam, adamState } from "./baseline.js";
import type { Side } from "./comparison.js";
import { adamSettings, mulberry32 } from "./data.js";
import { fillNormals } from "./random.js";

/** The two sides of a kernel, with a check that throws when they disagree. */
export interface KernelPair {
  readonly plain: Side;
  readonly engine: Side;
  check(): void;
  dispose(): void;
}

export interface Kernel {
  readonly name: string;
  /** How far the two results may be apart, in words. */
  readonly agreement: string;
  /** How much faster than the plain loop the engine has to be; absent: not slower. */
  readonly required?: number;
  make(n: number): KernelPair;
}

export const kernelSizes = [1_000, 1_000_000] as const;

/** Arguments: uniform on 0.1…9.1. */
function argumentsOf(n: number, shift = 0): Float64Array {
  const uniform = mulberry32(5);
  return Float64Array.from({ length: n }, () => 0.1 + 9 * uniform() + shift);
}

function assertClose(
  name: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
  floor = 0,
): void {
  if (got.length !== want.length) throw new Error(`${name}: expected ${want.length} values, got ${got.length}`);
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i]! - want[i]!);
    if (!(error <= tolerance * Math.max(floor, Math.abs(want[i]!))))
      throw new Error(`${name}: element ${i}: expected ${want[i]} within ${tolerance}, got ${got[i]}`);
  }
}

/** Operand words of one kernel call. */
function operands(scope: Scope, ...addresses: number[]): number {
  const words = scope.bytes(4 * addresses.length);
  i32(words, addresses.length).set(addresses);
  return words;
}

/** An elementwise function; `floor`: the error is relative to the value or to this, whichever is larger. */
function map(
  name: string,
  op: Op,
  loop: (x: Float64Array, y: Float64Array) => void,
  required: number,
  tolerance: number,
  floor = 0,
  shift = 0,
): Kernel {
  return {
    name,
    agreement: floor ? `${tolerance} of max(${floor}, |value|)` : `${tolerance} relative`,
    required,
    make(n) {
      const scope = new Scope();
      const x = argumentsOf(n, shift);
      const y = new Float64Array(n);
      const out = scope.doubles(n);
      const words = operands(scope, scope.copy(x), out);
      return {
        plain: { count: n, run: () => loop(x, y) },
        engine: { count: n, run: () => core().run(op, n, n, words) },
        check() {
          this.plain.run();
          this.engine.run();
          assertClose(name, f64(out, n), y, tolerance, floor);
        },
        dispose: () => scope.dispose(),
      };
    },
  };
}

function exp(x: Float64Array, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) y[i] = Math.exp(x[i]!);
}

function log(x: Float64Array, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) y[i] = Math.log(x[i]!);
}

function softplus(x: Float64Array, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) {
    const v = x[i]!;
    y[i] = Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
  }
}

/** Lanczos' approximation with g = 7 and nine terms (Godfrey 2001): good to about 1e-14. */
const LANCZOS = [
  0.9999999999998099, 676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
] as const;

function lgamma(x: Float64Array, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) {
    const v = x[i]!;
    const t = v + 6.5;
    let a: number = LANCZOS[0];
    for (let k = 1; k < 9; k++) a += LANCZOS[k]! / (v + k - 1);
    y[i] = 0.9189385332046727 + (v - 0.5) * Math.log(t) - t + Math.log(a);
  }
}

const adamKernel: Kernel = {
  name: "Adam",
  agreement: "1e-12 of max(1, |value|) after 50 steps",
  required: 2.5,
  make(n) {
    const scope = new Scope();
    const gradient = argumentsOf(n, -4);
    const parameters = new Float64Array(n);
    const state = adamState(n);
    const [p, g, first, second] = [scope.doubles(n), scope.copy(gradient), scope.doubles(n), scope.doubles(n)];
    const { rate, beta1, beta2, epsilon } = adamSettings;
    const settings = scope.copy([rate, beta1, beta2, epsilon, 1, 1]);
    return {
      plain: { count: n, run: () => adam(parameters, gradient, state) },
      engine: { count: n, run: () => core().adam(n, p, g, first, second, settings) },
      check() {
        for (let k = 0; k < 50; k++) {
          this.plain.run();
          this.engine.run();
        }
        assertClose("Adam", f64(p, n), parameters, 1e-12, 1);
      },
      dispose: () => scope.dispose(),
    };
  },
};

/** Mean, variance and fourth moment lie within five standard errors of a standard normal's. */
function assertNormal(name: string, x: Float64Array): void {
  const n = x.length;
  const moment = (power: number): number => x.reduce((s, v) => s + v ** power, 0) / n;
  for (const [power, mean, variance] of [
    [1, 0, 1],
    [2, 1, 2],
    [3, 0, 15],
    [4, 3, 96],
  ] as const) {
    const z = (moment(power) - mean) / Math.sqrt(variance / n);
    if (!(Math.abs(z) <= 5)) throw new Error(`${name}: moment ${power} is ${z} standard errors from that of a normal`);
  }
}

const normalFill: Kernel = {
  name: "normal fill",
  agreement: "four moments of each within 5 standard errors",
  required: 2,
  make(n) {
    const scope = new Scope();
    const values = new Float64Array(n);
    const out = scope.doubles(n);
    let step = 0;
    return {
      plain: { count: n, run: () => fillNormals(values) },
      engine: { count: n, run: () => core().fillNormals(1, 2, 0, step++, 1, n, out, 0, 0) },
      check() {
        this.plain.run();
        this.engine.run();
        assertNormal("normal fill, plain", values);
        assertNormal("normal fill, engine", f64(out, n));
      },
      dispose: () => scope.dispose(),
    };
  },
};

const gaussian = model(({ sample, observe, plate }, x: Float64Array) => {
  const row = plate("row", x);
  const mean = sample("mean", normal(0, 1));
  const scale = sample("scale", halfNormal(1));
  observe("x", normal(mean, scale), row.data(x));
});

/** The log joint of a normal sample with two latents, as the compiler makes it, against the loop one would write. */
const normalSum: Kernel = {
  name: "normal log density, sum and gradient",
  agreement: "1e-12 relative",
  make(n) {
    const x = argumentsOf(n);
    const compiled = gaussian.compile(x);
    const program = compiled.program(1);
    const theta = [4.5, 0.7] as const;
    program.theta().set(theta);
    const result = new Float64Array(3);
    const half = 0.5 * Math.log(2 * Math.PI);
    const plain = (): void => {
      const mean = theta[0];
      const logScale = theta[1];
      const scale = Math.exp(logScale);
      const inverse = 1 / scale;
      let sum = 0;
      let squares = 0;
      for (let i = 0; i < x.length; i++) {
        const d = (x[i]! - mean) * inverse;
        sum += d;
        squares += d * d;
      }
      const prior = -0.5 * mean * mean - half + Math.log(2) - half - 0.5 * scale * scale + logScale;
      result[0] = prior - 0.5 * squares - n * (logScale + half);
      result[1] = -mean + sum * inverse;
      result[2] = 1 - scale * scale + squares - n;
    };
    return {
      plain: { count: n, run: plain },
      engine: { count: n, run: () => program.evaluate() },
      check() {
        this.plain.run();
        this.engine.run();
        const got = [program.logDensity()[0]!, ...program.gradient()];
        // The gradients are differences of large sums: the error is that of their terms.
        assertClose("log density", [got[0]!], [result[0]!], 1e-12);
        assertClose("gradient", got.slice(1), result.slice(1), 1e-12, n);
      },
      dispose() {
        program.dispose();
        compiled.dispose();
      },
    };
  },
};

export const kernels: readonly Kernel[] = [
  map("exp", Op.Exp, exp, 3.5, 5e-16),
  map("log", Op.Log, log, 2.5, 5e-16),
  map("softplus", Op.Softplus, softplus, 4, 1e-15, 0, -5),
  map("lgamma", Op.Lgamma, lgamma, 2, 1e-13, 1),
  adamKernel,
  normalFill,
  normalSum,
];
