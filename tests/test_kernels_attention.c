/* test_kernels_attention.c - attention: every variant against its reference, the reference against double precision,
 * and independence of a row from all places that it does not see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_inputs.h"

/* ---- inputs ------------------------------------------------------------- */

enum { MAX_PLACES = 256 };

typedef struct {
    pal_attention call;
    int places;
    test_array q, k, v, own_k, own_v, bias, scores, seen, sets; /* k: as in attention */
} attention_input;

static bool sees(const pal_seen *s, int place)
{
    return place == s->own || (place < s->below && (!s->set || (s->set[place / 8] >> place % 8 & 1)));
}

static float *key_at(const attention_input *in, int kv_head, int place, int d)
{
    const pal_attention *a = &in->call;
    float *k = (float *)in->k.data + (size_t)kv_head * a->k_stride;
    return k + (place - place % PAL_PANEL) * a->head_dim + d * PAL_PANEL + place % PAL_PANEL;
}

static float *value_at(const attention_input *in, int kv_head, int place, int d)
{
    return (float *)in->v.data + (size_t)place * in->call.v_stride + (size_t)kv_head * in->call.v_head + d;
}

/* Key and value of a place become NaN or infinity. */
static void poison(const attention_input *in, int place)
{
    const float value = place % 3 ? NAN : place % 2 ? INFINITY : -INFINITY;
    for (int kv_head = 0; kv_head < in->call.kv_heads; kv_head++)
        for (int d = 0; d < in->call.head_dim; d++)
            *key_at(in, kv_head, place, d) = *value_at(in, kv_head, place, d) = value;
}

/* Bits of a set: random ones, whole panels or empty ones, a single place: the first, the last, any; all. */
static void draw_set(uint8_t *set, int places, int kind)
{
    const int bytes = (places + 7) / 8, one = kind == 2 ? 0 : kind == 3 ? places - 1 : below(places);
    for (int i = 0; i < bytes; i++)
        set[i] = kind == 0 ? (uint8_t)below(256) : kind == 1 ? (uint8_t)(below(3) - 1) : kind == 5 ? 0xff : 0;
    for (int i = 0; kind == 1 && i < bytes; i++)
        if (set[i] == 1) set[i] = (uint8_t)below(256);
    if (kind < 5) set[one / 8] |= (uint8_t)(1 << one % 8);
}

/* The places that each row sees, at least one: all below some place; with `sets`, two of three rows have a set, a place
 * of their own, or both.  Every third row with a set shares the set of the row before. */
static void draw_seen(attention_input *in, bool sets)
{
    const int bytes = (in->places + 7) / 8, n = in->call.n;
    pal_seen *seen = in->seen.data;
    for (int i = 0; i < n; i++) {
        uint8_t *set = (uint8_t *)in->sets.data + i * bytes;
        draw_set(set, in->places, below(6));
        seen[i] = (pal_seen){.below = 1 + below(in->places), .own = -1};
        if (!sets || i % 3 == 2) continue;
        const int how = below(4);
        if (how < 3) seen[i].set = i > 0 && i % 3 == 1 && seen[i - 1].set ? seen[i - 1].set : set;
        if (how > 1) seen[i].own = below(in->places);
        if (seen[i].own < 0) seen[i].below = in->places; /* so that the set is not empty */
    }
    const int all = below(n);
    if (!seen[all].set) seen[all].below = in->places;
}

/* Biases, including -infinity except for the first place that a row sees; NaN at places that it does not see. */
static void draw_bias(attention_input *in)
{
    pal_attention *a = &in->call;
    a->bias_row = (size_t)(in->places + below(3));
    a->bias_head = (size_t)a->n * a->bias_row + (size_t)below(3);
    const size_t last = (size_t)(a->heads - 1) * a->bias_head + (size_t)(a->n - 1) * a->bias_row;
    in->bias = floats(RANDOM, last + (size_t)in->places, 1);
    a->bias = in->bias.data;
    for (int head = 0; head < a->heads; head++)
        for (int i = 0; i < a->n; i++) {
            float *bias = (float *)in->bias.data + (size_t)head * a->bias_head + (size_t)i * a->bias_row;
            bool first = true;
            for (int j = 0; j < in->places; j++) {
                if (!sees(&a->seen[i], j))
                    bias[j] = NAN;
                else if (!first && below(5) == 0)
                    bias[j] = -INFINITY;
                else
                    first = false;
            }
        }
}

static void draw_strides(pal_attention *a, int places)
{
    const size_t dim = (size_t)a->head_dim, kv = (size_t)a->kv_heads * dim, q = (size_t)a->heads * dim;
    const bool by_head = below(2); /* values [kv_heads, places, head_dim] instead of [places, kv_heads, head_dim] */
    a->y_stride = q + (size_t)below(9);
    a->q_stride = q + (size_t)below(9);
    a->k_stride = (size_t)a->capacity * dim + (size_t)below(9);
    a->v_stride = (by_head ? dim : kv) + (size_t)below(9);
    a->v_head = by_head ? (size_t)places * a->v_stride : dim;
    a->own_stride = kv + (size_t)below(9);
}

static attention_input attention_draw(int n, int places, int heads, int kv_heads, int head_dim, fill kind,
                                      float largest, bool sets)
{
    attention_input in = {.call = {.n = n, .heads = heads, .kv_heads = kv_heads, .head_dim = head_dim}};
    pal_attention *a = &in.call;
    in.places = places;
    a->capacity = (places + PAL_PANEL - 1) / PAL_PANEL * PAL_PANEL + (places % 3 ? 0 : PAL_PANEL);
    a->scale = (float)(uniform() * 3);
    draw_strides(a, places);
    const size_t dim = (size_t)head_dim, kv = (size_t)kv_heads * dim, last = (size_t)n - 1;
    in.q = floats(kind, last * a->q_stride + (size_t)heads * dim, largest);
    in.k = floats(RANDOM, (size_t)(kv_heads - 1) * a->k_stride + (size_t)a->capacity * dim, largest);
    in.v = floats(kind, (size_t)(places - 1) * a->v_stride + (size_t)(kv_heads - 1) * a->v_head + dim, largest);
    in.own_k = floats(RANDOM, last * a->own_stride + kv, largest);
    in.own_v = floats(kind, last * a->own_stride + kv, largest);
    in.scores = take((size_t)a->capacity * PAL_ATTENTION_ROWS, sizeof(float), sizeof(float));
    in.seen = take((size_t)n, sizeof(pal_seen), sizeof(pal_seen));
    in.sets = take((size_t)n, (size_t)(places + 7) / 8, 1);
    a->q = in.q.data, a->k = in.k.data, a->v = in.v.data, a->own_k = in.own_k.data, a->own_v = in.own_v.data;
    a->scores = in.scores.data, a->seen = in.seen.data;
    draw_seen(&in, sets);
    for (int place = 0; place < places; place++) {
        bool seen = false;
        for (int i = 0; i < n; i++) seen = seen || (sees(&a->seen[i], place) && a->seen[i].own != place);
        if (!seen) poison(&in, place);
    }
    return in;
}

/* A random shape: grouped heads, few or many keys; half of the shapes have sets of places, and half of these a bias. */
static attention_input attention_some(int round, fill kind, float largest)
{
    static const int dims[] = {8, 16, 24, 32, 40, 64, 72, 104, 128};
    const int kv_heads = 1 + below(3), group = 1 + below(3), places = 1 + below(round % 10 ? 40 : 200);
    attention_input in = attention_draw(1 + below(13), places, kv_heads * group, kv_heads,
                                        dims[round % (int)COUNT(dims)], kind, largest, round & 1);
    pal_seen *seen = in.seen.data;
    for (int i = 0; round % 4 == 0 && i < in.call.n; i++)
        seen[i].below = in.call.seen[below(in.call.n)].below; /* some of the same */
    if (round % 4 > 1) draw_bias(&in);
    return in;
}

static void attention_drop(attention_input *in)
{
    test_array *all[] = {&in->q, &in->k, &in->v, &in->own_k, &in->own_v, &in->bias, &in->scores, &in->seen, &in->sets};
    for (size_t i = 0; i < COUNT(all); i++) drop(all[i]);
}

static test_array attention_run(const pal_kernels *k, const attention_input *in)
{
    pal_attention a = in->call;
    test_array y = take((size_t)(a.n - 1) * a.y_stride + (size_t)(a.heads * a.head_dim), sizeof(float), sizeof(float));
    a.y = y.data;
    k->attention(&a);
    return y;
}

/* ---- variants ----------------------------------------------------------- */

static void attention_variants_equal_reference(void **state)
{
    (void)state;
    static const fill fills[] = {RANDOM, MAX, ALTERNATING, ZERO, DENORMAL, RANGE};
    skip_without_variants();
    for (int round = 0; round < 600; round++) {
        attention_input in = attention_some(round, fills[round % (int)COUNT(fills)], 5.0f);
        const pal_attention *a = &in.call;
        test_array y = attention_run(&reference, &in);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            char what[120];
            test_array y2 = attention_run(&k, &in);
            snprintf(what, sizeof what, "attention round=%d n=%d capacity=%d heads=%d/%d head_dim=%d", round, a->n,
                     a->capacity, a->heads, a->kv_heads, a->head_dim);
            expect_same(&y, &y2, k.isa, what);
            drop(&y2);
        }
        drop(&y);
        attention_drop(&in);
    }
}

/* ---- numbers ------------------------------------------------------------ */

static double score_in_double(const attention_input *in, int row, int head, int j, double *magnitude)
{
    const pal_attention *a = &in->call;
    const int kv_head = head / (a->heads / a->kv_heads), own = j == a->seen[row].own;
    const float *q = a->q + (size_t)row * a->q_stride + head * a->head_dim;
    const float *mine = a->own_k + (size_t)row * a->own_stride + kv_head * a->head_dim;
    double score = 0;
    for (int d = 0; d < a->head_dim; d++) {
        double term = (double)q[d] * (double)(own ? mine[d] : *key_at(in, kv_head, j, d)) * (double)a->scale;
        score += term;
        *magnitude += fabs(term);
    }
    if (!a->bias) return score;
    const double bias = (double)a->bias[(size_t)head * a->bias_head + (size_t)row * a->bias_row + (size_t)j];
    if (isfinite(bias)) *magnitude += fabs(bias);
    return score + bias;
}

/* One output row in double precision; returns the error that a float computation may have.  The error of a score is at
 * most d = (head_dim + 3) half ulps of its sum of magnitudes.  So a weight has an error of a factor exp(2 d), plus the
 * rounding of score - maximum, of pal_expf and of the sum (keys + 10 half ulps); mixing adds the same number of half
 * ulps. */
static double attention_row(double *y, const attention_input *in, int row, int head)
{
    const pal_attention *a = &in->call;
    const pal_seen *s = &a->seen[row];
    const int kv_head = head / (a->heads / a->kv_heads);
    double score[MAX_PLACES] = {0}, top = -INFINITY, sum = 0, worst = 0, largest = 0;
    for (int j = 0; j < in->places; j++) {
        double magnitude = 0;
        if (!sees(s, j)) continue;
        score[j] = score_in_double(in, row, head, j, &magnitude);
        top = fmax(top, score[j]);
        worst = fmax(worst, magnitude);
    }
    for (int j = 0; j < in->places; j++)
        if (sees(s, j)) sum += score[j] = exp(score[j] - top);
    for (int d = 0; d < a->head_dim; d++) {
        y[d] = 0;
        for (int j = 0; j < in->places; j++) {
            if (!sees(s, j)) continue;
            const float *mine = a->own_v + (size_t)row * a->own_stride + kv_head * a->head_dim;
            const double value = (double)(j == s->own ? mine[d] : *value_at(in, kv_head, j, d));
            y[d] += score[j] / sum * value;
            largest = fmax(largest, fabs(value));
        }
    }
    return largest * HALF_ULP * (2 * worst * (a->head_dim + 5) + 2 * in->places + 12);
}

static void attention_reference_is_near_double(void **state)
{
    (void)state;
    for (int round = 0; round < 240; round++) {
        attention_input in = attention_some(round, RANDOM, 1);
        const pal_attention *a = &in.call;
        test_array y = attention_run(&reference, &in);
        for (int row = 0; row < a->n; row++)
            for (int head = 0; head < a->heads; head++) {
                double expected[128], bound = attention_row(expected, &in, row, head);
                const float *got = (const float *)y.data + (size_t)row * a->y_stride + head * a->head_dim;
                for (int d = 0; d < a->head_dim; d++) expect_near(got[d], expected[d], bound, "attention");
            }
        drop(&y);
        attention_drop(&in);
    }
}

static void attention_equal_scores_average_the_values(void **state)
{
    (void)state;
    float q[8] = {0}, k[8 * 8], v[4 * 8], y[8], scores[8 * PAL_ATTENTION_ROWS];
    const uint8_t set = 0x0a;
    const pal_seen seen[] = {{NULL, 4, -1}, {&set, 4, -1}, {&set, 3, -1}, {&set, 3, 6}};
    const float own[8] = {7, 7, 7, 7, 7, 7, 7, 7}, expected[] = {1.5f, 2, 1, 4};
    for (int i = 0; i < 8 * 8; i++) k[i] = (float)i;
    for (int i = 0; i < 4 * 8; i++) v[i] = (float)(i / 8); /* the value of place j is j */
    for (size_t i = 0; i < COUNT(seen); i++) {
        reference.attention(&(pal_attention){.y = y,
                                             .q = q,
                                             .k = k,
                                             .v = v,
                                             .own_k = own,
                                             .own_v = own,
                                             .scores = scores,
                                             .seen = &seen[i],
                                             .v_stride = 8,
                                             .n = 1,
                                             .heads = 1,
                                             .kv_heads = 1,
                                             .head_dim = 8,
                                             .capacity = 8,
                                             .scale = 1});
        for (int d = 0; d < 8; d++) assert_true(y[d] == expected[i]);
    }
}

/* ---- what a row sees decides its bits ----------------------------------- */

/* The reference and every variant, one after the other; *at starts at 0. */
static bool next_kernels(pal_kernels *k, size_t *at)
{
    size_t variant = *at - 1;
    if (*at == 0) {
        *k = reference;
        *at = 1;
        return true;
    }
    const bool more = next_variant(k, &variant);
    *at = variant + 1;
    return more;
}

/* Row `row` alone, with all places poisoned that it does not see, has the same bits as in the batch. */
static void expect_alone(const pal_kernels *k, attention_input *in, int row, const float *among)
{
    const pal_attention *a = &in->call;
    attention_input one = *in;
    one.k = take(in->k.bytes, 1, sizeof(float)), one.v = take(in->v.bytes, 1, sizeof(float));
    memcpy(one.k.data, in->k.data, in->k.bytes);
    memcpy(one.v.data, in->v.data, in->v.bytes);
    for (int place = 0; place < in->places; place++)
        if (place == a->seen[row].own || !sees(&a->seen[row], place)) poison(&one, place);
    one.call.k = one.k.data, one.call.v = one.v.data;
    one.call.n = 1;
    one.call.seen += row;
    one.call.q += (size_t)row * a->q_stride;
    one.call.own_k += (size_t)row * a->own_stride;
    one.call.own_v += (size_t)row * a->own_stride;
    if (a->bias) one.call.bias += (size_t)row * a->bias_row;
    test_array y = attention_run(k, &one);
    assert_memory_equal(y.data, among, (size_t)(a->heads * a->head_dim) * sizeof(float));
    drop(&y);
    drop(&one.k);
    drop(&one.v);
}

/* Prefill equals single steps, and stale or unwritten places do not matter. */
static void attention_rows_do_not_depend_on_what_they_do_not_see(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        attention_input in = attention_some(round, RANDOM, 3);
        pal_kernels k;
        for (size_t at = 0; next_kernels(&k, &at);) {
            test_array y = attention_run(&k, &in);
            for (int row = 0; row < in.call.n; row++)
                expect_alone(&k, &in, row, (const float *)y.data + (size_t)row * in.call.y_stride);
            drop(&y);
        }
        attention_drop(&in);
    }
}

/* All places below one, as a set with bits beyond them, and with the last of them as the row's own. */
static void attention_sets_of_all_places_below_one_equal_the_short_form(void **state)
{
    (void)state;
    uint8_t all[MAX_PLACES / 8];
    memset(all, 0xff, sizeof all);
    for (int round = 0; round < 60; round++) {
        attention_input in = attention_draw(9, 1 + below(60), 4, 2, 32, RANDOM, 3, false);
        const pal_attention *a = &in.call;
        pal_seen *seen = in.seen.data;
        pal_kernels k;
        for (size_t at = 0; next_kernels(&k, &at);) {
            test_array y = attention_run(&k, &in);
            for (int i = 0; i < a->n; i++) {
                const int last = seen[i].below - 1;
                seen[i].set = all;
                for (int head = 0; head < a->kv_heads; head++)
                    for (int d = 0; d < a->head_dim; d++) {
                        const size_t own = (size_t)i * a->own_stride + (size_t)(head * a->head_dim + d);
                        ((float *)in.own_k.data)[own] = *key_at(&in, head, last, d);
                        ((float *)in.own_v.data)[own] = *value_at(&in, head, last, d);
                    }
            }
            test_array y2 = attention_run(&k, &in);
            expect_same(&y, &y2, k.isa, "all places by a set");
            for (int i = 0; i < a->n; i++) {
                seen[i].own = --seen[i].below;
                seen[i].set = i % 2 ? all : NULL;
            }
            test_array y3 = attention_run(&k, &in);
            expect_same(&y, &y3, k.isa, "the last place as the row's own");
            for (int i = 0; i < a->n; i++) seen[i] = (pal_seen){.below = seen[i].below + 1, .own = -1};
            drop(&y), drop(&y2), drop(&y3);
        }
        attention_drop(&in);
    }
}

/* Split as for threads: a group of heads is given by pointers to its first head. */
static void attention_of_some_heads_is_a_part_of_all(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        attention_input in = attention_some(round, RANDOM, 3);
        const pal_attention *a = &in.call;
        const int group = a->heads / a->kv_heads, first = below(a->kv_heads);
        const size_t dim = (size_t)a->head_dim, q = (size_t)(first * group) * dim, kv = (size_t)first * dim;
        pal_kernels k;
        for (size_t at = 0; next_kernels(&k, &at);) {
            test_array y = attention_run(&k, &in);
            attention_input some = in;
            some.call.kv_heads -= first, some.call.heads -= first * group;
            some.call.q += q, some.call.k += (size_t)first * a->k_stride, some.call.v += (size_t)first * a->v_head;
            some.call.own_k += kv, some.call.own_v += kv;
            if (a->bias) some.call.bias += (size_t)(first * group) * a->bias_head;
            test_array y2 = attention_run(&k, &some);
            for (int i = 0; i < a->n; i++)
                assert_memory_equal((float *)y.data + (size_t)i * a->y_stride + q,
                                    (float *)y2.data + (size_t)i * a->y_stride,
                                    (size_t)some.call.heads * dim * sizeof(float));
            drop(&y), drop(&y2);
        }
        attention_drop(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_variants_equal_reference),
        cmocka_unit_test(attention_reference_is_near_double),
        cmocka_unit_test(attention_equal_scores_average_the_values),
        cmocka_unit_test(attention_rows_do_not_depend_on_what_they_do_not_see),
        cmocka_unit_test(attention_sets_of_all_places_below_one_equal_the_short_form),
        cmocka_unit_test(attention_of_some_heads_is_a_part_of_all),
    };
    kernel_inputs_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
