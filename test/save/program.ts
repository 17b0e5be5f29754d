// What the round trip of files runs in each engine: fits that are saved, files of others that are loaded, saved again, drawn from and resumed.

import { fit, loadPosterior, type Posterior, savePosterior } from "../../src/index.js";
import { schools } from "../worker/models.js";

const data = { effect: [28, 8, -3, 7, -1, 1, 18, 12], error: [15, 10, 16, 11, 9, 11, 10, 18] };

/** Aborted from the k-th time on that it is asked. */
function abortedAt(k: number): AbortSignal {
  const { signal } = new AbortController();
  let asked = 0;
  Object.defineProperty(signal, "aborted", { get: () => asked++ >= k });
  return signal;
}

const cases = [
  { seed: 5 },
  { seed: 5, algorithm: "laplace" },
  { seed: 5, algorithm: "multipathPathfinder" },
  { seed: 5, family: "meanField" },
] as const;

/** Files of fits, every other one of a fit that was ended. */
export async function written(): Promise<Uint8Array<ArrayBuffer>[]> {
  const files: Uint8Array<ArrayBuffer>[] = [];
  for (const options of cases)
    for (const signal of [undefined, abortedAt(7)]) {
      const posterior = await fit(schools, data, { ...options, posteriorDraws: 100, signal });
      files.push(savePosterior(posterior));
      posterior.dispose();
    }
  return files;
}

/** What an engine makes of a file: its bytes saved again, new draws, and the file of the fit that goes on where it was ended. */
export interface Reading {
  readonly again: Uint8Array;
  readonly draws: Float64Array;
  readonly summary: string;
  readonly resumed: Uint8Array | undefined;
}

export async function read(file: Uint8Array): Promise<Reading> {
  const loaded = loadPosterior(file);
  const more = loaded.sample(60, { seed: 12 });
  const values = (p: Posterior): number[] => p.sites.flatMap((s) => [...p.draws(s.name)]);
  let resumed: Uint8Array | undefined;
  if (loaded.status === "cancelled") {
    const whole = await fit(schools, data, { resume: loaded });
    resumed = savePosterior(whole);
    whole.dispose();
  }
  return {
    again: savePosterior(loaded),
    draws: Float64Array.from([...more.unconstrainedDraws(), ...values(more)]),
    summary: `${loaded.summary()}`,
    resumed,
  };
}

/** As text that JSON carries: numbers are written so that they are read back as they were. */
export const toText = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Uint8Array) return { bytes: [...part] };
    return part instanceof Float64Array ? { numbers: [...part].map(String) } : part;
  });

export const fromText = (text: string): unknown =>
  JSON.parse(text, (_, part: unknown) => {
    if (typeof part !== "object" || part === null) return part;
    if ("bytes" in part) return Uint8Array.from(part.bytes as number[]);
    return "numbers" in part ? Float64Array.from(part.numbers as string[], Number) : part;
  });
