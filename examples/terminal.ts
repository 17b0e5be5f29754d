// What the main job prints: plain lines of at most 80 columns; on a terminal also colours, and a line of progress while a fit takes long.
// Neither reaches a file or a pipe, and NO_COLOR takes the colours away (Node's own rule: no-color.org).

import { styleText } from "node:util";
import ora from "ora";
import type { Fit, FitOptions } from "../src/index.js";

// A terminal that does not know its width (0 columns) or calls itself dumb gets plain lines: nothing can be drawn over there.
const terminal = process.stdout.isTTY && process.stdout.columns > 0 && process.env["TERM"] !== "dumb";
const colours = terminal && process.stdout.hasColors();
const columns = 80;

/** Milliseconds after which a fit is a long one. */
const long = 150;

export const paint = (style: "bold" | "dim" | "green" | "yellow", text: string): string =>
  colours ? styleText(style, text) : text;

export const line = (text = ""): void => console.log(text);

export function heading(text: string): void {
  line();
  line(paint("bold", text));
  line("-".repeat(text.length));
}

/** A sentence or two, broken between words. */
export function prose(text: string): void {
  let current = "";
  for (const word of text.split(" ")) {
    if (current && current.length + 1 + word.length > columns) {
      line(current);
      current = word;
    } else current += current ? ` ${word}` : word;
  }
  line(current);
}

/** Runs a fit with the listener it is given, and shows on a terminal how far it is. */
export async function withProgress(fitting: (listener: Pick<FitOptions, "onProgress">) => Promise<Fit>): Promise<Fit> {
  if (!terminal) return fitting({});
  const began = performance.now();
  const spinner = ora({ stream: process.stdout, discardStdin: false, ...(colours ? {} : { color: false }) });
  try {
    return await fitting({
      onProgress({ stage, step, value, gradients }) {
        const elapsed = performance.now() - began;
        if (elapsed < long) return;
        const text = `${stage}, step ${step}${Number.isFinite(value) ? `: ${value.toFixed(2)}` : ""} (${gradients.toLocaleString("en")} gradients, ${(elapsed / 1000).toFixed(1)} s)`;
        spinner.text = text.slice(0, Math.min(columns, process.stdout.columns) - 3);
        if (!spinner.isSpinning) spinner.start();
      },
    });
  } finally {
    spinner.stop();
  }
}
