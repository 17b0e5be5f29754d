// Samples of distributions from the core's exact samplers. A number depends on (seed, stream, its place, its parameters) and on
// nothing else, so that the blocks in which an array is filled change nothing.

import { Sampler } from "../../assembly/samplers.js";
import { core } from "../core/load.js";
import { f64, i32, Scope } from "../core/memory.js";
import { integer, knownOptions } from "../errors.js";

/** Which random numbers a sample is made of. */
export interface SampleOptions {
  /** An integer from 0 on: the same seed gives the same numbers. Without one, every call continues one sequence. */
  readonly seed?: number;
  /** Independent numbers of the same seed: an integer below 2^28. */
  readonly stream?: number;
}

/** Which numbers a call of the samplers gives. */
export interface Generator {
  readonly low: number;
  readonly high: number;
  readonly stream: number;
}

const STREAMS = 2 ** 28;
let calls = 0;

export function generatorOf(label: string, options: SampleOptions): Generator {
  knownOptions(label, options, ["seed", "stream"]);
  const { seed, stream } = options;
  if (stream !== undefined) integer(`${label}: stream`, stream, 0, STREAMS - 1);
  if (seed === undefined) return { low: 0, high: 0x5a11, stream: stream ?? calls++ % STREAMS };
  integer(`${label}: seed`, seed, 0);
  return { low: seed >>> 0, high: Math.floor(seed / 2 ** 32), stream: stream ?? 0 };
}

/** Other numbers, for the parts that a composite sample is made of. */
export const part = ({ low, high, stream }: Generator, k: number): Generator => ({
  low,
  high: (high + Math.imul(k, 0x9e3779b9)) >>> 0,
  stream,
});

const BLOCK = 4096;

/** Doubles per element of a parameter or of the output, where an inner axis of size k exists. */
function widths(family: Sampler, k: number): { parameters: readonly number[]; out: number; inner: boolean } {
  switch (family) {
    case Sampler.Categorical:
      return { parameters: [k], out: 1, inner: true };
    case Sampler.Multinomial:
      return { parameters: [1, k], out: k, inner: true };
    case Sampler.Dirichlet:
      return { parameters: [k], out: k, inner: true };
    case Sampler.Wishart:
      return { parameters: [1, k * k], out: k * k, inner: true };
    case Sampler.LkjCholesky:
      return { parameters: [1], out: k * k, inner: true };
    default:
      return { parameters: [1, 1, 1, 1], out: 1, inner: false };
  }
}

/**
 * Fills `out`, element after element. A parameter holds one element's numbers, which all share, or those of several elements,
 * which take turns. `k` is the size of the inner axis, for families that have one.
 */
export function fillSamples(
  family: Sampler,
  parameters: readonly Float64Array[],
  out: Float64Array,
  { low, high, stream }: Generator,
  k = 1,
): void {
  const width = widths(family, k);
  const n = out.length / width.out;
  if (n === 0) return;
  const block = Math.min(n, Math.max(1, Math.floor(BLOCK / width.out)));
  const scope = new Scope();
  try {
    const addresses = parameters.map((_, i) => scope.doubles(block * width.parameters[i]!));
    const to = scope.doubles(block * width.out);
    const count = addresses.length + (width.inner ? 3 : 2);
    const words = scope.bytes(count * 4);
    for (let first = 0; first < n; first += block) {
      const m = Math.min(block, n - first);
      parameters.forEach((values, i) => {
        const w = width.parameters[i]!;
        if (values.length === w && first > 0) return;
        const view = f64(addresses[i]!, block * w);
        if (values.length === 1) view.fill(values[0]!);
        else for (let j = 0; j < m * w; j++) view[j] = values[(first * w + j) % values.length]!;
      });
      i32(words, count).set(width.inner ? [...addresses, k, to, first] : [...addresses, to, first]);
      core().sample(family, m, words, low, high, stream);
      out.set(f64(to, m * width.out), first * width.out);
    }
  } finally {
    scope.dispose();
  }
}
