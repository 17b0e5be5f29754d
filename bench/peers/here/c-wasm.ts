// The C reference compiled to WebAssembly (c/vi.c), run by the same engine as ours. VARIATIONAL_C_WASM names the file.

import { readFileSync } from "node:fs";
import { tableOf, type Workload } from "../../data.js";
import type { Contest } from "../protocol.js";

interface Exports {
  readonly memory: WebAssembly.Memory;
  /** Address of a text that ends with 0. */
  vi_compiler(): number;
  vi_stride(dimension: number): number;
  vi_doubles(n: number): number;
  vi_open(
    model: number,
    rows: number,
    dimension: number,
    draws: number,
    full: number,
    logScale: number,
    x: number,
    y: number,
  ): number;
  vi_parameters(fit: number): number;
  vi_run(fit: number, steps: number, fed: number, trace: number): void;
}

const CROSSING = 1_000;
export const models = ["toy", "schools", "logistic"] as const;

export function contest(file: string): Contest {
  const module = new WebAssembly.Module(new Uint8Array(readFileSync(file)));
  const c = new WebAssembly.Instance(module).exports as unknown as Exports;
  const view = (pointer: number, n: number): Float64Array => new Float64Array(c.memory.buffer, pointer, n);
  const copied = (values: Float64Array): number => {
    const pointer = c.vi_doubles(values.length);
    view(pointer, values.length).set(values);
    return pointer;
  };
  let table: { readonly x: number; readonly y: number } | undefined;

  function tableFor(workload: Workload): { readonly x: number; readonly y: number } {
    if (workload.model !== "logistic") return { x: 0, y: 0 };
    const { rows, columns, x, y } = tableOf(workload);
    const stride = c.vi_stride(columns);
    const pointer = c.vi_doubles(rows * stride);
    const out = view(pointer, rows * stride);
    for (let i = 0; i < rows; i++) out.set(x.subarray(i * columns, (i + 1) * columns), i * stride);
    return { x: pointer, y: copied(y) };
  }

  const text = new Uint8Array(c.memory.buffer, c.vi_compiler(), 200);
  const compiler = new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
  const trace = c.vi_doubles(CROSSING);
  return {
    version: compiler,
    open(workload, fed) {
      const { model, rows, dimension: D, draws, family, logScale } = workload;
      const full = family === "fullRank";
      const count = 2 * D + (full ? (D * (D - 1)) / 2 : 0);
      table ??= tableFor(workload);
      const fit = c.vi_open(models.indexOf(model), rows, D, draws, Number(full), logScale, table.x, table.y);
      const normals = fed && copied(fed);
      return {
        run(steps) {
          let elbo = Number.NaN;
          for (let done = 0; done < steps; ) {
            const n = Math.min(steps - done, CROSSING);
            c.vi_run(fit, n, normals === undefined ? 0 : normals + 8 * done * draws * D, trace);
            elbo = view(trace, n).at(-1)!;
            done += n;
          }
          return { elbo };
        },
        parameters: () => view(c.vi_parameters(fit), count).slice(),
      };
    },
  };
}
