/* quantize.c - activations to blocks of 32 signed bytes with one scale.
 *
 * A block is scaled so that its largest magnitude becomes 127.  The two roundings of x * (127 / amax) move
 * that product by less than 127 * 2^-23, so nothing leaves -127..127: the products rely on it, for -128
 * would overflow their 16-bit sums.
 *
 * Blocks below 2^-100 are taken for zeros.  From 2^-121 down 127 / amax would no longer be finite, and no
 * activation that matters is anywhere near. */
#include "kernels.h"
#include "lanes.h"

#define SMALLEST 0x1p-100f

static inline float block_scale(float amax)
{
    return amax >= SMALLEST ? amax / 127.0f : 0.0f;
}

static inline float block_inverse(float amax)
{
    return amax >= SMALLEST ? 127.0f / amax : 0.0f;
}

/* ---- reference ---------------------------------------------------------- */

/* Adding 1.5 * 2^23 leaves no bits for a fraction, so the addition itself rounds, ties to even, and the low
 * byte of the sum is the integer in two's complement.  |x| < 2^22; what is not a number gives some byte. */
static int8_t round_to_even(float x)
{
    float sum = x + 0x1.8p23f;
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return (int8_t)(uint8_t)bits;
}

static void quantize_ref(int8_t *q, float *scale, const float *x, size_t count)
{
    for (size_t b = 0; b < count / PAL_BLOCK; b++, x += PAL_BLOCK, q += PAL_BLOCK) {
        float amax = 0.0f;
        for (int i = 0; i < PAL_BLOCK; i++) {
            float magnitude = x[i] < 0.0f ? -x[i] : x[i];
            amax = magnitude > amax ? magnitude : amax;
        }
        float inverse = block_inverse(amax);
        scale[b] = block_scale(amax);
        for (int i = 0; i < PAL_BLOCK; i++) q[i] = round_to_even(x[i] * inverse);
    }
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

static v128_t round_four(const float *x, v128_t inverse)
{
    return wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(wasm_f32x4_mul(wasm_v128_load(x), inverse)));
}

static void quantize_simd128(int8_t *q, float *scale, const float *x, size_t count)
{
    for (size_t b = 0; b < count / PAL_BLOCK; b++, x += PAL_BLOCK, q += PAL_BLOCK) {
        v128_t top = wasm_f32x4_splat(0.0f);
        for (int i = 0; i < PAL_BLOCK; i += 4) top = wasm_f32x4_pmax(top, wasm_f32x4_abs(wasm_v128_load(x + i)));
        top = wasm_f32x4_pmax(top, wasm_i32x4_shuffle(top, top, 2, 3, 0, 1));
        top = wasm_f32x4_pmax(top, wasm_i32x4_shuffle(top, top, 1, 0, 3, 2));
        float amax = wasm_f32x4_extract_lane(top, 0);
        v128_t inverse = wasm_f32x4_splat(block_inverse(amax));
        scale[b] = block_scale(amax);
        for (int i = 0; i < PAL_BLOCK; i += 16) {
            v128_t low = wasm_i16x8_narrow_i32x4(round_four(x + i, inverse), round_four(x + i + 4, inverse));
            v128_t high = wasm_i16x8_narrow_i32x4(round_four(x + i + 8, inverse), round_four(x + i + 12, inverse));
            wasm_v128_store(q + i, wasm_i8x16_narrow_i16x8(low, high));
        }
    }
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

PAL_AVX2 static float largest_avx2(const __m256 x[4])
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 a = _mm256_max_ps(_mm256_andnot_ps(sign, x[0]), _mm256_andnot_ps(sign, x[1]));
    __m256 b = _mm256_max_ps(_mm256_andnot_ps(sign, x[2]), _mm256_andnot_ps(sign, x[3]));
    a = _mm256_max_ps(a, b);
    __m128 top = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    top = _mm_max_ps(top, _mm_movehl_ps(top, top));
    return _mm_cvtss_f32(_mm_max_ss(top, _mm_movehdup_ps(top)));
}

PAL_AVX2 static void quantize_avx2(int8_t *q, float *scale, const float *x, size_t count)
{
    for (size_t b = 0; b < count / PAL_BLOCK; b++, x += PAL_BLOCK, q += PAL_BLOCK) {
        __m256 v[4];
        __m256i r[4];
        for (size_t i = 0; i < 4; i++) v[i] = _mm256_loadu_ps(x + 8 * i);
        float amax = largest_avx2(v);
        __m256 inverse = _mm256_set1_ps(block_inverse(amax));
        scale[b] = block_scale(amax);
        for (int i = 0; i < 4; i++) r[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
        /* Packing works within 128-bit halves; the permutation puts the groups of four back in order. */
        __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(r[0], r[1]), _mm256_packs_epi32(r[2], r[3]));
        bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        _mm256_storeu_si256((__m256i *)q, bytes);
    }
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_quantize(pal_kernels *k)
{
    k->quantize = quantize_ref;
#if defined(PAL_HAVE_SIMD128)
    if (k->isa & PAL_ISA_SIMD128) k->quantize = quantize_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (k->isa & PAL_ISA_AVX2) k->quantize = quantize_avx2;
#endif
}
