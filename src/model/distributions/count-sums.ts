// Distribution functions of counts 0…n that have no formula but their sum: every count is an element of a vector, whose log
// probabilities are added up by one logSumExp, exact in either tail and with derivatives in all parameters.

import * as g from "../../compile/arithmetic.js";
import { commonShape, concat, data, eventSize, logSumExp, type Node, slice } from "../../compile/node.js";
import type { Distribution } from "../distribution.js";
import { choose, clamp, log1mExp } from "./formulas.js";

/** Counts that a sum has at most: it holds all of them, for each row and draw. */
const MOST = 1024;
/** What stands for log 0. */
const LOG_0 = -1e300;

/** Elements of the sum for counts up to `high`, a power of two so that few programs are compiled; 0: too many. */
export const termsTo = (high: number): number => (high < MOST ? 2 ** Math.ceil(Math.log2(high + 1)) : 0);

/** log P(X ≤ x), or log P(X > x), of counts up to the distribution's first parameter, which is below `terms`. */
export function logSum(d: Distribution, x: Node, side: "below" | "above", terms: number): Node {
  const shape = commonShape([x, ...d.parameters], d.name);
  if (!shape.length) return sumOf(d, x, side, terms);
  const element = (n: Node, e: number): Node => (n.shape.length ? slice(n, e, []) : n);
  const parts = Array.from({ length: eventSize(shape) }, (_, e) =>
    sumOf(d.withParameters(d.parameters.map((p) => element(p, e))), element(x, e), side, terms),
  );
  return concat(parts, shape);
}

function sumOf(d: Distribution, x: Node, side: "below" | "above", terms: number): Node {
  const trials = d.parameters[0]!;
  const counts = data(
    Float64Array.from({ length: terms }, (_, k) => k),
    null,
    [terms],
  );
  const each = d.valueOf(g.min(counts, trials));
  const over = g.less(trials, counts);
  const upper = g.less(x, counts);
  const without = (out: Node): Node => logSumExp(g.add(each, g.mul(LOG_0, g.add(over, out))));
  const [low, high] = [without(upper), without(g.sub(1, upper))];
  const [own, other] = side === "below" ? [low, high] : [high, low];
  // Near 1 the other tail says more.
  const log = choose(g.less(-Math.LN2, own), log1mExp(g.min(other, -0.5)), own);
  // NaN stays NaN.
  return g.add(log, g.mul(0, clamp(x, LOG_0, -LOG_0)));
}
