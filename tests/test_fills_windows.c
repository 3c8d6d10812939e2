/* test_fills_windows.c - scores of fills of long pages: as likely as the session reported, window by window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapted_testing.h"

#include <math.h>

enum { BLANKS = 9, MAX_FILLED = 80 };

static pal_model *both[2]; /* context 96 */
static char page[4000];

static int open_all(void **state)
{
    const int status = open_both(state);
    both[0] = open_test_model("tiny-infill");
    both[1] = with.model;
    size_t bytes = 0;
    for (int i = 0; i < BLANKS; i++)
        bytes += (size_t)snprintf(page + bytes, sizeof page - bytes, "%s[[%d]] and the cat saw it.",
                                  i % 3 == 1 ? " so" : " the dog ran and ran and the dog ran to the house of the dog ",
                                  1 + i % 4);
    return status;
}

static int close_all(void **state)
{
    pal_model_close(both[0]);
    return close_both(state);
}

/* What a session wrote: the ids of all blanks one after the other, its places, and the places in the order of steps. */
typedef struct {
    int32_t ids[MAX_FILLED], windows;
    pal_place place[MAX_FILLED];
    pal_given_fill fills[BLANKS];
    pal_drawn_place order[MAX_FILLED];
    size_t count;
} written;

static void write_page(const pal_infill_options *o, written *w)
{
    lent l = start(page, o);
    finish(&l);
    *w = (written){.windows = pal_session_progress(l.session).windows};
    w->count = pal_session_tokens(l.session, w->place, MAX_FILLED);
    assert_true(w->count <= MAX_FILLED && w->windows > 2);
    for (size_t i = 0, next = 0; i < w->count; i++) {
        const pal_place *p = &w->place[i];
        w->ids[i] = p->id;
        if (!w->fills[p->blank].ids) w->fills[p->blank].ids = w->ids + i;
        w->fills[p->blank].count++;
        while (next < w->count && w->place[next].step != (int32_t)i + 1) next++;
        w->order[i] = (pal_drawn_place){w->place[next].blank, w->place[next].index};
        next = 0;
    }
    end(&l);
}

static void expect_as_reported(const pal_infill_options *o, const written *w, const pal_fills_options *how)
{
    pal_fills *job;
    pal_fill_nats nats[MAX_FILLED];
    pal_error err = {0};
    double sum = 0.0;
    if (pal_fills_start(&job, model, page, strlen(page), o, w->fills, BLANKS, how, &err)) fail_msg("%s", err.text);
    for (int again = 0; again < 2; again++) {
        while (pal_fills_step(job, NULL) == PAL_MORE) {
        }
        assert_int_equal(pal_fills_result_of(job).windows, w->windows);
        assert_int_equal(pal_fills_places(job, nats, MAX_FILLED), w->count);
        for (size_t i = 0; i < w->count; i++) {
            assert_true(nats[i].blank == w->place[i].blank && nats[i].index == w->place[i].index);
            assert_true(nats[i].id == w->place[i].id);
            assert_true(fabs(nats[i].nats + log((double)w->place[i].probability)) < 1e-5);
            sum += nats[i].nats / 2;
        }
        if (!again) assert_int_equal(pal_fills_again(job, w->fills, BLANKS, how, NULL), PAL_OK);
    }
    assert_true(fabs(sum - pal_fills_result_of(job).nats) < 1e-9 * sum);
    pal_fills_end(job);
}

static void fills_of_a_long_page_are_as_likely_as_reported(void **state)
{
    (void)state;
    static const pal_sampler samplers[] = {PAL_MARGIN, PAL_CONFIDENCE, PAL_ASCENDING, PAL_FIRST_HITTING};
    for (int run = 0; run < 8; run++) {
        written w;
        model = both[run % 2];
        const pal_infill_options o = options_of(samplers[run / 2], (uint64_t)run);
        write_page(&o, &w);
        pal_fills_options how = pal_fills_defaults();
        if (o.sampler != PAL_FIRST_HITTING) expect_as_reported(&o, &w, &how);
        how.order = w.order;
        how.order_count = w.count;
        expect_as_reported(&o, &w, &how);
    }
}

static void an_order_must_go_through_the_windows(void **state)
{
    (void)state;
    written w;
    pal_fills *job;
    pal_error err = {0};
    model = both[1];
    const pal_infill_options o = options_of(PAL_MARGIN, 3);
    write_page(&o, &w);
    const pal_drawn_place first = w.order[0];
    memmove(w.order, w.order + 1, (w.count - 1) * sizeof *w.order);
    w.order[w.count - 1] = first;
    pal_fills_options how = pal_fills_defaults();
    how.order = w.order;
    how.order_count = w.count;
    assert_int_equal(pal_fills_start(&job, model, page, strlen(page), &o, w.fills, BLANKS, &how, &err), PAL_E_OPTION);
    assert_non_null(strstr(err.text, "earlier"));
    assert_int_equal(err.offset, w.count - 1);
}

static void a_fill_that_cannot_be_drawn_names_its_blank(void **state)
{
    (void)state;
    written w;
    pal_fills *job;
    pal_error err = {0};
    pal_status s;
    model = both[0];
    const pal_infill_options o = options_of(PAL_MARGIN, 3);
    const pal_fills_options how = pal_fills_defaults();
    write_page(&o, &w);
    w.ids[w.count - 1] = 1; /* a control token, in the last blank */
    assert_int_equal(pal_fills_start(&job, model, page, strlen(page), &o, w.fills, BLANKS, &how, &err), PAL_OK);
    while ((s = pal_fills_step(job, &err)) == PAL_MORE) {
    }
    assert_int_equal(s, PAL_E_OPTION);
    assert_int_equal(err.offset, BLANKS - 1);
    pal_fills_end(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_of_a_long_page_are_as_likely_as_reported),
        cmocka_unit_test(an_order_must_go_through_the_windows),
        cmocka_unit_test(a_fill_that_cannot_be_drawn_names_its_blank),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
