#include "kernel.h"
#include <math.h>
#include <string.h>

INLINE float row_maximum(size_t n, const float *x) {
  float lanes[LANES];
  for (int j = 0; j < LANES; j++) lanes[j] = x[0];
  size_t whole = n - n % LANES;
  for (size_t i = 0; i < whole; i += LANES)
    for (int j = 0; j < LANES; j++) lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
  for (size_t i = whole; i < n; i++) lanes[i - whole] = x[i] > lanes[i - whole] ? x[i] : lanes[i - whole];
  float maximum = lanes[0];
  for (int j = 1; j < LANES; j++) maximum = lanes[j] > maximum ? lanes[j] : maximum;
  return maximum;
}

// x = exp(x * scale - shift); the sum of the results.
INLINE float exp_and_sum(size_t n, float scale, float shift, float *x) {
  float lanes[LANES] = {0};
  size_t whole = n - n % LANES;
  for (size_t i = 0; i < whole; i += LANES)
    for (int j = 0; j < LANES; j++) {
      x[i + j] = fast_exp(x[i + j] * scale - shift);
      lanes[j] += x[i + j];
    }
  for (size_t i = whole; i < n; i++) {
    x[i] = fast_exp(x[i] * scale - shift);
    lanes[i - whole] += x[i];
  }
  return sum_lanes(lanes);
}

INLINE void clear_outside(size_t columns, size_t first, size_t last, float *row) {
  memset(row, 0, first * sizeof(float));
  memset(row + last, 0, (columns - last) * sizeof(float));
}

KERNEL void rl_masked_softmax(size_t rows, size_t columns, size_t stride, float scale, const int32_t *first,
                              const int32_t *last, float *restrict scores, float *restrict lse) {
  for (size_t i = 0; i < rows; i++) {
    float *row = scores + i * stride;
    size_t from = (size_t)first[i], n = (size_t)(last[i] - first[i]);
    float shift = row_maximum(n, row + from) * scale;
    float sum = exp_and_sum(n, scale, shift, row + from);
    float inverse = 1.0f / sum;
    for (size_t j = from; j < from + n; j++) row[j] *= inverse;
    clear_outside(columns, from, from + n, row);
    lse[i] = shift + (float)log(sum);
  }
}

KERNEL void rl_masked_exp(size_t rows, size_t columns, size_t stride, float scale, const int32_t *first,
                          const int32_t *last, const float *restrict lse, float *restrict scores) {
  for (size_t i = 0; i < rows; i++) {
    float *row = scores + i * stride;
    exp_and_sum((size_t)(last[i] - first[i]), scale, lse[i], row + first[i]);
    clear_outside(columns, (size_t)first[i], (size_t)last[i], row);
  }
}

KERNEL void rl_softmax_backward(size_t rows, size_t columns, size_t stride, float scale, const int32_t *first,
                                const int32_t *last, const float *restrict probabilities, const float *restrict delta,
                                float *restrict d_probabilities) {
  for (size_t i = 0; i < rows; i++) {
    const float *p = probabilities + i * stride;
    float *row = d_probabilities + i * stride;
    for (size_t j = (size_t)first[i]; j < (size_t)last[i]; j++) row[j] = p[j] * (row[j] - delta[i]) * scale;
    clear_outside(columns, (size_t)first[i], (size_t)last[i], row);
  }
}
