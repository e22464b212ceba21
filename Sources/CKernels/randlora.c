#include "kernel.h"

KERNEL void rl_scaled_base(size_t D, float lambda, const float *restrict a, const float *restrict gamma,
                           float *restrict out) {
  for (size_t i = 0; i < D; i++) out[i] = lambda * a[i] * gamma[i];
}

KERNEL float rl_scaled_base_backward(size_t D, float lambda, const float *restrict a,
                                     const float *restrict gamma, const float *restrict d_out,
                                     float *restrict d_gamma) {
  float lanes[LANES] = {0};
  size_t whole = D - D % LANES;
  for (size_t i = 0; i < whole; i += LANES)
    for (int j = 0; j < LANES; j++) lanes[j] += d_out[i + j] * a[i + j] * gamma[i + j];
  for (size_t i = whole; i < D; i++) lanes[i - whole] += d_out[i] * a[i] * gamma[i];
  for (size_t i = 0; i < D; i++) d_gamma[i] += d_out[i] * lambda * a[i];
  return sum_lanes(lanes);
}
