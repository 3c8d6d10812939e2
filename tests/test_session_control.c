/* test_session_control.c - what callers can set in a session: seeds, lengths, pins, rewinds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "session_testing.h"

/* ---- seeds and drafts ------------------------------------------------------------------------------ */

static void infill_same_seed_repeats_other_seeds_differ(void **state)
{
    (void)state;
    char first[MAX_TEXT], again[MAX_TEXT], other[MAX_TEXT], draft[MAX_TEXT];
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        pal_infill_options o = options_of((pal_sampler)sampler, 7);
        fill(STORY, &o, first);
        fill(STORY, &o, again);
        assert_string_equal(first, again);
        o.draft = 1;
        fill(STORY, &o, draft);
        assert_true(strcmp(first, draft) != 0);
        o.draft = 0;
        o.seed = 8;
        fill(STORY, &o, other);
        assert_true(strcmp(first, other) != 0);
        o.seed = 7 + ((uint64_t)1 << 32); /* all 64 bits of the seed count */
        fill(STORY, &o, other);
        assert_true(strcmp(first, other) != 0);
    }
}

static void infill_draft_does_not_depend_on_earlier_drafts(void **state)
{
    (void)state;
    char alone[MAX_TEXT], fourth[MAX_TEXT];
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        pal_infill_options o = options_of((pal_sampler)sampler, 3);
        lent l = start(STORY, &o);
        for (uint32_t draft = 0; draft < 4; draft++) {
            pal_session_reseed(l.session, 3, draft);
            assert_int_equal(pal_session_rewind(l.session, 0, NULL), PAL_OK);
            finish(&l);
        }
        text_of(&l, fourth);
        end(&l);
        o.draft = 3;
        fill(STORY, &o, alone);
        assert_string_equal(alone, fourth);
    }
}

static void infill_greedy_ignores_the_seed(void **state)
{
    (void)state;
    char first[MAX_TEXT], second[MAX_TEXT];
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    o.temperature = 0.0;
    fill(STORY, &o, first);
    o.seed = 2;
    fill(STORY, &o, second);
    assert_string_equal(first, second);
}

static void infill_every_instruction_set_gives_the_same(void **state)
{
    (void)state;
    char best[MAX_TEXT], scalar[MAX_TEXT];
    const char *isa = pal_model_info(model)->isa;
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        pal_infill_options o = options_of((pal_sampler)sampler, 11);
        fill(STORY, &o, best);
        assert_int_equal(pal_model_use_isa(model, "scalar", NULL), PAL_OK);
        fill(STORY, &o, scalar);
        assert_int_equal(pal_model_use_isa(model, isa, NULL), PAL_OK);
        assert_string_equal(best, scalar);
    }
}

/* ---- lengths and byte pieces ----------------------------------------------------------------------- */

static int length_of(const char *page, const pal_infill_options *o)
{
    pal_place places[MAX_PLACES];
    int length = 0;
    lent l = start(page, o);
    finish(&l);
    size_t count = pal_session_tokens(l.session, places, MAX_PLACES);
    for (size_t i = 0; i < count; i++) length += !places[i].empty;
    end(&l);
    return length;
}

static void free_lengths_vary_within_their_bounds(void **state)
{
    (void)state;
    bool seen[MAX_PLACES + 1] = {false};
    int different = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        pal_infill_options o = options_of(PAL_FIRST_HITTING, seed);
        int length = length_of("the [[2-9]] dog", &o);
        assert_true(length >= 2 && length <= 9);
        different += !seen[length];
        seen[length] = true;
        o.free_min = 3;
        o.free_max = 5;
        length = length_of("the [[?]] dog", &o);
        assert_true(length >= 3 && length <= 5);
        assert_int_equal(length_of("the [[4]] dog", &o), 4);
    }
    assert_true(different >= 4);
}

static bool is_utf8(const char *text, size_t bytes)
{
    for (size_t at = 0, size; at < bytes; at += size)
        if (!(size = pal_utf8_char(text + at, bytes - at))) return false;
    return true;
}

static void byte_pieces_make_whole_characters(void **state)
{
    (void)state;
    static char text[MAX_TEXT];
    pal_place places[MAX_PLACES];
    int byte_pieces = 0;
    for (uint32_t run = 0; run < 140; run++) {
        pal_infill_options o = options_of((pal_sampler)(run % PAL_MASKED_SAMPLERS), run);
        o.byte_pieces = true;
        o.temperature = 20.0;
        lent l = start("a [[1-4]] b[[6]]c \xc3\xa9[[2-9]][[3]]", &o);
        finish(&l);
        size_t bytes = text_of(&l, text), count = pal_session_tokens(l.session, places, MAX_PLACES);
        assert_true(is_utf8(text, bytes));
        for (size_t i = 0; i < count; i++) byte_pieces += pal_vocab_type(model->vocab, places[i].id) == PAL_PIECE_BYTE;
        end(&l);
    }
    assert_true(byte_pieces > 100);
}

/* ---- pins and rewinds ------------------------------------------------------------------------------ */

static int32_t id_at(const lent *l, size_t place)
{
    pal_place places[MAX_PLACES];
    assert_true(pal_session_tokens(l->session, places, MAX_PLACES) > place);
    return places[place].id;
}

static void pin_is_kept_through_rewinds_and_given_back(void **state)
{
    (void)state;
    int32_t dog = piece_id(model, "\xe2\x96\x81"
                                  "dog");
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        pal_infill_options o = options_of((pal_sampler)sampler, 5);
        const pal_pin pin = {.blank = 1, .index = 2, .id = dog};
        o.pins = &pin;
        o.pin_count = 1;
        lent l = start("the [[2]] and [[5]].", &o);
        assert_int_equal(pal_session_progress(l.session).open, 6);
        for (uint32_t draft = 0; draft < 3; draft++) {
            finish(&l);
            assert_int_equal(id_at(&l, 4), dog);
            pal_session_reseed(l.session, 5, draft + 1);
            assert_int_equal(pal_session_rewind(l.session, 0, NULL), PAL_OK);
        }
        finish(&l);
        assert_int_equal(pal_session_pin(l.session, 1, 2, -1, NULL), PAL_OK);
        assert_int_equal(pal_session_progress(l.session).open, 1);
        assert_int_equal(id_at(&l, 4), -1);
        finish(&l); /* remasking must finish again too */
        assert_true(id_at(&l, 4) >= 0);
        end(&l);
    }
}

static void pin_that_breaks_a_rule_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    char before[MAX_TEXT], after[MAX_TEXT];
    pal_error err = {0};
    int32_t the = piece_id(model, "\xe2\x96\x81the"), s = piece_id(model, "s"), empty = model->classes.empty;
    const pal_pin wrong[] = {
        {0, 0, s},
        {1, 0, the},
        {0, 0, 0},
        {0, 0, 1},
        {0, 0, model->classes.mask},
        {0, 4, the},
        {-1, 0, the},
        {3, 0, the},
        {0, -1, the},
        {0, 0, 1 << 20},
        {0, 1, empty},
        {2, 0, empty},
        {2, 1, empty},
        {0, 1, piece_id(model, "<0x41>")},
        {0, 1, piece_id(model, "<unused>")},
    };
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    lent l = start("[[4]] dog[[3]] x [[2-5]]", &o);
    assert_int_equal(pal_session_pin(l.session, 2, 3, the, NULL), PAL_OK);
    text_of(&l, before);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (pal_session_pin(l.session, wrong[i].blank, wrong[i].index, wrong[i].id, &err) != PAL_E_OPTION)
            fail_msg("pin %u is not refused", (unsigned)i);
        text_of(&l, after);
        assert_string_equal(before, after);
    }
    assert_int_equal(pal_session_pin(l.session, 2, 2, empty, &err), PAL_E_OPTION); /* before a pinned word */
    end(&l);
    o.pins = wrong;
    o.pin_count = 1;
    assert_int_equal(try_start(&l, model, "[[4]]", 5, &o, &err), PAL_E_OPTION);
}

static void pin_empty_ends_its_blank(void **state)
{
    (void)state;
    pal_place places[MAX_PLACES];
    pal_infill_options o = options_of(PAL_FIRST_HITTING, 2);
    lent l = start("the [[2-6]] dog", &o);
    assert_int_equal(pal_session_pin(l.session, 0, 3, model->classes.empty, NULL), PAL_OK);
    finish(&l);
    assert_int_equal(pal_session_tokens(l.session, places, MAX_PLACES), 6);
    for (int i = 3; i < 6; i++) assert_true(places[i].empty && places[i].step == 0);
    assert_int_equal(pal_session_pin(l.session, 0, 5, places[0].id, NULL), PAL_E_OPTION);
    assert_int_equal(pal_session_pin(l.session, 0, 3, -1, NULL), PAL_OK);
    assert_int_equal(pal_session_progress(l.session).open, 3);
    /* A word pinned behind drawn <empty>s opens those before it. */
    finish(&l);
    assert_int_equal(pal_session_pin(l.session, 0, 5, piece_id(model, "s"), NULL), PAL_OK);
    finish(&l);
    pal_session_tokens(l.session, places, MAX_PLACES);
    for (int i = 0; i < 6; i++) assert_false(places[i].empty);
    end(&l);
}

static void pin_of_bytes_must_leave_whole_characters(void **state)
{
    (void)state;
    char text[MAX_TEXT];
    int32_t lead = piece_id(model, "<0xC3>"), tail = piece_id(model, "<0xA9>"), a = piece_id(model, "a");
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    o.byte_pieces = true;
    lent l = start("x[[2]].", &o);
    assert_int_equal(pal_session_pin(l.session, 0, 0, tail, NULL), PAL_E_OPTION);
    assert_int_equal(pal_session_pin(l.session, 0, 1, lead, NULL), PAL_E_OPTION);
    assert_int_equal(pal_session_pin(l.session, 0, 0, lead, NULL), PAL_OK);
    assert_int_equal(pal_session_pin(l.session, 0, 1, a, NULL), PAL_E_OPTION);
    assert_int_equal(pal_session_pin(l.session, 0, 1, tail, NULL), PAL_OK);
    text_of(&l, text);
    assert_string_equal(text, "x\xc3\xa9.");
    end(&l);
}

/* Regression: the set of bytes allowed after a drawn <empty> was read before it was computed, and a word there was
 * refused. */
static void pin_behind_a_drawn_empty_knows_which_bytes_fit(void **state)
{
    (void)state;
    int32_t tail = piece_id(model, "<0xA9>"), lead = piece_id(model, "<0xC3>"), a = piece_id(model, "a");
    int found = 0;
    for (uint64_t seed = 0; seed < 2000 && found < 3; seed++) {
        enum { LAST = 7 };
        int32_t empty = 0;
        pal_place places[MAX_PLACES];
        pal_infill_options o = options_of(PAL_MARGIN, seed);
        o.byte_pieces = true;
        lent l = start("x[[1-8]].", &o);
        finish(&l);
        pal_session_tokens(l.session, places, MAX_PLACES);
        for (int i = 0; i < LAST; i++) empty += places[i].empty;
        if (empty > 0) {
            found++;
            assert_int_equal(pal_session_pin(l.session, 0, LAST, lead, NULL), PAL_E_OPTION);
            assert_int_equal(pal_session_pin(l.session, 0, LAST, tail, NULL), PAL_OK); /* after a lead byte */
            assert_int_equal(pal_session_pin(l.session, 0, LAST, a, NULL), PAL_OK);
            assert_int_equal(pal_session_progress(l.session).open, empty);
        }
        end(&l);
    }
    assert_int_equal(found, 3);
}

static void rewind_and_step_gives_the_same_text(void **state)
{
    (void)state;
    char full[MAX_TEXT], again[MAX_TEXT], halfway[MAX_TEXT], back[MAX_TEXT];
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        pal_infill_options o = options_of((pal_sampler)sampler, 21);
        lent l = start(STORY, &o);
        int32_t step = 0;
        for (int i = 0; i < 3 && sampler != PAL_REMASK; i++) pal_step(l.session, NULL);
        step = pal_session_progress(l.session).step;
        text_of(&l, halfway);
        finish(&l);
        text_of(&l, full);
        assert_int_equal(pal_session_rewind(l.session, step, NULL), PAL_OK);
        text_of(&l, back);
        assert_string_equal(back, halfway);
        finish(&l);
        text_of(&l, again);
        assert_string_equal(full, again);
        if (sampler == PAL_REMASK) assert_int_equal(pal_session_rewind(l.session, 3, NULL), PAL_E_OPTION);
        assert_int_equal(pal_session_rewind(l.session, -1, NULL), PAL_E_OPTION);
        end(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(infill_same_seed_repeats_other_seeds_differ),
        cmocka_unit_test(infill_draft_does_not_depend_on_earlier_drafts),
        cmocka_unit_test(infill_greedy_ignores_the_seed),
        cmocka_unit_test(infill_every_instruction_set_gives_the_same),
        cmocka_unit_test(free_lengths_vary_within_their_bounds),
        cmocka_unit_test(byte_pieces_make_whole_characters),
        cmocka_unit_test(pin_is_kept_through_rewinds_and_given_back),
        cmocka_unit_test(pin_that_breaks_a_rule_is_refused_and_changes_nothing),
        cmocka_unit_test(pin_empty_ends_its_blank),
        cmocka_unit_test(pin_of_bytes_must_leave_whole_characters),
        cmocka_unit_test(pin_behind_a_drawn_empty_knows_which_bytes_fit),
        cmocka_unit_test(rewind_and_step_gives_the_same_text),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
