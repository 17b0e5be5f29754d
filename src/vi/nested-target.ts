// A target seen through a nested map: the log density of y when theta = map(y) has that of the inner target. Everything inference does
// with a target it can do with this one; several maps are targets within targets, and programs within programs.

import type { Program } from "../core/program.js";
import { constrained, type Site, type Target } from "../target.js";
import { wholeProgram } from "./advi-state.js";
import { lanes } from "./moments.js";
import type { NestedMap } from "./nested-map.js";
import { applyNested, nestedProgram } from "./nested-program.js";

export class NestedTarget implements Target {
  readonly dimension: number;
  readonly names?: readonly string[];
  readonly sites?: readonly Site[];
  readonly #programs = new Map<number, Program>();

  constructor(
    readonly inner: Target,
    readonly map: NestedMap,
  ) {
    this.dimension = inner.dimension;
    const names = inner.names ?? (inner.constrain ? undefined : inner.unconstrainedNames);
    if (names) this.names = names;
    if (inner.sites) this.sites = inner.sites;
  }

  program(draws: number): Program {
    return nestedProgram(this.map, wholeProgram(this.inner, draws));
  }

  #kept(draws: number): Program {
    let program = this.#programs.get(draws);
    if (!program) this.#programs.set(draws, (program = this.program(draws)));
    return program;
  }

  logDensityGradient(theta: Float64Array, gradient: Float64Array): number {
    const program = this.#kept(1);
    program.theta().set(theta);
    program.evaluate();
    gradient.set(program.gradient());
    return program.logDensity()[0]!;
  }

  logDensityGradientBatch(draws: number, y: Float64Array, gradients: Float64Array, values: Float64Array): void {
    this.#kept(lanes).evaluateAll(draws, y, gradients, values);
  }

  /** Points of the inner target [draw][D]. */
  #toInner(y: Float64Array, draws: number): Float64Array {
    const theta = new Float64Array(draws * this.dimension);
    applyNested(this.map, draws, y, theta);
    return theta;
  }

  constrain(y: Float64Array): Float64Array {
    return this.constrainDraws(y, 1);
  }

  constrainDraws(y: Float64Array, draws: number): Float64Array {
    return constrained(this.inner, this.#toInner(y, draws), draws);
  }

  blame(y: Float64Array): readonly string[] {
    return this.inner.blame?.(this.#toInner(y, 1)) ?? [];
  }

  /** Frees the programs that evaluations here have made. */
  dispose(): void {
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
  }
}
