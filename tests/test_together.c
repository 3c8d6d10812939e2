/* test_together.c - several pages evaluated as one batch: every step, text and number equals that of the page alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "session_testing.h"
#include "text/samplers/samplers.h"
#include "together_testing.h"

static const char *const pages[DRAFTS] = {"the [[3]] dog", "[[?]]", "Once upon a [[5]] time [[2-4]] the end. [[1]]",
                                          "a [[12]] b [[12]] c", "she said [[?]] and [[?]]."};

static void drafts_together_equal_drafts_alone(void **state)
{
    (void)state;
    expect_together_equals_alone(pages);
}

static void together_in_too_small_a_block_changes_nothing(void **state)
{
    (void)state;
    const pal_infill_options o = options_of(PAL_MARGIN, 3);
    lent a = start(pages[2], &o), b = start(pages[2], &o);
    pal_session *sessions[2] = {a.session, b.session};
    pal_model *other = open_test_model("tiny-infill");
    pal_error err = {0};
    size_t bytes;
    void *block = scratch_for(sessions, 2, &bytes);
    assert_int_equal(pal_evaluate_together(model, sessions, 2, block, bytes - 1, &err), PAL_E_MEMORY);
    assert_int_equal(pal_evaluate_together(other, sessions, 2, block, bytes, &err), PAL_E_OPTION);
    assert_int_equal(pal_session_progress(a.session).evaluations, 0);
    assert_int_equal(pal_evaluate_together(model, sessions, 2, block, bytes, &err), PAL_OK);
    assert_int_equal(pal_session_progress(a.session).evaluations, 1);
    assert_int_equal(pal_evaluate_together(model, sessions, 2, NULL, 0, &err), PAL_OK); /* nothing has changed since */
    assert_int_equal(pal_session_progress(a.session).evaluations, 1);
    assert_int_equal(pal_together_bytes(model, 0, &bytes, &err), PAL_E_OPTION);
    free(block);
    pal_model_close(other);
    end(&a);
    end(&b);
}

/* Regression: the network's input for such a page was written past the end of its array. */
static void page_without_blanks_longer_than_the_context_asks_for_nothing(void **state)
{
    (void)state;
    enum { LENGTH = 40000 };
    static char text[LENGTH];
    for (size_t i = 0; i < LENGTH; i++) text[i] = i % 4 < 3 ? (char)('a' + i % 26) : ' ';
    const pal_infill_options o = options_of(PAL_MARGIN, 3);
    lent plain = start_bytes(text, LENGTH, &o), other = start(pages[0], &o), alone = start(pages[0], &o);
    pal_session *sessions[2] = {plain.session, other.session};
    pal_error err = {0};
    size_t bytes;
    assert_int_equal(pal_evaluate_together(model, sessions, 1, NULL, 0, &err), PAL_OK);
    void *block = scratch_for(sessions, 2, &bytes);
    assert_int_equal(pal_evaluate_together(model, sessions, 2, block, bytes, &err), PAL_OK);
    assert_int_equal(pal_session_progress(plain.session).evaluations, 0);
    assert_int_equal(pal_session_progress(other.session).evaluations, 1);
    assert_int_equal(pal_step(plain.session, NULL), PAL_OK);
    finish(&other);
    finish(&alone);
    expect_same_state(&other, &alone);
    assert_int_equal(pal_session_text(plain.session, NULL, 0), LENGTH);
    const pal_progress p = pal_session_progress(plain.session);
    assert_true(p.tokens > p.shown && p.shown == pal_model_info(model)->context && !p.windowed);
    free(block);
    end(&plain);
    end(&other);
    end(&alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drafts_together_equal_drafts_alone),
        cmocka_unit_test(together_in_too_small_a_block_changes_nothing),
        cmocka_unit_test(page_without_blanks_longer_than_the_context_asks_for_nothing),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
