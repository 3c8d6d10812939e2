/* test_row_ends.c - lengths of blanks that a causal model with an adapter chooses: ends, pins, rewinds, the token that
 * ends a blank. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapted_testing.h"

#define PAGE "[[?]] upon a time the [[2-5]] was [[3]] and the dog ran.[[1-4]]"

static const pal_sampler from_left[] = {PAL_SAMPLER_OF_MODEL, PAL_ASCENDING, PAL_ASCENDING_RANDOM};
enum { SAMPLERS = sizeof from_left / sizeof *from_left, FREE = 16, PLACES = FREE + 5 + 3 + 4 };

static int32_t dot; /* ends blanks here: a token with text, which is then written nowhere */

static int open_all(void **state)
{
    const int status = open_both_ending(state);
    dot = usual_token();
    return status;
}

static pal_infill_options wild(pal_sampler sampler, uint64_t seed)
{
    pal_infill_options o = options_of(sampler, seed);
    o.temperature = 1.0;
    o.empty_token = dot;
    return o;
}

/* Places of a full page: words, then the end of the blank.  Returns how many blanks are shorter than they can be. */
static int check_places(const lent *l, int32_t empty)
{
    pal_place place[PLACES];
    char text[MAX_TEXT];
    int shorter = 0;
    assert_int_equal(pal_session_tokens(l->session, place, PLACES), PLACES);
    text_of(l, text);
    for (int i = 0; i < PLACES; i++) {
        static const int32_t min[] = {1, 2, 3, 1};
        const pal_fill_place *at = &l->session->fill.place[i];
        assert_int_equal(place[i].empty, place[i].id == empty);
        assert_true(place[i].probability > 0.0f && place[i].probability <= 1.0f);
        /* only words have content rows */
        const int32_t rank = l->session->runner.rows.rank[at->at + 1];
        if (place[i].empty) assert_int_equal(rank, PAL_RANK_UNKNOWN);
        if (!place[i].empty) continue;
        assert_int_equal(place[i].bytes, 0);
        assert_true(place[i].index >= min[place[i].blank]);
        if (i + 1 < PLACES && place[i + 1].blank == place[i].blank) assert_true(place[i + 1].empty);
        shorter += place[i].index > 0 && !place[i - 1].empty;
    }
    return shorter;
}

static void blanks_end_where_the_end_is_drawn(void **state)
{
    (void)state;
    assert_true(pal_model_info(model)->free_length);
    assert_int_equal(pal_default_sampler(model), PAL_ASCENDING);
    assert_int_equal(pal_default_sampler(base), PAL_MARGIN);
    for (int k = 0; k < SAMPLERS; k++) {
        int shorter = 0;
        for (uint64_t seed = 0; seed < 12; seed++) {
            const pal_infill_options o = wild(from_left[k], seed);
            lent l = start(PAGE, &o);
            finish(&l);
            shorter += check_places(&l, dot);
            end(&l);
        }
        assert_true(shorter > 3);
    }
}

/* A page whose content rows are all computed again in every step has the same bits. */
static void steps_are_those_of_a_network_that_starts_again(void **state)
{
    (void)state;
    for (int k = 0; k < SAMPLERS; k++)
        for (uint64_t seed = 0; seed < 6; seed++) {
            char kept[MAX_TEXT], again[MAX_TEXT];
            pal_infill_options o = wild(from_left[k], seed);
            if (seed % 2) o.repetition_penalty = 1.3;
            fill(PAGE, &o, kept);
            lent l = start(PAGE, &o);
            do {
                pal_row_runner_start(&l.session->runner.rows);
                l.session->fill.tokens_changed = true; /* an end alone would not be a reason to evaluate again */
            } while (pal_step(l.session, NULL) == PAL_MORE);
            text_of(&l, again);
            end(&l);
            assert_string_equal(kept, again);
        }
}

static void the_model_names_its_end(void **state)
{
    (void)state;
    pal_infill_options o = wild(PAL_ASCENDING, 1);
    o.empty_token = -1;
    lent l = start(PAGE, &o);
    assert_int_equal(l.session->classes.empty, 0);
    finish(&l);
    check_places(&l, 0);
    end(&l);
}

static pal_place place_of(const lent *l, int32_t number)
{
    pal_place all[PLACES];
    pal_session_tokens(l->session, all, PLACES);
    return all[number];
}

/* The index of the first empty place of the first blank; FREE: none. */
static int32_t end_of_first(const lent *l)
{
    int32_t i = 0;
    while (i < FREE && !place_of(l, i).empty) i++;
    return i;
}

static lent with_short_blank(pal_infill_options *o)
{
    for (o->seed = 0;; o->seed++) {
        lent l = start(PAGE, o);
        finish(&l);
        if (end_of_first(&l) < FREE - 4) return l;
        end(&l);
    }
}

/* A word behind an end that was drawn opens the places before it and behind it; none before it can be an end. */
static void a_pinned_word_lifts_the_end(void **state)
{
    (void)state;
    const int32_t dog = piece_id(base, "\xE2\x96\x81"
                                       "dog");
    pal_infill_options o = wild(PAL_ASCENDING, 0);
    lent l = with_short_blank(&o);
    const int32_t ended = end_of_first(&l), at = ended + 2;
    assert_int_equal(pal_session_pin(l.session, 0, at, dog, NULL), PAL_OK);
    for (int32_t i = ended; i < FREE; i++) assert_int_equal(place_of(&l, i).step, i == at ? 0 : -1);
    finish(&l);
    assert_true(end_of_first(&l) > at);
    assert_int_equal(pal_session_pin(l.session, 0, at - 1, dot, NULL), PAL_E_OPTION); /* an end before a pinned word */
    end(&l);
}

static void a_pinned_end_ends_and_can_be_lifted(void **state)
{
    (void)state;
    pal_infill_options o = wild(PAL_ASCENDING, 7);
    pal_error err = {0};
    lent l = start(PAGE, &o);
    assert_int_equal(pal_session_pin(l.session, 0, 3, dot, &err), PAL_OK);
    assert_int_equal(pal_session_pin(l.session, 2, 1, dot, &err), PAL_E_OPTION); /* the blank is [[3]] */
    assert_int_equal(pal_session_pin(l.session, 1, 1, dot, &err), PAL_E_OPTION); /* the blank is [[2-5]] */
    finish(&l);
    assert_true(end_of_first(&l) <= 3);
    assert_int_equal(place_of(&l, 3).step, 0);
    assert_int_equal(pal_session_pin(l.session, 0, 3, -1, &err), PAL_OK);
    finish(&l);
    check_places(&l, dot);
    assert_int_equal(pal_session_rewind(l.session, 0, NULL), PAL_OK);
    finish(&l);
    char again[MAX_TEXT], once[MAX_TEXT];
    text_of(&l, again);
    end(&l);
    fill(PAGE, &o, once);
    assert_string_equal(again, once);
}

static void rewinds_give_the_same_text_again(void **state)
{
    (void)state;
    pal_infill_options o = wild(PAL_ASCENDING, 0);
    lent l = with_short_blank(&o);
    char first[MAX_TEXT], again[MAX_TEXT];
    text_of(&l, first);
    for (int32_t step = pal_session_progress(l.session).step; step >= 0; step -= 2) {
        assert_int_equal(pal_session_rewind(l.session, step, NULL), PAL_OK);
        finish(&l);
        text_of(&l, again);
        assert_string_equal(first, again);
    }
    end(&l);
}

/* The probabilities of a page of one free blank are those of `ascending-random` too: there is one order only. */
static void both_samplers_report_the_same_probabilities_in_one_blank(void **state)
{
    (void)state;
    static const char page[] = "the [[?]] dog.";
    pal_infill_options o = wild(PAL_ASCENDING, 3);
    lent a = start(page, &o);
    finish(&a);
    o.sampler = PAL_ASCENDING_RANDOM;
    lent b = start(page, &o);
    for (int32_t i = 0; i < FREE; i++)
        if (place_of(&a, i).id >= 0) assert_int_equal(pal_session_pin(b.session, 0, i, -1, NULL), PAL_OK);
    finish(&b);
    pal_place left[FREE], right[FREE];
    pal_session_tokens(a.session, left, FREE);
    pal_session_tokens(b.session, right, FREE);
    for (int32_t i = 0; i < FREE; i++) {
        assert_int_equal(left[i].id, right[i].id);
        assert_memory_equal(&left[i].probability, &right[i].probability, sizeof left[i].probability);
    }
    end(&a);
    end(&b);
}

/* ---- what the model sees ------------------------------------------------------------------------------- */

static void as_written(image *m)
{
    image_key_bool(m, "palimpsest.normalise", false);
}

static void not_a_flag(image *m)
{
    image_key_u32(m, "palimpsest.normalise", 1);
}

/* Quotes and dashes are normalised unless the adapter says otherwise; the text of the page never changes. */
static void the_file_decides_about_quotes_and_dashes(void **state)
{
    (void)state;
    static const char page[] = "the \xE2\x80\x9C dog \xE2\x80\x94 [[1]] ran\r\n", plain[] = "the \" dog - [[1]] ran\n";
    const pal_infill_options o = wild(PAL_ASCENDING, 1);
    attached written = attach_to(base, &(adapter_spec){.rank = 4, .put = as_written});
    for (int k = 0; k < 2; k++) {
        model = k ? written.model : with.model;
        char text[MAX_TEXT];
        lent l = start(page, &o), other = start(plain, &o);
        const int32_t n = pal_session_progress(l.session).tokens;
        const bool same =
            n == pal_session_progress(other.session).tokens &&
            memcmp(l.session->layout.tokens, other.session->layout.tokens, (size_t)n * sizeof(int32_t)) == 0;
        assert_int_equal(same, k == 0);
        finish(&l);
        text_of(&l, text);
        assert_memory_equal(text, page, strlen("the \xE2\x80\x9C dog \xE2\x80\x94 "));
        assert_string_equal(text + strlen(text) - 6, " ran\r\n");
        end(&l);
        end(&other);
    }
    model = with.model;
    close_attachment(&written);
    attached wrong = attach_to(base, &(adapter_spec){.rank = 4, .put = not_a_flag});
    assert_false(pal_model_info(wrong.model)->can_infill);
    assert_non_null(strstr(pal_model_info(wrong.model)->why_not, "palimpsest.normalise is 1"));
    close_attachment(&wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blanks_end_where_the_end_is_drawn),
        cmocka_unit_test(steps_are_those_of_a_network_that_starts_again),
        cmocka_unit_test(the_model_names_its_end),
        cmocka_unit_test(a_pinned_word_lifts_the_end),
        cmocka_unit_test(a_pinned_end_ends_and_can_be_lifted),
        cmocka_unit_test(rewinds_give_the_same_text_again),
        cmocka_unit_test(the_file_decides_about_quotes_and_dashes),
        cmocka_unit_test(both_samplers_report_the_same_probabilities_in_one_blank),
    };
    return cmocka_run_group_tests(tests, open_all, close_both);
}
