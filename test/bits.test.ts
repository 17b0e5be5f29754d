// Same seed, same bits: the program of bits/program.ts gives the committed hashes in this Node, in others, in Chromium and in
// Firefox. `npm run bits` writes the hashes anew after a change that is meant to change numbers; which engine is right is then
// for the other tests to say, that all agree is for this one.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { bitsInBrowser, bitsInNode, bundled } from "./bits/engines.js";
import { bits, type Hashes } from "./bits/program.js";
import { findBrowser, findNode, skipped } from "./support/engines.js";

const expected = JSON.parse(
  readFileSync(fileURLToPath(new URL("bits/expected.json", import.meta.url)), "utf8"),
) as Hashes;

/** Names of results that differ, or are missing on one side. */
function differences(a: Hashes, b: Hashes): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]);
}

describe("the same bits", () => {
  let program = "";
  beforeAll(async () => {
    program = await bundled();
  });

  test("the hashes cover functions, streams, samplers, densities and fits, and all differ", () => {
    const names = Object.keys(expected);
    for (const kind of ["function", "stream", "sampler", "density", "fit"])
      expect(names.filter((name) => name.startsWith(`${kind} `)).length, kind).toBeGreaterThan(1);
    expect(new Set(Object.values(expected)).size).toBe(names.length);
  });

  test("in this process", async () => {
    expect(differences(await bits(), expected)).toEqual([]);
  });

  test.for([20, 22, 24])("in Node %i", { timeout: 600_000 }, (major, context) => {
    const node = findNode(major);
    if (node.missing !== undefined) return context.skip(skipped(`bits in Node ${major}`, node.missing));
    expect(differences(bitsInNode(node.path, program), expected)).toEqual([]);
  });

  test.for(["chromium", "firefox"] as const)("in %s", { timeout: 180_000 }, async (name, context) => {
    const browser = findBrowser(name);
    if (browser.missing !== undefined) return context.skip(skipped(`bits in ${name}`, browser.missing));
    expect(differences(await bitsInBrowser(name, browser.path, program), expected)).toEqual([]);
  });
});
