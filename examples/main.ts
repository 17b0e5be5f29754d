// What `npm start` runs: the reference program of variational inference done right, with the exact answer beside the fitted one;
// eight schools; and a hierarchical regression on a real table.

import { type Fit, type FitOptions, fit, halfCauchy, model, normal } from "../src/index.js";
import { barley, readBarley } from "./barley.js";
import { heading, line, paint, prose, withProgress } from "./terminal.js";

const started = performance.now();
const number = (x: number, width = 9): string => x.toFixed(4).padStart(width);

/** Prints the ELBO now and then, and how the fit ended. */
async function run(title: string, fitting: (listener: Pick<FitOptions, "onProgress">) => Promise<Fit>): Promise<Fit> {
  heading(title);
  const t = performance.now();
  const posterior = await withProgress(fitting);
  const { trace } = posterior;
  const shown = [
    ...new Set([0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].filter((i) => i < trace.length - 1)),
    trace.length - 1,
  ];
  line(paint("dim", "  step      ELBO"));
  for (const i of shown) line(`${String(i + 1).padStart(6)} ${trace[i]!.toFixed(3).padStart(9)}`);
  line();
  const { status } = posterior;
  line(
    `${posterior.summary()}`.replace(`${status}:`, paint(status === "converged" ? "green" : "yellow", `${status}:`)),
  );
  line(`${posterior.gradients.toLocaleString("en")} gradients, ${(performance.now() - t).toFixed(0)} ms`);
  return posterior;
}

// The program that tutorials get wrong: prior N(0, 1), three observations with unit noise, a mean-field Gaussian, Adam.
const observed = [1, 2, 3];
const reference = model(({ sample, observe, plate }) => {
  const rows = plate("row", observed.length);
  const z = sample("z", normal(0, 1), rows);
  observe("x", normal(z, 1), rows.data(observed));
});
const program = await run("z ~ N(0, 1), x ~ N(z, 1): mean-field Gaussian, Adam at 0.01", (listener) =>
  fit(reference, undefined, {
    family: "meanField",
    stepSize: 0.01,
    warmUp: false,
    maxSteps: 1000,
    seed: 1,
    ...listener,
  }),
);
line();
line("          exact              fitted");
line("        mean       sd      mean       sd");
const q = program.result.approximation;
observed.forEach((x, i) => {
  const mean = q?.mean[i] ?? Number.NaN;
  const sd = q?.kind === "diagonal" ? q.scale[i]! : Number.NaN;
  line(`z[${i}]${number(x / 2)}${number(Math.SQRT1_2)} ${number(mean)}${number(sd)}`);
});
line(`log evidence ${(-1.5 * Math.log(4 * Math.PI) - 3.5).toFixed(6)}, ELBO ${program.elbo.toFixed(6)}`);

const schools = model(({ sample, observe, plate, deterministic }) => {
  const school = plate("school", ["A", "B", "C", "D", "E", "F", "G", "H"]);
  const mu = sample("mu", normal(0, 5));
  const tau = sample("tau", halfCauchy(5));
  const raw = sample("raw", normal(0, 1), school);
  const theta = deterministic("theta", mu.add(tau.mul(raw)));
  observe(
    "effect",
    normal(theta, school.data([15, 10, 16, 11, 9, 11, 10, 18])),
    school.data([28, 8, -3, 7, -1, 1, 18, 12]),
  );
});
const eight = await run("Eight schools, non-centred", (listener) => fit(schools, undefined, { seed: 1, ...listener }));
if (eight.result.maps.length > 0)
  prose("No Gaussian follows the long left tail of log tau: the fit saw that, and went on to a family that does.");

const trial = await run("Barley at six sites in 1931 and 1932: hierarchical regression, 120 harvests", (listener) =>
  fit(barley, readBarley(), { seed: 1, ...listener }),
);
const change = trial.mean("year");
prose(`At Morris 1932 brought ${change[2]!.toFixed(1)} bushels per acre more than 1931, everywhere else less.`);

line();
line(`All three in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
