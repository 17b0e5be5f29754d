// Writes test/bits/expected.json anew, from this process: `npm run bits`, after a change that is meant to change numbers. Prints
// what changed.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bits, type Hashes } from "../test/bits/program.js";

const file = fileURLToPath(new URL("../test/bits/expected.json", import.meta.url));
const before = ((): Hashes => {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Hashes;
  } catch {
    return {};
  }
})();
const now = await bits();
const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
const changed = names.filter((name) => before[name] !== now[name]);
for (const name of changed)
  console.log(`${before[name] === undefined ? "new" : now[name] ? "changed" : "gone"}: ${name}`);
writeFileSync(file, `${JSON.stringify(now, null, 2)}\n`);
console.log(`${Object.keys(now).length} hashes, ${changed.length} of them not as before`);
