/* matmul_float.c - f32 activations by f32 or f16 weights, eight rows of weights at a time.
 *
 * An output is the sum over columns in index order, and each product is rounded before it is added.  A vector unit
 * cannot speed up that order along a row, so a lane is an output: a panel holds the columns of eight rows, and each
 * column is multiplied by one activation. f16 weights are converted exactly.  If they are used once, they are converted
 * as they are loaded, otherwise into a tile of up to 256 columns (8 KB) that serves all rows of activations. */
#include "matmul_avx2.h"
#include "matmul_simd128.h"

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

/* Multiplies row i of the activations by the columns of eight rows of weights. */
static inline void multiply_panel(const pal_product *p, size_t start, int row, int i, load_fn *load)
{
    const float *x = p->x + (size_t)i * (size_t)p->cols;
    float sum[PAL_PANEL] = {0};
    for (size_t c = 0; c < (size_t)p->cols; c++)
        for (size_t r = 0; r < PAL_PANEL; r++) sum[r] += x[c] * load(p->w, start + c * PAL_PANEL + r);
    memcpy(p->y + (size_t)i * p->y_stride + row, sum, sizeof sum);
}

/* Computes the rows after the last panel, which are stored as in the file. */
static inline void multiply_rest(const pal_product *p, load_fn *load)
{
    const size_t cols = (size_t)p->cols;
    for (int i = 0; i < p->n; i++)
        for (int r = pal_panel_rows(p->rows); r < p->rows; r++) {
            const float *x = p->x + (size_t)i * cols;
            float sum = 0.0f;
            for (size_t c = 0; c < cols; c++) sum += x[c] * load(p->w, (size_t)r * cols + c);
            p->y[(size_t)i * p->y_stride + (size_t)r] = sum;
        }
}

static inline void multiply_all(const pal_product *p, load_fn *load)
{
    for (int row = 0; row < pal_panel_rows(p->rows); row += PAL_PANEL)
        for (int i = 0; i < p->n; i++) multiply_panel(p, (size_t)row * (size_t)p->cols, row, i, load);
    multiply_rest(p, load);
}

PAL_REFERENCE static void matmul_f32_ref(const pal_product *p)
{
    multiply_all(p, load_f32);
}

PAL_REFERENCE static void matmul_f16_ref(const pal_product *p)
{
    multiply_all(p, load_f16);
}

#if defined(PAL_HAVE_SIMD128) || defined(PAL_HAVE_AVX2)

enum { FLOAT_TILE_COLS = 256 };

/* f16 weights converted to f32: columns of eight rows. */
typedef struct {
    alignas(32) float w[FLOAT_TILE_COLS][PAL_PANEL];
} float_tile;

/* Columns first .. first + cols of the eight rows from `row`; w: their weights, in f16 if `half`, otherwise in f32. */
typedef struct {
    const void *w;
    bool half;
    int row, first, cols;
} float_span;

#endif
/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

/* Adds a span to the outputs of `count` rows of activations from i on; count is a constant up to 4. */
PAL_INLINE void span_rows(const pal_product *p, const float_span *s, int i, const int count, const bool half)
{
    v128_t sum[PAL_TILE_ROWS][2];
    const float *x[PAL_TILE_ROWS];
    pal_load_sums_simd128(sum, p, i, s->row, count, s->first == 0);
    PAL_UNROLL for (int k = 0; k < count; k++) x[k] = p->x + (size_t)(i + k) * (size_t)p->cols + s->first;
    const uint16_t *w16 = s->w;
    const float *w32 = s->w;
    for (int c = 0; c < s->cols; c++, w16 += PAL_PANEL, w32 += PAL_PANEL) {
        v128_t w[2];
        if (half) {
            pal_load_f16_simd128(w, w16);
        } else {
            w[0] = wasm_v128_load(w32);
            w[1] = wasm_v128_load(w32 + 4);
        }
        PAL_UNROLL for (int k = 0; k < count; k++)
        {
            v128_t v = wasm_v128_load32_splat(x[k] + c);
            sum[k][0] = wasm_f32x4_add(sum[k][0], wasm_f32x4_mul(v, w[0]));
            sum[k][1] = wasm_f32x4_add(sum[k][1], wasm_f32x4_mul(v, w[1]));
        }
    }
    pal_store_sums_simd128(sum, p, i, s->row, count);
}

static void span_all_rows(const pal_product *p, const float_span *s)
{
    int i = 0;
    for (; i + PAL_TILE_ROWS <= p->n; i += PAL_TILE_ROWS) span_rows(p, s, i, PAL_TILE_ROWS, false);
    for (; i < p->n; i++) {
        if (s->half)
            span_rows(p, s, i, 1, true);
        else
            span_rows(p, s, i, 1, false);
    }
}

/* Multiplies one panel of f16 weights by many rows of activations. */
static void half_panel_simd128(const pal_product *p, const unsigned char *panel, int row)
{
    float_tile t;
    for (int first = 0; first < p->cols; first += FLOAT_TILE_COLS) {
        const int cols = p->cols - first < FLOAT_TILE_COLS ? p->cols - first : FLOAT_TILE_COLS;
        const unsigned char *w = panel + (size_t)first * PAL_PANEL * 2;
        for (int c = 0; c < cols; c++, w += (size_t)PAL_PANEL * 2) {
            v128_t eight[2];
            pal_load_f16_simd128(eight, w);
            wasm_v128_store(t.w[c], eight[0]);
            wasm_v128_store(t.w[c] + 4, eight[1]);
        }
        span_all_rows(p, &(float_span){t.w, false, row, first, cols});
    }
}

static void matmul_f32_simd128(const pal_product *p)
{
    const float *w = p->w;
    for (int row = 0; row < pal_panel_rows(p->rows); row += PAL_PANEL, w += (size_t)PAL_PANEL * (size_t)p->cols)
        span_all_rows(p, &(float_span){w, false, row, 0, p->cols});
    multiply_rest(p, load_f32);
}

static void matmul_f16_simd128(const pal_product *p)
{
    const unsigned char *w = p->w;
    for (int row = 0; row < pal_panel_rows(p->rows); row += PAL_PANEL, w += (size_t)PAL_PANEL * 2 * (size_t)p->cols) {
        if (p->n < PAL_TILE_ROWS)
            span_all_rows(p, &(float_span){w, true, row, 0, p->cols});
        else
            half_panel_simd128(p, w, row);
    }
    multiply_rest(p, load_f16);
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

/* Adds a span to the outputs of `count` rows of activations from i on; count is a constant up to 8. */
PAL_AVX2_INLINE void span_rows_avx2(const pal_product *p, const float_span *s, int i, const int count, const bool half)
{
    __m256 sum[PAL_MAX_ROWS];
    const float *x = p->x + (size_t)i * (size_t)p->cols + s->first;
    for (int k = 0; k < count; k++)
        sum[k] = s->first ? _mm256_loadu_ps(p->y + (size_t)(i + k) * p->y_stride + s->row) : _mm256_setzero_ps();
    const uint16_t *w16 = s->w;
    const float *w32 = s->w;
    for (int c = 0; c < s->cols; c++, w16 += PAL_PANEL, w32 += PAL_PANEL) {
        __m256 w = half ? _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)w16)) : _mm256_loadu_ps(w32);
        for (int k = 0; k < count; k++) {
            __m256 v = _mm256_broadcast_ss(x + (size_t)k * (size_t)p->cols + c);
            sum[k] = _mm256_add_ps(sum[k], _mm256_mul_ps(v, w));
        }
    }
    pal_store_sums_avx2(sum, p, i, s->row, count);
}

PAL_AVX2 static void span_all_rows_avx2(const pal_product *p, const float_span *s)
{
    int i = 0;
    for (; i + 8 <= p->n; i += 8) span_rows_avx2(p, s, i, 8, false);
    for (; i + 2 <= p->n; i += 2) {
        if (s->half)
            span_rows_avx2(p, s, i, 2, true);
        else
            span_rows_avx2(p, s, i, 2, false);
    }
    if (i < p->n) span_rows_avx2(p, s, i, 1, s->half);
}

PAL_AVX2 static void half_panel_avx2(const pal_product *p, const unsigned char *panel, int row)
{
    float_tile t;
    for (int first = 0; first < p->cols; first += FLOAT_TILE_COLS) {
        const int cols = p->cols - first < FLOAT_TILE_COLS ? p->cols - first : FLOAT_TILE_COLS;
        const unsigned char *w = panel + (size_t)first * PAL_PANEL * 2;
        for (int c = 0; c < cols; c++, w += (size_t)PAL_PANEL * 2)
            _mm256_store_ps(t.w[c], _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)w)));
        span_all_rows_avx2(p, &(float_span){t.w, false, row, first, cols});
    }
}

static void matmul_f32_avx2(const pal_product *p)
{
    const float *w = p->w;
    for (int row = 0; row < pal_panel_rows(p->rows); row += PAL_PANEL, w += (size_t)PAL_PANEL * (size_t)p->cols)
        span_all_rows_avx2(p, &(float_span){w, false, row, 0, p->cols});
    multiply_rest(p, load_f32);
}

static void matmul_f16_avx2(const pal_product *p)
{
    const unsigned char *w = p->w;
    for (int row = 0; row < pal_panel_rows(p->rows); row += PAL_PANEL, w += (size_t)PAL_PANEL * 2 * (size_t)p->cols) {
        if (p->n < PAL_MAX_ROWS)
            span_all_rows_avx2(p, &(float_span){w, true, row, 0, p->cols});
        else
            half_panel_avx2(p, w, row);
    }
    multiply_rest(p, load_f16);
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_matmul_float(pal_kernels *k)
{
    k->matmul_f32 = matmul_f32_ref;
    k->matmul_f16 = matmul_f16_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) {
        k->matmul_f32 = matmul_f32_simd128;
        k->matmul_f16 = matmul_f16_simd128;
    }
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) {
        k->matmul_f32 = matmul_f32_avx2;
        k->matmul_f16 = matmul_f16_avx2;
    }
#endif
}
