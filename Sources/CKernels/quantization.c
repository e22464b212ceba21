#include "kernel.h"
#include <immintrin.h>
#include <math.h>

// Elements that lie in whole bytes of one block: the processor looks up as many values at a time as its registers hold.
typedef void lookup_function(size_t bytes, const uint8_t *codes, const float *pairs, float scale, float *y);

INLINE void lookup_pairs(size_t bytes, const uint8_t *restrict codes, const float *restrict pairs, float scale,
                         float *restrict y) {
  for (size_t i = 0; i < bytes; i++) {
    y[2 * i] = pairs[2 * codes[i]] * scale;
    y[2 * i + 1] = pairs[2 * codes[i] + 1] * scale;
  }
}

static void lookup(size_t bytes, const uint8_t *codes, const float *pairs, float scale, float *y) {
  lookup_pairs(bytes, codes, pairs, scale, y);
}

// 8 bytes as 16 codes in the order of their elements.
INLINE __m128i sixteen_codes(const uint8_t *codes) {
  __m128i x = _mm_loadl_epi64((const __m128i *)codes), low = _mm_set1_epi8(15);
  return _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(x, 4), low), _mm_and_si128(x, low));
}

__attribute__((target("arch=x86-64-v3"))) static void lookup_v3(size_t bytes, const uint8_t *codes, const float *pairs,
                                                                float scale, float *y) {
  float values[16];
  sixteen_values(pairs, values);
  __m256 low = _mm256_loadu_ps(values), high = _mm256_loadu_ps(values + 8), scales = _mm256_set1_ps(scale);
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    __m128i both = sixteen_codes(codes + i);
    for (int half = 0; half < 2; half++, both = _mm_srli_si128(both, 8)) {
      __m256i code = _mm256_cvtepu8_epi32(both);
      __m256 is_high = _mm256_castsi256_ps(_mm256_slli_epi32(code, 28));  // bit 3 becomes the sign
      __m256 value = _mm256_blendv_ps(
          _mm256_permutevar8x32_ps(low, code), _mm256_permutevar8x32_ps(high, code), is_high);
      _mm256_storeu_ps(y + 2 * i + 8 * half, _mm256_mul_ps(value, scales));
    }
  }
  lookup_pairs(bytes - i, codes + i, pairs, scale, y + 2 * i);
}

__attribute__((target("arch=x86-64-v4"))) static void lookup_v4(size_t bytes, const uint8_t *codes, const float *pairs,
                                                                float scale, float *y) {
  float values[16];
  sixteen_values(pairs, values);
  __m512 table = _mm512_loadu_ps(values), scales = _mm512_set1_ps(scale);
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    __m512 value = _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(sixteen_codes(codes + i)), table);
    _mm512_storeu_ps(y + 2 * i, _mm512_mul_ps(value, scales));
  }
  lookup_pairs(bytes - i, codes + i, pairs, scale, y + 2 * i);
}

static void dequantize_run(lookup_function *lookup, const rl_blocks *b, size_t start, size_t n, float *y) {
  size_t end = start + n, i = start;
  for (size_t block = start / b->block; i < end; block++) {
    size_t stop = (block + 1) * b->block < end ? (block + 1) * b->block : end;
    float scale = block_scale(b, block);
    if (i & 1) *y++ = b->pairs[2 * b->codes[i++ / 2] + 1] * scale;
    size_t bytes = (stop - i) / 2;
    lookup(bytes, b->codes + i / 2, b->pairs, scale, y);
    i += 2 * bytes;
    y += 2 * bytes;
    if (i < stop) *y++ = b->pairs[2 * b->codes[i++ / 2]] * scale;
  }
}

void rl_dequantize_4bit(int level, const rl_blocks *b, size_t start, size_t rows, size_t n, size_t stride, float *y) {
  lookup_function *best = level == 4 ? lookup_v4 : level == 3 ? lookup_v3 : lookup;
  for (size_t row = 0; row < rows; row++) dequantize_run(best, b, start + row * stride, n, y + row * n);
}

KERNEL void rl_dequantize_8bit(size_t n, float scale, const int8_t *restrict codes, float *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] = (float)codes[i] * scale * ONE_127TH;
}

KERNEL void rl_round_bf16(size_t n, float *y) {
  uint32_t *bits = (uint32_t *)y;
  for (size_t i = 0; i < n; i++) bits[i] = (bits[i] + 0x7FFF + ((bits[i] >> 16) & 1)) & 0xFFFF0000;
}

KERNEL void rl_round_f16(size_t n, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = (float)(_Float16)y[i];
}

INLINE float absolute_maximum(size_t n, const float *x) {
  float lanes[LANES] = {0};
  size_t whole = n - n % LANES;
  for (size_t i = 0; i < whole; i += LANES)
    for (int j = 0; j < LANES; j++) lanes[j] = fabsf(x[i + j]) > lanes[j] ? fabsf(x[i + j]) : lanes[j];
  for (size_t i = whole; i < n; i++) lanes[0] = fabsf(x[i]) > lanes[0] ? fabsf(x[i]) : lanes[0];
  for (int j = 1; j < LANES; j++) lanes[0] = lanes[j] > lanes[0] ? lanes[j] : lanes[0];
  return lanes[0];
}

// The number of bounds below each value: its place among the sorted code values.
INLINE void places(size_t n, const float *bounds, const float *scaled, int32_t *place) {
  for (size_t j = 0; j < n; j++) place[j] = 0;
  for (int k = 0; k < 15; k++)
    for (size_t j = 0; j < n; j++) place[j] += bounds[k] < scaled[j];
}

KERNEL void rl_quantize_4bit(size_t n, size_t block, const float *bounds, const uint8_t *order,
                             const float *restrict x, uint8_t *restrict codes, float *restrict absmax) {
  enum { CHUNK = 32 };  // divides every block
  for (size_t start = 0; start < n; start += block) {
    // A short last block divides, the others multiply with the reciprocal: bitsandbytes does so.
    size_t count = n - start < block ? n - start : block;
    float maximum = absolute_maximum(count, x + start);
    float safe = maximum > 1e-38f ? maximum : 1e-38f, inverse = 1.0f / safe;
    absmax[start / block] = count < block ? safe : maximum;
    for (size_t i = 0; i < count; i += CHUNK) {
      size_t chunk = count - i < CHUNK ? count - i : CHUNK;
      float scaled[CHUNK] = {0};
      int32_t place[CHUNK];
      for (size_t j = 0; j < chunk; j++) {
        float value = x[start + i + j];
        value = count < block ? value / safe : value * inverse;
        scaled[j] = value < -1.0f ? -1.0f : value > 1.0f ? 1.0f : value;
      }
      places(CHUNK, bounds, scaled, place);
      uint8_t *out = codes + (start + i) / 2;
      for (size_t j = 0; j < chunk; j += 2) out[j / 2] = (uint8_t)(order[place[j]] << 4 | order[place[j + 1]]);
    }
  }
}

KERNEL void rl_quantize_scales(size_t n, size_t block, const uint8_t *nearest, const float *restrict x,
                               uint8_t *restrict codes, float *restrict absmax) {
  for (size_t start = 0; start < n; start += block) {
    size_t count = n - start < block ? n - start : block;
    float maximum = absolute_maximum(count, x + start);
    float inverse = maximum > 0 ? 1.0f / maximum : 0.0f;
    absmax[start / block] = maximum;
    for (size_t i = start; i < start + count; i++) {
      int32_t step = (int32_t)floorf((x[i] * inverse + 1.0f) * 32767.5f + 0.5f);
      codes[i] = maximum > 0 ? nearest[step < 0 ? 0 : step > 65535 ? 65535 : step] : 0;
    }
  }
}

KERNEL float rl_quantize_8bit(size_t n, const float *restrict x, int8_t *restrict codes) {
  float maximum = absolute_maximum(n, x);
  float factor = maximum > 0 ? 127.0f / maximum : 0.0f;
  for (size_t i = 0; i < n; i++) codes[i] = (int8_t)rintf(x[i] * factor);
  return maximum;
}

KERNEL float rl_sum_as_torch(size_t n, const float *restrict x) {
  enum { VECTOR = 8, ROWS = 4, WIDTH = VECTOR * ROWS, LEVELS = 4 };
  float acc[LEVELS][WIDTH] = {{0}};
  size_t vectors = n / VECTOR, size = vectors / ROWS;
  int bits = 0;
  while (((size_t)1 << bits) < size) bits++;
  int power = bits / LEVELS > 4 ? bits / LEVELS : 4;
  size_t step = (size_t)1 << power, i = 0;
  while (i + step <= size) {
    for (size_t j = 0; j < step; j++, i++)
      for (int k = 0; k < WIDTH; k++) acc[0][k] += x[i * WIDTH + k];
    for (int level = 1; level < LEVELS; level++) {
      for (int k = 0; k < WIDTH; k++) {
        acc[level][k] += acc[level - 1][k];
        acc[level - 1][k] = 0;
      }
      if (i & ((step - 1) << (level * power))) break;
    }
  }
  for (; i < size; i++)
    for (int k = 0; k < WIDTH; k++) acc[0][k] += x[i * WIDTH + k];
  for (int level = 1; level < LEVELS; level++)
    for (int k = 0; k < WIDTH; k++) acc[0][k] += acc[level][k];
  for (size_t v = size * ROWS; v < vectors; v++)
    for (int k = 0; k < VECTOR; k++) acc[0][k] += x[v * VECTOR + k];
  for (int row = 1; row < ROWS; row++)
    for (int k = 0; k < VECTOR; k++) acc[0][k] += acc[0][row * VECTOR + k];
  float sum = 0;
  for (size_t j = vectors * VECTOR; j < n; j++) sum += x[j];
  for (int k = 0; k < VECTOR; k++) sum += acc[0][k];
  return sum;
}
