/* expand.c - converts cached keys and values (arch/cache.h) back to f32. */
#include "blocks.h"
#include "lanes.h"

/* ---- reference ---------------------------------------------------------- */

PAL_REFERENCE static void expand_f16_ref(float *x, const uint16_t *half, size_t count)
{
    for (size_t i = 0; i < count; i++) x[i] = pal_f16_to_f32(half[i]);
}

PAL_REFERENCE static void expand_q8_0_ref(float *x, const int8_t *q, const uint16_t *scale, int dims, int lanes)
{
    for (int lane = 0; lane < lanes; lane++) {
        const float s = pal_f16_to_f32(scale[lane]);
        for (int d = 0; d < dims; d++) x[d * lanes + lane] = (float)q[d * lanes + lane] * s;
    }
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

static void expand_f16_simd128(float *x, const uint16_t *half, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        v128_t eight[2];
        pal_load_f16_simd128(eight, half + i);
        wasm_v128_store(x + i, eight[0]);
        wasm_v128_store(x + i + 4, eight[1]);
    }
    expand_f16_ref(x + i, half + i, count - i);
}

/* Multiplies eight integers by eight scales, or all by one. */
PAL_INLINE void expand_eight_simd128(float *x, const int8_t *q, const v128_t scale[2])
{
    v128_t wide = wasm_i16x8_load8x8(q);
    wasm_v128_store(x, wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(wide)), scale[0]));
    wasm_v128_store(x + 4, wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(wide)), scale[1]));
}

static void expand_q8_0_simd128(float *x, const int8_t *q, const uint16_t *scale, int dims, int lanes)
{
    v128_t by[2];
    int i = 0;
    if (lanes == 8)
        pal_load_f16_simd128(by, scale);
    else
        by[0] = by[1] = wasm_f32x4_splat(pal_f16_to_f32(*scale));
    for (; i + 8 <= dims * lanes; i += 8) expand_eight_simd128(x + i, q + i, by);
    if (lanes == 1) expand_q8_0_ref(x + i, q + i, scale, dims - i, 1);
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

PAL_AVX2 static void expand_f16_avx2(float *x, const uint16_t *half, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(x + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(half + i))));
    expand_f16_ref(x + i, half + i, count - i);
}

PAL_AVX2 static void expand_q8_0_avx2(float *x, const int8_t *q, const uint16_t *scale, int dims, int lanes)
{
    const __m256 by =
        lanes == 8 ? _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)scale)) : _mm256_set1_ps(pal_f16_to_f32(*scale));
    int i = 0;
    for (; i + 8 <= dims * lanes; i += 8) {
        const __m256i wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(q + i)));
        _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_cvtepi32_ps(wide), by));
    }
    if (lanes == 1) expand_q8_0_ref(x + i, q + i, scale, dims - i, 1);
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_expand(pal_kernels *k)
{
    k->expand_f16 = expand_f16_ref;
    k->expand_q8_0 = expand_q8_0_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) {
        k->expand_f16 = expand_f16_simd128;
        k->expand_q8_0 = expand_q8_0_simd128;
    }
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) {
        k->expand_f16 = expand_f16_avx2;
        k->expand_q8_0 = expand_q8_0_avx2;
    }
#endif
}
