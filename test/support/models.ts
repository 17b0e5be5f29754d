// Small models for tests of the language, and their errors.

import type { CompiledModel } from "../../src/index.js";
import * as v from "../../src/index.js";

export type Definition = (context: v.ModelContext) => void;

export const compile = (definition: Definition): CompiledModel => v.model<void>(definition).compile();

export function logDensityGradient(
  model: CompiledModel,
  theta: ArrayLike<number>,
): { value: number; gradient: number[] } {
  const gradient = new Float64Array(model.dimension);
  return { value: model.logDensityGradient(Float64Array.from(theta), gradient), gradient: [...gradient] };
}

/** The error of a function, as "TypeError: message". */
export function errorOf(f: () => unknown): string {
  try {
    f();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return "no error";
}

/** A model of one latent on the real line, used by `f`. */
export const withReal =
  (f: (z: v.Expression, context: v.ModelContext) => unknown): Definition =>
  (context) => {
    f(context.sample("z", v.normal(0, 1)), context);
  };

/** A model of one vector of real latents, used by `f`. */
export const withVector =
  (length: number, f: (z: v.Expression, context: v.ModelContext) => unknown): Definition =>
  (context) => {
    f(context.sample("z", v.normal(0, 1), { shape: [length] }), context);
  };
