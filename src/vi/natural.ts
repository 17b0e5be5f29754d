// The way in: natural-gradient steps for a Gaussian (Opper & Archambeau 2009; Khan & Rue 2023) on batches of antithetic draws, with
// E[gradient] and E[Hessian] from a regression of gradients on draws (regression.ts). In q's own coordinates a step of length rho is
//   precision  I <- (1 - rho) I + rho C,     location  0 <- rho precision^-1 b,
// which for a Gaussian target and rho = 1 is the answer, whatever the scales. A step is taken only if it raises the ELBO of the
// same draws; the invariant is that the ELBO of a fixed batch never falls.

import { cholesky, multiplyLower } from "../linalg/cholesky.js";
import { type Eigen, symmetricEigen } from "../linalg/eigen.js";
import type { Run } from "../optim/run.js";
import type { Batch, BatchName, Full } from "./moments.js";
import { type Assessment, assess, type Regression, regress } from "./regression.js";
import type { Session } from "./session.js";

/** Eigenvalues of C are kept within bounds. By the cautious one a standard deviation grows by at most a factor 4 per step. */
const cautious = 1 / 16;
const steepest = 1e12;

/** A candidate: q after a step, and the inverse square root of the precision it is believed to have, in q's old coordinates. */
interface Step {
  readonly q: Full;
  /** Largest move of the location, in old standard deviations. */
  readonly move: number;
  /** Largest change of a precision, as a ratio minus one. */
  readonly change: number;
}

/** V diag(f(value)) V^T, row-major. */
function rebuild(values: Float64Array, vectors: Float64Array, f: (value: number) => number): Float64Array {
  const n = values.length;
  const out = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const w = f(values[k]!);
    for (let i = 0; i < n; i++) {
      const s = w * vectors[k * n + i]!;
      for (let j = 0; j <= i; j++) out[i * n + j] = out[i * n + j]! + s * vectors[k * n + j]!;
    }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) out[j * n + i] = out[i * n + j]!;
  return out;
}

/** The smallest eigenvalue that a regression can tell from none: next to nothing where the target is Gaussian. */
function floorOf(r: Regression): number {
  if (r.roughness > 0.3) return cautious;
  let noise = 0;
  for (const e of r.diagonalError) noise = Math.max(noise, e);
  return Math.min(cautious, Math.max(1e-10, 3 * noise));
}

/** What has been decomposed: several steps, a judgement and coordinates may follow from one regression. */
const decomposed = new WeakMap<Regression, Eigen>();

/** Eigenvalues of a regression's C, kept above `floor`; undefined if they cannot be had. */
function spectrum(r: Regression, floor: number): Eigen | undefined {
  const eigen = decomposed.get(r) ?? symmetricEigen(r.c, r.b.length);
  if (eigen) decomposed.set(r, eigen);
  return eigen && { values: eigen.values.map((v) => clip(v, floor)), vectors: eigen.vectors };
}

const clip = (x: number, floor: number): number => Math.min(Math.max(x, floor), steepest);

/** x + A y, for A the square root of q's covariance. */
function moved(q: Full, y: Float64Array): Float64Array {
  const n = y.length;
  const out = new Float64Array(n);
  if (q.kind === "dense") multiplyLower(q.cholesky, n, y, 0, out, 0);
  else for (let i = 0; i < n; i++) out[i] = q.scale[i]! * y[i]!;
  for (let i = 0; i < n; i++) out[i] = out[i]! + q.mean[i]!;
  return out;
}

/** A natural-gradient step of length rho from `q`, with eigenvalues of C no smaller than `floor`. */
export function naturalStep(q: Full, r: Regression, rho: number, floor: number): Step | undefined {
  const n = q.mean.length;
  const s = spectrum(r, floor);
  if (!s) return undefined;
  const inverse = rebuild(s.values, s.vectors, (a) => 1 / (1 - rho + rho * a));
  const y = new Float64Array(n);
  let move = 0;
  for (let i = 0; i < n; i++) {
    let v = 0;
    for (let j = 0; j < n; j++) v += inverse[i * n + j]! * r.b[j]!;
    y[i] = rho * v;
    move = Math.max(move, Math.abs(y[i]!));
  }
  const mean = moved(q, y);
  let change = 0;
  if (q.kind === "diagonal") {
    const scale = q.scale.map((sd, i) => {
      const precision = 1 - rho + rho * clip(r.c[i * n + i]!, floor);
      change = Math.max(change, Math.abs(precision - 1));
      return sd / Math.sqrt(precision);
    });
    return { q: { kind: "diagonal", mean, scale }, move, change };
  }
  for (const a of s.values) change = Math.max(change, Math.abs(rho * (a - 1)));
  if (!cholesky(inverse, n)) return undefined;
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let k = 0; k <= i; k++) {
      const l = q.cholesky[i * n + k]!;
      if (l !== 0) for (let j = 0; j <= k; j++) factor[i * n + j] = factor[i * n + j]! + l * inverse[k * n + j]!;
    }
  return { q: { kind: "dense", mean, cholesky: factor }, move, change };
}

/**
 * The square root P of what q's regression says the covariance of the target is (lower triangular, row-major): coordinates in
 * which the target's location is as easy as it gets, also where q itself is mean-field.
 */
export function targetRoot(q: Full, r: Regression): Float64Array | undefined {
  const n = q.mean.length;
  const s = spectrum(r, floorOf(r));
  if (!s) return undefined;
  const inverse = rebuild(s.values, s.vectors, (a) => 1 / a);
  if (!cholesky(inverse, n)) return undefined;
  const root = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let k = 0; k <= i; k++) {
      const l = q.kind === "dense" ? q.cholesky[i * n + k]! : i === k ? q.scale[i]! : 0;
      if (l !== 0) for (let j = 0; j <= k; j++) root[i * n + j] = root[i * n + j]! + l * inverse[k * n + j]!;
    }
  return root;
}

/** The assessment of q by a regression; undefined where C has no spectrum. */
export function assessment(q: Full, r: Regression): Assessment | undefined {
  const s = spectrum(r, floorOf(r));
  return (
    s &&
    assess(
      r,
      rebuild(s.values, s.vectors, (a) => 1 / a),
      q.kind === "dense",
    )
  );
}

export interface Climb {
  readonly q: Full;
  /** Of q, at the normals that all steps shared. */
  readonly batch: Batch;
  /** Undefined when q could not be evaluated at all. */
  readonly regression: Regression | undefined;
  /** Whether the last step was below the tolerance (else: none raised the ELBO, the steps ran out, here or in the whole fit, or it was cancelled). */
  readonly settled: boolean;
}

export interface ClimbOptions {
  readonly maxSteps: number;
  /** The draws that all steps share; at least twice the dimension. */
  readonly batch: BatchName;
  /** Settled when location and precision change by less than this (standard deviations; ratio). */
  readonly tolerance: number;
}

const warmUp = "warm-up";

/** Climbs from `start` until steps are small or none raises the ELBO; `record`: whether the steps are part of the fit's trace. */
export function* naturalClimb(session: Session, start: Full, options: ClimbOptions, record = true): Run<Climb> {
  const { tolerance, batch: name } = options;
  let q = start;
  let settled = false;
  let batch = yield* session.batch(q, name, warmUp);
  // A start so wide that some draws have no density: narrow it first.
  for (let k = 0; k < 40 && batch.elbo === Number.NEGATIVE_INFINITY && !session.cancelled; k++) {
    q = narrowed(q, 0.25);
    batch = yield* session.batch(q, name, warmUp);
  }
  let regression = batch.elbo > Number.NEGATIVE_INFINITY ? regress(batch) : undefined;
  let rho = 1;
  for (let steps = 0; steps < options.maxSteps && regression && !settled && session.allows(1); steps++) {
    let taken: Step | undefined;
    for (let trial = 0; trial < 7 && !settled; trial++) {
      // First as far as the regression reaches, then with caution, then ever shorter.
      const floor = trial === 0 && rho === 1 ? floorOf(regression) : cautious;
      const step = naturalStep(q, regression, rho, floor);
      if (!step) break;
      const next = yield* session.batch(step.q, name, warmUp);
      if (session.cancelled) return { q, batch, regression, settled };
      const small = step.move < tolerance && step.change < tolerance;
      if (next.elbo > batch.elbo) {
        taken = step;
        batch = next;
        settled = small && rho === 1;
        break;
      }
      settled = small;
      if (floor === cautious) rho *= 0.3;
    }
    if (!taken) break;
    q = taken.q;
    rho = Math.min(1, rho * 2);
    if (record) session.record(batch.elbo);
    else session.spent++;
    regression = regress(batch);
    yield* session.turn(warmUp);
    if (session.cancelled) break;
  }
  return { q, batch, regression, settled };
}

/** One step of natural gradient from q and its batch, accepted only if it raises the ELBO of the first of the batch's own draws. */
export function* naturalCorrection(session: Session, q: Full, batch: Batch, r: Regression): Run<Full | undefined> {
  if (!session.allows(1)) return undefined;
  const name = { ...batch.name, draws: Math.min(batch.draws, Math.max(256, 4 * session.dimension)) };
  const before = name.draws === batch.draws ? batch : yield* session.batch(q, name, "refine", false);
  for (const rho of [1, 0.3, 0.1]) {
    const step = naturalStep(q, r, rho, rho === 1 ? floorOf(r) : cautious);
    if (!step || session.cancelled) return undefined;
    const next = yield* session.batch(step.q, name, "refine", false);
    if (session.cancelled) return undefined;
    if (next.elbo <= before.elbo) continue;
    session.record(next.elbo);
    return step.q;
  }
  return undefined;
}

function narrowed(q: Full, factor: number): Full {
  if (q.kind === "diagonal") return { ...q, scale: q.scale.map((s) => s * factor) };
  return { ...q, cholesky: q.cholesky.map((s) => s * factor) };
}
