// The inlined core is the file that is built.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { coreText, textDecoder } from "../src/core/generated/core.js";
import { decode } from "../src/core/text.js";

const bytes = readFileSync(fileURLToPath(new URL("../build/core.wasm", import.meta.url)));

test("the text of the core holds the bytes of the release build", () => {
  expect(Buffer.compare(decode(coreText, textDecoder), bytes)).toBe(0);
});

test("the text is printable ASCII that needs no escapes, and at most a tenth longer than the bytes", () => {
  expect(coreText).toMatch(/^[\x20-\x7e]*$/);
  expect(coreText).not.toMatch(/["$<\\`]/);
  expect(coreText.length).toBeLessThan(1.1 * bytes.length);
});
