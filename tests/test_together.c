/* test_together.c - several pages evaluated as one batch: every step, text and number equals that of the page alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "session_testing.h"

enum { DRAFTS = 5 };

static const char *const pages[] = {"the [[3]] dog", "[[?]]", "Once upon a [[5]] time [[2-4]] the end. [[1]]",
                                    "a [[12]] b [[12]] c", "she said [[?]] and [[?]]."};

static int32_t shown_by(pal_session *const *sessions, int32_t count)
{
    int32_t tokens = 0;
    for (int32_t i = 0; i < count; i++) tokens += pal_session_progress(sessions[i]).shown;
    return tokens;
}

static void expect_same_state(const lent *a, const lent *b)
{
    static char x[MAX_TEXT], y[MAX_TEXT];
    pal_place p[MAX_PLACES], q[MAX_PLACES];
    const pal_progress m = pal_session_progress(a->session), n = pal_session_progress(b->session);
    assert_int_equal(text_of(a, x), text_of(b, y));
    assert_string_equal(x, y);
    assert_int_equal(m.step, n.step);
    assert_int_equal(m.open, n.open);
    assert_int_equal(m.places, n.places);
    memset(p, 0, sizeof p);
    memset(q, 0, sizeof q);
    pal_session_tokens(a->session, p, MAX_PLACES);
    pal_session_tokens(b->session, q, MAX_PLACES);
    assert_memory_equal(p, q, sizeof p);
}

static void run_together(const lent *batch, const lent *alone, int32_t count, void *block, size_t bytes)
{
    pal_session *sessions[DRAFTS];
    pal_error err = {0};
    bool more = true;
    for (int32_t i = 0; i < count; i++) sessions[i] = batch[i].session;
    for (int steps = 0; more && steps < 400; steps++) {
        int32_t before[DRAFTS];
        more = false;
        if (pal_evaluate_together(model, sessions, count, block, bytes, &err)) fail_msg("%s", err.text);
        for (int32_t i = 0; i < count; i++) before[i] = pal_session_progress(sessions[i]).evaluations;
        for (int32_t i = 0; i < count; i++) {
            const pal_status s = pal_step(sessions[i], NULL), t = pal_step(alone[i].session, NULL);
            assert_int_equal(s, t);
            more = more || s == PAL_MORE;
            /* The step found its evaluation done. */
            assert_int_equal(pal_session_progress(sessions[i]).evaluations, before[i]);
            expect_same_state(&batch[i], &alone[i]);
        }
    }
}

static void drafts_together_equal_drafts_alone(void **state)
{
    (void)state;
    for (int run = 0; run < 3 * PAL_MASKED_SAMPLERS; run++) {
        lent batch[DRAFTS], alone[DRAFTS];
        pal_session *sessions[DRAFTS];
        size_t bytes;
        const int32_t count = 1 + run % DRAFTS;
        for (int32_t i = 0; i < count; i++) {
            pal_infill_options o = options_of((pal_sampler)(run % PAL_MASKED_SAMPLERS), 7);
            o.steps = o.sampler == PAL_ANCESTRAL || o.sampler == PAL_REMASK ? 12 : 0;
            o.draft = (uint32_t)i;
            const char *page =
                pages[run < 2 * PAL_MASKED_SAMPLERS ? run % 5 : (run + i) % 5]; /* or pages of all lengths */
            batch[i] = start(page, &o);
            alone[i] = start(page, &o);
            sessions[i] = batch[i].session;
        }
        assert_int_equal(pal_together_bytes(model, shown_by(sessions, count), &bytes, NULL), PAL_OK);
        void *block = malloc(bytes);
        assert_non_null(block);
        memset(block, 0xff, bytes);
        run_together(batch, alone, count, block, bytes);
        free(block);
        for (int32_t i = 0; i < count; i++) {
            end(&batch[i]);
            end(&alone[i]);
        }
    }
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
    assert_int_equal(pal_together_bytes(model, shown_by(sessions, 2), &bytes, &err), PAL_OK);
    void *block = malloc(bytes);
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
    assert_int_equal(pal_together_bytes(model, shown_by(sessions, 2), &bytes, &err), PAL_OK);
    void *block = malloc(bytes);
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
