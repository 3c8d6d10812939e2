/* layer_norm.c - LayerNorm (Ba, Kiros and Hinton, "Layer normalization", 2016).
 *
 * It makes two passes; the second sums the squares of what is left after subtracting the mean.  Every variant sums in
 * eight lanes, also in the tail of a row (dim not a multiple of 8). */
#include "kernels.h"
#include "lanes.h"
#include "../core/math.h"

/* The ends of the two sums: they continue from the sums in the lanes. */
static inline float mean_of(float lane[PAL_LANES], const float *x, int from, int dim)
{
    for (int i = from; i < dim; i++) lane[i % PAL_LANES] += x[i];
    return pal_sum_lanes(lane) / (float)dim;
}

static inline float scale_of(float lane[PAL_LANES], const float *x, float mean, int from, float eps, int dim)
{
    for (int i = from; i < dim; i++) {
        float d = x[i] - mean;
        lane[i % PAL_LANES] += d * d;
    }
    return pal_rsqrtf(pal_sum_lanes(lane) / (float)dim + eps);
}

static inline void finish(float *y, const float *x, const float *gain, const float *bias, float mean, float scale,
                          int from, int dim)
{
    for (int i = from; i < dim; i++) y[i] = (x[i] - mean) * scale * gain[i] + bias[i];
}

/* ---- reference ---------------------------------------------------------- */

PAL_REFERENCE static void layer_norm_ref(float *y, const float *x, const float *gain, const float *bias, float eps,
                                         int n, int dim)
{
    for (int row = 0; row < n; row++, x += dim, y += dim) {
        float sums[PAL_LANES] = {0}, squares[PAL_LANES] = {0};
        float mean = mean_of(sums, x, 0, dim);
        finish(y, x, gain, bias, mean, scale_of(squares, x, mean, 0, eps, dim), 0, dim);
    }
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

static float mean_simd128(const float *x, int whole, int dim)
{
    v128_t low = wasm_f32x4_splat(0.0f), high = low;
    float lane[PAL_LANES];
    for (int i = 0; i < whole; i += 8) {
        low = wasm_f32x4_add(low, wasm_v128_load(x + i));
        high = wasm_f32x4_add(high, wasm_v128_load(x + i + 4));
    }
    wasm_v128_store(lane, low);
    wasm_v128_store(lane + 4, high);
    return mean_of(lane, x, whole, dim);
}

static float scale_simd128(const float *x, float mean, int whole, float eps, int dim)
{
    v128_t low = wasm_f32x4_splat(0.0f), high = low, m = wasm_f32x4_splat(mean);
    float lane[PAL_LANES];
    for (int i = 0; i < whole; i += 8) {
        v128_t a = wasm_f32x4_sub(wasm_v128_load(x + i), m), b = wasm_f32x4_sub(wasm_v128_load(x + i + 4), m);
        low = wasm_f32x4_add(low, wasm_f32x4_mul(a, a));
        high = wasm_f32x4_add(high, wasm_f32x4_mul(b, b));
    }
    wasm_v128_store(lane, low);
    wasm_v128_store(lane + 4, high);
    return scale_of(lane, x, mean, whole, eps, dim);
}

static void layer_norm_simd128(float *y, const float *x, const float *gain, const float *bias, float eps, int n,
                               int dim)
{
    const int whole = dim - dim % PAL_LANES;
    for (int row = 0; row < n; row++, x += dim, y += dim) {
        float mean = mean_simd128(x, whole, dim), scale = scale_simd128(x, mean, whole, eps, dim);
        v128_t m = wasm_f32x4_splat(mean), s = wasm_f32x4_splat(scale);
        for (int i = 0; i < whole; i += 4) {
            v128_t v = wasm_f32x4_mul(wasm_f32x4_sub(wasm_v128_load(x + i), m), s);
            wasm_v128_store(y + i,
                            wasm_f32x4_add(wasm_f32x4_mul(v, wasm_v128_load(gain + i)), wasm_v128_load(bias + i)));
        }
        finish(y, x, gain, bias, mean, scale, whole, dim);
    }
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

PAL_AVX2 static float mean_avx2(const float *x, int whole, int dim)
{
    __m256 sum = _mm256_setzero_ps();
    float lane[PAL_LANES];
    for (int i = 0; i < whole; i += 8) sum = _mm256_add_ps(sum, _mm256_loadu_ps(x + i));
    _mm256_storeu_ps(lane, sum);
    return mean_of(lane, x, whole, dim);
}

PAL_AVX2 static float scale_avx2(const float *x, float mean, int whole, float eps, int dim)
{
    __m256 sum = _mm256_setzero_ps(), m = _mm256_set1_ps(mean);
    float lane[PAL_LANES];
    for (int i = 0; i < whole; i += 8) {
        __m256 d = _mm256_sub_ps(_mm256_loadu_ps(x + i), m);
        sum = _mm256_add_ps(sum, _mm256_mul_ps(d, d));
    }
    _mm256_storeu_ps(lane, sum);
    return scale_of(lane, x, mean, whole, eps, dim);
}

PAL_AVX2 static void layer_norm_avx2(float *y, const float *x, const float *gain, const float *bias, float eps, int n,
                                     int dim)
{
    const int whole = dim - dim % PAL_LANES;
    for (int row = 0; row < n; row++, x += dim, y += dim) {
        float mean = mean_avx2(x, whole, dim), scale = scale_avx2(x, mean, whole, eps, dim);
        __m256 m = _mm256_set1_ps(mean), s = _mm256_set1_ps(scale);
        for (int i = 0; i < whole; i += 8) {
            __m256 v = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(x + i), m), s);
            v = _mm256_mul_ps(v, _mm256_loadu_ps(gain + i));
            _mm256_storeu_ps(y + i, _mm256_add_ps(v, _mm256_loadu_ps(bias + i)));
        }
        finish(y, x, gain, bias, mean, scale, whole, dim);
    }
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_layer_norm(pal_kernels *k)
{
    k->layer_norm = layer_norm_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) k->layer_norm = layer_norm_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) k->layer_norm = layer_norm_avx2;
#endif
}
