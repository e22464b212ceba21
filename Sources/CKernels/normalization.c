#include "kernel.h"
#include <math.h>

KERNEL void rl_rms_norm(size_t T, size_t D, float eps, const float *restrict x, const float *restrict weight,
                        float *restrict y, float *restrict rstd) {
  for (size_t t = 0; t < T; t++) {
    const float *row = x + t * D;
    float lanes[LANES] = {0};
    size_t whole = D - D % LANES;
    for (size_t i = 0; i < whole; i += LANES)
      for (int j = 0; j < LANES; j++) lanes[j] += row[i + j] * row[i + j];
    for (size_t i = whole; i < D; i++) lanes[i - whole] += row[i] * row[i];
    float r = 1.0f / sqrtf(sum_lanes(lanes) / (float)D + eps);
    rstd[t] = r;
    for (size_t i = 0; i < D; i++) y[t * D + i] = row[i] * r * weight[i];
  }
}

// With n = x * rstd: d_x = rstd * (w d_y - n * mean(n * w d_y)).
KERNEL void rl_rms_norm_backward(size_t T, size_t D, const float *restrict x, const float *restrict weight,
                                 const float *restrict rstd, const float *restrict d_y, float *restrict d_x) {
  for (size_t t = 0; t < T; t++) {
    const float *row = x + t * D, *d_row = d_y + t * D;
    float lanes[LANES] = {0};
    size_t whole = D - D % LANES;
    for (size_t i = 0; i < whole; i += LANES)
      for (int j = 0; j < LANES; j++) lanes[j] += row[i + j] * weight[i + j] * d_row[i + j];
    for (size_t i = whole; i < D; i++) lanes[i - whole] += row[i] * weight[i] * d_row[i];
    float r = rstd[t];
    float mean = sum_lanes(lanes) * r / (float)D;
    for (size_t i = 0; i < D; i++) d_x[t * D + i] += r * (weight[i] * d_row[i] - row[i] * r * mean);
  }
}

KERNEL void rl_rms_norm_weight_backward(size_t T, size_t D, const float *restrict x, const float *restrict rstd,
                                        const float *restrict d_y, float *restrict d_weight) {
  for (size_t t = 0; t < T; t++)
    for (size_t i = 0; i < D; i++) d_weight[i] += d_y[t * D + i] * x[t * D + i] * rstd[t];
}
