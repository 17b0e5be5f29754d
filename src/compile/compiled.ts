// From a traced model to a Target: the log joint and its gradient, and the constrained values, each compiled once and encoded for
// as many draws as are asked for. Everything a model holds in core memory belongs to one store and to its programs.

import { f64 } from "../core/memory.js";
import type { Program } from "../core/program.js";
import { rangeError, typeError } from "../errors.js";
import { elementNames, type Site, type Target } from "../target.js";
import * as g from "./arithmetic.js";
import { aroundZero } from "./density.js";
import { type Destination, type Encoded, encode } from "./encode.js";
import { fuse } from "./fuse.js";
import { gradient, scaleOf, type Term } from "./gradient.js";
import { canonicalise, type Lowered, lower } from "./lower.js";
import { eventSize, latent, type Node, node, output, sumEvent, sumRows } from "./node.js";
import { type PlainGraph, toPlain } from "./plain.js";
import { hessianVector, obstacles } from "./second.js";
import { Store } from "./store.js";

/** A latent of the model: its unconstrained coordinates and the value people know it by. */
export interface LatentSite {
  readonly name: string;
  readonly raw: Node;
  readonly value: Node;
}

/** What tracing a model leaves: plain data for the compiler. */
export interface ModelGraph {
  readonly latents: readonly LatentSite[];
  readonly terms: readonly Term[];
  readonly deterministics: readonly { readonly name: string; readonly value: Node }[];
}

/** Sum of a value over its rows (all rows, when the plate is subsampled) and event. */
function total(x: Node): Node {
  const sum = sumEvent(sumRows(x));
  return g.mul(scaleOf(x.plate), sum);
}

/**
 * The log joint. Densities of one plate and shape are added row by row before they are summed; terms that no latent reaches are
 * summed apart, so that they are computed once. Squares of what is normal around 0 are summed as such, without a kernel.
 */
export function logJoint(terms: readonly Term[]): Node {
  const groups = new Map<string, Node[]>();
  const put = (x: Node): void => {
    const key = `${x.plate?.name ?? ""}|${x.shape.join("x")}|${x.latent}`;
    groups.set(key, [...(groups.get(key) ?? []), x]);
  };
  const outside: Node[] = [];
  for (const { density, value } of terms) {
    if (value) put(value);
    if (!density) continue;
    const { call, addend } = density;
    const shape = call.density!.outputShapes[0]!;
    const centred = aroundZero(call);
    if (centred) outside.push(g.mul(-0.5 * centred.precision, total(g.square(centred.x))));
    else put(output(call, 0));
    if (!addend) continue;
    if (addend.plate === call.plate && addend.shape.length === shape.length) put(addend);
    else {
      // The same for many rows or events: multiplied instead of repeated.
      const rows = call.plate && !addend.plate ? call.plate.size : 1;
      outside.push(g.mul((rows * eventSize(shape)) / eventSize(addend.shape), total(addend)));
    }
  }
  for (const group of groups.values()) outside.push(total(group.reduce((a, x) => g.add(a, x))));
  // What no latent reaches is the first term: it costs nothing where the next is a product.
  return g.sum(0, ...outside.filter((x) => !x.latent), ...outside.filter((x) => x.latent));
}

/** The gradient's node as it is written out: user order, even when the plate is visited in batches. */
function inUserOrder(x: Node): Node {
  if (!x.plate?.subsampled) return x;
  const identity = Int32Array.from({ length: x.plate.size }, (_, i) => i);
  return node("scatterAdd", [x], null, [x.plate.size, ...x.shape], { index: identity });
}

const siteShape = (n: Node): number[] => (n.plate ? [n.plate.size, ...n.shape] : [...n.shape]);
const size = (shape: readonly number[]): number => eventSize(shape);

/** A model with its data: a Target whose log density, gradient and constrained values run in the core. */
export class CompiledModel implements Target {
  readonly dimension: number;
  readonly unconstrainedNames: readonly string[];
  readonly names: readonly string[];
  readonly sites: readonly Site[];
  /** Total number of batches a gradient over all rows takes: 1 without subsampling. */
  readonly batches: number;
  /**
   * Writes the Hessian of the log density (all rows) at `theta` times `vector` into `out`, exactly. Absent where a family or an operation
   * of the model has no second derivatives here, or the model is too long (`withoutSecondDerivatives`): algorithms then take differences
   * of gradients. The first product compiles the tape.
   */
  readonly hessianVector?: (theta: Float64Array, vector: Float64Array, out: Float64Array) => void;
  /** What stands in the way of exact second derivatives: families, operations, or "n operations" for a long model. Empty: nothing. */
  readonly withoutSecondDerivatives: readonly string[];
  readonly #graph: ModelGraph;
  readonly #gradients: readonly (Node | null)[];
  readonly #store = new Store();
  readonly #main: Lowered;
  readonly #mainDestinations: readonly Destination[];
  readonly #values: Lowered;
  readonly #single = new Map<string, Encoded>();
  readonly #owned: Encoded[] = [];
  #disposed = false;

  constructor(graph: ModelGraph) {
    this.#graph = graph;
    this.dimension = graph.latents.reduce((n, l) => n + size(siteShape(l.raw)), 0);
    if (this.dimension === 0)
      throw new TypeError("model: expected at least one sample(...) site, got a model with no latent");
    this.unconstrainedNames = graph.latents.flatMap((l) =>
      elementNames({ name: l.name, shape: siteShape(l.raw), labels: l.raw.plate?.labels }),
    );

    const named = [
      ...graph.latents.map((l) => ({ name: l.name, value: l.value, kind: "latent" as const })),
      ...graph.deterministics.map((d) => ({ ...d, kind: "deterministic" as const })),
    ];
    let offset = 0;
    this.sites = named.map(({ name, value, kind }) => {
      const site: Site = { name, kind, offset, shape: siteShape(value), labels: value.plate?.labels };
      offset += size(site.shape);
      return site;
    });
    this.names = this.sites.flatMap(elementNames);

    const raws = graph.latents.map((l) => l.raw);
    const gradients = gradient(graph.terms, raws);
    this.#gradients = gradients;
    this.withoutSecondDerivatives = obstacles(gradients.filter((n) => n !== null));
    if (this.withoutSecondDerivatives.length === 0)
      this.hessianVector = (theta, vector, out) => {
        this.#hessianVector(theta, vector, out);
      };
    const roots: Node[] = [logJoint(graph.terms)];
    const destinations: Destination[] = [{ kind: "logDensity" }];
    gradients.forEach((n, i) => {
      if (!n) return;
      roots.push(inUserOrder(n));
      destinations.push({ kind: "gradient", position: raws[i]!.position });
    });
    const all = fuse(canonicalise([...roots, ...named.map((n) => n.value)]));
    this.#main = lower(fuse(all.slice(0, roots.length), true));
    this.#mainDestinations = destinations;
    this.#values = lower(all.slice(roots.length));
    const visited = new Set(this.#main.segments.map((s) => s.plate));
    this.batches = [...visited].reduce((n, p) => n * (p?.batches ?? 1), 1);
    try {
      this.#computeStatics([...new Set([...this.#main.statics, ...this.#values.statics])]);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Runs everything that no latent reaches, once, and leaves the results in the store. */
  #computeStatics(statics: readonly Node[]): void {
    if (!statics.length) return;
    const lowered = lower(statics, true);
    const encoded = encode(lowered, {
      dimension: 0,
      draws: 1,
      store: this.#store,
      destinations: statics.map(() => ({ kind: "output" })),
    });
    this.#owned.push(encoded);
    this.#everyBatch(encoded, () => encoded.program.evaluate());
    statics.forEach((n, i) => {
      this.#store.place(n, encoded.outputs[i]!);
    });
  }

  /** Calls `run` with each combination of batches chosen. */
  #everyBatch(encoded: Encoded, run: () => void): void {
    const visit = (k: number): void => {
      if (k === encoded.batches.length) run();
      else
        for (let b = 0; b < encoded.batches[k]!.batches; b++) {
          encoded.program.selectBatch(k, b);
          visit(k + 1);
        }
    };
    visit(0);
  }

  #encode(draws: number, blockRows?: number): Encoded {
    this.#alive();
    return encode(this.#main, {
      dimension: this.dimension,
      draws,
      store: this.#store,
      destinations: this.#mainDestinations,
      ...(blockRows === undefined ? {} : { blockRows }),
    });
  }

  /** Whether the model's memory has been given back. */
  get disposed(): boolean {
    return this.#disposed;
  }

  #alive(): void {
    if (this.#disposed) throw new Error("this model was disposed of: its data are no longer in memory");
  }

  /** S draws at once inside the core. The caller disposes of the program. `blockRows` is for tests: no result depends on it. */
  program(draws: number, blockRows?: number): Program {
    const { program } = this.#encode(draws, blockRows);
    program.owner = this;
    return program;
  }

  #cached(key: string, make: () => Encoded): Encoded {
    this.#alive();
    let encoded = this.#single.get(key);
    if (!encoded) this.#single.set(key, (encoded = make()));
    return encoded;
  }

  #checkTheta(theta: Float64Array, label = "theta"): void {
    if (!(theta instanceof Float64Array)) throw typeError(label, "a Float64Array", theta);
    if (theta.length !== this.dimension) throw rangeError(label, `${this.dimension} coordinates`, theta);
  }

  /** The tape of Hessian-vector products: the point's coordinates, then the vector's. Made when it is first asked for. */
  #second(): Encoded {
    const n = this.dimension;
    const raws = this.#graph.latents.map((l) => l.raw);
    const directions = raws.map((r) => latent(n + r.position, r.plate, r.shape));
    const roots: Node[] = [];
    const destinations: Destination[] = [];
    hessianVector(this.#gradients, raws, directions).forEach((product, i) => {
      if (!product) return;
      roots.push(inUserOrder(product));
      destinations.push({ kind: "gradient", position: raws[i]!.position });
    });
    const lowered = lower(fuse(canonicalise(roots), true));
    this.#computeStatics(lowered.statics);
    return encode(lowered, { dimension: 2 * n, draws: 1, store: this.#store, destinations });
  }

  #hessianVector(theta: Float64Array, vector: Float64Array, out: Float64Array): void {
    this.#checkTheta(theta);
    this.#checkTheta(vector, "vector");
    this.#checkTheta(out, "out");
    const n = this.dimension;
    const encoded = this.#cached("second", () => this.#second());
    const { program } = encoded;
    const inputs = program.theta();
    inputs.set(theta);
    inputs.set(vector, n);
    out.fill(0);
    this.#everyBatch(encoded, () => {
      program.evaluate();
      const part = program.gradient();
      for (let i = 0; i < n; i++) out[i]! += part[i]!;
    });
    const batches = encoded.batches.reduce((product, p) => product * p.batches, 1);
    if (batches > 1) for (let i = 0; i < n; i++) out[i]! /= batches;
  }

  logDensityGradient(theta: Float64Array, gradient: Float64Array): number {
    this.#checkTheta(theta);
    this.#checkTheta(gradient, "gradient");
    const encoded = this.#cached("main", () => this.#encode(1));
    const { program } = encoded;
    program.theta().set(theta);
    if (this.batches === 1) {
      program.evaluate();
      gradient.set(program.gradient());
      return program.logDensity()[0]!;
    }
    // Every batch stands for all rows, so the mean over all of them is the log density of all rows.
    gradient.fill(0);
    let sum = 0;
    this.#everyBatch(encoded, () => {
      program.evaluate();
      sum += program.logDensity()[0]!;
      const part = program.gradient();
      for (let i = 0; i < gradient.length; i++) gradient[i]! += part[i]!;
    });
    for (let i = 0; i < gradient.length; i++) gradient[i]! /= this.batches;
    return sum / this.batches;
  }

  logDensityGradientBatch(draws: number, thetas: Float64Array, gradients: Float64Array, values: Float64Array): void {
    const n = this.dimension;
    if (thetas.length !== draws * n) throw rangeError("thetas", `${draws} × ${n} coordinates`, thetas);
    if (gradients.length !== draws * n) throw rangeError("gradients", `${draws} × ${n} numbers`, gradients);
    if (values.length !== draws) throw rangeError("values", `${draws} numbers`, values);
    const lanes = draws < 8 ? 1 : 16;
    const encoded = this.#cached(lanes === 1 ? "main" : "main:16", () => this.#encode(lanes));
    const { program } = encoded;
    for (let start = 0; start < draws; start += lanes) {
      const count = Math.min(lanes, draws - start);
      program.setPoints(thetas, start, count);
      const to = start * n;
      gradients.fill(0, to, to + count * n);
      values.fill(0, start, start + count);
      this.#everyBatch(encoded, () => {
        program.evaluate();
        program.addGradients(gradients, start, count);
        const density = program.logDensity();
        for (let s = 0; s < count; s++) values[start + s]! += density[s]!;
      });
      if (this.batches > 1) {
        for (let k = to; k < to + count * n; k++) gradients[k]! /= this.batches;
        for (let s = start; s < start + count; s++) values[s]! /= this.batches;
      }
    }
  }

  constrain(theta: Float64Array): Float64Array {
    this.#checkTheta(theta);
    return this.constrainDraws(theta, 1);
  }

  /** [draw × dimension] to [draw × names.length]. */
  constrainDraws(thetas: Float64Array, draws: number): Float64Array {
    if (thetas.length !== draws * this.dimension)
      throw rangeError("thetas", `${draws} × ${this.dimension} coordinates`, thetas);
    const lanes = Math.min(draws, 16);
    const values = this.#values;
    const encoded = this.#cached(`values:${lanes}`, () =>
      encode(values, {
        dimension: this.dimension,
        draws: lanes,
        store: this.#store,
        destinations: values.roots.map(() => ({ kind: "output" })),
      }),
    );
    const width = this.names.length;
    const result = new Float64Array(draws * width);
    for (let start = 0; start < draws; start += lanes) {
      const count = Math.min(lanes, draws - start);
      encoded.program.setPoints(thetas, start, count);
      this.#everyBatch(encoded, () => encoded.program.evaluate());
      values.roots.forEach((root, k) => {
        const site = this.sites[k]!;
        const m = eventSize(root.shape);
        if (root.kind === "latent") {
          // As it stands among the coordinates, also when its plate is visited in batches.
          const length = (root.plate?.size ?? 1) * m;
          for (let s = start; s < start + count; s++) {
            const from = s * this.dimension + root.position;
            const to = s * width + site.offset;
            for (let i = 0; i < length; i++) result[to + i] = thetas[from + i]!;
          }
          return;
        }
        const order = root.plate ? this.#store.order(root.plate) : Int32Array.of(0);
        const view = f64(encoded.outputs[k]!, order.length * m * lanes);
        for (let at = 0; at < order.length; at++) {
          const row = order[at]!;
          if (row < 0) continue;
          for (let j = 0; j < m; j++) {
            const from = (at * m + j) * lanes;
            let to = start * width + site.offset + row * m + j;
            for (let s = 0; s < count; s++, to += width) result[to] = view[from + s]!;
          }
        }
      });
    }
    return result;
  }

  /** How the values follow from the coordinates, as plain data with copies of the numbers in it; undefined where it cannot be. */
  valuesGraph(): PlainGraph | undefined {
    return toPlain(this.dimension, this.#values.roots);
  }

  /** Names of the sites whose terms are not finite at `theta`. */
  blame(theta: Float64Array): readonly string[] {
    this.#checkTheta(theta);
    const sites = [...new Set(this.#graph.terms.map((t) => t.site))];
    const roots = canonicalise(sites.map((site) => logJoint(this.#graph.terms.filter((t) => t.site === site))));
    const lowered = lower(roots, true);
    const store = new Store();
    try {
      const encoded = encode(lowered, {
        dimension: this.dimension,
        draws: 1,
        store,
        destinations: roots.map(() => ({ kind: "output" })),
      });
      encoded.program.theta().set(theta);
      const bad = new Set<string>();
      this.#everyBatch(encoded, () => {
        encoded.program.evaluate();
        sites.forEach((site, i) => {
          if (!Number.isFinite(f64(encoded.outputs[i]!, 1)[0]!)) bad.add(site);
        });
      });
      encoded.program.dispose();
      return [...bad];
    } finally {
      store.dispose();
    }
  }

  /** The instructions, one a line, for reading and for tests. */
  disassemble(draws = 1): string {
    const encoded = this.#encode(draws);
    encoded.program.dispose();
    return encoded.listing.join("\n");
  }

  /** Frees the data and every program this model keeps; programs handed out are freed by their holders. */
  dispose(): void {
    this.#disposed = true;
    for (const e of [...this.#single.values(), ...this.#owned]) e.program.dispose();
    this.#single.clear();
    this.#owned.length = 0;
    this.#store.dispose();
  }
}
