/* test_session_scores.c - pages filled by networks that compute scores: which samplers and options they take, pins,
 * rewinds, several pages at once, and the errors.  The networks are random (tests/golden/arch). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_testing.h"

#include <math.h>

#define PAGE "the cat [[4]] the dog and [[3]] the sea."

static const pal_sampler of_scores[] = {PAL_EULER, PAL_TWEEDIE, PAL_EULER_CORRECTOR};
enum { SCORE_SAMPLERS = 3 };

static pal_model *open_golden(const char *name)
{
    char path[1024];
    pal_model *model;
    pal_error err = {0};
    snprintf(path, sizeof path, "%s/tests/golden/arch/%s.gguf", PAL_SOURCE_DIR, name);
    if (pal_model_open_file(&model, path, 0, &err)) fail_msg("%s: %s", path, err.text);
    return model;
}

static pal_infill_options options_of(pal_sampler sampler, int32_t steps)
{
    pal_infill_options o = pal_infill_defaults();
    o.sampler = sampler;
    o.steps = steps;
    o.seed = 11;
    return o;
}

/* A session in a block of its own; free(*block). */
static pal_session *start(const pal_model *m, const char *page, const pal_infill_options *o, void **block)
{
    pal_session *s;
    pal_error err = {0};
    size_t bytes;
    if (pal_session_bytes(m, page, strlen(page), o, &bytes, &err)) fail_msg("%s", err.text);
    *block = malloc(bytes);
    assert_non_null(*block);
    if (pal_session_init(&s, m, page, strlen(page), o, *block, bytes, &err)) fail_msg("%s", err.text);
    return s;
}

static int finish(pal_session *s)
{
    pal_status status;
    int steps = 0;
    pal_error err = {0};
    do {
        status = pal_step(s, &err);
        if (status < 0) fail_msg("%s", err.text);
        steps++;
    } while (status == PAL_MORE);
    return steps;
}

static void text_of(const pal_session *s, char out[512])
{
    const size_t size = pal_session_text(s, out, 511);
    assert_true(size < 512);
    out[size] = '\0';
}

static void fill(const pal_model *m, const char *page, const pal_infill_options *o, char out[512])
{
    void *block;
    pal_session *s = start(m, page, o, &block);
    finish(s);
    text_of(s, out);
    free(block);
}

static void expect_refused(const pal_model *m, const char *page, const pal_infill_options *o, const char *text)
{
    size_t bytes;
    pal_session *s;
    pal_error err = {0};
    pal_status status = pal_session_bytes(m, page, strlen(page), o, &bytes, &err);
    if (!status) {
        void *block = malloc(bytes);
        assert_non_null(block);
        status = pal_session_init(&s, m, page, strlen(page), o, block, bytes, &err);
        free(block);
    }
    if (!status) fail_msg("not refused: %s", text);
    if (!strstr(err.text, text)) fail_msg("\"%s\" is not in \"%s\"", text, err.text);
}

/* ---- which samplers --------------------------------------------------------------------------------- */

static void score_models_are_filled_by_their_samplers_and_repeat_a_seed(void **state)
{
    (void)state;
    for (int graph = 0; graph < 2; graph++) {
        pal_model *m = open_golden(graph ? "sedd-uniform" : "sedd");
        assert_true(pal_model_info(m)->can_infill);
        assert_int_equal(pal_default_sampler(m), graph ? PAL_TWEEDIE : PAL_FIRST_HITTING);
        for (int i = 0; i < SCORE_SAMPLERS; i++) {
            char one[512], again[512], other[512];
            pal_infill_options o = options_of(of_scores[i], 6);
            fill(m, PAGE, &o, one);
            fill(m, PAGE, &o, again);
            o.seed = 12;
            fill(m, PAGE, &o, other);
            assert_string_equal(one, again);
            assert_true(strcmp(one, other) != 0);
            assert_null(strstr(one, "[["));
            assert_non_null(strstr(one, "the cat "));
            assert_non_null(strstr(one, " the sea."));
        }
        pal_model_close(m);
    }
}

static void samplers_and_models_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    pal_model *absorb = open_golden("sedd"), *uniform = open_golden("sedd-uniform"), *masked = open_golden("mdlm");
    for (int i = 0; i < PAL_MASKED_SAMPLERS; i++) {
        const pal_infill_options o = options_of((pal_sampler)i, 0);
        expect_refused(uniform, PAGE, &o, "its samplers are tweedie, euler and euler-corrector");
        if (i != PAL_FIRST_HITTING)
            expect_refused(absorb, PAGE, &o, "its samplers are first-hitting, tweedie, euler and euler-corrector");
    }
    for (int i = 0; i < SCORE_SAMPLERS; i++) {
        const pal_infill_options o = options_of(of_scores[i], 0);
        expect_refused(masked, PAGE, &o, "for networks that compute scores");
    }
    pal_infill_options o = options_of(PAL_EULER, 0);
    o.corrections = 2;
    expect_refused(absorb, PAGE, &o, "does not use the option corrections");
    o = options_of(PAL_EULER_CORRECTOR, 0);
    o.corrections = 1001;
    expect_refused(absorb, PAGE, &o, "corrections must be between 1 and 1000");
    o = options_of(PAL_FIRST_HITTING, 0);
    o.released = true;
    expect_refused(absorb, PAGE, &o, "does not use the option released");
    o = options_of(PAL_TWEEDIE, 0);
    o.released = true;
    expect_refused(absorb, PAGE, &o, "needs temperature 1");
    o.temperature = 1.0;
    expect_refused(uniform, PAGE, &o, "whose noise is the mask");
    o = options_of(PAL_MARGIN, 0);
    o.corrections = 1;
    expect_refused(masked, PAGE, &o, "does not use the option corrections");
    o = options_of(PAL_TWEEDIE, 0);
    expect_refused(uniform, "the [[2-4]] sea", &o, "exact lengths");
    pal_model_close(absorb);
    pal_model_close(uniform);
    pal_model_close(masked);
}

static void mdlm_and_radd_are_filled_by_samplers_of_masked_tokens(void **state)
{
    (void)state;
    const char *const names[] = {"mdlm", "radd"};
    for (int i = 0; i < 2; i++) {
        pal_model *m = open_golden(names[i]);
        char text[512];
        for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++) {
            const pal_infill_options o = options_of((pal_sampler)sampler, 0);
            fill(m, PAGE, &o, text);
            assert_null(strstr(text, "[["));
        }
        pal_model_close(m);
    }
}

/* ---- steps ------------------------------------------------------------------------------------------ */

static void steps_are_the_time_steps_their_corrections_and_the_closing_one(void **state)
{
    (void)state;
    pal_model *m = open_golden("sedd-uniform");
    void *block;
    pal_infill_options o = options_of(PAL_EULER_CORRECTOR, 5);
    o.corrections = 3;
    pal_session *s = start(m, PAGE, &o, &block);
    assert_int_equal(pal_session_progress(s).steps, 5 * (1 + 3) + 1);
    assert_int_equal(finish(s), 5 * (1 + 3) + 1);
    assert_true(pal_session_progress(s).evaluations <= 5 * (1 + 3) + 1); /* none where nothing has changed */
    free(block);
    pal_model_close(m);
}

/* With uniform noise open places have tokens that are not final; the text shows them as blanks. */
static void uniform_noise_is_shown_as_tokens_that_are_not_final(void **state)
{
    (void)state;
    enum { PLACES = 7, STEPS = 6 };
    pal_model *m = open_golden("sedd-uniform");
    void *block;
    pal_place place[PLACES];
    int32_t noise[PLACES];
    char text[512];
    int changed = 0;
    const pal_infill_options o = options_of(PAL_EULER, STEPS);
    pal_session *s = start(m, PAGE, &o, &block);
    assert_int_equal(pal_session_tokens(s, place, PLACES), PLACES);
    for (int i = 0; i < PLACES; i++) noise[i] = place[i].id;
    for (int step = 1; step <= STEPS + 1; step++) {
        text_of(s, text);
        assert_string_equal(text, PAGE);
        for (int i = 0; i < PLACES; i++) assert_true(place[i].id >= 0 && place[i].id < 112 && place[i].step == -1);
        assert_int_equal(pal_step(s, NULL), step <= STEPS ? PAL_MORE : PAL_OK);
        pal_session_tokens(s, place, PLACES);
    }
    for (int i = 0; i < PLACES; i++) {
        assert_int_equal(place[i].step, STEPS + 1);
        changed += place[i].id != noise[i];
    }
    assert_true(changed > 0);
    free(block);
    pal_model_close(m);
}

/* ---- pins and rewinds ------------------------------------------------------------------------------- */

static void pinned_tokens_are_held_and_a_rewind_repeats_the_fill(void **state)
{
    (void)state;
    for (int graph = 0; graph < 2; graph++)
        for (int i = 0; i < SCORE_SAMPLERS; i++) {
            pal_model *m = open_golden(graph ? "sedd-uniform" : "sedd");
            void *block;
            char one[512], again[512];
            pal_place place[7];
            pal_error err = {0};
            const int32_t pinned = piece_id(m, "t");
            const pal_infill_options o = options_of(of_scores[i], 6);
            pal_session *s = start(m, PAGE, &o, &block);
            assert_int_equal(pal_session_pin(s, 1, 1, pinned, &err), PAL_OK);
            finish(s);
            text_of(s, one);
            pal_session_tokens(s, place, 7);
            assert_int_equal(place[5].id, pinned);
            if (graph || of_scores[i] == PAL_EULER_CORRECTOR) {
                assert_int_equal(pal_session_rewind(s, 3, &err), PAL_E_OPTION);
                assert_non_null(strstr(err.text, "only a rewind to step 0"));
            }
            assert_int_equal(pal_session_rewind(s, 0, &err), PAL_OK);
            assert_true(pal_session_progress(s).open == 6);
            finish(s);
            text_of(s, again);
            assert_string_equal(one, again);
            assert_int_equal(pal_session_pin(s, 0, 0, -1, &err), PAL_OK); /* nothing was pinned there */
            assert_int_equal(pal_session_pin(s, 1, 1, -1, &err), PAL_OK);
            assert_int_equal(pal_session_progress(s).open, 1);
            finish(s);
            assert_int_equal(pal_session_progress(s).open, 0);
            free(block);
            pal_model_close(m);
        }
}

/* ---- several pages at once -------------------------------------------------------------------------- */

/* Pages at different noise levels, in one evaluation, are filled as if each were alone. */
static void pages_together_have_the_bits_of_pages_alone(void **state)
{
    (void)state;
    enum { PAGES = 5 };
    static const char *const pages[PAGES] = {PAGE, "one day [[3]]", "the [[2]] sun was [[2]] hot", PAGE, "[[5]] home"};
    const int32_t steps[PAGES] = {5, 5, 7, 4, 5};
    for (int graph = 0; graph < 2; graph++)
        for (int sampler = 0; sampler < 4; sampler++) {
            pal_model *m = open_golden(graph ? "sedd-uniform" : "sedd");
            pal_session *s[PAGES];
            void *blocks[PAGES];
            size_t bytes;
            bool more = true;
            if (graph && sampler == 3) {
                pal_model_close(m);
                continue;
            }
            for (int i = 0; i < PAGES; i++) {
                pal_infill_options o =
                    options_of(sampler == 3 ? PAL_FIRST_HITTING : of_scores[sampler], sampler == 3 ? 0 : steps[i]);
                o.seed = (uint64_t)i;
                s[i] = start(m, pages[i], &o, &blocks[i]);
            }
            assert_int_equal(pal_together_bytes(m, 200, &bytes, NULL), PAL_OK);
            void *together = malloc(bytes);
            assert_non_null(together);
            while (more) {
                more = false;
                assert_int_equal(pal_evaluate_together(m, s, PAGES, together, bytes, NULL), PAL_OK);
                for (int i = 0; i < PAGES; i++)
                    if (pal_session_progress(s[i]).open) more |= pal_step(s[i], NULL) == PAL_MORE;
            }
            for (int i = 0; i < PAGES; i++) {
                char together_text[512], alone[512];
                pal_infill_options o =
                    options_of(sampler == 3 ? PAL_FIRST_HITTING : of_scores[sampler], sampler == 3 ? 0 : steps[i]);
                o.seed = (uint64_t)i;
                while (pal_step(s[i], NULL) == PAL_MORE) continue;
                text_of(s[i], together_text);
                fill(m, pages[i], &o, alone);
                assert_string_equal(together_text, alone);
                free(blocks[i]);
            }
            free(together);
            pal_model_close(m);
        }
}

/* ---- the released draw ------------------------------------------------------------------------------ */

static void the_released_draw_fills_pages_and_is_another_draw(void **state)
{
    (void)state;
    pal_model *m = open_golden("sedd");
    for (int i = 0; i < 2; i++) {
        char released[512], again[512], plain[512];
        pal_infill_options o = options_of(of_scores[i], 6);
        o.temperature = 1.0;
        fill(m, PAGE, &o, plain);
        o.released = true;
        fill(m, PAGE, &o, released);
        fill(m, PAGE, &o, again);
        assert_string_equal(released, again);
        assert_true(strcmp(released, plain) != 0);
        assert_null(strstr(released, "[["));
    }
    pal_model_close(m);
}

/* ---- scores of texts -------------------------------------------------------------------------------- */

static void texts_are_scored_by_the_bound_of_score_entropy_only(void **state)
{
    (void)state;
    static const char text[] = "the cat and the dog went to the sea";
    for (int graph = 0; graph < 2; graph++) {
        pal_model *m = open_golden(graph ? "sedd-uniform" : "sedd");
        pal_error err = {0};
        pal_score_result r;
        pal_score_options o = {.method = PAL_SCORE_DEFAULT, .seed = 3, .standard_error = 1e6};
        assert_true(pal_model_info(m)->can_score);
        assert_int_equal(pal_score(m, text, strlen(text), &o, &r, &err), PAL_OK);
        assert_true(r.bound && r.estimated && r.method == PAL_SCORE_BOUND && isfinite(r.bits_per_byte));
        assert_true(r.bits_per_byte > 0.0 && r.standard_error > 0.0 && r.left_out == 0 && r.tokens > 10);
        o.method = PAL_SCORE_MARGIN;
        assert_int_equal(pal_score(m, text, strlen(text), &o, &r, &err), PAL_E_OPTION);
        assert_non_null(strstr(err.text, "only be scored with method bound"));
        pal_model_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(score_models_are_filled_by_their_samplers_and_repeat_a_seed),
        cmocka_unit_test(samplers_and_models_that_do_not_go_together_are_refused),
        cmocka_unit_test(mdlm_and_radd_are_filled_by_samplers_of_masked_tokens),
        cmocka_unit_test(steps_are_the_time_steps_their_corrections_and_the_closing_one),
        cmocka_unit_test(uniform_noise_is_shown_as_tokens_that_are_not_final),
        cmocka_unit_test(pinned_tokens_are_held_and_a_rewind_repeats_the_fill),
        cmocka_unit_test(pages_together_have_the_bits_of_pages_alone),
        cmocka_unit_test(texts_are_scored_by_the_bound_of_score_entropy_only),
        cmocka_unit_test(the_released_draw_fills_pages_and_is_another_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
