// Measures one workload on one build of the core, in a process of its own: neither the other workloads' types in the plain loops nor
// another core's memory can disturb it. Prints one line of JSON.

import { loadBuild } from "./build.js";
import { workloads } from "./data.js";
import { compare } from "./interleave.js";
import { measureKernels, measureWorkload, type Report } from "./measure.js";

const [name = "", build = "release", mode = "full"] = process.argv.slice(2);
const quick = mode === "quick";
let report: Report;
if (!loadBuild(build)) report = { skipped: `this JavaScript engine cannot run the ${build} build`, rows: [] };
else {
  const workload = workloads.find((w) => w.name === name);
  report = {
    rows: workload
      ? [measureWorkload(workload, build, quick, compare)]
      : measureKernels(build, quick, name.split(":")[1], compare),
  };
}
console.log(JSON.stringify(report));
