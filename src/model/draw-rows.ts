// Samples of a distribution whose parameters differ from sample to sample, as they do in predictions: one value for each row of
// parameters. A value depends on the seed, its site and its place (draw, row, element) alone: not on how many draws are asked for, nor
// on what else is drawn.

import { Sampler } from "../../assembly/samplers.js";
import { data, eventSize, type Node } from "../compile/node.js";
import { type Distribution, FamilyDistribution } from "./distribution.js";
import { IndependentDistribution } from "./independent.js";
import { fillSamples, type Generator } from "./sampler.js";

/** Families with an inner axis whose sampler takes parameters that differ from row to row. */
const rowSamplers: Readonly<Record<string, Sampler>> = {
  categorical: Sampler.Categorical,
  multinomial: Sampler.Multinomial,
  dirichlet: Sampler.Dirichlet,
};

/** Elements that one call of a sampler makes at most, if one draw has not more. */
const BLOCK = 1 << 14;

/** The numbers of a site: other ones for every name. */
export function siteGenerator(seed: number, name: string): Generator {
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return { low: seed >>> 0, high: (hash ^ Math.floor(seed / 2 ** 32)) >>> 0, stream: 0 };
}

/** How the values of a site are drawn, and from which parameters. */
export class RowSampler {
  readonly distribution: Distribution;
  /** Doubles of one draw. */
  readonly size: number;
  /** Draws that share one call of the sampler. */
  readonly block: number;
  readonly #elements: boolean;
  readonly #width: number;

  constructor(
    distribution: Distribution,
    /** Rows of the site. */
    readonly rows: number,
    /** Shape of a row's value. */
    shape: readonly number[],
  ) {
    let d = distribution;
    for (;;) {
      if (d instanceof IndependentDistribution) d = d.base;
      else if (d instanceof FamilyDistribution && d.base !== d) d = d.base;
      else break;
    }
    this.distribution = d;
    this.#width = eventSize(shape);
    this.size = rows * this.#width;
    this.#elements = !d.eventShape.length && d.perElement.every((x) => x);
    this.block = 1;
    while (2 * this.block * this.size <= BLOCK) this.block *= 2;
  }

  /** The parameters' nodes: of univariate distributions to be brought to the plate and shape of the value. */
  get parameters(): readonly Node[] {
    return this.distribution.parameters;
  }

  /** Whether parameters are wanted element by element, [row][element], or as they are. */
  get perElement(): boolean {
    return this.#elements;
  }

  /** Fills `out`, [draw][row][element], from parameters [draw][row][…]; `first` is the first draw's number, a multiple of `block`. */
  draw(parameters: readonly Float64Array[], first: number, out: Float64Array, generator: Generator): boolean {
    const draws = out.length / this.size;
    if (this.#elements) {
      for (let d = 0; d < draws; d += this.block) {
        const [from, to] = [d * this.size, Math.min(draws, d + this.block) * this.size];
        const part = out.subarray(from, to);
        const own = this.distribution.withParameters(
          parameters.map((p) => data(p.subarray(from, to), null, [to - from])),
        );
        const stream = (first + d) / this.block;
        if (!own.draw(parameters.length ? 1 : to - from, part, { ...generator, stream })) return false;
      }
      return true;
    }
    return this.#drawRows(parameters, first, draws, out, generator);
  }

  #drawRows(
    parameters: readonly Float64Array[],
    first: number,
    draws: number,
    out: Float64Array,
    generator: Generator,
  ): boolean {
    const d = this.distribution;
    const shared = d.parameters.every((p) => !p.plate);
    const inner = d instanceof FamilyDistribution ? rowSamplers[d.name] : undefined;
    const widths = d.parameters.map((p) => eventSize(p.shape));
    const rows = shared ? 1 : this.rows; // of parameters, per draw
    const each = this.size / rows; // doubles that one row of parameters gives
    for (let k = 0; k < draws; k++) {
      const row = (i: number, from: number, count: number): Float64Array => {
        const w = widths[i]!;
        const r = d.parameters[i]!.plate ? k * this.rows + from : k;
        return parameters[i]!.subarray(r * w, (r + (d.parameters[i]!.plate ? count : 1)) * w);
      };
      if (inner !== undefined) {
        const whole = out.subarray(k * this.size, (k + 1) * this.size);
        const own = widths.map((_, i) => row(i, 0, this.rows));
        fillSamples(inner, own, whole, { ...generator, stream: first + k }, widths.at(-1));
        continue;
      }
      for (let r = 0; r < rows; r++) {
        const part = out.subarray(k * this.size + r * each, k * this.size + (r + 1) * each);
        const own = widths.map((_, i) => row(i, r, 1));
        const place = { ...generator, stream: (first + k) * rows + r };
        const count = each / this.#width;
        if (d instanceof FamilyDistribution && d.options.draw) d.options.draw(count, part, place, own);
        else {
          const nodes = own.map((p, i) => data(p, null, d.parameters[i]!.shape));
          if (!d.withParameters(nodes).draw(count, part, place)) return false;
        }
      }
    }
    return true;
  }
}
