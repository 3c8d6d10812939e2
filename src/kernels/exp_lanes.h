/* exp_lanes.h - pal_expf in every lane of a register (internal to kernels/).
 *
 * core/math.h lists the steps and constants.  The lines below follow them in the same order, so each lane has the bits
 * that pal_expf would return. */
#ifndef PAL_EXP_LANES_H
#define PAL_EXP_LANES_H

#include "lanes.h"
#include "../core/math.h"

#if defined(PAL_HAVE_SIMD128)

static inline v128_t pal_exp_simd128(v128_t x)
{
    const v128_t magic = wasm_f32x4_splat(PAL_EXPF_MAGIC);
    v128_t t = wasm_f32x4_add(wasm_f32x4_mul(x, wasm_f32x4_splat(PAL_EXPF_LOG2E)), magic);
    v128_t n = wasm_f32x4_sub(t, magic);
    v128_t r = wasm_f32x4_sub(x, wasm_f32x4_mul(n, wasm_f32x4_splat(PAL_EXPF_LN2_HI)));
    r = wasm_f32x4_sub(r, wasm_f32x4_mul(n, wasm_f32x4_splat(PAL_EXPF_LN2_LO)));
    v128_t q = wasm_f32x4_splat(PAL_EXPF_C6);
    q = wasm_f32x4_add(wasm_f32x4_mul(q, r), wasm_f32x4_splat(PAL_EXPF_C5));
    q = wasm_f32x4_add(wasm_f32x4_mul(q, r), wasm_f32x4_splat(PAL_EXPF_C4));
    q = wasm_f32x4_add(wasm_f32x4_mul(q, r), wasm_f32x4_splat(PAL_EXPF_C3));
    q = wasm_f32x4_add(wasm_f32x4_mul(q, r), wasm_f32x4_splat(PAL_EXPF_C2));
    q = wasm_f32x4_add(wasm_f32x4_mul(q, wasm_f32x4_mul(r, r)), r);
    q = wasm_f32x4_add(q, wasm_f32x4_splat(1.0f));
    v128_t y = wasm_i32x4_add(q, wasm_i32x4_shl(t, 23));
    y = wasm_v128_andnot(y, wasm_f32x4_lt(x, wasm_f32x4_splat(PAL_EXPF_MIN)));
    v128_t large = wasm_f32x4_gt(x, wasm_f32x4_splat(PAL_EXPF_MAX));
    y = wasm_v128_bitselect(wasm_f32x4_splat(__builtin_inff()), y, large);
    return wasm_v128_bitselect(x, y, wasm_f32x4_ne(x, x));
}

#endif
#if defined(PAL_HAVE_AVX2)

PAL_AVX2 static inline __m256 pal_exp_avx2(__m256 x)
{
    const __m256 magic = _mm256_set1_ps(PAL_EXPF_MAGIC);
    __m256 t = _mm256_add_ps(_mm256_mul_ps(x, _mm256_set1_ps(PAL_EXPF_LOG2E)), magic);
    __m256 n = _mm256_sub_ps(t, magic);
    __m256 r = _mm256_sub_ps(x, _mm256_mul_ps(n, _mm256_set1_ps(PAL_EXPF_LN2_HI)));
    r = _mm256_sub_ps(r, _mm256_mul_ps(n, _mm256_set1_ps(PAL_EXPF_LN2_LO)));
    __m256 q = _mm256_set1_ps(PAL_EXPF_C6);
    q = _mm256_add_ps(_mm256_mul_ps(q, r), _mm256_set1_ps(PAL_EXPF_C5));
    q = _mm256_add_ps(_mm256_mul_ps(q, r), _mm256_set1_ps(PAL_EXPF_C4));
    q = _mm256_add_ps(_mm256_mul_ps(q, r), _mm256_set1_ps(PAL_EXPF_C3));
    q = _mm256_add_ps(_mm256_mul_ps(q, r), _mm256_set1_ps(PAL_EXPF_C2));
    q = _mm256_add_ps(_mm256_mul_ps(q, _mm256_mul_ps(r, r)), r);
    q = _mm256_add_ps(q, _mm256_set1_ps(1.0f));
    __m256i power = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
    __m256 y = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(q), power));
    y = _mm256_andnot_ps(_mm256_cmp_ps(x, _mm256_set1_ps(PAL_EXPF_MIN), _CMP_LT_OQ), y);
    __m256 large = _mm256_cmp_ps(x, _mm256_set1_ps(PAL_EXPF_MAX), _CMP_GT_OQ);
    y = _mm256_blendv_ps(y, _mm256_set1_ps(__builtin_inff()), large);
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

#endif
#endif
