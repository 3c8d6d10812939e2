/* test_image_samplers.c - samplers of pictures on data whose score is known: laws, orders, known parts, bits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/guidance.h"
#include "image/rk45.h"
#include "mixture.h"

static unsigned char block[1 << 14];
static pal_schedule discrete, continuous;
static mixture data; /* the reference data on 1000 linear steps, with its table */

static int set_up(void **state)
{
    (void)state;
    pal_arena arena = pal_arena_in(block);
    if (pal_schedule_layout(&discrete, 1000, &arena, NULL) || pal_schedule_linear(&discrete, 1e-4, 0.02, NULL))
        return 1;
    if (pal_schedule_vp(&continuous, 0.1, 20.0, 1e-3, NULL)) return 1;
    data = mixture_reference(&discrete);
    mixture_measure_gamma(&data);
    return 0;
}

static pal_image_options unclipped(pal_image_sampler sampler)
{
    pal_image_options o = pal_image_defaults(sampler);
    o.clip_x0 = false;
    o.clip_pixel = 0.0;
    return o;
}

static void check(const pal_image_options *o, const mixture *m)
{
    pal_error err = {PAL_OK, "", 0};
    mixture other = *m;
    const pal_noise_predictor p = mixture_predictor(&other, false);
    if (pal_image_check(o, &p, m->schedule, &err)) fail_msg("%s: %s", pal_image_sampler_name(o->sampler), err.text);
}

/* ---- the law of what is drawn ----------------------------------------------------------------------- */

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

/* W1 distances; 0.03 is what chance leaves with 10000 samples (three times the error of the modes' weights), the rest
 * is the sampler's own error at that many steps, rounded up. */
static void solvers_in_continuous_time_draw_the_data(void **state)
{
    (void)state;
    enum { SAMPLES = 10000 };
    mixture m = mixture_reference(&continuous);
    const struct {
        pal_image_sampler sampler;
        pal_process process;
        int32_t steps;
        double most;
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
        if (!(distance < runs[i].most))
            fail_msg("%s %d: %.4f", pal_image_sampler_name(o.sampler), (int)o.process, distance);
    }
    pal_image_options o = unclipped(PAL_IMAGE_PROBABILITY_FLOW);
    assert_true(distance_of(&o, &m, 4000) < 0.04); /* 4000 samples: 0.035 */
    o.solver = PAL_FLOW_HEUN;
    o.steps = 30;
    assert_true(distance_of(&o, &m, SAMPLES) < 0.04);
}

/* Its step rule divides norms, which needs more than a few elements: 16 equal ones, of which the first is looked at. */
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
        o.process = (pal_process)process;
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
        o.process = (pal_process)process;
        o.steps = 10;
        double few = distance_of(&o, &m, 4000);
        o.steps = 100;
        assert_true(distance_of(&o, &m, 4000) < 0.5 * few);
    }
}

/* C18: far modes, 0.8 of the mass in the left one.  Plain Langevin keeps the weights of the basins it starts in, which
 * meet near 0; from broad noise down the weights are found. */
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

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* x := the law of the data at a level, a fifth of the rows in the first mode exactly. */
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
    double most = 0.0;
    if (!sorted) abort();
    memcpy(sorted, x, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    for (int32_t i = 0; i < n; i++) {
        double gap = fabs(mixture_cumulative(m, l, (double)sorted[i]) - (i + 0.5) / n);
        if (gap > most) most = gap;
    }
    free(sorted);
    return most;
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
    /* 1.95 / sqrt(25600) = 0.012 is the bound of chance; a step of the rule makes the spread 1.3 % too large, 0.003 */
    assert_true(ks(&m, &l, w.d.x, ROWS * 64) < 0.012);
    for (int i = 0; i < CORRECTIONS; i++) pal_denoise_step(&w.d);
    assert_int_equal(w.d.at, 0);
    double after = ks(&m, &l, w.d.x, ROWS * 64);
    if (!(after < 0.015)) fail_msg("%.4f", after);
    mixture_free(&w);
}

static void steady_noise(void *context, const pal_denoise *d, pal_noise_purpose purpose, int32_t row, float *z)
{
    (void)purpose, (void)row;
    for (int32_t i = 0; i < d->predictor.size; i++) z[i] = ((const float *)context)[i];
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
        o.process = (pal_process)process;
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
        assert_true(evaluations >= before && evaluations < 200); /* 68 are the fewest: steps are bounded */
        before = evaluations;
    }
}

/* ---- the interface ---------------------------------------------------------------------------------- */

/* All samplers, with options that reach all of their parts, on pictures of 8 elements. */
enum { KINDS = PAL_IMAGE_SAMPLERS + 4, SIZE = 8 };

static pal_image_options kind(int i)
{
    pal_image_options o = pal_image_defaults(i < PAL_IMAGE_SAMPLERS        ? (pal_image_sampler)i
                                             : i == PAL_IMAGE_SAMPLERS     ? PAL_IMAGE_PROBABILITY_FLOW
                                             : i == PAL_IMAGE_SAMPLERS + 1 ? PAL_IMAGE_REVERSE_SDE
                                             : i == PAL_IMAGE_SAMPLERS + 2 ? PAL_IMAGE_PREDICTOR_CORRECTOR
                                                                           : PAL_IMAGE_DDPM);
    o.seed = 20240607;
    if (o.sampler == PAL_IMAGE_ANNEALED_LANGEVIN)
        o.iterations = 2;
    else if (o.sampler != PAL_IMAGE_PROBABILITY_FLOW)
        o.steps = 7;
    if (i == PAL_IMAGE_SAMPLERS) {
        o.solver = PAL_FLOW_HEUN;
        o.steps = 7;
    }
    if (i == PAL_IMAGE_SAMPLERS + 1 || i == PAL_IMAGE_SAMPLERS + 2) o.process = PAL_PROCESS_VE;
    if (i == PAL_IMAGE_SAMPLERS + 3) o.variance = PAL_VARIANCE_LARGE;
    if (o.sampler == PAL_IMAGE_SN_DDIM) o.eta = 0.5;
    return o;
}

static bool keeps_known(const pal_image_options *o)
{
    return o->sampler != PAL_IMAGE_PROBABILITY_FLOW && o->sampler != PAL_IMAGE_DPM_SOLVER;
}

/* Modes at -+0.7 in all elements; Gamma is that of the reference data, which is some table. */
static mixture two_modes(void)
{
    mixture m = mixture_two(&discrete, SIZE, 0.4, 0.7, 0.1);
    memcpy(m.gamma, data.gamma, sizeof m.gamma);
    return m;
}

static void a_step_is_one_evaluation_and_can_be_looked_at(void **state)
{
    (void)state;
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        const pal_image_options o = kind(i);
        mixture_drawing w;
        pal_status status = PAL_MORE;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, 3, NULL, NULL);
        for (int32_t n = 1; status == PAL_MORE; n++) {
            status = pal_denoise_step(&w.d);
            assert_int_equal(m.evaluations, n);
            assert_int_equal(w.d.evaluations, n);
            for (int32_t j = 0; j < 3 * SIZE; j++)
                assert_true(isfinite(w.d.x[j]) && w.d.x0[j] >= -1.0f && w.d.x0[j] <= 1.0f);
        }
        assert_int_equal(status, PAL_OK);
        if (pal_image_evaluations(&o)) assert_int_equal(m.evaluations, pal_image_evaluations(&o));
        assert_memory_equal(w.d.x, w.d.x0, 3 * SIZE * sizeof *w.d.x);
        assert_int_equal(pal_denoise_step(&w.d), PAL_OK); /* done stays done */
        assert_int_equal(m.evaluations, w.d.evaluations);
        mixture_free(&w);
    }
}

static void draw(float *x, const pal_image_options *o, mixture *m, uint32_t first, int32_t count)
{
    mixture_drawing w;
    mixture_start(&w, m, o, first, count, NULL, NULL);
    mixture_finish(&w);
    memcpy(x, w.d.x, (size_t)count * SIZE * sizeof *x);
    mixture_free(&w);
}

static void pictures_do_not_depend_on_their_batch(void **state)
{
    (void)state;
    const float known[SIZE] = {0.5f, -0.25f};
    const uint8_t mask[SIZE] = {1, 1};
    for (int i = 0; i < 2 * KINDS; i++) {
        mixture m = two_modes();
        pal_image_options o = kind(i % KINDS);
        float whole[5 * SIZE], parts[5 * SIZE];
        if (i >= KINDS && !keeps_known(&o)) continue;
        if (i >= KINDS) {
            o.known = known;
            o.mask = mask;
        }
        draw(whole, &o, &m, 10, 5);
        draw(parts, &o, &m, 10, 2);
        draw(parts + 2 * SIZE, &o, &m, 12, 3);
        assert_memory_equal(whole, parts, sizeof whole);
        for (int j = 0; j < 4; j++) assert_true(memcmp(whole + j * SIZE, whole + (j + 1) * SIZE, SIZE * 4) != 0);
    }
}

/* FNV-1a of the bits of three pictures.  The stored values hold on every target: a change of a single bit is a change
 * of what a seed means. */
static void pictures_have_the_same_bits_on_every_target(void **state)
{
    (void)state;
    static const uint32_t stored[KINDS] = {
        0x45abb0fa, 0x3766bf6b, 0xff55b74d, 0xff48fc2e, 0x7ec6434b, 0xbe3a18dd, 0x93d1be7a, 0xfd3515c9, 0x75fbf14b,
        0x4628b676, 0x93ec3b93, 0x6b209265, 0x48114a15, 0x070a76cf, 0x67f0bf85, 0x5c415f7c, 0xbf7ae16d,
    };
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        const pal_image_options o = kind(i);
        float x[3 * SIZE];
        unsigned char bytes[sizeof x];
        uint32_t hash = 2166136261u;
        draw(x, &o, &m, 0, 3);
        memcpy(bytes, x, sizeof x);
        for (size_t j = 0; j < sizeof x; j++) hash = (hash ^ bytes[j]) * 16777619u;
        if (hash != stored[i]) fail_msg("%d %s: 0x%08x", i, pal_image_sampler_name(o.sampler), (unsigned)hash);
    }
}

static void samplers_start_from_the_same_noise(void **state)
{
    (void)state;
    float noise[SIZE];
    pal_normals(20240607, PAL_NOISE_START, 4, 0, SIZE, noise);
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        const pal_image_options o = kind(i);
        mixture_drawing w;
        mixture_start(&w, &m, &o, 4, 1, NULL, NULL);
        double scale = w.d.exploding ? 50.0 : 1.0;
        for (int j = 0; j < SIZE; j++) assert_true(fabs((double)w.d.x[j] - scale * (double)noise[j]) < 1e-5);
        mixture_free(&w);
    }
}

/* ---- known parts ------------------------------------------------------------------------------------ */

/* Half of the elements are given, as the rarer mode has them. */
static const float rare[SIZE] = {-0.7f, -0.65f, -0.8f, -0.7f};
static const uint8_t half[SIZE] = {1, 1, 1, 1};

static void known_parts_are_kept_and_the_rest_agrees_with_them(void **state)
{
    (void)state;
    enum { ROWS = 200 };
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        pal_image_options o = kind(i);
        int32_t agree = 0;
        mixture_drawing w;
        if (!keeps_known(&o)) continue;
        if (o.sampler != PAL_IMAGE_ANNEALED_LANGEVIN) o.steps = 50;
        o.known = rare;
        o.mask = half;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, ROWS, NULL, NULL);
        mixture_finish(&w);
        for (int32_t row = 0; row < ROWS; row++) {
            float sum = 0.0f;
            assert_memory_equal(w.d.x + row * SIZE, rare, 4 * sizeof *rare);
            assert_memory_equal(w.d.x0 + row * SIZE, rare, 4 * sizeof *rare);
            for (int j = 4; j < SIZE; j++) sum += w.d.x[row * SIZE + j];
            agree += fabsf(sum / 4.0f + 0.7f) < 0.3f;
        }
        /* Without the known half 0.4 would; the replacement is an approximation, so that not all need do. */
        if (agree < ROWS * 3 / 4) fail_msg("%s: %d of %d", pal_image_sampler_name(o.sampler), (int)agree, ROWS);
        mixture_free(&w);
    }
}

/* With noise 1 everywhere a known element shows the level it was put back at, or was taken back up to. */
static void known_parts_have_the_noise_of_their_level(void **state)
{
    (void)state;
    const float ones[SIZE] = {1, 1, 1, 1, 1, 1, 1, 1};
    for (int i = 0; i < 2 * KINDS; i++) {
        mixture m = two_modes();
        pal_image_options o = kind(i % KINDS);
        mixture_drawing w;
        bool again = i >= KINDS && (pal_image_evaluations(&o) == o.steps);
        if (!keeps_known(&o) || (i >= KINDS && !again) || o.sampler == PAL_IMAGE_ANNEALED_LANGEVIN) continue;
        o.known = rare;
        o.mask = half;
        o.resample = again ? 2 : 1;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, 1, steady_noise, (void *)ones);
        for (int step = 0; step < 3; step++) {
            const pal_level t = w.d.level[w.d.at], s = w.d.level[w.d.at + 1];
            double scale = w.d.exploding ? 1.0 : sqrt(t.alpha),
                   noise = w.d.exploding ? pal_level_sigma(&t) : sqrt(t.beta);
            if (again && step == 1) { /* from the level below: the noise in x, and what was added */
                double part = w.d.exploding ? 1.0 : sqrt(t.alpha / s.alpha);
                double from = w.d.exploding ? pal_level_sigma(&s) : sqrt(s.beta);
                noise = part * from + sqrt(noise * noise - part * part * from * from);
            }
            for (int j = 0; j < 4; j++) {
                double wanted = scale * (double)rare[j] + noise;
                assert_true(fabs((double)w.d.x[j] - wanted) < 1e-5 * (1.0 + wanted));
            }
            pal_denoise_step(&w.d);
        }
        mixture_free(&w);
    }
}

static void resampling_brings_the_rest_closer_to_the_known(void **state)
{
    (void)state;
    enum { ROWS = 400 };
    int32_t agree[2] = {0, 0};
    for (int often = 0; often < 2; often++) {
        mixture m = two_modes();
        pal_image_options o = unclipped(PAL_IMAGE_DDPM);
        mixture_drawing w;
        o.steps = 10;
        o.known = rare;
        o.mask = half;
        o.resample = often ? 8 : 1;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, ROWS, NULL, NULL);
        mixture_finish(&w);
        assert_int_equal(m.evaluations, pal_image_evaluations(&o));
        assert_int_equal(m.evaluations, often ? 9 * 8 + 1 : 10);
        for (int32_t row = 0; row < ROWS; row++) agree[often] += w.d.x[row * SIZE + 4] < 0.0f;
        mixture_free(&w);
    }
    assert_true(agree[1] > agree[0] + 20); /* the standard deviation of a count of 400 is at most 10 */
}

static void an_empty_mask_changes_nothing_and_a_full_one_everything(void **state)
{
    (void)state;
    const uint8_t none[SIZE] = {0}, all[SIZE] = {1, 1, 1, 1, 1, 1, 1, 1};
    float picture[SIZE] = {0.1f, -0.2f, 0.3f, -0.4f, 0.5f, -0.6f, 1.5f, -1.0f};
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        pal_image_options o = kind(i);
        float plain[SIZE], masked[SIZE];
        if (!keeps_known(&o)) continue;
        draw(plain, &o, &m, 0, 1);
        o.known = picture;
        o.mask = none;
        draw(masked, &o, &m, 0, 1);
        assert_memory_equal(plain, masked, sizeof plain);
        o.mask = all;
        draw(masked, &o, &m, 0, 1);
        assert_memory_equal(picture, masked, sizeof picture);
    }
}

/* ---- guidance --------------------------------------------------------------------------------------- */

/* Two "labels" are the two modes; the network without a label knows the mixture. */
static void guidance_combines_two_predictions(void **state)
{
    (void)state;
    mixture both = mixture_two(&discrete, 2, 0.5, 0.7, 0.2), right = mixture_gaussian(&discrete, 2, 0.7, 0.2);
    const float x[2] = {0.2f, -0.3f};
    const double time = 0.2, at[2] = {(double)x[0], (double)x[1]};
    const int32_t picture = 0;
    const pal_level l = pal_level_at(&discrete, time);
    double with[2], without[2], second[2], unused[2];
    float eps[2], head[2];
    mixture_moments(&right, &l, at, with, second);
    mixture_moments(&both, &l, at, without, unused);
    for (double scale = 0.0; scale < 4.0; scale += 0.5) {
        unsigned char memory[64 * 4];
        pal_guidance g = {mixture_predictor(&right, true), mixture_predictor(&both, true), scale, NULL};
        pal_arena arena = pal_arena_in(memory);
        assert_int_equal(pal_guidance_check(&g, NULL), PAL_OK);
        pal_guidance_layout(&g, 1, &arena);
        const pal_noise_predictor p = pal_guidance_predictor(&g);
        right.evaluations = both.evaluations = 0;
        p.evaluate(p.context, &(pal_noise_query){1, &picture, &time, x, PAL_HEAD_SECOND_MOMENT, eps, head});
        assert_true(p.guided == (scale != 1.0) && p.product == NULL);
        assert_int_equal(both.evaluations, scale == 1.0 ? 0 : 1);
        for (int i = 0; i < 2; i++) {
            double guided = without[i] + scale * (with[i] - without[i]);
            assert_true(fabs((double)eps[i] - guided) < 1e-5);
            double variance = (double)head[i] - (double)eps[i] * (double)eps[i];
            assert_true(fabs(variance - (second[i] - with[i] * with[i])) < 1e-4);
        }
        p.evaluate(p.context, &(pal_noise_query){1, &picture, &time, x, PAL_HEAD_NONE, eps, NULL});
        for (int i = 0; i < 2; i++)
            assert_true(fabs((double)eps[i] - (without[i] + scale * (with[i] - without[i]))) < 1e-5);
    }
}

static void guidance_out_of_range_is_refused(void **state)
{
    (void)state;
    mixture a = mixture_gaussian(&discrete, 2, 0.7, 0.2), b = mixture_gaussian(&discrete, 3, 0.7, 0.2);
    pal_guidance g = {mixture_predictor(&a, false), mixture_predictor(&a, false), 1.0, NULL};
    const double bad[] = {-1.0, 101.0, NAN};
    for (int i = 0; i < 3; i++) {
        g.scale = bad[i];
        assert_int_equal(pal_guidance_check(&g, NULL), PAL_E_OPTION);
    }
    g.scale = 2.0;
    g.without = mixture_predictor(&b, false);
    assert_int_equal(pal_guidance_check(&g, NULL), PAL_E_OPTION);
    g.without.evaluate = NULL;
    assert_int_equal(pal_guidance_check(&g, NULL), PAL_E_OPTION);
    g.without = mixture_predictor(&a, false);
    g.with.evaluate = NULL;
    assert_int_equal(pal_guidance_check(&g, NULL), PAL_E_OPTION);
}

/* ---- options ---------------------------------------------------------------------------------------- */

static void names_find_their_samplers(void **state)
{
    (void)state;
    for (int i = 0; i < PAL_IMAGE_SAMPLERS; i++) {
        pal_image_sampler found = PAL_IMAGE_SAMPLERS;
        assert_true(pal_image_sampler_find(pal_image_sampler_name((pal_image_sampler)i), &found));
        assert_int_equal(found, i);
    }
    pal_image_sampler found;
    assert_null(pal_image_sampler_name(PAL_IMAGE_SAMPLERS));
    assert_false(pal_image_sampler_find("ddp", &found));
}

static const float picture_1[1] = {0.5f}, broken_1[1] = {INFINITY};
static const uint8_t mask_1[1] = {1};
static const double two_times[2] = {1.0, 0.5};

/* Every option out of its range, and every one that its sampler has no use for.  `word` stands in the text. */
#define REFUSED(of, word_, ...)                                                                                        \
    {                                                                                                                  \
        pal_image_options o = pal_image_defaults(of);                                                                  \
        __VA_ARGS__;                                                                                                   \
        refused(&o, &whole, word_);                                                                                    \
    }

static void refused(const pal_image_options *o, const pal_noise_predictor *p, const char *word)
{
    pal_error err = {PAL_OK, "", 0};
    assert_int_equal(pal_image_check(o, p, &discrete, &err), PAL_E_OPTION);
    assert_int_equal(err.status, PAL_E_OPTION);
    if (!strstr(err.text, word)) fail_msg("%s: %s", word, err.text);
}

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    const pal_noise_predictor whole = mixture_predictor(&data, false);
    REFUSED((pal_image_sampler)99, "no such sampler", (void)0)
    REFUSED(PAL_IMAGE_DDPM, "steps must lie", o.steps = 0)
    REFUSED(PAL_IMAGE_DDPM, "steps must lie", o.steps = -3)
    REFUSED(PAL_IMAGE_DDPM, "more steps", o.steps = 1001)
    REFUSED(PAL_IMAGE_REVERSE_SDE, "steps must lie", (o.process = PAL_PROCESS_VE, o.steps = 65537))
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "at least 100", o.steps = 99)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "iterations", o.iterations = 0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "langevin step", o.langevin_step = 0.0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "langevin step", o.langevin_step = 1.1)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "negative", o.sigma_max = -1.0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "negative", o.sigma_min = (double)NAN)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "ends with", o.sigma_max = 200.0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "begins with", o.sigma_min = 0.001)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "exceed", (o.sigma_min = 2.0, o.sigma_max = 1.0))
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "correctors", o.correctors = -1)
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "snr", o.snr = 0.0)
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "snr", o.snr = (double)NAN)
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "no such process", o.process = (pal_process)2)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "tolerance", o.tolerance = 0.0)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "tolerance", o.tolerance = (double)NAN)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "finds its own", o.steps = 10)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "no such solver", o.solver = (pal_flow_solver)2)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "steps must lie", o.solver = PAL_FLOW_HEUN)
    REFUSED(PAL_IMAGE_DDPM, "no such variance", o.variance = (pal_ddpm_variance)2)
    REFUSED(PAL_IMAGE_DDIM, "eta must", o.eta = -0.1)
    REFUSED(PAL_IMAGE_DDIM, "eta must", o.eta = 1.1)
    REFUSED(PAL_IMAGE_SN_DDPM, "clip-pixel must", o.clip_pixel = -1.0)
    REFUSED(PAL_IMAGE_SN_DDPM, "clip-pixel must", o.clip_pixel = (double)NAN)
    REFUSED(PAL_IMAGE_DDPM, "no such grid", o.grid = (pal_grid)7)
    REFUSED(PAL_IMAGE_DDPM, "needs the times", (o.grid = PAL_GRID_GIVEN, o.steps = 2))
    REFUSED(PAL_IMAGE_DDPM, "the grid is another", (o.times = two_times, o.steps = 2))
    REFUSED(PAL_IMAGE_DDPM, "both", o.known = picture_1)
    REFUSED(PAL_IMAGE_DDPM, "both", o.mask = mask_1)
    REFUSED(PAL_IMAGE_DDPM, "not finite", (o.known = broken_1, o.mask = mask_1))
    REFUSED(PAL_IMAGE_DDPM, "resample must", (o.known = picture_1, o.mask = mask_1, o.resample = 0))
}

static void options_without_use_are_refused(void **state)
{
    (void)state;
    const pal_noise_predictor whole = mixture_predictor(&data, false);
    REFUSED(PAL_IMAGE_DDPM, "iterations is", o.iterations = 2)
    REFUSED(PAL_IMAGE_DDPM, "langevin step is", o.langevin_step = 0.1)
    REFUSED(PAL_IMAGE_DDPM, "correctors is", o.correctors = 2)
    REFUSED(PAL_IMAGE_DDPM, "snr is", o.snr = 0.1)
    REFUSED(PAL_IMAGE_DDPM, "solver is", o.solver = PAL_FLOW_HEUN)
    REFUSED(PAL_IMAGE_DDPM, "tolerance is", o.tolerance = 1e-3)
    REFUSED(PAL_IMAGE_DDPM, "process is", o.process = PAL_PROCESS_VE)
    REFUSED(PAL_IMAGE_DDPM, "sigma-max and sigma-min are", o.sigma_max = 10.0)
    REFUSED(PAL_IMAGE_REVERSE_SDE, "sigma-max and sigma-min are", o.sigma_min = 0.1)
    REFUSED(PAL_IMAGE_DDPM, "eta is", o.eta = 0.5)
    REFUSED(PAL_IMAGE_DDIM, "variance is", o.variance = PAL_VARIANCE_LARGE)
    REFUSED(PAL_IMAGE_DPM_SOLVER, "clip-pixel is", o.clip_pixel = 2.0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "grid of times has no use", o.grid = PAL_GRID_QUADRATIC)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "grid of times has no use", o.grid = PAL_GRID_QUADRATIC)
    REFUSED(PAL_IMAGE_REVERSE_SDE, "grid of times has no use",
            (o.process = PAL_PROCESS_VE, o.grid = PAL_GRID_QUADRATIC))
    REFUSED(PAL_IMAGE_DDPM, "resample has no use", o.resample = 2)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "resamples by iterations",
            (o.known = picture_1, o.mask = mask_1, o.resample = 2))
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "resamples by correctors",
            (o.known = picture_1, o.mask = mask_1, o.resample = 2))
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "take ddpm", (o.known = picture_1, o.mask = mask_1))
    REFUSED(PAL_IMAGE_DPM_SOLVER, "take ddpm", (o.known = picture_1, o.mask = mask_1))
}

static void a_model_without_what_a_sampler_needs_is_refused_by_name(void **state)
{
    (void)state;
    pal_noise_predictor bare = mixture_predictor(&data, false);
    bare.has_second_moment = bare.has_residual = false;
    bare.gammas = 0;
    for (int i = 0; i < PAL_IMAGE_SAMPLERS; i++) {
        const pal_image_options o = pal_image_defaults((pal_image_sampler)i);
        const char *name = pal_image_sampler_name(o.sampler);
        if (strncmp(name, "sn", 2) == 0) {
            refused(&o, &bare, "second-moment");
        } else if (strncmp(name, "npr", 3) == 0) {
            refused(&o, &bare, "squared-residual");
        } else if (strncmp(name, "analytic", 8) == 0) {
            refused(&o, &bare, "Gamma");
        } else {
            assert_int_equal(pal_image_check(&o, &bare, &discrete, NULL), PAL_OK);
        }
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
        cmocka_unit_test(a_step_is_one_evaluation_and_can_be_looked_at),
        cmocka_unit_test(pictures_do_not_depend_on_their_batch),
        cmocka_unit_test(pictures_have_the_same_bits_on_every_target),
        cmocka_unit_test(samplers_start_from_the_same_noise),
        cmocka_unit_test(known_parts_are_kept_and_the_rest_agrees_with_them),
        cmocka_unit_test(known_parts_have_the_noise_of_their_level),
        cmocka_unit_test(resampling_brings_the_rest_closer_to_the_known),
        cmocka_unit_test(an_empty_mask_changes_nothing_and_a_full_one_everything),
        cmocka_unit_test(guidance_combines_two_predictions),
        cmocka_unit_test(guidance_out_of_range_is_refused),
        cmocka_unit_test(names_find_their_samplers),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(options_without_use_are_refused),
        cmocka_unit_test(a_model_without_what_a_sampler_needs_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
