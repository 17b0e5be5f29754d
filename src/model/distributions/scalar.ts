// Elementary and special functions of single numbers, computed by the core: what means, entropies and divergences are written
// with, so that they too are the same bits on every engine.

import * as g from "../../compile/arithmetic.js";
import type { Node } from "../../compile/node.js";
import * as special from "../../compile/special.js";
import { apply, scalarInput } from "../eager.js";

const unary =
  (name: string, f: (x: Node) => Node) =>
  (x: number): number =>
    apply(`scalar ${name}`, ([node]) => f(node!), [scalarInput(x)], 1)[0]!;

export const exp = unary("exp", g.exp);
export const expm1 = unary("expm1", g.expm1);
export const log = unary("log", g.log);
export const log1p = unary("log1p", g.log1p);
export const sin = unary("sin", g.sin);
export const cos = unary("cos", g.cos);
export const ndtr = unary("ndtr", g.ndtr);
export const logNdtr = unary("logNdtr", g.logNdtr);
export const lgamma = unary("lgamma", g.lgamma);
export const digamma = unary("digamma", g.digamma);
export const trigamma = unary("trigamma", g.trigamma);

/** lgamma of the sum subtracted from that of the parts. */
export const lbeta = (a: number, b: number): number =>
  apply("scalar lbeta", ([x, y]) => g.lbeta(x!, y!), [scalarInput(a), scalarInput(b)], 1)[0]!;

export const sqrt = Math.sqrt; // exactly rounded by the standard

export const EULER = 0.5772156649015329;
export const LOG_2 = Math.LN2;
export const LOG_PI = 1.1447298858494002;
export const LOG_2PI = 1.8378770664093453;

export const logBesselI0 = unary("logBesselI0", special.logBesselI0);
/** I₁(x)/I₀(x). */
export const besselRatio = unary("besselRatio", special.besselRatio);

/** e^x E₁(x), x > 0: the series near 0, the continued fraction (DLMF 6.9.1) beyond. */
export function scaledE1(x: number): number {
  if (x < 1) {
    let term = 1;
    let sum = -EULER - log(x);
    for (let k = 1; k < 25; k++) {
      term *= -x / k;
      sum -= term / k;
    }
    return exp(x) * sum;
  }
  const steps = Math.ceil(20 + 120 / x);
  let result = x + 2 * steps + 1;
  for (let k = steps; k > 0; k--) result = x + 2 * k - 1 - (k * k) / result;
  return 1 / result;
}
