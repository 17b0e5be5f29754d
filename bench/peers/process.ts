// A contestant's process as the judge sees it: asks a line, waits for the marked line that answers, gives up after a while.
// One process per contestant and workload, so that neither compiled code nor memory of one can disturb another.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type Fitted, MARK, type Ready, type Timed } from "./protocol.js";

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Seconds that an answer may take. */
const PATIENCE = 240;

export class Peer {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<never>;
  #answer: (line: string) => void = () => {};
  #said = "";
  /** What the contestant says of itself. */
  version = "";

  private constructor({ program, args, env }: Command) {
    this.#process = spawn(program, args, { env: { ...process.env, ...env } });
    this.#process.stderr.on("data", (part: Buffer) => {
      this.#said = (this.#said + part.toString()).slice(-2_000);
    });
    this.#process.stdin.on("error", () => {}); // the process has ended, which is reported below
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      if (line.startsWith(MARK)) this.#answer(line.slice(MARK.length));
    });
    this.#ended = new Promise<never>((_, reject) => {
      this.#process.on("error", reject);
      this.#process.on("close", (code, signal) => {
        const last = this.#said.trim().split("\n");
        const reason = last.find((line) => /^\w*Error\b/.test(line)) ?? last.at(-1) ?? "";
        reject(new Error(`ended with ${signal ?? `exit code ${code}`}${reason && `: ${reason.slice(0, 200)}`}`));
      });
    });
    this.#ended.catch(() => {});
  }

  /** Starts the process and waits until it is ready. */
  static async open(command: Command): Promise<Peer> {
    const peer = new Peer(command);
    try {
      const { version } = (await peer.#ask(undefined)) as Ready;
      peer.version = version;
      return peer;
    } catch (error) {
      peer.close();
      throw error;
    }
  }

  async #ask(line: string | undefined): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise<string>((resolve, reject) => {
      this.#answer = resolve;
      timer = setTimeout(() => reject(new Error(`${line ?? "start"}: no answer in ${PATIENCE} s`)), PATIENCE * 1e3);
    });
    if (line !== undefined) this.#process.stdin.write(`${line}\n`);
    try {
      // NaN is not JSON, yet some languages write it.
      return JSON.parse((await Promise.race([answered, this.#ended])).replace(/-?\b(nan|NaN|inf|Infinity)\b/g, "null"));
    } finally {
      clearTimeout(timer);
    }
  }

  async #fitted(line: string): Promise<Fitted> {
    const { elbo, parameters, ...rest } = (await this.#ask(line)) as Fitted;
    // What is not finite comes as null.
    const number = (value: number | null): number => value ?? Number.NaN;
    return { ...rest, ...(elbo !== undefined && { elbo: number(elbo) }), parameters: parameters.map(number) };
  }

  /** A fit of the checked steps on the fed normals. */
  check(): Promise<Fitted> {
    return this.#fitted("check");
  }

  /** A fit of its own, from the start. */
  fit(steps: number): Promise<Fitted> {
    return this.#fitted(`fit ${steps}`);
  }

  /** Further steps of one fit, timed. */
  block(steps: number): Promise<Timed> {
    return this.#ask(`block ${steps}`) as Promise<Timed>;
  }

  close(): void {
    this.#process.stdin.end();
    this.#process.kill("SIGKILL");
  }
}
