/* test_image_likelihood.c - likelihoods of pictures by the probability flow, and variational bounds.
 *
 * C17 is the reference check that is ported here. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/guidance.h"
#include "image/likelihood.h"
#include "image/transition.h"
#include "mixture.h"

static unsigned char block[1 << 14];
static pal_schedule discrete, continuous;

static int set_up(void **state)
{
    (void)state;
    pal_arena arena = pal_arena_in(block);
    if (pal_schedule_layout(&discrete, 1000, &arena, NULL) || pal_schedule_linear(&discrete, 1e-4, 0.02, NULL))
        return 1;
    return pal_schedule_vp(&continuous, 0.1, 20.0, 1e-3, NULL) ? 1 : 0;
}

/* ---- the probability flow --------------------------------------------------------------------------- */

typedef struct {
    pal_flow f;
    void *memory;
} flow_run;

static void flow_start(flow_run *r, mixture *m, const pal_flow_options *o, bool products, uint32_t first,
                       const float *x, int32_t count)
{
    pal_arena arena = {0};
    *r = (flow_run){.f = {.predictor = mixture_predictor(m, products),
                          .schedule = m->schedule,
                          .options = *o,
                          .first = first,
                          .count = count}};
    assert_int_equal(pal_flow_check(o, &r->f.predictor, NULL), PAL_OK);
    pal_flow_layout(&r->f, &arena);
    r->memory = malloc(arena.used + PAL_ARENA_SLACK);
    if (!r->memory) abort();
    memset(r->memory, 0xa5, arena.used + PAL_ARENA_SLACK);
    arena = pal_arena_in(r->memory);
    pal_flow_layout(&r->f, &arena);
    memcpy(r->f.x, x, (size_t)count * (size_t)m->size * sizeof *x);
    pal_flow_begin(&r->f);
}

static void flow_finish(flow_run *r)
{
    while (pal_flow_step(&r->f) == PAL_MORE) continue;
}

/* The true law at t = 1. */
static double true_end(void *context, const float *x, int32_t size)
{
    const mixture *m = context;
    const pal_level end = pal_level_at(m->schedule, 1.0);
    double at[MIXTURE_SIZE];
    for (int32_t i = 0; i < size; i++) at[i] = (double)x[i];
    return mixture_density(m, &end, at);
}

/* The log density of x with the noise of the cut. */
static double closed_form(const mixture *m, const float *x)
{
    const pal_level cut = pal_level_at(m->schedule, m->schedule->least);
    double at[MIXTURE_SIZE];
    for (int32_t i = 0; i < m->size; i++) at[i] = (double)x[i];
    return mixture_density(m, &cut, at);
}

static const float points[] = {-2.3f, -2.0f, -1.0f, 0.0f, 0.7f, 1.1f, 2.0f};
enum { POINTS = sizeof points / sizeof *points };

static void flow_density_is_the_closed_form(void **state)
{
    (void)state;
    const pal_schedule *schedules[] = {&continuous, &discrete};
    for (int i = 0; i < 2; i++) {
        mixture m = mixture_reference(schedules[i]);
        pal_flow_options o = pal_flow_defaults();
        flow_run with_true_end, with_normal_end;
        o.probes = 0;
        o.tolerance = 2e-6;
        flow_start(&with_true_end, &m, &o, true, 0, points, POINTS);
        with_true_end.f.end = true_end;
        with_true_end.f.end_context = &m;
        flow_finish(&with_true_end);
        flow_start(&with_normal_end, &m, &o, true, 0, points, POINTS);
        flow_finish(&with_normal_end);
        double worst = 0.0, off = 0.0;
        for (int k = 0; k < POINTS; k++) {
            double right = closed_form(&m, &points[k]);
            worst = fmax(worst, fabs(with_true_end.f.log_density[k] - right));
            off = fmax(off, fabs(with_normal_end.f.log_density[k] - right));
        }
        if (!(worst < 1e-4 && off < 3e-3)) fail_msg("%d: %.2e, with a normal end %.2e", i, worst, off);
        assert_true(off > worst); /* the end of the schedule is not quite a normal law, and that is seen */
        free(with_true_end.memory);
        free(with_normal_end.memory);
    }
}

/* The cut at 1e-3 is a noise of 0.01: between the modes it moves the log density by 0.02, elsewhere by less; an earlier
 * cut by a tenth. */
static void flow_density_nears_that_of_the_data_as_the_cut_goes_to_0(void **state)
{
    (void)state;
    const double cuts[] = {1e-2, 1e-3, 1e-4}, most[] = {0.5, 0.03, 3e-3};
    const pal_level clean = {.alpha = 1.0};
    for (int i = 0; i < 3; i++) {
        pal_schedule s;
        assert_int_equal(pal_schedule_vp(&s, 0.1, 20.0, cuts[i], NULL), PAL_OK);
        mixture m = mixture_reference(&s);
        pal_flow_options o = pal_flow_defaults();
        flow_run r;
        o.probes = 0;
        flow_start(&r, &m, &o, true, 0, points, POINTS);
        r.f.end = true_end;
        r.f.end_context = &m;
        flow_finish(&r);
        for (int k = 0; k < POINTS; k++) {
            double x = (double)points[k], off = fabs(r.f.log_density[k] - mixture_density(&m, &clean, &x));
            if (!(off < most[i])) fail_msg("cut %g at %g: %g", cuts[i], x, off);
        }
        free(r.memory);
    }
}

enum { SIZE = 8, ROWS = 6 };

/* Rows around the two modes of eight elements, and one between. */
static void rows_of_two_modes(float *x)
{
    pal_normals(3, PAL_NOISE_START, 0, 0, ROWS * SIZE, x);
    for (int row = 0; row < ROWS; row++)
        for (int i = 0; i < SIZE; i++) {
            double mean = row == ROWS - 1 ? 0.05 : row % 2 ? 0.4 : -0.4;
            x[row * SIZE + i] = (float)(mean + 0.3 * (double)x[row * SIZE + i]);
        }
}

static void differences_agree_with_products_within_their_stated_error(void **state)
{
    (void)state;
    mixture m = mixture_two(&continuous, SIZE, 0.3, 0.4, 0.3);
    float x[ROWS * SIZE];
    rows_of_two_modes(x);
    for (int probes = 0; probes <= 2; probes++) {
        pal_flow_options o = pal_flow_defaults();
        flow_run by_product, by_difference;
        o.probes = probes;
        flow_start(&by_product, &m, &o, true, 0, x, ROWS);
        flow_start(&by_difference, &m, &o, false, 0, x, ROWS);
        by_product.f.end = by_difference.f.end = true_end;
        by_product.f.end_context = by_difference.f.end_context = &m;
        flow_finish(&by_product);
        flow_finish(&by_difference);
        assert_true(by_difference.f.evaluations > by_product.f.evaluations);
        for (int row = 0; row < ROWS; row++) {
            double gap = fabs(by_product.f.log_density[row] - by_difference.f.log_density[row]);
            if (!(gap < 5e-4)) fail_msg("probes %d row %d: %.2e", probes, row, gap); /* 1.6e-4 */
            if (!probes) assert_true(fabs(by_product.f.log_density[row] - closed_form(&m, x + row * SIZE)) < 1e-3);
        }
        free(by_product.memory);
        free(by_difference.memory);
    }
}

/* A hard case: 64 elements, halfway between two sharp modes, where the score turns within a thirtieth of the way. */
static void differences_between_sharp_modes_stay_small_and_fall_with_their_square(void **state)
{
    (void)state;
    mixture m = mixture_two(&continuous, 64, 0.3, 0.4, 0.3);
    float x[64];
    double exact = 0.0, before = 0.0;
    pal_normals(3, PAL_NOISE_START, 0, 0, 64, x);
    for (int i = 0; i < 64; i++) x[i] = 0.05f + 0.3f * x[i];
    for (int run = 0; run < 3; run++) {
        pal_flow_options o = pal_flow_defaults();
        flow_run r;
        o.difference = run == 1 ? 0.08 : 0.02;
        flow_start(&r, &m, &o, run == 0, 0, x, 1);
        flow_finish(&r);
        double gap = fabs(r.f.log_density[0] - exact);
        if (run == 0) exact = r.f.log_density[0];
        if (run == 1) before = gap;
        if (run == 2 && !(gap < 0.05 && gap < before / 8.0)) fail_msg("%.2e after %.2e", gap, before);
        free(r.memory);
    }
}

static void hutchinson_is_right_on_average(void **state)
{
    (void)state;
    enum { DRAWS = 400 };
    static float same[DRAWS * SIZE];
    float x[ROWS * SIZE];
    mixture m = mixture_two(&continuous, SIZE, 0.3, 0.4, 0.3);
    rows_of_two_modes(x);
    for (int i = 0; i < DRAWS; i++) memcpy(same + i * SIZE, x + (ROWS - 1) * SIZE, SIZE * sizeof *x);
    pal_flow_options o = pal_flow_defaults();
    flow_run exact, estimated;
    double before = INFINITY;
    o.tolerance = 1e-4;
    o.probes = 0;
    flow_start(&exact, &m, &o, true, 0, same, 1);
    flow_finish(&exact);
    for (o.probes = 1; o.probes <= 2; o.probes++) {
        double mean = 0.0, squares = 0.0;
        flow_start(&estimated, &m, &o, true, 0, same, DRAWS);
        flow_finish(&estimated);
        for (int i = 0; i < DRAWS; i++) {
            double off = estimated.f.log_density[i] - exact.f.log_density[0];
            mean += off / DRAWS;
            squares += off * off / DRAWS;
        }
        assert_true(squares > 1e-4); /* between two modes the directions do differ */
        assert_true(fabs(mean) < 4.0 * sqrt(squares / DRAWS) + 2e-3);
        assert_true(squares < 0.75 * before); /* half, give or take what 400 draws tell */
        before = squares;
        free(estimated.memory);
    }
    free(exact.memory);
}

static void flow_takes_one_evaluation_a_step_and_no_notice_of_its_batch(void **state)
{
    (void)state;
    float x[ROWS * SIZE];
    rows_of_two_modes(x);
    for (int products = 0; products < 2; products++) {
        mixture m = mixture_two(&continuous, SIZE, 0.3, 0.4, 0.3);
        const pal_flow_options o = pal_flow_defaults();
        flow_run whole, low, high;
        flow_start(&whole, &m, &o, products, 7, x, ROWS);
        for (int32_t n = 1; pal_flow_step(&whole.f) == PAL_MORE; n++) assert_int_equal(m.evaluations, n);
        flow_start(&low, &m, &o, products, 7, x, 2);
        flow_finish(&low);
        flow_start(&high, &m, &o, products, 9, x + 2 * SIZE, ROWS - 2);
        flow_finish(&high);
        assert_memory_equal(whole.f.log_density, low.f.log_density, 2 * sizeof(double));
        assert_memory_equal(whole.f.log_density + 2, high.f.log_density, (ROWS - 2) * sizeof(double));
        int32_t before = m.evaluations;
        assert_int_equal(pal_flow_step(&whole.f), PAL_OK);
        assert_int_equal(m.evaluations, before);
        free(whole.memory);
        free(low.memory);
        free(high.memory);
    }
}

static void bits_per_dimension_count_256_values_in_the_range(void **state)
{
    (void)state;
    /* uniform on [-1, 1): a density of 2^-size, 8 bits a byte */
    assert_true(fabs(pal_bits_per_dimension(-784 * log(2.0), 784) - 8.0) < 1e-12);
}

static void flow_options_out_of_range_are_refused(void **state)
{
    (void)state;
    mixture m = mixture_two(&continuous, SIZE, 0.3, 0.4, 0.3);
    pal_noise_predictor p = mixture_predictor(&m, false);
    const pal_flow_options good = pal_flow_defaults();
    pal_flow_options bad[] = {good, good, good, good, good, good};
    bad[0].tolerance = 0.0;
    bad[1].tolerance = (double)NAN;
    bad[2].probes = -1;
    bad[3].probes = 10001;
    bad[4].difference = 0.0;
    bad[5].difference = 2.0;
    assert_int_equal(pal_flow_check(&good, &p, NULL), PAL_OK);
    for (int i = 0; i < 6; i++) assert_int_equal(pal_flow_check(&bad[i], &p, NULL), PAL_E_OPTION);
    pal_guidance g = {.with = p, .without = p, .scale = 1.0};
    p = pal_guidance_predictor(&g);
    assert_int_equal(pal_flow_check(&good, &p, NULL), PAL_OK); /* scale 1 is the labelled network itself */
    g.scale = 2.0;
    p = pal_guidance_predictor(&g);
    pal_error err;
    assert_int_equal(pal_flow_check(&good, &p, &err), PAL_E_OPTION);
    assert_non_null(strstr(err.text, "guided"));
}

/* ---- the variational bound -------------------------------------------------------------------------- */

typedef struct {
    pal_bound b;
    void *memory;
} bound_run;

static void bound_start(bound_run *r, mixture *m, const pal_image_options *o, int32_t bins, uint32_t first,
                        const float *x, int32_t count)
{
    pal_arena arena = {0};
    pal_error err = {PAL_OK, "", 0};
    *r = (bound_run){.b = {.predictor = mixture_predictor(m, false),
                           .schedule = m->schedule,
                           .options = *o,
                           .bins = bins,
                           .first = first,
                           .count = count}};
    if (pal_bound_check(&r->b, &err)) fail_msg("%s", err.text);
    pal_bound_layout(&r->b, &arena);
    r->memory = malloc(arena.used + PAL_ARENA_SLACK);
    if (!r->memory) abort();
    memset(r->memory, 0xa5, arena.used + PAL_ARENA_SLACK);
    arena = pal_arena_in(r->memory);
    pal_bound_layout(&r->b, &arena);
    memcpy(r->b.x, x, (size_t)count * (size_t)m->size * sizeof *x);
    pal_bound_begin(&r->b);
}

typedef struct {
    double mean, error;
} estimate;

enum { DRAWS = 4000 };
static float repeated[DRAWS];

/* Of the rows that repeated[] holds. */
static estimate bound_of(mixture *m, const pal_image_options *o, int32_t bins)
{
    bound_run r;
    estimate e = {0.0, 0.0};
    double squares = 0.0;
    bound_start(&r, m, o, bins, 0, repeated, DRAWS);
    while (pal_bound_step(&r.b) == PAL_MORE) continue;
    assert_int_equal(r.b.evaluations, o->steps);
    for (int32_t i = 0; i < DRAWS; i++) {
        e.mean += r.b.nats[i] / DRAWS;
        squares += r.b.nats[i] * r.b.nats[i] / DRAWS;
    }
    e.error = sqrt((squares - e.mean * e.mean) / DRAWS);
    free(r.memory);
    return e;
}

static pal_image_options bound_options(pal_image_sampler sampler, int32_t steps)
{
    pal_image_options o = pal_image_defaults(sampler);
    o.steps = steps;
    o.clip_x0 = false;
    return o;
}

/* For Gaussian data the reverse steps are Gaussian: with the optimal variance the chain is the true one reversed, and
 * the bound is -log p itself, in the mean over the noise, for every x and any number of steps. */
static void bound_is_tight_for_gaussian_data_with_optimal_variances(void **state)
{
    (void)state;
    const pal_image_sampler optimal[] = {PAL_IMAGE_SN_DDPM, PAL_IMAGE_NPR_DDPM, PAL_IMAGE_ANALYTIC_DDPM};
    const float x[] = {0.2f, 0.75f, -0.1f};
    mixture m = mixture_gaussian(&discrete, 1, 0.2, 0.3);
    const pal_level clean = {.alpha = 1.0};
    mixture_measure_gamma(&m);
    for (int k = 0; k < 3; k++) {
        double at = (double)x[k], right = -mixture_density(&m, &clean, &at);
        for (int i = 0; i < DRAWS; i++) repeated[i] = x[k];
        for (int i = 0; i < 3; i++) {
            const pal_image_options o = bound_options(optimal[i], 15);
            const estimate e = bound_of(&m, &o, 0);
            /* 1e-3: the data end as N(0.2 * 0.006, 1 - 4e-5), the bound says N(0, 1); and heads are floats */
            if (!(fabs(e.mean - right) < 4.0 * e.error + 1e-3 && e.error < 0.03))
                fail_msg("%s: %.4f +- %.4f, not %.4f", pal_image_sampler_name(o.sampler), e.mean, e.error, right);
        }
        const pal_image_options small = bound_options(PAL_IMAGE_DDPM, 15);
        const estimate loose = bound_of(&m, &small, 0);
        assert_true(loose.mean > right + 0.2);
    }
}

/* Over the data: never below the entropy, falling with the number of steps, and in the order of the variances. */
static void bound_of_a_mixture_stays_above_its_entropy_and_falls(void **state)
{
    (void)state;
    mixture m = mixture_reference(&discrete);
    const pal_level clean = {.alpha = 1.0};
    double entropy = 0.0, squares = 0.0;
    mixture_measure_gamma(&m);
    pal_normals(5, PAL_NOISE_START, 0, 0, DRAWS, repeated);
    for (int32_t i = 0; i < DRAWS; i++) {
        int32_t component;
        double x = mixture_draw(&m, (i % 10 + 0.5) / 10, (double)repeated[i], 0, &component);
        repeated[i] = (float)x;
        double nats = -mixture_density(&m, &clean, &x);
        entropy += nats / DRAWS;
        squares += nats * nats / DRAWS;
    }
    double chance = sqrt((squares - entropy * entropy) / DRAWS), first = 0.0, last = 0.0;
    for (int32_t steps = 4; steps <= 64; steps *= 4) {
        const pal_image_options sn = bound_options(PAL_IMAGE_SN_DDPM, steps);
        const pal_image_options analytic = bound_options(PAL_IMAGE_ANALYTIC_DDPM, steps);
        const pal_image_options small = bound_options(PAL_IMAGE_DDPM, steps);
        const estimate a = bound_of(&m, &sn, 0), b = bound_of(&m, &analytic, 0), c = bound_of(&m, &small, 0);
        /* the three see the same noise, so that their order is surer than each of them */
        if (!(a.mean < b.mean && b.mean < c.mean && a.mean > entropy - 4.0 * (a.error + chance)))
            fail_msg("%d steps: %.3f %.3f %.3f, entropy %.3f", (int)steps, a.mean, b.mean, c.mean, entropy);
        first = steps == 4 ? a.mean : first;
        last = a.mean;
    }
    assert_true(last < first - 0.15 && last < entropy + 0.1); /* four errors of 0.022 */
}

static void bound_with_bins_is_the_density_times_their_width(void **state)
{
    (void)state;
    mixture m = mixture_gaussian(&discrete, 1, 0.2, 0.3);
    const pal_image_options o = bound_options(PAL_IMAGE_SN_DDPM, 15);
    for (int i = 0; i < DRAWS; i++) repeated[i] = (float)(150 / 127.5 - 1.0);
    const estimate density = bound_of(&m, &o, 0), bin = bound_of(&m, &o, 256);
    /* The last normal law is about as wide as a bin: the same noise, and the bin averages over it. */
    assert_true(fabs(bin.mean - (density.mean - log(2.0 / 255.0))) < 0.1);
    assert_true(bin.error < 0.03);
}

/* With one step the bound is a prior term and one normal law: its 256 probabilities sum to 1. */
static void probabilities_of_all_bins_sum_to_1(void **state)
{
    (void)state;
    mixture m = mixture_gaussian(&discrete, 1, 0.2, 0.3);
    const pal_level end = pal_level_at(&discrete, 1.0);
    const double times[] = {1.0};
    pal_image_options o = bound_options(PAL_IMAGE_SN_DDPM, 1);
    float bytes[256];
    bound_run r;
    double sum = 0.0;
    o.grid = PAL_GRID_GIVEN;
    o.times = times;
    for (int i = 0; i < 256; i++) bytes[i] = (float)(i / 127.5 - 1.0);
    bound_start(&r, &m, &o, 256, 0, bytes, 256);
    while (pal_bound_step(&r.b) == PAL_MORE) continue;
    for (int i = 0; i < 256; i++) {
        double x = (double)bytes[i], prior = 0.5 * (end.alpha * x * x + end.beta - 1.0 - log(end.beta));
        sum += exp(prior - r.b.nats[i]);
    }
    /* The prediction depends on the noise by 0.6 % of the spread, which differs from byte to byte. */
    assert_true(fabs(sum - 1.0) < 0.01);
    free(r.memory);
}

static void bound_depends_on_picture_and_draw_alone(void **state)
{
    (void)state;
    mixture m = mixture_two(&discrete, SIZE, 0.3, 0.4, 0.3);
    const pal_image_options o = bound_options(PAL_IMAGE_SN_DDPM, 10);
    float x[ROWS * SIZE];
    bound_run whole, part, other;
    rows_of_two_modes(x);
    bound_start(&whole, &m, &o, 256, 5, x, ROWS);
    for (int32_t n = 1; pal_bound_step(&whole.b) == PAL_MORE; n++) assert_int_equal(m.evaluations, n);
    bound_start(&part, &m, &o, 256, 7, x + 2 * SIZE, ROWS - 2);
    while (pal_bound_step(&part.b) == PAL_MORE) continue;
    assert_memory_equal(whole.b.nats + 2, part.b.nats, (ROWS - 2) * sizeof(double));
    bound_start(&other, &m, &o, 256, 5, x, ROWS);
    other.b.draw = 1;
    while (pal_bound_step(&other.b) == PAL_MORE) continue;
    for (int i = 0; i < ROWS; i++) assert_true(fabs(other.b.nats[i] - whole.b.nats[i]) > 1e-6);
    free(whole.memory);
    free(part.memory);
    free(other.memory);
}

static void bounds_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    mixture m = mixture_two(&discrete, SIZE, 0.3, 0.4, 0.3);
    pal_bound b = {.predictor = mixture_predictor(&m, false), .schedule = &discrete, .bins = 256};
    pal_error err;
    const struct {
        pal_image_sampler sampler;
        const char *word;
    } none[] = {{PAL_IMAGE_DDIM, "eta 0"},
                {PAL_IMAGE_SN_DDIM, "eta 0"},
                {PAL_IMAGE_DPM_SOLVER, "only ddpm"},
                {PAL_IMAGE_ANALYTIC_DDPM, "Gamma"}};
    for (int i = 0; i < 4; i++) {
        b.options = pal_image_defaults(none[i].sampler);
        assert_int_equal(pal_bound_check(&b, &err), PAL_E_OPTION);
        assert_non_null(strstr(err.text, none[i].word));
    }
    b.options = pal_image_defaults(PAL_IMAGE_DDIM);
    b.options.eta = 0.5;
    assert_int_equal(pal_bound_check(&b, &err), PAL_OK);
    b.bins = 7;
    assert_int_equal(pal_bound_check(&b, &err), PAL_E_OPTION);
    b.bins = 0;
    b.predictor.guided = true;
    assert_int_equal(pal_bound_check(&b, &err), PAL_E_OPTION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow_density_is_the_closed_form),
        cmocka_unit_test(flow_density_nears_that_of_the_data_as_the_cut_goes_to_0),
        cmocka_unit_test(differences_agree_with_products_within_their_stated_error),
        cmocka_unit_test(differences_between_sharp_modes_stay_small_and_fall_with_their_square),
        cmocka_unit_test(hutchinson_is_right_on_average),
        cmocka_unit_test(flow_takes_one_evaluation_a_step_and_no_notice_of_its_batch),
        cmocka_unit_test(bits_per_dimension_count_256_values_in_the_range),
        cmocka_unit_test(flow_options_out_of_range_are_refused),
        cmocka_unit_test(bound_is_tight_for_gaussian_data_with_optimal_variances),
        cmocka_unit_test(bound_of_a_mixture_stays_above_its_entropy_and_falls),
        cmocka_unit_test(bound_with_bins_is_the_density_times_their_width),
        cmocka_unit_test(probabilities_of_all_bins_sum_to_1),
        cmocka_unit_test(bound_depends_on_picture_and_draw_alone),
        cmocka_unit_test(bounds_that_do_not_exist_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
