/* attention.c - softmax attention, one head and up to four queries at a time.
 *
 * Three steps: scores of the keys, softmax over each query's own, weighted sum of the values.  How many keys a
 * query sees is all that causal and bidirectional attention, and a step on a cache, differ in.  Only the scores of
 * the queries at work are ever in memory.
 *
 * Keys lie in panels, eight side by side, so that a lane is a key and a score is accumulated in index order like
 * any product; values are read row by row, a lane is an element.  Scores beyond what a query sees are computed with
 * their panel and never looked at. */
#include "kernels.h"
#include "exp_lanes.h"

/* Up to four queries of one head, and their keys and values. */
typedef struct {
    const float *q[PAL_ATTENTION_ROWS]; /* [head_dim] each */
    float *y[PAL_ATTENTION_ROWS];       /* [head_dim] each */
    float *score[PAL_ATTENTION_ROWS];   /* [capacity] each */
    int seen[PAL_ATTENTION_ROWS], fewest, most;
    const float *k; /* [capacity / 8, head_dim, 8] */
    const float *v; /* [keys], v_stride floats apart */
    size_t v_stride;
    int head_dim;
    float scale;
} attention_rows;

/* The steps of a variant, for `count` queries. */
typedef struct {
    void (*scores)(const attention_rows *a, int count);
    void (*softmax)(float *score, int keys);
    void (*mix)(const attention_rows *a, int count);
} attention_steps;

static void attend_rows(attention_rows *a, int count, const attention_steps *steps)
{
    a->fewest = a->most = a->seen[0];
    for (int r = 1; r < count; r++) {
        if (a->seen[r] < a->fewest) a->fewest = a->seen[r];
        if (a->seen[r] > a->most) a->most = a->seen[r];
    }
    steps->scores(a, count);
    for (int r = 0; r < count; r++) steps->softmax(a->score[r], a->seen[r]);
    steps->mix(a, count);
}

/* Queries of all heads that share keys are taken together, so that one query of a grouped model fills a tile. */
static void attend(float *y, const float *q, const float *k, const float *v, float *scores,
                   const pal_attention_shape *shape, const attention_steps *steps)
{
    const int group = shape->heads / shape->kv_heads;
    const size_t head_dim = (size_t)shape->head_dim, row = (size_t)shape->heads * head_dim;
    for (int kv_head = 0; kv_head < shape->kv_heads; kv_head++) {
        attention_rows a = {.k = k + (size_t)kv_head * (size_t)shape->capacity * head_dim,
                            .v = v + (size_t)kv_head * head_dim,
                            .v_stride = (size_t)shape->kv_heads * head_dim,
                            .head_dim = shape->head_dim,
                            .scale = shape->scale};
        int count = 0;
        for (int at = 0; at < shape->n * group; at++) {
            const size_t place = (size_t)(at / group) * row + (size_t)(kv_head * group + at % group) * head_dim;
            a.q[count] = q + place;
            a.y[count] = y + place;
            a.score[count] = scores + (size_t)count * (size_t)shape->capacity;
            a.seen[count++] = shape->seen[at / group];
            if (count < PAL_ATTENTION_ROWS && at + 1 < shape->n * group) continue;
            attend_rows(&a, count, steps);
            count = 0;
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

PAL_REFERENCE static void scores_ref(const attention_rows *a, int count)
{
    for (int r = 0; r < count; r++)
        for (int j = 0; j < a->seen[r]; j++) {
            const float *k = a->k + (size_t)(j - j % PAL_PANEL) * (size_t)a->head_dim + j % PAL_PANEL;
            float sum = 0.0f;
            for (int d = 0; d < a->head_dim; d++, k += PAL_PANEL) sum += a->q[r][d] * *k;
            a->score[r][j] = sum * a->scale;
        }
}

PAL_REFERENCE static void softmax_ref(float *score, int keys)
{
    float lane[PAL_LANES] = {0};
    float top = max_tail(score[0], score, 0, keys);
    float inverse = exp_tail(lane, score, top, 0, keys);
    scale_tail(score, inverse, 0, keys);
}

PAL_REFERENCE static void mix_ref(const attention_rows *a, int count)
{
    for (int r = 0; r < count; r++) {
        const float *v = a->v;
        memset(a->y[r], 0, (size_t)a->head_dim * sizeof(float));
        for (int j = 0; j < a->seen[r]; j++, v += a->v_stride)
            for (int d = 0; d < a->head_dim; d++) a->y[r][d] += a->score[r][j] * v[d];
    }
}

PAL_REFERENCE static void attention_ref(float *y, const float *q, const float *k, const float *v, float *scores,
                                        const pal_attention_shape *shape)
{
    static const attention_steps steps = {scores_ref, softmax_ref, mix_ref};
    attend(y, q, k, v, scores, shape, &steps);
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

/* How many panels of keys, or groups of eight elements, go with so many queries: together eight registers of sums,
 * enough of them that one addition need not wait for another. */
#define PAL_GROUPS(count) ((count) == 1 ? 4 : (count) == 2 ? 2 : 1)
#define PAL_MOST_GROUPS   4

/* Scores of `groups` panels of eight keys by `count` queries, both constant. */
PAL_INLINE void panel_scores_simd128(const attention_rows *a, int first, const int count, const int groups)
{
    v128_t sum[PAL_ATTENTION_ROWS][PAL_MOST_GROUPS][2], scale = wasm_f32x4_splat(a->scale);
    const size_t panel = (size_t)PAL_PANEL * (size_t)a->head_dim;
    const float *q[PAL_ATTENTION_ROWS], *k = a->k + (size_t)first * (size_t)a->head_dim;
    PAL_UNROLL for (int r = 0; r < count; r++)
    {
        PAL_UNROLL for (int g = 0; g < groups; g++) sum[r][g][0] = sum[r][g][1] = wasm_f32x4_splat(0.0f);
        q[r] = a->q[r];
    }
    for (int d = 0; d < a->head_dim; d++, k += PAL_PANEL) PAL_UNROLL for (int g = 0; g < groups; g++)
        {
            v128_t low = wasm_v128_load(k + (size_t)g * panel), high = wasm_v128_load(k + (size_t)g * panel + 4);
            PAL_UNROLL for (int r = 0; r < count; r++)
            {
                v128_t x = wasm_v128_load32_splat(q[r] + d);
                sum[r][g][0] = wasm_f32x4_add(sum[r][g][0], wasm_f32x4_mul(x, low));
                sum[r][g][1] = wasm_f32x4_add(sum[r][g][1], wasm_f32x4_mul(x, high));
            }
        }
    PAL_UNROLL for (int r = 0; r < count; r++) PAL_UNROLL for (int g = 0; g < groups; g++)
    {
        wasm_v128_store(a->score[r] + first + PAL_PANEL * g, wasm_f32x4_mul(sum[r][g][0], scale));
        wasm_v128_store(a->score[r] + first + PAL_PANEL * g + 4, wasm_f32x4_mul(sum[r][g][1], scale));
    }
}

PAL_INLINE void all_scores_simd128(const attention_rows *a, const int count)
{
    const int keys = (a->most + PAL_PANEL - 1) / PAL_PANEL * PAL_PANEL, some = PAL_GROUPS(count) * PAL_PANEL;
    int first = 0;
    for (; first + some <= keys; first += some) panel_scores_simd128(a, first, count, PAL_GROUPS(count));
    for (; PAL_GROUPS(count) > 1 && first < keys; first += PAL_PANEL) panel_scores_simd128(a, first, count, 1);
}

static void scores_simd128(const attention_rows *a, int count)
{
    switch (count) {
    case 1: all_scores_simd128(a, 1); break;
    case 2: all_scores_simd128(a, 2); break;
    case 3: all_scores_simd128(a, 3); break;
    default: all_scores_simd128(a, 4); break;
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

/* Elements d .. d + 8 * groups of `count` outputs (both constant) over the keys from .. to, added to what is there. */
PAL_INLINE void mix_keys_simd128(const attention_rows *a, int row, int d, int from, int to, const int count,
                                 const int groups)
{
    v128_t sum[PAL_ATTENTION_ROWS][2 * PAL_MOST_GROUPS];
    const float *weight[PAL_ATTENTION_ROWS];
    PAL_UNROLL for (int r = 0; r < count; r++)
    {
        const float *y = a->y[row + r] + d;
        weight[r] = a->score[row + r];
        PAL_UNROLL for (int g = 0; g < 2 * groups; g++) sum[r][g] =
            from ? wasm_v128_load(y + 4 * g) : wasm_f32x4_splat(0.0f);
    }
    const float *v = a->v + (size_t)from * a->v_stride + d;
    for (int j = from; j < to; j++, v += a->v_stride) PAL_UNROLL for (int g = 0; g < 2 * groups; g += 2)
        {
            v128_t low = wasm_v128_load(v + 4 * g), high = wasm_v128_load(v + 4 * g + 4);
            PAL_UNROLL for (int r = 0; r < count; r++)
            {
                v128_t w = wasm_v128_load32_splat(weight[r] + j);
                sum[r][g] = wasm_f32x4_add(sum[r][g], wasm_f32x4_mul(w, low));
                sum[r][g + 1] = wasm_f32x4_add(sum[r][g + 1], wasm_f32x4_mul(w, high));
            }
        }
    PAL_UNROLL for (int r = 0; r < count; r++) PAL_UNROLL for (int g = 0; g < 2 * groups; g++)
        wasm_v128_store(a->y[row + r] + d + 4 * g, sum[r][g]);
}

PAL_INLINE void mix_all_simd128(const attention_rows *a, int row, int from, int to, const int count)
{
    const int some = 8 * PAL_GROUPS(count);
    int d = 0;
    for (; d + some <= a->head_dim; d += some) mix_keys_simd128(a, row, d, from, to, count, PAL_GROUPS(count));
    for (; PAL_GROUPS(count) > 1 && d < a->head_dim; d += 8) mix_keys_simd128(a, row, d, from, to, count, 1);
}

/* What all queries see together, then what each sees beyond. */
static void mix_simd128(const attention_rows *a, int count)
{
    switch (count) {
    case 1: mix_all_simd128(a, 0, 0, a->fewest, 1); break;
    case 2: mix_all_simd128(a, 0, 0, a->fewest, 2); break;
    case 3: mix_all_simd128(a, 0, 0, a->fewest, 3); break;
    default: mix_all_simd128(a, 0, 0, a->fewest, 4); break;
    }
    for (int r = 0; r < count; r++)
        if (a->seen[r] > a->fewest) mix_all_simd128(a, r, a->fewest, a->seen[r], 1);
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

#define PAL_AVX2_INLINE __attribute__((always_inline)) PAL_AVX2 static inline

/* Scores of eight keys by `count` (a constant) queries. */
PAL_AVX2_INLINE void panel_scores_avx2(const attention_rows *a, const float *k, int first, const int count)
{
    __m256 sum[PAL_ATTENTION_ROWS];
    for (int r = 0; r < count; r++) sum[r] = _mm256_setzero_ps();
    for (int d = 0; d < a->head_dim; d++, k += PAL_PANEL) {
        __m256 eight = _mm256_loadu_ps(k);
        for (int r = 0; r < count; r++)
            sum[r] = _mm256_add_ps(sum[r], _mm256_mul_ps(_mm256_broadcast_ss(a->q[r] + d), eight));
    }
    for (int r = 0; r < count; r++)
        _mm256_storeu_ps(a->score[r] + first, _mm256_mul_ps(sum[r], _mm256_set1_ps(a->scale)));
}

PAL_AVX2 static void scores_avx2(const attention_rows *a, int count)
{
    const float *k = a->k;
    for (int first = 0; first < a->most; first += PAL_PANEL, k += (size_t)PAL_PANEL * (size_t)a->head_dim)
        switch (count) {
        case 1: panel_scores_avx2(a, k, first, 1); break;
        case 2: panel_scores_avx2(a, k, first, 2); break;
        case 3: panel_scores_avx2(a, k, first, 3); break;
        default: panel_scores_avx2(a, k, first, 4); break;
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

/* Elements d .. d + 8 of `count` (a constant) outputs over the keys from .. to, added to what is there. */
PAL_AVX2_INLINE void mix_keys_avx2(const attention_rows *a, int first_row, int d, int from, int to, const int count)
{
    __m256 sum[PAL_ATTENTION_ROWS];
    for (int r = 0; r < count; r++) sum[r] = from ? _mm256_loadu_ps(a->y[first_row + r] + d) : _mm256_setzero_ps();
    const float *v = a->v + (size_t)from * a->v_stride + d;
    for (int j = from; j < to; j++, v += a->v_stride) {
        __m256 eight = _mm256_loadu_ps(v);
        for (int r = 0; r < count; r++) {
            __m256 w = _mm256_broadcast_ss(a->score[first_row + r] + j);
            sum[r] = _mm256_add_ps(sum[r], _mm256_mul_ps(w, eight));
        }
    }
    for (int r = 0; r < count; r++) _mm256_storeu_ps(a->y[first_row + r] + d, sum[r]);
}

/* What all queries see together, then what each sees beyond. */
PAL_AVX2 static void mix_avx2(const attention_rows *a, int count)
{
    for (int d = 0; d < a->head_dim; d += 8) switch (count) {
        case 1: mix_keys_avx2(a, 0, d, 0, a->fewest, 1); break;
        case 2: mix_keys_avx2(a, 0, d, 0, a->fewest, 2); break;
        case 3: mix_keys_avx2(a, 0, d, 0, a->fewest, 3); break;
        default: mix_keys_avx2(a, 0, d, 0, a->fewest, 4); break;
        }
    for (int r = 0; r < count; r++)
        for (int d = 0; d < a->head_dim && a->seen[r] > a->fewest; d += 8)
            mix_keys_avx2(a, r, d, a->fewest, a->seen[r], 1);
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
