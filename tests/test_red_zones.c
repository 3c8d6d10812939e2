/* test_red_zones.c - in sanitized builds every array of a block is followed by poisoned bytes, and none of them stays
 * poisoned when the block is used again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/core.h"

#if PAL_ASAN
#include <sanitizer/asan_interface.h>

#include "api/generator.h"
#include "api/pages.h"
#include "session_testing.h"

/* A freed block is returned by the next allocation. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=0:thread_local_quarantine_size_kb=0";
}

/* Its own bytes are accessible and those after it are not. */
static void expect_closed(const void *array, size_t count, size_t size)
{
    const unsigned char *p = array;
    const size_t bytes = count * size;
    assert_non_null(array);
    assert_null(__asan_region_is_poisoned((void *)(uintptr_t)p, bytes));
    for (size_t i = 0; i < PAL_RED_ZONE; i++) assert_true(__asan_address_is_poisoned(p + bytes + i));
}

static void expect_closed_activations(const pal_activations *a, const pal_transformer *net)
{
    const size_t n = (size_t)a->max_tokens, dim = (size_t)net->dim, q_dim = (size_t)net->heads * (size_t)net->head_dim;
    const size_t kv_dim = (size_t)net->kv_heads * (size_t)net->head_dim;
    expect_closed(a->x, n * dim, sizeof *a->x);
    expect_closed(a->h, n * dim, sizeof *a->h);
    expect_closed(a->q, n * q_dim, sizeof *a->q);
    expect_closed(a->attended, n * q_dim, sizeof *a->attended);
    expect_closed(a->k, n * kv_dim, sizeof *a->k);
    expect_closed(a->v, n * kv_dim, sizeof *a->v);
    expect_closed(a->up, n * (size_t)net->hidden, sizeof *a->up);
    expect_closed(a->seen, n, sizeof *a->seen);
    expect_closed(a->every, n, sizeof *a->every);
    expect_closed(a->place, n, sizeof *a->place);
    expect_closed(a->cosine, (size_t)a->positions * ((size_t)net->head_dim / 2), sizeof *a->cosine);
    expect_closed(a->sine, (size_t)a->positions * ((size_t)net->head_dim / 2), sizeof *a->sine);
}

static void expect_closed_session(const pal_session *s)
{
    const pal_fill *f = &s->fill;
    const size_t vocab = (size_t)s->model->shape.vocab, places = (size_t)s->page.places;
    const size_t shown = (size_t)s->runner.text.activations.max_tokens;
    expect_closed(s, 1, sizeof *s);
    expect_closed(s->page.segments, s->page.count, sizeof *s->page.segments);
    expect_closed(s->page.text, s->page.bytes, 1);
    expect_closed(s->layout.tokens, s->page.bytes + s->page.count + places + 2, sizeof *s->layout.tokens);
    expect_closed(s->layout.blank, s->page.blanks, sizeof *s->layout.blank);
    expect_closed(s->layout.place, places, sizeof *s->layout.place);
    expect_closed(f->shown, shown, sizeof *f->shown);
    expect_closed(f->logits, PAL_FILL_ROWS * vocab, sizeof *f->logits);
    expect_closed(f->probs, vocab, sizeof *f->probs);
    expect_closed(f->scratch.rank, vocab, sizeof *f->scratch.rank);
    expect_closed(f->scratch.seen, vocab, sizeof *f->scratch.seen);
    expect_closed(f->score, places, sizeof *f->score);
    expect_closed(f->asked, places, sizeof *f->asked);
    expect_closed_activations(&s->runner.text.activations, pal_model_transformer(s->model));
    expect_closed(s->runner.text.rows, shown, sizeof *s->runner.text.rows);
    expect_closed(s->runner.text.row_of, shown, sizeof *s->runner.text.row_of);
}

static void arrays_of_a_session_are_followed_by_red_zones(void **state)
{
    (void)state;
    const pal_infill_options o = options_of(PAL_MARGIN, 1);
    lent l = start("she [[3]] and [[2-5]] or so", &o);
    expect_closed_session(l.session);
    finish(&l);
    expect_closed_session(l.session);
    end(&l);
}

static void arrays_of_a_sequence_and_a_generator_are_followed_by_red_zones(void **state)
{
    (void)state;
    pal_model *causal = open_test_model("tiny-ar");
    pal_sequence_options so = pal_sequence_defaults();
    pal_generate_options go = pal_generate_defaults();
    pal_sequence *s;
    pal_generator *g;
    size_t bytes;
    so.max_tokens = 24;
    so.kv = PAL_KV_Q8_0;
    assert_int_equal(pal_sequence_bytes(causal, &so, &bytes, NULL), PAL_OK);
    void *block = malloc(bytes);
    assert_int_equal(pal_sequence_init(&s, causal, &so, block, bytes, NULL), PAL_OK);
    const size_t kept = (size_t)s->cache.shape.layers * (size_t)s->cache.capacity * (size_t)s->cache.shape.kv_heads;
    expect_closed(s->tokens, 24, sizeof *s->tokens);
    expect_closed_activations(&s->activations, pal_model_transformer(causal));
    expect_closed(s->cache.kept_k.data, kept * (size_t)s->cache.shape.head_dim, 1);
    expect_closed(s->cache.kept_v.scale, kept * (size_t)s->cache.blocks, sizeof *s->cache.kept_v.scale);
    assert_int_equal(pal_generator_bytes(s, &go, &bytes, NULL), PAL_OK);
    void *second = malloc(bytes);
    assert_int_equal(pal_generator_init(&g, s, &go, second, bytes, NULL), PAL_OK);
    expect_closed(g, 1, sizeof *g);
    expect_closed(g->window.tokens, 24, sizeof *g->window.tokens);
    expect_closed(g->logits, (size_t)causal->shape.vocab, sizeof *g->logits);
    free(second);
    free(block);
    pal_model_close(causal);
}

/* One block for several pages, one after the other: no gap of an earlier one is left in an array of a later one. */
static void block_that_is_used_again_has_the_red_zones_of_its_last_session(void **state)
{
    (void)state;
    static const char *const pages[] = {"a [[9]] b [[30]] c [[2]]", "[[1]]", "a b c d [[7]]", "x [[?]] y [[40]]"};
    enum { PAGES = sizeof pages / sizeof *pages };
    const pal_infill_options o = options_of(PAL_ENTROPY, 2);
    size_t max = 0, bytes;
    for (int i = 0; i < PAGES; i++) {
        assert_int_equal(pal_session_bytes(model, pages[i], strlen(pages[i]), &o, &bytes, NULL), PAL_OK);
        max = bytes > max ? bytes : max;
    }
    void *block = malloc(max);
    for (int i = 0; i < 3 * PAGES; i++) {
        const char *page = pages[i % PAGES];
        lent l = {.memory = block};
        assert_int_equal(pal_session_init(&l.session, model, page, strlen(page), &o, block, max, NULL), PAL_OK);
        expect_closed_session(l.session);
        finish(&l);
    }
    free(block);
    block = malloc(max);
    assert_null(__asan_region_is_poisoned(block, max));
    free(block);
}

static void use(unsigned char *block, size_t size)
{
    const char page[] = "a [[3]] b";
    const pal_infill_options o = options_of(PAL_MARGIN, 1);
    lent l = {0};
    assert_int_equal(pal_session_init(&l.session, model, page, strlen(page), &o, block, size, NULL), PAL_OK);
    finish(&l);
    assert_null(__asan_region_is_poisoned(block, size));
    memset(block, 0, size);
}

static void blocks_on_the_stack_and_in_static_memory_are_never_poisoned(void **state)
{
    (void)state;
    enum { SIZE = 1 << 18 };
    static unsigned char fixed[SIZE];
    unsigned char local[SIZE];
    use(fixed, sizeof fixed);
    use(local, sizeof local);
}

static void block_of_a_failed_call_is_given_back_whole(void **state)
{
    (void)state;
    const char page[] = "a [[3]] b";
    const pal_pin bad = {.blank = 7, .index = 0, .id = 1};
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    pal_session *s;
    size_t bytes;
    o.pins = &bad;
    o.pin_count = 1;
    assert_int_equal(pal_session_bytes(model, page, strlen(page), &o, &bytes, NULL), PAL_OK);
    void *block = malloc(bytes);
    assert_int_equal(pal_session_init(&s, model, page, strlen(page), &o, block, bytes, NULL), PAL_E_OPTION);
    assert_null(__asan_region_is_poisoned(block, bytes));
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_of_a_session_are_followed_by_red_zones),
        cmocka_unit_test(arrays_of_a_sequence_and_a_generator_are_followed_by_red_zones),
        cmocka_unit_test(block_that_is_used_again_has_the_red_zones_of_its_last_session),
        cmocka_unit_test(blocks_on_the_stack_and_in_static_memory_are_never_poisoned),
        cmocka_unit_test(block_of_a_failed_call_is_given_back_whole),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}

#else

/* Without the sanitizer there are no bytes between the arrays, and a session needs no additional memory. */
static void red_zones_take_no_memory_where_nobody_looks_at_them(void **state)
{
    (void)state;
    pal_arena arena = {0};
    pal_take(&arena, 64, 1);
    assert_int_equal(arena.used, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(red_zones_take_no_memory_where_nobody_looks_at_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
