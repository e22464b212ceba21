#include "kernel.h"
#include <immintrin.h>

// Products of few rows with columns of 4-bit or 8-bit codes, as generating needs them: what is read from memory is an eighth or
// a quarter of what floats would be, and goes into the products without becoming floats in memory. Eight columns lie
// side by side in a register, each lane a column: their codes at one depth are decoded, scaled and multiplied at once. An
// element is the same chain of fused multiply-adds as in matmul.c, of the same values as in quantization.c.

#define V3 __attribute__((target("arch=x86-64-v3")))
#define ABREAST 8
// Codes of a column that are read at once.
#define AT_ONCE 32
#define MOST_WORDS 8
#define MOST_ROWS 4

// The value that each lane's 4-bit code stands for, the place-th of eight in a word: of a byte the high one comes first.
V3 INLINE __m256 look_up(__m256i words, int place, __m256 low, __m256 high) {
  const int shift = 4 * (place ^ 1);
  __m256i code = _mm256_srli_epi32(words, shift);
  __m256 is_high = _mm256_castsi256_ps(_mm256_slli_epi32(words, 28 - shift));  // bit 3 becomes the sign
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, code), _mm256_permutevar8x32_ps(high, code), is_high);
}

// Each lane's 8-bit code, the place-th of four in a word.
V3 INLINE __m256 convert(__m256i words, int place) {
  return _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(words, 24 - 8 * place), 24));
}

V3 INLINE __m256 rounded(rl_rounding rounding, __m256 x) {
  if (rounding == RL_TO_BF16) {
    __m256i bits = _mm256_castps_si256(x), odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    bits = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
    return _mm256_castsi256_ps(_mm256_and_si256(bits, _mm256_set1_epi32((int)0xFFFF0000)));
  }
  return rounding == RL_TO_F16 ? _mm256_cvtph_ps(_mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT)) : x;
}

// 16 bytes of each of eight columns, as four registers with a word of each column.
V3 INLINE void read_words(const uint8_t *const *codes, size_t offset, __m256i *to) {
  __m256i pair[4];
  for (int i = 0; i < 4; i++)
    pair[i] = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(codes[i] + offset))),
        _mm_loadu_si128((const __m128i *)(codes[i + 4] + offset)), 1);
  __m256i a = _mm256_unpacklo_epi32(pair[0], pair[1]), b = _mm256_unpacklo_epi32(pair[2], pair[3]);
  __m256i c = _mm256_unpackhi_epi32(pair[0], pair[1]), d = _mm256_unpackhi_epi32(pair[2], pair[3]);
  to[0] = _mm256_unpacklo_epi64(a, b);
  to[1] = _mm256_unpackhi_epi64(a, b);
  to[2] = _mm256_unpacklo_epi64(c, d);
  to[3] = _mm256_unpackhi_epi64(c, d);
}

// Some rows times up to eight columns, along one chain, or two that follow one another in the depth and do not wait for one
// another. `codes` and `block`: where each column's codes begin, and in which block of scales; where columns are fewer, the
// others repeat one and are not written. What lies `next` bytes further is asked for (nothing when 0).
V3 INLINE void few(int bits, rl_rounding rounding, size_t rows, size_t chains, size_t columns, size_t depth, float alpha,
                   const float *restrict a, size_t a_stride, const rl_blocks *b, const uint8_t **codes, const size_t *block,
                   size_t next, int adding, size_t stride, float *restrict c) {
  const size_t bytes = AT_ONCE * bits / 8, each = 32 / bits;
  float values[16] = {0}, line[ABREAST];
  if (bits == 4) sixteen_values(b->pairs, values);
  const __m256 low = _mm256_loadu_ps(values), high = _mm256_loadu_ps(values + 8);
  __m256 scales[2], sums[2][MOST_ROWS];
  UNROLLED for (size_t g = 0; g < chains; g++) UNROLLED for (size_t r = 0; r < rows; r++) sums[g][r] = _mm256_setzero_ps();
  for (size_t k = 0; k < depth; k += AT_ONCE) {
    __m256i word[2][MOST_WORDS];
    UNROLLED for (size_t g = 0; g < chains; g++) {
      if (bits == 4 ? (k & (b->block - 1)) == 0 : k == 0) {
        for (int i = 0; i < ABREAST; i++) line[i] = block_scale(b, block[i] + (g * depth + k) / b->block);
        scales[g] = _mm256_loadu_ps(line);
      }
      UNROLLED for (size_t at = 0; at < bytes; at += 16) read_words(codes, g * depth * bits / 8 + at, word[g] + at / 4);
      if (next > 0 && k * bits / 8 % 64 == 0)
        for (int i = 0; i < ABREAST; i++) __builtin_prefetch(codes[i] + g * depth * bits / 8 + next, 0, 2);
    }
    for (int i = 0; i < ABREAST; i++) codes[i] += bytes;
    UNROLLED for (size_t e = 0; e < AT_ONCE; e++) UNROLLED for (size_t g = 0; g < chains; g++) {
      __m256i words = word[g][e / each];
      __m256 value = _mm256_mul_ps(bits == 4 ? look_up(words, e % 8, low, high) : convert(words, e % 4), scales[g]);
      if (bits == 8) value = _mm256_mul_ps(value, _mm256_set1_ps(ONE_127TH));
      value = rounded(rounding, value);
      UNROLLED for (size_t r = 0; r < rows; r++)
        sums[g][r] = _mm256_fmadd_ps(_mm256_set1_ps(a[r * a_stride + g * depth + k + e]), value, sums[g][r]);
    }
  }
  UNROLLED for (size_t g = 0; g < chains; g++) UNROLLED for (size_t r = 0; r < rows; r++) {
    _mm256_storeu_ps(line, sums[g][r]);
    for (size_t i = 0; i < columns; i++) {
      float *to = c + r * stride + i, sum = alpha * line[i];
      *to = adding || g > 0 ? *to + sum : sum;
    }
  }
}

typedef void few_function(size_t columns, size_t depth, float alpha, const float *a, size_t a_stride, const rl_blocks *b,
                          const uint8_t **codes, const size_t *block, size_t next, int adding, size_t stride, float *c);

#define FEW(BITS, ROUNDING, ROWS, CHAINS)                                                                               \
  V3 static void few_##BITS##_##ROUNDING##_##ROWS##_##CHAINS(                                                           \
      size_t columns, size_t depth, float alpha, const float *a, size_t a_stride, const rl_blocks *b,                   \
      const uint8_t **codes, const size_t *block, size_t next, int adding, size_t stride, float *c) {                   \
    few(BITS, ROUNDING, ROWS, CHAINS, columns, depth, alpha, a, a_stride, b, codes, block, next, adding, stride, c);    \
  }
#define FEW_OF(BITS, ROUNDING)                                                                                          \
  FEW(BITS, ROUNDING, 1, 1) FEW(BITS, ROUNDING, 2, 1) FEW(BITS, ROUNDING, 3, 1) FEW(BITS, ROUNDING, 4, 1)               \
  FEW(BITS, ROUNDING, 1, 2) FEW(BITS, ROUNDING, 2, 2)
#define NAMES(BITS, ROUNDING)                                                                                           \
  {{few_##BITS##_##ROUNDING##_1_1, few_##BITS##_##ROUNDING##_2_1, few_##BITS##_##ROUNDING##_3_1,                        \
    few_##BITS##_##ROUNDING##_4_1},                                                                                     \
   {few_##BITS##_##ROUNDING##_1_2, few_##BITS##_##ROUNDING##_2_2}}
FEW_OF(4, RL_TO_F32) FEW_OF(4, RL_TO_BF16) FEW_OF(4, RL_TO_F16)
FEW_OF(8, RL_TO_F32) FEW_OF(8, RL_TO_BF16) FEW_OF(8, RL_TO_F16)
// By bits, by what values are rounded to, by chains and by rows.
static few_function *const few_functions[2][3][2][MOST_ROWS] = {
    {[RL_TO_F32] = NAMES(4, RL_TO_F32), [RL_TO_BF16] = NAMES(4, RL_TO_BF16), [RL_TO_F16] = NAMES(4, RL_TO_F16)},
    {[RL_TO_F32] = NAMES(8, RL_TO_F32), [RL_TO_BF16] = NAMES(8, RL_TO_BF16), [RL_TO_F16] = NAMES(8, RL_TO_F16)}};

size_t rl_matmul_few_codes_rows(int level) { return level >= 3 ? MOST_ROWS : 0; }

void rl_matmul_few_codes(int bits, size_t rows, size_t first, size_t columns, size_t depth, size_t chain, float alpha,
                         const float *a, size_t a_stride, const rl_blocks *b, rl_rounding rounding, int adding,
                         size_t stride, float *c) {
  for (size_t j = 0; j < columns; j += ABREAST)
    for (size_t k = 0; k < depth;) {
      size_t chains = rows <= 2 && depth - k >= 2 * chain ? 2 : 1, length = depth - k < chain ? depth - k : chain;
      const uint8_t *codes[ABREAST];
      size_t block[ABREAST], n = columns - j < ABREAST ? columns - j : ABREAST;
      for (size_t i = 0; i < ABREAST; i++) {
        size_t element = (first + j + (i < n ? i : 0)) * depth + k;
        codes[i] = b->codes + element * bits / 8;
        block[i] = element / b->block;
      }
      size_t next = j + 2 * ABREAST <= columns ? ABREAST * depth * bits / 8 : 0;
      few_functions[bits == 8][rounding][chains - 1][rows - 1](
          n, length, alpha, a + k, a_stride, b, codes, block, next, adding || k > 0, stride, c + j);
      k += chains * length;
    }
}
