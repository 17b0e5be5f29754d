// The line search of Moré & Thuente (1994, ACM TOMS 20:286-307): it ends at a step of sufficient decrease
// f(t) <= f(0) + c1 t f'(0) and small slope |f'(t)| <= c2 |f'(0)|. It never calls the function: `start` and `advance` say which
// step to try next, and the caller answers with value and slope. Where the function is not finite the interval is cut to
// the finite side. When f differs from f(0) by rounding only, the slope alone decides.

export type SearchState = "evaluate" | "found" | "failed";

const epsilon = 2.220446049250313e-16;
const maxTrials = 40;

export class LineSearch {
  /** The step to try, or, once found, the step. */
  step = 0;
  /** Trials at which the function was not finite. */
  refused = 0;

  private value0 = 0;
  private slope0 = 0;
  private bracketed = false;
  private modified = true;
  private width = 0;
  private widthBefore = 0;
  // The best step so far (x), the other end of the interval (y), and the interval for the next trial.
  private stepX = 0;
  private valueX = 0;
  private slopeX = 0;
  private stepY = 0;
  private valueY = 0;
  private slopeY = 0;
  private low = 0;
  private high = 0;
  private ceiling = 0;
  private trials = 0;

  constructor(
    readonly decrease = 1e-4,
    readonly curvature = 0.9,
    readonly longest = 1e20,
  ) {}

  /** Begins along a direction with value and (negative) slope at 0. */
  start(value: number, slope: number, first: number): SearchState {
    this.value0 = this.valueX = this.valueY = value;
    this.slope0 = this.slopeX = this.slopeY = slope;
    this.stepX = this.stepY = 0;
    this.step = Math.min(first, this.longest);
    this.bracketed = false;
    this.modified = true;
    this.ceiling = this.longest;
    this.width = this.longest;
    this.widthBefore = 2 * this.longest;
    this.low = 0;
    this.high = 5 * this.step;
    this.trials = 0;
    this.refused = 0;
    return slope < 0 && first > 0 ? "evaluate" : "failed";
  }

  /** Takes value and slope at `step`; "evaluate": try the new `step`. After "failed", `step` is the best step known, maybe 0. */
  advance(value: number, slope: number): SearchState {
    this.trials++;
    if (!Number.isFinite(value) || !Number.isFinite(slope)) return this.refuse();
    const { step } = this;
    const test = this.decrease * this.slope0;
    const target = this.value0 + step * test;
    const noise = 8 * epsilon * Math.abs(this.value0);
    if ((value <= target || Math.abs(value - this.value0) <= noise) && Math.abs(slope) <= -this.curvature * this.slope0)
      return "found";
    if (this.modified && value <= target && slope >= 0) this.modified = false;
    const stuck =
      (this.bracketed && (step <= this.low || step >= this.high || this.high - this.low <= epsilon * this.high)) ||
      (step >= this.ceiling && value <= target && slope <= test) ||
      this.trials >= maxTrials;
    if (stuck) {
      // A step of sufficient decrease is still worth taking.
      if (value <= target && value < this.valueX) return "found";
      this.step = this.stepX;
      return "failed";
    }
    if (this.modified && value <= this.valueX && value > target) {
      // Until a step of decrease and rising slope is seen, minimise f(t) - f(0) - c1 t f'(0).
      this.valueX -= this.stepX * test;
      this.valueY -= this.stepY * test;
      this.slopeX -= test;
      this.slopeY -= test;
      this.interpolate(value - step * test, slope - test);
      this.valueX += this.stepX * test;
      this.valueY += this.stepY * test;
      this.slopeX += test;
      this.slopeY += test;
    } else this.interpolate(value, slope);
    if (this.bracketed) {
      const width = Math.abs(this.stepY - this.stepX);
      if (width >= 0.66 * this.widthBefore) this.step = this.stepX + 0.5 * (this.stepY - this.stepX);
      this.widthBefore = this.width;
      this.width = width;
      this.low = Math.min(this.stepX, this.stepY);
      this.high = Math.max(this.stepX, this.stepY);
    } else {
      this.low = this.step + 1.1 * (this.step - this.stepX);
      this.high = this.step + 4 * (this.step - this.stepX);
    }
    this.step = Math.min(Math.max(this.step, 0), this.ceiling);
    if (
      this.bracketed &&
      (this.step <= this.low || this.step >= this.high || this.high - this.low <= epsilon * this.high)
    ) {
      if (this.stepX === 0) {
        this.step = 0;
        return "failed";
      }
      this.step = this.stepX;
    }
    return "evaluate";
  }

  private refuse(): SearchState {
    this.refused++;
    this.ceiling = this.step;
    const next = this.stepX + 0.5 * (this.step - this.stepX) * (this.refused > 3 && this.stepX === 0 ? 0.1 : 1);
    if (this.trials >= maxTrials || next === this.step || next === this.stepX) {
      this.step = this.stepX;
      return "failed";
    }
    if (this.bracketed && this.stepY > this.ceiling) this.bracketed = false;
    this.high = Math.min(this.high, this.ceiling);
    this.step = next;
    return "evaluate";
  }

  /** Section 4 of the paper: the next trial from cubic and quadratic models, and the update of the interval. */
  private interpolate(f: number, d: number): void {
    const { step, stepX, valueX: fx, slopeX: dx } = this;
    const opposite = (d < 0 && dx > 0) || (d > 0 && dx < 0);
    let next: number;
    if (f > fx) {
      const c = cubic(stepX, fx, dx, step, f, d);
      const q = stepX + (dx / ((fx - f) / (step - stepX) + dx) / 2) * (step - stepX);
      next = Math.abs(c - stepX) < Math.abs(q - stepX) ? c : c + (q - c) / 2;
      this.bracketed = true;
    } else if (opposite) {
      const c = cubic(step, f, d, stepX, fx, dx);
      const s = step + (d / (d - dx)) * (stepX - step);
      next = Math.abs(c - step) > Math.abs(s - step) ? c : s;
      this.bracketed = true;
    } else if (Math.abs(d) < Math.abs(dx)) {
      const far = step > stepX ? this.high : this.low;
      const s = step + (d / (d - dx)) * (stepX - step);
      // The cubic counts only if it tends to infinity, or its minimum lies, in the direction of the step.
      const theta = (3 * (fx - f)) / (step - stepX) + dx + d;
      const size = Math.max(Math.abs(theta), Math.abs(dx), Math.abs(d));
      const radicand = (theta / size) * (theta / size) - (dx / size) * (d / size);
      const gamma = (step > stepX ? -size : size) * Math.sqrt(Math.max(0, radicand));
      const r = (gamma - d + theta) / (gamma + (dx - d) + gamma);
      const c = r < 0 && gamma !== 0 ? step + r * (stepX - step) : far;
      if (this.bracketed) {
        next = Math.abs(c - step) < Math.abs(s - step) ? c : s;
        const guard = step + 0.66 * (this.stepY - step);
        next = step > stepX ? Math.min(guard, next) : Math.max(guard, next);
      } else {
        next = Math.abs(c - step) > Math.abs(s - step) ? c : s;
        next = Math.min(Math.max(next, this.low), this.high);
      }
    } else if (this.bracketed) next = cubic(step, f, d, this.stepY, this.valueY, this.slopeY);
    else next = step > stepX ? this.high : this.low;
    if (f > fx) {
      this.stepY = step;
      this.valueY = f;
      this.slopeY = d;
    } else {
      if (opposite) {
        this.stepY = stepX;
        this.valueY = fx;
        this.slopeY = dx;
      }
      this.stepX = step;
      this.valueX = f;
      this.slopeX = d;
    }
    this.step = next;
  }
}

/** The minimiser of the cubic with values fa, fb and slopes da, db at a and b, computed from a. */
function cubic(a: number, fa: number, da: number, b: number, fb: number, db: number): number {
  const theta = (3 * (fa - fb)) / (b - a) + da + db;
  const size = Math.max(Math.abs(theta), Math.abs(da), Math.abs(db));
  const radicand = (theta / size) * (theta / size) - (da / size) * (db / size);
  const gamma = (b < a ? -size : size) * Math.sqrt(Math.max(0, radicand));
  const r = (gamma - da + theta) / (gamma - da + gamma + db);
  return a + r * (b - a);
}
