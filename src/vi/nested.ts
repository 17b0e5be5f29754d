// The richer family that a default fit turns to when no Gaussian is right: nested Gaussians. Map after map is learned (nested-axis.ts,
// nested-profile.ts), each for what the last left over, with a few natural-gradient steps of the Gaussian in the new coordinates
// between them, until fresh draws have nothing to say against the answer. Every stage can only raise the ELBO of its own draws.

import { logDiagonal } from "../linalg/cholesky.js";
import type { Run } from "../optim/run.js";
import type { Annealed } from "./annealing.js";
import { checkFit, type FinalCheck } from "./check.js";
import { type DenseGaussian, denseGaussian } from "./gaussian.js";
import { fromPath, fromPoint, pathOf } from "./initial.js";
import type { Full } from "./moments.js";
import { naturalClimb } from "./natural.js";
import { axisOf, mirrored } from "./nested-axis.js";
import type { NestedMap } from "./nested-map.js";
import { mostKnots, nestedProfile } from "./nested-profile.js";
import { NestedTarget } from "./nested-target.js";
import { adviStreams, type Session } from "./session.js";
import { findStart } from "./start.js";
import { divergenceOf, objection } from "./witness.js";

/** Maps at most. */
const most = 4;
/** Draws of a profile. */
const profileDraws = 64;
/** Divergence from the posterior, in nats, below which no further map is learned. */
const close = 0.05;
/** A map that leaves more than this share of a divergence that is still large, in nats, is the last. */
const worthwhile = 0.8;
const large = 0.5;

export interface Nested {
  /** In the coordinates of the last map; disposed of by its owner. */
  readonly session: Session;
  readonly q: Full;
  /** The first is applied last. */
  readonly maps: readonly NestedMap[];
  readonly axes: readonly string[];
  readonly final: FinalCheck | undefined;
  /** Where no q was right, and its draws were annealed: `final` is then about them. */
  readonly annealed?: Annealed | undefined;
}

/** Log evidence minus ELBO where it can be believed, infinite where it cannot. */
export function gapOf(final: FinalCheck | undefined): number {
  return final && final.bad === 0 && final.check.psis.khat < 1 ? divergenceOf(final.check) : Number.POSITIVE_INFINITY;
}

/** Whether a check leaves nothing to wish for. */
function settled(final: FinalCheck | undefined): boolean {
  return final !== undefined && final.bad === 0 && !objection(final.check, final.shift) && gapOf(final) <= close;
}

/** Nests Gaussians from q, which is near the best Gaussian. */
export function* nest(session: Session, q: DenseGaussian, checkDraws: number): Run<Nested> {
  const n = session.dimension;
  const name = (j: number): string => session.target.unconstrainedNames?.[j] ?? `theta[${j}]`;
  let best: Nested & { readonly q: DenseGaussian } = { session, q, maps: [], axes: [], final: undefined };
  for (let layer = 0; layer < most && !session.cancelled; layer++) {
    if (!session.allows(mostKnots)) break;
    const axis = yield* axisOf(best.session, best.q, layer);
    if (!axis) break;
    const normals = mirrored(best.session, adviStreams.profile, layer, profileDraws);
    const determinant = logDiagonal(best.q.cholesky, n);
    const map = yield* nestedProfile(best.session, best.q.mean, axis, determinant, normals);
    if (!map) break;
    session.spent += map.knots;
    const inside = best.session.view(new NestedTarget(best.session.target, map));
    const batch = { stream: adviStreams.nest, round: layer, draws: Math.max(256, 4 * n) };
    const climb = yield* naturalClimb(inside, standard(n), { maxSteps: 3, batch, tolerance: 0.05 });
    const next: typeof best = {
      session: inside,
      q: denseGaussian(climb.q),
      maps: [...best.maps, map],
      axes: [...best.axes, name(axis.coordinate)],
      final: inside.cancelled ? undefined : yield* checkFit(inside, climb.q, checkDraws, false),
    };
    if (!next.final || (best.final && gapOf(next.final) > gapOf(best.final))) {
      inside.dispose();
      break;
    }
    const gap = gapOf(next.final);
    const little = best.final !== undefined && gap > large && !(gap < worthwhile * gapOf(best.final));
    if (best.session !== session) best.session.dispose();
    best = next;
    if (little || settled(best.final)) break;
  }
  return best;
}

/** N(0, I). */
function standard(n: number): DenseGaussian {
  const cholesky = new Float64Array(n * n);
  for (let i = 0; i < n; i++) cholesky[i * n + i] = 1;
  return { kind: "dense", mean: new Float64Array(n), cholesky };
}

const search = { stream: adviStreams.start, draws: 16, candidates: 12 };
/** Random starts, beside the one given, and their spread. */
const starts = 1;
const spread = 0.5;
const longest = 150;
/** Nats by which another basin must be better to be preferred. */
const better = 0.5;

/**
 * Whether climbs from elsewhere end higher: from the start itself without a search, and from random points around it with and without
 * one. A mode can be a spike, or a saddle that symmetry holds the path to; q, whose ELBO on the common draws is known, has to be beaten.
 */
export function* betterBasin(session: Session, q: DenseGaussian, start: Float64Array): Run<DenseGaussian> {
  const n = session.dimension;
  const batch = { stream: adviStreams.climb, round: 0, draws: Math.max(64, 4 * n) };
  let best = q;
  let elbo = (yield* session.batch(q, batch, "search", false)).elbo;
  for (let k = 0; k <= 2 * starts && !session.cancelled; k++) {
    let point = start;
    if (k > 0) {
      const random = new Float64Array(n);
      session.normals.fill(random, adviStreams.start, (k + 1) >> 1);
      point = random.map((z, i) => start[i]! + spread * z);
    }
    const from = findStart(session.evaluator, point, undefined);
    if (!from) continue;
    const initial =
      k % 2 === 0
        ? yield* fromPoint(session, from, search)
        : yield* fromPath(session, (yield* pathOf(session, from, longest)).path, search);
    if (session.cancelled) break;
    const climb = yield* naturalClimb(
      session,
      denseGaussian(initial.q),
      { maxSteps: longest, batch, tolerance: 0.05 },
      false,
    );
    if (climb.batch.elbo > elbo + better) {
      best = denseGaussian(climb.q);
      elbo = climb.batch.elbo;
    }
  }
  return best;
}
