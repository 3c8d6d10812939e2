/* test_parallel.c - the sampler that reveals several places at once: it reveals the places of its rule, and the loss
 * from drawing them independently is within the published bounds, or absent where places far apart are independent.  Ports reference checks C05 and C23. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "table_model.h"

#define EXACT        1e-12
#define FLOAT_LOGITS 1e-6 /* exact conditionals, rounded to the floats that a network answers with */
#define SEED         20240607
#define COUNT(a)     (sizeof(a) / sizeof *(a))

static table_fill t;

static void random_exact(int32_t places, uint64_t seed)
{
    table_init(&t.model, places, 3, false);
    table_random_joint(&t.model, seed, 0.35, 0.0, NULL);
    table_exact(&t.model);
}

static void random_learnt(int32_t places, uint64_t seed)
{
    table_init(&t.model, places, 3, false);
    table_random_joint(&t.model, seed, 0.35, 0.0, NULL);
    table_learnt(&t.model, seed);
}

static void start_parallel(int32_t page, double threshold, double entropy_bound)
{
    table_fill_start(&t, PAL_PARALLEL, page);
    t.fill.options.threshold = threshold;
    t.fill.options.entropy_bound = entropy_bound;
}

static void parallel_that_admits_one_place_is_the_adaptive_order(void **state)
{
    (void)state;
    const struct {
        double threshold, bound;
        pal_sampler same;
    } rules[] = {{1.0, 0.0, PAL_CONFIDENCE}, {0.0, 1e-9, PAL_ENTROPY}};
    random_learnt(4, SEED);
    for (size_t i = 0; i < COUNT(rules); i++) {
        double probs[TABLE_PAGES], wanted[TABLE_PAGES];
        start_parallel(table_masked(&t.model), rules[i].threshold, rules[i].bound);
        assert_true(table_probs(&t, probs) < EXACT);
        table_fill_start(&t, rules[i].same, table_masked(&t.model));
        table_probs(&t, wanted);
        assert_true(table_distance(&t.model, probs, wanted) < EXACT);
    }
}

/* C05: places drawn all at once are independent, which is not the true distribution. */
static void parallel_that_admits_all_places_draws_them_independently(void **state)
{
    (void)state;
    double probs[TABLE_PAGES], wanted[TABLE_PAGES];
    random_exact(3, SEED);
    table_product(&t.model, wanted);
    assert_true(table_distance(&t.model, wanted, t.model.joint) > 0.01);
    start_parallel(table_masked(&t.model), 1e-9, 0.0);
    assert_true(table_probs(&t, probs) < EXACT);
    assert_true(table_distance(&t.model, probs, wanted) < FLOAT_LOGITS);
    start_parallel(table_masked(&t.model), 0.0, 1e6);
    assert_true(table_probs(&t, probs) < EXACT);
    assert_true(table_distance(&t.model, probs, wanted) < FLOAT_LOGITS);
}

/* One text gets most of the mass: parallel decoding is meant for such distributions. */
static void random_peaked(int32_t places, uint64_t seed)
{
    table_init(&t.model, places, 3, false);
    table_random_joint(&t.model, seed, 0.3, 0.0, NULL);
    double rest = 0.6 * pal_uniform(seed, PAL_DRAW_SUBSET, 0, 0, 0);
    int32_t peak = (int32_t)(t.model.pages * pal_uniform(seed, PAL_DRAW_SUBSET, 0, 0, 1));
    while (!table_is_full(&t.model, peak)) peak = (peak + 1) % t.model.pages;
    for (int32_t page = 0; page < t.model.pages; page++) t.model.joint[page] *= rest;
    t.model.joint[peak] += 1.0 - rest;
    table_exact(&t.model);
}

/* Makes one step from `page`; returns the revealed places. */
static int32_t revealed_places(int32_t page, int32_t *place)
{
    int32_t count = 0;
    pal_fill_step(&t.fill, NULL);
    for (int32_t i = 0; i < t.model.places; i++)
        if (table_token(&t.model, page, i) != t.tokens[i]) place[count++] = i;
    return count;
}

/* The mass of texts that agree with the page and have the page's tokens at place[count]. */
static double mass_of(const double *given, const int32_t *tokens, const int32_t *place, int32_t count)
{
    double mass = 0.0;
    for (int32_t full = 0; full < t.model.pages; full++) {
        bool agrees = given[full] > 0.0;
        for (int32_t i = 0; i < count && agrees; i++)
            agrees = table_token(&t.model, full, place[i]) == tokens[place[i]];
        if (agrees) mass += given[full];
    }
    return mass;
}

/* C23, Wu et al. 2025: if all n revealed marginals exceed 1 - e and (n + 1) e <= 1, the likeliest tokens taken one
 * by one are the likeliest together.  The threshold 0.75 admits n = 3. */
static void parallel_threshold_greedy_finds_the_joint_mode(void **state)
{
    (void)state;
    int32_t several = 0;
    for (uint64_t seed = 0; seed < 150; seed++) {
        random_peaked(seed % 2 ? 3 : 4, SEED + seed);
        int32_t page = table_masked(&t.model), place[TABLE_PLACES], tokens[TABLE_PLACES];
        double given[TABLE_PAGES];
        if (t.model.places == 4) page = table_with(&t.model, page, 1, 0);
        if (!table_given(&t.model, page, given)) continue;
        start_parallel(page, 0.75, 0.0);
        t.fill.options.temperature = 0.0;
        int32_t count = revealed_places(page, place);
        for (int32_t i = 0; i < count && count > 1; i++)
            assert_true(table_conditional(&t.model, page, place[i], t.tokens[place[i]]) > 0.75);
        double mass = mass_of(given, t.tokens, place, count);
        for (int32_t full = 0; full < t.model.pages; full++) {
            table_tokens(&t.model, full, tokens);
            if (count > 1 && given[full] > 0.0) assert_true(mass_of(given, tokens, place, count) <= mass + EXACT);
        }
        several += count > 1;
    }
    assert_true(several > 50);
}

static double entropy_of(int32_t page, int32_t place)
{
    return -table_score(&t.model, PAL_ENTROPY, page, place);
}

/* KL divergence of the joint distribution of place[count] from the product of its marginals. */
static double divergence(const double *given, int32_t page, const int32_t *place, int32_t count)
{
    double kl = 0.0;
    for (int32_t full = 0; full < t.model.pages; full++) {
        int32_t tokens[TABLE_PLACES];
        if (given[full] == 0.0) continue;
        table_tokens(&t.model, full, tokens);
        double product = 1.0;
        for (int32_t i = 0; i < count; i++) product *= table_conditional(&t.model, page, place[i], tokens[place[i]]);
        kl += given[full] * log(mass_of(given, tokens, place, count) / product);
    }
    return kl;
}

/* C23, Ben-Hamu et al. 2025: the loss from the independent draw is at most the sum of the entropies minus the largest
 * one.  This is within the bound, and with one more place it would not be. */
static void parallel_entropy_bound_holds_and_is_used_up(void **state)
{
    (void)state;
    const double bound = 0.7;
    int32_t several = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        random_peaked(4, SEED + seed);
        int32_t page = table_masked(&t.model), place[TABLE_PLACES];
        double given[TABLE_PAGES], sum = 0.0, largest = 0.0;
        table_given(&t.model, page, given);
        start_parallel(page, 0.0, bound);
        int32_t count = revealed_places(page, place);
        for (int32_t i = 0; i < count; i++) {
            sum += entropy_of(page, place[i]);
            largest = fmax(largest, entropy_of(page, place[i]));
        }
        assert_true(sum - largest <= bound);
        assert_true(divergence(given, page, place, count) <= sum - largest + FLOAT_LOGITS);
        for (int32_t i = 0; i < 4; i++)
            if (t.tokens[i] == t.model.symbols) {
                assert_true(entropy_of(page, i) >= largest);
                assert_true(sum > bound);
            }
        several += count > 1;
    }
    assert_true(several > 50);
}

static void start_apart(int32_t page, int32_t distance)
{
    start_parallel(page, 0.0, 0.0);
    t.fill.options.distance = distance;
}

static void parallel_with_a_distance_beyond_the_page_is_the_adaptive_order(void **state)
{
    (void)state;
    double probs[TABLE_PAGES], wanted[TABLE_PAGES];
    random_learnt(4, SEED);
    table_fill_start(&t, PAL_CONFIDENCE, table_masked(&t.model));
    table_probs(&t, wanted);
    const int32_t distances[] = {0, 4, 100}; /* 0: the default */
    for (size_t i = 0; i < COUNT(distances); i++) {
        start_apart(table_masked(&t.model), distances[i]);
        assert_true(table_probs(&t, probs) < EXACT);
        assert_true(table_distance(&t.model, probs, wanted) < EXACT);
    }
}

static void parallel_with_distance_one_draws_all_places_independently(void **state)
{
    (void)state;
    double probs[TABLE_PAGES], wanted[TABLE_PAGES];
    random_exact(3, SEED);
    table_product(&t.model, wanted);
    start_apart(table_masked(&t.model), 1);
    assert_true(table_probs(&t, probs) < EXACT);
    assert_true(table_distance(&t.model, probs, wanted) < FLOAT_LOGITS);
}

/* Two pairs of neighbours that depend on each other, but not on the other pair. */
static void random_pairs(uint64_t seed)
{
    table_init(&t.model, 4, 3, false);
    const int32_t symbols = t.model.symbols, pairs = symbols * symbols;
    for (int32_t page = 0; page < t.model.pages; page++) {
        int32_t token[TABLE_PLACES];
        table_tokens(&t.model, page, token);
        t.model.joint[page] = table_is_full(&t.model, page);
        for (int32_t i = 0; i < 4 && table_is_full(&t.model, page); i += 2)
            t.model.joint[page] *= pal_uniform(seed, PAL_DRAW_SUBSET, 0, (uint32_t)i,
                                               (uint32_t)(i * pairs + token[i] * symbols + token[i + 1]));
    }
    double sum = 0.0;
    for (int32_t page = 0; page < t.model.pages; page++) sum += t.model.joint[page];
    for (int32_t page = 0; page < t.model.pages; page++) t.model.joint[page] /= sum;
    table_exact(&t.model);
}

/* Neighbours are never drawn together, so nothing is lost; the pairs are, so half of the evaluations are saved. */
static void parallel_by_distance_is_exact_where_places_far_apart_are_independent(void **state)
{
    (void)state;
    double probs[TABLE_PAGES], product[TABLE_PAGES];
    for (uint64_t seed = 0; seed < 10; seed++) {
        random_pairs(SEED + seed);
        start_apart(table_masked(&t.model), 2);
        assert_true(table_probs(&t, probs) < EXACT);
        assert_true(table_distance(&t.model, probs, t.model.joint) < FLOAT_LOGITS);
        table_product(&t.model, product);
        assert_true(table_distance(&t.model, product, t.model.joint) > 0.01);
        start_apart(table_masked(&t.model), 2);
        table_draw(&t, seed, 0);
        assert_true(t.fill.evaluations == 2 || t.fill.evaluations == 3);
    }
}

/* Whether a place is at least this far from each of place[count]. */
static bool apart(const int32_t *place, int32_t count, int32_t candidate, int32_t distance)
{
    bool far = true;
    for (int32_t i = 0; i < count; i++) far = far && abs(place[i] - candidate) >= distance;
    return far;
}

/* As many places as fit, the most certain one among them; of blanks that are not longer than the distance, one each. */
static void parallel_reveals_all_places_that_fit_and_one_per_blank(void **state)
{
    (void)state;
    const int32_t from[2] = {0, 2}, length[2] = {2, 2};
    for (uint64_t seed = 0; seed < 100; seed++) {
        random_learnt(4, SEED + seed);
        const int32_t page = table_masked(&t.model), distance = 2 + (int32_t)(seed % 2);
        int32_t place[TABLE_PLACES], surest = 0;
        table_fill_blanks(&t, PAL_PARALLEL, page, 2, from, length, length);
        t.fill.options.distance = distance;
        const int32_t count = revealed_places(page, place);
        for (int32_t i = 0; i < 4; i++) {
            if (table_score(&t.model, PAL_CONFIDENCE, page, i) > table_score(&t.model, PAL_CONFIDENCE, page, surest))
                surest = i;
            assert_int_equal(apart(place, count, i, distance), 0); /* revealed ones are no distance from themselves */
        }
        bool has = false;
        for (int32_t i = 0; i < count; i++) {
            has = has || place[i] == surest;
            assert_true(apart(place, i, place[i], distance));
            assert_true(!i || place[i] / 2 != place[i - 1] / 2);
        }
        assert_true(has);
        assert_int_equal(t.fill.evaluations, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parallel_that_admits_one_place_is_the_adaptive_order),
        cmocka_unit_test(parallel_that_admits_all_places_draws_them_independently),
        cmocka_unit_test(parallel_threshold_greedy_finds_the_joint_mode),
        cmocka_unit_test(parallel_entropy_bound_holds_and_is_used_up),
        cmocka_unit_test(parallel_with_a_distance_beyond_the_page_is_the_adaptive_order),
        cmocka_unit_test(parallel_with_distance_one_draws_all_places_independently),
        cmocka_unit_test(parallel_by_distance_is_exact_where_places_far_apart_are_independent),
        cmocka_unit_test(parallel_reveals_all_places_that_fit_and_one_per_blank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
