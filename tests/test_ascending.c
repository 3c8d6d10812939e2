/* test_ascending.c - samplers that fill each blank from its left, and ends of blanks: a place where <empty> was drawn and
 * those behind it stay unknown to the network.  All fills of tables are enumerated. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "table_model.h"
#include "text/samplers/samplers.h"

#define EXACT    1e-12
#define SEED     20261129
#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { EMPTY = 3, MASK = 4 };

static table_fill t;
static const pal_sampler both[] = {PAL_ASCENDING, PAL_ASCENDING_RANDOM};

/* Two blanks, or one; min and max tokens of each. */
typedef struct {
    int32_t tokens[TABLE_PLACES], blanks, from[2], min[2], max[2];
} page_spec;

static const page_spec specs[] = {
    {{MASK, MASK, MASK, MASK}, 1, {0}, {1}, {4}},
    {{MASK, MASK, MASK, MASK}, 1, {0}, {2}, {4}},
    {{MASK, MASK, MASK, MASK}, 1, {0}, {4}, {4}},
    {{MASK, MASK, MASK, MASK}, 2, {0, 2}, {1, 1}, {2, 2}},
    {{MASK, MASK, MASK, MASK}, 2, {0, 1}, {1, 1}, {1, 3}},
    {{MASK, MASK, MASK, MASK}, 2, {0, 2}, {2, 1}, {2, 2}},
    {{MASK, MASK, 1, MASK}, 1, {0}, {1}, {4}},      /* a word is pinned: no end before it */
    {{MASK, MASK, EMPTY, EMPTY}, 1, {0}, {1}, {4}}, /* an end is pinned */
    {{MASK, 2, MASK, MASK}, 2, {0, 2}, {1, 1}, {1, 2}},
};

static void learnt(uint64_t seed, bool ends)
{
    table_init(&t.model, TABLE_PLACES, TABLE_SYMBOLS, true);
    table_random_joint(&t.model, seed, 0.5, 0.0, NULL);
    table_learnt(&t.model, seed);
    t.model.classes.ends = ends;
}

static void start(pal_sampler sampler, const page_spec *s)
{
    table_fill_blanks(&t, sampler, table_page(&t.model, s->tokens), s->blanks, s->from, s->min, s->max);
}

/* ---- the distribution, written down a second time ------------------------------------------------------ */

/* What the network sees: nothing where a blank has ended. */
static int32_t seen_of(const int32_t *tokens)
{
    int32_t seen[TABLE_PLACES];
    for (int32_t i = 0; i < TABLE_PLACES; i++) seen[i] = tokens[i] == EMPTY && t.model.classes.ends ? MASK : tokens[i];
    return table_page(&t.model, seen);
}

static int32_t leftmost(const page_spec *s, const int32_t *tokens, int32_t b)
{
    for (int32_t i = 0; i < s->max[b]; i++)
        if (tokens[s->from[b] + i] == MASK) return s->from[b] + i;
    return -1;
}

/* p[symbol] at a place: an end only behind `min` words, and not before a pinned word. */
static void look(const page_spec *s, const int32_t *tokens, int32_t b, int32_t place, double p[TABLE_SYMBOLS])
{
    double sum = 0.0;
    bool ends = place - s->from[b] >= s->min[b];
    for (int32_t i = place + 1; i < s->from[b] + s->max[b]; i++)
        ends = ends && (tokens[i] == MASK || tokens[i] == EMPTY);
    for (int32_t id = 0; id < TABLE_SYMBOLS; id++) {
        p[id] = id == EMPTY && !ends ? 0.0 : table_conditional(&t.model, seen_of(tokens), place, id);
        sum += p[id];
    }
    for (int32_t id = 0; id < TABLE_SYMBOLS; id++) p[id] /= sum;
}

static double largest(const double p[TABLE_SYMBOLS])
{
    double max = 0.0;
    for (int32_t id = 0; id < TABLE_SYMBOLS; id++) max = p[id] > max ? p[id] : max;
    return max;
}

/* out[page] += weight * probability of each full page that can follow. */
static void spread(pal_sampler sampler, const page_spec *s, const int32_t *tokens, double weight, double *out)
{
    double share[2] = {0.0, 0.0}, p[2][TABLE_SYMBOLS];
    int32_t place[2] = {-1, -1}, open = 0, best = -1;
    for (int32_t b = 0; b < s->blanks; b++) {
        place[b] = leftmost(s, tokens, b);
        if (place[b] < 0) continue;
        open++;
        look(s, tokens, b, place[b], p[b]);
        if (best < 0 || largest(p[b]) > largest(p[best])) best = b;
    }
    if (!open) {
        out[table_page(&t.model, tokens)] += weight;
        return;
    }
    for (int32_t b = 0; b < s->blanks; b++)
        if (place[b] >= 0) share[b] = sampler == PAL_ASCENDING ? b == best : 1.0 / open;
    for (int32_t b = 0; b < s->blanks; b++)
        for (int32_t id = 0; id < TABLE_SYMBOLS && share[b] > 0.0; id++) {
            int32_t next[TABLE_PLACES];
            if (p[b][id] <= 0.0) continue;
            memcpy(next, tokens, sizeof next);
            next[place[b]] = id;
            for (int32_t i = place[b] + 1; id == EMPTY && i < s->from[b] + s->max[b]; i++) next[i] = EMPTY;
            spread(sampler, s, next, weight * share[b] * p[b][id], out);
        }
}

static double sum_of(const double *probs)
{
    double sum = 0.0;
    for (int32_t page = 0; page < t.model.pages; page++)
        if (table_is_full(&t.model, page)) sum += probs[page];
    return sum;
}

/* ---- tests --------------------------------------------------------------------------------------------- */

/* With ends, and on networks that hold <empty> at every place behind the end. */
static void the_distribution_is_the_product_and_sums_to_1(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 2 * COUNT(specs) * COUNT(both); i++) {
        const page_spec *s = &specs[i % COUNT(specs)];
        const pal_sampler sampler = both[i / COUNT(specs) % COUNT(both)];
        double probs[TABLE_PAGES], wanted[TABLE_PAGES] = {0.0};
        learnt(SEED + i, i / COUNT(specs) / COUNT(both) % 2);
        start(sampler, s);
        assert_true(table_probs(&t, probs) < EXACT);
        spread(sampler, s, s->tokens, 1.0, wanted);
        assert_true(fabs(sum_of(probs) - 1.0) < EXACT);
        assert_true(table_distance(&t.model, probs, wanted) < EXACT);
    }
}

/* The engine's own random numbers, against enumeration. */
static void draws_follow_the_enumeration(void **state)
{
    (void)state;
    enum { DRAWS = 1500 };
    for (size_t i = 0; i < COUNT(specs) * COUNT(both); i++) {
        const page_spec *s = &specs[i % COUNT(specs)];
        static int32_t drawn[TABLE_PAGES];
        double wanted[TABLE_PAGES] = {0.0};
        learnt(SEED, true);
        spread(both[i / COUNT(specs)], s, s->tokens, 1.0, wanted);
        memset(drawn, 0, sizeof drawn);
        start(both[i / COUNT(specs)], s);
        for (uint32_t draft = 0; draft < DRAWS; draft++) drawn[table_draw(&t, SEED, draft)]++;
        const double excess = table_excess(&t.model, wanted, drawn, DRAWS);
        if (excess > 0.0) fail_msg("page %d: chi-square is %g too large", (int)(i % COUNT(specs)), excess);
    }
}

/* The order of `ascending` follows from the tokens, so the product of the reported probabilities is that of the page. */
static void the_probabilities_reported_multiply_to_that_of_the_page(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(specs); i++)
        for (uint32_t draft = 0; draft < 40; draft++) {
            double wanted[TABLE_PAGES] = {0.0}, product = 1.0;
            if (draft == 0) learnt(SEED + i, true);
            spread(PAL_ASCENDING, &specs[i], specs[i].tokens, 1.0, wanted);
            start(PAL_ASCENDING, &specs[i]);
            const int32_t page = table_draw(&t, SEED, draft);
            for (int32_t k = 0; k < t.fill.places; k++)
                if (!t.place[k].pinned) product *= (double)t.place[k].probability;
            assert_true(fabs(product - wanted[page]) < 1e-6 * wanted[page]); /* they are floats */
        }
}

/* Closed places have no rank and are not asked for again; an end by itself needs no new evaluation. */
static void closed_places_stay_unknown(void **state)
{
    (void)state;
    int32_t ended = 0, saved = 0;
    learnt(SEED, true);
    for (uint32_t draft = 0; draft < 200; draft++) {
        start(PAL_ASCENDING, &specs[3]);
        t.fill.options.draft = draft;
        for (bool more = true; more;) {
            const int32_t before = t.fill.evaluations;
            more = pal_fill_step(&t.fill, NULL) == PAL_MORE;
            saved += t.fill.evaluations == before;
            for (int32_t k = 0; k < 4; k++) {
                const bool closed = t.tokens[k] == EMPTY, known = !closed && t.tokens[k] != MASK;
                ended += closed;
                assert_int_equal(t.place[k].rank == PAL_RANK_UNKNOWN, !known);
            }
        }
        int32_t words = 0;
        for (int32_t k = 0; k < 4; k++) words += t.tokens[k] != EMPTY;
        assert_true(t.fill.evaluations <= words + 2);
        for (int32_t k = 0; k < 4; k++) /* the network saw masks there */
            if (t.tokens[k] == EMPTY) assert_int_equal(table_token(&t.model, t.model.seen, k), MASK);
    }
    assert_true(ended > 0 && saved > 0);
}

static void a_pinned_end_is_not_shown_and_can_be_lifted(void **state)
{
    (void)state;
    learnt(SEED, true);
    start(PAL_ASCENDING, &specs[0]);
    t.fill.place[2].step = t.fill.place[3].step = -1;
    pal_fill_pin(&t.fill, 2, EMPTY);
    pal_fill_pin(&t.fill, 3, EMPTY);
    assert_int_equal(t.fill.open, 2);
    while (pal_fill_step(&t.fill, NULL) == PAL_MORE) assert_int_equal(table_token(&t.model, t.model.seen, 2), MASK);
    assert_int_equal(t.place[3].rank, PAL_RANK_UNKNOWN);
    assert_true(t.tokens[0] != EMPTY);
    t.place[2].pinned = false;
    pal_fill_mask(&t.fill, 2);
    assert_int_equal(pal_fill_leftmost(&t.fill, &t.blank[0]), 2);
    assert_int_equal(t.fill.open, 1);
}

/* The lowest place wins a tie; an end competes like any other token. */
static void ties_go_to_the_first_blank_and_an_end_competes(void **state)
{
    (void)state;
    learnt(SEED, true);
    memset(t.model.logit, 0, sizeof t.model.logit);
    start(PAL_ASCENDING, &specs[5]);
    pal_fill_step(&t.fill, NULL);
    assert_int_equal(t.place[0].step, 1);
    memset(t.model.logit, 0, sizeof t.model.logit);
    for (int32_t page = 0; page < t.model.pages; page++) {
        t.model.logit[page][2][0] = 40.0f;
        t.model.logit[page][3][EMPTY] = 40.0f;
    }
    start(PAL_ASCENDING, &specs[5]);
    pal_fill_step(&t.fill, NULL);
    pal_fill_step(&t.fill, NULL);
    assert_int_equal(t.place[2].step, 1);
    assert_int_equal(t.place[3].step, 2);
    assert_true(t.tokens[3] == EMPTY && t.place[3].probability > 0.99f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_distribution_is_the_product_and_sums_to_1),
        cmocka_unit_test(draws_follow_the_enumeration),
        cmocka_unit_test(the_probabilities_reported_multiply_to_that_of_the_page),
        cmocka_unit_test(closed_places_stay_unknown),
        cmocka_unit_test(a_pinned_end_is_not_shown_and_can_be_lifted),
        cmocka_unit_test(ties_go_to_the_first_blank_and_an_end_competes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
