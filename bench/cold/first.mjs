// A fresh process on the packaged build: from nothing to the first gradient of eight schools. Plain JavaScript, so that nothing but the
// package is loaded. Prints one line of JSON, in milliseconds. Arguments: the entry's URL, "load" or "loadSync".
const [entry, how] = process.argv.slice(2);
const began = performance.now();
const v = await import(entry);
const imported = performance.now();
if (how === "loadSync") v.loadSync();
else await v.load();
const loaded = performance.now();
const schools = v.model(({ sample, observe, plate }, { effect, error }) => {
  const school = plate("school", effect.length);
  const mu = sample("mu", v.normal(0, 5));
  const tau = sample("tau", v.halfCauchy(5));
  const theta = sample("theta", v.normal(0, 1), school);
  observe("effect", v.normal(mu.add(theta.mul(tau)), school.data(error)), school.data(effect));
});
const compiled = schools.compile({ effect: [28, 8, -3, 7, -1, 1, 18, 12], error: [15, 10, 16, 11, 9, 11, 10, 18] });
const ready = performance.now();
const gradient = new Float64Array(compiled.dimension);
const logDensity = compiled.logDensityGradient(new Float64Array(compiled.dimension).fill(0.1), gradient);
const done = performance.now();
if (!(Math.abs(logDensity + 43.28807157871979) < 1e-12)) throw new Error(`the log density was ${logDensity}`);
console.log(
  JSON.stringify({
    import: imported - began,
    load: loaded - imported,
    compile: ready - loaded,
    gradient: done - ready,
    total: done - imported,
  }),
);
