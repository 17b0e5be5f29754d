// V8 skips over a function when it reads a script and compiles it at the first call, 16 µs each even when it is small: half of a cold
// start. A function expression in parentheses it compiles with the script, for a third of that and without reading it twice. So the functions
// of Node's bundle that every model runs, found by running some, become such expressions: declarations move to the top of the file,
// arrow functions without `this` become functions. Methods cannot, and nothing but the time of the first call changes.
import { readFileSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";

/** Places "start-end" of the functions of each file that run when a bundle is imported and `action` is called with it. */
async function functionsRun(entry, action) {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
  await action(await import(pathToFileURL(entry)));
  const { result } = await session.post("Profiler.takePreciseCoverage");
  session.disconnect();
  const files = new Map();
  const folder = new URL(".", pathToFileURL(entry)).href;
  for (const { url, functions } of result) {
    if (!url.startsWith(folder)) continue;
    const run = functions.map((f) => f.ranges[0]).filter((r) => r.count > 0);
    files.set(fileURLToPath(url), new Set(run.map((r) => `${r.startOffset}-${r.endOffset}`)));
  }
  return files;
}

/** Whether a function means the `this` or the `arguments` of what is around it. */
function usesSurroundings(arrow) {
  const looksOut = (node) => {
    if (node.kind === ts.SyntaxKind.ThisKeyword || node.kind === ts.SyntaxKind.SuperKeyword) return true;
    if (ts.isMetaProperty(node) || (ts.isIdentifier(node) && node.text === "arguments")) return true;
    const opaque = ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node) || ts.isClassLike(node);
    return !opaque && (ts.forEachChild(node, looksOut) ?? false);
  };
  return ts.forEachChild(arrow, looksOut) ?? false;
}

/** The text of a file with the functions of these ranges compiled at once. */
function compiledAtOnce(text, ranges) {
  const source = ts.createSourceFile("bundle.js", text, ts.ScriptTarget.ESNext, true, ts.ScriptKind.JS);
  const wanted = (node) => ranges.has(`${node.getStart(source)}-${node.getEnd()}`);
  const simple = (node) => !node.asteriskToken && !node.modifiers?.length;
  const hoisted = [];
  /** The text of a node; `keep` is a function that stays as it is itself. */
  const render = (node, keep) => {
    const start = node.getStart(source);
    const end = node.getEnd();
    if (node !== keep && wanted(node) && simple(node)) {
      if (ts.isFunctionDeclaration(node) && node.parent === source) {
        const head = node.name.getEnd() - start;
        hoisted.push(`${node.name.text}=(function${render(node, node).slice(head)})`);
        return "";
      }
      if (ts.isFunctionExpression(node)) return `(${render(node, node)})`;
      if (ts.isArrowFunction(node) && !usesSurroundings(node)) {
        const parameters = node.parameters.map((p) => render(p)).join(",");
        const body = render(node.body);
        return `(function(${parameters})${ts.isBlock(node.body) ? body : `{return ${body}}`})`;
      }
    }
    let out = "";
    let at = start;
    ts.forEachChild(node, (child) => {
      const from = child.getStart(source);
      out += text.slice(at, from) + render(child);
      at = child.getEnd();
    });
    return out + text.slice(at, end);
  };
  const body = render(source);
  return hoisted.length ? `var ${hoisted.join(",")};${body}` : body;
}

/** What most programs begin with, as far as a first gradient: a hierarchical model and a regression. */
function typical({ bernoulliLogit, halfCauchy, loadSync, model, normal }) {
  loadSync();
  const schools = model(({ sample, observe, plate }, { effect, error }) => {
    const school = plate("school", effect);
    const mu = sample("mu", normal(0, 5));
    const tau = sample("tau", halfCauchy(5));
    const theta = sample("theta", normal(0, 1), school);
    observe("effect", normal(mu.add(theta.mul(tau)), school.data(error)), school.data(effect));
  });
  const regression = model(({ sample, observe, plate }, { x, y }) => {
    const rows = plate("row", y);
    const alpha = sample("alpha", normal(0, 5));
    const beta = sample("beta", normal(0, 1), { shape: [2] });
    observe("y", bernoulliLogit(rows.data(x, [2]).dot(beta).add(alpha)), rows.data(y));
  });
  const first = (compiled) => {
    compiled.logDensityGradient(new Float64Array(compiled.dimension), new Float64Array(compiled.dimension));
    compiled.dispose();
  };
  first(schools.compile({ effect: [28, 8], error: [15, 10] }));
  first(regression.compile({ x: Float64Array.of(1, 2, 3, 4), y: [0, 1] }));
}

/** Rewrites the files of Node's bundle in place. */
export async function compileAtOnce(entry) {
  for (const [file, ranges] of await functionsRun(entry, typical)) {
    const text = readFileSync(file, "utf8");
    writeFileSync(file, compiledAtOnce(text, ranges));
  }
}
