/* test_session_order.c - the order in which the places of a page became known, as passed to the network: after steps,
 * pins, rewinds, remasking, and when several pages are evaluated together. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "session_testing.h"
#include "api/pages.h"
#include "core/random.h"

enum { UNKNOWN = -1 };

/* A page, and the test's own record of when its places became known: 0 for the beginning, then the pins from left to
 * right, then the number of the step; places of the same step have the same time. */
typedef struct {
    lent lent;
    pal_predictor inner;
    int32_t since[MAX_PLACES], clock, queries;
} watched;

static int32_t since_of(const watched *w, const pal_fill_place *s)
{
    return w->since[s - w->lent.session->fill.place];
}

/* Given text is known from the beginning; ranks of places compare like their times. */
static void expect_order(const watched *w, const pal_query *q)
{
    const pal_fill *f = &w->lent.session->fill;
    int32_t since[MAX_TEXT] = {0};
    for (int32_t i = 0; i < f->places; i++)
        if (since_of(w, &f->place[i]) == UNKNOWN || f->tokens[f->place[i].at] != f->classes->empty)
            since[f->place[i].shown_at] = since_of(w, &f->place[i]);
    for (int32_t i = 0; i < q->n; i++) {
        if (q->tokens[i] == f->classes->empty) continue; /* not checked above, whether or not they are in the input */
        assert_int_equal(q->rank[i] == PAL_RANK_UNKNOWN, q->tokens[i] == f->classes->mask);
        assert_int_equal(q->rank[i] == PAL_RANK_UNKNOWN, since[i] == UNKNOWN);
        assert_int_equal(q->rank[i] == 0, since[i] == 0);
        for (int32_t k = 0; k < i && since[i] != UNKNOWN; k++)
            if (since[k] != UNKNOWN && q->tokens[k] != f->classes->empty)
                assert_int_equal((q->rank[i] > q->rank[k]) - (q->rank[i] < q->rank[k]),
                                 (since[i] > since[k]) - (since[i] < since[k]));
    }
}

static void evaluate(void *context, const pal_query *q)
{
    watched *w = context;
    w->queries++;
    expect_order(w, q);
    w->inner.evaluate(w->inner.context, q);
}

static bool logits(void *context, const int *at, int count, float *out)
{
    watched *w = context;
    return w->inner.logits(w->inner.context, at, count, out);
}

static void watch(watched *w, const char *page, const pal_infill_options *o)
{
    *w = (watched){.lent = start(page, o)};
    pal_fill *f = &w->lent.session->fill;
    w->inner = f->predictor;
    f->predictor.context = w;
    f->predictor.evaluate = evaluate;
    f->predictor.logits = logits;
    assert_true(f->places <= MAX_PLACES);
    for (int32_t i = 0; i < f->places; i++) w->since[i] = UNKNOWN;
}

/* Places that just became known get the given time; pins come before all of them. */
static void look(watched *w, int32_t time)
{
    const pal_fill *f = &w->lent.session->fill;
    for (int32_t i = 0; i < f->places; i++) {
        if (pal_fill_is_open(f, i))
            w->since[i] = UNKNOWN;
        else if (f->place[i].pinned)
            w->since[i] = 1 + i;
        else if (w->since[i] == UNKNOWN)
            w->since[i] = MAX_PLACES + time;
    }
}

static void step(watched *w)
{
    (void)pal_step(w->lent.session, NULL);
    look(w, ++w->clock);
}

/* One random call. */
static void act(watched *w, uint32_t run, uint32_t number)
{
    const int32_t what = (int32_t)(pal_uniform(run, PAL_DRAW_SUBSET, number, 0, 0) * 10),
                  place = (int32_t)(pal_uniform(run, PAL_DRAW_SUBSET, number, 1, 0) * w->lent.session->fill.places);
    const pal_fill_place *s = &w->lent.session->fill.place[place];
    const int32_t back = w->lent.session->fill.step - (int32_t)(run % 3);
    if (what == 0)
        (void)pal_session_pin(w->lent.session, s->blank, s->index, 300 + place, NULL);
    else if (what == 1 && s->step >= 0) /* a drawn token stays, but counts as given */
        (void)pal_session_pin(w->lent.session, s->blank, s->index, w->lent.session->fill.tokens[s->at], NULL);
    else if (what == 2)
        (void)pal_session_pin(w->lent.session, s->blank, s->index, -1, NULL);
    else if (what == 3)
        (void)pal_session_rewind(w->lent.session,
                                 back > 0 && !pal_sampler_about(w->lent.session->options.sampler)->reopens ? back : 0,
                                 NULL);
    else
        step(w);
    look(w, w->clock);
}

static void order_is_told_after_any_calls(void **state)
{
    (void)state;
    int32_t queries = 0;
    for (uint32_t run = 0; run < 6 * PAL_MASKED_SAMPLERS; run++) {
        watched w;
        pal_infill_options o = options_of((pal_sampler)(run % PAL_MASKED_SAMPLERS), run);
        if (pal_sampler_about(o.sampler)->steps) o.steps = 12;
        if (pal_sampler_about(o.sampler)->remask) o.remask = 0.3;
        watch(&w, "a [[4]] b [[2-5]] c[[3]]", &o);
        for (uint32_t number = 0; number < 60; number++) act(&w, run, number);
        queries += w.queries;
        end(&w.lent);
    }
    print_message("    %d evaluations\n", (int)queries);
    assert_true(queries > 600);
}

/* A place that is opened again after the last time step is revealed by repeating that step, and gets a later time than
 * the places that the step revealed before. */
static void step_taken_again_is_later_than_it_was(void **state)
{
    (void)state;
    watched w;
    pal_infill_options o = options_of(PAL_REMASK, 3);
    o.steps = 6;
    watch(&w, "a [[6]] b", &o);
    while (pal_step(w.lent.session, NULL) == PAL_MORE) look(&w, ++w.clock);
    look(&w, ++w.clock);
    const pal_fill_place *place = w.lent.session->fill.place;
    int32_t last = 0;
    while (place[last].step < 6) last++; /* the last time step revealed something */
    const int32_t other = last ? 0 : 1;
    assert_int_equal(pal_session_pin(w.lent.session, 0, other, 300, NULL), PAL_OK);
    assert_int_equal(pal_session_pin(w.lent.session, 0, other, -1, NULL), PAL_OK);
    look(&w, w.clock);
    step(&w);
    assert_int_equal(place[other].step, place[last].step);
    assert_true(place[other].rank > place[last].rank);
    end(&w.lent);
}

/* Evaluated together, each page has the same query as alone, and is not evaluated again. */
static void pages_together_are_told_their_own_order(void **state)
{
    (void)state;
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        static const char *const pages[] = {"a [[4]] b [[2-5]]", "the [[3]] dog and [[6]]."};
        watched w[2];
        pal_session *sessions[2];
        size_t bytes;
        const pal_infill_options o = options_of((pal_sampler)sampler, 5);
        for (int i = 0; i < 2; i++) {
            watch(&w[i], pages[i], &o);
            sessions[i] = w[i].lent.session;
        }
        assert_int_equal(pal_together_bytes(model, 256, &bytes, NULL), PAL_OK);
        void *block = malloc(bytes);
        assert_non_null(block);
        while (sessions[0]->fill.open || sessions[1]->fill.open) {
            assert_int_equal(pal_evaluate_together(model, sessions, 2, block, bytes, NULL), PAL_OK);
            for (int i = 0; i < 2; i++) {
                const pal_query *q = &sessions[i]->fill.query;
                if (q->count) expect_order(&w[i], q);
                step(&w[i]);
                assert_int_equal(w[i].queries, 0);
            }
        }
        assert_true(w[0].clock > 0);
        free(block);
        end(&w[0].lent);
        end(&w[1].lent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_told_after_any_calls),
        cmocka_unit_test(step_taken_again_is_later_than_it_was),
        cmocka_unit_test(pages_together_are_told_their_own_order),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
