// The regularised incomplete gamma functions P and Q with their derivative in the shape a, and their inverses, in scalar f64.
// Series up to about x = a, continued fraction (modified Lentz) beyond, Temme's uniform expansion where a is large and x near it
// (DLMF 8.7.1, 8.9.2, 8.12). Everything is a multiple of D = x^a e^-x/Γ(a + 1), computed without loss for large a, and the
// derivative is carried along term by term, so that it is no difference of anything.

import {
  digamma, erfcx, exp, expm1, expSum, high, lgamma1p, log, log1p, log1pMinus, low, ndtri, plus, plusLog, plusLog1pMinus, quotientRest,
  start, stirling,
} from "./scalar";

/** P(a, x). */
export let lower: f64 = 0;
/** Q(a, x) = 1 - P(a, x). */
export let upper: f64 = 0;
/** D; the density of the gamma distribution is D a/x. */
export let prefix: f64 = 0;
/** ∂P/∂a = D·slope. */
export let slope: f64 = 0;
/** log D, also where D underflows. */
export let logPrefix: f64 = 0;
/** P/D or, where `fromAbove` is set, Q/D: what was computed first. */
export let ratio: f64 = 0;
export let fromAbove: bool = false;

const SQRT_2PI: f64 = 2.5066282746310002;

/** D = x^a e^-x/Γ(a + 1) for finite a, x > 0. */
function prefixOf(a: f64, x: f64): f64 {
  if (a < 3.0) {
    start(0.0, 0.0);
    plusLog(a, x, 0.0);
    plus(-x);
    plus(-lgamma1p(a));
    logPrefix = high + low;
    return expSum();
  }
  const d = (x - a) / a;
  start(0.0, 0.0);
  if (Math.abs(d) < 0.25) {
    plusLog1pMinus(a, d, quotientRest(x - a, a, d));
  } else {
    const r = x / a;
    plusLog(a, r, quotientRest(x, a, r));
    plus(a);
    plus(-x);
  }
  plus(-stirling(a));
  const root = SQRT_2PI * Math.sqrt(a);
  logPrefix = high + low - log(root);
  return expSum() / root;
}

/** P = D Σ x^n/((a + 1)..(a + n)). */
function series(a: f64, x: f64): void {
  let n = a, t = 1.0, s = 1.0, h = 0.0, w = 0.0;
  do {
    n += 1.0;
    t *= x / n;
    h += 1.0 / n;
    s += t;
    w += t * h;
  } while (t * h > w * 1e-17);
  lower = prefix * s;
  ratio = s;
  slope = s * (log(x) - digamma(a + 1.0)) - w;
  upper = 1.0 - lower;
  if (lower > 0.5 && a < 1.0) {
    // 1 - P = 1 - e^u (1 + a Σ (-x)^n/(n! (a + n))) for small a, where P is near 1.
    const u = a * log(x) - lgamma1p(a);
    let v = 1.0, sum = 0.0;
    for (let k = 1.0; Math.abs(v) > 1e-18; k += 1.0) {
      v *= -x / k;
      sum += v / (a + k);
    }
    upper = -expm1(u) - exp(u) * a * sum;
  }
}

/** Q = D a/(x + 1 - a - 1 (1 - a)/(x + 3 - a - ..)). */
function fraction(a: f64, x: f64): void {
  let b = x + 1.0 - a;
  let d = 1.0 / b, dd = d * d;
  let c = b, dc = -1.0, first = true;
  let h = d, dh = d; // dh is the derivative of log h
  const last = x > 1e18 * (a + 1.0) ? 0.0 : 1e4; // there 1/b is exact, and further terms underflow
  for (let i = 1.0; i < last; i += 1.0) {
    const n = i * (a - i);
    b += 2.0;
    dd = (i * d + n * dd - 1.0);
    d = 1.0 / (n * d + b);
    dd *= -d * d;
    if (first) {
      c = b;
      first = false;
    } else {
      dc = (i - n * dc / c) / c - 1.0;
      c = b + n / c;
    }
    const step = c * d;
    const log = dc / c + dd / d;
    h *= step;
    dh += log;
    if (!(Math.abs(step - 1.0) > 2.3e-16 || Math.abs(log) > 1e-16 * Math.abs(dh))) break;
  }
  upper = prefix * a * h;
  lower = 1.0 - upper;
  ratio = a * h;
  fromAbove = true;
  slope = -h * (a * (log(x) - digamma(a + 1.0) + dh) + 1.0);
}

/** The coefficients d[k][n] of c_k(η), highest n first, k from 5 down to 0, and before each k their count. */
const TEMME = memory.data<f64>([
  3.0, 0.0002772753244959392, -6.972813758365857e-05, -0.00033679853336635813,
  4.0, -1.4638452578843418e-06, -0.0002990724803031902, 0.0007840392217200666, -0.0008618882909167117,
  6.0, -2.396505113867297e-07, -7.561801671883977e-05, 0.00026772063206283885, -0.0004691894943952557,
  0.00022947209362139917, 0.0006494341563786008,
  8.0, 3.423578734096138e-08, -1.2760635188618728e-05, 5.2923448829120125e-05, -0.0001073665322636516,
  2.0093878600823047e-06, 0.0007716049382716049, -0.0026813271604938273, 0.004133597883597883,
  11.0, 1.378633446915721e-07, 4.647127802807434e-09, -1.6120900894563446e-06, 7.64916091608111e-06,
  -1.8098550334489977e-05, -4.018775720164609e-07, 0.00020576131687242798, -0.0009902263374485596,
  0.0026455026455026454, -0.003472222222222222, -0.001851851851851852,
  13.0, 1.0261809784240309e-08, 6.707853543401498e-09, -1.7665952736826078e-07, 8.296711340953087e-07,
  -1.85406221071516e-06, -2.185448510679992e-06, 3.919263178522438e-05, -0.0001787551440329218, 0.0003527336860670194,
  0.0011574074074074073, -0.014814814814814815, 0.08333333333333333, -0.3333333333333333,
], 16);

/** Temme's expansion, a >= 256 and |x - a| <= a/8: Q = erfc(η sqrt(a/2))/2 + e^{-aη²/2}/sqrt(2πa) Σ c_k(η) a^-k. */
function temme(a: f64, x: f64): void {
  const d = (x - a) / a;
  const phi = -log1pMinus(d);
  const eta = d < 0.0 ? -Math.sqrt(2.0 * phi) : Math.sqrt(2.0 * phi);
  let p = TEMME, t = 0.0, dEta = 0.0, dA = 0.0;
  for (let k = 5; k >= 0; k--) {
    let c = 0.0, dc = 0.0;
    for (let n = <i32>load<f64>(p); n > 0; n--) {
      p += 8;
      dc = dc * eta + c;
      c = c * eta + load<f64>(p);
    }
    p += 8;
    t /= a;
    dA = (dA - t) / a;
    dEta = dEta / a + dc;
    t += c;
  }
  const root = SQRT_2PI * Math.sqrt(a);
  start(0.0, 0.0);
  plusLog1pMinus(a, d, quotientRest(x - a, a, d));
  const e = expSum();
  const g = exp(stirling(a));
  prefix = e / (root * g);
  logPrefix = -a * phi - log(root * g);
  const y = Math.abs(eta) * Math.sqrt(0.5 * a);
  if (eta < 0.0) {
    ratio = 0.5 * erfcx(y) - t / root;
    lower = e * ratio;
    upper = 1.0 - lower;
  } else {
    ratio = 0.5 * erfcx(y) + t / root;
    upper = e * ratio;
    lower = 1.0 - upper;
    fromAbove = true;
  }
  ratio *= root * g;
  const l = d + log1pMinus(d); // log(x/a)
  const ratio = d == 0.0 ? 1.0 : d / eta;
  const ratioLog = d == 0.0 ? 1.0 : l / eta;
  slope = -g * (ratioLog + (l - 0.5 / a) * t - dEta * ratio / a + dA);
}

/** Sets lower, upper, prefix and slope; NaN for a < 0, x < 0, a = x = 0 and a = x = ∞. */
export function incompleteGamma(a: f64, x: f64): void {
  prefix = 0.0;
  slope = 0.0;
  logPrefix = 0.0;
  fromAbove = false;
  if (!(a >= 0.0 && x >= 0.0) || (a == 0.0 && x == 0.0) || (a == Infinity && x == Infinity)) {
    lower = upper = slope = ratio = NaN;
  } else if (x == 0.0 || a == Infinity) {
    lower = ratio = 0.0;
    upper = 1.0;
  } else if (x == Infinity || (Math.max(a, x) > 1e150 && Math.abs(x - a) > 0.125 * a && x <= 1e18 * (a + 1.0))) {
    lower = ratio = x < a ? 0.0 : 1.0;
    upper = 1.0 - lower;
  } else if (a >= 256.0 && Math.abs(x - a) <= 0.125 * a) {
    temme(a, x);
  } else {
    prefix = prefixOf(a, x);
    if (x < Math.max(a + 0.5, 1.0)) series(a, x);
    else fraction(a, x);
    if (a == 0.0) {
      lower = 1.0; // and the slope is that of a > 0
      upper = 0.0;
    }
  }
}

/** x with P(a, x) = t, or Q(a, x) = t where `tail` is set: Newton's iteration on log P over log x, or log Q over x. */
export function inverseGamma(a: f64, t: f64, tail: bool): f64 {
  if (!(a > 0.0 && a < Infinity && t >= 0.0 && t <= 1.0)) return NaN;
  if (t == 0.0) return tail ? Infinity : 0.0;
  if (t == 1.0) return tail ? 0.0 : Infinity;
  if (t > 0.5) {
    t = 1.0 - t;
    tail = !tail;
  }
  // P <= x^a/Γ(a + 1) always; Q <= e^-x for a <= 1; otherwise start from Wilson and Hilferty's cube.
  const logT = log(t);
  let lo = exp(((tail ? log1p(-t) : logT) + lgamma1p(a)) / a), hi = Infinity, x = lo;
  if (lo == 0.0) return 0.0;
  if (a >= 1.0) {
    const z = tail ? -ndtri(t) : ndtri(t);
    const v = 1.0 - 1.0 / (9.0 * a) + z / (3.0 * Math.sqrt(a));
    if (v > 0.0) x = Math.max(lo, a * v * v * v);
  } else if (tail) hi = 1.000001 * Math.max(-logT, lo);
  lo *= 0.999999;
  let last = Infinity;
  for (let i = 0; i < 200; i++) {
    incompleteGamma(a, x);
    const f = tail ? upper : lower;
    const g = f > 0.5 * t && f < 2.0 * t ? log(f / t) : log(f) - logT;
    if (g == 0.0) break;
    if (g < 0.0 == tail) hi = x;
    else lo = x;
    let step = -g * (f / (prefix * a));
    let next = tail ? x - step * x : x * exp(step);
    if (!(next > lo && next < hi)) {
      if (Math.abs(step) < 1e-9) break; // the noise of P, not a way out of the bracket
      next = hi == Infinity ? 2.0 * x : hi > 4.0 * lo ? Math.sqrt(lo) * Math.sqrt(hi) : 0.5 * (lo + hi);
      step = 1.0;
    }
    x = next;
    step = Math.abs(step);
    if (step <= 2e-16 || (step < 1e-7 && step >= last)) break;
    last = step;
  }
  return x;
}
