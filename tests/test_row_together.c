/* test_row_together.c - several pages of a model with query rows in one pass: each step has the bits of the page alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapted_testing.h"
#include "together_testing.h"

static const char *const pages[DRAFTS] = {"the [[3]] dog", "[[4]]", "Once upon a [[5]] time [[2]] the end. [[1]]",
                                          "a [[9]] b [[7]] c", "she said [[2]] and the cat ran to the [[6]]."};

/* The rows of the last evaluation of a session that was not the first of a pass: content rows of given text are copied,
 * if another draft has them. */
static int content_rows(const lent *l)
{
    return l->session->runner.rows.computed;
}

static void drafts_together_equal_drafts_alone(void **state)
{
    (void)state;
    expect_together_equals_alone(pages);
}

typedef struct {
    lent of[DRAFTS];
    pal_session *sessions[DRAFTS];
    void *block;
    size_t bytes;
} batch;

/* Drafts 0, 1, ... of the last page, and memory to evaluate them together. */
static void batch_start(batch *b, pal_sampler sampler)
{
    pal_infill_options o = options_of(sampler, 3);
    for (int i = 0; i < DRAFTS; i++) {
        o.draft = (uint32_t)i;
        b->of[i] = start(pages[4], &o);
        b->sessions[i] = b->of[i].session;
    }
    b->block = scratch_for(b->sessions, DRAFTS, &b->bytes);
}

static void batch_evaluate(const batch *b)
{
    assert_int_equal(pal_evaluate_together(model, b->sessions, DRAFTS, b->block, b->bytes, NULL), PAL_OK);
}

static void batch_step(const batch *b)
{
    for (int i = 0; i < DRAFTS; i++) assert_int_equal(pal_step(b->sessions[i], NULL), PAL_MORE);
}

static void batch_end(batch *b)
{
    free(b->block);
    for (int i = 0; i < DRAFTS; i++) end(&b->of[i]);
}

/* The given text of a page is computed once for all its drafts, and each step of a draft computes its own new token. */
static void given_rows_are_computed_once(void **state)
{
    (void)state;
    batch b;
    batch_start(&b, PAL_MARGIN);
    batch_evaluate(&b);
    assert_true(content_rows(&b.of[0]) > 5);
    for (int i = 1; i < DRAFTS; i++) assert_int_equal(content_rows(&b.of[i]), 0);
    batch_step(&b);
    batch_evaluate(&b);
    for (int i = 0; i < DRAFTS; i++) assert_int_equal(content_rows(&b.of[i]), 1);
    batch_end(&b);
}

/* Drafts that ask for few rows have their logits after the pass; they are those that each computes from its own hidden
 * states. */
static void drafts_that_ask_for_few_rows_share_the_product_with_the_output_matrix(void **state)
{
    (void)state;
    batch b;
    batch_start(&b, PAL_ASCENDING);
    const size_t size = PAL_ANSWERS * (size_t)model->shape.vocab * sizeof(float);
    float *shared = malloc(size), *alone = malloc(size);
    assert_true(shared && alone);
    for (int steps = 0; steps < 3; steps++) {
        batch_evaluate(&b);
        for (int i = steps == 0; i < DRAFTS; i++) { /* the first draft of all computes the given text alone */
            pal_row_runner *r = &b.sessions[i]->runner.rows;
            const pal_predictor *p = &b.sessions[i]->fill.predictor;
            const pal_query *q = &b.sessions[i]->fill.query;
            assert_true(r->answered && q->count <= PAL_ANSWERS);
            assert_true(p->logits(p->context, q->at, q->count, shared));
            r->answered = false;
            assert_true(p->logits(p->context, q->at, q->count, alone));
            r->answered = true;
            assert_memory_equal(shared, alone, size / PAL_ANSWERS * (size_t)q->count);
        }
        batch_step(&b);
    }
    free(shared);
    free(alone);
    batch_end(&b);
}

/* A draft that joins later takes the rows of a page that is already being filled, with pins of its own. */
static void a_draft_that_joins_later_equals_one_alone(void **state)
{
    (void)state;
    const int32_t id = piece_id(base, "\xE2\x96\x81"
                                      "dog");
    pal_infill_options o = options_of(PAL_FIRST_HITTING, 3);
    lent first = start(pages[4], &o);
    for (int i = 0; i < 4; i++) pal_step(first.session, NULL);
    o.draft = 1;
    o.pins = &(pal_pin){.blank = 1, .index = 2, .id = id};
    o.pin_count = 1;
    lent second = start(pages[4], &o), alone = start(pages[4], &o);
    pal_session *sessions[] = {first.session, second.session};
    size_t bytes;
    void *block = scratch_for(sessions, 2, &bytes);
    for (bool more = true; more;) {
        assert_int_equal(pal_evaluate_together(model, sessions, 2, block, bytes, NULL), PAL_OK);
        pal_step(first.session, NULL);
        more = pal_step(second.session, NULL) == PAL_MORE;
        pal_step(alone.session, NULL);
        expect_same_state(&second, &alone);
    }
    free(block);
    end(&first);
    end(&second);
    end(&alone);
}

static void a_network_without_numbers_changes_nothing(void **state)
{
    (void)state;
    char before[MAX_TEXT], after[MAX_TEXT];
    const pal_infill_options o = options_of(PAL_MARGIN, 5);
    float *mask = (float *)(uintptr_t)model->attached->adapters.mask, kept = mask[0];
    pal_error err;
    size_t bytes;
    lent a = start(pages[3], &o), b = start(pages[3], &o);
    pal_session *sessions[] = {a.session, b.session};
    void *block = scratch_for(sessions, 2, &bytes);
    assert_int_equal(pal_evaluate_together(model, sessions, 2, block, bytes, NULL), PAL_OK);
    for (int i = 0; i < 2; i++) pal_step(sessions[i], NULL);
    text_of(&a, before);
    mask[0] = 1e30f * 1e30f;
    assert_int_equal(pal_evaluate_together(model, sessions, 2, block, bytes, &err), PAL_E_FORMAT);
    assert_int_equal(pal_session_progress(a.session).evaluations, 1);
    text_of(&a, after);
    assert_string_equal(before, after);
    mask[0] = kept;
    finish(&a);
    text_of(&a, after);
    fill(pages[3], &o, before);
    assert_string_equal(before, after);
    free(block);
    end(&a);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drafts_together_equal_drafts_alone),
        cmocka_unit_test(given_rows_are_computed_once),
        cmocka_unit_test(drafts_that_ask_for_few_rows_share_the_product_with_the_output_matrix),
        cmocka_unit_test(a_draft_that_joins_later_equals_one_alone),
        cmocka_unit_test(a_network_without_numbers_changes_nothing),
    };
    return cmocka_run_group_tests(tests, open_both, close_both);
}
