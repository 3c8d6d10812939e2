/* norm.c - RMSNorm (Zhang and Sennrich, "Root mean square layer normalization", 2019).
 *
 * Every variant sums squares in eight lanes, also in the tail of a row (dim not a multiple of 8): vector code stores
 * its lanes and continues one by one. */
#include "kernels.h"
#include "lanes.h"
#include "../core/math.h"

static inline float row_scale(float lane[PAL_LANES], const float *x, int from, float eps, int dim)
{
    for (int i = from; i < dim; i++) lane[i % PAL_LANES] += x[i] * x[i];
    return pal_rsqrtf(pal_sum_lanes(lane) / (float)dim + eps);
}

static inline void scale_tail(float *y, const float *x, const float *gain, float scale, int from, int dim)
{
    for (int i = from; i < dim; i++) y[i] = x[i] * scale * gain[i];
}

/* ---- reference ---------------------------------------------------------- */

PAL_REFERENCE static void rms_norm_ref(float *y, const float *x, const float *gain, float eps, int n, int dim)
{
    for (int row = 0; row < n; row++, x += dim, y += dim) {
        float lane[PAL_LANES] = {0};
        scale_tail(y, x, gain, row_scale(lane, x, 0, eps, dim), 0, dim);
    }
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

static void rms_norm_simd128(float *y, const float *x, const float *gain, float eps, int n, int dim)
{
    const int whole = dim - dim % PAL_LANES;
    for (int row = 0; row < n; row++, x += dim, y += dim) {
        v128_t low = wasm_f32x4_splat(0.0f), high = low;
        float lane[PAL_LANES];
        for (int i = 0; i < whole; i += 8) {
            v128_t a = wasm_v128_load(x + i), b = wasm_v128_load(x + i + 4);
            low = wasm_f32x4_add(low, wasm_f32x4_mul(a, a));
            high = wasm_f32x4_add(high, wasm_f32x4_mul(b, b));
        }
        wasm_v128_store(lane, low);
        wasm_v128_store(lane + 4, high);
        float scale = row_scale(lane, x, whole, eps, dim);
        v128_t s = wasm_f32x4_splat(scale);
        for (int i = 0; i < whole; i += 4)
            wasm_v128_store(y + i, wasm_f32x4_mul(wasm_f32x4_mul(wasm_v128_load(x + i), s), wasm_v128_load(gain + i)));
        scale_tail(y, x, gain, scale, whole, dim);
    }
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

PAL_AVX2 static void rms_norm_avx2(float *y, const float *x, const float *gain, float eps, int n, int dim)
{
    const int whole = dim - dim % PAL_LANES;
    for (int row = 0; row < n; row++, x += dim, y += dim) {
        __m256 sum = _mm256_setzero_ps();
        float lane[PAL_LANES];
        for (int i = 0; i < whole; i += 8) {
            __m256 a = _mm256_loadu_ps(x + i);
            sum = _mm256_add_ps(sum, _mm256_mul_ps(a, a));
        }
        _mm256_storeu_ps(lane, sum);
        float scale = row_scale(lane, x, whole, eps, dim);
        __m256 s = _mm256_set1_ps(scale);
        for (int i = 0; i < whole; i += 8) {
            __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x + i), s);
            _mm256_storeu_ps(y + i, _mm256_mul_ps(scaled, _mm256_loadu_ps(gain + i)));
        }
        scale_tail(y, x, gain, scale, whole, dim);
    }
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_norm(pal_kernels *k)
{
    k->rms_norm = rms_norm_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) k->rms_norm = rms_norm_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) k->rms_norm = rms_norm_avx2;
#endif
}
