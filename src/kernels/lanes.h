/* lanes.h - what the kernel files share: the vector instruction sets that the compiler can use, and the fixed order in
 * which eight lanes are summed (internal to kernels/ and nn/).
 *
 * AVX2 code is compiled for single functions and chosen at run time. simd128 code exists only if the whole module is
 * compiled for it, because an engine refuses to load a WebAssembly module with unknown instructions; on ARM it is
 * compiled to NEON (neon.h). */
#ifndef PAL_LANES_H
#define PAL_LANES_H

#include <float.h>
#include <stdint.h>
#include <string.h>

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define PAL_HAVE_SIMD128 1
#if defined(__wasm_relaxed_simd__)
#define PAL_HAVE_RELAXED 1 /* always together with simd128 */
#endif
#elif defined(__aarch64__) && !defined(__ARM_BIG_ENDIAN)
#include "neon.h"
#define PAL_HAVE_SIMD128 1
#elif defined(__x86_64__)
#include <immintrin.h>
#define PAL_HAVE_AVX2 1
#define PAL_AVX2      __attribute__((target("avx2,f16c")))
#endif

/* In WebAssembly a faster variant always exists, so references are optimised for size, which is downloaded.  Elsewhere
 * a reference may be the variant that runs. */
#if defined(__wasm__)
#define PAL_REFERENCE __attribute__((minsize))
#else
#define PAL_REFERENCE
#endif

/* x87 would keep extra precision in intermediate results and so give other bits. */
_Static_assert(FLT_EVAL_METHOD == 0, "float expressions must be evaluated as float");

enum { PAL_LANES = 8 };

/* Every variant ends a sum along a row with this function, so that the order is the same everywhere. */
static inline float pal_sum_lanes(const float lane[PAL_LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

#if defined(PAL_HAVE_AVX2)

/* pal_sum_lanes for one register. */
PAL_AVX2 static inline float pal_sum_lanes_avx2(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* Transposes: 32-bit element j of row i becomes element i of row j. */
PAL_AVX2 static inline void pal_transpose_avx2(__m256 row[8])
{
    __m256 pair[8], quad[8];
    for (int i = 0; i < 8; i += 2) {
        pair[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
        pair[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        quad[i] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0x44);
        quad[i + 1] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0xee);
        quad[i + 2] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
        quad[i + 3] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        row[i] = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x20);
        row[i + 4] = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x31);
    }
}

#endif

/* For WebAssembly the compiler unrolls no other loops (CMakeLists.txt), because unrolled code is long.  PAL_UNROLL is
 * for loops over small arrays, which are kept in registers only if the loop is unrolled, and for shifts that are faster
 * if their count is a constant.  PAL_ROLLED is for loops over columns: if they were unrolled, the compiler would reorder
 * the additions and run out of registers. */
#if defined(__wasm__)
#define PAL_UNROLL _Pragma("clang loop unroll(full)")
#define PAL_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define PAL_UNROLL
#define PAL_ROLLED
#endif

#if defined(PAL_HAVE_SIMD128)

#define PAL_INLINE __attribute__((always_inline)) static inline

/* pal_sum_lanes for two registers, lanes 0..3 and 4..7. */
static inline float pal_sum_lanes_simd128(v128_t low, v128_t high)
{
    v128_t s = wasm_f32x4_add(low, high);
    s = wasm_f32x4_add(s, wasm_i32x4_shuffle(s, s, 2, 3, 0, 1));
    return wasm_f32x4_extract_lane(wasm_f32x4_add(s, wasm_i32x4_shuffle(s, s, 1, 0, 3, 2)), 0);
}

/* Transposes: 32-bit element j of row i becomes element i of row j. */
static inline void pal_transpose_simd128(v128_t row[4])
{
    v128_t a = wasm_i32x4_shuffle(row[0], row[1], 0, 4, 1, 5), b = wasm_i32x4_shuffle(row[0], row[1], 2, 6, 3, 7);
    v128_t c = wasm_i32x4_shuffle(row[2], row[3], 0, 4, 1, 5), d = wasm_i32x4_shuffle(row[2], row[3], 2, 6, 3, 7);
    row[0] = wasm_i64x2_shuffle(a, c, 0, 2);
    row[1] = wasm_i64x2_shuffle(a, c, 1, 3);
    row[2] = wasm_i64x2_shuffle(b, d, 0, 2);
    row[3] = wasm_i64x2_shuffle(b, d, 1, 3);
}

/* Converts eight halves at any address to f32, elements 0..3 and 4..7.  With the half in the upper 16 bits, an
 * arithmetic shift by 3 moves exponent and mantissa to their positions in a float and keeps the sign.  A multiplication
 * then corrects the exponent bias; it is exact and also right for subnormals.  Infinity and NaN, which are rare in
 * weights, need their exponent restored. */
static inline void pal_load_f16_simd128(v128_t out[2], const void *halves)
{
    const v128_t half = wasm_v128_load(halves), zero = wasm_i16x8_splat(0);
    const v128_t kept = wasm_i32x4_splat((int32_t)0x8fffe000u), unbias = wasm_f32x4_splat(0x1p112f);
    v128_t low = wasm_i16x8_shuffle(zero, half, 0, 8, 1, 9, 2, 10, 3, 11);
    v128_t high = wasm_i16x8_shuffle(zero, half, 4, 12, 5, 13, 6, 14, 7, 15);
    out[0] = wasm_f32x4_mul(wasm_v128_and(wasm_i32x4_shr(low, 3), kept), unbias);
    out[1] = wasm_f32x4_mul(wasm_v128_and(wasm_i32x4_shr(high, 3), kept), unbias);
    const v128_t magnitude = wasm_v128_and(half, wasm_i16x8_splat(0x7fff));
    if (__builtin_expect(wasm_v128_any_true(wasm_i16x8_gt(magnitude, wasm_i16x8_splat(0x7bff))), 0)) {
        const v128_t infinite = wasm_f32x4_splat(65536.0f), exponent = wasm_i32x4_splat(0x7f800000);
        for (int i = 0; i < 2; i++)
            out[i] = wasm_v128_or(out[i], wasm_v128_and(wasm_f32x4_ge(wasm_f32x4_abs(out[i]), infinite), exponent));
    }
}

#endif
#endif
