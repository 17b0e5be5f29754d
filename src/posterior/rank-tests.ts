// Tests of ranks: where the posterior is right, the rank of the true value among L independent draws is uniform on 0…L. Uniformity at
// large (χ², Talts et al. 2018), symmetry about the middle, which says whether locations are right (Yao et al. 2018, section 4.2; here by
// an exact test), and the spread about the middle, which says whether scales are.

import { gammaQ } from "../compile/special.js";
import { normalQuantile } from "../linalg/elementary.js";
import { ndtr, sin } from "../model/distributions/scalar.js";
import { apply, scalarInput } from "../model/eager.js";

/** Tests of whether ranks, or places between 0 and 1, are uniform. */
export interface RankTests {
  /** p-value of a χ² test of uniformity. */
  readonly uniformity: number;
  /** p-value of an exact test of symmetry: small when locations are off to one side. */
  readonly symmetry: number;
  /** p-value for the spread of the ranks: small when scales are too small or too large. */
  readonly spread: number;
  /** How far the posterior lies below the truth on average, in its standard deviations, were all Gaussian. */
  readonly shift: number;
  /** Posterior standard deviations over what they should be, were all Gaussian: below 1 when too narrow. */
  readonly scale: number;
}

const mean = (x: Float64Array): number => x.reduce((a, b) => a + b, 0) / x.length;

/** All tests of the ranks of one quantity among `draws` draws. */
export function rankTests(ranks: Float64Array, draws: number): RankTests {
  const n = ranks.length;
  const levels = draws + 1;
  const u = ranks.map((r) => (r + 0.5) / levels);
  const center = mean(u);
  const square = mean(u.map((v) => (v - 0.5) * (v - 0.5)));
  // Moments of the uniform distribution on the levels: variance (1 − 1/levels²)/12, fourth moment (3 − 10/levels² + …)/240.
  const step = 1 / (levels * levels);
  const variance = (1 - step) / 12;
  const fourth = (3 - 10 * step + 7 * step * step) / 240;
  const z = (square - variance) / Math.sqrt((fourth - variance * variance) / n);
  // Of Φ(s X) the variance about 1/2 is asin(s²/(1 + s²)) / 2π.
  const angle = sin(2 * Math.PI * Math.min(square, 0.2499));
  return {
    uniformity: uniformity(ranks, levels),
    symmetry: symmetry(ranks, levels),
    spread: 2 * ndtr(-Math.abs(z)),
    shift: Math.SQRT2 * normalQuantile(Math.min(Math.max(center, 1e-9), 1 - 1e-9)),
    scale: Math.sqrt((1 - angle) / Math.max(angle, 1e-9)),
  };
}

/** χ² test of ranks in 0…levels − 1, in up to 20 cells of at least ten expected ranks. */
function uniformity(ranks: Float64Array, levels: number): number {
  const n = ranks.length;
  const cells = Math.max(2, Math.min(20, Math.floor(n / 10), levels));
  const counts = new Float64Array(cells);
  const sizes = new Float64Array(cells);
  const cell = (r: number): number => Math.min(cells - 1, Math.floor((Math.floor(r) * cells) / levels));
  for (let r = 0; r < levels; r++) sizes[cell(r)]!++;
  for (const r of ranks) counts[cell(r)]!++;
  let x = 0;
  for (let k = 0; k < cells; k++) {
    const expected = (n * sizes[k]!) / levels;
    x += ((counts[k]! - expected) * (counts[k]! - expected)) / expected;
  }
  return apply("rank test", ([a, b]) => gammaQ(a!, b!), [scalarInput((cells - 1) / 2), scalarInput(x / 2)], 1)[0]!;
}

/**
 * Butler's test (1969): taken from the ends inwards, the sides on which the ranks lie are coin tosses when the distribution is
 * symmetric. The statistic is how far the tosses ever lead to one side; its distribution is that of a walk between two walls.
 */
function symmetry(ranks: Float64Array, levels: number): number {
  const offsets = Array.from(ranks, (r) => r - 0.5 * (levels - 1)).filter((x) => x !== 0);
  offsets.sort((a, b) => Math.abs(b) - Math.abs(a));
  let lead = 0;
  let largest = 0;
  offsets.forEach((x, i) => {
    lead += Math.sign(x);
    // Ranks equally far from the middle have no order.
    if (Math.abs(x) !== Math.abs(offsets[i + 1] ?? 0)) largest = Math.max(largest, Math.abs(lead));
  });
  return largest === 0 ? 1 : reachesWall(offsets.length, largest);
}

/** Probability that a walk of `steps` fair steps of ±1 ever is `wall` away from its start. */
function reachesWall(steps: number, wall: number): number {
  let inside = new Float64Array(2 * wall + 1); // position − wall, walls included
  inside[wall] = 1;
  let out = 0;
  for (let t = 0; t < steps; t++) {
    const next = new Float64Array(2 * wall + 1);
    for (let k = 1; k < 2 * wall; k++) {
      next[k - 1]! += 0.5 * inside[k]!;
      next[k + 1]! += 0.5 * inside[k]!;
    }
    out += next[0]! + next[2 * wall]!;
    next[0] = next[2 * wall] = 0;
    inside = next;
  }
  return Math.min(1, out);
}
