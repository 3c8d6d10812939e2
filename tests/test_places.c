/* test_places.c - keys and values are stored by place, and the bits of a row depend only on the places that it sees:
 * not on when it is computed, on the rest of the batch, or on other contents of the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_testing.h"
#include "network/text_runner.h"

enum { PLACES = 43, CAPACITY = 48 };

static const char *const causal[] = {"tests/models/tiny-ar.gguf", "tests/golden/arch/llama-tied.gguf",
                                     "tests/golden/arch/gpt2.gguf", "tests/golden/arch/qwen3.gguf"};
static const char *const bidirectional[] = {"tests/models/tiny-infill.gguf", "tests/models/grouped.gguf"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- a network at work -------------------------------------------------- */

/* A network at work with a cache of one type. */
typedef struct {
    pal_model *model;
    const pal_transformer *net;
    pal_kernels kernels;
    pal_activations a;
    pal_cache cache;
    pal_compute compute;
    size_t dim;
    void *block;
} runner;

static void lay_out(runner *r, pal_kv_type type, pal_arena *arena)
{
    const pal_cache_shape shape = pal_transformer_cache(r->net);
    pal_activations_layout(&r->a, r->net, 1, CAPACITY, CAPACITY, arena);
    pal_activations_table(&r->a, r->net, arena);
    pal_cache_layout(&r->cache, &shape, CAPACITY, true, type, arena);
}

/* NaNs at all places. */
static void poison(runner *r)
{
    const pal_cache *c = &r->cache;
    const size_t numbers = (size_t)(CAPACITY * c->shape.kv_heads * c->shape.head_dim), layers = (size_t)c->shape.layers;
    const size_t scales = (size_t)(CAPACITY * c->shape.kv_heads * c->blocks) * layers * sizeof(uint16_t);
    memset(c->k, 0xff, (size_t)c->held * numbers * sizeof *c->k);
    memset(c->v, 0xff, (size_t)c->held * numbers * sizeof *c->v);
    if (c->type == PAL_KV_F32) return;
    const size_t bytes = numbers * layers * (c->type == PAL_KV_F16 ? 2 : 1);
    memset(c->kept_k.data, 0xff, bytes);
    memset(c->kept_v.data, 0xff, bytes);
    if (c->type == PAL_KV_F16) return;
    memset(c->kept_k.scale, 0xff, scales);
    memset(c->kept_v.scale, 0xff, scales);
}

static runner *start(const char *name, pal_kv_type type, unsigned isa)
{
    runner *r = calloc(1, sizeof *r);
    assert_non_null(r);
    pal_error err;
    pal_arena arena = {0};
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, name);
    if (pal_model_open_file(&r->model, path, 0, &err)) fail_msg("%s: %s", path, err.text);
    r->net = pal_model_transformer(r->model);
    pal_kernels_init(&r->kernels, r->net->head_dim % 8 ? PAL_ISA_REF : isa);
    r->compute.kernels = &r->kernels;
    r->dim = (size_t)r->net->dim;
    lay_out(r, type, &arena);
    r->block = malloc(arena.used + PAL_ARENA_SLACK);
    assert_non_null(r->block);
    memset(r->block, 0xff, arena.used + PAL_ARENA_SLACK);
    arena = pal_arena_in(r->block);
    lay_out(r, type, &arena);
    pal_activations_prepare(&r->a, r->net, &r->cache);
    poison(r);
    return r;
}

static void end(runner *r)
{
    pal_arena arena = pal_arena_in(r->block);
    pal_arena_return(&arena);
    pal_model_close(r->model);
    free(r->block);
    free(r);
}

static uint32_t draw(uint32_t run, uint32_t at, uint32_t below)
{
    return (uint32_t)(pal_uniform(16, PAL_DRAW_TOKEN, 0, run, at) * below);
}

/* An order of 0 .. n - 1. */
static void shuffle(int *order, int n, uint32_t run)
{
    for (int i = 0; i < n; i++) order[i] = i;
    for (int i = n - 1; i > 0; i--) {
        const int j = (int)draw(run, 1000 + (uint32_t)i, (uint32_t)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

static void expect_row(const float *expected, const float *got, size_t dim)
{
    for (size_t d = 0; d < dim; d++) assert_true(expected[d] - expected[d] == 0.0f); /* a finite number */
    assert_memory_equal(expected, got, dim * sizeof *got);
}

/* ---- a text, and who sees what ------------------------------------------ */

/* Rows for places 0 .. PLACES - 1 and the expected result of each. */
typedef struct {
    int32_t token[PLACES];
    int place[PLACES];
    pal_seen seen[PLACES];
    uint8_t set[PLACES][CAPACITY / 8];
    float *x; /* [PLACES, dim] */
} text;

static void put(uint8_t *set, int place)
{
    set[place / 8] |= (uint8_t)(1 << place % 8);
}

static text *some_text(const runner *r, uint32_t run)
{
    text *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->x = malloc(PLACES * r->dim * sizeof *t->x);
    assert_non_null(t->x);
    for (uint32_t i = 0; i < PLACES; i++) {
        t->token[i] = (int32_t)draw(run, i, (uint32_t)r->net->vocab);
        t->place[i] = (int)i;
        t->seen[i] = (pal_seen){.below = (int)i + 1, .own = -1};
    }
    return t;
}

static void drop(text *t)
{
    free(t->x);
    free(t);
}

/* In an order of becoming known, each place sees those known before it, and itself: by its bit, or as its own. */
static void see_in_order(text *t, const int *order)
{
    memset(t->set, 0, sizeof t->set);
    for (int at = 0; at < PLACES; at++) {
        const int i = order[at];
        for (int before = 0; before < at; before++) put(t->set[i], order[before]);
        t->seen[i] = (pal_seen){.below = PLACES, .set = t->set[i], .own = at % 2 ? i : -1};
        if (at % 2 == 0) put(t->set[i], i);
    }
}

/* Rows at[n] of the text, in that order; the first `kept` stay; their hidden states come to x [n, dim]. */
static void run_rows(runner *r, const text *t, const int *at, int n, int kept, float *x)
{
    int32_t token[PLACES];
    int place[PLACES];
    pal_seen seen[PLACES];
    for (int i = 0; i < n; i++) {
        token[i] = t->token[at[i]];
        place[i] = t->place[at[i]];
        seen[i] = t->seen[at[i]];
    }
    const pal_rows rows = {.n = n, .kept = kept, .token = token, .place = place, .seen = seen};
    pal_transformer_forward_rows(r->net, &r->compute, &r->a, &r->cache, &rows, r->a.every, n);
    memcpy(x, r->a.x, (size_t)n * r->dim * sizeof *x);
}

/* All rows of the text as the network reads texts. */
static void read_all(runner *r, text *t)
{
    pal_transformer_forward(r->net, &r->compute, &r->a, &r->cache, t->token, PLACES, 0, r->a.every, PLACES);
    memcpy(t->x, r->a.x, PLACES * r->dim * sizeof *t->x);
}

/* Every model of `models`, with every type of cache, by the reference and by the fastest kernels. */
static void with_all(const char *const *models, size_t count, void (*check)(runner *r, uint32_t run))
{
    for (size_t m = 0; m < count; m++)
        for (int type = 0; type < PAL_KV_TYPES; type++)
            for (int best = 0; best < 2; best++) {
                runner *r = start(models[m], (pal_kv_type)type, best ? (unsigned)PAL_ISA_ALL : PAL_ISA_REF);
                check(r, (uint32_t)(10 * m) + (uint32_t)type);
                end(r);
            }
}

/* ---- sets and the short forms ------------------------------------------- */

static void check_prefixes(runner *r, uint32_t run)
{
    assert_true(r->net->causal);
    text *t = some_text(r, run);
    int order[PLACES];
    float *x = malloc(PLACES * r->dim * sizeof *x);
    assert_non_null(x);
    read_all(r, t);
    poison(r);
    shuffle(order, PLACES, run);
    for (int i = 0; i < PLACES; i++) {
        memset(t->set[i], 0xff, sizeof t->set[i]);
        t->seen[i].set = i % 3 ? t->set[i] : NULL;
    }
    run_rows(r, t, order, PLACES, PLACES, x);
    for (int i = 0; i < PLACES; i++) expect_row(t->x + (size_t)order[i] * r->dim, x + (size_t)i * r->dim, r->dim);
    free(x);
    drop(t);
}

static void a_prefix_by_a_set_and_in_any_order_is_the_causal_form(void **state)
{
    (void)state;
    with_all(causal, COUNT(causal), check_prefixes);
}

static void check_everything(runner *r, uint32_t run)
{
    assert_false(r->net->causal);
    text *t = some_text(r, run);
    int order[PLACES];
    float *x = malloc(PLACES * r->dim * sizeof *x);
    assert_non_null(x);
    read_all(r, t);
    poison(r);
    shuffle(order, PLACES, run);
    for (int i = 0; i < PLACES; i++) {
        memset(t->set[i], 0xff, sizeof t->set[i]);
        t->seen[i] = (pal_seen){.below = PLACES, .set = i % 3 ? t->set[i] : NULL, .own = i % 2 ? i : -1};
    }
    run_rows(r, t, order, PLACES, PLACES, x);
    for (int i = 0; i < PLACES; i++) expect_row(t->x + (size_t)order[i] * r->dim, x + (size_t)i * r->dim, r->dim);
    free(x);
    drop(t);
}

static void all_places_by_a_set_and_in_any_order_are_the_bidirectional_form(void **state)
{
    (void)state;
    with_all(bidirectional, COUNT(bidirectional), check_everything);
}

/* ---- early and late, alone and together --------------------------------- */

/* The rows of an order: all at once; then a few at a time as they become known, in an empty cache; then again one by
 * one with all others in the cache.  Other rows at their places, which no row sees, do not matter. */
static void check_order(runner *r, uint32_t run)
{
    text *t = some_text(r, run);
    int order[PLACES];
    float x[PLACES * 256];
    assert_true(r->dim <= 256);
    shuffle(order, PLACES, run + 5);
    see_in_order(t, order);
    run_rows(r, t, r->a.every, PLACES, PLACES, t->x);
    poison(r);
    for (int at = 0, n; at < PLACES; at += n) {
        n = 1 + (int)draw(run, 2000 + (uint32_t)at, 4);
        if (n > PLACES - at) n = PLACES - at;
        run_rows(r, t, order + at, n, n, x);
        for (int i = 0; i < n; i++) expect_row(t->x + (size_t)order[at + i] * r->dim, x + (size_t)i * r->dim, r->dim);
    }
    for (int at = 0; at < PLACES; at += 3) {
        run_rows(r, t, order + at, 1, 1, x);
        expect_row(t->x + (size_t)order[at] * r->dim, x, r->dim);
    }
    for (int at = PLACES / 2; at < PLACES; at++) { /* the later half becomes another text */
        t->token[order[at]] = (t->token[order[at]] + 1) % r->net->vocab;
        run_rows(r, t, order + at, 1, 1, x);
    }
    for (int at = 0; at < PLACES / 2; at++) {
        run_rows(r, t, order + at, 1, 1, x);
        expect_row(t->x + (size_t)order[at] * r->dim, x, r->dim);
    }
    drop(t);
}

static void a_row_has_the_same_bits_alone_in_a_batch_early_and_late(void **state)
{
    (void)state;
    with_all(causal, COUNT(causal), check_order);
    with_all(bidirectional, COUNT(bidirectional), check_order);
}

/* ---- rows with a key of their own --------------------------------------- */

static unsigned char *cache_bytes(const runner *r, size_t *size)
{
    *size = pal_cache_bytes(&r->cache, PLACES);
    unsigned char *bytes = malloc(*size);
    assert_non_null(bytes);
    pal_cache_write(&r->cache, PLACES, bytes);
    return bytes;
}

/* Queries at `place` that see all places before it and themselves equal the causal rows, although the cache has another
 * token at their place.  This holds for single rows too, and the cache does not change. */
static void check_queries(runner *r, uint32_t run)
{
    text *t = some_text(r, run), *other = some_text(r, run + 7);
    int order[PLACES], wanted[PLACES], count = 0;
    float *x = malloc(PLACES * r->dim * sizeof *x);
    size_t size;
    read_all(r, t);
    unsigned char *before = cache_bytes(r, &size);
    shuffle(order, PLACES, run);
    for (int i = 0; i < PLACES; i++) { /* below its place, or all but the places behind it */
        for (int j = 0; j < i; j++) put(t->set[i], j);
        t->seen[i] = (pal_seen){.below = i % 2 ? i : PLACES, .set = i % 2 ? NULL : t->set[i], .own = i};
        if (draw(run, 3000 + (uint32_t)i, 3) == 0) wanted[count++] = i;
    }
    assert_non_null(x);
    run_rows(r, t, order, PLACES, 0, x);
    for (int i = 0; i < PLACES; i++) expect_row(t->x + (size_t)order[i] * r->dim, x + (size_t)i * r->dim, r->dim);
    const pal_rows rows = {.n = PLACES, .token = t->token, .place = t->place, .seen = t->seen};
    pal_transformer_forward_rows(r->net, &r->compute, &r->a, &r->cache, &rows, wanted, count);
    for (int i = 0; i < count; i++) expect_row(t->x + (size_t)wanted[i] * r->dim, r->a.x + (size_t)i * r->dim, r->dim);
    unsigned char *after = cache_bytes(r, &size);
    assert_memory_equal(before, after, size);
    for (int i = 1; i < PLACES; i++) { /* one by one, each before its place and those behind it get their own tokens */
        const int last = PLACES - i;
        run_rows(r, other, &last, 1, 1, x);
        run_rows(r, t, &last, 1, 0, x);
        expect_row(t->x + (size_t)last * r->dim, x, r->dim);
    }
    free(before);
    free(after);
    free(x);
    drop(t);
    drop(other);
}

static void a_query_with_its_own_key_is_the_causal_row(void **state)
{
    (void)state;
    with_all(causal, COUNT(causal), check_queries);
}

/* A step of filling: places that became known stay in the cache, and the queries for the next places see them in the
 * same pass. */
static void check_step(runner *r, uint32_t run)
{
    text *t = some_text(r, run), *apart = some_text(r, run);
    int order[PLACES], rows[8];
    float x[8 * 256], y[8 * 256];
    assert_true(r->dim <= 256);
    shuffle(order, PLACES, run + 3);
    see_in_order(t, order);
    see_in_order(apart, order);
    for (int at = 0; at + 6 < PLACES; at += 2) {
        /* two places become known; four queries, at known and at unknown places */
        for (int i = 0; i < 6; i++) rows[i] = i < 2 ? order[at + i] : order[(at + 3 * i) % PLACES];
        for (int i = 2; i < 6; i++) {
            if (rows[i] == rows[0] || rows[i] == rows[1]) rows[i] = order[at + 5];
            uint8_t *set = t->set[rows[i]];
            memset(set, 0, sizeof t->set[0]);
            for (int known = 0; known < at + 2; known++) put(set, order[known]);
            t->seen[rows[i]] = (pal_seen){.below = PLACES, .set = set, .own = rows[i]};
        }
        run_rows(r, t, rows, 6, 2, x);
        for (int i = 2; i < 6; i++) {
            run_rows(r, t, rows + i, 1, 0, y);
            expect_row(y, x + (size_t)i * r->dim, r->dim);
        }
        see_in_order(t, order);
        for (int i = 0; i < 2; i++) {
            run_rows(r, apart, rows + i, 1, 1, y);
            expect_row(y, x + (size_t)i * r->dim, r->dim);
        }
    }
    drop(t);
    drop(apart);
}

static void queries_see_what_the_same_pass_keeps(void **state)
{
    (void)state;
    with_all(causal, COUNT(causal), check_step);
    with_all(bidirectional, COUNT(bidirectional), check_step);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_by_a_set_and_in_any_order_is_the_causal_form),
        cmocka_unit_test(all_places_by_a_set_and_in_any_order_are_the_bidirectional_form),
        cmocka_unit_test(a_row_has_the_same_bits_alone_in_a_batch_early_and_late),
        cmocka_unit_test(a_query_with_its_own_key_is_the_causal_row),
        cmocka_unit_test(queries_see_what_the_same_pass_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
