// What kernel files share: dispatch, fixed accumulators, exp, and the values of 4-bit blocks.

#ifndef KERNEL_H
#define KERNEL_H

#include "CKernels.h"

#pragma clang fp contract(off)

// One source, three machine codes; the loader picks. The results are the same bits.
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define INLINE static inline __attribute__((always_inline))
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
