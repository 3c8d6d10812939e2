/* group_norm.c - the steps of GroupNorm (nn/group_norm.c), and SiLU.
 *
 * Pictures are [places, channels], so a lane is a channel and lanes are never summed.  Each channel's sum runs over the
 * places in order; nn/group_norm.c then combines channels to groups of any width. */
#include "kernels.h"
#include "exp_lanes.h"

static inline float silu_of(float x)
{
    return x / (1.0f + pal_expf(-x));
}

/* Sums columns from .. dim - 1 one by one: the reference, and the columns that do not fill a register. */
static inline void sums_from(float *sum, const float *x, int n, int dim, int from)
{
    for (int c = from; c < dim; c++) sum[c] = 0.0f;
    for (int i = 0; i < n; i++, x += dim)
        for (int c = from; c < dim; c++) sum[c] += x[c];
}

static inline void squares_from(float *sum, const float *x, const float *mean, int n, int dim, int from)
{
    for (int c = from; c < dim; c++) sum[c] = 0.0f;
    for (int i = 0; i < n; i++, x += dim)
        for (int c = from; c < dim; c++) {
            float d = x[c] - mean[c];
            sum[c] += d * d;
        }
}

static inline void move_from(float *y, const float *x, const float *factor, const float *addend, int dim, int from)
{
    for (int c = from; c < dim; c++) y[c] = x[c] * factor[c] + addend[c];
}

static inline void move_silu_from(float *y, const float *x, const float *factor, const float *addend, int dim, int from)
{
    for (int c = from; c < dim; c++) y[c] = silu_of(x[c] * factor[c] + addend[c]);
}

/* ---- reference ---------------------------------------------------------- */

PAL_REFERENCE static void column_sums_ref(float *sum, const float *x, int n, int dim)
{
    sums_from(sum, x, n, dim, 0);
}

PAL_REFERENCE static void column_squares_ref(float *sum, const float *x, const float *mean, int n, int dim)
{
    squares_from(sum, x, mean, n, dim, 0);
}

PAL_REFERENCE static void scale_shift_ref(float *y, const float *x, const float *factor, const float *addend, int n,
                                          int dim)
{
    for (int i = 0; i < n; i++, x += dim, y += dim) move_from(y, x, factor, addend, dim, 0);
}

PAL_REFERENCE static void scale_shift_silu_ref(float *y, const float *x, const float *factor, const float *addend,
                                               int n, int dim)
{
    for (int i = 0; i < n; i++, x += dim, y += dim) move_silu_from(y, x, factor, addend, dim, 0);
}

PAL_REFERENCE static void silu_ref(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++) x[i] = silu_of(x[i]);
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

enum { MAX_GROUPS = 8 }; /* registers of columns summed together, so that one addition does not wait for another */

/* Sums 4 * groups columns from x on; groups is a constant. */
PAL_INLINE void sums_simd128(float *sum, const float *x, int n, int dim, const int groups)
{
    v128_t s[MAX_GROUPS];
    PAL_UNROLL for (int g = 0; g < groups; g++) s[g] = wasm_f32x4_splat(0.0f);
    for (int i = 0; i < n; i++, x += dim)
        PAL_UNROLL for (int g = 0; g < groups; g++) s[g] = wasm_f32x4_add(s[g], wasm_v128_load(x + 4 * g));
    PAL_UNROLL for (int g = 0; g < groups; g++) wasm_v128_store(sum + 4 * g, s[g]);
}

static void column_sums_simd128(float *sum, const float *x, int n, int dim)
{
    int c = 0;
    for (; c + 4 * MAX_GROUPS <= dim; c += 4 * MAX_GROUPS) sums_simd128(sum + c, x + c, n, dim, MAX_GROUPS);
    for (; c + 4 <= dim; c += 4) sums_simd128(sum + c, x + c, n, dim, 1);
    if (c < dim) sums_from(sum, x, n, dim, c);
}

PAL_INLINE void squares_simd128(float *sum, const float *x, const float *mean, int n, int dim, const int groups)
{
    v128_t s[MAX_GROUPS];
    PAL_UNROLL for (int g = 0; g < groups; g++) s[g] = wasm_f32x4_splat(0.0f);
    for (int i = 0; i < n; i++, x += dim) PAL_UNROLL for (int g = 0; g < groups; g++)
        {
            v128_t d = wasm_f32x4_sub(wasm_v128_load(x + 4 * g), wasm_v128_load(mean + 4 * g));
            s[g] = wasm_f32x4_add(s[g], wasm_f32x4_mul(d, d));
        }
    PAL_UNROLL for (int g = 0; g < groups; g++) wasm_v128_store(sum + 4 * g, s[g]);
}

static void column_squares_simd128(float *sum, const float *x, const float *mean, int n, int dim)
{
    int c = 0;
    for (; c + 4 * MAX_GROUPS <= dim; c += 4 * MAX_GROUPS)
        squares_simd128(sum + c, x + c, mean + c, n, dim, MAX_GROUPS);
    for (; c + 4 <= dim; c += 4) squares_simd128(sum + c, x + c, mean + c, n, dim, 1);
    if (c < dim) squares_from(sum, x, mean, n, dim, c);
}

static v128_t moved_simd128(const float *x, const float *factor, const float *addend)
{
    return wasm_f32x4_add(wasm_f32x4_mul(wasm_v128_load(x), wasm_v128_load(factor)), wasm_v128_load(addend));
}

static v128_t silu_of_simd128(v128_t v)
{
    return wasm_f32x4_div(v, wasm_f32x4_add(wasm_f32x4_splat(1.0f), pal_exp_simd128(wasm_f32x4_neg(v))));
}

static void scale_shift_simd128(float *y, const float *x, const float *factor, const float *addend, int n, int dim)
{
    const int whole = dim - dim % 4;
    for (int i = 0; i < n; i++, x += dim, y += dim) {
        for (int c = 0; c < whole; c += 4) wasm_v128_store(y + c, moved_simd128(x + c, factor + c, addend + c));
        move_from(y, x, factor, addend, dim, whole);
    }
}

static void scale_shift_silu_simd128(float *y, const float *x, const float *factor, const float *addend, int n, int dim)
{
    const int whole = dim - dim % 4;
    for (int i = 0; i < n; i++, x += dim, y += dim) {
        for (int c = 0; c < whole; c += 4)
            wasm_v128_store(y + c, silu_of_simd128(moved_simd128(x + c, factor + c, addend + c)));
        move_silu_from(y, x, factor, addend, dim, whole);
    }
}

static void silu_simd128(float *x, size_t count)
{
    size_t i = 0;
    for (; i + 4 <= count; i += 4) wasm_v128_store(x + i, silu_of_simd128(wasm_v128_load(x + i)));
    for (; i < count; i++) x[i] = silu_of(x[i]);
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

#define PAL_AVX2_INLINE __attribute__((always_inline)) PAL_AVX2 static inline

enum { MAX_GROUPS = 8 };

/* Sums 8 * groups columns from x on; groups is a constant. */
PAL_AVX2_INLINE void sums_avx2(float *sum, const float *x, int n, int dim, const size_t groups)
{
    __m256 s[MAX_GROUPS];
    for (size_t g = 0; g < groups; g++) s[g] = _mm256_setzero_ps();
    for (int i = 0; i < n; i++, x += dim)
        for (size_t g = 0; g < groups; g++) s[g] = _mm256_add_ps(s[g], _mm256_loadu_ps(x + 8 * g));
    for (size_t g = 0; g < groups; g++) _mm256_storeu_ps(sum + 8 * g, s[g]);
}

PAL_AVX2 static void column_sums_avx2(float *sum, const float *x, int n, int dim)
{
    int c = 0;
    for (; c + 8 * MAX_GROUPS <= dim; c += 8 * MAX_GROUPS) sums_avx2(sum + c, x + c, n, dim, MAX_GROUPS);
    for (; c + 8 <= dim; c += 8) sums_avx2(sum + c, x + c, n, dim, 1);
    if (c < dim) sums_from(sum, x, n, dim, c);
}

PAL_AVX2_INLINE void squares_avx2(float *sum, const float *x, const float *mean, int n, int dim, const size_t groups)
{
    __m256 s[MAX_GROUPS];
    for (size_t g = 0; g < groups; g++) s[g] = _mm256_setzero_ps();
    for (int i = 0; i < n; i++, x += dim)
        for (size_t g = 0; g < groups; g++) {
            __m256 d = _mm256_sub_ps(_mm256_loadu_ps(x + 8 * g), _mm256_loadu_ps(mean + 8 * g));
            s[g] = _mm256_add_ps(s[g], _mm256_mul_ps(d, d));
        }
    for (size_t g = 0; g < groups; g++) _mm256_storeu_ps(sum + 8 * g, s[g]);
}

PAL_AVX2 static void column_squares_avx2(float *sum, const float *x, const float *mean, int n, int dim)
{
    int c = 0;
    for (; c + 8 * MAX_GROUPS <= dim; c += 8 * MAX_GROUPS) squares_avx2(sum + c, x + c, mean + c, n, dim, MAX_GROUPS);
    for (; c + 8 <= dim; c += 8) squares_avx2(sum + c, x + c, mean + c, n, dim, 1);
    if (c < dim) squares_from(sum, x, mean, n, dim, c);
}

PAL_AVX2_INLINE __m256 moved_avx2(const float *x, const float *factor, const float *addend)
{
    __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x), _mm256_loadu_ps(factor));
    return _mm256_add_ps(scaled, _mm256_loadu_ps(addend));
}

PAL_AVX2_INLINE __m256 silu_of_avx2(__m256 v)
{
    __m256 e = pal_exp_avx2(_mm256_xor_ps(v, _mm256_set1_ps(-0.0f)));
    return _mm256_div_ps(v, _mm256_add_ps(_mm256_set1_ps(1.0f), e));
}

PAL_AVX2 static void scale_shift_avx2(float *y, const float *x, const float *factor, const float *addend, int n,
                                      int dim)
{
    const int whole = dim - dim % 8;
    for (int i = 0; i < n; i++, x += dim, y += dim) {
        for (int c = 0; c < whole; c += 8) _mm256_storeu_ps(y + c, moved_avx2(x + c, factor + c, addend + c));
        move_from(y, x, factor, addend, dim, whole);
    }
}

PAL_AVX2 static void scale_shift_silu_avx2(float *y, const float *x, const float *factor, const float *addend, int n,
                                           int dim)
{
    const int whole = dim - dim % 8;
    for (int i = 0; i < n; i++, x += dim, y += dim) {
        for (int c = 0; c < whole; c += 8)
            _mm256_storeu_ps(y + c, silu_of_avx2(moved_avx2(x + c, factor + c, addend + c)));
        move_silu_from(y, x, factor, addend, dim, whole);
    }
}

PAL_AVX2 static void silu_avx2(float *x, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) _mm256_storeu_ps(x + i, silu_of_avx2(_mm256_loadu_ps(x + i)));
    for (; i < count; i++) x[i] = silu_of(x[i]);
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_kernels_add_pictures(pal_kernels *k)
{
    k->column_sums = column_sums_ref;
    k->column_squares = column_squares_ref;
    k->scale_shift = scale_shift_ref;
    k->scale_shift_silu = scale_shift_silu_ref;
    k->silu = silu_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) {
        k->column_sums = column_sums_simd128;
        k->column_squares = column_squares_simd128;
        k->scale_shift = scale_shift_simd128;
        k->scale_shift_silu = scale_shift_silu_simd128;
        k->silu = silu_simd128;
    }
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) {
        k->column_sums = column_sums_avx2;
        k->column_squares = column_squares_avx2;
        k->scale_shift = scale_shift_avx2;
        k->scale_shift_silu = scale_shift_silu_avx2;
        k->silu = silu_avx2;
    }
#endif
}
