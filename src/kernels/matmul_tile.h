/* matmul_tile.h - quantised activations times eight rows of quantised weights at a time (internal to
 * kernels/).
 *
 * A dot product along one row ends in a sum across a register, which costs as much as the product.  Here a
 * register holds the same few columns of eight rows instead: one lane is one output, blocks are added to it
 * in index order as the reference does, and nothing is summed across.  The weights are put into that order
 * on the stack, a tile of eight rows by up to 1024 columns (8 or 16 KB, it stays in the first-level cache),
 * and read again for every row of activations.
 *
 * Limits of the AVX2 path.  maddubs multiplies unsigned by signed bytes and adds neighbours in 16 bits, so
 * it is given |w| and x with the sign of w: |w| <= 128 and |x| <= 127 make 2 * 128 * 127 = 32512 at most,
 * below 2^15.  (-128 keeps its bit pattern as |w|, which read unsigned is 128.)  The eight results of a
 * block may be added in 16 bits too where |w| <= 8, since 8 * 2 * 8 * 127 = 16256: that is `narrow`.  The
 * simd128 path widens to 16 bits and multiplies into 32; its products are far from any limit. */
#ifndef PAL_MATMUL_TILE_H
#define PAL_MATMUL_TILE_H

#include "blocks.h"
#include "lanes.h"

#include <stdalign.h>

enum { TILE_ROWS = 8, TILE_BLOCKS = 32 };

/* What of a type the tile needs to know. */
typedef struct {
    pal_unpack_fn *unpack;
    size_t block_bytes;
    bool narrow; /* |w| <= 8 */
} tile_format;

/* One product, as the kernel got it. */
typedef struct {
    float *y;               /* [n, rows] */
    const int8_t *xq;       /* [n, blocks * 32] */
    const float *xs;        /* [n, blocks] */
    const unsigned char *w; /* [rows, blocks] */
    int n, rows, blocks;
} tile_product;

/* Blocks first .. first + blocks of rows row .. row + rows. */
typedef struct {
    int row, rows, first, blocks;
} tile_span;

/* One block of each of the tile's rows, scales as halves; rows beyond the matrix are zeros, and their outputs
 * are dropped. */
static inline void tile_unpack(int8_t q[TILE_ROWS][PAL_BLOCK], uint16_t scale[TILE_ROWS], const tile_product *p,
                               const tile_format *format, const tile_span *span, int block)
{
    for (int r = 0; r < TILE_ROWS; r++) {
        if (r < span->rows) {
            size_t index = (size_t)(span->row + r) * (size_t)p->blocks + (size_t)(span->first + block);
            format->unpack(q[r], p->w + index * format->block_bytes);
            scale[r] = pal_load_u16(p->w + index * format->block_bytes);
        } else {
            memset(q[r], 0, PAL_BLOCK);
            scale[r] = 0;
        }
    }
}

/* The sums so far of one row of activations: zero at first, later what the last tile stored. */
static inline void tile_load_sums(float sums[TILE_ROWS], const tile_product *p, const tile_span *span, int i)
{
    memset(sums, 0, TILE_ROWS * sizeof *sums);
    if (span->first > 0)
        memcpy(sums, p->y + (size_t)i * (size_t)p->rows + span->row, (size_t)span->rows * sizeof *sums);
}

static inline void tile_store_sums(const float sums[TILE_ROWS], const tile_product *p, const tile_span *span, int i)
{
    memcpy(p->y + (size_t)i * (size_t)p->rows + span->row, sums, (size_t)span->rows * sizeof *sums);
}

/* Runs `tile` over the whole matrix, the blocks of a row in order. */
typedef void tile_fn(const tile_product *p, const tile_format *format, const tile_span *span);

static inline void tile_run(const tile_product *p, const tile_format *format, tile_fn *tile)
{
    for (int row = 0; row < p->rows; row += TILE_ROWS)
        for (int first = 0; first < p->blocks; first += TILE_BLOCKS) {
            int rows = p->rows - row, blocks = p->blocks - first;
            tile_span span = {row, rows < TILE_ROWS ? rows : TILE_ROWS, first,
                              blocks < TILE_BLOCKS ? blocks : TILE_BLOCKS};
            tile(p, format, &span);
        }
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

typedef struct {
    alignas(16) int16_t q[TILE_BLOCKS][PAL_BLOCK / 2][TILE_ROWS][2]; /* pairs of columns, row by row */
    alignas(16) float scale[TILE_BLOCKS][TILE_ROWS];
} tile_simd128;

static inline void tile_pack_simd128(tile_simd128 *t, const tile_product *p, const tile_format *format,
                                     const tile_span *span)
{
    for (int b = 0; b < span->blocks; b++) {
        int8_t q[TILE_ROWS][PAL_BLOCK];
        uint16_t scale[TILE_ROWS];
        tile_unpack(q, scale, p, format, span, b);
        wasm_v128_store(t->scale[b], pal_load_f16_simd128(scale));
        wasm_v128_store(t->scale[b] + 4, pal_load_f16_simd128(scale + 4));
        for (int r = 0; r < TILE_ROWS; r += 4)
            for (int c = 0; c < PAL_BLOCK; c += 8) {
                v128_t pairs[4];
                for (int i = 0; i < 4; i++) pairs[i] = wasm_i16x8_load8x8(q[r + i] + c);
                pal_transpose_simd128(pairs);
                for (int i = 0; i < 4; i++) wasm_v128_store(t->q[b][c / 2 + i][r], pairs[i]);
            }
    }
}

/* Adds the tile's blocks to the outputs of `count` (a constant) rows of activations from i on. */
__attribute__((always_inline)) static inline void tile_rows_simd128(const tile_simd128 *t, const tile_product *p,
                                                                    const tile_span *span, int i, const int count)
{
    v128_t low[2], high[2];
    alignas(16) float sums[TILE_ROWS];
    for (int k = 0; k < count; k++) {
        tile_load_sums(sums, p, span, i + k);
        low[k] = wasm_v128_load(sums);
        high[k] = wasm_v128_load(sums + 4);
    }
    for (int b = 0; b < span->blocks; b++) {
        alignas(16) int16_t x[2][PAL_BLOCK];
        v128_t dot_low[2] = {wasm_i32x4_splat(0), wasm_i32x4_splat(0)};
        v128_t dot_high[2] = {wasm_i32x4_splat(0), wasm_i32x4_splat(0)};
        for (int k = 0; k < count; k++) {
            const int8_t *xq = p->xq + ((size_t)(i + k) * (size_t)p->blocks + (size_t)(span->first + b)) * PAL_BLOCK;
            for (int c = 0; c < PAL_BLOCK; c += 8) wasm_v128_store(x[k] + c, wasm_i16x8_load8x8(xq + c));
        }
        for (int c = 0; c < PAL_BLOCK; c += 2) {
            v128_t w_low = wasm_v128_load(t->q[b][c / 2][0]), w_high = wasm_v128_load(t->q[b][c / 2][4]);
            for (int k = 0; k < count; k++) {
                v128_t pair = wasm_v128_load32_splat(x[k] + c);
                dot_low[k] = wasm_i32x4_add(dot_low[k], wasm_i32x4_dot_i16x8(w_low, pair));
                dot_high[k] = wasm_i32x4_add(dot_high[k], wasm_i32x4_dot_i16x8(w_high, pair));
            }
        }
        v128_t s_low = wasm_v128_load(t->scale[b]), s_high = wasm_v128_load(t->scale[b] + 4);
        for (int k = 0; k < count; k++) {
            v128_t s = wasm_f32x4_splat(p->xs[(size_t)(i + k) * (size_t)p->blocks + (size_t)(span->first + b)]);
            v128_t d_low = wasm_f32x4_convert_i32x4(dot_low[k]), d_high = wasm_f32x4_convert_i32x4(dot_high[k]);
            low[k] = wasm_f32x4_add(low[k], wasm_f32x4_mul(d_low, wasm_f32x4_mul(s_low, s)));
            high[k] = wasm_f32x4_add(high[k], wasm_f32x4_mul(d_high, wasm_f32x4_mul(s_high, s)));
        }
    }
    for (int k = 0; k < count; k++) {
        wasm_v128_store(sums, low[k]);
        wasm_v128_store(sums + 4, high[k]);
        tile_store_sums(sums, p, span, i + k);
    }
}

static inline void tile_multiply_simd128(const tile_product *p, const tile_format *format, const tile_span *span)
{
    tile_simd128 t;
    int i = 0;
    tile_pack_simd128(&t, p, format, span);
    for (; i + 2 <= p->n; i += 2) tile_rows_simd128(&t, p, span, i, 2);
    for (; i < p->n; i++) tile_rows_simd128(&t, p, span, i, 1);
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

typedef struct {
    alignas(32) int8_t q[TILE_BLOCKS][PAL_BLOCK / 4][TILE_ROWS][4]; /* four columns, row by row */
    alignas(32) float scale[TILE_BLOCKS][TILE_ROWS];
} tile_avx2;

PAL_AVX2 static inline void tile_pack_avx2(tile_avx2 *t, const tile_product *p, const tile_format *format,
                                           const tile_span *span)
{
    for (int b = 0; b < span->blocks; b++) {
        alignas(32) int8_t q[TILE_ROWS][PAL_BLOCK];
        alignas(16) uint16_t scale[TILE_ROWS];
        __m256 rows[TILE_ROWS];
        tile_unpack(q, scale, p, format, span, b);
        _mm256_store_ps(t->scale[b], _mm256_cvtph_ps(_mm_load_si128((const __m128i *)(const void *)scale)));
        for (int r = 0; r < TILE_ROWS; r++) rows[r] = _mm256_load_ps((const float *)(const void *)q[r]);
        pal_transpose_avx2(rows);
        for (int c = 0; c < PAL_BLOCK / 4; c++) _mm256_store_ps((float *)(void *)t->q[b][c], rows[c]);
    }
}

/* The dot products of one block with `count` (a constant) rows of activations; x[k] is the block's start. */
__attribute__((always_inline)) PAL_AVX2 static inline void tile_dots_avx2(__m256i *dot, const int8_t *const *x,
                                                                          const int8_t q[PAL_BLOCK / 4][TILE_ROWS][4],
                                                                          const int count, const bool narrow)
{
    const __m256i ones = _mm256_set1_epi16(1);
    for (int k = 0; k < count; k++) dot[k] = _mm256_setzero_si256();
    for (size_t c = 0; c < PAL_BLOCK / 4; c++) {
        __m256i w = _mm256_load_si256((const __m256i *)(const void *)q[c]), w_abs = _mm256_abs_epi8(w);
        for (int k = 0; k < count; k++) {
            int32_t four;
            memcpy(&four, x[k] + 4 * c, sizeof four);
            __m256i products = _mm256_maddubs_epi16(w_abs, _mm256_sign_epi8(_mm256_set1_epi32(four), w));
            dot[k] = narrow ? _mm256_add_epi16(dot[k], products)
                            : _mm256_add_epi32(dot[k], _mm256_madd_epi16(products, ones));
        }
    }
    if (narrow)
        for (int k = 0; k < count; k++) dot[k] = _mm256_madd_epi16(dot[k], ones);
}

/* Adds the tile's blocks to the outputs of `count` rows of activations from i on. */
__attribute__((always_inline)) PAL_AVX2 static inline void tile_rows_avx2(const tile_avx2 *t, const tile_product *p,
                                                                          const tile_span *span, int i, const int count,
                                                                          const bool narrow)
{
    __m256 sum[4];
    alignas(32) float sums[TILE_ROWS];
    for (int k = 0; k < count; k++) {
        tile_load_sums(sums, p, span, i + k);
        sum[k] = _mm256_load_ps(sums);
    }
    for (int b = 0; b < span->blocks; b++) {
        __m256i dot[4];
        const int8_t *x[4];
        size_t at[4];
        for (int k = 0; k < count; k++) {
            at[k] = (size_t)(i + k) * (size_t)p->blocks + (size_t)(span->first + b);
            x[k] = p->xq + at[k] * PAL_BLOCK;
        }
        tile_dots_avx2(dot, x, t->q[b], count, narrow);
        __m256 w_scale = _mm256_load_ps(t->scale[b]);
        for (int k = 0; k < count; k++) {
            __m256 scale = _mm256_mul_ps(w_scale, _mm256_set1_ps(p->xs[at[k]]));
            sum[k] = _mm256_add_ps(sum[k], _mm256_mul_ps(_mm256_cvtepi32_ps(dot[k]), scale));
        }
    }
    for (int k = 0; k < count; k++) {
        _mm256_store_ps(sums, sum[k]);
        tile_store_sums(sums, p, span, i + k);
    }
}

PAL_AVX2 static inline void tile_multiply_avx2(const tile_product *p, const tile_format *format, const tile_span *span)
{
    tile_avx2 t;
    int i = 0;
    tile_pack_avx2(&t, p, format, span);
    if (format->narrow) {
        for (; i + 4 <= p->n; i += 4) tile_rows_avx2(&t, p, span, i, 4, true);
        for (; i < p->n; i++) tile_rows_avx2(&t, p, span, i, 1, true);
    } else {
        for (; i + 4 <= p->n; i += 4) tile_rows_avx2(&t, p, span, i, 4, false);
        for (; i < p->n; i++) tile_rows_avx2(&t, p, span, i, 1, false);
    }
}

#endif
#endif
