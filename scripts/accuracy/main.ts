// `npm run accuracy`: recomputes every promise of test/accuracy/promises.json on the release and the relaxed build, prints the
// table and writes docs/accuracy.md. Exits with 1 when a promise is broken.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BuildName, openBuild } from "../../test/accuracy/builds.js";
import { measure, type Observed, promises, readTable } from "../../test/accuracy/tables.js";

const head = `# Accuracy

Every elementary and special function of the core, region by region: the promised and the largest observed error, in units in the
last place (ULP) of the double nearest to the true value, on both builds. The true values come from mpmath with at least 50 digits
(\`scripts/accuracy/generate.py\`); the inputs are log-uniform and uniform samples, every branch point with three neighbours on
either side, subnormals, ±0, ±∞ and NaN. Functions of two and three arguments have their regions by the first argument or by what
the region says. Where an absolute bound is given, an answer that near the true value keeps the promise
whatever its error in ULP, and the largest error counts the other points only. The unit of an inverse is an ULP of the answer and
what an ULP of its last argument moves the answer; its points are those of the function, read the other way. Written by \`npm run accuracy\`; \`npm test\` holds
the same promises, on the debug build too.

| function | region | points | promised | observed | worst input | observed, relaxed |
| --- | --- | ---: | ---: | ---: | --- | ---: |
`;

const builds = (["release", "relaxed"] as const).map((name) => openBuild(name));
const show = (x: number): string => x.toString().replace("Infinity", "∞");
/** The largest error as it was promised: in ULP, relative, or absolute where that bound holds for every point. */
const shown = (row: Observed): string =>
  row.region.relative > 0
    ? `${row.worstRelative.toExponential(1)} relative`
    : row.worst === 0 && row.worstAbsolute > 0
      ? `${row.worstAbsolute.toExponential(1)} absolute`
      : row.worst.toFixed(2);
const bound = ({ promised, region: { relative } }: Observed): string =>
  relative > 0 ? `${relative.toExponential(0)} relative` : `${promised}`;
const broken: string[] = [];
const rows: string[] = [];
for (const promised of promises()) {
  const table = readTable(promised);
  const observed = new Map<BuildName, ReturnType<typeof measure>>();
  for (const build of builds)
    observed.set(build.name, measure(promised, table, build.map(promised.op, ...table.inputs), build.name));
  observed.get("release")!.forEach((row, i) => {
    const relaxed = observed.get("relaxed")![i]!;
    for (const [name, found] of [
      ["release", row],
      ["relaxed", relaxed],
    ] as const)
      if (!found.kept)
        broken.push(
          `${promised.name}, ${row.region.name}, ${name} build: promised ${bound(found)}, observed ${shown(found)} at ${found.at.join(", ")}`,
        );
    const absolute = row.region.absolute > 0 ? ` or ${row.region.absolute.toExponential(2)} absolute` : "";
    const both = bound(row) === bound(relaxed) ? bound(row) : `${bound(row)} (relaxed ${bound(relaxed)})`;
    rows.push(
      `| ${promised.name} | ${row.region.name.replaceAll("|", "\\|")} | ${row.points} | ${both}${absolute} | ${shown(row)} | ` +
        `${row.at.map(show).join(", ")} | ${shown(relaxed)} |`,
    );
  });
}
console.log(rows.join("\n"));
writeFileSync(fileURLToPath(new URL("../../docs/accuracy.md", import.meta.url)), `${head}${rows.join("\n")}\n`);
if (broken.length > 0) {
  console.error(`\n${broken.length} broken promises:\n${broken.join("\n")}`);
  process.exitCode = 1;
}
