// Complex numbers for complex-step differentiation (Squire & Trapp 1998): for an analytic f, Im f(x + ih)/h is f'(x) without
// cancellation, so with h = 1e-30 a derivative is as exact as the value. Every function is written by an analytic formula of its
// own; none is taken from the library. abs, sign, min and max follow the real part, which is what a derivative beside 0 means.

export class Complex {
  constructor(
    readonly re: number,
    readonly im: number = 0,
  ) {}
}

export type C = Complex;
export const c = (re: number, im = 0): C => new Complex(re, im);
export const zero = c(0);
export const one = c(1);

export const add = (a: C, b: C): C => c(a.re + b.re, a.im + b.im);
export const sub = (a: C, b: C): C => c(a.re - b.re, a.im - b.im);
export const mul = (a: C, b: C): C => c(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);
export const scale = (k: number, a: C): C => c(k * a.re, k * a.im);
export const neg = (a: C): C => c(-a.re, -a.im);
export const square = (a: C): C => mul(a, a);

export function div(a: C, b: C): C {
  // Smith's order: the larger component of b is divided by, so nothing overflows.
  if (Math.abs(b.re) >= Math.abs(b.im)) {
    const r = b.im / b.re;
    const d = b.re + b.im * r;
    return c((a.re + a.im * r) / d, (a.im - a.re * r) / d);
  }
  const r = b.re / b.im;
  const d = b.re * r + b.im;
  return c((a.re * r + a.im) / d, (a.im * r - a.re) / d);
}

export const reciprocal = (a: C): C => div(one, a);
export const sum = (terms: readonly C[]): C => terms.reduce(add, zero);

export function exp(a: C): C {
  const m = Math.exp(a.re);
  return c(m * Math.cos(a.im), m * Math.sin(a.im));
}
export const log = (a: C): C => c(Math.log(Math.hypot(a.re, a.im)), Math.atan2(a.im, a.re));
export function log1p(a: C): C {
  // |1 + a|² − 1 = 2 re + re² + im², whose log1p keeps the digits of a small a.
  const { re, im } = a;
  const size = re > -0.5 ? 0.5 * Math.log1p(re * (2 + re) + im * im) : Math.log(Math.hypot(1 + re, im));
  return c(size, Math.atan2(im, 1 + re));
}
export function expm1(a: C): C {
  // e^x cos y − 1 = expm1(x) − 2 e^x sin²(y/2)
  const m = Math.exp(a.re);
  return c(Math.expm1(a.re) - 2 * m * Math.sin(a.im / 2) ** 2, m * Math.sin(a.im));
}
export function sqrt(a: C): C {
  if (a.re === 0 && a.im === 0) return zero;
  const m = Math.sqrt((Math.abs(a.re) + Math.hypot(a.re, a.im)) / 2);
  return a.re >= 0 ? c(m, a.im / (2 * m)) : c(Math.abs(a.im) / (2 * m), a.im < 0 ? -m : m);
}
export const sin = (a: C): C => c(Math.sin(a.re) * Math.cosh(a.im), Math.cos(a.re) * Math.sinh(a.im));
export const cos = (a: C): C => c(Math.cos(a.re) * Math.cosh(a.im), -Math.sin(a.re) * Math.sinh(a.im));
export const sigmoid = (a: C): C => (a.re >= 0 ? reciprocal(add(one, exp(neg(a)))) : div(exp(a), add(one, exp(a))));
/** log(1 + e^a), from the side on which e^±a is small. */
export const softplus = (a: C): C => (a.re > 0 ? add(a, log1p(exp(neg(a)))) : log1p(exp(a)));
export const logSigmoid = (a: C): C => neg(softplus(neg(a)));
/** tanh a = expm1(2a)/(expm1(2a) + 2), for −|a|. */
export function tanh(a: C): C {
  if (a.re > 0) return neg(tanh(neg(a)));
  const e = expm1(scale(2, a));
  return div(e, add(e, c(2)));
}
export const pow = (a: C, b: C): C => (a.re === 0 && a.im === 0 && b.re > 0 ? zero : exp(mul(b, log(a))));

export const sign = (a: C): C => c(Math.sign(a.re));
export const abs = (a: C): C => (a.re < 0 ? neg(a) : a);
export const min = (a: C, b: C): C => (a.re < b.re ? a : b);
export const max = (a: C, b: C): C => (a.re < b.re ? b : a);
export const less = (a: C, b: C): C => (a.re < b.re ? one : zero);

export const logAddExp = (a: C, b: C): C => (a.re < b.re ? logAddExp(b, a) : add(a, softplus(sub(b, a))));
export function logSumExp(terms: readonly C[]): C {
  const top = Math.max(...terms.map((t) => t.re));
  if (!Number.isFinite(top)) return c(top);
  return add(c(top), log(sum(terms.map((t) => exp(sub(t, c(top)))))));
}

/** Bernoulli numbers B₂, B₄, … for the asymptotic series of the gamma function. */
const bernoulli = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798];
/** From here on nine terms of those series are exact to double precision. */
const far = 15;

/** log Γ for Re > 0: Stirling's series, after steps of Γ(a + 1) = a Γ(a). The product of the steps is taken before its log. */
export function lgamma(a: C): C {
  let steps = one;
  let x = a;
  let shift = zero;
  while (x.re < far) {
    steps = mul(steps, x);
    x = add(x, one);
    if (Math.abs(steps.re) > 1e100) {
      shift = add(shift, log(steps));
      steps = one;
    }
  }
  let series = add(mul(sub(x, c(0.5)), log(x)), sub(c(0.5 * Math.log(2 * Math.PI)), x));
  const inverse2 = reciprocal(square(x));
  let power = reciprocal(x);
  bernoulli.forEach((b, k) => {
    series = add(series, scale(b / ((2 * k + 2) * (2 * k + 1)), power));
    power = mul(power, inverse2);
  });
  return sub(series, add(shift, log(steps)));
}
export const lbeta = (a: C, b: C): C => sub(add(lgamma(a), lgamma(b)), lgamma(add(a, b)));

/** ψ = (log Γ)' for Re > 0. */
export function digamma(a: C): C {
  let x = a;
  let steps = zero;
  for (; x.re < far; x = add(x, one)) steps = add(steps, reciprocal(x));
  let series = sub(log(x), scale(0.5, reciprocal(x)));
  const inverse2 = reciprocal(square(x));
  let power = inverse2;
  bernoulli.forEach((b, k) => {
    series = sub(series, scale(b / (2 * k + 2), power));
    power = mul(power, inverse2);
  });
  return sub(series, steps);
}

/** ψ' for Re > 0. */
export function trigamma(a: C): C {
  let x = a;
  let steps = zero;
  for (; x.re < far; x = add(x, one)) steps = add(steps, reciprocal(square(x)));
  const inverse = reciprocal(x);
  const inverse2 = square(inverse);
  let series = add(inverse, scale(0.5, inverse2));
  let power = mul(inverse2, inverse);
  for (const b of bernoulli) {
    series = add(series, scale(b, power));
    power = mul(power, inverse2);
  }
  return add(series, steps);
}

/** erf as 2/√π e^(−a²) Σ 2ⁿ a^(2n+1)/(2n+1)!!, all of whose terms have one sign: for |a| < 3. */
function erfSeries(a: C): C {
  const a2 = square(a);
  let term = a;
  let total = a;
  for (let n = 1; n < 80; n++) {
    term = mul(term, scale(2 / (2 * n + 1), a2));
    total = add(total, term);
  }
  return scale(2 / Math.sqrt(Math.PI), mul(exp(neg(a2)), total));
}
/** e^(a²) erfc(a) by its continued fraction, from the far end: for Re ≥ 2. */
function erfcxFraction(a: C): C {
  let tail = a;
  for (let k = 120; k > 0; k--) tail = add(a, div(c(k / 2), tail));
  return scale(1 / Math.sqrt(Math.PI), reciprocal(tail));
}
export const erf = (a: C): C =>
  a.re < 0 ? neg(erf(neg(a))) : a.re < 3 ? erfSeries(a) : sub(one, mul(exp(neg(square(a))), erfcxFraction(a)));
export const erfc = (a: C): C => (a.re < 2 ? sub(one, erf(a)) : mul(exp(neg(square(a))), erfcxFraction(a)));
export const erfcx = (a: C): C => (a.re < 2 ? mul(exp(square(a)), erfc(a)) : erfcxFraction(a));
/** Standard normal distribution function and its log. */
export const ndtr = (a: C): C => scale(0.5, erfc(scale(-Math.SQRT1_2, a)));
export function logNdtr(a: C): C {
  if (a.re > 0) return log1p(neg(ndtr(neg(a))));
  return a.re > -1 ? log(ndtr(a)) : add(log(scale(0.5, erfcx(scale(-Math.SQRT1_2, a)))), scale(-0.5, square(a)));
}

/** The step: its square vanishes beside any value, and no derivative of this size underflows. */
export const STEP = 1e-30;
/** The derivative that a complex step has left in a value. */
export const derivative = (a: C): number => a.im / STEP;
