// Who takes part, what each needs to be there, and how its process is started. What is missing is a reason in words, never silence.
// npm's contestants are packages of bench/peers/package.json, which nobody who uses the library ever installs.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tableOf, type Workload } from "../data.js";
import { normalsOf } from "../engine.js";
import { models } from "./here/c-wasm.js";
import type { Command } from "./process.js";
import { CHECKED_STEPS } from "./protocol.js";

export interface Contestant {
  readonly key: string;
  readonly name: string;
  readonly kind: "here" | "C" | "JavaScript" | "Python";
  readonly precision: "f64" | "f32";
  /** How far the parameters may be from ours after the checked steps on equal normals; undefined: it cannot be fed normals. */
  readonly apart: number | undefined;
  /** Makes what it needs; the reason when it cannot take part. */
  prepare(): string | undefined;
  command(workload: Workload, folder: string): Command;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const build = here("../../build/peers");

/** The folder of a workload's data for processes in other languages: x.f64, y.f64, and the normals that all are fed. */
export function writeData(workload: Workload): string {
  const folder = join(build, workload.name);
  mkdirSync(folder, { recursive: true });
  const write = (name: string, values: Float64Array): void =>
    writeFileSync(join(folder, name), new Uint8Array(values.buffer));
  write("normals.f64", normalsOf(workload, CHECKED_STEPS));
  if (workload.model === "logistic") {
    const { x, y } = tableOf(workload);
    write("x.f64", x);
    write("y.f64", y);
  }
  return folder;
}

/** What programs in other languages are told. */
const facts = ({ model, rows, dimension, draws, family, logScale }: Workload, folder: string): string[] => [
  ...[models.indexOf(model), rows, dimension, draws, Number(family === "fullRank"), logScale, CHECKED_STEPS].map(
    String,
  ),
  folder,
];

const node = (module: string, variant: string, workload: Workload, folder: string): Command => ({
  program: process.execPath,
  args: [...process.execArgv, here("serve.ts"), here(module), variant, workload.name, folder],
});

/** The first line of a program's answer, or nothing where there is no such program. */
function ask(program: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n")[0];
  } catch {
    return undefined;
  }
}

function compile(program: string, ...args: string[]): string | undefined {
  mkdirSync(build, { recursive: true });
  try {
    execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
    return undefined;
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().split("\n");
    return `${program} could not compile it: ${said?.find((line) => /error/.test(line)) ?? said?.at(-1) ?? String(error)}`;
  }
}

const optimised = ["-O3", "-ffast-math", "-std=gnu11"];
const native = join(build, "vi-native");
const wasm = join(build, "vi.wasm");

const cNative: Contestant = {
  key: "c",
  name: process.arch === "x64" ? "C, SSE4.2" : "C, native",
  kind: "C",
  precision: "f64",
  apart: 1e-9,
  prepare() {
    const compiler = ["gcc", "clang"].find((name) => ask(name, "--version"));
    if (!compiler) return "neither gcc nor clang is on the PATH";
    const width = process.arch === "x64" ? ["-msse4.2"] : [];
    return compile(compiler, ...optimised, ...width, here("c/native.c"), "-lm", "-o", native);
  },
  command: (workload, folder) => ({ program: native, args: facts(workload, folder) }),
};

const cWasm: Contestant = {
  key: "c-wasm",
  name: "C → WASM SIMD",
  kind: "C",
  precision: "f64",
  apart: 1e-9,
  prepare() {
    if (!ask("clang", "--version")) return "clang is not on the PATH";
    if (!ask("wasm-ld", "--version")) return "wasm-ld (of lld) is not on the PATH";
    const target = ["--target=wasm32", "-nostdlib", "-ffreestanding", "-msimd128", "-mbulk-memory", "-Wl,--no-entry"];
    return compile("clang", ...target, ...optimised, here("c/vi.c"), "-o", wasm);
  },
  command: (workload, folder) => node("here/c-wasm.ts", wasm, workload, folder),
};

const plain: Contestant = {
  key: "plain",
  name: "TypeScript by hand",
  kind: "here",
  precision: "f64",
  apart: 1e-9,
  prepare: () => undefined,
  command: (workload, folder) => node("here/plain.ts", "", workload, folder),
};

let installation: { readonly failed: string | undefined } | undefined;

/** Installs the packages of bench/peers/package.json, once; the reason where that fails. */
function installed(): string | undefined {
  if (installation) return installation.failed;
  const options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"];
  try {
    execFileSync("npm", ["install", "--prefix", here("."), ...options], { stdio: "pipe", timeout: 600_000 });
    installation = { failed: undefined };
  } catch (error) {
    installation = { failed: `npm could not install the packages of bench/peers (${String(error).split("\n")[0]})` };
  }
  return installation.failed;
}

/** A package of npm, run by npm/<module>.ts. */
const library = (
  key: string,
  name: string,
  module: string,
  variant: string,
  precision: Contestant["precision"],
  apart: number,
): Contestant => ({
  key,
  name,
  kind: "JavaScript",
  precision,
  apart,
  prepare: installed,
  command: (workload, folder) => node(`npm/${module}.ts`, variant, workload, folder),
});

const environment = here(".venv");
const interpreter = join(environment, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
let pythonInstallation: { readonly failed: string | undefined } | undefined;

/** Installs python/requirements.txt into an environment of its own, once; the reason where that fails. */
function pythonInstalled(): string | undefined {
  if (pythonInstallation) return pythonInstallation.failed;
  const failed = (why: string): string => {
    pythonInstallation = { failed: why };
    return why;
  };
  if (!ask("python3", "--version")) return failed("python3 is not on the PATH");
  try {
    if (!existsSync(interpreter)) execFileSync("python3", ["-m", "venv", environment], { stdio: "pipe" });
    const options = ["--quiet", "--disable-pip-version-check", "--requirement", here("python/requirements.txt")];
    execFileSync(interpreter, ["-m", "pip", "install", ...options], { stdio: "pipe", timeout: 600_000 });
  } catch (error) {
    const said = (error as { stderr?: Buffer }).stderr?.toString().trim().split("\n").at(-1);
    return failed(
      `pip could not install NumPyro and stanli in bench/peers/.venv (${said || String(error).split("\n")[0]})`,
    );
  }
  pythonInstallation = { failed: undefined };
  return undefined;
}

const python = (key: string, name: string, script: string, apart: number): Contestant => ({
  key,
  name,
  kind: "Python",
  precision: "f64",
  apart,
  prepare: pythonInstalled,
  command: (workload, folder) => ({
    program: interpreter,
    args: [here(`python/${script}.py`), ...facts(workload, folder)],
    env: { PYTHONDONTWRITEBYTECODE: "1" },
  }),
});

export const contestants: readonly Contestant[] = [
  cNative,
  cWasm,
  plain,
  library("deepbox", "deepbox", "deepbox", "", "f64", 1e-9),
  // Its Adam adds epsilon elsewhere.
  library("webppl", "WebPPL", "webppl", "", "f64", 1e-6),
  library("tfjs-cpu", "TensorFlow.js, cpu", "tfjs", "cpu", "f32", 1e-3),
  library("tfjs-wasm", "TensorFlow.js, wasm", "tfjs", "wasm", "f32", 1e-3),
  library("jax-f32", "jax-js, float32", "jax-js", "f32", "f32", 1e-3),
  // Its exp and log are of float32 accuracy also where the numbers are of float64.
  library("jax-f64", "jax-js, float64", "jax-js", "f64", "f64", 1e-5),
  python("numpyro", "NumPyro", "numpyro_peer", 1e-9),
  python("stanli", "stanli, NumPy loop", "stanli_peer", 1e-9),
];

/** Ours, on a build of the core: what all are held against. */
export const ours = (name: "release" | "relaxed", workload: Workload, folder: string): Command =>
  node("here/ours.ts", name, workload, folder);
