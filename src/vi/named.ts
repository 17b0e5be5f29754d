// A fit by the name of its algorithm: the run itself, and then a look at what the answer leaves out, which its own draws cannot show. A mode
// with most of the mass is where the algorithm begins anew; one with a share of it is a reason to refuse. ADVI looks for itself, in the
// coordinates of its own maps (advi.ts).

import type { Run } from "../optim/run.js";
import type { Target } from "../target.js";
import { type AdviOptions, adviFit } from "./advi.js";
import {
  type Algorithm,
  ascentOptions,
  type FitResult,
  type Given,
  type Start,
  type Tried,
  tried,
} from "./algorithms.js";
import { coreNormals } from "./core-normals.js";
import { denseGaussian, drawsFromNormals, type Gaussian } from "./gaussian.js";
import type { Path } from "./pathfinder.js";
import { attempts, dominant, higherMode, negligible, type Rival, rivalOf, severalModes } from "./rivals.js";
import { adviStreams, regressionLimit, Session } from "./session.js";

/** Runs an algorithm on a target; `done` are paths of "multipathPathfinder" that were run elsewhere. */
export function* algorithmRun(
  target: Target,
  algorithm: Algorithm,
  options: AdviOptions,
  given: Given,
  done?: readonly Path[],
): Run<FitResult> {
  const own = algorithm === "auto" || algorithm === "advi";
  if (own && !ascentOptions(options, given))
    return { ...(yield* adviFit(target, { ...options, nest: algorithm === "auto" && options.nest })), algorithm };
  return yield* namedRun(target, algorithm, options, given, done);
}

/** Draws that paths begin at, from the Gaussian of a mode: its mean may be the mode itself, which leaves no path. */
function drawOf({ q }: Rival, seed: number, attempt: number): Float64Array {
  const point = new Float64Array(q.mean.length);
  coreNormals(seed).fill(point, adviStreams.paths, 1000 + attempt);
  drawsFromNormals(q, 1, point, point);
  return point;
}

/** Looks for a mode beside the answer's; of "map", which has a height and no mass, for a higher one. */
function* besides(
  session: Session,
  { result, around, height }: Tried & { readonly around: Gaussian },
): Run<Rival | undefined> {
  const q = denseGaussian(around);
  if (height !== undefined) return yield* higherMode(session, q, height);
  const rival = yield* rivalOf(session, q, result.elbo);
  return rival && rival.elbo > result.elbo + negligible ? rival : undefined;
}

/** Runs an algorithm, and again from a better mode. The search may take as many steps as the algorithm is given. */
function* namedRun(
  target: Target,
  algorithm: Algorithm,
  options: AdviOptions,
  given: Given,
  done: readonly Path[] | undefined,
): Run<FitResult> {
  const several = algorithm === "multipathPathfinder";
  let start: Start = { point: options.init, done };
  let history = "";
  let runs = 0;
  let searches = 0;
  for (let attempt = 1; ; attempt++) {
    const trial = yield* tried(target, algorithm, options, given, start);
    const { result, around, height, paths } = trial;
    // Paths that were done before are counted with the rest.
    runs = several ? result.gradients : runs + result.gradients;
    const finished = (more: Partial<FitResult> = {}): FitResult => ({
      ...result,
      ...more,
      message: `${more.message ?? result.message}${history}`,
      gradients: runs + searches,
    });
    if (!around || target.dimension > regressionLimit) return finished();
    const session = new Session(target, options.seed);
    session.limit = given.maxSteps ?? Number.POSITIVE_INFINITY;
    session.evaluator.gradients = runs + searches;
    try {
      const rival = yield* besides(session, { ...trial, around });
      searches = session.evaluator.gradients - runs;
      if (session.cancelled)
        return finished({
          status: "cancelled",
          message: `${result.message} Cancelled while other modes were looked for.`,
        });
      if (!rival) {
        if (!session.cut || result.status !== "converged") return finished();
        const message = `${result.message} There were too few steps to look for other modes: allow more than ${given.maxSteps}.`;
        return finished({ status: "maxSteps", message });
      }
      const worth = (elbo: number): string =>
        `${height === undefined ? "an ELBO" : "a log density"} of ${elbo.toFixed(1)}`;
      const own = height ?? result.elbo;
      if (attempt < attempts && (several || height !== undefined || rival.elbo > own + dominant)) {
        const point = algorithm === "pathfinder" || several ? drawOf(rival, options.seed, attempt) : rival.q.mean;
        start = { point, gaussian: rival.q, done: paths };
        history = several
          ? " A search for other modes added paths."
          : ` An earlier mode had ${worth(own)}; a search for others led here.`;
        continue;
      }
      return finished({
        status: "rejected",
        message: `${result.message} There is another mode that this one leaves out: a search from other starts reaches ${worth(rival.elbo)}, where this one has ${worth(own)}. ${severalModes}`,
      });
    } finally {
      session.dispose();
    }
  }
}
