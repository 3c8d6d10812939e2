/* test_session_control.c - what the caller decides about a session: seeds, lengths, pins, rewinds, memory, windows,
 * options, models. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "session_testing.h"

/* ---- seeds and drafts ------------------------------------------------------------------------------ */

#define STORY "Once upon a time the [[4]] was [[?]] and [[3-6]]."

static void infill_same_seed_repeats_other_seeds_differ(void **state)
{
    (void)state;
    char first[MOST_TEXT], again[MOST_TEXT], other[MOST_TEXT], draft[MOST_TEXT];
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
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
    char alone[MOST_TEXT], fourth[MOST_TEXT];
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
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
    char first[MOST_TEXT], second[MOST_TEXT];
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
    char best[MOST_TEXT], scalar[MOST_TEXT];
    const char *isa = pal_model_info(model)->isa;
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
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
    pal_place places[MOST_PLACES];
    int length = 0;
    lent l = start(page, o);
    finish(&l);
    size_t count = pal_session_tokens(l.session, places, MOST_PLACES);
    for (size_t i = 0; i < count; i++) length += !places[i].empty;
    end(&l);
    return length;
}

static void free_lengths_vary_within_their_bounds(void **state)
{
    (void)state;
    bool seen[MOST_PLACES + 1] = {false};
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
    static char text[MOST_TEXT];
    pal_place places[MOST_PLACES];
    int byte_pieces = 0;
    for (uint32_t run = 0; run < 140; run++) {
        pal_infill_options o = options_of((pal_sampler)(run % PAL_SAMPLERS), run);
        o.byte_pieces = true;
        o.temperature = 20.0;
        lent l = start("a [[1-4]] b[[6]]c \xc3\xa9[[2-9]][[3]]", &o);
        finish(&l);
        size_t bytes = text_of(&l, text), count = pal_session_tokens(l.session, places, MOST_PLACES);
        assert_true(is_utf8(text, bytes));
        for (size_t i = 0; i < count; i++) byte_pieces += pal_vocab_type(model->vocab, places[i].id) == PAL_PIECE_BYTE;
        end(&l);
    }
    assert_true(byte_pieces > 100);
}

/* ---- pins and rewinds ------------------------------------------------------------------------------ */

static int32_t id_at(const lent *l, size_t place)
{
    pal_place places[MOST_PLACES];
    assert_true(pal_session_tokens(l->session, places, MOST_PLACES) > place);
    return places[place].id;
}

static void pin_is_kept_through_rewinds_and_given_back(void **state)
{
    (void)state;
    int32_t dog = piece_id(model, "\xe2\x96\x81"
                                  "dog");
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
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
        finish(&l); /* remasking, too, must come to its end again */
        assert_true(id_at(&l, 4) >= 0);
        end(&l);
    }
}

static void pin_that_breaks_a_rule_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    char before[MOST_TEXT], after[MOST_TEXT];
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
    pal_place places[MOST_PLACES];
    pal_infill_options o = options_of(PAL_FIRST_HITTING, 2);
    lent l = start("the [[2-6]] dog", &o);
    assert_int_equal(pal_session_pin(l.session, 0, 3, model->classes.empty, NULL), PAL_OK);
    finish(&l);
    assert_int_equal(pal_session_tokens(l.session, places, MOST_PLACES), 6);
    for (int i = 3; i < 6; i++) assert_true(places[i].empty && places[i].step == 0);
    assert_int_equal(pal_session_pin(l.session, 0, 5, places[0].id, NULL), PAL_E_OPTION);
    assert_int_equal(pal_session_pin(l.session, 0, 3, -1, NULL), PAL_OK);
    assert_int_equal(pal_session_progress(l.session).open, 3);
    /* A word pinned behind drawn <empty>s opens those before it. */
    finish(&l);
    assert_int_equal(pal_session_pin(l.session, 0, 5, piece_id(model, "s"), NULL), PAL_OK);
    finish(&l);
    pal_session_tokens(l.session, places, MOST_PLACES);
    for (int i = 0; i < 6; i++) assert_false(places[i].empty);
    end(&l);
}

static void pin_of_bytes_must_leave_whole_characters(void **state)
{
    (void)state;
    char text[MOST_TEXT];
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

static void rewind_and_step_gives_the_same_text(void **state)
{
    (void)state;
    char full[MOST_TEXT], again[MOST_TEXT], halfway[MOST_TEXT], back[MOST_TEXT];
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
        pal_infill_options o = options_of((pal_sampler)sampler, 21);
        lent l = start(STORY, &o);
        int32_t step = 0;
        for (int i = 0; i < 3 && sampler != PAL_REMASK; i++) pal_step(l.session);
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

/* ---- places and progress --------------------------------------------------------------------------- */

static void check_alternatives(const pal_place *p, bool greedy, int32_t empty_id)
{
    for (int32_t i = 0; i < p->alternatives; i++) {
        assert_true(p->alternative_probability[i] > 0.0f && p->alternative_probability[i] <= 1.0f);
        if (i) assert_true(p->alternative_probability[i - 1] >= p->alternative_probability[i]);
        if (p->alternative_id[i] == p->id) assert_true(p->alternative_probability[i] == p->probability);
        for (int32_t k = 0; k < i; k++) assert_true(p->alternative_id[k] != p->alternative_id[i]);
    }
    /* Where a blank ends is decided by itself (likelier than not, or the median of the lengths); words are greedy. */
    if (greedy && p->alternatives && p->id != empty_id)
        assert_int_equal(p->alternative_id[p->alternative_id[0] == empty_id], p->id);
    if (!greedy && p->alternatives == PAL_ALTERNATIVES) assert_true(p->probability <= p->alternative_probability[0]);
}

static void places_carry_probability_step_and_alternatives(void **state)
{
    (void)state;
    pal_place places[MOST_PLACES];
    for (int run = 0; run < 2 * PAL_SAMPLERS; run++) {
        bool greedy = run >= PAL_SAMPLERS;
        pal_infill_options o = options_of((pal_sampler)(run % PAL_SAMPLERS), 4);
        if (greedy) o.temperature = 0.0;
        lent l = start(STORY, &o);
        finish(&l);
        pal_progress progress = pal_session_progress(l.session);
        size_t count = pal_session_tokens(l.session, places, MOST_PLACES);
        assert_int_equal(count, 26);
        assert_int_equal(pal_session_tokens(l.session, NULL, 0), 26);
        assert_int_equal(pal_session_blanks(l.session), 3);
        assert_int_equal(progress.places, 26);
        assert_true(progress.evaluations >= 1 && progress.evaluations <= 70);
        assert_true(progress.shown == progress.tokens && !progress.windowed);
        assert_true((progress.steps > 0) == (o.sampler == PAL_ANCESTRAL || o.sampler == PAL_REMASK));
        for (size_t i = 0; i < count; i++) {
            assert_true(places[i].step >= 1 && places[i].step <= progress.step);
            assert_true(places[i].probability > 0.0f && places[i].probability <= 1.0f);
            check_alternatives(&places[i], greedy, model->classes.empty);
        }
        end(&l);
    }
}

/* ---- memory, windows, errors ----------------------------------------------------------------------- */

static void session_block_one_byte_short_is_refused(void **state)
{
    (void)state;
    size_t bytes;
    pal_session *session = NULL;
    pal_error err = {0};
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    assert_int_equal(pal_session_bytes(model, STORY, strlen(STORY), &o, &bytes, &err), PAL_OK);
    unsigned char *block = malloc(bytes + 8);
    assert_non_null(block);
    memset(block, 0x5a, bytes);
    assert_int_equal(pal_session_init(&session, model, STORY, strlen(STORY), &o, block, bytes - 1, &err), PAL_E_MEMORY);
    assert_null(session);
    for (size_t i = 0; i < bytes; i++) assert_int_equal(block[i], 0x5a);
    for (size_t shift = 0; shift < 8; shift++) /* any alignment will do */
        assert_int_equal(pal_session_init(&session, model, STORY, strlen(STORY), &o, block + shift, bytes, &err),
                         PAL_OK);
    free(block);
}

/* Both calls must refuse, or the second alone, and with this byte. */
static void expect_refusal(const pal_model *m, const char *page, const pal_infill_options *o, pal_status status,
                           size_t offset)
{
    lent l;
    pal_error err = {0};
    if (try_start(&l, m, page, strlen(page), o, &err) != status) fail_msg("%s: another status", page);
    assert_non_null(err.text);
    if (err.offset != offset) fail_msg("%s: %s at %u", page, err.text, (unsigned)err.offset);
}

static void page_longer_than_the_context_needs_a_window(void **state)
{
    (void)state;
    char page[600], text[MOST_TEXT];
    memset(page, 'z', 200); /* letters: one token each, and one for the space */
    strcpy(page + 200, "[[5]]");
    memset(page + 205, 'z', 200);
    page[405] = '\0';
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    expect_refusal(model, page, &o, PAL_E_CONTEXT, 95); /* the dummy space is the first token */
    o.window = true;
    lent l = start(page, &o);
    pal_progress p = pal_session_progress(l.session);
    assert_int_equal(p.shown, 96);
    assert_int_equal(p.tokens, 406);
    assert_true(p.windowed);
    finish(&l);
    size_t bytes = text_of(&l, text);
    assert_memory_equal(text, page, 200);
    assert_memory_equal(text + bytes - 200, page + 205, 200);
    end(&l);
    strcpy(page + 405, "[[5]]"); /* no window holds both blanks */
    expect_refusal(model, page, &o, PAL_E_CONTEXT, 405);
    expect_refusal(model, "[[50]] [[40]] a [[7]]", &o, PAL_E_CONTEXT, 16);
}

static void window_at_the_end_of_a_page_shows_its_end(void **state)
{
    (void)state;
    char page[400];
    memset(page, 'z', 300);
    strcpy(page + 300, "[[5]]z");
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    o.window = true;
    lent l = start(page, &o);
    finish(&l);
    end(&l);
    memmove(page + 5, page, 300);
    memcpy(page, "[[5]]", 5);
    page[305] = '\0';
    l = start(page, &o);
    finish(&l);
    end(&l);
}

static void page_mistakes_are_told_by_both_calls(void **state)
{
    (void)state;
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    expect_refusal(model, "ab [[", &o, PAL_E_TEXT, 3);
    expect_refusal(model, "ab [[97]]", &o, PAL_E_TEXT, 3);
    expect_refusal(model, "ab [[]]", &o, PAL_E_TEXT, 3);
}

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    for (int which = 0; which < 18; which++) {
        pal_infill_options o = options_of(PAL_MARGIN, 1);
        const double not_a_number = strtod("nan", NULL);
        switch (which) {
        case 0: o.sampler = PAL_SAMPLERS; break;
        case 1: o.temperature = -0.1; break;
        case 2: o.temperature = not_a_number; break;
        case 3: o.temperature = 1e9; break;
        case 4: o.top_k = -1; break;
        case 5: o.top_p = 0.0; break;
        case 6: o.top_p = 1.5; break;
        case 7: o.min_p = -0.1; break;
        case 8: o.min_p = not_a_number; break;
        case 9: o.repetition_penalty = 0.0; break;
        case 10: o.steps = 5; break; /* margin has no time steps */
        case 11: o.threshold = 0.5; break;
        case 12: o.entropy_bound = 0.5; break;
        case 13: o.remask = 0.1; break;
        case 14: o.free_min = 0; break;
        case 15: o.free_min = 9, o.free_max = 8; break;
        case 16: o.sampler = PAL_ANCESTRAL, o.steps = -1; break;
        default: o.sampler = PAL_REMASK, o.remask = 1.5; break;
        }
        expect_refusal(model, "[[3]]", &o, PAL_E_OPTION, SIZE_MAX);
    }
}

static void models_of_the_wrong_kind_are_refused(void **state)
{
    (void)state;
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    const struct {
        const char *name;
        pal_status status;
    } kinds[] = {{"tiny-ar", PAL_E_UNSUPPORTED},
                 {"tales-vocab", PAL_E_UNSUPPORTED},
                 {"grouped", PAL_E_UNSUPPORTED},
                 {"tiny-nomask", PAL_E_OPTION}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        pal_model *other = open_test_model(kinds[i].name);
        assert_false(pal_model_info(other)->can_infill);
        expect_refusal(other, "a [[3]]", &o, kinds[i].status, SIZE_MAX);
        pal_model_close(other);
    }
}

static void model_without_empty_takes_exact_lengths_only(void **state)
{
    (void)state;
    pal_model *odd = open_test_model("tiny-odd"), *kept = model;
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    char text[MOST_TEXT];
    assert_true(pal_model_info(odd)->can_infill);
    assert_false(pal_model_info(odd)->free_length);
    expect_refusal(odd, "a [[3]] b [[2-5]]", &o, PAL_E_UNSUPPORTED, 10);
    expect_refusal(odd, "a [[?]]", &o, PAL_E_UNSUPPORTED, 2);
    /* Nor has it byte pieces to write other characters with. */
    o.byte_pieces = true;
    expect_refusal(odd, "a [[3]]", &o, PAL_E_OPTION, SIZE_MAX);
    o.byte_pieces = false;
    model = odd;
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
        o = options_of((pal_sampler)sampler, 5);
        fill("caf\xc3\xa9 [[3]] \xff [[4-4]].", &o, text);
        assert_memory_equal(text, "caf\xc3\xa9 ", 6);
    }
    model = kept;
    pal_model_close(odd);
}

static void sampler_names_are_found_again(void **state)
{
    (void)state;
    pal_sampler found;
    for (int i = 0; i < PAL_SAMPLERS; i++) {
        assert_true(pal_sampler_find(pal_sampler_name((pal_sampler)i), &found));
        assert_int_equal(found, i);
    }
    assert_null(pal_sampler_name(PAL_SAMPLERS));
    assert_false(pal_sampler_find("Margin", &found));
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
        cmocka_unit_test(rewind_and_step_gives_the_same_text),
        cmocka_unit_test(places_carry_probability_step_and_alternatives),
        cmocka_unit_test(session_block_one_byte_short_is_refused),
        cmocka_unit_test(page_longer_than_the_context_needs_a_window),
        cmocka_unit_test(window_at_the_end_of_a_page_shows_its_end),
        cmocka_unit_test(page_mistakes_are_told_by_both_calls),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(models_of_the_wrong_kind_are_refused),
        cmocka_unit_test(model_without_empty_takes_exact_lengths_only),
        cmocka_unit_test(sampler_names_are_found_again),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
