#include "kernel.h"

KERNEL double rl_sum_squares(size_t n, const float *restrict x) {
  double lanes[LANES] = {0};
  size_t whole = n - n % LANES;
  for (size_t i = 0; i < whole; i += LANES)
    for (int j = 0; j < LANES; j++) lanes[j] += (double)x[i + j] * x[i + j];
  double sum = 0;
  for (int j = 0; j < LANES; j++) sum += lanes[j];
  for (size_t i = whole; i < n; i++) sum += (double)x[i] * x[i];
  return sum;
}

KERNEL double rl_sum(size_t n, const float *restrict x) {
  double lanes[LANES] = {0};
  size_t whole = n - n % LANES;
  for (size_t i = 0; i < whole; i += LANES)
    for (int j = 0; j < LANES; j++) lanes[j] += x[i + j];
  double sum = 0;
  for (int j = 0; j < LANES; j++) sum += lanes[j];
  for (size_t i = whole; i < n; i++) sum += x[i];
  return sum;
}

KERNEL float rl_dot(size_t n, const float *restrict x, const float *restrict y) {
  float lanes[LANES] = {0};
  size_t whole = n - n % LANES;
  for (size_t i = 0; i < whole; i += LANES)
    for (int j = 0; j < LANES; j++) lanes[j] += x[i + j] * y[i + j];
  for (size_t i = whole; i < n; i++) lanes[i - whole] += x[i] * y[i];
  return sum_lanes(lanes);
}
