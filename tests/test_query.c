/* test_query.c - the inputs of a network: tokens, the order in which they became known, time, places; and evaluations
 * that are skipped because no input has changed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "table_model.h"
#include "text/samplers/samplers.h"
#include "text/score.h"

#define SEED 20261129

static table_fill t;

static void start(pal_sampler sampler, bool reads_time, bool reads_order)
{
    table_init(&t.model, 4, 3, false);
    table_random_joint(&t.model, SEED, 0.5, 0.0, NULL);
    table_learnt(&t.model, SEED);
    t.model.reads_time = reads_time;
    t.model.reads_order = reads_order;
    table_fill_start(&t, sampler, table_masked(&t.model));
    if (t.fill.sampler->is.steps) t.fill.options.steps = 20;
    if (t.fill.sampler->is.remask) t.fill.options.remask = 0.3;
}

/* As pal_evaluate_together does it. */
static void answer(const pal_query *q)
{
    assert_non_null(q);
    t.fill.predictor.evaluate(t.fill.predictor.context, q);
    pal_fill_answered(&t.fill);
}

/* ---- when it is asked again --------------------------------------------------------------------------- */

/* For any kind of network, a step whose evaluation was done before evaluates nothing and gives the same result as
 * alone.  Regression: the network was also evaluated before a step that only masks places again. */
static void answered_beforehand_equals_alone(void **state)
{
    (void)state;
    for (int run = 0; run < 4 * PAL_MASKED_SAMPLERS; run++)
        for (uint32_t draft = 0; draft < 10; draft++) {
            pal_fill_place alone[4];
            start((pal_sampler)(run / 4), run & 1, run & 2);
            table_draw(&t, SEED, draft);
            const int32_t evaluations = t.fill.evaluations;
            memcpy(alone, t.place, sizeof alone);
            pal_fill_start(&t.fill);
            for (pal_status s = PAL_MORE; s == PAL_MORE;) {
                const pal_query *q = pal_fill_query(&t.fill);
                if (q) answer(q);
                const int32_t before = t.model.evaluations;
                s = pal_fill_step(&t.fill, NULL);
                assert_int_equal(t.model.evaluations, before);
            }
            assert_int_equal(t.fill.evaluations, evaluations);
            for (int32_t i = 0; i < 4; i++) {
                assert_int_equal(t.place[i].step, alone[i].step);
                assert_int_equal(t.place[i].rank, alone[i].rank);
                assert_true(t.place[i].probability == alone[i].probability);
            }
        }
}

/* Another draft of ancestral reveals at another time step: a network that reads the time must be evaluated again. */
static void another_time_asks_those_again_that_read_it(void **state)
{
    (void)state;
    int moved = 0;
    for (uint32_t draft = 1; draft < 20; draft++)
        for (int reads_time = 0; reads_time < 2; reads_time++) {
            start(PAL_ANCESTRAL, reads_time, true);
            answer(pal_fill_query(&t.fill));
            const double time = t.model.time;
            t.fill.options.draft = draft;
            const pal_query *q = pal_fill_query(&t.fill);
            assert_true(t.fill.time <= 1.0 && t.fill.time >= 0.05);
            assert_int_equal(q != NULL, reads_time && t.fill.time != time);
            moved += q != NULL;
            pal_fill_step(&t.fill, NULL);
            assert_int_equal(t.model.evaluations, 1 + (q != NULL));
            assert_true(!reads_time || t.model.time == (20 - t.fill.step + 1) / 20.0);
        }
    assert_true(moved > 5);
}

/* A drawn token that is pinned does not change, but comes before all drawn tokens, after the given text. */
static void pin_of_a_drawn_token_asks_those_again_that_read_order(void **state)
{
    (void)state;
    for (int reads_order = 0; reads_order < 2; reads_order++) {
        int32_t drawn = 0;
        start(PAL_MARGIN, true, reads_order);
        pal_fill_step(&t.fill, NULL);
        while (pal_fill_is_open(&t.fill, drawn)) drawn++;
        answer(pal_fill_query(&t.fill));
        assert_int_equal(t.model.rank[drawn], t.fill.places + 1);
        pal_fill_pin(&t.fill, drawn, t.tokens[drawn]);
        const pal_query *q = pal_fill_query(&t.fill);
        assert_int_equal(q != NULL, reads_order);
        if (q) assert_int_equal(q->rank[drawn], 1);
        pal_fill_pin(&t.fill, drawn, (t.tokens[drawn] + 1) % 3); /* another token affects all of them */
        assert_non_null(pal_fill_query(&t.fill));
    }
}

/* A pinned <empty> is no longer part of the input; a drawn <empty> was. */
static void pin_of_a_drawn_empty_asks_again(void **state)
{
    (void)state;
    const int32_t from = 0, min = 1, max = 4;
    int seen = 0;
    table_init(&t.model, 4, 4, true);
    table_random_joint(&t.model, SEED, 0.5, 0.0, NULL);
    table_learnt(&t.model, SEED);
    for (uint32_t draft = 0; draft < 50; draft++) {
        table_fill_blanks(&t, PAL_FIRST_HITTING, table_masked(&t.model), 1, &from, &min, &max);
        t.fill.options.draft = draft;
        pal_fill_step(&t.fill, NULL);
        if (t.tokens[3] != t.model.classes.empty || !t.fill.open) continue;
        answer(pal_fill_query(&t.fill));
        t.fill.drops_empty = true;
        for (int32_t i = 1; i < 4; i++)
            if (t.tokens[i] == t.model.classes.empty) pal_fill_pin(&t.fill, i, t.tokens[i]);
        const pal_query *q = pal_fill_query(&t.fill);
        assert_non_null(q);
        assert_true(q->n < 4);
        seen++;
    }
    assert_true(seen > 3);
}

/* ---- the places asked for ------------------------------------------------------------------------------ */

static bool leftmost_ask(pal_fill *f)
{
    for (f->chosen[0] = 0; !pal_fill_is_open(f, f->chosen[0]);) f->chosen[0]++;
    pal_fill_ask(f, f->chosen[0]);
    return true;
}

static void leftmost_step(pal_fill *f)
{
    pal_fill_measure(f, pal_measure_margin); /* only the requested rows: the table returns no other */
    pal_fill_draw(f, f->chosen[0]);
}

/* A sampler that needs one place at a time gets one row; if it then needs more rows, the network is evaluated again. */
static void sampler_chooses_the_places_that_are_asked_for(void **state)
{
    (void)state;
    const pal_sampler_row leftmost = {.name = "leftmost", .ask = leftmost_ask, .step = leftmost_step};
    start(PAL_MARGIN, true, true);
    const pal_sampler_row *margin = t.fill.sampler;
    t.fill.sampler = &leftmost;
    for (int32_t i = 0; i < 3; i++) {
        const pal_query *q = pal_fill_query(&t.fill);
        assert_non_null(q);
        assert_int_equal(q->count, 1);
        assert_int_equal(q->at[0], i);
        pal_fill_step(&t.fill, NULL);
        assert_int_equal(t.model.asked, 1u << i);
        assert_true(t.tokens[i] < 3 && t.fill.open == 3 - i);
    }
    start(PAL_MARGIN, true, true);
    t.fill.sampler = &leftmost;
    answer(pal_fill_query(&t.fill));
    t.fill.sampler = margin;
    const pal_query *all = pal_fill_query(&t.fill); /* three of the four rows are missing */
    assert_non_null(all);
    assert_int_equal(all->count, 4);
    answer(all);
    t.fill.sampler = &leftmost;
    assert_null(pal_fill_query(&t.fill)); /* and now the one is among the four */
}

/* ---- time ------------------------------------------------------------------------------------------------- */

static void time_is_that_of_the_step_or_the_share_of_open_places(void **state)
{
    (void)state;
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        start(sampler, true, false);
        for (pal_status s = PAL_MORE; s == PAL_MORE;) {
            const int32_t open = t.fill.open, evaluations = t.fill.evaluations;
            s = pal_fill_step(&t.fill, NULL);
            if (t.fill.evaluations == evaluations) continue;
            assert_true(t.model.time == (t.fill.sampler->is.steps ? (20 - t.fill.step + 1) / 20.0 : open / 4.0));
        }
    }
}

/* A place that is opened again after the last time step is revealed as in that step. */
static void time_behind_the_last_step_is_that_of_the_last(void **state)
{
    (void)state;
    start(PAL_ANCESTRAL, true, false);
    while (pal_fill_step(&t.fill, NULL) == PAL_MORE) continue;
    for (int32_t step = 18; step < 23; step++) {
        t.fill.step = step;
        pal_fill_mask(&t.fill, 2);
        pal_fill_step(&t.fill, NULL);
        assert_true(t.model.time == (step < 19 && t.fill.step == 19 ? 2.0 : 1.0) / 20.0);
    }
}

/* ---- likelihoods ask likewise -------------------------------------------------------------------------------- */

static const int32_t sequence[4] = {2, 0, 1, 1};
static pal_scorer scorer;

static void start_score(bool causal)
{
    static _Alignas(64) unsigned char block[4096];
    pal_arena arena = {.base = block, .red_zones = true};
    start(PAL_MARGIN, true, true);
    t.model.causal = causal;
    scorer = (pal_scorer){.predictor = table_predictor(&t.model), .classes = &t.model.classes};
    pal_scorer_layout(&scorer, t.model.classes.vocab, 5, &arena);
    assert_true(arena.used <= sizeof block);
}

static void likelihood_of_an_order_tells_it(void **state)
{
    (void)state;
    int32_t rank[4] = {0, PAL_RANK_UNKNOWN, PAL_RANK_UNKNOWN, PAL_RANK_UNKNOWN};
    start_score(false);
    pal_score_adaptive_start(&scorer, sequence, 4, 1);
    for (int32_t known = 0; known < 3; known++) {
        assert_int_equal(scorer.open, 3 - known);
        pal_score_adaptive_step(&scorer, sequence, 4, pal_measure_margin);
        assert_memory_equal(t.model.rank, rank, sizeof rank);
        assert_true(t.model.time == (3 - known) / 3.0);
        for (int32_t i = 1; i < 4; i++)
            if (rank[i] == PAL_RANK_UNKNOWN && scorer.shown[i] == sequence[i]) rank[i] = known + 1;
    }
}

static void likelihood_of_masks_tells_their_share(void **state)
{
    (void)state;
    start_score(false);
    for (uint32_t draw = 0; draw < 20; draw++) {
        int32_t masks = 0;
        pal_score_masked(&scorer, sequence, 4, 1, 0.05 * draw, SEED, draw, 0);
        for (int32_t i = 0; i < 4; i++) {
            const bool masked = table_token(&t.model, t.model.seen, i) == t.model.classes.mask;
            assert_int_equal(t.model.rank[i], masked ? PAL_RANK_UNKNOWN : 0);
            masks += masked;
        }
        assert_true(masks == 1 + (int32_t)(0.05 * draw * 3) && t.model.time == masks / 3.0);
    }
}

static void likelihood_from_left_to_right_is_that_order(void **state)
{
    (void)state;
    const int32_t tokens[5] = {3, 2, 0, 1, 1}, rank[5] = {0, 0, 1, 2, 3};
    start_score(true);
    pal_score_causal(&scorer, tokens, 5, 2);
    assert_memory_equal(t.model.rank, rank, sizeof rank);
    assert_true(t.model.time == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answered_beforehand_equals_alone),
        cmocka_unit_test(another_time_asks_those_again_that_read_it),
        cmocka_unit_test(pin_of_a_drawn_token_asks_those_again_that_read_order),
        cmocka_unit_test(pin_of_a_drawn_empty_asks_again),
        cmocka_unit_test(sampler_chooses_the_places_that_are_asked_for),
        cmocka_unit_test(time_is_that_of_the_step_or_the_share_of_open_places),
        cmocka_unit_test(time_behind_the_last_step_is_that_of_the_last),
        cmocka_unit_test(likelihood_of_an_order_tells_it),
        cmocka_unit_test(likelihood_of_masks_tells_their_share),
        cmocka_unit_test(likelihood_from_left_to_right_is_that_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
