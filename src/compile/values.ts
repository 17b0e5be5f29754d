// Values of any nodes of a traced model for many draws of its latents: what log-likelihoods and predictions are made of. The
// numbers of a draw do not depend on how many draws are computed together. Plates must be whole (not subsampled).

import { f64 } from "../core/memory.js";
import { rangeError } from "../errors.js";
import { type Encoded, encode } from "./encode.js";
import { fuse } from "./fuse.js";
import { canonicalise, lower } from "./lower.js";
import { eventSize, type Node } from "./node.js";
import { Store } from "./store.js";

/** Doubles that the outputs of one pass may take; fewer draws go together where they would take more. */
const PASS = 1 << 21;

/** Doubles of a node for one draw. */
export const sizeOfNode = (n: Node): number => (n.plate?.size ?? 1) * eventSize(n.shape);

export class Values {
  readonly #store = new Store();
  readonly #roots: readonly Node[];
  readonly #encoded: Encoded;
  readonly #lanes: number;

  constructor(
    /** Coordinates that the nodes' latents have together. */
    readonly dimension: number,
    nodes: readonly Node[],
    /** Draws that will be asked for: decides how many go together. */
    draws: number,
  ) {
    this.#roots = fuse(canonicalise(nodes));
    const size = nodes.reduce((n, node) => n + sizeOfNode(node), 0);
    let lanes = 16;
    while (lanes > 1 && (lanes / 2 >= draws || lanes * size > PASS)) lanes /= 2;
    this.#lanes = lanes;
    try {
      this.#encoded = encode(lower(this.#roots, true), {
        dimension,
        draws: lanes,
        store: this.#store,
      });
    } catch (error) {
      this.#store.dispose();
      throw error;
    }
  }

  /** From coordinates [draw × dimension] to the values of each node, [draw][row][event]. */
  evaluate(thetas: Float64Array): Float64Array[] {
    const draws = thetas.length / this.dimension;
    if (!Number.isInteger(draws)) throw rangeError("thetas", `a multiple of ${this.dimension} coordinates`, thetas);
    const lanes = this.#lanes;
    const { program, outputs } = this.#encoded;
    const results = this.#roots.map((root) => new Float64Array(draws * sizeOfNode(root)));
    for (let start = 0; start < draws; start += lanes) {
      const count = Math.min(lanes, draws - start);
      program.setPoints(thetas, start, count);
      program.evaluate();
      this.#roots.forEach((root, k) => {
        const size = sizeOfNode(root);
        const view = f64(outputs[k]!, size * lanes);
        const result = results[k]!;
        for (let s = 0; s < count; s++)
          for (let i = 0, at = (start + s) * size; i < size; i++) result[at + i] = view[i * lanes + s]!;
      });
    }
    return results;
  }

  dispose(): void {
    this.#encoded.program.dispose();
    this.#store.dispose();
  }
}
