// One voice for misuse: the label of the argument first, then "expected X, got Y". TypeError for the wrong kind of thing,
// RangeError for a wrong value. Numerical trouble during a fit is never thrown: it becomes an outcome.

/** How a value is shown in a message: short, and telling NaN from undefined from "". */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 37)}...` : value);
  if (typeof value === "number" || typeof value === "boolean" || value === null || value === undefined)
    return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) {
    const length = (value as unknown as { length?: number }).length;
    return `a ${value.constructor.name}${length === undefined ? "" : ` of ${length}`}`;
  }
  if (typeof value === "function") return `a function${value.name ? ` (${value.name})` : ""}`;
  if (typeof value === "symbol") return value.toString();
  return `an object (${(value as object).constructor?.name ?? "no prototype"})`;
}

export function typeError(label: string, expected: string, got: unknown): TypeError {
  return new TypeError(`${label}: expected ${expected}, got ${show(got)}`);
}

export function rangeError(label: string, expected: string, got: unknown): RangeError {
  return new RangeError(`${label}: expected ${expected}, got ${show(got)}`);
}

/** A finite number, or the error that says what came. */
export function finiteNumber(label: string, value: unknown): number {
  if (typeof value !== "number") throw typeError(label, "a number", value);
  if (!Number.isFinite(value)) throw rangeError(label, "a finite number", value);
  return value;
}

/** A finite number above zero. */
export function positiveNumber(label: string, value: unknown): number {
  if (finiteNumber(label, value) <= 0) throw rangeError(label, "a positive number", value);
  return value as number;
}

/** An integer within [low, high]. */
export function integer(
  label: string,
  value: unknown,
  low = Number.MIN_SAFE_INTEGER,
  high = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isInteger(value) && (value as number) >= low && (value as number) <= high) return value as number;
  const expected =
    high === Number.MAX_SAFE_INTEGER
      ? low === Number.MIN_SAFE_INTEGER
        ? "an integer"
        : `an integer of at least ${low}`
      : `an integer in ${low}..${high}`;
  throw typeof value === "number" ? rangeError(label, expected, value) : typeError(label, expected, value);
}

/** One of a fixed set of words. */
export function oneOf<const T extends string>(label: string, value: unknown, choices: readonly T[]): T {
  const expected = choices.map((c) => JSON.stringify(c)).join(" | ");
  if (typeof value !== "string") throw typeError(label, expected, value);
  if (!choices.includes(value as T)) throw rangeError(label, expected, value);
  return value as T;
}

/** Refuses option names that do not exist: a misspelt option must not be ignored in silence. */
export function knownOptions(label: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw typeError(label, "an object", options);
  for (const key of Object.keys(options))
    if (!known.includes(key))
      throw new TypeError(`${label}.${key}: unknown option; expected one of ${known.join(", ")}`);
}
