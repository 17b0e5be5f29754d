// The hand-written TypeScript of bench/baseline.ts as a contestant.

import { baseline } from "../../baseline.js";
import type { Contest } from "../protocol.js";

export function contest(): Contest {
  return {
    version: process.version,
    open(workload, fed) {
      const fit = baseline(workload, fed);
      return { run: (steps) => ({ elbo: fit.run(steps).at(-1)! }), parameters: () => fit.parameters };
    },
  };
}
