// The judge of bench:peers: it scores a Gaussian as closed forms do, times only those who compute what ours does, and says why not
// otherwise. The contestants here are processes that answer what the test tells them.

import { describe, expect, it } from "vitest";
import { workloads } from "../bench/data.js";
import type { Contestant } from "../bench/peers/contestants.js";
import { duel, type Outcome, openOurs } from "../bench/peers/duel.js";
import type { Command } from "../bench/peers/process.js";
import { bars, section } from "../bench/peers/report.js";
import { scoreOf } from "../bench/peers/score.js";

const toy = workloads.find((w) => w.name === "W1")!;
const half = -0.5 * Math.log(2);
/** Location x/2 and variance 1/2: the posterior of W1. */
const posterior = [0.5, 1, 1.5, half, half, half];
const changed = (k: number, value: number): number[] => posterior.map((v, i) => (i === k ? value : v));
/** Three observations of N(0, 2). */
const logEvidence = -1.5 * Math.log(4 * Math.PI) - 14 / 4;

it("the score of the exact posterior of W1 is its log evidence, that of another q less by the divergence", () => {
  expect(scoreOf(toy, posterior)).toBeCloseTo(logEvidence, 1);
  // KL from a q with twice the standard deviation in one coordinate: (4 − 1)/2 − log 2.
  const wide = changed(3, half + Math.log(2));
  expect(logEvidence - scoreOf(toy, wide)).toBeCloseTo(1.5 - Math.log(2), 1);
});

const effort = { blocks: 3, seconds: 0.01, score: true, processor: false };

/** A process that answers every check and fit with these parameters, and says that a step takes so many seconds. */
function scripted(parameters: readonly number[], secondsAStep: number): Command {
  const script = `
    console.log("a library's banner");
    console.log('@{"version":"9.9"}');
    require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const [command, n] = line.split(" ");
      if (command === "block") console.log("@" + JSON.stringify({ seconds: n * ${secondsAStep}, cpu: n * ${secondsAStep} }));
      else console.log('@{"elbo":-7.5,"seconds":1,"parameters":${JSON.stringify(parameters)}}');
    });`;
  return { program: process.execPath, args: ["-e", script] };
}

async function play(command: Command, changes: Partial<Contestant> = {}): Promise<Outcome> {
  const ours = await openOurs(toy, scripted(posterior, 1e-3), undefined, effort);
  const contestant: Contestant = {
    key: "x",
    name: "library X",
    kind: "JavaScript",
    precision: "f64",
    apart: 1e-9,
    prepare: () => undefined,
    command: () => command,
    ...changes,
  };
  try {
    return await duel(toy, contestant, "", ours, effort);
  } finally {
    ours.release.peer.close();
  }
}

describe("a duel", () => {
  it("times a contestant that computes the same, and the report says how it stands to the bar", async () => {
    const outcome = await play(scripted(posterior, 0.03));
    expect(outcome).toMatchObject({ version: "9.9", apart: 0, release: { median: 30, low: 30, high: 30 } });
    expect(outcome.note).toBeUndefined();
    const result = {
      machine: {},
      skipped: [],
      outcomes: [outcome],
      ours: [{ workload: "W1", release: 1e-3, score: -7.3 }],
    };
    expect(bars(result, "W1")).toEqual(["fastest library: library X (f64), 30.0 times our time; wanted 50: MISSED"]);
    expect(section(result, toy, true)).toContain("30.0 (30.0–30.0)");
  });

  it("does not time one whose parameters differ on equal normals", async () => {
    const outcome = await play(scripted(changed(2, 1.500001), 1e-6));
    expect(outcome.note).toMatch(
      /^computes something else: 6\.7e-7 from ours on equal normals, 1e-9 allowed; not timed$/,
    );
    expect(outcome.release).toBeUndefined();
  });

  it("does not time one that cannot be fed and ends at another ELBO", async () => {
    const outcome = await play(scripted(changed(0, 5), 1), { apart: undefined });
    expect(outcome.note).toMatch(/^ends at an ELBO of -27\.\d\d, ours at -7\.\d\d, 0\.2 allowed; not timed$/);
  });

  it("reports NaN, an early end and a program that is not there in words", async () => {
    expect((await play(scripted([Number.NaN, 0, 0, 0, 0, 0], 1))).note).toMatch(/^computes something else: Infinity/);
    const dying = { program: process.execPath, args: ["-e", "throw new RangeError('no such backend')"] };
    expect((await play(dying)).note).toBe("ended with exit code 1: RangeError: no such backend");
    expect((await play({ program: "no-such-program", args: [] })).note).toContain("ENOENT");
  });
});
