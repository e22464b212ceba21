#include "kernel.h"

// Matrix products over packed panels, after Goto and van de Geijn (2008): the left matrix in panels of a few rows, the
// right one in panels of a few columns, both depth first, so that the innermost loop reads memory in order and keeps
// its part of the result in registers. How many rows and columns, the processor decides; the bits do not depend on it,
// for every element of the result is one chain of fused multiply-adds in the order of the depth.

// Vectors of 16 floats stay whole; the compiler would cut them in half for older processors' sake.
#define MATMUL_V4 __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
#define MATMUL_V3 __attribute__((target("arch=x86-64-v3")))

// What a panel is wide at most: 3 vectors of 16 floats.
#define WIDEST 48

typedef float vector4 __attribute__((vector_size(16), aligned(4)));

// Panels whose memory is written side by side.
#define ABREAST 8

// Panel q of the result holds `width` neighbours, depth first: packed[(q * depth + k) * width + i]. Neighbours that
// x does not have are zeros. What lies side by side in x is read at once, for panel after panel would leave each cache line's
// neighbours to be fetched later.
INLINE void pack_neighbours(size_t width, size_t n, size_t depth, size_t stride, const float *restrict x,
                            float *restrict packed) {
  size_t whole = n / width * width, rest = n - whole;
  for (size_t start = 0; start < whole; start += ABREAST * width) {
    size_t end = whole - start < ABREAST * width ? whole : start + ABREAST * width;
    for (size_t k = 0; k < depth; k++) {
      const float *from = x + k * stride;
      float *to = packed + start * depth + k * width;
      for (size_t first = start; first < end; first += width, to += depth * width)
        for (size_t i = 0; i < width; i++) to[i] = from[first + i];
    }
  }
  if (rest == 0) return;
  for (size_t k = 0; k < depth; k++)
    for (size_t i = 0; i < width; i++)
      packed[whole * depth + k * width + i] = i < rest ? x[k * stride + whole + i] : 0.0f;
}

// Some rows of x, 6 or 8, transposed into columns of a panel, eight of the depth at a time. Of six, two columns too many are
// written, which the next ones overwrite: the last of the depth are left to do. Returns how many were done.
INLINE size_t pack_eight(size_t rows, size_t width, size_t depth, size_t stride, const float *restrict x, float *restrict to) {
  size_t k = 0;
  for (; rows == 8 ? k + 8 <= depth : k + 8 < depth; k += 8) {
    vector8 row[8], columns[8];
    UNROLLED for (size_t i = 0; i < 8; i++) row[i] = *(const vector8 *)(x + (i < rows ? i : 0) * stride + k);
    transpose(row, columns);
    UNROLLED for (size_t i = 0; i < 8; i++) *(vector8 *)(to + (k + i) * width) = columns[i];
  }
  return k;
}

// Four rows of x, transposed into columns of a panel.
INLINE void pack_four(size_t width, size_t depth, size_t stride, const float *restrict x, float *restrict to) {
  const float *x0 = x, *x1 = x0 + stride, *x2 = x1 + stride, *x3 = x2 + stride;
  size_t k = 0;
  for (; k + 4 <= depth; k += 4) {
    vector4 a = *(const vector4 *)(x0 + k), b = *(const vector4 *)(x1 + k);
    vector4 c = *(const vector4 *)(x2 + k), d = *(const vector4 *)(x3 + k);
    vector4 ab01 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab23 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    vector4 cd01 = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd23 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(vector4 *)(to + k * width) = __builtin_shufflevector(ab01, cd01, 0, 1, 4, 5);
    *(vector4 *)(to + (k + 1) * width) = __builtin_shufflevector(ab01, cd01, 2, 3, 6, 7);
    *(vector4 *)(to + (k + 2) * width) = __builtin_shufflevector(ab23, cd23, 0, 1, 4, 5);
    *(vector4 *)(to + (k + 3) * width) = __builtin_shufflevector(ab23, cd23, 2, 3, 6, 7);
  }
  for (; k < depth; k++) {
    to[k * width] = x0[k];
    to[k * width + 1] = x1[k];
    to[k * width + 2] = x2[k];
    to[k * width + 3] = x3[k];
  }
}

// Four or eight rows, or six where a panel is no wider, transposed into columns of a panel.
INLINE void pack_some(size_t rows, size_t width, size_t depth, size_t stride, const float *restrict x, float *restrict to) {
  size_t k = rows >= 6 ? pack_eight(rows, width, depth, stride, x, to) : 0;
  for (size_t i = 0; k < depth && i < rows; i += 4) {
    // The last of six go with two that have been packed already.
    size_t first = rows - i < 4 ? rows - 4 : i;
    pack_four(width, depth - k, stride, x + first * stride + k, to + k * width + first);
  }
}

// The same panels of a matrix whose neighbours lie `stride` apart and whose depth is contiguous.
INLINE void pack_transposed(size_t width, size_t n, size_t depth, size_t stride, const float *restrict x,
                            float *restrict packed) {
  for (size_t first = 0; first < n; first += width, packed += depth * width) {
    size_t m = n - first < width ? n - first : width, i = 0;
    const float *from = x + first * stride;
    const size_t most = width == 6 ? 6 : 8;
    for (; i + most <= m; i += most) pack_some(most, width, depth, stride, from + i * stride, packed + i);
    for (; i + 4 <= m; i += 4) pack_some(4, width, depth, stride, from + i * stride, packed + i);
    for (; i < width; i++)
      for (size_t k = 0; k < depth; k++) packed[k * width + i] = i < m ? from[i * stride + k] : 0.0f;
  }
}

INLINE void pack(size_t width, size_t n, size_t depth, size_t stride, int transposed, const float *restrict x,
                 float *restrict packed) {
  if (transposed) {
    pack_transposed(width, n, depth, stride, x, packed);
  } else {
    pack_neighbours(width, n, depth, stride, x, packed);
  }
}

// One function for each number of rows and of vectors that a tile of the result may have: c (ROWS, VECTORS * LANES_) = alpha *
// sum, or c + alpha * sum. From one depth to the next lead b_step and, where rows of the left matrix are side by side,
// a_step; where they are contiguous, a_step leads from row to row.
#define TILE(TARGET, LEVEL, LANES_, ROWS, VECTORS)                                                                   \
  TILE_OF(TARGET, tile_##LEVEL##_##ROWS##_##VECTORS, LANES_, ROWS, VECTORS, 1, a_step)                               \
  TILE_OF(TARGET, row_tile_##LEVEL##_##ROWS##_##VECTORS, LANES_, ROWS, VECTORS, a_step, 1)
#define TILE_OF(TARGET, NAME, LANES_, ROWS, VECTORS, NEXT_ROW, NEXT_DEPTH)                                           \
  TARGET static void NAME(size_t depth, float alpha, const float *restrict a, size_t a_step,                         \
                          const float *restrict b, size_t b_step, int adding, size_t stride, float *restrict c) {    \
    typedef float vector __attribute__((vector_size(4 * LANES_), aligned(4)));                                       \
    vector sums[ROWS][VECTORS];                                                                                      \
    UNROLLED for (int i = 0; i < ROWS; i++) UNROLLED for (int j = 0; j < VECTORS; j++) sums[i][j] = (vector){0};     \
    for (size_t k = 0; k < depth; k++, a += NEXT_DEPTH, b += b_step) {                                               \
      vector right[VECTORS];                                                                                         \
      UNROLLED for (int j = 0; j < VECTORS; j++) right[j] = *(const vector *)(b + j * LANES_);                       \
      UNROLLED for (int i = 0; i < ROWS; i++) {                                                                      \
        vector left = a[i * NEXT_ROW] - (vector){0};                                                                 \
        UNROLLED for (int j = 0; j < VECTORS; j++)                                                                   \
          sums[i][j] = __builtin_elementwise_fma(left, right[j], sums[i][j]);                                        \
      }                                                                                                              \
    }                                                                                                                \
    UNROLLED for (int i = 0; i < ROWS; i++) UNROLLED for (int j = 0; j < VECTORS; j++) {                             \
      vector *to = (vector *)(c + i * stride + j * LANES_);                                                          \
      *to = adding ? *to + alpha * sums[i][j] : alpha * sums[i][j];                                                  \
    }                                                                                                                \
  }

typedef void tile_function(size_t depth, float alpha, const float *restrict a, size_t a_step, const float *restrict b,
                           size_t b_step, int adding, size_t stride, float *restrict c);

// A tile whose last vector is not full goes through memory of its own.
INLINE void edge(tile_function *tile, size_t rows, size_t columns, size_t depth, float alpha, const float *a, size_t a_step,
                 const float *b, size_t b_step, int adding, size_t stride, float *c) {
  float whole[8 * WIDEST];
  tile(depth, alpha, a, a_step, b, b_step, 0, WIDEST, whole);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      float sum = whole[i * WIDEST + j];
      c[i * stride + j] = adding ? c[i * stride + j] + sum : sum;
    }
}

// Rows that are multiplied at a time where columns are not packed, and how many are too few for packing to pay.
#define FEW_ABREAST 4
#define FEW_ROWS 16

// The first or second of the two bfloat16 in each lane, as floats.
INLINE void half_of(const vector8 *words, size_t second, vector8 *half) {
  typedef uint32_t bits __attribute__((vector_size(32)));
  *half = (vector8)(second ? (bits)*words & 0xFFFF0000 : (bits)*words << 16);
}

// Up to 4 rows of the left matrix, contiguous each, times up to 8 columns of the right one, contiguous each: these are transposed
// in registers, eight words at a time, each of which is a float or two bfloat16. An element is the same chain as in the tiles,
// or two of them, one after another in the depth but side by side here: the multiply-adds of one wait for one another. Where
// `fetching`, the next eight columns are asked for, a cache line at a time, for the second cache: for the first one they
// would wait in line with what is read at once.
INLINE void few(int bf16, size_t rows, size_t chains, size_t columns, size_t depth, float alpha, const float *restrict a,
                size_t a_stride, const void *restrict b, size_t b_stride, int fetching, int adding, size_t stride,
                float *restrict c) {
  const size_t each = bf16 ? 2 : 1, size = sizeof(float) / each;
  vector8 sums[2][FEW_ABREAST] = {{{0}}}, row[8], words[2][8];
  for (size_t k = 0; k < depth; k += 8 * each) {
    UNROLLED for (size_t g = 0; g < chains; g++) {
      UNROLLED for (size_t i = 0; i < 8; i++) {
        const char *from = (const char *)b + ((i < columns ? i : 0) * b_stride + g * depth + k) * size;
        if (fetching && k * size % 64 == 0) __builtin_prefetch(from + 8 * b_stride * size, 0, 2);
        __builtin_memcpy(&row[i], from, sizeof row[i]);
      }
      transpose(row, words[g]);
    }
    UNROLLED for (size_t i = 0; i < 8 * each; i++) UNROLLED for (size_t g = 0; g < chains; g++) {
      vector8 right = words[g][i / each];
      if (bf16) half_of(&words[g][i / 2], i % 2, &right);
      UNROLLED for (size_t r = 0; r < rows; r++)
        sums[g][r] = __builtin_elementwise_fma(a[r * a_stride + g * depth + k + i] - (vector8){0}, right, sums[g][r]);
    }
  }
  UNROLLED for (size_t g = 0; g < chains; g++) UNROLLED for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < columns; i++) {
      float sum = alpha * sums[g][r][i];
      c[r * stride + i] = adding || g > 0 ? c[r * stride + i] + sum : sum;
    }
}

typedef void few_function(size_t columns, size_t depth, float alpha, const float *a, size_t a_stride, const void *b,
                          size_t b_stride, int fetching, int adding, size_t stride, float *c);

#define FEW(BF16, ROWS, CHAINS)                                                                                         \
  MATMUL_V3 static void few_##BF16##_##ROWS##_##CHAINS(                                                                 \
      size_t columns, size_t depth, float alpha, const float *a, size_t a_stride, const void *b, size_t b_stride,       \
      int fetching, int adding, size_t stride, float *c) {                                                              \
    if (columns == 8) {                                                                                                 \
      few(BF16, ROWS, CHAINS, 8, depth, alpha, a, a_stride, b, b_stride, fetching, adding, stride, c);                  \
    } else {                                                                                                            \
      few(BF16, ROWS, CHAINS, columns, depth, alpha, a, a_stride, b, b_stride, 0, adding, stride, c);                   \
    }                                                                                                                   \
  }
FEW(0, 1, 1) FEW(0, 2, 1) FEW(0, 3, 1) FEW(0, 4, 1) FEW(0, 1, 2)
FEW(1, 1, 1) FEW(1, 2, 1) FEW(1, 3, 1) FEW(1, 4, 1) FEW(1, 1, 2)
// By whether the right matrix is bfloat16, and by rows; and one row with two chains.
static few_function *const few_tiles[2][FEW_ABREAST] = {
    {few_0_1_1, few_0_2_1, few_0_3_1, few_0_4_1}, {few_1_1_1, few_1_2_1, few_1_3_1, few_1_4_1}};
static few_function *const few_pairs[2] = {few_0_1_2, few_1_1_2};

// What computes at a level of the instruction set: panels of `rows` and of `lanes * vectors` neighbours, how they are
// packed, and a tile for each number of rows and of vectors; row_tiles for a left matrix of contiguous rows. A
// panel of columns that fits into the first cache meets `resident` rows of the left matrix, which the second one holds; one
// that does not meets a panel of rows.
struct level {
  size_t rows, lanes, vectors, resident;
  void (*pack_rows)(size_t n, size_t depth, size_t stride, int transposed, const float *x, float *packed);
  void (*pack_columns)(size_t n, size_t depth, size_t stride, int transposed, const float *x, float *packed);
  tile_function *const *tiles, *const *row_tiles;
};

// The level of some tiles; the sizes of panels are known where they are packed, for the compiler's sake.
#define LEVEL(TARGET, NAME, ROWS, LANES_, VECTORS, RESIDENT)                                                       \
  TARGET static void pack_rows_##NAME(size_t n, size_t depth, size_t stride, int transposed, const float *x,       \
                                      float *packed) {                                                             \
    pack(ROWS, n, depth, stride, transposed, x, packed);                                                           \
  }                                                                                                                \
  TARGET static void pack_columns_##NAME(size_t n, size_t depth, size_t stride, int transposed, const float *x,    \
                                         float *packed) {                                                          \
    pack(LANES_ * VECTORS, n, depth, stride, transposed, x, packed);                                               \
  }                                                                                                                \
  static const struct level NAME = {ROWS, LANES_, VECTORS, RESIDENT, pack_rows_##NAME, pack_columns_##NAME, tiles_##NAME, row_tiles_##NAME};

#define V4_TILE(ROWS, VECTORS) TILE(MATMUL_V4, v4, 16, ROWS, VECTORS)
#define V4_ROWS(ROWS) V4_TILE(ROWS, 1) V4_TILE(ROWS, 2) V4_TILE(ROWS, 3)
#define V4_NAMES(KIND, ROWS) KIND##_v4_##ROWS##_1, KIND##_v4_##ROWS##_2, KIND##_v4_##ROWS##_3
#define V4_ALL(KIND)                                                                                       \
  V4_NAMES(KIND, 1), V4_NAMES(KIND, 2), V4_NAMES(KIND, 3), V4_NAMES(KIND, 4), V4_NAMES(KIND, 5),           \
      V4_NAMES(KIND, 6), V4_NAMES(KIND, 7), V4_NAMES(KIND, 8)
V4_ROWS(1) V4_ROWS(2) V4_ROWS(3) V4_ROWS(4) V4_ROWS(5) V4_ROWS(6) V4_ROWS(7) V4_ROWS(8)
static tile_function *const tiles_v4[] = {V4_ALL(tile)}, *const row_tiles_v4[] = {V4_ALL(row_tile)};
LEVEL(MATMUL_V4, v4, 8, 16, 3, 8)

#define V3_TILE(ROWS, VECTORS) TILE(MATMUL_V3, v3, 8, ROWS, VECTORS)
#define V3_ROWS(ROWS) V3_TILE(ROWS, 1) V3_TILE(ROWS, 2)
#define V3_NAMES(KIND, ROWS) KIND##_v3_##ROWS##_1, KIND##_v3_##ROWS##_2
#define V3_ALL(KIND) \
  V3_NAMES(KIND, 1), V3_NAMES(KIND, 2), V3_NAMES(KIND, 3), V3_NAMES(KIND, 4), V3_NAMES(KIND, 5), V3_NAMES(KIND, 6)
V3_ROWS(1) V3_ROWS(2) V3_ROWS(3) V3_ROWS(4) V3_ROWS(5) V3_ROWS(6)
static tile_function *const tiles_v3[] = {V3_ALL(tile)}, *const row_tiles_v3[] = {V3_ALL(row_tile)};
LEVEL(MATMUL_V3, v3, 6, 8, 2, 192)

// Without fused multiply-add in the processor the C library's gives the same bits, slowly.
#define BASE_TILE(ROWS) TILE(, base, 4, ROWS, 1)
BASE_TILE(1) BASE_TILE(2) BASE_TILE(3) BASE_TILE(4)
#define BASE_ALL(KIND) KIND##_base_1_1, KIND##_base_2_1, KIND##_base_3_1, KIND##_base_4_1
static tile_function *const tiles_base[] = {BASE_ALL(tile)}, *const row_tiles_base[] = {BASE_ALL(row_tile)};
LEVEL(, base, 4, 4, 1, 4)

static const struct level *find(int level) { return level == 4 ? &v4 : level == 3 ? &v3 : &base; }

int rl_matmul_level(void) {
  return __builtin_cpu_supports("x86-64-v4") ? 4 : __builtin_cpu_supports("x86-64-v3") ? 3 : 1;
}

size_t rl_matmul_panel_rows(int level) { return find(level)->rows; }

size_t rl_matmul_panel_columns(int level) { return find(level)->lanes * find(level)->vectors; }

size_t rl_matmul_lanes(int level) { return find(level)->lanes; }

void rl_matmul_pack_rows(int level, size_t n, size_t depth, size_t stride, int transposed, const float *x, float *packed) {
  find(level)->pack_rows(n, depth, stride, transposed, x, packed);
}

void rl_matmul_pack_columns(int level, size_t n, size_t depth, size_t stride, int transposed, const float *x,
                            float *packed) {
  find(level)->pack_columns(n, depth, stride, transposed, x, packed);
}

void rl_matmul_block(int level, size_t rows, size_t columns, size_t depth, float alpha, const float *a, size_t a_step,
                     size_t a_next, int a_rows, const float *b, size_t b_step, size_t b_next, int adding, size_t stride,
                     float *c) {
  const struct level *on = find(level);
  tile_function *const *tiles = a_rows ? on->row_tiles : on->tiles;
  size_t width = on->lanes * on->vectors;
  for (size_t first = 0; first < rows; first += on->resident, a += on->resident / on->rows * a_next) {
    size_t end = rows - first < on->resident ? rows : first + on->resident;
    const float *right = b;
    for (size_t j = 0; j < columns; j += width, right += b_next) {
      const float *left = a;
      for (size_t i = first; i < end; i += on->rows, left += a_next) {
        size_t m = rows - i < on->rows ? rows - i : on->rows, n = columns - j < width ? columns - j : width;
        tile_function *tile = tiles[(m - 1) * on->vectors + (n - 1) / on->lanes];
        float *to = c + i * stride + j;
        if (n % on->lanes == 0) {
          tile(depth, alpha, left, a_step, right, b_step, adding, stride, to);
        } else {
          edge(tile, m, n, depth, alpha, left, a_step, right, b_step, adding, stride, to);
        }
      }
    }
  }
}

size_t rl_matmul_few_rows(int level) { return level >= 3 ? FEW_ROWS : 0; }

void rl_matmul_few(size_t rows, size_t columns, size_t depth, size_t chain, float alpha, const float *a, size_t a_stride,
                   const void *b, int bf16, size_t b_stride, int adding, size_t stride, float *c) {
  size_t size = bf16 ? sizeof(uint16_t) : sizeof(float);
  for (size_t j = 0; j < columns; j += 8)
    for (size_t k = 0; k < depth;) {
      size_t chains = rows == 1 && depth - k >= 2 * chain ? 2 : 1, length = depth - k < chain ? depth - k : chain;
      for (size_t i = 0; i < rows; i += FEW_ABREAST) {
        size_t m = rows - i < FEW_ABREAST ? rows - i : FEW_ABREAST, n = columns - j < 8 ? columns - j : 8;
        few_function *multiply = chains == 2 ? few_pairs[bf16] : few_tiles[bf16][m - 1];
        multiply(n, length, alpha, a + i * a_stride + k, a_stride, (const char *)b + (j * b_stride + k) * size, b_stride,
                 i == 0 && j + 16 <= columns, adding || k > 0, stride, c + i * stride + j);
      }
      k += chains * length;
    }
}
