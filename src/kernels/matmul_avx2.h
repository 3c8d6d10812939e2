/* matmul_avx2.h - what the quantised products on panels share on x86 (internal to kernels/).
 *
 * One 256-bit register holds four columns of a panel's eight rows; each 32-bit lane is one output.  Activations are
 * broadcast four bytes at a time.  Panels are read in place, for any number of rows of activations. */
#ifndef PAL_MATMUL_AVX2_H
#define PAL_MATMUL_AVX2_H

#include "lanes.h"
#include "panels.h"

#if defined(PAL_HAVE_AVX2)

#define PAL_VNNI        __attribute__((target("avx2,f16c,avx512f,avx512bw,avx512vl,avx512vnni")))
#define PAL_AVX2_INLINE __attribute__((always_inline)) PAL_AVX2 static inline
#define PAL_VNNI_INLINE __attribute__((always_inline)) PAL_VNNI static inline

enum { PAL_MAX_ROWS = 8 }; /* of activations, computed together */

/* Columns 4g .. 4g+3 of a block of row i of the activations, in all eight lanes. */
PAL_AVX2_INLINE __m256i pal_four_columns_avx2(const pal_product *p, int i, size_t block, size_t g)
{
    int32_t four;
    memcpy(&four, p->xq->q + (size_t)i * (size_t)p->cols + block * PAL_BLOCK + 4 * g, sizeof four);
    return _mm256_set1_epi32(four);
}

PAL_AVX2_INLINE __m256i pal_bias_avx2(const pal_product *p, int i, size_t block)
{
    return _mm256_set1_epi32(p->xq->bias[(size_t)i * ((size_t)p->cols / PAL_BLOCK) + block]);
}

/* sum += (float)dot * (weight scale * activation scale); the panel's block starts with its scales. */
PAL_AVX2_INLINE void pal_end_block_avx2(__m256 *sum, const __m256i *dot, const pal_product *p, int i, size_t block,
                                        const unsigned char *panel, const int count)
{
    const __m256 scale = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)panel));
    for (int k = 0; k < count; k++) {
        __m256 s = _mm256_set1_ps(p->xq->scale[(size_t)(i + k) * ((size_t)p->cols / PAL_BLOCK) + block]);
        sum[k] = _mm256_add_ps(sum[k], _mm256_mul_ps(_mm256_cvtepi32_ps(dot[k]), _mm256_mul_ps(scale, s)));
    }
}

PAL_AVX2_INLINE void pal_store_sums_avx2(const __m256 *sum, const pal_product *p, int i, int row, const int count)
{
    for (int k = 0; k < count; k++) _mm256_storeu_ps(p->y + (size_t)(i + k) * p->y_stride + row, sum[k]);
}

static inline void pal_run_panels_avx2(const pal_product *p, size_t block_bytes,
                                       void (*panel_rows)(const pal_product *p, const unsigned char *panel, int row))
{
    const size_t panel_bytes = (size_t)p->cols / PAL_BLOCK * block_bytes;
    const unsigned char *panel = p->w;
    for (int row = 0; row < pal_panel_rows(p->rows); row += PAL_PANEL, panel += panel_bytes) panel_rows(p, panel, row);
}

#endif
#endif
