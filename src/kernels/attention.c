/* attention.c - softmax attention, one head and up to four rows at a time.
 *
 * It has three steps: scores of the keys, softmax over what each row sees, weighted sum of the values.  Memory holds
 * the scores only of the rows that are being computed; attention_rows.h chooses the places.
 *
 * Keys are stored in panels of eight, so a lane is a key and a score is accumulated in index order like any product.
 * Values are read row by row, so a lane is an element.  Scores of places that a row does not see are computed with
 * their panel and never used. */
#include "attention_rows.h"
#include "exp_lanes.h"

/* The maximum over the end of a row that does not fill the lanes. */
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

/* A key or a value; its elements are `step` floats apart. */
typedef struct {
    const float *x;
    size_t step;
} lookup;

static bool sees(const pal_seen *s, int j)
{
    return j == s->own || (j < s->below && (!s->set || s->set[j / PAL_PANEL] >> j % PAL_PANEL & 1));
}

PAL_REFERENCE static lookup key_ref(const pal_attention *a, int row, int kv_head, int j)
{
    const size_t dim = (size_t)a->head_dim, head = (size_t)kv_head, lane = (size_t)j % PAL_PANEL;
    if (j == a->seen[row].own) return (lookup){a->own_k + (size_t)row * a->own_stride + head * dim, 1};
    return (lookup){a->k + head * a->k_stride + ((size_t)j - lane) * dim + lane, PAL_PANEL};
}

PAL_REFERENCE static const float *value_ref(const pal_attention *a, int row, int kv_head, int j)
{
    const size_t dim = (size_t)a->head_dim, head = (size_t)kv_head;
    if (j == a->seen[row].own) return a->own_v + (size_t)row * a->own_stride + head * dim;
    return a->v + (size_t)j * a->v_stride + head * a->v_head;
}

PAL_REFERENCE static float score_ref(const pal_attention *a, int row, int head, int kv_head, int j)
{
    const float *q = a->q + (size_t)row * a->q_stride + (size_t)head * (size_t)a->head_dim;
    const lookup k = key_ref(a, row, kv_head, j);
    float sum = 0.0f;
    for (int d = 0; d < a->head_dim; d++) sum += q[d] * k.x[(size_t)d * k.step];
    sum *= a->scale;
    return a->bias ? sum + a->bias[(size_t)head * a->bias_head + (size_t)row * a->bias_row + (size_t)j] : sum;
}

PAL_REFERENCE static void head_ref(const pal_attention *a, int row, int head)
{
    const pal_seen *s = a->seen + row;
    const int kv_head = head / (a->heads / a->kv_heads), end = seen_end(s);
    float lane[PAL_LANES] = {0}, top = -INFINITY;
    float *y = a->y + (size_t)row * a->y_stride + (size_t)head * (size_t)a->head_dim;
    for (int j = 0; j < end; j++)
        if (sees(s, j)) {
            a->scores[j] = score_ref(a, row, head, kv_head, j);
            top = a->scores[j] > top ? a->scores[j] : top;
        }
    for (int j = 0; j < end; j++)
        if (sees(s, j)) lane[j % PAL_LANES] += a->scores[j] = pal_expf(a->scores[j] - top);
    const float inverse = 1.0f / pal_sum_lanes(lane);
    memset(y, 0, (size_t)a->head_dim * sizeof *y);
    for (int j = 0; j < end; j++)
        if (sees(s, j)) {
            const float *v = value_ref(a, row, kv_head, j), weight = a->scores[j] * inverse;
            for (int d = 0; d < a->head_dim; d++) y[d] += weight * v[d];
        }
}

PAL_REFERENCE static void attention_ref(const pal_attention *a)
{
    for (int row = 0; row < a->n; row++)
        for (int head = 0; head < a->heads; head++) head_ref(a, row, head);
}

/* ---- vectors ------------------------------------------------------------- */

/* How many panels of keys (scores) or groups of eight elements (mix) are computed at once for `count` rows: their sums
 * fill up to eight registers (four with AVX2), so that an addition does not wait for the one before it. */
#define PAL_GROUPS(count) ((count) == 1 ? 4 : (count) == 2 ? 2 : 1)
#define PAL_MAX_GROUPS    4

/* Keeps one copy of each step in the engine, although both attend_below and attend_sets call it. */
#define PAL_ONCE __attribute__((noinline))

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

/* Computes scores for `groups` panels of eight keys and `count` rows; `groups` and `count` are constants. */
PAL_INLINE void panel_scores_simd128(const attention_rows *a, const float *k, int at, const int count, const int groups)
{
    v128_t sum[PAL_ATTENTION_ROWS][PAL_MAX_GROUPS][2], scale = wasm_f32x4_splat(a->scale);
    const size_t panel = (size_t)PAL_PANEL * (size_t)a->head_dim;
    const float *q[PAL_ATTENTION_ROWS];
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
        wasm_v128_store(a->score[r] + at + (size_t)PAL_PANEL * (size_t)g, wasm_f32x4_mul(sum[r][g][0], scale));
        wasm_v128_store(a->score[r] + at + PAL_PANEL * g + 4, wasm_f32x4_mul(sum[r][g][1], scale));
    }
}

PAL_INLINE void all_scores_simd128(const attention_rows *a, const float *k, int at, int panels, const int count)
{
    const int groups = PAL_GROUPS(count);
    const size_t panel = (size_t)PAL_PANEL * (size_t)a->head_dim;
    for (; panels >= groups; panels -= groups, at += groups * PAL_PANEL, k += (size_t)groups * panel)
        panel_scores_simd128(a, k, at, count, groups);
    for (; groups > 1 && panels > 0; panels--, at += PAL_PANEL, k += panel) panel_scores_simd128(a, k, at, count, 1);
}

PAL_ONCE static void scores_simd128(const attention_rows *a, const float *k, int at, int panels)
{
    switch (a->count) {
    case 1: all_scores_simd128(a, k, at, panels, 1); break;
    case 2: all_scores_simd128(a, k, at, panels, 2); break;
    case 3: all_scores_simd128(a, k, at, panels, 3); break;
    default: all_scores_simd128(a, k, at, panels, 4); break;
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

PAL_ONCE static void softmax_simd128(float *score, int keys)
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

/* Computes elements d .. d + 8 * groups of `count` outputs; both are constants. */
PAL_INLINE void mix_keys_simd128(const attention_rows *a, int row, int d, const float *v, int at, int keys,
                                 const int count, const int groups)
{
    v128_t sum[PAL_ATTENTION_ROWS][2 * PAL_MAX_GROUPS];
    const float *weight[PAL_ATTENTION_ROWS];
    PAL_UNROLL for (int r = 0; r < count; r++)
    {
        const float *y = a->y[row + r] + d;
        weight[r] = a->score[row + r] + at;
        PAL_UNROLL for (int g = 0; g < 2 * groups; g++) sum[r][g] = wasm_v128_load(y + 4 * g);
    }
    v += d;
    for (int j = 0; j < keys; j++, v += a->v_stride) PAL_UNROLL for (int g = 0; g < 2 * groups; g += 2)
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

PAL_INLINE void mix_all_simd128(const attention_rows *a, int row, const float *v, int at, int keys, const int count)
{
    const int groups = PAL_GROUPS(count);
    int d = 0;
    for (; d + 8 * groups <= a->head_dim; d += 8 * groups) mix_keys_simd128(a, row, d, v, at, keys, count, groups);
    for (; groups > 1 && d < a->head_dim; d += 8) mix_keys_simd128(a, row, d, v, at, keys, count, 1);
}

PAL_ONCE static void mix_simd128(const attention_rows *a, int row, int count, const float *v, int at, int keys)
{
    switch (count) {
    case 1: mix_all_simd128(a, row, v, at, keys, 1); break;
    case 2: mix_all_simd128(a, row, v, at, keys, 2); break;
    case 3: mix_all_simd128(a, row, v, at, keys, 3); break;
    default: mix_all_simd128(a, row, v, at, keys, 4); break;
    }
}

static void attention_simd128(const pal_attention *a)
{
    static const attention_steps steps = {scores_simd128, softmax_simd128, mix_simd128};
    attend(a, &steps);
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

#define PAL_AVX2_INLINE __attribute__((always_inline)) PAL_AVX2 static inline

/* Computes scores for `groups` panels of eight keys and `count` rows; `groups` and `count` are constants. */
PAL_AVX2_INLINE void panel_scores_avx2(const attention_rows *a, const float *k, int at, const int count,
                                       const int groups)
{
    __m256 sum[PAL_ATTENTION_ROWS][PAL_MAX_GROUPS], scale = _mm256_set1_ps(a->scale);
    const size_t panel = (size_t)PAL_PANEL * (size_t)a->head_dim;
    for (int r = 0; r < count; r++)
        for (int g = 0; g < groups; g++) sum[r][g] = _mm256_setzero_ps();
    for (int d = 0; d < a->head_dim; d++, k += PAL_PANEL)
        for (int g = 0; g < groups; g++) {
            __m256 eight = _mm256_loadu_ps(k + (size_t)g * panel);
            for (int r = 0; r < count; r++)
                sum[r][g] = _mm256_add_ps(sum[r][g], _mm256_mul_ps(_mm256_broadcast_ss(a->q[r] + d), eight));
        }
    for (int r = 0; r < count; r++)
        for (int g = 0; g < groups; g++)
            _mm256_storeu_ps(a->score[r] + at + (size_t)PAL_PANEL * (size_t)g, _mm256_mul_ps(sum[r][g], scale));
}

PAL_AVX2_INLINE void all_scores_avx2(const attention_rows *a, const float *k, int at, int panels, const int count)
{
    const int groups = PAL_GROUPS(count);
    const size_t panel = (size_t)PAL_PANEL * (size_t)a->head_dim;
    for (; panels >= groups; panels -= groups, at += groups * PAL_PANEL, k += (size_t)groups * panel)
        panel_scores_avx2(a, k, at, count, groups);
    for (; groups > 1 && panels > 0; panels--, at += PAL_PANEL, k += panel) panel_scores_avx2(a, k, at, count, 1);
}

PAL_AVX2 static void scores_avx2(const attention_rows *a, const float *k, int at, int panels)
{
    switch (a->count) {
    case 1: all_scores_avx2(a, k, at, panels, 1); break;
    case 2: all_scores_avx2(a, k, at, panels, 2); break;
    case 3: all_scores_avx2(a, k, at, panels, 3); break;
    default: all_scores_avx2(a, k, at, panels, 4); break;
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

/* Computes elements d .. d + 8 * groups of `count` outputs; both are constants. */
PAL_AVX2_INLINE void mix_keys_avx2(const attention_rows *a, int row, int d, const float *v, int at, int keys,
                                   const int count, const int groups)
{
    __m256 sum[PAL_ATTENTION_ROWS][PAL_MAX_GROUPS];
    const float *weight[PAL_ATTENTION_ROWS];
    for (int r = 0; r < count; r++) {
        weight[r] = a->score[row + r] + at;
        for (int g = 0; g < groups; g++) sum[r][g] = _mm256_loadu_ps(a->y[row + r] + d + (size_t)8 * (size_t)g);
    }
    v += d;
    for (int j = 0; j < keys; j++, v += a->v_stride)
        for (int g = 0; g < groups; g++) {
            __m256 eight = _mm256_loadu_ps(v + (size_t)8 * (size_t)g);
            for (int r = 0; r < count; r++)
                sum[r][g] = _mm256_add_ps(sum[r][g], _mm256_mul_ps(_mm256_broadcast_ss(weight[r] + j), eight));
        }
    for (int r = 0; r < count; r++)
        for (int g = 0; g < groups; g++) _mm256_storeu_ps(a->y[row + r] + d + (size_t)8 * (size_t)g, sum[r][g]);
}

PAL_AVX2_INLINE void mix_all_avx2(const attention_rows *a, int row, const float *v, int at, int keys, const int count)
{
    const int groups = PAL_GROUPS(count);
    int d = 0;
    for (; d + 8 * groups <= a->head_dim; d += 8 * groups) mix_keys_avx2(a, row, d, v, at, keys, count, groups);
    for (; groups > 1 && d < a->head_dim; d += 8) mix_keys_avx2(a, row, d, v, at, keys, count, 1);
}

PAL_AVX2 static void mix_avx2(const attention_rows *a, int row, int count, const float *v, int at, int keys)
{
    switch (count) {
    case 1: mix_all_avx2(a, row, v, at, keys, 1); break;
    case 2: mix_all_avx2(a, row, v, at, keys, 2); break;
    case 3: mix_all_avx2(a, row, v, at, keys, 3); break;
    default: mix_all_avx2(a, row, v, at, keys, 4); break;
    }
}

static void attention_avx2(const pal_attention *a)
{
    static const attention_steps steps = {scores_avx2, softmax_avx2, mix_avx2};
    attend(a, &steps);
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_attention(pal_kernels *k)
{
    k->attention = attention_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) k->attention = attention_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) k->attention = attention_avx2;
#endif
}
