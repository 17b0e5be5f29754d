// The instruction set, read by both sides: assembly/ dispatches on it, src/compile/ emits it. A kernel is called as
// `kernel(rows, n, a)`: `a` points at 32-bit words, one per operand, each the address of an operand (or an integer where the
// comment says so). Operands listed before the semicolon are read, those after it are written. An array holds n doubles and
// room for one more when n is odd; maps may read and write that spare. An output address of 0 means "not wanted" for
// densities. Inputs and outputs never overlap unless they are the same array.

export const enum Op {
  // ---- structure: assembly/structure.ts
  /** in, rows (0: those of the block), row step, events, event step, lanes, whether lanes vary; out[rows][events][lanes] (steps in doubles) */
  Broadcast = 1,
  /** in[n]; out[n] */
  Copy = 2,
  /** ; out, count: sets `count` doubles to zero */
  Zero = 3,
  /** in[rows][m], m; accumulator[4][m]: adds each row to the accumulator of its number modulo 4 */
  SumRows = 4,
  /** accumulator[4][m], m; out[m] = (0 + 2) + (1 + 3) */
  Fold = 5,
  /** in[rows][k][lanes], k, lanes; out[rows][lanes] */
  SumEvent = 6,
  /** source[*][m], index (i32 per row), m; out[rows][m] */
  Gather = 7,
  /** in[rows][m], index (i32 per row), m; out[*][m], added to */
  ScatterAdd = 8,
  /** X (tiles of 8 rows: [tile][column][8]), beta[columns][lanes], columns, lanes; out[rows][lanes] */
  MatVec = 9,
  /** X as in MatVec, in[rows][lanes], columns, lanes; accumulator[2][columns][lanes], added to */
  MatVecTransposed = 10,
  /** accumulator[2][columns][lanes], columns, lanes; out[columns][lanes] */
  FoldPairs = 11,
  /** in[rows][k][lanes], k, lanes; out[rows][k][lanes], running sums over k */
  CumulativeSum = 12,
  /** in[rows][k][lanes], k, lanes; out[rows][k][lanes], running sums over k from the end */
  CumulativeSumReversed = 13,
  /** in[rows][k][lanes], k, lanes; out[rows][lanes] */
  LogSumExp = 14,
  /** in[rows][k][lanes], k, lanes; out[rows][k][lanes] */
  Softmax = 15,
  /** in[rows][lanes], lanes, k, position; out[rows][k][lanes]: writes slice `position` */
  SetSlice = 16,
  /** in[rows][k][lanes], lanes, k, position; out[rows][lanes] */
  GetSlice = 17,

  // ---- maps, all over n doubles: assembly/maps.ts
  /** in; out (for every unary map) */
  Neg = 64,
  Reciprocal = 65,
  Abs = 66,
  Sqrt = 67,
  Square = 68,
  Exp = 69,
  Log = 70,
  Log1p = 71,
  Expm1 = 72,
  Sigmoid = 73,
  Softplus = 74,
  LogSigmoid = 75,
  Tanh = 76,
  Sin = 77,
  Cos = 78,
  Erf = 79,
  Erfc = 80,
  Erfcx = 81,
  Ndtr = 82,
  LogNdtr = 83,
  Ndtri = 84,
  Lgamma = 85,
  Digamma = 86,
  Trigamma = 87,
  /** sign of x: -1, 0 or 1 */
  Sign = 88,
  /** left, right; out (for every binary map) */
  Add = 96,
  Sub = 97,
  Mul = 98,
  Div = 99,
  Pow = 100,
  Min = 101,
  Max = 102,
  LogAddExp = 103,
  /** lbeta(left, right) */
  Lbeta = 104,
  /** 1 where left < right, else 0 */
  Less = 105,
  /** a, b, c; out = a·b + c */
  MulAdd = 112,
}
