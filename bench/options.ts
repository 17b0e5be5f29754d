// Options of the benchmarks' command lines: a mistake ends the program with the usage, and names what was expected.

/** The names of a comma-separated option, of which a colon and a part may follow where `parts` says so; all of them when it was not given. */
export function chosen<T extends string>(
  option: string,
  given: string | undefined,
  all: readonly T[],
  parts = false,
): readonly T[] {
  if (given === undefined) return all;
  const wanted = given.split(",").map((s) => s.trim());
  const known = (name: string): boolean => (all as readonly string[]).includes(parts ? name.split(":")[0]! : name);
  const unknown = wanted.find((name) => !known(name));
  if (unknown !== undefined) throw new RangeError(`--${option}: expected some of ${all.join(", ")}, got "${unknown}"`);
  return wanted as T[];
}

/** What `read` makes of the command line. On an error, and for `help`, prints the usage and ends the program. */
export function optionsOf<T extends { readonly help: boolean }>(usage: string, read: () => T): T {
  let options: T;
  try {
    options = read();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${usage}`);
    process.exit(2);
  }
  if (!options.help) return options;
  process.stdout.write(usage);
  process.exit(0);
}
