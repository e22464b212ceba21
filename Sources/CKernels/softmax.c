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

INLINE size_t clamp(int32_t x, size_t begin, size_t end) {
  size_t y = (size_t)x;
  return y < begin ? begin : y > end ? end : y;
}

INLINE void clear_outside(size_t begin, size_t end, size_t first, size_t last, float *row) {
  memset(row + begin, 0, (first - begin) * sizeof(float));
  memset(row + last, 0, (end - last) * sizeof(float));
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
    clear_outside(0, columns, from, from + n, row);
    lse[i] = shift + (float)log(sum);
  }
}

KERNEL void rl_masked_exp(size_t rows, size_t begin, size_t end, size_t stride, float scale, const int32_t *first,
                          const int32_t *last, const float *restrict lse, float *restrict scores) {
  for (size_t i = 0; i < rows; i++) {
    float *row = scores + i * stride;
    size_t from = clamp(first[i], begin, end), to = clamp(last[i], begin, end);
    exp_and_sum(to - from, scale, lse[i], row + from);
    clear_outside(begin, end, from, to, row);
  }
}

KERNEL void rl_softmax_backward(size_t rows, size_t begin, size_t end, size_t stride, float scale, const int32_t *first,
                                const int32_t *last, const float *restrict probabilities, const float *restrict delta,
                                float *restrict d_probabilities) {
  for (size_t i = 0; i < rows; i++) {
    const float *p = probabilities + i * stride;
    float *row = d_probabilities + i * stride;
    size_t from = clamp(first[i], begin, end), to = clamp(last[i], begin, end);
    for (size_t j = from; j < to; j++) row[j] = p[j] * (row[j] - delta[i]) * scale;
    clear_outside(begin, end, from, to, row);
  }
}
