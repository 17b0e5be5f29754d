// The table of a summary as text: numbers aligned on their decimal points within a row's own precision, nothing beyond 80 columns.

/** The numbers of one row; `error` is the Monte Carlo standard error of the mean. */
export interface Row {
  readonly name: string;
  readonly mean: number;
  readonly sd: number;
  readonly q5: number;
  readonly median: number;
  readonly q95: number;
  readonly error: number;
}

const columns = ["mean", "sd", "5 %", "50 %", "95 %", "mcse"] as const;
const narrowest = 8;
const widest = 80;

/** Decimals that show three digits of the standard deviation (and, for a constant, six of the value). */
function decimalsOf(row: Row): number {
  const size = row.sd > 0 && Number.isFinite(row.sd) ? row.sd : Math.abs(row.mean) / 1e3;
  if (!(size > 0) || !Number.isFinite(size)) return 2;
  return Math.max(0, 2 - Math.floor(Math.log10(size)));
}

/** One number with a row's decimals, or, where that would take more than 9 characters, with an exponent. */
function show(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "Inf" : "-Inf";
  if (decimals <= 7) {
    const text = value.toFixed(decimals);
    if (text.length <= 9) return Number(text) === 0 ? text.replace("-", "") : text;
  }
  return value.toExponential(2).replace("e+", "e");
}

/** Shortens a name to `width` characters, keeping its beginning and its index. */
export function shorten(name: string, width: number): string {
  if (name.length <= width) return name;
  const index = /\[[^[\]]*\]$/.exec(name)?.[0] ?? "";
  const tail = index.length <= width - 4 ? index : "";
  return `${name.slice(0, width - 1 - tail.length)}…${tail}`;
}

/** The rows as text, with a heading. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => {
    const d = decimalsOf(row);
    // The error is small: two digits of it.
    const e =
      row.error > 0 && Number.isFinite(row.error) ? Math.min(9, Math.max(d, 1 - Math.floor(Math.log10(row.error)))) : d;
    return [...[row.mean, row.sd, row.q5, row.median, row.q95].map((value) => show(value, d)), show(row.error, e)];
  });
  const widths = columns.map((heading, k) =>
    Math.max(narrowest, heading.length, ...cells.map((line) => line[k]!.length)),
  );
  const numbers = widths.reduce((a, b) => a + b + 1, 0);
  const names = Math.max(4, Math.min(widest - numbers, Math.max(0, ...rows.map((row) => row.name.length))));
  const line = (name: string, values: readonly string[]): string =>
    `${shorten(name, names).padEnd(names)}${values.map((v, k) => ` ${v.padStart(widths[k]!)}`).join("")}`;
  return [line("", columns), ...rows.map((row, k) => line(row.name, cells[k]!))].join("\n");
}
