// The engine as a contestant, on one build of the core. It draws its own normals, which are the ones that the others are fed.

import { loadBuild } from "../../build.js";
import { EngineFit } from "../../engine.js";
import type { Contest } from "../protocol.js";

/** Steps a crossing into the core, as in a fit. */
const CROSSING = 1_000;

export function contest(build: string): Contest {
  if (!loadBuild(build)) throw new Error(`this JavaScript engine cannot run the ${build} build`);
  return {
    version: build,
    open(workload) {
      const fit = new EngineFit(workload);
      return {
        run(steps) {
          let elbo = Number.NaN;
          for (let left = steps; left > 0; left -= CROSSING) elbo = fit.run(Math.min(left, CROSSING)).at(-1)!;
          return { elbo };
        },
        parameters: () => fit.parameters(),
      };
    },
  };
}
