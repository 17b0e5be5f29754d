// Imports go one way. This test reads the import lines of src/ and holds the layering of docs/architecture.md.

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../src", import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
  (f) => f.endsWith(".ts") && !f.startsWith(join("core", "generated")),
);
const importsOf = (file: string): string[] =>
  [...readFileSync(join(root, file), "utf8").matchAll(/^(?:import|export)[^;]*?from\s+"([^"]+)"/gms)].map((m) => m[1]!);

// Rank of each layer: a file may import from its own layer and from layers of a lower rank.
const layers: Record<string, number> = {
  errors: 0,
  checksum: 0,
  core: 1,
  linalg: 1,
  target: 1,
  diagnostics: 2,
  optim: 2,
  compile: 3,
  model: 4,
  posterior: 5,
  vi: 6,
  io: 6,
  adapters: 6,
  index: 7,
  worker: 7,
  bundle: 8,
  workerd: 8,
};
const layerOf = (file: string): string => file.split(/[\\/]/)[0]!.replace(/\.ts$/, "");

test("every file of src/ belongs to a known layer", () => {
  expect([...new Set(files.map(layerOf))].filter((l) => !(l in layers))).toEqual([]);
});

test("imports never go up the layers", () => {
  const wrong: string[] = [];
  for (const file of files)
    for (const target of importsOf(file)) {
      if (!target.startsWith(".")) continue;
      const to = relative(root, join(root, file, "..", target)).replace(/\.js$/, ".ts");
      if (to.startsWith("..")) continue;
      if (layers[layerOf(to)]! > layers[layerOf(file)]!) wrong.push(`${file} imports ${to}`);
    }
  expect(wrong).toEqual([]);
});

test("only core/load.ts imports the AssemblyScript loader, and there is no other run-time dependency", () => {
  const bare = files.flatMap((f) =>
    importsOf(f)
      .filter((t) => !t.startsWith("."))
      .map((t) => `${f.replaceAll("\\", "/")} ${t}`),
  );
  expect(bare).toEqual(["core/load.ts @assemblyscript/loader"]);
});

test("only compile/ knows opcodes", () => {
  const wrong = files.filter(
    (f) => layerOf(f) !== "compile" && importsOf(f).some((t) => t.includes("assembly/opcodes")),
  );
  expect(wrong).toEqual([]);
});
