// Evaluates graph nodes at once, outside fits: how data that a model transforms are checked, and latents' coordinates are found.

import { f64 } from "../core/memory.js";
import { encode } from "./encode.js";
import { canonicalise, lower } from "./lower.js";
import { eventSize, type Node, Plate } from "./node.js";
import { Store } from "./store.js";

/** The same values over all rows of their plates at once, in the order of the data. */
function unbatched(roots: readonly Node[]): Node[] {
  const plates = new Map<Plate, Plate>();
  const done = new Map<Node, Node>();
  const copy = (n: Node): Node => {
    let same = done.get(n);
    if (same) return same;
    let plate = n.plate;
    if (plate?.subsampled) {
      plate = plates.get(plate) ?? new Plate(plate.name, plate.size);
      plates.set(n.plate!, plate);
    }
    const inputs = n.inputs.map(copy);
    same = plate === n.plate && inputs.every((x, i) => x === n.inputs[i]) ? n : { ...n, plate, inputs };
    done.set(n, same);
    return same;
  };
  return roots.map(copy);
}

/** The values of nodes, [row][event], at the latents' coordinates `theta`; none where no latent feeds them. */
export function evaluate(nodes: readonly Node[], theta: Float64Array = new Float64Array(0)): Float64Array[] {
  const roots = canonicalise(unbatched(nodes));
  const store = new Store();
  try {
    const encoded = encode(lower(roots, true), {
      dimension: theta.length,
      draws: 1,
      store,
    });
    try {
      encoded.program.theta().set(theta);
      encoded.program.evaluate();
      return roots.map((r, i) => f64(encoded.outputs[i]!, (r.plate?.size ?? 1) * eventSize(r.shape)).slice());
    } finally {
      encoded.program.dispose();
    }
  } finally {
    store.dispose();
  }
}
