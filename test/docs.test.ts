// The code in README.md and docs/ is what readers will paste: every TypeScript block is type-checked and run, as a module of its own, with
// "variational" meaning the sources. A block that starts with "// In a worker" or "// In a page" is type-checked only.

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
const blocks = documents.flatMap((document): Block[] =>
  [...readFileSync(`${root}${document}`, "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code], k) => {
    const path = `${folder}${document.replace(/\W/g, "-")}-${k + 1}.ts`;
    const text = code!
      .replaceAll('from "variational/worker"', 'from "../../src/worker/index.js"')
      .replaceAll('from "variational"', 'from "../../src/index.js"');
    // Without an import or export it would not be a module, and top-level await an error.
    writeFileSync(path, `${text}\nexport {};\n`);
    return { name: `${document}, block ${k + 1}`, path, elsewhere: /^\/\/ In a (worker|page)/.test(code!) };
  }),
);

describe("the documents' code", () => {
  test("is there", () => {
    expect(blocks.length).toBeGreaterThan(10);
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

  for (const { name, path, elsewhere } of blocks)
    test.skipIf(elsewhere)(`${name} runs`, async () => {
      const log = vi.spyOn(console, "log").mockImplementation(() => {});
      try {
        await import(/* @vite-ignore */ pathToFileURL(path).href);
      } finally {
        log.mockRestore();
      }
    });
});
