/* The Lab's density with two modes: closed forms, learnt scores, and what the samplers draw (C18). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab/fit.h"
#include "lab_testing.h"

enum { WEIGHT, FAR, SPREAD, LOOK, STEPS, RUNS, TRAINING, SEED, OPTIONS };
enum {
    GRID = 201,
    BINS = 60,
    PLACE = 0,
    DENSITY,
    SCORE = 4,
    LEARNT,
    ERRORS = 7,
    TIME,
    FLOW,
    SDE = 13,
    BIN = 17,
    DRAWN,
    LEFT = 22,
    TRUTH
};

/* alpha of VP with beta from 0.1 to 20. */
static double alpha_at(double t)
{
    return exp(-0.5 * t * t * 19.9 - 0.1 * t);
}

static double normal(double x, double mean, double variance)
{
    return exp(-(x - mean) * (x - mean) / (2 * variance)) / sqrt(2 * 3.141592653589793 * variance);
}

static double density_at(double x, double alpha)
{
    const double v = alpha * 0.09 + 1 - alpha;
    return 0.8 * normal(x, -2 * sqrt(alpha), v) + 0.2 * normal(x, 2 * sqrt(alpha), v);
}

static void densities_and_the_score_have_their_closed_forms(void **state)
{
    (void)state;
    const double options[OPTIONS] = {0.8, 2, 0.3, 0.15, 10, 100, 10, 1};
    lab_run r = lab_finished(&pal_lab_density, options, OPTIONS);
    for (int i = 0; i < GRID; i++) {
        const double x = lab_values(&r, PLACE)[i], a = alpha_at(0.15), h = 1e-5;
        assert_true(fabs(lab_values(&r, DENSITY)[i] - density_at(x, 1)) < 1e-12);
        assert_true(fabs(lab_values(&r, DENSITY + 1)[i] - density_at(x, a)) < 1e-12);
        assert_true(fabs(lab_values(&r, DENSITY + 2)[i] - density_at(x, alpha_at(1))) < 1e-12);
        /* a central difference: error of the order of h^2 and of rounding / h */
        const double slope = (log(density_at(x + h, a)) - log(density_at(x - h, a))) / (2 * h);
        assert_true(fabs(lab_values(&r, SCORE)[i] - slope) < 1e-6);
    }
    lab_free(&r);
}

/* The loss of one sample as a function of one weight, against the gradient. */
static double sliced_loss(const pal_fit *f, double x)
{
    const double h = 1e-5, s = pal_fit_score(f, x);
    return 0.5 * s * s + (pal_fit_score(f, x + h) - pal_fit_score(f, x - h)) / (2 * h);
}

static void gradients_are_the_differences_of_the_losses(void **state)
{
    (void)state;
    pal_fit f;
    pal_fit_start(&f, 3.0);
    for (int i = 0; i < PAL_FIT_WEIGHTS; i++) f.weight[i] += 0.3 * sin(7.0 * i);
    for (int k = 0; k < 2; k++) {
        pal_fit g = f;
        if (k)
            pal_fit_sliced(&g, 0.7);
        else
            pal_fit_denoising(&g, 0.7, -0.4);
        for (int i = 0; i < PAL_FIT_WEIGHTS; i++) {
            pal_fit up = f, down = f;
            up.weight[i] += 1e-4;
            down.weight[i] -= 1e-4;
            const double a = pal_fit_score(&up, 0.7) + 0.4, b = pal_fit_score(&down, 0.7) + 0.4;
            const double difference = k ? sliced_loss(&up, 0.7) - sliced_loss(&down, 0.7) : a * a - b * b;
            assert_true(fabs(difference / 2e-4 - g.gradient[i]) < 1e-4);
        }
    }
}

static void both_networks_learn_the_score(void **state)
{
    (void)state;
    const double options[OPTIONS] = {0.8, 3, 0.2, 0.15, 10, 100, 1000, 1};
    lab_run r = lab_finished(&pal_lab_density, options, OPTIONS);
    const double *errors = lab_values(&r, ERRORS);
    assert_true(errors[2] > 1.0 && errors[0] < 0.03 * errors[2] && errors[1] < 0.06 * errors[2]);
    lab_free(&r);
}

static void samplers_find_the_share_of_the_modes_but_not_plain_langevin(void **state)
{
    (void)state;
    const double options[OPTIONS] = {0.8, 3, 0.2, 0.5, 100, 2000, 10, 2};
    lab_run r = lab_finished(&pal_lab_density, options, OPTIONS);
    const double *left = lab_values(&r, LEFT);
    assert_true(fabs(*lab_values(&r, TRUTH) - 0.8) < 1e-9);
    /* a share of 2000 has a standard deviation of 0.009 or 0.011 */
    /* plain Langevin begins around 0, and the border between the basins is at v log(4) / (2 far) = 0.1 of its spread: 0.54 */
    assert_true(fabs(left[0] - 0.54) < 0.06);
    for (int i = 1; i < 4; i++) assert_true(fabs(left[i] - 0.8) < 0.045);
    for (int i = 0; i < 4; i++) {
        double sum = 0.0;
        for (int b = 0; b < BINS; b++)
            sum += lab_values(&r, DRAWN + i)[b] * (lab_values(&r, BIN)[1] - lab_values(&r, BIN)[0]);
        assert_true(sum > 0.99 && sum < 1.0 + 1e-9);
    }
    /* the flow and the SDE begin at the same places, and all end in a mode; the last time is 0 */
    for (int i = 0; i < 4; i++) {
        assert_true(lab_values(&r, FLOW + i)[0] == lab_values(&r, SDE + i)[0]);
        assert_true(fabs(fabs(lab_values(&r, FLOW + i)[100]) - 3.0) < 1.0);
    }
    assert_true(lab_values(&r, TIME)[0] == 1.0 && lab_values(&r, TIME)[100] == 0.0);
    lab_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(densities_and_the_score_have_their_closed_forms),
        cmocka_unit_test(gradients_are_the_differences_of_the_losses),
        cmocka_unit_test(both_networks_learn_the_score),
        cmocka_unit_test(samplers_find_the_share_of_the_modes_but_not_plain_langevin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
