/* The Lab's histogram, its mixtures of logistics, and its Bayesian network (A1 to A4, C14). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab_testing.h"

enum { BINS = 64, TRUTH = 1, SHARES, HISTOGRAM, MIXTURE, HELD = 8, LEARNT, ENTROPY, SUMS };

static void likelihoods_are_in_order(void **state)
{
    (void)state;
    const double options[] = {400, 20000, BINS, 600, 2};
    lab_run r = lab_finished(&pal_lab_histogram, options, 5);
    const double *held = lab_values(&r, HELD), *learnt = lab_values(&r, LEARNT);
    double entropy = 0.0, cross = 0.0, shares = 0.0;
    for (int i = 0; i < BINS; i++) {
        entropy -= lab_values(&r, TRUTH)[i] * log(lab_values(&r, TRUTH)[i]);
        cross -= lab_values(&r, SHARES)[i] * log(lab_values(&r, HISTOGRAM)[i]);
        shares += lab_values(&r, SHARES)[i];
        assert_true(fabs(lab_values(&r, HISTOGRAM)[i] * (400 + BINS) - (400 * lab_values(&r, SHARES)[i] + 1)) < 1e-9);
    }
    assert_true(fabs(entropy - *lab_values(&r, ENTROPY)) < 1e-12 && fabs(cross - learnt[1]) < 1e-12 &&
                fabs(shares - 1.0) < 1e-12);
    /* 20000 samples: the mean of -log p has a standard deviation of 0.005 or less */
    assert_true(fabs(held[0] - entropy) < 0.025);
    for (int k = 0; k < 4; k++) assert_true(fabs(lab_values(&r, SUMS)[k] - 1.0) < 1e-12);
    for (int k = 1; k < 6; k++) assert_true(held[k] > held[0] - 0.01);
    assert_true(learnt[2] > learnt[3] && learnt[3] > learnt[4]); /* more components fit better */
    assert_true(held[4] < held[2] - 0.05 && held[4] < held[1]);  /* and three know the data better than the histogram */
    lab_free(&r);
}

/* The best logistic for samples of one, by a search of our own, is where training ends. */
static void one_logistic_is_the_most_likely_one(void **state)
{
    (void)state;
    const double options[] = {1000, 100, 16, 2000, 3};
    lab_run r = lab_finished(&pal_lab_histogram, options, 5);
    double best = INFINITY;
    for (double mean = 2; mean < 14; mean += 0.05)
        for (double scale = 0.5; scale < 8; scale += 0.05) {
            double sum = 0.0;
            for (int i = 0; i < 16; i++) {
                const double low = i ? 1 / (1 + exp(-(i - mean) / scale)) : 0,
                             high = i < 15 ? 1 / (1 + exp(-(i + 1 - mean) / scale)) : 1;
                sum -= lab_values(&r, SHARES)[i] * log(high - low);
            }
            best = fmin(best, sum);
        }
    assert_true(lab_values(&r, LEARNT)[2] < best + 1e-6 && lab_values(&r, LEARNT)[2] > best - 1e-3);
    lab_free(&r);
}

/* With the tables of Pearl's example the probability of a burglary after both calls is 0.284 (Russell and Norvig). */
static void the_alarm_has_the_posterior_of_the_book(void **state)
{
    (void)state;
    const double options[] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 400000, 7};
    lab_run r = lab_finished(&pal_lab_alarm, options, 12);
    double sum = 0.0, burglar = 0.0, all = 0.0;
    for (int i = 0; i < 32; i++) sum += lab_values(&r, 0)[i];
    assert_true(fabs(sum - 1.0) < 1e-14);
    for (int b = 0; b < 2; b++) /* p(b, both call), written out */
        for (int e = 0; e < 2; e++)
            for (int a = 0; a < 2; a++) {
                const double alarm = b && e ? 0.95 : b ? 0.94 : e ? 0.29 : 0.001;
                const double p =
                    (b ? 0.001 : 0.999) * (e ? 0.002 : 0.998) * (a ? alarm : 1 - alarm) * (a ? 0.9 * 0.7 : 0.05 * 0.01);
                all += p;
                burglar += b ? p : 0;
            }
    assert_true(fabs(lab_values(&r, 4)[3] - burglar / all) < 1e-14);
    assert_true(fabs(lab_values(&r, 4)[3] - 0.284) < 5e-4);
    /* about 835 of 400000 samples agree: a standard deviation of 0.016 */
    assert_true(lab_values(&r, 6)[3] > 700 && fabs(lab_values(&r, 5)[3] - 0.284) < 0.07);
    for (int q = 0; q < 5; q++) assert_true(fabs(lab_values(&r, 3)[q] - lab_values(&r, 2)[q]) < 0.0025);
    lab_free(&r);
}

static void without_a_sample_that_agrees_rejection_says_so(void **state)
{
    (void)state;
    const double options[] = {0.5, 0.5, 0, 0, 0, 0, 1, 0, 1, 0, 100, 1};
    lab_run r = lab_finished(&pal_lab_alarm, options, 12);
    assert_true(lab_values(&r, 5)[3] == -1.0 && lab_values(&r, 4)[3] == -1.0 && lab_values(&r, 6)[3] == 0.0);
    assert_true(fabs(lab_values(&r, 4)[0] - 0.5) < 1e-15);
    lab_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(likelihoods_are_in_order),
        cmocka_unit_test(one_logistic_is_the_most_likely_one),
        cmocka_unit_test(the_alarm_has_the_posterior_of_the_book),
        cmocka_unit_test(without_a_sample_that_agrees_rejection_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
