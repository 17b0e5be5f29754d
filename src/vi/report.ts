// The verdict on a fit by ADVI, in the words a statistician would use: what was done, what is wrong, what to try next.

import type { Status } from "../optim/run.js";
import type { AdviOptions, End } from "./advi.js";
import { type AnnealedVerdict, chains } from "./annealing.js";
import type { Check } from "./outcome.js";
import type { Assessment } from "./regression.js";
import { severalModes } from "./rivals.js";
import { regressionLimit, type Session } from "./session.js";
import { divergenceOf, factorOf, isBlind, objection, objectionWords, type Shift } from "./witness.js";

export interface Facts {
  readonly end: End;
  readonly check: Check | undefined;
  readonly shift: Shift | undefined;
  readonly assessment: Assessment | undefined;
  /** Draws of the check that are not finite. */
  readonly bad: number;
  /** ELBO of a separate mode that is not negligible. */
  readonly rival: number | undefined;
  /** Axes along which Gaussians were nested. */
  readonly axes: readonly string[];
  /** Of annealed draws, which the rest is then about. */
  readonly verdict: AnnealedVerdict | undefined;
  readonly session: Session;
  readonly options: AdviOptions;
}

const familyName = { meanField: "mean-field Gaussian", fullRank: "full-rank Gaussian" } as const;
const percent = (x: number): string => `${(100 * x).toFixed(x < 0.1 ? 1 : 0)} %`;

/** "at x, y and z" for the sites that were blamed most. */
function places(blamed: ReadonlyMap<string, number>): string {
  const names = [...blamed].sort((a, b) => b[1] - a[1]).map(([name]) => `"${name}"`);
  if (names.length === 0) return "";
  const shown = names.slice(0, 3);
  const list = shown.length === 1 ? shown[0] : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
  return ` at ${list}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`;
}

/** What helps where no family does. */
const otherModel = "Reparametrise the model: non-centred or centred effects, other scales, tighter priors.";

/** The verdict on annealed draws of the best Gaussian, nested `along` some coordinates or none. */
function annealedSentence(
  { against, shift, correlation, slowest, temperatures, moves }: AnnealedVerdict,
  along: string,
  khat: string,
  skipped: string,
): { status: Status; message: string } {
  const start = along ? `a Gaussian nested along ${along}` : "the best one";
  const done = `No Gaussian is right: ${chains} draws of ${start} were annealed to the posterior over ${temperatures} temperatures and moved on ${moves} times by Hamiltonian Monte Carlo`;
  const memory = `correlation ${correlation.toFixed(2)} over the last of these`;
  switch (against) {
    case "tail":
      return {
        status: "rejected",
        message: `${done}, but a few of them carry all the weight (${khat}). ${otherModel}`,
      };
    case "curvature":
      return {
        status: "rejected",
        message: `${done}, but in places it is curved too sharply for their steps: some never get there. ${otherModel}`,
      };
    case "memory":
      return {
        status: "rejected",
        message: `${done}, but they move too slowly along ${slowest} to have forgotten where they came from (${memory}). ${otherModel}`,
      };
    case "location":
    case "scale": {
      const what =
        against === "location"
          ? `mean of ${shift.locationName} by ${shift.location.toFixed(2)} standard deviations`
          : `standard deviation of ${shift.scaleName} by a factor ${factorOf(shift.scaleRatio).toFixed(2)}`;
      return { status: "rejected", message: `${done}, but the last of these still changed the ${what}. ${otherModel}` };
    }
    default:
      return {
        status: "converged",
        message: `${done}, until they had forgotten where they came from (${memory}) and no mean or standard deviation changed any more.${skipped}`,
      };
  }
}

/** Status and sentences for the facts of a fit. */
export function sentence(facts: Facts): { status: Status; message: string } {
  const { end, check, shift, assessment, session, options } = facts;
  const nested = facts.axes.length > 0;
  const along = [...new Set(facts.axes)].join(", ");
  const family = nested ? `Gaussian nested along ${along}` : familyName[options.family];
  const where = places(session.blamed);
  const steps = `${session.steps} steps`;
  if (end === "noStart")
    return {
      status: "diverged",
      message: options.init
        ? `The log density or its gradient is not finite at the given start${where}.`
        : `No start was found: the log density or its gradient was not finite${where} at the origin and at 100 random points. Give init, or check the data and the priors.`,
    };
  if (end === "cancelled")
    return { status: "cancelled", message: `Cancelled after ${steps}; this is the best approximation until then.` };
  if (end === "diverged" || !check)
    return {
      status: "diverged",
      message: `The fit broke off after ${steps}: the log density or its gradient kept being not finite${where}, also at smaller steps. The last good state is kept.`,
    };
  if (facts.bad > 0)
    return {
      status: "diverged",
      message: `The log density or its gradient is not finite${where} at ${facts.bad} of ${check.draws} draws of the ${family}: it reaches outside the support, or the posterior is not proper.`,
    };
  if (facts.rival !== undefined)
    return {
      status: "rejected",
      message: `There is another mode that the ${family} leaves out: a fit from another start reaches an ELBO of ${facts.rival.toFixed(1)}, where this one has ${check.elbo.value.toFixed(1)}. ${severalModes}`,
    };
  if (isBlind(check))
    return {
      status: "diverged",
      message: `Log densities of ${check.elbo.value.toExponential(1)} leave nothing but rounding to tell draws by: the posterior is not proper, or its scale is off.`,
    };
  const k = check.psis;
  const khat = `k-hat ${k.khat === Infinity ? "infinite" : k.khat.toFixed(2)}`;
  const skipped =
    session.refused > 0
      ? ` ${session.refused} evaluation${session.refused === 1 ? " was" : "s were"} not finite${where} and left out.`
      : "";
  if (facts.verdict) return annealedSentence(facts.verdict, along, khat, skipped);
  if (end !== "judged") {
    const off =
      assessment && Number.isFinite(assessment.location)
        ? ` By the last estimate a location is ${assessment.location.toFixed(2)} standard deviations and a scale ${percent(assessment.scale)} from the optimum.${skipped}`
        : skipped;
    return end === "maxSteps"
      ? {
          status: "maxSteps",
          message: `Not converged within maxSteps: ${options.maxSteps}.${off} Allow more steps, or rescale or reparametrise the model.`,
        }
      : {
          status: options.stepSize !== undefined ? "maxSteps" : "rejected",
          message:
            options.stepSize !== undefined
              ? `The ELBO stalled at the fixed step size ${options.stepSize} short of its optimum (${steps}).${off} A smaller step size, or none given, goes on from there.`
              : `The ELBO of the ${family} stopped rising after ${steps}, but its optimum could not be confirmed.${off} ${
                  assessment && assessment.gain < 0.5
                    ? "Noise is in the way: more draws per step or larger batches help."
                    : "The posterior is far from Gaussian on the unconstrained scale: reparametrise the model."
                }`,
        };
  }
  const advice =
    options.family === "meanField"
      ? `Try family: "${session.dimension > regressionLimit ? "lowRank" : "fullRank"}", or reparametrise.`
      : nested
        ? otherModel
        : "Reparametrise the model (non-centred, other scales), or use a richer family.";
  const optimum = nested
    ? `No plain Gaussian is right, a ${family} was fitted (${steps})`
    : `The ELBO of the ${family} is at its optimum (${steps})`;
  const against = objection(check, shift);
  if (against === "tail")
    return {
      status: "rejected",
      message: `${optimum}, but the posterior is not of this form: ${khat} is above ${k.threshold.toFixed(2)}, so that the approximation misses part of it. ${advice}`,
    };
  if (against && shift) {
    const what = objectionWords(against, shift);
    return { status: "rejected", message: `${optimum}, but importance weighting (${khat}) ${what}. ${advice}` };
  }
  if (k.khat > k.threshold) {
    const nats = divergenceOf(check).toFixed(2);
    return {
      status: "converged",
      message: `${optimum}, at a divergence of ${nats} nats from the posterior, which leaves no room for a wrong mean or standard deviation; with ${khat} above ${k.threshold.toFixed(2)} nothing is corrected by importance weights.${skipped}`,
    };
  }
  return {
    status: "converged",
    message: `${optimum}, and importance weighting agrees with it (${khat}).${skipped}`,
  };
}
