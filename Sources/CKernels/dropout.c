#include "kernel.h"

// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
INLINE void philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0, uint32_t k1, uint32_t *out) {
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

// The factor of each of the features 4 * group ..< 4 * group + 4 of a token.
INLINE void factors(rl_dropout rule, uint32_t row, uint32_t position, size_t group, float *out) {
  uint32_t bits[4];
  philox((uint32_t)group, position, row, rule.module, rule.seed, rule.step, bits);
  for (int j = 0; j < 4; j++) out[j] = bits[j] >= rule.threshold ? rule.scale : 0.0f;
}

KERNEL void rl_dropout_forward(size_t T, size_t D, rl_dropout rule, const uint32_t *rows,
                               const uint32_t *positions, const float *restrict x, float *restrict y) {
  for (size_t t = 0; t < T; t++)
    for (size_t c = 0; c < D; c += 4) {
      float f[4];
      factors(rule, rows[t], positions[t], c / 4, f);
      for (size_t j = 0; j < 4 && c + j < D; j++) y[t * D + c + j] = x[t * D + c + j] * f[j];
    }
}

KERNEL void rl_dropout_backward(size_t T, size_t D, rl_dropout rule, const uint32_t *rows,
                                const uint32_t *positions, const float *restrict x, float *restrict y) {
  for (size_t t = 0; t < T; t++)
    for (size_t c = 0; c < D; c += 4) {
      float f[4];
      factors(rule, rows[t], positions[t], c / 4, f);
      for (size_t j = 0; j < 4 && c + j < D; j++) y[t * D + c + j] += x[t * D + c + j] * f[j];
    }
}
