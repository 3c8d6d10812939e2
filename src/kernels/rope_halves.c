/* rope_halves.c - rotary positions (Su et al., "RoFormer", 2021) on pairs of elements i and i + head_dim / 2, as in
 * GPT-NeoX and in llama.cpp's files for `qwen2` and `qwen3`.
 *
 * (a, b) becomes (a cos - b sin, a sin + b cos): the sums of rope.c, with pairs that are not adjacent. */
#include "kernels.h"
#include "lanes.h"

static inline void rotate_pairs(float *low, float *high, const float *cosine, const float *sine, int from, int half)
{
    for (int i = from; i < half; i++) {
        float a = low[i], b = high[i];
        low[i] = a * cosine[i] - b * sine[i];
        high[i] = a * sine[i] + b * cosine[i];
    }
}

/* ---- reference ---------------------------------------------------------- */

PAL_REFERENCE static void rope_halves_ref(float *x, const float *cosine, const float *sine, int n, int heads,
                                          int head_dim)
{
    const int half = head_dim / 2;
    for (int i = 0; i < n; i++, cosine += half, sine += half)
        for (int h = 0; h < heads; h++, x += head_dim) rotate_pairs(x, x + half, cosine, sine, 0, half);
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

static void rope_halves_simd128(float *x, const float *cosine, const float *sine, int n, int heads, int head_dim)
{
    const int half = head_dim / 2;
    for (int i = 0; i < n; i++, cosine += half, sine += half)
        for (int h = 0; h < heads; h++, x += head_dim) {
            int d = 0;
            for (; d + 4 <= half; d += 4) {
                v128_t a = wasm_v128_load(x + d), b = wasm_v128_load(x + half + d);
                v128_t c = wasm_v128_load(cosine + d), s = wasm_v128_load(sine + d);
                wasm_v128_store(x + d, wasm_f32x4_sub(wasm_f32x4_mul(a, c), wasm_f32x4_mul(b, s)));
                wasm_v128_store(x + half + d, wasm_f32x4_add(wasm_f32x4_mul(a, s), wasm_f32x4_mul(b, c)));
            }
            rotate_pairs(x, x + half, cosine, sine, d, half);
        }
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

PAL_AVX2 static void rope_halves_avx2(float *x, const float *cosine, const float *sine, int n, int heads, int head_dim)
{
    const int half = head_dim / 2;
    for (int i = 0; i < n; i++, cosine += half, sine += half)
        for (int h = 0; h < heads; h++, x += head_dim) {
            int d = 0;
            for (; d + 8 <= half; d += 8) {
                __m256 a = _mm256_loadu_ps(x + d), b = _mm256_loadu_ps(x + half + d);
                __m256 c = _mm256_loadu_ps(cosine + d), s = _mm256_loadu_ps(sine + d);
                _mm256_storeu_ps(x + d, _mm256_sub_ps(_mm256_mul_ps(a, c), _mm256_mul_ps(b, s)));
                _mm256_storeu_ps(x + half + d, _mm256_add_ps(_mm256_mul_ps(a, s), _mm256_mul_ps(b, c)));
            }
            rotate_pairs(x, x + half, cosine, sine, d, half);
        }
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_rope_halves(pal_kernels *k)
{
    k->rope_halves = rope_halves_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) k->rope_halves = rope_halves_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) k->rope_halves = rope_halves_avx2;
#endif
}
