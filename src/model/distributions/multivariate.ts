// Families whose value is a vector, or an integer that points into one.

import * as rules from "../../compile/densities.js";
import type { Node } from "../../compile/node.js";
import { type Distribution, family, kinds } from "../distribution.js";
import type { Value } from "../expression.js";
import { integersTo, realVector, simplex } from "../support.js";

const { real: number, positive: above0 } = kinds;

function vector(label: string, node: Node, least = 1): void {
  if (node.shape.length !== 1 || node.shape[0]! < least)
    throw new TypeError(
      `${label}: expected a vector${least > 1 ? ` of at least ${least} elements` : ""}, got shape [${node.shape.join(", ")}]`,
    );
}

const make = {
  dirichlet: family({
    name: "dirichlet",
    rule: rules.dirichlet,
    parameters: { concentration: above0 },
    support: simplex,
    eventShape: ([a]) => a!.shape,
    validate: (label, [a]) => vector(`${label}: concentration`, a!, 2),
  }),
  categoricalLogit: family({
    name: "categoricalLogit",
    rule: rules.categoricalLogit,
    parameters: { logits: number },
    support: ([logits]) => integersTo(logits!.shape[0]! - 1),
    validate: (label, [logits]) => vector(`${label}: logits`, logits!, 2),
  }),
  multivariateNormal: family({
    name: "multivariateNormal",
    rule: rules.multivariateNormal,
    parameters: { loc: number, scaleTril: number },
    support: realVector,
    eventShape: ([loc]) => loc!.shape,
    validate: (label, [loc, tril]) => {
      vector(`${label}: loc`, loc!);
      const k = loc!.shape[0]!;
      if (tril!.shape.length !== 2 || tril!.shape.some((d) => d !== k))
        throw new RangeError(`${label}: scaleTril: expected shape [${k}, ${k}], got [${tril!.shape.join(", ")}]`);
      const values = tril!.values;
      for (let i = 0; values && i < k; i++)
        if (!(values[i * k + i]! > 0))
          throw new RangeError(
            `${label}: scaleTril[${i}][${i}]: expected a positive number (a Cholesky factor), got ${values[i * k + i]}`,
          );
    },
  }),
};

/** Dirichlet over simplexes, with a vector of concentrations. */
export const dirichlet = (concentration: Value): Distribution => make.dirichlet(concentration);
/** An integer in 0..K−1 with probabilities softmax(logits). */
export const categoricalLogit = (logits: Value): Distribution => make.categoricalLogit(logits);
/** Normal vector with mean `loc` [K] and covariance L·Lᵀ, L = `scaleTril` [K × K], lower triangular. */
export const multivariateNormal = (loc: Value, scaleTril: Value): Distribution =>
  make.multivariateNormal(loc, scaleTril);
