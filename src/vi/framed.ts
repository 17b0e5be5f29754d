// A session's program seen from an affine frame, sixteen points at once: log densities at mean + root x, and their gradients with respect
// to x. What profiles of nested maps and annealed chains are made of.

import { core } from "../core/load.js";
import { f64, Scope } from "../core/memory.js";
import { transposed } from "../linalg/vector.js";
import { lanes } from "./moments.js";
import type { Session } from "./session.js";

export class Framed {
  readonly #scope = new Scope();
  readonly #mean: number;
  readonly #root: number;
  readonly #transposed: number;
  readonly #points: number;
  readonly #out: number;
  readonly #dimension: number;

  constructor(
    readonly session: Session,
    mean: Float64Array,
    /** [D][D], row-major. */
    root: Float64Array,
  ) {
    const n = session.dimension;
    const scope = this.#scope;
    this.#dimension = n;
    this.#mean = scope.copy(mean);
    this.#root = scope.copy(root);
    this.#transposed = scope.copy(transposed(root, n));
    this.#points = scope.doubles(n * lanes);
    this.#out = scope.doubles(n * lanes);
  }

  /** x [D][lanes], to be written before `evaluate` or `mapped`. Valid until the next allocation. */
  points(): Float64Array {
    return f64(this.#points, this.#dimension * lanes);
  }

  /** Gradients with respect to x [D][lanes]; log densities are the program's. Valid until the next allocation. */
  evaluate(): Float64Array {
    const { program, evaluator } = this.session;
    const n = this.#dimension;
    core().affine(n, lanes, this.#mean, this.#root, this.#points, program.thetaPointer);
    program.evaluate();
    evaluator.gradients += lanes;
    core().affine(n, lanes, 0, this.#transposed, program.gradientPointer, this.#out);
    return f64(this.#out, n * lanes);
  }

  /** mean + root x [D][lanes], nothing evaluated. Valid until the next allocation. */
  mapped(): Float64Array {
    const n = this.#dimension;
    core().affine(n, lanes, this.#mean, this.#root, this.#points, this.#out);
    return f64(this.#out, n * lanes);
  }

  dispose(): void {
    this.#scope.dispose();
  }
}
