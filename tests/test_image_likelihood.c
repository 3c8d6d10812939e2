/* test_image_likelihood.c - likelihoods of pictures by the probability flow.
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

/* The true distribution at t = 1. */
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
    const pal_level cut = pal_level_at(m->schedule, m->schedule->min_time);
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
        assert_true(off > worst); /* the end of the schedule is measurably not normal */
        free(with_true_end.memory);
        free(with_normal_end.memory);
    }
}

/* The cut at 1e-3 is a noise of 0.01.  It changes the log density between the modes by 0.02, elsewhere by less; an
 * earlier cut changes it by a tenth of that. */
static void flow_density_nears_that_of_the_data_as_the_cut_goes_to_0(void **state)
{
    (void)state;
    const double cuts[] = {1e-2, 1e-3, 1e-4}, max[] = {0.5, 0.03, 3e-3};
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
            if (!(off < max[i])) fail_msg("cut %g at %g: %g", cuts[i], x, off);
        }
        free(r.memory);
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

/* A hard case: 64 elements, halfway between two sharp modes, where the score changes direction within 1/30 of the
 * distance. */
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
        assert_true(squares > 1e-4); /* between two modes the directions give different results */
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
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
