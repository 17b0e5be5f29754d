/* The C reference of bench:peers: the step of bench/baseline.ts (Monte Carlo log joint, closed-form entropy, Adam), written so that a
 * compiler vectorises all of it: rows of the table padded and in blocks of what a cache holds, draws side by side for eight
 * schools. One source for the native build and for WebAssembly. Parameters: [location][log scale][strict rows of the triangle]. */
#include "maths.h"

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
extern unsigned char __heap_base;
static uintptr_t top;
/* Zeroed memory that is never given back. */
static double *doubles(long n) {
  if (!top) top = (uintptr_t)&__heap_base;
  top = (top + 63) & ~(uintptr_t)63;
  uintptr_t at = top;
  top += n * sizeof(double);
  long missing = (long)(top >> 16) + 1 - (long)__builtin_wasm_memory_size(0);
  if (missing > 0 && __builtin_wasm_memory_grow(0, missing) == (unsigned long)-1) __builtin_trap();
  return (double *)at;
}
#else
#define EXPORT(name)
#include <stdlib.h>
static double *doubles(long n) {
  unsigned long bytes = (n * sizeof(double) + 63) / 64 * 64 + 64;
  double *p = aligned_alloc(64, bytes);
  if (!p) abort();
  __builtin_memset(p, 0, bytes);
  return p;
}
#endif

#define HALF_LOG_TAU 0.9189385332046727
#define VECTOR 8 /* rows of the table are padded to whole vectors of any width */
enum { TOY, SCHOOLS, LOGISTIC };

typedef struct {
  int model, rows, dimension, draws, full, stride, count;
  double power1, power2;
  double *x, *y, *parameters, *first, *second, *gradient, *normals, *theta, *pathwise, *scale;
} Fit;

/* Doubles from one row of the table to the next. */
EXPORT(vi_stride) int vi_stride(int dimension) {
  return dimension < VECTOR ? (dimension + 3) / 4 * 4 : (dimension + VECTOR - 1) / VECTOR * VECTOR;
}

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif
EXPORT(vi_compiler) const char *vi_compiler(void) { return COMPILER; }

EXPORT(vi_doubles) double *vi_doubles(int n) { return doubles(n); }

/* A fit at its start. x: rows of vi_stride doubles, zero behind the columns; y: 0 or 1; both null unless the model is the regression. */
EXPORT(vi_open) Fit *vi_open(int model, int rows, int dimension, int draws, int full, double log_scale, double *x, double *y) {
  static Fit fits[8];
  static int opened = 0;
  Fit *f = &fits[opened++ & 7];
  const int D = dimension, count = 2 * D + (full ? D * (D - 1) / 2 : 0), stride = vi_stride(D);
  *f = (Fit){model, rows, D, draws, full, stride, count, 1, 1, x, y};
  f->parameters = doubles(count);
  f->first = doubles(count);
  f->second = doubles(count);
  f->gradient = doubles(count);
  f->normals = doubles(draws * D);
  f->theta = doubles(stride);
  f->pathwise = doubles(stride);
  f->scale = doubles(D);
  for (int i = 0; i < D; i++) f->parameters[D + i] = log_scale;
  seed_normals(2024);
  return f;
}

EXPORT(vi_parameters) double *vi_parameters(Fit *f) { return f->parameters; }

static double toy(const double *z, double *g) {
  double squares = 0;
  for (int i = 0; i < 3; i++) {
    double residual = (i + 1) - z[i];
    squares += z[i] * z[i] + residual * residual;
    g[i] = residual - z[i];
  }
  return -6 * HALF_LOG_TAU - 0.5 * squares;
}

/* A block of rows at a time: logits, residuals, gradient, while the rows are in the cache. The prior is standard normal. */
static double logistic(const Fit *f, const double *restrict z, double *restrict g) {
  enum { ROWS = 32 };
  const int D = f->dimension, stride = f->stride;
  double l[ROWS] __attribute__((aligned(64)));
  double total = 0;
  for (int j = 0; j < stride; j++) {
    total -= 0.5 * z[j] * z[j];
    g[j] = -z[j];
  }
  total -= D * HALF_LOG_TAU;
  for (int row = 0; row < f->rows; row += ROWS) {
    const int n = f->rows - row < ROWS ? f->rows - row : ROWS;
    const double *x = __builtin_assume_aligned(f->x + (long)row * stride, 32), *y = f->y + row;
    for (int i = 0; i < n; i++) {
      double a = 0;
      for (int j = 0; j < stride; j++) a += x[i * stride + j] * z[j];
      l[i] = a;
    }
    double sum = 0;
    for (int i = 0; i < n; i++) {
      double e = exp_(-fabs_(l[i])), p = (l[i] > 0 ? 1 : e) / (1 + e);
      sum += y[i] * l[i] - (l[i] > 0 ? l[i] : 0) - log_(1 + e);
      l[i] = y[i] - p;
    }
    total += sum;
    int i = 0;
    for (; i + 3 < n; i += 4) {
      const double *r = x + i * stride, a = l[i], b = l[i + 1], c = l[i + 2], d = l[i + 3];
      for (int j = 0; j < stride; j++)
        g[j] += a * r[j] + b * r[stride + j] + c * r[2 * stride + j] + d * r[3 * stride + j];
    }
    for (; i < n; i++)
      for (int j = 0; j < stride; j++) g[j] += l[i] * x[i * stride + j];
  }
  return total;
}

/* All draws at once, a lane each: z and g are [coordinate][LANES_S]; what the padding lanes compute is not used. */
#define LANES_S 16
static double schools(const double *restrict z, double *restrict g, int draws) {
  static const double y[8] = {28, 8, -3, 7, -1, 1, 18, 12}, error[8] = {15, 10, 16, 11, 9, 11, 10, 18};
  /* -17 log sqrt(2 pi) - log 5 + log(2 / (5 pi)) - sum of log error */
  static const double constant = -17 * HALF_LOG_TAU - 1.6094379124341003 - 2.061020617723555 - 19.96919599015921;
  double tau[LANES_S], square[LANES_S], value[LANES_S] = {0}, d_mu[LANES_S] = {0}, d_tau[LANES_S] = {0}, sum = 0;
  for (int k = 0; k < LANES_S; k++) {
    tau[k] = exp_(z[LANES_S + k]);
    square[k] = tau[k] * tau[k];
  }
  for (int j = 0; j < 8; j++) {
    const double precision = 1 / (error[j] * error[j]);
    for (int k = 0; k < LANES_S; k++) {
      double effect = z[(2 + j) * LANES_S + k], residual = y[j] - z[k] - tau[k] * effect, r = residual * precision;
      value[k] += effect * effect + residual * r;
      d_mu[k] += r;
      d_tau[k] += r * effect;
      g[(2 + j) * LANES_S + k] = r * tau[k] - effect;
    }
  }
  for (int k = 0; k < LANES_S; k++) {
    g[k] = d_mu[k] - z[k] * 0.04;
    g[LANES_S + k] = d_tau[k] * tau[k] + 1 - 2 * square[k] / (25 + square[k]);
    value[k] = z[LANES_S + k] - 0.5 * value[k] - 0.02 * z[k] * z[k] - log_(1 + square[k] * 0.04);
  }
  for (int k = 0; k < draws; k++) sum += value[k];
  return sum + draws * constant;
}

static double schools_step(Fit *f) {
  double eps[10 * LANES_S] __attribute__((aligned(64))) = {0};
  double z[10 * LANES_S] __attribute__((aligned(64))), g[10 * LANES_S] __attribute__((aligned(64)));
  const int D = 10;
  for (int i = 0; i < D; i++) {
    for (int k = 0; k < f->draws; k++) eps[i * LANES_S + k] = f->normals[k * D + i];
    for (int k = 0; k < LANES_S; k++) z[i * LANES_S + k] = f->parameters[i] + f->scale[i] * eps[i * LANES_S + k];
  }
  double value = schools(z, g, f->draws);
  for (int i = 0; i < D; i++) {
    double a = 0, b = 0;
    for (int k = 0; k < f->draws; k++) {
      a += g[i * LANES_S + k];
      b += g[i * LANES_S + k] * eps[i * LANES_S + k];
    }
    f->gradient[i] = a;
    f->gradient[D + i] = b * f->scale[i];
  }
  return value;
}

static double draw_step(Fit *f, const double *eps) {
  const int D = f->dimension;
  double *restrict z = f->theta, *restrict g = f->pathwise, *restrict G = f->gradient, *lower = f->parameters + 2 * D;
  for (int i = 0; i < D; i++) z[i] = f->parameters[i] + f->scale[i] * eps[i];
  if (f->full)
    for (int i = 1; i < D; i++) {
      double a = 0;
      for (int j = 0; j < i; j++) a += lower[j] * eps[j];
      z[i] += a;
      lower += i;
    }
  double value = f->model == TOY ? toy(z, g) : logistic(f, z, g);
  for (int i = 0; i < D; i++) {
    G[i] += g[i];
    G[D + i] += g[i] * eps[i] * f->scale[i];
  }
  if (f->full) {
    double *restrict row = G + 2 * D;
    for (int i = 1; i < D; i++) {
      for (int j = 0; j < i; j++) row[j] += g[i] * eps[j];
      row += i;
    }
  }
  return value;
}

static void adam(Fit *f) {
  double *restrict p = f->parameters, *restrict m = f->first, *restrict v = f->second, *restrict g = f->gradient;
  /* a subnormal power would cost more than the rest of a short step; 1 - power is 1 long before */
  f->power1 = f->power1 > 1e-100 ? f->power1 * 0.9 : 0;
  f->power2 = f->power2 > 1e-100 ? f->power2 * 0.999 : 0;
  const double scaled = 0.01 / (1 - f->power1), correction = 1 / (1 - f->power2);
  for (int i = 0; i < f->count; i++) {
    m[i] = 0.9 * m[i] + 0.1 * g[i];
    v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
    p[i] += scaled * m[i] / (sqrt_(v[i] * correction) + 1e-8);
  }
}

static double step(Fit *f) {
  const int D = f->dimension, S = f->draws;
  double elbo = 0;
  __builtin_memset(f->gradient, 0, f->count * sizeof(double));
  for (int i = 0; i < D; i++) f->scale[i] = exp_(f->parameters[D + i]);
  if (f->model == SCHOOLS) elbo = schools_step(f);
  else
    for (int s = 0; s < S; s++) elbo += draw_step(f, f->normals + s * D);
  if (S > 1) {
    elbo /= S;
    for (int i = 0; i < f->count; i++) f->gradient[i] /= S;
  }
  elbo += D * (0.5 + HALF_LOG_TAU);
  for (int i = 0; i < D; i++) {
    elbo += f->parameters[D + i];
    f->gradient[D + i] += 1;
  }
  adam(f);
  return elbo;
}

/* Takes steps, on the fed normals [step][draw][coordinate] or, where that is null, on its own; writes the ELBO of each. */
EXPORT(vi_run) void vi_run(Fit *f, int steps, const double *fed, double *trace) {
  const int n = f->draws * f->dimension;
  for (int k = 0; k < steps; k++) {
    if (fed) __builtin_memcpy(f->normals, fed + (long)k * n, n * sizeof(double));
    else draw_normals(f->normals, n);
    trace[k] = step(f);
  }
}
