/* test_processors_draws.c - from logits to a token: the distribution of the draws, and Mirostat. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/random.h"
#include "processors_testing.h"

#include <math.h>
#include <string.h>

/* ---- draws ------------------------------------------------------------------------------------------ */

/* Pearson's chi-square over 8 tokens with every processor on; 7 degrees of freedom: above 24.3 once in a thousand. */
static void draws_of_many_positions_follow_the_distribution(void **state)
{
    (void)state;
    enum { N = 12, DRAWS = 200000 };
    const float logits[N] = {0.3f, 1.2f, -0.4f, 0.9f, 0.1f, -2.0f, 0.7f, -0.2f, 1.1f, -9.0f, 0.2f, -0.6f};
    const int32_t tokens[] = {1, 1, 8};
    const pal_logit_bias bias[] = {{2, 0.5}, {6, -INFINITY}};
    pal_choose_options o = pal_choose_defaults();
    const pal_choose_context context = {.tokens = tokens, .count = 3};
    pal_chosen drawn;
    int32_t seen[N] = {0}, possible = 0;
    double chi_square = 0.0, probs[N];
    lent l = lend(N);
    o.temperature = 1.3;
    o.repetition_penalty = 1.1;
    o.frequency_penalty = 0.1;
    o.logit_bias = bias;
    o.logit_bias_count = 2;
    o.top_k = 10;
    o.typical_p = 0.97;
    o.top_p = 0.93;
    o.min_p = 0.05;
    for (uint32_t i = 0; i < DRAWS; i++) {
        double u = pal_uniform(20240919, PAL_DRAW_TOKEN, 3, 0, i);
        assert_int_equal(pal_choose(&l.scratch, &o, logits, &context, u, &drawn, NULL), PAL_OK);
        seen[drawn.id]++;
    }
    memcpy(probs, l.scratch.probabilities, sizeof probs);
    for (int32_t id = 0; id < N; id++) {
        double expected = probs[id] * DRAWS;
        assert_true(expected > 0.0 || seen[id] == 0);
        if (expected > 0.0) chi_square += (seen[id] - expected) * (seen[id] - expected) / expected;
        possible += expected > 0.0;
    }
    assert_int_equal(possible, 8);
    if (chi_square > 24.3) fail_msg("chi-square %g", chi_square);
    assert_true(chi_square > 0.6); /* below: once in a thousand, too */
    give_back(&l);
}

/* ---- mirostat --------------------------------------------------------------------------------------- */

/* With a Zipf distribution (whose most probable token has 2.7 bits) the mean surprise of a long text reaches the
 * target. */
static void mirostat_on_a_zipf_distribution_reaches_its_target(void **state)
{
    (void)state;
    enum { N = 5000, TEXT = 3000, WARM_UP = 500 };
    static float logits[N];
    pal_choose_options o = pal_choose_defaults();
    const double targets[] = {3.5, 5.0, 6.0};
    lent l = lend(N);
    for (int32_t k = 0; k < N; k++) logits[k] = (float)(-1.1 * log(k + 1.0));
    o.mirostat = 2;
    for (size_t t = 0; t < COUNT(targets); t++) {
        pal_mirostat mirostat = pal_mirostat_start(targets[t]);
        const pal_choose_context context = {.mirostat = &mirostat};
        pal_chosen drawn;
        double sum = 0.0;
        o.mirostat_tau = targets[t];
        assert_true(mirostat.mu == 2.0 * targets[t]);
        for (uint32_t i = 0; i < TEXT; i++) {
            double u = pal_uniform(11, PAL_DRAW_TOKEN, 0, 0, i);
            assert_int_equal(pal_choose(&l.scratch, &o, logits, &context, u, &drawn, NULL), PAL_OK);
            if (i >= WARM_UP) sum += -pal_choose_logprob(&l.scratch, logits, drawn.id) / log(2.0);
        }
        double mean = sum / (TEXT - WARM_UP);
        if (fabs(mean - targets[t]) > 0.02) fail_msg("target %g bits, mean %g", targets[t], mean);
    }
    give_back(&l);
}

static void mirostat_from_any_saved_state_keeps_a_token(void **state)
{
    (void)state;
    const double mus[] = {-INFINITY, -1e308, 0.0, 1e308, INFINITY, NAN};
    const float logits[] = {0.0f, 1.0f, -1.0f};
    pal_choose_options o = pal_choose_defaults();
    lent l = lend(3);
    o.mirostat = 2;
    for (size_t i = 0; i < COUNT(mus); i++) {
        pal_mirostat mirostat = {mus[i]};
        const pal_choose_context context = {.mirostat = &mirostat};
        pal_chosen drawn;
        assert_int_equal(pal_choose(&l.scratch, &o, logits, &context, 0.4, &drawn, NULL), PAL_OK);
        assert_int_equal(drawn.id, 1);
        assert_true(drawn.probability > 0.0 && drawn.probability <= 1.0);
    }
    give_back(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_of_many_positions_follow_the_distribution),
        cmocka_unit_test(mirostat_on_a_zipf_distribution_reaches_its_target),
        cmocka_unit_test(mirostat_from_any_saved_state_keeps_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
