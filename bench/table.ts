// The table of `npm run bench`: one row per workload and build, ratios with their quartiles beside what is required.

import type { Row } from "./measure.js";

function time(seconds: number, unit: Row["unit"]): string {
  const value = seconds * (unit === "step" ? 1e6 : 1e9);
  const digits = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const headings = ["", "workload", "build", "plain", "engine", "ratio", "quartiles", "required", ""];
const leftAligned = new Set([0, 1, 2, 8]);

function cells(r: Row): string[] {
  const required = r.required ?? 1;
  const verdict = r.ratio >= required ? "" : "missed";
  return [
    r.name,
    r.title,
    r.build,
    time(r.plain, r.unit),
    time(r.engine, r.unit),
    r.ratio.toFixed(2),
    `${r.low.toFixed(2)}–${r.high.toFixed(2)}`,
    required.toFixed(1),
    verdict,
  ];
}

/** Aligned text; times of W1–W4 in µs per step, of W5 in ns per element. */
export function table(rows: readonly Row[]): string {
  const lines = [headings, ...rows.map(cells)];
  const widths = headings.map((_, k) => Math.max(...lines.map((line) => line[k]!.length)));
  const text = lines.map((line) =>
    line
      .map((cell, k) => (leftAligned.has(k) ? cell.padEnd(widths[k]!) : cell.padStart(widths[k]!)))
      .join("  ")
      .trimEnd(),
  );
  return [
    ...text,
    "",
    "W1–W4: µs per step; W5: ns per element. plain: hand-written TypeScript; ratio: plain / engine, median over alternating cycles.",
  ].join("\n");
}
