/* test_image_bound.c - variational bounds of the likelihoods of pictures.
 *
 * Ports reference check C17. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "likelihood_testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* For the rows in repeated[]. */
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

/* For Gaussian data the reverse steps are Gaussian: with the optimal variance the chain is the exact reverse, and the
 * mean of the bound over the noise is -log p itself, for every x and any number of steps. */
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
            /* 1e-3: the data end as N(0.2 * 0.006, 1 - 4e-5), but the bound assumes N(0, 1); and heads are floats */
            if (!(fabs(e.mean - right) < 4.0 * e.error + 1e-3 && e.error < 0.03))
                fail_msg("%s: %.4f +- %.4f, not %.4f", pal_image_sampler_name(o.sampler), e.mean, e.error, right);
        }
        const pal_image_options small = bound_options(PAL_IMAGE_DDPM, 15);
        const estimate loose = bound_of(&m, &small, 0);
        assert_true(loose.mean > right + 0.2);
    }
}

/* The mean over the data is never below the entropy, decreases with the number of steps, and has the order of the
 * variances. */
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
        /* the three use the same noise, so their order has a smaller error than each value */
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
    /* The last normal distribution is about as wide as a bin: the noise is the same, and the bin averages over it. */
    assert_true(fabs(bin.mean - (density.mean - log(2.0 / 255.0))) < 0.1);
    assert_true(bin.error < 0.03);
}

/* With one step the bound is a prior term and one normal distribution: its 256 probabilities sum to 1. */
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
                {PAL_IMAGE_DPM_SOLVER, "only the ddpm"},
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
        cmocka_unit_test(bound_is_tight_for_gaussian_data_with_optimal_variances),
        cmocka_unit_test(bound_of_a_mixture_stays_above_its_entropy_and_falls),
        cmocka_unit_test(bound_with_bins_is_the_density_times_their_width),
        cmocka_unit_test(probabilities_of_all_bins_sum_to_1),
        cmocka_unit_test(bound_depends_on_picture_and_draw_alone),
        cmocka_unit_test(bounds_that_do_not_exist_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
