// Real posteriors of posteriordb: the compiled log density and gradient against Stan's, at three points each. The data are not
// part of this repository; where the folder is missing these tests are skipped, and say so.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type PosteriorData, posteriors } from "../examples/posteriors.js";

const folder = fileURLToPath(new URL("../../shared/posteriordb/", import.meta.url));
const present = existsSync(folder);
if (!present) console.warn(`posteriordb tests SKIPPED: no reference data at ${folder}`);

interface Reference {
  names_unconstrained: string[];
  points: { u: number[]; log_density: number; gradient: number[] }[];
}
/** Where Stan's own answer is less exact: a nearly singular Cholesky factor, and a solver of differential equations (see their notes). */
const looser: Readonly<Record<string, number>> = {
  "gp_pois_regr-gp_pois_regr": 1e-5,
  "hudson_lynx_hare-lotka_volterra": 1e-3,
};

const read = <T>(file: string): T => JSON.parse(readFileSync(`${folder}${file}`, "utf8")) as T;

describe.skipIf(!present)("posteriors of posteriordb agree with Stan", () => {
  const references = present ? read<Record<string, Reference>>("logdensity_reference.json") : {};
  for (const [name, model] of Object.entries(posteriors))
    test(name, () => {
      const compiled = model.compile(read<PosteriorData>(`${name}/data.json`));
      const reference = references[name]!;
      expect(compiled.dimension).toBe(reference.names_unconstrained.length);
      const gradient = new Float64Array(compiled.dimension);
      for (const point of reference.points) {
        const value = compiled.logDensityGradient(Float64Array.from(point.u), gradient);
        expect(Math.abs(value - point.log_density) / Math.abs(point.log_density)).toBeLessThan(looser[name] ?? 1e-10);
        const scale = Math.max(...point.gradient.map(Math.abs));
        point.gradient.forEach((g, i) => {
          // Relative to the element, or to the rounding of the largest when the element is a difference of large terms.
          expect(Math.abs(gradient[i]! - g), `${reference.names_unconstrained[i]}`).toBeLessThan(
            (looser[name] ?? 1e-8) * Math.abs(g) + (looser[name] ?? 1e-13) * scale,
          );
        });
      }
      compiled.dispose();
    });
});
