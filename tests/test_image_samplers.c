/* test_image_samplers.c - samplers of pictures on data whose score is known: distributions and orders of
 * convergence. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drawing_testing.h"
#include "image/rk45.h"

static pal_schedule continuous;

static int set_up_both(void **state)
{
    return set_up(state) || pal_schedule_vp(&continuous, 0.1, 20.0, 1e-3, NULL);
}

/* ---- the distribution of samples ----------------------------------------------------------------------- */

static double distance_of(const pal_image_options *o, mixture *m, int32_t samples)
{
    mixture_drawing w;
    check(o, m);
    mixture_start(&w, m, o, 0, samples, NULL, NULL);
    mixture_finish(&w);
    double distance = mixture_distance(m, w.d.x, samples);
    mixture_free(&w);
    return distance;
}

/* W1 distances. 0.03 is the random part with 10000 samples (three times the error of the modes' weights); the rest is
 * the sampler's own error at that many steps, rounded up. */
static void solvers_in_continuous_time_draw_the_data(void **state)
{
    (void)state;
    enum { SAMPLES = 10000 };
    mixture m = mixture_reference(&continuous);
    const struct {
        pal_image_sampler sampler;
        pal_image_process process;
        int32_t steps;
        double max;
    } runs[] = {
        {PAL_IMAGE_REVERSE_SDE, PAL_PROCESS_VP, 200, 0.04},
        {PAL_IMAGE_REVERSE_SDE, PAL_PROCESS_VE, 200, 0.05},
        {PAL_IMAGE_DPM_SOLVER, PAL_PROCESS_VP, 40, 0.04},
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        pal_image_options o = unclipped(runs[i].sampler);
        o.process = runs[i].process;
        o.steps = runs[i].steps;
        double distance = distance_of(&o, &m, SAMPLES);
        if (!(distance < runs[i].max))
            fail_msg("%s %d: %.4f", pal_image_sampler_name(o.sampler), (int)o.process, distance);
    }
    pal_image_options o = unclipped(PAL_IMAGE_PROBABILITY_FLOW);
    assert_true(distance_of(&o, &m, 4000) < 0.04); /* 4000 samples: 0.035 */
    o.solver = PAL_FLOW_HEUN;
    o.steps = 30;
    assert_true(distance_of(&o, &m, SAMPLES) < 0.04);
}

/* Its step rule divides norms, which needs more than a few elements: there are 16 equal ones, and the first is
 * checked. */
static void predictor_corrector_draws_the_data(void **state)
{
    (void)state;
    enum { SAMPLES = 2000 };
    static float first[SAMPLES];
    for (int process = PAL_PROCESS_VP; process <= PAL_PROCESS_VE; process++) {
        mixture m = mixture_reference(&continuous);
        pal_image_options o = unclipped(PAL_IMAGE_PREDICTOR_CORRECTOR);
        mixture_drawing w;
        m.size = 16;
        for (int32_t i = 1; i < m.size; i++)
            for (int32_t k = 0; k < m.components; k++) m.mean[k][i] = m.mean[k][0];
        o.process = (pal_image_process)process;
        o.steps = 50;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, SAMPLES, NULL, NULL);
        mixture_finish(&w);
        for (int32_t row = 0; row < SAMPLES; row++) first[row] = w.d.x[row * m.size];
        double distance = mixture_distance(&m, first, SAMPLES);
        if (!(distance < 0.12)) fail_msg("process %d: %.4f", process, distance); /* 0.04 and 0.07, and chance 0.05 */
        mixture_free(&w);
    }
}

static void more_steps_of_the_reverse_sde_come_closer(void **state)
{
    (void)state;
    mixture m = mixture_reference(&continuous);
    for (int process = PAL_PROCESS_VP; process <= PAL_PROCESS_VE; process++) {
        pal_image_options o = unclipped(PAL_IMAGE_REVERSE_SDE);
        o.process = (pal_image_process)process;
        o.steps = 10;
        double few = distance_of(&o, &m, 4000);
        o.steps = 100;
        assert_true(distance_of(&o, &m, 4000) < 0.5 * few);
    }
}

/* C18: far modes, 0.8 of the mass in the left one.  Plain Langevin keeps the weights of the basins in which it starts,
 * with a border near 0; starting from broad noise finds the right weights. */
static double share_on_the_left(double sigma_max, mixture *m)
{
    enum { SAMPLES = 4000 };
    pal_image_options o = unclipped(PAL_IMAGE_ANNEALED_LANGEVIN);
    int32_t left = 0;
    mixture_drawing w;
    o.sigma_max = sigma_max;
    o.sigma_min = 0.05;
    o.iterations = 10;
    o.langevin_step = 0.1;
    check(&o, m);
    mixture_start(&w, m, &o, 0, SAMPLES, NULL, NULL);
    mixture_finish(&w);
    for (int32_t i = 0; i < SAMPLES; i++) left += w.d.x[i] < 0.0f;
    mixture_free(&w);
    return (double)left / SAMPLES;
}

static void annealed_langevin_finds_weights_that_plain_langevin_misses(void **state)
{
    (void)state;
    mixture m = mixture_two(&continuous, 1, 0.8, 5.0, 0.1);
    double plain = share_on_the_left(0.05, &m), annealed = share_on_the_left(20.0, &m);
    /* a share of 4000 has a standard deviation of 0.008; each level has a bias of its own (C18: 0.784) */
    assert_true(fabs(plain - 0.5) < 0.05);
    assert_true(fabs(annealed - 0.8) < 0.03);
}

static void annealed_langevin_by_default_draws_the_data_roughly(void **state)
{
    (void)state;
    const pal_image_options o = unclipped(PAL_IMAGE_ANNEALED_LANGEVIN);
    double distance = distance_of(&o, &data, 4000);
    if (!(distance < 0.18)) fail_msg("%.4f", distance); /* 0.14, and chance 0.04 */
}

/* ---- the corrector ---------------------------------------------------------------------------------- */

/* x := samples of the data at a level, with exactly a fifth of the rows in the first mode. */
static void put_marginal(const mixture *m, const pal_level *l, int32_t count, float *x)
{
    for (int32_t row = 0; row < count; row++) {
        float z[2 * MIXTURE_SIZE];
        pal_normals(99, PAL_NOISE_START, (uint32_t)row, 0, 2 * m->size, z);
        for (int32_t i = 0; i < m->size; i++) {
            int32_t component;
            double clean = mixture_draw(m, row % 5 ? 0.9 : 0.1, (double)z[i], i, &component);
            x[row * m->size + i] = (float)(sqrt(l->alpha) * clean + sqrt(l->beta) * (double)z[m->size + i]);
        }
    }
}

/* Kolmogorov and Smirnov's distance of all elements together. */
static double ks(const mixture *m, const pal_level *l, const float *x, int32_t n)
{
    float *sorted = malloc((size_t)n * sizeof *sorted);
    double max = 0.0;
    if (!sorted) abort();
    memcpy(sorted, x, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, mixture_by_value);
    for (int32_t i = 0; i < n; i++) {
        double gap = fabs(mixture_cumulative(m, l, (double)sorted[i]) - (i + 0.5) / n);
        if (gap > max) max = gap;
    }
    free(sorted);
    return max;
}

static void corrector_alone_keeps_the_marginal(void **state)
{
    (void)state;
    enum { ROWS = 400, CORRECTIONS = 50 };
    mixture m = mixture_two(&continuous, 64, 0.2, 1.0, 0.3);
    const double times[] = {0.3, 0.29};
    pal_image_options o = unclipped(PAL_IMAGE_PREDICTOR_CORRECTOR);
    mixture_drawing w;
    o.steps = 2;
    o.grid = PAL_GRID_GIVEN;
    o.times = times;
    o.correctors = CORRECTIONS;
    check(&o, &m);
    mixture_start(&w, &m, &o, 0, ROWS, NULL, NULL);
    const pal_level l = w.d.level[0];
    put_marginal(&m, &l, ROWS, w.d.x);
    /* 1.95 / sqrt(25600) = 0.012 is the bound of the random part; a step of the rule makes the spread 1.3 % too large,
     * 0.003 */
    assert_true(ks(&m, &l, w.d.x, ROWS * 64) < 0.012);
    for (int i = 0; i < CORRECTIONS; i++) pal_denoise_step(&w.d);
    assert_int_equal(w.d.at, 0);
    double after = ks(&m, &l, w.d.x, ROWS * 64);
    if (!(after < 0.015)) fail_msg("%.4f", after);
    mixture_free(&w);
}

static void corrector_takes_the_step_of_its_rule(void **state)
{
    (void)state;
    mixture m = mixture_gaussian(&continuous, 4, 0.2, 0.5);
    const float z[] = {0.3f, -1.2f, 0.8f, 2.0f}, x[] = {0.5f, 1.0f, -0.7f, 0.1f};
    for (int process = PAL_PROCESS_VP; process <= PAL_PROCESS_VE; process++) {
        pal_image_options o = unclipped(PAL_IMAGE_PREDICTOR_CORRECTOR);
        mixture_drawing w;
        double score[4], noise = 0.0, steep = 0.0;
        o.process = (pal_image_process)process;
        o.steps = 10;
        mixture_start(&w, &m, &o, 0, 1, steady_noise, (void *)z);
        memcpy(w.d.x, x, sizeof x);
        const pal_level t = w.d.level[0], s = w.d.level[1];
        /* the score of N(0.2, 0.25) with the noise of the level */
        double variance = process ? 0.25 + t.beta / t.alpha : 0.25 * t.alpha + t.beta;
        for (int i = 0; i < 4; i++) {
            score[i] = -((double)x[i] - (process ? 0.2 : 0.2 * sqrt(t.alpha))) / variance;
            noise += (double)z[i] * (double)z[i];
            steep += score[i] * score[i];
        }
        double a = process ? 1.0 : t.alpha / s.alpha, e = 2 * a * 0.16 * 0.16 * noise / steep;
        pal_denoise_step(&w.d);
        for (int i = 0; i < 4; i++) {
            double wanted = (double)x[i] + e * score[i] + sqrt(2 * e) * (double)z[i];
            assert_true(fabs((double)w.d.x[i] - wanted) < 1e-5 * (1.0 + fabs(wanted)));
        }
        mixture_free(&w);
    }
}

/* ---- orders of convergence -------------------------------------------------------------------------- */

/* On Gaussian data the flow keeps (x - mean) / deviation. */
static double flow_to(const pal_level *from, const pal_level *to, double x)
{
    const double mean = 0.5, spread = 0.3;
    double v0 = from->alpha * spread * spread + from->beta, v1 = to->alpha * spread * spread + to->beta;
    return sqrt(to->alpha) * mean + sqrt(v1 / v0) * (x - sqrt(from->alpha) * mean);
}

enum { PATHS = 16 };

/* The largest error at t = 0.02 after K - 1 steps, even in log signal-to-noise ratio. */
static double flow_error(pal_image_sampler sampler, int32_t steps)
{
    mixture m = mixture_gaussian(&continuous, 1, 0.5, 0.3);
    pal_image_options o = unclipped(sampler);
    const pal_level noise = pal_level_at(&continuous, 1.0), end = pal_level_at(&continuous, 0.02);
    double times[256], low = pal_level_snr(&noise), high = pal_level_snr(&end), worst = 0.0;
    float before[PATHS];
    mixture_drawing w;
    for (int32_t k = 0; k < steps; k++)
        times[k] = pal_level_of_snr(&continuous, low + (high - low) * k / (steps - 1)).time;
    times[0] = 1.0;
    o.steps = steps;
    o.grid = PAL_GRID_GIVEN;
    o.times = times;
    if (sampler == PAL_IMAGE_PROBABILITY_FLOW) o.solver = PAL_FLOW_HEUN;
    check(&o, &m);
    mixture_start(&w, &m, &o, 0, PATHS, NULL, NULL);
    memcpy(before, w.d.x, sizeof before);
    while (w.d.at + 1 < steps) pal_denoise_step(&w.d);
    for (int32_t i = 0; i < PATHS; i++) {
        double gap = fabs((double)w.d.x[i] - flow_to(&w.d.level[0], &w.d.level[steps - 1], (double)before[i]));
        if (gap > worst) worst = gap;
    }
    mixture_free(&w);
    return worst;
}

static void flow_solvers_converge_with_their_orders(void **state)
{
    (void)state;
    const struct {
        pal_image_sampler sampler;
        double order;
        int32_t steps;
    } runs[] = {{PAL_IMAGE_DDIM, 1.0, 64}, {PAL_IMAGE_PROBABILITY_FLOW, 2.0, 32}, {PAL_IMAGE_DPM_SOLVER, 2.0, 64}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        double coarse = flow_error(runs[i].sampler, runs[i].steps + 1);
        double fine = flow_error(runs[i].sampler, 2 * runs[i].steps + 1), order = log(coarse / fine) / log(2.0);
        if (!(fabs(order - runs[i].order) < 0.25))
            fail_msg("%s: order %.2f, %.2e", pal_image_sampler_name(runs[i].sampler), order, fine);
    }
}

/* Steps of the state after arriving, before the last evaluation denoises. */
static double rk45_error(double tolerance, int32_t *evaluations)
{
    mixture m = mixture_gaussian(&continuous, 1, 0.5, 0.3);
    pal_image_options o = unclipped(PAL_IMAGE_PROBABILITY_FLOW);
    const pal_level noise = pal_level_at(&continuous, 1.0), end = pal_level_at(&continuous, 1e-3);
    double worst = 0.0;
    float before[PATHS];
    mixture_drawing w;
    o.tolerance = tolerance;
    check(&o, &m);
    mixture_start(&w, &m, &o, 0, PATHS, NULL, NULL);
    memcpy(before, w.d.x, sizeof before);
    int32_t arrived = 0;
    while (pal_denoise_step(&w.d) == PAL_MORE)
        for (int32_t i = 0; i < PATHS; i++) {
            if (!w.d.clock[i].arrived || w.d.clock[i].done) continue;
            double gap = fabs((double)w.d.x[i] - flow_to(&noise, &end, (double)before[i]));
            if (gap > worst) worst = gap;
            arrived++;
        }
    assert_int_equal(arrived, PATHS);
    *evaluations = w.d.evaluations;
    mixture_free(&w);
    return worst;
}

static void rk45_keeps_its_tolerance(void **state)
{
    (void)state;
    int32_t before = 0;
    for (double tolerance = 1e-2; tolerance > 0.5e-6; tolerance *= 0.1) {
        int32_t evaluations;
        double error = rk45_error(tolerance, &evaluations);
        if (!(error < 2.0 * tolerance + 2e-6)) fail_msg("tolerance %g: %g", tolerance, error); /* 2e-6: floats */
        assert_true(evaluations >= before && evaluations < 200); /* 68 is the minimum: steps are bounded */
        before = evaluations;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solvers_in_continuous_time_draw_the_data),
        cmocka_unit_test(predictor_corrector_draws_the_data),
        cmocka_unit_test(more_steps_of_the_reverse_sde_come_closer),
        cmocka_unit_test(annealed_langevin_finds_weights_that_plain_langevin_misses),
        cmocka_unit_test(annealed_langevin_by_default_draws_the_data_roughly),
        cmocka_unit_test(corrector_alone_keeps_the_marginal),
        cmocka_unit_test(corrector_takes_the_step_of_its_rule),
        cmocka_unit_test(flow_solvers_converge_with_their_orders),
        cmocka_unit_test(rk45_keeps_its_tolerance),
    };
    return cmocka_run_group_tests(tests, set_up_both, NULL);
}
