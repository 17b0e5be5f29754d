/* exp, log and normals for the C reference. Natively they are the C library's, which gcc turns into its vector versions; WebAssembly
 * has no library of vector functions, so there they are short branch-free code that a compiler can vectorise by itself. Normals:
 * sixteen xorshift128 generators side by side (Marsaglia 2003), then Box and Muller's method on whole blocks. */
#ifndef MATHS_H
#define MATHS_H
#include <stdint.h>

#define TAU 6.283185307179586

#ifdef __wasm__
/* Cody and Waite's reduction and a Taylor polynomial of degree 11: 2e-14 relative on [-700, 700]. */
static inline double exp_(double x) {
  x = x < -700 ? -700 : x > 700 ? 700 : x;
  double n = __builtin_nearbyint(x * 1.4426950408889634);
  double shifted = n + 6755399441055744.0; /* 1.5 * 2^52: the lowest bits are the integer */
  double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  double p = 1. / 3628800 + r * (1. / 39916800);
  p = 1. / 362880 + r * p;
  p = 1. / 40320 + r * p;
  p = 1. / 5040 + r * p;
  p = 1. / 720 + r * p;
  p = 1. / 120 + r * p;
  p = 1. / 24 + r * p;
  p = 1. / 6 + r * p;
  p = 1 + r * (1 + r * (0.5 + r * p));
  uint64_t bits;
  double power;
  __builtin_memcpy(&bits, &shifted, 8);
  bits = (bits + 1023) << 52;
  __builtin_memcpy(&power, &bits, 8);
  return p * power;
}

/* Mantissa in [sqrt(1/2), sqrt(2)) and the series of artanh: 2e-16 relative to max(1, |log x|), x positive and normal. */
static inline double log_(double x) {
  const uint64_t root = 0x3fe6a09e667f3bcdull;
  uint64_t bits;
  double m;
  __builtin_memcpy(&bits, &x, 8);
  bits += 0x3ff0000000000000ull - root;
  double n = (int32_t)(bits >> 52) - 1023;
  bits = (bits & 0x000fffffffffffffull) + root;
  __builtin_memcpy(&m, &bits, 8);
  double f = (m - 1) / (m + 1), q = f * f;
  double p = 1. / 17 + q * (1. / 19);
  p = 1. / 15 + q * p;
  p = 1. / 13 + q * p;
  p = 1. / 11 + q * p;
  p = 1. / 9 + q * p;
  p = 1. / 7 + q * p;
  p = 1. / 5 + q * p;
  p = 1. / 3 + q * p;
  return n * 0.6931471805599453 + 2 * f * (1 + q * p);
}
#else
#include <math.h>
#define exp_ exp
#define log_ log
#endif

#define sqrt_ __builtin_sqrt
#define fabs_ __builtin_fabs

enum { LANES = 16, HALF = 512, BLOCK = 2 * HALF };
static uint32_t lanes[4][LANES];

static void seed_normals(uint32_t seed) {
  for (int k = 0; k < 4; k++)
    for (int i = 0; i < LANES; i++) {
      uint32_t t = (seed += 0x6d2b79f5u); /* mulberry32 */
      t = (t ^ (t >> 15)) * (t | 1);
      t ^= t + (t ^ (t >> 7)) * (t | 61);
      lanes[k][i] = (t ^ (t >> 14)) | 1;
    }
}

static void random_bits(uint32_t *restrict out) {
  for (int b = 0; b < HALF; b += LANES)
    for (int i = 0; i < LANES; i++) {
      uint32_t t = lanes[0][i] ^ (lanes[0][i] << 11);
      lanes[0][i] = lanes[1][i];
      lanes[1][i] = lanes[2][i];
      lanes[2][i] = lanes[3][i];
      lanes[3][i] = lanes[3][i] ^ (lanes[3][i] >> 19) ^ t ^ (t >> 8);
      out[b + i] = lanes[3][i];
    }
}

/* BLOCK normals. The angle is an octant pair chosen by two bits and a rest in [-pi/4, pi/4], where short polynomials do. */
static void normal_block(double *restrict out) {
  static uint32_t a[HALF] __attribute__((aligned(64))), b[HALF] __attribute__((aligned(64)));
  static double t[HALF] __attribute__((aligned(64)));
  random_bits(a);
  random_bits(b);
  for (int k = 0; k < HALF; k++) t[k] = log_(((int32_t)(a[k] >> 1) + 0.5) * 4.6566128730773926e-10);
  for (int k = 0; k < HALF; k++) {
    double r = sqrt_(-2 * t[k]), w = ((int32_t)(b[k] << 2) >> 2) * (TAU / 8 / 536870912.0), q = w * w;
    double s = w * (1 + q * (-1. / 6 + q * (1. / 120 + q * (-1. / 5040 + q * (1. / 362880 + q * (-1. / 39916800))))));
    double c = 1 + q * (-1. / 2 + q * (1. / 24 + q * (-1. / 720 + q * (1. / 40320 + q * (-1. / 3628800 + q * (1. / 479001600))))));
    double x = b[k] & 0x80000000u ? s : c, y = b[k] & 0x80000000u ? -c : s;
    r = b[k] & 0x40000000u ? -r : r;
    out[k] = r * x;
    out[HALF + k] = r * y;
  }
}

/* n normals, the rest of a block kept for the next call, so that a step that wants three does not pay for a thousand. */
static void draw_normals(double *out, int n) {
  static double pool[BLOCK] __attribute__((aligned(64)));
  static int left = 0;
  while (n > 0) {
    if (!left) {
      normal_block(pool);
      left = BLOCK;
    }
    int k = n < left ? n : left;
    __builtin_memcpy(out, pool + BLOCK - left, k * sizeof(double));
    out += k;
    n -= k;
    left -= k;
  }
}
#endif
