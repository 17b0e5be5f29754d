// The models of the page: each with its data, its source as shown, the two latents whose joint posterior is drawn, and how its data
// and predictions look.

import barley from "../../node_modules/vega-datasets/data/barley.json" with { type: "json" };
import penguins from "../../node_modules/vega-datasets/data/penguins.json" with { type: "json" };
import * as v from "../../src/index.js";

/** What the page edits: rows of numbers by column. */
export type Columns = Record<string, number[]>;

export interface DemoModel {
  readonly title: string;
  readonly model: v.Model<Columns>;
  readonly data: Columns;
  readonly source: string;
  /** Two scalar latents, by name on the unconstrained scale, and how their axes are called. */
  readonly pair: readonly [name: string, label: string][];
  /** Columns on the axes of the data plot; the second can be dragged. */
  readonly axes: readonly [x: string, y: string];
  /** Values of y that can be drawn, for dragging. */
  readonly range: readonly [number, number];
  /** Whether y is 0 or 1: a click flips it. */
  readonly binary?: boolean;
  /** Predictive mean at x, from one draw by name; absent: no band. */
  readonly predict?: (x: number, draw: (name: string) => number) => number;
}

const schools = v.model<Columns>(({ sample, observe, plate, deterministic }, d) => {
  const school = plate("school", d["effect"]!);
  const mu = sample("mu", v.normal(0, 5));
  const tau = sample("tau", v.halfCauchy(5));
  const raw = sample("raw", v.normal(0, 1), school);
  const theta = deterministic("theta", mu.add(tau.mul(raw)));
  observe("effect", v.normal(theta, school.data(d["error"]!)), school.data(d["effect"]!));
});

const line = v.model<Columns>(({ sample, observe, plate }, d) => {
  const rows = plate("row", d["y"]!);
  const level = sample("level", v.normal(0, 20));
  const slope = sample("slope", v.normal(0, 10));
  const noise = sample("noise", v.halfNormal(10));
  const mean = level.add(slope.mul(rows.data(d["x"]!)));
  observe("y", v.studentT(4, mean, noise), rows.data(d["y"]!));
});

const trial = v.model<Columns>(({ sample, observe, plate }, d) => {
  const sites = plate("site", 6);
  const rows = plate("harvest", d["yield"]!);
  const mean = sample("mean", v.normal(35, 20));
  const spread = sample("spread", v.gamma(2, 0.2));
  const site = sample("site", v.normal(mean, spread), sites);
  const noise = sample("noise", v.halfNormal(10));
  const level = site.at(rows.index(d["site"]!, sites));
  observe("yield", v.normal(level, noise), rows.data(d["yield"]!));
});

const sex = v.model<Columns>(({ sample, observe, plate }, d) => {
  const birds = plate("bird", d["male"]!);
  const level = sample("level", v.normal(0, 3));
  const slope = sample("slope", v.normal(0, 3));
  const logit = level.add(slope.mul(birds.data(d["mass"]!)));
  observe("male", v.bernoulliLogit(logit), birds.data(d["male"]!));
});

const mixture = v.model<Columns>(({ sample, observe, plate }, d) => {
  const rows = plate("row", d["x"]!);
  const centre = sample("centre", v.normal(0, 5), { shape: [2], support: v.ordered });
  const width = sample("width", v.halfNormal(2));
  const weight = sample("weight", v.beta(2, 2));
  const parts = [v.normal(centre.at(0), width), v.normal(centre.at(1), width)];
  observe("x", v.mixture([weight, v.sub(1, weight)], parts), rows.data(d["x"]!));
});

/** Standard units, to two digits. */
function scaled(values: number[]): number[] {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const sd = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1));
  return values.map((x) => Math.round((100 * (x - mean)) / sd) / 100);
}

interface Penguin {
  readonly Species: string;
  readonly Sex: string | null;
  readonly "Body Mass (g)": number | null;
}
const birds = (penguins as Penguin[]).filter(
  (p) => p.Species === "Gentoo" && (p.Sex === "MALE" || p.Sex === "FEMALE") && p["Body Mass (g)"] !== null,
);
const harvests = barley as { site: string; yield: number }[];
const siteNames = [...new Set(harvests.map((h) => h.site))];

const points = 14;
const jitter = [0.3, -0.8, 0.5, 1.1, -0.4, -0.9, 0.2, 0.7, -0.2, -1.2, 0.9, 0.1, -0.5, 0.4];
const clumps = [-2.4, -2.1, -1.9, -1.7, -1.6, -1.4, -1.1, -0.9, 0.8, 1.3, 1.5, 1.8, 2.0, 2.1, 2.3, 2.6, 2.9, 3.1];

/** The body of a model's definition as its author wrote it. */
const sourceOf = (text: string): string => text.trim();

export const models: Readonly<Record<string, DemoModel>> = {
  schools: {
    title: "Eight schools",
    model: schools,
    data: { effect: [28, 8, -3, 7, -1, 1, 18, 12], error: [15, 10, 16, 11, 9, 11, 10, 18] },
    pair: [
      ["mu", "mu"],
      ["tau", "log tau"],
    ],
    axes: ["school", "effect"],
    range: [-30, 50],
    source: sourceOf(`
model(({ sample, observe, plate, deterministic }, d) => {
  const school = plate("school", d.effect);
  const mu = sample("mu", normal(0, 5));
  const tau = sample("tau", halfCauchy(5));
  const raw = sample("raw", normal(0, 1), school);
  const theta = deterministic("theta", mu.add(tau.mul(raw)));
  observe("effect", normal(theta, school.data(d.error)), school.data(d.effect));
});`),
  },
  line: {
    title: "Robust regression (drag a point away)",
    model: line,
    data: {
      x: Array.from({ length: points }, (_, i) => Math.round((i - 6.5) * 4) / 10),
      y: Array.from({ length: points }, (_, i) => Math.round(10 * (1 + 1.5 * (i - 6.5) * 0.4 + jitter[i]!)) / 10),
    },
    pair: [
      ["level", "level"],
      ["slope", "slope"],
    ],
    axes: ["x", "y"],
    range: [-12, 12],
    predict: (x, draw) => draw("level") + draw("slope") * x,
    source: sourceOf(`
model(({ sample, observe, plate }, d) => {
  const rows = plate("row", d.y);
  const level = sample("level", normal(0, 20));
  const slope = sample("slope", normal(0, 10));
  const noise = sample("noise", halfNormal(10));
  const mean = level.add(slope.mul(rows.data(d.x)));
  observe("y", studentT(4, mean, noise), rows.data(d.y));
});`),
  },
  trial: {
    title: "Barley at six sites (hierarchical regression)",
    model: trial,
    data: {
      site: harvests.map((h) => siteNames.indexOf(h.site)),
      yield: harvests.map((h) => Math.round(h.yield * 10) / 10),
    },
    pair: [
      ["mean", "mean"],
      ["spread", "log spread"],
    ],
    axes: ["site", "yield"],
    range: [0, 80],
    source: sourceOf(`
model(({ sample, observe, plate }, d) => {
  const sites = plate("site", 6);
  const rows = plate("harvest", d.yield);
  const mean = sample("mean", normal(35, 20));
  const spread = sample("spread", gamma(2, 0.2));
  const site = sample("site", normal(mean, spread), sites);
  const noise = sample("noise", halfNormal(10));
  const level = site.at(rows.index(d.site, sites));
  observe("yield", normal(level, noise), rows.data(d.yield));
});`),
  },
  penguins: {
    title: "Sex of Gentoo penguins by mass (logistic regression; click a bird)",
    model: sex,
    data: { mass: scaled(birds.map((p) => p["Body Mass (g)"]!)), male: birds.map((p) => (p.Sex === "MALE" ? 1 : 0)) },
    pair: [
      ["level", "level"],
      ["slope", "slope"],
    ],
    axes: ["mass", "male"],
    range: [0, 1],
    binary: true,
    predict: (x, draw) => 1 / (1 + Math.exp(-draw("level") - draw("slope") * x)),
    source: sourceOf(`
model(({ sample, observe, plate }, d) => {
  const birds = plate("bird", d.male);
  const level = sample("level", normal(0, 3));
  const slope = sample("slope", normal(0, 3));
  const logit = level.add(slope.mul(birds.data(d.mass)));
  observe("male", bernoulliLogit(logit), birds.data(d.male));
});`),
  },
  mixture: {
    title: "A mixture of two",
    model: mixture,
    data: { x: clumps },
    pair: [
      ["centre[0]", "lower centre"],
      ["centre[1]", "log distance of the centres"],
    ],
    axes: ["row", "x"],
    range: [-6, 6],
    source: sourceOf(`
model(({ sample, observe, plate }, d) => {
  const rows = plate("row", d.x);
  const centre = sample("centre", normal(0, 5), { shape: [2], support: ordered });
  const width = sample("width", halfNormal(2));
  const weight = sample("weight", beta(2, 2));
  const parts = [normal(centre.at(0), width), normal(centre.at(1), width)];
  observe("x", mixture([weight, sub(1, weight)], parts), rows.data(d.x));
});`),
  },
};
