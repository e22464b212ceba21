#include "kernel.h"

KERNEL void rl_add(size_t n, const float *restrict x, float *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] += x[i];
}

KERNEL void rl_multiply_add(size_t n, float a, const float *restrict x, float *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

KERNEL void rl_multiply(size_t n, float a, const float *restrict x, float *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] = a * x[i];
}

KERNEL void rl_scale(size_t n, float a, float *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] *= a;
}

KERNEL void rl_add_bias(size_t T, size_t D, const float *restrict bias, float *restrict y) {
  for (size_t t = 0; t < T; t++)
    for (size_t i = 0; i < D; i++) y[t * D + i] += bias[i];
}

KERNEL void rl_add_rows(size_t T, size_t D, const float *restrict x, float *restrict y) {
  for (size_t t = 0; t < T; t++)
    for (size_t i = 0; i < D; i++) y[i] += x[t * D + i];
}

KERNEL void rl_swiglu(size_t n, const float *restrict gate, const float *restrict up, float *restrict out) {
  for (size_t i = 0; i < n; i++) out[i] = gate[i] / (1.0f + fast_exp(-gate[i])) * up[i];
}

KERNEL void rl_swiglu_backward(size_t n, const float *gate, const float *up, const float *restrict d_out,
                               float *d_gate, float *d_up) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) {
    float g = gate[i], u = up[i];
    float sigmoid = 1.0f / (1.0f + fast_exp(-g));
    float silu = g * sigmoid;
    d_up[i] = d_out[i] * silu;
    d_gate[i] = d_out[i] * u * (sigmoid + silu * (1.0f - sigmoid));
  }
}

// gelu(x) = x * share, share = (1 + tanh(inner)) / 2, inner = sqrt(2/pi) * (x + 0.044715 x^3).
INLINE float gelu_share(float x) {
  return 0.5f + 0.5f * fast_tanh(0.7978845608028654f * (x + 0.044715f * x * x * x));
}

KERNEL void rl_geglu(size_t n, const float *restrict gate, const float *restrict up, float *restrict out) {
  for (size_t i = 0; i < n; i++) out[i] = gate[i] * gelu_share(gate[i]) * up[i];
}

KERNEL void rl_geglu_backward(size_t n, const float *gate, const float *up, const float *restrict d_out, float *d_gate,
                              float *d_up) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) {
    float g = gate[i], u = up[i], share = gelu_share(g);
    float d_inner = 0.7978845608028654f * (1.0f + 3.0f * 0.044715f * g * g);
    d_up[i] = d_out[i] * g * share;
    d_gate[i] = d_out[i] * u * (share + g * 2.0f * share * (1.0f - share) * d_inner);
  }
}

KERNEL void rl_soft_cap(size_t n, float scale, float cap, float *restrict x) {
  float factor = scale / cap;
  for (size_t i = 0; i < n; i++) x[i] = cap * fast_tanh(x[i] * factor);
}

KERNEL void rl_soft_cap_backward(size_t n, float scale, float cap, const float *restrict capped, float *restrict d_x) {
  float inverse = 1.0f / cap;
  for (size_t i = 0; i < n; i++) {
    float t = capped[i] * inverse;
    d_x[i] *= scale * (1.0f - t * t);
  }
}
