/* attention.c - softmax attention, one query and one head at a time.
 *
 * Three steps a query: scores of all keys it sees, softmax over them, weighted sum of the values.  The keys
 * of a query are the only thing that causal and bidirectional attention differ in.  Vector code runs along
 * head_dim (a multiple of 8) for scores and values, along the keys for the softmax; the last keys of a
 * softmax are taken one by one into the lanes where the reference has them. */
#include "kernels.h"
#include "exp_lanes.h"

/* The steps of a variant.  stride: floats from one key to the next in k and v. */
typedef struct {
    void (*scores)(float *score, const float *q, const float *k, size_t stride, int keys, int head_dim, float scale);
    void (*softmax)(float *score, int keys);
    void (*mix)(float *y, const float *weight, const float *v, size_t stride, int keys, int head_dim);
} attention_steps;

static void attend(float *y, const float *q, const float *k, const float *v, float *scores,
                   const pal_attention_shape *shape, const attention_steps *steps)
{
    const size_t head_dim = (size_t)shape->head_dim, q_stride = (size_t)shape->heads * head_dim;
    const size_t kv_stride = (size_t)shape->kv_heads * head_dim;
    for (int head = 0; head < shape->heads; head++) {
        const size_t at = (size_t)head * head_dim, kv_at = (size_t)(head / (shape->heads / shape->kv_heads)) * head_dim;
        for (int i = 0; i < shape->n_q; i++) {
            const int keys = shape->causal ? shape->first + i + 1 : shape->n_k;
            const size_t row = (size_t)i * q_stride + at;
            steps->scores(scores, q + row, k + kv_at, kv_stride, keys, shape->head_dim, shape->scale);
            steps->softmax(scores, keys);
            steps->mix(y + row, scores, v + kv_at, kv_stride, keys, shape->head_dim);
        }
    }
}

/* The end of a row that does not fill the lanes. */
static inline float max_tail(float top, const float *score, int from, int keys)
{
    for (int j = from; j < keys; j++) top = score[j] > top ? score[j] : top;
    return top;
}

static inline float exp_tail(float lane[PAL_LANES], float *score, float top, int from, int keys)
{
    for (int j = from; j < keys; j++) {
        score[j] = pal_expf(score[j] - top);
        lane[j % PAL_LANES] += score[j];
    }
    return 1.0f / pal_sum_lanes(lane);
}

static inline void scale_tail(float *score, float inverse, int from, int keys)
{
    for (int j = from; j < keys; j++) score[j] *= inverse;
}

/* ---- reference ---------------------------------------------------------- */

static void scores_ref(float *score, const float *q, const float *k, size_t stride, int keys, int head_dim, float scale)
{
    for (int j = 0; j < keys; j++, k += stride) {
        float lane[PAL_LANES] = {0};
        for (int d = 0; d < head_dim; d++) lane[d % PAL_LANES] += q[d] * k[d];
        score[j] = pal_sum_lanes(lane) * scale;
    }
}

static void softmax_ref(float *score, int keys)
{
    float lane[PAL_LANES] = {0};
    float top = max_tail(score[0], score, 0, keys);
    float inverse = exp_tail(lane, score, top, 0, keys);
    scale_tail(score, inverse, 0, keys);
}

static void mix_ref(float *y, const float *weight, const float *v, size_t stride, int keys, int head_dim)
{
    memset(y, 0, (size_t)head_dim * sizeof *y);
    for (int j = 0; j < keys; j++, v += stride)
        for (int d = 0; d < head_dim; d++) y[d] += weight[j] * v[d];
}

static void attention_ref(float *y, const float *q, const float *k, const float *v, float *scores,
                          const pal_attention_shape *shape)
{
    static const attention_steps steps = {scores_ref, softmax_ref, mix_ref};
    attend(y, q, k, v, scores, shape, &steps);
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

static void scores_simd128(float *score, const float *q, const float *k, size_t stride, int keys, int head_dim,
                           float scale)
{
    for (int j = 0; j < keys; j++, k += stride) {
        v128_t low = wasm_f32x4_splat(0.0f), high = low;
        for (int d = 0; d < head_dim; d += 8) {
            low = wasm_f32x4_add(low, wasm_f32x4_mul(wasm_v128_load(q + d), wasm_v128_load(k + d)));
            high = wasm_f32x4_add(high, wasm_f32x4_mul(wasm_v128_load(q + d + 4), wasm_v128_load(k + d + 4)));
        }
        score[j] = pal_sum_lanes_simd128(low, high) * scale;
    }
}

static float top_simd128(const float *score, int keys)
{
    const int whole = keys - keys % PAL_LANES;
    v128_t top = wasm_f32x4_splat(score[0]);
    for (int j = 0; j < whole; j += 4) top = wasm_f32x4_pmax(top, wasm_v128_load(score + j));
    top = wasm_f32x4_pmax(top, wasm_i32x4_shuffle(top, top, 2, 3, 0, 1));
    top = wasm_f32x4_pmax(top, wasm_i32x4_shuffle(top, top, 1, 0, 3, 2));
    return max_tail(wasm_f32x4_extract_lane(top, 0), score, whole, keys);
}

static void softmax_simd128(float *score, int keys)
{
    const int whole = keys - keys % PAL_LANES;
    float lane[PAL_LANES], top = top_simd128(score, keys);
    v128_t low = wasm_f32x4_splat(0.0f), high = low, t = wasm_f32x4_splat(top);
    for (int j = 0; j < whole; j += 8) {
        v128_t a = pal_exp_simd128(wasm_f32x4_sub(wasm_v128_load(score + j), t));
        v128_t b = pal_exp_simd128(wasm_f32x4_sub(wasm_v128_load(score + j + 4), t));
        wasm_v128_store(score + j, a);
        wasm_v128_store(score + j + 4, b);
        low = wasm_f32x4_add(low, a);
        high = wasm_f32x4_add(high, b);
    }
    wasm_v128_store(lane, low);
    wasm_v128_store(lane + 4, high);
    float inverse = exp_tail(lane, score, top, whole, keys);
    for (int j = 0; j < whole; j += 4)
        wasm_v128_store(score + j, wasm_f32x4_mul(wasm_v128_load(score + j), wasm_f32x4_splat(inverse)));
    scale_tail(score, inverse, whole, keys);
}

/* 4 * vectors elements of y, kept in registers over all keys; `vectors` is a constant up to 8. */
__attribute__((always_inline)) static inline void mix_span_simd128(float *y, const float *weight, const float *v,
                                                                   size_t stride, int keys, const size_t vectors)
{
    v128_t sum[8];
    for (size_t a = 0; a < vectors; a++) sum[a] = wasm_f32x4_splat(0.0f);
    for (int j = 0; j < keys; j++, v += stride) {
        v128_t w = wasm_v128_load32_splat(weight + j);
        for (size_t a = 0; a < vectors; a++)
            sum[a] = wasm_f32x4_add(sum[a], wasm_f32x4_mul(w, wasm_v128_load(v + 4 * a)));
    }
    for (size_t a = 0; a < vectors; a++) wasm_v128_store(y + 4 * a, sum[a]);
}

static void mix_simd128(float *y, const float *weight, const float *v, size_t stride, int keys, int head_dim)
{
    int d = 0;
    for (; d + 32 <= head_dim; d += 32) mix_span_simd128(y + d, weight, v + d, stride, keys, 8);
    for (; d < head_dim; d += 8) mix_span_simd128(y + d, weight, v + d, stride, keys, 2);
}

static void attention_simd128(float *y, const float *q, const float *k, const float *v, float *scores,
                              const pal_attention_shape *shape)
{
    static const attention_steps steps = {scores_simd128, softmax_simd128, mix_simd128};
    attend(y, q, k, v, scores, shape, &steps);
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

PAL_AVX2 static void scores_avx2(float *score, const float *q, const float *k, size_t stride, int keys, int head_dim,
                                 float scale)
{
    for (int j = 0; j < keys; j++, k += stride) {
        __m256 sum = _mm256_setzero_ps();
        for (int d = 0; d < head_dim; d += 8)
            sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_loadu_ps(q + d), _mm256_loadu_ps(k + d)));
        score[j] = pal_sum_lanes_avx2(sum) * scale;
    }
}

PAL_AVX2 static float top_avx2(const float *score, int keys)
{
    const int whole = keys - keys % PAL_LANES;
    __m256 all = _mm256_set1_ps(score[0]);
    for (int j = 0; j < whole; j += 8) all = _mm256_max_ps(_mm256_loadu_ps(score + j), all);
    __m128 top = _mm_max_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
    top = _mm_max_ps(top, _mm_movehl_ps(top, top));
    return max_tail(_mm_cvtss_f32(_mm_max_ss(top, _mm_movehdup_ps(top))), score, whole, keys);
}

PAL_AVX2 static void softmax_avx2(float *score, int keys)
{
    const int whole = keys - keys % PAL_LANES;
    float lane[PAL_LANES], top = top_avx2(score, keys);
    __m256 sum = _mm256_setzero_ps(), t = _mm256_set1_ps(top);
    for (int j = 0; j < whole; j += 8) {
        __m256 e = pal_exp_avx2(_mm256_sub_ps(_mm256_loadu_ps(score + j), t));
        _mm256_storeu_ps(score + j, e);
        sum = _mm256_add_ps(sum, e);
    }
    _mm256_storeu_ps(lane, sum);
    float inverse = exp_tail(lane, score, top, whole, keys);
    for (int j = 0; j < whole; j += 8)
        _mm256_storeu_ps(score + j, _mm256_mul_ps(_mm256_loadu_ps(score + j), _mm256_set1_ps(inverse)));
    scale_tail(score, inverse, whole, keys);
}

/* 8 * vectors elements of y, kept in registers over all keys; `vectors` is a constant up to 8. */
__attribute__((always_inline)) PAL_AVX2 static inline void mix_span_avx2(float *y, const float *weight, const float *v,
                                                                         size_t stride, int keys, const size_t vectors)
{
    __m256 sum[8];
    for (size_t a = 0; a < vectors; a++) sum[a] = _mm256_setzero_ps();
    for (int j = 0; j < keys; j++, v += stride) {
        __m256 w = _mm256_broadcast_ss(weight + j);
        for (size_t a = 0; a < vectors; a++)
            sum[a] = _mm256_add_ps(sum[a], _mm256_mul_ps(w, _mm256_loadu_ps(v + 8 * a)));
    }
    for (size_t a = 0; a < vectors; a++) _mm256_storeu_ps(y + 8 * a, sum[a]);
}

PAL_AVX2 static void mix_avx2(float *y, const float *weight, const float *v, size_t stride, int keys, int head_dim)
{
    int d = 0;
    for (; d + 64 <= head_dim; d += 64) mix_span_avx2(y + d, weight, v + d, stride, keys, 8);
    for (; d + 32 <= head_dim; d += 32) mix_span_avx2(y + d, weight, v + d, stride, keys, 4);
    for (; d < head_dim; d += 8) mix_span_avx2(y + d, weight, v + d, stride, keys, 1);
}

static void attention_avx2(float *y, const float *q, const float *k, const float *v, float *scores,
                           const pal_attention_shape *shape)
{
    static const attention_steps steps = {scores_avx2, softmax_avx2, mix_avx2};
    attend(y, q, k, v, scores, shape, &steps);
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_attention(pal_kernels *k)
{
    k->attention = attention_ref;
#if defined(PAL_HAVE_SIMD128)
    if (k->isa & PAL_ISA_SIMD128) k->attention = attention_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (k->isa & PAL_ISA_AVX2) k->attention = attention_avx2;
#endif
}
