// The Minnesota barley trial (Immer, Hayes & Powers 1934; made famous by Fisher and by Cleveland): yields of ten varieties at six
// sites in 1931 and 1932. A hierarchical regression with an effect of each site, each variety, and of the year at each site, non-
// centred. Its finding: at Morris, and only there, 1932 was the better year; the years are thought to have been swapped.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { halfNormal, model, normal } from "../src/index.js";

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

export const barley = model(({ sample, observe, plate, deterministic }, harvests: readonly Harvest[]) => {
  const sites = plate("site", [...new Set(harvests.map((h) => h.site))]);
  const varieties = plate("variety", [...new Set(harvests.map((h) => h.variety))]);
  const rows = plate("harvest", harvests.length);

  const mean = sample("mean", normal(35, 20));
  const siteScale = sample("siteScale", halfNormal(10));
  const siteRaw = sample("siteRaw", normal(0, 1), sites);
  const varietyScale = sample("varietyScale", halfNormal(10));
  const varietyRaw = sample("varietyRaw", normal(0, 1), varieties);
  const yearEffect = sample("yearEffect", normal(0, 10));
  const yearScale = sample("yearScale", halfNormal(10));
  const yearRaw = sample("yearRaw", normal(0, 1), sites);
  const noise = sample("noise", halfNormal(10));

  // Bushels per acre that 1932 brought more than 1931, at each site.
  const year = deterministic("year", yearEffect.add(yearScale.mul(yearRaw)));
  const site = rows.index(
    harvests.map((h) => h.site),
    sites,
  );
  const variety = rows.index(
    harvests.map((h) => h.variety),
    varieties,
  );
  const expected = mean
    .add(siteScale.mul(siteRaw).at(site))
    .add(varietyScale.mul(varietyRaw).at(variety))
    .add(year.at(site).mul(rows.data(harvests.map((h) => (h.year === 1932 ? 0.5 : -0.5)))));
  observe("yield", normal(expected, noise), rows.data(harvests.map((h) => h.yield)));
});
