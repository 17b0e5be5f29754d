// The methods that the page offers, and all of them on the same data with the same seed, beside each other.

import { type FitOptions, fit } from "../../src/index.js";
import { ellipse, pairOf } from "./geometry.js";
import type { Columns, DemoModel } from "./models.js";
import type { Ellipse } from "./plots.js";

interface Method {
  readonly title: string;
  readonly options: FitOptions;
  /** How its outline is drawn: colours alone are not for everybody. */
  readonly stroke: string;
  readonly dash: string;
}

export const methods: Readonly<Record<string, Method>> = {
  auto: { title: "chosen by the fit", options: {}, stroke: "var(--accent)", dash: "" },
  fullRank: { title: "full-rank Gaussian", options: { family: "fullRank" }, stroke: "var(--good)", dash: "7,4" },
  meanField: { title: "mean-field Gaussian", options: { family: "meanField" }, stroke: "var(--bad)", dash: "2,3" },
  pathfinder: { title: "Pathfinder", options: { algorithm: "pathfinder" }, stroke: "var(--other)", dash: "9,3,2,3" },
};

export interface Compared {
  readonly method: Method;
  readonly status: string;
  readonly elbo: number;
  readonly khat: number;
  readonly gradients: number;
  readonly milliseconds: number;
  readonly ellipse: Ellipse | undefined;
}

/** One fit after another. */
export async function* compare(
  m: DemoModel,
  data: Columns,
  seed: number,
  signal: AbortSignal,
): AsyncGenerator<Compared> {
  for (const method of Object.values(methods)) {
    const started = performance.now();
    const f = await fit(m.model, data, { seed, signal, ...method.options });
    const milliseconds = performance.now() - started;
    const { status, elbo, khat, gradients } = f;
    yield { method, status, elbo, khat, gradients, milliseconds, ellipse: ellipse(f, pairOf(f, m)) };
    f.dispose();
  }
}

/** The comparison as a table; a stroke before each name says which outline is its. */
export function comparedTable(rows: readonly Compared[]): HTMLTableElement {
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const name of ["approximation", "outcome", "ELBO", "k-hat", "gradients", "ms"]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const { method, status, elbo, khat, gradients, milliseconds } of rows) {
    const line = body.insertRow();
    const name = document.createElement("th");
    name.scope = "row";
    name.innerHTML = `<svg width="26" height="8" aria-hidden="true"><path d="M0 4H26" stroke="${method.stroke}" stroke-width="2.5" stroke-dasharray="${method.dash}"/></svg> `;
    name.append(method.title);
    line.append(name);
    const cells = [status, elbo.toFixed(2), khat.toFixed(2), gradients.toLocaleString("en"), milliseconds.toFixed(0)];
    for (const value of cells) line.insertCell().textContent = value;
  }
  return table;
}
