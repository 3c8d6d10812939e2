/* test_sampler_table.c - the table of samplers: it has all of them, and each has the properties in its row. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "table_model.h"
#include "text/length.h"
#include "text/samplers/samplers.h"

#define SEED         20261130
#define FLOAT_LOGITS 1e-6 /* exact conditionals, but rounded to the floats that a network answers with */

static table_fill t;

static void start(pal_sampler sampler, int32_t page)
{
    table_fill_start(&t, sampler, page);
    if (t.fill.sampler->is.steps) t.fill.options.steps = 6;
    if (t.fill.sampler->is.threshold) t.fill.options.threshold = 0.5;
    if (t.fill.sampler->is.remask) t.fill.options.remask = 0.3;
}

static void every_sampler_has_a_row_and_a_name_of_its_own(void **state)
{
    (void)state;
    pal_sampler found;
    for (pal_sampler i = PAL_FIRST_HITTING; i < PAL_SAMPLERS; i++) {
        const pal_sampler_row *row = pal_sampler_row_of(i);
        assert_true(row && row->name && row->step);
        assert_string_equal(pal_sampler_name(i), row->name);
        assert_true(pal_sampler_about(i) == &row->is);
        assert_true(pal_sampler_find(row->name, &found) && found == i); /* the first of that name */
    }
    assert_null(pal_sampler_row_of(PAL_SAMPLERS));
    assert_null(pal_sampler_about(PAL_SAMPLERS));
}

/* True conditionals, two of four tokens given: exact samplers follow the true distribution, and the others do not. */
static void exact_samplers_are_those_that_follow_the_law(void **state)
{
    (void)state;
    double probs[TABLE_PAGES], wanted[TABLE_PAGES];
    table_init(&t.model, 4, 3, false);
    table_random_joint(&t.model, SEED, 0.35, 0.0, NULL);
    table_exact(&t.model);
    const int32_t page = table_with(&t.model, table_masked(&t.model), 1, 2);
    assert_true(table_given(&t.model, page, wanted));
    for (pal_sampler i = PAL_FIRST_HITTING; i < PAL_MASKED_SAMPLERS; i++) {
        start(i, page);
        table_probs(&t, probs);
        const double distance = table_distance(&t.model, probs, wanted);
        if (pal_sampler_about(i)->exact != (distance < FLOAT_LOGITS))
            fail_msg("%s is off by %g", pal_sampler_name(i), distance);
    }
}

static void options_are_taken_by_those_that_say_so(void **state)
{
    (void)state;
    table_init(&t.model, 4, 3, false);
    for (pal_sampler i = PAL_FIRST_HITTING; i < PAL_MASKED_SAMPLERS; i++) {
        const pal_sampler_properties *is = pal_sampler_about(i);
        const pal_infill_options plain = {
            .sampler = i, .top_p = 1.0, .repetition_penalty = 1.0, .remask = -1.0, .free_min = 1, .free_max = 1};
        pal_infill_options o[5] = {plain, plain, plain, plain, plain};
        const bool taken[5] = {is->steps, is->threshold, is->entropy_bound, is->remask, is->distance};
        static const char *const names[5] = {"steps", "threshold", "entropy-bound", "remask", "distance"};
        o[0].steps = 5;
        o[1].threshold = 0.5;
        o[2].entropy_bound = 0.5;
        o[3].remask = 0.5;
        o[4].distance = 5;
        assert_int_equal(pal_fill_check(&plain, &t.model.classes, NULL), PAL_OK);
        for (int k = 0; k < 5; k++) {
            pal_error err = {0};
            assert_int_equal(pal_fill_check(&o[k], &t.model.classes, &err), taken[k] ? PAL_OK : PAL_E_OPTION);
            if (!taken[k]) assert_non_null(strstr(err.text, names[k]));
        }
    }
}

/* Whether a place was masked again, and how many time steps a full page took. */
static bool opens_again(pal_sampler sampler, int32_t *steps)
{
    bool again = false;
    start(sampler, table_masked(&t.model));
    for (uint32_t draft = 0; draft < 50; draft++) {
        int32_t open = 4;
        t.fill.options.draft = draft;
        pal_fill_start(&t.fill);
        for (pal_status s = PAL_MORE; s == PAL_MORE; open = t.fill.open) {
            s = pal_fill_step(&t.fill, NULL);
            again = again || t.fill.open > open;
        }
        if (t.fill.step > *steps) *steps = t.fill.step;
        assert_int_equal(t.fill.open, 0);
    }
    return again;
}

static void those_that_say_so_open_places_again_or_go_through_time_steps(void **state)
{
    (void)state;
    table_init(&t.model, 4, 3, false);
    table_random_joint(&t.model, SEED, 0.35, 0.0, NULL);
    table_learnt(&t.model, SEED);
    for (pal_sampler i = PAL_FIRST_HITTING; i < PAL_MASKED_SAMPLERS; i++) {
        int32_t steps = 0;
        assert_int_equal(opens_again(i, &steps), pal_sampler_about(i)->reopens);
        assert_true(pal_sampler_about(i)->steps ? steps > 4 && steps <= 6 : steps <= 4);
    }
}

/* At once: after the first step of a page with one free blank its end is known, or its last place is filled.  In a
 * random order a word may come first. */
static void lengths_drawn_at_once_come_before_words(void **state)
{
    (void)state;
    const int32_t from = 0, min = 1, max = 4;
    table_init(&t.model, 4, 4, true);
    table_random_joint(&t.model, SEED, 0.5, 0.0, NULL);
    table_learnt(&t.model, SEED);
    for (pal_sampler i = PAL_FIRST_HITTING; i < PAL_MASKED_SAMPLERS; i++) {
        int words_first = 0;
        for (uint32_t draft = 0; draft < 50; draft++) {
            table_fill_blanks(&t, i, table_masked(&t.model), 1, &from, &min, &max);
            t.fill.options.draft = draft;
            pal_fill_step(&t.fill, NULL);
            const bool ends = t.tokens[3] != t.model.classes.mask;
            words_first += !ends && !pal_length_is_known(&t.fill, &t.blank[0]);
        }
        if (pal_sampler_row_of(i)->lengths == PAL_LENGTHS_AT_ONCE) assert_int_equal(words_first, 0);
        if (i == PAL_FIRST_HITTING) assert_true(words_first > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sampler_has_a_row_and_a_name_of_its_own),
        cmocka_unit_test(exact_samplers_are_those_that_follow_the_law),
        cmocka_unit_test(options_are_taken_by_those_that_say_so),
        cmocka_unit_test(those_that_say_so_open_places_again_or_go_through_time_steps),
        cmocka_unit_test(lengths_drawn_at_once_come_before_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
