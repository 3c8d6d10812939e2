/* test_row_pages.c - pages filled by a causal model with an adapter: every sampler, pins, rewinds, the context. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapted_testing.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define BLANKS       "[[2]] upon a time the [[4]] was [[1]][[3]] and the dog ran.[[2]]"

static void the_model_says_what_it_can_do(void **state)
{
    (void)state;
    const pal_info *info = pal_model_info(model);
    assert_true(info->can_infill && !info->free_length && info->causal && info->can_generate && info->can_score);
    assert_false(pal_model_info(base)->can_infill);
}

/* A page whose content rows are all computed again in every step has the same bits. */
static void steps_are_those_of_a_network_that_starts_again(void **state)
{
    (void)state;
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++)
        for (uint64_t seed = 0; seed < 6; seed++) {
            char kept[MAX_TEXT], again[MAX_TEXT];
            pal_infill_options o = options_of((pal_sampler)sampler, seed);
            if (seed % 2) o.repetition_penalty = 1.3;
            o.document = seed > 3;
            if (pal_sampler_about(o.sampler)->steps) o.steps = 9;
            if (pal_sampler_about(o.sampler)->remask) o.remask = 0.4;
            fill(BLANKS, &o, kept);
            lent l = start(BLANKS, &o);
            do pal_row_runner_start(&l.session->runner.rows);
            while (pal_step(l.session, NULL) == PAL_MORE);
            text_of(&l, again);
            end(&l);
            assert_string_equal(kept, again);
        }
}

static void expect_refused(const char *page, const pal_infill_options *o, pal_status status, const char *word)
{
    lent l;
    pal_error err = {0};
    assert_int_equal(try_start(&l, model, page, strlen(page), o, &err), status);
    if (!strstr(err.text, word)) fail_msg("\"%s\" without \"%s\"", err.text, word);
}

static void free_lengths_need_an_end_and_a_sampler_that_draws_it(void **state)
{
    (void)state;
    pal_infill_options o = pal_infill_defaults();
    expect_refused("the [[2]] dog [[?]]", &o, PAL_E_UNSUPPORTED, "palimpsest.empty_token_id is absent");
    expect_refused("the [[2-3]] dog", &o, PAL_E_UNSUPPORTED, "or choose a token with empty-token");
    o.empty_token = pal_model_info(model)->vocabulary;
    expect_refused("the [[2-3]] dog", &o, PAL_E_OPTION, "outside the vocabulary");
    o.empty_token = 5;
    o.sampler = PAL_MARGIN;
    expect_refused("the [[2-3]] dog", &o, PAL_E_OPTION, "only ascending");
}

/* Without a mask token a model needs an adapter; without an adapter a causal model fills nothing. */
static void other_models_are_refused_as_before(void **state)
{
    (void)state;
    const pal_infill_options o = pal_infill_defaults();
    pal_model *none = open_test_model("tiny-nomask");
    model = none;
    expect_refused("the [[2]] dog", &o, PAL_E_OPTION, "no mask token");
    model = base;
    expect_refused("the [[2]] dog", &o, PAL_E_UNSUPPORTED, "cannot fill blanks");
    model = with.model;
    pal_model_close(none);
}

/* The start token takes one place of the context. */
static void the_context_is_one_token_shorter(void **state)
{
    (void)state;
    char page[32];
    const pal_infill_options o = options_of(PAL_ANCESTRAL, 1);
    const int32_t context = pal_model_info(model)->context;
    snprintf(page, sizeof page, "[[%d]]", (int)context);
    lent l;
    assert_true(try_start(&l, model, page, strlen(page), &o, NULL) < 0);
    snprintf(page, sizeof page, "[[%d]]", (int)context - 1);
    l = start(page, &o);
    assert_int_equal(pal_session_progress(l.session).shown, context - 1);
    finish(&l);
    end(&l);
}

static void pins_and_rewinds_give_what_a_new_session_gives(void **state)
{
    (void)state;
    char first[MAX_TEXT], again[MAX_TEXT], pinned[MAX_TEXT];
    pal_infill_options o = options_of(PAL_FIRST_HITTING, 3);
    const int32_t id = piece_id(base, "\xE2\x96\x81"
                                      "dog");
    fill(BLANKS, &o, first);
    lent l = start(BLANKS, &o);
    for (int i = 0; i < 5; i++) pal_step(l.session, NULL);
    assert_int_equal(pal_session_rewind(l.session, 2, NULL), PAL_OK);
    finish(&l);
    text_of(&l, again);
    assert_string_equal(first, again);
    assert_int_equal(pal_session_rewind(l.session, 0, NULL), PAL_OK);
    assert_int_equal(pal_session_pin(l.session, 1, 2, id, NULL), PAL_OK);
    finish(&l);
    text_of(&l, again);
    end(&l);
    o.pins = &(pal_pin){.blank = 1, .index = 2, .id = id};
    o.pin_count = 1;
    fill(BLANKS, &o, pinned);
    assert_string_equal(again, pinned);
    assert_true(strcmp(again, first) != 0);
}

static void drafts_together_are_drafts_alone(void **state)
{
    (void)state;
    enum { DRAFTS = 3 };
    char alone[MAX_TEXT], together[MAX_TEXT];
    pal_infill_options o = options_of(PAL_MARGIN, 5);
    lent l[DRAFTS];
    pal_session *all[DRAFTS];
    size_t bytes;
    assert_int_equal(pal_together_bytes(model, 100, &bytes, NULL), PAL_OK);
    void *block = malloc(bytes);
    for (uint32_t i = 0; i < DRAFTS; i++) {
        o.draft = i;
        l[i] = start(BLANKS, &o);
        all[i] = l[i].session;
    }
    for (bool more = true; more;) {
        more = false;
        assert_int_equal(pal_evaluate_together(model, all, DRAFTS, block, bytes, NULL), PAL_OK);
        for (int i = 0; i < DRAFTS; i++) more = pal_step(all[i], NULL) == PAL_MORE || more;
    }
    for (uint32_t i = 0; i < DRAFTS; i++) {
        o.draft = i;
        fill(BLANKS, &o, alone);
        text_of(&l[i], together);
        assert_string_equal(alone, together);
        end(&l[i]);
    }
    free(block);
}

/* Whatever the adapter, text from left to right is the base's; a page and a sequence do not disturb each other. */
static void texts_are_those_of_the_base(void **state)
{
    (void)state;
    const pal_score_result a = score_of(base, TALE, strlen(TALE), PAL_SCORE_EXACT);
    const pal_score_result b = score_of(model, TALE, strlen(TALE), PAL_SCORE_EXACT);
    assert_memory_equal(&a.nats_per_token, &b.nats_per_token, sizeof a.nats_per_token);
}

static void a_network_without_numbers_changes_nothing(void **state)
{
    (void)state;
    char before[MAX_TEXT], after[MAX_TEXT];
    const pal_infill_options o = options_of(PAL_MARGIN, 5);
    float *mask = (float *)(uintptr_t)model->attached->adapters.mask, kept = mask[0];
    pal_error err;
    lent l = start(BLANKS, &o);
    pal_step(l.session, NULL);
    text_of(&l, before);
    mask[0] = 1e30f * 1e30f;
    assert_int_equal(pal_step(l.session, &err), PAL_E_FORMAT);
    text_of(&l, after);
    assert_string_equal(before, after);
    mask[0] = kept;
    finish(&l);
    text_of(&l, after);
    end(&l);
    fill(BLANKS, &o, before);
    assert_string_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_says_what_it_can_do),
        cmocka_unit_test(steps_are_those_of_a_network_that_starts_again),
        cmocka_unit_test(free_lengths_need_an_end_and_a_sampler_that_draws_it),
        cmocka_unit_test(other_models_are_refused_as_before),
        cmocka_unit_test(the_context_is_one_token_shorter),
        cmocka_unit_test(pins_and_rewinds_give_what_a_new_session_gives),
        cmocka_unit_test(drafts_together_are_drafts_alone),
        cmocka_unit_test(texts_are_those_of_the_base),
        cmocka_unit_test(a_network_without_numbers_changes_nothing),
    };
    return cmocka_run_group_tests(tests, open_both, close_both);
}
