// The page: choose a model and data, fit, and see it happen. A fit takes milliseconds, so its course is shown by replaying it: the
// same seed stopped after 1, 2, 3, 5, … steps gives the same path, bit for bit, each time a little further.

import { type Fit, type FitOptions, fit } from "../../src/index.js";
import { elementNames } from "../../src/target.js";
import { type Compared, compare, comparedTable, methods } from "./compare.js";
import { cloud, ellipse, pairOf, surface } from "./geometry.js";
import { type Columns, type DemoModel, models } from "./models.js";
import { comparedPlot, contourPlot, dataPlot, elboPlot, marginalPlot, type Surface } from "./plots.js";

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const select = element<HTMLSelectElement>("model");
const family = element<HTMLSelectElement>("family");
const seed = element<HTMLInputElement>("seed");
const fitButton = element<HTMLButtonElement>("fit");
const abortButton = element<HTMLButtonElement>("abort");
const compareButton = element<HTMLButtonElement>("compare");
const text = element<HTMLTextAreaElement>("data-text");
const outcome = element("outcome");

for (const [key, m] of Object.entries(models)) select.add(new Option(m.title, key));
for (const [key, m] of Object.entries(methods)) family.add(new Option(m.title, key));

let current: DemoModel = models["schools"]!;
let data: Columns = structuredClone(current.data);
let running: AbortController | undefined;
let shown: Fit | undefined;

const show = (id: string, content: Element): void => element(id).replaceChildren(content);
const frame = (): Promise<void> => new Promise((done) => requestAnimationFrame(() => done()));

function say(status: string, message: string): void {
  outcome.dataset["status"] = status;
  outcome.textContent = message;
}

/** Predictive band from posterior draws. */
function band(f: Fit | undefined): { x: number; low: number; mid: number; high: number }[] {
  const { predict } = current;
  if (!f?.result.approximation || !predict) return [];
  const xs = data[current.axes[0]]!;
  const [low, high] = [Math.min(...xs), Math.max(...xs)];
  const draws = new Map(f.sites.map((s) => [s.name, f.draws(s.name)]));
  return Array.from({ length: 41 }, (_, k) => {
    const x = low + ((high - low) * k) / 40;
    const values = Array.from({ length: 400 }, (_, d) => predict(x, (name) => draws.get(name)![d]!)).sort(
      (p, q) => p - q,
    );
    return { x, low: values[20]!, mid: values[200]!, high: values[380]! };
  });
}

function drawData(): void {
  show("data-plot", dataPlot(current, data, band(shown)));
  element("data-hint").textContent = current.binary ? "click or Enter flips a point" : "drag points, or arrow keys";
  const dots = element("data-plot").querySelectorAll<SVGCircleElement>("circle");
  const y = data[current.axes[1]]!;
  const svg = element("data-plot").querySelector("svg")!;
  dots.forEach((dot, i) => {
    dot.classList.add("handle");
    dot.setAttribute("tabindex", "0");
    dot.setAttribute("role", current.binary ? "button" : "slider");
    dot.setAttribute("aria-label", `${current.axes[1]} ${i + 1}`);
    if (!current.binary) {
      dot.setAttribute("aria-valuenow", String(y[i]));
      dot.setAttribute("aria-valuemin", String(current.range[0]));
      dot.setAttribute("aria-valuemax", String(current.range[1]));
    }
    const change = (value: number): void => {
      y[i] = Math.round(10 * Math.min(current.range[1], Math.max(current.range[0], value))) / 10;
      text.value = JSON.stringify(data);
    };
    const again = (): void => {
      void run().then(() => element("data-plot").querySelectorAll<SVGCircleElement>("circle")[i]?.focus());
    };
    const flip = (): void => {
      change(y[i] ? 0 : 1);
      again();
    };
    dot.addEventListener("keydown", (event) => {
      if (
        current.binary
          ? event.key === "Enter" || event.key === " "
          : event.key === "ArrowUp" || event.key === "ArrowDown"
      ) {
        event.preventDefault();
        if (current.binary) return flip();
        change(y[i]! + (event.key === "ArrowUp" ? 1 : -1) * ((current.range[1] - current.range[0]) / 40));
        again();
      }
    });
    if (current.binary) {
      dot.addEventListener("click", flip);
      return;
    }
    dot.addEventListener("pointerdown", (down) => {
      down.preventDefault();
      dot.setPointerCapture(down.pointerId);
      const [from, at] = [down.clientY, y[i]!];
      const box = svg.getBoundingClientRect();
      const perPixel = (current.range[1] - current.range[0]) / (box.height * (1 - 50 / 280));
      const move = (event: PointerEvent): void => {
        change(at - (event.clientY - from) * perPixel);
        dot.setAttribute("transform", `translate(0,${((event.clientY - from) * 280) / box.height})`);
      };
      dot.addEventListener("pointermove", move);
      dot.addEventListener(
        "pointerup",
        () => {
          dot.removeEventListener("pointermove", move);
          again();
        },
        { once: true },
      );
    });
  });
}

/** A few bytes that change when any bit of the answer does. */
function bitsOf(f: Fit): string {
  const q = f.result.approximation;
  if (!q) return "–";
  let hash = 0xcbf29ce484222325n;
  for (const part of [q.mean, q.kind === "diagonal" ? q.scale : q.kind === "dense" ? q.cholesky : q.mean])
    for (const byte of new Uint8Array(part.buffer, part.byteOffset, part.byteLength))
      hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash.toString(16).padStart(16, "0");
}

function drawFit(f: Fit, view: Surface | undefined): void {
  const pair = pairOf(f, current);
  const q = ellipse(f, pair);
  const labels: [string, string] = [current.pair[0]![1], current.pair[1]![1]];
  element("pair").textContent =
    `${labels[0]}, ${labels[1]}: the posterior (grey), ${f.annealed ? "annealed draws" : f.result.maps.length ? "draws of the approximation" : "the approximation at 1 and 2 standard deviations"}`;
  show("contours", contourPlot(labels, view ?? (q && surface(f, pair, q)), q, cloud(f, pair)));
  show("elbo", elboPlot([...f.trace], f.elbo));
  element("elbo-final").textContent = Number.isFinite(f.elbo)
    ? `dashed: the final one, from fresh draws, ${f.elbo.toFixed(2)} ± ${f.elboStandardError.toFixed(2)}`
    : "";
}

/** Fits, replaying the course first; a newer call or the button ends it. */
async function run(): Promise<void> {
  running?.abort();
  const stop = new AbortController();
  running = stop;
  abortButton.disabled = false;
  fitButton.setAttribute("aria-busy", "true");
  say("running", "Fitting …");
  const options: FitOptions = {
    seed: Math.max(0, Math.round(Number(seed.value) || 0)),
    signal: stop.signal,
    ...methods[family.value]!.options,
  };
  element("compared").replaceChildren();
  try {
    const started = performance.now();
    const whole = await fit(current.model, data, options);
    const ms = performance.now() - started;
    if (stop.signal.aborted && running !== stop) return whole.dispose();
    const q = ellipse(whole, pairOf(whole, current));
    const view = q && surface(whole, pairOf(whole, current), q);
    const steps = whole.trace.length;
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches)
      for (const k of [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144].filter((s) => s < steps)) {
        if (stop.signal.aborted) break;
        const part = await fit(current.model, data, { ...options, maxSteps: k });
        if (part.result.approximation) drawFit(part, view);
        part.dispose();
        for (let i = 0; i < 6; i++) await frame();
      }
    if (running !== stop) return whole.dispose();
    shown?.dispose();
    shown = whole;
    drawFit(whole, view);
    const columns = whole.sites
      .filter((s) => s.kind === "latent" && s.shape.reduce((a, b) => a * b, 1) <= 2)
      .flatMap((s) =>
        elementNames(s).map((name, i, { length }) => ({
          name,
          values: whole.draws(s.name).filter((_, k) => k % length === i),
        })),
      );
    show("marginals", marginalPlot(columns));
    // The sentences wrap with the page; the table keeps its columns.
    const [table, verdict] = `${whole.summary()}`.split("\n\n") as [string, string];
    element("summary").textContent = table;
    element("summary").style.setProperty("--columns", String(Math.max(...table.split("\n").map((row) => row.length))));
    element("verdict").textContent = verdict.replaceAll("\n", " ").replace(/(\d draws(, \w+ by importance)?) /, "$1. ");
    element("bits").textContent = bitsOf(whole);
    say(
      stop.signal.aborted ? "cancelled" : whole.status,
      stop.signal.aborted
        ? "Stopped. This is the best approximation until then."
        : `${whole.message} ${whole.gradients.toLocaleString("en")} gradients in ${ms.toFixed(0)} ms.`,
    );
    drawData();
  } catch (error) {
    say("error", error instanceof Error ? error.message : String(error));
  } finally {
    if (running === stop) {
      running = undefined;
      abortButton.disabled = true;
      fitButton.removeAttribute("aria-busy");
    }
  }
}

/** All methods on the same data and seed, side by side. */
async function compareAll(): Promise<void> {
  if (running || !shown) return;
  const stop = new AbortController();
  running = stop;
  abortButton.disabled = false;
  compareButton.setAttribute("aria-busy", "true");
  try {
    const f = shown;
    const q = ellipse(f, pairOf(f, current));
    const rows: Compared[] = [];
    for await (const row of compare(current, data, Math.max(0, Math.round(Number(seed.value) || 0)), stop.signal)) {
      if (stop.signal.aborted || running !== stop) break;
      rows.push(row);
      const labels: [string, string] = [current.pair[0]![1], current.pair[1]![1]];
      const plot = comparedPlot(labels, q && surface(f, pairOf(f, current), q), rows);
      element("compared").replaceChildren(comparedTable(rows), plot);
    }
  } finally {
    compareButton.removeAttribute("aria-busy");
    if (running === stop) {
      running = undefined;
      abortButton.disabled = true;
    }
  }
}

function choose(key: string): void {
  current = models[key]!;
  select.value = key;
  data = structuredClone(current.data);
  shown?.dispose();
  shown = undefined;
  text.value = JSON.stringify(data);
  element("source").firstElementChild!.textContent = current.source;
  element("data-error").textContent = "";
  drawData();
  void run();
}

element<HTMLFormElement>("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  void run();
});
compareButton.addEventListener("click", () => void compareAll());
abortButton.addEventListener("click", () => running?.abort());
select.addEventListener("change", () => choose(select.value));
family.addEventListener("change", () => void run());
seed.addEventListener("change", () => void run());
element("apply").addEventListener("click", () => {
  try {
    data = JSON.parse(text.value) as Columns;
    element("data-error").textContent = "";
    shown?.dispose();
    shown = undefined;
    drawData();
    void run();
  } catch (error) {
    element("data-error").textContent = error instanceof Error ? error.message : String(error);
  }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  drawData();
  if (shown) drawFit(shown, undefined);
});

choose(location.hash.slice(1) in models ? location.hash.slice(1) : "schools");
