/* test_blanks.c - invariants of every sampler with any network: given tokens, pins, lengths, evaluations, notes on each
 * token.  Borders and whole characters are in test_support.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "table_model.h"

#define EXACT        1e-12
#define FLOAT_LOGITS 1e-6
#define SEED         20240607
#define COUNT(a)     (sizeof(a) / sizeof *(a))

static table_fill t;

static bool is_timed(pal_sampler sampler)
{
    return sampler == PAL_ANCESTRAL || sampler == PAL_REMASK;
}

/* Options that exercise a sampler fully: few steps, much remasking, several places at once. */
static void be_wild(pal_infill_options *o)
{
    if (is_timed(o->sampler)) o->steps = 3;
    if (o->sampler == PAL_REMASK) o->remask = 1.0;
    if (o->sampler == PAL_PARALLEL) o->threshold = 0.5;
}

static void learnt(uint64_t seed, int32_t symbols, bool with_empty)
{
    table_init(&t.model, 4, symbols, with_empty);
    table_random_joint(&t.model, seed, 0.5, 0.0, NULL);
    table_learnt(&t.model, seed);
}

static int32_t page_of(int32_t a, int32_t b, int32_t c, int32_t d)
{
    const int32_t tokens[] = {a, b, c, d};
    return table_page(&t.model, tokens);
}

/* ---- given tokens and pins ---------------------------------------------------------------------------- */

static bool page_is_kept(const table_fill *fill)
{
    return table_agrees(&fill->model, table_page(&fill->model, fill->tokens), fill->start);
}

/* All outcomes of all samplers, after every step: place 3 is given, place 1 is pinned inside the blank. */
static void given_and_pinned_tokens_never_move(void **state)
{
    (void)state;
    const int32_t from[] = {0}, length[] = {3};
    learnt(SEED, 3, false);
    const int32_t mask = t.model.symbols;
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        double probs[TABLE_PAGES], sum = 0.0;
        table_fill_blanks(&t, sampler, page_of(mask, 1, mask, 2), 1, from, length, length);
        be_wild(&t.fill.options);
        t.good = page_is_kept;
        assert_true(table_probs(&t, probs) < EXACT);
        assert_int_equal(t.broken, 0);
        for (int32_t page = 0; page < t.model.pages; page++)
            if (table_is_full(&t.model, page)) sum += probs[page];
        assert_true(fabs(sum - 1.0) < EXACT); /* and the page is always finished */
        assert_int_equal(t.place[1].step, 0);
    }
}

/* ---- <empty> ------------------------------------------------------------------------------------------ */

static int32_t empty_symbol(const table_model *m)
{
    return m->symbols - 1;
}

/* In every blank: no <empty> among the first `min`, and no word after one. */
static bool lengths_are_right(const table_fill *fill)
{
    for (int32_t i = 0; i < fill->fill.places; i++) {
        const pal_fill_place *place = &fill->place[i];
        if (fill->tokens[place->at] != empty_symbol(&fill->model)) continue;
        if (place->index < fill->blank[place->blank].min) return false;
        for (int32_t j = i + 1; j < fill->fill.places && fill->place[j].blank == place->blank; j++) {
            int32_t later = fill->tokens[fill->place[j].at];
            if (later != empty_symbol(&fill->model) && later != fill->model.symbols) return false;
        }
    }
    return page_is_kept(fill);
}

/* Every outcome of every sampler on a network that does not know the rule. */
static void assert_lengths_are_right(int32_t page, int32_t blanks, const int32_t *from, const int32_t *min,
                                     const int32_t *max)
{
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        double probs[TABLE_PAGES], shorter = 0.0;
        table_fill_blanks(&t, sampler, page, blanks, from, min, max);
        be_wild(&t.fill.options);
        t.good = lengths_are_right;
        assert_true(table_probs(&t, probs) < EXACT);
        assert_int_equal(t.broken, 0);
        for (int32_t full = 0; full < t.model.pages; full++) {
            if (probs[full] > 0.0) assert_true(table_is_full(&t.model, full));
            for (int32_t i = 0; i < 4; i++)
                if (table_token(&t.model, full, i) == empty_symbol(&t.model)) shorter += probs[full] / 4.0;
        }
        assert_true(shorter > 0.01 && shorter < 0.75);
    }
}

static void empty_is_always_a_suffix_of_its_blank(void **state)
{
    (void)state;
    const int32_t from[] = {0, 2}, one[] = {1, 1}, two[] = {2}, four[] = {4}, pair[] = {2, 2};
    learnt(SEED, 4, true);
    const int32_t mask = t.model.symbols, empty = empty_symbol(&t.model);
    assert_lengths_are_right(table_masked(&t.model), 1, from, one, four);
    assert_lengths_are_right(table_masked(&t.model), 1, from, two, four);
    assert_lengths_are_right(table_masked(&t.model), 2, from, one, pair);
    assert_lengths_are_right(page_of(mask, mask, 0, mask), 1, from, one, four); /* a word pinned: two before it */
    assert_lengths_are_right(page_of(mask, mask, mask, empty), 1, from, one, four);
}

/* When a place becomes <empty>, the rest becomes <empty> in the same step, without another evaluation. */
static void empty_ends_its_blank_in_the_same_step(void **state)
{
    (void)state;
    const int32_t from[] = {0}, min[] = {1}, max[] = {4};
    learnt(SEED, 4, true);
    for (int32_t page = 0; page < t.model.pages; page++) t.model.logit[page][1][3] = 40.0f; /* and surely */
    for (pal_sampler sampler = PAL_MARGIN; sampler <= PAL_CONFIDENCE; sampler++) {
        table_fill_blanks(&t, sampler, table_masked(&t.model), 1, from, min, max);
        assert_int_equal(pal_fill_step(&t.fill, NULL), PAL_MORE);
        for (int32_t i = 1; i < 4; i++) {
            assert_int_equal(t.tokens[i], 3);
            assert_int_equal(t.place[i].step, 1);
        }
        assert_true(t.place[3].probability == 1.0f && t.place[3].alternatives == 0);
        assert_int_equal(pal_fill_step(&t.fill, NULL), PAL_OK);
        assert_int_equal(t.fill.evaluations, 2);
    }
}

/* Places drawn together are drawn in order of position, whichever rule chose them: the order matters for <empty>. */
static void places_drawn_together_are_drawn_in_order_of_position(void **state)
{
    (void)state;
    const int32_t from[] = {0}, min[] = {1}, max[] = {4};
    double threshold[TABLE_PAGES], entropy[TABLE_PAGES];
    for (uint64_t i = 0; i < 4; i++) {
        learnt(SEED + i, 4, true);
        table_fill_blanks(&t, PAL_PARALLEL, table_masked(&t.model), 1, from, min, max);
        t.fill.options.threshold = 1e-9;
        table_probs(&t, threshold);
        table_fill_blanks(&t, PAL_PARALLEL, table_masked(&t.model), 1, from, min, max);
        t.fill.options.entropy_bound = 1e6;
        table_probs(&t, entropy);
        assert_true(table_distance(&t.model, threshold, entropy) < EXACT);
    }
}

/* A blank of fixed length never shrinks, even if the network prefers <empty>. */
static void empty_in_a_blank_of_fixed_length_is_never_drawn(void **state)
{
    (void)state;
    learnt(SEED, 4, true);
    for (int32_t page = 0; page < t.model.pages; page++)
        for (int32_t found = 0; found < 4; found++) t.model.logit[page][found][3] = 40.0f;
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        table_fill_start(&t, sampler, table_masked(&t.model));
        be_wild(&t.fill.options);
        for (uint32_t draft = 0; draft < 50; draft++) {
            table_draw(&t, SEED, draft);
            for (int32_t i = 0; i < 4; i++) assert_true(t.tokens[i] != 3);
        }
    }
}

static bool is_padded(const table_model *m, int32_t full)
{
    for (int32_t i = 0; i < m->places; i++) {
        bool empty = table_token(m, full, i) == empty_symbol(m);
        if (empty && (i < 1 || (i + 1 < m->places && table_token(m, full, i + 1) != empty_symbol(m)))) return false;
    }
    return true;
}

/* If the conditionals obey the rule, imposing it changes nothing, and words and length together follow
 * the distribution of padded holes. */
static void padded_hole_with_true_conditionals_keeps_the_distribution_of_words_and_length(void **state)
{
    (void)state;
    const int32_t from[] = {0}, min[] = {1}, max[] = {4};
    table_init(&t.model, 4, 4, true);
    table_random_joint(&t.model, SEED, 0.5, 0.0, is_padded);
    table_exact(&t.model);
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler <= PAL_CONFIDENCE; sampler++) {
        double probs[TABLE_PAGES];
        table_fill_blanks(&t, sampler, table_masked(&t.model), 1, from, min, max);
        assert_true(table_probs(&t, probs) < EXACT);
        assert_true(table_distance(&t.model, probs, t.model.joint) < FLOAT_LOGITS);
    }
}

/* Probabilities of the lengths 1 to 4 under a distribution of pages, with one blank of four places. */
static void lengths_of(const double *probs, double share[4])
{
    memset(share, 0, 4 * sizeof *share);
    for (int32_t page = 0; page < t.model.pages; page++) {
        int32_t words = 0;
        while (words < 4 && table_token(&t.model, page, words) != empty_symbol(&t.model)) words++;
        if (probs[page] > 0.0) share[words - 1] += probs[page];
    }
}

/* Words that are independent of the length, so the distribution of lengths does not depend on which words are drawn. */
static void independent_of_length(table_model *m)
{
    const double of_length[] = {0.1, 0.2, 0.3, 0.4}, of_word[] = {0.5, 0.3, 0.2};
    for (int32_t page = 0; page < m->pages; page++) {
        double p = 1.0;
        int32_t words = 0;
        m->joint[page] = 0.0;
        if (!table_is_full(m, page) || !is_padded(m, page)) continue;
        for (; words < 4 && table_token(m, page, words) != empty_symbol(m); words++)
            p *= of_word[table_token(m, page, words)];
        m->joint[page] = p * of_length[words - 1];
    }
}

/* Temperature and truncation change the words; the length of a blank still follows the model's distribution. */
static void length_is_drawn_from_the_distribution_at_any_temperature(void **state)
{
    (void)state;
    const int32_t from[] = {0}, min[] = {1}, max[] = {4};
    const pal_infill_options ways[] = {{.temperature = 0.2, .top_p = 1.0, .repetition_penalty = 1.0},
                                       {.temperature = 3.0, .top_p = 1.0, .repetition_penalty = 1.0},
                                       {.temperature = 1.0, .top_k = 1, .top_p = 1.0, .repetition_penalty = 1.0},
                                       {.temperature = 0.5, .top_p = 0.4, .repetition_penalty = 5.0}};
    table_init(&t.model, 4, 4, true);
    independent_of_length(&t.model);
    table_exact(&t.model);
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler <= PAL_CONFIDENCE; sampler++)
        for (size_t i = 0; i < COUNT(ways); i++) {
            double probs[TABLE_PAGES], wanted[4], lengths[4];
            table_fill_blanks(&t, sampler, table_masked(&t.model), 1, from, min, max);
            t.fill.options.temperature = ways[i].temperature;
            t.fill.options.top_k = ways[i].top_k;
            t.fill.options.top_p = ways[i].top_p;
            t.fill.options.repetition_penalty = ways[i].repetition_penalty;
            table_probs(&t, probs);
            lengths_of(t.model.joint, wanted);
            lengths_of(probs, lengths);
            for (int32_t n = 0; n < 4; n++) assert_true(fabs(lengths[n] - wanted[n]) < FLOAT_LOGITS);
        }
}

/* ---- evaluations, notes ------------------------------------------------------------------------------- */

/* One in every step that reveals a token, none in the others (time steps without an event, remasking). */
static void evaluation_is_skipped_when_nothing_changed(void **state)
{
    (void)state;
    learnt(SEED, 3, false);
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        table_fill_start(&t, sampler, table_masked(&t.model));
        if (is_timed(sampler)) t.fill.options.steps = 200;
        if (sampler == PAL_REMASK) t.fill.options.remask = 0.01;
        for (uint32_t draft = 0; draft < 50; draft++) {
            int32_t evaluations = 0;
            pal_status status = PAL_MORE;
            t.model.evaluations = 0;
            t.fill.options.draft = draft;
            pal_fill_start(&t.fill);
            while (status == PAL_MORE) {
                int32_t before = table_page(&t.model, t.tokens);
                bool revealed = false;
                status = pal_fill_step(&t.fill, NULL);
                if (status == PAL_MORE) assert_true(table_page(&t.model, t.tokens) != before);
                for (int32_t i = 0; i < 4; i++) revealed = revealed || t.place[i].step == t.fill.step;
                evaluations += revealed;
                assert_int_equal(t.fill.evaluations, evaluations);
            }
            assert_int_equal(t.fill.evaluations, t.model.evaluations);
            if (sampler != PAL_REMASK) assert_true(t.fill.evaluations <= 4);
            if (sampler == PAL_REMASK) assert_int_equal(t.fill.step, 200); /* a full page may still be opened */
            if (sampler <= PAL_CONFIDENCE) assert_int_equal(t.fill.evaluations, 4);
        }
    }
    pal_fill_start(&t.fill);
    const pal_query *q = pal_fill_query(&t.fill);
    assert_non_null(q);
    t.fill.predictor.evaluate(t.fill.predictor.context, q);
    pal_fill_answered(&t.fill);
    assert_null(pal_fill_query(&t.fill));
    int32_t before = t.model.evaluations;
    pal_fill_step(&t.fill, NULL);
    assert_true(t.fill.open < 4);
    assert_int_equal(t.model.evaluations, before);
}

/* MDLM's figure for K steps, on average over drafts: 4 tokens, 10 steps. */
static void ancestral_drawn_evaluates_as_often_as_the_formula_says(void **state)
{
    (void)state;
    enum { DRAFTS = 4000 };
    double sum = 0.0, squares = 0.0, wanted = 10.0 * (1.0 - pow(0.9, 4));
    learnt(SEED, 3, false);
    table_fill_start(&t, PAL_ANCESTRAL, table_masked(&t.model));
    t.fill.options.steps = 10;
    for (uint32_t draft = 0; draft < DRAFTS; draft++) {
        table_draw(&t, SEED, draft);
        sum += t.fill.evaluations;
        squares += t.fill.evaluations * t.fill.evaluations;
    }
    double mean = sum / DRAFTS, error = sqrt((squares / DRAFTS - mean * mean) / DRAFTS);
    assert_true(fabs(mean - wanted) < 4.0 * error);
}

/* A place unpinned after the last time step is filled at once. */
static void place_opened_after_the_last_step_is_filled(void **state)
{
    (void)state;
    learnt(SEED, 3, false);
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        table_fill_start(&t, sampler, table_masked(&t.model));
        be_wild(&t.fill.options);
        table_draw(&t, SEED, 0);
        pal_fill_mask(&t.fill, 1);
        pal_fill_mask(&t.fill, 2);
        for (int32_t step = 0; step < 2 && t.fill.open; step++) pal_fill_step(&t.fill, NULL);
        if (sampler == PAL_REMASK) assert_int_equal(t.place[1].step, 4); /* of 3 */
        assert_int_equal(t.fill.open, 0);
        assert_int_equal(pal_fill_step(&t.fill, NULL), PAL_OK);
    }
}

/* The recorded probability of each token is that at temperature 1, whatever distribution it was drawn from. */
static void slot_notes_probability_step_and_alternatives(void **state)
{
    (void)state;
    learnt(SEED, 3, false);
    table_fill_start(&t, PAL_MARGIN, table_masked(&t.model));
    t.fill.options.temperature = 0.5;
    t.fill.options.top_k = 2;
    for (int32_t step = 1; step <= 4; step++) {
        int32_t before = table_page(&t.model, t.tokens), found = 0;
        pal_fill_step(&t.fill, NULL);
        while (t.place[found].step != step) found++;
        const pal_fill_place *place = &t.place[found];
        assert_true(fabs((double)place->probability - table_conditional(&t.model, before, found, t.tokens[found])) <
                    1e-7);
        assert_int_equal(place->alternatives, 3);
        for (int32_t i = 0; i < 3; i++) {
            double p = table_conditional(&t.model, before, found, place->alternative_id[i]);
            assert_true(fabs((double)place->alternative_probability[i] - p) < 1e-7);
            assert_true(i == 0 || place->alternative_probability[i - 1] >= place->alternative_probability[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given_and_pinned_tokens_never_move),
        cmocka_unit_test(empty_is_always_a_suffix_of_its_blank),
        cmocka_unit_test(empty_ends_its_blank_in_the_same_step),
        cmocka_unit_test(places_drawn_together_are_drawn_in_order_of_position),
        cmocka_unit_test(empty_in_a_blank_of_fixed_length_is_never_drawn),
        cmocka_unit_test(padded_hole_with_true_conditionals_keeps_the_distribution_of_words_and_length),
        cmocka_unit_test(length_is_drawn_from_the_distribution_at_any_temperature),
        cmocka_unit_test(evaluation_is_skipped_when_nothing_changed),
        cmocka_unit_test(ancestral_drawn_evaluates_as_often_as_the_formula_says),
        cmocka_unit_test(place_opened_after_the_last_step_is_filled),
        cmocka_unit_test(slot_notes_probability_step_and_alternatives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
