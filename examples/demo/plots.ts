// What the page draws, with Observable Plot. Every function returns an element and keeps nothing.

import * as Plot from "@observablehq/plot";
import type { Columns, DemoModel } from "./models.js";

/** A Gaussian of two coordinates. */
export interface Ellipse {
  readonly mean: readonly [number, number];
  /** Lower triangle of a square root of the covariance: [l00, l10, l11]. */
  readonly root: readonly [number, number, number];
}

/** Log density on a grid. */
export interface Surface {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly size: number;
  /** [y][x], relative to the greatest. */
  readonly values: Float64Array;
}

const css = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** Not wider than its figure, or letters would shrink with it. */
const width = (): number => Math.min(520, Math.max(260, document.getElementById("contours")?.clientWidth || 520));
const common = () => ({ width: width(), style: { background: "none", color: css("--ink"), fontSize: "11px" } });

function outline(e: Ellipse, radius: number): { x: number; y: number }[] {
  return Array.from({ length: 65 }, (_, k) => {
    const a = (2 * Math.PI * k) / 64;
    const [u, w] = [radius * Math.cos(a), radius * Math.sin(a)];
    return { x: e.mean[0] + e.root[0] * u, y: e.mean[1] + e.root[1] * u + e.root[2] * w };
  });
}

/** The data, with predictions where the model has them; handles for dragging come from the caller. */
export function dataPlot(
  m: DemoModel,
  d: Columns,
  band: { x: number; low: number; mid: number; high: number }[],
): Element {
  const [xName, yName] = m.axes;
  const rows = d[yName]!.map((y, i) => ({ x: d[xName]?.[i] ?? i, y, i }));
  return Plot.plot({
    ...common(),
    height: 280,
    ariaLabel: `${yName} by ${xName}`,
    x: { label: xName, nice: true, insetLeft: 8, insetRight: 8 },
    y: { label: yName, domain: m.binary ? [-0.15, 1.15] : [...m.range] },
    marks: [
      Plot.areaY(band, { x: "x", y1: "low", y2: "high", fill: css("--accent"), fillOpacity: 0.18 }),
      Plot.lineY(band, { x: "x", y: "mid", stroke: css("--accent"), strokeWidth: 2 }),
      Plot.dot(rows, { x: "x", y: "y", r: 4, fill: css("--ink"), fillOpacity: 0.75, className: "handles" }),
    ],
  });
}

/** Contours of the posterior: 1 to 5 standard deviations, were it Gaussian. */
const slice = (surface: Surface | undefined): Plot.Markish =>
  surface
    ? Plot.contour(surface.values, {
        width: surface.size,
        height: surface.size,
        x1: surface.x[0],
        x2: surface.x[1],
        y1: surface.y[0],
        y2: surface.y[1],
        thresholds: [-12.5, -8, -4.5, -2, -0.5],
        stroke: css("--quiet"),
        strokeWidth: 1,
      })
    : null;

/** What the methods of a comparison make of two coordinates: two standard deviations of each, over the posterior's contours. */
export function comparedPlot(
  labels: readonly [string, string],
  surface: Surface | undefined,
  rows: readonly { method: { stroke: string; dash: string }; ellipse: Ellipse | undefined }[],
): Element {
  return Plot.plot({
    ...common(),
    height: 320,
    ariaLabel: `${labels[0]} and ${labels[1]} by each method`,
    x: { label: labels[0], ...(surface ? { domain: [...surface.x] } : {}) },
    y: { label: labels[1], ...(surface ? { domain: [...surface.y] } : {}) },
    marks: [
      slice(surface),
      ...rows.map(({ method, ellipse }) =>
        ellipse
          ? Plot.line(outline(ellipse, 2), {
              x: "x",
              y: "y",
              stroke: method.stroke,
              strokeWidth: 2.5,
              ...(method.dash && { strokeDasharray: method.dash }),
              clip: true,
            })
          : null,
      ),
    ],
  });
}

/** The approximation over the posterior's contours: its draws, where there are any, or one and two standard deviations. */
export function contourPlot(
  labels: readonly [string, string],
  surface: Surface | undefined,
  q: Ellipse | undefined,
  draws: readonly { x: number; y: number }[] = [],
): Element {
  const accent = css("--accent");
  return Plot.plot({
    ...common(),
    height: 320,
    ariaLabel: `Joint posterior of ${labels[0]} and ${labels[1]}`,
    x: { label: labels[0], ...(surface ? { domain: [...surface.x] } : {}) },
    y: { label: labels[1], ...(surface ? { domain: [...surface.y] } : {}) },
    marks: [
      slice(surface),
      Plot.dot(draws, { x: "x", y: "y", r: 1.6, fill: accent, fillOpacity: 0.45, clip: true }),
      q && !draws.length
        ? Plot.line(outline(q, 1), { x: "x", y: "y", stroke: accent, strokeWidth: 2.5, clip: true })
        : null,
      q && !draws.length
        ? Plot.line(outline(q, 2), {
            x: "x",
            y: "y",
            stroke: accent,
            strokeWidth: 1.5,
            strokeDasharray: "5,4",
            clip: true,
          })
        : null,
      q ? Plot.dot([{ x: q.mean[0], y: q.mean[1] }], { x: "x", y: "y", fill: accent, r: 3, clip: true }) : null,
    ],
  });
}

/**
 * The ELBO by step, with the final one: each step's is estimated from a few draws before the step is taken, and where draws are corrected or
 * the family is enlarged afterwards the answer is better than the last step. Hence the last point alone would belie the summary.
 */
export function elboPlot(trace: readonly number[], final: number): Element {
  const rows = trace.map((elbo, i) => ({ step: i + 1, elbo }));
  const sorted = [...trace].sort((a, b) => a - b);
  // The first steps are far below: the axis starts at the tenth percentile, or all is one flat line.
  const low = sorted[Math.floor(sorted.length * 0.1)] ?? 0;
  const known = Number.isFinite(final);
  const high = Math.max(sorted.at(-1) ?? 1, known ? final : Number.NEGATIVE_INFINITY);
  const end = [{ step: trace.length, elbo: final }];
  return Plot.plot({
    ...common(),
    height: 320,
    marginLeft: 56,
    ariaLabel: "ELBO by step",
    x: { label: "step", ticks: Math.min(8, Math.max(1, trace.length - 1)), tickFormat: "d" },
    y: { label: "ELBO", domain: [low, high === low ? low + 1 : high], clamp: true, nice: true },
    marks: [
      Plot.lineY(rows, { x: "step", y: "elbo", stroke: css("--accent"), strokeWidth: 1.5 }),
      known ? Plot.ruleY([final], { stroke: css("--good"), strokeDasharray: "4,3" }) : null,
      known ? Plot.dot(end, { x: "step", y: "elbo", r: 4, fill: css("--good") }) : null,
    ],
  });
}

/** One small histogram for each value, each on its own scale. */
export function marginalPlot(columns: readonly { name: string; values: Float64Array }[]): Element {
  const all = document.createElement("div");
  for (const { name, values } of columns) {
    const sorted = values.slice().sort();
    const [low, high] = [sorted[Math.floor(sorted.length * 0.002)]!, sorted[Math.floor(sorted.length * 0.998)]!];
    all.append(
      Plot.plot({
        ...common(),
        height: 84,
        marginTop: 4,
        marginLeft: 110,
        ariaLabel: `Marginal posterior of ${name}`,
        x: { label: null, domain: [low, high], ticks: 6 },
        y: { axis: null },
        marks: [
          Plot.areaY(
            Array.from(values),
            Plot.binX({ y: "proportion" }, {
              x: (v: number) => v,
              fill: css("--accent"),
              fillOpacity: 0.55,
              thresholds: 60,
              curve: "basis",
              clip: true,
            } as Plot.AreaYOptions),
          ),
          Plot.ruleY([0]),
          Plot.text([name], { frameAnchor: "left", dx: -104, fontSize: 12 }),
        ],
      }),
    );
  }
  return all;
}
