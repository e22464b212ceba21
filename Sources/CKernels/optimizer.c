#include "kernel.h"
#include <math.h>

KERNEL void rl_adamw_step(size_t n, rl_adamw rule, const float *restrict gradient, float *restrict exp_avg,
                          float *restrict exp_avg_sq, float *restrict parameter) {
  float decay = 1.0f - rule.learning_rate * rule.weight_decay;
  float step = rule.learning_rate / rule.bias_correction1;
  for (size_t i = 0; i < n; i++) {
    float g = gradient[i] * rule.gradient_scale;
    float m = exp_avg[i] + (g - exp_avg[i]) * rule.one_minus_beta1;
    float v = exp_avg_sq[i] * rule.beta2 + g * g * rule.one_minus_beta2;
    exp_avg[i] = m;
    exp_avg_sq[i] = v;
    parameter[i] = parameter[i] * decay - step * (m / (sqrtf(v) / rule.bias_correction2_sqrt + rule.epsilon));
  }
}
