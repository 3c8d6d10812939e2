/* test_samplers.c - each sampler against its documented distribution.
 *
 * The networks are tables (table_model.h), so the distribution of a sampler's texts is computed by visiting every
 * outcome of every draw, and compared with the expected distribution.  C03, C22, ... are ported reference checks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table_model.h"
#include "text/probabilities.h"

#define EXACT        1e-12 /* sums of a few hundred doubles */
#define FLOAT_LOGITS 1e-6  /* exact conditionals, but rounded to the floats that a network answers with */
#define SEED         20240607
#define COUNT(a)     (sizeof(a) / sizeof *(a))

static table_fill t; /* the tests run one after the other */
static const pal_sampler one_by_one[] = {PAL_FIRST_HITTING, PAL_MARGIN, PAL_ENTROPY, PAL_CONFIDENCE};

static void random_exact(int32_t places, uint64_t seed, double zeros)
{
    table_init(&t.model, places, 3, false);
    table_random_joint(&t.model, seed, 0.35, zeros, NULL);
    table_exact(&t.model);
}

static void random_learnt(int32_t places, uint64_t seed)
{
    table_init(&t.model, places, 3, false);
    table_random_joint(&t.model, seed, 0.35, 0.0, NULL);
    table_learnt(&t.model, seed);
}

/* ---- the exact samplers ----------------------------------------------------------------------------- */

/* The largest distance to the conditional distribution over all pages with at least one mask. */
static double worst_distance(pal_sampler sampler)
{
    double worst = 0.0;
    for (int32_t page = 0; page < t.model.pages; page++) {
        double probs[TABLE_PAGES], wanted[TABLE_PAGES];
        if (table_is_full(&t.model, page) || !table_given(&t.model, page, wanted)) continue;
        table_fill_start(&t, sampler, page);
        double spread = table_probs(&t, probs);
        assert_true(spread < EXACT);
        worst = fmax(worst, table_distance(&t.model, probs, wanted));
    }
    return worst;
}

/* C04.  The tetracode, the words (a, b, a + b, a + 2b) modulo 3: given any revealed places, an open place is uniform
 * over one or three symbols, which floats represent exactly.  So the logits have no rounding error. */
static bool is_codeword(const table_model *m, int32_t full)
{
    int32_t x[TABLE_PLACES];
    table_tokens(m, full, x);
    return x[2] == (x[0] + x[1]) % 3 && x[3] == (x[0] + 2 * x[1]) % 3;
}

static void exact_samplers_on_a_code_reproduce_its_distribution_to_rounding(void **state)
{
    (void)state;
    table_init(&t.model, 4, 3, false);
    for (int32_t page = 0; page < t.model.pages; page++)
        t.model.joint[page] = table_is_full(&t.model, page) && is_codeword(&t.model, page) ? 1.0 / 9.0 : 0.0;
    table_exact(&t.model);
    for (size_t i = 0; i < COUNT(one_by_one); i++) assert_true(worst_distance(one_by_one[i]) < EXACT);
}

/* C04, C09: from every page, that is, with any tokens given at any places. */
static void exact_samplers_reproduce_the_conditional_distribution_of_every_page(void **state)
{
    (void)state;
    for (uint64_t probs = 0; probs < 6; probs++) {
        random_exact(probs < 4 ? 3 : 4, SEED + probs, probs % 2 ? 0.4 : 0.0);
        for (size_t i = 0; i < COUNT(one_by_one); i++) {
            double distance = worst_distance(one_by_one[i]);
            if (distance >= FLOAT_LOGITS) fail_msg("%s: %g", pal_sampler_name(one_by_one[i]), distance);
        }
    }
}

/* ---- networks whose conditionals contradict each other: order matters ---------------- */

/* The distribution by its definition: repeatedly a random place, or the one with the highest score, then a token. */
static void defined_probs(const table_model *m, pal_sampler sampler, int32_t page, double weight, double *probs)
{
    int32_t open[TABLE_PLACES], count = 0, best = 0;
    for (int32_t i = 0; i < m->places; i++)
        if (table_token(m, page, i) == m->symbols) open[count++] = i;
    if (!count) {
        probs[page] += weight;
        return;
    }
    for (int32_t i = 1; i < count; i++)
        if (table_score(m, sampler, page, open[i]) > table_score(m, sampler, page, open[best])) best = i;
    for (int32_t i = 0; i < count; i++) {
        if (sampler != PAL_FIRST_HITTING && i != best) continue;
        double share = sampler == PAL_FIRST_HITTING ? weight / count : weight;
        for (int32_t s = 0; s < m->symbols; s++)
            defined_probs(m, sampler, table_with(m, page, open[i], s), share * table_conditional(m, page, open[i], s),
                          probs);
    }
}

static void exact_samplers_on_learnt_networks_follow_their_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        random_learnt(seed < 2 ? 3 : 4, SEED + seed);
        for (size_t i = 0; i < COUNT(one_by_one); i++) {
            double probs[TABLE_PAGES], wanted[TABLE_PAGES] = {0.0};
            table_fill_start(&t, one_by_one[i], table_masked(&t.model));
            assert_true(table_probs(&t, probs) < EXACT);
            defined_probs(&t.model, one_by_one[i], table_masked(&t.model), 1.0, wanted);
            assert_true(table_distance(&t.model, probs, wanted) < EXACT);
        }
    }
}

/* If two of these distributions were equal, the test above could not find a wrong order. */
static void orders_on_learnt_networks_give_different_distributions(void **state)
{
    (void)state;
    double probs[COUNT(one_by_one)][TABLE_PAGES];
    random_learnt(4, SEED + 2);
    for (size_t i = 0; i < COUNT(one_by_one); i++) {
        table_fill_start(&t, one_by_one[i], table_masked(&t.model));
        table_probs(&t, probs[i]);
        for (size_t j = 0; j < i; j++) assert_true(table_distance(&t.model, probs[i], probs[j]) > 1e-3);
    }
}

static void adaptive_samplers_with_equal_places_take_the_first(void **state)
{
    (void)state;
    table_init(&t.model, 3, 3, false); /* all logits zero */
    for (size_t i = 1; i < COUNT(one_by_one); i++) {
        table_fill_start(&t, one_by_one[i], table_masked(&t.model));
        for (int32_t place = 0; place < 3; place++) {
            pal_fill_step(&t.fill, NULL);
            assert_int_equal(t.place[place].step, place + 1);
        }
    }
}

/* ---- ancestral ------------------------------------------------------------------------------------- */

static double timed_probs(pal_sampler sampler, int32_t steps, double remask, double *probs)
{
    table_fill_start(&t, sampler, table_masked(&t.model));
    t.fill.options.steps = steps;
    t.fill.options.remask = remask;
    return table_probs(&t, probs);
}

/* Slope of log y over log x by least squares. */
static double log_slope(const double *x, const double *y, int32_t n)
{
    double sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (int32_t i = 0; i < n; i++) {
        double a = log(x[i]), b = log(y[i]);
        sx += a, sy += b, sxx += a * a, sxy += a * b;
    }
    return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

/* How fast the distance to the true distribution falls with the number of steps, with remask probability c / K. */
static double convergence(pal_sampler sampler, double c)
{
    double steps[5], distance[5], probs[TABLE_PAGES];
    for (int32_t i = 0; i < 5; i++) {
        steps[i] = 8 << i;
        assert_true(timed_probs(sampler, 8 << i, c / steps[i], probs) < EXACT);
        distance[i] = table_distance(&t.model, probs, t.model.joint);
    }
    print_message("    distance at K = 8: %.5f, at K = 128: %.5f\n", distance[0], distance[4]);
    return log_slope(steps, distance, 5);
}

static void ancestral_in_one_step_draws_all_places_independently(void **state)
{
    (void)state;
    double probs[TABLE_PAGES], wanted[TABLE_PAGES];
    random_learnt(4, SEED);
    assert_true(timed_probs(PAL_ANCESTRAL, 1, 0.0, probs) < EXACT);
    table_product(&t.model, wanted);
    assert_true(table_distance(&t.model, probs, wanted) < EXACT);
}

/* C03. */
static void ancestral_converges_as_one_over_steps(void **state)
{
    (void)state;
    for (uint64_t probs = 0; probs < 2; probs++) {
        random_exact(3, SEED + probs, 0.0);
        assert_true(fabs(convergence(PAL_ANCESTRAL, 0.0) + 1.0) < 0.1);
    }
}

/* A place is revealed in one of K steps, all equally likely; steps that reveal nothing cost nothing (2.1). */
static void ancestral_evaluates_as_often_as_the_formula_says(void **state)
{
    (void)state;
    const int32_t steps[] = {1, 2, 5, 16};
    double probs[TABLE_PAGES];
    random_learnt(4, SEED);
    for (size_t i = 0; i < COUNT(steps); i++) {
        double k = steps[i];
        timed_probs(PAL_ANCESTRAL, steps[i], 0.0, probs);
        assert_true(fabs(t.evaluations - k * (1.0 - pow(1.0 - 1.0 / k, 4))) < EXACT);
    }
}

/* ---- remask ----------------------------------------------------------------------------------------- */

/* C22: for any remask probability (with `cap` up to (1 - alpha_s) / alpha_t), every place is masked after step s of K
 * with probability 1 - s / K, and given places never are. */
static void remask_keeps_the_masked_share_of_every_place(void **state)
{
    (void)state;
    const int32_t steps[] = {1, 2, 5, 16};
    const double eta[] = {0.0, 0.04, 0.3, 1.0};
    static double history[17 * TABLE_PAGES];
    random_learnt(3, SEED);
    int32_t start = table_with(&t.model, table_masked(&t.model), 1, 2);
    for (size_t i = 0; i < COUNT(steps) * COUNT(eta); i++) {
        int32_t k = steps[i / COUNT(eta)];
        double probs[TABLE_PAGES];
        table_fill_start(&t, PAL_REMASK, start);
        t.fill.options.steps = k;
        t.fill.options.remask = eta[i % COUNT(eta)];
        t.history = history;
        assert_true(table_probs(&t, probs) < EXACT);
        for (int32_t step = 0; step <= k; step++) {
            double masked[3] = {0.0};
            for (int32_t page = 0; page < t.model.pages; page++)
                for (int32_t place = 0; place < 3; place++)
                    if (table_token(&t.model, page, place) == t.model.symbols)
                        masked[place] += history[step * t.model.pages + page];
            for (int32_t place = 0; place < 3; place++)
                assert_true(fabs(masked[place] - (place == 1 ? 0.0 : 1.0 - step / (double)k)) < EXACT);
        }
    }
}

static void remask_with_probability_zero_is_ancestral(void **state)
{
    (void)state;
    double remask[TABLE_PAGES], ancestral[TABLE_PAGES];
    random_learnt(3, SEED);
    timed_probs(PAL_REMASK, 7, 0.0, remask);
    timed_probs(PAL_ANCESTRAL, 7, 0.0, ancestral);
    assert_true(table_distance(&t.model, remask, ancestral) < EXACT);
}

static void remask_with_probability_c_over_steps_converges_as_one_over_steps(void **state)
{
    (void)state;
    random_exact(3, SEED, 0.0);
    assert_true(fabs(convergence(PAL_REMASK, 1.0) + 1.0) < 0.1);
}

/* Why remask is called approximate: with the largest remask probability that keeps these fractions, more steps do not
 * help. */
static void remask_with_the_largest_probability_does_not_converge(void **state)
{
    (void)state;
    double probs[TABLE_PAGES];
    random_exact(3, SEED, 0.0);
    timed_probs(PAL_REMASK, 64, 1.0, probs);
    assert_true(table_distance(&t.model, probs, t.model.joint) > 0.01);
}

/* ---- what is drawn by the engine's own random numbers ----------------------------------------------- */

/* The value that chi-square with df degrees of freedom exceeds once in 10,000 (Wilson and Hilferty 1931). */
static double chi_square_limit(int32_t df)
{
    double a = 2.0 / (9.0 * df), root = 1.0 - a + 3.719 * sqrt(a);
    return df * root * root * root;
}

/* Texts expected less than five times share one class. */
static void assert_drawn_from(const double *probs, const int32_t *drawn, int32_t drafts, const char *name)
{
    double chi = 0.0, rest = 0.0;
    int32_t classes = 0, rest_drawn = 0;
    for (int32_t page = 0; page < t.model.pages; page++) {
        double expected = probs[page] * drafts;
        if (probs[page] == 0.0) assert_int_equal(drawn[page], 0);
        if (expected < 5.0) {
            rest += expected;
            rest_drawn += drawn[page];
            continue;
        }
        chi += (drawn[page] - expected) * (drawn[page] - expected) / expected;
        classes++;
    }
    if (rest > 0.0) chi += (rest_drawn - rest) * (rest_drawn - rest) / rest;
    classes += rest > 0.0;
    print_message("    %-13s chi-square %.1f, limit %.1f\n", name, chi, chi_square_limit(classes - 1));
    assert_true(chi < chi_square_limit(classes - 1));
}

static void draw_many(int32_t drafts, int32_t *drawn)
{
    memset(drawn, 0, TABLE_PAGES * sizeof *drawn);
    for (int32_t draft = 0; draft < drafts; draft++) drawn[table_draw(&t, SEED, (uint32_t)draft)]++;
}

/* Exact conditionals, two tokens given: 20,000 drafts of each exact sampler against the conditional distribution. */
static void exact_samplers_drawn_follow_the_conditional_distribution(void **state)
{
    (void)state;
    double probs[TABLE_PAGES];
    int32_t drawn[TABLE_PAGES];
    random_exact(4, SEED + 4, 0.0);
    int32_t page = table_with(&t.model, table_with(&t.model, table_masked(&t.model), 0, 1), 2, 0);
    table_given(&t.model, page, probs);
    for (size_t i = 0; i < COUNT(one_by_one); i++) {
        table_fill_start(&t, one_by_one[i], page);
        draw_many(20000, drawn);
        assert_drawn_from(probs, drawn, 20000, pal_sampler_name(one_by_one[i]));
    }
}

/* All seven on a learnt network with one token given, against their enumerated distributions: tests the random numbers
 * that the enumeration replaces, and pal_fill_step, which skips time steps without an event. */
static void every_sampler_drawn_follows_its_enumerated_distribution(void **state)
{
    (void)state;
    double probs[TABLE_PAGES];
    int32_t drawn[TABLE_PAGES];
    random_learnt(4, SEED + 5);
    int32_t page = table_with(&t.model, table_masked(&t.model), 1, 2);
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        table_fill_start(&t, sampler, page);
        t.fill.options.threshold = sampler == PAL_PARALLEL ? 0.5 : 0.0;
        t.fill.options.steps = sampler == PAL_ANCESTRAL || sampler == PAL_REMASK ? 4 : 0;
        t.fill.options.remask = sampler == PAL_REMASK ? 0.3 : -1.0;
        table_probs(&t, probs);
        draw_many(20000, drawn);
        assert_drawn_from(probs, drawn, 20000, pal_sampler_name(sampler));
    }
}

/* ---- C11: limited precision ------------------------------------------------------------------------- */

enum { ZIPF_WORDS = 50257, ZIPF_PLACES = 500, ZIPF_STEPS = 4096, ZIPF_HEAD = 400 };

static void zipf_evaluate(void *context, const pal_query *q)
{
    (void)context, (void)q;
}

static bool zipf_logits(void *context, const int *at, int count, float *logits)
{
    (void)at;
    for (int i = 0; i < count; i++)
        memcpy(logits + (size_t)i * (ZIPF_WORDS + 1), context, (ZIPF_WORDS + 1) * sizeof *logits);
    return true;
}

/* p(k) = 1 / k / H, and the rate at which a race of all tokens against the mask writes k with 24-bit numbers and K
 * steps. */
static void zipf_tail_shares(double *ideal, double *race)
{
    double sum = 0.0, head = 0.0, race_sum = 0.0, race_head = 0.0;
    for (int32_t k = 1; k <= ZIPF_WORDS; k++) sum += 1.0 / k;
    for (int32_t k = 1; k <= ZIPF_WORDS; k++) {
        double p = 1.0 / k / sum, c = 0x1p24 * p / ZIPF_STEPS / (1.0 - 1.0 / ZIPF_STEPS);
        double emitted = 1.0 / expm1(1.0 / c);
        race_sum += emitted;
        if (k <= ZIPF_HEAD) head += p, race_head += emitted;
    }
    *ideal = 1.0 - head;
    *race = 1.0 - race_head / race_sum;
}

/* ancestral with 4096 steps over 50,257 words, a Zipf distribution at every place: a race of all words against the mask
 * in single precision would write rare words far too rarely; drawing events first and words later does not. */
static void ancestral_with_many_steps_and_words_keeps_the_tail(void **state)
{
    (void)state;
    static float logit[ZIPF_WORDS + 1];
    static uint8_t of[ZIPF_WORDS + 1], byte[ZIPF_WORDS + 1];
    static int32_t tokens[ZIPF_PLACES];
    static pal_fill_place place[ZIPF_PLACES];
    pal_classes classes = {.vocab = ZIPF_WORDS + 1, .mask = ZIPF_WORDS, .empty = -1, .of = of, .byte = byte};
    pal_blank blank = {.min = ZIPF_PLACES, .max = ZIPF_PLACES};
    of[ZIPF_WORDS] = PAL_CLASS_NO_FILL | PAL_CLASS_LEFT_OUT;
    for (int32_t k = 0; k < ZIPF_WORDS; k++) logit[k] = (float)-log(k + 1.0);
    for (int32_t i = 0; i < ZIPF_PLACES; i++) place[i] = (pal_fill_place){.at = i, .index = i};
    pal_fill f = {
        .predictor = {.context = logit, .vocab = ZIPF_WORDS + 1, .evaluate = zipf_evaluate, .logits = zipf_logits},
        .classes = &classes};
    f.options = (pal_infill_options){.sampler = PAL_ANCESTRAL, .seed = SEED, .steps = ZIPF_STEPS, .temperature = 1.0};
    f.options.top_p = f.options.repetition_penalty = 1.0;
    f.n = f.places = ZIPF_PLACES;
    f.tokens = tokens;
    f.blanks = 1;
    f.blank = &blank;
    f.place = place;
    pal_arena arena = {0};
    pal_fill_layout(&f, classes.vocab, f.n, f.places, &arena);
    void *block = malloc(arena.used + PAL_ARENA_SLACK);
    assert_non_null(block);
    arena = pal_arena_in(block);
    pal_fill_layout(&f, classes.vocab, f.n, f.places, &arena);
    pal_fill_start(&f);
    while (pal_fill_step(&f, NULL) == PAL_MORE) {
    }

    double ideal, race;
    int32_t tail = 0;
    zipf_tail_shares(&ideal, &race);
    for (int32_t i = 0; i < ZIPF_PLACES; i++) tail += tokens[i] >= ZIPF_HEAD;
    double error = sqrt(ideal * (1.0 - ideal) / ZIPF_PLACES), share = tail / (double)ZIPF_PLACES;
    print_message("    beyond word 400: %.3f, due %.3f +- %.3f, a 24-bit race gives %.3f\n", share, ideal, error, race);
    assert_true(fabs(share - ideal) < 4.0 * error);
    assert_true(ideal - race > 8.0 * error);
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_samplers_on_a_code_reproduce_its_distribution_to_rounding),
        cmocka_unit_test(exact_samplers_reproduce_the_conditional_distribution_of_every_page),
        cmocka_unit_test(exact_samplers_on_learnt_networks_follow_their_definition),
        cmocka_unit_test(orders_on_learnt_networks_give_different_distributions),
        cmocka_unit_test(adaptive_samplers_with_equal_places_take_the_first),
        cmocka_unit_test(ancestral_in_one_step_draws_all_places_independently),
        cmocka_unit_test(ancestral_converges_as_one_over_steps),
        cmocka_unit_test(ancestral_evaluates_as_often_as_the_formula_says),
        cmocka_unit_test(remask_keeps_the_masked_share_of_every_place),
        cmocka_unit_test(remask_with_probability_zero_is_ancestral),
        cmocka_unit_test(remask_with_probability_c_over_steps_converges_as_one_over_steps),
        cmocka_unit_test(remask_with_the_largest_probability_does_not_converge),
        cmocka_unit_test(exact_samplers_drawn_follow_the_conditional_distribution),
        cmocka_unit_test(every_sampler_drawn_follows_its_enumerated_distribution),
        cmocka_unit_test(ancestral_with_many_steps_and_words_keeps_the_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
