// `npm run distributions`: writes the tables of docs/distributions.md anew.

import { readFileSync, writeFileSync } from "node:fs";
import { abilities, divergences } from "./table.js";

const path = new URL("../../docs/distributions.md", import.meta.url);
const between = (text: string, name: string, body: string): string =>
  text.replace(
    new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(\n<!-- end -->)`),
    (_all, open: string, close: string) => `${open}\n${body}\n${close}`,
  );
const text = readFileSync(path, "utf8");
writeFileSync(path, between(between(text, "abilities", abilities()), "divergences", divergences()));
