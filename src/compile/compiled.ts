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
import { listingOf } from "./instructions.js";
import { canonicalise, type Lowered, lower } from "./lower.js";
import { eventSize, latent, type Node, node, output, type Plate, sumEvent, sumRows } from "./node.js";
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

/** Passes that visit all rows: the product of the numbers of batches of the plates. */
function batchesOf({ segments }: Lowered): number {
  const visited = new Set<Plate>();
  let batches = 1;
  for (let k = 0; k < segments.length; k++) {
    const { plate } = segments[k]!;
    if (!plate || visited.has(plate)) continue;
    visited.add(plate);
    batches *= plate.batches;
  }
  return batches;
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
  const groups = new Map<string, Node>();
  const sums: Sums = { latent: [], fixed: [] };
  for (let i = 0; i < terms.length; i++) {
    const { density, value } = terms[i]!;
    if (value) addTo(groups, value);
    if (!density) continue;
    const { call, addend } = density;
    const shape = call.density!.outputShapes[0]!;
    const centred = aroundZero(call);
    if (centred) addTotal(sums, g.mul(-0.5 * centred.precision, total(g.square(centred.x))));
    else addTo(groups, output(call, 0));
    if (!addend) continue;
    if (addend.plate === call.plate && addend.shape.length === shape.length) addTo(groups, addend);
    else {
      // The same for many rows or events: multiplied instead of repeated.
      const rows = call.plate && !addend.plate ? call.plate.size : 1;
      addTotal(sums, g.mul((rows * eventSize(shape)) / eventSize(addend.shape), total(addend)));
    }
  }
  for (const sum of groups.values()) addTotal(sums, total(sum));
  // What no latent reaches is the first term: it costs nothing where the next is a product.
  return g.sum(0, ...sums.fixed, ...sums.latent);
}

/** Adds to the sum of what has the same plate and shape. */
function addTo(groups: Map<string, Node>, x: Node): void {
  const key = `${x.plate?.name ?? ""}|${x.shape.join("x")}|${x.latent}`;
  const before = groups.get(key);
  groups.set(key, before ? g.add(before, x) : x);
}

/** Terms that latents reach, and the rest. */
interface Sums {
  readonly latent: Node[];
  readonly fixed: Node[];
}

function addTotal(sums: Sums, x: Node): void {
  (x.latent ? sums.latent : sums.fixed).push(x);
}

/** The gradient's node as it is written out: user order, even when the plate is visited in batches. */
function inUserOrder(x: Node): Node {
  if (!x.plate?.subsampled) return x;
  const identity = Int32Array.from({ length: x.plate.size }, (_, i) => i);
  return node("scatterAdd", [x], null, [x.plate.size, ...x.shape], { index: identity });
}

const siteShape = (n: Node): number[] => (n.plate ? [n.plate.size, ...n.shape] : [...n.shape]);

/** A model with its data: a Target whose log density, gradient and constrained values run in the core. */
export class CompiledModel implements Target {
  readonly dimension: number;
  /** Total number of batches a gradient over all rows takes: 1 without subsampling. */
  readonly batches: number;
  readonly #graph: ModelGraph;
  readonly #gradients: readonly (Node | null)[];
  readonly #store = new Store();
  readonly #main: Lowered;
  readonly #mainDestinations: readonly Destination[];
  readonly #values: Lowered;
  readonly #single = new Map<string, Encoded>();
  readonly #owned: Encoded[] = [];
  #sites: readonly Site[] | undefined;
  #names: readonly string[] | undefined;
  #unconstrainedNames: readonly string[] | undefined;
  #obstacles: readonly string[] | undefined;
  #product: Target["hessianVector"];
  #disposed = false;

  constructor(graph: ModelGraph) {
    this.#graph = graph;
    const { latents, deterministics, terms } = graph;
    const raws: Node[] = [];
    const values: Node[] = [];
    let dimension = 0;
    for (let i = 0; i < latents.length; i++) {
      const { raw, value } = latents[i]!;
      dimension += (raw.plate ? raw.plate.size : 1) * eventSize(raw.shape);
      raws.push(raw);
      values.push(value);
    }
    for (let i = 0; i < deterministics.length; i++) values.push(deterministics[i]!.value);
    if (dimension === 0)
      throw new TypeError("model: expected at least one sample(...) site, got a model with no latent");
    this.dimension = dimension;

    this.#gradients = gradient(terms, raws);
    const roots: Node[] = [logJoint(terms)];
    const destinations: Destination[] = [{ kind: "logDensity" }];
    for (let i = 0; i < raws.length; i++) {
      const n = this.#gradients[i]!;
      if (!n) continue;
      roots.push(inUserOrder(n));
      destinations.push({ kind: "gradient", position: raws[i]!.position });
    }
    const all = canonicalise(roots.concat(values));
    this.#main = lower(fuse(all.slice(0, roots.length), true));
    this.#mainDestinations = destinations;
    this.#values = lower(fuse(all.slice(roots.length)));
    this.batches = batchesOf(this.#main);
    try {
      this.#computeStatics([...new Set(this.#main.statics.concat(this.#values.statics))]);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  // Names and second derivatives wait until they are asked for: a page's first gradient needs neither.

  get sites(): readonly Site[] {
    if (!this.#sites) {
      let offset = 0;
      const site = (kind: Site["kind"], name: string, value: Node): Site => {
        const shape = siteShape(value);
        const made: Site = { name, kind, offset, shape, labels: value.plate?.labels };
        offset += eventSize(shape);
        return made;
      };
      this.#sites = [
        ...this.#graph.latents.map(({ name, value }) => site("latent", name, value)),
        ...this.#graph.deterministics.map(({ name, value }) => site("deterministic", name, value)),
      ];
    }
    return this.#sites;
  }

  get names(): readonly string[] {
    this.#names ??= this.sites.flatMap(elementNames);
    return this.#names;
  }

  get unconstrainedNames(): readonly string[] {
    this.#unconstrainedNames ??= this.#graph.latents.flatMap(({ name, raw }) =>
      elementNames({ name, shape: siteShape(raw), labels: raw.plate?.labels }),
    );
    return this.#unconstrainedNames;
  }

  /** What stands in the way of exact second derivatives: families, operations, or "n operations" for a long model. Empty: nothing. */
  get withoutSecondDerivatives(): readonly string[] {
    this.#obstacles ??= obstacles(this.#gradients.filter((n) => n !== null));
    return this.#obstacles;
  }

  /**
   * Writes the Hessian of the log density (all rows) at `theta` times `vector` into `out`, exactly. Absent where a family or an operation
   * of the model has no second derivatives here, or the model is too long (`withoutSecondDerivatives`): algorithms then take differences
   * of gradients. The first product compiles the tape.
   */
  get hessianVector(): ((theta: Float64Array, vector: Float64Array, out: Float64Array) => void) | undefined {
    if (this.withoutSecondDerivatives.length > 0) return undefined;
    this.#product ??= (theta, vector, out) => this.#hessianVector(theta, vector, out);
    return this.#product;
  }

  /** Runs everything that no latent reaches, once, and leaves the results in the store. */
  #computeStatics(statics: readonly Node[]): void {
    if (!statics.length) return;
    const lowered = lower(statics, true);
    const encoded = encode(lowered, { dimension: 0, draws: 1, store: this.#store });
    this.#owned.push(encoded);
    if (encoded.batches.length) this.#everyBatch(encoded, () => encoded.program.evaluate());
    else encoded.program.evaluate();
    for (let i = 0; i < statics.length; i++) this.#store.place(statics[i]!, encoded.outputs[i]!);
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
      blockRows,
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
    return listingOf(encoded.code).join("\n");
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
