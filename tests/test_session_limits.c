/* test_session_limits.c - places and progress of a session, memory, windows, errors. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "session_testing.h"

/* ---- places and progress --------------------------------------------------------------------------- */

static void check_alternatives(const pal_place *p, bool greedy, int32_t empty_id)
{
    for (int32_t i = 0; i < p->alternatives; i++) {
        assert_true(p->alternative_probability[i] > 0.0f && p->alternative_probability[i] <= 1.0f);
        if (i) assert_true(p->alternative_probability[i - 1] >= p->alternative_probability[i]);
        if (p->alternative_id[i] == p->id) assert_true(p->alternative_probability[i] == p->probability);
        for (int32_t k = 0; k < i; k++) assert_true(p->alternative_id[k] != p->alternative_id[i]);
    }
    /* The end of a blank is decided separately (probability above one half, or the median length); words are greedy. */
    if (greedy && p->alternatives && p->id != empty_id)
        assert_int_equal(p->alternative_id[p->alternative_id[0] == empty_id], p->id);
    if (!greedy && p->alternatives == PAL_ALTERNATIVES) assert_true(p->probability <= p->alternative_probability[0]);
}

static void places_carry_probability_step_and_alternatives(void **state)
{
    (void)state;
    pal_place places[MAX_PLACES];
    for (int run = 0; run < 2 * PAL_MASKED_SAMPLERS; run++) {
        bool greedy = run >= PAL_MASKED_SAMPLERS;
        pal_infill_options o = options_of((pal_sampler)(run % PAL_MASKED_SAMPLERS), 4);
        if (greedy) o.temperature = 0.0;
        lent l = start(STORY, &o);
        finish(&l);
        pal_progress progress = pal_session_progress(l.session);
        size_t count = pal_session_tokens(l.session, places, MAX_PLACES);
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

/* Both calls must fail, or only the second one, at this byte. */
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
    char page[600], text[MAX_TEXT];
    memset(page, 'z', 200); /* letters: one token each, and one for the space */
    strcpy(page + 200, "[[5]]");
    memset(page + 205, 'z', 200);
    page[405] = '\0';
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    o.window = false;
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
    o.window = false;
    expect_refusal(model, "[[50]] [[40]] a [[7]]", &o, PAL_E_CONTEXT, 16);
}

static void window_at_the_end_of_a_page_shows_its_end(void **state)
{
    (void)state;
    char page[400];
    memset(page, 'z', 300);
    strcpy(page + 300, "[[5]]z");
    pal_infill_options o = options_of(PAL_MARGIN, 1);
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
    for (int which = 0; which < 22; which++) {
        pal_infill_options o = options_of(PAL_MARGIN, 1);
        const double not_a_number = strtod("nan", NULL);
        switch (which) {
        case 0: o.sampler = PAL_MASKED_SAMPLERS; break;
        case 1: o.temperature = -0.1; break;
        case 2: o.temperature = not_a_number; break;
        case 3: o.temperature = 1e9; break;
        case 4: o.top_k = -1; break;
        case 5: o.top_p = -0.1; break; /* 0 is the likeliest token */
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
        case 17: o.distance = 4; break;
        case 18: o.sampler = PAL_PARALLEL, o.distance = 4, o.threshold = 0.5; break;
        case 19: o.sampler = PAL_PARALLEL, o.distance = 4, o.entropy_bound = 0.5; break;
        case 20: o.sampler = PAL_PARALLEL, o.distance = -1; break;
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
    char text[MAX_TEXT];
    assert_true(pal_model_info(odd)->can_infill);
    assert_false(pal_model_info(odd)->free_length);
    expect_refusal(odd, "a [[3]] b [[2-5]]", &o, PAL_E_UNSUPPORTED, 10);
    expect_refusal(odd, "a [[?]]", &o, PAL_E_UNSUPPORTED, 2);
    /* It also has no byte pieces for other characters. */
    o.byte_pieces = true;
    expect_refusal(odd, "a [[3]]", &o, PAL_E_OPTION, SIZE_MAX);
    o.byte_pieces = false;
    model = odd;
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++) {
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
