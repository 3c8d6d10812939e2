/* test_likelihood.c - the likelihoods of score.h against enumeration.
 *
 * On tables (table_model.h) the distribution of every sampler can be computed.  Ports reference checks C06, C07 and
 * C31. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "table_model.h"
#include "text/score.h"

#define EXACT        1e-12
#define FLOAT_LOGITS 1e-5 /* nats, where conditionals were rounded to float logits */
#define SEED         20240607
#define COUNT(a)     (sizeof(a) / sizeof *(a))

static table_fill t;
static _Alignas(64) unsigned char block[4096];

static const struct {
    pal_sampler sampler;
    pal_measure_fn *measure;
} orders[] = {
    {PAL_MARGIN, pal_measure_margin}, {PAL_ENTROPY, pal_measure_entropy}, {PAL_CONFIDENCE, pal_measure_confidence}};

static pal_scorer scorer_of(table_model *m)
{
    pal_scorer s = {.predictor = table_predictor(m), .classes = &m->classes};
    pal_arena arena = {.base = block, .red_zones = true};
    pal_scorer_layout(&s, m->classes.vocab, TABLE_PLACES + 1, &arena);
    assert_true(arena.used <= sizeof block);
    return s;
}

static void random_network(int32_t places, uint64_t seed, bool exact)
{
    table_init(&t.model, places, 3, false);
    table_random_joint(&t.model, seed, 0.35, 0.0, NULL);
    if (exact)
        table_exact(&t.model);
    else
        table_learnt(&t.model, seed);
}

/* ---- by definition ----------------------------------------------------------------------------------- */

/* The page with the tokens of text at the places in `shown`, a bit mask. */
static int32_t page_showing(const int32_t *text, unsigned shown)
{
    int32_t tokens[TABLE_PLACES];
    for (int32_t i = 0; i < t.model.places; i++) tokens[i] = shown >> i & 1 ? text[i] : t.model.symbols;
    return table_page(&t.model, tokens);
}

/* Over all orders of the places that are not in `shown`: the mean of -log p and the mean of p. */
typedef struct {
    double nats, likelihood;
    int32_t orders;
} order_mean;

static void visit_orders(const int32_t *text, unsigned shown, double nats, order_mean *mean)
{
    bool complete = true;
    for (int32_t i = 0; i < t.model.places; i++) {
        if (shown >> i & 1) continue;
        complete = false;
        double p = table_conditional(&t.model, page_showing(text, shown), i, text[i]);
        visit_orders(text, shown | 1u << i, nats - log(p), mean);
    }
    if (!complete) return;
    mean->nats += nats;
    mean->likelihood += exp(-nats);
    mean->orders++;
}

static order_mean mean_over_orders(const int32_t *text, int32_t given)
{
    order_mean mean = {0.0, 0.0, 0};
    visit_orders(text, (1u << given) - 1, 0.0, &mean);
    mean.nats /= mean.orders;
    mean.likelihood /= mean.orders;
    return mean;
}

/* The integral over t of (1 / t) * the cost of masking each place with probability t (MDLM).  Its integrand is a
 * polynomial of degree places - 1 <= 3, on which Gauss-Legendre with two nodes is exact. */
static double time_integral(const int32_t *text)
{
    double bound = 0.0;
    int32_t places = t.model.places;
    for (int32_t node = -1; node <= 1; node += 2)
        for (unsigned masked = 1; masked < 1u << places; masked++) {
            double time = 0.5 + node * 0.5 / sqrt(3.0), weight = 0.5 / time, cost = 0.0;
            for (int32_t i = 0; i < places; i++) {
                weight *= masked >> i & 1 ? time : 1.0 - time;
                if (masked >> i & 1) cost -= log(table_conditional(&t.model, page_showing(text, ~masked), i, text[i]));
            }
            bound += weight * cost;
        }
    return bound;
}

/* ---- the bound ---------------------------------------------------------------------------------------- */

/* C06: three forms of the bound are equal, and it is never below the exact -log p of first-hitting, whose distribution
 * sums to one.  The distribution is also enumerated with the sampler itself. */
static void bound_of_a_learnt_network_is_never_below_first_hitting(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        double probs[TABLE_PAGES], sum = 0.0, widest = 0.0;
        random_network(seed % 2 ? 4 : 3, SEED + seed, false);
        table_fill_start(&t, PAL_FIRST_HITTING, table_masked(&t.model));
        assert_true(table_probs(&t, probs) < EXACT);
        pal_scorer s = scorer_of(&t.model);
        for (int32_t page = 0; page < t.model.pages; page++) {
            int32_t text[TABLE_PLACES];
            if (!table_is_full(&t.model, page)) continue;
            table_tokens(&t.model, page, text);
            order_mean mean = mean_over_orders(text, 0);
            double bound = pal_score_bound(&s, text, t.model.places, 0);
            assert_true(fabs(bound - mean.nats) < EXACT);
            assert_true(fabs(bound - time_integral(text)) < EXACT);
            assert_true(bound >= -log(mean.likelihood) - EXACT);
            assert_true(fabs(probs[page] - mean.likelihood) < EXACT);
            sum += mean.likelihood;
            widest = fmax(widest, bound + log(mean.likelihood));
        }
        assert_true(fabs(sum - 1.0) < EXACT);
        assert_true(widest > 0.01); /* the network does contradict itself */
    }
}

/* C07, with 0 to 2 tokens given. */
static void bound_of_exact_conditionals_is_the_likelihood(void **state)
{
    (void)state;
    random_network(4, SEED, true);
    pal_scorer s = scorer_of(&t.model);
    for (int32_t page = 0; page < t.model.pages; page++)
        for (int32_t given = 0; given < 3; given++) {
            int32_t text[TABLE_PLACES];
            double probs[TABLE_PAGES];
            if (!table_is_full(&t.model, page)) continue;
            table_tokens(&t.model, page, text);
            table_given(&t.model, page_showing(text, (1u << given) - 1), probs);
            assert_true(fabs(pal_score_bound(&s, text, 4, given) + log(probs[page])) < FLOAT_LOGITS);
        }
}

/* One estimate per level and draw; the levels are those of k = 1 .. 4 masked tokens. */
static void masked_score_averaged_is_the_bound(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    const int32_t text[] = {2, 0, 1, 1};
    random_network(4, SEED, false);
    pal_scorer s = scorer_of(&t.model);
    for (int32_t given = 0; given < 2; given++) {
        int32_t length = 4 - given;
        double mean = 0.0, variance = 0.0;
        for (int32_t k = 0; k < length; k++) {
            double sum = 0.0, squares = 0.0;
            for (uint32_t draw = 0; draw < DRAWS; draw++) {
                double x = pal_score_masked(&s, text, 4, given, (k + 0.5) / length, SEED, draw, 0);
                sum += x;
                squares += x * x;
            }
            mean += sum / DRAWS / length;
            variance += (squares / DRAWS - sum / DRAWS * (sum / DRAWS)) / DRAWS / length / length;
        }
        double bound = pal_score_bound(&s, text, 4, given);
        print_message("    estimate %.5f +- %.5f, bound %.5f\n", mean, sqrt(variance), bound);
        assert_true(variance > 0.0 && sqrt(variance) < 0.02);
        assert_true(fabs(mean - bound) < 4.0 * sqrt(variance));
    }
}

/* C30: exactly k masks, and a network with equal uncertainty everywhere gives the same cost in every draw. */
static void masked_score_of_a_uniform_network_has_no_variance(void **state)
{
    (void)state;
    const int32_t text[] = {2, 0, 1, 1};
    table_init(&t.model, 4, 3, false);
    pal_scorer s = scorer_of(&t.model);
    for (uint32_t draw = 0; draw < 100; draw++) {
        double level = pal_uniform(SEED, PAL_DRAW_TOKEN, 0, 0, draw);
        assert_true(fabs(pal_score_masked(&s, text, 4, 0, level, SEED, draw, 1) - 4.0 * log(3.0)) < EXACT);
    }
}

/* ---- adaptive orders ----------------------------------------------------------------------------------- */

/* C31: for any network, each order defines a distribution whose likelihoods sum to one and equal those of the
 * sampler. */
static void adaptive_likelihoods_are_the_distribution_of_the_sampler_and_sum_to_one(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++)
        for (size_t i = 0; i < COUNT(orders); i++) {
            double probs[TABLE_PAGES], sum = 0.0;
            random_network(seed % 2 ? 4 : 3, SEED + seed, false);
            table_fill_start(&t, orders[i].sampler, table_masked(&t.model));
            assert_true(table_probs(&t, probs) < EXACT);
            pal_scorer s = scorer_of(&t.model);
            for (int32_t page = 0; page < t.model.pages; page++) {
                int32_t text[TABLE_PLACES];
                if (!table_is_full(&t.model, page)) continue;
                table_tokens(&t.model, page, text);
                double p = exp(-pal_score_adaptive(&s, text, t.model.places, 0, orders[i].measure));
                assert_true(fabs(p - probs[page]) < EXACT);
                sum += p;
            }
            assert_true(fabs(sum - 1.0) < EXACT);
        }
}

static void adaptive_likelihood_after_given_tokens_is_conditional(void **state)
{
    (void)state;
    random_network(4, SEED, false);
    pal_scorer s = scorer_of(&t.model);
    for (size_t i = 0; i < COUNT(orders); i++) {
        int32_t text[TABLE_PLACES] = {1, 2};
        double probs[TABLE_PAGES];
        table_fill_start(&t, orders[i].sampler, page_showing(text, 3));
        table_probs(&t, probs);
        for (text[2] = 0; text[2] < 3; text[2]++)
            for (text[3] = 0; text[3] < 3; text[3]++) {
                double p = exp(-pal_score_adaptive(&s, text, 4, 2, orders[i].measure));
                assert_true(fabs(p - probs[table_page(&t.model, text)]) < EXACT);
            }
    }
}

/* Every place of every page has two equally likely tokens, which depend on the page.  All places have the same
 * confidence, and the likelihood must take the first place, as the sampler does. */
static void adaptive_likelihood_with_equal_places_takes_the_first(void **state)
{
    (void)state;
    table_init(&t.model, 4, 3, false);
    for (int32_t page = 0; page < t.model.pages; page++)
        for (int32_t place = 0; place < 4; place++) t.model.logit[page][place][(page / 3 + place) % 3] = -1e30f;
    pal_scorer s = scorer_of(&t.model);
    for (size_t i = 0; i < COUNT(orders); i++) {
        double probs[TABLE_PAGES];
        table_fill_start(&t, orders[i].sampler, table_masked(&t.model));
        table_probs(&t, probs);
        for (int32_t page = 0; page < t.model.pages; page++) {
            int32_t text[TABLE_PLACES];
            if (!table_is_full(&t.model, page)) continue;
            table_tokens(&t.model, page, text);
            assert_true(fabs(exp(-pal_score_adaptive(&s, text, 4, 0, orders[i].measure)) - probs[page]) < EXACT);
        }
    }
}

static void adaptive_likelihood_takes_one_evaluation_a_token(void **state)
{
    (void)state;
    const int32_t text[] = {1, 2, 0, 0};
    random_network(4, SEED, false);
    pal_scorer s = scorer_of(&t.model);
    pal_score_adaptive(&s, text, 4, 1, pal_measure_margin);
    assert_int_equal(s.evaluations, 3);
    assert_int_equal(t.model.evaluations, 3);
}

/* ---- causal -------------------------------------------------------------------------------------------- */

/* Row i of a causal network predicts token i + 1; token 0 is BOS.  With exact conditionals the chain rule gives the
 * distribution.  The mask gets no mass here, so texts have all of it. */
static void causal_likelihoods_follow_the_chain_rule_and_sum_to_one(void **state)
{
    (void)state;
    for (int32_t exact = 0; exact < 2; exact++) {
        double sum = 0.0;
        random_network(4, SEED, exact);
        t.model.causal = true;
        for (int32_t page = 0; page < t.model.pages; page++)
            for (int32_t i = 0; i < 4; i++) t.model.logit[page][i][t.model.symbols] = -1e30f;
        pal_scorer s = scorer_of(&t.model);
        for (int32_t page = 0; page < t.model.pages; page++) {
            int32_t text[TABLE_PLACES + 1] = {t.model.symbols};
            if (!table_is_full(&t.model, page)) continue;
            table_tokens(&t.model, page, text + 1);
            double p = exp(-pal_score_causal(&s, text, 5, 1)), chain = 1.0;
            for (int32_t i = 0; i < 4; i++)
                chain *= table_conditional(&t.model, page_showing(text + 1, (1u << i) - 1), i, text[i + 1]);
            assert_true(fabs(p - chain) < EXACT);
            if (exact) assert_true(fabs(p - t.model.joint[page]) < FLOAT_LOGITS);
            sum += p;
        }
        assert_true(fabs(sum - 1.0) < EXACT);
        assert_int_equal(s.evaluations, 81); /* one a text */
    }
}

/* The mask, a control piece, is part of the softmax of a causal network but not of a diffusion network. */
static void control_pieces_count_in_causal_networks_alone(void **state)
{
    (void)state;
    const int32_t text[] = {3, 2, 0, 1};
    table_init(&t.model, 3, 3, false);
    for (int32_t page = 0; page < t.model.pages; page++)
        for (int32_t place = 0; place < 3; place++) t.model.logit[page][place][3] = 0.0f;
    pal_scorer s = scorer_of(&t.model);
    assert_true(fabs(pal_score_bound(&s, text + 1, 3, 0) - 3.0 * log(3.0)) < EXACT);
    t.model.causal = true;
    assert_true(fabs(pal_score_causal(&s, text, 4, 1) - 3.0 * log(4.0)) < EXACT);
}

static void likelihood_of_the_impossible_is_zero(void **state)
{
    (void)state;
    const int32_t text[] = {0, 1, 2};
    table_init(&t.model, 3, 3, false);
    for (int32_t page = 0; page < t.model.pages; page++) t.model.logit[page][1][1] = -1e30f;
    pal_scorer s = scorer_of(&t.model);
    assert_true(isinf(pal_score_bound(&s, text, 3, 0)));
    for (size_t i = 0; i < COUNT(orders); i++)
        assert_true(isinf(pal_score_adaptive(&s, text, 3, 0, orders[i].measure)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound_of_a_learnt_network_is_never_below_first_hitting),
        cmocka_unit_test(bound_of_exact_conditionals_is_the_likelihood),
        cmocka_unit_test(masked_score_averaged_is_the_bound),
        cmocka_unit_test(masked_score_of_a_uniform_network_has_no_variance),
        cmocka_unit_test(adaptive_likelihoods_are_the_distribution_of_the_sampler_and_sum_to_one),
        cmocka_unit_test(adaptive_likelihood_after_given_tokens_is_conditional),
        cmocka_unit_test(adaptive_likelihood_with_equal_places_takes_the_first),
        cmocka_unit_test(adaptive_likelihood_takes_one_evaluation_a_token),
        cmocka_unit_test(causal_likelihoods_follow_the_chain_rule_and_sum_to_one),
        cmocka_unit_test(control_pieces_count_in_causal_networks_alone),
        cmocka_unit_test(likelihood_of_the_impossible_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
