// Moments and entropies of the Cholesky factors of random matrices. The factor of a Wishart matrix is L·A, A lower triangular with
// independent elements: standard normals below the diagonal, a chi variate of df − i degrees of freedom at (i, i) (Bartlett 1933). Row i
// of an LKJ factor is a point of a ball with its last element made up to length 1, whose square is a beta variate (Lewandowski,
// Kurowicka & Joe 2009). Densities are over the elements on and below the diagonal (below it, for correlations).

import { digamma, exp, LOG_2, LOG_2PI, LOG_PI, lbeta, lgamma, log } from "./scalar.js";

/** E χ of m degrees of freedom: √2 Γ((m + 1)/2)/Γ(m/2). */
const chiMean = (m: number): number => Math.sqrt(2 * Math.PI) / exp(lbeta(0.5 * m, 0.5));

/** m − (E χ)²; for many degrees of freedom by its series in 1/m. */
function chiVariance(m: number): number {
  if (m < 50) return m - chiMean(m) ** 2;
  const u = 1 / m;
  let series = 0.157623291015625;
  for (const c of [-0.28955078125, -0.0517578125, 0.08984375, 0.0390625, -0.0625, -0.125, 0.5]) series = c + u * series;
  return series;
}
const chiEntropy = (m: number): number => lgamma(0.5 * m) + 0.5 * (m - LOG_2 - (m - 1) * digamma(0.5 * m));

const size = (matrix: Float64Array): number => Math.sqrt(matrix.length);

export function wishartFactorMean(df: number, tril: Float64Array): Float64Array {
  const k = size(tril);
  const chi = Float64Array.from({ length: k }, (_, j) => chiMean(df - j));
  return tril.map((l, at) => (at % k <= Math.floor(at / k) ? l * chi[at % k]! : 0));
}

/** (L A)ᵢⱼ = Lᵢⱼ χⱼ + Σ Lᵢₘ Aₘⱼ over j < m ≤ i. */
export function wishartFactorVariance(df: number, tril: Float64Array): Float64Array {
  const k = size(tril);
  const chi = Float64Array.from({ length: k }, (_, j) => chiVariance(df - j));
  return tril.map((l, at) => {
    const [i, j] = [Math.floor(at / k), at % k];
    if (j > i) return 0;
    let x = l * l * chi[j]!;
    for (let m = j + 1; m <= i; m++) x += tril[i * k + m]! ** 2;
    return x;
  });
}

/** The entropy of A, and the determinant of A ↦ L·A: row i of L meets i + 1 elements. */
export function wishartFactorEntropy(df: number, tril: Float64Array): number {
  const k = size(tril);
  let h = 0.25 * k * (k - 1) * (1 + LOG_2PI);
  for (let i = 0; i < k; i++) h += chiEntropy(df - i) + (i + 1) * log(tril[i * k + i]!);
  return h;
}

/** L·Lᵀ. */
function gram(tril: Float64Array): Float64Array {
  const k = size(tril);
  return tril.map((_, at) => {
    const [i, j] = [Math.floor(at / k), at % k];
    let x = 0;
    for (let m = 0; m <= Math.min(i, j); m++) x += tril[i * k + m]! * tril[j * k + m]!;
    return x;
  });
}

export const wishartMean = (df: number, tril: Float64Array): Float64Array => gram(tril).map((x) => df * x);

/** df (S_ij² + S_ii S_jj) */
export function wishartVariance(df: number, tril: Float64Array): Float64Array {
  const k = size(tril);
  const scale = gram(tril);
  return scale.map((x, at) => df * (x * x + scale[Math.floor(at / k) * (k + 1)]! * scale[(at % k) * (k + 1)]!));
}

/** That of the factor C and the determinant 2ᴷ Π C_ii^{K − i} of C ↦ C·Cᵀ; C_ii is L_ii times a chi variate. */
export function wishartEntropy(df: number, tril: Float64Array): number {
  const k = size(tril);
  let h = wishartFactorEntropy(df, tril) + k * LOG_2;
  for (let i = 0; i < k; i++) h += (k - i) * (log(tril[i * k + i]!) + 0.5 * (LOG_2 + digamma(0.5 * (df - i))));
  return h;
}

/** Shapes of the beta variate that is the square of element (i, i). */
const lkjShapes = (eta: number, k: number, i: number): [number, number] => [eta + 0.5 * (k - 1 - i), 0.5 * i];

export function lkjFactorMean(eta: number, k: number): Float64Array {
  const mean = new Float64Array(k * k);
  mean[0] = 1;
  for (let i = 1; i < k; i++) {
    const [a, b] = lkjShapes(eta, k, i);
    mean[i * k + i] = exp(lbeta(a + 0.5, b) - lbeta(a, b));
  }
  return mean;
}

export function lkjFactorVariance(eta: number, k: number): Float64Array {
  const variance = new Float64Array(k * k);
  for (let i = 1; i < k; i++) {
    const [a, b] = lkjShapes(eta, k, i);
    const mean = exp(lbeta(a + 0.5, b) - lbeta(a, b));
    variance.fill(1 / (2 * eta + k - 1), i * k, i * k + i);
    variance[i * k + i] = a / (a + b) - mean * mean;
  }
  return variance;
}

/** log of the integral that normalises an LKJ density over K × K factors, and its derivative in η. */
export function lkjNormaliser(eta: number, k: number): { log: number; slope: number } {
  let total = 0;
  let slope = 0;
  for (let i = 1; i < k; i++) {
    const [a, b] = lkjShapes(eta, k, i);
    total += b * LOG_PI - lgamma(b) + lbeta(a, b);
    slope += digamma(a) - digamma(a + b);
  }
  return { log: total, slope };
}

export function lkjFactorEntropy(eta: number, k: number): number {
  let h = lkjNormaliser(eta, k).log;
  for (let i = 1; i < k; i++) {
    const [a, b] = lkjShapes(eta, k, i);
    // The density is proportional to the product of L_ii^{2(a − 1)}.
    h -= (a - 1) * (digamma(a) - digamma(a + b));
  }
  return h;
}

/** log det(diag(d) + W·Wᵀ) = Σ log d + log det(1 + Wᵀ diag(d)⁻¹ W), by the Cholesky factor of the latter. */
export function lowRankLogDet(w: Float64Array, d: Float64Array): number {
  const factor = capacitance(w, d);
  const r = size(factor);
  let sum = 0;
  for (const x of d) sum += log(x);
  for (let i = 0; i < r; i++) sum += 2 * log(factor[i * r + i]!);
  return sum;
}

/** The Cholesky factor of 1 + Wᵀ diag(d)⁻¹ W. */
export function capacitance(w: Float64Array, d: Float64Array): Float64Array {
  const r = w.length / d.length;
  const m = Float64Array.from({ length: r * r }, (_, at) => {
    const [i, j] = [Math.floor(at / r), at % r];
    let x = i === j ? 1 : 0;
    for (let k = 0; k < d.length; k++) x += (w[k * r + i]! * w[k * r + j]!) / d[k]!;
    return x;
  });
  factorise(m, r);
  return m;
}

/** The Cholesky factor of each symmetric positive matrix [k × k], in place. */
export function factorise(matrices: Float64Array, k: number): void {
  for (let at = 0; at < matrices.length; at += k * k)
    for (let i = 0; i < k; i++)
      for (let j = 0; j < k; j++) {
        let x = matrices[at + i * k + j]!;
        for (let r = 0; r < Math.min(i, j); r++) x -= matrices[at + i * k + r]! * matrices[at + j * k + r]!;
        matrices[at + i * k + j] = j > i ? 0 : i === j ? Math.sqrt(x) : x / matrices[at + j * k + j]!;
      }
}
