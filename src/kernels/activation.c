/* activation.c - SwiGLU (Shazeer, "GLU variants improve transformer", 2020) and the addition of a residual.
 *
 * If exp(-gate) overflows, gate / inf is 0, which is the limit of the function. */
#include "kernels.h"
#include "exp_lanes.h"

static inline float gated(float gate, float up)
{
    return gate / (1.0f + pal_expf(-gate)) * up;
}

/* ---- reference ---------------------------------------------------------- */

PAL_REFERENCE static void swiglu_ref(float *gate, const float *up, size_t count)
{
    for (size_t i = 0; i < count; i++) gate[i] = gated(gate[i], up[i]);
}

PAL_REFERENCE static void add_ref(float *x, const float *y, size_t count)
{
    for (size_t i = 0; i < count; i++) x[i] += y[i];
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

static void swiglu_simd128(float *gate, const float *up, size_t count)
{
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        v128_t g = wasm_v128_load(gate + i);
        v128_t below = wasm_f32x4_add(wasm_f32x4_splat(1.0f), pal_exp_simd128(wasm_f32x4_neg(g)));
        wasm_v128_store(gate + i, wasm_f32x4_mul(wasm_f32x4_div(g, below), wasm_v128_load(up + i)));
    }
    for (; i < count; i++) gate[i] = gated(gate[i], up[i]);
}

static void add_simd128(float *x, const float *y, size_t count)
{
    size_t i = 0;
    for (; i + 4 <= count; i += 4) wasm_v128_store(x + i, wasm_f32x4_add(wasm_v128_load(x + i), wasm_v128_load(y + i)));
    for (; i < count; i++) x[i] += y[i];
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

PAL_AVX2 static void swiglu_avx2(float *gate, const float *up, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256 g = _mm256_loadu_ps(gate + i);
        __m256 below = _mm256_add_ps(_mm256_set1_ps(1.0f), pal_exp_avx2(_mm256_xor_ps(g, _mm256_set1_ps(-0.0f))));
        _mm256_storeu_ps(gate + i, _mm256_mul_ps(_mm256_div_ps(g, below), _mm256_loadu_ps(up + i)));
    }
    for (; i < count; i++) gate[i] = gated(gate[i], up[i]);
}

PAL_AVX2 static void add_avx2(float *x, const float *y, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(x + i, _mm256_add_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
    for (; i < count; i++) x[i] += y[i];
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_activation(pal_kernels *k)
{
    k->swiglu = swiglu_ref;
    k->add = add_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) {
        k->swiglu = swiglu_simd128;
        k->add = add_simd128;
    }
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) {
        k->swiglu = swiglu_avx2;
        k->add = add_avx2;
    }
#endif
}
