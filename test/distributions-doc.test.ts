// docs/distributions.md says what every distribution can do: its tables are what the library answers, and no distribution is left out.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { abilities, divergences, names } from "../scripts/distributions/table.js";
import * as v from "../src/index.js";

const text = readFileSync(new URL("../docs/distributions.md", import.meta.url), "utf8");

test("the table of abilities is what the library answers (npm run distributions)", () => {
  expect(text).toContain(abilities());
});

test("the list of divergences is what the library answers (npm run distributions)", () => {
  expect(text).toContain(divergences());
});

test("every distribution that the package exports is in the table", () => {
  const listed = new Set(names());
  const files = ["continuous", "positive", "discrete", "multivariate", "matrices"];
  const declared = files.flatMap((file) =>
    [
      ...readFileSync(new URL(`../src/model/distributions/${file}.ts`, import.meta.url), "utf8").matchAll(
        /^export const (\w+) = \(/gm,
      ),
    ].map((m) => m[1]!),
  );
  expect(declared.length).toBeGreaterThan(40);
  expect(declared.filter((name) => !listed.has(name) || !(name in v))).toEqual([]);
});
