/* rope.c - rotary positions (Su et al., "RoFormer", 2021) on consecutive pairs, as in llama.cpp's files for `llama` and
 * `llada`.
 *
 * (a, b) becomes (a cos - b sin, a sin + b cos).  Vector code multiplies the row by each cosine twice and the swapped
 * pairs by each sine twice, then subtracts in even lanes and adds in odd lanes: per element the same two products and
 * one sum. */
#include "kernels.h"
#include "lanes.h"

static inline void rotate_pairs(float *x, const float *cosine, const float *sine, int from, int head_dim)
{
    for (int d = from; d < head_dim; d += 2) {
        float a = x[d], b = x[d + 1], c = cosine[d / 2], s = sine[d / 2];
        x[d] = a * c - b * s;
        x[d + 1] = a * s + b * c;
    }
}

/* ---- reference ---------------------------------------------------------- */

PAL_REFERENCE static void rope_ref(float *x, const float *cosine, const float *sine, int n, int heads, int head_dim)
{
    for (int i = 0; i < n; i++, cosine += head_dim / 2, sine += head_dim / 2)
        for (int h = 0; h < heads; h++, x += head_dim) rotate_pairs(x, cosine, sine, 0, head_dim);
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

static void rope_simd128(float *x, const float *cosine, const float *sine, int n, int heads, int head_dim)
{
    const v128_t negate_even = wasm_i32x4_const(INT32_MIN, 0, INT32_MIN, 0);
    for (int i = 0; i < n; i++, cosine += head_dim / 2, sine += head_dim / 2)
        for (int h = 0; h < heads; h++, x += head_dim) {
            int d = 0;
            for (; d + 4 <= head_dim; d += 4) {
                v128_t v = wasm_v128_load(x + d), swapped = wasm_i32x4_shuffle(v, v, 1, 0, 3, 2);
                v128_t c = wasm_v128_load64_zero(cosine + d / 2), s = wasm_v128_load64_zero(sine + d / 2);
                c = wasm_i32x4_shuffle(c, c, 0, 0, 1, 1);
                s = wasm_i32x4_shuffle(s, s, 0, 0, 1, 1);
                v128_t turned = wasm_v128_xor(wasm_f32x4_mul(swapped, s), negate_even);
                wasm_v128_store(x + d, wasm_f32x4_add(wasm_f32x4_mul(v, c), turned));
            }
            rotate_pairs(x, cosine, sine, d, head_dim);
        }
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

/* Loads four values, each twice. */
PAL_AVX2 static __m256 load_doubled(const float *four)
{
    const __m256i index = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    return _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(four)), index);
}

PAL_AVX2 static void rope_avx2(float *x, const float *cosine, const float *sine, int n, int heads, int head_dim)
{
    for (int i = 0; i < n; i++, cosine += head_dim / 2, sine += head_dim / 2)
        for (int h = 0; h < heads; h++, x += head_dim) {
            int d = 0;
            for (; d + 8 <= head_dim; d += 8) {
                __m256 v = _mm256_loadu_ps(x + d), swapped = _mm256_permute_ps(v, 0xb1);
                __m256 straight = _mm256_mul_ps(v, load_doubled(cosine + d / 2));
                __m256 turned = _mm256_mul_ps(swapped, load_doubled(sine + d / 2));
                _mm256_storeu_ps(x + d, _mm256_addsub_ps(straight, turned));
            }
            rotate_pairs(x, cosine, sine, d, head_dim);
        }
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_rope(pal_kernels *k)
{
    k->rope = rope_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) k->rope = rope_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) k->rope = rope_avx2;
#endif
}
