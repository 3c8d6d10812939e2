/* matmul_bf16.c - f32 activations by bf16 weights.  A bf16 is the upper half of a float, so widening is exact.
 *
 * The sums are those of matmul_float.c: over columns in index order, one output per lane. */
#include "matmul_avx2.h"
#include "matmul_simd128.h"

/* ---- reference ---------------------------------------------------------- */

static inline float load_bf16(const unsigned char *w)
{
    uint32_t bits = (uint32_t)pal_load_u16(w) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Computes rows from..to; those after the last panel are stored as in the file. */
static void multiply_rows(const pal_product *p, int from, int to)
{
    const size_t cols = (size_t)p->cols;
    for (int i = 0; i < p->n; i++)
        for (int r = from; r < to; r++) {
            const bool packed = r < pal_panel_rows(p->rows);
            const size_t lane = packed ? (size_t)r % PAL_PANEL : 0, step = packed ? 2 * PAL_PANEL : 2;
            const unsigned char *w = (const unsigned char *)p->w + 2 * (((size_t)r - lane) * cols + lane);
            const float *x = p->x + (size_t)i * cols;
            float sum = 0.0f;
            for (size_t c = 0; c < cols; c++, w += step) sum += x[c] * load_bf16(w);
            p->y[(size_t)i * p->y_stride + (size_t)r] = sum;
        }
}

PAL_REFERENCE static void matmul_bf16_ref(const pal_product *p)
{
    multiply_rows(p, 0, p->rows);
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

/* Multiplies rows i .. i + count of the activations by a panel. */
PAL_INLINE void panel_rows(const pal_product *p, const unsigned char *panel, int row, int i, const int count)
{
    const v128_t zero = wasm_i16x8_splat(0);
    v128_t sum[PAL_TILE_ROWS][2];
    const float *x = p->x + (size_t)i * (size_t)p->cols;
    pal_load_sums_simd128(sum, p, i, row, count, true);
    for (int c = 0; c < p->cols; c++, panel += (size_t)2 * PAL_PANEL) {
        v128_t w = wasm_v128_load(panel);
        v128_t low = wasm_i16x8_shuffle(zero, w, 0, 8, 1, 9, 2, 10, 3, 11);
        v128_t high = wasm_i16x8_shuffle(zero, w, 4, 12, 5, 13, 6, 14, 7, 15);
        PAL_UNROLL for (int k = 0; k < count; k++)
        {
            v128_t v = wasm_v128_load32_splat(x + (size_t)k * (size_t)p->cols + c);
            sum[k][0] = wasm_f32x4_add(sum[k][0], wasm_f32x4_mul(v, low));
            sum[k][1] = wasm_f32x4_add(sum[k][1], wasm_f32x4_mul(v, high));
        }
    }
    pal_store_sums_simd128(sum, p, i, row, count);
}

static void matmul_bf16_simd128(const pal_product *p)
{
    const unsigned char *panel = p->w;
    for (int row = 0; row < pal_panel_rows(p->rows);
         row += PAL_PANEL, panel += (size_t)PAL_PANEL * 2 * (size_t)p->cols) {
        int i = 0;
        for (; i + PAL_TILE_ROWS <= p->n; i += PAL_TILE_ROWS) panel_rows(p, panel, row, i, PAL_TILE_ROWS);
        for (; i < p->n; i++) panel_rows(p, panel, row, i, 1);
    }
    multiply_rows(p, pal_panel_rows(p->rows), p->rows);
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

PAL_AVX2_INLINE void panel_rows_avx2(const pal_product *p, const unsigned char *panel, int row, int i, const int count)
{
    __m256 sum[PAL_MAX_ROWS];
    const float *x = p->x + (size_t)i * (size_t)p->cols;
    for (int k = 0; k < count; k++) sum[k] = _mm256_setzero_ps();
    for (int c = 0; c < p->cols; c++, panel += (size_t)2 * PAL_PANEL) {
        __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)panel));
        __m256 w = _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
        for (int k = 0; k < count; k++) {
            __m256 v = _mm256_broadcast_ss(x + (size_t)k * (size_t)p->cols + c);
            sum[k] = _mm256_add_ps(sum[k], _mm256_mul_ps(v, w));
        }
    }
    pal_store_sums_avx2(sum, p, i, row, count);
}

PAL_AVX2 static void matmul_bf16_avx2(const pal_product *p)
{
    const unsigned char *panel = p->w;
    for (int row = 0; row < pal_panel_rows(p->rows);
         row += PAL_PANEL, panel += (size_t)PAL_PANEL * 2 * (size_t)p->cols) {
        int i = 0;
        for (; i + 8 <= p->n; i += 8) panel_rows_avx2(p, panel, row, i, 8);
        for (; i + 2 <= p->n; i += 2) panel_rows_avx2(p, panel, row, i, 2);
        if (i < p->n) panel_rows_avx2(p, panel, row, i, 1);
    }
    multiply_rows(p, pal_panel_rows(p->rows), p->rows);
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_matmul_bf16(pal_kernels *k)
{
    k->matmul_bf16 = matmul_bf16_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) k->matmul_bf16 = matmul_bf16_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) k->matmul_bf16 = matmul_bf16_avx2;
#endif
}
