/* quantize.c - quantises activations to blocks of 32 signed bytes with one scale each.  It also writes what products on
 * panels need: minus 8 times each block's sum and, for simd128, the same integers in 16 bits.
 *
 * A block is scaled so that its largest magnitude becomes 127.  The two roundings of x * (127 / amax) change that
 * product by less than 127 * 2^-23, so the result is always in -127..127.  The products need this, because -128 would
 * overflow their 16-bit sums.
 *
 * The largest magnitude is found by comparing bits as integers.  For numbers the order is the same, and NaN is the
 * largest.
 *
 * Blocks with amax below 2^-100 become zeros.  From 2^-121 down, 127 / amax would not be finite, and activations that
 * matter are far larger. */
#include "kernels.h"
#include "lanes.h"

#define SMALLEST 0x1p-100f

/* NaN stays NaN, so that every result computed from the block shows it. */
static inline float block_scale(float amax)
{
    return amax < SMALLEST ? 0.0f : amax / 127.0f;
}

static inline float block_inverse(float amax)
{
    return amax >= SMALLEST ? 127.0f / amax : 0.0f;
}

/* ---- reference ---------------------------------------------------------- */

/* Adding 1.5 * 2^23 leaves no bits for a fraction, so the addition rounds, ties to even, and the low byte of the sum is
 * the integer in two's complement. |x| < 2^22; for NaN and infinity the byte is unspecified. */
static int8_t round_to_even(float x)
{
    float sum = x + 0x1.8p23f;
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return (int8_t)(uint8_t)bits;
}

PAL_REFERENCE static float largest_ref(const float *x)
{
    uint32_t max = 0;
    for (int i = 0; i < PAL_BLOCK; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= 0x7fffffffu;
        max = bits > max ? bits : max;
    }
    float amax;
    memcpy(&amax, &max, sizeof amax);
    return amax;
}

PAL_REFERENCE static void quantize_ref(const pal_quantized *to, const float *x, size_t count)
{
    int8_t *q = to->q;
    for (size_t b = 0; b < count / PAL_BLOCK; b++, x += PAL_BLOCK, q += PAL_BLOCK) {
        float amax = largest_ref(x);
        int32_t sum = 0;
        float inverse = block_inverse(amax);
        to->scale[b] = block_scale(amax);
        for (int i = 0; i < PAL_BLOCK; i++) {
            q[i] = round_to_even(x[i] * inverse);
            sum += q[i];
        }
        to->bias[b] = -8 * sum;
    }
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

static v128_t round_four(const float *x, v128_t inverse)
{
    return wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(wasm_f32x4_mul(wasm_v128_load(x), inverse)));
}

/* Reorders eight columns: every four become 0, 2, 1, 3. */
static v128_t swap_middle(v128_t v)
{
    return wasm_i16x8_shuffle(v, v, 0, 2, 1, 3, 4, 6, 5, 7);
}

static void quantize_simd128(const pal_quantized *to, const float *x, size_t count)
{
    int8_t *q = to->q;
    int16_t *wide = to->wide;
    for (size_t b = 0; b < count / PAL_BLOCK; b++, x += PAL_BLOCK) {
        v128_t top = wasm_f32x4_splat(0.0f), sum = wasm_i32x4_splat(0);
        for (int i = 0; i < PAL_BLOCK; i += 4) top = wasm_i32x4_max(top, wasm_f32x4_abs(wasm_v128_load(x + i)));
        top = wasm_i32x4_max(top, wasm_i32x4_shuffle(top, top, 2, 3, 0, 1));
        top = wasm_i32x4_max(top, wasm_i32x4_shuffle(top, top, 1, 0, 3, 2));
        float amax = wasm_f32x4_extract_lane(top, 0);
        v128_t inverse = wasm_f32x4_splat(block_inverse(amax));
        to->scale[b] = block_scale(amax);
        for (int i = 0; i < PAL_BLOCK; i += 16, q += 16, wide += 16) {
            v128_t low = wasm_i16x8_narrow_i32x4(round_four(x + i, inverse), round_four(x + i + 4, inverse));
            v128_t high = wasm_i16x8_narrow_i32x4(round_four(x + i + 8, inverse), round_four(x + i + 12, inverse));
            v128_t bytes = wasm_i8x16_narrow_i16x8(low, high);
            /* Values that are not finite may exceed 16 bits, so low and high are widened again from the stored
             * bytes. */
            low = wasm_i16x8_extend_low_i8x16(bytes);
            high = wasm_i16x8_extend_high_i8x16(bytes);
            sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(wasm_i16x8_add(low, high), wasm_i16x8_splat(1)));
            wasm_v128_store(q, bytes);
            wasm_v128_store(wide, swap_middle(low));
            wasm_v128_store(wide + 8, swap_middle(high));
        }
        sum = wasm_i32x4_add(sum, wasm_i32x4_shuffle(sum, sum, 2, 3, 0, 1));
        to->bias[b] = -8 * (wasm_i32x4_extract_lane(sum, 0) + wasm_i32x4_extract_lane(sum, 1));
    }
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

PAL_AVX2 static float largest_avx2(const __m256 x[4])
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256i v[4];
    for (int i = 0; i < 4; i++) v[i] = _mm256_castps_si256(_mm256_andnot_ps(sign, x[i]));
    __m256i a = _mm256_max_epi32(_mm256_max_epi32(v[0], v[1]), _mm256_max_epi32(v[2], v[3]));
    __m128i top = _mm_max_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    top = _mm_max_epi32(top, _mm_shuffle_epi32(top, 0x4e));
    return _mm_cvtss_f32(_mm_castsi128_ps(_mm_max_epi32(top, _mm_shuffle_epi32(top, 0xb1))));
}

/* The sum of 32 signed bytes. */
PAL_AVX2 static int32_t sum_avx2(__m256i bytes)
{
    __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes);
    __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

PAL_AVX2 static void quantize_avx2(const pal_quantized *to, const float *x, size_t count)
{
    int8_t *q = to->q;
    for (size_t b = 0; b < count / PAL_BLOCK; b++, x += PAL_BLOCK, q += PAL_BLOCK) {
        __m256 v[4];
        __m256i r[4];
        for (size_t i = 0; i < 4; i++) v[i] = _mm256_loadu_ps(x + 8 * i);
        float amax = largest_avx2(v);
        __m256 inverse = _mm256_set1_ps(block_inverse(amax));
        to->scale[b] = block_scale(amax);
        for (int i = 0; i < 4; i++) r[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
        /* Packing works within 128-bit halves; the permutation restores the order of the groups of four. */
        __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(r[0], r[1]), _mm256_packs_epi32(r[2], r[3]));
        bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        _mm256_storeu_si256((__m256i *)q, bytes);
        to->bias[b] = -8 * sum_avx2(bytes);
    }
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_quantize(pal_kernels *k)
{
    k->quantize = quantize_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) k->quantize = quantize_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) k->quantize = quantize_avx2;
#endif
}
