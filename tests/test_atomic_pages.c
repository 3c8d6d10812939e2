/* test_atomic_pages.c - a failed call changes nothing: calls on a page that is being filled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "observing.h"
#include "session_testing.h"

static pal_model *causal; /* tiny-ar */

static int open_both(void **state)
{
    causal = open_test_model("tiny-ar");
    return open_model(state);
}

static int close_both(void **state)
{
    pal_model_close(causal);
    return close_model(state);
}

typedef struct {
    pal_session *session;
    void *block;
} page;

static page open_page(const pal_infill_options *o, int count)
{
    static const char text[] = "the [[3]] dog [[2-4]].";
    page p;
    size_t bytes;
    assert_int_equal(pal_session_bytes(model, text, strlen(text), o, &bytes, NULL), PAL_OK);
    p.block = malloc(bytes);
    assert_int_equal(pal_session_init(&p.session, model, text, strlen(text), o, p.block, bytes, NULL), PAL_OK);
    while (count-- > 0 && pal_step(p.session, NULL) == PAL_MORE) {
    }
    return p;
}

static void failed_calls_on_a_page_change_nothing(void **state)
{
    (void)state;
    const int32_t mask = model->classes.mask, empty = model->classes.empty;
    const pal_pin wrong[] = {{-1, 0, 5},        {2, 0, 5},   {0, -1, 5},    {0, 3, 5},
                             {0, 0, mask},      {0, 0, 1},   {0, 1, empty}, {1, 0, empty},
                             {0, 0, INT32_MAX}, {0, 0, 481}, {1, 4, 5},     {0, 1, piece_id(model, "<0xF0>")}};
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++)
        for (int count = 0; count < 4; count++) {
            pal_infill_options o = pal_infill_defaults();
            size_t failed = 0;
            char small[8];
            o.sampler = (pal_sampler)sampler;
            page p = open_page(&o, count);
            observation before = {0}, after = {0};
            observe_session(&before, p.session);
            for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
                failed += pal_session_pin(p.session, wrong[i].blank, wrong[i].index, wrong[i].id, NULL) < 0;
            assert_int_equal(failed, sizeof wrong / sizeof *wrong);
            assert_int_equal(pal_session_rewind(p.session, -1, NULL), PAL_E_OPTION);
            if (sampler == PAL_REMASK) assert_int_equal(pal_session_rewind(p.session, 1, NULL), PAL_E_OPTION);
            if (pal_session_progress(p.session).open)
                assert_int_equal(pal_evaluate_together(model, &p.session, 1, small, sizeof small, NULL), PAL_E_MEMORY);
            assert_int_equal(pal_evaluate_together(causal, &p.session, 1, small, sizeof small, NULL), PAL_E_OPTION);
            observe_session(&after, p.session);
            assert_true(observed_same(&before, &after));
            page whole = open_page(&o, count); /* and the continuation is the same */
            observation a = {0}, b = {0};
            while (pal_step(p.session, NULL) == PAL_MORE) {
            }
            while (pal_step(whole.session, NULL) == PAL_MORE) {
            }
            observe_session(&a, p.session);
            observe_session(&b, whole.session);
            assert_true(observed_same(&a, &b));
            free(whole.block);
            free(p.block);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failed_calls_on_a_page_change_nothing),
    };
    return cmocka_run_group_tests(tests, open_both, close_both);
}
