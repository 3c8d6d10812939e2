/* test_kernels_attention.c - attention: every variant against its reference, the reference against double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_inputs.h"

/* ---- attention ---------------------------------------------------------- */

typedef struct {
    pal_attention_shape shape;
    room q, k, v, scores, seen; /* k: as attention has it; [keys, kv_heads * head_dim] is in `rows` */
    room rows;
} attention_input;

/* Rows of keys into panels of eight; what is left of the last panel stays what it was. */
static void panel_keys(const attention_input *in, int keys)
{
    const pal_attention_shape *s = &in->shape;
    const float *row = in->rows.data;
    float *k = in->k.data;
    for (int j = 0; j < keys; j++)
        for (int head = 0; head < s->kv_heads; head++)
            for (int d = 0; d < s->head_dim; d++)
                k[((head * s->capacity + j - j % PAL_PANEL) * s->head_dim) + d * PAL_PANEL + j % PAL_PANEL] = *row++;
}

static attention_input attention_draw(int n, int keys, int heads, int kv_heads, int head_dim, fill kind, float largest)
{
    attention_input in = {.shape = {.n = n, .heads = heads, .kv_heads = kv_heads, .head_dim = head_dim}};
    pal_attention_shape *s = &in.shape;
    s->capacity = (keys + PAL_PANEL - 1) / PAL_PANEL * PAL_PANEL + (keys % 3 ? 0 : PAL_PANEL);
    s->scale = (float)(uniform() * 3);
    const size_t kv = (size_t)(kv_heads * head_dim);
    in.q = floats(kind, (size_t)(n * heads * head_dim), largest);
    in.rows = floats(RANDOM, (size_t)keys * kv, largest);
    in.k = floats(RANDOM, (size_t)s->capacity * kv, largest);
    in.v = floats(kind, (size_t)keys * kv, largest);
    in.scores = take((size_t)s->capacity * PAL_ATTENTION_ROWS, sizeof(float), sizeof(float));
    in.seen = take((size_t)n, sizeof(int), sizeof(int));
    for (int i = 0; i < n; i++) ((int *)in.seen.data)[i] = 1 + below(keys);
    ((int *)in.seen.data)[below(n)] = keys;
    s->seen = in.seen.data;
    panel_keys(&in, keys);
    return in;
}

/* Some shape or other: grouped heads, few and many keys; every query sees its own number of keys, or all. */
static attention_input attention_some(int round, fill kind, float largest)
{
    static const int dims[] = {8, 16, 24, 32, 40, 64, 72, 104, 128};
    const int kv_heads = 1 + below(3), group = 1 + below(3), keys = 1 + below(round % 10 ? 40 : 200);
    attention_input in =
        attention_draw(1 + below(13), keys, kv_heads * group, kv_heads, dims[round % (int)COUNT(dims)], kind, largest);
    for (int i = 0; round % 2 && i < in.shape.n; i++) ((int *)in.seen.data)[i] = keys;
    return in;
}

static void attention_drop(attention_input *in)
{
    drop(&in->q);
    drop(&in->k);
    drop(&in->v);
    drop(&in->scores);
    drop(&in->seen);
    drop(&in->rows);
}

static room attention_run(const pal_kernels *k, const attention_input *in)
{
    const pal_attention_shape *s = &in->shape;
    room y = take((size_t)(s->n * s->heads * s->head_dim), sizeof(float), sizeof(float));
    k->attention(y.data, in->q.data, in->k.data, in->v.data, in->scores.data, s);
    return y;
}

static void attention_variants_equal_reference(void **state)
{
    (void)state;
    static const fill fills[] = {RANDOM, MAX, ALTERNATING, ZERO, DENORMAL, RANGE};
    skip_without_variants();
    for (int round = 0; round < 300; round++) {
        attention_input in = attention_some(round, fills[round % (int)COUNT(fills)], 5.0f);
        const pal_attention_shape *s = &in.shape;
        room y = attention_run(&reference, &in);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            char what[100];
            room y2 = attention_run(&k, &in);
            snprintf(what, sizeof what, "attention n=%d capacity=%d heads=%d/%d head_dim=%d", s->n, s->capacity,
                     s->heads, s->kv_heads, s->head_dim);
            expect_same(&y, &y2, k.isa, what);
            drop(&y2);
        }
        drop(&y);
        attention_drop(&in);
    }
}

/* One output row in double precision; returns the error a float computation may have.  A score is off by at
 * most d = (head_dim + 2) half ulps of its sum of magnitudes, so a weight by a factor exp(2 d), by the
 * rounding of score - maximum and by pal_expf and the sum (keys + 10 half ulps); mixing adds as many more. */
static double attention_row(double *y, const attention_input *in, int i, int head)
{
    const pal_attention_shape *s = &in->shape;
    const float *q = (const float *)in->q.data + (i * s->heads + head) * s->head_dim;
    const float *k = in->rows.data, *v = in->v.data;
    int kv_head = head / (s->heads / s->kv_heads), keys = s->seen[i];
    double score[256], top = -INFINITY, sum = 0, worst = 0, largest = 0;
    for (int j = 0; j < keys; j++) {
        double magnitude = 0;
        score[j] = 0;
        for (int d = 0; d < s->head_dim; d++) {
            double term = (double)q[d] * (double)k[(j * s->kv_heads + kv_head) * s->head_dim + d] * (double)s->scale;
            score[j] += term;
            magnitude += fabs(term);
        }
        top = fmax(top, score[j]);
        worst = fmax(worst, magnitude);
    }
    for (int j = 0; j < keys; j++) sum += score[j] = exp(score[j] - top);
    for (int d = 0; d < s->head_dim; d++) {
        y[d] = 0;
        for (int j = 0; j < keys; j++) {
            double value = (double)v[(j * s->kv_heads + kv_head) * s->head_dim + d];
            y[d] += score[j] / sum * value;
            largest = fmax(largest, fabs(value));
        }
    }
    return largest * HALF_ULP * (2 * worst * (s->head_dim + 4) + 2 * keys + 12);
}

static void attention_reference_is_near_double(void **state)
{
    (void)state;
    for (int round = 0; round < 120; round++) {
        attention_input in = attention_some(round, RANDOM, 1);
        const pal_attention_shape *s = &in.shape;
        room y = attention_run(&reference, &in);
        for (int i = 0; i < s->n; i++)
            for (int head = 0; head < s->heads; head++) {
                double expected[128], bound = attention_row(expected, &in, i, head);
                const float *got = (const float *)y.data + (i * s->heads + head) * s->head_dim;
                for (int d = 0; d < s->head_dim; d++) expect_near(got[d], expected[d], bound, "attention");
            }
        drop(&y);
        attention_drop(&in);
    }
}

/* What a query sees does not depend on how many run with it: prefill equals steps. */
static void attention_rows_equal_single_queries(void **state)
{
    (void)state;
    attention_input in = attention_draw(9, 14, 4, 2, 32, RANDOM, 1);
    for (int i = 0; i < 9; i++) ((int *)in.seen.data)[i] = 6 + i; /* causal, five keys before the first query */
    room y = attention_run(&reference, &in);
    for (int i = 0; i < 9; i++) {
        pal_attention_shape one = in.shape;
        float row[4 * 32];
        one.n = 1;
        one.seen = in.shape.seen + i;
        reference.attention(row, (const float *)in.q.data + i * 4 * 32, in.k.data, in.v.data, in.scores.data, &one);
        assert_memory_equal(row, (const float *)y.data + i * 4 * 32, sizeof row);
    }
    drop(&y);
    attention_drop(&in);
}

static void attention_equal_scores_average_the_values(void **state)
{
    (void)state;
    float q[8] = {0}, k[8 * 8], v[4 * 8], y[8], scores[8 * PAL_ATTENTION_ROWS];
    const int seen = 4;
    for (int i = 0; i < 8 * 8; i++) k[i] = (float)i;
    for (int i = 0; i < 4 * 8; i++) v[i] = (float)(i / 8); /* key j has value j everywhere */
    reference.attention(y, q, k, v, scores, &(pal_attention_shape){1, 1, 1, 8, 8, &seen, 1});
    for (int i = 0; i < 8; i++) assert_true(y[i] == 1.5f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_variants_equal_reference),
        cmocka_unit_test(attention_reference_is_near_double),
        cmocka_unit_test(attention_rows_equal_single_queries),
        cmocka_unit_test(attention_equal_scores_average_the_values),
    };
    kernel_inputs_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
