// Evaluates graph nodes that depend on data and constants only, at once: how distributions work outside models.

import { f64 } from "../core/memory.js";
import { encode } from "./encode.js";
import { canonicalise, lower } from "./lower.js";
import { eventSize, type Node } from "./node.js";
import { Store } from "./store.js";

/** The values of nodes outside plates, none of them latent. */
export function evaluate(nodes: readonly Node[]): Float64Array[] {
  const roots = canonicalise(nodes);
  const store = new Store();
  try {
    const encoded = encode(lower(roots, true), {
      dimension: 0,
      draws: 1,
      store,
      destinations: roots.map(() => ({ kind: "output" })),
    });
    try {
      encoded.program.evaluate();
      return roots.map((r, i) => f64(encoded.outputs[i]!, eventSize(r.shape)).slice());
    } finally {
      encoded.program.dispose();
    }
  } finally {
    store.dispose();
  }
}
