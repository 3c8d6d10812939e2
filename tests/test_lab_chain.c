/* The Lab's chain of three states against matrix exponentials, Bayes' rule and the lecture's example (C01, C02). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab_testing.h"

enum { A, B, C, GRAPH, MOST, LOOK, STATE, RUNS, SEED, OPTIONS };
enum {
    NOISE,
    FORWARD,
    RATES = 5,
    CHANGE,
    REVERSE,
    UNDONE,
    RATIO,
    GUESS,
    ENTROPY,
    DENOISING = 15,
    PATH = 19,
    ENDS = 25
};
enum { GRID = 101, POINTS = 161 };

static lab_run run_of(double graph, double look, double state)
{
    const double options[OPTIONS] = {5, 2, 3, graph, 4, look, state, 4000, 3};
    return lab_finished(&pal_lab_chain, options, OPTIONS);
}

/* C01: Q = 1 - 3 I has three times the rates of the engine, which divides by the number of states. */
static void the_rates_are_those_of_the_lecture(void **state)
{
    (void)state;
    const double change[3] = {-0.5, 0.4, 0.1};
    lab_run r = run_of(0, 0.0001, 0), s = run_of(0, 0.7, 0);
    for (int i = 0; i < 3; i++) {
        assert_true(fabs(3.0 * lab_values(&r, CHANGE)[i] - change[i]) < 2e-4); /* the noise is 1e-4, not 0 */
        assert_true(fabs(lab_values(&s, UNDONE)[i] + lab_values(&s, CHANGE)[i]) < 1e-15);
        for (int j = 0; j < 3; j++)
            assert_true(fabs(3.0 * lab_values(&r, RATES)[3 * i + j] - (i == j ? -2.0 : 1.0)) < 1e-15);
    }
    lab_free(&r);
    lab_free(&s);
}

/* p after noise: (1 + Q h)^K p with many small steps, by Euler's rule with Richardson's extrapolation. */
static void euler(const double *rates, int n, const double *p, double sigma, int steps, double *out)
{
    double next[4];
    for (int i = 0; i < n; i++) out[i] = p[i];
    for (int k = 0; k < steps; k++) {
        for (int i = 0; i < n; i++) {
            next[i] = out[i];
            for (int j = 0; j < n; j++) next[i] += sigma / steps * rates[i * n + j] * out[j];
        }
        for (int i = 0; i < n; i++) out[i] = next[i];
    }
}

static void forward_curves_are_the_exponential_of_the_rates(void **state)
{
    (void)state;
    const double p[4] = {0.5, 0.2, 0.3, 0.0};
    for (int graph = 0; graph < 2; graph++) {
        lab_run r = run_of(graph, 1.0, 1);
        const int n = 3 + graph;
        for (int at = 0; at < GRID; at += 25) {
            double coarse[4], fine[4];
            euler(lab_values(&r, RATES), n, p, lab_values(&r, NOISE)[at], 4000, coarse);
            euler(lab_values(&r, RATES), n, p, lab_values(&r, NOISE)[at], 8000, fine);
            for (int i = 0; i < n; i++)
                assert_true(fabs(2.0 * fine[i] - coarse[i] - lab_values(&r, FORWARD + i)[at]) < 1e-6);
        }
        for (int i = 0; i < n; i++) assert_true(fabs(lab_values(&r, UNDONE)[i] + lab_values(&r, CHANGE)[i]) < 1e-14);
        lab_free(&r);
    }
}

static int lowest(const double *values)
{
    int best = 0;
    for (int i = 1; i < POINTS; i++)
        if (values[i] < values[best]) best = i;
    return best;
}

static void both_losses_are_lowest_at_the_true_ratio(void **state)
{
    (void)state;
    for (int graph = 0; graph < 2; graph++) {
        lab_run r = run_of(graph, 0.8, 1);
        for (int y = 0; y < 3; y++) {
            const double *guess = lab_values(&r, GUESS), *loss = lab_values(&r, ENTROPY + y),
                         *other = lab_values(&r, DENOISING + y);
            const int at = lowest(loss);
            if (!graph && y == 1) continue; /* the state itself */
            /* neighbouring points differ by a factor of 1.06 */
            assert_true(fabs(log(guess[at] / lab_values(&r, RATIO)[y])) < 0.03);
            assert_int_equal(lowest(other), at);
            for (int i = 0; i < POINTS; i += 40) assert_true(fabs(other[i] - loss[i] - (other[0] - loss[0])) < 1e-12);
            assert_true(other[at] >= 0.0 && loss[at] >= 0.0 && loss[at] < 1e-3);
        }
        lab_free(&r);
    }
}

static void reverse_paths_end_in_the_data(void **state)
{
    (void)state;
    const double p[4] = {0.5, 0.2, 0.3, 0.0};
    for (int graph = 0; graph < 2; graph++) {
        lab_run r = run_of(graph, 1.0, 0);
        /* a share of 4000 has a standard deviation of 0.008 */
        for (int i = 0; i < 3; i++) assert_true(fabs(lab_values(&r, ENDS)[i] - p[i]) < 0.035);
        for (int i = 0; i < 6 && graph; i++) {
            const double *path = lab_values(&r, PATH + i);
            assert_true(path[0] < 3.0);
            for (int at = 1; at < GRID; at++)
                assert_true(path[at] >= 3.0 || path[at - 1] == path[at]); /* a token stays */
        }
        lab_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rates_are_those_of_the_lecture),
        cmocka_unit_test(forward_curves_are_the_exponential_of_the_rates),
        cmocka_unit_test(both_losses_are_lowest_at_the_true_ratio),
        cmocka_unit_test(reverse_paths_end_in_the_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
