// Averages of iterates, which have less noise than the last one: polynomial-decay averaging (Shamir & Zhang 2013), and the mean of a
// tail that is always between a half and all but a quarter of the run, without keeping the iterates. And Domke's (2020)
// proximal step for the entropy term of a scale, which keeps scales positive whatever the noise of the rest.

/** A running average of iterates, all of one length. */
export interface Average {
  /** The average so far; the invariant is that it is a convex combination of the iterates. */
  readonly value: Float64Array;
  /** Takes the next iterate, which is copied. */
  push(iterate: Float64Array): void;
}

/** Weights proportional to t^eta, roughly; eta = 0 is the plain mean. Default 3. */
export function polynomialAverage(dimension: number, eta = 3): Average {
  const value = new Float64Array(dimension);
  let t = 0;
  return {
    value,
    push(iterate) {
      t++;
      const w = (eta + 1) / (t + eta);
      for (let i = 0; i < dimension; i++) value[i] = (1 - w) * value[i]! + w * iterate[i]!;
    },
  };
}

/** Mean of a tail: sums restart at powers of two, and the older of two is used, so it covers from 1/2 to 3/4 of all iterates. */
export function tailAverage(dimension: number): Average {
  const value = new Float64Array(dimension);
  let older = new Float64Array(dimension);
  let newer = new Float64Array(dimension);
  let olderCount = 0;
  let newerCount = 0;
  let t = 0;
  let next = 1;
  return {
    value,
    push(iterate) {
      if (t === next) {
        [older, newer] = [newer, older];
        olderCount = newerCount;
        newer.fill(0);
        newerCount = 0;
        next *= 2;
      }
      t++;
      olderCount++;
      newerCount++;
      for (let i = 0; i < dimension; i++) {
        older[i] = older[i]! + (iterate[i]! - older[i]!) / olderCount;
        newer[i] = newer[i]! + (iterate[i]! - newer[i]!) / newerCount;
        value[i] = older[i]!;
      }
    },
  };
}

/** argmin over l > 0 of -log l + (l - scale)^2 / (2 rate): the exact step on the entropy of a scale. Positive for any finite input. */
export function proximalScale(scale: number, rate: number): number {
  const root = Math.sqrt(scale * scale + 4 * rate);
  // For negative scales the sum cancels; its conjugate does not.
  return scale >= 0 ? 0.5 * (scale + root) : (2 * rate) / (root - scale);
}
