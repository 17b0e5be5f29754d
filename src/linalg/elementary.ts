// exp, log, log1p and expm1 for code that runs outside the WASM core. ECMAScript leaves the host's Math.exp and Math.log
// "implementation-approximated", so they may differ between browsers; these use only + - * / and sqrt, which are exactly
// specified, and give the same bits everywhere. Reductions and coefficients are those of fdlibm (Sun 1993); errors stay
// below 1 ulp for exp and log, below 3 ulp for log1p and expm1.

const bits = new Float64Array(1);
const words = new Int32Array(bits.buffer); // little-endian, as WebAssembly memory is

const ln2High = 0.6931471803691238;
const ln2Low = 1.9082149292705877e-10;

/** 2^k for an integer k of the normal range -1022..1023. */
function powerOfTwo(k: number): number {
  words[0] = 0;
  words[1] = (k + 1023) << 20;
  return bits[0]!;
}

/** e^x. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Infinity;
  if (x < -745.1332191019412) return 0;
  const k = Math.floor(Math.LOG2E * x + 0.5);
  const high = x - k * ln2High;
  const low = k * ln2Low;
  const r = high - low;
  const t = r * r;
  const c =
    r -
    t *
      (0.16666666666666602 +
        t *
          (-0.0027777777777015593 +
            t * (6.613756321437934e-5 + t * (-1.6533902205465252e-6 + t * 4.1381367970572385e-8))));
  const y = 1 - (low - (r * c) / (2 - c) - high);
  if (k >= -1021) return k <= 1023 ? y * powerOfTwo(k) : y * 2 * powerOfTwo(k - 1);
  return y * powerOfTwo(k + 54) * 5.551115123125783e-17; // subnormal: through 2^-54
}

/** Natural logarithm; NaN below zero, -Infinity at zero. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : Number.NaN;
  if (x === Infinity) return Infinity;
  let k = 0;
  let value = x;
  if (value < 2.2250738585072014e-308) {
    value *= 18014398509481984; // 2^54
    k = -54;
  }
  bits[0] = value;
  // Bring the mantissa to [sqrt(1/2), sqrt(2)).
  const high = words[1]!;
  const shift = ((high & 0xfffff) + 0x95f64) & 0x100000;
  k += (high >> 20) - 1023 + (shift >> 20);
  words[1] = (high & 0xfffff) | (shift ^ 0x3ff00000);
  const f = bits[0]! - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const odd = z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  const half = 0.5 * f * f;
  return k * ln2High - (half - (s * (half + even + odd) + k * ln2Low) - f);
}

/** log(1 + x) without cancellation for small x. */
export function log1p(x: number): number {
  if (!(x > -1)) return x === -1 ? -Infinity : Number.NaN;
  if (x === Infinity) return Infinity;
  const u = 1 + x;
  if (u === 1) return x;
  const lost = u > 2 ? 1 - (u - x) : x - (u - 1);
  return log(u) + lost / u;
}

/** e^x - 1 without cancellation for small x (Kahan's correction through the logarithm). */
export function expm1(x: number): number {
  if (x > -0.5 && x < 0.5) {
    const u = exp(x);
    if (u === 1) return x;
    return ((u - 1) * x) / log(u);
  }
  return exp(x) - 1;
}

/** log of the mean of exp(values[from..to)), safe from overflow; -Infinity if all are. */
export function logMeanExp(values: Float64Array, from = 0, to = values.length): number {
  return logSumExp(values, from, to) - log(to - from);
}

/** log of the sum of exp(values[from..to)). */
export function logSumExp(values: Float64Array, from = 0, to = values.length): number {
  let max = -Infinity;
  for (let i = from; i < to; i++) if (values[i]! > max) max = values[i]!;
  if (max === -Infinity || max === Infinity) return max;
  let sum = 0;
  for (let i = from; i < to; i++) sum += exp(values[i]! - max);
  return max + log(sum);
}

export const logTwoPi = 1.8378770664093456;

/** Quantile of the standard normal distribution (Wichura 1988, algorithm AS 241, PPND16: relative error about 1e-16). */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : Number.NaN;
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(centre, 0.180625 - q * q);
  let r = Math.sqrt(-log(q < 0 ? p : 1 - p));
  r = r <= 5 ? ratio(middle, r - 1.6) : ratio(tail, r - 5);
  return q < 0 ? -r : r;
}

// Numerator, then denominator without its leading 1, from the constant term up.
const centre = Float64Array.of(
  3.387132872796366,
  133.14166789178438,
  1971.5909503065513,
  13731.69376550946,
  45921.95393154987,
  67265.7709270087,
  33430.57558358813,
  2509.0809287301227,
  42.31333070160091,
  687.1870074920579,
  5394.196021424751,
  21213.794301586597,
  39307.89580009271,
  28729.085735721943,
  5226.495278852854,
);
const middle = Float64Array.of(
  1.4234371107496835,
  4.630337846156546,
  5.769497221460691,
  3.6478483247632045,
  1.2704582524523684,
  0.2417807251774506,
  0.022723844989269184,
  7.745450142783414e-4,
  2.053191626637759,
  1.6763848301838038,
  0.6897673349851,
  0.14810397642748008,
  0.015198666563616457,
  5.475938084995345e-4,
  1.0507500716444169e-9,
);
const tail = Float64Array.of(
  6.657904643501103,
  5.463784911164114,
  1.7848265399172913,
  0.29656057182850487,
  0.026532189526576124,
  0.0012426609473880784,
  2.7115555687434876e-5,
  2.0103343992922881e-7,
  0.599832206555888,
  0.1369298809227358,
  0.014875361290850615,
  7.868691311456133e-4,
  1.8463183175100548e-5,
  1.421511758316446e-7,
  2.0442631033899397e-15,
);

function ratio(c: Float64Array, r: number): number {
  let numerator = c[7]!;
  for (let i = 6; i >= 0; i--) numerator = numerator * r + c[i]!;
  let denominator = c[14]!;
  for (let i = 13; i >= 8; i--) denominator = denominator * r + c[i]!;
  return numerator / (denominator * r + 1);
}
