/* The native C reference as a process that answers lines (../protocol.ts): check, fit N, block N. Arguments: model (0 toy, 1 eight
 * schools, 2 logistic), rows, dimension, draws, 1 for full rank, starting log scale, steps of a check, and the folder with x.f64, y.f64, normals.f64. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "vi.c"

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static double *read_doubles(const char *folder, const char *name, long n) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  double *out = doubles(n);
  FILE *file = fopen(path, "rb");
  if (!file || fread(out, sizeof(double), n, file) != (size_t)n) {
    fprintf(stderr, "%s: expected %ld doubles\n", path, n);
    exit(2);
  }
  fclose(file);
  return out;
}

static void answer(Fit *f, double elbo, double seconds) {
  printf("@{\"elbo\":%.17g,\"seconds\":%.9g,\"parameters\":[", elbo, seconds);
  for (int i = 0; i < f->count; i++) printf("%s%.17g", i ? "," : "", f->parameters[i]);
  printf("]}\n");
}

int main(int argc, char **argv) {
  if (argc != 9) return 2;
  int model = atoi(argv[1]), rows = atoi(argv[2]), dimension = atoi(argv[3]), draws = atoi(argv[4]), full = atoi(argv[5]);
  int checked = atoi(argv[7]);
  double log_scale = atof(argv[6]);
  double *x = 0, *y = 0;
  if (model == LOGISTIC) {
    const int stride = vi_stride(dimension);
    double *table = read_doubles(argv[8], "x.f64", (long)rows * dimension);
    x = doubles((long)rows * stride);
    for (long i = 0; i < rows; i++) memcpy(x + i * stride, table + i * dimension, dimension * sizeof(double));
    y = read_doubles(argv[8], "y.f64", rows);
  }
  double *fed = read_doubles(argv[8], "normals.f64", (long)checked * draws * dimension);
  double *trace = 0;
  int room = 0;
  Fit *timed = 0;
  char line[64];
  printf("@{\"version\":\"%s\"}\n", vi_compiler());
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    int check = !strncmp(line, "check", 5), block = !strncmp(line, "block", 5);
    int steps = check ? checked : atoi(strchr(line, ' ') + 1);
    if (steps > room) trace = realloc(trace, (room = steps) * sizeof(double));
    Fit *f = block && timed ? timed : vi_open(model, rows, dimension, draws, full, log_scale, x, y);
    if (block) timed = f;
    double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    vi_run(f, steps, check ? fed : 0, trace);
    double seconds = now(CLOCK_MONOTONIC) - start;
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    if (block) printf("@{\"seconds\":%.9g,\"cpu\":%.9g}\n", seconds, cpu);
    else answer(f, trace[steps - 1], seconds);
    fflush(stdout);
  }
}
