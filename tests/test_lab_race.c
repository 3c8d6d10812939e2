/* The Lab's race of few bits: the numbers of the reference check C11, and the formula by counting a small grid. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab_testing.h"

enum { OF_RANK = 1, WON = 3, NATS, PERPLEXITY, CHOSEN, TRUE_NATS };

static void losses_are_those_of_the_reference(void **state)
{
    (void)state;
    /* 64, 256, 1024, 4096 steps: the share revealed, and the perplexity */
    const double won[4] = {0.94, 0.81, 0.69, 0.57}, perplexity[4] = {1287, 635, 278, 120};
    lab_run r = lab_finished(&pal_lab_race, NULL, 0);
    assert_true(fabs(*lab_values(&r, TRUE_NATS) - 7.566) < 1e-3);
    for (int i = 0; i < 4; i++) {
        assert_true(fabs(lab_values(&r, WON)[2 * i] - won[i]) < 0.005);
        assert_true(fabs(lab_values(&r, PERPLEXITY)[2 * i] - perplexity[i]) < 0.5);
    }
    assert_true(fabs(lab_values(&r, CHOSEN)[0] - lab_values(&r, WON)[4]) < 1e-15);
    assert_true(lab_values(&r, OF_RANK)[0] > 0.99 && lab_values(&r, OF_RANK)[96] < 0.01);
    lab_free(&r);
    const double fine[4] = {50257, 1, 4096, 53};
    r = lab_finished(&pal_lab_race, fine, 4);
    assert_true(fabs(lab_values(&r, CHOSEN)[1] - *lab_values(&r, TRUE_NATS)) < 1e-6 &&
                fabs(lab_values(&r, CHOSEN)[0] - 1.0) < 3e-4); /* 1 / (1 - 1 / K) */
    lab_free(&r);
}

/* 10 equal tokens, 8 bits, 64 steps: how often a token whose u has 8 bits is before a mask whose u has many. */
static void the_formula_counts_the_grid(void **state)
{
    (void)state;
    enum { FINE = 200000 };
    const double options[4] = {10, 0, 64, 8};
    double wins = 0.0;
    for (int i = 0; i < FINE; i++) {
        const double x = -log((i + 0.5) / (double)FINE) * (0.1 / 64) / (63.0 / 64);
        wins += floor((1 - exp(-x)) * 256) / 256 / (double)FINE; /* u above e^-x; u is below 1 by at least 1 / 256 */
    }
    lab_run r = lab_finished(&pal_lab_race, options, 4);
    const double found = lab_values(&r, OF_RANK)[0];
    /* the formula takes 1 - e^-x for x, which is right for rare tokens: x is some 1 / 256 here */
    assert_true(found > 0.1 && found < 0.4 && fabs(64 * wins / 0.1 / found - 1.0) < 0.03);
    lab_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_those_of_the_reference),
        cmocka_unit_test(the_formula_counts_the_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
