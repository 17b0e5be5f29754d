// The code in README.md and docs/ is what readers will paste: every TypeScript block is type-checked and run, as a module of its own, with
// "variational" meaning the sources. A block that is a file of its own (```ts file=page.ts) belongs in a worker or a page, and is type-checked only.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { afterAll, describe, expect, test, vi } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = `${root}test/docs-blocks/`;
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Block {
  readonly document: string;
  readonly name: string;
  readonly path: string;
  readonly elsewhere: boolean;
}

const documents = [
  "README.md",
  ...readdirSync(`${root}docs`)
    .filter((f) => f.endsWith(".md"))
    .map((f) => `docs/${f}`),
];
/** What there was when this was written: a document that loses its code says so here. */
const leastBlocks: Readonly<Record<string, number>> = {
  "README.md": 1,
  "docs/checking.md": 6,
  "docs/distributions.md": 1,
  "docs/fitting.md": 3,
  "docs/language.md": 2,
  "docs/workers.md": 4,
};
const blocks = documents.flatMap((document): Block[] =>
  [...readFileSync(`${root}${document}`, "utf8").matchAll(/^```ts([^\n]*)\n([\s\S]*?)^```$/gm)].map(
    ([, info, code], k) => {
      const path = `${folder}${document.replace(/\W/g, "-")}-${k + 1}.ts`;
      const text = code!
        .replaceAll('from "variational/worker"', 'from "../../src/worker/index.js"')
        .replaceAll('from "variational"', 'from "../../src/index.js"');
      // Without an import or export it would not be a module, and top-level await an error.
      writeFileSync(path, `${text}\nexport {};\n`);
      return { document, name: `${document}, block ${k + 1}`, path, elsewhere: /^ file=\S+$/.test(info!) };
    },
  ),
);

describe("the documents' code", () => {
  // A pattern that misses some kind of block would leave it untested in silence: fences are counted line by line as well.
  test.for(documents)("is found whole in %s", (document) => {
    const fences = readFileSync(`${root}${document}`, "utf8")
      .split("\n")
      .filter((text) => /^\s*(```|~~~)/.test(text));
    const openings = fences.filter((_, i) => i % 2 === 0);
    expect(openings.filter((text) => !/^```(sh|text|ts( file=\S+)?)?$/.test(text))).toEqual([]);
    expect(fences.filter((text, i) => i % 2 === 1 && text !== "```")).toEqual([]);
    const found = blocks.filter((b) => b.document === document).length;
    expect(found).toBe(openings.filter((text) => text.startsWith("```ts")).length);
    expect(found).toBeGreaterThanOrEqual(leastBlocks[document] ?? 0);
  });

  test("has no type errors", () => {
    const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile) as { config: unknown };
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    // Readers' own settings are not as strict about what is not used.
    const program = ts.createProgram(
      blocks.map((b) => b.path),
      { ...options, noEmit: true, noUnusedLocals: false, noUnusedParameters: false },
    );
    const errors = ts
      .getPreEmitDiagnostics(program)
      .filter((d) => d.file?.fileName.includes("docs-blocks"))
      .map((d) => `${d.file!.fileName.split("/").at(-1)}: ${ts.flattenDiagnosticMessageText(d.messageText, " ")}`);
    expect(errors).toEqual([]);
  });

  for (const { name, path } of blocks.filter((b) => !b.elsewhere))
    test(`${name} runs`, async () => {
      const log = vi.spyOn(console, "log").mockImplementation(() => {});
      try {
        await import(/* @vite-ignore */ pathToFileURL(path).href);
      } finally {
        log.mockRestore();
      }
    });
});
