#include "kernel.h"

KERNEL void rl_rope(size_t T, size_t H, size_t d, size_t w, float direction, const float *restrict cosine,
                    const float *restrict sine, float *restrict x) {
  size_t half = w / 2;
  for (size_t t = 0; t < T; t++) {
    const float *c = cosine + t * half, *s = sine + t * half;
    for (size_t h = 0; h < H; h++) {
      float *first = x + (t * H + h) * d, *second = first + half;
#pragma clang loop vectorize(assume_safety)
      for (size_t i = 0; i < half; i++) {
        float a = first[i], b = second[i], sin = s[i] * direction;
        first[i] = a * c[i] - b * sin;
        second[i] = b * c[i] + a * sin;
      }
    }
  }
}
