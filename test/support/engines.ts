// Other JavaScript engines for tests: Node of other versions, from npm packages that bring the binary, and the system's browsers,
// which open a page of a local server and report by a POST to it. A missing engine is a reason that the caller must show; where
// CI is set, it is an error.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export type BrowserName = "chromium" | "firefox";

/** A program to run, or why there is none. */
export type Found =
  | { readonly path: string; readonly missing: undefined }
  | { readonly path?: undefined; readonly missing: string };

/** Why an engine is absent, said aloud; an error where CI is set. */
export function skipped(what: string, missing: string): string {
  const text = `${what} SKIPPED: ${missing}`;
  if (process.env["CI"]) throw new Error(`${text}; with CI set nothing may be skipped`);
  console.warn(text);
  return text;
}

const commands: Record<BrowserName, readonly string[]> = {
  chromium: ["chromium", "chromium-browser", "google-chrome", "chrome"],
  firefox: ["firefox", "firefox-esr"],
};

/** The system's browser: $CHROMIUM or $FIREFOX, or the first on the PATH. */
export function findBrowser(name: BrowserName): Found {
  const given = process.env[name.toUpperCase()];
  if (given) return existsSync(given) ? { path: given, missing: undefined } : { missing: `${given} does not exist` };
  for (const folder of (process.env["PATH"] ?? "").split(delimiter))
    for (const command of commands[name]) {
      const path = join(folder, command);
      if (existsSync(path)) return { path, missing: undefined };
    }
  return { missing: `no ${commands[name].join(", ")} on the PATH` };
}

const engines = fileURLToPath(new URL("../../build/engines", import.meta.url));

/** Node of a major version: this process's own, or the npm package that holds its binary, installed into build/engines. */
export function findNode(major: number): Found {
  if (process.versions.node.startsWith(`${major}.`)) return { path: process.execPath, missing: undefined };
  const platform = process.platform === "win32" ? "win" : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const folder = join(engines, `node-${major}`);
  const path = join(folder, "node_modules", name, "bin", process.platform === "win32" ? "node.exe" : "node");
  if (!existsSync(path))
    try {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
      const options = ["--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
      execFileSync("npm", ["install", `${name}@${major}`, ...options], {
        cwd: folder,
        stdio: "pipe",
        timeout: 300_000,
      });
    } catch (error) {
      return { missing: `npm could not install ${name}@${major} (${String(error).split("\n")[0]})` };
    }
  return existsSync(path) ? { path, missing: undefined } : { missing: `${name}@${major} holds no ${path}` };
}

const types: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  wasm: "application/wasm",
  css: "text/css",
};

/** A server of files (path to content) on this machine; `posted` settles with the first body that is posted. */
export async function serveFiles(
  files: (path: string) => string | Uint8Array | undefined,
): Promise<{ readonly url: string; readonly posted: Promise<string>; close(): void }> {
  let post: (body: string) => void = () => {};
  const posted = new Promise<string>((resolve) => {
    post = resolve;
  });
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    if (request.method === "POST") {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        response.writeHead(204).end();
        post(Buffer.concat(parts).toString());
      });
      return;
    }
    const content = files(path === "/" ? "/index.html" : path);
    // A page isolated from other origins has a finer clock.
    response.setHeader("cross-origin-opener-policy", "same-origin");
    response.setHeader("cross-origin-embedder-policy", "require-corp");
    if (content === undefined) response.writeHead(path === "/favicon.ico" ? 204 : 404).end();
    else response.writeHead(200, { "content-type": types[path.split(".").at(-1)!] ?? types["html"]! }).end(content);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    posted,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const firefoxPreferences = `
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("dom.max_script_run_time", 0);
user_pref("datareporting.policy.dataSubmissionPolicyBypassNotification", true);
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("toolkit.telemetry.enabled", false);
`;

function argumentsOf(name: BrowserName, profile: string, url: string): string[] {
  if (name === "firefox") {
    writeFileSync(join(profile, "user.js"), firefoxPreferences);
    return ["--headless", "--no-remote", "--profile", profile, url];
  }
  return [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    `--user-data-dir=${profile}`,
    url,
  ];
}

/** Opens a page of the given files in a browser and returns what it posts. The page reports errors of its own. */
export async function inBrowser(
  name: BrowserName,
  path: string,
  files: (path: string) => string | Uint8Array | undefined,
  seconds = 120,
): Promise<string> {
  const profile = mkdtempSync(join(tmpdir(), `variational-${name}-`));
  const server = await serveFiles(files);
  const browser = spawn(path, argumentsOf(name, profile, server.url), {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: "1" },
  });
  let said = "";
  browser.stderr.on("data", (part: Buffer) => {
    said = (said + part.toString()).slice(-2000);
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      server.posted,
      new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error(`${name} did not report within ${seconds} s: ${said}`)),
          seconds * 1000,
        );
        browser.on("error", reject);
        browser.on("exit", (code) => reject(new Error(`${name} ended with ${code}: ${said}`)));
      }),
    ]);
  } finally {
    clearTimeout(timer);
    server.close();
    await stop(browser);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** Ends a process of ours with its children. */
async function stop(child: ReturnType<typeof spawn>): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const send = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-child.pid!, signal);
    } catch {
      // it has ended by itself
    }
  };
  send("SIGTERM");
  const timer = setTimeout(() => send("SIGKILL"), 5000);
  await ended;
  clearTimeout(timer);
  send("SIGKILL"); // what is left of its group
}

/** A page that runs an expression of a module and posts its value as JSON, or the error. */
export function pageOf(script: string): string {
  return `<!doctype html><meta charset="utf-8"><title>test</title><script type="module">
const post = (value) => fetch("/result", { method: "POST", body: JSON.stringify(value) });
addEventListener("error", (e) => post({ error: String(e.message) }));
addEventListener("unhandledrejection", (e) => post({ error: String(e.reason?.stack ?? e.reason) }));
try {
  ${script}
} catch (e) { post({ error: String(e?.stack ?? e) }); }
</script>`;
}
