// The page: choose a model and data, fit, and see it happen. A fit takes milliseconds, so its course is shown by replaying it: the
// same seed stopped after 1, 2, 3, 5, … steps gives the same path, bit for bit, each time a little further.

import { type CompiledModel, type Fit, type FitOptions, fit } from "../../src/index.js";
import { cholesky } from "../../src/linalg/cholesky.js";
import { elementNames } from "../../src/target.js";
import type { DenseGaussian } from "../../src/vi/gaussian.js";
import { type Columns, type DemoModel, models } from "./models.js";
import { contourPlot, dataPlot, type Ellipse, elboPlot, marginalPlot, type Surface } from "./plots.js";

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const select = element<HTMLSelectElement>("model");
const family = element<HTMLSelectElement>("family");
const seed = element<HTMLInputElement>("seed");
const fitButton = element<HTMLButtonElement>("fit");
const abortButton = element<HTMLButtonElement>("abort");
const text = element<HTMLTextAreaElement>("data-text");
const outcome = element("outcome");

for (const [key, m] of Object.entries(models)) select.add(new Option(m.title, key));

let current: DemoModel = models["schools"]!;
let data: Columns = structuredClone(current.data);
let running: AbortController | undefined;
let shown: Fit | undefined;

/** What the choice of a method means to `fit`. */
const methods = {
  auto: {},
  fullRank: { family: "fullRank" },
  meanField: { family: "meanField" },
  pathfinder: { algorithm: "pathfinder" },
} as const satisfies Record<string, FitOptions>;

const show = (id: string, content: Element): void => element(id).replaceChildren(content);
const frame = (): Promise<void> => new Promise((done) => requestAnimationFrame(() => done()));

function say(status: string, message: string): void {
  outcome.dataset["status"] = status;
  outcome.textContent = message;
}

/** The pair of coordinates that is drawn: their positions among the unconstrained ones. */
function pairOf(f: Fit): [number, number] {
  const names = f.target.unconstrainedNames ?? [];
  return current.pair.map(([name]) => names.indexOf(name)) as [number, number];
}

/** Mean and Cholesky factor of what was fitted: the Gaussian itself, or, where it is not one, the moments of its draws. */
function gaussianOf(f: Fit): DenseGaussian | undefined {
  const { approximation: q, maps } = f.result;
  if (!q) return undefined;
  const n = f.target.dimension;
  if (maps.length === 0 && q.kind === "dense") return q;
  const factor = new Float64Array(n * n);
  if (maps.length === 0 && q.kind === "diagonal") {
    for (let i = 0; i < n; i++) factor[i * n + i] = q.scale[i]!;
    return { kind: "dense", mean: q.mean, cholesky: factor };
  }
  const draws = f.unconstrainedDraws();
  const size = draws.length / n;
  const mean = new Float64Array(n);
  for (let k = 0; k < draws.length; k++) mean[k % n] = mean[k % n]! + draws[k]! / size;
  for (let d = 0; d < size; d++)
    for (let i = 0; i < n; i++)
      for (let j = 0; j <= i; j++)
        factor[i * n + j]! += ((draws[d * n + i]! - mean[i]!) * (draws[d * n + j]! - mean[j]!)) / size;
  return cholesky(factor, n) ? { kind: "dense", mean, cholesky: factor } : undefined;
}

/** Mean and covariance root of two coordinates. */
function ellipse(f: Fit, [a, b]: [number, number]): Ellipse | undefined {
  const q = gaussianOf(f);
  if (!q) return undefined;
  const n = f.target.dimension;
  const covariance = (i: number, j: number): number => {
    let sum = 0;
    for (let k = 0; k <= Math.min(i, j); k++) sum += q.cholesky[i * n + k]! * q.cholesky[j * n + k]!;
    return sum;
  };
  const l00 = Math.sqrt(covariance(a, a));
  const l10 = covariance(a, b) / l00;
  return { mean: [q.mean[a]!, q.mean[b]!], root: [l00, l10, Math.sqrt(Math.max(0, covariance(b, b) - l10 * l10))] };
}

/** A few hundred draws of the pair, where an ellipse would not do them justice. */
function cloud(f: Fit, [a, b]: [number, number]): readonly { x: number; y: number }[] {
  if (f.result.maps.length === 0) return [];
  const n = f.target.dimension;
  const draws = f.unconstrainedDraws();
  return Array.from({ length: 400 }, (_, d) => ({ x: draws[d * n + a]!, y: draws[d * n + b]! }));
}

/** A slice of the posterior over two coordinates, the others at the approximation's conditional mean given the two. */
function surface(f: Fit, [a, b]: [number, number], around: Ellipse): Surface {
  const size = 48;
  const n = f.target.dimension;
  const q = gaussianOf(f)!;
  const spread = Math.hypot(around.root[1], around.root[2]);
  const x: [number, number] = [around.mean[0] - 3.5 * around.root[0], around.mean[0] + 3.5 * around.root[0]];
  const y: [number, number] = [around.mean[1] - 3.5 * spread, around.mean[1] + 3.5 * spread];
  // Conditional means: cov(i, pair) · cov(pair)⁻¹ · offset, through the root of the pair.
  const column = (i: number): [number, number] => {
    let ca = 0;
    let cb = 0;
    for (let k = 0; k < n; k++) {
      ca += q.cholesky[i * n + k]! * q.cholesky[a * n + k]!;
      cb += q.cholesky[i * n + k]! * q.cholesky[b * n + k]!;
    }
    const u = ca / around.root[0];
    return [u, (cb - around.root[1] * u) / around.root[2]];
  };
  const columns = Array.from({ length: n }, (_, i) => column(i));
  const thetas = new Float64Array(size * size * n);
  for (let r = 0; r < size; r++)
    for (let c = 0; c < size; c++) {
      const dx = x[0] + ((c + 0.5) / size) * (x[1] - x[0]) - around.mean[0];
      const dy = y[0] + ((r + 0.5) / size) * (y[1] - y[0]) - around.mean[1];
      const u = dx / around.root[0];
      const w = (dy - around.root[1] * u) / around.root[2];
      const at = (r * size + c) * n;
      for (let i = 0; i < n; i++) thetas[at + i] = q.mean[i]! + columns[i]![0] * u + columns[i]![1] * w;
      thetas[at + a] = around.mean[0] + dx;
      thetas[at + b] = around.mean[1] + dy;
    }
  const values = new Float64Array(size * size);
  (f.target as CompiledModel).logDensityGradientBatch(size * size, thetas, new Float64Array(thetas.length), values);
  const top = values.reduce((m, v) => Math.max(m, v), Number.NEGATIVE_INFINITY);
  return { x, y, size, values: values.map((v) => Math.max(v - top, -1e3)) };
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
  const pair = pairOf(f);
  const q = ellipse(f, pair);
  const labels: [string, string] = [current.pair[0]![1], current.pair[1]![1]];
  element("pair").textContent =
    `${labels[0]}, ${labels[1]}: a slice of the posterior (grey), ${f.result.maps.length ? "draws of the approximation" : "the approximation at 1 and 2 standard deviations"}`;
  show("contours", contourPlot(labels, view ?? (q && surface(f, pair, q)), q, cloud(f, pair)));
  show("elbo", elboPlot([...f.trace], f.elbo));
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
    ...methods[family.value as keyof typeof methods],
  };
  try {
    const started = performance.now();
    const whole = await fit(current.model, data, options);
    const ms = performance.now() - started;
    if (stop.signal.aborted && running !== stop) return whole.dispose();
    const q = ellipse(whole, pairOf(whole));
    const view = q && surface(whole, pairOf(whole), q);
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
    element("summary").textContent = `${whole.summary()}`;
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
