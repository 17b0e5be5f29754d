// The packed tarball, installed into an empty project, in every runtime and bundler that a user may bring, without configuration:
// each fits a line to points and must give the same bits. One line per target: ok, FAILED, or SKIPPED with the reason; with CI set, the
// want of a browser is a failure. `npm run smoke`; names of targets as arguments run only those.

import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type BrowserName, findBrowser, findNode, inBrowser, pageOf } from "../test/support/engines.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "variational-smoke-"));
const project = join(folder, "project");

/** What a user would write; it ends with one line of JSON. */
const program = `import { fit, halfNormal, model, normal } from "variational";
const line = model(({ sample, observe, plate }, data) => {
  const rows = plate("row", data.y);
  const intercept = sample("intercept", normal(0, 5));
  const slope = sample("slope", normal(0, 5));
  const noise = sample("noise", halfNormal(2));
  observe("y", normal(slope.mul(rows.data(data.x)).add(intercept), noise), rows.data(data.y));
});
const x = Array.from({ length: 40 }, (_, i) => i / 20 - 1);
const data = { x, y: x.map((v, i) => 1 + 2 * v + ((i * 37) % 11) / 10 - 0.5) };
export async function smoke() {
  const posterior = await fit(line, data, { seed: 1 });
  const [slope] = posterior.mean("slope");
  return { status: posterior.status, elbo: posterior.elbo, slope, draw: posterior.draws("noise")[17] };
}
`;
const main = `import { smoke } from "./program.js";
smoke().then((answer) => console.log(JSON.stringify(answer)));
`;

interface Answer {
  readonly status: string;
  readonly elbo: number;
  readonly slope: number;
  readonly draw: number;
  readonly error?: string;
}
/** The answer, or why the target could not be tried. */
type Outcome = Answer | { readonly missing: string };

const lastLine = (text: string): Answer => JSON.parse(text.trim().split("\n").at(-1)!) as Answer;
const write = (name: string, text: string): string => {
  const path = join(project, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};
const bin = (name: string): string => join(project, "node_modules", ".bin", name);
const inProject = { cwd: project, timeout: 240_000 } as const;

/** Installs packages into the project; the reason when that fails. */
async function install(...packages: readonly string[]): Promise<string | undefined> {
  const options = ["--no-audit", "--no-fund", "--loglevel=error"];
  try {
    await run("npm", ["install", ...packages, ...options], { cwd: project, timeout: 300_000 });
    return undefined;
  } catch (error) {
    return `npm could not install ${packages.join(" ")} (${String(error).split("\n")[0]})`;
  }
}

async function inNode(major: number): Promise<Outcome> {
  const node = findNode(major);
  if (node.missing !== undefined) return node;
  const { stdout } = await run(node.path, ["main.js"], inProject);
  return lastLine(stdout);
}

/** Builds with a tool, then runs what came out in Node. */
async function bundle(packages: readonly string[], command: readonly string[], out: string): Promise<Outcome> {
  const missing = await install(...packages);
  if (missing) return { missing };
  await run(bin(command[0]!), command.slice(1), inProject);
  const { stdout } = await run(process.execPath, [out], inProject);
  return lastLine(stdout);
}

async function page(name: BrowserName, files: (path: string) => string | Uint8Array | undefined): Promise<Outcome> {
  const browser = findBrowser(name);
  if (browser.missing !== undefined) return browser;
  return JSON.parse(await inBrowser(name, browser.path, files)) as Answer;
}

/** The one file for pages, by one script element. */
const scriptElement = (name: BrowserName): Promise<Outcome> => {
  const bundled = readFileSync(join(project, "node_modules/variational/dist/variational.min.js"));
  const files: Record<string, string | Uint8Array> = {
    "/index.html": pageOf('await post(await (await import("/program.js")).smoke());'),
    "/program.js": program.replace('"variational"', '"/variational.min.js"'),
    "/variational.min.js": bundled,
  };
  return page(name, (path) => files[path]);
};

/** The package's modules as they are, found by an import map. */
const importMap = (name: BrowserName): Promise<Outcome> => {
  const map = {
    imports: {
      variational: "/node_modules/variational/dist/src/index.js",
      "@assemblyscript/loader": "/node_modules/@assemblyscript/loader/index.js",
    },
  };
  const html = pageOf('await post(await (await import("/program.js")).smoke());').replace(
    "<script",
    `<script type="importmap">${JSON.stringify(map)}</script><script`,
  );
  return page(name, (path) => {
    if (path === "/index.html") return html;
    if (path === "/program.js") return program;
    if (!path.startsWith("/node_modules/")) return undefined;
    return readFileSync(join(project, path));
  });
};

const vite = async (): Promise<Outcome> => {
  const missing = await install("vite");
  if (missing) return { missing };
  const html = pageOf('const { smoke } = await import("./program.js"); await post(await smoke());');
  write("vite/index.html", html);
  write("vite/program.js", program);
  await run(bin("vite"), ["build", "vite"], inProject);
  return page("chromium", (path) => {
    try {
      return readFileSync(join(project, "vite/dist", path));
    } catch {
      return undefined;
    }
  });
};

const workerd = async (): Promise<Outcome> => {
  const missing = await install("workerd", "esbuild");
  if (missing) return { missing };
  const handler = `import { smoke } from "./program.js";
export default { async fetch() { return new Response(JSON.stringify(await smoke())); } };
`;
  write("worker.js", handler);
  // As the platform's own tool does it: the workerd condition, and .wasm imports kept as compiled modules.
  const options = [
    "--bundle",
    "--format=esm",
    "--conditions=workerd",
    "--external:*.wasm",
    "--outfile=workerd/worker.mjs",
  ];
  await run(bin("esbuild"), ["worker.js", ...options], inProject);
  const built = join(project, "workerd/worker.mjs");
  const code = readFileSync(built, "utf8");
  const specifier = /from ?"([^"]*\.wasm)"/.exec(code)?.[1];
  if (!specifier) throw new Error("the workerd condition did not bring the core as a module");
  writeFileSync(built, code.replace(specifier, "core.wasm"));
  const port = await freePort();
  write(
    "workerd.capnp",
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const main :Workerd.Worker = (
  modules = [
    (name = "worker", esModule = embed "workerd/worker.mjs"),
    (name = "core.wasm", wasm = embed "node_modules/variational/dist/core.wasm"),
  ],
  compatibilityDate = "2025-09-01",
);
`,
  );
  const server = spawn(bin("workerd"), ["serve", "workerd.capnp"], { cwd: project, detached: true });
  let said = "";
  server.stderr.on("data", (part: Buffer) => {
    said += part.toString();
  });
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        const response = await fetch(`http://127.0.0.1:${port}/`);
        const text = await response.text();
        if (!response.ok) throw new Error(`${response.status} ${text} ${said}`);
        return JSON.parse(text) as Answer;
      } catch (error) {
        if (attempt === 100 || server.exitCode !== null || !(error instanceof TypeError))
          throw new Error(`${String(error)} ${said}`);
        await new Promise((done) => setTimeout(done, 100));
      }
    }
  } finally {
    if (server.pid !== undefined && server.exitCode === null) process.kill(-server.pid, "SIGKILL");
  }
};

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });

const runtime = async (name: string, args: readonly string[]): Promise<Outcome> => {
  const missing = await install(name);
  if (missing) return { missing };
  const { stdout } = await run(bin(name), [...args, "main.js"], inProject);
  return lastLine(stdout);
};

const targets: Readonly<Record<string, () => Promise<Outcome>>> = {
  "node 20": () => inNode(20),
  "node 22": () => inNode(22),
  "node 24": () => inNode(24),
  esbuild: () =>
    bundle(
      ["esbuild"],
      ["esbuild", "main.js", "--bundle", "--format=esm", "--outfile=out/esbuild.mjs"],
      "out/esbuild.mjs",
    ),
  rollup: () =>
    bundle(
      ["rollup", "@rollup/plugin-node-resolve"],
      ["rollup", "main.js", "-p", "node-resolve", "-f", "es", "-o", "out/rollup.mjs"],
      "out/rollup.mjs",
    ),
  webpack: () =>
    bundle(
      ["webpack", "webpack-cli"],
      [
        "webpack",
        "./main.js",
        "--mode",
        "production",
        "--target",
        "node",
        "-o",
        "out/webpack",
        "--output-filename",
        "main.cjs",
      ],
      "out/webpack/main.cjs",
    ),
  "vite, in Chromium": vite,
  "script element, in Chromium": () => scriptElement("chromium"),
  "script element, in Firefox": () => scriptElement("firefox"),
  "import map, in Chromium": () => importMap("chromium"),
  deno: () => runtime("deno", ["run", "--allow-read"]),
  bun: () => runtime("bun", []),
  workerd,
};

const count = { ok: 0, failed: 0 };
const skipped: string[] = [];
let failures = 0;
try {
  console.log("packing and installing");
  if (!process.argv.includes("--no-build"))
    execFileSync(process.execPath, ["scripts/build.mjs"], { cwd: root, stdio: "inherit" });
  execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], { cwd: root });
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"))!;
  write("package.json", '{ "name": "smoke", "private": true, "type": "module" }\n');
  write("program.js", program);
  write("main.js", main);
  const refused = await install(join(folder, tarball));
  if (refused) throw new Error(refused);

  const chosen = process.argv.slice(2).filter((name) => !name.startsWith("--"));
  let reference: string | undefined;
  for (const [name, attempt] of Object.entries(targets)) {
    if (chosen.length && !chosen.includes(name)) continue;
    let verdict: string;
    const began = performance.now();
    try {
      const outcome = await attempt();
      if ("missing" in outcome) {
        skipped.push(name);
        verdict = `SKIPPED because ${outcome.missing}`;
        // What the registry does not give is said, and no failure; a browser can always be installed.
        if (process.env["CI"] && !outcome.missing.startsWith("npm could not install")) failures++;
      } else if (outcome.error !== undefined) throw new Error(outcome.error);
      else {
        const { status, elbo, slope, draw } = outcome;
        const bits = JSON.stringify([status, elbo, slope, draw]);
        reference ??= bits;
        if (status !== "converged") throw new Error(`the fit ended as ${status}`);
        if (!(Math.abs(slope - 2) < 0.3)) throw new Error(`the slope is ${slope}, not about 2`);
        if (bits !== reference) throw new Error(`other bits: ${bits}, not ${reference}`);
        count.ok++;
        verdict = `ok (ELBO ${elbo})`;
      }
    } catch (error) {
      failures++;
      count.failed++;
      verdict = `FAILED: ${String((error as Error).stack ?? error).slice(0, 1500)}`;
    }
    console.log(`${name.padEnd(28)} ${verdict}, ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
  const names = skipped.length ? ` (${skipped.join(", ")})` : "";
  console.log(`${count.ok} ok, ${count.failed} failed, ${skipped.length} skipped${names}`);
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
if (failures) process.exit(1);
