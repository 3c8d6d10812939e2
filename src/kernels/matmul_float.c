/* matmul_float.c - f32 activations by f32 or f16 weights, eight rows of weights at a time.
 *
 * An output is the sum over columns in index order, each product rounded before it is added.  That order
 * leaves a vector unit nothing to do along a row, so a lane is an output: eight rows of weights are turned
 * into columns on the stack (a tile of up to 256 columns, 8 KB), and each column is multiplied by one
 * activation.  f16 weights are converted, exactly, on their way into the tile. */
#include "blocks.h"
#include "lanes.h"

#include <stdalign.h>

static inline float load_f32(const unsigned char *w, size_t index)
{
    float value;
    memcpy(&value, w + index * sizeof value, sizeof value);
    return value;
}

static inline float load_f16(const unsigned char *w, size_t index)
{
    return pal_f16_to_f32(pal_load_u16(w + index * 2));
}

/* ---- reference ---------------------------------------------------------- */

typedef float load_fn(const unsigned char *w, size_t index);

static inline void matmul_plain(float *y, const float *x, const void *w, int n, int rows, int cols, load_fn *load)
{
    for (int i = 0; i < n; i++, x += cols)
        for (int r = 0; r < rows; r++) {
            float sum = 0.0f;
            for (int c = 0; c < cols; c++) sum += x[c] * load(w, (size_t)r * (size_t)cols + (size_t)c);
            *y++ = sum;
        }
}

static void matmul_f32_ref(float *y, const float *x, const void *w, int n, int rows, int cols)
{
    matmul_plain(y, x, w, n, rows, cols, load_f32);
}

static void matmul_f16_ref(float *y, const float *x, const void *w, int n, int rows, int cols)
{
    matmul_plain(y, x, w, n, rows, cols, load_f16);
}

/* ---- tiles -------------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128) || defined(PAL_HAVE_AVX2)

enum { TILE_ROWS = 8, TILE_COLS = 256 };

typedef struct {
    alignas(32) float w[TILE_COLS][TILE_ROWS];
} float_tile;

/* One product, as the kernel got it. */
typedef struct {
    float *y;               /* [n, rows] */
    const float *x;         /* [n, cols] */
    const unsigned char *w; /* [rows, cols] of f16 if half, else f32 */
    int n, rows, cols;
    bool half;
} float_product;

/* Columns first .. first + cols of rows row .. row + rows. */
typedef struct {
    int row, rows, first, cols;
} float_span;

/* One column of the tile; rows beyond the matrix are zeros, and their outputs are dropped. */
static inline void pack_column(float column[TILE_ROWS], const float_product *p, const float_span *span, int c)
{
    for (int r = 0; r < TILE_ROWS; r++) {
        size_t index = (size_t)(span->row + r) * (size_t)p->cols + (size_t)(span->first + c);
        column[r] = r >= span->rows ? 0.0f : p->half ? load_f16(p->w, index) : load_f32(p->w, index);
    }
}

/* The sums so far of one row of activations: zero at first, later what the last tile stored. */
static inline void load_sums(float sums[TILE_ROWS], const float_product *p, const float_span *span, int i)
{
    memset(sums, 0, TILE_ROWS * sizeof *sums);
    if (span->first > 0)
        memcpy(sums, p->y + (size_t)i * (size_t)p->rows + span->row, (size_t)span->rows * sizeof *sums);
}

static inline void store_sums(const float sums[TILE_ROWS], const float_product *p, const float_span *span, int i)
{
    memcpy(p->y + (size_t)i * (size_t)p->rows + span->row, sums, (size_t)span->rows * sizeof *sums);
}

/* Runs `tile` over the whole matrix, the columns of a row in order. */
static void run_tiles(const float_product *p, void (*tile)(const float_product *p, const float_span *span))
{
    for (int row = 0; row < p->rows; row += TILE_ROWS)
        for (int first = 0; first < p->cols; first += TILE_COLS) {
            int rows = p->rows - row, cols = p->cols - first;
            float_span span = {row, rows < TILE_ROWS ? rows : TILE_ROWS, first, cols < TILE_COLS ? cols : TILE_COLS};
            tile(p, &span);
        }
}

#endif
/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

static void pack_simd128(float_tile *t, const float_product *p, const float_span *span)
{
    int c = 0;
    if (span->rows == TILE_ROWS)
        for (; c + 4 <= span->cols; c += 4)
            for (int r = 0; r < TILE_ROWS; r += 4) {
                v128_t v[4];
                for (int i = 0; i < 4; i++) {
                    size_t index = (size_t)(span->row + r + i) * (size_t)p->cols + (size_t)(span->first + c);
                    v[i] =
                        p->half ? pal_load_f16_simd128(p->w + index * 2) : wasm_v128_load(p->w + index * sizeof(float));
                }
                pal_transpose_simd128(v);
                for (int i = 0; i < 4; i++) wasm_v128_store(t->w[c + i] + r, v[i]);
            }
    for (; c < span->cols; c++) pack_column(t->w[c], p, span, c);
}

/* Adds the tile's columns to the outputs of `count` (a constant up to 4) rows of activations from i on. */
__attribute__((always_inline)) static inline void rows_simd128(const float_tile *t, const float_product *p,
                                                               const float_span *span, int i, const int count)
{
    v128_t low[4], high[4];
    alignas(16) float sums[TILE_ROWS];
    const float *x = p->x + (size_t)i * (size_t)p->cols + span->first;
    for (int k = 0; k < count; k++) {
        load_sums(sums, p, span, i + k);
        low[k] = wasm_v128_load(sums);
        high[k] = wasm_v128_load(sums + 4);
    }
    for (int c = 0; c < span->cols; c++) {
        v128_t w_low = wasm_v128_load(t->w[c]), w_high = wasm_v128_load(t->w[c] + 4);
        for (int k = 0; k < count; k++) {
            v128_t v = wasm_v128_load32_splat(x + (size_t)k * (size_t)p->cols + c);
            low[k] = wasm_f32x4_add(low[k], wasm_f32x4_mul(v, w_low));
            high[k] = wasm_f32x4_add(high[k], wasm_f32x4_mul(v, w_high));
        }
    }
    for (int k = 0; k < count; k++) {
        wasm_v128_store(sums, low[k]);
        wasm_v128_store(sums + 4, high[k]);
        store_sums(sums, p, span, i + k);
    }
}

static void tile_simd128(const float_product *p, const float_span *span)
{
    float_tile t;
    int i = 0;
    pack_simd128(&t, p, span);
    for (; i + 4 <= p->n; i += 4) rows_simd128(&t, p, span, i, 4);
    for (; i < p->n; i++) rows_simd128(&t, p, span, i, 1);
}

static void matmul_f32_simd128(float *y, const float *x, const void *w, int n, int rows, int cols)
{
    const float_product product = {y, x, w, n, rows, cols, false};
    run_tiles(&product, tile_simd128);
}

static void matmul_f16_simd128(float *y, const float *x, const void *w, int n, int rows, int cols)
{
    const float_product product = {y, x, w, n, rows, cols, true};
    run_tiles(&product, tile_simd128);
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

PAL_AVX2 static void pack_avx2(float_tile *t, const float_product *p, const float_span *span)
{
    int c = 0;
    if (span->rows == TILE_ROWS)
        for (; c + 8 <= span->cols; c += 8) {
            __m256 v[TILE_ROWS];
            for (int r = 0; r < TILE_ROWS; r++) {
                size_t index = (size_t)(span->row + r) * (size_t)p->cols + (size_t)(span->first + c);
                const void *at = p->w + index * (p->half ? 2 : sizeof(float));
                v[r] = p->half ? _mm256_cvtph_ps(_mm_loadu_si128(at)) : _mm256_loadu_ps(at);
            }
            pal_transpose_avx2(v);
            for (int i = 0; i < 8; i++) _mm256_store_ps(t->w[c + i], v[i]);
        }
    for (; c < span->cols; c++) pack_column(t->w[c], p, span, c);
}

/* Adds the tile's columns to the outputs of `count` (a constant up to 8) rows of activations from i on. */
__attribute__((always_inline)) PAL_AVX2 static inline void rows_avx2(const float_tile *t, const float_product *p,
                                                                     const float_span *span, int i, const int count)
{
    __m256 sum[8];
    alignas(32) float sums[TILE_ROWS];
    const float *x = p->x + (size_t)i * (size_t)p->cols + span->first;
    for (int k = 0; k < count; k++) {
        load_sums(sums, p, span, i + k);
        sum[k] = _mm256_load_ps(sums);
    }
    for (int c = 0; c < span->cols; c++) {
        __m256 w = _mm256_load_ps(t->w[c]);
        for (int k = 0; k < count; k++) {
            __m256 v = _mm256_broadcast_ss(x + (size_t)k * (size_t)p->cols + c);
            sum[k] = _mm256_add_ps(sum[k], _mm256_mul_ps(v, w));
        }
    }
    for (int k = 0; k < count; k++) {
        _mm256_store_ps(sums, sum[k]);
        store_sums(sums, p, span, i + k);
    }
}

PAL_AVX2 static void tile_avx2(const float_product *p, const float_span *span)
{
    float_tile t;
    int i = 0;
    pack_avx2(&t, p, span);
    for (; i + 8 <= p->n; i += 8) rows_avx2(&t, p, span, i, 8);
    for (; i + 2 <= p->n; i += 2) rows_avx2(&t, p, span, i, 2);
    for (; i < p->n; i++) rows_avx2(&t, p, span, i, 1);
}

static void matmul_f32_avx2(float *y, const float *x, const void *w, int n, int rows, int cols)
{
    const float_product product = {y, x, w, n, rows, cols, false};
    run_tiles(&product, tile_avx2);
}

static void matmul_f16_avx2(float *y, const float *x, const void *w, int n, int rows, int cols)
{
    const float_product product = {y, x, w, n, rows, cols, true};
    run_tiles(&product, tile_avx2);
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_matmul_float(pal_kernels *k)
{
    k->matmul_f32 = matmul_f32_ref;
    k->matmul_f16 = matmul_f16_ref;
#if defined(PAL_HAVE_SIMD128)
    if (k->isa & PAL_ISA_SIMD128) {
        k->matmul_f32 = matmul_f32_simd128;
        k->matmul_f16 = matmul_f16_simd128;
    }
#endif
#if defined(PAL_HAVE_AVX2)
    if (k->isa & PAL_ISA_AVX2) {
        k->matmul_f32 = matmul_f32_avx2;
        k->matmul_f16 = matmul_f16_avx2;
    }
#endif
}
