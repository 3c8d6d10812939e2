/* gelu.c - GELU in its tanh form (Hendrycks and Gimpel, "Gaussian error linear units", 2016).
 *
 * 0.5 x (1 + tanh u) = x / (1 + e^-2u) with u = sqrt(2 / pi) (x + 0.044715 x^3).  This form needs one exponential and
 * does not cancel for negative x.  If e^-2u overflows, x / inf is 0, which is the limit of the function. */
#include "kernels.h"
#include "exp_lanes.h"

static inline float gelu_of(float x)
{
    return x / (1.0f + pal_expf(-(x * (x * x * PAL_GELU_CUBE + PAL_GELU_LINE))));
}

/* ---- reference ---------------------------------------------------------- */

PAL_REFERENCE static void gelu_ref(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++) x[i] = gelu_of(x[i]);
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

static void gelu_simd128(float *x, size_t count)
{
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        v128_t v = wasm_v128_load(x + i);
        v128_t t = wasm_f32x4_mul(wasm_f32x4_mul(v, v), wasm_f32x4_splat(PAL_GELU_CUBE));
        t = wasm_f32x4_mul(v, wasm_f32x4_add(t, wasm_f32x4_splat(PAL_GELU_LINE)));
        t = wasm_f32x4_add(wasm_f32x4_splat(1.0f), pal_exp_simd128(wasm_f32x4_neg(t)));
        wasm_v128_store(x + i, wasm_f32x4_div(v, t));
    }
    for (; i < count; i++) x[i] = gelu_of(x[i]);
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

PAL_AVX2 static void gelu_avx2(float *x, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256 v = _mm256_loadu_ps(x + i);
        __m256 t = _mm256_mul_ps(_mm256_mul_ps(v, v), _mm256_set1_ps(PAL_GELU_CUBE));
        t = _mm256_mul_ps(v, _mm256_add_ps(t, _mm256_set1_ps(PAL_GELU_LINE)));
        t = _mm256_add_ps(_mm256_set1_ps(1.0f), pal_exp_avx2(_mm256_xor_ps(t, _mm256_set1_ps(-0.0f))));
        _mm256_storeu_ps(x + i, _mm256_div_ps(v, t));
    }
    for (; i < count; i++) x[i] = gelu_of(x[i]);
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_gelu(pal_kernels *k)
{
    k->gelu = gelu_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) k->gelu = gelu_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) k->gelu = gelu_avx2;
#endif
}
