// Default fits of one posterior in a warm process, on the packaged build: each with a seed of its own, compilation included. The first half
// warms up. Prints one line of JSON: milliseconds and outcomes of the second half, and the first fit's. Arguments: the entry's URL, the
// posterior, fits, and for kidscore the file of its data.
import { readFileSync } from "node:fs";

const [entry, name, count, file] = process.argv.slice(2);
const began = performance.now();
const { cauchy, fit, flat, halfCauchy, load, model, normal, positive, real } = await import(entry);
await load();

/** Eight schools as they are in Rubin's paper: theta centred on mu. */
const centred = model(({ sample, observe, plate }, { effect, error }) => {
  const school = plate("school", effect.length);
  const mu = sample("mu", normal(0, 5));
  const tau = sample("tau", halfCauchy(5));
  const theta = sample("theta", normal(mu, tau), school);
  observe("effect", normal(theta, school.data(error)), school.data(effect));
});
const nonCentred = model(({ sample, observe, plate }, { effect, error }) => {
  const school = plate("school", effect.length);
  const mu = sample("mu", normal(0, 5));
  const tau = sample("tau", halfCauchy(5));
  const theta = sample("theta", normal(0, 1), school);
  observe("effect", normal(mu.add(theta.mul(tau)), school.data(error)), school.data(effect));
});
/** posteriordb's kidscore_interaction. */
const kidscore = model(({ sample, observe, plate }, d) => {
  const kids = plate("kid", d.kid_score);
  const beta = sample("beta", flat(real), { shape: [4] });
  const sigma = sample("sigma", cauchy(0, 2.5), { support: positive });
  const x = kids.data(d.mom_iq.map((iq, i) => [1, d.mom_hs[i], iq, d.mom_hs[i] * iq]));
  observe("kid_score", normal(x.dot(beta), sigma), kids.data(d.kid_score));
});
const schoolsData = { effect: [28, 8, -3, 7, -1, 1, 18, 12], error: [15, 10, 16, 11, 9, 11, 10, 18] };
const [what, data] = {
  centred: [centred, schoolsData],
  nonCentred: [nonCentred, schoolsData],
  kidscore: [kidscore, file && JSON.parse(readFileSync(file, "utf8"))],
}[name];

const milliseconds = [];
const outcomes = {};
let first = 0;
for (let i = 0; i < Number(count); i++) {
  const start = performance.now();
  const posterior = await fit(what, data, { seed: i + 1 });
  const end = performance.now();
  if (i === 0) first = end - began;
  if (2 * i >= Number(count)) {
    milliseconds.push(end - start);
    outcomes[posterior.status] = (outcomes[posterior.status] ?? 0) + 1;
  }
  posterior.dispose();
}
console.log(JSON.stringify({ milliseconds, first, outcomes }));
