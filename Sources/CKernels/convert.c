#include "kernel.h"

// Rows of a tile lie too far apart for the processor to foresee: a few of them are asked for ahead.
INLINE void prefetch_row(size_t row, size_t rows, size_t n, size_t stride, const uint16_t *x) {
  enum { AHEAD = 8 };
  if (row + AHEAD >= rows) return;
  for (size_t i = 0; i < n; i += 32) __builtin_prefetch(x + (row + AHEAD) * stride + i);
}

KERNEL void rl_widen_bf16(size_t rows, size_t n, size_t stride, const uint16_t *restrict x, float *restrict y) {
  for (size_t row = 0; row < rows; row++) {
    prefetch_row(row, rows, n, stride, x);
    const uint16_t *restrict from = x + row * stride;
    uint32_t *restrict bits = (uint32_t *)(y + row * n);
    for (size_t i = 0; i < n; i++) bits[i] = (uint32_t)from[i] << 16;
  }
}

KERNEL void rl_widen_f16(size_t rows, size_t n, size_t stride, const uint16_t *restrict x, float *restrict y) {
  for (size_t row = 0; row < rows; row++) {
    prefetch_row(row, rows, n, stride, x);
    const _Float16 *restrict halves = (const _Float16 *)(x + row * stride);
    float *restrict to = y + row * n;
    for (size_t i = 0; i < n; i++) to[i] = (float)halves[i];
  }
}

KERNEL void rl_narrow_bf16(size_t n, const float *restrict x, uint16_t *restrict y) {
  const uint32_t *restrict bits = (const uint32_t *)x;
  for (size_t i = 0; i < n; i++) {
    uint32_t b = bits[i];
    uint32_t rounded = (b + 0x7FFF + ((b >> 16) & 1)) >> 16;
    int is_nan = (b & 0x7FFFFFFF) > 0x7F800000;
    y[i] = (uint16_t)(is_nan ? 0x7FC0 : rounded);
  }
}

KERNEL void rl_narrow_f16(size_t n, const float *restrict x, uint16_t *restrict y) {
  _Float16 *restrict halves = (_Float16 *)y;
  for (size_t i = 0; i < n; i++) halves[i] = (_Float16)x[i];
}

KERNEL int rl_all_finite(size_t n, const float *restrict x) {
  const uint32_t *restrict bits = (const uint32_t *)x;
  uint32_t bad = 0;
  for (size_t i = 0; i < n; i++) bad |= (bits[i] & 0x7F800000) == 0x7F800000;
  return !bad;
}

KERNEL int rl_all_finite_16(size_t n, const uint16_t *restrict bits, uint16_t exponent) {
  uint16_t bad = 0;
  for (size_t i = 0; i < n; i++) bad |= (bits[i] & exponent) == exponent;
  return !bad;
}
