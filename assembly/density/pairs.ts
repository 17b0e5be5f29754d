// How multivariate kernels walk their arrays [row][event][draw]: two values at a time, which are two draws of a row or, with one
// draw, two rows, so that both lanes always work. A lone last value fills both lanes and is stored twice. A lane never sees the
// other and each sum over an event has one order, so S draws at once give the bits of S runs of one.

/** Bytes between consecutive elements of an event. */
export let stride: usize = 0;
let row: usize = 0;
let draw: isize = 0;
let rows: usize = 0;
let draws: usize = 0;
/** 1 when the second lane is another value than the first. */
let both: usize = 0;

/** Before the first pair: `while (next())`. */
export function start(rowCount: i32, drawCount: usize): void {
  rows = <usize>rowCount;
  draws = drawCount;
  stride = drawCount << 3;
  row = 0;
  draw = -2;
}

/** Goes on to the next pair; false when there is none. */
export function next(): bool {
  draw += 2;
  if (draw >= <isize>draws) {
    row += draws == 1 ? 2 : 1;
    draw = 0;
  }
  both = <usize>(draws == 1 ? row + 1 < rows : draw + 1 < <isize>draws);
  return row < rows;
}

/** Bytes to the pair's first value in an array of events of size `size`. */
export function offset(size: usize): usize { return (row * size * draws + <usize>draw) << 3; }
/** Bytes from the first lane's value to the second's in such an array. */
export function apart(size: usize): usize { return both * (draws == 1 ? size << 3 : 8); }

/** The two values at p and p + gap. */
// @ts-ignore: decorator
@inline export function take(p: usize, gap: usize): v128 { return v128.load64_lane(p + gap, v128.load64_zero(p), 1); }
/** The same as a call, outside inner loops. */
export function pick(p: usize, gap: usize): v128 {
  if (!p) return pick(p, gap); // never so: keeps it a call
  return take(p, gap);
}
export function set(p: usize, gap: usize, v: v128): void {
  if (!p) return set(p, gap, v);
  v128.store64_lane(p, v, 0);
  v128.store64_lane(p + gap, v, 1);
}

/** Vectors that a kernel keeps while it works on one pair. src/compile/densities/multivariate.ts bounds event sizes by it. */
const SCRATCH_VECTORS: i32 = 4096;
export const scratch: usize = memory.data(SCRATCH_VECTORS << 4, 16);

// @ts-ignore: decorator
@inline export function keep(i: usize, v: v128): void { v128.store(scratch + (i << 4), v); }
// @ts-ignore: decorator
@inline export function kept(i: usize): v128 { return v128.load(scratch + (i << 4)); }
