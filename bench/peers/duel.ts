// A contestant against ours on one workload: the check that it does the same work, the score of the q it finds, then blocks of steps
// in turn (ours on either build, the contestant, the order turned round each time), so that what else the machine does
// hits all. The answer is the median of the ratios of neighbouring blocks, with their quartiles.

import { quantile } from "../comparison.js";
import type { Workload } from "../data.js";
import type { Contestant } from "./contestants.js";
import { type Command, Peer } from "./process.js";
import type { Fitted, Timed } from "./protocol.js";
import { largestDifference, scoreOf, scoring } from "./score.js";

export interface Effort {
  /** Rounds of blocks, and seconds that a block lasts at least. */
  readonly blocks: number;
  readonly seconds: number;
  /** Whether a free fit is scored; without it those that can be fed are checked by that alone. */
  readonly score: boolean;
  /** Times are processor seconds, for a machine that is not idle. */
  readonly processor: boolean;
}

/** A process, the steps that make a block, and what its blocks took so far, in seconds a step. */
class Lane {
  readonly times: number[] = [];

  constructor(
    readonly peer: Peer,
    readonly steps: number,
    readonly processor: boolean,
  ) {}

  /** One block: seconds of the clock and of processors. */
  async block(): Promise<Timed> {
    const taken = await this.peer.block(this.steps);
    this.times.push((this.processor ? taken.cpu : taken.seconds) / this.steps);
    return taken;
  }
}

/** Ours, open on both builds. */
export interface Ours {
  readonly release: Lane;
  /** Absent where the JavaScript engine cannot run it. */
  readonly relaxed: Lane | undefined;
  /** After the checked steps. */
  readonly checked: Fitted;
  /** The ELBO of the q of a scored fit. */
  readonly score: number;
}

export interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface Outcome {
  readonly workload: string;
  readonly key: string;
  readonly name: string;
  readonly kind: Contestant["kind"];
  readonly precision: Contestant["precision"];
  readonly version: string;
  /** Seconds a step: median and least of the blocks. */
  readonly median?: number;
  readonly least?: number;
  /** Its time over ours, by build. */
  readonly release?: Ratio;
  readonly relaxed?: Ratio;
  /** Processor seconds a second: how many threads worked; of ours, one thread, what other programs left it. */
  readonly threads?: number;
  readonly share?: number;
  /** Largest difference of a parameter, and of the ELBO's estimate, from ours after the checked steps. */
  readonly apart?: number;
  readonly elboApart?: number;
  /** The ELBO of its q after a scored fit. */
  readonly score?: number;
  /** Why there is no time, or what is to be known of it. */
  readonly note?: string;
}

/** Finds the steps of a block, which is its warm-up too. The first step is not counted: some compile in it. */
async function lane(peer: Peer, { seconds, processor }: Effort): Promise<Lane> {
  await peer.block(1);
  let steps = 1;
  for (let warm = 0; ; ) {
    const taken = (await peer.block(steps)).seconds;
    warm += taken;
    const wanted = Math.max(1, Math.ceil((1.25 * seconds * steps) / Math.max(taken, 1e-6)));
    if (taken >= seconds && (warm >= 3 * seconds || steps === 1)) return new Lane(peer, wanted, processor);
    steps = Math.min(10 * steps, wanted);
  }
}

/** Opens ours for a workload. The relaxed build may be missing; the baseline may not. */
export async function openOurs(
  workload: Workload,
  release: Command,
  relaxed: Command | undefined,
  effort: Effort,
): Promise<Ours> {
  const peer = await Peer.open(release);
  const checked = await peer.check();
  const score = scoreOf(workload, (await peer.fit(scoring[workload.name]!.steps)).parameters);
  return {
    checked,
    score,
    release: await lane(peer, effort),
    relaxed: relaxed && (await lane(await Peer.open(relaxed), effort)),
  };
}

const ratioOf = (theirs: readonly number[], ours: readonly number[]): Ratio => {
  const ratios = theirs.map((t, k) => t / ours[k]!);
  return { median: quantile(ratios, 0.5), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
};

/** What is wrong with the work of a contestant; nothing when it computes what ours does. */
function fault(workload: Workload, contestant: Contestant, ours: Ours, found: Partial<Outcome>): string | undefined {
  const { apart, elboApart, score } = found;
  if (contestant.apart !== undefined) {
    const worst = Math.max(apart ?? Infinity, elboApart ?? 0);
    if (!(worst <= contestant.apart))
      return `computes something else: ${worst.toPrecision(2)} from ours on equal normals, ${contestant.apart} allowed`;
  }
  const allowed = scoring[workload.name]!.apart;
  if (score !== undefined && !(Math.abs(score - ours.score) <= allowed))
    return `ends at an ELBO of ${score.toFixed(2)}, ours at ${ours.score.toFixed(2)}, ${allowed} allowed`;
  return undefined;
}

/** Plays one contestant against ours. Never throws for what the contestant does. */
export async function duel(
  workload: Workload,
  contestant: Contestant,
  folder: string,
  ours: Ours,
  effort: Effort,
): Promise<Outcome> {
  const { key, name, kind, precision } = contestant;
  let found: Outcome = { workload: workload.name, key, name, kind, precision, version: "" };
  let peer: Peer | undefined;
  try {
    peer = await Peer.open(contestant.command(workload, folder));
    found = { ...found, version: peer.version };
    if (contestant.apart !== undefined) {
      const { parameters, elbo } = await peer.check();
      const apart = largestDifference(parameters, ours.checked.parameters);
      found = {
        ...found,
        apart,
        ...(elbo !== undefined && { elboApart: largestDifference([elbo], [ours.checked.elbo!]) }),
      };
    }
    if (effort.score || contestant.apart === undefined) {
      const { parameters } = await peer.fit(scoring[workload.name]!.steps);
      found = { ...found, score: scoreOf(workload, parameters) };
    }
    const wrong = fault(workload, contestant, ours, found);
    if (wrong) return { ...found, note: `${wrong}; not timed` };

    const theirs = await lane(peer, effort);
    const sides = [ours.release, ...(ours.relaxed ? [ours.relaxed] : []), theirs];
    const before = sides.map((side) => side.times.length);
    const used = new Map(sides.map((side) => [side, { cpu: 0, wall: 0 }]));
    for (let round = 0; round < effort.blocks; round++)
      for (const side of round & 1 ? [...sides].reverse() : sides) {
        const taken = await side.block();
        const sum = used.get(side)!;
        sum.cpu += taken.cpu;
        sum.wall += taken.seconds;
      }
    const [release, ...rest] = sides.map((side, k) => side.times.slice(before[k]!)) as [number[], ...number[][]];
    const own = theirs.times;
    const busy = (side: Lane): number => used.get(side)!.cpu / used.get(side)!.wall;
    return {
      ...found,
      median: quantile(own, 0.5),
      least: Math.min(...own),
      release: ratioOf(own, release),
      ...(ours.relaxed && { relaxed: ratioOf(own, rest[0]!) }),
      threads: busy(theirs),
      share: Math.min(1, busy(ours.release)),
    };
  } catch (error) {
    return { ...found, note: error instanceof Error ? error.message : String(error) };
  } finally {
    peer?.close();
  }
}
