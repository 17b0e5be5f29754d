// Kernels that change shape: broadcasts, reductions over rows and events, gathers, matrix products with data, running sums.
// Every reduction has one order whatever the block and the number of draws (see docs/architecture.md): that order is the
// invariant here, and each special case for one draw must keep it.

import { add, ld, madd, mul, st, lds, splat, hsum } from "./lanes";
import { exp, log } from "./math";
import { Op } from "./opcodes";

// @ts-ignore: decorator
@inline function arg(a: usize, k: usize): usize { return load<u32>(a + (k << 2)); }
// @ts-ignore: decorator
@inline function int(a: usize, k: usize): i32 { return load<i32>(a + (k << 2)); }
/** A vector whose second lane is 0: the last element of an odd row. */
// @ts-ignore: decorator
@inline function ld1(p: usize): v128 { return v128.load64_zero(p); }
// @ts-ignore: decorator
@inline function st1(p: usize, v: v128): void { v128.store64_lane(p, v, 0); }

/** out[0…n) = in[0…n), nothing beyond. */
function copy(input: usize, out: usize, n: i32): void {
  let i: usize = 0;
  const end = (<usize>n >> 1) << 4;
  for (; i < end; i += 16) st(out + i, ld(input + i));
  if (n & 1) store<f64>(out + i, load<f64>(input + i));
}

/** out[0…n) = v, nothing beyond. */
export function fill(out: usize, n: i32, v: v128): void {
  let i: usize = 0;
  const end = (<usize>n >> 1) << 4;
  for (; i < end; i += 16) st(out + i, v);
  if (n & 1) st1(out + i, v);
}

/** out[0…n) += in[0…n), nothing beyond. */
function accumulate(input: usize, out: usize, n: i32): void {
  let i: usize = 0;
  const end = (<usize>n >> 1) << 4;
  for (; i < end; i += 16) st(out + i, add(ld(out + i), ld(input + i)));
  if (n & 1) store<f64>(out + i, load<f64>(out + i) + load<f64>(input + i));
}

export function broadcast(blockRows: i32, a: usize): void {
  const input = arg(a, 0);
  const rows = int(a, 1) ? int(a, 1) : blockRows;
  const rowStep = <usize>int(a, 2) << 3;
  const events = int(a, 3);
  const eventStep = <usize>int(a, 4) << 3;
  const lanes = int(a, 5);
  const varies = int(a, 6);
  let out = arg(a, 7);
  if (events == 1 && lanes == 1) {
    if (!rowStep) return fill(out, rows, lds(input));
    if (rowStep == 8) return copy(input, out, rows);
  }
  const bytes = <usize>lanes << 3;
  if (varies && !rowStep && (events == 1 || !eventStep)) {
    // One row of lanes, many times: lanes outside, rows inside.
    const end = out + <usize>(rows * events) * bytes;
    let i: usize = 0;
    for (; i + 16 <= bytes; i += 16) {
      const v = ld(input + i);
      for (let to = out + i; to < end; to += bytes) st(to, v);
    }
    if (i < bytes) {
      const v = ld1(input + i);
      for (let to = out + i; to < end; to += bytes) st1(to, v);
    }
    return;
  }
  for (let r = 0; r < rows; r++) {
    let from = input + <usize>r * rowStep;
    for (let k = 0; k < events; k++) {
      if (varies) copy(from, out, lanes);
      else fill(out, lanes, lds(from));
      from += eventStep;
      out += bytes;
    }
  }
}

/** The vector at `p` or, with `products`, times that `other` bytes further on, added to s. */
// @ts-ignore: decorator
@inline function plus(s: v128, p: usize, other: usize, products: bool): v128 {
  return products ? madd(ld(p), ld(p + other), s) : add(s, ld(p));
}
// @ts-ignore: decorator
@inline function plus1(s: v128, p: usize, other: usize, products: bool): v128 {
  return products ? madd(ld1(p), ld1(p + other), s) : add(s, ld1(p));
}

/** Rows, or with `products` their products with those of another array, to one of four partial sums by their number. */
// @ts-ignore: decorator
@inline function accumulateRows(rows: i32, a: usize, products: bool): void {
  const input = arg(a, 0);
  const other = products ? arg(a, 1) - input : 0;
  const m = int(a, products ? 2 : 1);
  const out = arg(a, products ? 3 : 2);
  if (m == 1) {
    // The four partial sums are the lanes of two vectors.
    let s = ld(out);
    let t = ld(out + 16);
    let p = input;
    const end = input + ((<usize>rows >> 2) << 5);
    for (; p < end; p += 32) {
      s = plus(s, p, other, products);
      t = plus(t, p + 16, other, products);
    }
    st(out, s);
    st(out + 16, t);
    for (let r = 0; r < (rows & 3); r++, p += 8) {
      const at = out + (<usize>r << 3);
      st1(at, plus1(ld1(at), p, other, products));
    }
    return;
  }
  const bytes = <usize>m << 3;
  const whole = rows & ~3;
  for (let i: usize = 0; i < bytes; i += 16) {
    const single = i + 8 == bytes;
    let p = input + i;
    let q = out + i;
    if (single) {
      for (let r = 0; r < rows; r++, p += bytes) {
        const at = q + <usize>(r & 3) * bytes;
        st1(at, plus1(ld1(at), p, other, products));
      }
      continue;
    }
    let s0 = ld(q);
    let s1 = ld(q + bytes);
    let s2 = ld(q + 2 * bytes);
    let s3 = ld(q + 3 * bytes);
    for (let r = 0; r < whole; r += 4) {
      s0 = plus(s0, p, other, products);
      s1 = plus(s1, p + bytes, other, products);
      s2 = plus(s2, p + 2 * bytes, other, products);
      s3 = plus(s3, p + 3 * bytes, other, products);
      p += 4 * bytes;
    }
    const rest = rows & 3;
    if (rest > 0) s0 = plus(s0, p, other, products);
    if (rest > 1) s1 = plus(s1, p + bytes, other, products);
    if (rest > 2) s2 = plus(s2, p + 2 * bytes, other, products);
    st(q, s0);
    st(q + bytes, s1);
    st(q + 2 * bytes, s2);
    st(q + 3 * bytes, s3);
  }
}

export function sumRows(rows: i32, a: usize): void { accumulateRows(rows, a, false); }
function sumProducts(rows: i32, a: usize): void { accumulateRows(rows, a, true); }

/** All rows at once: what accumulateRows into zeros, and fold, give. */
// @ts-ignore: decorator
@inline function totalRows(rows: i32, a: usize, products: bool): void {
  const input = arg(a, 0);
  const other = products ? arg(a, 1) - input : 0;
  const m = int(a, products ? 2 : 1);
  const out = arg(a, products ? 3 : 2);
  const bytes = <usize>m << 3;
  const whole = rows & ~3;
  const rest = rows & 3;
  for (let i: usize = 0; i < bytes; i += 16) {
    // The last lane of an odd number is summed with whatever follows it, and stored alone.
    let p = input + i;
    let s0 = splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (let r = 0; r < whole; r += 4) {
      s0 = plus(s0, p, other, products);
      s1 = plus(s1, p + bytes, other, products);
      s2 = plus(s2, p + 2 * bytes, other, products);
      s3 = plus(s3, p + 3 * bytes, other, products);
      p += 4 * bytes;
    }
    if (rest > 0) s0 = plus(s0, p, other, products);
    if (rest > 1) s1 = plus(s1, p + bytes, other, products);
    if (rest > 2) s2 = plus(s2, p + 2 * bytes, other, products);
    const v = add(add(s0, s2), add(s1, s3));
    if (i + 8 == bytes) st1(out + i, v);
    else st(out + i, v);
  }
}

export function total(rows: i32, a: usize): void { totalRows(rows, a, false); }
export function totalProducts(rows: i32, a: usize): void { totalRows(rows, a, true); }

/** One vector of lanes in all rows of a·b + c, from the arrays' `a` to the last `end`; b or c may be the same in all rows. */
// @ts-ignore: decorator
@inline function mulAddColumn(
  a: usize, end: usize, bytes: usize, b: usize, c: usize, out: usize, sameB: bool, sameC: bool, flip: v128,
): void {
  const v = ld(a + b), w = v128.xor(ld(a + c), flip);
  const two = bytes << 1;
  for (; a < end - bytes; a += two) {
    const next = a + bytes;
    st(a + out, madd(ld(a), sameB ? v : ld(a + b), sameC ? w : v128.xor(ld(a + c), flip)));
    st(next + out, madd(ld(next), sameB ? v : ld(next + b), sameC ? w : v128.xor(ld(next + c), flip)));
  }
  if (a < end) st(a + out, madd(ld(a), sameB ? v : ld(a + b), sameC ? w : v128.xor(ld(a + c), flip)));
}

/** a·b ± c, where b or c is one row for all: lanes outside, rows inside, so that it is read once. */
export function mulAddRows(rows: i32, args: usize): void {
  const a = arg(args, 0);
  const flags = int(args, 3);
  const bytes = <usize>int(args, 4) << 3;
  const b = arg(args, 1) - a, c = arg(args, 2) - a, out = arg(args, 5) - a;
  const flip = splat(flags & 4 ? -0.0 : 0.0);
  const size = <usize>rows * bytes;
  for (let p = a; p < a + bytes; p += 16) {
    if (!(flags & 1)) mulAddColumn(p, p + size, bytes, b, c, out, false, true, flip);
    else if (flags & 2) mulAddColumn(p, p + size, bytes, b, c, out, true, true, flip);
    else mulAddColumn(p, p + size, bytes, b, c, out, true, false, flip);
  }
}

export function fold(a: usize): void {
  const input = arg(a, 0);
  const m = int(a, 1);
  const out = arg(a, 2);
  const bytes = <usize>m << 3;
  for (let i: usize = 0; i < bytes; i += 8) {
    const p = input + i;
    store<f64>(
      out + i,
      load<f64>(p) + load<f64>(p + 2 * bytes) + (load<f64>(p + bytes) + load<f64>(p + 3 * bytes)),
    );
  }
}

/** Events of a row one after another: themselves (SumEvent), their products with another array's, or onto what that has for the row. */
// @ts-ignore: decorator
@inline function sumEvents(op: i32, rows: i32, a: usize): void {
  const products = op == Op.SumEventProducts, onto = op == Op.SumEventOnto;
  const k: usize = products || onto ? 2 : 1;
  let input = arg(a, 0);
  const other = products ? arg(a, 1) - input : 0;
  let first = onto ? arg(a, 1) : 0;
  const bytes = <usize>int(a, k + 1) << 3;
  const event = <usize>int(a, k) * bytes;
  let out = arg(a, k + 2);
  for (const end = input + <usize>rows * event; input < end; input += event, out += bytes) {
    for (let i: usize = 0; i < bytes; i += 16) {
      // The last lane of an odd number is read with what follows it, and stored alone.
      let p = input + i;
      const last = p + event;
      let s = products ? mul(ld(p), ld(p + other)) : ld(p);
      if (onto) s = add(ld(first + i), s);
      for (p += bytes; p < last; p += bytes) s = plus(s, p, other, products);
      if (i + 8 == bytes) st1(out + i, s);
      else st(out + i, s);
    }
    if (onto) first += bytes;
  }
}

export function sumEvent(rows: i32, a: usize): void { sumEvents(Op.SumEvent, rows, a); }
export function sumEventProducts(rows: i32, a: usize): void { sumEvents(Op.SumEventProducts, rows, a); }
export function sumEventOnto(rows: i32, a: usize): void { sumEvents(Op.SumEventOnto, rows, a); }

function gather(rows: i32, a: usize): void {
  const source = arg(a, 0);
  const index = arg(a, 1);
  const m = int(a, 2);
  let out = arg(a, 3);
  const bytes = <usize>m << 3;
  if (m == 1) {
    for (let r = 0; r < rows; r++) {
      const at = <usize>load<i32>(index + (<usize>r << 2));
      store<f64>(out, load<f64>(source + (at << 3)));
      out += 8;
    }
    return;
  }
  for (let r = 0; r < rows; r++) {
    copy(source + <usize>load<i32>(index + (<usize>r << 2)) * bytes, out, m);
    out += bytes;
  }
}

function scatterAdd(rows: i32, a: usize): void {
  let input = arg(a, 0);
  const index = arg(a, 1);
  const m = int(a, 2);
  const out = arg(a, 3);
  const bytes = <usize>m << 3;
  if (m == 1) {
    for (let r = 0; r < rows; r++) {
      const at = out + (<usize>load<i32>(index + (<usize>r << 2)) << 3);
      store<f64>(at, load<f64>(at) + load<f64>(input));
      input += 8;
    }
    return;
  }
  for (let r = 0; r < rows; r++) {
    accumulate(input, out + <usize>load<i32>(index + (<usize>r << 2)) * bytes, m);
    input += bytes;
  }
}

/** Bytes of one column within a tile of eight rows. */
const COLUMN: usize = 64;

function matVec(rows: i32, a: usize): void {
  let x = arg(a, 0);
  const beta = arg(a, 1);
  const columns = int(a, 2);
  const lanes = int(a, 3);
  let out = arg(a, 4);
  const tile = <usize>columns * COLUMN;
  if (lanes == 1) {
    const end = beta + (<usize>columns << 3);
    for (let r = 0; r < rows; r += 8) {
      let s0 = splat(0);
      let s1 = s0;
      let s2 = s0;
      let s3 = s0;
      let p = x;
      for (let q = beta; q < end; q += 8) {
        const b = lds(q);
        s0 = madd(ld(p), b, s0);
        s1 = madd(ld(p + 16), b, s1);
        s2 = madd(ld(p + 32), b, s2);
        s3 = madd(ld(p + 48), b, s3);
        p += COLUMN;
      }
      st(out, s0);
      st(out + 16, s1);
      st(out + 32, s2);
      st(out + 48, s3);
      x += tile;
      out += 64;
    }
    return;
  }
  const bytes = <usize>lanes << 3;
  const end = beta + <usize>columns * bytes;
  for (let r = 0; r < rows; r += 4) {
    // Rows r…r+3 are one half of a tile; two lanes at a time, four rows in flight.
    for (let i: usize = 0; i < bytes; i += 16) {
      let s0 = splat(0);
      let s1 = s0;
      let s2 = s0;
      let s3 = s0;
      let p = x;
      for (let q = beta + i; q < end; q += bytes) {
        const b = ld(q);
        s0 = madd(lds(p), b, s0);
        s1 = madd(lds(p + 8), b, s1);
        s2 = madd(lds(p + 16), b, s2);
        s3 = madd(lds(p + 24), b, s3);
        p += COLUMN;
      }
      const o = out + i;
      if (i + 8 == bytes) {
        st1(o, s0);
        st1(o + bytes, s1);
        st1(o + 2 * bytes, s2);
        st1(o + 3 * bytes, s3);
      } else {
        st(o, s0);
        st(o + bytes, s1);
        st(o + 2 * bytes, s2);
        st(o + 3 * bytes, s3);
      }
    }
    out += 4 * bytes;
    x = r & 4 ? x + tile - 32 : x + 32;
  }
}

/** Two lanes of the residuals of an incomplete tile, [row][2], the rows beyond it zero: 0·NaN is NaN, so what lies there must not
 * be read. With one lane, [row]. */
const padded = memory.data(8 * 16, 16);

function matVecTransposed(rows: i32, a: usize): void {
  let x = arg(a, 0);
  let input = arg(a, 1);
  const columns = int(a, 2);
  const lanes = int(a, 3);
  const out = arg(a, 4);
  const tile = <usize>columns * COLUMN;
  const bytes = <usize>lanes << 3;
  for (let r = 0; r < rows; r += 8) {
    const whole = rows - r >= 8;
    if (lanes == 1) {
      let from = input;
      if (!whole) {
        from = padded;
        fill(padded, 8, splat(0));
        copy(input, padded, rows - r);
      }
      const r0 = ld(from);
      const r1 = ld(from + 16);
      const r2 = ld(from + 32);
      const r3 = ld(from + 48);
      let p = x;
      const end = out + (<usize>columns << 4);
      for (let q = out; q < end; q += 16) {
        // [column][parity]: the two partial sums are the two lanes.
        st(q, add(ld(q), add(madd(ld(p + 16), r1, mul(ld(p), r0)), madd(ld(p + 48), r3, mul(ld(p + 32), r2)))));
        p += COLUMN;
      }
    } else {
      const parity = bytes * <usize>columns;
      for (let i: usize = 0; i < bytes; i += 16) {
        const single = i + 8 == bytes;
        let f = input + i;
        let step = bytes;
        if (!whole) {
          let from = f;
          f = padded;
          step = 16;
          for (let k = 0; k < 8; k++) {
            st(padded + (<usize>k << 4), r + k >= rows ? splat(0) : single ? ld1(from) : ld(from));
            from += bytes;
          }
        }
        const r0 = ld(f);
        const r1 = ld(f + step);
        const r2 = ld(f + 2 * step);
        const r3 = ld(f + 3 * step);
        const r4 = ld(f + 4 * step);
        const r5 = ld(f + 5 * step);
        const r6 = ld(f + 6 * step);
        const r7 = single ? ld1(f + 7 * step) : ld(f + 7 * step);
        let q = out + i;
        const end = q + parity;
        let p = x;
        for (; q < end; q += bytes) {
          const even = add(madd(lds(p + 16), r2, mul(lds(p), r0)), madd(lds(p + 48), r6, mul(lds(p + 32), r4)));
          const odd = add(madd(lds(p + 24), r3, mul(lds(p + 8), r1)), madd(lds(p + 56), r7, mul(lds(p + 40), r5)));
          if (single) {
            st1(q, add(ld1(q), even));
            st1(q + parity, add(ld1(q + parity), odd));
          } else {
            st(q, add(ld(q), even));
            st(q + parity, add(ld(q + parity), odd));
          }
          p += COLUMN;
        }
      }
    }
    x += tile;
    input += 8 * bytes;
  }
}

function foldPairs(a: usize): void {
  const input = arg(a, 0);
  const columns = int(a, 1);
  const lanes = int(a, 2);
  const out = arg(a, 3);
  const n = <usize>columns * <usize>lanes;
  if (lanes == 1) {
    for (let i: usize = 0; i < n; i++) store<f64>(out + (i << 3), hsum(ld(input + (i << 4))));
    return;
  }
  for (let i: usize = 0; i < n; i++)
    store<f64>(out + (i << 3), load<f64>(input + (i << 3)) + load<f64>(input + ((i + n) << 3)));
}

function cumulativeSum(rows: i32, a: usize, reversed: bool): void {
  const input = arg(a, 0);
  const events = int(a, 1);
  const lanes = int(a, 2);
  const out = arg(a, 3);
  const bytes = <usize>lanes << 3;
  for (let r = 0; r < rows; r++) {
    const base = <usize>r * <usize>events * bytes;
    let at = base + (reversed ? <usize>(events - 1) * bytes : 0);
    copy(input + at, out + at, lanes);
    for (let k = 1; k < events; k++) {
      const before = at;
      at = reversed ? at - bytes : at + bytes;
      if (out != input) copy(input + at, out + at, lanes);
      accumulate(out + before, out + at, lanes);
    }
  }
}

/** log Σ exp or softmax over the event: the largest value is taken out first, so that neither overflows. */
function logSumExp(rows: i32, a: usize, softmax: bool): void {
  let input = arg(a, 0);
  const events = int(a, 1);
  const lanes = int(a, 2);
  let out = arg(a, 3);
  const bytes = <usize>lanes << 3;
  const event = bytes * <usize>events;
  for (let r = 0; r < rows; r++) {
    for (let i: usize = 0; i < bytes; i += 16) {
      const single = i + 8 == bytes;
      const p = input + i;
      let top = single ? ld1(p) : ld(p);
      for (let o: usize = bytes; o < event; o += bytes) {
        const v = single ? ld1(p + o) : ld(p + o);
        top = f64x2.max(top, v);
      }
      // −∞ everywhere (or +∞ somewhere) leaves nothing to subtract.
      const finite = f64x2.lt(f64x2.abs(top), splat(Infinity));
      const shift = v128.and(top, finite);
      let sum = splat(0);
      for (let o: usize = 0; o < event; o += bytes) {
        const e = exp(f64x2.sub(single ? ld1(p + o) : ld(p + o), shift));
        sum = add(sum, e);
        if (softmax) {
          if (single) st1(out + i + o, e);
          else st(out + i + o, e);
        }
      }
      if (softmax) {
        for (let o: usize = 0; o < event; o += bytes) {
          const at = out + i + o;
          if (single) st1(at, f64x2.div(ld1(at), sum));
          else st(at, f64x2.div(ld(at), sum));
        }
      } else {
        const v = add(log(sum), shift);
        if (single) st1(out + i, v);
        else st(out + i, v);
      }
    }
    input += event;
    out += softmax ? event : bytes;
  }
}

/** Rows of `width` doubles out of, or into, rows of `total`, `offset` doubles from their start. */
function slice(rows: i32, a: usize, into: bool): void {
  const input = arg(a, 0);
  const width = int(a, 1);
  const total = <usize>int(a, 2) << 3;
  const offset = <usize>int(a, 3) << 3;
  const out = arg(a, 4);
  const bytes = <usize>width << 3;
  for (let r: usize = 0; r < <usize>rows; r++) {
    if (into) copy(input + r * bytes, out + r * total + offset, width);
    else copy(input + r * total + offset, out + r * bytes, width);
  }
}

/** Opcodes below 64. */
export function runStructure(op: i32, rows: i32, n: i32, a: usize): void {
  switch (op) {
    case Op.Broadcast: return broadcast(rows, a);
    case Op.Copy: return copy(arg(a, 0), arg(a, 1), n);
    case Op.Zero: return fill(arg(a, 0), int(a, 1), splat(0));
    case Op.SumRows: return sumRows(rows, a);
    case Op.Fold: return fold(a);
    case Op.Total: return total(rows, a);
    case Op.SumProducts: return sumProducts(rows, a);
    case Op.TotalProducts: return totalProducts(rows, a);
    case Op.MulAddRows: return mulAddRows(rows, a);
    case Op.SumEventProducts: return sumEventProducts(rows, a);
    case Op.SumEventOnto: return sumEventOnto(rows, a);
    case Op.SumEvent: return sumEvent(rows, a);
    case Op.Gather: return gather(rows, a);
    case Op.ScatterAdd: return scatterAdd(rows, a);
    case Op.MatVec: return matVec(rows, a);
    case Op.MatVecTransposed: return matVecTransposed(rows, a);
    case Op.FoldPairs: return foldPairs(a);
    case Op.CumulativeSum: return cumulativeSum(rows, a, false);
    case Op.CumulativeSumReversed: return cumulativeSum(rows, a, true);
    case Op.LogSumExp: return logSumExp(rows, a, false);
    case Op.Softmax: return logSumExp(rows, a, true);
    case Op.SetSlice: return slice(rows, a, true);
    case Op.GetSlice: return slice(rows, a, false);
  }
}
