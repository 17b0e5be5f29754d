// The demonstration page in a real Chromium: it loads, fits every model, redraws when data change, can be stopped, works by
// keyboard, and writes its screenshots into docs/. Needs Debian's or the system's Chromium; says so loudly where there is none.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { createServer, type ViteDevServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
if (!executablePath) {
  if (process.env["CI"]) throw new Error("CI must have Chromium: none was found");
  console.warn("demo tests SKIPPED: no Chromium found");
}
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

describe.skipIf(!executablePath)("the demonstration page", () => {
  let server: ViteDevServer;
  let browser: Browser;
  let url = "";

  beforeAll(async () => {
    server = await createServer({
      root: file("../examples/demo"),
      configFile: false,
      logLevel: "error",
      server: { port: 0 },
    });
    await server.listen();
    url = server.resolvedUrls!.local[0]!;
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const problems: string[] = [];
  async function open(options: Parameters<Browser["newPage"]>[0] = {}, hash = ""): Promise<Page> {
    const page = await browser.newPage({ reducedMotion: "reduce", ...options });
    page.on("console", (m) => {
      if (m.type() === "error") problems.push(m.text());
    });
    page.on("pageerror", (e) => problems.push(e.message));
    await page.goto(`${url}#${hash}`);
    return page;
  }
  const settled = async (page: Page): Promise<string> => {
    await page.waitForFunction(
      () => !["none", "running"].includes(document.getElementById("outcome")!.dataset["status"]!),
      null,
      { timeout: 60_000 },
    );
    return (await page.getAttribute("#outcome", "data-status"))!;
  };

  test("fits each of its models and draws them", async () => {
    const page = await open();
    for (const key of ["schools", "line", "trial", "penguins", "mixture"]) {
      await page.selectOption("#model", key);
      expect(["converged", "rejected"], key).toContain(await settled(page));
      expect(await page.textContent("#summary")).toContain("mcse");
      expect(await page.locator("#contours svg path").count()).toBeGreaterThan(2);
      expect(await page.locator("#elbo svg path").count()).toBeGreaterThan(0);
      expect(await page.locator("#marginals svg").count()).toBeGreaterThan(0);
    }
    expect(problems).toEqual([]);
    await page.close();
  }, 120_000);

  test("the same seed gives the same bits, and a dragged point another answer", async () => {
    const page = await open({}, "line");
    await settled(page);
    const bits = await page.textContent("#bits");
    await page.click("#fit");
    await settled(page);
    expect(await page.textContent("#bits")).toBe(bits);
    const dot = page.locator("#data-plot circle").first();
    const box = (await dot.boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y - 60, { steps: 4 });
    await page.mouse.up();
    await page.waitForFunction((old) => document.getElementById("bits")!.textContent !== old, bits);
    await settled(page);
    expect(problems).toEqual([]);
    await page.close();
  }, 60_000);

  test("works by keyboard and takes edited numbers, refusing bad ones with a sentence", async () => {
    const page = await open({}, "penguins");
    await settled(page);
    const bits = await page.textContent("#bits");
    await page.locator("#data-plot circle").nth(3).focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction((old) => document.getElementById("bits")!.textContent !== old, bits);
    await settled(page);
    await page.click("summary");
    await page.fill("#data-text", '{"mass":[0,1],"male":[0,7]}');
    await page.click("#apply");
    await page.waitForFunction(() => document.getElementById("outcome")!.dataset["status"] === "error");
    expect(await page.textContent("#outcome")).toContain("expected 0 or 1, got 7");
    expect(problems).toEqual([]);
    await page.close();
  }, 60_000);

  test("compares the methods on the same data, and takes the comparison away when the data change", async () => {
    const page = await open({}, "schools");
    await settled(page);
    await page.locator("#compare").focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelectorAll("#compared tbody tr").length === 4);
    await page.waitForSelector("#compare:not([aria-busy])");
    const rows = await page.locator("#compared tbody tr").allTextContents();
    expect(rows.map((row) => /chosen|full-rank|mean-field|Pathfinder/.exec(row)?.[0])).toEqual([
      "chosen",
      "full-rank",
      "mean-field",
      "Pathfinder",
    ]);
    // Only the fit that chooses for itself has a family for this posterior.
    expect(rows.map((row) => row.includes("converged"))).toEqual([true, false, false, false]);
    await page.fill("#seed", "2");
    await page.click("#fit");
    expect(await page.locator("#compared tr").count()).toBe(0);
    await settled(page);
    expect(problems).toEqual([]);
    await page.close();
  }, 90_000);

  test("can be stopped while it fits", async () => {
    const page = await open({ reducedMotion: "no-preference" }, "mixture");
    await page.waitForSelector("#abort:not([disabled])");
    await page.click("#abort");
    expect(await settled(page)).toBe("cancelled");
    await page.close();
  }, 60_000);

  test.each([
    ["light", { colorScheme: "light", viewport: { width: 1200, height: 1000 } }],
    ["dark", { colorScheme: "dark", viewport: { width: 1200, height: 1000 } }],
    ["tablet", { colorScheme: "dark", viewport: { width: 900, height: 1000 } }],
    ["narrow", { colorScheme: "light", viewport: { width: 375, height: 812 } }],
  ] as const)(
    "looks right: %s",
    async (name, options) => {
      const page = await open(options, "schools");
      expect(await settled(page)).toBe("converged");
      await page.click("#compare");
      await page.waitForFunction(() => document.querySelectorAll("#compared tbody tr").length === 4);
      await page.waitForSelector("#compare:not([aria-busy])");
      expect(await page.textContent("#elbo-final")).toMatch(/final .* -31\.3\d ± 0\.0\d/);
      // Nothing is cut off at the right.
      for (const id of ["verdict", "outcome", "summary", "source", "compared"]) {
        const hidden = await page.locator(`#${id}`).evaluate((e) => e.scrollWidth - e.clientWidth);
        expect(hidden, id).toBeLessThanOrEqual(0);
      }
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow).toBeLessThanOrEqual(0);
      await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
      if (process.env["SCREENSHOTS"] && name !== "tablet")
        await page.screenshot({ path: file(`../docs/demo-${name}.png`), fullPage: true });
      await page.close();
    },
    60_000,
  );
});
