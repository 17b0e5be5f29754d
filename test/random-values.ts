// Seeded random values for tests: the same models and operands on every run and every build.

/** mulberry32 (T. Ettinger): 32 bits of state, enough for test cases. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  uniform(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** In low…high, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)]!;
  }

  /** About normal: twelve uniforms. */
  normal(): number {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += this.next();
    return sum;
  }

  /** Finite, of either sign, over ten orders of magnitude, with zeros among them: sums of these show their order. */
  spread(): number {
    const kind = this.integer(0, 19);
    if (kind === 0) return 0;
    if (kind === 1) return -0;
    return this.uniform(-1, 1) * 10 ** this.integer(-5, 5);
  }

  /** Any kind of double: ordinary, subnormal, huge, zero, infinite, NaN. */
  anyDouble(): number {
    const kind = this.integer(0, 15);
    if (kind === 0) return Number.NaN;
    if (kind === 1) return this.pick([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    if (kind === 2) return this.pick([0, -0]);
    if (kind === 3) return this.uniform(-1, 1) * 1e-310;
    if (kind === 4) return this.uniform(-1, 1) * 1e308;
    return this.spread();
  }
}
