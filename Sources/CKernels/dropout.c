#include "kernel.h"

// Groups of four features that are drawn side by side, so that the compiler can use vectors.
#define GROUPS 16
#define FEATURES (4 * GROUPS)

// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the random bits of the
// features FEATURES * block ..< FEATURES * (block + 1) of a token.
INLINE void draw(rl_dropout rule, uint32_t row, uint32_t position, size_t block, uint32_t *bits) {
  uint32_t c0[GROUPS], c1[GROUPS], c2[GROUPS], c3[GROUPS];
  for (int j = 0; j < GROUPS; j++) {
    c0[j] = (uint32_t)(block * GROUPS) + j;
    c1[j] = position;
    c2[j] = row;
    c3[j] = rule.module;
  }
  uint32_t k0 = rule.seed, k1 = rule.step;
  for (int round = 0; round < 10; round++) {
    for (int j = 0; j < GROUPS; j++) {
      uint64_t p0 = (uint64_t)0xD2511F53u * c0[j], p1 = (uint64_t)0xCD9E8D57u * c2[j];
      c0[j] = (uint32_t)(p1 >> 32) ^ c1[j] ^ k0;
      c2[j] = (uint32_t)(p0 >> 32) ^ c3[j] ^ k1;
      c1[j] = (uint32_t)p1;
      c3[j] = (uint32_t)p0;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int j = 0; j < GROUPS; j++) {
    bits[4 * j] = c0[j];
    bits[4 * j + 1] = c1[j];
    bits[4 * j + 2] = c2[j];
    bits[4 * j + 3] = c3[j];
  }
}

KERNEL void rl_dropout_forward(size_t T, size_t D, rl_dropout rule, const uint32_t *rows,
                               const uint32_t *positions, const float *restrict x, float *restrict y) {
  uint32_t bits[FEATURES];
  for (size_t t = 0; t < T; t++)
    for (size_t c = 0; c < D; c += FEATURES) {
      draw(rule, rows[t], positions[t], c / FEATURES, bits);
      size_t n = D - c < FEATURES ? D - c : FEATURES;
      for (size_t j = 0; j < n; j++)
        y[t * D + c + j] = x[t * D + c + j] * (bits[j] >= rule.threshold ? rule.scale : 0.0f);
    }
}

KERNEL void rl_dropout_backward(size_t T, size_t D, rl_dropout rule, const uint32_t *rows,
                                const uint32_t *positions, const float *restrict x, float *restrict y) {
  uint32_t bits[FEATURES];
  for (size_t t = 0; t < T; t++)
    for (size_t c = 0; c < D; c += FEATURES) {
      draw(rule, rows[t], positions[t], c / FEATURES, bits);
      size_t n = D - c < FEATURES ? D - c : FEATURES;
      for (size_t j = 0; j < n; j++)
        y[t * D + c + j] += x[t * D + c + j] * (bits[j] >= rule.threshold ? rule.scale : 0.0f);
    }
}

KERNEL size_t rl_dropout_dropped(size_t D, rl_dropout rule, uint32_t row, uint32_t position,
                                 int32_t *restrict dropped) {
  uint32_t bits[FEATURES];
  size_t count = 0;
  for (size_t c = 0; c < D; c += FEATURES) {
    draw(rule, row, position, c / FEATURES, bits);
    size_t n = D - c < FEATURES ? D - c : FEATURES;
    for (size_t j = 0; j < n; j++) {
      dropped[count] = (int32_t)(c + j);
      count += bits[j] < rule.threshold;
    }
  }
  return count;
}
