// The float loops of randlora, as plain C.
//
// Every kernel gives the same bits on every x86-64: reductions keep 16 fixed accumulators, contraction of
// a * b + c is off, and exp is our own polynomial. Sizes come first and destinations last; `T` is a number of
// rows (tokens), `D` a row's width. Nothing here allocates or keeps state.

#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// convert.c: storage types to float32 and back (round to nearest, ties to even).
// y (rows, n): the first n of every `stride` elements.
void rl_widen_bf16(size_t rows, size_t n, size_t stride, const uint16_t *x, float *y);
void rl_widen_f16(size_t rows, size_t n, size_t stride, const uint16_t *x, float *y);
void rl_narrow_bf16(size_t n, const float *x, uint16_t *y);
void rl_narrow_f16(size_t n, const float *x, uint16_t *y);
// 1 when every value is finite.
int rl_all_finite(size_t n, const float *x);
// The same for 16-bit floats, whose exponent has these bits.
int rl_all_finite_16(size_t n, const uint16_t *bits, uint16_t exponent);

// matmul.c: products of packed panels. Level 4 or 3 (x86-64-v4, x86-64-v3) or 1 says which code computes, never what.
int rl_matmul_level(void);  // the best of this processor
size_t rl_matmul_panel_rows(int level);  // rows that a panel of the left matrix holds
size_t rl_matmul_panel_columns(int level);  // and columns, one of the right matrix
size_t rl_matmul_lanes(int level);  // columns in a vector
// n neighbours in panels, filled up with zeros. Each begins at x + i * stride when transposed and is contiguous, else at
// x + i with its elements a stride apart.
void rl_matmul_pack_rows(int level, size_t n, size_t depth, size_t stride, int transposed, const float *x, float *packed);
void rl_matmul_pack_columns(int level, size_t n, size_t depth, size_t stride, int transposed, const float *x,
                            float *packed);
// c (rows, columns) = alpha * a b, added to c when adding. Of both matrices the neighbours that make up a panel lie side by side,
// `step` from one depth to the next and `next` from one panel to the next, be they packed or read where they lie; b's are
// whole vectors. With a_rows the rows of a are contiguous instead, a_step from one to the next.
void rl_matmul_block(int level, size_t rows, size_t columns, size_t depth, float alpha, const float *a, size_t a_step,
                     size_t a_next, int a_rows, const float *b, size_t b_step, size_t b_next, int adding, size_t stride,
                     float *c);
// The same where the rows of a are few, up to rl_matmul_few_rows (0 where this cannot be), and contiguous each, as the columns of b
// are, and depth and chain are whole 32 bytes of b: both are read where they lie. Every `chain` of the depth is added to c as if it
// were a product of its own. With bf16 (0 or 1) b is of that type.
size_t rl_matmul_few_rows(int level);
void rl_matmul_few(size_t rows, size_t columns, size_t depth, size_t chain, float alpha, const float *a, size_t a_stride,
                   const void *b, int bf16, size_t b_stride, int adding, size_t stride, float *c);

// elementwise.c
void rl_add(size_t n, const float *x, float *y);                    // y += x
void rl_multiply_add(size_t n, float a, const float *x, float *y);  // y += a * x
void rl_multiply(size_t n, float a, const float *x, float *y);      // y = a * x
void rl_scale(size_t n, float a, float *y);                         // y *= a
void rl_add_bias(size_t T, size_t D, const float *bias, float *y);  // y (T, D) += bias (D)
void rl_add_rows(size_t T, size_t D, const float *x, float *y);     // y (D) += every row of x (T, D)
// out = silu(gate) * up
void rl_swiglu(size_t n, const float *gate, const float *up, float *out);
// d_gate, d_up from d_out; d_gate and d_up may be the memory of gate and up.
void rl_swiglu_backward(size_t n, const float *gate, const float *up, const float *d_out, float *d_gate,
                        float *d_up);
// The same with gelu in its tanh form in place of silu.
void rl_geglu(size_t n, const float *gate, const float *up, float *out);
void rl_geglu_backward(size_t n, const float *gate, const float *up, const float *d_out, float *d_gate,
                       float *d_up);
// x = cap * tanh(x * scale / cap)
void rl_soft_cap(size_t n, float scale, float cap, float *x);
// The gradient of the result becomes that of x, in place.
void rl_soft_cap_backward(size_t n, float scale, float cap, const float *capped, float *d_x);

// reduce.c
double rl_sum_squares(size_t n, const float *x);
double rl_sum(size_t n, const float *x);
float rl_dot(size_t n, const float *x, const float *y);

// normalization.c: y = x * rstd * weight, rstd = 1 / sqrt(mean(x^2) + eps)
void rl_rms_norm(size_t T, size_t D, float eps, const float *x, const float *weight, float *y, float *rstd);
// d_x += the gradient through the norm.
void rl_rms_norm_backward(size_t T, size_t D, const float *x, const float *weight, const float *rstd,
                          const float *d_y, float *d_x);
// d_weight (D) += the gradient of the weight.
void rl_rms_norm_weight_backward(size_t T, size_t D, const float *x, const float *rstd, const float *d_y, float *d_weight);

// rope.c: rotates the two halves of the first w entries of each head of x (T, H, d) by the angles of its token, w <= d;
// cosine, sine (T, w/2). direction is +1 forward, -1 backward.
void rl_rope(size_t T, size_t H, size_t d, size_t w, float direction, const float *cosine, const float *sine, float *x);

// softmax.c: for query row i (0 ..< rows), only columns first[i] ..< last[i] take part.
// scores (rows, stride): in, raw products; out, probabilities, zero elsewhere in 0 ..< columns. lse (rows).
void rl_masked_softmax(size_t rows, size_t columns, size_t stride, float scale, const int32_t *first,
                       const int32_t *last, float *scores, float *lse);
// probabilities again from raw products and lse, as the backward pass needs them, in columns begin ..< end alone; those of them
// that take no part become zero.
void rl_masked_exp(size_t rows, size_t begin, size_t end, size_t stride, float scale, const int32_t *first,
                   const int32_t *last, const float *lse, float *scores);
// d_scores = probabilities * (d_probabilities - delta) * scale, in place of d_probabilities, in these columns, with the same zeros.
void rl_softmax_backward(size_t rows, size_t begin, size_t end, size_t stride, float scale, const int32_t *first,
                         const int32_t *last, const float *probabilities, const float *delta, float *d_probabilities);

// loss.c: per row, nll = logsumexp(logits) - logits[target]; logits become d_loss/d_logits * weight.
// correct[i] is 1 when the target has the largest logit (the first of equals).
void rl_cross_entropy(size_t rows, size_t V, float weight, const int32_t *targets, float *logits, float *nll,
                      uint8_t *correct);

// dropout.c: Philox 4x32-10. The element at feature c of a token is decided by the counter
// (c / 4, position, row, module) under the key (seed, step): never by batch, thread or machine.
typedef struct {
  uint32_t seed, step;
  uint32_t module;
  uint32_t threshold;  // an element stays when its 32 random bits are at least this
  float scale;         // 1 / (1 - p)
} rl_dropout;
// y (T, D) = kept ? x * scale : 0; rows[t], positions[t] say which token t is.
void rl_dropout_forward(size_t T, size_t D, rl_dropout rule, const uint32_t *rows, const uint32_t *positions,
                        const float *x, float *y);
// y (T, D) += kept ? x * scale : 0
void rl_dropout_backward(size_t T, size_t D, rl_dropout rule, const uint32_t *rows, const uint32_t *positions,
                         const float *x, float *y);
// Writes the features of one token that are dropped, in order; returns how many. dropped has room for D of them.
size_t rl_dropout_dropped(size_t D, rl_dropout rule, uint32_t row, uint32_t position, int32_t *dropped);

// sparse.c
// y (n) += the sum over j of factors[j] * rows[indices[j]], rows of n floats `stride` apart.
void rl_sparse_row(size_t n, size_t count, const int32_t *indices, const float *factors, size_t stride,
                   const float *rows, float *y);
// y[indices[j]] += factor * (x . rows[indices[j] - first]), for every j.
void rl_sampled_products(size_t n, size_t count, const int32_t *indices, int32_t first, float factor, const float *x,
                         size_t stride, const float *rows, float *y);
// y (columns, rows) = x (rows, columns) transposed.
void rl_transpose(size_t rows, size_t columns, size_t stride, const float *x, size_t y_stride, float *y);

// randlora.c: one row of the scaled bases of RandLoRA, and its gradients.
// out (D) = lambda * a * gamma
void rl_scaled_base(size_t D, float lambda, const float *a, const float *gamma, float *out);
// d_gamma += d_out * lambda * a; returns the sum of d_out * a * gamma, the gradient of lambda.
float rl_scaled_base_backward(size_t D, float lambda, const float *a, const float *gamma, const float *d_out,
                              float *d_gamma);

// quantization.c: weights in 4-bit blocks and 8-bit rows, bit for bit as bitsandbytes 0.50 has them on a CPU.
#define RL_NESTED_BLOCK 256  // scales that share a scale of their own
typedef struct {
  const uint8_t *codes;  // of 4 bits two a byte, the first in the high nibble
  const float *_Nullable pairs;  // (256, 2): the two values that a byte of 4-bit codes stands for
  size_t block;          // elements that share a scale: a power of 2 with 4 bits, a row with 8
  const float *_Nullable absmax;  // the scales; or null, and the scale of block i is
  // nested_code[absmax_codes[i]] * nested_absmax[i / RL_NESTED_BLOCK] + nested_offset
  const uint8_t *_Nullable absmax_codes;
  const float *_Nullable nested_code;
  const float *_Nullable nested_absmax;
  float nested_offset;
} rl_blocks;
// y (rows, n) = from element `start` on, the first n of every `stride`. The level is as for products, and no matter to the bits.
void rl_dequantize_4bit(int level, const rl_blocks *blocks, size_t start, size_t rows, size_t n, size_t stride, float *y);
// matmul_codes.c: c (rows, columns) = alpha * a b for few rows, up to rl_matmul_few_codes_rows (0 where this cannot be), added to c
// when adding. b's columns are rows of `depth` codes, from row `first` on, whose values are rounded: of 4 bits, depth is a multiple
// of the block; of 8, signed, a row is a block and depth a multiple of 32. Every `chain` of the depth is added as if it were a product
// of its own; chain, a multiple of 32, and 4-bit blocks divide one another.
typedef enum { RL_TO_F32, RL_TO_BF16, RL_TO_F16 } rl_rounding;
size_t rl_matmul_few_codes_rows(int level);
void rl_matmul_few_codes(int bits, size_t rows, size_t first, size_t columns, size_t depth, size_t chain, float alpha,
                         const float *a, size_t a_stride, const rl_blocks *b, rl_rounding rounding, int adding,
                         size_t stride, float *c);
// y = codes * scale / 127, for elements of one row
void rl_dequantize_8bit(size_t n, float scale, const int8_t *codes, float *y);
// Rounds in place to what the 16-bit type can hold.
void rl_round_bf16(size_t n, float *y);
void rl_round_f16(size_t n, float *y);
// bounds (15): midpoints between the code's sorted values; order (16): the codes in the order of their values.
void rl_quantize_4bit(size_t n, size_t block, const float *bounds, const uint8_t *order, const float *x,
                      uint8_t *codes, float *absmax);
// nearest (65536): the code whose value is nearest to each step from -1 to 1.
void rl_quantize_scales(size_t n, size_t block, const uint8_t *nearest, const float *x, uint8_t *codes,
                        float *absmax);
// One row; returns its largest absolute value.
float rl_quantize_8bit(size_t n, const float *x, int8_t *codes);
// The sum in the order of additions that torch's float32 sum has on one thread.
float rl_sum_as_torch(size_t n, const float *x);

// optimizer.c: decoupled weight decay (AdamW) as torch.optim.AdamW computes it in float32.
typedef struct {
  float learning_rate, beta2, epsilon, weight_decay;
  float one_minus_beta1, one_minus_beta2;  // rounded once from double: 1 - 0.999f is off by 1e-5
  float gradient_scale;     // the clipping factor
  float bias_correction1;   // 1 - beta1^t
  float bias_correction2_sqrt;
} rl_adamw;
void rl_adamw_step(size_t n, rl_adamw rule, const float *gradient, float *exp_avg, float *exp_avg_sq,
                   float *parameter);

#pragma clang assume_nonnull end

#endif
