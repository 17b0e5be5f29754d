// What every distribution can do, asked of the library itself: the tables of docs/distributions.md. The test holds the document to them.

import { readdirSync, readFileSync } from "node:fs";
import { constant, data } from "../../src/compile/node.js";
import * as v from "../../src/index.js";

const tril = [
  [1.5, 0],
  [0.5, 2],
];
/** One of each, with parameters at which everything that can exist does. */
const examples: readonly v.Distribution[] = [
  v.normal(0.5, 1.75),
  v.halfNormal(1.5),
  v.studentT(4.5, 0.25, 1.5),
  v.halfStudentT(4.5, 2),
  v.cauchy(0.5, 2),
  v.halfCauchy(1.5),
  v.laplace(0.5, 1.25),
  v.logistic(-1, 0.75),
  v.gumbel(0.5, 1.5),
  v.skewNormal(0.5, 1.5, 3),
  v.truncatedNormal(0.5, 1.5, 0.25, 2),
  v.uniform(0.25, 2.5),
  v.vonMises(0.5, 2),
  v.logNormal(0.25, 0.75),
  v.exponential(1.5),
  v.gamma(2.5, 1.5),
  v.inverseGamma(3.5, 2),
  v.chiSquare(3),
  v.weibull(1.5, 2),
  v.pareto(1.5, 3.5),
  v.inverseGaussian(1.5, 2),
  v.beta(2.5, 1.75),
  v.kumaraswamy(2.5, 1.75),
  v.bernoulli(0.3125),
  v.bernoulliLogit(0.3125),
  v.binomial(12, 0.3125),
  v.binomialLogit(12, 0.3125),
  v.betaBinomial(12, 1.5, 2.5),
  v.geometric(0.3125),
  v.poisson(3.5),
  v.poissonLog(1.5),
  v.negativeBinomial(3.5, 1.25),
  v.negativeBinomialLog(1.5, 1.25),
  v.categorical([0.2, 0.5, 0.3]),
  v.categoricalLogit([0.2, 0.5, -0.3]),
  v.orderedLogistic(0.3, [-1, 0, 2]),
  v.multinomial(9, [0.25, 0.75]),
  v.dirichlet([1.5, 3]),
  v.multivariateNormal([0, 1], tril),
  v.multivariateNormalPrecision([0, 1], tril),
  v.multivariateNormalLowRank([0, 1], [[0.5], [1]], [1, 2]),
  v.multivariateStudentT(4.5, [0, 1], tril),
  v.wishart(4.5, tril),
  v.wishartCholesky(4.5, tril),
  v.lkjCholesky(2, 1.5),
  v.truncated(v.gamma(2.5, 1.5), 1, 3),
  v.censored(v.normal(0.5, 1.5), -1, 2),
  v.zeroInflated(v.poisson(3), 0.25),
  v.mixture([0.25, 0.75], [v.normal(-1, 1), v.laplace(2, 0.5)]),
  v.independent(v.normal([0, 1], 1)),
  v.flat(v.positive),
];

/** What the support is called where the example's own says less. */
const supports: Readonly<Record<string, string>> = {
  uniform: "a number in [low, high]",
  truncatedNormal: "a number in [low, high]",
  pareto: "a number of at least `minimum`",
  binomial: "an integer in 0..trials",
  binomialLogit: "an integer in 0..trials",
  betaBinomial: "an integer in 0..trials",
  categorical: "an integer in 0..K−1",
  categoricalLogit: "an integer in 0..K−1",
  orderedLogistic: "an integer in 0..K",
  truncated: "the distribution's, in [low, high]",
  censored: "the distribution's",
  mixture: "where a component has values",
  independent: "an array of the distribution's",
  flat: "the support",
};

const folder = new URL("../../src/model/", import.meta.url);
const sources = [
  ...readdirSync(new URL("distributions/", folder)).map((f) => `distributions/${f}`),
  "bounded.ts",
  "independent.ts",
  "zero-inflated.ts",
  "mixture.ts",
  "distribution.ts",
].map((f) => readFileSync(new URL(f, folder), "utf8"));

/** name(parameters) as the constructor is declared. */
function signature(name: string): string {
  const declared = new RegExp(`export (?:const ${name} = |function ${name})\\(([^)]*)\\)`);
  const list = sources.map((s) => declared.exec(s)?.[1]).find((x) => x !== undefined) ?? "";
  return `${name}(${list
    .split(",")
    .map((p) => p.split(":")[0]!.trim())
    .join(", ")})`;
}

const works = (f: () => unknown): boolean => {
  try {
    f();
    return true;
  } catch (error) {
    if (/not available|no gradient/.test((error as Error).message)) return false;
    throw error;
  }
};

const columns: readonly (readonly [title: string, has: (d: v.Distribution) => boolean])[] = [
  ["sample", (d) => works(() => d.sample(2, { seed: 1 }))],
  ["cdf, quantile", (d) => !d.eventShape.length && works(() => [d.cdf(1), d.quantile(0.5)])],
  ["mean", (d) => works(() => d.mean())],
  ["variance", (d) => works(() => d.variance())],
  ["entropy", (d) => works(() => d.entropy())],
  ["gradient of draws", (d) => works(() => v.sampleWithGradient(d, 2, { seed: 1 }))],
];

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** One row per distribution. */
export function abilities(): string {
  const head = ["distribution", "values", ...columns.map(([title]) => title)];
  const rows = examples.map((d) => [
    `\`${signature(d.name)}\``,
    supports[d.name] ?? d.support.expected,
    ...columns.map(([, has]) => (has(d) ? "yes" : "–")),
  ]);
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** The same family with other parameters. */
const other = (d: v.Distribution): v.Distribution =>
  d.withParameters(
    d.parameters.map(({ values, shape }) =>
      shape.length
        ? data(
            values!.map((x) => 1.125 * x),
            null,
            shape,
          )
        : constant(1.125 * values![0]!),
    ),
  );

/** For each q the p whose divergence from it is exact and finite. */
export function divergences(): string {
  const wrapped = ["truncated", "censored", "zeroInflated", "mixture", "independent", "flat"];
  const families = examples.filter((d) => !wrapped.includes(d.name) && !d.discrete);
  const rows: string[] = [];
  for (const q of families) {
    const known = families.filter((p) => {
      if (p.eventShape.join() !== q.eventShape.join()) return false;
      const found = v.klEstimate(q, p === q ? other(p) : p, { draws: 2 });
      return found.exact && (p === q || Number.isFinite(found.value));
    });
    if (known.length) rows.push(`- \`${q.name}\` from ${known.map((p) => `\`${p.name}\``).join(", ")}`);
  }
  return rows.join("\n");
}

/** Names of the examples. */
export const names = (): readonly string[] => examples.map((d) => d.name);
