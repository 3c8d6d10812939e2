/* test_noise.c - schedules, transitions and rates of discrete diffusion against matrix exponentials and Bayes' rule.
 *
 * C01, C02, ... are ported reference checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "text/noise.h"

enum { MOST = 5 };
typedef double matrix[MOST][MOST]; /* [to][from] */

static const pal_noise log_linear = {.schedule = PAL_NOISE_LOG_LINEAR, .epsilon = 1e-3};
static const pal_noise geometric = {.schedule = PAL_NOISE_GEOMETRIC, .sigma_min = 1e-4, .sigma_max = 20.0};

static pal_noise graph_of(pal_graph graph, int32_t states)
{
    pal_noise n = log_linear;
    n.graph = graph;
    n.states = states;
    n.mask = states - 1;
    return n;
}

static void multiply(matrix out, matrix a, matrix b)
{
    matrix product = {{0.0}};
    for (int i = 0; i < MOST; i++)
        for (int j = 0; j < MOST; j++)
            for (int k = 0; k < MOST; k++) product[i][j] += a[i][k] * b[k][j];
    memcpy(out, product, sizeof product);
}

/* exp(sigma Q), by 2^20 steps of a Taylor polynomial: unrelated to the closed form. */
static void exponential(matrix out, matrix rates, double sigma)
{
    enum { HALVINGS = 20 };
    matrix power = {{0.0}}, step = {{0.0}};
    for (int i = 0; i < MOST; i++) power[i][i] = step[i][i] = 1.0;
    for (int order = 1; order <= 4; order++) {
        multiply(power, power, rates);
        for (int i = 0; i < MOST; i++)
            for (int j = 0; j < MOST; j++) {
                power[i][j] *= ldexp(sigma, -HALVINGS) / order;
                step[i][j] += power[i][j];
            }
    }
    for (int i = 0; i < HALVINGS; i++) multiply(step, step, step);
    memcpy(out, step, sizeof step);
}

static void forward_rates(matrix q, const pal_noise *n)
{
    memset(q, 0, sizeof(matrix));
    for (int from = 0; from < n->states; from++)
        for (int to = 0; to < n->states; to++)
            if (from != to) {
                q[to][from] = pal_noise_forward(n, from, to);
                q[from][from] -= q[to][from];
            }
}

/* C02 */
static void transitions_are_matrix_exponentials_of_the_rates(void **state)
{
    (void)state;
    const double sigmas[] = {1e-3, 0.01, 0.7, 3.0, 6.9};
    for (int32_t states = 3; states <= MOST; states++)
        for (int graph = 0; graph < 2; graph++)
            for (size_t s = 0; s < sizeof sigmas / sizeof *sigmas; s++) {
                const pal_noise n = graph_of((pal_graph)graph, states);
                matrix q, p;
                forward_rates(q, &n);
                exponential(p, q, sigmas[s]);
                for (int from = 0; from < states; from++)
                    for (int to = 0; to < states; to++)
                        assert_true(fabs(pal_noise_transition(&n, sigmas[s], from, to) - p[to][from]) < 1e-9);
            }
}

static void transitions_compose_and_sum_to_one(void **state)
{
    (void)state;
    for (int graph = 0; graph < 2; graph++) {
        const pal_noise n = graph_of((pal_graph)graph, 4);
        for (int from = 0; from < 4; from++) {
            double sum = 0.0;
            for (int to = 0; to < 4; to++) {
                double twice = 0.0;
                for (int k = 0; k < 4; k++)
                    twice += pal_noise_transition(&n, 0.4, from, k) * pal_noise_transition(&n, 1.1, k, to);
                sum += pal_noise_transition(&n, 1.5, from, to);
                assert_true(fabs(twice - pal_noise_transition(&n, 1.5, from, to)) < 1e-15);
            }
            assert_true(fabs(sum - 1.0) < 1e-15);
        }
    }
}

/* q := rates of the reverse process of a distribution p, from the exact scores; [to][from]. */
static void reverse_rates(matrix q, const pal_noise *n, const double *p)
{
    memset(q, 0, sizeof(matrix));
    for (int from = 0; from < n->states; from++)
        for (int to = 0; to < n->states; to++)
            if (from != to) {
                q[to][from] = pal_noise_reverse(n, from, to, p[to] / p[from]);
                q[from][from] -= q[to][from];
            }
}

/* C01: with the exact score the reverse process undoes the forward one, and their sum leaves p as it is. */
static void reverse_rates_undo_the_forward_rates(void **state)
{
    (void)state;
    for (int graph = 0; graph < 2; graph++)
        for (int32_t states = 3; states <= 4; states++) {
            const double p[] = {0.5, 0.2, 0.1 + 0.2 * (states == 3), 0.2};
            const pal_noise n = graph_of((pal_graph)graph, states);
            matrix forward, reverse;
            forward_rates(forward, &n);
            reverse_rates(reverse, &n, p);
            for (int to = 0; to < states; to++) {
                double change = 0.0, back = 0.0;
                for (int from = 0; from < states; from++) {
                    change += forward[to][from] * p[from];
                    back += reverse[to][from] * p[from];
                }
                assert_true(fabs(change) > 1e-3);
                assert_true(fabs(change + back) < 1e-15);
            }
        }
}

/* C01: the lecture's example, Q = ones - 3 I, which is 3 times the uniform graph, and p = (0.5, 0.2, 0.3). */
static void the_uniform_graph_changes_the_example_of_the_lecture_as_it_says(void **state)
{
    (void)state;
    const double p[] = {0.5, 0.2, 0.3}, expected[] = {-0.5, 0.4, 0.1};
    const pal_noise n = graph_of(PAL_GRAPH_UNIFORM, 3);
    matrix q;
    forward_rates(q, &n);
    for (int to = 0; to < 3; to++) {
        double change = 0.0;
        for (int from = 0; from < 3; from++) change += 3.0 * q[to][from] * p[from];
        assert_true(fabs(change - expected[to]) < 1e-15);
    }
}

static void schedules_have_their_ends_and_their_derivatives(void **state)
{
    (void)state;
    const pal_noise *both[] = {&log_linear, &geometric};
    assert_true(fabs(pal_noise_sigma(&log_linear, 0.0)) < 1e-300);
    assert_true(fabs(pal_noise_sigma(&log_linear, 1.0) + log(1e-3)) < 1e-12);
    assert_true(fabs(pal_noise_sigma(&geometric, 0.0) / 1e-4 - 1.0) < 1e-14);
    assert_true(fabs(pal_noise_sigma(&geometric, 1.0) / 20.0 - 1.0) < 1e-14);
    assert_true(fabs(pal_noise_sigma(&geometric, 0.5) / sqrt(20e-4) - 1.0) < 1e-13);
    for (int i = 0; i < 2; i++)
        for (double t = 0.01; t < 1.0; t += 0.07) {
            const double h = 1e-6,
                         slope = (pal_noise_sigma(both[i], t + h) - pal_noise_sigma(both[i], t - h)) / (2.0 * h);
            assert_true(fabs(pal_noise_rate(both[i], t) / slope - 1.0) < 1e-6);
        }
}

/* The share of replaced tokens of log-linear noise is a straight line; doubles keep it at both ends. */
static void shares_and_sigmas_are_inverse_also_where_they_are_tiny(void **state)
{
    (void)state;
    const double sigmas[] = {1e-300, 1e-17, 1e-9, 1e-5, 1e-3, 0.5, 1.0, 5.0, 6.9};
    for (size_t i = 0; i < sizeof sigmas / sizeof *sigmas; i++)
        assert_true(fabs(pal_noise_of_share(pal_noise_share(sigmas[i])) / sigmas[i] - 1.0) < 1e-12);
    for (double t = 1e-5; t < 1.0; t *= 3.0)
        assert_true(fabs(pal_noise_share(pal_noise_sigma(&log_linear, t)) / (0.999 * t) - 1.0) < 1e-14);
    for (double x = -60.0; x < 60.0; x += 0.37) assert_true(fabs(pal_expm1(x) / expm1(x) - 1.0) < 1e-15 * 8.0);
    for (double x = 1e-18; x < 1e3; x *= 1.7) {
        assert_true(fabs(pal_expm1(-x) / expm1(-x) - 1.0) < 1e-15 * 8.0);
        assert_true(fabs(pal_log1p(x) / log1p(x) - 1.0) < 1e-15 * 8.0);
        if (x < 1.0) assert_true(fabs(pal_log1p(-x) / log1p(-x) - 1.0) < 1e-15 * 8.0);
    }
}

static void the_network_is_told_only_noise_of_the_trained_range(void **state)
{
    (void)state;
    const double first = pal_noise_sigma(&log_linear, 1e-3), last = pal_noise_sigma(&log_linear, 1.0);
    assert_true(pal_noise_told(&log_linear, 0.0) == first);
    assert_true(pal_noise_told(&log_linear, first / 2.0) == first);
    assert_true(pal_noise_told(&log_linear, 1.0) == 1.0);
    assert_true(pal_noise_told(&log_linear, last * 1.5) == last);
    assert_true(pal_noise_told(&log_linear, HUGE_VAL) == last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transitions_are_matrix_exponentials_of_the_rates),
        cmocka_unit_test(transitions_compose_and_sum_to_one),
        cmocka_unit_test(reverse_rates_undo_the_forward_rates),
        cmocka_unit_test(the_uniform_graph_changes_the_example_of_the_lecture_as_it_says),
        cmocka_unit_test(schedules_have_their_ends_and_their_derivatives),
        cmocka_unit_test(shares_and_sigmas_are_inverse_also_where_they_are_tiny),
        cmocka_unit_test(the_network_is_told_only_noise_of_the_trained_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
