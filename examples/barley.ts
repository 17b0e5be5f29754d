// The Minnesota barley trial (Immer, Hayes & Powers 1934; made famous by Fisher and by Cleveland): yields of ten varieties at six
// sites in 1931 and 1932. A hierarchical regression: a level and a change of year for each
// site, an effect of each variety. Its finding: at Morris, and only there, 1932 was the better year; the years are thought to have been swapped.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { gamma, halfNormal, model, normal } from "../src/index.js";

/** A row of the table: bushels per acre. */
export interface Harvest {
  readonly yield: number;
  readonly variety: string;
  readonly year: number;
  readonly site: string;
}

/** The table as the package vega-datasets ships it. */
export function readBarley(): Harvest[] {
  const entry = createRequire(import.meta.url).resolve("vega-datasets");
  return JSON.parse(readFileSync(join(dirname(entry), "..", "data", "barley.json"), "utf8")) as Harvest[];
}

export const barley = model(({ sample, observe, plate }, harvests: readonly Harvest[]) => {
  const sites = plate("site", [...new Set(harvests.map((h) => h.site))]);
  const varieties = plate("variety", [...new Set(harvests.map((h) => h.variety))]);
  const rows = plate("harvest", harvests.length);

  const site = sample("site", normal(35, 20), sites);
  // Bushels per acre that 1932 brought more than 1931, at each site.
  const year = sample("year", normal(0, 20), sites);
  // The ten varieties are alike until the data say otherwise: how unlike they are is inferred with them.
  const varietyScale = sample("varietyScale", gamma(2, 0.2));
  const variety = sample("variety", normal(0, varietyScale), varieties);
  const noise = sample("noise", halfNormal(10));

  const atSite = rows.index(
    harvests.map((h) => h.site),
    sites,
  );
  const ofVariety = rows.index(
    harvests.map((h) => h.variety),
    varieties,
  );
  const half = rows.data(harvests.map((h) => (h.year === 1932 ? 0.5 : -0.5)));
  const expected = site.at(atSite).add(variety.at(ofVariety)).add(year.at(atSite).mul(half));
  observe("yield", normal(expected, noise), rows.data(harvests.map((h) => h.yield)));
});
