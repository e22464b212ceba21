// What kernel files share: dispatch, fixed accumulators, exp, and the values of 4-bit blocks.

#ifndef KERNEL_H
#define KERNEL_H

#include "CKernels.h"

#pragma clang fp contract(off)

// One source, three machine codes; the loader picks. The results are the same bits.
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("clang loop unroll(full)")
#define LANES 16
#define ONE_127TH 7.874015718698502e-3f

// Adds 16 lanes in a fixed order.
INLINE float sum_lanes(const float *lanes) {
  float sums[LANES];
  for (int i = 0; i < LANES; i++) sums[i] = lanes[i];
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) sums[i] += sums[i + width];
  return sums[0];
}

typedef float vector8 __attribute__((vector_size(32), aligned(4)));

// Eight rows of eight floats, transposed.
INLINE void transpose(const vector8 *restrict row, vector8 *restrict columns) {
  vector8 pair[8], four[8];
  UNROLLED for (int i = 0; i < 8; i += 2) {
    pair[i] = __builtin_shufflevector(row[i], row[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pair[i + 1] = __builtin_shufflevector(row[i], row[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  UNROLLED for (int i = 0; i < 8; i += 4) UNROLLED for (int j = 0; j < 2; j++) {
    four[i + 2 * j] = __builtin_shufflevector(pair[i + j], pair[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    four[i + 2 * j + 1] = __builtin_shufflevector(pair[i + j], pair[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  UNROLLED for (int i = 0; i < 4; i++) {
    columns[i] = __builtin_shufflevector(four[i], four[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    columns[i + 4] = __builtin_shufflevector(four[i], four[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

// exp(x) with a relative error below 3e-7, without branches; arguments beyond the float range are clamped.
INLINE float fast_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  float shifted = x * 1.44269504088896341f + 12582912.0f;  // rounds to an integer in the low mantissa bits
  union { float f; int32_t i; } power = {shifted};
  float n = shifted - 12582912.0f;
  float r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  union { int32_t i; float f; } scale = {(int32_t)((uint32_t)(power.i + 127) << 23)};
  return p * scale.f;
}

// tanh(x) with a relative error below 4e-7, without branches.
INLINE float fast_tanh(float x) {
  float size = x < 0.0f ? -x : x;
  float large = 1.0f - 2.0f / (fast_exp(2.0f * size) + 1.0f);
  float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  float small = p * z * x + x;
  return size < 0.625f ? small : x < 0.0f ? -large : large;
}

// Of 4-bit blocks, the scale of one: as it is, or a code under a block of scales of its own.
INLINE float block_scale(const rl_blocks *b, size_t block) {
  if (b->absmax) return b->absmax[block];
  return b->nested_code[b->absmax_codes[block]] * b->nested_absmax[block / RL_NESTED_BLOCK] + b->nested_offset;
}

// The value of each code: what a byte whose high nibble it is begins with.
INLINE void sixteen_values(const float *pairs, float *values) {
  for (int code = 0; code < 16; code++) values[code] = pairs[2 * (code << 4)];
}

#endif
