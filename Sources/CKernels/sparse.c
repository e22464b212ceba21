#include "kernel.h"

// Floats of a result that stay in registers while all its terms are added.
#define WIDTH 64

KERNEL void rl_sparse_row(size_t n, size_t count, const int32_t *restrict indices, const float *restrict factors,
                          size_t stride, const float *restrict rows, float *restrict y) {
  size_t i = 0;
  for (; i + WIDTH <= n; i += WIDTH) {
    float sums[WIDTH];
    for (int k = 0; k < WIDTH; k++) sums[k] = y[i + k];
    for (size_t j = 0; j < count; j++) {
      const float *row = rows + (size_t)indices[j] * stride + i;
      float factor = factors[j];
      for (int k = 0; k < WIDTH; k++) sums[k] += factor * row[k];
    }
    for (int k = 0; k < WIDTH; k++) y[i + k] = sums[k];
  }
  for (size_t j = 0; j < count; j++) {
    const float *row = rows + (size_t)indices[j] * stride;
    for (size_t k = i; k < n; k++) y[k] += factors[j] * row[k];
  }
}

// The products of x with TOGETHER rows at once: their sums do not wait for each other.
#define TOGETHER 4

KERNEL void rl_sampled_products(size_t n, size_t count, const int32_t *restrict indices, int32_t first, float factor,
                                const float *restrict x, size_t stride, const float *restrict rows,
                                float *restrict y) {
  size_t whole = n - n % LANES;
  for (size_t j = 0; j < count; j += TOGETHER) {
    size_t m = count - j < TOGETHER ? count - j : TOGETHER;
    const float *row[TOGETHER];
    float lanes[TOGETHER][LANES] = {{0}};
    for (size_t q = 0; q < TOGETHER; q++) row[q] = rows + (size_t)(indices[j + (q < m ? q : 0)] - first) * stride;
    for (size_t i = 0; i < whole; i += LANES)
      for (int q = 0; q < TOGETHER; q++)
        for (int k = 0; k < LANES; k++) lanes[q][k] += x[i + k] * row[q][i + k];
    for (size_t q = 0; q < m; q++) {
      for (size_t i = whole; i < n; i++) lanes[q][i - whole] += x[i] * row[q][i];
      y[indices[j + q]] += factor * sum_lanes(lanes[q]);
    }
  }
}

KERNEL void rl_transpose(size_t rows, size_t columns, size_t stride, const float *restrict x, size_t y_stride,
                         float *restrict y) {
  size_t whole_rows = rows - rows % LANES, whole_columns = columns - columns % 8;
  for (size_t r = 0; r < whole_rows; r += LANES)
    for (size_t c = 0; c < whole_columns; c += 8)
      for (size_t half = r; half < r + LANES; half += 8) {  // both halves of a cache line of y
        vector8 from[8], to[8];
        UNROLLED for (size_t i = 0; i < 8; i++) from[i] = *(const vector8 *)(x + (half + i) * stride + c);
        transpose(from, to);
        UNROLLED for (size_t i = 0; i < 8; i++) *(vector8 *)(y + (c + i) * y_stride + half) = to[i];
      }
  for (size_t r = 0; r < rows; r++)
    for (size_t c = r < whole_rows ? whole_columns : 0; c < columns; c++) y[c * y_stride + r] = x[r * stride + c];
}
